"""The one family on a CUDA device: valid correlation of a volume with weights, tile by tile in shared memory.

Samples are seen as on the CPU: a volume (depth, rows, columns * step), of which an image and a signal are special cases.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import SIMULATED, cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.simd_cuda import VECTOR, copy_vector, fetch_vector, fetched
from convkit.kernels.slide_cuda import slide

# How samples away from the edges are read: converted from another dtype, as they are, or 16 bytes at a time.
READS = ("converted", "numbers", "vectors")
# Numbers that kernels are given in this order.
SIZES = ("depth of out", "tiles down", "rows of x", "columns of x", "planes of taps", "rows of taps", "columns of taps", "step",
         "pitch of samples in shared memory", "rows of taps at a time", "columns of taps at a time", "samples before the rows",
         "samples before the columns", "rows of out", "columns of out", "where the sources beyond the rows begin",
         "and those beyond the columns", "planes of x", "samples before the planes")
# Registers of a thread, by the bytes of a number: four blocks of 128 threads have room side by side, three for complex
# numbers and integers. With fewer some of them spill.
REGISTERS = {4: 128, 8: 160, 16: 128}
i32, u32, u64 = np.int32, np.uint32, np.uint64


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
    """A block of `lanes` x `warps` threads, each with `rows` x `columns` neighbouring results: a vector of columns."""

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
        """Numbers of `size` bytes in a row of samples in shared memory, in whole vectors: from the one that holds the first."""
        vector = VECTOR // size
        return self.wide + (vector - 1 + (taps - 1) * step) // vector * vector + vector

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
    high, wide, held, threads = tile.high, tile.wide, rows * columns, lanes * warps
    # A window holds as many samples of a row as the taps of one vector meet.
    vector = VECTOR // np.dtype(work).itemsize
    across = 2 * vector if vector > 1 else 1
    room = rows * across
    if columns != vector:
        raise ValueError(f"{columns} columns of results; a vector has {vector} numbers")
    number = from_dtype(np.dtype(work))
    in_place, by_vectors = reads == "numbers", reads == "vectors"

    turn, full_turn = (slide(rows, work, full) for full in (False, True))

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
        sums = cuda.local.array(held, number)
        window = cuda.local.array(room, number)
        # A grid has no more than 65535 blocks in these directions. How often a range with such a step goes on takes a division.
        z = i32(cuda.blockIdx.z)
        while z < depth:
            tile_y = i32(cuda.blockIdx.y)
            while tile_y < down:
                y0 = i32(tile_y * high)
                for i in range(held):
                    sums[i] = 0
                for dz in range(kd):
                    source = source_of(i32(z + dz - before_z), planes, ahead_z, beyond, zero)
                    top = zero
                    while top < kh:
                        tap_rows = i32(min(most_rows, i32(kh - top)))
                        n_rows = i32(min(i32(high), i32(out_height - y0)) + tap_rows - 1)
                        first_y = i32(y0 + top - before_y)
                        left = zero
                        while left < kw:
                            tap_columns = i32(min(most_columns, i32(kw - left)))
                            n_columns = i32(min(i32(wide), i32(out_width - x0)) + (tap_columns - 1) * step)
                            first_x = i32(x0 + left * step - before_x)
                            # From the multiple of 16 bytes before the first sample on.
                            shift = i32(first_x & (vector - 1)) if by_vectors else zero
                            cuda.syncthreads()
                            inside = source >= 0 and first_y >= 0 and i32(first_y + n_rows) <= height
                            inside = inside and first_x >= 0 and i32(first_x + n_columns) <= width
                            if by_vectors and inside:
                                several = i32(u32(shift + n_columns + vector - 1) // u32(vector))
                                start = (source * height + first_y) * np.int64(width) + first_x - shift
                                # This thread's are its own vector and those of a whole block further on, row after row.
                                rank = u32(ty * lanes + tx)
                                row, group = i32(rank // u32(several)), i32(rank % u32(several))
                                more_rows, more_groups = i32(u32(threads) // u32(several)), i32(u32(threads) % u32(several))
                                start += row * np.int64(width) + group * vector
                                place = i32(row * pitch + group * vector)
                                while row < n_rows:
                                    fetch_vector(x, u64(start), shared, u32(place))
                                    row, group = i32(row + more_rows), i32(group + more_groups)
                                    start += more_rows * np.int64(width) + more_groups * vector
                                    place = i32(place + more_rows * pitch + more_groups * vector)
                                    if group >= several:
                                        row, group = i32(row + 1), i32(group - several)
                                        start += i32(width - several * vector)
                                        place = i32(place + pitch - several * vector)
                            elif in_place and inside:
                                start = (source * height + first_y) * np.int64(width) + first_x
                                for row in range(ty, n_rows, i32(warps)):
                                    for column in range(tx, n_columns, i32(lanes)):
                                        shared[np.uint32(row * pitch + column)] = x[np.uint64(start + row * width + column)]
                            else:
                                fill = w[u32(i32(kd * kh * kw))]
                                for row in range(ty, n_rows, i32(warps)):
                                    source_y = source_of(i32(first_y + row), height, ahead_y, beyond, first_row)
                                    start = (source * height + source_y) * np.int64(width)
                                    for column in range(tx, n_columns, i32(lanes)):
                                        source_x = source_of(i32(first_x + column), width, ahead_x, beyond, first_column)
                                        value = fill
                                        if source >= 0 and source_y >= 0 and source_x >= 0:
                                            value = number(x[np.uint64(start + source_x)])
                                        shared[np.uint32(row * pitch + shift + column)] = value
                            for row in range(ty, tap_rows, i32(warps)):
                                tap = i32((dz * kh + top + row) * kw + left)
                                for column in range(tx, tap_columns, i32(lanes)):
                                    shared[np.uint32(panel + row * tap_columns + column)] = w[np.uint32(tap + column)]
                            if by_vectors:
                                fetched()
                            cuda.syncthreads()
                            kx = zero
                            while kx < tap_columns:
                                # Taps that meet samples from the same vector on: those from `near` to `far` of its numbers.
                                place = i32(shift + kx * step)
                                near = i32(place & (vector - 1))
                                taken = i32(min(i32(vector - near), i32(tap_columns - kx))) if step == 1 else i32(1)
                                far = i32(near + taken)
                                at_place = u64(i32(ty * rows * pitch + place - near + tx * vector))
                                # Samples of `rows` neighbouring rows stay in registers, one row new for every row of taps.
                                for r in range(rows - 1):
                                    copy_vector(shared, at_place, window, u32(r * across))
                                    if far > 1:
                                        copy_vector(shared, at_place + u64(vector), window, u32(r * across + vector))
                                    at_place += u64(pitch)
                                at, apart = u64(i32(panel + kx - near)), u64(tap_columns)
                                for dy in range(zero, tap_rows, i32(rows)):
                                    rest = i32(tap_rows - dy)
                                    if taken == vector:
                                        full_turn(shared, at_place, u64(pitch), at, apart, near, far, rest, sums, window)
                                    else:
                                        turn(shared, at_place, u64(pitch), at, apart, near, far, rest, sums, window)
                                    at_place += u64(i32(rows * pitch))
                                    at += u64(i32(rows * tap_columns))
                                kx = i32(kx + taken)
                            left = i32(left + most_columns)
                        top = i32(top + most_rows)
                y, column = i32(y0 + ty * rows), i32(x0 + tx * vector)
                if by_vectors and i32(out_width & (vector - 1)) == 0:
                    start = (z * out_height + y) * np.int64(out_width) + column
                    left = i32(out_height - y) if column < out_width else zero
                    for r in range(rows):
                        if r < left:
                            copy_vector(sums, u32(r * columns), out, u64(start))
                        start += out_width
                else:
                    # Through shared memory, so that neighbours write neighbours.
                    cuda.syncthreads()
                    for r in range(rows):
                        copy_vector(sums, u32(r * columns), shared, u32(i32(i32(ty * rows + r) * wide + tx * vector)))
                    cuda.syncthreads()
                    for r in range(rows):
                        y = i32(y0 + ty * rows + r)
                        for c in range(columns):
                            column = i32(x0 + tx + lanes * c)
                            if y < out_height and column < out_width:
                                out[u64((z * out_height + y) * np.int64(out_width) + column)] = \
                                    shared[u32(i32(i32(ty * rows + r) * wide + tx + lanes * c))]
                tile_y = i32(tile_y + cuda.gridDim.y)
            z = i32(z + cuda.gridDim.z)

    return correlate
