"""Where the windows of an image lie: the box of each band, and runs that take frequencies to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.curvelets import windows
from convkit.curvelets.runs import Rows, cut
from convkit.engines.wedge import Band, grouped

# Coefficients of a wedge up to which all wedges about an axis have boxes of one shape.
SHARED = 1 << 13


class ImageTables:
    """All bands of the transform of an image, coarse first, with the runs and weights that they share."""

    def __init__(self, shape: tuple[int, ...], angles: int, real: bool, bands: tuple[Band, ...], runs: IntArray,
                 bounds: IntArray, values: Array) -> None:
        self.shape, self.real, self.bands = shape, real, bands
        self.groups = grouped(bands)
        self._angles = angles
        self._runs, self._bounds = runs, bounds
        self._values = {values.dtype: values}

    def rows(self, begin: int, end: int, dtype: np.dtype[Any]) -> tuple[IntArray, IntArray, Array]:
        """Runs of bands `begin` to `end`, where those of each begin, and weights of a real dtype."""
        values = self._values.get(dtype)
        if values is None:
            values = self._values[dtype] = self._values[np.dtype(np.float64)].astype(dtype)
        bounds = self._bounds[begin : end + 1]
        return self._runs[bounds[0] : bounds[-1]], bounds - bounds[0], values

    def centre(self, number: int) -> Array:
        """Centre of a wedge on the outline of the square, (row, column)."""
        band = self.bands[number]
        t = 8 / windows.wedges_of(self._angles, band.scale) * (band.wedge + 0.5) - 1
        quarter, along = divmod(t + 1, 2)
        point = np.array([along - 1, 1.0])
        for _ in range(int(quarter) % 4):
            point = np.array([point[1], -point[0]])
        return point


class _Part(NamedTuple):
    scale: int
    number: int
    lengths: tuple[int, ...]
    real: bool
    rows: list[Rows]


def image_tables(shape: tuple[int, ...], scales: int, angles: int, finest: str, real: bool) -> ImageTables:
    """Tables of the transform of an image."""
    parts: list[_Part] = []
    values: list[Array] = []
    size = 0

    def keep(value: Array) -> int:
        nonlocal size
        values.append(value.reshape(-1))
        size += value.size
        return size - value.size

    widths = [windows.half_widths(shape, scales, j) for j in range(scales)]
    coarse = windows.product([np.sqrt(f) for f in windows.radial_squares(widths[0])])
    lengths = tuple(fast_length(2 * n - 1) for n in coarse.shape)
    parts.append(_Part(0, 0, lengths, real, plain_rows(coarse, keep(coarse), real)))
    last = scales - 1 if finest == "curvelet" else scales - 2
    for j in range(1, last + 1):
        parts.extend(_wedges(j, widths[j], widths[j - 1], windows.wedges_of(angles, j), real, keep))
    if finest == "wavelet":
        window = wavelet_window(shape, windows.radial_squares(widths[-2]))
        parts.append(_Part(scales - 1, 0, shape, real, plain_rows(window, keep(window), real, shape)))
    pieces = [(rows, part.lengths, part.real) for part in parts for rows in part.rows]
    table, bounds = cut(pieces, shape, real)
    # A part of several rows is one band.
    of = np.cumsum([0, *(len(part.rows) for part in parts)])
    bands = tuple(Band(part.scale, part.number, part.lengths, part.real,
                       math.prod(part.lengths) * (2 if real and not part.real else 1)) for part in parts)
    return ImageTables(shape, angles, real, bands, table, bounds[of], np.concatenate(values))


def fast_length(n: int) -> int:
    """A length of at least `n` that transforms quickly."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(n))


