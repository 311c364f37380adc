"""Convolutions of network layers on a CUDA device: the names of `convkit.engines.channels`, on `gpu.Line`.

``prepare(Convolution(...))`` gives a `PreparedConvolution` with the CPU's methods and arguments: `forward`, `input_gradient`,
`weight_gradient`, `bias_gradient`, `rectified_gradient`. Arrays are `Line` of the convolution's dtype; only the order of their
numbers counts, so that they may have any shape. `workers` is taken and not used. Work is put on the stream of the results.
`add_channels(y, bias)` adds a number to every channel, as a transposed convolution needs it.

All three are products of matrices whose factors are read where they lie (`convkit.kernels.multiply_cuda`): the samples that a
tap meets are found by a table of offsets. Samples beyond the edges are zeros, or written out before.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.boundary import index_map
from convkit._core.gpu import Line
from convkit._core.typing import Array, IntArray
from convkit.engines.channel_passes import Convolution, between_zeros, forward_pass, gradient_passes, tap_order, three
from convkit.engines.channel_tiles import Pass
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.multiply import PROCESSORS, Multiply, refuse_more, sum_parts
from convkit.engines.cuda.pointwise import ready
from convkit.kernels import channels_cuda
from convkit.kernels.multiply_cuda import CORRELATE, PRODUCTS, Sizes
from convkit.kernels.simd_cuda import VECTOR

# Threads of a block that sums a channel, and numbers of each at least.
SUM_THREADS, NUMBERS = 4 if gpu.SIMULATED else 256, 8


@lru_cache(maxsize=256)
def prepare(convolution: Convolution) -> PreparedConvolution:
    """Everything of a layer's convolutions but its numbers."""
    return PreparedConvolution(convolution)


