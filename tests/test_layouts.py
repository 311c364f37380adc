"""Arrays as they come: any byte order, stride, alignment or ownership, masks, and results written in place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import BOUNDARIES, LAYOUTS, MODES, SEEDS, byte_swapped, fortran, strided, values

METHODS = ("direct", "fft", "separable", "auto")
SIZES = {1: ((37,), (5,)), 2: ((13, 18), (3, 4)), 3: ((7, 8, 9), (2, 3, 3))}


def within(got, x, weights, **options):
    """Got against the oracle on plain copies."""
    work = reference.work_dtype(x.dtype, weights.dtype)
    x, weights = (np.array(a).astype(work) for a in (x, weights))
    wide = np.result_type(work, np.float64)
    want = reference.convolve(x.astype(wide), weights.astype(wide), precise=False, **options)
    bound = reference.fft_bound(x, weights, work, **options)
    bound = np.maximum(bound, reference.direct_bound(x, weights, work, **options))
    reference.assert_within(got, want, 2 * bound + (reference.rounding(want, got.dtype) if got.dtype != work else 0))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8", "int32", "float16"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_x_and_weights(layout, dtype, method, rng):
    for (dim, (n, k)), boundary, mode in zip(SIZES.items(), ("wrap", "reflect", "zero"), MODES, strict=True):
        weights = reference.dense([rng.standard_normal(side) for side in k])
        x = layout(values(rng, n, dtype))
        kept = x.copy()
        options = {"mode": mode, "boundary": boundary}
        within(convkit.convolve(x, weights, method=method, **options), x, weights, **options)
        other = layout(weights)
        if other.strides == (0,) * dim or method != "separable":
            within(convkit.convolve(kept, other, method=method, **options), kept, other, **options)
        np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0), (0, 2, 1), (1, 0, 2)])
def test_axes_of_transposed_arrays(order, method, rng):
    x = rng.standard_normal((6, 7, 8)).astype(np.float32).transpose(order)
    weights = np.multiply.outer(rng.standard_normal(3), rng.standard_normal(4))
    for axes in ((0, 1), (1, 2), (2, 0), (-1, 1)):
        got = convkit.convolve(x, weights, axes=axes, boundary="edge", method=method)
        within(got, x, weights, axes=axes, boundary="edge")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", MODES)
def test_column_major_with_a_rule_per_axis(mode, method, rng):
    x = fortran(rng.standard_normal((9, 10, 11)))
    weights = reference.dense([rng.standard_normal(side) for side in (2, 4, 3)])
    options = {"mode": mode, "boundary": ("constant", "wrap", "mirror"), "fill_value": 1.5}
    within(convkit.convolve(x, weights, method=method, **options), x, weights, **options)
    options = {"mode": mode, "boundary": ("edge", "zero"), "axes": (2, 0)}
    weights = weights[:, :, 0]
    within(convkit.convolve(x, weights, method=method, **options), x, weights, **options)


def test_channels_last_and_first_agree(rng):
    image = rng.standard_normal((40, 50, 3)).astype(np.float32)
    weights = rng.standard_normal((5, 3))
    last = convkit.convolve(image, weights, axes=(0, 1), boundary="reflect")
    first = convkit.convolve(np.ascontiguousarray(image.transpose(2, 0, 1)), weights, axes=(1, 2), boundary="reflect")
    np.testing.assert_allclose(last, first.transpose(1, 2, 0), rtol=1e-5, atol=1e-5)


def test_a_memory_map_on_disk_is_only_read(tmp_path, rng):
    path = tmp_path / "volume.raw"
    x = rng.standard_normal((9, 10, 11)).astype("<f4")
    x.tofile(path)
    mapped = np.memmap(path, dtype="<f4", mode="r", shape=x.shape)
    weights = rng.standard_normal((3, 3, 3))
    got = convkit.convolve(mapped, weights)
    np.testing.assert_array_equal(got, convkit.convolve(x, weights))
    assert type(got) is np.ndarray


# --- out= ------------------------------------------------------------------------------------------------------------
def outs(shape, dtype):
    """Arrays to write into: contiguous, column-major, with gaps, backwards."""
    yield np.full(shape, -7, dtype)
    yield np.full(shape, -7, dtype, order="F")
    yield strided(np.full(shape, -7, dtype))
    yield np.flip(np.full(shape, -7, dtype))
    yield np.full((*shape, 2), -7, dtype)[..., 1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dim", SIZES)
def test_layouts_of_out(dim, method, rng):
    n, k = SIZES[dim]
    x, weights = values(rng, n, "float32"), reference.dense([rng.standard_normal(side) for side in k])
    for mode in MODES:
        want = convkit.convolve(x, weights, mode=mode, boundary="symmetric", method=method)
        for out in outs(want.shape, "float32"):
            base = out.base
            got = convkit.convolve(x, weights, mode=mode, boundary="symmetric", method=method, out=out)
            assert got is out
            assert out.base is base
            np.testing.assert_array_equal(out, want)


def test_gaps_of_out_are_left_alone(rng):
    big = np.full((20, 30), -7.0)
    convkit.convolve(rng.standard_normal((10, 15)), np.ones((3, 3)), out=big[::2, ::2])
    assert np.all(big[1::2] == -7)
    assert np.all(big[:, 1::2] == -7)
    assert not np.any(big[::2, ::2] == -7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dim", SIZES)
def test_out_may_be_x_itself(dim, boundary, method, rng):
    n, k = SIZES[dim]
    x, weights = values(rng, n, "float32"), reference.dense([rng.standard_normal(side) for side in k])
    want = convkit.convolve(x, weights, boundary=boundary, method=method)
    for turn in (lambda a: a, np.flip, np.transpose if len(set(n)) == 1 else np.flip):
        here = x.copy()
        got = convkit.convolve(here, weights, boundary=boundary, method=method, out=turn(here))
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(turn(here), want)


@settings(max_examples=150)
@given(SEEDS, st.integers(-4, 4), st.integers(-3, 3), st.sampled_from(("direct", "fft", "auto")),
       st.sampled_from(BOUNDARIES))  # fmt: skip
def test_out_may_overlap_x(seed, down, right, method, boundary):
    rng = np.random.default_rng(seed)
    field = rng.standard_normal((40, 33))
    x = field[5:35, 4:29]
    out = field[5 + down : 35 + down, 4 + right : 29 + right]
    weights = rng.standard_normal((3, 5))
    want = convkit.convolve(x.copy(), weights, boundary=boundary, method=method)
    convkit.convolve(x, weights, boundary=boundary, method=method, out=out)
    np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("n", [(300, 280), (70, 40, 50), (50_000,)])
def test_a_large_out_may_overlap_x(n, rng):
    x = rng.standard_normal((n[0] + 3, *n[1:])).astype(np.float32)
    weights = rng.standard_normal([3] * len(n)).astype(np.float32)
    for shift in (0, 2, 3):
        here = x.copy()
        want = convkit.convolve(here[: n[0]].copy(), weights, boundary="wrap", method="direct")
        got = convkit.convolve(
            here[: n[0]], weights, boundary="wrap", method="direct", out=here[shift : n[0] + shift], workers=2
        )
        np.testing.assert_array_equal(got, want)


def test_out_may_overlap_the_weights(rng):
    weights = rng.standard_normal(9)
    x = rng.standard_normal(9)
    want = convkit.convolve(x, weights.copy())
    np.testing.assert_array_equal(convkit.convolve(x, weights, out=weights), want)


def test_out_may_overlap_in_separable_passes(rng):
    x, taps = rng.standard_normal((20, 21)), [rng.standard_normal(3), rng.standard_normal(5)]
    want = convkit.convolve_separable(x, taps, boundary="wrap")
    here = x.copy()
    np.testing.assert_array_equal(convkit.convolve_separable(here, taps, boundary="wrap", out=here), want)


def test_out_of_the_other_modes(rng):
    x, weights = rng.standard_normal((6, 7)), rng.standard_normal((3, 2))
    for mode, shape in (("full", (8, 8)), ("valid", (4, 6))):
        out = np.zeros(shape)
        assert convkit.correlate(x, weights, mode=mode, out=out) is out
        np.testing.assert_array_equal(out, convkit.correlate(x, weights, mode=mode))


# --- masked arrays ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_masked_arrays_use_their_mask(mode, rng):
    data = rng.standard_normal((8, 9))
    invalid = rng.random((8, 9)) < 0.3
    data[invalid] = np.nan
    x = np.ma.array(data, mask=invalid)
    weights = rng.random((3, 3))
    got = convkit.convolve(x, weights, mode=mode, boundary="edge")
    want = convkit.convolve(data, weights, mode=mode, boundary="edge", mask=~invalid)
    np.testing.assert_array_equal(np.ma.filled(got, np.nan), want)
    assert np.isfinite(want).any()


def test_a_masked_array_without_a_mask_is_plain(rng):
    data, weights = rng.standard_normal((8, 9)), np.array([[1.0, 0, -1]])
    got = convkit.convolve(np.ma.array(data), weights)
    np.testing.assert_array_equal(np.asarray(got), convkit.convolve(data, weights))


def test_the_masks_of_both_count(rng):
    data = rng.standard_normal(12)
    first, second = np.arange(12) == 3, np.arange(12) == 7
    got = convkit.convolve(np.ma.array(data, mask=first), np.ones(3), mask=~second)
    want = convkit.convolve(data, np.ones(3), mask=~(first | second))
    np.testing.assert_array_equal(np.ma.filled(got, np.nan), want)


def test_weights_of_any_layout(rng):
    x = rng.standard_normal((9, 9))
    weights = rng.standard_normal((4, 3))
    want = convkit.convolve(x, weights, method="direct")
    for layout in (byte_swapped, strided, fortran):
        np.testing.assert_array_equal(convkit.convolve(x, layout(weights), method="direct"), want)
