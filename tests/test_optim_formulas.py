"""Every optimizer against its formula in NumPy, and numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convkit import nn, optim
from convkit.optim import reference

START = np.array([1.5, -0.3, 0.01, 2.0, -1.0, 0.7])
CURVATURE = np.array([1e-4, 0.1, 1.0, 5.0, 20.0, 0.5])


def gradient(x):
    """Of a sum of parabolas, from flat to steep, with waves on them."""
    return CURVATURE * (x - 0.2) + 0.3 * CURVATURE * np.sin(4 * x)


def path(kind, steps=50, start=START, gradient=gradient, **settings):
    """Points that an optimizer of this package visits."""
    p = nn.Parameter(start.copy())
    optimizer = kind([p], **settings)
    points = [start]

    def closure():
        p.grad = gradient(p.data)
        return float(p.data.sum())

    for _ in range(steps):
        optimizer.step(closure)
        points.append(p.data.copy())
    return np.array(points)


def penalized(decay):
    return lambda x: gradient(x) + decay * x


CASES = {
    "sgd": (optim.SGD, {"lr": 0.02}, reference.gradient_descent, {"learning_rate": 0.02}),
    "torch": (optim.SGD, {"lr": 0.02, "momentum": 0.9}, reference.momentum, {"learning_rate": 0.02, "rho": 0.9}),
    "classic": (optim.SGD, {"lr": 0.02, "momentum": 0.9, "form": "classic"}, reference.momentum_classic,
                {"eta": 0.02, "gamma": 0.9}),
    "ewma": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "form": "ewma"}, reference.momentum_ewma, {"alpha": 0.1, "beta": 0.9}),
    "nesterov": (optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}, reference.nesterov,
                 {"learning_rate": 0.02, "mu": 0.9}),
    "nesterov classic": (optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True, "form": "classic"}, reference.nesterov,
                         {"learning_rate": 0.02, "mu": 0.9}),
    "nesterov ewma": (optim.SGD, {"lr": 0.2, "momentum": 0.9, "nesterov": True, "form": "ewma"}, reference.nesterov,
                      {"learning_rate": 0.02, "mu": 0.9}),
    "ahead": (optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": "lookahead"}, reference.nesterov_classic,
              {"eta": 0.02, "gamma": 0.9}),
    "ahead classic": (optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": "lookahead", "form": "classic"},
                      reference.nesterov_classic, {"eta": 0.02, "gamma": 0.9}),
    "ahead ewma": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": "lookahead", "form": "ewma"}, reference.nesterov_ewma,
                   {"alpha": 0.1, "beta": 0.9}),
    "normalized": (optim.NormalizedSGD, {"lr": 0.01, "eps": 1e-3}, reference.normalized, {"alpha": 0.01, "epsilon": 1e-3}),
    "adagrad": (optim.Adagrad, {"lr": 0.1, "eps": 1e-7}, reference.adagrad, {"learning_rate": 0.1}),
    "adagrad, eps": (optim.Adagrad, {"lr": 0.1, "eps": 1e-3}, reference.adagrad, {"learning_rate": 0.1, "epsilon": 1e-3}),
    "adagrad inside": (optim.Adagrad, {"eps": 1e-8, "eps_inside": True}, reference.adagrad_inside, {}),
    "adagrad inside, eps": (optim.Adagrad, {"lr": 0.1, "eps": 1e-3, "eps_inside": True}, reference.adagrad_inside,
                            {"eta": 0.1, "epsilon": 1e-3}),
    "adadelta": (optim.Adadelta, {"rho": 0.8, "eps": 1e-3}, reference.adadelta, {"rho": 0.8, "epsilon": 1e-3}),
    "rmsprop": (optim.RMSprop, {"lr": 5e-3, "alpha": 0.9, "eps": 1e-7}, reference.rmsprop,
                {"learning_rate": 5e-3, "decay_rate": 0.9}),
    "rmsprop inside": (optim.RMSprop, {"lr": 5e-3, "alpha": 0.9, "eps": 1e-6, "eps_inside": True}, reference.rmsprop_inside,
                       {"epsilon": 5e-3}),
    "rmsprop centred": (optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "eps": 1e-2, "centered": True}, reference.rmsprop_centered,
                        {"learning_rate": 1e-3, "alpha": 0.9, "momentum": 0, "epsilon": 1e-2}),
    "rmsprop centred, momentum": (
        optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "eps": 1e-2, "centered": True, "momentum": 0.5}, reference.rmsprop_centered,
        {"learning_rate": 1e-3, "alpha": 0.9, "momentum": 0.5, "epsilon": 1e-2}),
    "adam": (optim.Adam, {"lr": 0.02}, reference.adam, {"learning_rate": 0.02, "epsilon": 1e-8}),
    "adam, eps": (optim.Adam, {"lr": 0.02, "betas": (0.8, 0.9), "eps": 1e-3}, reference.adam,
                  {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}),
    "adam inside": (optim.Adam, {"lr": 0.02, "eps": 1e-6, "eps_inside": True}, reference.adam_inside, {"epsilon": 0.02}),
    "adam uncorrected": (optim.Adam, {"lr": 0.02, "eps": 1e-7, "bias_correction": False}, reference.adam_uncorrected,
                         {"learning_rate": 0.02}),
    "adamw": (optim.AdamW, {"lr": 0.02, "weight_decay": 0.3}, reference.adamw, {"alpha": 0.02, "lambda_": 0.3}),
    "adam decoupled": (optim.Adam, {"lr": 0.02, "weight_decay": 0.3, "decoupled_weight_decay": True}, reference.adamw,
                       {"alpha": 0.02, "lambda_": 0.3}),
    "radam": (optim.RAdam, {"lr": 0.01, "eps": 1e-4}, reference.radam, {"alpha": 0.01, "epsilon": 1e-4}),
    "diffgrad": (optim.diffGrad, {"lr": 0.02, "eps": 1e-4}, reference.diffgrad, {"alpha": 0.02, "epsilon": 1e-4}),
    "adabelief": (optim.AdaBelief, {"lr": 0.02, "eps": 1e-4}, reference.adabelief, {"alpha": 0.02, "epsilon": 1e-4}),
    "angulargrad": (optim.AngularGrad, {"lr": 0.02, "eps": 1e-4}, reference.angulargrad, {"alpha": 0.02, "epsilon": 1e-4}),
    "angulargrad tan": (optim.AngularGrad, {"lr": 0.02, "angle": "tan"}, reference.angulargrad,
                        {"alpha": 0.02, "trace": np.tan}),
    "adainject": (optim.AdaInject, {"lr": 0.02, "eps": 1e-4}, reference.adainject, {"alpha": 0.02, "epsilon": 1e-4}),
}
# Those whose decay is their own affair.
DECOUPLED = ("adamw", "adam decoupled")


@pytest.mark.parametrize("name", CASES)
def test_fifty_steps_are_those_of_the_formula(name):
    kind, settings, formula, words = CASES[name]
    np.testing.assert_allclose(path(kind, **settings), formula(START, gradient, 50, **words), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in CASES if name not in DECOUPLED])
def test_weight_decay_is_a_part_of_the_gradient_wherever_that_is_taken(name):
    kind, settings, formula, words = CASES[name]
    expected = formula(START, penalized(0.1), 50, **words)
    np.testing.assert_allclose(path(kind, weight_decay=0.1, **settings), expected, rtol=1e-12, atol=1e-12)
    assert np.abs(expected - formula(START, gradient, 50, **words)).max() > 1e-3


def test_every_optimizer_has_a_case():
    kinds = {kind for kind, *_ in CASES.values()}
    assert kinds == {value for value in vars(optim).values() if isinstance(value, type)} - {optim.Optimizer}


@pytest.mark.parametrize(("kind", "settings"), [
    (optim.RAdam, {"decoupled_weight_decay": True}), (optim.AdaBelief, {"decoupled_weight_decay": True}),
])
def test_decoupled_decay_shrinks_parameters_before_a_step(kind, settings):
    p, q = nn.Parameter(START.copy()), nn.Parameter(START.copy())
    one, other = kind([p], lr=0.02, weight_decay=0.3, **settings), kind([q], lr=0.02)
    for _ in range(12):
        p.grad = q.grad = gradient(p.data)
        q.data[...] *= 1 - 0.02 * 0.3
        one.step()
        other.step()
        np.testing.assert_allclose(p.data, q.data, rtol=1e-13)


def test_settings_without_a_formula_of_their_own():
    plain, decaying = (path(optim.Adagrad, 3, lr=0.1, lr_decay=d) for d in (0, 0.5))
    np.testing.assert_array_equal(plain[1], decaying[1])  # the first step is whole
    second = gradient(plain[1]) / np.sqrt(gradient(START) ** 2 + gradient(plain[1]) ** 2)
    np.testing.assert_allclose(decaying[2], decaying[1] - 0.1 / 1.5 * second, rtol=1e-6)
    begun = path(optim.Adagrad, 1, lr=0.1, initial_accumulator_value=4.0)
    np.testing.assert_allclose(begun[1], START - 0.1 * gradient(START) / np.sqrt(4 + gradient(START) ** 2), rtol=1e-9)
    half = path(optim.Adadelta, 1, lr=0.5)
    np.testing.assert_allclose(half[1] - START, (path(optim.Adadelta, 1)[1] - START) / 2, rtol=1e-9)
    r = 0.1 * gradient(START) ** 2
    moved = path(optim.RMSprop, 1, lr=0.1, alpha=0.9, momentum=0.5, centered=True, eps=0.01, eps_inside=True)
    np.testing.assert_allclose(moved[1], START - 0.1 * gradient(START) / np.sqrt(0.9 * r + 0.01), rtol=1e-12)


def test_the_three_forms_of_momentum_are_one_at_a_constant_rate_and_differ_when_it_changes():
    one = path(optim.SGD, lr=0.02, momentum=0.9)
    np.testing.assert_allclose(path(optim.SGD, lr=0.02, momentum=0.9, form="classic"), one, rtol=1e-11)
    np.testing.assert_allclose(path(optim.SGD, lr=0.2, momentum=0.9, form="ewma"), one, rtol=1e-11)
    ends = []
    for form in ("torch", "classic"):
        p = nn.Parameter(START.copy())
        optimizer = optim.SGD([p], 0.02, 0.9, form=form)
        for rate in (0.02, 0.0):
            optimizer.param_groups[0]["lr"] = rate
            p.grad = gradient(START)
            optimizer.step()
        ends.append(p.data - START)
    np.testing.assert_allclose(ends[0], -0.02 * gradient(START))
    np.testing.assert_allclose(ends[1], -0.02 * 1.9 * gradient(START))


def test_dampening_of_one_minus_the_share_is_no_average_for_the_first_gradient_is_whole():
    damped = path(optim.SGD, 1, lr=0.1, momentum=0.9, dampening=0.9)
    average = path(optim.SGD, 1, lr=0.1, momentum=0.9, form="ewma")
    np.testing.assert_allclose(damped[1] - START, 10 * (average[1] - START))


def test_lookahead_at_phi_minus_rate_times_beta_times_average_is_the_form_torch():
    # phi - alpha beta m, m an average: the velocity is m / (1 - beta), and the rate alpha (1 - beta).
    alpha, beta, x, m = 0.2, 0.9, START, 0.0
    for _ in range(50):
        m = beta * m + (1 - beta) * gradient(x - alpha * beta * m)
        x = x - alpha * m
    ours = path(optim.SGD, lr=alpha * (1 - beta), momentum=beta, nesterov="lookahead")
    np.testing.assert_allclose(ours[-1], x, rtol=1e-12)


def test_the_closure_sees_parameters_ahead_and_they_are_put_back():
    p, frozen = nn.Parameter(np.zeros(2)), nn.Parameter(np.ones(2))
    optimizer = optim.SGD([p, frozen], 0.5, 0.5, nesterov="lookahead")
    seen = []

    def closure():
        optimizer.zero_grad()
        seen.append((p.data.copy(), frozen.data.copy()))
        loss = (p * 1).sum() + (frozen * 1).sum() if frozen.requires_grad else (p * 1).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    after = p.data.copy(), frozen.data.copy()
    frozen.requires_grad = False
    optimizer.step(closure)
    np.testing.assert_array_equal(seen[0], ([0, 0], [1, 1]))
    np.testing.assert_array_equal(seen[1], (after[0] - 0.25, after[1]))  # a frozen parameter stays
    np.testing.assert_array_equal(p.data, after[0] - 0.5 * 1.5)

    def failing():
        raise KeyError("no data")

    before = p.data.copy()
    with pytest.raises(KeyError):
        optimizer.step(failing)
    np.testing.assert_array_equal(p.data, before)
    with pytest.raises(ValueError, match=r"call step\(closure\)"):
        optimizer.step()


# Worked numbers.


def first_step(kind, g, **settings):
    p = nn.Parameter(np.zeros(np.shape(g)))
    p.grad = np.array(g, np.float64)
    kind([p], **settings).step()
    return -p.data


def test_normalized_gradients_are_signs():
    np.testing.assert_allclose(first_step(optim.NormalizedSGD, [3.0, -2.0, 5.0], lr=1.0), [1, -1, 1], atol=1e-8)


def test_the_first_step_of_adam_is_the_rate_and_three_times_that_uncorrected():
    assert first_step(optim.Adam, 7.0, lr=1.0) == pytest.approx(1, abs=1e-8)
    assert first_step(optim.Adam, 7.0, lr=1.0, bias_correction=False) == pytest.approx(3.1623, abs=5e-5)


def test_below_the_root_eps_is_added_to_what_is_corrected():
    # Added before the correction and kept, it would take the first step to 0.30 of the rate.
    assert first_step(optim.Adam, 0.01, lr=1.0, eps=1e-6, eps_inside=True) == pytest.approx(0.995, abs=5e-5)
    assert 0.01 / math.sqrt((1e-3 * 0.01**2 + 1e-6) / 1e-3) == pytest.approx(0.30, abs=0.002)


def trace(kind, gradients, **settings):
    """Points from 1 on, of one parameter that meets these gradients."""
    p = nn.Parameter(np.array(1.0))
    optimizer = kind([p], lr=0.1, betas=(0.5, 0.5), **settings)
    points = []
    for g in gradients:
        p.grad = np.array(g)
        optimizer.step()
        points.append(p.data.item())
    return points


# With gradients 2 and 1 and betas of 0.5 the means are 1 and 1, corrected 2 and 4/3; the mean squares 2 and 1.5, or 4 and 2.


def test_diffgrad_by_hand():
    first = 1 - 0.1 / (1 + math.exp(-2)) * 2 / 2
    second = first - 0.1 / (1 + math.exp(-1)) * (4 / 3) / math.sqrt(2)
    assert trace(optim.diffGrad, [2.0, 1.0], eps=0) == pytest.approx([first, second], rel=1e-14)


def test_diffgrad_is_not_adam_at_half_the_rate():
    ours, half = path(optim.diffGrad, lr=0.02), path(optim.Adam, lr=0.01)
    assert np.abs(ours - half).max() > 0.01
    same = trace(optim.diffGrad, [2.0, 2.0], eps=0)  # a gradient that does not change: then, and only then, half
    assert same[0] - same[1] == pytest.approx(0.05)


def test_adabelief_by_hand():
    # Distances from the new mean are 1 and 0; eps is kept in their mean square, and is added to its root.
    first = 1 - 0.1 * 2 / (math.sqrt((0.5 * 1 + 0.01) / 0.5) + 0.01)
    second = first - 0.1 * (4 / 3) / (math.sqrt((0.5 * 0.51 + 0.01) / 0.75) + 0.01)
    assert trace(optim.AdaBelief, [2.0, 1.0], eps=0.01) == pytest.approx([first, second], rel=1e-14)


def test_adabelief_rectified_by_hand():
    # betas of 0.5 make rho 3: never rectified, so that steps go along the corrected mean.
    assert trace(optim.AdaBelief, [2.0, 1.0], rectify=True) == pytest.approx([0.8, 0.8 - 0.1 * 4 / 3], rel=1e-14)
    long = path(optim.AdaBelief, 6, lr=1e-3, rectify=True)
    t, rho = 6, 2 / 0.001 - 1
    rho_t = rho - 2 * t * 0.999**t / (1 - 0.999**t)
    assert rho_t > 5
    m, s = 0.0, 0.0
    for x in long[:6]:
        m = 0.9 * m + 0.1 * gradient(x)
        s = 0.999 * s + 0.001 * (gradient(x) - m) ** 2 + 1e-8
    r = math.sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
    step = 1e-3 * r * m / (1 - 0.9**t) * math.sqrt(1 - 0.999**t) / (np.sqrt(s) + 1e-8)
    np.testing.assert_allclose(long[6], long[5] - step, rtol=1e-12)
    np.testing.assert_allclose(long[1], START - 1e-3 * gradient(START), rtol=1e-12)


def test_radam_is_rectified_from_the_sixth_step_on():
    for beta2 in (0.9, 0.99, 0.999):
        plain = [optim.adam.rectified(t, beta2) == 0 for t in range(1, 8)]
        assert plain == [True] * 5 + [False] * 2


@pytest.mark.filterwarnings("ignore:divide by zero")  # from the plain loops, where nothing is compiled
def test_angulargrad_by_hand():
    # Tangents 2, 1/3 and (5 - 1) / (1 + 5) = 2/3; the lesser of two: 2, 1/3 and 1/3.
    def factor(tangent):
        return math.tanh(1 / math.sqrt(1 + tangent**2)) / 2 + 0.5

    first = 1 - 0.1 * factor(2)
    second = first - 0.1 * factor(1 / 3) * (4 / 3) / math.sqrt(2)
    third = second - 0.1 * factor(1 / 3) * (3 / 0.875) / math.sqrt((0.75 + 12.5) / 0.875)
    assert trace(optim.AngularGrad, [2.0, 1.0, 5.0], eps=0) == pytest.approx([first, second, third], rel=1e-14)
    assert trace(optim.AngularGrad, [2.0], eps=0, angle="tan") == pytest.approx([1 - 0.1 * (math.tanh(2) / 2 + 0.5)], rel=1e-14)
    # Gradients at a right angle, whose tangent is infinite, and none at all.
    turned = first - 0.1 * factor(2) * (0.25 / 0.75) / math.sqrt(1.125 / 0.75)
    assert trace(optim.AngularGrad, [2.0, -0.5], eps=0) == pytest.approx([first, turned], rel=1e-12)
    assert trace(optim.AngularGrad, [0.0]) == [1.0]


def test_adainject_by_hand():
    first = 1 - 0.1
    injected = (1 + (1 - first) * 1**2) / 2
    second = first - 0.1 * (0.5 * 1 + 0.5 * injected) / 0.75 / math.sqrt(2)
    assert trace(optim.AdaInject, [2.0, 1.0], eps=0) == pytest.approx([first, second], rel=1e-14)


@pytest.mark.parametrize(("kind", "settings", "said"), [
    (optim.Adam, {"betas": (0.9, 1.0)}, r"betas=\(0.9, 1.0\) is not allowed"),
    (optim.Adam, {"betas": 0.9}, "must be two numbers"),
    (optim.Adam, {"eps": -1}, "eps=-1"), (optim.RMSprop, {"alpha": 1}, "alpha=1"), (optim.Adadelta, {"rho": -0.1}, "rho=-0.1"),
    (optim.Adagrad, {"initial_accumulator_value": -1}, "initial_accumulator_value=-1"),
    (optim.NormalizedSGD, {"lr": -1}, "lr=-1"), (optim.AngularGrad, {"angle": "sin"}, "angle='sin' is not known"),
    (optim.RMSprop, {"momentum": float("nan")}, "momentum=nan"),
])
def test_settings_are_refused(kind, settings, said):
    with pytest.raises(ValueError, match=said):
        kind([nn.Parameter(np.zeros(2))], **settings)


def test_adamw_decays_by_itself():
    with pytest.raises(ValueError, match="is not AdamW; use Adam"):
        optim.AdamW([nn.Parameter(np.zeros(2))]).load_state_dict(optim.Adam([nn.Parameter(np.zeros(2))]).state_dict())
