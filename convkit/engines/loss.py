"""Losses on the CPU, each with its way back: from the gradient of the loss to that of the predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.engines.pieces import flat
from convkit.kernels import loss as kernels

Back: TypeAlias = Callable[[Any], Array]


class Found(NamedTuple):
    """A loss of classes: one number, or one for each item; its way back; and the first item whose label is no class."""

    value: Array
    back: Back
    wrong: int | None


def by_rows(x: Array) -> Array:
    """Scores with the classes, axis 1, last, in a matrix; one line of scores is one row."""
    if x.ndim <= 2:
        return x.reshape(-1, x.shape[-1])
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def _of_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """Rows of classes in the shape of the scores they came from."""
    if len(shape) <= 2:
        return rows.reshape(shape)
    return np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def scaled(losses: Array, gradient: Array, shape: tuple[int, ...], reduction: str, total: float, count: float) -> Found:
    """Reduced losses of rows, one row of `gradient` for each; they sum to `total`, and their mean is that over `count`."""
    if reduction == "none":
        each = shape[:1] + shape[2:] if len(shape) > 1 else ()
        return Found(losses.reshape(each), lambda g: _of_rows(gradient * np.asarray(g).reshape(-1, 1), shape), None)
    if reduction == "sum":
        count = 1.0

    def back(g: Any) -> Array:
        # With no item that counts, the gradient is 0 and the mean NaN.
        factor = float(g) / count if count else 0.0
        return _of_rows(gradient * gradient.dtype.type(factor), shape)

    return Found(np.asarray(total / count if count else math.nan, losses.dtype), back, None)


def _walked(kernel: Callable[..., tuple[float, float]], x: Array, labels: IntArray, weights: Array | None,
            settings: tuple[float, float], reduction: str, by_classes: bool) -> Found:
    """What a kernel of `convkit.kernels.loss` finds; with `by_classes` over the number of classes."""
    rows = np.ascontiguousarray(by_rows(x))
    losses, gradient = np.empty(rows.shape[0], x.dtype), np.empty(rows.shape, x.dtype)
    factors = np.empty(0, x.dtype) if weights is None else flat(weights)
    total, count = kernel(flat(rows).reshape(rows.shape), flat(labels), factors, weights is not None, *settings, losses,
                          gradient)
    if count < 0:
        return Found(losses, lambda g: gradient, int(-1 - count))
    if by_classes:
        total /= rows.shape[1]
        losses /= rows.shape[1]
        gradient /= rows.shape[1]
    return scaled(losses, gradient, x.shape, reduction, total, count)


def cross_entropy(x: Array, labels: IntArray, weights: Array | None, ignored: int, smoothing: float, reduction: str) -> Found:
    """Minus the logarithm of the softmax of scores (N, classes, ...) at flat `labels`; the mean is over their weights."""
    return _walked(kernels.cross_entropy, x, labels, weights, (ignored, float(smoothing)), reduction, False)


def margin(x: Array, labels: IntArray, weights: Array | None, power: int, distance: float, reduction: str,
           by_classes: bool) -> Found:
    """By how much wrong classes come within a distance of the right one, to a power; `by_classes` over their number."""
    return _walked(kernels.margin, x, labels, weights, (power, float(distance)), reduction, by_classes)


def _huber(d: Array, delta: float) -> Array:
    size = np.abs(d)
    return np.where(size <= delta, d * d / 2, delta * (size - delta / 2))


# Of a difference, and the width of Huber's loss: the loss, and its derivative.
DIFFERENCES: Mapping[str, tuple[Callable[[Array, float], Array], Callable[[Array, float], Array]]] = {
    "mse_loss": (lambda d, delta: np.square(d), lambda d, delta: 2 * d),
    "l1_loss": (lambda d, delta: np.abs(d), lambda d, delta: np.sign(d)),
    "huber_loss": (_huber, lambda d, delta: np.clip(d, -delta, delta)),
}


def compared(name: str, x: Array, target: Array, reduction: str, delta: float) -> tuple[Array, Back]:
    """A loss of the differences of predictions and targets, by its name in `DIFFERENCES`."""
    losses, slopes = DIFFERENCES[name]
    apart = x - target
    return reduced(losses(apart, delta), reduction), lambda g: slopes(apart, delta) * np.asarray(
        share(g, reduction, apart.size), apart.dtype)


def share(g: Any, reduction: str, size: int) -> Any:
    """The derivative by each element's loss, from that by the reduced one."""
    return g / size if reduction == "mean" and size else g


def reduced(losses: Array, reduction: str) -> Array:
    """Losses of elements as their mean, their sum, or as they are."""
    if reduction == "none":
        return np.asarray(losses)
    total = float(losses.sum(dtype=np.float64))
    return np.asarray(total if reduction == "sum" else total / losses.size if losses.size else math.nan, losses.dtype)
