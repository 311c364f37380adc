"""Line search, gradient descent, moving averages, and the surfaces they are seen on."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.signal import lfilter

import convkit
from convkit import nn, optim
from convkit.autodiff import Tensor
from convkit.optim import reference, surfaces

# Line search.


def two_dips(p):
    """The function of the textbook's notebook 6.1."""
    return 1 - 0.5 * np.exp(-((p - 0.65) ** 2) / 0.1) - 0.45 * np.exp(-((p - 0.35) ** 2) / 0.02)


def test_the_line_search_of_the_textbook():
    calls = []
    found = optim.line_search(lambda p: (calls.append(p), two_dips(p))[1])
    assert found == pytest.approx(0.38323, abs=5e-6)
    assert two_dips(found) == pytest.approx(0.328758, abs=5e-7)
    assert len(calls) == 40
    assert calls[:4] == [0.0, 0.33, 0.66, 1.0]
    exact = optim.line_search(two_dips, iterations=60, tolerance=1e-9)
    assert exact == pytest.approx(0.38032, abs=5e-6)
    assert two_dips(exact) == pytest.approx(0.328604, abs=5e-7)


def test_a_minimum_at_the_beginning_halves_the_bracket():
    seen = []
    found = optim.line_search(lambda p: (seen.append(p), p)[1], (0.0, 0.3, 0.6, 1.0), iterations=3)
    np.testing.assert_allclose(np.reshape(seen, (3, 4)), [[0, 0.3, 0.6, 1], [0, 0.15, 0.3, 0.5], [0, 0.075, 0.15, 0.25]])
    assert found == pytest.approx((0.0375 + 0.075) / 2)


def test_it_ends_when_it_is_near_enough():
    counts = []
    for tolerance in (1e-1, 1e-3):
        calls = []
        found = optim.line_search(lambda p, calls=calls: (calls.append(p), (p - 0.7) ** 2)[1], iterations=99,
                                  tolerance=tolerance)
        assert found == pytest.approx(0.7, abs=2 * tolerance)
        counts.append(len(calls))
    assert counts[0] < counts[1] < 99 * 4


@pytest.mark.parametrize(("arguments", "said"), [
    ({"bracket": (0, 0.5, 0.4, 1)}, "four numbers that rise"), ({"iterations": -1}, "iterations=-1 must not be negative"),
])
def test_searches_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        optim.line_search(two_dips, **arguments)


def test_descent_of_a_fixed_rate_is_the_formula():
    found = optim.gradient_descent(surfaces.ravine, [3.0, 1.0], steps=50, rate=0.05)
    expected = reference.gradient_descent([3.0, 1.0], lambda phi: surfaces.ravine(phi)[1], 50, learning_rate=0.05)
    np.testing.assert_allclose(found.path, expected, rtol=1e-13)
    np.testing.assert_allclose(found.losses, [surfaces.ravine(phi)[0] for phi in expected], rtol=1e-13)


def test_descent_with_a_line_search_goes_down_a_ravine_faster_than_any_fixed_rate():
    searched = optim.gradient_descent(surfaces.ravine, [3.0, 0.1], steps=20)
    assert (np.diff(searched.losses) < 0).all()
    fixed = [optim.gradient_descent(surfaces.ravine, [3.0, 0.1], steps=20, rate=rate).losses[-1]
             for rate in np.linspace(0.01, 2 / 25, 30)]
    assert searched.losses[-1] < min(fixed)
    # The first rate is that of the exact search, g.g / g.Hg.
    g = np.array([3.0, 2.5])
    exact = g @ g / (g * [1, 25] @ g)
    np.testing.assert_allclose(searched.path[1], [3.0, 0.1] - exact * g, atol=5e-3)
    with pytest.raises(ValueError, match="reach=0 is not allowed"):
        optim.gradient_descent(surfaces.ravine, [3.0, 0.1], reach=0)
    with pytest.raises(ValueError, match="rate=-1 is not allowed"):
        optim.gradient_descent(surfaces.ravine, [3.0, 0.1], rate=-1)


