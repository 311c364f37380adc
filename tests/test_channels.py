"""Convolutions with channels: forward and both gradients against loops over taps, torch, and their own laws."""


import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit.engines import channel_tiles, channels
from convkit.engines.channel_passes import Convolution
from convkit.engines.channels import PreparedConvolution, prepare
from convkit.kernels import channel_blocks

BOUND = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}
NUMPY = {"zero": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
TORCH = {"zero": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def layer(samples, weights, stride=1, padding=0, dilation=1, groups=1, boundary="zero", dtype=np.float64):
    """A `Convolution` from numbers or one number per axis."""
    dims = len(samples) - 2
    each = [v if isinstance(v, tuple) else (v,) * dims for v in (stride, dilation, padding)]
    sides = tuple(p if isinstance(p, tuple) else (p, p) for p in each[2])
    return Convolution(tuple(samples), tuple(weights), each[0], each[1], sides, boundary, groups, np.dtype(dtype))


def draw(c, seed=0):
    """Samples, weights, bias and a gradient of the results."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(c.dtype) for shape in (c.samples, c.weights, c.weights[0], c.out_shape)]


def taps(c):
    """For every tap: its index, and the slices of the padded samples that it meets."""
    for tap in np.ndindex(c.weights[2:]):
        yield tap, tuple(slice(k * d, k * d + s * (o - 1) + 1, s)
                         for k, d, s, o in zip(tap, c.dilation, c.stride, c.out_shape[2:], strict=True))


def padded(c, x):
    return np.pad(x, ((0, 0), (0, 0), *c.padding), mode=NUMPY[c.boundary])


def grouped(c, a, axis=1):
    """Groups as an axis of their own before the channels."""
    shape = list(a.shape)
    shape[axis : axis + 1] = [c.groups, shape[axis] // c.groups]
    return a.reshape(shape)


def expected(c, x, w, bias, g):
    """Result and gradients of samples and weights, tap by tap, in double precision."""
    x, w, bias, g = (a.astype(np.float64) for a in (x, w, bias, g))
    p, v, gg = grouped(c, padded(c, x)), grouped(c, w, 0), grouped(c, g)
    out = np.zeros(gg.shape)
    dp, dw = np.zeros(p.shape), np.zeros(v.shape)
    for tap, where in taps(c):
        index = (..., *where)
        weight = v[(slice(None),) * 3 + tap]
        out += np.einsum("ngc...,goc->ngo...", p[index], weight)
        dp[index] += np.einsum("ngo...,goc->ngc...", gg, weight)
        met = p[index].reshape(*p.shape[:3], -1)
        dw[(slice(None),) * 3 + tap] = np.einsum("ngoq,ngcq->goc", gg.reshape(*gg.shape[:3], -1), met)
    out = out.reshape(c.out_shape) + bias.reshape(-1, *(1,) * (len(c.samples) - 2))
    # The adjoint of padding, one sample at a time.
    source = padded(c, np.arange(np.prod(c.samples)).reshape(c.samples).astype(float) + 1)
    dx = np.zeros(int(np.prod(c.samples)) + 1)
    np.add.at(dx, source.astype(int).reshape(-1), dp.reshape(-1))
    return out, dx[1:].reshape(c.samples), dw.reshape(c.weights)


def computed(c, x, w, bias, g, workers=1, prepared=None):
    """Result and gradients as the engine computes them, into memory that holds something else."""
    plan = prepared or prepare(c)
    results = [np.full(shape, 7, c.dtype) for shape in (c.out_shape, c.samples, c.weights)]
    plan.forward(x, w, bias, results[0], workers)
    plan.input_gradient(g, w, results[1], workers)
    plan.weight_gradient(x, g, results[2], workers)
    return results


def assert_near(got, want, dtype):
    for a, b in zip(got, want, strict=True):
        assert np.abs(a - b).max(initial=0) <= BOUND[np.dtype(dtype)] * max(1, np.abs(b).max(initial=0))


@st.composite
def convolutions(draw_):
    dims = draw_(st.integers(1, 3))
    groups = draw_(st.integers(1, 3))
    each = lambda low, high: tuple(draw_(st.integers(low, high)) for _ in range(dims))  # noqa: E731
    largest = {1: 70, 2: 20, 3: 6}[dims]
    boundary = draw_(st.sampled_from(sorted(NUMPY)))
    size, kernel, stride, dilation = each(1, largest), each(1, 5 if dims < 3 else 3), each(1, 3), each(1, 3)
    padding = []
    for n, k, d in zip(size, kernel, dilation, strict=True):
        need = max(0, d * (k - 1) + 1 - n)
        before = draw_(st.integers(0, d * (k - 1) + 1))
        padding.append((before, max(draw_(st.integers(0, d * (k - 1) + 1)), need - before)))
    items, per, out = draw_(st.integers(1, 5)), draw_(st.integers(1, 5)), draw_(st.integers(1, 17))
    dtype = draw_(st.sampled_from([np.float32, np.float64]))
    return Convolution((items, per * groups, *size), (out * groups, per, *kernel), stride, dilation, tuple(padding), boundary,
                       groups, np.dtype(dtype))


@given(convolutions(), st.integers(0, 9))
@settings(max_examples=20 if numba.config.DISABLE_JIT else 120)
def test_drawn_convolutions_are_sums_over_taps(c, seed):
    numbers = draw(c, seed)
    assert_near(computed(c, *numbers), expected(c, *numbers), c.dtype)


def test_a_large_layer_is_cut_into_tiles_that_do_not_show(monkeypatch):
    """Tiles of every axis, and partial sums of several of them."""
    monkeypatch.setattr(channel_tiles, "TILE_BYTES", 3000)
    monkeypatch.setattr(channel_tiles, "TILE_WORK", 50)
    for c in (layer((3, 4, 21, 40), (10, 2, 3, 4), 2, 3, (1, 2), 2), layer((2, 3, 500), (5, 3, 7), padding=3, dtype=np.float32),
              layer((2, 2, 6, 9, 20), (3, 2, 3, 2, 3), padding=1), layer((9, 3, 5, 5), (4, 3, 3, 3), dtype=np.float32)):
        numbers = draw(c)
        plan = PreparedConvolution(c)
        assert sum(len(pieces) for _, pieces in plan._forward.tiles) > 3
        assert_near(computed(c, *numbers, prepared=plan), expected(c, *numbers), c.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", channel_tiles.LAYOUTS)
def test_every_layout_gives_the_same_sums(monkeypatch, layout, dtype):
    """The layer with zeros on all sides as it is, the other one on its way back: both can have every layout."""
    around, bare = layer((5, 3, 18, 30), (7, 3, 3, 3), padding=2, dtype=dtype), layer((5, 7, 20, 32), (4, 7, 3, 3), dtype=dtype)
    numbers, others = draw(around), draw(bare)
    monkeypatch.setattr(channel_tiles, "LAYOUTS", (layout,))
    plan, back = PreparedConvolution(around), PreparedConvolution(bare)
    assert {tile.layout for c in (plan._forward, *back._backward[0]) for tile, _ in c.tiles} == {layout}
    monkeypatch.undo()
    got, want = computed(around, *numbers, prepared=plan), expected(around, *numbers)
    assert_near(got, want, dtype)
    np.testing.assert_array_equal(got[0], computed(around, *numbers)[0])
    got, want = computed(bare, *others, prepared=back), expected(bare, *others)
    assert_near(got, want, dtype)
    np.testing.assert_array_equal(got[1], computed(bare, *others)[1])


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="work enough for several workers takes minutes uncompiled")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_workers(dtype):
    for c in (layer((13, 16, 30, 31), (24, 8, 3, 3), padding=1, groups=2, dtype=dtype),
              layer((2, 64, 24, 40), (48, 64, 3, 3), 2, 1, dtype=dtype)):
        numbers = draw(c)
        assert not prepare(c)._forward.alone
        one = computed(c, *numbers)
        for workers in (2, 5):
            for a, b in zip(one, computed(c, *numbers, workers=workers), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="work enough for several workers takes minutes uncompiled")
def test_rows_of_large_weights_are_shared(monkeypatch):
    """Where partial sums would take too much memory, workers share the rows of the weights."""
    monkeypatch.setattr(channels, "PARTIAL_BYTES", 1)
    c = layer((9, 40, 12, 33), (50, 40, 3, 3), padding=1)
    x, w, _, g = draw(c)
    plan = PreparedConvolution(c)
    assert len(plan._products._jobs) == 1
    assert len(plan._products.work) > 1
    got, again = np.empty_like(w), np.empty_like(w)
    plan.weight_gradient(x, g, got, 1)
    plan.weight_gradient(x, g, again, 3)
    np.testing.assert_array_equal(got, again)
    assert_near([got], [expected(c, x, w, np.zeros(50), g)[2]], c.dtype)


@given(convolutions(), st.integers(0, 9))
@settings(max_examples=10 if numba.config.DISABLE_JIT else 60)
def test_gradients_are_adjoint(c, seed):
    """<conv(x, w), g> = <x, dx> = <w, dw>."""
    x, w, _, g = draw(c, seed)
    out, dx, dw = (a.astype(np.float64) for a in computed(c, x, w, None, g))
    size = np.abs(g).sum() * np.abs(out).max(initial=0)
    first = (out * g).sum()
    assert abs(first - (x * dx).sum()) <= BOUND[c.dtype] * max(1, size)
    assert abs(first - (w * dw).sum()) <= BOUND[c.dtype] * max(1, size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "padding"), [((2, 3, 9, 20), 1), ((2, 3, 5, 6), 0), ((5, 3, 7, 10), 2)])
def test_bias_and_relu(shape, padding, dtype):
    c = layer(shape, (9, 3, 3, 3), padding=padding, dtype=dtype)
    x, w, bias, g = draw(c)
    x[1, 2, 3, 4] = np.nan
    plan = prepare(c)
    plain, clipped = np.empty(c.out_shape, dtype), np.empty(c.out_shape, dtype)
    plan.forward(x, w, bias, plain, 1)
    plan.forward(x, w, bias, clipped, 1, relu=True)
    np.testing.assert_array_equal(clipped, np.where(plain < 0, 0, plain))
    assert np.isnan(clipped).any()
    assert (clipped == 0).any()
    got = np.empty_like(bias)
    plan.bias_gradient(g, got)
    assert_near([got], [g.astype(np.float64).sum((0, 2, 3))], dtype)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("c", [layer((2, 3, 11, 20), (5, 3, 3, 3), padding=1), layer((3, 2, 6, 5), (4, 2, 3, 2), 2),
                               layer((2, 2, 37), (3, 2, 5), padding=2, dilation=2, dtype=np.float32)])
def test_a_sample_that_is_not_finite_reaches_what_it_meets(c, value):
    """Filled vectors and zeros between samples must not carry Inf or NaN to sums that never meet it."""
    x, w, bias, g = draw(c)
    plain = computed(c, x, w, bias, g)
    for one in (x, g):
        one[(0, 1, *(1,) * (one.ndim - 2))] = value
    with np.errstate(invalid="ignore"):
        want = expected(c, x, w, bias, g)
        got = computed(c, x, w, bias, g)
    for a, b, before in zip(got, want, plain, strict=True):
        np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))
        assert not np.isfinite(a).all()
        assert np.isfinite(before).all()
    assert_near([np.where(np.isfinite(a), a, 0) for a in got], [np.where(np.isfinite(b), b, 0) for b in want], c.dtype)


@pytest.mark.parametrize("c", [
    layer((1, 1, 1, 1), (1, 1, 1, 1)), layer((3, 2, 1, 1), (5, 2, 3, 3), padding=1), layer((2, 2, 4), (3, 2, 9), padding=4),
    layer((2, 4, 5, 5), (8, 1, 3, 3), padding=1, groups=4), layer((1, 3, 2, 2, 2), (2, 3, 2, 2, 2)),
    layer((2, 3, 9, 9), (4, 3, 1, 1), 3), layer((2, 3, 7, 7), (4, 3, 2, 2), padding=3), layer((1, 2, 4, 4), (2, 2, 1, 1), 5),
    layer((2, 2, 5, 6), (3, 2, 3, 3), padding=((2, 1), (0, 2)), boundary="edge"),
    layer((1, 2, 3, 40), (3, 2, 1, 3), padding=(0, 40), boundary="wrap"),
    layer((3, 1, 1, 1, 3), (1, 1, 2, 3, 1), padding=((0, 2), (0, 2), 0), dilation=(2, 1, 1), boundary="edge"),
    layer((2, 2, 3, 16), (2, 2, 2, 1), padding=(9, 0), dilation=(2, 1))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_awkward_shapes(c, dtype):
    c = c._replace(dtype=np.dtype(dtype))
    numbers = draw(c)
    assert_near(computed(c, *numbers), expected(c, *numbers), dtype)


def test_an_empty_batch_has_gradients_of_zero():
    c = layer((0, 3, 8, 18), (4, 3, 3, 3), padding=1)
    x, w, bias, g = draw(c)
    assert not computed(c, x, w, bias, g)[2].any()
    sums = np.full(c.weights[0], np.nan)
    prepare(c).bias_gradient(np.zeros(c.out_shape), sums)
    np.testing.assert_array_equal(sums, 0)
    sums[:] = np.nan
    assert prepare(c).rectified_gradient(np.zeros(c.out_shape), np.zeros(c.out_shape), sums).size == 0
    np.testing.assert_array_equal(sums, 0)


def test_samples_may_be_read_only():
    c = layer((2, 3, 8, 18), (4, 3, 3, 3), padding=1)
    numbers = draw(c)
    for array in numbers:
        array.flags.writeable = False
    assert_near(computed(c, *numbers), expected(c, *numbers), c.dtype)


def test_taps_that_meet_zeros_alone_are_left_out():
    """Row r of the gradient of the samples meets row k of the weights in row r - k of the results, if there is one."""
    c = layer((4, 6, 24, 32), (16, 6, 5, 5), dtype=np.float32)
    (tile, _), = PreparedConvolution(c)._backward[0][0].tiles
    rows = tile.vectors.sums[1] % (24 * 32) // 32
    assert set(rows) == set(range(24))
    assert tile.reach.reshape(-1, 2).tolist() == [[5 * max(0, r - 19), 5 * min(4, r) + 5] for r in rows]
    (tile, _), = PreparedConvolution(c._replace(padding=((2, 2), (2, 2)), boundary="edge"))._forward.tiles
    assert np.unique(tile.reach.reshape(-1, 2), axis=0).tolist() == [[0, 25]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 9, 33, 100, 260])
def test_a_rectifiers_gradient_is_masked_and_summed_at_once(size, dtype):
    c = layer((3, 1, size), (5, 1, 1), dtype=dtype)
    rng = np.random.default_rng(size)
    g, y = rng.standard_normal((2, *c.out_shape)).astype(dtype)
    y[0, 0, 0], y[1, 2, -1] = np.nan, 0
    sums, apart = np.full((2, 5), 7, dtype)
    masked = prepare(c).rectified_gradient(g, y, sums)
    want = np.where(y <= 0, 0, g)
    np.testing.assert_array_equal(masked, want.reshape(-1))
    np.testing.assert_allclose(sums, want.sum((0, 2)), rtol=0, atol=BOUND[np.dtype(dtype)] * size)
    prepare(c).bias_gradient(want, apart)
    np.testing.assert_array_equal(sums, apart)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_are_their_plain_twins(dtype):
    """Every block of sums and of products, against the loops that run where there are no vectors."""
    rng = np.random.default_rng(3)
    lanes = channel_blocks.VECTOR // np.dtype(dtype).itemsize
    x, w, bias = (rng.standard_normal(n).astype(dtype) for n in (4000, 8 * 15, 12))
    inside, outside = np.arange(17) * 20 + 16, np.arange(17) * lanes
    offsets = np.array([0, 3, 40, 7, 90])
    reach = np.array([[1 - e % 2, 3 + e % 2] for e in range(17)]).reshape(-1)
    sums, products = compiled()
    for rows, breadth in channel_blocks.SUMS.items():
        for relu in (0, 1):
            want, got = np.zeros((2, 9000), dtype)
            arguments = (rows, breadth, x, inside, outside, reach, 1, 2, w, 0, offsets, 5, 3, 333, bias, 2, relu)
            channel_blocks.sums(*arguments, want, 5, 800)
            sums(*arguments, got, 5, 800)
            assert_near([got], [want], dtype)
            assert np.count_nonzero(got) > 0
    offsets = np.arange(16) * 30
    for rows, breadth in channel_blocks.PRODUCTS.items():
        for keep in (3, lanes):
            want, got = np.ones((2, 100), dtype)
            arguments = (rows, breadth, x, 7, 300, x, offsets, 1, inside, inside, 14, 3, keep)
            channel_blocks.products(*arguments, want, 2, 12)
            products(*arguments, got, 2, 12)
            assert_near([got], [want], dtype)
            assert np.count_nonzero(got != 1) == rows * breadth


def compiled():
    """The blocks as kernels call them."""
    sums, products = channel_blocks.sums, channel_blocks.products

    @numba.njit
    def call_sums(*arguments):
        sums(*arguments)

    @numba.njit
    def call_products(*arguments):
        products(*arguments)

    return call_sums, call_products


@given(convolutions(), st.integers(0, 9))
@settings(max_examples=10 if numba.config.DISABLE_JIT else 60)
def test_torch_agrees(c, seed):
    torch = pytest.importorskip("torch")
    dims = len(c.samples) - 2
    x, w, bias, g = draw(c, seed)
    if c.boundary == "reflect" and any(max(p) >= n for n, p in zip(c.samples[2:], c.padding, strict=True)):
        return
    if c.boundary == "wrap" and any(max(p) > n for n, p in zip(c.samples[2:], c.padding, strict=True)):
        return
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, bias))
    sides = [side for pair in reversed(c.padding) for side in pair]
    padded_ = torch.nn.functional.pad(tx, sides, mode=TORCH[c.boundary])
    conv = (torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d)[dims - 1]
    y = conv(padded_, tw, tb, c.stride, 0, c.dilation, c.groups)
    y.backward(torch.tensor(g))
    assert y.shape == c.out_shape
    want = [t.detach().numpy().astype(np.float64) for t in (y, tx.grad, tw.grad)]
    assert_near(computed(c, x, w, bias, g), want, c.dtype)
    db = np.empty_like(bias)
    prepare(c).bias_gradient(g, db)
    assert_near([db], [tb.grad.numpy()], c.dtype)
