"""Make the README's tables from ``benchmarks/results/*.json``.

``python -m benchmarks.tables`` rewrites the text between ``<!-- table:NAME -->`` and ``<!-- /table -->`` in the README;
``--check`` changes nothing and exits 1 if a table is not current. The table ``summary`` has a row for each line of the
suites (see `AREAS`), from as many of their files as there are.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RIVALS = ("scipy.signal", "scipy.ndimage")
SHOWN = {2: ((256, 512, 2048), (3, 7, 15, 31, 63)), 3: ((32, 128), (3, 7, 15))}
MARKED = re.compile(r"(<!-- table:(\w+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)


def ratio(cell: dict) -> float:
    """Time of the fastest rival over that of ``convkit.convolve``: over 1, convkit is the faster."""
    return fastest_rival(cell)[1] / cell["times"]["auto"]["median"]


def fastest_rival(cell: dict) -> tuple[str, float]:
    """Call and seconds of the fastest rival of a cell."""
    name = min((name for name in RIVALS if name in cell["times"]), key=lambda name: cell["times"][name]["median"])
    return cell["variants"][name], cell["times"][name]["median"]


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def milliseconds(seconds: float) -> str:
    value = 1e3 * seconds
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def convolution(found: dict) -> str:
    """Chosen 2-D and 3-D cells; below, the means and the least ratio of all cells."""
    lines = [
        "| samples | weights | `auto` takes | convkit, ms | fastest scipy, ms | by | ratio |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    timed = [cell for cell in found["cells"] if cell["times"]]
    for cell in timed:
        sizes, taps = SHOWN.get(cell["dims"], ((), ()))
        if cell["size"] not in sizes or cell["taps"] not in taps:
            continue
        dims, kind = cell["dims"], "ball" if cell["kind"] == "disk" and cell["dims"] == 3 else cell["kind"]
        call, seconds = fastest_rival(cell)
        lines.append(
            f"| {' x '.join([str(cell['size'])] * dims)} | {kind} {' x '.join([str(cell['taps'])] * dims)} "
            f"| {cell['pick']} | {milliseconds(cell['times']['auto']['median'])} | {milliseconds(seconds)} "
            f"| `{call}` | {ratio(cell):.1f} |"
        )
    notes = []
    for dims in (1, 2, 3):
        ratios = [ratio(cell) for cell in timed if cell["dims"] == dims]
        if ratios:
            notes.append(
                f"{dims}-D: geometric mean {geometric_mean(ratios):.1f}, least {min(ratios):.2f} ({len(ratios)} cells)"
            )
    where, versions = found["machine"], found["versions"]
    wrong = len(found["cells"]) - len(timed)
    lines += [
        "",
        f"Ratio: time of the fastest scipy call over that of `convkit.convolve`. All cells: {'; '.join(notes)}. "
        + (f"{wrong} cells gave wrong results and were not timed. " if wrong else "")
        + f"{timed[0]['dtype']}, boundary {timed[0]['boundary']}, medians of interleaved rounds, {where['processor']}, "
        f"{where['workers']} workers; numpy {versions['numpy']}, scipy {versions['scipy']}, numba {versions['numba']}.",
    ]
    return "\n".join(lines) + "\n"


def summary(results: Path) -> str:
    """One row per line of the suites' tables, from every JSON file of a suite that is there."""
    files = {area: results / f"{area}.json" for area in AREAS}
    found = {area: json.loads(file.read_text(encoding="utf-8")) for area, file in files.items() if file.exists()}
    if not found:
        raise ValueError(f"no results of a suite are there; run python -m benchmarks.NAME, one of {', '.join(AREAS)}")
    counts = sorted({count for suite in found.values() for row in suite["rows"] for count in row["found"]}, key=int)
    head = [f"{count} worker{'s' if count != '1' else ''}: {what}" for count in counts for what in ("mean", "worst cell")]
    lines = [f"| work | against | {' | '.join(head)} |", f"|---|---|{'---:|' * len(head)}"]
    for suite in found.values():
        for row in suite["rows"]:
            if not row["found"]:
                continue
            cells = []
            for count in counts:
                here = row["found"].get(count)
                cells += [quantity(here[what], row["unit"]) if here else "" for what in ("mean", "worst")]
            lines.append(f"| {row['work']} | {row['against']} | {' | '.join(cells)} |")
    lines += ["", f"Means are geometric, over the cells of a line. {circumstances(found)}"]
    return "\n".join(lines) + "\n"


def quantity(value: float, unit: str) -> str:
    """A value with the unit of its row: times faster, share of a ceiling or of the input, times slower, seconds."""
    if unit in ("share", "extra"):
        return f"{100 * value:.1f} %"
    if unit == "seconds" and value < 1e-3:
        return f"{1e6 * value:.1f} us"
    return f"{value:.2f} s" if unit == "seconds" else f"{value:.2f}x"


def circumstances(found: dict[str, dict]) -> str:
    """Machines and versions that the suites were run with, each named once."""
    places = list(dict.fromkeys(suite["machine"]["processor"] for suite in found.values()))
    versions: dict[str, dict[str, None]] = {}
    for suite in found.values():
        for name in ("numpy", "scipy", "numba", "opencv", "torch"):
            if suite["versions"].get(name, "not installed") != "not installed":
                versions.setdefault(name, {})[suite["versions"][name]] = None
    named = ", ".join(f"{name} {' and '.join(known)}" for name, known in versions.items())
    return f"Medians of interleaved rounds, {' and '.join(places)}; {named}."


# Suites in the order of the table's lines.
AREAS = ("direct", "separable", "fft", "line", "volume", "filters", "curvelets", "curvelet_quality", "networks",
         "planner", "call")
TABLES = {"convolution": convolution}


def current(text: str, results: Path) -> str:
    """README text with every marked table made anew.

    Raises
    ------
    ValueError
        For a marked table that is not known, has no results, or has no end.
    """
    if text.count("<!-- table:") != len(MARKED.findall(text)):
        raise ValueError("a table marker has no line '<!-- /table -->' after it")

    def made(match: re.Match[str]) -> str:
        name, file = match[2], results / f"{match[2]}.json"
        if name == "summary":
            return match[1] + summary(results) + match[4]
        if name not in TABLES:
            raise ValueError(f"table:{name} is not known; there are {', '.join([*TABLES, 'summary'])}")
        if not file.exists():
            raise ValueError(f"{file.name} is missing; run python -m benchmarks.{name}")
        return match[1] + TABLES[name](json.loads(file.read_text(encoding="utf-8"))) + match[4]

    return MARKED.sub(made, text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description="Make the README's tables.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a table is not current")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args(arguments)
    text = options.readme.read_text(encoding="utf-8")
    fresh = current(text, options.results)
    if fresh == text:
        return 0
    if options.check:
        print(f"{options.readme.name}: a table is not current; run python -m benchmarks.tables", file=sys.stderr)
        return 1
    options.readme.write_text(fresh, encoding="utf-8")
    print(f"rewrote the tables of {options.readme.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
