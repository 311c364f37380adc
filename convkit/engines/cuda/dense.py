"""Products of matrices on a CUDA device: the names of `convkit.engines.dense`, on `gpu.Line`.

``product(a, b, out, workers)``, ``shift(y, bias, relu)`` and ``rectified(g, y, sums)`` as on the CPU; `workers` is not used.
`Line` has no strides: what NumPy says as ``w.T`` is ``transposed(w)`` here, which `product` takes in place of a `Line`.
``add_rows(g, out)`` sums the rows of `g`, as ``np.add.reduce(g, 0)``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.multiply import PROCESSORS, ROWS_BLOCK, Multiply, refuse_more, sum_parts
from convkit.engines.cuda.pointwise import ready
from convkit.kernels.channels_cuda import add_channels
from convkit.kernels.dense_cuda import sum_rows
from convkit.kernels.multiply_cuda import Sizes

# Rows that a thread sums, at least.
ROWS = 8


class Transposed(NamedTuple):
    """A matrix whose columns are lines in memory."""

    shape: tuple[int, ...]
    line: Any
    stream: Any


def transposed(matrix: Line) -> Transposed:
    """A matrix with rows and columns exchanged, not copied."""
    return Transposed(matrix.shape[::-1], matrix.line, matrix.stream)


@lru_cache(maxsize=256)
def _prepared(rows: int, columns: int, length: int, a_turned: bool, b_turned: bool, dtype: np.dtype[Any]) -> Multiply:
    refuse_more(rows * length, length * columns, rows * columns)
    form = "across" if a_turned else "lines", "lines" if b_turned else "across"
    sizes = Sizes(rows, columns, length, a_pitch=rows if a_turned else length, b_pitch=length if b_turned else columns,
                  out_row=columns)
    return Multiply(form, dtype, sizes)


@lru_cache(maxsize=16)
def _nothing(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Tables and bias of a product that has none."""
    return gpu.sent(np.zeros(4, np.int32)).line, gpu.sent(np.zeros(1, dtype)).line


def product(a: Line | Transposed, b: Line | Transposed, out: Line, workers: int) -> None:
    """Write ``a @ b`` into `out`, all with two axes."""
    rows, columns = out.shape
    turned = isinstance(a, Transposed), isinstance(b, Transposed)
    multiply = _prepared(rows, columns, a.shape[1], *turned, out.dtype)
    multiply(a.line, b.line, *_nothing(out.dtype), out)


def shift(y: Line, bias: Line, relu: bool) -> None:
    """Add `bias` to every row of `y`, in place; with `relu` what is below zero becomes zero."""
    if y.size:
        launch = ready(add_channels, (-(-y.size // THREADS),), THREADS, y.stream)
        launch(y.line, bias.line, (1, int(relu)))


def add_rows(g: Line, out: Line) -> None:
    """Write the sum of the rows of `g` into `out`."""
    _sum(g, g, g, out, False)


def rectified(g: Line, y: Line, sums: Line) -> Line:
    """`g`, zero where the rectifier's result `y` is; the sums of that over rows are written into `sums`."""
    result = gpu.empty(g, g.shape, g.dtype)
    _sum(g, y, result, sums, True)
    return result


def _sum(g: Line, y: Line, kept: Line, out: Line, rectifies: bool) -> None:
    columns = out.size
    rows = g.size // columns
    lanes, warps = ROWS_BLOCK
    across = -(-columns // lanes)
    parts = max(1, min(rows // (warps * ROWS), -(-4 * PROCESSORS // across)))
    part = max(1, -(-rows // parts))
    parts = max(1, -(-rows // part))
    target = out if parts == 1 else gpu.empty(g, (parts * columns,), g.dtype)
    kernel = sum_rows(ROWS_BLOCK, g.dtype.name, rectifies)
    launch = ready(kernel, (across, parts), ROWS_BLOCK, g.stream)
    launch(g.line, y.line, kept.line, target.line, (rows, columns, part))
    if target is not out:
        sum_parts(target, out)
