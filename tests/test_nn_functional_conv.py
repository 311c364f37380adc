"""Convolutions of networks: against slow loops, adjoint identities, gradients by differences, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import convkit
from convkit.autodiff import Tensor, draw_inputs, gradcheck
from convkit.engines import channels
from convkit.nn import functional as F


def conv_by_loops(x, w, b, stride, pads, dilation, groups, mode="constant"):
    """The defining sums over channels and taps; `pads` are (before, after) for each axis."""
    dims = w.ndim - 2
    x = np.pad(x, ((0, 0), (0, 0), *pads), mode=mode)
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, s, d, k in zip(x.shape[2:], stride, dilation, w.shape[2:], strict=True)]
    y = np.zeros((x.shape[0], w.shape[0], *sizes))
    for row, channel in itertools.product(range(w.shape[0]), range(w.shape[1])):
        source = x[:, row // (w.shape[0] // groups) * w.shape[1] + channel]
        for tap in np.ndindex(*w.shape[2:]):
            window = tuple(slice(tap[i] * dilation[i], tap[i] * dilation[i] + (sizes[i] - 1) * stride[i] + 1, stride[i])
                           for i in range(dims))
            y[:, row] += w[row, channel][tap] * source[(slice(None), *window)]
    return y if b is None else y + b.reshape(-1, *(1,) * dims)


@pytest.fixture
def arrays(rng):
    """Images of four channels, weights of six filters in two groups, a bias."""
    return rng.normal(size=(3, 4, 7, 9)), rng.normal(size=(6, 2, 3, 2)), rng.normal(size=6)


GRID = [(s, p, d, g) for s, p, d, g in itertools.product([1, (2, 3)], [0, (1, 2)], [1, (2, 1)], [1, 2])]


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), GRID)
def test_conv2d_is_its_definition_and_has_its_gradients(stride, padding, dilation, groups):
    x, w, b = draw_inputs((2, 4, 5, 6)), draw_inputs((4, 4 // groups, 2, 3)), draw_inputs(4)
    more = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    two = [v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation)]
    expected = conv_by_loops(x, w, b, two[0], [(p, p) for p in two[1]], two[2], groups)
    np.testing.assert_allclose(F.conv2d(x, w, b, **more), expected, rtol=0, atol=1e-12)
    assert gradcheck(lambda *a: F.conv2d(*a, **more), [x, w, b])


@pytest.mark.parametrize("dims", [1, 3])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 1, 2)])
@pytest.mark.parametrize("groups", [1, 2])
def test_other_dimensions(dims, stride, padding, dilation, groups):
    x, w, b = draw_inputs((2, 2, 6, 5, 4)[: dims + 2]), draw_inputs((2, 2 // groups, 2, 3, 2)[: dims + 2]), draw_inputs(2)
    more = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    function = getattr(F, f"conv{dims}d")
    expected = conv_by_loops(x, w, b, (stride,) * dims, [(padding, padding)] * dims, (dilation,) * dims, groups)
    np.testing.assert_allclose(function(x, w, b, **more), expected, rtol=0, atol=1e-12)
    assert gradcheck(lambda *a: function(*a, **more), [x, w, b])


@pytest.mark.parametrize(("mode", "word"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize("padding", [(2, 1), "same"])
def test_padding_modes(mode, word, padding):
    x, w = draw_inputs((2, 2, 4, 5)), draw_inputs((3, 2, 3, 4))
    pads = [(1, 1), (1, 2)] if padding == "same" else [(2, 2), (1, 1)]
    y = F.conv2d(x, w, padding=padding, padding_mode=mode)
    np.testing.assert_allclose(y, conv_by_loops(x, w, None, (1, 1), pads, (1, 1), 1, word), rtol=0, atol=1e-12)
    assert gradcheck(lambda *a: F.conv2d(*a, padding=padding, padding_mode=mode), [x, w])


def test_same_and_valid(arrays):
    x, w, b = arrays
    assert F.conv2d(x, w, b, padding="same", groups=2).shape == (3, 6, 7, 9)
    # The kernel has two columns: the one beyond the edge lies at the right.
    expected = conv_by_loops(x, w, b, (1, 1), [(1, 1), (0, 1)], (1, 1), 2)
    np.testing.assert_allclose(F.conv2d(x, w, b, padding="same", groups=2), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(F.conv2d(x, w, b, padding="valid", groups=2), F.conv2d(x, w, b, groups=2))


def test_one_item(arrays):
    x, w, b = arrays
    np.testing.assert_array_equal(F.conv2d(x[0], w, b, groups=2), F.conv2d(x[:1], w, b, groups=2)[0])
    one = Tensor(x[0], True)
    F.conv2d(one, w, b, groups=2).sum().backward()
    many = Tensor(x[:1], True)
    F.conv2d(many, w, b, groups=2).sum().backward()
    np.testing.assert_array_equal(one.grad, many.grad[0])
    up = F.conv_transpose2d(x[0], w[:4], stride=2)
    np.testing.assert_array_equal(up, F.conv_transpose2d(x[:1], w[:4], stride=2)[0])


def test_filters_over_all_channels_are_correlations_in_three_dimensions(rng):
    volume, filters = rng.normal(size=(192, 6, 7)), rng.normal(size=(128, 192, 3, 3))
    y = F.conv2d(volume[None], filters)[0]
    for image, one in zip(y, filters, strict=True):
        expected = convkit.correlate(volume, one, mode="valid")[0]
        np.testing.assert_allclose(image, expected, rtol=0, atol=1e-10)


def test_a_convolution_is_one_correlation_forward_and_two_back(arrays, monkeypatch):
    calls = []

    def watch(name):
        original = getattr(channels.PreparedConvolution, name)

        def spy(self, *args, **more):
            calls.append(name)
            return original(self, *args, **more)

        monkeypatch.setattr(channels.PreparedConvolution, name, spy)

    for name in ("forward", "input_gradient", "weight_gradient"):
        watch(name)
    x, w, b = (Tensor(a, True) for a in arrays)
    F.conv2d(x, w, b, groups=2).sum().backward()
    assert calls == ["forward", "input_gradient", "weight_gradient"]
    calls.clear()
    F.conv_transpose2d(x, w.data[:4], stride=2).sum().backward()
    assert calls == ["input_gradient", "forward"]


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), GRID)
def test_gradients_are_adjoint(rng, arrays, stride, padding, dilation, groups):
    x, w, _ = arrays
    w = np.concatenate([w, w], 1) if groups == 1 else w
    more = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y, vjp = F.conv2d_pair(x, w, None, **more)
    g = rng.normal(size=y.shape)
    by_x, by_w, by_bias = vjp(g, (True, True, True))
    assert by_bias is None
    whole = np.vdot(y, g)
    np.testing.assert_allclose([np.vdot(x, by_x), np.vdot(w, by_w)], whole, rtol=1e-12)
    assert vjp(g, (False, True, False))[0] is None
    assert vjp(g, (True, False, False))[1] is None


@pytest.mark.parametrize(("stride", "padding", "dilation", "extra", "groups"), [
    *((s, p, d, e, g) for (s, d, e), p, g in itertools.product([(1, 1, 0), (2, 1, 1), (1, 2, 1), (3, 2, 2)], [0, 1], [1, 2])),
    ((3, 2), (0, 2), 1, (2, 0), 1), (2, 1, (2, 3), (0, 2), 1)])
def test_conv_transpose_is_the_adjoint(rng, stride, padding, dilation, extra, groups):
    x, w, b = draw_inputs((2, 4, 3, 4)), draw_inputs((4, 2, 3, 3)), draw_inputs(2 * groups)
    more = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y = F.conv_transpose2d(x, w, output_padding=extra, **more)
    other = rng.normal(size=y.shape)
    back = F.conv2d(other, w, **more)[:, :, :3, :4]
    np.testing.assert_allclose(np.vdot(y, other), np.vdot(x, back), rtol=1e-11)
    with_bias = F.conv_transpose2d(x, w, b, output_padding=extra, **more)
    np.testing.assert_allclose(with_bias, y + b[:, None, None], rtol=1e-14)
    assert gradcheck(lambda *a: F.conv_transpose2d(*a, output_padding=extra, **more), [x, w, b])


@pytest.mark.parametrize("dims", [1, 3])
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(2, 1, 1, 1), (1, 0, 2, 2), (3, 1, 2, 1)])
def test_conv_transpose_in_other_dimensions(dims, stride, padding, dilation, groups):
    x, w, b = draw_inputs((2, 2, 3, 2, 3)[: dims + 2]), draw_inputs((2, 3, 2, 3, 2)[: dims + 2]), draw_inputs(3 * groups)
    more = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    assert gradcheck(lambda *a: getattr(F, f"conv_transpose{dims}d")(*a, **more), [x, w, b])


def test_relu_in_the_same_pass(rng, arrays):
    x, w, b = arrays
    y, vjp = F.conv2d_pair(x, w, b, groups=2, relu=True)
    plain, plain_vjp = F.conv2d_pair(x, w, b, groups=2)
    g = rng.normal(size=y.shape)
    np.testing.assert_array_equal(y, np.maximum(plain, 0))
    for ours, theirs in zip(vjp(g, (True,) * 3), plain_vjp(g * (plain > 0), (True,) * 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert vjp(g, (True, True, False))[2] is None
    np.testing.assert_array_equal(vjp(g, (True, True, False))[1], vjp(g, (True,) * 3)[1])
    x, w, b = rng.normal(size=(5, 7)), rng.normal(size=(3, 7)), rng.normal(size=3)
    y, vjp = F.linear_pair(x, w, b, relu=True)
    plain, plain_vjp = F.linear_pair(x, w, b)
    g = rng.normal(size=y.shape)
    np.testing.assert_array_equal(y, np.maximum(plain, 0))
    for ours, theirs in zip(vjp(g, (True,) * 3), plain_vjp(g * (plain > 0), (True,) * 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(vjp(g, (True, True, False))[1], vjp(g, (True,) * 3)[1])
    y, vjp = F.linear_pair(x, w, relu=True)
    np.testing.assert_array_equal(y, np.maximum(x @ w.T, 0))
    np.testing.assert_array_equal(vjp(g, (True, True, True))[0], (g * (y > 0)) @ w)


@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
def test_linear(lead):
    x, w, b = draw_inputs((*lead, 5)), draw_inputs((3, 5)), draw_inputs(3)
    np.testing.assert_allclose(F.linear(x, w, b), np.einsum("...i,oi->...o", x, w) + b, rtol=1e-13)
    assert gradcheck(F.linear, [x, w, b])
    assert gradcheck(F.linear, [x, w])


def test_two_affine_maps_are_one(rng):
    x, a = rng.normal(size=(6, 4)), (rng.normal(size=(5, 4)), rng.normal(size=5))
    c = rng.normal(size=(3, 5)), rng.normal(size=3)
    once = F.linear(x, c[0] @ a[0], c[0] @ a[1] + c[1])
    np.testing.assert_allclose(F.linear(F.linear(x, *a), *c), once, rtol=1e-12)


def test_kinds_and_dtypes(arrays):
    x, w, b = arrays
    small = [a.astype(np.float32) for a in arrays]
    assert type(F.conv2d(x, w, b, groups=2)) is np.ndarray
    y = F.conv2d(small[0], Tensor(small[1], True), small[2], groups=2)
    assert isinstance(y, Tensor)
    assert y.dtype == np.float32
    # Pictures and labels come as integers; wider parameters widen.
    assert F.conv2d(np.ones((1, 2, 4, 4), np.uint8), small[1]).dtype == np.float32
    assert F.conv2d(small[0], w, b, groups=2).dtype == np.float64
    frozen = [a.copy() for a in arrays]
    for a in frozen:
        a.flags.writeable = False
    np.testing.assert_array_equal(F.conv2d(*frozen, groups=2), F.conv2d(x, w, b, groups=2))
    np.testing.assert_array_equal(F.conv2d(x[:, :, ::-1, ::2], w, b, [1, 1], [1, 0], groups=2),
                                  F.conv2d(x[:, :, ::-1, ::2].copy(), w, b, (1, 1), (1, 0), groups=2))


def test_float64_in_a_float32_network_is_told(arrays):
    x, w, b = arrays
    with pytest.warns(UserWarning, match=r"model\.double\(\)"):
        y = F.conv2d(x, w.astype(np.float32), b.astype(np.float32), groups=2)
    assert y.dtype == np.float32


REFUSED = [
    (lambda x, w: F.conv2d(x, w), ValueError, r"conv2d: input has 4 channels .* expects 2; give input of 2 channels"),
    (lambda x, w: F.conv2d(x, w, groups=4), ValueError, "groups=4 must divide"),
    (lambda x, w: F.conv2d(x, w[0], groups=2), ValueError, "weight has shape .2, 3, 2.; expected 4 axes"),
    (lambda x, w: F.conv2d(x[0, 0], w, groups=2), ValueError, "expected .N, C, H, W., or .*x.None, None."),
    (lambda x, w: F.conv2d(x, w, np.zeros(5), groups=2), ValueError, "bias has shape .5,.; expected .6,."),
    (lambda x, w: F.conv2d(x, w, stride=0, groups=2), ValueError, "stride=0 is not allowed; it must be 1 or more"),
    (lambda x, w: F.conv2d(x, w, stride=1.5, groups=2), TypeError, "stride=1.5 must be a whole number"),
    (lambda x, w: F.conv2d(x, w, dilation=(1, 2, 3), groups=2), ValueError, "dilation=.1, 2, 3. has 3 numbers"),
    (lambda x, w: F.conv2d(x, w, padding=-1, groups=2), ValueError, "padding=-1 is not allowed"),
    (lambda x, w: F.conv2d(x, w, padding="full", groups=2), ValueError, "'full' is not known"),
    (lambda x, w: F.conv2d(x, w, padding="same", stride=2, groups=2), ValueError, "padding='same' needs stride 1"),
    (lambda x, w: F.conv2d(x, w, padding_mode="mirror", groups=2), ValueError, "padding_mode='mirror' is not known"),
    (lambda x, w: F.conv2d(x, w, padding=7, padding_mode="reflect", groups=2), ValueError, "can reach 6 at most"),
    (lambda x, w: F.conv2d(x, w, padding=8, padding_mode="circular", groups=2), ValueError, "can reach 7 at most"),
    (lambda x, w: F.conv2d(x, w, dilation=4, groups=2), ValueError, "the kernel covers 9 samples, .* has 7 along that axis"),
    (lambda x, w: F.conv2d(x[:0], w, groups=2), ValueError, "holds no samples"),
    (lambda x, w: F.conv2d(x, w.astype(int), groups=2), TypeError, "weight has dtype int64"),
    (lambda x, w: F.conv2d(x + 1j, w, groups=2), TypeError, "complex128; a network computes in real numbers"),
    (lambda x, w: F.conv_transpose2d(x, w), ValueError, r"input has 4 channels .* expects 6"),
    (lambda x, w: F.conv_transpose2d(x, w[:4], output_padding=1), ValueError, "output_padding=1 must be less than"),
    (lambda x, w: F.conv_transpose2d(x[:, :, :1], w[:4], padding=2), ValueError, "padding=2 leaves nothing"),
    (lambda x, w: F.linear(x[:, 0], w[0, 0]), ValueError, "take 2 numbers along its last axis"),
    (lambda x, w: F.linear(x[:, 0], np.ones((3, 63))), ValueError, "flatten it first"),
    (lambda x, w: F.linear(x[0, 0], w), ValueError, "weight has shape .*; expected .outputs, inputs."),
    (lambda x, w: F.linear(x, np.ones((2, 9)), np.ones(3)), ValueError, "bias has shape .3,.; expected .2,."),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED)
def test_refusals(arrays, call, kind, words):
    with pytest.raises(kind, match=words):
        call(*arrays[:2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_workers_change_nothing(dtype, rng):
    x, w = rng.normal(size=(16, 8, 20, 21)).astype(dtype), rng.normal(size=(12, 8, 3, 3)).astype(dtype)
    found = []
    for workers in (1, 2):
        with convkit.set_workers(workers):
            y, vjp = F.conv2d_pair(x, w, None, padding=1)
            found.append([y, *vjp(y, (True, True, False))[:2]])
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