def add_channels(y: Line, bias: Line) -> None:
    """Add to each channel of `y` = (items, channels, ...) its number of `bias`, in place."""
    if y.size:
        size = math.prod(y.shape[2:])
        launch = ready(channels_cuda.add_channels, (-(-y.size // THREADS),), THREADS, y.stream)
        launch(y.line, bias.line, (size, 0))


def _samples(p: Pass) -> tuple[Sizes, Array]:
    """What products read of the samples of a pass, and where each tap of each channel meets them."""
    depth, height, width = (axis.source for axis in p.axes)
    plane, pixels = height * width, p.outputs
    z, y, x = (np.array(axis.starts, np.int64) for axis in p.axes)
    z, y = z[:, None, None], y[:, None]
    taps = np.broadcast_arrays((z * height + y) * width + x, z, y, x)
    table = np.tile(np.stack(taps, -1).reshape(-1, 4), (p.channels, 1))
    table[:, 0] += np.repeat(np.arange(p.channels) * depth * plane, len(table) // p.channels)
    sizes = Sizes(
        p.rows, 0, 0, p.groups, b_group=p.channels * depth * plane, extent=(depth, height, width),
        item=p.groups * p.channels * depth * plane, pixels=(math.prod(pixels), math.prod(pixels[1:]), pixels[2]),
        steps=(p.axes[0].step, p.axes[1].step, p.axes[2].step))
    return sizes, table


class _Correlation:
    """A correlation that waits for samples, weights and results.

    The weight of row r, channel c and tap t of a group is found ``weights`` = (group, row, channel) apart, at ``order[t]``.
    """

    def __init__(self, p: Pass, order: IntArray, weights: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        sizes, table = _samples(p)
        to_group, to_row, to_channel = weights
        places = (np.arange(p.channels)[:, None] * to_channel + order).reshape(-1)
        z, y, x = p.axes
        plane = y.extent * x.extent
        whole = all(a.outputs == a.extent for a in p.axes) and z.extent * plane % (VECTOR // dtype.itemsize) == 0
        sizes = sizes._replace(
            columns=p.items * sizes.pixels[0], length=len(table), a_pitch=to_row, a_group=to_group, out_item=p.out_item,
            out_row=z.extent * plane, out_first=(z.first * y.extent + y.first) * x.extent + x.first,
            out_strides=(z.stride * plane, y.stride * x.extent, x.stride))
        self._multiply = Multiply(CORRELATE, dtype, sizes, whole)
        # One more: there is no memory of no numbers.
        self._tables = gpu.sent(np.concatenate([table.reshape(-1), places, [0]]).astype(np.int32)).line

    def __call__(self, x: Line, w: Line, bias: Any, out: Line, relu: bool) -> None:
        """Write the correlation into `out`."""
        self._multiply(w.line, x.line, self._tables, bias, out, relu)


class _Edges:
    """Samples beyond the edges, written out, and their gradients added to those of the samples that they repeat."""

    def __init__(self, c: Convolution) -> None:
        self._planes = c.samples[0] * c.samples[1]
        self._shape, self._long = three(c.samples[2:]), three(between_zeros(c).samples[2:])
        padding = ((0, 0),) * (3 - len(c.padding)) + c.padding
        maps = [index_map(n, before, after, c.boundary) for n, (before, after) in zip(self._shape, padding, strict=True)]
        self._maps = gpu.sent(np.concatenate(maps).astype(np.int32)).line
        # For each sample its own place, and then those that repeat it.
        orders = [np.lexsort((np.arange(len(m)) != before + m, m)) for m, (before, _) in zip(maps, padding, strict=True)]
        counts = [np.bincount(m, minlength=n) for m, n in zip(maps, self._shape, strict=True)]
        begins = np.cumsum([sum(n + 1 for n in self._shape), *map(len, orders)])
        bounds = [begin + np.append(0, np.cumsum(count)) for begin, count in zip(begins, counts, strict=False)]
        self._places = gpu.sent(np.concatenate(bounds + orders).astype(np.int32)).line

    def _sizes(self, source: tuple[int, ...], target: tuple[int, ...], more: int) -> tuple[int, ...]:
        return (*(math.prod(source[i:]) for i in range(3)), *(math.prod(target[i:]) for i in range(3)), target[0] + more,
                target[0] + target[1] + 2 * more)

    def extend(self, x: Line) -> Line:
        """Samples with those beyond the edges."""
        out = gpu.empty(x, (self._planes * math.prod(self._long),), x.dtype)
        launch = ready(channels_cuda.extend, (-(-out.size // THREADS),), THREADS, x.stream)
        launch(x.line, self._maps, out.line, self._sizes(self._shape, self._long, 0))
        return out

    def fold(self, g: Line, out: Line) -> None:
        """Write the gradient of the samples into `out` from that of the extended ones."""
        launch = ready(channels_cuda.fold, (-(-out.size // THREADS),), THREADS, g.stream)
        launch(g.line, self._places, out.line, self._sizes(self._long, self._shape, 1))


class PreparedConvolution:
    """A layer's convolutions, to be called with contiguous arrays of its shapes and dtype."""

    def __init__(self, convolution: Convolution) -> None:
        c = self.convolution = convolution
        self._plain = between_zeros(c)
        refuse_more(math.prod(self._plain.samples), math.prod(c.out_shape), math.prod(c.weights))
        self._size = math.prod(c.out_shape[2:])

    @cached_property
    def _edges(self) -> _Edges | None:
        return None if self._plain is self.convolution else _Edges(self.convolution)

    @cached_property
    def _zeros(self) -> Any:
        return gpu.sent(np.zeros(max(self.convolution.samples[1], self.convolution.weights[0]), self.convolution.dtype)).line

    @cached_property
    def _forward(self) -> _Correlation:
        c, p = self._plain, forward_pass(self._plain)
        taps = math.prod(c.weights[2:])
        weights = (p.rows * p.channels * taps, p.channels * taps, taps)
        return _Correlation(p, tap_order(p, c.weights[2:]), weights, c.dtype)

    @cached_property
    def _backward(self) -> list[_Correlation]:
        c = self._plain
        taps = math.prod(c.weights[2:])
        weights = (c.weights[0] // c.groups * c.weights[1] * taps, taps, c.weights[1] * taps)
        return [_Correlation(p, tap_order(p, c.weights[2:]), weights, c.dtype) for p in gradient_passes(c)]

    @cached_property
    def _products(self) -> tuple[Multiply, Any]:
        c, p = self._plain, forward_pass(self._plain)
        sizes, table = _samples(p)
        sizes = sizes._replace(columns=len(table), length=p.items * self._size, a_pitch=self._size, a_group=p.rows * self._size,
                               out_item=p.groups * p.rows * self._size, out_row=len(table))
        return Multiply(PRODUCTS, c.dtype, sizes), gpu.sent(table.reshape(-1).astype(np.int32)).line

    def _read(self, x: Line) -> Line:
        return x if self._edges is None else self._edges.extend(x)

    def forward(self, x: Line, w: Line, bias: Line | None, out: Line, workers: int, relu: bool = False) -> None:
        """Write the correlation of `x` with `w`, plus `bias`, into `out`; with `relu` what is below zero becomes zero."""
        self._forward(self._read(x), w, self._zeros if bias is None else bias.line, out, relu)

    def input_gradient(self, g: Line, w: Line, out: Line, workers: int) -> None:
        """Write the gradient of the samples into `out`, from the gradient `g` of the results."""
        target = out
        if self._edges is not None:
            target = gpu.empty(g, (math.prod(self._plain.samples),), g.dtype)
        for correlation in self._backward:
            correlation(g, w, self._zeros, target, False)
        if self._edges is not None:
            self._edges.fold(target, out)

    def weight_gradient(self, x: Line, g: Line, out: Line, workers: int) -> None:
        """Write the gradient of the weights into `out`: products of `x` and the gradient `g` of the results, summed."""
        multiply, tables = self._products
        multiply(g.line, self._read(x).line, tables, self._zeros, out)

    def bias_gradient(self, g: Line, out: Line) -> None:
        """Write the gradient of the bias into `out`: the gradient `g` of the results summed over all but channels."""
        self._sum(g, g, g, out, False)

    def rectified_gradient(self, g: Line, y: Line, out: Line) -> Line:
        """`g` in a line, zero where the rectifier's result `y` is; the gradient of the bias is written into `out`."""
        masked = gpu.empty(g, (g.size,), g.dtype)
        self._sum(g, y, masked, out, True)
        return masked

    def _sum(self, g: Line, y: Line, kept: Line, out: Line, rectifies: bool) -> None:
        # A transposed convolution has its bias where this one has its samples.
        channels, items = out.size, self.convolution.samples[0]
        size = g.size // max(1, items * channels)
        count = items * size
        parts = max(1, min(count // (SUM_THREADS * NUMBERS), -(-4 * PROCESSORS // channels)))
        part = max(1, -(-count // parts))
        parts = max(1, -(-count // part))
        target = out if parts == 1 else gpu.empty(g, (parts * channels,), g.dtype)
        kernel = channels_cuda.sum_channels(SUM_THREADS, g.dtype.name, rectifies)
        launch = ready(kernel, (channels, parts), SUM_THREADS, g.stream)
        launch(g.line, y.line, kept.line, target.line, (channels, size, count, part))
        if target is not out:
            sum_parts(target, out)
