"""Flips, crops, contrast, brightness, and several transforms together."""

from __future__ import annotations

import numpy as np
import pytest

import convkit
from convkit import data
from convkit.engines import warp as engine

DTYPES = [np.float32, np.float64, np.uint8, np.int16, np.int64, np.float16, bool, np.dtype(">f4")]

NEUTRAL = {
    "horizontal flip": data.RandomHorizontalFlip(0),
    "vertical flip": data.RandomVerticalFlip(0),
    "crop": data.RandomCrop((14, 17)),
    "contrast": data.RandomContrast((1, 1)),
    "brightness": data.RandomBrightness(0),
    "warp": data.RandomWarp(),
    "rotation": data.RandomRotation(0),
    "translation": data.RandomTranslation(0),
    "stretch": data.RandomStretch((1, 1)),
    "shear": data.RandomShear(0),
    "lens": data.RandomLensDistortion(0),
    "scale": data.RandomScaleCrop((14, 17), (14, 14)),
    "several": data.Compose([data.RandomRotation(0), data.RandomBrightness(0)]),
    "mix": data.RandomMix([data.RandomShear(0), data.RandomContrast((1, 1))]),
}
CHANGING = {
    "horizontal flip": data.RandomHorizontalFlip(),
    "vertical flip": data.RandomVerticalFlip(),
    "crop": data.RandomCrop(12, padding=(2, 3), boundary="reflect"),
    "contrast": data.RandomContrast(),
    "brightness": data.RandomBrightness(),
    "warp": data.RandomWarp(rotation=9, translation=2, stretch=(0.8, 1.2), shear=5, lens=0.1, boundary="wrap"),
    "rotation": data.RandomRotation(),
    "translation": data.RandomTranslation(),
    "stretch": data.RandomStretch(),
    "shear": data.RandomShear(),
    "lens": data.RandomLensDistortion(),
    "scale": data.RandomScaleCrop(12, (12, 20)),
    "several": data.Compose([data.RandomHorizontalFlip(), data.RandomCrop(14, 2), data.RandomShear()]),
    "mix": data.RandomMix([data.RandomRotation(), data.RandomBrightness(), data.RandomShear()]),
    "one of": data.RandomMix([data.RandomRotation(), data.RandomBrightness(), data.RandomShear()], 1),
}


def draw(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", NEUTRAL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neutral_parameters_change_no_bit(name, dtype, rng):
    x = rng.standard_normal((5, 3, 14, 17)).astype(dtype)
    got = NEUTRAL[name](x, draw())
    assert got.dtype == dtype
    assert got.tobytes() == x.tobytes()
    assert not np.shares_memory(got, x)


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_seed_fixes_the_result_whatever_the_workers(name, dtype, rng):
    x = rng.random((60, 3, 32, 32)).astype(dtype)
    x.flags.writeable = False
    results = []
    for workers in (1, 2, 5):
        with convkit.set_workers(workers):
            results.append(CHANGING[name](x, draw(7)))
    assert results[0].dtype == dtype
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
    assert results[0].tobytes() != CHANGING[name](x, draw(8)).tobytes()


@pytest.mark.parametrize("name", CHANGING)
def test_images_are_drawn_for_apart(name):
    x = np.repeat(draw().random((1, 2, 20, 20)), 12, axis=0)
    got = CHANGING[name](x, draw())
    assert len(np.unique(got.reshape(12, -1), axis=0)) > 1


@pytest.mark.parametrize("name", CHANGING)
def test_layouts_of_memory_make_no_difference(name, rng):
    x = rng.random((6, 20, 20, 3)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(CHANGING[name](x, draw()), CHANGING[name](x.copy(), draw()))
    np.testing.assert_array_equal(CHANGING[name](x[::-2], draw()), CHANGING[name](x[::-2].copy(), draw()))


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize(("images", "rng", "error", "words"), [
    (np.zeros((20, 20)), draw(), ValueError, r"images has shape \(20, 20\).*image\[None\]"),
    (np.zeros((1, 1, 20, 20), complex), draw(), ValueError, "complex128"),
    (np.zeros((1, 1, 20, 20)), 3, TypeError, "rng=3"),
    (np.zeros((1, 1, 20, 20)), np.random.RandomState(0), TypeError, "default_rng"),
])  # fmt: skip
def test_what_is_no_batch_is_refused(name, images, rng, error, words):
    with pytest.raises(error, match=words):
        CHANGING[name](images, rng)


# Flips


@pytest.mark.parametrize("dtype", DTYPES)
def test_flips_are_numpys(dtype, rng):
    x = (8 * rng.random((3, 2, 5, 7))).astype(dtype)
    for transform, axis in ((data.RandomHorizontalFlip(1), 3), (data.RandomVerticalFlip(1), 2)):
        got = transform(x, draw())
        assert got.dtype == x.dtype
        np.testing.assert_array_equal(got, np.flip(x, axis))


def test_the_probability_of_a_flip(rng):
    x = rng.random((4000, 1, 1, 2))
    for p in (0.1, 0.5):
        got = data.RandomHorizontalFlip(p)(x, draw())
        turned = got[:, 0, 0, 0] == x[:, 0, 0, 1]
        np.testing.assert_array_equal(got[~turned], x[~turned])
        assert abs(turned.mean() - p) < 4 * np.sqrt(p * (1 - p) / len(x))


# Crops


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", ["zero", "edge", "reflect", "symmetric", "wrap", ("reflect", "wrap")])
@pytest.mark.parametrize(("size", "padding"), [(5, 0), ((4, 6), 2), (9, (3, 1)), ((17, 2), (6, 0)), (1, 9)])
def test_crops_are_windows_of_the_padded_image(size, padding, boundary, dtype, rng):
    x = (8 * rng.random((40, 2, 5, 7))).astype(dtype)
    got = data.RandomCrop(size, padding, boundary)(x, draw())
    h, w = size if isinstance(size, tuple) else (size, size)
    p, q = padding if isinstance(padding, tuple) else (padding, padding)
    words = boundary if isinstance(boundary, tuple) else (boundary, boundary)
    large = convkit.pad(x, [(0, 0), (0, 0), (p, p), (q, q)], boundary=("zero", "zero", *words))
    windows = np.lib.stride_tricks.sliding_window_view(large, (h, w), axis=(2, 3))
    assert got.dtype == x.dtype
    assert got.shape == (40, 2, h, w)
    for image, crop in zip(windows, got, strict=True):
        assert (image == crop[:, None, None]).all(axis=(0, 3, 4)).any()


@pytest.mark.parametrize("boundary", ["zero", "reflect", "wrap"])
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False), (True, True)])
def test_windows_are_cut_and_turned_together(turned, boundary, rng):
    """The engine takes any image for an item, and turns a window that reaches beyond the edges."""
    x, images = rng.random((3, 2, 5, 6)), np.array([2, 0, 2, 1])
    corners = np.array([[0, 0], [3, 7], [1, 4], [5, 8]])
    got = np.empty((4, 2, 4, 5))
    engine.cut(x, images, corners, np.tile(turned, (4, 1)), (2, 4), (boundary, boundary), got)
    large = convkit.pad(x, [(0, 0), (0, 0), (2, 2), (4, 4)], boundary=boundary)
    steps = [slice(None, None, -1 if t else 1) for t in turned]
    for item, image, (top, left) in zip(got, images, corners, strict=True):
        np.testing.assert_array_equal(item, large[image, :, top : top + 4, left : left + 5][:, steps[0], steps[1]])


