"""convolve_separable is convolve with the outer product of its taps."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import BOUNDARIES, COMPLEX, FLOATS, MODES, SEEDS, boundaries, shapes, values


@st.composite
def separable_calls(draw, dtypes=(*FLOATS, *COMPLEX, "uint8", "int32")):
    dim = draw(st.sampled_from((1, 2, 3)))
    mode = draw(st.sampled_from(MODES))
    n, k = draw(shapes(dim, mode))
    rng = np.random.default_rng(draw(SEEDS))
    taps = [values(rng, side, draw(st.sampled_from(("float64", "float32", "int8", "complex64")))) for side in k]
    if mode != "valid" or all(a >= b for a, b in zip(n, k, strict=True)):
        taps = [None if draw(st.integers(0, 4)) == 0 else t for t in taps]
    x = values(rng, n, draw(st.sampled_from(dtypes)))
    return x, taps, {"mode": mode, **draw(boundaries(dim))}


def dense_of(taps, x):
    kinds = [t.dtype for t in taps if t is not None and t.dtype.kind == "c"]
    work = reference.work_dtype(x.dtype, kinds[0] if kinds else np.float32)
    wide = np.result_type(work, np.float64)
    return reference.dense([None if t is None else t.astype(work).astype(wide) for t in taps]), work


@settings(max_examples=800)
@given(separable_calls())
def test_is_the_outer_product(call):
    x, taps, options = call
    weights, work = dense_of(taps, x)
    got = convkit.convolve_separable(x, taps, **options)
    assert got.dtype == reference.result_dtype(x.dtype, weights.dtype)
    wide = x.astype(work).astype(np.result_type(work, np.float64))
    precise = work in (np.float64, np.complex128)
    want = reference.convolve(wide, weights, precise=precise, **options)
    bound = reference.direct_bound(wide, weights, work, **options) * max(1, sum(weights.shape) / weights.size)
    if got.dtype != work:
        bound = bound + reference.rounding(want, got.dtype)
    reference.assert_within(got, want, bound, f"taps {taps} of {x!r} with {options}")


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("n", "k"), [((600, 530), (7, 10)), ((257, 1100), (31, 1)), ((64, 65, 67), (3, 6, 5)), ((40_000,), (51,))]
)
def test_large_sizes(n, k, boundary, rng):
    x = rng.standard_normal(n).astype(np.float32)
    taps = [rng.standard_normal(side).astype(np.float32) for side in k]
    got = convkit.convolve_separable(x, taps, boundary=boundary)
    mode = {"zero": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect"}.get(boundary, "wrap")
    want, most = x.astype(np.float64), abs(x).astype(np.float64)
    for axis, t in enumerate(taps):
        place = {"axis": axis, "mode": mode, "origin": -1 if len(t) % 2 == 0 else 0}
        want = scipy.ndimage.convolve1d(want, t.astype(np.float64), **place)
        most = scipy.ndimage.convolve1d(most, abs(t).astype(np.float64), **place)
    bound = reference.C * sum(k) * reference.eps(np.float32) * most
    reference.assert_within(got, want, bound, f"{n} {k} {boundary}")


@given(SEEDS, st.permutations(range(4)), st.sampled_from(MODES))
def test_axes(seed, order, mode):
    rng = np.random.default_rng(seed)
    axes = tuple(order[:2])
    x = rng.standard_normal((5, 4, 6, 5))
    taps = [rng.standard_normal(3), rng.standard_normal(2)]
    got = convkit.convolve_separable(x, taps, axes=axes, mode=mode, boundary="reflect")
    want = reference.convolve(x, reference.dense(taps), axes=axes, mode=mode, boundary="reflect")
    reference.assert_within(got, want, 1e-13)


def test_none_leaves_an_axis_alone(rng):
    x, taps = rng.standard_normal((7, 8)), rng.standard_normal(3)
    got = convkit.convolve_separable(x, [None, taps], mode="full", boundary="wrap")
    assert got.shape == (7, 10)
    np.testing.assert_array_equal(got, convkit.convolve(x, taps, axes=1, mode="full", boundary="wrap"))
    np.testing.assert_array_equal(convkit.convolve_separable(x, [None, None]), x)


def test_the_fill_value_is_extended_before_the_passes(rng):
    x, taps = rng.standard_normal((4, 5)), [np.array([1.0, 2.0, 4.0]), np.array([3.0, -1.0])]
    options = {"boundary": "constant", "fill_value": 5.0, "mode": "full"}
    want = reference.convolve(x, reference.dense(taps), **options)
    reference.assert_within(convkit.convolve_separable(x, taps, **options), want, 1e-12)


def test_terms_of_separate_are_taps(rng):
    weights = np.multiply.outer(rng.standard_normal(5), rng.standard_normal(4))
    (taps,) = convkit.separate(weights).terms
    x = rng.standard_normal((9, 9))
    got = convkit.convolve_separable(x, taps, boundary="edge")
    np.testing.assert_allclose(got, convkit.convolve(x, weights, boundary="edge", method="direct"), atol=1e-12)


def test_out_dtype_mask_and_policy_change_the_result(rng):
    x, taps = rng.standard_normal((6, 7)).astype(np.float32), [np.ones(3) / 3, np.ones(3) / 3]
    plain = convkit.convolve_separable(x, taps)
    out = np.empty_like(x)
    assert convkit.convolve_separable(x, taps, out=out) is out
    np.testing.assert_array_equal(out, plain)
    wide = convkit.convolve_separable(x, taps, dtype=np.float64)
    assert wide.dtype == np.float64
    assert not np.array_equal(wide, plain)
    np.testing.assert_array_equal(convkit.convolve_separable(x, taps, workers=2), plain)

    holes = x.copy()
    holes[2, 3] = np.nan
    weights = reference.dense(taps)
    want = reference.normalised(holes, weights, ~np.isnan(holes))
    got = convkit.convolve_separable(holes, taps, nan_policy="omit")
    reference.assert_within(got, want, 1e-5)
    got = convkit.convolve_separable(x, taps, mask=~np.isnan(holes))
    reference.assert_within(got, want, 1e-5)
    assert np.isnan(convkit.convolve_separable(holes, taps)).sum() == 9
    with pytest.raises(ValueError, match="x"):
        convkit.convolve_separable(holes, taps, nan_policy="raise")


def test_wide_integers_are_exact_and_then_saturate():
    x = np.array([[2**20 + 1, -(2**20)], [3, 5]], np.int64)
    got = convkit.convolve_separable(x, [[2**20 + 1], [2**20 - 1, 7]], dtype=np.int64)
    want = reference.convolve(x, reference.dense([[2**20 + 1], [2**20 - 1, 7]]).astype(np.int64))
    assert got.tolist() == want.tolist()
    got = convkit.convolve_separable(x, [[2**40], [2**40]], dtype=np.int64)
    np.testing.assert_array_equal(got, [[2**63 - 1, -(2**63)], [2**63 - 1, 2**63 - 1]])
    assert np.isfinite(convkit.convolve_separable(x, [[2**40], [2**40]])).all()


def test_integers_are_exact(rng):
    x = rng.integers(0, 256, (50, 61)).astype(np.uint8)
    taps = [np.array([1, 4, 6, 4, 1]), np.array([-1, 0, 1])]
    want = reference.convolve(x, reference.dense(taps).astype(int), boundary="symmetric")
    got = convkit.convolve_separable(x, taps, boundary="symmetric")
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, want.astype(np.float64))
    got = convkit.convolve_separable(x, taps, boundary="symmetric", dtype=np.int32)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, want.astype(np.int64))
