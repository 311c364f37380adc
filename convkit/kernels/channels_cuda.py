"""What convolutions with channels need beside products, on a CUDA device: samples beyond the edges, sums. Arrays are flat."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.multiply_cuda import i32, pixel_of, u32


def extend_body(x, sources, out, sizes):
    """Write samples with those beyond their edges into out.

    `sizes` are (numbers of a volume, of a plane, of a row of x; then those of out). The `sources` of the positions of out
    along depth come first, those along rows and columns begin at ``sizes[6]`` and ``sizes[7]``.
    """
    i = i32(cuda.grid(1))
    if i < out.size:
        plane, z, y, col = pixel_of(i, (i32(sizes[3]), i32(sizes[4]), i32(sizes[5])))
        z, y = sources[u32(z)], sources[u32(i32(sizes[6] + y))]
        col = sources[u32(i32(sizes[7] + col))]
        out[u32(i)] = x[u32(i32(plane * sizes[0] + z * sizes[1] + y * sizes[2] + col))]


extend = cuda_kernel(extend_body)


def fold_body(g, positions, out, sizes):
    """Write the gradient of samples into out, from the gradient g of the samples with those beyond their edges.

    `sizes` are (numbers of a volume, of a plane, of a row of g; then those of out). Sample s of an axis lies at
    ``positions[positions[b + s]:positions[b + s + 1]]`` of the longer axis, with b = 0, ``sizes[6]`` and ``sizes[7]``.
    """
    i = i32(cuda.grid(1))
    if i < out.size:
        plane, z, y, col = pixel_of(i, (i32(sizes[3]), i32(sizes[4]), i32(sizes[5])))
        y, col = i32(y + sizes[6]), i32(col + sizes[7])
        total = out.dtype.type(0)
        for a in range(positions[u32(z)], positions[u32(i32(z + 1))]):
            start = i32(plane * sizes[0] + positions[u32(a)] * sizes[1])
            for b in range(positions[u32(y)], positions[u32(i32(y + 1))]):
                row = i32(start + positions[u32(b)] * sizes[2])
                for c in range(positions[u32(col)], positions[u32(i32(col + 1))]):
                    total += g[u32(i32(row + positions[u32(c)]))]
        out[u32(i)] = total


fold = cuda_kernel(fold_body)


def add_channels_body(y, bias, sizes):
    """Add to each channel of ``sizes[0]`` numbers one of bias; if ``sizes[1]`` what is below zero becomes zero, NaN stays."""
    i = i32(cuda.grid(1))
    if i < y.size:
        channel = i32(u32(i) // u32(sizes[0]))
        value = y[u32(i)] + bias[u32(channel) % u32(bias.size)]
        if sizes[1] and value < 0:
            value = y.dtype.type(0)
        y[u32(i)] = value


add_channels = cuda_kernel(add_channels_body)


@cuda_helper
def rectified_at(g, y, kept, at, rectifies, nothing):
    """A number of g; where it rectifies zero if that of ``y`` is not positive, and written to ``kept``."""
    value = g[u32(at)]
    if rectifies:
        if y[u32(at)] <= nothing:
            value = nothing
        kept[u32(at)] = value
    return value


@cache
def sum_channels(threads, work, rectifies):
    """Kernel that sums g over all but its channels."""
    return cuda_kernel(sum_channels_body(threads, work, rectifies))


def sum_channels_body(threads, work, rectifies):
    """The plain function of the kernel ``(g, y, kept, out, sizes)`` for blocks of a power of two of threads.

    g = (items, channels, size), and `sizes` = (channels, size, numbers of a channel, those of a part). The blocks of the grid
    are (channels, parts), out is (parts, channels). Where it `rectifies`, g is taken as zero where y is, and written to kept.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(work))

    def total(g, y, kept, out, sizes):
        channels, size = i32(sizes[0]), i32(sizes[1])
        nothing = number(0)
        shared = cuda.shared.array(threads, number)
        rank, channel, part = i32(cuda.threadIdx.x), i32(cuda.blockIdx.x), i32(cuda.blockIdx.y)
        first = i32(part * sizes[3])
        result = nothing
        for i in range(i32(first + rank), i32(min(sizes[2], i32(first + sizes[3]))), i32(threads)):
            item = i32(u32(i) // u32(size))
            result += rectified_at(g, y, kept, i32(item * (channels - 1) * size + channel * size + i), rectifies, nothing)
        shared[u32(rank)] = result
        cuda.syncthreads()
        half = i32(threads // 2)
        while half > 0:
            if rank < half:
                shared[u32(rank)] += shared[u32(i32(rank + half))]
            cuda.syncthreads()
            half = i32(half // 2)
        if rank == 0:
            out[u32(i32(part * channels + channel))] = shared[u32(0)]

    return total
