"""Modules: what they are made of, their state, their layers' settings, and the path without a tape."""

from __future__ import annotations

import copy
import doctest
import importlib
import math
import pickle
import pkgutil
import warnings

import numpy as np
import pytest

import convkit.nn.functional as F
from convkit import nn
from convkit.autodiff import Tensor, no_grad
from convkit.nn.layers import Layer

RNG = np.random.default_rng(5)


def samples(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(np.ones(1, np.float32))
        self.none = None
        self.block = nn.Sequential(nn.Flatten(), nn.Linear(4 * 6 * 6, 5, bias=False))

    def forward(self, x):
        return self.block(self.scale * F.relu(self.bn(self.conv1(x))))


# What modules are made of.


def test_parameters_are_found_in_pytorchs_order():
    names = [name for name, _ in Net().named_parameters()]
    assert names == ["scale", "conv1.weight", "conv1.bias", "bn.weight", "bn.bias", "block.1.weight"]
    assert [name for name, _ in Net().named_parameters("net", recurse=False)] == ["net.scale"]
    assert list(Net().state_dict()) == [
        "scale", "conv1.weight", "conv1.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var",
        "bn.num_batches_tracked", "block.1.weight"]


def test_modules_children_buffers():
    net = Net()
    assert [name for name, _ in net.named_children()] == ["conv1", "bn", "block"]
    assert [name for name, _ in net.named_modules()] == ["", "conv1", "bn", "block", "block.0", "block.1"]
    assert next(net.children()) is net.conv1
    assert len(list(net.modules())) == 6
    assert [name for name, _ in net.named_buffers()] == ["bn.running_mean", "bn.running_var", "bn.num_batches_tracked"]
    assert len(list(net.buffers(recurse=False))) == 0


def test_what_is_in_two_places_comes_once_and_is_saved_twice():
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, shared)
    assert len(list(model.parameters())) == 2
    assert len(list(model.modules())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    model[0].weight.data[...] = 0
    assert not model.state_dict()["1.weight"].any()


def test_attributes_may_be_replaced_and_removed():
    net = Net()
    net.block = nn.Identity()
    net.conv1.bias = None
    assert [name for name, _ in net.named_parameters()] == ["scale", "conv1.weight", "bn.weight", "bn.bias"]
    del net.bn
    assert [name for name, _ in net.named_parameters()] == ["scale", "conv1.weight"]
    with pytest.raises(TypeError, match=r"scale of Net is a parameter, and ndarray is none.*scale.data"):
        net.scale = np.ones(1)


def test_a_buffer_may_be_left_out_of_the_state_or_be_a_tensor():
    module = nn.Module()
    module.register_buffer("mean", Tensor(np.zeros(3, np.float32)))
    module.register_buffer("cache", np.zeros(2), persistent=False)
    module.register_buffer("none", None)
    assert list(module.state_dict()) == ["mean"]
    assert [name for name, _ in module.named_buffers()] == ["mean", "cache"]
    assert module.double().mean.dtype == np.float64
    module.load_state_dict({"mean": [1, 2, 3]})
    assert module.mean.data.tolist() == [1, 2, 3]


def test_super_init_may_be_forgotten():
    class Bare(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(2, 1)

        def forward(self, x):
            return self.fc(x)

    assert Bare().eval()(samples(3, 2)).shape == (3, 1)
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


def test_apply_goes_children_first():
    seen = []
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    assert model.apply(lambda module: seen.append(type(module).__name__)) is model
    assert seen == ["ReLU", "Tanh", "Sequential", "Sequential"]


def test_repr_is_pytorchs():
    assert repr(Net()) == """Net(
  (conv1): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))
  (bn): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
  (block): Sequential(
    (0): Flatten(start_dim=1, end_dim=-1)
    (1): Linear(in_features=144, out_features=5, bias=False)
  )
)"""
    assert repr(nn.Parameter(np.zeros(1))).startswith("Parameter([0.]")


def test_copies_are_apart():
    net = Net()
    other = copy.deepcopy(net)
    other.conv1.weight.data[...] = 7
    assert not (net.conv1.weight.data == 7).any()
    assert isinstance(other.conv1.weight, nn.Parameter)
    x = samples(2, 3, 8, 8)
    other(x).sum().backward()
    assert net.conv1.weight.grad is None


# State.


def test_state_round_trip():
    one, other = Net(), Net()
    one(samples(4, 3, 8, 8))
    state = one.state_dict()
    one(samples(4, 3, 8, 8))
    assert not (state["bn.running_mean"] == one.bn.running_mean).all()  # a snapshot
    assert other.load_state_dict(state) == ([], [])
    assert all((a == b).all() for a, b in zip(other.state_dict().values(), state.values(), strict=True))
    assert other.state_dict()["bn.num_batches_tracked"].dtype == np.int64
    assert int(other.bn.num_batches_tracked) == 1


def test_a_state_that_does_not_fit_changes_nothing():
    net = Net()
    before = net.state_dict()
    state = {**before, "conv1.weight": np.zeros((4, 3, 5, 5)), "scale": np.zeros(1)}
    with pytest.raises(ValueError, match=r"conv1.weight has shape \(4, 3, 5, 5\), the model \(4, 3, 3, 3\)"):
        net.load_state_dict(state)
    assert net.scale.data[0] == 1
    del state["conv1.weight"]
    with pytest.raises(KeyError, match=r"it lacks conv1.weight; the model has no fc.bias"):
        net.load_state_dict({**state, "fc.bias": 0})
    keys = net.load_state_dict({**state, "fc.bias": 0}, strict=False)
    assert (keys.missing_keys, keys.unexpected_keys) == (["conv1.weight"], ["fc.bias"])
    assert net.scale.data[0] == 0


def test_loading_is_a_change_that_the_tape_sees():
    layer = nn.Linear(2, 1)
    loss = layer(samples(3, 2)).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_double_and_float():
    net = Net().double()
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    assert (net.bn.running_var.dtype, net.bn.num_batches_tracked.dtype) == (np.float64, np.int64)
    assert net(samples(2, 3, 8, 8)).dtype == np.float64
    assert net.float()(samples(2, 3, 8, 8)).dtype == np.float32
    assert nn.Conv1d(1, 1, 1, dtype=np.float64).bias.dtype == np.float64
    assert nn.BatchNorm1d(3, dtype=np.float64).running_mean.dtype == np.float64
    assert nn.Linear(1, 1, dtype=np.float64).weight.dtype == np.float64


def test_float64_input_of_a_float32_model_warns():
    layer = nn.Conv2d(1, 1, 3)
    with pytest.warns(UserWarning, match="float64 and the parameters are float32"):
        assert layer(np.zeros((1, 1, 4, 4))).dtype == np.float32


def test_a_model_warns_of_float64_input_once():
    x, y, loss = samples(2, 3, 32, 32, dtype=np.float64), [1, 2], nn.CrossEntropyLoss()
    for model in (nn.models.tutorial_net(), nn.models.tutorial_net()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                loss(model(x), y).backward()
                model.loss_and_grad(x, y, loss)
        assert [str(w.message)[:16] for w in caught] == ["input is float64"]


def test_train_and_eval_reach_every_module():
    net = Net()
    net.eval()
    assert not any(m.training for m in net.modules())
    assert net.train().block[1].training
    dropout = nn.Dropout(0.5)
    x = np.ones((100, 100), np.float32)
    assert set(np.unique(dropout(x))) == {0, 2}
    assert (dropout.eval()(x) == 1).all()


def test_zero_grad():
    net = Net()
    net(samples(2, 3, 8, 8)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert not net.conv1.weight.grad.any()
    net.zero_grad()
    assert net.conv1.weight.grad is None


def test_freezing_for_transfer():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    x = samples(5, 4)
    model(x).sum().backward()
    assert model.freeze() is model
    model[2] = nn.Linear(6, 2)
    model(x).sum().backward()
    assert model[0].weight.grad is None
    assert model[2].weight.grad is not None
    model.zero_grad()
    model.loss_and_grad(x, np.zeros(5, int), nn.CrossEntropyLoss())
    assert model[0].weight.grad is None
    assert model[2].weight.grad is not None
    assert all(p.requires_grad for p in model.unfreeze().parameters())
    assert not any(p.requires_grad for p in model[0].requires_grad_(False).parameters())


# Containers.


def test_sequential_is_a_list_with_names():
    model = nn.Sequential({"conv": nn.Conv2d(1, 2, 3), "act": nn.ReLU()})
    assert list(model.state_dict()) == ["conv.weight", "conv.bias"]
    assert len(model.append(nn.Flatten())) == 3
    assert model[-1] is list(model)[2]
    assert [name for name, _ in model[1:].named_children()] == ["act", "2"]
    assert model[:1][0] is model.conv
    model[1] = nn.Tanh()
    assert isinstance(model.act, nn.Tanh)
    with pytest.raises(IndexError, match="index 3 is out of range: this Sequential has 3 modules"):
        model[3]
    with pytest.raises(TypeError, match=r"'0' is .*functions such as F.relu have layers"):
        nn.Sequential(F.relu)
    for name in ("forward", "a.b"):
        with pytest.raises(ValueError, match="cannot be named"):
            nn.Sequential({name: nn.ReLU()})


def test_a_rectified_layer_computes_what_two_layers_do():
    for layer, x in ((nn.Conv2d(2, 3, 3), samples(2, 2, 5, 5)), (nn.Linear(4, 3), samples(5, 4)),
                     (nn.BatchNorm2d(2), samples(3, 2, 4, 4))):
        model = nn.Sequential(layer, nn.ReLU())
        assert [how for _, how in model._steps()] == [{"relu": True}]
        apart = F.relu(layer(x))
        assert (model(x).data == apart.data).all()
        apart.sum().backward()
        expected = layer.weight.grad
        model.zero_grad()
        model(x).sum().backward()
        np.testing.assert_allclose(layer.weight.grad, expected, rtol=1e-5, atol=1e-6)
    assert [how for _, how in nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.ReLU())._steps()] == [{}, {}, {}]

    class Twice(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    twice = Twice(4, 3)
    x = samples(5, 4)
    model = nn.Sequential(twice, nn.ReLU())
    np.testing.assert_array_equal(model(x).data, F.relu(twice(x)).data)
    loss = F.mse_loss(model(x), np.zeros((5, 3), np.float32))
    loss.backward()
    taped = twice.weight.grad
    model.zero_grad()
    assert model.loss_and_grad(x, np.zeros((5, 3), np.float32), nn.MSELoss()) == loss.item()
    np.testing.assert_array_equal(twice.weight.grad, taped)


def test_residual_adds():
    body = nn.Conv2d(2, 2, 3, padding=1)
    x = samples(2, 2, 6, 6)
    np.testing.assert_array_equal(nn.Residual(body)(x).data, body(x).data + x)
    wide = nn.Conv2d(2, 4, 3, 2, 1)
    padded = nn.Residual(wide, nn.ZeroPadShortcut(2, 4, 2))
    expected = wide(x).data.copy()
    expected[:, :2] += x[:, :, ::2, ::2]
    np.testing.assert_array_equal(padded(x).data, expected)
    projection = nn.Conv2d(2, 4, 1, 2)
    np.testing.assert_array_equal(nn.Residual(wide, projection)(x).data, wide(x).data + projection(x).data)
    with pytest.raises(ValueError, match=r"the body gives shape \(2, 4, 3, 3\) and the shortcut \(2, 2, 6, 6\)"):
        nn.Residual(wide)(x)
    with pytest.raises(ValueError, match="is less than in_channels"):
        nn.ZeroPadShortcut(4, 2)
    with pytest.raises(ValueError, match="expects 3 channels"):
        nn.ZeroPadShortcut(3, 4)(x)


def test_the_padded_shortcut_has_its_adjoint_as_gradient():
    from convkit.autodiff import gradcheck

    for shape in ((2, 2, 5), (2, 2, 5, 4)):
        assert gradcheck(lambda x: (nn.ZeroPadShortcut(2, 3, 2)(x) ** 2).sum(), [samples(*shape, dtype=np.float64)])


def test_concat_joins_along_channels():
    one, other = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 4, 3, padding=1)
    x = samples(2, 2, 6, 6)
    joined = nn.Concat({"one": one, "other": other})
    assert list(joined.state_dict()) == ["one.weight", "one.bias", "other.weight", "other.bias"]
    np.testing.assert_array_equal(joined(x).data, np.concatenate([one(x).data, other(x).data], 1))
    assert nn.Concat(nn.Identity(), nn.ReLU(), dim=-1)(x).shape == (2, 2, 6, 12)
    with pytest.raises(ValueError, match=r"give shapes \(2, 3, 6, 6\), \(2, 4, 4, 4\)"):
        nn.Concat(one, nn.Conv2d(2, 4, 3))(x)
    with pytest.raises(ValueError, match="needs branches"):
        nn.Concat()


# The path without a tape.


def everything():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))), nn.ELU(),
        nn.Concat(nn.AvgPool2d(3, 1, 1), nn.Conv2d(4, 2, 1), nn.Sequential(nn.Conv2d(4, 2, (1, 3), padding=(0, 1)), nn.GELU())),
        nn.LocalResponseNorm(3), nn.MaxPool2d(2), nn.ConvTranspose2d(8, 4, 2, stride=2), nn.LeakyReLU(0.1), nn.Dropout(0.3),
        nn.AdaptiveAvgPool2d(3), nn.Identity(), nn.Flatten(), nn.Linear(36, 8), nn.Tanh(), nn.Linear(8, 5), nn.Sigmoid(),
        nn.LogSoftmax(1),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_with_and_without_a_tape_the_gradients_are_the_same_bits(dtype, training):
    model = everything().train(training)
    model = model.double() if dtype == np.float64 else model
    x, y = samples(4, 3, 8, 8, dtype=dtype), np.array([0, 4, 2, 2])
    state = model.state_dict()
    nn.manual_seed(3)
    loss = nn.NLLLoss()(model(x), y)
    loss.backward()
    taped = {name: p.grad for name, p in model.named_parameters()}
    after = model.state_dict()
    model.zero_grad()
    model.load_state_dict(state)
    nn.manual_seed(3)
    assert model.loss_and_grad(x, y, nn.NLLLoss()) == float(loss)
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.grad, taped[name], err_msg=name)
        assert p.grad.flags.c_contiguous
        assert p.grad.dtype == dtype
    assert all((a == b).all() for a, b in zip(model.state_dict().values(), after.values(), strict=True))


