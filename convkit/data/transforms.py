"""What every transform of a batch of images shares: what it takes, several of them together, contrast and brightness."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from convkit._core import checks
from convkit._core.images import number
from convkit._core.typing import Array, ArrayLike

Transform: TypeAlias = Callable[[Array, np.random.Generator], Array]
Range: TypeAlias = float | tuple[float, float]


def batch(images: ArrayLike) -> Array:
    """Images as an array (N, C, H, W) of real numbers."""
    array = checks.numbers(images, "images")
    if array.ndim != 4 or array.dtype.kind == "c":
        raise ValueError(f"images has shape {array.shape} and dtype {array.dtype}; give a batch of real images (N, C, H, W), "
                         "one image as image[None], grey ones with an axis of length 1 for C")
    return array


def floating(images: ArrayLike) -> Array:
    """Images as a contiguous array (N, C, H, W) of float32 or float64, a copy only where they are not."""
    array = batch(images)
    return np.ascontiguousarray(array, checks.arithmetic(array.dtype, np.dtype(np.float32), None).work)


def generator(rng: Any) -> np.random.Generator:
    """`rng`, if numbers can be drawn from it."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng={rng!r} is no generator of random numbers; give numpy.random.default_rng(seed)")
    return rng


def interval(value: Any, name: str, least: float = -math.inf, most: float = math.inf) -> tuple[float, float]:
    """The two ends of an amount to draw: of a pair as given, of a number from its negative on."""
    pair = list(value) if np.iterable(value) and not isinstance(value, str) else None
    if pair is not None and len(pair) != 2:
        raise ValueError(f"{name}={value!r} has {len(pair)} numbers; give a pair (low, high)")
    if pair is None:
        high = number(value, name, least=0)
        low = -high
    else:
        low, high = (number(end, f"{name}[{i}]") for i, end in enumerate(pair))
    if low > high:
        raise ValueError(f"{name}={value!r} is not allowed; the first of the pair must not be above the second")
    if low < least or high > most:
        raise ValueError(f"{name}={value!r} is not allowed; it may be {least:g} to {most:g}")
    return low, high


def pair_of(value: Any, name: str, least: float, most: float) -> tuple[float, float]:
    """The two ends of an amount that must be given as a pair."""
    if not np.iterable(value):
        raise ValueError(f"{name}={value!r} is a single number; give a pair, the least and the largest")
    return interval(value, name, least, most)


def _listed(transforms: Sequence[Transform]) -> list[Transform]:
    several = list(transforms) if np.iterable(transforms) else []
    if not several or not all(callable(t) for t in several):
        raise TypeError(f"transforms={transforms!r} must be a list of at least one transform, each called t(images, rng)")
    return several


class Compose:
    """Transforms one after the other.

    Parameters
    ----------
    transforms : sequence of callable
        Each is called ``t(images, rng)`` with what the one before it gave.

    Raises
    ------
    TypeError
        For an empty list, and what cannot be called.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> change = data.Compose([data.RandomCrop(4, padding=1), data.RandomHorizontalFlip(), data.Standardize(0.5, 0.5)])
    >>> change(np.zeros((2, 1, 4, 4), np.float32), np.random.default_rng(0)).shape
    (2, 1, 4, 4)
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = _listed(transforms)
        self.draws = any(getattr(transform, "draws", True) for transform in self.transforms)

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Apply them in their order.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch.
        rng : numpy.random.Generator
            Source of the random numbers of all of them.

        Returns
        -------
        ndarray
            The changed batch.
        """
        result = batch(images)
        for transform in self.transforms:
            result = transform(result, rng)
        return result


