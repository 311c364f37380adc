"""Memory that is used again.

Fresh memory costs a page fault every 4 KiB, up to half of the time of a layer, and threads wait for each other's. What a step
of training makes it drops before the next: `empty` then hands the same memory out again.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence

import numpy as np

from convkit._core.typing import Array

# Smaller arrays come from the heap, which uses memory again itself; larger ones begin at a cache line.
SMALL, LINE = 1 << 16, 64
# What was not handed out in so many requests goes back to the system.
KEPT = 2048


class Block(np.ndarray):
    """Bytes that an array lies in: the `base` of what `empty` returned, and of nothing else."""

    begin = used = 0


def _references(blocks: list[Block]) -> int:
    """References to a block as `_Shelf.get` counts them."""
    for block in blocks:
        return sys.getrefcount(block)
    return 0


class _Shelf:
    """Blocks by their size."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[int, list[Block]] = {}
        self._requests = 0
        self._free = _references([Block(1, np.uint8)])

    def get(self, size: int) -> Block:
        """A block for `size` bytes that no array lies in."""
        with self._lock:
            self._requests += 1
            for block in self._blocks.get(size, ()):
                if sys.getrefcount(block) == self._free:
                    block.used = self._requests
                    return block
            self._tidy()
            block = Block(size + LINE, np.uint8)
            block.begin, block.used = -block.ctypes.data % LINE, self._requests
            self._blocks.setdefault(size, []).append(block)
            return block

    def _tidy(self) -> None:
        for size, blocks in list(self._blocks.items()):
            self._blocks[size] = [block for block in blocks if self._requests - block.used < KEPT]
            if not self._blocks[size]:
                del self._blocks[size]


_shelf = _Shelf()


def empty(shape: Sequence[int], dtype: np.dtype) -> Array:
    """As ``numpy.empty``, in memory that is used again once nothing refers to the array or a view of it."""
    size = math.prod(shape) * dtype.itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    block = _shelf.get(size)
    return np.ndarray(shape, dtype, block, block.begin)


def unshared(array: Array) -> bool:
    """Whether `array` is no view of another."""
    return array.base is None or type(array.base) is Block
