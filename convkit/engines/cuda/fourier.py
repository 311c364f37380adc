"""Fourier transforms by CuPy on a CUDA device, where it is installed: the one place that asks for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import local
from types import SimpleNamespace
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda import transforms


@cache
def library() -> Any:
    """CuPy, whose transforms are used where it is installed; else None. Nothing else of it does any work here."""
    try:
        import cupy
    except ImportError:
        return None
    return cupy


class _Turns(local):
    """The stream that the library worked on last on each device, and an event that marks the end of that work."""

    def __init__(self) -> None:
        self.last: dict[int, tuple[int, Any]] = {}


_turns = _Turns()


@contextmanager
def entered(library: Any, stream: Any) -> Iterator[None]:
    """Let the library work on a stream, after its work on another.

    It keeps plans for each thread and device, not for each stream, and a plan has one work area.
    """
    device, handle = gpu.current(), 0 if not stream else id(stream) if gpu.SIMULATED else int(stream)
    last, event = _turns.last.get(device) or (handle, library.cuda.Event(disable_timing=True))
    with library.cuda.ExternalStream(handle) as own:
        if last != handle:
            own.wait_event(event)
        try:
            yield
        finally:
            event.record(own)
            _turns.last[device] = handle, event


def shown(library: Any, numbers: Any) -> Any:
    """A flat array of Numba as one of the library, in the same memory; it would wait for a stream that it is told of."""
    if gpu.SIMULATED:
        return library.asarray(numbers)
    told = {"shape": numbers.shape, "typestr": np.dtype(numbers.dtype).str, "strides": None, "version": 3,
            "data": (numbers.device_ctypes_pointer.value, False)}
    return library.asarray(SimpleNamespace(__cuda_array_interface__=told, memory=numbers))


class Filter:
    """Circular correlation of tiles with weights by the library, on tiles as `fourier_cuda.first_body` leaves them."""

    def __init__(self, library: Any, weights: Array, lengths: tuple[int, int, int], axes: Sequence[int]) -> None:
        from scipy import fft

        self._library = library
        self._axes = tuple(i - 3 for i in axes)
        self._places = [lengths[i] for i in axes]
        self._whole = weights.dtype.kind == "c"
        forward = fft.fftn if self._whole else fft.rfftn
        wide = np.conj(weights).astype(np.complex128 if self._whole else np.float64)
        spectrum = np.conj(forward(wide, s=self._places, axes=self._axes)).astype(np.result_type(weights.dtype, np.complex64))
        # Sent before any stream reads it, as the library does not.
        self._spectrum = shown(library, gpu.sent(spectrum).line).reshape(spectrum.shape)
        self.nbytes = int(spectrum.nbytes)

    def __call__(self, between: Line, count: int) -> None:
        """Correlate the first `count` transforms in place: each two real tiles, or the parts of a complex one."""
        fft = self._library.fft
        with entered(self._library, between.stream):
            tiles = shown(self._library, between.line).reshape(between.shape)[:, :count]
            if self._whole:
                values = fft.ifftn(fft.fftn(tiles[0] + 1j * tiles[1], axes=self._axes) * self._spectrum, axes=self._axes)
                tiles[0], tiles[1] = values.real, values.imag
            else:
                transform = fft.rfftn(tiles, axes=self._axes) * self._spectrum
                tiles[...] = fft.irfftn(transform, s=self._places, axes=self._axes)


class Foreign:
    """As `transforms.Transform`, by the library."""

    def __init__(self, library: Any, count: int, shape: tuple[int, ...], dtype: np.dtype[Any], real: bool,
                 inverse: bool) -> None:
        self._library = library
        self._axes = tuple(range(-len(shape), 0))
        self._lengths = shape if real and inverse else None
        self._function = getattr(library.fft, ("i" if inverse else "") + ("rfftn" if real else "fftn"))
        half = (*shape[:-1], shape[-1] // 2 + 1)
        self._sides = [(count, *(half if real and spectrum else shape)) for spectrum in (inverse, not inverse)]
        self._whole = [not real or spectrum for spectrum in (inverse, not inverse)]
        self._complex = np.result_type(dtype, np.complex64)

    def __call__(self, x: Any, first: int, out: Any, start: int, stream: Any) -> None:
        """Transform numbers of `x` from the number `first` on, and write from `start` of `out` on."""
        with entered(self._library, stream):
            size, length = ((2 if whole else 1) * math.prod(side) for side, whole in zip(self._sides, self._whole, strict=True))
            values = shown(self._library, x)[first : first + size]
            if self._whole[0]:
                # Complex numbers lie at multiples of their size.
                values = (values.copy() if first % 2 else values).view(self._complex)
            options = {} if self._lengths is None else {"s": self._lengths}
            result = self._function(values.reshape(self._sides[0]), axes=self._axes, norm="ortho", **options).reshape(-1)
            shown(self._library, out)[start : start + length] = result.view(out.dtype) if self._whole[1] else result


def transform(count: int, shape: tuple[int, ...], dtype: np.dtype[Any], real: bool, inverse: bool) -> Any:
    """Transforms as of `transforms.Transform`: those of the library where it is installed, else the package's own."""
    found = library()
    if found is None:
        return transforms.transform(count, shape, dtype, real, inverse)
    return Foreign(found, count, shape, dtype, real, inverse)
