"""Memory of a device that is used again: asking the driver for some takes longer than a kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from convkit._core.memory import KEPT


class Block:
    """Memory of a device that is handed out again once nothing refers to it.

    Whoever has it next works in the same stream, and so after all that was put there before.
    """

    __slots__ = ("_shelf", "_shelves", "device", "line")

    def __init__(self, line: Any, device: int, shelf: list[tuple[int, Any]], shelves: Shelves) -> None:
        self.line, self.device, self._shelf, self._shelves = line, device, shelf, shelves

    def __del__(self) -> None:
        self._shelf.append((self._shelves.requests, self.line))


class Shelves:
    """Blocks that nothing refers to, by their size, dtype, stream and device; those not wanted for long go back.

    ``made(size, dtype, stream)`` asks the driver, and ``current()`` is the number of the device.
    """

    def __init__(self, made: Callable[[int, np.dtype[Any], Any], Any], current: Callable[[], int]) -> None:
        self._made, self._current = made, current
        self._by_kind: dict[Any, list[tuple[int, Any]]] = {}
        self._taking = threading.Lock()
        self.requests = 0

    def get(self, size: int, dtype: np.dtype[Any], stream: Any) -> Block:
        """A block of so many numbers, to be worked on in `stream`."""
        device = self._current()
        # A block that comes back meanwhile is appended without waiting; at worst its memory goes back to the driver.
        with self._taking:
            self.requests += 1
            shelf = self._by_kind.setdefault((size, dtype.char, stream, device), [])
            if shelf:
                return Block(shelf.pop()[1], device, shelf, self)
            for kept in list(self._by_kind.values()):
                kept[:] = [item for item in kept if self.requests - item[0] < KEPT]
        return Block(self._made(size, dtype, stream), device, shelf, self)
