"""A correlation ready for an engine, and what is done around the engine: order of memory, dtypes, out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from convkit import planning
from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.boundary import CONSTANT
from convkit._core.geometry import Geometry, exchange
from convkit._core.typing import Array

# What an engine has prepared: called with samples, the place for the result, and the number of workers.
Engine: TypeAlias = Callable[[Array, Array, int], None]


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

    def arranged(self, commute: bool) -> tuple[Problem, bool, bool]:
        """The same problem in the order in which memory is read; whether the result is to be transposed, and the operands
        have changed places, which `commute` allows.
        """
        p = self
        # What lies beyond counts only where something is read there.
        zeros = all((g.before <= 0 and g.after <= 0) or (b in CONSTANT and p.fill == 0)
                    for g, b in zip(p.geometry, p.boundary, strict=True))
        exchanged = commute and zeros and p.samples.ndim == len(p.axes) and p.weights.size > p.samples.size
        if exchanged:
            # With zeros beyond both, convolution commutes: walk the larger operand. A flip undoes the flip.
            p = replace(p, samples=flip(p.weights), weights=flip(p.samples), boundary=("zero",) * len(p.axes),
                        geometry=exchange(p.samples.shape, p.weights.shape, p.geometry))
        x = p.samples
        if x.ndim < 2 or x.flags.c_contiguous or not x.flags.f_contiguous:
            return p, False, exchanged
        return replace(p, samples=x.T, weights=p.weights.T, geometry=p.geometry[::-1], boundary=p.boundary[::-1],
                       axes=tuple(x.ndim - 1 - a for a in p.axes[::-1])), True, exchanged


def readable(samples: Array, work: np.dtype[Any], fill: Any = 0) -> Array:
    """Samples in a dtype that the kernels are compiled for: that of the arithmetic, or small integers for float32.

    Real ones stay real in complex arithmetic, unless they are surrounded by a complex `fill`.
    """
    if work.kind == "c" and samples.dtype.kind != "c" and fill.imag == 0:
        work = work.type(0).real.dtype
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


def solve(problem: Problem, method: str, workers: int | None, out: Array | None = None,
          result: np.dtype[Any] | None = None) -> tuple[Array, Ready]:
    """Compute a correlation, into `out` if given, and return it with what is ready for the next one.

    Without `result` the dtype is the arithmetic's.
    """
    p, transposed, exchanged = problem.arranged(commute=method != "separable")
    size = planning.measure(p.samples.shape, p.weights.shape, p.axes, p.geometry, p.work)
    plan = planning.decide(p.weights, size, p.work, method, p.exact)
    ready = _ready(p, plan, size, transposed, exchanged, result or p.work)
    # Whether integers are exact may depend on their values: then only the direct method, if taken anyway, does for others.
    usual = plan if not p.exact else planning.decide(p.weights, size, p.work, method, False)
    ready.always = plan.method == usual.method == "direct"
    return ready(problem.samples, out, workers), ready


def _ready(p: Problem, plan: planning.Plan, size: Any, transposed: bool, exchanged: bool,
           result: np.dtype[Any]) -> Ready:
    """What `plan` makes of a problem that is arranged."""
    from convkit.engines import cpu, spectral

    work = p.work
    rounded = p.exact and plan.method != "direct"
    if rounded:
        # Terms and transforms of integers are not exact; rounding their float64 sums makes them so.
        work = np.dtype(np.float64)
        plan = planning.decide(p.weights, size._replace(char="d"), work, plan.method, False)
    reads = readable(np.empty(0, p.samples.dtype), work, p.fill).dtype
    arguments = (p.geometry, p.boundary, p.fill, p.axes)
    stored = work
    if plan.method == "separable":
        assert plan.terms is not None
        terms: list[Any] = [cpu.prepare_separable(p.samples.shape, reads, [t.astype(work) for t in term], *arguments, work)
                 for term in plan.terms.terms]
        run: Engine = terms[0] if len(terms) == 1 else _Sum(terms)
        nbytes = sum(term.nbytes for term in terms)
    elif plan.method == "fft":
        transform = spectral.prepare(p.samples.shape, reads, p.weights.astype(work), *arguments, plan.tile)
        run, nbytes = transform, transform.nbytes
        stored = result if transform.rounds and cpu.stores(reads, work, result) else work
    else:
        direct = cpu.prepare(p.samples.shape, reads, p.weights.astype(work), *arguments)
        run, nbytes = direct, direct.nbytes
        stored = result if cpu.stores(reads, work, result) else work
    return Ready(run, p.shape, stored, result, (p.samples.dtype, work, p.fill), nbytes, transposed,
                 rounded, p.samples if exchanged else None)


class _Sum:
    """The sum of prepared passes, one for each rank-1 term."""

    def __init__(self, terms: Sequence[Engine]) -> None:
        self._terms = terms

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the sum into `out`."""
        self._terms[0](x, out, workers)
        part = np.empty_like(out)
        for term in self._terms[1:]:
            term(x, part, workers)
            out += part


class Ready:
    """A correlation met before: what depends on neither the values of the samples nor on where they lie."""

    def __init__(self, run: Engine, shape: tuple[int, ...], stored: np.dtype[Any], result: np.dtype[Any],
                 reads: tuple[np.dtype[Any], np.dtype[Any], Any], nbytes: int,
                 transposed: bool = False, rounded: bool = False, samples: Array | None = None) -> None:
        self._run = run
        self._shape = shape
        self._stored = stored
        self._result = result
        self._reads = None if readable(np.empty(0, reads[0]), *reads[1:]).dtype == reads[0] else reads[1:]
        self._transposed = transposed
        self._rounded = rounded
        self._samples = samples
        self.nbytes = nbytes
        # Whether other samples may be of other arithmetic; whether they may be others at all.
        self.always = False
        self.lasting = samples is None

    def compute(self, x: Array, target: Array, workers: int) -> None:
        """Let the engine work."""
        self._run(x, target, workers)

    def __call__(self, samples: Array, out: Array | None, workers: int | None) -> Array:
        """Correlate samples of the same shape, strides and dtype."""
        count = pool.resolve(workers)
        if out is not None:
            shape = self._shape[::-1] if self._transposed else self._shape
            out = checks.output(out, shape, self._result)
        x = samples.T if self._transposed else samples
        if self._samples is not None:
            x = self._samples
        target = target_for(None if self._transposed else out, self._shape, self._stored, x)
        self.compute(x if self._reads is None else readable(x, *self._reads), target, count)
        if self._rounded:
            np.rint(target, out=target)
        return finish(target.T if self._transposed else target, self._result, out)


def finish(values: Array, result: np.dtype[Any], out: Array | None) -> Array:
    """Hand `values` back as `result`, in `out` if given."""
    if values is out or (out is None and values.dtype == result):
        return values
    target = np.empty(values.shape, result) if out is None else out
    checks.store(values, target)
    return target
