"""Networks trained on the CPU and on a CUDA device, and by torch: their curves side by side, and steps per second.

Run as ``python -m benchmarks.device_training``, with ``--data DIR`` on CIFAR-10 instead of on drawn images. The network of
PyTorch's tutorial (batches of 4) and a small VGG with batch norm (batches of 128) are trained from the same first weights on
the same batches in the same order: by convkit on the CPU and on the device, and by torch on the device where it is installed,
without its shorter products. The first epoch compiles; steps per second are those of the last one, batches and the losses
that are fetched after every so many steps included. Each run is written down when it is done.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks._runs import Cell, record
from convkit import nn, optim, training
from convkit._core.typing import Array
from convkit.bench.rivals import installed
from convkit.data import ArrayLoader, Standardize, cifar10
from convkit.nn import models

EPOCHS, CLASSES, TEST = 2, 10, 1000


class Case(NamedTuple):
    """A network, and how it is trained."""

    build: Callable[[], nn.Sequential]
    size: int
    batch: int
    lr: float
    steps: int
    every: int


CASES = {
    "tutorial": Case(models.tutorial_net, 32, 4, 0.001, 4000, 500),
    "small VGG": Case(models.small_vgg, 32, 128, 0.003, 300, 30),
}


def drawn(count: int, size: int, seed: int) -> tuple[Array, Array]:
    """Images of ten coarse patterns under noise, from about -1 to 1, and which pattern each has."""
    patterns = np.random.default_rng(0).normal(size=(CLASSES, 3, 4, 4))
    rng = np.random.default_rng([1, seed])
    labels = rng.integers(0, CLASSES, count)
    coarse = np.repeat(np.repeat(patterns, -(-size // 4), 2), -(-size // 4), 3)[..., :size, :size]
    return (0.3 * coarse[labels] + 0.5 * rng.normal(size=(count, 3, size, size))).astype(np.float32), labels


def images(case: Case, options: argparse.Namespace) -> tuple[ArrayLoader, tuple[Array, Array]]:
    """Batches of an epoch, and images to test on."""
    count = case.batch * max(1, case.steps // EPOCHS)
    if options.data is None:
        train, test = drawn(count, case.size, options.seed), drawn(min(TEST, count), case.size, options.seed + 1)
        return ArrayLoader(*train, batch_size=case.batch, seed=options.seed, drop_last=True), test
    normalize = Standardize(127.5, 127.5)
    x, y = cifar10(options.data, train=True)
    seen = np.random.default_rng(options.seed).permutation(len(x))[:count]
    tests, answers = cifar10(options.data, train=False)
    loader = ArrayLoader(x[seen], y[seen], batch_size=case.batch, seed=options.seed, drop_last=True, transform=normalize)
    return loader, (normalize(tests, None), answers)


def first(case: Case, seed: int) -> nn.Sequential:
    """The network with its first weights."""
    nn.manual_seed(seed)
    return case.build()


def ours(case: Case, device: str, options: argparse.Namespace) -> dict[str, Any]:
    """Losses, accuracy and steps per second of convkit."""
    loader, test = images(case, options)
    model = first(case, options.seed).to(device)
    losses = training.StepLosses(case.every, lambda line: None)
    history = training.fit(model, loader, epochs=EPOCHS, optimizer=optim.SGD(model.parameters(), lr=case.lr, momentum=0.9),
                           callbacks=[losses], progress=False)
    return {"losses": [mean for _, _, mean in losses.means], "steps_per_second": len(loader) / history["seconds"][-1],
            "test_accuracy": training.evaluate(model, test).accuracy}


def as_torch(module: nn.Module) -> Any:
    """The same layers of torch, with the same numbers; of those that these networks have."""
    import torch

    if isinstance(module, nn.Sequential):
        return torch.nn.Sequential(*map(as_torch, module.children()))
    m: Any = module
    kind = type(module).__name__
    if kind == "Conv2d":
        made = torch.nn.Conv2d(m.in_channels, m.out_channels, m.kernel_size, padding=m.padding, bias=m.bias is not None)
    elif kind == "BatchNorm2d":
        made = torch.nn.BatchNorm2d(m.num_features)
    elif kind == "Linear":
        made = torch.nn.Linear(m.in_features, m.out_features)
    elif kind == "MaxPool2d":
        made = torch.nn.MaxPool2d(m.kernel_size, m.stride)
    else:
        made = {"ReLU": torch.nn.ReLU, "Flatten": torch.nn.Flatten}[kind]()
    made.load_state_dict({name: torch.tensor(value) for name, value in module.state_dict().items()})
    return made


def theirs(case: Case, device: str, options: argparse.Namespace) -> dict[str, Any]:
    """Losses, accuracy and steps per second of torch."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    loader, (tests, answers) = images(case, options)
    model = as_torch(first(case, options.seed)).to(device)
    optimizer, criterion = torch.optim.SGD(model.parameters(), lr=case.lr, momentum=0.9), torch.nn.CrossEntropyLoss()
    losses, seconds = [], 0.0
    for _ in range(EPOCHS):
        begin, total = time.perf_counter(), torch.zeros((), device=device)
        for step, (x, y) in enumerate(loader, 1):
            optimizer.zero_grad()
            loss = criterion(model(_pinned(x, device)), _pinned(np.asarray(y, np.int64), device))
            loss.backward()
            optimizer.step()
            total = total + loss.detach()
            if step % case.every == 0:
                losses.append(total.item() / case.every)
                total = torch.zeros((), device=device)
        total.item()  # waits
        seconds = time.perf_counter() - begin
    model.eval()
    with torch.no_grad():
        found = [model(torch.from_numpy(tests[i : i + 256]).to(device)).argmax(1).cpu().numpy()
                 for i in range(0, len(tests), 256)]
    return {"losses": losses, "steps_per_second": len(loader) / seconds,
            "test_accuracy": float((np.concatenate(found) == answers).mean())}


