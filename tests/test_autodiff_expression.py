"""Expressions: evaluated and derived in one walk, traced row by row, derived symbolically."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit.autodiff import Dual, Variable, derivative, evaluate_and_derive, forward_trace

x, x1, x2 = Variable("x"), Variable("x1"), Variable("x2")
FORMULAS = {
    "table 2": lambda x: np.log(x) + x * 5 - np.sin(5 * x),
    "logistic": lambda x: 64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x * x) ** 2,
    "all": lambda x: np.exp(-x) * np.tanh(x) / (1 + np.sqrt(x)) - abs(np.cos(x) - 1) ** 3 + 2**x + x**x,
    "signs": lambda x: -(x - (3 - x)) * abs(x - 1) / -2 - (-x) ** 2 + (x / (2 / x)) ** (x - 2) ** 2,
    "nothing": lambda x: 0 * x + x**0 + (x - x) / x,
}


def test_the_trace_of_table_2():
    rows = forward_trace(np.log(x1) + x1 * x2 - np.sin(x2), x1, {x1: 2, x2: 5})
    assert [(row.name, row.formula) for row in rows] == [
        ("v-1", "x1"), ("v0", "x2"), ("v1", "log(v-1)"), ("v2", "v-1 * v0"), ("v3", "sin(v0)"), ("v4", "v1 + v2"),
        ("v5", "v4 - v3")]  # fmt: skip
    assert [round(float(row.value), 3) for row in rows] == [2, 5, 0.693, 10, -0.959, 10.693, 11.652]
    assert [float(row.derivative) for row in rows] == [1, 0, 0.5, 5, 0, 5.5, 5.5]


def test_evaluate_and_derive_by_each_variable():
    y = np.log(x1) + x1 * x2 - np.sin(x2)
    value, by_x1 = evaluate_and_derive(y, x1, {x1: 2, x2: 5})
    assert (round(value, 9), by_x1) == (11.652071455, 5.5)
    assert round(evaluate_and_derive(y, x2, {x1: 2, x2: 5})[1], 9) == 1.716337815
    assert evaluate_and_derive(y, x, {x1: 2, x2: 5})[1] == 0
    assert evaluate_and_derive(x1, x1, {x1: 2, x2: 5}) == (2, 1)
    assert evaluate_and_derive(x2, x1, {x1: 2, x2: 5}) == (5, 0)
    assert evaluate_and_derive(x1 * 0 + 1, x1, {x1: 2}) == (1, 0)


@pytest.mark.parametrize("name", FORMULAS)
def test_three_ways_to_the_same_derivative(name):
    formula, at = FORMULAS[name], np.array([0.1, 0.2, 0.3, 0.5, 1.7])
    expected = derivative(formula, at)
    tree = formula(x)
    value, derived = evaluate_and_derive(tree, x, {x: at})
    np.testing.assert_allclose(value, formula(at), rtol=1e-14)
    np.testing.assert_allclose(derived, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(tree.evaluate({x: at}), formula(at), rtol=1e-14)
    np.testing.assert_allclose(tree.derivative(x).evaluate({x: at}) + 0 * at, expected, rtol=1e-10, atol=1e-12)
    assert forward_trace(tree, x, {x: 0.3})[-1][2:] == pytest.approx((formula(0.3), expected[2]), abs=1e-13)


def test_the_logistic_map_symbolically():
    slope = FORMULAS["logistic"](x).derivative(x)
    at = np.array([0.1, 0.2, 0.3, 0.5])
    np.testing.assert_allclose(slope.evaluate({x: at}), [-12.0881152, 9.0660864, 1.3090816, 0], atol=1e-12)


def test_derivatives_are_written_without_needless_parts():
    written = {
        x * x + 3: "x + x", x**2: "2 * x", x**1: "1", x**0: "0", 3 * x: "3", x / 2: "0.5", np.sin(x): "cos(x)",
        np.cos(x): "-sin(x)", np.exp(x): "exp(x)", np.log(x): "1 / x", abs(x): "sign(x)", np.sqrt(x): "0.5 / sqrt(x)",
        -x * x2: "-x2", np.tanh(x): "1 - tanh(x) * tanh(x)", x2 / x: "-(x2 / x) / x", np.sin(x * x2): "x2 * cos(x * x2)",
        x2 - x: "-1", x2: "0", abs(abs(x)): "sign(x) * sign(abs(x))", 2 - 1 * x2: "0",
    }  # fmt: skip
    assert {repr(f): repr(f.derivative(x)) for f in written} == {repr(f): text for f, text in written.items()}
    assert repr(np.sin(x).derivative(x).derivative(x).derivative(x)) == "-cos(x)"


OPERATIONS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "negative": lambda a, b: -a, "tanh": lambda a, b: np.tanh(x + a),
    "abs": lambda a, b: abs(x - b), "log": lambda a, b: np.log(x1 + a),
}  # fmt: skip
TREES = st.recursive(
    st.sampled_from([x, x1, x2, x + 2, x1 * -3, 1.5 - x2]),
    lambda parts: st.builds(lambda name, a, b: OPERATIONS[name](a, b), st.sampled_from(list(OPERATIONS)), parts, parts),
    max_leaves=6,
)


@settings(max_examples=300)
@given(TREES)
def test_what_is_printed_reads_back_as_the_same_formula_and_derivatives_agree(tree):
    values = {x: 0.31, x1: 0.737, x2: 1.219}
    names = {v.name: np.float64(value) for v, value in values.items()} | {"tanh": np.tanh, "log": np.log}
    with np.errstate(all="ignore"):
        assert float(eval(repr(tree), names)) == pytest.approx(float(tree.evaluate(values)), rel=1e-9, nan_ok=True)
        try:
            _, derived = evaluate_and_derive(tree, x, values)
        except (ValueError, ZeroDivisionError):
            return
        slope = float(tree.derivative(x).evaluate(values))
    if np.isfinite(derived) and np.isfinite(slope):
        assert slope == pytest.approx(derived, rel=1e-6, abs=1e-9)


def test_a_shared_part_is_traced_once_and_counted_each_time():
    part = np.sin(x)
    tree = part * part + part
    assert tree.count() == 5
    assert len(forward_trace(tree, x, {x: 1.0})) == 4
    assert x.count() == 0
    assert [row.formula for row in forward_trace(tree + 1.5, x, {x: 1.0})][-1] == "v3 + 1.5"


def test_refusals():
    with pytest.raises(KeyError, match="variable x2 has no value"):
        (x1 + x2).evaluate({x1: 1})
    with pytest.raises(ValueError, match=r"log\(u\) .* got 0"):
        evaluate_and_derive(np.log(x), x, {x: 0})
    with pytest.raises(ZeroDivisionError, match="b other than 0"):
        evaluate_and_derive(1 / x, x, {x: 0})
    for bad in (np.ones(2), 1j, Dual(1.0)):
        with pytest.raises(TypeError, match="an Expression holds real numbers"):
            _ = x + bad
    with pytest.raises(TypeError, match="arctan"):
        np.arctan(x)
