"""Normalisation, non-linearities, padding and dropout: definitions, gradients by differences, refusals, examples."""

from __future__ import annotations

import doctest
import importlib
import math

import numpy as np
import pytest

import convkit
from convkit.autodiff import Tensor, draw_inputs, gradcheck
from convkit.nn import functional as F


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 5), (1, 3, 2, 3, 19)])
def test_batch_norm_while_training(shape):
    x, weight, bias = draw_inputs(shape), draw_inputs(3), draw_inputs(3)
    axes = (0, *range(2, len(shape)))
    line = (-1,) + (1,) * (len(shape) - 2)
    mean, var = x.mean(axes), x.var(axes)
    expected = (x - mean.reshape(line)) / np.sqrt(var + 1e-3).reshape(line) * weight.reshape(line) + bias.reshape(line)
    running = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    before = [r.copy() for r in running]
    y = F.batch_norm(x, *running, weight, bias, True, 0.3, 1e-3)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)
    count = x.size // 3
    np.testing.assert_allclose(running[0], 0.7 * before[0] + 0.3 * mean, rtol=1e-12)
    np.testing.assert_allclose(running[1], 0.7 * before[1] + 0.3 * var * count / (count - 1), rtol=1e-12)
    assert gradcheck(lambda *a: F.batch_norm(a[0], None, None, *a[1:], training=True, eps=1e-3), [x, weight, bias])


def test_batch_norm_afterwards():
    x, weight, bias, mean, var = draw_inputs((4, 3, 5)), draw_inputs(3), draw_inputs(3), draw_inputs(3), draw_inputs(3, 0.2, 2)
    y = F.batch_norm(x, mean, var, weight, bias)
    expected = (x - mean[:, None]) / np.sqrt(var + 1e-5)[:, None] * weight[:, None] + bias[:, None]
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)
    assert gradcheck(lambda *a: F.batch_norm(a[0], mean, var, *a[1:]), [x, weight, bias])
    assert gradcheck(lambda a: F.batch_norm(a, Tensor(mean), Tensor(var)), [x])


def test_running_moments_may_move_before_the_way_back():
    x, mean, var = draw_inputs((4, 3, 5)), np.zeros(3), np.ones(3)
    y, vjp = F.batch_norm_pair(x, running_mean=mean, running_var=var)
    expected = vjp(y, (True,))[0]
    mean += 1
    var *= 2
    np.testing.assert_array_equal(vjp(y, (True,))[0], expected)


def test_scale_and_shift_undo_a_batch_norm():
    x, eps = draw_inputs((8, 3, 5)), 1e-2
    gamma, beta = np.sqrt(x.var((0, 2)) + eps), x.mean((0, 2))
    np.testing.assert_allclose(F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_relu_in_the_same_pass(rng, training):
    x, w, b = rng.normal(size=(4, 3, 21)), rng.normal(size=3), rng.normal(size=3)
    more = {"training": training, "running_mean": np.zeros(3), "running_var": np.ones(3), "momentum": 0.0}
    y, vjp = F.batch_norm_pair(x, w, b, relu=True, **more)
    plain, plain_vjp = F.batch_norm_pair(x, w, b, **more)
    g = rng.normal(size=x.shape)
    np.testing.assert_array_equal(y, np.maximum(plain, 0))
    for ours, theirs in zip(vjp(g, (True,) * 3), plain_vjp(g * (plain > 0), (True,) * 3), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


def test_means_far_from_zero_lose_no_digits(rng):
    x = (rng.normal(size=(16, 2, 333)) + 5000).astype(np.float32)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean((0, 2), keepdims=True)) / np.sqrt(exact.var((0, 2), keepdims=True) + 1e-5)
    # The mean itself is rounded to float32.
    np.testing.assert_allclose(F.batch_norm(x, training=True), exact, rtol=0, atol=5e-4)
    wide = rng.normal(size=(16, 2, 333)) + 1e9
    exact = (wide - wide.mean((0, 2), keepdims=True)) / wide.std((0, 2), keepdims=True)
    np.testing.assert_allclose(F.batch_norm(wide, training=True, eps=0.0), exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_workers_change_nothing(dtype, rng):
    x, w = rng.normal(size=(8, 19, 40, 41)).astype(dtype), rng.normal(size=19).astype(dtype)
    found = []
    for workers in (1, 2):
        with convkit.set_workers(workers):
            y, vjp = F.batch_norm_pair(x, w, w, training=True, relu=True)
            found.append([y, *vjp(y, (True, True, True))])
    for one, two in zip(*found, strict=True):
        assert one.dtype == dtype
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("size", "alpha", "beta", "k"), [(5, 1e-4, 0.75, 1), (2, 0.5, 0.6, 2), (1, 1, 1, 1), (9, 1, 2, 1)])
def test_local_response_norm(size, alpha, beta, k):
    x = draw_inputs((2, 4, 3))
    expected = np.empty_like(x)
    for c in range(4):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        expected[:, c] = x[:, c] / (k + alpha * (near**2).sum(1) / size) ** beta
    np.testing.assert_allclose(F.local_response_norm(x, size, alpha, beta, k), expected, rtol=1e-12)
    assert gradcheck(lambda a: F.local_response_norm(a, size, alpha, beta, k), [x])


FORMULAS = {
    "relu": ({}, lambda x: np.maximum(x, 0)),
    "leaky_relu": ({"negative_slope": 0.3}, lambda x: np.where(x > 0, x, 0.3 * x)),
    "elu": ({"alpha": 0.7}, lambda x: np.where(x > 0, x, 0.7 * (np.exp(x) - 1))),
    "gelu": ({}, lambda x: x * np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))(x)),
    "tanh": ({}, np.tanh),
    "sigmoid": ({}, lambda x: 1 / (1 + np.exp(-x))),
    "softmax": ({"dim": 0}, lambda x: np.exp(x) / np.exp(x).sum(0)),
    "log_softmax": ({"dim": -1}, lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True))),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations(name):
    more, formula = FORMULAS[name]
    x = draw_inputs((3, 4, 2))
    function = getattr(F, name)
    np.testing.assert_allclose(function(x, **more), formula(x), rtol=1e-12, atol=1e-15)
    assert gradcheck(lambda a: function(a, **more), [x])
    assert function(x.astype(np.float32), **more).dtype == np.float32
    assert np.isnan(function(np.array([1.0, np.nan]), **(more | {"dim": 0} if "dim" in more else more))[1])


