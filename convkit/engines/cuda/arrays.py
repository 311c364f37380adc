"""Arrays of networks on a CUDA device: what NumPy's arrays are to networks on the CPU.

They have NumPy's arithmetic and its ways of moving axes, as far as networks and the tape need it; everything else is refused by
its name. All work is put on the default stream, in which its order is that of the calls, and nobody waits but who fetches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from convkit._core import gpu
from convkit._core.device import resident
from convkit._core.gpu import Line
from convkit._core.typing import Array, DTypeLike
from convkit.engines.cuda.axes import collapsed, first_of, is_plain, places_of, refused
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import each
from convkit.kernels import arrays_cuda as kernels
from convkit.kernels.pointwise_cuda import combine_body, map_body

# Numbers of a part of a sum, at least, and parts.
PART, PARTS = 64, 1024
Number: TypeAlias = int | float | np.generic


def launch(kernel: Any, size: int, *arguments: Any) -> None:
    """Put a kernel on the default stream, with a thread for each of `size` numbers."""
    kernel[-(-size // THREADS), THREADS, 0](*arguments)


class DeviceArray(Line):
    """Numbers in C order in the memory of a device; `base` is the array of which this is a view."""

    __slots__ = ("__weakref__", "base")
    # Functions of NumPy that are taken, by themselves.
    FUNCTIONS: ClassVar[dict[Any, Callable[..., Any]]] = {}

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], line: Any, stream: Any = 0, owner: Any = None,
                 base: DeviceArray | None = None) -> None:
        super().__init__(shape, dtype, line, stream, owner)
        self.base = base

    # As seen from the host.

    def cpu(self) -> Array:
        """A copy in the memory of the host; this waits for the device."""
        return gpu.fetched(self)

    def item(self) -> Any:
        """The only number."""
        if self.size != 1:
            raise ValueError(f"item() gives the number in an array of one element; this one has shape {self.shape}")
        return self.cpu().item()

    def tolist(self) -> Any:
        """The numbers as Python's, in nested lists."""
        return self.cpu().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.cpu() if self.shape else self.item(), spec)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes, a single number, has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{self.cpu()!r} on the device 'cuda'"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        raise TypeError(f"an array of shape {self.shape} lies on a CUDA device, and is not copied to the host unasked; fetch "
                        "it with .cpu()")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise AttributeError(str(refused(name)))

    def __array_ufunc__(self, function: np.ufunc, method: str, *operands: Any, out: tuple[Any, ...] = (None,),
                        **settings: Any) -> Any:
        name = function.__name__
        if method == "__call__" and not settings and name in kernels.PAIRS:
            first, second = operands
            return _pair(name, first, second, out[0])
        if method == "__call__" and not settings.keys() - {"dtype"} and name in kernels.SINGLE:
            x, = operands
            return _single(name, x.astype(settings.get("dtype", x.dtype), copy=False), out[0])
        if name == "power" and method == "__call__" and isinstance(operands[0], DeviceArray):
            return operands[0] ** operands[1]
        if name == "add" and method == "reduce" and out == (None,):
            return operands[0].sum(**{"axis": 0, **settings})
        raise refused(f"numpy.{name}" + ("" if method == "__call__" else f".{method}"))

    def __array_function__(self, function: Any, types: Any, arguments: Any, settings: Any) -> Any:
        found = self.FUNCTIONS.get(function)
        if found is None:
            raise refused(f"numpy.{function.__name__}")
        return found(*arguments, **settings)

    # Arithmetic.

    def __add__(self, other: Any) -> DeviceArray:
        return _pair("add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> DeviceArray:
        return _pair("subtract", self, other)

    def __rsub__(self, other: Any) -> DeviceArray:
        return _pair("subtract", other, self)

    def __mul__(self, other: Any) -> DeviceArray:
        return _pair("multiply", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> DeviceArray:
        return _pair("divide", self, other)

    def __rtruediv__(self, other: Any) -> DeviceArray:
        return _pair("divide", other, self)

    def __iadd__(self, other: Any) -> DeviceArray:
        return _pair("add", self, other, self)

    def __isub__(self, other: Any) -> DeviceArray:
        return _pair("subtract", self, other, self)

    def __imul__(self, other: Any) -> DeviceArray:
        return _pair("multiply", self, other, self)

    def __itruediv__(self, other: Any) -> DeviceArray:
        return _pair("divide", self, other, self)

    def __neg__(self) -> DeviceArray:
        return _single("negative", self)

    def __abs__(self) -> DeviceArray:
        return _single("absolute", self)

    def __pow__(self, other: Any) -> DeviceArray:
        if isinstance(other, Number) and other in (1, 2):
            return self.copy() if other == 1 else _single("square", self)
        raise refused("a power other than ** 2")

    def _compared(self, other: Any) -> Any:
        raise refused("a comparison")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared
    __matmul__ = __rmatmul__ = lambda self, other: self._product(other)

    def _product(self, other: Any) -> Any:
        raise refused("@, but in nn.Linear and nn.functional.linear,")

    def __hash__(self) -> int:
        return id(self)

    def sum(self, axis: int | Sequence[int] | None = None, dtype: DTypeLike | None = None, *,
            keepdims: bool = False) -> DeviceArray:
        """Sums over axes, of parts first, in an order that does not change."""
        given = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
        axes = {a % self.ndim for a in given}
        values = self if dtype is None else self.astype(dtype, copy=False)
        steps = places_of(self.shape).strides
        summed, kept = ([(n, steps[a]) for a, n in enumerate(self.shape) if (a in axes) == over] for over in (True, False))
        shape = tuple(1 if a in axes else n for a, n in enumerate(self.shape) if keepdims or a not in axes)
        out = empty(shape, values.dtype)
        count = math.prod(n for n, _ in summed)
        parts = max(1, min(count // PART, PARTS))
        places = [column for rows in (kept, summed) for column in collapsed([n for n, _ in rows], [k for _, k in rows])]
        kernel = kernels.sums(values.dtype.name)
        if parts == 1:
            launch(kernel, out.size, values.line, out.line, 1, *places)
            return out
        apart = empty((parts, out.size), values.dtype)
        launch(kernel, apart.size, values.line, apart.line, parts, *places)
        launch(kernel, out.size, apart.line, out.line, 1, *collapsed((out.size,), (1,)), *collapsed((parts,), (out.size,)))
        return out

    def mean(self, axis: int | Sequence[int] | None = None, *, keepdims: bool = False) -> DeviceArray:
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

    def __getitem__(self, index: Any) -> DeviceArray:
        if not is_plain(index):
            raise refused("an index of arrays or lists")
        return self._moved(np.asarray(places_of(self.shape)[index if isinstance(index, tuple) else (index, ...)]))

    def __setitem__(self, index: Any, value: Any) -> None:
        if not is_plain(index):
            raise refused("an index of arrays or lists")
        index = index if isinstance(index, tuple) else (index,)
        places = places_of(self.shape)[index if Ellipsis in index else (*index, ...)]
        if not isinstance(value, DeviceArray):
            value = sent(np.asarray(value, self.dtype))
        source = np.broadcast_to(places_of(value.shape), places.shape)
        _copy(value, 0, source.strides, self, *first_of(self.shape, places), places.shape)

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


def _real(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind != "f":
        raise refused(f"{name} of numbers of dtype {dtype}")


def _single(name: str, x: DeviceArray, out: DeviceArray | None = None) -> DeviceArray:
    """A function number by number."""
    _real(name, x.dtype)
    y = empty(x.shape, x.dtype) if out is None else out
    each(map_body, kernels.SINGLE[name], (x,), y, 0)
    return y


def _pair(name: str, a: Any, b: Any, out: DeviceArray | None = None) -> DeviceArray:
    """A function of two arrays, or of an array and a number, element by element."""
    a, b = (x.item() if isinstance(x, np.ndarray) and not x.ndim else x for x in (a, b))
    for x in (a, b):
        if not isinstance(x, DeviceArray | Number):
            what = "an array" if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"{name} of an array on a CUDA device and {what} in "
                            "the memory of the host; bring both to one place, with .to('cuda') or .cpu()")
    dtype = np.result_type(*(x.dtype if isinstance(x, DeviceArray) else x for x in (a, b))) if out is None else out.dtype
    _real(name, dtype)
    arrays = [x.astype(dtype, copy=False) if isinstance(x, DeviceArray) else dtype.type(x) for x in (a, b)]
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    y = empty(shape, dtype) if out is None else out
    if y.shape != shape:
        raise ValueError(f"{name} gives an array of shape {shape}, which is to be written into one of shape {y.shape}")
    first, second = arrays
    if not isinstance(second, DeviceArray):
        each(map_body, kernels.AFTER[name], (first,), y, second)
    elif not isinstance(first, DeviceArray):
        each(map_body, kernels.BEFORE[name], (second,), y, first)
    elif first.shape == second.shape:
        each(combine_body, kernels.PAIRS[name], (first, second), y, 0)
    else:
        steps = [np.broadcast_to(places_of(x.shape), shape).strides for x in arrays]
        launch(kernels.stretch(name, dtype.name), y.size, first.line, second.line, y.line, *collapsed(shape, *steps))
    return y


def empty(shape: Sequence[int], dtype: np.dtype[Any]) -> DeviceArray:
    """New memory for numbers."""
    block = gpu.Block.taken(math.prod(shape), dtype, 0)
    return DeviceArray(tuple(shape), dtype, block.line, 0, block)


def filled(shape: Sequence[int], dtype: np.dtype[Any], value: float) -> DeviceArray:
    """New memory with a number everywhere."""
    array = empty(shape, dtype)
    array.fill(value)
    return array


def sent(x: Array) -> DeviceArray:
    """A copy of a NumPy array."""
    native = np.asarray(x, x.dtype.newbyteorder("="))
    line, block = gpu.blocked(native)
    return DeviceArray(native.shape, native.dtype, line, 0, block)


def taken(x: Any) -> DeviceArray:
    """An array on the device, of whatever library, not copied."""
    if isinstance(x, DeviceArray):
        return x
    found = gpu.seen(x, "an array")
    if found.stream:  # what is put on the default stream from now on must find its numbers there
        found.stream.synchronize()
    return DeviceArray(found.shape, found.dtype, found.line, 0, found.owner)


def placed(x: Any) -> DeviceArray:
    """The numbers of an array on the device, sent there if they lie elsewhere."""
    return taken(x) if resident(x) else sent(np.asarray(x))


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


DeviceArray.FUNCTIONS = {
    np.shape: lambda x: x.shape, np.ndim: lambda x: x.ndim, np.size: lambda x: x.size,
    np.ones_like: lambda x: filled(x.shape, x.dtype, 1), np.zeros_like: lambda x: filled(x.shape, x.dtype, 0),
    np.zeros: lambda shape, dtype: filled(shape, np.dtype(dtype), 0),
    np.sum: lambda x, *arguments, **settings: x.sum(*arguments, **settings),
    np.concatenate: _concatenated, np.stack: _stacked, np.split: _split,
    **{function: _axes_moved(function) for function in (np.broadcast_to, np.expand_dims, np.moveaxis, np.squeeze)},
}
