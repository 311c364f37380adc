"""Sobel's gradient of volumes and the suppression of what is no maximum, on a CUDA device, rounded as in `trace_volume`.

Magnitudes of all samples lie in memory, and are found by threads that march through the planes; gradients are taken once more
where a magnitude is large enough.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.correlate_cuda import i32
from convkit.kernels.link_cuda import patch_helper
from convkit.kernels.thin_cuda import product_of

# Registers of a thread: four blocks of 256 have room side by side; of those that mark maxima, by the bytes of a number, three,
# and two in double precision, where with 80 some spill.
FEW, MANY = 64, {4: 80, 8: 112}


class Slab(NamedTuple):
    """A block of `lanes` x `warps` threads, each of which marches through so many planes."""

    lanes: int
    warps: int
    deep: int


def _volume(dtype):
    """Device functions: sums along three rows of a plane, Sobel's sums of three such planes, and the length of a gradient."""
    from numba import from_dtype

    kind, product = from_dtype(np.dtype(dtype)), product_of(dtype)
    two, four = np.dtype(dtype).type(2), np.dtype(dtype).type(4)

    def plane_of(e, at, wide):
        a, b, c = e[np.uint64(at)], e[np.uint64(at + 1)], e[np.uint64(at + 2)]
        at += wide
        f, g, h = e[np.uint64(at)], e[np.uint64(at + 1)], e[np.uint64(at + 2)]
        at += wide
        p, q, r = e[np.uint64(at)], e[np.uint64(at + 1)], e[np.uint64(at + 2)]
        return a + two * b + c, f + two * g + h, p + two * q + r, c - a, h - f, r - p

    def sums(p, q, r):
        # Products with powers of two are exact, fused or not; the order of the sums is the CPU's.
        deep = -p[0] - two * p[1] - p[2] + r[0] + two * r[1] + r[2]
        down = p[2] - p[0] - two * q[0] + two * q[2] - r[0] + r[2]
        along = p[3] + two * p[4] + p[5] + two * q[3] + four * q[4] + two * q[5] + r[3] + two * r[4] + r[5]
        return deep, down, along

    def length(z, y, x):
        return kind(math.sqrt(product(z, z) + product(y, y) + product(x, x)))

    return cuda_helper(plane_of), cuda_helper(sums), cuda_helper(length)


