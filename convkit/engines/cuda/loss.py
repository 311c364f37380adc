"""Losses on a CUDA device: the names of `engines.loss`, on lines; nothing is fetched.

``cross_entropy(x, labels, weights, ignored, smoothing, reduction)`` and ``margin(x, labels, weights, power, distance,
reduction, by_classes)`` give ``Found(value, back, wrong)``: scores (N, classes, ...) or (classes,), flat labels, a line of
int64, and weights of the classes in the dtype of the scores, or None. `wrong` is None: an item whose label is no class makes
the loss NaN.
``total(x)`` is the sum of all numbers as a line without axes.
``compared(name, x, target, reduction, delta)`` gives ``(value, back)``; names are those of `engines.loss.DIFFERENCES`.

A value is a line without axes, or of the items for ``reduction="none"``; ``back(g)`` takes the gradient of the value as a line,
or as a number of the host where the value is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.activation import rows_of
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import aligned, by_one, each, like, ready
from convkit.kernels import loss_cuda as kernels
from convkit.kernels.pointwise_cuda import combine_body, map_body
from convkit.kernels.simd_cuda import VECTOR
from convkit.kernels.sums_cuda import finish_body, parts_body, summing

Back: TypeAlias = Callable[[Any], Line]
# Numbers that a block sums up at least, and blocks at most.
PART, PARTS = 1 << 13, 1024


class Found(NamedTuple):
    """A loss of classes: one number, or one for each item; its way back; and the first item known to have no class."""

    value: Line
    back: Back
    wrong: int | None


def _product(a: Any, b: Any, factor: Any) -> Any:
    return a * b


def _kept(a: Any, b: Any, factor: Any) -> Any:
    return a


def _scaled(x: Any, factor: Any) -> Any:
    return x * factor


def _times(x: Line, g: Any, factor: float) -> Line:
    """`x` times the gradient `g` of a single number, times a factor."""
    return by_one(x, g, factor) if isinstance(g, Line) else each(map_body, _scaled, (x,), like(x), float(g) * factor)


def parts_of(formula: Any, x: Line, y: Line, factor: float) -> Line:
    """Sums of a formula of the numbers of `x` and `y`, of parts that depend on their size alone."""
    lanes = VECTOR // x.dtype.itemsize
    part = max(PART, -(-x.size // (PARTS * lanes)) * lanes)
    count = max(1, -(-x.size // part))
    partial = gpu.empty(x, (count,), x.dtype)
    kernel = summing(parts_body, formula, x.dtype.name, aligned(x, y), THREADS)
    ready(kernel, (count,), THREADS, x.stream)(x.line, y.line, partial.line, x.dtype.type(factor), part, x.size)
    return partial


def finished(formula: Any, values: Line, factor: float, largest: bool = False) -> tuple[Line, Line]:
    """Two numbers that a formula makes of the sums of the first row of `values` and the last."""
    count = values.shape[-1]
    first, second = (gpu.empty(values, (), values.dtype) for _ in range(2))
    kernel = summing(finish_body, formula, values.dtype.name, THREADS, largest)
    ready(kernel, (1,), THREADS, values.stream)(values.line, first.line, second.line, count, values.dtype.type(factor))
    return first, second


def total(x: Line) -> Line:
    """The sum of all numbers, of parts that lie side by side: each thread adds few, so that little is rounded away."""
    return finished(kernels.reductions(x.dtype.name)["scaled"], parts_of(_kept, x, x, 0.0), 1.0)[0]


def _walked(make: Any, x: Line, labels: Line, weights: Line | None, settings: tuple[Any, Any], more: tuple[int, ...],
            reduction: str) -> Found:
    """Losses of rows and their gradients, by a kernel of `loss_cuda`."""
    sizes, grid = rows_of(x.shape, min(1, x.ndim - 1))
    rows = sizes[0] * sizes[2]
    losses, gradient = gpu.empty(x, (2, rows), x.dtype), like(x)
    kernel = kernels.rowwise(make, x.dtype.name, THREADS)
    ready(kernel, grid, THREADS, x.stream)(x.line, labels.line, (x if weights is None else weights).line, losses.line,
                                           gradient.line, *settings, (*sizes, int(weights is not None), *more))
    if reduction == "none":
        each_row = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
        value = type(x)(each_row, x.dtype, losses.line[:rows], x.stream, losses.owner)
        return Found(value, lambda g: _along(gradient, g, sizes), None)
    value, factor = finished(kernels.reductions(x.dtype.name)[reduction], losses, 1.0)

    def back(g: Any) -> Line:
        return by_one(by_one(gradient, factor, 1.0), g, 1.0) if isinstance(g, Line) else by_one(gradient, factor, float(g))

    return Found(value, back, None)


def _along(gradient: Line, g: Line, sizes: tuple[int, int, int, int]) -> Line:
    """The gradient of each row times that of its loss."""
    out = like(gradient)
    grid = (-(-gradient.size // THREADS),)
    ready(kernels.along, grid, THREADS, gradient.stream)(gradient.line, g.line, out.line, sizes)
    return out


def cross_entropy(x: Line, labels: Line, weights: Line | None, ignored: int, smoothing: float, reduction: str) -> Found:
    """Minus the logarithm of the softmax of scores (N, classes, ...) at flat `labels`; the mean is over their weights."""
    return _walked(kernels.cross_entropy_body, x, labels, weights, (x.dtype.type(smoothing), int(ignored)), (), reduction)


def margin(x: Line, labels: Line, weights: Line | None, power: int, distance: float, reduction: str,
           by_classes: bool) -> Found:
    """By how much wrong classes come within a distance of the right one, to a power; `by_classes` over their number."""
    real = x.dtype.type
    scale = 1 / x.shape[min(1, x.ndim - 1)] if by_classes else 1.0
    return _walked(kernels.margin_body, x, labels, weights, (real(distance), real(scale)), (int(power),), reduction)


def compared(name: str, x: Line, target: Line, reduction: str, delta: float) -> tuple[Line, Back]:
    """A loss of the differences of predictions and targets, by its name."""
    formula = kernels.differences(x.dtype.name)[name]

    def slopes() -> Line:
        return each(combine_body, formula.slope, (x, target), like(x), delta)

    if reduction == "none":
        value = each(combine_body, formula.value, (x, target), like(x), delta)
        return value, lambda g: each(combine_body, _product, (slopes(), g), like(x), 1.0)
    share = 1 / x.size if reduction == "mean" and x.size else 1.0
    total = share if x.size or reduction == "sum" else math.nan
    value, _ = finished(kernels.reductions(x.dtype.name)["scaled"], parts_of(formula.value, x, target, delta), total)
    return value, lambda g: _times(slopes(), g, share)
