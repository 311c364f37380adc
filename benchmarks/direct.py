"""Direct 2-D convolution against OpenCV's filter2D, and as a share of the multiply-add ceiling.

Run as ``python -m benchmarks.direct``. Drawn weights of full rank, boundary zero, results of the dtype of the image. The
ceiling is a loop of nothing but fused multiply-adds that takes its turn in the same rounds; the share of it is that of a call
that is given the memory of its result (``out=``): what fresh memory costs has nothing to do with multiply-adds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np

from benchmarks._suite import Job, Options, Row, run, samples, versus, weights
from convkit import convolve
from convkit.bench.rivals import RIVALS, Task, only
from convkit.bench.roofline import compute_call

OPENCV = "OpenCV filter2D"
CEILING = "measured multiply-add ceiling"
ROWS = (
    Row("float32", "direct 2-D, 512 to 4096 squared and odd sizes, 3x3 to 15x15", OPENCV, mean=1.6, each=1.0),
    Row("share9", "direct 2-D, 9x9 to 15x15, share of the ceiling", CEILING, "share", each=0.85),
    Row("share11", "direct 2-D, 11x11 to 15x15, share of the ceiling", CEILING, "share", each=0.90),
    Row("share15", "direct 2-D, 15x15, share of the ceiling", CEILING, "share", each=0.95),
    Row("float64", "direct 2-D in float64", OPENCV, mean=1.6),
    Row("uint8", "uint8 in, uint8 out, 3x3 to 11x11", OPENCV, mean=1.3),
)
SHAPES = ((512, 512), (1021, 767), (1024, 1024), (2048, 2048), (4096, 4096))
KERNELS = ((3, 3), (5, 5), (7, 7), (9, 9), (11, 11), (13, 13), (15, 15), (3, 9), (13, 5))
SHARES = {"share9": 9, "share11": 11, "share15": 15}


def jobs(options: Options) -> Iterable[Job]:
    shapes, kernels = (((512, 512), (101, 67)), ((3, 3), (13, 5), (15, 15))) if options.quick else (SHAPES, KERNELS)
    for dtype in ("float32", "float64", "uint8"):
        keys = ("float32", *SHARES) if dtype == "float32" else (dtype,)
        for shape in shapes if options.wants(*keys) else ():
            for taps in kernels:
                if dtype == "uint8" and max(taps) > 11:
                    continue
                for workers in options.workers:
                    yield job(shape, taps, dtype, workers)


def job(shape: tuple[int, int], taps: tuple[int, int], dtype: str, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x, w = samples(shape, dtype), weights(taps, "float64" if dtype == "float64" else "float32")
        task = Task(x, w)
        calls = {"convkit": lambda: convolve(x, w, method="direct", dtype=dtype, workers=workers)}
        rivals = {"opencv": only(RIVALS["opencv"](task, workers), "cv2.filter2D")}
        beside, amount = {}, 0.0
        served = [key for key, least in SHARES.items() if counts(shape, taps, dtype, workers) and taps[0] >= least]
        if served:
            beside["ceiling"], amount = compute_call(workers, dtype)
            out = np.empty(shape, dtype)
            beside["into"] = lambda: convolve(x, w, method="direct", dtype=dtype, workers=workers, out=out)
        # Two roundings of the same sum to 8 bits may fall to either side.
        near = {"eps": 0.5, "growth": 1.0} if dtype == "uint8" else {}
        found = versus(task, calls, rivals, {dtype: ("opencv",)}, workers, budget, beside=beside, **near)
        if found["values"]:
            for key in served:
                ceiling = amount / found["times"]["ceiling"]["median"]
                found["values"][key] = task.operations / found["times"]["into"]["median"] / ceiling
        return found

    return Job({"shape": shape, "taps": taps, "dtype": dtype}, measure, workers)


def counts(shape: tuple[int, int], taps: tuple[int, int], dtype: str, workers: int) -> bool:
    """Whether the share of the ceiling is asked for: at 512 squared on one worker, from 1024 squared on several."""
    square = shape[0] == shape[1] and taps[0] == taps[1]
    return dtype == "float32" and square and (shape[0] == 512 if workers == 1 else shape[0] >= 1024)


def main(arguments: list[str] | None = None) -> int:
    return run("direct", __doc__, ROWS, jobs, arguments, budget=1.0, needs=("opencv",))


if __name__ == "__main__":
    sys.exit(main())
