"""Derivatives along one, two or three axes and their norm on the CPU: prepared, cut into pieces, and worked on by the pool."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry
from convkit._core.typing import Array
from convkit.engines.pieces import ALONE, Box, beyond, flat, scratch
from convkit.kernels.gradient import gradient_box, memory

# Elements of a row that are done at a time: shorter lines lose to the loops that begin, longer ones leave the caches.
PANEL = 4096
# Outputs in a piece of work, and the planes that a piece of a volume has at least.
PIECE, PLANES = 1 << 17, 16
# Seconds per output in float32, roughly, of images and of volumes.
OUTPUT, OUTPUT_DEEP = 1.2e-9, 4e-9


class Taps(NamedTuple):
    """Symmetric and antisymmetric taps, both 2, 3 or 5, the factors of derivatives and of their norm.

    Two taps lie at a sample and at the one after it.
    """

    smooth: tuple[float, ...]
    difference: tuple[float, ...]
    scale: float
    post: float


class Targets(NamedTuple):
    """Where results go: C-contiguous arrays of the arithmetic's dtype, or None for what is not wanted.

    `components`, of shape (axes, *samples), takes the derivatives along the ascending axes; of shape (1, *samples) the one
    along axis number `only`. `magnitude` takes their norm, which `unit` divides them by; `angle` takes
    ``arctan2(derivative number turn, the other)`` of two, which are then no components to keep.
    """

    components: Array | None = None
    magnitude: Array | None = None
    angle: Array | None = None
    only: int | None = None
    turn: int = 0
    unit: bool = False


def gradient(x: Array, axes: tuple[int, ...], boundary: tuple[str, ...], taps: Taps, work: np.dtype[Any], targets: Targets,
             workers: int) -> None:
    """Write derivatives of `x` along up to three ascending `axes`, and what is made of them, into `targets`.

    `x` has the dtype `work`, float32 or float64, or is uint8, int16 or uint16 for float32.
    """
    first, count = axes[0], len(axes)
    if axes[-1] - first != count - 1:
        _moved(x, axes, boundary, taps, work, targets, workers)
        return
    samples, size = np.ascontiguousarray(x), x.shape
    step = math.prod(size[first + count :])
    if count < 3:
        # What comes before is a batch: of images, or of the rows of one.
        shape = (*((1,) if count == 1 else ()), math.prod(size[:first]), *size[first : first + count])
        _prepare(shape, step, count, boundary, taps, work)(samples, targets, workers)
        return
    ready = _prepare(size[first : first + 3], step, count, boundary, taps, work)
    volumes = samples.reshape(-1, *size[first:])
    for item in range(len(volumes)):
        ready(volumes[item], targets, workers, item, len(volumes))


def _moved(x: Array, axes: tuple[int, ...], boundary: tuple[str, ...], taps: Taps, work: np.dtype[Any], targets: Targets,
           workers: int) -> None:
    """As `gradient`, of samples whose axes are moved to the end for it."""
    last = tuple(range(x.ndim - len(axes), x.ndim))
    samples = np.moveaxis(x, axes, last)

    def like(target: Array | None) -> Array | None:
        return None if target is None else np.empty((*target.shape[: target.ndim - x.ndim], *samples.shape), work)

    own = targets._replace(components=like(targets.components), magnitude=like(targets.magnitude), angle=like(targets.angle))
    gradient(samples, last, boundary, taps, work, own, workers)
    for target, values in zip(targets[:3], own[:3], strict=True):
        if target is not None and values is not None:
            lead = target.ndim - x.ndim
            target[...] = np.moveaxis(values, [lead + a for a in last], [lead + a for a in axes])


@lru_cache(maxsize=64)
def _prepare(shape: tuple[int, ...], step: int, count: int, boundary: tuple[str, ...], taps: Taps,
             work: np.dtype[Any]) -> Sweep:
    return Sweep(shape, step, count, boundary, taps, work)


class Sweep:
    """A gradient along the last `count` of three axes, of samples of `shape` and of `step` elements, that waits for them."""

    def __init__(self, shape: tuple[int, ...], step: int, count: int, boundary: tuple[str, ...], taps: Taps,
                 work: np.dtype[Any]) -> None:
        number, deep = len(taps.smooth), count == 3
        before, after = (number - 1) // 2, number // 2
        words = ("",) * (3 - count) + boundary
        maps = [index_map(n, before if b else 0, after if b else 0, b) for n, b in zip(shape[:2], words[:2], strict=True)]
        ends = beyond(shape[2], Geometry(0, shape[2], before, after), boundary[-1])
        self._extent = (shape[0], shape[1], shape[2] * step)
        self._first = (shape, count, maps[0], maps[1], ends, before, step, np.array(taps.smooth, work),
                       np.array(taps.difference, work), work.type(taps.scale), work.type(taps.post))
        self._boxes = pieces(self._extent, count, (number - 1) * step)
        self._memory = memory(max(box[5] - box[4] for box in self._boxes), number, step)
        self._alone = math.prod(self._extent) * (OUTPUT_DEEP if deep else OUTPUT) < ALONE
        self._count, self._work, self._post = count, work, work.type(taps.post)
        self._none = np.empty(0, work)

    def __call__(self, x: Array, targets: Targets, workers: int, item: int = 0, items: int = 1) -> None:
        """Write the gradient of the C-contiguous `x` into `targets`, where it is one of several items."""
        samples, extent = flat(x), self._extent
        size = math.prod(extent)
        norm = self._none if targets.magnitude is None else targets.magnitude.reshape(-1)
        line = self._none if targets.components is None else targets.components.reshape(-1)
        angle = targets.angle is not None
        along = [angle or (line is not self._none and targets.only in (None, k)) for k in range(self._count)]
        # The kernel counts three axes, the last of which are those of an image.
        skipped = 3 - self._count
        wanted = (*([False] * skipped), *along, norm is not self._none)
        spread, ahead = items * size, item * size
        place = (*extent[1:], (skipped + (targets.only or 0)) * spread - ahead)

        def work(box: Box) -> None:
            buffer = scratch(self._work, self._memory, "gradient")
            if targets.angle is None:
                gradient_box(samples, *self._first, wanted, line, norm, spread, (*place, *extent[1:], -ahead), box, buffer)
                if not targets.unit:
                    return
                window = _window(box)
                parts = line.reshape(self._count, items, *extent)[:, item][(slice(None), *window)]
                lengths = norm.reshape(items, *extent)[item][window] / self._post
                np.divide(parts, lengths, out=parts, where=lengths != 0)
                return
            deep, high, wide = (box[i + 1] - box[i] for i in (0, 2, 4))
            number = deep * high * wide
            spare = scratch(self._work, 2 * number, "components")
            own = (high, wide, number + (box[0] * high + box[2]) * wide + box[4])
            gradient_box(samples, *self._first, wanted, spare, norm, number, (*own, *extent[1:], 0), box, buffer)
            parts = spare[: 2 * number].reshape(2, deep, high, wide)
            np.arctan2(parts[targets.turn], parts[1 - targets.turn], out=targets.angle.reshape(extent)[_window(box)])

        pool.run(work, self._boxes, 1 if self._alone else workers)


def _window(box: Box) -> tuple[slice, slice, slice]:
    """The piece of an array of three axes that `box` is."""
    return slice(*box[:2]), slice(*box[2:4]), slice(*box[4:])


def pieces(extent: tuple[int, int, int], count: int, reach: int) -> list[Box]:
    """Cut the outputs of `count` axes into pieces of work, without regard to the workers."""
    images, rows, columns = extent
    span = max(PANEL, 4 * reach)
    span = -(-columns // -(-columns // span))
    if span < columns:
        span = -(-span // 64) * 64
    high = min(rows, max(16, PIECE // span // (PLANES if count == 3 else 1)))
    high = -(-rows // -(-rows // high))
    together = min(images, max(1, PIECE // (high * span)))
    return [(z, min(z + together, images), y, min(y + high, rows), c, min(c + span, columns))
            for z in range(0, images, together) for y in range(0, rows, high) for c in range(0, columns, span)]
