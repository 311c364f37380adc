"""Bilateral means on the CPU: samples arranged in planes, weights of places, and pieces of work."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry
from convkit._core.typing import Array
from convkit.engines.pieces import ALONE, beyond, flat, scratch
from convkit.kernels.bilateral import weigh

# Columns done at a time, so that their sums stay in the first-level cache; rows gathered at a time; results in one piece.
PANEL, STRIP, PIECE = 512, 32, 1 << 16
# Seconds per sample of a window and result, roughly.
WEIGHT = 4e-10


def bilateral(x: Array, radius: Sequence[int], sigma_space: Sequence[float], sigma_color: float, boundary: Sequence[str],
              axes: Sequence[int], channel_axis: int | None, out: Array, workers: int) -> None:
    """Write the bilateral mean around each sample of `x` into `out`, of its shape and float32 or float64.

    `radius`, `sigma_space` and `boundary` are one for each of the ascending `axes`, of which there are 1 to 3.
    """
    others = [a for a in range(x.ndim) if a not in axes and a != channel_axis]
    order = ([] if channel_axis is None else [channel_axis]) + others + list(axes)
    moved = x.transpose(order)
    planar = order == list(range(x.ndim)) and out.flags.c_contiguous
    target = out if planar else np.empty(moved.shape, out.dtype)
    channels = 1 if channel_axis is None else x.shape[channel_axis]
    batch = math.prod(x.shape[a] for a in others)
    missing = 3 - len(axes)
    depth, height, width = (1,) * missing + tuple(x.shape[a] for a in axes)
    r = (0,) * missing + tuple(radius)
    names = ("zero",) * missing + tuple(boundary)
    shape = (depth, height, width)
    planes, rows = (index_map(n, k, k, b) for n, k, b in zip(shape[:2], r[:2], names[:2], strict=True))
    ends = beyond(width, Geometry(0, width, r[2], r[2]), names[2])
    taps, logs = _pairs(r, (1.0,) * missing + tuple(sigma_space))
    kind = out.dtype.type
    span = -(-width // -(-width // (4 * PANEL)))
    panel, strip = min(PANEL, span), min(max(STRIP, 2 * r[1]), height)
    deep = min(depth, max(1, r[0]))
    tall = strip * max(1, PIECE // (span * strip * deep))
    pieces = [(b, (z, min(z + deep, depth), y, min(y + tall, height), c, min(c + span, width))) for b in range(batch)
              for z in range(0, depth, deep) for y in range(0, height, tall) for c in range(0, width, span)]
    gathered = (deep + 2 * r[0]) * (strip + 2 * r[1]) * (span + 2 * r[2])
    apart = np.arange(channels, dtype=np.int64) * (batch * depth * height * width)
    samples, results = flat(moved), target.reshape(-1)
    scale = kind(-0.5 / math.log(2) / sigma_color / sigma_color)

    def work(piece: tuple[int, tuple[int, ...]]) -> None:
        b, box = piece
        weigh(samples, b * depth * height * width, apart, shape, planes, rows, ends, r[2], 2 * r[0] + 1, 2 * r[1] + 1, 2 * r[2],
              taps, logs.astype(kind), scale, results, shape, box, strip, panel,
              scratch(out.dtype, channels * gathered + (3 + channels) * panel, "bilateral"))

    seconds = WEIGHT * out.size * 2 * len(taps)
    pool.run(work, pieces, 1 if seconds < ALONE else workers)
    if target is not out:
        out[...] = target.transpose(np.argsort(order))


def _pairs(radius: Sequence[int], sigma: Sequence[float]) -> tuple[Array, Array]:
    """Pairs of opposite places in a window, and the logarithm to base 2 of what their distance makes of their weight."""
    places = [p for p in itertools.product(*(range(-k, k + 1) for k in radius)) if p > (0, 0, 0)]
    taps = np.array([[k + v for k, v in zip(radius, p, strict=True)] + [k - v for k, v in zip(radius, p, strict=True)]
                     for p in places], np.int64).reshape(-1, 6)
    squares = [sum((v / s) ** 2 for v, s in zip(p, sigma, strict=True)) for p in places]
    return taps, np.array(squares, float) * (-0.5 / math.log(2))
