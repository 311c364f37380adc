"""Curvelet transforms on the CPU: a spectrum taken to the boxes of its bands and back, by a pool of workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from convkit._core import workers as pool
from convkit._core.typing import Array, IntArray
from convkit.engines import planes
from convkit.engines.pieces import scratch
from convkit.kernels.wedge import unwrap, wrap

# Coefficients that are filled and transformed at a time: they stay in the second-level cache.
PIECE = 1 << 15
# Samples below which handing work over costs more than it saves.
ALONE = 1 << 15


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


class Group(NamedTuple):
    """Neighbouring bands of one shape, `begin` to `end`, and the numbers of a buffer that hold them."""

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


class Tables(Protocol):
    """All bands of a transform of samples, in the order of their coefficients, and their runs and weights."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes of samples."""

    @property
    def real(self) -> bool:
        """Whether samples are real, so that half a spectrum tells all."""

    @property
    def bands(self) -> Sequence[Band]:
        """Coarse ones first."""

    @property
    def groups(self) -> Sequence[Group]:
        """What `grouped` makes of the bands."""

    def rows(self, begin: int, end: int, dtype: np.dtype[Any]) -> tuple[IntArray, IntArray, Array]:
        """Runs of bands `begin` to `end`, where those of each begin, and weights of a real dtype; see kernels/wedge.py."""


def grouped(bands: Sequence[Band]) -> list[Group]:
    """All bands in groups that are worked on together."""
    groups: list[Group] = []
    end = 0
    for n, band in enumerate(bands):
        start, end = end, end + band.numbers
        before = groups[-1] if groups else None
        if before is not None and (before.shape, before.real) == (band.lengths, band.real) \
                and (n + 1 - before.begin) * math.prod(band.lengths) <= PIECE:
            groups[-1] = before._replace(end=n + 1, place=slice(before.place.start, end))
        else:
            groups.append(Group(n, n + 1, slice(start, end), band.lengths, band.real))
    return groups


def alone(tables: Tables, number: int) -> Group:
    """A band that has a buffer of its own."""
    band = tables.bands[number]
    return Group(number, number + 1, slice(0, band.numbers), band.lengths, band.real)


