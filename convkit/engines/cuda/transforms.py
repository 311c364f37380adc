"""Fourier transforms of any length over the last axes of arrays on a CUDA device: how lines are cut into stages, and launches.

A line that fits into shared memory is transformed by one block; a longer one as a matrix, columns first. A length with another
prime factor than the radices of `transform_cuda` is taken by a correlation with a chirp of a length that has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import gpu
from convkit._core.typing import Array, IntArray
from convkit.engines.cuda.grids import SHARED
from convkit.engines.cuda.launches import Launches
from convkit.kernels import transform_cuda as kernels
from convkit.kernels.butterfly_cuda import GAP, stages, twiddles
from convkit.kernels.stages_cuda import POINT, RADICES
from convkit.kernels.transform_cuda import CHIRP, COMPLEX, HALF, REAL, TWIDDLE, Side, Sizes

# Numbers that a block transforms, at least, where there are as many; and bytes of neighbouring lines that are read at a time.
BLOCK = 16 if gpu.SIMULATED else 2048
SECTOR = 32
# Threads of a block. The simulator takes a millisecond for one.
THREADS = 4 if gpu.SIMULATED else 128
# Numbers of what is transformed as a matrix; the number of a line has 32 bits.
MOST = 1 << 31


def room(dtype: np.dtype[Any]) -> int:
    """Numbers of the longest line that a block transforms."""
    pitch = (SHARED - kernels.BYTES) // (2 * dtype.itemsize)
    return (pitch - 1) * 8 // 9


def factors(n: int) -> tuple[int, ...] | None:
    """Stages of a transform of length n; None if it has other factors."""
    found: list[int] = []
    for radix in RADICES:
        while n % radix == 0:
            found.append(radix)
            n //= radix
    return tuple(found) if n == 1 else None


def order(radices: Sequence[int]) -> IntArray:
    """Frequency that each position of a transform by stages holds."""
    frequencies = np.zeros(1, np.int64)
    for radix in reversed(radices):
        frequencies = (np.arange(radix)[:, None] + radix * frequencies).ravel()
    return frequencies


def smooth(n: int) -> int:
    """Least length from n on that has stages."""
    while factors(n) is None:
        n += 1
    return n


def halves(n: int) -> tuple[int, int]:
    """Rows and columns of the matrix of n numbers whose lines are shortest."""
    rows = next(k for k in range(math.isqrt(n), 0, -1) if n % k == 0)
    return rows, n // rows


class Lines(NamedTuple):
    """Lines of `length` numbers of an array of shape (outer, length, inner)."""

    outer: int
    length: int
    inner: int


class Pass:
    """One kernel of a transform: lines from one array to another."""

    def __init__(self, dtype: np.dtype[Any], radices: Sequence[int], sizes: Sizes, sides: tuple[Side, Side],
                 tables: dict[str, Array]) -> None:
        length = sizes.length
        of = order(radices)
        place = np.empty_like(of)
        place[of] = np.arange(length) + (np.arange(length) >> GAP)
        rows = [(radix, length // radix, apart, _over(apart), 1 + first) for radix, apart, first in stages(length, radices)]
        self._plan = gpu.sent(np.append(np.array(rows, np.int32), place.astype(np.int32))).line
        given = {"scale": np.ones(1), "stages": twiddles(length, radices)} | tables
        ends = np.cumsum([0, *(values.size for values in given.values())]).tolist()
        places = dict(zip(given, ends, strict=False))
        values = np.concatenate([values.ravel() for values in given.values()]).astype(dtype)
        self._tables = gpu.sent(values).line
        sizes = sizes._replace(stages=len(radices), over=_over(length),
                               **{name: places.get(name, 0) for name in ("chirp", "spectrum", "fine", "coarse")})
        pitch = length + (length >> GAP) | 1
        lines_of = _lines_of_block(sizes, sides, pitch, dtype)
        sizes = sizes._replace(beside=lines_of, team=THREADS // lines_of)
        ready = []
        for side in sides:
            along = side.step * sizes.inner == 1
            width = length if along else lines_of
            ready.append(side._replace(along=int(along), width=width, over=_over(width)))
        first, second = ready
        if second.along:
            # What lies beyond the end is not looked at.
            wide = min(length, second.limit)
            second = second._replace(width=wide, over=_over(wide))
        self._numbers = tuple(map(int, (*sizes, *first[:-1]))), tuple(map(int, second[:-1]))
        blocks = -(-sizes.total // (sizes.parts * lines_of))
        kernel, shared = kernels.lines(dtype.name, THREADS), 2 * lines_of * pitch * dtype.itemsize
        self._launch = Launches(kernel, (blocks,), (THREADS,), shared)

    def __call__(self, x: Any, first: int, out: Any, start: int, stream: Any) -> None:
        """Transform the lines of the flat array `x` from number `first` on into `out` from `start` on."""
        before, after = self._numbers
        self._launch(stream, x, self._plan, self._tables, out, (*before, first, *after, start))


def _over(divisor: int) -> int:
    return -(-(1 << POINT) // divisor)


def _lines_of_block(sizes: Sizes, sides: tuple[Side, Side], pitch: int, dtype: np.dtype[Any]) -> int:
    """How many lines a block transforms together."""
    few = max(1, BLOCK // sizes.length)
    if any(side.step * sizes.inner > 1 for side in sides):
        few = max(few, SECTOR // (2 * dtype.itemsize))
    most = (SHARED - kernels.BYTES) // (2 * dtype.itemsize * pitch)
    return max(1, min(few, most, kernels.LINES, THREADS, -(-sizes.total // sizes.parts)))


def _sizes(total: int, length: int, inner: int, many: int = 1, parts: int = 1, **more: int) -> Sizes:
    nothing = dict.fromkeys(Sizes._fields, 0)
    return Sizes(**{**nothing, "total": total, "parts": parts, "length": length, "inner": inner, "many": many, **more})


def _side(kind: int, outer: int, limit: int, step: int = 1, jump: int = 0, turned: int = 0, factor: int = 0,
          swap: int = 0) -> Side:
    return Side(kind, outer, step, jump, limit, 0, 0, 0, turned, factor, swap, 0)


def _chirp(n: int) -> Array:
    """exp(-i pi k^2 / n) for k below n; the phases are integers."""
    turns = np.arange(n, dtype=np.int64) ** 2 % (2 * n)
    return np.asarray(np.exp(-1j * np.pi / n * turns))


def _spectrum(n: int, length: int) -> Array:
    """Transform of the conjugate chirp, around a circle of `length`, over that length."""
    from scipy import fft

    around, chirp = np.zeros(length, np.complex128), _chirp(n).conj()
    around[:n] = chirp
    around[length - n + 1 :] = chirp[:0:-1]
    return np.asarray(fft.fft(around)) / length


def _pair(values: Array) -> Array:
    """Real parts, and then imaginary ones."""
    return np.stack([values.real, values.imag])


def _matrix(rows: int, columns: int) -> tuple[dict[str, Array], int]:
    """Twiddles between columns and rows: fine ones, and one of each so many; and the bits of their number."""
    n = rows * columns
    shift = (n.bit_length() + 1) // 2
    found = []
    for turns in (np.arange(1 << shift), np.arange((n >> shift) + 1) << shift):
        phases = np.exp(-2j * np.pi / n * turns)
        found.append(np.stack([phases.real, phases.imag], axis=-1))
    return {"fine": found[0], "coarse": found[1]}, shift


class Axis:
    """Transforms along one axis: of `work.length` numbers, over the root of that; `kinds` of numbers are read and written."""

    def __init__(self, work: Lines, dtype: np.dtype[Any], inverse: bool, kinds: tuple[int, int]) -> None:
        self._dtype, self._size = dtype, 0
        outer, n, inner = work
        radices, most = factors(n), room(dtype)
        wanted = n if radices is not None else smooth(2 * n - 1)
        ends = [n // 2 + 1 if kind == HALF else n for kind in kinds]
        turn = int(inverse)
        self._scale = {"scale": np.array([1 / math.sqrt(n)])}
        self._passes: list[Pass] = []
        if wanted <= most:
            parts = 1 if kinds == (COMPLEX, COMPLEX) else 2
            own = 0 if radices is not None else CHIRP
            tables = dict(self._scale)
            if own:
                tables.update(chirp=_pair(_chirp(n)), spectrum=_pair(_spectrum(n, wanted)[order(factors(wanted) or ())]))
            sizes = _sizes(outer * inner, wanted, inner, parts=parts, filtered=int(own > 0), period=n)
            first = _side(kinds[0], ends[0] * inner, n, turned=turn, factor=own)
            last = _side(kinds[1], ends[1] * inner, ends[1], turned=int(own > 0), factor=own, swap=turn)
            self._passes = [Pass(dtype, factors(wanted) or (), sizes, (first, last), tables)]
            return
        rows, columns = halves(wanted)
        if columns > most or outer * wanted * inner >= MOST:
            raise ValueError(f"an axis of {n} samples is too long to be transformed on a CUDA device in {dtype.name}; hand in "
                             "a NumPy array")
        self._size = 2 * outer * wanted * inner
        between, shift = _matrix(rows, columns)
        whole = wanted * inner
        down = _sizes(outer * columns * inner, rows, inner, columns, shift=shift)
        across = _sizes(outer * rows * inner, columns, inner, rows)
        step_down, step_across = {"step": columns, "jump": 1}, {"step": 1, "jump": columns}
        first = _side(kinds[0], ends[0] * inner, n, turned=turn, factor=0 if radices else CHIRP, **step_down)
        middle = _side(COMPLEX, whole, wanted, factor=TWIDDLE, **step_down)
        beside = _side(COMPLEX, whole, wanted, **step_across)
        head, tail = factors(rows) or (), factors(columns) or ()
        if radices is not None:
            last = _side(kinds[1], ends[1] * inner, ends[1], swap=turn, step=rows, jump=1)
            self._passes = [Pass(dtype, head, down, (first, middle), between),
                            Pass(dtype, tail, across, (beside, last), self._scale)]
            return
        chirp = {"chirp": _pair(_chirp(n))}
        spectrum = _spectrum(n, wanted)[np.arange(rows)[:, None] + rows * order(tail)]
        last = _side(kinds[1], ends[1] * inner, ends[1], turned=1, factor=CHIRP, swap=turn, **step_down)
        self._passes = [
            Pass(dtype, head, down._replace(period=n), (first, middle), {**between, **chirp}),
            Pass(dtype, tail, across._replace(filtered=1), (beside, beside), {"spectrum": _pair(spectrum)}),
            Pass(dtype, head, down._replace(period=n), (middle, last), {**between, **chirp, **self._scale})]

    def __call__(self, x: Any, first: int, out: Any, start: int, stream: Any) -> None:
        """As of a pass; `x` and `out` may be one."""
        if not self._size:
            self._passes[0](x, first, out, start, stream)
            return
        memory = gpu.taken((self._size,), self._dtype, stream)
        head, *between, last = self._passes
        head(x, first, memory.line, 0, stream)
        for step in between:
            step(memory.line, 0, memory.line, 0, stream)
        last(memory.line, 0, out, start, stream)


class Transform:
    """Transforms of `count` arrays of a shape over all their axes, over the root of their size, in the real `dtype`.

    Of real samples half a spectrum is written, and of half a spectrum real samples. All arrays are flat, of real numbers;
    complex ones are pairs of these. The spectrum that an inverse transform to real samples reads is spoilt.
    """

    def __init__(self, count: int, shape: tuple[int, ...], dtype: np.dtype[Any], real: bool, inverse: bool) -> None:
        *lead, n = shape
        kinds = (COMPLEX, COMPLEX) if not real else (HALF, REAL) if inverse else (REAL, HALF)
        rows = count * math.prod(lead)
        last = Axis(Lines(rows, n, 1), dtype, inverse, kinds)
        width = n // 2 + 1 if real else n
        others = []
        for axis, length in enumerate(lead):
            inner = math.prod(lead[axis + 1 :]) * width
            others.append(Axis(Lines(count * math.prod(lead[:axis]), length, inner), dtype, inverse, (COMPLEX, COMPLEX)))
        self._ahead = others if real and inverse else []
        self._last = last
        self._behind = [] if real and inverse else others

    def __call__(self, x: Any, first: int, out: Any, start: int, stream: Any) -> None:
        """Transform numbers of `x` from the number `first` on, and write from `start` of `out` on."""
        for step in self._ahead:
            step(x, first, x, first, stream)
        self._last(x, first, out, start, stream)
        for step in self._behind:
            step(out, start, out, start, stream)


def transform(count: int, shape: tuple[int, ...], dtype: np.dtype[Any], real: bool, inverse: bool) -> Transform:
    """A transform with its tables on the device that work is given to."""
    return _transform(gpu.current(), count, shape, dtype, real, inverse)


# A curvelet transform has one for each shape of its bands.
@lru_cache(maxsize=1024)
def _transform(device: int, *work: Any) -> Transform:
    return Transform(*work)
