"""Filters with a direction: Gabor's, and steerable derivatives of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.boundary import Boundary
from convkit._core.images import number
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.convolution import convolve
from convkit.filters.designs import gabor_weights, steerable_basis, steerable_coefficients
from convkit.filters.passes import Setting, documented, pair_only, prepare, prepare_anywhere, separable


@documented
def gabor(x: ArrayLike, frequency: float, angle: float = 0.0, *, bandwidth: float = 1.0,
          sigma: float | tuple[float, float] | None = None, phase: float = 0.0, truncate: float = 3.0,
          boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None, channel_axis: int | None = None,
          workers: int | None = None, out: Array | None = None, dtype: DTypeLike | None = None,
          device: str | None = None) -> Array:
    """Find stripes of a frequency and a direction: convolve an image with a plane wave under a Gaussian.

    Parameters
    ----------
    x : array_like
        An image, or a batch of them: two axes are filtered, rows and columns.
    frequency : float
        Of the wave, in cycles per pixel, above 0.
    angle : float
        Direction of the wave in radians, from the columns' axis towards the rows' axis: at 0 the wave runs along a
        row, and the filter answers to vertical lines.
    bandwidth, sigma, phase, truncate
        Size of the Gaussian, and phase of the wave, as in `gabor_weights`.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray of complex64 or complex128
        Of the shape of x. The real part answers to lines, the imaginary part to edges, and the magnitude to both, wherever
        they lie under the wave. With `dtype`, a complex one.

    Raises
    ------
    ValueError, TypeError
        If not two axes are to be filtered, and as `gabor_weights` and `convkit.convolve`.

    Notes
    -----
    The real and the imaginary part are those of scikit-image's ``gabor`` (whose default boundary is called ``symmetric``
    here). The sum of the real weights is small but not zero: on a bright area the real part is not 0.

    References
    ----------
    J. G. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation optimized by
    two-dimensional visual cortical filters", J. Opt. Soc. Am. A 2 (1985) 1160-1169.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import gabor
    >>> stripes = np.cos(2 * np.pi * 0.125 * np.arange(64)) * np.ones((64, 1))
    >>> abs(gabor(stripes, 0.125)[32, 32]).round(2), abs(gabor(stripes, 0.125, np.pi / 2)[32, 32]).round(2)
    (np.float64(0.5), np.float64(0.0))
    """
    s = prepare_anywhere(x, boundary, axes, channel_axis, workers, None, None, device)
    pair_only(s, "a Gabor filter")
    weights = gabor_weights(frequency, angle, bandwidth=bandwidth, sigma=sigma, phase=phase, truncate=truncate)
    return _convolved(s, weights, out, dtype)


def _convolved(s: Setting, weights: Array, out: Any, dtype: Any) -> Array:
    return convolve(s.x, weights, boundary=s.boundary, axes=s.axes, out=out, dtype=dtype, workers=s.workers, device=s.device)


def _listed(values: Any, name: str, **limits: float) -> list[float]:
    """Numbers of a sequence, at least one."""
    if not np.iterable(values) or isinstance(values, str):
        raise TypeError(f"{name}={values!r} must be a sequence of numbers")
    found = [number(value, f"{name}[{i}]", **limits) for i, value in enumerate(values)]
    if not found:
        raise ValueError(f"{name} is empty; give at least one number")
    return found


@documented
def gabor_bank(x: ArrayLike, frequencies: Sequence[float], angles: Sequence[float], *, bandwidth: float = 1.0,
               phase: float = 0.0, truncate: float = 3.0, boundary: Boundary = "reflect",
               axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
               out: Array | None = None, dtype: DTypeLike | None = None, device: str | None = None) -> Array:
    """Filter an image with a Gabor filter of every frequency and every direction.

    Parameters
    ----------
    x : array_like
        An image, or a batch of them: two axes are filtered.
    frequencies : sequence of float
        In cycles per pixel, above 0.
    angles : sequence of float
        In radians, as in `gabor`.
    bandwidth, phase, truncate
        As in `gabor_weights`; with a fixed bandwidth the filters of all frequencies are of one shape.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray of complex64 or complex128, shape (frequencies, angles, then that of x)
        Number (i, j) is ``gabor(x, frequencies[i], angles[j])``.

    Raises
    ------
    ValueError, TypeError
        For an empty sequence, and as `gabor`.

    References
    ----------
    A. K. Jain and F. Farrokhnia, "Unsupervised texture segmentation using Gabor filters", Pattern Recognition 24 (1991)
    1167-1186.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import gabor_bank
    >>> bank = gabor_bank(np.eye(32), [0.1, 0.2], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4])
    >>> bank.shape, int(abs(bank[1, :, 16, 16]).argmax())
    ((2, 4, 32, 32), 3)
    """
    s = prepare(x, boundary, axes, channel_axis, workers, None, None, device)
    pair_only(s, "a Gabor filter")
    waves, directions = _listed(frequencies, "frequencies", above=0), _listed(angles, "angles")
    weights = [[gabor_weights(f, a, bandwidth=bandwidth, phase=phase, truncate=truncate) for a in directions] for f in waves]
    shape = (len(waves), len(directions), *s.shape)
    result = checks.arithmetic(s.dtype, np.dtype(np.complex128), dtype).result
    if out is not None:
        out = s.place.output(out, shape, result)
    answers = s.place.target(out, shape, result)
    for row, some in zip(s.place.items(answers), weights, strict=True):
        for answer, one in zip(s.place.items(row), some, strict=True):
            _convolved(s, one, answer, result)
    return s.place.finish(answers, result, out)


@documented
def steerable(x: ArrayLike, angle: float | Sequence[float], *, order: int = 1, sigma: float = 1.0, truncate: float = 5.0,
              boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None, channel_axis: int | None = None,
              workers: int | None = None, out: Array | None = None, dtype: DTypeLike | None = None,
              device: str | None = None) -> Array:
    """Derivative of a smoothed image along any angle, made of ``order + 1`` separable filters.

    Parameters
    ----------
    x : array_like
        An image, or a batch of them: two axes are filtered, rows and columns.
    angle : float or sequence of float
        Direction of the derivative in radians, from the columns' axis towards the rows' axis: 0 is along a row. For
        several angles the separable filters are run once.
    order : {1, 2, 4}
        Order of the derivative: 1 answers to edges across the angle, 2 and 4 to lines, 4 the most sharply.
    sigma : float
        Standard deviation of the Gaussian in pixels, at least 0.5.
    truncate : float
        Where to cut the Gaussian, in standard deviations, at least 3.
    @COMMON@@DEVICE@

    Returns
    -------
    ndarray
        Of the shape of x, with several angles ``(len(angle), *x.shape)``; in units of x per pixel to the power of
        `order`. A polynomial of a degree up to `order` is differentiated exactly.

    Raises
    ------
    ValueError, TypeError
        For another order, an angle that is not a finite number, a sigma below 0.5, other than two axes to filter, and as
        `convkit.convolve_separable`.

    See Also
    --------
    steerable_basis, steerable_coefficients, steerable_weights : the weights.

    References
    ----------
    W. T. Freeman and E. H. Adelson, "The design and use of steerable filters", IEEE Trans. PAMI 13 (1991) 891-906.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import steerable
    >>> plane = np.add.outer(3.0 * np.arange(15), 4.0 * np.arange(15))
    >>> steerable(plane, [0, np.pi / 2, np.arctan2(3, 4)])[:, 7, 7].round(6).tolist()
    [4.0, 3.0, 5.0]
    """
    several = np.iterable(angle) and not isinstance(angle, str)
    angles = _listed(angle, "angle") if several else [number(angle, "angle")]
    s = prepare(x, boundary, axes, channel_axis, workers, None, dtype, device)
    pair_only(s, "a steerable filter")
    basis = steerable_basis(order, sigma=sigma, truncate=truncate)
    shares = [steerable_coefficients(order, a) for a in angles]
    shape = (len(angles), *s.shape) if several else s.shape
    if out is not None:
        out = s.place.output(out, shape, s.result)
    values = s.place.target(out, shape, s.work)
    if sum(map(np.count_nonzero, shares)) <= len(basis):
        images = s.place.items(values) if several else [values]
        for image, share in zip(images, shares, strict=True):
            _sum(s, basis, share, image)
    else:
        answers = s.place.empty((len(basis), *s.shape), s.work)
        for answer, taps in zip(s.place.items(answers), basis, strict=True):
            separable(s, taps, out=answer)
        s.place.mix(answers, np.array(shares, np.empty(0, s.work).real.dtype), values, s.workers)
    return s.place.finish(values, s.result, out)


def _sum(s: Setting, basis: Sequence[tuple[Array, Array]], share: Array, out: Any) -> None:
    """Write the sum of the basis times its share into `out`, one separable filter after the other."""
    part = None
    for number_of, i in enumerate(map(int, np.flatnonzero(share))):
        down, along = basis[i]
        part = separable(s, [down * share[i], along], out=out if number_of == 0 else part)
        if number_of:
            s.place.add(out, part)
        else:
            part = None
