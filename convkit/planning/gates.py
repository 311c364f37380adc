"""Gates on the data: what the cost model cannot see, and what an FFT would spoil."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.typing import Array

# A block whose largest value exceeds the median of the others by this factor makes the rounding of an FFT visible.
RANGE = 1e4


def _block_maxima(samples: Array) -> Array:
    """Largest magnitude in every block of the samples, in ascending order: what is not finite comes last."""
    from convkit.kernels.survey import largest

    x = np.ascontiguousarray(samples if samples.dtype.isnative and samples.dtype.itemsize > 2 else samples.astype(np.float32))
    x = x.view(x.real.dtype)
    columns = x.shape[-1]
    rows = x.size // columns
    high = min(64, max(1, (x.shape[-2] if x.ndim > 1 else 1) // 8))
    wide = min(256, max(32, columns // 8)) if rows > 1 else min(8192, max(64, columns // 64))
    bits = np.dtype(f"u{x.itemsize}")
    most = np.zeros(-(-rows // high) * -(-columns // wide), bits)
    largest(x.reshape(-1).view(bits), bits.type(np.iinfo(bits).max >> 1), rows, columns, high, wide, most)
    most.sort()
    return most.view(x.dtype)


def unsafe(samples: Array) -> str:
    """Why an FFT would spoil the result on these samples; empty if it would not."""
    if samples.dtype.kind in "biu":
        return ""
    values = _block_maxima(samples)
    most = float(values[-1])
    if not math.isfinite(most):
        return "x holds NaN or Inf, which an FFT would spread"
    if most == 0:
        return ""
    zeros = int(np.searchsorted(values, 0, side="right"))
    usual = float(values[(zeros + values.size) // 2])
    if most > RANGE * usual:
        return (f"the largest sample ({most:.3g}) exceeds those of most of x ({usual:.3g}) so far that the rounding of an FFT "
                "would drown them")
    return ""


def exact_arithmetic(kinds: checks.Arithmetic, bound: float) -> tuple[np.dtype[Any], bool]:
    """Dtype in which integers with sums up to `bound` are exact, and whether their result has to be."""
    if kinds.result.kind in "iu" and bound < math.inf:
        if bound >= 2**63:
            return np.dtype(np.float64), False
        if bound >= 2**53:
            return np.dtype(np.int64), True
        return (np.dtype(np.float64) if bound >= 2**24 else kinds.work), True
    return kinds.work, bound < (2**24 if kinds.work.char in "fF" else 2**53)
