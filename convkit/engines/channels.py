"""Convolutions of network layers: forward, gradient of the samples, gradient of the weights.

All three walk tiles of outputs over samples spread to a line (`channel_tiles`). The gradient of the samples is a correlation of
the output's gradient with the same weights, rows and channels exchanged; with a stride, one for each remainder of a sample's
position, from the taps that reach it. No sum depends on the number of workers.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.memory import empty
from convkit._core.typing import Array, IntArray
from convkit.engines.channel_passes import Convolution, between_zeros, forward_pass, gradient_passes, tap_order
from convkit.engines.channel_tiles import Pass, Tile, cut, row_blocks
from convkit.engines.pieces import ALONE, flat
from convkit.kernels.channel_blocks import LEAST, PRODUCTS, SUMS
from convkit.kernels.channels import NUMBERS, add_outputs, add_partial, correlate_tiles, multiply_tiles, pack, rectify_outputs

# Seconds of a multiply-add in float32, and those that a worker's task should last: between tasks workers wait for Python.
PRODUCT, TASK = 2.2e-11, 5e-5
# Partial sums of the gradient of the weights, and the bytes they may take.
PARTS, PARTIAL_BYTES = 16, 1 << 23


class _Space:
    """Memory of a thread for numbers of a dtype, each kept at the largest size that was asked for."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.samples = self.results = self.weights = self.partial = np.empty(0, dtype)

    def for_tile(self, tile: Tile) -> tuple[Array, Array]:
        """Memory for the spread samples of a tile, and for results that are kept apart."""
        if self.samples.size < tile.spread.size:
            self.samples = np.empty(tile.spread.size, self.samples.dtype)
        if self.results.size < tile.spare:
            self.results = np.empty(tile.spare, self.results.dtype)
        return self.samples, self.results

    def for_weights(self, size: int) -> Array:
        """Memory for weights in the order of the kernels."""
        if self.weights.size < size:
            self.weights = np.empty(size, self.weights.dtype)
        return self.weights

    def for_partial(self, size: int) -> Array:
        """Memory for partial sums."""
        if self.partial.size < size:
            self.partial = np.empty(size, self.partial.dtype)
        return self.partial[:size]


class _Spaces(threading.local):
    """The memory of each thread."""

    def __init__(self) -> None:
        self.of = {dtype: _Space(dtype) for dtype in (np.dtype(np.float32), np.dtype(np.float64))}


_spaces = _Spaces()
# A tile, its plan as a kernel takes it, and its pieces.
_Job: TypeAlias = tuple[Tile, IntArray, IntArray]


@lru_cache(maxsize=256)
def prepare(convolution: Convolution) -> PreparedConvolution:
    """Everything of a layer's convolutions but its numbers."""
    return PreparedConvolution(convolution)


