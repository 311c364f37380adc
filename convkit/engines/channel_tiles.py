"""Tiles of a convolution with channels: which samples one needs, how they are spread to a line, where its results go."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from convkit._core.boundary import index_map
from convkit._core.typing import IntArray
from convkit.kernels.channel_blocks import LEAD, LEAST, VECTOR
from convkit.kernels.channel_lines import AT_ONCE

# Bytes of the spread samples of a tile. More than the second cache holds still pays: each block of sums reads them in order,
# and the products have fewer sums of lanes to make (64 channels, 3x3 on 56x56: 0.4 MB 90 GF/s and 74, 1.6 MB 101 and 98).
TILE_BYTES = 1_500_000
# Multiply-adds of a tile worth handing to a worker, and how many tiles there should be then: a batch of many, or one of few.
TILE_WORK, TILES, FEW = 2_000_000, 16, 8
# How samples are spread. ``rows``: columns are stored once, and vectors of outputs end where rows do. ``planes``: columns are
# stored anew for every tap along a row, so that rows of outputs follow one another without gaps. ``batch``: as planes, with
# the items of a row side by side, so that images of few outputs fill vectors too; results are scattered. ``shared``: columns
# are stored once, and the zeros behind a row are those before the next, so that rows follow one another without gaps; for
# rows with a zero on either side for every tap but one, as in the gradient of the samples of a layer without padding.
LAYOUTS = ("rows", "planes", "batch", "shared")

# (items, D, H, W) outputs of a tile.
Shape: TypeAlias = tuple[int, int, int, int]


class Axis(NamedTuple):
    """One axis: output i sums samples ``i * step + starts[j]`` of `source`, and lies at ``first + i * stride`` of `extent`.

    ``starts[j]`` is where tap ``taps[j]`` of the weights begins.
    """

    outputs: int
    step: int
    starts: tuple[int, ...]
    taps: tuple[int, ...]
    source: int
    first: int
    stride: int
    extent: int

    @property
    def low(self) -> int:
        """Lowest position that is read."""
        return min(self.starts)

    @property
    def high(self) -> int:
        """Highest position that is read."""
        return max(self.starts) + (self.outputs - 1) * self.step

    def sources(self, boundary: str) -> IntArray:
        """Source of every position that is read, from `low` on; -1 where it is zero, and for as many more as taps span."""
        read = index_map(self.source, -self.low, self.high + 1 - self.source, boundary)
        return np.concatenate([read, np.full(max(self.starts) - self.low, -1, np.int64)])


class Pass(NamedTuple):
    """A correlation of `items` in `groups` of `channels` to `rows` output channels; axes are depth, rows, columns."""

    items: int
    groups: int
    channels: int
    rows: int
    axes: tuple[Axis, Axis, Axis]
    boundary: str
    itemsize: int

    @property
    def outputs(self) -> tuple[int, int, int]:
        """Outputs of each axis."""
        z, y, x = self.axes
        return z.outputs, y.outputs, x.outputs

    @property
    def work(self) -> int:
        """Multiply-adds of an item."""
        taps = math.prod(len(a.taps) for a in self.axes)
        return self.groups * self.channels * self.rows * taps * math.prod(self.outputs)

    @property
    def out_item(self) -> int:
        """Results of an item, with those of other passes between them."""
        return self.groups * self.rows * math.prod(a.extent for a in self.axes)


class Spread(NamedTuple):
    """Where the samples of a tile are stored: strides (item, channel, depth, row, plane) of the line.

    `depths` and `rows` are the positions stored, `runs` the first of each run of `n_cols` columns. `shifts` of the gathered
    rows are what is stored anew for each tap. `offsets` are those of the taps in the line, `size` is that of all.
    """

    n_cols: int
    strides: tuple[int, int, int, int, int]
    depths: IntArray
    rows: IntArray
    runs: IntArray
    shifts: IntArray
    offsets: IntArray
    size: int


class Vectors(NamedTuple):
    """Vectors of outputs: where they begin in the line and among the results.

    Those of `sums` overlap at the end of a run of outputs; `whole` ones do not, and of `ends` only the last `keep` samples
    count.
    """

    sums: tuple[IntArray, IntArray]
    whole: tuple[IntArray, IntArray]
    ends: tuple[IntArray, IntArray]
    keep: int


class Tile(NamedTuple):
    """A tile's shape, and the numbers that kernels work with.

    `reach` holds for each vector of sums the first tap that it needs, and the end of those. Results are written in place if
    `pitch` is 0. Else they are kept apart until they are scattered: channels lie `pitch` apart then; `kept` is (item, channel,
    depth, row, 0).
    """

    shape: Shape
    layout: str
    spread: Spread
    vectors: Vectors
    reach: IntArray
    pitch: int
    kept: tuple[int, int, int, int, int]
    spare: int
    cost: float


def _runs(axis: Axis, count: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Runs of stored positions (first, number) that `count` outputs need, and for every tap (run, offset in it).

    Positions of a run are `step` apart; taps share a run unless more than a run lies between them.
    """
    low = axis.low
    runs: list[tuple[int, int]] = []
    where: dict[int, tuple[int, int]] = {}
    for start in sorted(set(axis.starts), key=lambda s: (s % axis.step, s)):
        if runs:
            first, number = runs[-1]
            offset, rest = divmod(start - low - first, axis.step)
            if rest == 0 and 0 < offset <= number:
                runs[-1] = (first, offset + count)
                where[start] = (len(runs) - 1, offset)
                continue
        where[start] = (len(runs), 0)
        runs.append((start - low, count))
    return runs, [where[s] for s in axis.starts]


