"""Gradient operators: first derivatives, smoothed across, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.boundary import Boundary
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.edges.places import place_of
from convkit.edges.sweep import OPERATORS, SCALES, TAPS, factors

_SHARED = """
    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them (see `axes`). Bool and integers of up to 16 bits are
        computed in float32.
    axis : int, optional
        The axis of x along which to take the signed derivative, positive where samples grow along it. By default the
        magnitude of the gradient, the root of the sum of the squares of the derivatives along all filtered axes.
    scale : {"unit", "raw", "skimage"}
        ``unit``: a ramp that grows by 1 per sample gives 1, along an axis and in the magnitude, for any number of axes.
        ``raw``: @RAW@.
        ``skimage``: @SKIMAGE@;
        of a single axis, scikit-image's "magnitude" is the signed derivative, here it is the absolute value.
    return_direction : bool
        Return a pair ``(magnitude, direction)``.
    mask : array_like of bool, optional
        True where a sample is valid; of the shape of x, or of its filtered axes. As in scikit-image the result is 0 but
        where a sample and its neighbours, diagonal ones too, are all valid and within the array@RING@. A masked array
        brings its own mask (True = invalid there).
    boundary : str, or one str per filtered axis
        What lies beyond the edge, as in `convkit.convolve`: ``"reflect"`` (``c b | a b c d | c b``, which OpenCV takes by
        default), ``"symmetric"`` (``b a | a b c d | d c``, the default of scipy.ndimage and scikit-image, where it is called
        reflect), ``"zero"``, ``"edge"`` or ``"wrap"``.
    axes : int or sequence of int, optional
        The axes that are filtered; any others are a batch. By default all but `channel_axis`.
    channel_axis : int, optional
        The axis of colours or channels, which are filtered one by one.
    workers : int, optional
        Threads; by default as many as this process may use. The result does not depend on it, bit for bit.
    out : ndarray, or a pair of them with `return_direction`
        Where to put the result; of its shape and dtype. It may overlap x.
    dtype : dtype, optional
        Dtype of the result and, if it is the wider, of the arithmetic. Integers are rounded (half to even) and saturate.
    device : {None, "cuda"}, optional
        Where to compute, as in `convkit.convolve`: by default where x lies. A CUDA device takes up to three axes, a mask that
        lies there or not, and fetches nothing.

    Returns
    -------
    ndarray
        Magnitude or derivative, of the shape of x: float16, float32 and float64 keep their type, bool and integers of up
        to 16 bits give float32, wider ones float64.
    Gradient
        With `return_direction`: the named pair ``(magnitude, direction)``. The direction is the way in which samples grow,
        across the edge. Of two filtered axes (a, b) it is an angle in radians, in (-pi, pi], measured from axis b towards
        axis a, ``arctan2(derivative along a, derivative along b)``: in an image 0 points along the columns' numbers (to the
        right) and pi/2 along those of the rows (down). Of any other number n it is a unit vector, of shape (n, ...), one
        component per axis in the order of `axes`. It is 0 where the magnitude is 0.

    Raises
    ------
    ValueError, TypeError
        For arguments of no use or no sense: an axis that is not filtered, a mask of another shape, complex samples,
        `return_direction` with an `axis`.

    Notes
    -----
    A NaN reaches as far as the taps: @REACH@.
    Samples whose tap is zero take no part. Squares are summed in the arithmetic's dtype: raw gradients above 1e19
    overflow in float32.
