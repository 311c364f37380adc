"""Edges of samples on a CUDA device, or to be sent there: checked, computed, and handed back as the caller's kind of array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import checks, gpu
from convkit._core import workers as pool
from convkit._core.device import resident
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.edges import sweep
from convkit.edges.sources import Items
from convkit.engines.cuda import gradient as engine
from convkit.engines.cuda import trace
from convkit.engines.cuda.direct import store

_BOOL = np.dtype(np.bool_)


def _refused(what: str) -> ValueError:
    return ValueError(f"{what} is not computed on a CUDA device; leave it out, or compute on the CPU")


def _part(values: Line, index: int, shape: tuple[int, ...]) -> Line:
    """One of several arrays of `shape` that lie one after the other."""
    size = math.prod(shape)
    return Line(shape, values.dtype, values.line[index * size : (index + 1) * size], values.stream, values.owner)


class Device:
    """See `Place`."""

    def numbers(self, x: Any, name: str) -> Line:
        """Samples on the device, sent there if need be."""
        if not resident(x):
            return gpu.sent(checks.numbers(x, name))
        samples = gpu.seen(x, name)
        checks.numbers(samples.stand_in, name)
        return samples

    # -- gradients --------------------------------------------------------------------------------------------------------

    def detect(self, name: str, x: Any, axis: Any, scale: str, return_direction: bool, mask: Any, boundary: Any, axes: Any,
               channel_axis: Any, workers: Any, out: Any, dtype: Any) -> Any:
        """As `sweep.detect`."""
        call, samples = self._call(x, mask, boundary, axes, channel_axis, workers, dtype)
        sweep.check(scale, return_direction, axis)
        count, shape = len(call.axes), samples.shape
        with gpu.located(samples.owner):
            if not return_direction:
                target = gpu.empty(samples, shape, call.work)
                if axis is None:
                    targets = engine.Targets(magnitude=target)
                else:
                    only = call.order[sweep.place_of_axis(axis, call.users, len(shape))]
                    targets = engine.Targets(components=target, only=only)
                self._compute(call, samples, name, scale, targets)
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
            if count != 2 and call.order != tuple(range(count)):
                ascending, direction = direction, gpu.empty(samples, (count, *shape), call.work)
                for i, k in enumerate(call.order):
                    store(_part(ascending, k, shape), _part(direction, i, shape))
            return sweep.Gradient(self._finish(magnitude, call.result, first, "out[0]", x),
                                  self._finish(direction, kind, second, "out[1]", x))

    def derive(self, x: Any, name: str, scale: str, boundary: Any, axes: Any, channel_axis: Any, workers: Any,
               dtype: Any) -> tuple[Any, ...]:
        """As `sweep.derive`."""
        call, samples = self._call(x, None, boundary, axes, channel_axis, workers, dtype)
        with gpu.located(samples.owner):
            stack = gpu.empty(samples, (len(call.axes), *samples.shape), call.work)
            self._compute(call, samples, name, scale, engine.Targets(stack))
            values = self._finish(stack, call.result, None, "out", x)
        return tuple(values[i] for i in call.order)

    def _call(self, x: Any, mask: Any, boundary: Any, axes: Any, channel_axis: Any, workers: Any,
              dtype: Any) -> tuple[sweep.Fixed, Line]:
        self.allowed(x, mask, False)
        pool.resolve(workers)
        samples = self.numbers(x, "x")
        call = sweep.fixed(samples.shape, samples.dtype, False, boundary, axes, channel_axis, dtype)
        if len(call.axes) > 3:
            raise _refused(f"a gradient along {len(call.axes)} axes, more than three,")
        return call, samples

    def _compute(self, call: sweep.Fixed, samples: Line, name: str, scale: str, targets: engine.Targets) -> None:
        taps = sweep.taps_of(name, scale, len(call.axes))
        engine.gradient(samples, call.axes, call.boundary, taps, call.work, targets)

    def _finish(self, values: Line, result: np.dtype[Any], out: Any, name: str, x: Any) -> Any:
        """Values as an array of the caller's kind, of the dtype of the result, or in the caller's own array."""
        target = self._target(out, values.shape, result, name)
        if target is None and result != values.dtype:
            target = gpu.empty(values, values.shape, result)
        if target is not None:
            store(values, target)
            values = target
        return self.result(values, out, x)

    def _target(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> Line | None:
        """The caller's array on the device, checked, as one on the host is."""
        if out is None:
            return None
        target = gpu.seen(out, name) if resident(out) else None
        try:
            checks.output(out if target is None else target.stand_in, shape, dtype)
        except (TypeError, ValueError) as error:
            raise type(error)(str(error).replace("out", name, 1)) from None
        return target

    # -- edges ------------------------------------------------------------------------------------------------------------

    def allowed(self, image: Any, mask: Any, subpixel: bool) -> None:
        """Refuse what is not computed here."""
        if mask is not None or np.ma.isMaskedArray(image):
            raise _refused("a mask")
        if subpixel:
            raise _refused("subpixel=True")

    def marks(self, out: Any, like: Line) -> Line:
        """The caller's array for edges, checked, or a new one."""
        target = self._target(out, like.shape, _BOOL, "out")
        return gpu.empty(like, like.shape, _BOOL) if target is None else target

    def items(self, arrays: Sequence[Line], found: Line, order: Sequence[int]) -> Items:
        """Images of a batch, and where their edges go."""
        shape, count = found.shape, len(order)
        if count == 3:
            raise ValueError(f"a CUDA device finds edges in images only, and three axes of shape {shape} are to be looked "
                             "at; name two of them with axes=, or compute on the CPU")
        if list(order) != list(range(len(shape) - count, len(shape))):
            raise ValueError(f"axes={tuple(order)} of an image of shape {shape} are not its last, in which a CUDA device finds "
                             "edges; move them to the end, in a contiguous copy")
        inner = shape[-count:]
        for number, index in enumerate(np.ndindex(shape[:-count])):
            yield index, [_part(a, number, inner) for a in arrays], _part(found, number, inner)

    def of_image(self, x: Line, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any], mask: Any, points: bool,
                 workers: int) -> trace.Image:
        """As `sources.of_image`."""
        with gpu.located(x.owner):
            return trace.Image(x, taps, boundary, work)

    def of_derivatives(self, derivatives: Sequence[Line], work: np.dtype[Any]) -> trace.Field:
        """As `sources.of_derivatives`."""
        return trace.Field(derivatives, work)

    def edges(self, subject: trace.Source, straight: bool, low: float, high: float, valid: Any, out: Line,
              workers: int) -> None:
        """As `engines.trace.edges`."""
        with gpu.located(out.owner):
            trace.edges(subject, straight, low, high, out)

    def histogram(self, subject: trace.Source, straight: bool, valid: Any, workers: int) -> Array:
        """As `engines.trace.histogram`."""
        with gpu.located(subject.arrays[0].owner):
            return trace.histogram(subject, straight)

    def magnitudes(self, subject: trace.Source, straight: bool, workers: int) -> Array:
        """As `engines.trace.magnitudes`, fetched."""
        with gpu.located(subject.arrays[0].owner):
            return gpu.fetched(trace.magnitudes(subject, straight))

    def hysteresis(self, x: Line, low: float, high: float, axes: Sequence[int], connectivity: int, out: Line,
                   workers: int) -> None:
        """As `engines.trace.hysteresis`, of samples of any real dtype."""
        kind: Any = np.float32 if x.dtype == np.float16 else x.dtype.type if x.dtype.kind == "f" else np.float64
        with gpu.located(x.owner):
            trace.hysteresis(x, kind(low), kind(high), axes, connectivity, out)

    def result(self, found: Line, out: Any, x: Any) -> Any:
        """What the caller gets: his own array, or one of the kind of `x`."""
        if resident(out):
            return out
        if out is not None:
            out[...] = gpu.fetched(found)
            return out
        return found.owner if resident(x) else gpu.fetched(found)
