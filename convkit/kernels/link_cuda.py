"""Hysteresis on a CUDA device: candidates are joined by union and find, on integers alone, so that results are the same ever.

`marks` has a byte for each sample: 0 nothing, 2 a weak candidate, 3 a strong one. `labels` leads from each candidate to one
before it, and from the first of those that hang together to itself. A tile is joined in shared memory, then all across tiles.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.correlate_cuda import i32


class Patch(NamedTuple):
    """A block of `lanes` x `warps` threads, and rows and columns of results of one."""

    lanes: int
    warps: int
    high: int
    wide: int

    @property
    def block(self) -> tuple[int, int]:
        """Threads of a block."""
        return self.lanes, self.warps

    @property
    def size(self) -> int:
        """Results of a block."""
        return self.high * self.wide


@cuda_helper
def root_of(labels, i):
    """The first of those that hang together with `i`, as far as that is known."""
    here = i
    above = labels[np.uint32(here)]
    while above != here:
        here = above
        above = labels[np.uint32(here)]
    return here


@cuda_helper
def unite(labels, a, b):
    """Say that `a` and `b` hang together."""
    a, b = root_of(labels, a), root_of(labels, b)
    while a != b:
        if a < b:
            a, b = b, a
        above = i32(cuda.atomic.min(labels, np.uint32(a), b))
        if above == a:
            a = b
        else:
            # Another thread has led `a` elsewhere: what lies there hangs together with `b`, too.
            a, b = root_of(labels, above), root_of(labels, b)


def patch_helper(patch, along_rows, along_columns, diagonal):
    """Device function ``(near, found, labels, marks, first, pitch, n_rows, n_columns)`` that joins the marks of a tile.

    `near` and `found` are shared: labels within the tile, and its marks, `patch.wide` to a row; results go to the arrays of
    numbers from `first` on, rows of which are `pitch` long. Neighbours are those `along_rows`, `along_columns` and `diagonal`.
    """
    lanes, warps, _, wide = patch

    @cuda_helper
    def join_patch(near, found, labels, marks, first, pitch, n_rows, n_columns):
        tx, ty = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        for row in range(ty, n_rows, i32(warps)):
            for column in range(tx, n_columns, i32(lanes)):
                near[np.uint32(row * wide + column)] = i32(row * wide + column)
        cuda.syncthreads()
        for row in range(ty, n_rows, i32(warps)):
            for column in range(tx, n_columns, i32(lanes)):
                at = i32(row * wide + column)
                if found[np.uint32(at)] != 0:
                    if along_columns and row > 0 and found[np.uint32(at - wide)] != 0:
                        unite(near, at, i32(at - wide))
                    if along_rows and column > 0 and found[np.uint32(at - 1)] != 0:
                        unite(near, at, i32(at - 1))
                    if diagonal and row > 0 and column > 0 and found[np.uint32(at - wide - 1)] != 0:
                        unite(near, at, i32(at - wide - 1))
                    if diagonal and row > 0 and i32(column + 1) < n_columns and found[np.uint32(at - wide + 1)] != 0:
                        unite(near, at, i32(at - wide + 1))
        cuda.syncthreads()
        for row in range(ty, n_rows, i32(warps)):
            for column in range(tx, n_columns, i32(lanes)):
                at = i32(row * wide + column)
                place = first + row * np.int64(pitch) + column
                marks[np.uint64(place)] = found[np.uint32(at)]
                if found[np.uint32(at)] != 0:
                    root = root_of(near, at)
                    labels[np.uint64(place)] = i32(first + root // wide * np.int64(pitch) + root % wide)

    return join_patch


def classify_body(patch, dtype, along_rows, along_columns, diagonal):
    """The plain function of the kernel ``(x, low, high, marks, labels, sizes)``: candidates above `low`, strong above `high`.

    Samples are compared in `dtype`; neighbours as in `patch_helper`; `sizes` = (rows, columns, tiles across, tiles down).
    """
    from numba import from_dtype, types

    kind = from_dtype(np.dtype(dtype))
    join_patch = patch_helper(patch, along_rows, along_columns, diagonal)
    lanes, warps, high_rows, wide = patch
    size = patch.size

    def classify(x, low, high, marks, labels, sizes):
        height, width = i32(sizes[0]), i32(sizes[1])
        near = cuda.shared.array(size, types.int32)
        found = cuda.shared.array(size, types.uint8)
        block = i32(cuda.blockIdx.x)
        tile = i32(block // i32(sizes[2]))
        z = i32(tile // i32(sizes[3]))
        x0 = i32((block - tile * i32(sizes[2])) * wide)
        y0 = i32((tile - z * i32(sizes[3])) * high_rows)
        n_rows, n_columns = i32(min(i32(high_rows), i32(height - y0))), i32(min(i32(wide), i32(width - x0)))
        first = (z * np.int64(height) + y0) * np.int64(width) + x0
        for row in range(i32(cuda.threadIdx.y), n_rows, i32(warps)):
            for column in range(i32(cuda.threadIdx.x), n_columns, i32(lanes)):
                value = kind(x[np.uint64(first + row * np.int64(width) + column)])
                mark = 2 if value > low else 0
                found[np.uint32(row * wide + column)] = 3 if value > high else mark
        join_patch(near, found, labels, marks, first, width, n_rows, n_columns)

    return classify


@cache
def classify(patch, dtype, along_rows, along_columns, diagonal):
    """Kernel that marks samples above thresholds, and joins them tile by tile."""
    return cuda_kernel(classify_body(patch, dtype, along_rows, along_columns, diagonal))


def join_body(patch):
    """The plain function of the kernel ``(marks, labels, steps, sizes)``: marks of different tiles that are neighbours.

    `steps` has three integers for each neighbour that comes before a sample; `sizes` = (planes of a volume, rows, columns,
    neighbours).
    """
    _, _, high, wide = patch

    def join(marks, labels, steps, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        place = cuda.grid(1)
        if place < marks.size and marks[np.uint64(place)] != 0:
            here = i32(place)
            line = i32(here // width)
            column = i32(here - line * width)
            plane = i32(line // height)
            row = i32(line - plane * height)
            level = i32(plane % depth)
            for k in range(i32(sizes[3])):
                dz, dy, dx = steps[np.uint32(3 * k)], steps[np.uint32(3 * k + 1)], steps[np.uint32(3 * k + 2)]
                z, y, x = i32(level + dz), i32(row + dy), i32(column + dx)
                if z >= 0 and y >= 0 and y < height and x >= 0 and x < width:
                    there = i32(here + (dz * height + dy) * width + dx)
                    apart = dz != 0 or y // high != row // high or x // wide != column // wide
                    if apart and marks[np.uint32(there)] != 0:
                        unite(labels, here, there)

    return join


@cache
def join(patch):
    """Kernel that joins the marks of different tiles."""
    return cuda_kernel(join_body(patch))


def strengthen_body(marks, labels):
    """Make the first of those that hang together with a strong candidate strong."""
    place = cuda.grid(1)
    if place < marks.size and marks[np.uint64(place)] == 3:
        marks[np.uint32(root_of(labels, i32(place)))] = 3


strengthen = cuda_kernel(strengthen_body)


def settle_body(marks, labels, out):
    """Say in `out` which candidates hang together with a strong one."""
    place = cuda.grid(1)
    if place < marks.size:
        found = False
        if marks[np.uint64(place)] != 0:
            found = marks[np.uint32(root_of(labels, i32(place)))] == 3
        out[np.uint64(place)] = found


settle = cuda_kernel(settle_body)
