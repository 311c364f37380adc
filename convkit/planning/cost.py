"""The cost model: expected seconds of each method on one worker, and the cheapest FFT tiles."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from convkit._core.geometry import Geometry
from convkit.engines.lengths import LENGTHS
from convkit.planning.profile import Profile

# Bytes of a transform up to which one rate holds, then the next: levels of the cache.
LARGE = (1 << 16, 1 << 20, 1 << 22)
# Share of the time by which one tile must beat many.
FEW = 0.4


class Work(NamedTuple):
    """The size of a convolution: samples and outputs per convolved axis, taps, and the batch."""

    samples: tuple[int, ...]
    outputs: tuple[int, ...]
    taps: tuple[int, ...]
    batch: int
    char: str


class Tiling(NamedTuple):
    """Transform length per axis, and seconds that the model expects on one worker."""

    lengths: tuple[int, ...]
    seconds: float


def fft_seconds(work: Work, lengths: Sequence[int], p: Profile) -> float:
    """Expected time of the FFT method with tiles of these lengths."""
    tiles = work.batch * math.prod(-(-m // (n - k + 1)) for m, k, n in zip(work.outputs, work.taps, lengths, strict=True))
    # Two tiles of real numbers are one of complex numbers.
    transforms = tiles if work.char in "FD" else -(-tiles // 2)
    elements = math.prod(lengths)
    wide = 2 if work.char in "dDq" else 1
    rate = p.transform[bisect_left(LARGE, 8 * elements * wide)]
    factor = {"f": 1.0, "F": p.complex_single, "D": p.complex_double}.get(work.char, p.double)
    one = elements * (rate * math.log2(elements) * factor + p.copy * wide) * p.shaped[len(lengths) - 1]
    return p.fft_call + transforms * (one + p.tile)


@cache
def _lengths(dims: int) -> tuple[int, ...]:
    """Lengths of tiles along an axis: a line is folded into a matrix of about as many rows as columns."""
    if dims > 1:
        return tuple(n for n in LENGTHS if n <= (2048 if dims == 2 else 256))
    return tuple(sorted({a * b for a in LENGTHS for b in LENGTHS if a <= b <= 4 * a}))


@lru_cache(maxsize=1024)
def tiling(work: Work, profile: Profile) -> Tiling:
    """Cheapest overlap-save tiles."""
    choices: list[list[int]] = []
    for m, k in zip(work.outputs, work.taps, strict=True):
        fitting = [n for n in _lengths(len(work.taps)) if n >= k]
        if not fitting:
            fitting = [_long(m + k - 1, k, len(work.taps))]
        # Of the lengths that need as many tiles, only the smallest can be the best.
        choices.append(list({-(-m // (n - k + 1)): n for n in reversed(fitting)}.values()))
    best: Tiling | None = None
    least_cost = math.inf
    for lengths in product(*choices):
        count = work.batch * math.prod(-(-m // (n - k + 1)) for m, k, n in zip(work.outputs, work.taps, lengths, strict=True))
        seconds = fft_seconds(work, lengths, profile)
        # Long work in a few tiles leaves workers idle, however many there are: it has to be cheaper to be chosen.
        cost = seconds * (1 + FEW / count) if seconds > 5e-3 else seconds
        if cost < least_cost:
            least_cost = cost
            best = Tiling(lengths, seconds)
    assert best is not None
    return best


def _long(whole: int, k: int, dims: int) -> int:
    """Length for taps longer than the usual tiles: all samples at once, at most twice the taps."""
    from scipy.fft import next_fast_len

    limit = min(whole, 2 * k)
    fitting = [n for n in (LENGTHS if dims > 1 else ()) if n >= limit]
    return fitting[0] if fitting else int(next_fast_len(limit, True))


def direct_seconds(work: Work, p: Profile) -> float:
    """Expected time of the direct method on one worker."""
    outputs = work.batch * math.prod(work.outputs)
    taps = math.prod(work.taps)
    line = p.line if len(work.taps) == 1 and work.batch < 4 and work.char in "fd" else 1.0
    per_output = 2 * taps * p.operation * (1 + p.edge / work.taps[-1]) * line + p.output[len(work.taps) - 1]
    # The end of a row fills no whole block of vectors.
    per_output *= 1 + p.ragged / work.outputs[-1]
    return p.call + outputs * per_output * _slower(work.char, p)


def separable_seconds(work: Work, rank: int, p: Profile) -> float:
    """Expected time of `rank` terms of one pass per axis."""
    total = 0.0
    sizes = list(work.samples)
    for axis, (k, m) in enumerate(zip(work.taps, work.outputs, strict=True)):
        sizes[axis] = m
        outputs = work.batch * math.prod(sizes)
        per_output = 2 * k * (p.row_operation if axis == len(sizes) - 1 else p.column_operation) + p.pass_output
        # Each pass writes an array that no cache may hold, but the first of the last two, which run as one.
        if outputs > 1 << 19 and axis != len(sizes) - 2:
            per_output += p.memory
        total += p.pass_call + outputs * per_output * _slower(work.char, p)
    # Every further term is added to the sum of those before it.
    return p.call + rank * total + (rank - 1) * work.batch * math.prod(work.outputs) * p.term * _slower(work.char, p)


def _slower(char: str, p: Profile) -> float:
    return p.slower["fdFDq".index(char)]


def measure(x_shape: Sequence[int], taps: Sequence[int], axes: Sequence[int], geometry: Sequence[Geometry],
            dtype: np.dtype[Any]) -> Work:
    """Size of a convolution."""
    samples = tuple(x_shape[a] for a in axes)
    batch = math.prod(x_shape) // math.prod(samples)
    char = "q" if dtype == np.int64 else dtype.char
    return Work(samples, tuple(g.length for g in geometry), tuple(taps), batch, char)
