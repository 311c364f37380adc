"""SGD: its formula, its groups and its state, with parameters that are views of one buffer."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from convkit import nn, set_workers
from convkit.engines import update
from convkit.optim import SGD, sgd

RNG = np.random.default_rng(2)


def parameters(*shapes, dtype=np.float64):
    return [nn.Parameter(RNG.standard_normal(shape).astype(dtype)) for shape in shapes]


def give(params, gradients):
    for p, g in zip(params, gradients, strict=True):
        p.grad = g


class Reference:
    """The formula, parameter by parameter."""

    def __init__(self, values, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False):
        self.values, self.velocity = [v.copy() for v in values], [None] * len(values)
        self.settings = lr, momentum, dampening, weight_decay, nesterov

    def step(self, gradients):
        lr, momentum, dampening, decay, nesterov = self.settings
        for i, g in enumerate(gradients):
            if g is None:
                continue
            g = g + decay * self.values[i]
            if momentum:
                old = self.velocity[i]
                self.velocity[i] = g.copy() if old is None else momentum * old + (1 - dampening) * g
                g = g + momentum * self.velocity[i] if nesterov else self.velocity[i]
            self.values[i] = self.values[i] - lr * g


@pytest.mark.parametrize("settings", [
    {}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.3},
    {"momentum": 0.9, "weight_decay": 0.1}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
])
@pytest.mark.parametrize("piece", [update.PIECE, 5])
def test_against_the_formula(settings, piece, monkeypatch):
    monkeypatch.setattr(update, "PIECE", piece)
    params = parameters((3, 2), (4,), (), (5, 1, 2), (2,))
    expected = Reference([p.data for p in params], 0.05, **settings)
    optimizer = SGD(params, 0.05, **settings)
    for step in range(7):
        gradients = [RNG.standard_normal(p.shape) for p in params]
        if step in (0, 3):
            gradients[1] = None  # begins later than the others, and rests once
        if step == 5:
            gradients = [None, *gradients[1:4], None]
        give(params, gradients)
        optimizer.step()
        expected.step(gradients)
        for p, value in zip(params, expected.values, strict=True):
            np.testing.assert_allclose(p.data, value, rtol=1e-13, atol=1e-15)


def test_a_step_is_one_call_of_a_kernel_over_one_buffer(monkeypatch):
    calls = []
    real = sgd.kernels.sgd_momentum
    monkeypatch.setattr(sgd.kernels, "sgd_momentum", lambda *args: (calls.append(args[4:6]), real(*args)))
    model = nn.models.tutorial_net()
    optimizer = SGD(model.parameters(), 0.01, momentum=0.9)
    bases = {id(p.data.base) for p in model.parameters()}
    assert len(bases) == 1
    assert all(p.data.ctypes.data % 64 == 0 for p in model.parameters())
    model.loss_and_grad(RNG.standard_normal((4, 3, 32, 32), np.float32), np.arange(4), nn.CrossEntropyLoss())
    optimizer.step()
    (first, last), = calls
    assert first == 0
    assert last > 62_006


def test_gradients_are_read_where_they_lie_or_copied():
    p, q, r = parameters((3, 2), (4,), (0,))
    before = [p.data.copy(), q.data.copy()]
    locked = np.arange(4.0)
    locked.flags.writeable = False
    askew = np.frombuffer(b"x" + np.arange(6.0).tobytes(), np.float64, offset=1).reshape(3, 2)
    optimizer = SGD([p, q, r], 0.5)
    for first in (np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(2, 3, order="F").T, askew):
        give([p, q, r], [first, locked, np.empty(0)])
        start = p.data.copy(), q.data.copy()
        optimizer.step()
        np.testing.assert_array_equal(p.data, start[0] - 0.5 * first)
        np.testing.assert_array_equal(q.data, start[1] - 0.5 * locked)
    assert (p.data != before[0]).any()


def test_workers_change_nothing(monkeypatch):
    monkeypatch.setattr(update, "PIECE", 1001)
    results = []
    for workers in (1, 3):
        with set_workers(workers):
            rng = np.random.default_rng(0)
            params = [nn.Parameter(rng.standard_normal(n).astype(np.float32)) for n in (100, 90_000, 5000)]
            optimizer = SGD(params, 0.1, 0.9, weight_decay=0.01)
            for _ in range(3):
                give(params, [rng.standard_normal(p.shape).astype(np.float32) for p in params])
                optimizer.step()
            results.append([p.data.copy() for p in params])
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)


def test_float32_and_float64_side_by_side_and_gradients_in_any_layout():
    params = [*parameters((4, 3), (2,), dtype=np.float32), *parameters((3, 3))]
    start = [p.data.copy() for p in params]
    gradients = [RNG.standard_normal(p.shape[::-1]).astype(p.dtype).T for p in params]
    optimizer = SGD(params, 0.5, momentum=0.5)
    give(params, gradients)
    optimizer.step()
    for p, value, g in zip(params, start, gradients, strict=True):
        assert p.dtype == value.dtype
        np.testing.assert_allclose(p.data, value - 0.5 * g, rtol=1e-6)


def test_groups_have_settings_of_their_own():
    body, head = nn.Linear(3, 3), nn.Linear(3, 2)
    optimizer = SGD([{"params": body.parameters(), "lr": 0.01}, {"params": list(head.parameters())}], lr=0.1, momentum=0.9)
    assert [(g["lr"], g["momentum"], len(g["params"])) for g in optimizer.param_groups] == [(0.01, 0.9, 2), (0.1, 0.9, 2)]
    before = [m.weight.data.copy() for m in (body, head)]
    for p in (*body.parameters(), *head.parameters()):
        p.grad = np.ones_like(p.data)
    optimizer.step()
    np.testing.assert_allclose(before[0] - body.weight.data, 0.01, rtol=1e-4)
    np.testing.assert_allclose(before[1] - head.weight.data, 0.1, rtol=1e-4)
    optimizer.param_groups[1]["lr"] = 0.0
    after = head.weight.data.copy()
    optimizer.step()
    assert (head.weight.data == after).all()
    extra = nn.Parameter(np.zeros(2))
    optimizer.add_param_group({"params": extra, "momentum": 0})
    extra.grad = np.ones(2)
    optimizer.step()
    assert extra.data.tolist() == [-0.1, -0.1]
    assert "group 2: 1 parameters, lr=0.1, momentum=0" in repr(optimizer)


def test_frozen_parameters_stay_and_may_thaw():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].freeze()
    optimizer = SGD(model.parameters(), 0.1, 0.9, weight_decay=0.5)
    x, y = RNG.standard_normal((4, 3), np.float32), np.array([0, 1, 1, 0])
    before = model.state_dict()
    for _ in range(2):
        model.loss_and_grad(x, y, nn.CrossEntropyLoss())
        optimizer.step()
        optimizer.zero_grad()
    assert (model[0].weight.data == before["0.weight"]).all()
    assert (model[1].weight.data != before["1.weight"]).any()
    model.unfreeze()
    model.loss_and_grad(x, y, nn.CrossEntropyLoss())
    optimizer.step()
    assert (model[0].weight.data != before["0.weight"]).any()


def test_numbers_put_in_place_of_the_views_are_taken_over():
    p, q = parameters((3,), (2,))
    optimizer = SGD([p, q], 0.5, momentum=0.5)
    give([p, q], [np.ones(3), np.ones(2)])
    optimizer.step()
    p.data = np.array([1.0, 2.0, 3.0])
    optimizer.step()
    np.testing.assert_allclose(p.data, [0.25, 1.25, 2.25])
    assert p.data.base is q.data.base
    for r in (p, q):
        r.data = r.data.astype(np.float32)
        r.grad = np.ones(r.shape, np.float32)
    optimizer.step()
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.data, [0.25 - 0.5 * 1.75, 1.25 - 0.5 * 1.75, 2.25 - 0.5 * 1.75])


def test_two_optimizers_of_the_same_parameters_agree_on_their_numbers():
    p, = parameters((3,))
    one, other = SGD([p], 0.5), SGD([p], 0.25)
    p.data[...] = 1
    p.grad = np.ones(3)
    for optimizer in (one, other, one):
        optimizer.step()
    np.testing.assert_allclose(p.data, 1 - 0.5 - 0.25 - 0.5)


def test_zero_grad_and_closure():
    p, = parameters((3,))
    optimizer = SGD([p], 0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    before = p.data.copy()
    loss = optimizer.step(closure)
    assert loss.item() == pytest.approx((before**2).sum())
    np.testing.assert_allclose(p.data, 0, atol=1e-16)
    held = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is held
    assert not held.any()
    optimizer.zero_grad()
    assert p.grad is None
    assert optimizer.step() is None


def test_a_step_is_a_change_that_the_tape_sees():
    p, q = parameters((3,), (3,))
    optimizer = SGD([p, q], 0.5)
    loss, other = (p * p).sum(), (q * q).sum()
    p.grad = np.ones(3)
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    other.backward()  # q had no gradient and stayed as it was


@pytest.mark.parametrize("settings", [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {}])
def test_a_run_that_is_saved_goes_on_as_if_it_had_not_stopped(settings):
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x, y = RNG.standard_normal((8, 3), np.float32), RNG.integers(0, 2, 8)

    def train(model, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            model.loss_and_grad(x, y, nn.CrossEntropyLoss())
            optimizer.step()

    optimizer = SGD(model.parameters(), 0.1, **settings)
    train(model, optimizer, 5)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    train(model, optimizer, 5)
    resumed = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    resumed.load_state_dict(saved[0])
    other = SGD(resumed.parameters(), 7)
    other.load_state_dict(saved[1])
    assert other.param_groups[0]["lr"] == 0.1
    train(resumed, other, 5)
    for a, b in zip(model.parameters(), resumed.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_the_state_is_a_copy_in_pytorchs_form():
    p, q, r = parameters((2,), (3,), (1,))
    optimizer = SGD([{"params": [p]}, {"params": [q, r], "lr": 2}], 0.5, momentum=0.5)
    give([p, q], [np.ones(2), np.ones(3)])
    optimizer.step()
    state = optimizer.state_dict()
    assert {n: list(s) for n, s in state["state"].items()} == {0: ["momentum_buffer"], 1: ["momentum_buffer"]}
    assert [(g["params"], g["lr"]) for g in state["param_groups"]] == [([0], 0.5), ([1, 2], 2)]
    optimizer.step()
    assert (state["state"][1]["momentum_buffer"] == 1).all()


def test_a_state_that_does_not_fit_changes_nothing():
    p, q = parameters((2,), (3,))
    optimizer = SGD([p, q], 0.5, momentum=0.5)
    give([p, q], [np.ones(2), np.ones(3)])
    optimizer.step()
    state = optimizer.state_dict()
    other = SGD(parameters((2,)), 0.1)
    with pytest.raises(ValueError, match=r"parameter groups of \[2\] parameters, this optimizer of \[1\]"):
        other.load_state_dict(state)
    other = SGD(parameters((2,), (4,)), 0.1)
    with pytest.raises(ValueError, match=r"momentum_buffer of parameter 1 has shape \(3,\)"):
        other.load_state_dict(state)
    assert other.param_groups[0]["lr"] == 0.1
    state["param_groups"][0]["maximize"] = True
    with pytest.raises(ValueError, match="has maximize=True, which SGD has not"):
        optimizer.load_state_dict(state)
    state["param_groups"][0].update(maximize=False, lr=-1)
    with pytest.raises(ValueError, match="lr=-1 is not allowed"):
        optimizer.load_state_dict(state)


@pytest.mark.parametrize(("settings", "said"), [
    ({"lr": -1}, "lr=-1 is not allowed"), ({"momentum": -0.1}, "momentum=-0.1"),
    ({"weight_decay": float("nan")}, "weight_decay=nan"),
    ({"nesterov": True}, "nesterov=True needs momentum above 0"),
    ({"nesterov": "lookahead"}, "nesterov='lookahead' needs momentum above 0"),
    ({"nesterov": "ahead", "momentum": 0.9}, "nesterov='ahead' is not known; it may be False, True or 'lookahead'"),
    ({"form": "heavy"}, "form='heavy' is not known"),
    ({"form": "ewma", "momentum": 0.9, "dampening": 0.1}, "dampening=0.1 belongs to form='torch'"),
    ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening=0.1"),
])
def test_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        SGD(parameters((2,)), **settings)


def test_parameters_are_refused():
    p, = parameters((2,))
    with pytest.raises(ValueError, match="params is empty"):
        SGD([])
    with pytest.raises(TypeError, match="single Parameter"):
        SGD(p)
    with pytest.raises(ValueError, match="given twice"):
        SGD([p, p])
    with pytest.raises(TypeError, match="not ndarray"):
        SGD([np.zeros(2)])
    with pytest.raises(TypeError, match="a result of dtype float64"):
        SGD([p * 2])
    with pytest.raises(ValueError, match="rate in a parameter group is not known to SGD; its settings are lr, momentum"):
        SGD([{"params": [p], "rate": 1}])
