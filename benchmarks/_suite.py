"""What the suites share: options, the loop over cells, verdicts on the rows of the table, the JSON."""

from __future__ import annotations

import argparse
import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.tables import geometric_mean, quantity
from convkit.bench.contest import contest
from convkit.bench.report import circumstances, significant
from convkit.bench.rivals import installed, threads

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """A line of the table: what is done, against what, and how good it should be.

    ``unit``: ``x`` is the rival's time over ours (more is better), ``share`` a part of the ceiling (more is better),
    ``regret`` a time over the best one, ``multiple`` a time over another's, ``seconds``, and ``extra`` a part of the input
    (less is better). ``mean`` and ``each`` are what the geometric mean and every cell should reach, the mean by number of
    workers where it differs.
    """

    key: str
    work: str
    against: str
    unit: str = "x"
    mean: float | Mapping[int, float] | None = None
    each: float | None = None

    @property
    def more(self) -> bool:
        """Whether more is better."""
        return self.unit in ("x", "share")

    def threshold(self, workers: int) -> float | None:
        """What the mean should reach."""
        return self.mean.get(workers) if isinstance(self.mean, Mapping) else self.mean

    def reached(self, value: float, wanted: float | None) -> bool:
        """Whether ``value`` is as good as ``wanted``."""
        return wanted is None or (value >= wanted if self.more else value <= wanted)


@dataclass(frozen=True)
class Job:
    """One cell: what it is, in words and numbers, and how to measure it within a budget of seconds."""

    label: dict
    measure: Callable[[float], dict]
    workers: int = 1


@dataclass(frozen=True)
class Options:
    """What a suite is asked to do."""

    quick: bool
    workers: tuple[int, ...]
    budget: float
    rows: tuple[str, ...] = field(default=())

    def wants(self, *keys: str) -> bool:
        """Whether a cell that serves these rows is asked for."""
        return not self.rows or any(key.startswith(self.rows) for key in keys)


