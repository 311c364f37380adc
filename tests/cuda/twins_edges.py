"""Edges and the wrapping of wedges: what a CUDA device has to compute as the CPU does."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit import edges
from convkit._core import gpu
from convkit.curvelets.tables import image_tables
from convkit.engines import wedge as host_wedge
from convkit.kernels import link_cuda
from tests import strategies
from tests.cuda.twins import sent

# -- wedges ---------------------------------------------------------------------------------------------------------------


def complex_numbers(rng, shape, dtype):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


def line(x):
    return gpu.seen(sent(x), "x")


@pytest.mark.parametrize(("dtype", "within"), [("complex64", 3e-7), ("complex128", 1e-15)])
@pytest.mark.parametrize(("shape", "real"), [((12, 15), True), ((13, 12), False), ((12, 12), True)])
@pytest.mark.parametrize("finest", ["wavelet", "curvelet"])
def test_wedges_are_wrapped_and_added_as_on_the_cpu(shape, real, finest, dtype, within, rng):
    from convkit.engines.cuda import wedge as engine
    from convkit.kernels.wedge import unwrap, wrap

    tables = image_tables(shape, 3, 8, finest, real)
    whole = host_wedge.spectrum_shape(shape, real)
    spectrum = complex_numbers(rng, whole, dtype)
    wedges = engine.Wedges(tables, np.dtype(dtype))
    total, device_total = np.zeros(whole, dtype), line(complex_numbers(rng, whole, dtype))
    on_device = line(spectrum)
    fresh = True
    for wanted in (False, True):
        for group in tables.groups:
            if group.real != wanted:
                continue
            boxes = np.zeros((group.end - group.begin, *host_wedge.spectrum_shape(group.shape, group.real)), dtype)
            size = math.prod(boxes.shape[1:])
            rows = tables.rows(group.begin, group.end, spectrum.real.dtype)
            parts = host_wedge._parts
            wrap(parts(spectrum), *rows, parts(boxes), size)
            got = line(complex_numbers(rng, boxes.shape, dtype))
            wedges.wrap(on_device, group, got)
            np.testing.assert_allclose(gpu.fetched(got), boxes, rtol=0, atol=4 * within)
            scale = spectrum.real.dtype.type(1 if group.real or not real else 0.5)
            unwrap(parts(boxes), size, *rows, scale, parts(total), whole[-1], 0, 1)
            wedges.unwrap(line(boxes), group, device_total, fresh)
            fresh = False
        if not wanted:
            host_wedge.settle(total, tables)
            wedges.settle(device_total)
    np.testing.assert_allclose(gpu.fetched(device_total), total, rtol=0, atol=8 * within)
    assert wedges.nbytes > 0


# -- gradients ------------------------------------------------------------------------------------------------------------


def fetched(x):
    return x.copy_to_host()


@settings(max_examples=12)
@given(st.data())
def test_gradients_are_those_of_the_cpu(data):
    dim, step = data.draw(st.sampled_from([(1, 1), (2, 1), (2, 3), (2, 7), (3, 1), (3, 2)]))
    shape = (*data.draw(st.sampled_from([(), (2,)])), *data.draw(st.tuples(*[st.integers(1, {1: 9, 2: 6, 3: 4}[dim])] * dim)))
    axes = tuple(range(len(shape) - dim, len(shape)))
    axes = data.draw(st.permutations(axes))
    shape = (*shape, step) if step > 1 else shape
    dtype = data.draw(st.sampled_from(["float32", "float64", "uint8", "int32"]))
    name = data.draw(st.sampled_from(["sobel", "scharr", "roberts", "farid"]))
    options = {"scale": data.draw(st.sampled_from(["unit", "raw", "skimage"])), "axes": axes,
               "boundary": data.draw(st.sampled_from(["zero", "edge", "reflect", "symmetric", "wrap"]))}
    x = strategies.values(np.random.default_rng(data.draw(st.integers(0, 99))), shape, dtype)
    function, within = getattr(edges, name), (1e-12 if dtype in ("float64", "int32") else 4e-6)
    size = float(np.abs(x).max()) * {"unit": 1, "raw": 64 * 16 ** (dim - 1), "skimage": 2}[options["scale"]] + 1e-30
    kind = data.draw(st.sampled_from(["magnitude", "axis", "direction", "all"]))
    if kind == "all":
        got = [fetched(d) for d in edges.derivatives(sent(x), name, **options)]
        want = edges.derivatives(x, name, **options)
    elif kind == "direction":
        got, want = function(sent(x), return_direction=True, **options), function(x, return_direction=True, **options)
        # Where there is no gradient but for rounding there is no direction.
        clear = want.magnitude > 1e-3 * size
        turn = np.abs(fetched(got.direction) - want.direction)
        turn = np.minimum(turn, np.abs(2 * np.pi - turn)) if dim == 2 else turn
        assert got.direction.dtype == want.direction.dtype
        assert (turn[..., clear] <= 1e4 * within).all()
        got, want = [fetched(got.magnitude)], [want.magnitude]
    else:
        axis = axes[0] if kind == "axis" else None
        got, want = [fetched(function(sent(x), axis, **options))], [function(x, axis, **options)]
    for one, other in zip(got, want, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=0, atol=within * size)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("boundary", ["reflect", ("wrap", "zero"), ("zero", "edge")])
def test_gradients_march_down_images(boundary, dtype, rng):
    """Where rows are whole vectors of 16 bytes, read as such or converted; and of a part that begins between two such."""
    x = strategies.values(rng, (2, 11, 12), dtype)
    options = {"axes": (1, 2), "boundary": boundary, "scale": "skimage"}
    within = 1e-12 if dtype == "float64" else 4e-6
    size = float(np.abs(x).max())
    got, want = edges.scharr(sent(x), **options), edges.scharr(x, **options)
    np.testing.assert_allclose(fetched(got), want, rtol=0, atol=within * size)
    pair = [edges.sobel(a, return_direction=True, **options) for a in (sent(x), x)]
    clear = pair[1].magnitude > 1e-3 * size
    turn = np.abs(fetched(pair[0].direction) - pair[1].direction)[clear]
    assert (np.minimum(turn, np.abs(2 * np.pi - turn)) <= 1e4 * within).all()
    for one, other in zip(*(edges.derivatives(a, "prewitt", **options) for a in (sent(x), x)), strict=True):
        np.testing.assert_allclose(fetched(one), other, rtol=0, atol=4 * within * size)
    flat = np.concatenate([[x.flat[0]], x.ravel()])
    part = sent(flat)[1:].reshape(x.shape)
    np.testing.assert_allclose(fetched(edges.scharr(part, 2, **options)), edges.scharr(x, 2, **options), rtol=0,
                               atol=within * size)


def test_gradients_go_where_the_caller_says(rng):
    x = rng.integers(0, 255, (5, 6)).astype(np.uint8)
    out, host = sent(np.zeros((5, 6), np.uint8)), np.zeros((5, 6))
    assert edges.sobel(sent(x), dtype=np.uint8, out=out) is out
    np.testing.assert_array_equal(fetched(out), edges.sobel(x, dtype=np.uint8))
    whole = sent(np.zeros((5, 12), np.uint8))
    edges.sobel(sent(x), dtype=np.uint8, out=whole[:, 1::2])
    np.testing.assert_array_equal(fetched(whole)[:, 1::2], fetched(out))
    assert edges.sobel(sent(x), 1, dtype=np.float64, out=host) is host
    np.testing.assert_allclose(host, edges.sobel(x, 1, dtype=np.float64), rtol=0, atol=1e-12)
    pair = edges.sobel(x, return_direction=True, device="cuda", dtype=np.float64)
    assert type(pair.magnitude) is type(pair.direction) is np.ndarray
    np.testing.assert_allclose(pair.magnitude, edges.sobel(x, dtype=np.float64), rtol=0, atol=1e-12)


# -- edges ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(st.data())
def test_edges_are_those_of_the_cpu(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape = (*data.draw(st.sampled_from([(), (2,)])), *data.draw(st.tuples(st.integers(1, 7), st.integers(1, 9))))
    dtype = data.draw(st.sampled_from(["float32", "float64", "uint8", "float16"]))
    # Few grey levels make plateaus, where magnitudes are equal.
    x = rng.integers(0, data.draw(st.sampled_from([3, 200])), shape).astype(dtype)
    options = {"sigma": data.draw(st.sampled_from([0, (0, 0)])), "norm": data.draw(st.sampled_from(["l1", "l2"])),
               "axes": (-2, -1), "boundary": data.draw(st.sampled_from(["zero", "reflect", "wrap", "edge", "symmetric"]))}
    low, high, quantiles = data.draw(st.sampled_from([(None, None, False), (0.2, 0.8, True), (0.5, None, True), (0, 20, False),
                                                      (None, 0.7, False), (0.4, 0.9, False)]))
    options |= {"low": low, "high": high, "quantiles": quantiles}
    np.testing.assert_array_equal(fetched(edges.canny(sent(x), **options)), edges.canny(x, **options))


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("boundary", ["reflect", ("wrap", "zero")])
def test_edges_of_smoothed_images_are_those_of_the_cpu(norm, boundary, rng):
    x = rng.standard_normal((12, 13))
    options = {"sigma": (0.6, 1.1), "norm": norm, "boundary": boundary}
    np.testing.assert_array_equal(fetched(edges.canny(sent(x), **options)), edges.canny(x, **options))


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_edges_of_derivatives_are_those_of_the_cpu(norm, dtype, rng):
    gradient = rng.integers(-9, 9, (2, 11, 12)).astype(dtype)
    gradient = gradient if dtype == "int16" else gradient / np.array(7, dtype)
    want = edges.canny(None, low=0.3, high=0.7, quantiles=True, norm=norm, gradient=gradient)
    options = {"low": 0.3, "high": 0.7, "quantiles": True, "norm": norm}
    for given_ in (sent(gradient), [sent(g) for g in gradient]):
        np.testing.assert_array_equal(fetched(edges.canny(None, gradient=given_, **options)), want)


def test_a_spiral_is_followed_to_its_end():
    """One strong sample at the inner end of a path that goes through many tiles, again and again."""
    x = np.zeros((15, 17), np.float32)
    left, top, right, bottom, row, column = 0, 0, 16, 14, 0, 0
    while left <= right and top <= bottom:
        x[top, left : right + 1] = x[top : bottom + 1, right] = x[bottom, left : right + 1] = 1
        row, column = bottom, left
        x[top + 2 : bottom + 1, left] = 1
        top, bottom, left, right = top + 2, bottom - 2, left + 2, right - 2
        if left <= right and top <= bottom:
            x[top, left - 1] = 1
    x[row, column] = 3
    got = fetched(edges.hysteresis(sent(x), 0.5, 2, connectivity=1))
    np.testing.assert_array_equal(got, edges.hysteresis(x, 0.5, 2, connectivity=1))
    assert got.sum() > 80


@settings(max_examples=10)
@given(st.data())
def test_hysteresis_is_that_of_the_cpu(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    dim = data.draw(st.integers(1, 3))
    shape = (*data.draw(st.sampled_from([(), (2,)])), *data.draw(st.tuples(*[st.integers(1, 6)] * dim)))
    options = {"axes": tuple(range(-dim, 0)), "connectivity": data.draw(st.integers(1, dim))}
    x = rng.integers(0, 7, shape).astype(data.draw(st.sampled_from(["uint8", "float16", "float64", "int64"])))
    want = edges.hysteresis(x, 3, 5, **options)
    out = sent(np.zeros(shape, bool))
    assert edges.hysteresis(sent(x), 3, 5, out=out, **options) is out
    np.testing.assert_array_equal(fetched(out), want)


def test_nan_is_no_edge(rng):
    x = rng.standard_normal((9, 11)).astype(np.float32)
    x[4, 5] = np.nan
    for norm in ("l1", "l2"):
        want = edges.canny(x, 0, 1, 2, norm=norm)
        np.testing.assert_array_equal(fetched(edges.canny(sent(x), 0, 1, 2, norm=norm)), want)


def test_the_caller_gets_edges_where_he_asks(rng):
    x = rng.standard_normal((8, 9))
    want, host = edges.canny(x, 0), np.zeros((8, 9), bool)
    assert edges.canny(sent(x), 0, out=host) is host
    np.testing.assert_array_equal(host, want)
    got = edges.canny(x, 0, device="cuda")
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, want)


def test_edges_that_a_device_does_not_find_are_refused():
    x = sent(np.ones((4, 5, 6)))
    four = sent(np.ones((2, 2, 2, 2)))
    for call, message in ((lambda: edges.canny(x, mask=np.ones((4, 5), bool)), "mask has shape"),
                          (lambda: edges.canny(x, mask=sent(np.ones((4, 5), bool))), "mask has shape"),
                          (lambda: edges.canny(x, mask=sent(np.ones((4, 5, 6), np.uint8))), "mask has dtype uint8"),
                          (lambda: edges.sobel(x, mask=sent(np.ones((4, 5, 7), bool))), "mask has shape"),
                          (lambda: edges.sobel(x, mask=sent(np.ones((4, 5, 6)))), "mask has dtype float64"),
                          (lambda: edges.sobel(four), "a gradient along 4 axes, more than three"),
                          (lambda: edges.hysteresis(four, 1, 2), "follows edges along up to three"),
                          (lambda: edges.sobel(x, out=np.zeros(3)), "out has shape")):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_the_blocks_of_a_device(rng, monkeypatch):
    """The simulator is given small ones otherwise."""
    from convkit.engines.cuda import gradient as engine
    from convkit.engines.cuda import trace
    from convkit.kernels.gradient_cuda import Span
    from convkit.kernels.gradient_march_cuda import Columns
    from convkit.kernels.link_cuda import Patch

    monkeypatch.setattr(trace, "PATCH", Patch(32, 8, 32, 64))
    monkeypatch.setattr(engine, "SPAN", Span(32, 8, 64))
    monkeypatch.setattr(engine, "HIGH", 32)
    monkeypatch.setattr(engine, "COLUMNS", Columns(32, 8))
    x = rng.standard_normal((9, 67))
    for norm in ("l1", "l2"):
        want = edges.canny(x, 0.7, 0.3, 0.7, norm=norm)
        np.testing.assert_array_equal(fetched(edges.canny(sent(x), 0.7, 0.3, 0.7, norm=norm)), want)
    for name, part in (("farid", x), ("sobel", x), ("sobel", x[:, :66].copy())):
        np.testing.assert_allclose(fetched(getattr(edges, name)(sent(part))), getattr(edges, name)(part), rtol=0, atol=1e-12)


@pytest.mark.skipif(not gpu.SIMULATED, reason="another thread is put between the reads and the atomic of this one")
@pytest.mark.parametrize(("a", "b"), [(1, 3), (3, 1)])
def test_marks_are_joined_though_another_thread_leads_one_elsewhere_meanwhile(a, b, monkeypatch):
    """Between finding that 3 and 1 are first of theirs and joining them, another block joins 3 to 2."""
    labels = np.arange(4, dtype=np.int32)
    meanwhile = {3: 2}

    def least(array, place, value):
        array[place] = meanwhile.pop(int(place), array[place])
        before = array[place]
        array[place] = min(before, value)
        return before

    monkeypatch.setattr(link_cuda, "cuda", SimpleNamespace(atomic=SimpleNamespace(min=least)))
    link_cuda.unite.fn(labels, a, b)
    assert not meanwhile
    assert [link_cuda.root_of.fn(labels, i) for i in range(4)] == [0, 1, 1, 1]
