"""Choosing a method: the cheapest by the model among those that are safe for the data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.geometry import MODES
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.planning.cost import Work, direct_seconds, measure, separable_seconds, tiling
from convkit.planning.exact import exact_arithmetic
from convkit.planning.profile import Profile, active
from convkit.separable import SeparableWeights, separate

# Seconds that looking for the rank of weights in 3-D may take; and what a call has to gain where the unfoldings say that there
# are few terms: then they are found in some 4 ms, once for the twenty calls or more that a filter is made for.
SEARCH, KNOWN = 0.3, 2e-4
# Taps that the sum over a wide window costs.
WINDOW = 8

METHODS = ("auto", "direct", "separable", "fft")

# Plans made before, and how many are kept.
_plans: dict[Any, Plan] = {}
PLANS = 1024


@dataclass(frozen=True)
class Plan:
    """How a convolution would be computed.

    Attributes
    ----------
    method : {"direct", "separable", "fft"}
        The method chosen.
    seconds : dict of str to float
        Expected seconds on one worker of every method that was considered.
    reason : str
        What decided, in words.
    """

    method: str
    seconds: dict[str, float]
    reason: str
    tile: tuple[int, ...] = field(default=(), repr=False, compare=False)
    terms: SeparableWeights | None = field(default=None, repr=False, compare=False)


@lru_cache(maxsize=256)
def _separated(data: bytes, shape: tuple[int, ...], char: str, rtol: float, max_rank: int | None) -> SeparableWeights:
    weights = np.frombuffer(data, np.dtype(char)).reshape(shape)
    return separate(weights, rtol=rtol, max_rank=max_rank)


def separation(weights: Array, work: np.dtype[Any], max_rank: int | None = None) -> SeparableWeights:
    """Rank-1 terms of `weights`, exact to the arithmetic's rounding: 1e-6 in single precision, 1e-13 in double."""
    rtol = 1e-6 if work.char in "fF" else 1e-13
    w = np.ascontiguousarray(weights)
    return _separated(w.tobytes(), w.shape, w.dtype.char, rtol, max_rank)


def _multilinear_rank(weights: Array, rtol: float) -> int:
    """Largest rank of the unfoldings, which no sum of separable terms can go below."""
    rank = 1
    for axis in range(weights.ndim):
        unfolded = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
        values = np.linalg.eigvalsh(unfolded @ unfolded.conj().T)[::-1]
        rank = max(rank, int(np.count_nonzero(values > rtol**2 * values[0])))
    return rank


def _rank_one(weights: Array, rtol: float) -> bool:
    """Whether the weights are the outer product of the lines through their largest element."""
    peak = np.unravel_index(int(np.argmax(np.abs(weights))), weights.shape)
    if weights[peak] == 0:
        return False
    outer = np.ones((), weights.dtype)
    for axis in range(weights.ndim):
        along: Any = (*peak[:axis], slice(None), *peak[axis + 1 :])
        line = weights[along]
        outer = np.multiply.outer(outer, line / weights[peak])
    return bool(np.linalg.norm((weights - outer * weights[peak]).ravel()) <= rtol * np.linalg.norm(weights.ravel()))


def _passes(weights: Array, work: Work) -> Work:
    """What the passes of `weights` cost: equal weights are summed by windows, wide ones as fast as a few taps."""
    equal = work.char in "fd" and bool((weights == weights.flat[0]).all())
    return work._replace(taps=tuple(min(k, WINDOW) for k in work.taps)) if equal else work


