"""Pictures that compare ways of training: how good several runs of each are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from convkit._core.typing import ArrayLike
from convkit.plots.figures import new_figure
from convkit.plots.networks import LINES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["scores"]


def scores(groups: Mapping[str, Mapping[str, ArrayLike]], *, label: str = "accuracy", percent: bool = True,
           figure: Figure | None = None) -> Figure:
    """Draw what several runs of several ways reached: a mark for each run, and a line at their mean.

    Parameters
    ----------
    groups : mapping of str to mapping of str to array_like
        For each group, such as a size of the training set, the ways and the numbers of their runs (runs,). A way has the same
        colour and mark in all groups; groups need not have the same ways.
    label : str
        Of the numbers' axis.
    percent : bool
        Write the numbers, from 0 to 1, in percent.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no groups, a way has no runs, and for more than six ways.

    Examples
    --------
    >>> from convkit import plots
    >>> figure = plots.scores({"50 images": {"plain": [0.5, 0.6], "dropout": [0.7, 0.7]}, "500 images": {"plain": [0.9]}})
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['plain', 'dropout']
    """
    from matplotlib.ticker import PercentFormatter

    ways = list(dict.fromkeys(way for group in groups.values() for way in group))
    if not ways or len(ways) > len(LINES):
        raise ValueError(f"groups has {len(ways)} ways; give from 1 to {len(LINES)}, and at least one group")
    figure = figure or new_figure(1.5 + 1.6 * len(groups), 4.2)
    axes = figure.subplots()
    named = set()
    for place, (name, group) in enumerate(groups.items()):
        step = 0.8 / len(group)
        for i, (way, runs) in enumerate(group.items()):
            values = np.ravel(np.asarray(runs, np.float64))
            if not values.size:
                raise ValueError(f"{way!r} of {name!r} has no runs; give at least one number")
            colour, style = LINES[ways.index(way)]
            at = place + (i - (len(group) - 1) / 2) * step
            axes.plot(at + step * np.linspace(-0.2, 0.2, values.size) * (values.size > 1), values, style[0], color=colour,
                      markersize=6, alpha=0.8, linestyle="none", label=f"_{way}" if way in named else way)
            axes.hlines(values.mean(), at - 0.4 * step, at + 0.4 * step, color=colour, linewidth=2.5)
            named.add(way)
    axes.set(ylabel=label, xlim=(-0.5, len(groups) - 0.5))
    axes.set_xticks(range(len(groups)), list(groups))
    axes.tick_params(axis="x", length=0)
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
