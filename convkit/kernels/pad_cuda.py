"""Arrays extended beyond their edges on a CUDA device: up to four axes in one go; arrays are flat."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.filters_cuda import EACH, first

AXES = 4
# Registers of a thread: eight blocks of 256 reside at once.
REGISTERS = 32
u64 = np.uint64


def extend_body(large):
    """The plain function of the kernel ``(x, sources, fill, out, sizes)``; places of `large` arrays have 64 bits.

    `sizes` = for each of four axes its length in x, its length in out, the samples before it, and where its sources beyond
    the edges begin: those before the first sample, then those past the last; -1 is the number of `fill`.
    """
    # What is divided is unsigned: signed divisions are of 64 bits.
    place, whole = (np.int64, u64) if large else (np.int32, np.uint32)

    def _source(o, n, before, begin, sources):
        s = place(o - before)
        if s < place(0):
            s = place(sources[u64(begin + o)])
        elif s >= n:
            s = place(sources[u64(begin + place(o - n))])
        return s

    source = cuda_helper(_source)

    def extend(x, sources, fill, out, sizes):
        i = first()
        n0, n1, n2, n3 = place(sizes[0]), place(sizes[4]), place(sizes[8]), place(sizes[12])
        m1, m2, m3 = whole(sizes[5]), whole(sizes[9]), whole(sizes[13])
        for _ in range(EACH):
            if i < u64(out.size):
                o = whole(i)
                rest = whole(o // m3)
                d = source(place(whole(o - whole(rest * m3))), n3, place(sizes[14]), place(sizes[15]), sources)
                o = rest
                rest = whole(o // m2)
                c = source(place(whole(o - whole(rest * m2))), n2, place(sizes[10]), place(sizes[11]), sources)
                o = rest
                rest = whole(o // m1)
                b = source(place(whole(o - whole(rest * m1))), n1, place(sizes[6]), place(sizes[7]), sources)
                a = source(place(rest), n0, place(sizes[2]), place(sizes[3]), sources)
                if a < place(0) or b < place(0) or c < place(0) or d < place(0):
                    out[i] = fill[0]
                else:
                    row = place(place(place(place(a * n1) + b) * n2) + c)
                    out[i] = x[u64(place(place(row * n3) + d))]
            i = u64(i + u64(cuda.blockDim.x))

    return extend


@cache
def extend(large):
    """Kernel that extends arrays of any dtype; see `extend_body`."""
    return cuda_kernel(extend_body(large), REGISTERS)
