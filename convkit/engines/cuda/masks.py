"""Masks on a CUDA device: which samples are valid, and what becomes of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.kernels import masks_cuda as kernels

BYTES = np.dtype(np.uint8)


def eroded(valid: Line, axes: Sequence[int], beyond: bool) -> Line:
    """Samples that are valid with all neighbours along `axes`, diagonal ones too; those `beyond` the edges are or are not."""
    shape, stream = valid.shape, valid.stream
    for axis in axes:
        out = gpu.empty(valid, shape, BYTES)
        sizes = shape[axis], math.prod(shape[axis + 1 :])
        ready(kernels.erode(beyond), (-(-out.size // THREADS),), THREADS, stream)(valid.line, out.line, sizes)
        valid = out
    return valid


def blank(values: Line, valid: Line, shape: tuple[int, ...], axes: Sequence[int]) -> None:
    """Write zeros to values, one or several arrays of `shape`, where they are not valid.

    `valid` has that shape, or that of up to three ascending `axes`.
    """
    whole = valid.shape == shape
    sizes = [math.prod(shape)]
    for a in () if whole else axes:
        own = math.prod(shape[b] for b in axes if b > a)
        sizes += [shape[a], math.prod(shape[a + 1 :]), own]
    sizes += [1, 1, 0] * (3 - len(sizes) // 3)
    launch = ready(kernels.blank(whole), (-(-values.size // THREADS),), THREADS, values.stream)
    launch(values.line, valid.line, tuple(map(int, sizes)))


def kept(x: Line, valid: Line, work: np.dtype[np.generic]) -> Line:
    """Valid samples in the dtype `work`, zeros for others."""
    out = gpu.empty(x, x.shape, work)
    ready(kernels.kept(work.name), (-(-out.size // THREADS),), THREADS, x.stream)(x.line, valid.line, out.line)
    return out


def averaged(total: Line, share: Line) -> Line:
    """Sums of weights times samples over the sums of these weights, in place of the former."""
    ready(kernels.mean, (-(-total.size // THREADS),), THREADS, total.stream)(total.line, share.line)
    return total
