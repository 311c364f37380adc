"""Curvelet transforms of samples on a CUDA device, whose coefficients stay there."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core import checks
from convkit.curvelets import arguments


def viewed(buffer: Any) -> Any:
    """An array of any library on a device as one of CuPy, of the same memory."""
    from convkit.engines.cuda import fourier

    return fourier.required("reading curvelet coefficients").asarray(buffer)


def forward(plan: Any, x: Any) -> Any:
    """Coefficients of samples on a device, in an array of their kind: as `Curvelets.forward` does."""
    from convkit._core import gpu
    from convkit.engines.cuda import fourier

    with gpu.located(x):
        library, line = _ready(plan, x, "x")
        checks.numbers(line.stand_in, "x")
        arguments.check_samples(line.shape, plan.axes, plan.shape)
        kind = plan._kind(line.stand_in, "x")
        with fourier.stream_of(library, line):
            moved = library.moveaxis(library.asarray(x), plan.axes, range(-len(plan.shape), 0)).astype(kind)
            batch = moved.shape[: moved.ndim - len(plan.shape)]
            buffer = gpu.empty(line, (*batch, plan.size), kind)
            values = library.asarray(buffer.owner)
            for item in np.ndindex(*batch):
                fourier.analysis(library, moved[item], plan._tables, values[item], line)
        return buffer.owner


def inverse(plan: Any, buffer: Any) -> Any:
    """Samples that coefficients on a device stand for, in an array of their kind: as `Curvelets.inverse` does."""
    from convkit._core import gpu
    from convkit.engines.cuda import fourier

    with gpu.located(buffer):
        library, line = _ready(plan, buffer, "the coefficients")
        batch = line.shape[:-1]
        ndim = len(batch) + len(plan.shape)
        kept = [a for a in range(ndim) if a not in [b % ndim for b in plan.axes]]
        shape = [0] * ndim
        for a, n in zip((*kept, *plan.axes), (*batch, *plan.shape), strict=True):
            shape[a] = n
        with fourier.stream_of(library, line):
            values = library.asarray(buffer)
            y = gpu.empty(line, shape, line.dtype)
            moved = library.moveaxis(library.asarray(y.owner), plan.axes, range(-len(plan.shape), 0))
            for item in np.ndindex(*batch):
                fourier.synthesis(library, values[item], plan._tables, moved[item], line)
        return y.owner


def _ready(plan: Any, array: Any, name: str) -> tuple[Any, Any]:
    """The library that transforms, and the caller's array."""
    from convkit._core import gpu
    from convkit.engines.cuda import fourier

    if plan.boundary != "wrap":
        raise ValueError(f"boundary={plan.boundary!r} is not computed on a CUDA device; make a plan with boundary='wrap', or "
                         "hand in a NumPy array")
    line = gpu.seen(array, name)
    return fourier.required("a curvelet transform"), line
