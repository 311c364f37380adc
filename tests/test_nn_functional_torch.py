"""Values and gradients of every operation of a network against PyTorch's, on drawn shapes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convkit.autodiff import Tensor
from convkit.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

DTYPES = ("float64", "float32")
ALLOWED = {"float64": 1e-10, "float32": 1e-4}
some = settings(max_examples=40)


def drawn(rng, shape, dtype):
    """Different numbers, apart from each other and from 0 by more than rounding."""
    size = math.prod(shape)
    return ((rng.permutation(size) + 0.5) * (4 / max(size, 1)) - 2).reshape(shape).astype(dtype)


def close(ours, theirs, dtype, what="value"):
    """Equal within the allowed part of the largest element."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape, (what, ours.shape, theirs.shape)
    assert ours.dtype == theirs.dtype
    scale = max(float(np.abs(theirs).max(initial=0)), 1e-30)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=ALLOWED[dtype] * scale, err_msg=what)


def agree(ours, theirs, arrays, dtype, fixed=()):
    """Both functions of the arrays and of `fixed` (labels) give equal values and equal gradients in each array."""
    here = [None if a is None else Tensor(a, True) for a in arrays]
    there = [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]
    y = ours(*here, *fixed)
    z = theirs(*there, *[torch.tensor(f) for f in fixed])
    close(y.data, z, dtype)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, y.shape).astype(dtype)
    y.backward(weights)
    z.backward(torch.tensor(weights))
    for i, (a, b) in enumerate(zip(here, there, strict=True)):
        if a is not None and b.grad is not None:
            close(a.grad, b.grad, dtype, f"gradient {i}")
    plain = ours(*arrays, *fixed)
    assert isinstance(plain, np.ndarray)
    np.testing.assert_array_equal(plain, y.data)


@st.composite
def convolutions(draw):
    """Shapes and settings of a convolution."""
    dims = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inputs, outputs = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 4))
    n = draw(st.integers(1, 3))
    most = (20, 9, 5)[dims - 1]

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    kernel, stride, dilation, padding = each(1, 4), each(1, 3), each(1, 2), each(0, 2)
    lengths = each(1, most)
    assume(all(m + 2 * p >= d * (k - 1) + 1 for m, p, d, k in zip(lengths, padding, dilation, kernel, strict=True)))
    return dims, (n, inputs, *lengths), (outputs, inputs // groups, *kernel), stride, padding, dilation, groups


@pytest.mark.parametrize("dtype", DTYPES)
@some
@given(case=convolutions(), bias=st.booleans())
def test_conv(dtype, case, bias):
    dims, x, w, stride, padding, dilation, groups = case
    rng = np.random.default_rng(0)
    arrays = [drawn(rng, x, dtype), drawn(rng, w, dtype), drawn(rng, w[:1], dtype) if bias else None]
    more = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agree(lambda *a: getattr(F, f"conv{dims}d")(*a, **more), lambda *a: getattr(TF, f"conv{dims}d")(*a, **more), arrays, dtype)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, (2, 1), "same"])
