"""What filters make of the results of convolutions, on a CUDA device, in the order of the stream of the first array."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.kernels import filters_cuda as kernels

# Eigenvalues, coherence and orientation of the tensors of images, by these names.
OF_TENSORS: dict[str, Callable[[str], Any]] = {
    "eigenvalues": kernels.eigenvalues, "coherence": kernels.coherence, "orientation": kernels.orientation}


def _each(kernel: Any, count: int, stream: Any) -> Callable[..., None]:
    """A launch of a kernel whose threads take several of `count` numbers."""
    return ready(kernel, (-(-count // (THREADS * kernels.EACH)),), THREADS, stream)


def add(x: Line, out: Line) -> None:
    """Add `x` to `out`."""
    _each(kernels.change(True), out.size, out.stream)(x.line, out.line)


def subtract(x: Line, out: Line) -> None:
    """Subtract `x` from `out`."""
    _each(kernels.change(False), out.size, out.stream)(x.line, out.line)


def sharpen(x: Line, out: Line, factor: Any) -> None:
    """Write ``x + factor * (x - out)`` in place of `out`; the factor has its dtype."""
    _each(kernels.sharpen(out.dtype.name), out.size, out.stream)(x.line, out.line, factor)


def multiply(a: Line, b: Line, out: Line) -> None:
    """Write the products of `a` and `b`."""
    _each(kernels.multiply, out.size, out.stream)(a.line, b.line, out.line)


def length(parts: Line, out: Line) -> None:
    """Write the square root of the sum of the squares of several arrays, that follow one another."""
    _each(kernels.length(parts.size // out.size, out.dtype.name), out.size, out.stream)(parts.line, out.line)


def mix(answers: Line, shares: Array, out: Line) -> None:
    """Write sums of arrays that follow one another, one sum for each row of `shares`."""
    count = shares.shape[1]
    table = _sent(shares.tobytes(), shares.dtype, gpu.current())
    launch = ready(kernels.mix(count, out.dtype.name), (-(-(answers.size // count) // THREADS),), THREADS, out.stream)
    launch(answers.line, table.line, out.line)


@lru_cache(maxsize=64)
def _sent(numbers: bytes, dtype: np.dtype[Any], device: int) -> Line:
    """Numbers on the device, kept there."""
    return gpu.sent(np.frombuffer(numbers, dtype))


def of_tensors(name: str, elements: Line, out: Line) -> None:
    """Write what the three elements of the tensors of images say; see OF_TENSORS."""
    kernel = OF_TENSORS[name](out.dtype.name)
    ready(kernel, (-(-(elements.size // 3) // THREADS),), THREADS, out.stream)(elements.line, out.line)
