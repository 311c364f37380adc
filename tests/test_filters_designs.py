"""The weights of the filters: what they sum to, which polynomials they know, and that they are those of the peers."""

import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from convkit import filters
from convkit.filters import designs


def moments(taps, count):
    """What a convolution with the taps makes of i^k at 0."""
    i = np.arange(taps.size // 2, -(taps.size // 2) - 1, -1.0)
    return [float(taps @ i**k) for k in range(count)]


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("sigma", [0.2, 1.0, 2.7])
def test_gaussian_taps_are_those_of_ndimage(sigma, order):
    delta = np.zeros(61)
    delta[30] = 1
    for options in ({}, {"truncate": 2.5}, {"radius": 7}):
        taps = filters.gaussian_taps(sigma, order=order, **options)
        want = scipy.ndimage.gaussian_filter1d(delta, sigma, order=order, **options)
        reach = taps.size // 2
        np.testing.assert_allclose(taps, want[30 - reach : 31 + reach], atol=1e-13 * np.abs(want).max())
        assert not np.delete(want, np.s_[30 - reach : 31 + reach]).any()


def test_gaussian_taps_of_any_width():
    assert filters.gaussian_taps(1e-200).tolist() == [1.0]
    assert filters.gaussian_taps(1e-200, radius=1).tolist() == [0.0, 1.0, 0.0]
    assert filters.gaussian_taps(1e9, radius=1) == pytest.approx([1 / 3] * 3)
    assert np.isfinite(filters.gaussian_taps(1e-6, order=20, radius=1000)).all()
    assert filters.gaussian_taps(1.0) is filters.gaussian_taps(1.0)
    with pytest.raises(ValueError, match="read-only"):
        filters.gaussian_taps(1.0)[0] = 1


@pytest.mark.parametrize("truncate", [3.0, 5.0])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.7, 4.0])
@pytest.mark.parametrize("order", range(5))
def test_steerable_taps_differentiate_polynomials(order, sigma, truncate):
    taps = filters.steerable_taps(sigma, order, truncate=truncate)
    want = [0.0] * order + [math.factorial(order)]
    np.testing.assert_allclose(moments(taps, order + 1), want, atol=1e-9)
    assert taps.size == 2 * max(2, int(truncate * sigma + 0.5)) + 1


