"""Schedules: rates worked out by hand, several at once, states, and refusals. Their agreement with PyTorch is tested apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convkit import nn, optim
from convkit.optim import lr_scheduler
from convkit.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def made(lr=1.0, groups=1, kind=optim.SGD, **settings):
    return kind([{"params": [nn.Parameter(np.zeros(1))]} for _ in range(groups)], lr=lr, **settings)


def rates(optimizer, schedule, steps):
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    return found


def half_cosine(*epochs, length):
    return [(1 + math.cos(math.pi * epoch / length)) / 2 for epoch in epochs]


CASES = {
    "step": (lambda o: StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
    "exponential": (lambda o: ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125]),
    "warm-up": (lambda o: LinearLR(o, 0.25, 1, 3), [0.25, 0.5, 0.75, 1, 1]),
    "linear": (lambda o: LinearLR(o, 1.0, 0, 4), [1, 0.75, 0.5, 0.25, 0, 0]),
    "lambda": (lambda o: LambdaLR(o, lambda epoch: 1 / (1 + epoch)), [1, 1 / 2, 1 / 3]),
    "cosine": (lambda o: CosineAnnealingLR(o, 4), half_cosine(0, 1, 2, 3, 4, 5, 6, length=4)),
    "one cycle": (lambda o: OneCycleLR(o, 1.0, 5, pct_start=0.6, anneal_strategy="linear", div_factor=10, final_div_factor=2,
                                       cycle_momentum=False), [0.1, 0.55, 1, 0.525, 0.05]),
    "three phases": (lambda o: OneCycleLR(o, 1.0, 8, pct_start=3 / 8, anneal_strategy="linear", div_factor=10,
                                          final_div_factor=2, three_phase=True, cycle_momentum=False),
                     [0.1, 0.55, 1, 0.55, 0.1, 0.1 - 0.05 / 3, 0.1 - 0.1 / 3, 0.05]),
}


@pytest.mark.parametrize("name", CASES)
def test_rates(name):
    make, expected = CASES[name]
    optimizer = made()
    assert rates(optimizer, make(optimizer), len(expected)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_going_on_from_an_epoch(name):
    make, expected = CASES[name]
    optimizer = made()
    schedule = make(optimizer)
    rates(optimizer, schedule, 2)
    other = made(lr=5.0)
    resumed = make(other)
    other.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    assert rates(other, resumed, len(expected) - 2) == pytest.approx(expected[2:], abs=1e-15)
    assert resumed.last_epoch == len(expected)


@pytest.mark.parametrize("kind", [StepLR, ExponentialLR, LinearLR, CosineAnnealingLR, LambdaLR])
def test_last_epoch_goes_on_with_an_optimizer_that_was_under_a_schedule(kind):
    settings = {StepLR: (2, 0.5), ExponentialLR: (0.5,), LinearLR: (0.25, 1, 6), CosineAnnealingLR: (6,),
                LambdaLR: (lambda epoch: 0.9**epoch,)}[kind]
    optimizer = made()
    schedule = kind(optimizer, *settings)
    rates(optimizer, schedule, 3)
    other = made()
    other.load_state_dict(optimizer.state_dict())
    resumed = kind(other, *settings, last_epoch=2)
    assert rates(other, resumed, 4) == pytest.approx(rates(optimizer, schedule, 4))
    with pytest.raises(KeyError, match="has been under none"):
        kind(made(), *settings, last_epoch=2)


def test_groups_have_rates_of_their_own():
    optimizer = made(groups=2)
    optimizer.param_groups[1]["lr"] = 0.5
    schedule = LambdaLR(optimizer, [lambda epoch: 1.0, lambda epoch: 1 + epoch])
    schedule.step()
    assert schedule.get_last_lr() == [1.0, 1.0]
    assert [g["lr"] for g in optimizer.param_groups] == [1.0, 1.0]
    plateau = ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.5, 0.01])
    for _ in range(2):
        plateau.step(1.0)
    assert plateau.get_last_lr() == [0.5, 0.1]


def test_momentum_goes_against_the_rate():
    for kind, read, settings in ((optim.SGD, lambda g: g["momentum"], {"momentum": 0.9}),
                                 (optim.Adam, lambda g: g["betas"][0], {})):
        optimizer = made(kind=kind, **settings)
        schedule = OneCycleLR(optimizer, 1.0, 5, pct_start=0.6, anneal_strategy="linear")
        found = []
        for _ in range(5):
            found.append(read(optimizer.param_groups[0]))
            schedule.step()
        assert found == pytest.approx([0.95, 0.9, 0.85, 0.9, 0.95])


def test_a_step_uses_the_rate_of_the_epoch():
    p = nn.Parameter(np.zeros(1))
    optimizer = optim.SGD([p], 1.0)
    schedule = StepLR(optimizer, 1, 0.5)
    for _ in range(3):
        p.grad = np.ones(1)
        optimizer.step()
        schedule.step()
    assert p.data.tolist() == [-1.75]


def test_one_schedule_after_the_other():
    optimizer = made()
    parts = [LinearLR(optimizer, 0.5, 1, 2), StepLR(optimizer, 2), ExponentialLR(optimizer, 0.5)]
    schedule = SequentialLR(optimizer, parts, [2, 5])
    assert rates(optimizer, schedule, 8) == pytest.approx([0.5, 0.75, 1, 1, 0.1, 1, 0.5, 0.25])
    assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]]


def test_one_within_another():
    optimizer = made()
    inner = SequentialLR(optimizer, [StepLR(optimizer, 1, 0.5), ExponentialLR(optimizer, 0.1)], [2])
    schedule = SequentialLR(optimizer, [LinearLR(optimizer, 0.5, 1, 1), inner], [1])
    assert rates(optimizer, schedule, 5) == pytest.approx([0.5, 1, 0.5, 1, 0.1])


def test_a_callable_object_is_saved_with_what_it_knows():
    class Decay:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, epoch):
            return self.factor**epoch

    one, other = LambdaLR(made(), Decay(0.5)), LambdaLR(made(), Decay(0.9))
    other.load_state_dict(one.state_dict())
    assert other.lr_lambdas[0].factor == 0.5


def test_a_plateau_with_nan_is_no_better():
    optimizer = made()
    schedule = ReduceLROnPlateau(optimizer, patience=1, cooldown=1)
    for metric in (1.0, math.nan, math.nan, 1.0, 1.0):
        schedule.step(metric)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
    assert schedule.num_bad_epochs == 1


def test_what_is_refused():
    optimizer = made()
    for make, said in (
        (lambda: StepLR(optimizer, 0), "step_size=0 is not allowed"), (lambda: LinearLR(optimizer, 0.0), "start_factor=0.0"),
        (lambda: CosineAnnealingLR(optimizer, 2.5), "T_max=2.5"), (lambda: OneCycleLR(optimizer, 1.0), "give total_steps"),
        (lambda: OneCycleLR(optimizer, 1.0, 5, pct_start=2), "pct_start=2"),
        (lambda: OneCycleLR(optimizer, 1.0, 5, anneal_strategy="cubic"), "anneal_strategy='cubic' is not known"),
        (lambda: OneCycleLR(made(kind=optim.Adagrad), 1.0, 5), "Adagrad has neither"),
        (lambda: OneCycleLR(optimizer, [1.0, 2.0], 5), "max_lr has 2 entries, and the optimizer 1 parameter groups"),
        (lambda: ReduceLROnPlateau(optimizer, factor=1.0), "factor=1.0"),
        (lambda: ReduceLROnPlateau(optimizer, mode="least"), "mode='least' is not known"),
        (lambda: SequentialLR(optimizer, [StepLR(optimizer, 1)], [3]), "1 schedules need 0 milestones"),
        (lambda: SequentialLR(optimizer, [StepLR(made(), 1)], []), "made of the same optimizer"),
    ):
        with pytest.raises(ValueError, match=said):
            make()
    with pytest.raises(TypeError, match=r"an optimizer of convkit.optim, not of list"):
        StepLR([], 1)
    cycle = OneCycleLR(made(), 1.0, 2, cycle_momentum=False)
    cycle.step()
    cycle.step()
    with pytest.raises(ValueError, match="total_steps=2 is over"):
        cycle.step()


def test_all_are_named():
    kinds = {name for name, value in vars(lr_scheduler).items() if isinstance(value, type)}
    assert kinds == set(lr_scheduler.__all__)
    assert issubclass(StepLR, LRScheduler)
