"""The report as one HTML page that needs nothing else: tables, pictures, machine, versions."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from convkit import plots
from convkit.bench import report
from convkit.bench.cases import times
from convkit.bench.runner import METHODS, Cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convkit.bench.roofline import Roof

# Rows of the picture of ratios: more are no longer read.
ROWS = 48

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1.5rem;
  color: #1a1a1a; background: #fff; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }
caption { text-align: left; font-weight: 600; padding: 0.5rem 0; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid #bbb; text-align: right; white-space: nowrap; }
th[scope=row], td.word, th.word { text-align: left; }
td.best { font-weight: 700; }
td.bad { color: #a40000; font-weight: 700; }
figure { margin: 1rem 0 2rem; } figcaption { max-width: 60rem; }
img { max-width: 100%; height: auto; background: #fff; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #181818; } th, td { border-color: #555; }
td.bad { color: #ff8a80; } }
"""


def page(cells: Sequence[Cell], rivals: Sequence[str], roof: Roof | None, found: Mapping[str, Any]) -> str:
    """Build the page.

    Parameters
    ----------
    cells : sequence of Cell
        What was measured.
    rivals : sequence of str
        The rivals that were asked for, in the order of their columns.
    roof : Roof, optional
        The roof of the machine.
    found : mapping
        `report.document` of the same cells: when, where, versions, options.

    Returns
    -------
    str
        HTML without references to anything outside.
    """
    options, where = found["options"], found["machine"]
    missing = [f"{name} is not installed, so it is left out." for name in options.get("missing", [])]
    lines = [report.summary(cells), *([] if roof is None else [report.roof_line(roof)]), *missing]
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>convkit bench, {escape(str(where['processor']))}</title><style>{STYLE}</style></head>",
        "<body><main>",
        "<h1>Convolution, measured</h1>",
        f"<p>Made {escape(str(found['made']))} on {escape(str(where['processor']))}.</p>",
        *[f"<p>{escape(line)}</p>" for line in lines],
        "<h2>Pictures</h2>",
        *pictures(cells, rivals, roof),
        "<h2>Times</h2>",
        f"<p>{escape(report.NOTE)} In bold, the fastest of convkit's methods.</p>",
        *([] if roof is None else [f"<p>{escape(report.ROOF_NOTE)}</p>"]),
        *[table(group, rivals, roof) for group in report.groups(cells)],
        "<h2>Machine and versions</h2>",
        facts("Machine", where),
        facts("Versions", found["versions"]),
        facts("Options", {name: value for name, value in options.items() if name != "missing"}),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def table(cells: Sequence[Cell], rivals: Sequence[str], roof: Roof | None) -> str:
    """One table: the cells of one dimension and size, a row each."""
    names = [*METHODS, "auto"]
    heads = [f"{report.NAMES.get(name, name)}, ms" for name in names] + ["auto, GF/s"]
    heads += ["roof"] if roof is not None else []
    heads += ["auto picks", "fastest?"] + [f"{name}, ms" for name in rivals] + ["auto against the fastest rival"] * bool(rivals)
    rows = []
    for cell in cells:
        row = [f'<th scope="row">{escape(cell.case.label)}</th>']
        if cell.failed:
            words = f"WRONG: {cell.worst} differ by {cell.agreement:.3g} times the bound"
            rows.append(f'<tr>{row[0]}<td class="bad word" colspan="{len(heads)}">{escape(words)}</td></tr>')
            continue
        row += [data(number(cell, name), "best" if name == cell.fastest else "") for name in names]
        row.append(data(report.significant(cell.rate("auto"), 2)))
        row += [data(report.reached(cell, roof))] if roof is not None else []
        row += [data(report.NAMES.get(cell.pick, cell.pick), "word"), data(plain(report.verdict(cell)), "word")]
        row += [data(number(cell, name)) for name in rivals]
        if rivals:
            rival = cell.fastest_rival(rivals)
            text = f"{cell.times[rival].median / cell.times['auto'].median:.2f} x ({cell.variants[rival]})" if rival else "-"
            row.append(data(text, "word"))
        rows.append(f"<tr>{''.join(row)}</tr>")
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return (
        f'<div class="scroll"><table><caption>{escape(report.heading(cells[0]))}</caption>'
        f'<thead><tr><th scope="col" class="word">weights</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def number(cell: Cell, name: str) -> str:
    """Milliseconds, or why there are none."""
    return report.significant(1e3 * cell.times[name].median) if name in cell.times else cell.skipped.get(name, "-")


def plain(text: str) -> str:
    """``text`` without the colours of the terminal."""
    from rich.text import Text

    return Text.from_markup(text).plain


def data(text: str, style: str = "") -> str:
    """One cell of a table."""
    return f'<td class="{style}">{escape(text)}</td>' if style else f"<td>{escape(text)}</td>"


def facts(caption: str, values: Mapping[str, Any]) -> str:
    """Table of names and values."""
    rows = "".join(
        f'<tr><th scope="row">{escape(str(name).replace("_", " "))}</th><td class="word">{escape(words(value))}</td></tr>'
        for name, value in values.items()
    )
    return f"<table><caption>{escape(caption)}</caption><tbody>{rows}</tbody></table>"


def words(value: object) -> str:
    """``value`` as a reader expects it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "as by default" if value is None else str(value)


def pictures(cells: Sequence[Cell], rivals: Sequence[str], roof: Roof | None) -> Iterable[str]:
    """Pictures that there is something to draw for."""
    good = [cell for cell in cells if not cell.failed]
    panels = report.panels(good)
    if panels:
        told = "; ".join(
            f"{panel.title}: " + ", ".join(f"{report.NAMES.get(name, name)} {series[0][0]} to {series[-1][0]} taps"
                                          for name, series in panel.series.items()) for panel in panels)
        yield picture(
            plots.crossover(panels), "Time against kernel size, by method.",
            f"Line charts on logarithmic axes, one per dimension. {told}. The numbers are in the tables below.")
    ratios = speedup_rows(good, rivals)
    if ratios:
        note = f" The first {ROWS} of {len(ratios)} cells." if len(ratios) > ROWS else ""
        yield picture(
            plots.speedups(ratios[:ROWS]), f"How many times faster than each rival `auto` is.{note}",
            f"Dot chart of {min(ROWS, len(ratios))} rows with one dot per rival. The numbers are in the tables below.")
    if roof is not None and good:
        points: dict[str, list[tuple[float, float]]] = {}
        for cell in good:
            for name in METHODS:
                if name in cell.times:
                    done = cell.operations(name)
                    points.setdefault(name, []).append((done / cell.traffic, done / cell.times[name].median))
        yield picture(
            plots.roofline(points, roof.compute, roof.memory),
            "What each method reached under the roof of this machine. Arrays that fit into a cache may lie above the slope.",
            "Scatter chart on logarithmic axes: operations per second against operations per byte, below the line of the "
            "memory's speed and the multiply-add ceiling.")


def speedup_rows(cells: Sequence[Cell], rivals: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    """Time of each rival over that of ``auto``, for the cells that any rival took part in."""
    rows = []
    for cell in cells:
        ratios = {name: cell.times[name].median / cell.times["auto"].median for name in rivals if name in cell.times}
        if ratios:
            rows.append((f"{times(cell.case.size, cell.case.dims)}, {cell.case.label}", ratios))
    return rows


def picture(figure: Figure, caption: str, description: str) -> str:
    """A figure embedded as PNG, with its caption and a description for those who do not see it."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png")
    code = base64.b64encode(memory.getvalue()).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{code}" alt="{escape(description)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
