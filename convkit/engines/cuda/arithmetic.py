"""Arithmetic of arrays on a CUDA device, as NumPy's: element by element, of many numbers made one, and products of matrices.

Arrays are those of `engines.cuda.arrays`. All work is put on the default stream.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda import dense
from convkit.engines.cuda.axes import collapsed, places_of, refuse_more, refused
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.loss import total
from convkit.engines.cuda.pointwise import each, ready
from convkit.kernels import arrays_cuda as kernels
from convkit.kernels.pointwise_cuda import combine_body, map_body

# Numbers of a part of a sum, at least, and parts; numbers whose sum is made by blocks.
PART, PARTS, LARGE = 64, 1024, 1 << 12
Number: TypeAlias = int | float | np.generic
Axes: TypeAlias = int | Sequence[int] | None
YES_OR_NO = np.dtype(np.bool_)


def launch(kernel: Any, size: int, *arguments: Any) -> None:
    """Put a kernel on the default stream, with a thread for each of `size` numbers."""
    refuse_more(size)
    if size:
        ready(kernel, (-(-size // THREADS),), THREADS, 0)(*arguments)


def new(x: Any, shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """New memory for numbers, as an array like `x`."""
    block = gpu.block(math.prod(shape), dtype, 0)
    return type(x)(tuple(shape), dtype, block.line, 0, block)


def _refuse_dtype(name: str, dtype: np.dtype[Any]) -> None:
    """Refuse what is not computed of numbers of a dtype."""
    if dtype.kind != "f" and not (dtype.kind in "biu" and name in kernels.EXACT):
        raise refused(f"{name} of numbers of dtype {dtype}")


def _operands(name: str, *operands: Any) -> tuple[list[Any], np.dtype[Any]]:
    """Arrays on the device and numbers, and the dtype of what is made of them."""
    found = [x.item() if isinstance(x, np.ndarray) and not x.ndim else x for x in operands]
    for x in found:
        if not isinstance(x, Line | Number):
            what = "an array" if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"{name} of an array on a CUDA device and {what} in the memory of the host; bring both to one "
                            "place, with .to('cuda') or .cpu()")
    return found, np.result_type(*(x.dtype if isinstance(x, Line) else x for x in found))


def _stretched(shape: tuple[int, ...], *arrays: Any) -> list[tuple[int, ...]]:
    """Sizes of a shape, and steps of arrays that are stretched to it, as kernels take them."""
    return collapsed(shape, *(np.broadcast_to(places_of(x.shape), shape).strides for x in arrays))


def _cast(x: Any, dtype: np.dtype[Any]) -> Any:
    """An array or a number in a dtype."""
    return dtype.type(x) if isinstance(x, Number) else x.astype(dtype, copy=False)


def single(x: Any, name: str, out: Any = None) -> Any:
    """A function of `kernels.SINGLE`, number by number."""
    _refuse_dtype(name, x.dtype)
    y = new(x, x.shape, YES_OR_NO if name in kernels.TELLS else x.dtype) if out is None else out
    each(map_body, kernels.SINGLE[name], (x,), y, 0)
    return y


def pair(name: str, a: Any, b: Any, out: Any = None) -> Any:
    """A function of `kernels.TWO` of two arrays, or of an array and a number, element by element."""
    operands, dtype = _operands(name, a, b)
    if out is not None:
        dtype = out.dtype
    elif name == "divide" and dtype.kind in "biu":
        dtype = np.dtype(np.float64)
    _refuse_dtype(name, dtype)
    first, second = (_cast(x, dtype) for x in operands)
    shape = np.broadcast_shapes(first.shape, second.shape)
    y = out
    if out is None:
        y = new(a if isinstance(a, Line) else b, shape, YES_OR_NO if name in kernels.TELLS else dtype)
    elif out.shape != shape:
        raise ValueError(f"{name} gives an array of shape {shape}, which is to be written into one of shape {out.shape}")
    if not isinstance(second, Line):
        each(map_body, kernels.TWO[name], (first,), y, second)
    elif not isinstance(first, Line):
        each(map_body, kernels.BEFORE[name], (second,), y, first)
    elif first.shape == second.shape:
        each(combine_body, kernels.PAIRS[name], (first, second), y, 0)
    else:
        launch(kernels.stretch(name), y.size, first.line, second.line, y.line, *_stretched(shape, first, second))
    return y


def chosen(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`, all stretched to one shape."""
    _operands("where", condition)
    values, dtype = _operands("where", a, b)
    model, arrays = next(x for x in (condition, a, b) if isinstance(x, Line)), []
    for x, kind in zip((condition, *values), (YES_OR_NO, dtype, dtype), strict=True):
        if not isinstance(x, Line):
            value, x = x, new(model, (), kind)
            x.fill(value)
        arrays.append(x)
    out = new(model, np.broadcast_shapes(*(x.shape for x in arrays)), dtype)
    launch(kernels.choose, out.size, *(x.line for x in arrays), out.line, *_stretched(out.shape, *arrays))
    return out


