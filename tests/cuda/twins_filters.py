"""Filters where the samples lie, and the refusals of those that are not computed on a device."""

import numpy as np
import pytest

import convkit
from convkit import edges, filters
from tests.cuda.twins import sent

CALLS = {
    "gaussian": lambda x, **o: filters.gaussian(x, (1.0, 0.6), truncate=2.0, **o),
    "slope": lambda x, **o: filters.gaussian(x, 0.8, order=(1, 0), truncate=2.0, boundary="edge", **o),
    "nothing": lambda x, **o: filters.gaussian(x, 0.0, **o),
    "box": lambda x, **o: filters.box(x, (3, 2), boundary="wrap", **o),
    "sharpen": filters.sharpen,
    "emboss": filters.emboss,
}


@pytest.mark.parametrize("name", CALLS)
def test_filters_are_those_of_the_cpu(name, rng):
    x = rng.standard_normal((7, 9))
    want = CALLS[name](x)
    got = CALLS[name](sent(x))
    assert type(got) is type(sent(x))
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.copy_to_host(), want, rtol=1e-5, atol=1e-5)
    there = CALLS[name](x, device="cuda")
    assert type(there) is np.ndarray
    np.testing.assert_array_equal(there, got.copy_to_host())


def test_arguments_are_as_on_the_cpu(rng):
    x = rng.integers(0, 200, (6, 8, 3)).astype(np.uint8)
    out = np.zeros_like(x)
    options = {"channel_axis": -1, "dtype": np.uint8}
    assert filters.gaussian(x, 1.0, out=out, device="cuda", **options) is out
    single = filters.gaussian(sent(x), 1.0, channel_axis=-1).copy_to_host()
    assert single.dtype == np.float32
    np.testing.assert_array_equal(out, np.rint(single).astype(np.uint8))
    with pytest.raises(ValueError, match="is no axis of x"):
        filters.box(sent(x), 3, axes=5)
    with pytest.raises(TypeError, match="x is a masked array"):
        filters.gaussian(np.ma.masked_equal(x, x[0, 0, 0]), 1.0, device="cuda")
    with pytest.raises(ValueError, match="it may be 'cpu' or 'cuda'"):
        filters.box(x, 3, device="gpu")


# Filters that make something of the results of convolutions.
COMPOSED = {
    "unsharp": lambda x, **o: filters.unsharp(x, (0.6, 0.0), 1.5, truncate=2.0, **o),
    "difference of gaussians": lambda x, **o: filters.difference_of_gaussians(x, (0.0, 0.5), 0.8, truncate=2.0, **o),
    "laplacian": filters.laplacian,
    "laplace": lambda x, **o: filters.gaussian_laplace(x, (0.5, 0.7), truncate=2.0, **o),
    "slope": lambda x, **o: filters.gaussian_gradient_magnitude(x, (0.5, 0.7), radius=2, **o),
    "gabor": lambda x, **o: filters.gabor(x, 0.3, 0.4, bandwidth=2.0, truncate=1.0, **o),
    "bank": lambda x, **o: filters.gabor_bank(x, [0.3, 0.4], [0.0, 0.7], bandwidth=2.0, truncate=1.0, **o),
    "steerable": lambda x, **o: filters.steerable(x, 0.4, order=2, sigma=0.5, truncate=3.0, **o),
    "steered": lambda x, **o: filters.steerable(x, [0.0, 0.4, 2.0], sigma=0.5, truncate=3.0, **o),
    "tensor": lambda x, **o: filters.structure_tensor(x, (0.5, 0.7), truncate=2.0, **o).elements,
}


def within(got, want, size):
    """Whether results are as near as passes over samples of such a size let them be."""
    assert got.dtype == want.dtype
    eps = 1e-13 if want.dtype in (np.float64, np.complex128) else 3e-6
    np.testing.assert_allclose(got, want, rtol=0, atol=eps * size)


