"""Tiles of the vector FFT: their lengths, tables, spectra and pairs, and the pool that works on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry, Layout, layout
from convkit._core.typing import Array, IntArray
from convkit.engines import blocks
from convkit.engines.lengths import LENGTHS
from convkit.engines.pieces import beyond, even_odd, flat, scratch
from convkit.kernels import simd

# Length of tiles along the last axes where these are a batch.
BESIDE = (16, 16, 64)
# Elements of a piece of work, at least: some 0.15 ms, several times what handing it over costs.
PIECE = 1 << 15


def radices(n: int) -> tuple[int, ...]:
    """Stages of a transform of length `n`, in the order in which the forward transform runs them."""
    threes = (3,) if n % 3 == 0 else ()
    exponent = (n // (3 if threes else 1)).bit_length() - 1
    fours = -exponent % 3
    return threes + (8,) * ((exponent - 2 * fours) // 3) + (4,) * fours


def order(n: int) -> IntArray:
    """Frequency that each position of a transform of length `n` holds."""
    frequencies = np.zeros(1, np.int64)
    for radix in reversed(radices(n)):
        frequencies = (np.arange(radix)[:, None] + radix * frequencies).ravel()
    return frequencies


class Tables(NamedTuple):
    """What a transform needs: stages and their places in the twiddles per axis, and the twiddles between folded rows."""

    stages: IntArray
    twiddles: Array
    folding: Array


@lru_cache(maxsize=32)
def tables(matrix: tuple[int, int, int], folded: bool, char: str, width: int) -> Tables:
    """Tables of a transform of `matrix` in the dtype `char`, with vectors of `width` numbers."""
    stages = np.zeros((3, 16), np.int64)
    twiddles: list[Array] = []
    at = 0
    for axis, n in enumerate(matrix):
        length = n
        steps = radices(n) if n > 1 else ()
        stages[axis, 0] = len(steps)
        for number, radix in enumerate(steps):
            stages[axis, 2 * number + 1 : 2 * number + 3] = radix, at
            powers = np.outer(np.arange(length // radix), np.arange(1, radix))
            table = np.exp(-2j * np.pi / length * powers).ravel().view(np.float64)
            twiddles.append(table)
            at += table.size
            length //= radix
    between = np.zeros(0)
    if folded:
        n = matrix[1] * matrix[2]
        phases = np.exp(-2j * np.pi / n * (np.outer(order(matrix[1]), np.arange(matrix[2])) % n))
        panels = phases.reshape(matrix[1] // width, width, matrix[2]).transpose(0, 2, 1)
        between = np.stack([panels.real, panels.imag], 2).ravel()
    return Tables(stages, np.concatenate(twiddles).astype(char), between.astype(char))


class Form(NamedTuple):
    """How a tile of samples is transformed: its extent in a volume, and that of the transform."""

    source: tuple[int, int, int]
    matrix: tuple[int, int, int]

    @property
    def folded(self) -> bool:
        """Whether a line of samples becomes the rows of a matrix."""
        return self.source != self.matrix


def form(tile: Sequence[int]) -> Form | None:
    """Form of a tile; None if it is no product of vector transforms, or there are no vectors."""
    from numba import config

    if config.DISABLE_JIT or not simd.vector_bits():
        return None
    if len(tile) == 1:
        # Rows a little longer than columns: they need one pass more, and are in the first-level cache then.
        n = tile[0]
        pairs = [(abs(math.log2(n / wide**2)), n // wide, wide) for wide in LENGTHS if n % wide == 0 and n // wide in LENGTHS]
        if not pairs:
            return None
        _, rows, columns = min(pairs)
        return Form((1, 1, n), (1, rows, columns))
    if any(n not in LENGTHS for n in tile):
        return None
    matrix = tile[0] if len(tile) == 3 else 1, tile[-2], tile[-1]
    return Form(matrix, matrix)


def spectrum(weights: Array, shape: Form) -> Array:
    """Multiplier that turns the transform of a tile into that of its circular correlation with the weights."""
    w = np.ascontiguousarray(weights)
    if w.size > 1 << 16 or math.prod(shape.matrix) > 1 << 20:
        return _transformed(w, shape)
    return _kept(w.tobytes(), w.shape, w.dtype.char, shape)


@lru_cache(maxsize=8)
def _kept(data: bytes, lengths: tuple[int, ...], char: str, shape: Form) -> Array:
    return _transformed(np.frombuffer(data, np.dtype(char)).reshape(lengths), shape)


def _transformed(weights: Array, shape: Form) -> Array:
    from convkit.kernels.fourier import transform_tile

    dtype = weights.real.dtype
    width = simd.lanes(dtype.itemsize)
    planes = np.zeros((2, *shape.source), dtype)
    here: Any = (0,) * (3 - weights.ndim) + tuple(slice(0, k) for k in weights.shape)
    planes[0][here] = weights.real
    if weights.dtype.kind == "c":
        planes[1][here] = -weights.imag
    nz, ny, nx = shape.matrix
    kit = tables(shape.matrix, shape.folded, dtype.char, width)
    out = np.empty(planes.size, dtype)
    work = np.empty(work_size(shape.matrix, width), dtype)
    transform_tile(planes.reshape(-1), shape.matrix, width, kit.stages, kit.twiddles, kit.folding, work, out)
    scale = dtype.type(1 / (nz * ny * nx))
    elements = out.reshape(-1, 2, width)
    elements *= np.array([scale, -scale])[:, None]
    return out


def work_size(matrix: tuple[int, int, int], width: int) -> int:
    """Numbers of scratch that the kernels need for tiles of `matrix`."""
    nz, ny, nx = matrix
    element = 2 * width
    return nz * (nx // width * (ny + 1) + 1) * element + nx * element + 2 * nz * ny * nx


class Tiled:
    """A transform with the weights in it that waits for volumes of samples."""

    def __init__(self, shape: Form, weights: Array, extent: tuple[int, int, int]) -> None:
        self.dtype = weights.real.dtype
        self.width = simd.lanes(self.dtype.itemsize)
        self.form = shape
        self.extent = extent
        lengths = shape.source[3 - weights.ndim :]
        steps = tuple(t - k + 1 for t, k in zip(lengths, weights.shape, strict=True))
        z, y, x = (1,) * (3 - weights.ndim) + steps
        self.valid = z, y, x
        kit = tables(shape.matrix, shape.folded, self.dtype.char, self.width)
        self.kit = (shape.source, shape.matrix, self.width, *kit, spectrum(weights, shape), self.valid)
        self.scratch = work_size(shape.matrix, self.width)
        self.nbytes = self.kit[-2].nbytes

    def run(self, volume: tuple[Any, ...], out: Array, apart: int, pairs: IntArray, workers: int) -> Array:
        """Work on pairs of tiles; return the largest magnitudes in the parts of each tile."""
        from convkit.kernels.fourier import BANDS, TOGETHER, correlate_tiles

        parts = BANDS * -(-self.form.matrix[2] // (TOGETHER * self.width))
        most = np.zeros((len(pairs), 2, parts), self.dtype)
        step = max(1, PIECE // math.prod(self.form.matrix))

        def work(begin: int) -> None:
            correlate_tiles(*volume, *self.kit, out, self.extent, apart, pairs, begin, min(begin + step, len(pairs)), most,
                            scratch(self.dtype, self.scratch, "tiles"))

        pool.run(work, list(range(0, len(pairs), step)), workers)
        return most


class Prepared:
    """A correlation that waits for samples of its shape and dtype, and for results."""

    def __init__(self, plan: Layout, complex_samples: bool, weights: Array, geometry: Sequence[Geometry],
                 boundary: Sequence[str], fill: Any, shape: Form) -> None:
        ndim = len(geometry)
        extent = list(plan.shape)
        maps: list[Array] = [np.arange(n) for n in plan.shape[:2]]
        for slot, (g, kind) in enumerate(zip(geometry, boundary, strict=True)):
            axis = 3 - ndim + slot
            extent[axis] = g.length
            if axis < 2:
                maps[axis] = index_map(plan.shape[axis], g.before, g.after, kind)
        z, y, x = extent
        self._tiled = tiled = Tiled(shape, weights, (z, y, x))
        ends, k = geometry[-1], weights.shape[-1]
        lanes = 2 if complex_samples else 1
        self._apart = plan.step * (2 if weights.dtype.kind == "c" else lanes)
        self._volume = (plan.shape, plan.step * lanes, *maps, beyond(plan.shape[2], ends, boundary[-1]), ends.before,
                        even_odd(fill, tiled.dtype, lanes), ends.length + k - 1)
        corners = list(product(*(range(0, m, v) for m, v in zip(extent, tiled.valid, strict=True))))
        tiles = np.full((len(corners), plan.step, 2, 5), -1, np.int64)
        tiles[..., :3] = np.reshape(corners, (-1, 1, 1, 3))
        signals = np.arange(plan.step)[:, None]
        if weights.dtype.kind == "c":
            # The parts of complex numbers share a transform; those of real samples are none.
            tiles[..., 3] = signals * lanes + [0, 1] if lanes == 2 else np.concatenate([signals, signals * 0 - 1], 1)
            tiles[..., 4] = signals * 2 + [0, 1]
            self._pairs = tiles.reshape(-1, 2, 5)
        else:
            tiles[:, :, 0, 3:] = signals
            single = tiles[:, :, 0].reshape(-1, 5)
            self._pairs = np.concatenate([single, np.full((len(single) % 2, 5), -1)]).reshape(-1, 2, 5)
        self._rest = (plan, weights, tuple(geometry), tuple(boundary), fill, lanes)
        self.nbytes = tiled.nbytes + self._pairs.nbytes

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        volume = (flat(x), *self._volume)
        target = out.reshape(-1)
        if target.dtype.kind == "c":
            target = target.view(self._tiled.dtype)
        pairs = self._pairs
        most = self._tiled.run(volume, target, self._apart, pairs, workers)
        found = blocks.spoilt(most.reshape(2 * len(most), -1))
        if found is None:
            return
        bad = found.reshape(-1, 2)
        if self._rest[1].dtype.kind == "c":
            bad[:] = bad.any(axis=1, keepdims=True)
        # What shared a transform with a spoilt tile is transformed again, alone.
        alone = pairs[~bad & bad[:, ::-1] & (pairs[..., 4] >= 0)]
        if len(alone):
            again = np.stack([alone, np.full_like(alone, -1)], axis=1)
            self._tiled.run(volume, target, self._apart, again, workers)
        self._directly(x, out, pairs[bad], workers)

    def _directly(self, x: Array, out: Array, spoilt: IntArray, workers: int) -> None:
        """Sum the outputs of tiles that an FFT would spoil."""
        plan, weights, geometry, boundary, fill, lanes = self._rest
        batch = 3 - len(geometry)
        images, results = x.reshape(*plan.shape, plan.step), out.reshape(*self._tiled.extent, plan.step)
        for row in np.unique(np.concatenate([spoilt[:, :3], spoilt[:, 3:4] // lanes], axis=1), axis=0):
            if row[3] < 0:
                continue
            window = tuple(slice(c, min(c + v, m)) for c, v, m in zip(row, self._tiled.valid, self._tiled.extent, strict=False))
            head = (*(w.start for w in window[:batch]), ..., row[3])
            blocks.sum_directly(images[head], weights, geometry, boundary, fill, results[head], window[batch:], workers)


def prepare(shape: tuple[int, ...], dtype: np.dtype[Any], weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str],
            fill: Any, axes: Sequence[int], tile: tuple[int, ...]) -> Prepared | None:
    """All of a correlation of C-contiguous samples but their values; None where it is none of a volume by vector transforms."""
    plan = layout(shape, axes)
    if plan is None:
        return None
    # A batch behind the first convolved axis is one more axis, with a single tap.
    slots = plan.slots[next(i for i, slot in enumerate(plan.slots) if slot is not None) :]
    sizes = plan.shape[3 - len(slots) :]
    if None in slots:
        tile = tuple(BESIDE[i - len(slots)] if slot is None else _single(tile[slot], weights.shape[slot])
                     for i, slot in enumerate(slots))
    found = form(tile)
    if found is None:
        return None
    taps = weights.reshape([1 if slot is None else weights.shape[slot] for slot in slots])
    places = [Geometry(0, n, 0, 0) if slot is None else geometry[slot] for n, slot in zip(sizes, slots, strict=True)]
    words = ["zero" if slot is None else boundary[slot] for slot in slots]
    return Prepared(plan, dtype.kind == "c", taps, places, words, fill, found)


def _single(length: int, k: int) -> int:
    """Length of a tile along one axis of several: as given, or where that is a folded line's, twice the taps."""
    return length if length in LENGTHS else next((n for n in LENGTHS if n >= max(2 * k, 64)), length)