def test_gelu_by_tanh():
    x = draw_inputs((3, 4))
    assert gradcheck(lambda a: F.gelu(a, "tanh"), [x])
    apart = np.abs(F.gelu(x, "tanh") - F.gelu(x)).max()
    assert 1e-5 < apart < 5e-4


def test_nothing_is_changed_in_place():
    x = draw_inputs((3, 4))
    before = x.copy()
    for function, more in ((F.relu, ()), (F.leaky_relu, (0.2,)), (F.elu, (0.5,)), (F.dropout, (0.0, True))):
        np.testing.assert_array_equal(function(x, *more, True), function(x, *more))
        np.testing.assert_array_equal(x, before)


def test_relu_at_zero_and_of_views():
    x = Tensor(np.array([-1.0, 0.0, 2.0, np.nan]), True)
    F.relu(x).backward(np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(x.grad, [0, 0, 3, 4])
    turned = draw_inputs((3, 4)).T
    np.testing.assert_array_equal(F.relu(turned), np.maximum(turned, 0))
    assert F.relu(np.array([3, -1])).dtype == np.float32


@pytest.mark.parametrize(("pad", "mode", "width"), [
    ((1, 2), "constant", [(0, 0), (1, 2)]), ((1, 2, 0, 3), "reflect", [(0, 3), (1, 2)]),
    ((4, 1, 2, 0), "replicate", [(2, 0), (4, 1)]),
    ([4, 1, 2, 0], "circular", [(2, 0), (4, 1)])])
def test_pad(pad, mode, width):
    x = draw_inputs((4, 5))
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    np.testing.assert_array_equal(F.pad(x, pad, mode), np.pad(x, width, names[mode]))
    assert gradcheck(lambda a: F.pad(a, pad, mode), [x])


def test_pad_crops_and_fills():
    x = draw_inputs((4, 5))
    np.testing.assert_array_equal(F.pad(x, (-1, 2, 1, -2), value=7.0)[1:, :4], x[:2, 1:])
    assert np.all(F.pad(x, (-1, 2, 1, -2), value=7.0)[0] == 7)
    assert gradcheck(lambda a: F.pad(a, (-1, 2, 1, -2), value=7.0), [x])
    assert gradcheck(lambda a: F.pad(a, (0, 0)), [x])


def test_dropout():
    x = np.ones((200, 300))
    y = F.dropout(x, 0.3, generator=np.random.default_rng(0))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7])
    assert abs((y == 0).mean() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / x.size)
    np.testing.assert_array_equal(F.dropout(x, 0.3, training=False), x)
    np.testing.assert_array_equal(F.dropout(x, 1.0), 0)
    np.testing.assert_array_equal(F.dropout(x, 0.0), x)
    assert gradcheck(lambda a: F.dropout(a, 0.4, generator=np.random.default_rng(1)), [draw_inputs((3, 4))])
    assert gradcheck(lambda a: F.vanilla_dropout(a, 0.4, generator=np.random.default_rng(1)), [draw_inputs((3, 4))])
    assert gradcheck(lambda a: F.vanilla_dropout(a, 0.4, training=False), [draw_inputs((3, 4))])
    assert not np.array_equal(F.dropout(x), F.dropout(x))


def test_the_mean_of_vanilla_dropout_is_the_scaled_pass(rng):
    x, w, passes, keep = draw_inputs((1, 20)), draw_inputs((4, 20)), 10_000, 0.6
    found = F.linear(F.vanilla_dropout(np.repeat(x, passes, 0), keep, generator=rng), w)
    scaled = F.linear(F.vanilla_dropout(x, keep, training=False), w)[0]
    assert np.all(np.abs(found.mean(0) - scaled) < 4 * found.std(0) / math.sqrt(passes))
    inverted = F.linear(F.dropout(np.repeat(x, passes, 0), 1 - keep, generator=rng), w)
    assert np.all(np.abs(inverted.mean(0) - F.linear(x, w)[0]) < 4 * inverted.std(0) / math.sqrt(passes))


