"""Arrays extended beyond their edges, on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.boundary import CONSTANT, index_map
from convkit._core.typing import Array


def samples(x: Any) -> Array:
    """Numbers that are checked."""
    return checks.numbers(x, "x")


def padded(x: Any, samples: Array, halo: Sequence[tuple[int, int]], boundary: Sequence[str], fill: Any) -> Array:
    """A new array: the samples, which are those of `x`, extended along each axis; `fill` has their dtype."""
    for axis, ((before, after), name) in enumerate(zip(halo, boundary, strict=True)):
        if before == after == 0:
            continue
        sources = index_map(samples.shape[axis], before, after, name)
        samples = np.take(samples, np.maximum(sources, 0), axis=axis)
        if name in CONSTANT:
            np.moveaxis(samples, axis, 0)[sources < 0] = fill
    return samples if samples.base is None and samples is not x else samples.copy()
