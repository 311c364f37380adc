"""The low-pass [1/4, 1/2, 1/4] and the high-pass [-1/4, 1/2, -1/4] of the notes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import SEEDS

LOW = np.array([0.25, 0.5, 0.25])
HIGH = np.array([-0.25, 0.5, -0.25])
METHODS = ("direct", "auto")
DTYPES = ("float32", "float64", "int16", "complex64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("n", [1, 2, 3, 17, 5000])
def test_constants(n, boundary, method, dtype):
    x = np.full(n, 7, dtype)
    assert not np.any(convkit.convolve(x, HIGH, boundary=boundary, method=method))
    np.testing.assert_array_equal(convkit.convolve(x, LOW, boundary=boundary, method=method), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_ramps(method, dtype):
    x = (3 * np.arange(1000) - 500).astype(dtype)
    assert not np.any(convkit.convolve(x, HIGH, mode="valid", method=method))
    np.testing.assert_array_equal(convkit.convolve(x, LOW, mode="valid", method=method), x[1:-1])
    inside = convkit.convolve(x, HIGH, boundary="edge", method=method)
    assert not np.any(inside[1:-1])
    np.testing.assert_array_equal(inside[[0, -1]], [-0.75, 0.75])  # the ramp ends there: half the slope, halved


def test_with_zeros_around_a_constant_falls_off_at_the_ends():
    x = np.full(5, 8.0)
    np.testing.assert_array_equal(convkit.convolve(x, HIGH), [2, 0, 0, 0, 2])
    np.testing.assert_array_equal(convkit.convolve(x, LOW), [6, 8, 8, 8, 6])
    np.testing.assert_array_equal(convkit.convolve(x, LOW, mode="full"), [2, 6, 8, 8, 8, 6, 2])


@given(SEEDS, st.sampled_from(("direct", "fft", "auto")))
def test_together_they_are_the_signal(seed, method):
    x = np.random.default_rng(seed).standard_normal(40)
    both = (convkit.convolve(x, f, boundary="wrap", method=method) for f in (LOW, HIGH))
    np.testing.assert_allclose(sum(both), x, atol=1e-14)


def test_the_alternating_signal_passes_only_the_high_pass():
    x = np.where(np.arange(64) % 2 == 0, 1.0, -1.0)
    np.testing.assert_array_equal(convkit.convolve(x, HIGH, boundary="wrap"), x)
    assert not np.any(convkit.convolve(x, LOW, boundary="wrap"))


def test_a_parabola_keeps_its_curvature():
    x = np.arange(20.0) ** 2
    np.testing.assert_array_equal(convkit.convolve(x, HIGH, mode="valid"), np.full(18, -0.5))


def test_the_low_pass_by_itself_is_a_separable_3x3():
    weights = np.multiply.outer(LOW, LOW)
    np.testing.assert_array_equal(16 * weights, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    found = convkit.separate(weights)
    assert found.rank == 1
    assert found.error <= 4 * reference.eps(float)
    np.testing.assert_allclose(found.to_dense(), weights, atol=1e-16)
    x = np.random.default_rng(5).standard_normal((30, 41))
    for boundary in ("zero", "reflect", "wrap"):
        want = reference.convolve(x, weights, boundary=boundary)
        for method in ("direct", "separable", "fft", "auto"):
            got = convkit.convolve(x, weights, boundary=boundary, method=method)
            reference.assert_within(got, want, 1e-14)
        got = convkit.convolve_separable(x, [LOW, LOW], boundary=boundary)
        reference.assert_within(got, want, 1e-14)
        rows = convkit.convolve(x, LOW, axes=1, boundary=boundary)
        reference.assert_within(convkit.convolve(rows, LOW, axes=0, boundary=boundary), want, 1e-14)


def test_the_high_pass_by_itself_sees_neither_planes_nor_edges_along_an_axis():
    weights = np.multiply.outer(HIGH, HIGH)
    i, j = np.indices((12, 13)).astype(float)
    for image in (np.full((12, 13), 3.0), 2 * i - j, i, j * j, np.where(i > 5, 1.0, 0.0)):
        assert not np.any(convkit.convolve(image, weights, mode="valid"))
    assert np.any(convkit.convolve(i * i * j * j, weights, mode="valid"))
