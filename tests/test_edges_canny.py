"""Canny: pixel for pixel as scikit-image and OpenCV, where edges are known to lie, and what is refused."""

from __future__ import annotations

import sys

import numba
import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import erf, ive

from convkit.edges.canny import canny, hysteresis
from convkit.kernels import link, thin

IMAGES = ("camera", "coins", "page", "moon", "brick")


def image(name):
    data = pytest.importorskip("skimage.data")
    x = data.retina()[200:700, 200:700, 1] if name == "retina" else getattr(data, name)()
    return np.ascontiguousarray(x)


def peer(x, gradient, low, high, **options):
    """scikit-image's Canny with the gradient given."""
    from skimage.feature import _canny

    class Given:
        """Derivatives in place of `scipy.ndimage`'s."""

        sobel = staticmethod(lambda smoothed, axis: gradient[axis].copy())

        def __getattr__(self, name):
            return getattr(ndi, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_canny, "ndi", Given())
        return _canny.canny(x, 0.0, low, high, mode="nearest", **options)


def sobel(x, mode="mirror"):
    return [ndi.sobel(x, axis=axis, mode=mode) for axis in range(x.ndim)]


# --- scikit-image ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("name", [*IMAGES, "retina"])
def test_l2_is_scikit_image_pixel_for_pixel(name, sigma, dtype):
    feature = pytest.importorskip("skimage.feature")
    x = image(name).astype(dtype)
    smooth = ndi.gaussian_filter(x, sigma, mode="mirror") if sigma else x
    gradient = sobel(smooth, "reflect")  # as scikit-image takes it
    for low, high in ((40.0, 80.0), (0.0, 60.3), (16.1, 16.1)):
        want = feature.canny(smooth, 0.0, low, high, mode="mirror")
        assert want.any()
        np.testing.assert_array_equal(canny(None, gradient=gradient, low=low, high=high), want)
    want = feature.canny(smooth, 0.0, 0.7, 0.9, use_quantiles=True, mode="mirror")
    np.testing.assert_array_equal(canny(None, gradient=gradient, low=0.7, high=0.9, quantiles=True), want)


@pytest.mark.parametrize("name", ["coins", "page"])
def test_l2_under_a_mask_is_scikit_image(name, rng):
    pytest.importorskip("skimage.feature")
    x = image(name).astype(np.float32)
    y, z = np.indices(x.shape)
    mask = (np.hypot(y - 90, z - 140) < 120) & ~((y > 60) & (y < 66)) & (rng.random(x.shape) > 0.002)
    gradient = sobel(x)
    want = peer(x, gradient, 30.0, 90.0, mask=mask)
    got = canny(None, gradient=gradient, low=30, high=90, mask=mask)
    np.testing.assert_array_equal(got, want)
    assert (got != canny(None, gradient=gradient, low=30, high=90)).any()


@pytest.mark.parametrize("name", ["camera", "coins", "page", "moon"])
def test_from_an_image_all_but_a_few_pixels_are_scikit_images(name):
    feature = pytest.importorskip("skimage.feature")
    x = image(name).astype(np.float64)
    want = feature.canny(x, 1.5, 5 * 8.0, 12 * 8.0, mode="mirror")
    got = canny(x, 1.5, 5, 12)
    inner = (slice(8, -8),) * 2  # the gradient of the outermost pixels is taken in another way
    assert np.count_nonzero(got[inner] != want[inner]) <= 2
    assert np.count_nonzero(want) > 500


WHOLE = hnp.arrays(np.float32, st.tuples(st.integers(1, 24), st.integers(1, 70)), elements=st.integers(-4, 4))


