"""Signals against the best of np.convolve, oaconvolve, fftconvolve and scipy.ndimage.

Run as ``python -m benchmarks.line``. ``convolve`` with its defaults; drawn taps, float32, boundary zero.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from benchmarks._suite import Job, Options, Row, run, samples, versus, weights
from convkit import convolve
from convkit.bench.rivals import RIVALS, Task, only

ROWS = (
    Row(
        "line",
        "1-D, 1e4 to 1e7 samples, 3 to 100,001 taps",
        "best of np.convolve, oaconvolve, fftconvolve, ndimage",
        mean=3.0,
        each=1.0,
    ),
)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
TAPS = (3, 9, 31, 101, 255, 1023, 4095, 20_001, 100_001)


def jobs(options: Options) -> Iterable[Job]:
    for size in (10_000,) if options.quick else SIZES:
        for taps in (9, 1023) if options.quick else TAPS:
            if taps <= size:
                for workers in options.workers:
                    yield job(size, taps, workers)


def job(size: int, taps: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x, w = samples((size,)), weights((taps,))
        task = Task(x, w)
        calls = {"convkit": lambda: convolve(x, w, workers=workers)}
        signal = RIVALS["scipy.signal"](task, workers)
        # One list, so that a loop that cannot win against an FFT is not run.
        best = [
            *only(signal, "signal.fftconvolve", "signal.oaconvolve"),
            *RIVALS["numpy"](task, workers),
            *RIVALS["scipy.ndimage"](task, workers),
        ]
        return versus(task, calls, {"best": best}, {"line": ("best",)}, workers, budget)

    return Job({"shape": (size,), "taps": (taps,)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("line", __doc__, ROWS, jobs, arguments, budget=1.0)


if __name__ == "__main__":
    sys.exit(main())
