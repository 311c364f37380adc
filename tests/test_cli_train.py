"""``convkit train`` and ``convkit predict``: what they write and print, that runs go on, and what they refuse."""

import csv
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors.numpy import load_file
from typer.testing import CliRunner

from convkit import nn, optim, training
from convkit.cli import app
from convkit.cli import predict as predicting
from convkit.cli import training as runs
from convkit.data import RandomHorizontalFlip, digits, split
from convkit.training import checkpoint, recipes

PICTURES = {"curves.png", "filters.png", "confusion.png", "features.png"}


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(runs, "draw", lambda *arguments: {})


@pytest.fixture
def pictures():
    """Lets a run draw its pictures, which takes longer than the run."""


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, (result.output, result.exception)
    return result


def refused(*arguments):
    """The one line on stderr of a command that refuses its arguments."""
    result = run(*arguments, status=2)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"convkit {arguments[0]}: ")
    return line


def train(*options, status=0):
    return run("train", "digits", *options, status=status)


def record(folder="convkit-digits"):
    return json.loads(Path(folder, "run.json").read_text())


def mnist_files(folder, count=120, side=28, seed=0):
    """Files of MNIST's form with digits in their middle."""
    images, labels = digits()
    chosen = np.random.default_rng(seed).choice(len(labels), count)
    large = np.zeros((count, side, side), np.uint8)
    large[:, 2:26, 2:26] = np.kron(images[chosen, 0] * 15.9, np.ones((3, 3)))
    folder.mkdir()
    for name in ("train", "t10k"):
        with gzip.open(folder / f"{name}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4I", 2051, count, side, side) + large.tobytes())
        with gzip.open(folder / f"{name}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">2I", 2049, count) + labels[chosen].astype(np.uint8).tobytes())


def cifar_files(folder, count=40):
    """Files of CIFAR-10's form with noise in them, each class around a colour of its own."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (10, 3, 1))
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        labels = rng.integers(0, 10, count)
        pixels = np.clip(colours[labels] + rng.normal(0, 40, (count, 3, 1024)), 0, 255).astype(np.uint8)
        (folder / name).write_bytes(np.hstack([labels[:, None].astype(np.uint8), pixels.reshape(count, -1)]).tobytes())


def test_it_learns_and_writes_what_it_says(pictures):
    result = train("--epochs", 6, "--seed", 3)
    about = record()
    assert about["settings"] == {"data": "digits", "directory": None, "model": "tiny", "optimizer": "adam", "lr": 0.01,
                                 "batch": 64, "epochs": 6, "validation": 0.1, "seed": 3}
    assert about["test_accuracy"] > 0.9
    assert (about["parameters"], about["rate"]) == (9698, 0.01)
    assert about["machine"]["processor"]
    assert about["versions"]["numpy"] == np.__version__
    lines = result.stdout.splitlines()
    machine = about["machine"]
    assert lines[0] == (f"convkit {about['versions']['convkit']}, numpy {np.__version__}, numba {about['versions']['numba']}; "
                        f"{machine['processor']}, {machine['workers']} workers, vectors of {machine['vector_bits']} bits")
    assert lines[1] == ("digits: 1,294 images for training, 144 for validation, 359 for testing; 8 x 8, grey, 10 classes")
    assert any("conv1 Conv2d" in line for line in lines)
    assert "adam, rate 0.01 at the top of one cycle, batches of 64, 6 epochs, seed 3" in lines
    told = [line for line in lines if line.startswith("[")]
    assert told == [f"[{e}, {s:5d}] loss: {mean:.3f}" for e, s, mean in about["losses"]]
    assert [line.split("]")[0] for line in told] == [f"[{e},    21" for e in range(1, 7)]
    with open("convkit-digits/history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert {"loss", "accuracy", "validation_loss", "validation_accuracy", "lr", "seconds"} < set(rows[0])
    assert about["seconds"] == pytest.approx(sum(float(row["seconds"]) for row in rows))
    assert about["images_per_second"] == pytest.approx(6 * 1294 / about["seconds"])
    assert sum(line.startswith("epoch ") for line in lines) == 6
    files = {path.name for path in Path("convkit-digits").iterdir()}
    assert files - {"mistakes.png"} == {"run.json", "history.csv", "model.safetensors", "last.safetensors", "best.safetensors",
                                        *PICTURES}
    for name in PICTURES:
        with Pillow.open(f"convkit-digits/{name}") as picture:
            assert min(picture.size) > 300
    # The model in the file is the one that was tested.
    model = training.ImageModel.load("convkit-digits/model.safetensors")
    _, (x, y) = split(*digits(), fraction=0.2, seed=0)
    said = model.probabilities(x / 16).argmax(1)
    assert (said == y).mean() == about["test_accuracy"]
    for i, row in enumerate(about["per_class"]):
        assert row == {"class": str(i), "images": (y == i).sum(), "right": ((y == i) & (said == i)).sum(),
                       "said": (said == i).sum()}
    table = lines[lines.index("Finished Training") + 1 :]
    assert table[0].split() == ["class", "images", "found", "right", "when", "said"]
    assert table[1].split()[:2] == ["0", str((y == 0).sum())]
    assert f"test accuracy {100 * about['test_accuracy']:.2f} %" in table[11]


def test_the_same_seed_the_same_run_and_any_number_of_workers():
    weights = {}
    for name, options in {"a": ["--seed", 1], "b": ["--seed", 1, "--workers", 1], "c": ["--seed", 2]}.items():
        train("--epochs", 1, "--out", name, *options)
        weights[name] = load_file(f"{name}/model.safetensors")
    for key, value in weights["a"].items():
        np.testing.assert_array_equal(weights["b"][key], value)
    assert any(not np.array_equal(weights["c"][key], value) for key, value in weights["a"].items())


def interrupted(monkeypatch, epoch):
    """Let Ctrl-C come after an epoch."""
    save = checkpoint.Checkpoints.save

    def stop(self, run, callbacks):
        save(self, run, callbacks)
        if run.epoch == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoints, "save", stop)


def test_a_run_that_was_broken_off_goes_on(monkeypatch):
    train("--epochs", 3, "--out", "whole")
    with monkeypatch.context() as patch:
        interrupted(patch, 2)
        result = train("--epochs", 3, status=130)
        assert "stopped; --resume goes on" in result.stderr
    assert "test_accuracy" not in record()
    result = train("--resume")
    assert "[3,    21]" in result.stdout
    assert "[2,    21]" not in result.stdout
    one, other = load_file("whole/model.safetensors"), load_file("convkit-digits/model.safetensors")
    for key, value in one.items():
        np.testing.assert_array_equal(other[key], value)
    assert record()["test_accuracy"] == record("whole")["test_accuracy"]
    assert record()["losses"] == record("whole")["losses"]
    assert len(Path("convkit-digits/history.csv").read_text().splitlines()) == 4


def test_more_epochs_where_the_rate_does_not_depend_on_them():
    mnist_files(Path("data"))
    options = ["mnist", "--data", "data", "--model", "lenet", "--batch", 40, "--validation", 0]
    run("train", *options, "--epochs", 1, "--out", "a")
    run("train", *options, "--epochs", 2, "--out", "b")
    Path("data").rename("moved")
    run("train", "mnist", "--data", "moved", "--out", "a", "--resume", "--epochs", 2)
    one, other = load_file("a/model.safetensors"), load_file("b/model.safetensors")
    for key, value in one.items():
        np.testing.assert_array_equal(other[key], value)
    assert record("a")["settings"]["directory"] == "moved"
    assert "validation_loss" not in Path("a/history.csv").read_text()


def test_directories_are_numbered_and_the_newest_goes_on():
    for _ in range(2):
        train("--epochs", 1)
    assert sorted(path.name for path in Path().iterdir()) == ["convkit-digits", "convkit-digits-2"]
    before = Path("convkit-digits/run.json").stat().st_mtime_ns
    train("--resume")
    assert Path("convkit-digits/run.json").stat().st_mtime_ns == before


def test_another_optimizer_has_a_rate_of_its_own():
    result = train("--optimizer", "adagrad", "--epochs", 1, "--batch", 256)
    assert "adagrad, rate 0.01 at the top of one cycle, batches of 256" in result.stdout
    assert (record()["settings"]["lr"], record()["rate"]) == (None, 0.01)
    train("--resume")


@pytest.mark.parametrize("name", recipes.OPTIMIZERS)
def test_every_optimizer_is_made_by_its_name(name):
    model = nn.Linear(2, 2)
    before = model.weight.data.copy()
    optimizer = recipes.make_optimizer(name, model.parameters(), None)
    training.fit(model, (np.ones((4, 2)), [0, 1, 0, 0]), optimizer=optimizer, epochs=1)
    assert not np.array_equal(model.weight.data, before)
    assert type(optimizer).__name__.lower() in (name, "sgd", "normalizedsgd")
    assert recipes.make_optimizer(name, model.parameters(), 0.125).param_groups[0]["lr"] == 0.125


def test_the_optimizers_that_are_forms_of_one():
    w = [nn.Parameter(np.zeros(1))]
    assert [recipes.make_optimizer(name, w, 0.5).param_groups[0]["momentum"] for name in ("sgd", "momentum")] == [0, 0.9]
    nesterov = recipes.make_optimizer("nesterov", w, 0.5, 1e-3).param_groups[0]
    assert (nesterov["momentum"], nesterov["nesterov"], nesterov["weight_decay"]) == (0.9, True, 1e-3)


@pytest.mark.parametrize("model", [name for name in recipes.RECIPES if name != "tutorial"])
def test_every_model_trains_on_mnist(model):
    mnist_files(Path("data"))
    run("train", "mnist", "--data", "data", "--model", model, "--epochs", 1, "--batch", 40, "--lr", 0.001)
    about = record("convkit-mnist")
    assert about["settings"]["lr"] == 0.001
    assert about["first_layer"] is None


def test_photographs(pictures):
    cifar_files(Path("data"))
    run("train", "cifar10", "--data", "data", "--epochs", 1)
    about = record("convkit-cifar10")
    assert about["settings"]["model"] == "tutorial"
    assert (about["settings"]["batch"], about["settings"]["validation"]) == (4, 0.0)
    assert about["first_layer"]["filters"] == 6
    assert Path("convkit-cifar10/filter_kinds.png").exists()
    run("train", "cifar10", "--data", "data", "--epochs", 1, "--model", "vgg", "--out", "vgg")
    assert record("vgg")["first_layer"]["filters"] == 32
    Pillow.fromarray(np.full((32, 32, 3), 200, np.uint8)).save("rgb.png")
    line = run("predict", "vgg/model.safetensors", "rgb.png").stdout
    assert any(name in line for name in training.ImageModel.load("vgg/model.safetensors").classes)


def test_pictures_show_the_first_filters_before_and_after_and_the_surest_mistakes(pictures, monkeypatch):
    from convkit import plots

    drawn = {}

    def watched(name, draw):
        return lambda *given: drawn.update({name: given}) or draw(*given)

    for name in ("filter_change", "mistakes"):
        monkeypatch.setattr(plots, name, watched(name, getattr(plots, name)))
    train("--epochs", 1, "--seed", 4)
    nn.manual_seed(4)
    first = recipes.build("tiny", 1, 8, 10)
    before, after = drawn["filter_change"]
    np.testing.assert_array_equal(before, first.conv1.weight.data)
    np.testing.assert_array_equal(after, load_file("convkit-digits/model.safetensors")["conv1.weight"])
    _, words = drawn["mistakes"]
    _, (x, y) = split(*digits(), fraction=0.2, seed=0)
    sure = training.ImageModel.load("convkit-digits/model.safetensors").probabilities(x / 16)
    wrong = sure.max(1)[sure.argmax(1) != y]
    assert [int(word.split()[-2]) for word in words] == pytest.approx(100 * np.sort(wrong)[:-25:-1], abs=0.51)


def test_what_is_compiled_before_does_not_change_the_run():
    """Only its time: the first epoch counts no compiling, and its numbers are those of the seed."""
    losses = []
    for before in (runs.compile_first, lambda *given: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "compile_first", before)
            train("--epochs", 1, "--seed", 2, "--out", f"run{len(losses)}")
        losses.append(record(f"run{len(losses)}")["losses"])
    assert losses[0] == losses[1]


def test_each_network_has_its_way_of_training():
    """As docs/design/training.md tells, and as the recorded runs were made."""
    said = {name: (r.optimizer, r.lr, r.weight_decay, r.batch, r.epochs, r.scale, r.one_cycle, r.augment, r.validation)
            for name, r in recipes.RECIPES.items()}
    assert said == {
        "tutorial": ("momentum", 0.001, 0, 4, 2, "half", False, False, 0),
        "lenet": ("adam", 0.001, 0, 128, 12, "channels", False, False, 0.1),
        "convnet": ("adam", 0.003, 0, 128, 12, "unit", True, False, 0.1),
        "tiny": ("adam", 0.01, 0, 64, 20, "channels", True, True, 0.1),
        "vgg": ("nesterov", 0.1, 5e-4, 128, 20, "channels", True, True, 0.04)}
    assert {name: (model, epochs) for name, (model, epochs, _) in runs.SETS.items()} == {
        "digits": ("tiny", 30), "mnist": ("convnet", 12), "cifar10": ("tutorial", 2)}


def test_images_are_changed_as_suits_them():
    crop, flip = runs.changes("cifar10")
    assert (tuple(crop.size), tuple(crop.padding)) == ((32, 32), (4, 4))
    assert isinstance(flip, RandomHorizontalFlip)
    for name, most in (("mnist", 2.0), ("digits", 0.5)):
        warp, = runs.changes(name)
        assert warp.translation[1] == most
        assert warp.rotation[1] == pytest.approx(10)


def test_numbers_of_parameters():
    for name, shape, count in (("tutorial", (3, 32, 10), 62006), ("lenet", (1, 28, 10), 61706), ("lenet", (1, 32, 10), 61706),
                               ("convnet", (1, 28, 10), 34826), ("tiny", (1, 28, 10), 9698)):  # fmt: skip
        assert sum(p.numel() for p in recipes.build(name, *shape).parameters()) == count
    vgg = recipes.build("vgg", 3, 32, 10)
    assert vgg[0].weight.shape == (32, 3, 5, 5)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_models_take_images_of_every_allowed_size(name):
    least = recipes.RECIPES[name].least
    for size in (least, least + 1, 40):
        for channels in (1, 3):
            with nn.init.shapes_only():
                model = recipes.build(name, channels, size, 7)
            assert nn.summary(model, (2, channels, size, size), time=False).rows[-1].out_shape == (2, 7)
    with pytest.raises(ValueError, match=f"model='{name}' takes images of {least} x {least} or more"):
        recipes.build(name, 1, least - 1, 7)


def test_a_rate_that_is_too_high_ends_in_one_line():
    result = train("--optimizer", "sgd", "--lr", "1e30", "--epochs", 3, status=1)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("convkit")]
    assert "the loss became" in line
    assert "at learning rate" in line


@pytest.mark.parametrize(("options", "words"), [
    (["letters"], "dataset='letters' is not known; it may be 'digits', 'mnist', 'cifar10'"),
    (["digits", "--model", "resnet"], "--model='resnet' is not known"),
    (["digits", "--optimizer", "lbfgs"], "--optimizer='lbfgs' is not known"),
    (["digits", "--model", "lenet"], "model='lenet' takes images of 12 x 12 or more"),
    (["digits", "--data", "here"], "--data is here; the digits come with scikit-learn and need none"),
    (["digits", "--epochs", "0"], "--epochs is 0; give a whole number of 1 or more"),
    (["digits", "--batch", "0"], "--batch is 0; give a whole number of 1 or more"),
    (["digits", "--seed", "-1"], "--seed is -1; give a whole number of 0 or more"),
    (["digits", "--lr", "0"], "--lr is 0.0; give a rate above 0"),
    (["digits", "--lr", "nan"], "--lr is nan; give a rate above 0"),
    (["digits", "--validation", "1"], "--validation is 1.0; give a share from 0 to below 1"),
    (["digits", "--workers", "0"], "workers=0"),
    (["digits", "--resume"], "convkit-digits has no run.json of an earlier run"),
    (["mnist"], "--data is missing: name the directory with the files of mnist, train-images-idx3-ubyte.gz"),
    (["cifar10"], "data_batch_1.bin"),
    (["mnist", "--data", "nowhere"], "'nowhere' does not exist"),
    (["digits", "--out", "file"], "--out is file, a file; name a directory"),
])  # fmt: skip
def test_refused_options(options, words):
    Path("file").write_text("")
    assert words in refused("train", *options)
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_refused_resumptions():
    train("--epochs", 1)
    folder = Path("convkit-digits")
    assert "--out is convkit-digits, where there is a run" in refused("train", "digits", "--out", folder)
    for options, words in ((["--model", "vgg"], "has --model tiny, not vgg"), (["--seed", 9], "has --seed 0, not 9"),
                           (["--epochs", 2], "follows one cycle over 1")):  # fmt: skip
        assert words in refused("train", "digits", "--resume", *options)
    assert "has the images digits, not mnist" in refused("train", "mnist", "--resume", "--out", folder)
    train("--resume", "--epochs", 1, "--model", "tiny")  # what it has
    last = folder / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-1])
    assert "last.safetensors cannot be read as a safetensors file" in refused("train", "digits", "--resume")
    settings = record()
    for text in ("{", "[]", '{"settings": {}}', '{"settings": 3}', "[" * 100_000,
                 json.dumps({"settings": settings["settings"] | {"epochs": "x"}})):
        (folder / "run.json").write_text(text)
        assert "is no record of a run" in refused("train", "digits", "--resume")


def test_without_scikit_learn(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert "convkit[demo]" in refused("train", "digits")


# Predicting.


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of grey digits that is right about most."""
    nn.manual_seed(0)
    x, y = digits()
    net = recipes.build("tiny", 1, 8, 10)
    training.fit(net, (x / 16, y), epochs=6, batch_size=64, optimizer=optim.Adam(net.parameters(), 0.01))
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    training.ImageModel(net, "tiny", 1, 8, tuple("0123456789"), (0.0,), (1.0,)).save(path)
    return path


def digit(i, scale=1):
    """A digit as bytes."""
    return np.kron(digits()[0][i, 0] * 255 / 16, np.ones((scale, scale))).round().astype(np.uint8)


def shares(result):
    """What is told of each image: a list of (class, percent)."""
    told = {}
    for line in result.stdout.splitlines():
        name, rest = line.split(maxsplit=1)
        words = rest.split()
        told[name] = [(words[i], float(words[i + 1])) for i in range(0, len(words), 3)]
    return told


def test_classes_and_probabilities_of_images(model):
    names = [f"{i}.png" for i in range(10)]
    for i, name in enumerate(names):
        Pillow.fromarray(digit(i)).save(name)
    result = run("predict", model, *names)
    told = shares(result)
    assert list(told) == names
    assert sum(row[0][0] == str(i) for i, row in enumerate(told.values())) >= 9
    assert run("predict", model.parent, *names).stdout == result.stdout
    images = np.stack([digit(i)[None] for i in range(10)]) / 255
    wanted = training.ImageModel.load(model).probabilities(images)
    for row, want in zip(told.values(), wanted, strict=True):
        order = np.argsort(-want)[:3]
        assert [name for name, _ in row] == [str(i) for i in order]
        assert [share for _, share in row] == pytest.approx(100 * want[order], abs=0.051)
    assert result.stderr == ""


def test_images_of_other_kinds_come_to_the_same(model):
    grey = digit(3)
    Pillow.fromarray(grey).save("grey.png")
    Pillow.fromarray(np.repeat(grey[..., None], 3, 2)).save("rgb.png")
    Pillow.fromarray(grey.astype(np.uint16) * 257).save("deep.png")
    Pillow.fromarray(np.dstack([grey] * 3 + [np.full_like(grey, 255)])).save("opaque.png")
    np.save("float.npy", grey / 255)
    np.save("one.npy", grey[..., None])
    Pillow.fromarray(255 - grey).save("paper.png")
    names = ["grey.png", "rgb.png", "deep.png", "opaque.png", "float.npy", "one.npy"]
    told = list(shares(run("predict", model, *names)).values())
    assert told == [told[0]] * len(names)
    assert shares(run("predict", model, "paper.png", "--invert"))["paper.png"] == told[0]
    assert shares(run("predict", model, "paper.png"))["paper.png"] != told[0]


def test_images_of_other_sizes_are_fitted_and_that_is_told(model):
    large = digit(6, 4)
    Pillow.fromarray(large).save("large.png")
    Pillow.fromarray(np.pad(large, ((0, 0), (30, 30)), constant_values=200)).save("wide.png")
    Pillow.fromarray(digit(6)[::2, ::2]).save("small.png")
    result = run("predict", model, "large.png", "wide.png", "small.png")
    told = shares(result)
    assert told["large.png"] == told["wide.png"]
    assert told["large.png"][0][0] == "6"
    assert result.stderr.splitlines() == [
        "convkit predict: large.png is 32 x 32: shrunk to 8 x 8",
        "convkit predict: wide.png is 32 x 92: cut to the 32 x 32 in its middle, shrunk to 8 x 8",
        "convkit predict: small.png is 4 x 4: enlarged to 8 x 8"]


def test_colours_go_to_a_model_of_colours_and_grey_images_to_all_three():
    image = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    from convkit.cli.images import Image

    model = training.ImageModel(None, "tiny", 3, 12, ("a",), (0.0,) * 3, (1.0,) * 3)
    found, note = predicting.fitted("x", Image(image), model, False)
    np.testing.assert_allclose(found, np.moveaxis(image, -1, 0) / 255, rtol=1e-6)
    assert note == ""
    found, _ = predicting.fitted("x", Image(image[..., 0]), model, True)
    np.testing.assert_allclose(found, np.repeat(1 - image[None, ..., 0] / 255, 3, axis=0), atol=1e-6)


def test_refused_images_and_models(model):
    Pillow.fromarray(digit(0)).save("fine.png")
    clear = np.dstack([digit(0)] * 3 + [np.full((8, 8), 254, np.uint8)])
    Pillow.fromarray(clear).save("clear.png")
    np.save("large.npy", np.full((8, 8), 7.0))
    np.save("complex.npy", np.ones((8, 8), complex))
    np.save("nan.npy", np.full((8, 8), np.nan))
    np.save("two.npy", np.ones((8, 8, 2), np.uint8))
    np.save("whole.npy", np.ones((8, 8), np.int64))
    Path("text.txt").write_text("text")
    for image, words in (("clear.png", "transparent pixels"), ("large.npy", "floats from 0 to 1"), ("nan.npy", "from 0 to 1"),
                         ("complex.npy", "samples of complex128"), ("two.npy", "2 channels"), ("whole.npy", "samples of int64"),
                         ("none.png", "no such file"), ("text.txt", "not an image that can be read"),
                         (".", "is a directory")):  # fmt: skip
        line = refused("predict", model, "fine.png", image)
        assert words in line
        assert image in line
    assert "no such file" in refused("predict", "none.safetensors", "fine.png")
    assert "cannot be read as a safetensors file" in refused("predict", "fine.png", "fine.png")


def test_a_table_names_classes_that_were_never_said():
    lines = runs.table([{"class": "cat", "images": 4, "right": 0, "said": 0},
                        {"class": "elephant", "images": 0, "right": 0, "said": 3}])
    assert [line.split()[1:] for line in lines[1:]] == [["4", "0.0", "%", "never", "said"], ["0", "none", "0.0", "%"]]
    assert len({len(line) for line in lines[1:]}) == 1
