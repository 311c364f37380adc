"""How fast optimizers make a step, beside torch on as many threads, from the same parameters along the same gradients.

Run as ``python -m benchmarks.optimizers``. float32. ``small`` are the 62,006 parameters of the tutorial net in 10 arrays,
``large`` the 11,515,688 of an 18-layer residual net. Torch is taken as it comes and, where it has that, with ``fused=True``;
the faster counts. The last cells are the three ways of reading gradients that were tried.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks._suite import Job, Options, Row, run, versus
from convkit import nn, optim, set_workers
from convkit.engines.update import places, walk
from convkit.kernels import update as kernels
from convkit.nn import models

KINDS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 1e-6, "momentum": 0.9}, "Adagrad": {"lr": 1e-6}, "Adadelta": {"lr": 1e-6}, "RMSprop": {"lr": 1e-6},
    "Adam": {"lr": 1e-6}, "AdamW": {"lr": 1e-6}, "RAdam": {"lr": 1e-6},
}
FUSED = ("SGD", "Adagrad", "Adam", "AdamW")
ROWS = (
    Row("small", "step of an optimizer, 62,006 parameters", "torch", mean=3.0),
    Row("large", "step of an optimizer, 11.5 million parameters", "torch", mean=1.0),
    Row("gathered", "Adam, gradients read where they lie against gathered first", "convkit"),
)
NETS = {"small": models.tutorial_net, "large": models.resnet18}


def jobs(options: Options) -> Iterable[Job]:
    for workers in options.workers:
        for net in NETS:
            if options.wants(net) and not (options.quick and net == "large"):
                for kind in ("SGD", "Adam") if options.quick else KINDS:
                    yield step(kind, net, workers)
            if options.wants("gathered") and not (options.quick and net == "large"):
                yield layouts(net, workers)


def drawn(net: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Parameters, and gradients for them."""
    rng = np.random.default_rng(0)
    values = [p.data.copy() for p in NETS[net]().parameters()]
    return values, [rng.standard_normal(v.shape, np.float32) for v in values]


def step(kind: str, net: str, workers: int) -> Job:
    def measure(budget: float) -> dict:
        import torch

        values, gradients = drawn(net)
        ours = [nn.Parameter(v.copy()) for v in values]
        for p, g in zip(ours, gradients, strict=True):
            p.grad = g
        optimizer = getattr(optim, kind)(ours, **KINDS[kind])
        peers, theirs = {}, []
        for name, settings in (("torch", {}), ("torch, fused", {"fused": True}))[: 2 if kind in FUSED else 1]:
            theirs = [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in values]
            for p, g in zip(theirs, gradients, strict=True):
                p.grad = torch.from_numpy(g)
            peers[name] = getattr(torch.optim, kind)(theirs, **KINDS[kind], **settings).step
        with set_workers(workers):
            optimizer.step()
            next(reversed(peers.values()))()
            apart = max(float(np.abs(p.data - q.detach().numpy()).max()) for p, q in zip(ours, theirs, strict=True))
            found = versus(None, {"convkit": quiet(optimizer.step)}, {}, {}, workers, budget, eps=1.0, growth=1.0,
                           beside={name: quiet(call) for name, call in peers.items()})
        if not apart < 1e-6:
            return {**found, "values": {}, "wrong": f"parameters differ by {apart}"}
        times = {name: timing["median"] for name, timing in found["times"].items()}
        best = min(times[name] for name in peers)
        return {**found, "values": {net: best / times["convkit"]}, "agreement": apart}

    return Job({"what": kind, "shape": (sum(v.size for v in drawn(net)[0]),)}, measure, workers)


def quiet(call: Any) -> Any:
    """A call that returns a number, as the contest wants."""

    def made() -> np.ndarray:
        call()
        return np.zeros(1, np.float32)

    return made


def layouts(net: str, workers: int) -> Job:
    """Adam's kernel alone over one buffer, with the gradients' addresses, gathered into one, and one call for each."""

    def measure(budget: float) -> dict:
        values, gradients = drawn(net)
        where = places([v.size for v in values], np.dtype(np.float32))
        parameters, buffer, *memories = (where.buffer(np.dtype(np.float32), i) for i in range(4))
        inside = where.views(buffer, [v.shape for v in values])
        everything = np.array([0]), np.array([where.total])
        factors = (1e-6, 0, 1, 0.9, 0.1, 0.999, 1e-3, 1.0, 0, 1e-8)

        def walked(arrays: Sequence[np.ndarray], starts: np.ndarray, sizes: np.ndarray) -> None:
            walk(kernels.adam, parameters, arrays, starts, sizes, memories, factors)

        def gathered() -> None:
            for view, gradient in zip(inside, gradients, strict=True):
                view[...] = gradient
            walked([buffer], *everything)

        def apart() -> None:
            for i, gradient in enumerate(gradients):
                walked([gradient], where.starts[i : i + 1], where.sizes[i : i + 1])

        with set_workers(workers):
            ours = {"where they lie": quiet(lambda: walked(gradients, where.starts, where.sizes))}
            found = versus(None, ours, {}, {}, workers, budget, eps=1.0, growth=1.0,
                           beside={"gathered": quiet(gathered), "one call for each": quiet(apart)})
        times = {name: timing["median"] for name, timing in found["times"].items()}
        return {**found, "values": {"gathered": times["gathered"] / times["where they lie"]}}

    return Job({"what": "layouts", "shape": (sum(v.size for v in drawn(net)[0]),)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("optimizers", __doc__, ROWS, jobs, arguments, budget=2.0, needs=("torch",))


if __name__ == "__main__":
    sys.exit(main())
