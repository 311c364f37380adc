"""Checkpoints: a run that was broken off goes on with the same numbers, and no file makes a traceback of another kind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

from convkit import nn, optim, training
from convkit.data import ArrayLoader, RandomHorizontalFlip
from convkit.training import checkpoint

LAST, BEST = "last.safetensors", "best.safetensors"


def made(kind="SGD"):
    """Model, data, optimizer and validation data."""
    nn.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.4), nn.Linear(64, 3))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 1, 6, 6)).astype(np.float32), rng.integers(0, 3, 40)
    data = ArrayLoader(x, y, batch_size=8, seed=2, transform=RandomHorizontalFlip())
    optimizer = optim.SGD(model.parameters(), 0.1, 0.9) if kind == "SGD" else getattr(optim, kind)(model.parameters())
    return model, data, optimizer, (x[:12] * 1.1, y[:12])


def run(folder=None, epochs=4, resume=False, kind="SGD", callbacks=()):
    """A run with all that has a state: momentum, dropout, running statistics, a schedule, a loader, callbacks."""
    model, data, optimizer, validation = made(kind)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.7)
    lines = training.StepLosses(2, lambda line: None)
    history = training.fit(model, data, optimizer=optimizer, epochs=epochs, validation=validation, scheduler=scheduler,
                           callbacks=[training.EarlyStopping(patience=50), lines, *callbacks], checkpoints=folder,
                           resume=resume)
    return model, history, lines.means


class Kill(training.Callback):
    """Ends the process within the third epoch as nothing can prevent."""

    def after_step(self, run):
        if (run.epoch, run.step) == (3, 4):
            os.kill(os.getpid(), signal.SIGKILL)


def assert_same(one, other):
    (model, history, lines), (resumed, again, same_lines) = one, other
    state = resumed.state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(state[name], value)
    for name in history.columns:
        if name != "seconds":
            assert again[name] == history[name]
    assert lines == same_lines


@pytest.mark.parametrize("kind", ["SGD", "Adam", "Adadelta", "AngularGrad"])
def test_two_epochs_and_two_are_four(kind, tmp_path):
    whole = run(kind=kind)
    run(tmp_path, epochs=2, kind=kind)
    resumed = run(tmp_path, epochs=4, kind=kind, resume=True)
    assert_same(whole, resumed)
    assert len(resumed[1]) == 4


def test_a_run_that_is_over_only_ends_again(tmp_path):
    whole = run(tmp_path)
    before = (tmp_path / LAST).read_bytes()
    assert_same(whole, run(tmp_path, resume=True))
    assert (tmp_path / LAST).read_bytes() == before


def test_a_run_that_stopped_early_does_not_go_on(tmp_path):
    class Stop(training.Callback):
        def after_epoch(self, run):
            run.stop = True

    run(tmp_path, callbacks=[Stop()])
    assert len(run(tmp_path, resume=True, callbacks=[training.Callback()])[1]) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_run_killed_within_an_epoch_loses_that_epoch_alone(tmp_path):
    here = Path(__file__)
    code = f"import sys; from tests.{here.stem} import Kill, run; run(sys.argv[1], callbacks=[Kill()])"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=here.parent.parent)
    assert done.returncode == -signal.SIGKILL, done.stderr
    epochs = []

    class Watch(training.Callback):
        def after_step(self, run):
            epochs.append(run.epoch)

    resumed = run(tmp_path, resume=True, callbacks=[Watch()])
    assert sorted(set(epochs)) == [3, 4]
    assert_same(run(), resumed)


def test_resuming_without_checkpoints_begins_anew(tmp_path):
    assert_same(run(), run(tmp_path / "new", resume=True))


def test_the_best_is_kept_beside_the_last(tmp_path):
    _, history, _ = run(tmp_path, epochs=6)
    losses = history["validation_loss"]
    best = losses.index(min(losses)) + 1
    _, about = checkpoint.read(tmp_path / BEST)
    assert about["epoch"] == best
    assert checkpoint.read(tmp_path / LAST)[1]["epoch"] == 6
    run(tmp_path / "again", epochs=best)
    fresh, *_ = made()
    training.load_weights(fresh, tmp_path / BEST)
    last = load_file(tmp_path / "again" / LAST)
    for name, value in fresh.state_dict().items():
        np.testing.assert_array_equal(value, last[f"model.{name}"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", BEST, LAST]


def test_without_validation_the_best_is_by_the_loss(tmp_path):
    model, data, _, _ = made()
    history = training.fit(model, data, epochs=4, optimizer=optim.SGD(model.parameters(), 0.3), checkpoints=tmp_path)
    assert checkpoint.read(tmp_path / BEST)[1]["epoch"] == history["loss"].index(min(history["loss"])) + 1


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    run(tmp_path, epochs=1)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, epochs=2, resume=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_states_of_all_kinds_come_back():
    tree = {"a": np.float64([[1, np.nan]]), "b": [1, 2.5, None, True, "x", {"c": np.arange(3)}], "n": np.int64(3),
            "scalar": np.array(7), "deep": ({"big": 2**100},), "empty": {}, "inf": float("inf")}
    arrays = {}
    about = json.loads(json.dumps(checkpoint.packed(tree, "", arrays)))
    assert sorted(arrays) == ["a", "b.5.c", "scalar"]
    back = checkpoint.unpacked(about, arrays)
    np.testing.assert_array_equal(back["a"], tree["a"])
    np.testing.assert_array_equal(back["b"][5]["c"], tree["b"][5]["c"])
    assert back["b"][:5] == tree["b"][:5]
    assert (back["n"], back["deep"], back["empty"], back["inf"]) == (3, [{"big": 2**100}], {}, float("inf"))
    assert back["scalar"].shape == ()
    with pytest.raises(TypeError, match="loader is a set, which a checkpoint cannot hold"):
        checkpoint.packed({"loader": {1, 2}}, "", {})


def test_a_folder_with_an_earlier_run_is_not_written_over(tmp_path):
    run(tmp_path, epochs=1)
    before = (tmp_path / LAST).read_bytes()
    with pytest.raises(ValueError, match="has those of an earlier run; go on with it by resume=True"):
        run(tmp_path, epochs=1)
    assert (tmp_path / LAST).read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; name a folder"):
        run(tmp_path / "file")


def rewritten(path, change):
    """Write a checkpoint anew after `change(arrays, about)`."""
    arrays, about = checkpoint.read(path)
    about = change(arrays, about) or about
    path.write_bytes(checkpoint.encoded(arrays, about))


def set_state(*path, value):
    def change(arrays, about):
        *way, last = path
        here = about
        for key in way:
            here = here[key]
        here[last] = value

    return change


CHANGES = {
    "another version": (set_state("form", value=99), "no checkpoint that this version"),
    "another kind": (set_state("kind", value="model"), "no checkpoint that this version"),
    "a list": (lambda arrays, about: [1], "no checkpoint that this version"),
    "another optimizer": (set_state("optimizer", value="Adam"), "with the optimizer Adam, and this run has SGD"),
    "no state": (lambda arrays, about: about.pop("state") and None, "does not fit this run"),
    "a state that is a number": (set_state("state", value=3), "does not fit this run"),
    "an array that is not there": (set_state("state", "model", value={checkpoint._ARRAY: "gone"}), "does not fit this run"),
    "other callbacks": (set_state("state", "callbacks", value=[]), "0 callbacks .* this run 2"),
    "a best model of words": (set_state("state", "callbacks", 0, "state", value={"a": 1}), "must be arrays"),
    "a best value of words": (set_state("state", "callbacks", 0, "best", value="low"), "could not convert"),
    "another part": (set_state("state", "parts", "more", value={}), "loader, scheduler, more"),
    "an epoch that is a word": (set_state("epoch", value="two"), "does not fit this run"),
    "an epoch beyond its history": (set_state("epoch", value=7), "its epoch is 7, its history has 2"),
    "a history of words": (set_state("history", value=["a", "b"]), "no row of a history"),
    "no random state": (set_state("state", "random", value={"bit_generator": "MT19937"}), "does not fit this run"),
    "a random state of words": (set_state("state", "random", value="random"), "does not fit this run"),
    "optimizer numbers": (set_state("state", "optimizer", "state", value={"first": {}}), "does not fit this run"),
    "other groups": (set_state("state", "optimizer", "param_groups", value=[]), "parameter groups"),
    "a rate below 0": (lambda arrays, about: about["state"]["optimizer"]["param_groups"][0].update(lr=-1), "lr=-1"),
    "another loader": (set_state("state", "parts", "loader", "samples", value=7), "samples=7"),
    "another model": (lambda arrays, about: arrays.update({"model.0.weight": np.zeros(9)}), r"0.weight has shape \(9,\)"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_checkpoints_that_do_not_fit(name, tmp_path):
    change, match = CHANGES[name]
    run(tmp_path, epochs=2)
    rewritten(tmp_path / LAST, change)
    with pytest.raises(ValueError, match=match) as caught:
        run(tmp_path, resume=True)
    assert str(tmp_path / LAST) in str(caught.value)


def broken():
    """Files that are no safetensors files, and the words about them."""
    whole = save({"a": np.arange(10.0)}, {"convkit": "{}"})
    yield "empty", b""
    yield "cut in its header", whole[:20]
    yield "cut in its arrays", whole[:-8]
    yield "too long", whole + bytes(8)
    yield "noise", np.random.default_rng(0).bytes(1000)
    yield "a huge header", b"\xff" * 8 + whole[8:]
    yield "a header that is no JSON", (10).to_bytes(8, "little") + b"{" * 10
    yield "a pickle", b"\x80\x05\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94."
    for key, value in (("dtype", "F1000"), ("shape", [-3]), ("data_offsets", [0, 10**12]), ("shape", [2**62, 2**62])):
        entry = {"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8], key: value}}
        header = json.dumps(entry).encode()
        yield f"{key} {value}", len(header).to_bytes(8, "little") + header + bytes(8)
    bf16 = json.dumps({"a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    yield "a dtype that NumPy has not", len(bf16).to_bytes(8, "little") + bf16 + bytes(8)
    overlap = json.dumps({n: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} for n in "ab"}).encode()
    yield "arrays on one another", len(overlap).to_bytes(8, "little") + overlap + bytes(8)


@pytest.mark.parametrize(("name", "contents"), list(broken()), ids=lambda value: value if isinstance(value, str) else "")
def test_broken_files(name, contents, tmp_path):
    path = tmp_path / LAST
    path.write_bytes(contents)
    for read in (checkpoint.read, training.ImageModel.load, lambda p: run(p.parent, resume=True),
                 lambda p: training.load_weights(nn.Linear(1, 1), p)):
        with pytest.raises(ValueError, match=r"last\.safetensors") as caught:
            read(path)
        assert len(str(caught.value)) < 500


def test_metadata_that_are_no_json(tmp_path):
    for words in ("{", "[" * 100_000):
        save_file({"a": np.zeros(1)}, tmp_path / "x.safetensors", {"convkit": words})
        with pytest.raises(ValueError, match="are no JSON"):
            checkpoint.read(tmp_path / "x.safetensors")


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ValueError, match="no such file"):
            training.load_weights(nn.Linear(1, 1), path)


def test_weights_of_any_file_with_the_models_names(tmp_path):
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    save_file(one.state_dict(), tmp_path / "plain.safetensors")
    assert training.load_weights(other, tmp_path / "plain.safetensors") is other
    np.testing.assert_array_equal(one.weight.data, other.weight.data)
    save_file({"weight": one.weight.data}, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match=r"part\.safetensors: the state does not fit Linear: it lacks bias"):
        training.load_weights(other, tmp_path / "part.safetensors")


def image_model():
    nn.manual_seed(0)
    return training.ImageModel(training.recipes.build("tiny", 3, 12, 2), "tiny", 3, 12, ("cat", "dög"), (0.1, 0.2, 0.3),
                               (1.0, 2.0, 3.0))


def test_a_saved_model_says_what_it_needs(tmp_path):
    model = image_model()
    model.model(np.random.default_rng(0).normal(size=(20, 3, 12, 12)).astype(np.float32))  # running statistics
    model.save(tmp_path / "model.safetensors")
    loaded = training.ImageModel.load(tmp_path / "model.safetensors")
    assert (loaded.name, loaded.channels, loaded.size, loaded.classes, loaded.mean, loaded.std) == (
        "tiny", 3, 12, ("cat", "dög"), (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    images = np.random.default_rng(1).random((5, 3, 12, 12))
    shares = loaded.probabilities(images)
    np.testing.assert_array_equal(shares, model.probabilities(images))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    mean, std = (np.reshape(v, (3, 1, 1)) for v in (model.mean, model.std))
    scores = training.predict(model.model, ((images - mean) / std).astype(np.float32))
    np.testing.assert_allclose(np.log(shares[:, 0] / shares[:, 1]), scores[:, 0] - scores[:, 1], atol=1e-4)
    assert set(load_file(tmp_path / "model.safetensors")) == set(model.model.state_dict())
    for wrong in (images[:, :1], images[..., 1:], images[0]):
        with pytest.raises(ValueError, match=r"takes \(N, 3, 12, 12\)"):
            model.probabilities(wrong)


@pytest.mark.parametrize(("key", "value"), [
    ("name", "resnet"), ("name", 3), ("channels", 2), ("channels", [1]), ("size", 10**9), ("size", 1), ("size", 8.5),
    ("size", True), ("classes", []), ("classes", [1]), ("classes", {"a": 1}), ("classes", ["a\x1b[31m"]), ("mean", [0.1]),
    ("mean", ["a"] * 3), ("mean", None), ("std", [0, 1, 1]), ("std", [float("nan")] * 3),
])  # fmt: skip
def test_saved_models_that_say_nonsense(key, value, tmp_path):
    path = tmp_path / "model.safetensors"
    image_model().save(path)
    rewritten(path, set_state(key, value=value))
    with pytest.raises(ValueError, match=f"says {key}="):
        training.ImageModel.load(path)


def test_saved_models_with_other_weights_and_other_files(tmp_path):
    path = tmp_path / "model.safetensors"
    image_model().save(path)
    rewritten(path, set_state("classes", value=["a", "b", "c"]))
    with pytest.raises(ValueError, match=r"fc\.weight has shape \(2, 24\), the model \(3, 24\)"):
        training.ImageModel.load(path)
    for about in ({"kind": "checkpoint", "form": 1}, {"kind": "model", "form": 2}, [], None):
        path.write_bytes(checkpoint.encoded({}, about))
        with pytest.raises(ValueError, match="no model that 'convkit train' of this version wrote"):
            training.ImageModel.load(path)
