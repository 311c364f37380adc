"""Tiles that a Fourier transform would spoil, on a CUDA device: found by their magnitudes, and summed directly, without a word
to the host.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.correlate_cuda import source_of
from convkit.kernels.fourier_cuda import corner_of

# Halvings of the range of magnitudes, in which the median is looked for.
HALVINGS = 12
# Registers of a thread that sums tiles, by the bytes of a real number.
REGISTERS = {4: 80, 8: 96}
i32 = np.int32


def limit_body(work, threads, range_):
    """The plain function of the kernel ``(most)`` for one block: from the largest magnitudes of parts, which are never NaN,
    to the one above which a part is spoilt, in the last place.

    As in `blocks.spoilt`: `range_` times the median of those that are neither zero nor infinite, here to some percent of it.
    """
    from numba import from_dtype

    kind = np.dtype(work)
    number = from_dtype(kind)
    zero, one, infinity, factor = (kind.type(v) for v in (0, 1, np.inf, range_))
    few = min(threads, 32)

    @cuda_helper
    def total(value, shared, rank):
        """Sum of the values of all threads, for all of them."""
        cuda.syncthreads()
        shared[np.uint32(rank)] = value
        cuda.syncthreads()
        if rank < few:
            for i in range(i32(rank + few), i32(threads), i32(few)):
                value += shared[np.uint32(i)]
            shared[np.uint32(rank)] = value
        cuda.syncthreads()
        value = zero
        for i in range(few):
            value += shared[np.uint32(i)]
        return value

    @cuda_helper
    def extreme(value, shared, rank):
        """Largest of the values of all threads, for all of them."""
        cuda.syncthreads()
        shared[np.uint32(rank)] = value
        cuda.syncthreads()
        for i in range(threads):
            value = max(value, shared[np.uint32(i)])
        return value

    def limit(most):
        shared = cuda.shared.array(threads, number)
        rank = i32(cuda.threadIdx.x)
        size = i32(most.size - 1)
        least, largest, count = infinity, zero, zero
        for i in range(rank, size, i32(threads)):
            value = most[np.uint32(i)]
            if value > zero and value < infinity:
                least, largest, count = min(least, value), max(largest, value), count + one
        least = -extreme(-least, shared, rank)
        largest = extreme(largest, shared, rank)
        count = total(count, shared, rank)
        if largest > factor * least:
            for _ in range(HALVINGS):
                middle = number(sqrt(least)) * number(sqrt(largest))
                above = zero
                for i in range(rank, size, i32(threads)):
                    value = most[np.uint32(i)]
                    if value >= middle and value < infinity:
                        above += one
                if total(above, shared, rank) * number(2) >= count:
                    least = middle
                else:
                    largest = middle
        if rank == 0:
            most[np.uint32(size)] = factor * least

    return limit


def mend_body(work, threads):
    """The plain function of the kernel ``(x, beyond, w, out, most, sizes, taps)``: results of tiles of spoilt parts are summed
    directly, in arithmetic of the dtype `work`.

    `sizes` are those of `fourier_cuda`, with the first samples that the first taps meet, and with no first row. `taps` holds
    the taps of each axis, transforms, rows of a part, and parts of the samples for each panel of the taps. `w` is followed by
    the value beyond the edges.
    """
    from numba import from_dtype

    dtype = np.dtype(work)
    number, nothing = from_dtype(dtype), dtype.type(0)
    infinity = dtype.type(0).real.dtype.type(np.inf)
    tiles = 1 if dtype.kind == "c" else 2

    def mend(x, beyond, w, out, most, sizes, taps):
        rank = i32(cuda.threadIdx.x)
        kd, kh, kw = i32(taps[0]), i32(taps[1]), i32(taps[2])
        transforms, rows, parts = i32(taps[3]), i32(taps[4]), i32(taps[5])
        high, wide = i32(sizes[21]), i32(sizes[22])
        own = i32(sizes[25] * sizes[26])
        fill = w[np.uint32(kd * kh * kw)]
        limit = most[np.uint32(most.size - 1)]
        for transform in range(i32(cuda.blockIdx.x), transforms, i32(cuda.gridDim.x)):
            first, last = i32(transform * own // rows), i32((i32(transform + 1) * own - 1) // rows)
            spoilt = False
            for panel in range(i32(0), i32(most.size - 1), parts):
                for i in range(i32(panel + first), i32(panel + last + 1)):
                    largest = most[np.uint32(i)]
                    spoilt = spoilt or largest > limit or largest == infinity
            if spoilt:
                for part in range(i32(tiles)):
                    _, _, z0, y0, x0, signal = corner_of(i32(transform * own), part, tiles, sizes)
                    many = i32(0) if signal < 0 else i32(i32(sizes[20]) * high * wide)
                    for i in range(rank, many, i32(threads)):
                        y = i32(i // wide)
                        z = i32(y // high)
                        column, y, z = i32(x0 + i - y * wide), i32(y0 + y - z * high), i32(z0 + z)
                        if z < i32(sizes[4]) and y < i32(sizes[5]) and column < i32(sizes[6]):
                            total = nothing
                            tap = i32(0)
                            for dz in range(kd):
                                plane = source_of(i32(z + dz + i32(sizes[7])), i32(sizes[1]), i32(sizes[10]), beyond, i32(0))
                                for dy in range(kh):
                                    line = source_of(i32(y + dy + i32(sizes[8])), i32(sizes[2]), i32(sizes[11]), beyond,
                                                     i32(sizes[16]))
                                    start = (plane * i32(sizes[2]) + line) * np.int64(sizes[3])
                                    for dx in range(kw):
                                        source = source_of(i32(column + dx + i32(sizes[9])), i32(sizes[3]), i32(sizes[12]),
                                                           beyond, i32(sizes[17]))
                                        sample = fill
                                        if plane >= 0 and line >= 0 and source >= 0:
                                            sample = number(x[np.uint64((start + source) * np.int64(sizes[0]) + signal)])
                                        total += w[np.uint32(tap)] * sample
                                        tap = i32(tap + 1)
                            row = i32(z * i32(sizes[5]) + y)
                            out[np.uint64((row * np.int64(sizes[6]) + column) * np.int64(sizes[0]) + signal)] = total

    return mend


@cache
def limit(work, threads, range_):
    """Kernel of `limit_body`."""
    return cuda_kernel(limit_body(work, threads, range_))


@cache
def mend(work, threads):
    """Kernel of `mend_body`."""
    return cuda_kernel(mend_body(work, threads), REGISTERS[np.dtype(work).type(0).real.itemsize])
