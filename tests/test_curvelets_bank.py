"""The undecimated bank of wedges, a tight frame at both boundaries, and the map of orientations made with it."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import pywt

import convkit
from convkit.curvelets.bank import directional_filter_bank, orientation_map
from convkit.filters import structure_tensor

SHAPES = [(16, 16), (17, 31), (64, 40), (53, 97), (16, 112), (128, 64)]
# What boundary of `convolve` the bank's is.
MEANT = {"wrap": "wrap", "reflect": "symmetric"}
BOTH = pytest.mark.parametrize("boundary", list(MEANT))
KINDS = pytest.mark.parametrize("real", [True, False], ids=["real", "complex"])


def draw(shape, real=True, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    return values if real else values + 1j * rng.standard_normal(shape)


def apart(a, b):
    """Difference of directions in degrees: lines have no heads."""
    return np.degrees(np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2))


# The bank.


@BOTH
@KINDS
@pytest.mark.parametrize("angles", [8, 12, 16, 32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_tight_frame_on_every_size(shape, angles, real, boundary):
    x = draw(shape, real)
    bank = directional_filter_bank(x, angles=angles, boundary=boundary)
    assert bank.shape[1:] == (angles // 2 if real else angles, *shape)
    energy = (np.abs(bank.array) ** 2).sum() + (np.abs(bank.coarse) ** 2).sum()
    assert energy == pytest.approx((np.abs(x) ** 2).sum(), rel=1e-13)
    y = bank.adjoint()
    assert y.dtype == x.dtype
    assert np.abs(y - x).max() <= 2e-14


@BOTH
@KINDS
def test_adjoint_of_any_responses(real, boundary):
    shape = (37, 50)
    x = draw(shape, real)
    bank = directional_filter_bank(x, boundary=boundary, workers=2)
    other = replace(bank, array=draw(bank.shape, real=False, seed=1), coarse=draw(shape, real, seed=2))
    there = np.vdot(other.array, bank.array) + np.vdot(other.coarse, bank.coarse)
    back = np.vdot(other.adjoint(), x)
    # Real samples and complex responses are real numbers all: their product is the real part.
    assert abs((there - back).real if real else there - back) <= 1e-13 * np.linalg.norm(other.array) * np.linalg.norm(x)


@KINDS
@pytest.mark.parametrize("shape", [(64, 96), (53, 67)], ids=str)
def test_windows_angles_and_frequencies_are_those_of_curvelets(shape, real):
    x = draw(shape, real)
    bank = directional_filter_bank(x, scales=4, angles=16, boundary="wrap")
    spectrum = np.fft.fft2(x) * (np.sqrt(2) if real else 1)
    for j in range(3):
        plan = convkit.Curvelets(shape, scales=4, angles=16 >> (j + 1) // 2, real=real)
        np.testing.assert_allclose(bank.angles, [plan.angle(j + 1, l) for l in range(len(bank.angles))], atol=1e-14)
        np.testing.assert_allclose(bank.frequencies[j], plan.frequency(j + 1), rtol=1e-12)
        for l in range(bank.shape[1]):
            np.testing.assert_allclose(bank[j, l], np.fft.ifft2(spectrum * plan.window(j + 1, l)), atol=1e-13)
    low = np.fft.ifft2(np.fft.fft2(x) * plan.window(0))
    np.testing.assert_allclose(bank.coarse, low.real if real else low, atol=1e-13)


@BOTH
@KINDS
@pytest.mark.parametrize("method", ["fft", "direct"])
@pytest.mark.parametrize("angles", [8, 16])
def test_every_response_is_the_convolution_with_its_kernel(angles, method, real, boundary):
    x = draw((20, 33), real)
    bank = directional_filter_bank(x, scales=3, angles=angles, boundary=boundary)
    for j, l in ((0, 1), (1, 0), (1, angles // 4), (1, angles // 2 - 1)):
        expected = convkit.convolve(x, bank.kernel(j, l), boundary=MEANT[boundary], method=method)
        assert np.abs(bank[j, l] - expected).max() <= 1e-12


@BOTH
def test_the_response_at_a_pixel_summed_in_a_loop(boundary):
    x = draw((16, 19))
    bank = directional_filter_bank(x, boundary=boundary)
    kernel = bank.kernel(0, 3)
    high, wide = kernel.shape
    assert kernel.shape == (x.shape if boundary == "wrap" else (32, 38))
    torus = x if boundary == "wrap" else np.block([[x, x[:, ::-1]], [x[::-1], x[::-1, ::-1]]])
    for row, column in ((0, 0), (3, 18), (15, 7)):
        total = 0
        for r in range(high):
            for c in range(wide):
                total += kernel[r, c] * torus[(row - r + (high - 1) // 2) % high, (column - c + (wide - 1) // 2) % wide]
        assert abs(total - bank[0, 3, row, column]) <= 1e-13


@KINDS
def test_mirror_images_have_mirrored_responses(real):
    x = draw((32, 45), real)
    bank, mirrored = (directional_filter_bank(a) for a in (x, x[::-1]))
    quarter = 16 // 4
    # Upside down the angle changes its sign: wedges 0 to 3 lie about the columns' axis, in falling order then.
    for l in range(quarter):
        np.testing.assert_allclose(mirrored[:, l, ::-1], bank[:, quarter - 1 - l], atol=1e-13)
    np.testing.assert_allclose(mirrored.coarse[::-1], bank.coarse, atol=1e-13)


def test_the_modulus_does_not_depend_on_the_phase():
    row, column = np.indices((96, 96))
    for phase in (0, 1, 2.5):
        bank = directional_filter_bank(np.cos(2 * np.pi * (24 * column + 6 * row) / 96 + phase), boundary="wrap")
        energy = (np.abs(bank.array) ** 2).sum(axis=(0, 1))
        assert energy.max() - energy.min() <= 1e-13
        # The wave lies on the low side of wedge 2, at slope 1/4.
        assert np.unravel_index(np.abs(bank[..., 0, 0]).argmax(), bank.shape[:2])[1] == 2


def test_the_wedge_at_whose_angle_a_wave_is_answers_most():
    bank = directional_filter_bank(np.zeros((96, 96)))
    row, column = np.indices((96, 96))
    for j in range(bank.shape[0]):
        for l, angle in enumerate(bank.angles):
            f = bank.frequencies[j, l]
            wave = np.cos(2 * np.pi * f * (np.cos(angle) * column + np.sin(angle) * row))
            answer = np.abs(directional_filter_bank(wave)[:, :, 48, 48])
            assert np.unravel_index(answer.argmax(), answer.shape) == (j, l)
            assert answer[j, l] > 0.6


def test_reflection_joins_no_opposite_sides():
    x = np.zeros((64, 64))
    x[:4] = 1
    wrapped, mirrored = (np.abs(directional_filter_bank(x, boundary=b)[-1]).sum(axis=0) for b in ("wrap", "reflect"))
    assert wrapped[-1].min() > 0.1
    assert mirrored[-1].max() < 0.01


@pytest.mark.parametrize(("given", "made"), [("float32", "complex64"), ("uint8", "complex64"), ("bool", "complex64"),
                                             ("float64", "complex128"), ("int64", "complex128"), ("complex64", "complex64")])
def test_dtypes(given, made):
    x = (draw((48, 33)) * 20 + 100).clip(0, 255).astype(given)
    bank = directional_filter_bank(x)
    real = not given.startswith("complex")
    assert bank.array.dtype == made
    assert bank.coarse.dtype == (np.empty(0, made).real.dtype if real else made)
    assert bank.kernel(0, 0).dtype == made
    full = directional_filter_bank(x.astype("float64" if real else "complex128"))
    bound = 1e-5 if made == "complex64" else 1e-13
    assert np.abs(bank.array - full.array).max() <= bound * np.abs(x).max()
    y = bank.adjoint()
    assert y.dtype == bank.coarse.dtype
    assert np.abs(y - x).max() <= bound * np.abs(x).max()
    found = orientation_map(x)
    assert found.angle.dtype == found.strength.dtype == np.empty(0, made).real.dtype
    np.testing.assert_allclose(found.strength, orientation_map(x.astype(full.coarse.dtype)).strength, atol=1e-3)


@BOTH
@KINDS
def test_results_do_not_depend_on_the_workers(real, boundary):
    x = draw((71, 90), real).astype(np.float32 if real else np.complex64)
    one = directional_filter_bank(x, boundary=boundary, workers=1)
    maps = [orientation_map(x, boundary=boundary, workers=n) for n in (1, 2, 3)]
    for workers in (2, 3):
        many = directional_filter_bank(x, boundary=boundary, workers=workers)
        assert np.array_equal(many.array, one.array)
        assert np.array_equal(many.coarse, one.coarse)
        assert np.array_equal(many.adjoint(), one.adjoint())
        for name in ("angle", "strength"):
            assert np.array_equal(getattr(maps[workers - 1], name), getattr(maps[0], name))


def test_scales():
    x = draw((64, 64))
    few, more = (directional_filter_bank(x, scales=n) for n in (2, 4))
    assert (few.shape[0], more.shape[0], directional_filter_bank(x).shape[0]) == (1, 3, 2)
    np.testing.assert_array_equal(few[0], more[2])
    assert (few.coarse**2).sum() > 4 * (more.coarse**2).sum()
    assert (np.diff(more.frequencies, axis=0) > 0).all()


def test_layouts_and_views():
    x = draw((40, 52))
    x.flags.writeable = False
    bank = directional_filter_bank(x)
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f8"), x.tolist()):
        np.testing.assert_array_equal(directional_filter_bank(other).array, bank.array)
        np.testing.assert_array_equal(orientation_map(other).angle, orientation_map(x).angle)
    assert np.shares_memory(np.asarray(bank), bank.array)
    assert np.array(bank, np.complex64).dtype == np.complex64
    assert "(2, 8, 40, 52)" in repr(bank)
    bank[0, 2][...] = 0
    assert not bank.array[0, 2].any()
    assert np.abs(bank.adjoint() - x).max() > 0.1


def test_a_wedge_taken_out():
    """Stripes of one direction are gone, those of another stay."""
    row, column = np.indices((96, 96))
    bank = directional_filter_bank(np.cos(0.9 * column) + np.cos(0.9 * row), boundary="wrap")
    across = np.abs(np.cos(bank.angles)) > 0.8
    y = replace(bank, array=bank.array * ~across[:, None, None]).adjoint()
    assert y.std(axis=1).max() < 0.15 * y.std(axis=0).max()


def test_what_is_not_finite_spreads():
    for value in (np.nan, np.inf):
        x = draw((33, 48))
        x[4, 5] = value
        bank = directional_filter_bank(x)
        assert np.isnan(bank.array).all()
        assert np.isnan(bank.adjoint()).all()
        found = orientation_map(x)
        assert np.isnan(found.angle).all()
        assert np.isnan(found.strength).all()


# The map.


def test_waves_that_fit_the_torus_are_found_exactly():
    """At every frequency above the coarse scale: also at those of 0.4 cycles per sample and more, where wedges overlap."""
    shape = (32, 48)
    row, column = np.indices(shape)
    for down in range(-15, 16):
        for along in range(24):
            if max(abs(down) / 32, along / 48) <= 1 / 6:
                continue
            wave = np.cos(2 * np.pi * (down * row / 32 + along * column / 48) + 0.3)
            found = orientation_map(wave, boundary="wrap")
            assert apart(found.angle, np.arctan2(down / 32, along / 48)).max() <= 1e-6
            assert found.strength.min() >= 1 - 1e-9


@pytest.mark.parametrize(("frequency", "bound"), [(0.09, 1.5), (0.15, 0.25), (0.3, 0.05), (0.45, 0.1)])
@pytest.mark.parametrize("angles", [8, 16])
def test_tilted_waves_are_found_between_the_wedges(angles, frequency, bound):
    """A third of the narrowest wedge is 5 degrees of 16, and 15 of 8."""
    inside = (slice(32, -32),) * 2
    row, column = np.indices((96, 96))
    for tilt in np.radians(np.arange(-88, 91, 8.5)):
        wave = np.cos(2 * np.pi * frequency * (np.cos(tilt) * column + np.sin(tilt) * row) + tilt)
        found = orientation_map(wave, angles=angles)
        assert apart(found.angle, tilt)[inside].max() <= bound
        assert found.strength[inside].min() >= 0.93


def test_angles_lie_in_half_a_turn():
    row, column = np.indices((48, 40))
    for shift in (0, 1e-9, -1e-9):
        found = orientation_map(np.sin(row + shift * column), boundary="wrap")
        assert apart(found.angle, np.pi / 2).max() < 1e-3
        assert found.angle.min() > -np.pi / 2
        assert found.angle.max() <= np.pi / 2
    alone = orientation_map(np.cos(2 * np.pi * row / 4), boundary="wrap")
    assert (alone.angle > -np.pi / 2).all()


def test_the_definition():
    """Half the angle of the sum of the tensors of all wedges, from plain transforms, below the frequencies that overlap."""
    shape = (60, 72)
    down, along = np.meshgrid(np.fft.fftfreq(60), np.fft.fftfreq(72), indexing="ij")
    spectrum = np.fft.fft2(draw(shape)) * (np.maximum(np.abs(down), np.abs(along)) < 1 / 3)
    x = np.fft.ifft2(spectrum).real
    total, energy = np.zeros(shape, complex), np.zeros(shape)
    distance = np.where(np.hypot(down, along) > 0, np.hypot(down, along), 1)
    for j in (1, 2, 3):
        plan = convkit.Curvelets(shape, scales=4, angles=16 >> j // 2)
        for l in range(8):
            angle = plan.angle(j, l)
            ahead = np.sign(np.cos(angle) * along + np.sin(angle) * down) * plan.window(j, l) * spectrum / distance
            c, s = np.fft.ifft2(ahead * along), np.fft.ifft2(ahead * down)
            total += np.abs(c) ** 2 - np.abs(s) ** 2 + 2j * (c * s.conj()).real
            energy += np.abs(c) ** 2 + np.abs(s) ** 2
    found = orientation_map(x, scales=4, boundary="wrap")
    assert apart(found.angle, np.angle(total) / 2).max() <= 1e-6
    np.testing.assert_allclose(found.strength, np.abs(total) / energy, atol=1e-11)


def test_turning_and_mirroring_the_image():
    x = pywt.data.camera()[100:228, 150:310].astype(float)
    found = orientation_map(x)
    turned, mirrored, crossed = (orientation_map(a) for a in (np.rot90(x), x[:, ::-1], x.T))
    clear = found.strength > 1e-3
    for other, angle, strength in ((np.pi / 2 + found.angle, np.rot90(turned.angle, -1), np.rot90(turned.strength, -1)),
                                   (-found.angle, mirrored.angle[:, ::-1], mirrored.strength[:, ::-1]),
                                   (np.pi / 2 - found.angle, crossed.angle.T, crossed.strength.T)):
        assert apart(angle, other)[clear].max() <= 1e-8
        np.testing.assert_allclose(strength, found.strength, atol=1e-11)


def test_crossing_waves():
    row, column = np.indices((96, 96))
    both = np.cos(2 * np.pi * column / 8) + np.cos(2 * np.pi * row / 8)
    assert orientation_map(both, boundary="wrap").strength.max() <= 1e-9
    between = np.cos(2 * np.pi * (24 * column + 6 * row) / 96) + np.cos(2 * np.pi * (24 * column + 18 * row) / 96)
    few, many = (orientation_map(between, angles=n, boundary="wrap") for n in (8, 32))
    # Wedges narrower than the angle between the waves tell them apart everywhere; wider ones see their beats.
    expected = np.cos(np.arctan(18 / 24) - np.arctan(6 / 24))
    assert np.abs(many.strength - expected).max() <= 1e-6
    assert np.abs(few.strength - expected).max() > 0.05


def test_few_scales_see_fine_structure_only():
    row, column = np.indices((128, 128))
    x = 3 * np.cos(2 * np.pi * column / 16) + np.cos(2 * np.pi * row / 3)
    all_scales, finest = (orientation_map(x, scales=n).angle[32:-32, 32:-32] for n in (5, 2))
    assert apart(all_scales, 0).max() < 5
    assert apart(finest, np.pi / 2).max() < 5


def test_complex_samples():
    row, column = np.indices((48, 60))
    wave = np.exp(2j * np.pi * (9 * row / 48 - 12 * column / 60))
    found = orientation_map(wave, boundary="wrap")
    assert apart(found.angle, np.arctan2(9 / 48, -12 / 60)).max() <= 1e-6
    x = draw((40, 40))
    np.testing.assert_allclose(orientation_map(x + 0j).strength, orientation_map(x).strength, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(64, 64), (127, 53)], ids=str)
def test_nothing_has_no_strength(shape, dtype):
    for level in (0, 1, -77.7, 1e30):
        for boundary in MEANT:
            found = orientation_map(np.full(shape, level, dtype), boundary=boundary)
            assert not found.strength.any()
            assert not found.angle.any()


def test_strength_does_not_depend_on_the_unit():
    x = draw((48, 48))
    found = orientation_map(x)
    for unit in (1e-200, 1e200):
        other = orientation_map(x * unit)
        np.testing.assert_allclose(other.strength, found.strength, rtol=1e-9)
    assert found.strength.min() >= 0
    assert found.strength.max() <= 1


@pytest.mark.parametrize("name", ["camera", "ascent"])
def test_agrees_with_the_structure_tensor_at_strong_edges(name):
    x = getattr(pywt.data, name)()[128:384, 128:384].astype(float)
    tensor = structure_tensor(x, 4.0)
    clear = tensor.eigenvalues()[0] * tensor.coherence() ** 2
    strong = clear > np.quantile(clear, 0.9)
    assert np.median(apart(orientation_map(x).angle, tensor.orientation())[strong]) < 3.5


def test_the_map_does_not_hold_all_responses():
    x = draw((256, 256))
    orientation_map(x, angles=32, boundary="wrap", workers=1)
    tracemalloc.start()
    try:
        orientation_map(x, angles=32, boundary="wrap", workers=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The bank has 64 responses of 16 bytes per pixel.
    assert peak < 12 * 16 * x.size


# Refusals.


@pytest.mark.parametrize("function", [directional_filter_bank, orientation_map])
@pytest.mark.parametrize(("x", "options", "error", "words"), [
    ((15, 40), {}, ValueError, "side of 15"),
    ((40,), {}, ValueError, "x has shape (40,); give one image"),
    ((3, 40, 40), {}, ValueError, "one by one"),
    ((40, 40), {"boundary": "edge"}, ValueError, "boundary='edge' is not known; it may be 'reflect', 'wrap'"),
    ((40, 40), {"boundary": None}, ValueError, "boundary=None"),
    ((40, 40), {"angles": 10}, ValueError, "angles=10 is not allowed; give a multiple of 4"),
    ((40, 40), {"angles": 4}, ValueError, "angles=4"),
    ((40, 40), {"angles": 8.5}, TypeError, "angles=8.5"),
    ((40, 40), {"scales": 1}, ValueError, "scales=1 is not allowed"),
    ((40, 40), {"scales": 30}, ValueError, "scales=30 is not allowed"),
    ((16, 16), {"angles": 256}, ValueError, "angles=256 is too many for an image of shape (16, 16) and 2 scales"),
    ((40, 40), {"workers": 0}, ValueError, "workers=0"),
])  # fmt: skip
def test_refusals(function, x, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        function(np.zeros(x), **{"boundary": "wrap", **options})


def test_refused_samples():
    for function in (directional_filter_bank, orientation_map):
        with pytest.raises(TypeError, match="x=None"):
            function(None)
        with pytest.raises((TypeError, ValueError), match="x"):
            function([["a"] * 20] * 20)


@pytest.mark.parametrize(("place", "words"), [((2, 0), "scale j=2 does not exist; the bank has 0 to 1"), ((-1, 0), "j=-1"),
                                              ((0, 8), "wedge l=8 does not exist; the bank has 0 to 7"), ((0, 1.5), "l=1.5")])
def test_refused_kernels(place, words):
    with pytest.raises(IndexError, match=re.escape(words)):
        directional_filter_bank(np.zeros((64, 64))).kernel(*place)
