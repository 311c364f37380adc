"""CUDA: the one file that imports it, or its simulator. Nothing imports this file before a device is asked for."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from convkit._core.blocks import Block as Block
from convkit._core.blocks import Shelves
from convkit._core.device import number_of
from convkit._core.lines import Line as Line
from convkit._core.lines import Strided as Strided
from convkit._core.lines import address_of
from convkit._core.lines import overlap as overlap
from convkit._core.staging import PIECE, Staging
from convkit._core.strides import Lies
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
if not SIMULATED:  # small arrays take few blocks, and no warning makes them more
    cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
_ANYWHERE = contextlib.nullcontext()


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


_shelves = Shelves(lambda size, dtype, stream: cuda.device_array(size, dtype, stream=stream), lambda: current())


def block(size: int, dtype: np.dtype[Any], stream: Any) -> Block:
    """Memory for so many numbers, to be worked on in `stream`."""
    return _shelves.get(max(size, 1), dtype, stream)


def seen(x: Any, name: str) -> Line:
    """The caller's device array `x`, not copied, on the stream that its library works on; refused if it is `Strided`."""
    array = found(x, name)
    if isinstance(array, Line):
        return array
    size = array.around.dtype.itemsize
    raise ValueError(f"{name} of shape {array.shape} has strides {tuple(size * n for n in array.steps)} in the memory of the "
                     "device, where this takes C-contiguous arrays only; hand in a contiguous copy of it")


def found(x: Any, name: str) -> Line | Strided:
    """The caller's device array `x` as it lies, on the stream that its library works on."""
    require()
    if isinstance(x, Line):
        line = x.line if x.size else x.line[:0]
        return Line(x.shape, x.dtype, line, x.stream, line.reshape(x.shape))
    x, resolved = _resolved(x, name)
    told = _told(x)
    lies, stream, writeable = told.lies, _stream(x, told), told.writeable and not resolved
    if lies.in_order:
        return _around(x, told, lies.address, lies.shape, stream, writeable)
    lowest, count, first, steps = lies.around(name)
    return Strided(lies.shape, steps, first, _around(x, told, lowest, (count,), stream), writeable)


def _around(x: Any, told: _Told, address: int, shape: tuple[int, ...], stream: Any, writeable: bool = True) -> Line:
    """Numbers in C order from an address on, in the memory of `x`."""
    line = Line(shape, told.dtype, _numbers(x, told, address, math.prod(shape)), stream, x)
    line._address, line._writeable = address, writeable
    return line


def _resolved(x: Any, name: str) -> tuple[Any, bool]:
    """An array whose memory holds its numbers, and whether it is a copy: torch conjugates and negates by a mark only."""
    library = _library_of(x)
    if library is None or library.__name__ != "torch":
        return x, False
    if x.dtype == library.bfloat16:  # which some versions describe as float16
        raise TypeError(f"{name} has dtype bfloat16, which NumPy and this package do not have; use {name}.float()")
    return (x.resolve_conj().resolve_neg(), True) if x.is_conj() or x.is_neg() else (x, False)


class _Told(NamedTuple):
    """What a library tells of an array."""

    lies: Lies
    dtype: np.dtype[Any]
    writeable: bool
    stream: Any
    teller: Any


def _told(x: Any) -> _Told:
    if getattr(x, "__cuda_ndarray__", False):
        dtype = np.dtype(x.dtype)
        return _Told(Lies(tuple(x.shape), tuple(x.strides), dtype.itemsize, address_of(x)), dtype,
                     bool(x.flags.writeable) if SIMULATED else True, x.stream, x)
    teller, told = x, getattr(x, "__cuda_array_interface__", None)  # once: torch takes microseconds to tell
    if told is None:
        teller = _Described(x)
        told = teller.__cuda_array_interface__
    dtype, strides, stream = np.dtype(told["typestr"]), told.get("strides"), told.get("stream")
    address, fixed = told["data"]
    lies = Lies(tuple(told["shape"]), None if strides is None else tuple(strides), dtype.itemsize, address or 0)
    return _Told(lies, dtype, not fixed, _external(stream) if stream is not None and stream > 1 else 0, teller)


def _numbers(x: Any, told: _Told, address: int, count: int) -> Any:
    """So many numbers of the memory of `x`, from an address on, as one of Numba's arrays; it keeps `x` and what told of it."""
    if getattr(x, "__cuda_ndarray__", False) and told.lies.shape == (count,) and address == told.lies.address:
        return x
    if SIMULATED:
        from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

        lowest = x._ary[..., *(slice(-1, None) if n < 0 else slice(0, 1) for n in x.strides)] if x.size else x._ary
        return FakeCUDAArray(np.lib.stride_tricks.as_strided(lowest, (count,), (told.dtype.itemsize,)))
    told_of_line = {"shape": (count,), "strides": None, "typestr": told.dtype.str, "data": (address, False), "version": 3}
    # No wait for its stream: the work is put on that same stream.
    return cuda.as_cuda_array(SimpleNamespace(__cuda_array_interface__=told_of_line, keeps=(x, told.teller)), sync=False)


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


