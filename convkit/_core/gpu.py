"""CUDA: the one file that imports it, or its simulator. Nothing imports this file before a device is asked for."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Self

import numpy as np

from convkit._core.device import Remote, number_of
from convkit._core.memory import KEPT
from convkit._core.typing import Array

EXTRAS = ("computing on a CUDA device needs numba-cuda, which comes with an extra for the CUDA version of the driver: "
          "pip install 'convkit[cu13]' (driver 580 or newer) or pip install 'convkit[cu12]'")


def _library() -> Any:
    """Numba's CUDA target; the one that Numba itself still holds does not count, but as a simulator."""
    from numba import config

    try:
        from numba import cuda
    except ImportError as error:
        raise ImportError(EXTRAS) from error
    if not config.ENABLE_CUDASIM and "numba_cuda" not in str(cuda.__file__):
        raise ImportError(EXTRAS)
    return cuda


cuda = _library()
SIMULATED = bool(cuda.config.ENABLE_CUDASIM)


def intrinsic(code: Callable[..., Any]) -> Any:
    """A function that kernels call, written in the compiler's own language; the simulator has none."""
    from numba.cuda.extending import intrinsic as declared

    return declared(code)


@cache
def require() -> None:
    """Refuse to go on without a device."""
    if not cuda.is_available():
        raise RuntimeError("no CUDA device can be used: there is none, or its driver is missing or too old; `nvidia-smi` tells "
                           "which. Leave out device='cuda' to compute on the CPU")


def configured(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], stream: Any, shared: int) -> Callable[..., None]:
    """A launch of a kernel that may be kept: to be called with its arguments."""
    if SIMULATED:  # whose kernels know their last configuration only
        return lambda *arguments: kernel[grid, block, stream, shared](*arguments)
    launch: Callable[..., None] = kernel[grid, block, stream, shared]
    return launch


class Line(Remote):
    """An array in the memory of a device: its shape, its numbers as one line, and the stream they are ready on.

    `owner` keeps the memory: the caller's array, or a `Block`.
    """

    __slots__ = ("dtype", "line", "owner", "shape", "stream")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], line: Any, stream: Any, owner: Any) -> None:
        self.shape, self.dtype, self.line, self.stream, self.owner = shape, dtype, line, stream, owner

    def on(self, stream: Any) -> Self:
        """The same memory, to be worked on in another stream."""
        return type(self)(self.shape, self.dtype, self.line, stream, self.owner)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def stand_in(self) -> Array:
        """A host array of this shape and dtype, for checks that look at no number."""
        return np.lib.stride_tricks.as_strided(np.zeros(1, self.dtype), self.shape, (0,) * self.ndim)

    @property
    def address(self) -> int:
        """Where the first number lies."""
        if SIMULATED:
            return int(self.line._ary.ctypes.data)
        return int(self.line.__cuda_array_interface__["data"][0])

    @property
    def size(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)


class Block:
    """Memory of a device that is handed out again once nothing refers to it: asking the driver takes longer than a kernel.

    Whoever has it next works in the same stream, and so after all that was put there before.
    """

    __slots__ = ("_shelf", "_shelves", "line")

    def __init__(self, line: Any, shelf: list[tuple[int, Any]], shelves: _Shelves) -> None:
        self.line, self._shelf, self._shelves = line, shelf, shelves

    def __del__(self) -> None:
        self._shelf.append((self._shelves.requests, self.line))

    @staticmethod
    def taken(size: int, dtype: np.dtype[Any], stream: Any) -> Block:
        """A block of so many numbers."""
        return _shelves.get(max(size, 1), dtype, stream)


class _Shelves:
    """Blocks that nothing refers to, by their size, dtype and stream; those not wanted for long go back to the driver."""

    def __init__(self) -> None:
        self._by_kind: dict[Any, list[tuple[int, Any]]] = {}
        self.requests = 0

    def get(self, size: int, dtype: np.dtype[Any], stream: Any) -> Block:
        self.requests += 1
        shelf = self._by_kind.setdefault((size, dtype.char, stream), [])
        try:
            return Block(shelf.pop()[1], shelf, self)
        except IndexError:
            pass
        for kept in list(self._by_kind.values()):
            kept[:] = [item for item in kept if self.requests - item[0] < KEPT]
        return Block(cuda.device_array(size, dtype, stream=stream), shelf, self)


_shelves = _Shelves()


def seen(x: Any, name: str) -> Line:
    """The caller's device array `x`, not copied, on the stream that its library works on."""
    require()
    if isinstance(x, Line):
        return Line(x.shape, x.dtype, x.line, x.stream, x.line.reshape(x.shape))
    array = x
    if not getattr(x, "__cuda_ndarray__", False):
        described = x if hasattr(x, "__cuda_array_interface__") else _Described(x)
        # No wait for its stream: the work is put on that same stream.
        array = cuda.as_cuda_array(described, sync=False)
    if not array.is_c_contiguous():
        raise ValueError(f"{name} of shape {tuple(array.shape)} has strides {tuple(array.strides)} in the memory of the "
                         f"device, where only C-contiguous arrays are read and written; hand in a contiguous copy of it")
    line = array.reshape(math.prod(array.shape)) if array.ndim != 1 else array
    return Line(tuple(array.shape), np.dtype(array.dtype), line, _stream(x), x)


