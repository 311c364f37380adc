"""``convkit warmup``: compile all kernels now, so that no later call has to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from convkit.cli.console import fail, plain_errors

if TYPE_CHECKING:
    from rich.console import Console


# What it is, and a call.
Task: TypeAlias = tuple[str, Callable[[], Any]]
DTYPES = ("float32", "float64", "complex64", "complex128", "int64", "uint8", "int16", "uint16")


def warmup_command(
    dtypes: Annotated[
        str | None, typer.Option(help=f"Sample types to prepare for: some of {', '.join(DTYPES)}; all, and on a device "
                                      "float32, float64 and uint8.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="For which place.")] = "cpu",
) -> None:
    """Compile all kernels, and keep them on disk: later processes start at full speed.

    Processes that run this at the same time wait for each other, and each kernel is compiled once. For a CUDA device it
    prepares what most calls need: other sizes and options may compile kernels of their own.
    """
    from numba import config
    from rich.console import Console

    from convkit._core.codecache import locked
    from convkit._core.jit import cache_directory
    from convkit.cli import warmup_device
    from convkit.cli.training import ready
    from convkit.kernels.correlate import correlate_box

    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with plain_errors("warmup"):
        ready(device)
        allowed, those = (DTYPES, tasks) if device == "cpu" else (warmup_device.DTYPES, warmup_device.tasks)
        chosen = read_dtypes(",".join(allowed) if dtypes is None else dtypes, allowed)
        if config.DISABLE_JIT:
            raise ValueError("NUMBA_DISABLE_JIT is set: nothing is ever compiled")
        directory = cache_directory(correlate_box)
        if directory is None:
            fail("warmup", "compiled kernels cannot be kept: no cache directory can be written, nor made; "
                 "NUMBA_CACHE_DIR names one", 1)  # fmt: skip
        start = time.perf_counter()
        with locked(Path(directory) / "convkit-warmup.lock", lambda: err.print("Waiting for another warm-up.")):
            made, kept = warm(chosen, those, err)
    seconds = time.perf_counter() - start
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"{made} compiled, {kept} found compiled, in {seconds:.1f} s: {', '.join(chosen)}", markup=False)
    out.print(f"Kept in {directory}", markup=False)


def read_dtypes(text: str, allowed: Sequence[str]) -> list[str]:
    """Read ``float32,uint8``, each taken once.

    Raises
    ------
    ValueError
        Naming the option.
    """
    words = list(dict.fromkeys(text.replace(",", " ").split()))
    unknown = [word for word in words if word not in allowed]
    if unknown or not words:
        raise ValueError(f"--dtypes is {text!r}; allowed are {', '.join(allowed)}")
    return words


def warm(dtypes: list[str], tasks: Callable[[str], Iterator[Task]], console: Console) -> tuple[int, int]:
    """Run every task under a progress bar; how many kernels were compiled, and how many found."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    before = counted()
    todo = [(f"{dtype}: {words}", task) for dtype in dtypes for words, task in tasks(dtype)]
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        bar = progress.add_task("starting", total=len(todo))
        for words, task in todo:
            progress.update(bar, description=words)
            task()
            progress.advance(bar)
    after = counted()
    return after[0] - before[0], after[1] - before[1]


def counted() -> tuple[int, int]:
    """Kernels compiled, and kernels loaded from disk, in this process."""
    from convkit._core.jit import DEVICE_KERNELS, KERNELS

    stats = [kernel.stats for kernel in (*KERNELS, *DEVICE_KERNELS)]
    return sum(sum(s.cache_misses.values()) for s in stats), sum(sum(s.cache_hits.values()) for s in stats)