def test_every_place_of_a_crop_is_as_likely():
    x = np.arange(20.0).reshape(1, 1, 4, 5).repeat(6000, axis=0)
    counts = np.bincount(data.RandomCrop((3, 2))(x, draw())[:, 0, 0, 0].astype(int), minlength=20).reshape(4, 5)
    assert not counts[2:].any()
    assert not counts[:, 4:].any()
    assert np.abs(counts[:2, :4] - 750).max() < 4 * np.sqrt(750)


def test_the_ten_crops():
    x = np.arange(2 * 3 * 6 * 9).reshape(2, 3, 6, 9)
    got = data.TenCrop((4, 5))(x)
    assert got.shape == (2, 10, 3, 4, 5)
    assert got.dtype == x.dtype
    five = [x[..., :4, :5], x[..., :4, 4:], x[..., 2:, :5], x[..., 2:, 4:], x[..., 1:5, 2:7]]
    np.testing.assert_array_equal(got, np.stack([*five, *(part[..., ::-1] for part in five)], axis=1))
    square = np.arange(36.0).reshape(1, 1, 6, 6)
    np.testing.assert_array_equal(data.TenCrop(6)(square, draw())[0, :5, 0], np.repeat(square[0], 5, axis=0))
    # 5 of 8 leave 3: the middle begins at 1.5, which is 2 to even.
    np.testing.assert_array_equal(data.TenCrop(5)(np.arange(64).reshape(1, 1, 8, 8))[0, 4, 0, 0, 0], 2 * 8 + 2)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: data.RandomCrop(0), "size=0"),
    (lambda: data.RandomCrop((3, 0)), "at least one row"),
    (lambda: data.RandomCrop((3, 3, 3)), "3 values for 2 axes"),
    (lambda: data.RandomCrop(3, -1), "padding=-1"),
    (lambda: data.RandomCrop(3, 1, "magic"), "boundary='magic'"),
    (lambda: data.RandomCrop(9, 1)(np.zeros((1, 1, 7, 6)), draw()), r"size=\(9, 9\) is larger than .* 9 rows of 8 columns"),
    (lambda: data.TenCrop(7)(np.zeros((1, 1, 8, 6))), "larger than the images, 8 rows of 6 columns"),
    (lambda: data.TenCrop((0, 1)), "size="),
    (lambda: data.RandomHorizontalFlip(1.5), "p=1.5"),
    (lambda: data.RandomVerticalFlip(-0.1), "p=-0.1"),
    (lambda: data.RandomContrast((-0.1, 1)), "factors=.* 0 to inf"),
    (lambda: data.RandomContrast(0.5), "single number; give a pair"),
    (lambda: data.RandomContrast((1, 0.5)), "first of the pair"),
    (lambda: data.RandomBrightness(-1), "amount=-1"),
    (lambda: data.RandomBrightness((1, 2, 3)), "has 3 numbers"),
    (lambda: data.RandomMix([data.RandomShear()], 2), "count=2 is more than the 1 transforms"),
    (lambda: data.RandomMix([data.RandomCrop(4)], 1)(np.zeros((2, 1, 5, 5)), draw()), "RandomCrop made images of shape"),
])  # fmt: skip
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("kind", [data.Compose, data.RandomMix])
@pytest.mark.parametrize("given", [[], [3], None, data.RandomShear()])
def test_only_lists_of_transforms_are_put_together(kind, given):
    with pytest.raises(TypeError, match="must be a list of at least one transform"):
        kind(given)


