"""Direct and separable correlation on a CUDA device: the same names as `engines.cpu`, on lines in the memory of the device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.geometry import Geometry, Layout
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda.grids import MOST, SHARED, STREAMS, THREADS, reached
from convkit.engines.pieces import beyond
from convkit.kernels import cast_cuda
from convkit.kernels.correlate_cuda import Tile, correlate_tiles
from convkit.kernels.lines_cuda import Lines, correlate_lines
from convkit.kernels.march_cuda import March, correlate_march
from convkit.kernels.simd_cuda import VECTOR

# Numbers along an axis: places have 32 bits.
LONGEST = 1 << 30
# Tiles by the bytes of a number: as many sums in registers as leave room for as many of the samples.
TILES = {4: Tile(32, 8, 8, 2), 8: Tile(32, 8, 4, 2), 16: Tile(32, 8, 4, 1)}
# Results of a thread that lie in a row, likewise; the sums of 16 are not unrolled, and then lie in memory.
LENGTHS = {4: 12, 8: 8, 16: 4}
# Blocks that march down both passes of separable weights, likewise.
MARCHES = {4: March(32, 4, 8, 8), 8: March(32, 4, 8, 4), 16: March(32, 2, 8, 4)}
# Blocks that march side by side, where their strips stay long enough: as many as an H200 holds at once.
BLOCKS = 7 * 132
# Rows of a strip, for each tap down: what is done again where strips meet is at most a quarter of the work.
STRIP = 4
# The simulator takes a millisecond for a thread.
SIMULATED_TILE = Tile(4, 2, 3, 2)
SIMULATED_MARCH = March(4, 2, 4, 2)

_IDENTITY = Geometry(0, 1, 0, 0)


def tile_for(dtype: np.dtype[Any]) -> Tile:
    """Tile of results of a block."""
    return SIMULATED_TILE if gpu.SIMULATED else TILES[dtype.itemsize]


def lines_for(dtype: np.dtype[Any], height: int) -> Lines:
    """Lines of results of a block: of one row that is alone, or of several."""
    if gpu.SIMULATED:
        return Lines(4, 2, 1, 3) if height == 1 else Lines(4, 1, 2, 3)
    across = 8 if height == 1 else 1
    return Lines(32, across, 8 // across, LENGTHS[dtype.itemsize])


def march_for(dtype: np.dtype[Any]) -> March:
    """Block that marches down both passes of separable weights."""
    return SIMULATED_MARCH if gpu.SIMULATED else MARCHES[dtype.itemsize]


def prepare(shape: tuple[int, ...], samples: np.dtype[Any], weights: Array, geometry: Sequence[Geometry],
            boundary: Sequence[str], fill: Any, axes: Sequence[int]) -> Prepared:
    """All of a correlation with `weights` along the ascending `axes` but its samples, of `shape` and of dtype `samples`.

    To be called with `x` and `out`, of the dtype of the weights.
    """
    return _one_pass(reached(shape, axes), samples, weights, tuple(geometry), tuple(boundary), fill)


class Prepared:
    """A kernel that waits for samples of its shape, with its weights and what lies beyond the edges on the device.

    `aligned` is the kernel for samples that begin at a multiple of 16 bytes, if it is another one.
    """

    def __init__(self, kernel: Any, grid: tuple[int, int, int], block: tuple[int, ...], shared: int, sizes: Sequence[int],
                 tables: Sequence[Array], weights: Array, aligned: Any = None) -> None:
        self._any, self._aligned = kernel, aligned or kernel
        self._grid, self._block, self._shared = grid, block, shared
        self._sizes = tuple(map(int, sizes))
        # One more: there is no memory of no numbers.
        sources = np.append(np.concatenate(tables), 0).astype(np.int32)
        self._sources, self._weights = gpu.sent(sources).line, gpu.sent(weights).line
        self._launches: dict[Any, Any] = {}
        self.nbytes: int = sources.nbytes + weights.nbytes

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`, in the order of the stream of `x`."""
        key = x.stream, x.address % VECTOR == 0
        launch = self._launches.get(key)
        if launch is None:
            if len(self._launches) > STREAMS:
                self._launches.clear()
            kernel = self._aligned if key[1] else self._any
            launch = self._launches[key] = gpu.configured(kernel, self._grid, self._block, x.stream, self._shared)
        launch(x.line, self._sources, self._weights, out.line, self._sizes)


