"""The known networks: parameters, sizes and names as printed, and all of them run forward and backward."""

from __future__ import annotations

import numpy as np
import pytest

from convkit import nn
from convkit.nn import models

RNG = np.random.default_rng(8)


def count(model):
    return sum(p.numel() for p in model.parameters())


def rows(model, *shape):
    return {row.name: row for row in nn.summary(model, shape, time=False).rows}


@pytest.mark.parametrize(("make", "parameters"), [
    (models.tutorial_net, 456 + 2416 + 48120 + 10164 + 850),
    (models.lenet5, 61_706),
    (models.alexnet, 62_378_344),
    (models.vgg16, 138_357_544),
    (models.resnet18, 11_515_688),
    (models.plain18, 11_515_688),
    (models.resnet34, 21_623_848),
    (models.plain34, 21_623_848),
    (lambda: models.resnet18(shortcut="projection"), 11_689_512),
    (lambda: models.resnet34(shortcut="projection"), 21_797_672),
    (lambda: models.vgg16(batch_norm=True), 138_357_544 + 2 * 4224),
    (models.small_vgg, 896 + 9248 + 18_496 + 36_928 + 2 * 192 + 40_970),
], ids=lambda v: getattr(v, "__name__", None))
def test_parameters(make, parameters):
    with nn.init.shapes_only():
        assert count(make()) == parameters


def test_receptive_fields_of_the_tutorial_net():
    found = rows(models.tutorial_net(), 4, 3, 32, 32)
    assert [found[name].receptive_field for name in ("conv1", "pool1", "conv2", "pool2")] == [(n, n) for n in (5, 6, 14, 16)]
    assert [found[name].out_shape[1:] for name in ("conv1", "pool1", "conv2", "pool2", "flatten")] == [
        (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,)]


def test_sizes_of_vgg16():
    with nn.init.shapes_only():
        model = models.vgg16()
    found = rows(model, 1, 3, 224, 224)
    convolutions = [row.out_shape[1:] for row in found.values() if row.layer == "Conv2d"]
    assert len(convolutions) == 13
    assert list(dict.fromkeys(convolutions)) == [(64, 224, 224), (128, 112, 112), (256, 56, 56), (512, 28, 28), (512, 14, 14)]
    assert found["features.30"].out_shape == (1, 512, 7, 7)
    assert [row.out_shape[1] for row in found.values() if row.layer == "Linear"] == [4096, 4096, 1000]
    assert list(model.state_dict())[-6:] == [f"classifier.{i}.{kind}" for i in (0, 3, 6) for kind in ("weight", "bias")]


def test_sizes_of_alexnet():
    with nn.init.shapes_only():
        model = models.alexnet()
    found = rows(model, 1, 3, 227, 227)
    assert found["features.conv1"].out_shape == (1, 96, 55, 55)
    assert model.features.conv1.weight.numel() == 34_848
    names = ("pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")
    assert [found[f"features.{name}"].out_shape[1:3] for name in names] == [
        (96, 27), (256, 27), (256, 13), (384, 13), (384, 13), (256, 13), (256, 6)]


