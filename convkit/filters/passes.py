"""What all filters share: their common arguments, checked once, and passes of taps along any number of axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convkit._core import images
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.device import on_device, resident
from convkit._core.typing import Array
from convkit.convolution import convolve_separable
from convkit.convolution import places as convolutions
from convkit.filters.places import Host, Place, place_of

Function = TypeVar("Function", bound=Callable[..., Any])

COMMON = """boundary : str, or one str per filtered axis
        What lies beyond the edge: ``"reflect"`` (``c b | a b c d | c b``), ``"symmetric"``, ``"edge"``, ``"wrap"`` or
        ``"zero"``, and their other names; see `convkit.pad`.
    axes : int or sequence of int, optional
        The axes to filter, to which arguments "per axis" belong; the others are a batch. By default all but
        `channel_axis`.
    channel_axis : int, optional
        An axis not to filter along: that of the channels of a colour image.
    workers : int, optional
        Threads; by default as many as this process may use (see `convkit.set_workers`). The result does not depend on it.
    out : ndarray, optional
        Where to put the result; of its shape and dtype. It may overlap x.
    dtype : dtype, optional
        Dtype of the result and, if it is the wider, of the arithmetic. Integers are rounded (half to even) and
        saturate. By default floating-point samples keep their type, bool and integers of up to 16 bits give float32
        (values as they are, not scaled to 0..1), wider ones float64."""
DEVICE = """
    device : {None, "cuda"}, optional
        Where to compute, as in `convkit.convolve`: by default where x lies, which may be the memory of a CUDA device:
        the result then is an array of the same library. Without the extra ``cu13`` or ``cu12`` that is an ImportError,
        without a device a RuntimeError."""


def documented(function: Function) -> Function:
    """Put the description of the arguments that all filters have where a docstring says ``@COMMON@``."""
    if function.__doc__:
        function.__doc__ = function.__doc__.replace("@COMMON@", COMMON).replace("@DEVICE@", DEVICE)
    return function


class Setting(NamedTuple):
    """Samples and the common arguments, checked; `place` computes with results, `device` is that of `convkit.convolve`."""

    x: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: tuple[int, ...]
    work: np.dtype[Any]
    result: np.dtype[Any]
    boundary: tuple[str, ...]
    workers: int
    out: Any
    place: Place
    device: str | None = None

    def target(self) -> Any:
        """Where to compute a result of the shape of x in the arithmetic's dtype: in `out` if it will do."""
        return self.place.target(self.out, self.shape, self.work)

    def finish(self, values: Any) -> Array:
        """Hand over what was computed, in the result's dtype, and in `out` if given."""
        return self.place.finish(values, self.result, self.out)

    def several(self, name: str, value: Any, convert: Callable[[Any, str], Any]) -> tuple[Any, ...]:
        """One value of an argument for each filtered axis."""
        return images.per_axis(value, name, len(self.axes), convert)


def prepare(x: Any, boundary: Boundary, axes: Any, channel_axis: Any, workers: Any, out: Any, dtype: Any,
            device: Any = None) -> Setting:
    """Check the arguments that all filters have, before anything is computed or written; `x` is sent to `device`."""
    _unmasked(x)
    place = place_of(x, device)
    there, s = place.samples(axes, channel_axis, dtype)
    shape = s.array.shape
    names = normalize(boundary, len(s.axes))
    count = pool.resolve(workers)
    if out is not None:
        out = place.output(out, shape, s.result)
    return Setting(there, shape, s.array.dtype, s.axes, s.work, s.result, names, count, out, place)


def prepare_anywhere(x: Any, boundary: Boundary, axes: Any, channel_axis: Any, workers: Any, out: Any, dtype: Any,
                     device: Any) -> Setting:
    """As `prepare`, for filters that are one convolution and nothing else, which sends samples to `device` itself."""
    if not on_device(x, device):
        return prepare(x, boundary, axes, channel_axis, workers, out, dtype)
    _unmasked(x)
    samples = convolutions.place_of(x, device).samples(x)
    s = images.samples(getattr(samples, "stand_in", samples), axes, channel_axis, dtype)
    return Setting(x if resident(x) else samples, s.array.shape, s.array.dtype, s.axes, s.work, s.result,
                   normalize(boundary, len(s.axes)), pool.resolve(workers), out, Host(samples), device)


def _unmasked(x: Any) -> None:
    """Refuse samples with some of them masked."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise TypeError("x is a masked array, and filters know no masks; fill it with x.filled(...), or use "
                        "convkit.convolve_separable(x, [convkit.filters.gaussian_taps(sigma)] * x.ndim), which leaves out what "
                        "is masked")


def real_only(s: Setting, what: str) -> None:
    """Refuse complex samples."""
    if s.dtype.kind == "c":
        raise TypeError(f"x has dtype {s.dtype}, and {what} of complex samples has no one meaning; give x.real, "
                        "x.imag or abs(x)")


def pair_only(s: Setting, what: str) -> None:
    """Refuse other than two axes to filter."""
    if len(s.axes) != 2:
        raise ValueError(f"{what} has two axes, but {len(s.axes)} of x (shape {s.shape}) are to be filtered; name two with "
                         "axes=(rows, columns), or say which holds channels with channel_axis=")


def separable(s: Setting, taps: Sequence[Array | None], *, x: Any = None, out: Any = None,
              dtype: np.dtype[Any] | None = None) -> Array:
    """Convolve x (or samples like it) along each filtered axis with its taps, None for an axis left alone.

    The result has the arithmetic's dtype unless `dtype` is given.
    """
    samples = s.x if x is None else x
    kind = s.work if dtype is None else dtype
    given = [(t, b, a) for t, b, a in zip(taps, s.boundary, s.axes, strict=True) if t is not None]
    if not given:
        return convolve_separable(samples, [None], axes=s.axes[:1], workers=s.workers, out=out, dtype=kind, device=s.device)
    # Three axes at a time are what the engines take.
    while True:
        now, given = given[:3], given[3:]
        last = not given
        samples = convolve_separable(samples, [t for t, _, _ in now], boundary=tuple(b for _, b, _ in now),
                                     axes=tuple(a for _, _, a in now), workers=s.workers,
                                     out=out if last else None, dtype=kind if last else s.work, device=s.device)
        if last:
            return samples
