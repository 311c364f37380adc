"""Sobel's gradient and the suppression of what is no maximum, on a CUDA device; the same roundings as `thin` and `trace`.

A tile of a smoothed image (one pixel more on every side) lies in shared memory, with the magnitudes of it and of its
neighbours; or two derivatives are given.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import SIMULATED, cuda, intrinsic
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.correlate_cuda import i32
from convkit.kernels.link_cuda import patch_helper
from convkit.kernels.thin import FLAT, STEEP, UNITS
from convkit.kernels.trace import BINS, SHIFT

# Registers of a thread: four blocks of 256 have room side by side.
REGISTERS = 64
# Magnitudes that a thread counts.
EACH = 16


def product_of(dtype):
    """Device function of a product that is rounded: never one half of a fused multiplication and addition."""
    if SIMULATED:
        return cuda_helper(lambda a, b: a * b)
    return cuda.libdevice.fmul_rn if np.dtype(dtype).itemsize == 4 else cuda.libdevice.dmul_rn


def _image(dtype):
    """Device functions of images: both of Sobel's sums around an element, and the length of a gradient."""
    from numba import from_dtype

    kind, product = from_dtype(np.dtype(dtype)), product_of(dtype)
    two = np.dtype(dtype).type(2)

    def down(e, p, pitch):
        below = i32(p + 2 * pitch)
        left, right = e[np.uint32(below)] - e[np.uint32(p)], e[np.uint32(below + 2)] - e[np.uint32(p + 2)]
        return left + two * (e[np.uint32(below + 1)] - e[np.uint32(p + 1)]) + right

    def along(e, p, pitch):
        middle, below = i32(p + pitch), i32(p + 2 * pitch)
        left, right = e[np.uint32(p + 2)] - e[np.uint32(p)], e[np.uint32(below + 2)] - e[np.uint32(below)]
        return left + two * (e[np.uint32(middle + 2)] - e[np.uint32(middle)]) + right

    def length(y, x):
        return kind(math.sqrt(product(y, y) + product(x, x)))

    return cuda_helper(down), cuda_helper(along), cuda_helper(length)


def _rules(dtype):
    """Device functions ``(m, p, pitch, y, x)`` of both rules: whether magnitude ``m[p]`` is a maximum; see `thin`."""
    product, wide_product = product_of(dtype), product_of(np.float64)
    number = np.dtype(dtype).type
    flat, steep, units, one = number(FLAT), number(STEEP), number(UNITS), np.float64(1)

    def between(m, p, pitch, y, x):
        here, up, along = m[np.uint32(p)], abs(y), abs(x)
        side = i32(1) if (y <= 0) == (x <= 0) else i32(-1)
        if up > along:
            near, w = i32(pitch), along / up
        else:
            near, w = i32(side), up / along
        rest = one - np.float64(w)
        corner = i32(pitch + side)
        before = np.float64(product(m[np.uint32(p - corner)], w)) \
            + wide_product(np.float64(m[np.uint32(p - near)]), rest)
        after = np.float64(product(m[np.uint32(p + corner)], w)) + wide_product(np.float64(m[np.uint32(p + near)]), rest)
        return before <= np.float64(here) and after <= np.float64(here)

    def sectors(m, p, pitch, y, x):
        here, up, along = m[np.uint32(p)], abs(y) * units, abs(x)
        corner = i32(pitch + 1) if (y < 0) == (x < 0) else i32(pitch - 1)
        if up < product(along, flat):
            return here > m[np.uint32(p - 1)] and here >= m[np.uint32(p + 1)]
        if up > product(along, steep):
            return here > m[np.uint32(p - pitch)] and here >= m[np.uint32(p + pitch)]
        return here > m[np.uint32(p - corner)] and here > m[np.uint32(p + corner)]

    return cuda_helper(between), cuda_helper(sectors)


@cache
def thin(patch, dtype, straight, given, stored, masked):
    """Kernel that marks the edges of an image, or whose magnitudes are `stored`; see `thin_body`."""
    return cuda_kernel(thin_body(patch, dtype, straight, given, stored, masked), REGISTERS)


