"""Fourier transforms by CuPy on a CUDA device, where it is installed: the one place that asks for it.

Also curvelet transforms: their boxes have lengths that only CuPy transforms. `analysis` and `synthesis` are those of
`engines.wedge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from convkit._core import gpu
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda.wedge import Wedges
from convkit.engines.wedge import Group, Tables, spectrum_shape

# Runs and weights of the transforms met last, on the device.
_wedges: Any = lru_cache(maxsize=4)(Wedges)


def library() -> Any:
    """CuPy, whose transforms are used where it is installed; else None. Nothing else of it does any work here."""
    try:
        import cupy
    except ImportError:
        return None
    return cupy


def required(what: str) -> Any:
    """CuPy, or one error that says what needs it."""
    found = library()
    if found is None:
        raise ImportError(f"{what} on a CUDA device needs the transforms of CuPy: pip install 'convkit[cu13-fft]', or "
                          "'convkit[cu12-fft]' for a driver older than 580; or hand in a NumPy array")
    return found


def stream_of(library: Any, x: Line) -> Any:
    """The stream of `x`, to be entered while the library is given work."""
    return library.cuda.ExternalStream(int(x.stream) if x.stream else 0)


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
        self._spectrum = library.asarray(spectrum)
        self.nbytes = int(spectrum.nbytes)

    def __call__(self, between: Line, count: int) -> None:
        """Correlate the first `count` transforms in place: each two real tiles, or the parts of a complex one."""
        fft = self._library.fft
        with stream_of(self._library, between):
            tiles = self._library.asarray(between.owner)[:, :count]
            if self._whole:
                values = fft.ifftn(fft.fftn(tiles[0] + 1j * tiles[1], axes=self._axes) * self._spectrum, axes=self._axes)
                tiles[0], tiles[1] = values.real, values.imag
            else:
                transform = fft.rfftn(tiles, axes=self._axes) * self._spectrum
                tiles[...] = fft.irfftn(transform, s=self._places, axes=self._axes)


def analysis(library: Any, x: Any, tables: Tables, buffer: Any, like: Line) -> None:
    """Write the coefficients of samples `x` into `buffer`; both are arrays of the library, and memory is had as for `like`."""
    spectrum, values = _spectrum(library, tables, buffer.dtype, like)
    axes = tuple(range(-len(tables.shape), 0))
    forward = library.fft.rfftn if tables.real else library.fft.fftn
    values[...] = forward(x, axes=axes, norm="ortho")
    wedges = _wedges(tables, spectrum.dtype)
    for group in tables.groups:
        line, boxes = _boxes(library, group, spectrum.dtype, like)
        wedges.wrap(spectrum, group, line)
        if group.real:
            group.of(buffer)[...] = library.fft.irfftn(boxes, s=group.shape, axes=axes, norm="ortho")
        else:
            group.of(buffer)[...] = library.fft.ifftn(boxes, axes=axes, norm="ortho")


def synthesis(library: Any, buffer: Any, tables: Tables, y: Any, like: Line) -> None:
    """Write the samples that the coefficients in `buffer` stand for into `y`: the inverse of `analysis`, and its adjoint."""
    spectrum, values = _spectrum(library, tables, buffer.dtype, like)
    axes = tuple(range(-len(tables.shape), 0))
    wedges = _wedges(tables, spectrum.dtype)
    fresh = True
    for real in (False, True):
        for group in (group for group in tables.groups if group.real == real):
            line, boxes = _boxes(library, group, spectrum.dtype, like)
            forward = library.fft.rfftn if real else library.fft.fftn
            boxes[...] = forward(group.of(buffer), axes=axes, norm="ortho")
            wedges.unwrap(line, group, spectrum, fresh)
            fresh = False
        if not real:
            wedges.settle(spectrum)
    if tables.real:
        y[...] = library.fft.irfftn(values, s=tables.shape, axes=axes, norm="ortho")
    else:
        y[...] = library.fft.ifftn(values, axes=axes, norm="ortho")


def _spectrum(library: Any, tables: Tables, dtype: np.dtype[Any], like: Line) -> tuple[Line, Any]:
    """Memory for the spectrum of samples, as a line and as an array of the library."""
    line = gpu.empty(like, spectrum_shape(tables.shape, tables.real), np.result_type(dtype, np.complex64))
    return line, library.asarray(line.owner)


def _boxes(library: Any, group: Group, dtype: np.dtype[Any], like: Line) -> tuple[Line, Any]:
    """Memory for the spectra of a group of bands, likewise."""
    line = gpu.empty(like, (group.end - group.begin, *spectrum_shape(group.shape, group.real)), dtype)
    return line, library.asarray(line.owner)
