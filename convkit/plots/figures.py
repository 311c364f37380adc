"""Where pictures are drawn, and what they are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from convkit._core.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that leaves no label out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def mosaic(images: Sequence[Array], columns: int, gap: int = 1) -> Array:
    """Grey images or colour images on a grid, each in the middle of a cell that holds the largest; NaN between them."""
    high, wide = (max(image.shape[axis] for image in images) for axis in (0, 1))
    rows = -(-len(images) // columns)
    cell = (high + gap, wide + gap)
    sheet = np.full((rows * cell[0] - gap, columns * cell[1] - gap, *images[0].shape[2:]), np.nan)
    for i, image in enumerate(images):
        top = i // columns * cell[0] + (high - image.shape[0]) // 2
        left = i % columns * cell[1] + (wide - image.shape[1]) // 2
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet


def show(axes: Axes, picture: Array) -> None:
    """Draw grey levels or colours from 0 to 1, white where they are NaN."""
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    axes.imshow(np.nan_to_num(picture, nan=1.0), interpolation="nearest")
    axes.set(xticks=[], yticks=[], frame_on=False)


def extent(arrays: Sequence[Array]) -> tuple[float, float]:
    """Smallest and largest of all samples, apart."""
    low, high = min(float(x.min()) for x in arrays), max(float(x.max()) for x in arrays)
    return low, high if high > low else low + 1.0


def as_image(x: Array) -> Array:
    """(1 or 3, rows, columns) as a grey or a colour image."""
    return x[0] if x.shape[0] == 1 else np.moveaxis(x, 0, -1)
