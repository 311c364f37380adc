"""The median: the peers' values on any input, every kernel, and what is refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import pywt.data
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit.engines import rank as engine
from convkit.filters.rank import median
from convkit.kernels import counts, stages
from convkit.kernels import rank as kernels
from convkit.kernels.networks import BOTH, MINIMUM, box_program, list_program

NDIMAGE = {"zero": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}
BOUNDARIES = tuple(NDIMAGE)
REAL = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")
# What the oracle takes: it knows neither bool nor float16.
WIDER = {"bool": np.uint8, "float16": np.float32}


def draw(rng, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return np.round(4 * rng.standard_normal(shape), 1).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.4
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True) >> dtype.type(rng.integers(0, dtype.itemsize * 8))


def expected(x, size=None, boundary="reflect", footprint=None):
    if (x.dtype.kind in "iu" and x.itemsize == 8) or (footprint is not None and x.ndim == 1):
        # ndimage computes in float64, and takes a footprint along a line for a box.
        mask = np.ones(np.broadcast_to(size, x.ndim), bool) if footprint is None else footprint
        padded = np.pad(x, [(k // 2, k - 1 - k // 2) for k in mask.shape], mode="constant" if boundary == "zero" else boundary)
        windows = np.lib.stride_tricks.sliding_window_view(padded, mask.shape)[..., mask]
        return np.sort(windows, axis=-1)[..., mask.sum() // 2]
    wide = x.astype(WIDER.get(x.dtype.name, x.dtype))
    return scipy.ndimage.median_filter(wide, size, footprint=footprint, mode=NDIMAGE[boundary]).astype(x.dtype)


@pytest.fixture
def taken(monkeypatch):
    """Lets a test say which kernel does the work."""

    def take(method):
        monkeypatch.setattr(engine, "_method", lambda *arguments: method)

    return take


# --- the median


@st.composite
def calls(draw_from):
    dim = draw_from(st.sampled_from((1, 2, 2, 3)))
    shape = tuple(draw_from(st.integers(1, (40, 14, 7)[dim - 1])) for _ in range(dim))
    size = tuple(draw_from(st.integers(1, (30, 9, 4)[dim - 1])) for _ in range(dim))
    rng = np.random.default_rng(draw_from(st.integers(0, 2**32 - 1)))
    return draw(rng, shape, draw_from(st.sampled_from(REAL))), size, draw_from(st.sampled_from(BOUNDARIES))


@settings(max_examples=150, deadline=None)
@given(calls(), st.sampled_from(("best", "program", "slide")))
def test_median_is_ndimages(call, method):
    x, size, boundary = call
    original = engine._method
    try:
        if method != "best":
            engine._method = lambda *arguments: method
        got = median(x, size, boundary=boundary)
    finally:
        engine._method = original
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, expected(x, size, boundary))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
@pytest.mark.parametrize("size", [(3, 3), (2, 7), (13, 10), (31, 1), (1, 40)])
def test_counts_are_ndimages(size, dtype, boundary, rng, taken):
    taken("count")
    x = draw(rng, (37, 70), dtype)
    np.testing.assert_array_equal(median(x, size, boundary=boundary), expected(x, size, boundary))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("size", [3, 5, 7, 9, 15, (4, 6), (1, 31), (31, 1), 21])
def test_median_of_a_picture(size, dtype):
    x = pywt.data.camera()[100:260, 90:400].astype(dtype)
    got = median(x, size, boundary="symmetric")
    np.testing.assert_array_equal(got, scipy.ndimage.median_filter(x, size))
    np.testing.assert_array_equal(median(x, size, boundary="symmetric", workers=2), got)


def test_median_is_opencvs():
    cv2 = pytest.importorskip("cv2")
    x = pywt.data.aero()
    for k in (3, 5, 9, 31):
        np.testing.assert_array_equal(median(x, k, boundary="edge"), cv2.medianBlur(x, k))
    for dtype, k in itertools.product((np.uint16, np.float32), (3, 5)):
        np.testing.assert_array_equal(median(x.astype(dtype), k, boundary="edge"), cv2.medianBlur(x.astype(dtype), k))


@pytest.mark.parametrize("name", ["coins", "page"])
def test_median_of_scikit_images_pictures(name):
    data = pytest.importorskip("skimage.data")
    filters = pytest.importorskip("skimage.filters")
    x = getattr(data, name)()
    disk = np.hypot(*np.ogrid[-3:4, -3:4]) <= 3
    np.testing.assert_array_equal(median(x, footprint=disk, boundary="edge"), filters.median(x, disk))


@pytest.mark.parametrize("size", [2, 3, 5])
def test_median_of_a_volume(size, rng):
    x = rng.standard_normal((20, 31, 45)).astype(np.float32)
    np.testing.assert_array_equal(median(x, size), expected(x, size))


@pytest.mark.parametrize("method", ["program", "slide"])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64"])
def test_median_over_a_footprint(dtype, method, rng, taken):
    taken(method)
    for shape, foot in (((20, 23), (3, 4)), ((9, 8), (5, 1)), ((50,), (7,)), ((7, 8, 9), (2, 3, 3))):
        x = draw(rng, shape, dtype)
        for _ in range(4):
            mask = rng.random(foot) < 0.5
            mask.flat[rng.integers(mask.size)] = True
            for boundary in BOUNDARIES:
                np.testing.assert_array_equal(median(x, footprint=mask, boundary=boundary),
                                              expected(x, None, boundary, mask), err_msg=repr(mask))


@pytest.mark.parametrize("method", ["program", "slide"])
@pytest.mark.parametrize("axes", [(0, 2), (2, 0), (1, 2), (0, 1), (3,), 1, (0, 1, 3), (3, 1, 0)])
def test_median_along_axes(axes, method, rng, taken):
    taken(method)
    x = rng.integers(0, 50, (6, 7, 8, 5)).astype(np.int16)
    given_axes = axes if isinstance(axes, tuple) else (axes,)
    size = (3, 2, 5)[: len(given_axes)]
    boundary = ("wrap", "edge", "zero")[: len(given_axes)]
    whole = [1] * 4
    modes = ["mirror"] * 4
    for a, k, b in zip(given_axes, size, boundary, strict=True):
        whole[a], modes[a] = k, NDIMAGE[b]
    # ndimage has one mode per call for medians: pad by hand.
    padded = x
    for a, k, b in zip(given_axes, size, boundary, strict=True):
        mode = {"zero": "constant", "wrap": "wrap", "edge": "edge"}[b]
        padded = np.pad(padded, [(k // 2, k - 1 - k // 2) if i == a else (0, 0) for i in range(4)], mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, whole).reshape(*x.shape, -1)
    want = np.sort(windows, axis=-1)[..., math.prod(size) // 2]
    np.testing.assert_array_equal(median(x, size, boundary=boundary, axes=axes), want)


def test_channels_are_filtered_apart(rng):
    x = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    want = np.stack([expected(np.ascontiguousarray(x[..., c]), 5) for c in range(3)], axis=-1)
    np.testing.assert_array_equal(median(x, 5, channel_axis=-1), want)
    np.testing.assert_array_equal(median(np.moveaxis(x, -1, 0), 5, channel_axis=0), np.moveaxis(want, -1, 0))


def test_lists_views_and_byte_orders(rng):
    assert median([3, 1, 2], 3).tolist() == [1, 2, 1]
    x = rng.integers(0, 1000, (30, 44)).astype(">i2")
    np.testing.assert_array_equal(median(x, 3), expected(x.astype(np.int16), 3))
    assert median(x, 3).dtype == np.int16
    view = rng.standard_normal((40, 60))[::-2, ::3]
    view.flags.writeable = False
    np.testing.assert_array_equal(median(view, 3), expected(view, 3))
    np.testing.assert_array_equal(median(x.T, (3, 5)), expected(np.ascontiguousarray(x.T).astype(np.int16), (3, 5)))


@pytest.mark.parametrize("method", ["program", "slide"])
def test_a_nan_is_the_largest_number_and_stays_in_its_windows(method, taken, rng):
    taken(method)
    x = rng.standard_normal((15, 17)).astype(np.float32)
    clean = median(x, 3, boundary="edge")
    x[7, 8] = -np.nan
    x[2, 2] = -np.inf
    got = median(x, 3, boundary="edge")
    reached = np.zeros(x.shape, bool)
    reached[6:9, 7:10] = reached[1:4, 1:4] = True
    np.testing.assert_array_equal(got[~reached], clean[~reached])
    padded = np.pad(x, 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*x.shape, 9)
    np.testing.assert_array_equal(got, np.sort(windows, axis=-1)[..., 4])
    assert np.isfinite(got[7, 8])
    x[5:9, 5:9] = np.nan
    assert np.isnan(median(x, 3)[6, 6])
    assert np.isnan(median(x, 3)).sum() < 30


def test_median_out(rng):
    x = rng.integers(0, 255, (30, 40), dtype=np.uint8)
    want = expected(x, 5)
    out = np.empty_like(x)
    assert median(x, 5, out=out) is out
    np.testing.assert_array_equal(out, want)
    turned = np.empty((40, 30), np.uint8).T
    assert median(x, 5, out=turned) is turned
    np.testing.assert_array_equal(turned, want)
    assert median(x, 5, out=x) is x
    np.testing.assert_array_equal(x, want)


def test_a_window_of_one_sample_is_a_copy(rng):
    x = rng.standard_normal((4, 5))
    got = median(x, 1)
    np.testing.assert_array_equal(got, x)
    assert not np.shares_memory(got, x)
    got[0, 0] = 7
    np.testing.assert_array_equal(median(x, (1, 3)), expected(x, (1, 3)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 0}, "size=0"),
        ({"size": (3, 3, 3)}, "3 values for 2 axes"),
        ({"size": 2.5}, "size=2.5"),
        ({"size": True}, "size=True"),
        ({}, "give one of them"),
        ({"size": 3, "footprint": np.ones((3, 3), bool)}, "give one of them"),
        ({"footprint": np.zeros((3, 3), bool)}, "holds no True"),
        ({"footprint": np.ones(3, bool)}, "one axis for each"),
        ({"footprint": np.ones((3, 3))}, "float64"),
        ({"size": 5000}, "too large"),
        ({"size": 3, "boundary": "mirrored"}, "boundary='mirrored'"),
        ({"size": 3, "axes": 2}, "axes=2"),
        ({"size": 3, "workers": 0}, "workers=0"),
        ({"size": 3, "out": np.empty((4, 5), np.float32)}, "out has dtype float32"),
        ({"size": 3, "out": np.empty((4, 4))}, "out has shape"),
    ],
)
def test_median_refuses(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        median(np.zeros((4, 5)), **arguments)


def test_median_refuses_samples():
    with pytest.raises(TypeError, match="no order"):
        median(np.zeros((4, 5), complex), 3)
    with pytest.raises(ValueError, match="along 4 axes"):
        median(np.zeros((2, 2, 2, 2)), 2)
    with pytest.raises(TypeError, match="masked"):
        median(np.ma.masked_equal(np.arange(5), 2), 3)


# --- the kernels


def test_narrow_windows_take_programs_and_wide_ones_counts_or_sorting():
    def method(dtype, shape):
        return engine._method(np.dtype(dtype).itemsize, engine._Members(shape, None), math.prod(shape) // 2, True)

    assert method("uint8", (1, 5, 5)) == method("float32", (1, 9, 9)) == method("uint8", (3, 3, 3)) == "program"
    assert method("uint8", (1, 25, 25)) == "count"
    assert method("uint8", (9, 9, 9)) == method("float32", (1, 25, 25)) == "slide"


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 6), (5, 1), (3, 3), (2, 7), (4, 4), (9, 2), (7, 7)])
def test_programs_select_every_rank(rows, columns, rng):
    x = rng.integers(0, 30, (rows, columns + 20))
    for number in {0, rows * columns // 3, rows * columns // 2, rows * columns - 1}:
        program = box_program(rows, columns, number)
        lines = [*x, *np.full((program.slots, x.shape[1]), -1)]
        for operation, a, s, b, t, low, high, extra in program.steps:
            n = 21 + extra
            u, v = lines[a][s : s + n].copy(), lines[b][t : t + n].copy()
            if operation in (MINIMUM, BOTH):
                lines[low] = np.minimum(u, v)
            if operation != MINIMUM:
                lines[high] = np.maximum(u, v)
        result = lines[low if operation == MINIMUM else high][:21]
        windows = np.lib.stride_tricks.sliding_window_view(x, (rows, columns))[0].reshape(21, -1)
        np.testing.assert_array_equal(result, np.sort(windows, axis=1)[:, number])


def test_programs_are_short():
    """Sharing between neighbours is what makes them so: a sorting network of 25 samples alone takes over 200 operations."""
    assert box_program(3, 3, 4).operations <= 22
    assert box_program(5, 5, 12).operations <= 90
    assert box_program(5, 5, 12).slots <= 31
    assert len(list_program(((0, 0), (1, 1), (2, 0)), 3, 1).steps) < 6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("side", [3, 5, 7])
def test_written_out_medians_are_their_plain_twins(side, dtype, rng):
    from numba import njit

    n, room = 70, 160
    lines = side + stages.SIDES[side]
    buffer = rng.integers(0, 60, (lines, room)).astype(dtype).reshape(-1)
    places = np.arange(lines) * room
    plain = buffer.copy()
    windows = np.lib.stride_tricks.sliding_window_view(buffer.reshape(lines, room)[:side], (side, side))[0]
    want = np.sort(windows.reshape(-1, side**2))
    plain_median = getattr(stages.square_median, "py_func", stages.square_median)
    plain_median(plain, places, side, 1, n)
    np.testing.assert_array_equal(plain[places[-1] :][:n], want[:n, side**2 // 2])
    compiled = njit(lambda buffer, places, side, count: stages.square_median(buffer, places, side, 1, count))
    compiled(buffer, places, side, n)
    np.testing.assert_array_equal(buffer[places[-1] :][:n], plain[places[-1] :][:n])


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_counts_in_vectors_are_their_plain_twins(dtype, rng):
    from numba import njit

    counted = rng.integers(0, 9, 80).astype(dtype)
    counted[32:48] %= 1 + counted[:16]
    plain = counted.copy()
    njit(lambda c: counts.move_part(c, 0, 16, 32))(counted)
    counts.move_part(plain, 0, 16, 32)
    np.testing.assert_array_equal(counted, plain)
    find = njit(lambda c, rank: counts.find_part(c, 48, rank))
    for rank in range(int(plain[48:64].sum())):
        assert find(counted, rank) == counts.find_part(counted, 48, rank)
    assert counts.ones(np.uint64(0xF0F1)) == njit(lambda w: counts.ones(w))(np.uint64(0xF0F1)) == 9


def test_lines_in_vectors_are_their_plain_twins(rng):
    from numba import njit

    run = njit(lambda buffer, operation: kernels.step_lines(buffer, operation, 3, 100, 200, 300, 50))
    for operation in range(3):
        start = rng.integers(0, 99, 500).astype(np.uint16)
        plain, compiled = start.copy(), start.copy()
        kernels.step_lines(plain, operation, 3, 100, 200, 300, 50)
        run(compiled, operation)
        for line in (200, 300):
            np.testing.assert_array_equal(compiled[line : line + 50], plain[line : line + 50])
        assert (plain != start).any()
