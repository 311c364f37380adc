"""Measure ``convkit.convolve`` against scipy.signal and scipy.ndimage over the whole grid of ``convkit bench --full``.

Run as ``python -m benchmarks.convolution``. Every cell is verified first; then ``auto``, convkit's three methods and the
fastest call of each rival take turns. Rivals get as many workers as convkit where they know workers, and for separable
weights scipy.ndimage is given the taps.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from convkit.bench import grid_cases, measure_case
from convkit.bench.report import document, significant
from convkit.bench.rivals import FULL

RESULTS = Path(__file__).parent / "results" / "convolution.json"
QUICK = {1: ((2**12, 2**16), (9, 129)), 2: ((256, 512), (3, 15)), 3: ((32, 64), (3, 9))}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolution", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small grid, written only where --json says")
    parser.add_argument("--dims", type=int, nargs="+", choices=(1, 2, 3), default=[1, 2, 3])
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--budget", type=float, default=None, help="seconds per cell (default 1.5; 0.3 with --quick)")
    parser.add_argument("--json", type=Path, default=None, help=f"where the numbers go (default results/{RESULTS.name})")
    options = parser.parse_args(arguments)
    partial = options.quick or sorted(set(options.dims)) != [1, 2, 3] or options.dtype != "float32"
    target = options.json or (None if partial else RESULTS)

    if options.quick:
        cases = [case for d in options.dims for case in grid_cases([d], *QUICK[d], dtype=options.dtype)]
    else:
        cases = grid_cases(options.dims, dtype=options.dtype)
    budget = options.budget or (0.3 if options.quick else 1.5)
    cells = []
    for number, case in enumerate(cases, 1):
        cell = measure_case(case, workers=options.workers, rivals=FULL, budget=budget, limit=10.0)
        cells.append(cell)
        place = f"[{number}/{len(cases)}] {case.dims}-D {case.size:>7} {case.label:<18}"
        if cell.failed:
            print(f"{place} WRONG: {cell.worst} differ by {cell.agreement:.3g} times the bound", flush=True)
            continue
        rival = cell.fastest_rival(FULL)
        ours, theirs = cell.times["auto"].median, cell.times[rival].median
        print(
            f"{place} {cell.pick:<9} {significant(1e3 * ours):>7} ms  {cell.variants[rival]:<31} "
            f"{significant(1e3 * theirs):>7} ms  {theirs / ours:6.2f}x",
            flush=True,
        )
    found = document(cells, {"quick": options.quick, "workers": options.workers, "budget": budget})
    print()
    for dims in sorted(set(options.dims)):
        print(verdict([cell for cell in found["cells"] if cell["dims"] == dims], dims))
    if target is not None:
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {target}")
    return int(any(cell.failed for cell in cells))


def verdict(cells: list[dict], dims: int) -> str:
    """One line on a dimension: the mean and the least ratio, and in how many cells convkit was slower."""
    from benchmarks.tables import geometric_mean, ratio

    ratios = [ratio(cell) for cell in cells if cell["times"]]
    if not ratios:
        return f"{dims}-D: nothing was timed"
    slower = sum(value < 1 for value in ratios)
    return (
        f"{dims}-D: {geometric_mean(ratios):.2f} times the speed of the fastest scipy (geometric mean of {len(ratios)} "
        f"cells), least {min(ratios):.2f}; slower in {slower}"
    )


if __name__ == "__main__":
    sys.exit(main())
