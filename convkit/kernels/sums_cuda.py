"""Sums over all numbers on a CUDA device, in a fixed order: of parts, a block each, and of these by one block."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.pointwise_cuda import lanes_of, load_vector
from convkit.kernels.rows_cuda import over_lanes

i32 = np.int32


def parts_body(formula, dtype, vectors, threads):
    """The plain function of the kernel ``(x, y, partial, factor, part, count)``: sums of ``formula(x[i], y[i], factor)``.

    Block b writes the sum of its `part` of the `count` numbers, a multiple of a vector, to ``partial[b]``.
    """
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    apply = cuda_helper(formula)

    def kernel(x, y, partial, factor, part, count):
        shared = cuda.shared.array(threads, number)
        values, others = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        rank, total = i32(cuda.threadIdx.x), number(0)
        start = np.int64(cuda.blockIdx.x) * part
        last = min(start + part, count)
        for i in range(start + rank * lanes, last, threads * lanes):
            if vectors and i + lanes <= last:
                load_vector(x, np.uint64(i), values)
                load_vector(y, np.uint64(i), others)
                for k in range(lanes):
                    total += apply(values[k], others[k], factor)
            else:
                for k in range(lanes):
                    if i + k < last:
                        total += apply(x[np.uint64(i + k)], y[np.uint64(i + k)], factor)
        total = over_lanes(shared, i32(0), rank, i32(threads), total, False)
        if rank == 0:
            partial[np.uint32(cuda.blockIdx.x)] = total

    return kernel


def finish_body(formula, dtype, threads, largest):
    """The plain function of the kernel ``(values, out, more, count, factor)``, of one block.

    ``values`` has rows of `count` numbers. With the sums a and b of the first row and the last, or the `largest` in the place
    of a, ``out[0], more[0] = formula(a, b, factor)``.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    apply = cuda_helper(formula)

    def kernel(values, out, more, count, factor):
        shared = cuda.shared.array(threads, number)
        rank, first, second = i32(cuda.threadIdx.x), number(0), number(0)
        rest = values.size - count
        for i in range(rank, count, threads):
            a = values[np.uint64(i)]
            if largest:
                first = first if first >= a or first != first else a
            else:
                first += a
                second += values[np.uint64(rest + i)]
        first = over_lanes(shared, i32(0), rank, i32(threads), first, largest)
        second = over_lanes(shared, i32(0), rank, i32(threads), second, False)
        if rank == 0:
            out[0], more[0] = apply(first, second, factor)

    return kernel


@cache
def summing(make, *known):
    """Kernel of one of the bodies above."""
    return cuda_kernel(make(*known))
