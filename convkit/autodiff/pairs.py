"""Operations as pairs of a result and its vector-Jacobian product, by the rules in `convkit.autodiff.tape`.

All are functions of arrays; `x` is any shape unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from convkit._core.device import Remote
from convkit._core.typing import Array, IntArray
from convkit.autodiff.places import brought, zeros
from convkit.autodiff.rules import BY_RESULT, PARTIALS
from convkit.autodiff.tape import Vjp

Pair: TypeAlias = tuple[Any, Vjp]
Dim: TypeAlias = int | Sequence[int] | None


def axes_of(dim: Dim, ndim: int) -> tuple[int, ...]:
    """The axes that `dim` names, from 0 on; all for None."""
    if dim is None:
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int | np.integer) else tuple(dim)
    for d in given:
        if not -ndim <= d < ndim:
            allowed = f"allowed are {-ndim} to {ndim - 1}" if ndim else "it is a single number"
            raise ValueError(f"dim={dim!r}: axis {d} does not exist in a Tensor of {ndim} axes; {allowed}")
    axes = tuple(int(d) % ndim for d in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"dim={dim!r} names an axis of a Tensor of {ndim} axes twice; each may appear once")
    return axes


# Elementwise, one operand.


def _elementary(function: np.ufunc) -> Callable[[Any], Pair]:
    partial, = PARTIALS[function]

    def pair(x: Any) -> Pair:
        y = function(x)
        held = (y, None) if function in BY_RESULT else (None, x)
        return y, lambda g, wanted: (g * partial(*held),)

    return pair


absolute = _elementary(np.absolute)
cos = _elementary(np.cos)
exp = _elementary(np.exp)
log = _elementary(np.log)
sin = _elementary(np.sin)
sqrt = _elementary(np.sqrt)
tanh = _elementary(np.tanh)


def negative(x: Any) -> Pair:
    """``-x``."""
    return -x, lambda g, wanted: (-g,)


def clip(x: Any, *, least: Any, most: Any) -> Pair:
    """`x` held between two bounds; the gradient passes where x lies within them, the bounds included."""
    inside: Any = True
    if least is not None:
        inside = x >= least
    if most is not None:
        inside = (x <= most) & inside
    return np.clip(x, least, most), lambda g, wanted: (g * inside,)


# Elementwise, two operands. The tape sums over the axes along which one was stretched.


def add(a: Any, b: Any) -> Pair:
    """``a + b``."""
    return a + b, lambda g, wanted: (g, g)


def subtract(a: Any, b: Any) -> Pair:
    """``a - b``."""
    return a - b, lambda g, wanted: (g, -g if wanted[1] else None)


def multiply(a: Any, b: Any) -> Pair:
    """``a * b``."""
    return a * b, lambda g, wanted: (g * b if wanted[0] else None, g * a if wanted[1] else None)


def divide(a: Any, b: Any) -> Pair:
    """``a / b``."""
    return a / b, lambda g, wanted: (g / b if wanted[0] else None, -g * a / (b * b) if wanted[1] else None)


def power(a: Any, b: Any) -> Pair:
    """``a ** b``; in `b` the gradient is 0 where a is 0 and b is not negative."""
    y = a**b

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        by_base = g * PARTIALS[np.power][0](y, a, b) if wanted[0] else None
        if not wanted[1]:
            return by_base, None
        flat = np.equal(a, 0) & np.greater_equal(b, 0)
        return by_base, g * y * np.log(np.where(flat, 1, a))

    return y, vjp


def _extreme(function: np.ufunc, beats: np.ufunc) -> Callable[[Any, Any], Pair]:
    def pair(a: Any, b: Any) -> Pair:
        def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
            tie = 0.5 * np.equal(a, b)
            first = beats(a, b) + tie
            return g * first, g * (beats(b, a) + tie)

        return function(a, b), vjp

    return pair


maximum = _extreme(np.maximum, np.greater)
minimum = _extreme(np.minimum, np.less)


def where(condition: Any, a: Any, b: Any) -> Pair:
    """`a` where `condition` holds, else `b`."""
    return np.where(condition, a, b), lambda g, wanted: (
        None, np.where(condition, g, 0) if wanted[1] else None, np.where(condition, 0, g) if wanted[2] else None)


def matmul(a: Any, b: Any) -> Pair:
    """``a @ b`` as NumPy's: matrices in the last two axes, a vector for one axis."""

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        rows = a[None, :] if a.ndim == 1 else a
        columns = b[:, None] if b.ndim == 1 else b
        if a.ndim == 1:
            g = np.expand_dims(g, -1 if b.ndim == 1 else -2)
        if b.ndim == 1:
            g = np.expand_dims(g, -1)
        by_a = by_b = None
        if wanted[0]:
            by_a = g @ columns.swapaxes(-1, -2)
            by_a = by_a[..., 0, :] if a.ndim == 1 else by_a
        if wanted[1]:
            by_b = rows.swapaxes(-1, -2) @ g
            by_b = by_b[..., 0] if b.ndim == 1 else by_b
        return by_a, by_b

    try:
        return a @ b, vjp
    except ValueError:
        raise ValueError(f"a @ b: a has shape {np.shape(a)} and b {np.shape(b)}; the last axis of a must be as long as the "
                         "last but one of b (or its only one), and the axes before these must stretch to each other") from None


