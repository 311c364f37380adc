"""Windows of the curvelets of volumes, made wedge by wedge: those of a large volume would not fit into memory."""

from __future__ import annotations

import itertools
import math
import threading
from typing import Any

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.curvelets import windows
from convkit.curvelets.runs import Rows, cut
from convkit.curvelets.tables import fast_length, plain_rows, wavelet_window, whole, widest
from convkit.engines.wedge import Band, grouped

# Bytes of windows and runs that are kept for the next transform.
KEPT = 1 << 28


class VolumeTables:
    """All bands of the transform of a volume, coarse first.

    A scale has six faces, three of which are held for real samples: the positive half of the last axis, of the middle one and
    of the first, then the negative halves. Each face is divided along both slopes; wedge ``(face, i, m)`` has number
    ``(face * side + i) * side + m``, with the slopes along the earlier axis (i) and the later one (m).
    """

    def __init__(self, shape: tuple[int, ...], scales: int, angles: int, finest: str, real: bool) -> None:
        self.shape, self.real = shape, real
        self._widths = [windows.half_widths(shape, scales, j) for j in range(scales)]
        self._squares = [windows.radial_squares(outer) for outer in self._widths]
        self._angles, self._wavelet = angles, finest == "wavelet"
        bands = []
        lengths = tuple(fast_length(2 * len(f) - 1) for f in self._squares[0])
        bands.append(Band(0, 0, lengths, real, math.prod(lengths)))
        for j in range(1, scales - self._wavelet):
            side = self._side(j)
            boxes = {place: self._lengths(j, *place) for place in itertools.product(range(3), range(side), range(side))}
            for index, (face, i, m) in enumerate(itertools.product(range(3 if real else 6), range(side), range(side))):
                lengths = boxes[face % 3, i, m]
                bands.append(Band(j, index, lengths, False, math.prod(lengths) * (2 if real else 1)))
        if self._wavelet:
            bands.append(Band(scales - 1, 0, shape, real, math.prod(shape)))
        self.bands = tuple(bands)
        self.groups = grouped(bands)
        self._kept: dict[tuple[Any, ...], tuple[IntArray, IntArray, Array]] = {}
        self._held = 0
        self._keeping = threading.Lock()

    def _side(self, scale: int) -> int:
        return windows.wedges_of(self._angles, scale) // 4

    def _place(self, number: int) -> tuple[int, int, int]:
        """Face of a wedge, and its number along both slopes."""
        band = self.bands[number]
        side = self._side(band.scale)
        return band.wedge // side**2, band.wedge // side % side, band.wedge % side

    def centre(self, number: int) -> Array:
        """Centre of a wedge on the outline of the cube."""
        face, i, m = self._place(number)
        d = 2 / self._side(self.bands[number].scale)
        _, first, second = _axes(face)
        point = np.ones(3)
        point[first], point[second] = -1 + d * (i + 0.5), -1 + d * (m + 0.5)
        return point * (-1 if face >= 3 else 1)

    def rows(self, begin: int, end: int, dtype: np.dtype[Any]) -> tuple[IntArray, IntArray, Array]:
        """Runs of bands `begin` to `end`, where those of each begin, and weights of a real dtype."""
        key = begin, end, dtype
        found = self._kept.get(key)
        if found is None:
            parts = [self._undivided(n) if self._whole(n) else self._wedge(n) for n in range(begin, end)]
            starts = np.cumsum([0, *(values.size for _, values in parts)])
            pieces = [(rows._replace(value=rows.value + starts[k]), self.bands[begin + k].lengths, self.bands[begin + k].real)
                      for k, (several, _) in enumerate(parts) for rows in several]
            runs, bounds = cut(pieces, self.shape, self.real)
            of = np.cumsum([0, *(len(several) for several, _ in parts)])
            found = runs, bounds[of], np.concatenate([values for _, values in parts]).astype(dtype)
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[Any, ...], arrays: tuple[IntArray, IntArray, Array]) -> None:
        size = sum(array.nbytes for array in arrays)
        with self._keeping:
            if key not in self._kept and self._held + size <= KEPT:
                self._kept[key] = arrays
                self._held += size

    def _whole(self, number: int) -> bool:
        """Whether a band is a scale that is not divided."""
        return number == 0 or (self._wavelet and number == len(self.bands) - 1)

    def _undivided(self, number: int) -> tuple[list[Rows], Array]:
        if number == 0:
            window = windows.product([np.sqrt(f) for f in self._squares[0]])
            return plain_rows(window, 0, self.real), window.reshape(-1)
        window = wavelet_window(self.shape, self._squares[-2])
        return plain_rows(window, 0, self.real, self.shape), window.reshape(-1)

    def _slopes(self, scale: int, i: int) -> tuple[float, float]:
        """Least and largest slope of the wedges number `i` along one axis of a face."""
        d = 2 / self._side(scale)
        centre = -1 + d * (i + 0.5)
        return _slope(centre - d), _slope(centre + d)

    def _lengths(self, scale: int, face: int, i: int, m: int) -> tuple[int, ...]:
        """Box of a wedge: as many frequencies as it has outwards, and as it has across at its widest."""
        outer = self._widths[scale]
        most = [len(f) - 1 for f in self._squares[scale]]
        radial, *tangential = _axes(face)
        steepest = 1.0
        result = [0, 0, 0]
        out = np.arange(1, most[radial] + 1) / outer[radial]
        for axis, number in zip(tangential, (i, m), strict=True):
            low, high = self._slopes(scale, number)
            steepest = max(steepest, abs(low), abs(high))
            result[axis] = widest(low * out * outer[axis], high * out * outer[axis], most[axis])
        # Somewhere a wedge is a quarter of the way out, along its own axis, or beyond an edge along another.
        result[radial] = most[radial] - math.floor(outer[radial] / 4 / steepest - 1e-9)
        return tuple(fast_length(n) for n in result)

    def _wedge(self, number: int) -> tuple[list[Rows], Array]:
        """Rows of a wedge, and its window along them."""
        face, i, m = self._place(number)
        scale = self.bands[number].scale
        outer, inner = self._widths[scale], self._widths[scale - 1]
        most = [len(f) - 1 for f in self._squares[scale]]
        hole = [math.floor(n / 2) for n in inner]
        radial, *tangential = _axes(face)
        # What is above zero for the frequencies of the wedge, as coefficients of them.
        limits = np.zeros((4, 3))
        for place, (axis, index) in enumerate(zip(tangential, (i, m), strict=True)):
            low, high = self._slopes(scale, index)
            limits[2 * place, [radial, axis]] = -low / outer[radial], 1 / outer[axis]
            limits[2 * place + 1, [radial, axis]] = high / outer[radial], -1 / outer[axis]
        lead = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in most[:2]), indexing="ij")).reshape(2, -1)
        start = np.full(lead.shape[1], -most[2] - 1.0)
        stop = np.full(lead.shape[1], most[2] + 1.0)
        for limit in limits:
            rest = limit[:2] @ lead
            if limit[2] > 0:
                start = np.maximum(start, -rest / limit[2])
            elif limit[2] < 0:
                stop = np.minimum(stop, -rest / limit[2])
            else:
                stop = np.where(rest > 0, stop, -np.inf)
        within = (np.abs(lead) <= np.reshape(hole[:2], (2, 1))).all(0)
        if radial == 2 or self._slopes(scale, m)[1] > 1:
            start = np.where(within, np.maximum(start, hole[2]), start)
        elif self._slopes(scale, m)[0] < -1:
            stop = np.where(within, np.minimum(stop, -hole[2]), stop)
        else:
            stop = np.where(within, -np.inf, stop)
        first, last = whole(start, most[2]), whole(-stop, most[2])
        some = first + last <= 0
        lead, first, length = lead[:, some], first[some], 1 - (first + last)[some]
        value = np.cumsum(length) - length
        row = np.repeat(np.arange(length.size), length)
        k = np.concatenate([lead[:, row], (np.arange(row.size) - value[row] + first[row])[None]])
        window = self._window(scale, k, radial, tangential, (i, m))
        if self.real:
            window *= math.sqrt(2)
        rows = Rows(lead, first, length, value, False)
        if face >= 3:
            rows = rows._replace(lead=-lead, mirrored=True)
        return [rows], window

    def _window(self, scale: int, k: IntArray, radial: int, tangential: list[int], place: tuple[int, int]) -> Array:
        """Window of a wedge at frequencies k of its positive side."""
        size = np.abs(k)
        square = math.prod(f[s] for f, s in zip(self._squares[scale], size, strict=True))
        within = [np.append(f, 0)[np.minimum(s, len(f))] for f, s in zip(self._squares[scale - 1], size, strict=True)]
        window = np.sqrt(np.maximum(square - math.prod(within), 0))
        d = 2 / self._side(scale)
        u = k / np.reshape(self._widths[scale], (3, 1))
        for axis, index in zip(tangential, place, strict=True):
            away = np.abs(_around(u[axis], u[radial]) - (-1 + d * (index + 0.5))) / d
            window *= np.cos(np.pi / 2 * windows.ramp(away))
        # Where faces meet, squares do not sum to one of themselves.
        u = np.abs(u)
        total = np.zeros(u.shape[1])
        shares = {pair: np.cos(np.pi / 2 * windows.ramp((_around(u[pair[0]], u[pair[1]]) - 1 + d / 2) / d)) ** 2
                  for pair in itertools.permutations(range(3), 2)}
        for axis in range(3):
            total += math.prod(shares[other, axis] for other in range(3) if other != axis)
        result: Array = window / np.sqrt(total)
        return result


def _axes(face: int) -> tuple[int, int, int]:
    """Axis along which a face lies outwards, and the others."""
    radial = 2 - face % 3
    first, second = (a for a in range(3) if a != radial)
    return radial, first, second


def _slope(t: float) -> float:
    """Slope at a place t along the outline of the square, from the middle of a side; beyond its end, at 1, it grows."""
    return t if abs(t) <= 1 else math.copysign(1 / (2 - abs(t)), t)


def _around(across: Array, out: Array) -> Array:
    """Place along the outline of the square of a slope ``across / out``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(np.abs(across) <= out, across / out, np.copysign(2 - out / np.abs(across), across))
    return np.asarray(np.where((across == 0) & (out == 0), 2, place))
