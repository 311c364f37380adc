"""What all filters share: their common arguments, checked once, and passes of taps along any number of axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convkit._core import checks, images
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.device import on_device, resident
from convkit._core.typing import Array
from convkit.convolution import convolve_separable
from convkit.convolution.places import place_of
from convkit.convolution.problem import finish, target_for

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
        Where to compute, as in `convkit.convolve`: by default where x lies, which may be the memory of a CUDA device."""


def documented(function: Function) -> Function:
    """Put the description of the arguments that all filters have where a docstring says ``@COMMON@``."""
    if function.__doc__:
        function.__doc__ = function.__doc__.replace("@COMMON@", COMMON).replace("@DEVICE@", DEVICE)
    return function


class Setting(NamedTuple):
    """Samples and the common arguments, checked; `device` as in `convkit.convolve`."""

    x: Array
    axes: tuple[int, ...]
    work: np.dtype[Any]
    result: np.dtype[Any]
    boundary: tuple[str, ...]
    workers: int
    out: Array | None
    device: str | None = None

    def target(self) -> Array:
        """Where to compute a result of the shape of x in the arithmetic's dtype: in `out` if it will do."""
        return target_for(self.out, self.x.shape, self.work, self.x)

    def finish(self, values: Array) -> Array:
        """Hand over what was computed, in the result's dtype, and in `out` if given."""
        return finish(values, self.result, self.out)

    def several(self, name: str, value: Any, convert: Callable[[Any, str], Any]) -> tuple[Any, ...]:
        """One value of an argument for each filtered axis."""
        return images.per_axis(value, name, len(self.axes), convert)


def prepare(x: Any, boundary: Boundary, axes: Any, channel_axis: Any, workers: Any, out: Any, dtype: Any) -> Setting:
    """Check the arguments that all filters have, before anything is computed or written."""
    _unmasked(x)
    s = images.samples(x, axes, channel_axis, dtype)
    names = normalize(boundary, len(s.axes))
    count = pool.resolve(workers)
    if out is not None:
        out = checks.output(out, s.array.shape, s.result)
    return Setting(s.array, s.axes, s.work, s.result, names, count, out)


def prepare_anywhere(x: Any, boundary: Boundary, axes: Any, channel_axis: Any, workers: Any, out: Any, dtype: Any,
                     device: Any) -> Setting:
    """As `prepare`, for filters that are convolutions and nothing else: they are computed where x lies, or on `device`."""
    if not on_device(x, device):
        return prepare(x, boundary, axes, channel_axis, workers, out, dtype)
    _unmasked(x)
    samples = place_of(x, device).samples(x)
    s = images.samples(getattr(samples, "stand_in", samples), axes, channel_axis, dtype)
    return Setting(x if resident(x) else samples, s.axes, s.work, s.result, normalize(boundary, len(s.axes)),
                   pool.resolve(workers), out, device)


def _unmasked(x: Any) -> None:
    """Refuse samples with some of them masked."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise TypeError("x is a masked array, and filters know no masks; fill it with x.filled(...), or use "
                        "convkit.convolve_separable(x, [convkit.filters.gaussian_taps(sigma)] * x.ndim), which leaves out what "
                        "is masked")


def real_only(s: Setting, what: str) -> None:
    """Refuse complex samples."""
    if s.x.dtype.kind == "c":
        raise TypeError(f"x has dtype {s.x.dtype}, and {what} of complex samples has no one meaning; give x.real, "
                        "x.imag or abs(x)")


def pair_only(s: Setting, what: str) -> None:
    """Refuse other than two axes to filter."""
    if len(s.axes) != 2:
        raise ValueError(f"{what} has two axes, but {len(s.axes)} of x (shape {s.x.shape}) are to be filtered; name two with "
                         "axes=(rows, columns), or say which holds channels with channel_axis=")


def separable(s: Setting, taps: Sequence[Array | None], *, x: Array | None = None, out: Array | None = None,
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


def square_root_of_squares(s: Setting, parts: Callable[[int, float, Array], Array], count: int) -> Array:
    """Magnitude of `count` results, a few arrays at a time: ``parts(i, scale, target)`` writes one times `scale`."""
    exponent = 0
    if s.x.dtype.kind == "f":
        most = max(float(np.fmax.reduce(s.x, axis=None)), -float(np.fmin.reduce(s.x, axis=None)))
        exponent = math.frexp(most)[1] if math.isfinite(most) else 0
    # Squares of numbers as these would be beyond the range of single precision; a power of two changes no digit.
    exponent = 0 if -20 <= exponent <= 40 else exponent
    total = parts(0, math.ldexp(1.0, -exponent), s.target())
    part = None
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        total *= total
        for i in range(1, count):
            part = parts(i, math.ldexp(1.0, -exponent), np.empty_like(total) if part is None else part)
            part *= part
            total += part
        np.sqrt(total, out=total)
        if exponent:
            total *= total.dtype.type(math.ldexp(1.0, exponent))
    return s.finish(total)