def test_conv_padding_mode(mode, padding):
    rng = np.random.default_rng(0)
    arrays = [drawn(rng, (2, 2, 5, 6), "float64"), drawn(rng, (3, 2, 3, 4), "float64"), drawn(rng, (3,), "float64")]

    def theirs(x, w, b):
        module = torch.nn.Conv2d(2, 3, (3, 4), padding=padding, padding_mode=mode)
        return torch.func.functional_call(module, {"weight": w, "bias": b}, (x,))

    agree(lambda *a: F.conv2d(*a, padding=padding, padding_mode=mode), theirs, arrays, "float64")


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [(1, 2), (3, 4), (5, 1)])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_conv_same(kernel, dilation):
    rng = np.random.default_rng(0)
    arrays = [drawn(rng, (2, 2, 5, 6), "float64"), drawn(rng, (3, 2, *kernel), "float64")]
    agree(lambda x, w: F.conv2d(x, w, padding="same", dilation=dilation),
          lambda x, w: TF.conv2d(x, w, padding="same", dilation=dilation), arrays, "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@some
@given(case=convolutions(), bias=st.booleans(), extra=st.integers(0, 2))
def test_conv_transpose(dtype, case, bias, extra):
    dims, x, w, stride, padding, dilation, groups = case
    extras = tuple(min(extra, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    assume(all((n - 1) * s - 2 * p + d * (k - 1) + e + 1 > 0 for n, s, p, d, k, e in
               zip(x[2:], stride, padding, dilation, w[2:], extras, strict=True)))
    rng = np.random.default_rng(0)
    shape = (x[0], w[0], *x[2:])
    arrays = [drawn(rng, shape, dtype), drawn(rng, w, dtype), drawn(rng, (w[1] * groups,), dtype) if bias else None]
    more = {"stride": stride, "padding": padding, "output_padding": extras, "groups": groups, "dilation": dilation}
    name = f"conv_transpose{dims}d"
    agree(lambda *a: getattr(F, name)(*a, **more), lambda *a: getattr(TF, name)(*a, **more), arrays, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_linear(dtype, lead):
    rng = np.random.default_rng(0)
    agree(F.linear, TF.linear, [drawn(rng, (*lead, 7), dtype), drawn(rng, (4, 7), dtype), drawn(rng, (4,), dtype)], dtype)


@st.composite
def poolings(draw):
    """Shapes and settings of a pooling that PyTorch takes."""
    dims = draw(st.integers(1, 3))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    kernel, stride, dilation = each(1, 4), each(1, 4), each(1, 2)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    lengths = each(1, (20, 9, 5)[dims - 1])
    ceil_mode = draw(st.booleans())
    assume(all(m + 2 * p >= d * (k - 1) + 1 for m, p, d, k in zip(lengths, padding, dilation, kernel, strict=True)))
    return dims, (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *lengths), kernel, stride, padding, dilation, ceil_mode


@pytest.mark.parametrize("dtype", DTYPES)
@some
@given(case=poolings())
def test_max_pool(dtype, case):
    dims, shape, kernel, stride, padding, dilation, ceil_mode = case
    x = drawn(np.random.default_rng(0), shape, dtype)
    more = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    name = f"max_pool{dims}d"
    # Windows without a single sample inside are refused here; PyTorch gives minus infinity.
    assume(all(any(0 <= i * s - p + t * d < n for t in range(k))
               for n, k, s, p, d in zip(shape[2:], kernel, stride, padding, dilation, strict=True)
               for i in range((n + p - 1) // s + 1)))
    agree(lambda a: getattr(F, name)(a, **more), lambda a: getattr(TF, name)(a, **more), [x], dtype)
    _, indices = getattr(F, name)(x, **more, return_indices=True)
    _, theirs = getattr(TF, name)(torch.tensor(x), **more, return_indices=True)
    np.testing.assert_array_equal(indices, theirs.numpy())


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 3, 7, 5), (3, 2, 2)])
def test_max_pool_of_equal_and_of_missing_numbers(shape):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 3, shape).astype("float32")
    agree(lambda a: F.max_pool2d(a, 2), lambda a: TF.max_pool2d(a, 2), [x], "float32")
    agree(lambda a: F.max_pool2d(a, 2, 1, 1), lambda a: TF.max_pool2d(a, 2, 1, 1), [x], "float32")
    x[rng.random(shape) < 0.2] = -np.inf
    x[rng.random(shape) < 0.1] = np.nan
    for more in ({}, {"stride": 1, "padding": 1}):
        values, indices = F.max_pool2d(x, 2, **more, return_indices=True)
        theirs, places = TF.max_pool2d(torch.tensor(x), 2, **more, return_indices=True)
        np.testing.assert_array_equal(values, theirs.numpy())
        np.testing.assert_array_equal(indices, places.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
@some
@given(case=poolings(), include=st.booleans(), divisor=st.sampled_from([None, 3]))
def test_avg_pool(dtype, case, include, divisor):
    dims, shape, kernel, stride, padding, _, ceil_mode = case
    # PyTorch's avg_pool3d refuses windows larger than the volume, whatever the padding.
    room = 1 if dims == 3 else 3
    assume(all(m + (room - 1) * p >= k for m, p, k in zip(shape[2:], padding, kernel, strict=True)))
    more = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode, "count_include_pad": include}
    if dims > 1:
        more["divisor_override"] = divisor
    name = f"avg_pool{dims}d"
    x = drawn(np.random.default_rng(0), shape, dtype)
    agree(lambda a: getattr(F, name)(a, **more), lambda a: getattr(TF, name)(a, **more), [x], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), [((2, 3, 7), 3), ((2, 3, 7), 9), ((2, 3, 7, 5), (3, 1)), ((2, 3, 7, 5), (None, 2)),
                                             ((3, 7, 5), 2), ((2, 1, 4, 5, 6), (2, 3, 1))])
def test_adaptive_avg_pool(dtype, shape, size):
    dims = max(len(shape) - 2, len(size) if isinstance(size, tuple) else 0) if shape != (3, 7, 5) else 2
    name = f"adaptive_avg_pool{dims}d"
    agree(lambda a: getattr(F, name)(a, size), lambda a: getattr(TF, name)(a, size),
          [drawn(np.random.default_rng(0), shape, dtype)], dtype)


@pytest.mark.parametrize("more", [{}, {"output_size": (7, 9)}, {"output_size": (2, 3, 7, 9)}])
def test_max_unpool(more):
    x = drawn(np.random.default_rng(0), (2, 3, 7, 9), "float64")
    values, indices = F.max_pool2d(x, 2, return_indices=True)
    if not more:
        values, indices = F.max_pool2d(x[..., :6, :8].copy(), 2, return_indices=True)
    agree(lambda v, i: F.max_unpool2d(v, i, 2, **more), lambda v, i: TF.max_unpool2d(v, i, 2, **more), [values], "float64",
          [indices])


ACTIVATIONS = {
    "relu": {}, "leaky_relu": {"negative_slope": 0.2}, "elu": {"alpha": 1.5}, "gelu": {}, "tanh": {}, "sigmoid": {},
    "softmax": {"dim": 1}, "log_softmax": {"dim": -1},
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, dtype):
    more = ACTIVATIONS[name]
    x = drawn(np.random.default_rng(0), (3, 4, 5), dtype) * 3
    there = getattr(torch, name) if name in ("tanh", "sigmoid") else getattr(TF, name)
    agree(lambda a: getattr(F, name)(a, **more), lambda a: there(a, **more), [x], dtype)


def test_gelu_by_tanh():
    x = drawn(np.random.default_rng(0), (3, 4, 5), "float64") * 3
    agree(lambda a: F.gelu(a, "tanh"), lambda a: TF.gelu(a, approximate="tanh"), [x], "float64")


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
def test_activation_at_zero(name):
    x = np.array([0.0, -0.0, 1.0, -1.0])
    agree(lambda a: getattr(F, name)(a), lambda a: getattr(TF, name)(a), [x], "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 5, 7), (2, 3, 2, 3, 19)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm(shape, dtype, training, affine):
    rng = np.random.default_rng(0)
    arrays = [drawn(rng, shape, dtype), *([drawn(rng, (3,), dtype), drawn(rng, (3,), dtype)] if affine else [None, None])]
    mean, var = drawn(rng, (3,), dtype), drawn(rng, (3,), dtype) ** 2 + 0.1
    here, there = (mean.copy(), var.copy()), (torch.tensor(mean), torch.tensor(var))
    more = {"training": training, "momentum": 0.3, "eps": 1e-3}

    def ours(x, w, b):
        # On arrays it is called a second time: that must not move the same moments again.
        return F.batch_norm(x, *(here if isinstance(x, Tensor) else (mean, var)), w, b, **more)

    agree(ours, lambda x, w, b: TF.batch_norm(x, *there, w, b, **more), arrays, dtype)
    for ours, theirs in zip(here, there, strict=True):
        close(ours, theirs, dtype, "running")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), [((2, 7, 4), 5), ((2, 4, 3, 3), 2), ((1, 3, 2, 2, 2), 1), ((1, 2, 3), 6)])
def test_local_response_norm(shape, size, dtype):
    x = drawn(np.random.default_rng(0), shape, dtype)
    agree(lambda a: F.local_response_norm(a, size, 0.3, 0.6, 2.0),
          lambda a: TF.local_response_norm(a, size, 0.3, 0.6, 2.0), [x], dtype)


@pytest.mark.parametrize(("pad", "mode"), [((1, 2), "constant"), ((1, 2, 3, 0), "constant"), ((-1, 2, 1, -2), "constant"),
                                           ((1, 0, 2, 3), "reflect"), ((4, 2, 2, 3), "replicate"), ((5, 1, 4, 0), "circular"),
                                           ((2, 0, 1, 1), "circular")])
def test_pad(pad, mode):
    x = drawn(np.random.default_rng(0), (2, 3, 4, 5), "float64")
    value = 1.5 if mode == "constant" else None
    agree(lambda a: F.pad(a, pad, mode, value), lambda a: TF.pad(a, pad, mode, value), [x], "float64")


REDUCTIONS = ("mean", "sum", "none")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", [(6, 4), (4,), (3, 4, 5), (2, 4, 3, 2)])
def test_cross_entropy(shape, smoothing, weighted, reduction, dtype):
    rng = np.random.default_rng(0)
    x = drawn(rng, shape, dtype) * 2
    labels = rng.integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if labels.ndim:
        labels[1] = 2
        labels.flat[-1] = 1
    weight = np.array([0.5, 1.0, 2.0, 0.25], dtype) if weighted else None
    more = {"reduction": reduction, "label_smoothing": smoothing, "ignore_index": 2 if labels.ndim else -100}
    agree(lambda a, t: F.cross_entropy(a, t, weight, **more),
          lambda a, t: TF.cross_entropy(a, t, None if weight is None else torch.tensor(weight), **more), [x], dtype, [labels])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3, 2)])
