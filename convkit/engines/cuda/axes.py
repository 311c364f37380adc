"""Axes of arrays on a CUDA device: which elements lie where. NumPy itself does what is done to axes, on arrays of no memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.kernels.arrays_cuda import AXES

# Numbers of an array: kernels count the places of an element in 32 bits.
MOST_NUMBERS = 1 << 32


def refused(name: str) -> TypeError:
    """The error for what is not computed on a device."""
    return TypeError(f"{name} is not computed on a CUDA device; fetch what it is for to the host, with .cpu()")


def refuse_more(count: int) -> None:
    """Refuse arrays of more numbers than kernels count."""
    if count >= MOST_NUMBERS:
        raise ValueError(f"an array of {count} numbers is more than arithmetic on a CUDA device takes, fewer than "
                         f"{MOST_NUMBERS}; take it in parts")


def collapsed(sizes: Sequence[int], *steps: Sequence[int]) -> list[tuple[int, ...]]:
    """Sizes and steps as four axes: those of length 1 left out, neighbours made one where all operands let them be."""
    refuse_more(math.prod(sizes))
    axes: list[tuple[int, ...]] = []
    for n, *inner in zip(sizes, *steps, strict=True):
        if n == 1:
            continue
        if axes and all(before == step * n for before, step in zip(axes[-1][1:], inner, strict=True)):
            axes[-1] = (axes[-1][0] * n, *inner)
        else:
            axes.append((n, *inner))
    if len(axes) > AXES:
        raise refused(f"moving numbers between {len(axes)} axes that cannot be made fewer")
    whole = [(1, *(0 for _ in steps))] * (AXES - len(axes)) + axes
    return [tuple(map(int, column)) for column in zip(*whole, strict=True)]


def places_of(shape: tuple[int, ...]) -> Array:
    """An array of no memory whose strides and addresses are the places of elements: NumPy then does what is done to axes."""
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), shape, steps)


def is_plain(index: Any) -> bool:
    """Whether an index has whole numbers, slices, None and ... only."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) for part in parts)


def first_of(shape: tuple[int, ...], places: Array) -> tuple[int, tuple[int, ...]]:
    """The first of places, and the steps between them."""
    base: Any = places
    while base.base is not None and isinstance(base.base, np.ndarray):
        base = base.base
    return places.__array_interface__["data"][0] - base.__array_interface__["data"][0], places.strides
