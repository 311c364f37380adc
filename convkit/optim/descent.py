"""Steps as long as serves best: line search by bracketing, and gradient descent with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from convkit._core.checks import nonnegative
from convkit._core.typing import Array


def line_search(function: Callable[[float], Any], bracket: tuple[float, float, float, float] = (0.0, 0.33, 0.66, 1.0), *,
                iterations: int = 10, tolerance: float = 1e-4) -> float:
    """Find a minimum of a function of one number between two points.

    The bracket is four points a < b < c < d. Each iteration evaluates the function at all four. Where a is the least, b, c and
    d move to half their distances from it; else, where b is less than c, d moves to c, otherwise a to b; b and c then divide
    the new bracket in three. The result is the middle of b and c.

    Parameters
    ----------
    function : callable
        Takes a float, returns a number.
    bracket : 4 floats
        Where the search begins, rising.
    iterations : int
        At most so many, of four evaluations each.
    tolerance : float
        End when b and c are no farther apart.

    Returns
    -------
    float
        A place near a minimum: that of the function if it has but one there.

    Raises
    ------
    ValueError
        For a bracket that does not rise, and negative iterations.

    References
    ----------
    .. [1] S. J. D. Prince, *Understanding Deep Learning*, MIT Press 2023, section 6.1 and notebook 6.1.

    Examples
    --------
    >>> from convkit import optim
    >>> print(f"{optim.line_search(lambda t: (t - 0.4) ** 2, iterations=20):.3f}")
    0.400
    """
    points = [float(point) for point in bracket]
    if len(points) != 4 or not points == sorted(set(points)):
        raise ValueError(f"bracket={bracket!r} must be four numbers that rise, such as (0, 0.33, 0.66, 1)")
    a, b, c, d = points
    for _ in range(nonnegative(iterations, "iterations")):
        if not c - b > tolerance:
            break
        at_a, at_b, at_c, at_d = (function(point) for point in (a, b, c, d))
        if at_a < at_b and at_a < at_c and at_a < at_d:
            b, c, d = ((a + point) / 2 for point in (b, c, d))
            continue
        if at_b < at_c:
            d = c
        else:
            a = b
        b, c = a + (d - a) / 3, a + 2 * (d - a) / 3
    return (b + c) / 2


class Descent(NamedTuple):
    """Points from the start to the end, shape (steps + 1, ...), and the loss at each."""

    path: Array
    losses: Array


def gradient_descent(loss: Callable[[Array], tuple[Any, Any]], start: Any, *, steps: int = 10, rate: float | None = None,
                     reach: float = 1.0) -> Descent:
    """Go down a loss by steps against its gradient, of a fixed rate, or as long as a line search finds best.

    Parameters
    ----------
    loss : callable
        Takes a point, returns loss and gradient, such as those of `convkit.optim.surfaces`.
    start : array_like
        The first point.
    steps : int
        How many steps.
    rate : float, optional
        A step is ``rate * gradient``. Without it, `line_search` looks along the gradient for the best rate from 0 to `reach`:
        41 evaluations of the loss a step.
    reach : float
        The largest rate that the search tries.

    Returns
    -------
    Descent
        `path`, the points, and `losses`.

    Raises
    ------
    ValueError
        For a negative number of steps, and rates that are not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import optim
    >>> found = optim.gradient_descent(optim.surfaces.ravine, [3.0, 1.0], steps=20)
    >>> bool(found.losses[-1] < 1e-3)
    True
    """
    name, value = ("reach", reach) if rate is None else ("rate", rate)
    if not value > 0:
        raise ValueError(f"{name}={value!r} is not allowed; it must be above 0")
    path, losses = [np.array(start, np.float64)], []
    for _ in range(nonnegative(steps, "steps")):
        value, gradient = loss(path[-1])
        losses.append(value)
        path.append(path[-1] - (_best_rate(loss, path[-1], gradient, reach) if rate is None else rate) * np.asarray(gradient))
    losses.append(loss(path[-1])[0])
    return Descent(np.array(path), np.array(losses, np.float64))


def _best_rate(loss: Callable[[Array], tuple[Any, Any]], start: Array, gradient: Any, reach: float) -> float:
    """The rate from 0 to `reach` of the step that leads lowest."""
    bracket = (0.0, 0.33 * reach, 0.66 * reach, float(reach))
    return line_search(lambda rate: loss(start - rate * np.asarray(gradient))[0], bracket, tolerance=1e-4 * reach)
