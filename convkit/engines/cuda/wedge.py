"""Curvelet transforms on a CUDA device: a spectrum taken to the boxes of its bands and back; transforms are the caller's.

What the caller does, with the tables, groups and bands of `engines.wedge`::

    wedges = Wedges(tables, np.dtype("complex64"))        # once; runs and weights go to the device as groups are met
    wedges.wrap(spectrum, group, boxes)                   # all numbers of boxes are written: zeros where no frequency is
    ...                                                   # inverse transforms of the boxes: coefficients

    fresh = True                                          # back: forward transforms of coefficients into boxes, then
    for group in (group for group in tables.groups if not group.real):
        wedges.unwrap(boxes, group, spectrum, fresh)      # adds to the spectrum, with the factor that the group needs
        fresh = False                                     # the first call writes all numbers of the spectrum
    wedges.settle(spectrum)
    for group in (group for group in tables.groups if group.real):
        wedges.unwrap(boxes, group, spectrum)

`spectrum` is a line of shape ``spectrum_shape(tables.shape, tables.real)``, `boxes` one of shape ``(group.end - group.begin,
*spectrum_shape(group.shape, group.real))``; both are complex, and never overlap. Sums are in the order of the runs, as on the
CPU: each number is summed by one thread. Work is put on the stream of what is read.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array, IntArray
from convkit.engines.cuda.grids import THREADS
from convkit.engines.wedge import Group, Tables, spectrum_shape
from convkit.kernels.wedge_cuda import CONJUGATED, FIELDS, READ_DOWN, WEIGHTS_DOWN, gather, settle

# Numbers of a spectrum, of weights, and of the boxes of a group: places have 32 bits.
MOST = 1 << 31


class _Pieces(NamedTuple):
    """What `gather` reads of a group, in one direction."""

    pieces: Any
    bounds: Any
    weights: Any
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
            settle[-(-rows // THREADS), THREADS, spectrum.stream](spectrum.line, rows, pitch, self._tables.shape[-1] % 2 == 0)

    def _gather(self, x: Line, group: Group, out: Line, adding: bool, scale: float, down: bool) -> None:
        key = group.begin, group.end, down
        found = self._pieces.get(key)
        if found is None:
            runs, bounds, values = self._tables.rows(group.begin, group.end, self._real)
            size = math.prod(spectrum_shape(group.shape, group.real))
            if max((group.end - group.begin) * size, values.size) >= MOST:
                raise ValueError(f"bands of shape {group.shape} have more numbers than the {MOST} that a CUDA device takes")
            found = self._pieces[key] = _sent(*_cut(runs, bounds, size, out.size, down), self._sent_weights(values))
        kernel = gather(self._dtype.name, adding)
        kernel[-(-out.size // THREADS), THREADS, x.stream](x.line, found.pieces, found.bounds, found.weights,
                                                          self._real.type(scale), out.line)

    def _sent_weights(self, values: Array) -> Any:
        """Weights on the device; those of images are one array for all groups, which is sent once."""
        kept = self._weights.get(id(values))
        if kept is None:
            # The array of the host is kept too, so that no other gets its number.
            kept = self._weights[id(values)] = values, gpu.sent(values).line
        return kept[1]


def _sent(pieces: IntArray, bounds: IntArray, weights: Any) -> _Pieces:
    # One more: there is no memory of no numbers.
    fields = np.append(pieces.reshape(-1), 0).astype(np.int32)
    return _Pieces(gpu.sent(fields).line, gpu.sent(bounds.astype(np.int32)).line, weights, fields.nbytes + 4 * bounds.size)


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
