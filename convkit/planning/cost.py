"""The cost model: expected seconds of each method on one worker, and the cheapest FFT tiles."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from convkit._core.boundary import CONSTANT
from convkit._core.geometry import Geometry, one_tile, tiles_together
from convkit.planning.profile import Profile

# Bytes up to which one rate of transforms holds, then the next: levels of the cache, and of what the system hands out.
LARGE = (1 << 21, 1 << 23, 1 << 24)
# Share of the time by which one tile must beat many.
FEW = 0.4


class Work(NamedTuple):
    """The size of a convolution: samples and outputs per convolved axis, taps, the batch, and one tile for all."""

    samples: tuple[int, ...]
    outputs: tuple[int, ...]
    taps: tuple[int, ...]
    batch: int
    char: str
    whole: tuple[int, ...]


class Tiling(NamedTuple):
    """Transform length per axis, and seconds that the model expects on one worker."""

    lengths: tuple[int, ...]
    seconds: float


def _transform_seconds(elements: int, together: int, char: str, dims: int, p: Profile) -> float:
    """One of the tiles of `elements` real numbers that are transformed together, cut out and put away too."""
    wide = 2 if char in "dDq" else 1
    size = 4 * elements * wide * together
    rate = p.transform[bisect_left(LARGE, size)]
    factor = {"f": 1.0, "F": p.complex_single, "D": p.complex_double}.get(char, p.double)
    return elements * (rate * max(1.0, math.log2(elements)) * factor + p.copy * wide) * p.shaped[dims - 1]


def fft_seconds(work: Work, lengths: Sequence[int], p: Profile) -> float:
    """Expected time of the FFT method with tiles of these lengths."""
    parts = 2 if work.char in "FD" else 1
    elements = math.prod(lengths) * parts
    count = work.batch
    for m, k, whole, size in zip(work.outputs, work.taps, work.whole, lengths, strict=True):
        count *= 1 if size >= whole else -(-m // (size - k + 1))
    together = min(count, tiles_together(elements)) if len(lengths) == 1 or work.batch > 1 else 1
    one = _transform_seconds(elements, together, work.char, len(lengths), p)
    return p.fft_call + count * one + -(-count // together) * p.tile


def _fast_length(n: int) -> int:
    """Product of 2, 3 and 5: lengths with 7 and 11 took a tenth longer per sample, complex ones too."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(n, True))


@lru_cache(maxsize=1024)
def tiling(work: Work, profile: Profile) -> Tiling:
    """Cheapest overlap-save tiles."""
    taps = work.taps
    targets: list[int] = [2**p * f // 2 for p in range(8, 21) for f in (2, 3)] if len(taps) == 1 else (
        [64, 96, 128, 192, 256, 320, 384, 512, 640, 768, 1024, 1536, 2048] if len(taps) == 2
        else [16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256])
    choices: list[list[tuple[int, int]]] = []
    for m, k, least_whole in zip(work.outputs, taps, work.whole, strict=True):
        whole = _fast_length(max(least_whole, k))
        sizes = {_fast_length(t) for t in targets if 1.25 * k <= t < whole}
        # Of the sizes that need as many tiles, only the smallest can be the best.
        least = {-(-m // (size - k + 1)): size for size in sorted(sizes, reverse=True) if size < whole} | {1: whole}
        choices.append([(size, count) for count, size in least.items()])
    best: Tiling | None = None
    least_cost = math.inf
    for combination in product(*choices):
        count = math.prod(n for _, n in combination) * work.batch
        seconds = fft_seconds(work, [size for size, _ in combination], profile)
        # Long work in a few tiles leaves workers idle, however many there are: it has to be cheaper to be chosen.
        cost = seconds * (1 + FEW / count) if seconds > 5e-3 else seconds
        if cost < least_cost:
            least_cost = cost
            best = Tiling(tuple(size for size, _ in combination), seconds)
    assert best is not None
    return best


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
            boundary: Sequence[str], fill: complex, dtype: np.dtype[Any]) -> Work:
    """Size of a convolution."""
    samples = tuple(x_shape[a] for a in axes)
    batch = math.prod(x_shape) // math.prod(samples)
    whole = tuple(one_tile(n, g, b in CONSTANT and fill == 0) for n, g, b in zip(samples, geometry, boundary, strict=True))
    char = "q" if dtype == np.int64 else dtype.char
    return Work(samples, tuple(g.length for g in geometry), tuple(taps), batch, char, whole)