def _try_separable(weights: Array, dtype: np.dtype[Any], work: Work, limit: float,
                   profile: Profile) -> tuple[SeparableWeights | None, str]:
    """Terms of `weights` if their passes take less than `limit` seconds, and why not."""
    passes = _passes(weights, work)
    one = separable_seconds(passes, 1, profile)
    if passes is work and sum(k > 1 for k in work.taps) < 2:
        return None, "the weights lie along one axis"
    if one >= limit:
        return None, "even rank 1 would not pay"
    rtol = 1e-6 if dtype.char in "fF" else 1e-13
    double = weights.astype(np.complex128 if weights.dtype.kind == "c" else np.float64)
    if _rank_one(double, rtol):
        terms = separation(weights, dtype, 1)
        if terms.error <= rtol:
            return terms, ""
    most = int(limit / one)
    if most < 2:
        return None, "their rank is over 1, too many passes to pay"
    if weights.size > 1 << 16:
        return None, "the weights are too many to be separated"
    if limit - 2 * one < 2e-5 + 5e-9 * math.prod(work.taps) * min(work.taps):
        return None, "looking for the rank would cost more than it saves"
    if len(work.taps) == 3 and min(work.taps) > 1:
        least = _multilinear_rank(double, 1e-6 if dtype.char in "fF" else 1e-7)
        if separable_seconds(work, least, profile) >= limit:
            return None, f"their rank is {least} or more, too many passes to pay"
        if limit - separable_seconds(work, least, profile) < (KNOWN if least < min(work.taps) else SEARCH):
            return None, f"their rank is {least} or more; looking for it would cost more than it saves"
    terms = separation(weights, dtype, most)
    if terms.error > rtol:
        return None, f"their rank is over {most}, too many passes to pay"
    return terms, ""


def decide(weights: Array | None, work: Work, dtype: np.dtype[Any], method: str, exact: bool) -> Plan:
    """Plan a convolution; `weights` is None where only their shape is known.

    `exact`: integers whose result must be exact, which no FFT promises.
    """
    profile = active()
    key = (None if weights is None else _digest(weights), work, dtype.char, method, profile)
    plan = _plans.get(key)
    if plan is None:
        plan = _fastest(weights, work, dtype, method, profile)
        if len(_plans) >= PLANS:
            _plans.clear()
        _plans[key] = plan
    if plan.method != "fft" or method == "fft":
        return plan
    if not exact:
        return plan
    rest = {name: value for name, value in plan.seconds.items() if name != "fft"}
    best = min(rest, key=lambda name: rest[name])
    reason = f"{best}, though fft is expected to be faster: integers must be exact; {_listed(plan.seconds)}"
    return replace(plan, method=best, reason=reason)


def _digest(weights: Array) -> tuple[bytes, tuple[int, ...], str]:
    """What tells weights apart: their bytes while they are few."""
    data = weights.tobytes()
    return data if len(data) <= 4096 else hashlib.blake2b(data, digest_size=20).digest(), weights.shape, weights.dtype.str


def _fastest(weights: Array | None, work: Work, dtype: np.dtype[Any], method: str, profile: Profile) -> Plan:
    """Plan by the cost model alone."""
    seconds = {"direct": direct_seconds(work, profile)}
    if method == "direct" or (work.char == "q" and method == "auto"):
        reason = "asked for" if method == "direct" else "64-bit integers are exact only when summed directly"
        return Plan("direct", seconds, reason)
    if method == "separable":
        assert weights is not None
        terms = require_separable(weights, dtype, work)
        seconds = {"separable": separable_seconds(_passes(weights, work), terms.rank, profile)}
        return Plan("separable", seconds, "asked for", (), terms)
    tile = tiling(work, profile)
    seconds["fft"] = tile.seconds
    if method == "fft":
        return Plan("fft", {"fft": tile.seconds}, "asked for", tile.lengths)
    best = min(seconds, key=lambda name: seconds[name])
    if weights is not None and not np.isfinite(weights).all():
        return Plan("direct", seconds, "the weights are not finite, which only the direct method keeps local")
    found: SeparableWeights | None = None
    obstacle = "the values of the weights are not known"
    if weights is not None:
        found, obstacle = _try_separable(weights, dtype, work, seconds[best], profile)
    rank = ""
    if found is not None:
        assert weights is not None
        seconds["separable"] = separable_seconds(_passes(weights, work), found.rank, profile)
        rank = f"the weights have rank {found.rank}: "
        best = min(seconds, key=lambda name: seconds[name])
    reason = f"{rank}{best} is expected to be fastest: {_listed(seconds)}"
    if obstacle:
        reason += f"; not separable: {obstacle}"
    return Plan(best, seconds, reason, tile.lengths, found)


