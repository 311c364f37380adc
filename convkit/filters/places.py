"""Where samples lie, and so what computes with the results of convolutions: NumPy, or kernels on a CUDA device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from convkit._core import checks, images
from convkit._core import workers as pool
from convkit._core.device import on_device
from convkit._core.typing import Array, BoolArray
from convkit.convolution.problem import finish, target_for
from convkit.engines.rank import Window, rank

# Pixels of several arrays that are combined at a time: they stay in the second-level cache for all sums.
CHUNK = 1 << 14


class Place(Protocol):
    """What the filters ask of the place of samples. Arrays are those that it makes itself, of the samples' kind there."""

    def samples(self, axes: Any, channel_axis: Any, dtype: Any) -> tuple[Any, images.Samples]:
        """The samples of this call as convolutions take them, and what `images.samples` says of them."""

    def output(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """As `checks.output`."""

    def target(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """An array to compute a result in: `out` if it will do."""

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """A new array."""

    def items(self, values: Any) -> Sequence[Any]:
        """The arrays along the first axis of one."""

    def given(self, values: Any) -> Any:
        """An array as convolutions take it for samples."""

    def add(self, values: Any, part: Any) -> None:
        """Add `part` to `values`."""

    def subtract(self, values: Any, part: Any) -> None:
        """Subtract `part` from `values`."""

    def sharpen(self, values: Any, amount: float) -> None:
        """Put ``x + amount * (x - values)`` in place of smoothed samples."""

    def multiply(self, a: Any, b: Any, out: Any) -> None:
        """Write the products of two arrays."""

    def length(self, parts: Callable[[int, float, Any], Any], count: int, out: Any) -> None:
        """Write the square root of the sum of squares: ``parts(i, scale, target)`` writes one of them times `scale`."""

    def mix(self, answers: Any, shares: Array, out: Any, workers: int) -> None:
        """Write sums of the items of `answers`, one for each row of `shares`; they are as many as the items of `out`."""

    def median(self, lengths: Sequence[int], mask: BoolArray | None, boundary: Sequence[str], axes: Sequence[int], out: Any,
               workers: int) -> Array:
        """Medians of windows of such lengths along ascending axes, or of those of their samples that `mask` names."""

    def finish(self, values: Any, result: np.dtype[Any], out: Any) -> Array:
        """Hand over what was computed, in the result's dtype, and in `out` if given."""

    def copied(self) -> Any:
        """A copy of the samples, for `finish`."""

    def eigenvalues(self) -> Array:
        """Both eigenvalues of the tensors of images, whose elements are the samples."""

    def coherence(self) -> Array:
        """Their difference over their sum."""

    def orientation(self) -> Array:
        """Angle of the first eigenvector."""


class Host:
    """NumPy arrays and what becomes one."""

    output = staticmethod(checks.output)
    finish = staticmethod(finish)

    def __init__(self, x: Any) -> None:
        self._x = x

    def samples(self, axes: Any, channel_axis: Any, dtype: Any) -> tuple[Array, images.Samples]:
        """See `Place`."""
        found = images.samples(self._x, axes, channel_axis, dtype)
        self._x = found.array
        return found.array, found

    def target(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """See `Place`."""
        return target_for(out, shape, dtype, self._x)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """See `Place`."""
        return np.empty(shape, dtype)

    def items(self, values: Array) -> Sequence[Array]:
        """See `Place`."""
        return list(values)

    def given(self, values: Array) -> Array:
        """See `Place`."""
        return values

    def add(self, values: Array, part: Array) -> None:
        """See `Place`."""
        values += part

    def subtract(self, values: Array, part: Array) -> None:
        """See `Place`."""
        values -= part

    def sharpen(self, values: Array, amount: float) -> None:
        """See `Place`."""
        work = values.dtype
        np.subtract(self._x, values, out=values, dtype=work, casting="same_kind")
        values *= work.type(amount)
        np.add(self._x, values, out=values, dtype=work, casting="same_kind")

    def multiply(self, a: Array, b: Array, out: Array) -> None:
        """See `Place`."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            np.multiply(a, b, out=out)

    def length(self, parts: Callable[[int, float, Any], Any], count: int, out: Array) -> None:
        """See `Place`; a few arrays at a time."""
        exponent = 0
        if self._x.dtype.kind == "f":
            most = max(float(np.fmax.reduce(self._x, axis=None)), -float(np.fmin.reduce(self._x, axis=None)))
            exponent = math.frexp(most)[1] if math.isfinite(most) else 0
        # Squares of numbers as these would be beyond the range of single precision; a power of two changes no digit.
        exponent = 0 if -20 <= exponent <= 40 else exponent
        parts(0, math.ldexp(1.0, -exponent), out)
        part = None
        with np.errstate(invalid="ignore", over="ignore", under="ignore"):
            out *= out
            for i in range(1, count):
                part = parts(i, math.ldexp(1.0, -exponent), np.empty_like(out) if part is None else part)
                part *= part
                out += part
            np.sqrt(out, out=out)
            if exponent:
                out *= out.dtype.type(math.ldexp(1.0, exponent))

    def mix(self, answers: Array, shares: Array, out: Array, workers: int) -> None:
        """See `Place`."""
        lines, sums = answers.reshape(len(answers), -1), out.reshape(len(shares), -1)

        def work(start: int) -> None:
            here = lines[:, start : start + CHUNK]
            part = np.empty_like(here[0])
            for share, line in zip(shares, sums[:, start : start + CHUNK], strict=True):
                some = np.flatnonzero(share)
                np.multiply(here[some[0]], share[some[0]], out=line)
                for i in some[1:]:
                    np.multiply(here[i], share[i], out=part)
                    line += part

        pool.run(work, list(range(0, sums.shape[1], CHUNK)), workers)

    def copied(self) -> Array:
        """See `Place`."""
        copy: Array = self._x.astype(self._x.dtype.newbyteorder("="))
        return copy

    def median(self, lengths: Sequence[int], mask: BoolArray | None, boundary: Sequence[str], axes: Sequence[int],
               out: Array | None, workers: int) -> Array:
        """See `Place`."""
        samples = self._x.astype(self._x.dtype.newbyteorder("="), copy=False)
        number = (math.prod(lengths) if mask is None else int(mask.sum())) // 2
        windows = [Window(n // 2, n - 1 - n // 2) for n in lengths]
        result = target_for(out, samples.shape, samples.dtype, samples)
        rank(samples, windows, mask, list(boundary), list(axes), number, result, workers)
        return finish(result, samples.dtype, out)

    def eigenvalues(self) -> Array:
        """See `Place`."""
        first, across, second = self._x
        middle = (first + second) / 2
        half = np.hypot(second - first, 2 * across) / 2
        return np.stack([middle + half, middle - half])

    def coherence(self) -> Array:
        """See `Place`."""
        first, across, second = self._x
        total = first + second
        most = np.hypot(second - first, 2 * across)
        strength: Array = np.divide(most, total, out=np.zeros_like(total), where=total != 0)
        return strength

    def orientation(self) -> Array:
        """See `Place`."""
        first, across, second = self._x
        angle: Array = np.arctan2(2 * across, second - first)
        angle /= 2
        return angle


def place_of(x: Any, device: Any = None) -> Place:
    """Where to compute: on the device where `x` lies, or that the caller names, else on the host."""
    if not on_device(x, device):
        return Host(x)
    from convkit.filters.cuda import Device

    return Device(x)