@pytest.mark.parametrize("boundary", ["zero", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("name", COMPOSED)
def test_what_is_made_of_convolutions_is_that_of_the_cpu(name, boundary, rng):
    kind = {"zero": "float64", "edge": "float32", "reflect": "uint8", "symmetric": "int32", "wrap": "float16"}[boundary]
    x = (rng.standard_normal((4, 5)) * 40 + 100).astype(kind)
    want = COMPOSED[name](x, boundary=boundary)
    size = 300.0**2 if name == "tensor" else 300.0
    got = COMPOSED[name](sent(x), boundary=boundary)
    assert type(got) is type(sent(x))
    if kind == "float16" and want.dtype == np.float16:
        np.testing.assert_allclose(got.copy_to_host(), want, rtol=2e-3, atol=0.1)
    else:
        within(got.copy_to_host(), want, size)
    if boundary == "edge":
        there = COMPOSED[name](x, boundary=boundary, device="cuda")
        assert type(there) is np.ndarray
        np.testing.assert_array_equal(there, got.copy_to_host())


@pytest.mark.parametrize("name", [n for n in COMPOSED if n != "gabor"])
def test_results_go_where_the_caller_says(name, rng):
    """To an array of the arithmetic's dtype straight away, to others by way of one; also where the samples are."""
    x = rng.standard_normal((2, 3, 4))
    options = {"axes": (1, 2)}
    want = COMPOSED[name](x, **options)
    out, host = sent(np.zeros_like(want)), np.zeros_like(want)
    assert COMPOSED[name](sent(x), out=out, **options) is out
    within(out.copy_to_host(), want, 10.0)
    assert COMPOSED[name](sent(x), out=host, **options) is host
    within(host, want, 10.0)
    narrow = np.dtype(np.complex64 if want.dtype.kind == "c" else np.float32)
    out = sent(np.zeros(want.shape, narrow))
    assert COMPOSED[name](x, out=out, dtype=narrow, device="cuda", **options) is out
    np.testing.assert_allclose(out.copy_to_host(), want, rtol=0, atol=1e-5)
    if want.shape == x.shape:
        there = sent(x)
        assert COMPOSED[name](there, out=there, **options) is there
        within(there.copy_to_host(), want, 10.0)
    with pytest.raises(ValueError, match="out has shape"):
        COMPOSED[name](sent(x), out=sent(np.zeros(3)), **options)


def test_samples_of_other_axes_and_dtypes_are_as_on_the_cpu(rng):
    colours = rng.integers(0, 255, (5, 4, 3)).astype(np.uint8)
    out = np.zeros_like(colours)
    assert filters.unsharp(colours, 0.7, channel_axis=-1, dtype=np.uint8, out=out, device="cuda") is out
    np.testing.assert_array_equal(out, filters.unsharp(colours, 0.7, channel_axis=-1, dtype=np.uint8))
    four = rng.standard_normal((2, 3, 2, 3))
    for call in (filters.laplacian, lambda x: filters.gaussian_gradient_magnitude(x, 0.5, radius=1)):
        within(call(sent(four)).copy_to_host(), call(four), 10.0)
    waves = rng.standard_normal((4, 5)) + 1j * rng.standard_normal((4, 5))
    for call in (filters.unsharp, lambda x: filters.gaussian_laplace(x, 0.5), lambda x: filters.difference_of_gaussians(x, 0.5),
                 lambda x: filters.steerable(x, [0.0, 1.0, 2.0], sigma=0.5)):
        within(call(sent(waves)).copy_to_host(), call(waves), 10.0)


def test_lengths_of_gradients_neither_overflow_nor_vanish(rng):
    x = rng.standard_normal((6, 5)).astype(np.float32)
    for scale in (1e-30, 1e30):
        want = filters.gaussian_gradient_magnitude(x * np.float32(scale), 0.7)
        got = filters.gaussian_gradient_magnitude(sent(x * np.float32(scale)), 0.7).copy_to_host()
        assert (want > 0).all()
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6 * want.max())
    x[1, 2], x[5, 4] = np.nan, np.inf
    want = filters.gaussian_gradient_magnitude(x, 0.4, radius=1)
    got = filters.gaussian_gradient_magnitude(sent(x), 0.4, radius=1).copy_to_host()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors_of_images_say_the_same_there(dtype, rng):
    x = rng.standard_normal((5, 6)).astype(dtype)
    x[:, :3] = 1
    want = filters.structure_tensor(x, 0.5, truncate=2.0)
    got = filters.StructureTensor(sent(want.elements), 2)
    for name in ("eigenvalues", "coherence", "orientation"):
        there = getattr(got, name)()
        assert type(there) is type(sent(x))
        within(there.copy_to_host(), getattr(want, name)(), 4.0)
    assert (got.coherence().copy_to_host()[:, 0] == 0).all()
    line = filters.structure_tensor(sent(x[:, 2:].copy()), 0.5, axes=1)
    np.testing.assert_array_equal(line.eigenvalues().copy_to_host(), line.elements.copy_to_host())
    volume = filters.structure_tensor(sent(rng.standard_normal((2, 3, 3)).astype(dtype)), 0.5, truncate=2.0)
    with pytest.raises(ValueError, match="eigenvalues for 3 filtered axes are not computed on a CUDA device"):
        volume.eigenvalues()


@pytest.mark.parametrize("boundary", ["zero", "edge", "reflect", "symmetric", "wrap"])
def test_arrays_are_extended_as_on_the_cpu(boundary, rng):
    """Also by more axes than one launch takes, and by halos longer than an axis."""
    shapes = [((3, 4), [(1, 3), (6, 0)]), ((2, 1, 2, 2, 1, 2), [(1, 0), (0, 1), (0, 1), (1, 0), (1, 0), (0, 1)]),
              ((2, 1, 3, 1, 2, 2), [(1, 0), (0, 0), (0, 1), (1, 1), (0, 0), (0, 1)]), ((5,), 2), ((2, 3), 0)]
    for (shape, halo), dtype in zip(shapes, ("float32", "uint8", "complex128", "bool", "float16"), strict=True):
        x = (rng.random(shape) * 3).astype(dtype)
        want = convkit.pad(x, halo, boundary=boundary)
        got = convkit.pad(sent(x), halo, boundary=boundary)
        assert type(got) is type(sent(x))
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got.copy_to_host(), want)
    np.testing.assert_array_equal(convkit.pad(x, halo, boundary=boundary, device="cuda"), x)