def lengths_body(slab, dtype):
    """The plain function of the kernel ``(e, lengths, sizes)``: magnitudes of the gradient of a smoothed volume.

    `e` has one sample more on every side. `sizes` = (planes, rows, columns, tiles across, tiles down).
    """
    lanes, warps, planes = slab
    plane_of, sums, length = _volume(dtype)

    def lengths(e, lengths, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        block = i32(cuda.blockIdx.x)
        tile = i32(block // i32(sizes[3]))
        layer = i32(tile // i32(sizes[4]))
        x = i32(i32(block - tile * i32(sizes[3])) * lanes + i32(cuda.threadIdx.x))
        y = i32(i32(tile - layer * i32(sizes[4])) * warps + i32(cuda.threadIdx.y))
        if x >= width or y >= height:
            return
        first, last = i32(layer * planes), i32(min(i32(layer * planes + planes), depth))
        wide = i32(width + 2)
        step = i32(height + 2) * np.int64(wide)
        at = first * step + y * np.int64(wide) + x
        out = (first * np.int64(height) + y) * np.int64(width) + x
        before, here = plane_of(e, at, wide), plane_of(e, at + step, wide)
        for _ in range(first, last, i32(1)):
            after = plane_of(e, at + 2 * step, wide)
            deep, down, along = sums(before, here, after)
            lengths[np.uint64(out)] = length(deep, down, along)
            before, here = here, after
            at += step
            out += height * np.int64(width)

    return lengths


@cache
def lengths(slab, dtype):
    """Kernel that finds the magnitudes of a volume."""
    return cuda_kernel(lengths_body(slab, dtype), FEW)


def norms_body(dtype):
    """The plain function of the kernel ``(first, second, third, lengths)``: magnitudes of three derivatives that are given."""
    from numba import from_dtype

    kind = from_dtype(np.dtype(dtype))
    length = _volume(dtype)[2]

    def norms(first, second, third, lengths):
        i = cuda.grid(1)
        if i < lengths.size:
            at = np.uint64(i)
            lengths[at] = length(kind(first[at]), kind(second[at]), kind(third[at]))

    return norms


@cache
def norms(dtype):
    """Kernel that finds the magnitudes of derivatives."""
    return cuda_kernel(norms_body(dtype), FEW)


def _rule(dtype):
    """Device function ``(m, at, plane, row, z, y, x)``: whether magnitude ``m[at]`` is a maximum; see `trace_volume`."""
    from numba import from_dtype

    kind, product, wide_product = from_dtype(np.dtype(dtype)), product_of(dtype), product_of(np.float64)
    one = np.float64(1)

    @cuda_helper
    def mixed(near, far, weight):
        return np.float64(product(far, weight)) + wide_product(np.float64(near), one - np.float64(weight))

    @cuda_helper
    def beside(m, p, b, c, u, v):
        """On the face of the cube that the gradient meets, from the corner `p` on."""
        near = mixed(m[np.uint64(p)], m[np.uint64(p + b)], u)
        far = mixed(m[np.uint64(p + c)], m[np.uint64(p + b + c)], u)
        return mixed(near, kind(far), v)

    def maximum(m, at, plane, row, z, y, x):
        most, second, third = z, y, x
        a, b, c = plane, row, np.int64(1)
        if abs(y) >= abs(z):
            most, second, third = y, x, z
            a, b, c = row, np.int64(1), plane
        if abs(x) >= abs(most):
            most, second, third = x, z, y
            a, b, c = np.int64(1), plane, row
        u, v = abs(second) / abs(most), abs(third) / abs(most)
        a = -a if most <= 0 else a
        b = -b if second <= 0 else b
        c = -c if third <= 0 else c
        here = np.float64(m[np.uint64(at)])
        return beside(m, at - a, -b, -c, u, v) <= here and beside(m, at + a, b, c, u, v) <= here

    return cuda_helper(maximum)


def maxima_body(patch, dtype, given, masked):
    """The plain function of the kernel ``(first, second, third, lengths, low, high, valid, marks, labels, sizes)``.

    It marks maxima from `low` on, strong ones from `high` on, and joins them within the tile of a plane as in `link_cuda`.
    `first` is the smoothed volume, with one sample more on every side, or all three are derivatives that are `given`; `lengths`
    are its magnitudes; where it is `masked`, maxima are `valid`. `sizes` = (planes, rows, columns, tiles across, tiles down).
    """
    from numba import from_dtype, types

    kind = from_dtype(np.dtype(dtype))
    plane_of, sums, _ = _volume(dtype)
    maximum = _rule(dtype)
    join_patch = patch_helper(patch, True, True, True)
    lanes, warps, rows, columns = patch
    size = patch.size

    def maxima(first, second, third, lengths, low, high, valid, marks, labels, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        near = cuda.shared.array(size, types.int32)
        found = cuda.shared.array(size, types.uint8)
        block = i32(cuda.blockIdx.x)
        tile = i32(block // i32(sizes[3]))
        z = i32(tile // i32(sizes[4]))
        x0 = i32(i32(block - tile * i32(sizes[3])) * columns)
        y0 = i32(i32(tile - z * i32(sizes[4])) * rows)
        n_rows, n_columns = i32(min(i32(rows), i32(height - y0))), i32(min(i32(columns), i32(width - x0)))
        begin = (z * np.int64(height) + y0) * np.int64(width) + x0
        wide = i32(width + 2)
        step = i32(height + 2) * np.int64(wide)
        for row in range(i32(cuda.threadIdx.y), n_rows, i32(warps)):
            y = i32(y0 + row)
            for column in range(i32(cuda.threadIdx.x), n_columns, i32(lanes)):
                x = i32(x0 + column)
                at = begin + row * np.int64(width) + column
                inner = z > 0 and z < i32(depth - 1) and y > 0 and y < i32(height - 1) and x > 0 and x < i32(width - 1)
                mark = 0
                if inner and (not masked or valid[np.uint64(at)] != 0):
                    magnitude = lengths[np.uint64(at)]
                    if magnitude >= low:
                        if given:
                            place = np.uint64(at)
                            deep, down, along = kind(first[place]), kind(second[place]), kind(third[place])
                        else:
                            p = z * step + y * np.int64(wide) + x
                            deep, down, along = sums(plane_of(first, p, wide), plane_of(first, p + step, wide),
                                                     plane_of(first, p + 2 * step, wide))
                        if maximum(lengths, at, height * np.int64(width), np.int64(width), deep, down, along):
                            mark = 3 if magnitude >= high else 2
                found[np.uint32(row * columns + column)] = mark
        join_patch(near, found, labels, marks, begin, width, n_rows, n_columns)

    return maxima


@cache
def maxima(patch, dtype, given, masked):
    """Kernel that marks the edges of a volume; see `maxima_body`."""
    return cuda_kernel(maxima_body(patch, dtype, given, masked), MANY[np.dtype(dtype).itemsize])
