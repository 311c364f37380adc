"""Convolutions of network layers against torch on the same threads: forward, gradient of the samples, of weights and bias.

Run as ``python -m benchmarks.layers [threads]``. Both take turns in short rounds; a ratio is torch's median time over
ours. Torch allocates its results, as it does in a network; ours are written to memory that is there.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from convkit.engines.channels import Convolution, prepare

# (N, C_in, side, C_out, k, padding)
LAYERS = (
    (8, 64, 56, 64, 3, 1),
    (1, 3, 32, 6, 5, 0), (1, 6, 14, 16, 5, 0),
    (4, 3, 32, 6, 5, 0), (4, 6, 14, 16, 5, 0),
    (64, 3, 32, 6, 5, 0), (64, 6, 14, 16, 5, 0),
    (128, 3, 32, 6, 5, 0), (128, 6, 14, 16, 5, 0),
    (64, 3, 32, 32, 3, 1), (64, 32, 32, 32, 3, 1), (64, 32, 16, 64, 3, 1), (64, 64, 16, 64, 3, 1),
)  # fmt: skip


def turns(calls: list[Callable[[], object]], budget: float = 0.5) -> list[float]:
    """Median seconds of each call, timed in turns."""
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(times[0]) < 5:
        for call, found in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            found.append(time.perf_counter() - start)
    return [statistics.median(found[1:]) for found in times]


def measure(layer: tuple[int, ...], threads: int) -> list[tuple[float, float]]:
    """Median seconds of ours and of torch's, for the three calls; their results are compared first."""
    import torch

    n, c_in, side, c_out, k, p = layer
    outputs = side + 2 * p - k + 1
    rng = np.random.default_rng(0)
    x, w, bias, g = (rng.standard_normal(shape).astype(np.float32)
                     for shape in ((n, c_in, side, side), (c_out, c_in, k, k), c_out, (n, c_out, outputs, outputs)))
    plan = prepare(Convolution(x.shape, w.shape, (1, 1), (1, 1), ((p, p), (p, p)), "zero", 1, x.dtype))
    out, dx, dw, db = np.empty_like(g), np.empty_like(x), np.empty_like(w), np.empty_like(bias)
    tx, tw, tb, tg = (torch.from_numpy(a) for a in (x, w, bias, g))

    def backward(*wanted: bool) -> tuple:
        return torch.ops.aten.convolution_backward(tg, tx, tw, [c_out], [1, 1], [p, p], [1, 1], False, [0, 0], 1, wanted)

    def weights() -> None:
        plan.weight_gradient(x, g, dw, threads)
        plan.bias_gradient(g, db)

    pairs = [
        (lambda: plan.forward(x, w, bias, out, threads), lambda: torch.nn.functional.conv2d(tx, tw, tb, padding=p), out),
        (lambda: plan.input_gradient(g, w, dx, threads), lambda: backward(True, False, False)[0], dx),
        (weights, lambda: backward(False, True, True)[1], dw),
    ]
    found = []
    for ours, theirs, result in pairs:
        ours()
        want = theirs().numpy()
        assert np.abs(result - want).max() <= 1e-4 * np.abs(want).max()
        seconds = turns([ours, theirs])
        found.append((seconds[0], seconds[1]))
    return found


def main(threads: int) -> None:
    """Print a line per layer."""
    import torch

    torch.set_num_threads(threads)
    print(f"{threads} thread(s), microseconds: ours / torch = ratio (GF/s of ours)")
    with torch.no_grad():
        for layer in LAYERS:
            n, c_in, side, c_out, k, p = layer
            operations = 2 * n * c_in * c_out * (k * (side + 2 * p - k + 1)) ** 2
            cells = measure(layer, threads)
            text = "   ".join(f"{a * 1e6:7.0f} / {b * 1e6:7.0f} = {b / a:5.2f} ({operations / a / 1e9:4.0f})" for a, b in cells)
            ours, theirs = (sum(column) for column in zip(*cells, strict=True))
            print(f"{layer!s:26} {text}   all {theirs / ours:5.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
