"""Order statistics of windows on the CPU: pieces of work, and which kernel does them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry, layout
from convkit._core.typing import Array, IntArray
from convkit.engines.pieces import ALONE, Box, beyond, flat, scratch
from convkit.kernels.counts import PART, count_select, slide_select
from convkit.kernels.networks import Program, box_program, list_program
from convkit.kernels.rank import ROOM, gather, select
from convkit.kernels.simd import vector_bits
from convkit.kernels.stages import SIDES

# Bytes of a line: long enough that a step costs more than to be told of it, and short enough for a program's lines to
# stay in the caches.
LINE = 1024
# Bytes of a row that are gathered at once.
ROW = 8192
# Bytes of samples that are gathered at a time, and of results in one piece of work.
STRIP, PIECE = 1 << 17, 1 << 19
# Samples of a window up to which a program is made, and rows and columns of counts in one piece of work.
MEMBERS = 450
COUNTED = 512
# Results along each axis that one sorting serves, by the number of axes, if a window is not longer.
SORTED = {1: 1 << 14, 2: 128, 3: 32}
# Seconds, roughly: a program's operation on one byte; counting, per result; sorting, per sample; and of windows that move
# over sorted samples per result, and per sample that comes or goes.
OPERATION, COUNT, SORT, SLIDE, MOVE = 2.2e-11, 1.2e-8, 1.1e-8, 2e-8, 2e-9

class Window(NamedTuple):
    """Samples before and after the one that a window belongs to, along an axis."""

    before: int
    after: int

    @property
    def length(self) -> int:
        """Samples in the window."""
        return self.before + 1 + self.after


class _Members(NamedTuple):
    """Which samples of a window of planes, rows and columns count: the bytes of a mask, or None for all."""

    shape: tuple[int, int, int]
    bits: bytes | None

    def mask(self) -> Array:
        """True where a sample counts."""
        if self.bits is None:
            return np.ones(self.shape, bool)
        return np.frombuffer(self.bits, bool).reshape(self.shape)


class _Extended(NamedTuple):
    """Arguments of the kernels that tell how samples go on beyond the edges, and the size of a window."""

    shape: tuple[int, int, int]
    maps: tuple[Array, Array, Array]
    before: int
    step: int
    taps: tuple[int, int, int]
    extent: tuple[int, int, int]


def rank(x: Array, windows: Sequence[Window], footprint: Array | None, boundary: Sequence[str], axes: Sequence[int],
         number: int, out: Array, workers: int) -> None:
    """Write the value of rank `number` (0 is the least) of the window of each sample of `x` into `out`.

    `windows` and `boundary` are one for each of the ascending `axes`, of which there are 1 to 3; `footprint` tells which
    samples of a window count, else all do. `out` is C-contiguous, with the shape and dtype of `x`: bool, integers or floats.
    NaN counts as larger than all numbers; beyond a constant boundary lie zeros.
    """
    bits = None if footprint is None else footprint.tobytes()
    if layout(x.shape, axes) is None:
        _rearranged(x, windows, bits, boundary, axes, number, out, workers)
        return
    plan = _extended(x.shape, tuple(windows), tuple(boundary), tuple(axes))
    members = _Members(plan.taps, bits)
    method = _method(x.dtype.itemsize, members, number, plan.step == 1)
    if method == "slide":
        _rearranged(x, windows, bits, boundary, axes, number, out, workers)
    else:
        (_counted if method == "count" else _networked)(x, plan, members, number, out, workers)


@lru_cache(maxsize=256)
def _method(itemsize: int, members: _Members, number: int, single: bool) -> str:
    """The kernel that takes least time: "program", "count" (of signals that are not interleaved) or "slide"."""
    mask = members.mask()
    total = math.prod(members.shape)
    seconds = {"slide": 3 * SORT + SLIDE + MOVE * 2 * total / max(members.shape)}
    if itemsize == 1 and members.bits is None and single and members.shape[0] == 1 and total < 1 << 16:
        seconds["count"] = COUNT
    if mask.sum() <= MEMBERS:
        program = _program(members, number)
        if program is not None:
            seconds["program"] = OPERATION * itemsize * program.operations
    return min(seconds, key=lambda word: seconds[word])


def _program(members: _Members, number: int) -> Program | None:
    """A program for a window."""
    shape = members.shape
    rows = shape[0] * shape[1]
    if members.bits is not None:
        places = np.argwhere(members.mask().reshape(rows, shape[-1]))
        return list_program(tuple((int(row), int(shift)) for row, shift in places), rows, number)
    side = shape[-1]
    if shape == (1, side, side) and side in SIDES and number == side * side // 2 and vector_bits():
        # These medians have a kernel of their own: there are no steps.
        return Program(np.empty((0, 8), np.int64), SIDES[side], side * side)
    return box_program(rows, side, number)


@lru_cache(maxsize=64)
def _extended(shape: tuple[int, ...], windows: tuple[Window, ...], boundary: tuple[str, ...],
              axes: tuple[int, ...]) -> _Extended:
    plan = layout(shape, axes)
    assert plan is not None
    taps: list[int] = []
    maps: list[Array] = []
    before = 0
    for position, (n, slot) in enumerate(zip(plan.shape, plan.slots, strict=True)):
        window = Window(0, 0) if slot is None else windows[slot]
        kind = "zero" if slot is None else boundary[slot]
        taps.append(window.length)
        if position < 2:
            maps.append(index_map(n, window.before, window.after, kind))
        else:
            before = window.before
            maps.append(beyond(n, Geometry(0, n, window.before, window.after), kind))
    extent = (plan.shape[0], plan.shape[1], plan.shape[2] * plan.step)
    return _Extended(plan.shape, (maps[0], maps[1], maps[2]), before, plan.step, (taps[0], taps[1], taps[2]), extent)


def _order(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], Any, Any]:
    """Unsigned integers of as many bits as numbers; the sign of those that have one; Inf of floats. Else zeros."""
    bits = np.dtype(f"u{dtype.itemsize}")
    sign = bits.type(0 if dtype.kind in "bu" else 1 << (8 * dtype.itemsize - 1))
    infinity = np.array([np.inf], dtype).view(bits)[0] if dtype.kind == "f" else bits.type(0)
    return bits, sign, infinity


def _networked(x: Array, plan: _Extended, members: _Members, number: int, out: Array, workers: int) -> None:
    """Run a program on lines of samples."""
    program = _program(members, number)
    assert program is not None
    bits, sign, infinity = _order(x.dtype)
    samples, target = flat(x).view(bits), out.reshape(-1).view(bits)
    taps, reach = plan.taps, (plan.taps[2] - 1) * plan.step
    boxes, strip, together, panel = _boxes(plan.extent, taps, reach, bits.itemsize)
    pitch = boxes[0][5] - boxes[0][4] + reach
    gathered = (boxes[0][1] - boxes[0][0] + taps[0] - 1) * (strip + taps[1] - 1) * pitch
    room = gathered + (program.slots + 1) * (together * pitch + 3 * ROOM) + 2 * ROOM

    def work(box: Box) -> None:
        select(samples, plan.shape, *plan.maps, plan.before, plan.step, bits.type(0), sign, infinity, *taps[:2], reach,
               program.steps, program.slots, target, plan.extent, box, strip, together, panel, scratch(bits, room))

    seconds = OPERATION * program.operations * bits.itemsize * out.size
    pool.run(work, boxes, 1 if seconds < ALONE else workers)


@lru_cache(maxsize=64)
def _boxes(extent: tuple[int, int, int], taps: tuple[int, int, int], reach: int,
           itemsize: int) -> tuple[list[Box], int, int, int]:
    """Cut the outputs into pieces of work, without regard to the workers; the rows of a strip and of a line, and columns
    of a panel.
    """
    depth, rows, columns = extent
    panel = max(LINE // itemsize, 4 * reach)
    wide = -(-columns // -(-columns // max(4 * panel, ROW // itemsize)))
    together = min(rows, max(1, (panel + reach) // (wide + reach)))
    panel = -(-wide // -(-wide // panel))
    elements = STRIP // itemsize
    strip = max(1, elements // (wide + reach) - taps[1] + 1, min(4 * taps[1], 64))
    strip = min(-(-rows // together), -(-strip // together)) * together
    deep = min(depth, max(1, elements // ((wide + reach) * (strip + taps[1] - 1)), min(taps[0] - 1, 8)))
    high = strip * max(1, PIECE // (itemsize * deep * wide * strip))
    boxes = [(z, min(z + deep, depth), y, min(y + high, rows), c, min(c + wide, columns))
             for z in range(0, depth, deep) for y in range(0, rows, high) for c in range(0, columns, wide)]
    return boxes, strip, together, panel


def _counted(x: Array, plan: _Extended, members: _Members, number: int, out: Array, workers: int) -> None:
    """Count the values of 8-bit samples in windows of rows and columns."""
    bits, sign, infinity = _order(x.dtype)
    samples, target = flat(x).view(bits), out.reshape(-1).view(bits)
    _, high, wide = plan.taps
    depth, rows, columns = plan.extent
    tall, span = max(COUNTED, 4 * high), max(COUNTED, 2 * wide)
    boxes = [(z, z + 1, y, min(y + tall, rows), c, min(c + span, columns))
             for z in range(depth) for y in range(0, rows, tall) for c in range(0, columns, span)]

    def work(box: Box) -> None:
        z, _, y0, y1, c0, c1 = box
        pitch, height = c1 - c0 + wide - 1, y1 - y0 + high - 1
        strip = scratch(bits, pitch * height)
        gather(samples, plan.shape, *plan.maps, plan.before, 1, bits.type(0), sign, infinity, 1, high, wide - 1, box, pitch,
               strip)
        count_select(strip, height, pitch, high, wide, number, c1 - c0, target, (z * rows + y0) * columns + c0, columns, sign,
                     scratch(np.dtype(np.uint16), pitch * 17 * PART + 18 * PART, "counts"))

    pool.run(work, boxes, workers)


def _rearranged(x: Array, windows: Sequence[Window], footprint: bytes | None, boundary: Sequence[str], axes: Sequence[int],
                number: int, out: Array, workers: int) -> None:
    """Bring the filtered axes to the end, that of the longest windows last, and sort blocks of samples."""
    turn = sorted(range(len(axes)), key=lambda i: windows[i].length)
    where = [axes[i] for i in turn]
    others = [a for a in range(x.ndim) if a not in where]
    moved = np.ascontiguousarray(x.transpose(others + where))
    if footprint is not None:
        mask = np.frombuffer(footprint, bool).reshape([w.length for w in windows])
        footprint = mask.transpose(turn).tobytes()
    count = math.prod(moved.shape[: len(others)])
    batch = moved.reshape(count, *moved.shape[len(others) :])
    target = out if others + where == list(range(x.ndim)) else np.empty(moved.shape, x.dtype)
    results = target.reshape(batch.shape)
    chosen = tuple(windows[i] for i in turn), tuple(boundary[i] for i in turn)
    plan = _extended(batch.shape[1:], *chosen, tuple(range(len(where))))
    members = _Members(plan.taps, footprint)
    run = _networked if _method(x.dtype.itemsize, members, number, False) == "program" else _slid
    for i in range(count):
        run(batch[i], plan, members, number, results[i], workers)
    if target is not out:
        out[...] = target.transpose(np.argsort(others + where))


def _slid(x: Array, plan: _Extended, members: _Members, number: int, out: Array, workers: int) -> None:
    """Sort blocks of samples, and follow windows that move over them."""
    bits, sign, infinity = _order(x.dtype)
    samples, target = flat(x).view(bits), out.reshape(-1).view(bits)
    taps, extent = plan.taps, plan.extent
    long = [k for k in taps if k > 1]
    side = [1 if k == 1 else min(n, max(SORTED[max(len(long), 1)], (1 if len(long) == 3 else 2) * k))
            for n, k in zip(extent, taps, strict=True)]
    boxes = [(z, min(z + side[0], extent[0]), y, min(y + side[1], extent[1]), c, min(c + side[2], extent[2]))
             for z in range(0, extent[0], side[0]) for y in range(0, extent[1], side[1]) for c in range(0, extent[2], side[2])]
    mask = members.mask()
    strides = (extent[1] * extent[2], extent[2], 1)

    def work(box: Box) -> None:
        z0, z1, y0, y1, c0, c1 = box
        block = (z1 - z0 + taps[0] - 1, y1 - y0 + taps[1] - 1, c1 - c0 + taps[2] - 1)
        size = math.prod(block)
        keys = scratch(bits, size)
        gather(samples, plan.shape, *plan.maps, plan.before, 1, bits.type(0), sign, infinity, taps[0], taps[1], taps[2] - 1,
               box, block[2], keys)
        # Equal keys may come in any order: the results are keys.
        order = _sorted(keys[:size])
        slide_select(order, keys, block, *_moves(mask, block), number, (z1 - z0, y1 - y0, c1 - c0),
                     z0 * strides[0] + y0 * strides[1] + c0, strides, sign, infinity, target,
                     scratch(np.dtype(np.int32), size, "ranks"), scratch(np.dtype(np.uint64), size // 64 + 1, "present"))

    pool.run(work, boxes, workers)


def _sorted(keys: Array) -> IntArray:
    """The order of keys. NumPy sorts numbers of 64 bits in vectors, and orders no others as fast."""
    if keys.itemsize == 8:
        return np.argsort(keys)
    pairs = keys.astype(np.uint64)
    pairs <<= np.uint64(32)
    pairs |= np.arange(keys.size, dtype=np.uint64)
    pairs.sort()
    pairs &= np.uint64(0xFFFFFFFF)
    return pairs.view(np.int64)


def _moves(mask: Array, block: tuple[int, ...]) -> tuple[IntArray, IntArray, IntArray]:
    """Places in a block of a window's samples, of those that enter it as it moves by a column, and of those that leave."""
    def places(which: Array) -> IntArray:
        z, y, c = np.nonzero(which)
        return ((z * block[1] + y) * block[2] + c).astype(np.int64)

    wide = np.pad(mask, ((0, 0), (0, 0), (1, 1)))
    return places(mask), places(mask & ~wide[:, :, 2:]) + 1, places(mask & ~wide[:, :, :-2])
