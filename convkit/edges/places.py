"""Where samples lie, and so which engine finds edges in them: the one choice between the CPU and a CUDA device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from convkit._core import checks
from convkit._core.device import on_device
from convkit._core.typing import Array, BoolArray
from convkit.edges import sweep
from convkit.edges.sources import Items, Subject, of_derivatives, of_image, untouched
from convkit.edges.subpixel import in_row_order, located
from convkit.engines import trace


class Place(Protocol):
    """What the detectors ask of the place of samples."""

    def detect(self, name: str, x: Any, axis: Any, scale: str, return_direction: bool, mask: Any, boundary: Any, axes: Any,
               channel_axis: Any, workers: Any, out: Any, dtype: Any) -> Any:
        """As `sweep.detect`."""

    def derive(self, x: Any, name: str, scale: str, boundary: Any, axes: Any, channel_axis: Any, workers: Any,
               dtype: Any) -> tuple[Any, ...]:
        """As `sweep.derive`."""

    def numbers(self, x: Any, name: str) -> Any:
        """Samples that are checked, with a shape and a dtype."""

    def valid(self, image: Any, mask: Any, like: Any) -> Any:
        """As `checks.valid_samples`, for samples `like` these."""

    def untouched(self, mask: Any) -> Any:
        """As `sources.untouched`."""

    def marks(self, out: Any, like: Any) -> Any:
        """The caller's array for edges, checked, or a new one, for samples `like` these."""

    def items(self, arrays: Sequence[Any], found: Any, order: Sequence[int]) -> Items:
        """Images or volumes of a batch, whose axes `order` names, and where their edges go."""

    def of_image(self, x: Any, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any], mask: Any,
                 points: bool, workers: int) -> Any:
        """As `sources.of_image`."""

    def of_derivatives(self, derivatives: Sequence[Any], work: np.dtype[Any]) -> Any:
        """As `sources.of_derivatives`."""

    def edges(self, subject: Any, straight: bool, low: float, high: float, valid: Any, out: Any,
              workers: int) -> None:
        """As `engines.trace.edges`."""

    def histogram(self, subject: Any, straight: bool, valid: Any, workers: int) -> Array:
        """As `engines.trace.histogram`."""

    def magnitudes(self, subject: Any, straight: bool, workers: int) -> Array:
        """As `engines.trace.magnitudes`, in the memory of the host."""

    def traced(self, index: tuple[int, ...], subject: Any, found: Any) -> Any:
        """What is kept of an item whose edges are `found`, for points."""

    def points(self, traced: Sequence[Any], found: Any, order: Sequence[int], x: Any) -> Any:
        """As `subpixel.in_row_order`, of what was `traced`: an array of the kind of `x`."""

    def hysteresis(self, x: Any, low: float, high: float, axes: Sequence[int], connectivity: int, out: Any,
                   workers: int) -> None:
        """As `engines.trace.hysteresis`, of samples of any real dtype."""

    def result(self, found: Any, out: Any, x: Any) -> Any:
        """What the caller gets."""


class Host:
    """NumPy arrays and what becomes one."""

    detect = staticmethod(sweep.detect)
    derive = staticmethod(sweep.derive)
    numbers = staticmethod(checks.numbers)
    of_image = staticmethod(of_image)
    of_derivatives = staticmethod(of_derivatives)
    untouched = staticmethod(untouched)

    def valid(self, image: Any, mask: Any, like: Array) -> BoolArray | None:
        """As `checks.valid_samples`."""
        return checks.valid_samples(image, mask, like.shape, "image")

    def marks(self, out: Any, like: Array) -> BoolArray:
        """The caller's array for edges, checked, or a new one."""
        return np.empty(like.shape, np.bool_) if out is None else checks.output(out, like.shape, np.dtype(np.bool_))

    def items(self, arrays: Sequence[Array], found: BoolArray, order: Sequence[int]) -> Items:
        """Images or volumes of a batch, and where their edges go."""
        last = tuple(range(-len(order), 0))
        moved, marks = [np.moveaxis(a, order, last) for a in arrays], np.moveaxis(found, order, last)
        for index in np.ndindex(marks.shape[: -len(order)]):
            item = marks[index]
            target = item if item.flags.c_contiguous else np.empty(item.shape, np.bool_)
            yield index, [a[index] for a in moved], target
            if target is not item:
                item[...] = target

    def edges(self, subject: Subject, straight: bool, low: float, high: float, valid: BoolArray | None, out: BoolArray,
              workers: int) -> None:
        """As `engines.trace.edges`."""
        trace.edges(subject.source, straight, low, high, valid, out, workers)

    def histogram(self, subject: Subject, straight: bool, valid: BoolArray | None, workers: int) -> Array:
        """As `engines.trace.histogram`."""
        return trace.histogram(subject.source, straight, valid, workers)

    def magnitudes(self, subject: Subject, straight: bool, workers: int) -> Array:
        """As `engines.trace.magnitudes`."""
        return trace.magnitudes(subject.source, straight, workers)

    def traced(self, index: tuple[int, ...], subject: Subject, found: BoolArray) -> Array:
        """Points of an item."""
        return located(index, subject.sample, found)

    def points(self, traced: Sequence[Array], found: BoolArray, order: Sequence[int], x: Any) -> Array:
        """As `subpixel.in_row_order`."""
        return in_row_order(traced, found.shape, order)

    def hysteresis(self, x: Array, low: float, high: float, axes: Sequence[int], connectivity: int, out: BoolArray,
                   workers: int) -> None:
        """As `engines.trace.hysteresis`, of samples of any real dtype."""
        if x.dtype.kind == "b" or x.dtype == np.float16:
            x = x.astype(np.uint8 if x.dtype.kind == "b" else np.float32)
        x = x.astype(x.dtype.newbyteorder("="), copy=False)
        # As NumPy compares: in the dtype of the samples if that is a float's.
        kind = x.dtype.type if x.dtype.kind == "f" else np.float64
        line = x.ndim == 1
        target = out if out.flags.c_contiguous else np.empty(x.shape, np.bool_)
        trace.hysteresis(x[None] if line else x, kind(low), kind(high), [a + line for a in axes], connectivity,
                         target[None] if line else target, workers)
        if target is not out:
            out[...] = target

    def result(self, found: BoolArray, out: Any, x: Any) -> BoolArray:
        """What the caller gets."""
        return found


HOST = Host()


def place_of(x: Any, device: Any) -> Place:
    """Where to compute: on the device where `x` lies, or that the caller names, else on the host."""
    if not on_device(x, device):
        return HOST
    from convkit.edges.cuda import Device

    return Device()
