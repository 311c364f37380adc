"""Canny's edges, and the hysteresis that is their last step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks, images
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.device import resident
from convkit._core.typing import Array, ArrayLike, BoolArray
from convkit.edges.places import Place, place_of
from convkit.engines import trace
from convkit.filters.designs import gaussian_taps

NORMS = ("l2", "l1")
# Default thresholds: the share of pixels that are below the high one, what the low one is of it, and the least
# share of the largest magnitude that the high one is.
SHARE, RATIO, LEAST = 0.7, 0.4, 1 / 64
# Magnitudes that scikit-image takes for zero.
ZERO = 1e-14


class _Thresholds(NamedTuple):
    """As given, in units of the raw sums; quantiles are shares."""

    low: float | None
    high: float | None
    quantiles: bool


def canny(image: ArrayLike | None, sigma: float | Sequence[float] = 1.0, low: float | None = None, high: float | None = None, *,
          mask: ArrayLike | None = None, quantiles: bool = False, norm: str = "l2", gradient: Sequence[ArrayLike] | None = None,
          boundary: Boundary = "reflect", subpixel: bool = False, axes: int | Sequence[int] | None = None,
          channel_axis: int | None = None, workers: int | None = None, out: BoolArray | None = None,
          device: str | None = None) -> Array:
    """Edges one pixel wide, by Canny's method: smooth, differentiate, keep the maxima, follow them with two thresholds.

    A pixel is an edge if the magnitude of the gradient there is no smaller than on either side along the gradient, and
    it is above `high`, or above `low` and connected through such pixels to one above `high` (hysteresis).

    Parameters
    ----------
    image : array_like
        An image or a volume of real numbers, or a batch of them (see `axes`). None if `gradient` is given.
    sigma : float or sequence of float
        Standard deviation of the Gaussian that smooths, in pixels, one for all axes or one per axis; 0 does not smooth.
    low, high : float, optional
        Thresholds in grey levels of `image` per pixel, whatever its dtype: a ramp that rises by 1 from pixel to pixel has
        the magnitude 1. (Raw 3x3 Sobel sums, divided by 8 in 2-D and by 32 in 3-D, of the smoothed image.) With
        `gradient`, in its units. Where one is left out it follows from the other, ``low = 0.4 * high``. Where both are,
        70 % of the pixels have smaller magnitudes than `high` (counted in steps of 1.6 %), but it is at least 1/64 of
        the largest; the rule of MATLAB's ``edge``. Of images of 2^20 pixels and more, 16 of every 64 rows are counted.
    mask : array_like of bool, optional
        True where a pixel is valid. Others do not take part in the smoothing, and neither they nor pixels that touch
        them are edges. A masked array brings its own mask (True = invalid there).
    quantiles : bool
        `low` and `high` are shares from 0 to 1: the quantiles of the magnitudes of all pixels, NaN left out.
    norm : {"l2", "l1"}
        The rule of suppression. ``"l2"`` is scikit-image's, in two and three dimensions: the length of the gradient is
        compared with lengths interpolated between the two (in a volume, four) nearest neighbours on either side; equal
        ones are kept, thresholds are reached by equal magnitudes, and the outermost pixels are no edges. ``"l1"`` is
        OpenCV's, of images only: the sum of the absolute derivatives is compared with two neighbours in the nearest of
        four directions; thresholds are exceeded, of two equal ones in a row or column the second is kept, on a
        diagonal neither, and beyond the edge magnitudes are 0.
    gradient : sequence of array_like, optional
        Derivatives to use in place of those of `image`, one array per axis, in the order of the axes: of OpenCV's
        derivatives ``(dy, dx)``. `sigma` and `boundary` then do nothing.
    boundary : str or one str per axis
        What lies beyond the edge, as in `pad`; the image is extended first, then smoothed and differentiated.
    subpixel : bool
        Return points in place of an image of edges: each edge pixel's, moved along the gradient to where the magnitude
        is largest.
    axes, channel_axis : int or sequence of int, optional
        The two or three axes of the image or volume: by default all but `channel_axis`. The others are a batch, each
        item with its own default thresholds and quantiles.
    workers : int, optional
        Threads; by default as many as this process may use. The result does not depend on it.
    out : ndarray of bool, optional
        Where to put the edges; of the shape of `image`.
    device : {None, "cuda"}, optional
        Where to compute, as in `convkit.convolve`: by default where `image` (or `gradient`) lies. A CUDA device is waited for
        with default thresholds (64 KiB of counts are fetched), with `quantiles` (all magnitudes are) and with `subpixel` (how
        many points there are). Points, too, are an array of the kind of `image`. Without smoothing edges are those of the CPU;
        smoothed images may differ in the last place.

    Returns
    -------
    ndarray of bool, of the shape of `image`
        The edges; with `subpixel`, points as a float64 array of shape (k, image.ndim), one for each edge pixel, in row
        order: coordinates in pixels along every axis.

    Raises
    ------
    ValueError, TypeError
        For `low` above `high`, negative or not finite ones, shares above 1, a negative `sigma`, a `mask` or `gradient`
        of another shape, an unknown `norm`, ``norm="l1"`` or complex samples where they have no meaning, and other than
        two or three axes.

    See Also
    --------
    hysteresis : the last step alone.

    Notes
    -----
    A NaN is no edge and has none within reach of the weights, ``int(4 sigma + 0.5) + 2`` pixels along each axis; edges
    that hang together through such pixels fall apart. Thresholds are compared in the arithmetic's dtype: float32, or
    float64 for float64 images, wide integers, and gradients of integers; but with ``norm="l2"`` the low one is rounded
    to float32, and 0 stands for 1e-14, as in scikit-image, whose default thresholds are 10 and 20 % of the dtype's
    largest value.

    With `subpixel` three magnitudes in the nearest of 4 (in a volume, 13) directions fit a Gaussian, whose peak is the
    point. An edge bends inwards as it is blurred: a disk of radius R has its largest slope about ``s^2 / (2 R)`` inside
    R, where s is the width of all the blur together. Points of images are moved back by that, with the curvature and s
    as found at the pixel.

    References
    ----------
    J. Canny, "A computational approach to edge detection", IEEE Trans. PAMI 8 (1986) 679-698.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> square = np.zeros((9, 9)); square[3:7, 3:7] = 100
    >>> edges.canny(square, 0.7, 10, 20)[4].astype(int).tolist()
    [0, 0, 0, 1, 0, 0, 1, 0, 0]
    >>> edges.canny(square, 0.7, 10, 20, subpixel=True).shape
    (12, 2)
    """
    checks.word(norm, "norm", NORMS)
    count = pool.resolve(workers)
    given = _thresholds(low, high, quantiles)
    stack = None if gradient is None else _sequence(gradient)
    place = place_of(image if stack is None else stack[0], device)
    if stack is None:
        if image is None:
            raise TypeError("image=None has no edges; give an image, or gradient= in its place")
        arrays = [_real(place.numbers(image, "image"), "image")]
        where = images.filter_axes(axes, arrays[0].shape, channel_axis, "image")
        work = checks.arithmetic(arrays[0].dtype, np.dtype(np.float32), None).work
    else:
        arrays, work = _derivatives(stack, image, place)
        where = images.filter_axes(axes, arrays[0].shape, channel_axis, "gradient[0]")
    shape = arrays[0].shape
    if len(where) not in (2, 3):
        raise ValueError(f"edges are found in images and volumes, but {len(where)} axes of shape {shape} are to be looked at; "
                         "name two or three of them with axes=")
    if norm == "l1" and len(where) == 3:
        raise ValueError("norm='l1' is a rule for images, and three axes are to be looked at; use norm='l2', or name two axes")
    if gradient is not None and len(arrays) != len(where):
        raise ValueError(f"gradient has {len(arrays)} arrays for {len(where)} axes; give one per axis, in their order")
    names = dict(zip(where, normalize(boundary, len(where)), strict=True))
    widths = dict(zip(where, images.per_axis(sigma, "sigma", len(where), _width), strict=True))
    order = sorted(where)
    valid = place.valid(image, mask, arrays[0])
    if subpixel and out is not None:
        raise ValueError("out cannot hold the points of subpixel=True; leave it out")
    found = place.marks(out, arrays[0])
    taps = [gaussian_taps(widths[a]) if widths[a] else np.ones(1) for a in order]
    traced = []
    for index, items, target in place.items(arrays if valid is None else [*arrays, valid], found, order):
        inside = None if valid is None else items.pop()
        if gradient is None:
            subject = place.of_image(items[0], taps, [names[a] for a in order], work, inside, subpixel, count)
        else:
            subject = place.of_derivatives(items, work)
        clear = None if inside is None else place.untouched(inside)
        scale = 1.0 if gradient is not None else 2.0 * 4.0 ** (len(order) - 1)
        limits = _resolve(given, subject, norm == "l1", clear, scale, count, place)
        if norm == "l2" and limits[0] == 0:
            limits = ZERO, max(ZERO, limits[1])
        place.edges(subject, norm == "l1", *limits, clear, target, count)
        if subpixel:
            traced.append(place.traced(index, subject, target))
    whose = image if stack is None else stack[0]
    result: Array = place.points(traced, found, order, whose) if subpixel else place.result(found, out, whose)
    return result


def _width(value: Any, name: str) -> float:
    return images.number(value, name, least=0)


def _real(array: Any, name: str) -> Any:
    if array.dtype.kind == "c":
        raise TypeError(f"{name} has dtype {array.dtype}, and complex numbers have no order; take {name}.real or abs({name})")
    return array


def _sequence(gradient: Any) -> Sequence[Any]:
    """Derivatives, one array per axis, or the stack of them that is given."""
    stacked = resident(gradient) or (isinstance(gradient, np.ndarray) and gradient.dtype.kind != "O")
    if stacked and gradient.ndim > 2:
        gradient = [gradient[i] for i in range(gradient.shape[0])]
    if not isinstance(gradient, Sequence) or isinstance(gradient, str) or len(gradient) not in (2, 3):
        raise TypeError(f"gradient is {type(gradient).__name__}; it must be a sequence of two or three arrays, one per axis")
    return gradient


def _derivatives(gradient: Sequence[Any], image: Any, place: Place) -> tuple[list[Any], np.dtype[Any]]:
    """Arrays of one shape, and the dtype in which all that are compared are exact."""
    arrays = [_real(place.numbers(g, f"gradient[{i}]"), f"gradient[{i}]") for i, g in enumerate(gradient)]
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(f"gradient[{i}] has shape {array.shape}, but gradient[0] has shape {arrays[0].shape}; they must "
                             "be equal")
    if image is not None and np.shape(image) != arrays[0].shape:
        raise ValueError(f"image has shape {np.shape(image)}, but gradient[0] has shape {arrays[0].shape}; they must be equal "
                         "(image may be None)")
    single = all(array.dtype.char in "ef" for array in arrays)
    return arrays, np.dtype(np.float32 if single else np.float64)


def _thresholds(low: Any, high: Any, quantiles: bool) -> _Thresholds:
    limits = [None if value is None else images.number(value, name, least=0) for name, value in (("low", low), ("high", high))]
    for name, limit in zip(("low", "high"), limits, strict=True):
        if quantiles and limit is not None and limit > 1:
            raise ValueError(f"{name}={limit:g} is above 1; with quantiles=True give a share of the pixels, from 0 to 1")
    if limits[0] is not None and limits[1] is not None and limits[0] > limits[1]:
        raise ValueError(f"low={low!r} is above high={high!r}; give low <= high")
    return _Thresholds(limits[0], limits[1], bool(quantiles))


def _resolve(given: _Thresholds, subject: Any, straight: bool, valid: BoolArray | None, scale: float, workers: int,
             place: Place) -> tuple[float, float]:
    """Both thresholds, in units of the sums that are traced."""
    low, high = given.low, given.high
    if low is None and high is None:
        high = _usual(place.histogram(subject, straight, valid, workers))
        return RATIO * high, high
    if given.quantiles:
        values = place.magnitudes(subject, straight, workers)
        values = values[~np.isnan(values)]
        if not values.size:
            return np.inf, np.inf
        low, high = (None if share is None else float(np.percentile(values, 100.0 * share)) for share in (low, high))
        scale = 1.0
    if low is None:
        assert high is not None
        low = RATIO * high
    return scale * low, scale * (low / RATIO if high is None else high)


def _usual(counts: Array) -> float:
    """The high threshold that follows from a histogram of magnitudes."""
    total = np.cumsum(counts)
    if total[-1] == 0:
        return np.inf
    share, top = np.searchsorted(total, SHARE * total[-1]), np.flatnonzero(counts)[-1]
    ends = trace.bucket_ends([share, top])
    return max(ends[0], LEAST * ends[1])


def hysteresis(x: ArrayLike, low: float, high: float, *, connectivity: int | None = None,
               axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
               out: BoolArray | None = None, device: str | None = None) -> BoolArray:
    """Samples above a low threshold that hang together with one above a high threshold.

    Parameters
    ----------
    x : array_like
        Real samples of any number of axes, such as magnitudes of gradients.
    low, high : float
        Thresholds, which are exceeded: a sample equal to one is not above it.
    connectivity : int, optional
        Along how many axes at most two samples differ by 1 to be neighbours: 1 for those that share a face, up to the
        number of axes (the default: 8 neighbours in an image, 26 in a volume).
    axes, channel_axis : int or sequence of int, optional
        Axes along which samples are neighbours: by default all but `channel_axis`.
    workers : int, optional
        Threads; by default as many as this process may use. The result does not depend on it.
    out : ndarray of bool, optional
        Where to put the result; of the shape of x.
    device : {None, "cuda"}, optional
        Where to compute, as in `convkit.convolve`: by default where x lies. A CUDA device looks along up to three axes.

    Returns
    -------
    ndarray of bool
        Of the shape of x. A NaN is above nothing.

    Raises
    ------
    ValueError, TypeError
        For `low` above `high`, thresholds that are no numbers, a `connectivity` that is not from 1 to the number of axes,
        and complex samples.

    See Also
    --------
    canny : where this is the last step.

    Notes
    -----
    As `skimage.filters.apply_hysteresis_threshold`, where however only samples that share a face are neighbours
    (``connectivity=1``), as diagonal lines of one pixel are not.

    Examples
    --------
    >>> from convkit import edges
    >>> edges.hysteresis([1, 5, 9, 1, 5, 5], 4, 8).astype(int).tolist()
    [0, 1, 1, 0, 0, 0]
    """
    count = pool.resolve(workers)
    place = place_of(x, device)
    array = _real(place.numbers(x, "x"), "x")
    where = images.filter_axes(axes, array.shape, channel_axis)
    limits = [images.number(value, name) for name, value in (("low", low), ("high", high))]
    if limits[0] > limits[1]:
        raise ValueError(f"low={low!r} is above high={high!r}; give low <= high")
    near = len(where) if connectivity is None else checks.nonnegative(connectivity, "connectivity")
    if not 1 <= near <= len(where):
        raise ValueError(f"connectivity={connectivity!r} is not allowed; give 1 to {len(where)}, the number of axes")
    found = place.marks(out, array)
    place.hysteresis(array, limits[0], limits[1], where, near, found, count)
    result: BoolArray = place.result(found, out, x)
    return result
