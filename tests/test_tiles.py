"""Tiles of the vector FFT against the slow oracle: layouts, edges, what is not finite, and the sums of its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

import convkit
from convkit._core.boundary import normalize
from convkit._core.geometry import axis_geometry
from convkit.engines import spectral, tiles
from tests import reference

vectors = pytest.mark.skipif(tiles.form((16, 16)) is None, reason="this machine has no vectors: scipy.fft transforms the tiles")


def drawn(rng, shape, dtype):
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, 255, shape).astype(dtype)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else values).astype(dtype)


def prepared(x, weights, tile, mode="same", boundary="zero", fill=0.0, axes=None):
    axes = tuple(range(weights.ndim)) if axes is None else axes
    geometry = tuple(axis_geometry(x.shape[a], k, mode) for a, k in zip(axes, weights.shape, strict=True))
    shape = list(x.shape)
    for a, g in zip(axes, geometry, strict=True):
        shape[a] = g.length
    names = normalize("zero" if mode == "valid" else boundary, len(axes), fill)
    ready = spectral.prepare(x.shape, x.dtype, np.flip(weights), geometry, names, weights.dtype.type(fill), axes, tile)
    return ready, np.full(shape, np.nan, weights.dtype)


def correlate(x, weights, tile, workers=1, **options):
    ready, out = prepared(x, weights, tile, **options)
    ready(x, out, workers)
    return out


@vectors
@pytest.mark.parametrize("boundary", ["zero", "constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize(("shape", "taps", "tile"), [
    ((700,), (40,), (256,)), ((900,), (5,), (1024,)), ((2500,), (301,), (768,)), ((61, 75), (5, 18), (16, 48)),
    ((40, 300), (17, 33), (96, 64)), ((9, 200), (3, 2), (16, 32)), ((20, 33, 41), (5, 3, 9), (16, 32, 48)),
])  # fmt: skip
def test_tiles_and_their_edges(shape, taps, tile, boundary, rng):
    for dtype, mode in (("float32", "same"), ("float64", "full"), ("float32", "valid"), ("complex64", "same")):
        x, weights = drawn(rng, shape, dtype), drawn(rng, taps, dtype)
        fill = 2.5 if boundary == "constant" and mode != "valid" else 0.0
        options = {"mode": mode, "boundary": "zero" if mode == "valid" else boundary, "fill_value": fill}
        got = correlate(x, weights, tile, mode=mode, boundary=boundary, fill=fill)
        want = reference.convolve(x, weights, precise=False, **options)
        reference.assert_within(got, want, reference.fft_bound(x, weights, dtype, **options), f"{dtype} {mode}")


@vectors
@pytest.mark.parametrize(("shape", "axes"), [
    ((3, 50, 70), (1, 2)), ((50, 70, 3), (0, 1)), ((50, 3, 70), (0, 2)), ((50, 70, 40), (0, 1)), ((2, 3, 50, 70), (2, 3)),
    ((2, 50, 2, 70), (1, 3)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "complex128", "uint8"])
def test_batches_and_channels(shape, axes, dtype, rng):
    x = drawn(rng, shape, dtype)
    weights = drawn(rng, (5, 9), "float32" if dtype == "uint8" else dtype)
    options = {"axes": axes, "boundary": "reflect"}
    want = reference.convolve(x, weights, precise=False, **options)
    bound = reference.fft_bound(x, weights, weights.dtype, **options)
    reference.assert_within(correlate(x, weights, (32, 48), **options), want, bound)
    # Samples and results of other strides: tiles are cut out of them.
    wide = np.repeat(x, 2, axis=-1)[..., ::2]
    ready, out = prepared(wide, weights, (32, 48), **options)
    target = np.asfortranarray(out)
    ready(wide, target, 1)
    reference.assert_within(target, want, bound)


@vectors
@pytest.mark.parametrize(("shape", "axes", "taps", "tile"), [
    ((700, 40), (0,), (60,), (256,)), ((300, 40), (0,), (41,), (9216,)), ((60, 50, 70), (0,), (21,), (64,)),
    ((40, 30, 50), (0, 1), (5, 7), (32, 16)),
])  # fmt: skip
def test_a_batch_behind_the_convolved_axes(shape, axes, taps, tile, rng):
    x, weights = drawn(rng, shape, "float32"), drawn(rng, taps, "float32")
    options = {"axes": axes, "boundary": "symmetric"}
    want = reference.convolve(x, weights, precise=False, **options)
    reference.assert_within(correlate(x, weights, tile, **options), want, reference.fft_bound(x, weights, "float32", **options))


@vectors
@pytest.mark.parametrize("result", ["uint8", "int16", "uint16"])
@pytest.mark.parametrize("shape", [(50, 70), (50, 70, 3)])
def test_results_rounded_on_the_way(shape, result, rng):
    x = drawn(rng, shape, "uint8")
    weights = np.ones((5, 5), np.float32)
    ready, out = prepared(x, weights, (32, 32), axes=(0, 1))
    target = np.empty(out.shape, result)
    ready(x, target, 1)
    want = reference.convolve(x, weights, axes=(0, 1))
    np.testing.assert_array_equal(target, reference.saturated(want, result))


@vectors
def test_small_integers_are_rounded_wherever_they_lie(rng):
    """Also in strided samples, and in a tile that is summed directly because it is so much brighter than most."""
    x = drawn(rng, (90, 140), "uint8").astype("uint16") % 3
    x[40, 70] = 65535
    weights = np.full((5, 5), 0.3, np.float32)
    want = reference.convolve(x, weights.astype(float))
    for samples in (x, np.repeat(x, 2, axis=-1)[:, ::2]):
        got = convkit.convolve(samples, weights, method="fft", dtype="uint16")
        assert (abs(got.astype(float) - np.clip(want.astype(float), 0, 65535)) <= 0.51).all()


@vectors
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize(("shape", "taps", "tile"), [((200, 150), (7, 9), (32, 48)), ((5000,), (31,), (256,)),
                                                     ((40, 30, 50), (3, 5, 3), (16, 16, 32)), ((20, 90, 3), (5, 5), (32, 32))])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e12])
def test_what_an_fft_would_spoil_stays_where_it_is(shape, taps, tile, value, dtype, rng):
    x, weights = drawn(rng, shape, dtype), drawn(rng, taps, dtype)
    axes = tuple(range(len(taps)))
    place = tuple(n // 3 for n in shape)
    clean = correlate(x, weights, tile, axes=axes)
    x[place] = value
    with np.errstate(invalid="ignore"):
        got = correlate(x, weights, tile, axes=axes)
        want = reference.convolve(x, weights, axes=axes, precise=False)
        touched = reference.convolve(np.arange(x.size).reshape(shape) == np.ravel_multi_index(place, shape),
                                     np.ones(taps), axes=axes).astype(bool)
    # Away from it nothing changes but the order of sums, and nothing is drowned.
    x[place] = 0
    reference.assert_within(got[~touched], want[~touched], reference.fft_bound(x, weights, dtype, axes=axes))
    if np.isfinite(value):
        np.testing.assert_allclose(got[touched], want[touched], rtol=1e-5)
    else:
        assert not np.isfinite(got[touched]).any()
    assert np.isfinite(clean).all()


@vectors
def test_a_tile_beside_a_spoilt_one_is_the_same_as_alone(rng):
    """Two tiles share a transform: neither the rounding nor the fate of one may come to depend on garbage in the other."""
    x = drawn(rng, (16, 60), "float32")
    weights = drawn(rng, (1, 5), "float32")
    x[:, 50] = np.nan
    alone = correlate(x[:, :32].copy(), weights, (16, 32), mode="valid")
    together = correlate(x, weights, (16, 32), mode="valid")
    np.testing.assert_array_equal(together[:, :28], alone)


@vectors
@pytest.mark.parametrize(("shape", "taps", "tile"), [((400, 500), (21, 21), (64, 64)), ((100_000,), (101,), (1024,))])
def test_bits_do_not_depend_on_workers(shape, taps, tile, rng):
    x, weights = drawn(rng, shape, "float32"), drawn(rng, taps, "float32")
    x.flat[1234] = np.inf
    with np.errstate(invalid="ignore"):
        one = correlate(x, weights, tile, workers=1)
        for workers in (2, 5):
            np.testing.assert_array_equal(correlate(x, weights, tile, workers=workers), one)


@vectors
def test_an_odd_number_of_tiles_leaves_no_trace_of_old_memory(rng):
    """Without a second tile its half of the transform is zero, whatever the scratch memory held before."""
    weights = drawn(rng, (3, 3), "float32")
    correlate(drawn(rng, (16, 16), "float32") * np.float32(1e20), weights, (16, 16))
    for dtype in ("uint8", "float32"):
        x = drawn(rng, (9, 9), dtype)
        want = reference.convolve(x, weights, precise=False)
        reference.assert_within(correlate(x, weights, (16, 16)), want, reference.fft_bound(x, weights, "float32"))


def test_lengths_have_stages():
    for n in tiles.LENGTHS:
        assert np.prod(tiles.radices(n)) == n
        assert sorted(tiles.order(n)) == list(range(n))
        assert set(tiles.radices(n)) <= {3, 4, 8}
        assert tiles.radices(n)[-1] != 3


def test_forms():
    form = tiles.form((256,))
    if form is None:
        pytest.skip("this machine has no vectors")
    assert form.folded
    assert form.matrix == (1, 16, 16)
    assert form.source == (1, 1, 256)
    assert [tiles.form(tile) for tile in ((250,), (17, 16), (8, 16))] == [None] * 3
    assert not tiles.form((16, 48)).folded
