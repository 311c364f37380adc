"""The correlations that a layer's convolution and the gradient of its samples consist of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convkit._core.typing import IntArray
from convkit.engines.channel_tiles import Axis, Pass


class Convolution(NamedTuple):
    """What a layer computes: correlation of samples (N, C_in, *S) with weights (C_out, C_in / groups, *K).

    `padding` samples go before and after each axis, of values that `boundary` tells; the sums are `stride` samples
    apart, their taps `dilation`.
    """

    samples: tuple[int, ...]
    weights: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    boundary: str
    groups: int
    dtype: np.dtype[Any]

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the results, (N, C_out, *O)."""
        outputs = (
            (n + before + after - d * (k - 1) - 1) // s + 1
            for n, k, s, d, (before, after) in zip(
                self.samples[2:], self.weights[2:], self.stride, self.dilation, self.padding, strict=True)
        )
        return (self.samples[0], self.weights[0], *outputs)


def three(sizes: Sequence[int], ones: int = 1) -> tuple[int, ...]:
    """Depth, rows and columns of an array with one to three axes."""
    return (ones,) * (3 - len(sizes)) + tuple(sizes)


def between_zeros(c: Convolution) -> Convolution:
    """The convolution itself if its padding is zeros; else that of the padded samples."""
    if c.boundary == "zero":
        return c
    padded = (n + before + after for n, (before, after) in zip(c.samples[2:], c.padding, strict=True))
    return c._replace(samples=(*c.samples[:2], *padded), padding=((0, 0),) * len(c.padding), boundary="zero")


def forward_pass(c: Convolution) -> Pass:
    """The correlation of samples with weights."""
    sizes = three(c.out_shape[2:]), three(c.stride), three(c.dilation), three([b for b, _ in c.padding], 0)
    z, y, x = (
        Axis(o, s, tuple(k * d - b for k in range(n)), tuple(range(n)), m, 0, 1, o)
        for o, s, d, b, n, m in zip(*sizes, three(c.weights[2:]), three(c.samples[2:]), strict=True)
    )
    return Pass(c.samples[0], c.groups, c.weights[1], c.weights[0] // c.groups, (z, y, x), c.boundary, c.dtype.itemsize)


def gradient_passes(c: Convolution) -> list[Pass]:
    """Correlations that make the gradient of samples `between_zeros` from that of the results.

    Sample p of an axis meets tap k in output (p + before - k * dilation) / stride: samples whose positions leave the same
    remainder meet the same taps, and some meet none.
    """
    sizes = three(c.samples[2:]), three(c.out_shape[2:]), three(c.stride), three(c.dilation)
    before = three([b for b, _ in c.padding], 0)
    choices: list[list[Axis]] = []
    for n, o, s, d, b, kernel in zip(*sizes, before, three(c.weights[2:]), strict=True):
        axes = []
        for r in range(min(s, n)):
            met = tuple(k for k in range(kernel) if (r + b - k * d) % s == 0)
            axes.append(Axis((n - r + s - 1) // s, 1, tuple((r + b - k * d) // s for k in met), met, o, r, s, n))
        choices.append(axes)
    rows, channels = c.weights[1], c.weights[0] // c.groups
    return [Pass(c.samples[0], c.groups, channels, rows, (z, y, x), "zero", c.dtype.itemsize)
            for z, y, x in itertools.product(*choices)]


def tap_order(p: Pass, kernel: Sequence[int]) -> IntArray:
    """Where the taps of a pass lie among those of a channel of the weights."""
    _, height, width = three(kernel)
    z, y, x = (np.array(axis.taps, np.int64) for axis in p.axes)
    order: IntArray = ((z[:, None, None] * height + y[:, None]) * width + x).reshape(-1)
    return order
