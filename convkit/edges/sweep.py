"""How gradient operators are computed: arguments, order of memory, masks, and the engine that takes all derivatives at once."""

from __future__ import annotations

import math
import operator as operators
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.images import samples
from convkit._core.typing import Array, BoolArray
from convkit.convolution import convolve_separable
from convkit.convolution.problem import finish, readable, target_for

if TYPE_CHECKING:
    from convkit.engines.gradient import Taps, Targets

# Taps as published: across the derivative, and along it.
TAPS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "sobel": ((1, 2, 1), (-1, 0, 1)),
    "scharr": ((3, 10, 3), (-1, 0, 1)),
    "prewitt": ((1, 1, 1), (-1, 0, 1)),
    "roberts": ((1, 1), (-1, 1)),
    "farid": ((0.0376593171958126, 0.249153396177344, 0.426374573253687, 0.249153396177344, 0.0376593171958126),
              (-0.109603762960254, -0.276690988455557, 0, 0.276690988455557, 0.109603762960254)),
}
OPERATORS = tuple(TAPS)
SCALES = ("unit", "raw", "skimage")


class Gradient(NamedTuple):
    """Magnitude and direction of a gradient, as `sobel` describes them."""

    magnitude: Array
    direction: Array


def factors(name: str, scale: str) -> tuple[float, float]:
    """What the published taps are multiplied by, those that smooth and those that differentiate."""
    smooth, difference = TAPS[name]
    if scale == "raw" or (scale == "skimage" and name == "farid"):
        return 1.0, 1.0
    middle = (len(difference) - 1) // 2
    ramp = math.fsum((i - middle) * d for i, d in enumerate(difference))
    return 1 / math.fsum(smooth), 1.0 if scale == "skimage" and name != "roberts" else 1 / ramp


class _Call(NamedTuple):
    """Arguments that are checked; samples in the order in which they lie in memory.

    `axes` ascend in `x`; ``order[i]`` says which of them the i-th axis of the user's is. `turned`: `x` is the transpose of
    the user's array.
    """

    x: Array
    axes: tuple[int, ...]
    order: tuple[int, ...]
    boundary: tuple[str, ...]
    turned: bool
    work: np.dtype[Any]
    result: np.dtype[Any]
    workers: int
    users: tuple[int, ...]


class Fixed(NamedTuple):
    """What of a call does not depend on the samples."""

    axes: tuple[int, ...]
    order: tuple[int, ...]
    boundary: tuple[str, ...]
    work: np.dtype[Any]
    result: np.dtype[Any]
    users: tuple[int, ...]


def _fix(shape: tuple[int, ...], kind: np.dtype[Any], turned: bool, boundary: Any, axes: Any, channel_axis: Any,
         dtype: Any) -> Fixed:
    _, users, work, result = samples(np.broadcast_to(np.zeros((), kind), shape), axes, channel_axis, dtype)
    if kind.kind == "c":
        raise TypeError(f"x has dtype {kind}; gradients are those of real samples: filter x.real and x.imag apart")
    if result.kind == "c":
        raise TypeError(f"dtype={dtype!r} is complex, and gradients of real samples are real; give a real dtype")
    names = normalize(boundary, len(users))
    where = [len(shape) - 1 - a for a in users] if turned else list(users)
    ascending = sorted(where)
    return Fixed(tuple(ascending), tuple(ascending.index(a) for a in where),
                  tuple(names[where.index(a)] for a in ascending), work, result, users)


# Checking arguments costs as much as filtering an image of 32 x 32.
_remembered = lru_cache(maxsize=256, typed=True)(_fix)


def fixed(*arguments: Any) -> Fixed:
    """As `_fix`, remembered where the arguments can be."""
    try:
        hash(arguments)
    except TypeError:
        return _fix(*arguments)
    return _remembered(*arguments)


def _arrange(x: Any, boundary: Boundary, axes: Any, channel_axis: Any, workers: Any, dtype: Any) -> _Call:
    count = pool.resolve(workers)
    array = checks.numbers(x, "x")
    turned = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    where, order, names, work, result, users = fixed(array.shape, array.dtype, turned, boundary, axes, channel_axis, dtype)
    return _Call(readable(array.T if turned else array, work), where, order, names, turned, work, result, count, users)