def spectrum_shape(shape: tuple[int, ...], real: bool) -> tuple[int, ...]:
    """Shape of the transform of samples."""
    return (*shape[:-1], shape[-1] // 2 + 1) if real else shape


def analysis(x: Array, tables: Tables, buffer: Array, workers: int) -> None:
    """Write the coefficients of samples `x` into `buffer`."""
    workers = 1 if x.size < ALONE else workers
    spectrum = _scratch(spectrum_shape(tables.shape, tables.real), x.dtype, "spectrum")
    planes.forward(x, spectrum, workers)
    forward(spectrum, tables, tables.groups, buffer, workers)


def synthesis(buffer: Array, tables: Tables, workers: int) -> Array:
    """Samples that the coefficients in `buffer` stand for: the inverse of `analysis`, and its adjoint."""
    workers = 1 if math.prod(tables.shape) < ALONE else workers
    spectrum = _scratch(spectrum_shape(tables.shape, tables.real), buffer.dtype, "spectrum")
    spectrum[...] = 0
    adjoint(buffer, tables, [group for group in tables.groups if not group.real], spectrum, workers)
    settle(spectrum, tables)
    adjoint(buffer, tables, [group for group in tables.groups if group.real], spectrum, workers)
    y = np.empty(tables.shape, buffer.dtype)
    planes.inverse(spectrum, y, workers)
    return y


def settle(spectrum: Array, tables: Tables) -> None:
    """To be called between the wedges and the real bands that are added to a spectrum.

    Frequencies of which half a spectrum holds one of two opposites got the half of a sum; the others get the rest of theirs.
    """
    if tables.real:
        spectrum[..., 0] *= 2
        if tables.shape[-1] % 2 == 0:
            spectrum[..., -1] *= 2


def forward(spectrum: Array, tables: Tables, groups: Iterable[Group], buffer: Array, workers: int) -> None:
    """Write the coefficients of groups of bands into `buffer`."""
    flat = _parts(spectrum)
    pieces: list[Callable[[], None]] = []
    rest = []
    for batch in _batches(groups, tables, 1):
        if not _whole(batch[0], tables):
            pieces.append(partial(_fill, batch, tables, flat, buffer))
            continue
        # A scale that is not divided has a place for every frequency, so that its box need not be cleared.
        boxes = _boxes(batch[0], buffer, "whole")
        pieces += [partial(_wrap, batch[0], tables, flat, boxes, k, workers) for k in range(workers)]
        rest.append((boxes, batch[0].of(buffer)))
    pool.run(_call, pieces, workers)
    for boxes, coefficients in rest:
        planes.inverse(boxes[0], coefficients[0], workers)


def _call(piece: Callable[[], None]) -> None:
    piece()


def _fill(batch: list[Group], tables: Tables, spectrum: Array, buffer: Array) -> None:
    """Fill and transform the boxes of groups."""
    from scipy import fft

    for group in batch:
        result, boxes = group.of(buffer), _boxes(group, buffer, "boxes")
        boxes[...] = 0
        _wrap(group, tables, spectrum, boxes, 0, 1)
        if group.real:
            for box, coefficients in zip(boxes, result, strict=True):
                planes.inverse(box, coefficients, 1)
            continue
        done = fft.ifftn(boxes, axes=tuple(range(1, boxes.ndim)), norm="ortho", workers=1, overwrite_x=True)
        if not np.may_share_memory(done, boxes):
            boxes[...] = done


def _boxes(group: Group, buffer: Array, purpose: str) -> Array:
    """Where the spectra of a group of bands are gathered: where their coefficients will be, unless those are real."""
    result = group.of(buffer)
    shape = (len(result), *spectrum_shape(group.shape, group.real))
    return _scratch(shape, buffer.dtype, purpose) if group.real else result


def _wrap(group: Group, tables: Tables, spectrum: Array, boxes: Array, part: int, parts: int) -> None:
    """Write a part of the runs of a group into its boxes."""
    runs, bounds, values = tables.rows(group.begin, group.end, spectrum.dtype)
    if parts > 1:
        runs = runs[len(runs) * part // parts : len(runs) * (part + 1) // parts]
        bounds = np.array([0, len(runs)])
    wrap(spectrum, runs, bounds, values, _parts(boxes), math.prod(boxes.shape[1:]))


def adjoint(buffer: Array, tables: Tables, groups: Sequence[Group], spectrum: Array, workers: int) -> None:
    """Add what the coefficients of groups of bands stand for to a spectrum, one after the other; see `settle`.

    Each worker adds to rows of its own, so that sums are in the same order whatever their number.
    """
    flat, pitch = _parts(spectrum), spectrum.shape[-1]
    for part in _batches(groups, tables, workers):
        shapes = [(group.end - group.begin, *spectrum_shape(group.shape, group.real)) for group in part]
        ends = np.cumsum([0, *map(math.prod, shapes)]).tolist()
        memory = _scratch((ends[-1],), buffer.dtype, "boxes")
        stacks = [memory[ends[i] : ends[i + 1]].reshape(shape) for i, shape in enumerate(shapes)]
        ready: list[Any] = [None] * len(part)

        def transform(i: int, share: int = 1, part: Sequence[Group] = part, stacks: list[Array] = stacks,
                      ready: list[Any] = ready) -> None:
            group, boxes = part[i], stacks[i]
            _transform(group.of(buffer), boxes, share)
            scale = flat.dtype.type(1 if group.real or not tables.real else 0.5)
            ready[i] = (_parts(boxes), math.prod(boxes.shape[1:]), *tables.rows(group.begin, group.end, flat.dtype), scale)

        def add(turn: int, ready: list[Any] = ready) -> None:
            for boxes in ready:
                unwrap(*boxes, flat, pitch, turn, workers)

        if len(part) == 1:
            transform(0, workers)
        else:
            pool.run(transform, list(range(len(part))), workers)
        pool.run(add, list(range(workers)), workers)


def _whole(group: Group, tables: Tables) -> bool:
    """Whether a group is a finest scale that is not divided: as large as the samples."""
    return group.end == len(tables.bands) and tables.bands[-1].wedge == 0


def _batches(groups: Iterable[Group], tables: Tables, workers: int) -> list[list[Group]]:
    """Groups that are worked on together: a scale as large as the samples alone, of others enough for all workers."""
    batches: list[list[Group]] = []
    room = 0
    for group in groups:
        whole = _whole(group, tables)
        size = (group.end - group.begin) * math.prod(group.shape)
        if whole or size > room:
            batches.append([])
            room = 0 if whole else PIECE * (1 if workers == 1 else 8 * workers)
        batches[-1].append(group)
        room -= size
    return batches


def _transform(coefficients: Array, boxes: Array, workers: int) -> None:
    """Write the transforms of a stack of coefficients into boxes."""
    from scipy import fft

    if coefficients.dtype.kind != "c" or workers > 1:
        for values, box in zip(coefficients, boxes, strict=True):
            planes.forward(values, box, workers)
        return
    boxes[...] = coefficients
    axes = tuple(range(1, boxes.ndim))
    done = fft.fftn(boxes, axes=axes, norm="ortho", workers=1, overwrite_x=True)
    if not np.may_share_memory(done, boxes):
        boxes[...] = done


def _scratch(shape: tuple[int, ...], dtype: np.dtype[Any], purpose: str) -> Array:
    """Complex numbers that this thread uses until it asks for others of the same purpose."""
    size = math.prod(shape)
    return scratch(np.result_type(dtype, np.complex64), size, purpose)[:size].reshape(shape)


def _parts(array: Array) -> Array:
    """Real and imaginary parts in turn, flat."""
    flat = array.reshape(-1)
    return flat.view(flat.real.dtype)