class RandomMix:
    """Gives each image some of several transforms, drawn for each image.

    Parameters
    ----------
    transforms : sequence of callable
        Each is called ``t(images, rng)`` with the images that were chosen for it, in the order given, and keeps their shape.
    count : int, optional
        How many of them each image gets; all subsets of that size are as likely. Without it each image gets each of them with
        probability 1/2.

    Raises
    ------
    TypeError
        For an empty list, and what cannot be called.
    ValueError
        If `count` is more than there are; when called, if a transform gives images of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> change = data.RandomMix([data.RandomRotation(15), data.RandomShear(10), data.RandomTranslation(2)], count=1)
    >>> change(np.zeros((5, 3, 8, 8), np.float32), np.random.default_rng(0)).shape
    (5, 3, 8, 8)
    """

    def __init__(self, transforms: Sequence[Transform], count: int | None = None) -> None:
        self.transforms = _listed(transforms)
        self.count = None if count is None else checks.nonnegative(count, "count")
        if self.count is not None and self.count > len(self.transforms):
            raise ValueError(f"count={count} is more than the {len(self.transforms)} transforms")

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Apply to each image those that are drawn for it.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch.
        rng : numpy.random.Generator
            Source of the choice, and of the random numbers of the transforms.

        Returns
        -------
        ndarray
            The changed batch, of the same shape: float32 or float64.
        """
        given = floating(images)
        result = given.copy()
        drawn = generator(rng).random((len(given), len(self.transforms)))
        # Sorting evenly drawn numbers gives a permutation, and all are as likely.
        chosen = drawn < 0.5 if self.count is None else drawn.argsort(axis=1) < self.count
        for transform, mine in zip(self.transforms, chosen.T, strict=True):
            some = np.flatnonzero(mine)
            if not some.size:
                continue
            changed = transform(result[some], rng)
            if changed.shape[1:] != given.shape[1:]:
                raise ValueError(f"{type(transform).__name__} made images of shape {changed.shape[1:]} of {given.shape[1:]}; "
                                 "transforms of a RandomMix must keep the shape, as not all images get them")
            result[some] = changed
        return result


class RandomContrast:
    """Multiplies the distance of each image's samples from their mean by a factor, drawn for each image.

    The mean is that of all channels together: 0 leaves a grey image, above 1 the contrast is stronger. Samples are not clipped.

    Parameters
    ----------
    factors : (float, float)
        The least and the largest factor; 0 or more.

    Raises
    ------
    ValueError
        For what is no such pair.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomContrast((0.5, 0.5))([[[[0.0, 1.0]]]], np.random.default_rng(0))
    array([[[[0.25, 0.75]]]])
    """

    def __init__(self, factors: tuple[float, float] = (0.7, 1.4)) -> None:
        self.factors = pair_of(factors, "factors", 0, math.inf)

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Change the contrast.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch.
        rng : numpy.random.Generator
            Source of the factors.

        Returns
        -------
        ndarray
            The changed batch: float32 or float64.
        """
        x = floating(images)
        more = generator(rng).uniform(*self.factors, (len(x), 1, 1, 1)) - 1
        change = x - x.mean(axis=(1, 2, 3), keepdims=True)
        change *= more.astype(x.dtype)
        change += x
        return np.asarray(change)


class RandomBrightness:
    """Adds a number to all samples of an image, drawn for each image. Samples are not clipped.

    Parameters
    ----------
    amount : float or (float, float)
        The number is drawn evenly from -amount to amount, or from the pair's first to its second, in units of the samples: for
        images from 0 to 1, 0.2 is a fifth of the range.

    Raises
    ------
    ValueError
        For what is no amount.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomBrightness((0.25, 0.25))([[[[0.0, 0.5]]]], np.random.default_rng(0))
    array([[[[0.25, 0.75]]]])
    """

    def __init__(self, amount: Range = 0.2) -> None:
        self.amount = interval(amount, "amount")

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Change the brightness.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch.
        rng : numpy.random.Generator
            Source of the amounts.

        Returns
        -------
        ndarray
            The changed batch: float32 or float64.
        """
        x = floating(images)
        return np.asarray(x + generator(rng).uniform(*self.amount, (len(x), 1, 1, 1)).astype(x.dtype))
