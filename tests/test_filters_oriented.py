"""Filters with a direction, and the structure tensor: equal to the peers, and right about stripes of a known angle."""

import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from convkit import filters
from tests import strategies

NDIMAGE = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "zero": "constant", "wrap": "wrap"}
IMAGES = ("camera", "coins", "page", "brick")
DEGREES = (0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165)


def picture(name):
    return getattr(pytest.importorskip("skimage.data"), name)()


def stripes(angle, wavelength=8.0, n=64, phase=0.0):
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    return np.cos(2 * np.pi / wavelength * (x * math.cos(angle) + y * math.sin(angle)) + phase)


# --- Gabor


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.4), st.floats(-4, 4), st.sampled_from(sorted(NDIMAGE)), st.data())
def test_gabor_is_scikit_image(seed, frequency, angle, boundary, data):
    theirs = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(seed)
    x = rng.random(data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20))))
    ours, options = data.draw(st.sampled_from([
        ({}, {}), ({"bandwidth": 1.5, "phase": 0.7}, {"bandwidth": 1.5, "offset": 0.7}),
        ({"sigma": (1.5, 3), "truncate": 2.0}, {"sigma_x": 1.5, "sigma_y": 3, "n_stds": 2.0}),
    ]))  # fmt: skip
    real, imaginary = theirs.gabor(x, frequency, angle, mode=NDIMAGE[boundary], **options)
    got = filters.gabor(x, frequency, angle, boundary=boundary, **ours)
    assert got.dtype == np.complex128
    np.testing.assert_allclose(got, real + 1j * imaginary, rtol=0, atol=1e-12)
    single = filters.gabor(x.astype(np.float32), frequency, angle, boundary=boundary, **ours)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, real + 1j * imaginary, rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", IMAGES)
def test_gabor_of_real_images_is_scikit_image(name):
    theirs = pytest.importorskip("skimage.filters")
    x = picture(name)
    for frequency, angle in ((0.1, 0.6), (0.3, 2.0)):
        real, imaginary = theirs.gabor(x.astype(float), frequency, angle)
        got = filters.gabor(x, frequency, angle, boundary="symmetric")
        assert got.dtype == np.complex64
        np.testing.assert_allclose(got, real + 1j * imaginary, rtol=0, atol=255 * 2e-6)


@pytest.mark.parametrize("degrees", DEGREES)
def test_gabor_answers_most_to_its_own_angle_and_frequency(degrees):
    x = stripes(math.radians(degrees))
    bank = filters.gabor_bank(x, [0.06, 0.125, 0.25], np.radians(DEGREES))[:, :, 32, 32]
    assert np.unravel_index(abs(bank).argmax(), bank.shape) == (1, DEGREES.index(degrees))
    assert abs(bank[1, DEGREES.index(degrees)]) == pytest.approx(0.5, abs=0.025)  # cut early at 45 degrees


def test_the_magnitude_does_not_depend_on_the_phase():
    found = [abs(filters.gabor(stripes(0.5, phase=p), 0.125, 0.5)[32, 32]) for p in np.linspace(0, 2 * np.pi, 9)]
    np.testing.assert_allclose(found, found[0], rtol=0.01)


def test_gabor_bank_is_its_filters(rng):
    x = rng.random((30, 31, 3)).astype(np.float32)
    frequencies, angles = (0.1, 0.2), (0.0, 0.5, 1.0)
    options = {"bandwidth": 1.3, "phase": 0.2, "truncate": 2.5, "boundary": "wrap", "channel_axis": 2}
    bank = filters.gabor_bank(x, frequencies, angles, **options)
    assert (bank.shape, bank.dtype) == ((2, 3, 30, 31, 3), np.complex64)
    for i, f in enumerate(frequencies):
        for j, a in enumerate(angles):
            np.testing.assert_array_equal(bank[i, j], filters.gabor(x, f, a, **options))
    out = np.empty_like(bank)
    assert filters.gabor_bank(x, frequencies, angles, out=out, workers=2, **options) is out
    np.testing.assert_array_equal(out, bank)
    wide = filters.gabor_bank(x, frequencies, angles, dtype=np.complex128, **options)
    assert wide.dtype == np.complex128
    np.testing.assert_allclose(wide, bank, atol=1e-5)
    joined = np.zeros((2, 30, 30), np.complex64)
    image = joined[1].real
    image[...] = x[:, :30, 0]
    want = filters.gabor_bank(image.copy(), [0.2], [0, 1])
    np.testing.assert_array_equal(filters.gabor_bank(image, [0.2], [0, 1], out=joined[None]), want)


