"""Layers, losses and training against PyTorch; skipped where it is absent."""

from __future__ import annotations

import numpy as np
import pytest

from convkit import nn, optim
from convkit.nn import models
from convkit.nn.layers.layer import Layer

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(11)

LAYERS = {
    "Conv1d": [((2, 4, 3), {"stride": 2, "padding": 1}, (3, 2, 9)), ((2, 4, 3), {"padding": "same", "dilation": 2}, (2, 2, 8))],
    "Conv2d": [
        ((3, 6, 5), {}, (4, 3, 12, 11)), ((4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, False), {}, (2, 4, 7, 8)),
        ((2, 3, 4), {"padding": "same"}, (2, 2, 6, 7)), ((2, 3, 3), {"padding": 2, "padding_mode": "reflect"}, (2, 2, 5, 6)),
        ((2, 3, 3), {"padding": 1, "padding_mode": "replicate"}, (2, 2, 5, 6)),
        ((2, 3, 3), {"padding": (2, 1), "padding_mode": "circular"}, (2, 2, 5, 6)), ((6, 6, 3), {"groups": 6}, (2, 6, 5, 5)),
        ((3, 2, 3), {}, (3, 7, 8)),
    ],
    "Conv3d": [((2, 3, (1, 2, 3)), {"padding": (0, 1, 1), "stride": (1, 2, 1)}, (2, 2, 4, 5, 6))],
    "ConvTranspose1d": [((2, 4, 3, 2, 1, 1), {}, (3, 2, 6))],
    "ConvTranspose2d": [((4, 6, 3, 2, 1, 1, 2, True, 2), {}, (2, 4, 4, 5)), ((2, 3, (2, 3)), {"bias": False}, (2, 2, 4, 4))],
    "ConvTranspose3d": [((2, 2, 2, 2), {}, (1, 2, 2, 3, 2))],
    "Linear": [((5, 3), {}, (4, 5)), ((5, 3, False), {}, (2, 3, 5))],
    "MaxPool1d": [((3, 2), {}, (2, 3, 9))],
    "MaxPool2d": [((2, 2), {}, (2, 3, 9, 8)), ((3, 2, 1), {"ceil_mode": True}, (2, 3, 8, 9)),
                  ((2,), {"dilation": 2}, (2, 3, 8, 9))],
    "MaxPool3d": [((2,), {}, (1, 2, 5, 4, 4))],
    "AvgPool1d": [((3, 2, 1), {}, (2, 3, 9))],
    "AvgPool2d": [((3, 2, 1), {"ceil_mode": True}, (2, 3, 8, 9)), ((3, 1, 1), {"count_include_pad": False}, (2, 3, 5, 5))],
    "AvgPool3d": [((2,), {}, (1, 2, 5, 4, 4))],
    "AdaptiveAvgPool1d": [((4,), {}, (2, 3, 9))],
    "AdaptiveAvgPool2d": [((1,), {}, (2, 3, 8, 9)), (((None, 4),), {}, (2, 3, 8, 9))],
    "AdaptiveAvgPool3d": [((2,), {}, (1, 2, 5, 4, 4))],
    "BatchNorm1d": [((3,), {}, (5, 3)), ((3,), {"momentum": None}, (5, 3, 4))],
    "BatchNorm2d": [((3,), {}, (4, 3, 5, 6)), ((3, 0.1, 0.3, False), {}, (4, 3, 5, 6)), ((3,), {"bias": False}, (4, 3, 5, 6)),
                    ((3,), {"track_running_stats": False}, (4, 3, 5, 6))],
    "BatchNorm3d": [((2,), {}, (3, 2, 2, 3, 4))],
    "LocalResponseNorm": [((3,), {}, (2, 5, 4, 4)), ((2, 0.1, 0.5, 2.0), {}, (2, 5, 4, 4))],
    **{f"{word}Pad{dims}d": [((1,), {}, (2, 3, 4, 5, 3)[: dims + 2]),
                             (((1, 0, 2, 1, 0, 1)[: 2 * dims],), {}, (3, 4, 5, 3)[: dims + 1])]
       for word in ("Zero", "Reflection", "Replication", "Circular") for dims in (1, 2, 3)},
    **{f"ConstantPad{dims}d": [((1, 2.5), {}, (2, 3, 4, 5, 3)[: dims + 2])] for dims in (1, 2, 3)},
    "Flatten": [((), {}, (2, 3, 4)), ((0, 1), {}, (2, 3, 4))],
    "Identity": [((), {}, (2, 3))],
    "ReLU": [((), {}, (3, 4))],
    "LeakyReLU": [((), {}, (3, 4)), ((0.3,), {}, (3, 4))],
    "ELU": [((), {}, (3, 4)), ((0.3,), {}, (3, 4))],
    "GELU": [((), {}, (3, 4)), (("tanh",), {}, (3, 4))],
    "Tanh": [((), {}, (3, 4))],
    "Sigmoid": [((), {}, (3, 4))],
    "Softmax": [((1,), {}, (3, 4))],
    "LogSoftmax": [((-1,), {}, (3, 4, 2))],
}
CASES = [(name, *case) for name, cases in LAYERS.items() for case in cases]


