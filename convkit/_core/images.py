"""Arguments that filters and detectors share: which axes are filtered, one value per axis, and dtypes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convkit._core import checks
from convkit._core.typing import Array

Value = TypeVar("Value")


class Samples(NamedTuple):
    """What a filter works on: the array as given, the axes to filter, and dtypes of the arithmetic and of the result."""

    array: Array
    axes: tuple[int, ...]
    work: np.dtype[Any]
    result: np.dtype[Any]


def samples(x: Any, axes: Any, channel_axis: Any, dtype: Any, name: str = "x") -> Samples:
    """Check the arguments that all filters have.

    Integers and bool of up to 16 bits are computed in float32 and give float32 unless `dtype` says otherwise.
    """
    array = checks.numbers(x, name)
    kinds = checks.arithmetic(array.dtype, np.dtype(np.float32), dtype)
    return Samples(array, filter_axes(axes, array.shape, channel_axis, name), kinds.work, kinds.result)


def filter_axes(axes: Any, shape: Sequence[int], channel_axis: Any = None, name: str = "x") -> tuple[int, ...]:
    """Non-negative axes to filter, in the order given: all but `channel_axis` by default."""
    ndim = len(shape)

    def axis(value: Any, word: str) -> int:
        try:
            index = operator.index(value)
        except TypeError:
            raise TypeError(f"{word}={value!r} must be a whole number, an axis of {name}") from None
        if isinstance(value, bool) or not -ndim <= index < ndim:
            raise ValueError(f"{word}={value!r} is no axis of {name}, which has shape {tuple(shape)}; "
                             f"it may be {-ndim} to {ndim - 1}")
        return index % ndim

    channel = None if channel_axis is None else axis(channel_axis, "channel_axis")
    if axes is None:
        found = tuple(a for a in range(ndim) if a != channel)
    else:
        found = tuple(axis(a, "axes") for a in (axes if np.iterable(axes) else (axes,)))
    if len(set(found)) < len(found):
        raise ValueError(f"axes={axes!r} names an axis twice; each may be filtered once")
    if channel in found:
        raise ValueError(f"axes={axes!r} holds the channel axis {channel_axis!r}; leave it out of axes, or out of channel_axis")
    if not found:
        raise ValueError(f"{name} of shape {tuple(shape)} has no axis to filter (channel_axis={channel_axis!r}, axes={axes!r})")
    return found


def per_axis(value: Any, name: str, count: int, convert: Callable[[Any, str], Value]) -> tuple[Value, ...]:
    """One value for each of `count` axes: `value` for all, or a sequence of as many.

    ``convert(item, name)`` checks one of them.
    """
    if not np.iterable(value) or isinstance(value, str):
        return (convert(value, name),) * count
    items = list(value)
    if len(items) != count:
        raise ValueError(f"{name}={value!r} has {len(items)} values for {count} axes; give one for all, or one per axis")
    return tuple(convert(item, f"{name}[{i}]") for i, item in enumerate(items))


def number(value: Any, name: str, *, above: float | None = None, least: float | None = None) -> float:
    """A finite real number, larger than `above`, or at least `least`."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r} must be a number") from None
    bound = "" if above is None and least is None else f" above {above:g}" if above is not None else f" of at least {least:g}"
    if not np.isfinite(result) or (above is not None and result <= above) or (least is not None and result < least):
        raise ValueError(f"{name}={value!r} is not allowed; give a finite number{bound}")
    return result
