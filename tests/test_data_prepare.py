"""Scaling samples, and setting some aside."""

from __future__ import annotations

import numpy as np
import pytest

from convkit import data


@pytest.mark.parametrize("shape", [(50, 3), (7, 2, 9), (9, 3, 8, 11), (1, 2, 4, 4), (5, 1, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64])
def test_standardize_is_the_formula(shape, dtype, rng):
    x = rng.integers(0, 200, shape).astype(dtype)
    scale = data.Standardize().fit(x)
    axes = tuple(a for a in range(x.ndim) if a != 1)
    wide = x.astype(np.float64)
    mean = wide.mean(axis=axes, keepdims=True)
    sigma = np.sqrt(((wide - mean) ** 2).mean(axis=axes, keepdims=True))  # biased, as the notes have it
    np.testing.assert_allclose(scale.mean, mean.reshape(-1), rtol=1e-13)
    np.testing.assert_allclose(scale.std, np.where(sigma == 0, 1, sigma).reshape(-1), rtol=1e-12)
    got = scale(x)
    single = dtype in (np.float32, np.uint8)
    assert got.dtype == (np.float32 if single else np.float64)
    np.testing.assert_allclose(got, (wide - mean) / np.where(sigma == 0, 1, sigma), atol=1e-5 if single else 1e-12)
    np.testing.assert_allclose(scale.inverse(got), wide, atol=1e-4 if single else 1e-11)


def test_samples_are_widened_in_parts_without_a_seam(rng):
    x = (1e4 + rng.standard_normal((1000, 3, 8, 8))).astype(np.float32)
    scale = data.Standardize().fit(x)
    np.testing.assert_allclose(scale.mean, x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-14)
    np.testing.assert_allclose(scale.std, x.astype(np.float64).std(axis=(0, 2, 3)), rtol=1e-10)
    np.testing.assert_allclose(data.PixelMean().fit(x).mean, x.mean(axis=0, dtype=np.float64), rtol=1e-14)


def test_what_is_constant_is_only_shifted():
    x = np.full((5, 2), 0.1)
    x[:, 1] = np.arange(5)
    got = data.Standardize().fit(x)(x)
    assert np.abs(got[:, 0]).max() < 1e-15
    assert abs(got[:, 1].std() - 1) < 1e-12


def test_known_mean_and_deviation():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    np.testing.assert_array_equal(data.Standardize(0.5, 2)(x), (x - 0.5) / 2)
    np.testing.assert_array_equal(data.Standardize([0, 1, 2], [1, 2, 4])(x), (x - [[0], [1], [2]]) / [[1], [2], [4]])


def test_it_stands_among_transforms(rng):
    x = rng.integers(0, 256, (4, 3, 8, 8)).astype(np.uint8)
    both = data.Compose([data.RandomHorizontalFlip(1), data.Standardize(127.5, 127.5), data.PixelMean().fit(np.ones_like(x))])
    got = both(x, rng)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, x[..., ::-1] / 127.5 - 2, atol=1e-6)


def test_pixel_mean(rng):
    x = rng.integers(0, 256, (6, 2, 3, 4)).astype(np.uint8)
    mean = data.PixelMean().fit(x)
    assert mean.mean.shape == (2, 3, 4)
    got = mean(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, x - x.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(mean.inverse(got), x, atol=1e-5)


def test_nothing_given_is_changed(rng):
    x = rng.random((4, 2, 3))
    before = x.copy()
    x.flags.writeable = False
    for scale in (data.Standardize().fit(x), data.PixelMean().fit(x)):
        scale.inverse(scale(x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: data.Standardize(1), "give both"),
    (lambda: data.Standardize(std=1), "give both"),
    (lambda: data.Standardize(0, 0), "positive"),
    (lambda: data.Standardize(np.nan, 1), "finite"),
    (lambda: data.Standardize([[1]], 1), "one for each channel"),
    (lambda: data.Standardize()(np.zeros((2, 2))), "call fit"),
    (lambda: data.Standardize().inverse(np.zeros((2, 2))), "call fit"),
    (lambda: data.Standardize([1, 2], 1)(np.zeros((5, 3, 4))), "3 channels along axis 1, and mean is for 2"),
    (lambda: data.Standardize(1, [1, 2])(np.zeros((5, 3, 4))), "3 channels along axis 1, and std is for 2"),
    (lambda: data.Standardize().fit(np.zeros(4)), r"shape \(4,\)"),
    (lambda: data.Standardize().fit(np.zeros((4, 2), complex)), "complex128"),
    (lambda: data.PixelMean()(np.zeros((2, 2))), "call fit"),
    (lambda: data.PixelMean().fit(np.zeros((2, 3)))(np.zeros((2, 4))), r"samples of shape \(4,\)"),
    (lambda: data.split(np.zeros(3), np.zeros(2)), "x has 3 samples and y 2"),
    (lambda: data.split(np.zeros(3), np.zeros(3), 0.1), "sets 0 aside"),
    (lambda: data.split(np.zeros(3), np.zeros(3), 0.9), "sets 3 aside"),
    (lambda: data.split(np.zeros(30), np.zeros(30), 1.0), "fraction=1.0"),
    (lambda: data.split(np.zeros(30), np.zeros(30), 0.0), "fraction=0.0"),
    (lambda: data.split(np.zeros(3), np.zeros((3, 2)), 0.5), "stratify=True"),
    (lambda: data.split(np.zeros(3), np.zeros(3), 0.5, -1), "seed=-1"),
])  # fmt: skip
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_a_split_is_two_parts_of_the_whole(stratify, fraction, rng):
    y = rng.integers(0, 5, 97)
    x = np.arange(97.0)
    (kept, of_kept), (aside, of_aside) = data.split(x, y, fraction, 3, stratify)
    assert len(aside) == len(of_aside) == round(fraction * 97)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, aside])), x)
    for part, its in ((kept, of_kept), (aside, of_aside)):
        np.testing.assert_array_equal(its, y[part.astype(int)])
        assert (np.diff(part) > 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_each_class_gives_its_share(seed):
    y = np.repeat([7, -1, 3, 100], [40, 11, 3, 1])
    _, (_, aside) = data.split(y, y, 0.3, seed)
    for label in np.unique(y):
        assert abs((aside == label).sum() - 0.3 * (y == label).sum()) < 1
    counts = {tuple(np.bincount(data.split(y, y, 0.3, s, stratify=False)[1][1] + 1, minlength=102)) for s in range(5)}
    assert len(counts) > 1


def test_the_seed_of_a_split():
    x, y = np.arange(50), np.arange(50) % 5
    one, same, other = (data.split(x, y, 0.2, seed)[1][0].tolist() for seed in (1, 1, 2))
    assert one == same != other
    plain, again = (data.split(x, y, 0.2, seed, stratify=False)[1][0].tolist() for seed in (1, 2))
    assert plain != again


def test_the_default_sets_a_tenth_aside_and_stratifies():
    (kept, _), (_, aside) = data.split(np.zeros((200, 2)), np.arange(200) % 10)
    assert kept.shape == (180, 2)
    assert np.bincount(aside).tolist() == [2] * 10
