"""Samples on a CUDA device, or to be sent there: checked, computed, and handed back as the caller's kind of array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from convkit import planning
from convkit._core import checks, gpu
from convkit._core.device import resident
from convkit._core.geometry import Geometry, layout
from convkit._core.gpu import Line, Strided
from convkit._core.typing import Array
from convkit.convolution.problem import Problem, finish
from convkit.convolution.validity import kept, normalized, validity
from convkit.engines.cuda import batches, spectral, strides
from convkit.engines.cuda import direct as engine
from convkit.engines.cuda import validity as left_out
from convkit.engines.cuda.strides import Run


class Valid(NamedTuple):
    """Samples of a device that are valid: by a mask there, if any, and but for NaN, if it `omits` them."""

    mask: Line | None
    omits: bool


class Device:
    """See `Place`."""

    def samples(self, x: Any) -> Any:
        """Samples where they lie: those of the host are sent when they are worked on."""
        if not resident(x):
            gpu.require()
            array = checks.numbers(x, "x")
            return array.astype(array.dtype.newbyteorder("="), copy=False)
        return _checked(x, "x")

    def weights(self, value: Any, name: str) -> Array:
        """Weights in the memory of the host, fetched if need be."""
        if not resident(value):
            return checks.numbers(value, name)
        with _located(value):
            return gpu.fetched(_checked(value, name))

    def validity(self, x: Any, samples: Any, mask: Any, nan_policy: str, sums: Any, result: Any, name: str) -> Any:
        """Where samples are valid: an array of the host for such samples, else what `kept` makes use of.

        ``nan_policy="raise"`` waits for the device.
        """
        there = strides.seen(mask, "mask") if resident(mask) else None
        if isinstance(samples, np.ndarray):
            return validity(x, samples, mask if there is None else gpu.fetched(there), nan_policy, sums, result, name)
        given = checks.valid_samples(None, mask if there is None else there.stand_in, samples.shape)
        # A single sample for the other checks.
        one = np.zeros((1,) * samples.ndim, samples.dtype)
        inexact = one.dtype.kind in "fc"
        with _located(samples):
            if there is not None:
                there = gpu.moved(there, samples.stream)
            elif given is not None:
                there = gpu.lent(given, samples.stream)
            if nan_policy == "raise" and inexact and left_out.holds_nan(samples, there):
                one[...] = np.nan
        found = validity(None, one, None if mask is None else np.ones(one.shape, np.bool_), nan_policy, sums, result, name)
        return None if found is None else Valid(there, nan_policy == "omit" and inexact)

    def kept(self, samples: Any, valid: Any) -> tuple[Any, Any]:
        """Samples with 0 where they are not valid, and which are, as samples too."""
        if isinstance(samples, np.ndarray):
            return kept(samples, valid)
        with _located(samples):
            return left_out.kept(samples, valid.mask, valid.omits)

    def normalized(self, numerator: Any, denominator: Any, absolute: float, least: float) -> Any:
        """As `validity.normalized`."""
        if isinstance(numerator, np.ndarray):
            return normalized(numerator, denominator, absolute, least)
        with _located(numerator):
            left_out.divide(gpu.seen(numerator, "x"), gpu.seen(denominator, "x"), absolute, least)
        return numerator

    def finish(self, values: Any, result: np.dtype[Any], out: Any) -> Any:
        """Values as an array of the dtype of the result, or in `out`."""
        here = not isinstance(values, np.ndarray)
        if not here and not resident(out):
            return finish(values, result, out)
        with _located(values if here else out):
            target = strides.target(out, "out") if resident(out) else None
            line = gpu.lent(values, target.stream) if target is not None and not here else gpu.seen(values, "x")
            return handed(line, result, out, target, here)

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
        with _located(samples):
            return checks.exact_bound(engine.extremes(samples), total, fill_value)[0], False

    def output(self, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """The caller's array for the result, checked."""
        checks.output(strides.target(out, "out").stand_in if resident(out) else out, shape, dtype)
        return out

    def solve(self, problem: Problem, method: str, workers: int | None, out: Any,
              result: np.dtype[Any]) -> tuple[Any, DeviceReady]:
        """The result, and what is ready for the next call. Integers that have to be exact are always summed directly."""
        p = problem
        count, x = _piece(p.samples, p.work, p.shape, p.axes)
        with _located(x):
            ready = DeviceReady(prepared(p, x.shape, x.dtype, method), p.shape, p.work, result, count)
        ready.always = strides.plain(ready.run) is engine.Prepared
        return ready(p.samples, out, workers), ready

    def passes(self, samples: Any, taps: list[Array | None], geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
               axes: Sequence[int], shape: tuple[int, ...], work: np.dtype[Any], result: np.dtype[Any]) -> DeviceReady:
        """One pass per axis that has taps, in arithmetic of `work`, ready for samples like these."""
        count, x = _piece(samples, work, shape, axes)
        with _located(x):
            run = engine.prepare_separable(x.shape, x.dtype, taps, geometry, boundary, fill, axes, work)
            return DeviceReady(run, shape, work, result, count)


def handed(values: Line, result: np.dtype[Any], out: Any, target: Line | Strided | None, here: bool) -> Any:
    """Values in the dtype of the result: in `out`, of which `target` is the memory, else fetched unless they belong `here`."""
    with gpu.ordered(values, target):
        if values.dtype != result:
            stored = target if isinstance(target, Line) else gpu.empty(values, values.shape, result)
            engine.store(values, stored)
            values = stored
        if target is not None:
            if values is not target:
                strides.copy(values, target)
            return out
    if out is None and here:
        return values.owner
    host = gpu.fetched(values)
    if out is None:
        return host
    out[...] = host
    return out


