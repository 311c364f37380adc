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


def pays(shape: tuple[int, ...], weights: Array, geometry: Sequence[Geometry], axes: Sequence[int]) -> bool:
    """Whether tiles cost less than the direct sum, in multiply-adds that are counted, not measured."""
    plan = layout(shape, axes)
    if plan is None or not np.isfinite(weights).all():
        return False
    work = tiles.volume(plan, weights.shape, geometry, ["zero"] * len(axes))
    whole = weights.dtype.kind == "c"
    direct_cost = (4 if whole else 1) * weights.size * math.prod(work.extent)
    return (2 if whole else 1) * tiles.tiling(work.extent, work.taps, False).cost < direct_cost
