"""Losses of scores for classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.autodiff import apply
from convkit.autodiff.pairs import Pair
from convkit.engines.pieces import flat
from convkit.kernels.loss import cross_entropy as cross_entropy_rows
from convkit.kernels.loss import margin as margin_rows
from convkit.nn.functional.activation import log_softmax_pair
from convkit.nn.functional.operands import numbers, one_of_reductions, reduced

__all__ = ["cross_entropy", "cross_entropy_pair", "hinge", "hinge_pair", "multi_margin_loss", "multi_margin_loss_pair",
           "nll_loss", "nll_loss_pair"]


def _by_rows(x: Array) -> Array:
    """Scores with the classes, axis 1, last, in a matrix; one line of scores is one row."""
    if x.ndim <= 2:
        return x.reshape(-1, x.shape[-1])
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def _back(rows: Array, shape: tuple[int, ...]) -> Array:
    """Rows of classes in the shape of the scores they came from."""
    if len(shape) <= 2:
        return rows.reshape(shape)
    return np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def _labels(name: str, x: Array, target: Any, axes: bool = True) -> IntArray:
    """Labels as a flat array, held against the shape of the scores."""
    labels = np.asarray(target)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: target has dtype {labels.dtype}; class labels are whole numbers"
                        + (f", or probabilities of the shape of input, {x.shape}" if name == "cross_entropy" else "")
                        + ("; are input and target exchanged?" if labels.ndim > x.ndim
                           else "; convert labels with target.astype('int64')"))
    if not x.ndim or (x.ndim > 2 and not axes):
        raise ValueError(f"{name}: input has shape {x.shape}; give scores (N, classes), or (classes,) for one item")
    if not x.size:
        raise ValueError(f"{name}: input has shape {x.shape}, which holds no scores")
    wanted = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if labels.shape != wanted:
        fix = ""
        if labels.shape == x.shape:
            fix = "; if target holds a 1 for the right class and 0 for the others, give target.argmax(1)"
        elif labels.size == math.prod(wanted):
            fix = f"; give target.reshape({wanted})"
        raise ValueError(f"{name}: target has shape {labels.shape}, but input has shape {x.shape}, for which labels of shape "
                         f"{wanted} are expected: one for each item, not one per class{fix}")
    return np.asarray(labels, np.int64).reshape(-1)


def _class_weights(name: str, weight: Any, x: Array) -> tuple[Array, bool]:
    """Weights of the classes in the dtype of the scores, and whether there are any."""
    if weight is None:
        return np.empty(0, x.dtype), False
    weights = np.asarray(weight, x.dtype)
    classes = x.shape[min(1, x.ndim - 1)]
    if weights.shape != (classes,):
        raise ValueError(f"{name}: weight has shape {weights.shape}; give one number for each of {classes} classes")
    return weights, True


def _refuse_label(name: str, labels: IntArray, classes: int, row: int, ignored: int | None) -> None:
    """Refuse the label of a row."""
    where = f"target[{row}]" if labels.size > 1 else "target"
    raise IndexError(f"{name}: {where} is {labels[row]}, but input has {classes} classes: labels go from 0 to {classes - 1}"
                     + ("" if ignored is None else f" (or ignore_index={ignored})"))


def _scaled(losses: Array, gradient: Array, shape: tuple[int, ...], reduction: str, total: float, count: float) -> Pair:
    """Reduced losses of rows, and the pair's way back from their derivatives, one row of `gradient` for each.

    The losses sum to `total`; their mean is that over `count`.
    """
    if reduction == "none":
        each = shape[:1] + shape[2:] if len(shape) > 1 else ()
        return losses.reshape(each), lambda g, wanted: (_back(gradient * np.asarray(g).reshape(-1, 1), shape), None, None)
    if reduction == "sum":
        count = 1.0

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        # With no item that counts, the gradient is 0 and the mean NaN.
        factor = float(g) / count if count else 0.0
        return _back(gradient * gradient.dtype.type(factor), shape), None, None

    return np.asarray(total / count if count else math.nan, losses.dtype), vjp


def share_of_smoothing(label_smoothing: Any) -> None:
    """Refuse what is no share."""
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing={label_smoothing!r} is the share of probability given to all classes, from 0 to 1")


def cross_entropy_pair(x: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean",
                       label_smoothing: float = 0.0) -> Pair:
    """Negative logarithm of the softmax at the labels, or its mean under probabilities."""
    one_of_reductions(reduction)
    share_of_smoothing(label_smoothing)
    x, target = numbers(x), np.asarray(target)
    if target.dtype.kind == "f" and x.ndim and target.shape == x.shape:
        return _by_probabilities(x, target, weight, reduction, label_smoothing)
    labels = _labels("cross_entropy", x, target)
    weights, weighted = _class_weights("cross_entropy", weight, x)
    rows = np.ascontiguousarray(_by_rows(x))
    losses, gradient = np.empty(rows.shape[0], x.dtype), np.empty(rows.shape, x.dtype)
    total, count = cross_entropy_rows(flat(rows).reshape(rows.shape), flat(labels), flat(weights), weighted, ignore_index,
                                      float(label_smoothing), losses, gradient)
    if count < 0:
        _refuse_label("cross_entropy", labels, rows.shape[1], int(-1 - count), ignore_index)
    return _scaled(losses, gradient, x.shape, reduction, total, count)


def _by_probabilities(x: Array, target: Array, weight: Any, reduction: str, smoothing: float) -> Pair:
    """Cross entropy under given probabilities of the classes."""
    axis = min(1, x.ndim - 1)
    weights, weighted = _class_weights("cross_entropy", weight, x)
    line = (-1,) + (1,) * (x.ndim - 1 - axis)
    scale: Any = weights.reshape(line) if weighted else x.dtype.type(1)
    logs, logs_vjp = log_softmax_pair(x, dim=axis)
    shares = scale * ((1 - smoothing) * target + smoothing / x.shape[axis]).astype(x.dtype)
    losses = -(shares * logs).sum(axis)
    count = losses.size

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        g = np.expand_dims(g, axis) if reduction == "none" else g / (count if reduction == "mean" else 1)
        by_x = logs_vjp(-shares * g, (True,))[0] if wanted[0] else None
        return by_x, -(1 - smoothing) * scale * logs * g if wanted[1] else None, None

    return reduced(losses, reduction), vjp


def cross_entropy(input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Any:
    """Cross entropy between scores and the right classes, or probabilities of the classes.

    Parameters
    ----------
    input : Tensor or array_like
        Scores ("logits", not probabilities) of shape (N, classes, ...) or (classes,), of any size.
    target : array_like of int, or of float
        The right classes, from 0, of shape (N, ...) or (); or probabilities of the shape of `input`.
    weight : array_like, optional
        A weight for each class.
    ignore_index : int
        Items with this label do not count.
    reduction : {"mean", "sum", "none"}
        Mean over the weights of the items (over N for probabilities), sum, or all losses apart. If every item is ignored,
        the mean is NaN.
    label_smoothing : float
        Share of probability, from 0 to 1, taken from the right class and given to all in equal parts.

    Returns
    -------
    Tensor or ndarray
        A single number, or the shape of the labels for ``reduction="none"``.

    Raises
    ------
    IndexError
        For a label that is no class, named with its place.
    TypeError, ValueError
        For labels that are not whole numbers, and for shapes that do not fit.

    References
    ----------
    .. [1] C. Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016, section 7 (smoothing).

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> scores = [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]
    >>> F.cross_entropy(scores, [0, 1, 2], reduction="none").round(5)
    array([2.04036, 0.07913, 6.15648])
    """
    return apply(cross_entropy_pair, input, target, weight, ignore_index=ignore_index, reduction=reduction,
                 label_smoothing=label_smoothing)


def nll_loss_pair(x: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> Pair:
    """Minus the logarithm of the probability of the right class."""
    one_of_reductions(reduction)
    x = numbers(x)
    labels = _labels("nll_loss", x, target)
    weights, weighted = _class_weights("nll_loss", weight, x)
    rows = _by_rows(x)
    counted = labels != ignore_index
    wrong = counted & ((labels < 0) | (labels >= rows.shape[1]))
    if wrong.any():
        _refuse_label("nll_loss", labels, rows.shape[1], int(np.argmax(wrong)), ignore_index)
    which = np.where(counted, labels, 0)
    scale = np.where(counted, weights[which] if weighted else 1, 0).astype(x.dtype)
    at = np.arange(labels.size)
    losses = np.where(counted, -scale * rows[at, which], 0)
    gradient = np.zeros(rows.shape, x.dtype)
    gradient[at, which] = -scale
    total, count = float(losses.sum(dtype=np.float64)), float(scale.sum(dtype=np.float64))
    return _scaled(losses, gradient, x.shape, reduction, total, count)


def nll_loss(input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Minus the logarithm of the probability of the right class, from logarithms of probabilities.

    ``nll_loss(log_softmax(x, 1), target)`` is ``cross_entropy(x, target)``, whose parameters and errors it shares.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.nll_loss([[-0.5, -1.5], [-2.0, -0.1]], [0, 1], reduction="sum")
    array(0.6)
    """
    return apply(nll_loss_pair, input, target, weight, ignore_index=ignore_index, reduction=reduction)


