"""Changes of sign on the CPU, and how large samples are."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.typing import Array, BoolArray
from convkit.engines import trace


def size(values: Array) -> tuple[float, float]:
    """Mean and largest absolute value of what is finite; the mean is NaN where nothing is."""
    size = np.abs(values if values.dtype.kind == "f" else values.astype(np.float64))
    mean = float(size.mean(dtype=np.float64))
    if not np.isfinite(mean):
        size = size[np.isfinite(size)]
        mean = float(size.mean(dtype=np.float64)) if size.size else np.nan
    return mean, float(size.max()) if size.size else np.nan


def crossings(values: Array, slope: Any, out: BoolArray, workers: int) -> None:
    """Write to `out` where values change their sign along an axis, by at least `slope`, a number of their dtype."""
    trace.crossings(np.ascontiguousarray(values), range(values.ndim), slope, out, workers)
