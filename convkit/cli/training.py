"""The run behind ``convkit train``: data, model, training, tests, and what is written about them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from convkit import nn
from convkit._core.checks import word
from convkit._core.files import replacing
from convkit._core.typing import Array, IntArray
from convkit.training import Callback, Run, StepLosses, recipes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convkit.data import ArrayLoader
    from convkit.optim import Optimizer
    from convkit.training import ImageModel

# For each set of images: the network that suits it, how many epochs that has then, and what a set's files are.
SETS: dict[str, tuple[str, int, str]] = {
    "digits": ("tiny", 30, ""),
    "mnist": ("convnet", 12, "train-images-idx3-ubyte.gz and its three neighbours"),
    "cifar10": ("tutorial", 2, "data_batch_1.bin to data_batch_5.bin and test_batch.bin"),
}
# Share of the digits that is for testing; the other sets have their own.
TEST = 0.2
# Mistakes and layers that are drawn.
WORST, LAYERS = 24, 3


@dataclass(frozen=True)
class Settings:
    """What decides a run; `directory` only tells where the images are, and `lr` is None for the optimizer's own."""

    data: str
    directory: str | None
    model: str
    optimizer: str
    lr: float | None
    batch: int
    epochs: int
    validation: float
    seed: int

    @property
    def recipe(self) -> recipes.Recipe:
        """How the network is trained unless one says otherwise."""
        return recipes.RECIPES[self.model]

    @property
    def one_cycle(self) -> bool:
        """Whether the learning rate rises and falls over the whole run."""
        return self.recipe.one_cycle

    @property
    def weight_decay(self) -> float:
        """Of the network's own optimizer; others have none."""
        return self.recipe.weight_decay if self.optimizer == self.recipe.optimizer else 0.0


def checked(given: dict[str, Any]) -> Settings:
    """Settings with what was not given filled in.

    Raises
    ------
    ValueError
        Naming the option, for one that is not allowed.
    """
    suited, epochs, files = SETS[word(given["data"], "dataset", tuple(SETS))]
    model = word(given.get("model") or suited, "--model", tuple(recipes.RECIPES))
    recipe = recipes.RECIPES[model]
    optimizer = word(given.get("optimizer") or recipe.optimizer, "--optimizer", tuple(recipes.OPTIMIZERS))
    usual = {"directory": None, "lr": recipe.lr if optimizer == recipe.optimizer else None, "batch": recipe.batch,
             "epochs": epochs if model == suited else recipe.epochs, "validation": recipe.validation, "seed": 0}
    settings = Settings(**{**usual, **given, "model": model, "optimizer": optimizer})
    if files and settings.directory is None:
        raise ValueError(f"--data is missing: name the directory with the files of {settings.data}, {files}")
    if not files and settings.directory is not None:
        raise ValueError(f"--data is {settings.directory}; the digits come with scikit-learn and need none")
    for name, least in (("batch", 1), ("epochs", 1), ("seed", 0)):
        if getattr(settings, name) < least:
            raise ValueError(f"--{name} is {getattr(settings, name)}; give a whole number of {least} or more")
    if not 0 <= settings.validation < 1:
        raise ValueError(f"--validation is {settings.validation}; give a share from 0 to below 1")
    if settings.lr is not None and not (math.isfinite(settings.lr) and settings.lr > 0):
        raise ValueError(f"--lr is {settings.lr}; give a rate above 0")
    return settings


class Images(NamedTuple):
    """Images (N, C, H, W) with their labels, and the sample that is white."""

    train: tuple[Array, IntArray]
    validation: tuple[Array, IntArray] | None
    test: tuple[Array, IntArray]
    classes: tuple[str, ...]
    white: float


def load(settings: Settings) -> Images:
    """Read the images, and set some aside for validation."""
    from convkit import data

    if settings.directory is None:
        train, test = data.split(*data.digits(), fraction=TEST, seed=0)
        white = 16.0
    else:
        read = data.mnist if settings.data == "mnist" else data.cifar10
        train, test = read(settings.directory, train=True), read(settings.directory, train=False)
        white = 255.0
    validation = None
    if settings.validation:
        train, validation = data.split(*train, fraction=settings.validation, seed=settings.seed)
    return Images(train, validation, test, data.names(settings.data), white)


