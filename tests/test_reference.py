"""The oracle itself against its definition in plain Python, and against numpy and scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import reference
from tests.strategies import BOUNDARIES, MODES, SEEDS, cases, shapes


def pointwise(x, weights, mode, boundary):
    """The definition, one output sample and one tap at a time."""
    spans = [reference.span(n, k, mode) for n, k in zip(x.shape, weights.shape, strict=True)]
    out = np.zeros([length for _, length in spans])
    for p in np.ndindex(out.shape):
        for t in np.ndindex(weights.shape):
            at = [
                reference.source(start + i - tap, n, boundary)
                for (start, _), i, tap, n in zip(spans, p, t, x.shape, strict=True)
            ]
            if None not in at:
                out[p] += weights[t] * x[tuple(at)]
    return out


@settings(max_examples=150)
@given(cases(dtypes=("float64",), weights_dtypes=("float64",), words=("zero", "edge", "symmetric", "wrap", "reflect"),
             batch=False))  # fmt: skip
def test_one_sum_at_a_time(case):
    mode = case.options["mode"]
    boundary = case.options["boundary"] if mode != "valid" else "zero"
    if not isinstance(boundary, str):
        boundary = boundary[0]
    want = pointwise(case.x, case.weights, mode, boundary)
    got = reference.convolve(case.x, case.weights, mode=mode, boundary=boundary)
    np.testing.assert_allclose(got.astype(float), want, rtol=1e-12, atol=1e-12)


@given(st.integers(1, 6), st.integers(0, 15), st.integers(0, 15), st.sampled_from(BOUNDARIES))
def test_extension_is_that_of_numpy_pad(n, before, after, boundary):
    x = np.arange(1, n + 1)
    mode = "constant" if boundary == "zero" else boundary
    np.testing.assert_array_equal(reference.extend(x, [(before, after)], boundary), np.pad(x, (before, after), mode=mode))


@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(MODES))
def test_places_are_those_of_scipy_signal(data, seed, dim, mode):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, mode))
    x, weights = (rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in (n, k))
    want = scipy.signal.convolve(x, weights, mode=mode, method="direct")
    np.testing.assert_allclose(reference.convolve(x, weights, mode=mode).astype(complex), want, atol=1e-10)
    want = scipy.signal.correlate(x, weights, mode=mode, method="direct")
    np.testing.assert_allclose(reference.correlate(x, weights, mode=mode).astype(complex), want, atol=1e-10)


@pytest.mark.parametrize(("ours", "theirs"), [("zero", "fill"), ("wrap", "wrap"), ("symmetric", "symm")])
@given(data=st.data(), seed=SEEDS, mode=st.sampled_from(MODES))
def test_extension_is_that_of_convolve2d(ours, theirs, data, seed, mode):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(2, mode))
    x, weights = rng.standard_normal(n), rng.standard_normal(k)
    if mode == "valid" and k > n:
        x, weights = weights, x
    want = scipy.signal.convolve2d(x, weights, mode=mode, boundary=theirs)
    np.testing.assert_allclose(reference.convolve(x, weights, mode=mode, boundary=ours).astype(float), want, atol=1e-10)


NDIMAGE = {"zero": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}


@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(BOUNDARIES))
def test_centre_is_that_of_ndimage_one_later_for_even_sizes(data, seed, dim, boundary):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "same"))
    x, weights = rng.standard_normal(n), rng.standard_normal(k)
    origin = [-1 if side % 2 == 0 else 0 for side in k]
    want = scipy.ndimage.convolve(x, weights, mode=NDIMAGE[boundary], origin=origin)
    np.testing.assert_allclose(reference.convolve(x, weights, boundary=boundary).astype(float), want, atol=1e-10)
    want = scipy.ndimage.correlate(x, weights, mode=NDIMAGE[boundary])
    np.testing.assert_allclose(reference.correlate(x, weights, boundary=boundary).astype(float), want, atol=1e-10)


@given(SEEDS, st.integers(1, 3), st.integers(1, 3))
def test_other_axes_are_a_batch(seed, k0, k1):
    rng = np.random.default_rng(seed)
    x, weights = rng.standard_normal((2, 4, 3, 5)), rng.standard_normal((k0, k1))
    got = reference.convolve(x, weights, mode="full", axes=(3, 1))
    assert got.shape == (2, 4 + k1 - 1, 3, 5 + k0 - 1)
    for i, j in itertools.product(range(2), range(3)):
        want = scipy.signal.convolve2d(x[i, :, j], weights.T)
        np.testing.assert_allclose(got[i, :, j].astype(float), want, atol=1e-12)


def test_fill_value_stands_beyond_every_axis():
    got = reference.extend(np.ones((1, 2)), [(1, 0), (0, 1)], "constant", 7.0)
    np.testing.assert_array_equal(got, [[7, 7, 7], [1, 1, 7]])
    got = reference.extend(np.array([[1, 2]]), [(1, 0), (0, 1)], ("constant", "wrap"), 7)
    np.testing.assert_array_equal(got, [[7, 7, 7], [1, 2, 1]])
