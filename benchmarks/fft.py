"""Kernels of the size for FFTs against the best of OpenCV's filter2D, fftconvolve and oaconvolve, with as many workers.

Run as ``python -m benchmarks.fft``. ``convolve`` with its defaults; drawn weights of full rank, float32, boundary zero.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from benchmarks._suite import Job, Options, Row, run, samples, versus, weights
from convkit import convolve
from convkit.bench.rivals import RIVALS, Task, only

ROWS = (
    Row(
        "fft",
        "21x21 to 127x127 on 2048 and 4096 squared",
        "best of OpenCV, fftconvolve, oaconvolve",
        mean={1: 1.35, 2: 2.4},
        each=1.0,
    ),
)
SIZES = (2048, 4096)
TAPS = (21, 31, 45, 63, 95, 127)


def jobs(options: Options) -> Iterable[Job]:
    for size in (512,) if options.quick else SIZES:
        for taps in (21, 63) if options.quick else TAPS:
            for workers in options.workers:
                yield job(size, taps, workers)


def job(size: int, taps: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x, w = samples((size, size)), weights((taps, taps))
        task = Task(x, w)
        calls = {"convkit": lambda: convolve(x, w, workers=workers)}
        signal = RIVALS["scipy.signal"](task, workers)
        rivals = {
            "opencv": only(RIVALS["opencv"](task, workers), "cv2.filter2D"),
            "fftconvolve": only(signal, "signal.fftconvolve"),
            "oaconvolve": only(signal, "signal.oaconvolve"),
        }
        return versus(task, calls, rivals, {"fft": tuple(rivals)}, workers, budget)

    return Job({"shape": (size, size), "taps": (taps, taps)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("fft", __doc__, ROWS, jobs, arguments, budget=2.5, needs=("opencv",))


if __name__ == "__main__":
    sys.exit(main())