@lru_cache(maxsize=64)
def taps_of(name: str, scale: str, count: int) -> Taps:
    """Taps of an operator along `count` axes, for the engine."""
    from convkit.engines import gradient as engine

    across, along = factors(name, scale)
    post = 1 / math.sqrt(count) if scale == "skimage" and name != "roberts" else 1.0
    return engine.Taps(*TAPS[name], across ** (count - 1) * along, post)


def _compute(call: _Call, name: str, scale: str, targets: Targets) -> None:
    from convkit.engines import gradient as engine

    taps = taps_of(name, scale, len(call.axes))
    if len(call.axes) <= 3:
        engine.gradient(call.x, call.axes, call.boundary, taps, call.work, targets, call.workers)
    else:
        _axis_by_axis(call, taps, targets)


def _axis_by_axis(call: _Call, taps: Taps, targets: Targets) -> None:
    """As the engine's sweep, along any number of axes, one derivative after the other."""
    count = len(call.axes)
    # Two taps lie at i and i - 1 of convolutions: of the samples backwards, they lie at i and i + 1.
    back = len(taps.smooth) % 2 == 0
    turn = tuple(slice(None, None, -1) if back and a in call.axes else slice(None) for a in range(call.x.ndim))
    smooth, difference = np.array(taps.smooth), np.array(taps.difference[:: 1 if back else -1])
    squares = None if targets.magnitude is None else np.zeros(call.x.shape, call.work)
    for k in range(count) if targets.only is None else (targets.only,):
        values = call.x[turn]
        for i in range(0, count, 3):
            group = range(i, min(i + 3, count))
            weights = [difference if j == k else smooth for j in group]
            values = convolve_separable(values, weights, boundary=[call.boundary[j] for j in group],
                                        axes=[call.axes[j] for j in group], dtype=call.work, workers=call.workers)
        values = values[turn]
        values *= call.work.type(taps.scale)
        if targets.components is not None:
            targets.components[0 if targets.only is not None else k] = values
        if squares is not None:
            values *= values
            squares += values
    if squares is not None and targets.magnitude is not None:
        np.sqrt(squares, out=squares)
        np.multiply(squares, call.work.type(taps.post), out=targets.magnitude)
        if targets.unit and targets.components is not None:
            np.divide(targets.components, squares, out=targets.components, where=squares != 0)


def valid_samples(x: Any, mask: Any, shape: tuple[int, ...], users: Sequence[int]) -> BoolArray | None:
    """Where samples of `shape` are valid, of a mask of that shape or of that of the filtered axes; None for everywhere."""
    if mask is not None:
        mask = np.asarray(mask)
        own = tuple(n if a in users else 1 for a, n in enumerate(shape))
        if mask.shape == tuple(shape[a] for a in sorted(users)):
            mask = np.broadcast_to(mask.reshape(own), shape)
    return checks.valid_samples(x, mask, shape)


def _inside(x: Any, call: _Call, mask: Any) -> BoolArray | None:
    """Where the samples and all their neighbours along the filtered axes are valid; None for everywhere."""
    valid = valid_samples(x, mask, call.x.shape[::-1] if call.turned else call.x.shape, call.users)
    if valid is None:
        return None
    for axis in call.users:
        last = np.moveaxis(valid, axis, -1)
        inner = np.zeros(last.shape, np.bool_)
        inner[..., 1:-1] = last[..., :-2] & last[..., 1:-1] & last[..., 2:]
        valid = np.moveaxis(inner, -1, axis)
    return valid.T if call.turned else valid


def _place(out: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], call: _Call) -> Array | None:
    """The caller's array for a result of `shape` in the user's order, in that of memory."""
    if out is None:
        return None
    try:
        given = checks.output(out, shape, dtype)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("out", name, 1)) from None
    lead = given.ndim - call.x.ndim
    return _turn(given, lead) if call.turned else given


def _turn(array: Array, lead: int = 0) -> Array:
    """The transpose, but for the first `lead` axes."""
    return array.transpose(*range(lead), *range(array.ndim - 1, lead - 1, -1))