def wavelet_window(shape: Sequence[int], within: Sequence[Array]) -> Array:
    """Window of a finest scale that is not divided, on frequencies that are not negative.

    `within` are the squares of the low-pass window of the scale before, along each axis.
    """
    square = np.ones([n // 2 + 1 for n in shape])
    inner = windows.product(within)
    square[tuple(slice(0, n) for n in inner.shape)] -= inner[tuple(slice(0, n) for n in square.shape)]
    result: Array = np.sqrt(np.maximum(square, 0, out=square), out=square)
    return result


def widest(low: Array, high: Array, most: int) -> int:
    """Most whole numbers between `low` and `high`, none beyond `most`; of a pair of bounds that rounding may have moved."""
    first = np.maximum(np.floor(low - 1e-9), -most - 1)
    last = np.minimum(np.ceil(high + 1e-9), most + 1)
    return int((last - first).max()) - 1


def whole(low: Array, most: int) -> IntArray:
    """First whole number above `low`, and not below ``-most``, nor above ``most + 1``."""
    return np.asarray(np.floor(np.clip(low, -most - 1, most)), np.int64) + 1


def plain_rows(window: Array, value: int, real: bool, shape: Sequence[int] | None = None) -> list[Rows]:
    """Rows of an even window that is given for frequencies that are not negative; of half a spectrum where samples are real.

    With a `shape` it has all its frequencies, the highest of an even length among them, which is its own opposite.
    """
    *high, wide = window.shape
    lead = [np.concatenate([np.arange(n), np.arange(1 - n + (shape is not None and shape[axis] % 2 == 0), 0)])
            for axis, n in enumerate(high)]
    k = np.stack(np.meshgrid(*lead, indexing="ij")).reshape(len(high), -1)
    at = value + wide * np.ravel_multi_index(tuple(np.abs(k)), tuple(high))
    zero = np.zeros_like(at)
    rows = [Rows(k, zero, zero + wide, at, False)]
    if not real:
        least = 1 + (shape is not None and shape[-1] % 2 == 0)
        rows.append(Rows(k, zero + 1, zero + wide - least, at + 1, True))
    return rows


def _slope(t: Array) -> Array:
    """Columns over rows of the frequencies at an angle, in units of the half-widths, on the side of positive rows."""
    with np.errstate(divide="ignore"):
        slope = np.where(t <= 1, 1 / np.maximum(t, 0), np.where(t <= 3, 2 - t, -1 / np.maximum(4 - t, 0)))
    return np.asarray(slope)


def _supports(centre: Array, d: float, outer: tuple[float, ...], inner: tuple[float, ...],
              down: IntArray) -> tuple[IntArray, IntArray]:
    """For wedges about `centre` and rows `down`: the first frequency along the row, and how many, shape (wedges, rows)."""
    hole = [math.floor(m / 2) for m in inner]
    most = math.ceil(outer[1]) - 1
    first, stop = (centre - d)[:, None], (centre + d)[:, None]
    scaled = np.abs(down) * (outer[1] / outer[0])
    up = down > 0
    with np.errstate(invalid="ignore"):
        low = scaled * _slope(np.where(up, stop, -first))
        high = scaled * _slope(np.where(up, first, -stop))
    # The row of zero holds the columns' axis alone.
    axis = down == 0
    low[:, axis] = np.where((first < 0) & (stop > 0), 0, np.inf)
    high[:, axis] = np.inf
    low = np.maximum(low, np.where(np.abs(down) <= hole[0], hole[1], -most - 1))
    begin = whole(low, most)
    return begin, np.maximum(1 - whole(-high, most) - begin, 0)


def _wedges(scale: int, outer: tuple[float, ...], inner: tuple[float, ...], number: int, real: bool,
            keep: Callable[[Array], int]) -> Iterator[_Part]:
    """Wedges of a scale: half of them by symmetry in the columns' axis or the rows' axis."""
    quarter, d = number // 4, 8 / number
    half = (quarter + 1) // 2
    own = np.concatenate([np.arange(half), quarter + np.arange(half)])
    centre = -1 + d * (own + 0.5)
    most = [math.ceil(m) - 1 for m in outer]
    down = np.arange(-most[0], most[0] + 1)
    begin, count = _supports(centre, d, outer, inner, down)
    which, row = np.nonzero(count)
    begin, count = begin[which, row], count[which, row]
    places = np.cumsum(count) - count
    run = np.repeat(np.arange(count.size), count)
    along = np.arange(count.sum()) - places[run] + begin[run]

    fields = windows.field(outer, inner, number)
    point = np.abs(down[row])[run] * fields.left.shape[1] + np.abs(along)
    # A frequency beyond an axis is looked up at its mirror image, which another wedge holds there.
    mirror = np.where(own < quarter, quarter, 3 * quarter) - 1 - own
    turned = np.where(own[which] < quarter, down[row] < 0, False)[run] | (along < 0)
    here = np.where(turned, mirror[which][run], own[which][run])
    left = fields.left.reshape(-1)[point]
    value = np.where(left == here, fields.falling.reshape(-1)[point],
                     np.where(left == here - 1, fields.rising.reshape(-1)[point], 0))
    if real:
        value *= math.sqrt(2)
    at = keep(value) + places
    bounds = np.searchsorted(which, np.arange(own.size + 1))
    canonical: list[tuple[tuple[int, ...], Rows]] = []
    for i in range(own.size):
        part = slice(bounds[i], bounds[i + 1])
        rows = Rows(down[row[part]][None], begin[part], count[part], at[part], False)
        if own[i] < quarter:
            tall, wide = _tangential(centre[i], d, outer, most), int((rows.start + rows.length).max() - rows.start.min())
        else:
            tall, wide = int(np.ptp(rows.lead[0]) + 1), int(rows.length.max())
        canonical.append(((fast_length(tall), fast_length(wide)), rows))
    for i in (0, half):
        # Small boxes of one shape are transformed at once, which is worth a few coefficients more.
        shared = tuple(max(lengths) for lengths in zip(*(lengths for lengths, _ in canonical[i : i + half]), strict=True))
        if math.prod(shared) <= SHARED:
            canonical[i : i + half] = [(shared, rows) for _, rows in canonical[i : i + half]]
    for l in range(number // 2 if real else number):
        opposite, l_half = divmod(l, number // 2)
        north, i = divmod(l_half, quarter)
        flipped = i >= half
        lengths, rows = canonical[north * half + (quarter - 1 - i if flipped else i)]
        over = (flipped and not north) ^ bool(opposite)
        beside = (flipped and bool(north)) ^ bool(opposite)
        yield _Part(scale, l, lengths, False, [rows._replace(lead=-rows.lead if over else rows.lead, mirrored=beside)])


def _tangential(centre: float, d: float, outer: tuple[float, ...], most: list[int]) -> int:
    """Most frequencies in a column that a wedge about the columns' axis holds."""
    along = np.arange(1, most[1] + 1) * (outer[0] / outer[1])

    def bound(t: float) -> Array:
        return along * (t if abs(t) <= 1 else math.copysign(1 / (2 - abs(t)), t))

    return widest(bound(centre - d), bound(centre + d), most[0])
