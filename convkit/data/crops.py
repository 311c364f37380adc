"""Transforms that copy samples as they are: flips, random crops, and the ten crops of an image for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.boundary import Boundary, normalize
from convkit._core.images import number, per_axis
from convkit._core.typing import Array, ArrayLike, BoolArray, IntArray
from convkit.data.transforms import batch, generator
from convkit.engines import warp as engine

_UNPADDED, _NONE = (0, 0), ("zero", "zero")


class _RandomFlip:
    """Turns the order of samples along an axis of the image, with a probability."""

    axis: int

    def __init__(self, p: float = 0.5) -> None:
        self.p = number(p, "p", least=0)
        if self.p > 1:
            raise ValueError(f"p={p!r} is not allowed; a probability is 0 to 1")

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Mirror some of the images.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch of any real dtype.
        rng : numpy.random.Generator
            Source of the choice.

        Returns
        -------
        ndarray
            A new array of the same shape and dtype.
        """
        x = batch(images)
        turned = np.zeros((len(x), 2), bool)
        turned[:, self.axis] = generator(rng).random(len(x)) < self.p
        result = np.empty(x.shape, x.dtype)
        engine.cut(x, np.arange(len(x)), np.zeros((len(x), 2), np.int64), turned, _UNPADDED, _NONE, result)
        return result


class RandomHorizontalFlip(_RandomFlip):
    """Mirrors images, left for right, each with a probability.

    Parameters
    ----------
    p : float
        The probability; 0 to 1.

    Raises
    ------
    ValueError
        For what is no probability.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomHorizontalFlip(1)([[[[1, 2, 3]]]], np.random.default_rng(0))
    array([[[[3, 2, 1]]]])
    """

    axis = 1


class RandomVerticalFlip(_RandomFlip):
    """Mirrors images, top for bottom, each with a probability.

    Parameters
    ----------
    p : float
        The probability; 0 to 1.

    Raises
    ------
    ValueError
        For what is no probability.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomVerticalFlip(1)([[[[1], [2]]]], np.random.default_rng(0)).ravel()
    array([2, 1])
    """

    axis = 0


def window(size: Any) -> tuple[int, int]:
    """Rows and columns of a crop."""
    rows, columns = per_axis(size, "size", 2, checks.nonnegative)
    if not rows or not columns:
        raise ValueError(f"size={size!r} is not allowed; a crop has at least one row and one column")
    return rows, columns


def must_fit(size: tuple[int, int], within: Sequence[int] | IntArray, what: str) -> None:
    """Refuse a crop that is larger than what it is cut from."""
    if size[0] > within[0] or size[1] > within[1]:
        raise ValueError(f"size={size} is larger than {what}, {within[0]} rows of {within[1]} columns; give a smaller size")


class RandomCrop:
    """Cuts a window out of each image, at a place drawn for each.

    Parameters
    ----------
    size : int or (int, int)
        Rows and columns of the window.
    padding : int or (int, int)
        Rows and columns to add on all sides first.
    boundary : str or (str, str)
        What they hold: "zero", "edge", "reflect", "symmetric" or "wrap", as `convkit.pad` has it.

    Raises
    ------
    ValueError
        For sizes that are not allowed; when called, for images that are smaller than the window.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2: 4 pixels around images of
       32 x 32, a crop of 32 x 32, and a flip.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> crop = data.RandomCrop(32, padding=4, boundary="reflect")
    >>> crop(np.zeros((128, 3, 32, 32), np.float32), np.random.default_rng(0)).shape
    (128, 3, 32, 32)
    """

    def __init__(self, size: int | tuple[int, int], padding: int | tuple[int, int] = 0, boundary: Boundary = "zero") -> None:
        self.size = window(size)
        self.padding = per_axis(padding, "padding", 2, checks.nonnegative)
        self.boundary = normalize(boundary, 2)

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Cut windows out of the images.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch of any real dtype.
        rng : numpy.random.Generator
            Source of the places.

        Returns
        -------
        ndarray, shape (N, C, rows, columns)
            A new array of the same dtype.
        """
        x = batch(images)
        padded = tuple(n + 2 * p for n, p in zip(x.shape[2:], self.padding, strict=True))
        must_fit(self.size, padded, "the padded images")
        corners = generator(rng).integers(0, [n - k + 1 for n, k in zip(padded, self.size, strict=True)], (len(x), 2))
        result = np.empty((*x.shape[:2], *self.size), x.dtype)
        engine.cut(x, np.arange(len(x)), corners, np.zeros((len(x), 2), bool), self.padding, self.boundary, result)
        return result


class TenCrop:
    """Cuts ten windows out of each image: the four corners and the middle, and these five mirrored.

    For tests: the scores of a network are averaged over them.

    Parameters
    ----------
    size : int or (int, int)
        Rows and columns of a window.

    Raises
    ------
    ValueError
        For sizes that are not allowed; when called, for images that are smaller than the window.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural networks", NIPS
       2012, section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data, nn
    >>> images = np.zeros((4, 3, 36, 36), np.float32)
    >>> crops = data.TenCrop(32)(images)
    >>> crops.shape
    (4, 10, 3, 32, 32)
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    >>> scores = model(crops.reshape(-1, 3, 32, 32)).data.reshape(4, 10, -1).mean(axis=1)
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = window(size)

    def __call__(self, images: ArrayLike, rng: Any = None) -> Array:
        """Cut the windows: top left, top right, bottom left, bottom right, middle, and the same mirrored.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch of any real dtype.
        rng : Any
            Nothing is drawn.

        Returns
        -------
        ndarray, shape (N, 10, C, rows, columns)
            A new array of the same dtype.
        """
        x = batch(images)
        must_fit(self.size, x.shape[2:], "the images")
        down, right = (n - k for n, k in zip(x.shape[2:], self.size, strict=True))
        # A middle between two pixels is rounded to even, as PyTorch has it.
        corners = np.array([(0, 0), (0, right), (down, 0), (down, right), (round(down / 2), round(right / 2))] * 2)
        turned: BoolArray = np.zeros((10, 2), bool)
        turned[5:, 1] = True
        n = len(x)
        result = np.empty((10 * n, x.shape[1], *self.size), x.dtype)
        engine.cut(x, np.repeat(np.arange(n), 10), np.tile(corners, (n, 1)), np.tile(turned, (n, 1)), _UNPADDED, _NONE, result)
        return result.reshape(n, 10, *result.shape[1:])
