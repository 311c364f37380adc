"""Batch normalisation on a CUDA device: moments of channels, normalised samples, and the gradients of both.

Samples are (items, channels, size), flat. A block has a part of one channel; sums of parts are written apart, and added in a
fixed order by every block of the kernel that needs them: nothing waits in between.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.pointwise_cuda import lanes_of, load_vector, store_vector

i32 = np.int32
# Numbers that kernels are given in this order. Vectors are counted, where there are any, and not numbers: of a channel of an
# item, and of a part of a channel.
SIZES = ("items", "channels", "size", "part", "parts", "known", "relu")


@cuda_helper
def merge(shared, rank, threads):
    """Merge what the threads of a block know of samples, (number, mean, sum of squared distances from it), in a fixed order.

    B. P. Welford's sums, merged by T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance",
    The American Statistician 37 (1983), 242-247, eq. 2.1.
    """
    half = i32(threads // 2)
    while half > 0:
        cuda.syncthreads()
        if rank < half:
            own, other = np.uint32(rank), np.uint32(rank + half)
            a, b = shared[own], shared[other]
            if b > 0:
                apart = shared[np.uint32(threads + other)] - shared[np.uint32(threads + own)]
                share = b / (a + b)
                shared[own] = a + b
                shared[np.uint32(threads + own)] += apart * share
                shared[np.uint32(2 * threads + own)] += shared[np.uint32(2 * threads + other)] + apart * apart * share * a
        half = i32(half // 2)
    cuda.syncthreads()


@cuda_helper
def add_up(shared, rank, threads):
    """Add up two sums of each thread of a block in a fixed order."""
    half = i32(threads // 2)
    while half > 0:
        cuda.syncthreads()
        if rank < half:
            shared[np.uint32(rank)] += shared[np.uint32(rank + half)]
            shared[np.uint32(threads + rank)] += shared[np.uint32(threads + rank + half)]
        half = i32(half // 2)
    cuda.syncthreads()


@cuda_helper
def start_of(j, c, sizes, lanes):
    """Where the j-th vector of a channel begins."""
    size = i32(sizes[2])
    item = i32(np.uint32(j) // np.uint32(size))
    return np.uint64((np.int64(item) * sizes[1] + c) * size + i32(j - item * size)) * np.uint64(lanes)


def moments_body(dtype, vectors, threads):
    """The plain function of the kernel ``(x, partial, sizes)``: number, mean and squared distances of parts of channels.

    ``partial`` is (parts, 3, channels); block (c, p) has the p-th part of channel c.
    """
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    space = 3 * threads

    def kernel(x, partial, sizes):
        shared = cuda.shared.array(space, number)
        values = cuda.local.array(lanes, number)
        rank, c, p = i32(cuda.threadIdx.x), i32(cuda.blockIdx.x), i32(cuda.blockIdx.y)
        first = i32(p * i32(sizes[3]))
        last = min(i32(first + i32(sizes[3])), i32(i32(sizes[0]) * i32(sizes[2])))
        around, total, squares, count = number(0), number(0), number(0), i32(0)
        for j in range(i32(first + rank), last, i32(threads)):
            at = start_of(j, c, sizes, lanes)
            if vectors:
                load_vector(x, at, values)
            else:
                values[0] = x[at]
            # Distances from the thread's first sample: a mean far from zero costs nothing.
            around = values[0] if count == 0 else around
            for k in range(lanes):
                apart = values[k] - around
                total += apart
                squares += apart * apart
            count = i32(count + lanes)
        n = number(max(count, i32(1)))
        shared[np.uint32(rank)] = number(count)
        shared[np.uint32(threads + rank)] = around + total / n
        shared[np.uint32(2 * threads + rank)] = squares - total * total / n
        merge(shared, rank, i32(threads))
        if rank < 3:
            partial[np.uint64((np.int64(p) * 3 + rank) * sizes[1] + c)] = shared[np.uint32(rank * threads)]

    return kernel


def normalize_body(dtype, vectors, threads):
    """The plain function of the kernel ``(x, partial, means, variances, weights, biases, out, eps, sizes)``.

    Block (c, p) writes the p-th part of channel c; moments that are not known are merged from `partial` and written.
    """
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    space = 3 * threads
    zero = np.dtype(dtype).type(0)

    def kernel(x, partial, means, variances, weights, biases, out, eps, sizes):
        shared = cuda.shared.array(space, number)
        values = cuda.local.array(lanes, number)
        rank, c, p = i32(cuda.threadIdx.x), i32(cuda.blockIdx.x), i32(cuda.blockIdx.y)
        relu = sizes[6] != 0
        if sizes[5]:
            mean, variance = means[np.uint32(c)], variances[np.uint32(c)]
        else:
            for k in range(3):
                shared[np.uint32(k * threads + rank)] = zero
                if rank < sizes[4]:
                    shared[np.uint32(k * threads + rank)] = partial[np.uint64((np.int64(rank) * 3 + k) * sizes[1] + c)]
            merge(shared, rank, i32(threads))
            mean, variance = shared[np.uint32(threads)], shared[np.uint32(2 * threads)] / shared[0]
            # Rounding may leave less than nothing; NaN stays.
            variance = zero if variance < 0 else variance
            if rank == 0 and p == 0:
                means[np.uint32(c)] = mean
                variances[np.uint32(c)] = variance
        scale, bias = weights[np.uint32(c)] / math.sqrt(variance + eps), biases[np.uint32(c)]
        first = i32(p * i32(sizes[3]))
        last = min(i32(first + i32(sizes[3])), i32(i32(sizes[0]) * i32(sizes[2])))
        for j in range(i32(first + rank), last, i32(threads)):
            at = start_of(j, c, sizes, lanes)
            if vectors:
                load_vector(x, at, values)
            else:
                values[0] = x[at]
            for k in range(lanes):
                value = (values[k] - mean) * scale + bias
                values[k] = zero if relu and value <= 0 else value
            if vectors:
                store_vector(values, out, at)
            else:
                out[at] = values[0]

    return kernel


def loading(vectors):
    """A device function that loads samples, slopes, and with relu results: a vector of each, or one number."""

    @cuda_helper
    def load(x, g, y, at, relu, values, slopes, kept):
        if vectors:
            load_vector(x, at, values)
            load_vector(g, at, slopes)
            if relu:
                load_vector(y, at, kept)
        else:
            values[0], slopes[0] = x[at], g[at]
            if relu:
                kept[0] = y[at]

    return load


def slopes_body(dtype, vectors, threads):
    """The plain function of the kernel ``(x, g, y, partial, means, sizes)``: sums of slopes, alone and times distances.

    Distances are those from the means; ``partial`` is (parts, 2, channels). With relu the slopes of results `y` that are zero
    count as zero.
    """
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    space, load = 2 * threads, loading(vectors)
    zero = np.dtype(dtype).type(0)

    def kernel(x, g, y, partial, means, sizes):
        shared = cuda.shared.array(space, number)
        values, slopes = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        kept = cuda.local.array(lanes, number)
        rank, c, p = i32(cuda.threadIdx.x), i32(cuda.blockIdx.x), i32(cuda.blockIdx.y)
        relu, mean = sizes[6] != 0, means[np.uint32(c)]
        first = i32(p * i32(sizes[3]))
        last = min(i32(first + i32(sizes[3])), i32(i32(sizes[0]) * i32(sizes[2])))
        total, product = number(0), number(0)
        for j in range(i32(first + rank), last, i32(threads)):
            at = start_of(j, c, sizes, lanes)
            load(x, g, y, at, relu, values, slopes, kept)
            for k in range(lanes):
                slope = zero if relu and kept[k] <= 0 else slopes[k]
                total += slope
                product += slope * (values[k] - mean)
        shared[np.uint32(rank)], shared[np.uint32(threads + rank)] = total, product
        add_up(shared, rank, i32(threads))
        if rank < 2:
            partial[np.uint64((np.int64(p) * 2 + rank) * sizes[1] + c)] = shared[np.uint32(rank * threads)]

    return kernel


def normalize_gradient_body(dtype, vectors, threads):
    """The plain function of the kernel ``(x, g, y, partial, means, variances, weights, by_x, by_weight, by_bias,
    eps, count, sizes)``: block (c, p) writes the p-th part of channel c of `by_x`.
    """
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    space, load = 2 * threads, loading(vectors)
    zero, one = np.dtype(dtype).type(0), np.dtype(dtype).type(1)

    def kernel(x, g, y, partial, means, variances, weights, by_x, by_weight, by_bias, eps, count, sizes):
        shared = cuda.shared.array(space, number)
        values, slopes = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        kept = cuda.local.array(lanes, number)
        rank, c, p = i32(cuda.threadIdx.x), i32(cuda.blockIdx.x), i32(cuda.blockIdx.y)
        relu, mean = sizes[6] != 0, means[np.uint32(c)]
        for k in range(2):
            shared[np.uint32(k * threads + rank)] = zero
            if rank < sizes[4]:
                shared[np.uint32(k * threads + rank)] = partial[np.uint64((np.int64(rank) * 2 + k) * sizes[1] + c)]
        add_up(shared, rank, i32(threads))
        total, product = shared[0], shared[np.uint32(threads)]
        inverse = one / math.sqrt(variances[np.uint32(c)] + eps)
        if rank == 0 and p == 0:
            by_weight[np.uint32(c)] = product * inverse
            by_bias[np.uint32(c)] = total
        scale = weights[np.uint32(c)] * inverse
        shift, lean = zero, zero
        if not sizes[5]:
            shift, lean = total / count, product / count * inverse * inverse
        first = i32(p * i32(sizes[3]))
        last = min(i32(first + i32(sizes[3])), i32(i32(sizes[0]) * i32(sizes[2])))
        for j in range(i32(first + rank), last, i32(threads)):
            at = start_of(j, c, sizes, lanes)
            load(x, g, y, at, relu, values, slopes, kept)
            for k in range(lanes):
                slope = zero if relu and kept[k] <= 0 else slopes[k]
                values[k] = (slope - shift - (values[k] - mean) * lean) * scale
            if vectors:
                store_vector(values, by_x, at)
            else:
                by_x[at] = values[0]

    return kernel


def follow_body(given, found, share, factor):
    """Move given numbers by a share towards ``factor * found``."""
    i = cuda.grid(1)
    if i < given.size:
        given[i] += share * (factor * found[i] - given[i])


follow = cuda_kernel(follow_body)


@cache
def normalizing(make, dtype, vectors, threads):
    """Kernel of one of the bodies above."""
    return cuda_kernel(make(dtype, vectors, threads))
