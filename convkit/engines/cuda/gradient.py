"""Derivatives along one, two or three axes and their norm on a CUDA device: the same names as `engines.gradient`."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import gpu
from convkit._core.geometry import Geometry
from convkit._core.gpu import Line
from convkit.engines.cuda import strides
from convkit.engines.cuda.direct import LONGEST
from convkit.engines.cuda.grids import SHARED
from convkit.engines.cuda.launches import Launches
from convkit.engines.gradient import Taps
from convkit.engines.pieces import beyond
from convkit.kernels import gradient_cuda as kernels
from convkit.kernels.gradient_march_cuda import Columns, march
from convkit.kernels.simd_cuda import VECTOR

# A block, and the rows of results of one, if shared memory has room for so many.
SPAN, HIGH = (kernels.Span(2, 2, 5), 3) if gpu.SIMULATED else (kernels.Span(32, 8, 64), 32)
# A block of threads that march down images; rows of a thread at most, and blocks that a device should have.
COLUMNS, STRIP, BLOCKS = (Columns(2, 2), 2, 1) if gpu.SIMULATED else (Columns(32, 8), 16, 512)


class Targets(NamedTuple):
    """As `engines.gradient.Targets`, on the device."""

    components: Line | None = None
    magnitude: Line | None = None
    angle: Line | None = None
    only: int | None = None
    turn: int = 0
    unit: bool = False


def gradient(x: Line, axes: tuple[int, ...], boundary: tuple[str, ...], taps: Taps, work: np.dtype[Any],
             targets: Targets) -> None:
    """Write derivatives of `x` along up to three ascending `axes`, and what is made of them, into `targets`.

    `x` is real, of any dtype.
    """
    first, count = axes[0], len(axes)
    if axes[-1] - first != count - 1:
        _moved(x, axes, boundary, taps, work, targets)
        return
    wanted = _wanted(count, targets)
    _prepare(x.shape, first, count, boundary, taps, work, wanted, targets.only, gpu.current())(x, targets)


def _moved(x: Line, axes: tuple[int, ...], boundary: tuple[str, ...], taps: Taps, work: np.dtype[Any],
           targets: Targets) -> None:
    """As `gradient`, of samples whose axes are moved to the end for it."""
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    samples = strides.in_order(strides.turned(x, order))

    def turned(target: Line) -> gpu.Strided:
        lead = target.ndim - x.ndim
        return strides.turned(target, (*range(lead), *(lead + a for a in order)))

    own = [None if t is None else gpu.empty(x, turned(t).shape, work) for t in targets[:3]]
    gradient(samples, tuple(range(x.ndim - len(axes), x.ndim)), boundary, taps, work, targets._replace(
        components=own[0], magnitude=own[1], angle=own[2]))
    for target, values in zip(targets[:3], own, strict=True):
        if target is not None and values is not None:
            strides.copy(values, turned(target))


def _wanted(count: int, targets: Targets) -> kernels.Wanted:
    skipped = 3 - count
    first, second, third = (targets.components is not None and k >= skipped and targets.only in (None, k - skipped)
                            for k in range(3))
    angle = None if targets.angle is None else targets.turn
    return kernels.Wanted(first, second, third, targets.magnitude is not None, targets.unit, angle)


@lru_cache(maxsize=64)
def _prepare(shape: tuple[int, ...], first: int, count: int, boundary: tuple[str, ...], taps: Taps, work: np.dtype[Any],
             wanted: kernels.Wanted, only: int | None, device: int) -> Sweep:
    """What is kept lies on the device of that number."""
    return Sweep(shape, first, count, boundary, taps, work, wanted, only)


class Sweep:
    """A gradient along `count` axes from the `first` on, of samples of `shape`, that waits for them."""

    def __init__(self, shape: tuple[int, ...], first: int, count: int, boundary: tuple[str, ...], taps: Taps,
                 work: np.dtype[Any], wanted: kernels.Wanted, only: int | None) -> None:
        number, skipped = len(taps.smooth), 3 - count
        before, after = (number - 1) // 2, number // 2
        step = math.prod(shape[first + count :])
        lead = math.prod(shape[:first])
        # What comes before the axes is a batch: of volumes, of images, or of the rows of one.
        batch = {1: (1, lead), 2: (lead,), 3: ()}[count]
        depth, height, width = *batch, *shape[first : first + count]
        planes = depth * (lead if count == 3 else 1)
        tables = [beyond(n, Geometry(0, n, before, after) if k >= skipped else Geometry(0, n, 0, 0),
                         boundary[k - skipped] if k >= skipped else "zero") for k, n in enumerate((depth, height, width))]
        columns = tables[2][:, None]
        tables[2] = np.where(columns < 0, -1, columns * step + np.arange(step)).reshape(-1)
        distance = min(step, SPAN.wide)
        pitch = SPAN.pitch(number, distance)

        def shared(high: int) -> int:
            return work.itemsize * SPAN.shared(count, number, high, pitch)

        high = min(HIGH, height)
        while shared(high) > SHARED:
            high -= 1
        across, down = -(-width * step // SPAN.wide), -(-height // high)
        if max(planes * across * down, height, width * step) >= LONGEST:
            raise ValueError(f"x of shape {shape} is too large for a CUDA device, which takes fewer than {LONGEST} numbers "
                             "along an axis, and fewer tiles of results")
        spread = math.prod(shape)
        places = [spread * (k - skipped if only is None else 0) for k in range(3)]
        self._sizes = tuple(map(int, (depth, height, width * step, across, down, high, step, pitch, before,
                                      tables[0].size, tables[0].size + tables[1].size, *places)))
        factors = work.type(taps.scale), work.type(taps.post)
        self._taps = (*map(work.type, (*taps.smooth, *taps.difference)), *factors, factors[0] * factors[1])
        # One more: there is no memory of no numbers.
        self._beyond = gpu.sent(np.append(np.concatenate(tables), 0).astype(np.int32)).line
        kernel = kernels.gradient(SPAN, work.name, count, number, wanted, step == 1)
        self._launch = Launches(kernel, (planes * across * down,), (SPAN.lanes, SPAN.warps), shared(high))
        self._marches: tuple[Launches, ...] = ()
        if count == 2 and number == 3 and step == 1 and width % (VECTOR // work.itemsize) == 0:
            strip = STRIP
            across = -(-width // (COLUMNS.lanes * VECTOR // work.itemsize))
            while strip > 2 and planes * across * -(-height // (COLUMNS.warps * strip)) < BLOCKS:
                strip //= 2
            down = -(-height // (COLUMNS.warps * strip))
            self._strips = tuple(map(int, (height, width, across, down, strip, tables[1].size, *places[1:])))
            grid = (planes * across * down,)
            self._marches = tuple(Launches(march(COLUMNS, work.name, vectors, wanted), grid, tuple(COLUMNS))
                                  for vectors in (False, True))
        self._work = work

    def __call__(self, x: Line, targets: Targets) -> None:
        """Write the gradient of `x` into `targets`."""
        parts = targets.components or targets.angle or targets.magnitude
        norms = targets.magnitude or parts
        assert parts is not None
        assert norms is not None
        if self._marches and parts.address % VECTOR == norms.address % VECTOR == 0:
            launch = self._marches[x.dtype == self._work and x.address % VECTOR == 0]
            launch(x.stream, x.line, self._beyond, parts.line, norms.line, self._taps, self._strips)
        else:
            self._launch(x.stream, x.line, self._beyond, parts.line, norms.line, self._taps, self._sizes)
