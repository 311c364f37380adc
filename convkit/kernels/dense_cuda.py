"""Sums over the rows of a matrix on a CUDA device; arrays are flat."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel
from convkit.kernels.channels_cuda import rectified_at
from convkit.kernels.multiply_cuda import i32, u32


@cache
def sum_rows(block, work, rectifies):
    """Kernel that sums g over its rows."""
    return cuda_kernel(sum_rows_body(block, work, rectifies))


def sum_rows_body(block, work, rectifies):
    """The plain function of the kernel ``(g, y, kept, out, sizes)`` for a `block` of (columns, rows) threads.

    `sizes` = (rows, columns, rows of a part). The blocks of the grid are (columns, parts), out is (parts, columns). Where it
    `rectifies`, g is taken as zero where y is, and written to kept.
    """
    from numba import from_dtype

    lanes, warps = block
    threads = lanes * warps
    number = from_dtype(np.dtype(work))

    def total(g, y, kept, out, sizes):
        columns = i32(sizes[1])
        nothing = number(0)
        shared = cuda.shared.array(threads, number)
        tx, ty, part = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y), i32(cuda.blockIdx.y)
        column = i32(cuda.blockIdx.x * lanes + tx)
        first = i32(part * sizes[2])
        result = nothing
        if column < columns:
            for row in range(i32(first + ty), i32(min(sizes[0], i32(first + sizes[2]))), i32(warps)):
                result += rectified_at(g, y, kept, i32(row * columns + column), rectifies, nothing)
        shared[u32(i32(ty * lanes + tx))] = result
        cuda.syncthreads()
        if ty == 0 and column < columns:
            for k in range(1, warps):
                result += shared[u32(i32(k * lanes + tx))]
            out[u32(i32(part * columns + column))] = result

    return total
