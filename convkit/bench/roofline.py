"""How fast this machine could be: its multiply-add ceiling and its memory bandwidth, measured where the work is measured.

References
----------
S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model for multicore architectures",
Communications of the ACM 52(4), 2009.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convkit._core import workers as pool
from convkit.bench.contest import interleave
from convkit.bench.runner import Cell

# Multiply-adds of one call, per worker: a few milliseconds, so that handing it over does not count.
SPIN = 2e8
# Bytes that the array copied for the memory's bandwidth has at least.
LARGE = 1 << 26


@dataclass(frozen=True)
class Roof:
    """What bounds any loop on this machine.

    Parameters
    ----------
    workers : int
        Threads it was measured with.
    dtype : str
        Real dtype of the arithmetic.
    compute : float
        Operations per second of nothing but fused multiply-adds, two each.
    memory : float
        Bytes per second, read and written, of a copy of an array larger than the last-level cache.
    cached : float
        The same of an array an eighth of that cache.
    cache : int
        Bytes of the last-level cache.
    """

    workers: int
    dtype: str
    compute: float
    memory: float
    cached: float
    cache: int

    def bound(self, operations: float, traffic: float) -> tuple[float, str]:
        """Least seconds for so many operations and bytes, and what bounds them: ``compute``, ``memory`` or ``cache``.

        Bytes move at the speed of the memory where the last-level cache cannot hold them, else at that of the cache.
        """
        where, rate = ("memory", self.memory) if traffic > self.cache else ("cache", self.cached)
        computing, moving = operations / self.compute, traffic / rate
        return (computing, "compute") if computing >= moving else (moving, where)

    def fraction(self, cell: Cell, name: str = "auto") -> tuple[float, str]:
        """Share of the roof that a timed call of a cell reached, and what the roof is made of there.

        Operations are those of the method (of the pick of ``auto``); those of rivals are the nominal ones of direct
        convolution.
        """
        seconds, what = self.bound(cell.operations(cell.pick if name == "auto" else name), cell.traffic)
        return seconds / cell.times[name].median, what


@functools.cache
def last_level_cache() -> int:
    """Bytes of the largest cache that the system tells of; 32 MiB where it does not."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    sizes = []
    for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        try:
            text = file.read_text().strip()
            sizes.append(int(text.rstrip("KMG")) * units.get(text[-1], 1))
        except (OSError, ValueError):
            continue
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_LEVEL3_CACHE_SIZE"))
    return max([size for size in sizes if size > 0], default=1 << 25)


def compute_call(workers: int, dtype: str) -> tuple[Callable[[], None], float]:
    """Build a call that does nothing but fused multiply-adds on ``workers`` threads, and the number of its operations.

    Raises
    ------
    RuntimeError
        Under ``NUMBA_DISABLE_JIT=1``, where there is no compiled loop.
    """
    import numba

    if numba.config.DISABLE_JIT:
        raise RuntimeError("the ceiling is that of compiled code; unset NUMBA_DISABLE_JIT to measure it")
    from convkit.bench import ceiling

    kind = np.dtype(dtype)
    rounds = int(SPIN / ceiling.operations(1, kind.itemsize) * 2 / 8)
    # Eight pieces per worker: a thread that starts late or is held up leaves its share to the others.
    pieces = [np.array([0.5, 1.0, 0.0, float(i)], kind) for i in range(8 * workers)]

    def call() -> None:
        pool.run(lambda values: ceiling.spin(rounds, values), pieces, workers)

    call()
    return call, float(len(pieces) * ceiling.operations(rounds, kind.itemsize))


def copy_call(workers: int, size: int) -> tuple[Callable[[], None], float]:
    """Build a call that copies ``size`` bytes on ``workers`` threads, and the bytes that it reads and writes."""
    source = np.ones(size // 8)
    target = np.zeros_like(source)
    edges = np.linspace(0, source.size, 2 * workers + 1).astype(int)
    pieces = [(source[a:b], target[a:b]) for a, b in itertools.pairwise(edges)]

    def copy(pair: tuple[NDArray[Any], NDArray[Any]]) -> None:
        np.copyto(pair[1], pair[0])

    return lambda: pool.run(copy, pieces, workers), 2.0 * source.nbytes


def measure_roof(workers: int, dtype: str = "float32", *, budget: float = 1.0) -> Roof:
    """Measure the roof: medians of interleaved rounds that take about ``budget`` seconds."""
    kind = "float64" if dtype in ("float64", "complex128") else "float32"
    cache = last_level_cache()
    calls, amounts = {}, {}
    for name, (call, amount) in {
        "compute": compute_call(workers, kind),
        "memory": copy_call(workers, max(LARGE, 2 * cache)),
        "cached": copy_call(workers, cache // 8),
    }.items():
        calls[name], amounts[name] = call, amount
    found = interleave(calls, budget=budget)
    rates = {name: amounts[name] / timing.median for name, timing in found.items()}
    return Roof(workers, kind, rates["compute"], rates["memory"], rates["cached"], cache)
