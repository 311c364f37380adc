"""Non-linearities on the CPU, each with its way back: from the gradient of the result to that of the samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from convkit._core.memory import empty
from convkit._core.typing import Array
from convkit.engines.pieces import flat
from convkit.kernels.activation import rectify, rectify_gradient

Back: TypeAlias = Callable[[Any], Array]


def masked(g: Any, y: Array) -> Array:
    """The gradient `g` of a rectifier's result `y`, handed on to what it rectified."""
    g = np.asarray(g, y.dtype)
    result = empty(y.shape, y.dtype)
    rectify_gradient(flat(g), flat(y), result.reshape(-1))
    return result


def relu(x: Array) -> tuple[Array, Back]:
    """The positive part."""
    y = empty(x.shape, x.dtype)
    rectify(flat(x), y.reshape(-1))
    return y, lambda g: masked(g, y)


def leaky_relu(x: Array, slope: float) -> tuple[Array, Back]:
    """`x`, where it is negative multiplied by a slope."""
    factor = np.where(x > 0, x.dtype.type(1), x.dtype.type(slope))
    return x * factor, lambda g: g * factor


def elu(x: Array, alpha: float) -> tuple[Array, Back]:
    """`x`, where it is negative an exponential that tends to -alpha."""
    scale = x.dtype.type(alpha)
    y = np.where(x > 0, x, scale * np.expm1(np.minimum(x, 0)))
    return y, lambda g: np.where(x > 0, g, g * (y + scale))


def gelu(x: Array) -> tuple[Array, Back]:
    """`x` times the normal distribution function of it."""
    from scipy.special import ndtr

    below = ndtr(x)

    def back(g: Any) -> Array:
        density = np.exp(-0.5 * x * x) * x.dtype.type(1 / math.sqrt(2 * math.pi))
        return np.asarray(g * (below + x * density))

    return x * below, back


def gelu_tanh(x: Array) -> tuple[Array, Back]:
    """As `gelu`, by a hyperbolic tangent."""
    a, b = x.dtype.type(math.sqrt(2 / math.pi)), x.dtype.type(0.044715)
    bent = np.tanh(a * (x + b * x * x * x))

    def back(g: Any) -> Array:
        return np.asarray(g * (0.5 * (1 + bent) + 0.5 * x * (1 - bent * bent) * a * (1 + 3 * b * x * x)))

    return 0.5 * x * (1 + bent), back


def sigmoid(x: Array) -> tuple[Array, Back]:
    """The logistic function."""
    from scipy.special import expit

    y = expit(x)
    return y, lambda g: g * (y * (1 - y))


def softmax(x: Array, axis: int) -> tuple[Array, Back]:
    """Exponentials along an axis, divided by their sum."""
    y = np.exp(x - x.max(axis, keepdims=True))
    y /= y.sum(axis, keepdims=True)

    def back(g: Any) -> Array:
        weighed = g * y
        return np.asarray(weighed - y * weighed.sum(axis, keepdims=True))

    return y, back


def log_softmax(x: Array, axis: int) -> tuple[Array, Back]:
    """Logarithms of `softmax`, without taking it first."""
    y = x - x.max(axis, keepdims=True)
    y -= np.log(np.exp(y).sum(axis, keepdims=True))
    return y, lambda g: g - np.exp(y) * np.sum(g, axis, keepdims=True)
