"""Moving averages."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.checks import numbers
from convkit._core.typing import Array


def ewma(y: Any, rho: float, bias_correction: bool = False) -> Array:
    """Exponentially weighted moving average: ``S[t] = rho * S[t - 1] + (1 - rho) * y[t]``, beginning at 0.

    It is the causal convolution of `y` with ``(1 - rho) * rho**k``, and about the mean of the last ``1 / (1 - rho)`` samples.
    The first values are too near 0; divided by ``1 - rho**t``, the sum of the weights that the first t samples have, they are
    averages.

    Parameters
    ----------
    y : array_like
        Samples (T, ...), the first axis being time; integers are averaged as float64.
    rho : float
        Share of the past that is kept, from 0 to below 1.
    bias_correction : bool
        Divide by the sum of the weights.

    Returns
    -------
    ndarray
        The averages (T, ...).

    Raises
    ------
    ValueError
        For another `rho`, and samples without an axis.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, section 3 (the correction).

    Examples
    --------
    >>> from convkit import optim
    >>> optim.ewma([1.0, 1.0, 1.0], 0.95).round(6)
    array([0.05    , 0.0975  , 0.142625])
    >>> optim.ewma([1.0, 1.0, 1.0], 0.95, bias_correction=True).round(6)
    array([1., 1., 1.])
    """
    samples = numbers(y, "y")
    if not 0 <= rho < 1:
        raise ValueError(f"rho={rho!r} is not allowed; the share of the past that is kept is 0 or more and below 1")
    averages = np.empty(samples.shape, np.float64 if samples.dtype.kind in "biu" else samples.dtype)
    last: Any = 0.0
    for t, sample in enumerate(samples):
        last = rho * last + (1 - rho) * sample
        averages[t] = last
    if bias_correction:
        weights = 1 - rho ** np.arange(1, len(samples) + 1)
        averages /= weights.reshape(-1, *[1] * (samples.ndim - 1)).astype(averages.real.dtype)
    return averages
