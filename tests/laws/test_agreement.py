"""Three ways to the same numbers: direct = separable = fft, and the passes of convolve_separable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import BOUNDARIES, COMPLEX, FLOATS, MODES, SEEDS, cases


def bounds(case):
    """Of the direct and the FFT way, and the rounding of the result."""
    x, weights = case.cast()
    both = reference.direct_bound(x, weights, case.work, **case.options)
    both = 2 * both + reference.fft_bound(x, weights, case.work, **case.options)
    if case.result != case.work:
        both = both + 2 * reference.rounding(case.expected(), case.result)
    return both


@settings(max_examples=300)
@given(cases(dtypes=(*FLOATS, *COMPLEX, "uint8", "int32")))
def test_direct_is_fft(case):
    direct = convkit.convolve(case.x, case.weights, method="direct", **case.options)
    fft = convkit.convolve(case.x, case.weights, method="fft", **case.options)
    reference.assert_within(fft, direct, bounds(case), str(case))


@settings(max_examples=300)
@given(cases(dtypes=FLOATS, weights_dtypes=("float64", "complex128"), separable=True))
def test_direct_is_separable(case):
    direct = convkit.convolve(case.x, case.weights, method="direct", **case.options)
    passes = convkit.convolve(case.x, case.weights, method="separable", **case.options)
    x, weights = case.cast()
    slack = 16 * reference.eps(case.work) * np.linalg.norm(weights) * np.linalg.norm(x) * (weights.size + 1)
    fill = abs(case.options.get("fill_value", 0.0))
    slack += 16 * reference.eps(case.work) * abs(weights).sum() * fill * weights.size
    reference.assert_within(passes, direct, bounds(case) + slack, str(case))


RANKS = [(1, 5), (2, 9), (3, 13)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rank", "side"), RANKS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_low_rank_images(rank, side, boundary, dtype, rng):
    weights = rng.standard_normal((side, rank)) @ rng.standard_normal((rank, side + 1))
    x = rng.standard_normal((90, 101)).astype(dtype)
    found = convkit.separate(weights.astype(dtype), rtol=1e-7 if dtype == "float32" else 1e-14)
    want = reference.convolve(x.astype(float), weights.astype(dtype).astype(float), boundary=boundary)
    bound = reference.separable_bound(x, weights, dtype, found.terms, found.error + 8 * reference.eps(dtype), boundary=boundary)
    for method in ("separable", "direct", "auto", "fft"):
        got = convkit.convolve(x, weights, method=method, boundary=boundary)
        room = np.maximum(bound, reference.fft_bound(x, weights, dtype)) if method in ("fft", "auto") else bound
        reference.assert_within(got, want, room, f"{method} rank {rank}")


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("rank", [1, 2])
def test_low_rank_volumes(rank, boundary, rng):
    weights = sum(reference.dense([rng.standard_normal(7) for _ in range(3)]) for _ in range(rank))
    x = rng.standard_normal((14, 15, 16))
    want = reference.convolve(x, weights, boundary=boundary)
    most = 1e3 * reference.eps(float) * abs(weights).sum() * abs(x).max()
    for method in ("separable", "direct", "auto", "fft"):
        got = convkit.convolve(x, weights, method=method, boundary=boundary)
        reference.assert_within(got, want, most, f"{method} rank {rank}")


@given(SEEDS, st.sampled_from(MODES), st.sampled_from(BOUNDARIES))
def test_passes_in_any_order(seed, mode, boundary):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((9, 8, 7))
    taps = [rng.standard_normal(k) for k in (3, 4, 2)]
    together = convkit.convolve_separable(x, taps, mode=mode, boundary=boundary)
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        one = x
        for axis in order:
            one = convkit.convolve(one, taps[axis], axes=axis, mode=mode, boundary=boundary)
        np.testing.assert_allclose(one, together, atol=1e-12)


@pytest.mark.parametrize("mode", ["same", "full"])
@pytest.mark.parametrize("boundary", [*BOUNDARIES, "constant"])
@pytest.mark.parametrize(
    ("n", "k"),
    [((70_000,), (33,)), ((70_000,), (1500,)), ((1300, 600), (15, 16)), ((610, 1330), (8, 9)), ((90, 80, 130), (7, 6, 5))],
)
def test_tiles_of_large_arrays(n, k, boundary, mode, rng):
    """The float32 FFT against direct sums in float64, which are exact by comparison."""
    x, weights = (rng.standard_normal(s).astype(np.float32) for s in (n, k))
    options = {"boundary": boundary, "mode": mode} | ({"fill_value": 2.0} if boundary == "constant" else {})
    want = convkit.convolve(x, weights, method="direct", dtype=np.float64, **options)
    bound = reference.fft_bound(x, weights, np.float32, **options)
    got = convkit.convolve(x, weights, method="fft", **options)
    assert got.dtype == np.float32
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= bound