def test_a_short_reach_shortens_steps():
    steps = [np.linalg.norm(np.diff(optim.gradient_descent(surfaces.ravine, [3.0, 0.0], steps=1, reach=r).path, axis=0))
             for r in (1.5, 0.01)]
    assert steps[0] == pytest.approx(3.0, rel=0.02)
    assert steps[1] == pytest.approx(0.03, rel=0.02)


# Linear regression.


def line_data():
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, 30)
    return x, 0.7 - 1.3 * x + 0.2 * rng.standard_normal(30)


def least_squares(x, y):
    return np.linalg.lstsq(np.stack([np.ones_like(x), x], 1), y, rcond=None)[0]


@pytest.mark.parametrize("settings", [
    (optim.SGD, {"lr": 0.01}), (optim.SGD, {"lr": 0.01, "momentum": 0.5, "form": "classic"}),
    (optim.SGD, {"lr": 0.01, "momentum": 0.5, "form": "ewma", "nesterov": "lookahead"}), (optim.Adagrad, {"lr": 1.0}),
    (optim.Adam, {"lr": 0.1}), (optim.RAdam, {"lr": 0.1}), (optim.AdaBelief, {"lr": 0.1}), (optim.diffGrad, {"lr": 0.1}),
    (optim.AngularGrad, {"lr": 0.1}),
])
def test_linear_regression_reaches_least_squares(settings):
    kind, words = settings
    x, y = line_data()
    phi = nn.Parameter(np.array([2.0, 2.0]))
    optimizer = kind([phi], **words)

    def closure():
        optimizer.zero_grad()
        loss = ((phi[0] + phi[1] * x - y) ** 2).sum()
        loss.backward()
        np.testing.assert_allclose(phi.grad, surfaces.bowl(x, y)(phi.data)[1], rtol=1e-10, atol=1e-12)
        return loss

    for _ in range(1500):
        optimizer.step(closure)
    np.testing.assert_allclose(phi.data, least_squares(x, y), atol=1e-8)


def test_descent_reaches_least_squares_too():
    x, y = line_data()
    found = optim.gradient_descent(surfaces.bowl(x, y), [2.0, 2.0], steps=30, reach=0.1)
    np.testing.assert_allclose(found.path[-1], least_squares(x, y), atol=1e-6)


# Surfaces.


@pytest.mark.parametrize("surface", [
    surfaces.ravine, lambda phi: surfaces.ravine(phi, 3.0), surfaces.saddle, surfaces.bowl(*line_data()),
    surfaces.gabor_loss(*surfaces.gabor_data()), surfaces.gabor_loss(*surfaces.gabor_data(), 32.0),
])
def test_gradients_of_surfaces_are_their_slopes_and_grids_are_points(surface):
    points = np.random.default_rng(1).uniform(-2, 2, (2, 3, 4))
    losses, gradients = surface(points)
    assert losses.shape == (3, 4)
    assert gradients.shape == points.shape
    for i in range(2):
        ahead = points.copy()
        ahead[i] += 1e-6
        behind = points.copy()
        behind[i] -= 1e-6
        np.testing.assert_allclose(gradients[i], (surface(ahead)[0] - surface(behind)[0]) / 2e-6, rtol=1e-6, atol=1e-6)
    one = surface(points[:, 1, 2])
    assert one[0] == pytest.approx(losses[1, 2], rel=1e-13)
    np.testing.assert_allclose(one[1], gradients[:, 1, 2], rtol=1e-12)


