"""Edges on the CPU: images, volumes and given derivatives cut into pieces, thinned and linked in the pool."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry
from convkit._core.typing import Array, BoolArray
from convkit.engines.pieces import beyond, flat, scratch
from convkit.kernels.correlate import minimum_columns, separable_box
from convkit.kernels.cross import cross, sum_at
from convkit.kernels.link import classify, join, link
from convkit.kernels.trace import BINS, COUNT, SHIFT, STORE, THIN, trace_field, trace_image
from convkit.kernels.trace_volume import trace_volume

# Rows of an image, and planes of a volume, in one piece; and pixels up to which a sweep is not handed over.
ROWS, PLANES, ALONE = 128, 8, 1 << 15
# Pixels from which on only some rows are counted for default thresholds, and how many of these lie together.
MANY, BAND = 1 << 20, 16
# Elements of a strip of smoothed rows, and of a block of a volume.
STRIP_ELEMENTS, BLOCK_ELEMENTS = 1 << 16, 1 << 16

_NO_BYTES, _NO_COUNTS, _FLOAT32 = np.empty(0, np.uint8), np.empty(0, np.int64), np.dtype(np.float32)
Span: TypeAlias = tuple[int, int]


class Task(NamedTuple):
    """What is made of magnitudes, and the arrays that it needs; empty ones where it needs none."""

    kind: int
    straight: bool
    low: Any
    high: Any
    valid: Array
    marks: Array
    words: Array
    pitch: int
    offsets: Array
    counts: Array
    stored: Array


class Marks:
    """A byte for each sample, with zeros around them, and rows of whole words of eight: see `kernels.link`.

    Neighbours differ by at most 1 along the `axes`, in at most `connectivity` of them.
    """

    def __init__(self, shape: Sequence[int], axes: Sequence[int] | None = None, connectivity: int | None = None) -> None:
        ndim = len(shape)
        padded = [n + 2 for n in shape[:-1]] + [-(-(shape[-1] + 2) // 8) * 8]
        self.array = np.zeros(padded, np.uint8)
        self.flat = self.array.reshape(-1)
        self.words = self.flat.view(np.uint64)
        self.inner = self.array[tuple(slice(1, n + 1) for n in shape)]
        along = range(ndim) if axes is None else axes
        most = ndim if connectivity is None else connectivity
        steps = itertools.product(*[(-1, 0, 1) if a in along else (0,) for a in range(ndim)])
        near = [step for step in steps if 1 <= np.count_nonzero(step) <= most]
        self.offsets = np.array(near, np.int64) @ np.array(self.array.strides, np.int64)
        self.pitch = padded[-1]
        self.slab = self.array.strides[0]

    def linked(self, spans: Sequence[Span], out: BoolArray, workers: int) -> None:
        """Join the linked parts of rows `spans`, and say in `out` which pixels are edges."""
        seams = np.array([(first + 1) * self.slab for first, _ in spans[1:]], np.int64)
        join(self.flat, seams, self.slab, self.offsets)
        target = out.view(np.uint8)

        def finish(span: Span) -> None:
            np.bitwise_and(self.inner[span[0] : span[1]], 1, out=target[span[0] : span[1]])

        pool.run(finish, list(spans), workers)


class Image:
    """An image that is smoothed while it is traced.

    Extended by its boundary it is correlated with taps (odd, symmetric) down its columns and across its rows; an image
    that is already smoothed, and has one pixel more on every side, needs no `taps`. Rows are at least `minimum_columns` long.
    """

    def __init__(self, x: Array, taps: Sequence[Array] | None, boundary: Sequence[str], work: np.dtype[Any]) -> None:
        n = x.shape
        down, across = (np.array(t, work) for t in (taps or (np.ones(1), np.ones(1))))
        halo = (0, 0) if taps is None else (down.size // 2 + 1, across.size // 2 + 1)
        self.shape = n if taps is not None else (n[0] - 2, n[1] - 2)
        self.work = work
        wide = self.shape[1] + 2
        ends = beyond(n[1], Geometry(0, wide, halo[1], halo[1]), boundary[1])
        self._samples = (flat(x), index_map(n[0], halo[0], halo[0], boundary[0]), ends, halo[1])
        self._taps = (down, across)
        self._n = n
        self._strip = max(4, min(32, STRIP_ELEMENTS // wide // 4 * 4))
        self._rest = self._strip * (wide + across.size - 1) + (self._strip + down.size - 1) * n[1]
        self.spans = _spans(self.shape[0], ROWS)


    def __call__(self, task: Task, span: Span) -> None:
        """Do `task` for the rows of `span`."""
        width = self.shape[1]
        trace_image(*self._samples, self._n, *self._taps, self.shape, *task, span, scratch(self.work, _ring(width), "ring"),
                    _single(width), self._strip, scratch(self.work, (self._strip + 2) * (width + 2) + self._rest, "trace"))

    def smoothed(self, workers: int) -> Array:
        """The image as it is differentiated, with one pixel more on every side."""
        height, wide = self.shape[0] + 2, self.shape[1] + 2
        out = np.empty((height, wide), self.work)
        x, rows, ends, before = self._samples
        none = (self.work.type(0), self.work.type(0))

        def work(span: Span) -> None:
            separable_box(x, (1, *self._n), rows, ends, before, 1, none, none, *self._taps, out.reshape(-1), (1, height, wide),
                          (0, 1, *span), self._strip, scratch(self.work, self._rest, "trace"))

        pool.run(work, _spans(height, ROWS), workers)
        return out


class Field:
    """Two derivatives of an image that are given."""

    def __init__(self, derivatives: Sequence[Array], work: np.dtype[Any]) -> None:
        self.shape = derivatives[0].shape
        self.work = work
        self._derivatives = [flat(d) for d in derivatives]
        self.spans = _spans(self.shape[0], ROWS)

    def __call__(self, task: Task, span: Span) -> None:
        """Do `task` for the rows of `span`."""
        width = self.shape[1]
        trace_field(*self._derivatives, self.shape, *task, span, scratch(self.work, _ring(width), "ring"), _single(width))


class Volume:
    """A smoothed volume with one sample more on every side, or three derivatives that are given."""

    def __init__(self, smoothed: Array | None, derivatives: Sequence[Array], work: np.dtype[Any]) -> None:
        empty = np.empty(0, work)
        if smoothed is None:
            self._arrays = [empty, *(flat(d) for d in derivatives)]
            self.shape = derivatives[0].shape
        else:
            self._arrays = [flat(smoothed), empty, empty, empty]
            self.shape = tuple(n - 2 for n in smoothed.shape)
        self.work = work
        _, height, width = self.shape
        self._high = max(1, min(height, BLOCK_ELEMENTS // ((PLANES + 2) * (width + 2)) - 2))
        self._scratch = (PLANES + 2) * (self._high + 2) * (4 * width + 2)
        self.spans = _spans(self.shape[0], PLANES)

    def __call__(self, task: Task, span: Span) -> None:
        """Do `task` for the planes of `span`."""
        kind, _, *rest = task
        trace_volume(*self._arrays, self.shape, kind, *rest, span, self._high, scratch(self.work, self._scratch, "trace"),
                     _single(self.shape[2]))


Source: TypeAlias = Image | Field | Volume


def _spans(count: int, most: int) -> list[Span]:
    return [(first, min(first + most, count)) for first in range(0, count, most)]


def _ring(width: int) -> int:
    """Elements of the rows that a sweep keeps: three of magnitudes, two of both derivatives."""
    return 3 * (width + 2) + 4 * width


def _single(width: int) -> Array:
    return scratch(_FLOAT32, width, "single")[:width]


def _task(source: Source, kind: int, straight: bool, low: float = 0.0, high: float = 0.0, valid: BoolArray | None = None,
          marks: Marks | None = None, counts: Array = _NO_COUNTS, stored: Array | None = None) -> Task:
    number = source.work.type
    some = _NO_BYTES if valid is None else np.where(valid, np.uint8(255), np.uint8(0)).reshape(-1)
    with np.errstate(over="ignore"):
        # scikit-image hands its low threshold on as a float32.
        low, high = number(low if straight else np.float32(low)), number(high)
    return Task(kind, straight, low, high, some, marks.flat if marks else _NO_BYTES,
                marks.words if marks else _NO_BYTES.view(np.uint64), marks.pitch if marks else 0,
                marks.offsets if marks else _NO_COUNTS, counts, np.empty(0, source.work) if stored is None else stored)


def _alone(source: Source, workers: int) -> int:
    return 1 if np.prod(source.shape) <= ALONE else workers


def edges(source: Source, straight: bool, low: float, high: float, valid: BoolArray | None, out: BoolArray,
          workers: int) -> None:
    """Write to `out` which pixels are edges; `straight` for OpenCV's rule; those not `valid` are none."""
    marks = Marks(source.shape)
    task = _task(source, THIN, straight, low, high, valid, marks)
    count = _alone(source, workers)
    pool.run(lambda span: source(task, span), source.spans, count)
    marks.linked(source.spans, out, count)


