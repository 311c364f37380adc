"""Launches of the kernels that look at each number by itself, on a CUDA device: what the engines beside this module share.

Results lie on the stream of the first operand. ``each(make, what, inputs, out, factor)`` writes what a formula makes of every
number; ``by_one(x, one, factor)`` is `x` times the only number of a line, which is not fetched for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.kernels import pointwise_cuda as kernels
from convkit.kernels.simd_cuda import VECTOR


@lru_cache(maxsize=4096)
def ready(kernel: Any, grid: tuple[int, ...], block: int | tuple[int, int], stream: Any) -> Callable[..., None]:
    """A launch of a kernel, kept."""
    return gpu.configured(kernel, grid, (block,) if isinstance(block, int) else block, stream, 0)


def aligned(*lines: Line) -> bool:
    """Whether all begin at a vector."""
    return all(line.address % VECTOR == 0 for line in lines)


def each(make: Callable[..., Any], what: Any, inputs: tuple[Line, ...], out: Line, factor: float,
         beside: tuple[Line, ...] = ()) -> Line:
    """Write what a formula makes of every number of the inputs into `out`; `beside` are further arrays of the kernel.

    The inputs and the factor have one dtype.
    """
    if out.size:
        dtype = inputs[0].dtype
        vectors = dtype == out.dtype and dtype.kind != "b" and aligned(*inputs, out)
        kernel = kernels.kernel_of(make, what, dtype.name, vectors)
        blocks = -(-out.size // (THREADS * kernels.lanes_of(dtype, vectors)))
        launch = ready(kernel, (blocks,), THREADS, inputs[0].stream)
        launch(*(line.line for line in (*inputs, *beside, out)), dtype.type(factor))
    return out


def like(x: Line) -> Line:
    """New memory for as many numbers."""
    return gpu.empty(x, x.shape, x.dtype)


def by_one(x: Line, one: Line, factor: float) -> Line:
    """`x` times the only number of `one`, times a factor."""
    return each(kernels.by_one_body, None, (x,), like(x), factor, (one,))
