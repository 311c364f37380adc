"""What was measured, as rich tables, as JSON, and as panels of the crossover picture."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from convkit import plots
from convkit.bench.cases import SOURCES, times
from convkit.bench.machine import machine, versions
from convkit.bench.rivals import rival_versions
from convkit.bench.runner import METHODS, Cell

if TYPE_CHECKING:
    from rich.table import Table

    from convkit.bench.roofline import Roof

NAMES = {"fft": "FFT"}
NOTE = (
    "ms: median time of a call over interleaved rounds. GF/s: 2 x taps x outputs / time, the operations of direct "
    "convolution whatever the method."
)
ROOF_NOTE = (
    "roof: share that auto reached of what this machine allows: the operations of its pick at the multiply-add ceiling (c), "
    "or its samples read and its result written once at the speed of the memory (m) or of the last-level cache (l), "
    "whichever takes longer."
)
WHERE = {"compute": "c", "memory": "m", "cache": "l"}


def groups(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells by dimension and size, in the order in which these come first."""
    found: dict[tuple[int, int], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.case.dims, cell.case.size), []).append(cell)
    return list(found.values())


def heading(cell: Cell) -> str:
    """What the samples of a table are."""
    case = cell.case
    return f"{case.dims}-D: {SOURCES[case.dims]}, {times(case.size, case.dims)} samples, {case.dtype}, boundary {case.boundary}"


def roof_line(roof: Roof) -> str:
    """One line: what was measured of the machine in this run."""
    workers = f"{roof.workers} worker" + ("s" if roof.workers > 1 else "")
    return (
        f"Roof of this machine, measured in this run with {workers}: {significant(roof.compute / 1e9)} GF/s of fused "
        f"multiply-adds in {roof.dtype}; {significant(roof.memory / 1e9)} GB/s copied (read and written) from memory, "
        f"{significant(roof.cached / 1e9)} GB/s within the last-level cache of {roof.cache / 2**20:.3g} MiB."
    )


def tables(cells: Sequence[Cell], rivals: Sequence[str] = (), roof: Roof | None = None) -> list[Table]:
    """One rich table per dimension and size, in the order of the cells."""
    return [table(group, rivals, roof) for group in groups(cells)]


def table(cells: Sequence[Cell], rivals: Sequence[str] = (), roof: Roof | None = None) -> Table:
    """Table of the cells of one dimension and size: times, the rate of auto, its pick and whether that was fastest."""
    made = blank(heading(cells[0]))
    made.add_column("weights", no_wrap=True)
    for name in (*METHODS, "auto"):
        made.add_column(f"{NAMES.get(name, name)}\nms", justify="right", no_wrap=True)
    made.add_column("auto\nGF/s", justify="right", no_wrap=True)
    if roof is not None:
        made.add_column("\nroof", justify="right", no_wrap=True)
    made.add_column("auto\npicks", no_wrap=True)
    made.add_column("\nfastest?", no_wrap=True)
    for name in rivals:
        made.add_column(f"{name.replace('.', chr(10))} ms", justify="right")
    for cell in cells:
        share = [reached(cell, roof)] if roof is not None else []
        if cell.failed:
            made.add_row(cell.case.label, *["[red]WRONG[/red]"] * 4, "", *share, cell.pick, "")
            continue
        rate = significant(cell.rate("auto"), 2) if "auto" in cell.times else ""
        texts = [entry(cell, name) for name in (*METHODS, "auto")]
        others = [entry(cell, name) for name in rivals]
        made.add_row(cell.case.label, *texts, rate, *share, NAMES.get(cell.pick, cell.pick), verdict(cell), *others)
    return made


def blank(title: str) -> Table:
    """A table without columns."""
    from rich import box
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def reached(cell: Cell, roof: Roof) -> str:
    """Share of the roof that ``auto`` reached and the letter of what bounds it: ``87 % c``."""
    if "auto" not in cell.times:
        return ""
    share, what = roof.fraction(cell)
    return f"{100 * share:.0f} % {WHERE[what]}"


