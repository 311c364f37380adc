"""Pictures of what is in networks: filters, linear regions, what excites a channel, and how activations change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from convkit._core.typing import ArrayLike
from convkit.plots.figures import as_image, extent, mosaic, new_figure, show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from convkit.nn.views import Regions

__all__ = ["activation_changes", "feature_views", "filter_grid", "linear_regions"]

# Okabe and Ito's blue, vermilion, green, purple, orange and sky blue, and how each line is drawn.
LINES = (("#0072B2", "o-"), ("#D55E00", "s--"), ("#009E73", "^-."), ("#CC79A7", "D:"), ("#E69F00", "v-"), ("#56B4E9", "P--"))


def filter_grid(weight: Any, *, figure: Figure | None = None) -> Figure:
    """Draw the filters of a first layer: middle grey is 0, and each filter's largest weight black or white.

    Parameters
    ----------
    weight : array_like or Tensor
        (filters, 1 or 3, rows, columns), in colours if there are three channels.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        For weights of another shape.

    Examples
    --------
    >>> from convkit import nn, plots
    >>> len(plots.filter_grid(nn.Conv2d(3, 64, 11).weight).axes)
    1
    """
    from convkit.nn.views import filter_images

    images = filter_images(weight)
    ideal = np.sqrt(1.6 * len(images))
    # Full rows rather than the best shape.
    columns = min(range(1, len(images) + 1), key=lambda n: (abs(n - ideal) > ideal / 3, -len(images) % n, abs(n - ideal)))
    picture = mosaic(list(images), columns)
    figure = figure or new_figure(6.0, 6.0 * picture.shape[0] / picture.shape[1] + 0.4)
    axes = figure.subplots()
    show(axes, picture)
    axes.set_title(f"{len(images)} filters of {images.shape[1]} x {images.shape[2]}")
    return figure


def linear_regions(regions: Regions, points: Mapping[str, ArrayLike] | None = None, *, figure: Figure | None = None) -> Figure:
    """Draw the linear regions of a network on a plane through its space of inputs, each in a colour of its own.

    The colours tell regions apart and mean nothing else; they come again where there are many regions.

    Parameters
    ----------
    regions : convkit.nn.views.Regions
        What `convkit.nn.views.linear_regions` gives.
    points : mapping of str to array_like, optional
        Inputs to mark, and their names: they are drawn at the nearest points of the plane.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from convkit import nn, plots
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    >>> plane = views.Plane.through([-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0])
    >>> figure = plots.linear_regions(views.linear_regions(model, plane, 50))
    >>> figure.axes[0].get_xlabel()
    'distance in the space of inputs'
    """
    plane, labels = regions.plane, regions.labels
    wide, high = (float(np.linalg.norm(side)) for side in (plane.right, plane.down))
    figure = figure or new_figure(6.0, 6.0)
    axes = figure.subplots()
    # The golden section spreads the colours of neighbours, which have near numbers.
    shade = labels * ((5**0.5 - 1) / 2) % 1
    axes.imshow(shade, cmap="viridis", vmin=0, vmax=1, extent=(0, wide, high, 0), interpolation="nearest")
    for name, x in (points or {}).items():
        u, v = plane.locate(x)
        axes.plot(u * wide, v * high, "o", color="#D55E00", markeredgecolor="white", markersize=9)
        axes.annotate(name, (u * wide, v * high), (0, 8), textcoords="offset points", ha="center",
                      bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85})
    axes.set(xlabel="distance in the space of inputs", ylabel="distance", title=f"{regions.count} linear regions")
    return figure


def feature_views(channels: Mapping[str, tuple[Sequence[ArrayLike], Sequence[ArrayLike]]], *, columns: int = 2,
                  figure: Figure | None = None) -> Figure:
    """Draw for each channel what excites it most, projected back to the image, beside the patches of the images that did.

    Reconstructions are drawn around middle grey, each with its own contrast; patches with the grey levels of their images.

    Parameters
    ----------
    channels : mapping of str to (sequence of array_like, sequence of array_like)
        A title for each channel, its reconstructions and its patches, arrays (1 or 3, rows, columns), the strongest first.
    columns : int
        Channels side by side.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no channels, or other numbers of reconstructions than of patches, or other shapes.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import plots
    >>> patches = np.random.default_rng(0).random((9, 1, 5, 5))
    >>> len(plots.feature_views({"channel 0": (patches - 0.5, patches)}).axes)
    2
    """
    if not channels:
        raise ValueError("channels is empty; give at least one, with its reconstructions and patches")
    given = {}
    for name, (backs, patches) in channels.items():
        pair = [[np.asarray(x, np.float64) for x in side] for side in (backs, patches)]
        if [x.shape for x in pair[0]] != [x.shape for x in pair[1]] or not pair[0]:
            raise ValueError(f"channel {name!r} has reconstructions of shapes {[x.shape for x in pair[0]]} and patches of "
                             f"shapes {[x.shape for x in pair[1]]}; give one reconstruction for each patch, of its shape")
        if any(x.ndim != 3 or x.shape[0] not in (1, 3) for x in pair[0]):
            raise ValueError(f"channel {name!r} has patches of shape {pair[1][0].shape}; give (1 or 3, rows, columns)")
        given[name] = pair
    low, high = extent([x for _, patches in given.values() for x in patches])
    across = max(int(np.ceil(np.sqrt(len(backs)))) for backs, _ in given.values())
    rows, wide = -(-len(given) // columns), min(columns, len(given))
    figure = figure or new_figure(4.6 * wide + 0.4, 2.6 * rows + 0.3)
    grid = figure.subfigures(rows, wide, squeeze=False).reshape(-1)
    for part, (name, (backs, patches)) in zip(grid, given.items(), strict=False):
        left, right = part.subplots(1, 2)
        spread = [np.abs(x).max() or 1.0 for x in backs]
        show(left, mosaic([as_image(0.5 + 0.5 * x / s) for x, s in zip(backs, spread, strict=True)], across))
        show(right, mosaic([as_image((x - low) / (high - low)) for x in patches], across))
        part.suptitle(name)
    return figure


def activation_changes(panels: Mapping[str, tuple[ArrayLike, Mapping[str, ArrayLike]]], *,
                       figure: Figure | None = None) -> Figure:
    """Draw how much the activations of layers change when the image is shifted, scaled or turned.

    Parameters
    ----------
    panels : mapping of str to (array_like, mapping of str to array_like)
        For each transform its name with its unit, its amounts, and for each layer the changes, relative to the activations.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no panels, or other numbers of changes than of amounts.

    Examples
    --------
    >>> from convkit import plots
    >>> figure = plots.activation_changes({"shift (pixels)": ([-1, 0, 1], {"conv1": [0.4, 0, 0.4], "fc": [0.1, 0, 0.1]})})
    >>> figure.axes[0].get_xlabel()
    'shift (pixels)'
    """
    if not panels:
        raise ValueError("panels is empty; give at least one transform")
    figure = figure or new_figure(4.4 * len(panels), 3.8)
    each = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, (amounts, curves)) in zip(each, panels.items(), strict=True):
        at = np.asarray(amounts)
        for (layer, changes), (colour, style) in zip(curves.items(), LINES, strict=False):
            if np.shape(changes) != at.shape:
                raise ValueError(f"{name!r} has {at.size} amounts, and layer {layer!r} has changes of shape "
                                 f"{np.shape(changes)}; give one change for each amount")
            axes.plot(at, np.asarray(changes), style, color=colour, label=layer, markersize=5)
        axes.set_xlabel(name)
        axes.spines[["top", "right"]].set_visible(False)
    each[0].set_ylabel("change of activations,\nrelative to their size")
    each[0].set_ylim(bottom=0)
    each[0].legend(frameon=False)
    return figure
