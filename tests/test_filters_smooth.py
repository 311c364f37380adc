"""Smoothing and differentiating filters: equal to scipy.ndimage, scikit-image and OpenCV, and to the analytic truth."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from convkit import filters
from tests import strategies

NDIMAGE = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "zero": "constant", "wrap": "wrap"}
IMAGES = ("camera", "coins", "page", "retina", "ascent", "aero")


def picture(name):
    if name in ("ascent", "aero"):
        return np.asarray(getattr(pytest.importorskip("pywt.data"), name)(), np.uint8)
    image = getattr(pytest.importorskip("skimage.data"), name)()
    return image[400:700, 500:820] if name == "retina" else image


def assert_same(got, want, scale=None, tolerance=2e-6):
    """Equal to rounding in single precision, or in double where both are."""
    want = np.asarray(want)
    if got.dtype in (np.float64, np.complex128) and want.dtype in (np.float64, np.complex128):
        tolerance = 1e-12
    scale = np.abs(want).max() if scale is None else scale
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(float(scale), 1e-30))


@st.composite
def samples(draw, dims=(1, 2, 3), dtypes=("float64", "float32", "uint8", "int16", "float16")):
    shape = tuple(draw(st.integers(1, 9)) for _ in range(draw(st.sampled_from(dims))))
    rng = np.random.default_rng(draw(strategies.SEEDS))
    return strategies.values(rng, shape, draw(st.sampled_from(dtypes)))


SIGMAS = st.floats(0.1, 3.0)
BOUNDARIES = st.sampled_from(sorted(NDIMAGE))


def exact(x):
    return np.asarray(x, np.float64)


def within(got, want, x, extra=1.0):
    """Compare in the precision of the result of x."""
    eps = {"float16": 2e-3, "float32": 4e-6, "float64": 1e-12}[got.dtype.name]
    assert got.shape == x.shape
    np.testing.assert_allclose(exact(got), want, rtol=0, atol=eps * extra * max(1.0, float(np.abs(exact(x)).max())))


# --- against the peers, on drawn arrays


@settings(deadline=None)
@given(samples(), st.data())
def test_gaussian_is_ndimage(x, data):
    axes = data.draw(st.sets(st.integers(0, x.ndim - 1), min_size=1).map(lambda s: tuple(sorted(s))))
    n = len(axes)
    sigma = data.draw(st.one_of(SIGMAS, st.tuples(*[SIGMAS] * n)))
    order = data.draw(st.one_of(st.integers(0, 3), st.tuples(*[st.integers(0, 3)] * n)))
    boundary = data.draw(st.one_of(BOUNDARIES, st.tuples(*[BOUNDARIES] * n)))
    options = data.draw(st.sampled_from([{}, {"truncate": 2.5}, {"radius": 3}, {"truncate": 0.0}]))
    mode = NDIMAGE[boundary] if isinstance(boundary, str) else [NDIMAGE[b] for b in boundary]
    want = scipy.ndimage.gaussian_filter(exact(x), sigma, order=order, mode=mode, axes=axes, **options)
    got = filters.gaussian(x, sigma, order=order, boundary=boundary, axes=axes, **options)
    # A narrow Gaussian has steep derivatives.
    steep = np.prod([np.abs(filters.gaussian_taps(s, order=o, **options)).sum() for s, o in
                     zip(np.broadcast_to(sigma, n), np.broadcast_to(order, n), strict=True)])  # fmt: skip
    within(got, want, x, max(1.0, steep))


@settings(deadline=None, max_examples=50)
@given(samples(), st.floats(0.6, 3.0), BOUNDARIES)
def test_laplacians_and_gradient_are_ndimage(x, sigma, boundary):
    mode = NDIMAGE[boundary]
    within(filters.laplacian(x, boundary=boundary), scipy.ndimage.laplace(exact(x), mode=mode), x, 8)
    want = scipy.ndimage.gaussian_laplace(exact(x), sigma, mode=mode)
    within(filters.gaussian_laplace(x, sigma, boundary=boundary), want, x, 8)
    want = scipy.ndimage.gaussian_gradient_magnitude(exact(x), sigma, mode=mode)
    # A root turns a rounding error e of a slope that vanishes into e.
    within(filters.gaussian_gradient_magnitude(x, sigma, boundary=boundary), want, x, 8)


@settings(deadline=None, max_examples=50)
@given(samples(), st.data(), BOUNDARIES)
def test_box_is_ndimage(x, data, boundary):
    size = data.draw(st.one_of(st.integers(1, 7), st.tuples(*[st.integers(1, 7)] * x.ndim)))
    want = scipy.ndimage.uniform_filter(exact(x), size, mode=NDIMAGE[boundary])
    within(filters.box(x, size, boundary=boundary), want, x)


@settings(deadline=None, max_examples=50)
@given(samples(dtypes=("float64", "float32")), st.floats(0.2, 2.0), st.floats(1.0, 2.0), st.floats(-1, 3), BOUNDARIES)
def test_unsharp_and_difference_of_gaussians_are_scikit_image(x, sigma, factor, amount, boundary):
    theirs = pytest.importorskip("skimage.filters")
    x = x / max(1.0, np.abs(x).max())
    want = theirs.unsharp_mask(exact(x), sigma, amount, preserve_range=True)
    within(filters.unsharp(x, sigma, amount, boundary="symmetric"), want, x, 8)
    for high in (None, factor * sigma):
        want = theirs.difference_of_gaussians(exact(x), sigma, high, mode=NDIMAGE[boundary], truncate=3.0)
        within(filters.difference_of_gaussians(x, sigma, high, boundary=boundary, truncate=3.0), want, x, 2)


# --- on real images


@pytest.mark.parametrize("name", IMAGES)
def test_real_images_as_ndimage_has_them(name):
    x = picture(name)
    grey = x if x.ndim == 2 else x[..., 1]
    for boundary, mode in NDIMAGE.items():
        for order in (0, 1, 2, (1, 2)):
            got = filters.gaussian(grey, 1.5, order=order, boundary=boundary)
            assert got.dtype == np.float32
            assert_same(got, scipy.ndimage.gaussian_filter(exact(grey), 1.5, order=order, mode=mode), 255)
    assert_same(filters.laplacian(grey, boundary="symmetric"), scipy.ndimage.laplace(exact(grey)), 255)
    assert_same(filters.gaussian_laplace(grey, (1, 2)), scipy.ndimage.gaussian_laplace(exact(grey), (1, 2), mode="mirror"), 255)
    want = scipy.ndimage.gaussian_gradient_magnitude(exact(grey), 2.0, mode="mirror")
    assert_same(filters.gaussian_gradient_magnitude(grey, 2.0), want, 255)
    assert_same(filters.box(grey, (9, 4)), scipy.ndimage.uniform_filter(exact(grey), (9, 4), mode="mirror"), 255)


@pytest.mark.parametrize("name", IMAGES)
def test_real_images_as_opencv_has_them(name):
    cv2 = pytest.importorskip("cv2")
    x = picture(name).astype(np.float32)
    borders = {"reflect": cv2.BORDER_REFLECT_101, "symmetric": cv2.BORDER_REFLECT, "edge": cv2.BORDER_REPLICATE}
    channel = 2 if x.ndim == 3 else None
    for boundary, theirs in borders.items():
        for sigma in (1.0, 2.0):
            want = cv2.GaussianBlur(x, (0, 0), sigma, borderType=theirs)
            assert_same(filters.gaussian(x, sigma, boundary=boundary, channel_axis=channel), want, 255)
        want = cv2.Laplacian(x, cv2.CV_32F, ksize=1, borderType=theirs)
        assert_same(filters.laplacian(x, boundary=boundary, channel_axis=channel), want, 255, 4e-6)
        want = cv2.blur(x, (5, 4), borderType=theirs)
        assert_same(filters.box(x, (4, 5), boundary=boundary, channel_axis=channel), want, 255)


@pytest.mark.parametrize("name", IMAGES)
def test_real_images_as_scikit_image_has_them(name):
    theirs = pytest.importorskip("skimage.filters")
    x = picture(name)
    channel = 2 if x.ndim == 3 else None
    unit = x / 255.0
    want = theirs.gaussian(unit, 2.0, channel_axis=channel)
    assert_same(filters.gaussian(unit, 2.0, boundary="edge", channel_axis=channel), want, 1)
    want = theirs.unsharp_mask(unit, 3.0, 1.5, preserve_range=True, channel_axis=channel)
    assert_same(filters.unsharp(unit, 3.0, 1.5, boundary="symmetric", channel_axis=channel), want, 1)
    want = theirs.difference_of_gaussians(x, 1.0, 4.0, channel_axis=channel)
    got = filters.difference_of_gaussians(x, 1.0, 4.0, boundary="edge", channel_axis=channel)
    assert_same(got / 255, want, 1)
    if channel is None:
        assert_same(filters.laplacian(unit, boundary="symmetric"), -theirs.laplace(unit), 1)


# --- truth


def test_derivatives_of_polynomials():
    i, j = np.mgrid[-10.0:11, -10:11]
    middle = (10, 10)
    for sigma in (1.0, 2.0):
        assert filters.gaussian(3 * i - 5 * j, sigma, order=(1, 0))[middle] == pytest.approx(3, abs=1e-2)
        assert filters.gaussian(3 * i - 5 * j, sigma, order=(0, 1))[middle] == pytest.approx(-5, abs=1e-2)
        assert filters.gaussian(i * j, sigma, order=1)[middle] == pytest.approx(1, abs=1e-2)
        assert filters.gaussian(i**2, sigma, order=(2, 0), truncate=6.0)[middle] == pytest.approx(2, abs=1e-2)
        slope = filters.gaussian_gradient_magnitude(3 * i + 4 * j, sigma)[middle]
        assert slope == pytest.approx(5, abs=1e-2)
        assert filters.gaussian_laplace(i**2 + 2 * j**2, sigma, truncate=6.0)[middle] == pytest.approx(6, abs=1e-2)
    inside = (slice(1, -1),) * 2
    np.testing.assert_allclose(filters.laplacian(i**2 + 2 * j**2 - i * j + j)[inside], 6, atol=1e-11)


def test_gaussians_follow_each_other():
    """Variances add: two Gaussians in a row are one."""
    x = np.zeros((61, 61))
    x[30, 30] = 1
    twice = filters.gaussian(filters.gaussian(x, 3.0, truncate=6.0), 4.0, truncate=6.0)
    np.testing.assert_allclose(twice, filters.gaussian(x, 5.0, truncate=6.0), atol=1e-8)


def test_named_weights_are_what_they_say(rng):
    x = rng.standard_normal((9, 11))
    np.testing.assert_allclose(filters.sharpen(x), convkit.convolve(x, filters.SHARPEN, boundary="reflect"))
    np.testing.assert_allclose(filters.emboss(x), convkit.convolve(x, filters.EMBOSS, boundary="reflect"))
    np.testing.assert_allclose(filters.sharpen(x, boundary="wrap"), x - filters.laplacian(x, boundary="wrap"))
    for shape in ((7,), (4, 5, 6)):
        y = rng.standard_normal(shape)
        np.testing.assert_allclose(filters.sharpen(y), y - filters.laplacian(y), atol=1e-12)
    hill = np.zeros((7, 7))
    hill[2:5, 2:5] = 1
    lit = filters.emboss(hill)
    assert lit[2, 2] > 1 > lit[4, 4]  # bright towards the top left, dark away from it
    assert lit[3, 3] == 1


# --- the arguments that all have


def cases():
    """Each filter with arguments that fit any shape of two axes or more."""
    return {
        "gaussian": lambda x, **o: filters.gaussian(x, 1.2, **o),
        "gaussian_gradient_magnitude": lambda x, **o: filters.gaussian_gradient_magnitude(x, 1.2, **o),
        "laplacian": filters.laplacian,
        "gaussian_laplace": lambda x, **o: filters.gaussian_laplace(x, 1.2, **o),
        "difference_of_gaussians": lambda x, **o: filters.difference_of_gaussians(x, 1.0, **o),
        "box": lambda x, **o: filters.box(x, (4, 5), **o),
        "unsharp": lambda x, **o: filters.unsharp(x, 1.0, 0.7, **o),
        "sharpen": filters.sharpen,
        "emboss": filters.emboss,
        "steerable": lambda x, **o: filters.steerable(x, 0.4, order=2, **o),
    }


FILTERS = pytest.mark.parametrize("name", list(cases()))
REACH = 6


@FILTERS
def test_the_default_boundary_is_reflect_and_others_differ(name, rng):
    f, x = cases()[name], rng.random((12, 13))
    np.testing.assert_array_equal(f(x), f(x, boundary="reflect"))
    np.testing.assert_array_equal(f(x, boundary="mirror"), f(x))
    # One sample beyond an edge, "edge" and "symmetric" are the same.
    words = [b for b in NDIMAGE if b != "edge" or name not in ("laplacian", "sharpen", "emboss")]
    found = [f(x, boundary=b) for b in (*words, ("reflect", "wrap"), ("wrap", "reflect"))]
    for i, a in enumerate(found):
        for b in found[:i]:
            assert not np.array_equal(a, b)


@FILTERS
def test_each_boundary_is_what_padding_makes_of_it(name, rng):
    f, x = cases()[name], rng.random((9, 8))
    for boundary in NDIMAGE:
        wide = f(convkit.pad(x, REACH, boundary=boundary))
        np.testing.assert_allclose(f(x, boundary=boundary), wide[REACH:-REACH, REACH:-REACH], atol=1e-13)


@FILTERS
def test_batches_and_channels_are_filtered_one_by_one(name, rng):
    f, x = cases()[name], rng.random((3, 12, 13))
    one_by_one = np.stack([f(each) for each in x])
    np.testing.assert_allclose(f(x, axes=(1, 2)), one_by_one, atol=1e-14)
    np.testing.assert_allclose(f(x, axes=(-2, -1)), one_by_one, atol=1e-14)
    np.testing.assert_allclose(f(x, channel_axis=0), one_by_one, atol=1e-14)
    last = np.moveaxis(x, 0, -1)
    np.testing.assert_allclose(f(last, channel_axis=-1), np.moveaxis(one_by_one, 0, -1), atol=1e-14)


@FILTERS
def test_dtypes(name, rng):
    f = cases()[name]
    x = rng.integers(0, 256, (14, 15)).astype(np.uint8)
    true = f(x.astype(np.float64))
    results = {"uint8": "float32", "int16": "float32", "float16": "float16", "float32": "float32", "int32": "float64"}
    for dtype, result in results.items():
        got = f(x.astype(dtype))
        assert got.dtype == result
        np.testing.assert_allclose(got.astype(float), true, atol=0.6 if result == "float16" else 2e-3)
    for dtype in ("float64", "float32", "float16"):
        assert f(x, dtype=dtype).dtype == dtype
    np.testing.assert_allclose(f(x, dtype=np.float64), true, atol=1e-10)
    whole = f(x, dtype=np.uint8)
    assert whole.dtype == np.uint8
    assert np.abs(whole - np.clip(true, 0, 255)).max() <= 0.5 + 1e-3
    flags = rng.random((14, 15)) < 0.5
    np.testing.assert_allclose(f(flags), f(flags.astype(np.float64)), atol=1e-5)


@FILTERS
def test_out_and_workers(name, rng):
    f = cases()[name]
    for x in (rng.random((300, 310)), rng.random((300, 310)).astype(np.float32), rng.random((30, 31)).astype(np.float16)):
        want = f(x, workers=1)
        np.testing.assert_array_equal(f(x, workers=2), want)
        for out in (np.empty_like(x), np.empty(x.shape[::-1], x.dtype).T, x.copy()):
            source = out if np.array_equal(out, x) else x
            assert f(source, out=out) is out
            np.testing.assert_array_equal(out, want)
    with pytest.raises(ValueError, match="out has shape"):
        f(x, out=np.empty((3, 3), x.dtype))
    with pytest.raises(ValueError, match="out has dtype"):
        f(x, out=np.empty(x.shape, np.int8))


@FILTERS
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_where_it_belongs(name, value, rng):
    f, x = cases()[name], rng.random((40, 41)).astype(np.float32)
    spoilt = x.copy()
    spoilt[20, 20] = value
    with np.errstate(invalid="ignore"):
        got = f(spoilt)
    far = np.ones(x.shape, bool)
    far[20 - REACH : 21 + REACH, 20 - REACH : 21 + REACH] = False
    np.testing.assert_array_equal(got[far], f(x)[far])
    assert not np.isfinite(got).all()


@FILTERS
@pytest.mark.parametrize("layout", strategies.LAYOUTS)
def test_any_layout(name, layout, rng):
    f, x = cases()[name], layout(rng.random((11, 12)))
    np.testing.assert_allclose(f(x), f(np.array(x)), atol=1e-13)


@FILTERS
def test_lists_single_samples_and_refusals(name):
    f = cases()[name]
    assert f([[5.0]]).shape == (1, 1)
    assert np.isfinite(f([[1, 2], [3, 4]])).all()
    for options, words in (
        ({"boundary": "mirrored"}, "boundary='mirrored'"), ({"axes": (0, 0)}, "axes"), ({"axes": 5}, "axes"),
        ({"channel_axis": 9}, "channel_axis"), ({"workers": 0}, "workers"), ({"dtype": "text"}, "dtype"),
        ({"boundary": ("wrap",) * 3}, "boundary"), ({"axes": (0, 1), "channel_axis": 0}, "axes"),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=words):
            f(np.ones((4, 5)), **options)
    wrong = ((None, "x=None"), (np.ones((0, 3)), "x has shape"), (np.array([["a"]]), "x has dtype"), (3.0, "single number"))
    for x, words in wrong:
        with pytest.raises((ValueError, TypeError), match=words):
            f(x)
    with pytest.raises(TypeError, match="masked array"):
        f(np.ma.masked_equal([[1.0, 2.0], [3.0, 4.0]], 2.0))


@pytest.mark.parametrize("name", ["gaussian", "laplacian", "gaussian_laplace", "difference_of_gaussians", "box", "unsharp",
                                  "sharpen", "emboss", "steerable"])  # fmt: skip
def test_complex_samples_are_two_real_images(name, rng):
    f, x = cases()[name], rng.standard_normal((9, 10)) + 1j * rng.standard_normal((9, 10))
    got = f(x)
    assert got.dtype == np.complex128
    np.testing.assert_allclose(got, f(x.real) + 1j * f(x.imag), atol=1e-13)


def test_more_than_three_axes(rng):
    x = rng.random((4, 5, 3, 4, 2))
    np.testing.assert_allclose(filters.gaussian(x, 1.0), scipy.ndimage.gaussian_filter(x, 1.0, mode="mirror"), atol=1e-14)
    np.testing.assert_allclose(filters.box(x, 3, boundary="wrap"), scipy.ndimage.uniform_filter(x, 3, mode="wrap"), atol=1e-14)
    np.testing.assert_allclose(filters.laplacian(x), scipy.ndimage.laplace(x, mode="mirror"), atol=1e-13)
    want = scipy.ndimage.gaussian_gradient_magnitude(x, 1.0, mode="mirror")
    np.testing.assert_allclose(filters.gaussian_gradient_magnitude(x, 1.0), want, atol=1e-14)
    whole = (255 * x).astype(np.uint8)
    got = filters.gaussian(whole, 1.0, dtype=np.uint8)
    assert np.abs(got - scipy.ndimage.gaussian_filter(whole.astype(float), 1.0, mode="mirror")).max() < 0.51


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1e25])
def test_a_gradient_of_any_magnitude(scale, rng):
    x = rng.random((20, 21)).astype(np.float32)
    want = filters.gaussian_gradient_magnitude(x.astype(np.float64), 1.0)
    got = filters.gaussian_gradient_magnitude(x * np.float32(scale), 1.0)
    np.testing.assert_allclose(got / np.float32(scale), want, rtol=1e-4, atol=1e-6)


def test_a_sigma_of_zero_leaves_an_axis_alone(rng):
    x = rng.random((8, 9))
    np.testing.assert_array_equal(filters.gaussian(x, 0.0), x)
    assert filters.gaussian(x, 0.0) is not x
    np.testing.assert_array_equal(filters.gaussian(x.astype(np.uint8), 0).dtype, np.float32)
    got = filters.gaussian(x, (0, 1.5))
    np.testing.assert_allclose(got, scipy.ndimage.gaussian_filter1d(x, 1.5, axis=1, mode="mirror"), atol=1e-14)
    np.testing.assert_array_equal(filters.unsharp(x, 0.0, 2.0), x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: filters.gaussian(x, -1.0), "sigma=-1"),
        (lambda x: filters.gaussian(x, -1), "sigma=-1"),
        (lambda x: filters.gaussian(x, (1, -2)), r"sigma\[1\]=-2"),
        (lambda x: filters.gaussian(x, (1, 2, 3)), "sigma"),
        (lambda x: filters.gaussian(x, 1.0, order=-1), "order=-1"),
        (lambda x: filters.gaussian(x, 1.0, order=1.5), "order=1.5"),
        (lambda x: filters.gaussian(x, 0.0, order=1), "sigma=0"),
        (lambda x: filters.gaussian(x, 1.0, truncate=np.nan), "truncate=nan"),
        (lambda x: filters.gaussian(x, 1.0, radius=-1), "radius=-1"),
        (lambda x: filters.gaussian_gradient_magnitude(x, 0.0), "sigma=0"),
        (lambda x: filters.gaussian_gradient_magnitude(x + 1j, 1.0), "complex128"),
        (lambda x: filters.gaussian_laplace(x, (1, 0)), r"sigma\[1\]=0"),
        (lambda x: filters.difference_of_gaussians(x, 2.0, 1.0), "high_sigma=1.0"),
        (lambda x: filters.difference_of_gaussians(x, -1.0), "low_sigma=-1"),
        (lambda x: filters.difference_of_gaussians(x, 1.0, (2, 3, 4)), "high_sigma"),
        (lambda x: filters.box(x, 0), "size=0"),
        (lambda x: filters.box(x, 2.5), "size=2.5"),
        (lambda x: filters.box(x, (3, 1 << 40)), r"size\[1\]"),
        (lambda x: filters.unsharp(x, 1.0, np.inf), "amount=inf"),
        (lambda x: filters.unsharp(x, -1.0), "sigma=-1"),
        (lambda x: filters.emboss(x[0]), "two axes"),
        (lambda x: filters.emboss(np.ones((4, 4, 3))), "channel_axis"),
        (lambda x: filters.sharpen(np.ones((2, 2, 2, 2))), "three axes"),
    ],
)
def test_refusals_name_the_argument(call, words):
    x = np.ones((6, 7))
    with pytest.raises((ValueError, TypeError), match=words):
        call(x)
