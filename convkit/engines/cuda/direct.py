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
from convkit.engines.cuda.grids import MOST, SHARED, THREADS, reached
from convkit.engines.cuda.launches import Launches
from convkit.engines.cuda.pointwise import ready
from convkit.engines.cuda.tiles import MOVED
from convkit.engines.pieces import beyond
from convkit.kernels import cast_cuda
from convkit.kernels.correlate_cuda import Tile, correlate_tiles
from convkit.kernels.lines_cuda import Lines, correlate_lines
from convkit.kernels.march_cuda import March, correlate_march
from convkit.kernels.simd_cuda import VECTOR

# Numbers along an axis: places have 32 bits.
LONGEST = 1 << 30
# Tiles by the bytes of a number: as many sums in registers as leave room for two vectors of samples for each row of them.
TILES = {4: Tile(32, 4, 7, 4), 8: Tile(32, 4, 6, 2), 16: Tile(32, 4, 6, 1)}
# Results of a thread that lie in a row, likewise; the sums of 16 are not unrolled, and then lie in memory.
LENGTHS = {4: 12, 8: 8, 16: 4}
# Blocks that march down both passes of separable weights, likewise.
MARCHES = {4: March(32, 2, 16, 128, 4, 8), 8: March(32, 4, 16, 64, 2, 8), 16: March(32, 2, 8, 32, 2, 4)}
# Blocks that march side by side: as many as an H200 holds at once. A wave of few blocks more takes as long as a full one.
BLOCKS = 6 * 132
# Strips that columns of results are cut into, at most.
STRIPS = 64
# What marching costs over what it computes and moves: rows that are read twice, and a ring in shared memory.
MARCH = 1.4
# The simulator takes a millisecond for a thread.
SIMULATED_TILE = {"lanes": 4, "warps": 2, "rows": 3}
SIMULATED_MARCHES = {4: March(4, 2, 8, 16, 2, 4), 8: March(4, 2, 8, 8, 2, 4), 16: March(4, 2, 8, 4, 2, 4)}

_IDENTITY = Geometry(0, 1, 0, 0)


def tile_for(dtype: np.dtype[Any]) -> Tile:
    """Tile of results of a block."""
    tile = TILES[dtype.itemsize]
    return tile._replace(**SIMULATED_TILE) if gpu.SIMULATED else tile


