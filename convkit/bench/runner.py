"""Verify, then measure: every contender of a case, one after the other, round by round."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.cases import Case
from convkit.bench.rivals import RIVALS, Contender
from convkit.separable import SeparableWeights

METHODS = ("direct", "separable", "fft")
TIE = 1.05  # a pick within 5 % of the fastest counts as the fastest: two medians closer than that are noise

FAR_BEHIND = 4.0  # times slower than another rival

# A call shorter than this (seconds) is made once untimed at the start of its turn: measured, the same call took two to
# three times longer right after one that had walked through many megabytes.
WARM = 0.02

# Rounding of an FFT convolution: error <= FFT_FACTOR log2(n) eps max|x| sum|w| for n padded samples.
FFT_FACTOR = 6.0


@dataclass(frozen=True)
class Timing:
    """Seconds per call over several rounds: median, quartiles, least, and the number of rounds."""

    median: float
    lower: float
    upper: float
    least: float
    rounds: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """Summarise one or more measured times."""
        lower, median, upper = (float(q) for q in np.quantile(seconds, [0.25, 0.5, 0.75]))
        return cls(median, lower, upper, float(min(seconds)), len(seconds))


@dataclass
class Cell:
    """What came of one case.

    ``times`` holds the methods, ``auto`` and the rivals; ``skipped`` a reason for each that was not run; ``variants``
    the call by which a rival was fastest; ``pick`` what ``auto`` takes; ``agreement`` the largest difference between
    two results in units of their bound (over 1 is a failure, and nothing is timed), ``error`` that difference
    relative to max|x| sum|w|, ``worst`` the pair.
    """

    case: Case
    pick: str = ""
    reason: str = ""
    agreement: float = math.nan
    error: float = math.nan
    worst: str = ""
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
    cell = Cell(case, pick=str(plan.method), reason=str(plan.reason))

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
    results = {name: call() for name, call in calls.items()}
    tried: dict[str, list[float]] = {}
    for rival in rivals:
        chosen, results[rival], tried[rival] = fastest_contender(RIVALS[rival](case, x, weights, resolve(workers)))
        cell.variants[rival], calls[rival] = chosen.name, chosen.call
        growth[rival] = max(rounding(case, method, found) for method in METHODS)
    scale = float(np.abs(x).max()) * float(np.abs(weights).sum())
    cell.agreement, cell.error, cell.worst = compare(results, growth, scale, float(np.finfo(case.dtype).eps))
    results.clear()
    if not cell.failed:
        # Rounds are for what may come first: a rival far behind another keeps the time of its trial.
        for rival, seconds in tried.items():
            if min(seconds) > FAR_BEHIND * min(map(min, tried.values())):
                calls.pop(rival)
                cell.times[rival] = Timing.of(seconds)
        cell.times.update(interleave(calls, repeats=repeats, budget=budget))
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


def compare(
    results: Mapping[str, NDArray[Any]], growth: Mapping[str, float], scale: float, eps: float
) -> tuple[float, float, str]:
    """Largest difference between two results, in units of the sum of their bounds and relative to ``scale``.

    Returns
    -------
    tuple of float, float, str
        The worst ratio (inf where a shape or dtype differs, or a value is not finite), that difference relative to
        ``scale``, and the pair in words.
    """
    worst = (0.0, 0.0, "")
    names = list(results)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            a, b, pair = results[first], results[second], f"{first} and {second}"
            if a.shape != b.shape or a.dtype != b.dtype:
                return math.inf, math.inf, f"{pair}: {a.shape} {a.dtype} against {b.shape} {b.dtype}"
            with np.errstate(invalid="ignore"):
                difference = float(np.abs(a - b).max())
            if not math.isfinite(difference):
                return math.inf, math.inf, f"{pair}: not finite"
            ratio = difference / (eps * (growth[first] + growth[second]) * scale)
            worst = max(worst, (ratio, difference / scale, pair))
    return worst


def fastest_contender(contenders: Sequence[Contender]) -> tuple[Contender, NDArray[Any], list[float]]:
    """Try each contender (not those that cannot win); return the fastest, its result, and the seconds of its tries."""
    best: tuple[Contender, NDArray[Any], list[float]] | None = None
    for contender in sorted(contenders, key=lambda candidate: candidate.least):
        if best is not None and contender.least > min(best[2]):
            continue
        seconds: list[float] = []
        while not seconds or (len(seconds) < 3 and sum(seconds) < 0.5):
            begin = time.perf_counter()
            result = contender.call()
            seconds.append(time.perf_counter() - begin)
            if best is not None and min(seconds) > 2 * min(best[2]):
                break
        if best is None or min(seconds) < min(best[2]):
            best = (contender, result, seconds)
    if best is None:
        raise ValueError("contenders is empty; a rival lists at least one call")
    return best


def interleave(
    calls: Mapping[str, Callable[[], object]], *, repeats: int | None = None, budget: float = 0.4
) -> dict[str, Timing]:
    """Time every call once per round, so that a slow spell of the machine meets all of them.

    The order is drawn anew for each round (always the same draws). A call shorter than half a millisecond is repeated
    within its turn, and the turn divided by the repetitions.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time; each has been called before (compiled, in the caches).
    repeats : int, optional
        Rounds; None takes as many as fit into ``budget``, at least 3 and at most 60.
    budget : float
        Seconds.

    Returns
    -------
    dict of str to Timing
    """
    inner, warm = {}, {}
    for name, call in calls.items():
        begin = time.perf_counter()
        call()
        once = max(time.perf_counter() - begin, 1e-7)
        inner[name], warm[name] = max(1, math.ceil(5e-4 / once)), once < WARM
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    order, draw = list(calls), random.Random(0)
    started = time.perf_counter()
    rounds = 0
    while rounds < (repeats or 3) or (
        repeats is None and rounds < 60 and time.perf_counter() - started < budget * (rounds / (rounds + 1))
    ):
        draw.shuffle(order)
        for name in order:
            call, count = calls[name], inner[name]
            if warm[name]:
                call()
            begin = time.perf_counter()
            for _ in range(count):
                call()
            seconds[name].append((time.perf_counter() - begin) / count)
        rounds += 1
    return {name: Timing.of(values) for name, values in seconds.items()}