def product(a: Any, b: Any) -> Any:
    """Matrices in the last two axes multiplied, a vector for one axis."""
    operands, dtype = _operands("@", a, b)
    if not all(isinstance(x, Line) and x.ndim for x in operands):
        raise ValueError("@ multiplies matrices and vectors; for a number write *")
    _refuse_dtype("@", dtype)
    left, right = (_cast(x, dtype) for x in operands)
    rows = left.reshape(1, -1) if left.ndim == 1 else left
    columns = right.reshape(-1, 1) if right.ndim == 1 else right
    if rows.shape[-1] != columns.shape[-2]:
        raise ValueError(f"@ of arrays of shapes {left.shape} and {right.shape}: {rows.shape[-1]} columns meet "
                         f"{columns.shape[-2]} rows")
    if columns.ndim == 2:  # all rows at once
        out = new(left, (*rows.shape[:-1], columns.shape[1]), dtype)
        dense.product(rows.reshape(-1, rows.shape[-1]), columns, out.reshape(-1, columns.shape[1]), 1)
    else:
        many = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
        out = new(left, (*many, rows.shape[-2], columns.shape[-1]), dtype)
        for place in np.ndindex(*many):
            dense.product(_matrix(rows, place), _matrix(columns, place), _matrix(out, place), 1)
    matrix = out.shape[-2:]
    ends = [n for n, x in zip(matrix, (left, right), strict=True) if x.ndim > 1]
    return out.reshape((*out.shape[:-2], *ends))


def _matrix(x: Any, place: tuple[int, ...]) -> Line:
    """The matrix at a place of the axes before the last two; those of length 1 are stretched."""
    before = x.shape[:-2]
    number = 0
    for n, i in zip(before, place[len(place) - len(before):], strict=True):
        number = number * n + (0 if n == 1 else i)
    size = x.shape[-2] * x.shape[-1]
    return Line(x.shape[-2:], x.dtype, x.line[number * size : (number + 1) * size], x.stream, x.owner)


def _apart(x: Any, axis: Axes, keepdims: bool) -> tuple[tuple[int, ...], list[tuple[int, ...]], int]:
    """The shape without axes, places of what is kept and of the others as kernels take them, and how many others there are."""
    given = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
    axes, steps = {a % x.ndim for a in given}, places_of(x.shape).strides
    gone, kept = ([(n, steps[a]) for a, n in enumerate(x.shape) if (a in axes) == over] for over in (True, False))
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes)
    places = [column for rows in (kept, gone) for column in collapsed([n for n, _ in rows], [k for _, k in rows])]
    return shape, places, math.prod(n for n, _ in gone)


def _parts_of(count: int) -> int:
    return max(1, min(count // PART, PARTS))


def folded(x: Any, name: str, axis: Axes, dtype: np.dtype[Any], keepdims: bool) -> Any:
    """Numbers over axes made one by a function of `kernels.TWO`: of parts first, in an order that does not change."""
    shape, places, count = _apart(x, axis, keepdims)
    _refuse_dtype(name, dtype)
    if not count and name != "add":
        raise ValueError(f"an array of shape {x.shape} has no {name} over axis={axis}, of no numbers")
    if name == "add" and count == x.size >= LARGE and dtype == x.dtype and dtype.name in ("float32", "float64"):
        found: Any = total(x)
        return found.reshape(shape)
    out, parts, kernel = new(x, shape, dtype), _parts_of(count), kernels.folds(name, dtype.name)
    if parts == 1:
        launch(kernel, out.size, x.line, out.line, 1, *places)
        return out
    apart = new(x, (parts, out.size), dtype)
    launch(kernel, apart.size, x.line, apart.line, parts, *places)
    launch(kernel, out.size, apart.line, out.line, 1, *collapsed((out.size,), (1,)), *collapsed((parts,), (out.size,)))
    return out


def firsts(x: Any, largest: bool, axis: int | None, keepdims: bool) -> Any:
    """Places of the first largest or smallest numbers, along an axis or among all; NaN comes before all others."""
    shape, places, count = _apart(x, axis, keepdims)
    if not count:
        raise ValueError(f"an array of shape {x.shape} has no largest and no smallest number over axis={axis}, of no numbers")
    out, parts, kernel = new(x, shape, np.dtype(np.int64)), _parts_of(count), kernels.first(largest)
    found = out if parts == 1 else new(x, (parts, out.size), out.dtype)
    launch(kernel, found.size, x.line, found.line, found.line, parts, 0, *places)
    if parts > 1:
        launch(kernel, out.size, x.line, found.line, out.line, 1, parts, *places)
    return out