def circular(shape: Form, weights: Array) -> Callable[[Sequence[Array]], Sequence[Array]]:
    """Circular correlation of two real blocks, or of a complex one, with the weights: the parts of one complex tile."""
    lengths = shape.source[3 - weights.ndim :]
    nz, ny, nx = shape.source
    tiled = Tiled(shape, weights, (2 * nz, ny, nx))
    pair = np.array([[[0, 0, 0, 0, 0], [nz, 0, 0, 0, 0]]], np.int64)
    dtype = tiled.dtype
    size = 2 * math.prod(lengths)
    volume = ((2 * nz, ny, nx), 1, np.arange(2 * nz), np.arange(ny), np.empty(0, np.int64), 0, even_odd(0, dtype, 1), nx)

    def correlated(given: Sequence[Array]) -> Sequence[Array]:
        planes = scratch(dtype, size, "planes")[:size].reshape(2, *lengths)
        planes[...] = 0
        parts = given if weights.dtype.kind == "f" else (given[0].real, given[0].imag)
        for plane, part in zip(planes, parts, strict=False):
            plane[tuple(slice(0, n) for n in part.shape)] = part
        values = np.zeros((2, *lengths), dtype)
        tiled.run((planes.reshape(-1), *volume), values.reshape(-1), 1, pair, 1)
        return list(values) if weights.dtype.kind == "f" else [values[0] + 1j * values[1]]

    return correlated
