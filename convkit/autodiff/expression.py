"""Expressions as trees: evaluated, derived while they are evaluated, and derived into other expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from convkit.autodiff.dual import Dual
from convkit.autodiff.rules import PARTIALS, Arithmetic

# How operations are written, and how tightly they bind.
_SIGNS: dict[np.ufunc, tuple[str, int]] = {
    np.add: ("+", 1), np.subtract: ("-", 1), np.multiply: ("*", 2), np.divide: ("/", 2), np.power: ("**", 4)}
_NEGATIVE = 3  # -a binds as tightly as in Python: less than a power, more than a product


class Expression(Arithmetic):
    """A formula in variables, kept as the tree of its operations.

    Made by + - * / **, ``abs`` and NumPy's ``sin cos tanh exp log sqrt abs`` from `Variable` and numbers. A part that is
    used twice stands in the tree twice.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.autodiff import Variable
    >>> x1, x2 = Variable("x1"), Variable("x2")
    >>> y = np.log(x1) + x1 * x2 - np.sin(x2)
    >>> y
    log(x1) + x1 * x2 - sin(x2)
    >>> y.derivative(x1)
    1 / x1 + x2
    >>> float(y.derivative(x1).evaluate({x1: 2, x2: 5}))
    5.5
    """

    @staticmethod
    def _operate(function: np.ufunc, *operands: Any) -> Expression:
        return Operation(function, *(part if isinstance(part, Expression) else Constant(part) for part in operands))

    def evaluate(self, values: Mapping[Variable, Any]) -> Any:
        """The value where the variables have these values: numbers, arrays or `Dual` numbers.

        Raises
        ------
        KeyError
            For a variable without a value.
        """
        raise NotImplementedError

    def derivative(self, variable: Variable) -> Expression:
        """The derivative as another expression, in which sums with 0, products with 0 and 1 and the like are left out."""
        return _simplified(self._derivative(variable))

    def _derivative(self, variable: Variable) -> Expression:
        return Constant(1.0 if self is variable else 0.0)

    def parts(self) -> tuple[Expression, ...]:
        """The operands of the operation at the root: none for a variable or a constant."""
        return ()

    def walk(self) -> Iterator[Expression]:
        """All subtrees, operands before the operations on them."""
        for part in self.parts():
            yield from part.walk()
        yield self

    def count(self) -> int:
        """Number of operations in the tree."""
        return sum(isinstance(part, Operation) for part in self.walk())


class Variable(Expression):
    """A variable, known by its identity; the `name` is for printing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def evaluate(self, values: Mapping[Variable, Any]) -> Any:
        """The value that was given for it."""
        if self not in values:
            raise KeyError(f"the variable {self.name} has no value; give one in values={{{self.name}: ...}}")
        return values[self]

    def __repr__(self) -> str:
        return self.name


class Constant(Expression):
    """A real number."""

    def __init__(self, value: float) -> None:
        if isinstance(value, Dual) or np.ndim(value) or not np.isrealobj(value):
            raise TypeError(f"an Expression holds real numbers and other Expressions, not {value!r}")
        self.value = float(value)

    def evaluate(self, values: Mapping[Variable, Any]) -> Any:
        """The number."""
        return self.value

    def __repr__(self) -> str:
        return repr(self.value).removesuffix(".0")


class Operation(Expression):
    """One of NumPy's elementary functions of other expressions."""

    def __init__(self, function: np.ufunc, *operands: Expression) -> None:
        self.function, self.operands = function, operands

    def parts(self) -> tuple[Expression, ...]:
        """The operands."""
        return self.operands

    def evaluate(self, values: Mapping[Variable, Any]) -> Any:
        """The function of the values of its operands."""
        return self.function(*[part.evaluate(values) for part in self.operands])

    def _derivative(self, variable: Variable) -> Expression:
        total: Any = None
        for partial, part in zip(PARTIALS[self.function], self.operands, strict=True):
            if variable in part.walk():
                term = part._derivative(variable) * partial(self, *self.operands)
                total = term if total is None else total + term
        return Constant(0.0) if total is None else total

    def __repr__(self) -> str:
        return self._written([repr(part) for part in self.operands])

    def _written(self, operands: list[str]) -> str:
        """The operation on operands that are written like this, in parentheses where the tree needs them."""
        if self.function is np.negative:
            return "-" + (f"({operands[0]})" if _tightness(self.operands[0]) <= _NEGATIVE else operands[0])
        if self.function not in _SIGNS:
            name = "abs" if self.function is np.absolute else self.function.__name__
            return f"{name}({operands[0]})"
        sign, own = _SIGNS[self.function]
        left, right = (_tightness(part) for part in self.operands)
        if left < own or (left == own and sign == "**"):
            operands[0] = f"({operands[0]})"
        if right < own or (right == own and sign != "**"):
            operands[1] = f"({operands[1]})"
        return f"{operands[0]} {sign} {operands[1]}"


def _tightness(expression: Expression) -> int:
    """How tightly the operation at the root binds."""
    if isinstance(expression, Operation):
        if expression.function is np.negative:
            return _NEGATIVE
        return _SIGNS.get(expression.function, ("", 5))[1]
    return _NEGATIVE if isinstance(expression, Constant) and expression.value < 0 else 5