# Reductions.


def _kept(values: Any, axes: tuple[int, ...], keepdim: bool) -> Any:
    """`values` with the reduced axes back in place, of length 1."""
    return values if keepdim else np.expand_dims(values, axes)


def total(x: Any, *, dim: Dim, keepdim: bool) -> Pair:
    """Sum over axes."""
    axes, shape = axes_of(dim, x.ndim), x.shape
    return x.sum(axis=axes, keepdims=keepdim), lambda g, wanted: (np.broadcast_to(_kept(g, axes, keepdim), shape),)


def mean(x: Any, *, dim: Dim, keepdim: bool) -> Pair:
    """Mean over axes."""
    axes, shape = axes_of(dim, x.ndim), x.shape
    count = math.prod(shape[a] for a in axes)
    y = x.sum(axis=axes, keepdims=keepdim) / count
    return y, lambda g, wanted: (np.broadcast_to(_kept(g / count, axes, keepdim), shape),)


def var(x: Any, *, dim: Dim, keepdim: bool, correction: float) -> Pair:
    """Variance over axes: squared distances from the mean, summed and divided by their number less `correction`."""
    axes = axes_of(dim, x.ndim)
    count = math.prod(x.shape[a] for a in axes) - correction
    if count <= 0:
        raise ValueError(f"the variance of {count + correction} values with correction={correction} divides by {count}; "
                         f"give more values, or correction=0")
    apart = x - x.mean(axis=axes, keepdims=True)
    y = (apart * apart).sum(axis=axes, keepdims=keepdim) / count
    return y, lambda g, wanted: (_kept(g * (2 / count), axes, keepdim) * apart,)


def _largest(function: np.ufunc) -> Callable[..., Pair]:
    def pair(x: Any, *, dim: Dim = None, keepdim: bool = False) -> Pair:
        axes = axes_of(dim, x.ndim)
        y = function.reduce(x, axis=axes, keepdims=keepdim)

        def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
            most = _kept(y, axes, keepdim)
            ties = (x == most) | (np.isnan(x) & np.isnan(most))
            return (ties * (_kept(g, axes, keepdim) / np.count_nonzero(ties, axis=axes, keepdims=True)),)

        return y, vjp

    return pair


largest = _largest(np.maximum)
smallest = _largest(np.minimum)


def select(x: Any, *, indices: IntArray, dim: int, keepdim: bool) -> Pair:
    """One element of each line along `dim`: where `indices`, of length 1 along it, point."""
    y = np.take_along_axis(x, indices, dim)
    shape = x.shape

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        result = zeros(shape, g)
        np.put_along_axis(result, indices, _kept(g, (dim,), keepdim), dim)
        return (result,)

    return y if keepdim else y.squeeze(dim), vjp


