"""Curvelet transforms of samples in the memory of the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.typing import Array, ArrayLike
from convkit._core.workers import resolve
from convkit.engines import wedge


def forward(plan: Any, x: ArrayLike) -> Array:
    """Coefficients of samples: as `Curvelets.forward` does."""
    samples = plan._samples(x)
    batch = samples.shape[: samples.ndim - len(plan.shape)]
    buffer = np.empty((*batch, plan.size), samples.dtype)
    for item in np.ndindex(*batch):
        wedge.analysis(plan._extend(samples[item]), plan._tables, buffer[item], resolve(plan.workers))
    return buffer


def inverse(plan: Any, buffer: Array) -> Array:
    """Samples that coefficients stand for: as `Curvelets.inverse` does."""
    buffer = checks.numbers(buffer, "c.ravel()")
    batch = buffer.shape[:-1]
    items = [plan._fold(wedge.synthesis(buffer[item], plan._tables, resolve(plan.workers))) for item in np.ndindex(*batch)]
    y = np.stack(items).reshape(*batch, *plan.shape) if batch else items[0]
    return np.moveaxis(y, range(-len(plan.shape), 0), plan.axes)
