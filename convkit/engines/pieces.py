"""How arrays are read by the kernels, cut into pieces of work, and which scratch memory the pieces use."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry, layout
from convkit._core.typing import Array
from convkit.kernels.correlate import STRIP

# Operations in one piece of work: about 0.1 ms, several times what handing it over costs.
PIECE = 8e6
# Outputs in one piece at most, and elements of a row: the rows it reads then stay in the second-level cache.
OUTPUTS = 1 << 18
SPAN = 8192
# Elements gathered at a time near an edge, or where samples are converted.
BUFFER = 1 << 17
# Seconds an operation and an output take in float32, roughly; and up to which sum of these a loop is not handed over.
OPERATION, OUTPUT, ALONE = 1e-11, 2.7e-10, 1.8e-4
# Seconds of a piece of a line.
LINE_SECONDS = 1e-4
Box: TypeAlias = tuple[int, int, int, int, int, int]

_IDENTITY = Geometry(0, 1, 0, 0)


class Volume(NamedTuple):
    """What `correlate_box` needs beside samples, weights and results; the same for every call of these shapes.

    `step` and `extent` count elements: two in a complex sample. `seconds` is a rough guess in float32.
    """

    shape: tuple[int, int, int]
    maps: tuple[Array, Array, Array]
    before: int
    step: int
    taps: tuple[int, ...]
    extent: tuple[int, ...]
    boxes: list[Box]
    chunk: int
    scratch: int
    lanes: int
    seconds: float
    nbytes: int


@lru_cache(maxsize=64)
def volume(shape: tuple[int, ...], axes: tuple[int, ...], lengths: tuple[int, ...], geometry: tuple[Geometry, ...],
           boundary: tuple[str, ...], lanes: int, parts: int) -> Volume | None:
    """Volume of samples of `lanes` real numbers each, and weights of `parts` each; None where the axes are no volume's."""
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
            maps.append(beyond(n, g, kind))
    step = plan.step * lanes
    extent[2] *= step
    cut = boxes(extent, taps, parts)
    z0, z1, y0, y1 = cut[0][:4]
    rows = (z1 - z0 + taps[0] - 1) * (y1 - y0 + taps[1] - 1)
    reach = (taps[2] - 1) * step
    chunk = max(64, (BUFFER // rows - reach) // 64 * 64)
    seconds = parts * math.prod(extent) * (2 * math.prod(taps) * OPERATION + OUTPUT)
    return Volume(plan.shape, (maps[0], maps[1], maps[2]), before, step, tuple(taps), tuple(extent), cut, chunk,
                  (rows + min(STRIP, y1 - y0)) * (min(chunk, max(extent[2], 64)) + reach), lanes, seconds,
                  sum(m.nbytes for m in maps) + 100 * len(cut))


class _Local(threading.local):
    """Memory that a thread's pieces of work share: fresh memory costs a page fault every 4 KiB."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}


_local = _Local()


def scratch(dtype: np.dtype[Any], size: int, purpose: str = "") -> Array:
    """At least `size` elements of `dtype` that no other thread or purpose uses; kept unless far larger than usual."""
    key = dtype.char + purpose
    array = _local.arrays.get(key)
    if array is None or array.size < size:
        array = np.empty(max(size, BUFFER), dtype)
        if size <= 4 * BUFFER:
            _local.arrays[key] = array
    return array


def beyond(n: int, g: Geometry, boundary: str) -> Array:
    """Sources of the samples before the first and after the last of a row, without the row itself."""
    ahead = index_map(n, max(g.before, 0), -n, boundary)
    # What lies past the end starts at sample n, or later where the front is cropped beyond it.
    past = index_map(n, -n, max(g.after, 0), boundary)
    return np.concatenate([ahead, past])


def boxes(extent: Sequence[int], taps: Sequence[int], parts: int = 1) -> list[Box]:
    """Cut the outputs into pieces of work, without regard to the workers; `parts` correlations make an output."""
    depth, rows, columns = extent
    per_output = 2.0 * taps[0] * taps[1] * taps[2] * parts
    outputs = OUTPUTS // parts
    spans = -(-columns // SPAN)
    if depth * rows < 4:
        # Lines share nothing with their neighbours, and short pieces of them would only wait for each other's Python.
        seconds = columns * rows * depth * (per_output * OPERATION + parts * OUTPUT)
        spans = max(1, min(-(-columns // 2048), int(seconds / LINE_SECONDS)))
    wide = (-(-columns // spans) + 63) // 64 * 64
    # A volume's planes share most of what they read: at least eight go together.
    deep = min(depth, 8)
    high = max(16, min(int(PIECE / (per_output * wide * deep)), outputs // (wide * deep)) // 16 * 16)
    if high >= rows:
        deep = max(deep, min(int(PIECE / (per_output * wide * rows)), outputs // (wide * rows)))
    return [(z, min(z + deep, depth), y, min(y + high, rows), c, min(c + wide, columns))
            for z in range(0, depth, deep) for y in range(0, rows, high) for c in range(0, columns, wide)]


def flat(array: Array) -> Array:
    """The elements in order, of complex numbers their parts, in an array that kernels may be compiled for once.

    They never write to it, though it may be writable where `array` is not.
    """
    line = array.ravel()
    if line.dtype.kind == "c":
        line = line.view(line.real.dtype)
    if line.flags.behaved:
        return line
    if not line.flags.aligned:
        return line.copy()
    interface = dict(line.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    return np.asarray(_View(interface, line))


class _View:
    """Carries an array interface, and keeps its memory alive."""

    def __init__(self, interface: dict[str, Any], base: Array) -> None:
        self.__array_interface__ = interface
        self.base = base


def even_odd(fill: Any, weights: np.dtype[Any], lanes: int) -> tuple[Any, Any]:
    """The fill value of elements with even and with odd numbers: the parts of a complex one."""
    kind = weights.type
    return kind(fill.real), kind(fill.imag if lanes == 2 else fill.real)
