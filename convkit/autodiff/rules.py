"""The derivative of each elementary function, written once for the tape, dual numbers and symbolic differentiation.

The rules are NumPy expressions, so that they give numbers for numbers, arrays for arrays and expressions for expressions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _power(y: Any, u: Any, k: Any) -> Any:
    # Where k is 0 the exponent stays 0: 0 * u**-1 would not be a number at u = 0.
    return k * np.power(u, k - (k != 0))


# Partial derivatives of y = f(a, b) in its arguments, as functions of (y, a, b).
PARTIALS: dict[np.ufunc, tuple[Callable[..., Any], ...]] = {
    np.add: (lambda y, a, b: 1, lambda y, a, b: 1),
    np.subtract: (lambda y, a, b: 1, lambda y, a, b: -1),
    np.multiply: (lambda y, a, b: b, lambda y, a, b: a),
    np.divide: (lambda y, a, b: 1 / b, lambda y, a, b: -y / b),
    np.power: (_power, lambda y, u, k: y * np.log(u)),
    np.negative: (lambda y, u: -1,),
    np.absolute: (lambda y, u: np.sign(u),),
    np.sign: (lambda y, u: 0,),
    np.sin: (lambda y, u: np.cos(u),),
    np.cos: (lambda y, u: -np.sin(u),),
    np.tanh: (lambda y, u: 1 - y * y,),
    np.exp: (lambda y, u: y,),
    np.log: (lambda y, u: 1 / u,),
    np.sqrt: (lambda y, u: 0.5 / y,),
}

BY_RESULT = {np.exp, np.sqrt, np.tanh}  # their rules need y alone, the other elementary ones u alone


class Arithmetic:
    """Operators and NumPy's elementary functions, all led to one method."""

    @staticmethod
    def _operate(function: np.ufunc, *operands: Any) -> Any:
        raise NotImplementedError

    def __array_ufunc__(self, function: np.ufunc, method: str, *operands: Any, **settings: Any) -> Any:
        if method != "__call__" or settings or function not in PARTIALS:
            return NotImplemented
        return self._operate(function, *operands)

    def __add__(self, other: Any) -> Any:
        return self._operate(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._operate(np.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._operate(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._operate(np.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._operate(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._operate(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._operate(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._operate(np.divide, other, self)

    def __pow__(self, other: Any) -> Any:
        return self._operate(np.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._operate(np.power, other, self)

    def __neg__(self) -> Any:
        return self._operate(np.negative, self)

    def __abs__(self) -> Any:
        return self._operate(np.absolute, self)