def _pinned(x: Array, device: str) -> Any:
    """A batch on torch's way to the device."""
    import torch

    held = torch.from_numpy(np.ascontiguousarray(x))
    return held.pin_memory().to(device, non_blocking=True) if device != "cpu" else held


def sides() -> dict[str, Callable[[Case, argparse.Namespace], dict[str, Any]]]:
    """Who trains where: on the device first, so that its absence is known at once."""
    found: dict[str, Callable[[Case, argparse.Namespace], dict[str, Any]]] = {
        "convkit cuda": lambda case, options: ours(case, "cuda", options),
        "convkit cpu": lambda case, options: ours(case, "cpu", options)}
    if installed("torch"):
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        found[f"torch {device}"] = lambda case, options: theirs(case, device, options)
    return found


def told(name: str, case: Case, runs: dict[str, dict[str, Any]]) -> None:
    """Print the runs of a network side by side."""
    print(f"\n{name}, batches of {case.batch}: mean loss of every {case.every} steps")
    print("".join(f"{title:>16}" for title in ("step", *runs)))
    for i, row in enumerate(zip(*(run["losses"] for run in runs.values()), strict=True), 1):
        print(f"{i * case.every:16d}" + "".join(f"{loss:16.4f}" for loss in row))
    for title, key, form in (("test accuracy", "test_accuracy", "16.1%"), ("steps a second", "steps_per_second", "16.1f")):
        print(f"{title:>16}" + "".join(format(run[key], form) for run in runs.values()))
    here, there = (np.array(runs[side]["losses"]) for side in ("convkit cpu", "convkit cuda"))
    if here.size:
        most = np.abs(there / here - 1).max()
        print(f"The losses of convkit on the device differ from those on the CPU by {most:.2%} at most.")


def main(arguments: list[str] | None = None) -> int:
    made = argparse.ArgumentParser(prog="python -m benchmarks.device_training", description=__doc__)
    made.add_argument("--data", metavar="DIR", help="CIFAR-10; drawn images without it")
    made.add_argument("--seed", type=int, default=0, help="of the first weights and the order of the batches")
    made.add_argument("--quick", action="store_true", help="a tenth of the steps, written only where --json says")
    made.add_argument("--again", action="store_true", help="start anew; otherwise runs that are written down are left out")
    made.add_argument("--json", type=Path, default=None, metavar="FILE", help="where the numbers go (default results/...)")
    options = made.parse_args(arguments)
    try:
        nn.Linear(1, 1).to("cuda")
    except (ImportError, RuntimeError) as error:
        print(f"device_training: {error}", file=sys.stderr)
        return 1
    cases = {name: case._replace(steps=case.steps // 10, every=max(1, case.every // 10)) if options.quick else case
             for name, case in CASES.items()}
    cells = [Cell(f"{name}, {side}", lambda done, case=case, run=run: run(case, options))
             for name, case in cases.items() for side, run in sides().items()]
    settings = {"images": "drawn" if options.data is None else "CIFAR-10", "seed": options.seed,
                "cases": {name: [case.batch, case.lr, case.steps, case.every] for name, case in cases.items()}}
    found = record("device_training", cells, options, **settings)["cells"]
    for name, case in cases.items():
        told(name, case, {key.removeprefix(f"{name}, "): run for key, run in found.items() if key.startswith(f"{name}, ")})
    return 0


if __name__ == "__main__":
    sys.exit(main())