def _stream(x: Any, told: _Told) -> Any:
    library = _library_of(x)
    if library is not None and library.__name__ == "torch":
        return _external(library.cuda.current_stream(x.device).cuda_stream)
    if library is not None:
        return _external(library.cuda.get_current_stream().ptr)
    return told.stream


@cache
def _external(handle: int) -> Any:
    return cuda.external_stream(handle) if handle else 0


def located(x: Any) -> Any:
    """The device that `x` lies on, or of a number, to be entered while work is given to it."""
    number = x if type(x) is int else number_of(x)
    return _ANYWHERE if number is None or _single() else cuda.gpus[number]


@cache
def _single() -> bool:
    """Whether there is one device, which need not be entered."""
    return SIMULATED or len(cuda.gpus) == 1


def empty(like: Line, shape: Sequence[int], dtype: np.dtype[Any]) -> Line:
    """New memory for numbers, of the kind of the caller's array and where it lies."""
    if isinstance(like.owner, Block):
        memory = block(math.prod(shape), dtype, like.stream)
        return type(like)(tuple(shape), dtype, memory.line, like.stream, memory)
    library = _library_of(like.owner)
    if library is None:
        array = cuda.device_array(tuple(shape), dtype, stream=like.stream)
        return Line(tuple(shape), dtype, array.reshape(math.prod(shape)) if len(shape) != 1 else array, like.stream, array)
    torch = library.__name__ == "torch"
    kind = getattr(library, _name_of(dtype), None if torch else dtype)
    if kind is None:
        raise TypeError(f"this torch has no dtype {dtype}, in which the result is to be; say another with dtype=")
    made = library.empty(tuple(shape), dtype=kind, **({"device": like.owner.device} if torch else {}))
    told = _told(made)
    return _around(made, told, told.lies.address, tuple(shape), like.stream)


@cache
def _name_of(dtype: np.dtype[Any]) -> str:
    """Name of a dtype, which NumPy makes anew each time."""
    return dtype.name


def lent(x: Array, stream: Any = 0) -> Line:
    """A copy of a NumPy array in a `Block`, to be worked on in `stream`, and so is what is made of it."""
    require()
    copied = taken(x.shape, x.dtype.newbyteorder("="), stream)
    if x.size:
        put(x, copied)
    return copied


def sent(x: Array, stream: Any = 0) -> Line:
    """A copy of a NumPy array in memory of its own, to be worked on in `stream`, or in any other."""
    require()
    dtype = x.dtype.newbyteorder("=")
    line = Line(x.shape, dtype, cuda.device_array(x.size, dtype), _uploads(current()), x)
    if x.size:
        put(x, line)
    return line.on(stream)


def put(x: Array, out: Line) -> None:
    """Copy a NumPy array to the device, after what the stream of `out` was given before, and wait for it."""
    native, stream = np.ascontiguousarray(x, out.dtype).reshape(-1), _named(out.stream)
    if native.nbytes > 2 * PIECE:
        _staging(current()).write(native, out.line, stream)
    else:
        out.line.copy_to_device(native, stream=stream)
    # A plain copy may return before it has arrived, and the streams of other libraries do not wait for it.
    stream.synchronize()


def fetched(values: Line) -> Array:
    """A copy in the memory of the host."""
    if not values.size:
        return np.empty(values.shape, values.dtype)
    stream = _named(values.stream)
    if values.size * values.dtype.itemsize > 2 * PIECE:
        host = np.empty(values.size, values.dtype)
        _staging(current()).read(values.line, host, stream)
    else:
        host = values.line.copy_to_host(stream=stream)
        stream.synchronize()
    return host.reshape(values.shape)


def _named(stream: Any) -> Any:
    """A stream by its name: where none is, Numba's arrays take one of their own."""
    return stream or cuda.default_stream()


@cache
def _uploads(device: int) -> Any:
    """The stream of a device for what is sent before it is known who works on it."""
    return cuda.stream()


@cache
def _staging(device: int) -> Staging:
    return Staging(locked, _event)


def _event() -> Any:
    return cuda.event() if SIMULATED else cuda.event(timing=False)


@contextlib.contextmanager
def ordered(own: Line | Strided, other: Line | Strided | None) -> Iterator[None]:
    """Work that is put on the stream of `own` comes after what that of `other` was given before, and before what it is then."""
    if other is None or own.stream is other.stream:
        yield
        return
    _follow(own.stream, other.stream)
    yield
    _follow(other.stream, own.stream)


def moved(x: Line, stream: Any) -> Line:
    """The same memory, to be worked on in another stream, which waits for what that of `x` was given before."""
    if stream is not x.stream:
        _follow(stream, x.stream)
    return x.on(stream)


def _follow(later: Any, earlier: Any) -> None:
    event = _event()
    event.record(earlier)
    event.wait(later)


def apart() -> Any:
    """A stream whose order with the default one only events tell; it lasts as long as the process."""
    if SIMULATED:
        return cuda.stream()
    from numba.cuda.cudadrv.driver import binding, driver

    return cuda.external_stream(int(driver.cuStreamCreate(binding.CUstream_flags.CU_STREAM_NON_BLOCKING.value)))


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
    memory = block(math.prod(shape), dtype, stream)
    return Line(shape, dtype, memory.line, stream, memory)


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
