"""Overlap-save for samples of any layout: blocks are cut out, correlated circularly, and put away where this is safe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry
from convkit._core.typing import Array, IntArray
from convkit.engines import cpu

# A part of a tile whose largest value exceeds the median of all by this factor makes the rounding of an FFT visible: beside
# one of 1e4 times it exceeded what the direct sum of 150 taps may be off.
RANGE = 5e3


def spoilt(most: Array) -> Array | None:
    """Which tiles an FFT would spoil, from the largest magnitudes in their parts: (tiles, parts) -> (tiles,), None for none.

    They hold NaN or Inf, or a value so far above those of most parts that its rounding would drown them.
    """
    values = np.sort(most, axis=None)
    finite = values.size if np.isfinite(values[-1]) else int(np.count_nonzero(np.isfinite(values)))
    zeros = int(np.searchsorted(values, 0, side="right"))
    usual = values[(zeros + finite) // 2] if zeros < finite else np.inf
    if finite == values.size and not values[-1] > RANGE * usual:
        return None
    with np.errstate(over="ignore"):
        bad: Array = ~np.isfinite(most).all(axis=1) | (most.max(axis=1) > RANGE * usual)
    return bad


def sum_directly(samples: Array, weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any, out: Array,
            window: Sequence[slice], workers: int) -> None:
    """Sum a window of the outputs directly: what is not finite stays where it belongs, and drowns nothing."""
    part = [Geometry(g.start + w.start, w.stop - w.start, g.before - w.start, w.stop + k - 1 - g.before - n)
            for g, w, k, n in zip(geometry, window, weights.shape, samples.shape, strict=True)]
    values = np.empty([g.length for g in part], weights.dtype)
    samples = samples if samples.dtype == weights.dtype else samples.astype(weights.dtype)
    cpu.correlate(np.ascontiguousarray(samples), weights, part, boundary, fill, range(len(part)), values, workers)
    checks.store(values, out[tuple(window)])


def correlate(samples: Array, weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any, out: Array,
              workers: int, lengths: tuple[int, ...], together: int,
              circular: Callable[[Sequence[Array]], Sequence[Array]]) -> None:
    """Correlate one item by blocks of up to `lengths` samples.

    ``circular(blocks)`` gives the circular correlation of up to `together` blocks, followed by zeros, with the weights.
    """
    steps = tuple(t - k + 1 for t, k in zip(lengths, weights.shape, strict=True))
    windows = [tuple(slice(c, min(c + s, g.length)) for c, s, g in zip(corner, steps, geometry, strict=True))
               for corner in product(*(range(0, g.length, s) for g, s in zip(geometry, steps, strict=True)))]
    most = np.zeros((len(windows), 1), weights.real.dtype)

    def cut(window: tuple[slice, ...]) -> Array:
        padded = [index_map(n, g.before - w.start, w.stop + k - 1 - g.before - n, kind)
                  for n, g, w, k, kind in zip(samples.shape, geometry, window, weights.shape, boundary, strict=True)]
        return extract(samples, padded, fill, weights.dtype)

    def work(numbers: Sequence[int]) -> None:
        good: list[tuple[int, Array]] = []
        for i in numbers:
            block = cut(windows[i])
            most[i] = np.abs(block).max()
            if np.isfinite(most[i, 0]):
                good.append((i, block))
        if good:
            for (i, _), values in zip(good, circular([block for _, block in good]), strict=False):
                out[windows[i]] = values[tuple(slice(0, w.stop - w.start) for w in windows[i])]

    pool.run(work, [range(i, min(i + together, len(windows))) for i in range(0, len(windows), together)], workers)
    bad = spoilt(most)
    if bad is None:
        return
    for i in map(int, np.flatnonzero(bad)):
        if together == 2 and i ^ 1 < len(windows) and not bad[i ^ 1]:
            work([i ^ 1])
        sum_directly(samples, weights, geometry, boundary, fill, out, windows[i], workers)


def extract(samples: Array, maps: Sequence[IntArray], fill: Any, dtype: Any) -> Array:
    """Part of the extended samples that the index maps of the last axes name, as `dtype`."""
    block = np.empty(samples.shape[: -len(maps)] + tuple(len(sources) for sources in maps), dtype)
    _extract(samples, maps, -len(maps), fill, block)
    return block


def _extract(samples: Array, maps: Sequence[IntArray], axis: int, fill: Any, block: Array) -> None:
    """Copy axis by axis: the longest run of neighbours as a slice, what lies before and after it mapped or filled."""
    if axis == 0:
        block[...] = samples
        return
    sources = maps[axis]
    behind = (slice(None),) * (-axis - 1)
    breaks = np.concatenate([[0], np.flatnonzero((np.diff(sources) != 1) | (sources[:-1] < 0)) + 1, [len(sources)]])
    longest = int(np.argmax(np.diff(breaks) * (sources[breaks[:-1]] >= 0)))
    first, last = int(breaks[longest]), int(breaks[longest + 1])
    for start, stop in ((0, first), (first, last), (last, len(sources))):
        if start == stop:
            continue
        here: Any = (Ellipsis, slice(start, stop), *behind)
        if sources[start] < 0:
            block[here] = fill
            continue
        if start == first:
            run: Any = (Ellipsis, slice(int(sources[first]), int(sources[last - 1]) + 1), *behind)
            part = samples[run]
        else:
            part = np.take(samples, sources[start:stop], axis=axis)
        _extract(part, maps, axis + 1, fill, block[here])
