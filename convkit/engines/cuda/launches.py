"""Launches of a kernel that are kept: configured once for each stream."""

from __future__ import annotations

from typing import Any

from convkit._core import gpu
from convkit.engines.cuda.grids import STREAMS


class Launches:
    """A kernel with its grid, its block and its bytes of shared memory: called with a stream and the kernel's arguments."""

    __slots__ = ("_by_stream", "_how")

    def __init__(self, kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], shared: int = 0) -> None:
        self._how = kernel, grid, block, shared
        self._by_stream: dict[Any, Any] = {}

    def __call__(self, stream: Any, *arguments: Any) -> None:
        """Put the kernel on a stream."""
        launch = self._by_stream.get(stream)
        if launch is None:
            if len(self._by_stream) >= STREAMS:
                self._by_stream.clear()
            kernel, grid, block, shared = self._how
            launch = self._by_stream[stream] = gpu.configured(kernel, grid, block, stream, shared)
        launch(*arguments)
