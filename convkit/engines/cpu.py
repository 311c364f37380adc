"""Direct and separable correlation on the CPU: layout, pieces, and the pool that works on them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry, Layout, layout
from convkit._core.typing import Array
from convkit.kernels.correlate import SLACK, STRIP, correlate_box, minimum_columns, separable_box

# Operations in one piece of work: about 0.1 ms, several times what handing it over costs.
PIECE = 8e6
# Outputs in one piece at most, and elements of a row: the rows it reads then stay in the second-level cache.
OUTPUTS = 1 << 18
SPAN = 8192
# Elements gathered at a time near an edge, or where samples are converted.
BUFFER = 1 << 17
# Elements of a strip between the two passes of a separable correlation.
STRIP_ELEMENTS = 1 << 16
Box: TypeAlias = tuple[int, int, int, int, int, int]

_IDENTITY = Geometry(0, 1, 0, 0)


def correlate(x: Array, weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
              axes: Sequence[int], out: Array, workers: int) -> None:
    """Write the correlation of `x` with `weights` along the ascending `axes` into `out`.

    `out` is C-contiguous, of the result's shape, and has the dtype of `weights`, which is the arithmetic's, or one that
    `stores` allows.
    """
    ready = prepare(x.shape, weights, geometry, boundary, fill, axes)
    if ready is not None:
        ready(np.ascontiguousarray(x), out, workers)
        return
    ndim = len(axes)
    last = tuple(range(-ndim, 0))
    samples = np.ascontiguousarray(np.moveaxis(x, axes, last))
    results = np.moveaxis(out, axes, last)
    ready = prepare(samples.shape[-ndim:], weights, geometry, boundary, fill, range(ndim))
    assert ready is not None
    for index in np.ndindex(samples.shape[:-ndim]):
        item = results[index]
        target = item if item.flags.c_contiguous else np.empty(item.shape, item.dtype)
        ready(samples[index], target, workers)
        if target is not item:
            item[...] = target


def stores(samples: np.dtype[Any], work: np.dtype[Any], result: np.dtype[Any]) -> bool:
    """Whether the direct method can round and store its results as `result` on the way."""
    small = (np.uint8, np.int16, np.uint16)
    return work == np.float32 and samples in small and result in small


def prepare(shape: tuple[int, ...], weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
            axes: Sequence[int]) -> Prepared | None:
    """All of a correlation but its samples, of `shape`; None where their axes are no volume's."""
    volume = _volume(shape, tuple(axes), weights.shape, tuple(geometry), tuple(boundary))
    return None if volume is None else Prepared(volume, weights, fill)


class Prepared:
    """A correlation that waits for C-contiguous samples and results of the shapes it was prepared for."""

    def __init__(self, volume: _Volume, weights: Array, fill: Any) -> None:
        w = np.zeros(weights.size + SLACK, weights.dtype)
        w[: weights.size] = weights.reshape(-1)
        self._boxes = volume.boxes
        self._first = (volume.shape, *volume.maps, volume.before, volume.step, w.dtype.type(fill), w, volume.taps)
        self._extent = volume.extent
        self._last = (minimum_columns(w.dtype), volume.chunk)
        self._scratch = volume.scratch
        self._dtype = w.dtype

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        flat = x.reshape(-1)
        if not flat.flags.behaved:
            flat = _writable(flat)
        target = out.reshape(-1)

        def work(box: Box) -> None:
            correlate_box(flat, *self._first, target, self._extent, box, *self._last, _scratch(self._dtype, self._scratch))

        if len(self._boxes) == 1:
            work(self._boxes[0])
        else:
            pool.run(work, self._boxes, workers)


class _Volume(NamedTuple):
    """What `correlate_box` needs beside samples, weights and results; the same for every call of these shapes."""

    shape: tuple[int, int, int]
    maps: tuple[Array, Array, Array]
    before: int
    step: int
    taps: tuple[int, ...]
    extent: tuple[int, ...]
    boxes: list[Box]
    chunk: int
    scratch: int