def power_of_margins(name: str, p: Any) -> None:
    """Refuse a power that is neither 1 nor 2."""
    if p not in (1, 2):
        raise ValueError(f"{name}: p={p!r} is not allowed; it may be 1 or 2")


def multi_margin_loss_pair(x: Any, target: Any, weight: Any = None, *, p: int = 1, margin: float = 1.0,
                           reduction: str = "mean") -> Pair:
    """By how much wrong classes come within a margin of the right one, over the number of classes."""
    return _margins("multi_margin_loss", x, target, weight, p, margin, reduction, True)


def hinge_pair(x: Any, target: Any, *, margin: float = 1.0, reduction: str = "mean") -> Pair:
    """By how much wrong classes come within a margin of the right one."""
    value, vjp = _margins("hinge", x, target, None, 1, margin, reduction, False)
    return value, lambda g, wanted: vjp(g, wanted)[:2]


def _margins(name: str, x: Any, target: Any, weight: Any, p: int, margin: float, reduction: str, by_classes: bool) -> Pair:
    one_of_reductions(reduction)
    power_of_margins(name, p)
    x = numbers(x)
    labels = _labels(name, x, target, axes=False)
    weights, weighted = _class_weights(name, weight, x)
    rows = np.ascontiguousarray(_by_rows(x))
    losses, gradient = np.empty(rows.shape[0], x.dtype), np.empty(rows.shape, x.dtype)
    total, count = margin_rows(flat(rows).reshape(rows.shape), flat(labels), flat(weights), weighted, p, float(margin), losses,
                               gradient)
    if count < 0:
        _refuse_label(name, labels, rows.shape[1], int(-1 - count), None)
    if by_classes:
        total /= rows.shape[1]
        losses /= rows.shape[1]
        gradient /= rows.shape[1]
    return _scaled(losses, gradient, x.shape, reduction, total, count)