# Shapes. The results are views where NumPy's are.


def reshape(x: Any, *, shape: Sequence[int]) -> Pair:
    """The same elements in another shape."""
    before = x.shape
    return x.reshape(shape), lambda g, wanted: (g.reshape(before),)


def moved(x: Any, *, device: str) -> Pair:
    """The same numbers in the memory of the host or of a CUDA device."""
    before = "cuda" if isinstance(x, Remote) else "cpu"
    return brought(x, device), lambda g, wanted: (brought(g, before),)


def converted(x: Any, *, dtype: Any) -> Pair:
    """The same numbers in another dtype."""
    return x.astype(dtype), lambda g, wanted: (g,)


def flattened(shape: tuple[int, ...], start: int, end: int) -> tuple[int, ...]:
    """The shape in which the axes from `start` to `end`, both included, are one."""
    ndim = max(len(shape), 1)
    (first,), (last,) = axes_of(start, ndim), axes_of(end, ndim)
    if first > last:
        raise ValueError(f"start_dim={start} lies behind end_dim={end} in a Tensor of {len(shape)} axes")
    return *shape[:first], math.prod(shape[first:last + 1]), *shape[last + 1:]


def flatten(x: Any, *, start: int, end: int) -> Pair:
    """Axes from `start` to `end`, both included, made one."""
    return reshape(x, shape=flattened(x.shape, start, end))


def permute(x: Any, *, dims: Sequence[int]) -> Pair:
    """Axes in the order of `dims`."""
    order = axes_of(dims, x.ndim)
    if len(order) != x.ndim:
        raise ValueError(f"dims={tuple(dims)} names {len(order)} of the {x.ndim} axes; name each once")
    return x.transpose(order), lambda g, wanted: (g.transpose(np.argsort(order)),)


def transpose(x: Any, *, dim0: int, dim1: int) -> Pair:
    """Two axes changed for one another."""
    (first,), (second,) = axes_of(dim0, x.ndim), axes_of(dim1, x.ndim)
    return x.swapaxes(first, second), lambda g, wanted: (g.swapaxes(first, second),)


def squeeze(x: Any, *, dim: Dim) -> Pair:
    """Without axes of length 1: all of them, or those in `dim`, of which others stay."""
    axes = {a for a in axes_of(dim, x.ndim) if x.shape[a] == 1}
    return reshape(x, shape=[n for a, n in enumerate(x.shape) if a not in axes])


def unsqueeze(x: Any, *, dim: int) -> Pair:
    """With a new axis of length 1."""
    axis, = axes_of(dim, x.ndim + 1)
    return reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def concatenate(*arrays: Any, dim: int) -> Pair:
    """Arrays joined end to end along an axis that exists."""
    axis, = axes_of(dim, np.ndim(arrays[0]))
    y = np.concatenate(arrays, axis)
    ends = np.cumsum([a.shape[axis] for a in arrays])[:-1]
    return y, lambda g, wanted: np.split(g, ends, axis)


def stack(*arrays: Any, dim: int) -> Pair:
    """Arrays of one shape joined along a new axis."""
    axis, = axes_of(dim, np.ndim(arrays[0]) + 1)
    return np.stack(arrays, axis), lambda g, wanted: np.moveaxis(g, axis, 0)


def _may_repeat(index: Any) -> bool:
    """True for an index that can name an element twice: one with an array or list of integers in it."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, list | np.ndarray) and np.asarray(part).dtype.kind in "iu" for part in parts)


def item(x: Any, *, index: Any) -> Pair:
    """``x[index]``; gradients of an element that is named several times add up."""
    shape = x.shape

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Array]:
        result = zeros(shape, g)
        if _may_repeat(index):
            np.add.at(result, index, g)
        else:
            result[index] = g
        return (result,)

    return x[index], vjp
