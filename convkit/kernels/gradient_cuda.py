"""Derivatives along one, two or three axes, and their norm, on a CUDA device, tile by tile in shared memory.

The same sums in the same order as `gradient`, with the same products fused.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.correlate_cuda import i32, source_of

# Numbers that kernels are given in this order; the fourth and fifth count tiles.
SIZES = ("planes of a volume", "rows", "columns", "across", "down", "rows of a tile", "step", "pitch in shared memory",
         "samples before", "where the sources beyond the rows begin", "and those beyond the columns",
         "where the first derivative goes", "the second", "the third")
# Registers of a thread: four blocks of 256 have room side by side. Volumes, and samples between taps, need more.
FEW, MANY = 64, 128


class Span(NamedTuple):
    """A block of `lanes` x `warps` threads, and columns of results of one."""

    lanes: int
    warps: int
    wide: int

    def pitch(self, number: int, distance: int) -> int:
        """Numbers in a row of samples in shared memory, for `number` taps at a `distance`."""
        return self.wide + (number - 1) * distance

    def shared(self, count: int, number: int, high: int, pitch: int) -> int:
        """Numbers in shared memory, for derivatives along `count` axes, of `high` rows of results."""
        ahead = high + number - 1
        rows = {1: high, 2: ahead if number == 3 else ahead + 2 * high, 3: 2 * ahead + 3 * high}[count]
        return rows * pitch


class Wanted(NamedTuple):
    """Which derivatives to write, and what is made of them; of an angle, the number of its sine's derivative in an image."""

    first: bool
    second: bool
    third: bool
    norm: bool
    unit: bool
    angle: int | None


def _combiners(number):
    """Device functions that smooth and difference `number` values of `s`, `d` apart from `p` on: see `gradient._smooth`."""

    def smooth_2(s, p, d, taps):
        return (s[np.uint32(p)] + s[np.uint32(p + d)]) * taps[0]

    def difference_2(s, p, d, taps):
        return (s[np.uint32(p + d)] - s[np.uint32(p)]) * taps[3]

    def smooth_3(s, p, d, taps):
        return cuda.fma(s[np.uint32(p + d)], taps[1], (s[np.uint32(p)] + s[np.uint32(p + 2 * d)]) * taps[0])

    def difference_3(s, p, d, taps):
        return (s[np.uint32(p + 2 * d)] - s[np.uint32(p)]) * taps[5]

    def smooth_5(s, p, d, taps):
        inner = cuda.fma(s[np.uint32(p + d)] + s[np.uint32(p + 3 * d)], taps[1], s[np.uint32(p + 2 * d)] * taps[2])
        return cuda.fma(s[np.uint32(p)] + s[np.uint32(p + 4 * d)], taps[0], inner)

    def difference_5(s, p, d, taps):
        inner = (s[np.uint32(p + 3 * d)] - s[np.uint32(p + d)]) * taps[8]
        return cuda.fma(s[np.uint32(p + 4 * d)] - s[np.uint32(p)], taps[9], inner)

    pair = {2: (smooth_2, difference_2), 3: (smooth_3, difference_3), 5: (smooth_5, difference_5)}[number]
    return cuda_helper(pair[0]), cuda_helper(pair[1])


@cache
def gradient(span, dtype, count, number, wanted, close):
    """Kernel that computes what is `wanted` of derivatives along `count` axes, of `number` taps, in arithmetic of `dtype`;
    taps are neighbours in memory where they are `close`.
    """
    return cuda_kernel(gradient_body(span, dtype, count, number, wanted, close), FEW if close and count < 3 else MANY)