def test_cross_entropy_of_probabilities(shape, weighted, reduction):
    rng = np.random.default_rng(0)
    axis = min(1, len(shape) - 1)
    x, t = drawn(rng, shape, "float64") * 2, F.softmax(drawn(rng, shape, "float64"), axis)
    weight = np.array([0.5, 1.0, 2.0, 0.25]) if weighted else None
    more = {"reduction": reduction, "label_smoothing": 0.2}
    agree(lambda a, b: F.cross_entropy(a, b, weight, **more),
          lambda a, b: TF.cross_entropy(a, b, None if weight is None else torch.tensor(weight), **more), [x, t], "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3)])
def test_nll_loss(shape, reduction, dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    weight = np.array([0.5, 1.0, 2.0, 0.25], dtype)
    more = {"reduction": reduction, "ignore_index": 3}
    agree(lambda a, t: F.nll_loss(a, t, weight, **more), lambda a, t: TF.nll_loss(a, t, torch.tensor(weight), **more),
          [drawn(rng, shape, dtype)], dtype, [labels])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("p", "margin", "weighted"), [(1, 1.0, False), (2, 0.5, True), (1, 2.0, True)])
@pytest.mark.parametrize("shape", [(6, 4), (4,)])
def test_multi_margin_loss(shape, p, margin, weighted, reduction, dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, shape[:-1])
    weight = np.array([0.5, 1.0, 2.0, 0.25], dtype) if weighted else None
    theirs = torch.tensor(weight) if weighted else None
    agree(lambda a, t: F.multi_margin_loss(a, t, p, margin, weight, reduction=reduction),
          lambda a, t: TF.multi_margin_loss(a, t, p, margin, theirs, reduction=reduction),
          [drawn(rng, shape, dtype)], dtype, [labels])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "more"), [("mse_loss", {}), ("l1_loss", {}), ("huber_loss", {"delta": 0.7}),
                                            ("binary_cross_entropy_with_logits", {})])