class _Correlation:
    """A correlation that waits for samples, weights and results.

    The weight of row r, channel c and tap t of a group is found ``weights`` = (group, row, channel) apart, at ``order[t]``.
    """

    def __init__(self, p: Pass, order: IntArray, weights: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        z, y, x = p.axes
        plane = y.extent * x.extent
        out_channel = z.extent * plane
        self.dtype = dtype
        self.seconds = p.items * p.work * PRODUCT * dtype.itemsize / 4
        self.alone = self.seconds < ALONE
        self.tiles = cut(p)
        inner = all(a.low >= 0 and a.high < a.source for a in p.axes)
        # Stored rows and columns are then neighbours among the samples too.
        spreads = [tile.spread for tile, _ in self.tiles]
        straight = x.step == 1 and all(s.runs.size == 1 and (np.diff(s.rows) == 1).all() for s in spreads)
        edges = -int(straight) if inner else 1 if p.boundary == "zero" else 2
        sizes = (p.groups, p.channels, p.rows, out_channel, p.out_item)
        self._numbers = (*sizes, p.groups * p.channels, z.source, y.source, x.source, z.low, y.low, x.low,
                         z.step, y.step, x.step, edges)
        self._to_out = (z.stride * plane, y.stride * x.extent, x.stride)
        self._maps = (z.sources(p.boundary), y.sources(p.boundary), x.sources(p.boundary))
        self._packing = order, p.groups, p.channels, *weights
        self._packed = p.groups * p.rows * p.channels * order.size
        self._blocks = row_blocks(p.rows, SUMS)
        self._jobs = [self._job(tile, pieces) for tile, pieces in self.tiles]
        self._whole = [(job, 0, len(job[2])) for job in self._jobs]
        self._tasks: dict[int, list[list[tuple[_Job, int, int]]]] = {}

    def plan(self, tile: Tile, more: Sequence[int], tables: Sequence[IntArray]) -> IntArray:
        """The plan of `convkit.kernels.channels` for a tile: what all kernels take, and `more` numbers and `tables` of one."""
        s = tile.spread
        numbers = (*self._numbers, *tile.shape, s.n_cols, *s.strides, tile.pitch, *tile.kept, *self._to_out, *more)
        parts = (*self._maps, s.depths, s.rows, s.runs, s.shifts, *tables)
        begins = np.cumsum([NUMBERS + len(parts) + 1, *(len(part) for part in parts)])
        return np.concatenate([np.array(numbers + (0,) * (NUMBERS - len(numbers)), np.int64), begins, *parts])

    def _job(self, tile: Tile, pieces: IntArray) -> _Job:
        return tile, self.plan(tile, (), (tile.spread.offsets, *tile.vectors.sums, tile.reach)), pieces

    def __call__(self, x: Array, w: Array, bias: Array, out: Array, workers: int, relu: bool) -> None:
        """Write the correlation into `out`, all arrays flat."""
        packed = _spaces.of[self.dtype].for_weights(self._packed)
        pack(w, *self._packing, self._blocks, packed)

        def task(parts: list[tuple[_Job, int, int]]) -> None:
            space = _spaces.of[self.dtype]
            for (tile, plan, pieces), first, last in parts:
                correlate_tiles(x, packed, bias, relu, out, *space.for_tile(tile), self._blocks, plan, pieces, first, last)

        if self.alone or workers == 1:
            task(self._whole)
        else:
            pool.run(task, self._shared(workers), workers)

    def _shared(self, workers: int) -> list[list[tuple[_Job, int, int]]]:
        """Tasks for so many workers, some for each."""
        if workers not in self._tasks:
            total = sum(len(job[2]) for job in self._jobs)
            count = min(total, max(workers, min(4 * workers, int(self.seconds / TASK))))
            self._tasks[workers] = [list(part) for part in _parts(self._jobs, total, count)]
        return self._tasks[workers]


class _Products:
    """The gradient of the weights of a correlation, that waits for samples and gradients of its results."""

    def __init__(self, correlation: _Correlation, p: Pass) -> None:
        c = self._correlation = correlation
        self._blocks = row_blocks(p.rows, PRODUCTS)
        self._taps = p.channels * math.prod(len(a.taps) for a in p.axes)
        self._step = self._taps + LEAST
        self._rows = p.groups * p.rows
        total = sum(len(pieces) for _, pieces in c.tiles)
        most = min(PARTS, total, PARTIAL_BYTES // (self._rows * self._step * c.dtype.itemsize), int(c.seconds / TASK))
        # A power of two, so that two, four or eight workers have as many.
        self._parts = 1 << max(1, most).bit_length() - 1
        jobs = [self._job(tile, pieces, p) for tile, pieces in c.tiles]
        self._jobs = [list(part) for part in _parts(jobs, total, self._parts)]
        # Of large weights there are few parts: their rows are work to share, though each share spreads the samples anew.
        shares = 1 if c.alone else max(1, min(len(self._blocks), PARTS // 2 // self._parts))
        cuts = [i * len(self._blocks) // shares for i in range(shares + 1)]
        begins = [0, *np.cumsum(self._blocks[:, 0]).tolist()]
        self.work = [(part, low, high, begins[low]) for part in range(self._parts) for low, high in itertools.pairwise(cuts)]

    def _job(self, tile: Tile, pieces: IntArray, p: Pass) -> _Job:
        s, vectors = tile.spread, tile.vectors
        offsets = (np.arange(p.channels)[:, None] * s.strides[1] + s.offsets).reshape(-1)
        offsets = np.concatenate([offsets, np.repeat(offsets[-1:], LEAST)])
        inside, outside = (np.concatenate(pair) for pair in zip(vectors.whole, vectors.ends, strict=True))
        more = (vectors.whole[0].size, vectors.ends[0].size, vectors.keep, self._taps, self._step, self._rows, *p.outputs)
        along = (np.arange(n) for n in (*p.outputs, *tile.shape[1:3], 1))
        return tile, self._correlation.plan(tile, more, (offsets, inside, outside, *along)), pieces

    def __call__(self, x: Array, g: Array, out: Array, workers: int) -> None:
        """Write the gradient into `out`, all arrays flat."""
        c = self._correlation
        size = self._rows * self._step
        partial = _spaces.of[c.dtype].for_partial(self._parts * size)
        partial[:] = 0

        def work(piece: tuple[int, int, int, int]) -> None:
            part, *blocks = piece
            space = _spaces.of[c.dtype]
            for (tile, plan, pieces), first, last in self._jobs[part]:
                multiply_tiles(x, g, partial[part * size :], *space.for_tile(tile), self._blocks, plan, pieces, first, last,
                               *blocks)

        pool.run(work, self.work, 1 if c.alone else workers)
        add_partial(partial, self._parts, self._rows, self._step, self._taps, out)


def _parts(jobs: list[_Job], total: int, count: int) -> Iterator[Iterator[tuple[_Job, int, int]]]:
    """All pieces, `total`, in `count` parts of neighbours, in their order."""
    for first, last in itertools.pairwise(i * total // count for i in range(count + 1)):
        yield _between(jobs, first, last)


def _between(jobs: list[_Job], first: int, last: int) -> Iterator[tuple[_Job, int, int]]:
    """Pieces ``first:last`` of all: each job that has some of them, and which of its own."""
    begin = 0
    for job in jobs:
        low, high = max(first - begin, 0), min(last - begin, len(job[2]))
        if low < high:
            yield job, low, high
        begin += len(job[2])


def _line(array: Array) -> Array:
    """As `flat`; an array with one axis has been made ready by the caller."""
    return array if array.ndim == 1 else flat(array)


def _folded(gradient: Array, axis: int, n: int, sources: IntArray, before: int) -> Array:
    """The gradient of `n` samples along an axis from that of the extended axis, whose samples have these `sources`."""
    lines = np.moveaxis(gradient, axis, 0)
    whole = lines[before : before + n].copy()
    for position in (*range(before), *range(before + n, len(sources))):
        whole[sources[position]] += lines[position]
    return np.moveaxis(whole, 0, axis)


class PreparedConvolution:
    """A layer's convolutions, to be called with contiguous arrays of its shapes and dtype."""

    def __init__(self, convolution: Convolution) -> None:
        self.convolution = convolution
        self._plain = between_zeros(convolution)
        self._taps = math.prod(convolution.weights[2:])
        self._zeros = np.zeros(convolution.samples[1] + convolution.weights[0], convolution.dtype)

    @cached_property
    def _pass(self) -> Pass:
        return forward_pass(self.convolution)

    @cached_property
    def _forward(self) -> _Correlation:
        p, taps = self._pass, self._taps
        weights = (p.rows * p.channels * taps, p.channels * taps, taps)
        return _Correlation(p, tap_order(p, self.convolution.weights[2:]), weights, self.convolution.dtype)

    @cached_property
    def _backward(self) -> tuple[list[_Correlation], bool]:
        """Correlations that make the gradient of the samples (padded, unless by zeros); whether some samples meet no tap."""
        c, taps = self._plain, self._taps
        weights = (c.weights[0] // c.groups * c.weights[1] * taps, taps, c.weights[1] * taps)
        passes = gradient_passes(c)
        met = [p for p in passes if all(axis.taps for axis in p.axes)]
        return [_Correlation(p, tap_order(p, c.weights[2:]), weights, c.dtype) for p in met], len(met) < len(passes)

    @cached_property
    def _products(self) -> _Products:
        return _Products(self._forward, self._pass)

    def forward(self, x: Array, w: Array, bias: Array | None, out: Array, workers: int, relu: bool = False) -> None:
        """Write the correlation of `x` with `w`, plus `bias`, into `out`; with `relu` what is below zero becomes zero."""
        self._forward(_line(x), _line(w), self._zeros if bias is None else _line(bias), out.reshape(-1), workers, relu)

    def input_gradient(self, g: Array, w: Array, out: Array, workers: int) -> None:
        """Write the gradient of the samples into `out`, from the gradient `g` of the results."""
        c = self.convolution
        correlations, holes = self._backward
        target = out
        if self._plain is not c:
            target = empty(self._plain.samples, c.dtype)
        if holes:
            target[...] = 0
        gradient, weights, line = _line(g), _line(w), target.reshape(-1)
        for correlation in correlations:
            correlation(gradient, weights, self._zeros, line, workers, False)
        if target is not out:
            for axis, (n, (before, after)) in enumerate(zip(c.samples[2:], c.padding, strict=True), 2):
                target = _folded(target, axis, n, index_map(n, before, after, c.boundary), before)
            out[...] = target

    def weight_gradient(self, x: Array, g: Array, out: Array, workers: int) -> None:
        """Write the gradient of the weights into `out`: products of `x` and the gradient `g` of the results, summed."""
        self._products(_line(x), _line(g), out.reshape(-1), workers)

    def bias_gradient(self, g: Array, out: Array) -> None:
        """Write the gradient of the bias into `out`: the gradient `g` of the results summed over all but channels."""
        items = self.convolution.samples[0]
        add_outputs(_line(g), items, out.size, g.size // max(1, items * out.size), out)

    def rectified_gradient(self, g: Array, y: Array, out: Array) -> Array:
        """`g` in a line, zero where the rectifier's result `y` is; the gradient of the bias is written into `out`."""
        items = self.convolution.samples[0]
        masked = empty((g.size,), g.dtype)
        rectify_outputs(_line(g), _line(y), items, out.size, g.size // max(1, items * out.size), masked, out)
        return masked
