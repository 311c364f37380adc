"""What filters make of the results of convolutions, number by number, on a CUDA device; arrays are flat.

A thread takes EACH numbers, a block apart, so that several loads are under way at once.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import SIMULATED, cuda
from convkit._core.jit import cuda_helper, cuda_kernel

EACH = 2 if SIMULATED else 4
# Registers of a thread: eight blocks of 256 reside at once.
REGISTERS = 32
u64 = np.uint64


def _first():
    return u64(u64(cuda.blockIdx.x) * u64(cuda.blockDim.x) * u64(EACH) + u64(cuda.threadIdx.x))


first = cuda_helper(_first)


def change_body(adds):
    """The plain function of the kernel ``(x, out)``: add x to out, or subtract it."""

    def change(x, out):
        i = first()
        for _ in range(EACH):
            if i < u64(out.size):
                out[i] = out[i] + x[i] if adds else out[i] - x[i]
            i = u64(i + u64(cuda.blockDim.x))

    return change


def sharpen_body(dtype):
    """The plain function of the kernel ``(x, out, factor)``: ``x + factor * (x - out)`` in place of out, smoothed samples."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))

    def sharpen(x, out, factor):
        i = first()
        for _ in range(EACH):
            if i < u64(out.size):
                value = number(x[i])
                out[i] = value + factor * (value - out[i])
            i = u64(i + u64(cuda.blockDim.x))

    return sharpen


def multiply_body(a, b, out):
    """Write products of numbers."""
    i = first()
    for _ in range(EACH):
        if i < u64(out.size):
            out[i] = a[i] * b[i]
        i = u64(i + u64(cuda.blockDim.x))


def length_body(count, dtype):
    """The plain function of the kernel ``(parts, out)``: square roots of the sums of squares of `count` arrays.

    Squares too large or too small for the dtype are those of numbers times a power of two.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    # Squares of numbers between the first two lose nothing; others are multiplied first.
    powers = (-60, 60, 100, -70) if dtype == "float32" else (-500, 500, 700, -600)
    low, high, up, down = (np.dtype(dtype).type(2.0**power) for power in powers)
    one, far_up, far_down = (np.dtype(dtype).type(value) for value in (1, 1 / up, 1 / down))

    def length(parts, out):
        i = first()
        size = u64(out.size)
        for _ in range(EACH):
            if i < size:
                values = cuda.local.array(count, number)
                most = number(0)
                for k in range(count):
                    values[k] = parts[u64(u64(k) * size + i)]
                    most = max(most, abs(values[k]))
                scale, back = one, one
                if most > high:
                    scale, back = down, far_down
                elif most < low:
                    scale, back = up, far_up
                total = number(0)
                for k in range(count):
                    part = values[k] * scale
                    total += part * part
                out[i] = math.sqrt(total) * back
            i = u64(i + u64(cuda.blockDim.x))

    return length


def mix_body(count, dtype):
    """The plain function of the kernel ``(answers, shares, out)``: sums of `count` arrays, each times its share.

    One sum for each row of `shares`; what has a share of zero takes no part.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    real = from_dtype(np.zeros(0, dtype).real.dtype)

    def mix(answers, shares, out):
        i = u64(cuda.grid(1))
        size = u64(answers.size // count)
        if i < size:
            values = cuda.local.array(count, number)
            for k in range(count):
                values[k] = answers[u64(u64(k) * size + i)]
            for row in range(shares.size // count):
                total = number(0)
                for k in range(count):
                    share = shares[u64(row * count + k)]
                    if share != real(0):
                        total += values[k] * share
                out[u64(u64(row) * size + i)] = total

    return mix


def _spread(number):
    """Device function: the difference of the eigenvalues of the symmetric matrix of ``a, b, b, c``."""
    two = number(2)

    def spread(a, b, c):
        return math.hypot(c - a, two * b)

    return cuda_helper(spread)


def eigenvalues_body(dtype):
    """The plain function of the kernel ``(elements, out)``: both eigenvalues of symmetric matrices, the larger ones first."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    spread, half = _spread(number), number(0.5)

    def eigenvalues(elements, out):
        i = u64(cuda.grid(1))
        size = u64(out.size // 2)
        if i < size:
            a, b, c = elements[i], elements[u64(size + i)], elements[u64(size + size + i)]
            middle, reach = (a + c) * half, spread(a, b, c) * half
            out[i] = middle + reach
            out[u64(size + i)] = middle - reach

    return eigenvalues


def coherence_body(dtype):
    """The plain function of the kernel ``(elements, out)``: difference of both eigenvalues over their sum, 0 over 0."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    spread, zero = _spread(number), number(0)

    def coherence(elements, out):
        i = u64(cuda.grid(1))
        size = u64(out.size)
        if i < size:
            a, b, c = elements[i], elements[u64(size + i)], elements[u64(size + size + i)]
            total = a + c
            if total != zero:
                out[i] = spread(a, b, c) / total
            else:
                out[i] = zero

    return coherence


def orientation_body(dtype):
    """The plain function of the kernel ``(elements, out)``: direction of the first eigenvector in radians."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    two, half = number(2), number(0.5)

    def orientation(elements, out):
        i = u64(cuda.grid(1))
        size = u64(out.size)
        if i < size:
            a, b, c = elements[i], elements[u64(size + i)], elements[u64(size + size + i)]
            out[i] = math.atan2(two * b, c - a) * half

    return orientation


change = cache(lambda adds: cuda_kernel(change_body(adds), REGISTERS))
sharpen = cache(lambda dtype: cuda_kernel(sharpen_body(dtype), REGISTERS))
multiply = cuda_kernel(multiply_body, REGISTERS)
length = cache(lambda count, dtype: cuda_kernel(length_body(count, dtype)))
mix = cache(lambda count, dtype: cuda_kernel(mix_body(count, dtype)))
eigenvalues = cache(lambda dtype: cuda_kernel(eigenvalues_body(dtype)))
coherence = cache(lambda dtype: cuda_kernel(coherence_body(dtype)))
orientation = cache(lambda dtype: cuda_kernel(orientation_body(dtype)))
