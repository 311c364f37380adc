"""Arrays of the host on their way to a CUDA device, and batches, of which the next is sent while one is worked on.

Their numbers go through page-locked memory, a few buffers in turn, in a stream of their own, so that the host does not wait for
a copy. What has to be over before something is written again is told by events: the copy from a buffer, for which the host
waits if it is that many arrays ahead, and what was put on the default stream before, for which the copy waits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.typing import Array
from convkit.engines.cuda.arrays import DeviceArray, sent

# Buffers for batches, and for other arrays, up to so many bytes.
BATCHES, OTHERS, MOST = 2, 4, 16 << 20


class _Buffer:
    """Page-locked memory for the arrays of a batch."""

    def __init__(self) -> None:
        self._sides: list[Array] = []
        self.copied = gpu.cuda.event()
        self.used = False

    def filled(self, i: int, x: Array, dtype: np.dtype[Any]) -> Array:
        """The i-th array of a batch, in page-locked memory and in a dtype."""
        nbytes = x.size * dtype.itemsize
        if i == len(self._sides):
            self._sides.append(gpu.locked(nbytes))
        elif self._sides[i].size < nbytes:
            self._sides[i] = gpu.locked(nbytes)
        held = self._sides[i][:nbytes].view(dtype).reshape(x.shape)
        np.copyto(held, x)
        return held


class _Feed:
    """What sends arrays to one device, through `count` buffers."""

    def __init__(self, count: int) -> None:
        self._stream, self._before = gpu.apart(), gpu.cuda.event()
        self._buffers, self._turn, self._sending = [_Buffer() for _ in range(count)], 0, threading.Lock()

    def send(self, batch: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        """A batch whose NumPy arrays are on their way, and the event that they have come; other parts stay as they are."""
        with self._sending:
            buffer = self._buffers[self._turn]
            self._turn = (self._turn + 1) % len(self._buffers)
            if buffer.used:
                buffer.copied.synchronize()
            # The memory that a batch gets was that of an earlier one, which steps may still read.
            self._before.record()
            self._before.wait(self._stream)
            found = tuple(self._sent(buffer, i, x) if isinstance(x, np.ndarray) and x.dtype.kind in "biuf" else x
                          for i, x in enumerate(batch))
            buffer.copied.record(self._stream)
            buffer.used = True
            return found, buffer.copied

    def _sent(self, buffer: _Buffer, i: int, x: Array) -> DeviceArray:
        labels = i > 0 and x.dtype.kind in "iu"
        dtype = np.dtype(np.int64) if labels else x.dtype.newbyteorder("=")
        line = gpu.taken(x.shape, dtype, self._stream)
        if x.size:
            gpu.write(buffer.filled(i, x, dtype), line)
        # Numba would fetch an array in the stream that it was made for.
        found = DeviceArray(x.shape, dtype, line.line.bind(0), 0, line.owner)
        found.host = x if labels else None
        return found


# By the number of the device, and of their buffers.
_feeds: dict[tuple[int, int], _Feed] = {}


def _feed(count: int) -> _Feed:
    gpu.require()
    key = gpu.current(), count
    if key not in _feeds:
        _feeds[key] = _Feed(count)
    return _feeds[key]


def arrived(x: Array) -> DeviceArray:
    """A copy of a NumPy array; what is put on the default stream from now on finds it there."""
    if x.nbytes > MOST or x.dtype.kind not in "biuf":
        return sent(x)
    (found,), event = _feed(OTHERS).send((x,))
    event.wait()
    there: DeviceArray = found
    return there


def fed(batches: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Batches with their NumPy arrays on the device; each is asked for, and sent, before the one before it is handed out."""
    feed = _feed(BATCHES)
    waiting: tuple[tuple[Any, ...], Any] | None = None
    for batch in chain(batches, (None,)):
        following = None if batch is None else feed.send(tuple(batch))
        if waiting is not None:
            arrived, event = waiting
            event.wait()
            waiting = None
            yield arrived
            del arrived
        waiting = following
