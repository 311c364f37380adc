"""separate: the sum of the terms is the weights, and the error the true one; ranks in 1-D and 2-D."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convkit.separable import SeparableWeights, separate


def outer(*taps):
    """Outer product by a loop over the entries."""
    out = np.empty(tuple(len(t) for t in taps), dtype=np.result_type(*(np.asarray(t) for t in taps)))
    for index in np.ndindex(out.shape):
        out[index] = math.prod(t[i] for t, i in zip(taps, index, strict=True))
    return out


def summed(found):
    return sum(outer(*term) for term in found.terms)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(a)


def check(w, found, rtol=1e-6):
    """What holds for every decomposition."""
    w = np.asarray(w)
    assert isinstance(found, SeparableWeights)
    assert found.shape == w.shape
    assert found.rank == len(found.terms) >= 1
    for term in found.terms:
        assert tuple(t.shape for t in term) == tuple((k,) for k in w.shape)
        assert {t.dtype for t in term} == {np.dtype(complex if np.iscomplexobj(w) else float)}
        assert not any(t.flags.writeable for t in term)
    np.testing.assert_allclose(found.to_dense(), summed(found), rtol=0, atol=1e-13 * np.abs(w).max())
    assert found.error == pytest.approx(relative(w, summed(found)), rel=1e-6, abs=1e-14)
    if rtol is not None:
        assert found.error <= max(rtol, 2e-14)


def distances(k):
    x = np.arange(k) - (k - 1) / 2
    return np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)


def gaussian(k, sigma, order=0):
    x = np.arange(k) - (k - 1) / 2
    return np.exp(-((x / sigma) ** 2) / 2) * (1, -x / sigma**2, x**2 / sigma**4 - 1 / sigma**2)[order]


def random_terms(rank, shape, seed=0, complex_=False):
    rng = np.random.default_rng(seed)
    draw = (lambda k: rng.standard_normal(k) + 1j * rng.standard_normal(k)) if complex_ else rng.standard_normal
    return sum(outer(*(draw(k) for k in shape)) for _ in range(rank))


# One axis, and axes of length 1


@pytest.mark.parametrize("shape", [(5,), (1,), (1, 5), (5, 1), (1, 1), (1, 4, 1), (4, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize("dtype", [float, complex])
def test_one_long_axis_is_one_exact_term(shape, dtype):
    w = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    if dtype is complex:
        w = w * (2 - 1j)
    found = separate(w)
    check(w, found)
    assert found.rank == 1
    assert found.error == 0
    np.testing.assert_array_equal(found.to_dense(), w)


@pytest.mark.parametrize("shape", [(5, 1, 3), (1, 4, 4), (3, 5, 1)])
def test_a_volume_with_a_short_axis_is_a_matrix(shape):
    w = np.random.default_rng(1).standard_normal(shape)
    flat = separate(w.squeeze())
    found = separate(w)
    check(w, found)
    assert found.rank == flat.rank == min(k for k in shape if k > 1)
    for term, flat_term in zip(found.terms, flat.terms, strict=True):
        np.testing.assert_array_equal(term[shape.index(1)], [1.0])
        kept = [t for t, k in zip(term, shape, strict=True) if k > 1]
        for a, b in zip(kept, flat_term, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(4,), (3, 3), (1, 3), (2, 3, 4)])
def test_weights_that_vanish_are_one_term_of_zeros(shape):
    found = separate(np.zeros(shape))
    assert found.rank == 1
    assert found.error == 0
    assert found.term_norm_ratio == 1
    assert not found.to_dense().any()
    assert found.to_dense().shape == shape
    assert not any(t.any() for t in found.terms[0])


# Rank 1, exact


@pytest.mark.parametrize(
    "taps",
    [
        ([1, 2, 1], [1, 0, -1]),
        ([6, 0, -9], [4, -2]),
        ([0, 0, -7], [0, 3, 0, 5]),
        ([1, 2, 1], [1, 2, 1], [1, 0, -1]),
        ([0, -5], [3, 6, 9, 12], [2, 0, 4]),
        ([1, 4, 6, 4, 1], [-1, -2, 0, 2, 1], [10**6, 10**5 + 1]),
    ],
)
@pytest.mark.parametrize("dtype", [int, float])
def test_integers_of_rank_one_have_integer_terms(taps, dtype):
    w = outer(*(np.array(t, dtype=dtype) for t in taps))
    found = separate(w)
    assert found.rank == 1
    assert found.error == 0
    for t in found.terms[0]:
        np.testing.assert_array_equal(t, np.rint(t))
    np.testing.assert_array_equal(summed(found), w)
    np.testing.assert_array_equal(found.to_dense(), w)
    # A second pass over integers stays below sum|w| max|x|: the terms are no larger than the weights.
    assert math.prod(int(np.abs(t).sum()) for t in found.terms[0]) == np.abs(w).sum()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(-40, 40), min_size=1, max_size=6), min_size=1, max_size=3))
def test_integers_of_rank_one_drawn(taps):
    w = outer(*(np.array(t) for t in taps))
    found = separate(w)
    assert found.rank == 1
    assert found.error == 0
    np.testing.assert_array_equal(summed(found), w)
    for t in found.terms[0]:
        np.testing.assert_array_equal(t, np.rint(t))


def test_sobel_as_it_is_written():
    (term,) = separate([[1, 0, -1], [2, 0, -2], [1, 0, -1]]).terms
    np.testing.assert_array_equal(term[0], [1, 2, 1])
    np.testing.assert_array_equal(term[1], [1, 0, -1])


@pytest.mark.parametrize(
    "w",
    [
        outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]),
        outer([-0.25, 0.5, -0.25], [0.25, 0.5, 0.25], [1, 2, 3]),
        np.ones((3, 3)) / 9,
        np.full((3, 5, 7), 1 / 105),
    ],
)
def test_fractions_with_short_mantissas_are_exact(w):
    found = separate(w)
    assert found.rank == 1
    assert found.error == 0
    np.testing.assert_array_equal(found.to_dense(), w)
    sizes = [np.linalg.norm(t) for t in found.terms[0]]
    assert max(sizes) < 4 * min(sizes)


def test_integers_that_are_nearly_of_rank_one_are_not_rounded_to_it():
    w = outer([1, 2, 1], [1000, 3000, 1000])
    w[1, 1] += 1
    found = separate(w)
    check(w, found)
    assert found.rank == 2


def test_products_that_would_overflow_are_not_mistaken():
    w = np.array([[1, 2**50 + 1], [2**50 - 1, 2**52]])
    check(w, separate(w))
    w = np.full((2, 2, 2), 2**40) + np.arange(8).reshape(2, 2, 2)
    check(w, separate(w))


# Two axes


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(float, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from([0.0, 1e-12, 1e-6, 1e-2, 0.5]),
)
def test_matrix_has_the_smallest_rank_for_its_error(w, rtol):
    found = separate(w, rtol=rtol)
    if not w.any():
        assert found.error == 0
        return
    check(w, found, rtol)
    singular = np.linalg.svd(w, compute_uv=False)
    if found.rank > 1:
        # Eckart and Young: fewer terms leave at least this much.
        assert np.linalg.norm(singular[found.rank - 1 :]) / np.linalg.norm(singular) > rtol


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
@pytest.mark.parametrize("complex_", [False, True])
def test_matrix_of_known_rank(rank, complex_):
    w = random_terms(rank, (7, 5), complex_=complex_)
    found = separate(w)
    check(w, found, 1e-13)
    assert found.rank == rank


def test_max_rank_gives_the_best_matrix_of_that_rank():
    w = (distances(9)[4] <= 4).astype(float)
    singular = np.linalg.svd(w, compute_uv=False)
    errors = []
    for most in (1, 2, 3):
        found = separate(w, max_rank=most)
        check(w, found, rtol=None)
        assert found.rank == most
        assert found.error == pytest.approx(np.linalg.norm(singular[most:]) / np.linalg.norm(singular))
        errors.append(found.error)
    assert errors[0] > errors[1] > errors[2] > 1e-6


def test_rtol_chooses_the_rank():
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((6, 3)))[0] for _ in range(2))
    w = (u * [1, 1e-3, 1e-7]) @ v.T
    assert [separate(w, rtol=rtol).rank for rtol in (1e-1, 1e-5, 1e-9, 0.0)] == [1, 2, 3, 3]


def test_gaussian_is_of_rank_one_though_rounded():
    w = outer(gaussian(11, 1.7), gaussian(9, 1.3))
    assert separate(w, rtol=1e-13).rank == 1
    assert separate(w.astype(np.float32)).rank == 1
    assert separate(w.astype(np.float32), rtol=1e-12).rank > 1


# Form of the terms


@pytest.mark.parametrize("w", [random_terms(3, (6, 5)), random_terms(3, (5, 4, 6)), random_terms(2, (5, 5), 0, True)])
def test_terms_are_balanced_ordered_and_signed(w):
    found = separate(w)
    sizes = np.array([[np.linalg.norm(t) for t in term] for term in found.terms])
    np.testing.assert_allclose(sizes, sizes[:, :1].repeat(w.ndim, axis=1), rtol=1e-10)
    assert (np.diff(sizes.prod(axis=1)) <= 1e-12).all()
    for term in found.terms:
        for t in term[1:]:
            peak = t[np.argmax(np.abs(t))]
            assert abs(peak.imag) < 1e-12 * abs(peak)
            assert peak.real > 0


@pytest.mark.parametrize("w", [random_terms(2, (4, 5)), random_terms(2, (4, 5, 3)), np.exp(-distances(5))])
def test_same_weights_same_terms(w):
    first, second = separate(w), separate(w.copy())
    for a, b in zip(first.terms, second.terms, strict=True):
        for t, u in zip(a, b, strict=True):
            np.testing.assert_array_equal(t, u)


@pytest.mark.parametrize(("shape", "scale"), [((4, 5), 1e-300), ((4, 5), 1e300), ((3, 4, 5), 1e-300), ((3, 4, 5), 1e300)])
def test_scale_does_not_matter(shape, scale):
    w = random_terms(2, shape)
    found, scaled = separate(w), separate(w * scale)
    assert scaled.rank == found.rank == 2
    assert scaled.error < 1e-13
    np.testing.assert_allclose(scaled.to_dense() / scale, w, rtol=0, atol=1e-12)
    for t in scaled.terms[0]:
        assert 1e-160 < np.abs(t).max() < 1e160


def test_term_norm_ratio():
    a, b = np.array([1.0, 1.0]), np.array([1.0, -1.0])
    assert separate(np.outer(a, b)).term_norm_ratio == pytest.approx(1)
    w = np.diag([3.0, 4.0])
    assert separate(w).term_norm_ratio == pytest.approx(7 / 5)
    made = SeparableWeights(((a, a), (a, -a / 2)), 2, 0.0, (2, 2))
    assert made.term_norm_ratio == pytest.approx(3)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", ">f8", "complex64"])
def test_dtypes_read_only_and_strided(dtype):
    w = np.zeros((6, 8), dtype=dtype)[::2, ::-2]
    w[...] = [[1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 0]]
    w.setflags(write=False)
    found = separate(w)
    check(w.astype(complex if np.iscomplexobj(w) else float), found)
    assert found.rank == np.linalg.matrix_rank(w.astype(complex))


def test_lists_are_accepted():
    assert separate([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).rank == 2
    assert separate([1, 2, 3]).rank == 1


def test_frozen():
    found = separate([1.0, 2.0])
    with pytest.raises(AttributeError):
        found.rank = 2
    with pytest.raises(ValueError, match="read-only"):
        found.terms[0][0][0] = 1


@pytest.mark.parametrize(
    ("weights", "options", "error", "words"),
    [
        ([], {}, ValueError, ["weights", "(0,)", "at least one"]),
        (np.ones((3, 0)), {}, ValueError, ["weights", "(3, 0)"]),
        (2.0, {}, ValueError, ["weights", "2.0", "at least one axis"]),
        (np.ones((1, 1, 1, 1)), {}, ValueError, ["weights", "4 axes", "1, 2 or 3"]),
        ([[1.0, np.nan]], {}, ValueError, ["weights[0, 1]", "nan", "finite"]),
        ([1.0, -np.inf], {}, ValueError, ["weights[1]", "-inf", "finite"]),
        (np.array([1j * np.inf]), {}, ValueError, ["weights[0]", "finite"]),
        (["a", "b"], {}, TypeError, ["weights", "<U1"]),
        (np.array([None, 1]), {}, TypeError, ["weights", "object"]),
        (np.ones(3, dtype="M8[s]"), {}, TypeError, ["weights", "datetime64"]),
        ([1.0], {"rtol": -1e-3}, ValueError, ["rtol", "-0.001", "at least 0"]),
        ([1.0], {"rtol": math.inf}, ValueError, ["rtol", "inf", "finite"]),
        ([1.0], {"rtol": math.nan}, ValueError, ["rtol", "nan", "finite"]),
        ([1.0], {"rtol": "small"}, TypeError, ["rtol", "small"]),
        ([1.0], {"rtol": 1j}, TypeError, ["rtol", "1j"]),
        ([1.0], {"max_rank": 0}, ValueError, ["max_rank", "0", "at least 1"]),
        ([1.0], {"max_rank": 1.5}, TypeError, ["max_rank", "1.5", "integer"]),
    ],
)
def test_refusals(weights, options, error, words):
    with pytest.raises(error) as caught:
        separate(weights, **options)
    for word in words:
        assert word in str(caught.value)
