"""Pictures of images beside what was made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from convkit._core.typing import Array, ArrayLike
from convkit.plots.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["denoising", "orientation"]

# Okabe and Ito's blue, green, orange and purple: 0, 45, 90 and 135 degrees.
ROUND = ("#0072B2", "#009E73", "#E69F00", "#CC79A7")


def denoising(noisy: ArrayLike, results: Mapping[str, ArrayLike], *, clean: ArrayLike | None = None,
              peak: float = 255.0, figure: Figure | None = None) -> Figure:
    """Draw a noisy image and what methods made of it, and below each what it took away.

    What is taken away should look like noise: edges and textures that show in it are lost in the result. All are drawn with
    the same grey levels.

    Parameters
    ----------
    noisy : array_like, shape (rows, columns) or (rows, columns, 3)
        The noisy image.
    results : mapping of str to array_like
        At least one: the name of a method, and the image it gave.
    clean : array_like, optional
        The image without noise: it is drawn first, the noise is drawn, and titles tell the peak signal-to-noise ratios.
    peak : float, default 255.0
        Largest value that a sample can have, for these ratios.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `results` is empty, or the shapes of images differ.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import plots
    >>> clean = np.zeros((32, 32))
    >>> figure = plots.denoising(clean + 25.5, {"half": clean + 2.55}, clean=clean)
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['clean', 'noisy: 20.00 dB', 'half: 40.00 dB']
    """
    if not results:
        raise ValueError("results is empty; give at least one denoised image")
    given = {**({} if clean is None else {"clean": clean}), "noisy": noisy, **results}
    images = {name: np.asarray(image, dtype=np.float64) for name, image in given.items()}
    first = next(iter(images.values()))
    for name, image in images.items():
        if image.shape != first.shape or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
            raise ValueError(f"{name} has shape {image.shape}; all images must have one shape, (rows, columns) or "
                             f"(rows, columns, 3), here {first.shape}")
    low, high = np.quantile(first, (0.002, 0.998))
    taken = {name: images["noisy"] - images[name] for name in results}
    if clean is not None:
        taken = {"noisy": images["noisy"] - first, **taken}
    spread = 3 * max(float(difference.std()) for difference in taken.values()) or 1.0
    figure = figure or new_figure(3.4 * len(images), 6.7 * first.shape[0] / first.shape[1] + 0.6)
    above, below = figure.subplots(2, len(images), squeeze=False)
    for axes, (name, image) in zip(above, images.items(), strict=True):
        axes.imshow(np.clip((image - low) / ((high - low) or 1.0), 0, 1), cmap="gray", vmin=0, vmax=1)
        ratio = f": {_psnr(image, first, peak):.2f} dB" if clean is not None and name != "clean" else ""
        axes.set(title=name + ratio, xticks=[], yticks=[])
    # The first image has no difference: the colours are explained below it.
    for axes, (name, difference) in zip(below[1:], taken.items(), strict=True):
        flat = difference if difference.ndim == 2 else difference.mean(axis=2)
        drawn = axes.imshow(flat, cmap="RdBu_r", vmin=-spread, vmax=spread)
        axes.set(title="the noise" if name == "noisy" else "what it took away", xticks=[], yticks=[])
    below[0].set_axis_off()
    figure.colorbar(drawn, cax=below[0].inset_axes((0.55, 0.1, 0.06, 0.8)), label="difference")
    return figure


def _psnr(image: Array, clean: Array, peak: float) -> float:
    """Peak signal-to-noise ratio in decibels."""
    error = float(np.mean((image - clean) ** 2))
    return float(10 * np.log10(peak**2 / error)) if error else float("inf")


def orientation(image: ArrayLike, angle: ArrayLike, strength: ArrayLike, *, figure: Figure | None = None) -> Figure:
    """Draw an image beside the directions in it: their angle as a colour, their strength as its brightness.

    Parameters
    ----------
    image : array_like, shape (rows, columns)
        The image.
    angle, strength : array_like, shape (rows, columns)
        What `convkit.orientation_map` gives: the direction across edges and lines in radians, from the columns' axis to the
        rows' axis, where those that differ by pi are one; and how much there is of it.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the three have not one shape, (rows, columns).

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import plots
    >>> rows, columns = np.mgrid[-32:32, -32:32]
    >>> len(plots.orientation(np.hypot(rows, columns), np.arctan2(rows, columns), np.ones((64, 64))).axes)
    3
    """
    from matplotlib.colors import LinearSegmentedColormap

    grey, turn, amount = (np.asarray(array, dtype=np.float64) for array in (image, angle, strength))
    if grey.ndim != 2 or not grey.shape == turn.shape == amount.shape:
        raise ValueError(f"image, angle and strength have shapes {grey.shape}, {turn.shape} and {amount.shape}; give three of "
                         "one shape (rows, columns)")
    colours = LinearSegmentedColormap.from_list("directions", [*ROUND, ROUND[0]])
    bright = np.sqrt(np.clip(amount / (np.quantile(amount, 0.98) or 1.0), 0, 1))[..., None]
    rows, columns = np.mgrid[-1:1:101j, -1:1:101j]
    disc = colours(np.arctan2(rows, columns) / np.pi % 1)
    disc[..., 3] = np.abs(np.hypot(rows, columns) - 0.7) < 0.28
    figure = figure or new_figure(10.6, 5.0 * grey.shape[0] / grey.shape[1] + 0.5)
    left, right, key = figure.subplots(1, 3, width_ratios=(1, 1, 0.18))
    left.imshow(grey, cmap="gray")
    left.set(title="image", xticks=[], yticks=[])
    right.imshow(colours(turn / np.pi % 1)[..., :3] * bright)
    right.set(title="directions across its edges and lines", xticks=[], yticks=[])
    key.imshow(disc)
    key.set(title="across", xticks=[], yticks=[], frame_on=False)
    return figure
