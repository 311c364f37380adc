"""Transforms of whole arrays, a few rows or columns at a time: by any number of workers, and without large temporary arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convkit._core import workers as pool
from convkit._core.typing import Array

# Numbers in a piece: they stay in the second-level cache.
PIECE = 1 << 15


def forward(x: Array, spectrum: Array, workers: int) -> None:
    """Write the orthonormal transform of `x` into `spectrum`, half of it where `x` is real. Both are C-contiguous."""
    from scipy import fft

    rows, lines = x.reshape(-1, x.shape[-1]), spectrum.reshape(-1, spectrum.shape[-1])
    along = fft.fft if x.dtype.kind == "c" else fft.rfft

    def transform(piece: slice) -> None:
        lines[piece] = along(rows[piece], norm="ortho", workers=1)

    pool.run(transform, _cut(len(rows), x.shape[-1]), workers)
    _across(spectrum, fft.fft, workers)


def inverse(spectrum: Array, y: Array, workers: int) -> None:
    """Write the samples whose transform is `spectrum`, which is overwritten, into `y`. Both are C-contiguous."""
    from scipy import fft

    rows, lines = y.reshape(-1, y.shape[-1]), spectrum.reshape(-1, spectrum.shape[-1])
    along = fft.ifft if y.dtype.kind == "c" else fft.irfft

    def transform(piece: slice) -> None:
        rows[piece] = along(lines[piece], n=y.shape[-1], norm="ortho", workers=1)

    _across(spectrum, fft.ifft, workers)
    pool.run(transform, _cut(len(rows), y.shape[-1]), workers)


def _across(spectrum: Array, function: Any, workers: int) -> None:
    """Transform all axes but the last in place."""
    last = spectrum.ndim - 1
    for axis in range(last):
        beside = 0 if axis else 1

        def transform(piece: slice, axis: int = axis, beside: int = beside) -> None:
            part = spectrum[(slice(None),) * beside + (piece,)]
            done = function(part, axis=axis, norm="ortho", workers=1, overwrite_x=True)
            if not np.may_share_memory(done, part):
                part[...] = done

        count = spectrum.shape[beside]
        pool.run(transform, _cut(count, math.prod(spectrum.shape) // count), workers)


def _cut(count: int, size: int) -> list[slice]:
    """Pieces of `count` parts of `size` numbers, of equal length but for the last."""
    step = max(1, PIECE // size)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
