"""Sums and conversions number by number on a CUDA device; arrays are flat."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel


def add_body(x, out):
    """Add x to out."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] += x[i]


add = cuda_kernel(add_body)


def extremes_body(x, out):
    """Write the least and the largest of x into ``out[0]`` and ``out[1]``, which hold the largest and the least there are."""
    least = most = x[0]
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        least, most = min(least, x[i]), max(most, x[i])
    cuda.atomic.min(out, 0, least)
    cuda.atomic.max(out, 1, most)


extremes = cuda_kernel(extremes_body)


def store_body(values, out):
    """The plain function of the kernel ``(values, out)`` for two dtypes; see `store`."""
    from numba import from_dtype

    number = np.dtype(values)
    target = from_dtype(np.dtype(out))

    def cast(values, out):
        i = cuda.grid(1)
        if i < out.size:
            out[i] = target(values[i])

    if np.dtype(out).kind not in "iu":
        return cast
    # Numbers of 64 bits are clipped to what both types hold.
    least, most = max(np.iinfo(out).min, -(2**63)), min(np.iinfo(out).max, 2**63 - 1)

    def clip(values, out):
        i = cuda.grid(1)
        if i < out.size:
            out[i] = target(min(max(values[i], least), most))

    if number.kind in "iu":
        return clip
    # The largest integers are not floats: those just above them must still saturate.
    last = np.iinfo(out).max
    low, high = number.type(least), number.type(last)

    def round_off(values, out):
        i = cuda.grid(1)
        if i < out.size:
            value = values[i]
            if value >= high:
                out[i] = last
            elif value <= low:
                out[i] = least
            elif value == value:
                out[i] = target(round(value))
            else:
                out[i] = 0

    return round_off


@cache
def store(values, out):
    """Kernel that writes values into out: as integers rounded half to even and saturating, NaN as 0."""
    return cuda_kernel(store_body(values, out))
