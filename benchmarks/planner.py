"""``auto`` against convkit's own best method, over shapes drawn at random: what choosing wrongly, and choosing at all, costs.

Run as ``python -m benchmarks.planner``. Shapes, taps, kinds of weights, boundaries and dtypes are drawn with a fixed seed,
none of them taken from the points that the cost model was fitted to. Regret is the time of ``auto`` over the least time of
direct, separable and FFT.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks._suite import Job, Options, Row, run, samples, versus
from convkit import choose_method, convolve
from convkit.bench.cases import BOUNDARIES
from convkit.bench.rivals import Task

ROWS = (Row("regret", "`auto` over 200 drawn shapes", "its own best method", "regret", mean=1.08, each=1.5),)
METHODS = ("direct", "separable", "fft")
DRAWN = 200
# A method that is expected to take so many times as long as the best one cannot win, and is not run.
HOPELESS = 12.0


@dataclass(frozen=True)
class Draw:
    """One drawn problem."""

    shape: tuple[int, ...]
    taps: tuple[int, ...]
    kind: str
    boundary: str
    dtype: str

    def weights(self) -> np.ndarray:
        """Weights of the drawn rank: a sum of outer products, or all drawn."""
        draw = np.random.default_rng(math.prod(self.taps))
        if self.kind == "drawn":
            dense = draw.random(self.taps) + 0.1
        else:
            terms = [[draw.random(k) + 0.1 for k in self.taps] for _ in range(int(self.kind.partition(" ")[2]))]
            dense = sum(functools.reduce(np.multiply.outer, term) for term in terms)
        return (dense / dense.sum()).astype(self.dtype)


def drawn(count: int, seed: int = 20_250_711) -> list[Draw]:
    """Problems of 2^9 to 2^22 samples and up to 2^13 taps, sizes drawn on logarithmic scales, no two axes alike."""
    draw = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        dims = int(draw.choice([1, 2, 3], p=[0.3, 0.45, 0.25]))
        total, most = 2 ** draw.uniform(9, 22), 2 ** draw.uniform(2, 13)
        shape = tuple(int(total ** (1 / dims) * 2 ** draw.uniform(-0.5, 0.5)) for _ in range(dims))
        taps = tuple(max(2, int(most ** (1 / dims) * 2 ** draw.uniform(-0.5, 0.5))) for _ in range(dims))
        if any(k > n for k, n in zip(taps, shape, strict=True)):
            continue
        kinds = ["drawn"] if dims == 1 else ["drawn", "rank 1", "rank 2"]
        found.append(Draw(shape, taps, str(draw.choice(kinds)), str(draw.choice(BOUNDARIES)),
                          str(draw.choice(["float32", "float64"], p=[0.75, 0.25]))))
    return found


def jobs(options: Options) -> Iterable[Job]:
    for problem in drawn(6 if options.quick else DRAWN):
        for workers in options.workers:
            yield job(problem, workers)


def job(problem: Draw, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x, w = samples(problem.shape, problem.dtype), problem.weights()
        plan = choose_method(x, w, boundary=problem.boundary)
        best = min(plan.seconds.values())
        calls = {"auto": caller(x, w, problem.boundary, "auto", workers)}
        for method in METHODS:
            if method == "separable" and (w.ndim == 1 or problem.kind == "drawn"):
                continue
            if method == plan.method or plan.seconds.get(method, 0.0) <= HOPELESS * best:
                call = caller(x, w, problem.boundary, method, workers)
                try:
                    call()
                except ValueError:  # separable, of a rank that does not pay
                    continue
                calls[method] = call
        # Separable passes may leave out 1e-6 of the norm of the weights, 1e-13 in double precision.
        left_out = 1e-6 if problem.dtype == "float32" else 1e-13
        growth = Task(x, w).growth + left_out * math.sqrt(w.size) / float(np.finfo(problem.dtype).eps)
        found = versus(Task(x, w), calls, {}, {}, workers, budget, growth=growth)
        times = found["times"]
        if times:
            fastest = min((name for name in times if name != "auto"), key=lambda name: times[name]["median"])
            found["values"]["regret"] = times["auto"]["median"] / times[fastest]["median"]
            found["fastest"] = fastest
        return {**found, "pick": plan.method, "expected": plan.seconds}

    label = {"shape": problem.shape, "taps": problem.taps, "kind": problem.kind, "boundary": problem.boundary,
             "dtype": problem.dtype}
    return Job(label, measure, workers)


def caller(x, w, boundary: str, method: str, workers: int):
    return lambda: convolve(x, w, boundary=boundary, method=method, workers=workers)


def main(arguments: list[str] | None = None) -> int:
    return run("planner", __doc__, ROWS, jobs, arguments, budget=0.6)


if __name__ == "__main__":
    sys.exit(main())
