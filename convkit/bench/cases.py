"""The table of work: which samples, which weights, which sizes. Benchmarks and agreement tests both read it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit.bench.task import Task

KINDS = ("gaussian", "disk")
DTYPES = ("float32", "float64", "complex64", "complex128")
BOUNDARIES = ("zero", "edge", "reflect", "symmetric", "wrap")
SOURCES = {1: "ecg", 2: "camera", 3: "phantom"}
LARGEST = 2**28  # samples, or taps, of one case

# value, semi-axes (depth, rows, columns), centre, turn about the depth axis in degrees; the volume is [-1, 1] cubed.
ELLIPSOIDS = (
    (1.00, (0.81, 0.92, 0.69), (0.00, 0.00, 0.00), 0.0),
    (-0.80, (0.78, 0.87, 0.66), (0.00, -0.02, 0.00), 0.0),
    (-0.20, (0.22, 0.31, 0.11), (0.00, 0.00, 0.22), -18.0),
    (-0.20, (0.28, 0.41, 0.16), (0.00, 0.00, -0.22), 18.0),
    (0.10, (0.41, 0.25, 0.21), (-0.15, 0.35, 0.00), 0.0),
    (0.30, (0.05, 0.05, 0.05), (0.25, -0.60, 0.08), 0.0),
    (0.30, (0.03, 0.03, 0.06), (-0.25, -0.60, -0.06), 0.0),
)


@dataclass(frozen=True)
class Case:
    """One cell of the table: samples of ``size`` along each of ``dims`` axes under weights of ``taps`` along each.

    Parameters
    ----------
    dims : {1, 2, 3}
        Dimensions of the samples and of the weights.
    size : int
        Samples along each axis.
    taps : int
        Weights along each axis.
    kind : {"gaussian", "disk"}
        ``gaussian`` is separable (rank 1); ``disk`` (a ball in 3-D) is not. In 1-D both are plain taps.
    dtype : str
        One of ``DTYPES``.
    boundary : str
        What lies beyond the edge.
    """

    dims: int
    size: int
    taps: int
    kind: str = "gaussian"
    dtype: str = "float32"
    boundary: str = "zero"

    def __post_init__(self) -> None:
        if self.dims not in SOURCES:
            raise ValueError(f"dims is {self.dims!r}; allowed are 1, 2 and 3")
        for name, value in (("size", self.size), ("taps", self.taps)):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
            if value**self.dims > LARGEST:
                raise ValueError(
                    f"{name} is {value}: in {self.dims}-D that makes {float(value**self.dims):.3g} values, "
                    f"the limit is {LARGEST:.3g}; take a smaller one or fewer dims"
                )
        for name, word, allowed in (
            ("kind", self.kind, KINDS),
            ("dtype", self.dtype, DTYPES),
            ("boundary", self.boundary, BOUNDARIES),
        ):
            if word not in allowed:
                raise ValueError(f"{name} is {word!r}; allowed are {', '.join(allowed)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the samples, and of the result."""
        return (self.size,) * self.dims

    @property
    def operations(self) -> int:
        """Nominal operations of direct convolution: 2 x taps x outputs, whatever the method."""
        return 2 * math.prod(self.shape) * math.prod([self.taps] * self.dims)

    @property
    def label(self) -> str:
        """Weights in a few words: ``gaussian 31x31``."""
        kind = "ball" if self.kind == "disk" and self.dims == 3 else self.kind
        return f"{kind} {'x'.join([str(self.taps)] * self.dims)}"

    def samples(self) -> NDArray[Any]:
        """Samples of shape ``shape`` and dtype ``dtype``: a real signal, a real image, a phantom volume."""
        real = {1: signal, 2: image, 3: phantom}[self.dims](self.size)
        if self.dtype.startswith("complex"):
            return np.ascontiguousarray(real + 1j * np.flip(real)).astype(self.dtype)
        return real.astype(self.dtype)

    def weights(self) -> NDArray[Any]:
        """Weights of shape ``(taps,) * dims``, real, with the precision of ``dtype``."""
        precision = np.finfo(self.dtype).dtype
        dense = gaussian(self.taps, self.dims) if self.kind == "gaussian" else disk(self.taps, self.dims)
        return dense.astype(precision)

    def task(self, samples: NDArray[Any] | None = None, weights: NDArray[Any] | None = None) -> Task:
        """The case as a rival is asked for it; ``samples`` and ``weights`` if they are at hand."""
        x = self.samples() if samples is None else samples
        w = self.weights() if weights is None else weights
        taps = None
        if self.kind == "gaussian" and self.dims > 1:
            taps = (gaussian(self.taps, 1).astype(w.dtype),) * self.dims
        return Task(x, w, taps, self.boundary)


