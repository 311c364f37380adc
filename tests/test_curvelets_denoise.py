"""Denoising by curvelets and by wavelets: definitions as slow loops, peers, quality on small pictures, and what is refused."""

from __future__ import annotations

import doctest
import itertools

import numpy as np
import pytest
import pywt
import pywt.data

import convkit
from convkit.curvelets import Curvelets, denoise, wavelets
from convkit.curvelets.denoise import curvelet_denoise
from convkit.curvelets.wavelets import noise_level, wavelet_denoise
from convkit.engines import shrink

CAMERA = pywt.data.camera()[120:250, 130:277].astype(float)
NOISE = np.random.default_rng(0).normal(0, 20, CAMERA.shape)


def decibels(y, clean, peak=255):
    return 10 * np.log10(peak**2 / np.mean((y - clean) ** 2))


def sheets(n=32):
    """Smooth curved sheets in a volume."""
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing="ij")
    return np.where(z + 0.3 * np.sin(3 * x) + 0.2 * y > 0, 100.0, 0.0)


# --- the shrinkage of one band


def shrunk(c, noise, k):
    """The two steps for each coefficient, by its definition."""
    wide, narrow = (3, 1) if c.ndim == 2 else (2, 1)
    energy = np.abs(c / noise) ** 2
    q = k * (1 + 0.8 / (1 + 20 * max(energy.mean() - 1, 0)))

    def means(e, radius):
        moves = itertools.product(range(-radius, radius + 1), repeat=e.ndim)
        return np.mean([np.roll(e, move, range(e.ndim)) for move in moves], axis=0)

    pilot = np.maximum(1 - q / means(energy, wide), 0) ** 2 * energy
    s = means(pilot, narrow)
    return c * s / (s + q)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(24, 31), (9, 40), (5, 3), (1, 4), (9, 11, 10), (3, 7, 2)])
def test_a_band_is_shrunk_as_defined(shape, dtype, rng):
    c = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if dtype[0] == "c" else 0)
    c[(0,) * len(shape)] += 9
    for faint, k in ((1.0, 1.0), (1.0, 0.4), (0.1, 1.3)):
        given = c.astype(dtype)
        shrink.by_neighbours(given, faint, k)
        np.testing.assert_allclose(given, shrunk(c, faint, k), atol=1e-5 if dtype in ("float32", "complex64") else 1e-13)


def test_windows_wrap(rng):
    c = rng.standard_normal((20, 30)) * np.linspace(0.5, 3, 30)
    moved = np.roll(c, (7, 11), (0, 1))
    shrink.by_neighbours(c, 1.0, 1.0)
    shrink.by_neighbours(moved, 1.0, 1.0)
    np.testing.assert_allclose(moved, np.roll(c, (7, 11), (0, 1)), rtol=1e-12)


def test_neighbours_of_noise_and_of_strong_signals(rng):
    c = rng.standard_normal((200, 200)) + 1j * rng.standard_normal((200, 200))
    strong = 1e6 * c
    lone = c.copy()
    lone[90:93, 100] += 30
    weak = c.copy()
    for values in (weak, strong, lone):
        shrink.by_neighbours(values, np.sqrt(2), 1.0)
    assert np.abs(weak).mean() < 0.01
    np.testing.assert_allclose(strong, 1e6 * c, rtol=1e-4)
    assert np.abs(lone[90:93, 100]).min() > 25
    assert np.abs(lone[:70]).mean() < 0.01


def test_nothing_in_a_band_stays_nothing():
    for k in (0.0, 1.0):
        c = np.zeros((8, 9), complex)
        shrink.by_neighbours(c, 1.0, k)
        assert not c.any()
        shrink.by_modulus(c, k, soft=True)
        assert not c.any()


# --- curvelet_denoise


@pytest.mark.parametrize("method", ["hard", "soft"])
@pytest.mark.parametrize("finest", ["curvelet", "wavelet"])
def test_thresholds_are_those_of_the_plan(method, finest):
    x = CAMERA + NOISE
    plan = Curvelets(x.shape, angles=8, finest=finest)
    for k in (None, 2.0):
        strength = {"hard": 2.7, "soft": 1.3}[method] if k is None else k
        expected = plan.inverse(plan.forward(x).threshold(plan.noise_std(20 * strength), soft=method == "soft"))
        y = curvelet_denoise(x, 20, method=method, k=k, finest=finest, boundary="wrap")
        np.testing.assert_allclose(y, expected, atol=1e-9)


