"""Every operation of the tape: values against NumPy, gradients against differences, conventions at kinks and ties."""

from __future__ import annotations

import numpy as np
import pytest

import convkit.autodiff as ad
from convkit.autodiff import Tensor, draw_inputs, gradcheck

A34, B34, A234 = draw_inputs((3, 4)), draw_inputs((3, 4), rng=np.random.default_rng(1)), draw_inputs((2, 3, 4))
POSITIVE = draw_inputs((3, 4), 0.3, 3.0)
MASK = np.array([[True, False, True, False]] * 3)

# name: (function on Tensors, the same on arrays, inputs)
CASES = {
    "add": (lambda a, b: a + b, np.add, [A34, B34]),
    "add-row": (lambda a, b: a + b, np.add, [A34, B34[0]]),
    "add-column-and-row": (lambda a, b: a + b, np.add, [A34[:, :1], B34[:1]]),
    "add-number": (lambda a: 2.5 + a, lambda a: 2.5 + a, [A34]),
    "subtract": (lambda a, b: a - b, np.subtract, [A34, B34[:, :1]]),
    "subtract-from-number": (lambda a: 2 - a, lambda a: 2 - a, [A34]),
    "multiply": (lambda a, b: a * b, np.multiply, [A34, A234]),
    "multiply-array": (lambda a: B34 * a, lambda a: B34 * a, [A34]),
    "multiply-itself": (lambda a: a * a, np.square, [A34]),
    "divide": (lambda a, b: a / b, np.divide, [A34, B34[1]]),
    "divide-number": (lambda a: 1 / a, np.reciprocal, [POSITIVE]),
    "power": (lambda a, b: a**b, np.power, [POSITIVE, B34]),
    "power-method": (lambda a: a.pow(2), np.square, [A34]),
    "power-number": (lambda a: a**3, lambda a: a**3, [A34]),
    "power-fraction": (lambda a: a**-1.5, lambda a: a**-1.5, [POSITIVE]),
    "power-of-number": (lambda a: 2**a, np.exp2, [A34]),
    "negative": (lambda a: -a, np.negative, [A34]),
    "matmul": (lambda a, b: a @ b, np.matmul, [A34, B34.T]),
    "matmul-array": (lambda a: B34.T @ a, lambda a: B34.T @ a, [A34]),
    "matmul-vectors": (lambda a, b: a @ b, np.matmul, [A34[0], B34[1]]),
    "matmul-vector-matrix": (lambda a, b: a @ b, np.matmul, [A34[:, 0], B34]),
    "matmul-matrix-vector": (lambda a, b: a @ b, np.matmul, [A34, B34[0]]),
    "matmul-batch": (lambda a, b: a @ b, np.matmul, [A234, draw_inputs((4, 2))]),
    "matmul-batches": (lambda a, b: a @ b, np.matmul, [A234, draw_inputs((5, 1, 4, 2))]),
    "matmul-batch-vector": (lambda a, b: a @ b, np.matmul, [A234, B34[0]]),
    "matmul-vector-batch": (ad.matmul, np.matmul, [A34[:, 0], A234]),
    "abs": (abs, np.abs, [A34]),
    "exp": (ad.exp, np.exp, [A34]),
    "log": (ad.log, np.log, [POSITIVE]),
    "sqrt": (ad.sqrt, np.sqrt, [POSITIVE]),
    "sin": (ad.sin, np.sin, [A34]),
    "cos": (ad.cos, np.cos, [A34]),
    "tanh": (ad.tanh, np.tanh, [A34]),
    "clip": (lambda a: ad.clip(a, -0.8, 1.1), lambda a: np.clip(a, -0.8, 1.1), [draw_inputs((3, 4), avoid=(-0.8, 1.1))]),
    "clamp": (lambda a: ad.clamp(a, min=0).clamp(max=1), lambda a: np.clip(a, 0, 1), [draw_inputs((3, 4), avoid=(0.0, 1.0))]),
    "clip-below": (lambda a: a.clip(min=0), lambda a: np.maximum(a, 0), [A34]),
    "clip-above": (lambda a: a.clip(max=B34), lambda a: np.minimum(a, B34), [A34]),
    "maximum": (ad.maximum, np.maximum, [A34, B34]),
    "minimum": (ad.minimum, np.minimum, [A34, B34[2]]),
    "where": (lambda a, b: ad.where(MASK, a, b), lambda a, b: np.where(MASK, a, b), [A34, B34[0]]),
    "where-tensor": (lambda a: ad.where(a > 0, a, 0.1 * a), lambda a: np.where(a > 0, a, 0.1 * a), [A34]),
    "sum": (ad.sum, np.sum, [A34]),
    "sum-axis": (lambda a: ad.sum(a, -1), lambda a: a.sum(-1), [A234]),
    "sum-axes": (lambda a: a.sum((0, 2), keepdim=True), lambda a: a.sum((0, 2), keepdims=True), [A234]),
    "mean": (ad.mean, np.mean, [A34]),
    "mean-axes": (lambda a: ad.mean(a, (2, 0)), lambda a: a.mean((0, 2)), [A234]),
    "mean-keep": (lambda a: a.mean(1, keepdim=True), lambda a: a.mean(1, keepdims=True), [A234]),
    "var": (ad.var, lambda a: a.var(ddof=1), [A34]),
    "var-biased": (lambda a: ad.var(a, (0, 2), unbiased=False), lambda a: a.var((0, 2)), [A234]),
    "var-keep": (lambda a: a.var(1, keepdim=True), lambda a: a.var(1, ddof=1, keepdims=True), [A234]),
    "max": (ad.max, np.max, [A34]),
    "max-axis": (lambda a: ad.max(a, 1).values, lambda a: a.max(1), [A234]),
    "max-keep": (lambda a: a.max(0, keepdim=True)[0], lambda a: a.max(0, keepdims=True), [A34]),
    "max-axes": (lambda a: ad.max(a, (0, 2)), lambda a: a.max((0, 2)), [A234]),
    "max-axes-keep": (lambda a: a.max((-1, 0), keepdim=True), lambda a: a.max((0, 2), keepdims=True), [A234]),
    "min": (lambda a: a.min(), np.min, [A34]),
    "min-axes": (lambda a: a.min((1, 2)), lambda a: a.min((1, 2)), [A234]),
    "min-axis": (lambda a: ad.min(a, -1).values, lambda a: a.min(-1), [A234]),
    "reshape": (lambda a: ad.reshape(a, (2, -1)), lambda a: a.reshape(2, -1), [A34]),
    "view": (lambda a: a.view(4, 3), lambda a: a.reshape(4, 3), [A34]),
    "reshape-listed": (lambda a: a.reshape((-1,)), np.ravel, [A34]),
    "view-as": (lambda a: a.view_as(Tensor(np.zeros((6, 2)))), lambda a: a.reshape(6, 2), [A34]),
    "unsqueeze": (lambda a: a.unsqueeze(1), lambda a: a[:, None], [A34]),
    "unsqueeze-last": (lambda a: ad.unsqueeze(a, -1), lambda a: a[..., None], [A34]),
    "squeeze": (lambda a: a[:1, :, None].squeeze(), lambda a: a[0], [A34]),
    "squeeze-axis": (lambda a: ad.squeeze(a[:1, :1], -1), lambda a: a[:1, 0], [A34]),
    "squeeze-nothing": (lambda a: a[:1].squeeze((1,)), lambda a: a[:1], [A34]),
    "double": (lambda a: a.double(), lambda a: a, [A34]),
    "flatten": (lambda a: ad.flatten(a, 1), lambda a: a.reshape(2, 12), [A234]),
    "flatten-front": (lambda a: a.flatten(0, -2), lambda a: a.reshape(6, 4), [A234]),
    "transpose": (lambda a: ad.transpose(a, 0, -1), lambda a: a.swapaxes(0, 2), [A234]),
    "transpose-method": (lambda a: a.transpose(1, 2), lambda a: a.swapaxes(1, 2), [A234]),
    "permute": (lambda a: ad.permute(a, (2, 0, 1)), lambda a: a.transpose(2, 0, 1), [A234]),
    "permute-method": (lambda a: a.permute(1, 2, 0), lambda a: a.transpose(1, 2, 0), [A234]),
    "T": (lambda a: a.T, np.transpose, [A34]),
    "concatenate": (lambda a, b: ad.concatenate([a, b[:2], a]), lambda a, b: np.concatenate([a, b[:2], a]), [A34, B34]),
    "concatenate-axis": (lambda a, b: ad.concatenate([a, b], -1), lambda a, b: np.concatenate([a, b], 1), [A34, B34[:, :1]]),
    "stack": (lambda a, b: ad.stack([a, b], 1), lambda a, b: np.stack([a, b], 1), [A34, B34]),
    "stack-last": (lambda a, b: ad.stack((a, b), -1), lambda a, b: np.stack([a, b], -1), [A34, B34]),
    "item": (lambda a: a[1], lambda a: a[1], [A34]),
    "item-slices": (lambda a: a[..., ::-2, None], lambda a: a[..., ::-2, None], [A234]),
    "item-repeated": (lambda a: a[[0, 2, 0]], lambda a: a[[0, 2, 0]], [A34]),
    "item-pairs": (lambda a: a[np.arange(3), [1, 1, 3]], lambda a: a[np.arange(3), [1, 1, 3]], [A34]),
    "item-mask": (lambda a: a[MASK], lambda a: a[MASK], [A34]),
    "item-tensor": (lambda a: a[Tensor([2, 2]), 1:], lambda a: a[[2, 2], 1:], [A34]),
    "iteration": (lambda a: ad.stack([3 * row for row in a]), lambda a: 3 * a, [A34]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_numpy_and_gradients_those_of_differences(name):
    function, expected, inputs = CASES[name]
    result = function(*map(Tensor, inputs))
    assert isinstance(result, Tensor)
    assert not result.requires_grad
    np.testing.assert_allclose(result.numpy(), expected(*inputs), rtol=1e-14, atol=1e-15)
    assert gradcheck(function, inputs, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name):
    function, expected, inputs = CASES[name]
    tensors = [Tensor(x.astype(np.float32), requires_grad=True) for x in inputs]
    result = function(*tensors)
    if name not in {"multiply-array", "matmul-array", "clip-above", "double"}:  # which have float64 in them
        assert result.dtype == np.float32
    np.testing.assert_allclose(result.data, expected(*inputs), rtol=2e-5, atol=1e-5)
    result.sum().backward()
    assert all(t.grad.dtype == np.float32 and t.grad.shape == t.shape and t.grad.flags.c_contiguous for t in tensors)
    assert all(t.grad.flags.writeable for t in tensors)


FUNCTIONS = {
    "unary": (ad.exp, ad.log, ad.sqrt, ad.abs, ad.sin, ad.cos, ad.tanh, ad.sum, ad.mean, ad.var, ad.max, ad.min, ad.argmax,
              ad.flatten, ad.squeeze, lambda x: ad.unsqueeze(x, 0), lambda x: ad.max(x, (0, 1)), lambda x: ad.clip(x, 0.5, 1),
              lambda x: ad.max(x, 1)[0], lambda x: ad.min(x, 0)[1],
              lambda x: ad.reshape(x, (-1,)), lambda x: ad.transpose(x, 0, 1), lambda x: ad.permute(x, (1, 0))),
    "binary": (ad.maximum, ad.minimum, lambda a, b: ad.where(a > 0, a, b), lambda a, b: ad.matmul(a, b.T),
               lambda a, b: ad.concatenate([a, b]), lambda a, b: ad.cat([a, b], dim=1), lambda a, b: ad.stack([a, b])),
}  # fmt: skip


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_arrays_in_array_out_and_the_same_numbers(kind):
    inputs = [POSITIVE, POSITIVE[::-1]][: 1 if kind == "unary" else 2]
    for function in FUNCTIONS[kind]:
        result = function(*inputs)
        assert isinstance(result, np.ndarray | np.generic)
        np.testing.assert_array_equal(result, function(*map(Tensor, inputs)).numpy())


def test_lists_and_numbers_are_arrays_too():
    assert ad.exp(0.0) == 1
    assert ad.sum([[1, 2], [3, 4]], 0).tolist() == [4, 6]
    assert ad.max([3, 7, 5], 0) == (7, 1)
    assert ad.mean([1, 2]) == 1.5
    assert ad.maximum(0.0, np.float32([-1, 2])).dtype == np.float32
    assert (Tensor([1.0, 2.0]) + [1, 1]).numpy().tolist() == [2, 3]


def grad(function, *values):
    tensors = [Tensor(np.array(v, float), requires_grad=True) for v in values]
    function(*tensors).sum().backward()
    grads = [t.grad.tolist() for t in tensors]
    return grads[0] if len(grads) == 1 else grads


def test_kinks():
    assert grad(abs, [-2, 0, 3]) == [-1, 0, 1]
    assert grad(lambda x: x.clip(0, 1), [-1, 0, 0.5, 1, 2]) == [0, 1, 1, 1, 0]
    assert grad(ad.maximum, [1, 2, 3], [3, 2, 1]) == [[0, 0.5, 1], [1, 0.5, 0]]
    assert grad(ad.minimum, [1, 2, 3], [3, 2, 1]) == [[1, 0.5, 0], [0, 0.5, 1]]
    assert grad(lambda x: x**2, [0]) == [0]
    assert grad(lambda x: x**1, [0]) == [1]
    assert grad(lambda x: x**0, [0, 2]) == [0, 0]
    assert grad(lambda x, k: x**k, [0.0, 0.0, 2.0], [0, 2, 0]) == [[0, 0, 0], [0, 0, np.log(2)]]
    with np.errstate(divide="ignore"):
        assert grad(ad.sqrt, [0, 4]) == [np.inf, 0.25]
        assert grad(lambda x: x**0.5, [0]) == [np.inf]


def test_log_at_and_below_zero_warns_as_numpy_does():
    x = Tensor([0.0, -1.0], requires_grad=True)
    with pytest.warns(RuntimeWarning, match="encountered in log") as caught:
        y = ad.log(x)
    assert len(caught) == 2
    assert y.data[0] == -np.inf
    assert np.isnan(y.data[1])
    with np.errstate(divide="ignore"):
        y.backward(np.ones(2))
    assert x.grad.tolist() == [np.inf, -1]


def test_ties_of_max_share_without_an_axis_and_go_to_the_first_along_one():
    x = [[1, 5, 5], [5, 0, 2]]
    assert grad(ad.max, x) == [[0, 1 / 3, 1 / 3], [1 / 3, 0, 0]]
    assert grad(lambda t: ad.max(t, (0, 1)), x) == grad(ad.max, x)
    assert grad(lambda t: ad.max(t, (1,)), x) == [[0, 0.5, 0.5], [1, 0, 0]]
    assert grad(lambda t: ad.max(t, 1).values, x) == [[0, 1, 0], [1, 0, 0]]
    assert grad(lambda t: ad.min(t, 0).values, [[1, 2], [1, 3]]) == [[1, 1], [0, 0]]


def test_nan_is_the_largest_and_has_the_gradient():
    x = [1, np.nan, 3]
    assert grad(ad.max, x) == [0, 1, 0]
    assert grad(lambda t: ad.min(t, (1,)), [[1, np.nan], [4, 3]]) == [[0, 1], [0, 1]]
    values, indices = ad.max(Tensor(x), 0)
    assert np.isnan(values.item())
    assert indices.item() == 1
    assert ad.argmax(Tensor([[1, 9], [4, 2]]), 1).numpy().tolist() == [1, 0]
    assert ad.argmax(Tensor([[1, 9], [4, 2]])).item() == 1
    assert ad.argmax([[1, 9], [4, 2]], 1, keepdim=True).tolist() == [[1], [0]]


REFUSED = {
    "an axis too far": (lambda x: x.sum(2), ValueError, r"dim=2: axis 2 does not exist .* 2 axes; allowed are -2 to 1"),
    "an axis of a number": (lambda x: x.sum().mean(0), ValueError, "single number"),
    "an axis twice": (lambda x: x.mean((0, -2)), ValueError, r"dim=\(0, -2\) names an axis .* twice"),
    "max along nothing": (lambda x: x.max(5), ValueError, "dim=5"),
    "argmax along nothing": (lambda x: x.argmax(5), ValueError, "dim=5"),
    "matrices that do not fit": (lambda x: x @ x[:, :1], ValueError, r"a has shape \(2, 3\) and b \(2, 1\); the last"),
    "one value's variance": (lambda x: x[:1].var(0), ValueError, "variance of 1 values with correction=1 divides by 0"),
    "permuting some": (lambda x: x.permute(1), ValueError, "names 1 of the 2 axes"),
    "flattening backwards": (lambda x: x.flatten(1, 0), ValueError, "start_dim=1 lies behind end_dim=0"),
    "joining nothing": (lambda x: ad.concatenate([]), ValueError, "tensors is empty"),
    "stacking nothing": (lambda x: ad.stack([]), ValueError, "tensors is empty"),
    "complex": (lambda x: x * 1j, TypeError, "gave complex numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    function, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        function(Tensor(np.ones((2, 3)), requires_grad=True))


def test_gradcheck_finds_a_wrong_gradient_and_says_where():
    def wrong(x, y):
        return x * y, lambda g, wanted: (g * y, g * x * np.where(np.arange(3) == 2, 1.1, 1))

    x, y = draw_inputs(3, 0.5, 1), draw_inputs(3, 1, 2)
    with pytest.raises(AssertionError, match=r"input 1, element \(2,\).* \(1 of 3 elements are wrong\)") as caught:
        gradcheck(lambda a, b: ad.apply(wrong, a, b), [x, y])
    said = [float(word) for word in str(caught.value).replace(",", "").split() if word[0].isdigit() and "." in word]
    weight = np.random.default_rng(0).uniform(0.5, 1.5, 3)[2]
    np.testing.assert_allclose(said, [1.1 * x[2] * weight, x[2] * weight], rtol=1e-6)
    assert gradcheck(lambda a, b: ad.apply(wrong, a, b), [x, y], rtol=0.2)
    assert gradcheck(lambda a, b: ad.apply(wrong, a, b), [x, y], atol=0.2)


def test_gradcheck_takes_one_array_other_arguments_and_refuses_what_it_cannot_check():
    labels = np.array([2, 0])
    assert gradcheck(lambda x, at: x[np.arange(2), at], [A34[:2], labels])
    assert gradcheck(ad.exp, Tensor(A34.astype(np.float32)))
    with pytest.raises(AssertionError, match=r"input 0, element \(0,\)"):
        gradcheck(abs, np.array([0.3, 2.0]), eps=0.5)
    with pytest.raises(ValueError, match="no floating-point numbers"):
        gradcheck(ad.exp, labels)
    with pytest.raises(ValueError, match="hangs on no tape"):
        gradcheck(lambda x: x.detach(), A34)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="other values when it is called again"):
        gradcheck(lambda x: x * rng.random(), A34)


@pytest.mark.parametrize("shape", [(), 1, (3, 4), 500])
def test_draws_keep_apart_from_each_other_and_from_kinks(shape):
    kinks = (-0.8, 0.0, 1.1)
    x = draw_inputs(shape, -1, 3, avoid=kinks, rng=np.random.default_rng(5))
    width = 4 / (x.size + 2 * len(kinks)) * (1 - 1e-9)
    assert np.shape(x) == ((shape,) if isinstance(shape, int) else shape)
    assert ((x > -1) & (x < 3)).all()
    assert np.diff(np.sort(x, axis=None)).min(initial=4) > width / 2
    assert np.abs(x.reshape(-1, 1) - kinks).min() > width / 4
    assert x.size == 1 or not np.array_equal(x, draw_inputs(shape, -1, 3, avoid=kinks))
    np.testing.assert_array_equal(draw_inputs(shape), draw_inputs(shape))
    with pytest.raises(ValueError, match="high=1 must lie above low=1"):
        draw_inputs(shape, 1, 1)
