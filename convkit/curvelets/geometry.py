"""Windows, directions, frequencies and norms of the bands of a transform, from its tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.engines.wedge import Tables


class Bands(Tables, Protocol):
    """Tables that know where wedges point."""

    def centre(self, number: int) -> Array:
        """Centre of a wedge on the outline of the square, or of the cube."""


FLOAT = np.dtype(np.float64)


def _points(tables: Tables, number: int) -> tuple[IntArray, Array]:
    """Frequencies modulo the shape, shape (axes, points), and weights of a band's runs."""
    runs, _, values = tables.rows(number, number + 1, FLOAT)
    source, _, count, first, kind = runs.T
    which = np.repeat(np.arange(count.size), count)
    along = np.arange(count.sum()) - (np.cumsum(count) - count)[which]
    places = source[which] + along * np.where(np.isin(kind, (3, 5)), -1, 1)[which]
    shape = (*tables.shape[:-1], tables.shape[-1] // 2 + 1) if tables.real else tables.shape
    k = np.stack(np.unravel_index(places, shape))
    k = np.where(kind[which] >= 4, -k, k) % np.reshape(tables.shape, (-1, 1))
    return k, values[first[which] + along]


def opposite(window: Array) -> Array:
    """A window at the opposite frequencies."""
    return np.roll(np.flip(window), 1, axis=tuple(range(window.ndim)))


def window(tables: Tables, number: int) -> Array:
    """Window of a band at all frequencies, in the order of a transform."""
    band = tables.bands[number]
    k, values = _points(tables, number)
    result = np.zeros(tables.shape)
    result[tuple(k)] = values
    if band.real:
        result = np.maximum(result, opposite(result))
    elif tables.real:
        result /= math.sqrt(2)
    return result


def norms(tables: Tables) -> list[Array]:
    """Root of the mean squared modulus of each band's coefficients of white noise of variance 1, per scale."""
    found: list[list[float]] = []
    for number, band in enumerate(tables.bands):
        k, values = _points(tables, number)
        squares = values**2
        if band.real:
            # The opposites of what half a spectrum holds.
            n = tables.shape[-1]
            squares = squares * np.where((k[-1] == 0) | (2 * k[-1] == n), 1, 2)
        while len(found) <= band.scale:
            found.append([])
        found[band.scale].append(math.sqrt(float(squares.sum()) / math.prod(band.lengths)))
    return [np.array(scale) for scale in found]


def direction(tables: Bands, number: int) -> Any:
    """Direction of a wedge's centre: an angle from the columns' axis to the rows' axis, or a unit vector."""
    centre = tables.centre(number)
    if centre.size == 2:
        return math.atan2(centre[0], centre[1])
    return centre / np.linalg.norm(centre)


def frequency(tables: Bands, number: int, outer: Sequence[float]) -> float:
    """Mean distance from zero of the frequencies of a band, weighted by squares, in cycles per sample.

    `outer` are the half-widths of its scale.
    """
    shape = np.reshape(tables.shape, (-1, 1))
    band = tables.bands[number]
    k, values = _points(tables, number)
    centre = np.zeros((len(shape), 1))
    if not band.real and band.scale > 0:
        centre = 0.625 * (tables.centre(number) * outer).reshape(-1, 1)
    # Of the frequencies that samples cannot tell apart, those of the wedge.
    k = k + shape * np.round((centre - k) / shape)
    weights = values**2
    return float((np.sqrt(((k / shape) ** 2).sum(0)) * weights).sum() / weights.sum())


@lru_cache(maxsize=4)
def tables_of(shape: tuple[int, ...], scales: int, angles: int, finest: str, real: bool) -> Bands:
    """Tables of the transform of an image or a volume."""
    from convkit.curvelets.tables import image_tables
    from convkit.curvelets.volume import VolumeTables

    if len(shape) == 3:
        return VolumeTables(shape, scales, angles, finest, real)
    return image_tables(shape, scales, angles, finest, real)