def test_the_neighbourhood_is_that_of_the_plan_and_the_coarse_scale_stays():
    x = CAMERA + NOISE
    plan = Curvelets(x.shape, angles=8)
    c = plan.forward(x)
    std = plan.noise_std(20)
    for j, l in c:
        if j:
            c[j, l][...] = shrunk(c[j, l].copy(), std[j][l], 1.2)
    np.testing.assert_allclose(curvelet_denoise(x, 20, k=1.2, boundary="wrap"), plan.inverse(c), atol=1e-9)


@pytest.mark.parametrize("shape", [(16, 16), (131, 67), (17, 300)])
def test_reflection_is_that_of_pad(shape, rng):
    x = 50 * rng.standard_normal(shape)
    x[: shape[0] // 2] += 200
    y = curvelet_denoise(x, 50)
    assert y.shape == shape
    # More of the mirror image than 32 samples makes the lengths fast ones.
    halo = [denoise._halo(n) for n in shape]
    assert all(before == 32 and 32 <= behind < 64 for before, behind in halo)
    padded = convkit.pad(x, halo, boundary="reflect")
    inside = tuple(slice(32, 32 + n) for n in shape)
    np.testing.assert_array_equal(y, curvelet_denoise(padded, 50, boundary="wrap")[inside])


def test_what_each_argument_is_good_for():
    clean, x = CAMERA, CAMERA + NOISE
    reached = {(m, f, b): decibels(curvelet_denoise(x, 20, method=m, finest=f, boundary=b), clean)
               for m in ("neighbourhood", "hard", "soft") for f in ("curvelet", "wavelet") for b in ("reflect", "wrap")}
    best = reached["neighbourhood", "curvelet", "reflect"]
    assert best == max(reached.values())
    assert best > decibels(x, clean) + 5.5
    assert len(set(reached.values())) == len(reached)
    for method in ("neighbourhood", "hard", "soft"):
        assert reached[method, "curvelet", "reflect"] > reached[method, "curvelet", "wrap"]
    kept = [np.square(curvelet_denoise(x, 20, k=k) - CAMERA.mean()).sum() for k in (0.5, 1.0, 2.0)]
    assert kept == sorted(kept, reverse=True)


def test_better_than_wavelets_on_edges_and_wavefronts():
    rows, columns = np.mgrid[:192, :200]
    distance = np.hypot(rows - 300, 1.3 * (columns - 90)) - 220
    for clean in (np.clip(distance, 0, 1) * 150, 100 * np.exp(-((distance % 40 - 20) / 3) ** 2)):
        x = clean + np.random.default_rng(1).normal(0, 20, clean.shape)
        ours = decibels(curvelet_denoise(x, 20), clean)
        bayes, invariant = (decibels(wavelet_denoise(x, 20, method=word), clean) for word in ("bayes", "invariant"))
        assert ours > bayes + 4
        assert ours > invariant + 0.8
        assert invariant > bayes + 1


@pytest.mark.parametrize("finest", ["curvelet", "wavelet"])
def test_volumes(finest):
    clean = sheets()
    x = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    y = curvelet_denoise(x, 20, finest=finest)
    assert y.shape == x.shape
    assert decibels(y, clean) > decibels(x, clean) + 6
    assert decibels(y, clean) > decibels(wavelet_denoise(x, 20, wavelet="db2"), clean) + 2


def test_the_coefficients_of_a_volume_are_never_held_at_once():
    import tracemalloc

    x = sheets(40) + np.random.default_rng(0).normal(0, 20, (40, 40, 40))
    curvelet_denoise(x, 20)
    size = Curvelets((104,) * 3, angles=8, finest="curvelet").size * x.itemsize
    tracemalloc.start()
    curvelet_denoise(x, 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size / 2


def test_workers_change_nothing():
    x = CAMERA + NOISE
    for method in ("neighbourhood", "hard"):
        found = []
        for workers in (1, 2):
            with convkit.set_workers(workers):
                found.append(curvelet_denoise(x, 20, method=method))
        np.testing.assert_array_equal(*found)


def test_noise_only_is_removed_and_signals_scale():
    y = curvelet_denoise(NOISE, 20)
    assert y.std() < 0.12 * NOISE.std()
    x = CAMERA + NOISE
    np.testing.assert_allclose(curvelet_denoise(1e6 * x, 2e7), 1e6 * curvelet_denoise(x, 20), rtol=1e-9, atol=1e-3)
    np.testing.assert_allclose(curvelet_denoise(x + 1000, 20), curvelet_denoise(x, 20) + 1000, atol=1e-8)


# --- the noise level


@pytest.mark.parametrize("shape", [(200, 211), (40, 41, 42)])
@pytest.mark.parametrize("sigma", [0.1, 25.0])
def test_the_noise_level_is_found(shape, sigma, rng):
    smooth = np.linspace(0, 10 * sigma, shape[-1]) * np.ones(shape)
    x = smooth + sigma * rng.standard_normal(shape)
    assert noise_level(x) == pytest.approx(sigma, rel=0.05)
    # The filter along one axis after the other, where all of its 4 taps see samples.
    taps = pywt.Wavelet("db2").dec_hi
    detail = x
    for axis in range(x.ndim):
        detail = np.apply_along_axis(lambda row: np.convolve(row, taps, "valid")[::2], axis, detail)
    assert noise_level(x) == pytest.approx(np.median(abs(detail)) / 0.6745, rel=1e-12)


def test_the_noise_level_is_that_of_skimage():
    restoration = pytest.importorskip("skimage.restoration")
    x = pywt.data.camera() + np.random.default_rng(0).normal(0, 20, (512, 512))
    assert noise_level(x) == pytest.approx(restoration.estimate_sigma(x), rel=0.01)


@pytest.mark.parametrize("call", [curvelet_denoise, wavelet_denoise])
def test_the_noise_level_is_estimated_unless_given(call):
    x = CAMERA + NOISE
    np.testing.assert_array_equal(call(x), call(x, noise_level(x)))
    assert not np.array_equal(call(x), call(x, 20))


@pytest.mark.parametrize("call", [curvelet_denoise, wavelet_denoise])
def test_without_noise_samples_stay(call):
    x = np.full((40, 50), 1 / 3)
    assert noise_level(x) == 0
    np.testing.assert_array_equal(call(x), x)
    y = call(CAMERA, 0)
    np.testing.assert_array_equal(y, CAMERA)
    assert not np.shares_memory(y, CAMERA)
    assert call(CAMERA.astype(np.uint8), 0).dtype == np.float32
    np.testing.assert_array_equal(call(np.zeros((32, 32))), 0)
    np.testing.assert_allclose(call(x, 5.0), x, rtol=1e-11)
    # Below rounding errors there is no noise.
    np.testing.assert_array_equal(call(CAMERA, 1e-300), CAMERA)


# --- wavelet_denoise


def test_bayes_is_that_of_skimage():
    restoration = pytest.importorskip("skimage.restoration")
    for x in (CAMERA + NOISE, sheets() + np.random.default_rng(0).normal(0, 20, (32, 32, 32))):
        for wavelet in ("sym8", "db2") if x.ndim == 2 else ("db2",):
            peer = restoration.denoise_wavelet(x, sigma=20, wavelet=wavelet, method="BayesShrink", mode="soft",
                                               rescale_sigma=False)
            np.testing.assert_allclose(wavelet_denoise(x, 20, wavelet=wavelet), peer, atol=1e-9)


def test_invariant_is_the_mean_over_all_shifts():
    x = CAMERA[:32, :32] + NOISE[:32, :32]
    padded = convkit.pad(x, 32, boundary="reflect")
    total = np.zeros_like(padded)
    for shift in itertools.product(range(2**5), repeat=2):
        coarse, *scales = pywt.wavedec2(np.roll(padded, shift, (0, 1)), "haar", "periodization", 5)
        cut = [tuple(np.where(abs(band) < 60, 0, band) for band in scale) for scale in scales]
        total += np.roll(pywt.waverec2([coarse, *cut], "haar", "periodization"), (-shift[0], -shift[1]), (0, 1))
    expected = total[32:64, 32:64] / 4**5
    np.testing.assert_allclose(wavelet_denoise(x, 20, wavelet="haar", method="invariant"), expected, atol=1e-9)


@pytest.mark.parametrize("shape", [(16, 16), (33, 101), (16, 17, 20)])
def test_invariant_takes_any_size(shape, rng):
    clean = np.linspace(0, 300, shape[-1]) * np.ones(shape)
    x = clean + rng.normal(0, 20, shape)
    y = wavelet_denoise(x, 20, method="invariant")
    assert y.shape == shape
    assert (y - clean).std() < 0.6 * (x - clean).std()


# --- dtypes and refusals


@pytest.mark.parametrize("call", [curvelet_denoise, wavelet_denoise,
                                  lambda x, s: wavelet_denoise(x, s, method="invariant")])
def test_dtypes_and_layouts(call):
    x = np.clip(CAMERA + NOISE, 0, 255).astype(np.uint8)
    expected = call(x.astype(float), 20)
    assert expected.dtype == np.float64
    for dtype, result in (("u1", "f4"), ("i2", "f4"), ("i4", "f8"), ("f2", "f2"), ("f4", "f4"), (">f8", "f8")):
        y = call(x.astype(dtype), 20)
        assert y.dtype == np.dtype(result)
        assert y.flags.c_contiguous
        np.testing.assert_allclose(y, expected, atol=0.2 if result == "f2" else 0.01)
    given = np.asfortranarray(x.astype(float))
    given.flags.writeable = False
    np.testing.assert_array_equal(call(given, 20), expected)
    np.testing.assert_array_equal(call(given[::-1], 20), call(given[::-1].copy(), 20))
    np.testing.assert_array_equal(call(x.tolist(), 20), expected)


@pytest.mark.parametrize("call", [curvelet_denoise, wavelet_denoise, noise_level])
def test_samples_are_refused(call):
    for bad in (np.nan, np.inf, -np.inf):
        x = CAMERA.copy()
        x[3, 4] = bad
        with pytest.raises(ValueError, match=r"x\[3, 4\] is .*finite"):
            call(x)
    with pytest.raises(TypeError, match="complex"):
        call(CAMERA + 0j)
    with pytest.raises(ValueError, match="of 3; colours"):
        call(np.ones((2, 20, 20, 20)))
    with pytest.raises(ValueError, match="axes"):
        call(np.ones(100))
    with pytest.raises(ValueError, match="at least 16"):
        call(np.ones((15, 100)))
    with pytest.raises(TypeError):
        call(None)
    with pytest.raises(TypeError):
        call([["a"]])


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ({"sigma": -1}, ValueError, "sigma=-1"),
    ({"sigma": np.nan}, ValueError, "sigma=nan"),
    ({"sigma": "much"}, TypeError, "sigma='much'"),
    ({"method": "neigh"}, ValueError, "method='neigh'.*neighbourhood"),
    ({"k": -0.1}, ValueError, "k=-0.1"),
    ({"k": np.inf}, ValueError, "k=inf"),
    ({"finest": "wavelets"}, ValueError, "finest='wavelets'.*'wavelet'"),
    ({"finest": None}, ValueError, "finest=None"),
    ({"boundary": "zero"}, ValueError, "boundary='zero'.*'reflect'"),
])
def test_arguments_of_curvelet_denoise_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        curvelet_denoise(CAMERA, **arguments)


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ({"sigma": -1}, ValueError, "sigma=-1"),
    ({"method": "visu"}, ValueError, "method='visu'.*'bayes'"),
    ({"wavelet": "sym80"}, ValueError, "wavelet='sym80'.*'sym8'"),
    ({"wavelet": "bior2.2"}, ValueError, "orthogonal"),
    ({"wavelet": "mexh"}, ValueError, "orthogonal"),
    ({"wavelet": None}, ValueError, "wavelet=None"),
])
def test_arguments_of_wavelet_denoise_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        wavelet_denoise(CAMERA, **arguments)


def test_a_wavelet_too_long_for_bayes_is_refused():
    with pytest.raises(ValueError, match=r"wavelet=.sym8. is too long.*.db2."):
        wavelet_denoise(np.ones((16, 16)) + NOISE[:16, :16], 20)


def test_zero_strength_changes_nothing():
    for method in ("neighbourhood", "hard", "soft"):
        np.testing.assert_allclose(curvelet_denoise(CAMERA, 20, method=method, k=0), CAMERA, atol=1e-10)


def test_examples_in_docstrings_run():
    found = doctest.testmod(wavelets)
    assert found.attempted > 4
    assert found.failed == 0
