"""Pooling on a CUDA device: the names of `engines.pool`, on lines.

``prepare_max(Windows(...))`` and ``prepare_mean(Means(...))`` give `PreparedMax` and `PreparedMean` with the CPU's methods and
arguments: ``forward(x, out, workers)``, for a maximum with the codes of the taps as result, and ``gradient(g, codes, out,
workers)`` or ``gradient(g, out, workers)``; `workers` is taken and not used. ``PreparedMax.indices(codes)`` is a line.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines import pool
from convkit.engines.cuda.grids import MOST, THREADS
from convkit.engines.cuda.pointwise import aligned, ready
from convkit.engines.pool import Means, Windows
from convkit.kernels import pool_cuda as kernels
from convkit.kernels.simd_cuda import VECTOR

__all__ = ["Means", "PreparedMax", "PreparedMean", "Windows", "prepare_max", "prepare_mean"]

# Numbers of an array that a kernel takes at a time: places have 32 bits.
LONGEST = 1 << 30


def _walk(kernel: Any, arrays: tuple[Line, Line, Line], grown: tuple[int, int, int], threads: tuple[int, int],
          sizes: tuple[int, ...]) -> None:
    """Let a kernel write the last of `arrays`, with so many `threads` down the rows of a plane and along one.

    `grown` are the numbers of each in a plane; 0 for an array that belongs to all planes.
    """
    planes = arrays[2].size // grown[2]
    rows, width = threads
    across = min(THREADS, 1 << (width - 1).bit_length())
    block = (across, THREADS // across)
    columns, most = -(-width // across), LONGEST // max(grown)
    if most < 1 or columns > MOST:
        raise ValueError(f"pooling between planes of {max(grown)} numbers, with rows of {width}, is more than a CUDA device "
                         f"takes: {LONGEST} numbers, and rows of {MOST * THREADS}")
    for first in range(0, planes, most):
        count = min(most, planes - first)
        # To cut an array takes longer than a launch.
        parts = [a.line[first * n : (first + count) * n] if n and count < planes else a.line
                 for a, n in zip(arrays, grown, strict=True)]
        ready(kernel, (-(-count * rows // block[1]), columns), block, arrays[0].stream)(*parts, count, sizes)


def _threads(shape: tuple[int, int, int]) -> tuple[int, int]:
    """One for each number of a plane."""
    return shape[0] * shape[1], shape[2]


@lru_cache(maxsize=256)
def prepare_max(windows: Windows) -> PreparedMax:
    """Everything of a max pooling but its numbers."""
    return PreparedMax(windows)


class PreparedMax:
    """A max pooling that waits for planes."""

    def __init__(self, windows: Windows) -> None:
        self.windows, self._host = windows, pool.prepare_max(windows)
        self.size, self.results = self._host.size, self._host.results
        self._codes = np.dtype(np.uint8 if math.prod(windows.kernel) <= pool.BYTE else np.int32)
        self._sizes = (*map(int, windows.shape), *map(int, windows.counts))
        self._known = tuple(tuple(map(int, three)) for three in windows[2:])
        self._beyond = tuple(bool(p or (c - 1) * s + (k - 1) * d >= n) for n, c, k, s, p, d in zip(*windows, strict=True))
        whole = all(2 * n == m for n, m in zip(windows.counts[1:], windows.shape[1:], strict=True))
        self._pairs = whole and self._known == ((1, 2, 2), (1, 2, 2), (0, 0, 0), (1, 1, 1))

    def _by_vectors(self, x: Line) -> bool:
        """Whether windows lie side by side, and the rows of the samples begin at vectors."""
        return self._pairs and self.windows.shape[2] * x.dtype.itemsize % VECTOR == 0 and aligned(x)

    def _pairs_of(self, dtype: np.dtype[Any]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Threads for windows side by side, and the sizes that the kernel takes."""
        (_, _, width), (depth, rows, _) = self.windows.shape, self.windows.counts
        return (depth * rows, width * dtype.itemsize // VECTOR), (int(depth * rows), int(width))

    def forward(self, x: Line, out: Line, workers: int = 1) -> Line:
        """Write the largest samples of the planes `x` into `out`; the numbers of their taps come back."""
        codes = gpu.empty(x, (out.size,), self._codes)
        grown = self.size, self.results, self.results
        if self._by_vectors(x):
            kernel = kernels.pooling(kernels.max_pairs_body, out.dtype.name)
            _walk(kernel, (x, codes, out), grown, *self._pairs_of(x.dtype))
        else:
            kernel = kernels.pooling(kernels.max_windows_body, out.dtype.name, *self._known, self._beyond)
            _walk(kernel, (x, codes, out), grown, _threads(self.windows.counts), self._sizes)
        return codes

    def gradient(self, g: Line, codes: Line, out: Line, workers: int = 1) -> None:
        """Write the gradient of the samples into `out`."""
        grown = self.results, self.results, self.size
        if self._by_vectors(out):
            kernel = kernels.pooling(kernels.max_pairs_gradient_body, out.dtype.name)
            _walk(kernel, (g, codes, out), grown, *self._pairs_of(g.dtype))
        else:
            kernel = kernels.pooling(kernels.max_gradient_body, out.dtype.name, *self._known)
            _walk(kernel, (g, codes, out), grown, _threads(self.windows.shape), self._sizes)

    def indices(self, codes: Line) -> Line:
        """Places of the largest samples in their flattened planes, of shape (planes, windows)."""
        # The tap that code 0 stands for lies where the first of a window does.
        firsts, taps = self._host.indices(np.zeros(self.results, np.int64)), math.prod(self.windows.kernel)
        steps = [self._host.indices(np.full(self.results, code))[0, 0] - firsts[0, 0] for code in range(taps)]
        out = gpu.empty(codes, (codes.size // self.results, self.results), np.dtype(np.int64))
        launch = ready(kernels.spots, (-(-out.size // THREADS),), THREADS, codes.stream)
        launch(codes.line, gpu.sent(np.array(steps, np.int64)).line, gpu.sent(firsts.reshape(-1)).line, out.line)
        return out


@lru_cache(maxsize=256)
def prepare_mean(means: Means) -> PreparedMean:
    """Everything of an average pooling but its numbers."""
    return PreparedMean(means)


class PreparedMean:
    """An average pooling that waits for planes."""

    def __init__(self, means: Means) -> None:
        windows = [len(counts) for counts in means.counts]
        self._shape, self._windows = means.shape, (windows[0], windows[1], windows[2])
        self.size, self.results = math.prod(means.shape), math.prod(windows)
        self._sizes = (*map(int, means.shape), *windows)
        tables = [part for n, edges, counts in zip(means.shape, means.edges, means.counts, strict=True)
                  for part in (np.column_stack([edges, counts]), _holders(n, np.array(edges)))]
        self._tables = gpu.sent(np.concatenate([part.reshape(-1) for part in tables]).astype(np.int32))

    def forward(self, x: Line, out: Line, workers: int = 1) -> None:
        """Write the means of the planes `x` into `out`."""
        _walk(kernels.pooling(kernels.mean_windows_body, out.dtype.name), (x, self._tables, out), (self.size, 0, self.results),
              _threads(self._windows), self._sizes)

    def gradient(self, g: Line, out: Line, workers: int = 1) -> None:
        """Write the gradient of the samples into `out`."""
        _walk(kernels.pooling(kernels.mean_gradient_body, out.dtype.name), (g, self._tables, out), (self.results, 0, self.size),
              _threads(self._shape), self._sizes)


def _holders(samples: int, edges: Array) -> Array:
    """For each sample of an axis the first of the windows that hold it, and that after the last."""
    at = np.arange(samples)
    # Windows follow one another: neither do they begin nor end before the one before them.
    return np.column_stack([np.searchsorted(edges[:, 1], at, "right"), np.searchsorted(edges[:, 0], at, "right")])