def multi_margin_loss(input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, *,
                      reduction: str = "mean") -> Any:
    """Multiclass hinge loss divided by the number of classes, as PyTorch scales it; `hinge` is without the division.

    Parameters
    ----------
    input : Tensor or array_like
        Scores (N, classes) or (classes,).
    target : array_like of int
        The right classes.
    p : {1, 2}
        Power of each term.
    margin : float
        By how much the right class should lead.
    weight : array_like, optional
        A weight for each class.
    reduction : {"mean", "sum", "none"}
        Mean over the items, sum, or all losses apart.

    Returns
    -------
    Tensor or ndarray
        A single number, or (N,) for ``reduction="none"``.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `cross_entropy`, and for another `p`.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.multi_margin_loss([[3.2, 5.1, -1.7]], [0]).round(4)
    np.float64(0.9667)
    """
    return apply(multi_margin_loss_pair, input, target, weight, p=p, margin=margin, reduction=reduction)


def hinge(input: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """Multiclass hinge loss: the sum over the wrong classes c of ``max(0, x[c] - x[right] + margin)``.

    Parameters and errors are those of `multi_margin_loss`, which divides the sum by the number of classes.

    Notes
    -----
    Slides with the scores of the example print 10.9 for the third image, and 4.6 for the mean: they leave the margin out of
    its two terms, 2.2 + 3.1 + 1 and 2.5 + 3.1 + 1. The mean is 5.2667.

    References
    ----------
    .. [1] J. Weston, C. Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> scores = [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]
    >>> F.hinge(scores, [0, 1, 2], reduction="none").round(4)
    array([ 2.9,  0. , 12.9])
    """
    return apply(hinge_pair, input, target, margin=margin, reduction=reduction)
