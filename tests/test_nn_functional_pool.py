"""Pooling: against slow loops, gradients by differences, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import convkit
from convkit.autodiff import Tensor, draw_inputs, gradcheck
from convkit.nn import functional as F


def windows(n, kernel, stride, padding, dilation, ceil_mode):
    """Positions of the samples of each window along an axis, those outside too."""
    last = n + padding - 1 if ceil_mode else n + padding - dilation * (kernel - 1) - 1
    starts = range(-padding, last + 1, stride)
    # A window that reaches past the end must start inside the samples or before them.
    starts = [s for s in starts if s + dilation * (kernel - 1) < n + padding or (ceil_mode and s < n)]
    if ceil_mode:
        covered = [i for i, s in enumerate(starts) if s + dilation * (kernel - 1) >= n + padding - 1]
        starts = starts[: covered[0] + 1] if covered else starts
    return [[s + k * dilation for k in range(kernel)] for s in starts]


def pool_by_loops(x, tables, reduce):
    """``reduce`` of the samples of every window, with the number of positions in it that lie inside and in the padding."""
    y = np.empty((*x.shape[: x.ndim - len(tables)], *map(len, tables)))
    for lead in np.ndindex(*x.shape[: x.ndim - len(tables)]):
        for at in np.ndindex(*map(len, tables)):
            positions = [t[i] for t, i in zip(tables, at, strict=True)]
            inside = [p for p in itertools.product(*positions)
                      if all(0 <= q < n for q, n in zip(p, x.shape[-len(tables):], strict=True))]
            y[lead + at] = reduce([x[lead + p] for p in inside], positions)
    return y


CASES = [(k, s, p, d, c) for (k, p), s, d, c in
         itertools.product([(2, 0), (3, 1), ((2, 3), (0, 1))], [None, 1, (3, 2)], [1, 2], [False, True])]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil_mode"), CASES)
def test_max_pool2d(kernel, stride, padding, dilation, ceil_mode):
    x = draw_inputs((2, 2, 7, 6))
    two = [v if isinstance(v, tuple) else (v, v) for v in (kernel, kernel if stride is None else stride, padding, dilation)]
    tables = [windows(n, k, s, p, d, ceil_mode) for n, k, s, p, d in zip(x.shape[2:], *two, strict=True)]
    more = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    np.testing.assert_array_equal(F.max_pool2d(x, kernel, **more), pool_by_loops(x, tables, lambda found, _: max(found)))
    assert gradcheck(lambda a: F.max_pool2d(a, kernel, **more), [x])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 5), (6, 9), (4, 10), (3, 16), (2, 28), (5, 33), (2, 34), (4, 67), (3, 6, 8)])
def test_windows_side_by_side_fill_vectors(shape, dtype):
    """Rows of any number of 2 x 2 windows, with equal samples and NaN among them; volumes are pooled plane by plane."""
    rng = np.random.default_rng(shape)
    x = rng.integers(0, 4, (2, 3, *shape)).astype(dtype)
    x[rng.random(x.shape) < 0.1] = np.nan
    kernel = (1,) * (len(shape) - 2) + (2, 2)
    height, width = (n // 2 * 2 for n in shape[-2:])
    taps = [x[..., i:height:2, j:width:2] for i in range(2) for j in range(2)]
    want, code = taps[0].copy(), np.zeros(taps[0].shape, int)
    for tap, value in enumerate(taps):
        better = (value > want) | np.isnan(value)
        want[better], code[better] = value[better], tap
    samples = Tensor(x, True)
    y = getattr(F, f"max_pool{len(shape)}d")(samples, kernel)
    np.testing.assert_array_equal(y.data, want)
    g = rng.standard_normal(want.shape).astype(dtype)
    y.backward(g)
    gradient = np.zeros_like(x)
    for tap in range(4):
        gradient[..., tap // 2 : height : 2, tap % 2 : width : 2] = np.where(code == tap, g, 0)
    np.testing.assert_array_equal(samples.grad, gradient)


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil_mode"), [c for c in CASES if c[3] == 1])
@pytest.mark.parametrize(("include", "divisor"), [(True, None), (False, None), (True, 5)])
def test_avg_pool2d(kernel, stride, padding, dilation, ceil_mode, include, divisor):
    x = draw_inputs((2, 1, 7, 6))
    two = [v if isinstance(v, tuple) else (v, v) for v in (kernel, kernel if stride is None else stride, padding, dilation)]
    tables = [windows(n, k, s, p, d, ceil_mode) for n, k, s, p, d in zip(x.shape[2:], *two, strict=True)]

    def mean(found, positions):
        padded = [sum(q < n + p for q in line) for line, n, p in zip(positions, x.shape[2:], two[2], strict=True)]
        count = divisor or (padded[0] * padded[1] if include else len(found))
        return sum(found) / count

    more = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode, "count_include_pad": include,
            "divisor_override": divisor}
    np.testing.assert_allclose(F.avg_pool2d(x, kernel, **more), pool_by_loops(x, tables, mean), rtol=1e-13)
    assert gradcheck(lambda a: F.avg_pool2d(a, kernel, **more), [x])


@pytest.mark.parametrize("dims", [1, 3])
def test_other_dimensions(dims):
    x = draw_inputs((2, 2, 4, 5, 3)[: dims + 2])
    tables = [windows(n, 2, 2, 1, 1, True) for n in x.shape[2:]]
    expected = pool_by_loops(x, tables, lambda found, _: max(found))
    np.testing.assert_array_equal(getattr(F, f"max_pool{dims}d")(x, 2, 2, 1, ceil_mode=True), expected)
    mean = pool_by_loops(x, tables, lambda found, _: np.mean(found))
    np.testing.assert_allclose(getattr(F, f"avg_pool{dims}d")(x, 2, 2, 1, True, False), mean, rtol=1e-13)
    for name, more in (("max_pool", {"kernel_size": 2}), ("avg_pool", {"kernel_size": 2}),
                       ("adaptive_avg_pool", {"output_size": 2})):
        assert gradcheck(lambda a, name=name, more=more: getattr(F, f"{name}{dims}d")(a, **more), [x])


@pytest.mark.parametrize("size", [1, 4, 9, (2, None), (None, 5)])
def test_adaptive_avg_pool(size):
    x = draw_inputs((2, 2, 7, 6))
    two = size if isinstance(size, tuple) else (size, size)
    wanted = [n if s is None else s for n, s in zip(x.shape[2:], two, strict=True)]
    y = F.adaptive_avg_pool2d(x, size)
    assert y.shape == (2, 2, *wanted)
    for i, j in np.ndindex(*wanted):
        rows, columns = (slice(k * n // o, -(-(k + 1) * n // o)) for k, n, o in zip((i, j), (7, 6), wanted, strict=True))
        np.testing.assert_allclose(y[:, :, i, j], x[:, :, rows, columns].mean((2, 3)), rtol=1e-12)
    assert gradcheck(lambda a: F.adaptive_avg_pool2d(a, size), [x])


def test_the_shapes_of_the_notes():
    # ZFNet's pools: 110 to 55 and 26 to 13 with ceil_mode, one less without.
    for n, up, down in ((110, 55, 54), (26, 13, 12)):
        x = np.zeros((1, 1, n, n), np.float32)
        assert F.max_pool2d(x, 3, 2, ceil_mode=True).shape[-1] == up
        assert F.max_pool2d(x, 3, 2).shape[-1] == down


@pytest.mark.parametrize(("kernel", "more"), [(2, {}), (3, {"stride": 2, "padding": 1}), ((1, 2), {})])
def test_the_first_of_equal_samples_has_the_gradient(kernel, more):
    x = Tensor(np.ones((1, 1, 4, 4)), True)
    y = F.max_pool2d(x, kernel, **more)
    y.sum().backward()
    _, indices = F.max_pool2d(x.data, kernel, **more, return_indices=True)
    expected = np.zeros(16)
    np.add.at(expected, indices.ravel(), 1)
    np.testing.assert_array_equal(x.grad.ravel(), expected)
    assert indices[0, 0, 0, 0] == 0


@pytest.mark.parametrize("more", [{}, {"stride": 1, "padding": 1}])
def test_nan_is_largest_and_minus_infinity_is_a_sample(more):
    x = np.full((1, 1, 4, 4), -np.inf)
    y, indices = F.max_pool2d(x, 2, **more, return_indices=True)
    assert np.all(y == -np.inf)
    assert indices.min() >= 0
    assert indices.max() < 16
    x[0, 0, 1, 1] = np.nan
    x[0, 0, 0, 0] = np.inf
    assert np.isnan(F.max_pool2d(x, 2, **more)[0, 0, -3 if more else 0, -3 if more else 0])


def test_more_taps_than_a_byte_counts(rng):
    x = rng.permutation(40 * 50).reshape(1, 1, 40, 50).astype(np.float64)
    y, indices = F.max_pool2d(x, (20, 25), return_indices=True)
    for i, j in np.ndindex(2, 2):
        block = x[0, 0, 20 * i : 20 * i + 20, 25 * j : 25 * j + 25]
        assert y[0, 0, i, j] == block.max()
        assert x.ravel()[indices[0, 0, i, j]] == block.max()


def test_unpooling_puts_samples_back(rng):
    x = rng.permutation(2 * 3 * 42).reshape(2, 3, 6, 7).astype(np.float64)
    values, indices = F.max_pool2d(Tensor(x), 2, return_indices=True)
    assert isinstance(indices, Tensor)
    back = F.max_unpool2d(values, indices, 2, output_size=x.shape)
    assert back.shape == x.shape
    kept = back.data != 0
    np.testing.assert_array_equal(back.data[kept], x[kept])
    assert np.count_nonzero(kept) >= values.numel() - 1
    assert F.max_unpool2d(np.ones((1, 2, 2)), np.zeros((1, 2, 2), int), 2, 3, 1).shape == (1, 3, 3)
    where = indices.data
    assert gradcheck(lambda v: F.max_unpool2d(v, where, 2, output_size=(6, 7)), [draw_inputs(values.shape)])


def test_one_item_and_dtypes():
    x = draw_inputs((3, 5, 6))
    for call in (lambda a: F.max_pool2d(a, 2), lambda a: F.avg_pool2d(a, [2, 3]), lambda a: F.adaptive_avg_pool2d(a, [2, 2])):
        np.testing.assert_array_equal(call(x), call(x[None])[0])
        assert call(x.astype(np.float32)).dtype == np.float32
        assert call(np.ones((1, 4, 4), np.uint8)).dtype == np.float32
        np.testing.assert_array_equal(call(x[:, ::-1]), call(x[:, ::-1].copy()))


@pytest.mark.parametrize("call", [lambda a: F.max_pool2d_pair(a, kernel_size=2), lambda a: F.avg_pool2d_pair(a, kernel_size=3),
                                  lambda a: F.max_pool2d_pair(a, kernel_size=3, stride=2, padding=1)])
def test_workers_change_nothing(call, rng):
    x = rng.normal(size=(5, 7, 90, 110)).astype(np.float32)
    found = []
    for workers in (1, 2):
        with convkit.set_workers(workers):
            y, vjp = call(x)
            found.append((y, vjp(y, (True,))[0]))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


REFUSED = [
    (lambda x: F.max_pool2d(x, 9), ValueError, "the window covers 9 samples, but the input has 6"),
    (lambda x: F.max_pool2d(x, 2, padding=2), ValueError, "padding=2 is more than half of kernel_size=2"),
    (lambda x: F.max_pool2d(x, 0), ValueError, "kernel_size=0 is not allowed"),
    (lambda x: F.max_pool2d(x, (2, 2, 2)), ValueError, "has 3 numbers; give one, or one for each of 2 axes"),
    (lambda x: F.max_pool2d(x[0, 0], 2), ValueError, "max_pool2d: input has shape .6, 7.; expected .N, C, H, W."),
    (lambda x: F.max_pool2d(x[:0], 2), ValueError, "holds no samples"),
    (lambda x: F.max_pool2d(x[:, :, :1], (2, 2), padding=1, dilation=(2, 1)), ValueError, "none of its 2 taps"),
    (lambda x: F.max_pool2d(x + 1j, 2), TypeError, "complex128; a network computes in real numbers"),
    (lambda x: F.avg_pool2d(x, 2, divisor_override=0), ValueError, "divisor_override=0 would divide by zero"),
    (lambda x: F.avg_pool3d(x[0, 0], 2), ValueError, "avg_pool3d: input has shape"),
    (lambda x: F.adaptive_avg_pool2d(x, (1, 2, 3)), ValueError, "output_size=.1, 2, 3. has 3 numbers"),
    (lambda x: F.adaptive_avg_pool2d(x, 0), ValueError, "must be 1 or more"),
    (lambda x: F.max_unpool2d(x, np.full(x.shape, 999), 2), IndexError, "indices go from 999 to 999"),
    (lambda x: F.max_unpool2d(x, x, 2), ValueError, "expected whole numbers"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED)
def test_refusals(call, kind, words):
    with pytest.raises(kind, match=words):
        call(draw_inputs((2, 3, 6, 7)))
