"""Samples that are left out on a device: masks, masked arrays and NaN, as on the CPU."""

import numpy as np
import pytest

import convkit
from tests.cuda.twins import sent
from tests.cuda.twins_strides import lying

WEIGHTS = np.array([[1.0, 2.0, 0.5, 0.25], [0.25, 3.0, -1.0, 0.5], [0.5, 1.0, 2.0, -0.5]])


@pytest.fixture
def holes(rng):
    """Samples with NaN, alone and in a block that hides all of some windows, and where they are valid."""
    x = rng.standard_normal((9, 14))
    x[2, 3] = x[8, 13] = np.nan
    valid = rng.random(x.shape) < 0.8
    valid[3:8, 5:12] = False
    return x, valid


def same(got, want, dtype="float64"):
    """Whether two results agree, and are NaN in the same places."""
    got = got.copy_to_host() if hasattr(got, "copy_to_host") else got
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    close = 1e-12 if dtype in ("float64", "complex128") else 1e-4
    np.testing.assert_allclose(got, want, rtol=close, atol=close * 10)
    return got


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8", "float16"])
@pytest.mark.parametrize(("mode", "boundary"), [("same", "zero"), ("full", "reflect"), ("valid", "zero")])
@pytest.mark.parametrize("policy", ["omit", "propagate"])
def test_masks_and_nan_are_left_out(dtype, mode, boundary, policy, holes):
    x, valid = holes
    x = np.nan_to_num(100 * x).astype(dtype) if dtype == "uint8" else x.astype(dtype)
    mask = valid if policy == "propagate" or dtype == "uint8" else None
    options = {"mode": mode, "boundary": boundary, "nan_policy": policy, "method": "direct"}
    want = convkit.correlate(x, WEIGHTS, mask=mask, **options)
    assert np.isnan(want).any() == (policy == "propagate" or (dtype == "uint8"))
    same(convkit.correlate(sent(x), WEIGHTS, mask=mask, **options), want, dtype)


@pytest.mark.parametrize("method", ["auto", "fft", "separable"])
def test_every_method_leaves_out(method, holes):
    x, valid = holes
    x, weights = np.nan_to_num(x), np.outer([1.0, 2, 1], [0.5, 1, 2, 1])
    want = convkit.convolve(x, weights, mask=valid, method="direct")
    same(convkit.convolve(sent(x), weights, mask=valid, method=method), want)


def test_more_taps_than_samples(rng):
    x = rng.standard_normal((3, 4))
    x[1, 1] = np.nan
    weights = rng.random((5, 7))
    for mode in ("same", "valid", "full"):
        options = {"mode": mode, "nan_policy": "omit", "method": "direct"}
        same(convkit.correlate(sent(x), weights, **options), convkit.correlate(x, weights, **options))


@pytest.mark.parametrize("mode", ["same", "valid"])
def test_passes_leave_out(mode, holes):
    x, valid = holes
    taps = [[1.0, 2.0, 1.0], [0.5, 1.0]]
    options = {"mode": mode, "boundary": "edge", "nan_policy": "omit"}
    want = convkit.convolve_separable(x, taps, mask=valid, **options)
    same(convkit.convolve_separable(sent(x), taps, mask=valid, **options), want)
    same(convkit.convolve_separable(x, taps, mask=sent(valid), device="cuda", **options), want)


@pytest.mark.parametrize("way", ["reversed", "transposed"])
def test_masks_lie_where_and_how_they_like(way, holes):
    x, valid = holes
    x = np.nan_to_num(x)
    want = convkit.convolve(x, WEIGHTS, mask=valid, method="direct")
    same(convkit.convolve(sent(x), WEIGHTS, mask=lying(valid, way), method="direct"), want)
    got = convkit.convolve(x, WEIGHTS, mask=lying(valid, way), method="direct", device="cuda")
    assert type(got) is np.ndarray
    same(got, want)
    same(convkit.convolve(np.ma.masked_array(x, ~valid), WEIGHTS, device="cuda", method="direct"), want)


def test_results_go_where_the_caller_says(holes):
    x, valid = holes
    want = convkit.convolve(x, WEIGHTS, mask=valid, nan_policy="omit", method="direct", dtype=np.float32)
    options = {"mask": valid, "nan_policy": "omit", "dtype": np.float32, "method": "direct"}
    for out in (sent(np.zeros_like(want)), np.zeros_like(want), lying(np.zeros_like(want), "reversed")):
        for samples in (sent(x), x):
            assert convkit.convolve(samples, WEIGHTS, device="cuda", out=out, **options) is out
            if not hasattr(out, "strides") or min(out.strides) > 0:
                same(out, want, "float32")
    own = sent(x)
    assert convkit.convolve(own, WEIGHTS, nan_policy="omit", method="direct", out=own) is own
    same(own, convkit.convolve(x, WEIGHTS, nan_policy="omit", method="direct"))


@pytest.mark.parametrize("dtype", ["float32", "complex128", "float16"])
def test_nan_are_found_where_they_count(dtype, holes):
    x = holes[0].astype(dtype)
    clean, everywhere = np.nan_to_num(x), np.ones(x.shape, bool)
    for samples, mask in ((x, None), (x, everywhere)):
        for there in (sent(samples), samples):
            with pytest.raises(ValueError, match="x holds NaN, and nan_policy='raise'"):
                convkit.convolve(there, WEIGHTS, mask=mask, nan_policy="raise", device="cuda")
    options = {"nan_policy": "raise", "method": "direct"}
    for samples, mask in ((clean, None), (x, ~np.isnan(x)), (clean, sent(everywhere))):
        want = convkit.convolve(samples, WEIGHTS, mask=None if mask is None else np.isfinite(samples), **options)
        same(convkit.convolve(sent(samples), WEIGHTS, mask=mask, **options), want, dtype if dtype != "float16" else "float32")


def test_what_makes_no_sense_is_refused_as_on_the_cpu(holes):
    x, valid = holes
    for options, error, says in (
            ({"nan_policy": "skip"}, ValueError, "nan_policy='skip'"),
            ({"mask": sent(valid.astype(np.int8))}, TypeError, "mask has dtype int8; it must be boolean"),
            ({"mask": valid[1:]}, ValueError, r"mask has shape \(8, 14\), but x has shape \(9, 14\)"),
            ({"nan_policy": "omit", "dtype": np.int32}, ValueError, "cannot hold the NaN that nan_policy='omit' gives"),
            ({"mask": sent(valid), "dtype": np.int32}, ValueError, "cannot hold the NaN that mask gives")):
        with pytest.raises(error, match=says):
            convkit.convolve(sent(x), WEIGHTS, **options)
    with pytest.raises(ValueError, match="the weights sum to zero"):
        convkit.convolve(sent(x), [[1.0, -1.0]], nan_policy="omit")
