"""Adapters to other libraries: each lists the calls that give the result of one case.

A rival is a function ``(case, x, weights, workers) -> list[Contender]``; it may list several calls that do the same, and
the fastest of them is the one that is measured. Only this module calls the rivals' convolutions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.cases import Case, gaussian

NDIMAGE_MODE = {"zero": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}
NUMPY_MODE = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
CONVOLVE2D_MODE = {"zero": "fill", "symmetric": "symm", "wrap": "wrap"}

# Multiply-adds per second that no loop of scipy reaches on a current core: a candidate whose count at this rate is
# already slower than another candidate's measured time is not run.
OPTIMISTIC = 4e9


@dataclass(frozen=True)
class Contender:
    """One call that gives the result of a case, and the seconds that it takes at the very least."""

    name: str
    call: Callable[[], NDArray[Any]]
    least: float = 0.0


def scipy_signal(case: Case, x: NDArray[Any], weights: NDArray[Any], workers: int) -> list[Contender]:
    """``scipy.signal``: convolve, fftconvolve (alone and with ``workers``), oaconvolve, convolve2d."""
    import scipy.fft
    import scipy.signal

    def padded(function: Callable[..., NDArray[Any]]) -> NDArray[Any]:
        if case.boundary == "zero":
            return function(x, weights, mode="same")
        before = (case.taps - 1) // 2
        halo = (case.taps - 1 - before, before)
        wide = np.pad(x, [halo] * case.dims, mode=NUMPY_MODE[case.boundary])  # type: ignore[call-overload]
        return function(wide, weights, mode="valid")

    def parallel(function: Callable[..., NDArray[Any]]) -> NDArray[Any]:
        with scipy.fft.set_workers(workers):
            return padded(function)

    signal = scipy.signal
    # At 2-D and up the direct loop of scipy.signal.convolve runs at well under 1e9 multiply-adds per second.
    found = [
        Contender("signal.fftconvolve", lambda: padded(signal.fftconvolve)),
        Contender("signal.oaconvolve", lambda: padded(signal.oaconvolve)),
    ]
    if workers > 1:
        found.append(Contender(f"signal.fftconvolve, {workers} workers", lambda: parallel(signal.fftconvolve)))
    least = case.operations / 2 / OPTIMISTIC
    if case.dims == 1:
        direct = lambda a, b, mode: signal.convolve(a, b, mode=mode, method="direct")  # noqa: E731
        found.append(Contender("signal.convolve direct", lambda: padded(direct), least / 8))
    if case.dims == 2 and case.boundary in CONVOLVE2D_MODE:
        rule = CONVOLVE2D_MODE[case.boundary]
        found.append(Contender("signal.convolve2d", lambda: signal.convolve2d(x, weights, "same", rule), least))
    return found


def scipy_ndimage(case: Case, x: NDArray[Any], weights: NDArray[Any], workers: int) -> list[Contender]:
    """``scipy.ndimage``: convolve, and for separable weights one convolve1d per axis (its taps known beforehand)."""
    import scipy.ndimage

    rule = NDIMAGE_MODE[case.boundary]
    origin = -1 if case.taps % 2 == 0 else 0

    def passes(taps: NDArray[Any]) -> NDArray[Any]:
        result = x
        for axis in range(case.dims):
            result = scipy.ndimage.convolve1d(result, taps, axis=axis, mode=rule, origin=origin)
        return result

    found = []
    if case.kind == "gaussian" or case.dims == 1:
        taps = (gaussian(case.taps, 1) if case.dims > 1 else weights).astype(weights.dtype)
        found.append(Contender("ndimage.convolve1d", lambda: passes(taps)))
    if case.dims > 1:
        least = case.operations / 2 / OPTIMISTIC
        dense = lambda: scipy.ndimage.convolve(x, weights, mode=rule, origin=origin)  # noqa: E731
        found.append(Contender("ndimage.convolve", dense, least))
    return found


RIVALS: dict[str, Callable[[Case, NDArray[Any], NDArray[Any], int], list[Contender]]] = {
    "scipy.signal": scipy_signal,
    "scipy.ndimage": scipy_ndimage,
}
