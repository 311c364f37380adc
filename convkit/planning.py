"""Choosing among direct, separable and FFT: a cost model, and gates on the data that the model cannot see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.geometry import MODES, Geometry, axis_geometry
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.separable import SeparableWeights, separate

# The shipped profile, float32 on one worker (AVX-512, 3.7 GHz): seconds per operation of the vector kernels, per
# output sample, and per call; the plain loops (complex and 64-bit integers) are slower by the factors below.
OPERATION = 1 / 112e9
OUTPUT = 0.35e-9
CALL = 8e-6
SLOWER = {"f": 1.0, "d": 2.0, "F": 9.0, "D": 14.0, "q": 6.0}
# A line of outputs has no second row to share what it loads.
LINE = 2.0
# Seconds per element and log2(elements) of a forward and an inverse real float32 transform: up to the size of the
# second-level cache, of 8 MiB, and beyond; what a tile costs before its first element; per element copied.
TRANSFORM = (0.30e-9, 0.37e-9, 0.55e-9)
TILE = 60e-6
COPY = 0.6e-9
GROUP = 1 << 16
# Seconds that looking for the rank of weights in 3-D may take.
SEARCH = 0.3
# A block whose largest value exceeds the median of the others by this factor makes the rounding of an FFT visible.
RANGE = 1e4

METHODS = ("auto", "direct", "separable", "fft")


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


class Work(NamedTuple):
    """The size of a convolution: samples and outputs per convolved axis, taps, and the size of the batch."""

    samples: tuple[int, ...]
    outputs: tuple[int, ...]
    taps: tuple[int, ...]
    batch: int
    char: str


class Tiling(NamedTuple):
    """Transform length per axis, and seconds that the model expects on one worker."""

    lengths: tuple[int, ...]
    seconds: float


def _transform_seconds(elements: int, itemsize: int) -> float:
    size = elements * itemsize
    rate = TRANSFORM[0] if size <= 1 << 21 else TRANSFORM[1] if size <= 1 << 23 else TRANSFORM[2]
    return elements * (rate * max(1.0, math.log2(elements)) * (1.0 if itemsize == 4 else 1.45) + COPY * itemsize / 4)


def _fast_length(n: int, real: bool) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(n, real))


@lru_cache(maxsize=1024)
def tiling(outputs: tuple[int, ...], taps: tuple[int, ...], batch: int, char: str) -> Tiling:
    """Cheapest overlap-save tiles for `batch` arrays of `outputs` of `taps` weights in dtype `char`."""
    kind = np.dtype(char)
    real = kind.kind == "f"
    itemsize = kind.itemsize if real else kind.itemsize // 2
    parts = 1 if real else 2
    targets: list[int] = [2**p * f // 2 for p in range(8, 21) for f in (2, 3)] if len(taps) == 1 else (
        [64, 96, 128, 192, 256, 320, 384, 512, 640, 768, 1024, 1536, 2048] if len(taps) == 2
        else [16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256])
    choices: list[list[tuple[int, int]]] = []
    for m, k in zip(outputs, taps, strict=True):
        whole = _fast_length(m + k - 1, real)
        sizes = {whole} | {_fast_length(t, real) for t in targets if t >= 1.25 * k and t < whole}
        # Of the sizes that need as many tiles, only the smallest can be the best.
        least = {-(-m // (size - k + 1)): size for size in sorted(sizes, reverse=True)}
        choices.append([(size, count) for count, size in least.items()])
    best: Tiling | None = None
    for combination in product(*choices):
        elements = math.prod(size for size, _ in combination) * parts
        count = math.prod(n for _, n in combination) * batch
        together = max(1, GROUP // elements) if len(taps) == 1 or batch > 1 else 1
        one = _transform_seconds(elements, itemsize)
        seconds = count * one + -(-count // together) * TILE + one / 2
        if best is None or seconds < best.seconds:
            best = Tiling(tuple(size for size, _ in combination), seconds)
    assert best is not None
    return best


def direct_seconds(work: Work) -> float:
    """Expected time of the direct method on one worker."""
    outputs = work.batch * math.prod(work.outputs)
    taps = math.prod(work.taps)
    line = LINE if len(work.taps) == 1 and work.batch < 4 else 1.0
    per_output = 2 * taps * OPERATION * (1 + 1.2 / work.taps[-1]) * line + OUTPUT
    return CALL + outputs * per_output * SLOWER[work.char]


def separable_seconds(work: Work, rank: int) -> float:
    """Expected time of `rank` terms of one pass per axis."""
    total = 0.0
    sizes = list(work.samples)
    for axis, (k, m) in enumerate(zip(work.taps, work.outputs, strict=True)):
        sizes[axis] = m
        batch = work.batch * math.prod(sizes) // m
        total += direct_seconds(Work((work.samples[axis],), (m,), (k,), batch, work.char))
        # Each pass writes and reads an array that no cache holds.
        total += batch * m * np.dtype(work.char).itemsize * (0.15e-9 if batch * m > 1 << 19 else 0.03e-9)
    return rank * total


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


def _try_separable(weights: Array, dtype: np.dtype[Any], work: Work, limit: float) -> tuple[SeparableWeights | None, str]:
    """Terms of `weights` if their passes take less than `limit` seconds, and why not."""
    one = separable_seconds(work, 1)
    if sum(k > 1 for k in work.taps) < 2:
        return None, "the weights lie along one axis"
    if one >= limit:
        return None, "even rank 1 would not pay"
    most = max(1, int(limit / one))
    if weights.size > 1 << 16:
        return None, "the weights are too many to be separated"
    search = 2e-5 + 5e-9 * math.prod(work.taps) * min(work.taps)
    if min(limit - one, limit) < search:
        return None, "looking for the rank would cost more than it saves"
    double = weights.astype(np.complex128 if weights.dtype.kind == "c" else np.float64)
    if len(work.taps) == 3 and min(work.taps) > 1:
        least = _multilinear_rank(double, 1e-6 if dtype.char in "fF" else 1e-7)
        if separable_seconds(work, least) >= limit:
            return None, f"their rank is {least} or more, too many passes to pay"
        if least > 1 and limit - separable_seconds(work, least) < SEARCH:
            return None, f"their rank is {least} or more; looking for it would cost more than it saves"
    terms = separation(weights, dtype, most)
    if terms.error > (1e-6 if dtype.char in "fF" else 1e-13):
        return None, f"their rank is over {most}, too many passes to pay"
    return terms, ""


def decide(weights: Array | None, work: Work, dtype: np.dtype[Any], samples: Array | None, method: str,
           exact: bool) -> Plan:
    """Plan a convolution; `weights` and `samples` are None where only their shapes are known.

    `exact`: integers whose result must be exact, which no FFT promises.
    """
    seconds = {"direct": direct_seconds(work)}
    if method == "direct" or (work.char == "q" and method == "auto"):
        reason = "asked for" if method == "direct" else "64-bit integers are exact only when summed directly"
        return Plan("direct", seconds, reason)
    if method == "separable":
        assert weights is not None
        terms = require_separable(weights, dtype, work)
        return Plan("separable", {"separable": separable_seconds(work, terms.rank)}, "asked for", (), terms)
    tile = tiling(work.outputs, work.taps, work.batch, "d" if work.char == "q" else work.char)
    seconds["fft"] = tile.seconds
    if method == "fft":
        return Plan("fft", {"fft": tile.seconds}, "asked for", tile.lengths)
    best = min(seconds, key=lambda name: seconds[name])
    reason = f"{best} is expected to be fastest: " + _listed(seconds)
    if weights is not None and not np.isfinite(weights).all():
        return Plan("direct", seconds, "the weights are not finite, which only the direct method keeps local")
    found: SeparableWeights | None = None
    obstacle = "the values of the weights are not known"
    if weights is not None:
        found, obstacle = _try_separable(weights, dtype, work, seconds[best])
    if found is not None:
        seconds["separable"] = separable_seconds(work, found.rank)
        if seconds["separable"] < seconds[best]:
            best = "separable"
            reason = f"the weights have rank {found.rank}: separable is expected to be fastest: {_listed(seconds)}"
    elif obstacle and best != "separable":
        reason += f"; not separable: {obstacle}"
    if best == "fft":
        gate = "integers must be exact" if exact else "" if samples is None else unsafe(samples)
        if gate:
            rest = {name: value for name, value in seconds.items() if name != "fft"}
            best = min(rest, key=lambda name: rest[name])
            reason = f"{best}, though fft is expected to be faster: {gate}; {_listed(seconds)}"
    return Plan(best, seconds, reason, tile.lengths, found)


def _listed(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {value * 1e3:.3g} ms" for name, value in sorted(seconds.items(), key=lambda item: item[1]))


def unsafe(samples: Array) -> str:
    """Why an FFT would spoil the result on these samples; empty if it would not."""
    if samples.dtype.kind in "biu":
        return ""
    parts = (samples.real, samples.imag) if samples.dtype.kind == "c" else (samples,)
    largest: list[float] = []
    for part in parts:
        rows = part.reshape(-1, part.shape[-1]) if part.flags.c_contiguous else part
        if rows.ndim == 1:
            blocks: Sequence[Array] = np.array_split(rows, max(1, min(256, rows.size // 4096)))
        else:
            blocks = np.array_split(rows, max(1, min(64, rows.shape[0], rows.size // 4096)))
        largest += [max(abs(float(block.max())), abs(float(block.min()))) for block in blocks]
    values = np.array(largest)
    if not np.isfinite(values).all():
        return "x holds NaN or Inf, which an FFT would spread"
    values = values[values > 0]
    if values.size and values.max() > RANGE * np.median(values):
        return (f"the largest sample ({values.max():.3g}) exceeds those of most of x ({np.median(values):.3g}) so far that "
                "the rounding of an FFT would drown them")
    return ""


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
        The samples, or their shape. A shape stands for float32 samples (or of `dtype`) without surprises: the
        gates on the data (NaN, Inf, dynamic range, exact integers) need the samples.
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
    geometry = checked_geometry([x_shape[a] for a in where], taps, mode)
    kinds = checks.arithmetic(np.dtype(np.float32) if samples is None else samples.dtype,
                              np.dtype(np.float32) if w is None else w.dtype, dtype)
    limit = checks.exact_bound(samples, w) if samples is not None and w is not None else math.inf
    arithmetic, exact = exact_arithmetic(kinds, limit)
    work = measure(x_shape, taps, where, geometry, arithmetic)
    return decide(w, work, arithmetic, samples, "auto", exact)


def _is_shape(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in value)


def _shape(value: Any, name: str) -> tuple[int, ...]:
    shape = tuple(int(n) for n in value)
    if not shape or min(shape) < 1:
        raise ValueError(f"{name}={value!r} is no shape of an array with samples; every axis must have at least one")
    return shape


def checked_geometry(samples: Sequence[int], taps: Sequence[int], mode: str) -> tuple[Geometry, ...]:
    """Geometry per convolved axis.

    Raises
    ------
    ValueError
        For ``valid`` where neither operand is the larger in every axis.
    """
    pairs = list(zip(samples, taps, strict=True))
    if mode == "valid" and not (all(n >= k for n, k in pairs) or all(n <= k for n, k in pairs)):
        raise ValueError(
            f"mode='valid' needs one operand at least as large as the other in every axis, but x has {tuple(samples)} samples "
            f"there and weights {tuple(taps)}; use mode='same' or 'full', or crop one of them"
        )
    return tuple(axis_geometry(n, k, mode) for n, k in pairs)


def exact_arithmetic(kinds: checks.Arithmetic, bound: float) -> tuple[np.dtype[Any], bool]:
    """Dtype in which integers with sums up to `bound` are exact, and whether their result has to be."""
    if kinds.result.kind in "iu" and bound < math.inf:
        if bound >= 2**63:
            return np.dtype(np.float64), False
        if bound >= 2**53:
            return np.dtype(np.int64), True
        return (np.dtype(np.float64) if bound >= 2**24 else kinds.work), True
    return kinds.work, bound < (2**24 if kinds.work.char in "fF" else 2**53)


def measure(x_shape: Sequence[int], taps: Sequence[int], axes: Sequence[int], geometry: Sequence[Geometry],
            dtype: np.dtype[Any]) -> Work:
    """Size of a convolution."""
    samples = tuple(x_shape[a] for a in axes)
    batch = math.prod(x_shape) // math.prod(samples)
    return Work(samples, tuple(g.length for g in geometry), tuple(taps), batch, dtype.char if dtype != np.int64 else "q")
