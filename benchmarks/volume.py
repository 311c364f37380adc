"""Volumes against the best of scipy.ndimage, fftconvolve and torch, with drawn weights and with separable ones.

Run as ``python -m benchmarks.volume``. float32, boundary zero; for separable weights all are given the taps.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable

import numpy as np

from benchmarks._suite import Job, Options, Row, run, samples, versus, weights
from convkit import convolve, convolve_separable
from convkit.bench.cases import gaussian
from convkit.bench.rivals import RIVALS, Task, installed, only

AGAINST = "best of ndimage, fftconvolve, torch"
ROWS = (
    Row("volume", "3-D, 64 to 256 cubed, 3 to 15 cubed, dense and separable", AGAINST, mean=4.0, each=1.3),
    Row("dense", "of these, dense", AGAINST),
    Row("separable", "of these, separable", AGAINST),
)
SIZES = (64, 128, 256)
TAPS = (3, 5, 7, 9, 11, 15)


def jobs(options: Options) -> Iterable[Job]:
    for kind in ("dense", "separable"):
        if options.wants("volume", kind):
            for size in (48,) if options.quick else SIZES:
                for taps in (3, 7) if options.quick else TAPS:
                    for workers in options.workers:
                        yield job(kind, size, taps, workers)


def job(kind: str, size: int, taps: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x = samples((size,) * 3)
        if kind == "separable":
            line = gaussian(taps, 1).astype(np.float32)
            task = Task(x, functools.reduce(np.multiply.outer, [line] * 3), (line,) * 3)
            calls = {"convkit": lambda: convolve_separable(x, [line] * 3, workers=workers)}
        else:
            task = Task(x, weights((taps,) * 3))
            calls = {"convkit": lambda: convolve(x, task.weights, workers=workers)}
        # One list, so that a loop that cannot win against an FFT is not run.
        best = [
            *RIVALS["scipy.ndimage"](task, workers),
            *only(RIVALS["scipy.signal"](task, workers), "signal.fftconvolve"),
            *(RIVALS["torch"](task, workers) if installed("torch") else []),
        ]
        return versus(task, calls, {"best": best}, {"volume": ("best",), kind: ("best",)}, workers, budget)

    return Job({"kind": kind, "shape": (size,) * 3, "taps": (taps,) * 3}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("volume", __doc__, ROWS, jobs, arguments, budget=1.5)


if __name__ == "__main__":
    sys.exit(main())
