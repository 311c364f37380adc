"""Normalisation: over the batch, and over neighbouring channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from convkit._core.typing import Array
from convkit._core.workers import available
from convkit.autodiff import Tensor, apply
from convkit.autodiff.pairs import Pair
from convkit.autodiff.places import array_of
from convkit.engines.places import place_of
from convkit.nn.functional.operands import like, numbers, refuse_apart

__all__ = ["batch_norm", "batch_norm_pair", "local_response_norm", "local_response_norm_pair"]

Kind = TypeVar("Kind")


def _fitting(name: str, values: Any, channels: int) -> None:
    """Refuse what does not have one number for each channel."""
    if values.shape != (channels,):
        raise ValueError(f"batch_norm: {name} has shape {values.shape}, but input has {channels} channels; expected "
                         f"({channels},)")


def _each(place: Any, name: str, values: Any, channels: int, default: float, dtype: Any) -> Any:
    """One number for each channel; the array itself where it has the dtype."""
    if values is None:
        return place.array(np.full(channels, default, dtype))
    _fitting(name, values, channels)
    return place.array(values, dtype)


def batch_norm_pair(x: Any, weight: Any = None, bias: Any = None, *, running_mean: Array | None = None,
                    running_var: Array | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
                    relu: bool = False) -> Pair:
    """Channels brought to mean 0 and variance 1, then scaled and shifted; with `relu` the positive part of that.

    While training the running moments, where given, are updated in place.
    """
    if x.ndim < 2 or min(x.shape) < 1:
        raise ValueError(f"batch_norm: input has shape {x.shape}; expected (N, C, ...) with samples in every channel")
    x = numbers(x) if weight is None else like(x, weight)
    channels, dtype, place = x.shape[1], x.dtype, place_of(x)
    normalize, exact = place.normalize, place.moments(dtype)
    for name, given in (("running_mean", running_mean), ("running_var", running_var)):
        if given is not None:
            _fitting(name, given, channels)
            refuse_apart(x, given)
    weights, biases = _each(place, "weight", weight, channels, 1, dtype), _each(place, "bias", bias, channels, 0, dtype)
    if training:
        count = x.size // channels
        if count < 2:
            raise ValueError(f"batch_norm: input of shape {x.shape} has one sample in each channel, whose variance is 0; train "
                             "with larger batches, or call eval() first")
        moments = normalize.Moments(place.empty((channels,), exact), place.empty((channels,), exact), False)
    elif running_mean is None or running_var is None:
        raise ValueError("batch_norm: running_mean and running_var are needed when training=False; with training=True the "
                         "batch's own are used")
    else:
        # Copies: a training pass may move the running moments before the VJP is called.
        moments = normalize.Moments(*(place.array(given, exact).copy() for given in (running_mean, running_var)), True)
    y = place.empty(x.shape, dtype)
    workers = available()
    normalize.forward(x, moments, weights, biases, eps, relu, y, workers)
    if training:
        if running_mean is not None:
            normalize.follow(running_mean, moments.means, momentum, 1.0)
        if running_var is not None:
            normalize.follow(running_var, moments.variances, momentum, count / (count - 1))
    kept = y if relu else None

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        gradients: Sequence[Any] = normalize.gradient(x, place.array(g, dtype), kept, moments, weights, eps, workers)
        return gradients

    return y, vjp


def batch_norm(input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Any:
    """Batch normalisation: each channel is brought to mean 0 and variance 1, then scaled and shifted.

    Parameters
    ----------
    input : Tensor or array_like
        Samples (N, C, ...).
    running_mean, running_var : ndarray, optional
        Means and variances to use when not training, of shape (C,). While training they are updated in place.
    weight, bias : Tensor or array_like, optional
        Scale and shift of each channel, of shape (C,); 1 and 0 without them.
    training : bool
        Whether the moments are those of the input, over all axes but the channels', or the running ones.
    momentum : float
        Share of the new moments in the running ones, from 0 to 1.
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor or ndarray
        ``(input - mean) / sqrt(variance + eps) * weight + bias``. The variance is the biased one, divided by the number of
        samples; the running variance is updated with the unbiased one.

    Raises
    ------
    ValueError
        For shapes that do not fit, for one sample per channel while training, and without running moments otherwise.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
       shift", ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.batch_norm(np.array([[1.0, 5.0], [3.0, 5.0]]), training=True).round(4)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    if not hasattr(input, "shape"):
        input = np.asarray(input)
    weight, bias = (p if p is None or hasattr(p, "dtype") else np.asarray(p, input.dtype) for p in (weight, bias))
    mean, var = (r.data if isinstance(r, Tensor) else r if r is None else array_of(r) for r in (running_mean, running_var))
    return apply(batch_norm_pair, input, weight, bias, running_mean=mean, running_var=var, training=training, momentum=momentum,
                 eps=eps)


def _neighbours(values: Array, before: int, after: int) -> Array:
    """Sums of each channel (axis 1) with so many before and after it."""
    total, channels = values.copy(), values.shape[1]
    for i in range(max(-before, 1 - channels), min(after, channels - 1) + 1):
        if i:
            total[:, max(-i, 0) : channels - max(i, 0)] += values[:, max(i, 0) : channels - max(-i, 0)]
    return total


def local_response_norm_pair(x: Any, *, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Pair:
    """Samples divided by a power of the mean square over neighbouring channels."""
    if x.ndim < 3:
        raise ValueError(f"local_response_norm: input has shape {x.shape}; expected (N, C, L) or more axes")
    if size < 1:
        raise ValueError(f"local_response_norm: size={size!r} must be 1 or more: it counts neighbouring channels")
    x = numbers(x)
    before, after = size // 2, (size - 1) // 2
    base = k + alpha / size * _neighbours(x * x, before, after)
    factor = base**-beta
    y = x * factor

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        around = _neighbours(g * y / base, after, before)
        return (g * factor - (2 * alpha * beta / size) * x * around,)

    return y, vjp


def local_response_norm(input: Kind, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Kind:
    """Local response normalisation: samples are divided by a power of the mean square over neighbouring channels.

    Parameters
    ----------
    input : Tensor or array_like
        Samples (N, C, L) or with more axes.
    size : int
        How many channels count, half of them before; those beyond the first and last are zero.
    alpha, beta, k : float
        Of the divisor ``(k + alpha * mean(x**2))**beta``.

    Returns
    -------
    Tensor or ndarray
        Of the shape of `input`.

    Raises
    ------
    ValueError
        For fewer than three axes and for a `size` below 1.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural networks",
       NIPS 2012, section 3.3. There the squares are summed; here, as in PyTorch, they are averaged.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.local_response_norm(np.ones((1, 2, 1)), 2, alpha=2.0, beta=1.0).round(4)
    array([[[0.5   ],
            [0.3333]]])
    """
    return apply(local_response_norm_pair, input, size=size, alpha=alpha, beta=beta, k=k)
