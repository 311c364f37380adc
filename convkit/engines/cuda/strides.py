"""Arrays of callers that do not lie in C order on a CUDA device: copied to it and back, and axes that change places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line, Strided
from convkit._core.typing import Array
from convkit.engines.cuda.axes import places_of
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.kernels.arrays_cuda import AXES, move
from convkit.kernels.strides_cuda import Rows, Turn, rows, turn

# Tiles that are turned, by the bytes of a number: rows of 64 bytes or more, on both sides.
TURNS = {1: Turn(64, 4), 2: Turn(64, 4), 4: Turn(32, 8), 8: Turn(32, 8), 16: Turn(32, 8)}
# Tiles that are copied, of several rows and of one.
TILES = (Rows(256, 1, 8), Rows(256, 8, 1))
# Bytes that memory hands out at once: numbers that lie closer are read together anyway.
SECTOR = 32
# Numbers along an axis that make a tile worth its while.
SHORT = 2 if gpu.SIMULATED else 8
# Numbers of a row that make it worth a tile of its own.
LONG = 3 if gpu.SIMULATED else 128
# Numbers that a launch copies, fewer than: their places are counted in 32 bits.
MOST = 1 << 31


def turn_for(dtype: np.dtype[Any]) -> Turn:
    """Tile of a block that turns numbers."""
    return Turn(4, 2) if gpu.SIMULATED else TURNS[dtype.itemsize]


def rows_for(high: int) -> Rows:
    """Tile of a block that copies so many rows."""
    down, across = (Rows(4, 1, 3), Rows(4, 3, 1)) if gpu.SIMULATED else TILES
    return down if high > 1 else across


class Copy(NamedTuple):
    """One launch: four sizes, and of either side the first place and the steps; tiles are turned if the fastest axes differ."""

    turns: bool
    sizes: tuple[int, ...]
    x_first: int
    x_steps: tuple[int, ...]
    out_first: int
    out_steps: tuple[int, ...]


@lru_cache(maxsize=256)
def plan(shape: tuple[int, ...], x_steps: tuple[int, ...], out_steps: tuple[int, ...], nbytes: int) -> tuple[Copy, ...]:
    """The launches that copy numbers of so many bytes, from places that begin at 0 to such."""
    axes: list[tuple[int, int, int]] = []
    # The order in which `out` is written.
    for n, a, b in sorted(zip(shape, x_steps, out_steps, strict=True), key=lambda axis: (-abs(axis[2]), -abs(axis[1]))):
        if n == 1:
            continue
        if axes and axes[-1][1:] == (a * n, b * n) and axes[-1][0] * n < MOST:
            axes[-1] = axes[-1][0] * n, a, b
        else:
            axes.append((n, a, b))
    fast = min((axis for axis in axes if axis[1]), key=lambda axis: abs(axis[1]), default=None)
    turns = fast is not None and fast is not axes[-1] and abs(axes[-1][1]) * nbytes >= SECTOR \
        and min(fast[0], axes[-1][0]) >= SHORT
    if turns and fast is not None:
        axes.remove(fast)
        axes.insert(len(axes) - 1, fast)
    axes = axes or [(1, 0, 0)]
    # Axes beyond the fourth, and parts of the first of the others, take a launch each.
    alone = max(0, len(axes) - AXES)
    while math.prod(axis[0] for axis in axes[alone + 1 :]) >= MOST:
        alone += 1
    (n, a, b), *rest = axes[alone:]
    length = min(n, (MOST - 1) // math.prod(axis[0] for axis in rest))
    parts = []
    for *outer, begin in np.ndindex(*(axis[0] for axis in axes[:alone]), -(-n // length)):
        places = [*outer, begin * length]
        whole = [(1, 0, 0)] * (AXES - 1 - len(rest)) + [(min(length, n - begin * length), a, b)] + rest
        sizes, x_inner, out_inner = (tuple(column) for column in zip(*whole, strict=True))
        first, out_first = (sum(i * axis[side] for i, axis in zip(places, axes, strict=False)) for side in (1, 2))
        parts.append(Copy(turns, sizes, first, x_inner, out_first, out_inner))
    return tuple(parts)


def copy(x: Line | Strided, out: Line | Strided) -> None:
    """Copy the numbers of `x` to `out`, of the same shape and dtype, in the order of the stream of `x`."""
    if not math.prod(x.shape):
        return
    (source, a, x_steps), (target, b, out_steps) = _lying(x), _lying(out)
    dtype = source.dtype
    for part in plan(x.shape, x_steps, out_steps, dtype.itemsize):
        arguments = part.sizes, a + part.x_first, part.x_steps, b + part.out_first, part.out_steps
        outer, inner, high, wide = part.sizes
        if part.turns:
            tile = turn_for(dtype)
            blocks = outer * inner * -(-high // tile.wide) * -(-wide // tile.wide)
            launch = ready(turn(tile, dtype.name), (blocks,), tuple(tile), source.stream)
        elif wide >= LONG:
            part_of_rows = rows_for(high)
            blocks = outer * inner * -(-high // part_of_rows.down) * -(-wide // (part_of_rows.threads * part_of_rows.across))
            launch = ready(rows(part_of_rows, dtype.name), (blocks,), part_of_rows.threads, source.stream)
        else:
            launch = ready(move, (-(-math.prod(part.sizes) // THREADS),), THREADS, source.stream)
        launch(source.line, target.line, *arguments)


def _lying(x: Line | Strided) -> tuple[Line, int, tuple[int, ...]]:
    """The memory of an array, its first place there, and its steps."""
    if isinstance(x, Strided):
        return x.around, x.first, x.steps
    return x, 0, _steps(x.shape)


@lru_cache(maxsize=1024)
def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Steps of C order."""
    return places_of(shape).strides