def test_gradients_without_a_tape_add_up_and_nothing_is_shared():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    x, y = samples(4, 3), np.array([0, 1, 1, 0])
    model.loss_and_grad(Tensor(x), Tensor(y), nn.CrossEntropyLoss())
    once = {name: p.grad.copy() for name, p in model.named_parameters()}
    model.loss_and_grad(x, y, nn.CrossEntropyLoss())
    for name, p in model.named_parameters():
        np.testing.assert_allclose(p.grad, 2 * once[name], rtol=1e-6)
    grads = [p.grad for p in model.parameters()]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(grads) for b in grads[:i])


def test_a_shared_layer_gets_both_gradients_without_a_tape():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    x, y = samples(4, 3), np.array([0, 1, 2, 0])
    nn.CrossEntropyLoss()(model(x), y).backward()
    taped = layer.weight.grad
    model.zero_grad()
    model.loss_and_grad(x, y, nn.CrossEntropyLoss())
    np.testing.assert_array_equal(layer.weight.grad, taped)


def test_free_modules_may_stand_in_a_sequence_without_a_tape():
    model = nn.Sequential(Net(), nn.ReLU(), nn.Linear(5, 2))
    x, y = samples(4, 3, 8, 8), np.array([0, 1, 1, 0])
    state = model.state_dict()
    nn.CrossEntropyLoss()(model(x), y).backward()
    taped = [p.grad for p in model.parameters()]
    model.zero_grad()
    model.load_state_dict(state)
    model.loss_and_grad(x, y, nn.CrossEntropyLoss())
    for p, expected in zip(model.parameters(), taped, strict=True):
        np.testing.assert_array_equal(p.grad, expected)
    model.freeze().zero_grad()
    model.loss_and_grad(x, y, nn.CrossEntropyLoss())
    assert all(p.grad is None for p in model.parameters())


