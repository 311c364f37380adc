"""Gradients held against differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff.tape import no_grad
from convkit.autodiff.tensor import Tensor, plain


def gradcheck(
    function: Callable[..., Tensor], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3
) -> bool:
    """Compare the gradients of a function, by `Tensor.backward`, with central differences in float64.

    Parameters
    ----------
    function : callable
        Takes Tensors and returns one of any shape. It must give the same values each time, and be smooth within `eps` of
        the inputs: draw them with `draw_inputs`.
    inputs : array_like, Tensor or sequence of them
        The arguments. Those of floating-point numbers are converted to float64, and each element of each is checked;
        others (labels, masks) are handed on.
    eps : float
        Half the distance of the differences.
    atol, rtol : float
        Allowed error: ``atol + rtol * abs(difference)``.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AssertionError
        Where a gradient is wrong: with the input and element where it is most wrong, and both values there.
    ValueError
        For a function that gives other values the second time, and where nothing is to be checked.

    Notes
    -----
    The result y is weighted by random numbers v, the same in each call, and the gradient of ``sum(v * y)`` is compared: an
    error in any entry of the Jacobian shows, as long as v does not happen to cancel it.

    Examples
    --------
    >>> from convkit.autodiff import draw_inputs, gradcheck
    >>> gradcheck(lambda a, b: (a @ b).abs(), [draw_inputs((2, 3)), draw_inputs(3)])
    True
    """
    given = [plain(x) for x in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    arrays = [np.array(x, np.float64) if np.asarray(x).dtype.kind == "f" else x for x in given]
    checked = [i for i, x in enumerate(given) if np.asarray(x).dtype.kind == "f"]
    if not checked:
        raise ValueError("inputs hold no floating-point numbers, so there is no gradient to check")
    tensors = {i: Tensor(arrays[i].copy(), requires_grad=True) for i in checked}
    result = function(*[tensors.get(i, x) for i, x in enumerate(arrays)])
    if not result.requires_grad:
        raise ValueError("the result of the function hangs on no tape: it does not depend on the inputs, or leaves Tensors")
    weights = np.random.default_rng(0).uniform(0.5, 1.5, result.shape)

    def values() -> Array:
        with no_grad():
            # A copy: the result may be a view of an input, which changes.
            return np.array(function(*[Tensor(x) if i in checked else x for i, x in enumerate(arrays)]).data)

    if not np.array_equal(values(), result.data, equal_nan=True):
        raise ValueError("the function gives other values when it is called again; fix its random numbers")
    result.backward(weights)
    for i in checked:
        gradient = tensors[i].grad
        analytic = np.zeros_like(arrays[i]) if gradient is None else gradient
        numeric = np.empty_like(arrays[i])
        for at in np.ndindex(arrays[i].shape):
            middle = arrays[i][at]
            arrays[i][at] = middle + eps
            above = values()
            arrays[i][at] = middle - eps
            numeric[at] = np.sum(weights * (above - values())) / (2 * eps)
            arrays[i][at] = middle
        _compare(i, analytic, numeric, atol + rtol * np.abs(numeric))
    return True


def _compare(which: int, analytic: Array, numeric: Array, allowed: Array) -> None:
    """Refuse gradients that differ by more than allowed anywhere."""
    wrong = ~(np.abs(analytic - numeric) <= allowed)
    if not wrong.any():
        return
    excess = np.where(wrong, np.nan_to_num(np.abs(analytic - numeric) / allowed, nan=np.inf), 0)
    at = tuple(int(k) for k in np.unravel_index(np.argmax(excess), excess.shape))
    raise AssertionError(
        f"the gradient in input {which}, element {at}, is {analytic[at]:.9g} by backward(), but {numeric[at]:.9g} by "
        f"differences ({np.count_nonzero(wrong)} of {wrong.size} elements are wrong)"
    )


def draw_inputs(
    shape: int | Sequence[int], low: float = -2.0, high: float = 2.0, *, avoid: Sequence[float] = (0.0,),
    rng: np.random.Generator | None = None,
) -> Array:
    """Random numbers that keep apart from each other and from kinks, so that differences may be taken there.

    Parameters
    ----------
    shape : int or sequence of int
        Of the array to draw.
    low, high : float
        Range of the numbers.
    avoid : sequence of float
        Where the function has kinks or poles: by default 0.
    rng : numpy.random.Generator, optional
        Source of the numbers; the same ones each time without it.

    Returns
    -------
    ndarray
        Of float64. With ``width = (high - low) / (elements + 2 * kinks)``, any two numbers differ by at least half of it, and
        each differs from every kink by at least a quarter.

    Raises
    ------
    ValueError
        For a range that is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.autodiff import draw_inputs
    >>> x = draw_inputs((3, 4))
    >>> x.shape, bool(np.abs(x).min() > 0.01)
    ((3, 4), True)
    """
    if not high > low:
        raise ValueError(f"high={high} must lie above low={low}")
    if rng is None:
        rng = np.random.default_rng(0)
    count = math.prod([shape] if isinstance(shape, int) else shape)
    # One cell for each number, two spare for each kink, which spoils at most two: numbers stay in the middle half of a cell.
    cells = count + 2 * len(avoid)
    width = (high - low) / cells
    middles = low + width * (np.arange(cells) + 0.5)
    free = np.all([np.abs(middles - kink) > 0.5 * width for kink in avoid], axis=0) if avoid else np.full(cells, True)
    chosen = rng.permutation(middles[free])[:count]
    return (chosen + width * rng.uniform(-0.25, 0.25, count)).reshape(shape)
