"""Non-linearities on a CUDA device: the names of `engines.activation`, and ``tanh(x)``, on lines.

Each returns ``(y, back)``: the result, and the way back from the gradient of the result, a line, to that of the samples.
``relu(x)``, ``leaky_relu(x, slope)``, ``elu(x, alpha)``, ``gelu(x)``, ``gelu_tanh(x)``, ``sigmoid(x)``, ``tanh(x)``,
``softmax(x, axis)``, ``log_softmax(x, axis)``; ``masked(g, y)`` is the way back of a rectifier fused elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import each, like, ready
from convkit.kernels.activation_cuda import formulas
from convkit.kernels.activation_cuda import softmax as softmax_kernels
from convkit.kernels.pointwise_cuda import combine_body, map_body

Back: TypeAlias = Callable[[Line], Line]


def _function(name: str, x: Line, factor: float = 0.0) -> tuple[Line, Back]:
    """A function of `formulas`, and its way back."""
    formula = formulas(x.dtype.name)[name]
    y = each(map_body, formula.value, (x,), like(x), factor)
    held = x if formula.holds == "x" else y
    return y, lambda g: each(combine_body, formula.back, (g, held), like(held), factor)


def masked(g: Line, y: Line) -> Line:
    """The gradient `g` of a rectifier's result `y`, handed on to what it rectified."""
    return each(combine_body, formulas(y.dtype.name)["relu"].back, (g, y), like(y), 0.0)


def relu(x: Line) -> tuple[Line, Back]:
    """The positive part."""
    return _function("relu", x)


def leaky_relu(x: Line, slope: float) -> tuple[Line, Back]:
    """`x`, where it is negative multiplied by a slope."""
    return _function("leaky_relu", x, slope)


def elu(x: Line, alpha: float) -> tuple[Line, Back]:
    """`x`, where it is negative an exponential that tends to -alpha."""
    return _function("elu", x, alpha)


def gelu(x: Line) -> tuple[Line, Back]:
    """`x` times the normal distribution function of it."""
    return _function("gelu", x)


def gelu_tanh(x: Line) -> tuple[Line, Back]:
    """As `gelu`, by a hyperbolic tangent."""
    return _function("gelu_tanh", x)


def sigmoid(x: Line) -> tuple[Line, Back]:
    """The logistic function."""
    return _function("sigmoid", x)


def tanh(x: Line) -> tuple[Line, Back]:
    """The hyperbolic tangent."""
    return _function("tanh", x)


def lanes_for(classes: int) -> int:
    """Threads that share a row: a power of two, each with four numbers or more."""
    return min(THREADS, 1 << max(0, (classes - 1).bit_length() - 2))


def rows_of(shape: tuple[int, ...], axis: int) -> tuple[tuple[int, int, int, int], tuple[int]]:
    """Rows along an axis as kernels take them, (outer, classes, inner, lanes), and the grid that has a place for each."""
    outer, classes, inner = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    lanes = lanes_for(classes)
    return (outer, classes, inner, lanes), (-(-outer * inner * lanes // THREADS),)


def _softmax(x: Line, axis: int, logarithm: bool) -> tuple[Line, Back]:
    sizes, grid = rows_of(x.shape, axis)
    forward, backward = softmax_kernels(x.dtype.name, THREADS, logarithm)
    y = like(x)
    ready(forward, grid, THREADS, x.stream)(x.line, y.line, sizes)

    def back(g: Line) -> Line:
        by_x = like(y)
        ready(backward, grid, THREADS, g.stream)(g.line, y.line, by_x.line, sizes)
        return by_x

    return y, back


def softmax(x: Line, axis: int) -> tuple[Line, Back]:
    """Exponentials along an axis, divided by their sum."""
    return _softmax(x, axis, False)


def log_softmax(x: Line, axis: int) -> tuple[Line, Back]:
    """Logarithms of `softmax`, without taking it first."""
    return _softmax(x, axis, True)
