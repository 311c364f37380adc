"""Drawn networks computed in every way: layer by layer on the tape, as one, without a tape, and without a way back."""

from __future__ import annotations

import numpy as np
import pytest

from convkit import nn
from convkit.autodiff import Tensor, concatenate, no_grad
from convkit.nn.models import BasicBlock


class Free(nn.Module):
    """A forward of free code around another module."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) * 1.0


def chain(rng, c, depth=0):
    """Modules that keep the size of images of `c` channels, and the channels of their result."""
    modules = []
    for kind in rng.integers(0, 14, rng.integers(1, 5)):
        after = int(rng.integers(1, 5))
        conv = nn.Conv2d(c, c, 3, padding="same")
        inner = chain(rng, c, depth + 1) if kind in (4, 5) and depth < 2 else ([nn.Identity()], c)
        other = chain(rng, c, depth + 1) if kind == 5 and depth < 2 else ([nn.Tanh()], c)
        drawn, c = [
            ([nn.Conv2d(c, after, 3, padding=1, padding_mode="reflect", bias=False)], after),
            ([nn.BatchNorm2d(c, affine=bool(rng.integers(2)))], c),
            ([nn.ReLU()], c),
            ([nn.Tanh()], c),
            ([nn.Residual(nn.Sequential(*inner[0]), None if inner[1] == c else nn.Conv2d(c, inner[1], 1))], inner[1]),
            ([nn.Concat(nn.Sequential(*inner[0]), nn.Sequential(*other[0]))], inner[1] + other[1]),
            ([nn.Dropout(0.3)], c),
            ([nn.MaxPool2d(3, 1, 1)], c),
            ([nn.AvgPool2d(3, 1, 1)], c),
            ([BasicBlock(c, c + 1)], c + 1),
            ([conv, nn.ReLU(), conv], c),  # one layer in two places
            ([nn.Sequential(nn.ReLU(), nn.LeakyReLU(0.2))], c),
            ([nn.ZeroPad2d((1, 0, 0, 1)), nn.Conv2d(c, c, 2), nn.ReLU()], c),
            ([Free(nn.Sequential(nn.Conv2d(c, c, 1), nn.ReLU()))], c),
        ][kind]
        modules += drawn
    return modules, c


def layer_by_layer(module, x):
    """The result, every layer called for itself."""
    if type(module) is nn.Residual:
        return layer_by_layer(module.body, x) + layer_by_layer(module.shortcut, x)
    if type(module) is nn.Concat:
        return concatenate([layer_by_layer(branch, x) for branch in module.children()], 1)
    if type(module) is nn.Sequential:
        for child in module.children():
            x = layer_by_layer(child, x)
        return x
    return module(x)


@pytest.mark.parametrize("seed", range(40))
def test_all_ways_agree(seed):
    rng = np.random.default_rng(seed)
    nn.manual_seed(seed)
    modules, c = chain(rng, 3)
    model = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * c, 3)).double()
    model.train(bool(rng.integers(3)))
    for parameter in model.parameters():
        parameter.requires_grad = bool(rng.integers(5))
    x, y, loss = rng.standard_normal((4, 3, 6, 5)), rng.integers(0, 3, 4), nn.CrossEntropyLoss()
    state, expected = model.state_dict(), None

    def by_tape(call, images):
        value = loss(call(images), y)
        if value.requires_grad:
            value.backward()
        return value.item(), images.grad if isinstance(images, Tensor) else None

    def without_way_back():
        with no_grad():
            return loss(model(x), y).item(), None

    ways = {
        "layer by layer": lambda: by_tape(lambda images: layer_by_layer(model, images), Tensor(x, True)),
        "as one": lambda: by_tape(model, Tensor(x, True)),
        "of an array": lambda: by_tape(model, x),
        "without a tape": lambda: (model.loss_and_grad(x, y, loss), None),
        "without a way back": without_way_back,
    }
    for name, way in ways.items():
        model.load_state_dict(state)
        model.zero_grad()
        nn.manual_seed(seed)
        value, by_x = way()
        found = {key: p.grad for key, p in model.named_parameters()}, model.state_dict(), by_x
        if expected is None:
            first, expected = value, found
        assert value == pytest.approx(first, rel=1e-12), name
        for key, numbers in found[1].items():
            np.testing.assert_allclose(numbers, expected[1][key], rtol=1e-10, atol=1e-12, err_msg=f"{name}: {key}")
        if name == "without a way back":
            assert all(gradient is None for gradient in found[0].values())
            continue
        for key, gradient in found[0].items():
            assert (gradient is None) == (expected[0][key] is None), (name, key)
            if gradient is not None:
                np.testing.assert_allclose(gradient, expected[0][key], rtol=1e-8, atol=1e-10, err_msg=f"{name}: {key}")
        if by_x is not None:
            np.testing.assert_allclose(by_x, expected[2], rtol=1e-8, atol=1e-10, err_msg=name)
