"""Products of matrices and convolutions as products, on a CUDA device: which tiles of them the blocks make, and launches."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import MOST
from convkit.engines.cuda.launches import Launches
from convkit.engines.cuda.pointwise import ready
from convkit.kernels.dense_cuda import sum_rows
from convkit.kernels.multiply_cuda import CORRELATE, Sizes, Tile, multiply
from convkit.kernels.simd_cuda import VECTOR

# Tiles by the bytes of a number. The simulator takes a millisecond for a thread.
TILES = {4: (Tile(16, 16, 8, 8, 16), Tile(16, 8, 8, 8, 8), Tile(16, 8, 4, 4, 16)),
         8: (Tile(16, 16, 8, 4, 16), Tile(16, 8, 8, 4, 8), Tile(16, 8, 4, 2, 16))}
SIMULATED_TILES = {4: (Tile(4, 4, 4, 4, 4),), 8: (Tile(4, 2, 4, 2, 4),)}
# Multiprocessors of an H200. The parts that sums are cut into depend on it, and so it is the same on every device.
PROCESSORS = 132
# Threads that a processor has at once, and the instructions that it could do while a block waits for a panel.
RESIDENT, WAIT = 512, 100_000
# Panels of a part of the sums at least, and numbers of all their parts at most.
PANELS, PARTIAL = 8, 1 << 26
# Columns and rows of the threads of a block that sums rows.
ROWS_BLOCK = (2, 2) if gpu.SIMULATED else (32, 8)
# All offsets have 32 bits, those beyond the end of the last tile too.
MOST_NUMBERS = (1 << 31) - (1 << 16)
# Instructions for a number of a that is put into shared memory, and for one of b, whose place has to be found.
LOAD_A, LOAD_B = 5, 13


def tiles_for(dtype: np.dtype[Any]) -> tuple[Tile, ...]:
    """Tiles to choose from."""
    return (SIMULATED_TILES if gpu.SIMULATED else TILES)[dtype.itemsize]


def refuse_more(*counts: int) -> None:
    """Refuse arrays of more numbers than offsets reach."""
    if max(counts) >= MOST_NUMBERS:
        raise ValueError(f"an array of a layer has {max(counts)} numbers; a CUDA device takes fewer than {MOST_NUMBERS}, so "
                         "give it a smaller batch")


def _parts(tile: Tile, s: Sizes) -> tuple[int, int]:
    """In how many parts sums are made, so that all processors have work, and products of one."""
    blocks = max(1, s.groups * -(-s.rows // tile.high) * -(-s.columns // tile.wide))
    results = max(1, s.groups * s.rows * s.columns)
    wanted = PROCESSORS * RESIDENT // tile.threads // blocks
    count = min(wanted, s.length // (tile.depth * PANELS), PARTIAL // results, MOST // s.groups)
    panels = -(-s.length // (tile.depth * max(1, count)))
    part = max(1, panels) * tile.depth
    return max(1, -(-s.length // part)), part


def _cost(tile: Tile, s: Sizes, parts: int, part: int) -> int:
    """Instructions of a processor, roughly: its own ones, or those that it could do while its blocks wait."""
    blocks = -(-parts * s.groups * -(-s.rows // tile.high) * -(-s.columns // tile.wide) // PROCESSORS)
    panels = -(-part // tile.depth)
    reads = tile.threads * (tile.rows + tile.columns) // 2
    work = panels * tile.depth * (tile.high * tile.wide + reads + LOAD_A * tile.high + LOAD_B * tile.wide)
    return max(blocks * work, -(-blocks * tile.threads // RESIDENT) * (work + panels * WAIT))


class Multiply:
    """A product that waits for its factors: ``a b`` for each group, with `sizes` of the `form` of `multiply_body`."""

    def __init__(self, form: tuple[str, str], dtype: np.dtype[Any], sizes: Sizes, whole: bool = True) -> None:
        split = {tile: (1, sizes.length) if form == CORRELATE else _parts(tile, sizes) for tile in tiles_for(dtype)}
        tile = min(split, key=lambda tile: _cost(tile, sizes, *split[tile]))
        self.parts, part = split[tile]
        self._dtype = dtype
        self._numbers = sizes._replace(part=part).numbers[:-2]
        self._by_vectors = whole and sizes.columns % (VECTOR // dtype.itemsize) == 0
        grid = -(-sizes.columns // tile.wide), -(-sizes.rows // tile.high), sizes.groups * self.parts
        self._launch = Launches(multiply(tile, dtype.name, form), grid, (tile.threads,))
        self._results = sizes.groups * sizes.rows * sizes.columns

    def __call__(self, a: Any, b: Any, tables: Any, bias: Any, out: Line, relu: bool = False) -> None:
        """Write the product of flat arrays into `out`, in the order of its stream."""
        if not self._results:
            return
        target = out if self.parts == 1 else gpu.empty(out, (self.parts * self._results,), self._dtype)
        by_vectors = self._by_vectors and target.address % VECTOR == 0
        self._launch(out.stream, a, b, tables, bias, target.line, (*self._numbers, int(relu), int(by_vectors)))
        if target is not out:
            sum_parts(target, out)


def sum_parts(parts: Line, out: Line) -> None:
    """Write the sum of parts, one after the other, into `out`."""
    count = parts.size // out.size
    kernel = sum_rows(ROWS_BLOCK, out.dtype.name, False)
    grid = -(-out.size // ROWS_BLOCK[0]), 1
    launch = ready(kernel, grid, ROWS_BLOCK, parts.stream)
    launch(parts.line, parts.line, parts.line, out.line, (count, out.size, count))
