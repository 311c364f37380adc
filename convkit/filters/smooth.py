"""Filters that smooth, and those made of a smoothed copy."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core.boundary import Boundary
from convkit._core.checks import nonnegative
from convkit._core.images import number, per_axis
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.filters.designs import MOST, gaussian_taps
from convkit.filters.passes import Setting, documented, prepare, prepare_anywhere, separable

PerAxis = float | Sequence[float]


def gaussians(s: Setting, sigma: Any, order: Any = 0, truncate: Any = 4.0, radius: Any = None,
              name: str = "sigma") -> list[Array | None]:
    """Taps for each filtered axis; None where sigma is 0."""
    if type(sigma) is float and type(order) is int and type(truncate) is float and radius is None:
        return _usual(sigma, order, truncate, name) * len(s.axes)
    return _each(len(s.axes), sigma, order, truncate, radius, name)


@lru_cache(maxsize=256)
def _usual(sigma: float, order: int, truncate: float, name: str) -> list[Array | None]:
    """Taps by plain numbers, the same for all axes: on a small image their checks cost as much as the passes."""
    return _each(1, sigma, order, truncate, None, name)


def _each(count: int, sigma: Any, order: Any, truncate: Any, radius: Any, name: str) -> list[Array | None]:
    widths = per_axis(sigma, name, count, lambda value, word: number(value, word, least=0))
    orders = per_axis(order, "order", count, nonnegative)
    radii = per_axis(radius, "radius", count, lambda value, word: None if value is None else nonnegative(value, word))
    cut = number(truncate, "truncate", least=0)
    for width, n in zip(widths, orders, strict=True):
        if n and not width:
            raise ValueError(f"order={order!r} asks for a derivative along an axis where {name}={sigma!r} is 0; "
                             f"give a {name} above 0")
    return [gaussian_taps(width, order=n, truncate=cut, radius=r) if width else None
            for width, n, r in zip(widths, orders, radii, strict=True)]


@documented
def gaussian(x: ArrayLike, sigma: PerAxis, *, order: int | Sequence[int] = 0, truncate: float = 4.0,
             radius: int | Sequence[int] | None = None, boundary: Boundary = "reflect",
             axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
             out: Array | None = None, dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Smooth with a Gaussian, or take its derivatives, along any number of axes.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them.
    sigma : float or sequence of float
        Standard deviation in samples, one for all axes or one per axis; 0 leaves an axis alone.
    order : int or sequence of int
        Order of the derivative, one for all axes or one per axis; 0 smooths.
    truncate : float
        Where to cut the Gaussian, in standard deviations: the radius is ``int(truncate * sigma + 0.5)``.
    radius : int or sequence of int, optional
        Taps on each side of the middle one, in place of `truncate`.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x.

    Raises
    ------
    ValueError, TypeError
        For a negative sigma, order, truncate or radius, a derivative with sigma 0, another number of values than axes,
        and what `convkit.convolve_separable` refuses.

    See Also
    --------
    gaussian_taps : the weights.

    Notes
    -----
    The same numbers as `scipy.ndimage.gaussian_filter`, except that integers give floats, and that the default boundary
    is ndimage's ``mirror`` (its own default is called ``symmetric`` here). OpenCV's ``GaussianBlur`` cuts at 4 sigma in
    float32 as here, and at 3 in uint8. scikit-image scales integers to 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import gaussian
    >>> step = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    >>> gaussian(step, 1.0, boundary="edge").round(2).tolist()
    [0.0, 0.06, 0.3, 0.7, 0.94, 1.0]
    >>> gaussian(np.arange(9.0), 1.0, order=1)[4].round(3)
    np.float64(1.0)
    """
    s = prepare_anywhere(x, boundary, axes, channel_axis, workers, out, dtype, device)
    return separable(s, gaussians(s, sigma, order, truncate, radius), out=s.out, dtype=s.result)


