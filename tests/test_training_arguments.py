"""What `fit` is given: kinds that are refused before the first epoch, and schedules that go by what they are made for."""

import numpy as np
import pytest

from convkit import nn, optim, training
from convkit.data import ArrayLoader
from convkit.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR


def net():
    return nn.Sequential(nn.Linear(3, 2))


def batch(count=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 3)).astype(np.float32), rng.integers(0, 2, count)


@pytest.mark.parametrize(("settings", "words"), [
    ({"optimizer": "adam"}, r"optimizer='adam' is no optimizer; give one such as optim\.Adam\(model\.parameters\(\)\)"),
    ({"loss": "mse"}, r"loss='mse' cannot be called; give a loss such as"),
    ({"callbacks": training.EarlyStopping()}, r"must be a list of callbacks, such as \[training\.EarlyStopping\(\)\]"),
    ({"callbacks": [print]}, "must be a list of callbacks"),
    ({"penalty": lambda parameters: 0}, r"is none of nn\.L1Penalty, nn\.L2Penalty and nn\.ElasticNetPenalty"),
    ({"validation": 0.1}, r"validation is a float; give \(x, y\), a pair of arrays in brackets, or what gives batches"),
])  # fmt: skip
def test_arguments_of_another_kind(settings, words):
    model = net()
    before = model.state_dict()
    with pytest.raises(TypeError, match=words):
        training.fit(model, batch(), **settings)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_data_and_targets_belong_together():
    x, y = batch()
    with pytest.raises(TypeError, match=r"data is a ndarray; give \(x, y\), a pair of arrays in brackets"):
        training.fit(net(), x)
    with pytest.raises(TypeError, match=r"data is a ndarray; give \(x, y\)"):
        training.evaluate(net(), x)
    with pytest.raises(TypeError, match="model is a list"):
        training.fit([nn.Linear(3, 2)], (x, y))
    model = net()
    before = model.state_dict()
    with pytest.raises(ValueError, match="data has inputs of shape"):
        training.fit(model, (x, y), validation=(x, y[:-1]))
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_schedules_and_optimizers_of_something_else():
    model, other = net(), net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="scheduler sets the rate of another optimizer"):
        training.fit(model, batch(), scheduler=StepLR(optimizer, 1))
    with pytest.raises(ValueError, match="optimizer has no parameter of this model"):
        training.fit(other, batch(), optimizer=optimizer)
    with pytest.raises(ValueError, match="a ReduceLROnPlateau looks at losses of epochs; leave scheduler_every out"):
        training.fit(model, batch(), optimizer=optimizer, scheduler=ReduceLROnPlateau(optimizer), scheduler_every="batch")


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "2"])
def test_epochs_are_whole(epochs):
    with pytest.raises(ValueError, match=r"epochs=.* must be a whole number of 1 or more"):
        training.fit(net(), batch(), epochs=epochs)


def test_a_one_cycle_goes_by_steps_and_others_by_epochs_unless_told_otherwise():
    for make, every, last in ((lambda o: OneCycleLR(o, 1.0, 9, cycle_momentum=False), None, 4e-6),
                              (lambda o: StepLR(o, 1, 0.5), None, 0.25), (lambda o: StepLR(o, 1, 0.5), "batch", 1 / 256)):
        model = net()
        optimizer = optim.SGD(model.parameters(), 1.0)
        loader = ArrayLoader(*batch(), batch_size=10)
        training.fit(model, loader, optimizer=optimizer, scheduler=make(optimizer), scheduler_every=every, epochs=2)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(last)
