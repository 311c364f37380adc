"""The adjoint: <A x, y> = <x, A* y> for the pairs of calls that are each other's adjoint."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import BOUNDARIES, MODES, SEEDS, shapes, values

DIMS = st.sampled_from((1, 2, 3))
METHODS = st.sampled_from(("direct", "fft", "auto"))
KINDS = st.sampled_from(("float64", "complex128"))


def equal(a, b, x, weights, y):
    """Two inner products of the same sums in another order."""
    most = abs(weights).sum() * np.linalg.norm(x) * np.linalg.norm(y)
    assert abs(a - b) <= 100 * weights.size * reference.eps(float) * most


def inner(a, b):
    return np.vdot(b, a)


@given(st.data(), SEEDS, DIMS, METHODS, KINDS)
def test_full_against_valid_for_every_size(data, seed, dim, method, kind):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "full"))
    x, weights = values(rng, n, kind), values(rng, k, kind)
    forward = convkit.convolve(x, weights, mode="full", method=method)
    y = values(rng, forward.shape, kind)
    back = convkit.correlate(y, weights, mode="valid", method=method)
    assert back.shape == x.shape
    equal(inner(forward, y), inner(x, back), x, weights, y)


@given(st.data(), SEEDS, DIMS, METHODS, KINDS, st.sampled_from(("zero", "wrap")))
def test_same_against_same_for_odd_sizes(data, seed, dim, method, kind, boundary):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "same"))
    k = tuple(side - 1 + side % 2 for side in k)
    x, y, weights = values(rng, n, kind), values(rng, n, kind), values(rng, k, kind)
    forward = convkit.convolve(x, weights, boundary=boundary, method=method)
    back = convkit.correlate(y, weights, boundary=boundary, method=method)
    equal(inner(forward, y), inner(x, back), x, weights, y)


@given(st.data(), SEEDS, DIMS, st.sampled_from(MODES), st.sampled_from(BOUNDARIES), METHODS, KINDS)
def test_elsewhere_the_transpose_of_the_matrix(data, seed, dim, mode, boundary, method, kind):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, mode))
    x, weights = values(rng, n, kind), values(rng, k, kind)
    matrix = convkit.convolution_matrix(weights, n, mode=mode, boundary=boundary)
    forward = convkit.convolve(x, weights, mode=mode, boundary=boundary, method=method)
    assert matrix.shape == (forward.size, x.size)
    bound = reference.direct_bound(x, weights, float, mode=mode, boundary=boundary)
    bound = 2 * np.maximum(bound, reference.fft_bound(x, weights, float))
    reference.assert_within(forward, (matrix @ x.ravel()).reshape(forward.shape), bound)
    y = values(rng, forward.shape, kind)
    back = (matrix.conj().T @ y.ravel()).reshape(n)
    equal(inner(forward, y), inner(x, back), x, weights, y)
    if mode == "full" and boundary == "zero":
        got = convkit.correlate(y, weights, mode="valid", method=method)
        np.testing.assert_allclose(got, back, atol=1e-11)