@pytest.mark.parametrize("order", range(5))
def test_steerable_taps_stay_gaussian(order):
    taps = filters.steerable_taps(1.5, order)
    plain = filters.gaussian_taps(1.5, order=order, radius=taps.size // 2)
    np.testing.assert_allclose(taps, plain, atol=3e-3 * np.abs(plain).max())


@given(st.floats(-7, 7), st.sampled_from((1, 2, 4)))
def test_steerable_weights_turn(angle, order):
    """The weights at an angle are those at 0, turned: both are the same function of the turned coordinates."""
    sigma, weights = 1.5, filters.steerable_weights(order, angle, sigma=1.5)
    n = weights.shape[0] // 2
    y, x = np.mgrid[-n : n + 1, -n : n + 1]
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    hermite = np.polynomial.hermite_e.hermeval(u / sigma, [0] * order + [(-1 / sigma) ** order])
    want = hermite * np.exp(-(u**2 + v**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    np.testing.assert_allclose(weights, want, atol=4e-3 * np.abs(want).max())


def test_steerable_basis_and_coefficients_are_the_binomial_theorem():
    for order in (1, 2, 4):
        basis = filters.steerable_basis(order, sigma=1.2)
        assert len(basis) == order + 1
        a = 0.7
        share = filters.steerable_coefficients(order, a)
        assert sum(s * 3.0 ** (order - i) * 5.0**i for i, s in enumerate(share)) == pytest.approx(
            (3 * math.cos(a) + 5 * math.sin(a)) ** order
        )
        dense = sum(s * np.outer(d, r) for s, (d, r) in zip(share, basis, strict=True))
        np.testing.assert_allclose(filters.steerable_weights(order, a, sigma=1.2), dense)
    assert filters.steerable_coefficients(4, np.pi / 2).tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("angle", [0, 0.3, np.pi / 2, 2.5, -1])
def test_gabor_weights_are_those_of_scikit_image(angle):
    kernel = pytest.importorskip("skimage.filters").gabor_kernel
    for options, theirs in [
        ({}, {}),
        ({"bandwidth": 1.7}, {"bandwidth": 1.7}),
        ({"sigma": (2, 5)}, {"sigma_x": 2, "sigma_y": 5}),
        ({"sigma": 3.0}, {"sigma_x": 3, "sigma_y": 3}),
        ({"phase": 0.4, "truncate": 2.2}, {"offset": 0.4, "n_stds": 2.2}),
    ]:
        want = kernel(0.15, angle, **theirs)
        np.testing.assert_allclose(filters.gabor_weights(0.15, angle, **options), want, atol=1e-15)


def test_gabor_parts_are_a_quadrature_pair():
    """The same energy, at right angles, and its peak in frequency where it was asked for."""
    weights = filters.gabor_weights(0.125, 0.6, truncate=5.0)
    assert np.linalg.norm(weights.real) == pytest.approx(np.linalg.norm(weights.imag), rel=0.02)
    assert (weights.real * weights.imag).sum() == pytest.approx(0, abs=1e-15)
    gain = abs(np.fft.fft2(weights, (256, 256)))
    y, x = (np.fft.fftfreq(256)[i] for i in np.unravel_index(gain.argmax(), gain.shape))
    assert math.hypot(y, x) == pytest.approx(0.125, abs=0.004)
    assert math.atan2(y, x) == pytest.approx(0.6, abs=0.03)


def test_bandwidth_is_that_at_half_the_peak():
    weights = filters.gabor_weights(0.1, 0, bandwidth=1.4, truncate=6.0)
    gain = abs(np.fft.fft(weights.sum(axis=0), 8192))
    passed = np.fft.fftfreq(8192)[gain >= gain.max() / 2]
    assert math.log2(passed.max() / passed.min()) == pytest.approx(1.4, abs=0.02)


def test_named_weights():
    assert filters.SHARPEN.sum() == filters.EMBOSS.sum() == 1
    for ndim in range(1, 5):
        weights = filters.laplacian_weights(ndim)
        delta = np.zeros((5,) * ndim)
        delta[(2,) * ndim] = 1
        want = scipy.ndimage.laplace(delta)[(slice(1, 4),) * ndim]
        np.testing.assert_array_equal(weights, want)
    for weights in (filters.SHARPEN, filters.EMBOSS, filters.laplacian_weights(2), filters.gabor_weights(0.2)):
        assert not weights.flags.writeable
    assert (designs.DIFFERENCE @ [2, 1, 0], designs.SMOOTH.sum()) == (1, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: filters.gaussian_taps(0), "sigma=0"),
        (lambda: filters.gaussian_taps(-1.0), "sigma=-1"),
        (lambda: filters.gaussian_taps(math.nan), "sigma=nan"),
        (lambda: filters.gaussian_taps("wide"), "sigma='wide'"),
        (lambda: filters.gaussian_taps(1.0, order=-1), "order=-1"),
        (lambda: filters.gaussian_taps(1.0, order=21), "order=21"),
        (lambda: filters.gaussian_taps(1.0, order=0.5), "order=0.5"),
        (lambda: filters.gaussian_taps(1e-7, order=1), "sigma=1e-07"),
        (lambda: filters.gaussian_taps(1.0, truncate=-1), "truncate=-1"),
        (lambda: filters.gaussian_taps(1.0, radius=-1), "radius=-1"),
        (lambda: filters.gaussian_taps(1.0, radius=1 << 30), "radius"),
        (lambda: filters.gaussian_taps(1e9), "taps"),
        (lambda: filters.steerable_taps(0.4, 1), "sigma=0.4"),
        (lambda: filters.steerable_taps(1.0, 5), "order=5"),
        (lambda: filters.steerable_taps(1.0, 2, truncate=2), "truncate=2"),
        (lambda: filters.steerable_basis(3), "order=3"),
        (lambda: filters.steerable_coefficients(0, 1.0), "order=0"),
        (lambda: filters.steerable_coefficients(1, math.inf), "angle=inf"),
        (lambda: filters.gabor_weights(0), "frequency=0"),
        (lambda: filters.gabor_weights(1e-9), "smaller"),
        (lambda: filters.gabor_weights(1e-4, sigma=(500, 500)), "weights"),
        (lambda: filters.gabor_weights(0.1, bandwidth=0), "bandwidth=0"),
        (lambda: filters.gabor_weights(0.1, sigma=(1, 2, 3)), "sigma"),
        (lambda: filters.gabor_weights(0.1, sigma=0), "sigma=0"),
        (lambda: filters.gabor_weights(0.1, math.nan), "angle=nan"),
        (lambda: filters.gabor_weights(0.1, phase=math.inf), "phase=inf"),
        (lambda: filters.gabor_weights(0.1, truncate=0), "truncate=0"),
        (lambda: filters.laplacian_weights(0), "ndim=0"),
        (lambda: filters.laplacian_weights(9), "ndim=9"),
    ],
)
def test_refusals_name_the_argument(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()
