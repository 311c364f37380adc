"""Numbers along an axis on a CUDA device as weighted sums of few others, such as mirror images that fade out."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel

u32 = np.uint32


def combine_body(work):
    """The plain function of the kernel ``(x, sources, weights, out, before, length, inner, total)``: a number of `out` each.

    `x` and `out` are flat, of the real dtype `work` and of shapes (outer, before, inner) and (outer, length, inner), `total`
    numbers. Term t of number i along the axis is the one at ``sources[t * length + i]`` times the weight there; a place below
    zero is no term.
    """
    zero = np.dtype(work).type(0)

    def combine(x, sources, weights, out, before, length, inner, total):
        place = cuda.grid(1)
        if place < total:
            row = place // inner
            outer = row // length
            i, first = row - outer * length, outer * before
            column = place - row * inner
            result = zero
            for term in range(i, sources.size, length):
                source = sources[u32(term)]
                if source >= 0:
                    result += weights[u32(term)] * x[np.uint64((first + source) * inner + column)]
            out[np.uint64(place)] = result

    return combine


@cache
def combine(work):
    """Kernel of `combine_body`."""
    return cuda_kernel(combine_body(work))