def to_torch(state):
    return {name: torch.from_numpy(np.array(a)) for name, a in state.items()}


def close(ours, theirs, dtype, what=""):
    theirs = np.asarray(theirs.detach())
    assert ours.shape == theirs.shape, what
    assert ours.dtype == theirs.dtype, what
    tolerance = 1e-10 if dtype == np.float64 else 1e-4 * max(1e-2, np.abs(theirs).max(initial=0))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance, err_msg=what)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")  # torch's, of itself
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), CASES, ids=[f"{c[0]}{i}" for i, c in enumerate(CASES)])
def test_layers(name, args, kwargs, shape, dtype):
    ours, theirs = getattr(nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)
    assert repr(ours) == repr(theirs)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: tuple(v.shape) for k, v in theirs.state_dict().items()}
    if dtype == np.float64:
        ours.double()
        theirs.double()
    for _, p in ours.named_parameters():
        p.data[...] = RNG.standard_normal(p.shape)
    theirs.load_state_dict(to_torch(ours.state_dict()))
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        x = nn.Parameter(RNG.standard_normal(shape).astype(dtype))
        x_theirs = torch.from_numpy(x.data.copy()).requires_grad_()
        y, y_theirs = ours(x), theirs(x_theirs)
        close(y.data, y_theirs, dtype)
        g = RNG.standard_normal(y.shape).astype(dtype)
        ours.zero_grad()
        theirs.zero_grad()
        y.backward(g)
        y_theirs.backward(torch.from_numpy(g))
        close(x.grad, x_theirs.grad, dtype, "input")
        for (key, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            close(p.grad, q.grad, dtype, key)
        for (key, b), q in zip(ours.named_buffers(), theirs.buffers(), strict=True):
            close(b, q, dtype, key)


def test_every_layer_is_among_them():
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), Layer)}
    assert layers - set(LAYERS) == {"Dropout", "ZeroPadShortcut"}  # of its own test, and not torch's


def test_dropout():
    ours, theirs = nn.Dropout(0.3), torch.nn.Dropout(0.3)
    x = RNG.standard_normal((300, 400))
    np.testing.assert_array_equal(ours.eval()(x), theirs.eval()(torch.from_numpy(x)).numpy())
    ours.train()
    theirs.train()
    y, y_theirs = ours(x), theirs(torch.from_numpy(x)).numpy()
    both = (y != 0) & (y_theirs != 0)
    np.testing.assert_allclose(y[both], y_theirs[both], rtol=1e-14)
    assert abs((y == 0).mean() - (y_theirs == 0).mean()) < 6 * np.sqrt(2 * 0.3 * 0.7 / x.size)


