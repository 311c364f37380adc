"""NaN and masks: kept local, left out by normalised convolution, or refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import ALIASES, BOUNDARIES, MODES, SEEDS, boundaries, shapes, values

METHODS = ("direct", "auto", "fft")


@st.composite
def holed_calls(draw):
    """A call with invalid samples, whose weights do not sum to zero."""
    dim = draw(st.sampled_from((1, 2, 3)))
    mode = draw(st.sampled_from(MODES))
    n, k = draw(shapes(dim, mode))
    if mode == "valid":
        n, k = (tuple(pick(p) for p in zip(n, k, strict=True)) for pick in (max, min))
    rng = np.random.default_rng(draw(SEEDS))
    dtype = draw(st.sampled_from(("float32", "float64", "complex64", "uint8")))
    weights = rng.random(k) + 0.05
    if draw(st.booleans()):
        weights = weights * np.where(rng.random(k) < 0.2, -0.3, 1)
    valid = rng.random(n) < draw(st.sampled_from((0.1, 0.5, 0.9)))
    return values(rng, n, dtype), weights, valid, {"mode": mode, **draw(boundaries(dim, ALIASES))}


def expected(x, weights, valid, options):
    """The oracle, and how far from it the result may be."""
    work = reference.work_dtype(x.dtype)
    weights = weights.astype(work.type(0).real.dtype)
    want = reference.normalised(x.astype(work), weights, valid, **options)
    below = reference.convolve(valid.astype(float), abs(weights), **(options | {"fill_value": 1.0})).astype(float)
    numbers = np.where(valid, x, 0)
    if options["mode"] == "valid":
        options = {k: v for k, v in options.items() if k != "fill_value"}
    up = reference.direct_bound(numbers, weights, work, **options)
    up = np.maximum(up, reference.fft_bound(numbers, weights, work, **options))
    low = reference.fft_bound(np.ones(x.shape), weights, work)
    total = abs(weights).sum()
    size = np.where(np.isnan(want), 0, np.abs(want)).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = 2 * (up * total + size * (low + reference.eps(work) * below * 4)) / below
    return want, np.where(below > 0, bound, 0)


@settings(max_examples=400)
@given(holed_calls(), st.sampled_from(METHODS))
def test_mask(call, method):
    x, weights, valid, options = call
    if not abs(weights.sum()) > 0.05:
        weights = abs(weights)
    want, bound = expected(x, weights, valid, options)
    got = convkit.convolve(x, weights, mask=valid, method=method, **options)
    assert got.dtype == reference.result_dtype(x.dtype)
    reference.assert_within(got, want, bound, f"{method} of {call}")


@settings(max_examples=400)
@given(holed_calls(), st.sampled_from(METHODS))
def test_omit(call, method):
    x, weights, valid, options = call
    if not abs(weights.sum()) > 0.05:
        weights = abs(weights)
    if x.dtype.kind in "iu":
        x = x.astype(np.float32)
    x[~valid] = np.nan
    want, bound = expected(x, weights, valid, options)
    got = convkit.convolve(x, weights, nan_policy="omit", method=method, **options)
    reference.assert_within(got, want, bound, f"{method} of {call}")


def test_a_window_without_a_valid_sample_is_nan():
    x = np.array([1.0, 2, np.nan, np.nan, np.nan, 6, 7])
    for method in METHODS:
        got = convkit.convolve(x, np.ones(3), nan_policy="omit", boundary="edge", method=method)
        np.testing.assert_allclose(got, [4, 4.5, 6, np.nan, 18, 19.5, 20], rtol=1e-12)


def test_what_a_fill_value_supplies_is_valid_and_a_reflected_hole_is_not():
    x = np.array([np.nan, 4.0, 6.0])
    got = convkit.convolve(x, np.ones(3), nan_policy="omit", boundary="constant", fill_value=1.0)
    np.testing.assert_allclose(got, [7.5, 15.0, 11.0])
    got = convkit.convolve(x, np.ones(3), nan_policy="omit", boundary="edge")
    np.testing.assert_allclose(got, [12.0, 15.0, 16.0])
    got = convkit.convolve(x, np.ones(3), nan_policy="omit", boundary="wrap")
    np.testing.assert_allclose(got, [15.0, 15.0, 15.0])


@given(SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(BOUNDARIES), st.sampled_from(MODES))
def test_with_every_sample_valid_nothing_changes(seed, dim, boundary, mode):
    rng = np.random.default_rng(seed)
    x, weights = rng.standard_normal((7, 6, 5)[:dim]), rng.random((3, 2, 4)[:dim])
    plain = convkit.convolve(x, weights, boundary=boundary, mode=mode)
    np.testing.assert_allclose(
        convkit.convolve(x, weights, boundary=boundary, mode=mode, nan_policy="omit"), plain, rtol=1e-12, atol=1e-12
    )
    everything = np.ones(x.shape, bool)
    np.testing.assert_allclose(
        convkit.convolve(x, weights, boundary=boundary, mode=mode, mask=everything), plain, rtol=1e-12, atol=1e-12
    )


@given(SEEDS, st.sampled_from(BOUNDARIES))
def test_constants_are_kept_around_holes(seed, boundary):
    rng = np.random.default_rng(seed)
    x = np.full((9, 9), 3.5)
    x[rng.random((9, 9)) < 0.4] = np.nan
    weights = rng.random((3, 3)) + 0.1
    got = convkit.convolve(x, weights / weights.sum(), nan_policy="omit", boundary=boundary, mode="valid")
    here = np.isfinite(got)
    np.testing.assert_allclose(got[here], 3.5, rtol=1e-12)
    assert here.any()


def test_the_two_gaussian_recipe(rng):
    x = rng.standard_normal((30, 31))
    x[rng.random(x.shape) < 0.2] = np.nan
    taps = np.exp(-(np.linspace(-2, 2, 9) ** 2))
    weights = np.multiply.outer(taps, taps) / taps.sum() ** 2
    valid = ~np.isnan(x)
    top = scipy.ndimage.convolve(np.where(valid, x, 0), weights, mode="nearest")
    want = top / scipy.ndimage.convolve(valid.astype(float), weights, mode="nearest")
    for method in (*METHODS, "separable"):
        got = convkit.convolve(x, weights, nan_policy="omit", boundary="edge", method=method)
        np.testing.assert_allclose(got, want, rtol=1e-9)
    got = convkit.correlate(x, weights, nan_policy="omit", boundary="edge")
    np.testing.assert_allclose(got, want, rtol=1e-9)
    got = convkit.convolve_separable(x, [taps, taps], nan_policy="omit", boundary="edge") / taps.sum() ** 2
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_what_lies_under_the_mask_is_never_read(rng):
    x, valid = rng.standard_normal((12, 13)), rng.random((12, 13)) < 0.7
    weights = rng.random((3, 4))
    for method in METHODS:
        want = convkit.convolve(np.where(valid, x, 0), weights, mask=valid, method=method)
        for junk in (np.nan, np.inf, 1e300):
            got = convkit.convolve(np.where(valid, x, junk), weights, mask=valid, method=method)
            np.testing.assert_array_equal(got, want)


def test_mask_and_omit_add_up(rng):
    x = rng.standard_normal(20)
    x[4] = np.nan
    mask = np.arange(20) != 11
    got = convkit.convolve(x, np.ones(3), mask=mask, nan_policy="omit")
    want = convkit.convolve(x, np.ones(3), mask=mask & ~np.isnan(x))
    np.testing.assert_array_equal(got, want)
    assert np.isnan(convkit.convolve(x, np.ones(3), mask=mask)[3:6]).all()


def test_a_mask_may_be_a_list():
    got = convkit.convolve([1, 2, 30, 4], [1, 1, 1], mask=[True, True, False, True])
    np.testing.assert_array_equal(got, [3, 4.5, 9, 6])
    got = convkit.convolve_separable([[1, 2, 30, 4]], [None, [1, 1, 1]], mask=[[True, True, False, True]])
    np.testing.assert_array_equal(got, [[3, 4.5, 9, 6]])


def test_mask_along_axes(rng):
    image, valid = rng.standard_normal((9, 10, 3)), rng.random((9, 10, 3)) < 0.8
    weights = rng.random((3, 3))
    got = convkit.convolve(image, weights, axes=(0, 1), mask=valid, boundary="wrap")
    for c in range(3):
        one = convkit.convolve(image[..., c], weights, mask=valid[..., c], boundary="wrap")
        np.testing.assert_allclose(got[..., c], one, rtol=1e-10)


def test_mask_with_out_dtype_and_overlap(rng):
    x, valid = rng.standard_normal((9, 10)).astype(np.float32), rng.random((9, 10)) < 0.8
    weights = rng.random((3, 3))
    want = convkit.convolve(x, weights, mask=valid)
    here = x.copy()
    assert convkit.convolve(here, weights, mask=valid, out=here) is here
    np.testing.assert_array_equal(here, want)
    assert convkit.convolve(x, weights, mask=valid, dtype=np.float64).dtype == np.float64


# --- propagate -------------------------------------------------------------------------------------------------------
@settings(max_examples=200)
@given(SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(MODES), st.sampled_from(BOUNDARIES),
       st.sampled_from((np.nan, np.inf, -np.inf)), st.sampled_from(("direct", "auto")))  # fmt: skip
def test_what_is_not_finite_stays_under_the_weights(seed, dim, mode, boundary, junk, method):
    rng = np.random.default_rng(seed)
    n, k = (14, 11, 9)[:dim], (3, 4, 2)[:dim]
    x, weights = rng.standard_normal(n).astype(np.float32), rng.random(k) + 0.1
    at = tuple(rng.integers(0, n))
    clean = convkit.convolve(x, weights, mode=mode, boundary=boundary, method="direct")
    x[at] = junk
    got = convkit.convolve(x, weights, mode=mode, boundary=boundary, method=method)
    under = reference.convolve((~np.isfinite(x)).astype(float), np.ones(k), mode=mode, boundary=boundary) > 0
    np.testing.assert_array_equal(np.isfinite(got), ~under)
    np.testing.assert_allclose(got[~under], clean[~under], rtol=1e-5, atol=1e-5)
    if np.isinf(junk):
        np.testing.assert_array_equal(got[under], np.full(under.sum(), junk))
    assert np.isnan(got[under]).all() or np.isinf(junk)


@pytest.mark.parametrize("junk", [np.nan, np.inf])
@pytest.mark.parametrize(("n", "k"), [((300, 310), (41, 43)), ((30_000,), (1501,)), ((40, 41, 42), (9, 10, 11))])
def test_auto_keeps_it_local_where_an_fft_would_win(n, k, junk, rng):
    x, weights = rng.standard_normal(n).astype(np.float32), rng.random(k).astype(np.float32)
    middle = tuple(side // 2 for side in n)
    x[middle] = junk
    got = convkit.convolve(x, weights)
    under = np.zeros(n, bool)
    under[tuple(slice(m - (t - 1) // 2, m - (t - 1) // 2 + t) for m, t in zip(middle, k, strict=True))] = True
    np.testing.assert_array_equal(np.isfinite(got), ~under)


def test_raise():
    x = np.array([1.0, np.nan, 2.0])
    out = np.full(3, -7.0)
    for function in (convkit.convolve, convkit.correlate):
        with pytest.raises(ValueError, match="nan_policy") as refusal:
            function(x, np.ones(2), nan_policy="raise", out=out)
        assert "x" in str(refusal.value)
    np.testing.assert_array_equal(out, -7.0)
    np.testing.assert_array_equal(convkit.convolve([1.0, 2.0], [1.0], nan_policy="raise"), [1.0, 2.0])
    np.testing.assert_array_equal(convkit.convolve([1, 2], [1], nan_policy="raise"), [1.0, 2.0])


@pytest.mark.parametrize("weights", [[1.0, -2.0, 1.0], [[1, 0, -1]], [0.1, 0.2, -0.3], [0.0], [1j, -1j]])
def test_weights_that_sum_to_zero_refuse_both(weights):
    x = np.ones((4,) * np.ndim(weights))
    for keyword in ({"nan_policy": "omit"}, {"mask": np.ones(x.shape, bool)}):
        with pytest.raises(ValueError, match="sum") as refusal:
            convkit.convolve(x, weights, **keyword)
        assert "weights" in str(refusal.value)
        assert next(iter(keyword)) in str(refusal.value)
    convkit.convolve(x, weights)


def test_separable_taps_that_sum_to_zero_refuse_both():
    x = np.ones((4, 4))
    for keyword in ({"nan_policy": "omit"}, {"mask": x > 0}):
        with pytest.raises(ValueError, match="sum"):
            convkit.convolve_separable(x, [[1, 2, 1], [-1, 0, 1]], **keyword)


def test_real_weights_keep_the_parts_of_complex_samples_apart(rng):
    """An Inf in one part is none in the other: real weights are no complex ones whose imaginary parts are zero."""
    x = (rng.standard_normal((40, 50)) + 1j * rng.standard_normal((40, 50))).astype(np.complex64)
    weights = rng.standard_normal((3, 5))
    plain = convkit.convolve(x, weights, method="direct")
    x[20, 30] = complex(np.inf, x[20, 30].imag)
    got = convkit.convolve(x, weights, method="direct")
    np.testing.assert_array_equal(got.imag, plain.imag)
    assert np.isinf(got.real).sum() == 15
    np.testing.assert_array_equal(got, convkit.convolve(x, weights + 0j, method="direct"))
