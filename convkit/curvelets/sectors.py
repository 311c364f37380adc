"""Windows of an undecimated bank: the wedges of an image's curvelets, as many at every scale, each on a box of frequencies."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.curvelets import windows
from convkit.engines.bank import Box


class _Piece(NamedTuple):
    """Part of a wedge's window on frequencies that are not negative, from `row` and `column` on."""

    row: int
    column: int
    window: Array


class Sectors:
    """Windows on a torus of `lengths`: the coarse one, and `angles` wedges all around at each of `scales` - 1 scales."""

    def __init__(self, lengths: tuple[int, int], scales: int, angles: int) -> None:
        self.lengths, self.angles = lengths, angles
        widths = [windows.half_widths(lengths, scales, j) for j in range(scales)]
        coarse = windows.product([np.sqrt(f) for f in windows.radial_squares(widths[0])])
        self._coarse = _Piece(0, 0, coarse)
        self._pieces = [_pieces(windows.field(outer, inner, angles)) for inner, outer in pairwise(widths)]

    def coarse(self, dtype: np.dtype[Any]) -> Box:
        """The low-pass window."""
        rows, columns, weights = _joined([(a, b, self._coarse) for a in (1, -1) for b in (1, -1)])
        return self._box(rows, columns, weights.astype(dtype))

    def wedge(self, j: int, l: int, dtype: np.dtype[Any], factor: float = 1.0) -> Box:
        """The window of a wedge, times a factor; j = 0 is the coarsest scale that has wedges."""
        rows, columns, weights = self._wedge(j, l)
        return self._box(rows, columns, (factor * weights).astype(dtype))

    def directed(self, j: int, l: int, dtype: np.dtype[Any]) -> tuple[Box, Box]:
        """The window of a wedge, times the cosine and times the sine of the direction of each frequency.

        Beyond half the sampling rate that is the direction of the frequency for which it stands on the torus, turned round
        where that is nearer to the wedge.
        """
        rows, columns, weights = self._wedge(j, l)
        high, wide = self.lengths
        down = (((rows + high // 2) % high - high // 2) / high)[:, None]
        along = ((columns + wide // 2) % wide - wide // 2) / wide
        turned = down * rows[:, None] / high + along * columns / wide < 0
        # Frequency zero has weight zero, but lies in the boxes of wedges about an axis.
        weights = np.where(turned, -weights, weights) / np.sqrt(np.maximum(down**2 + along**2, 1 / (high * wide) ** 2))
        cosine, sine = (weights * part for part in (along, down))
        return self._box(rows, columns, cosine.astype(dtype)), self._box(rows, columns, sine.astype(dtype))

    def frequency(self, j: int, l: int) -> float:
        """Mean distance from zero of a wedge's frequencies, weighted by squares, in cycles per sample."""
        rows, columns, weights = self._wedge(j, l)
        distance = np.hypot(rows[:, None] / self.lengths[0], columns / self.lengths[1])
        return float((distance * weights**2).sum() / (weights**2).sum())

    def some_empty(self) -> bool:
        """Whether there are wedges that hold no frequency."""
        return not all(self._parts(j, l) for j in range(len(self._pieces)) for l in range(self.angles))

    def _wedge(self, j: int, l: int) -> tuple[IntArray, IntArray, Array]:
        """Frequencies of a wedge along both axes, and weights."""
        return _joined(self._parts(j, l))

    def _parts(self, j: int, l: int) -> list[tuple[int, int, _Piece]]:
        """Parts of a wedge, and the signs of their frequencies: in each quadrant it is the mirror image of another wedge."""
        whole, pieces = self.angles, self._pieces[j]
        mirrors = ((1, 1, l), (-1, 1, whole // 4 - 1 - l), (1, -1, 3 * whole // 4 - 1 - l), (-1, -1, l - whole // 2))
        return [(a, b, pieces[m % whole]) for a, b, m in mirrors if m % whole in pieces]

    def _box(self, rows: IntArray, columns: IntArray, weights: Array) -> Box:
        return Box(rows % self.lengths[0], columns % self.lengths[1], weights)


@lru_cache(maxsize=2)
def sectors(lengths: tuple[int, int], scales: int, angles: int) -> Sectors:
    """The windows of a bank, kept."""
    return Sectors(lengths, scales, angles)


def _pieces(field: windows.Field) -> dict[int, _Piece]:
    """Windows of the wedges that hold frequencies which are not negative."""
    found: dict[int, _Piece] = {}
    for number in range(int(field.left.min()), int(field.left.max()) + 2):
        window = np.where(field.left == number, field.falling, np.where(field.left == number - 1, field.rising, 0))
        rows, columns = (np.flatnonzero(window.any(axis=axis)) for axis in (1, 0))
        if rows.size:
            part = window[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            found[number] = _Piece(int(rows[0]), int(columns[0]), part.copy())
    return found


def _joined(parts: list[tuple[int, int, _Piece]]) -> tuple[IntArray, IntArray, Array]:
    """Frequencies along both axes and weights of pieces, each mirrored where its sign along an axis is -1."""
    rows = [a * (piece.row + np.arange(piece.window.shape[0])) for a, _, piece in parts]
    columns = [b * (piece.column + np.arange(piece.window.shape[1])) for _, b, piece in parts]
    top, left = min(r.min() for r in rows), min(c.min() for c in columns)
    down = np.arange(top, max(r.max() for r in rows) + 1)
    along = np.arange(left, max(c.max() for c in columns) + 1)
    weights = np.zeros((down.size, along.size))
    for r, c, (_, _, piece) in zip(rows, columns, parts, strict=True):
        weights[np.ix_(r - top, c - left)] = piece.window
    return down, along, weights
