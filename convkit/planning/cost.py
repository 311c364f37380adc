"""The cost model: expected seconds of each method on one worker, and the cheapest FFT tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from convkit._core.boundary import CONSTANT
from convkit._core.geometry import Geometry, one_tile, tiles_together

# The shipped profile, float32 on one worker (AVX-512, 3.7 GHz): seconds per operation of the vector kernels, per
# output sample, and per call; the plain loops (complex and 64-bit integers) are slower by the factors below.
OPERATION = 1 / 112e9
OUTPUT = {1: 0.2e-9, 2: 0.25e-9, 3: 0.6e-9}
CALL = 35e-6
SLOWER = {"f": 1.0, "d": 2.0, "F": 11.0, "D": 20.0, "q": 6.0}
# A line of outputs has no second row to share what it loads; a pass along rows shares less than one across them.
LINE = 1.7
ROW = 1.35
# Seconds of a further pass over the samples, and per output of a pass where no cache holds them.
PASS = 15e-6
MEMORY = 0.25e-9
# Seconds per element and log2(elements) of a forward and an inverse real float32 transform: up to the size of the
# second-level cache, of 8 MiB, and beyond; what a tile costs before its first element; per element copied.
TRANSFORM = (0.30e-9, 0.37e-9, 0.55e-9)
TILE = 60e-6
COPY = 0.6e-9
# Signals are transformed several tiles at a time, and volumes in three strided passes.
SHAPED = {1: 1.3, 2: 1.0, 3: 1.5}
FFT_CALL = 90e-6
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


def _transform_seconds(elements: int, itemsize: int, dims: int) -> float:
    size = elements * itemsize
    rate = TRANSFORM[0] if size <= 1 << 21 else TRANSFORM[1] if size <= 1 << 23 else TRANSFORM[2]
    one = rate * max(1.0, math.log2(elements)) * (1.0 if itemsize == 4 else 1.45) + COPY * itemsize / 4
    return elements * one * SHAPED[dims]


def _fast_length(n: int) -> int:
    """Product of 2, 3 and 5: lengths with 7 and 11 took a tenth longer per sample, complex ones too."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(n, True))


@lru_cache(maxsize=1024)
def tiling(work: Work) -> Tiling:
    """Cheapest overlap-save tiles."""
    kind = np.dtype("d" if work.char == "q" else work.char)
    taps = work.taps
    real = kind.kind == "f"
    itemsize = kind.itemsize if real else kind.itemsize // 2
    parts = 1 if real else 2
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
        elements = math.prod(size for size, _ in combination) * parts
        count = math.prod(n for _, n in combination) * work.batch
        together = tiles_together(elements) if len(taps) == 1 or work.batch > 1 else 1
        one = _transform_seconds(elements, itemsize, len(taps))
        seconds = FFT_CALL + count * one + -(-count // together) * TILE
        # Long work in a few tiles leaves workers idle, however many there are: it has to be cheaper to be chosen.
        cost = seconds * (1 + FEW / count) if seconds > 5e-3 else seconds
        if cost < least_cost:
            least_cost = cost
            best = Tiling(tuple(size for size, _ in combination), seconds)
    assert best is not None
    return best


def direct_seconds(work: Work) -> float:
    """Expected time of the direct method on one worker."""
    outputs = work.batch * math.prod(work.outputs)
    taps = math.prod(work.taps)
    line = LINE if len(work.taps) == 1 and work.batch < 4 and work.char in "fd" else 1.0
    per_output = 2 * taps * OPERATION * (1 + 1.2 / work.taps[-1]) * line + OUTPUT[len(work.taps)]
    return CALL + outputs * per_output * SLOWER[work.char]


def separable_seconds(work: Work, rank: int) -> float:
    """Expected time of `rank` terms of one pass per axis."""
    total = 0.0
    sizes = list(work.samples)
    for axis, (k, m) in enumerate(zip(work.taps, work.outputs, strict=True)):
        sizes[axis] = m
        outputs = work.batch * math.prod(sizes)
        row = ROW if axis == len(sizes) - 1 else 1.0
        per_output = 2 * k * OPERATION * row + OUTPUT[1]
        # Each pass writes and reads an array that no cache may hold.
        if outputs > 1 << 19:
            per_output += MEMORY
        total += PASS + outputs * per_output * SLOWER[work.char]
    return CALL + rank * total


def measure(x_shape: Sequence[int], taps: Sequence[int], axes: Sequence[int], geometry: Sequence[Geometry],
            boundary: Sequence[str], fill: complex, dtype: np.dtype[Any]) -> Work:
    """Size of a convolution."""
    samples = tuple(x_shape[a] for a in axes)
    batch = math.prod(x_shape) // math.prod(samples)
    whole = tuple(one_tile(n, g, b in CONSTANT and fill == 0) for n, g, b in zip(samples, geometry, boundary, strict=True))
    char = "q" if dtype == np.int64 else dtype.char
    return Work(samples, tuple(g.length for g in geometry), tuple(taps), batch, char, whole)
