"""Fourier's theorem: the transform of a convolution is the product of the transforms."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import SEEDS, shapes, values

METHODS = st.sampled_from(("direct", "fft", "auto"))
KINDS = st.sampled_from(("float64", "complex128"))


def near(got, want, x, weights):
    most = abs(x).sum() * abs(weights).sum()
    assert np.abs(got - want).max() <= 100 * reference.eps(float) * (weights.size + np.log2(x.size + 1)) * most


@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), METHODS, KINDS)
def test_with_zeros_around(data, seed, dim, method, kind):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "full"))
    x, weights = values(rng, n, kind), values(rng, k, kind)
    full = convkit.convolve(x, weights, mode="full", method=method)
    product = np.fft.fftn(x, full.shape, range(dim)) * np.fft.fftn(weights, full.shape, range(dim))
    near(np.fft.fftn(full), product, x, weights)


@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), METHODS, KINDS)
def test_on_a_circle(data, seed, dim, method, kind):
    """`same` with 'wrap' is the circular convolution, moved by (k-1)//2; weights longer than x wrap around too."""
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, "same"))
    x, weights = values(rng, n, kind), values(rng, k, kind)
    got = convkit.convolve(x, weights, boundary="wrap", method=method)
    around = np.zeros(n, complex)
    for t in np.ndindex(k):
        around[tuple(i % side for i, side in zip(t, n, strict=True))] += weights[t]
    circular = np.roll(got, [(side - 1) // 2 for side in k], range(dim))
    near(np.fft.fftn(circular), np.fft.fftn(x) * np.fft.fftn(around), x, weights)


@given(SEEDS, st.sampled_from((1, 2, 3)), METHODS)
def test_a_wave_is_only_scaled(seed, dim, method):
    """Complex exponentials are the eigenvectors of a convolution on a circle; the transform holds the eigenvalues."""
    rng = np.random.default_rng(seed)
    n, k = (8, 9, 7)[:dim], (3, 4, 2)[:dim]
    weights = rng.standard_normal(k)
    frequency = [rng.integers(0, side) for side in n]
    phase = sum(2j * np.pi * f * i / side for f, i, side in zip(frequency, np.indices(n), n, strict=True))
    wave = np.exp(phase)
    offset = [(side - 1) // 2 for side in k]
    eigenvalue = sum(
        weights[t]
        * np.exp(-sum(2j * np.pi * f * (i - o) / side for f, i, o, side in zip(frequency, t, offset, n, strict=True)))
        for t in np.ndindex(k)
    )
    got = convkit.convolve(wave, weights, boundary="wrap", method=method)
    np.testing.assert_allclose(got, eigenvalue * wave, atol=1e-12)


def test_correlation_multiplies_by_the_conjugate(rng):
    x, weights = rng.standard_normal(16), rng.standard_normal(16) + 1j * rng.standard_normal(16)
    got = convkit.correlate(x, weights, mode="full")
    want = np.fft.fft(x, 31) * np.conj(np.fft.fft(weights, 31))
    np.testing.assert_allclose(np.fft.fft(np.roll(got, -15)), want, atol=1e-11)
