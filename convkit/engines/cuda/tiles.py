"""Overlap-save tiles on a CUDA device: their lengths, tables and launches; what transforms them is its own or a library's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convkit._core import gpu
from convkit._core.geometry import Geometry, Layout
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.blocks import RANGE
from convkit.engines.cuda import fourier
from convkit.engines.cuda.grids import MOST, THREADS
from convkit.engines.cuda.launches import Launches
from convkit.engines.pieces import beyond
from convkit.engines.tiles import order, radices
from convkit.kernels import fourier_cuda, spoilt_cuda
from convkit.kernels.butterfly_cuda import Sweep, spread, twiddles

Kind = TypeVar("Kind")
# Lengths of tiles along an axis, by the number of axes with more than one tap: those whose lines fit into shared memory in
# double precision.
OWN = {1: (64, 2048), 2: (32, 256), 3: (16, 64)}
LIBRARY = {1: (1024, 1 << 18), 2: (64, 2048), 3: (32, 256)}
# Numbers along an axis, and rows: places have 32 bits.
LONGEST = 1 << 30
# Length of a line that a library transforms without memory in between.
ONCE = 1 << 12
# The simulator takes a millisecond for a thread.
SIMULATED = {1: (16, 32), 2: (8, 16), 3: (8, 8)}
# Length along the last axis where it has one tap only.
BESIDE = 8 if gpu.SIMULATED else 64
# Numbers that a block transforms, at least.
BLOCK = 16 if gpu.SIMULATED else 2048
# Bytes in between two passes: as much as stays in the second-level cache of an H200, of 50 MiB.
BETWEEN = 32 << 20
# Multiply-adds that a number of a tile is worth, for each doubling of the tile, and for each number that a pass moves to or
# from memory: counted in the kernels' code and from the bandwidth and the arithmetic on paper, not measured.
DOUBLING, MOVED = 5.0, 17.0


class Tiling(NamedTuple):
    """Lengths of a tile along planes, rows and columns, taps of a panel along each, and what it costs in multiply-adds."""

    lengths: tuple[int, int, int]
    panel: tuple[int, int, int]
    cost: float

    @property
    def valid(self) -> tuple[int, int, int]:
        """Outputs of a tile."""
        z, y, x = (n - k + 1 for n, k in zip(self.lengths, self.panel, strict=True))
        return z, y, x


@lru_cache(maxsize=1024)
def tiling(extent: tuple[int, int, int], taps: tuple[int, int, int], library: bool) -> Tiling:
    """Cheapest tiles for `extent` outputs of `taps`, which are taken in panels where they are too many for a tile."""
    wide = max(1, sum(k > 1 for k in taps))
    least, most = SIMULATED[wide] if gpu.SIMULATED else LIBRARY[wide] if library else OWN[wide]
    z, y, x = (-(-k // -(-k // (most // 2))) for k in taps)
    panel = z, y, x
    choices = [[least << i for i in range((most // least).bit_length()) if least << i >= k] if k > 1 else [1] for k in panel]
    if choices[2] == [1]:
        choices[2] = [BESIDE]
    panels = math.prod(-(-k // p) for k, p in zip(taps, panel, strict=True))
    found: list[Tiling] = []
    for deep, high, broad in product(*choices):
        lengths = deep, high, broad
        count = math.prod(-(-m // (n - k + 1)) for m, n, k in zip(extent, lengths, panel, strict=True))
        size = math.prod(lengths)
        if library:
            # Tiles are cut out, put back, multiplied and copied.
            words = 8 + sum(4 if n <= ONCE else 8 for n, k in zip(lengths, panel, strict=True) if k > 1)
        else:
            words = 2 if wide == 1 and taps[2] > 1 else 4 * wide - 2
        found.append(Tiling(lengths, panel, panels * count * size * (DOUBLING * math.log2(size) + MOVED * words)))
    return min(found, key=lambda t: t.cost)


class Volume(NamedTuple):
    """A correlation of a volume: its layout, taps, and for each of its axes the geometry and what lies beyond."""

    plan: Layout
    taps: tuple[int, int, int]
    geometry: tuple[Geometry, Geometry, Geometry]
    boundary: tuple[str, str, str]

    @property
    def extent(self) -> tuple[int, int, int]:
        """Shape of the results."""
        z, y, x = (g.length for g in self.geometry)
        return z, y, x


def _three(values: tuple[Kind, ...]) -> tuple[Kind, Kind, Kind]:
    first, second, third = values
    return first, second, third


def volume(plan: Layout, taps: Sequence[int], geometry: Sequence[Geometry], boundary: Sequence[str]) -> Volume:
    """A correlation along some of the axes of a volume; a batch is an axis of one tap."""
    batch = [Geometry(0, n, 0, 0) for n in plan.shape]
    k = tuple(1 if slot is None else taps[slot] for slot in plan.slots)
    places = tuple(batch[i] if slot is None else geometry[slot] for i, slot in enumerate(plan.slots))
    words = tuple("zero" if slot is None else boundary[slot] for slot in plan.slots)
    return Volume(plan, _three(k), _three(places), _three(words))


class Prepared:
    """A correlation by tiles that waits for samples of its shape, with all else on the device."""

    def __init__(self, work: Volume, weights: Array, fill: Any, library: Any) -> None:
        self._dtype = dtype = weights.dtype
        self._real = real = dtype.type(0).real.dtype
        self._tiling = plan = tiling(work.extent, work.taps, library is not None)
        together = 1 if dtype.kind == "c" else 2
        step = work.plan.step
        counts = [-(-m // v) for m, v in zip(work.extent, plan.valid, strict=True)]
        tiles = math.prod(counts) * step
        self._transforms = -(-tiles // together)
        nz, ny, nx = plan.lengths
        axes = [i for i, k in enumerate(work.taps) if k > 1] or [2]
        most = max(*work.plan.shape, math.prod(work.plan.shape[:2]), math.prod(work.extent[:2]), tiles * nz * ny)
        if most >= LONGEST:
            raise ValueError(f"x has {most} samples along an axis, rows, or rows of tiles; method='fft' on a CUDA device takes "
                             f"fewer than {LONGEST}: cut x, or take method='direct'")
        self._alone = nz * ny == 1 and library is None
        self._steps = tuple(radices(nx)) if library is None and 2 in axes else ()
        size = real.itemsize
        self._rows = rows = _sweep(nx, BLOCK if self._alone else nz * ny)
        parts = -(-self._transforms * nz * ny // rows.lines)
        tables = [beyond(n, g, word).astype(np.int32)
                  for n, g, word in zip(work.plan.shape, work.geometry, work.boundary, strict=True)]
        starts = np.cumsum([t.size for t in tables]).tolist()
        # One more: there is no memory of no numbers.
        self._sources = gpu.sent(np.append(np.concatenate(tables), np.int32(0))).line
        before = [g.before for g in work.geometry]
        ends = [g.length + k - 1 - g.before for g, k in zip(work.geometry, work.taps, strict=True)]
        taps = weights.reshape(work.taps)
        self._weights = gpu.sent(np.append(taps.reshape(-1), dtype.type(fill))).line
        ahead = twiddles(nx, self._steps)
        outside = np.array([np.real(fill), np.imag(fill)])
        self._panels: list[tuple[tuple[int, ...], Any, Any]] = []
        self.nbytes = self._sources.nbytes + self._weights.nbytes
        for corner in product(*(range(0, k, p) for k, p in zip(work.taps, plan.panel, strict=True))):
            part = taps[tuple(slice(c, c + p) for c, p in zip(corner, plan.panel, strict=True))]
            sizes = (step, *work.plan.shape, *work.extent, *(c - b for c, b in zip(corner, before, strict=True)),
                     *(max(b, 0) for b in before), *ends, *starts[:2], *counts[1:], *plan.valid, tiles, 0, ny, nz, 0,
                     bool(self._panels))
            if library is not None:
                middle: Any = fourier.Filter(library, part, plan.lengths, axes)
                head = outside
            elif self._alone:
                middle = None
                head = np.concatenate([ahead, outside, spread(spectrum(part, plan.lengths, axes), self._steps).ravel()])
            else:
                middle = Middle(spectrum(part, plan.lengths, axes), real)
                head = np.concatenate([ahead, outside])
            sent = gpu.sent(head.astype(real)).line
            self._panels.append((tuple(map(int, sizes)), sent, middle))
            self.nbytes += sent.nbytes + (0 if middle is None else middle.nbytes)
        self._parts = parts
        self._launches: dict[int, tuple[Launches, Launches]] = {}
        name = self._real.name
        self._limit = Launches(spoilt_cuda.limit(name, THREADS, RANGE), (1,), (THREADS,))
        self._mend = Launches(spoilt_cuda.mend(dtype.name, THREADS), (min(self._transforms, MOST),), (THREADS,))
        self._taps = tuple(map(int, (*work.taps, self._transforms, rows.lines, parts)))
        self._shared = rows.shared(size) if self._steps else size * THREADS
        if self._alone:
            kernel = fourier_cuda.correlate_tiles(rows, dtype.name, self._steps)
            self._tiles = Launches(kernel, (parts,), (rows.threads,), self._shared)

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`, in the order of the stream of `x`."""
        most = gpu.empty(x, (len(self._panels) * self._parts + 1,), self._real)
        for number, panel in enumerate(self._panels):
            seen = most.line
            if len(self._panels) > 1:
                seen = seen[number * self._parts : (number + 1) * self._parts]
            if self._alone:
                self._whole(x, out, seen, *panel)
            else:
                self._by_passes(x, out, seen, *panel)
        self._limit(x.stream, most.line)
        self._mend(x.stream, x.line, self._sources, self._weights, out.line, most.line, self._panels[0][0], self._taps)

    def _whole(self, x: Line, out: Line, most: Any, sizes: tuple[int, ...], tables: Any, middle: None) -> None:
        self._tiles(x.stream, x.line, self._sources, tables, out.line, most, sizes)

    def _by_passes(self, x: Line, out: Line, most: Any, sizes: tuple[int, ...], tables: Any,
                   middle: Callable[[Line, int], None]) -> None:
        """Through memory in between, for as many transforms as it has room for at a time."""
        nz, ny, nx = self._tiling.lengths
        together = min(self._transforms, max(1, BETWEEN // (2 * nz * ny * nx * self._real.itemsize)))
        between = gpu.empty(x, (2, together, nz, ny, nx), self._real)
        for begin in range(0, self._transforms, together):
            count = min(together, self._transforms - begin)
            here = (*sizes[:24], begin * nz * ny, *sizes[25:27], together * nz * ny * nx, sizes[28])
            first, last = self._ends(count * nz * ny // self._rows.lines)
            first(x.stream, x.line, self._sources, tables, between.line, most, here)
            middle(between, count)
            last(x.stream, between.line, tables, out.line, here)

    def _ends(self, blocks: int) -> tuple[Launches, Launches]:
        """Launches of the first and of the last pass: for all transforms that there is room for, and for the rest."""
        found = self._launches.get(blocks)
        if found is None:
            rows, name = self._rows, self._dtype.name
            first, last = (Launches(make(rows, name, self._steps), (blocks,), (rows.threads,), self._shared)
                           for make in (fourier_cuda.first_rows, fourier_cuda.last_rows))
            found = self._launches[blocks] = first, last
        return found


class Middle:
    """Transforms of tiles along the axes but the last, with the multiplication by the spectrum of the weights in between."""

    def __init__(self, values: Array, real: np.dtype[Any]) -> None:
        lengths = nz, ny, nx = values.shape
        axis = 0 if nz > 1 else 1
        steps = radices(lengths[axis])
        values = np.moveaxis(values, axis, -1).reshape(-1, lengths[axis])
        tables = gpu.sent(np.concatenate([twiddles(lengths[axis], steps), spread(values, steps).ravel()]).astype(real)).line
        inner = nx if axis else ny * nx
        passes = [("filtered", lengths[axis], inner, tables)]
        if nz > 1 and ny > 1:
            beside = gpu.sent(twiddles(ny, radices(ny)).astype(real)).line
            passes = [("forward", ny, nx, beside), *passes, ("inverse", ny, nx, beside)]
        self._passes = []
        for step, n, inner, table in passes:
            sweep = _sweep(n, inner)
            kernel = fourier_cuda.columns(sweep, real.name, tuple(radices(n)), step)
            self._passes.append((kernel, sweep, n * inner, inner, table))
        self._size = nz * ny * nx
        self._bytes = real.itemsize
        self._launches: dict[int, list[Launches]] = {}
        self.nbytes = tables.nbytes

    def __call__(self, between: Line, count: int) -> None:
        """Turn rows that are transformed into those of the correlation, for the first `count` transforms."""
        launches = self._launches.get(count)
        if launches is None:
            launches = self._launches[count] = []
            for kernel, sweep, size, inner, _ in self._passes:
                blocks = count * self._size // size * (inner // sweep.lines)
                launches.append(Launches(kernel, (blocks,), (sweep.threads,), sweep.shared(self._bytes)))
        for launch, (_, _, _, inner, tables) in zip(launches, self._passes, strict=True):
            launch(between.stream, between.line, tables, inner, between.size // 2)


def _sweep(length: int, lines: int) -> Sweep:
    """A block's share of at most `lines` lines."""
    return Sweep(length, min(lines, max(1, BLOCK // length)), THREADS)


def spectrum(weights: Array, lengths: tuple[int, int, int], axes: Sequence[int]) -> Array:
    """Multiplier of the transforms of tiles along some axes, in the order in which the stages leave frequencies."""
    from scipy import fft

    double = np.conj(weights).astype(np.complex128)
    values: Array = np.conj(fft.fftn(double, s=[lengths[i] for i in axes], axes=axes)) / math.prod(lengths[i] for i in axes)
    for i in axes:
        values = np.take(values, order(lengths[i]), axis=i)
    return np.broadcast_to(values, lengths)
