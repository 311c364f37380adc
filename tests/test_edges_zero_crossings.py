"""Zero crossings of the Laplacian of a Gaussian: a slow rule, where edges are known to lie, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import erf

import convkit
from convkit.edges.zero_crossings import zero_crossings
from convkit.engines import trace
from convkit.filters import steerable_taps
from convkit.kernels import cross


def slow(values, slope):
    """The rule, sample by sample."""
    marks = np.zeros(values.shape, bool)
    for p in np.ndindex(values.shape):
        for axis in range(values.ndim):
            sides = {}
            for side in (-1, 1):
                q = list(p)
                q[axis] += side
                if 0 <= q[axis] < values.shape[axis]:
                    sides[side] = values[tuple(q)]
            here = values[p]
            for side, other in sides.items():
                nearer = abs(here) < abs(other) or (side == 1 and abs(here) == abs(other))
                marks[p] |= bool(here * other < 0 and nearer and abs(other - here) >= slope)
            if here == 0 and len(sides) == 2:
                marks[p] |= bool(sides[-1] * sides[1] < 0 and abs(sides[1] - sides[-1]) / 2 >= slope)
    return marks


def laplacian(x, sigma, boundary="reflect"):
    """Of the smoothed image, by passes."""
    smooth, second = steerable_taps(sigma, 0), steerable_taps(sigma, 2)
    taps = [[second if a == axis else smooth for a in range(x.ndim)] for axis in range(x.ndim)]
    return sum(convkit.convolve_separable(x, t, boundary=boundary) for t in taps)


WHOLE = hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=9), elements=st.integers(-3, 3))


@given(WHOLE, st.integers(0, 5))
def test_the_rule(values, slope):
    out = np.ones(values.shape, bool)
    trace.crossings(values, range(values.ndim), np.float64(slope), out, 1)
    np.testing.assert_array_equal(out, slow(values, slope))


@pytest.mark.parametrize("shape", [(40, 57), (600, 33), (12, 15, 20), (300,)])
def test_an_image_pieces_and_workers(shape, rng, monkeypatch):
    x = np.cumsum(rng.standard_normal(shape), axis=-1)
    values = laplacian(x, 1.5)
    for slope in (0.0, np.abs(values).mean()):
        want = slow(values, slope)
        assert want.any()
        np.testing.assert_array_equal(zero_crossings(x, 1.5, slope), want)
    np.testing.assert_array_equal(zero_crossings(x, 1.5), slow(values, 0.75 * np.abs(values).mean()))
    monkeypatch.setattr(trace, "ALONE", 10)
    monkeypatch.setattr(trace, "_spans", lambda count, most: [(i, min(i + 5, count)) for i in range(0, count, 5)])
    np.testing.assert_array_equal(zero_crossings(x, 1.5, workers=3), zero_crossings(x, 1.5, workers=1))
    np.testing.assert_array_equal(zero_crossings(x, 1.5, slope, workers=3), want)


@pytest.mark.parametrize("brightness", [0, 1e4])
def test_a_step_edge_is_where_it_is_at_every_angle(brightness):
    y, x = np.mgrid[:41, :41] - 20.0
    for degrees in range(0, 180, 15):
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        step = brightness + 50 * (1 + erf((x * c + y * s - 0.3) / np.sqrt(2)))
        points = np.argwhere(zero_crossings(step, 1.5)) - 20
        points = points[(np.abs(points) < 10).all(axis=1)]
        assert len(points) >= 19
        assert np.abs(points[:, 1] * c + points[:, 0] * s - 0.3).max() < 0.75


def test_curves_are_closed():
    y, x = np.mgrid[:60, :64]
    disk = (np.hypot(y - 30.3, x - 31.1) < 18).astype(np.float32)
    got = zero_crossings(disk, 2.0)
    r = np.hypot(*(np.argwhere(got) - [30.3, 31.1]).T)
    assert np.abs(r - 18).max() < 1.2
    # Every ray from the centre meets the curve.
    angles = np.arctan2(*(np.argwhere(got) - [30.3, 31.1]).T)
    assert np.diff(np.sort(angles)).max() < 2.5 / 18
    ball = np.sqrt(((np.indices((30,) * 3) - 14.6) ** 2).sum(axis=0))
    shell = zero_crossings((ball < 8).astype(np.float32), 1.5)
    assert np.abs(ball[shell] - 8).max() < 1.5
    assert shell.sum() > 4 * np.pi * 8**2 * 0.8


def test_nothing_in_a_flat_image(rng):
    for value in (0, 7.3, 1e6):
        assert not zero_crossings(np.full((50, 60), value, np.float32)).any()
        assert not zero_crossings(value + 0.0 * rng.random((50, 60))).any()
    assert not zero_crossings(np.full((20, 20), np.nan)).any()
    ramp = np.add.outer(3.0 * np.arange(50), np.arange(60))
    assert not zero_crossings(ramp, 1.0, 1e-9)[8:-8, 8:-8].any()


def test_a_nan_stays_within_reach(rng):
    x = rng.standard_normal((60, 70))
    want = zero_crossings(x, 1.0, 0.01)
    x[30, 35] = np.nan
    got = zero_crossings(x, 1.0, 0.01)
    reach = 5
    assert not got[30 - reach : 31 + reach, 35 - reach : 36 + reach].any()
    near = (slice(30 - reach - 1, 32 + reach), slice(35 - reach - 1, 37 + reach))
    assert (want != got).any()
    want[near] = got[near] = False
    np.testing.assert_array_equal(got, want)
    assert zero_crossings(x, 1.0).sum() > 100  # the default threshold leaves it out


def test_each_parameter_does_something(rng):
    x = np.cumsum(rng.standard_normal((40, 50)), axis=0)
    usual = zero_crossings(x)
    for options in ({"sigma": 1.0}, {"sigma": (2.0, 1.0)}, {"slope": 0.5}, {"boundary": "zero"}, {"axes": 0},
                    {"channel_axis": 1}):
        assert (zero_crossings(x, **options) != usual).any()
    out = np.ones((50, 40), bool).T
    assert zero_crossings(x, out=out) is out
    np.testing.assert_array_equal(out, usual)
    np.testing.assert_array_equal(zero_crossings(np.rint(9 * x).astype(np.int32)), zero_crossings(np.rint(9 * x)))
    np.testing.assert_array_equal(zero_crossings(x, 1.5, axes=(1, 0)), zero_crossings(x, 1.5))
    np.testing.assert_array_equal(zero_crossings(x, (1.5, 2.0), axes=(1, 0)), zero_crossings(x, (2.0, 1.5)))
    stack = np.stack([x, 3 * x[::-1]], axis=1)
    np.testing.assert_array_equal(zero_crossings(stack, channel_axis=1), np.stack([usual, usual[::-1]], axis=1))


def test_the_kernel_is_its_plain_twin(rng):
    values = rng.integers(-2, 3, (4, 9, 6)).astype(np.float32)
    for axis in range(3):
        inner = int(np.prod(values.shape[axis + 1 :]))
        n = values.shape[axis]
        rows = values.size // (inner if inner > 1 else n)
        got, want = (np.zeros(values.size, np.uint8) for _ in range(2))
        for run, out in ((cross.cross, got), (cross._cross, want)):
            run(values.reshape(-1), n, inner, np.float32(1), 0, rows, out)
        np.testing.assert_array_equal(got, want)
        assert got.any()


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"sigma": 0.4}, ValueError, "sigma=0.4"),
    ({"sigma": (1, 2, 3)}, ValueError, r"sigma=\(1, 2, 3\)"),
    ({"slope": -1}, ValueError, "slope=-1"),
    ({"slope": "steep"}, TypeError, "slope='steep'"),
    ({"boundary": "mirrored"}, ValueError, "boundary='mirrored'"),
    ({"axes": 2}, ValueError, "axes=2"),
    ({"x": np.zeros((3, 3), complex)}, TypeError, "x has dtype complex128"),
    ({"out": np.zeros((20, 30))}, ValueError, "out has dtype float64"),
    ({"workers": 0}, ValueError, "workers=0"),
])
def test_refusals(options, error, words):
    with pytest.raises(error, match=words):
        zero_crossings(**{"x": np.zeros((20, 30)), **options})
