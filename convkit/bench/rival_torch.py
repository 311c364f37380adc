"""Adapter to PyTorch: conv1d, conv2d and conv3d on a batch of one with one channel. They correlate, so weights are turned."""

from __future__ import annotations

from collections.abc import Sequence
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

    longest = max(before for before, _ in task.halo)
    if task.x.dtype.name not in ("float32", "float64") or task.boundary not in PAD:
        return []
    if task.boundary in ("reflect", "wrap") and longest >= min(task.x.shape):
        return []
    convolve = getattr(torch.nn.functional, f"conv{task.dims}d")
    pad, mode = torch.nn.functional.pad, PAD[task.boundary]
    samples = torch.from_numpy(np.array(task.x))[None, None]

    def tensor(weights: NDArray[Any]) -> Any:
        return torch.from_numpy(np.ascontiguousarray(np.flip(weights), task.x.dtype))[None, None]

    def one(values: Any, weights: Any, halo: Sequence[tuple[int, int]]) -> Any:
        if task.boundary == "zero" and all(before == after for before, after in halo):
            return convolve(values, weights, padding=[before for before, _ in halo])
        return convolve(pad(values, [n for pair in reversed(halo) for n in pair], mode=mode), weights)

    dense_weights = tensor(task.weights)

    def dense() -> NDArray[Any]:
        with torch.inference_mode():
            return np.asarray(one(samples, dense_weights, task.halo)[0, 0])

    found = []
    small = max(task.weights.shape) <= 3
    if (task.x.dtype == np.float32 and not small) or task.operations / 2 * task.x.itemsize <= UNROLLED:
        found.append(Contender(f"torch conv{task.dims}d", dense, task.operations / 2 / OPTIMISTIC / workers))
    if task.taps is None or task.dims == 1:
        return found
    lines = []
    for axis, line in enumerate(task.taps):
        shape = [line.size if i == axis else 1 for i in range(task.dims)]
        halo = [task.halo[i] if i == axis else (0, 0) for i in range(task.dims)]
        lines.append((tensor(line.reshape(shape)), halo))

    def passes() -> NDArray[Any]:
        with torch.inference_mode():
            values = samples
            for weights, halo in lines:
                values = one(values, weights, halo)
            return np.asarray(values[0, 0])

    if task.x.size * max(task.weights.shape) * task.x.itemsize <= UNROLLED:
        found.append(Contender(f"torch conv{task.dims}d per axis", passes))
    return found
