"""The same training code with convkit's modules or torch's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from convkit import autodiff, nn, optim
from convkit._core.workers import available
from convkit.bench.rivals import installed, threads


def sides() -> dict[str, SimpleNamespace]:
    """The modules of a library under the names that scripts for torch use; torch's where it is installed."""
    found = {"convkit": SimpleNamespace(torch=autodiff, nn=nn, F=nn.functional, optim=optim, seed=nn.manual_seed,
                                        tensor=lambda array: array)}
    if installed("torch"):
        import torch

        found["torch"] = SimpleNamespace(torch=torch, nn=torch.nn, F=torch.nn.functional, optim=torch.optim,
                                         seed=torch.manual_seed, tensor=torch.from_numpy)
    return found


def quickest(trial: Callable[[], object]) -> int:
    """With how many threads torch does a trial in the least time."""
    times = {}
    for workers in range(1, available() + 1):
        with threads(workers):
            trial()
            begin = time.perf_counter()
            trial()
            times[workers] = time.perf_counter() - begin
    return min(times, key=times.__getitem__)


def accuracy(library: SimpleNamespace, net: Any, batches: Iterable[Any]) -> float:
    """The share of the images that are right, in `eval` mode."""
    net.eval()
    right = count = 0
    with library.torch.no_grad():
        for inputs, labels in batches:
            scores = np.asarray(net(library.tensor(inputs)).data)
            right, count = right + int((scores.argmax(1) == labels).sum()), count + len(labels)
    net.train()
    return right / count
