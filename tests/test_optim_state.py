"""What is saved of an optimizer: a resumed run goes on bit for bit, and foreign states are refused."""

from __future__ import annotations

import copy
import doctest
import importlib
import json

import numpy as np
import pytest

from convkit import nn, optim, set_workers
from convkit.engines import update
from convkit.optim import lr_scheduler

KINDS = [
    (optim.SGD, {"momentum": 0.9, "form": "ewma", "nesterov": True}), (optim.SGD, {"momentum": 0.9, "nesterov": "lookahead"}),
    (optim.NormalizedSGD, {}), (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.1}), (optim.Adadelta, {}),
    (optim.RMSprop, {}), (optim.RMSprop, {"momentum": 0.5, "centered": True, "eps_inside": True}),
    (optim.RMSprop, {"momentum": 0.5}), (optim.Adam, {"betas": (0.8, 0.99), "eps_inside": True}), (optim.AdamW, {}),
    (optim.RAdam, {}), (optim.diffGrad, {}), (optim.AdaBelief, {"rectify": True}), (optim.AngularGrad, {"angle": "tan"}),
    (optim.AdaInject, {}),
]
NAMES = [f"{kind.__name__}{i}" for i, (kind, _) in enumerate(KINDS)]


def values(seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((7, 3), (5,), (33,))]


def train(params, optimizer, steps, seed):
    rng = np.random.default_rng(seed)

    def closure():
        for p in params:
            p.grad = (p.data + rng.standard_normal(p.shape)).astype(p.dtype)
        return 0.0

    for _ in range(steps):
        optimizer.step(closure)


@pytest.mark.parametrize(("kind", "settings"), KINDS, ids=NAMES)
def test_a_resumed_run_goes_on_bit_for_bit(kind, settings):
    params = [nn.Parameter(v) for v in values()]
    optimizer = kind(params, lr=0.01, **settings)
    train(params, optimizer, 7, 1)
    saved = copy.deepcopy(([p.data for p in params], optimizer.state_dict()))
    train(params, optimizer, 5, 2)
    resumed = [nn.Parameter(v) for v in saved[0]]
    other = kind(resumed, lr=3.0)
    saved[1]["param_groups"] = json.loads(json.dumps(saved[1]["param_groups"]))  # tuples come back as lists
    other.load_state_dict(saved[1])
    assert other.param_groups[0].keys() == optimizer.param_groups[0].keys()
    train(resumed, other, 5, 2)
    for a, b in zip(params, resumed, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    first, second = optimizer.state_dict(), other.state_dict()
    assert first["param_groups"] == second["param_groups"]
    assert [list(s) for s in first["state"].values()] == [list(s) for s in second["state"].values()]


@pytest.mark.parametrize(("kind", "settings"), KINDS, ids=NAMES)
def test_workers_change_nothing(kind, settings, monkeypatch):
    monkeypatch.setattr(update, "PIECE", 7)
    results = []
    for workers in (1, 3):
        with set_workers(workers):
            params = [nn.Parameter(v) for v in values()]
            train(params, kind(params, lr=0.01, **settings), 3, 1)
            results.append([p.data.copy() for p in params])
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)


@pytest.mark.parametrize(("kind", "settings"), KINDS, ids=NAMES)
def test_parameters_that_begin_later_count_their_own_steps(kind, settings):
    late, alone = nn.Parameter(values()[1]), nn.Parameter(values()[1])
    early = nn.Parameter(values()[0])
    both, single = kind([early, late], lr=0.01, **settings), kind([alone], lr=0.01, **settings)
    for step in range(6):
        def closure(step=step):
            early.grad = early.data.copy()
            if step > 2:
                late.grad, alone.grad = late.data + 1, alone.data + 1
            return 0.0

        both.step(closure)
        if step > 2:
            single.step(closure)
    np.testing.assert_array_equal(late.data, alone.data)
    assert (early.data != values()[0]).any()