def _simplified(expression: Expression) -> Expression:
    """Without operations on constants alone, and without those that a 0 or a 1 makes needless."""
    if not isinstance(expression, Operation):
        return expression
    parts = [_simplified(part) for part in expression.operands]
    numbers = [part.value if isinstance(part, Constant) else None for part in parts]
    function = expression.function
    if None not in numbers:
        return Constant(function(*numbers))
    if len(parts) == 2:
        a, b = numbers
        if function is np.multiply and 0 in numbers:
            return Constant(0.0)
        if function is np.power and b == 0:
            return Constant(1.0)
        if (a, function) in ((0, np.add), (1, np.multiply)):
            return parts[1]
        if (b, function) in ((0, np.add), (0, np.subtract), (1, np.multiply), (1, np.divide), (1, np.power)):
            return parts[0]
        if function is np.multiply and a == -1:
            return Operation(np.negative, parts[1])
        if function is np.multiply and b == -1:
            return Operation(np.negative, parts[0])
    return Operation(function, *parts)


def evaluate_and_derive(expression: Expression, variable: Variable, values: Mapping[Variable, Any]) -> tuple[Any, Any]:
    """Value and derivative of an expression in one walk over its tree: forward-mode automatic differentiation.

    Parameters
    ----------
    expression : Expression
        What to evaluate.
    variable : Variable
        What to derive by.
    values : mapping of Variable to float or array_like
        A value for every variable.

    Returns
    -------
    value, derivative : float or ndarray
        By the rules of `Dual`.

    Raises
    ------
    KeyError
        For a variable without a value.
    ValueError, ZeroDivisionError
        As `Dual`, where a function has no value or no derivative.

    Notes
    -----
    Known in lectures as ``evaluateAndDerive(Z, V)``: a variable gives ``{value, 1}`` if it is V, else ``{value, 0}``; for an
    operation the operands are evaluated and derived first, and its rule combines the pairs. Parts that appear several times
    are visited each time.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.autodiff import Variable, evaluate_and_derive
    >>> x = Variable("x")
    >>> evaluate_and_derive(x * x + 1, x, {x: 3})
    (10.0, 6.0)
    """
    result = expression.evaluate(_seeded(variable, values))
    pair = result if isinstance(result, Dual) else Dual(result)
    return pair.value, pair.derivative


def _seeded(variable: Variable, values: Mapping[Variable, Any]) -> dict[Variable, Dual]:
    return {v: Dual(value, float(v is variable)) for v, value in values.items()}


class Row(NamedTuple):
    """One line of a forward trace: a name for the intermediate result, how it is made, its value and derivative."""

    name: str
    formula: str
    value: Any
    derivative: Any


def forward_trace(expression: Expression, variable: Variable, values: Mapping[Variable, Any]) -> list[Row]:
    """Every intermediate result of `evaluate_and_derive`, in the order of the depth at which it is computed.

    The variables are called v-1 (the first of two), v0 (the last), the results v1, v2, ...; each distinct part of the
    expression is computed once.

    Parameters
    ----------
    expression, variable, values
        As for `evaluate_and_derive`.

    Returns
    -------
    list of Row
        With ``name``, ``formula``, ``value`` and ``derivative``; the last row is the expression itself.

    References
    ----------
    .. [1] A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind, "Automatic differentiation in machine learning: a
       survey", JMLR 18 (2018), table 2.

    Examples
    --------
    >>> from convkit.autodiff import Variable, forward_trace
    >>> a, b = Variable("a"), Variable("b")
    >>> for row in forward_trace(a * b + a, a, {a: 3, b: 4}):
    ...     print(row.name, "=", row.formula, "=", row.value, "   derivative", row.derivative)
    v-1 = a = 3.0    derivative 1.0
    v0 = b = 4.0    derivative 0.0
    v1 = v-1 * v0 = 12.0    derivative 4.0
    v2 = v1 + v-1 = 15.0    derivative 5.0
    """
    depth: dict[Expression, int] = {}
    for part in expression.walk():
        depth[part] = 1 + max((depth[p] for p in part.parts()), default=-1)
    variables = [part for part in depth if isinstance(part, Variable)]
    operations = sorted((part for part in depth if isinstance(part, Operation)), key=depth.__getitem__)
    names = {part: f"v{i}" for i, part in enumerate([*variables, *operations], 1 - len(variables))}
    names |= {part: repr(part) for part in depth if isinstance(part, Constant)}
    seeded = _seeded(variable, values)
    results: dict[Expression, Any] = {part: part.evaluate(seeded) for part in depth if not isinstance(part, Operation)}
    for part in operations:
        results[part] = part.function(*[results[p] for p in part.operands])
    rows = []
    for part in [*variables, *operations]:
        formula = part._written([names[p] for p in part.operands]) if isinstance(part, Operation) else repr(part)
        pair = results[part] if isinstance(results[part], Dual) else Dual(results[part])
        rows.append(Row(names[part], formula, pair.value, pair.derivative))
    return rows
