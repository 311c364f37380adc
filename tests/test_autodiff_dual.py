"""Dual numbers: the rules, the worked numbers of the lecture notes, the edges of the rules."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convkit.autodiff import Dual, Tensor, derivative

CLOSED = {0.1: -12.0881152, 0.2: 9.0660864, 0.3: 1.3090816, 0.5: 0.0}


def logistic(x):
    """The logistic map v <- 4 v (1 - v), three times."""
    for _ in range(3):
        x = 4 * x * (1 - x)
    return x


def closed_form(x):
    return 64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x * x) ** 2


def test_the_function_of_table_2():
    def f(x1, x2):
        return np.log(x1) + x1 * x2 - np.sin(x2)

    y = f(Dual(2, 1), Dual(5, 0))
    assert round(y.value, 9) == 11.652071455
    assert y.derivative == 5.5
    assert round(f(2.0, Dual(5, 1)).derivative, 9) == 1.716337815


@pytest.mark.parametrize("x", CLOSED)
@pytest.mark.parametrize("f", [logistic, closed_form])
def test_the_logistic_map(f, x):
    assert derivative(f, x) == pytest.approx(CLOSED[x], rel=1e-13, abs=1e-13)


def test_the_logistic_map_by_the_rule_of_the_notes_and_by_differences():
    for x, expected in CLOSED.items():
        v, dv = x, 1.0
        for _ in range(3):
            v, dv = 4 * v * (1 - v), 4 * dv - 8 * v * dv
        assert dv == pytest.approx(expected, rel=1e-13, abs=1e-13)
    h = 1e-6
    differences = [(logistic(x + h) - logistic(x)) / h for x in CLOSED]
    np.testing.assert_allclose(differences, [-12.088013, 9.066120, 1.309006, 6.4e-5], atol=1e-6)


def test_arrays_are_derived_element_by_element():
    x = np.array(list(CLOSED))
    np.testing.assert_allclose(derivative(logistic, x), list(CLOSED.values()), atol=1e-12)
    assert derivative(lambda x: 3.0, x).tolist() == [0] * 4
    assert derivative(lambda x: 3.0, 2.0) == 0
    pair = Dual(x, [1, 0, 2, 0]) * x[:, None]
    assert pair.value.shape == pair.derivative.shape == (4, 4)
    np.testing.assert_allclose(pair.derivative, np.outer(x, [1, 0, 2, 0]))
    single = np.exp(Dual(x.astype(np.float32), 1) * 2 + 1)
    assert (single.value.dtype, single.derivative.dtype) == (np.float32, np.float32)
    row = 1 + Dual(1.0, 1.0) + np.zeros(3)
    assert row.derivative.tolist() == [1, 1, 1]


RULES = {
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda u: -np.sin(u)),
    "tanh": (np.tanh, lambda u: 1 / np.cosh(u) ** 2),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda u: 1 / u),
    "sqrt": (np.sqrt, lambda u: 0.5 / np.sqrt(u)),
    "abs": (abs, np.sign),
    "negative": (operator.neg, lambda u: -np.ones_like(u)),
    "square": (lambda u: u**2, lambda u: 2 * u),
    "exponential": (lambda u: 3**u, lambda u: 3**u * np.log(3)),
    "inverse": (lambda u: 2 / u, lambda u: -2 / u**2),
    "from a number": (lambda u: 5 - u, lambda u: -np.ones_like(u)),
    "itself to itself": (lambda u: u**u, lambda u: u**u * (np.log(u) + 1)),
    "quotient": (lambda u: (u - 1) / (u + 1), lambda u: 2 / (u + 1) ** 2),
    "updates": (lambda u: operator.iadd(operator.imul(u * 1, u), 1), lambda u: 2 * u),
}


@pytest.mark.parametrize("name", RULES)
def test_rules(name):
    function, expected = RULES[name]
    u = np.array([0.3, 1.0, 2.5])
    result = function(Dual(u, 3.0))
    np.testing.assert_allclose(result.value, function(u), rtol=1e-14)
    np.testing.assert_allclose(result.derivative, 3 * expected(u), rtol=1e-13, atol=1e-14)
    single = function(Dual(2.5, 3.0))
    assert isinstance(single.value, float)
    assert isinstance(single.derivative, float)
    assert single.derivative == pytest.approx(result.derivative[2], rel=1e-14)


@pytest.mark.parametrize("name", ["sin", "cos", "tanh", "exp", "log", "sqrt"])
def test_methods_are_the_functions(name):
    u = Dual([0.5, 2.0], [1, -1])
    by_method, by_function = getattr(u, name)(), getattr(np, name)(u)
    np.testing.assert_array_equal(by_method.value, by_function.value)
    np.testing.assert_array_equal(by_method.derivative, by_function.derivative)


numbers = st.floats(-10, 10)


@given(numbers, numbers, numbers, numbers)
def test_sum_product_and_quotient_rules(a, da, b, db):
    x, y = Dual(a, da), Dual(b, db)
    assert (x + y).derivative == da + db
    assert (x - y).derivative == da - db
    assert (x * y).derivative == pytest.approx(da * b + a * db, rel=1e-12, abs=1e-12)
    if abs(b) > 1e-3:
        assert (x / y).derivative == pytest.approx((da * b - a * db) / b**2, rel=1e-9, abs=1e-9)


@given(st.floats(-3, 3))
def test_forward_and_reverse_agree(x):
    def f(x):
        return (x * x + 1) ** 1.5 / (2 + x) ** 2 if x > -1 else abs(x) - 3 * x

    reverse = Tensor(x, requires_grad=True)
    f(reverse).backward()
    assert derivative(f, x) == pytest.approx(reverse.grad.item(), rel=1e-12)


def test_branches_look_at_the_values():
    u = Dual(2.0, 5.0)
    assert u < 3
    assert u <= Dual(2.0, 7.0)
    assert u > 1
    assert u >= 2.0
    assert not u < 2
    assert not u > 2
    assert (Dual([1.0, 3.0]) > u).tolist() == [False, True]


def test_at_zero():
    zero = Dual(0.0, 1.0)
    assert abs(zero).derivative == 0
    assert [(zero**k).derivative for k in (3, 2, 1.5, 1, 0.5, 0)] == [0, 0, 0, 1, math.inf, 0]
    assert (zero ** Dual(2.0, 0.0)).derivative == 0
    assert (zero ** np.array([0, 1, 2])).derivative.tolist() == [0, 1, 0]
    assert np.sqrt(zero).derivative == math.inf
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert math.isnan(np.sqrt(Dual(0.0, 0.0)).derivative)


REFUSED = {
    "log of zero": (lambda: np.log(Dual(0.0, 1.0)), ValueError, r"log\(u\) and its derivative 1 / u are for u > 0; got 0\.0"),
    "log in an array": (lambda: Dual([1.0, -2.0, 0.0]).log(), ValueError, r"got -2\.0"),
    "root": (lambda: np.sqrt(Dual(-4.0)), ValueError, r"u >= 0; got -4\.0"),
    "fractional power": (lambda: Dual(-1.0) ** 0.5, ValueError, r"k = 0\.5, not a whole number, is for u >= 0; got -1\.0"),
    "negative power of 0": (lambda: Dual(0.0) ** -2, ZeroDivisionError, r"k = -2\.0, below 0, is for u other than 0"),
    "varying power": (lambda: Dual(0.0, 1.0) ** Dual(2.0, 1.0), ValueError, "v that varies is for u > 0"),
    "division": (lambda: 1 / Dual(0.0, 1.0), ZeroDivisionError, "b other than 0"),
    "complex": (lambda: Dual(1j), TypeError, "value has dtype complex128"),
    "complex operand": (lambda: Dual(1.0) * 1j, TypeError, "an operand of a Dual has dtype complex128"),
    "text": (lambda: Dual(1.0, "a"), TypeError, "derivative has dtype"),
    "shapes": (lambda: Dual([1.0, 2.0], [1.0, 2.0, 3.0]), ValueError, r"derivative has shape \(3,\), but value has .* \(2,\)"),
    "no rule": (lambda: np.arctan(Dual(1.0)), TypeError, "arctan"),
    "no rule with settings": (lambda: np.add(Dual(1.0), 1, out=np.zeros(())), TypeError, "add"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    function, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        function()


def test_whole_powers_of_negative_numbers():
    assert (Dual(-2.0, 1.0) ** 3).derivative == 12
    assert (Dual(-2.0, 1.0) ** -1).derivative == -0.25


def test_shown():
    assert repr(Dual(2, 1)) == "Dual(2.0, 1.0)"