def histogram(source: Source, straight: bool, valid: BoolArray | None, workers: int) -> Array:
    """How many of the `valid` magnitudes share their leading bits, of those that are finite.

    Of images of `MANY` pixels, and of more, in `BAND` rows out of four times as many.
    """
    total, lock = np.zeros(BINS, np.int64), threading.Lock()
    task = _task(source, COUNT, straight, valid=valid)
    parts = [[span] for span in source.spans]
    if len(source.shape) == 2 and np.prod(source.shape) >= MANY:
        bands = [(first, min(first + BAND, source.shape[0])) for first in range(0, source.shape[0], 4 * BAND)]
        parts = [bands[i : i + 4] for i in range(0, len(bands), 4)]

    def work(part: list[Span]) -> None:
        counts = scratch(np.dtype(np.int64), 2 * BINS, "counts")[: 2 * BINS]
        counts[:] = 0
        for span in part:
            source(task._replace(counts=counts), span)
        with lock:
            np.add(total, counts[:BINS], out=total)
            np.add(total, counts[BINS:], out=total)

    pool.run(work, parts, _alone(source, workers))
    return total


def bucket_ends(buckets: Sequence[int]) -> list[float]:
    """Where buckets of `histogram` end."""
    ends = ((np.array(buckets, np.uint32) + np.uint32(1)) << np.uint32(SHIFT)).view(np.float32)
    return [min(float(end), float(np.finfo(np.float32).max)) for end in ends]


