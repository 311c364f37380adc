"""Pooling: windows prepared once for each shape, planes handed to workers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convkit._core import workers as pool
from convkit._core.memory import empty
from convkit._core.typing import Array, IntArray
from convkit.engines.pieces import ALONE, flat
from convkit.kernels.pool import max_gradient, max_windows, mean_gradient, mean_windows
from convkit.kernels.pool_pairs import max_pairs, max_pairs_gradient

# Seconds of a sample in a window, roughly, and pieces that planes are cut into for workers.
SAMPLE, PIECES = 5e-10, 8
# The most taps whose number fits into a byte.
BYTE = 256


class Windows(NamedTuple):
    """Windows over planes (D, H, W): `counts` along each axis, of `kernel` taps `dilation` apart, `stride` apart.

    The first begins `padding` samples before the first sample.
    """

    shape: tuple[int, int, int]
    counts: tuple[int, int, int]
    kernel: tuple[int, int, int]
    stride: tuple[int, int, int]
    padding: tuple[int, int, int]
    dilation: tuple[int, int, int]


def each_plane(work: Callable[[int, int], None], planes: int, samples: int, workers: int) -> None:
    """Call ``work(first, last)`` for pieces of the planes, each of which takes `samples` to be read."""
    if workers == 1 or planes * samples * SAMPLE < ALONE:
        work(0, planes)
        return
    bounds = [planes * i // PIECES for i in range(PIECES + 1)]
    pool.run(lambda i: work(bounds[i], bounds[i + 1]), list(range(PIECES)), workers)


@lru_cache(maxsize=256)
def prepare_max(windows: Windows) -> PreparedMax:
    """Everything of a max pooling but its numbers."""
    return PreparedMax(windows)


class PreparedMax:
    """A max pooling that waits for planes."""

    def __init__(self, windows: Windows) -> None:
        self.windows = w = windows
        self.size, self.results = math.prod(w.shape), math.prod(w.counts)
        self._work = self.results * math.prod(w.kernel)
        steps = (w.shape[1] * w.shape[2], w.shape[2], 1)
        taps = np.indices(w.kernel).reshape(3, -1)
        self._offsets = np.array(w.dilation) * steps @ taps
        self._codes = np.dtype(np.uint8 if self._offsets.size <= BYTE else np.int32)
        inside = all(2 * n <= m for n, m in zip(w.counts[1:], w.shape[1:], strict=True))
        self._side_by_side = w.kernel == (1, 2, 2) == w.stride and w.dilation[1:] == (1, 1) and not any(w.padding) and inside
        self._image = (*w.shape[1:], *w.counts[1:])
        corners = np.indices(w.counts).reshape(3, -1) * np.array(w.stride)[:, None] - np.array(w.padding)[:, None]
        self._bases = np.array(steps) @ corners

    def forward(self, x: Array, out: Array, workers: int) -> Array:
        """Write the largest samples of the planes `x` into `out`; the numbers of their taps come back."""
        w, samples, results = self.windows, flat(x), out.reshape(-1)
        codes = empty((out.size,), self._codes)

        def work(first: int, last: int) -> None:
            if self._side_by_side:
                depth = w.shape[0]
                max_pairs(samples, first * depth, last * depth, *self._image, results, codes)
            else:
                max_windows(samples, first, last, w.shape, w.counts, w.kernel, w.stride, w.padding, w.dilation, results, codes)

        each_plane(work, out.size // self.results, self._work, workers)
        return codes

    def gradient(self, g: Array, codes: Array, out: Array, workers: int) -> None:
        """Write the gradient of the samples into `out`."""
        w, gradient, samples = self.windows, flat(g), out.reshape(-1)

        def work(first: int, last: int) -> None:
            if self._side_by_side:
                depth = w.shape[0]
                max_pairs_gradient(gradient, codes, first * depth, last * depth, *self._image, samples)
            else:
                max_gradient(gradient, codes, first, last, w.shape, w.counts, self._offsets, w.stride, w.padding, samples)

        each_plane(work, g.size // self.results, self.size + self.results, workers)

    def indices(self, codes: Array) -> IntArray:
        """Places of the largest samples in their flattened planes, of shape (planes, windows)."""
        return np.asarray(self._offsets[codes].reshape(-1, self.results) + self._bases)


class Means(NamedTuple):
    """Means over windows of planes (D, H, W): of each axis the windows' (first, last), and what sums are divided by."""

    shape: tuple[int, int, int]
    edges: tuple[tuple[tuple[int, int], ...], ...]
    counts: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=256)
def prepare_mean(means: Means) -> PreparedMean:
    """Everything of an average pooling but its numbers."""
    return PreparedMean(means)


class PreparedMean:
    """An average pooling that waits for planes."""

    def __init__(self, means: Means) -> None:
        self._shape = means.shape
        self._tables = (*(np.array(e, np.int64) for e in means.edges), *(np.array(c, np.int64) for c in means.counts))
        self.size = math.prod(means.shape)
        self.results = math.prod(map(len, means.counts))
        self._work = math.prod(sum(last - first for first, last in e) for e in means.edges)

    def forward(self, x: Array, out: Array, workers: int) -> None:
        """Write the means of the planes `x` into `out`."""
        samples, results = flat(x), out.reshape(-1)
        each_plane(lambda first, last: mean_windows(samples, first, last, self._shape, *self._tables, results),
                   out.size // self.results, self._work, workers)

    def gradient(self, g: Array, out: Array, workers: int) -> None:
        """Write the gradient of the samples into `out`."""
        gradient, samples = flat(g), out.reshape(-1)
        each_plane(lambda first, last: mean_gradient(gradient, first, last, self._shape, *self._tables, samples),
                   g.size // self.results, self._work, workers)
