"""Adapters to CuPy's ``cupyx.scipy.ndimage`` and ``cupyx.scipy.signal``, with the samples in each of the buffers in turn."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from convkit.bench.rival_scipy import NDIMAGE_MODE, NUMPY_MODE
from convkit.bench.task import Contender, Task


def _module(name: str) -> Any:
    return importlib.import_module(name)


def cupyx_ndimage(task: Task, buffers: Sequence[Any]) -> list[Contender]:
    """``cupyx.scipy.ndimage``: convolve, and for separable weights one convolve1d per axis (its taps known beforehand)."""
    cupy, ndimage = _module("cupy"), _module("cupyx.scipy.ndimage")
    samples = itertools.cycle([cupy.asarray(x) for x in buffers])
    rule = NDIMAGE_MODE[task.boundary]
    origin = tuple(-1 if k % 2 == 0 else 0 for k in task.weights.shape)
    weights = cupy.asarray(task.weights)
    taps = [cupy.asarray(line) for line in (task.taps if task.dims > 1 else (task.weights,)) or ()]

    def passes() -> Any:
        result = next(samples)
        for axis, line in enumerate(taps):
            result = ndimage.convolve1d(result, line, axis=axis, mode=rule, origin=origin[axis])
        return result

    found = [Contender("ndimage.convolve1d", passes)] if taps else []
    if task.dims > 1:
        dense = partial(ndimage.convolve, mode=rule, origin=origin)
        found.append(Contender("ndimage.convolve", lambda: dense(next(samples), weights)))
    return found


def cupyx_signal(task: Task, buffers: Sequence[Any]) -> list[Contender]:
    """``cupyx.scipy.signal``: fftconvolve and oaconvolve, and the direct sum of convolve."""
    cupy, signal = _module("cupy"), _module("cupyx.scipy.signal")
    samples = itertools.cycle([cupy.asarray(x) for x in buffers])
    weights = cupy.asarray(task.weights)

    def by(function: Callable[..., Any], **options: Any) -> Callable[[], Any]:
        def call() -> Any:
            if task.boundary == "zero":
                return function(next(samples), weights, mode="same", **options)
            wide = cupy.pad(next(samples), task.halo, mode=NUMPY_MODE[task.boundary])
            return function(wide, weights, mode="valid", **options)

        return call

    found = [Contender(f"signal.{name}", by(getattr(signal, name))) for name in ("fftconvolve", "oaconvolve")]
    if task.weights.size <= 1024:
        found.append(Contender("signal.convolve direct", by(signal.convolve, method="direct")))
    return found