# --- steerable


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_steerable_is_the_convolution_with_its_weights(order, dtype, rng):
    x = (255 * rng.random((40, 41))).astype(dtype)
    angles = [0.0, 0.3, np.pi / 2, 2.5, -1.0, 4.0, 1.0]
    for boundary in NDIMAGE:
        bank = filters.steerable(x, angles, order=order, sigma=1.3, boundary=boundary)
        assert (bank.shape, bank.dtype) == ((7, 40, 41), np.float64 if dtype == np.float64 else np.float32)
        for a, answer in zip(angles, bank, strict=True):
            weights = filters.steerable_weights(order, a, sigma=1.3)
            want = scipy.ndimage.convolve(x.astype(float), weights, mode=NDIMAGE[boundary])
            tolerance = 255 * (1e-12 if dtype == np.float64 else 2e-6) * np.abs(weights).sum()
            np.testing.assert_allclose(answer, want, rtol=0, atol=tolerance)
            one = filters.steerable(x, a, order=order, sigma=1.3, boundary=boundary)
            assert one.shape == x.shape
            np.testing.assert_allclose(one, want, rtol=0, atol=tolerance)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_steerable_derivatives_of_polynomials(order, sigma):
    """Of (x cos b + y sin b)^n the n-th derivative along a is n! cos(a - b)^n, wherever nothing beyond the edge counts."""
    y, x = np.mgrid[-20.0:21, -20:21]
    for b in np.radians(DEGREES):
        poly = (x * math.cos(b) + y * math.sin(b)) ** order + 3 * (x - y) ** (order - 1) - 7
        for a in np.radians(DEGREES):
            got = filters.steerable(poly, a, order=order, sigma=sigma)[18:23, 18:23]
            np.testing.assert_allclose(got, math.factorial(order) * math.cos(a - b) ** order, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_steerable_answers_most_across_the_stripes(order):
    angles = np.radians(np.arange(0, 180, 1.0))
    for degrees in (0, 20, 45, 110, 165):
        x = stripes(math.radians(degrees), phase=np.pi / 2 if order == 1 else 0)
        bank = filters.steerable(x, angles, order=order, sigma=1.5)
        found = np.abs(bank[:, 31:33, 31:33]).sum(axis=(1, 2)).argmax()
        assert (found - degrees + 90) % 180 - 90 == pytest.approx(0, abs=1)


def test_steerable_parameters_and_out(rng):
    x = rng.random((60, 61))
    base = filters.steerable(x, 0.3, order=2)
    for options in ({"order": 1}, {"sigma": 1.1}, {"truncate": 3.5}, {"boundary": "wrap"}):
        assert not np.allclose(filters.steerable(x, 0.3, **{"order": 2, **options}), base)
    for angle in (0.3, [0.3], [0.1, 0.2, 0.3, 0.4]):
        want = filters.steerable(x, angle, order=2, workers=1)
        np.testing.assert_array_equal(filters.steerable(x, angle, order=2, workers=2), want)
        out = np.empty_like(want)
        assert filters.steerable(x, angle, order=2, out=out) is out
        np.testing.assert_array_equal(out, want)
        turned = np.empty(want.shape[::-1]).T
        np.testing.assert_array_equal(filters.steerable(x, angle, order=2, out=turned), want)
    stack = rng.random((3, 60, 61))
    want = filters.steerable(stack[1].copy(), [0, 1, 2], order=1)
    np.testing.assert_array_equal(filters.steerable(stack[1], [0, 1, 2], order=1, out=stack), want)
    assert filters.steerable(x, [0.3, 0.4], dtype=np.int16).dtype == np.int16


def test_nan_stay_where_they_belong(rng):
    x = rng.random((60, 61)).astype(np.float32)
    spoilt = x.copy()
    spoilt[30, 30] = np.nan
    far = np.ones(x.shape, bool)
    far[15:46, 15:46] = False
    bank = np.linspace(0, 3, 8)
    for f in (lambda y: filters.gabor(y, 0.2, 0.5), lambda y: filters.steerable(y, bank, order=4, sigma=2.0),
              lambda y: filters.structure_tensor(y, 2.0).elements):  # fmt: skip
        got = f(spoilt)
        np.testing.assert_allclose(got[..., far], f(x)[..., far], rtol=0, atol=1e-6)
        assert np.isnan(got).any()
    tensor = filters.structure_tensor(spoilt, 2.0)
    for values in (tensor.eigenvalues()[0], tensor.coherence(), tensor.orientation()):
        np.testing.assert_array_equal(np.isnan(values), np.isnan(tensor.elements).any(axis=0))


# --- structure tensor


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 3), st.floats(0.3, 2.5), st.sampled_from(sorted(NDIMAGE)), st.data())
def test_structure_tensor_is_scikit_image(seed, ndim, sigma, boundary, data):
    theirs = pytest.importorskip("skimage.feature").structure_tensor
    x = strategies.values(np.random.default_rng(seed), data.draw(st.tuples(*[st.integers(2, 9)] * ndim)), "float64")
    want = np.array(theirs(x, sigma, mode=NDIMAGE[boundary])) / (2 * 4 ** (ndim - 1)) ** 2
    got = filters.structure_tensor(x, sigma, boundary=boundary)
    np.testing.assert_allclose(got.elements, want, rtol=0, atol=1e-12 * max(1, np.abs(x).max() ** 2))