def thin_body(patch, dtype, straight, given, stored, masked):
    """The plain function of the kernel ``(first, second, low, high, lengths, valid, marks, labels, sizes)``, a tile per block.

    `first` is the smoothed image, with one pixel more on every side; or it and `second` are derivatives that are `given`.
    Magnitudes, sums of absolute derivatives if `straight`, are `stored` in `lengths`; or maxima from `low` on are marked,
    strong ones from `high` on, and joined within the tile as in `link_cuda`; of a `masked` image those that are `valid`.
    `sizes` = (rows, columns, tiles across).
    """
    from numba import from_dtype, types

    kind = from_dtype(np.dtype(dtype))
    down, along, length = _image(dtype)
    between, sectors = _rules(dtype)
    join_patch = patch_helper(patch, True, True, True)
    lanes, warps, rows, wide = patch
    size, pitch, pitch_e = patch.size, wide + 2, wide + 4
    base = 0 if given else (rows + 4) * pitch_e

    def thin(first, second, low, high, lengths, valid, marks, labels, sizes):
        height, width = i32(sizes[0]), i32(sizes[1])
        shared = cuda.shared.array(0, kind)
        near = cuda.shared.array(size, types.int32)
        found = cuda.shared.array(size, types.uint8)
        tx, ty = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        block = i32(cuda.blockIdx.x)
        tile = i32(block // i32(sizes[2]))
        x0, y0 = i32((block - tile * i32(sizes[2])) * wide), i32(tile * rows)
        n_rows, n_columns = i32(min(i32(rows), i32(height - y0))), i32(min(i32(wide), i32(width - x0)))
        if not given:
            # Row r and column c of the tile are those of pixel (y0 - 2 + r, x0 - 2 + c).
            for row in range(ty, i32(n_rows + 4), i32(warps)):
                y = i32(y0 + row - 1)
                for column in range(tx, i32(n_columns + 4), i32(lanes)):
                    x = i32(x0 + column - 1)
                    value = kind(0)
                    if y >= 0 and y < height + 2 and x >= 0 and x < width + 2:
                        value = first[np.uint64(y * np.int64(width + 2) + x)]
                    shared[np.uint32(row * pitch_e + column)] = value
            cuda.syncthreads()
        for row in range(ty, i32(n_rows + 2), i32(warps)):
            y = i32(y0 + row - 1)
            for column in range(tx, i32(n_columns + 2), i32(lanes)):
                x = i32(x0 + column - 1)
                magnitude = kind(0)
                if y >= 0 and y < height and x >= 0 and x < width:
                    if given:
                        place = y * np.int64(width) + x
                        dy, dx = kind(first[np.uint64(place)]), kind(second[np.uint64(place)])
                    else:
                        at = i32(row * pitch_e + column)
                        dy, dx = down(shared, at, i32(pitch_e)), along(shared, at, i32(pitch_e))
                    if straight:
                        magnitude = abs(dy) + abs(dx)
                    else:
                        magnitude = length(dy, dx)
                if stored:
                    if row > 0 and row <= n_rows and column > 0 and column <= n_columns:
                        lengths[np.uint64(y * np.int64(width) + x)] = magnitude
                else:
                    shared[np.uint32(base + row * pitch + column)] = magnitude
        if stored:
            return
        cuda.syncthreads()
        for row in range(ty, n_rows, i32(warps)):
            y = i32(y0 + row)
            for column in range(tx, n_columns, i32(lanes)):
                x = i32(x0 + column)
                at = i32(base + (row + 1) * pitch + column + 1)
                magnitude = shared[np.uint32(at)]
                mark = 0
                enough = magnitude > low if straight else magnitude >= low
                inner = straight or (y > 0 and y < i32(height - 1) and x > 0 and x < i32(width - 1))
                if enough and inner and (not masked or valid[np.uint64(y * np.int64(width) + x)] != 0):
                    if given:
                        place = y * np.int64(width) + x
                        dy, dx = kind(first[np.uint64(place)]), kind(second[np.uint64(place)])
                    else:
                        here = i32((row + 1) * pitch_e + column + 1)
                        dy, dx = down(shared, here, i32(pitch_e)), along(shared, here, i32(pitch_e))
                    if straight:
                        if sectors(shared, at, i32(pitch), dy, dx):
                            mark = 3 if magnitude > high else 2
                    elif between(shared, at, i32(pitch), dy, dx):
                        mark = 3 if magnitude >= high else 2
                found[np.uint32(row * wide + column)] = mark
        join_patch(near, found, labels, marks, y0 * np.int64(width) + x0, width, n_rows, n_columns)

    return thin


def count_body(dtype, masked):
    """The plain function of the kernel ``(lengths, valid, counts, sizes)``: magnitudes counted by leading bits of a float32.

    `sizes` = (columns, rows of a band, rows from one to the next): only the rows of bands are counted, and where they are
    `masked` only what is `valid`.
    """
    from numba import from_dtype, types

    kind = from_dtype(np.dtype(dtype))
    bins, shift = i32(BINS), i32(SHIFT)
    single = kind == types.float32

    def count(lengths, valid, counts, sizes):
        threads = i32(cuda.blockDim.x)
        place = i32(i32(cuda.blockIdx.x) * i32(threads * EACH) + i32(cuda.threadIdx.x))
        kept, number = i32(-1), i32(0)
        for _ in range(EACH):
            # Of an even surface many share a bucket, and additions to one wait for each other.
            if place >= 0 and place < lengths.size:
                value = lengths[np.uint32(place)]
                inside = i32(i32(place // i32(sizes[0])) % i32(sizes[2])) < i32(sizes[1])
                if inside and value == value and (not masked or valid[np.uint32(place)] != 0):
                    bucket = i32(bits_of(value if single else np.float32(value)) >> shift)
                    if bucket != kept:
                        if number > 0:
                            cuda.atomic.add(counts, np.uint32(kept), number)
                        kept, number = bucket, i32(0)
                    if bucket < bins:
                        number = i32(number + 1)
            place = i32(place + threads)
        if number > 0:
            cuda.atomic.add(counts, np.uint32(kept), number)

    return count


@cache
def count(dtype, masked):
    """Kernel that counts magnitudes of `dtype`."""
    return cuda_kernel(count_body(dtype, masked))


def bits_of(value):
    """The bits of a float32 that is not negative."""
    return np.float32(value).view(np.int32)


def _bits(typing, value):
    from llvmlite import ir

    def code(context, builder, signature, values):
        return builder.bitcast(values[0], ir.IntType(32))

    return cuda.types.int32(cuda.types.float32), code


if not SIMULATED:
    bits_of = intrinsic(_bits)
