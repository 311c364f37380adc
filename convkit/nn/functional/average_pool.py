"""Pooling: the mean of each window."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

from convkit._core.workers import available
from convkit.autodiff import apply
from convkit.autodiff.pairs import Pair
from convkit.engines.places import place_of
from convkit.engines.pool import Means
from convkit.nn.functional.operands import numbers, setting, several
from convkit.nn.functional.pool import counts_of, planes_of, windows_of

Kind = TypeVar("Kind")


@lru_cache(maxsize=512, typed=True)
def _average(place: Any, dims: int, x: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
             count_include_pad: bool, divisor_override: int | None) -> tuple[Any, tuple[int, ...]]:
    """An average pooling prepared for inputs of a shape, and the shape of its results."""
    name = f"avg_pool{dims}d"
    lengths, shape = planes_of(name, x, dims)
    kernel, strides, pads = windows_of(name, dims, kernel_size, stride, padding)
    counts = counts_of(name, lengths, kernel, strides, pads, ceil_mode)
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor_override=0 would divide by zero; leave it out to divide by the number of samples")
    edges: list[tuple[tuple[int, int], ...]] = [((0, 1),)] * (3 - dims)
    divisors: list[tuple[int, ...]] = [(1,)] * (3 - dims)
    for n, c, k, s, p in zip(lengths, counts, kernel, strides, pads, strict=True):
        starts = [i * s - p for i in range(c)]
        inside = tuple((max(a, 0), min(a + k, n)) for a in starts)
        edges.append(inside)
        padded = tuple(min(a + k, n + p) - a for a in starts)
        divisors.append(padded if count_include_pad else tuple(b - a for a, b in inside))
    if divisor_override is not None:
        divisors = [(1,) * len(c) for c in divisors[:-1]] + [(divisor_override,) * len(divisors[-1])]
    return place.pool.prepare_mean(Means(shape, tuple(edges), tuple(divisors))), (*x[:-dims], *counts)


@lru_cache(maxsize=512, typed=True)
def _adaptive(place: Any, dims: int, x: tuple[int, ...], output_size: Any) -> tuple[Any, tuple[int, ...]]:
    """An average pooling to given sizes prepared for inputs of a shape, and the shape of its results."""
    lengths, shape = planes_of(f"adaptive_avg_pool{dims}d", x, dims)
    given = output_size if isinstance(output_size, tuple) else (output_size,) * dims
    if len(given) != dims:
        raise ValueError(f"output_size={output_size!r} has {len(given)} numbers; give one, or one for each of {dims} axes")
    sizes = several(tuple(n if o is None else o for n, o in zip(lengths, given, strict=True)), dims, "output_size", 1)
    edges = tuple(tuple((i * n // o, -(-(i + 1) * n // o)) for i in range(o)) for n, o in zip(lengths, sizes, strict=True))
    counts = tuple(tuple(b - a for a, b in e) for e in edges)
    missing = 3 - dims
    means = Means(shape, (((0, 1),),) * missing + edges, ((1,),) * missing + counts)
    return place.pool.prepare_mean(means), (*x[:-dims], *sizes)


def _mean(place: Any, x: Any, plan: Any, out_shape: tuple[int, ...]) -> Pair:
    """The means of windows prepared for `x`."""
    x = numbers(x)
    shape, dtype = x.shape, x.dtype
    y, workers = place.empty(out_shape, dtype), available()
    plan.forward(x, y, workers)

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        result = place.empty(shape, dtype)
        plan.gradient(place.array(g, dtype), result, workers)
        return (result,)

    return y, vjp


def avg_pool_pair(x: Any, *, dims: int, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                  count_include_pad: bool = True, divisor_override: int | None = None) -> Pair:
    """The mean of each window."""
    place = place_of(x)
    return _mean(place, x, *_average(place, dims, x.shape, kernel_size, stride, padding, ceil_mode, count_include_pad,
                                     divisor_override))


def adaptive_avg_pool_pair(x: Any, *, dims: int, output_size: Any) -> Pair:
    """Means over windows that share out the input."""
    place = place_of(x)
    return _mean(place, x, *_adaptive(place, dims, x.shape, output_size))


avg_pool1d_pair, avg_pool2d_pair, avg_pool3d_pair = (partial(avg_pool_pair, dims=n) for n in (1, 2, 3))
adaptive_avg_pool1d_pair, adaptive_avg_pool2d_pair, adaptive_avg_pool3d_pair = (
    partial(adaptive_avg_pool_pair, dims=n) for n in (1, 2, 3))


def _averaged(dims: int, x: Any, **settings: Any) -> Any:
    return apply(avg_pool_pair, x, dims=dims, **{name: setting(value) for name, value in settings.items()})


def avg_pool1d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Any:
    """The mean of each window of signals (N, C, L); see `avg_pool2d`."""
    return _averaged(1, input, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                     count_include_pad=count_include_pad)


def avg_pool2d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Any:
    """The mean of each window of images.

    Parameters
    ----------
    input : Tensor or array_like
        Images (N, C, H, W), or one of them.
    kernel_size : int or pair of int
        Samples of a window.
    stride : int or pair of int, optional
        Distance of neighbouring windows; by default `kernel_size`.
    padding : int or pair of int
        Zeros around the image, half a window at most.
    ceil_mode : bool
        As for `max_pool2d`.
    count_include_pad : bool
        Whether zeros of the padding count as samples when the sum is divided by their number.
    divisor_override : int, optional
        Divide by this number instead.

    Returns
    -------
    Tensor or ndarray
        Of shape (N, C, OH, OW).

    Raises
    ------
    ValueError
        For shapes and settings that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.avg_pool2d(np.ones((1, 4, 4)), 2, 2, padding=1)
    array([[[0.25, 0.5 , 0.25],
            [0.5 , 1.  , 0.5 ],
            [0.25, 0.5 , 0.25]]])
    """
    return _averaged(2, input, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                     count_include_pad=count_include_pad, divisor_override=divisor_override)


def avg_pool3d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Any:
    """The mean of each window of volumes (N, C, D, H, W); see `avg_pool2d`."""
    return _averaged(3, input, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                     count_include_pad=count_include_pad, divisor_override=divisor_override)


def adaptive_avg_pool1d(input: Kind, output_size: Any) -> Kind:
    """Means of signals (N, C, L) over windows that share them out into `output_size`; see `adaptive_avg_pool2d`."""
    return apply(adaptive_avg_pool_pair, input, dims=1, output_size=setting(output_size))


def adaptive_avg_pool2d(input: Kind, output_size: Any) -> Kind:
    """Means over windows that share out an image, to a result of given size.

    Parameters
    ----------
    input : Tensor or array_like
        Images (N, C, H, W), or one of them.
    output_size : int or pair of int or None
        Height and width of the result; None for those of the input. 1 gives the mean of each channel.

    Returns
    -------
    Tensor or ndarray
        Of shape (N, C, *output_size). Window i of o covers the samples from ``floor(i n / o)`` to ``ceil((i + 1) n / o)``.

    Raises
    ------
    ValueError
        For shapes and sizes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.adaptive_avg_pool2d(np.arange(6.0).reshape(1, 2, 3), (1, 2))
    array([[[2., 3.]]])
    """
    return apply(adaptive_avg_pool_pair, input, dims=2, output_size=setting(output_size))


def adaptive_avg_pool3d(input: Kind, output_size: Any) -> Kind:
    """Means of volumes (N, C, D, H, W) over windows that share them out into `output_size`; see `adaptive_avg_pool2d`."""
    return apply(adaptive_avg_pool_pair, input, dims=3, output_size=setting(output_size))
