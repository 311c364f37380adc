"""Filters that choose or weigh samples by their values: the median and the bilateral filter."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import checks, images
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.device import resident
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.engines.bilateral import bilateral as weigh
from convkit.filters.passes import documented, prepare, real_only
from convkit.filters.places import place_of

# Samples of a window at most: counts and places are kept for each.
MOST, MOST_WEIGHTS = 1 << 22, 100_000


def _length(value: Any, name: str) -> int:
    try:
        length = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} must be a whole number of samples") from None
    if isinstance(value, bool) or length < 1:
        raise ValueError(f"{name}={value!r} is not allowed; a window has at least 1 sample along each axis")
    return length


def _members(footprint: Any, count: int) -> Array:
    mask = np.asarray(footprint)
    if mask.dtype.kind not in "biu" or mask.ndim != count:
        raise ValueError(f"footprint has dtype {mask.dtype} and shape {mask.shape}; give a boolean array with one axis for "
                         f"each of the {count} filtered axes, True where a sample counts")
    mask = mask.astype(bool)
    if not mask.any():
        raise ValueError(f"footprint of shape {mask.shape} holds no True; at least one sample must count")
    return mask


@documented
def median(x: ArrayLike, size: int | Sequence[int] | None = None, *, footprint: ArrayLike | None = None,
           boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None, channel_axis: int | None = None,
           workers: int | None = None, out: Array | None = None, device: str | None = None) -> Array:
    """Replace each sample by the median of the window around it.

    The result keeps the dtype of x, unlike that of other filters: it holds samples of x. It is exact for any window.

    Parameters
    ----------
    x : array_like
        Samples of bool, integers or floats: a signal, an image, a volume, or a batch of them.
    size : int or sequence of int, optional
        Samples of the window along all filtered axes or each of them. A window of n samples begins n // 2 samples before
        its own. Give this or `footprint`.
    footprint : array_like of bool, optional
        Which samples of a window count, in place of all in a box; one axis for each filtered axis.
    boundary : str, or one str per filtered axis
        What lies beyond the edge: ``"reflect"`` (``c b | a b c d | c b``), ``"symmetric"``, ``"edge"``, ``"wrap"`` or
        ``"zero"``, and their other names; see `convkit.pad`.
    axes : int or sequence of int, optional
        The axes to filter, one to three with windows longer than a sample; the others are a batch. By default all but
        `channel_axis`.
    channel_axis : int, optional
        An axis not to filter along: each channel of a colour image has a median of its own.
    workers : int, optional
        Threads; by default as many as this process may use (see `convkit.set_workers`). The result does not depend on it.
    out : ndarray, optional
        Where to put the result; of the shape and dtype of x. It may overlap x.@DEVICE@
        There a window has an odd number of samples, 9 at most, such as 3 x 3, and no footprint.

    Returns
    -------
    ndarray
        Of the shape and dtype of x. Of the n samples of a window in order it is number n // 2, counted from 0: of an even
        number the upper one of the middle two, as in `scipy.ndimage.median_filter`.

    Raises
    ------
    ValueError, TypeError
        For a size below 1, an empty footprint, both or none of them, complex samples, windows longer than a sample along
        more than three axes or of more than four million samples.

    Notes
    -----
    A NaN counts as larger than all numbers (as `numpy.sort` has it): one alone in a window of a size above 2 vanishes, and
    the result is NaN where at least half of a window is. It never reaches farther than the window. ndimage, whose result
    is otherwise the same, leaves NaN undefined, and calls the default boundary ``mirror``.

    Narrow windows run through networks of minima and maxima, in which windows of neighbours share sorted columns [1]_;
    wide ones of 8-bit samples through counts that do not depend on the width [2]_; other wide ones through a sorted order of
    the samples around.

    References
    ----------
    .. [1] A. Adams, "Fast median filters using separable sorting networks", ACM Transactions on Graphics 40 (4), 2021.
    .. [2] S. Perreault and P. Hebert, "Median filtering in constant time", IEEE Transactions on Image Processing 16 (9),
       2389-2394, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import median
    >>> median(np.array([1, 2, 90, 4, 5], np.uint8), 3)
    array([2, 2, 4, 5, 4], dtype=uint8)
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise TypeError("x is a masked array, and the median knows no masks; fill it with x.filled(...)")
    place = place_of(x, device)
    samples, where = place.samples(axes, channel_axis, None)[1][:2]
    if samples.dtype.kind == "c":
        raise TypeError(f"x has dtype {samples.dtype}, and complex numbers have no order; give x.real, x.imag or abs(x)")
    names = normalize(boundary, len(where))
    count = pool.resolve(workers)
    if (size is None) == (footprint is None):
        raise ValueError(f"size={size!r} and footprint {'not ' if footprint is None else ''}given; give one of them: "
                         "size=3, or footprint=np.ones((3, 3), bool)")
    mask = None if footprint is None else _members(footprint, len(where))
    lengths = images.per_axis(size, "size", len(where), _length) if mask is None else mask.shape
    if math.prod(lengths) > MOST:
        raise ValueError(f"windows of {' x '.join(map(str, lengths))} samples are too large; at most {MOST:,} samples are "
                         "allowed")
    if out is not None:
        out = place.output(out, samples.shape, samples.dtype.newbyteorder("="))
    used = sorted((axis, i) for i, axis in enumerate(where) if lengths[i] > 1)
    if len(used) > 3:
        raise ValueError(f"windows longer than a sample lie along {len(used)} axes of x, which has shape {samples.shape}; "
                         "at most three are allowed: name them with axes=, the others are a batch")
    if not used:
        return place.finish(place.copied(), samples.dtype.newbyteorder("="), out)
    order = [i for _, i in used]
    if mask is not None:
        rest = [i for i in range(mask.ndim) if i not in order]
        mask = np.ascontiguousarray(mask.transpose(rest + order).reshape([lengths[i] for i in order]))
        mask = None if mask.all() else mask
    return place.median([lengths[i] for i in order], mask, [names[i] for i in order], [axis for axis, _ in used], out, count)


