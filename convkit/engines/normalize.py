"""Batch normalisation on the CPU: channels handed to workers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from convkit._core import workers as pool
from convkit._core.memory import empty
from convkit._core.typing import Array
from convkit.engines.pieces import ALONE, flat
from convkit.kernels.normalize import normalize, normalize_gradient, normalize_rows, normalize_rows_gradient

# Seconds of a sample, roughly.
SAMPLE = 6e-10


class Moments(NamedTuple):
    """Means and variances of the channels, in float64; `known` ones do not come from the samples."""

    means: Array
    variances: Array
    known: bool


def _each_channel(work: Callable[[int, int], None], channels: int, samples: int, workers: int) -> None:
    """Call ``work(first, last)`` for the channels, for a few at a time where that pays."""
    if workers == 1 or samples * SAMPLE < ALONE:
        work(0, channels)
        return
    step = max(1, channels // (4 * workers))
    pool.run(lambda c: work(c, min(c + step, channels)), list(range(0, channels, step)), workers)


def forward(x: Array, moments: Moments, weights: Array, biases: Array, eps: float, relu: bool, out: Array,
            workers: int) -> None:
    """Write samples (N, C, ...) normalised, scaled and shifted into `out`; moments that are not known are found first."""
    items, channels, size = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    samples, results, w, b = flat(x), out.reshape(-1), flat(weights), flat(biases)

    def work(first: int, last: int) -> None:
        found = first, last, moments.known, moments.means, moments.variances, w, b, eps, relu, results
        if size == 1:
            normalize_rows(samples, items, channels, *found)
        else:
            normalize(samples, items, channels, size, *found)

    _each_channel(work, channels, x.size, workers)


def follow(given: Array, found: Array, share: float, factor: float) -> None:
    """Move `given` numbers by a share towards `factor` times those found."""
    given += share * (found * factor - given)


def gradient(x: Array, g: Array, y: Array | None, moments: Moments, weights: Array, eps: float,
             workers: int) -> tuple[Array, ...]:
    """Gradients of samples, weights and biases; `y` are the results where their negative part was cut off."""
    items, channels, size = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    by_x = empty(x.shape, x.dtype)
    by_weight, by_bias = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    samples, slopes, w = flat(x), flat(g), flat(weights)
    results = samples if y is None else flat(y)
    into = by_x.reshape(-1)

    def work(first: int, last: int) -> None:
        found = (first, last, moments.known, moments.means, moments.variances, w, eps, y is not None, into, by_weight, by_bias)
        if size == 1:
            normalize_rows_gradient(samples, slopes, results, items, channels, *found)
        else:
            normalize_gradient(samples, slopes, results, items, channels, size, *found)

    _each_channel(work, channels, x.size, workers)
    return by_x, by_weight, by_bias
