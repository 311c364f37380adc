"""Every picture that the package draws. Functions return a Matplotlib figure; the caller saves or shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Panel", "crossover"]

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
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(True, which="major", color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(y=0.12)
    figure.axes[0].set_ylabel("time per call (ms)")
    handles = [Line2D([], [], label=NAMES.get(method, method), **looks[method]) for method in methods]
    if any(panel.picks for panel in panels):
        handles.append(Line2D([], [], label="picked by auto", **PICK))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
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
