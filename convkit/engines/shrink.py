"""Shrinkage of the coefficients of one band on the CPU: flat numbers, window radii, scratch memory."""

from __future__ import annotations

import numpy as np

from convkit._core.typing import Array
from convkit.engines.pieces import scratch
from convkit.kernels import shrink

# Radii of the windows of the first and of the second estimate, along the axes of images and of volumes.
WIDE, NARROW = {2: (0, 3, 3), 3: (2, 2, 2)}, {2: (0, 1, 1), 3: (1, 1, 1)}
FLOAT = np.dtype(np.float64)


def by_neighbours(values: Array, noise: float, k: float) -> None:
    """Shrink C-contiguous coefficients, real or complex, in place: see kernels/shrink.py."""
    ndim, size = values.ndim, values.size
    flat = values.reshape(-1)
    memory = scratch(FLOAT, 2 * size, "shrink")
    shrink.shrink(flat.view(flat.real.dtype), 1 + (flat.dtype.kind == "c"), (1,) * (3 - ndim) + values.shape, noise, k,
                  WIDE[ndim], NARROW[ndim], memory[:size], memory[size : 2 * size])


def by_modulus(values: Array, limit: float, soft: bool) -> None:
    """Set what has a modulus below `limit` to zero, in place, and take it from the modulus of the rest if `soft`."""
    if limit > 0:
        modulus = np.abs(values)
        with np.errstate(divide="ignore"):
            gain = np.where(modulus < limit, 0, 1 - limit / modulus if soft else 1)
        values *= gain.astype(modulus.dtype)
