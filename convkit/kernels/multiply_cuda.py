"""Products of matrices on a CUDA device, of which convolutions with channels are a kind: one loop, some ways to read factors.

A block makes a tile of results, in panels of `depth` products a sum: the panels of both factors lie in shared memory, with
neighbouring rows (of a) and columns (of b) side by side, so that each thread reads its part of them as vectors of 16 bytes.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import SIMULATED, cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.simd_cuda import VECTOR, copy_vector

# How the factors are read: of a correlation, weights, and samples at the pixels of the results; of the gradient of its
# weights, gradients of the results, and samples at the taps; of matrices, along the sum ("lines"), or along the rows of a and
# the columns of b ("across").
CORRELATE, PRODUCTS = ("weights", "pixels"), ("results", "taps")
# Registers of a thread: two blocks of 256 threads have room side by side.
REGISTERS = 128
# Products between two tests for the end of a panel, by the bytes of a number: with two, double precision spills registers.
AT_ONCE = {4: 2, 8: 1}
# A position that no axis reaches, nor any tap from it.
NOWHERE = -(1 << 30)
i32, u32, u64 = np.int32, np.uint32, np.uint64


class Sizes(NamedTuple):
    """What kernels are given of a product, in this order, as one tuple of whole numbers.

    Groups lie `a_group`, `b_group` apart. Rows of a lie `a_pitch` apart, and so do columns of b; those read "across" are
    neighbours, and their products lie that far apart. Rows of results lie `out_row` apart. Sums have `part` of the products.
    A convolution reads samples of an `extent`, items `item` apart, at `steps` times the pixels of the results, of all items
    one after the other; `pixels` are those of an item, a plane and a row. Pixels of the result of a correlation lie
    `out_strides` apart, items `out_item`, the first at `out_first`. The last two say whether results are rectified, and written
    as vectors.
    """

    rows: int
    columns: int
    length: int
    groups: int = 1
    part: int = 0
    a_pitch: int = 0
    a_group: int = 0
    b_pitch: int = 0
    b_group: int = 0
    extent: tuple[int, int, int] = (1, 1, 1)
    item: int = 0
    pixels: tuple[int, int, int] = (1, 1, 1)
    steps: tuple[int, int, int] = (1, 1, 1)
    out_item: int = 0
    out_row: int = 0
    out_first: int = 0
    out_strides: tuple[int, int, int] = (1, 1, 1)
    rectify: int = 0
    by_vectors: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """All of them in a row."""
        return tuple(n for field in self for n in (field if isinstance(field, tuple) else (field,)))


class Tile(NamedTuple):
    """A block of `across` x `down` threads, each with `rows` x `columns` results, and panels of `depth` products."""

    across: int
    down: int
    rows: int
    columns: int
    depth: int

    @property
    def high(self) -> int:
        """Rows of results of a block."""
        return self.down * self.rows

    @property
    def wide(self) -> int:
        """Columns of results of a block, no more than it has threads."""
        return self.across * self.columns

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.across * self.down


@cuda_helper
def pixel_of(p, numbers):
    """Item, plane, row and column of a pixel, where `numbers` are those of an item, a plane and a row."""
    item = i32(u32(p) // u32(numbers[0]))
    p = i32(p - item * numbers[0])
    plane = i32(u32(p) // u32(numbers[1]))
    p = i32(p - plane * numbers[1])
    row = i32(u32(p) // u32(numbers[2]))
    return item, plane, row, i32(p - row * numbers[2])


@cuda_helper
def sample_at(x, start, corner, tap, extent, nothing):
    """The sample that a tap (offset, plane, row, column) meets from the `corner` at `start`, or nothing beyond the edges."""
    inside = u32(i32(corner[0] + tap[1])) < u32(extent[0])
    inside = inside and u32(i32(corner[1] + tap[2])) < u32(extent[1])
    inside = inside and u32(i32(corner[2] + tap[3])) < u32(extent[2])
    return x[u32(i32(start + tap[0]))] if inside else nothing


@cache
def multiply(tile, work, form):
    """Kernel for a tile of results in arithmetic of the dtype `work`, its factors read by the `form`."""
    return cuda_kernel(multiply_body(tile, work, form), REGISTERS)


def multiply_body(tile, work, form):
    """The plain function of the kernel ``(a, b, tables, bias, out, sizes)``, arrays flat, of numbers that 32 bits count.

    `sizes` are those of `Sizes`; the blocks of the grid are (columns, rows, groups and parts of the sums). The `tables` of a
    convolution hold offset, plane, row and column of each tap of each channel, and then, of a correlation, where each weight
    of a row lies. To a correlation ``bias`` is added, a number a row; other results are the sums, part after part.
    """
    from numba import from_dtype

    across, down, rows, columns, depth = tile
    high, wide, threads = tile.high, tile.wide, tile.threads
    correlates, products = form == CORRELATE, form == PRODUCTS
    a_across, b_across = form[0] == "across", form[1] == "across"
    number, at_once = from_dtype(np.dtype(work)), AT_ONCE[np.dtype(work).itemsize]
    vector = VECTOR // np.dtype(work).itemsize
    pitch_a, pitch_b = high + vector, wide + vector
    held, size_a, size_b = rows * columns, depth * pitch_a, depth * pitch_b
    turns_a, turns_b = depth * high // threads, depth * wide // threads
    vectors_a, vectors_b = rows // vector, columns // vector

    def multiply(a, b, tables, bias, out, sizes):
        n_rows, n_columns, length = i32(sizes[0]), i32(sizes[1]), i32(sizes[2])
        groups, a_pitch, b_pitch = i32(sizes[3]), i32(sizes[5]), i32(sizes[7])
        extent = i32(sizes[9]), i32(sizes[10]), i32(sizes[11])
        pixels = i32(sizes[13]), i32(sizes[14]), i32(sizes[15])
        zero, nothing = i32(0), number(0)
        if SIMULATED:  # where memory has no alignment, and what one line asks for is one array
            panel_a = cuda.shared.array(size_a, number)
            panel_b = cuda.shared.array(size_b, number)
        else:
            panel_a = cuda.shared.array(size_a, number, alignment=VECTOR)
            panel_b = cuda.shared.array(size_b, number, alignment=VECTOR)
        rank = i32(cuda.threadIdx.x)
        tx, ty = i32(u32(rank) % u32(across)), i32(u32(rank) // u32(across))
        m0, n0 = i32(cuda.blockIdx.y * high), i32(cuda.blockIdx.x * wide)
        part = i32(u32(cuda.blockIdx.z) // u32(groups))
        group = i32(cuda.blockIdx.z - part * groups)
        first_a, first_b = i32(group * sizes[6]), i32(group * sizes[8])
        first = i32(part * sizes[4])
        last = i32(min(length, i32(first + sizes[4])))
        sums = cuda.local.array(held, number)
        some_a, some_b = cuda.local.array(rows, number), cuda.local.array(columns, number)
        tap = cuda.local.array(4, i32)
        for i in range(held):
            sums[i] = nothing
        # Threads whose products are neighbours, and those whose rows or columns are.
        k_lane, k_warp = i32(u32(rank) % u32(depth)), i32(u32(rank) // u32(depth))
        a_lane, a_warp = i32(u32(rank) % u32(high)), i32(u32(rank) // u32(high))
        b_lane, b_warp = i32(u32(rank) % u32(wide)), i32(u32(rank) // u32(wide))
        start, corner = zero, (i32(NOWHERE), zero, zero)
        if correlates and i32(n0 + b_lane) < n_columns:
            item, z, y, x = pixel_of(i32(n0 + b_lane), pixels)
            corner = i32(z * sizes[16]), i32(y * sizes[17]), i32(x * sizes[18])
            start = i32(first_b + item * sizes[12] + (corner[0] * extent[1] + corner[1]) * extent[2] + corner[2])
        for k0 in range(first, last, i32(depth)):
            here = i32(k0 + k_lane)
            if products:
                start, corner = zero, (i32(NOWHERE), zero, zero)
                if here < last:
                    item, z, y, x = pixel_of(here, pixels)
                    corner = i32(z * sizes[16]), i32(y * sizes[17]), i32(x * sizes[18])
                    start = i32(first_b + item * sizes[12] + (corner[0] * extent[1] + corner[1]) * extent[2] + corner[2])
            cuda.syncthreads()
            if a_across:
                at = i32(first_a + (k0 + a_warp) * a_pitch + m0 + a_lane)
                for j in range(turns_a):
                    value = nothing
                    if i32(j * (threads // high)) < i32(last - k0 - a_warp) and i32(m0 + a_lane) < n_rows:
                        value = a[u32(at)]
                    panel_a[u64(i32(a_warp * pitch_a + a_lane)) + u64(j * (threads // high) * pitch_a)] = value
                    at = i32(at + (threads // high) * a_pitch)
            else:
                at = here
                if here < last:
                    if correlates:
                        at = tables[u32(i32(4 * length + here))]
                    elif products:
                        at = i32(item * sizes[19] + here - item * pixels[0])
                at = i32(at + first_a + (m0 + k_warp) * a_pitch)
                for j in range(turns_a):
                    value = nothing
                    if here < last and i32(j * (threads // depth)) < i32(n_rows - m0 - k_warp):
                        value = a[u32(at)]
                    panel_a[u64(i32(k_lane * pitch_a + k_warp)) + u64(j * (threads // depth))] = value
                    at = i32(at + (threads // depth) * a_pitch)
            if correlates or b_across:
                at = i32(first_b + (k0 + b_warp) * b_pitch + n0 + b_lane)
                for j in range(turns_b):
                    value = nothing
                    if i32(j * (threads // wide)) < i32(last - k0 - b_warp):
                        if correlates:
                            copy_vector(tables, u64(i32(4 * (k0 + b_warp))) + u64(4 * j * (threads // wide)), tap, u32(0))
                            value = sample_at(b, start, corner, tap, extent, nothing)
                        elif i32(n0 + b_lane) < n_columns:
                            value = b[u32(at)]
                    panel_b[u64(i32(b_warp * pitch_b + b_lane)) + u64(j * (threads // wide) * pitch_b)] = value
                    at = i32(at + (threads // wide) * b_pitch)
            else:
                at = i32(first_b + (n0 + k_warp) * b_pitch + here)
                for j in range(turns_b):
                    value = nothing
                    if i32(j * (threads // depth)) < i32(n_columns - n0 - k_warp):
                        if products:
                            copy_vector(tables, u64(i32(4 * (n0 + k_warp))) + u64(4 * j * (threads // depth)), tap, u32(0))
                            value = sample_at(b, start, corner, tap, extent, nothing)
                        elif here < last:
                            value = b[u32(at)]
                    panel_b[u64(i32(k_lane * pitch_b + k_warp)) + u64(j * (threads // depth))] = value
                    at = i32(at + (threads // depth) * b_pitch)
            cuda.syncthreads()
            for k in range(zero, i32(min(i32(depth), i32(last - k0))), i32(at_once)):
                place_a, place_b = u64(i32(k * pitch_a + ty * vector)), u64(i32(k * pitch_b + tx * vector))
                for j in range(at_once):
                    for i in range(vectors_a):
                        copy_vector(panel_a, place_a + u64(j * pitch_a + i * down * vector), some_a, u32(i * vector))
                    for i in range(vectors_b):
                        copy_vector(panel_b, place_b + u64(j * pitch_b + i * across * vector), some_b, u32(i * vector))
                    for r in range(rows):
                        for c in range(columns):
                            sums[r * columns + c] += some_a[r] * some_b[c]
        if correlates:
            # NaN is not below zero: it stays.
            least = nothing if sizes[25] else number(-np.inf)
            for r in range(rows):
                m = i32(m0 + (r // vector * down + ty) * vector + r % vector)
                if m < n_rows:
                    plus = bias[u32(i32(group * n_rows + m))]
                    for c in range(columns):
                        value = sums[r * columns + c] + plus
                        sums[r * columns + c] = least if value < least else value
        channel, item_pitch = i32(sizes[20]), i32(sizes[19])
        top, rest = i32((cuda.blockIdx.z * n_rows + m0 + ty * vector) * channel), i32(n_rows - m0 - ty * vector)
        if sizes[26]:
            for j in range(vectors_b):
                n = i32(n0 + (j * across + tx) * vector)
                where = i32(top + n)
                if correlates:
                    where = i32(where + i32(u32(n) // u32(pixels[0])) * i32(item_pitch - pixels[0]))
                for r in range(rows):
                    m = r // vector * down * vector + r % vector
                    if n < n_columns and i32(m) < rest:
                        copy_vector(sums, u32(r * columns + j * vector), out, u32(i32(where + m * channel)))
        else:
            for c in range(columns):
                n = i32(n0 + (c // vector * across + tx) * vector + c % vector)
                where = i32(top + n)
                if correlates:
                    item, z, y, x = pixel_of(n, pixels)
                    where = i32(top + sizes[21] + item * item_pitch + z * sizes[22] + y * sizes[23] + x * sizes[24])
                for r in range(rows):
                    m = r // vector * down * vector + r % vector
                    if n < n_columns and i32(m) < rest:
                        out[u32(i32(where + m * channel))] = sums[r * columns + c]

    return multiply
