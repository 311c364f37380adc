"""Every public operation of networks on a CUDA device: each computes what it does on the CPU, forward and back.

A name that is new has to be put into one of the tables here.
"""

import numpy as np
import pytest

import convkit.nn.functional as F
from convkit import autodiff as ad
from convkit import nn, optim
from convkit.autodiff import Tensor
from convkit.nn import views
from tests.cuda.twins_networks import STEPS, near

RNG = np.random.default_rng(26)
A, B, LINE = RNG.standard_normal((2, 2, 3)), RNG.standard_normal((2, 2, 3)), RNG.standard_normal((1, 2, 4))
IMAGE, VOLUME = RNG.standard_normal((1, 2, 3, 4)), RNG.standard_normal((1, 1, 2, 3, 2))
SCORES, LABELS, PLANES = RNG.standard_normal((3, 4)), np.array([1, 0, 3]), RNG.standard_normal((2, 2, 4, 4))
MORE = RNG.standard_normal((3, 2, 3, 4))
TIES = np.array([[1.0, 3.0, 3.0], [2.0, np.nan, 0.0]])


def compared(function, *given, labels=()):
    """Results and gradients of a function of Tensors, and of its `labels`, on the host and on the device."""
    found = []
    for place in ("cpu", "cuda"):
        leaves = [Tensor(x, requires_grad=True) for x in given]
        nn.manual_seed(4)
        results = function(*(leaf.to(place) for leaf in leaves), *(Tensor(y).to(place) for y in labels))
        results = results if isinstance(results, tuple) else (results,)
        assert {result.device for result in results} == {place}
        for result in results:
            if result.requires_grad:
                result.backward(np.cos(np.arange(result.numel())).reshape(result.shape), retain_graph=True)
        found.append(([result.data for result in results], [leaf.grad for leaf in leaves]))
    (want, slopes), (got, there) = found
    for a, b in zip(got, want, strict=True):
        near(a, b)
    for a, b in zip(there, slopes, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


# Functions of the tape: what is given, and what is computed of it.
TAPE = {
    "abs": ((A,), ad.abs),
    "argmax": ((A,), lambda x: (ad.argmax(x), ad.argmax(x, 1), x.argmax(-1, True))),
    "cat": ((A, B), lambda a, b: ad.cat([a, b], 2)),
    "clamp": ((A,), lambda x: ad.clamp(x, max=0.3)),
    "clip": ((A, B), lambda a, b: (ad.clip(a, -0.5, 0.5), ad.clip(a * b, 0.1))),
    "concatenate": ((A, B), lambda a, b: ad.concatenate([a, b])),
    "cos": ((A,), ad.cos),
    "exp": ((A,), ad.exp),
    "flatten": ((A,), lambda x: ad.flatten(x, 1)),
    "log": ((A * A,), ad.log),
    "matmul": ((SCORES, SCORES.T, A), lambda a, b, c: (a @ b, ad.matmul(a, b[:, 0]), a[0] @ b, a[0] @ b[:, 0],
                                                       c @ a[:, :2].T[:, :3].T, c @ c.transpose(1, 2), c @ a[0, :3])),
    "max": ((A, TIES), lambda x, y: (ad.max(x), *ad.max(x, 1), ad.max(x, (0, 2), True), ad.max(y), *ad.max(y, 1), y.max(0)[0])),
    "maximum": ((A, B), lambda a, b: (ad.maximum(a, b), ad.maximum(a, a * 1), ad.maximum(a, 0.1))),
    "mean": ((A,), lambda x: ad.mean(x, (0, 2))),
    "min": ((A, TIES), lambda x, y: (ad.min(x), *ad.min(x, -1), ad.min(y, (0, 1)))),
    "minimum": ((A, B), lambda a, b: (ad.minimum(a, b), ad.minimum(0.1, a))),
    "permute": ((A,), lambda x: ad.permute(x, (2, 0, 1))),
    "reshape": ((A,), lambda x: ad.reshape(x, (3, -1))),
    "sin": ((A,), ad.sin),
    "sqrt": ((A * A,), ad.sqrt),
    "squeeze": ((LINE,), ad.squeeze),
    "stack": ((A, B), lambda a, b: ad.stack([a, b], 1)),
    "sum": ((A,), lambda x: ad.sum(x, 1, True)),
    "tanh": ((A,), ad.tanh),
    "transpose": ((A,), lambda x: ad.transpose(x, 0, 2)),
    "unsqueeze": ((A,), lambda x: ad.unsqueeze(x, 1)),
    "var": ((A,), lambda x: (ad.var(x), ad.var(x, (0, 2), False, True))),
    "where": ((A, B), lambda a, b: (ad.where(a > b, a, b), ad.where(a < 0, 0.5, a))),
    # Operators and methods of a Tensor.
    "powers": ((A * A, B), lambda a, b: (a**2, a**3, a**0.5, a**-1, a**b, 2.0**b, b.pow(2))),
    "comparisons": ((A, B), lambda a, b: (a == b, a != a, a < b, a <= 0.1, a > b, a >= a, (a > 0).float(), a.long())),
    "parts": ((A,), lambda x: (x[:, [1, 0, 1]], x[1], x[..., ::2], x[[0, 1], [1, 0]], x[:, np.array([True, False])],
                               x[1, [-1, 0]], x[:, :, [0, 0]])),
    "quotients": ((A, B), lambda a, b: (a / b, 1 / b, -a, a - 2 * b, 3 - a)),
}
# What computes nothing, or works in other ways than on arrays.
TAPE_ELSEWHERE = {"Dual", "Expression", "Tensor", "Variable", "apply", "derivative", "draw_inputs", "evaluate_and_derive",
                  "float32", "float64", "forward_trace", "gradcheck", "int64", "no_grad", "tensor"}


@pytest.mark.parametrize("name", TAPE)
def test_functions_of_the_tape(name):
    given, function = TAPE[name]
    compared(function, *given)


# Functions of networks.
KERNEL, KERNELS, CUBES = (RNG.standard_normal((2, 2, *shape)) for shape in ((3,), (2, 3), (1, 2, 2)))
OPERATIONS = {
    "adaptive_avg_pool1d": ((LINE,), lambda x: F.adaptive_avg_pool1d(x, 3)),
    "adaptive_avg_pool2d": ((IMAGE,), lambda x: F.adaptive_avg_pool2d(x, (2, 3))),
    "adaptive_avg_pool3d": ((VOLUME,), lambda x: F.adaptive_avg_pool3d(x, (1, 2, 2))),
    "avg_pool1d": ((LINE,), lambda x: F.avg_pool1d(x, 2, 1, 1)),
    "avg_pool2d": ((IMAGE,), lambda x: F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)),
    "avg_pool3d": ((VOLUME,), lambda x: F.avg_pool3d(x, (1, 2, 2), divisor_override=3)),
    "batch_norm": ((IMAGE, np.array([1.0, 2.0])), lambda x, w: F.batch_norm(x, weight=w, training=True)),
    "binary_cross_entropy_with_logits": ((SCORES, (SCORES > 0) * 1.0), F.binary_cross_entropy_with_logits),
    "concatenate": ((A, B), lambda a, b: F.concatenate([a, b], 1)),
    "conv1d": ((LINE, KERNEL), lambda x, w: F.conv1d(x, w, padding=1)),
    "conv2d": ((IMAGE, KERNELS), lambda x, w: F.conv2d(x, w, stride=(1, 2))),
    "conv3d": ((VOLUME, CUBES[:, :1]), F.conv3d),
    "conv_transpose1d": ((LINE, KERNEL), lambda x, w: F.conv_transpose1d(x, w, stride=2)),
    "conv_transpose2d": ((IMAGE[..., :2, :2], KERNELS), F.conv_transpose2d),
    "conv_transpose3d": ((VOLUME[..., :1], CUBES[:1]), F.conv_transpose3d),
    "cross_entropy": ((SCORES,), lambda x: F.cross_entropy(x, LABELS)),
    "dropout": ((A,), lambda x: (F.dropout(x, 0.4), F.dropout(x, 0.4, False), F.dropout(x, 1.0))),
    "elu": ((A,), lambda x: F.elu(x, 0.7)),
    "flatten": ((A,), F.flatten),
    "gaussian_nll_loss": ((SCORES, SCORES[::-1].copy(), SCORES[:, 0] ** 2, SCORES**2), lambda x, t, v, w: (
        F.gaussian_nll_loss(x, t, v), F.gaussian_nll_loss(x, t, w, full=True, reduction="none"),
        F.gaussian_nll_loss(x, t, 2.0))),
    "gelu": ((A,), lambda x: (F.gelu(x), F.gelu(x, "tanh"))),
    "hinge": ((SCORES,), lambda x: F.hinge(x, LABELS, 0.5)),
    "huber_loss": ((A, B), lambda x, t: F.huber_loss(x, t, delta=0.5)),
    "l1_loss": ((A, B), lambda x, t: F.l1_loss(x, t, reduction="none")),
    "leaky_relu": ((A,), F.leaky_relu),
    "linear": ((A, SCORES[:2, :3], SCORES[0, :2]), F.linear),
    "local_response_norm": ((IMAGE, A), lambda x, y: (F.local_response_norm(x, 3, 0.1, 0.6, 1.5), F.local_response_norm(y, 2))),
    "log_softmax": ((SCORES,), lambda x: F.log_softmax(x, 1)),
    "max_pool1d": ((LINE,), lambda x: F.max_pool1d(x, 2, 1)),
    "max_pool2d": ((IMAGE,), lambda x: (F.max_pool2d(x, 2, 1, 1), *F.max_pool2d(x, 2, return_indices=True))),
    "max_pool3d": ((VOLUME,), lambda x: F.max_pool3d(x, (1, 2, 2))),
    "max_unpool2d": ((PLANES,), lambda x: (F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
                                           F.max_unpool2d(*F.max_pool2d(x, 3, 1, return_indices=True), 3, 1))),
    "mse_loss": ((A, B), F.mse_loss),
    "multi_margin_loss": ((SCORES,), lambda x: F.multi_margin_loss(x, LABELS, 2)),
    "nll_loss": ((SCORES,), lambda x: (F.nll_loss(x, LABELS), F.nll_loss(x, LABELS, [1.0, 2.0, 0.5, 0.3], ignore_index=0),
                                       F.nll_loss(x, LABELS, reduction="none"))),
    "pad": ((IMAGE,), lambda x: (F.pad(x, (1, -1, 2, 0)), F.pad(x, (1, 2), "reflect"), F.pad(x, (2, 0, 1, 1), "replicate"),
                                 F.pad(x, (1, 1, 2, 0), "circular"), F.pad(x, (0, 1), value=3.0))),
    "relu": ((A,), F.relu),
    "sigmoid": ((A,), F.sigmoid),
    "softmax": ((SCORES,), lambda x: F.softmax(x, 0)),
    "tanh": ((A,), F.tanh),
    "vanilla_dropout": ((A,), lambda x: (F.vanilla_dropout(x, 0.6), F.vanilla_dropout(x, 0.6, False))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    given, function = OPERATIONS[name]
    compared(function, *given)


# Layers and losses: how they are made, and what they are given.
LAYERS = {
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(2), LINE), "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(2), IMAGE),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(1), VOLUME), "AvgPool1d": (lambda: nn.AvgPool1d(2), LINE),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, 1), IMAGE), "AvgPool3d": (lambda: nn.AvgPool3d((1, 2, 2)), VOLUME),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(2), LINE), "BatchNorm2d": (lambda: nn.BatchNorm2d(2), IMAGE),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(1), VOLUME), "CircularPad1d": (lambda: nn.CircularPad1d(1), LINE),
    "CircularPad2d": (lambda: nn.CircularPad2d(1), IMAGE), "CircularPad3d": (lambda: nn.CircularPad3d(1), VOLUME),
    "Concat": (lambda: nn.Concat(nn.ReLU(), nn.Tanh()), IMAGE), "ConstantPad1d": (lambda: nn.ConstantPad1d(1, 2.0), LINE),
    "ConstantPad2d": (lambda: nn.ConstantPad2d(1, 2.0), IMAGE), "ConstantPad3d": (lambda: nn.ConstantPad3d(1, 2.0), VOLUME),
    "Conv1d": (lambda: nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect"), LINE),
    "Conv2d": (lambda: nn.Conv2d(2, 2, 2, groups=2), IMAGE), "Conv3d": (lambda: nn.Conv3d(1, 1, (1, 2, 2)), VOLUME),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(2, 1, 2), LINE),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 1, 2), IMAGE),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(1, 1, (1, 2, 1)), VOLUME), "Dropout": (lambda: nn.Dropout(0.4), IMAGE),
    "ELU": (nn.ELU, SCORES), "Flatten": (nn.Flatten, IMAGE), "GELU": (nn.GELU, SCORES), "Identity": (nn.Identity, SCORES),
    "LeakyReLU": (nn.LeakyReLU, SCORES), "Linear": (lambda: nn.Linear(4, 2), SCORES),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), IMAGE), "LogSoftmax": (lambda: nn.LogSoftmax(1), SCORES),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), LINE), "MaxPool2d": (lambda: nn.MaxPool2d(2), IMAGE),
    "MaxPool3d": (lambda: nn.MaxPool3d((1, 2, 2)), VOLUME), "ReLU": (nn.ReLU, SCORES),
    "ReflectionPad1d": (lambda: nn.ReflectionPad1d(1), LINE), "ReflectionPad2d": (lambda: nn.ReflectionPad2d(1), IMAGE),
    "ReflectionPad3d": (lambda: nn.ReflectionPad3d(1), VOLUME), "ReplicationPad1d": (lambda: nn.ReplicationPad1d(1), LINE),
    "ReplicationPad2d": (lambda: nn.ReplicationPad2d(1), IMAGE), "ReplicationPad3d": (lambda: nn.ReplicationPad3d(1), VOLUME),
    "Residual": (lambda: nn.Residual(nn.Linear(4, 4)), SCORES),
    "Sequential": (lambda: nn.Sequential(nn.Tanh(), nn.ReLU()), SCORES),
    "Sigmoid": (nn.Sigmoid, SCORES), "Softmax": (lambda: nn.Softmax(1), SCORES), "Tanh": (nn.Tanh, SCORES),
    "ZeroPad1d": (lambda: nn.ZeroPad1d(1), LINE), "ZeroPad2d": (lambda: nn.ZeroPad2d((1, 0, -1, 2)), IMAGE),
    "ZeroPad3d": (lambda: nn.ZeroPad3d(1), VOLUME), "ZeroPadShortcut": (lambda: nn.ZeroPadShortcut(2, 3, 2), IMAGE),
}
YES = (SCORES > 0) * 1.0
LOSSES = {
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss, YES), "CrossEntropyLoss": (nn.CrossEntropyLoss, LABELS),
    "Hinge": (nn.Hinge, LABELS), "HuberLoss": (nn.HuberLoss, YES), "L1Loss": (nn.L1Loss, YES), "MSELoss": (nn.MSELoss, YES),
    "MultiMarginLoss": (nn.MultiMarginLoss, LABELS), "NLLLoss": (lambda: nn.NLLLoss([1.0, 2.0, 3.0, 0.5]), LABELS),
}
# Not computed on arrays; penalties and GaussianNLLLoss are looked at by themselves.
NN_ELSEWHERE = {"Module", "ModuleList", "Parameter", "functional", "init", "manual_seed", "models", "utils"}
PENALTIES = {"ElasticNetPenalty": (0.1, 0.2), "L1Penalty": (0.1,), "L2Penalty": (0.2,)}
# Not computed there, and what they say.
REFUSED = {
    "conv_as_matrix": (lambda: nn.conv_as_matrix(nn.Conv2d(1, 1, 2).to("cuda"), (1, 3, 3)), r"\.cpu\(\)|to\('cpu'\)"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    make, x = LAYERS[name]
    found = []
    for place in ("cpu", "cuda"):
        nn.manual_seed(2)
        model = nn.Sequential(make().double()).to(place)
        leaf = Tensor(x, requires_grad=True)
        result = model(leaf.to(place))
        nn.manual_seed(2)
        make()
        y, back = model.pass_through(leaf.to(place).data, True)
        result.backward(np.cos(np.arange(result.numel())).reshape(result.shape))
        found.append((result.data, y, leaf.grad, [p.grad for p in model.parameters()]))
    (want, plain, slope, slopes), (got, there, back, backs) = found
    near(got, want)
    near(there, plain)
    np.testing.assert_allclose(back, slope, rtol=1e-11, atol=1e-12)
    for a, b in zip(backs, slopes, strict=True):
        near(a, b, 1e-11)


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    make, target = LOSSES[name]
    compared(lambda x: make().to(x.device)(x, target), SCORES)
    got, want = make().to("cuda").of_arrays(Tensor(SCORES).to("cuda").data, target), make().of_arrays(SCORES, target)
    for a, b in zip(got, want, strict=True):
        near(a, b)


def test_a_normal_density_is_a_loss_of_three():
    compared(nn.GaussianNLLLoss(), SCORES, SCORES[::-1].copy(), SCORES**2)
    negative = [Tensor(x).to("cuda") for x in (SCORES, SCORES, -(SCORES**2))]
    assert np.isnan(nn.GaussianNLLLoss()(*negative).item())


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties(name):
    compared(lambda x, y: getattr(nn, name)(*PENALTIES[name])([x, y]), A, SCORES)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(name):
    call, words = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_no_name_is_forgotten():
    assert set(ad.__all__) - TAPE_ELSEWHERE <= set(TAPE)
    assert {name for name in F.__all__ if not name.endswith("_pair")} == set(OPERATIONS)
    assert {name for name in nn.__all__ if name not in NN_ELSEWHERE} == {
        *LAYERS, *LOSSES, *PENALTIES, *REFUSED, "GaussianNLLLoss", "summary"}
    kinds = {name: getattr(optim, name) for name in optim.__all__}
    steps = {name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, optim.Optimizer)}
    assert steps - {"Optimizer"} == {name for name in STEPS if name in kinds} | {"Adam"}


def looked_into(place):
    """What views tell of a network."""
    nn.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(2, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 2)).double().to(place)
    planar = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double().to(place)
    plane = views.Plane.through([-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0])
    top = views.top_activations(model, MORE, "0", 1, 2)
    return [views.activation(model, MORE, "1"), views.deconvnet(model, MORE, "2", 0), views.input_gradient(model, MORE, 1),
            views.filter_images(model[0].weight[:, :1]), top[0].value, views.linear_regions(planar, plane, 3).labels,
            np.array([[s.start, s.stop] for s in views.receptive_field(model, (2, 3, 4), "1", (1, 2))])]


def test_views_of_a_network_on_the_device():
    for got, want in zip(looked_into("cuda"), looked_into("cpu"), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)


def test_a_summary_of_a_network_on_the_device():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).to("cuda")
    report = nn.summary(model, (1, 2))
    assert [row.parameters for row in report.rows] == [9, 0]
    assert min(row.seconds for row in report.rows) > 0
