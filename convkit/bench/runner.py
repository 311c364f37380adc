"""One cell of the table: the methods of convkit, ``auto`` and the rivals on one case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.cases import Case
from convkit.bench.contest import Timing, contest
from convkit.bench.rivals import RIVALS, threads
from convkit.separable import SeparableWeights

METHODS = ("direct", "separable", "fft")
TIE = 1.05  # a pick within 5 % of the fastest counts as the fastest: two medians closer than that are noise

# Rounding of an FFT convolution: error <= FFT_FACTOR log2(n) eps max|x| sum|w| for n padded samples.
FFT_FACTOR = 6.0


@dataclass
class Cell:
    """What came of one case.

    ``times`` holds the methods, ``auto`` and the rivals; ``skipped`` a reason for each that was not run; ``variants``
    the call by which a rival was fastest; ``pick`` what ``auto`` takes; ``agreement`` the largest difference between
    two results in units of their bound (over 1 is a failure, and nothing is timed), ``error`` that difference
    relative to max|x| sum|w|, ``worst`` the pair; ``rank`` the number of rank-1 terms of the weights.
    """

    case: Case
    pick: str = ""
    reason: str = ""
    agreement: float = math.nan
    error: float = math.nan
    worst: str = ""
    rank: int = 1
    times: dict[str, Timing] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether two results differ by more than rounding explains."""
        return not self.agreement <= 1.0

    @property
    def fastest(self) -> str:
        """The fastest of convkit's own methods, or an empty string."""
        timed = [method for method in METHODS if method in self.times]
        return min(timed, key=lambda method: self.times[method].median, default="")

    @property
    def pick_is_fastest(self) -> bool:
        """Whether the pick of ``auto`` was the fastest method, within 5 %."""
        if self.pick not in self.times or not self.fastest:
            return False
        return self.times[self.pick].median <= TIE * self.times[self.fastest].median

    def rate(self, name: str) -> float:
        """GF/s of ``name``: nominal operations of direct convolution over its time."""
        return self.case.operations / self.times[name].median / 1e9

    def operations(self, method: str) -> float:
        """Operations that a method needs, less than the nominal ones of direct convolution where it is cleverer.

        Of the FFT: those of one transform there, one back (2.5 n log2(n) each) and the product, over the whole array.
        """
        case, parts = self.case, 2 if self.case.dtype.startswith("complex") else 1
        if method == "fft":
            n = float(case.size + case.taps - 1) ** case.dims
            return parts * n * (5 * math.log2(n) + 3) if n > 1 else 3.0
        if method == "separable" and case.dims > 1:
            return 2.0 * parts * self.rank * case.dims * case.taps * math.prod(case.shape)
        return float(parts * case.operations)

    @property
    def traffic(self) -> float:
        """Bytes that any method must at least read and write: the samples once, and the result once."""
        return 2.0 * math.prod(self.case.shape) * np.dtype(self.case.dtype).itemsize

    def fastest_rival(self, names: Iterable[str] = tuple(RIVALS)) -> str:
        """The fastest of the rivals that were timed, or an empty string."""
        timed = [name for name in names if name in self.times]
        return min(timed, key=lambda name: self.times[name].median, default="")


def measure_case(
    case: Case,
    *,
    workers: int | None = None,
    rivals: Sequence[str] = (),
    repeats: int | None = None,
    budget: float = 0.4,
    limit: float = 3.0,
) -> Cell:
    """Verify every method, ``auto`` and the rivals against each other, then time them.

    Parameters
    ----------
    case : Case
        The cell.
    workers : int, optional
        As in ``convkit.convolve``; rivals that know workers get the same number.
    rivals : sequence of str
        Names of ``RIVALS``.
    repeats : int, optional
        Rounds; None takes as many as ``budget`` seconds allow, at least 3 and at most 60.
    budget : float
        Seconds of measuring, over all contenders.
    limit : float
        A method that is expected to take more seconds per call is skipped.

    Returns
    -------
    Cell
        Without times if the results disagree.
    """
    from convkit._core.workers import resolve
    from convkit.convolution import convolve
    from convkit.planning import choose_method
    from convkit.separable import separate

    x, weights = case.samples(), case.weights()
    found = separate(weights)
    plan = choose_method(x, weights, boundary=case.boundary, workers=workers)
    cell = Cell(case, pick=str(plan.method), reason=str(plan.reason), rank=found.rank)

    def caller(method: str) -> Callable[[], NDArray[Any]]:
        def call() -> NDArray[Any]:
            result: NDArray[Any] = convolve(
                x, weights, boundary=case.boundary, method=method, workers=workers
            )
            return result

        return call

    calls: dict[str, Callable[[], NDArray[Any]]] = {}
    growth: dict[str, float] = {}
    for method in METHODS:
        skip = why_not(case, method, found, float(plan.seconds.get(method, 0.0)), limit)
        if skip:
            cell.skipped[method] = skip
        else:
            calls[method] = caller(method)
            growth[method] = rounding(case, method, found)
    calls["auto"] = caller("auto")
    growth["auto"] = growth.get(cell.pick, rounding(case, cell.pick, found))
    count = resolve(workers)
    task = case.task(x, weights)
    growth.update(dict.fromkeys(rivals, max(rounding(case, method, found) for method in METHODS)))
    with threads(count, rivals):
        entries = {rival: RIVALS[rival](task, count) for rival in rivals}
        eps = float(np.finfo(case.dtype).eps)
        outcome = contest(calls, entries, growth, task.scale, eps, repeats=repeats, budget=budget)
    cell.agreement, cell.error, cell.worst = outcome.agreement, outcome.error, outcome.worst
    cell.times, cell.variants = outcome.times, outcome.variants
    cell.skipped.update(dict.fromkeys(outcome.unable, "-"))
    return cell


def why_not(case: Case, method: str, found: SeparableWeights, seconds: float, limit: float) -> str:
    """A few words on why a method makes no sense for a case, or an empty string."""
    if method == "separable" and case.dims == 1:
        return "= direct"
    if method == "separable" and found.rank > 1 and found.rank * case.dims * case.taps >= case.taps**case.dims:
        return f"rank {found.rank}"
    return f"> {limit:.3g} s" if seconds > limit else ""


def rounding(case: Case, method: str, found: SeparableWeights) -> float:
    """Bound on the error of a method, in units of eps max|x| sum|w| (worst case, whatever the order of the sums)."""
    if method == "fft":
        return FFT_FACTOR * case.dims * math.log2(2 * (case.size + case.taps)) + 1.0
    if method == "separable" and case.dims > 1:
        # sum|w - terms| <= sqrt(taps) |w - terms|, and |w| <= sum|w|.
        truncation = math.sqrt(float(case.taps**case.dims)) * found.error / float(np.finfo(case.dtype).eps)
        return case.dims * case.taps * found.term_norm_ratio + truncation + 1.0
    return float(case.taps**case.dims) + 1.0
