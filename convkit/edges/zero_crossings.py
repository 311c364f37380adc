"""Edges where the Laplacian of the smoothed image changes its sign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convkit._core import checks, images
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.typing import Array, ArrayLike, BoolArray
from convkit.convolution import convolve_separable
from convkit.engines import trace
from convkit.filters.designs import steerable_taps

# The default threshold in units of the mean absolute Laplacian; and the least, in units in the last place of the
# largest sample, below which signs are those of rounding errors.
SHARE, ROUNDING = 0.75, 16


def zero_crossings(x: ArrayLike, sigma: float | Sequence[float] = 2.0, slope: float | None = None, *,
                   boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None, channel_axis: int | None = None,
                   workers: int | None = None, out: BoolArray | None = None) -> BoolArray:
    """Edges by Marr and Hildreth: where the Laplacian of a Gaussian crosses zero steeply enough.

    Between two neighbours along an axis whose values have opposite signs the nearer to zero is marked (of two equally
    near the first); and so is a value of exactly zero between two of opposite signs. The curves are closed, unless they
    meet the edge of the image or are cut by `slope`.

    Parameters
    ----------
    x : array_like
        Real samples: a signal, an image, a volume, or a batch of them.
    sigma : float or sequence of float
        Standard deviation of the Gaussian in pixels, at least 0.5, one for all axes or one per axis.
    slope : float, optional
        How much the Laplacian must at least change from one pixel to the next (of an exact zero: half of what it changes
        from the one before to the one after), in units of x per pixel cubed; 0 keeps all crossings, those of
        rounding errors too. By default 0.75 times the mean absolute value of the Laplacian of the image, as in MATLAB's
        ``edge``, and above what rounding can make.
    boundary : str or one str per axis
        What lies beyond the edge, as in `pad`. Beyond it no crossing is looked for.
    axes, channel_axis : int or sequence of int, optional
        The axes to look along: by default all but `channel_axis`. The others are a batch, each item with its own default
        threshold.
    workers : int, optional
        Threads; by default as many as this process may use. The result does not depend on it.
    out : ndarray of bool, optional
        Where to put the result; of the shape of x.

    Returns
    -------
    ndarray of bool, of the shape of x
        Where the crossings are. A NaN has none within reach of the weights, ``int(5 sigma + 0.5) + 1`` pixels along an axis.

    Raises
    ------
    ValueError, TypeError
        For a `sigma` below 0.5, a negative `slope`, and complex samples.

    See Also
    --------
    canny : edges where the gradient is largest.
    convkit.filters.gaussian_laplace : the values, by the sampled derivative.

    Notes
    -----
    The weights are those of `convkit.filters.steerable_taps`: exactly zero on constants and ramps, where the sampled
    derivative would shift the zero by a share of the brightness.

    References
    ----------
    D. Marr and E. Hildreth, "Theory of edge detection", Proc. R. Soc. Lond. B 207 (1980) 187-217.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import edges
    >>> step = np.repeat([0.0, 1.0], 6)
    >>> edges.zero_crossings(step, 1.0).astype(int).tolist()
    [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    """
    count = pool.resolve(workers)
    s = images.samples(x, axes, channel_axis, None)
    if s.array.dtype.kind == "c":
        raise TypeError(f"x has dtype {s.array.dtype}, and complex numbers have no sign; take x.real or abs(x)")
    widths = images.per_axis(sigma, "sigma", len(s.axes), lambda value, name: images.number(value, name, least=0.5))
    names = normalize(boundary, len(s.axes))
    least = None if slope is None else images.number(slope, "slope", least=0)
    found = np.empty(s.array.shape, np.bool_) if out is None else checks.output(out, s.array.shape, np.dtype(np.bool_))
    values = _laplacian(s, widths, names, count)
    order = sorted(s.axes)
    last = tuple(range(-len(order), 0))
    items, marks, samples = (np.moveaxis(a, order, last) for a in (values, found, s.array))
    for index in np.ndindex(marks.shape[: -len(order)]):
        item = np.ascontiguousarray(items[index])
        threshold = _usual(item, samples[index]) if least is None else least
        target = np.empty(item.shape, np.bool_)
        trace.crossings(item, range(item.ndim), s.work.type(threshold), target, count)
        marks[index] = target
    return found


def _laplacian(s: images.Samples, widths: Sequence[float], boundary: Sequence[str], workers: int) -> Array:
    smooth = [steerable_taps(width, 0) for width in widths]
    total: Array | None = None
    for i, width in enumerate(widths):
        taps = [*smooth[:i], steerable_taps(width, 2), *smooth[i + 1 :]]
        part = convolve_separable(s.array, taps, boundary=boundary, axes=s.axes, dtype=s.work, workers=workers)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


def _usual(laplacian: Array, samples: Array) -> float:
    """The threshold for an image."""
    mean, most = _size(laplacian)[0], _size(samples)[1]
    return np.inf if np.isnan(mean) else max(SHARE * mean, ROUNDING * most * float(np.finfo(laplacian.dtype).eps))


def _size(values: Array) -> tuple[float, float]:
    """Mean and largest absolute value of what is finite; NaN where nothing is."""
    size = np.abs(values if values.dtype.kind == "f" else values.astype(np.float64))
    mean = float(size.mean(dtype=np.float64))
    if not np.isfinite(mean):
        size = size[np.isfinite(size)]
        mean = float(size.mean(dtype=np.float64)) if size.size else np.nan
    return mean, float(size.max()) if size.size else np.nan
