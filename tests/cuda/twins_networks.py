"""Networks on a CUDA device compute what they compute on the CPU: run under the simulator by tests/cuda, and on a device."""

import math

import numpy as np
import pytest

import convkit.nn.functional as F
from convkit import autodiff as ad
from convkit import nn, optim, training
from convkit.autodiff import Tensor
from convkit.engines.cuda import arrays

RNG = np.random.default_rng(8)
X, Y, ROW = RNG.standard_normal((2, 3, 2, 4)), RNG.standard_normal((2, 3, 2, 4)), RNG.standard_normal((3, 1, 1))


def near(got, want, limit=1e-12):
    """Whether an array on the device has the numbers, shape and dtype of one on the host."""
    assert isinstance(got, arrays.DeviceArray)
    assert (got.shape, got.dtype) == (np.shape(want), want.dtype)
    np.testing.assert_allclose(got.cpu(), want, rtol=limit, atol=limit)


# Arrays.

OPERATIONS = {
    "sum": lambda a, b, c: a + b,
    "difference from a number": lambda a, b, c: 2 - a,
    "quotient": lambda a, b, c: a / b,
    "a number by it": lambda a, b, c: 1 / a,
    "rows stretched": lambda a, b, c: c * a,
    "both stretched": lambda a, b, c: c - a[0, 0, 0],
    "minus": lambda a, b, c: -a,
    "size": lambda a, b, c: abs(a),
    "square": lambda a, b, c: a**2,
    "sign": lambda a, b, c: np.sign(a),
    "tanh": lambda a, b, c: np.tanh(a),
    "exp": lambda a, b, c: np.exp(a),
    "log": lambda a, b, c: np.log(a * a),
    "log1p": lambda a, b, c: np.log1p(a * a),
    "root": lambda a, b, c: np.sqrt(abs(a)),
    "larger": lambda a, b, c: np.maximum(a, 0.1),
    "larger of two": lambda a, b, c: np.maximum(a, b),
    "sum over axes": lambda a, b, c: a.sum((0, 2)),
    "sums kept": lambda a, b, c: a.sum(1, keepdims=True),
    "mean": lambda a, b, c: a.mean((1, 3)),
    "sum of rows": lambda a, b, c: np.add.reduce(a, 0),
    "part": lambda a, b, c: a[:, 1:, ::-1],
    "item": lambda a, b, c: a[1],
    "new axis": lambda a, b, c: a[:, None],
    "turned": lambda a, b, c: a.transpose(2, 0, 3, 1),
    "shape": lambda a, b, c: a.reshape(3, -1),
    "joined": lambda a, b, c: np.concatenate([a, b], 1),
    "stacked": lambda a, b, c: np.stack([a, b], 2),
    "split": lambda a, b, c: np.split(a, [1], 1)[1],
    "stretched": lambda a, b, c: np.broadcast_to(c, (3, 2, 4)),
    "float32": lambda a, b, c: a.astype(np.float32),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_arrays_compute_as_numpy_does(name):
    operation = OPERATIONS[name]
    near(operation(*map(arrays.sent, (X, Y, ROW))), operation(X, Y, ROW), 1e-6 if name == "float32" else 1e-12)


def test_long_sums_go_by_parts():
    x = RNG.standard_normal((200, 3))
    near(arrays.sent(x).sum(0), x.sum(0))


def test_arrays_are_written_to():
    x, d = X.copy(), arrays.sent(X)
    for a, b in ((x, Y), (d, arrays.sent(Y))):
        a[:, 1] = 7
        a[..., ::2] = b[..., :1]
        a += b
        a *= 2
        a[1:] -= 1
    near(d, x)
    d.fill(math.inf)
    assert np.isinf(d.cpu()).all()


REFUSED = {
    "numpy.arctan is not computed": lambda a: np.arctan(a),
    "numpy.median is not computed": lambda a: np.median(a),
    "numpy.multiply.reduce is not computed": lambda a: np.multiply.reduce(a),
    "cumsum is not computed": lambda a: a.cumsum(),
    "power of numbers of dtype int64": lambda a: a.astype(np.int64) ** 3,
    "~ of what is not yes or no": lambda a: ~a,
    "an index of dtype bool, of which the shape of the result depends": lambda a: a[a > 0],
    "None beside arrays in an index": lambda a: a[None, [0]],
    "is not copied to the host unasked": np.asarray,
    "in the memory of the host": lambda a: a + X,
    "bring both to one place": lambda a: X * a,
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_not_computed_is_named(words):
    with pytest.raises((TypeError, AttributeError), match=words):
        REFUSED[words](arrays.sent(X))


def test_memory_is_handed_out_again():
    shape = (1, 2, 3, 4, 5)
    first = arrays.empty(shape, np.dtype(np.float64))
    part, line = first.reshape(-1), first.line
    del first
    assert arrays.empty(shape, np.dtype(np.float64)).line is not line  # a view has it
    del part
    assert arrays.empty(shape, np.dtype(np.float64)).line is line


# Tensors.

EXPRESSIONS = {
    "mean square": lambda a, b, c: ((a - b) * (a - b)).mean(),
    "stretched": lambda a, b, c: (a * c + c / 2).sum(),
    "joined": lambda a, b, c: (ad.cat([a, b], 1) ** 2).sum(),
    "moved": lambda a, b, c: (a.permute(3, 1, 0, 2).reshape(4, -1)[1] * 2).sum(),
    "tanh": lambda a, b, c: (a.tanh() * b.exp()).mean(0).sum(),
    "several ways": lambda a, b, c: (a + a * b).abs().sum(),
    "there and back": lambda a, b, c: ((a * b).cpu() * 2).sum(),
    "scores": lambda a, b, c: F.log_softmax(a.flatten(1), 1)[:, 3].sum(),
    "non-linear": lambda a, b, c: (F.gelu(a) + F.sigmoid(b) + F.leaky_relu(a, 0.2)).sum(),
    "relu": lambda a, b, c: (F.relu(a) * b).sum(),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_gradients_of_expressions(name):
    host = [Tensor(x, requires_grad=True) for x in (X, Y, ROW)]
    device = [Tensor(x, requires_grad=True) for x in (X, Y, ROW)]
    want = EXPRESSIONS[name](*host)
    got = EXPRESSIONS[name](*[t.to("cuda") for t in device])
    assert got.item() == pytest.approx(want.item(), rel=1e-12)
    want.backward()
    got.backward()
    for a, b in zip(device, host, strict=True):
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            np.testing.assert_allclose(a.grad, b.grad, rtol=1e-11, atol=1e-12)


def test_tensors_tell_where_they_lie():
    t = Tensor(X).to("cuda")
    assert (t.device, t.cpu().device) == ("cuda", "cpu")
    assert t.to("cuda:0") is t
    assert "device='cuda'" in repr(t.sum())
    assert f"{t.sum():.3f}" == f"{X.sum():.3f}"
    np.testing.assert_array_equal(t.cpu().numpy(), X)
    with pytest.raises(TypeError, match=r"write x\.cpu\(\)\.numpy\(\)"):
        t.numpy()
    leaf = Tensor(arrays.sent(X), requires_grad=True)
    with pytest.raises(ValueError, match="grad does not lie where the data do"):
        leaf.grad = X


# Models.


class Net(nn.Module):
    """The tutorial's network, made small."""

    def __init__(self):
        super().__init__()
        self.conv1, self.pool = nn.Conv2d(2, 2, 3), nn.MaxPool2d(2, 2)
        self.fc1, self.fc2 = nn.Linear(8, 3), nn.Linear(3, 3)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def small_vgg():
    """Convolutions before a batch norm have no bias: its derivative is rounding alone, of which Adam makes whole steps."""
    body = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2))
    return nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Residual(body), nn.ReLU(), nn.Dropout(0.3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(2, 3))


IMAGES, LABELS = RNG.standard_normal((3, 2, 6, 6)), np.array([1, 0, 2])
OPTIMIZERS = {"sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01), "adam": lambda p: optim.Adam(p, lr=0.01)}


def stepped(make, optimizer, tape, device):
    """A model after three steps, its optimizer and the losses."""
    nn.manual_seed(3)
    model, loss = make().double().to(device), nn.CrossEntropyLoss(label_smoothing=0.1)
    images = IMAGES if make is Net else np.ascontiguousarray(IMAGES[..., :4, :4])
    steps, x, losses = OPTIMIZERS[optimizer](model.parameters()), Tensor(images).to(device), []
    for _ in range(3):
        steps.zero_grad()
        if tape:
            value = loss(model(x), LABELS)
            value.backward()
            losses.append(value.item())
        else:
            losses.append(model.loss_and_grad(x, LABELS, loss))
        steps.step()
    return model, steps, losses


@pytest.mark.parametrize(("make", "optimizer", "tape"), [
    (Net, "sgd", True), (Net, "adam", False), (small_vgg, "adam", True), (small_vgg, "sgd", False)])
def test_three_steps_are_those_of_the_cpu(make, optimizer, tape):
    want, host, host_losses = stepped(make, optimizer, tape, "cpu")
    got, device, losses = stepped(make, optimizer, tape, "cuda")
    np.testing.assert_allclose(losses, host_losses, rtol=1e-10)
    assert {p.device for p in got.parameters()} == {"cuda"}
    for (name, a), b in zip(got.state_dict().items(), want.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10, err_msg=name)
    for number, memory in device.state_dict()["state"].items():
        for name, a in memory.items():
            np.testing.assert_allclose(a, host.state_dict()["state"][number][name], rtol=1e-10, atol=1e-10)


def test_models_go_there_and_back():
    model = small_vgg()
    before = model.state_dict()
    model[0].weight.grad = np.ones_like(model[0].weight.data)
    model.to("cuda")
    assert (model[0].weight.device, model[0].weight.grad.cpu().sum()) == ("cuda", model[0].weight.numel())
    there = model.state_dict()
    assert all(type(a) is np.ndarray for a in there.values())
    model.to("cuda").to("cpu")
    for state in (there, model.state_dict()):
        assert all((state[name] == a).all() and state[name].dtype == a.dtype for name, a in before.items())
    other = small_vgg().to("cuda")
    other.load_state_dict(before)
    assert all((other.state_dict()[name] == a).all() for name, a in before.items())
    assert model[0].weight.grad.sum() == model[0].weight.numel()


MISPLACED = {
    "host": (lambda model: model.to("cuda"), Tensor, "input lies in the memory of the host and the parameters"),
    "device": (lambda model: model, lambda x: Tensor(x).to("cuda"),
               "input lies in the memory of a CUDA device and the parameters"),
}


@pytest.mark.parametrize("where", MISPLACED)
def test_what_lies_apart_is_refused_by_the_layer(where):
    place, bring, words = MISPLACED[where]
    for layer, x in ((nn.Conv2d(2, 2, 3), IMAGES), (nn.Linear(6, 2), IMAGES), (nn.BatchNorm2d(2), IMAGES)):
        model = place(nn.Sequential(nn.Identity(), layer.double()))
        with pytest.raises(ValueError, match=rf"^1: {type(layer).__name__}.*{words}"):
            model(bring(x))
    with pytest.raises(ValueError, match=r"^input lies"):
        F.batch_norm(arrays.sent(IMAGES), np.zeros(2), np.ones(2))


def test_labels_are_held_against_the_classes_before_they_are_sent():
    scores = Tensor(np.zeros((2, 3))).to("cuda")
    with pytest.raises(IndexError, match=r"target\[1\] is 3, but input has 3 classes"):
        F.cross_entropy(scores, [0, 3])
    assert F.cross_entropy(scores, [0, -100]).item() == pytest.approx(math.log(3))
    assert math.isnan(F.cross_entropy(scores, Tensor(np.array([0, 3])).to("cuda")).item())


LOSSES = {
    "margins": (nn.MultiMarginLoss(), LABELS),
    "squares": (nn.MSELoss(), RNG.standard_normal((3, 3))),
    "sizes": (nn.L1Loss(), np.ones((3, 3))),
    "huber": (nn.HuberLoss("sum", 0.5), RNG.standard_normal((3, 3))),
    "yes": (nn.BCEWithLogitsLoss(pos_weight=2.0), np.eye(3)),
    "shares": (nn.CrossEntropyLoss(), np.full((3, 3), 1 / 3)),
    "weights": (nn.CrossEntropyLoss([1.0, 2.0, 3.0]), LABELS),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients(name):
    loss, target = LOSSES[name]
    scores = RNG.standard_normal((3, 3))
    want, slope = loss.of_arrays(scores, target)
    got, there = loss.of_arrays(arrays.sent(scores), target)
    near(got, want)
    near(there, slope)
    start = Tensor(arrays.sent(scores), requires_grad=True)
    (loss(start, target) * 3).backward()
    near(start.grad, 3 * slope)


# Optimizers.

STEPS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True),
    "NormalizedSGD": optim.NormalizedSGD,
    "Adagrad": lambda p: optim.Adagrad(p, initial_accumulator_value=0.1),
    "Adadelta": optim.Adadelta,
    "RMSprop": optim.RMSprop,
    "RMSprop with all": lambda p: optim.RMSprop(p, momentum=0.5, centered=True),
    "AdamW": optim.AdamW,
    "RAdam": optim.RAdam,
    "diffGrad": optim.diffGrad,
    "AdaBelief": lambda p: optim.AdaBelief(p, rectify=True),
    "AngularGrad": optim.AngularGrad,
    "AdaInject": optim.AdaInject,
}


@pytest.mark.parametrize("name", STEPS)
def test_every_optimizer_steps_as_on_the_cpu(name):
    shapes = (3, 2), (5,)
    host = [nn.Parameter(np.ones(shape)) for shape in shapes]
    device = [nn.Parameter(arrays.sent(np.ones(shape))) for shape in shapes]
    here, there = STEPS[name](host), STEPS[name](device)
    for step in range(3):
        for a, b in zip(host, device, strict=True):
            gradient = np.cos(np.arange(a.numel()) + step).reshape(a.shape)
            a.grad, b.grad = (None, None) if step == 1 and a.ndim == 1 else (gradient, arrays.sent(gradient))
        here.step()
        there.step()
        if step == 1:
            there.load_state_dict(there.state_dict())
    for a, b in zip(host, device, strict=True):
        near(b.data, a.data, 1e-11)


def test_an_optimizer_follows_its_model():
    models = [nn.Linear(3, 2, dtype=np.float64) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    steps = [optim.Adam(model.parameters(), lr=0.1) for model in models]
    x = RNG.standard_normal((4, 3))
    for place in ("cpu", "cuda", "cpu"):
        models[1].to(place)
        for model, optimizer in zip(models, steps, strict=True):
            optimizer.zero_grad()
            model.loss_and_grad(Tensor(x).to(model.weight.device), [0, 1, 1, 0], nn.CrossEntropyLoss())
            optimizer.step()
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        np.testing.assert_allclose(b.data, a.data, rtol=1e-11)


def test_penalties_and_limits():
    host, device = ([nn.Parameter(x, requires_grad=True)] for x in (X.copy(), arrays.sent(X)))
    for parameters in (host, device):
        value = nn.ElasticNetPenalty(0.1, 0.2).add_gradients(parameters)
        assert float(value) == pytest.approx(0.1 * np.abs(X).sum() + 0.2 * (X * X).sum())
        assert float(nn.utils.clip_grad_norm_(parameters, 0.5)) > 0.5
        nn.utils.clip_grad_value_(parameters, 0.1)
    near(device[0].grad, host[0].grad)


# Training.


def trained(device, folder=None, epochs=2, resume=False, **more):
    """A model after some epochs, and their history."""
    nn.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.2), nn.Linear(3, 2)).double().to(device)
    x = np.random.default_rng(0).standard_normal((6, 2))
    data = (x, (x[:, 0] > 0).astype(int))
    history = training.fit(model, data, epochs=epochs, batch_size=4, validation=data, checkpoints=folder, resume=resume, **more)
    return model, history, data


