"""Correlation by FFT on a CUDA device, which has to be that of the CPU: see twins.py."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings

import convkit
from tests import reference, strategies
from tests.cuda.twins import sent

KINDS = ("float32", "float64", "complex64", "complex128")


def close(got, want, x, weights, work, **options):
    """Whether convolutions are as near as the bound of transforms lets them be; in double precision within 1e-12."""
    limit = reference.fft_bound(x, weights, work, **options)
    if np.dtype(work).char in "dD":
        limit = min(limit, 1e-12 * np.abs(weights).sum() * max(np.abs(x).max(), abs(options.get("fill_value", 0))) + 1e-300)
    return got.shape == want.shape and bool((np.abs(got - want) <= limit).all())


@pytest.fixture
def tiles():
    """The engine, whose choice of tiles is made anew before and after."""
    from convkit.engines.cuda import tiles

    tiles.tiling.cache_clear()
    yield tiles
    tiles.tiling.cache_clear()


@settings(max_examples=14)
@given(strategies.cases(dtypes=KINDS, weights_dtypes=KINDS, dims=(1, 1, 1, 2), batch=False))
def test_correlations_by_fft_are_those_of_the_cpu(case):
    want = convkit.correlate(case.x, case.weights, method="direct", **case.options)
    got = convkit.correlate(sent(case.x), case.weights, method="fft", **case.options)
    assert got.dtype == want.dtype
    assert close(got.copy_to_host(), want, case.x, reference.flipped(case.weights), case.work.name, **case.options)


def test_axes_with_others_between_them_are_refused():
    x = sent(np.ones((2, 3, 2, 3, 2, 33)))
    with pytest.raises(ValueError, match="have others between them"):
        convkit.correlate(x, np.ones((1, 2)), axes=(1, 3), method="fft")


@pytest.mark.parametrize(("shape", "taps", "axes"), [
    ((60,), (11,), None), ((5, 33), (4,), -1), ((21, 7), (4,), 0), ((13, 5), (3, 2), (0, 1)), ((4, 9, 3), (3,), 1),
    ((5, 9, 7), (2, 3, 2), None), ((7, 5, 9), (3, 2), (0, 2)), ((9, 4), (3, 1), None)])
def test_several_tiles(shape, taps, axes, rng):
    """Rows, columns, planes, batches before and behind the axis."""
    x, weights = rng.standard_normal(shape), rng.standard_normal(taps)
    options = {"axes": axes, "boundary": "constant", "fill_value": 0.7, "mode": "full"}
    want = convkit.correlate(x, weights, method="direct", **options)
    got = convkit.correlate(sent(x), weights, method="fft", **options).copy_to_host()
    assert close(got, want, x, weights, "float64", **options)


@pytest.mark.parametrize(("shape", "taps"), [((70,), (41,)), ((10, 11), (13, 9))])
def test_many_taps_are_taken_in_panels(shape, taps, rng, tiles):
    x, weights = rng.standard_normal(shape), rng.standard_normal(taps)
    plan = tiles.tiling((1,) * (3 - len(shape)) + shape, (1,) * (3 - len(taps)) + taps, False)
    assert plan.panel[-1] < taps[-1]
    got = convkit.correlate(sent(x), weights, method="fft", boundary="symmetric").copy_to_host()
    want = convkit.correlate(x, weights, method="direct", boundary="symmetric")
    assert close(got, want, x, weights, "float64", boundary="symmetric")


def test_tiles_are_taken_as_memory_in_between_has_room(rng, monkeypatch):
    from convkit.engines.cuda import tiles

    x, weights = rng.standard_normal((3, 20, 11)), rng.standard_normal((3, 4))
    want = convkit.correlate(sent(x), weights, method="fft", axes=(1, 2)).copy_to_host()
    monkeypatch.setattr(tiles, "BETWEEN", 5 << 10)
    got = convkit.correlate(sent(x), weights, method="fft", axes=(1, 2)).copy_to_host()
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(("shape", "taps"), [((90,), (6,)), ((24, 17), (3, 2))])
def test_nan_and_inf_stay_where_they_belong(shape, taps, dtype, rng):
    x = strategies.values(rng, shape, dtype)
    x.flat[5], x.flat[-3] = np.nan, np.inf
    weights = rng.standard_normal(taps)
    want = convkit.correlate(x, weights, method="direct", boundary="edge")
    got = convkit.correlate(sent(x), weights, method="fft", boundary="edge").copy_to_host()
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    np.testing.assert_allclose(got[np.isfinite(want)], want[np.isfinite(want)], rtol=0, atol=1e-11)


def test_large_samples_drown_no_others(rng):
    x = rng.standard_normal(200).astype(np.float32)
    x[30] = 1e9
    weights = rng.standard_normal(7)
    want = convkit.correlate(x.astype(np.float64), weights, method="direct")
    got = convkit.correlate(sent(x), weights, method="fft").copy_to_host()
    far = np.abs(np.arange(200) - 30) > 8
    np.testing.assert_allclose(got[far], want[far], rtol=0, atol=2e-5)


def test_a_run_of_zeros_is_no_usual_tile(rng):
    """The median is that of the tiles in which there is something."""
    x = np.zeros(300)
    x[:20], x[20:25] = 1e-3 * rng.standard_normal(20), 1.0
    weights = rng.standard_normal(5)
    got = convkit.correlate(sent(x), weights, method="fft").copy_to_host()
    np.testing.assert_allclose(got, convkit.correlate(x, weights, method="direct"), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int16", "float16"])
def test_narrow_samples_are_transformed(dtype, rng):
    x, weights = strategies.values(rng, (50,), dtype), rng.standard_normal(9)
    got = convkit.correlate(sent(x), weights.astype(np.float32), method="fft")
    want = convkit.correlate(x, weights.astype(np.float32), method="direct")
    assert got.dtype == want.dtype
    assert close(got.copy_to_host().astype(float), want.astype(float), x.astype(float), weights, got.dtype)


def test_integers_that_have_to_be_exact_are_summed_directly():
    x = np.array([2**52, -(2**51) + 1, 3])
    got = convkit.convolve(sent(x), np.array([1, -2]), dtype=np.int64, mode="full", method="fft").copy_to_host()
    np.testing.assert_array_equal(got, np.convolve(x, [1, -2]))


@pytest.mark.parametrize(("shape", "taps", "dtype", "pays"), [
    ((8192, 8192), (13, 13), "float32", False), ((8192, 8192), (31, 31), "float32", True),
    ((8192, 8192), (5, 5), "complex64", False), ((8192, 8192), (15, 15), "complex64", True),
    ((1 << 24,), (31,), "float32", False), ((1 << 24,), (301,), "float32", True), ((99,) * 3, (11,) * 3, "float32", True)])
def test_many_taps_are_worth_a_transform(shape, taps, dtype, pays, monkeypatch, tiles):
    from convkit._core import gpu
    from convkit._core.geometry import axis_geometry
    from convkit.engines.cuda import spectral

    monkeypatch.setattr(gpu, "SIMULATED", False)
    geometry = [axis_geometry(n, k, "same") for n, k in zip(shape, taps, strict=True)]
    assert spectral.pays(shape, np.ones(taps, dtype), geometry, range(len(shape))) == pays
    assert not spectral.pays(shape, np.full(taps, np.nan), geometry, range(len(shape)))


@pytest.mark.parametrize(("shape", "taps"), [((70,), (5,)), ((20, 40), (3, 2))])
def test_the_blocks_of_a_device(shape, taps, rng, monkeypatch, tiles):
    """The simulator takes seconds for the threads of one block, and is given small ones otherwise."""
    monkeypatch.setattr(tiles, "THREADS", 256)
    monkeypatch.setattr(tiles, "BLOCK", 2048)
    monkeypatch.setattr(tiles, "SIMULATED", tiles.OWN)
    x, weights = rng.standard_normal(shape).astype(np.float32), rng.standard_normal(taps)
    got = convkit.correlate(sent(x), weights, method="fft", boundary="wrap").copy_to_host()
    want = convkit.correlate(x, weights, method="direct", boundary="wrap")
    assert close(got, want, x, weights, "float32", boundary="wrap")


def test_auto_takes_the_cheaper_one(rng, monkeypatch):
    from convkit.engines.cuda import spectral

    x, weights, calls = rng.standard_normal(9), rng.standard_normal(4), []
    prepare = spectral.prepare
    monkeypatch.setattr(spectral, "prepare", lambda *a: calls.append(a) or prepare(*a))
    for pays in (False, True):
        monkeypatch.setattr(spectral, "pays", lambda *a, pays=pays: pays)
        got = convkit.correlate(sent(x), weights + pays).copy_to_host()
        np.testing.assert_allclose(got, convkit.correlate(x, weights + pays), rtol=0, atol=1e-13)
        assert len(calls) == pays


def test_a_call_met_before_takes_other_samples(rng):
    weights = rng.standard_normal(5)
    for _ in range(2):
        x = rng.standard_normal(30)
        got = convkit.correlate(sent(x), weights, boundary="wrap", method="fft").copy_to_host()
        np.testing.assert_allclose(got, convkit.correlate(x, weights, boundary="wrap", method="direct"), rtol=0, atol=1e-12)


@pytest.fixture
def library(monkeypatch):
    """CuPy, which is used if it is installed; here SciPy stands in for it, and the names of its transforms are kept."""
    from scipy import fft

    from convkit.engines.cuda import fourier

    used = []
    names = ("fftn", "ifftn", "rfftn", "irfftn")
    transforms = {name: lambda a, name=name, **options: used.append(name) or getattr(fft, name)(a, **options) for name in names}
    library = SimpleNamespace(asarray=lambda a: getattr(a, "_ary", a), fft=SimpleNamespace(**transforms), used=used,
                              cuda=SimpleNamespace(ExternalStream=lambda handle: nullcontext()), moveaxis=np.moveaxis)
    monkeypatch.setattr(fourier, "library", lambda: library)
    return library


@pytest.mark.parametrize(("shape", "taps", "dtype"), [((40,), (5,), "float64"), ((9, 12), (3, 4), "float32"),
                                                      ((9, 12), (3, 4), "complex128"), ((9, 12), (3,), "float64")])
def test_a_library_transforms_tiles(shape, taps, dtype, rng, library):
    x, weights = strategies.values(rng, shape, dtype), strategies.values(rng, taps, dtype)
    options = {"boundary": "reflect", "axes": tuple(range(len(taps)))}
    got = convkit.correlate(sent(x), weights, method="fft", **options).copy_to_host()
    want = convkit.correlate(x, weights, method="direct", **options)
    assert close(got, want, x, weights, dtype, **options)
    assert library.used == (["fftn", "ifftn"] if dtype == "complex128" else ["rfftn", "irfftn"])


@pytest.mark.parametrize(("shape", "options"), [
    ((16, 18), {}), ((2, 17, 16), {"finest": "wavelet"}), ((16, 16, 2), {"axes": (0, 1)}),
    ((16, 17), {"dtype": "complex64"}), ((16, 18), {"dtype": "float32"})])
def test_curvelets_are_those_of_the_cpu(shape, options, rng, library):
    axes = options.get("axes", (-2, -1))
    plan = convkit.Curvelets([shape[a] for a in axes], angles=8, **options)
    x = strategies.values(rng, shape, options.get("dtype", "float64"))
    want = plan.forward(x)
    got = plan.forward(sent(x))
    tolerance = {"rtol": 0, "atol": 1e-12 if want.dtype == np.complex128 else 2e-5}
    assert got.batch == want.batch
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.ravel().copy_to_host(), want.ravel(), **tolerance)
    for key in want:
        np.testing.assert_allclose(got[key], want[key], **tolerance)
    changed = strategies.values(rng, want.ravel().shape, want.ravel().dtype)
    got.ravel().copy_to_device(changed)
    for inverse in (plan.inverse, plan.adjoint):
        y = inverse(got)
        assert y.shape == x.shape
        np.testing.assert_allclose(y.copy_to_host(), plan.inverse(plan.unravel(changed)), **tolerance)


def test_curvelets_need_a_library(monkeypatch):
    from convkit.engines.cuda import fourier

    x = sent(np.ones((16, 16)))
    monkeypatch.setattr(fourier, "library", lambda: None)
    with pytest.raises(ImportError, match="a curvelet transform on a CUDA device needs the transforms of CuPy"):
        convkit.Curvelets((16, 16)).forward(x)


def test_what_curvelets_on_a_device_do_not_take(library):
    x = sent(np.ones((16, 16)))
    with pytest.raises(ValueError, match="boundary='reflect' is not computed on a CUDA device"):
        convkit.Curvelets((16, 16), boundary="reflect").forward(x)
    with pytest.raises(ValueError, match=r"x has shape \(16, 16\)"):
        convkit.Curvelets((16, 18)).forward(x)
    with pytest.raises(TypeError, match="x is complex"):
        convkit.Curvelets((16, 16)).forward(sent(np.ones((16, 16), complex)))
    c = convkit.Curvelets((16, 16)).forward(x)
    for change in (c.copy, lambda: c.threshold(1.0), lambda: c.map(np.negative)):
        with pytest.raises(ValueError, match="neither copied nor mapped"):
            change()