def test_refusals_without_a_tape():
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 2)))
    x, y = samples(4, 3), np.array([0, 1, 1, 0])
    with pytest.raises(TypeError, match=r"is no loss of convkit.nn"):
        model.loss_and_grad(x, y, F.cross_entropy)
    with pytest.raises(ValueError, match="reduction='none' gives 4 losses"):
        model.loss_and_grad(x, y, nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(ValueError, match=r"^0.0: Linear.* expects 3"):
        model.loss_and_grad(x[:, :2], y, nn.CrossEntropyLoss())
    with pytest.raises(IndexError, match="7"):
        model.loss_and_grad(x, y + 7, nn.CrossEntropyLoss())
    with pytest.raises(TypeError, match="returned list"):
        nn.Sequential(type("Bad", (nn.Module,), {"forward": lambda self, x: [x]})()).loss_and_grad(x, y, nn.MSELoss())


# Layers.


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Conv1d(2, 4, 3, 2, 1), (3, 2, 9)),
    (nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 1), (2, 1), 2), (2, 4, 9, 8)),
    (nn.Conv2d(2, 3, 4, padding="same"), (2, 2, 7, 6)),
    (nn.Conv2d(2, 3, 3, padding="valid"), (2, 2, 7, 6)),
    (nn.Conv2d(2, 3, [3, 1], padding=[1, 0], padding_mode="circular"), (2, 2, 7, 6)),
    (nn.Conv3d(1, 2, 2), (1, 1, 4, 5, 6)),
    (nn.ConvTranspose1d(2, 4, 3, 2, 1, 1), (3, 2, 9)),
    (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2), (2, 4, 5, 4)),
    (nn.ConvTranspose3d(1, 2, 2, 2), (1, 1, 2, 3, 2)),
    (nn.Linear(5, 3), (2, 4, 5)),
    (nn.MaxPool1d(3, 2), (2, 3, 9)),
    (nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True), (2, 3, 9, 10)),
    (nn.MaxPool2d([2, 1], [2, 1]), (2, 3, 9, 10)),
    (nn.MaxPool2d(2, ceil_mode=True), (1, 1, 5, 5)),
    (nn.MaxPool2d(2, 3, 1, ceil_mode=True), (1, 1, 4, 4)),
    (nn.MaxPool3d(2), (1, 2, 5, 4, 4)),
    (nn.AvgPool1d(3), (2, 3, 9)),
    (nn.AvgPool2d(3, 2, 1, True), (2, 3, 8, 9)),
    (nn.AvgPool3d(2), (1, 2, 5, 4, 4)),
    (nn.AdaptiveAvgPool1d(2), (2, 3, 9)),
    (nn.AdaptiveAvgPool2d((None, 3)), (2, 3, 8, 9)),
    (nn.AdaptiveAvgPool3d(1), (1, 2, 5, 4, 4)),
    (nn.BatchNorm1d(3), (4, 3)),
    (nn.BatchNorm3d(2), (2, 2, 3, 3, 3)),
    (nn.LocalResponseNorm(3), (2, 4, 3, 3)),
    (nn.ReflectionPad1d((1, 2)), (2, 3, 4)),
    (nn.ZeroPad2d((1, 2, -1, 3)), (2, 3, 4, 5)),
    (nn.CircularPad2d(1), (3, 4, 5)),
    (nn.ReplicationPad3d((1, 2, 0, 3, 4, 1)), (1, 2, 3, 4, 5)),
    (nn.Flatten(), (2, 3, 4, 5)),
    (nn.Flatten(0, 1), (2, 3, 4, 5)),
    (nn.Softmax(1), (2, 3)),
    (nn.ZeroPadShortcut(2, 5, 2), (1, 2, 5, 6)),
], ids=lambda v: repr(v) if isinstance(v, Layer) else "")
def test_shapes_are_foretold(layer, shape):
    assert layer.out_shape(shape) == layer(samples(*shape)).shape


