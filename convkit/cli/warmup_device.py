"""What ``convkit warmup --device cuda`` calls: together it needs the kernels of a CUDA device that most calls need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

# Sample types that are prepared for unless one says otherwise: there are many kernels for each.
DTYPES = ("float32", "float64", "uint8")
# Samples along each axis on a device; and under the simulator, where a thread takes a millisecond.
SIZES: dict[int, tuple[int, ...]] = {1: (1 << 16,), 2: (256, 320), 3: (24, 40, 48)}
FEW: dict[int, tuple[int, ...]] = {1: (12,), 2: (4, 6), 3: (2, 3, 4)}
# Images of a step of training: more than one, and as many as the tutorial net takes.
BATCH = 4


def tasks(dtype: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Small calls that together need the usual kernels for samples of a dtype."""
    from convkit._core.gpu import SIMULATED

    sizes = FEW if SIMULATED else SIZES
    for dims, shape in sizes.items():
        x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        yield f"{dims}-D direct", partial(_direct, x)
        yield f"{dims}-D passes", partial(_passes, x)
        yield f"{dims}-D fft", partial(_spectra, x, 3 if SIMULATED else 33 if dims < 3 else 9)
    image = np.arange(np.prod(sizes[2])).reshape(sizes[2]).astype(dtype)
    yield "filters", lambda: _filters(image)
    yield "edges", lambda: _edges(image)
    if dtype in ("float32", "float64"):
        yield "networks", lambda: _networks(dtype, _tiny if SIMULATED else _tutorial)


def _direct(x: Any) -> None:
    """Sums in tiles, with weights that are no product of passes."""
    from convkit.convolution import convolve

    weights = np.arange(3**x.ndim).reshape((3,) * x.ndim).astype(x.dtype)
    for boundary in ("zero", "reflect"):
        convolve(x, weights, method="direct", boundary=boundary, device="cuda")


def _passes(x: Any) -> None:
    """One pass after the other, of few taps and of many."""
    from convkit.convolution import convolve_separable

    for taps in (3, 9):
        convolve_separable(x, [np.ones(taps, x.dtype)] * x.ndim, device="cuda")


def _spectra(x: Any, taps: int) -> None:
    """Products of spectra, in the tiles that weights of this size take."""
    from convkit.convolution import convolve

    convolve(x, np.ones((taps,) * x.ndim, x.dtype), method="fft", device="cuda")


def _filters(image: Any) -> None:
    """Filters that make something of the results of passes."""
    from convkit import filters

    filters.gaussian(image, 1.0, truncate=2.0, device="cuda")
    filters.unsharp(image, 1.0, truncate=2.0, device="cuda")
    filters.laplacian(image, device="cuda")


def _edges(image: Any) -> None:
    """The detectors in common use."""
    from convkit import edges

    edges.sobel(image, device="cuda")
    edges.canny(image, 1.0, device="cuda")


def _networks(dtype: str, make: Callable[[], tuple[Any, Any]]) -> None:
    """Steps of training, and a prediction."""
    from convkit import optim, training

    model, images = make()
    if dtype == "float64":
        model.double()
    model.to("cuda")
    images, labels = images.astype(dtype), np.arange(len(images)) % 2
    for optimizer in (optim.SGD(model.parameters(), lr=0.1, momentum=0.9), optim.Adam(model.parameters())):
        training.fit(model, (images, labels), optimizer=optimizer, epochs=1, progress=False)
    training.predict(model, images)


def _tutorial() -> tuple[Any, Any]:
    """The network for small colour photographs that ``convkit train cifar10`` trains, and images."""
    from convkit.nn import models

    return models.tutorial_net(10), np.linspace(-1, 1, BATCH * 3 * 1024).reshape(BATCH, 3, 32, 32)


def _tiny() -> tuple[Any, Any]:
    """A network with a layer of each kind of that one."""
    from convkit import nn

    net = nn.Sequential(nn.Conv2d(1, 1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 2))
    return net, np.linspace(-1, 1, 2 * 9).reshape(2, 1, 3, 3)
