"""Experiments on training that take minutes, of which the pictures in ``examples/`` are drawn.

Run as ``python -m benchmarks.learning EXPERIMENT --data DIR``, which writes ``results/learning_EXPERIMENT.json``, with one of

``optimizers``  five optimizers on a network with dropout (MNIST), each at its best rate of four: 25 minutes
``regions``     linear regions of a network of rectifiers while it is trained (MNIST): half a minute
``transfer``    a network for five classes moved to five others (CIFAR-10): 15 minutes
``depth``       plain and residual networks of 20 and 56 layers, and a linear probe behind each block (CIFAR-10): 30 minutes

The minutes are those of two cores; with ``--quick`` it is one or two, for a smaller version. Each run is written down when it
is done, and one that is broken off goes on with the next.
"""

from __future__ import annotations

import argparse
import base64
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from benchmarks._runs import Cell, parser, record
from convkit import data, nn, optim
from convkit.nn import views
from convkit.optim import lr_scheduler
from convkit.training import StepLosses, evaluate, fit, predict

# Optimizers.
RATES: dict[str, tuple[Callable[..., optim.Optimizer], tuple[float, ...]]] = {
    "AdaGrad": (optim.Adagrad, (0.001, 0.003, 0.01, 0.03)),
    "RMSProp": (optim.RMSprop, (0.0001, 0.0003, 0.001, 0.003)),
    "SGDNesterov": (lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True), (0.01, 0.03, 0.1, 0.3)),
    "AdaDelta": (optim.Adadelta, (0.3, 1.0, 3.0, 10.0)),
    "Adam": (optim.Adam, (0.0003, 0.001, 0.003, 0.01)),
}
SEARCH, RACE, PARTS = 2, 7, 4  # epochs of the search for a rate and of the race, and losses written down of each epoch

# Transfer: images a class, and epochs on them. Depth: epochs.
FEW, DEPTH_EPOCHS = {50: 40, 500: 16}, 3
WAYS = ("from scratch", "head only", "head and last block", "all layers")