def test_training_is_that_of_the_cpu():
    losses = {place: training.StepLosses(2, lambda line: None) for place in ("cpu", "cuda")}
    model, want, data = trained("cpu", callbacks=[losses["cpu"]])
    other, got, _ = trained("cuda", callbacks=[losses["cuda"]])
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        np.testing.assert_allclose(got[name], want[name], rtol=1e-10)
    np.testing.assert_allclose(losses["cuda"].means, losses["cpu"].means, rtol=1e-10)
    np.testing.assert_allclose(training.predict(other, data[0]), training.predict(model, data[0]), rtol=1e-10)


def test_a_resumed_run_is_the_unbroken_one(tmp_path):
    whole, *_ = trained("cuda", tmp_path / "whole")
    trained("cuda", tmp_path / "broken", epochs=1)
    broken, *_ = trained("cuda", tmp_path / "broken", resume=True)
    there, *_ = trained("cpu", tmp_path / "whole", epochs=3, resume=True)  # a file knows no places
    assert there[0].weight.device == "cpu"
    for name, a in whole.state_dict().items():
        np.testing.assert_array_equal(broken.state_dict()[name], a)


def test_a_loss_that_is_no_number_is_noticed(monkeypatch):
    monkeypatch.setattr("convkit.training.loop.LOOKS", 2)
    model = nn.Linear(1, 1, dtype=np.float64).to("cuda")
    before = model.state_dict()
    x = np.array([[1.0], [np.nan], [1.0], [1.0], [1.0]])
    with pytest.raises(training.DivergenceError, match=r"became nan in epoch 1, by step 2.*as it was before this epoch"):
        data = training.loop.ArrayLoader(x, x, batch_size=1, shuffle=False)
        training.fit(model, data, loss=nn.MSELoss(), epochs=1)
    assert all((model.state_dict()[name] == a).all() for name, a in before.items())