def test_the_gabor_model():
    x = np.linspace(-15, 15, 7)
    t = 0.4 + 0.06 * 12.0 * x
    np.testing.assert_allclose(surfaces.gabor(x, (0.4, 12.0)), np.sin(t) * np.exp(-(t**2) / 8.0), rtol=1e-14)
    np.testing.assert_allclose(surfaces.gabor(x, (0.4, 12.0), 32.0), np.sin(t) * np.exp(-(t**2) / 32.0), rtol=1e-14)
    phi = nn.Parameter(np.array([0.4, 12.0]))
    y = np.cos(x)
    loss = ((surfaces.gabor(x, phi) - Tensor(y)) ** 2).sum()
    loss.backward()
    value, gradient = surfaces.gabor_loss(x, y)(phi.data)
    assert loss.item() == pytest.approx(value)
    np.testing.assert_allclose(phi.grad, gradient, rtol=1e-10)


def test_data_for_the_gabor_model_are_drawn_and_not_the_textbooks():
    x, y = surfaces.gabor_data()
    assert np.abs(x).max() <= 15
    noise = y - surfaces.gabor(x, (0.0, 16.6))
    assert 0.05 < noise.std() < 0.15
    np.testing.assert_array_equal(surfaces.gabor_data(seed=0)[1], y)
    assert (surfaces.gabor_data(seed=1)[0] != x).all()
    assert surfaces.gabor_data(7)[0].shape == (7,)
    wide = surfaces.gabor_data(noise=0, denominator=32.0)
    np.testing.assert_array_equal(wide[1], surfaces.gabor(wide[0], (0.0, 16.6), 32.0))


