"""Transforms wedge by wedge, for coefficients that do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from convkit._core.typing import Array
from convkit.engines import wedge


def coefficients(tables: wedge.Tables, x: Array, workers: int) -> Iterator[tuple[tuple[int, int], Array]]:
    """Coefficients of samples: pairs of (scale, wedge) and an array."""
    spectrum = wedge.spectrum_of(x, tables, workers)
    for n, band in enumerate(tables.bands):
        buffer = np.empty(band.numbers, x.dtype)
        wedge.forward(spectrum, tables, n, n + 1, buffer, workers)
        yield (band.scale, band.wedge), buffer.view(x.dtype if band.real else spectrum.dtype).reshape(band.lengths)


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
            spectrum = wedge.empty_spectrum(tables, values.real.dtype)
        if band.real and values.dtype.kind == "c":
            raise TypeError(f"the coefficients of wedge {(band.scale, band.wedge)} are complex; those of the plan are real")
        buffer = np.ascontiguousarray(values, spectrum.real.dtype if band.real else spectrum.dtype).reshape(-1)
        if band.real:
            # They are added when all wedges are: until then half a spectrum holds half of them.
            undivided.append((n, buffer))
        else:
            wedge.adjoint(buffer.view(spectrum.real.dtype) if tables.real else buffer, tables, n, n + 1, spectrum, workers)
    if spectrum is None:
        spectrum = wedge.empty_spectrum(tables, np.dtype(np.float64))
    wedge.settle(spectrum, tables)
    for n, buffer in undivided:
        wedge.adjoint(buffer, tables, n, n + 1, spectrum, workers)
    return wedge.samples_of(spectrum, tables, workers)
