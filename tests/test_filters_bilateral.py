"""The bilateral mean: its definition, the peers where they agree with it, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import pywt.data
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit.filters.rank import bilateral
from convkit.kernels.bilateral import power_of_two

BOUNDARIES = ("zero", "edge", "reflect", "symmetric", "wrap")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_of_two(dtype):
    from numba import njit

    def fill(x, out):
        for i in range(x.size):
            out[i] = power_of_two(x[i])

    least = -126 if dtype == np.float32 else -1022
    x = np.concatenate([np.linspace(least, 0, 100_003), -np.logspace(-9, 1, 1000), [0, -1, -0.5, -1.5]]).astype(dtype)
    out = np.empty_like(x)
    njit(fill)(x, out)
    exact = np.exp2(x.astype(np.longdouble))
    assert (abs(out - exact) <= (2.5e-7 if dtype == np.float32 else 5e-16) * exact).all()
    plain = np.empty_like(x)
    fill(x, plain)
    np.testing.assert_allclose(out, plain, rtol=4e-7 if dtype == np.float32 else 1e-15)
    bad = np.array([np.nan, -np.inf, 2 * least], dtype)
    for run in (fill, njit(fill)):
        got = np.empty_like(bad)
        run(bad, got)
        assert ((got > 0) & (got < 10.0 ** (least // 4))).all()


def slow_bilateral(x, sigma_space, sigma_color, radius, boundary="reflect", channels=False):
    x = np.asarray(x, np.float64)
    planes = x if channels else x[..., None]
    dim = planes.ndim - 1
    space = np.broadcast_to(sigma_space, dim)
    radius = np.broadcast_to(radius, dim)
    mode = {"zero": "constant"}.get(boundary, boundary)
    padded = np.pad(planes, [(r, r) for r in radius] + [(0, 0)], mode=mode)
    total, weights = np.zeros_like(planes), np.zeros(planes.shape[:-1])
    for place in itertools.product(*(range(-r, r + 1) for r in radius)):
        there = padded[tuple(slice(r + p, r + p + n) for r, p, n in zip(radius, place, x.shape, strict=False))]
        distance = sum((p / s) ** 2 for p, s in zip(place, space, strict=True))
        w = np.exp(-distance / 2 - ((there - planes) ** 2).sum(axis=-1) / (2 * sigma_color**2))
        total += w[..., None] * there
        weights += w
    result = total / weights[..., None]
    return result if channels else result[..., 0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bilateral_is_its_definition(data):
    dim = data.draw(st.sampled_from((1, 2, 3)))
    shape = tuple(data.draw(st.integers(1, (70, 12, 7)[dim - 1])) for _ in range(dim))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    channels = data.draw(st.booleans())
    x = rng.standard_normal(shape + ((data.draw(st.integers(1, 4)),) if channels else ()))
    x = x.astype(data.draw(st.sampled_from(("float32", "float64"))))
    space = tuple(data.draw(st.sampled_from((0.4, 1.0, 2.5))) for _ in range(dim))
    color = data.draw(st.sampled_from((0.05, 0.7, 30.0)))
    size = tuple(data.draw(st.sampled_from((1, 3, 5) if dim == 3 else (1, 3, 5, 9))) for _ in range(dim))
    boundary = data.draw(st.sampled_from(BOUNDARIES))
    got = bilateral(x, space, color, size=size, boundary=boundary, channel_axis=-1 if channels else None)
    want = slow_bilateral(x, space, color, [k // 2 for k in size], boundary, channels)
    assert got.dtype == x.dtype
    scale = np.abs(x).max() if x.size else 1
    np.testing.assert_allclose(got, want, rtol=0, atol=(1e-6 if x.dtype == np.float32 else 4e-15) * max(scale, 1))


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_bilateral_of_a_picture(dtype):
    x = pywt.data.camera()[60:190, 80:260].astype(dtype)
    got = bilateral(x, 1.5, 20.0, workers=1)
    assert got.dtype == (np.float64 if dtype == "float64" else np.float32)
    want = slow_bilateral(x, 1.5, 20.0, 5)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11 if dtype == "float64" else 1e-4)
    np.testing.assert_array_equal(bilateral(x, 1.5, 20.0, workers=2), got)
    np.testing.assert_array_equal(bilateral(x[20:90, 10:150], 1.5, 20.0, workers=1)[5:-5, 5:-5], got[25:85, 15:145])
    rounded = bilateral(x, 1.5, 20.0, dtype=np.uint8)
    np.testing.assert_array_equal(rounded, np.rint(got).astype(np.uint8))


@pytest.mark.parametrize("channel_axis", [None, -1])
def test_bilateral_is_scikit_images(channel_axis, monkeypatch):
    """With the right table of distances: its own, of an odd window, is one column too wide and read askew.

    Its distance of colours is divided by the number of channels.
    """
    denoise = pytest.importorskip("skimage.restoration._denoise")

    def table(win_size, sigma, *, dtype=float):
        places = np.arange(win_size) - win_size // 2
        return np.exp(-0.5 * (places[:, None] ** 2 + places**2) / sigma**2).astype(dtype).ravel()

    x = (pywt.data.camera()[100:200, 60:180] / 255.0).astype(np.float64)
    spread = 0.1
    if channel_axis is not None:
        x = np.stack([x, x[::-1], x[:, ::-1]], axis=-1)
        spread = 0.3
    for boundary in ("reflect", "symmetric", "edge", "wrap"):
        flat = denoise.denoise_bilateral(x, win_size=7, sigma_color=0.1, sigma_spatial=1e6, mode=boundary,
                                         channel_axis=channel_axis)
        got = bilateral(x, 1e6, spread, size=7, boundary=boundary, channel_axis=channel_axis)
        np.testing.assert_allclose(got, flat, atol=2e-4)
    monkeypatch.setattr(denoise, "_compute_spatial_lut", table)
    want = denoise.denoise_bilateral(x, sigma_color=0.1, sigma_spatial=1.5, mode="reflect", channel_axis=channel_axis)
    np.testing.assert_allclose(bilateral(x, 1.5, spread, channel_axis=channel_axis), want, atol=2e-4)


def test_bilateral_is_opencvs_in_a_window_of_three():
    """Whose round window of diameter 3 is a cross."""
    cv2 = pytest.importorskip("cv2")
    x = pywt.data.camera()[:90, :80].astype(np.float32)
    want = cv2.bilateralFilter(x, 3, 20, 1.2)[1:-1, 1:-1]
    top = np.float64(x)
    total, weights = top[1:-1, 1:-1].copy(), np.ones(want.shape)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        there = top[1 + dy : 89 + dy, 1 + dx : 79 + dx]
        w = np.exp(-0.5 / 1.2**2 - (there - top[1:-1, 1:-1]) ** 2 / (2 * 20**2))
        total, weights = total + w * there, weights + w
    np.testing.assert_allclose(total / weights, want, atol=0.02)
    # The square window is the definition here.
    np.testing.assert_allclose(bilateral(x, 1.2, 20, size=3), slow_bilateral(x, 1.2, 20, 1), atol=1e-4)


def test_bilateral_keeps_constants_and_edges():
    assert (bilateral(np.full((30, 30), 0.1, np.float32), 2, 0.5) == np.float32(0.1)).all()
    step = np.where(np.arange(64) < 32, 0.0, 100.0) * np.ones((40, 1))
    np.testing.assert_allclose(bilateral(step, 3.0, 5.0), step, atol=1e-12)
    assert abs(bilateral(step, 3.0, 500.0) - step).max() > 20


def test_bilateral_along_axes(rng):
    x = rng.standard_normal((3, 20, 4, 22))
    got = bilateral(x, (1.0, 2.0), 0.8, size=(3, 5), axes=(3, 1), boundary=("wrap", "edge"))
    for i, j in itertools.product(range(3), range(4)):
        want = bilateral(x[i, :, j], (2.0, 1.0), 0.8, size=(5, 3), boundary=("edge", "wrap"))
        np.testing.assert_array_equal(got[i, :, j], want)
    colours = bilateral(np.moveaxis(x, 2, 0), 1.0, 0.8, size=3, channel_axis=0, axes=(2, 3))
    for i in range(3):
        np.testing.assert_array_equal(np.moveaxis(colours[:, i], 0, -1),
                                      bilateral(np.moveaxis(x[i], 1, -1), 1.0, 0.8, size=3, channel_axis=-1))
    assert abs(np.moveaxis(colours, 0, 2) - bilateral(x, 1.0, 0.8, size=3, axes=(1, 3))).max() > 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bilateral_spreads_nothing_beyond_its_window(bad, rng):
    x = rng.standard_normal((20, 22)).astype(np.float32)
    clean = bilateral(x, 1.0, 0.5, size=5)
    x[9, 12] = bad
    got = bilateral(x, 1.0, 0.5, size=5)
    reached = np.zeros(x.shape, bool)
    reached[7:12, 10:15] = True
    np.testing.assert_array_equal(got[~reached], clean[~reached])
    assert not np.isfinite(got[9, 12])


def test_bilateral_out(rng):
    x = rng.standard_normal((20, 30)).astype(np.float32)
    want = bilateral(x, 1.0, 0.5)
    out = np.empty_like(x)
    assert bilateral(x, 1.0, 0.5, out=out) is out
    np.testing.assert_array_equal(out, want)
    assert bilateral(x, 1.0, 0.5, out=x) is x
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sigma_space": 0}, "sigma_space=0"),
        ({"sigma_space": (1, -1)}, r"sigma_space\[1\]=-1"),
        ({"sigma_color": 0}, "sigma_color=0"),
        ({"sigma_color": np.nan}, "sigma_color=nan"),
        ({"sigma_color": "much"}, "sigma_color='much'"),
        ({"size": 4}, "even"),
        ({"size": 0}, "size=0"),
        ({"size": 1001}, "too large"),
        ({"sigma_space": 1e9}, "too large"),
        ({"channel_axis": 5}, "channel_axis=5"),
    ],
)
def test_bilateral_refuses(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        bilateral(np.zeros((4, 5)), **{"sigma_space": 1.0, "sigma_color": 1.0, **arguments})


def test_bilateral_refuses_samples():
    with pytest.raises(TypeError, match="complex"):
        bilateral(np.zeros((4, 5), complex), 1.0, 1.0)
    with pytest.raises(ValueError, match="along 4 axes"):
        bilateral(np.zeros((2, 2, 2, 2)), 1.0, 1.0, size=3)
