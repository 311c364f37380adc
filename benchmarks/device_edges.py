"""Sobel and Canny on a CUDA device against cuCIM and CuPy, where they are installed: 8192 squared, float32.

Run as ``python -m benchmarks.device_edges``. Calls are timed by the events of the device, in turns, and walk through more
samples than its cache holds. Magnitudes are verified against each other first; of Canny's edges the share of equal pixels is,
for cuCIM (as scikit-image) weighs smoothed samples at the border in its own way.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._suite import RESULTS
from convkit import edges
from convkit.bench import device
from convkit.bench.contest import Clock, contest, interleave
from convkit.bench.machine import versions
from convkit.bench.report import circumstances, significant
from convkit.bench.rivals import Contender, rival_versions

SIZE, QUICK = 8192, 512
SIGMA, LOW, HIGH = 1.0, 6.0, 12.0
# Equal pixels of two Canny detectors.
EQUAL = 0.99
NOTE = ("seconds: medians of interleaved rounds by the events of the device. copy: the bytes of the image and of its result, "
        "over the time, as a share of the bandwidth of a copy. values: the rival's time over ours.")

Buffers = Sequence[Any]


def cupyx_sobel(buffers: Buffers) -> Callable[[], Any]:
    """Two derivatives and the root of the sum of their squares, as a user of ``cupyx.scipy.ndimage`` writes them."""
    import cupy
    from cupyx.scipy import ndimage

    turns = itertools.cycle([cupy.asarray(x) for x in buffers])

    def call() -> Any:
        x = next(turns)
        return cupy.hypot(ndimage.sobel(x, 0, mode="mirror"), ndimage.sobel(x, 1, mode="mirror"))

    return call


def cucim_sobel(buffers: Buffers) -> Callable[[], Any]:
    """``cucim.skimage.filters.sobel``."""
    import cupy
    from cucim.skimage.filters import sobel

    turns = itertools.cycle([cupy.asarray(x) for x in buffers])
    return lambda: sobel(next(turns), mode="mirror")


def cucim_canny(buffers: Buffers) -> Callable[[], Any]:
    """``cucim.skimage.feature.canny``, whose thresholds are those of raw sums."""
    import cupy
    from cucim.skimage.feature import canny

    turns = itertools.cycle([cupy.asarray(x) for x in buffers])
    return lambda: canny(next(turns), SIGMA, 8 * LOW, 8 * HIGH, mode="mirror")


# Rivals of each cell by name: the module that they need, and their calls.
RIVALS: dict[str, dict[str, tuple[str, Callable[[Buffers], Callable[[], Any]]]]] = {
    "sobel": {"cupyx.ndimage": ("cupyx", cupyx_sobel)},
    "sobel of scikit-image": {"cucim": ("cucim", cucim_sobel)},
    "canny": {"cucim": ("cucim", cucim_canny)},
}


def rivals_of(cell: str, buffers: Buffers) -> dict[str, Callable[[], Any]]:
    """Calls of those rivals that are installed."""
    found = {name: make for name, (module, make) in RIVALS[cell].items() if importlib.util.find_spec(module) is not None}
    return {name: make(buffers) for name, make in found.items()}


def photograph(size: int) -> np.ndarray:
    """Blots of all sizes with noise, in grey levels: an image whose edges do not repeat."""
    draw, image = np.random.default_rng(0), np.zeros((size, size), np.float32)
    grain = 4
    while grain <= size:
        blots = draw.random((-(-size // grain),) * 2, np.float32)
        image += np.repeat(np.repeat(blots, grain, 0), grain, 1)[:size, :size]
        grain *= 4
    image *= np.float32(200) / max(image.max(), 1)
    image += 4 * draw.standard_normal(image.shape, np.float32)
    return image


def cycled(call: Callable[[Any, Any], Any], buffers: Buffers, results: Buffers) -> Callable[[], Any]:
    """Ours, through the buffers in turn."""
    turns = itertools.cycle(zip(buffers, results, strict=True))
    return lambda: call(*next(turns))


def sobel(what: str, buffers: Buffers, results: Buffers, clock: Clock, budget: float) -> dict[str, Any]:
    """Magnitudes of the gradient, on the scale of one rival or another."""
    scale, largest = ("raw", 8 * 256.0) if what == "sobel" else ("skimage", 256.0)
    calls = {"convkit": cycled(lambda x, out: edges.sobel(x, scale=scale, out=out), buffers, results)}
    peers = {name: [Contender(name, call)] for name, call in rivals_of(what, buffers).items()}
    # Rounding of two derivatives of six terms each.
    eps = float(np.finfo(np.float32).eps)
    outcome = contest(calls, peers, 16.0, largest, eps, budget=budget, turn=device.TURN, clock=clock)
    found = {"agreement": outcome.agreement, "times": {name: asdict(timing) for name, timing in outcome.times.items()}}
    return {**found, "wrong": f"{outcome.worst} differ"} if outcome.failed else found


def canny(what: str, buffers: Buffers, results: Buffers, clock: Clock, budget: float) -> dict[str, Any]:
    """Edges of the smoothed image, with thresholds that are given."""
    calls = {"convkit": cycled(lambda x, out: edges.canny(x, SIGMA, LOW, HIGH, out=out), buffers, results),
             **rivals_of(what, buffers)}
    pixels = {name: clock.fetched(call()) for name, call in calls.items()}
    equal = {name: float(np.mean(found == pixels["convkit"])) for name, found in pixels.items() if name != "convkit"}
    bad = [f"only {share:.3%} of the pixels are those of {name}" for name, share in equal.items() if share < EQUAL]
    if bad:
        return {"equal": equal, "times": {}, "wrong": bad[0]}
    times = interleave(calls, budget=budget, turn=device.TURN, clock=clock)
    return {"equal": equal, "times": {name: asdict(timing) for name, timing in times.items()}}


CELLS = {"sobel": (sobel, np.dtype(np.float32)), "sobel of scikit-image": (sobel, np.dtype(np.float32)),
         "canny": (canny, np.dtype(np.bool_))}


def measure(size: int, clock: Clock, budget: float) -> tuple[list[dict[str, Any]], device.DeviceRoof]:
    """All cells, and the roof of the device."""
    from convkit._core import gpu

    roof = device.measure_device_roof("float32", clock, budget=budget)
    image, cells = photograph(size), []
    copies = max(2, math.ceil(device.CACHES * roof.cache / (2 * image.nbytes)))
    buffers = [gpu.cuda.to_device(image) for _ in range(copies)]
    for name, (run, kind) in CELLS.items():
        results = [gpu.cuda.device_array(image.shape, kind) for _ in range(copies)]
        cell = {"what": name, "shape": list(image.shape), "dtype": "float32", **run(name, buffers, results, clock, budget)}
        if cell["times"]:
            ours = cell["times"]["convkit"]["median"]
            cell["copy"] = image.size * (image.itemsize + kind.itemsize) / roof.memory / ours
            cell["values"] = {peer: timing["median"] / ours for peer, timing in cell["times"].items() if peer != "convkit"}
        cells.append(cell)
    return cells, roof


def line(cell: dict[str, Any]) -> str:
    """One line on a cell."""
    text = f"{cell['what']:<22}{'x'.join(map(str, cell['shape']))} {cell['dtype']}"
    if cell.get("wrong"):
        return f"{text}  WRONG: {cell['wrong']}"
    times = ", ".join(f"{name} {significant(1e3 * timing['median'])} ms" for name, timing in cell["times"].items())
    shares = ", ".join(f"{share:.2%} of pixels as {name}" for name, share in cell.get("equal", {}).items())
    against = ", ".join(f"{significant(value, 2)}x {name}" for name, value in cell["values"].items()) or "no rival is installed"
    return f"{text}  {times}; {cell['copy']:.0%} of copy; {against}{f' ({shares})' if shares else ''}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device_edges", description=__doc__)
    parser.add_argument("--size", type=int, default=None, help=f"rows and columns (default {SIZE}; {QUICK} with --quick)")
    parser.add_argument("--quick", action="store_true", help="a small image, written only where --json says")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds per cell (default 2)")
    parser.add_argument("--json", type=Path, default=None, help="where the numbers go (default results/device_edges.json)")
    given = parser.parse_args(arguments)
    size = given.size or (QUICK if given.quick else SIZE)
    try:
        cells, roof = measure(size, device.EventClock(), given.budget)
    except (ImportError, RuntimeError) as error:
        parser.error(str(error))
    for cell in cells:
        print(line(cell))
    print(device.roof_line(roof))
    target = given.json or (None if given.quick or size != SIZE else RESULTS / "device_edges.json")
    if target is not None:
        found = {"area": "device_edges", **circumstances({"size": size, "budget": given.budget}), "note": NOTE,
                 "roof": asdict(roof), "cells": cells}
        found["versions"] |= {**rival_versions(("cupy", "numba-cuda")), **versions(("cucim-cu12", "cucim-cu13"))}
        target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {target}")
    return int(any(cell.get("wrong") for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
