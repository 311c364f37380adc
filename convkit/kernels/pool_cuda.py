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


def max_windows_body(dtype, taps, stride, padding, dilation, beyond):
    """The plain function of the kernel ``(x, codes, out, planes, sizes)``: largest samples, and the numbers of their taps.

    ``sizes`` = shape of a plane, windows along each axis. Taps and distances are known to the compiler, and along which axes
    some taps lie `beyond` the samples: it divides by none, and looks only there.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    (kd, kh, kw), (sd, sh, sw), (pd, ph, pw), (dd, dh, dw) = taps, stride, padding, dilation
    over_z, over_y, over_x = beyond

    def kernel(x, codes, out, planes, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        wide = i32(sizes[5])
        p, z, y, i, row = thread_place(sizes[3], sizes[4])
        if p >= planes or i >= wide:
            return
        best, code, fresh = number(0), i32(0), True
        for kz in range(kd):
            in_z = i32(along(z, sd, kz * dd) - pd)
            if over_z and u32(in_z) >= u32(depth):  # what is below 0 is above all others
                continue
            for ky in range(kh):
                in_y = i32(along(y, sh, ky * dh) - ph)
                if over_y and u32(in_y) >= u32(height):
                    continue
                base = i32(along(along(p, depth, in_z), height, in_y) * width)
                for kx in range(kw):
                    in_x = i32(along(i, sw, kx * dw) - pw)
                    if over_x and u32(in_x) >= u32(width):
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
    (_, kh, kw), (sd, sh, sw), (pd, ph, pw), (dd, dh, dw) = taps, stride, padding, dilation
    # How far the last tap lies from the first, and how many windows may hold a sample.
    far_z, far_y, far_x = ((k - 1) * d for k, d in zip(taps, dilation, strict=True))
    many_z, many_y, many_x = far_z // sd + 1, far_y // sh + 1, far_x // sw + 1

    def kernel(g, codes, out, planes, sizes):
        deep, high, wide = i32(sizes[3]), i32(sizes[4]), i32(sizes[5])
        p, z, y, i, row = thread_place(sizes[0], sizes[1])
        if p >= planes or i >= sizes[2]:
            return
        # Where the samples lie in windows that begin at 0: none is negative.
        z, y, i_x = u32(z + pd), u32(y + ph), u32(i + pw)
        total = number(0)
        for j in range(many_z):
            wz, tap_z = window_of(z, i32(many_z - 1 - j), sd)
            if wz >= u32(deep) or tap_z > u32(far_z) or tap_z % u32(dd):
                continue
            for k in range(many_y):
                wy, tap_y = window_of(y, i32(many_y - 1 - k), sh)
                if wy >= u32(high) or tap_y > u32(far_y) or tap_y % u32(dh):
                    continue
                line = along(along(i32(tap_z // u32(dd)), kh, i32(tap_y // u32(dh))), kw, i32(0))
                base = i32(along(along(p, deep, i32(wz)), high, i32(wy)) * wide)
                for m in range(many_x):
                    wx, tap_x = window_of(i_x, i32(many_x - 1 - m), sw)
                    if wx >= u32(wide) or tap_x > u32(far_x) or tap_x % u32(dw):
                        continue
                    at = u32(base + i32(wx))
                    if i32(codes[at]) == i32(line + i32(tap_x // u32(dw))):
                        total += g[at]
        out[u32(along(row, i32(sizes[2]), i))] = total

    return kernel


@cuda_helper
def window_of(i, back, stride):
    """The window that begins `back` windows before the last one that may hold a sample, and how far the sample is from there.

    A window before the first has a number above all others.
    """
    last = u32(i // u32(stride))
    return u32(i32(i32(last) - back)), u32(u32(i - u32(last * u32(stride))) + u32(back) * u32(stride))


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


def spots_body(codes, steps, firsts, out):
    """Write where the samples lie in their planes whose taps have these codes: first taps of windows, and steps from there."""
    i = cuda.grid(1)
    if i < out.size:
        i = u32(i)
        out[np.uint64(i)] = firsts[np.uint64(u32(i % u32(firsts.size)))] + steps[np.uint64(codes[np.uint64(i)])]


spots = cuda_kernel(spots_body)


@cache
def pooling(make, *known):
    """Kernel of one of the bodies above."""
    return cuda_kernel(make(*known))