def test_the_state_is_in_pytorchs_form():
    p, q = nn.Parameter(np.zeros(2)), nn.Parameter(np.zeros(3))
    optimizer = optim.Adam([p, q])
    for _ in range(3):
        q.grad = np.ones(3)
        optimizer.step()
    state = optimizer.state_dict()["state"]
    assert {n: list(s) for n, s in state.items()} == {1: ["step", "exp_avg", "exp_avg_sq"]}
    assert state[1]["step"] == 3
    assert state[1]["step"].shape == ()


def saved_adam():
    p = nn.Parameter(np.zeros(2))
    optimizer = optim.Adam([p])
    p.grad = np.ones(2)
    optimizer.step()
    return optimizer.state_dict()


def test_states_of_other_optimizers_are_refused_and_change_nothing():
    p = nn.Parameter(np.zeros(2))
    rms, momentum = optim.RMSprop([p], momentum=0.5), optim.SGD([p], momentum=0.5)
    with pytest.raises(ValueError, match=r"betas=\(0.9, 0.999\), which RMSprop has not"):
        rms.load_state_dict(saved_adam())
    state = saved_adam()
    state["param_groups"] = rms.state_dict()["param_groups"]
    with pytest.raises(ValueError, match="lacks square_avg, momentum_buffer of parameter 0, which RMSprop remembers"):
        rms.load_state_dict(state)
    state["param_groups"] = optim.SGD([p]).state_dict()["param_groups"]
    with pytest.raises(ValueError, match="has exp_avg of parameter 0, which SGD does not remember"):
        momentum.load_state_dict(state)
    assert momentum.param_groups[0]["momentum"] == 0.5
    state = saved_adam()
    del state["state"][0]["exp_avg_sq"]
    with pytest.raises(ValueError, match="lacks exp_avg_sq"):
        optim.Adam([p]).load_state_dict(state)
    state = saved_adam()
    del state["state"][0]["step"]
    with pytest.raises(ValueError, match="lacks step of parameter 0"):
        optim.Adam([p]).load_state_dict(state)
    state = saved_adam()
    state["param_groups"][0]["amsgrad"] = True
    with pytest.raises(ValueError, match="amsgrad=True, which Adam has not"):
        optim.Adam([p]).load_state_dict(state)


def test_a_state_without_a_form_is_pytorchs():
    p = nn.Parameter(np.zeros(2))
    optimizer = optim.SGD([p], 0.1, 0.9, form="ewma")
    state = optim.SGD([p], 0.1, 0.9).state_dict()
    del state["param_groups"][0]["form"]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["form"] == "torch"


def test_a_schedule_resumes_with_the_optimizer():
    def made():
        params = [nn.Parameter(v) for v in values()]
        optimizer = optim.Adam(params, lr=0.1)
        warm_up = lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3)
        return params, optimizer, lr_scheduler.SequentialLR(
            optimizer, [warm_up, lr_scheduler.CosineAnnealingLR(optimizer, 10)], [3])

    params, optimizer, schedule = made()
    for epoch in range(5):
        train(params, optimizer, 1, epoch)
        schedule.step()
    saved = [p.data.copy() for p in params], optimizer.state_dict(), json.loads(json.dumps(schedule.state_dict()))
    others, second, third = made()
    for p, value in zip(others, saved[0], strict=True):
        p.data[...] = value
    second.load_state_dict(saved[1])
    third.load_state_dict(saved[2])
    for epoch in range(5, 9):
        for group in ((params, optimizer, schedule), (others, second, third)):
            train(group[0], group[1], 1, epoch)
            group[2].step()
    assert optimizer.param_groups[0]["lr"] == second.param_groups[0]["lr"]
    for a, b in zip(params, others, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize("name", [
    "optim.adam", "optim.adaptive", "optim.averages", "optim.descent", "optim.recent", "optim.reference", "optim.sgd",
    "optim.surfaces", "optim.lr_scheduler.epochs", "optim.lr_scheduler.one_cycle", "optim.lr_scheduler.plateau",
    "optim.lr_scheduler.sequential", "nn.penalties", "nn.utils",
])
def test_examples_in_docstrings_run(name):
    found = doctest.testmod(importlib.import_module(f"convkit.{name}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    assert found.attempted >= 2