def gradient_body(span, dtype, count, number, wanted, close):
    """The plain function of the kernel ``(x, beyond, parts, norms, taps, sizes)``: a tile of results per block, arrays flat.

    `taps` are those that smooth, those that differentiate, the factor of derivatives, that of their norm, and both;
    `sizes` as in `SIZES`; `beyond` as in `correlate_body`, with zeros beyond the edges. `parts` takes derivatives or the
    angle, `norms` the norm.
    """
    from numba import from_dtype

    lanes, warps, wide = span
    kind = from_dtype(np.dtype(dtype))
    smooth, difference = _combiners(number)
    flat, deep, single = count == 2 and number == 3, count == 3, count == 1
    want_first, want_second, want_third, want_norm, unit, angle = wanted
    has_angle, rows_first = angle is not None, angle == 0
    reach = 0 if single else number - 1
    levels = number if deep else 1
    scale_at = 2 * number

    def gradient(x, beyond, parts, norms, taps, sizes):
        depth, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        high, step, before = i32(sizes[5]), i32(sizes[6]), i32(sizes[8])
        distance, pitch = i32(1), i32(wide + number - 1)
        if not close:
            distance, pitch = i32(min(step, i32(wide))), i32(sizes[7])
        shared = cuda.shared.array(0, kind)
        tx, ty = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        block = i32(cuda.blockIdx.x)
        tile = i32(block // i32(sizes[3]))
        z = i32(tile // i32(sizes[4]))
        x0 = i32((block - tile * i32(sizes[3])) * wide)
        y0 = i32((tile - z * i32(sizes[4])) * high)
        n_rows, n_columns = i32(min(high, i32(height - y0))), i32(min(i32(wide), i32(width - x0)))
        loaded = i32(n_columns + (number - 1) * distance)
        first_x = i32(x0 - before * step)
        inside = first_x >= 0 and i32(first_x + loaded) <= width and (close or distance == step)
        ahead = i32(i32(high + reach) * pitch)
        second_at, room = i32(2 * ahead) if deep else ahead, i32(high * pitch)
        zero = kind(0)
        work = cuda.local.array(number, kind)
        starts = cuda.local.array(number, np.int64)
        for row in range(ty, i32(n_rows + reach), i32(warps)):
            source_y = i32(y0 + row)
            if not single:
                source_y = source_of(i32(y0 + row - before), height, before, beyond, i32(sizes[9]))
            for t in range(levels):
                plane = z
                if deep:
                    here = i32(z % depth)
                    plane = source_of(i32(here + t - before), depth, before, beyond, i32(0))
                    plane = i32(z - here + plane) if plane >= 0 else i32(-1)
                starts[t] = -1
                if plane >= 0 and source_y >= 0:
                    starts[t] = (plane * np.int64(height) + source_y) * np.int64(width)
            for place in range(tx, loaded, i32(lanes)):
                source_x = i32(first_x + place)
                if not inside:
                    if not close and distance != step:
                        # Where taps are further apart than a tile is wide, as many pieces of rows lie side by side.
                        source_x = i32(first_x + min(i32(place % wide), i32(n_columns - 1)) + place // wide * step)
                    source_x = source_of(source_x, width, i32(before * step), beyond, i32(sizes[10]))
                at = i32(row * pitch + place)
                value = zero
                for t in range(levels):
                    value = zero
                    if source_x >= 0 and starts[t] >= 0:
                        value = kind(x[np.uint64(starts[t] + source_x)])
                    work[t] = value
                if deep:
                    shared[np.uint32(ahead + at)] = difference(work, i32(0), i32(1), taps)
                    value = smooth(work, i32(0), i32(1), taps)
                shared[np.uint32(at)] = value
        cuda.syncthreads()
        if not flat and not single:
            for row in range(ty, n_rows, i32(warps)):
                for place in range(tx, loaded, i32(lanes)):
                    at = i32(row * pitch + place)
                    if want_second or want_norm or has_angle:
                        shared[np.uint32(second_at + at)] = difference(shared, at, pitch, taps)
                    if want_third or want_norm or has_angle:
                        shared[np.uint32(second_at + room + at)] = smooth(shared, at, pitch, taps)
                    if deep and (want_first or want_norm):
                        shared[np.uint32(second_at + 2 * room + at)] = smooth(shared, i32(ahead + at), pitch, taps)
            cuda.syncthreads()
        scale, post, both = taps[scale_at], taps[scale_at + 1], taps[scale_at + 2]
        for row in range(ty, n_rows, i32(warps)):
            start = (z * np.int64(height) + y0 + row) * np.int64(width) + x0
            for column in range(tx, n_columns, i32(lanes)):
                at = i32(row * pitch + column)
                first = second = third = norm = zero
                if single:
                    third = difference(shared, at, distance, taps) * scale
                    norm = abs(third) * post
                elif flat:
                    a, b = shared[np.uint32(at)], shared[np.uint32(at + distance)]
                    c, d = shared[np.uint32(at + 2 * distance)], shared[np.uint32(at + pitch)]
                    e, f = shared[np.uint32(at + pitch + 2 * distance)], shared[np.uint32(at + 2 * pitch)]
                    g = shared[np.uint32(at + 2 * pitch + distance)]
                    h = shared[np.uint32(at + 2 * pitch + 2 * distance)]
                    outer, middle = taps[0] * taps[5], taps[1] * taps[5]
                    if want_norm:
                        one, other = h - a, f - c
                        along_y = cuda.fma(one + other, outer, (g - b) * middle)
                        along_x = cuda.fma(one - other, outer, (e - d) * middle)
                        norm = kind(math.sqrt(cuda.fma(along_y, along_y, along_x * along_x))) * both
                    second = cuda.fma((f - a) + (h - c), outer, (g - b) * middle) * scale
                    third = cuda.fma((c - a) + (h - f), outer, (e - d) * middle) * scale
                else:
                    second = smooth(shared, i32(second_at + at), distance, taps) * scale
                    third = difference(shared, i32(second_at + room + at), distance, taps) * scale
                    squares = second * second
                    if deep:
                        first = smooth(shared, i32(second_at + 2 * room + at), distance, taps) * scale
                        squares = cuda.fma(second, second, first * first)
                    norm = kind(math.sqrt(cuda.fma(third, third, squares))) * post
                o = start + column
                if want_norm:
                    norms[np.uint64(o)] = norm
                if unit:
                    length = norm / post
                    if length != 0:
                        first, second, third = first / length, second / length, third / length
                if has_angle:
                    parts[np.uint64(o)] = kind(math.atan2(second, third) if rows_first else math.atan2(third, second))
                if want_first:
                    parts[np.uint64(o + sizes[11])] = first
                if want_second:
                    parts[np.uint64(o + sizes[12])] = second
                if want_third:
                    parts[np.uint64(o + sizes[13])] = third

    return gradient
