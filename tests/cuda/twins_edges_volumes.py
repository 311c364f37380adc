"""Edges of volumes, edges along axes that are not the last, and points between pixels: as the CPU has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit import edges
from tests.cuda.twins import sent


def fetched(x):
    return x.copy_to_host()


@settings(max_examples=10)
@given(st.data())
def test_edges_of_volumes_are_those_of_the_cpu(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape = (*data.draw(st.sampled_from([(), (2,)])), *data.draw(st.tuples(*[st.integers(1, 6)] * 2, st.integers(1, 8))))
    dtype = data.draw(st.sampled_from(["float32", "float64", "uint8"]))
    # Few grey levels make plateaus, where magnitudes are equal.
    x = rng.integers(0, data.draw(st.sampled_from([3, 200])), shape).astype(dtype)
    low, high, quantiles = data.draw(st.sampled_from([(None, None, False), (0.2, 0.5, True), (0, 9, False), (0.1, 0.4, False)]))
    options = {"sigma": 0, "axes": (-3, -2, -1), "boundary": data.draw(st.sampled_from(["zero", "reflect", "wrap"])),
               "low": low, "high": high, "quantiles": quantiles}
    np.testing.assert_array_equal(fetched(edges.canny(sent(x), **options)), edges.canny(x, **options))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_edges_of_derivatives_of_volumes_are_those_of_the_cpu(dtype, rng):
    gradient = rng.integers(-9, 9, (3, 6, 7, 9)).astype(dtype)
    want = edges.canny(None, low=1, high=8, gradient=gradient)
    assert want.any()
    np.testing.assert_array_equal(fetched(edges.canny(None, low=1, high=8, gradient=sent(gradient))), want)


def test_edges_of_smoothed_volumes_are_those_of_the_cpu(rng):
    x = rng.standard_normal((6, 7, 9))
    options = {"sigma": (0.5, 0.7, 0.6), "boundary": ("reflect", "wrap", "zero"), "low": 0.02, "high": 0.2}
    want = edges.canny(x, **options)
    assert want.any()
    np.testing.assert_array_equal(fetched(edges.canny(sent(x), **options)), want)


def test_a_nan_of_a_volume_is_no_edge(rng):
    x = rng.standard_normal((5, 6, 7))
    x[2, 3, 3] = np.nan
    np.testing.assert_array_equal(fetched(edges.canny(sent(x), 0, 0.1, 0.2)), edges.canny(x, 0, 0.1, 0.2))


@pytest.mark.parametrize("axes", [(0, 1), (0, 2), (2, 0)])
def test_images_may_lie_along_any_axes(axes, rng):
    x = rng.integers(0, 9, (7, 4, 8)).astype(np.float32)
    options = {"axes": axes, "sigma": (0, 0), "boundary": ("wrap", "zero")}
    want = edges.canny(x, **options)
    np.testing.assert_array_equal(fetched(edges.canny(sent(x), **options)), want)
    whole = sent(np.zeros((7, 4, 16), bool))
    out = whole[:, :, ::2]
    assert edges.canny(sent(x), out=out, **options) is out
    np.testing.assert_array_equal(fetched(whole)[:, :, ::2], want)
    assert not fetched(whole)[:, :, 1::2].any()


@pytest.mark.parametrize(("axes", "connectivity"), [((0,), 1), ((0, 2), 1), ((2, 0), 2), ((3, 0, 1), 3)])
def test_hysteresis_goes_along_any_axes(axes, connectivity, rng):
    x = rng.random((4, 3, 5, 4)).astype(np.float32)
    options = {"axes": axes, "connectivity": connectivity}
    want = edges.hysteresis(x, 0.6, 0.9, **options)
    assert (want != (x > 0.6)).any()
    assert (want != (x > 0.9)).any()
    np.testing.assert_array_equal(fetched(edges.hysteresis(sent(x), 0.6, 0.9, **options)), want)


@pytest.mark.parametrize(("axes", "kind"), [((0, 2), "magnitude"), ((3, 0), "direction"), ((0, 2, 3), "all"),
                                            ((3, 0, 1), "direction"), ((0, 3), "axis")])
def test_gradients_go_along_any_axes(axes, kind, rng):
    x = rng.standard_normal((4, 3, 5, 4))
    if kind == "all":
        got, want = (edges.derivatives(a, "scharr", axes=axes) for a in (sent(x), x))
    elif kind == "direction":
        got, want = (edges.scharr(a, return_direction=True, axes=axes) for a in (sent(x), x))
    else:
        got, want = ([edges.farid(a, 3 if kind == "axis" else None, axes=axes)] for a in (sent(x), x))
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(fetched(one), other, rtol=0, atol=1e-12)


# -- points ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(st.data())
def test_points_are_those_of_the_cpu(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    # Derivatives of images of fewer columns are summed in another order on the CPU.
    shape, axes = data.draw(st.sampled_from([((6, 9), None), ((2, 5, 8), (1, 2)), ((5, 8, 2), (0, 1)), ((5, 2, 8), (2, 0)),
                                             ((4, 4, 5), None), ((4, 4, 2, 4), (0, 1, 3))]))
    x = rng.standard_normal(shape)
    deep = len(axes or shape) == 3
    options = {"sigma": 0, "axes": axes, "subpixel": True, "norm": "l2" if deep else data.draw(st.sampled_from(["l1", "l2"])),
               "boundary": data.draw(st.sampled_from(["reflect", "zero"]))}
    if data.draw(st.booleans()):
        options |= {"mask": rng.random(shape) < 0.97, "low": 0.1, "high": 0.2}
    want = edges.canny(x, **options)
    got = edges.canny(sent(x), **options)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(fetched(got), want, rtol=0, atol=1e-10)


def test_points_of_single_precision_are_those_of_the_cpu(rng):
    x = rng.standard_normal((6, 19)).astype(np.float32)
    want = edges.canny(x, 0, 0.1, 0.2, subpixel=True)
    np.testing.assert_allclose(fetched(edges.canny(sent(x), 0, 0.1, 0.2, subpixel=True)), want, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(2, 8, 9), (3, 5, 6, 7)])
def test_points_of_derivatives_are_those_of_the_cpu(shape, rng):
    gradient = rng.standard_normal(shape).astype(np.float32)
    want = edges.canny(None, gradient=gradient, subpixel=True)
    np.testing.assert_allclose(fetched(edges.canny(None, gradient=sent(gradient), subpixel=True)), want, rtol=0, atol=1e-10)
    assert (want != np.round(want)).any()


def test_points_on_plateaus_and_beside_zeros():
    """Where magnitudes beside an edge are 0, or all alike, nothing is moved: there is no logarithm, and no peak."""
    x = np.zeros((12, 13))
    x[:, 6:] = 10
    x[4:, 2:4] = 3
    for low, high in ((0, 1e-9), (0.1, 1)):
        want = edges.canny(x, 0, low, high, subpixel=True)
        np.testing.assert_allclose(fetched(edges.canny(sent(x), 0, low, high, subpixel=True)), want, rtol=0, atol=1e-12)
        assert len(want)


def test_points_may_be_none_and_come_as_the_samples_do(rng):
    got = edges.canny(sent(np.zeros((5, 6), np.float32)), 0, subpixel=True)
    assert got.shape == (0, 2)
    assert got.dtype == np.float64
    x = rng.standard_normal((7, 8))
    host = edges.canny(x, 0, subpixel=True, device="cuda")
    assert type(host) is np.ndarray
    np.testing.assert_allclose(host, edges.canny(x, 0, subpixel=True), rtol=0, atol=1e-10)


def test_the_blocks_of_a_device(rng, monkeypatch):
    """The simulator is given small ones otherwise."""
    from convkit.engines.cuda import trace
    from convkit.kernels.link_cuda import Patch
    from convkit.kernels.thin_volume_cuda import Slab

    monkeypatch.setattr(trace, "PATCH", Patch(32, 8, 32, 64))
    monkeypatch.setattr(trace, "SLAB", Slab(32, 8, 16))
    x = rng.standard_normal((4, 10, 34))
    np.testing.assert_array_equal(fetched(edges.canny(sent(x), 0, 0.05, 0.2)), edges.canny(x, 0, 0.05, 0.2))
