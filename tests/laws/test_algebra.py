"""What a convolution is: linear, shift invariant, commutative, associative, with a delta that leaves all alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import BOUNDARIES, MODES, SEEDS, cases, shapes, values

METHODS = ("direct", "fft", "auto")
PLAIN = {"dtypes": ("float64", "complex128", "float32"), "weights_dtypes": ("float64", "complex128")}


def room(case, x=None, weights=None):
    """The larger of the direct and the FFT bound."""
    x = case.x if x is None else x
    weights = case.weights if weights is None else weights
    bound = reference.direct_bound(x, weights, case.work, **case.options)
    return np.maximum(bound, reference.fft_bound(x, weights, case.work, **case.options))


def no_fill(options):
    return {k: v for k, v in options.items() if k != "fill_value"}


@given(cases(**PLAIN), SEEDS, st.sampled_from(METHODS))
def test_linear_in_x(case, seed, method):
    options = no_fill(case.options)
    rng = np.random.default_rng(seed)
    y = values(rng, case.x.shape, case.x.dtype)
    a, b = (case.x.dtype.type(v) for v in (1.5, -0.625))
    left = convkit.convolve(a * case.x + b * y, case.weights, method=method, **options)
    parts = [convkit.convolve(v, case.weights, method=method, **options) for v in (case.x, y)]
    bound = 3 * room(case, abs(a * case.x) + abs(b * y)) + 4 * reference.eps(case.work) * (
        reference.magnitude(abs(a * case.x) + abs(b * y), case.weights, **options)
    )
    reference.assert_within(left, a * parts[0] + b * parts[1], bound)


@given(cases(**PLAIN), SEEDS, st.sampled_from(METHODS))
def test_linear_in_the_weights(case, seed, method):
    rng = np.random.default_rng(seed)
    other = values(rng, case.weights.shape, case.weights.dtype)
    whole = (case.weights + other).astype(case.work)
    both = (w.astype(case.work) for w in (case.weights, other))
    parts = [convkit.convolve(case.x, w, method=method, **case.options) for w in both]
    got = convkit.convolve(case.x, whole, method=method, **case.options)
    bound = 4 * room(case, weights=abs(case.weights) + abs(other))
    reference.assert_within(got, parts[0] + parts[1], bound)


@given(cases(**PLAIN, words=("wrap",)), st.integers(-9, 9), st.sampled_from(METHODS))
def test_shift_around(case, by, method):
    """With 'wrap' a rotation of x rotates the result."""
    options = case.options | {"mode": "same"}
    axis = options.get("axes", 0)
    axis = axis if isinstance(axis, int) else axis[0]
    turned = convkit.convolve(np.roll(case.x, by, axis), case.weights, method=method, **options)
    got = np.roll(convkit.convolve(case.x, case.weights, method=method, **options), by, axis)
    bound = reference.direct_bound(case.x, case.weights, case.work, **options)
    bound = np.maximum(bound, reference.fft_bound(case.x, case.weights, case.work, **options))
    reference.assert_within(turned, got, 2 * np.roll(bound, by, axis))


@given(SEEDS, st.integers(0, 6), st.sampled_from((1, 2, 3)), st.sampled_from(METHODS))
def test_shift_along(seed, by, dim, method):
    """With 'full' and zeros beyond the edges, samples that come later give a result that comes later."""
    rng = np.random.default_rng(seed)
    n, k = (6, 5, 4)[:dim], (3, 2, 4)[:dim]
    x, weights = rng.standard_normal(n), rng.standard_normal(k)
    later = np.pad(x, [(by, 0)] + [(0, 0)] * (dim - 1))
    got = convkit.convolve(later, weights, mode="full", method=method)
    want = convkit.convolve(x, weights, mode="full", method=method)
    np.testing.assert_allclose(got[by:], want, rtol=0, atol=1e-13)
    np.testing.assert_allclose(got[:by], 0, atol=1e-13)


@given(cases(batch=False), st.sampled_from(("direct", "auto")))
def test_a_delta_moves_x_exactly(case, method):
    dtype = np.float32 if case.weights.dtype.kind == "c" else case.weights.dtype
    weights = np.zeros(case.weights.shape, dtype)
    at = tuple((k - 1) // 2 for k in weights.shape)
    weights[at] = 1
    got = convkit.convolve(case.x, weights, mode="same", method=method, boundary=case.options["boundary"])
    np.testing.assert_array_equal(got, case.x.astype(reference.result_dtype(case.x.dtype)))


@given(cases(batch=False, dtypes=("float32", "float64", "complex64")), st.sampled_from(("direct", "auto")))
def test_of_a_delta_the_weights_remain_exactly(case, method):
    x = np.zeros(case.x.shape, case.x.dtype)
    at = tuple(n // 2 for n in x.shape)
    x[at] = 1
    got = convkit.convolve(x, case.weights, mode="full", method=method)
    place = tuple(slice(a, a + k) for a, k in zip(at, case.weights.shape, strict=True))
    np.testing.assert_array_equal(got[place], case.weights.astype(case.work))
    got[place] = 0
    assert not np.any(got)


@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(("full", "valid")), st.sampled_from(METHODS))
def test_commutes(data, seed, dim, mode, method):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, mode))
    f, g = rng.standard_normal(n), rng.standard_normal(k) + 1j * rng.standard_normal(k)
    left = convkit.convolve(f, g, mode=mode, method=method)
    right = convkit.convolve(g, f, mode=mode, method=method)
    bound = 2 * np.maximum(reference.direct_bound(f, g, float, mode=mode), reference.fft_bound(f, g, float, mode=mode))
    bound = bound * max(1, f.size / g.size)  # the taps counted are those of the second operand
    reference.assert_within(left, right, bound)


@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(METHODS))
def test_associative(data, seed, dim, method):
    rng = np.random.default_rng(seed)
    f, g, h = (rng.standard_normal(data.draw(shapes(dim, "full"))[i]) for i in (0, 1, 1))
    full = {"mode": "full", "method": method}
    left = convkit.convolve(convkit.convolve(f, g, **full), h, **full)
    right = convkit.convolve(f, convkit.convolve(g, h, **full), **full)
    most = abs(f).max() * abs(g).sum() * abs(h).sum()
    reference.assert_within(left, right, 100 * reference.eps(float) * (g.size + h.size) * most)


@given(cases(**PLAIN), st.sampled_from(METHODS))
def test_correlation_is_convolution_with_the_weights_turned_round(case, method):
    got = convkit.correlate(case.x, case.weights, method=method, **case.options)
    want = convkit.convolve(case.x, reference.flipped(case.weights), method=method, **case.options)
    bound = room(case, weights=reference.flipped(case.weights))
    reference.assert_within(got, want, 2 * bound)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_autocorrelation_peaks_at_lag_zero(dim, rng):
    x = rng.standard_normal((9, 7, 5)[:dim]) + 1j * rng.standard_normal((9, 7, 5)[:dim])
    got = convkit.correlate(x, x, mode="full")
    middle = tuple(n - 1 for n in x.shape)
    np.testing.assert_allclose(got[middle], (abs(x) ** 2).sum(), rtol=1e-12)
    np.testing.assert_allclose(got, np.conj(np.flip(got)), atol=1e-12)
    assert np.argmax(abs(got)) == np.ravel_multi_index(middle, got.shape)


@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(BOUNDARIES), st.sampled_from(METHODS))
def test_same_and_valid_are_parts_of_full(data, seed, dim, boundary, method):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "valid"))
    x, weights = rng.standard_normal(n), rng.standard_normal(k)
    full = convkit.convolve(x, weights, mode="full", boundary=boundary, method=method)
    zero = convkit.convolve(x, weights, mode="full", method=method)
    bound = (
        2 * reference.fft_bound(x, weights, float)
        + reference.direct_bound(x, weights, float, mode="full", boundary=boundary).max()
    )
    for mode, whole in (("same", full), ("valid", zero)):
        spans = [reference.span(a, b, mode) for a, b in zip(n, k, strict=True)]
        part = whole[tuple(slice(s, s + length) for s, length in spans)]
        got = convkit.convolve(x, weights, mode=mode, boundary=boundary, method=method)
        reference.assert_within(got, part, bound)


@given(SEEDS, st.sampled_from(MODES), st.sampled_from(BOUNDARIES))
def test_complex_is_two_real_ones(seed, mode, boundary):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((9, 8)) + 1j * rng.standard_normal((9, 8))
    weights = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))
    options = {"mode": mode, "boundary": boundary}
    rr, ri, ir, ii = (convkit.convolve(a, b, **options) for a in (x.real, x.imag) for b in (weights.real, weights.imag))
    np.testing.assert_allclose(convkit.convolve(x, weights, **options), rr - ii + 1j * (ri + ir), atol=1e-12)
