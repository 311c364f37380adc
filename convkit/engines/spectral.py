"""Correlation by FFT: overlap-save tiles, transformed by `scipy.fft`, worked on by the pool."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import CONSTANT, index_map
from convkit._core.geometry import Geometry, one_tile, tiles_together
from convkit._core.typing import Array, IntArray


def correlate(x: Array, weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
              axes: Sequence[int], out: Array, workers: int, tile: tuple[int, ...]) -> None:
    """Write the correlation of `x` with `weights` along the ascending `axes` into `out`; as `cpu.correlate`.

    `tile` is the transform's length along each axis. `out` may have any layout.
    """
    ndim = len(axes)
    last = tuple(range(-ndim, 0))
    samples = np.moveaxis(x, axes, last)
    results = np.moveaxis(out, axes, last)
    lengths = tuple(g.length for g in geometry)
    sizes = samples.shape[-ndim:]
    zeros = [b in CONSTANT and fill == 0 for b in boundary]
    single = [t >= one_tile(n, g, z) for n, t, g, z in zip(sizes, tile, geometry, zeros, strict=True)]
    if all(single) and all(z and g.before >= 0 and g.after >= 0 for z, g in zip(zeros, geometry, strict=True)):
        _one_tile(samples, weights, geometry, results, workers, tile)
        return
    spectrum = _spectrum(weights, tile, (0,) * ndim)
    # A single tile may let the zeros before and after the samples be the same ones.
    steps = tuple(g.length if one else t - k + 1
                  for t, k, g, one in zip(tile, weights.shape, geometry, single, strict=True))
    valid = steps[0]
    together = tiles_together(math.prod(tile))
    if ndim == 1:
        along = min(together, -(-lengths[0] // valid))
        together //= along
        steps = (valid * along,)
    # Batch items share a transform along the last batch axis.
    heads = _runs(samples.shape[:-ndim], max(1, together))
    corners = list(product(*(range(0, m, s) for m, s in zip(lengths, steps, strict=True))))

    def reaches(window: tuple[slice, ...]) -> list[int]:
        """Where the extended samples end that a window of outputs reads, or that its tile has room for."""
        ends = [w.stop + k - 1 for w, k in zip(window, weights.shape, strict=True)]
        if ndim == 1 and window[0].stop - window[0].start > valid:
            return ends
        return [min(end, w.start + t) for end, w, t in zip(ends, window, tile, strict=True)]

    def work(piece: tuple[tuple[Any, ...], tuple[int, ...]]) -> None:
        head, corner = piece
        window = tuple(slice(c, min(c + s, m)) for c, s, m in zip(corner, steps, lengths, strict=True))
        padded = [
            index_map(n, g.before - w.start, reach - g.before - n, b)
            for n, g, w, b, reach in zip(sizes, geometry, window, boundary, reaches(window), strict=True)
        ]
        block = extract(samples[head], padded, fill, weights.dtype)
        target = results[(*head, Ellipsis, *window)]
        if ndim == 1:
            _line(block, tile[0], valid, spectrum, target)
        else:
            inside: Any = (Ellipsis, *(slice(0, w.stop - w.start) for w in window))
            target[...] = _tile(block, tile, spectrum)[inside]

    pool.run(work, list(product(heads, corners)), workers)


def _one_tile(samples: Array, weights: Array, geometry: Sequence[Geometry], results: Array, workers: int,
              tile: tuple[int, ...]) -> None:
    """One transform for all outputs: with the weights shifted and zeros around, no sample has to be moved."""
    ndim = len(tile)
    spectrum = _spectrum(weights, tile, tuple(g.before for g in geometry))
    inside: Any = (Ellipsis, *(slice(0, g.length) for g in geometry))

    def work(head: Any) -> None:
        block = samples[head].astype(weights.dtype, copy=False)
        results[head] = _tile(block, tile, spectrum)[inside]

    pool.run(work, _runs(samples.shape[:-ndim], tiles_together(math.prod(tile))), workers)


def _runs(batch: tuple[int, ...], length: int) -> list[tuple[Any, ...]]:
    """Indices of the batch, up to `length` neighbours along its last axis at a time."""
    if not batch:
        return [()]
    return [(*index, slice(b, b + length)) for index in np.ndindex(batch[:-1]) for b in range(0, batch[-1], length)]


def _spectrum(weights: Array, lengths: tuple[int, ...], shift: tuple[int, ...]) -> Array:
    """Multiplier that turns the transform of a tile into that of its circular correlation with the weights.

    The correlation starts `shift` samples before the tile, from its other end.
    """
    if weights.size > 1 << 16 or math.prod(lengths) > 1 << 20:
        return _transformed(weights, lengths, shift)
    w = np.ascontiguousarray(weights)
    return _kept_spectrum(w.tobytes(), w.shape, w.dtype.char, lengths, shift)


@lru_cache(maxsize=8)
def _kept_spectrum(data: bytes, shape: tuple[int, ...], char: str, lengths: tuple[int, ...], shift: tuple[int, ...]) -> Array:
    return _transformed(np.frombuffer(data, np.dtype(char)).reshape(shape), lengths, shift)


def _transformed(weights: Array, lengths: tuple[int, ...], shift: tuple[int, ...]) -> Array:
    from scipy import fft

    padded = np.zeros(lengths, weights.dtype)
    padded[tuple(slice(0, k) for k in weights.shape)] = np.conj(weights)
    padded = np.roll(padded, [-s for s in shift], tuple(range(len(lengths))))
    forward = fft.rfftn if weights.dtype.kind == "f" else fft.fftn
    spectrum: Array = forward(padded, workers=1, overwrite_x=True)
    return np.conj(spectrum, out=spectrum)


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


def _tile(block: Array, lengths: tuple[int, ...], spectrum: Array) -> Array:
    """Circular correlation of blocks, zero-filled to `lengths`, with the weights of `spectrum`."""
    from scipy import fft

    forward, inverse = (fft.rfftn, fft.irfftn) if block.dtype.kind == "f" else (fft.fftn, fft.ifftn)
    axes = tuple(range(-len(lengths), 0))
    transform = forward(block, s=lengths, axes=axes, workers=1)
    transform *= spectrum
    values: Array = inverse(transform, s=lengths, axes=axes, workers=1, overwrite_x=True)
    return values


def _line(block: Array, length: int, valid: int, spectrum: Array, out: Array) -> None:
    """Several overlapping tiles of a signal, transformed together."""
    count = -(-out.shape[-1] // valid)
    needed = (count - 1) * valid + length
    if block.shape[-1] < needed:
        padded = np.zeros((*block.shape[:-1], needed), block.dtype)
        padded[..., : block.shape[-1]] = block
        block = padded
    tiles: Array = np.lib.stride_tricks.sliding_window_view(block, length, axis=-1)[..., ::valid, :][..., :count, :]
    values = _tile(tiles, (length,), spectrum)[..., :valid]
    out[...] = values.reshape(*values.shape[:-2], count * valid)[..., : out.shape[-1]]
