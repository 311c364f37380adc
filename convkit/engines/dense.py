"""Products of matrices, by NumPy's BLAS, in pieces for this package's own workers.

A BLAS with threads of its own lets them spin for some milliseconds after a product. They then compete with the workers of the
next layer: with two of each on two processors a training step took half as long again as it takes here.
"""

from __future__ import annotations

import threading
from functools import cache
from itertools import pairwise
from types import TracebackType
from typing import Any

import numpy as np

from convkit._core import workers as pool
from convkit._core.memory import empty
from convkit._core.typing import Array
from convkit.engines.pieces import flat
from convkit.kernels.activation import add_bias, rectify_rows

# Multiply-adds up to which OpenBLAS stays on the calling thread, and those of a worker's piece.
SINGLE, PIECE = 1 << 18, 1 << 22
# The most pieces: each reads all of the other matrix.
PIECES = 16


@cache
def _libraries() -> list[Any]:
    """Libraries whose threads can be counted; empty for a BLAS that has none or does not tell."""
    from threadpoolctl import ThreadpoolController

    found: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return found


class _OneThread:
    """While anybody is inside, BLAS uses the thread that calls it and no other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._former: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._former = [library.get_num_threads() for library in _libraries()]
                for library in _libraries():
                    library.set_num_threads(1)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for library, former in zip(_libraries(), self._former, strict=True):
                    library.set_num_threads(former)


_one_thread = _OneThread()


def product(a: Array, b: Array, out: Array, workers: int) -> None:
    """Write ``a @ b`` into `out`, all with two axes. The pieces do not depend on the number of workers."""
    rows, columns = out.shape
    work = rows * columns * a.shape[1]
    if work <= SINGLE:
        if a.shape[1] == 1:
            # np.matmul makes an outer product without BLAS, one of 400 x 120 in four times the time.
            np.multiply(a, b, out)
        else:
            np.matmul(a, b, out)
        return
    longest = max(rows, columns)
    count = max(1, min(work // PIECE, PIECES, longest // 16))
    bounds = [longest * i // count for i in range(count + 1)]

    def piece(cut: tuple[int, int]) -> None:
        part = slice(*cut)
        if rows == longest:
            np.matmul(a[part], b, out[part])
        else:
            np.matmul(a, b[:, part], out[:, part])

    with _one_thread:
        pool.run(piece, list(pairwise(bounds)), workers)


def shift(y: Array, bias: Array, relu: bool) -> None:
    """Add `bias` to every row of `y`, in place; with `relu` what is below zero becomes zero."""
    add_bias(y.reshape(-1), flat(bias), relu)


def rectified(g: Array, y: Array, sums: Array) -> Array:
    """`g`, zero where the rectifier's result `y` is; the sums of that over rows are written into `sums`."""
    result = empty(g.shape, g.dtype)
    rectify_rows(flat(g), y.reshape(-1), result.reshape(-1), sums)
    return result