@documented
def box(x: ArrayLike, size: int | Sequence[int], *, boundary: Boundary = "reflect",
        axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
        out: Array | None = None, dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Mean over a window, whose cost hardly depends on its size.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them.
    size : int or sequence of int
        Samples in the window along every axis, or one number per axis. A window of an even size reaches one sample
        farther towards the start of the axis, as `scipy.ndimage.uniform_filter` and OpenCV's ``blur``.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x. NaN reach as far as the window, and no farther.

    Raises
    ------
    ValueError, TypeError
        For a size below 1, another number of sizes than axes, and what `convkit.convolve_separable` refuses.

    Examples
    --------
    >>> from convkit.filters import box
    >>> box([0.0, 3.0, 6.0, 9.0], 3).tolist()
    [2.0, 3.0, 6.0, 7.0]
    """
    s = prepare_anywhere(x, boundary, axes, channel_axis, workers, out, dtype, device)

    def length(value: Any, name: str) -> int:
        try:
            size = operator.index(value)
        except TypeError:
            raise TypeError(f"{name}={value!r} must be a whole number of samples") from None
        if not 1 <= size <= MOST:
            raise ValueError(f"{name}={value!r} is not allowed; give 1 to {MOST} samples")
        return size

    taps = [None if n == 1 else np.full(n, 1.0 / n) for n in s.several("size", size, length)]
    return separable(s, taps, out=s.out, dtype=s.result)


@documented
def difference_of_gaussians(x: ArrayLike, low_sigma: PerAxis, high_sigma: PerAxis | None = None, *, truncate: float = 4.0,
                            boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None,
                            channel_axis: int | None = None, workers: int | None = None, out: Array | None = None,
                            dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Keep details between two sizes: smooth with two Gaussians, and subtract the wider from the narrower.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them.
    low_sigma : float or sequence of float
        Standard deviation of the narrower Gaussian in samples, one for all axes or one per axis; 0 does not smooth.
    high_sigma : float or sequence of float, optional
        That of the wider one; by default 1.6 times `low_sigma`, which comes close to `gaussian_laplace` (with the
        opposite sign).
    truncate : float
        Where to cut the Gaussians, in standard deviations.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x.

    Raises
    ------
    ValueError, TypeError
        If a high sigma is smaller than the low one along its axis, and as `gaussian`.

    Notes
    -----
    As scikit-image's ``difference_of_gaussians``, which has boundary ``edge`` (its ``mode="nearest"``) by default and
    scales integers to 0..1.

    References
    ----------
    D. Marr and E. Hildreth, "Theory of edge detection", Proc. R. Soc. Lond. B 207 (1980) 187-217.

    Examples
    --------
    >>> from convkit.filters import difference_of_gaussians
    >>> difference_of_gaussians([0.0, 0.0, 1.0, 0.0, 0.0], 0.5, 1.0).round(2).tolist()
    [-0.11, -0.14, 0.39, -0.14, -0.11]
    """
    s = prepare(x, boundary, axes, channel_axis, workers, out, dtype, device)
    low = s.several("low_sigma", low_sigma, lambda value, word: number(value, word, least=0))
    high = tuple(1.6 * value for value in low)
    if high_sigma is not None:
        high = s.several("high_sigma", high_sigma, lambda value, word: number(value, word, least=0))
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise ValueError(f"high_sigma={high_sigma!r} is below low_sigma={low_sigma!r}; give the narrower Gaussian first")
    narrow = gaussians(s, low, truncate=truncate, name="low_sigma")
    wide = gaussians(s, high, truncate=truncate, name="high_sigma")
    values = separable(s, narrow, out=s.target())
    s.place.subtract(values, separable(s, wide))
    return s.finish(values)


@documented
def unsharp(x: ArrayLike, sigma: PerAxis = 1.0, amount: float = 1.0, *, truncate: float = 4.0,
            boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None, channel_axis: int | None = None,
            workers: int | None = None, out: Array | None = None, dtype: DTypeLike | None = None,
            device: str | None = None) -> Array:
    """Sharpen by adding what a Gaussian takes away: ``x + amount * (x - gaussian(x, sigma))``.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them.
    sigma : float or sequence of float
        Standard deviation of the Gaussian in samples, one for all axes or one per axis.
    amount : float
        How much to add; a negative one smooths.
    truncate : float
        Where to cut the Gaussian, in standard deviations.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x. Floats are not clipped; integers asked for with `dtype` saturate.

    Raises
    ------
    ValueError, TypeError
        For an amount that is not a finite number, and as `gaussian`.

    Notes
    -----
    As scikit-image's ``unsharp_mask`` with ``preserve_range=True`` (whose ``radius`` is `sigma`, and whose boundary is
    ``symmetric``); without it that clips to 0..1.

    Examples
    --------
    >>> from convkit.filters import unsharp
    >>> unsharp([0.0, 0.0, 1.0, 1.0], 1.0, boundary="edge").round(2).tolist()
    [-0.06, -0.3, 1.3, 1.06]
    """
    s = prepare(x, boundary, axes, channel_axis, workers, out, dtype, device)
    factor = number(amount, "amount")
    values = separable(s, gaussians(s, sigma, truncate=truncate), out=s.target())
    s.place.sharpen(values, factor)
    return s.finish(values)