def tasks(dtype: str) -> Iterator[Task]:
    """Small calls that together need every kernel that samples of a dtype can need."""
    import numpy as np

    from convkit.convolution import convolve, convolve_separable

    taps = np.array([1, 2, 3, 2, 1], np.dtype(dtype).type)
    box = np.ones(9, taps.dtype)
    for dims in (1, 2, 3):
        x = np.ones((24, 24, 192)[-dims:], dtype)
        outer = taps
        for _ in range(dims - 1):
            outer = np.multiply.outer(outer, taps)
        dense = outer.copy()
        dense[(1,) * dims] += 1

        def direct(x: Any = x, w: Any = dense) -> None:
            for boundary in ("zero", "reflect"):
                convolve(x, w, method="direct", boundary=boundary)
            if x.dtype.kind == "c":
                convolve(x, w * (1 + 1j), method="direct")

        def passes(x: Any = x, dims: int = dims) -> None:
            for line in (taps, box):
                for boundary in ("zero", "reflect"):
                    convolve_separable(x, [line] * dims, boundary=boundary)

        def spectra(x: Any = x, w: Any = dense) -> None:
            convolve(x, w, method="fft")

        yield f"{dims}-D direct", direct
        yield f"{dims}-D passes", passes
        yield f"{dims}-D fft", spectra
    if dtype == "int64":
        # Sums past 2^53, which float64 cannot hold.
        wide = np.full((8, 64), 1 << 30, np.int64)
        weights = np.full((3, 3), 1 << 28, np.int64)
        yield "exact sums", lambda: convolve(wide, weights, method="direct", dtype=np.int64)
        yield "exact passes", lambda: convolve_separable(wide, [weights[0] >> 14] * 2, dtype=np.int64)
    if dtype in ("float32", "float64", "uint8"):
        yield "edges", lambda: _edges(np.repeat([[1, 90]], 96, axis=1).repeat(24, axis=0).astype(dtype))
        yield "rank", lambda: _rank(np.arange(24 * 192).reshape(24, 192).astype(dtype))
        yield "curvelets", lambda: _curvelets(np.arange(24 * 192).reshape(24, 192).astype(dtype))
    if dtype in ("float32", "float64"):
        yield "networks", lambda: _networks(np.linspace(-1, 1, 2 * 144).reshape(2, 1, 12, 12).astype(dtype))
    if dtype in ("float32", "float64", "uint8", "uint16"):
        yield "data", lambda: _data(np.arange(2 * 144).reshape(2, 1, 12, 12).astype(dtype))


def _edges(image: Any) -> None:
    """All detectors, on an image and on a volume."""
    from convkit import edges

    edges.sobel(image)
    edges.farid(image, return_direction=True)
    edges.canny(image, 1.0)
    edges.canny(image, 1.0, 1, 2, norm="l1")
    edges.canny(image, 1.0, subpixel=True)
    edges.canny(None, gradient=edges.derivatives(image))
    edges.canny(image[:, :48].reshape(4, 12, 24), 1.0)
    edges.hysteresis(image, 0.5, 1)
    edges.zero_crossings(image)


def _rank(image: Any) -> None:
    """Small and large windows."""
    from convkit import filters

    for size in (3, 5, 9, 25):
        filters.median(image, size)
    filters.bilateral(image, 1.0, 10.0)


def _curvelets(image: Any) -> None:
    """A transform and its inverse, with the noise taken out between."""
    from convkit import curvelets

    curvelets.curvelet_denoise(image, 1.0)


def _networks(images: Any) -> None:
    """Steps of training with every kind of layer that has a kernel."""
    from convkit import nn, optim

    model = nn.Sequential(
        nn.ReLU(), nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1), nn.ReLU(), nn.MaxPool2d(2),
        nn.MaxPool2d(2, 1), nn.AvgPool2d(2, 1), nn.Flatten(), nn.Linear(32, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 3)
    )  # fmt: skip
    if images.dtype.itemsize == 8:
        model.double()
    for momentum, loss in ((0.0, nn.CrossEntropyLoss()), (0.9, nn.MultiMarginLoss())):
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
        start = nn.Parameter(images.copy())
        loss(model(start), [0, 2]).backward()
        optimizer.step()
    for kind in (optim.NormalizedSGD, optim.Adagrad, optim.Adadelta, optim.RMSprop, optim.Adam, optim.AdaBelief, optim.diffGrad,
                 optim.AngularGrad, optim.AdaInject):
        kind(model.parameters()).step()


def _data(images: Any) -> None:
    """A crop, and a warp."""
    import numpy as np

    from convkit import data

    data.RandomCrop(12, padding=2)(images, np.random.default_rng(0))
    data.warp(images, rotation=10)
