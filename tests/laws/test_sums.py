"""Sums and sizes: sum(f * g) = sum(f) sum(g), and Young's inequality."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import SEEDS, shapes, values

DIMS = st.sampled_from((1, 2, 3))
METHODS = st.sampled_from(("direct", "fft", "auto"))
ROOM = 100 * reference.eps(float)


@given(st.data(), SEEDS, DIMS, METHODS, st.sampled_from(("float64", "complex128")))
def test_the_sum_of_the_convolution_is_the_product_of_the_sums(data, seed, dim, method, kind):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "full"))
    f, g = values(rng, n, kind), values(rng, k, kind)
    got = convkit.convolve(f, g, mode="full", method=method).sum()
    assert abs(got - f.sum() * g.sum()) <= ROOM * g.size * abs(f).sum() * abs(g).sum()


@given(st.data(), SEEDS, DIMS)
def test_of_integers_exactly(data, seed, dim):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "full"))
    f, g = rng.integers(-9, 10, n), rng.integers(-9, 10, k)
    assert convkit.convolve(f, g, mode="full").sum() == int(f.sum()) * int(g.sum())


@given(st.data(), SEEDS, DIMS, METHODS, st.sampled_from(("float64", "complex128")))
def test_young(data, seed, dim, method, kind):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "full"))
    f, g = values(rng, n, kind), values(rng, k, kind)
    left = abs(convkit.convolve(f, g, mode="full", method=method)).sum()
    right = abs(f).sum() * abs(g).sum()
    assert left <= right * (1 + ROOM * g.size)


@given(st.data(), SEEDS, DIMS, METHODS)
def test_young_is_an_equality_where_nothing_is_negative(data, seed, dim, method):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "full"))
    f, g = rng.random(n), rng.random(k)
    left = abs(convkit.convolve(f, g, mode="full", method=method)).sum()
    right = abs(f).sum() * abs(g).sum()
    assert abs(left - right) <= right * ROOM * g.size


def test_young_is_strict_where_signs_cancel():
    left = abs(convkit.convolve([1.0, -1.0], [1.0, 1.0], mode="full")).sum()
    assert left == 2 < 4


@given(st.data(), SEEDS, DIMS, METHODS, st.sampled_from((1.0, 1.5, 2.0, 3.0)))
def test_young_for_other_norms(data, seed, dim, method, p):
    """``|f * g|_r <= |f|_p |g|_q`` with 1/p + 1/q = 1 + 1/r; here q = 1, so that r = p."""
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "full"))
    f, g = rng.standard_normal(n), rng.standard_normal(k)
    left = (abs(convkit.convolve(f, g, mode="full", method=method)) ** p).sum() ** (1 / p)
    assert left <= (abs(f) ** p).sum() ** (1 / p) * abs(g).sum() * (1 + ROOM * g.size)


@given(SEEDS, DIMS, METHODS, st.sampled_from(("wrap", "symmetric")))
def test_the_sum_is_kept_where_every_sample_is_met_equally_often(seed, dim, method, boundary):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((7, 6, 5)[:dim])
    taps = rng.random(3)
    weights = reference.dense([taps + taps[::-1]] * dim)
    got = convkit.convolve(x, weights, boundary=boundary, method=method).sum()
    assert abs(got - x.sum() * weights.sum()) <= ROOM * weights.size * abs(x).sum() * weights.sum()
