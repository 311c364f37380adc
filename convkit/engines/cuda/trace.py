"""Edges on a CUDA device: the same names as `engines.trace`, on lines in the memory of the device.

Smoothing is one pass of the one correlate family for each axis; then one kernel (of volumes two) takes the gradient, keeps its
maxima and joins them tile by tile, and three more join tiles. Nothing is fetched for edges; for default thresholds the counts
are (64 KiB), for quantiles all magnitudes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.geometry import Geometry
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda import direct
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.launches import Launches
from convkit.engines.cuda.masks import BYTES, averaged, kept
from convkit.engines.cuda.pointwise import ready
from convkit.engines.trace import BAND, MANY
from convkit.kernels import link_cuda, thin_cuda, thin_volume_cuda
from convkit.kernels.trace import BINS

# A block and its results; and one that marches through volumes.
PATCH = link_cuda.Patch(2, 2, 3, 5) if gpu.SIMULATED else link_cuda.Patch(32, 8, 32, 64)
SLAB = thin_volume_cuda.Slab(3, 2, 2) if gpu.SIMULATED else thin_volume_cuda.Slab(32, 8, 16)
# Samples of an array: labels have 32 bits.
MOST = 1 << 31

_LABELS, _COUNTS = np.dtype(np.int32), np.dtype(np.int32)


class Source:
    """An image or a volume that is smoothed, with one sample more on every side; or its derivatives, if they are `given`."""

    def __init__(self, arrays: Sequence[Line], shape: tuple[int, ...], work: np.dtype[Any], given: bool) -> None:
        _check(shape)
        self.arrays, self.shape, self.work, self.given = tuple(arrays), shape, work, given
        self._lengths: Line | None = None

    @property
    def lines(self) -> list[Any]:
        """The numbers of an array for each axis: of what is smoothed the same one."""
        return [self.arrays[i if self.given else 0].line for i in range(len(self.shape))]

    @property
    def how(self) -> tuple[Any, ...]:
        """What launches depend on."""
        return self.shape, self.work, self.given, gpu.current()

    def lengths(self, straight: bool) -> Line:
        """Magnitudes of all samples, which a volume keeps until its maxima are marked."""
        if self._lengths is not None:
            return self._lengths
        like = self.arrays[0]
        lengths = gpu.empty(like, self.shape, self.work)
        if len(self.shape) == 2:
            nothing = self.work.type(0)
            byte, label = _nothing(gpu.current())
            launch, sizes = _thinning(PATCH, *self.how, straight, True, False)
            launch(like.stream, *self.lines, nothing, nothing, lengths.line, byte.line, byte.line, label.line, sizes)
            return lengths
        launch, sizes = _measuring(SLAB, *self.how)
        if self.given:
            launch(like.stream, *self.lines, lengths.line)
        else:
            launch(like.stream, like.line, lengths.line, sizes)
        self._lengths = lengths
        return lengths

    def mark(self, straight: bool, low: Any, high: Any, valid: Line | None, marks: Line, labels: Line) -> None:
        """Mark maxima, and join them tile by tile."""
        # Without a mask some array takes its place, which nobody reads.
        inside = marks if valid is None else valid
        rest = low, high, inside.line, marks.line, labels.line
        if len(self.shape) == 2:
            launch, sizes = _thinning(PATCH, *self.how, straight, False, valid is not None)
            launch(marks.stream, *self.lines, *rest[:2], self.lines[0], *rest[2:], sizes)
        else:
            launch, sizes = _marking(PATCH, *self.how, valid is not None)
            launch(marks.stream, *self.lines, self.lengths(straight).line, *rest, sizes)
            self._lengths = None


def of_image(x: Line, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any], valid: Line | None) -> Source:
    """An image or a volume extended by its boundary and smoothed with odd, symmetric taps, one for each axis."""
    if valid is None:
        smoothed = _smoothed(x, taps, boundary, work)
    else:
        smoothed = averaged(_smoothed(kept(x, valid, work), taps, boundary, work), _smoothed(valid, taps, boundary, work))
    return Source((smoothed,), x.shape, work, False)


def _smoothed(x: Line, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any]) -> Line:
    for axis, t in enumerate(taps):
        weights = np.asarray(t, work)
        out = gpu.empty(x, tuple(n + 2 * (a == axis) for a, n in enumerate(x.shape)), work)
        one = _smoothing(x.shape, x.dtype, weights.tobytes(), work, weights.size // 2 + 1, boundary[axis], axis, gpu.current())
        one(x, out)
        x = out
    return x


@lru_cache(maxsize=32)
def _smoothing(shape: tuple[int, ...], samples: np.dtype[Any], taps: bytes, work: np.dtype[Any], halo: int, boundary: str,
               axis: int, device: int) -> direct.Prepared:
    """One pass, kept on a device, whose results reach a pixel further than the samples on either side."""
    weights, length = np.frombuffer(taps, work), shape[axis] + 2
    return direct.prepare(shape, samples, weights, (Geometry(0, length, halo, halo),), (boundary,), work.type(0), (axis,))


def of_derivatives(derivatives: Sequence[Line], work: np.dtype[Any]) -> Source:
    """An image or a volume of which the derivatives along its axes are given."""
    return Source(derivatives, derivatives[0].shape, work, True)


def _check(shape: Sequence[int]) -> None:
    if math.prod(shape) >= MOST:
        raise ValueError(f"x of shape {tuple(shape)} has {math.prod(shape)} samples; on a CUDA device edges are followed among "
                         f"fewer than {MOST}, so cut it into pieces")


@lru_cache(maxsize=4)
def _nothing(device: int) -> tuple[Line, Line]:
    """Marks and labels where none are wanted, kept on a device."""
    return gpu.sent(np.zeros(1, BYTES)), gpu.sent(np.zeros(1, _LABELS))


def _tiles(patch: link_cuda.Patch, height: int, width: int) -> tuple[int, int]:
    """Tiles across and down."""
    return -(-width // patch.wide), -(-height // patch.high)


@lru_cache(maxsize=64)
def _thinning(patch: link_cuda.Patch, shape: tuple[int, int], work: np.dtype[Any], given: bool, device: int, straight: bool,
              stored: bool, masked: bool) -> tuple[Launches, tuple[int, ...]]:
    """The sweep over an image, and its sizes."""
    across, down = _tiles(patch, *shape)
    # Magnitudes with a neighbour on either side, and smoothed samples with two.
    numbers = (patch.high + 2) * (patch.wide + 2) + (0 if given else (patch.high + 4) * (patch.wide + 4))
    kernel = thin_cuda.thin(patch, work.name, straight, given, stored, masked)
    return Launches(kernel, (across * down,), patch.block, work.itemsize * numbers), (*shape, across)


@lru_cache(maxsize=64)
def _measuring(slab: thin_volume_cuda.Slab, shape: tuple[int, int, int], work: np.dtype[Any], given: bool,
               device: int) -> tuple[Launches, tuple[int, ...]]:
    """Magnitudes of a volume, and its sizes."""
    depth, height, width = shape
    if given:
        return Launches(thin_volume_cuda.norms(work.name), (-(-math.prod(shape) // THREADS),), (THREADS,)), ()
    across, down = -(-width // slab.lanes), -(-height // slab.warps)
    grid = across * down * -(-depth // slab.deep)
    return Launches(thin_volume_cuda.lengths(slab, work.name), (grid,), (slab.lanes, slab.warps)), (*shape, across, down)


@lru_cache(maxsize=64)
def _marking(patch: link_cuda.Patch, shape: tuple[int, int, int], work: np.dtype[Any], given: bool, device: int,
             masked: bool) -> tuple[Launches, tuple[int, ...]]:
    """Maxima of a volume, and its sizes."""
    across, down = _tiles(patch, *shape[1:])
    kernel = thin_volume_cuda.maxima(patch, work.name, given, masked)
    return Launches(kernel, (shape[0] * across * down,), patch.block), (*shape, across, down)


def edges(source: Source, straight: bool, low: float, high: float, valid: Line | None, out: Line) -> None:
    """Write to `out` which pixels are edges; `straight` for OpenCV's rule; those not `valid` are none."""
    number, shape = source.work.type, source.shape
    with np.errstate(over="ignore"):
        # scikit-image hands its low threshold on as a float32.
        limits = number(low if straight else np.float32(low)), number(high)
    like = source.arrays[0]
    marks, labels = gpu.empty(like, shape, BYTES), gpu.empty(like, shape, _LABELS)
    source.mark(straight, *limits, valid, marks, labels)
    _follow(marks, labels, (1,) * (3 - len(shape)) + shape, (len(shape) == 3, True, True), len(shape), out)