def test_each_setting_of_the_layers_reaches_the_function():
    x = samples(2, 4, 9, 9)

    def same(layer, function, *args, **kwargs):
        operands = [p for p in (getattr(layer, "weight", None), getattr(layer, "bias", None)) if p is not None]
        expected = function(x, *operands, *args, **kwargs)
        np.testing.assert_array_equal(Tensor(layer(x)).data, Tensor(expected).data)

    same(nn.Conv2d(4, 2, 3, 2, 1, 2, 2, True, "reflect"), F.conv2d, 2, 1, 2, 2, "reflect")
    same(nn.ConvTranspose2d(4, 2, 3, 2, 1, 1, 2, True, 2), F.conv_transpose2d, 2, 1, 1, 2, 2)
    same(nn.MaxPool2d(2, 3, 1, 2, False, True), F.max_pool2d, 2, 3, 1, 2, True)
    same(nn.AvgPool2d(3, 2, 1, True, False), F.avg_pool2d, 3, 2, 1, True, False)
    same(nn.AvgPool2d(3, divisor_override=5), F.avg_pool2d, 3, None, 0, False, True, 5)
    same(nn.AdaptiveAvgPool2d(4), F.adaptive_avg_pool2d, 4)
    same(nn.LocalResponseNorm(3, 0.1, 0.5, 2), F.local_response_norm, 3, 0.1, 0.5, 2)
    same(nn.LeakyReLU(0.3), F.leaky_relu, 0.3)
    same(nn.ELU(0.3), F.elu, 0.3)
    same(nn.GELU("tanh"), F.gelu, "tanh")
    same(nn.Softmax(2), F.softmax, 2)
    same(nn.LogSoftmax(-1), F.log_softmax, -1)
    same(nn.Flatten(2, 3), F.flatten, 2, 3)
    same(nn.ConstantPad2d((1, 2, 0, 3), -1.5), F.pad, (1, 2, 0, 3), "constant", -1.5)
    same(nn.ReflectionPad2d((1, 2, 0, 3)), F.pad, (1, 2, 0, 3), "reflect")
    same(nn.ReplicationPad2d(2), F.pad, (2, 2, 2, 2), "replicate")
    same(nn.CircularPad2d([1, 2, 0, 3]), F.pad, (1, 2, 0, 3), "circular")
    largest, places = nn.MaxPool2d(2, return_indices=True)(x)
    np.testing.assert_array_equal(x.reshape(2, 4, 81)[0, 0, places[0, 0]], largest[0, 0])


def test_settings_changed_between_two_calls_count():
    x = samples(2, 4, 8, 8)
    conv, pool, leaky, norm, drop = nn.Conv2d(4, 2, 3), nn.MaxPool2d(2), nn.LeakyReLU(), nn.BatchNorm2d(4), nn.Dropout(0.5)
    model = nn.Sequential(conv, pool, leaky)
    for layer in (model, norm, drop):
        layer(x)
    conv.stride, pool.kernel_size, leaky.negative_slope, norm.eps, drop.p = (2, 2), 3, 0.5, 1.0, 0.0
    expected = F.leaky_relu(F.max_pool2d(F.conv2d(x, conv.weight.data, conv.bias.data, 2), 3, 2), 0.5)
    np.testing.assert_array_equal(model(x).data, expected)
    np.testing.assert_array_equal(norm(x).data, F.batch_norm(x, training=True, eps=1.0))
    np.testing.assert_array_equal(drop(x), x)
    conv.weight = nn.Parameter(samples(5, 4, 2, 2))
    conv.bias = None
    np.testing.assert_array_equal(conv(x).data, F.conv2d(x, conv.weight.data, None, 2))
    conv.double()
    assert conv(x.astype(np.float64)).dtype == np.float64


