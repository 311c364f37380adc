"""A loop of nothing but fused multiply-adds in registers: as fast as a CUDA device can compute."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel

# Independent sums of a thread: an operation takes four cycles, in which a warp begins as many.
SUMS = 8


@cache
def spin(work: str) -> Any:
    """Kernel that computes for as long as it is told."""
    return cuda_kernel(spin_body(work))


def spin_body(work):
    """The plain function of the kernel ``(values, out, rounds)``: `rounds` times SUMS of sum = values[0] * sum + values[1]."""
    from numba import from_dtype

    number = from_dtype(np.dtype(work))

    def compute(values, out, rounds):
        i = cuda.grid(1)
        factor, term = values[0], values[1]
        sums = cuda.local.array(SUMS, number)
        # The sums must differ, or the compiler finds out that one is enough.
        for k in range(SUMS):
            sums[k] = number(i + k)
        for _ in range(np.int32(rounds)):
            for k in range(SUMS):
                sums[k] = factor * sums[k] + term
        total = sums[0]
        for k in range(1, SUMS):
            total += sums[k]
        out[i] = total

    return compute
