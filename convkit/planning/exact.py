"""Arithmetic in which integers are exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convkit._core import checks


def exact_arithmetic(kinds: checks.Arithmetic, bound: float) -> tuple[np.dtype[Any], bool]:
    """Dtype in which integers with sums up to `bound` are exact, and whether their result has to be."""
    if kinds.result.kind in "iu" and bound < math.inf:
        if bound >= 2**63:
            return np.dtype(np.float64), False
        if bound >= 2**53:
            return np.dtype(np.int64), True
        return (np.dtype(np.float64) if bound >= 2**24 else kinds.work), True
    return kinds.work, bound < (2**24 if kinds.work.char in "fF" else 2**53)