def test_each_setting_of_the_losses_reaches_the_function():
    scores, labels = samples(4, 3), np.array([0, 1, 2, 1])
    probable = RNG.random((4, 3)).astype(np.float32)
    weight = np.array([1, 2, 0.5], np.float32)
    total = {"reduction": "sum"}
    cases = [
        (nn.CrossEntropyLoss(weight, ignore_index=1, reduction="sum", label_smoothing=0.1), F.cross_entropy, labels,
         {"weight": weight, "ignore_index": 1, "label_smoothing": 0.1}),
        (nn.NLLLoss(weight, ignore_index=1, **total), F.nll_loss, labels, {"weight": weight, "ignore_index": 1}),
        (nn.MultiMarginLoss(2, 0.5, weight, **total), F.multi_margin_loss, labels, {"p": 2, "margin": 0.5, "weight": weight}),
        (nn.Hinge(0.5, **total), F.hinge, labels, {"margin": 0.5}),
        (nn.BCEWithLogitsLoss(weight, pos_weight=2 * weight, **total), F.binary_cross_entropy_with_logits, probable,
         {"weight": weight, "pos_weight": 2 * weight}),
        (nn.MSELoss(**total), F.mse_loss, probable, {}),
        (nn.L1Loss(**total), F.l1_loss, probable, {}),
        (nn.HuberLoss("sum", 0.3), F.huber_loss, probable, {"delta": 0.3}),
    ]
    for loss, function, target, settings in cases:
        expected = function(scores, target, **settings, **total)
        assert float(loss(scores, target)) == float(expected)
        assert float(loss(Tensor(scores), Tensor(target))) == float(expected)
        leaf = Tensor(scores, requires_grad=True)
        loss(leaf, target).backward()
        value, gradient = loss.of_arrays(scores, target)
        assert value == expected
        np.testing.assert_array_equal(gradient, leaf.grad)
    expected = F.gaussian_nll_loss(scores, probable, probable + 0.5, full=True, eps=0.7, reduction="sum")
    assert float(nn.GaussianNLLLoss(full=True, eps=0.7, reduction="sum")(scores, probable, probable + 0.5)) == float(expected)
    assert list(nn.CrossEntropyLoss(weight).state_dict()) == ["weight"]
    with pytest.raises(TypeError, match="takes a variance"):
        nn.GaussianNLLLoss().of_arrays(scores, probable)


def test_batch_norm_keeps_count():
    x = samples(8, 3) + 2
    plain = nn.BatchNorm1d(3)
    plain(x)
    np.testing.assert_allclose(plain.running_mean, 0.1 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(plain.running_var, 0.9 + 0.1 * x.var(0, ddof=1), rtol=1e-5)
    mean = nn.BatchNorm1d(3, momentum=None)
    for batch in np.split(x, 4):
        mean(batch)
    np.testing.assert_allclose(mean.running_mean, x.mean(0), rtol=1e-5)
    assert int(mean.num_batches_tracked) == 4
    before = mean.state_dict()
    mean.eval()(x)
    assert all((a == b).all() for a, b in zip(before.values(), mean.state_dict().values(), strict=True))
    mean.weight.data[...] = 4
    mean.reset_parameters()
    assert (int(mean.num_batches_tracked), mean.weight.data.tolist(), mean.running_mean.any()) == (0, [1, 1, 1], False)
    bare = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    assert list(bare.state_dict()) == []
    np.testing.assert_allclose(bare.eval()(x).mean(0), 0, atol=1e-6)


def test_layers_refuse_in_the_users_words():
    model = nn.Sequential({"features": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(5)), "flatten": nn.Flatten(),
                           "fc": nn.Linear(36, 2)})
    with pytest.raises(ValueError, match=r"^features.0: Conv2d\(3, 4, .*it got 1 channels \(input of shape \(2, 1, 5, 5\)\), "
                                         r"and expects 3: .*in_channels=1"):
        model(samples(2, 1, 5, 5))
    with pytest.raises(ValueError, match=r"np.moveaxis\(x, -1, 1\)"):
        model(samples(2, 5, 5, 3))
    with pytest.raises(ValueError, match=r"^features.1: BatchNorm2d.*it got 4 channels.*num_features=4"):
        model(samples(2, 3, 5, 5))
    with pytest.raises(ValueError, match=r"^features.0: .*smaller than the kernel \(3, 3\); pad more"):
        model(samples(2, 3, 2, 5))
    with pytest.raises(ValueError, match=r"expects input \(N, 3, H, W\); undo the flattening"):
        model(samples(2, 75))
    with pytest.raises(ValueError, match="flatten it first"):
        nn.Linear(36, 2)(samples(2, 4, 3, 3))
    with pytest.raises(ValueError, match="has 5 features, and expects 36; make the layer with in_features=5"):
        nn.Linear(36, 2)(samples(2, 5))
    with pytest.raises(ValueError, match=r"flatten them and use in_features=60"):
        nn.Linear(36, 2)(samples(2, 3, 4, 5))
    with pytest.raises(ValueError, match=r"MaxPool2d.*expects \(N, C, H, W\); give it before anything is flattened"):
        nn.MaxPool2d(2)(samples(2, 75))
    with pytest.raises(ValueError, match=r"expects \(N, 3\) or \(N, 3, L\)$"):
        nn.BatchNorm1d(3)(samples(2, 3, 4, 4))
    with pytest.raises(ValueError, match=r"expects \(N, 3, H, W\); give a single item a batch axis, x\[None\]"):
        nn.BatchNorm2d(3)(samples(3, 4, 4))
    with pytest.raises(ValueError, match=r"or add axes to a single item with x\[None, None\]"):
        model(samples(5, 5))
    with pytest.raises(ValueError, match=r"if this is a single item, give it a batch axis"):
        nn.Linear(36, 2)(samples(4, 9))
    with pytest.raises(ValueError, match=r"^1: BatchNorm1d\(2, [^:]*\): input of shape \(1, 2\) has one sample"):
        nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))(samples(1, 3))

    class Forgetful(nn.Module):
        def forward(self, x):
            F.relu(x)

    with pytest.raises(TypeError, match=r"^1: Linear.*it got None; does the forward before it return its result\?"):
        nn.Sequential(Forgetful(), nn.Linear(3, 2))(samples(1, 3))