@pytest.mark.parametrize("denominator", [8.0, 32.0])
def test_the_gabor_loss_has_a_global_minimum_in_its_valley_and_others_beside_it(denominator):
    surface = surfaces.gabor_loss(*surfaces.gabor_data(denominator=denominator), denominator)
    offsets, frequencies = np.arange(-10, 10.05, 0.05), np.arange(2.5, 22.55, 0.05)
    losses = surface(np.array(np.meshgrid(offsets, frequencies, indexing="ij")))[0]
    i, j = np.unravel_index(losses.argmin(), losses.shape)
    assert abs(offsets[i]) < 0.3
    assert abs(frequencies[j] - 16.6) < 2
    inner = losses[1:-1, 1:-1]
    around = [losses[1 + a : losses.shape[0] - 1 + a, 1 + b : losses.shape[1] - 1 + b]
              for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
    minima = inner[np.logical_and.reduce([inner < other for other in around])]
    assert len(minima) > 1
    assert np.sort(minima)[1] > 1.5 * minima.min()  # a local minimum is one to be caught in


# The textbook's 30 pairs and the losses of its programs: S. J. D. Prince, Understanding Deep Learning, notebooks 6.3 and 6.4.
PAIRS = np.array([
    [-1.92, -14.22, 1.49, -1.94, -2.389, -5.09, -8.861, 3.578, -6.01, -6.995, 3.634, 0.8743, -10.96, 0.4073, -9.467, 8.56,
     10.62, -0.1729, 10.4, -12.61, 0.1574, -13.04, -2.156, -12.1, -11.19, 2.902, -8.22, -11.79, -8.391, -4.505],
    [-1.051, -0.02482, 0.8896, -0.4943, -0.9371, 0.4306, 0.009577, -0.07944, 0.1624, -0.2682, -0.3129, 0.8303, -0.02365, 0.5098,
     -0.2777, 0.3367, 0.1927, -0.2222, 0.06352, 0.006888, 0.03224, 0.01091, -0.5706, -0.05258, -0.03666, 0.1709, -0.04805,
     0.2008, -0.1904, 0.5952]])
THEIRS = [(32.0, [12.7665, 0.9363, 0.7459, 0.8034]), (8.0, [9.8043, 2.2217, 1.5746, 1.5615])]
OURS = [(8.0, [8.5670, 1.6444, 1.3715, 1.4297]), (32.0, [14.7179, 3.4269, 3.9498, 3.9281])]


def after_81_steps(x, y, denominator, rng):
    """The loss at the start, and after batches of 5: plain, with momentum, and looking ahead."""
    full = surfaces.gabor_loss(x, y, denominator)
    losses = [full([-1.5, 6.5])[0]]
    for settings in ({}, {"momentum": 0.6}, {"momentum": 0.6, "nesterov": "lookahead"}):
        phi = nn.Parameter(np.array([-1.5, 6.5]))
        optimizer, state = optim.SGD([phi], 0.6, form="ewma", **settings), rng()
        for _ in range(81):
            batch = state.permutation(30)[:5]
            optimizer.step(partial(stepped, surfaces.gabor_loss(x[batch], y[batch], denominator), phi))
        losses.append(full(phi.data)[0])
    return losses


@pytest.mark.parametrize(("denominator", "expected"), THEIRS)
def test_runs_of_the_textbook(denominator, expected):
    assert after_81_steps(*PAIRS, denominator, lambda: np.random.RandomState(1)) == pytest.approx(expected, abs=5e-5)
    if denominator == 32:
        assert surfaces.gabor_loss(*PAIRS, denominator)([0.6, -0.2])[0] == pytest.approx(16.419, abs=5e-4)


@pytest.mark.parametrize(("denominator", "expected"), OURS)
def test_runs_of_81_steps_with_batches_of_5(denominator, expected):
    data = surfaces.gabor_data(denominator=denominator)
    assert after_81_steps(*data, denominator, lambda: np.random.default_rng(1)) == pytest.approx(expected, abs=2e-3)


def stepped(surface, phi):
    value, phi.grad = surface(phi.data)
    return value


def test_full_batches_are_caught_where_a_few_samples_at_a_time_get_out():
    surface = surfaces.gabor_loss(*surfaces.gabor_data(denominator=32.0), 32.0)
    caught = optim.gradient_descent(surface, [-1.5, 6.5], steps=400, rate=0.1)
    np.testing.assert_allclose(caught.path[-1], [-4.98, 9.14], atol=0.01)
    assert np.abs(surface(caught.path[-1])[1]).max() < 1e-6
    assert caught.losses[-1] > 5.8 > max(dict(OURS)[32.0][1:])


# Moving averages.


def test_worked_numbers_of_the_average():
    np.testing.assert_allclose(optim.ewma([1.0, 0.0], 0.95), [0.05, 0.0475], rtol=1e-13)
    assert optim.ewma([1.0, 1.0], 0.95)[1] == pytest.approx(0.0975)
    np.testing.assert_allclose(optim.ewma([3.0, 3.0, 3.0], 0.95, bias_correction=True), 3, rtol=1e-13)
    corrected = optim.ewma([2.0, 4.0], 0.95, bias_correction=True)
    assert corrected[1] == pytest.approx((0.0475 * 2 + 0.05 * 4) / 0.0975)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.95])
def test_the_average_is_a_filter_and_a_convolution(rho):
    y = np.random.default_rng(0).standard_normal(200)
    average = optim.ewma(y, rho)
    np.testing.assert_allclose(average, reference.ewma(y, rho), rtol=1e-13)
    np.testing.assert_allclose(average, lfilter([1 - rho], [1, -rho], y), atol=1e-14)
    weights = (1 - rho) * rho ** np.arange(200)
    np.testing.assert_allclose(average, convkit.convolve(y, weights, mode="full")[:200], atol=1e-13)


def test_averages_of_several_series_and_of_integers():
    y = np.random.default_rng(0).integers(0, 9, (20, 3))
    for corrected in (False, True):
        together = optim.ewma(y, 0.9, corrected)
        assert together.dtype == np.float64
        for i in range(3):
            np.testing.assert_allclose(together[:, i], optim.ewma(y[:, i], 0.9, corrected), rtol=1e-14)
    assert optim.ewma(y.astype(np.float32), 0.9, True).dtype == np.float32
    with pytest.raises(ValueError, match="rho=1 is not allowed"):
        optim.ewma(y, 1)
