"""Optimizers, their states, schedules and clipping against PyTorch's; skipped where it is absent."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from convkit import nn, optim
from convkit.optim import lr_scheduler

torch = pytest.importorskip("torch")

CASES = [
    ("SGD", {}), ("SGD", {"momentum": 0.9}), ("SGD", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("Adadelta", {}), ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {}), ("RMSprop", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.5}),
    ("RMSprop", {"lr": 1e-3, "centered": True, "eps": 1e-2}),
    ("RMSprop", {"lr": 1e-3, "centered": True, "eps": 1e-2, "momentum": 0.9}),
    ("Adam", {}), ("Adam", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}), ("AdamW", {"lr": 0.01, "weight_decay": 0.3}),
    ("RAdam", {}), ("RAdam", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]
IDS = [f"{name}{i}" for i, (name, _) in enumerate(CASES)]
SHAPES = ((3, 4), (5,), ())


def both(name, settings, dtype):
    """The same parameters in both libraries, with their optimizers."""
    rng = np.random.default_rng(3)
    values = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    ours, theirs = [nn.Parameter(v.copy()) for v in values], [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
    return ours, theirs, getattr(optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, **settings)


def slope(x, i, step):
    return ((0.1, 1.0, 5.0)[i] * (x - 0.3) + 0.2 * np.sin(3 * x + step)).astype(x.dtype)


def advance(params, optimizer, steps, first=0):
    """Steps along gradients that are computed in NumPy of the parameters."""
    for step in range(first, first + steps):
        for i, p in enumerate(params):
            if isinstance(p, torch.Tensor):
                p.grad = torch.from_numpy(np.asarray(slope(p.detach().numpy(), i, step)))
            else:
                p.grad = slope(p.data, i, step)
        optimizer.step()


def agree(ours, theirs, tolerance):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=tolerance, atol=tolerance)


def to_torch(state):
    return {"state": {n: {k: torch.from_numpy(np.array(a)) for k, a in s.items()} for n, s in state["state"].items()},
            "param_groups": state["param_groups"]}


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-4)])
@pytest.mark.parametrize(("name", "settings"), CASES, ids=IDS)
def test_fifty_steps(name, settings, dtype, tolerance):
    ours, theirs, one, other = both(name, settings, dtype)
    advance(ours, one, 50)
    advance(theirs, other, 50)
    agree(ours, theirs, tolerance)


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_arguments_and_defaults(name):
    ours, theirs = (inspect.signature(getattr(package, name)).parameters for package in (optim, torch.optim))
    left_out = {"maximize", "foreach", "differentiable", "fused", "capturable", "amsgrad"}
    known = {k: p.default for k, p in theirs.items() if k not in left_out}
    assert {k: p.default for k, p in ours.items() if k in known} == known
    positional = [k for k, p in theirs.items() if p.kind == p.POSITIONAL_OR_KEYWORD and k not in left_out]
    assert [k for k, p in ours.items() if p.kind == p.POSITIONAL_OR_KEYWORD] == positional


@pytest.mark.parametrize(("name", "settings"), CASES, ids=IDS)
def test_states_go_from_one_to_the_other_and_back(name, settings):
    ours, theirs, one, other = both(name, settings, np.float64)
    advance(ours, one, 7)
    # Ours continued there ...
    for p, q in zip(ours, theirs, strict=True):
        q.data.copy_(torch.from_numpy(np.array(p.data)))
    other.load_state_dict(to_torch(one.state_dict()))
    advance(ours, one, 5, 7)
    advance(theirs, other, 5, 7)
    agree(ours, theirs, 1e-12)
    # ... and theirs here, by an optimizer made with other settings.
    third = getattr(optim, name)(ours, lr=9.0)
    third.load_state_dict(other.state_dict())
    for key, value in one.param_groups[0].items():
        assert third.param_groups[0][key] == value or key == "params"
    advance(ours, third, 5, 12)
    advance(theirs, other, 5, 12)
    agree(ours, theirs, 1e-12)


def test_a_state_of_pytorch_with_what_is_not_here_is_refused():
    q = torch.nn.Parameter(torch.zeros(2))
    optimizer = optim.Adam([nn.Parameter(np.zeros(2))])
    for settings in ({"amsgrad": True}, {"maximize": True}):
        with pytest.raises(ValueError, match="which Adam has not"):
            optimizer.load_state_dict(torch.optim.Adam([q], **settings).state_dict())


# Schedules.

SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch + 0.01 * epoch}), ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 4, "gamma": 0.5}), ("ExponentialLR", {"gamma": 0.9}), ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 7}), ("CosineAnnealingLR", {"T_max": 6}),
    ("CosineAnnealingLR", {"T_max": 5, "eta_min": 0.01}), ("OneCycleLR", {"max_lr": 0.5, "total_steps": 21}),
    ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 7, "steps_per_epoch": 3, "pct_start": 0.4, "anneal_strategy": "linear",
                    "base_momentum": 0.7, "max_momentum": 0.9, "div_factor": 10.0, "final_div_factor": 100.0}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 25, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 25, "cycle_momentum": False}),
]
SCHEDULE_IDS = [f"{name}{i}" for i, (name, _) in enumerate(SCHEDULES)]


def two_groups(name="SGD", **settings):
    """Optimizers of two groups in both libraries."""
    found = []
    for package, make in ((optim, lambda: nn.Parameter(np.zeros(1))),
                          (torch.optim, lambda: torch.nn.Parameter(torch.zeros(1)))):
        found.append(getattr(package, name)([{"params": [make()]}, {"params": [make()], "lr": 0.02}], lr=0.3, **settings))
    return found


def rates(optimizer, schedules, epochs=20, metrics=None):
    told = []
    for epoch in range(epochs):
        told.append([[g[k] for k in ("lr", "momentum", "betas") if k in g] for g in optimizer.param_groups])
        if isinstance(optimizer, torch.optim.Optimizer):
            optimizer.step()
        for schedule in schedules:
            schedule.step(*([metrics[epoch]] if metrics else []))
    return told


def same(told, expected):
    assert len(told) == len(expected)
    for ours, theirs in zip(told, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(np.hstack(a), np.hstack(b), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(("name", "settings"), SCHEDULES, ids=SCHEDULE_IDS)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_rates_of_schedules(name, settings, kind):
    one, other = two_groups(kind, **({"momentum": 0.9} if kind == "SGD" else {}))
    ours = getattr(lr_scheduler, name)(one, **settings)
    theirs = getattr(torch.optim.lr_scheduler, name)(other, **settings)
    assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr())
    same(rates(one, [ours]), rates(other, [theirs]))
    assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr())


@pytest.mark.parametrize(("name", "settings"), SCHEDULES, ids=SCHEDULE_IDS)
def test_states_of_schedules_go_either_way(name, settings):
    one, other = two_groups(momentum=0.9)
    ours = getattr(lr_scheduler, name)(one, **settings)
    theirs = getattr(torch.optim.lr_scheduler, name)(other, **settings)
    rates(one, [ours], 5)
    rates(other, [theirs], 5)
    ours_state, theirs_state = ours.state_dict(), theirs.state_dict()
    third, fourth = two_groups(momentum=0.9)
    fifth, sixth = getattr(lr_scheduler, name)(third, **settings), getattr(torch.optim.lr_scheduler, name)(fourth, **settings)
    third.load_state_dict(other.state_dict())
    fifth.load_state_dict(theirs_state)
    fourth.load_state_dict(one.state_dict())
    sixth.load_state_dict(ours_state)
    same(rates(third, [fifth], 10), rates(fourth, [sixth], 10))


def chained(module, optimizer):
    return [module.LinearLR(optimizer, 0.2, total_iters=4), module.StepLR(optimizer, 5), module.ExponentialLR(optimizer, 0.97),
            module.CosineAnnealingLR(optimizer, 8, eta_min=1e-3)]


def sequential(module, optimizer):
    parts = [module.LinearLR(optimizer, 0.2, total_iters=4), module.ExponentialLR(optimizer, 0.8),
             module.CosineAnnealingLR(optimizer, 9)]
    return [module.SequentialLR(optimizer, parts, [4, 8])]


@pytest.mark.parametrize("make", [chained, sequential])
def test_several_schedules_of_one_optimizer(make):
    one, other = two_groups()
    with np.errstate(all="raise"):
        same(rates(one, make(lr_scheduler, one), 16), rates(other, make(torch.optim.lr_scheduler, other), 16))


@pytest.mark.parametrize("settings", [
    {}, {"mode": "max"}, {"patience": 1, "cooldown": 2, "factor": 0.5},
    {"patience": 0, "threshold": 0.1, "threshold_mode": "abs"},
    {"mode": "max", "patience": 1, "threshold": 0.05}, {"patience": 0, "min_lr": [0.1, 0.001]}, {"patience": 0, "eps": 0.1},
    {"mode": "max", "patience": 1, "threshold": 0.1, "threshold_mode": "abs"},
])
def test_rates_on_a_plateau(settings):
    metrics = np.abs(np.random.default_rng(5).standard_normal(40)).tolist()
    one, other = two_groups()
    ours = lr_scheduler.ReduceLROnPlateau(one, **settings)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **settings)
    same(rates(one, [ours], 40, metrics), rates(other, [theirs], 40, metrics))
    assert {k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()} == ours.state_dict()


# Clipping.


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, float("inf")])
@pytest.mark.parametrize("largest", [0.5, 1e3])
def test_clipping_of_norms(norm_type, largest):
    ours, theirs, *_ = both("SGD", {}, np.float64)
    for i, (p, q) in enumerate(zip(ours[:2], theirs[:2], strict=True)):
        p.grad = slope(p.data, i, 0)
        q.grad = torch.from_numpy(p.grad.copy())
    one = nn.utils.clip_grad_norm_(ours, largest, norm_type)
    assert one == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, largest, norm_type).item(), rel=1e-12)
    for p, q in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)
    nn.utils.clip_grad_value_(ours, 0.01)
    torch.nn.utils.clip_grad_value_(theirs, 0.01)
    for p, q in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)


def test_parameters_as_a_vector():
    ours, theirs, *_ = both("SGD", {}, np.float64)
    np.testing.assert_array_equal(nn.utils.parameters_to_vector(ours).data,
                                  torch.nn.utils.parameters_to_vector(theirs).detach().numpy())