def _one_pass(plan: Layout, samples: np.dtype[Any], weights: Array, geometry: tuple[Geometry, ...],
              boundary: tuple[str, ...], fill: Any) -> Prepared:
    """Tiles or lines of results, whichever suits the weights."""
    work = weights.dtype
    taps = tuple(1 if slot is None else weights.shape[slot] for slot in plan.slots)
    tables, before, (depth, height, width) = _beyond(plan, geometry, boundary)
    same, step = samples == work, plan.step
    lines = lines_for(work, height)
    shape: Tile | Lines
    aligned = None
    if taps[:2] == (1, 1) and taps[2] > 1 and step == 1 and width >= lines.wide // 4:
        shape, kernel = lines, correlate_lines(lines, work.name)[same]
    else:
        shape = tile_for(work)
        kernels = correlate_tiles(shape, work.name)
        kernel = kernels["numbers" if same else "converted"]
        if same and plan.shape[2] * step * work.itemsize % VECTOR == 0:
            aligned = kernels["vectors"]
    panel = _panel(shape, taps[1:], step, work.itemsize)
    down = -(-height // shape.high)
    sizes = (depth, down, plan.shape[1], plan.shape[2] * step, *taps, step, shape.pitch(panel[1], step, work.itemsize),
             *panel, *before[1:], height, width, tables[0].size, tables[0].size + tables[1].size, plan.shape[0], before[0])
    grid = -(-width // shape.wide), min(down, MOST), min(depth, MOST)
    return Prepared(kernel, grid, shape.block, shape.shared(panel, step, work.itemsize), sizes, tables,
                    np.append(weights.reshape(-1), work.type(fill)), aligned)


def _panel(shape: Tile | Lines, taps: tuple[int, ...], step: int, size: int) -> tuple[int, int]:
    """Rows and columns of taps that are worked on together: all, unless shared memory is too small."""
    rows, columns = taps
    while shape.shared((rows, columns), step, size) > SHARED:
        if rows >= columns * step:
            rows = -(-rows // 2)
        else:
            columns = -(-columns // 2)
    return rows, columns


def _beyond(plan: Layout, geometry: tuple[Geometry, ...],
            boundary: tuple[str, ...]) -> tuple[list[Array], list[int], list[int]]:
    """Sources beyond planes, rows and columns of numbers, samples before them, and the shape of the results in numbers."""
    tables, before, extent = [], [], []
    for n, slot in zip(plan.shape, plan.slots, strict=True):
        g = _IDENTITY._replace(length=n) if slot is None else geometry[slot]
        if max(n, g.length) * plan.step >= LONGEST:
            raise ValueError(f"x and the result have {n * plan.step} and {g.length * plan.step} numbers along an axis; a CUDA "
                             f"device takes fewer than {LONGEST}")
        tables.append(beyond(n, g, "zero" if slot is None else boundary[slot]))
        before.append(g.before)
        extent.append(g.length)
    step = plan.step
    columns = tables[2][:, None]
    tables[2] = np.where(columns < 0, -1, columns * step + np.arange(step)).reshape(-1)
    before[2], extent[2] = before[2] * step, extent[2] * step
    return tables, before, extent


def prepare_separable(shape: Sequence[int], samples: np.dtype[Any], taps: Sequence[Array | None],
                      geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any, axes: Sequence[int],
                      work: np.dtype[Any]) -> PreparedPasses:
    """All of one pass per axis that has taps but the samples, of `shape` and of dtype `samples`; results have the dtype `work`.

    `taps` and `geometry` are one per axis.
    """
    given = [(i, t.astype(work)) for i, t in enumerate(taps) if t is not None] or [(0, np.ones(1, work))]
    # Passes along the last two axes are one, which begins across.
    last = [next((g for g in given if axes[g[0]] == axis), None) for axis in (len(shape) - 1, len(shape) - 2)]
    pair = [g for g in last if g is not None]
    marches = len(pair) == 2 and _fits(pair[1][1].size, pair[0][1].size, work)
    groups = [pair, *([g] for g in given if g[0] not in (pair[0][0], pair[1][0]))] if marches else [[g] for g in given]
    # The pass that shortens the array most goes first, the one that lengthens it most last.
    groups.sort(key=lambda group: math.prod(geometry[i].length / shape[axes[i]] for i, _ in group))
    before, steps = tuple(shape), []
    for group in groups:
        after = list(before)
        for i, _ in group:
            after[axes[i]] = geometry[i].length
        if len(group) == 2:
            (i, across), (j, down) = group
            step = _both_passes(before, samples, across, down, (geometry[j], geometry[i]), (boundary[j], boundary[i]), fill)
        else:
            [(i, t)] = group
            step = prepare(before, samples, t, (geometry[i],), (boundary[i],), fill, (axes[i],))
        before, samples = tuple(after), work
        steps.append((step, before))
        # Beyond the other axes' edges these passes have met nothing but the fill value.
        for _, t in group:
            fill = fill * t.sum(dtype=work)
    return PreparedPasses(steps, work)


def _fits(down: int, across: int, work: np.dtype[Any]) -> bool:
    """Whether blocks have room to march down with so many taps."""
    return march_for(work).shared((down, across), work.itemsize) <= SHARED


def _both_passes(shape: tuple[int, ...], samples: np.dtype[Any], across: Array, down: Array,
                 geometry: tuple[Geometry, Geometry], boundary: tuple[str, str], fill: Any) -> Prepared:
    """Taps across and down in one kernel: blocks that march down; `geometry` and `boundary` of the last two axes."""
    work, march = across.dtype, march_for(across.dtype)
    *batch, height, width = shape
    plan = Layout((math.prod(batch), height, width), (None, 0, 1), 1)
    tables, before, (depth, height, width) = _beyond(plan, geometry, boundary)
    blocks = -(-width // march.wide)
    strips = -(-BLOCKS // (blocks * depth))
    strip = max(-(-height // strips), STRIP * down.size)
    strip = -(-strip // march.high) * march.high
    sizes = (depth, strip, *plan.shape[1:], down.size, across.size, march.pitch(across.size), march.ring(down.size),
             *before[1:], height, width, tables[1].size)
    values = np.concatenate([across, down, [work.type(fill), work.type(fill * across.sum(dtype=work))]]).astype(work)
    return Prepared(correlate_march(march, work.name)[samples == work], (blocks, -(-height // strip), min(depth, MOST)),
                    march.block, march.shared((down.size, across.size), work.itemsize), sizes, tables[1:], values)


class PreparedPasses:
    """Passes one after the other, each with all prepared but its samples."""

    def __init__(self, steps: Sequence[tuple[Prepared, tuple[int, ...]]], work: np.dtype[Any]) -> None:
        self._steps = steps[:-1]
        self._last = steps[-1][0]
        self._work = work
        self.nbytes = sum(step.nbytes for step, _ in steps)

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`."""
        for step, shape in self._steps:
            between = gpu.empty(x, shape, self._work)
            step(x, between)
            x = between
        self._last(x, out)


class PreparedSum:
    """The sum of prepared passes, one for each rank-1 term."""

    def __init__(self, terms: Sequence[PreparedPasses]) -> None:
        self._terms = terms
        self.nbytes = sum(term.nbytes for term in terms)

    def __call__(self, x: Line, out: Line) -> None:
        """Write the sum into `out`."""
        self._terms[0](x, out)
        for term in self._terms[1:]:
            part = gpu.empty(x, out.shape, out.dtype)
            term(x, part)
            cast_cuda.add[-(-out.size // THREADS), THREADS, x.stream](part.line, out.line)


def extremes(x: Line) -> Array:
    """The least and the largest number of integers of 32 or 64 bits, fetched: this waits for the device."""
    found = gpu.sent(np.array([np.iinfo(x.dtype).max, np.iinfo(x.dtype).min], x.dtype), x.stream)
    cast_cuda.extremes[min(-(-x.size // THREADS), 1024), THREADS, x.stream](x.line, found.line)
    return gpu.fetched(found)


def store(values: Line, out: Line) -> None:
    """Write `values` into `out`, rounding half to even and saturating where `out` holds integers, NaN as 0."""
    kernel = cast_cuda.store(values.dtype.name, out.dtype.name)
    kernel[-(-out.size // THREADS), THREADS, values.stream](values.line, out.line)
