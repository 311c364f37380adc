"""Losses of numbers: each compares elements of two arrays of one shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import apply
from convkit.autodiff.pairs import Pair
from convkit.engines import loss as engine
from convkit.engines.places import place_of
from convkit.nn.functional.operands import like, numbers, one_of_reductions

__all__ = ["binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_pair", "gaussian_nll_loss",
           "gaussian_nll_loss_pair", "huber_loss", "huber_loss_pair", "l1_loss", "l1_loss_pair", "mse_loss", "mse_loss_pair"]


def _two(name: str, x: Any, target: Any, reduction: str) -> tuple[Array, Array]:
    """Predictions and targets of one shape and dtype."""
    one_of_reductions(reduction)
    x, place = numbers(x), place_of(x)
    target = place.array(target)
    if target.shape != x.shape:
        fix = f"; give target.reshape({x.shape})" if target.size == x.size else ""
        raise ValueError(f"{name}: target has shape {target.shape}, but input has shape {x.shape}; they must be equal (shapes "
                         f"are not stretched: a loss over (N, 1) against (N,) would compare every pair){fix}")
    return x, like(target, x) if target.dtype.kind != "f" else place.array(target, x.dtype)


def _compared(name: str, x: Any, target: Any, reduction: str, delta: float = 0.0) -> Pair:
    """A loss of the differences, with its derivative."""
    x, target = _two(name, x, target, reduction)
    value, back = place_of(x).loss.compared(name, x, target, reduction, delta)

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        by_x = back(g)
        return by_x, -by_x if wanted[1] else None

    return value, vjp


def mse_loss_pair(x: Any, target: Any, *, reduction: str = "mean") -> Pair:
    """Squares of differences."""
    return _compared("mse_loss", x, target, reduction)


def mse_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Mean of the squared differences.

    Parameters
    ----------
    input, target : Tensor or array_like
        Predictions and what they should be, of one shape.
    reduction : {"mean", "sum", "none"}
        Mean over all elements, sum, or all losses apart.

    Returns
    -------
    Tensor or ndarray
        A single number, or the shape of `input` for ``reduction="none"``.

    Raises
    ------
    ValueError
        For unequal shapes, which are not stretched, and for an unknown reduction.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.mse_loss([1.0, 2.0], [1.0, 4.0])
    array(2.)
    """
    return apply(mse_loss_pair, input, target, reduction=reduction)


def l1_loss_pair(x: Any, target: Any, *, reduction: str = "mean") -> Pair:
    """Sizes of differences."""
    return _compared("l1_loss", x, target, reduction)


def l1_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Mean of the absolute differences, with derivative 0 where they vanish; see `mse_loss`.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.l1_loss([1.0, 2.0], [1.0, 4.0])
    array(1.)
    """
    return apply(l1_loss_pair, input, target, reduction=reduction)


def positive_delta(delta: Any) -> None:
    """Refuse a width of the Huber loss that is none."""
    if not delta > 0:
        raise ValueError(f"huber_loss: delta={delta!r} must be positive: it is the difference beyond which lines are straight")


def huber_loss_pair(x: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0) -> Pair:
    """Half the squares of differences up to `delta`, straight lines beyond."""
    positive_delta(delta)
    return _compared("huber_loss", x, target, reduction, delta)


def huber_loss(input: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Mean of half the squared differences up to `delta`, and of ``delta * (difference - delta / 2)`` beyond.

    Parameters, results and errors are those of `mse_loss`; `delta` must be positive.

    References
    ----------
    .. [1] P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.huber_loss([0.0, 0.0], [0.5, 4.0], reduction="none")
    array([0.125, 3.5  ])
    """
    return apply(huber_loss_pair, input, target, reduction=reduction, delta=delta)


def binary_cross_entropy_with_logits_pair(x: Any, target: Any, weight: Any = None, *, reduction: str = "mean",
                                          pos_weight: Any = None) -> Pair:
    """Cross entropy of yes and no, from the score for yes."""
    x, target = _two("binary_cross_entropy_with_logits", x, target, reduction)
    one = x.dtype.type(1)
    place = place_of(x)
    scale = one if weight is None else place.array(weight, x.dtype)
    for_yes = one if pos_weight is None else place.array(pos_weight, x.dtype)
    for word, factor in (("weight", scale), ("pos_weight", for_yes)):
        try:
            fits = np.broadcast_shapes(x.shape, factor.shape) == x.shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"binary_cross_entropy_with_logits: {word} has shape {factor.shape}, which does not stretch to "
                             f"that of input, {x.shape}")
    # Minus the logarithm of the probability of yes; that of no is x more.
    yes = np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0)
    balance = one + (for_yes - one) * target
    losses = scale * ((1 - target) * x + balance * yes)
    size = x.size

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        share = scale * place.array(engine.share(g, reduction, size), x.dtype)
        by_x = ((1 - target) - balance * place.activation.sigmoid(-x)[0]) * share if wanted[0] else None
        return by_x, ((for_yes - one) * yes - x) * share if wanted[1] else None, None

    return place_of(x).reduced(losses, reduction), vjp


