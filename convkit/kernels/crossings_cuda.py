"""Where samples change their sign on a CUDA device, and how large they are; arrays are flat."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.rows_cuda import over_lanes

u64 = np.uint64


def crossings_body(count, dtype, large):
    """The plain function of the kernel ``(values, out, slope, sizes)``: `cross._mark` along `count` axes.

    `sizes` = for each axis its length and the numbers from one sample to the next; places of `large` arrays have 64 bits.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    zero, half = number(0), number(0.5)
    whole = u64 if large else np.uint32

    def _marked(a, b, c, slope):
        back = ((a < zero and b > zero) or (a > zero and b < zero)) and abs(b) < abs(a) and abs(b - a) >= slope
        ahead = ((c < zero and b > zero) or (c > zero and b < zero)) and abs(b) <= abs(c) and abs(b - c) >= slope
        through = b == zero and ((a < zero and c > zero) or (a > zero and c < zero)) and half * abs(c - a) >= slope
        return back or ahead or through

    marked = cuda_helper(_marked)

    def crossings(values, out, slope, sizes):
        i = u64(cuda.grid(1))
        if i < u64(out.size):
            here, found = values[i], False
            for axis in range(count):
                n, step = whole(sizes[2 * axis]), whole(sizes[2 * axis + 1])
                row = whole(whole(i) // step)
                k = whole(row - whole(whole(row // n) * n))
                before, after = here, here
                if k > whole(0):
                    before = values[u64(i - u64(step))]
                if whole(k + whole(1)) < n:
                    after = values[u64(i + u64(step))]
                found = found or marked(before, here, after, slope)
            out[i] = found

    return crossings


def sizes_body(dtype, threads):
    """The plain function of the kernel ``(x, sums, counts, most)``: of the absolute values of finite numbers.

    Their sum, how many there are, and the largest, of the numbers of each block. A thread's sum carries what rounding took.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    infinity = number(math.inf)

    def sizes(x, sums, counts, most):
        shared = cuda.shared.array(threads, number)
        tally = cuda.shared.array(threads, np.int32)
        total, lost, high, count = number(0), number(0), number(0), np.int32(0)
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            value = abs(number(x[u64(i)]))
            if value < infinity:
                part = value - lost
                grown = total + part
                lost = (grown - total) - part
                total = grown
                high = max(high, value)
                count = np.int32(count + np.int32(1))
        lane = np.int32(cuda.threadIdx.x)
        total = over_lanes(shared, np.int32(0), lane, np.int32(threads), total, False)
        high = over_lanes(shared, np.int32(0), lane, np.int32(threads), high, True)
        count = over_lanes(tally, np.int32(0), lane, np.int32(threads), count, False)
        if lane == 0:
            block = np.uint32(cuda.blockIdx.x)
            sums[block], counts[block], most[block] = total, count, high

    return sizes


@cache
def crossings(count, dtype, large):
    """Kernel that marks changes of sign; see `crossings_body`."""
    return cuda_kernel(crossings_body(count, dtype, large), 32)


@cache
def sizes(dtype, threads):
    """Kernel that adds absolute values; see `sizes_body`."""
    return cuda_kernel(sizes_body(dtype, threads))
