"""The one family on a CUDA device: valid correlation of a volume with weights, tile by tile in shared memory.

Samples are seen as on the CPU: a volume (depth, rows, columns * step), of which an image and a signal are special cases.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import SIMULATED, cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.simd_cuda import VECTOR, copy_vector

# How samples away from the edges are read: converted from another dtype, as they are, or 16 bytes at a time.
READS = ("converted", "numbers", "vectors")
# Numbers that kernels are given in this order.
SIZES = ("depth of out", "tiles down", "rows of x", "columns of x", "planes of taps", "rows of taps", "columns of taps", "step",
         "pitch of samples in shared memory", "rows of taps at a time", "columns of taps at a time", "samples before the rows",
         "samples before the columns", "rows of out", "columns of out", "where the sources beyond the rows begin",
         "and those beyond the columns", "planes of x", "samples before the planes")
# Registers of a thread, by the bytes of a number: three blocks of 256 threads in single precision and two in double then have
# room side by side. With 64 and 80 some of them spill.
REGISTERS = {4: 80, 8: 112, 16: 128}
i32 = np.int32


@cuda_helper
def source_of(p, n, ahead, sources, first):
    """Where sample `p` of an axis of `n` comes from: `sources` hold it from `first` on for the `ahead` before the axis, and
    then for those after it; negative for the value beyond the edges.
    """
    if p < 0:
        return sources[np.uint32(first + p + ahead)]
    if p >= n:
        return sources[np.uint32(first + p - n + ahead)]
    return i32(p)


class Tile(NamedTuple):
    """A block of `lanes` x `warps` threads, each with `rows` x `columns` results, its columns `lanes` apart."""

    lanes: int
    warps: int
    rows: int
    columns: int

    @property
    def high(self) -> int:
        """Rows of results of a block."""
        return self.warps * self.rows

    @property
    def wide(self) -> int:
        """Columns of results of a block."""
        return self.lanes * self.columns

    @property
    def block(self) -> tuple[int, int]:
        """Threads of a block."""
        return self.lanes, self.warps

    def pitch(self, taps: int, step: int, size: int) -> int:
        """Numbers of `size` bytes in a row of samples in shared memory: a vector may begin before the first one needed."""
        vector = VECTOR // size
        return (self.wide + (taps - 1) * step + 2 * (vector - 1)) // vector * vector

    def shared(self, taps: tuple[int, int], step: int, size: int) -> int:
        """Bytes of shared memory for a tile of samples, and rows and columns of taps."""
        return size * ((self.high + taps[0] - 1) * self.pitch(taps[1], step, size) + taps[0] * taps[1])


@cache
def correlate_tiles(tile, work):
    """Kernels that compute tiles of results in arithmetic of the dtype `work`, one for each of `READS`."""
    return {reads: cuda_kernel(correlate_body(tile, work, reads), REGISTERS[np.dtype(work).itemsize]) for reads in READS}


def correlate_body(tile, work, reads):
    """The plain function of the kernel ``(x, beyond, w, out, sizes)``: a tile of results per block, all arrays flat.

    `sizes` as in `SIZES`. `beyond` holds the sources of what lies before and after planes, rows and columns, for `source_of`;
    columns count numbers.
    `w` is followed by the value beyond the edges. Where it `reads` vectors, each row of x begins at a multiple of 16 bytes.
    """
    from numba import from_dtype

    lanes, warps, rows, columns = tile
    high, wide, held = tile.high, tile.wide, rows * columns
    vector = VECTOR // np.dtype(work).itemsize
    number = from_dtype(np.dtype(work))
    in_place, by_vectors = reads != "converted", reads == "vectors"

    def correlate(x, beyond, w, out, sizes):
        # What is cast to 32 bits takes one register, and not two: with sums of 64 bits a block needs twice as many.
        depth, down, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2]), i32(sizes[3])
        kd, kh, kw, step = i32(sizes[4]), i32(sizes[5]), i32(sizes[6]), i32(sizes[7])
        pitch, most_rows, most_columns = i32(sizes[8]), i32(sizes[9]), i32(sizes[10])
        before_y, before_x, out_height, out_width = i32(sizes[11]), i32(sizes[12]), i32(sizes[13]), i32(sizes[14])
        first_row, first_column, planes, before_z = i32(sizes[15]), i32(sizes[16]), i32(sizes[17]), i32(sizes[18])
        zero = i32(0)
        ahead_z, ahead_y, ahead_x = i32(max(before_z, zero)), i32(max(before_y, zero)), i32(max(before_x, zero))
        if SIMULATED:  # where memory has no alignment
            shared = cuda.shared.array(0, number)
        else:
            shared = cuda.shared.array(0, number, alignment=VECTOR)
        tx, ty = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        x0 = i32(cuda.blockIdx.x * wide)
        panel = i32((high + most_rows - 1) * pitch)
        fill = w[kd * kh * kw]
        sums = cuda.local.array(held, number)
        window = cuda.local.array(held, number)
        # A grid has no more than 65535 blocks in these directions.
        for z in range(i32(cuda.blockIdx.z), depth, i32(cuda.gridDim.z)):
            for tile_y in range(i32(cuda.blockIdx.y), down, i32(cuda.gridDim.y)):
                y0 = i32(tile_y * high)
                for i in range(held):
                    sums[i] = 0
                for dz in range(kd):
                    source = source_of(i32(z + dz - before_z), planes, ahead_z, beyond, zero)
                    for top in range(zero, kh, most_rows):
                        tap_rows = i32(min(most_rows, i32(kh - top)))
                        n_rows = i32(min(i32(high), i32(out_height - y0)) + tap_rows - 1)
                        first_y = i32(y0 + top - before_y)
                        for left in range(zero, kw, most_columns):
                            tap_columns = i32(min(most_columns, i32(kw - left)))
                            n_columns = i32(min(i32(wide), i32(out_width - x0)) + (tap_columns - 1) * step)
                            first_x = i32(x0 + left * step - before_x)
                            shift = zero
                            cuda.syncthreads()
                            inside = source >= 0 and first_y >= 0 and i32(first_y + n_rows) <= height
                            inside = inside and first_x >= 0 and i32(first_x + n_columns) <= width
                            if by_vectors and inside:
                                # From the multiple of 16 bytes before the first sample on.
                                shift = i32(first_x & (vector - 1))
                                groups = i32((shift + n_columns + vector - 1) // vector)
                                start = (source * height + first_y) * np.int64(width) + first_x - shift
                                for row in range(ty, n_rows, i32(warps)):
                                    for group in range(tx, groups, i32(lanes)):
                                        copy_vector(x, np.uint64(start + row * width + group * vector), shared,
                                                    np.uint32(row * pitch + group * vector))
                            elif in_place and inside:
                                start = (source * height + first_y) * np.int64(width) + first_x
                                for row in range(ty, n_rows, i32(warps)):
                                    for column in range(tx, n_columns, i32(lanes)):
                                        shared[np.uint32(row * pitch + column)] = x[np.uint64(start + row * width + column)]
                            else:
                                for row in range(ty, n_rows, i32(warps)):
                                    source_y = source_of(i32(first_y + row), height, ahead_y, beyond, first_row)
                                    start = (source * height + source_y) * np.int64(width)
                                    for column in range(tx, n_columns, i32(lanes)):
                                        source_x = source_of(i32(first_x + column), width, ahead_x, beyond, first_column)
                                        value = fill
                                        if source >= 0 and source_y >= 0 and source_x >= 0:
                                            value = number(x[np.uint64(start + source_x)])
                                        shared[np.uint32(row * pitch + column)] = value
                            for row in range(ty, tap_rows, i32(warps)):
                                tap = i32((dz * kh + top + row) * kw + left)
                                for column in range(tx, tap_columns, i32(lanes)):
                                    shared[np.uint32(panel + row * tap_columns + column)] = w[np.uint32(tap + column)]
                            cuda.syncthreads()
                            for kx in range(tap_columns):
                                # Samples of `rows` neighbouring rows stay in registers, one of them new for every row of taps.
                                place = i32(ty * rows * pitch + shift + tx + kx * step)
                                for r in range(rows - 1):
                                    for c in range(columns):
                                        window[c * rows + r] = shared[np.uint32(place + lanes * c)]
                                    place = i32(place + pitch)
                                at = i32(panel + kx)
                                for dy in range(zero, tap_rows, i32(rows)):
                                    for j in range(rows):
                                        if i32(dy + j) < tap_rows:
                                            tap = shared[np.uint32(at)]
                                            at = i32(at + tap_columns)
                                            for c in range(columns):
                                                window[c * rows + (j + rows - 1) % rows] = shared[np.uint32(place + lanes * c)]
                                                for r in range(rows):
                                                    sums[c * rows + r] += tap * window[c * rows + (r + j) % rows]
                                            place = i32(place + pitch)
                for r in range(rows):
                    y = i32(y0 + ty * rows + r)
                    for c in range(columns):
                        column = i32(x0 + tx + lanes * c)
                        if y < out_height and column < out_width:
                            out[np.uint64((z * out_height + y) * np.int64(out_width) + column)] = sums[c * rows + r]

    return correlate
