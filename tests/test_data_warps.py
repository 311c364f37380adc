"""Warps: against plain loops, scipy and scikit-image, and where they are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convkit import data
from convkit._core.boundary import index_map
from convkit.engines import warp as engine
from convkit.nn import views

BOUNDARIES = ["zero", "edge", "reflect", "symmetric", "wrap", ("wrap", "edge"), ("zero", "reflect")]
SCIPY = {"zero": "grid-constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "grid-wrap"}
CASES = [
    {"rotation": 33.0},
    {"translation": (2.3, -4.6)},
    {"stretch": (0.7, 1.9)},
    {"shear": -25.0},
    {"lens": 0.4},
    {"lens": -0.25},
    {"rotation": -70.0, "translation": (-1.5, 2.25), "stretch": (1.3, 0.6), "shear": 30.0, "lens": 0.15},
    {"stretch": 0.2, "translation": 11.0},
]  # fmt: skip


def sources(shape, rotation=0.0, translation=0.0, stretch=1.0, shear=0.0, lens=0.0):
    """Where each pixel of an image comes from, by solving the way forth."""
    middle = (np.array(shape) - 1) / 2
    angle, lean = math.radians(rotation), math.tan(math.radians(shear))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    forth = turn @ np.array([[1, 0], [lean, 1]]) @ np.diag(np.broadcast_to(stretch, 2))
    p = np.stack(np.meshgrid(*(np.arange(n) - m for n, m in zip(shape, middle, strict=True)), indexing="ij"))
    p = p * (1 + lens * (p**2).sum(axis=0) / ((middle**2).sum() or 1))
    flat = p.reshape(2, -1) - np.broadcast_to(translation, 2)[:, None]
    return (np.linalg.solve(forth, flat) + middle[:, None]).reshape(2, *shape)


def looped(x, at, boundary):
    """Bilinear samples of the images x at the places `at`, one by one."""
    words = boundary if isinstance(boundary, tuple) else (boundary, boundary)

    def sample(image, r, c):
        found = [int(index_map(n, max(0, -k), max(0, k - n + 1), word)[max(k, 0)]) if k >= 0 else
                 int(index_map(n, -k, 0, word)[0]) for n, k, word in zip(image.shape, (r, c), words, strict=True)]  # fmt: skip
        return 0.0 if min(found) < 0 else float(image[tuple(found)])

    result = np.zeros((*x.shape[:2], *at.shape[1:]))
    for n, c, i, j in np.ndindex(result.shape):
        y, z = at[0, i, j], at[1, i, j]
        a, b = math.floor(y), math.floor(z)
        for r, s in ((a, b), (a, b + 1), (a + 1, b), (a + 1, b + 1)):
            result[n, c, i, j] += (1 - abs(y - r)) * (1 - abs(z - s)) * sample(x[n, c], r, s)
    return result


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_warps_are_plain_loops(case, boundary, dtype, rng):
    x = rng.random((2, 2, 6, 9)).astype(dtype)
    got = data.warp(x, **case, boundary=boundary)
    assert got.dtype == dtype
    want = looped(x, sources((6, 9), **case), boundary)
    np.testing.assert_allclose(got, want, atol=2e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("word", SCIPY)
@pytest.mark.parametrize("shape", [(31, 40), (1, 7), (8, 1), (2, 2), (1, 1)])
def test_warps_are_scipys(case, word, shape, rng):
    from scipy.ndimage import map_coordinates

    x = rng.random(shape)
    got = data.warp(x[None, None], **case, boundary=word)[0, 0]
    np.testing.assert_allclose(got, map_coordinates(x, sources(shape, **case), order=1, mode=SCIPY[word]), atol=1e-11)


@pytest.mark.parametrize("angle", [17.0, -100.0])
def test_a_turn_is_scikit_images(angle, rng):
    transform = pytest.importorskip("skimage.transform")
    x = rng.random((20, 33))
    got = data.warp(x[None, None], rotation=angle, boundary="symmetric")[0, 0]
    np.testing.assert_allclose(got, transform.rotate(x, -angle, order=1, mode="symmetric"), atol=1e-12)


def test_a_turn_is_that_of_the_views(rng):
    x = rng.random((1, 2, 12, 15))
    for settings, motion in (({"rotation": 25}, {"angle": math.radians(25)}), ({"stretch": 1.4}, {"scale": 1.4}),
                             ({"translation": (1.5, -2)}, {"down": 1.5, "right": -2})):  # fmt: skip
        np.testing.assert_allclose(data.warp(x, **settings, boundary="edge"), views.moved(x, **motion), atol=1e-12)


@pytest.mark.parametrize("turns", range(-5, 6))
@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_quarters_of_a_turn_are_numpys(turns, boundary, rng):
    x = rng.random((3, 2, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(data.warp(x, rotation=90 * turns, boundary=boundary), np.rot90(x, -turns, axes=(2, 3)))
    odd = rng.random((1, 1, 7, 7))
    np.testing.assert_array_equal(data.RandomRotation((90 * turns, 90 * turns))(odd, rng), np.rot90(odd, -turns, axes=(2, 3)))


def test_whole_shifts_are_slices(rng):
    x = rng.random((2, 3, 6, 7)).astype(np.float32)
    got = data.warp(x, translation=[(2, -3), (0, 1)])
    np.testing.assert_array_equal(got[0, :, 2:, :4], x[0, :, :4, 3:])
    assert not got[0, :, :2].any()
    assert not got[0, :, :, 4:].any()
    np.testing.assert_array_equal(got[1, :, :, 1:], x[1, :, :, :-1])
    np.testing.assert_array_equal(data.warp(x, translation=(-8, 10), boundary="wrap"), np.roll(x, (-8, 10), axis=(2, 3)))
    assert not data.warp(x, translation=28).any()


def test_half_a_turn_and_flips_agree(rng):
    x = rng.random((4, 1, 9, 4))
    np.testing.assert_array_equal(data.warp(x, rotation=180), np.flip(x, (2, 3)))


def test_a_doubled_image():
    ramp = np.arange(5.0)[None, None, :, None] * np.ones((1, 1, 1, 5))
    got = data.warp(ramp, stretch=(2, 1))
    np.testing.assert_array_equal(got[0, 0, :, 0], [1, 1.5, 2, 2.5, 3])
    np.testing.assert_array_equal(data.warp(ramp, stretch=(1, 2)), ramp)


def test_lines_bend_outwards_for_a_barrel():
    """A line above the middle: its ends come from further out, so that it is seen nearer to the middle there."""
    x = np.zeros((1, 1, 41, 41))
    x[0, 0, 8] = 1
    rows = data.warp(np.repeat(x, 2, axis=0), lens=[0.4, -0.3])[:, 0].argmax(axis=1)
    assert rows[0, 20] < rows[0, 5]
    assert rows[1, 20] > rows[1, 5]


def test_each_image_has_its_own_amounts(rng):
    x = rng.random((3, 2, 10, 12))
    amounts = {"rotation": np.array([0, 20, -30]), "translation": np.array([[0, 0], [1, 2], [0.5, -1]]),
               "stretch": np.array([[1, 1], [1.2, 0.9], [1, 2]]), "shear": np.array([0, 10, -5]),
               "lens": np.array([0, 0.2, 0])}  # fmt: skip
    together = data.warp(x, **amounts, boundary="reflect")
    for i in range(3):
        apart = data.warp(x[i : i + 1], **{name: value[i] for name, value in amounts.items()}, boundary="reflect")
        np.testing.assert_array_equal(together[i], apart[0])
    assert together[0].tobytes() == x[0].tobytes()


def test_small_integers_become_single():
    x = np.arange(12, dtype=np.uint8).reshape(1, 1, 3, 4)
    got = data.warp(x)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, x)


def test_a_constant_image_stays_constant():
    x = np.full((4, 3, 12, 12), 0.1, np.float32)
    got = data.RandomWarp(rotation=180, stretch=(0.5, 2), shear=40, lens=0.3, boundary="edge")(x, np.random.default_rng(0))
    assert (got == x).all()


def test_a_sample_that_is_no_number_stays_among_its_neighbours(rng):
    x = rng.random((2, 1, 5, 5))
    x[0, 0, 0, 0] = np.nan
    got = np.isnan(data.warp(x, translation=(1.5, 1.5)))
    assert got[0, 0, 1:3, 1:3].all()
    assert got.sum() == 4


def test_pieces_are_whole_images(rng, monkeypatch):
    x = rng.random((7, 1, 9, 9))
    whole = data.RandomWarp(rotation=30, lens=0.2)(x, np.random.default_rng(1)), data.RandomCrop(7)(x, np.random.default_rng(1))
    monkeypatch.setattr(engine, "PIECE", 100)
    monkeypatch.setattr(engine, "ALONE", 0.0)
    np.testing.assert_array_equal(data.RandomWarp(rotation=30, lens=0.2)(x, np.random.default_rng(1)), whole[0])
    np.testing.assert_array_equal(data.RandomCrop(7)(x, np.random.default_rng(1)), whole[1])


# What is drawn


def landmark(n, size=41):
    """A broad spot beside the middle of n images, and where it is."""
    rows, columns = np.mgrid[:size, :size] - size // 2
    spot = np.exp(-((rows + 6) ** 2 + (columns - 8) ** 2) / 8)
    return np.repeat(spot[None, None], n, axis=0), np.array([-6.0, 8.0])


def centre(images):
    at = np.arange(images.shape[2]) - images.shape[2] // 2
    mass = images[:, 0].sum(axis=(1, 2))
    return np.stack([(images[:, 0].sum(axis=2) @ at) / mass, (images[:, 0].sum(axis=1) @ at) / mass], axis=1)


def test_amounts_fill_their_range(rng):
    x, at = landmark(300)
    place = centre(data.RandomTranslation((1, 4))(x, rng)) - at
    assert (place > 0.99).all()
    assert (place < 4.01).all()
    assert np.ptp(place, axis=0).min() > 2.8
    assert abs(np.corrcoef(place.T)[0, 1]) < 0.2
    place = centre(data.RandomTranslation(3)(x, rng)) - at
    assert (place.min(axis=0) < -2.8).all()
    assert (place.max(axis=0) > 2.8).all()
    place = centre(data.RandomStretch((0.5, 2))(x, rng)) / at
    assert 0.49 < place.min() < 0.53
    assert 1.9 < place.max() < 2.05
    assert abs((place < 1).mean() - 0.5) < 0.1  # as likely smaller as larger
    place = centre(data.RandomRotation(40)(x, rng))
    angle = np.rad2deg(np.arctan2(place[:, 0], place[:, 1]) - np.arctan2(*at))
    assert -40.1 < angle.min() < -37
    assert 37 < angle.max() < 40.1
    place = centre(data.RandomShear((10, 30))(x, rng)) - at
    assert np.abs(place[:, 0]).max() < 0.05
    shift = place[:, 1] / at[0]
    assert math.tan(math.radians(9.9)) < shift.min() < math.tan(math.radians(11.5))
    assert math.tan(math.radians(28.5)) < shift.max() < math.tan(math.radians(30.1))
    far = np.linalg.norm(centre(data.RandomLensDistortion((-0.2, 0.2))(x, rng)), axis=1) / 10
    assert far.min() < 0.99 < 1.01 < far.max()


def test_a_lens_moves_by_its_formula():
    x, at = landmark(1, 81)
    k = 0.5
    seen = np.linalg.norm(centre(data.RandomLensDistortion((k, k))(x, np.random.default_rng(0)))[0])
    r = seen / math.hypot(40, 40)
    assert abs(r * (1 + k * r * r) * math.hypot(40, 40) - math.hypot(*at)) < 0.06


def test_one_warp_is_its_parts_in_order(rng):
    """Amounts of one transform together: stretched, sheared, turned, shifted."""
    x = rng.random((1, 1, 15, 15))
    together = data.warp(x, rotation=90, translation=(3, 0), stretch=(1, 0.5))
    apart = data.warp(data.warp(data.warp(x, stretch=(1, 0.5)), rotation=90), translation=(3, 0))
    np.testing.assert_allclose(together, apart, atol=1e-12)
    other = data.warp(data.warp(data.warp(x, rotation=90), stretch=(1, 0.5)), translation=(3, 0))
    assert np.abs(together - other).max() > 0.1


@pytest.mark.parametrize(("call", "words"), [
    (lambda x: data.warp(x, rotation=np.nan), "rotation holds nan"),
    (lambda x: data.warp(x, rotation=[1, 2, 3]), r"rotation has shape \(3,\).*broadcast to \(2,\)"),
    (lambda x: data.warp(x, translation=129), "translation holds 129.0; allowed are -128 to 128"),
    (lambda x: data.warp(x, translation=np.inf), "translation holds inf"),
    (lambda x: data.warp(x, stretch=0), "stretch holds 0.0; allowed are 0.0625 to 16"),
    (lambda x: data.warp(x, stretch=[1, -2]), "stretch holds -2.0"),
    (lambda x: data.warp(x, shear=[0, 81]), "shear holds 81.0"),
    (lambda x: data.warp(x, lens=-0.34), "lens holds -0.34"),
    (lambda x: data.warp(x, boundary="constantly"), "boundary='constantly'"),
    (lambda x: data.warp(x[0]), "images has shape"),
    (lambda x: data.RandomRotation(-5), "degrees=-5"),
    (lambda x: data.RandomRotation(1e5), "degrees=100000.0"),
    (lambda x: data.RandomTranslation((2, 1)), "pixels=.2, 1."),
    (lambda x: data.RandomStretch(1.5), "factors=1.5 is a single number"),
    (lambda x: data.RandomStretch((0.01, 1)), "factors=.0.01, 1. is not allowed; it may be 0.0625 to 16"),
    (lambda x: data.RandomShear(90), "degrees=90"),
    (lambda x: data.RandomLensDistortion((-0.5, 0)), "strength=.-0.5, 0. is not allowed; it may be -0.3 to 1"),
    (lambda x: data.RandomWarp(rotation="much"), "rotation='much'"),
    (lambda x: data.RandomWarp(stretch=(0, 1)), "stretch=.0, 1. is not allowed; it may be 0.0625 to 16"),
    (lambda x: data.RandomWarp(shear=81), "shear=81"),
    (lambda x: data.RandomWarp(lens=2), "lens=2 is not allowed; it may be -0.3 to 1"),
    (lambda x: data.RandomTranslation((129, 130))(x, np.random.default_rng(3)), "allowed are -128 to 128"),
    (lambda x: data.RandomScaleCrop(8, 8), "short_side=8 is a single number"),
    (lambda x: data.RandomScaleCrop(8, (8.5, 9)), "whole numbers"),
    (lambda x: data.RandomScaleCrop(8, (0, 9)), "1 to inf"),
    (lambda x: data.RandomScaleCrop(9, (8, 10)), "size=9 is larger than the least short side, 8"),
    (lambda x: data.RandomScaleCrop((8, 12), (8, 8))(x, np.random.default_rng(0)), "smallest scaled image, 8 rows of 8"),
])  # fmt: skip
def test_refusals(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call(np.zeros((2, 1, 8, 8)))


# Scale and crop


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (16, 16), (7, 50)])
@pytest.mark.parametrize("length", [7, 16, 20, 33])
def test_a_whole_scaled_image_is_scikit_images(shape, length, rng):
    transform = pytest.importorskip("skimage.transform")
    x = rng.random((2, 3, *shape))
    scaled = [math.floor(n * length / min(shape) + 0.5) for n in shape]
    got = data.RandomScaleCrop(tuple(scaled), (length, length))(x, rng)
    want = transform.resize(x, (2, 3, *scaled), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_crops_of_scaled_images_are_windows_of_them(rng):
    x = rng.random((60, 1, 12, 18))
    got = data.RandomScaleCrop((9, 10), (10, 14))(x, rng)
    assert got.shape == (60, 1, 9, 10)
    lengths = set()
    for image, crop in zip(x, got, strict=True):
        for length in range(10, 15):
            whole = data.RandomScaleCrop((length, (2 * 18 * length + 12) // 24), (length, length))(image[None], rng)[0, 0]
            windows = np.lib.stride_tricks.sliding_window_view(whole, (9, 10))
            if np.isclose(windows, crop[0], atol=1e-12).all(axis=(2, 3)).any():
                lengths.add(length)
                break
        else:
            pytest.fail("a crop that is no window of a scaled image")
    assert lengths == set(range(10, 15))


def test_without_scale_it_is_a_crop_bit_for_bit(rng):
    x = rng.random((30, 2, 12, 15)).astype(np.float32)
    got = data.RandomScaleCrop(8, (12, 12))(x, rng)
    windows = np.lib.stride_tricks.sliding_window_view(x, (8, 8), axis=(2, 3))
    places = [np.argwhere((w == crop[:, None, None]).all(axis=(0, 3, 4))) for w, crop in zip(windows, got, strict=True)]
    assert all(len(place) == 1 for place in places)
    assert len({tuple(place[0]) for place in places}) > 10
