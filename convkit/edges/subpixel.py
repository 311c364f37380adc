"""Where between the pixels an edge lies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from convkit._core.typing import Array, BoolArray, IntArray
from convkit.engines.trace import sums_at

# Gradients at (k, ndim) points: an array of that shape, NaN where a point is outside.
Sampler: TypeAlias = Callable[[IntArray], Array]
# The tangent of 22.5 degrees: an axis takes part in a direction if its derivative is more than this of the largest.
NEAREST = np.sqrt(2) - 1
# How far a point may be moved, in steps to the neighbour; and how far for the curvature, in pixels.
MOST, MOST_BENT = 0.75, 0.5


def from_derivatives(derivatives: Sequence[Array]) -> Sampler:
    """Gradients that are given, one array per axis."""

    def sample(points: IntArray) -> Array:
        shape = np.array(derivatives[0].shape)
        inside = np.all((points >= 0) & (points < shape), axis=1)
        where = tuple(np.clip(points, 0, shape - 1).T)
        return np.where(inside[:, None], np.stack([d[where] for d in derivatives], -1).astype(np.float64), np.nan)

    return sample


def from_smoothed(smoothed: Array) -> Sampler:
    """Sobel's sums of a C-contiguous image with one pixel more on every side."""
    ndim = smoothed.ndim
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=ndim)))
    across = 2 - np.abs(steps)
    weights = np.stack([steps[:, a] * np.prod(np.delete(across, a, axis=1), axis=1) for a in range(ndim)], axis=1)
    shape = np.array(smoothed.shape) - 2

    def sample(points: IntArray) -> Array:
        inside = np.all((points >= 0) & (points < shape), axis=1)
        gradient = sums_at(smoothed, np.clip(points, 0, shape - 1) + 1, steps, weights.astype(np.float64))
        gradient[~inside] = np.nan
        return gradient

    return sample


def offsets(sample: Sampler, points: IntArray) -> Array:
    """How far each edge lies from its pixel, along every axis.

    A Gaussian through the magnitudes of the pixel and of its two neighbours in the direction nearest to the gradient
    gives the peak along that direction, and its width; the curvature of the edge moves it back outwards.
    """
    if not len(points):
        return np.zeros(points.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        gradient = sample(points)
        largest = np.abs(gradient).max(axis=1, keepdims=True)
        step = np.where(np.abs(gradient) > NEAREST * largest, np.sign(gradient), 0.0)
        length = np.linalg.norm(gradient, axis=1)
        normal = gradient / length[:, None]
        reach = np.nan_to_num(step).astype(np.int64)
        before, after = (np.linalg.norm(sample(points + side * reach), axis=1) for side in (-1, 1))
        slope = (np.log(after) - np.log(before)) / 2
        bend = np.log(after) - 2 * np.log(length) + np.log(before)
        moved = np.where(bend < 0, np.clip(-slope / bend, -MOST, MOST), 0.0)
        width = -((step * normal).sum(axis=1) ** 2) / bend
        outwards = np.where(bend < 0, np.clip(width / 2 * curvature(sample, points), -MOST_BENT, MOST_BENT), 0.0)
    found: Array = np.nan_to_num(moved[:, None] * step) + np.nan_to_num(outwards[:, None] * normal)
    return found


def curvature(sample: Sampler, points: IntArray) -> Array:
    """Divergence of the gradient's direction: of a bright disk or ball of radius R, -1 / R or -2 / R."""
    total = np.zeros(len(points))
    for axis in range(points.shape[1]):
        for side in (-1, 1):
            beside = points.copy()
            beside[:, axis] += side
            gradient = sample(beside)
            total += side * gradient[:, axis] / np.linalg.norm(gradient, axis=1) / 2
    return total


def located(index: Sequence[int], sample: Sampler, found: BoolArray) -> Array:
    """Edge pixels of an item of a batch, with `index` before them, and how far each edge lies from its own."""
    here = np.argwhere(found)
    batch = np.broadcast_to(np.array(index, np.int64), (len(here), len(index)))
    return np.hstack([batch, here, offsets(sample, here)])


def in_row_order(points: Sequence[Array], shape: Sequence[int], order: Sequence[int]) -> Array:
    """Points that were `located`, with their axes where they belong, sorted by pixel."""
    ndim = len(shape)
    rows = np.concatenate([np.empty((0, ndim + len(order))), *points])
    axes = [a for a in range(ndim) if a not in order] + list(order)
    pixels, moves = np.empty((len(rows), ndim)), np.zeros((len(rows), ndim))
    pixels[:, axes] = rows[:, :ndim]
    moves[:, list(order)] = rows[:, ndim:]
    # `lexsort` sorts by its last key first.
    return (pixels + moves)[np.lexsort(pixels.T[::-1])]