"""


def sobel(x: ArrayLike, axis: int | None = None, *, scale: str = "unit", return_direction: bool = False,
          mask: ArrayLike | None = None, boundary: Boundary = "reflect",
          axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
          out: Any = None, dtype: DTypeLike | None = None, device: str | None = None) -> Any:
    """Gradient by Sobel's operator: central differences, smoothed by [1, 2, 1] / 4 along every other axis.

    The usual choice for thresholds; its angles are off by up to 0.8 degrees on waves of 8 samples, those of
    `scharr` by 0.16 and of `farid` by 0.09.

    @SHARED@

    References
    ----------
    I. Sobel and G. Feldman, A 3x3 isotropic gradient operator for image processing, Stanford Artificial Intelligence Project,
    1968; published in R. Duda and P. Hart, Pattern Classification and Scene Analysis, 1973, pp. 271-272.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> image = np.add.outer(3.0 * np.arange(5), 4.0 * np.arange(6))
    >>> edges.sobel(image)[2, 2], edges.sobel(image, axis=0)[2, 2], edges.sobel(image, axis=0, scale="raw")[2, 2]
    (np.float64(5.0), np.float64(3.0), np.float64(24.0))
    >>> magnitude, direction = edges.sobel(image, return_direction=True)
    >>> round(float(np.degrees(direction[2, 2])), 2)
    36.87
    """
    place = place_of(x, device)
    return place.detect("sobel", x, axis, scale, return_direction, mask, boundary, axes, channel_axis, workers, out, dtype)


def scharr(x: ArrayLike, axis: int | None = None, *, scale: str = "unit", return_direction: bool = False,
           mask: ArrayLike | None = None, boundary: Boundary = "reflect",
           axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
           out: Any = None, dtype: DTypeLike | None = None, device: str | None = None) -> Any:
    """Gradient by Scharr's operator: central differences, smoothed by [3, 10, 3] / 16 along every other axis.

    Of the integer 3 x 3 operators the one that turns with the image: angles are right within 0.2 degrees on waves of 8
    samples.

    @SHARED@

    References
    ----------
    H. Scharr, Optimal operators in digital image processing, thesis, Heidelberg, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> edges.scharr(np.add.outer(3.0 * np.arange(5), 4.0 * np.arange(6)))[2, 2]
    np.float64(5.0)
    """
    place = place_of(x, device)
    return place.detect("scharr", x, axis, scale, return_direction, mask, boundary, axes, channel_axis, workers, out, dtype)


def prewitt(x: ArrayLike, axis: int | None = None, *, scale: str = "unit", return_direction: bool = False,
            mask: ArrayLike | None = None, boundary: Boundary = "reflect",
            axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
            out: Any = None, dtype: DTypeLike | None = None, device: str | None = None) -> Any:
    """Gradient by Prewitt's operator: central differences, averaged over three samples along every other axis.

    The least smoothing of the 3 x 3 operators at low frequencies, and the largest errors of the angle.

    @SHARED@

    References
    ----------
    J. M. S. Prewitt, Object enhancement and extraction, in Picture Processing and Psychopictorics, 1970.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> edges.prewitt(np.add.outer(3.0 * np.arange(5), 4.0 * np.arange(6)))[2, 2]
    np.float64(5.0)
    """
    place = place_of(x, device)
    return place.detect("prewitt", x, axis, scale, return_direction, mask, boundary, axes, channel_axis, workers, out, dtype)


def roberts(x: ArrayLike, axis: int | None = None, *, scale: str = "unit", return_direction: bool = False,
            mask: ArrayLike | None = None, boundary: Boundary = "reflect",
            axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
            out: Any = None, dtype: DTypeLike | None = None, device: str | None = None) -> Any:
    """Gradient by Roberts' cross: differences between samples i and i + 1, averaged along every other axis.

    The result at i belongs to the point i + 1/2. Of an image the derivatives along both axes are half the sum and half the
    difference of the two diagonal differences ``x[i + 1, j + 1] - x[i, j]`` and ``x[i + 1, j] - x[i, j + 1]``, and their
    magnitude is the root of half the sum of the squares of those; so it has a meaning along any number of axes.

    @SHARED@

    References
    ----------
    L. G. Roberts, Machine perception of three-dimensional solids, thesis, MIT, 1963.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> edges.roberts([[0.0, 0.0, 5.0], [0.0, 0.0, 5.0], [0.0, 0.0, 5.0]], axis=1)[0]
    array([ 0.,  5., -5.])
    """
    place = place_of(x, device)
    return place.detect("roberts", x, axis, scale, return_direction, mask, boundary, axes, channel_axis, workers, out, dtype)


def farid(x: ArrayLike, axis: int | None = None, *, scale: str = "unit", return_direction: bool = False,
          mask: ArrayLike | None = None, boundary: Boundary = "reflect",
          axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
          out: Any = None, dtype: DTypeLike | None = None, device: str | None = None) -> Any:
    """Gradient by the operator of Farid and Simoncelli: 5 taps that smooth and 5 that differentiate, designed together.

    Angles are right within 0.1 degrees on waves of 8 samples. `scale` sets the derivative of a ramp, which the published
    taps underrate by 0.8 percent.

    @SHARED@

    References
    ----------
    H. Farid and E. P. Simoncelli, Differentiation of discrete multidimensional signals, IEEE Transactions on Image
    Processing 13(4), 2004, pp. 496-508, table 1, with more digits as in scikit-image.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> round(float(edges.farid(np.add.outer(3.0 * np.arange(7), 4.0 * np.arange(8)))[3, 3]), 9)
    5.0
    """
    place = place_of(x, device)
    return place.detect("farid", x, axis, scale, return_direction, mask, boundary, axes, channel_axis, workers, out, dtype)


def derivatives(x: ArrayLike, operator: str = "sobel", *, scale: str = "unit", boundary: Boundary = "reflect",
                axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
                dtype: DTypeLike | None = None, device: str | None = None) -> tuple[Array, ...]:
    """Derivatives along all filtered axes, in one sweep.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them (see `axes`).
    operator : {"sobel", "scharr", "prewitt", "roberts", "farid"}
        How derivatives are taken: see the functions of these names.
    scale, boundary, axes, channel_axis, workers, dtype, device
        As in `sobel`.

    Returns
    -------
    tuple of ndarray
        One array of the shape of `x` per filtered axis, in the order of `axes`: what ``canny(..., gradient=)`` takes.

    Raises
    ------
    ValueError, TypeError
        As `sobel`, and for an unknown operator.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> rows, columns = edges.derivatives(np.add.outer(2.0 * np.arange(5), 3.0 * np.arange(6)), "scharr")
    >>> rows[2, 2], columns[2, 2]
    (np.float64(2.0), np.float64(3.0))
    """
    checks.word(operator, "operator", OPERATORS)
    checks.word(scale, "scale", SCALES)
    return place_of(x, device).derive(x, operator, scale, boundary, axes, channel_axis, workers, dtype)


def gradient_taps(operator: str, scale: str = "unit") -> tuple[Array, Array]:
    """Weights of a gradient operator: taps that smooth, and taps that differentiate.

    The derivative along an axis is the correlation with the latter along that axis and with the former along all others.

    Parameters
    ----------
    operator : {"sobel", "scharr", "prewitt", "roberts", "farid"}
        Which.
    scale : {"unit", "raw", "skimage"}
        As in `sobel`.

    Returns
    -------
    smooth, difference : ndarray
        1-D float64 arrays: 3 taps; 5 for Farid; 2 for Roberts, which lie at samples i and i + 1.

    Raises
    ------
    ValueError
        For an unknown operator or scale.

    See Also
    --------
    sobel, scharr, prewitt, roberts, farid

    Examples
    --------
    >>> from convkit import edges
    >>> edges.gradient_taps("sobel")
    (array([0.25, 0.5 , 0.25]), array([-0.5,  0. ,  0.5]))
    """
    checks.word(operator, "operator", OPERATORS)
    checks.word(scale, "scale", SCALES)
    smooth, difference = (np.array(t, np.float64) for t in TAPS[operator])
    first, second = factors(operator, scale)
    return smooth * first, difference * second

_WORDS = {
    "sobel": {"@RAW@": "integer weights, as OpenCV and scipy.ndimage: 8 times unit for images, 2 * 4^(n - 1) times for n axes",
              "@SKIMAGE@": "a ramp gives 2 along an axis, and the magnitude is divided by sqrt(n) for n axes",
              "@RING@": "",
              "@REACH@": "one sample"},
    "scharr": {"@RAW@": "integer weights, as OpenCV: 32 times unit for images, 2 * 16^(n - 1) times for n axes",
               "@SKIMAGE@": "a ramp gives 2 along an axis, and the magnitude is divided by sqrt(n) for n axes",
               "@RING@": "",
               "@REACH@": "one sample"},
    "prewitt": {"@RAW@": "integer weights, as scipy.ndimage: 6 times unit for images, 2 * 3^(n - 1) times for n axes",
                "@SKIMAGE@": "a ramp gives 2 along an axis, and the magnitude is divided by sqrt(n) for n axes",
                "@RING@": "",
                "@REACH@": "one sample"},
    "roberts": {"@RAW@": "integer weights: 2^(n - 1) times unit for n axes",
                "@SKIMAGE@": "the same as ``unit``",
                "@RING@": "",
                "@REACH@": "one sample along every axis, backwards only"},
    "farid": {"@RAW@": "the published taps: 0.9918 times unit",
              "@SKIMAGE@": "the published taps, and the magnitude is divided by sqrt(n) for n axes",
              "@RING@": ";\n        two samples away from an invalid one the outer taps still meet it",
              "@REACH@": "two samples"},
}
for _function in (sobel, scharr, prewitt, roberts, farid):
    if _function.__doc__:
        _text = _function.__doc__.replace("@SHARED@", _SHARED.strip())
        for _mark, _word in _WORDS[_function.__name__].items():
            _text = _text.replace(_mark, _word)
        _function.__doc__ = _text