@pytest.mark.parametrize(("make", "said"), [
    (lambda: nn.Conv2d(0, 1, 3), "in_channels=0 must be 1 or more"),
    (lambda: nn.Conv2d(4, 6, 3, groups=4), "out_channels=6 cannot be cut into groups=4 .*divisor of 2"),
    (lambda: nn.Conv2d(1, 1, 0), "kernel_size=0 must be 1 or more"),
    (lambda: nn.Conv2d(1, 1, (3, 3, 3)), "one for each of 2 axes"),
    (lambda: nn.Conv2d(1, 1, 3, padding=-1), "padding=-1 must be 0 or more"),
    (lambda: nn.ConvTranspose2d(1, 1, 3, padding="same"), "must be whole numbers"),
    (lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"), "can be 'zeros' only"),
    (lambda: nn.ConvTranspose2d(1, 1, 3, 2, output_padding=2), "output_padding=2 must be less than the stride or the dilation"),
    (lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"), "Conv2d: padding_mode='mirror' is not known; it may be 'zeros'"),
    (lambda: nn.Conv1d(1, 1, 3, padding="full"), "Conv1d: padding='full' is not known; it may be 'same', 'valid' or numbers"),
    (lambda: nn.Conv2d(1, 1, 3, 2, "same"), "padding='same' needs stride 1, and stride is 2"),
    (lambda: nn.Linear(3, 0), "out_features=0 must be 1 or more"),
    (lambda: nn.BatchNorm2d(0), "num_features=0 must be 1 or more"),
    (lambda: nn.BatchNorm2d(2, -1), "eps=-1 must be 0 or more"),
    (lambda: nn.BatchNorm2d(2, momentum=2), "momentum=2 is the weight of a new batch"),
    (lambda: nn.LocalResponseNorm(0), "size=0 must be 1 or more"),
    (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size=0 must be 1 or more"),
    (lambda: nn.MaxPool2d(2, 0), "stride=0 must be 1 or more"),
    (lambda: nn.MaxPool2d(2, dilation=0), "dilation=0 must be 1 or more"),
    (lambda: nn.AvgPool2d((2, 4), padding=(1, 3)), "is more than half of kernel_size"),
    (lambda: nn.AvgPool1d(2, padding=-1), "padding=.* must be 0 or more"),
    (lambda: nn.AdaptiveAvgPool2d(0), "output_size=0 must be 1 or more"),
    (lambda: nn.AdaptiveAvgPool2d((1, None, 1)), "output_size=.1, 1, 1. .*one for each of 2 axes"),
    (lambda: nn.ZeroPad2d((1, 2)), "ZeroPad2d: padding=.1, 2. has 2 numbers; give one, or 4"),
    (lambda: nn.ZeroPad2d(1)(samples(2, 75)), r"ZeroPad2d.*got an input of shape .2, 75., and expects \(N, C, H, W\)"),
    (lambda: nn.ReflectionPad2d(5)(samples(1, 1, 5, 5)), "reaches 5 samples beyond an axis of length 5"),
    (lambda: nn.Dropout(1.5), "probability of dropping"),
    (lambda: nn.MSELoss(reduction="average"), "reduction='average' is not known"),
    (lambda: nn.HuberLoss(delta=0), "delta=0 must be positive"),
    (lambda: nn.GaussianNLLLoss(eps=0), "eps=0 must be positive"),
    (lambda: nn.CrossEntropyLoss(label_smoothing=2), "label_smoothing=2 is the share"),
    (lambda: nn.MultiMarginLoss(3), "p=3 is not allowed"),
])
def test_settings_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize(("make", "said"), [
    (lambda: nn.Conv2d(3, 4.0, 3), "Conv2d: out_channels=4.0 must be a whole number"),
    (lambda: nn.Conv2d(3, 4, 3.5), "kernel_size=3.5 must be 1 or more, a whole number or one for each of 2 axes"),
    (lambda: nn.MaxPool2d(2, (1, 1.5)), "must be 1 or more, a whole number or one for each of 2 axes"),
    (lambda: nn.Linear("3", 4), "in_features='3' must be a whole number"),
    (lambda: nn.ZeroPad2d(1.5), "padding=1.5 must be made of whole numbers"),
    (lambda: nn.Conv2d(1, 1, 1, dtype=np.int32), "Conv2d: weight has dtype int32; parameters are float32 or float64"),
    (lambda: nn.Linear(1, 1, dtype=np.float16), "Linear: weight has dtype float16"),
    (lambda: nn.BatchNorm2d(1, dtype=np.float16), "BatchNorm2d: weight has dtype float16"),
    (lambda: nn.GaussianNLLLoss()(np.ones(2), np.ones(2)), "missing 1 required positional argument: 'var'"),
])
def test_settings_of_another_kind_are_refused(make, said):
    with pytest.raises(TypeError, match=said):
        make()


def test_a_softmax_needs_its_axis():
    with pytest.raises(TypeError, match="Softmax needs dim"):
        nn.Softmax()


# First values.


@pytest.mark.parametrize(("layer", "fan"), [
    (nn.Conv2d(8, 6, 3, groups=2), 4 * 9), (nn.ConvTranspose2d(8, 2, 3), 2 * 9), (nn.Linear(30, 40), 30),
    (nn.Conv1d(5, 40, 7), 35), (nn.Conv3d(2, 9, 3), 54),
])
def test_layers_begin_evenly_below_one_over_the_root_of_the_fan(layer, fan):
    weight, bound = layer.weight.data, 1 / math.sqrt(fan)
    assert 0.9 * bound < np.abs(weight).max() <= bound
    assert abs(weight.mean()) < 4 * bound / math.sqrt(3 * weight.size)
    assert np.abs(layer.bias.data).max() <= bound
    assert len(np.unique(weight)) > 0.9 * weight.size
    assert weight.dtype == np.float32


@pytest.mark.parametrize(("draw", "variance"), [
    (lambda w: nn.init.kaiming_uniform_(w, math.sqrt(5)), 1 / (3 * 450)),
    (lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"), 2 / 450),
    (lambda w: nn.init.kaiming_normal_(w, mode="fan_out"), 2 / 900),
    (lambda w: nn.init.kaiming_normal_(w, 0.5), 2 / (1.25 * 450)),
    (lambda w: nn.init.xavier_uniform_(w, 2), 4 * 2 / 1350),
    (lambda w: nn.init.xavier_normal_(w), 2 / 1350),
    (nn.init.lecun_uniform_, 1 / 450),
    (nn.init.lecun_normal_, 1 / 450),
    (lambda w: nn.init.uniform_(w, 1, 3), 4 / 12),
    (lambda w: nn.init.normal_(w, 2, 3), 9),
    (nn.init.orthogonal_, 1 / 450),
])
def test_first_values_have_their_variance(draw, variance):
    nn.manual_seed(0)
    w = nn.Parameter(np.zeros((100, 50, 3, 3), np.float32))
    assert draw(w) is w
    assert abs(w.data.var() / variance - 1) < 0.02


def test_orthogonal_rows_or_columns():
    wide, tall = nn.init.orthogonal_(np.empty((4, 3, 3)), 2), nn.init.orthogonal_(np.empty((9, 4)))
    flat = wide.reshape(4, 9)
    np.testing.assert_allclose(flat @ flat.T, 4 * np.eye(4), atol=1e-12)
    np.testing.assert_allclose(tall.T @ tall, np.eye(4), atol=1e-12)


def test_constants_and_gains():
    assert nn.init.constant_(np.empty(2), 3).tolist() == [3, 3]
    assert nn.init.ones_(nn.init.zeros_(np.empty(2))).tolist() == [1, 1]
    gains = {name: nn.init.calculate_gain(name) for name in ("linear", "tanh", "relu", "selu", "sigmoid", "leaky_relu")}
    assert gains == {"linear": 1, "tanh": 5 / 3, "relu": 2**0.5, "selu": 0.75, "sigmoid": 1, "leaky_relu": (2 / 1.0001) ** 0.5}
    assert nn.init.calculate_gain("leaky_relu", 1) == 1
    with pytest.raises(ValueError, match="nonlinearity='swish' is not known"):
        nn.init.calculate_gain("swish")
    with pytest.raises(ValueError, match="mode='fan' is not known"):
        nn.init.kaiming_normal_(np.empty((2, 2)), mode="fan")
    with pytest.raises(ValueError, match=r"shape \(3,\) have no fan"):
        nn.init.xavier_normal_(np.empty(3))
    with pytest.raises(TypeError, match="list cannot be written to"):
        nn.init.zeros_([1.0])


def test_seeds_and_generators():
    nn.manual_seed(4)
    one = nn.Linear(3, 3)
    nn.manual_seed(4)
    other = nn.Linear(3, 3)
    assert (one.weight.data == other.weight.data).all()
    assert not (nn.Linear(3, 3).weight.data == other.weight.data).any()
    for draw in (nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_, nn.init.kaiming_normal_, nn.init.xavier_uniform_,
                 nn.init.xavier_normal_, nn.init.lecun_uniform_, nn.init.lecun_normal_, nn.init.orthogonal_):
        a, b = (draw(np.empty((3, 4)), generator=np.random.default_rng(1)) for _ in range(2))
        assert (a == b).all()
    one.reset_parameters()
    assert not (one.weight.data == other.weight.data).any()
    nn.manual_seed(1)
    masks = [nn.Dropout()(np.ones(64, np.float32)) for _ in range(2)]
    nn.manual_seed(1)
    assert (nn.Dropout()(np.ones(64, np.float32)) == masks[0]).all()
    assert (masks[0] != masks[1]).any()


def test_first_values_are_changes_that_the_tape_sees():
    layer = nn.Linear(2, 1)
    loss = layer(samples(3, 2)).sum()
    layer.reset_parameters()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_shapes_only_takes_no_memory_until_numbers_are_loaded():
    with nn.init.shapes_only():
        layer = nn.Linear(1 << 20, 1 << 20)
        small = nn.Linear(2, 3)
    assert layer.weight.numel() == 1 << 40
    assert nn.Linear(2, 2).weight.data.any()
    numbers = nn.Linear(2, 3).state_dict()
    small.load_state_dict(numbers)
    small.weight.data[0, 0] = 5
    assert small.weight.requires_grad
    x = samples(4, 2)
    np.testing.assert_array_equal(small(x).data[:, 1:], (x @ numbers["weight"].T + numbers["bias"])[:, 1:])


# A layer as a matrix.


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Conv1d(2, 4, 3, 2, 1, groups=2), (2, 9)),
    (nn.Conv2d(3, 2, (3, 2), (1, 2), (2, 1), (2, 1)), (3, 7, 6)),
    (nn.Conv2d(2, 2, 4, padding="same", bias=False), (2, 5, 6)),
    (nn.Conv2d(2, 2, 3, padding=2, padding_mode="circular"), (2, 5, 4)),
    (nn.Conv2d(2, 2, 3, padding=2, padding_mode="reflect"), (2, 5, 4)),
    (nn.Conv2d(2, 2, 3, padding=1, padding_mode="replicate"), (2, 5, 4)),
    (nn.Conv3d(1, 2, 2), (1, 3, 4, 3)),
    (nn.ConvTranspose1d(2, 4, 3, 2, 1, 1, groups=2), (2, 6)),
    (nn.ConvTranspose2d(2, 3, 3, 2, 1, dilation=2), (2, 3, 4)),
], ids=repr)
def test_a_convolution_is_a_dense_layer(layer, shape):
    layer.double()
    matrix, bias = nn.conv_as_matrix(layer, shape)
    x = samples(*shape, dtype=np.float64)
    with no_grad():
        expected = layer(x[None]).numpy()[0].ravel()
    np.testing.assert_allclose(matrix @ x.ravel() + bias, expected, rtol=0, atol=1e-13)
    assert matrix.dtype == np.float64


def test_conv_as_matrix_refuses():
    with pytest.raises(TypeError, match="is no convolution"):
        nn.conv_as_matrix(nn.Linear(2, 2), (2,))
    with pytest.raises(ValueError, match="without the batch axis"):
        nn.conv_as_matrix(nn.Conv2d(1, 1, 3), (5, 5))
    with pytest.raises(ValueError, match="expects 1"):
        nn.conv_as_matrix(nn.Conv2d(1, 1, 3), (2, 5, 5))


# Summary.


def test_summary_of_the_tutorial_net():
    model = nn.models.tutorial_net()
    report = nn.summary(model, (2, 3, 32, 32))
    rows = {row.name: row for row in report.rows}
    assert [rows[name].parameters for name in ("conv1", "conv2", "fc1", "fc2", "fc3")] == [456, 2416, 48120, 10164, 850]
    assert [rows[name].receptive_field[0] for name in ("conv1", "pool1", "conv2", "pool2")] == [5, 6, 14, 16]
    assert rows["fc1"].receptive_field is None
    assert rows["conv2"].out_shape == (2, 16, 10, 10)
    assert report.multiply_adds == 2 * 651_720
    assert rows["conv1"].memory == 4 * (456 + 2 * 6 * 28 * 28)
    assert (report.parameters, report.trainable) == (62_006, 62_006)
    assert report.seconds == sum(row.seconds for row in report.rows) > 0
    assert report.memory == sum(row.memory for row in report.rows)
    text = str(report)
    assert "conv1 Conv2d" in text
    assert "48,120" in text
    assert "16x16" in text
    model.freeze()
    model.fc3.unfreeze()
    assert nn.summary(model, (1, 3, 32, 32), time=False).trainable == 850


def test_summary_follows_free_code_and_leaves_the_model_alone():
    class Free(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2, self.pool = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1), nn.MaxPool2d(2)
            self.bn = nn.BatchNorm2d(2)
            self.up, self.mean, self.drop = nn.ConvTranspose2d(2, 1, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Dropout()

        def forward(self, x):
            x = F.relu(self.bn(self.conv1(x)))
            x = self.pool(x + self.conv2(x))
            return self.mean(self.drop(self.up(self.pool(x)) * 2))

    model = Free()
    model.drop.eval()
    before = model.state_dict()
    report = nn.summary(model, (3, 1, 8, 8))
    assert [row.name for row in report.rows] == ["conv1", "bn", "conv2", "pool", "pool", "up", "drop", "mean"]
    fields = [row.receptive_field for row in report.rows]
    assert fields == [(3, 3), (3, 3), (5, 5), (6, 6), (8, 8), (8, 8), (8, 8), None]
    assert all((a == b).all() for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    assert (model.training, model.drop.training) == (True, False)
    assert all(p.grad is None for p in model.parameters())
    assert nn.summary(model, (3, 1, 8, 8), time=False).seconds is None
    with pytest.raises(ValueError, match=r"^conv1: Conv2d.* expects 1"):
        nn.summary(model, (3, 2, 8, 8))


@pytest.mark.parametrize("name", ["convkit.nn", "convkit.optim"])
def test_examples_in_docstrings_run(name):
    package = importlib.import_module(name)
    names = [name] + [m.name for m in pkgutil.walk_packages(package.__path__, name + ".")]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for module in map(importlib.import_module, names):
        if ".functional" in module.__name__ or ".views" in module.__name__:  # with their own tests
            continue
        for test in doctest.DocTestFinder().find(module):
            said = []
            assert runner.run(test, out=said.append).failed == 0, "".join(said)


def test_dropout_as_a_function_draws_from_the_seeded_source():
    drawn = []
    for _ in range(2):
        nn.manual_seed(7)
        drawn.append(nn.functional.dropout(np.ones(64, np.float32)))
    assert np.array_equal(*drawn)
    assert 0 < np.count_nonzero(drawn[0]) < 64


def test_what_a_layer_prepared_follows_its_settings_and_parameters():
    layer, x = nn.Conv2d(2, 3, 3), samples(1, 2, 8, 8)
    model = nn.Sequential(layer, nn.ReLU(), nn.MaxPool2d(2))

    def expected():
        return F.max_pool2d(F.relu(F.conv2d(x, layer.weight.data, layer.bias if layer.bias is None else layer.bias.data,
                                            layer.stride)), model[2].kernel_size)

    assert model(x).shape == (1, 3, 3, 3)
    layer.stride = (2, 2)
    np.testing.assert_array_equal(model(x).data, expected())
    layer.weight.data = samples(5, 2, 3, 3)
    layer.bias = None
    np.testing.assert_array_equal(model(x).data, expected())
    model[2].kernel_size = model[2].stride = 3
    np.testing.assert_array_equal(model(x).data, expected())
    model[1] = model[2] = nn.Identity()
    assert (model(x).data < 0).any()
    model.double()
    assert model(x.astype(float)).dtype == np.float64


def test_a_model_that_was_used_is_copied_and_pickled():
    model, x = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2)), samples(1, 2, 8, 8)
    before = model(x).data
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other(x).data, before)
        other[0].weight.data[...] = 0
        assert (other(x).data != before).any()
    np.testing.assert_array_equal(model(x).data, before)


def test_many_shapes_are_not_all_kept():
    layer = nn.MaxPool1d(2)
    for n in range(2, 80):
        assert layer(np.ones((1, 1, n), np.float32)).shape[-1] == n // 2
    assert len(layer._ready) <= 20


def test_a_list_of_modules_is_called_by_its_holder():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()]).extend(nn.Linear(4, 4) for _ in range(2))

        def forward(self, x):
            for block in self.blocks:
                x = x + block(x)
            return x

    net = Net()
    assert [name for name, _ in net.named_parameters()] == [f"blocks.{i}.{kind}" for i in (0, 2, 3)
                                                            for kind in ("weight", "bias")]
    assert len(net.blocks) == 4
    assert isinstance(net.blocks[1], nn.ReLU)
    assert isinstance(net.blocks[1:], nn.ModuleList)
    assert net.blocks[1:][-1] is net.blocks[3]
    net(samples(2, 4)).sum().backward()
    assert all(p.grad.any() for p in net.parameters())
    assert net.loss_and_grad(samples(2, 4), samples(2, 4), nn.MSELoss()) > 0
    with pytest.raises(NotImplementedError, match=r"loop over it in the forward.*nn.Sequential"):
        net.blocks(samples(2, 4))
