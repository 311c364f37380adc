"""pad against numpy.pad and the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import ALIASES, DTYPES, LAYOUTS, SEEDS, boundaries, values

PICTURES = {
    "zero": [0, 0, 1, 2, 3, 4, 0, 0],
    "edge": [1, 1, 1, 2, 3, 4, 4, 4],
    "reflect": [3, 2, 1, 2, 3, 4, 3, 2],
    "symmetric": [2, 1, 1, 2, 3, 4, 4, 3],
    "wrap": [3, 4, 1, 2, 3, 4, 1, 2],
}


@pytest.mark.parametrize("word", ALIASES)
def test_the_table_of_pictures(word):
    got = convkit.pad([1, 2, 3, 4], 2, boundary=word)
    np.testing.assert_array_equal(got, PICTURES[reference.CANONICAL[word]])
    assert got.dtype == np.array([1]).dtype


@settings(max_examples=300)
@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)), st.sampled_from(DTYPES))
def test_numpy_pad(data, seed, dim, dtype):
    rng = np.random.default_rng(seed)
    n = [data.draw(st.integers(1, 6)) for _ in range(dim)]
    halo = [(data.draw(st.integers(0, 14)), data.draw(st.integers(0, 5))) for _ in range(dim)]
    word = data.draw(st.sampled_from(ALIASES))
    x = values(rng, n, dtype)
    got = convkit.pad(x, halo, boundary=word)
    assert got.dtype == x.dtype
    mode = reference.CANONICAL[word].replace("zero", "constant")
    np.testing.assert_array_equal(got, np.pad(x, halo, mode=mode))


@settings(max_examples=200)
@given(st.data(), SEEDS, st.sampled_from((1, 2, 3)))
def test_a_rule_per_axis_and_a_fill_value(data, seed, dim):
    rng = np.random.default_rng(seed)
    n = [data.draw(st.integers(1, 5)) for _ in range(dim)]
    halo = [(data.draw(st.integers(0, 6)), data.draw(st.integers(0, 6))) for _ in range(dim)]
    options = data.draw(boundaries(dim))
    x = values(rng, n, "float32")
    want = reference.extend(x, halo, **options)
    np.testing.assert_array_equal(convkit.pad(x, halo, **options), want)


def test_the_three_ways_to_write_a_halo(rng):
    x = rng.standard_normal((3, 4))
    np.testing.assert_array_equal(convkit.pad(x, 2), np.pad(x, 2))
    np.testing.assert_array_equal(convkit.pad(x, (1, 3)), np.pad(x, (1, 3)))
    np.testing.assert_array_equal(convkit.pad(x, [(1, 3), (0, 2)]), np.pad(x, [(1, 3), (0, 2)]))
    np.testing.assert_array_equal(convkit.pad(x, np.int64(1)), np.pad(x, 1))


def test_no_halo_gives_a_copy(rng):
    x = rng.standard_normal((3, 4))
    got = convkit.pad(x, 0, boundary="wrap")
    np.testing.assert_array_equal(got, x)
    assert not np.shares_memory(got, x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, rng):
    x = layout(rng.standard_normal((4, 5)))
    got = convkit.pad(x, (2, 3), boundary="reflect")
    np.testing.assert_array_equal(got, np.pad(np.array(x), (2, 3), mode="reflect"))


@given(SEEDS, st.integers(1, 6), st.integers(1, 4), st.sampled_from(sorted(PICTURES)))
def test_convolving_the_padded_is_convolving_with_the_boundary(seed, n, k, word):
    rng = np.random.default_rng(seed)
    x, weights = rng.standard_normal((n, n + 1)), rng.standard_normal((k, k + 1))
    padded = convkit.pad(x, [(k - 1, k - 1), (k, k)], boundary=word)
    got = convkit.convolve(padded, weights, mode="valid", method="direct")
    np.testing.assert_allclose(got, convkit.convolve(x, weights, mode="full", boundary=word), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: convkit.pad(np.ones(3), -1), ("halo", "-1")),
        (lambda: convkit.pad(np.ones(3), (1, -2)), ("halo", "-2")),
        (lambda: convkit.pad(np.ones(3), 1.5), ("halo", "1.5")),
        (lambda: convkit.pad(np.ones((3, 3)), (1, 2, 3)), ("halo", "(1, 2, 3)")),
        (lambda: convkit.pad(np.ones((3, 3)), [(1, 1)] * 3), ("halo", "3", "2")),
        (lambda: convkit.pad(np.ones(3), "1"), ("halo", "'1'")),
        (lambda: convkit.pad(np.ones(0), 1), ("x", "(0,)")),
        (lambda: convkit.pad(np.ones(3), 1, boundary="mirrored"), ("boundary", "'mirrored'", "reflect", "symmetric")),
        (lambda: convkit.pad(np.ones(3), 1, boundary=("wrap", "wrap")), ("boundary", "2", "1")),
        (lambda: convkit.pad(np.ones(3), 1, fill_value=2.0), ("fill_value", "2.0", "constant")),
        (lambda: convkit.pad(np.ones(3), 1, boundary="wrap", fill_value=2.0), ("fill_value", "2.0", "constant")),
    ],
)  # fmt: skip
def test_refusals(call, words):
    with pytest.raises((ValueError, TypeError)) as refusal:
        call()
    for word in words:
        assert word in str(refusal.value), f"{word!r} is not in: {refusal.value}"
