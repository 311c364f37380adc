"""Mirror images beyond the outline of samples on a CUDA device: added before a transform, and folded back after one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array, IntArray
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.engines.cuda.wedge import reals
from convkit.kernels.mirror_cuda import combine


class Mirror:
    """Numbers along an axis of `length` as weighted sums: `sources` and `weights` have a row for each term.

    What they are sums of is numbered from 0 on; -1 is no term.
    """

    def __init__(self, length: int, sources: IntArray, weights: Array) -> None:
        self._before, self.length = length, sources.shape[1]
        self._sources = gpu.sent(sources.astype(np.int32).ravel()).line
        self._weights = gpu.sent(weights.ravel()).line
        self._kernel = combine(weights.dtype.name)

    def __call__(self, x: Line, axis: int, out: Line) -> None:
        """Write the sums along an axis of `x` into `out`, in the order of the stream of `x`."""
        values, results = reals(x), reals(out)
        total, width = int(results.size), 2 if x.dtype.kind == "c" else 1
        inner = width * math.prod(x.shape[axis + 1 :])
        launch = ready(self._kernel, (-(-total // THREADS),), THREADS, x.stream)
        launch(values, self._sources, self._weights, results, self._before, self.length, inner, total)


def along(x: Line, mirrors: Sequence[Mirror], axes: Sequence[int], out: Any = None) -> Line:
    """Sums along one axis after the other, into `out` at last."""
    for number, (mirror, axis) in enumerate(zip(mirrors, axes, strict=True), 1):
        shape = (*x.shape[:axis], mirror.length, *x.shape[axis + 1 :])
        made = out if out is not None and number == len(axes) else gpu.taken(shape, x.dtype, x.stream)
        mirror(x, axis, made)
        x = made
    return x