def test_flatten_and_concatenate():
    x = draw_inputs((2, 3, 4))
    assert F.flatten(x, 1).shape == (2, 12)
    assert F.concatenate([x, x], 1).shape == (2, 6, 4)
    assert F.flatten_pair(x, start=1, end=-1)[0].shape == (2, 12)
    assert F.concatenate_pair(x, x, dim=1)[0].shape == (2, 6, 4)


X = draw_inputs((4, 3, 5))
REFUSED = [
    (lambda: F.batch_norm(X), ValueError, "running_mean and running_var are needed"),
    (lambda: F.batch_norm(X[:1, :, :1], training=True), ValueError, "one sample in each channel"),
    (lambda: F.batch_norm(X[0, 0], training=True), ValueError, "expected .N, C, ...."),
    (lambda: F.batch_norm(X, None, None, np.ones(4), None, True), ValueError, "weight has shape .4,., but .* 3 channels"),
    (lambda: F.batch_norm(X, np.ones(4), np.ones(4)), ValueError, "running_mean has shape .4,."),
    (lambda: F.batch_norm(X, np.ones(4), np.ones(4), training=True), ValueError, "running_mean has shape .4,."),
    (lambda: F.local_response_norm(X[0], 3), ValueError, "expected .N, C, L. or more axes"),
    (lambda: F.local_response_norm(X, 0), ValueError, "size=0 must be 1 or more"),
    (lambda: F.gelu(X, "erf"), ValueError, "approximate='erf' is not known"),
    (lambda: F.softmax(X, 3), ValueError, "dim=3: axis 3 does not exist"),
    (lambda: F.relu(X + 1j), TypeError, "real numbers"),
    (lambda: F.dropout(X, 1.5), ValueError, "p=1.5 is the probability of dropping .* to keep each with probability q"),
    (lambda: F.vanilla_dropout(X, -0.1), ValueError, "keep=-0.1 is the probability of keeping"),
    (lambda: F.pad(X, (1, 1), "symmetric"), ValueError, "mode='symmetric' is not known; it may be 'constant'"),
    (lambda: F.pad(X, (1, 1, 1)), ValueError, "must be pairs of whole numbers"),
    (lambda: F.pad(X, (1,) * 8), ValueError, "pairs for 4 axes, but the input has 3"),
    (lambda: F.pad(X, (5, 0), "reflect"), ValueError, "reaches 5 samples beyond an axis of length 5; it can reach 4"),
    (lambda: F.pad(X, (0, 6), "circular"), ValueError, "it can reach 5 at most"),
    (lambda: F.pad(X, (-3, -2)), ValueError, "leaves nothing of an axis of length 5"),
    (lambda: F.pad(X, (1, 1), "reflect", 2.0), ValueError, "value=2.0 is used by mode='constant' only"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED)
def test_refusals(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


@pytest.mark.parametrize("name", ["activation", "average_pool", "classes", "conv", "linear", "loss", "norm", "pool", "shape"])
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(f"convkit.nn.functional.{name}")
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(module):
        runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
    assert runner.tries > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_samples_of_size_one_are_what_the_kernels_for_lines_make_of_them(known, relu, dtype, rng):
    """Item by item, for all channels or for a worker's share."""
    from convkit.engines.normalize import Moments, forward, gradient
    from convkit.kernels.normalize import normalize, normalize_gradient

    x, g = rng.standard_normal((2, 7, 13)).astype(dtype) + 3
    w, b = rng.standard_normal((2, 13)).astype(dtype)
    given = rng.standard_normal(13), rng.random(13)
    moments, want = Moments(*map(np.copy, given), known), Moments(*map(np.copy, given), known)
    out, expected = np.empty_like(x), np.empty(x.size, dtype)
    forward(x, moments, w, b, 1e-5, relu, out, 1)
    normalize(x.reshape(-1), 7, 13, 1, 0, 13, known, *want[:2], w, b, 1e-5, relu, expected)
    np.testing.assert_array_equal(out.reshape(-1), expected)
    np.testing.assert_array_equal(moments.means, want.means)
    np.testing.assert_array_equal(moments.variances, want.variances)
    by_x, by_w, by_b = np.empty(x.size, dtype), np.empty(13, dtype), np.empty(13, dtype)
    for first, last in ((0, 5), (5, 13)):
        normalize_gradient(x.reshape(-1), g.reshape(-1), expected, 7, 13, 1, first, last, known, *want[:2], w, 1e-5, relu, by_x,
                           by_w, by_b)
    got = gradient(x, g, out if relu else None, moments, w, 1e-5, 1)
    for one, other in zip(got, (by_x.reshape(7, 13), by_w, by_b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6 if dtype == "float32" else 1e-14, atol=0)
