"""Curvelet transforms on the CPU: a spectrum taken to the boxes of its bands and back, by a pool of workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from convkit._core import workers as pool
from convkit._core.typing import Array, IntArray
from convkit.kernels.wedge import unwrap, wrap

# Coefficients that are filled and transformed at a time: they stay in the second-level cache.
PIECE = 1 << 15
# Numbers in a box from which on several workers share it.
LARGE = 1 << 16


class Band(NamedTuple):
    """Coefficients of one wedge, or of a scale that is not divided into wedges.

    `lengths` is the shape of its box, and `real` tells whether its coefficients are. `numbers` is how many numbers of the
    buffer hold them.
    """

    scale: int
    wedge: int
    lengths: tuple[int, ...]
    real: bool
    numbers: int

    @property
    def spectrum(self) -> tuple[int, ...]:
        """Shape of the transform of its coefficients."""
        return (*self.lengths[:-1], self.lengths[-1] // 2 + 1) if self.real else self.lengths


class Tables(Protocol):
    """All bands of a transform of samples of `shape`, and their runs and weights."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes of samples."""

    @property
    def real(self) -> bool:
        """Whether samples are real, so that half a spectrum tells all."""

    @property
    def bands(self) -> Sequence[Band]:
        """In the order of their coefficients."""

    def rows(self, number: int, dtype: np.dtype[Any]) -> tuple[IntArray, Array]:
        """Runs of band `number`, and weights of a real dtype; see kernels/wedge.py."""


class Group(NamedTuple):
    """Neighbouring bands of one shape, `begin` to `end`, and the numbers of the buffer that hold them."""

    begin: int
    end: int
    place: slice
    shape: tuple[int, ...]
    real: bool

    def of(self, buffer: Array) -> Array:
        """Coefficients, one band after the other."""
        part = buffer[self.place]
        if buffer.dtype.kind != "c" and not self.real:
            part = part.view(np.result_type(buffer.dtype, np.complex64))
        return part.reshape(self.end - self.begin, *self.shape)


def analysis(x: Array, tables: Tables, buffer: Array, workers: int) -> None:
    """Write the coefficients of samples `x` into `buffer`."""
    forward(spectrum_of(x, tables, workers), tables, 0, len(tables.bands), buffer, workers)


def synthesis(buffer: Array, tables: Tables, workers: int) -> Array:
    """Samples that the coefficients in `buffer` stand for: the inverse of `analysis`, and its adjoint."""
    spectrum = empty_spectrum(tables, buffer.real.dtype)
    wedges = [n for n, band in enumerate(tables.bands) if not band.real]
    starts = np.cumsum([0, *(band.numbers for band in tables.bands)])
    if wedges:
        first, last = wedges[0], wedges[-1] + 1
        adjoint(buffer[starts[first] : starts[last]], tables, first, last, spectrum, workers)
    settle(spectrum, tables)
    for n, band in enumerate(tables.bands):
        if band.real:
            adjoint(buffer[starts[n] : starts[n + 1]], tables, n, n + 1, spectrum, workers)
    return samples_of(spectrum, tables, workers)


def spectrum_of(x: Array, tables: Tables, workers: int) -> Array:
    """Orthonormal transform of samples; half of it where they are real."""
    spectrum: Array = _forward(x[None], tables.real, workers)[0]
    return spectrum


def samples_of(spectrum: Array, tables: Tables, workers: int) -> Array:
    """The inverse of `spectrum_of`, which overwrites the spectrum."""
    values: Array = _inverse(spectrum[None], tables.shape, tables.real, workers)[0]
    return values


