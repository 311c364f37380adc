"""Separable 2-D convolution: Gaussians against OpenCV's sepFilter2D and scipy.ndimage, boxes against OpenCV's blur.

Run as ``python -m benchmarks.separable``. All are given the taps; float32, boundary zero.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np

from benchmarks._suite import Job, Options, Row, run, samples, versus
from convkit import convolve_separable
from convkit.bench.cases import gaussian
from convkit.bench.rivals import RIVALS, Task, only

ROWS = (
    Row("gaussian", "separable Gaussian, 5 to 61 taps, 512 to 4096 squared", "OpenCV sepFilter2D", mean=1.5),
    Row("ndimage", "separable Gaussian, 5 to 61 taps, 512 to 4096 squared", "scipy.ndimage", mean=10.0),
    Row("box", "box, 3 to 63 squared", "OpenCV blur", mean=1.2),
)
SIZES = (512, 1024, 2048, 4096)
GAUSSIANS = (5, 9, 15, 31, 61)
BOXES = (3, 5, 9, 15, 31, 63)


def jobs(options: Options) -> Iterable[Job]:
    sizes = (256,) if options.quick else SIZES
    for kind, lengths, keys in (("gaussian", GAUSSIANS, ("gaussian", "ndimage")), ("box", BOXES, ("box",))):
        if options.wants(*keys):
            for size in sizes:
                for taps in (5, 15) if options.quick else lengths:
                    for workers in options.workers:
                        yield job(kind, size, taps, workers)


def job(kind: str, size: int, taps: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x = samples((size, size))
        line = (gaussian(taps, 1) if kind == "gaussian" else np.full(taps, 1 / taps)).astype(np.float32)
        task = Task(x, np.multiply.outer(line, line), (line, line))
        calls = {"convkit": lambda: convolve_separable(x, [line, line], workers=workers)}
        opencv = RIVALS["opencv"](task, workers)
        if kind == "box":
            return versus(task, calls, {"opencv": only(opencv, "cv2.blur")}, {"box": ("opencv",)}, workers, budget)
        rivals = {
            "opencv": only(opencv, "cv2.sepFilter2D"),
            "scipy.ndimage": only(RIVALS["scipy.ndimage"](task, workers), "ndimage.convolve1d"),
        }
        return versus(task, calls, rivals, {"gaussian": ("opencv",), "ndimage": ("scipy.ndimage",)}, workers, budget)

    return Job({"kind": kind, "shape": (size, size), "taps": (taps, taps)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("separable", __doc__, ROWS, jobs, arguments, budget=1.0, needs=("opencv",))


if __name__ == "__main__":
    sys.exit(main())
