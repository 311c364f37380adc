"""Page-locked memory of the host that large arrays go through: pageable memory is copied at a fraction of the speed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from convkit._core.typing import Array

# Bytes of a piece: enough for copies at full speed.
PIECE = 8 << 20
# Pieces under way: one is copied by the host, the other by the device.
SLOTS = 2


class Staging:
    """Memory from ``locked(nbytes)``, and an ``event()`` for each piece that tells when it has been copied."""

    def __init__(self, locked: Callable[[int], Array], event: Callable[[], Any]) -> None:
        self._nbytes = PIECE
        self._slots = [(locked(PIECE), event()) for _ in range(SLOTS)]
        self._using = threading.Lock()

    def write(self, x: Array, line: Any, stream: Any) -> None:
        """Copy numbers to the device in the order of a stream; they may change at once."""
        count = self._nbytes // x.itemsize
        with self._using:
            for i, begin in enumerate(range(0, x.size, count)):
                memory, copied = self._slots[i % SLOTS]
                copied.synchronize()
                piece = x[begin : begin + count]
                part = memory[: piece.nbytes].view(x.dtype)
                np.copyto(part, piece)
                line[begin : begin + count].copy_to_device(part, stream=stream)
                copied.record(stream)

    def read(self, line: Any, out: Array, stream: Any) -> None:
        """Copy numbers from the device, after what the stream was given before, and wait for them."""
        count = self._nbytes // out.itemsize
        begins = range(0, out.size, count)
        with self._using:
            for i in range(len(begins) + SLOTS):
                memory, copied = self._slots[i % SLOTS]
                copied.synchronize()
                if i >= SLOTS:
                    piece = out[begins[i - SLOTS] :][:count]
                    piece[:] = memory[: piece.nbytes].view(out.dtype)
                if i < len(begins):
                    there = line[begins[i] : begins[i] + count]
                    there.copy_to_host(memory[: there.size * out.itemsize].view(out.dtype), stream=stream)
                    copied.record(stream)
