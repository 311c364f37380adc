"""Gradient operators: against their peers, slow sums, analytic truths; directions, masks, layouts, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from convkit import edges
from tests.strategies import values

NAMES = ("sobel", "scharr", "prewitt", "roberts", "farid")
ODD = ("sobel", "scharr", "prewitt", "farid")
# Published weights, written down once more: smoothing, differentiating, and the raw answer to a ramp along one axis.
SMOOTH = {"sobel": (1, 2, 1), "scharr": (3, 10, 3), "prewitt": (1, 1, 1), "roberts": (1, 1),
          "farid": (0.0376593171958126, 0.249153396177344, 0.426374573253687, 0.249153396177344, 0.0376593171958126)}
SLOPE = {"sobel": 2, "scharr": 2, "prewitt": 2, "roberts": 1, "farid": 0.99179702875213}
PADS = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}


def detector(name):
    return getattr(edges, name)


def shifted_sum(x, axis, taps, boundary):
    """Sums along an axis of the samples around each, weighted by 2 (at i and i + 1), 3 or 5 taps that are not zero."""
    before = (len(taps) - 1) // 2
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, len(taps) - 1 - before)
    padded = np.moveaxis(np.pad(x, widths, PADS[boundary]), axis, -1)
    total = sum(t * padded[..., i : i + x.shape[axis]] for i, t in enumerate(taps) if t)
    return np.moveaxis(total, -1, axis)


def derivative(x, name, axis, axes, boundary="reflect", scale="unit"):
    """The derivative along one of the filtered `axes`, one axis after the other, in double precision."""
    smooth = np.array(SMOOTH[name], float)
    difference = {2: np.array([-1.0, 1]), 3: np.array([-1.0, 0, 1]),
                  5: np.array([-0.109603762960254, -0.276690988455557, 0, 0.276690988455557, 0.109603762960254])}[smooth.size]
    if scale == "unit" or (scale == "skimage" and name == "roberts"):
        smooth, difference = smooth / smooth.sum(), difference / SLOPE[name]
    elif scale == "skimage":
        smooth = smooth / smooth.sum()
    result = np.asarray(x, np.float64)
    for i, a in enumerate(axes):
        word = boundary if isinstance(boundary, str) else boundary[i]
        result = shifted_sum(result, a, difference if a == axis else smooth, word)
    return result


def gradient(x, name, axes=None, boundary="reflect", scale="unit"):
    axes = tuple(range(np.ndim(x))) if axes is None else axes
    parts = np.array([derivative(x, name, a, axes, boundary, scale) for a in axes])
    norm = np.sqrt((parts**2).sum(0))
    return parts, norm / np.sqrt(len(axes)) if scale == "skimage" and name != "roberts" else norm


def close(got, want, x, factor=1.0):
    """Within a few roundings of the largest sample."""
    eps = np.finfo(got.dtype).eps
    np.testing.assert_allclose(got, want, rtol=8 * eps, atol=16 * eps * factor * max(1.0, float(np.abs(x).max())))


@st.composite
def calls(draw):
    """Samples, and which operator to use on them in which way."""
    ndim = draw(st.sampled_from((1, 2, 2, 2, 3, 3, 4)))
    shape = tuple(draw(st.integers(1, 40 if ndim < 3 else 6)) for _ in range(ndim))
    dtype = draw(st.sampled_from(("float32", "float64", "uint8", "int16", "uint16", "int32", "bool", "float16")))
    x = values(np.random.default_rng(draw(st.integers(0, 2**32 - 1))), shape, dtype)
    axes = tuple(draw(st.permutations(range(ndim)))[: draw(st.integers(1, ndim))])
    boundary = draw(st.sampled_from(tuple(PADS)))
    if draw(st.booleans()):
        boundary = tuple(draw(st.sampled_from(tuple(PADS))) for _ in axes)
    if draw(st.booleans()):
        x = np.asfortranarray(x)
    return x, axes, boundary, draw(st.sampled_from(NAMES)), draw(st.sampled_from(("unit", "raw", "skimage")))


@given(calls())
def test_all_results_are_those_of_slow_sums(call):
    x, axes, boundary, name, scale = call
    keep = x.copy()
    parts, norm = gradient(x, name, axes, boundary, scale)
    options = {"scale": scale, "boundary": boundary, "axes": axes}
    half = x.dtype == np.float16
    size = 60.0 ** (len(axes)) if scale == "raw" else 4.0
    magnitude = detector(name)(x, **options)
    assert magnitude.shape == x.shape
    assert magnitude.dtype == {"float64": "f8", "int32": "f8", "float16": "f2"}.get(x.dtype.name, "f4")
    found = edges.derivatives(x, name, **options)
    assert len(found) == len(axes)
    if half:
        np.testing.assert_allclose(magnitude, norm.astype(np.float16), rtol=2e-3, atol=1e-3)
    else:
        close(magnitude, norm, x, size)
        for a, component, part in zip(axes, found, parts, strict=True):
            close(component, part, x, size)
            np.testing.assert_array_equal(detector(name)(x, a, **options), component)
    again, direction = detector(name)(x, return_direction=True, **options)
    np.testing.assert_array_equal(again, magnitude)
    if len(axes) == 2:
        assert direction.shape == x.shape
        if not half:
            np.testing.assert_allclose(np.exp(1j * direction), np.exp(1j * np.arctan2(*found)), atol=1e-6)
    else:
        assert direction.shape == (len(axes), *x.shape)
        if not half:
            length = np.sqrt((np.array(found, np.float64) ** 2).sum(0))
            np.testing.assert_allclose(direction * length, np.array(found), atol=1e-6 * max(1, length.max()))
    np.testing.assert_array_equal(x, keep)


# --- peers -------------------------------------------------------------------------------------------------------------
@pytest.fixture(params=["camera", "coins", "page", "retina"])
def image(request):
    data = pytest.importorskip("skimage.data")
    picture = getattr(data, request.param)()
    return picture if picture.ndim == 2 else np.ascontiguousarray(picture[300:700, 200:800, 1])


@pytest.mark.parametrize("name", NAMES)
def test_scikit_image_on_real_images(image, name):
    theirs = getattr(pytest.importorskip("skimage.filters"), name)
    x = image / 255.0
    np.testing.assert_allclose(detector(name)(x, scale="skimage", boundary="symmetric"), theirs(x), rtol=0, atol=1e-14)
    mask = np.random.default_rng(3).random(x.shape) < 0.97
    got = detector(name)(x, scale="skimage", boundary="symmetric", mask=mask)
    np.testing.assert_allclose(got, theirs(x, mask), rtol=0, atol=1e-14)
    assert 0 < np.count_nonzero(got) < 0.9 * got.size
    if name != "roberts":
        for axis in range(2):
            np.testing.assert_allclose(detector(name)(x, axis, scale="skimage", boundary="symmetric"), theirs(x, axis=axis),
                                       rtol=0, atol=1e-14)


def test_the_diagonals_of_roberts(image):
    theirs = pytest.importorskip("skimage.filters")
    down, across = edges.derivatives(image / 255.0, "roberts", boundary="symmetric")
    np.testing.assert_allclose(down + across, theirs.roberts_pos_diag(image), rtol=0, atol=1e-14)
    np.testing.assert_allclose(down - across, theirs.roberts_neg_diag(image), rtol=0, atol=1e-14)


MODES = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "zero": "constant", "wrap": "wrap"}


@pytest.mark.parametrize("name", ["sobel", "prewitt"])
def test_scipy_on_real_images(image, name):
    theirs = getattr(ndimage, name)
    for boundary, axis in itertools.product(MODES, range(2)):
        np.testing.assert_array_equal(detector(name)(image, axis, scale="raw", boundary=boundary),
                                      theirs(image.astype(np.float32), axis, mode=MODES[boundary]))


@given(calls())
@settings(max_examples=60)
def test_scipy_on_drawn_arrays(call):
    x, _, boundary, _, _ = call
    x = np.round(x.astype(np.float64) * 16)
    boundary = boundary if isinstance(boundary, str) else boundary[0]
    for name, axis in itertools.product(("sobel", "prewitt"), range(x.ndim)):
        got = detector(name)(x, axis, scale="raw", boundary=boundary)
        want = getattr(ndimage, name)(x, axis, mode=MODES[boundary])
        if boundary == "reflect" and 1 in x.shape:
            continue  # scipy reads beyond an axis of one sample
        np.testing.assert_array_equal(got, want)


@given(calls())
@settings(max_examples=60)
def test_scikit_image_on_drawn_arrays(call):
    theirs = pytest.importorskip("skimage.filters")
    x, _, _, name, _ = call
    x = x.astype(np.float64)
    if x.ndim == 1 or (name == "roberts" and x.ndim != 2):
        return  # along one axis its magnitude is signed
    got = detector(name)(x, scale="skimage", boundary="symmetric")
    np.testing.assert_allclose(got, getattr(theirs, name)(x), rtol=1e-12, atol=1e-12 * max(1, np.abs(x).max()))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_opencv_on_real_images(image, dtype):
    cv2 = pytest.importorskip("cv2")
    x = image.astype(dtype)
    for ours, theirs in ((edges.sobel, cv2.Sobel), (edges.scharr, cv2.Scharr)):
        across, down = theirs(x, cv2.CV_32F, 1, 0), theirs(x, cv2.CV_32F, 0, 1)
        np.testing.assert_array_equal(ours(x, 1, scale="raw"), across)
        np.testing.assert_array_equal(ours(x, 0, scale="raw"), down)
        np.testing.assert_allclose(ours(x, scale="raw"), cv2.magnitude(across, down), rtol=1e-6)
        np.testing.assert_array_equal(ours(x, 1, scale="raw", dtype=np.int16), theirs(x, cv2.CV_32F, 1, 0).astype(np.int16))
        np.testing.assert_array_equal(ours(x, 0, scale="raw", boundary="edge"),
                                      theirs(x, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REPLICATE))


# --- truths ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("slopes", [(2.5,), (-3.0, 4.0), (1.0, -2.0, 2.0), (1.0, 1.0, -1.0, 1.0)])
def test_a_ramp_gives_its_slope(name, slopes):
    x = sum(s * i for s, i in zip(slopes, np.indices((7,) * len(slopes)), strict=True))
    inner = (slice(2, 5),) * len(slopes)
    for axis, slope in enumerate(slopes):
        np.testing.assert_allclose(detector(name)(x, axis)[inner], slope, rtol=1e-12)
    length = float(np.sqrt(np.square(slopes).sum()))
    magnitude, direction = detector(name)(x, return_direction=True)
    np.testing.assert_allclose(magnitude[inner], length, rtol=1e-12)
    if len(slopes) == 2:
        np.testing.assert_allclose(direction[inner], np.arctan2(slopes[0], slopes[1]), rtol=1e-12)
    else:
        for component, slope in zip(direction, slopes, strict=True):
            np.testing.assert_allclose(component[inner], slope / length, rtol=1e-12)
    factor = {"sobel": 4, "scharr": 16, "prewitt": 3, "roberts": 2, "farid": 1}[name] ** (len(slopes) - 1) * SLOPE[name]
    np.testing.assert_allclose(detector(name)(x, 0, scale="raw")[inner], factor * slopes[0], rtol=1e-12)


@pytest.mark.parametrize("name", ODD)
def test_derivatives_of_polynomials(name):
    """Central differences are exact on parabolas; on cubics of this size all are within 1e-2."""
    r, c = (i / 30.0 for i in np.indices((60, 60)))
    inner = (slice(3, -3),) * 2
    x = 3 * r**2 - 2 * r * c + c**2 - r + 5
    down, across = (30 * d[inner] for d in edges.derivatives(x, name))
    np.testing.assert_allclose(down, (6 * r - 2 * c - 1)[inner], atol=1e-10)
    np.testing.assert_allclose(across, (-2 * r + 2 * c)[inner], atol=1e-10)
    x = r**3 - 2 * r**2 * c + c**3
    down, across = (30 * d[inner] for d in edges.derivatives(x, name))
    np.testing.assert_allclose(down, (3 * r**2 - 4 * r * c)[inner], atol=1e-2)
    np.testing.assert_allclose(across, (-2 * r**2 + 3 * c**2)[inner], atol=1e-2)


# Worst error in degrees on a wave of 8 samples, at every 15 degrees; as measured, and above.
ANGLES = {"farid": (0, 0.1), "scharr": (0, 0.2), "sobel": (0.6, 0.7), "roberts": (0.6, 0.7), "prewitt": (1.2, 1.5)}


@pytest.mark.parametrize("name", NAMES)
def test_the_angle_of_a_plane_wave(name):
    r, c = np.indices((48, 48))
    worst = 0.0
    for angle in np.deg2rad(np.arange(0, 360, 15)):
        wave = np.sin(2 * np.pi / 8 * (c * np.cos(angle) + r * np.sin(angle)) + 0.3)
        magnitude, direction = (a[4:-4, 4:-4] for a in detector(name)(wave, return_direction=True))
        strong = magnitude > 0.3 * magnitude.max()
        assert strong.mean() > 0.5
        error = (direction[strong] - angle + np.pi / 2) % np.pi - np.pi / 2  # falling parts of the wave point the other way
        worst = max(worst, float(np.rad2deg(np.abs(error)).max()))
    least, most = ANGLES[name]
    assert least <= worst <= most


def test_directions_point_uphill_from_the_last_axis_to_the_first():
    r, c = np.indices((9, 9), dtype=np.float64)
    for x, angle in ((c, 0.0), (r, np.pi / 2), (-c, np.pi), (-r, -np.pi / 2), (r + c, np.pi / 4), (r - c, 3 * np.pi / 4)):
        found = edges.sobel(x, return_direction=True)
        assert found.magnitude is found[0]
        np.testing.assert_allclose(found.direction[4, 4], angle, atol=1e-15)
        turned = edges.sobel(x, return_direction=True, axes=(1, 0)).direction[4, 4]
        np.testing.assert_allclose(np.exp(1j * turned), np.exp(1j * (np.pi / 2 - angle)), atol=1e-15)
    flat = edges.sobel(np.ones((5, 5)), return_direction=True)
    assert not flat.magnitude.any()
    assert not flat.direction.any()
    assert not edges.sobel(np.ones((5, 5, 5)), return_direction=True).direction.any()


def test_an_edge_in_small_integers_does_not_wrap():
    x = np.zeros((6, 8), np.uint8)
    x[:, 4:] = 255
    np.testing.assert_array_equal(edges.sobel(x, 1, scale="raw")[3], [0, 0, 0, 1020, 1020, 0, 0, 0])
    np.testing.assert_array_equal(edges.sobel(255 - x, 1, scale="raw")[3], [0, 0, 0, -1020, -1020, 0, 0, 0])
    assert edges.sobel(x).dtype == np.float32
    np.testing.assert_array_equal(edges.sobel(x, 1, scale="raw", dtype=np.uint8)[3], [0, 0, 0, 255, 255, 0, 0, 0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", ["unit", "raw", "skimage"])
def test_the_weights_are_those_used(name, scale):
    smooth, difference = edges.gradient_taps(name, scale)
    x = np.random.default_rng(5).standard_normal((12, 13))
    want = shifted_sum(shifted_sum(x, 0, difference, "reflect"), 1, smooth, "reflect")
    np.testing.assert_allclose(detector(name)(x, 0, scale=scale), want, atol=1e-12)


# --- results do not depend on how they are computed ---------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(700, 5000), (40, 90, 150), (3, 500, 300, 3), (100_003,)])
def test_any_number_of_workers_and_any_piece(name, shape):
    x = np.random.default_rng(7).standard_normal(shape).astype(np.float32)
    options = {"channel_axis": -1, "axes": (1, 2)} if len(shape) == 4 else {}
    whole = detector(name)(x, workers=1, **options)
    np.testing.assert_array_equal(detector(name)(x, workers=3, **options), whole)
    with_direction = detector(name)(x, return_direction=True, workers=1, **options)
    np.testing.assert_array_equal(with_direction.magnitude, whole)
    np.testing.assert_array_equal(detector(name)(x, return_direction=True, workers=2, **options).direction,
                                  with_direction.direction)
    axis = 1 if len(shape) == 4 else -1
    length = shape[axis]
    part = np.ascontiguousarray(x.take(range(length // 3, length), axis))
    first = 0 if name == "roberts" else 2
    np.testing.assert_array_equal(detector(name)(part, **options).take(range(first, part.shape[axis]), axis),
                                  whole.take(range(length // 3 + first, length), axis))


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_batches_are_filtered_one_by_one(name):
    x = np.random.default_rng(8).standard_normal((5, 20, 17, 3))
    got = detector(name)(x, axes=(1, 2))
    one = detector(name)(x, axes=(1, 2), channel_axis=3, return_direction=True)
    for i, k in np.ndindex(5, 3):
        single = detector(name)(np.ascontiguousarray(x[i, :, :, k]), return_direction=True)
        np.testing.assert_array_equal(got[i, :, :, k], single.magnitude)
        np.testing.assert_array_equal(one.direction[i, :, :, k], single.direction)
    image = x[0]
    np.testing.assert_array_equal(detector(name)(image, channel_axis=-1), got[0])
    assert not np.array_equal(detector(name)(image), got[0])
    volumes = detector(name)(x, axes=(1, 2, 3))
    for i in range(5):
        np.testing.assert_array_equal(volumes[i], detector(name)(x[i]))


@pytest.mark.parametrize("order", ["C", "F", "strided", "backwards", "swapped bytes"])
def test_any_layout(order):
    x = np.random.default_rng(9).standard_normal((21, 34)).astype(np.float32)
    y = {"C": x, "F": np.asfortranarray(x), "strided": np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
         "backwards": x[::-1, ::-1].copy()[::-1, ::-1], "swapped bytes": x.astype(">f4")}[order]
    y.flags.writeable = False
    want, found = edges.scharr(x, return_direction=True), edges.scharr(y, return_direction=True)
    # Transposed, the same sums are taken in another order.
    tolerance = 1e-5 if order == "F" else 0
    np.testing.assert_allclose(found.magnitude, want.magnitude, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.direction, want.direction, rtol=tolerance, atol=tolerance)
    for axis in (0, 1):
        np.testing.assert_allclose(edges.scharr(y, axis), edges.scharr(x, axis), rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(edges.derivatives(y, "scharr")[axis], edges.scharr(y, axis))
    np.testing.assert_array_equal(edges.scharr(x.tolist()), edges.scharr(x.astype(np.float64)))


def test_out_is_written_even_over_the_samples():
    x = np.random.default_rng(10).standard_normal((30, 41))
    want = edges.sobel(x, return_direction=True)
    for out in (np.empty_like(x), np.empty((30, 82))[:, ::2], np.empty((41, 30)).T):
        assert edges.sobel(x, out=out) is out
        np.testing.assert_array_equal(out, want.magnitude)
        assert edges.sobel(x, 1, out=out) is out
        np.testing.assert_array_equal(out, edges.sobel(x, 1))
    pair = (np.empty_like(x), np.empty_like(x))
    found = edges.sobel(x, return_direction=True, out=pair)
    assert found.magnitude is pair[0]
    assert found.direction is pair[1]
    for got, wanted in zip(pair, want, strict=True):
        np.testing.assert_array_equal(got, wanted)
    stack = np.empty((3, 6, 7, 8))
    volume = np.random.default_rng(11).standard_normal((6, 7, 8))
    edges.farid(volume, return_direction=True, out=(np.empty((6, 7, 8)), stack))
    np.testing.assert_array_equal(stack, edges.farid(volume, return_direction=True).direction)
    again = x.copy()
    np.testing.assert_array_equal(edges.sobel(again, out=again), want.magnitude)
    turned = np.asfortranarray(x)
    assert edges.sobel(turned, out=turned) is turned
    np.testing.assert_allclose(turned, want.magnitude, rtol=1e-12)


# --- masks and NaN -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_masked_samples_and_their_neighbours_give_zero(name):
    x = np.random.default_rng(12).standard_normal((15, 16))
    mask = np.ones(x.shape, bool)
    mask[7, 8] = False
    expected = np.zeros_like(mask)
    expected[1:-1, 1:-1] = True
    expected[6:9, 7:10] = False
    whole = detector(name)(x, return_direction=True)
    for options in ({"mask": mask}, {"mask": mask.tolist()}, {}):
        y = x if options else np.ma.array(x, mask=~mask)
        found = detector(name)(y, return_direction=True, **options)
        for got, want in zip(found, whole, strict=True):
            np.testing.assert_array_equal(got, np.where(expected, want, 0))
        np.testing.assert_array_equal(detector(name)(y, 0, **options), np.where(expected, detector(name)(x, 0), 0))
    y = x.copy()
    y[7, 8] = np.nan
    assert np.isfinite(detector(name)(y, mask=mask)).all() == (name != "farid")
    colours = np.stack([x, 2 * x, 3 * x], -1)
    found = detector(name)(colours, channel_axis=-1, mask=mask)
    np.testing.assert_array_equal(found[..., 1] != 0, expected)
    np.testing.assert_array_equal(found, detector(name)(colours, channel_axis=-1, mask=np.stack([mask] * 3, -1)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_reaches_no_further_than_the_taps(name, dim, bad):
    x = np.random.default_rng(13).standard_normal((11,) * dim)
    clean = detector(name)(x)
    x[(5,) * dim] = bad
    found = detector(name)(x)
    first, last = {"roberts": (4, 5), "farid": (3, 7)}.get(name, (4, 6))
    reach = np.zeros(x.shape, bool)
    reach[(slice(first, last + 1),) * dim] = True
    np.testing.assert_array_equal(found[~reach], clean[~reach])
    assert not np.isfinite(found[(first,) * dim])
    assert not np.isfinite(found[(last,) * dim])


# --- refusals ----------------------------------------------------------------------------------------------------------
X = np.arange(20.0).reshape(4, 5)
REFUSED = [
    ({"scale": "true"}, ValueError, "scale='true'.*unit"),
    ({"axis": 2}, ValueError, "axis=2.*0, 1"),
    ({"axis": 0.5}, TypeError, "axis=0.5.*whole"),
    ({"axis": 0, "axes": (1,)}, ValueError, "axis=0 is not filtered; it may be 1"),
    ({"axis": 0, "return_direction": True}, ValueError, "return_direction=True.*axis=0"),
    ({"mask": np.ones((4, 4), bool)}, ValueError, r"mask has shape \(4, 4\).*\(4, 5\)"),
    ({"mask": np.ones((4, 5))}, TypeError, "mask has dtype float64"),
    ({"boundary": "mirrored"}, ValueError, "boundary='mirrored'"),
    ({"boundary": ("edge",) * 3}, ValueError, "boundary=.*3 words for 2 axes"),
    ({"axes": 7}, ValueError, "axes=7"),
    ({"channel_axis": 2}, ValueError, "channel_axis=2"),
    ({"workers": 0}, ValueError, "workers=0"),
    ({"out": np.zeros(3)}, ValueError, r"out has shape \(3,\)"),
    ({"out": np.zeros((4, 5), np.float32)}, ValueError, "out has dtype float32"),
    ({"return_direction": True, "out": np.zeros((4, 5))}, TypeError, "out=ndarray is no pair"),
    ({"return_direction": True, "out": (np.zeros((4, 5)), np.zeros(3))}, ValueError, r"out\[1\] has shape"),
    ({"dtype": "complex128"}, TypeError, "dtype='complex128' is complex"),
]


@pytest.mark.parametrize(("options", "error", "words"), REFUSED, ids=lambda v: str(v)[:40])
def test_refusals(options, error, words):
    for name in NAMES:
        with pytest.raises(error, match=words):
            detector(name)(X, **options)


def test_other_refusals():
    with pytest.raises(TypeError, match=r"x has dtype complex128.*x\.real"):
        edges.sobel(1j * X)
    with pytest.raises(ValueError, match="single number"):
        edges.sobel(3.0)
    with pytest.raises(ValueError, match=r"operator='canny'.*'sobel'"):
        edges.derivatives(X, "canny")
    with pytest.raises(ValueError, match=r"operator='log'.*'sobel'"):
        edges.gradient_taps("log")
    with pytest.raises(ValueError, match="scale='px'"):
        edges.gradient_taps("sobel", "px")
