"""Copies between places of four axes on a CUDA device, by tiles; arrays are flat.

Kernels take ``(x, out, sizes, x_first, x_steps, out_first, out_steps)``: the lengths of the axes, and for either side the first
place and how far a step along each axis leads. Short rows are left to `arrays_cuda.move`, which divides for every number.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel

# Registers of a thread, by the bytes of a number, that turns a tile or copies rows.
REGISTERS = dict.fromkeys((1, 2, 4, 8, 16), 32)
ROW_REGISTERS = {1: 48, 2: 48, 4: 40, 8: 40, 16: 64}
i32, u32, u64 = np.int32, np.uint32, np.uint64


class Turn(NamedTuple):
    """A tile of `wide` squared numbers, which a block of `wide` x `rows` threads turns."""

    wide: int
    rows: int


class Rows(NamedTuple):
    """A tile of `threads` times `across` columns and of `down` rows, which so many threads copy."""

    threads: int
    across: int
    down: int


@cuda_helper
def corner(sizes, high, wide):
    """Places along the four axes at which a block's tile begins: `wide` along the last axis, `high` along the third."""
    across = i32(i32(sizes[3] + wide - 1) // i32(wide))
    downs = i32(i32(sizes[2] + high - 1) // i32(high))
    block = i32(cuda.blockIdx.x)
    j = i32(block // across)
    z = i32(j // downs)
    outer = i32(z // i32(sizes[1]))
    return outer, i32(z - i32(outer * i32(sizes[1]))), i32(i32(j - i32(z * downs)) * i32(high)), \
        i32(i32(block - i32(j * across)) * i32(wide))


def turn_body(turn, dtype):
    """The plain function of the kernel that reads x along the third axis, and writes out along the last."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    wide, rows = turn
    pitch = wide + 1
    size = wide * pitch

    def turned(x, out, sizes, x_first, x_steps, out_first, out_steps):
        tile = cuda.shared.array(size, number)
        lane, row = i32(cuda.threadIdx.x), i32(cuda.threadIdx.y)
        high, broad = i32(sizes[2]), i32(sizes[3])
        outer, inner, top, left = corner(sizes, wide, wide)
        start = x_first + outer * x_steps[0] + inner * x_steps[1]
        d = i32(top + lane)
        for k in range(i32(0), i32(wide), i32(rows)):
            a = i32(left + i32(row + k))
            if d < high and a < broad:
                tile[u32(i32(row + k) * i32(pitch) + lane)] = x[u64(start + d * x_steps[2] + a * x_steps[3])]
        cuda.syncthreads()
        start = out_first + outer * out_steps[0] + inner * out_steps[1]
        a = i32(left + lane)
        for k in range(i32(0), i32(wide), i32(rows)):
            d = i32(top + i32(row + k))
            if d < high and a < broad:
                out[u64(start + d * out_steps[2] + a * out_steps[3])] = tile[u32(lane * i32(pitch) + i32(row + k))]

    return turned


def rows_body(rows, dtype):
    """The plain function of the kernel that reads x and writes out along the last axis; all reads of a thread come first."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    threads, across, down = rows
    wide, count = threads * across, across * down

    def copied(x, out, sizes, x_first, x_steps, out_first, out_steps):
        values = cuda.local.array(count, number)
        high, broad = i32(sizes[2]), i32(sizes[3])
        outer, inner, top, left = corner(sizes, down, wide)
        left = i32(left + i32(cuda.threadIdx.x))
        start = x_first + outer * x_steps[0] + inner * x_steps[1] + top * x_steps[2] + left * x_steps[3]
        for k in range(down):
            for j in range(across):
                if i32(top + k) < high and i32(left + i32(j * threads)) < broad:
                    values[u32(k * across + j)] = x[u64(start + k * x_steps[2] + j * threads * x_steps[3])]
        start = out_first + outer * out_steps[0] + inner * out_steps[1] + top * out_steps[2] + left * out_steps[3]
        for k in range(down):
            for j in range(across):
                if i32(top + k) < high and i32(left + i32(j * threads)) < broad:
                    out[u64(start + k * out_steps[2] + j * threads * out_steps[3])] = values[u32(k * across + j)]

    return copied


@cache
def turn(shape, dtype):
    """Kernel that copies between arrays whose fastest axes differ; see `turn_body`."""
    return cuda_kernel(turn_body(shape, dtype), REGISTERS[np.dtype(dtype).itemsize])


@cache
def rows(shape, dtype):
    """Kernel that copies between arrays whose fastest axes are the same; see `rows_body`."""
    return cuda_kernel(rows_body(shape, dtype), ROW_REGISTERS[np.dtype(dtype).itemsize])
