"""Curvelet transforms on a CUDA device: `analysis` and `synthesis` of `engines.wedge`, and a spectrum taken to boxes and back.

A spectrum is a line of shape ``spectrum_shape(tables.shape, tables.real)``, the boxes of a group one of shape ``(group.end -
group.begin, *spectrum_shape(group.shape, group.real))``; both are complex, and never overlap. Sums are in the order of the
runs, as on the CPU: each number is summed by one thread. Work is put on the stream of what is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array, IntArray
from convkit.engines.cuda import strides
from convkit.engines.cuda.axes import collapsed, places_of
from convkit.engines.cuda.fourier import transform
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.launches import Launches
from convkit.engines.wedge import Group, Tables, spectrum_shape
from convkit.kernels.arrays_cuda import move
from convkit.kernels.wedge_cuda import CONJUGATED, FIELDS, READ_DOWN, WEIGHTS_DOWN, gather, settle

# Numbers of a spectrum, of weights, and of the boxes of a group: places have 32 bits.
MOST = 1 << 31


class _Pieces(NamedTuple):
    """What `gather` reads of a group, in one direction."""

    pieces: Any
    bounds: Any
    weights: Any
    launches: list[Launches]
    nbytes: int


class Wedges:
    """Runs and weights of a transform, on the device, for spectra and boxes of the complex `dtype`."""

    def __init__(self, tables: Tables, dtype: np.dtype[Any]) -> None:
        self._tables = tables
        self._dtype = dtype
        self._real = np.empty(0, dtype).real.dtype
        self._shape = spectrum_shape(tables.shape, tables.real)
        self._pieces: dict[tuple[int, int, bool], _Pieces] = {}
        self._weights: dict[int, tuple[Array, Any]] = {}
        self._settle = Launches(settle, (-(-math.prod(self._shape[:-1]) // THREADS),), (THREADS,))
        if math.prod(self._shape) >= MOST:
            raise ValueError(f"samples of shape {tables.shape} have more frequencies than the {MOST} that a CUDA device takes")

    @property
    def nbytes(self) -> int:
        """Bytes on the device so far."""
        return sum(p.nbytes for p in self._pieces.values()) + sum(values.nbytes for values, _ in self._weights.values())

    def wrap(self, spectrum: Line, group: Group, boxes: Line) -> None:
        """Write the weighted spectrum into the boxes of a group."""
        self._gather(spectrum, group, boxes, False, 1.0, True)

    def unwrap(self, boxes: Line, group: Group, spectrum: Line, fresh: bool = False) -> None:
        """Add boxes, weighted, to the spectrum; where it is `fresh`, to zeros, whatever it holds."""
        scale = 1.0 if group.real or not self._tables.real else 0.5
        self._gather(boxes, group, spectrum, not fresh, scale, False)

    def settle(self, spectrum: Line) -> None:
        """As `engines.wedge.settle`."""
        if self._tables.real:
            pitch = self._shape[-1]
            rows = spectrum.size // pitch
            self._settle(spectrum.stream, spectrum.line, rows, pitch, self._tables.shape[-1] % 2 == 0)

    def _gather(self, x: Line, group: Group, out: Line, adding: bool, scale: float, down: bool) -> None:
        key = group.begin, group.end, down
        found = self._pieces.get(key)
        if found is None:
            runs, bounds, values = self._tables.rows(group.begin, group.end, self._real)
            size = math.prod(spectrum_shape(group.shape, group.real))
            if max((group.end - group.begin) * size, values.size) >= MOST:
                raise ValueError(f"bands of shape {group.shape} have more numbers than the {MOST} that a CUDA device takes")
            fields = _cut(runs, bounds, size, out.size, down)
            grid = (-(-out.size // THREADS),)
            launches = [Launches(gather(self._dtype.name, more), grid, (THREADS,)) for more in (False, True)]
            found = self._pieces[key] = _sent(*fields, self._sent_weights(values), launches)
        found.launches[adding](x.stream, x.line, found.pieces, found.bounds, found.weights, self._real.type(scale), out.line)

    def _sent_weights(self, values: Array) -> Any:
        """Weights on the device; those of images are one array for all groups, which is sent once."""
        kept = self._weights.get(id(values))
        if kept is None:
            # The array of the host is kept too, so that no other gets its number.
            kept = self._weights[id(values)] = values, gpu.sent(values).line
        return kept[1]


def _made(device: int, tables: Tables, dtype: np.dtype[Any]) -> Wedges:
    return Wedges(tables, dtype)


# Runs and weights of the transforms met last, each on its device.
_wedges: Any = lru_cache(maxsize=4)(_made)


def analysis(x: Any, first: int, tables: Tables, buffer: Any, start: int, like: Line) -> None:
    """Write the coefficients of samples into `buffer`, from number `start` on.

    `x` and `buffer` are flat arrays of real numbers; the samples are those of `x` from number `first` on. Memory is had for the
    stream of `like`.
    """
    dtype, number = np.dtype(buffer.dtype), 1 if tables.real else 2
    spectrum, values = _complex(spectrum_shape(tables.shape, tables.real), dtype, like)
    transform(1, tables.shape, dtype, tables.real, False)(x, first, values, 0, like.stream)
    wedges = _wedges(gpu.current(), tables, spectrum.dtype)
    for group in tables.groups:
        boxes, numbers = _boxes(group, dtype, like)
        wedges.wrap(spectrum, group, boxes)
        back = transform(group.end - group.begin, group.shape, dtype, group.real, True)
        back(numbers, 0, buffer, start + number * group.place.start, like.stream)


def synthesis(buffer: Any, start: int, tables: Tables, y: Any, first: int, like: Line) -> None:
    """Write the samples that coefficients stand for, with the arguments of `analysis`: its inverse, and its adjoint."""
    dtype, number = np.dtype(buffer.dtype), 1 if tables.real else 2
    spectrum, values = _complex(spectrum_shape(tables.shape, tables.real), dtype, like)
    wedges = _wedges(gpu.current(), tables, spectrum.dtype)
    fresh = True
    for real in (False, True):
        for group in (group for group in tables.groups if group.real == real):
            boxes, numbers = _boxes(group, dtype, like)
            there = transform(group.end - group.begin, group.shape, dtype, real, False)
            there(buffer, start + number * group.place.start, numbers, 0, like.stream)
            wedges.unwrap(boxes, group, spectrum, fresh)
            fresh = False
        if not real:
            wedges.settle(spectrum)
    transform(1, tables.shape, dtype, tables.real, True)(values, 0, y, first, like.stream)


def _boxes(group: Group, dtype: np.dtype[Any], like: Line) -> tuple[Line, Any]:
    """Memory for the spectra of a group of bands."""
    return _complex((group.end - group.begin, *spectrum_shape(group.shape, group.real)), dtype, like)


def _complex(shape: tuple[int, ...], dtype: np.dtype[Any], like: Line) -> tuple[Line, Any]:
    """Memory for complex numbers of a real dtype, and its flat array of real ones."""
    memory = gpu.taken(shape, np.result_type(dtype, np.complex64), like.stream)
    return memory, reals(memory)


def reals(x: Line) -> Any:
    """Numbers as a flat array of real ones, of the same memory."""
    if x.dtype.kind != "c":
        return x.line
    real = np.empty(0, x.dtype).real.dtype
    return type(x.line)(x.line._ary.view(real)) if gpu.SIMULATED else x.line.view(real)


def moved(x: Line, axes: Sequence[int], dtype: np.dtype[Any]) -> Line:
    """Samples with the `axes` at the end, in a dtype: `x` itself where they are so."""
    order = _order(x.ndim, axes)
    there = strides.turned(x, order)
    if x.dtype == dtype:
        return x if order == sorted(order) else strides.in_order(there)
    out = gpu.taken(there.shape, dtype, x.stream)
    if x.size:
        sizes, source, target = collapsed(there.shape, there.steps, places_of(there.shape).strides)
        move[-(-x.size // THREADS), THREADS, x.stream](x.line, out.line, sizes, 0, source, 0, target)
    return out


def room_for(y: Line, axes: Sequence[int]) -> Line:
    """Memory for the samples of `y` with the `axes` at the end: that of `y` where they are there."""
    order = _order(y.ndim, axes)
    return y if order == sorted(order) else gpu.taken(tuple(y.shape[a] for a in order), y.dtype, y.stream)


def put_back(samples: Line, axes: Sequence[int], y: Line) -> None:
    """Write samples with the `axes` at the end into `y`, which has them elsewhere."""
    strides.copy(samples, strides.turned(y, _order(y.ndim, axes)))


def _order(ndim: int, axes: Sequence[int]) -> list[int]:
    """All axes, those that are given last."""
    last = [a % ndim for a in axes]
    return [*(a for a in range(ndim) if a not in last), *last]


def _sent(pieces: IntArray, bounds: IntArray, weights: Any, launches: list[Launches]) -> _Pieces:
    # One more: there is no memory of no numbers.
    fields = np.append(pieces.reshape(-1), 0).astype(np.int32)
    return _Pieces(gpu.sent(fields).line, gpu.sent(bounds.astype(np.int32)).line, weights, launches,
                   fields.nbytes + 4 * bounds.size)


def _cut(runs: IntArray, bounds: IntArray, size: int, total: int, down: bool) -> tuple[IntArray, IntArray]:
    """Pieces of runs by segment of what is written: boxes of `size` numbers, `down` from the spectrum, or the spectrum."""
    source, box, count, value, kind = runs.T
    box = box + size * np.repeat(np.arange(bounds.size - 1), np.diff(bounds))
    steps = np.where(kind & 1, -1, 1), np.where(kind & 2, -1, 1)
    (read, write), (reads, writes) = ((source, box), steps) if down else ((box, source), steps[::-1])
    # Written from low places to high ones.
    back, last = writes < 0, count - 1
    read, write, value = (np.where(back, read + reads * last, read), np.where(back, write - last, write),
                          np.where(back, value + last, value))
    reads, step = np.where(back, -reads, reads), np.where(back, -1, 1)
    kinds = READ_DOWN * (reads < 0) + WEIGHTS_DOWN * back + CONJUGATED * (kind & 4 > 0)
    segments = -(-total // THREADS)
    first = write // THREADS
    parts = (write + last) // THREADS - first + 1
    of = np.repeat(np.arange(len(runs)), parts)
    segment = first[of] + np.arange(of.size) - np.repeat(np.cumsum(parts) - parts, parts)
    begin = np.maximum(write[of], segment * THREADS)
    end = np.minimum((write + count)[of], (segment + 1) * THREADS)
    skip = begin - write[of]
    fields = np.stack([begin - segment * THREADS, end - begin, read[of] + reads[of] * skip, value[of] + step[of] * skip,
                       kinds[of]], 1)
    assert fields.shape[1] == len(FIELDS)
    order = np.argsort(segment, kind="stable")
    return fields[order], np.searchsorted(segment[order], np.arange(segments + 1))
