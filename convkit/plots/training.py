"""Pictures of training runs: how they went, what the first layer learnt, and what the model gets wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from convkit._core.typing import Array, ArrayLike
from convkit.plots.figures import as_image, extent, mosaic, new_figure, show
from convkit.plots.networks import LINES, filter_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion", "feature_maps", "filter_change", "filter_kinds", "mistakes", "training_curves"]


def training_curves(history: Any, *, figure: Figure | None = None) -> Figure:
    """Draw loss and accuracy of each epoch, with the gap between training and validation.

    Parameters
    ----------
    history : convkit.training.History, or mapping of str to sequence of float
        ``"epoch"`` and ``"loss"``, and where there are any ``"accuracy"``, ``"validation_loss"`` and
        ``"validation_accuracy"``.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Without an epoch.

    Examples
    --------
    >>> from convkit import plots
    >>> figure = plots.training_curves({"epoch": [1, 2], "loss": [2.0, 1.0], "validation_loss": [2.1, 1.4]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'validation']
    """
    if "loss" not in history or not len(history["loss"]):
        raise ValueError("history has no epoch; draw it after training")
    shown = [name for name in ("loss", "accuracy") if name in history]
    figure = figure or new_figure(4.8 * len(shown), 3.8)
    for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _curves(axes, name, history)
    return figure


def _curves(axes: Axes, name: str, history: Any) -> None:
    """Draw one quantity."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    epochs, training = np.asarray(history["epoch"]), np.asarray(history[name])
    axes.plot(epochs, training, LINES[0][1], color=LINES[0][0], label="training", markersize=4)
    if f"validation_{name}" in history:
        validation = np.asarray(history[f"validation_{name}"])
        axes.plot(epochs, validation, LINES[1][1], color=LINES[1][0], label="validation", markersize=4)
        axes.fill_between(epochs, training, validation, color="0.85", linewidth=0)
        gap = validation[-1] - training[-1]
        words = f"{100 * gap:+.2f} points" if name == "accuracy" else f"{gap:+.4f}"
        axes.set_title(f"validation beside training, last epoch: {words}", fontsize=10)
    axes.set(xlabel="epoch", ylabel=name, xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def filter_change(before: Any, after: Any, *, figure: Figure | None = None) -> Figure:
    """Draw the filters of a first layer before training and after it, as `filter_grid` does.

    Parameters
    ----------
    before, after : array_like or Tensor
        (filters, 1 or 3, rows, columns).
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import plots
    >>> [axes.get_title() for axes in plots.filter_change(np.ones((6, 3, 5, 5)), np.ones((6, 3, 5, 5))).axes]
    ['6 filters of 5 x 5, before', 'after']
    """
    figure = figure or new_figure(9.2, 3.4)
    sides: Any = figure.subfigures(1, 2, wspace=0.05)
    for part, weight in zip(sides, (before, after), strict=True):
        filter_grid(weight, figure=part)
    left, right = figure.axes
    left.set_title(f"{left.get_title()}, before")
    right.set_title("after")
    return figure


def filter_kinds(weight: Any, *, figure: Figure | None = None) -> Figure:
    """Draw the filters of a first layer sorted by what they look for: opponent colours, directions, or neither.

    Parameters
    ----------
    weight : array_like or Tensor
        (filters, 1 or 3, rows, columns); sorted by `convkit.nn.views.filter_kinds`, the clearest first.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import plots
    >>> edge = np.sign(np.arange(5) - 2) * np.ones((3, 5, 1))
    >>> [axes.get_title() for axes in plots.filter_kinds([edge, edge]).axes]
    ['colour: 0 of 2', 'oriented: 2 of 2', 'others: 0 of 2']
    """
    from convkit.nn import views

    kinds, images = views.filter_kinds(weight), views.filter_images(weight)
    groups = {"colour": (kinds.colour, kinds.colourfulness), "oriented": (kinds.oriented, kinds.coherence),
              "others": (~kinds.colour & ~kinds.oriented, kinds.coherence)}
    columns = int(np.ceil(np.sqrt(max(np.count_nonzero(chosen) for chosen, _ in groups.values()))))
    figure = figure or new_figure(9.0, 3.4)
    for axes, (name, (chosen, clear)) in zip(figure.subplots(1, 3, gridspec_kw={"wspace": 0.1}), groups.items(), strict=True):
        order = [i for i in np.argsort(-clear, kind="stable") if chosen[i]]
        # Nothing is drawn in the cells that fill a first row; so all filters have one size.
        nothing = [np.full_like(images[0], np.nan)] * max(columns - len(order), 0)
        show(axes, mosaic([images[i] for i in order] + nothing, columns))
        axes.set_anchor("N")
        axes.set_title(f"{name}: {len(order)} of {len(images)}")
    return figure


def feature_maps(image: ArrayLike, maps: Mapping[str, ArrayLike], *, figure: Figure | None = None) -> Figure:
    """Draw an image and what layers make of it: for each channel a map, from black for its least to white for its largest.

    Parameters
    ----------
    image : array_like
        (1 or 3, rows, columns).
    maps : mapping of str to array_like
        For each layer its activations (channels, rows, columns).
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Without layers, and for activations of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import plots
    >>> figure = plots.feature_maps(np.ones((1, 8, 8)), {"conv1": np.ones((6, 6, 6)), "conv2": np.ones((9, 2, 2))})
    >>> [axes.get_title() for axes in figure.axes]
    ['image', 'conv1: 6 maps of 6 x 6', 'conv2: 9 maps of 2 x 2']
    """
    given = {name: np.asarray(activation, np.float64) for name, activation in maps.items()}
    for name, activation in given.items():
        if activation.ndim != 3 or not activation.size:
            raise ValueError(f"the activations of {name!r} have shape {activation.shape}; give those of one image, (channels, "
                             "rows, columns)")
    if not given:
        raise ValueError("maps is empty; give the activations of at least one layer")
    figure = figure or new_figure(2.4 + 3.4 * len(given), 3.9)
    first, *others = figure.subplots(1, 1 + len(given), width_ratios=[0.6] + [1.0] * len(given))
    show(first, _scaled(np.asarray(image, np.float64)))
    first.set_title("image")
    for axes, (name, activation) in zip(others, given.items(), strict=True):
        count, high, wide = activation.shape
        show(axes, mosaic([_scaled(channel[None]) for channel in activation], int(np.ceil(np.sqrt(count)))))
        axes.set_title(f"{name}: {count} maps of {high} x {wide}")
    return figure


def _scaled(image: Array) -> Array:
    """(1 or 3, rows, columns) as a picture, its least sample 0 and its largest 1."""
    low, high = extent([image])
    return as_image((image - low) / (high - low))


def confusion(counts: ArrayLike, classes: Sequence[str], *, figure: Figure | None = None) -> Figure:
    """Draw how often each class was taken for each other: numbers, and shades for their share of the true class.

    Parameters
    ----------
    counts : array_like of int
        (classes, classes): row i, column j counts items of class i that were taken for j.
    classes : sequence of str
        Their names.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        For other numbers of names than of classes.

    Examples
    --------
    >>> from convkit import plots
    >>> plots.confusion([[9, 1], [3, 7]], ["cat", "dog"]).axes[0].get_title()
    '80.0 % right'
    """
    table = np.asarray(counts)
    if table.shape != (len(classes), len(classes)):
        raise ValueError(f"counts has shape {table.shape}, and there are {len(classes)} names; give (classes, classes)")
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    wide = 1.8 + 0.5 * len(classes)
    figure = figure or new_figure(wide + 0.6, wide)
    axes = figure.subplots()
    # The square root lets a few mistakes be seen.
    axes.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(table):
        if count:
            axes.text(j, i, f"{count}", ha="center", va="center", fontsize=8, color="white" if shares[i, j] > 0.3 else "black")
    places = range(len(classes))
    axes.set_xticks(places, classes, rotation=0 if max(map(len, classes)) < 4 else 45, ha="center" if
                    max(map(len, classes)) < 4 else "right", rotation_mode="anchor" if max(map(len, classes)) >= 4 else None)
    axes.set_yticks(places, classes)
    axes.set(xlabel="said", ylabel="true", title=f"{100 * np.trace(table) / max(table.sum(), 1):.1f} % right")
    return figure


def mistakes(images: ArrayLike, labels: Sequence[str], *, columns: int = 6, figure: Figure | None = None) -> Figure:
    """Draw images with a line each on what was said of them.

    Parameters
    ----------
    images : array_like
        (N, 1 or 3, rows, columns), with the grey levels or colours they have, which all share one range.
    labels : sequence of str
        What to write above each.
    columns : int
        Images side by side.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Without images, and for other numbers of images than of labels.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import plots
    >>> len(plots.mistakes(np.zeros((3, 1, 8, 8)), ["3, said 5: 99 %"] * 3).axes)
    3
    """
    given = np.asarray(images, np.float64)
    if given.ndim != 4 or given.shape[1] not in (1, 3) or not len(given) or len(given) != len(labels):
        raise ValueError(f"there are images of shape {given.shape} and {len(labels)} labels; give (N, 1 or 3, rows, columns) "
                         "and a label for each")
    low, high = extent([given])
    rows, across = -(-len(given) // columns), min(columns, len(given))
    figure = figure or new_figure(1.6 * across, 1.9 * rows)
    grid = figure.subplots(rows, across, squeeze=False).reshape(-1)
    for axes, image, label in zip(grid, given, labels, strict=False):
        show(axes, as_image((image - low) / (high - low)))
        axes.set_title(label, fontsize=8)
    for axes in grid[len(given) :]:
        axes.remove()
    return figure
