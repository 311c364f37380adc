"""Which engines work on the arrays of a network: the one choice between the CPU and a CUDA device.

A pair of `convkit.nn` asks `place_of` one of its operands, and calls the engines, and makes arrays, by what it gets: the same
lines for both places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core import memory
from convkit._core.device import Remote
from convkit._core.typing import Array
from convkit.engines import activation, channels, dense, loss, normalize, pieces, pool, update


class Host:
    """NumPy's arrays, and the engines of the CPU."""

    activation, channels, dense, loss, normalize, pool, update = activation, channels, dense, loss, normalize, pool, update
    empty = staticmethod(memory.empty)
    array = staticmethod(np.asarray)
    flat = staticmethod(pieces.flat)
    reduced = staticmethod(loss.reduced)

    @staticmethod
    def transposed(matrix: Array) -> Array:
        """A matrix as a factor of `dense.product`, turned."""
        return matrix.T

    @staticmethod
    def wrong_label(labels: Array, classes: int, ignored: int | None) -> int | None:
        """The first label that is no class, if that must be known before they are read: here the loss finds it."""
        return None

    @staticmethod
    def moments(dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of means and variances of samples of a dtype."""
        return np.dtype(np.float64)

    @staticmethod
    def right(scores: Array, labels: Array) -> int:
        """How many of the largest scores (N, classes) are those of the labels (N,)."""
        return int(np.count_nonzero(scores.argmax(1) == labels))


HOST = Host()


def place_of(x: Any) -> Any:
    """The place of an array: `HOST`, or what has the same names for a CUDA device."""
    if not isinstance(x, Remote):
        return HOST
    from convkit.engines.cuda.places import DEVICE

    return DEVICE
