"""Correlation by FFT: overlap-save tiles, in vectors, or where there are none by `scipy.fft`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core.geometry import Geometry
from convkit._core.typing import Array
from convkit.engines import blocks, tiles


def correlate(x: Array, weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
              axes: Sequence[int], out: Array, workers: int, tile: tuple[int, ...]) -> None:
    """Write the correlation of `x` with `weights` along the ascending `axes` into `out`; as `cpu.correlate`.

    `tile` is the transform's length along each axis. `out` may have any layout. Tiles with samples that are not finite, or
    far larger than those of most, are summed directly.
    """
    prepare(x.shape, x.dtype, weights, geometry, boundary, fill, axes, tile)(x, out, workers)


def prepare(shape: tuple[int, ...], samples: np.dtype[Any], weights: Array, geometry: Sequence[Geometry],
            boundary: Sequence[str], fill: Any, axes: Sequence[int], tile: tuple[int, ...]) -> Prepared:
    """All of a correlation but its samples, of `shape` and of dtype `samples`: to be called with `x`, `out` and `workers`."""
    return Prepared(shape, samples, weights, geometry, boundary, fill, axes, tile)


class Prepared:
    """A correlation by FFT that waits for samples, and for results of any layout."""

    def __init__(self, shape: tuple[int, ...], samples: np.dtype[Any], weights: Array, geometry: Sequence[Geometry],
                 boundary: Sequence[str], fill: Any, axes: Sequence[int], tile: tuple[int, ...]) -> None:
        if samples.kind == "c":
            weights = weights.astype(np.result_type(weights.dtype, np.complex64), copy=False)
        self._form = tiles.form(tile)
        self._volume = tiles.prepare(shape, samples, weights, geometry, boundary, fill, axes, tile)
        # Whether results may be small integers, which are rounded on the way; blocks are put away by NumPy, which wraps them.
        self.rounds = self._volume is not None
        self._arguments = (weights, geometry, boundary, fill)
        self._axes = tuple(axes)
        self._tile = tile
        self.nbytes = weights.nbytes + (0 if self._volume is None else self._volume.nbytes)

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        # Only the kernels round: for small integers they get a copy of samples that they cannot read in place.
        if self._volume is not None and out.flags.c_contiguous and (x.flags.c_contiguous or out.dtype.kind in "iu"):
            self._volume(x, out, workers)
            return
        weights, geometry, boundary, fill = self._arguments
        ndim = len(self._axes)
        last = tuple(range(-ndim, 0))
        samples, results = np.moveaxis(x, self._axes, last), np.moveaxis(out, self._axes, last)
        circular = _circular(self._tile, weights) if self._form is None else tiles.circular(self._form, weights)
        together = 2 if weights.dtype.kind == "f" and self._form is not None else 1
        for head in np.ndindex(samples.shape[:-ndim]):
            blocks.correlate(samples[head], weights, geometry, boundary, fill, results[head], workers, self._tile, together,
                             circular)


def _spectrum(weights: Array, lengths: tuple[int, ...]) -> Array:
    """Multiplier that turns the transform of a tile into that of its circular correlation with the weights."""
    if weights.size > 1 << 16:
        return _transformed(weights, lengths)
    w = np.ascontiguousarray(weights)
    return _kept_spectrum(w.tobytes(), w.shape, w.dtype.char, lengths)


@lru_cache(maxsize=8)
def _kept_spectrum(data: bytes, shape: tuple[int, ...], char: str, lengths: tuple[int, ...]) -> Array:
    return _transformed(np.frombuffer(data, np.dtype(char)).reshape(shape), lengths)


def _transformed(weights: Array, lengths: tuple[int, ...]) -> Array:
    from scipy import fft

    forward = fft.rfftn if weights.dtype.kind == "f" else fft.fftn
    spectrum: Array = forward(np.conj(weights), s=lengths, workers=1)
    return np.conj(spectrum, out=spectrum)


def _circular(lengths: tuple[int, ...], weights: Array) -> Callable[[Sequence[Array]], Sequence[Array]]:
    """Circular correlation of a block, zero-filled to `lengths`, with the weights."""
    from scipy import fft

    spectrum = _spectrum(weights, lengths)
    forward, inverse = (fft.rfftn, fft.irfftn) if weights.dtype.kind == "f" else (fft.fftn, fft.ifftn)

    def correlated(given: Sequence[Array]) -> Sequence[Array]:
        transform = forward(given[0], s=lengths, workers=1)
        transform *= spectrum
        values: Array = inverse(transform, s=lengths, workers=1, overwrite_x=True)
        return [values]

    return correlated
