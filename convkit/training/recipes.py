"""Networks for small images by name, and how each is trained unless one says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from convkit import nn, optim
from convkit._core.checks import word
from convkit.nn import models


def tutorial(channels: int, size: int, classes: int) -> nn.Sequential:
    """The net of PyTorch's CIFAR-10 tutorial: 62,006 parameters for colour images of 32 x 32 and 10 classes."""
    model = models.tutorial_net(classes)
    if channels != 3:
        model.conv1 = nn.Conv2d(channels, 6, 5)
    if size != 32:
        model.fc1 = nn.Linear(16 * (((size - 4) // 2 - 4) // 2) ** 2, 120)
    return model


def lenet(channels: int, size: int, classes: int) -> nn.Sequential:
    """LeNet-5: 61,706 parameters for grey images and 10 classes."""
    padding = 0 if size >= 32 else 2
    model = models.lenet5(classes, padding)
    if channels != 1:
        model.conv1 = nn.Conv2d(channels, 6, 5, padding=padding)
    side = ((size + 2 * padding - 4) // 2 - 4) // 2
    if side != 5:
        model.fc1 = nn.Linear(16 * side**2, 120)
    return model


def convnet(channels: int, size: int, classes: int) -> nn.Sequential:
    """3x3 convolutions of 32 and 64 channels with pools, dropout, one dense layer, as in Keras's example for MNIST.

    34,826 parameters for grey images of 28 x 28 and 10 classes.
    """
    side = ((size - 2) // 2 - 2) // 2
    return nn.Sequential({
        "conv1": nn.Conv2d(channels, 32, 3), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(32, 64, 3), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(), "dropout": nn.Dropout(0.5), "fc": nn.Linear(64 * side**2, classes),
    })


def _blocks(channels: int, plan: Iterable[int | str]) -> dict[str, nn.Module]:
    """3x3 convolutions of so many channels with batch norm and ReLU, the first of 5x5 if it is given as text; "pool"."""
    layers: dict[str, nn.Module] = {}
    number = pools = 0
    for step in plan:
        if step == "pool":
            pools += 1
            layers[f"pool{pools}"] = nn.MaxPool2d(2)
            continue
        number += 1
        taps = 5 if isinstance(step, str) else 3
        layers |= {f"conv{number}": nn.Conv2d(channels, int(step), taps, padding=taps // 2, bias=False),
                   f"norm{number}": nn.BatchNorm2d(int(step)), f"relu{number}": nn.ReLU()}
        channels = int(step)
    return layers | {"mean": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}


def tiny(channels: int, size: int, classes: int) -> nn.Sequential:
    """3x3 convolutions of 8 to 24 channels with batch norms and pools, then the mean of each channel.

    9,698 parameters for grey images and 10 classes, whatever their size.
    """
    return nn.Sequential(_blocks(channels, (8, 16, "pool", 16, 16, "pool", 24)) | {"fc": nn.Linear(24, classes)})


def vgg(channels: int, size: int, classes: int) -> nn.Sequential:
    """32 filters of 5x5, then pairs of 3x3 convolutions of 64 and 128 channels with batch norms and pools."""
    plan = ("32", "pool", 64, 64, "pool", 128, 128, "pool", 128)
    return nn.Sequential(_blocks(channels, plan) | {"dropout": nn.Dropout(0.2), "fc": nn.Linear(128, classes)})


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained.

    Attributes
    ----------
    build : callable
        Takes channels and side of the images and the number of classes.
    least : int
        Side of the smallest images.
    optimizer : str
        One of `OPTIMIZERS`, with `lr` and `weight_decay`.
    batch, epochs : int
        Images of a step, and epochs.
    scale : {"channels", "half", "unit"}
        What samples from 0 to 1 become: of mean 0 and deviation 1 in each channel; from -1 to 1; or they stay as they are.
    one_cycle : bool
        Whether the rate rises to `lr` and falls again, over the whole run.
    augment : bool
        Whether images are changed at random.
    validation : float
        Share of the images for training that is set aside.
    """

    build: Callable[[int, int, int], nn.Sequential]
    least: int
    optimizer: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    batch: int = 128
    epochs: int = 12
    scale: str = "channels"
    one_cycle: bool = False
    augment: bool = False
    validation: float = 0.1


RECIPES = {
    "tutorial": Recipe(tutorial, 16, "momentum", 1e-3, batch=4, epochs=2, scale="half", validation=0.0),
    "lenet": Recipe(lenet, 12, epochs=12),
    "convnet": Recipe(convnet, 10, lr=3e-3, epochs=12, scale="unit", one_cycle=True),
    "tiny": Recipe(tiny, 4, lr=1e-2, batch=64, epochs=20, one_cycle=True, augment=True),
    "vgg": Recipe(vgg, 8, "nesterov", 0.1, 5e-4, epochs=20, one_cycle=True, augment=True, validation=0.04),
}

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}), "momentum": ("SGD", {"momentum": 0.9}), "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "normalized": ("NormalizedSGD", {}), "adagrad": ("Adagrad", {}), "adadelta": ("Adadelta", {}), "rmsprop": ("RMSprop", {}),
    "adam": ("Adam", {}), "adamw": ("AdamW", {}), "radam": ("RAdam", {}), "diffgrad": ("diffGrad", {}),
    "adabelief": ("AdaBelief", {}), "angulargrad": ("AngularGrad", {}), "adainject": ("AdaInject", {}),
}


def build(name: str, channels: int, size: int, classes: int) -> nn.Sequential:
    """A network of `RECIPES` for images (N, channels, size, size).

    Raises
    ------
    ValueError
        For an unknown name, and images that are too small for it.
    """
    recipe = RECIPES[word(name, "model", tuple(RECIPES))]
    if size < recipe.least:
        fits = ", ".join(other for other, it in RECIPES.items() if it.least <= size)
        raise ValueError(f"model={name!r} takes images of {recipe.least} x {recipe.least} or more, and these have {size} x "
                         f"{size}; for them there are {fits or 'none'}")
    return recipe.build(channels, size, classes)


def make_optimizer(name: str, parameters: Iterable[Any], lr: float | None, weight_decay: float = 0.0) -> optim.Optimizer:
    """An optimizer of `OPTIMIZERS`; without a rate with its own."""
    kind, settings = OPTIMIZERS[word(name, "optimizer", tuple(OPTIMIZERS))]
    more: dict[str, Any] = ({} if lr is None else {"lr": lr}) | ({"weight_decay": weight_decay} if weight_decay else {})
    made: optim.Optimizer = getattr(optim, kind)(parameters, **settings, **more)
    return made