def scaling(images: Images, kind: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """For each channel what is taken away from samples from 0 to 1, and what they are divided by."""
    from convkit.data import Standardize

    channels = images.train[0].shape[1]
    if kind != "channels":
        value = {"half": 0.5, "unit": 0.0}[kind]
        return (value,) * channels, (1 - value,) * channels
    found = Standardize().fit(images.train[0])
    mean, std = (np.divide(np.asarray(value), images.white) for value in (found.mean, found.std))
    return tuple(mean.tolist()), tuple(std.tolist())


def loader(settings: Settings, images: Images, model: ImageModel) -> ArrayLoader:
    """Batches for training: standardised at once, or changed at random and standardised one by one."""
    from convkit.data import ArrayLoader, Standardize

    x, y = images.train
    transform = None
    if settings.recipe.augment:
        from convkit.data import Compose

        transform = Compose([Standardize(0, images.white), *changes(settings.data), Standardize(model.mean, model.std)])
    else:
        x = standardised(x, images.white, model)
    return ArrayLoader(x, y, batch_size=settings.batch, seed=settings.seed, transform=transform)


def standardised(x: Array, white: float, model: ImageModel) -> Array:
    """Images as a model takes them."""
    from convkit.data import Standardize

    return Standardize(np.multiply(model.mean, white), np.multiply(model.std, white))(x)


def changes(dataset: str) -> list[Any]:
    """How images are changed at random: digits as by another hand, photographs mirrored too."""
    from convkit import data

    if dataset == "cifar10":
        return [data.RandomCrop(32, padding=4), data.RandomHorizontalFlip()]
    shift = 2.0 if dataset == "mnist" else 0.5
    return [data.RandomWarp(rotation=10, translation=shift, stretch=(0.9, 1.1), shear=8)]


class EpochLines(Callback):
    """Prints a line after every epoch."""

    def __init__(self, images: int) -> None:
        self.images = images

    def after_epoch(self, run: Run) -> None:
        """Loss, accuracy and speed."""
        row = run.history.rows[-1]
        told = [f"{name.replace('_', ' ')} {100 * row[name]:.2f} %" if "accuracy" in name else
                f"{name.replace('_', ' ')} {row[name]:.4f}"
                for name in ("loss", "accuracy", "validation_loss", "validation_accuracy") if name in row]
        typer.echo(f"epoch {run.epoch} of {run.epochs}: {', '.join(told)}, {self.images / row['seconds']:.0f} images/s")


def train(settings: Settings, folder: Path, resume: bool, device: str = "cpu") -> None:
    """Train, test, and write everything into `folder`."""
    from convkit import data, training

    ready(device)
    about = machine()
    typer.echo(about_machine(about))
    images = load(settings)
    typer.echo(about_images(settings.data, images))
    compile_first(settings, images, device)
    nn.manual_seed(settings.seed)
    model = untrained(settings, images)
    net, shape = model.model, images.train[0].shape
    typer.echo(nn.summary(net, (1, *shape[1:])))
    first = first_filters(net).copy()
    net.to(device)
    optimizer = recipes.make_optimizer(settings.optimizer, net.parameters(), settings.lr, settings.weight_decay)
    batches = loader(settings, images, model)
    rate = optimizer.param_groups[0]["lr"]
    scheduler, words = None, f"rate {rate:g}"
    if settings.one_cycle:
        scheduler, words = one_cycle(optimizer, settings.epochs * len(batches)), f"{words} at the top of one cycle"
    typer.echo(f"{settings.optimizer}, {words}, batches of {settings.batch}, {settings.epochs} epochs, seed {settings.seed}"
               + ("" if device == "cpu" else f", on the device {device!r}"))
    folder.mkdir(parents=True, exist_ok=True)
    record = {"settings": asdict(settings), "device": device, "rate": rate, **about,
              "parameters": sum(p.numel() for p in net.parameters())}
    write_json(folder / "run.json", record)
    losses = StepLosses(min(2000, len(batches)), typer.echo)
    validation = None
    if images.validation is not None:
        held = standardised(images.validation[0], images.white, model)
        validation = data.ArrayLoader(held, images.validation[1], 256, shuffle=False)
    history = training.fit(net, batches, optimizer=optimizer, epochs=settings.epochs, validation=validation,
                           scheduler=scheduler, scheduler_every="batch", callbacks=[losses, EpochLines(shape[0])],
                           checkpoints=folder, resume=resume)
    typer.echo("Finished Training")
    model.save(folder / "model.safetensors")
    history.to_csv(folder / "history.csv")
    scores = training.predict(net, standardised(images.test[0], images.white, model))
    net.to("cpu")
    found, seconds = tested(scores, images), sum(history["seconds"])
    write_json(folder / "run.json", {**record, **found, "seconds": seconds, "losses": losses.means,
                                     "images_per_second": shape[0] * len(history) / seconds, "first_layer": first_kinds(net)})
    pictures = draw(model, images, history, first, scores)
    for name, figure in pictures.items():
        with replacing(folder / f"{name}.png") as file:
            figure.savefig(file, format="png")
    typer.echo("\n".join(table(found["per_class"])))
    typer.echo(f"test accuracy {100 * found['test_accuracy']:.2f} %, loss {found['test_loss']:.4f}, {record['parameters']:,} "
               f"parameters, {seconds:.1f} s of training")
    typer.echo(f"{folder}: model.safetensors, run.json, history.csv, {', '.join(f'{name}.png' for name in pictures)}")


def ready(device: str) -> None:
    """Refuse a place that is not there, before anything takes time."""
    word(device, "--device", ("cpu", "cuda"))
    if device == "cuda":
        try:
            from convkit._core.gpu import require

            require()
        except (ImportError, RuntimeError) as error:
            raise ValueError(f"--device is cuda: {error}") from None


def compile_first(settings: Settings, images: Images, device: str) -> None:
    """Take a step on a few images with a network of its own: compiling then does not count as training."""
    from convkit import training

    x, y = (part[: settings.batch] for part in images.train)
    some = images._replace(train=(x, y))
    model = untrained(settings, some)
    model.model.to(device)
    optimizer = recipes.make_optimizer(settings.optimizer, model.model.parameters(), 1e-6, settings.weight_decay)
    held = standardised(x, images.white, model), y
    training.fit(model.model, loader(settings, some, model), optimizer=optimizer, epochs=1, validation=held, progress=False)


def about_machine(about: dict[str, Any]) -> str:
    """Versions and machine in a line."""
    versions, where = about["versions"], about["machine"]
    return (f"convkit {versions['convkit']}, numpy {versions['numpy']}, numba {versions['numba']}; {where['processor']}, "
            f"{where['workers']} workers, vectors of {where['vector_bits']} bits")


def about_images(name: str, images: Images) -> str:
    """Numbers and sizes of images in a line."""
    count, channels, rows, columns = images.train[0].shape
    held = 0 if images.validation is None else len(images.validation[1])
    return (f"{name}: {count:,} images for training, {held:,} for validation, {len(images.test[1]):,} for testing; "
            f"{rows} x {columns}, {'grey' if channels == 1 else 'colour'}, {len(images.classes)} classes")


def untrained(settings: Settings, images: Images) -> ImageModel:
    """The network with its first weights."""
    from convkit.training import ImageModel

    _, channels, size, _ = images.train[0].shape
    net = recipes.build(settings.model, channels, size, len(images.classes))
    return ImageModel(net, settings.model, channels, size, images.classes, *scaling(images, settings.recipe.scale))


def one_cycle(optimizer: Optimizer, steps: int) -> Any:
    """A schedule that lets the rate rise to the optimizer's and fall again, over so many steps."""
    from convkit.optim import lr_scheduler

    return lr_scheduler.OneCycleLR(optimizer, optimizer.param_groups[0]["lr"], steps, cycle_momentum=False)


def machine() -> dict[str, Any]:
    """Where a run was made."""
    from convkit.bench.machine import machine, versions

    return {"versions": versions(), "machine": machine()}


def write_json(path: Path, value: Any) -> None:
    """Write a file of JSON as a whole."""
    with replacing(path) as file:
        file.write((json.dumps(value, indent=1) + "\n").encode())


def first_filters(net: nn.Sequential) -> Array:
    """The weights of the first convolution."""
    return np.asarray(next(module for module in net.modules() if isinstance(module, nn.Conv2d)).weight.data)


def first_kinds(net: nn.Sequential) -> dict[str, int] | None:
    """How many filters of the first layer are for colours and for directions; None where images have no colours."""
    from convkit.nn import views

    weight = first_filters(net)
    if weight.shape[1] != 3:
        return None
    kinds = views.filter_kinds(weight)
    return {"filters": len(weight), "colour": int(kinds.colour.sum()), "oriented": int(kinds.oriented.sum())}


def tested(scores: Array, images: Images) -> dict[str, Any]:
    """Accuracy and loss on the test images, and what there is to say of each class."""
    from convkit.training import confusion_matrix

    labels = images.test[1]
    counts = confusion_matrix(labels, scores.argmax(1), len(images.classes))
    per_class = [{"class": name, "images": int(counts[i].sum()), "right": int(counts[i, i]), "said": int(counts[:, i].sum())}
                 for i, name in enumerate(images.classes)]
    return {"test_accuracy": float(np.trace(counts) / len(labels)), "per_class": per_class,
            "test_loss": float(nn.functional.cross_entropy(scores, labels).item())}


def table(per_class: list[dict[str, Any]]) -> list[str]:
    """Lines of a table: of each class, which share was found, and which share of what was taken for it is right."""
    wide = max(len("class"), *(len(row["class"]) for row in per_class))
    lines = [f"{'class':<{wide}}  images  found  right when said"]
    for row in per_class:
        share = f"{100 * row['right'] / row['said']:.1f} %" if row["said"] else "never said"
        found = f"{100 * row['right'] / row['images']:.1f} %" if row["images"] else "none"
        lines.append(f"{row['class']:<{wide}}  {row['images']:>6}  {found:>7}  {share:>13}")
    return lines


def draw(model: ImageModel, images: Images, history: Any, before: Array, scores: Array) -> dict[str, Figure]:
    """The pictures of a run."""
    from convkit import plots
    from convkit.nn import views
    from convkit.training import confusion_matrix

    net, (x, y), names = model.model, images.test, images.classes
    said = scores.argmax(1)
    pictures = {"curves": plots.training_curves(history), "filters": plots.filter_change(before, first_filters(net)),
                "confusion": plots.confusion(confusion_matrix(y, said, len(names)), names)}
    if model.channels == 3:
        pictures["filter_kinds"] = plots.filter_kinds(first_filters(net))
    one = standardised(x[:1], images.white, model)
    layers = [name for name, module in net.named_modules() if isinstance(module, nn.ReLU | nn.Tanh)]
    maps = {name: found[0] for name in layers if (found := views.activation(net, one, name)).ndim == 4}
    shown = [list(maps)[i] for i in np.unique(np.linspace(0, len(maps) - 1, LAYERS).round().astype(int))]
    pictures["features"] = plots.feature_maps(x[0], {name: maps[name] for name in shown})
    sure = np.asarray(nn.functional.softmax(scores, 1).data)[np.arange(len(y)), said]
    worst = sorted(np.flatnonzero(said != y), key=lambda i: -sure[i])[:WORST]
    if worst:
        words = [f"{names[y[i]]}, said {names[said[i]]}\n{100 * sure[i]:.0f} %" for i in worst]
        pictures["mistakes"] = plots.mistakes(x[worst], words)
    return pictures
