"""Windows of the curvelets of images: radial and angular ones, whose squares sum to one at every frequency.

Frequencies k are whole numbers of cycles per axis. The angle of a frequency is measured on the outline of the square, from the
columns' axis (0) over the diagonal (1) to the rows' axis (2) and on to 8: slopes are equally spaced, not angles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convkit._core.typing import Array, IntArray


def ramp(t: Array) -> Array:
    """Meyer's polynomial: from 0 at t <= 0 to 1 at t >= 1, three times differentiable, with ramp(t) + ramp(1 - t) = 1."""
    t = np.clip(t, 0.0, 1.0)
    result: Array = t**4 * (35 - t * (84 - t * (70 - 20 * t)))
    return result


def low_pass(r: Array) -> Array:
    """1 for |r| <= 1/2, 0 for |r| >= 1, between them the cosine of a ramp."""
    result: Array = np.cos(np.pi / 2 * ramp(2 * np.abs(r) - 1))
    result[np.abs(r) >= 1] = 0
    return result


def default_scales(shape: Sequence[int]) -> int:
    """Number of scales where none is asked for, the coarse one and the finest among them."""
    return max(2, math.ceil(math.log2(min(shape))) - 3)


def wedges_of(angles: int, scale: int) -> int:
    """Number of wedges all around at a scale: `angles` at scale 1, twice as many at every second scale."""
    return angles << (scale // 2)


def half_widths(shape: Sequence[int], scales: int, scale: int) -> tuple[float, ...]:
    """Outer half-widths of the box of frequencies of a scale: two thirds of the sampling rate at the finest one."""
    return tuple(2 * n / 3 * 2.0 ** (scale + 1 - scales) for n in shape)


class Field(NamedTuple):
    """Windows of one scale on frequencies that are not negative.

    At most two wedges hold a frequency: number `left`, with weight `falling`, and the next one, with weight `rising`.
    """

    left: IntArray
    falling: Array
    rising: Array


def radial_squares(widths: Sequence[float]) -> tuple[Array, ...]:
    """Squares of the low-pass window along each axis, at frequencies 0, 1, ... below the half-width."""
    return tuple(low_pass(np.arange(math.ceil(m)) / m) ** 2 for m in widths)


def radial(outer: Sequence[float], inner: Sequence[float]) -> Array:
    """Window between two boxes on frequencies that are not negative: its square is the difference of two squares."""
    square = product(radial_squares(outer))
    within = product(radial_squares(inner))
    square[tuple(slice(0, n) for n in within.shape)] -= within
    result: Array = np.sqrt(np.maximum(square, 0, out=square), out=square)
    return result


def product(factors: Sequence[Array]) -> Array:
    """Outer product of factors along axes."""
    result = factors[0]
    for factor in factors[1:]:
        result = np.multiply.outer(result, factor)
    return result.copy()


def field(outer: Sequence[float], inner: Sequence[float], angles: int) -> Field:
    """Windows of the wedges between two boxes, `angles` of them all around."""
    down, along = (np.arange(math.ceil(m)) / m for m in outer)
    with np.errstate(divide="ignore", invalid="ignore"):
        east = down[:, None] / along
        north = 2 - along / down[:, None]
    turn = np.where(east <= 1, east, north)
    turn[0, 0] = 0
    place = (turn + 1) * (angles / 8) - 0.5
    left = np.floor(place)
    place -= left
    place = ramp(place)
    place *= np.pi / 2
    window = radial(outer, inner)
    return Field(left.astype(np.int64), np.cos(place) * window, np.sin(place) * window)
