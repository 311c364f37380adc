"""Windows and warps of batches of images on the CPU: sources beyond the edges, and pieces of work."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.typing import Array, BoolArray, IntArray
from convkit.engines.pieces import ALONE, flat, scratch
from convkit.kernels import warp as kernels

# Seconds of a copied sample, of a pixel of a warp and of each of its channels, roughly; results in one piece.
COPY, PIXEL, CHANNEL, PIECE = 9e-10, 5e-9, 1.5e-9, 1 << 15
# Where a row or a column that is zero begins: a sum with it is negative.
BEYOND = -(1 << 60)


def _each(work: Callable[[int, int], None], items: int, samples: int, seconds: float) -> None:
    """Call ``work(first, last)`` for pieces of the items, of `samples` and `seconds` each."""
    step = max(1, PIECE // samples)
    if items * seconds < ALONE or items <= step:
        work(0, items)
        return
    pool.run(lambda first: work(first, min(first + step, items)), list(range(0, items, step)), pool.available())


def cut(x: Array, sources: IntArray, corners: IntArray, turned: BoolArray, padding: Sequence[int], boundary: Sequence[str],
        out: Array) -> None:
    """Write a window of `x` (N, C, H, W) into each item of `out` (M, C, h, w), of the same dtype.

    Item i shows image ``sources[i]``, extended on all sides by `padding` = (rows, columns), from ``corners[i]`` on; where
    ``turned[i]`` says so its rows, or its columns, run backwards.
    """
    shape, size = x.shape[1:], out.shape[2:]
    rows, columns = (index_map(n, p, p, b) for n, p, b in zip(shape[1:], padding, boundary, strict=True))
    bits = f"u{x.itemsize}"  # nothing is computed: samples of one size are copied by one kernel
    samples, results, before = flat(x.view(bits)), out.view(bits).reshape(-1), (padding[0], padding[1])

    def work(first: int, last: int) -> None:
        kernels.cut(samples, shape, sources, corners, turned, rows, columns, before, first, last, results, size)

    each = math.prod(out.shape[1:])
    _each(work, len(out), each, COPY * each)


def warp(x: Array, maps: Array, bulges: Array, boundary: Sequence[str], out: Array) -> None:
    """Write `x` (N, C, H, W), seen through maps (N, 2, 3), into `out` (N, C, h, w), both float32 or float64.

    With a map as a matrix A and a column b, a pixel of the result at p from its middle comes from ``t A p + b`` in rows and
    columns of its image, ``t = 1 + bulge |p|**2``: bilinear. Where that is a pixel, its samples are given unchanged.
    """
    shape, size = x.shape[1:], out.shape[2:]
    middle = (np.array(size) - 1) / 2
    most = np.maximum(1, 1 + bulges * (middle**2).sum())
    reach = most[:, None] * (np.abs(maps[:, :, :2]) @ middle)
    # One sample more on either side for rounding, and one for the neighbour.
    low = np.minimum(np.floor((maps[:, :, 2] - reach).min(axis=0)), 0).astype(int) - 1
    high = np.maximum(np.ceil((maps[:, :, 2] + reach).max(axis=0)), np.array(shape[1:]) - 1).astype(int) + 2
    sources = (index_map(n, -int(a), int(b) - n + 1, word)
               for n, a, b, word in zip(shape[1:], low, high, boundary, strict=True))  # fmt: skip
    rows, columns = (np.where(source < 0, BEYOND, source * step) for source, step in zip(sources, (shape[2], 1), strict=True))
    before = -int(low[0]), -int(low[1])
    samples, results, table = flat(x), out.reshape(-1), np.ascontiguousarray(maps).reshape(-1, 6)

    def work(first: int, last: int) -> None:
        kernels.warp(samples, shape, table, bulges, rows, columns, before, first, last, results, size,
                     scratch(np.dtype(np.int64), 4 * size[1], "warp"), scratch(out.dtype, 2 * size[1], "warp"))

    pixels = size[0] * size[1]
    _each(work, len(out), pixels * shape[0], pixels * (PIXEL + CHANNEL * shape[0]))