def test_what_arrays_are_filled_with_is_as_on_the_cpu():
    x = np.arange(6).reshape(2, 3)
    for value in (7, -1, 0):
        options = {"boundary": ("constant", "wrap"), "fill_value": value}
        np.testing.assert_array_equal(convkit.pad(sent(x), 1, **options).copy_to_host(), convkit.pad(x, 1, **options))
    with pytest.raises(ValueError, match=r"fill_value=1.5 cannot be held by x of dtype int64"):
        convkit.pad(sent(x), 1, boundary="constant", fill_value=1.5)


def test_places_of_large_arrays_are_counted_in_64_bits(rng, monkeypatch):
    from convkit.engines.cuda import crossings, pad

    x = rng.standard_normal((4, 5))
    for engine in (crossings, pad):
        monkeypatch.setattr(engine, "MOST", 1)
    np.testing.assert_array_equal(convkit.pad(sent(x), 2, boundary="wrap").copy_to_host(), convkit.pad(x, 2, boundary="wrap"))
    np.testing.assert_array_equal(edges.zero_crossings(sent(x), 0.5, 0.0).copy_to_host(), edges.zero_crossings(x, 0.5, 0.0))


@pytest.mark.parametrize("boundary", ["edge", "reflect", "wrap"])
@pytest.mark.parametrize(("shape", "axes", "dtype"), [((6, 8), None, "float32"), ((2, 4, 5), (2, 0), "float64"),
                                                      ((3, 4, 2), None, "uint8"), ((12,), 0, "int32")])
def test_changes_of_sign_are_those_of_the_cpu(shape, axes, dtype, boundary, rng):
    """The mean of absolute values, which makes the threshold, differs by rounding: no sample is so near to that."""
    x = (rng.standard_normal(shape) * 100).astype(dtype)
    for slope in (None, 0.0, 20.0):
        options = {"sigma": 0.5, "slope": slope, "axes": axes, "boundary": boundary}
        want = edges.zero_crossings(x, **options)
        got = edges.zero_crossings(sent(x), **options)
        assert type(got) is type(sent(x))
        np.testing.assert_array_equal(got.copy_to_host(), want)
    out, there = np.zeros(shape, bool), sent(np.zeros(shape, bool))
    assert edges.zero_crossings(x, out=out, device="cuda", **options) is out
    assert edges.zero_crossings(sent(x), out=there, **options) is there
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(there.copy_to_host(), want)


def test_samples_that_are_not_finite_take_no_part_in_the_threshold(rng):
    x = rng.standard_normal((5, 9))
    x[0, 0] = np.nan
    for image in (x, x * np.nan, np.zeros((4, 5))):
        want = edges.zero_crossings(image, 0.5)
        np.testing.assert_array_equal(edges.zero_crossings(sent(image), 0.5).copy_to_host(), want)
    step = np.repeat([0.0, 0.0, 1.0], 4)  # an exact zero between two signs, and thresholds that part
    for slope in (0.0, 0.2, 0.4, 3.0):
        want = edges.zero_crossings(step, 0.5, slope)
        np.testing.assert_array_equal(edges.zero_crossings(sent(step), 0.5, slope).copy_to_host(), want)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize(("shape", "size", "options"), [
    ((5, 6), 3, {"boundary": "reflect"}), ((4, 5, 3), 3, {"channel_axis": -1, "boundary": ("edge", "wrap")}),
    ((2, 7), (1, 5), {"boundary": "zero"}), ((9,), 3, {"boundary": "symmetric"}), ((3, 2, 5), (3, 1, 3), {}),
    ((2, 3, 4), 1, {})])  # fmt: skip
def test_medians_are_those_of_the_cpu(shape, size, options, dtype, rng):
    x = rng.integers(0, 9, shape).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x.reshape(-1)[[0, 1, -3]] = np.nan, np.inf, np.nan
    want = filters.median(x, size, **options)
    got = filters.median(sent(x), size, **options)
    assert type(got) is type(sent(x))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.copy_to_host(), want)
    there, host = sent(x), x.copy()
    assert filters.median(there, size, out=there, **options) is there
    assert filters.median(host, size, out=host, device="cuda", **options) is host
    np.testing.assert_array_equal(there.copy_to_host(), want)
    np.testing.assert_array_equal(host, want)


@pytest.mark.parametrize(("shape", "size", "options"), [
    ((5, 5), 4, {}), ((5, 5), 5, {}), ((5, 5), None, {"footprint": [[0, 1, 0], [1, 1, 1], [0, 1, 0]]})])
def test_other_medians_are_refused_in_words(shape, size, options):
    with pytest.raises(ValueError, match="is not computed on a CUDA device, which takes windows of up to 9 samples"):
        filters.median(sent(np.ones(shape)), size, **options)


def test_the_bilateral_mean_says_that_it_is_not_computed_there():
    with pytest.raises(TypeError, match="x lies in the memory of a CUDA device, where this is not computed; fetch it first"):
        filters.bilateral(sent(np.ones((4, 5))), 1.0, 1.0)
