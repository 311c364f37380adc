"""Forward mode: numbers that carry a derivative along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convkit._core.typing import Array, BoolArray
from convkit.autodiff.rules import PARTIALS, Arithmetic


def _real(value: Any, name: str) -> Any:
    """A float, or an array of floats, of what the user gave."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}; a Dual holds real numbers or arrays of them")
    if array.ndim == 0 and not isinstance(value, np.ndarray):
        return float(value)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _refuse(error: type[ArithmeticError | ValueError], bad: Any, u: Any, why: str) -> None:
    """Raise `error` where `bad` holds anywhere, showing the first such u."""
    found: BoolArray = np.broadcast_to(bad, np.broadcast_shapes(np.shape(bad), np.shape(u)))
    if found.any():
        raise error(f"{why}; got {np.broadcast_to(u, found.shape)[found][0]}")


def _check(function: np.ufunc, values: list[Any]) -> None:
    """Refuse arguments at which a function has no real value."""
    u = values[0]
    if function is np.log:
        _refuse(ValueError, u <= 0, u, "log(u) and its derivative 1 / u are for u > 0")
    elif function is np.sqrt:
        _refuse(ValueError, u < 0, u, "sqrt(u) is for u >= 0")
    elif function is np.divide:
        _refuse(ZeroDivisionError, np.equal(values[1], 0), values[1], "a / b is for b other than 0")
    elif function is np.power:
        k = values[1]
        _refuse(ValueError, np.less(u, 0) & (np.floor(k) != k), u, f"u ** k with k = {k}, not a whole number, is for u >= 0")
        _refuse(ZeroDivisionError, np.equal(u, 0) & np.less(k, 0), u, f"u ** k with k = {k}, below 0, is for u other than 0")


class Dual(Arithmetic):
    """A value and its derivative, computed together.

    ``Dual(u, du)`` goes through + - * / ** and ``abs``, NumPy's ``sin cos tanh exp log sqrt abs`` and its own methods of
    these names, by the rules of differentiation: a function written for numbers or arrays then gives its derivative exactly,
    in the direction that was set to 1. Comparisons look at the values.

    At the edges of the rules: ``abs`` has derivative 0 at 0. ``u ** k`` with a constant k has there 0 for k > 1 and for
    k = 0, 1 for k = 1, infinity for 0 < k < 1, as ``sqrt``; an infinite derivative times an inner one of 0 is NaN. An
    exponent that varies is for u > 0.

    Parameters
    ----------
    value : float or array_like
        Real numbers of any shape.
    derivative : float or array_like
        Of the shape of `value`, or one that broadcasts to it: 1 for the variable of interest, 0 for a constant.

    Raises
    ------
    TypeError
        For what is not real numbers.
    ValueError
        For a derivative of another shape; in use, for the logarithm of u <= 0, the square root of u < 0, and fractional
        powers of u < 0.
    ZeroDivisionError
        In use, for a division by 0 and negative powers of 0.

    References
    ----------
    .. [1] A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind, "Automatic differentiation in machine learning: a
       survey", JMLR 18 (2018), section 3.1 and table 2.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.autodiff import Dual
    >>> x1, x2 = Dual(2, 1), Dual(5, 0)
    >>> y = np.log(x1) + x1 * x2 - np.sin(x2)
    >>> round(y.value, 3), y.derivative
    (11.652, 5.5)
    """

    __slots__ = ("derivative", "value")
    value: Any
    derivative: Any

    def __init__(self, value: Any, derivative: Any = 0.0) -> None:
        self.value, self.derivative = _real(value, "value"), _real(derivative, "derivative")
        shape, given = np.shape(self.value), np.shape(self.derivative)
        if given != shape:
            try:
                stretched = np.broadcast_to(self.derivative, shape)
            except ValueError:
                raise ValueError(f"derivative has shape {given}, but value has shape {shape}; give one of that shape, or a "
                                 "number for all") from None
            self.derivative = stretched.astype(self.value.dtype)

    @staticmethod
    def _operate(function: np.ufunc, *operands: Any) -> Dual:
        parts: list[Any] = list(operands)
        if function is np.power and isinstance(parts[1], Dual):
            if np.any(parts[1].derivative):
                u = _value(parts[0])
                _refuse(ValueError, np.less_equal(u, 0), u, "u ** v with v that varies is for u > 0")
            else:
                parts[1] = parts[1].value
        values = [_real(_value(part), "an operand of a Dual") for part in parts]
        _check(function, values)
        with np.errstate(divide="ignore"):  # an infinite derivative is the answer
            value = function(*values)
            terms = [partial(value, *values) * part.derivative
                     for partial, part in zip(PARTIALS[function], parts, strict=True) if isinstance(part, Dual)]
        return Dual(value, sum(terms))

    def sin(self) -> Dual:
        """Sine, with derivative ``cos(u) u'``."""
        return self._operate(np.sin, self)

    def cos(self) -> Dual:
        """Cosine, with derivative ``-sin(u) u'``."""
        return self._operate(np.cos, self)

    def tanh(self) -> Dual:
        """Hyperbolic tangent y, with derivative ``(1 - y**2) u'``."""
        return self._operate(np.tanh, self)

    def exp(self) -> Dual:
        """Exponential, with derivative ``exp(u) u'``."""
        return self._operate(np.exp, self)

    def log(self) -> Dual:
        """Natural logarithm of u > 0, with derivative ``u' / u``."""
        return self._operate(np.log, self)

    def sqrt(self) -> Dual:
        """Square root y of u >= 0, with derivative ``u' / (2 y)``."""
        return self._operate(np.sqrt, self)

    def __lt__(self, other: Any) -> Any:
        return self.value < _value(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= _value(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > _value(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= _value(other)

    def __repr__(self) -> str:
        return f"Dual({self.value}, {self.derivative})"


def _value(operand: Any) -> Any:
    return operand.value if isinstance(operand, Dual) else operand


def derivative(function: Callable[[Any], Any], x: Any) -> Array | float:
    """Derivative of a function of one variable at each x, exact to rounding.

    Parameters
    ----------
    function : callable
        Of one argument, made of what `Dual` can do.
    x : float or array_like
        Where to derive; for an array, the function works element by element.

    Returns
    -------
    float or ndarray
        Of the shape of x.

    Raises
    ------
    ValueError, ZeroDivisionError
        As `Dual`.

    Examples
    --------
    >>> from convkit.autodiff import derivative
    >>> def logistic(x):
    ...     for _ in range(3):
    ...         x = 4 * x * (1 - x)
    ...     return x
    >>> round(derivative(logistic, 0.2), 7)
    9.0660864
    """
    result = function(Dual(x, 1.0))
    answer: Array | float = (result if isinstance(result, Dual) else Dual(np.zeros(np.shape(x)))).derivative
    return answer
