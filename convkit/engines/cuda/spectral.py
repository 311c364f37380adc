"""Correlation by FFT on a CUDA device: the same names as `engines.spectral`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.geometry import Geometry, layout
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda import fourier, tiles


def correlate(x: Line, weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
              axes: Sequence[int], out: Line) -> None:
    """Write the correlation of `x` with `weights` along the ascending `axes` into `out`, of the dtype of the weights.

    Tiles with samples that are not finite, or far larger than those of most, are summed directly.
    """
    prepare(x.shape, weights, geometry, boundary, fill, axes)(x, out)


def prepare(shape: tuple[int, ...], weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
            axes: Sequence[int]) -> tiles.Prepared:
    """All of a correlation but its samples, of `shape`: to be called with `x` and `out`."""
    plan = layout(shape, axes)
    if plan is None:
        raise ValueError(f"axes={tuple(axes)} of x of shape {shape} have others between them, which a CUDA device does not "
                         "reach in one pass; move them to the end of x, in a contiguous copy")
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
