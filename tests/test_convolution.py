"""convolve and correlate against the oracle, numpy, scipy.signal and scipy.ndimage, within the stated bounds."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import (
    BOUNDARIES,
    COMPLEX,
    FLOATS,
    INTEGERS,
    MODES,
    SEEDS,
    Case,
    cases,
    shapes,
    values,
)

NDIMAGE = {"zero": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}
CONVOLVE2D = {"zero": "fill", "symmetric": "symm", "wrap": "wrap"}


def bound_of(method, case, truncation=0.0):
    """The stated bound of a method for a case, rounding of the result included."""
    x, weights = case.cast()
    if method == "fft":
        bound = reference.fft_bound(x, weights, case.work, **case.options)
    elif method == "separable":
        terms = terms_of(weights)
        bound = reference.separable_bound(x, weights, case.work, terms, truncation, **case.options)
    else:
        bound = reference.direct_bound(x, weights, case.work, **case.options)
    if case.result != case.work:
        bound = bound + reference.rounding(case.expected(), case.result)
    return bound


def terms_of(weights):
    """Exact rank-one terms with the norms an SVD gives (1-D weights are their own term)."""
    if weights.ndim == 1:
        return [(weights,)]
    return convkit.separate(weights.astype(np.result_type(weights, np.float64)), rtol=1e-14).terms


def check(case, method="direct", truncation=0.0):
    got = convkit.convolve(case.x, case.weights, method=method, **case.options)
    assert got.dtype == case.result
    assert got.dtype.isnative
    reference.assert_within(got, case.expected(), bound_of(method, case, truncation), f"{method} of {case}")


# --- reference -------------------------------------------------------------------------------------------------------
@settings(max_examples=2500)
@given(cases())
def test_direct(case):
    check(case)


@settings(max_examples=1000)
@given(cases(dtypes=(*FLOATS, *COMPLEX, "uint8", "int64")))
def test_fft(case):
    check(case, "fft")


@settings(max_examples=400)
@given(cases(dtypes=(*FLOATS, *COMPLEX, "uint8", "int64"), weights_dtypes=("float64", "complex128"),
             separable=True))  # fmt: skip
def test_separable(case):
    work = case.cast()[1].dtype
    check(case, "separable", truncation=8 * reference.eps(work))  # the product of the taps was rounded to weights


@settings(max_examples=1000)
@given(cases())
def test_auto(case):
    got = convkit.convolve(case.x, case.weights, **case.options)
    plain = {k: v for k, v in case.options.items() if k != "fill_value"}
    method = convkit.choose_method(case.x, case.weights, **plain).method
    assert got.dtype == case.result
    bound = np.maximum(bound_of("direct", case), bound_of(method, case, 8 * reference.eps(case.work)))
    reference.assert_within(got, case.expected(), bound, f"auto ({method}) of {case}")


@settings(max_examples=500)
@given(cases(), st.sampled_from(("direct", "auto", "fft")))
def test_correlate_is_convolve_with_flipped_conjugate_weights(case, method):
    got = convkit.correlate(case.x, case.weights, method=method, **case.options)
    turned = Case(case.x, np.ascontiguousarray(reference.flipped(case.weights)), case.options)
    assert got.dtype == case.result
    bound = np.maximum(bound_of("direct", turned), bound_of("fft", turned))
    reference.assert_within(got, turned.expected(), bound, f"{method} correlation of {case}")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["direct", "fft"])
@settings(max_examples=15_000)
@given(case=cases())
def test_many_more(case, method):
    check(case, method)


# --- sizes that cross the borders of vectors, strips and tiles -------------------------------------------------------
MEDIUM = {
    "1-D": ((5000,), (301,)),
    "1-D even": ((4099,), (64,)),
    "1-D long weights": ((300,), (700,)),
    "1-D one sample": ((1,), (1001,)),
    "2-D one sample": ((1, 1), (40, 33)),
    "2-D": ((40, 50), (7, 9)),
    "2-D even": ((33, 65), (4, 6)),
    "2-D tall": ((257, 3), (9, 2)),
    "2-D wide": ((2, 1031), (3, 17)),
    "3-D": ((20, 21, 22), (3, 4, 5)),
    "3-D flat": ((1, 37, 70), (1, 5, 3)),
    "3-D deep": ((45, 6, 7), (5, 1, 2)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8"])
@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
@pytest.mark.parametrize("size", MEDIUM)
def test_medium_sizes(size, method, dtype, rng):
    n, k = MEDIUM[size]
    for i, boundary in enumerate(BOUNDARIES):
        mode = MODES[(i + len(size)) % 3]
        if size == "2-D wide" and mode == "valid":
            mode = "full"
        case = Case(values(rng, n, dtype), values(rng, k, "float64"), {"mode": mode, "boundary": boundary})
        got = convkit.convolve(case.x, case.weights, method=method, **case.options)
        bound = bound_of("direct", case) if method == "direct" else np.maximum(
            bound_of("direct", case), bound_of("fft", case))  # fmt: skip
        reference.assert_within(got, case.expected(), bound, f"{method} {size} {boundary} {mode}")


def ndimage_convolve(x, weights, boundary):
    """scipy.ndimage in double precision, centred as ours."""
    wide = np.result_type(x, np.float64)
    origin = [-1 if side % 2 == 0 else 0 for side in weights.shape]
    return scipy.ndimage.convolve(x.astype(wide), weights.astype(wide), mode=NDIMAGE[boundary], origin=origin)


LARGE = [
    ((600, 530), (7, 9)), ((530, 613), (3, 3)), ((257, 1100), (1, 15)), ((301, 299), (24, 5)), ((5, 20_011), (3, 9)),
    ((70, 66, 75), (3, 5, 4)), ((70_000,), (33,)),
]  # fmt: skip


def check_large(x, weights, method, boundary):
    work = reference.work_dtype(x.dtype, weights.dtype)
    got = convkit.convolve(x, weights, method=method, boundary=boundary)
    x, weights = x.astype(work), weights.astype(work)
    want = ndimage_convolve(x, weights, boundary)
    bound = reference.C * weights.size * reference.eps(work) * ndimage_convolve(abs(x), abs(weights), boundary)
    if work in (np.float64, np.complex128):
        bound = 2 * bound  # the peer rounds as much
    if method != "direct":
        bound = np.maximum(bound, reference.fft_bound(x, weights, work))
    reference.assert_within(got, want, bound, f"{method} {x.shape} * {weights.shape} {boundary}")


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
@pytest.mark.parametrize(("n", "k"), LARGE)
def test_large_sizes(n, k, method, boundary, rng):
    check_large(values(rng, n, "float32"), values(rng, k, "float32"), method, boundary)


@pytest.mark.parametrize("dtype", ["float64", "complex64", "complex128", "uint16", "bool"])
@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize(("n", "k"), LARGE)
def test_large_sizes_of_other_types(n, k, method, dtype, rng):
    boundary = BOUNDARIES[(len(dtype) + LARGE.index((n, k))) % 5]
    check_large(values(rng, n, dtype), values(rng, k, "float64"), method, boundary)


BATCHES = [
    ((30, 20, 40), (0, 1), (3, 4)), ((30, 20, 5), (0, 1), (4, 3)), ((40, 33, 7), (0,), (9,)), ((40, 2, 33), (0,), (9,)),
    ((6, 5, 31, 29), (2, 3), (5, 2)), ((6, 31, 5, 29), (1, 3), (5, 2)), ((6, 31, 5, 9), (0, 1), (2, 5)),
    ((12, 2, 13, 2, 14), (0, 2, 4), (3, 4, 2)), ((12, 13, 14, 2), (0, 1, 2), (3, 2, 4)), ((2, 3, 4, 5), (3, 0, 2), (2, 2, 3)),
    ((3000, 3), (0,), (50,)), ((3, 3000), (1,), (51,)), ((40, 3000, 3), (0, 1), (3, 5)), ((100, 37), (0,), (8,)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8"])
@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
@pytest.mark.parametrize(("n", "axes", "k"), BATCHES)
def test_batches(n, axes, k, method, dtype, rng):
    x, weights = values(rng, n, dtype), values(rng, k, "float64")
    for mode, boundary in (("same", "reflect"), ("full", "wrap"), ("valid", "zero"), ("full", "constant")):
        options = {"mode": mode, "boundary": boundary, "axes": axes}
        case = Case(x, weights, options | ({"fill_value": 2.0} if boundary == "constant" else {}))
        got = convkit.convolve(x, weights, method=method, **case.options)
        bound = bound_of("direct", case) if method == "direct" else np.maximum(
            bound_of("direct", case), bound_of("fft", case))  # fmt: skip
        x64, w64 = (a.astype(np.result_type(case.work, np.float64)) for a in case.cast())
        want = reference.convolve(x64, w64, precise=False, **case.options)
        reference.assert_within(got, want, 2 * bound, f"{method} {n} {axes} {k} {mode} {boundary}")


@pytest.mark.parametrize("method", ["direct", "auto", "fft"])
@pytest.mark.parametrize("mode", MODES)
def test_a_colour_image(method, mode, rng):
    image = rng.integers(0, 256, (130, 97, 3)).astype(np.uint8)
    weights = rng.standard_normal((5, 4))
    got = convkit.convolve(image, weights, axes=(0, 1), mode=mode, boundary="symmetric", method=method)
    assert got.dtype == np.float32
    for channel in range(3):
        one = np.ascontiguousarray(image[..., channel])
        case = Case(one, weights, {"mode": mode, "boundary": "symmetric"})
        bound = np.maximum(bound_of("direct", case), bound_of("fft", case))
        reference.assert_within(got[..., channel], case.expected(), bound)


# --- agreement with peers --------------------------------------------------------------------------------------------
def tolerance(x, weights, **options):
    """Twice the direct and the FFT bound: the peer is not exact either."""
    direct = reference.direct_bound(x, weights, np.float64, **options)
    return 2 * np.maximum(direct, reference.fft_bound(x, weights, np.float64, **options))


@settings(max_examples=300)
@given(SEEDS, st.integers(1, 40), st.integers(1, 40), st.sampled_from(MODES))
def test_numpy_convolve(seed, n, k, mode):
    rng = np.random.default_rng(seed)
    x, weights = rng.standard_normal(n), rng.standard_normal(k)
    got = convkit.convolve(x, weights, mode=mode)
    if mode == "same" and n < k:
        assert got.shape == x.shape
        got = convkit.convolve(weights, x, mode=mode)  # numpy's result has the length of the longer operand
        x, weights = weights, x
    want = np.convolve(x, weights, mode)
    reference.assert_within(got, want, tolerance(x, weights, mode=mode))


@settings(max_examples=300)
@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(MODES), st.booleans(), st.booleans())
def test_scipy_signal_convolve_and_correlate(data, seed, dim, mode, complex_x, complex_weights):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, mode))
    x = values(rng, n, "complex128" if complex_x else "float64")
    weights = values(rng, k, "complex128" if complex_weights else "float64")
    bound = tolerance(x, weights, mode=mode)
    for method in ("direct", "fft"):
        want = scipy.signal.convolve(x, weights, mode=mode, method=method)
        if complex_weights and not complex_x:
            assert convkit.convolve(x, weights, mode=mode).dtype == np.complex128
        reference.assert_within(convkit.convolve(x, weights, mode=mode), want, bound)
    want = scipy.signal.fftconvolve(x, weights, mode=mode)
    reference.assert_within(convkit.convolve(x, weights, mode=mode, method="fft"), want, bound)
    want = scipy.signal.correlate(x, weights, mode=mode, method="direct")
    bound = tolerance(x, reference.flipped(weights), mode=mode)
    reference.assert_within(convkit.correlate(x, weights, mode=mode), want, bound)


@settings(max_examples=200)
@given(st.data(), SEEDS, st.sampled_from(MODES), st.sampled_from(tuple(CONVOLVE2D)), st.sampled_from((0.0, 1.5)))
def test_scipy_convolve2d(data, seed, mode, boundary, fill_value):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(2, mode))
    x, weights = rng.standard_normal(n), rng.standard_normal(k)
    options = {"mode": mode, "boundary": boundary}
    theirs = {"mode": mode, "boundary": CONVOLVE2D[boundary]}
    if boundary == "zero":
        options |= {"boundary": "constant", "fill_value": fill_value}
        theirs |= {"fillvalue": fill_value}
    if mode == "valid" and fill_value:
        fill_value = theirs["fillvalue"] = 0.0
    want = scipy.signal.convolve2d(x, weights, **theirs)
    reference.assert_within(convkit.convolve(x, weights, **options), want, tolerance(x, weights, **options))
    # correlate2d puts 'same' of even sizes one sample later than scipy.signal.correlate does.
    if boundary == "zero" and (mode != "same" or all(side % 2 for side in k)):
        want = scipy.signal.correlate2d(x, weights, **theirs)
        bound = tolerance(x, reference.flipped(weights), **options)
        reference.assert_within(convkit.correlate(x, weights, **options), want, bound)


@settings(max_examples=300)
@given(
    st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from((*BOUNDARIES, "constant")),
    st.sampled_from((1.0, -2.0)),
)  # fmt: skip
def test_scipy_ndimage(data, seed, dim, boundary, fill_value):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "same"))
    x, weights = rng.standard_normal(n), rng.standard_normal(k)
    options = {"boundary": boundary} | ({"fill_value": fill_value} if boundary == "constant" else {})
    theirs = {"mode": NDIMAGE.get(boundary, "constant"), "cval": options.get("fill_value", 0.0)}
    origin = [-1 if side % 2 == 0 else 0 for side in k]
    want = scipy.ndimage.convolve(x, weights, origin=origin, **theirs)
    reference.assert_within(convkit.convolve(x, weights, **options), want, tolerance(x, weights, **options))
    want = scipy.ndimage.correlate(x, weights, **theirs)
    bound = tolerance(x, reference.flipped(weights), **options)
    reference.assert_within(convkit.correlate(x, weights, **options), want, bound)
    taps = weights.ravel()[: k[0]]
    want = scipy.ndimage.convolve1d(x, taps, axis=0, origin=-1 if len(taps) % 2 == 0 else 0, **theirs)
    got = convkit.convolve(x, taps, axes=0, **options)
    reference.assert_within(got, want, tolerance(x, taps, axes=0, **options))


# --- words and defaults ----------------------------------------------------------------------------------------------
CONTRACT = {
    "convolve": "(x, weights, *, mode='same', boundary='zero', fill_value=0.0, axes=None, method='auto', out=None, "
    "dtype=None, workers=None, nan_policy='propagate', mask=None, device=None)",
    "correlate": "(x, weights, *, mode='same', boundary='zero', fill_value=0.0, axes=None, method='auto', out=None, "
    "dtype=None, workers=None, nan_policy='propagate', mask=None, device=None)",
    "convolve_separable": "(x, taps, *, mode='same', boundary='zero', fill_value=0.0, axes=None, out=None, "
    "dtype=None, workers=None, nan_policy='propagate', mask=None, device=None)",
    "separate": "(weights, *, rtol=1e-06, max_rank=None)",
    "pad": "(x, halo, *, boundary='zero', fill_value=0.0, device=None)",
    "choose_method": "(x, weights, *, mode='same', boundary='zero', axes=None, dtype=None, workers=None)",
    "convolution_matrix": "(weights, shape, *, mode='same', boundary='zero')",
    "set_workers": "(n)",
}


@pytest.mark.parametrize("name", CONTRACT)
def test_names_order_and_defaults(name):
    signature = inspect.signature(getattr(convkit, name))
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == CONTRACT[name]


@pytest.mark.parametrize("name", CONTRACT)
def test_documented(name):
    doc = inspect.getdoc(getattr(convkit, name))
    for section in ("Parameters", "Returns", "Examples"):
        assert f"{section}\n-----" in doc, f"{name} has no section {section}"


@pytest.mark.parametrize(("alias", "word"), [(a, w) for a, w in reference.CANONICAL.items() if a != w])
def test_aliases(alias, word, rng):
    x, weights = rng.standard_normal((5, 6)), rng.standard_normal((4, 9))
    got = convkit.convolve(x, weights, boundary=alias)
    np.testing.assert_array_equal(got, convkit.convolve(x, weights, boundary=word))


def test_boundaries_differ(rng):
    x, weights = rng.standard_normal((5, 6)), rng.standard_normal((3, 5))
    results = [convkit.convolve(x, weights, boundary=b) for b in BOUNDARIES]
    results.append(convkit.convolve(x, weights, boundary="constant", fill_value=2.0))
    results.append(convkit.convolve(x, weights, boundary=("wrap", "edge")))
    for i, a in enumerate(results):
        for b in results[:i]:
            assert not np.allclose(a, b)


@pytest.mark.parametrize("fill_value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64"])
def test_a_fill_value_that_is_not_finite_marks_what_it_reached(fill_value, dtype):
    x = np.arange(1, 7).astype(dtype)
    got = convkit.convolve(x, [1, 2, 4], boundary="constant", fill_value=fill_value)
    np.testing.assert_array_equal(got, [fill_value, 11, 18, 25, 32, fill_value])


def test_a_different_boundary_on_each_axis(rng):
    x, weights = rng.standard_normal((4, 5, 6)), rng.standard_normal((5, 4, 3))
    rule = ("wrap", "constant", "mirror")
    got = convkit.convolve(x, weights, boundary=rule, fill_value=3.0)
    want = reference.convolve(x, weights, boundary=rule, fill_value=3.0)
    reference.assert_within(got, want, tolerance(x, weights, boundary=rule, fill_value=3.0))
    batched = convkit.convolve(x, weights[:, 0], axes=(2, 0), boundary=("wrap", "edge"))
    want = reference.convolve(x, weights[:, 0], axes=(2, 0), boundary=("wrap", "edge"))
    reference.assert_within(batched, want, 1e-12)


def test_lists_are_accepted():
    got = convkit.convolve([1, 2, 3], [0, 1, 0.5], mode="full")
    np.testing.assert_array_equal(got, [0, 1, 2.5, 4, 1.5])
    assert got.dtype == np.float64
    got = convkit.correlate([[1, 2], [3, 4]], [[1, 0], [0, -1]], mode="valid")
    np.testing.assert_array_equal(got, [[-3]])
    got = convkit.convolve_separable([[1.0, 2.0], [3.0, 4.0]], [[1, 1], None], mode="full")
    np.testing.assert_array_equal(got, [[1, 2], [4, 6], [3, 4]])


def test_modes_start_where_they_say():
    x = np.zeros(6)
    x[2] = 1.0
    taps = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(convkit.convolve(x, taps, mode="full"), [0, 0, 1, 2, 3, 4, 0, 0, 0])
    np.testing.assert_array_equal(convkit.convolve(x, taps, mode="same"), [0, 1, 2, 3, 4, 0])
    np.testing.assert_array_equal(convkit.convolve(x, taps, mode="valid"), [2, 3, 4])
    short = np.array([1.0, 10.0])
    np.testing.assert_array_equal(convkit.convolve(short, taps, mode="full"), [1, 12, 23, 34, 40])
    np.testing.assert_array_equal(convkit.convolve(short, taps, mode="same"), [12, 23])
    np.testing.assert_array_equal(convkit.convolve(short, taps, mode="valid"), [12, 23, 34])


def test_correlate_conjugates_the_weights():
    got = convkit.correlate([1 + 1j, 2.0], [1j, 1.0], mode="full")
    np.testing.assert_array_equal(got, [1 + 1j, 3 - 1j, -2j])
    np.testing.assert_array_equal(convkit.convolve([1 + 1j, 2.0], [1j, 1.0], mode="full"), [-1 + 1j, 1 + 3j, 2])


def test_nothing_given_is_changed(rng):
    x, weights = rng.standard_normal((9, 8)), rng.standard_normal((3, 4))
    kept = x.copy(), weights.copy()
    for method in ("direct", "fft", "auto"):
        got = convkit.convolve(x, weights, method=method, boundary="wrap")
        assert not np.shares_memory(got, x)
    one = convkit.convolve(x, [[1.0]])
    assert not np.shares_memory(one, x)
    np.testing.assert_array_equal(one, x)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(weights, kept[1])


@pytest.mark.parametrize("method", ["direct", "fft", "separable", "auto"])
@pytest.mark.parametrize(("n", "k"), [((30, 31), (3, 5)), ((20, 21), (9, 8)), ((200,), (71,)), ((9, 10, 11), (3, 4, 2))])
def test_what_a_call_has_learnt_is_not_used_for_other_values(n, k, method, rng):
    """Same arrays, new values in them: other weights, other samples, a NaN, another boundary, type or layout."""
    x, weights = np.empty(n, np.float32), np.empty(k)
    for turn in range(3):
        x[...] = rng.standard_normal(n)
        weights[...] = reference.dense([rng.standard_normal(side) for side in k])
        boundary = ("zero", "zero", "edge")[turn]
        for samples in (x, np.asfortranarray(x), x.astype(np.float64), np.flip(x), x.astype(np.complex64)):
            case = Case(samples, weights, {"boundary": boundary, "mode": "full"})
            got = convkit.convolve(samples, weights, method=method, boundary=boundary, mode="full")
            assert got.dtype == samples.dtype
            bound = np.maximum(bound_of("direct", case), bound_of("fft", case))
            reference.assert_within(got, case.expected(), 2 * bound, f"{method} {turn}")
        x.flat[x.size // 2] = np.nan
        if method in ("direct", "auto"):
            assert np.isnan(convkit.convolve(x, weights, method=method, boundary="zero", mode="full")).sum() == weights.size


# --- worked out by hand ----------------------------------------------------------------------------------------------
GRID = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
DIAGONAL = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, -1.0]])  # x[i+1, j+1] + 2 x[i, j] - x[i-1, j-1]
BY_HAND = {
    "zero": [[7, 10, 6], [16, 18, 10], [14, 12, 13]],
    "mirror": [[2, 6, 6], [14, 18, 18], [14, 18, 18]],
    "wrap": [[-2, 3, 2], [13, 18, 17], [10, 15, 14]],
}  # fmt: skip


@pytest.mark.parametrize("method", ["direct", "auto", "fft"])
@pytest.mark.parametrize("boundary", BY_HAND)
def test_a_3x3_filter_worked_out_by_hand(boundary, method):
    got = convkit.convolve(GRID, DIAGONAL, boundary=boundary, method=method)
    np.testing.assert_allclose(got, BY_HAND[boundary], rtol=0, atol=1e-13)


def test_a_mean_of_3x3_worked_out_by_hand():
    ones = np.ones((3, 3))
    np.testing.assert_array_equal(convkit.convolve(GRID, ones), [[12, 21, 16], [27, 45, 33], [24, 39, 28]])
    mirrored = [[33, 36, 39], [42, 45, 48], [51, 54, 57]]
    np.testing.assert_array_equal(convkit.convolve(GRID, ones, boundary="mirror"), mirrored)


def test_sixteen_bit_integers_are_a_real_image():
    assert set(INTEGERS) >= {"uint8", "uint16"}
    got = convkit.convolve(np.full((2, 2), 60_000, np.uint16), np.ones((2, 2), np.int64), mode="full")
    np.testing.assert_array_equal(got, [[60e3, 120e3, 60e3], [120e3, 240e3, 120e3], [60e3, 120e3, 60e3]])
