"""Largest samples and means over windows on a CUDA device, and their adjoints: a thread for each number that is written.

Arrays are flat; planes, windows and the numbers of taps are those of `kernels.pool`. A thread has a column, and a row of those
of all planes. The adjoints collect: each sample adds what the windows that hold it hand back, in their order.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.pointwise_cuda import load_vector, store_vector
from convkit.kernels.simd_cuda import VECTOR

i32, u32 = np.int32, np.uint32


@cuda_helper
def along(a, n, b):
    """``a * n + b`` in 32 bits."""
    return i32(i32(a * n) + b)


@cuda_helper
def thread_place(depth, height):
    """Plane, slice and row of this thread, its column, and its row among all."""
    row = along(i32(cuda.blockIdx.x), i32(cuda.blockDim.y), i32(cuda.threadIdx.y))
    column = along(i32(cuda.blockIdx.y), i32(cuda.blockDim.x), i32(cuda.threadIdx.x))
    rest = u32(u32(row) // u32(height))
    plane = u32(rest // u32(depth))
    return i32(plane), i32(rest - plane * u32(depth)), i32(u32(row) - rest * u32(height)), column, row


def max_windows_body(dtype, taps, stride, padding, dilation):
    """The plain function of the kernel ``(x, codes, out, planes, sizes)``: largest samples, and the numbers of their taps.

    ``sizes`` = shape of a plane, windows along each axis. Taps and distances are known to the compiler: it divides by none.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    (kd, kh, kw), (sd, sh, sw), (pd, ph, pw), (dd, dh, dw) = taps, stride, padding, dilation

    def kernel(x, codes, out, planes, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        wide = i32(sizes[5])
        p, z, y, i, row = thread_place(sizes[3], sizes[4])
        if p >= planes or i >= wide:
            return
        best, code, fresh = number(0), i32(0), True
        for kz in range(kd):
            in_z = i32(along(z, sd, kz * dd) - pd)
            if in_z < 0 or in_z >= depth:
                continue
            for ky in range(kh):
                in_y = i32(along(y, sh, ky * dh) - ph)
                if in_y < 0 or in_y >= height:
                    continue
                base = i32(along(along(p, depth, in_z), height, in_y) * width)
                for kx in range(kw):
                    in_x = i32(along(i, sw, kx * dw) - pw)
                    if in_x < 0 or in_x >= width:
                        continue
                    value = x[u32(base + in_x)]
                    if fresh or value > best or value != value:
                        best, code, fresh = value, i32((kz * kh + ky) * kw + kx), False
        at = u32(along(row, wide, i))
        out[at] = best
        codes[at] = code

    return kernel


def max_gradient_body(dtype, taps, stride, padding, dilation):
    """The plain function of the kernel ``(g, codes, out, planes, sizes)``: the gradient of the samples above."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    (kd, kh, kw), (sd, sh, sw), (pd, ph, pw), (dd, dh, dw) = taps, stride, padding, dilation

    def kernel(g, codes, out, planes, sizes):
        deep, high, wide = i32(sizes[3]), i32(sizes[4]), i32(sizes[5])
        p, z, y, i, row = thread_place(sizes[0], sizes[1])
        if p >= planes or i >= sizes[2]:
            return
        # Where the samples lie in windows that begin at 0: none is negative.
        z, y, i_x = u32(z + pd), u32(y + ph), u32(i + pw)
        total = number(0)
        for wz in range(first_window(z, (kd - 1) * dd, sd), min(deep, i32(z // u32(sd)) + i32(1))):
            apart_z = u32(z - wz * u32(sd))
            for wy in range(first_window(y, (kh - 1) * dh, sh), min(high, i32(y // u32(sh)) + i32(1))):
                apart_y = u32(y - wy * u32(sh))
                if apart_z % u32(dd) or apart_y % u32(dh):
                    continue
                line = along(along(i32(apart_z // u32(dd)), kh, i32(apart_y // u32(dh))), kw, i32(0))
                base = i32(along(along(p, deep, wz), high, wy) * wide)
                for wx in range(first_window(i_x, (kw - 1) * dw, sw), min(wide, i32(i_x // u32(sw)) + i32(1))):
                    apart_x = u32(i_x - wx * u32(sw))
                    at = u32(base + wx)
                    if apart_x % u32(dw) == 0 and i32(codes[at]) == i32(line + i32(apart_x // u32(dw))):
                        total += g[at]
        out[u32(along(row, i32(sizes[2]), i))] = total

    return kernel


@cuda_helper
def first_window(i, span, stride):
    """The first window that may hold a sample; `span` is how far the last tap lies from the first."""
    return i32(0) if i <= span else i32(u32(i - span + stride - 1) // u32(stride))


def max_pairs_body(dtype):
    """As `max_windows_body` for windows of 2 x 2 side by side that cover images, kernel ``(x, codes, out, planes, sizes)``.

    ``sizes`` = rows of windows of a plane, width. A thread has a vector of two rows; the rows begin at vectors.
    """
    from numba import from_dtype

    number, lanes = from_dtype(np.dtype(dtype)), VECTOR // np.dtype(dtype).itemsize

    def kernel(x, codes, out, planes, sizes):
        width = i32(sizes[1])
        row = along(i32(cuda.blockIdx.x), i32(cuda.blockDim.y), i32(cuda.threadIdx.y))
        column = i32(along(i32(cuda.blockIdx.y), i32(cuda.blockDim.x), i32(cuda.threadIdx.x)) * lanes)
        if row >= planes * sizes[0] or column >= width:
            return
        upper = cuda.local.array(lanes, number)
        lower = cuda.local.array(lanes, number)
        start = along(i32(2 * row), width, column)
        load_vector(x, u32(start), upper)
        load_vector(x, u32(start + width), lower)
        at = u32(i32(along(row, width, column) // 2))
        for k in range(0, lanes, 2):
            best, code = upper[k], i32(0)
            if upper[k + 1] > best or upper[k + 1] != upper[k + 1]:
                best, code = upper[k + 1], i32(1)
            if lower[k] > best or lower[k] != lower[k]:
                best, code = lower[k], i32(2)
            if lower[k + 1] > best or lower[k + 1] != lower[k + 1]:
                best, code = lower[k + 1], i32(3)
            out[u32(at + k // 2)] = best
            codes[u32(at + k // 2)] = code

    return kernel


def max_pairs_gradient_body(dtype):
    """As `max_gradient_body`, for the windows of `max_pairs_body`: kernel ``(g, codes, out, planes, sizes)``."""
    from numba import from_dtype

    number, lanes = from_dtype(np.dtype(dtype)), VECTOR // np.dtype(dtype).itemsize

    def kernel(g, codes, out, planes, sizes):
        width = i32(sizes[1])
        row = along(i32(cuda.blockIdx.x), i32(cuda.blockDim.y), i32(cuda.threadIdx.y))
        column = i32(along(i32(cuda.blockIdx.y), i32(cuda.blockDim.x), i32(cuda.threadIdx.x)) * lanes)
        if row >= planes * sizes[0] or column >= width:
            return
        upper = cuda.local.array(lanes, number)
        lower = cuda.local.array(lanes, number)
        at = u32(i32(along(row, width, column) // 2))
        for k in range(0, lanes, 2):
            value, code, zero = g[u32(at + k // 2)], i32(codes[u32(at + k // 2)]), number(0)
            upper[k] = value if code == 0 else zero
            upper[k + 1] = value if code == 1 else zero
            lower[k] = value if code == 2 else zero
            lower[k + 1] = value if code == 3 else zero
        start = along(i32(2 * row), width, column)
        store_vector(upper, out, u32(start))
        store_vector(lower, out, u32(start + width))

    return kernel


def mean_windows_body(dtype):
    """The plain function of the kernel ``(x, tables, out, planes, sizes)``: sums of windows over products of their counts.

    ``sizes`` = shape of a plane, windows along each axis. For each window of an axis, `tables` holds the first sample, that
    after the last and the count, then for each sample the first window that holds it and that after the last.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))

    def kernel(x, tables, out, planes, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        deep, high, wide = i32(sizes[3]), i32(sizes[4]), i32(sizes[5])
        p, z, y, i, row = thread_place(deep, high)
        if p >= planes or i >= wide:
            return
        rows = along(i32(3), deep, i32(2 * depth))
        columns = i32(rows + along(i32(3), high, i32(2 * height)))
        of_z, of_y, of_x = i32(3 * z), along(i32(3), y, rows), along(i32(3), i, columns)
        total = number(0)
        for in_z in range(i32(tables[u32(of_z)]), i32(tables[u32(of_z + 1)])):
            for in_y in range(i32(tables[u32(of_y)]), i32(tables[u32(of_y + 1)])):
                base = i32(along(along(p, depth, in_z), height, in_y) * width)
                # A sum of sums loses less than one of all samples.
                line = number(0)
                for in_x in range(i32(tables[u32(of_x)]), i32(tables[u32(of_x + 1)])):
                    line += x[u32(base + in_x)]
                total += line
        count = number(tables[u32(of_z + 2)]) * number(tables[u32(of_y + 2)]) * number(tables[u32(of_x + 2)])
        out[u32(along(row, wide, i))] = total / count

    return kernel


def mean_gradient_body(dtype):
    """The plain function of the kernel ``(g, tables, out, planes, sizes)``: the gradient of the samples above."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))

    def kernel(g, tables, out, planes, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        deep, high, wide = i32(sizes[3]), i32(sizes[4]), i32(sizes[5])
        p, z, y, i, row = thread_place(depth, height)
        if p >= planes or i >= width:
            return
        rows = along(i32(3), deep, i32(2 * depth))
        columns = i32(rows + along(i32(3), high, i32(2 * height)))
        of_z, of_y = along(i32(3), deep, i32(2 * z)), i32(rows + along(i32(3), high, i32(2 * y)))
        of_x = i32(columns + along(i32(3), wide, i32(2 * i)))
        total = number(0)
        for wz in range(i32(tables[u32(of_z)]), i32(tables[u32(of_z + 1)])):
            for wy in range(i32(tables[u32(of_y)]), i32(tables[u32(of_y + 1)])):
                base = i32(along(along(p, deep, wz), high, wy) * wide)
                count = number(tables[u32(i32(3 * wz) + 2)]) * number(tables[u32(along(i32(3), wy, rows) + 2)])
                for wx in range(i32(tables[u32(of_x)]), i32(tables[u32(of_x + 1)])):
                    total += g[u32(base + wx)] / (count * number(tables[u32(along(i32(3), wx, columns) + 2)]))
        out[u32(along(row, width, i))] = total

    return kernel


@cache
def pooling(make, *known):
    """Kernel of one of the bodies above."""
    return cuda_kernel(make(*known))
