"""The CIFAR-10 tutorial by convkit and by torch, side by side: losses every 2000 steps, test accuracy, seconds.

Run as ``python -m benchmarks.cifar_tutorial --data DIR``. Both run the tutorial's code, below, of which only the modules
differ, on the same batches of 4 in the same order, with first weights of their own; ``sequential`` is convkit with the same net
as a `Sequential` and without a tape. Loading batches is part of the time, evaluation and compilation are not. torch has as many
threads as are quickest for it in a trial; without torch only ours is run. Each run is written down when it is done, and one
that is broken off goes on with the next.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks._runs import Cell, parser, record
from benchmarks._sides import accuracy, quickest, sides
from convkit._core.workers import available
from convkit.bench.rivals import threads
from convkit.data import ArrayLoader, Standardize, cifar10
from convkit.nn import models

EPOCHS, BATCH, TRIAL = 2, 4, 500
# What the lecture notes print after every 2000 steps.
NOTES = (2.213, 1.887, 1.699, 1.597, 1.506, 1.471, 1.412, 1.373, 1.338, 1.301, 1.286, 1.291)


def network(library: SimpleNamespace) -> Any:
    nn, F, torch = library.nn, library.F, library.torch

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 6, 5)
            self.pool = nn.MaxPool2d(2, 2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(16 * 5 * 5, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            x = self.pool(F.relu(self.conv1(x)))
            x = self.pool(F.relu(self.conv2(x)))
            x = torch.flatten(x, 1)
            x = F.relu(self.fc1(x))
            x = F.relu(self.fc2(x))
            return self.fc3(x)

    return Net()


def epoch(library: SimpleNamespace, net: Any, optimizer: Any, batches: Iterable[Any], every: int) -> Iterator[float]:
    """Train for an epoch; gives the mean loss of every so many steps."""
    criterion = library.nn.CrossEntropyLoss()
    running_loss = 0.0
    for i, (inputs, labels) in enumerate(batches):
        inputs, labels = library.tensor(inputs), library.tensor(labels)
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % every == every - 1:
            yield running_loss / every
            running_loss = 0.0


def epoch_without_tape(library: SimpleNamespace, net: Any, optimizer: Any, batches: Iterable[Any],
                       every: int) -> Iterator[float]:
    """As `epoch`, for a `convkit.nn.Sequential`."""
    criterion = library.nn.CrossEntropyLoss()
    running_loss = 0.0
    for i, (inputs, labels) in enumerate(batches):
        optimizer.zero_grad()
        running_loss += net.loss_and_grad(inputs, labels, criterion)
        optimizer.step()
        if i % every == every - 1:
            yield running_loss / every
            running_loss = 0.0


def built(library: SimpleNamespace, seed: int) -> tuple[Any, Any]:
    """The network and its optimizer."""
    library.seed(seed)
    net = library.network()
    return net, library.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)


def contestants() -> dict[str, SimpleNamespace]:
    """The tutorial's code with convkit's modules and torch's; the same net as a `Sequential`, without a tape."""
    found = sides()
    for library in found.values():
        library.network, library.epoch = partial(network, library), epoch
    ours = {**vars(found["convkit"]), "network": models.tutorial_net, "epoch": epoch_without_tape}
    return {"convkit": found.pop("convkit"), "sequential": SimpleNamespace(**ours), **found}


def trained(library: SimpleNamespace, images: Any, seed: int, steps: int, every: int) -> dict[str, Any]:
    """Losses, accuracy and seconds of one run."""
    normalize = Standardize(127.5, 127.5)  # from -1 to 1
    loader = ArrayLoader(*images[0], batch_size=BATCH, shuffle=True, seed=seed, transform=normalize)
    test = ArrayLoader(*images[1], batch_size=100, shuffle=False, transform=normalize)
    net, optimizer = built(library, seed)
    losses, seconds = [], 0.0
    for number in range(1, EPOCHS + 1):
        begin = time.perf_counter()
        for loss in library.epoch(library, net, optimizer, islice(loader, steps), every):
            losses.append(loss)
            step = every * (len(losses) - (number - 1) * (steps // every))
            print(f"    [{number}, {step:5d}] loss: {loss:.3f}", flush=True)
        seconds += time.perf_counter() - begin
    found = accuracy(library, net, test)
    print(f"    {100 * found:.1f} % of the test images in {seconds:.1f} s", flush=True)
    return {"losses": losses, "test_accuracy": found, "seconds": seconds}


def main(arguments: list[str] | None = None) -> int:
    options = parser("cifar_tutorial", __doc__, 5).parse_args(arguments)
    images = cifar10(options.data, train=True), cifar10(options.data, train=False)
    steps, every = (120, 20) if options.quick else (len(images[0][0]) // BATCH, 2000)
    libraries, workers = contestants(), dict.fromkeys(("convkit", "sequential"), available())

    def trial(library: SimpleNamespace) -> None:
        loader = ArrayLoader(*images[0], batch_size=BATCH, transform=Standardize(127.5, 127.5))
        list(library.epoch(library, *built(library, 0), islice(loader, TRIAL), TRIAL))

    trial(libraries["convkit"])
    trial(libraries["sequential"])
    if "torch" in libraries:
        workers["torch"] = quickest(lambda: trial(libraries["torch"]))

    def cell(name: str, seed: int) -> Cell:
        def run(done: Any) -> dict[str, Any]:
            with threads(workers[name]):
                return {"threads": workers[name], **trained(libraries[name], images, seed, steps, every)}

        return Cell(f"{name} {seed}", run)

    found = record("cifar_tutorial", [cell(name, seed) for seed in range(options.seeds) for name in libraries], options,
                   steps=steps)["cells"]
    print(f"{'notes':12}", *(f"{loss:.3f}" for loss in NOTES))
    for name in libraries:
        runs = [run for key, run in found.items() if key.startswith(name)]
        losses, scores, seconds = (np.array([run[key] for run in runs]) for key in ("losses", "test_accuracy", "seconds"))
        print(f"{name:12}", *(f"{loss:.3f}" for loss in losses.mean(axis=0)))
        print(f"{'':12} test accuracy {100 * scores.mean():.1f} % ({100 * scores.min():.1f} to {100 * scores.max():.1f}), "
              f"{np.median(seconds):.1f} s a run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
