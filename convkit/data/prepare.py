"""What is done to all samples once: scaling them, and setting some aside."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.images import number
from convkit._core.typing import Array, ArrayLike, IntArray

# Samples that are widened at a time, so that they stay in the second-level cache.
_CHUNK = 1 << 16


def _widened(x: Array) -> Any:
    """Parts of `x` in double precision."""
    step = max(1, _CHUNK // x[:1].size)
    return (x[first : first + step].astype(np.float64) for first in range(0, len(x), step))


def _samples(x: ArrayLike, what: str) -> Array:
    array = checks.numbers(x, "x")
    if array.ndim < 2 or array.dtype.kind == "c":
        raise ValueError(f"x has shape {array.shape} and dtype {array.dtype}; {what}")
    return array


class Standardize:
    """Takes away the mean of each channel, or feature, and divides by its standard deviation.

    The deviation is the biased one, ``sqrt(mean((x - mean)**2))``. Channels and features lie along axis 1. Those that are
    constant are only shifted.

    Parameters
    ----------
    mean, std : float or array_like of float, shape (C,), optional
        Known ones, to use without `fit`: one for all channels, or one for each.

    Attributes
    ----------
    mean, std : ndarray of float64 or None
        What is taken away and divided by.

    Raises
    ------
    ValueError
        If only one of the two is given, they are not finite, or `std` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.data import Standardize
    >>> Standardize(0.5, 0.5)(np.array([[[0.0, 0.5, 1.0]]]))
    array([[[-1.,  0.,  1.]]])
    >>> scale = Standardize().fit([[1.0, 10.0], [3.0, 30.0]])
    >>> scale.mean, scale.std
    (array([ 2., 20.]), array([ 1., 10.]))
    """

    def __init__(self, mean: float | ArrayLike | None = None, std: float | ArrayLike | None = None) -> None:
        if (mean is None) != (std is None):
            raise ValueError(f"mean={mean!r} and std={std!r}: give both, or neither and call fit")
        self.mean, self.std = (None if value is None else np.atleast_1d(np.asarray(value, np.float64)) for value in (mean, std))
        if self.mean is not None and self.std is not None:
            if self.mean.ndim > 1 or self.std.ndim > 1:
                raise ValueError(f"mean has shape {self.mean.shape} and std {self.std.shape}; give a number, or one for each "
                                 "channel")
            if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and (self.std > 0).all()):
                raise ValueError(f"mean={mean!r} and std={std!r} must be finite, and std positive")

    def fit(self, x: ArrayLike) -> Standardize:
        """Take mean and deviation from samples.

        Parameters
        ----------
        x : array_like, shape (N, C, ...) or (N, F)
            Samples, those for training alone: the others must not be looked at.

        Returns
        -------
        Standardize
            Itself.

        Raises
        ------
        ValueError
            For an array of one axis, or complex.
        """
        array = _samples(x, "give real samples (N, C, ...)")
        lines = array.reshape(*array.shape[:2], -1)
        count = array.size // array.shape[1]
        mean = sum(part.sum(axis=2).sum(axis=0) for part in _widened(lines)) / count
        apart = (part - mean[:, None] for part in _widened(lines))
        std = np.sqrt(sum(np.einsum("ncs,ncs->c", part, part) for part in apart) / count)
        # Rounding of the mean leaves a trace of what is constant.
        constant = std <= 1e-12 * np.abs(mean)
        self.mean, self.std = mean, np.where(constant, 1.0, std)
        return self

    # Nothing is drawn: a loader needs to make no generator.
    draws = False

    def __call__(self, x: ArrayLike, rng: Any = None) -> Array:
        """Scale samples, such as a batch; `rng` is not used, and there so that this may stand among transforms.

        Parameters
        ----------
        x : array_like, shape (N, C, ...) or (N, F)
            Samples.
        rng : Any
            Nothing is drawn.

        Returns
        -------
        ndarray
            Of the shape of `x`: float64 if `x` is, or has integers of 32 bits or more, else float32.
        """
        array, mean, std = self._ready(x)
        result: Array = np.subtract(array, mean, dtype=mean.dtype)
        result /= std
        return result

    def inverse(self, x: ArrayLike) -> Array:
        """Samples before they were scaled.

        Parameters
        ----------
        x : array_like, shape (N, C, ...) or (N, F)
            Scaled samples.

        Returns
        -------
        ndarray
            Of the shape of `x`.
        """
        array, mean, std = self._ready(x)
        result: Array = np.multiply(array, std, dtype=std.dtype)
        result += mean
        return result

    def _ready(self, x: ArrayLike) -> tuple[Array, Array, Array]:
        if self.mean is None or self.std is None:
            raise ValueError("Standardize has neither mean nor std yet; call fit with the samples for training, or give both")
        array = _samples(x, "give real samples (N, C, ...)")
        work = checks.arithmetic(array.dtype, np.dtype(np.float32), None).work
        for name, value in (("mean", self.mean), ("std", self.std)):
            if len(value) not in (1, array.shape[1]):
                raise ValueError(f"x has shape {array.shape}, {array.shape[1]} channels along axis 1, and {name} is for "
                                 f"{len(value)}")
        ones = (1,) * (array.ndim - 2)
        return array, self.mean.reshape(-1, *ones).astype(work), self.std.reshape(-1, *ones).astype(work)


class PixelMean:
    """Takes away from each pixel its mean over the samples for training, the mean image.

    Attributes
    ----------
    mean : ndarray of float64, shape (C, ...), or None
        The mean image.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.data import PixelMean
    >>> PixelMean().fit([[[1.0, 2.0]], [[3.0, 6.0]]])([[[5.0, 5.0]]])
    array([[[3., 1.]]])
    """

    def __init__(self) -> None:
        self.mean: Array | None = None

    def fit(self, x: ArrayLike) -> PixelMean:
        """Take the mean of samples (N, ...), those for training alone.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            Samples.

        Returns
        -------
        PixelMean
            Itself.
        """
        array = _samples(x, "give real samples (N, ...)")
        self.mean = np.asarray(sum(part.sum(axis=0) for part in _widened(array)) / len(array))
        return self

    draws = False

    def __call__(self, x: ArrayLike, rng: Any = None) -> Array:
        """Take the mean image away; `rng` is not used, and there so that this may stand among transforms.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            Samples.
        rng : Any
            Nothing is drawn.

        Returns
        -------
        ndarray
            Of the shape of `x`: float64 if `x` is, or has integers of 32 bits or more, else float32.
        """
        array, mean = self._ready(x)
        return np.asarray(np.subtract(array, mean, dtype=mean.dtype))

    def inverse(self, x: ArrayLike) -> Array:
        """Add the mean image again.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            Samples without it.

        Returns
        -------
        ndarray
            Of the shape of `x`.
        """
        array, mean = self._ready(x)
        return np.asarray(np.add(array, mean, dtype=mean.dtype))

    def _ready(self, x: ArrayLike) -> tuple[Array, Array]:
        if self.mean is None:
            raise ValueError("PixelMean has no mean yet; call fit with the samples for training")
        array = _samples(x, "give real samples (N, ...)")
        if array.shape[1:] != self.mean.shape:
            raise ValueError(f"x has samples of shape {array.shape[1:]}, and the mean was taken of samples of shape "
                             f"{self.mean.shape}")
        return array, self.mean.astype(checks.arithmetic(array.dtype, np.dtype(np.float32), None).work)


def split(x: ArrayLike, y: ArrayLike, fraction: float = 0.1, seed: int = 0,
          stratify: bool = True) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Set a fraction of the samples aside, for validation or tests.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        Samples.
    y : array_like, shape (N,)
        Labels; of any shape (N, ...) with ``stratify=False``.
    fraction : float
        The share to set aside, above 0 and below 1: ``round(fraction * N)`` samples.
    seed : int
        The same seed, the same samples.
    stratify : bool
        Take the same share of each class, to less than one sample.

    Returns
    -------
    (x_kept, y_kept), (x_aside, y_aside)
        Copies, in the order in which they were.

    Raises
    ------
    ValueError
        If `x` and `y` differ in length, or one of the two parts would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> (x, y), (x_aside, y_aside) = data.split(np.arange(10), [0] * 6 + [1] * 4, fraction=0.5)
    >>> y.tolist(), y_aside.tolist()
    ([0, 0, 0, 1, 1], [0, 0, 0, 1, 1])
    """
    samples, labels = checks.numbers(x, "x"), checks.numbers(y, "y")
    n = len(samples)
    if len(labels) != n:
        raise ValueError(f"x has {n} samples and y {len(labels)}; there must be one label per sample")
    share = number(fraction, "fraction", above=0)
    count = round(share * n)
    if share >= 1 or not 0 < count < n:
        raise ValueError(f"fraction={fraction!r} of {n} samples sets {count} aside; give one that leaves some on both sides")
    rng = np.random.default_rng(checks.nonnegative(seed, "seed"))
    if stratify:
        if labels.ndim != 1:
            raise ValueError(f"y has shape {labels.shape}; with stratify=True it must be (N,), the class of each sample")
        chosen = _stratified(labels, share, count, rng)
    else:
        chosen = rng.permutation(n)[:count]
    aside = np.zeros(n, bool)
    aside[chosen] = True
    return (samples[~aside], labels[~aside]), (samples[aside], labels[aside])


def _stratified(labels: Array, share: float, count: int, rng: np.random.Generator) -> IntArray:
    """Numbers of `count` samples, of each class its share: rounded down, and one more where most was lost by that."""
    _, classes = np.unique(labels, return_inverse=True)
    mixed = rng.permutation(labels.size)
    groups = [mixed[classes[mixed] == c] for c in range(int(classes.max()) + 1)]
    exact = np.array([share * len(group) for group in groups])
    taken = np.floor(exact).astype(int)
    # Classes that lost the same are taken in a drawn order.
    order = rng.permutation(len(groups))
    most = order[np.argsort(taken[order] - exact[order], kind="stable")]
    taken[most[: count - int(taken.sum())]] += 1
    return np.concatenate([group[:k] for group, k in zip(groups, taken, strict=True)])