def run(
    area: str,
    doc: str,
    rows: Sequence[Row],
    jobs: Callable[[Options], Iterable[Job]],
    arguments: list[str] | None,
    budget: float,
    needs: Sequence[str] = (),
) -> int:
    """Measure every job, print each cell and the verdict on each row, write ``results/<area>.json``.

    ``needs`` are the rivals (words of ``convkit bench --rivals``) without which there is nothing to compare with.

    With ``--quick`` or ``--rows``, and with other workers than 1 and 2, nothing is written unless ``--json`` names a file.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{area}", description=doc)
    parser.add_argument("--quick", action="store_true", help="a few small cells, written only where --json says")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    parser.add_argument("--budget", type=float, default=None, help=f"seconds per cell (default {budget}; 0.1 with --quick)")
    parser.add_argument("--rows", nargs="+", default=[], choices=[row.key for row in rows], help="only these lines")
    parser.add_argument("--json", type=Path, default=None, help=f"where the numbers go (default results/{area}.json)")
    given = parser.parse_args(arguments)
    for word in needs:
        if not installed(word):
            parser.error(f"{word} is not installed; pip install 'convkit[bench]' brings it")
    seconds = given.budget or (0.1 if given.quick else budget)
    options = Options(given.quick, tuple(given.workers), seconds, tuple(given.rows))
    partial = options.quick or options.rows or options.workers != (1, 2)
    target = given.json or (None if partial else RESULTS / f"{area}.json")
    todo = list(jobs(options))
    roofs = measured_roofs(options)
    cells = []
    for number, job in enumerate(todo, 1):
        found = {**job.label, "workers": job.workers, **job.measure(seconds)}
        cells.append(found)
        print(f"[{number}/{len(todo)}] {line(found, rows)}", flush=True)
    summaries = [summary(row, cells) for row in rows]
    print()
    for row in rows:
        for text in verdict(row, cells):
            print(text)
    wrong = [cell for cell in cells if cell.get("wrong")]
    if wrong:
        print(f"{len(wrong)} of {len(cells)} cells gave wrong results and were not timed")
    if target is not None:
        document = {
            "area": area,
            **circumstances({"quick": options.quick, "budget": seconds, "workers": list(options.workers)}),
            "roof": roofs,
            "rows": summaries,
            "cells": cells,
        }
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {target}")
    return int(bool(wrong))


def measured_roofs(options: Options) -> list[dict]:
    """Ceiling and bandwidth for each number of workers."""
    from convkit.bench.roofline import measure_roof

    return [asdict(measure_roof(workers, budget=0.2 if options.quick else 1.0)) for workers in options.workers]


def versus(task, calls, rivals, rows, workers, budget, *, eps=None, growth=None, beside=None, turn=5e-4) -> dict:
    """Verify and time our ``calls`` and those of the rivals; the values of rows are the best rival's time over ours.

    ``rows`` maps the key of a row to the rivals of which the best counts; ours is the first of ``calls``.
    """
    with threads(workers):
        outcome = contest(
            calls,
            rivals,
            task.growth if growth is None else growth,
            task.scale if eps is None else 1.0,
            float(np.finfo(task.x.dtype).eps) if eps is None else eps,
            beside=beside,
            budget=budget,
            turn=turn,
        )
    found = {
        "agreement": outcome.agreement if math.isfinite(outcome.agreement) else None,
        "times": {name: asdict(timing) for name, timing in outcome.times.items()},
        "variants": outcome.variants,
        "values": {},
    }
    if outcome.failed:
        return {**found, "wrong": f"{outcome.worst} differ by {outcome.agreement:.3g} times the bound"}
    ours = outcome.times[next(iter(calls))].median
    for key, names in rows.items():
        theirs = [outcome.times[name].median for name in names if name in outcome.times]
        if theirs:
            found["values"][key] = min(theirs) / ours
    return found


@functools.lru_cache(maxsize=2)
def samples(shape: tuple[int, ...], dtype: str = "float32"):
    """Drawn samples, the same each time: uniform in [0, 1), or in 0 ... 255 for uint8."""
    draw = np.random.default_rng(math.prod(shape))
    return draw.integers(0, 256, shape, np.uint8) if dtype == "uint8" else draw.random(shape, dtype)


def weights(shape: tuple[int, ...], dtype: str = "float32"):
    """Drawn positive weights of full rank that sum to 1."""
    dense = np.random.default_rng(math.prod(shape)).random(shape) + 0.1
    return (dense / dense.sum()).astype(dtype)


def name_of(cell: dict) -> str:
    """What a cell is, in a few words."""
    parts = []
    for key in ("what", "shape", "taps", "kind", "boundary", "dtype"):
        if key in cell:
            value = cell[key]
            parts.append("x".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    return " ".join(parts) + f", {cell['workers']} worker" + ("s" if cell["workers"] > 1 else "")


def line(cell: dict, rows: Sequence[Row]) -> str:
    """One line on a cell: its times and what it gives for each row."""
    text = f"{name_of(cell):<48}"
    if cell.get("wrong"):
        return f"{text} WRONG: {cell['wrong']}"
    units = {row.key: row.unit for row in rows}
    timings = ", ".join(f"{cell.get('variants', {}).get(name, name)} {significant(1e3 * timing['median'])} ms"
                        for name, timing in cell.get("times", {}).items())
    values = ", ".join(f"{key} {quantity(value, units[key])}" for key, value in cell["values"].items())
    return f"{text} {values}{f'  ({timings})' if timings else ''}"


def by_workers(row: Row, cells: Sequence[dict]) -> dict[int, list[tuple[float, dict]]]:
    """Values of a row with their cells, for each number of workers."""
    found: dict[int, list[tuple[float, dict]]] = {}
    for cell in cells:
        if row.key in cell["values"]:
            found.setdefault(cell["workers"], []).append((cell["values"][row.key], cell))
    return found


def summary(row: Row, cells: Sequence[dict]) -> dict:
    """A row with the geometric mean and the worst cell for each number of workers, as it goes into the JSON."""
    worst = min if row.more else max
    found = {
        str(workers): {
            "mean": geometric_mean(value for value, _ in values),
            "worst": worst(value for value, _ in values),
            "cells": len(values),
        }
        for workers, values in by_workers(row, cells).items()
    }
    thresholds = dict(row.mean) if isinstance(row.mean, Mapping) else row.mean
    return {"key": row.key, "work": row.work, "against": row.against, "unit": row.unit, "mean": thresholds, "each": row.each,
            "found": found}


def verdict(row: Row, cells: Sequence[dict]) -> Iterable[str]:
    """Lines on a row for each number of workers: its mean and its worst cell, and which cells miss what is wanted of them."""
    sign = ">=" if row.more else "<="
    for workers, values in sorted(by_workers(row, cells).items()):
        mean = geometric_mean(value for value, _ in values)
        wanted = row.threshold(workers)
        value, cell = (min if row.more else max)(values, key=lambda pair: pair[0])
        goals = [
            f"{what} {sign} {quantity(limit, row.unit)}"
            for what, limit in (("mean", wanted), ("every cell", row.each))
            if limit is not None
        ]
        ok = row.reached(mean, wanted) and row.reached(value, row.each)
        said = "      " if not goals else "meets " if ok else "MISSES"
        yield (
            f"{said} {row.work}, against {row.against}, {workers} worker{'s' if workers > 1 else ''}: geometric mean "
            f"{quantity(mean, row.unit)}, {'least' if row.more else 'most'} {quantity(value, row.unit)} ({name_of(cell)}), "
            f"{len(values)} cells{'; wanted: ' if goals else ''}{' and '.join(goals)}"
        )
        limit = row.each if row.each is not None else wanted
        missed = [pair for pair in values if not row.reached(pair[0], limit)]
        missed.sort(key=lambda pair: pair[0], reverse=not row.more)
        if missed and limit is not None:
            yield f"       short of {quantity(limit, row.unit)}: " + "; ".join(
                f"{name_of(cell).rpartition(',')[0]} {quantity(value, row.unit)}" for value, cell in missed
            )