def empty_spectrum(tables: Tables, dtype: np.dtype[Any]) -> Array:
    """Nothing, for coefficients to be added to it."""
    shape = (*tables.shape[:-1], tables.shape[-1] // 2 + 1) if tables.real else tables.shape
    return np.zeros(shape, np.result_type(dtype, np.complex64))


def settle(spectrum: Array, tables: Tables) -> None:
    """To be called between the wedges and the real bands that are added to a spectrum.

    Frequencies of which half a spectrum holds one of two opposites got the half of a sum; the others get the rest of theirs.
    """
    if tables.real:
        spectrum[..., 0] *= 2
        if tables.shape[-1] % 2 == 0:
            spectrum[..., -1] *= 2


def forward(spectrum: Array, tables: Tables, first: int, last: int, buffer: Array, workers: int) -> None:
    """Write the coefficients of bands `first` to `last` into `buffer`, one after the other."""
    flat = _parts(spectrum)

    def work(group: Group, share: int = 1) -> None:
        result = group.of(buffer)
        boxes = np.empty((len(result), *tables.bands[group.begin].spectrum), spectrum.dtype) if group.real else result
        boxes[...] = 0
        for number, box in zip(range(group.begin, group.end), boxes, strict=True):
            runs, values = tables.rows(number, flat.dtype)
            parts = [runs[len(runs) * k // share : len(runs) * (k + 1) // share] for k in range(share)]
            pool.run(partial(_wrap, flat, values, _parts(box)), parts, share)
        done = _inverse(boxes, group.shape, group.real, share)
        if not np.may_share_memory(done, result):
            result[...] = done

    groups = _groups(tables, first, last)
    for group in groups:
        if _large(group):
            work(group, workers)
    pool.run(work, [group for group in groups if not _large(group)], workers)


def adjoint(buffer: Array, tables: Tables, first: int, last: int, spectrum: Array, workers: int) -> None:
    """Add what the coefficients of bands `first` to `last` stand for to a spectrum, one after the other; see `settle`."""
    flat, pitch = _parts(spectrum), spectrum.shape[-1]
    groups = _groups(tables, first, last)
    step = 4 * workers
    for start in range(0, len(groups), step):
        part = groups[start : start + step]
        ready: list[Any] = [None] * len(part)

        def transform(i: int, part: list[Group] = part, ready: list[Any] = ready) -> None:
            group = part[i]
            stack = _forward(group.of(buffer), group.real, workers if len(part) == 1 else 1)
            scale = flat.dtype.type(1 if group.real or not tables.real else 0.5)
            ready[i] = [(_parts(box), *tables.rows(group.begin + k, flat.dtype), scale) for k, box in enumerate(stack)]

        def add(turn: int, ready: list[Any] = ready) -> None:
            for bands in ready:
                for band in bands:
                    unwrap(*band, flat, pitch, turn, workers)

        pool.run(transform, list(range(len(part))), workers)
        pool.run(add, list(range(workers)), workers)


def _wrap(spectrum: Array, values: Array, box: Array, runs: IntArray) -> None:
    wrap(spectrum, runs, values, box)


def _groups(tables: Tables, first: int, last: int) -> list[Group]:
    groups: list[Group] = []
    place = 0
    for n in range(first, last):
        band = tables.bands[n]
        before = groups[-1] if groups else None
        end = place + band.numbers
        if before is not None and (before.shape, before.real) == (band.lengths, band.real) \
                and (n + 1 - before.begin) * math.prod(band.lengths) <= PIECE:
            groups[-1] = before._replace(end=n + 1, place=slice(before.place.start, end))
        else:
            groups.append(Group(n, n + 1, slice(place, end), band.lengths, band.real))
        place = end
    return groups


def _large(group: Group) -> bool:
    return group.end - group.begin == 1 and math.prod(group.shape) >= LARGE


def _forward(stack: Array, real: bool, workers: int) -> Array:
    from scipy import fft

    axes = tuple(range(1, stack.ndim))
    done: Array = (fft.rfftn if real else fft.fftn)(stack, axes=axes, norm="ortho", workers=workers)
    return done


def _inverse(stack: Array, shape: tuple[int, ...], real: bool, workers: int) -> Array:
    """Inverse transforms of a stack, which is overwritten."""
    from scipy import fft

    axes = tuple(range(1, stack.ndim))
    done: Array
    if real:
        done = fft.irfftn(stack, s=shape, axes=axes, norm="ortho", workers=workers, overwrite_x=True)
    else:
        done = fft.ifftn(stack, axes=axes, norm="ortho", workers=workers, overwrite_x=True)
    return done


def _parts(array: Array) -> Array:
    """Real and imaginary parts in turn, flat."""
    flat = array.reshape(-1)
    return flat.view(flat.real.dtype)
