"""Adapters to NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.task import Contender, Task

NDIMAGE_MODE = {"zero": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}
NUMPY_MODE = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
CONVOLVE2D_MODE = {"zero": "fill", "symmetric": "symm", "wrap": "wrap"}

# Multiply-adds per second that no loop of scipy reaches on a current core: a candidate whose count at this rate is
# already slower than another candidate's measured time is not run. np.convolve calls BLAS, which reaches eight times it.
OPTIMISTIC = 4e9
BLAS = 8 * OPTIMISTIC


def extended(task: Task, function: Callable[..., NDArray[Any]]) -> NDArray[Any]:
    """Call ``function(x, weights, mode=...)``, which knows no boundary but zeros."""
    if task.boundary == "zero":
        return function(task.x, task.weights, mode="same")
    wide = np.pad(task.x, task.halo, mode=NUMPY_MODE[task.boundary])  # type: ignore[call-overload]
    return function(wide, task.weights, mode="valid")


def scipy_signal(task: Task, workers: int) -> list[Contender]:
    """``scipy.signal``: convolve, fftconvolve and oaconvolve (alone and with ``workers``), convolve2d."""
    import scipy.fft
    import scipy.signal

    if task.x.dtype.kind not in "fc":
        return []
    signal = scipy.signal
    found = []
    for name in ("fftconvolve", "oaconvolve"):
        function = getattr(signal, name)

        def alone(function: Callable[..., NDArray[Any]] = function) -> NDArray[Any]:
            return extended(task, function)

        def together(function: Callable[..., NDArray[Any]] = function) -> NDArray[Any]:
            with scipy.fft.set_workers(workers):
                return extended(task, function)

        found.append(Contender(f"signal.{name}", alone))
        if workers > 1:
            found.append(Contender(f"signal.{name}, {workers} workers", together))
    # At 2-D and up the direct loop of scipy.signal.convolve runs at well under 1e9 multiply-adds per second.
    if task.dims == 1:
        direct = partial(signal.convolve, method="direct")
        found.append(Contender("signal.convolve direct", lambda: extended(task, direct), task.operations / 2 / BLAS))
    if task.dims == 2 and task.boundary in CONVOLVE2D_MODE:
        rule = CONVOLVE2D_MODE[task.boundary]
        dense = partial(signal.convolve2d, task.x, task.weights, "same", rule)
        found.append(Contender("signal.convolve2d", dense, task.operations / 2 / OPTIMISTIC))
    return found


def scipy_ndimage(task: Task, workers: int) -> list[Contender]:
    """``scipy.ndimage``: convolve, and for separable weights one convolve1d per axis (its taps known beforehand)."""
    import scipy.ndimage

    rule = NDIMAGE_MODE[task.boundary]
    origin = tuple(-1 if k % 2 == 0 else 0 for k in task.weights.shape)
    taps = task.taps if task.dims > 1 else (task.weights,)

    def passes() -> NDArray[Any]:
        result = task.x
        for axis, line in enumerate(taps or ()):
            result = scipy.ndimage.convolve1d(result, line, axis=axis, mode=rule, origin=origin[axis])
        return result

    found = []
    if taps is not None:
        least = task.x.size * sum(line.size for line in taps) / OPTIMISTIC
        found.append(Contender("ndimage.convolve1d", passes, least))
    if task.dims > 1:
        dense = partial(scipy.ndimage.convolve, task.x, task.weights, mode=rule, origin=origin)
        found.append(Contender("ndimage.convolve", dense, task.operations / 2 / OPTIMISTIC))
    return found


def numpy_convolve(task: Task, workers: int) -> list[Contender]:
    """``np.convolve``, which knows signals only."""
    # With more taps than samples its "same" has the size of the taps.
    if task.dims != 1 or task.x.dtype.kind not in "fc" or task.weights.size > task.x.size:
        return []
    return [Contender("np.convolve", lambda: extended(task, np.convolve), task.operations / 2 / BLAS)]
