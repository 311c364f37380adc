"""Losses of scores for classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.autodiff import apply
from convkit.autodiff.pairs import Pair
from convkit.autodiff.places import array_of, zeros
from convkit.engines.places import place_of
from convkit.nn.functional.activation import log_softmax_pair
from convkit.nn.functional.operands import numbers, one_of_reductions

__all__ = ["cross_entropy", "cross_entropy_pair", "hinge", "hinge_pair", "multi_margin_loss", "multi_margin_loss_pair",
           "nll_loss", "nll_loss_pair"]


def _labels(name: str, x: Array, target: Any, axes: bool = True) -> IntArray:
    """Labels as a flat array, held against the shape of the scores."""
    labels = array_of(target)
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
    found: IntArray = labels.astype(np.int64, copy=False).reshape(-1)
    return found


def _classes(x: Array) -> int:
    """How many there are."""
    return int(x.shape[min(1, x.ndim - 1)])


def _class_weights(name: str, weight: Any, x: Array) -> Array | None:
    """Weights of the classes, where there are any, in the dtype of the scores."""
    if weight is None:
        return None
    weights: Array = place_of(x).array(weight, x.dtype)
    classes = _classes(x)
    if weights.shape != (classes,):
        raise ValueError(f"{name}: weight has shape {weights.shape}; give one number for each of {classes} classes")
    return weights


def _refuse_label(name: str, labels: IntArray, classes: int, row: int, ignored: int | None) -> None:
    """Refuse the label of a row."""
    where = f"target[{row}]" if labels.size > 1 else "target"
    raise IndexError(f"{name}: {where} is {labels[row]}, but input has {classes} classes: labels go from 0 to {classes - 1}"
                     + ("" if ignored is None else f" (or ignore_index={ignored})"))


def _checked(name: str, x: Array, labels: IntArray, ignored: int | None) -> Any:
    """Labels where the scores lie; those of the host are held against the classes before they are sent to a device."""
    place = place_of(x)
    if place.looks_first:
        _known(name, labels, _classes(x), ignored)
    return place.array(labels)


def _known(name: str, labels: IntArray, classes: int, ignored: int | None) -> None:
    """Refuse labels that are no classes, if they lie on the host."""
    wrong = place_of(labels).no_class(labels, classes, ignored)
    if wrong is not None:
        _refuse_label(name, labels, classes, wrong, ignored)


def _paired(found: Any, name: str, labels: IntArray, classes: int, ignored: int | None) -> Pair:
    """A loss as a pair of an operation with three operands, unless a label is no class."""
    if found.wrong is not None:
        _refuse_label(name, labels, classes, found.wrong, ignored)
    return found.value, lambda g, wanted: (found.back(g), None, None)


def share_of_smoothing(label_smoothing: Any) -> None:
    """Refuse what is no share."""
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing={label_smoothing!r} is the share of probability given to all classes, from 0 to 1")


def cross_entropy_pair(x: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean",
                       label_smoothing: float = 0.0) -> Pair:
    """Negative logarithm of the softmax at the labels, or its mean under probabilities."""
    one_of_reductions(reduction)
    share_of_smoothing(label_smoothing)
    x, target = numbers(x), array_of(target)
    if target.dtype.kind == "f" and x.ndim and target.shape == x.shape:
        return _by_probabilities(x, target, weight, reduction, label_smoothing)
    labels = _labels("cross_entropy", x, target)
    weights = _class_weights("cross_entropy", weight, x)
    there = _checked("cross_entropy", x, labels, ignore_index)
    found = place_of(x).loss.cross_entropy(x, there, weights, ignore_index, label_smoothing, reduction)
    return _paired(found, "cross_entropy", labels, _classes(x), ignore_index)


def _by_probabilities(x: Array, target: Array, weight: Any, reduction: str, smoothing: float) -> Pair:
    """Cross entropy under given probabilities of the classes."""
    axis = min(1, x.ndim - 1)
    weights = _class_weights("cross_entropy", weight, x)
    line = (-1,) + (1,) * (x.ndim - 1 - axis)
    scale: Any = x.dtype.type(1) if weights is None else weights.reshape(line)
    target = place_of(x).array(target)
    logs, logs_vjp = log_softmax_pair(x, dim=axis)
    shares = scale * ((1 - smoothing) * target + smoothing / x.shape[axis]).astype(x.dtype)
    losses = -(shares * logs).sum(axis)
    count = losses.size

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        g = np.expand_dims(g, axis) if reduction == "none" else g / (count if reduction == "mean" else 1)
        by_x = logs_vjp(-shares * g, (True,))[0] if wanted[0] else None
        return by_x, -(1 - smoothing) * scale * logs * g if wanted[1] else None, None

    return place_of(x).reduced(losses, reduction), vjp


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
    weights, shape, axis = _class_weights("nll_loss", weight, x), x.shape, min(1, x.ndim - 1)
    _known("nll_loss", labels, _classes(x), ignore_index)
    place = place_of(x)
    there = place.array(labels)
    counted = there != ignore_index
    which = np.where(counted, there, 0)
    scale = np.where(counted, 1 if weights is None else weights[which], 0).astype(x.dtype)
    places = which.reshape((*shape[:axis], 1, *shape[axis + 1 :]))
    losses = np.where(counted, -scale * np.take_along_axis(x, places, axis).reshape(-1), 0)
    count: Any = 1
    if reduction == "mean":
        # With no item that counts, the gradient is 0 and the mean NaN.
        weighed = scale.sum(dtype=np.float64)
        count = np.where(weighed == 0, 1, weighed)
        value: Any = np.where(weighed == 0, np.nan, losses.sum(dtype=np.float64) / count)
    elif reduction == "sum":
        value = losses.sum(dtype=np.float64)
    else:
        value = losses.reshape((*shape[:axis], *shape[axis + 1 :]))

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        by_x = zeros(shape, scale)
        slopes = (-scale * (g / count).reshape(-1)).astype(scale.dtype)
        np.put_along_axis(by_x, places, slopes.reshape(places.shape), axis)
        return by_x, None, None

    return place.array(value, x.dtype), vjp


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
    weights = _class_weights(name, weight, x)
    found = place_of(x).loss.margin(x, _checked(name, x, labels, None), weights, p, margin, reduction, by_classes)
    return _paired(found, name, labels, _classes(x), None)


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
