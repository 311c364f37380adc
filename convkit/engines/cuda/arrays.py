"""Arrays of networks on a CUDA device: what NumPy's arrays are to networks on the CPU.

They have NumPy's arithmetic and its ways of moving axes, as far as networks and the tape need it; everything else is refused by
its name. All work is put on the default stream, in which its order is that of the calls, and nobody waits but who fetches.

Arrays of other libraries are read where they lie, after what their library has put on its stream until then. What it writes to
them later has to wait for the default stream: no call here tells that stream when it is done. The other way round, arrays have
the interface of CUDA: ``torch.as_tensor(array, device="cuda")`` and ``cupy.asarray(array)`` share their memory. CuPy and Numba
wait for the default stream then; torch has to be told to where it works on another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.device import number_of
from convkit._core.typing import Array, DTypeLike
from convkit.engines.cuda import indices
from convkit.engines.cuda.arithmetic import Axes, chosen, firsts, folded, launch
from convkit.engines.cuda.axes import collapsed, first_of, is_plain, places_of
from convkit.engines.cuda.operators import Operators
from convkit.engines.cuda.pointwise import each
from convkit.kernels import arrays_cuda as kernels
from convkit.kernels.pointwise_cuda import map_body


class DeviceArray(Operators):
    """Numbers in C order in the memory of a device.

    `base` is the array of which this is a view, `host` are its numbers on the host, of labels that were fed.
    """

    __slots__ = ("__weakref__", "base", "host")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], line: Any, stream: Any = 0, owner: Any = None,
                 base: DeviceArray | None = None) -> None:
        super().__init__(shape, dtype, line, stream, owner)
        self.base = base
        self.host: Array | None = None

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """For other libraries, which copy nothing: the memory, and that its numbers come in the order of the default stream."""
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (self.address if self.size else 0, False),
                "strides": None, "version": 3, "stream": 1}

    # Many numbers made one.

    def sum(self, axis: Axes = None, dtype: DTypeLike | None = None, *, keepdims: bool = False) -> Any:
        """Sums over axes; of whole numbers in int64, unless another dtype is given."""
        usual = np.dtype(np.int64) if self.dtype.kind in "bi" else self.dtype
        return folded(self, "add", axis, usual if dtype is None else np.dtype(dtype), keepdims)

    def max(self, axis: Axes = None, *, keepdims: bool = False) -> Any:
        """Largest numbers over axes; NaN counts as largest."""
        return folded(self, "maximum", axis, self.dtype, keepdims)

    def min(self, axis: Axes = None, *, keepdims: bool = False) -> Any:
        """Smallest numbers over axes; NaN counts as smallest."""
        return folded(self, "minimum", axis, self.dtype, keepdims)

    def any(self, axis: Axes = None, *, keepdims: bool = False) -> Any:
        """Whether any number over axes is not 0."""
        return (self != 0).max(axis, keepdims=keepdims)

    def all(self, axis: Axes = None, *, keepdims: bool = False) -> Any:
        """Whether no number over axes is 0."""
        return (self != 0).min(axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Places of the first largest numbers, along an axis or among all; NaN counts as largest."""
        return firsts(self, True, axis, keepdims)

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Places of the first smallest numbers, along an axis or among all; NaN counts as smallest."""
        return firsts(self, False, axis, keepdims)

    def mean(self, axis: Axes = None, *, keepdims: bool = False) -> Any:
        """Means over axes."""
        total = self.sum(axis, keepdims=keepdims)
        return total / (self.size // max(total.size, 1))

    # Shapes, and parts.

    def reshape(self, *shape: Any) -> DeviceArray:
        """The same memory in another shape."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | np.integer) else shape
        return self._view(places_of(self.shape).reshape(wanted).shape)

    def _view(self, shape: tuple[int, ...]) -> DeviceArray:
        base = self if self.base is None else self.base
        return DeviceArray(shape, self.dtype, self.line, self.stream, self.owner, base)

    def _moved(self, places: Array) -> DeviceArray:
        """The elements at `places`, of `places_of` after something was done to axes: a view if they are all, in their order."""
        first, steps = first_of(self.shape, places)
        if places.size == self.size and places.flags.c_contiguous and not first:
            return self._view(places.shape)
        out = empty(places.shape, self.dtype)
        _copy(self, first, steps, out, 0, places_of(out.shape).strides, out.shape)
        return out

    def __getitem__(self, index: Any) -> Any:
        if not is_plain(index):
            return indices.part(self, index)
        return self._moved(np.asarray(places_of(self.shape)[index if isinstance(index, tuple) else (index, ...)]))

    def __setitem__(self, index: Any, value: Any) -> None:
        if not is_plain(index):
            indices.put(self, index, _found(value, self.dtype), False)
            return
        index = index if isinstance(index, tuple) else (index,)
        places = places_of(self.shape)[index if Ellipsis in index else (*index, ...)]
        value = _found(value, self.dtype)
        source = np.broadcast_to(places_of(value.shape), places.shape)
        _copy(value, 0, source.strides, self, *first_of(self.shape, places), places.shape)

    def add_at(self, index: Any, value: Any) -> None:
        """Add values to elements; those of one that is named several times add up, in their order."""
        indices.put(self, index, _found(value, self.dtype), True)

    def transpose(self, *axes: Any) -> DeviceArray:
        """Axes in another order, in memory of its own."""
        return self._moved(places_of(self.shape).transpose(*axes))

    def swapaxes(self, first: int, second: int) -> DeviceArray:
        """Two axes changed for one another, in memory of its own."""
        return self._moved(places_of(self.shape).swapaxes(first, second))

    def squeeze(self, axis: Any = None) -> DeviceArray:
        """Without axes of length 1."""
        return self._moved(places_of(self.shape).squeeze(axis))

    def ravel(self) -> DeviceArray:
        """The elements in a line."""
        return self.reshape(-1)

    @property
    def T(self) -> DeviceArray:  # noqa: N802 (NumPy's name)
        """Axes in reverse order."""
        return self.transpose()

    def copy(self) -> DeviceArray:
        """The same numbers in memory of their own."""
        return self.astype(self.dtype)

    def astype(self, dtype: DTypeLike, copy: bool = True) -> DeviceArray:
        """The same numbers in another dtype."""
        kind = np.dtype(dtype)
        if kind == self.dtype and not copy:
            return self
        out = empty(self.shape, kind)
        steps = places_of(self.shape).strides
        _copy(self, 0, steps, out, 0, steps, self.shape)
        return out

    def fill(self, value: Any) -> None:
        """Write a number everywhere."""
        each(map_body, kernels.SINGLE["fill"], (self,), self, value)