@pytest.mark.parametrize("name", IMAGES)
def test_structure_tensor_of_real_images(name):
    theirs = pytest.importorskip("skimage.feature")
    x = picture(name)
    want = np.array(theirs.structure_tensor(x.astype(float), 2.0, mode="nearest")) / 64
    tensor = filters.structure_tensor(x, 2.0, boundary="edge")
    assert tensor.elements.dtype == np.float32
    np.testing.assert_allclose(tensor.elements, want, rtol=0, atol=3e-6 * want.max())
    eigenvalues = theirs.structure_tensor_eigenvalues(list(want))
    np.testing.assert_allclose(tensor.eigenvalues(), eigenvalues, rtol=0, atol=1e-5 * want.max())


def test_eigenvalues_of_a_volume_are_numpys(rng):
    x = rng.standard_normal((7, 8, 9))
    x[3, 3, 3] = np.nan
    tensor = filters.structure_tensor(x, 0.5)
    assert tensor.elements.shape == (6, 7, 8, 9)
    values = tensor.eigenvalues()
    finite = np.isfinite(tensor.elements).all(axis=0)
    assert 0 < finite.sum() < x.size
    assert np.isnan(values[:, ~finite]).all()
    matrix = np.array([[tensor.element(i, j)[finite] for j in range(3)] for i in range(3)])
    np.testing.assert_allclose(values[::-1, finite], np.linalg.eigvalsh(np.moveaxis(matrix, 2, 0)).T, atol=1e-12)
    assert (np.diff(values[:, finite], axis=0) <= 0).all()
    line = filters.structure_tensor(x[0, 0], 1.0)
    np.testing.assert_array_equal(line.eigenvalues(), line.elements)


@pytest.mark.parametrize("degrees", DEGREES)
def test_orientation_and_coherence_of_stripes(degrees):
    tensor = filters.structure_tensor(stripes(math.radians(degrees), 16.0), 4.0)
    found = math.degrees(tensor.orientation()[32, 32])
    # Sobel's differences see a wave of 16 pixels a little turned.
    assert (found - degrees + 90) % 180 - 90 == pytest.approx(0, abs=0.3)
    assert tensor.coherence()[32, 32] > 0.99
    first, second = tensor.eigenvalues()[:, 32, 32]
    assert first == pytest.approx((2 * np.pi / 16) ** 2 / 2, rel=0.1)
    assert second < 0.01 * first


def test_coherence_of_flat_and_of_round(rng):
    assert (filters.structure_tensor(np.ones((9, 9)), 1.0).coherence() == 0).all()
    y, x = np.mgrid[-20.0:21, -20:21]
    tensor = filters.structure_tensor(np.exp(-(x**2 + y**2) / 50), 4.0)
    assert tensor.coherence()[20, 20] == pytest.approx(0, abs=1e-6)
    ring = tensor.orientation()[20, [5, 35]]
    np.testing.assert_allclose(np.cos(2 * ring), 1, atol=1e-6)  # along a row, across the rings
    coherence = filters.structure_tensor(rng.random((30, 30)), 1.0).coherence()
    assert ((coherence >= 0) & (coherence <= 1 + 1e-12)).all()


