"""``convkit train``: train a network on digits, MNIST or CIFAR-10, and say how good it is."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convkit.cli.console import fail, plain_errors

if TYPE_CHECKING:
    from convkit.cli.training import Settings


def train_command(
    dataset: Annotated[str, typer.Argument(metavar="digits|mnist|cifar10", help="Images to train on.")] = "digits",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Directory with the files of mnist or cifar10.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="tutorial, lenet, convnet, tiny or vgg; one that suits the images.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="adam, sgd, momentum, nesterov, rmsprop, ...; the model's.")
    ] = None,
    lr: Annotated[float | None, typer.Option(metavar="RATE", help="Learning rate; the model's, or the optimizer's.")] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", help="Images of a step; the model's.")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="How often all images are gone through.")] = None,
    validation: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of the images for training that is set aside for validation.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of first weights, order, dropout and changes of images (0).")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go; a new directory convkit-...")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out, or the newest one.")] = False,
    workers: Annotated[int | None, typer.Option(help="Threads; as many as allowed if not given.")] = None,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where the network is trained.")] = "cpu",
) -> None:
    """Train a network on small images and test it.

    Writes the model for ``convkit predict``, its checkpoints, run.json, history.csv and pictures into a directory. Nothing is
    chosen by the test images. The digits, 8 x 8 pixels, come with scikit-learn and take less than a minute.
    """
    from convkit.training import DivergenceError

    given = {"data": dataset, "directory": None if data is None else str(data), "model": model, "optimizer": optimizer,
             "lr": lr, "batch": batch, "epochs": epochs, "validation": validation, "seed": seed}
    try:
        with plain_errors("train"):
            from convkit._core.workers import set_workers
            from convkit.cli.training import train

            settings, folder = settled(given, out, resume)
            with set_workers(workers):
                train(settings, folder, resume, device)
    except DivergenceError as error:
        fail("train", error, 1)
    except ModuleNotFoundError as error:
        fail("train", error)
    except KeyboardInterrupt:
        typer.echo("convkit train: stopped; --resume goes on from the last epoch that ended", err=True)
        raise typer.Exit(130) from None


def settled(given: dict[str, Any], out: Path | None, resume: bool) -> tuple[Settings, Path]:
    """Settings and directory of a run: a new one, or with ``resume`` the one that is there.

    Raises
    ------
    ValueError
        For settings that are not allowed, and for those that a resumed run has otherwise.
    """
    from convkit.cli.training import Settings, checked

    folder = directory(given["data"], out, resume)
    file = folder / "run.json"
    if not resume:
        if file.exists():
            raise ValueError(f"--out is {folder}, where there is a run; go on with it by --resume, or name another directory")
        return checked({name: value for name, value in given.items() if value is not None}), folder
    if not file.is_file():
        raise ValueError(f"--resume: {folder} has no run.json of an earlier run; name its directory with --out")
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))["settings"]
        former = checked({field.name: stored[field.name] for field in fields(Settings) if stored[field.name] is not None})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} is no record of a run: {error}; start anew in another directory") from None
    for name, value in asdict(former).items():
        changes = given[name] not in (None, value)
        if changes and name not in ("epochs", "directory"):
            raise ValueError(f"--resume: this run has {option(name)} {value}, not {given[name]}; leave it out, or start anew")
        if changes and name == "epochs" and former.one_cycle:
            raise ValueError(f"--resume: --epochs is {given[name]}, and the learning rate of this run follows one cycle over "
                             f"{value}; leave it out, or start anew")
    moved = {name: given[name] for name in ("epochs", "directory") if given[name] is not None}
    return checked(asdict(replace(former, **moved))), folder


def option(name: str) -> str:
    """How a setting is written on the command line."""
    return {"data": "the images", "directory": "--data"}.get(name, f"--{name}")


def directory(dataset: str, out: Path | None, resume: bool) -> Path:
    """Where results go: the directory given, else a new one, or to resume the newest."""
    if out is not None:
        if out.exists() and not out.is_dir():
            raise ValueError(f"--out is {out}, a file; name a directory")
        return out
    names = (Path(f"convkit-{dataset}{'' if i == 1 else f'-{i}'}") for i in range(1, 10_000))
    last = Path(f"convkit-{dataset}")
    for name in names:
        if not name.exists():
            return last if resume else name
        last = name
    raise ValueError("--out must be given: 9,999 directories of that kind are there")
