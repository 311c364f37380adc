"""Transforms wedge by wedge, for coefficients that do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.engines import planes, wedge


def coefficients(tables: wedge.Tables, x: Array, workers: int) -> Iterator[tuple[tuple[int, int], Array]]:
    """Coefficients of samples: pairs of (scale, wedge) and an array."""
    spectrum = np.empty(wedge.spectrum_shape(tables.shape, tables.real), np.result_type(x.dtype, np.complex64))
    planes.forward(x, spectrum, workers)
    for n, band in enumerate(tables.bands):
        buffer, group = np.empty(band.numbers, x.dtype), wedge.alone(tables, n)
        wedge.forward(spectrum, tables, [group], buffer, workers)
        yield (band.scale, band.wedge), group.of(buffer)[0]


def samples(tables: wedge.Tables, pairs: Iterable[tuple[int, Array]], workers: int) -> Array:
    """Samples that coefficients stand for: pairs of the number of a band and an array, in any order."""
    spectrum = None
    undivided = []
    for n, given in pairs:
        band, values = tables.bands[n], np.asarray(given)
        if values.shape != band.lengths:
            raise ValueError(f"the coefficients of wedge {(band.scale, band.wedge)} have shape {values.shape}, but in the plan "
                             f"they have {band.lengths}")
        if spectrum is None:
            spectrum = _nothing(tables, values.real.dtype)
        if band.real and values.dtype.kind == "c":
            raise TypeError(f"the coefficients of wedge {(band.scale, band.wedge)} are complex; those of the plan are real")
        buffer = np.ascontiguousarray(values, spectrum.real.dtype if band.real else spectrum.dtype).reshape(-1)
        if band.real:
            # They are added when all wedges are: until then half a spectrum holds half of them.
            undivided.append((n, buffer))
        else:
            numbers = buffer.view(spectrum.real.dtype) if tables.real else buffer
            wedge.adjoint(numbers, tables, [wedge.alone(tables, n)], spectrum, workers)
    if spectrum is None:
        spectrum = _nothing(tables, np.dtype(np.float64))
    wedge.settle(spectrum, tables)
    for n, buffer in undivided:
        wedge.adjoint(buffer, tables, [wedge.alone(tables, n)], spectrum, workers)
    y = np.empty(tables.shape, spectrum.real.dtype if tables.real else spectrum.dtype)
    planes.inverse(spectrum, y, workers)
    return y


def _nothing(tables: wedge.Tables, dtype: np.dtype[Any]) -> Array:
    """A spectrum for coefficients to be added to."""
    return np.zeros(wedge.spectrum_shape(tables.shape, tables.real), np.result_type(dtype, np.complex64))
