"""Parameters in one buffer, and steps of optimizers over it on the CPU."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np

from convkit._core import workers as pool
from convkit._core.typing import Array, IntArray

# Elements that a worker takes at a time; bytes of a vector, of a page, and from the beginning of one buffer in it to the next.
PIECE, VECTOR, PAGE, TURN = 1 << 17, 64, 4096, 1024
_char: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer


class Places(NamedTuple):
    """Where arrays of one dtype lie in a buffer, each from the beginning of a vector on; their sizes, and the buffer's size."""

    starts: IntArray
    sizes: IntArray
    total: int

    def buffer(self, dtype: np.dtype[Any], number: int) -> Array:
        """A buffer of zeros.

        Vectors that cross lines of the cache take twice as long, and buffers that begin at the same place of a page hinder one
        another: Adam took 60 us for 62,006 parameters where NumPy puts large arrays, and 26 us with the `number` of a buffer
        deciding where it begins.
        """
        raw = np.zeros(self.total * dtype.itemsize + 2 * PAGE, np.uint8)
        first = -raw.ctypes.data % PAGE + number * TURN % PAGE
        return raw[first : first + self.total * dtype.itemsize].view(dtype)

    def views(self, buffer: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
        """The arrays in a buffer."""
        return [buffer[start : start + size].reshape(shape)
                for start, size, shape in zip(self.starts.tolist(), self.sizes.tolist(), shapes, strict=True)]


def places(sizes: Sequence[int], dtype: np.dtype[Any]) -> Places:
    """Places for arrays of these sizes, one after the other."""
    step = VECTOR // dtype.itemsize
    ends = np.cumsum([0, *(-(-size // step) * step for size in sizes)])
    return Places(ends[:-1], np.array(sizes, np.int64), int(ends[-1]))


def _addresses(gradients: Sequence[Array], copies: list[Array]) -> list[int]:
    """Where the elements of each lie in order: in copies, put into `copies`, where they do not themselves."""
    try:
        # A quarter of the time of `g.ctypes.data`; it refuses what is read-only, not in C order, or empty.
        found = [ctypes.addressof(_char(g)) for g in gradients]
        if not reduce(or_, found) % gradients[0].itemsize:
            return found
    except (TypeError, ValueError, BufferError):
        pass
    copies.extend(np.array(g, order="C") for g in gradients)
    return [g.ctypes.data for g in copies]


def walk(kernel: Callable[..., object], parameters: Array, gradients: Sequence[Array], starts: IntArray, sizes: IntArray,
         memories: Sequence[Array], factors: Sequence[float]) -> None:
    """Call a kernel of `convkit.kernels.update` with `gradients` that lie apart, for the parameters from `starts` on.

    They are read where they lie: gathering them first took a fifth to a third longer. Pieces are cut without regard to workers.
    """
    copies: list[Array] = []
    sources = np.array(_addresses(gradients, copies), np.int64)
    real = parameters.dtype.type
    numbers = [real(f) for f in factors]
    first, last = int(starts[0]), int(starts[-1] + sizes[-1])

    def piece(begin: int) -> None:
        end = last if last - begin < 2 * PIECE else begin + PIECE
        kernel(parameters, sources, starts, sizes, begin, end, *memories, *numbers)

    # The last piece takes what would be left over.
    count = max(1, (last - first) // PIECE)
    if count == 1:
        piece(first)
    else:
        pool.run(piece, [first + i * PIECE for i in range(count)], pool.available())


def norm(gradients: Sequence[Array], exponent: float) -> float:
    """The norm of all gradients together."""
    if exponent == math.inf:
        return max((float(np.abs(g).max(initial=0)) for g in gradients), default=0.0)
    # In float64, and not by a BLAS, whose sums depend on its threads.
    power = np.square if exponent == 2 else lambda g, dtype: np.abs(g, dtype=dtype) ** exponent
    return float(sum(float(power(g, dtype=np.float64).sum()) for g in gradients) ** (1 / exponent))


def limit(gradients: Sequence[Array], norm: float, most: float) -> None:
    """Scale gradients of a norm so that it is at most `most`."""
    factor = min(1.0, most / (norm + 1e-6)) if not math.isnan(norm) else norm
    for gradient in gradients:
        gradient *= factor


def clip(gradients: Sequence[Array], most: float) -> None:
    """Cut gradients off at ``-most`` and `most`."""
    for gradient in gradients:
        np.clip(gradient, -most, most, out=gradient)
