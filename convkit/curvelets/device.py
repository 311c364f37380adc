"""Curvelet transforms on a CUDA device, whose coefficients stay there, in an array of the library of the samples."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks
from convkit._core.device import resident
from convkit._core.typing import Array
from convkit.curvelets import arguments
from convkit.curvelets.continuation import Continuation


class Items(NamedTuple):
    """Coefficients of a batch: those of item n are `size` numbers of a `line` from ``first + n * pitch`` on."""

    line: Any
    first: int
    pitch: int
    batch: tuple[int, ...]


class Numbers:
    """Numbers on a device that are cut along their last axis, viewed as pairs and shaped as those of an array of NumPy are.

    Only the shape makes an array: a view, of the library of the samples.
    """

    def __init__(self, buffer: Any, items: Items, start: int, dtype: np.dtype[Any]) -> None:
        self._buffer, self._items, self._start, self.dtype = buffer, items, start, dtype

    def __getitem__(self, key: tuple[Any, slice]) -> Numbers:
        return Numbers(self._buffer, self._items, key[-1].start, self.dtype)

    def view(self, dtype: np.dtype[Any]) -> Numbers:
        """The same numbers as complex ones."""
        return Numbers(self._buffer, self._items, self._start, dtype)

    def reshape(self, *shape: int) -> Any:
        """An array of these numbers."""
        from convkit._core import gpu

        line, first, pitch, batch = self._items
        width, size = line.dtype.itemsize, self.dtype.itemsize
        within, offset = shape[len(batch) :], (first + self._start) * width
        outer = [pitch * width * math.prod(batch[i + 1 :]) for i in range(len(batch))]
        strides = (*outer, *(size * math.prod(within[i + 1 :]) for i in range(len(within))))
        if gpu.SIMULATED:
            memory = line.line._ary.view(np.uint8)
            return type(line.line)(np.ndarray(shape, self.dtype, memory, offset, strides), line.stream)
        told = {"shape": shape, "typestr": self.dtype.str, "data": (line.address + offset, False), "strides": strides,
                "version": 3}
        described = SimpleNamespace(__cuda_array_interface__=told, memory=self._buffer)
        library = type(self._buffer).__module__.partition(".")[0]
        if library == "torch":
            return sys.modules[library].as_tensor(described, device=self._buffer.device)
        if library == "cupy":
            return sys.modules[library].asarray(described)
        return _ready_on(line.stream, gpu.cuda.as_cuda_array(described, sync=False))


def viewed(buffer: Any) -> Numbers:
    """Coefficients on a device, to be cut into those of bands."""
    items = _items(buffer)
    return Numbers(buffer, items, 0, items.line.dtype)


def forward(plan: Any, x: Any) -> Any:
    """Coefficients of samples, as `Curvelets.forward` has them: of those of a device in an array of their kind there."""
    from convkit._core import gpu
    from convkit.engines.cuda import strides, wedge

    if not resident(x):
        host = plan._samples(x)
        batch = host.shape[: host.ndim - len(plan.shape)]
        samples = gpu.sent(host)
        memory = gpu.taken((*batch, plan.size), host.dtype, 0)
        _analysis(plan, samples, Items(memory, 0, plan.size, batch))
        return gpu.fetched(memory)
    with gpu.located(x):
        line = strides.seen(x, "x")
        checks.numbers(line.stand_in, "x")
        arguments.check_samples(line.shape, plan.axes, plan.shape)
        kind = plan._kind(line.stand_in, "x")
        samples = wedge.moved(line, plan.axes, kind)
        buffer = _buffer(plan, line, samples.shape[: samples.ndim - len(plan.shape)], kind)
        _analysis(plan, samples, _items(buffer))
        return buffer


def inverse(plan: Any, buffer: Any) -> Any:
    """Samples that coefficients stand for, as `Curvelets.inverse` has them; of those of the host in its memory."""
    from convkit._core import gpu
    from convkit.engines.cuda import wedge

    if not resident(buffer):
        memory = gpu.sent(buffer)
        samples = gpu.taken((*memory.shape[:-1], *plan.shape), memory.dtype, 0)
        _synthesis(plan, Items(memory, 0, plan.size, memory.shape[:-1]), samples)
        return np.moveaxis(gpu.fetched(samples), range(-len(plan.shape), 0), plan.axes)
    with gpu.located(buffer):
        items = _items(buffer)
        # Its axes in the order of the caller's samples.
        shape = np.moveaxis(np.broadcast_to(0, (*items.batch, *plan.shape)), range(-len(plan.shape), 0), plan.axes).shape
        y = gpu.empty(items.line, shape, items.line.dtype)
        samples = wedge.room_for(y, plan.axes)
        _synthesis(plan, items, samples)
        if samples is not y:
            wedge.put_back(samples, plan.axes, y)
        return y.owner


def unraveled(plan: Any, v: Any) -> Any:
    """An array on a device as the coefficients of a plan: itself, where its complex ones can be read in their places."""
    from convkit._core import gpu
    from convkit.engines.cuda import strides, wedge

    with gpu.located(v):
        found = gpu.found(v, "v")
        kind = plan._kind(checks.numbers(found.stand_in, "v"), "v")
        arguments.check_size(found.shape[-1], plan.size)
        given = _items(v)
        if given.line.dtype == kind and _readable(plan, given):
            return v
        line = wedge.moved(strides.in_order(found), (-1,), kind)
        made = _buffer(plan, given.line, line.shape[:-1], kind)
        strides.copy(line, gpu.found(made, "v"))
        return made


def copied(plan: Any, buffer: Any) -> Any:
    """Coefficients on a device that can be changed without changing these."""
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    with gpu.located(buffer):
        items = _items(buffer)
        made = _buffer(plan, items.line, items.batch, items.line.dtype)
        strides.copy(gpu.found(buffer, "the coefficients"), gpu.found(made, "the coefficients"))
        return made


def thresholded(plan: Any, buffer: Any, limits: Sequence[Array], soft: bool) -> Any:
    """A copy of coefficients on a device without those of a modulus below the limit of their band: coarse ones all stay."""
    from convkit._core import gpu
    from convkit.engines.cuda import shrink, wedge

    with gpu.located(buffer):
        made = copied(plan, buffer)
        line, first, pitch, batch = _items(made)
        within = [float(limits[band.scale][band.wedge]) if band.scale else 0.0 for band in plan._tables.bands]
        width = 1 if plan.real else 2
        numbers = wedge.reals(line)[first * width :]
        shrink.by_modulus(numbers, pitch * width, math.prod(batch), plan._tables, within, soft, line.stream)
        return made


def _analysis(plan: Any, samples: Any, items: Items) -> None:
    """Write the coefficients of samples, whose transformed axes are the last ones."""
    from convkit._core import gpu
    from convkit.engines.cuda import mirror, wedge

    if plan._continuation is not None:
        mirrors = _mirrors(gpu.current(), plan._continuation, wedge.reals(samples).dtype, True)
        samples = mirror.along(samples, mirrors, range(len(items.batch), samples.ndim))
    values, numbers, width = wedge.reals(samples), wedge.reals(items.line), 1 if plan.real else 2
    step = math.prod(plan._extended) * width
    for n in range(math.prod(items.batch)):
        wedge.analysis(values, n * step, plan._tables, numbers, (items.first + n * items.pitch) * width, samples)


def _synthesis(plan: Any, items: Items, samples: Any) -> None:
    """Write the samples that coefficients stand for."""
    from convkit._core import gpu
    from convkit.engines.cuda import mirror, wedge

    line, first, pitch, batch = items
    whole = samples if plan._continuation is None else gpu.taken((*batch, *plan._extended), samples.dtype, line.stream)
    values, numbers, width = wedge.reals(whole), wedge.reals(line), 1 if plan.real else 2
    step = math.prod(plan._extended) * width
    for n in range(math.prod(batch)):
        wedge.synthesis(numbers, (first + n * pitch) * width, plan._tables, values, n * step, line)
    if plan._continuation is not None:
        mirrors = _mirrors(gpu.current(), plan._continuation, values.dtype, False)
        mirror.along(whole, mirrors[::-1], range(len(batch), whole.ndim)[::-1], samples)


@lru_cache(maxsize=8)
def _mirrors(device: int, continuation: Continuation, dtype: np.dtype[Any], extending: bool) -> list[Any]:
    """What continues samples, or folds them, axis by axis, with its tables on a device."""
    from convkit.engines.cuda.mirror import Mirror

    if extending:
        return [Mirror(n, *continuation.images(axis, dtype)) for axis, n in enumerate(continuation.shape)]
    return [Mirror(n, *continuation.folds(axis, dtype)) for axis, n in enumerate(continuation.extended)]


def _buffer(plan: Any, like: Any, batch: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    """Memory for coefficients in which the complex ones of a real plan lie at multiples of their size."""
    from convkit._core import gpu

    first, pitch = 0, plan.size
    if plan.real:
        first, pitch = plan._tables.bands[0].numbers % 2, plan.size + (plan.size % 2 if batch else 0)
    if not first and pitch == plan.size:
        return gpu.empty(like, (*batch, pitch), kind).owner
    memory = gpu.empty(like, (first + math.prod(batch) * pitch,), kind).owner[first:].reshape((*batch, pitch))
    return _ready_on(like.stream, memory[(*(slice(None) for _ in batch), slice(plan.size))])


def _ready_on(stream: Any, array: Any) -> Any:
    """An array whose numbers are written in a stream, which those of Numba forget when they are shaped."""
    if getattr(array, "__cuda_ndarray__", False):
        array.stream = stream
    return array


def _readable(plan: Any, items: Items) -> bool:
    """Whether the complex coefficients of a real plan lie at multiples of their size, and none on another."""
    line, first, pitch, batch = items
    several = math.prod(batch) > 1
    if not plan.real:
        return True
    begin = line.address // line.dtype.itemsize + first + plan._tables.bands[0].numbers
    return begin % 2 == 0 and not (several and pitch % 2)


def _items(buffer: Any) -> Items:
    """Coefficients as they lie, in a copy only where items do not follow each other in equal distances."""
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    found = gpu.found(buffer, "the coefficients")
    *batch, size = found.shape
    if isinstance(found, gpu.Strided):
        outer = [(found.steps[i], math.prod(batch[i + 1 :])) for i, n in enumerate(batch) if n > 1]
        pitch = outer[-1][0] // outer[-1][1] if outer else size
        if found.steps[-1] == 1 and pitch >= size and all(step == pitch * count for step, count in outer):
            return Items(found.around, found.first, pitch, tuple(batch))
        found = strides.in_order(found)
    return Items(found, 0, size, tuple(batch))
