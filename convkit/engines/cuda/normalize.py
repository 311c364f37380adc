"""Batch normalisation on a CUDA device: the names of `engines.normalize`, on lines.

``forward(x, Moments(means, variances, known), weights, biases, eps, relu, out, workers)`` and
``gradient(x, g, y, moments, weights, eps, workers) -> (by_x, by_weight, by_bias)``; `workers` is taken and not used. Moments,
weights and biases are lines of the dtype of `x`, one number for each channel; moments that are not known are written.
``follow(given, found, share, factor)`` moves running moments: ``given += share (factor found - given)``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import aligned, like, ready
from convkit.kernels import normalize_cuda as kernels
from convkit.kernels.pointwise_cuda import lanes_of
from convkit.kernels.simd_cuda import VECTOR

# Vectors that a thread takes of a part, at least; parts of all channels together, roughly; places of a channel have 32 bits.
DEPTH, PARTS, LONGEST = 8, 2048, 1 << 30


class Moments(NamedTuple):
    """Means and variances of the channels; `known` ones do not come from the samples."""

    means: Line
    variances: Line
    known: bool


class _Parts(NamedTuple):
    """How channels are cut: whether into vectors, the grid, and the sizes that kernels take."""

    vectors: bool
    grid: tuple[int, int]
    sizes: tuple[int, ...]


def _parts(arrays: tuple[Line, ...], known: bool, relu: bool) -> _Parts:
    """Parts of the channels of arrays (N, C, ...) of one shape; they depend on the shape alone."""
    x = arrays[0]
    items, channels, size = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    if items * size > LONGEST:
        raise ValueError(f"batch_norm: input of shape {x.shape} has {items * size} samples in a channel; a CUDA device takes "
                         f"at most {LONGEST}")
    whole = size * x.dtype.itemsize % VECTOR == 0
    vectors = whole and aligned(*arrays)
    lanes = lanes_of(x.dtype, whole)
    count = items * size // lanes
    parts = max(1, min(count // (DEPTH * THREADS), THREADS, -(-PARTS // channels)))
    part = -(-count // parts) * (1 if vectors else lanes)
    sizes = (items, channels, size // lanes if vectors else size, part, parts, int(known), int(relu))
    return _Parts(vectors, (channels, parts), tuple(map(int, sizes)))


def _launch(make: Any, x: Line, parts: _Parts, *arguments: Any) -> None:
    kernel = kernels.normalizing(make, x.dtype.name, parts.vectors, THREADS)
    ready(kernel, parts.grid, THREADS, x.stream)(*arguments, parts.sizes)


def forward(x: Line, moments: Moments, weights: Line, biases: Line, eps: float, relu: bool, out: Line,
            workers: int = 1) -> None:
    """Write samples (N, C, ...) normalised, scaled and shifted into `out`; moments that are not known are found first."""
    parts = _parts((x, out), moments.known, relu)
    partial = moments.means
    if not moments.known:
        partial = gpu.empty(x, (parts.grid[1], 3, x.shape[1]), x.dtype)
        _launch(kernels.moments_body, x, parts, x.line, partial.line)
    _launch(kernels.normalize_body, x, parts, x.line, partial.line, moments.means.line, moments.variances.line, weights.line,
            biases.line, out.line, x.dtype.type(eps))


def gradient(x: Line, g: Line, y: Line | None, moments: Moments, weights: Line, eps: float,
             workers: int = 1) -> tuple[Line, Line, Line]:
    """Gradients of samples, weights and biases; `y` are the results where their negative part was cut off."""
    by_x, by_weight, by_bias = like(x), gpu.empty(x, (x.shape[1],), x.dtype), gpu.empty(x, (x.shape[1],), x.dtype)
    kept = x if y is None else y
    parts = _parts((x, g, kept, by_x), moments.known, y is not None)
    partial = gpu.empty(x, (parts.grid[1], 2, x.shape[1]), x.dtype)
    _launch(kernels.slopes_body, x, parts, x.line, g.line, kept.line, partial.line, moments.means.line)
    count = x.dtype.type(x.size // x.shape[1])
    _launch(kernels.normalize_gradient_body, x, parts, x.line, g.line, kept.line, partial.line, moments.means.line,
            moments.variances.line, weights.line, by_x.line, by_weight.line, by_bias.line, x.dtype.type(eps), count)
    return by_x, by_weight, by_bias


def follow(given: Line, found: Line, share: float, factor: float) -> None:
    """Move `given` numbers by a share towards `factor` times those found."""
    real = given.dtype.type
    launch = ready(kernels.follow, (-(-given.size // THREADS),), THREADS, given.stream)
    launch(given.line, found.line, real(share), real(factor))
