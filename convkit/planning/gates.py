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
    """Largest magnitude in every block of the samples; inf where a sample is not finite."""
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
    values = most.view(x.dtype).astype(np.float64)
    values[~np.isfinite(values)] = np.inf
    return values


def unsafe(samples: Array) -> str:
    """Why an FFT would spoil the result on these samples; empty if it would not."""
    if samples.dtype.kind in "biu":
        return ""
    values = _block_maxima(samples)
    if not np.isfinite(values).all():
        return "x holds NaN or Inf, which an FFT would spread"
    values = values[values > 0]
    if values.size and values.max() > RANGE * np.median(values):
        return (f"the largest sample ({values.max():.3g}) exceeds those of most of x ({np.median(values):.3g}) so far that the "
                "rounding of an FFT would drown them")
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
