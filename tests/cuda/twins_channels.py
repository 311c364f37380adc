"""Convolutions with channels and products of matrices: what a CUDA device has to compute as the CPU does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit.engines import channels as host
from convkit.engines import dense as host_dense
from convkit.engines.channel_passes import Convolution
from tests.cuda.twins import sent

BOUND = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}


def line(x):
    """An array on the device."""
    from convkit._core import gpu

    return gpu.seen(sent(x), "x")


def fetched(x, shape):
    from convkit._core import gpu

    return gpu.fetched(x).reshape(shape)


def assert_near(got, want):
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))
        finite = np.isfinite(b)
        assert np.abs(a - b)[finite].max(initial=0) <= BOUND[b.dtype] * max(1, np.abs(b[finite]).max(initial=0))


@st.composite
def convolutions(draw):
    dims, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    largest = {1: 9, 2: 4, 3: 2}[dims]
    most = 3 if dims < 3 else 2
    size, kernel, stride, dilation = each(1, largest), each(1, most), each(1, most), each(1, 2)
    padding = []
    for n, k, d in zip(size, kernel, dilation, strict=True):
        before = draw(st.integers(0, d * (k - 1)))
        padding.append((before, max(draw(st.integers(0, d * (k - 1))), d * (k - 1) + 1 - n - before)))
    boundary = draw(st.sampled_from(["zero", "reflect", "edge", "wrap"]))
    channels, rows = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    dtype = np.dtype(draw(st.sampled_from(["float32", "float64"])))
    samples = draw(st.integers(1, 3)), channels * groups, *size
    return Convolution(samples, (rows * groups, channels, *kernel), stride, dilation, tuple(padding), boundary, groups, dtype)


def layer(samples, weights, stride=1, padding=0, dilation=1, groups=1, boundary="zero", dtype="float64"):
    each = [(v,) * (len(samples) - 2) for v in (stride, dilation)]
    return Convolution(samples, weights, *each, ((padding, padding),) * (len(samples) - 2), boundary, groups, np.dtype(dtype))


def numbers(c, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(c.dtype) for shape in (c.samples, c.weights, c.weights[0], c.out_shape)]


def of_the_host(c, x, w, bias, g):
    plan = host.prepare(c)
    out, by_x, by_w, by_bias = (np.full(shape, 7, c.dtype) for shape in (c.out_shape, c.samples, c.weights, c.weights[0]))
    plan.forward(x, w, bias, out, 1)
    plan.input_gradient(g, w, by_x, 1)
    plan.weight_gradient(x, g, by_w, 1)
    plan.bias_gradient(g, by_bias)
    return out, by_x, by_w, by_bias


def of_the_device(c, x, w, bias, g):
    from convkit._core import gpu
    from convkit.engines.cuda import channels

    plan = channels.PreparedConvolution(c)
    x, w, bias, g = (line(a) for a in (x, w, bias, g))
    shapes = c.out_shape, c.samples, c.weights, (c.weights[0],)
    results = [gpu.empty(x, shape, c.dtype) for shape in shapes]
    plan.forward(x, w, bias, results[0], 1)
    plan.input_gradient(g, w, results[1], 1)
    plan.weight_gradient(x, g, results[2], 1)
    plan.bias_gradient(g, results[3])
    return [fetched(a, shape) for a, shape in zip(results, shapes, strict=True)]


@settings(max_examples=6)
@given(convolutions(), st.integers(0, 9))
def test_convolutions_with_channels_are_those_of_the_cpu(c, seed):
    given_numbers = numbers(c, seed)
    assert_near(of_the_device(c, *given_numbers), of_the_host(c, *given_numbers))


@pytest.mark.parametrize("c", [
    layer((1, 2, 3, 6), (9, 2, 3, 3), padding=1), layer((3, 9, 4, 4), (2, 9, 1, 1), stride=2),
    layer((1, 2, 7, 6), (2, 1, 2, 3), stride=3, groups=2, dtype="float32"),
    layer((2, 1, 9), (5, 1, 4), boundary="reflect", padding=3),
    layer((2, 1, 8, 8), (2, 1, 2, 2), dtype="float32"),
    layer((1, 1, 3, 2, 4), (2, 1, 2, 2, 2), dilation=2, padding=1, boundary="edge"),
    layer((1, 2, 6), (2, 2, 3), stride=2)._replace(padding=((0, -1),)), layer((3, 2, 4), (2, 2, 3), stride=2)])  # fmt: skip
def test_layers_of_several_tiles_and_parts(c):
    given_numbers = numbers(c)
    assert_near(of_the_device(c, *given_numbers), of_the_host(c, *given_numbers))


@pytest.mark.parametrize(("dtype", "tile"), [("float32", 1), ("float64", 2)])
def test_tiles_of_a_device(dtype, tile, monkeypatch):
    """The simulator is given small ones otherwise."""
    from convkit.engines.cuda import multiply

    monkeypatch.setattr(multiply, "tiles_for", lambda dtype: multiply.TILES[dtype.itemsize][tile : tile + 1])
    c = layer((1, 1, 3, 11), (35, 1, 1, 2), dtype=dtype)
    given_numbers = numbers(c)
    assert_near(of_the_device(c, *given_numbers), of_the_host(c, *given_numbers))


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_reaches_what_it_meets(value):
    c = layer((2, 2, 5, 6), (3, 2, 3, 2), stride=2, padding=1)
    x, w, bias, g = numbers(c)
    x[0, 1, 2, 3] = g[1, 0, 1, 1] = value
    with np.errstate(invalid="ignore"):
        got, want = of_the_device(c, x, w, bias, g), of_the_host(c, x, w, bias, g)
    assert_near(got, want)
    assert not all(np.isfinite(a).all() for a in got)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 2, 3, 4), (2, 2, 3, 3)])
def test_results_are_rectified_and_nan_stays(shape, dtype):
    """By vectors where an image is a number of them, as nine pixels are not."""
    from convkit._core import gpu
    from convkit.engines.cuda import channels

    c = layer(shape, (5, 2, 3, 3), padding=1, dtype=dtype)
    x, w, bias, _ = numbers(c)
    x[1, 1, 0, 0] = np.nan
    results = []
    for relu in (False, True):
        out = gpu.empty(line(x), c.out_shape, c.dtype)
        channels.prepare(c).forward(line(x), line(w), line(bias), out, 1, relu)
        results.append(fetched(out, c.out_shape))
    np.testing.assert_array_equal(results[1], np.where(results[0] < 0, 0, results[0]))
    assert np.isnan(results[1]).any()
    out = gpu.empty(line(x), c.out_shape, c.dtype)
    channels.prepare(c).forward(line(x), line(w), None, out, 1)
    np.testing.assert_allclose(fetched(out, c.out_shape), results[0] - bias[:, None, None], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_rectifiers_gradient_is_masked_and_summed_at_once(size, dtype):
    from convkit._core import gpu
    from convkit.engines.cuda import channels

    c = layer((3, 1, size), (5, 1, 1), dtype=dtype)
    g, y = np.random.default_rng(size).standard_normal((2, *c.out_shape)).astype(dtype)
    y[0, 0, 0], y[1, 2, -1] = np.nan, 0
    want_sums = np.empty(5, dtype)
    want = host.prepare(c).rectified_gradient(g, y, want_sums)
    sums = gpu.empty(line(g), (5,), c.dtype)
    masked = channels.prepare(c).rectified_gradient(line(g), line(y), sums)
    np.testing.assert_array_equal(fetched(masked, want.shape), want)
    assert_near([fetched(sums, 5)], [want_sums])


def test_the_adjoint_gets_a_bias(rng):
    from convkit.engines.cuda import channels

    y, bias = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal(3)
    got = line(y)
    channels.add_channels(got, line(bias))
    np.testing.assert_array_equal(fetched(got, y.shape), y + bias[:, None, None])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 130, 5), (17, 6, 18), (9, 1, 8)])
def test_products_are_those_of_the_cpu(shape, turned, dtype, rng):
    from convkit._core import gpu
    from convkit.engines.cuda import dense

    rows, length, columns = shape
    a, b = rng.standard_normal((rows, length)).astype(dtype), rng.standard_normal((length, columns)).astype(dtype)
    want = np.empty((rows, columns), dtype)
    host_dense.product(a, b, want, 1)
    factors = [dense.transposed(line(m.T)) if t else line(m) for m, t in zip((a, b), turned, strict=True)]
    assert factors[0].shape == a.shape
    out = gpu.empty(line(a), want.shape, want.dtype)
    dense.product(*factors, out, 1)
    assert_near([fetched(out, want.shape)], [want])


def test_long_sums_are_made_in_parts_and_the_same_ones_every_time(rng):
    from convkit._core import gpu
    from convkit.engines.cuda import dense

    a, b = rng.standard_normal((2, 300)), rng.standard_normal((300, 3))
    assert dense._prepared(2, 3, 300, False, False, a.dtype).parts > 3
    results = []
    for _ in range(2):
        out = gpu.empty(line(a), (2, 3), a.dtype)
        dense.product(line(a), line(b), out, 1)
        results.append(fetched(out, (2, 3)))
    np.testing.assert_array_equal(*results)
    assert_near(results[:1], [a @ b])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("relu", [False, True])
def test_rows_are_shifted_and_summed(relu, dtype, rng):
    from convkit._core import gpu
    from convkit.engines.cuda import dense

    y, g = rng.standard_normal((2, 41, 5)).astype(dtype)
    bias = rng.standard_normal(5).astype(dtype)
    y[2, 3] = np.nan
    want, got = y.copy(), line(y)
    host_dense.shift(want, bias, relu)
    dense.shift(got, line(bias), relu)
    np.testing.assert_array_equal(fetched(got, y.shape), want)
    want_sums, sums = np.empty(5, dtype), gpu.empty(got, (5,), got.dtype)
    kept = host_dense.rectified(g, y, want_sums)
    masked = dense.rectified(line(g), line(y), sums)
    np.testing.assert_array_equal(fetched(masked, g.shape), kept)
    assert_near([fetched(sums, 5)], [want_sums])
    dense.add_rows(line(g), sums)
    assert_near([fetched(sums, 5)], [g.sum(0)])


def test_a_batch_too_large_for_offsets_is_refused():
    from convkit.engines.cuda import channels

    with pytest.raises(ValueError, match="a CUDA device takes fewer than 2147418112, so give it a smaller batch"):
        channels.prepare(layer((1 << 20, 3, 32, 32), (4, 3, 3, 3), dtype="float32"))
