"""Changes of sign on a CUDA device, and how large samples are: the same names as `engines.crossings`, on lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.kernels import crossings_cuda as kernels

# Blocks that add numbers, whose sums are fetched.
PARTS = 2 if gpu.SIMULATED else 1024
# Numbers of an array that are counted in 32 bits.
MOST = 1 << 31


def size(values: Line) -> tuple[float, float]:
    """Mean and largest absolute value of what is finite, NaN where nothing is: this waits for the device."""
    work = np.dtype(values.dtype if values.dtype.kind == "f" and values.dtype.itemsize > 2 else
                    np.float32 if values.dtype.itemsize <= 2 else np.float64)
    with gpu.located(values.owner):
        blocks = min(PARTS, -(-values.size // THREADS))
        sums, most = (gpu.taken((blocks,), work, values.stream) for _ in range(2))
        counts = gpu.taken((blocks,), np.dtype(np.int32), values.stream)
        launch = ready(kernels.sizes(work.name, THREADS), (blocks,), THREADS, values.stream)
        launch(values.line, sums.line, counts.line, most.line)
        total, count = gpu.fetched(sums).sum(dtype=np.float64), gpu.fetched(counts).sum(dtype=np.int64)
        if not count:
            return math.nan, math.nan
        return float(total / count), float(gpu.fetched(most).max())


def crossings(values: Line, slope: Any, out: Line, workers: int) -> None:
    """Write to `out` where values change their sign along an axis, by at least `slope`, a number of their dtype."""
    sizes = [number for axis, n in enumerate(values.shape) for number in (n, math.prod(values.shape[axis + 1 :]))]
    with gpu.located(values.owner):
        kernel = kernels.crossings(values.ndim, values.dtype.name, values.size >= MOST)
        ready(kernel, (-(-values.size // THREADS),), THREADS, values.stream)(values.line, out.line, slope, tuple(sizes))
