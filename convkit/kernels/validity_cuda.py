"""Samples that are left out, on a CUDA device: masks, NaN, and the division that makes up for them; arrays are flat."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel

u64 = np.uint64


def keep_body(dtype, masked, omits):
    """The plain function of the kernel ``(x, mask, kept, valid)``: x where it is valid and 0 elsewhere, and 1 and 0 likewise.

    Valid is what the mask says, if x is `masked`, and, if that `omits` it, no NaN.
    """
    from numba import from_dtype

    number, probed = from_dtype(np.dtype(dtype)), _probed(dtype)

    def keep(x, mask, kept, valid):
        i = cuda.grid(1)
        if i < x.size:
            here = u64(i)
            value = x[here]
            there = not masked or mask[here]
            if omits:
                probe = probed(value)
                there = there and probe == probe
            kept[here] = value if there else number(0)
            valid[here] = 1 if there else 0

    return keep


def _probed(dtype):
    """The type in which numbers are compared: halves would be widened to double precision."""
    from numba import from_dtype

    return from_dtype(np.dtype(np.float32 if dtype == "float16" else dtype))


def find_body(dtype, masked):
    """The plain function of the kernel ``(x, mask, found)``: make ``found[0]`` 1 if a valid sample is NaN."""
    probed = _probed(dtype)

    def find(x, mask, found):
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            here = u64(i)
            value = probed(x[here])
            if value != value and (not masked or mask[here]):
                found[u64(0)] = 1

    return find


def divide_body(work, real):
    """The plain function of the kernel ``(numerator, share, absolute, least)``: divide numbers of the dtype `work` by shares.

    By the share of `absolute` that fell on valid samples, of the dtype `real`; NaN where it is not over `least`.
    """
    from numba import from_dtype

    kind = np.dtype(work).type
    scaled, nothing = from_dtype(kind(0).real.dtype), kind(np.nan)

    def divide(numerator, share, absolute, least):
        i = cuda.grid(1)
        if i < numerator.size:
            here = u64(i)
            part = share[here]
            numerator[here] = numerator[here] * scaled(absolute / part) if part > least else nothing

    return divide


keep = cache(lambda dtype, masked, omits: cuda_kernel(keep_body(dtype, masked, omits)))
find = cache(lambda dtype, masked: cuda_kernel(find_body(dtype, masked)))
divide = cache(lambda work, real: cuda_kernel(divide_body(work, real)))