def magnitudes(source: Source, straight: bool, workers: int) -> Array:
    """Magnitudes of all pixels, in order."""
    stored = np.empty(int(np.prod(source.shape)), source.work)
    task = _task(source, STORE, straight, stored=stored)
    pool.run(lambda span: source(task, span), source.spans, _alone(source, workers))
    return stored


def least_width(work: np.dtype[Any]) -> int:
    """Columns that an `Image` has at least."""
    return minimum_columns(work)


def hysteresis(x: Array, low: Any, high: Any, axes: Sequence[int], connectivity: int, out: BoolArray, workers: int) -> None:
    """Write to `out` which samples above `low` hang together with one above `high`; `x` has at least two axes."""
    marks = Marks(x.shape, axes, connectivity)
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    per_slab = int(np.prod(x.shape[1:-1]))
    begin = np.ones((1,), np.int64)
    for n, stride in zip(x.shape[:-1], marks.array.strides[:-1], strict=True):
        begin = np.add.outer(begin, stride * np.arange(1, n + 1)).reshape(-1)
    spans = _spans(x.shape[0], max(1, (1 << 18) // (per_slab * x.shape[-1])))

    def work(span: Span) -> None:
        classify(rows, low, high, marks.flat, begin, span[0] * per_slab, span[1] * per_slab)
        link(marks.flat, marks.words, (span[0] + 1) * marks.slab, (span[1] + 1) * marks.slab, marks.offsets)

    count = 1 if x.size <= ALONE else workers
    pool.run(work, spans, count)
    marks.linked(spans, out, count)




def crossings(values: Array, axes: Sequence[int], slope: Any, out: BoolArray, workers: int) -> None:
    """Write to `out` where C-contiguous `values` change their sign along `axes`, by at least `slope` from sample to sample."""
    out[...] = False
    line, marks = flat(values), out.reshape(-1).view(np.uint8)
    for axis in axes:
        n = values.shape[axis]
        inner = int(np.prod(values.shape[axis + 1 :]))
        rows = values.size // (inner if inner > 1 else n)
        spans = _spans(rows, max(1, (1 << 18) // (inner if inner > 1 else n)))

        def work(span: Span, n: int = n, inner: int = inner) -> None:
            cross(line, n, inner, slope, *span, marks)

        pool.run(work, spans, 1 if values.size <= ALONE else workers)


def sums_at(x: Array, points: Array, steps: Array, weights: Array) -> Array:
    """Sums of `weights` (m, n) times the samples that lie `steps` (m, ndim) from each of the (k, ndim) `points`, as (k, n)."""
    strides = np.array(x.strides, np.int64) // x.itemsize
    out = np.empty((len(points), weights.shape[1]))
    sum_at(flat(x), points @ strides, steps @ strides, weights, out)
    return out
