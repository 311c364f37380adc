"""Pooling: the largest sample of each window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

import numpy as np

from convkit._core.typing import IntArray
from convkit._core.workers import available
from convkit.autodiff import Tensor, apply
from convkit.autodiff.pairs import Pair
from convkit.autodiff.places import array_of, zeros
from convkit.engines.places import place_of
from convkit.engines.pool import Windows
from convkit.nn.functional.operands import numbers, setting, several

Kind = TypeVar("Kind")


def planes_of(name: str, x: tuple[int, ...], dims: int) -> tuple[tuple[int, ...], tuple[int, int, int]]:
    """The shape of the pooled axes, as it is and with three of them."""
    axes = ("L", "H, W", "D, H, W")[dims - 1]
    if len(x) not in (dims + 1, dims + 2):
        raise ValueError(f"{name}: input has shape {x}; expected (N, C, {axes}), or (C, {axes}) for one item")
    if min(x) < 1:
        raise ValueError(f"{name}: input has shape {x}, which holds no samples")
    return x[-dims:], three(x[-dims:], 1)


def three(values: Sequence[int], other: int) -> tuple[int, int, int]:
    """Numbers for one, two or three axes, with `other` put before them for those missing."""
    z, y, x = (other,) * (3 - len(values)) + tuple(values)
    return z, y, x


def counts_of(name: str, lengths: Sequence[int], spans: Sequence[int], stride: Sequence[int], padding: Sequence[int],
            ceil_mode: bool) -> tuple[int, ...]:
    """Windows along each axis; with `ceil_mode` also one that reaches past the end, if it starts before the end."""
    counts = []
    for n, span, s, p in zip(lengths, spans, stride, padding, strict=True):
        rest = n + 2 * p - span
        if rest < 0:
            raise ValueError(f"{name}: the window covers {span} samples, but the input has {n} along that axis, {n + 2 * p} "
                             "with padding; use a smaller window or a larger input")
        count = rest // s + 1
        if ceil_mode and rest % s and count * s < n + p:
            count += 1
        counts.append(count)
    return tuple(counts)


def windows_of(name: str, dims: int, kernel_size: Any, stride: Any, padding: Any) -> tuple[tuple[int, ...], ...]:
    """Kernel, stride (by default the kernel) and padding for each axis."""
    kernel = several(kernel_size, dims, "kernel_size", 1)
    pads = several(padding, dims, "padding", 0)
    for p, k in zip(pads, kernel, strict=True):
        if p > k // 2:
            raise ValueError(f"{name}: padding={padding!r} is more than half of kernel_size={kernel_size!r}: a window would "
                             f"lie outside the input; {k // 2} is the most")
    return kernel, kernel if stride is None or stride == () else several(stride, dims, "stride", 1), pads


@lru_cache(maxsize=512, typed=True)
def _maximum(place: Any, dims: int, x: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, dilation: Any,
             ceil_mode: bool) -> tuple[Any, tuple[int, ...]]:
    """A max pooling prepared for inputs of a shape in a place, and the shape of its results."""
    name = f"max_pool{dims}d"
    lengths, shape = planes_of(name, x, dims)
    kernel, strides, pads = windows_of(name, dims, kernel_size, stride, padding)
    dilations = several(dilation, dims, "dilation", 1)
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    counts = counts_of(name, lengths, spans, strides, pads, ceil_mode)
    for n, c, k, s, p, d in zip(lengths, counts, kernel, strides, pads, dilations, strict=True):
        if not all(any(0 <= i * s - p + t * d < n for t in range(k)) for i in range(c)):
            raise ValueError(f"{name}: a window has none of its {k} taps, {d} samples apart, inside an axis of length {n}; "
                             "use less dilation or padding")
    windows = Windows(shape, three(counts, 1), three(kernel, 1), three(strides, 1), three(pads, 0), three(dilations, 1))
    return place.pool.prepare_max(windows), (*x[:-dims], *counts)


def _found(x: Any, *, place: Any, plan: Any, y: Any, codes: Any, workers: int) -> Pair:
    """The largest samples, found before, with the way back to their places."""
    shape, dtype = x.shape, y.dtype

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        result = place.empty(shape, dtype)
        plan.gradient(place.array(g, dtype), codes, result, workers)
        return (result,)

    return y, vjp


def bound_max_pool(x: Any, *, dims: int, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                   ceil_mode: bool = False) -> Callable[[Any], Pair]:
    """The pair for inputs of the shape and place of `x`."""
    place = place_of(x)
    plan, shape = _maximum(place, dims, x.shape, kernel_size, stride, padding, dilation, ceil_mode)

    def pair(x: Any) -> Pair:
        x = numbers(x)
        y, workers = place.empty(shape, x.dtype), available()
        return _found(x, place=place, plan=plan, y=y, codes=plan.forward(x, y, workers), workers=workers)

    return pair


def max_pool_pair(x: Any, **settings: Any) -> Pair:
    """The largest sample of each window."""
    return bound_max_pool(x, **settings)(x)


max_pool1d_pair, max_pool2d_pair, max_pool3d_pair = (partial(max_pool_pair, dims=n) for n in (1, 2, 3))


def max_unpool2d_pair(x: Any, indices: Any, *, kernel_size: Any, stride: Any = None, padding: Any = 0,
                      output_size: Any = None) -> Pair:
    """Samples put back to where `indices` say, zeros elsewhere."""
    x, place = numbers(x), place_of(x)
    places = place.array(indices)
    if x.ndim not in (3, 4) or places.shape != x.shape or places.dtype.kind not in "iu":
        raise ValueError(f"max_unpool2d: input has shape {x.shape}, indices have shape {places.shape}, dtype {places.dtype}; "
                         "expected whole numbers, and (N, C, H, W) for both, as max_pool2d(..., return_indices=True) gives")
    kernel, strides, pads = windows_of("max_unpool2d", 2, kernel_size, stride, padding)
    sizes = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(x.shape[-2:], strides, pads, kernel, strict=True))
    if output_size is not None:
        sizes = several(output_size[-2:], 2, "output_size", 1)
    count = sizes[0] * sizes[1]
    if place.no_class(places, count, None) is not None:
        raise IndexError(f"max_unpool2d: indices go from {places.min()} to {places.max()}, but the result, of {sizes[0]} x "
                         f"{sizes[1]} samples, has places 0 to {count - 1}; give output_size=, the shape before the pooling")
    flat = places.reshape(-1, x.shape[-2] * x.shape[-1]).astype(np.int64, copy=False)
    y = zeros((flat.shape[0], count), x)
    np.put_along_axis(y, flat, x.reshape(flat.shape), 1)
    shape = x.shape

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        return np.take_along_axis(g.reshape(-1, count), flat, 1).reshape(shape), None

    return y.reshape(*shape[:-2], *sizes), vjp


def _pooled(dims: int, x: Any, return_indices: bool, **settings: Any) -> Any:
    """Largest samples, with `return_indices` and their places."""
    settings = {name: setting(value) for name, value in settings.items()}
    if not return_indices:
        return apply(max_pool_pair, x, dims=dims, **settings)
    samples = x if isinstance(x, Tensor) else array_of(x)
    data = numbers(samples.data if isinstance(samples, Tensor) else samples)
    place = place_of(data)
    plan, shape = _maximum(place, dims, data.shape, *settings.values())
    y, workers = place.empty(shape, data.dtype), available()
    codes = plan.forward(data, y, workers)
    indices: IntArray = plan.indices(codes).reshape(shape)
    values = apply(_found, samples, place=place, plan=plan, y=y, codes=codes, workers=workers)
    return values, Tensor(indices) if isinstance(x, Tensor) else indices


def max_pool1d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest sample of each window of signals (N, C, L); see `max_pool2d`."""
    return _pooled(1, input, return_indices, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
                   ceil_mode=ceil_mode)


