"""Thresholds of coefficients on a CUDA device: twin of `engines.shrink.by_modulus`."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel

# Of each band in turn: its first coefficient, its first number, and the numbers of a coefficient.
FIELDS = 3
i32, u32 = np.int32, np.uint32


def threshold_body(work, soft):
    """The plain function of the kernel ``(values, bands, limits, count, pitch, total)``: a coefficient per thread, in place.

    `values` are of the real dtype `work`, items of `pitch` numbers and `count` coefficients each, `total` in all. Of each band
    there are `FIELDS` of `bands`, and two limits: moduli below the first one become zero; `soft`, the second one is taken from
    the others. A band with a limit of 0 stays as it is.
    """
    dtype = np.dtype(work)
    zero, one = dtype.type(0), dtype.type(1)

    def threshold(values, bands, limits, count, pitch, total):
        thread = cuda.grid(1)
        if thread < total:
            item = thread // count
            i = i32(thread - item * count)
            low, high = i32(0), i32(bands.size // FIELDS)
            while high - low > 1:
                middle = i32((low + high) >> 1)
                if bands[u32(FIELDS * middle)] <= i:
                    low = middle
                else:
                    high = middle
            at = u32(FIELDS * low)
            limit = limits[u32(2 * low)]
            if limit > zero:
                width = bands[at + u32(2)]
                place = np.uint64(item * pitch + bands[at + u32(1)] + np.int64(i - bands[at]) * width)
                re, im = values[place], zero
                modulus = abs(re)
                if width == 2:
                    im = values[place + np.uint64(1)]
                    modulus = math.hypot(re, im)
                gain = one
                if modulus < limit:
                    gain = zero
                elif soft:
                    gain = one - limits[u32(2 * low + 1)] / modulus
                values[place] = re * gain
                if width == 2:
                    values[place + np.uint64(1)] = im * gain

    return threshold


@cache
def threshold(work, soft):
    """Kernel of `threshold_body`."""
    return cuda_kernel(threshold_body(work, soft))
