"""Parameters in one buffer on a CUDA device, and steps of optimizers over it: the names of `engines.update`.

``places(sizes, dtype)`` gives `Places` with ``buffer(dtype, number)``, zeros, and ``views(buffer, shapes)``, arrays of
`engines.cuda.arrays`; ``walk(kernel, parameters, gradients, starts, sizes, memories, factors)`` takes the kernels of
`convkit.kernels.update`, whose twins it finds by their names, in one launch. Remembered arrays without elements are not looked
at.

Gradients together, on the device, in place where they are changed: ``norm(gradients, exponent)`` is a line without axes,
``limit(gradients, norm, most)`` scales them by ``min(1, most / (norm + 1e-6))``, ``clip(gradients, most)`` cuts them off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import IntArray
from convkit.engines import update
from convkit.engines.cuda.arrays import DeviceArray, filled
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.loss import finished
from convkit.engines.cuda.pointwise import ready
from convkit.kernels import update_cuda as kernels
from convkit.kernels.simd_cuda import VECTOR

# Vectors of a thread.
DEPTH = 4


class Places(update.Places):
    """Where arrays of one dtype lie in a buffer on the device."""

    def buffer(self, dtype: np.dtype[Any], number: int) -> Any:
        """A buffer of zeros; the `number` of a buffer does not matter here."""
        return filled((self.total,), dtype, 0)

    def views(self, buffer: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
        """The arrays in a buffer."""
        return [DeviceArray(tuple(shape), buffer.dtype, buffer.line[start : start + size], buffer.stream, buffer.owner, buffer)
                for start, size, shape in zip(self.starts.tolist(), self.sizes.tolist(), shapes, strict=True)]


def places(sizes: Sequence[int], dtype: np.dtype[Any]) -> Places:
    """Places for arrays of these sizes, one after the other."""
    return Places(*update.places(sizes, dtype))


@lru_cache(maxsize=256)
def _pieces(starts: tuple[int, ...], sizes: tuple[int, ...], length: int) -> tuple[Line, int]:
    """What each block has, as kernels take it, and how many there are."""
    rows = [(k, first, min(length, size - first), start + first)
            for k, (start, size) in enumerate(zip(starts, sizes, strict=True)) for first in range(0, size, length)]
    return gpu.sent(np.array(rows, np.int64).reshape(-1)), len(rows)


@lru_cache(maxsize=256)
def _sources(addresses: tuple[int, ...]) -> Line:
    """Addresses on the device. Memory is handed out again: after a few steps of training the same ones come back."""
    return gpu.sent(np.array(addresses, np.int64))


class _Gradients:
    """Gradients that lie apart, cut into pieces."""

    def __init__(self, gradients: Sequence[Line], starts: Sequence[int], beside: Sequence[Line]) -> None:
        self.dtype, self.stream = gradients[0].dtype, gradients[0].stream
        addresses = tuple(g.address for g in gradients)
        self.vectors = not any(a % VECTOR for a in addresses) and not any(line.address % VECTOR for line in beside)
        sizes = tuple(g.size for g in gradients)
        pieces, self.count = _pieces(tuple(starts), sizes, DEPTH * THREADS * VECTOR // self.dtype.itemsize)
        self.tables = _sources(addresses).line, pieces.line

    def launch(self, kernel: Any, *arguments: Any) -> None:
        """Start a block for each piece."""
        if self.count:
            ready(kernel, (self.count,), THREADS, self.stream)(*arguments)


def walk(kernel: Callable[..., object], parameters: Line, gradients: Sequence[Line], starts: IntArray, sizes: IntArray,
         memories: Sequence[Line], factors: Sequence[float]) -> None:
    """Make the step of a kernel of `convkit.kernels.update` with `gradients` that lie apart, as on the CPU."""
    name, real = kernel.__name__, parameters.dtype.type
    found = _Gradients(gradients, starts.tolist(), (parameters, *memories))
    lines = [m.line if m.size else parameters.line for m in memories] + [parameters.line] * (4 - len(memories))
    used = tuple(m.size > 0 for m in memories) + (False,) * (4 - len(memories))
    step = kernels.updating(kernels.step_body, name, found.dtype.name, used, found.vectors)
    found.launch(step, parameters.line, *lines, *found.tables, tuple(real(f) for f in factors))


def _together(gradients: Sequence[Line]) -> _Gradients:
    """Gradients that belong to no buffer."""
    return _Gradients(gradients, [0] * len(gradients), ())


def norm(gradients: Sequence[Line], exponent: float) -> Line:
    """The norm of all gradients together."""
    found = _together(gradients)
    name = "largest" if exponent == math.inf else "square" if exponent == 2 else "power"
    power, root = kernels.powers(found.dtype.name)[name]
    largest = name == "largest"
    partial = gpu.empty(gradients[0], (max(1, found.count),), found.dtype)
    made = kernels.updating(kernels.powers_body, power, found.dtype.name, found.vectors, THREADS, largest)
    found.launch(made, partial.line, *found.tables, found.dtype.type(1 if largest else exponent))
    return finished(root, partial, 1 if largest else exponent, largest)[0]


def _change(name: str, gradients: Sequence[Line], norm: Line, most: float) -> None:
    found = _together(gradients)
    change = kernels.changes(found.dtype.name)[name]
    made = kernels.updating(kernels.change_body, change, found.dtype.name, found.vectors)
    found.launch(made, norm.line, *found.tables, found.dtype.type(most))


def limit(gradients: Sequence[Line], norm: Line, most: float) -> None:
    """Scale gradients of a norm so that it is at most `most`."""
    _change("limit", gradients, norm, most)


def clip(gradients: Sequence[Line], most: float) -> None:
    """Cut gradients off at ``-most`` and `most`."""
    _change("clip", gradients, gradients[0], most)
