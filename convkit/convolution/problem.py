"""A correlation ready for an engine, and what is done around the engine: order of memory, dtypes, out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convkit import planning
from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.boundary import CONSTANT
from convkit._core.geometry import Geometry, exchange
from convkit._core.typing import Array


def flip(weights: Array) -> Array:
    """Turn weights of a convolution into weights of a correlation. The one flip in the package."""
    return np.flip(weights)


@dataclass(frozen=True)
class Problem:
    """A correlation ready for an engine: everything checked, the axes ascending, the weights as given."""

    samples: Array
    weights: Array
    geometry: tuple[Geometry, ...]
    boundary: tuple[str, ...]
    fill: Any
    axes: tuple[int, ...]
    work: np.dtype[Any]
    exact: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        shape = list(self.samples.shape)
        for axis, g in zip(self.axes, self.geometry, strict=True):
            shape[axis] = g.length
        return tuple(shape)

    def arranged(self, commute: bool) -> tuple[Problem, bool]:
        """The same problem in the order in which memory is read, and whether the result is to be transposed.

        `commute` allows samples and weights to change places.
        """
        p = self
        # What lies beyond counts only where something is read there.
        zeros = all((g.before <= 0 and g.after <= 0) or (b in CONSTANT and p.fill == 0)
                    for g, b in zip(p.geometry, p.boundary, strict=True))
        if commute and zeros and p.samples.ndim == len(p.axes) and p.weights.size > p.samples.size:
            # With zeros beyond both, convolution commutes: walk the larger operand. A flip undoes the flip.
            p = replace(p, samples=flip(p.weights), weights=flip(p.samples), boundary=("zero",) * len(p.axes),
                        geometry=exchange(p.samples.shape, p.weights.shape, p.geometry))
        x = p.samples
        if x.ndim < 2 or x.flags.c_contiguous or not x.flags.f_contiguous:
            return p, False
        return replace(p, samples=x.T, weights=p.weights.T, geometry=p.geometry[::-1], boundary=p.boundary[::-1],
                       axes=tuple(x.ndim - 1 - a for a in p.axes[::-1])), True


def readable(samples: Array, work: np.dtype[Any]) -> Array:
    """Samples in a dtype that the kernels are compiled for: that of the arithmetic, or small integers for float32."""
    if samples.dtype == work:
        return samples if samples.dtype.isnative else samples.astype(work)
    if samples.dtype == np.bool_:
        samples = samples.view(np.uint8)
    if work == np.float32 and samples.dtype.isnative and samples.dtype in (np.uint8, np.int16, np.uint16):
        return samples
    return samples.astype(work)


def target_for(out: Array | None, shape: tuple[int, ...], work: np.dtype[Any], *operands: Array) -> Array:
    """The caller's array if the engines can write the result straight into it, else a new one."""
    if out is not None and out.shape == shape and out.dtype == work and out.flags.c_contiguous and out.flags.aligned \
            and not any(np.may_share_memory(out, operand) for operand in operands):
        return out
    return np.empty(shape, work)


def solve(problem: Problem, method: str, workers: int, out: Array | None = None,
          result: np.dtype[Any] | None = None) -> Array:
    """Compute a correlation in its arithmetic's dtype, or where possible in `result` and into `out`."""
    from convkit.engines import cpu, spectral

    p, transposed = problem.arranged(commute=method != "separable")
    work = p.work
    size = planning.measure(p.samples.shape, p.weights.shape, p.axes, p.geometry, p.boundary, p.fill, work)
    plan = planning.decide(p.weights, size, work, p.samples, method, p.exact)
    if p.exact and plan.method != "direct":
        # Terms and transforms of integers are not exact; rounding their float64 sums makes them so.
        work = np.dtype(np.float64)
        plan = planning.decide(p.weights, size._replace(char="d"), work, None, plan.method, False)
    samples = readable(p.samples, work)
    direct = plan.method == "direct"
    stored = result if direct and result is not None and cpu.stores(samples.dtype, work, result) else work
    target = target_for(None if transposed else out, p.shape, stored, p.samples, p.weights)
    arguments = (p.geometry, p.boundary, p.fill, p.axes)
    if plan.method == "separable":
        assert plan.terms is not None
        part = target
        for number, term in enumerate(plan.terms.terms):
            if number == 1:
                part = np.empty_like(target)
            cpu.correlate_separable(samples, [t.astype(work) for t in term], *arguments, part, workers)
            if number:
                target += part
    elif plan.method == "fft":
        spectral.correlate(samples, p.weights.astype(work), *arguments, target, workers, plan.tile)
    else:
        cpu.correlate(samples, p.weights.astype(work), *arguments, target, workers)
    if p.exact and plan.method != "direct":
        np.rint(target, out=target)
    return target.T if transposed else target


class Ready:
    """A direct correlation met before: what depends on neither the values of the samples nor on where they lie."""

    def __init__(self, shape: tuple[int, ...], prepared: Any, stored: np.dtype[Any], result: np.dtype[Any]) -> None:
        self._prepared = prepared
        self._shape = shape
        self._stored = stored
        self._result = result

    @staticmethod
    def of(problem: Problem, method: str, result: np.dtype[Any]) -> Ready | None:
        """A `Ready` if the samples can be read as they are and every value of them leads to the direct method."""
        from convkit.engines import cpu

        p, transposed = problem.arranged(commute=True)
        x = p.samples
        if transposed or x is not problem.samples or not x.flags.c_contiguous or readable(x, p.work) is not x:
            return None
        size = planning.measure(x.shape, p.weights.shape, p.axes, p.geometry, p.boundary, p.fill, p.work)
        if planning.decide(p.weights, size, p.work, None, method, False).method != "direct":
            return None
        stored = result if cpu.stores(x.dtype, p.work, result) else p.work
        prepared = cpu.prepare(x.shape, p.weights.astype(p.work), p.geometry, p.boundary, p.fill, p.axes)
        return None if prepared is None else Ready(problem.shape, prepared, stored, result)

    def __call__(self, samples: Array, out: Array | None, workers: int | None) -> Array:
        """Correlate samples of the same shape, strides and dtype."""
        count = pool.resolve(workers)
        if out is None:
            target = np.empty(self._shape, self._stored)
        else:
            target = target_for(checks.output(out, self._shape, self._result), self._shape, self._stored, samples)
        self._prepared(samples, target, count)
        return finish(target, self._result, out)


def finish(values: Array, result: np.dtype[Any], out: Array | None) -> Array:
    """Hand `values` back as `result`, in `out` if given."""
    if values is out or (out is None and values.dtype == result):
        return values
    target = np.empty(values.shape, result) if out is None else out
    checks.store(values, target)
    return target