def test_sizes_of_zfnet():
    with nn.init.shapes_only():
        found = rows(models.zfnet(), 1, 3, 224, 224)
    sizes = [found[f"features.{name}"].out_shape[2] for name in ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5")]
    assert sizes == [110, 55, 26, 13, 13, 6]
    assert found["flatten"].out_shape == (1, 9216)


def test_sizes_and_names_of_resnet18():
    with nn.init.shapes_only():
        model = models.resnet18(shortcut="projection")
    found = rows(model, 1, 3, 224, 224)
    assert [found[f"layer{i}.1.conv2"].out_shape[1:3] for i in (1, 2, 3, 4)] == [(64, 56), (128, 28), (256, 14), (512, 7)]
    names = set(model.state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
            "layer2.0.downsample.1.num_batches_tracked", "layer4.1.bn2.bias", "fc.weight"} <= names
    assert "layer1.0.downsample.0.weight" not in names
    assert len(names) == 122


@pytest.mark.parametrize(("make", "before", "after", "size"), [
    (models.inception_a, 384, 384, (35, 35)), (models.inception_b, 1024, 1024, (17, 17)),
    (models.reduction_a, 384, 1024, (35, 17)), (models.reduction_b, 1024, 1536, (17, 8)),
])
def test_inception_blocks(make, before, after, size):
    with nn.init.shapes_only():
        block = make()
    assert nn.summary(nn.Sequential(block, nn.Identity()), (1, before, size[0], size[0]), time=False).rows[-1].out_shape == (
        1, after, size[1], size[1])


def test_branches_of_inception_b():
    with nn.init.shapes_only():
        block = models.inception_b()
    taps = [[(m.out_channels, m.kernel_size) for m in branch if isinstance(m, nn.Conv2d)] for branch in block.children()]
    assert taps == [
        [(128, (1, 1))], [(384, (1, 1))], [(192, (1, 1)), (224, (1, 7)), (256, (7, 1))],
        [(192, (1, 1)), (192, (1, 7)), (224, (7, 1)), (224, (1, 7)), (256, (7, 1))]]


def test_the_small_inception_net_ends_in_probabilities():
    model = models.small_inception()
    assert (model.dropout.p, [type(m).__name__ for m in list(model)[-5:]]) == (
        0.2, ["AdaptiveAvgPool2d", "Flatten", "Dropout", "Linear", "Softmax"])
    p = model.eval()(RNG.standard_normal((2, 3, 32, 32), np.float32)).data
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    assert model[:-1].fc.weight is model.fc.weight


@pytest.mark.parametrize(("model", "shape"), [
    (models.tutorial_net(), (3, 32, 32)),
    (models.lenet5(), (1, 32, 32)),
    (models.lenet5(padding=2), (1, 28, 28)),
    (models.small_vgg(), (3, 32, 32)),
    (models.small_vgg(batch_norm=False), (3, 32, 32)),
    (models.alexnet(10, 1 / 32), (3, 227, 227)),
    (models.vgg16(10, 1 / 32), (3, 32, 32)),
    (models.vgg16(10, 1 / 32, batch_norm=True), (3, 32, 32)),
    (models.zfnet(10, 1 / 32), (3, 224, 224)),
    (models.resnet18(10, width=1 / 16), (3, 64, 64)),
    (models.resnet18(10, "projection", 1 / 16), (3, 64, 64)),
    (models.resnet34(10, width=1 / 16), (3, 64, 64)),
    (models.plain18(10, 1 / 16), (3, 64, 64)),
    (models.plain34(10, 1 / 16), (3, 64, 64)),
    (models.small_inception()[:-1], (3, 32, 32)),
], ids=lambda v: "x".join(map(str, v)) if isinstance(v, tuple) else "")
def test_all_run_forward_and_backward(model, shape):
    x, y = RNG.standard_normal((2, *shape), np.float32), np.array([3, 9])
    scores = model(x)
    assert scores.shape == (2, 10)
    nn.CrossEntropyLoss()(scores, y).backward()
    assert all(p.grad.shape == p.shape and np.isfinite(p.grad).all() for p in model.parameters())
    assert sum(bool(p.grad.any()) for p in model.parameters()) > 0.8 * len(list(model.parameters()))
    model.zero_grad()
    model.loss_and_grad(x, y, nn.CrossEntropyLoss())
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(("model", "shape"), [
    (models.resnet18(10, width=1 / 16), (3, 64, 64)), (models.resnet18(10, "projection", 1 / 16), (3, 64, 64)),
    (models.plain18(10, 1 / 16), (3, 64, 64)), (models.small_inception()[:-1], (3, 32, 32)),
    (nn.Sequential(nn.Residual(nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), nn.ReLU()), nn.ZeroPadShortcut(2, 4, 2)), nn.Flatten(),
                   nn.Linear(64, 10)), (2, 8, 8)),
], ids=["resnet18", "resnet18-projection", "plain18", "small_inception", "zero-padded"])
def test_with_and_without_a_tape_the_gradients_of_blocks_are_the_same_bits(model, shape):
    x, y, loss = RNG.standard_normal((4, *shape), np.float32), np.array([3, 9, 0, 3]), nn.CrossEntropyLoss()
    state = model.state_dict()
    nn.manual_seed(1)
    value = loss(model(x), y)
    value.backward()
    taped = [p.grad for p in model.parameters()]
    model.zero_grad()
    model.load_state_dict(state)
    nn.manual_seed(1)
    assert model.loss_and_grad(x, y, loss) == value.item()
    for p, expected in zip(model.parameters(), taped, strict=True):
        np.testing.assert_array_equal(p.grad, expected)


def test_blocks_of_a_residual_net_add_their_input():
    x = np.abs(RNG.standard_normal((2, 4, 6, 6), np.float32))
    for block, expected in (
        (models.BasicBlock(4, 4), x), (models.BasicBlock(4, 6, 2), np.pad(x[:, :, ::2, ::2], ((0, 0), (0, 2), (0, 0), (0, 0)))),
        (models.BasicBlock(4, 4, shortcut="none"), 0 * x),
    ):
        block.bn2.weight.data[...] = 0  # nothing comes from the body
        np.testing.assert_array_equal(block(x).data, expected)
    projected = models.BasicBlock(4, 6, 2, "projection").eval()
    projected.bn2.weight.data[...] = 0
    np.testing.assert_array_equal(projected(x).data, np.maximum(projected.downsample(x).data, 0))


def test_widths_and_refusals():
    assert models.alexnet(10, 0.25).features.conv1.out_channels == 24
    with pytest.raises(ValueError, match="width=0 must be above 0"):
        models.vgg16(width=0)
    with pytest.raises(ValueError, match="shortcut='none' is not known; it may be 'zeros', 'projection'"):
        models.resnet18(shortcut="none")
    with pytest.raises(ValueError, match="shortcut='zero' is not known"):
        models.BasicBlock(1, 1, shortcut="zero")