def magnitudes(source: Source, straight: bool) -> Line:
    """Magnitudes of all pixels, in order."""
    return source.lengths(straight)


def histogram(source: Source, straight: bool, valid: Line | None) -> Array:
    """As `engines.trace.histogram`, of the same rows; the counts are fetched."""
    lengths, shape = source.lengths(straight), source.shape
    counts = gpu.sent(np.zeros(BINS, _COUNTS), lengths.stream)
    every = 4 * BAND if len(shape) == 2 and math.prod(shape) >= MANY else BAND
    kernel = thin_cuda.count(source.work.name, valid is not None)
    inside = _nothing(gpu.current())[0] if valid is None else valid
    grid, stream = -(-lengths.size // (THREADS * thin_cuda.EACH)), lengths.stream
    ready(kernel, (grid,), THREADS, stream)(lengths.line, inside.line, counts.line, (shape[-1], BAND, every))
    return gpu.fetched(counts).astype(np.int64)


def hysteresis(x: Line, low: Any, high: Any, count: int, connectivity: int, out: Line) -> None:
    """Write to `out` which samples above `low` hang together with one above `high`, both of the dtype of comparisons.

    Samples are neighbours along the last `count` axes, up to three.
    """
    _check(x.shape)
    shape = (1,) * (3 - x.ndim) + x.shape
    marks, labels = gpu.empty(x, x.shape, BYTES), gpu.empty(x, x.shape, _LABELS)
    launch, sizes = _classifying(PATCH, shape, np.dtype(type(high)), count, connectivity, gpu.current())
    launch(x.stream, x.line, low, high, marks.line, labels.line, sizes)
    _follow(marks, labels, shape, tuple(a >= 3 - count for a in range(3)), connectivity, out)


@lru_cache(maxsize=64)
def _classifying(patch: link_cuda.Patch, shape: tuple[int, ...], kind: np.dtype[Any], count: int, connectivity: int,
                 device: int) -> tuple[Launches, tuple[int, ...]]:
    """Marks of samples above thresholds, joined tile by tile, and their sizes."""
    across, down = _tiles(patch, *shape[-2:])
    kernel = link_cuda.classify(patch, kind.name, True, count > 1, count > 1 and connectivity > 1)
    return Launches(kernel, (math.prod(shape[:-2]) * across * down,), patch.block), (*shape[-2:], across, down)


@lru_cache(maxsize=64)
def _following(patch: link_cuda.Patch, size: int, along: tuple[bool, ...], connectivity: int,
               device: int) -> tuple[Any, int, tuple[Launches, ...]]:
    """Neighbours that come before a sample, kept on a device, their number, and what joins tiles."""
    near = itertools.product(*[(-1, 0, 1) if some else (0,) for some in along])
    steps = [step for step in near if step < (0, 0, 0) and np.count_nonzero(step) <= connectivity]
    kernels = link_cuda.join(patch), link_cuda.strengthen, link_cuda.settle
    launches = tuple(Launches(kernel, (-(-size // THREADS),), (THREADS,)) for kernel in kernels)
    return gpu.sent(np.array(steps, np.int32).reshape(-1)).line, len(steps), launches


def _follow(marks: Line, labels: Line, shape: tuple[int, ...], along: tuple[bool, ...], connectivity: int, out: Line) -> None:
    """Join marks of volumes or images of `shape` across tiles, and write to `out` which hang together with a strong one."""
    steps, count, (join, strengthen, settle) = _following(PATCH, marks.size, along, connectivity, gpu.current())
    depth, height, width = shape[-3:] if along[0] else (1, *shape[-2:])
    join(marks.stream, marks.line, labels.line, steps, (depth, height, width, count))
    strengthen(marks.stream, marks.line, labels.line)
    settle(marks.stream, marks.line, labels.line, out.line)
