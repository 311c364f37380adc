"""Measuring the constants of the cost model on this machine, and how well the model then predicts.

The model's own formulas are fitted, not a copy of them: the logarithm of predicted over measured time is made
small, with a loss that forgives outliers and a weak pull towards the shipped constants, which decides where the
measurements do not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks
from convkit._core.typing import Array
from convkit.planning.cost import Work, direct_seconds, fft_seconds, measure, separable_seconds, tiling
from convkit.planning.profile import SHIPPED, Profile, active

# Seconds that one reading of a short call is repeated for, rounds at least and at most, and seconds of all rounds.
READING = 2e-3
ROUNDS = (3, 9)
BUDGET = 20.0
# Weight of the shipped constants against one measurement, both in logarithms.
PULL = 0.05


class Point(NamedTuple):
    """One call to measure: a method, samples, taps, a dtype; a tile length per axis where that is fixed."""

    method: str
    shape: tuple[int, ...]
    taps: tuple[int, ...]
    char: str = "f"
    tile: tuple[int, ...] = ()
    rank: int = 1


def _cubes(method: str, rows: Sequence[tuple[int, int, int]], **more: Any) -> list[Point]:
    return [Point(method, (n,) * dims, (k,) * dims, **more) for dims, n, k in rows]


def _tiles(rows: Sequence[tuple[int, int, int, int]], char: str = "f") -> list[Point]:
    return [Point("fft", (n,) * dims, (k,) * dims, char, (tile,) * dims) for dims, n, k, tile in rows]


# Fitted one group after the other; each group settles the constants that it names.
GROUPS: tuple[tuple[tuple[str, ...], list[Point]], ...] = (
    (("call", "operation", "edge", "ragged", "line", "output"),
     _cubes("direct", [(1, 1000, 3), (1, 10_000, 9), (1, 10_000, 101), (1, 100_000, 31), (1, 1_000_000, 5), (1, 100_000, 255),
                       (2, 32, 3), (2, 128, 5), (2, 512, 3), (2, 512, 7), (2, 512, 15), (2, 256, 31), (2, 2048, 3),
                       (2, 1500, 9), (3, 32, 3), (3, 64, 3), (3, 64, 5), (3, 40, 9), (3, 128, 3)])
     + [Point("direct", (700, 500), (3, 9)), Point("direct", (500, 700), (13, 5))]),
    (("slower",),
     [p for char in "dFDq" for p in _cubes("direct", [(2, 256, 7), (2, 200, 3), (1, 20_000, 31)], char=char)]),
    (("row_operation", "column_operation", "pass_call", "pass_output", "memory", "term"),
     _cubes("separable", [(2, 64, 9), (2, 256, 9), (2, 256, 31), (2, 512, 61), (2, 1024, 5), (2, 1024, 15), (2, 2048, 9),
                          (2, 2048, 31), (3, 32, 5), (3, 64, 9), (3, 128, 7)])
     + _cubes("separable", [(2, 512, 21), (2, 1024, 31)], rank=2)
     + [Point("separable", (512, 700), (1, 41)), Point("separable", (700, 512), (41, 1))]),
    (("transform", "shaped", "copy", "tile", "fft_call"),
     _tiles([(1, 300_000, 101, 1024), (1, 300_000, 255, 4096), (1, 1_000_000, 31, 512), (1, 1_000_000, 2001, 16_384),
             (1, 1_000_000, 4001, 65_536), (1, 1_000_000, 20_001, 262_144), (2, 1024, 15, 64), (2, 1024, 31, 96),
             (2, 1024, 31, 128), (2, 1024, 31, 256), (2, 1024, 63, 384), (2, 1500, 63, 512), (2, 1400, 63, 768),
             (2, 2048, 127, 512), (2, 2048, 255, 1024), (3, 64, 9, 32), (3, 96, 11, 48), (3, 96, 11, 64), (3, 128, 15, 64),
             (3, 128, 31, 96)])
     + _cubes("fft", [(1, 2000, 301), (2, 64, 15), (2, 128, 21), (3, 32, 7)])),
    (("double", "complex_single", "complex_double"),
     [p for char in "dFD" for p in _tiles([(2, 700, 31, 128), (2, 700, 31, 256), (1, 300_000, 255, 4096),
                                        (1, 100_000, 101, 1024), (3, 64, 9, 32)], char)]),
)  # fmt: skip

# Measured beside the others, and left out of the fit.
HELD_OUT: list[Point] = (
    _cubes("direct", [(1, 50_000, 17), (2, 90, 7), (2, 700, 5), (2, 400, 19), (3, 48, 5)])
    + _cubes("separable", [(2, 120, 7), (2, 700, 25), (2, 1500, 11), (3, 80, 5)])
    + _cubes("fft", [(1, 100_000, 1001), (2, 200, 25), (2, 600, 41), (2, 1200, 81), (3, 50, 13)])
    + [Point("direct", (300, 300), (5, 5), "d"), Point("fft", (500, 500), (31, 31), "d")]
)


@dataclass(frozen=True)
class Calibration:
    """What was measured: the profile fitted, and the typical factor between predicted and measured time.

    Attributes
    ----------
    profile : Profile
        The constants.
    error_before, error_after : float
        Geometric mean, over points that were not fitted, of the larger of predicted and measured time over the
        smaller: 1 is perfect. Before: with the profile that was active.
    error_fitted : float
        The same over the points that were fitted.
    points, rounds : int
        Points measured, and readings of each.
    seconds : float
        What it took.
    """

    profile: Profile
    error_before: float
    error_after: float
    error_fitted: float
    points: int
    rounds: int
    seconds: float


def work_of(point: Point) -> Work:
    """The size of a point's call."""
    dims = len(point.shape)
    geometry = checks.geometry(point.shape, point.taps, "same")
    return measure(point.shape, point.taps, range(dims), geometry, np.dtype(point.char))


