"""Batches of the host on a CUDA device, piece by piece: one is copied in, another computed and a third copied out."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda import direct

# Bytes of the samples and of the results of a piece: enough for copies at full speed, and little to wait for at both ends.
PIECE = 16 << 20
# Of one item that is larger, at most: as much memory is page-locked for each side of a slot, and given back after the call.
MOST = 64 << 20
# Pieces under way.
SLOTS = 3


def cut(x: Array, work: np.dtype[Any], shape: Sequence[int], axes: Sequence[int]) -> int:
    """Items along the first axis of a piece: all where that is correlated, or the batch is small, or its items very large.

    `shape` is that of the results.
    """
    items: int = x.shape[0]
    if 0 in axes or not items:
        return items
    item = max(x.nbytes, math.prod(shape) * work.itemsize) // items
    if item > MOST:
        return items
    pieces = -(-items // max(1, PIECE // max(1, item)))
    return -(-items // pieces)


class _Slot:
    """A stream, and page-locked memory for the piece that it works on."""

    def __init__(self) -> None:
        self.stream = gpu.cuda.stream()
        self._sides = [gpu.locked(0), gpu.locked(0)]

    def side(self, i: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Memory for samples (0) or results (1)."""
        nbytes = math.prod(shape) * dtype.itemsize
        if self._sides[i].size < nbytes:
            self._sides[i] = gpu.locked(nbytes)
        return self._sides[i][:nbytes].view(dtype).reshape(shape)

    def shrink(self) -> None:
        """Give back what is more than usual, once nothing is copied there."""
        self.stream.synchronize()
        self._sides = [side if side.size <= PIECE else gpu.locked(0) for side in self._sides]


class _Piece:
    """One piece after another, in the slot given."""

    def __init__(self, slot: _Slot, x: Array, out: Array, count: int, work: np.dtype[Any]) -> None:
        native = x.dtype.newbyteorder("=")
        came, goes = (count, *x.shape[1:]), (count, *out.shape[1:])
        self._slot, self._x, self._out, self._begin = slot, x, out, -1
        self._in, self._from = slot.side(0, came, native), slot.side(1, goes, out.dtype)
        self._samples = gpu.taken(came, native, slot.stream)
        self._values = gpu.taken(goes, work, slot.stream)
        self._stored = self._values if work == out.dtype else gpu.taken(goes, out.dtype, slot.stream)

    def start(self, begin: int, compute: Callable[[Line, Line], None]) -> None:
        """Copy the items from `begin` on in, compute, and let the results be copied out."""
        self._begin = begin
        np.copyto(self._in, self._x[begin : begin + self._in.shape[0]])
        gpu.write(self._in, self._samples)
        compute(self._samples, self._values)
        if self._stored is not self._values:
            direct.store(self._values, self._stored)
        gpu.read(self._stored, self._from)

    def finish(self) -> None:
        """Wait for the results, if there are some to come, and hand them over."""
        if self._begin >= 0:
            self._slot.stream.synchronize()
            self._out[self._begin : self._begin + self._from.shape[0]] = self._from
            self._begin = -1


# By the number of the device.
_slots: dict[int, list[_Slot]] = {}
_working = threading.Lock()


def run(compute: Callable[[Line, Line], None], x: Array, out: Array, count: int, work: np.dtype[Any]) -> None:
    """Let ``compute(samples, values)`` work on all of `x`, `count` items at a time, and write its `values` into `out`.

    The values have the dtype `work` and are stored as those of `out`, which shares no memory with x.
    """
    gpu.require()
    items = x.shape[0]
    with _working:
        slots = _slots.setdefault(gpu.current(), [])
        slots += [_Slot() for _ in range(SLOTS - len(slots))]
        pieces = [_Piece(slot, x, out, count, work) for slot in slots]
        try:
            for i, begin in enumerate(range(0, items, count)):
                piece = pieces[i % SLOTS]
                piece.finish()
                piece.start(min(begin, items - count), compute)
            for i in range(SLOTS):
                pieces[(-(-items // count) + i) % SLOTS].finish()
        finally:
            for slot in slots:
                slot.shrink()
