"""Filters that differentiate, and weights with names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.boundary import Boundary
from convkit._core.images import number
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.convolution import convolve
from convkit.filters.designs import EMBOSS, laplacian_weights
from convkit.filters.passes import (
    Setting,
    documented,
    pair_only,
    prepare,
    prepare_anywhere,
    real_only,
    separable,
)
from convkit.filters.smooth import PerAxis, gaussians


@documented
def gaussian_gradient_magnitude(x: ArrayLike, sigma: PerAxis, *, truncate: float = 4.0,
                                radius: int | Sequence[int] | None = None, boundary: Boundary = "reflect",
                                axes: int | Sequence[int] | None = None,
                                channel_axis: int | None = None, workers: int | None = None, out: Array | None = None,
                                dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Slope of the smoothed samples: the length of the gradient by derivatives of Gaussians.

    Parameters
    ----------
    x : array_like
        Real samples: a signal, an image, a volume, or a batch of them.
    sigma : float or sequence of float
        Standard deviation of the Gaussian in samples, above 0, one for all axes or one per axis.
    truncate : float
        Where to cut the Gaussian, in standard deviations.
    radius : int or sequence of int, optional
        Taps on each side of the middle one, in place of `truncate`.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x, in its units per sample.

    Raises
    ------
    ValueError, TypeError
        For complex samples, a sigma of 0, and as `gaussian`.

    Notes
    -----
    As `scipy.ndimage.gaussian_gradient_magnitude`, whose default boundary is called ``symmetric`` here.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import gaussian_gradient_magnitude
    >>> plane = np.add.outer(3.0 * np.arange(15), 4.0 * np.arange(15))
    >>> gaussian_gradient_magnitude(plane, 1.0)[7, 7].round(2)
    np.float64(5.0)
    """
    s = prepare(x, boundary, axes, channel_axis, workers, out, dtype, device)
    real_only(s, "a gradient's magnitude")
    count = len(s.axes)
    widths = s.several("sigma", sigma, lambda value, name: number(value, name, above=0))
    taps = [gaussians(s, widths, [int(a == i) for a in range(count)], truncate, radius) for i in range(count)]

    def slope(i: int, scale: float, target: Any) -> Any:
        derivative = taps[i][i]
        assert derivative is not None
        return separable(s, [*taps[i][:i], derivative * scale, *taps[i][i + 1 :]], out=target)

    values = s.target()
    s.place.length(slope, count, values)
    return s.finish(values)