def predicted(point: Point, profile: Profile, tiles_of: Profile | None = None) -> float:
    """Seconds that a profile expects of a point; a tile that is not fixed is the one that `tiles_of` would choose."""
    work = work_of(point)
    if point.method == "direct":
        return direct_seconds(work, profile)
    if point.method == "separable":
        return separable_seconds(work, point.rank, profile)
    return fft_seconds(work, point.tile or tiling(work, tiles_of or profile).lengths, profile)


def typical_error(points: Sequence[Point], seconds: Sequence[float], profile: Profile, tiles_of: Profile) -> float:
    """Geometric mean of the factor between predicted and measured seconds."""
    logs = [abs(math.log(predicted(p, profile, tiles_of) / s)) for p, s in zip(points, seconds, strict=True)]
    return math.exp(sum(logs) / len(logs))


def prepared(point: Point, convolve: Callable[..., Any]) -> Callable[[], Any]:
    """Call to be timed, on one worker."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(point.char)
    x, w = _drawn(rng, point.shape, dtype), _drawn(rng, point.taps, dtype)
    if point.method == "separable":
        w = sum((_product([_drawn(rng, (k,), dtype) for k in point.taps]) for _ in range(point.rank)), np.zeros_like(w))
    if not point.tile:
        return lambda: convolve(x, w, method=point.method, workers=1, dtype=dtype)
    from convkit.engines import spectral

    geometry = checks.geometry(point.shape, point.taps, "same")
    dims = len(point.shape)
    return lambda: spectral.correlate(x, w, geometry, ("zero",) * dims, dtype.type(0), range(dims),
                                      np.empty(point.shape, dtype), 1, point.tile)


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "i":
        # Sums past 2^53, which float64 cannot hold: only then are they taken in integers.
        return rng.integers(1 << 26, 1 << 27, shape).astype(dtype)
    values = rng.standard_normal((*shape, 2))
    return (values[..., 0] + 1j * values[..., 1] if dtype.kind == "c" else values[..., 0]).astype(dtype)


def _product(lines: Sequence[Array]) -> Array:
    out = lines[0]
    for line in lines[1:]:
        out = np.multiply.outer(out, line)
    return out


def timed(points: Sequence[Point], convolve: Callable[..., Any], advance: Callable[[str], None],
          budget: float) -> tuple[list[float], int]:
    """Median seconds of each point, and rounds; one reading of each point a round, so that drift meets all alike."""
    calls, repeats = [], []
    for point in points:
        advance(f"{point.method} {' x '.join(map(str, point.shape))}")
        call = prepared(point, convolve)
        call()
        start = time.perf_counter()
        call()
        repeats.append(max(1, min(100, int(READING / max(time.perf_counter() - start, 1e-7)))))
        calls.append(call)
    readings: list[list[float]] = [[] for _ in points]
    least, most = ROUNDS
    begun = time.perf_counter()
    for number in range(most):
        if number >= least and time.perf_counter() - begun > budget * number / (number + 1):
            break
        advance(f"round {number + 1}")
        for call, n, kept in zip(calls, repeats, readings, strict=True):
            start = time.perf_counter()
            for _ in range(n):
                call()
            kept.append((time.perf_counter() - start) / n)
    return [median(kept) for kept in readings], len(readings[0])


def fit(profile: Profile, names: Sequence[str], points: Sequence[Point], seconds: Sequence[float],
        tiles_of: Profile) -> Profile:
    """The profile with the constants of these names fitted to measured seconds; all stay above 0."""
    from scipy.optimize import least_squares

    start = np.array([math.log(max(v, 1e-12)) for name in names for v in _parts(getattr(SHIPPED, name))])
    logs = np.log(np.asarray(seconds))
    works = [p._replace(tile=p.tile or tiling(work_of(p), tiles_of).lengths) if p.method == "fft" else p for p in points]

    def made(values: Array) -> Profile:
        constants: dict[str, Any] = {}
        at = 0
        for name in names:
            usual = getattr(SHIPPED, name)
            count = len(_parts(usual))
            part = [float(v) for v in np.exp(values[at : at + count])]
            constants[name] = tuple(part) if isinstance(usual, tuple) else part[0]
            at += count
        return replace(profile, **constants)

    def residuals(values: Array) -> Array:
        tried = made(values)
        off = np.array([math.log(predicted(p, tried)) for p in works]) - logs
        return np.concatenate([off, PULL * (values - start)])

    # Readings that are off by more than a third count less and less.
    found = least_squares(residuals, start, loss="soft_l1", f_scale=0.3, max_nfev=200)
    return made(found.x)


def _parts(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def calibrate(convolve: Callable[..., Any], *, advance: Callable[[str], None] = lambda words: None,
              budget: float = BUDGET) -> Calibration:
    """Measure a few dozen calls on one worker, and fit the constants of the cost model to them.

    Parameters
    ----------
    convolve : callable
        `convkit.convolve`, which stands on a higher floor.
    advance : callable
        Called with a word before each step; `steps` tells how many there are at most.
    budget : float
        Seconds of the rounds; what goes before (compilation, the first calls) comes on top.

    Returns
    -------
    Calibration
    """
    begun = time.perf_counter()
    before = active()
    fitted = [point for _, points in GROUPS for point in points]
    seconds, rounds = timed([*fitted, *HELD_OUT], convolve, advance, budget)
    held = seconds[len(fitted) :]
    profile = SHIPPED
    at = 0
    for names, points in GROUPS:
        advance(f"fit {names[0]}")
        profile = fit(profile, names, points, seconds[at : at + len(points)], before)
        at += len(points)
    return Calibration(profile, typical_error(HELD_OUT, held, before, before), typical_error(HELD_OUT, held, profile, before),
                       typical_error(fitted, seconds[: len(fitted)], profile, before), len(seconds), rounds,
                       time.perf_counter() - begun)


def steps() -> int:
    """How often `calibrate` calls `advance` at most."""
    return sum(len(points) for _, points in GROUPS) + len(HELD_OUT) + ROUNDS[1] + len(GROUPS)


def changes(before: Profile, after: Profile) -> list[tuple[str, float, float]]:
    """Every constant with its two values, a tuple's one by one."""
    rows = []
    for entry in fields(Profile):
        old, new = _parts(getattr(before, entry.name)), _parts(getattr(after, entry.name))
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            rows.append((f"{entry.name}[{i}]" if len(old) > 1 else entry.name, a, b))
    return rows