def in_order(x: Line | Strided) -> Line:
    """The numbers in C order: those of `x` themselves, or a copy in memory of the caller's library."""
    if isinstance(x, Line):
        return x
    if _is_line(x):
        return Line(x.shape, x.around.dtype, x.around.line, x.stream, x.around.owner)
    made = gpu.empty(x.around, x.shape, x.around.dtype)
    copy(x, made)
    return made


def _is_line(x: Strided) -> bool:
    """Whether only axes of one number were moved, or none."""
    whole = zip(x.shape, x.steps, _steps(x.shape), strict=True)
    return x.around.size == math.prod(x.shape) and all(n == 1 or step == own for n, step, own in whole)


def seen(x: Any, name: str) -> Line:
    """The caller's device array in C order: not copied if it lies so."""
    return in_order(gpu.found(x, name))


def target(out: Any, name: str) -> Line | Strided:
    """The caller's device array for a result, in whatever order; `copy` writes into it."""
    found = gpu.found(out, name)
    if isinstance(found, Strided) and any(n > 1 and not step for n, step in zip(found.shape, found.steps, strict=True)):
        raise ValueError(f"{name} of shape {found.shape} has several numbers in one place of the memory of the device; give an "
                         "array that can be written")
    return found


def turned(x: Line, order: Sequence[int]) -> Strided:
    """An array with its axes in another order, not copied."""
    places: Array = places_of(x.shape).transpose(order)
    return Strided(places.shape, places.strides, 0, x, True)


class Run(Protocol):
    """All of a correlation but its samples."""

    nbytes: int

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`."""


class Moved:
    """A correlation along the last axes, as one of samples whose axes are put into `order` first, and put back after."""

    def __init__(self, run: Run, order: tuple[int, ...]) -> None:
        self.run, self._order = run, order
        self.nbytes = run.nbytes

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`."""
        samples, results = in_order(turned(x, self._order)), turned(out, self._order)
        values = in_order(results) if _is_line(results) else gpu.empty(x, results.shape, out.dtype)
        self.run(samples, values)
        if values.line is not out.line:
            copy(values, results)


class Items:
    """A correlation of one item, as one of a batch of so many: one after the other."""

    def __init__(self, run: Run, count: int) -> None:
        self.run, self._count = run, count
        self.nbytes = run.nbytes

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`."""
        for i in range(self._count):
            self.run(_item(x, i, self._count), _item(out, i, self._count))


def plain(run: Run) -> type:
    """What computes it, in whatever order its axes are put."""
    while isinstance(run, Moved | Items):
        run = run.run
    return type(run)


def _item(x: Line, i: int, count: int) -> Line:
    """One of the items that lie one after the other, as a line."""
    size = x.size // count
    return Line((size,), x.dtype, x.line[i * size : (i + 1) * size], x.stream, x.owner)
