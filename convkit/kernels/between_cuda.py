"""Columns of tiles on their way between memory and the shared memory of a block of a CUDA device, 16 bytes at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper
from convkit.kernels.butterfly_cuda import GAP, Sweep
from convkit.kernels.simd_cuda import VECTOR, copy_vector

i32, u32 = np.int32, np.uint32


class Copies(NamedTuple):
    """Copies of the lines of a sweep, called with ``(between, shared, start, inner, size, rank)``: number p of line l lies at
    ``start + p * inner + l``, its imaginary part `size` numbers behind.
    """

    fetch: Any
    store: Any


def copies(sweep: Sweep, work: Any) -> Copies:
    """Copies of numbers of the real dtype `work`: by vectors, where a sweep has as many lines."""
    from numba import from_dtype

    length, lines, threads = sweep
    pitch, plane = sweep.pitch, u32(sweep.plane)
    number, lanes = from_dtype(np.dtype(work)), VECTOR // np.dtype(work).itemsize
    whole = lines % lanes == 0
    lanes = lanes if whole else 1
    total = lines * length // lanes

    @cuda_helper
    def by_vector(x, i, out, o):
        copy_vector(x, i, out, o)

    @cuda_helper
    def by_number(x, i, out, o):
        out[o] = x[i]

    move = by_vector if whole else by_number

    @cuda_helper
    def fetch(between, shared, start, inner, size, rank):
        re, im = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        for i in range(rank, i32(total), i32(threads)):
            line, p = i32(i * lanes % lines), i32(i * lanes // lines)
            there = np.uint64(start + np.int64(p) * inner + line)
            move(between, there, re, u32(0))
            move(between, there + np.uint64(size), im, u32(0))
            for k in range(lanes):
                at = u32((line + k) * pitch + p + (p >> GAP))
                shared[at], shared[at + plane] = re[k], im[k]
        cuda.syncthreads()

    @cuda_helper
    def store(between, shared, start, inner, size, rank):
        re, im = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        for i in range(rank, i32(total), i32(threads)):
            line, p = i32(i * lanes % lines), i32(i * lanes // lines)
            for k in range(lanes):
                at = u32((line + k) * pitch + p + (p >> GAP))
                re[k], im[k] = shared[at], shared[at + plane]
            there = np.uint64(start + np.int64(p) * inner + line)
            move(re, u32(0), between, there)
            move(im, u32(0), between, there + np.uint64(size))

    return Copies(fetch, store)
