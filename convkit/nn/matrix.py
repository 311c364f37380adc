"""A convolution layer as a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from convkit._core.boundary import index_map
from convkit._core.typing import Array, IntArray
from convkit.nn.functional.conv import BOUNDARIES
from convkit.nn.layers.conv import Conv, Transposed

if TYPE_CHECKING:
    import scipy.sparse


class Dense(NamedTuple):
    """A layer as ``matrix @ x.ravel() + bias``."""

    matrix: scipy.sparse.csr_array
    bias: Array


def conv_as_matrix(layer: Conv, input_shape: Sequence[int]) -> Dense:
    r"""The dense layer that a convolution layer is a special case of: its matrix, mostly zeros, and its bias.

    ``matrix @ x.ravel() + bias`` is ``layer(x[None])[0].ravel()``.

    Parameters
    ----------
    layer : Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d or ConvTranspose3d
        The layer, with any stride, padding, dilation and groups.
    input_shape : sequence of int
        Shape (C_in, \*S) of one item.

    Returns
    -------
    matrix : scipy.sparse.csr_array
        (size of the result, size of the input), in the dtype of the weights.
    bias : ndarray
        One number for each element of the result.

    Raises
    ------
    TypeError
        For another layer.
    ValueError
        For an input that the layer refuses.

    Examples
    --------
    >>> from convkit import nn
    >>> matrix, bias = nn.conv_as_matrix(nn.Conv2d(3, 6, 5), (3, 32, 32))
    >>> matrix.shape  # a dense layer of this size has 14,450,688 weights, the convolution 450
    (4704, 3072)
    """
    if not isinstance(layer, Conv):
        raise TypeError(f"layer={layer!r} is no convolution; give a Conv1d, Conv2d, Conv3d or one of their transposes")
    shape = (1, *map(int, input_shape))
    if len(shape) != layer.dims + 2 or layer.misfit(shape):
        raise ValueError(f"{layer!r}: input_shape={tuple(input_shape)} does not fit: "
                         + (layer.misfit(shape) or f"give (C, *S) with {layer.dims} lengths S, without the batch axis"))
    out = layer.out_shape(shape)
    if isinstance(layer, Transposed):
        matrix = _correlation(layer, out[1:], shape[2:]).T.tocsr()
    else:
        matrix = _correlation(layer, shape[1:], out[2:])
    bias = np.zeros(out[1], layer.weight.dtype) if layer.bias is None else layer.bias.data
    return Dense(matrix, np.repeat(bias, math.prod(out[2:])))


def _correlation(layer: Any, samples: tuple[int, ...], sums: tuple[int, ...]) -> scipy.sparse.csr_array:
    r"""Matrix of the correlation of samples (C, \*S) to sums of those lengths."""
    import scipy.sparse

    weight, groups = layer.weight.data, layer.groups
    inside, rows = weight.shape[1], weight.shape[0] // groups
    # Which sample each tap of each sum reads, -1 for a zero: (\*sums, \*taps).
    reads: IntArray = np.zeros((), np.int64)
    for n, count, k, s, d, (before, _) in zip(samples[1:], sums, layer.kernel_size, layer.stride, layer.dilation, layer.pads(),
                                              strict=True):
        after = (count - 1) * s + (k - 1) * d + 1 - before - n
        sources = index_map(n, before, after, BOUNDARIES[layer.padding_mode])
        along = sources[np.add.outer(s * np.arange(count), d * np.arange(k))]
        reads = reads[..., None, None]
        reads = np.where((reads < 0) | (along < 0), -1, reads * n + along)
    dims = layer.dims
    reads = reads.transpose(*range(0, 2 * dims, 2), *range(1, 2 * dims, 2)).reshape(math.prod(sums), -1)
    channels = np.arange(inside)[:, None] * math.prod(samples[1:])
    columns, values, lines = [], [], []
    for o in range(weight.shape[0]):
        first = o // rows * inside * math.prod(samples[1:])
        at = first + channels[None] + reads[:, None]
        kept = np.broadcast_to(reads[:, None] >= 0, at.shape)
        columns.append(at[kept])
        values.append(np.broadcast_to(weight[o].reshape(1, inside, -1), at.shape)[kept])
        lines.append(o * math.prod(sums) + np.repeat(np.arange(math.prod(sums)), kept.sum(axis=(1, 2))))
    shape = (weight.shape[0] * math.prod(sums), math.prod(samples))
    entries = (np.concatenate(values), (np.concatenate(lines), np.concatenate(columns)))
    return scipy.sparse.coo_array(entries, shape=shape).tocsr()
