"""Windows of equal weights on the CPU: sums that cost hardly more for a wide window than for a narrow one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry, Layout, layout
from convkit._core.typing import Array
from convkit.engines.pieces import ALONE, beyond, flat, scratch
from convkit.kernels.box import box_sums, memory

# Elements of a row that are done at a time: what is made of them on the way stays in the caches.
PANEL = 4096
# Outputs in one piece of work at least, and how many windows high it is: each piece sums a window's rows for nothing.
PIECE, WINDOWS = 1 << 17, 16
# Elements of the rows that a piece keeps for the second pass: half of the second-level cache.
KEPT = 1 << 18
# Seconds per output in float32, roughly, and per doubling of the window.
OUTPUT, DOUBLING = 1.3e-10, 1e-10
# What storing a line costs against adding one to it.
STORE = 1.5


class Window(NamedTuple):
    """`length` weights of equal value."""

    length: int
    weight: float


def box(x: Array, windows: Sequence[Window | None], geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
        axes: Sequence[int], out: Array, workers: int) -> None:
    """Write the weighted sums of `x` over windows along the ascending `axes` into `out`.

    `windows` and `geometry` are one per axis, as the taps of `cpu.correlate_separable`. `out` is C-contiguous, of the
    result's shape, float32 or float64; `x` has its dtype, or is uint8, int16 or uint16 for float32.
    """
    prepare(x.shape, windows, geometry, boundary, fill, axes, out.dtype)(x, out, workers)


def uniform(taps: Sequence[Array | None], work: np.dtype[Any]) -> list[Window | None] | None:
    """`taps` as windows, where all taps of an axis are equal and results of dtype `work` are real; else None."""
    if work.char not in "fd" or all(t is None for t in taps):
        return None
    windows: list[Window | None] = []
    for t in taps:
        if t is not None and not ((t == t[0]).all() and np.isfinite(t[0]) and t.dtype == work):
            return None
        windows.append(None if t is None else Window(t.size, float(t[0])))
    return windows


def prepare(shape: Sequence[int], windows: Sequence[Window | None], geometry: Sequence[Geometry], boundary: Sequence[str],
            fill: Any, axes: Sequence[int], work: np.dtype[Any]) -> PreparedBox:
    """All of `box` but its samples, of `shape`; results have the dtype `work`."""
    given = [i for i, w in enumerate(windows) if w is not None]
    sizes = list(shape)
    for i in given[:-2]:
        sizes[axes[i]] = geometry[i].length
    pair = layout(sizes, [axes[i] for i in given[-2:]]) if len(given) > 1 else None
    together = 2 if pair is not None and pair.slots == (None, 0, 1) else 1
    steps = [[i] for i in given[:-together]] + [given[-together:]]
    before, value = list(shape), work.type(fill)
    passes: list[tuple[_Pass, tuple[int, ...]]] = []
    for step in steps:
        where = [axes[i] for i in step]
        plan = layout(before, where)
        assert plan is not None
        found: list[tuple[Window, Geometry, str]] = []
        for n, slot in zip(plan.shape[1:], plan.slots[1:], strict=True):
            if slot is None:
                found.append((Window(1, 1.0), Geometry(0, n, 0, 0), "zero"))
                continue
            window = windows[step[slot]]
            assert window is not None
            found.append((window, geometry[step[slot]], boundary[step[slot]]))
        passes.append((_Pass(plan, found[0], found[1], value, work), ()))
        for i in step:
            before[axes[i]] = geometry[i].length
            window = windows[i]
            assert window is not None
            # Beyond the other axes' edges this pass has met nothing but the fill value.
            value = value * work.type(window.weight) * work.type(window.length)
        passes[-1] = (passes[-1][0], tuple(before))
    return PreparedBox(passes, work)


class PreparedBox:
    """Window sums that wait for samples and results of the shapes they were prepared for."""

    def __init__(self, passes: Sequence[tuple[_Pass, tuple[int, ...]]], work: np.dtype[Any]) -> None:
        self._passes = passes
        self._work = work
        self.nbytes = sum(each.nbytes for each, _ in passes)

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the sums of `x` into `out`."""
        for number, (each, shape) in enumerate(self._passes):
            target = out if number == len(self._passes) - 1 else np.empty(shape, self._work)
            each(x, target, workers)
            x = target


