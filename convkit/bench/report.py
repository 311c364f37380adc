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
from convkit.bench.runner import METHODS, Cell

if TYPE_CHECKING:
    from rich.table import Table

NAMES = {"fft": "FFT"}
NOTE = (
    "ms: median time of a call over interleaved rounds. GF/s: 2 x taps x outputs / time, the operations of direct "
    "convolution whatever the method."
)


def tables(cells: Sequence[Cell], rivals: Sequence[str] = ()) -> list[Table]:
    """One rich table per dimension and size, in the order of the cells."""
    groups: dict[tuple[int, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.case.dims, cell.case.size), []).append(cell)
    return [table(group, rivals) for group in groups.values()]


def table(cells: Sequence[Cell], rivals: Sequence[str] = ()) -> Table:
    """Table of the cells of one dimension and size: times, the rate of auto, its pick and whether that was fastest."""
    from rich import box
    from rich.table import Table

    case = cells[0].case
    title = (
        f"{case.dims}-D: {SOURCES[case.dims]}, {times(case.size, case.dims)} samples, {case.dtype}, "
        f"boundary {case.boundary}"
    )
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    made.add_column("weights", no_wrap=True)
    for name in (*METHODS, "auto"):
        made.add_column(f"{NAMES.get(name, name)}\nms", justify="right", no_wrap=True)
    made.add_column("auto\nGF/s", justify="right", no_wrap=True)
    made.add_column("auto\npicks", no_wrap=True)
    made.add_column("\nfastest?", no_wrap=True)
    for name in rivals:
        made.add_column(f"{name.replace('.', chr(10))} ms", justify="right")
    for cell in cells:
        if cell.failed:
            made.add_row(cell.case.label, *["[red]WRONG[/red]"] * 4, "", cell.pick, "")
            continue
        rate = significant(cell.rate("auto"), 2) if "auto" in cell.times else ""
        texts = [entry(cell, name) for name in (*METHODS, "auto")]
        made.add_row(
            cell.case.label, *texts, rate, NAMES.get(cell.pick, cell.pick), verdict(cell), *[entry(cell, r) for r in rivals]
        )
    return made


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


def document(cells: Iterable[Cell], options: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured, ready for ``json.dump``: where, with what, and each cell with its spread."""
    return {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "options": options,
        "note": NOTE,
        "cells": [record(cell) for cell in cells],
    }


def record(cell: Cell) -> dict[str, Any]:
    """One cell as plain numbers and words; times in seconds."""
    return {
        **asdict(cell.case),
        "pick": cell.pick,
        "reason": cell.reason,
        "fastest": cell.fastest,
        "pick_is_fastest": cell.pick_is_fastest,
        "agreement": finite(cell.agreement),
        "error": finite(cell.error),
        "times": {name: {**asdict(timing), "gflops": cell.rate(name)} for name, timing in cell.times.items()},
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
