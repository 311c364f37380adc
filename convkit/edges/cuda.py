"""Edges of samples on a CUDA device, or to be sent there: checked, computed, and handed back as the caller's kind of array."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convkit._core import checks, gpu
from convkit._core import workers as pool
from convkit._core.device import resident
from convkit._core.gpu import Line
from convkit._core.typing import Array, BoolArray
from convkit.edges import sweep
from convkit.edges.sources import Items
from convkit.edges.subpixel import MOST, MOST_BENT, NEAREST
from convkit.engines.cuda import gradient as engine
from convkit.engines.cuda import masks, strides, trace
from convkit.engines.cuda.direct import store
from convkit.engines.cuda.points import points

_BOOL = np.dtype(np.bool_)


# Axes that kernels know.
_AXES = 3


def _turn(ndim: int, last: Sequence[int]) -> tuple[int, ...]:
    """All axes, with some as the last."""
    return (*(a for a in range(ndim) if a not in last), *last)


def _part(values: Line, index: int, shape: tuple[int, ...]) -> Line:
    """One of several arrays of `shape` that lie one after the other."""
    size = math.prod(shape)
    return Line(shape, values.dtype, values.line[index * size : (index + 1) * size], values.stream, values.owner)


class Device:
    """See `Place`."""

    def numbers(self, x: Any, name: str) -> Line:
        """Samples on the device, sent there if need be."""
        if not resident(x):
            return gpu.lent(checks.numbers(x, name))
        samples = strides.seen(x, name)
        checks.numbers(samples.stand_in, name)
        return samples

    # -- gradients --------------------------------------------------------------------------------------------------------

    def detect(self, name: str, x: Any, axis: Any, scale: str, return_direction: bool, mask: Any, boundary: Any, axes: Any,
               channel_axis: Any, workers: Any, out: Any, dtype: Any) -> Any:
        """As `sweep.detect`."""
        call, samples = self._call(x, boundary, axes, channel_axis, workers, dtype)
        sweep.check(scale, return_direction, axis)
        count, shape = len(call.axes), samples.shape
        with gpu.located(samples.owner):
            inside = self._mask(x, mask, samples, lambda x, mask: sweep.valid_samples(x, mask, shape, call.users))
            if inside is not None:
                own = sorted(call.users)
                inside = masks.eroded(inside, own if inside.shape == shape else range(count), False)
            if not return_direction:
                target = gpu.empty(samples, shape, call.work)
                if axis is None:
                    targets = engine.Targets(magnitude=target)
                else:
                    only = call.order[sweep.place_of_axis(axis, call.users, len(shape))]
                    targets = engine.Targets(components=target, only=only)
                self._compute(call, samples, name, scale, targets)
                if inside is not None:
                    masks.blank(target, inside, shape, own)
                return self._finish(target, call.result, out, "out", x)
            kind = call.result if call.result.kind == "f" else call.work
            first, second = sweep.pair(out)
            magnitude = gpu.empty(samples, shape, call.work)
            if count == 2:
                direction = gpu.empty(samples, shape, call.work)
                targets = engine.Targets(magnitude=magnitude, angle=direction, turn=call.order[0])
            else:
                direction = gpu.empty(samples, (count, *shape), call.work)
                targets = engine.Targets(direction, magnitude, unit=True)
            self._compute(call, samples, name, scale, targets)
            if inside is not None:
                masks.blank(magnitude, inside, shape, own)
                masks.blank(direction, inside, shape, own)
            if count != 2 and call.order != tuple(range(count)):
                ascending, direction = direction, gpu.empty(samples, (count, *shape), call.work)
                for i, k in enumerate(call.order):
                    store(_part(ascending, k, shape), _part(direction, i, shape))
            return sweep.Gradient(self._finish(magnitude, call.result, first, "out[0]", x),
                                  self._finish(direction, kind, second, "out[1]", x))

    def derive(self, x: Any, name: str, scale: str, boundary: Any, axes: Any, channel_axis: Any, workers: Any,
               dtype: Any) -> tuple[Any, ...]:
        """As `sweep.derive`."""
        call, samples = self._call(x, boundary, axes, channel_axis, workers, dtype)
        with gpu.located(samples.owner):
            stack = gpu.empty(samples, (len(call.axes), *samples.shape), call.work)
            self._compute(call, samples, name, scale, engine.Targets(stack))
            values = self._finish(stack, call.result, None, "out", x)
        return tuple(values[i] for i in call.order)

    def _call(self, x: Any, boundary: Any, axes: Any, channel_axis: Any, workers: Any, dtype: Any) -> tuple[sweep.Fixed, Line]:
        pool.resolve(workers)
        samples = self.numbers(x, "x")
        call = sweep.fixed(samples.shape, samples.dtype, False, boundary, axes, channel_axis, dtype)
        if len(call.axes) > _AXES:
            raise ValueError(f"a gradient along {len(call.axes)} axes, more than three, is not computed on a CUDA device; name "
                             "three of them with axes=, or compute on the CPU")
        return call, samples

    def _mask(self, x: Any, mask: Any, like: Line, check: Callable[[Any, Any], BoolArray | None]) -> Line | None:
        """A mask on the device that `check` finds right, in one shape or another; it finds that of a masked array `x`, too."""
        with gpu.located(like.owner):
            if resident(mask):
                given = gpu.moved(strides.seen(mask, "mask"), like.stream)
                if not np.ma.isMaskedArray(x):
                    check(None, given.stand_in)
                    return given
                mask = gpu.fetched(given)
            found = check(x, mask)
            return None if found is None else gpu.sent(found, like.stream)

    def _compute(self, call: sweep.Fixed, samples: Line, name: str, scale: str, targets: engine.Targets) -> None:
        taps = sweep.taps_of(name, scale, len(call.axes))
        engine.gradient(samples, call.axes, call.boundary, taps, call.work, targets)

    def _finish(self, values: Line, result: np.dtype[Any], out: Any, name: str, x: Any) -> Any:
        """Values as an array of the caller's kind, of the dtype of the result, or in the caller's own array."""
        target = self._target(out, values.shape, result, name)
        with gpu.ordered(values, target):
            if isinstance(target, Line) or result != values.dtype:
                stored = target if isinstance(target, Line) else gpu.empty(values, values.shape, result)
                store(values, stored)
                values = stored
            return self.result(values, out, x)

    def _target(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> Line | gpu.Strided | None:
        """The caller's array on the device, checked, as one on the host is."""
        if out is None:
            return None
        target = strides.target(out, name) if resident(out) else None
        try:
            checks.output(out if target is None else target.stand_in, shape, dtype)
        except (TypeError, ValueError) as error:
            raise type(error)(str(error).replace("out", name, 1)) from None
        return target

    # -- edges ------------------------------------------------------------------------------------------------------------

    def marks(self, out: Any, like: Line) -> Line:
        """The caller's array for edges, checked, or a new one; `result` copies to arrays of other streams."""
        target = self._target(out, like.shape, _BOOL, "out")
        straight = isinstance(target, Line) and target.stream is like.stream
        return target if isinstance(target, Line) and straight else gpu.empty(like, like.shape, _BOOL)

    def valid(self, image: Any, mask: Any, like: Line) -> Line | None:
        """As `checks.valid_samples`."""
        return self._mask(image, mask, like, lambda image, mask: checks.valid_samples(image, mask, like.shape, "image"))

    def untouched(self, mask: Line) -> Line:
        """As `sources.untouched`."""
        with gpu.located(mask.owner):
            return masks.eroded(mask, range(mask.ndim), True)

    def items(self, arrays: Sequence[Line], found: Line, order: Sequence[int]) -> Items:
        """Images or volumes of a batch, and where their edges go."""
        moved, target = self._turned(arrays, found, order)
        lead = found.ndim - len(order)
        inner = target.shape[lead:]
        for number, index in enumerate(np.ndindex(target.shape[:lead])):
            yield index, [_part(a, number, inner) for a in moved], _part(target, number, inner)
        self._turn_back(target, found, order)

    def _turned(self, arrays: Sequence[Line], found: Line, order: Sequence[int]) -> tuple[Sequence[Line], Line]:
        """Arrays with the ascending axes `order` as the last, and where their edges go."""
        turn = _turn(found.ndim, order)
        if turn == tuple(range(found.ndim)):
            return arrays, found
        with gpu.located(found.owner):
            moved = [strides.in_order(strides.turned(a, turn)) for a in arrays]
            return moved, gpu.empty(arrays[0], moved[0].shape, _BOOL)

    def _turn_back(self, target: Line, found: Line, order: Sequence[int]) -> None:
        if target is not found:
            with gpu.located(found.owner):
                strides.copy(target, strides.turned(found, _turn(found.ndim, order)))

    def of_image(self, x: Line, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any], mask: Line | None,
                 points: bool, workers: int) -> trace.Source:
        """As `sources.of_image`."""
        with gpu.located(x.owner):
            return trace.of_image(x, taps, boundary, work, mask)

    def of_derivatives(self, derivatives: Sequence[Line], work: np.dtype[Any]) -> trace.Source:
        """As `sources.of_derivatives`."""
        return trace.of_derivatives(derivatives, work)

    def edges(self, subject: trace.Source, straight: bool, low: float, high: float, valid: Line | None, out: Line,
              workers: int) -> None:
        """As `engines.trace.edges`."""
        with gpu.located(out.owner):
            trace.edges(subject, straight, low, high, valid, out)

    def histogram(self, subject: trace.Source, straight: bool, valid: Line | None, workers: int) -> Array:
        """As `engines.trace.histogram`."""
        with gpu.located(subject.arrays[0].owner):
            return trace.histogram(subject, straight, valid)

    def magnitudes(self, subject: trace.Source, straight: bool, workers: int) -> Array:
        """As `engines.trace.magnitudes`, fetched."""
        with gpu.located(subject.arrays[0].owner):
            return gpu.fetched(trace.magnitudes(subject, straight))

    def traced(self, index: tuple[int, ...], subject: trace.Source, found: Line) -> tuple[tuple[int, ...], trace.Source]:
        """What is kept of an item until all edges are found."""
        return index, subject

    def points(self, traced: Sequence[tuple[tuple[int, ...], trace.Source]], found: Line, order: Sequence[int], x: Any) -> Any:
        """As `subpixel.in_row_order`."""
        with gpu.located(found.owner):
            return self.result(points(found, traced, order, (NEAREST, MOST, MOST_BENT)), None, x)

    def hysteresis(self, x: Line, low: float, high: float, axes: Sequence[int], connectivity: int, out: Line,
                   workers: int) -> None:
        """As `engines.trace.hysteresis`, of samples of any real dtype."""
        if len(axes) > _AXES:
            raise ValueError(f"axes={tuple(axes)} of x of shape {x.shape} are {len(axes)}, and a CUDA device follows edges "
                             "along up to three; name three of them, or compute on the CPU")
        kind: Any = np.float32 if x.dtype == np.float16 else x.dtype.type if x.dtype.kind == "f" else np.float64
        # Which of them comes first is nothing to neighbours.
        order = sorted(axes)
        [samples], target = self._turned([x], out, order)
        with gpu.located(x.owner):
            trace.hysteresis(samples, kind(low), kind(high), len(order), connectivity, target)
        self._turn_back(target, out, order)

    def result(self, found: Line, out: Any, x: Any) -> Any:
        """What the caller gets: his own array, or one of the kind of `x`."""
        if resident(out):
            target = strides.target(out, "out")
            if isinstance(target, gpu.Strided) or target.address != found.address:
                with gpu.ordered(found, target):
                    strides.copy(found, target)
            return out
        if out is not None:
            out[...] = gpu.fetched(found)
            return out
        return found.owner if resident(x) else gpu.fetched(found)