def _listed(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {value * 1e3:.3g} ms" for name, value in sorted(seconds.items(), key=lambda item: item[1]))


def require_separable(weights: Array, dtype: np.dtype[Any], work: Work) -> SeparableWeights:
    """Terms of `weights` for ``method="separable"``.

    Raises
    ------
    ValueError
        If the rank exceeds 1 and the passes cost as much as the dense weights or more.
    """
    dense, per_term = math.prod(work.taps), sum(work.taps)
    terms = separation(weights, dtype, None)
    if terms.rank > 1 and terms.rank * per_term >= dense:
        nearest = separation(weights, dtype, 1)
        raise ValueError(
            f"method='separable' would not pay: weights of shape {work.taps} have rank {terms.rank} (relative error "
            f"{terms.error:.2g}), so {terms.rank} x {per_term} = {terms.rank * per_term} taps against {dense} of the dense "
            f"weights; rank 1 would leave an error of {nearest.error:.2g}. Use method='auto', or "
            "convkit.separate(weights, max_rank=...) and convolve_separable for an approximation"
        )
    return terms


def choose_method(x: ArrayLike | tuple[int, ...], weights: ArrayLike | tuple[int, ...], *, mode: str = "same",
                  boundary: Boundary = "zero", axes: int | Sequence[int] | None = None, dtype: DTypeLike | None = None,
                  workers: int | None = None) -> Plan:
    """Tell which method ``convolve(..., method="auto")`` would use, what each would cost, and why.

    Parameters
    ----------
    x : array_like or tuple of int
        The samples, or their shape. A shape stands for float32 samples (or of `dtype`); whether integers can be exact
        depends on the samples.
    weights : array_like or tuple of int
        The weights, or their shape; from a shape alone no rank is known, and separable is not considered.
    mode, boundary, axes, dtype, workers
        As in `convkit.convolve`. The choice never depends on `workers`.

    Returns
    -------
    Plan
        With ``method``, ``seconds`` (expected seconds on one worker by method) and ``reason``.

    Raises
    ------
    ValueError, TypeError
        As `convkit.convolve` for the same arguments.

    Examples
    --------
    >>> import numpy as np, convkit
    >>> convkit.choose_method((512, 512), (3, 3)).method
    'direct'
    >>> convkit.choose_method((2048, 2048), (127, 127)).method
    'fft'
    >>> gauss = np.exp(-np.linspace(-3, 3, 31) ** 2)
    >>> convkit.choose_method((2048, 2048), np.outer(gauss, gauss)).method
    'separable'
    """
    checks.word(mode, "mode", MODES)
    pool.resolve(workers)
    samples = None if _is_shape(x) else checks.numbers(x, "x")
    w = None if _is_shape(weights) else checks.numbers(weights, "weights")
    x_shape = _shape(x, "x") if samples is None else samples.shape
    taps = _shape(weights, "weights") if w is None else w.shape
    where = checks.convolution_axes(axes, x_shape, len(taps))
    normalize(boundary, len(taps))
    geometry = checks.geometry([x_shape[a] for a in where], taps, mode)
    kinds = checks.arithmetic(np.dtype(np.float32) if samples is None else samples.dtype,
                              np.dtype(np.float32) if w is None else w.dtype, dtype)
    limit = math.inf if samples is None or w is None else checks.exact_bound(samples, checks.integer_sum(w))[0]
    arithmetic, exact = exact_arithmetic(kinds, limit)
    work = measure(x_shape, taps, where, geometry, arithmetic)
    return decide(w, work, arithmetic, "auto", exact)


def _is_shape(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in value)


def _shape(value: Any, name: str) -> tuple[int, ...]:
    shape = tuple(int(n) for n in value)
    if not shape or min(shape) < 1:
        raise ValueError(f"{name}={value!r} is no shape of an array with samples; every axis must have at least one")
    return shape