WEIGHT = np.array([0.5, 2, 1, 0.1])
LABELS = np.array([0, 3, 2, 2, 1])
LOSSES = [
    ("CrossEntropyLoss", {}, "labels"),
    ("CrossEntropyLoss", {"weight": WEIGHT, "label_smoothing": 0.2, "ignore_index": 2}, "labels"),
    ("CrossEntropyLoss", {"reduction": "sum"}, "labels"), ("CrossEntropyLoss", {"weight": WEIGHT}, "probabilities"),
    ("NLLLoss", {"weight": WEIGHT, "ignore_index": 3}, "labels"), ("MultiMarginLoss", {}, "labels"),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": WEIGHT}, "labels"),
    ("BCEWithLogitsLoss", {}, "probabilities"),
    ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": WEIGHT}, "probabilities"),
    ("MSELoss", {}, "numbers"), ("L1Loss", {"reduction": "sum"}, "numbers"), ("HuberLoss", {"delta": 0.4}, "numbers"),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "settings", "target"), LOSSES)
def test_losses(name, settings, target, dtype):
    x = nn.Parameter(RNG.standard_normal((5, 4)).astype(dtype))
    p = RNG.random((5, 4)).astype(dtype)
    y = {"labels": LABELS, "probabilities": p / p.sum(1, keepdims=True), "numbers": 3 * p}[target]
    mine = {k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    theirs = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in mine.items()}
    x_theirs = torch.from_numpy(x.data.copy()).requires_grad_()
    loss, loss_theirs = getattr(nn, name)(**mine)(x, y), getattr(torch.nn, name)(**theirs)(x_theirs, torch.from_numpy(y))
    loss.backward()
    loss_theirs.backward()
    close(loss.data, loss_theirs, dtype)
    close(x.grad, x_theirs.grad, dtype)


def test_gaussian_nll():
    x, target, var = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4)), RNG.random((3, 4)) + 0.1
    for settings in ({}, {"full": True, "eps": 0.5, "reduction": "sum"}):
        theirs = torch.nn.GaussianNLLLoss(**settings)(*map(torch.from_numpy, (x, target, var)))
        assert float(nn.GaussianNLLLoss(**settings)(x, target, var)) == pytest.approx(float(theirs), abs=1e-12)


# Networks written once for both libraries.


def tutorial(n):
    return n.Sequential(n.Conv2d(3, 6, 5), n.ReLU(), n.MaxPool2d(2, 2), n.Conv2d(6, 16, 5), n.ReLU(), n.MaxPool2d(2, 2),
                        n.Flatten(), n.Linear(400, 120), n.ReLU(), n.Linear(120, 84), n.ReLU(), n.Linear(84, 10))


def normalised(n):
    return n.Sequential(n.Conv2d(3, 6, 3, 2, 1, bias=False), n.BatchNorm2d(6), n.ReLU(), n.Conv2d(6, 8, 3, 2), n.BatchNorm2d(8),
                        n.Tanh(), n.AdaptiveAvgPool2d(2), n.Flatten(), n.Linear(32, 10), n.BatchNorm1d(10))


