"""The dense layer."""

from __future__ import annotations

import math

import numpy as np

from convkit._core.typing import DTypeLike
from convkit.nn import functional, init
from convkit.nn.functional.operands import parameter_dtype
from convkit.nn.layers.layer import Layer, Operation, Shape, count, size
from convkit.nn.module import Parameter


class Linear(Layer):
    """Dense layer: ``x @ weight.T + bias`` along the last axis.

    Parameters
    ----------
    in_features, out_features : int
        Length of the last axis of the input and of the result.
    bias : bool
        Whether a learnt number is added to each result.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter
        (out_features, in_features), drawn evenly between -1 / sqrt(in_features) and 1 / sqrt(in_features).
    bias : Parameter or None
        (out_features,), drawn likewise.

    Raises
    ------
    ValueError
        For features below 1. Calling it: for inputs of another last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> nn.Linear(4, 2)(np.ones((3, 4), np.float32)).shape
    (3, 2)
    """

    fuses = True

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: DTypeLike = np.float32) -> None:
        super().__init__()
        self.in_features, self.out_features = count(self, "in_features", in_features), count(self, "out_features", out_features)
        parameter_dtype("Linear", np.dtype(dtype))
        self.weight = Parameter(init.blank((out_features, in_features), dtype))
        self.bias = Parameter(init.blank((out_features,), dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew, as PyTorch does."""
        init.kaiming_uniform_(self.weight, math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound)

    def misfit(self, shape: Shape) -> str:
        """What is wrong with an input of `shape`."""
        if shape and shape[-1] == self.in_features:
            return ""
        fix = f"make the layer with in_features={shape[-1]}" if shape else "give one with axes"
        if len(shape) > 2 and size(shape[1:]) == self.in_features:
            fix = "flatten it first, with torch.flatten(x, 1) or a Flatten layer"
        elif len(shape) == 2 and size(shape) == self.in_features:
            fix = "if this is a single item, give it a batch axis, x[None], before it is flattened"
        elif len(shape) > 2:
            fix += f", or, if it is to see whole items, flatten them and use in_features={size(shape[1:])}"
        return (f"it got an input of shape {shape}, whose last axis has {shape[-1] if shape else 'no'} features, and expects "
                f"{self.in_features}; {fix}")

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result."""
        return (*shape[:-1], self.out_features)

    def products(self, shape: Shape) -> int:
        """One for each weight and line of the input."""
        return size(shape) * self.out_features

    def window(self, shape: Shape) -> None:
        """All of the input."""

    def operation(self) -> Operation:
        """The product."""
        return Operation(functional.linear_pair, (self.weight, self.bias), {})

    def extra_repr(self) -> str:
        """Its settings."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
