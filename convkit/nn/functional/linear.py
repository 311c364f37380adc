"""Dense layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from convkit._core.workers import available
from convkit.autodiff import apply
from convkit.autodiff.pairs import Pair
from convkit.engines.places import place_of
from convkit.nn.functional.operands import like, parameter_dtype

Kind = TypeVar("Kind")


def linear_pair(x: Any, w: Any, bias: Any = None, *, relu: bool = False) -> Pair:
    """Weighted sums over the last axis, plus a bias; with `relu` their positive part."""
    dtype = w.dtype
    if w.ndim != 2 or not x.ndim or x.shape[-1] != w.shape[1] or (bias is not None and bias.shape != w.shape[:1]):
        _refuse_linear(x.shape, w.shape, None if bias is None else bias.shape)
    parameter_dtype("linear", dtype)
    x = like(x, w)
    shape = x.shape
    matrix = len(shape) == 2
    rows = x if matrix else x.reshape(-1, w.shape[1])
    workers, place = available(), place_of(w)
    dense = place.dense
    y = place.empty((rows.shape[0], w.shape[0]), dtype)
    dense.product(rows, place.transposed(w), y, workers)
    if bias is not None:
        dense.shift(y, like(bias, w), relu)
    elif relu:
        y = place.activation.relu(y)[0]
    kept = y if relu else None

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        g = place.array(g, dtype)
        g = g if matrix else g.reshape(-1, w.shape[0])
        by_x = by_w = by_bias = None
        if bias is not None and wanted[2]:
            if kept is None:
                by_bias = np.add.reduce(g, 0)
            else:
                by_bias = place.empty((w.shape[0],), dtype)
                g = dense.rectified(g, kept, by_bias)
        elif kept is not None:
            g = place.activation.masked(g, kept)
        if wanted[0]:
            by_x = place.empty(shape, dtype)
            dense.product(g, w, by_x.reshape(rows.shape), workers)
        if wanted[1]:
            by_w = place.empty(w.shape, dtype)
            dense.product(place.transposed(g), rows, by_w, workers)
        return by_x, by_w, by_bias

    return y if matrix else y.reshape(*shape[:-1], w.shape[0]), vjp


def _refuse_linear(x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None) -> None:
    """Say what does not fit."""
    if len(w) != 2:
        raise ValueError(f"linear: weight has shape {w}; expected (outputs, inputs)")
    if bias is not None and bias != w[:1]:
        raise ValueError(f"linear: bias has shape {bias}; expected ({w[0]},), one number for each output")
    fix = "; flatten it first" if math.prod(x[1:]) == w[1] else ""
    raise ValueError(f"linear: input has shape {x}, but the weights, of shape {w}, take {w[1]} numbers along its last "
                     f"axis{fix}")


def linear(input: Kind, weight: Any, bias: Any = None) -> Kind:
    """A dense layer, ``input @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor or array_like
        Of shape (..., inputs).
    weight : Tensor or array_like
        Of shape (outputs, inputs), float32 or float64.
    bias : Tensor or array_like, optional
        Of shape (outputs,).

    Returns
    -------
    Tensor or ndarray
        Of shape (..., outputs), in the dtype of `weight`.

    Raises
    ------
    ValueError, TypeError
        For shapes that do not fit, and for dtypes that are not computed in.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> F.linear([1.0, 2.0], [[1.0, 1.0], [0.0, -1.0]], [0.5, 0.0])
    array([ 3.5, -2. ])
    """
    return apply(linear_pair, input, weight, bias)
