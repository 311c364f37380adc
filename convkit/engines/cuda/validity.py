"""Samples on a CUDA device that are left out of a correlation: masks and NaN. Only `holds_nan` waits for the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.kernels import validity_cuda as kernels

# Blocks that look for NaN.
BLOCKS = 2 if gpu.SIMULATED else 1024


def kept(x: Line, mask: Line | None, omits: bool) -> tuple[Line, Line]:
    """Samples with 0 where they are not valid, and 1 and 0 where they are and are not: NaN are not, if this `omits` them."""
    values, valid = gpu.empty(x, x.shape, x.dtype), gpu.empty(x, x.shape, np.dtype(np.uint8))
    kernel = kernels.keep(x.dtype.name, mask is not None, omits)
    _launch(kernel, x, x.line, valid.line if mask is None else mask.line, values.line, valid.line)
    return values, valid


def holds_nan(x: Line, mask: Line | None) -> bool:
    """Whether a valid sample is NaN; this waits for the device."""
    found = gpu.sent(np.zeros(1, np.int32), x.stream)
    blocks = min(-(-x.size // THREADS), BLOCKS)
    launch = ready(kernels.find(x.dtype.name, mask is not None), (blocks,), THREADS, x.stream)
    launch(x.line, (x if mask is None else mask).line, found.line)
    return bool(gpu.fetched(found)[0])


def divide(numerator: Line, share: Line, absolute: float, least: float) -> None:
    """Divide by the share of the weights that fell on valid samples; NaN where it is not over `least`, as `normalized` does."""
    real = share.dtype.type
    kernel = kernels.divide(numerator.dtype.name, share.dtype.name)
    _launch(kernel, numerator, numerator.line, share.line, real(absolute), real(least * absolute))


def _launch(kernel: Any, x: Line, *arguments: Any) -> None:
    ready(kernel, (-(-x.size // THREADS),), THREADS, x.stream)(*arguments)
