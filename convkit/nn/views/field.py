"""Which samples of the input a unit sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.boundary import index_map
from convkit._core.typing import Array
from convkit.autodiff import Tensor, apply
from convkit.autodiff.pairs import Pair
from convkit.nn.functional.conv import BOUNDARIES
from convkit.nn.layers import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Flatten,
)
from convkit.nn.layers.layer import Layer, several
from convkit.nn.module import Module
from convkit.nn.views.inside import batch_of, reach, undisturbed, unit_of

_ADAPTIVE = (AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d)
_TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)

Interval = tuple[int, int]


def receptive_field(model: Module, shape: Sequence[int], layer: Any, position: Sequence[int]) -> tuple[slice, ...]:
    """Samples of the input that reach a place of a layer, exactly, from the layers' kernels, strides, dilations and paddings.

    Dependence is followed through the model as it computes, through shortcuts and branches, too, if all that has a window is
    a layer. Between the taps of dilated kernels the field is filled.

    Parameters
    ----------
    model : Module
        Whose layer it is.
    shape : sequence of int
        Shape of one input, without the axis of items, such as (3, 32, 32).
    layer : str or Layer
        A layer, or its name.
    position : sequence of int
        Place in the layer's result, without items and channels, such as (row, column); empty for dense layers.

    Returns
    -------
    tuple of slice
        One for each axis of space of the input, cut off at its edges.

    Raises
    ------
    ValueError
        For a layer that the model has not.
    IndexError
        For a place that it has not.

    References
    ----------
    .. [1] A. Araujo, W. Norris, J. Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019.

    Examples
    --------
    >>> from convkit import nn
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5))
    >>> views.receptive_field(model, (3, 32, 32), "3", (0, 1))
    (slice(0, 14, None), slice(2, 16, None))
    """
    start = Tensor(batch_of(model, np.ones((1, *shape))), requires_grad=True)
    with undisturbed(model):
        result = reach(model, start, layer, lambda layer, x: apply(_reach_pair, x, layer=layer))
        place = unit_of(result.shape[:1] + result.shape[2:], tuple(position), "position")
        seed = np.zeros(result.shape, result.dtype)
        at: tuple[Any, ...] = (slice(None), slice(None), *place)
        seed[at] = 1
        result.backward(seed)
    if start.grad is None or not start.grad.any():
        raise ValueError(f"layer={layer!r} does not depend on the input at {tuple(position)}")
    return tuple(slice(*extent) for extent in _extents(start.grad))


def _reach_pair(x: Array, *, layer: Layer) -> Pair:
    """Ones in the shape of the layer's result; back come those samples of `x` that the marked results see."""
    shape = x.shape
    result = np.ones(layer.out_shape(shape), x.dtype)

    def vjp(g: Array, wanted: Sequence[bool]) -> Sequence[Any]:
        if isinstance(layer, Flatten):
            return (np.reshape(g, shape),)
        seen = np.zeros(shape, x.dtype)
        if np.any(g):
            extents = _extents(g) if g.ndim == len(shape) else []
            seen[(slice(None), slice(None), *(slice(*each) for each in _sources(layer, shape, extents)))] = 1
        return (seen,)

    return result, vjp


def _extents(marked: Array) -> list[Interval]:
    """First and last place but one where anything is marked, for each axis of space."""
    found = []
    for axis in range(2, marked.ndim):
        places = np.flatnonzero(np.any(marked, axis=tuple(a for a in range(marked.ndim) if a != axis)))
        found.append((int(places[0]), int(places[-1]) + 1))
    return found


def _sources(layer: Layer, shape: tuple[int, ...], extents: list[Interval]) -> list[Interval]:
    """The samples that a stretch of results sees, for each axis of space of an input of `shape`."""
    window = layer.window(shape)
    lengths = shape[2:]
    if window is None:
        return [(0, n) for n in lengths]
    if not window.extent:
        return extents
    if isinstance(layer, _ADAPTIVE):
        out = layer.out_shape(shape)[2:]
        return [(a * n // o, -(-b * n // o)) for (a, b), n, o in zip(extents, lengths, out, strict=True)]
    pads = _pads(layer, len(lengths))
    if isinstance(layer, _TRANSPOSED):
        spans = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        return [_cut(-((span - a - before) // s), (b - 1 + before) // s + 1, n, "zero")
                for (a, b), (before, _), span, s, n in zip(extents, pads, spans, layer.stride, lengths, strict=True)]
    boundary = BOUNDARIES[getattr(layer, "padding_mode", "zeros")]
    return [_cut(a * int(s) - before, (b - 1) * int(s) - before + extent, n, boundary)
            for (a, b), (before, _), extent, s, n in zip(extents, pads, window.extent, window.stride, lengths, strict=True)]


def _pads(layer: Any, axes: int) -> Sequence[Interval]:
    """Samples that a layer puts before and after each axis."""
    if hasattr(layer, "pads"):
        found: Sequence[Interval] = layer.pads()
        return found
    return [(p, p) for p in several(getattr(layer, "padding", 0), axes)]


def _cut(start: int, stop: int, n: int, boundary: str) -> Interval:
    """A stretch that may reach beyond an axis of `n` samples, as the stretch of the samples that stand there."""
    at = index_map(n, -start, stop - n, boundary)
    at = at[(at >= 0) & (at < n)]
    return (int(at.min()), int(at.max()) + 1) if at.size else (0, 0)