@documented
def laplacian(x: ArrayLike, *, boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None,
              channel_axis: int | None = None, workers: int | None = None, out: Array | None = None,
              dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Sum of second differences, ``x[i - 1] - 2 x[i] + x[i + 1]`` along every axis.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x, in its units per sample squared. It is positive in the valleys and negative on the peaks.

    Raises
    ------
    ValueError, TypeError
        As `convkit.convolve`.

    See Also
    --------
    gaussian_laplace : smooths first, as noise asks for.
    laplacian_weights : the weights.

    Notes
    -----
    As `scipy.ndimage.laplace` (whose default boundary is called ``symmetric`` here) and OpenCV's ``Laplacian`` with
    ``ksize=1``. OpenCV's ``ksize=3`` is the sum along the diagonals, twice as large; scikit-image's ``laplace`` has the
    opposite sign.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import laplacian
    >>> laplacian(np.arange(6.0) ** 2).tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0, -18.0]
    """
    s = prepare_anywhere(x, boundary, axes, channel_axis, workers, out, dtype, device)
    if len(s.axes) <= 3:
        return _weighted(s, laplacian_weights(len(s.axes)))
    s = prepare(x, boundary, axes, channel_axis, workers, out, dtype, device)
    second = laplacian_weights(1)
    values = s.target()
    for i in range(len(s.axes)):
        part = separable(s, [second if a == i else None for a in range(len(s.axes))], out=values if i == 0 else None)
        if i:
            s.place.add(values, part)
    return s.finish(values)


def _weighted(s: Setting, weights: Array) -> Array:
    """Convolve two or three axes with few dense weights, exactly where integers are asked for."""
    return convolve(s.x, weights, boundary=s.boundary, axes=s.axes, method="direct", out=s.out, dtype=s.result,
                    workers=s.workers, device=s.device)


@documented
def gaussian_laplace(x: ArrayLike, sigma: PerAxis, *, truncate: float = 4.0, radius: int | Sequence[int] | None = None,
                     boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None, channel_axis: int | None = None,
                     workers: int | None = None, out: Array | None = None, dtype: DTypeLike | None = None,
                     device: str | None = None) -> Array:
    """Laplacian of the smoothed samples, by second derivatives of Gaussians (LoG).

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them.
    sigma : float or sequence of float
        Standard deviation of the Gaussian in samples, above 0, one for all axes or one per axis.
    truncate : float
        Where to cut the Gaussian, in standard deviations.
    radius : int or sequence of int, optional
        Taps on each side of the middle one, in place of `truncate`.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x, in its units per sample squared; times ``sigma**2`` it compares across scales.

    Raises
    ------
    ValueError, TypeError
        For a sigma of 0, and as `gaussian`.

    Notes
    -----
    As `scipy.ndimage.gaussian_laplace`, whose default boundary is called ``symmetric`` here. The taps are samples of the
    derivative cut at `truncate`, so a constant c gives not 0 but about ``-1e-3 ndim c / sigma**2``; with
    ``truncate=6`` that falls to ``1e-7``.

    References
    ----------
    D. Marr and E. Hildreth, "Theory of edge detection", Proc. R. Soc. Lond. B 207 (1980) 187-217.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import gaussian_laplace
    >>> blob = np.zeros((21, 21)); blob[10, 10] = 1
    >>> gaussian_laplace(blob, 2.0)[10, 10].round(4)
    np.float64(-0.0199)
    """
    s = prepare(x, boundary, axes, channel_axis, workers, out, dtype, device)
    count = len(s.axes)
    widths = s.several("sigma", sigma, lambda value, name: number(value, name, above=0))
    taps = [gaussians(s, widths, [2 * (a == i) for a in range(count)], truncate, radius) for i in range(count)]
    values = separable(s, taps[0], out=s.target())
    part = None
    for each in taps[1:]:
        part = separable(s, each, out=part)
        s.place.add(values, part)
    return s.finish(values)


@documented
def sharpen(x: ArrayLike, *, boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None,
            channel_axis: int | None = None, workers: int | None = None, out: Array | None = None,
            dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Sharpen with the smallest weights there are: x minus its `laplacian`; of an image, `SHARPEN`.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them; up to three axes are filtered.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x. Floats are not clipped; integers asked for with `dtype` saturate.

    Raises
    ------
    ValueError, TypeError
        For more than three axes to filter, and as `convkit.convolve`.

    See Also
    --------
    unsharp : with a width and an amount.

    Examples
    --------
    >>> from convkit.filters import sharpen
    >>> sharpen([0.0, 0.0, 1.0, 1.0]).tolist()
    [0.0, -1.0, 2.0, 1.0]
    """
    s = prepare_anywhere(x, boundary, axes, channel_axis, workers, out, dtype, device)
    if len(s.axes) > 3:
        raise ValueError(f"sharpen filters up to three axes, but {len(s.axes)} of x (shape {s.x.shape}) are to be filtered; "
                         "name them with axes=")
    weights = -laplacian_weights(len(s.axes))
    weights[(1,) * weights.ndim] += 1
    return _weighted(s, weights)


@documented
def emboss(x: ArrayLike, *, boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None,
           channel_axis: int | None = None, workers: int | None = None, out: Array | None = None,
           dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Light an image from its top left, as if bright were high: `EMBOSS`, the image plus its slope down the diagonal.

    Parameters
    ----------
    x : array_like
        An image, or a batch of them.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x. Flat areas keep their value.

    Raises
    ------
    ValueError, TypeError
        If not two axes are to be filtered, and as `convkit.convolve`.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import emboss
    >>> hill = np.zeros((5, 5)); hill[2:, 2:] = 1
    >>> emboss(hill)[2].tolist()
    [0.0, 3.0, 5.0, 4.0, 4.0]
    """
    s = prepare_anywhere(x, boundary, axes, channel_axis, workers, out, dtype, device)
    pair_only(s, "emboss")
    return _weighted(s, np.asarray(EMBOSS))
