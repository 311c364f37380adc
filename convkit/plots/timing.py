"""Pictures of measured times: against kernel size, against rivals, and below the roof of a machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Panel", "crossover", "roofline", "speedups"]

# Okabe and Ito, "Color Universal Design", 2008: distinct for every common kind of colour vision.
COLOURS = {"direct": "#D55E00", "separable": "#009E73", "fft": "#0072B2"}
OTHERS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = {"direct": "s", "separable": "^", "fft": "o"}
NAMES = {"fft": "FFT"}


@dataclass(frozen=True)
class Panel:
    """One panel of the crossover picture.

    Parameters
    ----------
    title : str
        What was convolved.
    series : dict of str to list of (int, float)
        For each method: taps per axis and seconds per call.
    picks : list of (int, float)
        Taps per axis and seconds of the method that ``auto`` picked.
    """

    title: str
    series: dict[str, list[tuple[int, float]]]
    picks: list[tuple[int, float]] = field(default_factory=list)


def crossover(panels: Sequence[Panel], *, title: str | None = None) -> Figure:
    """Draw time against kernel size, one line per method, one panel per dimension, both axes logarithmic.

    Parameters
    ----------
    panels : sequence of Panel
        At least one, drawn from left to right.
    title : str, optional
        A line over the whole picture.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig("crossover.png")``.

    Raises
    ------
    ValueError
        If ``panels`` is empty.

    Examples
    --------
    >>> from convkit.plots import Panel, crossover
    >>> panel = Panel("2-D", {"direct": [(3, 1e-3), (9, 9e-3)], "fft": [(3, 4e-3), (9, 4e-3)]}, [(3, 1e-3), (9, 4e-3)])
    >>> len(crossover([panel]).axes)
    1
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FixedLocator, NullLocator

    if not panels:
        raise ValueError("panels is empty; give at least one Panel")
    figure = Figure(figsize=(4.2 * len(panels) + 0.4, 4.2), layout="constrained", dpi=150)
    drawn = dict.fromkeys(method for panel in panels for method in panel.series)
    methods = [method for method in COLOURS if method in drawn] + [method for method in drawn if method not in COLOURS]
    looks = {method: _look(method, methods) for method in methods}
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for method, points in panel.series.items():
            taps, seconds = zip(*points, strict=True)
            axes.plot(taps, [1e3 * value for value in seconds], **looks[method])
        if panel.picks:
            taps, seconds = zip(*panel.picks, strict=True)
            axes.plot(taps, [1e3 * value for value in seconds], **PICK)
        axes.set(xscale="log", yscale="log", title=panel.title, xlabel="kernel size (taps per axis)")
        ticks = sorted({taps for points in panel.series.values() for taps, _ in points})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        _plain_numbers(axes.yaxis)
        axes.grid(True, which="major", color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(y=0.12)
    figure.axes[0].set_ylabel("time per call (ms)")
    handles = [Line2D([], [], label=NAMES.get(method, method), **looks[method]) for method in methods]
    if any(panel.picks for panel in panels):
        handles.append(Line2D([], [], label="picked by auto", **PICK))
    # One panel is too narrow for all names in one line.
    columns = len(handles) if len(panels) > 1 else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    if title:
        figure.suptitle(title)
    return figure


PICK: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 13,
    "markerfacecolor": "none",
    "markeredgecolor": "0.15",
    "markeredgewidth": 1.3,
}


def _look(method: str, methods: Sequence[str]) -> dict[str, Any]:
    others = [name for name in methods if name not in COLOURS]
    colour = COLOURS.get(method) or OTHERS[others.index(method) % len(OTHERS)]
    return {"color": colour, "marker": MARKERS.get(method, "D"), "markersize": 5.5, "linewidth": 1.8}


def _plain_numbers(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers: powers of ten, twice and five times these."""
    from matplotlib.ticker import LogLocator

    axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(lambda value, _: f"{value:g}")


def speedups(rows: Sequence[tuple[str, dict[str, float]]], *, title: str | None = None) -> Figure:
    """Draw how many times faster than each rival, one row per piece of work, on a logarithmic axis with a line at 1.

    Parameters
    ----------
    rows : sequence of (str, dict of str to float)
        At least one: what was convolved, and for each rival the time of the rival over that of convkit.
    title : str, optional
        A line over the picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If ``rows`` is empty.

    Examples
    --------
    >>> from convkit.plots import speedups
    >>> len(speedups([("512 x 512, 3 x 3", {"scipy": 12.0, "opencv": 1.4})]).axes)
    1
    """
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("rows is empty; give at least one piece of work")
    figure = Figure(figsize=(8.4, 1.4 + 0.24 * len(rows)), layout="constrained", dpi=150)
    axes = figure.subplots()
    names = list(dict.fromkeys(name for _, ratios in rows for name in ratios))
    for name in names:
        at = [(ratios[name], i) for i, (_, ratios) in enumerate(rows) if name in ratios]
        look = {**_look(name, names), "linestyle": "none", "marker": "sovD^P"[names.index(name) % 6]}
        axes.plot([ratio for ratio, _ in at], [i for _, i in at], label=name, **look)
    axes.axvline(1.0, color="0.3", linewidth=1.0)
    axes.set(xscale="log", xlabel="times faster than the rival (left of the line: slower)")
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _plain_numbers(axes.xaxis)
    axes.grid(True, axis="both", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if names:
        figure.legend(loc="outside lower center", ncols=len(names), frameon=False)
    if title:
        figure.suptitle(title)
    return figure


def roofline(
    points: dict[str, list[tuple[float, float]]], compute: float, memory: float, *, title: str | None = None
) -> Figure:
    """Draw the roof of a machine and what was reached below it, both axes logarithmic.

    Parameters
    ----------
    points : dict of str to list of (float, float)
        For each method: operations per byte, and operations per second reached.
    compute : float
        Operations per second that the machine can do.
    memory : float
        Bytes per second that its memory can move.
    title : str, optional
        A line over the picture.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model for multicore
    architectures", Communications of the ACM 52(4), 2009.

    Examples
    --------
    >>> from convkit.plots import roofline
    >>> len(roofline({"direct": [(2.2, 4e10), (28.0, 1e11)]}, 1.1e11, 2e10).axes)
    1
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained", dpi=150)
    axes = figure.subplots()
    ridge = compute / memory
    reach = [x for series in points.values() for x, _ in series] + [ridge]
    ends = (min(reach) / 2, max(reach) * 2)
    roof = [(x, min(compute, x * memory) / 1e9) for x in (ends[0], ridge, ends[1])]
    axes.plot([x for x, _ in roof], [y for _, y in roof], color="0.3", linewidth=1.5, label="roof (ceiling, memory)")
    for name, series in points.items():
        look = {**_look(name, list(points)), "linestyle": "none"}
        axes.plot([x for x, _ in series], [y / 1e9 for _, y in series], label=NAMES.get(name, name), **look)
    axes.set(xscale="log", yscale="log", xlabel="operations per byte read or written once", ylabel="GF/s")
    _plain_numbers(axes.xaxis)
    _plain_numbers(axes.yaxis)
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    if title:
        axes.set_title(title)
    return figure
