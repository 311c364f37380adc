"""Derivatives of images by three taps and their norm on a CUDA device, 16 bytes at a time: the sums of `gradient_cuda`.

A thread has 16 bytes of columns and marches down, three rows of samples in registers: nothing is shared, and nobody waits.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.correlate_cuda import i32, source_of
from convkit.kernels.pointwise_cuda import load_vector, store_vector
from convkit.kernels.simd_cuda import VECTOR

# Numbers that the kernel is given in this order.
SIZES = ("rows", "columns", "tiles across", "tiles down", "rows of a thread", "where the sources beyond the columns begin",
         "where the derivative down goes", "and that along")
# Registers of a thread, by the bytes of a number.
REGISTERS = {4: 64, 8: 96}


class Columns(NamedTuple):
    """A block of `lanes` x `warps` threads."""

    lanes: int
    warps: int


def march_body(block, dtype, vectors, wanted):
    """The plain function of the kernel ``(x, beyond, parts, norms, taps, sizes)``, arrays flat; see `gradient_cuda`.

    `sizes` as in `SIZES`; columns are whole `vectors` of 16 bytes where samples are read by these; results always are.
    """
    from numba import from_dtype

    lanes, warps = block
    kind, each = from_dtype(np.dtype(dtype)), VECTOR // np.dtype(dtype).itemsize
    wide, row = lanes * each, each + 2
    _, want_second, want_third, want_norm, _, angle = wanted
    has_angle, rows_first = angle is not None, angle == 0

    @cuda_helper
    def fetch(x, start, column, left, right, four, into):
        """A row of samples: the thread's columns, and one on either side; zeros where there is none."""
        for k in range(row):
            into[k] = kind(0)
        if start >= 0:
            if vectors:
                load_vector(x, np.uint64(start + column), four)
                for k in range(each):
                    into[k + 1] = four[k]
            else:
                for k in range(each):
                    into[k + 1] = kind(x[np.uint64(start + column + k)])
            if left >= 0:
                into[0] = kind(x[np.uint64(start + left)])
            if right >= 0:
                into[each + 1] = kind(x[np.uint64(start + right)])

    def march(x, beyond, parts, norms, taps, sizes):
        height, width, strip = i32(sizes[0]), i32(sizes[1]), i32(sizes[4])
        block = i32(cuda.blockIdx.x)
        tile = i32(block // i32(sizes[2]))
        z = i32(tile // i32(sizes[3]))
        column = i32(i32(block - tile * i32(sizes[2])) * wide + i32(cuda.threadIdx.x) * each)
        y0 = i32(i32(i32(tile - z * i32(sizes[3])) * warps + i32(cuda.threadIdx.y)) * strip)
        if column >= width or y0 >= height:
            return
        left = source_of(i32(column - 1), width, i32(1), beyond, i32(sizes[5]))
        right = source_of(i32(column + each), width, i32(1), beyond, i32(sizes[5]))
        above, here, below = cuda.local.array(row, kind), cuda.local.array(row, kind), cuda.local.array(row, kind)
        four, norm = cuda.local.array(each, kind), cuda.local.array(each, kind)
        second, third = cuda.local.array(each, kind), cuda.local.array(each, kind)
        outer, middle = taps[0] * taps[5], taps[1] * taps[5]
        scale, both = taps[6], taps[8]
        plane = z * np.int64(height)
        source = source_of(i32(y0 - 1), height, i32(1), beyond, i32(0))
        fetch(x, (plane + source) * np.int64(width) if source >= 0 else np.int64(-1), column, left, right, four, above)
        fetch(x, (plane + y0) * np.int64(width), column, left, right, four, here)
        for y in range(y0, i32(min(i32(y0 + strip), height)), i32(1)):
            source = source_of(i32(y + 1), height, i32(1), beyond, i32(0))
            fetch(x, (plane + source) * np.int64(width) if source >= 0 else np.int64(-1), column, left, right, four, below)
            for k in range(each):
                a, b, c, d = above[k], above[k + 1], above[k + 2], here[k]
                e, f, g, h = here[k + 2], below[k], below[k + 1], below[k + 2]
                if want_norm:
                    one, other = h - a, f - c
                    along_y = cuda.fma(one + other, outer, (g - b) * middle)
                    along_x = cuda.fma(one - other, outer, (e - d) * middle)
                    norm[k] = kind(math.sqrt(cuda.fma(along_y, along_y, along_x * along_x))) * both
                second[k] = cuda.fma((f - a) + (h - c), outer, (g - b) * middle) * scale
                third[k] = cuda.fma((c - a) + (h - f), outer, (e - d) * middle) * scale
                if has_angle:
                    second[k] = kind(math.atan2(second[k], third[k]) if rows_first else math.atan2(third[k], second[k]))
                above[k], here[k] = here[k], below[k]
            above[each], here[each] = here[each], below[each]
            above[each + 1], here[each + 1] = here[each + 1], below[each + 1]
            out = (plane + y) * np.int64(width) + column
            if want_norm:
                store_vector(norm, norms, np.uint64(out))
            if has_angle:
                store_vector(second, parts, np.uint64(out))
            if want_second:
                store_vector(second, parts, np.uint64(out + sizes[6]))
            if want_third:
                store_vector(third, parts, np.uint64(out + sizes[7]))

    return march


@cache
def march(block, dtype, vectors, wanted):
    """Kernel that computes what is `wanted` of both derivatives of images."""
    return cuda_kernel(march_body(block, dtype, vectors, wanted), REGISTERS[np.dtype(dtype).itemsize])
