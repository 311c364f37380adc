"""What a call costs beside its arithmetic: small images, the Python side, the first call of a process, and memory.

Run as ``python -m benchmarks.call``. The Python side is that of a call met before, whose engine is kept from working.
First calls and memory are measured in processes of their own; a cold cache is an empty directory in ``NUMBA_CACHE_DIR``.
Memory is what the process held at most beyond what it held with input and output in place, as the system counts it
(resident) and as NumPy asked for it (tracemalloc), whichever is more.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from unittest import mock

import numpy as np

from benchmarks._suite import Job, Options, Row, run, samples, versus, weights
from convkit import convolve, convolve_separable
from convkit.bench.rivals import RIVALS, Task, only
from convkit.convolution.problem import Ready

ROWS = (
    Row("small", "small images, 16 to 64 squared, 3x3, whole call", "scipy.ndimage", each=1.0),
    Row("python", "Python side of a call met before: direct, separable, FFT", "the clock", "seconds", each=6e-6),
    Row("warm", "first call in a new process, kernels in the cache", "the clock", "seconds", each=0.6),
    Row("cold", "first call in a new process, cache empty, one dtype", "the clock", "seconds", each=4.0),
    Row("memory", "peak extra memory, direct and FFT, 8192 squared", "size of the input", "extra", each=0.25),
)
SIZES = (16, 24, 32, 48, 64)
FIRST = {"direct": (512, 5), "separable": (512, 15), "fft": (1024, 63)}
PYTHON = ("direct", "separable", "terms", "fft", "passes")
MEMORY = {"direct": 9, "fft": 63}

FIRST_CALL = """
import json, sys, time
import numpy as np
import convkit
method, size, taps, workers = sys.argv[1], *map(int, sys.argv[2:])
x = np.random.default_rng(0).random((size, size), np.float32)
w = np.outer(np.arange(1.0, taps + 1), np.ones(taps)).astype(np.float32)
begin = time.perf_counter()
convkit.convolve(x, w, method=method, workers=workers)
print(json.dumps({"seconds": time.perf_counter() - begin}))
"""

PEAK = """
import json, resource, sys, tracemalloc
import numpy as np
import convkit
method, size, taps, workers = sys.argv[1], *map(int, sys.argv[2:])
w = (np.random.default_rng(0).random((taps, taps)) / taps**2).astype(np.float32)
small = np.ones((4 * taps, 4 * taps), np.float32)
convkit.convolve(small, w, method=method, workers=workers)
x = np.full((size, size), 0.5, np.float32)
out = np.full((size, size), 0.5, np.float32)
unit = 1 if sys.platform == "darwin" else 1024
before = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tracemalloc.start()
convkit.convolve(x, w, method=method, workers=workers, out=out)
asked = tracemalloc.get_traced_memory()[1]
resident = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"resident": resident, "asked": asked, "input": x.nbytes}))
"""


def in_a_new_process(code: str, *arguments: object, environment: Mapping[str, str] | None = None) -> dict:
    """What ``code`` prints as JSON in a new interpreter."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    variables = {**os.environ, "CONVKIT_QUIET": "1", **(environment or {})}
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"a measuring process failed: {done.stderr.strip()[-800:]}")
    return json.loads(done.stdout)


def jobs(options: Options) -> Iterable[Job]:
    if options.wants("small"):
        for size in (16, 64) if options.quick else SIZES:
            for workers in options.workers:
                yield small(size, workers)
    if options.wants("python"):
        for what in PYTHON:
            for workers in options.workers:
                yield python(what, workers)
    repeats = 1 if options.quick else 5
    for what in ("warm", "cold"):
        if options.wants(what):
            for method in ("direct",) if options.quick else FIRST:
                for workers in options.workers[:1] if options.quick else options.workers:
                    yield first(what, method, workers, repeats)
    if options.wants("memory"):
        for method in MEMORY:
            for workers in options.workers:
                yield memory(method, 1024 if options.quick else 8192, workers)


def small(size: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x, w = samples((size, size)), weights((3, 3))
        task = Task(x, w)
        rivals = {"scipy.ndimage": only(RIVALS["scipy.ndimage"](task, workers), "ndimage.convolve")}
        calls = {"convkit": lambda: convolve(x, w, workers=workers)}
        return versus(task, calls, rivals, {"small": ("scipy.ndimage",)}, workers, budget)

    return Job({"what": "small", "shape": (size, size), "taps": (3, 3)}, measure, workers)


def idle(ready: Ready, x: np.ndarray, target: np.ndarray, workers: int) -> None:
    """An engine that leaves its work undone."""


def python(what: str, workers: int) -> Job:
    x, taps = samples((64, 64)), weights((5,))
    dense = weights((5, 5)) if what in ("direct", "fft") else np.multiply.outer(taps, taps)
    if what == "terms":
        dense = dense + np.multiply.outer(taps, taps[::-1])

    def call() -> object:
        if what == "passes":
            return convolve_separable(x, [taps, taps], workers=workers)
        return convolve(x, dense, method="separable" if what == "terms" else what, workers=workers)

    def measure(budget: float) -> dict:
        call()
        with mock.patch.object(Ready, "compute", idle):
            once = []
            end = time.perf_counter() + budget
            while len(once) < 20 or time.perf_counter() < end:
                begin = time.perf_counter()
                for _ in range(100):
                    call()
                once.append((time.perf_counter() - begin) / 100)
        return {"seconds": once, "values": {"python": statistics.median(once)}}

    return Job({"what": f"python {what}", "shape": x.shape, "taps": dense.shape}, measure, workers)


def first(what: str, method: str, workers: int, repeats: int) -> Job:
    size, taps = FIRST[method]

    def measure(budget: float) -> dict:
        with tempfile.TemporaryDirectory() as folder:
            call = functools.partial(in_a_new_process, FIRST_CALL, method, size, taps, workers)
            if what == "warm":
                call(environment={"NUMBA_CACHE_DIR": folder})
            found = []
            for number in range(repeats):
                place = folder if what == "warm" else os.path.join(folder, str(number))
                found.append(call(environment={"NUMBA_CACHE_DIR": place})["seconds"])
        return {"seconds": found, "values": {what: statistics.median(found)}}

    return Job({"what": f"{what} {method}", "shape": (size, size), "taps": (taps, taps)}, measure, workers)


def memory(method: str, size: int, workers: int) -> Job:
    taps = MEMORY[method]

    def measure(budget: float) -> dict:
        found = in_a_new_process(PEAK, method, size, taps, workers)
        return {**found, "values": {"memory": max(found["resident"], found["asked"]) / found["input"]}}

    return Job({"what": f"memory {method}", "shape": (size, size), "taps": (taps, taps)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("call", __doc__, ROWS, jobs, arguments, budget=0.5)


if __name__ == "__main__":
    sys.exit(main())
