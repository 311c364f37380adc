"""Arrays in the memory of a device, as the engines see them; nothing here imports CUDA."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from convkit._core.device import Remote
from convkit._core.typing import Array


class Line(Remote):
    """An array in the memory of a device: its shape, its numbers as one line, and the stream they are ready on.

    `owner` keeps the memory: the caller's array, or a `Block`.
    """

    __slots__ = ("_address", "_writeable", "dtype", "line", "owner", "shape", "stream")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], line: Any, stream: Any, owner: Any) -> None:
        self.shape, self.dtype, self.line, self.stream, self.owner = shape, dtype, line, stream, owner
        self._address: int | None = None
        self._writeable = True

    def on(self, stream: Any) -> Self:
        """The same memory, to be worked on in another stream."""
        return type(self)(self.shape, self.dtype, self.line, stream, self.owner)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def stand_in(self) -> Array:
        """A host array of this shape and dtype, for checks that look at no number."""
        return _stand_in(self.shape, self.dtype, self._writeable)

    @property
    def address(self) -> int:
        """Where the first number lies."""
        if self._address is None:
            self._address = address_of(self.line)
        return self._address

    @property
    def size(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)


class Strided(NamedTuple):
    """An array of a caller whose numbers do not follow one another in C order.

    Number i, j, ... lies at ``first + i * steps[0] + j * steps[1] + ...`` of `around`, from its lowest number to its highest.
    """

    shape: tuple[int, ...]
    steps: tuple[int, ...]
    first: int
    around: Line
    writeable: bool

    @property
    def stand_in(self) -> Array:
        """As that of a `Line`."""
        return _stand_in(self.shape, self.around.dtype, self.writeable)

    @property
    def stream(self) -> Any:
        """As that of a `Line`."""
        return self.around.stream


def _stand_in(shape: tuple[int, ...], dtype: np.dtype[Any], writeable: bool) -> Array:
    return np.lib.stride_tricks.as_strided(np.zeros(1, dtype), shape, (0,) * len(shape), writeable=writeable)


def address_of(array: Any) -> int:
    """Where the first number of one of Numba's arrays lies; the simulator's are arrays of NumPy."""
    pointer = getattr(array, "device_ctypes_pointer", None)
    return int(array._ary.ctypes.data if pointer is None else pointer.value or 0)


def overlap(a: Line, b: Line) -> bool:
    """Whether two arrays may share memory."""
    first, second = sorted((line.address, line.address + line.size * line.dtype.itemsize) for line in (a, b))
    return second[0] < first[1]
