"""Verify, then measure: contenders try the same task, are compared, and then take turns, round by round."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.task import Contender

FAR_BEHIND = 4.0  # times slower than another rival

# A call shorter than this (seconds) is made once untimed at the start of its turn: measured, the same call took two to
# three times longer right after one that had walked through many megabytes.
WARM = 0.02


class Clock:
    """Wall time of calls whose results are arrays of the host."""

    def timed(self, call: Callable[[], Any], count: int = 1) -> tuple[float, Any]:
        """Seconds of one of `count` calls, and the result of the last."""
        begin = time.perf_counter()
        for _ in range(count - 1):
            call()
        result = call()
        return (time.perf_counter() - begin) / count, result

    def fetched(self, result: Any) -> NDArray[Any]:
        """A result as an array of the host."""
        values: NDArray[Any] = result
        return values


WALL = Clock()


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
class Outcome:
    """What came of one contest.

    ``times`` holds every call that was timed (none where two results disagree), ``variants`` the call by which a rival
    was fastest, ``unable`` the rivals that know no call for the task; ``agreement`` is the largest difference between two
    results in units of their bound (over 1 is a failure), ``error`` that difference relative to the scale, ``worst``
    the pair.
    """

    agreement: float = math.nan
    error: float = math.nan
    worst: str = ""
    times: dict[str, Timing] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)
    unable: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether two results differ by more than rounding explains."""
        return not self.agreement <= 1.0


def contest(
    calls: Mapping[str, Callable[[], NDArray[Any]]],
    rivals: Mapping[str, Sequence[Contender]],
    growth: Mapping[str, float] | float,
    scale: float,
    eps: float,
    *,
    beside: Mapping[str, Callable[[], object]] | None = None,
    repeats: int | None = None,
    budget: float = 0.4,
    turn: float = 5e-4,
    clock: Clock = WALL,
) -> Outcome:
    """Verify that all calls and the fastest call of every rival agree, then time them in turns.

    Parameters
    ----------
    calls : mapping of str to callable
        Our own calls.
    rivals : mapping of str to sequence of Contender
        The calls that each rival knows.
    growth : mapping of str to float, or float
        Bound on the error of each result (of all), in units of ``eps * scale``.
    scale, eps : float
        Size of the largest result, and the rounding unit.
    beside : mapping of str to callable, optional
        Calls that are timed in the same rounds and compared with nothing.
    repeats, budget, turn, clock
        As in `interleave`.

    Returns
    -------
    Outcome
        Without times if the results disagree.
    """
    outcome = Outcome()
    results = {name: clock.fetched(call()) for name, call in calls.items()}
    turns: dict[str, Callable[[], object]] = {**calls, **(beside or {})}
    tried: dict[str, list[float]] = {}
    for rival, contenders in rivals.items():
        if not contenders:
            outcome.unable.append(rival)
            continue
        chosen, result, tried[rival] = fastest_contender(contenders, clock)
        results[rival] = clock.fetched(result)
        outcome.variants[rival], turns[rival] = chosen.name, chosen.call
    bounds = {name: growth if isinstance(growth, int | float) else growth[name] for name in results}
    outcome.agreement, outcome.error, outcome.worst = compare(results, bounds, scale, eps)
    results.clear()
    if outcome.failed:
        return outcome
    # Rounds are for what may come first: a rival far behind another keeps the time of its trial.
    for rival, seconds in tried.items():
        if min(seconds) > FAR_BEHIND * min(map(min, tried.values())):
            turns.pop(rival)
            outcome.times[rival] = Timing.of(seconds)
    outcome.times.update(interleave(turns, repeats=repeats, budget=budget, turn=turn, clock=clock))
    return outcome


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
            if a.dtype.kind == "u":
                a = a.astype(np.int64)
            with np.errstate(invalid="ignore"):
                difference = float(np.abs(a - b).max())
            if not math.isfinite(difference):
                return math.inf, math.inf, f"{pair}: not finite"
            ratio = difference / (eps * (growth[first] + growth[second]) * scale)
            worst = max(worst, (ratio, difference / scale, pair))
    return worst


def fastest_contender(contenders: Sequence[Contender], clock: Clock = WALL) -> tuple[Contender, Any, list[float]]:
    """Try each contender (not those that cannot win); return the fastest, its result, and the seconds of its tries."""
    best: tuple[Contender, Any, list[float]] | None = None
    for contender in sorted(contenders, key=lambda candidate: candidate.least):
        if best is not None and contender.least > min(best[2]):
            continue
        seconds: list[float] = []
        while not seconds or (len(seconds) < 3 and sum(seconds) < 0.5):
            once, result = clock.timed(contender.call)
            seconds.append(once)
            if best is not None and min(seconds) > 2 * min(best[2]):
                break
        if best is None or min(seconds) < min(best[2]):
            best = (contender, result, seconds)
    if best is None:
        raise ValueError("contenders is empty; a rival lists at least one call")
    return best


def interleave(
    calls: Mapping[str, Callable[[], object]],
    *,
    repeats: int | None = None,
    budget: float = 0.4,
    turn: float = 5e-4,
    clock: Clock = WALL,
) -> dict[str, Timing]:
    """Time every call once per round, so that a slow spell of the machine meets all of them.

    The order is drawn anew for each round (always the same draws). A call shorter than a turn is repeated within it, and the
    turn divided by the repetitions.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time; each has been called before (compiled, in the caches).
    repeats : int, optional
        Rounds; None takes as many as fit into ``budget``, at least 3 and at most 60.
    budget : float
        Seconds.
    turn : float
        Seconds. Threads of a rival that spin for a while after its call take a processor from what is timed next: turns much
        longer than that time both as they run in a loop of their own.
    clock : Clock
        What tells the seconds of a call.

    Returns
    -------
    dict of str to Timing
    """
    inner, warm = {}, {}
    for name, call in calls.items():
        once = max(clock.timed(call)[0], 1e-7)
        inner[name], warm[name] = max(1, math.ceil(turn / once)), once < WARM
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
            seconds[name].append(clock.timed(call, count)[0])
        rounds += 1
    return {name: Timing.of(values) for name, values in seconds.items()}
