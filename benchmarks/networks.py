"""How fast networks are trained and evaluated, beside torch on as many threads, with the same weights and batches.

Run as ``python -m benchmarks.networks``. float32. A step is forward, backward and SGD with momentum 0.9; both libraries start
from the same weights, and their losses after the first step must agree. Steps go on from there: rates are too small to matter.
Ours is timed with the tape, as a script would run it, and without (`Sequential.loss_and_grad`); the rows count the former.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks._suite import Job, Options, Row, run, versus
from convkit import nn, optim, set_workers
from convkit.autodiff import Tensor, no_grad
from convkit.nn import models

ROWS = (
    Row("tutorial_4", "training step of the tutorial net, batch 4", "torch", mean=3.0),
    Row("tutorial", "training step of the tutorial net, batch 64 and 128", "torch", each=1.5),
    Row("vgg", "training step of a small VGG with batch norm, batch 64", "torch", mean=1.2),
    Row("conv", "Conv2d(64, 64, 3) on 56 squared, batch 8, forward and back", "torch", mean=1.0),
    Row("inference", "tutorial net, batch 1, forward", "torch", mean=5.0),
)
RATE, MOMENTUM, CLASSES = 1e-6, 0.9, 10
# Seconds: training is one step after another, and torch's threads spin for a while after each.
TURN = 0.03


def jobs(options: Options) -> Iterable[Job]:
    small = options.quick
    for workers in options.workers:
        if options.wants("tutorial_4"):
            yield step("tutorial_4", tutorial_nets, 4, workers)
        if options.wants("tutorial"):
            for batch in (8,) if small else (64, 128):
                yield step("tutorial", tutorial_nets, batch, workers)
        if options.wants("vgg"):
            yield step("vgg", vgg_nets, 4 if small else 64, workers)
        if options.wants("conv"):
            yield layer(2 if small else 8, 14 if small else 56, workers)
        if options.wants("inference"):
            yield inference(workers)


def tutorial_nets() -> tuple[Any, Any]:
    """The tutorial net in both libraries, ours first."""
    from torch import nn as peer

    theirs = peer.Sequential(peer.Conv2d(3, 6, 5), peer.ReLU(), peer.MaxPool2d(2, 2), peer.Conv2d(6, 16, 5), peer.ReLU(),
                             peer.MaxPool2d(2, 2), peer.Flatten(), peer.Linear(400, 120), peer.ReLU(), peer.Linear(120, 84),
                             peer.ReLU(), peer.Linear(84, CLASSES))
    return models.tutorial_net(), theirs


def vgg_nets() -> tuple[Any, Any]:
    """Two convolutions of 32 channels, a pool, two of 64, a pool, a dense layer; batch norm after every convolution."""
    from torch import nn as peer

    def layers(kind: Any) -> list[Any]:
        found, before = [], 3
        for channels in (32, 32, 0, 64, 64, 0):
            if channels:
                found += [kind.Conv2d(before, channels, 3, padding=1), kind.BatchNorm2d(channels), kind.ReLU()]
                before = channels
            else:
                found.append(kind.MaxPool2d(2, 2))
        return [*found, kind.Flatten(), kind.Linear(64 * 64, CLASSES)]

    return nn.Sequential(*layers(nn)), peer.Sequential(*layers(peer))


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def copied(ours: Any, theirs: Any) -> None:
    """Give our parameters the numbers of theirs, in their order."""
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.data = other.detach().numpy().copy()


def step(key: str, nets: Callable[[], tuple[Any, Any]], batch: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        import torch

        torch.manual_seed(0)
        x = drawn(batch, 3, 32, 32)
        y = np.random.default_rng(1).integers(0, CLASSES, batch)
        ours, theirs = nets()
        copied(ours, theirs)
        plain, _ = nets()
        copied(plain, theirs)
        loss, peer_loss = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
        optimizer, other = (optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM) for model in (ours, plain))
        peer = torch.optim.SGD(theirs.parameters(), lr=RATE, momentum=MOMENTUM)
        given, labels = torch.from_numpy(x), torch.from_numpy(y)

        def taped() -> np.ndarray:
            optimizer.zero_grad()
            value = loss(ours(Tensor(x)), y)
            value.backward()
            optimizer.step()
            return value.detach().numpy()

        def untaped() -> np.ndarray:
            other.zero_grad()
            value = plain.loss_and_grad(x, y, loss)
            other.step()
            return np.float32(value)

        def their() -> np.ndarray:
            peer.zero_grad()
            value = peer_loss(theirs(given), labels)
            value.backward()
            peer.step()
            return value.detach().numpy()

        with set_workers(workers):
            first = [float(call()) for call in (taped, untaped, their)]
            apart = max(abs(value - first[2]) for value in first)
            found = versus(None, {"convkit": taped}, {}, {}, workers, budget, eps=1.0, growth=1.0, turn=TURN,
                           beside={"without a tape": untaped, "torch": their})
        if not apart < 1e-4 * abs(first[2]):
            return {**found, "values": {}, "wrong": f"the first losses are {first}"}
        times = {name: timing["median"] for name, timing in found["times"].items()}
        return {**found, "values": {key: times["torch"] / times["convkit"]}, "agreement": apart,
                "without_a_tape": times["torch"] / times["without a tape"]}

    return Job({"what": key.partition("_")[0], "shape": (batch, 3, 32, 32)}, measure, workers)


def layer(batch: int, side: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        import torch

        x, g = drawn(batch, 64, side, side), drawn(batch, 64, side - 2, side - 2)
        ours, theirs = nn.Conv2d(64, 64, 3), torch.nn.Conv2d(64, 64, 3)
        copied(ours, theirs)
        given, gradient = torch.from_numpy(x).requires_grad_(), torch.from_numpy(g)

        def mine() -> np.ndarray:
            ours.zero_grad()
            start = Tensor(x, requires_grad=True)
            ours(start).backward(g)
            return start.grad

        def their() -> np.ndarray:
            theirs.zero_grad()
            given.grad = None
            theirs(given).backward(gradient)
            return given.grad.numpy()

        with set_workers(workers):
            apart = float(np.abs(mine() - their()).max())
            found = versus(None, {"convkit": mine}, {}, {}, workers, budget, eps=1.0, growth=1.0, turn=TURN,
                           beside={"torch": their})
        if not apart < 1e-3:
            return {**found, "values": {}, "wrong": f"gradients differ by {apart}"}
        times = {name: timing["median"] for name, timing in found["times"].items()}
        return {**found, "values": {"conv": times["torch"] / times["convkit"]}, "agreement": apart}

    return Job({"what": "Conv2d(64, 64, 3)", "shape": (batch, 64, side, side)}, measure, workers)


def inference(workers: int) -> Job:
    def measure(budget: float) -> dict:
        import torch

        x = drawn(1, 3, 32, 32)
        ours, theirs = tutorial_nets()
        copied(ours, theirs)
        given = torch.from_numpy(x)

        def mine() -> np.ndarray:
            with no_grad():
                return ours(Tensor(x)).numpy()

        def their() -> np.ndarray:
            with torch.no_grad():
                return theirs(given).numpy()

        with set_workers(workers):
            apart = float(np.abs(mine() - their()).max())
            found = versus(None, {"convkit": mine}, {}, {}, workers, budget, eps=1.0, growth=1.0, turn=TURN,
                           beside={"torch": their})
        if not apart < 1e-4:
            return {**found, "values": {}, "wrong": f"results differ by {apart}"}
        times = {name: timing["median"] for name, timing in found["times"].items()}
        return {**found, "values": {"inference": times["torch"] / times["convkit"]}, "agreement": apart}

    return Job({"what": "inference", "shape": (1, 3, 32, 32)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("networks", __doc__, ROWS, jobs, arguments, budget=3.0, needs=("torch",))


if __name__ == "__main__":
    sys.exit(main())
