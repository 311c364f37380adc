"""Non-linearities as layers. Each computes the function of `convkit.nn.functional` that bears its name."""

from __future__ import annotations

from typing import Any

from convkit.nn import functional
from convkit.nn.layers.layer import Layer, Operation, Shape


class _Activation(Layer):
    """A function of every element, without settings."""

    pair: Any

    def operation(self) -> Operation:
        """The function."""
        return Operation(self.pair, (), {})


class ReLU(_Activation):
    """The positive part. (``inplace`` is accepted, and nothing is changed in place.)"""

    pair = staticmethod(functional.relu_pair)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class Tanh(_Activation):
    """The hyperbolic tangent."""

    pair = staticmethod(functional.tanh_pair)


class Sigmoid(_Activation):
    """The logistic function, ``1 / (1 + exp(-x))``."""

    pair = staticmethod(functional.sigmoid_pair)


class LeakyReLU(Layer):
    """``x`` where it is positive, else ``negative_slope * x``."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def operation(self) -> Operation:
        """The function."""
        return Operation(functional.leaky_relu_pair, (), {"negative_slope": self.negative_slope})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"negative_slope={self.negative_slope}"


class ELU(Layer):
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha

    def operation(self) -> Operation:
        """The function."""
        return Operation(functional.elu_pair, (), {"alpha": self.alpha})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"alpha={self.alpha}"


class GELU(Layer):
    """``x`` times the normal distribution function of it; ``approximate="tanh"`` for an approximation."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def operation(self) -> Operation:
        """The function."""
        return Operation(functional.gelu_pair, (), {"approximate": self.approximate})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"approximate={self.approximate!r}"


class _Along(Layer):
    """A function of lines along an axis."""

    pair: Any

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        if dim is None:
            raise TypeError(f"{type(self).__name__} needs dim, the axis along which probabilities add up to one: dim=1 for "
                            "scores (N, classes)")
        self.dim = dim

    def operation(self) -> Operation:
        """The function."""
        return Operation(self.pair, (), {"dim": self.dim})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"dim={self.dim}"

    def window(self, shape: Shape) -> None:
        """All of the input."""


class Softmax(_Along):
    """Exponentials along the axis `dim`, divided by their sum."""

    pair = staticmethod(functional.softmax_pair)


class LogSoftmax(_Along):
    """Logarithms of the softmax along the axis `dim`."""

    pair = staticmethod(functional.log_softmax_pair)