def times(n: int, dims: int) -> str:
    """``512 x 512`` for (512, 2)."""
    return " x ".join([f"{n:,}" if dims == 1 else str(n)] * dims)


@functools.lru_cache(maxsize=4)
def signal(size: int) -> NDArray[np.float64]:
    """Electrocardiogram, tiled to ``size`` samples, largest magnitude 1."""
    import pywt.data

    ecg = np.asarray(pywt.data.ecg(), dtype=np.float64)
    return _frozen(np.resize(ecg / np.abs(ecg).max(), size))


@functools.lru_cache(maxsize=4)
def image(size: int) -> NDArray[np.float64]:
    """Photograph of the camera man, tiled or cropped to ``(size, size)``, 0 to 1."""
    import pywt.data

    camera = np.asarray(pywt.data.camera(), dtype=np.float64) / 255.0
    index = np.arange(size) % camera.shape[0]
    return _frozen(camera[np.ix_(index, index)])


@functools.lru_cache(maxsize=4)
def phantom(size: int) -> NDArray[np.float64]:
    """Head of seven ellipsoids in a volume of ``(size, size, size)``, 0 to 1.

    References
    ----------
    L. A. Shepp and B. F. Logan, "The Fourier reconstruction of a head section", IEEE Trans. Nucl. Sci. 21, 1974
    (the idea; sizes and values here are our own).
    """
    axis = (2.0 * np.arange(size) + 1.0) / size - 1.0
    z, y, x = axis[:, None, None], axis[None, :, None], axis[None, None, :]
    volume = np.zeros((size, size, size))
    for value, (c, b, a), (z0, y0, x0), degrees in ELLIPSOIDS:
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        across, along = cos * (x - x0) + sin * (y - y0), cos * (y - y0) - sin * (x - x0)
        volume[(across / a) ** 2 + (along / b) ** 2 + ((z - z0) / c) ** 2 <= 1.0] += value
    return _frozen(volume)


def gaussian(taps: int, dims: int) -> NDArray[np.float64]:
    """Gaussian weights that end at 4 sigma and sum to 1: an outer product, so of rank 1."""
    offset = np.arange(taps) - (taps - 1) / 2
    profile = np.exp(-0.5 * (offset / max((taps - 1) / 8, 0.25)) ** 2)
    profile /= profile.sum()
    return functools.reduce(np.multiply.outer, [profile] * dims)


def disk(taps: int, dims: int) -> NDArray[np.float64]:
    """Disk (ball) that fills the weights, its rim smoothed over one sample; sums to 1. Not separable in 2-D and 3-D."""
    offset = np.arange(taps) - (taps - 1) / 2
    squares = functools.reduce(np.add.outer, [offset**2] * dims)
    dense = np.clip(taps / 2 - np.sqrt(squares), 0.0, 1.0)
    result: NDArray[np.float64] = dense / dense.sum()
    return result


def default_cases(dims: Iterable[int] = (1, 2, 3), dtype: str = "float32", boundary: str = "zero") -> list[Case]:
    """Cells of ``convkit bench`` without options: five Gaussians per dimension, and two disks in 2-D and 3-D."""
    chosen = {
        1: [(2**18, k, "gaussian") for k in (5, 33, 129, 513, 2049)],
        2: [(512, k, "gaussian") for k in (3, 7, 15, 31, 63)] + [(512, k, "disk") for k in (7, 31)],
        3: [(64, k, "gaussian") for k in (3, 5, 7, 11, 15)] + [(64, k, "disk") for k in (5, 11)],
    }
    return [Case(d, *cell, dtype=dtype, boundary=boundary) for d in dims for cell in chosen[d]]


FULL = {
    1: ((2**12, 2**16, 2**20), (3, 9, 33, 129, 513, 2049)),
    2: ((256, 512, 1024, 2048), (3, 5, 7, 11, 15, 31, 63)),
    3: ((32, 64, 128), (3, 5, 7, 9, 11, 15)),
}


def grid_cases(
    dims: Iterable[int] = (1, 2, 3),
    sizes: Sequence[int] | None = None,
    taps: Sequence[int] | None = None,
    dtype: str = "float32",
    boundary: str = "zero",
) -> list[Case]:
    """Every size with every number of taps, Gaussian and (2-D, 3-D) disk; None takes those of ``FULL``."""
    cells = []
    for d in dims:
        for size in sizes or FULL[d][0]:
            for kind in KINDS[: 1 if d == 1 else 2]:
                cells += [Case(d, size, k, kind, dtype, boundary) for k in taps or FULL[d][1]]
    return cells


def _frozen(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array.flags.writeable = False
    return array
