"""Correlation by FFT on a CUDA device: the same names as `engines.spectral`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.geometry import Geometry, layout
from convkit._core.typing import Array
from convkit.engines.cuda import fourier, tiles
from convkit.engines.cuda.grids import reached


def prepare(shape: tuple[int, ...], weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
            axes: Sequence[int]) -> tiles.Prepared:
    """All of a correlation with `weights` along the ascending `axes` but its samples, of `shape`: called with `x` and `out`.

    Tiles with samples that are not finite, or far larger than those of most, are summed directly.
    """
    plan = reached(shape, axes)
    return tiles.Prepared(tiles.volume(plan, weights.shape, geometry, boundary), weights, fill, fourier.library())


def cost(shape: tuple[int, ...], weights: Array, geometry: Sequence[Geometry], axes: Sequence[int]) -> float:
    """Multiply-adds of tiles for samples of `shape`, as counted; infinite where they cannot be had."""
    plan = layout(shape, axes)
    if plan is None or not np.isfinite(weights).all():
        return math.inf
    work = tiles.volume(plan, weights.shape, geometry, ["zero"] * len(axes))
    found = tiles.tiling(work.extent, work.taps, fourier.library() is not None).cost
    return found * (2 if weights.dtype.kind == "c" else 1)


def pays(shape: tuple[int, ...], weights: Array, geometry: Sequence[Geometry], axes: Sequence[int]) -> bool:
    """Whether tiles cost less than the direct sum, in multiply-adds that are counted, not measured."""
    plan = layout(shape, axes)
    if plan is None:
        return False
    extent = tiles.volume(plan, weights.shape, geometry, ["zero"] * len(axes)).extent
    whole = 4 if weights.dtype.kind == "c" else 1
    return cost(shape, weights, geometry, axes) < whole * weights.size * math.prod(extent)
