"""Edges on a CUDA device: the same names as `engines.trace`, on lines in the memory of the device.

Smoothing is two passes of the one correlate family, then one kernel takes the gradient, keeps its maxima and joins them tile
by tile, and three more join tiles. Nothing is fetched for edges; for default thresholds the counts are (64 KiB), for quantiles
all magnitudes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from convkit._core import gpu
from convkit._core.geometry import Geometry
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda import direct
from convkit.engines.cuda.grids import THREADS
from convkit.engines.trace import BAND, MANY
from convkit.kernels import link_cuda, thin_cuda
from convkit.kernels.trace import BINS

# A block and its results.
PATCH = link_cuda.Patch(2, 2, 3, 5) if gpu.SIMULATED else link_cuda.Patch(32, 8, 32, 64)
# Samples of an array: labels have 32 bits.
MOST = 1 << 31

_BYTES, _LABELS, _COUNTS = np.dtype(np.uint8), np.dtype(np.int32), np.dtype(np.int32)


class Image:
    """An image that is extended by its boundary and smoothed with odd, symmetric `taps` down columns and across rows."""

    given = False

    def __init__(self, x: Line, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any]) -> None:
        self.shape, self.work = x.shape, work
        smoothed = x
        passes = [(a, np.asarray(t, work)) for a, t in enumerate(taps)]
        for axis, weights in passes:
            halo, length = weights.size // 2 + 1, x.shape[axis] + 2
            shape = tuple(length if a == axis else n for a, n in enumerate(smoothed.shape))
            out = gpu.empty(x, shape, work)
            one = _smoothing(smoothed.shape, smoothed.dtype, weights.tobytes(), work, halo, boundary[axis], axis, gpu.current())
            one(smoothed, out)
            smoothed = out
        self.arrays = smoothed, smoothed


@lru_cache(maxsize=32)
def _smoothing(shape: tuple[int, ...], samples: np.dtype[Any], taps: bytes, work: np.dtype[Any], halo: int, boundary: str,
               axis: int, device: int) -> direct.Prepared:
    """One pass, kept on a device, whose results reach a pixel further than the samples on either side."""
    weights, length = np.frombuffer(taps, work), shape[axis] + 2
    return direct.prepare(shape, samples, weights, (Geometry(0, length, halo, halo),), (boundary,), work.type(0), (axis,))


class Field:
    """Two derivatives of an image that are given."""

    given = True

    def __init__(self, derivatives: Sequence[Line], work: np.dtype[Any]) -> None:
        self.shape, self.work = derivatives[0].shape, work
        self.arrays = derivatives[0], derivatives[1]


Source: TypeAlias = Image | Field


def _check(shape: Sequence[int]) -> None:
    if math.prod(shape) >= MOST:
        raise ValueError(f"x of shape {tuple(shape)} has {math.prod(shape)} samples; on a CUDA device edges are followed among "
                         f"fewer than {MOST}, so cut it into pieces")


def _sweep(source: Source, straight: bool, stored: bool, low: Any, high: Any, lengths: Line, marks: Line, labels: Line) -> None:
    """Store magnitudes, or mark maxima and join them tile by tile."""
    height, width = source.shape
    across, down = -(-width // PATCH.wide), -(-height // PATCH.high)
    kernel = thin_cuda.thin(PATCH, source.work.name, straight, source.given, stored)
    # Magnitudes with a neighbour on either side, and smoothed samples with two.
    numbers = (PATCH.high + 2) * (PATCH.wide + 2) + (0 if source.given else (PATCH.high + 4) * (PATCH.wide + 4))
    shared = source.work.itemsize * numbers
    first, second = source.arrays
    kernel[(across * down,), PATCH.block, first.stream, shared](first.line, second.line, low, high, lengths.line, marks.line,
                                                               labels.line, (height, width, across))


def edges(source: Source, straight: bool, low: float, high: float, out: Line) -> None:
    """Write to `out` which pixels are edges; `straight` for OpenCV's rule."""
    _check(source.shape)
    number = source.work.type
    with np.errstate(over="ignore"):
        # scikit-image hands its low threshold on as a float32.
        limits = number(low if straight else np.float32(low)), number(high)
    like = source.arrays[0]
    marks, labels = gpu.empty(like, source.shape, _BYTES), gpu.empty(like, source.shape, _LABELS)
    _sweep(source, straight, False, *limits, source.arrays[0], marks, labels)
    _follow(marks, labels, (1, *source.shape), (False, True, True), 2, out)


