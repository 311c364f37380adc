"""Convolution layers run on the package's correlations, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import scipy.signal

from convkit import nn
from convkit.autodiff import Tensor
from convkit.engines.channels import PreparedConvolution
from convkit.nn import models

METHODS = ("forward", "input_gradient", "weight_gradient")
LAYERS = [
    (nn.Conv1d(4, 6, 3, 2, 1), (2, 4, 11)),
    (nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 1), (2, 1), 2), (2, 4, 9, 8)),
    (nn.Conv2d(4, 4, 3, padding="same", groups=4, bias=False), (2, 4, 7, 6)),
    (nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), (2, 4, 7, 6)),
    (nn.Conv2d(4, 2, 3, padding=1, padding_mode="replicate"), (2, 4, 7, 6)),
    (nn.Conv2d(4, 2, 1, padding=2, padding_mode="circular"), (2, 4, 7, 6)),
    (nn.Conv2d(4, 2, 1), (2, 4, 7, 6)),
    (nn.Conv2d(2, 5, (3, 7)), (2, 2, 3, 7)),
    (nn.Conv3d(2, 3, 2), (1, 2, 4, 5, 6)),
    (nn.ConvTranspose1d(4, 2, 3, 2), (2, 4, 5)),
    (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2), (2, 4, 5, 4)),
    (nn.ConvTranspose3d(1, 2, 2, 2), (1, 1, 2, 3, 2)),
]


def samples(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape, np.float32)


@pytest.fixture
def calls(monkeypatch):
    """Names of the engine's correlations in the order of their calls."""
    made = []

    def spied(name):
        original = getattr(PreparedConvolution, name)

        def spy(self, *args, **more):
            made.append(name)
            return original(self, *args, **more)

        return spy

    for name in METHODS:
        monkeypatch.setattr(PreparedConvolution, name, spied(name))
    return made


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=repr)
def test_a_layer_makes_one_correlation_forward_and_two_back(layer, shape, calls):
    x = Tensor(samples(*shape), requires_grad=True)
    y = layer(x)
    forward = "input_gradient" if "Transpose" in type(layer).__name__ else "forward"
    assert calls == [forward]
    y.sum().backward()
    assert sorted(calls) == sorted(METHODS)


@pytest.mark.parametrize(("model", "shape"), [
    (models.tutorial_net(), (3, 32, 32)), (models.resnet18(10, "projection", 1 / 16), (3, 64, 64)),
    (models.small_inception(width=1 / 16)[:-1], (3, 32, 32)),
], ids=["tutorial_net", "resnet18", "small_inception"])
@pytest.mark.parametrize("tape", [True, False])
def test_a_model_makes_three_for_every_layer_but_the_first(model, shape, tape, calls):
    layers = sum(isinstance(module, nn.Conv2d) for module in model.modules())
    x, y, loss = samples(2, *shape), np.array([1, 7]), nn.CrossEntropyLoss()
    if tape:
        loss(model(x), y).backward()
    else:
        model.loss_and_grad(x, y, loss)
    # Nobody asks for the gradient of the images.
    assert {name: calls.count(name) for name in METHODS} == {
        "forward": layers, "weight_gradient": layers, "input_gradient": layers - 1}


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=repr)
def test_nothing_else_computes_a_convolution(layer, shape, monkeypatch):
    def refused(*args, **more):
        raise AssertionError("another library's convolution or transform was called")

    for module, names in ((np, ("convolve", "correlate", "einsum", "tensordot")), (scipy.fft, scipy.fft.__all__),
                          (np.fft, np.fft.__all__), (scipy.ndimage, scipy.ndimage.__all__),
                          (scipy.signal, ("convolve", "correlate", "convolve2d", "correlate2d", "fftconvolve", "oaconvolve"))):
        for name in names:
            monkeypatch.setattr(module, name, refused)
    x = Tensor(samples(*shape), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    layer.zero_grad()
    assert np.count_nonzero(y.data) == np.count_nonzero(np.isfinite(y.data)) == y.numel()

    # An engine that is handed zeros leaves nothing but the bias.
    def blinded(name):
        original = getattr(PreparedConvolution, name)
        return lambda self, x, *more: original(self, np.zeros_like(x), *more)

    for name in METHODS:
        monkeypatch.setattr(PreparedConvolution, name, blinded(name))
    x = Tensor(x.data, requires_grad=True)
    empty = layer(x)
    bias = np.zeros(y.shape[1]) if layer.bias is None else layer.bias.data
    np.testing.assert_array_equal(empty.data, np.broadcast_to(bias.reshape(-1, *(1,) * (y.ndim - 2)), y.shape))
    empty.sum().backward()
    assert not x.grad.any()
    assert not layer.weight.grad.any()
