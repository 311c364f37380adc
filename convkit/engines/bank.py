"""Banks of filters that are given by their windows: one transform of an image for all, and one back for each full-size band.

An image is seen on a torus of the same lengths, or of twice those, which it fills with its mirror images. A window is nothing
but on a box of frequencies, so that most columns and rows need no transform.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from convkit._core import workers as pool
from convkit._core.typing import Array, IntArray

# Rows that are transformed at a time: they stay in the second-level cache.
ROWS = 32

Made = TypeVar("Made")


class Box(NamedTuple):
    """A window: its weights on some rows and columns of frequencies, modulo the lengths of the torus."""

    rows: IntArray
    columns: IntArray
    weights: Array


def spectrum_of(x: Array, lengths: tuple[int, int], workers: int) -> Array:
    """Orthonormal transform of an image on its torus."""
    from scipy import fft

    for axis, n in enumerate(lengths):
        if n > x.shape[axis]:
            x = np.concatenate([x, np.flip(x, axis)], axis)
    found: Array = fft.fft2(x, norm="ortho", workers=workers)
    return found


def samples_of(spectrum: Array, shape: tuple[int, ...], workers: int) -> Array:
    """The adjoint of `spectrum_of`, which overwrites the spectrum."""
    from scipy import fft

    y: Array = fft.ifft2(spectrum, norm="ortho", workers=workers, overwrite_x=True)
    for axis, n in enumerate(shape):
        if n < y.shape[axis]:
            first, second = np.split(y, 2, axis)
            y = first + np.flip(second, axis)
    return y


def respond(spectrum: Array, box: Box, out: Array) -> None:
    """Write the band of a window into `out`, of the image's shape."""
    for place, rows in _rows_of(spectrum, box, out.shape):
        out[place] = rows if out.dtype.kind == "c" else rows.real


def products(spectrum: Array, along: Box, down: Box, shape: tuple[int, ...]) -> Array:
    """Squared moduli of the bands of two windows, and the real part of one times the conjugate of the other."""
    found = np.empty((3, *shape), spectrum.real.dtype)
    for (place, a), (_, d) in zip(_rows_of(spectrum, along, shape), _rows_of(spectrum, down, shape), strict=True):
        found[0, place] = a.real**2 + a.imag**2
        found[1, place] = d.real**2 + d.imag**2
        found[2, place] = a.real * d.real + a.imag * d.imag
    return found


def _rows_of(spectrum: Array, box: Box, shape: tuple[int, ...]) -> Iterator[tuple[slice, Array]]:
    """The band of a window on an image of `shape`: some rows at a time, and their place."""
    from scipy import fft

    high, wide = spectrum.shape
    tall = np.zeros((high, box.columns.size), spectrum.dtype)
    with np.errstate(invalid="ignore"):
        tall[box.rows] = spectrum[np.ix_(box.rows, box.columns)] * box.weights
    tall = fft.ifft(tall, axis=0, norm="ortho", overwrite_x=True)
    for start in range(0, shape[0], ROWS):
        place = slice(start, min(start + ROWS, shape[0]))
        rows = np.zeros((place.stop - start, wide), spectrum.dtype)
        rows[:, box.columns] = tall[place]
        yield place, fft.ifft(rows, axis=1, norm="ortho", overwrite_x=True)[:, : shape[1]]


def collect(band: Array, box: Box, lengths: tuple[int, int]) -> Array:
    """What a band adds to the spectrum on the box of its window: the adjoint of `respond`."""
    from scipy import fft

    high, wide = lengths
    tall = np.empty((len(band), box.columns.size), np.result_type(band.dtype, np.complex64))
    for start in range(0, len(band), ROWS):
        rows = fft.fft(band[start : start + ROWS], n=wide, axis=1)
        tall[start : start + ROWS] = rows[:, box.columns]
    found: Array = fft.fft(tall, n=high, axis=0)[box.rows]
    with np.errstate(invalid="ignore"):
        found *= box.weights / math.sqrt(high * wide)
    return found


def analysis(spectrum: Array, boxes: Sequence[Callable[[], Box]], bands: Sequence[Array], workers: int) -> None:
    """Write the band of each window into the array of its own."""
    def work(n: int) -> None:
        respond(spectrum, boxes[n](), bands[n])

    pool.run(work, list(range(len(boxes))), workers)


def synthesis(bands: Sequence[Array], boxes: Sequence[Callable[[], Box]], lengths: tuple[int, int], workers: int) -> Array:
    """Spectrum of what the bands stand for: the adjoint of `analysis`. They are added one after the other."""
    spectrum = np.zeros(lengths, np.result_type(*bands, np.complex64))

    def work(n: int) -> tuple[Box, Array]:
        box = boxes[n]()
        return box, collect(bands[n], box, lengths)

    for box, values in in_order(work, len(boxes), workers):
        spectrum[np.ix_(box.rows, box.columns)] += values
    return spectrum


def in_order(work: Callable[[int], Made], count: int, workers: int) -> Iterator[Made]:
    """``work(0)``, ``work(1)`` and so on, in this order, of which as many as there are workers are made and held at a time."""
    for start in range(0, count, workers):
        part = range(start, min(start + workers, count))
        made: dict[int, Made] = {}

        def keep(n: int, made: dict[int, Made] = made) -> None:
            made[n] = work(n)

        pool.run(keep, list(part), workers)
        for n in part:
            yield made.pop(n)
