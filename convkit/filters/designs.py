"""The weights themselves: what each linear filter convolves with, to look at and to plot."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import hermite_e

from convkit._core.checks import nonnegative
from convkit._core.images import number, per_axis
from convkit._core.typing import Array

# Taps along one axis at most: more than any image has use for.
MOST = 1 << 22


def _fixed(weights: Any) -> Array:
    """An array that a user cannot change by mistake for all later calls."""
    array: Array = np.asarray(weights, dtype=None if np.iscomplexobj(weights) else np.float64)
    array.setflags(write=False)
    return array


#: Named weights of two axes, to be convolved. `SHARPEN` adds to an image what `laplacian` finds missing.
SHARPEN = _fixed([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
#: An image lit from the top left: the image plus its slope down the diagonal.
EMBOSS = _fixed([[2, 1, 0], [1, 1, -1], [0, -1, -2]])


def half_width(sigma: float, truncate: float, radius: int | None) -> int:
    """Taps on each side of the middle one: ``int(truncate * sigma + 0.5)`` unless `radius` is given."""
    wide = truncate * sigma + 0.5 if radius is None else radius
    if 2 * wide + 1 > MOST:
        told = f"sigma={sigma:g} and truncate={truncate:g} take" if radius is None else f"radius={radius} takes"
        raise ValueError(f"{told} more than {MOST} taps per axis; give a smaller one")
    return int(wide)


def gaussian_taps(sigma: float, *, order: int = 0, truncate: float = 4.0, radius: int | None = None) -> Array:
    """Taps of a Gaussian, or of one of its derivatives, to be convolved.

    Samples of ``exp(-i^2 / (2 sigma^2))``, divided by their sum; for a derivative these times the Hermite polynomial
    ``(-1)^n He_n(i / sigma) / sigma^n``. A derivative is sampled, as by `scipy.ndimage.gaussian_filter1d`: its sum over
    a constant or another polynomial of a lower degree is close to zero but not zero (`steerable_taps` are exact there).

    Parameters
    ----------
    sigma : float
        Standard deviation in samples, above 0.
    order : int
        Order of the derivative, up to 20; 0 is the Gaussian, whose taps sum to 1.
    truncate : float
        Where to cut, in standard deviations: the radius is ``int(truncate * sigma + 0.5)``.
    radius : int, optional
        Taps on each side of the middle one, in place of `truncate`.

    Returns
    -------
    ndarray of float64, shape (2 * radius + 1,)
        Read-only.

    Raises
    ------
    ValueError, TypeError
        For a `sigma` that is not a number above 0 (a derivative needs 1e-6), an `order` not from 0 to 20, and a negative
        `truncate` or `radius`.

    References
    ----------
    T. Lindeberg, Scale-Space Theory in Computer Vision, 1994, chapters 2 and 5.

    Examples
    --------
    >>> from convkit.filters import gaussian_taps
    >>> gaussian_taps(1.0, radius=1).round(3).tolist()
    [0.274, 0.452, 0.274]
    >>> gaussian_taps(1.0, order=1, radius=1).round(3).tolist()
    [0.274, 0.0, -0.274]
    """
    width = number(sigma, "sigma", above=0)
    if nonnegative(order, "order") > 20:
        raise ValueError(f"order={order!r} is not allowed; give 0 (no derivative) to 20")
    if order and width < 1e-6:
        raise ValueError(f"sigma={sigma!r} is too narrow for a derivative of order {order}; give at least 1e-6")
    cut = number(truncate, "truncate", least=0)
    wide = half_width(width, cut, None if radius is None else nonnegative(radius, "radius"))
    return _gaussian_taps(width, order, wide)


@lru_cache(maxsize=256)
def _gaussian_taps(sigma: float, order: int, radius: int) -> Array:
    i = np.arange(-radius, radius + 1)
    # The quotient may overflow to infinity, where the exponential is zero as it should be.
    with np.errstate(over="ignore", invalid="ignore"):
        taps = np.exp(-0.5 / sigma / sigma * i**2)
    taps[radius] = 1.0
    taps /= taps.sum()
    if order:
        some = taps > 0
        taps[some] *= hermite_e.hermeval(i[some] / sigma, [0] * order + [(-1 / sigma) ** order])
    return _fixed(taps)


def laplacian_weights(ndim: int) -> Array:
    """Weights of the Laplacian along `ndim` axes: ``[1, -2, 1]`` along each, added; shape ``(3,) * ndim``.

    Parameters
    ----------
    ndim : int
        Number of axes, 1 to 8.

    Returns
    -------
    ndarray of float64
        As `scipy.ndimage.laplace` and OpenCV's ``Laplacian`` with ``ksize=1``. scikit-image's ``laplace`` has the
        opposite sign.

    Raises
    ------
    ValueError, TypeError
        For another `ndim`.

    Examples
    --------
    >>> from convkit.filters import laplacian_weights
    >>> laplacian_weights(2).tolist()
    [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]
    """
    if not 1 <= nonnegative(ndim, "ndim") <= 8:
        raise ValueError(f"ndim={ndim!r} is not allowed; give 1 to 8 axes")
    return _laplacian_weights(ndim)


@lru_cache(maxsize=8)
def _laplacian_weights(ndim: int) -> Array:
    weights = np.zeros((3,) * ndim)
    for axis in range(ndim):
        weights[tuple(slice(None) if a == axis else 1 for a in range(ndim))] += [1, -2, 1]
    return _fixed(weights)


def gabor_weights(frequency: float, angle: float = 0.0, *, bandwidth: float = 1.0,
                  sigma: float | tuple[float, float] | None = None, phase: float = 0.0, truncate: float = 3.0) -> Array:
    """Complex weights of a Gabor filter: a plane wave under a Gaussian, to be convolved.

    ``exp(-(u^2 / s_u^2 + v^2 / s_v^2) / 2) / (2 pi s_u s_v) * exp(i (2 pi frequency u + phase))`` with u along the
    wave and v across it. The real and the imaginary part are a quadrature pair: the first answers to lines, the second
    to edges, the magnitude to both. The sum of the real part is small but not zero.

    Parameters
    ----------
    frequency : float
        Of the wave, in cycles per pixel, above 0.
    angle : float
        Direction of the wave in radians, from the columns' axis towards the rows' axis: at 0 the wave runs along a
        row, and the filter answers to vertical lines.
    bandwidth : float
        Of the filter, in octaves (at half the peak), from which `sigma` follows:
        ``sqrt(ln 2 / 2) (2^b + 1) / (2^b - 1) / (pi frequency)``.
    sigma : float or (float, float), optional
        Standard deviations along and across the wave in pixels, in place of `bandwidth`.
    phase : float
        Of the wave in the middle, in radians.
    truncate : float
        Where to cut, in standard deviations, along the direction of the wave and across it; the rectangle around these
        ends cuts a round Gaussian at 45 degrees as near as ``truncate / sqrt(2)``, as scikit-image does.

    Returns
    -------
    ndarray of complex128
        Of odd shape, read-only; the same as scikit-image's ``gabor_kernel``.

    Raises
    ------
    ValueError, TypeError
        For a `frequency`, `bandwidth`, `sigma` or `truncate` that is not a number above 0.

    References
    ----------
    J. G. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation optimized by
    two-dimensional visual cortical filters", J. Opt. Soc. Am. A 2 (1985) 1160-1169.

    Examples
    --------
    >>> from convkit.filters import gabor_weights
    >>> weights = gabor_weights(0.25)
    >>> weights.shape, weights.dtype
    ((15, 15), dtype('complex128'))
    """
    wave = number(frequency, "frequency", above=0)
    if sigma is None:
        octaves = number(bandwidth, "bandwidth", above=0)
        # 2^b at a large bandwidth is beyond a float; its limit is not.
        along = across = math.sqrt(math.log(2) / 2) / math.tanh(octaves * math.log(2) / 2) / (math.pi * wave)
    else:
        along, across = per_axis(sigma, "sigma", 2, lambda value, name: number(value, name, above=0))
    cut = number(truncate, "truncate", above=0)
    half_width(max(along, across), cut, None)
    return _gabor_weights(wave, number(angle, "angle"), along, across, number(phase, "phase"), cut)


@lru_cache(maxsize=64)
def _gabor_weights(frequency: float, angle: float, along: float, across: float, phase: float, cut: float) -> Array:
    c, s = math.cos(angle), math.sin(angle)
    wide = math.ceil(max(abs(cut * along * c), abs(cut * across * s), 1))
    high = math.ceil(max(abs(cut * across * c), abs(cut * along * s), 1))
    if (2 * wide + 1) * (2 * high + 1) > MOST:
        raise ValueError(f"frequency={frequency:g} and sigma=({along:g}, {across:g}) take more than {MOST} weights; give a "
                         "higher frequency, a larger bandwidth or a smaller sigma")
    y, x = np.mgrid[-high : high + 1, -wide : wide + 1]
    u, v = x * c + y * s, y * c - x * s
    envelope = np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2)) / (2 * math.pi * along * across)
    return _fixed(envelope * np.exp(1j * (2 * math.pi * frequency * u + phase)))


ORDERS = (1, 2, 4)


def steerable_order(order: int) -> int:
    """Check the order of a steerable filter."""
    if nonnegative(order, "order") not in ORDERS:
        raise ValueError(f"order={order!r} is not allowed; give the order of the Gaussian's derivative, 1, 2 or 4")
    return order


def steerable_taps(sigma: float, order: int, *, truncate: float = 5.0) -> Array:
    """Taps of a derivative of a Gaussian that is exact on polynomials, to be convolved.

    Those of `gaussian_taps` with multiples of the lower orders added, so that polynomials of a lower degree than `order`
    give zero, and ``i^order`` gives ``order!``, to rounding.

    Parameters
    ----------
    sigma : float
        Standard deviation in pixels, at least 0.5: a narrower Gaussian is not sampled finely enough.
    order : int
        Order of the derivative, 0 to 4.
    truncate : float
        Where to cut, in standard deviations, at least 3.

    Returns
    -------
    ndarray of float64
        Of odd length, read-only.

    Raises
    ------
    ValueError, TypeError
        For arguments out of these ranges.

    Examples
    --------
    >>> import convkit
    >>> from convkit.filters import steerable_taps
    >>> parabola = [float(i * i) for i in range(15)]
    >>> convkit.convolve(parabola, steerable_taps(1.0, 2), mode="valid").round(6).tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0]
    """
    if nonnegative(order, "order") > 4:
        raise ValueError(f"order={order!r} is not allowed; give 0 to 4")
    return _steerable_taps(number(sigma, "sigma", least=0.5), order, number(truncate, "truncate", least=3))


@lru_cache(maxsize=256)
def _steerable_taps(sigma: float, order: int, truncate: float) -> Array:
    radius = max(half_width(sigma, truncate, None), 2)
    kinds = range(order % 2, order + 1, 2)
    taps = np.stack([_gaussian_taps(sigma, kind, radius) * sigma**kind for kind in kinds])
    # Moments in units of sigma, about which a convolution sees the polynomial turned around.
    moments = np.stack([taps @ (np.arange(radius, -radius - 1, -1) / sigma) ** kind for kind in kinds])
    wanted = np.zeros(len(kinds))
    wanted[-1] = math.factorial(order) / sigma**order
    return _fixed(np.linalg.solve(moments, wanted) @ taps)


def steerable_basis(order: int, *, sigma: float = 1.0, truncate: float = 5.0) -> tuple[tuple[Array, Array], ...]:
    """Separable filters from which the Gaussian derivative of an order is made at any angle.

    Parameters
    ----------
    order : {1, 2, 4}
        Order n of the derivative.
    sigma, truncate : float
        As in `steerable_taps`.

    Returns
    -------
    tuple of n + 1 pairs of ndarray
        Taps along the rows' axis and along the columns' axis; number i is derived i times down the rows and n - i
        times along the columns.

    Raises
    ------
    ValueError, TypeError
        For another order, and as `steerable_taps`.

    See Also
    --------
    steerable_coefficients : how much of each makes an angle.

    Examples
    --------
    >>> from convkit.filters import steerable_basis
    >>> [(down.size, along.size) for down, along in steerable_basis(2)]
    [(11, 11), (11, 11), (11, 11)]
    """
    n = steerable_order(order)
    return tuple((steerable_taps(sigma, i, truncate=truncate), steerable_taps(sigma, n - i, truncate=truncate))
                 for i in range(n + 1))


def steerable_coefficients(order: int, angle: float) -> Array:
    """How much of each filter of `steerable_basis` makes the derivative along an angle.

    ``(cos a d/dx + sin a d/dy)^n``: the binomial coefficients times powers of sine and cosine.

    Parameters
    ----------
    order : {1, 2, 4}
        Order n of the derivative.
    angle : float
        Direction of the derivative in radians, from the columns' axis towards the rows' axis.

    Returns
    -------
    ndarray of float64, shape (n + 1,)

    Raises
    ------
    ValueError, TypeError
        For another order, and an angle that is not a finite number.

    References
    ----------
    W. T. Freeman and E. H. Adelson, "The design and use of steerable filters", IEEE Trans. PAMI 13 (1991) 891-906.

    Examples
    --------
    >>> import math
    >>> from convkit.filters import steerable_coefficients
    >>> steerable_coefficients(2, math.pi / 4).round(3).tolist()
    [0.5, 1.0, 0.5]
    """
    n, a = steerable_order(order), number(angle, "angle")
    c, s = (0.0 if abs(value) < 1e-15 else value for value in (math.cos(a), math.sin(a)))
    return np.array([math.comb(n, i) * c ** (n - i) * s**i for i in range(n + 1)])


def steerable_weights(order: int, angle: float, *, sigma: float = 1.0, truncate: float = 5.0) -> Array:
    """Dense weights of a steerable filter: the Gaussian's derivative of an order along an angle, to be convolved.

    Parameters
    ----------
    order : {1, 2, 4}
        Order of the derivative.
    angle : float
        Its direction in radians, from the columns' axis towards the rows' axis.
    sigma, truncate : float
        As in `steerable_taps`.

    Returns
    -------
    ndarray of float64, 2-D

    Raises
    ------
    ValueError, TypeError
        As `steerable_basis` and `steerable_coefficients`.

    Examples
    --------
    >>> from convkit.filters import steerable_weights
    >>> steerable_weights(1, 0.5, sigma=2.0).shape
    (21, 21)
    """
    basis = steerable_basis(order, sigma=sigma, truncate=truncate)
    length = basis[0][0].size
    weights = np.zeros((length, length))
    for share, (down, along) in zip(steerable_coefficients(order, angle), basis, strict=True):
        weights += share * np.multiply.outer(down, along)
    return weights


#: A derivative across a Gaussian of the other axes, as Sobel's: of slope 1 on a unit ramp.
DIFFERENCE = _fixed([0.5, 0.0, -0.5])
SMOOTH = _fixed([0.25, 0.5, 0.25])
