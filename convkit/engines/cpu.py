"""Direct and separable correlation on the CPU: prepared, cut into pieces, and worked on by the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from convkit._core import workers as pool
from convkit._core.boundary import index_map
from convkit._core.geometry import Geometry, Layout, layout
from convkit._core.typing import Array
from convkit.engines.box import PreparedBox, uniform
from convkit.engines.box import prepare as prepare_box
from convkit.engines.pieces import ALONE, OPERATION, OUTPUT, SPAN, Box, Volume, beyond, boxes, even_odd, flat, scratch, volume
from convkit.kernels.correlate import SLACK, correlate_box, minimum_columns, separable_box
from convkit.kernels.parts import join_parts

# Elements of a strip between the two passes of a separable correlation.
STRIP_ELEMENTS = 1 << 16
# Elements of a slab of planes between the first pass of three and the pair behind it; and of one plane at most.
SLAB_ELEMENTS, PLANE_ELEMENTS = 1 << 18, 1 << 20
# How much slower than in float32 an operation is.
SLOWER = {"f": 1, "d": 2, "q": 8, "l": 8}


def correlate(x: Array, weights: Array, geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any,
              axes: Sequence[int], out: Array, workers: int) -> None:
    """Write the correlation of `x` with `weights` along the ascending `axes` into `out`.

    `out` is C-contiguous, of the result's shape, and has the dtype of `weights`, which is the arithmetic's, or one that
    `stores` allows. Complex weights may meet real samples, unless `fill` is complex.
    """
    prepare(x.shape, x.dtype, weights, geometry, boundary, fill, axes)(x, out, workers)


def stores(samples: np.dtype[Any], work: np.dtype[Any], result: np.dtype[Any]) -> bool:
    """Whether the direct method can round and store its results as `result` on the way."""
    small = (np.uint8, np.int16, np.uint16)
    return work == np.float32 and samples in small and result in small


def prepare(shape: tuple[int, ...], samples: np.dtype[Any], weights: Array, geometry: Sequence[Geometry],
            boundary: Sequence[str], fill: Any, axes: Sequence[int]) -> Prepared:
    """All of a correlation but its samples, of `shape` and of dtype `samples`: to be called with `x`, `out` and `workers`."""
    lanes = 2 if samples.kind == "c" else 1
    # Complex samples with real weights are two interleaved signals.
    parts = 2 if weights.dtype.kind == "c" and (lanes == 1 or weights.imag.any()) else 1
    fixed = (weights.shape, tuple(geometry), tuple(boundary), lanes, parts)
    whole = volume(shape, tuple(axes), *fixed)
    item = whole
    if item is None:
        item = volume(tuple(shape[a] for a in axes), tuple(range(len(axes))), *fixed)
        assert item is not None
    prepared = PreparedParts(item, weights, fill) if parts == 2 else PreparedReal(item, weights.real, fill)
    return prepared if whole is not None else PreparedBatch(prepared, tuple(axes))


class PreparedReal:
    """A correlation with real weights that waits for samples of its shape, and for C-contiguous results."""

    def __init__(self, shapes: Volume, weights: Array, fill: Any) -> None:
        w = np.zeros(weights.size + SLACK, weights.dtype)
        w[: weights.size] = weights.reshape(-1)
        self.boxes = shapes.boxes
        self.alone = len(shapes.boxes) == 1 or shapes.seconds * SLOWER[w.dtype.char] < ALONE
        self.extent = shapes.extent
        self.first = (shapes.shape, *shapes.maps, shapes.before, shapes.step, even_odd(fill, w.dtype, shapes.lanes), w,
                      shapes.taps, minimum_columns(w.dtype), shapes.chunk)
        self.dtype = w.dtype
        # Taps along the middle axis only: whole planes of results can be made one by one.
        self.down = shapes.taps[0] == shapes.taps[2] == 1
        self.scratch = shapes.scratch
        self.nbytes = w.nbytes + shapes.nbytes

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        samples, target = flat(x), out.reshape(-1)
        if target.dtype.kind == "c":
            target = target.view(self.dtype)
        if self.alone:
            for box in self.boxes:
                correlate_box(samples, *self.first, target, self.extent, 0, box, scratch(self.dtype, self.scratch))
            return

        def work(box: Box) -> None:
            correlate_box(samples, *self.first, target, self.extent, 0, box, scratch(self.dtype, self.scratch))

        pool.run(work, self.boxes, workers)


class PreparedParts:
    """As `PreparedReal`, with complex weights: a correlation with each of their parts, joined piece by piece."""

    def __init__(self, shapes: Volume, weights: Array, fill: Any) -> None:
        self._real, self._imaginary = (PreparedReal(shapes, part, fill) for part in (weights.real, weights.imag))
        self._interleaved = shapes.lanes == 2
        z0, z1, y0, y1, c0, c1 = shapes.boxes[0]
        self._piece = (z1 - z0) * (y1 - y0) * (c1 - c0)
        self.nbytes = self._real.nbytes + self._imaginary.nbytes

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        real, imaginary = self._real, self._imaginary
        samples, target = flat(x), out.reshape(-1)

        def work(box: Box) -> None:
            z0, _, y0, y1, c0, c1 = box
            extent = (real.extent[0], y1 - y0, c1 - c0)
            origin = (z0 * extent[1] + y0) * extent[2] + c0
            buffer = scratch(real.dtype, real.scratch)
            spare = scratch(real.dtype, 2 * self._piece, "parts")
            a, b = spare[: self._piece], spare[self._piece : 2 * self._piece]
            correlate_box(samples, *real.first, a, extent, origin, box, buffer)
            correlate_box(samples, *imaginary.first, b, extent, origin, box, buffer)
            join_parts(a, b, self._interleaved, target, real.extent, box)

        pool.run(work, real.boxes, 1 if real.alone else workers)


class PreparedBatch:
    """A correlation of every item of a batch whose axes lie among those of the weights."""

    def __init__(self, item: PreparedReal | PreparedParts, axes: tuple[int, ...]) -> None:
        self._item = item
        self._axes = axes
        self.nbytes = item.nbytes

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        ndim = len(self._axes)
        last = tuple(range(-ndim, 0))
        samples = np.ascontiguousarray(np.moveaxis(x, self._axes, last))
        results = np.moveaxis(out, self._axes, last)
        for index in np.ndindex(samples.shape[:-ndim]):
            item = results[index]
            target = item if item.flags.c_contiguous else np.empty(item.shape, item.dtype)
            self._item(samples[index], target, workers)
            if target is not item:
                item[...] = target


def correlate_separable(x: Array, taps: Sequence[Array | None], geometry: Sequence[Geometry], boundary: Sequence[str],
                        fill: Any, axes: Sequence[int], out: Array, workers: int) -> None:
    """One pass per axis that has taps; arguments as `correlate`, `taps` and `geometry` one per axis."""
    prepare_separable(x.shape, x.dtype, taps, geometry, boundary, fill, axes, out.dtype)(x, out, workers)


def prepare_separable(shape: Sequence[int], samples: np.dtype[Any], taps: Sequence[Array | None],
                      geometry: Sequence[Geometry], boundary: Sequence[str], fill: Any, axes: Sequence[int],
                      work: np.dtype[Any]) -> PreparedPasses:
    """All of `correlate_separable` but its samples, of `shape` and of dtype `samples`; results have the dtype `work`.

    The passes along the last two axes with taps run as one, strip by strip, where rows are long enough.
    """
    windows = uniform(taps, work)
    if windows is not None:
        return PreparedPasses([(prepare_box(shape, windows, geometry, boundary, fill, axes, work), (), work)])
    given = [(i, t) for i, t in enumerate(taps) if t is not None]
    plain = {i: work.kind != "c" or not t.imag.any() for i, t in given}
    pair = given[-2:]
    complex_before = samples.kind == "c" or not all(plain[i] for i, _ in given[:-2])
    fused = None
    if len(pair) == 2 and plain[pair[0][0]] and plain[pair[1][0]] and (work.kind != "c" or complex_before):
        sizes = list(shape)
        for i, _ in given[:-2]:
            sizes[axes[i]] = geometry[i].length
        fused = _fused(sizes, [axes[i] for i, _ in pair], [geometry[i] for i, _ in pair], work)
    passes = given[:-2] if fused is not None else given
    # The pass that shortens the array most goes first, the one that lengthens it most last.
    passes = sorted(passes, key=lambda item: geometry[item[0]].length / shape[axes[item[0]]])
    steps: list[tuple[Prepared, tuple[int, ...], np.dtype[Any]]] = []
    before, kind = tuple(shape), samples
    for number, (i, t) in enumerate(passes):
        after = list(before)
        after[axes[i]] = geometry[i].length
        # What is real stays so as long as it can.
        last = fused is None and number == len(passes) - 1
        t = t.real if kind.kind != "c" and plain[i] and not last else t
        step = prepare(before, kind, t, (geometry[i],), (boundary[i],), fill, (axes[i],))
        before, kind = tuple(after), t.dtype
        steps.append((step, before, kind))
        # Beyond the other axes' edges this pass has met nothing but the fill value.
        fill = fill * t.sum(dtype=t.dtype)
    if fused is not None:
        (i, down), (j, across) = pair
        both = PreparedPair(fused, kind, (down.real, across.real), (geometry[i], geometry[j]), (boundary[i], boundary[j]), fill)
        before_it = steps[0][0] if len(steps) == 1 else None
        if isinstance(before_it, PreparedReal) and both.follows(before_it):
            return PreparedPasses([(PreparedSlabs(before_it, both), (), work)])
        steps.append((both, (), work))
    return PreparedPasses(steps)


class PreparedPasses:
    """Passes one after the other, each with all prepared but its samples."""

    def __init__(self, steps: Sequence[tuple[Prepared, tuple[int, ...], np.dtype[Any]]]) -> None:
        self._steps = steps[:-1]
        self._last = steps[-1][0] if steps else None
        self.nbytes = sum(step.nbytes for step, _, _ in steps)

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        if self._last is None:
            out[...] = x
            return
        for step, shape, dtype in self._steps:
            target = np.empty(shape, dtype)
            step(x, target, workers)
            x = target
        self._last(x, out, workers)


def _fused(shape: Sequence[int], axes: Sequence[int], geometry: Sequence[Geometry], work: np.dtype[Any]) -> Layout | None:
    """Images whose columns and rows the two axes are, if one strip can hold a pass along the columns."""
    if min(geometry[1].before, geometry[1].after) < 0:
        return None
    plan = layout(shape, axes)
    if plan is None or plan.slots != (None, 0, 1):
        return None
    if work.kind == "c":
        plan = plan._replace(step=2 * plan.step)
    shortest = min(plan.shape[2], geometry[1].length) * plan.step
    return plan if shortest >= minimum_columns(work.type(0).real.dtype) else None


class PreparedPair:
    """A pass down the columns and across the rows of images, a strip at a time."""

    def __init__(self, plan: Layout, samples: np.dtype[Any], taps: tuple[Array, Array], geometry: tuple[Geometry, Geometry],
                 boundary: tuple[str, str], fill: Any) -> None:
        images, height, width = plan.shape
        # Compiled once for taps of any layout.
        down, across = (np.array(t) for t in taps)
        lanes = 2 if samples.kind == "c" else 1
        rows = index_map(height, geometry[0].before, geometry[0].after, boundary[0])
        ends = beyond(width, geometry[1], boundary[1])
        self._extent = (images, geometry[0].length, geometry[1].length * plan.step)
        length = self._extent[2] + (across.size - 1) * plan.step
        self._strip = max(4, min(32, STRIP_ELEMENTS // length // 4 * 4))
        self._dtype = down.dtype
        self._scratch = self._strip * length
        if (lanes == 1 and samples != down.dtype) or fill != 0:
            self._scratch += (self._strip + down.size - 1) * width * plan.step
        past = fill * down.sum(dtype=down.dtype)
        self._first = (plan.shape, rows, ends, geometry[1].before, plan.step, even_odd(fill, down.dtype, lanes),
                       even_odd(past, down.dtype, lanes), down, across)
        # Cut as a single pass of as many taps, but for the rows, which stay whole.
        number = down.size + across.size
        cut = boxes((images, self._extent[1], min(self._extent[2], SPAN)), (1, 1, number))
        self._boxes = sorted({box[:4] for box in cut})
        seconds = images * self._extent[1] * self._extent[2] * (3 * number * OPERATION + OUTPUT)
        self._alone = seconds * SLOWER[down.dtype.char] < ALONE
        self.nbytes = rows.nbytes + ends.nbytes + down.nbytes + across.nbytes + 100 * len(self._boxes)

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        samples, target = flat(x), out.reshape(-1)
        if target.dtype.kind == "c":
            target = target.view(self._dtype)

        def work(box: tuple[int, ...]) -> None:
            self.correlate(samples, self._first[0], target, self._extent, box)

        pool.run(work, self._boxes, 1 if self._alone else workers)

    def correlate(self, samples: Array, shape: tuple[int, ...], target: Array, extent: tuple[int, ...],
                  box: tuple[int, ...]) -> None:
        """Correlate rows `box` of as many images as `shape` and `extent` tell."""
        separable_box(samples, shape, *self._first[1:], target, extent, box, self._strip, scratch(self._dtype, self._scratch))

    def follows(self, first: PreparedReal) -> bool:
        """Whether the images are what a pass down the depth of volumes gives, plane by plane, and no plane is too large."""
        images, height, width = self._first[0]
        volumes, depth, plane = first.extent
        return first.down and (volumes * depth, plane) == (images, height * width * self._first[4]) and plane <= PLANE_ELEMENTS

    @property
    def image(self) -> tuple[int, ...]:
        """Rows and columns of an image of samples."""
        return self._first[0][1:]

    @property
    def plane(self) -> tuple[int, ...]:
        """Rows of an image of results, and elements of a row."""
        return self._extent[1:]


class PreparedSlabs:
    """A pass down the depth of volumes and a pair across their planes, a slab of planes at a time.

    A whole volume between the passes would cost more to write to fresh memory, and to read back, than its sums.
    """

    def __init__(self, first: PreparedReal, pair: PreparedPair) -> None:
        self._first, self._pair = first, pair
        volumes, depth, plane = first.extent
        # Scratch memory was measured for the rows of a box: here a plane is a row.
        _, _, y0, y1, _, _ = first.boxes[0]
        planes = min(max(1, SLAB_ELEMENTS // plane), y1 - y0)
        self._slabs = [(i, z, min(z + planes, depth)) for i in range(volumes) for z in range(0, depth, planes)]
        self._between = min(planes, depth) * plane
        self._alone = first.alone
        self.nbytes = first.nbytes + pair.nbytes + 100 * len(self._slabs)

    def __call__(self, x: Array, out: Array, workers: int) -> None:
        """Write the correlation of `x` into `out`."""
        first, pair = self._first, self._pair
        samples, target = flat(x), out.reshape(-1)
        if target.dtype.kind == "c":
            target = target.view(first.dtype)
        _, depth, plane = first.extent
        height, width = pair.plane
        shape = pair.image

        def work(slab: tuple[int, int, int]) -> None:
            i, z0, z1 = slab
            planes, start = z1 - z0, i * depth + z0
            between = scratch(first.dtype, self._between, "slab")
            correlate_box(samples, *first.first, between, first.extent, start * plane, (i, i + 1, z0, z1, 0, plane),
                          scratch(first.dtype, first.scratch))
            pair.correlate(between, (planes, *shape), target[start * height * width :], (planes, height, width),
                           (0, planes, 0, height))

        pool.run(work, self._slabs, 1 if self._alone else workers)


Prepared: TypeAlias = PreparedReal | PreparedParts | PreparedBatch | PreparedPair | PreparedSlabs | PreparedBox