def entry(cell: Cell, name: str) -> str:
    """Milliseconds, bold for the fastest method; or why there are none."""
    if name not in cell.times:
        return f"[dim]{cell.skipped.get(name, '-')}[/dim]"
    text = significant(1e3 * cell.times[name].median)
    return f"[bold]{text}[/bold]" if name == cell.fastest else text


def verdict(cell: Cell) -> str:
    """Whether the pick of auto was the fastest method, or how many times longer it took."""
    if cell.pick_is_fastest:
        return "[green]yes[/green]"
    if cell.pick not in cell.times:
        return "[yellow]not timed[/yellow]"
    return f"[yellow]no, {cell.times[cell.pick].median / cell.times[cell.fastest].median:.2g}x[/yellow]"


def summary(cells: Sequence[Cell]) -> str:
    """One line: how many results agreed, and how often auto picked the fastest method."""
    good = [cell for cell in cells if not cell.failed]
    if len(good) < len(cells):
        bad = next(cell for cell in cells if cell.failed)
        return (
            f"WRONG: in {len(cells) - len(good)} of {len(cells)} cells two results differ by more than rounding explains; "
            f"{bad.case.dims}-D {bad.case.label}: {bad.worst} by {bad.agreement:.3g} times the bound."
        )
    right = sum(cell.pick_is_fastest for cell in good)
    worst = max((cell.agreement for cell in good), default=0.0)
    return (
        f"auto picked the fastest method (or one within 5 %) in {right} of {len(good)} cells; "
        f"the largest difference between two results is {worst:.2g} of its bound."
    )


def significant(value: float, digits: int = 3) -> str:
    """``value`` to so many significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def circumstances(options: dict[str, Any]) -> dict[str, Any]:
    """Say when, where, with what versions and options something was measured."""
    return {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {**versions(), **rival_versions()},
        "options": options,
    }


def document(cells: Iterable[Cell], options: dict[str, Any], roof: Roof | None = None) -> dict[str, Any]:
    """Everything that was measured, ready for ``json.dump``: where, with what, and each cell with its spread."""
    return {
        **circumstances(options),
        "note": NOTE,
        "roof": None if roof is None else asdict(roof),
        "cells": [record(cell, roof) for cell in cells],
    }


def record(cell: Cell, roof: Roof | None = None) -> dict[str, Any]:
    """One cell as plain numbers and words; times in seconds."""
    reached = {}
    if roof is not None:
        reached = {name: roof.fraction(cell, name) for name in (*METHODS, "auto") if name in cell.times}
    return {
        **asdict(cell.case),
        "pick": cell.pick,
        "reason": cell.reason,
        "fastest": cell.fastest,
        "pick_is_fastest": cell.pick_is_fastest,
        "agreement": finite(cell.agreement),
        "error": finite(cell.error),
        "times": {name: {**asdict(timing), "gflops": cell.rate(name)} for name, timing in cell.times.items()},
        "roof": {name: {"fraction": share, "bound": what} for name, (share, what) in reached.items()},
        "skipped": cell.skipped,
        "variants": cell.variants,
    }


def finite(value: float) -> float | None:
    """``value``, or None where JSON has no word for it."""
    return value if math.isfinite(value) else None


def panels(cells: Iterable[Cell]) -> list[plots.Panel]:
    """One panel of the crossover picture per dimension: its largest size, Gaussian weights where there are any."""
    good = [cell for cell in cells if not cell.failed]
    made = []
    for dims in sorted({cell.case.dims for cell in good}):
        here = [cell for cell in good if cell.case.dims == dims]
        size = max(cell.case.size for cell in here)
        here = sorted((cell for cell in here if cell.case.size == size), key=lambda cell: cell.case.taps)
        kind = "gaussian" if any(cell.case.kind == "gaussian" for cell in here) else "disk"
        here = [cell for cell in here if cell.case.kind == kind]
        series = {
            method: [(cell.case.taps, cell.times[method].median) for cell in here if method in cell.times]
            for method in METHODS
        }
        if not any(series.values()):
            continue
        picks = [(cell.case.taps, cell.times[cell.pick].median) for cell in here if cell.pick in cell.times]
        title = f"{dims}-D: {SOURCES[dims]}, {times(size, dims)} samples"
        made.append(plots.Panel(title, {name: points for name, points in series.items() if points}, picks))
    return made
