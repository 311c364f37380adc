"""The filter for edges of one direction: what it answers to, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convkit
from convkit import edges

SIDE = 61


def half_plane(turn, offset=0.5, fine=16):
    """A straight edge, samples growing along the direction `turn` in degrees; each sample the mean over its square."""
    at = (np.arange(SIDE * fine) + 0.5) / fine - 0.5 - SIDE // 2
    t = np.deg2rad(turn)
    bright = (at[None, :] - offset) * np.cos(t) + at[:, None] * np.sin(t) > 0
    return bright.reshape(SIDE, fine, SIDE, fine).mean((1, 3))


def answer(image, angle=0.0, width=15):
    return convkit.convolve(image, edges.edge_filter(np.deg2rad(angle), width), mode="valid", method="direct")


@pytest.mark.parametrize("width", [7, 9, 15, 31])
@pytest.mark.parametrize("angle", [0, 30, 90, 211.5])
def test_weights_are_odd_and_lie_within_the_disc(width, angle):
    weights = edges.edge_filter(np.deg2rad(angle), width)
    assert weights.shape == (width, width)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights, -weights[::-1, ::-1], rtol=0, atol=1e-15)
    assert abs(weights.sum()) < 1e-14
    at = np.arange(width) - width // 2
    outside = at[:, None] ** 2 + at**2 > (width / 2) ** 2
    assert not weights[outside].any()
    assert (weights[~outside] != 0).mean() > 0.75
    np.testing.assert_allclose(edges.edge_filter(np.deg2rad(angle + 180), width), -weights, atol=1e-12)
    np.testing.assert_allclose(edges.edge_filter(np.deg2rad(angle + 90), width), np.rot90(weights, -1), atol=1e-12)


def test_a_vertical_step_gives_one_and_falling_minus_one():
    image = np.zeros((40, 60))
    image[:, 30:] = 1
    found = convkit.convolve(image, edges.edge_filter(0, 15), boundary="edge")
    np.testing.assert_allclose(found[:, 29:31], 1, atol=1e-14)
    assert np.abs(found).max() < 1 + 1e-12
    np.testing.assert_allclose(convkit.convolve(1 - image, edges.edge_filter(0, 15), boundary="edge"), -found, atol=1e-14)
    near = np.abs(np.arange(60) - 29.5) < 7.5
    assert (np.abs(found[:, near]) > 1e-12).mean() > 0.9
    assert np.abs(found[:, ~near]).max() < 1e-15


@pytest.mark.parametrize(("angle", "close", "far"), [(0, 0.95, 0.15), (90, 0.95, 0.15), (20, 0.87, 0.17), (135, 0.87, 0.17)])
def test_how_much_a_turned_edge_keeps(angle, close, far):
    """The figures of the filter of width 15; an edge along the samples keeps more of its answer when it is turned a little."""
    straight = max(np.abs(answer(half_plane(angle, offset), angle)).max() for offset in (0.5, 0.25, 0))
    assert 0.85 < straight < 1.2
    for turn, least, most in ((5, close, 1.02), (-5, close, 1.02), (30, 0.05, far), (-30, 0.05, far), (45, 0.01, 0.05),
                              (-45, 0.01, 0.05), (90, 0, 0.03)):
        kept = max(np.abs(answer(half_plane(angle + turn, offset), angle)).max() for offset in (0.5, 0.25, 0)) / straight
        assert least <= kept <= most, (turn, kept)


def test_the_filter_chooses_more_sharply_the_wider_it_is():
    kept = [np.abs(answer(half_plane(30), width=w)).max() / np.abs(answer(half_plane(0), width=w)).max()
            for w in (7, 9, 11, 15, 21)]
    assert kept == sorted(kept, reverse=True)


def test_horizontal_edges_give_nothing():
    image = np.repeat(np.random.default_rng(1).integers(0, 255, (60, 1)) * 1.0, 50, 1)
    found = convkit.convolve(image, edges.edge_filter(0, 15), boundary="reflect", method="direct")
    assert np.abs(found).max() < 1e-12 * 255
    turned = convkit.convolve(image.T, edges.edge_filter(np.pi / 2, 15), boundary="reflect", method="direct")
    assert np.abs(turned).max() < 1e-11 * 255


@given(st.integers(0, 2**32 - 1), st.floats(-4, 4), st.sampled_from([7, 9, 15]))
def test_piecewise_constant_images_are_left_alone_away_from_their_edges(seed, angle, width):
    rng = np.random.default_rng(seed)
    r, c = np.indices((70, 70))
    image = np.zeros((70, 70))
    for _ in range(3):
        at, t = rng.uniform(10, 60, 2), rng.uniform(0, 2 * np.pi)
        image += rng.integers(-9, 9) * ((c - at[0]) * np.cos(t) + (r - at[1]) * np.sin(t) > 0)
    found = convkit.convolve(image, edges.edge_filter(angle, width), boundary="edge", method="direct")
    # Samples whose whole disc, as far as it lies in the image, has one value.
    alone = np.ones(image.shape, bool)
    padded = np.pad(image, width // 2, "edge")
    for i, j in np.ndindex(width, width):
        if (i - width // 2) ** 2 + (j - width // 2) ** 2 <= (width / 2) ** 2:
            alone &= padded[i : i + 70, j : j + 70] == image
    assert np.abs(found[alone]).max(initial=0) < 1e-12


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ((np.nan, 15), ValueError, "angle=nan"),
    (("up", 15), TypeError, "angle='up'"),
    ((0, 14), ValueError, "width=14.*odd"),
    ((0, 5), ValueError, "width=5.*7 or more"),
    ((0, 7.5), TypeError, "width=7.5.*whole"),
])
def test_refusals(arguments, error, words):
    with pytest.raises(error, match=words):
        edges.edge_filter(*arguments)