@given(WHOLE, st.integers(0, 6), st.integers(0, 6))
def test_l2_is_scikit_image_on_drawn_gradients(first, low, more):
    pytest.importorskip("skimage.feature")
    gradient = [first, np.roll(first[::-1] // 2, 1, axis=1)]
    if min(first.shape) < 3:
        assert not canny(None, gradient=gradient, low=low, high=low + more).any()
        return
    for dtype in (np.float32, np.float64):
        kinds = [g.astype(dtype) for g in gradient]
        want = peer(first.astype(dtype), kinds, float(low), float(low + more))
        np.testing.assert_array_equal(canny(None, gradient=kinds, low=low, high=low + more), want)


# --- OpenCV ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*IMAGES, "retina"])
def test_l1_is_opencv_pixel_for_pixel(name):
    cv2 = pytest.importorskip("cv2")
    x = image(name)
    dx, dy = cv2.Sobel(x, cv2.CV_16S, 1, 0), cv2.Sobel(x, cv2.CV_16S, 0, 1)
    for low, high in ((50, 150), (0, 0), (20.5, 333.3)):
        want = cv2.Canny(dx, dy, low, high, L2gradient=False) > 0
        got = canny(None, gradient=(dy, dx), low=low, high=high, norm="l1")
        np.testing.assert_array_equal(got, want)
    got = canny(None, gradient=(dy, dx), low=0, high=0, norm="l1")
    assert got[[0, -1]].any()  # the outermost pixels take part
    assert (canny(None, gradient=(dy, dx), low=0, high=0) != got).any()


@given(hnp.arrays(np.int16, st.tuples(st.integers(1, 20), st.integers(1, 70)), elements=st.integers(-5, 5)),
       st.sampled_from((1, 100, 4000)), st.integers(0, 8), st.integers(0, 8))
def test_l1_is_opencv_on_drawn_derivatives(dx, scale, low, more):
    cv2 = pytest.importorskip("cv2")
    dx = dx * np.int16(scale)
    dy = np.ascontiguousarray(np.roll(dx[:, ::-1], 1, axis=0))
    want = cv2.Canny(dx, dy, low * scale, (low + more) * scale, L2gradient=False) > 0
    for kind in (np.int16, np.float64, np.int32):
        got = canny(None, gradient=(dy.astype(kind), dx.astype(kind)), low=low * scale, high=(low + more) * scale, norm="l1")
        np.testing.assert_array_equal(got, want)


# --- analytic truth --------------------------------------------------------------------------------------------------
def blurred_step(angle, shift, blur, n=41):
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    return 50 * (1 + erf((x * np.cos(angle) + y * np.sin(angle) - shift) / np.sqrt(2) / blur))


def blurred_disk(radius, blur, centre):
    """Grey levels of a disk under a Gaussian, from its radial derivative."""
    r = np.linspace(0, 2 * radius + 40, 20001)
    slope = np.exp(-((r - radius) ** 2) / (2 * blur**2)) * ive(1, r * radius / blur**2)
    level = 1 - np.concatenate([[0], np.cumsum(slope[1:] + slope[:-1])]) / np.sum(slope[1:] + slope[:-1])
    y, x = np.indices((int(2 * radius + 24),) * 2)
    return 100 * np.interp(np.hypot(y - centre[0], x - centre[1]), r, level)


@pytest.mark.parametrize(("blur", "sigma"), [(0.7, 0.0), (0.7, 1.0), (1.5, 1.0), (3.0, 1.5)])
def test_a_step_edge_is_where_it_is_at_every_angle(blur, sigma):
    for degrees in range(0, 180, 5):
        angle, shift = np.deg2rad(degrees), 0.37 * (degrees % 4)
        x = blurred_step(angle, shift, blur)

        def distance(points, angle=angle, shift=shift):
            p = points[(np.abs(points - 20) < 10).all(axis=1)] - 20
            assert len(p) >= 19
            return np.abs(p[:, 1] * np.cos(angle) + p[:, 0] * np.sin(angle) - shift).max()

        assert distance(np.argwhere(canny(x, sigma, 2, 4))) < 1
        assert distance(canny(x, sigma, 2, 4, subpixel=True)) < 0.02


@pytest.mark.parametrize("radius", [8, 15.3, 40])
@pytest.mark.parametrize(("blur", "sigma"), [(0.7, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_a_circle_is_found_between_the_pixels(radius, blur, sigma):
    centre = np.array([radius + 11.7, radius + 11.1])
    x = blurred_disk(radius, blur, centre)
    for sign in (1, -1):  # a dark disk too
        p = canny(sign * x, sigma, 2, 5, subpixel=True)
        far = np.hypot(*(p - centre).T) - radius
        assert len(p) > 5.6 * radius
        assert np.abs(far).max() < 0.05
        assert abs(far.mean()) < 0.01


def test_a_ball_is_found_between_the_voxels():
    z = np.indices((33,) * 3) - np.array([16.2, 15.9, 16.0]).reshape(3, 1, 1, 1)
    r, s, big = np.sqrt((z**2).sum(axis=0)), 1.2, 10.0
    wave = np.exp(-((r - big) ** 2) / 2 / s**2) - np.exp(-((r + big) ** 2) / 2 / s**2)
    x = 50 * (erf((big - r) / np.sqrt(2) / s) + erf((big + r) / np.sqrt(2) / s)) - 100 * s / np.sqrt(2 * np.pi) / r * wave
    p = canny(x, 0.7, 2, 5, subpixel=True)
    far = np.linalg.norm(p - [16.2, 15.9, 16.0], axis=1) - big
    assert len(p) > 1000
    assert np.abs(far).max() < 0.05


def test_points_are_in_row_order_and_beside_their_pixels():
    x = image("coins")[:200, :210]
    pixels, points = np.argwhere(canny(x, 1.2, 4, 9)), canny(x, 1.2, 4, 9, subpixel=True)
    assert points.dtype == np.float64
    assert points.shape == pixels.shape
    away = np.abs(points - pixels)
    assert away.max() < 1.3
    assert 0.1 < np.median(away.max(axis=1)) < 0.5
    gradient = [ndi.sobel(ndi.gaussian_filter(x.astype(float), 1.2, mode="mirror"), axis=a, mode="mirror") / 8 for a in (0, 1)]
    given_points = canny(None, gradient=gradient, low=4, high=9, subpixel=True)
    assert len(given_points) == pytest.approx(len(points), abs=3)


# --- thresholds ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float16, np.float32, np.float64])
def test_thresholds_are_grey_levels_per_pixel_in_every_dtype(dtype):
    ramp = np.zeros((20, 30), dtype)
    ramp[:, 10:] = 16  # a step of 16 has the slope 8 on both sides of it
    assert canny(ramp, 0, 8, 8)[1:-1, 9:11].all()
    assert not canny(ramp, 0, 8.01, 8.01).any()
    assert canny(ramp, 0, 8, 8).sum() == 2 * 18
    cube = np.zeros((9, 10, 11), dtype)
    cube[5:] = 16
    assert canny(cube, 0, 8, 8)[4:6, 1:-1, 1:-1].all()
    assert not canny(cube, 0, 8.01, 8.01).any()
    x = image("moon")[:100, :120].astype(dtype)
    np.testing.assert_array_equal(canny(x, 1.0, 2, 5), canny(x.astype(np.int32).astype(np.float64), 1.0, 2, 5))


def test_each_parameter_does_something():
    x = image("camera").astype(np.float32)
    usual = canny(x, 1.0, 4, 12)
    others = [canny(x, 2.0, 4, 12), canny(x, (1.0, 2.0), 4, 12), canny(x, 1.0, 6, 12), canny(x, 1.0, 4, 20),
              canny(x, 1.0, 0.4, 0.9, quantiles=True), canny(x, 1.0, 4, 12, norm="l1"), canny(x, 1.0, 4, 12, boundary="zero"),
              canny(x, 1.0, 4, 12, mask=x > 20), canny(x, 1.0)]
    for other in others:
        assert (other != usual).any()
    np.testing.assert_array_equal(canny(x, 1.0, high=10), usual10 := canny(x, 1.0, 4, 10))  # where one is left out
    assert (usual10 != usual).any()
    np.testing.assert_array_equal(canny(x, 1.0, low=4), canny(x, 1.0, 4, 10))


def test_default_thresholds_follow_from_the_histogram():
    x = image("camera").astype(np.float64)
    size = np.hypot(*sobel(ndi.gaussian_filter(x, 1.0, mode="mirror"))) / 8
    high = np.quantile(size, 0.7)
    step = 2.0**-6  # of the buckets, relative
    least, most = (canny(x, 1.0, 0.4 * h, h) for h in (high * (1 + step), high * (1 - step)))
    got = canny(x, 1.0)
    assert not (least & ~got).any()
    assert not (got & ~most).any()
    np.testing.assert_array_equal(got, canny(4 * x, 1.0))
    # Of large images, rows 0 to 15 of every 64 are counted.
    large = np.tile(x[:64], (16, 2)) * np.where(np.arange(1024) % 64 < 16, 1, 3)[:, None]
    size = np.hypot(*sobel(ndi.gaussian_filter(large, 1.0, mode="mirror"))) / 8
    high = np.quantile(size[np.arange(1024) % 64 < 16], 0.7)
    assert abs(high / np.quantile(size, 0.7) - 1) > 3 * step
    assert not (canny(large, 1.0, 0.4 * high * (1 + step), high * (1 + step)) & ~canny(large, 1.0)).any()
    assert not (canny(large, 1.0) & ~canny(large, 1.0, 0.4 * high * (1 - step), high * (1 - step))).any()
    # Most of a lone step's image is flat: there the threshold is 1/64 of the largest magnitude.
    step_image = np.zeros((64, 64))
    step_image[:, 32:] = 64
    step_image[:, 10:] += 0.6
    assert not canny(step_image, 0)[:, :30].any()
    step_image[:, 10:] += 0.6
    assert canny(step_image, 0)[1:-1, 9].all()


@pytest.mark.parametrize("flat", [np.zeros((20, 30)), np.full((20, 30), 7.3, np.float32), np.full((20, 30), np.nan)])
def test_nothing_in_a_flat_image(flat):
    assert not canny(flat).any()
    assert not canny(flat, low=0, high=0).any()
    assert canny(flat, subpixel=True).shape == (0, 2)
    assert not canny(flat, low=0.5, high=0.9, quantiles=True).any()


# --- masks and NaN ---------------------------------------------------------------------------------------------------
def test_what_is_masked_changes_nothing(rng):
    x = image("coins").astype(np.float32)[:150, :150]
    mask = np.ones(x.shape, bool)
    mask[40:80, 50:90] = False
    mask[rng.integers(0, 150, 40), rng.integers(0, 150, 40)] = False
    want = canny(x, 1.0, 3, 9, mask=mask)
    spoilt = np.where(mask, x, np.float32(np.nan))
    np.testing.assert_array_equal(canny(spoilt, 1.0, 3, 9, mask=mask), want)
    np.testing.assert_array_equal(canny(np.ma.MaskedArray(spoilt, ~mask), 1.0, 3, 9), want)
    assert not want[ndi.binary_dilation(~mask, np.ones((3, 3)))].any()
    assert want.sum() > 200
    np.testing.assert_array_equal(canny(x, 1.0, 3, 9, mask=np.ones(x.shape, bool)), canny(x, 1.0, 3, 9))


@pytest.mark.parametrize(("shape", "sigma"), [((60, 70), 1.0), ((60, 70), 2.0), ((26, 26, 26), 0.7)])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_nan_stays_within_reach(shape, sigma, bad, rng):
    x = ndi.gaussian_filter(rng.standard_normal(shape), 1.0).astype(np.float32)
    middle = tuple(n // 2 for n in shape)
    spoilt = x.copy()
    spoilt[middle] = bad
    # With one threshold nothing hangs together with anything.
    level = 0.02
    want, got = canny(x, sigma, level, level), canny(spoilt, sigma, level, level)
    reach = int(4 * sigma + 0.5)
    near = tuple(slice(m - reach - 2, m + reach + 3) for m in middle)
    assert (want != got)[near].any()
    want[near] = got[near] = False
    np.testing.assert_array_equal(got, want)
    inner = tuple(slice(m - reach, m + reach + 1) for m in middle)
    assert not canny(spoilt, sigma, level, level)[inner].any()


# --- volumes, batches, layouts ---------------------------------------------------------------------------------------
def test_a_stack_of_one_image_has_its_edges(rng):
    gradient = rng.integers(-6, 7, (2, 30, 41)).astype(np.float32)
    want = canny(None, gradient=list(gradient), low=2, high=5)
    for axis in range(3):
        volume = [np.moveaxis(np.broadcast_to(g, (6, 30, 41)), 0, axis) for g in gradient]
        volume.insert(axis, np.zeros(volume[0].shape, np.float32))
        got = np.moveaxis(canny(None, gradient=volume, low=2, high=5), axis, 0)
        assert not got[[0, -1]].any()
        for plane in got[1:-1]:
            np.testing.assert_array_equal(plane, want)


def test_volumes_are_thinned_as_the_slow_rule_says(rng):
    g = rng.standard_normal((3, 9, 20, 11))
    m = np.sqrt((g**2).sum(axis=0))
    want = np.zeros(m.shape, bool)
    for p in np.ndindex(tuple(n - 2 for n in m.shape)):
        p = np.array(p) + 1
        v = g[(slice(None), *p)]
        d = v / np.abs(v).max()  # on the face of the cube around the voxel
        cube = m[tuple(slice(c - 1, c + 2) for c in p)]
        sides = ndi.map_coordinates(cube, np.stack([1 - d, 1 + d], axis=1), order=1)
        want[tuple(p)] = m[tuple(p)] >= sides.max()
    np.testing.assert_array_equal(canny(None, gradient=list(g), low=0, high=0), want)


def test_batches_axes_and_layouts(rng):
    x = np.stack([image("camera")[:90, :80], image("moon")[:90, :80], image("brick")[:90, :80]]).astype(np.float32)
    want = np.stack([canny(item, 1.0) for item in x])
    np.testing.assert_array_equal(canny(x, 1.0, axes=(1, 2)), want)
    np.testing.assert_array_equal(canny(x, 1.0, channel_axis=0), want)
    np.testing.assert_array_equal(canny(np.moveaxis(x, 0, -1), 1.0, channel_axis=-1), np.moveaxis(want, 0, -1))
    np.testing.assert_array_equal(canny(np.asfortranarray(x), 1.0, axes=(2, 1)), want)
    np.testing.assert_array_equal(canny(x.astype(">f4"), 1.0, axes=(1, 2)), want)
    np.testing.assert_array_equal(canny(x[:, ::-1], 1.0, 3, 9, axes=(1, 2)), canny(x[:, ::-1].copy(), 1.0, 3, 9, axes=(1, 2)))
    out = np.zeros((90, 80, 3), bool)
    assert canny(np.moveaxis(x, 0, -1), 1.0, axes=(0, 1), out=out) is out
    np.testing.assert_array_equal(out, np.moveaxis(want, 0, -1))
    points = canny(np.moveaxis(x, 0, -1), 1.0, axes=(0, 1), subpixel=True)
    assert points.shape == (want.sum(), 3)
    np.testing.assert_array_equal(np.argwhere(out)[:, 2], points[:, 2])
    mask = x > 40
    np.testing.assert_array_equal(canny(x, 1.0, 3, 9, axes=(1, 2), mask=mask),
                                  np.stack([canny(a, 1.0, 3, 9, mask=b) for a, b in zip(x, mask, strict=True)]))


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("shape", [(700, 300), (129, 33), (4, 700), (60, 13)])
def test_workers_and_pieces_change_nothing(shape, norm, rng, monkeypatch):
    from convkit.engines import trace

    x = ndi.gaussian_filter(rng.standard_normal(shape), 1.0).astype(np.float32)
    whole = canny(x, 1.0, 0.0, 0.12, norm=norm)
    assert whole.any()
    np.testing.assert_array_equal(canny(x, 1.0, 0.0, 0.12, norm=norm, workers=3), whole)
    monkeypatch.setattr(trace, "ROWS", 7)
    monkeypatch.setattr(trace, "STRIP_ELEMENTS", 100)
    for workers in (1, 3):
        np.testing.assert_array_equal(canny(x, 1.0, 0.0, 0.12, norm=norm, workers=workers), whole)
        np.testing.assert_array_equal(canny(x, 1.0, workers=workers), canny(x, 1.0))


def test_pieces_of_volumes_change_nothing(rng, monkeypatch):
    from convkit.engines import trace

    x = ndi.gaussian_filter(rng.standard_normal((30, 40, 50)), 1.0)
    whole = canny(x, 0.5, 0.0, 0.1)
    monkeypatch.setattr(trace, "PLANES", 3)
    monkeypatch.setattr(trace, "BLOCK_ELEMENTS", 2000)
    np.testing.assert_array_equal(canny(x, 0.5, 0.0, 0.1, workers=3), whole)
    assert 100 < whole.sum() < x.size / 2


def test_narrow_images_and_the_smoothed_one_that_is_kept(rng):
    x = ndi.gaussian_filter(rng.standard_normal((40, 60)), 1.0).astype(np.float32)
    for width in (3, 5, 15, 17):
        part = x[:, :width]
        want = canny(np.pad(part, ((0, 0), (0, 40)), mode="symmetric"), 1.0, 0, 0, boundary="symmetric")[:, 1 : width - 1]
        assert np.count_nonzero(canny(part, 1.0, 0, 0, boundary="symmetric")[:, 1 : width - 1] != want) <= 1
    np.testing.assert_array_equal(np.argwhere(canny(x, 1.0, 0.0, 0.1)), np.rint(canny_pixels(x)))


def canny_pixels(x):
    """Pixels whose points are returned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["convkit.edges.subpixel"], "offsets", lambda sample, points: np.zeros(points.shape))
        return canny(x, 1.0, 0.0, 0.1, subpixel=True)


# --- hysteresis ------------------------------------------------------------------------------------------------------
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=4, max_side=9), elements=st.integers(0, 5)),
       st.integers(0, 4), st.integers(0, 4), st.data())
def test_hysteresis_is_labelling(x, low, more, data):
    connectivity = data.draw(st.integers(1, x.ndim))
    labels, _ = ndi.label(x > low, ndi.generate_binary_structure(x.ndim, connectivity))
    kept = np.unique(labels[x > low + more])
    want = np.isin(labels, kept[kept > 0])
    np.testing.assert_array_equal(hysteresis(x, low, low + more, connectivity=connectivity), want)
    if connectivity == x.ndim:
        np.testing.assert_array_equal(hysteresis(x.astype(np.uint8), low, low + more), want)


def test_hysteresis_is_scikit_images():
    filters = pytest.importorskip("skimage.filters")
    x = image("coins")
    for kind in (np.uint8, np.float64):
        want = filters.apply_hysteresis_threshold(x.astype(kind), 90, 170)
        np.testing.assert_array_equal(hysteresis(x.astype(kind), 90, 170, connectivity=1), want)
    assert (hysteresis(x, 90, 170) != want).any()


def test_hysteresis_follows_a_long_path_through_all_pieces():
    x = np.zeros((897, 900), np.uint8)
    x[::4] = 1
    for row in range(0, 896, 4):  # back and forth: each line is joined to the next at one end
        x[row : row + 5, -1 if row % 8 == 0 else 0] = 1
    assert not hysteresis(x, 0, 1).any()
    x[0, 0] = 2
    for workers in (1, 4):
        np.testing.assert_array_equal(hysteresis(x, 0, 1, workers=workers), x > 0)
    x[450] = 0
    got = hysteresis(x, 0, 1)
    np.testing.assert_array_equal(got[:450], x[:450] > 0)
    assert not got[450:].any()


def test_hysteresis_of_batches(rng):
    x = rng.random((5, 30, 40))
    want = np.stack([hysteresis(item, 0.6, 0.95) for item in x])
    np.testing.assert_array_equal(hysteresis(x, 0.6, 0.95, axes=(1, 2)), want)
    np.testing.assert_array_equal(hysteresis(np.moveaxis(x, 0, 2), 0.6, 0.95, channel_axis=2), np.moveaxis(want, 0, 2))
    assert (hysteresis(x, 0.6, 0.95) != want).any()
    x[0, 3] = np.nan
    assert not hysteresis(x, 0.6, 0.95)[0, 3].any()
    out = np.ones((40, 30, 5), bool).T
    assert hysteresis(x, 0.6, 0.95, out=out) is out
    np.testing.assert_array_equal(out, hysteresis(x, 0.6, 0.95))


# --- kernels ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", ["thin_between", "thin_sectors"])
@pytest.mark.parametrize("n", [1, 5, 31, 64, 100])
def test_thinning_is_its_plain_twin(rule, n, dtype, rng):
    plain = getattr(thin, rule)
    compiled = numba.njit(lambda *a: plain(*a), error_model="numpy", fastmath={"contract"})
    place = n + 2
    for spread in (3, 1000):
        rows = np.zeros(5 * place, dtype)
        rows[: 5 * place] = rng.integers(-spread, spread + 1, 5 * place)
        rows[3 * place :][rows[3 * place :] == 0] = 1  # where there is a magnitude, there is a gradient
        rows[: 3 * place] = rng.choice([0.25, 1, 1.25, 2, 2.5], 3 * place)
        got, want = np.full(n + 4, 9, np.uint8), np.full(n + 4, 9, np.uint8)
        arguments = (rows, 0, place, 2 * place, 3 * place, 4 * place, dtype(0.5), dtype(1.5))
        compiled(*arguments, got, 2, n)
        plain(*arguments, want, 2, n)
        np.testing.assert_array_equal(got, want)
        assert n < 64 or set(want[2:-2]) == {0, 2, 3}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [16, 33, 100])
def test_sobel_is_its_plain_twin_and_squares_are_rounded(dtype, n, rng):
    plain = thin.sobel_row
    compiled = numba.njit(lambda *a: plain(*a), error_model="numpy", fastmath={"contract"})
    x = rng.standard_normal(3 * (n + 2)).astype(dtype)
    got, want = np.zeros(3 * n, dtype), np.zeros(3 * n, dtype)
    compiled(x, 0, n + 2, 2 * n + 4, got, 0, n, 2 * n, n)
    plain(x, 0, n + 2, 2 * n + 4, want, 0, n, 2 * n, n)
    np.testing.assert_array_equal(got, want)
    a, b, length = got.reshape(3, n)
    np.testing.assert_array_equal(length, np.sqrt(a * a + b * b))


def test_linking_is_its_plain_twin(rng):
    marks = np.zeros((12, 16), np.uint8)
    marks[1:-1, 1:11] = rng.choice([0, 0, 2, 3], (10, 10), p=[0.3, 0.2, 0.4, 0.1])
    offsets = np.array([-17, -16, -15, -1, 1, 15, 16, 17])
    twins = marks.copy(), marks.copy()
    for m, run in zip(twins, (link.link, link._link), strict=True):
        run(m.reshape(-1), m.reshape(-1).view(np.uint64), 16, 11 * 16, offsets)
    np.testing.assert_array_equal(*twins)
    assert (twins[0] == 1).sum() > (marks == 3).sum()


# --- refusals --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("options", "error", "words"), [
    ({"low": 5, "high": 4}, ValueError, "low=5 is above high=4"),
    ({"low": -1}, ValueError, "low=-1"),
    ({"high": np.nan}, ValueError, "high=nan"),
    ({"high": "much"}, TypeError, "high='much'"),
    ({"high": 1.5, "quantiles": True}, ValueError, "high=1.5 is above 1"),
    ({"sigma": -0.5}, ValueError, "sigma=-0.5"),
    ({"sigma": (1, 2, 3)}, ValueError, r"sigma=\(1, 2, 3\)"),
    ({"norm": "l3"}, ValueError, "norm='l3'"),
    ({"boundary": "mirrored"}, ValueError, "boundary='mirrored'"),
    ({"mask": np.ones((3, 3), bool)}, ValueError, r"mask has shape \(3, 3\).*\(20, 30\)"),
    ({"mask": np.ones((20, 30))}, TypeError, "mask has dtype float64"),
    ({"gradient": np.zeros((20, 30))}, TypeError, "gradient is ndarray"),
    ({"gradient": [np.zeros((20, 30))] * 3}, ValueError, "gradient has 3 arrays for 2 axes"),
    ({"gradient": [np.zeros((20, 30)), np.zeros((20, 31))]}, ValueError, r"gradient\[1\] has shape \(20, 31\)"),
    ({"gradient": [np.zeros((20, 31))] * 2}, ValueError, r"image has shape \(20, 30\).*\(20, 31\)"),
    ({"gradient": [np.zeros((20, 30), complex)] * 2}, TypeError, r"gradient\[0\] has dtype complex128"),
    ({"axes": 0}, ValueError, "1 axes"),
    ({"channel_axis": 1}, ValueError, "1 axes"),
    ({"out": np.zeros((20, 30))}, ValueError, "out has dtype float64"),
    ({"out": np.zeros((20, 30), bool), "subpixel": True}, ValueError, "out cannot hold"),
    ({"workers": 0}, ValueError, "workers=0"),
])
def test_canny_refuses(options, error, words):
    with pytest.raises(error, match=words):
        canny(np.zeros((20, 30)), **options)


def test_canny_refuses_images():
    with pytest.raises(TypeError, match="image has dtype complex128"):
        canny(np.zeros((20, 30), complex))
    with pytest.raises(TypeError, match="image=None"):
        canny(None)
    with pytest.raises(ValueError, match="norm='l1' is a rule for images"):
        canny(np.zeros((5, 6, 7)), norm="l1")
    with pytest.raises(ValueError, match="4 axes"):
        canny(np.zeros((5, 6, 7, 8)))


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"low": 5, "high": 4}, ValueError, "low=5 is above high=4"),
    ({"low": np.inf, "high": 4}, ValueError, "low=inf"),
    ({"low": 1, "high": 4, "connectivity": 3}, ValueError, "connectivity=3"),
    ({"low": 1, "high": 4, "connectivity": 0}, ValueError, "connectivity=0"),
    ({"low": 1, "high": 4, "x": np.zeros((3, 3), complex)}, TypeError, "x has dtype complex128"),
    ({"low": 1, "high": 4, "out": np.zeros((20, 30), int)}, ValueError, "out has dtype"),
])
def test_hysteresis_refuses(options, error, words):
    with pytest.raises(error, match=words):
        hysteresis(**{"x": np.zeros((20, 30)), **options})
