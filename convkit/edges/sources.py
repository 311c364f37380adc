"""What edges are found in: an image or a volume that is smoothed, under a mask, or derivatives that are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from convkit import padding
from convkit._core.typing import Array, BoolArray
from convkit.convolution import convolve_separable
from convkit.edges.subpixel import Sampler, from_derivatives, from_smoothed
from convkit.engines import trace

# Positions in a batch, the items there, and where their edges go.
Items: TypeAlias = Iterator[tuple[tuple[int, ...], list[Any], Any]]
# Samples that kernels read as they are; others are converted first.
_READ = ("B", "f", "d")


class Subject:
    """Something with edges: what the engine traces, and the gradient at points of it."""

    def __init__(self, source: trace.Source, sampler: Sampler) -> None:
        self.source = source
        self.sample = sampler


def of_image(x: Array, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any], mask: BoolArray | None,
             points: bool, workers: int) -> Subject:
    """An image or a volume extended by its `boundary` and smoothed with odd `taps`; with `points`, kept once smoothed."""
    narrow = x.shape[-1] < trace.least_width(work)
    if x.ndim == 2 and mask is None and not narrow:
        samples = x if x.dtype.char in _READ and x.dtype.isnative else x.astype(work)
        source = trace.Image(samples, taps, boundary, work)
        if not points:
            return Subject(source, _unknown)
        smoothed = source.smoothed(workers)
    else:
        smoothed = _smoothed(x, taps, boundary, work, mask, workers)
    if x.ndim == 3:
        return Subject(trace.Volume(smoothed, (), work), from_smoothed(smoothed))
    if narrow:
        return of_derivatives(_sobel(smoothed), work)
    return Subject(trace.Image(smoothed, None, boundary, work), from_smoothed(smoothed))


def of_derivatives(derivatives: Sequence[Array], work: np.dtype[Any]) -> Subject:
    """An image or a volume of which the derivatives along its axes are given."""
    kind = derivatives[0].dtype
    same = all(d.dtype == kind for d in derivatives) and (kind == work or (kind == np.int16 and len(derivatives) == 2))
    arrays = derivatives if same else [d.astype(work) for d in derivatives]
    source = trace.Field(arrays, work) if len(arrays) == 2 else trace.Volume(None, arrays, work)
    return Subject(source, from_derivatives(derivatives))


def untouched(mask: BoolArray) -> BoolArray:
    """Pixels that are valid, and all that touch them too, where there are any."""
    for axis in range(mask.ndim):
        line = np.moveaxis(mask, axis, 0)
        kept = line.copy()
        kept[1:] &= line[:-1]
        kept[:-1] &= line[1:]
        mask = np.moveaxis(kept, 0, axis)
    return mask


def _smoothed(x: Array, taps: Sequence[Array], boundary: Sequence[str], work: np.dtype[Any], mask: BoolArray | None,
              workers: int) -> Array:
    halo = [(t.size // 2 + 1,) * 2 for t in taps]
    passes = [t if t.size > 1 else None for t in taps]

    def smooth(values: Array) -> Array:
        wide = padding.pad(values.astype(work, copy=False), halo, boundary=boundary)
        if all(t is None for t in passes):
            return wide
        return convolve_separable(wide, passes, mode="valid", dtype=work, workers=workers)

    if mask is None:
        return smooth(x)
    total, share = smooth(np.where(mask, x, x.dtype.type(0))), smooth(mask)
    return np.divide(total, share, out=np.zeros_like(total), where=share > 0)


def _sobel(e: Array) -> list[Array]:
    """Both derivatives of an image with one pixel more on every side."""
    lines = e[2:] - e[:-2], e[:, 2:] - e[:, :-2]
    return [lines[0][:, :-2] + 2 * lines[0][:, 1:-1] + lines[0][:, 2:], lines[1][:-2] + 2 * lines[1][1:-1] + lines[1][2:]]


def _unknown(points: Array) -> Array:
    raise AssertionError("the smoothed image was not kept")
