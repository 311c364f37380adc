"""Masks of gradients and of edges: what a CUDA device has to leave out as the CPU does."""

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
def test_gradients_are_blank_around_what_is_not_valid(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape, axes = data.draw(st.sampled_from([((5, 6), None), ((2, 4, 5), (1, 2)), ((4, 2, 5), (2, 0)), ((3, 4, 5), None),
                                             ((9,), None), ((4, 5, 2), (0, 1))]))
    own = shape if axes is None else tuple(shape[a] for a in sorted(axes))
    mask = rng.random(data.draw(st.sampled_from([shape, own]))) < 0.9
    x = rng.standard_normal(shape)
    options = {"axes": axes, "boundary": data.draw(st.sampled_from(["reflect", "zero"]))}
    given_ = data.draw(st.sampled_from([sent, np.asarray]))(mask)
    if data.draw(st.booleans()):
        got, want = (edges.scharr(a, return_direction=True, mask=m, **options) for a, m in ((sent(x), given_), (x, mask)))
        np.testing.assert_allclose(fetched(got.direction), want.direction, rtol=0, atol=1e-9)
        got, want = got.magnitude, want.magnitude
    else:
        axis = data.draw(st.sampled_from([None, (axes or (0,))[0]]))
        got, want = (edges.roberts(a, axis, mask=m, **options) for a, m in ((sent(x), given_), (x, mask)))
    np.testing.assert_allclose(fetched(got), want, rtol=0, atol=1e-12)
    assert ((fetched(got) == 0) == (want == 0)).all()


@settings(max_examples=8)
@given(st.data())
def test_edges_are_found_beside_what_is_not_valid(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape, axes = data.draw(st.sampled_from([((7, 8), None), ((2, 5, 7), (1, 2)), ((5, 7, 2), (0, 1)), ((4, 4, 5), None)]))
    x, mask = rng.standard_normal(shape), rng.random(shape) < 0.93
    x[~mask] = data.draw(st.sampled_from([50, np.nan]))
    low, high, quantiles = data.draw(st.sampled_from([(None, None, False), (0.05, 0.3, False), (0.2, 0.6, True)]))
    options = {"sigma": data.draw(st.sampled_from([0, 0.6])), "axes": axes, "low": low, "high": high, "quantiles": quantiles,
               "norm": "l2" if len(shape) == 3 and axes is None else data.draw(st.sampled_from(["l1", "l2"])),
               "boundary": data.draw(st.sampled_from(["reflect", "wrap"]))}
    given_ = data.draw(st.sampled_from([sent, np.asarray]))(mask)
    got, want = edges.canny(sent(x), mask=given_, **options), edges.canny(x, mask=mask, **options)
    np.testing.assert_array_equal(fetched(got), want)


def test_edges_of_derivatives_take_a_mask(rng):
    gradient, mask = rng.standard_normal((2, 9, 11)), rng.random((9, 11)) < 0.95
    want = edges.canny(None, mask=mask, gradient=gradient)
    assert want.any()
    assert (want != edges.canny(None, gradient=gradient)).any()
    np.testing.assert_array_equal(fetched(edges.canny(None, mask=sent(mask), gradient=sent(gradient))), want)


@pytest.mark.parametrize("other", [False, True])
def test_a_masked_array_brings_its_mask(other, rng):
    """On the host, and another mask beside it, wherever that lies."""
    x = np.ma.masked_array(rng.standard_normal((7, 8)), rng.random((7, 8)) < 0.1)
    mask = rng.random((7, 8)) < 0.9 if other else None
    on_device = sent(mask) if other else None
    want = edges.sobel(x, mask=mask)
    np.testing.assert_allclose(edges.sobel(x, mask=on_device, device="cuda"), want, rtol=0, atol=1e-12)
    got = edges.canny(x, 0, mask=on_device, device="cuda")
    np.testing.assert_array_equal(got, edges.canny(x, 0, mask=mask))