def test_losses_of_numbers(name, more, reduction, dtype):
    rng = np.random.default_rng(0)
    arrays = [drawn(rng, (3, 5), dtype), drawn(rng, (3, 5), dtype)[::-1].copy()]
    agree(lambda a, b: getattr(F, name)(a, b, reduction=reduction, **more),
          lambda a, b: getattr(TF, name)(a, b, reduction=reduction, **more), arrays, dtype)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_weights(reduction):
    rng = np.random.default_rng(0)
    x, t = drawn(rng, (3, 5), "float64") * 4, rng.random((3, 5))
    weight, balance = rng.random((3, 1)), rng.random(5) * 3
    agree(lambda a, b: F.binary_cross_entropy_with_logits(a, b, weight, reduction=reduction, pos_weight=balance),
          lambda a, b: TF.binary_cross_entropy_with_logits(a, b, torch.tensor(weight), reduction=reduction,
                                                           pos_weight=torch.tensor(balance)), [x, t], "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("var", [(3, 5), (3, 1), (3,)])
def test_gaussian_nll_loss(var, full, reduction, dtype):
    rng = np.random.default_rng(0)
    arrays = [drawn(rng, (3, 5), dtype), drawn(rng, (3, 5), dtype), rng.random(var).astype(dtype)]
    more = {"full": full, "eps": 0.05, "reduction": reduction}
    agree(lambda *a: F.gaussian_nll_loss(*a, **more), lambda *a: TF.gaussian_nll_loss(*a, **more), arrays, dtype)