class _Pass:
    """Sums down the columns and across the rows of images, either of which may be windows of one weight."""

    def __init__(self, plan: Layout, down: tuple[Window, Geometry, str], across: tuple[Window, Geometry, str], fill: Any,
                 work: np.dtype[Any]) -> None:
        images, height, width = plan.shape
        high, wide = down[0].length, across[0].length
        rows = index_map(height, down[1].before, down[1].after, down[2])
        ends = beyond(width, across[1], across[2])
        levels, lines = shifts(wide)
        extent = (images, down[1].length, across[1].length * plan.step)
        reach = (wide - 1) * plan.step
        self._boxes = pieces(extent, high, reach)
        span = max(box[5] - box[4] for box in self._boxes)
        # Samples beside a panel are read for it alone.
        panel = min(span, max(PANEL, 4 * reach))
        first, second = work.type(across[0].weight), work.type(down[0].weight)
        self._dtype = work
        self._first = (plan.shape, rows, ends, across[1].before, plan.step, fill * first * second, first, second, high,
                       wide - 1, levels, lines)
        self._extent, self._panel = extent, panel
        self._scratch = memory(span, panel, reach, len(levels), high)
        seconds = images * extent[1] * extent[2] * (OUTPUT + DOUBLING * math.log2(high * wide))
        self._alone = seconds * work.itemsize / 4 < ALONE
        self.nbytes = rows.nbytes + ends.nbytes + 100 * len(self._boxes)

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        samples, target = flat(x), out.reshape(-1)

        def work(box: tuple[int, ...]) -> None:
            box_sums(samples, *self._first, target, self._extent, box, self._panel, scratch(self._dtype, self._scratch))

        pool.run(work, self._boxes, 1 if self._alone else workers)


def pieces(extent: tuple[int, int, int], high: int, reach: int) -> list[tuple[int, ...]]:
    """Cut the outputs into pieces of work, without regard to the workers; rows at multiples of `high`."""
    images, rows, columns = extent
    span = columns
    if high > 1:
        span = max(512, 2 * reach, KEPT // high)
    if images * rows < 8:
        span = min(span, max(PIECE // 4, 4 * reach))
    span = -(-columns // -(-columns // span))
    tall = max(PIECE // span, WINDOWS * high)
    if tall >= rows >= 4 * high:
        tall = -(-rows // 2)
    tall = -(-rows // max(1, rows // tall))
    tall = min(rows, -(-tall // high) * high)
    deep = max(1, PIECE // (tall * span))
    return [(z, min(z + deep, images), y, min(y + tall, rows), c, min(c + span, columns))
            for z in range(0, images, deep) for y in range(0, rows, tall) for c in range(0, columns, span)]


@lru_cache(maxsize=256)
def shifts(window: int) -> tuple[Array, Array]:
    """How the sum of a window is put together from shifted lines of shorter sums; see `kernels.box.box_sums`.

    Each line sums a multiple of the samples that the line before does; the window is a sum of lines as its length is
    one of their lengths. The lengths are those for which lines are read and written least.
    """
    best = float(window)
    lengths: tuple[int, ...] = (1,)
    waiting: list[tuple[tuple[int, ...], float]] = [((1,), 0.0)]
    while waiting:
        found, cost = waiting.pop()
        rest, terms = window, 0
        for length in reversed(found):
            terms += rest // length
            rest %= length
        if cost + terms < best:
            best, lengths = cost + terms, found
        for factor in range(2, 9):
            if found[-1] * factor <= window and cost + factor + STORE < best:
                waiting.append(((*found, found[-1] * factor), cost + factor + STORE))
    table = [[(level, j * lengths[level]) for j in range(lengths[level + 1] // lengths[level])]
             for level in range(len(lengths) - 1)]
    last: list[tuple[int, int]] = []
    done = 0
    for level in reversed(range(len(lengths))):
        while window - done >= lengths[level]:
            last.append((level, done))
            done += lengths[level]
    table.append(last)
    lines = np.zeros((len(table), max(map(len, table)), 2), np.int64)
    levels = np.zeros((len(table), 2), np.int64)
    for level, terms_of in enumerate(table):
        lines[level, : len(terms_of)] = terms_of
        levels[level] = len(terms_of), 0 if terms_of is last else window - lengths[level + 1]
    return levels, lines