def _copy(x: DeviceArray, x_first: int, x_steps: Sequence[int], out: DeviceArray, out_first: int, out_steps: Sequence[int],
          shape: tuple[int, ...]) -> None:
    """Copy elements between places."""
    size = math.prod(shape)
    if size:
        sizes, inner, outer = collapsed(shape, x_steps, out_steps)
        launch(kernels.move, size, x.line, out.line, sizes, int(x_first), inner, int(out_first), outer)


def empty(shape: Sequence[int], dtype: np.dtype[Any]) -> DeviceArray:
    """New memory for numbers."""
    block = gpu.block(math.prod(shape), dtype, 0)
    return DeviceArray(tuple(shape), dtype, block.line, 0, block)


def _found(value: Any, dtype: np.dtype[Any]) -> DeviceArray:
    """What is written to elements, on the device and in their dtype."""
    return value.astype(dtype, copy=False) if isinstance(value, DeviceArray) else sent(np.asarray(value, dtype))


def filled(shape: Sequence[int], dtype: np.dtype[Any], value: float) -> DeviceArray:
    """New memory with a number everywhere."""
    array = empty(shape, dtype)
    array.fill(value)
    return array


def sent(x: Array) -> DeviceArray:
    """A copy of a NumPy array."""
    native = np.asarray(x, x.dtype.newbyteorder("="))
    copied = gpu.lent(native)
    return DeviceArray(native.shape, native.dtype, copied.line, 0, copied.owner)


class _Lent(gpu.Block):
    """Memory of a caller's array, which it keeps; it is handed out to nobody, and new memory beside it is of blocks."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        number = number_of(array)
        self.array, self.device = array, gpu.current() if number is None else number

    def __del__(self) -> None:
        pass


def taken(x: Any) -> DeviceArray:
    """An array on the device, of whatever library, not copied."""
    if isinstance(x, DeviceArray):
        return x
    found = gpu.seen(x, "an array")
    if found.stream:  # what is put on the default stream from now on must find its numbers there
        written = gpu.cuda.event()
        written.record(found.stream)
        written.wait()
    return DeviceArray(found.shape, found.dtype, found.line, 0, _Lent(found.owner))


def _concatenated(arrays: Sequence[DeviceArray], axis: int = 0) -> DeviceArray:
    axis %= arrays[0].ndim
    shape = list(arrays[0].shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    out = empty(shape, np.result_type(*(x.dtype for x in arrays)))
    first = 0
    for x in arrays:
        out[(slice(None),) * axis + (slice(first, first + x.shape[axis]),)] = x
        first += x.shape[axis]
    return out


def _stacked(arrays: Sequence[DeviceArray], axis: int = 0) -> DeviceArray:
    axis %= arrays[0].ndim + 1
    return _concatenated([x.reshape(*x.shape[:axis], 1, *x.shape[axis:]) for x in arrays], axis)


def _split(x: DeviceArray, ends: Any, axis: int = 0) -> list[DeviceArray]:
    return [x._moved(part) for part in np.split(places_of(x.shape), ends, axis)]


def _axes_moved(function: Any) -> Callable[..., Any]:
    return lambda x, *arguments, **settings: x._moved(function(places_of(x.shape), *arguments, **settings))


def _clipped(x: Any, least: Any, most: Any) -> Any:
    found = x if least is None else np.maximum(x, least)
    return found if most is None else np.minimum(found, most)


def _method(name: str) -> Callable[..., Any]:
    return lambda x, *arguments, **settings: getattr(x, name)(*arguments, **settings)


DeviceArray.FUNCTIONS = {
    np.shape: lambda x: x.shape, np.ndim: lambda x: x.ndim, np.size: lambda x: x.size,
    np.ones_like: lambda x: filled(x.shape, x.dtype, 1), np.zeros_like: lambda x: filled(x.shape, x.dtype, 0),
    np.zeros: lambda shape, dtype: filled(shape, np.dtype(dtype), 0),
    np.concatenate: _concatenated, np.stack: _stacked, np.split: _split, np.where: chosen,
    np.clip: _clipped,
    np.count_nonzero: lambda x, axis=None, keepdims=False: (x != 0).sum(axis, keepdims=keepdims),
    np.take: indices.take, np.take_along_axis: indices.take_along, np.put_along_axis: indices.put_along,
    **{getattr(np, name): _method(name) for name in ("all", "any", "argmax", "argmin", "max", "mean", "min", "sum")},
    **{function: _axes_moved(function) for function in (np.broadcast_to, np.expand_dims, np.moveaxis, np.squeeze)},
}
