"""Thresholds of curvelet coefficients on a CUDA device: twin of `engines.shrink.by_modulus`, for all bands at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit.engines.cuda.grids import THREADS
from convkit.engines.wedge import Tables
from convkit.kernels.shrink_cuda import threshold


def by_modulus(numbers: Any, pitch: int, items: int, tables: Tables, limits: Sequence[float], soft: bool, stream: Any) -> None:
    """Set coefficients with a modulus below the limit of their band to zero, in place, and diminish the rest if `soft`.

    `numbers` are real ones; those of an item begin `pitch` after those of the one before.
    """
    real = np.dtype(numbers.dtype)
    counts = [math.prod(band.lengths) for band in tables.bands]
    sizes = [band.numbers * (1 if tables.real else 2) for band in tables.bands]
    count = sum(counts)
    fields = np.stack([np.cumsum([0, *counts[:-1]]), np.cumsum([0, *sizes[:-1]]), np.floor_divide(sizes, counts)], 1)
    near = np.asarray(limits, np.float64).astype(real)
    # What is below a limit is below the least number of the dtype that is not.
    least = np.where(near < limits, np.nextafter(near, real.type(np.inf)), near)
    total = items * count
    bands, within = (gpu.sent(table.ravel(), stream).line for table in (fields.astype(np.int32), np.stack([least, near], 1)))
    threshold(real.name, soft)[-(-total // THREADS), THREADS, stream](numbers, bands, within, count, pitch, total)
