"""The training loop: that it does what the loop by hand does, and each of its settings what it says."""

import csv
import doctest
import math

import numpy as np
import pytest

from convkit import nn, optim, training
from convkit.autodiff import Tensor
from convkit.data import ArrayLoader, digits, split
from convkit.training import checkpoint, progress


@pytest.mark.parametrize("name", training.__all__)
def test_examples_in_docstrings_run(name):
    found = [t for t in doctest.DocTestFinder(recurse=False).find(getattr(training, name), name, globs={}) if t.examples]
    said = []
    for test in found:
        assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append).failed == 0, said
    assert found or name in ("Callback", "DivergenceError", "Evaluation", "Run", "StepLosses")


def blobs(count=60, seed=0, dtype=np.float32):
    """Two classes of points (N, 3) that overlap a little."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    return (rng.normal(size=(count, 3)) + 1.5 * y[:, None]).astype(dtype), y


def net(seed=0, dropout=0.0):
    nn.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2))


class Free(nn.Module):
    """`net` with a forward of free code, which needs the tape."""

    def __init__(self, chain):
        super().__init__()
        self.chain = chain

    def forward(self, x):
        for layer in self.chain:
            x = layer(x)
        return x * 1.0


def by_hand(model, data, epochs, **settings):
    optimizer = optim.SGD(model.parameters(), **settings)
    criterion = nn.CrossEntropyLoss()
    means = []
    for _ in range(epochs):
        model.train()
        total = 0.0
        for x, y in data:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        means.append(total / len(data.y))
    return means


def same(one, other):
    state = other.state_dict()
    return all(np.array_equal(value, state[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("wrap", [lambda m: m, Free], ids=["without a tape", "with one"])
def test_it_is_the_loop_by_hand(wrap):
    hand, fitted = wrap(net(dropout=0.3)), wrap(net(dropout=0.3))
    loaders = [ArrayLoader(*blobs(), batch_size=16, seed=4) for _ in range(2)]
    nn.manual_seed(5)
    means = by_hand(hand, loaders[0], 3, lr=0.1, momentum=0.9)
    nn.manual_seed(5)
    history = training.fit(fitted, loaders[1], optimizer=optim.SGD(fitted.parameters(), lr=0.1, momentum=0.9), epochs=3)
    assert same(hand, fitted)
    assert history["loss"] == pytest.approx(means, rel=1e-12)
    assert history["epoch"] == [1, 2, 3]
    assert history["lr"] == [0.1] * 3
    assert min(history["seconds"]) > 0
    assert not any(module.training for module in fitted.modules())


def test_arrays_are_shuffled_in_batches_of_a_size_and_in_the_models_dtype():
    x, y = blobs(dtype=np.float64)
    one, other = net(), net()
    training.fit(one, (x, y), epochs=2, batch_size=7)
    training.fit(other, ArrayLoader(x.astype(np.float32), y, batch_size=7), epochs=2)
    assert same(one, other)
    smaller = net()
    training.fit(smaller, (x, y), epochs=2, batch_size=8)
    assert not same(one, smaller)


def test_a_model_learns_digits():
    images, labels = digits()
    (x, y), test = split(images / 16, labels, 0.2)
    nn.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10))
    history = training.fit(model, (x, y), epochs=8, optimizer=optim.SGD(model.parameters(), 0.1, 0.9), validation=test)
    assert history["validation_accuracy"][-1] > 0.95
    assert history["loss"][-1] < 0.1 < history["loss"][0]
    found = training.evaluate(model, test)
    assert (found.loss, found.accuracy) == (history["validation_loss"][-1], history["validation_accuracy"][-1])
    assert (training.predict(model, test[0]).argmax(1) == test[1]).mean() == found.accuracy


def test_accuracy_is_that_of_the_batches_and_missing_where_there_are_no_classes():
    x, y = blobs(10)
    model = nn.Sequential(nn.Linear(3, 2))
    right = int((training.predict(model, x).argmax(1) == y).sum())
    frozen = optim.SGD(model.parameters(), lr=0)
    assert training.fit(model, (x, y), optimizer=frozen, epochs=1, batch_size=3)["accuracy"] == [right / 10]
    target = x[:, :2]
    history = training.fit(model, (x, target), loss=nn.MSELoss(), epochs=1, validation=(x, target))
    assert "accuracy" not in history
    assert "validation_accuracy" not in history
    assert history["validation_loss"][0] == pytest.approx(((training.predict(model, x) - target) ** 2).mean(), rel=1e-5)
    with pytest.raises(KeyError, match="'accuracy' is no column"):
        history["accuracy"]


def test_losses_of_ones_own():
    x, y = blobs(20)
    target = x[:, :2]
    losses = (nn.MSELoss(), lambda p, t: ((p - t) ** 2).mean(), lambda p, t: abs(p - t).mean())
    models = [nn.Sequential(nn.Linear(3, 2)) for _ in losses]
    histories, start = [], models[0].state_dict()
    for model, loss in zip(models, losses, strict=True):
        model.load_state_dict(start)
        histories.append(training.fit(model, (x, target), loss=loss, epochs=2, validation=(x, target)))
    for name, value in models[0].state_dict().items():
        np.testing.assert_allclose(models[1].state_dict()[name], value, rtol=1e-6)
        assert not np.allclose(models[2].state_dict()[name], value, rtol=1e-6)
    assert histories[1]["validation_loss"] == pytest.approx(histories[0]["validation_loss"], rel=1e-5)
    for wrong in (lambda p, t: 1.0, lambda p, t: (p - t) ** 2):
        with pytest.raises(TypeError, match="a Tensor of one number"):
            training.fit(models[0], (x, target), loss=wrong)
    with pytest.raises(ValueError, match="reduction='none'"):
        training.fit(models[0], (x, y), loss=nn.CrossEntropyLoss(reduction="none"))


def test_penalty_and_clipping_change_the_gradients():
    x, y = blobs(20)

    def after(**settings):
        model = net()
        history = training.fit(model, (x, y), epochs=1, batch_size=20, optimizer=optim.SGD(model.parameters(), 1.0), **settings)
        return history, model

    start = {name: p.data.copy() for name, p in net().named_parameters()}
    (history, plain), (pulled_history, pulled) = after(), after(penalty=nn.L2Penalty(0.5))
    assert history["loss"] == pulled_history["loss"]
    for name, p in pulled.named_parameters():
        np.testing.assert_allclose(p.data, dict(plain.named_parameters())[name].data - start[name], atol=1e-6)
    _, clipped = after(clip_norm=0.01)
    step = math.sqrt(sum(((p.data - start[name]) ** 2).sum() for name, p in clipped.named_parameters()))
    assert step == pytest.approx(0.01, rel=1e-3)


class Halving:
    """Halves the rate at each call, and counts calls."""

    def __init__(self, optimizer):
        self.optimizer, self.calls = optimizer, []

    def step(self, *metrics):
        self.calls.append(metrics)
        self.optimizer.param_groups[0]["lr"] /= 2


def test_schedules_go_by_epochs_or_by_batches():
    for every, rates, calls in (("epoch", [1, 0.5, 0.25], 3), ("batch", [1, 0.125, 0.015625], 9)):
        model = net()
        optimizer = optim.SGD(model.parameters(), 1.0)
        scheduler = Halving(optimizer)
        history = training.fit(model, blobs(), optimizer=optimizer, epochs=3, batch_size=20, scheduler=scheduler,
                               scheduler_every=every)
        assert history["lr"] == rates
        assert scheduler.calls == [()] * calls
    with pytest.raises(ValueError, match="scheduler_every='step' is not known; it may be 'epoch', 'batch'"):
        training.fit(net(), blobs(), scheduler_every="step")


def test_a_plateau_is_told_the_validation_loss(monkeypatch):
    model = net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    told = []
    step = scheduler.step
    monkeypatch.setattr(scheduler, "step", lambda value: (told.append(value), step(value)))
    history = training.fit(model, blobs(), optimizer=optimizer, epochs=4, scheduler=scheduler, validation=blobs(seed=2))
    assert told == history["validation_loss"]
    told.clear()
    assert training.fit(model, blobs(), optimizer=optimizer, epochs=2, scheduler=scheduler)["loss"] == told


def test_what_is_frozen_stays_and_so_do_the_statistics_of_its_norms():
    model = net()
    model.freeze()
    model[-1] = nn.Linear(8, 3)
    before = model.state_dict()
    x, _ = blobs()
    training.fit(model, (x, np.arange(60) % 3), epochs=2)
    changed = [name for name, value in model.state_dict().items() if not np.array_equal(value, before[name])]
    assert changed == ["4.weight", "4.bias"]
    model.unfreeze()
    training.fit(model, (x, np.arange(60) % 3), epochs=1)
    assert not np.array_equal(model.state_dict()["1.running_mean"], before["1.running_mean"])
    with pytest.raises(ValueError, match="no parameter of the model requires a gradient"):
        training.fit(model.freeze(), blobs())


def test_groups_have_rates_of_their_own():
    model = net()
    start = model.state_dict()
    optimizer = optim.SGD([{"params": model[0].parameters(), "lr": 0.01}, {"params": model[4].parameters()}], lr=0.1)
    training.fit(model, blobs(), optimizer=optimizer, epochs=1, batch_size=60)
    moved = {name: np.abs(value - start[name]).max() for name, value in model.state_dict().items()}
    assert moved["0.weight"] == pytest.approx(0.01 * np.abs(model[0].weight.grad).max(), rel=1e-2)
    assert moved["4.weight"] == pytest.approx(0.1 * np.abs(model[4].weight.grad).max(), rel=1e-2)
    assert moved["1.weight"] == 0  # not given to the optimizer


def test_gradients_ahead_are_taken_where_the_optimizer_looks():
    hand, fitted = net(), net()
    x, y = blobs()
    criterion, optimizer = nn.CrossEntropyLoss(), optim.SGD(hand.parameters(), 0.1, 0.9, nesterov="lookahead")
    for a, b in ArrayLoader(x, y, batch_size=20):
        def closure(a=a, b=b):
            optimizer.zero_grad()
            loss = criterion(hand(a), b)
            loss.backward()
            return loss

        optimizer.step(closure)
    training.fit(fitted, (x, y), optimizer=optim.SGD(fitted.parameters(), 0.1, 0.9, nesterov="lookahead"), epochs=1,
                 batch_size=20)
    assert same(hand, fitted)


def test_early_stopping_ends_the_run_and_puts_the_best_model_back():
    best = []

    class Watch(training.Callback):
        def after_epoch(self, run):
            best.append(run.model.state_dict())

    for monitor in (None, "validation_accuracy", "loss"):
        best.clear()
        model = net()
        stopping = training.EarlyStopping(patience=3, monitor=monitor)
        history = training.fit(model, blobs(16), optimizer=optim.SGD(model.parameters(), 0.5), epochs=200, batch_size=8,
                               validation=blobs(40, seed=3), callbacks=[Watch(), stopping])
        values = history[monitor or "validation_loss"]
        value = max(values) if monitor == "validation_accuracy" else min(values)
        assert stopping.best == value
        assert stopping.best_epoch == values.index(value) + 1
        assert len(history) == stopping.best_epoch + 3 < 200
        assert all(np.array_equal(v, best[stopping.best_epoch - 1][k]) for k, v in model.state_dict().items())


def test_early_stopping_counts_what_is_better_by_enough_and_may_leave_the_last():
    x, y = blobs(16)
    runs = {}
    for name, settings in {"all": {}, "enough": {"min_delta": 0.5}, "last": {"min_delta": 0.5, "restore_best": False}}.items():
        model = net()
        runs[name] = training.fit(model, (x, y), optimizer=optim.SGD(model.parameters(), 0.05), epochs=12,
                                  callbacks=[training.EarlyStopping(2, **settings)]), model
    assert len(runs["all"][0]) == 12
    assert len(runs["enough"][0]) == len(runs["last"][0]) == 3
    assert not same(runs["enough"][1], runs["last"][1])
    for settings, match in (({"patience": 0}, "patience=0"), ({"min_delta": -1}, "min_delta=-1")):
        with pytest.raises(ValueError, match=match):
            training.EarlyStopping(**settings)
    with pytest.raises(KeyError, match="'validation_loss' is no column"):
        training.fit(net(), (x, y), callbacks=[training.EarlyStopping(monitor="validation_loss")])


def test_lines_of_the_tutorial():
    said, seen = [], []

    class Watch(training.Callback):
        def after_step(self, run):
            seen.append((run.epoch, run.step, run.loss))

        def at_end(self, run):
            seen.append("end")

    model = net()
    lines = training.StepLosses(2, said.append)
    training.fit(model, blobs(50), epochs=2, batch_size=10, callbacks=[lines, Watch()])
    assert seen.pop() == "end"
    assert [place[:2] for place in seen] == [(epoch, step) for epoch in (1, 2) for step in range(1, 6)]
    means = [(e, s, (seen[i - 1][2] + loss) / 2) for i, (e, s, loss) in enumerate(seen) if s % 2 == 0]
    assert lines.means == means
    assert said == [f"[{e}, {s:5d}] loss: {mean:.3f}" for e, s, mean in means]
    assert said[0].startswith("[1,     2] loss: ")
    with pytest.raises(ValueError, match="every=0"):
        training.StepLosses(0)


def test_callbacks_begin_anew_with_each_run():
    callbacks = [training.EarlyStopping(3), training.StepLosses(1, lambda line: None)]
    found = []
    for _ in range(2):
        model = net()
        history = training.fit(model, blobs(16), optimizer=optim.SGD(model.parameters(), 0.5), epochs=60, batch_size=8,
                               validation=blobs(40, seed=3), callbacks=callbacks)
        stopping, lines = callbacks
        found.append((len(history), stopping.best, stopping.best_epoch, lines.means, model.state_dict()["0.weight"]))
    assert found[0][:4] == found[1][:4]
    np.testing.assert_array_equal(found[0][4], found[1][4])


def test_a_callback_can_end_the_run():
    class Enough(training.Callback):
        def after_epoch(self, run):
            run.stop = run.epoch == 2

    assert len(training.fit(net(), blobs(), epochs=9, callbacks=[Enough()])) == 2


def test_a_loss_that_is_no_number_stops_with_step_rate_and_layer():
    x, _ = blobs(40)
    model = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))
    seen = []

    class Watch(training.Callback):
        def after_step(self, run):
            seen.append((run.epoch, run.step, {n: float(np.linalg.norm(p.grad)) for n, p in model.named_parameters()},
                         model.state_dict()))

    with pytest.raises(training.DivergenceError, match="smaller rate") as caught, np.errstate(all="ignore"):
        training.fit(model, (x, (x @ [1, 2, 3])[:, None] * np.ones((1, 2))), loss=nn.MSELoss(), epochs=50, batch_size=10,
                     optimizer=optim.SGD(model.parameters(), 0.7), callbacks=[Watch()])
    error = caught.value
    epoch, step, lengths, state = seen[-1]
    assert (error.epoch, error.step) == ((epoch, step + 1) if step < 4 else (epoch + 1, 1))
    assert error.lr == 0.7
    assert error.layer == max(lengths, key=lengths.get).split(".")[0]
    for words in (f"epoch {error.epoch}, step {error.step}", "rate 0.7", f"that of {error.layer}, of length"):
        assert words in str(error)
    left = model.state_dict()
    assert all(np.isfinite(value).all() for value in left.values())
    spoilt = not all(np.isfinite(value).all() for value in state.values())
    assert ("as it was before this epoch" if spoilt else "as they were before this step") in str(error)
    if not spoilt:
        assert all(np.array_equal(left[name], state[name]) for name in left)


def test_a_step_that_spoils_the_parameters_is_undone_with_its_epoch():
    model = nn.Sequential(nn.Linear(1, 1))
    model.load_state_dict({"0.weight": [[1.0]], "0.bias": [0.0]})
    x = np.float32([[1e30], [1.0]])
    loader = ArrayLoader(x, x * 0 + 2, batch_size=1, shuffle=False)
    with pytest.raises(training.DivergenceError, match=r"epoch 1, step 2.*that of 0, of length 1e\+30.*before this epoch"):
        training.fit(model, loader, loss=lambda p, y: (p - y).mean(), optimizer=optim.SGD(model.parameters(), 1e20))
    assert (model[0].weight.item(), model[0].bias.item()) == (1, 0)


def test_running_statistics_that_are_spoilt_do_not_undo_steps():
    x, y = blobs(40)
    x[39, 1] = np.nan
    model, states = net(), []

    class Watch(training.Callback):
        def after_step(self, run):
            states.append(model.state_dict())

    before = model.state_dict()
    with pytest.raises(training.DivergenceError, match="as they were before this step"):
        training.fit(model, ArrayLoader(x, y, batch_size=10, shuffle=False), callbacks=[Watch()])
    after = model.state_dict()
    for name, _ in model.named_parameters():
        np.testing.assert_array_equal(after[name], states[-1][name])
    for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        np.testing.assert_array_equal(after[name], before[name])


def test_a_validation_loss_that_is_no_number_is_never_the_best(tmp_path):
    class Spoil(training.Callback):
        def after_epoch(self, run):
            if run.epoch != 2:
                run.history.rows[-1]["validation_loss"] = math.nan

    model, stopping = net(), training.EarlyStopping(patience=3)
    history = training.fit(model, blobs(), epochs=9, validation=blobs(seed=1), callbacks=[Spoil(), stopping],
                           checkpoints=tmp_path)
    assert (stopping.best_epoch, len(history)) == (2, 5)
    assert checkpoint.read(tmp_path / "best.safetensors")[1]["epoch"] == 2


def test_samples_that_are_no_numbers_leave_the_model_as_it_was():
    x, y = blobs(40)
    x[25, 1] = np.nan
    for model, state in ((net(), None), (nn.Sequential(nn.Linear(3, 2)), None)):
        state = model.state_dict()
        with pytest.raises(training.DivergenceError, match=r"It was the first step: look for NaN") as caught:
            training.fit(model, (x, y), epochs=1, batch_size=40)
        assert caught.value.layer == ""
        assert all(np.array_equal(value, state[name]) for name, value in model.state_dict().items())


def test_refused_data():
    x, y = blobs()
    for data, match in (((x, y[:-1]), "data has inputs of shape"), ((x[:0], y[:0]), "at least one"),
                        (iter([]), "gives its batches anew|give its batches anew")):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            training.fit(net(), data)
    with pytest.raises(ValueError, match="data has inputs of shape"):
        training.evaluate(net(), (x, y[:-1]))
    with pytest.raises(ValueError, match="no items to evaluate"):
        training.evaluate(net(), [])
    for settings, match in (({"epochs": 0}, "epochs=0"), ({"resume": True}, "resume=True needs checkpoints=")):
        with pytest.raises(ValueError, match=match):
            training.fit(net(), (x, y), **settings)
    with pytest.raises(ValueError, match=r"^0: Linear"):
        training.fit(net(), (x[:, :2], y))
    with pytest.raises(ValueError, match="x has shape"):
        training.predict(net(), x[:0])
    with pytest.raises(ValueError, match="batch_size=0"):
        training.predict(net(), x, batch_size=0)


def test_prediction_leaves_modes_and_statistics_alone():
    model, (x, y) = net(dropout=0.5), blobs()
    model[1].eval()
    before = model.state_dict()
    one, all_at_once = training.predict(model, x, batch_size=7), training.predict(model, Tensor(x), batch_size=60)
    np.testing.assert_allclose(one, all_at_once, rtol=1e-5, atol=1e-6)
    assert training.evaluate(model, (x, y)).accuracy == (one.argmax(1) == y).mean()
    assert [module.training for module in model] == [True, False, True, True, True]
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_evaluation_weighs_batches_by_their_items():
    model, (x, y) = net(), blobs(10)
    whole = training.evaluate(model, (x, y))
    for size in (3, 10):
        assert training.evaluate(model, (x, y), batch_size=size).loss == pytest.approx(whole.loss, rel=1e-6)
    assert training.evaluate(model, (x, y), nn.CrossEntropyLoss(label_smoothing=0.2)).loss != whole.loss


def test_confusion():
    y, said = np.random.default_rng(0).integers(0, 4, (2, 100))
    counts = training.confusion_matrix(y, said, 5)
    for i in range(5):
        for j in range(5):
            assert counts[i, j] == ((y == i) & (said == j)).sum()
    with pytest.raises(ValueError, match="labels have shape"):
        training.confusion_matrix(y, said[:-1], 5)
    for wrong in ([4], [-1], [0.5]):
        with pytest.raises(ValueError, match="no class; give whole numbers from 0 to 3"):
            training.confusion_matrix([1], wrong, 4)


def test_history_as_a_table(tmp_path):
    rows = [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "loss": 0.1, "validation_loss": 2.5}]
    history = training.History(rows)
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in read] == [1 / 3, 0.1]
    assert [row["validation_loss"] for row in read] == ["", "2.5"]
    assert history.watched == "validation_loss"
    assert repr(history) == "History(2 epochs; last: epoch=2, loss=0.1, validation_loss=2.5)"
    assert repr(training.History()) == "History(0 epochs)"
    with pytest.raises(TypeError, match="no row of a history"):
        training.History([{"epoch": "one"}])


def test_the_bar_is_drawn_on_a_terminal_alone(capsys, monkeypatch):
    from rich.progress import TimeRemainingColumn

    training.fit(net(), blobs(), epochs=2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    words, bars = [], []
    update = progress.Progress.update

    def spy(self, *arguments):
        update(self, *arguments)
        bars.append(self.bar)
        words.append(str(self.bar.tasks[0].fields["words"]))

    monkeypatch.setattr(progress.Progress, "update", spy)
    history = training.fit(net(), blobs(), epochs=2, batch_size=20, progress=True)
    capsys.readouterr()
    assert len(words) == 6
    assert words[-1].startswith(f"loss {history['loss'][-1]:.4f}  accuracy {100 * history['accuracy'][-1]:.1f} %  ")
    assert words[-1].endswith(" images/s")
    assert any(isinstance(column, TimeRemainingColumn) for column in bars[-1].columns)
