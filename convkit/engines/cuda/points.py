"""Edges between pixels on a CUDA device: one point for each edge pixel, in row order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.engines.cuda.trace import Source
from convkit.kernels import points_cuda as kernels

_COUNTS, _PLACES, _POINTS = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float64)


def points(found: Line, items: Sequence[tuple[tuple[int, ...], Source]], axes: Sequence[int],
           limits: tuple[float, float, float]) -> Line:
    """Points of the edges that are `found`, of shape (k, found.ndim) and float64.

    `items` are positions along all but the two or three ascending `axes`, and what edges were found in there; `limits` those of
    `edges.subpixel`. How many there are is fetched, with a count for each 4096 pixels.
    """
    places, shape = _places(found), found.shape
    made = gpu.empty(found, (places.size, found.ndim), _POINTS)
    if not places.size:
        return made
    grid, stream = -(-places.size // THREADS), found.stream
    ready(kernels.pixels, (grid,), THREADS, stream)(places.line, made.line, _lengths(shape, gpu.current()))
    steps = [math.prod(shape[a + 1 :]) for a in range(found.ndim)]
    others = [a for a in range(found.ndim) if a not in axes]
    flat = [0] * (3 - len(axes))
    own = *(1 for _ in flat), *(shape[a] for a in axes), *(1 for _ in flat), *(steps[a] for a in axes), *flat, *axes
    for index, source in items:
        begin = sum(i * steps[a] for i, a in zip(index, others, strict=True))
        kernel = kernels.offsets(source.work.name, len(axes) == 3, source.given)
        lines, sizes = source.lines, tuple(map(int, (found.ndim, begin, *own)))
        launch = ready(kernel, (grid,), THREADS, stream)
        launch(*lines, *lines[:1] * (3 - len(lines)), places.line, made.line, limits, sizes)
    return made


@lru_cache(maxsize=16)
def _lengths(shape: tuple[int, ...], device: int) -> Any:
    """The lengths of axes, kept on a device."""
    return gpu.sent(np.array(shape, np.int64)).line


def _places(found: Line) -> Line:
    """Where marks are, in order: counted by blocks, whose sums are made on the host, which has to know how many there are."""
    blocks, stream = -(-found.size // (THREADS * kernels.EACH)), found.stream
    counts = gpu.empty(found, (blocks,), _COUNTS)
    ready(kernels.tally(THREADS), (blocks,), THREADS, stream)(found.line, counts.line)
    ends = np.cumsum(gpu.fetched(counts), dtype=np.int64)
    places = gpu.empty(found, (int(ends[-1]),), _PLACES)
    if places.size:
        starts = gpu.sent(np.concatenate([ends[:1] * 0, ends[:-1]]))
        ready(kernels.gather(THREADS), (blocks,), THREADS, stream)(found.line, starts.line, places.line)
    return places
