"""Rows of a volume, correlated along themselves, on a CUDA device: signals, and one pass of separable weights."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel
from convkit.kernels.correlate_cuda import i32, source_of

# Registers of a thread, by the bytes of a number: three blocks of 256 threads in single precision and two in double then have
# room side by side. With 64 and 80 some of them spill.
REGISTERS = {4: 80, 8: 112, 16: 128}


class Lines(NamedTuple):
    """A block of `lanes` x `across` x `down` threads, each with `length` neighbouring results of one row of `down`."""

    lanes: int
    across: int
    down: int
    length: int

    @property
    def high(self) -> int:
        """Rows of results of a block."""
        return self.down

    @property
    def wide(self) -> int:
        """Columns of results of a block."""
        return self.lanes * self.across * self.length

    @property
    def block(self) -> tuple[int, int]:
        """Threads of a block."""
        return self.lanes * self.across, self.down

    def pitch(self, taps: int, step: int, size: int) -> int:
        """Numbers in a row of samples in shared memory, those that are left out counted."""
        numbers = self.wide + taps - 1
        return numbers + numbers // self.length

    def shared(self, taps: tuple[int, int], step: int, size: int) -> int:
        """Bytes of shared memory for rows of samples, and one row of taps."""
        return size * (self.down * self.pitch(taps[1], step, size) + taps[1])


@cache
def correlate_lines(lines, work):
    """Kernels that compute rows of results, for samples of the dtype `work` and of others."""
    return {same: cuda_kernel(lines_body(lines, work, same), REGISTERS[np.dtype(work).itemsize]) for same in (True, False)}


def lines_body(lines, work, same):
    """The plain function of the kernel ``(x, beyond, w, out, sizes)``, all as those of `correlate_body` with taps of one row.

    In shared memory one number is left out after every `length`: what the lanes read then lies in different banks.
    """
    from numba import from_dtype

    lanes, across, high, length = lines
    wide, threads = lines.wide, lanes * across
    number = from_dtype(np.dtype(work))

    def correlate(x, beyond, w, out, sizes):
        depth, down, height, width = i32(sizes[0]), i32(sizes[1]), i32(sizes[2]), i32(sizes[3])
        kw, pitch, most = i32(sizes[6]), i32(sizes[8]), i32(sizes[10])
        before_y, before_x, out_height, out_width = i32(sizes[11]), i32(sizes[12]), i32(sizes[13]), i32(sizes[14])
        first_row, first_column, planes, before_z = i32(sizes[15]), i32(sizes[16]), i32(sizes[17]), i32(sizes[18])
        zero = i32(0)
        ahead_z, ahead_y, ahead_x = i32(max(before_z, zero)), i32(max(before_y, zero)), i32(max(before_x, zero))
        shared = cuda.shared.array(0, number)
        rank, ty = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        x0 = i32(cuda.blockIdx.x * wide)
        panel = i32(high * pitch)
        fill = w[kw]
        sums = cuda.local.array(length, number)
        window = cuda.local.array(length, number)
        for z in range(i32(cuda.blockIdx.z), depth, i32(cuda.gridDim.z)):
            for tile_y in range(i32(cuda.blockIdx.y), down, i32(cuda.gridDim.y)):
                y = i32(tile_y * high + ty)
                for r in range(length):
                    sums[r] = 0
                for left in range(zero, kw, most):
                    taps = i32(min(most, i32(kw - left)))
                    n_columns = i32(min(i32(wide), i32(out_width - x0)) + taps - 1)
                    first_x = i32(x0 + left - before_x)
                    source = source_of(i32(z - before_z), planes, ahead_z, beyond, zero)
                    cuda.syncthreads()
                    if y < out_height:
                        source_y = source_of(i32(y - before_y), height, ahead_y, beyond, first_row)
                        start = (source * height + source_y) * np.int64(width)
                        if same and source >= 0 and source_y >= 0 and first_x >= 0 and i32(first_x + n_columns) <= width:
                            for i in range(rank, n_columns, i32(threads)):
                                shared[np.uint32(ty * pitch + i + i // length)] = x[np.uint64(start + first_x + i)]
                        else:
                            for i in range(rank, n_columns, i32(threads)):
                                source_x = source_of(i32(first_x + i), width, ahead_x, beyond, first_column)
                                value = fill
                                if source >= 0 and source_y >= 0 and source_x >= 0:
                                    value = number(x[np.uint64(start + source_x)])
                                shared[np.uint32(ty * pitch + i + i // length)] = value
                    for i in range(i32(ty * threads + rank), taps, i32(threads * high)):
                        shared[np.uint32(panel + i)] = w[np.uint32(left + i)]
                    cuda.syncthreads()
                    place = i32(ty * pitch + rank * (length + 1))
                    for r in range(length - 1):
                        window[r] = shared[np.uint32(place + r)]
                    for kx in range(zero, taps, i32(length)):
                        for j in range(length):
                            if i32(kx + j) < taps:
                                tap = shared[np.uint32(panel + kx + j)]
                                window[(j + length - 1) % length] = \
                                    shared[np.uint32(place + j + length - 1 + (j + length - 1) // length)]
                                for r in range(length):
                                    sums[r] += tap * window[(r + j) % length]
                        place = i32(place + length + 1)
                # Through shared memory, so that neighbours write neighbours.
                cuda.syncthreads()
                for r in range(length):
                    shared[np.uint32(ty * pitch + rank * (length + 1) + r)] = sums[r]
                cuda.syncthreads()
                if y < out_height:
                    start = (z * out_height + y) * np.int64(out_width) + x0
                    for i in range(rank, i32(min(i32(wide), i32(out_width - x0))), i32(threads)):
                        out[np.uint64(start + i)] = shared[np.uint32(ty * pitch + i + i // length)]

    return correlate