def check(scale: str, return_direction: bool, axis: Any) -> None:
    """Check arguments that do not depend on the samples."""
    checks.word(scale, "scale", SCALES)
    if return_direction and axis is not None:
        raise ValueError("return_direction=True gives magnitude and direction of the whole gradient, but "
                         f"axis={axis!r} asks for the derivative along one axis; leave one of them out")


def detect(name: str, x: Any, axis: Any, scale: str, return_direction: bool, mask: Any, boundary: Boundary, axes: Any,
           channel_axis: Any, workers: Any, out: Any, dtype: Any) -> Any:
    """Magnitude, derivative, or magnitude and direction, for the functions that users call."""
    from convkit.engines.gradient import Targets

    check(scale, return_direction, axis)
    call = _arrange(x, boundary, axes, channel_axis, workers, dtype)
    inside = _inside(x, call, mask)
    shape = call.x.shape[::-1] if call.turned else call.x.shape
    if return_direction:
        return _with_direction(name, scale, call, inside, shape, out, x)
    place = _place(out, "out", shape, call.result, call)
    target = np.empty(call.x.shape, call.work) if out is None else target_for(place, call.x.shape, call.work, np.asarray(x))
    if axis is None:
        targets = Targets(magnitude=target)
    else:
        targets = Targets(components=target[None], only=call.order[place_of_axis(axis, call.users, len(shape))])
    _compute(call, name, scale, targets)
    if inside is not None:
        target[~inside] = 0
    values = finish(target, call.result, place)
    return out if out is not None else values.T if call.turned else values


def place_of_axis(axis: Any, users: tuple[int, ...], ndim: int) -> int:
    """Which of the filtered axes `axis` is."""
    try:
        index = operators.index(axis)
    except TypeError:
        raise TypeError(f"axis={axis!r} must be a whole number, an axis of x, or None for the magnitude") from None
    if isinstance(axis, bool) or not -ndim <= index < ndim or index % ndim not in users:
        raise ValueError(f"axis={axis!r} is not filtered; it may be {', '.join(map(str, sorted(users)))}, or None for the "
                         "magnitude")
    return users.index(index % ndim)


def _with_direction(name: str, scale: str, call: _Call, inside: BoolArray | None, shape: tuple[int, ...], out: Any,
                    x: Any) -> Gradient:
    from convkit.engines.gradient import Targets

    kind = call.result if call.result.kind == "f" else call.work
    count = len(call.axes)
    lead = () if count == 2 else (count,)
    first, second = pair(out)
    places = (_place(first, "out[0]", shape, call.result, call), _place(second, "out[1]", (*lead, *shape), kind, call))
    magnitude = target_for(places[0], call.x.shape, call.work, np.asarray(x))
    straight = call.order == tuple(range(count)) or count == 2
    direction = target_for(places[1] if straight else None, (*lead, *call.x.shape), call.work, np.asarray(x), magnitude)
    if count == 2:
        targets = Targets(magnitude=magnitude, angle=direction, turn=call.order[0])
    else:
        targets = Targets(direction, magnitude, unit=True)
    _compute(call, name, scale, targets)
    if inside is not None:
        magnitude[~inside] = 0
        direction[..., ~inside] = 0
    if not straight:
        direction = direction[list(call.order)]
    results = finish(magnitude, call.result, places[0]), finish(direction, kind, places[1])
    if out is not None:
        return Gradient(first, second)
    return Gradient(*(_turn(r, r.ndim - len(shape)) if call.turned else r for r in results))


def pair(out: Any) -> tuple[Any, Any]:
    """Where magnitude and direction go."""
    if out is None:
        return None, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(f"out={type(out).__name__} is no pair; with return_direction=True give two arrays, "
                        "(magnitude, direction)")
    return out


def derive(x: Any, name: str, scale: str, boundary: Boundary, axes: Any, channel_axis: Any, workers: Any,
           dtype: Any) -> tuple[Array, ...]:
    """Derivatives along all filtered axes, one array each, in the user's order."""
    from convkit.engines.gradient import Targets

    call = _arrange(x, boundary, axes, channel_axis, workers, dtype)
    stack = np.empty((len(call.axes), *call.x.shape), call.work)
    _compute(call, name, scale, Targets(stack))
    values = finish(stack, call.result, None)
    return tuple(values[i].T if call.turned else values[i] for i in call.order)