class _Described:
    """What another library tells by DLPack, as the CUDA array interface has it."""

    def __init__(self, x: Any) -> None:
        from cuda.core.utils import StridedMemoryView

        view = StridedMemoryView.from_dlpack(x, stream_ptr=1)
        size = np.dtype(view.dtype).itemsize
        self._view = view
        self.__cuda_array_interface__ = {
            "shape": tuple(view.shape), "typestr": np.dtype(view.dtype).str, "data": (view.ptr, view.readonly), "version": 3,
            "strides": None if view.strides is None else tuple(size * n for n in view.strides), "stream": 1}


def _library_of(x: Any) -> Any:
    """CuPy or torch, if `x` is an array of theirs: they hand out memory quickly, and in the order of their streams."""
    name = type(x).__module__.partition(".")[0]
    return sys.modules[name] if name in ("cupy", "torch") else None


def _stream(x: Any) -> Any:
    library = _library_of(x)
    if library is not None and library.__name__ == "torch":
        return _external(library.cuda.current_stream(x.device).cuda_stream)
    if library is not None:
        return _external(library.cuda.get_current_stream().ptr)
    return getattr(x, "stream", 0)


@cache
def _external(handle: int) -> Any:
    return cuda.external_stream(handle) if handle else 0


def located(x: Any) -> Any:
    """The device that `x` lies on, to be entered while work is given to it."""
    number = number_of(x)
    return contextlib.nullcontext() if number is None else cuda.gpus[number]


def empty(like: Line, shape: Sequence[int], dtype: np.dtype[Any]) -> Line:
    """New memory for numbers, of the kind of the caller's array and where it lies."""
    if isinstance(like.owner, Block):
        block = Block.taken(math.prod(shape), dtype, like.stream)
        return type(like)(tuple(shape), dtype, block.line, like.stream, block)
    library = _library_of(like.owner)
    if library is None:
        array = cuda.device_array(tuple(shape), dtype, stream=like.stream)
        return Line(tuple(shape), dtype, array.reshape(math.prod(shape)) if len(shape) != 1 else array, like.stream, array)
    place = {"device": like.owner.device} if library.__name__ == "torch" else {}
    made = library.empty(tuple(shape), dtype=getattr(library, dtype.name), **place)
    return seen(made, "the result").on(like.stream)


def overlap(a: Line, b: Line) -> bool:
    """Whether two arrays may share memory."""
    first, second = sorted((line.address, line.address + line.size * line.dtype.itemsize) for line in (a, b))
    return second[0] < first[1]


def blocked(x: Array) -> tuple[Any, Block]:
    """A copy of a NumPy array in a block, in the order of the default stream: its numbers as one line, and the block."""
    require()
    block = Block.taken(x.size, x.dtype, 0)
    if x.size:
        block.line.copy_to_device(np.ascontiguousarray(x).reshape(-1))
    return block.line, block


def sent(x: Array, stream: Any = 0) -> Line:
    """A copy of a NumPy array in the memory of the device, to be worked on in `stream`, or in any other."""
    require()
    native = np.ascontiguousarray(x, x.dtype.newbyteorder("=")).reshape(-1)
    # A plain copy may return before it has arrived, and the streams of other libraries do not wait for it.
    own = cuda.stream()
    line = cuda.to_device(native, stream=own)
    own.synchronize()
    return Line(x.shape, native.dtype, line, stream, x)


def fetched(values: Line) -> Array:
    """A copy in the memory of the host."""
    host: Array = values.line.copy_to_host(stream=values.stream)
    if values.stream:
        values.stream.synchronize()
    return host.reshape(values.shape)


def current() -> int:
    """Number of the device that work is given to."""
    return 0 if SIMULATED else int(cuda.get_current_device().id)


def described() -> tuple[str, int, int]:
    """Name of the device, its multiprocessors, and the bytes of its last-level cache."""
    if SIMULATED:
        return "simulator", 1, 1 << 10
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    return name, int(device.MULTIPROCESSOR_COUNT), int(device.L2_CACHE_SIZE)


def taken(shape: tuple[int, ...], dtype: np.dtype[Any], stream: Any) -> Line:
    """Memory for numbers, to be worked on in `stream`, that is handed out again once nothing refers to it."""
    block = Block.taken(math.prod(shape), dtype, stream)
    return Line(shape, dtype, block.line, stream, block)


def locked(nbytes: int) -> Array:
    """Bytes of the host that stay where they are: copies from and to them go on beside other work."""
    memory: Array = cuda.pinned_array(max(nbytes, 1), np.uint8)
    return memory[:nbytes]


def write(x: Array, out: Line) -> None:
    """Have page-locked numbers copied to the device, in the order of its stream: they may change only after that."""
    out.line.copy_to_device(x.reshape(-1), stream=out.stream)


def read(x: Line, out: Array) -> None:
    """Have numbers copied into page-locked memory, in the order of their stream: they are there only after that."""
    x.line.copy_to_host(out.reshape(-1), stream=x.stream)