def lines_for(dtype: np.dtype[Any], height: int) -> Lines:
    """Lines of results of a block: of one row that is alone, or of several."""
    if gpu.SIMULATED:
        return Lines(4, 2, 1, 3) if height == 1 else Lines(4, 1, 2, 3)
    across = 8 if height == 1 else 1
    return Lines(32, across, 8 // across, LENGTHS[dtype.itemsize])


def march_for(dtype: np.dtype[Any]) -> March:
    """Block that marches down both passes of separable weights."""
    return (SIMULATED_MARCHES if gpu.SIMULATED else MARCHES)[dtype.itemsize]


def prepare(shape: tuple[int, ...], samples: np.dtype[Any], weights: Array, geometry: Sequence[Geometry],
            boundary: Sequence[str], fill: Any, axes: Sequence[int]) -> Prepared:
    """All of a correlation with `weights` along the ascending `axes` but its samples, of `shape` and of dtype `samples`.

    To be called with `x` and `out`, of the dtype of the weights.
    """
    return _one_pass(reached(shape, axes), samples, weights, tuple(geometry), tuple(boundary), fill)


class Prepared:
    """A kernel that waits for samples of its shape, with its weights and what lies beyond the edges on the device.

    `aligned` is the kernel for samples and results that begin at multiples of 16 bytes, if it is another one.
    """

    def __init__(self, kernel: Any, grid: tuple[int, int, int], block: tuple[int, ...], shared: int, sizes: Sequence[int],
                 tables: Sequence[Array], weights: Array, aligned: Any = None) -> None:
        self._any = Launches(kernel, grid, block, shared)
        self._aligned = self._any if aligned is None else Launches(aligned, grid, block, shared)
        self._sizes = tuple(map(int, sizes))
        # One more: there is no memory of no numbers.
        sources = np.append(np.concatenate(tables), 0).astype(np.int32)
        self._sources, self._weights = gpu.sent(sources).line, gpu.sent(weights).line
        self.nbytes: int = sources.nbytes + weights.nbytes

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`, in the order of the stream of `x`."""
        launch = self._any if (x.address | out.address) % VECTOR else self._aligned
        launch(x.stream, x.line, self._sources, self._weights, out.line, self._sizes)


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
    given = {i: t.astype(work) for i, t in enumerate(taps) if t is not None} or {0: np.ones(1, work)}
    before, steps = tuple(shape), []
    for group in _passes(shape, {i: t.size for i, t in given.items()}, geometry, axes, work):
        if len(group) == 2:
            i, j = group
            step = _both_passes(before, samples, given[i], given[j], (geometry[j], geometry[i]), (boundary[j], boundary[i]),
                                fill)
        else:
            [i] = group
            step = prepare(before, samples, given[i], (geometry[i],), (boundary[i],), fill, (axes[i],))
        before, samples = _after(before, group, geometry, axes), work
        steps.append((step, before))
        # Beyond the other axes' edges these passes have met nothing but the fill value.
        for i in group:
            fill = fill * given[i].sum(dtype=work)
    return PreparedPasses(steps, work)


def _passes(shape: Sequence[int], taps: dict[int, int], geometry: Sequence[Geometry], axes: Sequence[int],
            work: np.dtype[Any]) -> list[list[int]]:
    """Which of so many taps take a pass of their own or together, and in which order.

    Passes along the last two axes are one, which begins across.
    """
    last = [next((i for i in taps if axes[i] == axis), None) for axis in (len(shape) - 1, len(shape) - 2)]
    pair = [i for i in last if i is not None]
    marches = len(pair) == 2 and _fits(taps[pair[1]], taps[pair[0]], work)
    groups = [pair, *([i] for i in taps if i not in pair)] if marches else [[i] for i in taps]
    # The pass that shortens the array most goes first, the one that lengthens it most last.
    groups.sort(key=lambda group: math.prod(geometry[i].length / shape[axes[i]] for i in group))
    return groups


def _after(shape: Sequence[int], group: Sequence[int], geometry: Sequence[Geometry], axes: Sequence[int]) -> tuple[int, ...]:
    """Shape after a pass."""
    after = list(shape)
    for i in group:
        after[axes[i]] = geometry[i].length
    return tuple(after)


def passes_cost(shape: Sequence[int], taps: Sequence[int], geometry: Sequence[Geometry], axes: Sequence[int],
                work: np.dtype[Any], rank: int) -> float:
    """What passes of so many terms cost, in multiply-adds of real numbers: counted, not measured, as `tiles.tiling` does."""
    total, sizes = 0.0, tuple(shape)
    times, moved = _worth(work)
    for group in _passes(shape, dict(enumerate(taps)), geometry, axes, work):
        sizes = _after(sizes, group, geometry, axes)
        cost = times * sum(taps[i] for i in group) + 2 * moved
        total += math.prod(sizes) * cost * (MARCH if len(group) == 2 else 1)
    # A further term is added to the sum of those before it, which takes three numbers.
    return rank * total + (rank - 1) * math.prod(sizes) * 3 * moved


def direct_cost(shape: Sequence[int], taps: Sequence[int], geometry: Sequence[Geometry], axes: Sequence[int],
                work: np.dtype[Any]) -> float:
    """What the direct sum costs, likewise."""
    times, moved = _worth(work)
    return math.prod(_after(shape, range(len(axes)), geometry, axes)) * (times * math.prod(taps) + 2 * moved)


def _worth(work: np.dtype[Any]) -> tuple[float, float]:
    """What one multiply-add and one number moved are worth in those of real numbers."""
    return (4, 2 * MOVED) if work.kind == "c" else (1, MOVED)


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
    # Where strips meet, rows are read and passed across twice.
    strips = min(range(1, STRIPS + 1), key=lambda n: -(-blocks * depth * n // BLOCKS) * (-(-height // n) + down.size))
    strip = -(-height // strips)
    strip = -(-strip // march.high) * march.high
    sizes = (depth, strip, *plan.shape[1:], down.size, across.size, march.pitch(across.size, work.itemsize),
             march.ring(down.size),
             *before[1:], height, width, tables[1].size)
    values = np.concatenate([across, down, [work.type(fill), work.type(fill * across.sum(dtype=work))]]).astype(work)
    kernels, same = correlate_march(march, work.name), samples == work
    aligned = kernels["vectors"] if same and plan.shape[2] * work.itemsize % VECTOR == 0 else None
    return Prepared(kernels["numbers" if same else "converted"], (blocks, -(-height // strip), min(depth, MOST)), march.block,
                    march.shared((down.size, across.size), work.itemsize), sizes, tables[1:], values, aligned)


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
            ready(cast_cuda.add, (-(-out.size // THREADS),), THREADS, x.stream)(part.line, out.line)


def extremes(x: Line) -> Array:
    """The least and the largest number of integers of 32 or 64 bits, fetched: this waits for the device."""
    found = gpu.sent(np.array([np.iinfo(x.dtype).max, np.iinfo(x.dtype).min], x.dtype), x.stream)
    ready(cast_cuda.extremes, (min(-(-x.size // THREADS), 1024),), THREADS, x.stream)(x.line, found.line)
    return gpu.fetched(found)


def store(values: Line, out: Line) -> None:
    """Write `values` into `out`, rounding half to even and saturating where `out` holds integers, NaN as 0."""
    kernel = cast_cuda.store(values.dtype.name, out.dtype.name)
    ready(kernel, (-(-out.size // THREADS),), THREADS, values.stream)(values.line, out.line)
