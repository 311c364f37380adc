"""Overlap-save: tiles of every size give the same correlation."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit._core.boundary import normalize
from convkit._core.geometry import axis_geometry
from convkit.engines import spectral
from tests import reference
from tests.strategies import cases


@settings(max_examples=800)
@given(st.data(), cases(dtypes=("float32", "float64", "complex64"), weights_dtypes=("float64",)), st.booleans())
def test_tiles_of_any_size(data, case, several):
    x, weights = case.cast()
    dim = weights.ndim
    axes = case.options.get("axes", tuple(range(dim)))
    axes = [a % x.ndim for a in ((axes,) if isinstance(axes, int) else axes)]
    order = np.argsort(axes)
    axes = tuple(axes[i] for i in order)
    mode = case.options["mode"]
    names = normalize("zero" if mode == "valid" else case.options["boundary"], dim)
    fill = 0.0 if mode == "valid" else case.options.get("fill_value", 0.0)
    g = np.flip(weights).transpose(order)
    geometry = tuple(axis_geometry(x.shape[a], k, mode) for a, k in zip(axes, g.shape, strict=True))
    tile = tuple(
        data.draw(st.integers(k, k + (3 if several else place.length + 4))) for place, k in zip(geometry, g.shape, strict=True)
    )
    shape = list(x.shape)
    for a, place in zip(axes, geometry, strict=True):
        shape[a] = place.length
    out = np.full(shape, np.nan, case.work)
    spectral.correlate(x, g, geometry, tuple(names[i] for i in order), case.work.type(fill), axes, out, 1, tile)
    bound = reference.fft_bound(x, weights, case.work, **case.options)
    reference.assert_within(out, case.expected(), bound, f"tile {tile} of {case}")
