"""The table of work on a CUDA device: timed by its events, over more samples than its cache holds, and set against its roof."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from convkit.bench import report
from convkit.bench.cases import Case
from convkit.bench.contest import Clock, contest, interleave
from convkit.bench.rival_cupy import cupyx_ndimage, cupyx_signal
from convkit.bench.rival_torch import torch_cuda
from convkit.bench.rivals import Contender, Task, rival_versions
from convkit.bench.runner import METHODS, Cell, rounding, why_not

if TYPE_CHECKING:
    from rich.table import Table

# Adapters: called with a task and arrays on the device that hold its samples, which their calls take in turn.
DeviceRival: TypeAlias = Callable[[Task, Sequence[Any]], list[Contender]]
DEVICE_RIVALS: dict[str, DeviceRival] = {"cupyx.ndimage": cupyx_ndimage, "cupyx.signal": cupyx_signal, "torch": torch_cuda}
# Words of --rivals, and the rivals they mean.
DEVICE_GROUPS = {"cupy": ("cupyx.ndimage", "cupyx.signal"), "torch": ("torch",)}
# Samples along each axis, and taps of Gaussians and of disks, without options.
USUAL = {1: (2**26, (5, 33, 129), ()), 2: (8192, (3, 5, 7, 15, 31), (7, 15)), 3: (384, (3, 5, 7), (5,))}
# Samples and results that calls walk through, in bytes of the last-level cache, and what is copied for the bandwidth.
CACHES, LARGE = 4, 1 << 28
# Seconds of a turn: several launches follow one another, and none waits for Python.
TURN = 5e-3
# Multiply-adds of each thread for the ceiling, and blocks of 256 threads for each multiprocessor.
ROUNDS, BLOCKS = 1 << 14, 8
NOTE = (
    "ms: median time of a call by the events of the device, over interleaved rounds that walk through more samples than its "
    "cache holds. copy: the time to copy the samples once, over that of the fastest method; fma: share of the ceiling of "
    "multiply-adds that this method reached, the separable one counted by its own operations. rival: how many times longer the "
    "fastest rival took."
)


class EventClock(Clock):
    """Seconds between two events of the device, and results fetched from it."""

    def timed(self, call: Callable[[], Any], count: int = 1) -> tuple[float, Any]:
        """Seconds of one of `count` calls, and the result of the last."""
        from convkit._core import gpu

        begin, end = gpu.cuda.event(), gpu.cuda.event()
        begin.record()
        for _ in range(count - 1):
            call()
        result = call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / count, result

    def fetched(self, result: Any) -> Any:
        """A result as an array of the host."""
        if hasattr(result, "cpu"):
            return result.cpu().numpy()
        return result.get() if hasattr(result, "get") else result.copy_to_host()


@dataclass(frozen=True)
class DeviceRoof:
    """What bounds any loop on a device.

    Parameters
    ----------
    device : str
        Its name.
    multiprocessors : int
        How many there are.
    cache : int
        Bytes of the last-level cache.
    dtype : str
        Real dtype of the arithmetic.
    compute : float
        Operations per second of nothing but fused multiply-adds, two each, as measured.
    memory : float
        Bytes per second, read and written, of a copy on the device, as measured.
    """

    device: str
    multiprocessors: int
    cache: int
    dtype: str
    compute: float
    memory: float

    def shares(self, cell: Cell, name: str) -> tuple[float, float]:
        """Shares of the bandwidth of a copy, and of the ceiling, that a timed method of a cell reached."""
        seconds = cell.times[name].median
        return cell.traffic / self.memory / seconds, cell.operations(name) / self.compute / seconds


def device_cases(dims: Iterable[int], dtype: str, boundary: str) -> list[Case]:
    """Cells of ``convkit bench --device cuda`` without options."""
    return [Case(d, USUAL[d][0], taps, kind, dtype, boundary)
            for d in dims for kind, several in zip(("gaussian", "disk"), USUAL[d][1:], strict=True) for taps in several]


def measure_device_roof(dtype: str, clock: Clock, *, budget: float = 1.0) -> DeviceRoof:
    """Measure the roof: medians of interleaved rounds that take about ``budget`` seconds.

    Raises
    ------
    ImportError, RuntimeError
        Without the extra, and without a device.
    """
    from convkit._core import gpu
    from convkit.engines.cuda.grids import THREADS
    from convkit.kernels import ceiling_cuda

    gpu.require()
    name, multiprocessors, cache = gpu.described()
    kind = np.dtype("float64" if dtype in ("float64", "complex128") else "float32")
    blocks, rounds = (1, 2) if gpu.SIMULATED else (BLOCKS * multiprocessors, ROUNDS)
    size = max(LARGE, CACHES * cache) if not gpu.SIMULATED else 1 << 10
    source, target = (gpu.cuda.to_device(np.ones(size // kind.itemsize, kind)) for _ in range(2))
    values, out = gpu.cuda.to_device(np.array([0.5, 1.0], kind)), gpu.cuda.device_array(blocks * THREADS, kind)
    kernel = gpu.configured(ceiling_cuda.spin(kind.name), (blocks,), (THREADS,), 0, 0)
    calls: dict[str, Callable[[], object]] = {"compute": lambda: kernel(values, out, rounds),
                                              "memory": lambda: target.copy_to_device(source)}
    for call in calls.values():
        call()
    found = interleave(calls, budget=budget, turn=TURN, clock=clock)
    operations = 2.0 * rounds * ceiling_cuda.SUMS * blocks * THREADS
    return DeviceRoof(name, multiprocessors, cache, kind.name, operations / found["compute"].median,
                      2.0 * source.nbytes / found["memory"].median)


def measure_on_device(case: Case, roof: DeviceRoof, clock: Clock, *, rivals: Sequence[str] = (), repeats: int | None = None,
                      budget: float = 0.4, methods: Sequence[str] = METHODS) -> Cell:
    """Verify every method and the rivals against each other on the device, then time them.

    Parameters
    ----------
    case : Case
        The cell.
    roof : DeviceRoof
        Whose cache the samples have to exceed.
    clock : Clock
        What times calls and fetches results.
    rivals : sequence of str
        Names of ``DEVICE_RIVALS``.
    repeats : int, optional
        Rounds; None takes as many as ``budget`` seconds allow, at least 3 and at most 60.
    budget : float
        Seconds of measuring, over all contenders.
    methods : sequence of str
        Those of ``METHODS`` to measure.

    Returns
    -------
    Cell
        Without times if the results disagree.
    """
    from convkit._core import gpu
    from convkit.convolution import convolve
    from convkit.separable import separate

    x, weights = case.samples(), case.weights()
    found = separate(weights)
    cell = Cell(case, rank=found.rank)
    copies = max(2, math.ceil(CACHES * roof.cache / (2 * x.nbytes)))
    samples = [gpu.cuda.to_device(x) for _ in range(copies)]
    results = [gpu.cuda.device_array(x.shape, x.dtype) for _ in range(copies)]

    def caller(method: str) -> Callable[[], Any]:
        turns = itertools.cycle(zip(samples, results, strict=True))

        def call() -> Any:
            source, out = next(turns)
            return convolve(source, weights, boundary=case.boundary, method=method, out=out)

        return call

    calls, growth = {}, {}
    for method in methods:
        skip = why_not(case, method, found, 0.0, math.inf)
        if skip:
            cell.skipped[method] = skip
        else:
            calls[method], growth[method] = caller(method), rounding(case, method, found)
    task = case.task(x, weights)
    growth.update(dict.fromkeys(rivals, max(rounding(case, method, found) for method in METHODS)))
    entries, failed = {}, {}
    for rival in rivals:
        entries[rival], failed[rival] = _ready(DEVICE_RIVALS[rival](task, samples), clock)
    outcome = contest(calls, entries, growth, task.scale, float(np.finfo(case.dtype).eps), repeats=repeats, budget=budget,
                      turn=TURN, clock=clock)
    cell.agreement, cell.error, cell.worst = outcome.agreement, outcome.error, outcome.worst
    cell.times, cell.variants = outcome.times, outcome.variants
    cell.skipped.update({rival: failed[rival] or "-" for rival in outcome.unable})
    cell.pick = cell.fastest
    return cell


def _ready(contenders: Sequence[Contender], clock: Clock) -> tuple[list[Contender], str]:
    """Those that can be called, and how the last of the others failed.

    What they compile or try out when first called is none of their time: a rival would seem far behind.
    """
    able, failure = [], ""
    for contender in contenders:
        try:
            clock.fetched(contender.call())
        except Exception as error:  # of whatever kind: it is another library's, and the others are still to be timed
            failure = type(error).__name__
        else:
            able.append(contender)
    return able, failure


def tables(cells: Sequence[Cell], rivals: Sequence[str], roof: DeviceRoof) -> list[Table]:
    """One rich table per dimension and size."""
    return [_table(group, rivals, roof) for group in report.groups(cells)]


def _table(cells: Sequence[Cell], rivals: Sequence[str], roof: DeviceRoof) -> Table:
    made = report.blank(report.heading(cells[0]))
    made.add_column("weights", no_wrap=True)
    for name in METHODS:
        made.add_column(f"{report.NAMES.get(name, name)}\nms", justify="right", no_wrap=True)
    for name in ("copy", "fma"):
        made.add_column(f"\n{name}", justify="right", no_wrap=True)
    for name in rivals:
        made.add_column(f"{name.replace('.', chr(10))} ms", justify="right")
    made.add_column("\nrival", justify="right", no_wrap=True)
    for cell in cells:
        if cell.failed:
            made.add_row(cell.case.label, *["[red]WRONG[/red]"] * len(METHODS))
            continue
        shares = [f"{100 * share:.0f} %" for share in roof.shares(cell, cell.fastest)]
        rival = cell.fastest_rival(rivals)
        times = f"{report.significant(cell.times[rival].median / cell.times[cell.fastest].median, 2)}x" if rival else ""
        made.add_row(cell.case.label, *(report.entry(cell, name) for name in METHODS), *shares,
                     *(report.entry(cell, name) for name in rivals), times)
    return made


def roof_line(roof: DeviceRoof) -> str:
    """One line: what was measured of the device in this run."""
    return (f"Roof of {roof.device} ({roof.multiprocessors} multiprocessors, {roof.cache / 2**20:.3g} MiB of cache), measured "
            f"in this run: {report.significant(roof.compute / 1e9)} GF/s of fused multiply-adds in {roof.dtype}; "
            f"{report.significant(roof.memory / 1e9)} GB/s copied (read and written).")


def summary(cells: Sequence[Cell]) -> str:
    """One line: how many results agreed."""
    bad = [cell for cell in cells if cell.failed]
    if bad:
        return (f"WRONG: in {len(bad)} of {len(cells)} cells two results differ by more than rounding explains; "
                f"{bad[0].case.dims}-D {bad[0].case.label}: {bad[0].worst} by {bad[0].agreement:.3g} times the bound.")
    worst = max((cell.agreement for cell in cells), default=0.0)
    return f"The largest difference between two results is {worst:.2g} of its bound."


def document(cells: Sequence[Cell], options: dict[str, Any], roof: DeviceRoof) -> dict[str, Any]:
    """Everything that was measured, as `report.document` has it: the roof is the device's, with shares of it for each time."""
    found = {**report.document(cells, options), "note": NOTE, "roof": asdict(roof)}
    found["versions"] |= rival_versions(("cupy", "numba-cuda"))
    for cell, record in zip(cells, found["cells"], strict=True):
        shares = {name: roof.shares(cell, name) for name in METHODS if name in cell.times}
        record["roof"] = {name: {"copy": copy, "fma": fma} for name, (copy, fma) in shares.items()}
    return found