# Contrast and brightness


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_contrast_and_brightness_are_the_formulas(dtype, rng):
    x = (100 * rng.random((50, 3, 6, 7))).astype(dtype)
    wide = x.astype(float)
    mean = wide.mean(axis=(1, 2, 3), keepdims=True)
    got = data.RandomContrast((0.5, 2))(x, draw())
    assert got.dtype == (np.float64 if dtype == np.float64 else np.float32)
    factor = (got - mean).std(axis=(1, 2, 3)) / wide.std(axis=(1, 2, 3))
    assert 0.5 <= factor.min() < 0.7
    assert 1.8 < factor.max() <= 2
    np.testing.assert_allclose(got, mean + factor[:, None, None, None] * (wide - mean), atol=1e-3)
    got = data.RandomBrightness((-20, 30))(x, draw())
    added = (got - wide).mean(axis=(1, 2, 3), keepdims=True)
    assert -20 <= added.min() < -15
    assert 25 < added.max() <= 30
    np.testing.assert_allclose(got, wide + added, atol=1e-4)
    assert np.abs(data.RandomBrightness(0.5)(0 * x, draw())).max() <= 0.5


# Together


def test_compose_applies_in_order(rng):
    x = rng.random((3, 1, 4, 4))
    add, double = (lambda images, rng: images + 1), (lambda images, rng: images * 2)
    np.testing.assert_array_equal(data.Compose([add, double])(x, rng), (x + 1) * 2)
    np.testing.assert_array_equal(data.Compose([double, add])(x, rng), x * 2 + 1)
    both = data.Compose([data.RandomHorizontalFlip(), data.RandomShear()])(x, draw(4))
    source = draw(4)
    np.testing.assert_array_equal(both, data.RandomShear()(data.RandomHorizontalFlip()(x, source), source))


def adders(count):
    """Transforms that leave a mark of their own."""
    return [lambda images, rng, k=k: images + 10.0**k for k in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_mix_of_so_many(count):
    got = data.RandomMix(adders(3), count)(np.zeros((3000, 1, 1, 1)), draw()).ravel()
    marks = np.stack([got // 10**k % 10 for k in range(3)])
    assert (marks.sum(axis=0) == count).all()
    assert np.abs(marks.mean(axis=1) - count / 3).max() < 4 * np.sqrt(0.25 / 3000)


def test_a_mix_of_a_random_subset():
    got = data.RandomMix(adders(3))(np.zeros((4000, 1, 1, 1)), draw()).ravel()
    values, counts = np.unique(got, return_counts=True)
    assert values.tolist() == [0, 1, 10, 11, 100, 101, 110, 111]
    assert np.abs(counts - 500).max() < 4 * np.sqrt(500)


def test_a_mix_applies_in_order():
    steps = [lambda images, rng: images + 1, lambda images, rng: images * 3]
    assert (data.RandomMix(steps, 2)(np.zeros((5, 1, 1, 1)), draw()) == 3).all()


def test_a_mix_leaves_what_it_is_given():
    x = np.zeros((4, 1, 2, 2))
    data.RandomMix(adders(2), 2)(x, draw())
    assert not x.any()


def test_a_loader_augments(rng):
    x = rng.integers(0, 256, (20, 3, 32, 32)).astype(np.uint8)
    change = data.Compose([data.RandomCrop(32, 4, "reflect"), data.RandomHorizontalFlip(), data.RandomRotation(10),
                           data.Standardize(127.5, 127.5)])  # fmt: skip
    one, same, other = ([images for images, _ in data.ArrayLoader(x, np.arange(20), 8, seed=s, transform=change)]
                        for s in (0, 0, 1))  # fmt: skip
    assert [images.shape for images in one] == [(8, 3, 32, 32), (8, 3, 32, 32), (4, 3, 32, 32)]
    assert one[0].dtype == np.float32
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert not any((a == b).all() for a, b in zip(one, other, strict=True))
