"""How the activations of a layer change when the image moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.images import number
from convkit._core.typing import Array, ArrayLike
from convkit.engines.warp import warp
from convkit.nn.module import Module
from convkit.nn.views.inside import activation


def moved(image: ArrayLike, *, down: float = 0.0, right: float = 0.0, scale: float = 1.0, angle: float = 0.0) -> Array:
    """Scale and turn an image about its middle, then shift it; bilinear, the edge continued.

    Parameters
    ----------
    image : array_like
        (..., rows, columns).
    down, right : float
        Shift in pixels.
    scale : float
        How much larger the image becomes.
    angle : float
        Turn in radians, from the columns' axis to the rows' axis: clockwise, as rows are drawn downwards.

    Returns
    -------
    ndarray
        Of the shape of `image`.

    Raises
    ------
    ValueError
        For a scale that is not positive, numbers that are not finite, and arrays that are no images.

    Examples
    --------
    >>> from convkit.nn import views
    >>> views.moved([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], right=0.5)
    array([[1. , 1.5, 2.5],
           [4. , 4.5, 5.5]])
    """
    given = checks.numbers(image, "image")
    if given.ndim < 2 or not given.size:
        raise ValueError(f"image has shape {given.shape}; give (..., rows, columns)")
    array = given if given.dtype.kind == "f" else given.astype(np.float64)
    by, turn = number(scale, "scale", above=0), number(angle, "angle")
    shift = number(down, "down"), number(right, "right")
    middle = (np.array(array.shape[-2:]) - 1) / 2
    # The place that each pixel of the result comes from: the inverse of the motion.
    back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / by
    way = np.column_stack([back, middle - back @ shift])[None]
    work = np.float32 if array.dtype.itemsize <= 4 else np.float64
    images = array.astype(work, copy=False).reshape(1, -1, *array.shape[-2:])
    result = np.empty(images.shape, work)
    warp(images, way, np.zeros(1), ("edge", "edge"), result)
    return np.asarray(result.reshape(array.shape), array.dtype)


def invariance(model: Module, image: ArrayLike, layer: Any, transforms: Sequence[Callable[[Array], ArrayLike]]) -> Array:
    """How much the activations of a layer change when the image is transformed, relative to their size.

    Parameters
    ----------
    model : Module
        Whose layer it is.
    image : array_like
        One image (C, H, W).
    layer : str or Layer
        A layer, or its name.
    transforms : sequence of callable
        Functions of the image that return one of its shape, such as ``partial(moved, right=2)``.

    Returns
    -------
    ndarray
        ``|a(transformed) - a(image)| / |a(image)|`` for each, with Euclidean norms: 0 where the layer sees no difference.

    Raises
    ------
    ValueError
        For transforms that change the shape, and an image to which the layer answers with zeros.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 5.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from convkit import nn
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    >>> square = np.zeros((1, 16, 16))
    >>> square[0, 5:9, 5:9] = 1
    >>> views.invariance(model, square, "2", [partial(views.moved, right=3)]).round(5)
    array([0.])
    """
    still = checks.numbers(image, "image")
    after = [np.asarray(transform(still)) for transform in transforms]
    for i, each in enumerate(after):
        if each.shape != still.shape:
            raise ValueError(f"transforms[{i}] made shape {each.shape} of an image of shape {still.shape}; it must keep it")
    answers = activation(model, np.stack([still, *after]), layer).reshape(len(after) + 1, -1).astype(np.float64)
    size = np.linalg.norm(answers[0])
    if not size:
        raise ValueError(f"layer={layer!r} answers to this image with zeros, and no change is relative to that; choose another "
                         "image")
    return np.asarray(np.linalg.norm(answers[1:] - answers[0], axis=1) / size)
