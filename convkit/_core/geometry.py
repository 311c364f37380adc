"""Shapes: how mode, samples and taps become a window of the full convolution, and that window a halo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MODES = ("full", "same", "valid")


class Geometry(NamedTuple):
    """One axis: `length` outputs from `start` of the full result; x extended by `before` and `after` samples.

    The outputs are then the valid correlation of the extended axis. Negative extensions crop.
    """

    start: int
    length: int
    before: int
    after: int


def window(n: int, k: int, start: int, length: int) -> Geometry:
    """Geometry of the outputs ``start : start + length`` of the full convolution of `n` samples with `k` taps."""
    return Geometry(start, length, k - 1 - start, start + length - n)


def axis_geometry(n: int, k: int, mode: str) -> Geometry:
    """Geometry of `n` samples and `k` taps along one axis.

    With ``valid`` and more taps than samples the result is that of the exchanged operands, which reads
    zeros beyond both ends of x: the halo is then zero whatever the boundary.
    """
    if mode == "full":
        return window(n, k, 0, n + k - 1)
    if mode == "same":
        return window(n, k, (k - 1) // 2, n)
    return window(n, k, min(n, k) - 1, abs(n - k) + 1)


def exchange(shape: Sequence[int], taps: Sequence[int], geometry: Sequence[Geometry]) -> tuple[Geometry, ...]:
    """Geometry of the same outputs with samples and weights exchanged (both extended by zeros)."""
    return tuple(window(k, n, g.start, g.length) for n, k, g in zip(shape, taps, geometry, strict=True))


class Layout(NamedTuple):
    """A C-contiguous array seen as a volume (depth, rows, columns * step).

    `slots` names, for each of the three axes, the convolved axis it is, or None for a batch.
    """

    shape: tuple[int, int, int]
    slots: tuple[int | None, int | None, int | None]
    step: int


def layout(shape: Sequence[int], axes: Sequence[int]) -> Layout | None:
    """Volume layout of an array of `shape` convolved along the ascending `axes`; None where three axes do not do.

    Neighbouring batch axes merge. A short batch after the last convolved axis becomes interleaved signals.
    """
    groups: list[tuple[int, int | None]] = []
    for axis, n in enumerate(shape):
        if axis in axes:
            groups.append((n, list(axes).index(axis)))
        elif groups and groups[-1][1] is None:
            groups[-1] = (groups[-1][0] * n, None)
        elif n != 1:
            groups.append((n, None))
    step = 1
    # A long trailing batch vectorises by itself, with the rows of weights shared by several output rows.
    if groups[-1][1] is None and (len(groups) > 3 or groups[-1][0] < 32):
        step = groups.pop()[0]
    if len(groups) > 3:
        return None
    (d, i), (h, j), (w, k) = [(1, None)] * (3 - len(groups)) + groups
    return Layout((d, h, w), (i, j, k), step)
