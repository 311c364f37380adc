"""MNIST: Keras's convolutional network by convkit and by torch, side by side, and a network below 10,000 parameters.

Run as ``python -m benchmarks.mnist --data DIR``. Keras's example [1]_ has 34,826 parameters: samples from 0 to 1, batches of
128, Adam, dropout; here 12 epochs, with a rate that rises to 0.003 and falls again in one cycle (at a fixed rate of 0.001 both
libraries ended at 99.07 and 99.08 %). Both run the same code on the same batches of all 60,000 images in the same order, with
first weights of their own. Loading batches is part of the time, evaluation and compilation are not. torch has as many threads
as are quickest for it in a trial; without torch only ours is run. The small network is that of ``convkit train mnist --model
tiny``. The accuracy is that after the last epoch: nothing is chosen by the test images. Each run is written down when it is
done, and one that is broken off goes on with the next.

.. [1] F. Chollet, "Simple MNIST convnet", keras.io/examples/vision/mnist_convnet: 99.2 % after 15 epochs.
"""

from __future__ import annotations

import sys
import time
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks._runs import Cell, by_command, parser, record
from benchmarks._sides import accuracy, quickest, sides
from convkit._core.workers import available
from convkit.bench.rivals import threads
from convkit.data import ArrayLoader, Standardize, mnist

EPOCHS, BATCH, TRIAL = 12, 128, 30


def network(library: SimpleNamespace, seed: int, steps: int) -> tuple[Any, Any, Any]:
    """The network, its optimizer, and the schedule of its rate over so many steps."""
    nn = library.nn
    library.seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * 5 * 5, 10))
    optimizer = library.optim.Adam(net.parameters(), lr=0.003)
    return net, optimizer, library.optim.lr_scheduler.OneCycleLR(optimizer, 0.003, steps, cycle_momentum=False)


def epoch(library: SimpleNamespace, net: Any, optimizer: Any, schedule: Any, batches: Any) -> float:
    """Train for an epoch; the mean loss."""
    criterion = library.nn.CrossEntropyLoss()
    losses = []
    for inputs, labels in batches:
        optimizer.zero_grad()
        loss = criterion(net(library.tensor(inputs)), library.tensor(labels))
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def trained(library: SimpleNamespace, images: Any, seed: int, epochs: int, steps: int | None) -> dict[str, Any]:
    """Losses, accuracies and seconds of one run."""
    scale = Standardize(0, 255)
    loader = ArrayLoader(*images[0], batch_size=BATCH, seed=seed, transform=scale)
    test = ArrayLoader(*images[1], batch_size=500, shuffle=False, transform=scale)
    net, optimizer, schedule = network(library, seed, epochs * (steps or len(loader)))
    losses, scores, seconds = [], [], 0.0
    for number in range(1, epochs + 1):
        begin = time.perf_counter()
        losses.append(epoch(library, net, optimizer, schedule, islice(loader, steps)))
        seconds += time.perf_counter() - begin
        scores.append(accuracy(library, net, test))
        print(f"    epoch {number}: loss {losses[-1]:.4f}, test accuracy {100 * scores[-1]:.2f} %, {seconds:.1f} s", flush=True)
    return {"parameters": sum(p.numel() for p in net.parameters()), "losses": losses, "test_accuracies": scores,
            "test_accuracy": scores[-1], "seconds": seconds}


def main(arguments: list[str] | None = None) -> int:
    options = parser("mnist", __doc__, 3).parse_args(arguments)
    images = mnist(options.data, train=True), mnist(options.data, train=False)
    epochs, steps = (2, 10) if options.quick else (EPOCHS, None)
    libraries, workers = sides(), {"convkit": available()}

    def trial(library: SimpleNamespace) -> None:
        loader = ArrayLoader(*images[0], batch_size=BATCH, transform=Standardize(0, 255))
        epoch(library, *network(library, 0, TRIAL), islice(loader, TRIAL))

    trial(libraries["convkit"])
    if "torch" in libraries:
        workers["torch"] = quickest(lambda: trial(libraries["torch"]))

    def cell(name: str, seed: int) -> Cell:
        def run(done: Any) -> dict[str, Any]:
            with threads(workers[name]):
                return {"threads": workers[name], **trained(libraries[name], images, seed, epochs, steps)}

        return Cell(f"{name} {seed}", run)

    cells = [cell(name, seed) for seed in range(options.seeds) for name in libraries]
    cells += [Cell(f"tiny {seed}", lambda done, seed=seed: by_command("mnist", "tiny", options, seed))
              for seed in range(options.seeds)]
    found = record("mnist", cells, options, epochs=epochs)["cells"]
    for name in (*libraries, "tiny"):
        runs = [run for key, run in found.items() if key.startswith(name)]
        scores, seconds = (np.array([run[key] for run in runs]) for key in ("test_accuracy", "seconds"))
        print(f"{name:8} {runs[0]['parameters']:,} parameters, test accuracy {100 * scores.mean():.2f} % "
              f"({100 * scores.min():.2f} to {100 * scores.max():.2f}), {np.median(seconds):.1f} s a run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