def binary_cross_entropy_with_logits(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean",
                                     pos_weight: Any = None) -> Any:
    """Cross entropy of yes and no, from the score for yes: ``-t log(s) - (1 - t) log(1 - s)`` with ``s = sigmoid(x)``.

    Parameters
    ----------
    input : Tensor or array_like
        Scores ("logits") of any shape and size: they do not overflow.
    target : array_like
        1 for yes, 0 for no, or a probability of yes, of the shape of `input`.
    weight : array_like, optional
        Factors of the losses, that stretch to the shape of `input`.
    reduction : {"mean", "sum", "none"}
        Mean over all elements, sum, or all losses apart.
    pos_weight : array_like, optional
        Factor of the term of yes.

    Returns
    -------
    Tensor or ndarray
        A single number, or the shape of `input` for ``reduction="none"``.

    Raises
    ------
    ValueError
        For shapes that do not fit, and for an unknown reduction.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.binary_cross_entropy_with_logits([0.0, 1e4, 1e4], [1.0, 1.0, 0.0], reduction="none").round(4)
    array([6.931e-01, 0.000e+00, 1.000e+04])
    """
    return apply(binary_cross_entropy_with_logits_pair, input, target, weight, reduction=reduction, pos_weight=pos_weight)


def positive_eps(eps: Any) -> None:
    """Refuse a least variance that is none."""
    if not eps > 0:
        raise ValueError(f"gaussian_nll_loss: eps={eps!r} must be positive: variances below it count as it")


def gaussian_nll_loss_pair(x: Any, target: Any, var: Any, *, full: bool = False, eps: float = 1e-6,
                           reduction: str = "mean") -> Pair:
    """Minus the logarithm of a normal density at the target."""
    x, target = _two("gaussian_nll_loss", x, target, reduction)
    positive_eps(eps)
    place = place_of(x)
    given = place.array(var, x.dtype)
    variance = given[..., None] if given.ndim and given.shape == x.shape[:-1] else given
    if variance.shape not in ((), x.shape, (*x.shape[:-1], 1)):
        raise ValueError(f"gaussian_nll_loss: var has shape {given.shape}; for input of shape {x.shape} give a number, that "
                         "shape, or it with a last axis of length 1 or none")
    variance, negative = place.negative(variance)
    if negative:
        raise ValueError(f"gaussian_nll_loss: var has {negative} negative elements; a variance is not negative (if the network "
                         "predicts its logarithm, take exp)")
    variance = np.maximum(variance, x.dtype.type(eps))
    apart = x - target
    losses = 0.5 * (np.log(variance) + apart * apart / variance)
    if full:
        losses += x.dtype.type(0.5 * math.log(2 * math.pi))

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        share = place.array(engine.share(g, reduction, apart.size), apart.dtype)
        by_x = share * (apart / variance)
        by_var = None
        if wanted[2]:
            by_var = share * (0.5 * (1 / variance - (apart / variance) ** 2))
            if variance.ndim != given.ndim:
                by_var = by_var.sum(-1)
        return by_x, -by_x if wanted[1] else None, by_var

    return place.reduced(losses, reduction), vjp


def gaussian_nll_loss(input: Any, target: Any, var: Any, *, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean") -> Any:
    """Minus the logarithm of a normal density of mean `input` and variance `var` at `target`.

    Each element gives ``0.5 * (log(var) + (input - target)**2 / var)``.

    Parameters
    ----------
    input, target : Tensor or array_like
        Means and observations, of one shape.
    var : Tensor, array_like or number
        Variances: of that shape, or with a last axis of length 1 or without it, or one for all.
    full : bool
        Add ``0.5 * log(2 pi)``, which does not depend on the data.
    eps : float
        Variances below it count as it; the derivative is taken as if they were not held.
    reduction : {"mean", "sum", "none"}
        Mean over all elements, sum, or all losses apart.

    Returns
    -------
    Tensor or ndarray
        A single number, or the shape of `input` for ``reduction="none"``.

    Raises
    ------
    ValueError
        For shapes that do not fit, negative variances, and an unknown reduction.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.gaussian_nll_loss([1.0, 2.0], [1.0, 4.0], 4.0).round(4)
    np.float64(0.9431)
    """
    return apply(gaussian_nll_loss_pair, input, target, var, full=full, eps=eps, reduction=reduction)