@documented
def bilateral(x: ArrayLike, sigma_space: float | Sequence[float], sigma_color: float, *,
              size: int | Sequence[int] | None = None, boundary: Boundary = "reflect",
              axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
              out: Array | None = None, dtype: DTypeLike | None = None) -> Array:
    """Smooth within edges: a mean weighed by distance, and by how much samples differ from the one they surround.

    The weight of a sample is ``exp(-d**2 / (2 * sigma_space**2) - c**2 / (2 * sigma_color**2))``, d its distance in samples
    and c the difference of the values (of colours, the Euclidean distance over all channels); the weights of a window are
    divided by their sum.

    Parameters
    ----------
    x : array_like
        Real samples: a signal, an image, a volume, or a batch of them.
    sigma_space : float or sequence of float
        Standard deviation of the distance in samples, one for all filtered axes or one per axis.
    sigma_color : float
        Standard deviation of the difference, in the units of x, which is not scaled. Where values differ by several of it
        there is an edge.
    size : int or sequence of int, optional
        Samples of the window along all filtered axes or each of them, odd. By default it reaches over three standard
        deviations to each side, and two samples at least, as in scikit-image.
    @COMMON@

    Returns
    -------
    ndarray
        Of the shape of x.

    Raises
    ------
    ValueError, TypeError
        For a sigma that is not above 0, an even size, complex samples, or windows longer than a sample along more than
        three axes.

    Notes
    -----
    Channels of `channel_axis` share their weights, and are not filtered apart: filter them one by one for that.

    The definition of scikit-image's ``denoise_bilateral``, with exact weights where that has a table of differences; but its
    distances of an odd window are read askew from a table (0.26: a bright pixel becomes brighter below than above), and its
    differences of colours are divided by the number of channels: with 3, its ``sigma_color`` is a third of the one here. It
    scales integers to 0..1. OpenCV's ``bilateralFilter`` has a round window, and sums the absolute differences of channels.

    A NaN or Inf reaches the results of the windows that hold it, and no others. Weights below 2**-126 (float64: 2**-1022)
    count as that.

    References
    ----------
    C. Tomasi and R. Manduchi, "Bilateral filtering for gray and color images", Sixth International Conference on Computer
    Vision, 839-846, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import bilateral
    >>> step = np.array([0.0, 1.0, 0.0, 1.0, 50.0, 51.0, 50.0, 51.0])
    >>> bilateral(step, 1.0, 3.0).round(1).tolist()
    [0.5, 0.5, 0.5, 0.7, 50.3, 50.5, 50.5, 50.5]
    """
    if resident(x):
        checks.numbers(x, "x")  # refuses them
    s = prepare(x, boundary, axes, channel_axis, workers, out, dtype)
    real_only(s, "a bilateral mean")
    sigmas = s.several("sigma_space", sigma_space, lambda value, name: images.number(value, name, above=0))
    spread = images.number(sigma_color, "sigma_color", above=0)
    sizes = (None,) * len(s.axes) if size is None else s.several("size", size, _odd)
    radii = [max(2, math.ceil(3 * sigma)) if n is None else n // 2 for n, sigma in zip(sizes, sigmas, strict=True)]
    if math.prod(2 * r + 1 for r in radii) > MOST_WEIGHTS:
        raise ValueError(f"windows of {' x '.join(str(2 * r + 1) for r in radii)} samples are too large; at most "
                         f"{MOST_WEIGHTS:,} samples are allowed, smooth a smaller copy")
    used = sorted((axis, i) for i, axis in enumerate(s.axes) if radii[i])
    if len(used) > 3:
        raise ValueError(f"windows longer than a sample lie along {len(used)} axes of x, which has shape {s.x.shape}; "
                         "at most three are allowed: name them with axes=, the others are a batch")
    chosen = [i for _, i in used] or [0]
    channel = None if channel_axis is None else operator.index(channel_axis) % s.x.ndim
    target = s.target()
    weigh(s.x, [radii[i] for i in chosen], [sigmas[i] for i in chosen], spread, [s.boundary[i] for i in chosen],
          [s.axes[i] for i in chosen], channel, target, s.workers)
    return s.finish(target)


def _odd(value: Any, name: str) -> int:
    length = _length(value, name)
    if length % 2 == 0:
        raise ValueError(f"{name}={value!r} is even; give an odd number of samples, so that the window has a middle one")
    return length
