"""What a rival is asked to compute, and the calls by which it can."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Task:
    """One convolution: ``convkit.convolve(x, weights, boundary=boundary)``, its result of the dtype of ``x``.

    Parameters
    ----------
    x : ndarray
        Samples, as many axes as ``weights``.
    weights : ndarray
        Weights, in the precision of ``x`` (float32 for integers).
    taps : tuple of ndarray, optional
        One array of taps per axis where ``weights`` are their outer product.
    boundary : str
        What lies beyond the edge, in convkit's words.
    """

    x: NDArray[Any]
    weights: NDArray[Any]
    taps: tuple[NDArray[Any], ...] | None = None
    boundary: str = "zero"

    @property
    def dims(self) -> int:
        """Number of axes."""
        return self.x.ndim

    @property
    def operations(self) -> int:
        """Nominal operations of direct convolution: 2 x taps x outputs."""
        return 2 * self.x.size * self.weights.size

    @property
    def halo(self) -> list[tuple[int, int]]:
        """Samples that a result of the size of ``x`` needs before and after each axis."""
        return [(k // 2, (k - 1) // 2) for k in self.weights.shape]

    @property
    def scale(self) -> float:
        """Largest magnitude that a sum may have: max|x| sum|w|."""
        return float(np.abs(self.x).max()) * float(np.abs(self.weights).sum(dtype=np.float64))

    @property
    def growth(self) -> float:
        """Rounding to be expected of any method, in units of eps max|x| sum|w|: a random walk over the taps, or an FFT."""
        return 4.0 * math.sqrt(self.weights.size) + 6.0 * self.dims * math.log2(max(2, *self.x.shape) * 2)


@dataclass(frozen=True)
class Contender:
    """One call that gives the result of a task, and the seconds that it takes at the very least."""

    name: str
    call: Callable[[], NDArray[Any]]
    least: float = 0.0
