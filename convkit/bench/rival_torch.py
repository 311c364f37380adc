"""Adapter to PyTorch: conv1d, conv2d and conv3d on a batch of one with one channel. They correlate, so weights are turned."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.task import Contender, Task

PAD = {"zero": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}

# Multiply-adds per second and worker that no convolution with one channel reaches.
OPTIMISTIC = 20e9
# Bytes that torch may unroll samples into: without oneDNN (float64, and some float32) it writes out every window.
UNROLLED = 2**31


def torch(task: Task, workers: int) -> list[Contender]:
    """``torch``: one dense convolution, and one per axis where the taps are known."""
    import torch

    if not _known(task):
        return []
    return _convolutions(task, [torch.from_numpy(np.array(task.x))], np.asarray, OPTIMISTIC * workers, UNROLLED)


def torch_cuda(task: Task, buffers: Sequence[Any]) -> list[Contender]:
    """``torch`` on a CUDA device, with the samples in each of the ``buffers`` there in turn.

    In single precision, not in the 10 bits of TF32 that it takes by default, and by the fastest algorithm that cuDNN finds.
    """
    import torch

    if not _known(task):
        return []

    def single(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
                return call()

        return run

    tensors = [torch.as_tensor(x, device="cuda") for x in buffers]
    found = _convolutions(task, tensors, lambda values: values, math.inf, math.inf)
    return [replace(contender, call=single(contender.call)) for contender in found]


def _known(task: Task) -> bool:
    """Whether torch has the dtype and the boundary."""
    if task.x.dtype.name not in ("float32", "float64") or task.boundary not in PAD:
        return False
    longest = max(before for before, _ in task.halo)
    return task.boundary not in ("reflect", "wrap") or longest < min(task.x.shape)


def _convolutions(task: Task, buffers: Sequence[Any], finish: Callable[[Any], Any], rate: float,
                  most: float) -> list[Contender]:
    """The calls that torch knows, at no more than `rate` multiply-adds per second, and that unroll `most` bytes at most."""
    import torch

    convolve = getattr(torch.nn.functional, f"conv{task.dims}d")
    pad, mode = torch.nn.functional.pad, PAD[task.boundary]
    samples = itertools.cycle([x[None, None] for x in buffers])

    def tensor(weights: NDArray[Any]) -> Any:
        return torch.from_numpy(np.ascontiguousarray(np.flip(weights), task.x.dtype))[None, None].to(buffers[0].device)

    def one(values: Any, weights: Any, halo: Sequence[tuple[int, int]]) -> Any:
        if task.boundary == "zero" and all(before == after for before, after in halo):
            return convolve(values, weights, padding=[before for before, _ in halo])
        return convolve(pad(values, [n for pair in reversed(halo) for n in pair], mode=mode), weights)

    dense_weights = tensor(task.weights)

    def dense() -> Any:
        with torch.inference_mode():
            return finish(one(next(samples), dense_weights, task.halo)[0, 0])

    found = []
    small = max(task.weights.shape) <= 3
    if (task.x.dtype == np.float32 and not small) or task.operations / 2 * task.x.itemsize <= most:
        found.append(Contender(f"torch conv{task.dims}d", dense, task.operations / 2 / rate))
    if task.taps is None or task.dims == 1:
        return found
    lines = []
    for axis, line in enumerate(task.taps):
        shape = [line.size if i == axis else 1 for i in range(task.dims)]
        halo = [task.halo[i] if i == axis else (0, 0) for i in range(task.dims)]
        lines.append((tensor(line.reshape(shape)), halo))

    def passes() -> Any:
        with torch.inference_mode():
            values = next(samples)
            for weights, halo in lines:
                values = one(values, weights, halo)
            return finish(values[0, 0])

    if task.x.size * max(task.weights.shape) * task.x.itemsize <= most:
        found.append(Contender(f"torch conv{task.dims}d per axis", passes))
    return found