def optimizers(options: argparse.Namespace) -> dict[str, Any]:
    """Training cost of a network of 784, 1000, 1000 and 10 units with dropout; batches of 128."""
    x, y = data.mnist(options.data, train=True)
    tests = data.mnist(options.data, train=False)
    count, search, race = (12_800, 1, 3) if options.quick else (len(x), SEARCH, RACE)
    scale = data.Standardize(0, 255)
    x, y, tests = scale(x[:count]).reshape(count, -1), y[:count], (scale(tests[0]).reshape(-1, 784), tests[1])

    def run(name: str, lr: float, seed: int, epochs: int) -> dict[str, Any]:
        nn.manual_seed(seed)
        layers = [(nn.Linear(before, 1000), nn.ReLU(), nn.Dropout(0.5)) for before in (784, 1000)]
        model = nn.Sequential(*layers[0], *layers[1], nn.Linear(1000, 10))
        losses = StepLosses(-(-count // 128) // PARTS)
        batches = data.ArrayLoader(x, y, batch_size=128, seed=seed, drop_last=True)
        with np.errstate(all="ignore"):
            fit(model, batches, optimizer=RATES[name][0](model.parameters(), lr=lr), epochs=epochs, callbacks=[losses])
        return {"rate": lr, "every": losses.every, "steps": len(batches), "losses": [loss for *_, loss in losses.means],
                "test_accuracy": evaluate(model, tests).accuracy}

    def searched(name: str, lr: float) -> dict[str, Any]:
        try:
            return run(name, lr, 100, search)
        except ArithmeticError as error:
            print(f"    {error}")
            return {"rate": lr, "losses": []}

    def best(done: Mapping[str, Any], name: str) -> float:
        tries = [done[f"{name} {lr:g}"] for lr in RATES[name][1]]
        return float(min(tries, key=lambda cell: np.mean(cell["losses"][-PARTS:] or np.inf))["rate"])

    cells = [Cell(f"{name} {lr:g}", lambda done, name=name, lr=lr: searched(name, lr))
             for name, (_, rates) in RATES.items() for lr in rates]
    cells += [Cell(f"{name} seed {seed}", lambda done, name=name, seed=seed: run(name, best(done, name), seed, race))
              for seed in range(options.seeds) for name in RATES]
    return record("learning_optimizers", cells, options, images=count, search=search, race=race)


def regions(options: argparse.Namespace) -> dict[str, Any]:
    """Linear regions on a plane through three test images, before training and after so many steps."""
    x, y = data.mnist(options.data, train=True)
    tests = data.mnist(options.data, train=False)
    scale = data.Standardize(0, 255)
    flat, tests = scale(x).reshape(-1, 784), (scale(tests[0]).reshape(-1, 784), tests[1])
    three = [tests[0][np.flatnonzero(tests[1] == digit)[0]] for digit in (0, 3, 8)]
    plane = views.Plane.through(*three, margin=0.4)
    size, stops = (60, (0, 25, 50, 200)) if options.quick else (300, (0, 25, 50, 100, 200, 400, 800))

    def run(seed: int) -> dict[str, Any]:
        nn.manual_seed(seed)
        hidden = [layer for before in (784, 64, 64) for layer in (nn.Linear(before, 64), nn.ReLU())]
        model = nn.Sequential(*hidden, nn.Linear(64, 10))
        optimizer, loss = optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
        batches = iter(data.ArrayLoader(flat, y, batch_size=64, seed=seed))
        counts, scores, maps = [], [], {}
        for before, stop in zip((0, *stops), stops, strict=False):
            for _ in range(stop - before):
                inputs, labels = next(batches)
                optimizer.zero_grad()
                model.loss_and_grad(inputs, labels, loss)
                optimizer.step()
            seen = views.linear_regions(model, plane, size)
            counts.append(seen.count)
            scores.append(evaluate(model, tests).accuracy)
            maps[stop] = seen.labels
            print(f"    after {stop} steps: {counts[-1]} regions, {scores[-1]:.1%} right")
        # Pictures are stored for the first seed only.
        kept = {str(stop): packed(maps[stop]) for stop in (stops[0], stops[2], stops[-1]) if not seed}
        return {"counts": counts, "accuracies": scores, "maps": kept}

    places = [[float(u), float(v)] for u, v in map(plane.locate, three)]
    cells = [Cell(f"seed {seed}", lambda done, seed=seed: run(seed)) for seed in range(options.seeds)]
    return record("learning_regions", cells, options, steps=list(stops), size=size, digits=[0, 3, 8],
                  places=places, side=float(np.linalg.norm(plane.right)))


def packed(labels: Any) -> str:
    """Numbers below 65,536 as text: bytes of little-endian uint16, compressed, in base 64."""
    return base64.b64encode(zlib.compress(labels.astype("<u2").tobytes(), 9)).decode()


def changed_at_random(x: Any, y: Any, batch: int, seed: int, scale: data.Standardize) -> data.ArrayLoader:
    """Batches of photographs, shifted and mirrored."""
    changes = [data.Standardize(0, 255), data.RandomCrop(32, padding=4), data.RandomHorizontalFlip(), scale]
    return data.ArrayLoader(x, y, batch_size=batch, seed=seed, transform=data.Compose(changes))


def one_cycle(groups: list[dict[str, Any]], steps: int, weight_decay: float = 5e-4) -> tuple[Any, Any]:
    """SGD with Nesterov's momentum, and a schedule over so many steps that lets each group's rate rise and fall."""
    made = optim.SGD(groups, 0.1, momentum=0.9, nesterov=True, weight_decay=weight_decay)
    rates = [group["lr"] for group in made.param_groups]
    return made, lr_scheduler.OneCycleLR(made, rates, steps, cycle_momentum=False)


def transfer(options: argparse.Namespace) -> dict[str, Any]:
    """A network for classes 0 to 4, moved to 5 to 9 with few images a class, in four ways."""
    sets = {train: data.cifar10(options.data, train=train) for train in (True, False)}
    few, epochs, share = ({50: 12, 500: 3}, 3, 10_000) if options.quick else (FEW, 8, 25_000)
    scale = data.Standardize().fit(sets[True][0] / np.float32(255))

    def classes(train: bool, first: int) -> tuple[Any, Any]:
        x, y = sets[train]
        chosen = np.flatnonzero((y >= first) & (y < first + 5))[:share]
        return x[chosen], y[chosen] - first

    tests = {first: (scale(x / np.float32(255)), y) for first in (0, 5) for x, y in [classes(False, first)]}

    def network() -> nn.Sequential:
        blocks, before = [], 3
        for channels, taps in ((32, 5), (64, 3), (96, 3), (128, 3)):
            blocks.append(nn.Sequential(nn.Conv2d(before, channels, taps, padding=taps // 2, bias=False),
                                        nn.BatchNorm2d(channels), nn.ReLU(),
                                        nn.MaxPool2d(2) if channels < 128 else nn.AdaptiveAvgPool2d(1)))
            before = channels
        return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(128, 5))

    @cache
    def source() -> tuple[nn.Sequential, float]:
        """The network for the first five classes, and how good it is."""
        nn.manual_seed(0)
        model, batches = network(), changed_at_random(*classes(True, 0), 128, 0, scale)
        made, scheduler = one_cycle([{"params": list(model.parameters())}], epochs * len(batches))
        fit(model, batches, optimizer=made, epochs=epochs, scheduler=scheduler, scheduler_every="batch", progress=True)
        found = evaluate(model, tests[0]).accuracy
        print(f"    the first five classes: {found:.1%} right")
        return model, float(found or 0)

    def run(count: int, way: str, seed: int) -> dict[str, Any]:
        x, y = classes(True, 5)
        chosen = np.concatenate([np.random.default_rng([seed, kind]).permutation(np.flatnonzero(y == kind))[:count]
                                 for kind in range(5)])
        base, score = source()
        nn.manual_seed(1 + seed)
        model = network()
        head, rate = list(model[-1].parameters()), 0.05
        groups = [{"params": head, "lr": rate}]
        if way == "from scratch":
            groups.append({"params": list(model[:-1].parameters()), "lr": rate})
        else:
            model[:-1].load_state_dict(base[:-1].state_dict())
            model[:-1].freeze()
            if way != "head only":
                part = (model[3] if way == "head and last block" else model[:-1]).unfreeze()
                groups.append({"params": list(part.parameters()), "lr": rate / 10})
        batches = changed_at_random(x[chosen], y[chosen], 50, seed, scale)
        made, scheduler = one_cycle(groups, few[count] * len(batches))
        history = fit(model, batches, optimizer=made, epochs=few[count], scheduler=scheduler, scheduler_every="batch")
        found = evaluate(model, tests[5]).accuracy
        print(f"    {found:.1%} right")
        return {"test_accuracy": found, "accuracy": history["accuracy"][-1], "seconds": sum(history["seconds"]),
                "source": score, "learnt": sum(p.numel() for p in model.parameters() if p.requires_grad)}

    return record("learning_transfer", [Cell(f"{count} images, {way}, seed {seed}",
                                    lambda done, count=count, way=way, seed=seed: run(count, way, seed))
                               for seed in range(options.seeds) for count in few for way in WAYS], options,
                  epochs=epochs, few={str(count): n for count, n in few.items()})


def stacked(blocks: int, residual: bool, width: int = 8) -> nn.Sequential:
    """A network of ``6 blocks + 2`` layers for images of 32 x 32: three stages of so many pairs of convolutions.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2; there the width is 16.
    """
    layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())]
    before = width
    for stage in range(3):
        for block in range(blocks):
            after, stride = width * 2**stage, 2 if stage and not block else 1
            body = nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
                                 nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
            shortcut = None if stride == 1 else nn.ZeroPadShortcut(before, after, stride)
            layers.append(nn.Sequential(nn.Residual(body, shortcut) if residual else body, nn.ReLU()))
            before = after
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model


