"""Pictures of optimizers at work: paths on a loss of two parameters, and losses of several runs with their spread."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from convkit._core.typing import Array, ArrayLike
from convkit.plots.figures import new_figure
from convkit.plots.networks import LINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

__all__ = ["descent_paths", "loss_curves"]

GRID, LEVELS = 120, 14
STYLES = (*LINES, ("black", "X-"))


def descent_paths(loss: Callable[[Array], tuple[Any, Any]], paths: Mapping[str, ArrayLike],
                  extent: tuple[float, float, float, float], *, points: Mapping[str, ArrayLike] | None = None,
                  figure: Figure | None = None) -> Figure:
    """Draw the contours of a loss of two parameters, low where they are dark, and the paths of optimizers on it.

    Between two contours lies the same share of the picture. A path begins at a white dot and ends at a coloured mark.

    Parameters
    ----------
    loss : callable
        Takes points (2, rows, columns) and returns losses (rows, columns) and gradients, such as those of
        `convkit.optim.surfaces`.
    paths : mapping of str to array_like
        A name for each optimizer, and its points (steps + 1, 2), or (runs, steps + 1, 2) from several starts.
    extent : 4 floats
        What is drawn: from and to for the first parameter, then for the second.
    points : mapping of str to array_like, optional
        Points to mark with a cross, shape (2,), and their names.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        For paths of another shape, and an extent that does not rise.

    Examples
    --------
    >>> from convkit import optim, plots
    >>> path = optim.gradient_descent(optim.surfaces.ravine, [3.0, 1.0], steps=9, rate=0.05).path
    >>> figure = plots.descent_paths(optim.surfaces.ravine, {"gradient descent": path}, (-1, 4, -2, 2))
    >>> [line.get_label() for line in figure.axes[0].lines if not line.get_label().startswith("_")]
    ['gradient descent']
    """
    left, right, bottom, top = extent
    if not (left < right and bottom < top):
        raise ValueError(f"extent={extent!r} must rise from left to right and from bottom to top, such as (-1, 1, -1, 1)")
    across, up = np.linspace(left, right, GRID), np.linspace(bottom, top, GRID)
    heights = np.asarray(loss(np.stack(np.meshgrid(across, up)))[0])
    figure = figure or new_figure(5.6, 5.0)
    axes = figure.subplots()
    levels = np.unique(np.quantile(heights, np.linspace(0, 1, LEVELS)))
    axes.contourf(across, up, heights, levels, colors=[str(shade) for shade in np.linspace(0.55, 1, len(levels) - 1)])
    for (name, path), (colour, style) in zip(paths.items(), cycle(STYLES)):
        runs = np.asarray(path, np.float64)
        if runs.ndim not in (2, 3) or runs.shape[-1] != 2:
            raise ValueError(f"path {name!r} has shape {runs.shape}; give points (steps + 1, 2), or (runs, steps + 1, 2)")
        for i, run in enumerate(runs.reshape(-1, *runs.shape[-2:])):
            axes.plot(*run.T, style[1:], color=colour, linewidth=1.5, marker=".", markersize=3, label=f"_{i}" if i else name)
            axes.plot(*run[0], "o", color="white", markeredgecolor="black", markersize=6, zorder=3)
            axes.plot(*run[-1], style[0], color=colour, markeredgecolor="black", markersize=8, zorder=4)
    for name, point in (points or {}).items():
        x, y = np.asarray(point)
        axes.plot(x, y, "x", color="black", markersize=9, markeredgewidth=2, zorder=5)
        axes.annotate(name, (x, y), (6, 6), textcoords="offset points", zorder=5)
    axes.set(xlabel="$\\phi_0$", ylabel="$\\phi_1$", xlim=(left, right), ylim=(bottom, top))
    if paths:
        axes.legend(framealpha=0.85, edgecolor="none")
    return figure


def loss_curves(curves: Mapping[str, ArrayLike], at: ArrayLike | None = None, *, labels: tuple[str, str] = ("step", "loss"),
                figure: Figure | None = None) -> Figure:
    """Draw the losses of several runs: the median as a line, the range from the least to the largest as a band around it.

    Parameters
    ----------
    curves : mapping of str to array_like
        A name for each line, and its losses (points,), or (runs, points).
    at : array_like, optional
        Where the points are drawn, shape (points,): steps or rates; by default 0, 1, ...
    labels : (str, str)
        Of the axes. That of the losses is logarithmic.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no curves, or other numbers of losses than of points.

    Examples
    --------
    >>> from convkit import plots
    >>> figure = plots.loss_curves({"Adam": [[1.0, 0.1, 0.01], [2.0, 0.2, 0.04], [3.0, 0.5, 0.02]]})
    >>> figure.axes[0].lines[0].get_ydata()
    array([2.  , 0.2 , 0.02])
    """
    if not curves:
        raise ValueError("curves is empty; give at least one")
    figure = figure or new_figure(5.6, 4.2)
    axes = figure.subplots()
    for (name, losses), (colour, style) in zip(curves.items(), cycle(STYLES)):
        runs = np.atleast_2d(np.asarray(losses, np.float64))
        where = np.arange(runs.shape[-1]) if at is None else np.asarray(at)
        if runs.ndim != 2 or where.shape != runs.shape[1:]:
            raise ValueError(f"curve {name!r} has losses of shape {np.shape(losses)}; give {where.size} of them, or (runs, "
                             f"{where.size})")
        axes.plot(where, np.median(runs, axis=0), style, color=colour, linewidth=1.8, label=name, markersize=4,
                  markevery=max(1, where.size // 12))
        axes.fill_between(where, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel=labels[0], ylabel=labels[1], yscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
