"""Medians of small windows on a CUDA device, in registers; arrays are flat."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel

u32, u64 = np.uint32, np.uint64


@cuda_helper
def _smaller(a, b):
    """Whether a comes before b or beside it; NaN comes after all numbers."""
    return a <= b or b != b


def _read(window, t):
    """Device function: sample number t of a window that begins at a place of x."""
    _, high, wide = window
    plane, line, column = (u32(n) for n in (t // (high * wide), t // wide % high, t % wide))

    def read(x, start, tall, pitch, step):
        return x[u64(u32(start + u32(u32(u32(plane * tall) + line) * pitch) + u32(column * step)))]

    return cuda_helper(read)


def _narrowed(window, number):
    """Device function: the median in the middle of three, where `number` values and the samples not yet read hold it.

    The least and the greatest of more than half of the samples cannot be the median: they go, and the next sample comes.
    """
    last = number - 1

    def settle(values):
        for j in range(1, number):
            a, b = values[0], values[j]
            first = _smaller(a, b)
            values[0], values[j] = a if first else b, b if first else a
        for j in range(1, last):
            a, b = values[j], values[last]
            first = _smaller(a, b)
            values[j], values[last] = a if first else b, b if first else a

    settle = cuda_helper(settle)
    if number == 3:
        return cuda_helper(lambda values, x, start, tall, pitch, step: settle(values))
    count = math.prod(window)
    read, rest = _read(window, 2 * (count // 2 + 2) - number), _narrowed(window, last)

    def narrowed(values, x, start, tall, pitch, step):
        settle(values)
        values[0] = read(x, start, tall, pitch, step)
        rest(values, x, start, tall, pitch, step)

    return cuda_helper(narrowed)


def median_body(window, dtype):
    """The plain function of the kernel ``(x, out, sizes)``: the middle one of an odd number of samples around each, above 1.

    `window` = (planes, rows, columns). ``x`` is extended by what the windows reach beyond the edges. `sizes` = (rows of out,
    numbers in a row of out, rows of x, numbers in a row of x, numbers from one sample to the next).
    """
    from numba import from_dtype

    number = from_dtype(np.dtype("float32" if dtype == "float16" else dtype))
    _, high, wide = window
    most, plane = math.prod(window) // 2 + 2, high * wide
    narrowed = _narrowed(window, most)

    def median(x, out, sizes):
        i = u64(cuda.grid(1))
        if i < u64(out.size):
            rows, width, tall, pitch, step = u32(sizes[0]), u32(sizes[1]), u32(sizes[2]), u32(sizes[3]), u32(sizes[4])
            row = u32(u32(i) // width)
            column = u32(u32(i) - u32(row * width))
            z = u32(row // rows)
            y = u32(row - u32(z * rows))
            start = u32(u32(u32(u32(z * tall) + y) * pitch) + column)
            values = cuda.local.array(most, number)
            for t in range(most):
                line = u32(u32(t // plane) * tall + u32(t % plane // wide))
                values[t] = number(x[u64(u32(start + u32(line * pitch) + u32(u32(t % wide) * step)))])
            narrowed(values, x, start, tall, pitch, step)
            out[i] = values[1]

    return median


@cache
def median(window, dtype):
    """Kernel of medians; see `median_body`."""
    return cuda_kernel(median_body(window, dtype))
