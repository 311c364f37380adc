"""What coefficients know of the plan that made them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from convkit._core.typing import Array, ArrayLike
from convkit.curvelets.geometry import Bands


class Plan(Protocol):
    """A transform of samples of one shape; `transform.Curvelets` is one."""

    shape: tuple[int, ...]
    shapes: tuple[tuple[tuple[int, ...], ...], ...]
    scales: int
    finest: str
    real: bool
    count: int
    size: int
    _tables: Bands

    @property
    def work_dtype(self) -> np.dtype[Any]:
        """What is computed in where samples do not decide."""

    def forward(self, x: ArrayLike) -> Any:
        """Coefficients of samples."""

    def inverse(self, c: Any | Iterable[tuple[tuple[int, int], Array]]) -> Array:
        """Samples that coefficients stand for."""

    def unravel(self, v: ArrayLike) -> Any:
        """Coefficients whose numbers are given."""

    def _last(self) -> Plan:
        """The same plan for the last axes."""

    def _check_band(self, j: Any, l: Any) -> tuple[int, int]:
        """Scale and wedge, if they exist."""

    def _place(self, j: Any, l: Any) -> tuple[int, slice]:
        """Number of a band, and its place in the buffer."""
