"""Which type the result has, how integers are kept exact, rounded and saturated, what `dtype` does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import DTYPES, INTEGERS, SEEDS, boundaries, cases, shapes, values

KEPT = {
    "bool": "float32", "int8": "float32", "uint8": "float32", "int16": "float32", "uint16": "float32",
    "int32": "float64", "uint32": "float64", "int64": "float64", "uint64": "float64",
    "float16": "float16", "float32": "float32", "float64": "float64",
    "complex64": "complex64", "complex128": "complex128",
}  # fmt: skip


@pytest.mark.parametrize("weights_dtype", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_x_decides(dtype, weights_dtype):
    x, weights = np.ones((3, 4), dtype), np.ones((2, 2), weights_dtype)
    want = np.dtype(KEPT[dtype])
    if np.dtype(weights_dtype).kind == "c":
        want = np.dtype("complex128" if want.itemsize >= 8 and want != np.complex64 else "complex64")
    for method in ("auto", "direct", "fft", "separable"):
        got = convkit.convolve(x, weights, method=method)
        assert got.dtype == want
        assert got.dtype.isnative
    np.testing.assert_array_equal(convkit.convolve(x, weights, method="direct", mode="valid"), np.full((2, 3), 4))
    taps = [np.ones(2, weights_dtype), None]
    assert convkit.convolve_separable(x, taps).dtype == want


def test_weights_are_cast_to_the_type_of_x():
    x = np.ones(4, np.float32)
    got = convkit.convolve(x, [1 / 3], method="direct")
    np.testing.assert_array_equal(got, np.full(4, np.float32(1 / 3)))
    wide = convkit.convolve(x, [1 / 3], method="direct", dtype=np.float64)
    np.testing.assert_array_equal(wide, np.full(4, 1 / 3))


@settings(max_examples=100)
@given(cases(dtypes=("float16",), weights_dtypes=("float16", "float32", "int8")))
def test_half_precision_is_computed_in_single(case):
    got = convkit.convolve(case.x, case.weights, method="direct", **case.options)
    single = convkit.convolve(case.x.astype(np.float32), case.weights, method="direct", **case.options)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(got, single.astype(np.float16))


def test_half_precision_does_not_overflow_on_the_way():
    x = np.full(8, 30_000, np.float16)
    got = convkit.convolve(x, [1.0, 1.0, 1.0, -1.0, -1.0], mode="valid")
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got, np.full(4, 30_000, np.float16))


# --- dtype= ----------------------------------------------------------------------------------------------------------
@settings(max_examples=200)
@given(cases(weights_dtypes=("float32", "float64")), st.sampled_from(("float16", "float32", "float64")))
def test_dtype_sets_the_result_and_widens_the_arithmetic(case, dtype):
    if case.x.dtype.kind == "c":
        dtype = {"float16": "complex64", "float32": "complex64", "float64": "complex128"}[dtype]
    work = reference.work_dtype(case.x.dtype, case.weights.dtype, dtype)
    got = convkit.convolve(case.x, case.weights, method="direct", dtype=dtype, **case.options)
    assert got.dtype == np.dtype(dtype)
    x, weights = case.cast(work)
    want = case.expected(work)
    if np.dtype(dtype) == np.float16:
        with np.errstate(over="ignore"):
            far = np.abs(want).astype(np.float64) > 60_000
            got, want = np.where(far, 0, got), np.where(far, 0, want)
    bound = reference.direct_bound(x, weights, work, **case.options) + reference.rounding(want, dtype)
    reference.assert_within(got, want, bound, f"{dtype} of {case}")


def test_a_real_image_may_be_given_a_complex_type():
    got = convkit.convolve(np.arange(4, dtype=np.float32), [1, 2], dtype=np.complex128)
    assert got.dtype == np.complex128
    np.testing.assert_array_equal(got, [0, 1, 4, 7])


@pytest.mark.parametrize("dtype", [d for d in INTEGERS if d != "bool"])
def test_integer_results_round_half_to_even(dtype):
    x = np.arange(1, 14, 2, dtype=np.float32)
    want = np.array([0, 2, 2, 4, 4, 6, 6])
    np.testing.assert_array_equal(convkit.convolve(x, [0.5], dtype=dtype), want)
    np.testing.assert_array_equal(convkit.convolve(x.astype(np.uint8), [0.5], dtype=dtype), want)
    np.testing.assert_array_equal(convkit.convolve(x.astype(np.int64), [0.5], dtype=dtype), want)
    assert convkit.convolve(x, [0.5], dtype=dtype).dtype == np.dtype(dtype)
    if np.dtype(dtype).kind == "i":
        np.testing.assert_array_equal(convkit.convolve(x, [-0.5], dtype=dtype), -want)


@pytest.mark.parametrize("x_dtype", ["float32", "float64", "int16", "int64"])
@pytest.mark.parametrize("dtype", [d for d in INTEGERS if d != "bool"])
def test_integer_results_saturate(dtype, x_dtype):
    info = np.iinfo(dtype)
    x = np.array([-30_000, -5, 5, 30_000]).astype(x_dtype)
    scale = 2.0 ** (info.bits - 8)
    got = convkit.convolve(x, [scale], dtype=dtype)
    want = reference.saturated([int(v) * int(scale) for v in x], dtype)
    np.testing.assert_array_equal(got, want)
    assert got[-1] == info.max
    assert got[0] == info.min


def test_sums_past_the_widest_integer_saturate():
    x = np.array([2**62, -(2**62), 3], np.int64)
    got = convkit.convolve(x, np.array([4]), dtype=np.int64)
    np.testing.assert_array_equal(got, [2**63 - 1, -(2**63), 12])
    got = convkit.convolve(np.array([2**63, 1], np.uint64), np.array([1]), dtype=np.int64)
    np.testing.assert_array_equal(got, [2**63 - 1, 1])
    np.testing.assert_array_equal(convkit.convolve(x, [-4], dtype=np.uint64)[:1], [0])


# --- exact integers --------------------------------------------------------------------------------------------------
LIMIT = {np.dtype(np.float32): 2**24, np.dtype(np.float64): 2**53}


@st.composite
def integer_calls(draw, limit=None):
    """Integer x and weights with sum|w| max|x| below the limit, often just below."""
    dim = draw(st.sampled_from((1, 2, 3)))
    mode = draw(st.sampled_from(("full", "same", "valid")))
    n, k = draw(shapes(dim, mode))
    dtype = np.dtype(draw(st.sampled_from(INTEGERS)))
    most = limit or LIMIT[reference.result_dtype(dtype)]
    rng = np.random.default_rng(draw(SEEDS))
    top = 1 if dtype.kind == "b" else min(int(np.iinfo(dtype).max), int(draw(st.sampled_from((3, 255, 2**20, 2**40)))))
    x = rng.integers(0 if dtype.kind in "ub" else -top, top, n, endpoint=True).astype(dtype)
    share = (most - 1) // (top * int(np.prod(k)))
    if share < 1:
        x, share, top = np.minimum(x, 1).clip(-1 if dtype.kind == "i" else 0).astype(dtype), 1, 1
    share = min(share, 2**62)
    weights = rng.integers(-share, share, k, endpoint=True)
    weights = weights.astype(draw(st.sampled_from(("int64", "int64", "int8")))) if share < 128 else weights
    options = {"mode": mode, **draw(boundaries(dim, ("zero", "edge", "mirror", "symm", "periodic")))}
    options.pop("fill_value", None)
    assert int(np.abs(weights).astype(object).sum()) * top < most
    return x, weights, options


@settings(max_examples=600)
@given(integer_calls(), st.sampled_from(("direct", "auto")))
def test_integers_are_exact(call, method):
    x, weights, options = call
    want = reference.convolve(x, weights, **options)
    got = convkit.convolve(x, weights, method=method, **options)
    assert got.dtype == reference.result_dtype(x.dtype)
    assert [int(v) for v in got.ravel()] == list(want.ravel())
    assert (got == np.rint(got)).all()


@settings(max_examples=500)
@given(integer_calls(limit=2**63), st.sampled_from([d for d in INTEGERS if d != "bool"]),
       st.sampled_from(("direct", "auto")))  # fmt: skip
def test_integers_are_exact_up_to_63_bits_with_an_integer_dtype(call, dtype, method):
    x, weights, options = call
    want = reference.saturated(reference.convolve(x, weights, **options), dtype)
    got = convkit.convolve(x, weights, dtype=dtype, method=method, **options)
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(got, want)


@settings(max_examples=200)
@given(integer_calls(limit=2**15), st.sampled_from(("fft", "auto", "direct")))
def test_small_integers_with_an_integer_dtype_are_exact_by_every_method(call, method):
    x, weights, options = call
    want = reference.saturated(reference.convolve(x, weights, **options), np.int32)
    np.testing.assert_array_equal(convkit.convolve(x, weights, dtype=np.int32, method=method, **options), want)


@settings(max_examples=300)
@given(st.sampled_from((2**24, 2**45)).flatmap(lambda limit: st.tuples(st.just(limit), integer_calls(limit=limit))),
       st.sampled_from(("fft", "auto")))  # fmt: skip
def test_integers_are_exact_by_fft_too(drawn, method):
    limit, (x, weights, options) = drawn
    if reference.result_dtype(x.dtype) == np.float32 and limit > 2**24:
        x = x.astype(np.int64)
    want = reference.convolve(x, weights, **options)
    got = convkit.convolve(x, weights, method=method, **options)
    assert [int(v) for v in got.ravel()] == list(want.ravel())
    assert (got == np.rint(got)).all()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_exact_in_passes_too(dtype, rng):
    x = values(rng, (30, 31), dtype)
    weights = np.multiply.outer([1, 4, 6, 4, 1], [3, -7, 11, 2])
    want = reference.convolve(x, weights, boundary="wrap")
    got = convkit.convolve(x, weights, boundary="wrap", method="separable")
    assert [int(v) for v in got.ravel()] == list(want.ravel())
    assert (got == np.rint(got)).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_a_large_integer_image_is_exact(dtype, rng):
    top = {"uint8": 255, "int16": 8, "int32": 2**31 - 1}[dtype]
    x = rng.integers(0, top, (200, 210), endpoint=True).astype(dtype)
    weights = rng.integers(-1, 2, (41, 43))
    got = convkit.convolve(x, weights, mode="valid")
    assert int(np.abs(weights).sum()) * top < LIMIT[got.dtype]
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.int64), weights.shape)
    np.testing.assert_array_equal(got, np.einsum("ijkl,kl->ij", windows, np.flip(weights)))


# --- out= ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "complex64", "float16"])
def test_out_of_the_asked_type(dtype, rng):
    x = values(rng, (9, 10), "float32")
    weights = rng.standard_normal((3, 4))
    out = np.zeros((9, 10), dtype)
    got = convkit.convolve(x, weights, dtype=dtype, out=out)
    assert got is out
    np.testing.assert_array_equal(out, convkit.convolve(x, weights, dtype=dtype))
    assert np.any(out)
