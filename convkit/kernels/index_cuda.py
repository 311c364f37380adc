"""Numbers by their places along an axis, on a CUDA device. Arrays are flat.

The axis is the middle one of (outer, length, inner). ``sizes`` = (length, count, inner, outer step, step, inner step): `count`
numbers are named along it, by places that lie these steps apart; negative ones count from the end, and those that are
none are passed by.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel

u32, i64 = np.uint32, np.int64


@cuda_helper
def parts_of(i, middle, inner):
    """Places of the i-th number along the three axes, of which the second is `middle` long and the last `inner`."""
    rest = u32(u32(i) // u32(inner))
    outer = u32(rest // u32(middle))
    return i64(outer), i64(u32(rest - outer * u32(middle))), i64(u32(u32(i) - rest * u32(inner)))


@cuda_helper
def named(places, o, m, i, sizes):
    """The m-th place, from 0 on; the length where there is none."""
    at = i64(places[np.uint64(o * sizes[3] + m * sizes[4] + i * sizes[5])])
    at = at + sizes[0] if at < 0 else at
    return at if 0 <= at < sizes[0] else i64(sizes[0])


def take_body(dtype):
    """The plain function of the kernel ``(x, places, out, sizes)``: numbers of x from their places; NaN or 0 from none."""
    kind = np.dtype(dtype)
    nothing = kind.type(np.nan if kind.kind == "f" else 0)

    def take(x, places, out, sizes):
        n = cuda.grid(1)
        if n < out.size:
            o, m, i = parts_of(n, sizes[1], sizes[2])
            at = named(places, o, m, i, sizes)
            out[np.uint64(n)] = x[np.uint64((o * sizes[0] + at) * sizes[2] + i)] if at < sizes[0] else nothing

    return take


def pile_body(adds):
    """The plain function of the kernel ``(values, places, out, sizes)``: values at their places in out.

    A thread has a number of out, and goes through all places in their order: the last value stays, or all are added.
    """

    def pile(values, places, out, sizes):
        n = cuda.grid(1)
        if n < out.size:
            o, k, i = parts_of(n, sizes[0], sizes[2])
            total = out[np.uint64(n)]
            for m in range(sizes[1]):
                if named(places, o, m, i, sizes) == k:
                    value = values[np.uint64((o * sizes[1] + m) * sizes[2] + i)]
                    total = total + value if adds else value
            out[np.uint64(n)] = total

    return pile


take = cache(lambda dtype: cuda_kernel(take_body(dtype)))
pile = cache(lambda adds: cuda_kernel(pile_body(adds)))