def test_structure_tensor_arguments(rng):
    x = rng.random((3, 30, 31)).astype(np.float32)
    batch = filters.structure_tensor(x, 1.5, axes=(1, 2))
    assert (batch.elements.shape, batch.ndim) == ((3, 3, 30, 31), 2)
    for i in range(3):
        np.testing.assert_allclose(batch.elements[:, i], filters.structure_tensor(x[i], 1.5).elements, atol=1e-6)
    np.testing.assert_array_equal(filters.structure_tensor(x, 1.5, channel_axis=0).elements, batch.elements)
    assert batch.coherence().shape == batch.orientation().shape == x.shape
    swapped = filters.structure_tensor(x[0], 1.5, axes=(1, 0))
    np.testing.assert_allclose(swapped.elements, filters.structure_tensor(x[0], 1.5).elements[::-1], atol=1e-6)
    base = filters.structure_tensor(x[0], 1.5).elements
    np.testing.assert_array_equal(filters.structure_tensor(x[0], (1.5, 1.5)).elements, base)
    for other in ({"sigma": 1.4}, {"sigma": (1.5, 2)}, {"truncate": 2.0}, {"boundary": "wrap"}):
        assert not np.allclose(filters.structure_tensor(x[0], **{"sigma": 1.5, **other}).elements, base)
    for out in (np.empty_like(base), np.empty(base.shape[::-1], base.dtype).T):
        tensor = filters.structure_tensor(x[0], 1.5, out=out, workers=2)
        assert tensor.elements is out
        np.testing.assert_array_equal(out, base)
    half = filters.structure_tensor(x[0], 1.5, dtype=np.float16)
    assert half.elements.dtype == np.float16
    np.testing.assert_allclose(half.elements, base, atol=1e-3)
    aliased = x.copy()
    np.testing.assert_array_equal(filters.structure_tensor(aliased[0], 1.5, out=aliased).elements, base)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: filters.gabor(x, 0), "frequency=0"),
        (lambda x: filters.gabor(x, 0.1, sigma=-1), "sigma=-1"),
        (lambda x: filters.gabor(x[0], 0.1), "two axes"),
        (lambda x: filters.gabor(x, 0.1, dtype=np.float32), "complex"),
        (lambda x: filters.gabor(x, 0.1, out=np.empty_like(x)), "out has dtype"),
        (lambda x: filters.gabor(np.ones((4, 4, 3)), 0.1), "channel_axis"),
        (lambda x: filters.gabor_bank(x, [], [0]), "frequencies is empty"),
        (lambda x: filters.gabor_bank(x, [0.1], []), "angles is empty"),
        (lambda x: filters.gabor_bank(x, 0.1, [0]), "frequencies=0.1"),
        (lambda x: filters.gabor_bank(x, [0.1, -1], [0]), r"frequencies\[1\]=-1"),
        (lambda x: filters.gabor_bank(x, [0.1], "north"), "angles='north'"),
        (lambda x: filters.gabor_bank(x, [0.1], [0], out=np.empty((1, 1, 2, 2), complex)), "out has shape"),
        (lambda x: filters.steerable(x, 0.1, order=3), "order=3"),
        (lambda x: filters.steerable(x, 0.1, sigma=0.3), "sigma=0.3"),
        (lambda x: filters.steerable(x, []), "angle is empty"),
        (lambda x: filters.steerable(x, [0, np.nan]), r"angle\[1\]=nan"),
        (lambda x: filters.steerable(x, "up"), "angle='up'"),
        (lambda x: filters.steerable(x[0], 0.1), "two axes"),
        (lambda x: filters.steerable(x, [0, 1], out=np.empty_like(x)), "out has shape"),
        (lambda x: filters.structure_tensor(x, -1.0), "sigma=-1"),
        (lambda x: filters.structure_tensor(x + 1j), "complex"),
        (lambda x: filters.structure_tensor(x, dtype=np.uint8), "dtype=uint8"),
        (lambda x: filters.structure_tensor(x, out=np.empty_like(x)), "out has shape"),
        (lambda x: filters.structure_tensor(np.ones((3, 3, 3))).coherence(), "coherence"),
        (lambda x: filters.structure_tensor(np.ones((3, 3, 3))).orientation(), "axes="),
        (lambda x: filters.structure_tensor(x).element(0, 2), r"element\(0, 2\)"),
        (lambda x: filters.structure_tensor(x, workers=0), "workers=0"),
        (lambda x: filters.steerable(x, 0.1, boundary="mirrored"), "boundary"),
        (lambda x: filters.gabor(x, 0.1, boundary="mirrored"), "boundary"),
    ],
)
def test_refusals_name_the_argument(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(np.ones((6, 7)))


def test_examples_in_docstrings_run():
    import doctest

    for name in filters.__all__:
        thing = getattr(filters, name)
        if callable(thing):
            found = doctest.DocTestFinder(recurse=False).find(thing, name, globs={})
            runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
            assert name[0].isupper() or sum(len(test.examples) for test in found), f"{name} has no example"
            for test in found:
                said = []
                assert runner.run(test, out=said.append).failed == 0, "".join(said)
            assert "@COMMON@" not in thing.__doc__
    assert convkit.filters is filters