def magnitudes(source: Source, straight: bool) -> Line:
    """Magnitudes of all pixels, in order."""
    lengths = gpu.empty(source.arrays[0], (math.prod(source.shape),), source.work)
    nothing = source.work.type(0)
    none = gpu.sent(np.zeros(1, _BYTES)), gpu.sent(np.zeros(1, _LABELS))
    _sweep(source, straight, True, nothing, nothing, lengths, *none)
    return lengths


def histogram(source: Source, straight: bool) -> Array:
    """As `engines.trace.histogram`, of the same rows; the counts are fetched."""
    lengths = magnitudes(source, straight)
    counts = gpu.sent(np.zeros(BINS, _COUNTS), lengths.stream)
    every = 4 * BAND if math.prod(source.shape) >= MANY else BAND
    kernel = thin_cuda.count(source.work.name)
    kernel[-(-lengths.size // THREADS), THREADS, lengths.stream](lengths.line, counts.line, (source.shape[1], BAND, every))
    return gpu.fetched(counts).astype(np.int64)


def hysteresis(x: Line, low: Any, high: Any, axes: Sequence[int], connectivity: int, out: Line) -> None:
    """Write to `out` which samples above `low` hang together with one above `high`, both of the dtype of comparisons.

    `axes` are up to three, the last ones of `x`.
    """
    _check(x.shape)
    count = len(axes)
    if count > 3 or sorted(axes) != list(range(x.ndim - count, x.ndim)):
        raise ValueError(f"axes={tuple(axes)} of x of shape {x.shape} are not its last three or fewer, along which a CUDA "
                         "device follows edges; move them to the end of x, in a contiguous copy")
    shape = (1,) * (3 - x.ndim) + x.shape
    planes, (height, width) = math.prod(shape[:-2]), shape[-2:]
    kind = np.dtype(type(high))
    marks, labels = gpu.empty(x, x.shape, _BYTES), gpu.empty(x, x.shape, _LABELS)
    kernel = link_cuda.classify(PATCH, kind.name, True, count > 1, count > 1 and connectivity > 1)
    across, down = -(-width // PATCH.wide), -(-height // PATCH.high)
    kernel[(planes * across * down,), PATCH.block, x.stream](x.line, low, high, marks.line, labels.line,
                                                           (height, width, across, down))
    _follow(marks, labels, shape, tuple(a >= 3 - count for a in range(3)), connectivity, out)


@lru_cache(maxsize=16)
def _steps(along: tuple[bool, ...], connectivity: int, device: int) -> tuple[Any, int]:
    """Neighbours that come before a sample, kept on a device, and their number."""
    near = itertools.product(*[(-1, 0, 1) if some else (0,) for some in along])
    steps = [step for step in near if step < (0, 0, 0) and np.count_nonzero(step) <= connectivity]
    return gpu.sent(np.array(steps, np.int32).reshape(-1)).line, len(steps)


def _follow(marks: Line, labels: Line, shape: tuple[int, ...], along: tuple[bool, ...], connectivity: int, out: Line) -> None:
    """Join marks of volumes or images of `shape` across tiles, and write to `out` which hang together with a strong one."""
    steps, count = _steps(along, connectivity, gpu.current())
    depth, height, width = shape[-3:] if along[0] else (1, *shape[-2:])
    grid, stream = -(-marks.size // THREADS), marks.stream
    link_cuda.join(PATCH)[grid, THREADS, stream](marks.line, labels.line, steps, (depth, height, width, count))
    link_cuda.strengthen[grid, THREADS, stream](marks.line, labels.line)
    link_cuda.settle[grid, THREADS, stream](marks.line, labels.line, out.line)
