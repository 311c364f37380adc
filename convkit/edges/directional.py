"""A filter that answers near edges of one direction only."""

from __future__ import annotations

import math
import operator

import numpy as np

from convkit._core.images import number
from convkit._core.typing import Array

# Standard deviations across and along the edge, in widths of the filter; and the least across, in samples, that its
# three lobes of the third derivative can be sampled with.
ACROSS, ALONG, LEAST = 1 / 15, 3.5 / 15, 0.8


def edge_filter(angle: float, width: int) -> Array:
    """Weights of a filter that answers only near edges of one direction, to be convolved with an image.

    They are the third derivative of a Gaussian across the edge, of standard deviation ``width / 15`` samples (0.8 at
    least), times a Gaussian along it, of ``3.5 width / 15``, within a disc of diameter `width`. With width 15 and angle 0
    a straight edge that is turned by 5, 30 and 45 degrees keeps 0.99, 0.12 and 0.036 of a vertical edge's answer; with
    width 9, 1.0, 0.29 and 0.09. Around other directions, and for wider filters, it is ``(1 + 12 tan(t)^2)^(-3/2)`` of an
    edge turned by t: 0.87, 0.09 and 0.02.

    Parameters
    ----------
    angle : float
        Direction across the edge in radians, from the columns' axis towards the rows' axis, as the direction of
        `sobel`: at 0 vertical edges answer, at pi/2 horizontal ones.
    width : int
        Rows and columns of the weights: odd, 7 or more.

    Returns
    -------
    ndarray, shape (width, width)
        float64 weights that sum to zero, each the negative of the one opposite. Convolved with an image they give about +1
        beside a step of height 1 that rises along `angle`, -1 where it falls, with lobes of the other sign on both
        sides; and 0, to rounding, where no edge of a piecewise constant image is within ``width / 2``. At angle 0 each row
        sums to zero, so that horizontal edges give 0 as well.

    Raises
    ------
    ValueError, TypeError
        For a width that is even or too small, and an angle that is no finite number.

    See Also
    --------
    sobel, convkit.convolve

    References
    ----------
    W. T. Freeman and E. H. Adelson, The design and use of steerable filters, IEEE Transactions on Pattern Analysis and
    Machine Intelligence 13(9), 1991, pp. 891-906.

    Examples
    --------
    >>> import numpy as np, convkit
    >>> from convkit import edges
    >>> image = np.zeros((64, 64)); image[20:44, 20:44] = 1
    >>> answer = np.abs(convkit.convolve(image, edges.edge_filter(0, 15), boundary="reflect"))
    >>> round(answer[32, 20], 6), round(answer[20, 32], 6)
    (np.float64(1.0), np.float64(0.0))
    """
    turn = number(angle, "angle")
    try:
        size = operator.index(width)
    except TypeError:
        raise TypeError(f"width={width!r} must be a whole number, odd and 7 or more") from None
    if size < 7 or size % 2 == 0:
        raise ValueError(f"width={width!r} is not allowed; give an odd number of rows and columns, 7 or more")
    across, along = max(ACROSS * size, LEAST), ALONG * size
    at = np.arange(size) - size // 2
    rows, columns = at[:, None], at[None, :]
    u = (columns * math.cos(turn) + rows * math.sin(turn)) / across
    v = (rows * math.cos(turn) - columns * math.sin(turn)) / along
    weights: Array = (u**3 - 3 * u) * np.exp(-(u**2 + v**2) / 2)
    weights[rows**2 + columns**2 > (size / 2) ** 2] = 0
    # What a step through the middle gives: the samples behind it meet the weights ahead of the middle.
    answer: float = weights[u < -1e-9].sum()
    return np.asarray(weights / answer)
