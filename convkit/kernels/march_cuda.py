"""Both passes of separable weights at once on a CUDA device: blocks that march down the rows of their columns."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import SIMULATED, cuda
from convkit._core.jit import cuda_kernel
from convkit.kernels.correlate_cuda import READS, source_of
from convkit.kernels.simd_cuda import VECTOR, copy_vector, fetch_vector, fetched
from convkit.kernels.slide_cuda import across, down

# Numbers that kernels are given in this order.
SIZES = ("planes", "rows of out that a block marches down", "rows of x", "columns of x", "taps down", "taps across",
         "pitch of samples in shared memory", "rows of the ring", "samples before the rows", "samples before the columns",
         "rows of out", "columns of out", "where the sources beyond the columns begin")
# Registers of a thread, by the bytes of a number: as many blocks find them as have room in shared memory for 31 taps.
REGISTERS = {4: 160, 8: 96, 16: 128}
i32, u32, u64 = np.int32, np.uint32, np.uint64


class March(NamedTuple):
    """A block of `lanes` x `warps` threads that marches `high` rows of `wide` results at a time.

    A thread has `rows` rows of two vectors side by side in the pass across, and `length` rows, a power of two, in the pass
    down.
    """

    lanes: int
    warps: int
    high: int
    wide: int
    rows: int
    length: int

    @property
    def block(self) -> tuple[int, int]:
        """Threads of a block."""
        return self.lanes, self.warps

    @property
    def columns(self) -> int:
        """Columns of results of a thread in the pass down."""
        return self.high * self.wide // (self.lanes * self.warps * self.length)

    def line(self, size: int) -> int:
        """Numbers of `size` bytes in a row of the ring: an odd number of vectors, so that its rows begin in other banks."""
        return self._odd(self.wide, size)

    def pitch(self, taps: int, size: int) -> int:
        """Numbers in a row of samples in shared memory, likewise, from the vector that holds the first."""
        vector = VECTOR // size
        return self._odd(self.wide + (vector + taps - 2) // vector * vector + vector, size)

    def _odd(self, numbers: int, size: int) -> int:
        vector = VECTOR // size
        return (-(-numbers // vector) | 1) * vector

    def ring(self, taps: int) -> int:
        """Rows in the ring: those that the taps reach from the rows of one step, in whole steps."""
        return -(-(taps - 1 + self.high) // self.high) * self.high

    def shared(self, taps: tuple[int, int], size: int) -> int:
        """Bytes of shared memory for rows of samples, the ring of row passes, and the taps down and across."""
        return size * (self.high * self.pitch(taps[1], size) + self.ring(taps[0]) * self.line(size) + sum(taps))


@cache
def correlate_march(march, work):
    """Kernels that compute both passes in arithmetic of the dtype `work`, one for each of `READS`."""
    return {reads: cuda_kernel(march_body(march, work, reads), REGISTERS[np.dtype(work).itemsize]) for reads in READS}


def march_body(march, work, reads):
    """The plain function of the kernel ``(x, beyond, w, out, sizes)``, all arrays flat, `sizes` as in `SIZES`.

    `beyond` holds the sources of what lies before and after the rows and the columns, for `source_of`. `w` holds the taps
    across, those down, the value beyond the columns, and the one beyond the rows after the pass across. Where it `reads`
    vectors, each row of x begins at a multiple of 16 bytes.
    """
    from numba import from_dtype

    lanes, warps, high, wide, rows, length = march
    size = np.dtype(work).itemsize
    vector, threads, line, columns = VECTOR // size, lanes * warps, march.line(size), march.columns
    side, apart, turn, groups = 2 * vector, wide // columns, 3 * vector, high // rows
    if threads * rows * side != high * wide or threads * length * columns != high * wide:
        raise ValueError(f"{march} does not share {high} rows of {wide} results among its threads")
    number = from_dtype(np.dtype(work))
    in_place, by_vectors = reads == "numbers", reads == "vectors"
    held, held_down, window_rows, window_down = rows * side, length * columns, rows * turn, length * columns
    along, all_along = (across(rows, work, full) for full in (False, True))
    fall, whole_fall = (down(length, columns, apart, line, work, full) for full in (False, True))

    def correlate(x, beyond, w, out, sizes):
        depth, strip, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2]), i32(sizes[3])
        kh, kw, pitch, ring_rows = i32(sizes[4]), i32(sizes[5]), i32(sizes[6]), i32(sizes[7])
        before_y, before_x, out_height, out_width = i32(sizes[8]), i32(sizes[9]), i32(sizes[10]), i32(sizes[11])
        first_column, zero = i32(sizes[12]), i32(0)
        ahead_y, ahead_x = i32(max(before_y, zero)), i32(max(before_x, zero))
        if SIMULATED:  # where memory has no alignment
            shared = cuda.shared.array(0, number)
        else:
            shared = cuda.shared.array(0, number, alignment=VECTOR)
        tx, ty = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        rank = u32(ty * lanes + tx)
        x0, y0 = i32(cuda.blockIdx.x * wide), i32(cuda.blockIdx.y * strip)
        last = i32(min(strip, i32(out_height - y0)) + kh - 1)
        n_columns = i32(min(i32(wide), i32(out_width - x0)) + kw - 1)
        first_x = i32(x0 - before_x)
        # From the multiple of 16 bytes before the first sample on.
        shift = i32(first_x & (vector - 1)) if by_vectors else zero
        inside = first_x >= 0 and i32(first_x + n_columns) <= width
        ring = i32(high * pitch)
        taps_x = i32(ring + ring_rows * line)
        taps_y = i32(taps_x + kw)
        for i in range(i32(rank), i32(kw + kh), i32(threads)):
            shared[u32(taps_x + i)] = w[u32(i)]
        # Across, neighbouring threads have neighbouring rows, and then every other place in them; down, neighbouring columns:
        # their numbers lie in different banks.
        row, left = i32(rank % u32(groups)), i32(rank // u32(groups) * u32(2 * side))
        if left >= wide:
            left = i32(left + side - wide)
        column, upper = i32(rank % u32(apart)), i32(rank // u32(apart) * u32(length))
        # Taps down meet samples from a multiple of `length` rows on: the first of them `lead` rows later.
        lead = i32((1 - kh) & (length - 1))
        # Vectors of a row, of which the first and those of a whole block further on are this thread's.
        several = i32(u32(shift + n_columns + vector - 1) // u32(vector))
        first_row, first_group = i32(rank // u32(several)), i32(rank % u32(several))
        more_rows, more_groups = i32(u32(threads) // u32(several)), i32(u32(threads) % u32(several))
        on_x, on = more_rows * np.int64(width) + more_groups * vector, i32(more_rows * pitch + more_groups * vector)
        wrap_x, wrap = i32(width - several * vector), i32(pitch - several * vector)
        sums, window = cuda.local.array(held, number), cuda.local.array(window_rows, number)
        totals, fallen = cuda.local.array(held_down, number), cuda.local.array(window_down, number)
        for z in range(i32(cuda.blockIdx.z), depth, i32(cuda.gridDim.z)):
            slot = zero
            # One turn more than there are steps: each reads the rows of the next one while it goes down the ring.
            for top in range(i32(-high), last, i32(high)):
                if top >= 0:
                    fetched()
                    cuda.syncthreads()
                    for r in range(held):
                        sums[r] = 0
                    begun = u64(i32(row * pitch + left))
                    for r in range(rows):
                        copy_vector(shared, begun + u64(i32(r * groups * pitch)), window, u32(r * turn))
                        copy_vector(shared, begun + u64(i32(r * groups * pitch + vector)), window, u32(r * turn + vector))
                    for first in range(zero, i32(shift + kw), i32(turn)):
                        near, far = i32(shift - first), i32(min(i32(turn), i32(shift + kw - first)))
                        at, place = u64(i32(taps_x + first - shift)), begun + u64(first)
                        if near <= 0 and far == turn:
                            all_along(shared, place, u64(i32(groups * pitch)), at, near, far, sums, window)
                        else:
                            along(shared, place, u64(i32(groups * pitch)), at, near, far, sums, window)
                    for r in range(rows):
                        of_row = i32(y0 + top + row + r * groups - before_y)
                        outside = of_row < 0 or of_row >= height
                        # Rows past the last that is needed have no source.
                        outside = outside and i32(top + row + r * groups) < last
                        if outside and source_of(of_row, height, ahead_y, beyond, zero) < 0:
                            for c in range(side):
                                sums[r * side + c] = w[u32(kw + kh + 1)]
                        place = u64(i32(ring + (slot + row + r * groups) * line + left))
                        copy_vector(sums, u32(r * side), shared, place)
                        copy_vector(sums, u32(r * side + vector), shared, place + u64(vector))
                    cuda.syncthreads()
                first_y = i32(y0 + top + high - before_y)
                if by_vectors and inside and first_y >= 0 and i32(first_y + high) <= height:
                    if i32(top + high) < last:
                        r, group = first_row, first_group
                        start = (z * height + first_y + r) * np.int64(width) + first_x - shift + group * vector
                        place = i32(r * pitch + group * vector)
                        while r < high:
                            fetch_vector(x, u64(start), shared, u32(place))
                            r, group = i32(r + more_rows), i32(group + more_groups)
                            start, place = start + on_x, i32(place + on)
                            if group >= several:
                                r, group = i32(r + 1), i32(group - several)
                                start, place = start + wrap_x, i32(place + wrap)
                elif i32(top + high) < last:
                    for r in range(ty, i32(high), i32(warps)):
                        source_y = i32(-1)
                        if i32(top + high + r) < last:
                            source_y = source_of(i32(first_y + r), height, ahead_y, beyond, zero)
                        start = (z * height + source_y) * np.int64(width)
                        if in_place and inside and source_y >= 0:
                            for c in range(tx, n_columns, i32(lanes)):
                                shared[u32(i32(r * pitch + c))] = x[u64(start + first_x + c)]
                        else:
                            fill = w[u32(kw + kh)]
                            for c in range(tx, n_columns, i32(lanes)):
                                source_x = source_of(i32(first_x + c), width, ahead_x, beyond, first_column)
                                value = fill
                                if source_x >= 0 and source_y >= 0:
                                    value = number(x[u64(start + source_x)])
                                shared[u32(i32(r * pitch + shift + c))] = value
                # The first result whose last row has come in this step, counted from the first of the strip.
                y = i32(top + 1 - kh + upper)
                if top >= 0 and i32(top + high) >= kh:
                    for r in range(held_down):
                        totals[r] = 0
                    place = i32(slot + 1 - kh + upper - lead)
                    if place < 0:
                        place = i32(place + ring_rows)
                    place = i32(ring + place * line + column)
                    for r in range(length - 1):
                        for c in range(columns):
                            fallen[r * columns + c] = shared[u64(place) + u64(r * line + c * apart)]
                    for first in range(zero, i32(lead + kh), i32(length)):
                        following = i32(place + length * line)
                        if following >= taps_x:
                            following = i32(following - ring_rows * line)
                        near, far = i32(lead - first), i32(min(i32(length), i32(lead + kh - first)))
                        at = u64(i32(taps_y + first - lead))
                        if near <= 0 and far == length:
                            whole_fall(shared, u64(place), u64(following), at, near, far, totals, fallen)
                        else:
                            fall(shared, u64(place), u64(following), at, near, far, totals, fallen)
                        place = following
                    start = (z * out_height + y0 + y) * np.int64(out_width) + x0 + column
                    for r in range(length):
                        if i32(y + r) >= 0 and i32(y + r) <= i32(last - kh):
                            for c in range(columns):
                                if i32(x0 + column + c * apart) < out_width:
                                    out[u64(start + r * np.int64(out_width) + c * apart)] = totals[r * columns + c]
                if top >= 0:
                    slot = i32(slot + high)
                    if slot == ring_rows:
                        slot = zero

    return correlate
