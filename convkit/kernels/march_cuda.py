"""Both passes of separable weights at once on a CUDA device: blocks that march down the rows of their columns."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel
from convkit.kernels.correlate_cuda import i32, source_of

# Numbers that kernels are given in this order.
SIZES = ("planes", "rows of out that a block marches down", "rows of x", "columns of x", "taps down", "taps across",
         "pitch of samples in shared memory", "rows of the ring", "samples before the rows", "samples before the columns",
         "rows of out", "columns of out", "where the sources beyond the columns begin")
# Registers of a thread, by the bytes of a number: seven blocks of 128 threads then have room side by side, and nothing spills.
REGISTERS = {4: 72, 8: 72, 16: 88}


class March(NamedTuple):
    """A block of `lanes` x `warps` threads that marches `high` rows at a time, `length` results a thread in each pass."""

    lanes: int
    warps: int
    high: int
    length: int

    @property
    def wide(self) -> int:
        """Columns of results of a block."""
        return self.lanes * self.warps * self.length // self.high

    @property
    def block(self) -> tuple[int, int]:
        """Threads of a block."""
        return self.lanes, self.warps

    def pitch(self, taps: int) -> int:
        """Numbers in a row of samples in shared memory: an odd number, so that neighbouring rows lie in other banks."""
        return (self.wide + taps - 1) | 1

    def ring(self, taps: int) -> int:
        """Rows in the ring: those that the taps reach from the rows of one step, in whole steps."""
        return -(-(taps - 1 + self.high) // self.high) * self.high

    def shared(self, taps: tuple[int, int], size: int) -> int:
        """Bytes of shared memory for rows of samples, the ring of row passes, and the taps down and across."""
        return size * (self.high * self.pitch(taps[1]) + self.ring(taps[0]) * (self.wide | 1) + sum(taps))


@cache
def correlate_march(march, work):
    """Kernels that compute both passes, for samples of the dtype `work` and of others."""
    return {same: cuda_kernel(march_body(march, work, same), REGISTERS[np.dtype(work).itemsize]) for same in (True, False)}


def march_body(march, work, same):
    """The plain function of the kernel ``(x, beyond, w, out, sizes)``, all arrays flat, `sizes` as in `SIZES`.

    `beyond` holds the sources of what lies before and after the rows and the columns, for `source_of`. `w` holds the taps
    across, those down, the value beyond the columns, and the one beyond the rows after the pass across.
    """
    from numba import from_dtype

    lanes, warps, high, length = march
    wide, threads, line = march.wide, lanes * warps, march.wide | 1
    number = from_dtype(np.dtype(work))

    def correlate(x, beyond, w, out, sizes):
        depth, strip, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2]), i32(sizes[3])
        kh, kw, pitch, ring_rows = i32(sizes[4]), i32(sizes[5]), i32(sizes[6]), i32(sizes[7])
        before_y, before_x, out_height, out_width = i32(sizes[8]), i32(sizes[9]), i32(sizes[10]), i32(sizes[11])
        first_column, zero = i32(sizes[12]), i32(0)
        ahead_y, ahead_x = i32(max(before_y, zero)), i32(max(before_x, zero))
        shared = cuda.shared.array(0, number)
        tx, ty = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        rank = i32(ty * lanes + tx)
        x0, y0 = i32(cuda.blockIdx.x * wide), i32(cuda.blockIdx.y * strip)
        rows = i32(min(strip, i32(out_height - y0)))
        n_columns = i32(min(i32(wide), i32(out_width - x0)) + kw - 1)
        first_x = i32(x0 - before_x)
        inside = first_x >= 0 and i32(first_x + n_columns) <= width
        ring = i32(high * pitch)
        turn = i32(ring_rows * line)
        taps_x = i32(ring + turn)
        taps_y = i32(taps_x + kw)
        for i in range(rank, i32(kw + kh), i32(threads)):
            shared[np.uint32(taps_x + i)] = w[np.uint32(i)]
        fill, fill_rows = w[np.uint32(kw + kh)], w[np.uint32(kw + kh + 1)]
        # Across, neighbouring threads have neighbouring rows; down, neighbouring columns: their numbers lie in different banks.
        row, left = i32(rank % high), i32(rank // high * length)
        column, upper = i32(rank % wide), i32(rank // wide * length)
        sums = cuda.local.array(length, number)
        window = cuda.local.array(length, number)
        for z in range(i32(cuda.blockIdx.z), depth, i32(cuda.gridDim.z)):
            slot = zero
            for top in range(zero, i32(rows + kh - 1), i32(high)):
                n_rows = i32(min(i32(high), i32(rows + kh - 1 - top)))
                first_y = i32(y0 + top - before_y)
                for r in range(ty, n_rows, i32(warps)):
                    source_y = source_of(i32(first_y + r), height, ahead_y, beyond, zero)
                    start = (z * height + source_y) * np.int64(width)
                    if same and inside and source_y >= 0:
                        for c in range(tx, n_columns, i32(lanes)):
                            shared[np.uint32(r * pitch + c)] = x[np.uint64(start + first_x + c)]
                    elif source_y >= 0:
                        for c in range(tx, n_columns, i32(lanes)):
                            source_x = source_of(i32(first_x + c), width, ahead_x, beyond, first_column)
                            value = fill
                            if source_x >= 0:
                                value = number(x[np.uint64(start + source_x)])
                            shared[np.uint32(r * pitch + c)] = value
                cuda.syncthreads()
                if row < n_rows:
                    if source_of(i32(first_y + row), height, ahead_y, beyond, zero) >= 0:
                        place = i32(row * pitch + left)
                        for r in range(length):
                            sums[r] = 0
                        for r in range(length - 1):
                            window[r] = shared[np.uint32(place + r)]
                        for kx in range(zero, kw, i32(length)):
                            for j in range(length):
                                if i32(kx + j) < kw:
                                    tap = shared[np.uint32(taps_x + kx + j)]
                                    window[(j + length - 1) % length] = shared[np.uint32(place + j + length - 1)]
                                    for r in range(length):
                                        sums[r] += tap * window[(r + j) % length]
                            place = i32(place + length)
                    else:
                        for r in range(length):
                            sums[r] = fill_rows
                    place = i32(ring + (slot + row) * line + left)
                    for r in range(length):
                        shared[np.uint32(place + r)] = sums[r]
                cuda.syncthreads()
                # The first result whose last row has come in this step, counted from the first of the strip.
                y = i32(top + 1 - kh + upper)
                if i32(top + high) >= kh and i32(x0 + column) < out_width:
                    from_row = i32(slot + 1 - kh + upper)
                    if from_row < 0:
                        from_row = i32(from_row + ring_rows)
                    place = i32(ring + from_row * line + column)
                    for r in range(length):
                        sums[r] = 0
                    for r in range(length - 1):
                        window[r] = shared[np.uint32(place)]
                        place = i32(place + line)
                        if place >= taps_x:
                            place = i32(place - turn)
                    at = taps_y
                    for ky in range(zero, kh, i32(length)):
                        for j in range(length):
                            if i32(ky + j) < kh:
                                tap = shared[np.uint32(at + j)]
                                window[(j + length - 1) % length] = shared[np.uint32(place)]
                                place = i32(place + line)
                                if place >= taps_x:
                                    place = i32(place - turn)
                                for r in range(length):
                                    sums[r] += tap * window[(r + j) % length]
                        at = i32(at + length)
                    start = (z * out_height + y0 + y) * np.int64(out_width) + x0 + column
                    for r in range(length):
                        if i32(y + r) >= 0 and i32(y + r) < rows:
                            out[np.uint64(start + r * np.int64(out_width))] = sums[r]
                slot = i32(slot + high)
                if slot == ring_rows:
                    slot = zero

    return correlate
