"""Which engines work on the arrays of a network: the one choice between the CPU and a CUDA device.

A pair of `convkit.nn` asks `place_of` one of its operands, and calls the engines, and makes arrays, by what it gets: the same
lines for both places.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from convkit._core import memory
from convkit._core.device import Remote
from convkit._core.typing import Array
from convkit.engines import activation, channels, dense, loss, normalize, pieces, pool, update
from convkit.engines.labels import no_class


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

    # Whether labels have to be looked at before the loss is computed, which finds those that are no classes by itself.
    looks_first = False

    no_class = staticmethod(no_class)

    @staticmethod
    def fed(batches: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
        """Batches of arrays, brought here."""
        return batches

    @staticmethod
    def negative(values: Array) -> tuple[Array, int]:
        """Numbers that may not be negative, and how many are."""
        return values, int(np.count_nonzero(values < 0))

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
