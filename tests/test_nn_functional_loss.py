"""Losses: the notes' numbers, definitions, scores of any size, gradients by differences, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convkit.autodiff import Tensor, draw_inputs, gradcheck
from convkit.nn import functional as F

# Scores of three images for cat, car and frog, and the right classes: the notes' example.
SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
RIGHT = np.array([0, 1, 2])
CLASSES = np.array([2, 0, 3, 1, 2])
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])
REDUCTIONS = ("mean", "sum", "none")


def test_the_hinge_example_of_the_notes():
    # The slide's third loss, 10.9, and its mean, 4.6, leave the margin out of two terms: 2.2 + 3.1 + 1 and 2.5 + 3.1 + 1.
    np.testing.assert_allclose(F.hinge(SCORES, RIGHT, reduction="none"), [2.9, 0, 12.9], atol=1e-12)
    np.testing.assert_allclose(F.hinge(SCORES, RIGHT), 5.2667, atol=5e-5)
    np.testing.assert_allclose(F.hinge(SCORES[2:], RIGHT[2:], margin=0.0), 10.9, atol=1e-12)
    # PyTorch divides by the number of classes.
    np.testing.assert_allclose(F.multi_margin_loss(SCORES, RIGHT), 1.75556, atol=5e-6)


def test_the_cross_entropy_of_the_same_scores():
    np.testing.assert_allclose(F.cross_entropy(SCORES, RIGHT, reduction="none"), [2.04036, 0.07913, 6.15648], atol=5e-6)


def test_the_linear_classifier_of_the_notes():
    w = np.array([[0.2, -0.5, 0.1, 2.0], [1.5, 1.3, 2.1, 0.0], [0.0, 0.25, 0.2, -0.3]])
    x, b = np.array([56.0, 231.0, 24.0, 2.0]), np.array([1.1, 3.2, -1.2])
    np.testing.assert_allclose(F.linear(x, w, b), [-96.8, 437.9, 60.75], rtol=1e-12)
    # The slide's 61.95 has no bias.
    np.testing.assert_allclose(F.linear(x, w)[2], 61.95, rtol=1e-12)


def test_a_product_of_probabilities_underflows_where_the_sum_of_logarithms_does_not():
    p = np.full(400, 0.1)
    assert np.prod(p) == 0
    labels = np.zeros(400, int)
    logs = np.log(np.stack([p, 1 - p], 1))
    np.testing.assert_allclose(-F.nll_loss(logs, labels, reduction="sum"), -921.03, atol=5e-3)
    np.testing.assert_allclose(-F.cross_entropy(logs, labels, reduction="sum"), -921.03, atol=5e-3)


def test_a_normal_likelihood_of_fixed_width_has_the_gradient_of_squares():
    mean, seen, sigma = Tensor(draw_inputs((4, 3)), True), draw_inputs((4, 3), rng=np.random.default_rng(1)), 0.7
    F.gaussian_nll_loss(mean, seen, sigma**2, reduction="sum").backward()
    found, mean.grad = mean.grad, None
    (F.mse_loss(mean, seen, reduction="sum") / (2 * sigma**2)).backward()
    np.testing.assert_allclose(found, mean.grad, rtol=1e-13)


def test_a_bernoulli_likelihood_is_binary_cross_entropy():
    scores, yes = Tensor(draw_inputs((4, 3)), True), np.array([[1.0, 0.0, 1.0]] * 4)
    p = F.sigmoid(scores)
    (-(yes * p.log() + (1 - yes) * (1 - p).log())).mean().backward()
    found, scores.grad = scores.grad, None
    F.binary_cross_entropy_with_logits(scores, yes).backward()
    np.testing.assert_allclose(found, scores.grad, rtol=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_cross_entropy_is_its_definition(weight, smoothing, reduction):
    x = draw_inputs((5, 4))
    w = np.ones(4) if weight is None else weight
    logs = np.log(np.exp(x) / np.exp(x).sum(1, keepdims=True))
    counted = CLASSES != 3
    losses = np.array([counted[i] * ((1 - smoothing) * w[c] * -logs[i, c] + smoothing / 4 * np.sum(w * -logs[i]))
                       for i, c in enumerate(CLASSES)])
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / w[CLASSES][counted].sum()}[reduction]
    more = {"weight": weight, "ignore_index": 3, "reduction": reduction, "label_smoothing": smoothing}
    np.testing.assert_allclose(F.cross_entropy(x, CLASSES, **more), expected, rtol=1e-12)
    assert gradcheck(lambda a: F.cross_entropy(a, CLASSES, **more), [x])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_labels_are_probabilities_in_one_place(reduction):
    x, certain = draw_inputs((5, 4)), np.eye(4)[CLASSES]
    more = {"reduction": reduction, "label_smoothing": 0.2}
    np.testing.assert_allclose(F.cross_entropy(x, certain, **more), F.cross_entropy(x, CLASSES, **more), rtol=1e-12)
    t = F.softmax(draw_inputs((5, 4)), 1)
    assert gradcheck(lambda a, b: F.cross_entropy(a, b, WEIGHT, **more), [x, t])


@pytest.mark.parametrize("shape", [(4,), (2, 4, 3), (2, 4, 3, 2)])
def test_scores_with_more_axes(shape):
    x = draw_inputs(shape)
    labels = np.random.default_rng(0).integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    rows = np.moveaxis(x, 1, -1).reshape(-1, 4) if len(shape) > 1 else x[None]
    for function in (F.cross_entropy, F.nll_loss):
        apart = function(x, labels, WEIGHT, reduction="none")
        assert apart.shape == labels.shape
        np.testing.assert_allclose(apart.ravel(), function(rows, labels.ravel(), WEIGHT, reduction="none"), rtol=1e-13)
        assert gradcheck(lambda a, function=function: function(a, labels, WEIGHT), [x])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss(reduction):
    x = draw_inputs((5, 4))
    more = {"weight": WEIGHT, "ignore_index": 1, "reduction": reduction}
    expected = F.cross_entropy(x, CLASSES, **more)
    np.testing.assert_allclose(F.nll_loss(F.log_softmax(x, 1), CLASSES, **more), expected, rtol=1e-12)
    assert gradcheck(lambda a: F.nll_loss(a, CLASSES, **more), [x])


def test_where_every_label_is_ignored():
    x = Tensor(draw_inputs((2, 4)), True)
    loss = F.cross_entropy(x, [-100, -100])
    assert np.isnan(loss.item())
    loss.backward()
    np.testing.assert_array_equal(x.grad, 0)
    assert F.cross_entropy(x.data, [-100, -100], reduction="sum") == 0


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margins(p, reduction):
    x = draw_inputs((5, 4))
    losses = [sum(WEIGHT[c] * max(0, 0.7 - x[i, c] + x[i, j]) ** p for j in range(4) if j != c) / 4
              for i, c in enumerate(CLASSES)]
    expected = {"none": losses, "sum": np.sum(losses), "mean": np.mean(losses)}[reduction]
    np.testing.assert_allclose(F.multi_margin_loss(x, CLASSES, p, 0.7, WEIGHT, reduction=reduction), expected, rtol=1e-12)
    assert gradcheck(lambda a: F.multi_margin_loss(a, CLASSES, p, 0.7, WEIGHT, reduction=reduction), [x])
    assert gradcheck(lambda a: F.hinge(a, CLASSES, 0.7, reduction=reduction), [x])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("function", "formula"), [
    (F.mse_loss, lambda d: d * d), (F.l1_loss, np.abs),
    (lambda a, b, **more: F.huber_loss(a, b, delta=0.6, **more),
     lambda d: np.where(np.abs(d) < 0.6, d * d / 2, 0.6 * (np.abs(d) - 0.3)))])
def test_losses_of_differences(function, formula, reduction):
    x, t = draw_inputs((3, 4)), np.array([[0.31, -1.0, 0.9, 2.0]] * 3)
    losses = formula(x - t)
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]
    np.testing.assert_allclose(function(x, t, reduction=reduction), expected, rtol=1e-13)
    assert gradcheck(lambda a, b: function(a, b, reduction=reduction), [x, t])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction):
    x, t = draw_inputs((3, 4)), draw_inputs((3, 4), 0.05, 0.95)
    weight, balance = np.array([[0.5], [1.0], [2.0]]), np.array([1.0, 3.0, 0.2, 1.0])
    s = 1 / (1 + np.exp(-x))
    losses = weight * -(balance * t * np.log(s) + (1 - t) * np.log(1 - s))
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]
    more = {"reduction": reduction, "pos_weight": balance}
    np.testing.assert_allclose(F.binary_cross_entropy_with_logits(x, t, weight, **more), expected, rtol=1e-12)
    assert gradcheck(lambda a, b: F.binary_cross_entropy_with_logits(a, b, weight, **more), [x, t])


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("shape", [(3, 4), (3, 1), (3,), ()])
def test_gaussian_nll(shape, full):
    x, t, var = draw_inputs((3, 4)), draw_inputs((3, 4), rng=np.random.default_rng(1)), draw_inputs(shape, 0.3, 2)
    wide = var[:, None] if shape == (3,) else var
    expected = np.mean(0.5 * (np.log(wide) + (x - t) ** 2 / wide) + full * 0.5 * math.log(2 * math.pi))
    np.testing.assert_allclose(F.gaussian_nll_loss(x, t, var, full=full), expected, rtol=1e-12)
    assert gradcheck(lambda *a: F.gaussian_nll_loss(*a, full=full), [x, t, var])


def test_small_variances_count_as_eps():
    assert F.gaussian_nll_loss([1.0], [0.0], 0.0, eps=0.5) == F.gaussian_nll_loss([1.0], [0.0], 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_of_ten_thousand(dtype):
    x = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype)
    near, far = F.cross_entropy(x, [0, 1], reduction="none"), F.cross_entropy(x, [1, 0], reduction="none")
    np.testing.assert_array_equal(near, 0)
    np.testing.assert_array_equal(far, 2e4)
    scores = Tensor(x, True)
    F.cross_entropy(scores, [1, 0], reduction="sum").backward()
    np.testing.assert_array_equal(scores.grad, [[1, -1, 0], [-1, 1, 0]])
    np.testing.assert_array_equal(F.binary_cross_entropy_with_logits(x[:, :2], np.array([[1, 0], [1, 0]], dtype),
                                                                     reduction="none"), [[0, 0], [1e4, 1e4]])
    np.testing.assert_array_equal(F.softmax(x, 1), [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(F.log_softmax(x, 1), [[0, -2e4, -1e4], [-2e4, 0, -1e4]])
    assert np.isfinite(F.sigmoid(x)).all()


@pytest.mark.parametrize("function", [
    lambda x: F.cross_entropy(x, CLASSES), lambda x: F.cross_entropy(x, np.full((5, 4), 0.25)),
    lambda x: F.nll_loss(x, CLASSES), lambda x: F.hinge(x, CLASSES), lambda x: F.mse_loss(x, np.zeros((5, 4))),
    lambda x: F.gaussian_nll_loss(x, np.ones((5, 4)), 1.0), lambda x: F.binary_cross_entropy_with_logits(x, np.ones((5, 4)))])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kinds_and_dtypes(function, dtype):
    x = draw_inputs((5, 4)).astype(dtype)
    value = function(x)
    assert type(value) is np.ndarray
    assert (value.shape, value.dtype) == ((), dtype)
    taped = function(Tensor(x, True))
    assert isinstance(taped, Tensor)
    taped.backward()
    assert taped.data == value
    x[1, 0] = np.nan
    assert np.isnan(function(x)) or function(x) == 0


def test_labels_of_any_integer_type():
    for labels in (CLASSES.astype(np.int8), CLASSES.tolist(), Tensor(CLASSES), CLASSES.astype(np.uint16)):
        assert float(F.cross_entropy(draw_inputs((5, 4)), labels)) == float(F.cross_entropy(draw_inputs((5, 4)), CLASSES))


X = draw_inputs((5, 4))
REFUSED = [
    (lambda: F.cross_entropy(X, [0, 1, 2, 4, 0]), IndexError, r"target\[3\] is 4, but .* 4 classes: labels go from 0 to 3"),
    (lambda: F.cross_entropy(X, [0, 1, -1, 0, 0]), IndexError, r"target\[2\] is -1"),
    (lambda: F.nll_loss(X, [0, 1, 2, 3, 7]), IndexError, r"target\[4\] is 7"),
    (lambda: F.hinge(X, [5, 1, 2, 3, 0]), IndexError, r"hinge: target\[0\] is 5"),
    (lambda: F.cross_entropy(X, CLASSES * 1.0), TypeError, "class labels are whole numbers, or probabilities"),
    (lambda: F.cross_entropy(X, CLASSES * 1.0), TypeError, r"convert labels with target.astype\('int64'\)"),
    (lambda: F.cross_entropy(CLASSES, X), TypeError, "are input and target exchanged"),
    (lambda: F.cross_entropy(X, CLASSES[:, None]), ValueError, r"give target.reshape\(\(5,\)\)"),
    (lambda: F.cross_entropy(X, np.eye(4, dtype=int)[CLASSES]), ValueError, r"give target.argmax\(1\)"),
    (lambda: F.cross_entropy(X, CLASSES[:4]), ValueError, r"target has shape \(4,\), .* labels of shape \(5,\) are expected"),
    (lambda: F.cross_entropy(X, CLASSES, np.ones(3)), ValueError, "weight has shape .3,.; .* for each of 4 classes"),
    (lambda: F.cross_entropy(X, CLASSES, reduction="average"), ValueError, "reduction='average' is not known"),
    (lambda: F.cross_entropy(X, CLASSES, label_smoothing=2.0), ValueError, "label_smoothing=2.0 is the share"),
    (lambda: F.cross_entropy(np.zeros((0, 4)), np.zeros(0, int)), ValueError, "holds no scores"),
    (lambda: F.multi_margin_loss(X[..., None], CLASSES[:, None]), ValueError, "give scores .N, classes."),
    (lambda: F.multi_margin_loss(X, CLASSES, p=3), ValueError, "p=3 is not allowed"),
    (lambda: F.mse_loss(X[:, :1], X[:, 0]), ValueError, r"target has shape \(5,\), but input has shape \(5, 1\)"),
    (lambda: F.l1_loss(X[:, :1], X[:, 0]), ValueError, r"give target.reshape\(\(5, 1\)\)"),
    (lambda: F.huber_loss(X, X, delta=0), ValueError, "delta=0 must be positive"),
    (lambda: F.binary_cross_entropy_with_logits(X, X, np.ones(5)), ValueError, "weight has shape .5,., which does not"),
    (lambda: F.binary_cross_entropy_with_logits(X, X, pos_weight=np.ones(3)), ValueError, "pos_weight has shape .3,."),
    (lambda: F.gaussian_nll_loss(X, X, -1.0), ValueError, "negative elements"),
    (lambda: F.gaussian_nll_loss(X, X, np.ones(4)), ValueError, "var has shape .4,."),
    (lambda: F.gaussian_nll_loss(X, X, 1.0, eps=0.0), ValueError, "eps=0.0 must be positive"),
    (lambda: F.mse_loss(X + 1j, X), TypeError, "real numbers"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED)
def test_refusals(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
