"""Wedges of frequencies on a CUDA device: runs of one array gathered, with weights, into places of another.

A run is cut where a segment of the array that is written begins, of as many numbers as a block has threads. A piece of one is
`FIELDS` integers; those of a segment follow each other, in the order in which they are added.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel
from convkit.kernels.correlate_cuda import i32

# Kinds of pieces, added up: read from high places to low ones, weights likewise, conjugated.
READ_DOWN, WEIGHTS_DOWN, CONJUGATED = 1, 2, 4
FIELDS = ("first place in the segment", "numbers", "first place to read", "first weight", "kind")


def gather_body(dtype, adding):
    """The plain function of the kernel ``(x, pieces, bounds, values, scale, out)``: a number of `out` per thread.

    `x` and `out` are flat, of the complex `dtype`, `values` real; the pieces of segment k are bounds[k] to bounds[k + 1].
    What is gathered is `adding` to `out`, or takes its place: zeros where no piece is.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    count = len(FIELDS)

    def gather(x, pieces, bounds, values, scale, out):
        thread, segment = i32(cuda.threadIdx.x), np.uint32(cuda.blockIdx.x)
        place = cuda.grid(1)
        if place < out.size:
            target = np.uint64(place)
            real = imaginary = scale - scale
            if adding:
                real, imaginary = out[target].real, out[target].imag
            for piece in range(i32(bounds[segment]), i32(bounds[segment + np.uint32(1)])):
                field = np.uint32(piece * i32(count))
                along = i32(thread - pieces[field])
                if along >= 0 and along < pieces[field + np.uint32(1)]:
                    kind = pieces[field + np.uint32(4)]
                    back = i32(-along)
                    source = i32(pieces[field + np.uint32(2)] + (back if kind & READ_DOWN else along))
                    weight = values[np.uint32(pieces[field + np.uint32(3)] + (back if kind & WEIGHTS_DOWN else along))] * scale
                    value = x[np.uint32(source)]
                    real += weight * value.real
                    imaginary += (-weight if kind & CONJUGATED else weight) * value.imag
            out[target] = number(complex(real, imaginary))

    return gather


@cache
def gather(dtype, adding):
    """Kernel that gathers pieces of an array of `dtype` into another."""
    return cuda_kernel(gather_body(dtype, adding))


def settle_body(spectrum, rows, pitch, even):
    """Double the first column of (rows, pitch) numbers, and the last one where the length of the samples is `even`."""
    row = cuda.grid(1)
    if row < rows:
        first = np.uint64(row * pitch)
        spectrum[first] += spectrum[first]
        if even:
            last = np.uint64(row * pitch + pitch - 1)
            spectrum[last] += spectrum[last]


settle = cuda_kernel(settle_body)
