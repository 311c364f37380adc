"""Losses of two parameters, to see optimizers at work on.

Each is a function of ``phi``, shape (2,) or (2, ...) for many points at once, that returns the loss, shape (...), and its
gradient, of the shape of ``phi``; or makes such a function from data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from convkit import autodiff
from convkit._core.typing import Array

Surface: TypeAlias = Callable[[Any], tuple[Any, Array]]


def ravine(phi: Any, steepness: float = 25.0) -> tuple[Any, Array]:
    """Half of ``phi[0]**2 + steepness * phi[1]**2``: flat along one axis, steep along the other.

    Gradient descent needs a rate below ``2 / steepness``, and crawls along the flat axis.

    Examples
    --------
    >>> from convkit.optim import surfaces
    >>> loss, gradient = surfaces.ravine([2.0, 1.0])
    >>> print(loss, gradient)
    14.5 [ 2. 25.]
    """
    x, y = phi = np.asarray(phi, np.float64)
    return (x**2 + steepness * y**2) / 2, phi * np.array([1, steepness]).reshape(2, *[1] * (phi.ndim - 1))


def saddle(phi: Any) -> tuple[Any, Array]:
    """``phi[0]**2 / 2 - phi[1]**2 / 2 + phi[1]**4 / 4``: a saddle at (0, 0), minima of -1/4 at (0, -1) and (0, 1).

    From a start with ``phi[1] = 0`` gradient descent ends on the saddle.

    Examples
    --------
    >>> from convkit.optim import surfaces
    >>> loss, gradient = surfaces.saddle([0.0, 1.0])
    >>> print(loss, gradient)
    -0.25 [0. 0.]
    """
    x, y = np.asarray(phi, np.float64)
    return x**2 / 2 - y**2 / 2 + y**4 / 4, np.stack([x, y**3 - y])


def bowl(x: Any, y: Any) -> Surface:
    """The sum of squares of linear regression, ``sum((phi[0] + phi[1] x - y)**2)``: convex.

    Parameters
    ----------
    x, y : array_like
        Data, shape (I,).

    Returns
    -------
    callable
        The loss of an intercept and a slope.

    Examples
    --------
    >>> from convkit.optim import surfaces
    >>> loss, gradient = surfaces.bowl([0.0, 1.0], [1.0, 2.0])([0.0, 0.0])
    >>> print(loss, gradient)
    5.0 [-6. -4.]
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)

    def surface(phi: Any) -> tuple[Any, Array]:
        intercept, slope = np.asarray(phi, np.float64)[..., None]
        apart = intercept + slope * x - y
        return (apart**2).sum(-1), np.stack([2 * apart.sum(-1), 2 * (apart * x).sum(-1)])

    return surface


def gabor(x: Any, phi: Any, denominator: float = 8.0) -> Any:
    """The Gabor model ``sin(t) * exp(-t**2 / denominator)`` with ``t = phi[0] + 0.06 * phi[1] * x``.

    ``phi[0]`` shifts it, ``phi[1]`` shrinks it. Its loss has valleys, local minima and saddles.

    Parameters
    ----------
    x : array_like or Tensor
        Where the model is evaluated.
    phi : array_like or Tensor
        Two parameters.
    denominator : float
        Width of the envelope: lecture notes after [1]_ print 8, the book's programs have 32.

    Returns
    -------
    ndarray or Tensor
        Of the shape of `x`.

    References
    ----------
    .. [1] S. J. D. Prince, *Understanding Deep Learning*, MIT Press 2023, eq. 6.8.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.optim import surfaces
    >>> surfaces.gabor(np.array([0.0, 2.0]), [0.0, 10.0]).round(4)
    array([0.    , 0.7785])
    """
    x, phi = (value if isinstance(value, autodiff.Tensor) else np.asarray(value, np.float64) for value in (x, phi))
    t = phi[0] + 0.06 * phi[1] * x
    return autodiff.sin(t) * autodiff.exp(-(t**2) / denominator)


def gabor_data(count: int = 30, *, noise: float = 0.1, denominator: float = 8.0, seed: int = 0) -> tuple[Array, Array]:
    """Data for the Gabor model: `x` evenly drawn from -15 to 15, `y` the model at phi = (0, 16.6), with normal noise.

    The book's own 30 pairs are not among them: minima and losses that it shows are not those of these data.

    Parameters
    ----------
    count : int
        How many pairs.
    noise : float
        Standard deviation of what is added to `y`.
    denominator : float
        As in `gabor`.
    seed : int
        Of the draws.

    Returns
    -------
    x, y : ndarray
        Shape (count,).

    Examples
    --------
    >>> from convkit.optim import surfaces
    >>> x, y = surfaces.gabor_data()
    >>> x.shape, y.shape
    ((30,), (30,))
    """
    rng = np.random.default_rng(seed)
    x = rng.uniform(-15, 15, count)
    return x, gabor(x, [0.0, 16.6], denominator) + noise * rng.standard_normal(count)


def gabor_loss(x: Any, y: Any, denominator: float = 8.0) -> Surface:
    """The sum of squares of the Gabor model.

    Parameters
    ----------
    x, y : array_like
        Data, shape (I,), such as `gabor_data` draws, or a batch of them.
    denominator : float
        As in `gabor`.

    Returns
    -------
    callable
        The loss of two parameters.

    Examples
    --------
    >>> from convkit.optim import surfaces
    >>> loss, gradient = surfaces.gabor_loss(*surfaces.gabor_data(noise=0))([0.0, 16.6])
    >>> print(loss, gradient)
    0.0 [0. 0.]
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)

    def surface(phi: Any) -> tuple[Any, Array]:
        offset, frequency = np.asarray(phi, np.float64)[..., None]
        t = offset + 0.06 * frequency * x
        envelope = np.exp(-(t**2) / denominator)
        apart = np.sin(t) * envelope - y
        slope = 2 * apart * envelope * (np.cos(t) - 2 * t / denominator * np.sin(t))
        return (apart**2).sum(-1), np.stack([slope.sum(-1), (0.06 * slope * x).sum(-1)])

    return surface
