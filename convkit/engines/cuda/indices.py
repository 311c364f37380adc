"""Elements of arrays on a CUDA device that are named by arrays of whole numbers, as NumPy's indices name them.

Numbers of the host are held against the axis they are for. Those on the device are not fetched for that: an element that is
none is read as NaN, or as 0 of whole numbers, and is not written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convkit._core.gpu import Line
from convkit.engines.cuda.arithmetic import chosen, launch, new
from convkit.engines.cuda.axes import refused
from convkit.kernels import index_cuda as kernels

# More than any axis has, so that sums with it name no element.
BEYOND = 1 << 40


class _Named(NamedTuple):
    """Elements named along one axis, the middle one of (outer, length, inner): as kernels take them."""

    places: Any
    sizes: tuple[int, ...]


def _whole(index: Any, n: int) -> Any:
    """Numbers of elements of an axis of length n."""
    if not isinstance(index, Line):
        return _counted(index, n)
    if index.dtype.kind not in "iu":
        raise refused(f"an index of dtype {index.dtype}, of which the shape of the result depends,")
    there: Any = index
    return there.astype(np.int64, copy=False)


def _counted(index: Any, n: int) -> Any:
    """Numbers of the host, held against an axis of length n and counted from 0."""
    given = np.asarray(index)
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"an index of dtype {given.dtype} names no elements; give whole numbers, or True and False")
    found = given.astype(np.int64)
    wrong = (found < -n) | (found >= n)
    if wrong.any():
        raise IndexError(f"index {found[wrong][0]} names no element of an axis of length {n}")
    return np.where(found < 0, found + n, found)


def _sent(x: Any, places: Any) -> Any:
    """Places on the device, that of the array `x`."""
    if isinstance(places, Line):
        return places
    out = new(x, places.shape, np.dtype(np.int64))
    if places.size:
        out.line.copy_to_device(np.ascontiguousarray(places).reshape(-1))
    return out


def _along(shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Length of an axis, and how many elements lie inside of it."""
    return shape[axis], math.prod(shape[axis + 1 :])


def _read(x: Any, named: _Named, shape: Sequence[int]) -> Any:
    out = new(x, shape, x.dtype)
    launch(kernels.take(x.dtype.name), out.size, x.line, named.places.line, out.line, named.sizes)
    return out


def _written(x: Any, named: _Named, values: Any, adds: bool) -> None:
    if values.size:
        launch(kernels.pile(adds), x.size, values.line, named.places.line, x.line, named.sizes)


def take(x: Any, indices: Any, axis: int) -> Any:
    """Elements along an axis, as ``numpy.take``."""
    axis %= x.ndim
    length, inner = _along(x.shape, axis)
    places = _sent(x, _whole(indices, length))
    named = _Named(places, (length, places.size, inner, 0, 1, 0))
    return _read(x, named, (*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]))


def _lines(x: Any, indices: Any, axis: int) -> _Named:
    """Elements of each line along an axis, of which `indices` has the other lengths."""
    if x.ndim != indices.ndim or any(a != b for i, (a, b) in enumerate(zip(x.shape, indices.shape, strict=True)) if i != axis):
        raise ValueError(f"indices of shape {indices.shape} for an array of shape {x.shape}: their lengths but that along axis "
                         f"{axis} must be equal")
    length, inner = _along(x.shape, axis)
    count = indices.shape[axis]
    return _Named(_sent(x, _whole(indices, length)), (length, count, inner, count * inner, inner, 1))


def take_along(x: Any, indices: Any, axis: int) -> Any:
    """Elements of each line, as ``numpy.take_along_axis``."""
    return _read(x, _lines(x, indices, axis % x.ndim), indices.shape)


def put_along(x: Any, indices: Any, values: Any, axis: int) -> None:
    """Write elements of each line, as ``numpy.put_along_axis``; of several at one place the last stays."""
    named = _lines(x, indices, axis % x.ndim)
    _written(x, named, np.broadcast_to(values.astype(x.dtype, copy=False), indices.shape), False)


class _Chosen(NamedTuple):
    """An index with arrays: the plain index to be taken first, the order of axes after it, and what is named then."""

    plain: tuple[Any, ...]
    order: tuple[int, ...]
    named: _Named
    shape: tuple[int, ...]


def _parts(index: Any, ndim: int) -> list[Any]:
    """Parts of an index, one for each axis: slices, and arrays of the host or the device."""
    parts: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if part is None:
            raise refused("None beside arrays in an index")
        kept = part is Ellipsis or isinstance(part, slice | Line)
        array = part if kept else np.asarray(part)
        parts += array.nonzero() if not kept and array.dtype == np.bool_ else [array]
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    if len(parts) - 1 > ndim:
        raise IndexError(f"an index of {len(parts) - 1} parts for an array of {ndim} axes")
    return parts[:at] + [slice(None)] * (ndim - len(parts) + 1) + parts[at + 1 :]


def _held(found: Any, n: int) -> Any:
    """Numbers on the device counted from 0, and those that are none put beyond all axes."""
    known = found + (found < 0) * n
    return chosen((known >= 0) & (known < n), known, BEYOND)


def _chosen(x: Any, index: Any) -> _Chosen:
    parts = _parts(index, x.ndim)
    axes = [i for i, part in enumerate(parts) if not isinstance(part, slice)]
    plain = tuple(part if isinstance(part, slice) else slice(None) for part in parts)
    lengths = [len(range(*part.indices(n))) if isinstance(part, slice) else n for part, n in zip(parts, x.shape, strict=True)]
    # As NumPy has it: what arrays name lies where they are, or first, if other axes lie between them.
    lead = axes[0] if axes[-1] - axes[0] + 1 == len(axes) else 0
    others = [i for i in range(x.ndim) if i not in axes]
    order = (*others[:lead], *axes, *others[lead:])
    steps = [math.prod(x.shape[a] for a in axes[i + 1 :]) for i in range(len(axes))]
    places: Any = 0
    for a, step in zip(axes, steps, strict=True):
        found = _whole(parts[a], x.shape[a])
        if isinstance(found, Line) and len(axes) > 1:
            found = _held(found, x.shape[a])
        elif any(isinstance(part, Line) for part in parts):
            found = _sent(x, found)
        places = found if len(axes) == 1 else places + found * step
    places = _sent(x, places)
    length, outer = math.prod(x.shape[a] for a in axes), [lengths[i] for i in others[:lead]]
    inside = [lengths[i] for i in others[lead:]]
    sizes = (length, places.size, math.prod(inside), 0, 1, 0)
    return _Chosen(plain, order, _Named(places, sizes), (*outer, *places.shape, *inside))


def part(x: Any, index: Any) -> Any:
    """``x[index]`` with arrays in the index."""
    found = _chosen(x, index)
    return _read(x[found.plain].transpose(found.order), found.named, found.shape)


def put(x: Any, index: Any, values: Any, adds: bool) -> None:
    """``x[index] = values`` with arrays in the index; with `adds` they are added, also to one element several times."""
    found = _chosen(x, index)
    y = x[found.plain].transpose(found.order)
    _written(y, found.named, np.broadcast_to(values, found.shape), adds)
    if y.line is not x.line:
        x[found.plain] = y.transpose(tuple(np.argsort(found.order)))
