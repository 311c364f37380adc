"""Where samples lie, and so which engine works on them: the one choice between the CPU and a CUDA device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from convkit._core import checks
from convkit._core.device import on_device
from convkit._core.geometry import Geometry
from convkit._core.typing import Array
from convkit.convolution.problem import Problem, Ready, finish, readable, solve
from convkit.convolution.validity import kept, normalized, validity


class Place(Protocol):
    """What the public functions ask of the place of samples."""

    def samples(self, x: Any) -> Any:
        """Samples that are checked, with a shape and a dtype."""

    def weights(self, value: Any, name: str) -> Array:
        """Weights in the memory of the host, checked."""

    def validity(self, x: Any, samples: Any, mask: Any, nan_policy: str, sums: Sequence[tuple[float, float]],
                 result: np.dtype[Any], name: str) -> Any:
        """Where samples are valid, as `kept` takes it; None if they all are."""

    def kept(self, samples: Any, valid: Any) -> tuple[Any, Any]:
        """Samples with 0 where they are not valid, and which are, as samples too."""

    def normalized(self, numerator: Any, denominator: Any, absolute: float, least: float) -> Any:
        """As `validity.normalized`."""

    def finish(self, values: Any, result: np.dtype[Any], out: Any) -> Any:
        """As `problem.finish`."""

    def exact_bound(self, samples: Any, total: float, fill_value: complex) -> tuple[float, bool]:
        """As `checks.exact_bound`."""

    def output(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """The caller's array for the result, checked."""

    def solve(self, problem: Problem, method: str, workers: int | None, out: Any,
              result: np.dtype[Any]) -> tuple[Any, Any]:
        """The result, and what is ready for the next call."""

    def passes(self, samples: Any, taps: list[Array | None], geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
               axes: Sequence[int], shape: tuple[int, ...], work: np.dtype[Any], result: np.dtype[Any]) -> Any:
        """One pass per axis that has taps, in arithmetic of `work`, ready for samples like these."""


class Host:
    """NumPy arrays and what becomes one."""

    weights = staticmethod(checks.numbers)
    validity = staticmethod(validity)
    kept = staticmethod(kept)
    normalized = staticmethod(normalized)
    finish = staticmethod(finish)
    exact_bound = staticmethod(checks.exact_bound)
    output = staticmethod(checks.output)
    solve = staticmethod(solve)

    def samples(self, x: Any) -> Array:
        """Samples as an array of numbers."""
        return checks.numbers(x, "x")

    def passes(self, samples: Array, taps: list[Array | None], geometry: Sequence[Geometry], boundary: Sequence[str],
               fill: Any, axes: Sequence[int], shape: tuple[int, ...], work: np.dtype[Any], result: np.dtype[Any]) -> Ready:
        """One pass per axis that has taps, in arithmetic of `work`, ready for samples like these."""
        from convkit.engines import cpu

        reads = readable(np.empty(0, samples.dtype), work, fill).dtype
        run = cpu.prepare_separable(samples.shape, reads, taps, geometry, boundary, fill, axes, work)
        return Ready(run, shape, work, result, (samples.dtype, work, fill), run.nbytes)


HOST = Host()


def place_of(x: Any, device: Any) -> Place:
    """Where to compute: on the device where `x` lies, or that the caller names, else on the host."""
    if not on_device(x, device):
        return HOST
    from convkit.convolution.cuda import Device

    return Device()