def max_pool2d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest sample of each window of images.

    Parameters
    ----------
    input : Tensor or array_like
        Images (N, C, H, W), or one of them.
    kernel_size : int or pair of int
        Taps of a window.
    stride : int or pair of int, optional
        Distance of neighbouring windows; by default `kernel_size`, so that they lie side by side.
    padding : int or pair of int
        Samples of minus infinity around the image, half a window at most.
    dilation : int or pair of int
        Distance of the taps in a window.
    ceil_mode : bool
        Also use a last window that reaches past the end, if it starts inside the image or the padding before it.
    return_indices : bool
        Return also where the largest samples lie, for `max_unpool2d`.

    Returns
    -------
    Tensor or ndarray, or (values, indices)
        Of shape (N, C, OH, OW). Indices, of the same shape, count in each flattened image.

    Raises
    ------
    ValueError
        For shapes and settings that do not fit.

    Notes
    -----
    Among equal samples the first, row by row, counts as the largest and has the whole gradient. NaN counts as largest.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _pooled(2, input, return_indices, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
                   ceil_mode=ceil_mode)


def max_pool3d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest sample of each window of volumes (N, C, D, H, W); see `max_pool2d`."""
    return _pooled(3, input, return_indices, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
                   ceil_mode=ceil_mode)


def max_unpool2d(input: Kind, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
                 output_size: Any = None) -> Kind:
    """Put samples back to where `max_pool2d` found them, with zeros elsewhere.

    Parameters
    ----------
    input : Tensor or array_like
        Images (N, C, H, W), or one of them.
    indices : Tensor or array_like of int
        Where the samples go, as ``max_pool2d(..., return_indices=True)`` gives it. Where windows overlap and two samples
        have one place, the last stays.
    kernel_size, stride, padding : int or pair of int
        Of the pooling.
    output_size : sequence of int, optional
        Shape, or height and width, of the images before the pooling; without it, the smallest that gives `input`.

    Returns
    -------
    Tensor or ndarray
        Of shape (N, C, *output_size).

    Raises
    ------
    IndexError
        For indices outside the result.
    ValueError
        For shapes that do not fit.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 2.1.

    Examples
    --------
    >>> from convkit.nn import functional as F
    >>> values, indices = F.max_pool2d([[[1.0, 2.0], [4.0, 3.0]]], 2, return_indices=True)
    >>> F.max_unpool2d(values, indices, 2)
    array([[[0., 0.],
            [4., 0.]]])
    """
    size = None if output_size is None else tuple(output_size)
    return apply(max_unpool2d_pair, input, indices, kernel_size=setting(kernel_size), stride=setting(stride),
                 padding=setting(padding), output_size=size)