def residual(n):
    class Block(n.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.conv1 = n.Conv2d(before, after, 3, stride, 1, bias=False)
            self.bn1 = n.BatchNorm2d(after)
            self.conv2 = n.Conv2d(after, after, 3, 1, 1, bias=False)
            self.bn2 = n.BatchNorm2d(after)
            self.relu = n.ReLU()
            self.shortcut = n.Sequential()
            if stride != 1:
                self.shortcut = n.Sequential(n.Conv2d(before, after, 1, stride, bias=False), n.BatchNorm2d(after))

        def forward(self, x):
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    return n.Sequential(n.Conv2d(3, 4, 3, 2, 1), Block(4, 4, 1), Block(4, 8, 2), n.AdaptiveAvgPool2d(1), n.Flatten(),
                        n.Linear(8, 10))


@pytest.mark.parametrize("make", [tutorial, normalised, residual])
@pytest.mark.parametrize("settings", [
    {"lr": 0.02, "momentum": 0.9}, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-3},
    {"lr": 0.05, "momentum": 0.5, "dampening": 0.2}, {"lr": 0.05},
], ids=lambda s: "-".join(s))
def test_fifty_steps(make, settings):
    ours, theirs = make(nn).double(), make(torch.nn).double()
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])  # their weights, as they are
    stepper, stepper_theirs = optim.SGD(ours.parameters(), **settings), torch.optim.SGD(theirs.parameters(), **settings)
    loss, loss_theirs = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
    for step in range(50):
        x, y = RNG.standard_normal((4, 3, 32, 32)), RNG.integers(0, 10, 4)
        stepper.zero_grad()
        stepper_theirs.zero_grad()
        if step % 2:
            value = ours.loss_and_grad(x, y, loss)
        else:
            result = loss(ours(x), y)
            result.backward()
            value = result.item()
        result = loss_theirs(theirs(torch.from_numpy(x)), torch.from_numpy(y))
        result.backward()
        assert value == pytest.approx(result.item(), abs=1e-8)
        stepper.step()
        stepper_theirs.step()
    for (key, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=0, atol=1e-8, err_msg=key)
    theirs.load_state_dict(to_torch(ours.state_dict()))  # and back
    x = RNG.standard_normal((2, 3, 32, 32))
    close(ours.eval()(x).data, theirs.eval()(torch.from_numpy(x)), np.float64)
    saved, saved_theirs = stepper.state_dict(), stepper_theirs.state_dict()
    if settings.get("momentum"):
        assert list(saved["state"]) == list(saved_theirs["state"])
        for i, memory in saved["state"].items():
            np.testing.assert_allclose(memory["momentum_buffer"], saved_theirs["state"][i]["momentum_buffer"], atol=1e-8)
    stepper.load_state_dict(saved_theirs)
    theirs_extra = {k: v for k, v in saved_theirs["param_groups"][0].items() if k not in saved["param_groups"][0]}
    assert not any(theirs_extra.values())
    stepper_theirs.load_state_dict({
        "state": {i: {k: torch.from_numpy(v) for k, v in memory.items()} for i, memory in saved["state"].items()},
        "param_groups": [{**theirs_extra, **g} for g in saved["param_groups"]]})


def test_float32_training_stays_close():
    ours, theirs = models.tutorial_net(), tutorial(torch.nn)
    renamed = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    ours.load_state_dict(renamed)
    stepper, stepper_theirs = (o.SGD(m.parameters(), lr=0.01, momentum=0.9) for o, m in ((optim, ours), (torch.optim, theirs)))
    for _ in range(20):
        x, y = RNG.standard_normal((8, 3, 32, 32), np.float32), RNG.integers(0, 10, 8)
        stepper.zero_grad()
        stepper_theirs.zero_grad()
        value = ours.loss_and_grad(x, y, nn.CrossEntropyLoss())
        result = torch.nn.CrossEntropyLoss()(theirs(torch.from_numpy(x)), torch.from_numpy(y))
        result.backward()
        assert value == pytest.approx(result.item(), rel=1e-4)
        stepper.step()
        stepper_theirs.step()


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_", "orthogonal_"])
def test_first_values_have_pytorchs_spread(name):
    for shape in ((60, 40, 3, 3), (50, 80), (20, 30, 5)):
        ours = getattr(nn.init, name)(np.empty(shape))
        theirs = getattr(torch.nn.init, name)(torch.empty(shape, dtype=torch.float64)).numpy()
        assert ours.std() == pytest.approx(theirs.std(), rel=0.05)
        if "uniform" in name:
            assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.02)
    for word in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(word) == pytest.approx(torch.nn.init.calculate_gain(word))