@lru_cache(maxsize=64)
def _volume(shape: tuple[int, ...], axes: tuple[int, ...], lengths: tuple[int, ...], geometry: tuple[Geometry, ...],
            boundary: tuple[str, ...]) -> _Volume | None:
    plan = layout(shape, axes)
    if plan is None:
        return None
    taps: list[int] = []
    extent: list[int] = []
    maps: list[Array] = []
    before = 0
    for position, (n, slot) in enumerate(zip(plan.shape, plan.slots, strict=True)):
        g = _IDENTITY._replace(length=n) if slot is None else geometry[slot]
        kind = "zero" if slot is None else boundary[slot]
        taps.append(1 if slot is None else lengths[slot])
        extent.append(g.length)
        if position < 2:
            maps.append(index_map(n, g.before, g.after, kind))
        else:
            before = g.before
            maps.append(_beyond(n, g, kind))
    extent[2] *= plan.step
    cut = boxes(extent, taps)
    z0, z1, y0, y1 = cut[0][:4]
    rows = (z1 - z0 + taps[0] - 1) * (y1 - y0 + taps[1] - 1)
    reach = (taps[2] - 1) * plan.step
    chunk = max(64, (BUFFER // rows - reach) // 64 * 64)
    return _Volume(plan.shape, (maps[0], maps[1], maps[2]), before, plan.step, tuple(taps), tuple(extent), cut, chunk,
                   (rows + STRIP) * (min(chunk, max(extent[2], 64)) + reach))


class _Local(threading.local):
    """Memory that a thread's pieces of work share: fresh memory costs a page fault every 4 KiB."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}


_local = _Local()


def _scratch(dtype: np.dtype[Any], size: int) -> Array:
    """At least `size` elements of `dtype` that no other thread uses; kept unless far larger than usual."""
    array = _local.arrays.get(dtype.char)
    if array is None or array.size < size:
        array = np.empty(max(size, BUFFER), dtype)
        if size <= 4 * BUFFER:
            _local.arrays[dtype.char] = array
    return array


def _beyond(n: int, g: Geometry, boundary: str) -> Array:
    """Sources of the samples before the first and after the last of a row, without the row itself."""
    ahead = index_map(n, max(g.before, 0), -n, boundary)
    # What lies past the end starts at sample n, or later where the front is cropped beyond it.
    past = index_map(n, -n, max(g.after, 0), boundary)
    return np.concatenate([ahead, past])


def boxes(extent: Sequence[int], taps: Sequence[int]) -> list[Box]:
    """Cut the outputs into pieces of work, without regard to the workers."""
    depth, rows, columns = extent
    per_output = 2.0 * taps[0] * taps[1] * taps[2]
    spans = -(-columns // SPAN)
    if depth * rows < 4:
        spans = max(spans, min(-(-columns // 2048), int(per_output * columns * rows * depth / PIECE) + 1))
    wide = (-(-columns // spans) + 63) // 64 * 64
    # A volume's planes share most of what they read: at least eight go together.
    deep = min(depth, 8)
    high = max(16, min(int(PIECE / (per_output * wide * deep)), OUTPUTS // (wide * deep)) // 16 * 16)
    if high >= rows:
        deep = max(deep, min(int(PIECE / (per_output * wide * rows)), OUTPUTS // (wide * rows)))
    return [(z, min(z + deep, depth), y, min(y + high, rows), c, min(c + wide, columns))
            for z in range(0, depth, deep) for y in range(0, rows, high) for c in range(0, columns, wide)]


def _writable(array: Array) -> Array:
    """The same memory as an array that kernels may be compiled for once: they never write to it."""
    if array.flags.writeable and array.flags.aligned:
        return array
    if not array.flags.aligned:
        return array.copy()
    interface = dict(array.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    return np.asarray(_View(interface, array))


class _View:
    """Carries an array interface, and keeps its memory alive."""

    def __init__(self, interface: dict[str, Any], base: Array) -> None:
        self.__array_interface__ = interface
        self.base = base


def correlate_separable(x: Array, taps: Sequence[Array | None], geometry: Sequence[Geometry], boundary: Sequence[str],
                        fill: Any, axes: Sequence[int], out: Array, workers: int) -> None:
    """One pass per axis that has taps; arguments as `correlate`, `taps` and `geometry` one per axis.

    The passes along the last two of them run as one, strip by strip, where rows are long enough.
    """
    given = [(i, t) for i, t in enumerate(taps) if t is not None]
    if not given:
        out[...] = x
        return
    pair = given[-2:]
    fused = _fused([axes[i] for i, _ in pair], [geometry[i] for i, _ in pair], x, out)
    passes = given[:-2] if fused is not None else given
    # The pass that shortens the array most goes first, the one that lengthens it most last.
    passes = sorted(passes, key=lambda item: geometry[item[0]].length / x.shape[axes[item[0]]])
    current = x
    for number, (i, t) in enumerate(passes):
        shape = list(current.shape)
        shape[axes[i]] = geometry[i].length
        alone = fused is None and number == len(passes) - 1
        target = out if alone else np.empty(shape, out.dtype)
        correlate(current, t, (geometry[i],), (boundary[i],), fill, (axes[i],), target, workers)
        # Beyond the other axes' edges this pass has met nothing but the fill value.
        fill = fill * t.sum(dtype=t.dtype)
        current = target
    if fused is not None:
        (i, down), (j, across) = pair
        _correlate_pair(current, fused, (down, across), (geometry[i], geometry[j]), (boundary[i], boundary[j]), fill, out,
                        workers)


def _fused(axes: Sequence[int], geometry: Sequence[Geometry], x: Array, out: Array) -> Layout | None:
    """Images whose columns and rows the two axes are, if one strip can hold a pass along the columns."""
    if len(axes) < 2 or min(geometry[1].before, geometry[1].after) < 0:
        return None
    shape = list(out.shape)
    for axis in axes:
        shape[axis] = x.shape[axis]
    plan = layout(shape, axes)
    if plan is None or plan.slots != (None, 0, 1):
        return None
    shortest = min(plan.shape[2], geometry[1].length) * plan.step
    return plan if shortest >= minimum_columns(out.dtype) else None


def _correlate_pair(x: Array, plan: Layout, taps: tuple[Array, Array], geometry: tuple[Geometry, Geometry],
                    boundary: tuple[str, str], fill: Any, out: Array, workers: int) -> None:
    """Pass down the columns and across the rows of images, a strip at a time."""
    images, height, width = plan.shape
    down, across = (_writable(np.ascontiguousarray(t)) for t in taps)
    rows = index_map(height, geometry[0].before, geometry[0].after, boundary[0])
    beyond = _beyond(width, geometry[1], boundary[1])
    extent = (images, geometry[0].length, geometry[1].length * plan.step)
    flat, target = _writable(np.ascontiguousarray(x).reshape(-1)), out.reshape(-1)
    length = extent[2] + (across.size - 1) * plan.step
    strip = max(4, min(32, STRIP_ELEMENTS // length // 4 * 4))
    scratch = strip * length
    scalar = out.dtype.type
    if flat.dtype != out.dtype or fill != 0:
        scratch += (strip + down.size - 1) * width * plan.step
    first = (flat, plan.shape, rows, beyond, geometry[1].before, plan.step, scalar(fill),
             scalar(fill * down.sum(dtype=down.dtype)), down, across, target, extent)

    def work(box: tuple[int, ...]) -> None:
        separable_box(*first, box, strip, _scratch(out.dtype, scratch))

    # Cut as a single pass of as many taps, but for the rows, which stay whole.
    cut = {box[:4] for box in boxes((images, extent[1], min(extent[2], SPAN)), (1, 1, down.size + across.size))}
    pool.run(work, sorted(cut), workers)