def _checked(x: Any, name: str) -> Line:
    """Numbers on the device, in C order there."""
    found = gpu.found(x, name)
    checks.numbers(found.stand_in, name)
    with _located(x):
        return strides.in_order(found)


def _located(x: Any) -> Any:
    """The device that samples lie on, to be entered."""
    return gpu.located(x.owner if isinstance(x, Line) else x)


def prepared(p: Problem, shape: tuple[int, ...], dtype: np.dtype[Any], method: str) -> Run:
    """All of a correlation but its samples, of `shape` and `dtype`.

    ``auto`` is what takes fewest multiply-adds, as counted, and numbers moved for what they are worth in those.
    """
    arguments = (p.geometry, p.boundary, p.fill, p.axes)
    weights = np.ascontiguousarray(p.weights, p.work)
    if p.exact:
        method = "direct"
    terms = None
    if method in ("auto", "separable"):
        size = planning.measure(shape, p.weights.shape, p.axes, p.geometry, p.work)
        terms = planning.decide(p.weights, size, p.work, method, False).terms
    if terms is not None and (method == "separable" or _passes_pay(p, shape, weights, terms.rank)):
        passes = [engine.prepare_separable(shape, dtype, [t.astype(p.work) for t in term], *arguments, p.work)
                  for term in terms.terms]
        return passes[0] if len(passes) == 1 else engine.PreparedSum(passes)
    if layout(shape, p.axes) is None:
        order = (*(a for a in range(len(shape)) if a not in p.axes), *p.axes)
        moved, first = tuple(shape[a] for a in order), len(shape) - len(p.axes)
        last = tuple(range(first, len(shape)))
        if layout(moved, last) is None:  # a batch of volumes
            last, moved, items = tuple(range(len(last))), moved[first:], math.prod(moved[:first])
            return strides.Moved(strides.Items(prepared(replace(p, axes=last), moved, dtype, method), items), order)
        return strides.Moved(prepared(replace(p, axes=last), moved, dtype, method), order)
    if method == "fft" or (method == "auto" and spectral.pays(shape, weights, p.geometry, p.axes)):
        return spectral.prepare(shape, weights, *arguments)
    return engine.prepare(shape, dtype, weights, *arguments)


def _passes_pay(p: Problem, shape: tuple[int, ...], weights: Array, rank: int) -> bool:
    """Whether passes of so many terms cost less than the dense weights, summed directly or by transforms."""
    passes = engine.passes_cost(shape, weights.shape, p.geometry, p.axes, p.work, rank)
    if passes >= engine.direct_cost(shape, weights.shape, p.geometry, p.axes, p.work):
        return False
    return passes < spectral.cost(shape, weights, p.geometry, p.axes)


def _piece(samples: Any, work: np.dtype[Any], shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, Any]:
    """Items that are worked on at a time, 0 for all, and samples of their shape; `shape` is that of the results."""
    if isinstance(samples, np.ndarray):
        count = batches.cut(samples, work, shape, axes)
        if count < samples.shape[0]:
            return count, samples[:count]
    return 0, samples


class DeviceReady:
    """A correlation met before, with all but its samples on the device."""

    # Whether it is exact for integers of whatever size, as the direct sum is.
    always = False
    lasting = True

    def __init__(self, run: Run, shape: tuple[int, ...], work: np.dtype[Any],
                 result: np.dtype[Any], count: int) -> None:
        self.run = run
        self._count = count
        self._shape = shape
        self._work = work
        self._result = result
        self._device = gpu.current()
        self.nbytes = run.nbytes

    def __call__(self, samples: Any, out: Any, workers: int | None) -> Any:
        """Correlate samples of the same shape and dtype; the result is an array of the caller's kind, or `out`."""
        with gpu.located(self._device) if isinstance(samples, np.ndarray) else _located(samples):
            if self._count:
                return self._by_pieces(samples, out)
            target = None
            if out is not None:
                target = strides.target(out, "out") if resident(out) else None
                checks.output(out if target is None else target.stand_in, self._shape, self._result)
            here = not isinstance(samples, np.ndarray)
            if not here:
                samples = gpu.lent(samples, 0 if target is None else target.stream)
            elif not isinstance(samples, Line):
                samples = strides.seen(samples, "x")
            straight = isinstance(target, Line) and self._result == self._work and not gpu.overlap(samples, target)
            with gpu.ordered(samples, target):
                values = target if straight and isinstance(target, Line) else gpu.empty(samples, self._shape, self._work)
                self.run(samples, values)
                return handed(values, self._result, out, target, here)

    def _by_pieces(self, samples: Array, out: Any) -> Any:
        """As a call, for samples of the host: a few items at a time."""
        straight = out is not None and not resident(out) and not np.may_share_memory(out, samples)
        if out is not None:
            checks.output(strides.target(out, "out").stand_in if resident(out) else out, self._shape, self._result)
        values = out if straight else np.empty(self._shape, self._result)
        batches.run(self.run, samples, values, self._count, self._work)
        if out is None or straight:
            return values
        if resident(out):
            target = strides.target(out, "out")
            if isinstance(target, Line):
                gpu.put(values, target)
            else:
                strides.copy(gpu.lent(values, target.stream), target)
        else:
            out[...] = values
        return out
