"""Samples on a CUDA device, or to be sent there: checked, computed, and handed back as the caller's kind of array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from convkit import planning
from convkit._core import checks, gpu
from convkit._core.device import resident
from convkit._core.geometry import Geometry
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.convolution.problem import Problem
from convkit.engines.cuda import batches, spectral
from convkit.engines.cuda import direct as engine


class Device:
    """See `Place`."""

    def samples(self, x: Any) -> Any:
        """Samples where they lie: those of the host are sent when they are worked on."""
        if not resident(x):
            gpu.require()
            array = checks.numbers(x, "x")
            return array.astype(array.dtype.newbyteorder("="), copy=False)
        samples = gpu.seen(x, "x")
        checks.numbers(samples.stand_in, "x")
        return samples

    def weights(self, value: Any, name: str) -> Array:
        """Weights in the memory of the host, fetched if need be."""
        return checks.numbers(gpu.fetched(gpu.seen(value, name)) if resident(value) else value, name)

    def validity(self, x: Any, samples: Any, mask: Any, nan_policy: str, sums: Any, result: Any, name: str) -> None:
        """Refuse to look at the samples."""
        if mask is not None or nan_policy != "propagate" or np.ma.isMaskedArray(x):
            name = "mask" if mask is not None else f"nan_policy={nan_policy!r}"
            what = "a masked array" if np.ma.isMaskedArray(x) else name
            raise ValueError(f"{what} is not taken on a CUDA device; fill the invalid samples of x first, or compute on the "
                             "CPU")

    def exact_bound(self, samples: Any, total: float, fill_value: complex) -> tuple[float, bool]:
        """The bound that holds for all samples of the dtype; that of the samples themselves where it says nothing."""
        if isinstance(samples, np.ndarray):
            return checks.exact_bound(samples, total, fill_value)
        if samples.dtype.kind not in "iu" or total == math.inf:
            return checks.exact_bound(np.ones(1, samples.dtype), total, fill_value)
        limits = np.array([np.iinfo(samples.dtype).min, np.iinfo(samples.dtype).max], samples.dtype)
        bound = checks.exact_bound(limits, total, fill_value)[0]
        if bound < 2**53 or samples.dtype.itemsize < 4:
            return bound, True
        return checks.exact_bound(engine.extremes(samples), total, fill_value)[0], False

    def output(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """The caller's array for the result, checked."""
        checks.output(gpu.seen(out, "out").stand_in if resident(out) else out, shape, dtype)
        return out

    def solve(self, problem: Problem, method: str, workers: int | None, out: Any,
              result: np.dtype[Any]) -> tuple[Any, DeviceReady]:
        """The result, and what is ready for the next call. Integers that have to be exact are always summed directly.

        ``auto`` is ``fft`` where that takes fewer multiply-adds, as counted, than ``direct``, which it is otherwise.
        """
        p = problem
        count, x = _piece(p.samples, p.work, p.shape, p.axes)
        arguments = (p.geometry, p.boundary, p.fill, p.axes)
        run: Any
        weights = np.ascontiguousarray(p.weights, p.work)
        if not p.exact and (method == "fft" or (method == "auto" and spectral.pays(x.shape, weights, p.geometry, p.axes))):
            run = spectral.prepare(x.shape, weights, *arguments)
        elif method == "separable" and not p.exact:
            size = planning.measure(x.shape, p.weights.shape, p.axes, p.geometry, p.work)
            plan = planning.decide(p.weights, size, p.work, method, False)
            assert plan.terms is not None
            passes = [engine.prepare_separable(x.shape, x.dtype, [t.astype(p.work) for t in term], *arguments, p.work)
                      for term in plan.terms.terms]
            run = passes[0] if len(passes) == 1 else engine.PreparedSum(passes)
        else:
            run = engine.prepare(x.shape, x.dtype, weights, *arguments)
        ready = DeviceReady(run, p.shape, p.work, result, count)
        return ready(p.samples, out, workers), ready

    def passes(self, samples: Any, taps: list[Array | None], geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
               axes: Sequence[int], shape: tuple[int, ...], work: np.dtype[Any], result: np.dtype[Any]) -> DeviceReady:
        """One pass per axis that has taps, in arithmetic of `work`, ready for samples like these."""
        count, x = _piece(samples, work, shape, axes)
        run = engine.prepare_separable(x.shape, x.dtype, taps, geometry, boundary, fill, axes, work)
        return DeviceReady(run, shape, work, result, count)


def _piece(samples: Any, work: np.dtype[Any], shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, Any]:
    """Items that are worked on at a time, 0 for all, and samples of their shape; `shape` is that of the results."""
    if isinstance(samples, np.ndarray):
        count = batches.cut(samples, work, shape, axes)
        if count < samples.shape[0]:
            return count, samples[:count]
    return 0, samples


class Run(Protocol):
    """All of a correlation but its samples."""

    nbytes: int

    def __call__(self, x: Line, out: Line) -> None:
        """Write the correlation of `x` into `out`."""


class DeviceReady:
    """A correlation met before, with all but its samples on the device."""

    always = lasting = True

    def __init__(self, run: Run, shape: tuple[int, ...], work: np.dtype[Any],
                 result: np.dtype[Any], count: int) -> None:
        self._run = run
        self._count = count
        self._shape = shape
        self._work = work
        self._result = result
        self.nbytes = run.nbytes

    def __call__(self, samples: Any, out: Any, workers: int | None) -> Any:
        """Correlate samples of the same shape and dtype; the result is an array of the caller's kind, or `out`."""
        with gpu.located(samples.owner if isinstance(samples, Line) else samples):
            if self._count:
                return self._by_pieces(samples, out)
            if not isinstance(samples, Line):
                samples = gpu.seen(samples, "x") if resident(samples) else gpu.sent(samples)
            target = None
            if resident(out):
                target = gpu.seen(out, "out")
                checks.output(target.stand_in, self._shape, self._result)
            elif out is not None:
                checks.output(out, self._shape, self._result)
            straight = target is not None and self._result == self._work and not gpu.overlap(samples, target)
            values = target if straight and target is not None else gpu.empty(samples, self._shape, self._work)
            self._run(samples, values)
            if target is None and self._result != self._work:
                target = gpu.empty(samples, self._shape, self._result)
            if target is not None and values is not target:
                engine.store(values, target)
                values = target
            if resident(out):
                return out
            if out is None and resident(samples.owner):
                return values.owner
            host = gpu.fetched(values)
            if out is None:
                return host
            out[...] = host
            return out

    def _by_pieces(self, samples: Array, out: Any) -> Any:
        """As a call, for samples of the host: a few items at a time."""
        straight = out is not None and not resident(out) and not np.may_share_memory(out, samples)
        if out is not None:
            checks.output(gpu.seen(out, "out").stand_in if resident(out) else out, self._shape, self._result)
        values = out if straight else np.empty(self._shape, self._result)
        batches.run(self._run, samples, values, self._count, self._work)
        if out is None or straight:
            return values
        if resident(out):
            target = gpu.seen(out, "out")
            target.line.copy_to_device(values.reshape(-1), stream=target.stream)
            if target.stream:  # the values go with this call, and a copy may only have begun
                target.stream.synchronize()
        else:
            out[...] = values
        return out
