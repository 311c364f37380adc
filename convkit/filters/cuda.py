"""Filters of samples on a CUDA device, or to be sent there: what is made there of the results of convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convkit._core import checks, gpu, images
from convkit._core.device import resident
from convkit._core.gpu import Line
from convkit._core.typing import Array, BoolArray
from convkit.convolution.cuda import Device as Convolutions
from convkit.convolution.cuda import handed
from convkit.engines.cuda import filters as engine
from convkit.engines.cuda import median as medians
from convkit.engines.cuda import strides


class Device:
    """See `Place`. Samples of the host are sent there once, and only results are fetched."""

    output = Convolutions().output

    def __init__(self, x: Any) -> None:
        self._here = resident(x)
        if not self._here:
            sent = gpu.sent(checks.numbers(x, "x"))
            x = sent.line.reshape(sent.shape)
        with gpu.located(x):
            self._x = strides.seen(x, "x")

    def samples(self, axes: Any, channel_axis: Any, dtype: Any) -> tuple[Any, images.Samples]:
        """See `Place`."""
        return self._x.owner, images.samples(self._x.stand_in, axes, channel_axis, dtype)

    def target(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Line:
        """See `Place`."""
        if type(out) is type(self._x.owner):
            line = gpu.found(out, "out")
            straight = isinstance(line, Line) and line.stream is self._x.stream and line.dtype == dtype
            if isinstance(line, Line) and straight and not gpu.overlap(line, self._x):
                return line
        return self.empty(shape, dtype)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Line:
        """See `Place`."""
        with gpu.located(self._x.owner):
            return gpu.empty(self._x, shape, dtype)

    def items(self, values: Line) -> Sequence[Line]:
        """See `Place`."""
        count, size = values.shape[0], values.size // values.shape[0]
        return [Line(values.shape[1:], values.dtype, values.line[i * size : (i + 1) * size], values.stream, values.owner)
                for i in range(count)]

    def given(self, values: Line) -> Any:
        """See `Place`."""
        return values.owner

    def add(self, values: Line, part: Any) -> None:
        """See `Place`."""
        with gpu.located(self._x.owner):
            engine.add(gpu.seen(part, "x"), values)

    def subtract(self, values: Line, part: Any) -> None:
        """See `Place`."""
        with gpu.located(self._x.owner):
            engine.subtract(gpu.seen(part, "x"), values)

    def sharpen(self, values: Line, amount: float) -> None:
        """See `Place`."""
        with gpu.located(self._x.owner):
            engine.sharpen(self._x, values, values.dtype.type(amount))

    def multiply(self, a: Line, b: Line, out: Line) -> None:
        """See `Place`."""
        with gpu.located(self._x.owner):
            engine.multiply(a, b, out)

    def length(self, parts: Callable[[int, float, Any], Any], count: int, out: Line) -> None:
        """See `Place`."""
        stack = self.empty((count, *out.shape), out.dtype)
        for i, part in enumerate(self.items(stack)):
            parts(i, 1.0, part)
        with gpu.located(self._x.owner):
            engine.length(stack, out)

    def mix(self, answers: Line, shares: Array, out: Line, workers: int) -> None:
        """See `Place`."""
        with gpu.located(self._x.owner):
            engine.mix(answers, shares, out)

    def median(self, lengths: Sequence[int], mask: BoolArray | None, boundary: Sequence[str], axes: Sequence[int], out: Any,
               workers: int) -> Any:
        """See `Place`."""
        medians.refuse(self._x.shape, lengths, axes, mask is not None)
        values = self.target(out, self._x.shape, self._x.dtype)
        with gpu.located(self._x.owner):
            medians.median(self._x, lengths, boundary, axes, values)
        return self.finish(values, values.dtype, out)

    def finish(self, values: Line, result: np.dtype[Any], out: Any) -> Any:
        """See `Place`."""
        if out is not None and values.owner is out:
            return out
        with gpu.located(self._x.owner):
            target = strides.target(out, "out") if resident(out) else None
            return handed(values, result, out, target, self._here)

    def copied(self) -> Line:
        """See `Place`."""
        out = self.empty(self._x.shape, self._x.dtype)
        with gpu.located(self._x.owner):
            strides.copy(self._x, out)
        return out

    def eigenvalues(self) -> Any:
        """See `Place`."""
        return self._of_tensors("eigenvalues", 2)

    def coherence(self) -> Any:
        """See `Place`."""
        return self._of_tensors("coherence")

    def orientation(self) -> Any:
        """See `Place`."""
        return self._of_tensors("orientation")

    def _of_tensors(self, name: str, *count: int) -> Any:
        out = self.empty((*count, *self._x.shape[1:]), self._x.dtype)
        with gpu.located(self._x.owner):
            engine.of_tensors(name, self._x, out)
        return self.finish(out, out.dtype, None)
