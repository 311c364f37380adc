"""Non-linearities. Each is computed for every element, `softmax` and `log_softmax` along an axis."""

from __future__ import annotations

from typing import Any, TypeVar

from convkit.autodiff import apply, tanh
from convkit.autodiff.pairs import Pair, axes_of
from convkit.autodiff.pairs import tanh as tanh_pair
from convkit.engines.places import place_of
from convkit.nn.functional.operands import numbers

__all__ = ["elu", "elu_pair", "gelu", "gelu_pair", "leaky_relu", "leaky_relu_pair", "log_softmax", "log_softmax_pair", "relu",
           "relu_pair", "sigmoid", "sigmoid_pair", "softmax", "softmax_pair", "tanh", "tanh_pair"]

Kind = TypeVar("Kind")


def relu_pair(x: Any) -> Pair:
    """The positive part."""
    y, back = place_of(x).activation.relu(numbers(x))
    return y, lambda g, wanted: (back(g),)


def relu(input: Kind, inplace: bool = False) -> Kind:
    """The positive part, ``max(0, x)``; its derivative at 0 is taken as 0.

    `inplace` is accepted here and in the functions below, as in PyTorch, and nothing is changed in place.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    return apply(relu_pair, input)


def leaky_relu_pair(x: Any, *, negative_slope: float = 0.01) -> Pair:
    """`x`, where it is negative multiplied by a slope."""
    y, back = place_of(x).activation.leaky_relu(numbers(x), negative_slope)
    return y, lambda g, wanted: (back(g),)


def leaky_relu(input: Kind, negative_slope: float = 0.01, inplace: bool = False) -> Kind:
    """``x`` where it is positive, else ``negative_slope * x``.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.leaky_relu([-1.0, 2.0], 0.1)
    array([-0.1,  2. ])
    """
    return apply(leaky_relu_pair, input, negative_slope=negative_slope)


def elu_pair(x: Any, *, alpha: float = 1.0) -> Pair:
    """`x`, where it is negative an exponential that tends to -alpha."""
    y, back = place_of(x).activation.elu(numbers(x), alpha)
    return y, lambda g, wanted: (back(g),)


def elu(input: Kind, alpha: float = 1.0, inplace: bool = False) -> Kind:
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    References
    ----------
    .. [1] D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by exponential linear
       units", ICLR 2016, equation 15.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.elu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ])
    """
    return apply(elu_pair, input, alpha=alpha)


def gelu_pair(x: Any, *, approximate: str = "none") -> Pair:
    """`x` times the normal distribution function of it, exact or by a hyperbolic tangent."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate={approximate!r} is not known; it may be 'none' or 'tanh'")
    engine = place_of(x).activation
    function = engine.gelu if approximate == "none" else engine.gelu_tanh
    y, back = function(numbers(x))
    return y, lambda g, wanted: (back(g),)


def gelu(input: Kind, approximate: str = "none") -> Kind:
    """``x`` times the probability that a standard normal number lies below ``x``.

    Parameters
    ----------
    input : Tensor or array_like
        Samples of any shape.
    approximate : {"none", "tanh"}
        The distribution function itself, or an approximation by a hyperbolic tangent, which differs by up to 5e-4.

    Returns
    -------
    Tensor or ndarray
        Of the shape of `input`.

    Raises
    ------
    ValueError
        For another word.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415, section 2.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.gelu([-1.0, 0.0, 2.0]).round(4)
    array([-0.1587,  0.    ,  1.9545])
    """
    return apply(gelu_pair, input, approximate=approximate)


def sigmoid_pair(x: Any) -> Pair:
    """The logistic function."""
    y, back = place_of(x).activation.sigmoid(numbers(x))
    return y, lambda g, wanted: (back(g),)


def sigmoid(input: Kind) -> Kind:
    """The logistic function ``1 / (1 + exp(-x))``, from 0 to 1; it does not overflow.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.sigmoid([-1e4, 0.0, 1e4])
    array([0. , 0.5, 1. ])
    """
    return apply(sigmoid_pair, input)


def softmax_pair(x: Any, *, dim: int) -> Pair:
    """Exponentials along an axis, divided by their sum."""
    axis, = axes_of(dim, x.ndim)
    y, back = place_of(x).activation.softmax(numbers(x), axis)
    return y, lambda g, wanted: (back(g),)


def softmax(input: Kind, dim: int) -> Kind:
    """Probabilities from scores: exponentials along an axis, divided by their sum.

    Parameters
    ----------
    input : Tensor or array_like
        Scores of any shape, of any size: the largest is taken away first.
    dim : int
        The axis of the classes.

    Returns
    -------
    Tensor or ndarray
        Of the shape of `input`; sums along `dim` are 1.

    Raises
    ------
    ValueError
        For an axis that does not exist.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.softmax([[0.0, 0.0], [1e4, 0.0]], dim=1)
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return apply(softmax_pair, input, dim=dim)


def log_softmax_pair(x: Any, *, dim: int) -> Pair:
    """Logarithms of `softmax`, without taking it first."""
    axis, = axes_of(dim, x.ndim)
    y, back = place_of(x).activation.log_softmax(numbers(x), axis)
    return y, lambda g, wanted: (back(g),)


def log_softmax(input: Kind, dim: int) -> Kind:
    """Logarithms of `softmax`, exact where the probabilities themselves would round to 0; see there.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.log_softmax([[1e4, 0.0]], dim=1)
    array([[     0., -10000.]])
    """
    return apply(log_softmax_pair, input, dim=dim)
