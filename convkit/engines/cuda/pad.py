"""Arrays extended beyond their edges on a CUDA device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks, gpu
from convkit._core.device import resident
from convkit._core.geometry import Geometry
from convkit._core.gpu import Line
from convkit._core.typing import Array
from convkit.engines.cuda import strides
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.engines.pieces import beyond
from convkit.kernels.filters_cuda import EACH
from convkit.kernels.pad_cuda import AXES, extend

# Numbers of an array that are counted in 32 bits.
MOST = 1 << 31


class _Axis(NamedTuple):
    """Neighbouring axes that are not extended, or one that may be."""

    length: int
    before: int = 0
    after: int = 0
    boundary: str = "zero"

    @property
    def extended(self) -> int:
        return self.before + self.length + self.after


def samples(x: Any) -> Line:
    """Numbers on the device, sent there if need be."""
    if not resident(x):
        return gpu.lent(checks.numbers(x, "x"))
    with gpu.located(x):
        found = strides.seen(x, "x")
    checks.numbers(found.stand_in, "x")
    return found


def padded(x: Any, samples: Line, halo: Sequence[tuple[int, int]], boundary: Sequence[str], fill: Any) -> Any:
    """As `engines.pad.padded`: an array of the kind of `x`."""
    with gpu.located(samples.owner):
        values = extended(samples, halo, boundary, fill)
        return values.owner if resident(x) else gpu.fetched(values)


def extended(samples: Line, halo: Sequence[tuple[int, int]], boundary: Sequence[str], fill: Any) -> Line:
    """New memory with the samples, extended along each axis; `fill` has their dtype."""
    axes: list[_Axis] = []
    for n, (before, after), name in zip(samples.shape, halo, boundary, strict=True):
        if before or after:
            axes.append(_Axis(n, before, after, name))
        elif axes and axes[-1].extended == axes[-1].length:
            axes[-1] = _Axis(axes[-1].length * n)
        else:
            axes.append(_Axis(n))
    shape = tuple(n + before + after for n, (before, after) in zip(samples.shape, halo, strict=True))
    done = 1
    while True:
        # Four axes at a time, the last ones first; those before them are a batch, and those extended are left as they are.
        now, axes = axes[-AXES + (done > 1) :], axes[: -AXES + (done > 1)]
        if axes:
            axes.append(now.pop(0))
        batch = math.prod(axis.length for axis in axes)
        step = [*([_Axis(batch)] if axes else []), *now, *([_Axis(done)] if done > 1 else [])]
        sizes = [axis.extended for axis in step]
        out = gpu.empty(samples, sizes if axes else shape, samples.dtype)
        _extend(samples, step, out, fill)
        if not axes:
            return out
        samples, done = out, math.prod(sizes[1:])


def _extend(samples: Line, axes: Sequence[_Axis], out: Line, fill: Any) -> None:
    """Extend up to four axes."""
    four = (*(_Axis(1),) * (AXES - len(axes)), *axes)
    table, value, sizes = _prepared(four, np.asarray(fill, samples.dtype).tobytes(), samples.dtype, gpu.current())
    launch = ready(extend(max(samples.size, out.size) >= MOST), (-(-out.size // (THREADS * EACH)),), THREADS, samples.stream)
    launch(samples.line, table.line, value.line, out.line, sizes)


@lru_cache(maxsize=64)
def _prepared(axes: tuple[_Axis, ...], fill: bytes, dtype: np.dtype[Any], device: int) -> tuple[Line, Line, tuple[int, ...]]:
    """Sources beyond the edges and the fill value on the device, and the sizes that the kernel takes."""
    tables: list[Array] = []
    sizes: list[int] = []
    for axis in axes:
        sizes += [axis.length, axis.extended, axis.before, sum(table.size for table in tables)]
        if axis.before or axis.after:
            tables.append(beyond(axis.length, Geometry(0, axis.length, axis.before, axis.after), axis.boundary))
    # One more: there is no memory of no numbers.
    sources = np.concatenate([*tables, np.zeros(1, np.int64)])
    return gpu.sent(sources), gpu.sent(np.frombuffer(fill, dtype)), tuple(map(int, sizes))