def _stored(axis: Axis, count: int) -> tuple[IntArray, list[int]]:
    """Positions stored one after the other for `count` outputs, and where each tap's begin."""
    runs, where = _runs(axis, count)
    begins = np.cumsum([0] + [n for _, n in runs]).tolist()
    positions = np.concatenate([first + axis.step * np.arange(n, dtype=np.int64) for first, n in runs])
    return positions, [begins[run] + offset for run, offset in where]


def _spaced(n: int, lanes: int) -> int:
    """At least `n`: an odd number of vectors, so that channels do not meet in few sets of the cache."""
    return (-(-n // lanes) | 1) * lanes


def _spread(p: Pass, shape: Shape, layout: str) -> Spread:
    items, nz, ny, nx = shape
    z, y, x = p.axes
    lanes = VECTOR // p.itemsize
    depths, at_depth = _stored(z, nz)
    rows, at_row = _stored(y, ny)
    found, where = _runs(x, nx)
    runs = np.array([first for first, _ in found], np.int64)
    n_cols = max(n for _, n in found)
    run = rows.size * n_cols
    shifts = np.array([which * run + dx for which, dx in where if layout in ("planes", "batch")], np.int64)
    if shifts.size:
        where = [(i, 0) for i in range(shifts.size)]
    row = {"rows": n_cols, "planes": nx, "batch": items * nx, "shared": nx}[layout]
    plane = row * rows.size + (n_cols - nx if layout == "shared" else 0)
    depth = plane * (shifts.size or runs.size)
    channel = _spaced(depth * depths.size, lanes)
    item = nx if layout == "batch" else channel * p.channels
    offsets = np.array([dz * depth + which * plane + dy * row + dx for dz in at_depth for dy in at_row for which, dx in where],
                       np.int64)
    gathered = min(AT_ONCE, p.channels) * depths.size * runs.size * run
    size = LEAD + max(items * item, p.channels * channel) + gathered + 2 * lanes
    return Spread(n_cols, (item, channel, depth, row, plane), depths, rows, runs, shifts, offsets, size)


def _shares_zeros(p: Pass, columns: int) -> bool:
    """Whether rows of so many outputs need as many zeros on either side as lie between their taps."""
    x = p.axes[2]
    span = x.high - x.low + 1 - columns
    whole = columns == x.outputs and x.step == 1
    return whole and p.boundary == "zero" and -x.low >= span and x.high + 1 - x.source >= span


def _met(axis: Axis) -> tuple[IntArray, IntArray]:
    """For each output the first tap that meets a sample, and the end of those that do: all taps, and 0, if none does."""
    positions = np.arange(axis.outputs)[:, None] * axis.step + np.array(axis.starts, np.int64)
    inside = (positions >= 0) & (positions < axis.source)
    taps = np.arange(len(axis.taps))
    return np.where(inside, taps, taps.size).min(axis=1), np.where(inside, taps + 1, 0).max(axis=1)


def _reach(p: Pass, shape: Shape, depth: IntArray, first: IntArray, last: IntArray) -> IntArray:
    """First tap, and end of the taps, that vectors of rows ``first`` to ``last`` at a `depth` need: others meet zeros alone.

    For one that needs none they are the number of taps, and 0.
    """
    _, height, width = counts = [len(axis.taps) for axis in p.axes]
    total = math.prod(counts)
    if p.boundary != "zero" or shape[1:3] != p.outputs[:2]:
        return np.tile(np.array([0, total], np.int64), depth.size)
    (low_z, high_z), (low_y, high_y) = (_met(axis) for axis in p.axes[:2])
    low, high = low_y[first], high_y[first]
    for _ in range(int((last - first).max(initial=0))):
        first = np.minimum(first + 1, last)
        low, high = np.minimum(low, low_y[first]), np.maximum(high, high_y[first])
    some = (high > 0) & (high_z[depth] > 0)
    begin = np.where(some, (low_z[depth] * height + low) * width, total)
    end = np.where(some, ((high_z[depth] - 1) * height + high) * width, 0)
    return np.stack([begin, end], axis=1).reshape(-1)


def _vectors(begin: IntArray, items: int, length: int, lanes: int) -> tuple[Vectors, IntArray, IntArray]:
    """Vectors of runs of `length` outputs that begin at rows of ``begin`` = (n, 2); of `sums` the runs, and places in them."""

    def at(starts: IntArray) -> tuple[IntArray, IntArray]:
        inside, outside = ((column[:, None] + starts).reshape(-1) for column in begin.T)
        return inside, outside

    cuts = np.arange(0, length - lanes + 1, lanes, dtype=np.int64)
    keep = length % lanes
    last = np.array([length - lanes] if keep else [], np.int64)
    places = np.concatenate([cuts, np.maximum(last, 0)])
    tables = [*at(places), np.repeat(np.arange(len(begin)), places.size), np.tile(places, len(begin))]
    more = max(0, LEAST - tables[0].size)
    for i, table in enumerate(tables):
        # The same places of all items one after the other: they need the same taps.
        table = table.reshape(items, -1).T.reshape(-1)
        tables[i] = np.concatenate([table, np.repeat(table[-1:], more)])
    inside, outside, runs, places = tables
    return Vectors((inside, outside), at(cuts), at(last), keep), runs, places


def make_tile(p: Pass, shape: Shape, layout: str) -> Tile | None:
    """The tile of a shape in a layout; None where that does not serve."""
    items, nz, ny, nx = shape
    lanes = VECTOR // p.itemsize
    if layout == "shared" and not _shares_zeros(p, nx):
        return None
    spread = _spread(p, shape, layout)
    item, _, depth, row, _ = spread.strides
    i, j, k = np.ogrid[:items, :nz, :ny]
    if layout == "batch":
        length = ny * items * nx
        # A vector may end behind the last run.
        pitch = _spaced(nz * length + lanes, lanes)
        kept = (nx, pitch, length, items * nx, 0)
        starts = j * depth, j * length
    else:
        kept, pitch, length = (0, 0, 0, 0, 0), 0, nx
        _, height, width = (a.extent for a in p.axes)
        starts = i * item + j * depth + k * row, i * p.out_item + (j * height + k) * width
        if layout != "rows":
            length = ny * nx
            starts = starts[0][:, :, 0], starts[1][:, :, 0]
        gaps = layout != "rows" and nx != width
        if gaps or length < lanes or any(a.stride > 1 for a in p.axes):
            return None
    begin = np.stack([LEAD + starts[0].reshape(-1), starts[1].reshape(-1)], axis=1).astype(np.int64)
    vectors, runs, places = _vectors(begin, 1 if layout == "batch" else items, length, lanes)
    # A run is a row, or all rows of a depth: in each place of it there are `wide` outputs of a row.
    wide = items * nx if layout == "batch" else nx
    depths, top = np.divmod(runs, ny) if layout == "rows" else (runs, 0)
    last = np.minimum(top + (places + lanes - 1) // wide, ny - 1)
    reach = _reach(p, shape, depths % nz, top + places // wide, last)
    # Cycles: a fused operation per vector, row and tap; rows copied once, and again for every tap; results scattered.
    sums = p.rows * p.channels * spread.offsets.size * (vectors.whole[0].size + vectors.ends[0].size)
    copies = spread.runs.size * (10 + 2 * spread.n_cols / lanes)
    copies += spread.shifts.size * (3 if layout == "planes" else 7) * -(-nx // lanes)
    copies *= items * p.channels * spread.depths.size * spread.rows.size
    again = items * nz * ny * p.rows * (14 + 2 * nx / lanes) if pitch else 0
    spare = LEAD + pitch * p.rows + lanes if pitch else 0
    return Tile(shape, layout, spread, vectors, reach, pitch, kept, spare, (sums + copies + again) / math.prod(shape))


def _best(p: Pass, shape: Shape) -> Tile:
    tiles = [tile for layout in LAYOUTS if (tile := make_tile(p, shape, layout)) is not None]
    return min(tiles, key=lambda tile: tile.cost)


def cut(p: Pass) -> list[tuple[Tile, IntArray]]:
    """Cut the outputs into tiles, without regard to workers: each shape with its pieces.

    A piece is (item, z, y, x, place among the results) of its first output.
    """
    counts = list(p.outputs)
    tile = _best(p, (1, counts[0], counts[1], counts[2]))
    while True:
        pieces = p.items * math.prod(-(-n // count) for n, count in zip(p.outputs, counts, strict=True))
        small = pieces >= FEW or p.items * p.work < 2 * TILE_WORK * pieces
        axis = next((i for i in range(3) if counts[i] > (1, 1, 2 * VECTOR)[i]), None)
        if axis is None or (small and tile.spread.size * p.itemsize <= TILE_BYTES):
            break
        counts[axis] = -(-counts[axis] // 2)
        tile = _best(p, (1, counts[0], counts[1], counts[2]))
    items = 1
    if counts == list(p.outputs):
        enough = max(-(-p.items // TILES), TILE_WORK // p.work)
        items = max(1, min(p.items, enough, TILE_BYTES // (tile.spread.size * p.itemsize)))
    full, extents = (items, *counts), (p.items, *p.outputs)
    _, height, width = (a.extent for a in p.axes)
    tiles: dict[Shape, list[tuple[int, ...]]] = {}
    for corner in np.ndindex(*(-(-n // s) for n, s in zip(extents, full, strict=True))):
        begin = [c * s for c, s in zip(corner, full, strict=True)]
        n, nz, ny, nx = (min(s, n - b) for s, n, b in zip(full, extents, begin, strict=True))
        z, y, x = (a.first + a.stride * b for a, b in zip(p.axes, begin[1:], strict=True))
        tiles.setdefault((n, nz, ny, nx), []).append((*begin, begin[0] * p.out_item + (z * height + y) * width + x))
    return [(_best(p, shape), np.array(pieces, np.int64)) for shape, pieces in tiles.items()]


def row_blocks(rows: int, sizes: Mapping[int, int]) -> IntArray:
    """Blocks (rows, breadth) of the given sizes that make up `rows`, the larger first."""
    blocks: list[tuple[int, int]] = []
    for size in sorted(sizes, reverse=True):
        count, rows = divmod(rows, size)
        blocks += [(size, sizes[size])] * count
    return np.array(blocks, np.int64)
