"""Filters that are convolutions and nothing else, where the samples lie; and the refusals of the others."""

import numpy as np
import pytest

import convkit
from convkit import filters
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
    with pytest.raises(ValueError, match="it may be 'cuda', or None"):
        filters.box(x, 3, device="gpu")


@pytest.mark.parametrize("call", [filters.unsharp, filters.laplacian, lambda x: filters.median(x, 3),
                                  lambda x: convkit.pad(x, 1)])
def test_other_functions_say_that_they_do_not_compute_there(call):
    with pytest.raises(TypeError, match="x lies in the memory of a CUDA device, where this is not computed; fetch it first"):
        call(sent(np.ones((4, 5))))
