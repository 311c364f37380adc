"""Edges where the Laplacian of the smoothed image changes its sign."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from convkit._core import images
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.device import resident
from convkit._core.typing import ArrayLike, BoolArray
from convkit.convolution import convolve_separable
from convkit.edges.places import place_of
from convkit.filters import places as convolutions
from convkit.filters.designs import steerable_taps

# The default threshold in units of the mean absolute Laplacian; and the least, in units in the last place of the
# largest sample, below which signs are those of rounding errors.
SHARE, ROUNDING = 0.75, 16


def zero_crossings(x: ArrayLike, sigma: float | Sequence[float] = 2.0, slope: float | None = None, *,
                   boundary: Boundary = "reflect", axes: int | Sequence[int] | None = None, channel_axis: int | None = None,
                   workers: int | None = None, out: BoolArray | None = None, device: str | None = None) -> BoolArray:
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
    device : {None, "cuda"}, optional
        Where to compute, as in `convkit.convolve`: by default where x lies, which may be the memory of a CUDA device: the
        result then is an array of the same library. The default threshold is fetched, which waits for the device. Without
        the extra ``cu13`` or ``cu12`` that is an ImportError, without a device a RuntimeError.

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
    place = convolutions.place_of(x, device)
    there, s = place.samples(axes, channel_axis, None)
    if s.array.dtype.kind == "c":
        raise TypeError(f"x has dtype {s.array.dtype}, and complex numbers have no sign; take x.real or abs(x)")
    widths = images.per_axis(sigma, "sigma", len(s.axes), lambda value, name: images.number(value, name, least=0.5))
    names = normalize(boundary, len(s.axes))
    least = None if slope is None else images.number(slope, "slope", least=0)
    edges = place_of(there, None)
    samples = edges.numbers(there, "x")
    found = edges.marks(out, samples)
    smooth = [steerable_taps(width, 0) for width in widths]
    values = place.empty(s.array.shape, s.work)
    for i, width in enumerate(widths):
        taps = [*smooth[:i], steerable_taps(width, 2), *smooth[i + 1 :]]
        part = convolve_separable(there, taps, boundary=names, axes=s.axes, dtype=s.work, workers=count,
                                  out=None if i else values)
        if i:
            place.add(values, part)
    engine = _engine(there)
    for _, (item, image), target in edges.items([values, samples], found, sorted(s.axes)):
        threshold = _usual(engine, item, image, s.work) if least is None else least
        engine.crossings(item, s.work.type(threshold), target, count)
    result: BoolArray = edges.result(found, out, x)
    return result


def _engine(x: Any) -> ModuleType:
    """What looks for changes of sign where `x` lies."""
    return import_module("convkit.engines.cuda.crossings" if resident(x) else "convkit.engines.crossings")


def _usual(engine: ModuleType, laplacian: Any, samples: Any, work: np.dtype[Any]) -> float:
    """The threshold for an image."""
    mean, most = engine.size(laplacian)[0], engine.size(samples)[1]
    return np.inf if np.isnan(mean) else max(SHARE * mean, ROUNDING * most * float(np.finfo(work).eps))