def probes(model: nn.Sequential, train: tuple[Any, Any], test: tuple[Any, Any]) -> Iterator[float]:
    """Test accuracy of a linear classifier of the image, and of what comes out of each block; means over a 4 x 4 grid."""
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
    seen = [train[0], test[0]]
    for i in range(len(model) - 2):
        features = [predict(pool, x) for x in seen]
        scale = data.Standardize().fit(features[0])
        probe = nn.Linear(features[0].shape[1], 10)
        fit(probe, (scale(features[0]), train[1]), optimizer=optim.Adam(probe.parameters(), 3e-3, weight_decay=1e-3), epochs=20,
            batch_size=100, progress=False)
        yield float(evaluate(probe, (scale(features[1]), test[1])).accuracy or 0)
        seen = [predict(model[i : i + 1], x) for x in seen]


def depth(options: argparse.Namespace) -> dict[str, Any]:
    """Training loss and test accuracy of plain and residual networks of 20 and 56 layers; probes behind the blocks of 20."""
    (x, y), tests = data.cifar10(options.data, train=True), data.cifar10(options.data, train=False)
    count, batch, tested, probed = (3200, 32, 1000, 1000) if options.quick else (len(x), 128, len(tests[1]), 5000)
    scale = data.Standardize().fit(x)
    x, y, tests = scale(x[:count]), y[:count], (scale(tests[0][:tested]), tests[1][:tested])
    epochs = DEPTH_EPOCHS

    def run(layers: int, residual: bool, seed: int) -> dict[str, Any]:
        nn.manual_seed(seed)
        model = stacked((layers - 2) // 6, residual)
        summary = nn.summary(model, (1, 3, 32, 32), time=False)
        samples = (x[:probed], y[:probed]), (tests[0][:probed], tests[1][:probed])
        before = list(probes(model, *samples)) if layers == 20 else []
        batches = data.ArrayLoader(x, y, batch_size=batch, seed=seed, drop_last=True)
        losses = StepLosses(len(batches) // 10)
        made, scheduler = one_cycle([{"params": list(model.parameters())}], epochs * len(batches), 1e-4)
        history = fit(model, batches, optimizer=made, epochs=epochs, validation=tests, scheduler=scheduler,
                      scheduler_every="batch", callbacks=[losses])
        return {"parameters": summary.parameters, "multiply_adds": summary.multiply_adds, "every": losses.every,
                "losses": [loss for *_, loss in losses.means], "accuracies": history["validation_accuracy"],
                "test_accuracy": history["validation_accuracy"][-1], "seconds": sum(history["seconds"]),
                "probes": {"untrained": before, "trained": list(probes(model, *samples)) if layers == 20 else []}}

    return record("learning_depth", [Cell(f"{'residual' if residual else 'plain'} {layers} seed {seed}",
                                 lambda done, layers=layers, residual=residual, seed=seed: run(layers, residual, seed))
                            for seed in range(options.seeds) for layers in (20, 56) for residual in (False, True)], options,
                  images=count, epochs=epochs, probed=probed)


# What each is called, and how many seeds it has.
EXPERIMENTS = {"optimizers": (optimizers, 3), "regions": (regions, 3), "transfer": (transfer, 3), "depth": (depth, 1)}


def main(arguments: list[str] | None = None) -> int:
    made = parser("learning", __doc__, None)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("experiment", choices=EXPERIMENTS)
    options = made.parse_args(arguments)
    experiment, seeds = EXPERIMENTS[options.experiment]
    options.seeds = options.seeds or (1 if options.quick else seeds)
    experiment(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
