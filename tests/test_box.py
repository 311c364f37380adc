"""Windows of equal weights: any boundary, layout and window, the bits of every piece, and nothing that outlives its window."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from convkit._core.geometry import axis_geometry
from convkit.engines import box as engine
from convkit.engines import cpu
from convkit.kernels import shifts, simd
from tests import reference
from tests.strategies import BOUNDARIES, MODES, SEEDS, boundaries, shapes, values

SCIPY = {"zero": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}
SMALL = ("uint8", "int16", "uint16")


@pytest.fixture
def calls(monkeypatch):
    """The prepared window sums that were called."""
    seen = []
    original = engine.PreparedBox.__call__

    def call(self, *arguments):
        seen.append(self)
        original(self, *arguments)

    monkeypatch.setattr(engine.PreparedBox, "__call__", call)
    return seen


def means(k, dtype=np.float64):
    return [np.full(n, 1 / n, dtype) for n in k]


@st.composite
def windows(draw):
    dim = draw(st.sampled_from((1, 2, 3)))
    mode = draw(st.sampled_from(MODES))
    n, k = draw(shapes(dim, mode))
    rng = np.random.default_rng(draw(SEEDS))
    taps = [np.full(side, rng.standard_normal()) for side in k]
    if mode != "valid" or all(a >= b for a, b in zip(n, k, strict=True)):
        taps = [None if i and draw(st.integers(0, 4)) == 0 else t for i, t in enumerate(taps)]
    x = values(rng, n, draw(st.sampled_from(("float32", "float64", *SMALL, "bool", "int32"))))
    return x, taps, {"mode": mode, **draw(boundaries(dim))}


@settings(max_examples=400)
@given(windows())
def test_is_the_dense_convolution(call):
    x, taps, options = call
    work = reference.work_dtype(x.dtype, np.float32)
    wide = x.astype(np.float64)
    weights = reference.dense([None if t is None else t.astype(work).astype(np.float64) for t in taps])
    got = convkit.convolve_separable(x, taps, **options)
    want = reference.convolve(wide, weights, precise=work == np.float64, **options)
    bound = reference.direct_bound(wide, weights, work, **options) * max(1, sum(weights.shape) / weights.size)
    reference.assert_within(got, want, bound, f"{taps} of {x!r} with {options}")


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", *SMALL])
@pytest.mark.parametrize(
    ("n", "k"),
    [((140, 301), (3, 4)), ((301, 140), (9, 2)), ((97, 96), (31, 63)), ((20, 30), (64, 101)), ((1, 500), (1, 17)),
     ((300, 33), (12, 1)), ((40_000,), (51,)), ((30,), (1000,)), ((21, 22, 37), (3, 6, 5))],
)  # fmt: skip
def test_is_scipys_uniform_filter(n, k, dtype, boundary, rng, calls):
    x = (200 * rng.random(n)).astype(dtype)
    got = convkit.convolve_separable(x, means(k), boundary=boundary)
    assert calls
    want = scipy.ndimage.uniform_filter(x.astype(np.float64), k, mode=SCIPY[boundary])
    reference.assert_within(got, want, 2 * reference.C * sum(k) * reference.eps(got.dtype) * 200)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize(("shape", "axes"), [((3, 40, 60), (1, 2)), ((40, 60, 3), (0, 1)), ((40, 3, 60), (0, 2)),
                                             ((40, 60, 64), (0, 1)), ((2, 3, 40, 60), (2, 3)), ((40, 60, 3), (1, 0)),
                                             ((3, 40, 60), (1,)), ((40, 3, 60), (0,)), ((40, 60, 3), (1,))])  # fmt: skip
def test_batches_and_channels(shape, axes, dtype, rng, calls):
    x = (200 * rng.random(shape)).astype(dtype)
    k = (7, 4)[: len(axes)]
    got = convkit.convolve_separable(x, means(k), axes=axes, boundary="reflect")
    assert calls
    want = x.astype(np.float64)
    for axis, side in zip(axes, k, strict=True):
        want = scipy.ndimage.uniform_filter1d(want, side, axis=axis, mode="mirror")
    reference.assert_within(got, want, 4 * reference.C * sum(k) * reference.eps(got.dtype) * 200)


@pytest.mark.parametrize("mode", MODES)
def test_the_fill_value_surrounds_all_passes(mode, rng):
    x = rng.standard_normal((9, 10, 11))
    taps = [np.full(3, 0.5), np.full(4, -2.0), np.full(6, 0.25)]
    options = {"mode": mode, "boundary": ("constant", "edge", "constant"), "fill_value": 3.0}
    want = reference.convolve(x, reference.dense(taps), **options)
    reference.assert_within(convkit.convolve_separable(x, taps, **options), want, 1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [(2, 3), (4, 9), (5, 64), (15, 15), (31, 8)])
def test_a_window_ends_what_it_holds(k, dtype, rng):
    x = rng.standard_normal((150, 170)).astype(dtype)
    plain = convkit.convolve_separable(x, means(k))
    big = np.finfo(dtype).max / 2
    for bad in (np.nan, np.inf, -np.inf, big):
        spoilt = x.copy()
        spoilt[80, 75] = bad
        got = convkit.convolve_separable(spoilt, means(k))
        reached = np.zeros(x.shape, bool)
        top, left = (at - (side - 1) // 2 for at, side in zip((80, 75), k, strict=True))
        reached[top : top + k[0], left : left + k[1]] = True
        np.testing.assert_array_equal(got[~reached], plain[~reached])
        if np.isfinite(bad):
            np.testing.assert_allclose(got[reached], bad / math.prod(k), rtol=1e-5)
        else:
            np.testing.assert_array_equal(got[reached], np.full(math.prod(k), bad, dtype))


def test_sums_near_the_end_of_the_range_do_not_overflow():
    x = np.full((40, 40), np.finfo(np.float32).max * np.float32(0.99))
    got = convkit.convolve_separable(x, means((15, 15)), boundary="edge")
    np.testing.assert_allclose(got, x, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize(("shape", "k"), [((700, 601), (15, 15)), ((700, 601), (3, 5)), ((700, 601), (150, 1)),
                                          ((301_007,), (100,)), ((9, 211, 205), (1, 6, 7))])  # fmt: skip
def test_bits_do_not_depend_on_workers_pieces_or_panels(shape, k, dtype, rng, monkeypatch):
    x = (200 * rng.random(shape)).astype(dtype)
    want = convkit.convolve_separable(x, means(k), boundary="reflect", workers=1)
    np.testing.assert_array_equal(convkit.convolve_separable(x, means(k), boundary="reflect", workers=2), want)
    out = np.empty_like(want)
    geometry = [axis_geometry(n, side, "same") for n, side in zip(shape, k, strict=True)]
    found = engine.uniform([t.astype(out.dtype) for t in means(k)], out.dtype)
    arguments = (x, found, geometry, ["reflect"] * len(k), 0, range(len(k)), out, 1)
    for name, value in (("PIECE", 1 << 12), ("WINDOWS", 1), ("KEPT", 1 << 9), ("PANEL", 96)):
        monkeypatch.setattr(engine, name, value)
        out[...] = -1
        engine.box(*arguments)
        np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("window", [*range(1, 70), 100, 255, 1001])
def test_shifts_add_every_sample_of_the_window_once(window):
    levels, lines = engine.shifts(window)
    made = [{0: 1}]
    for level, (terms, needed) in enumerate(levels):
        sums = {}
        for line, shift in lines[level, :terms]:
            for at, times in made[line].items():
                sums[at + shift] = sums.get(at + shift, 0) + times
        made.append(sums)
        assert max(sums) + needed == window - 1
    assert made[-1] == dict.fromkeys(range(window), 1)
    assert levels[:, 0].sum() <= max(4, 4.5 * math.log2(window))


@pytest.mark.parametrize("high", [2, 4, 5, 31])
def test_pieces_cover_the_outputs_once_and_begin_with_a_window(high):
    extent = (3, 1000, 900)
    count = np.zeros(extent, int)
    for z0, z1, y0, y1, c0, c1 in engine.pieces(extent, high, 16):
        assert y0 % high == 0
        count[z0:z1, y0:y1, c0:c1] += 1
    assert (count == 1).all()


@pytest.mark.parametrize("method", ["auto", "separable"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_equal_weights_are_windows(method, dtype, rng, calls):
    x = rng.random((240, 220)).astype(np.float32)
    weights = np.full((15, 15), 1 / 225, dtype)
    assert convkit.separate(weights).error == 0
    got = convkit.convolve(x, weights, method=method, boundary="reflect")
    assert calls
    want = scipy.ndimage.uniform_filter(x.astype(np.float64), 15, mode="mirror")
    reference.assert_within(got, want, reference.C * 30 * reference.eps(np.float32))
    calls.clear()
    weights[7, 7] *= 2
    convkit.convolve(x, weights, method="auto")
    assert not calls


def test_integers_are_exact(rng):
    x = rng.integers(0, 256, (300, 310)).astype(np.uint8)
    want = reference_sums(x, 15)
    for got in (convkit.convolve_separable(x, [np.ones(15, int)] * 2), convkit.convolve(x, np.ones((15, 15), int))):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, want)
    got = convkit.convolve(x, np.full((15, 15), 2), dtype=np.int32, method="separable")
    np.testing.assert_array_equal(got, 2 * want)


def reference_sums(x, k):
    """Sums over k x k windows, by differences of integers."""
    padded = np.pad(x.astype(np.int64), ((k // 2 + 1, k // 2), (k // 2 + 1, k // 2)))
    sums = padded.cumsum(0).cumsum(1)
    return sums[k:, k:] - sums[:-k, k:] - sums[k:, :-k] + sums[:-k, :-k]


def test_other_taps_take_the_passes(rng, calls):
    x = rng.random((30, 40))
    convkit.convolve_separable(x, [np.ones(3), np.array([1, 2, 1.0])])
    convkit.convolve_separable(x + 1j, [np.ones(3), np.ones(3)])
    convkit.convolve_separable(x, [np.ones(3), np.full(3, 1j)])
    convkit.convolve_separable(np.full((30, 40), 32), [np.full(3, 1 << 40), np.full(3, 1 << 12)], dtype=np.int64)
    assert not calls
    assert engine.uniform([np.full(3, np.inf)], np.dtype(np.float64)) is None
    assert engine.uniform([None, None], np.dtype(np.float64)) is None


def test_into_out(rng):
    x = rng.random((50, 60))
    want = convkit.convolve_separable(x, means((5, 6)))
    for out in (np.empty((50, 60)), np.empty((60, 50)).T, x):
        assert convkit.convolve_separable(x.copy(), means((5, 6)), out=out) is out
        np.testing.assert_array_equal(out, want)
    read_only = rng.random((50, 60))
    read_only.flags.writeable = False
    assert np.isfinite(convkit.convolve_separable(read_only, means((5, 6)))).all()


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.skipif(not simd.vector_bits(), reason="no vector unit that the kernels know: the plain loops are used")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["next_row", "last_row", "only_row", "few_rows"])
def test_rows_are_their_plain_twins(name, dtype, rng):
    plain = getattr(shifts, name)
    n, lanes = 93, 16
    table = np.array([3, 11, 20, 200, 320])
    start = rng.standard_normal(1200).astype(dtype)
    total = 3 if name == "few_rows" else 400
    after = 2 if name == "few_rows" else 650
    buffers, outs = [], []
    for function in (plain, _compiled(plain)):
        x, out = start.copy(), np.zeros(100, dtype)
        function(x, table, 0, 3, n, total, 520, after, out, 5, start, 0)
        # Whole vectors may be written behind the results that are kept, and at the end.
        x[520 + n : 520 + n + lanes] = x[400 + n : 400 + n + lanes] = x[-lanes:] = 0
        buffers.append(x)
        outs.append(out)
    np.testing.assert_array_equal(outs[1], outs[0])
    np.testing.assert_array_equal(buffers[1], buffers[0])
    assert np.count_nonzero(outs[0]) == n


def _compiled(inner):
    def run(x, table, t, terms, n, total, kept, after, out, o, source, ahead):
        inner(x, table, t, terms, n, total, kept, after, out, o, source, ahead)

    return numba.njit(run, error_model="numpy")


def test_the_engine_is_reached_through_the_passes(rng):
    x = rng.random((40, 50)).astype(np.float32)
    taps = means((9, 9), np.float32)
    geometry = [axis_geometry(n, 9, "same") for n in x.shape]
    arguments = (geometry, ["wrap"] * 2, 0, (0, 1))
    got, want = np.empty_like(x), np.empty_like(x)
    engine.box(x, engine.uniform(taps, x.dtype), *arguments, got, 1)
    cpu.correlate_separable(x, taps, *arguments, want, 1)
    np.testing.assert_array_equal(got, want)
