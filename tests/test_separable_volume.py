"""separate in 3-D: known ranks are found, degenerate solutions are not, and what is not found is still exact."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convkit.separable import separate
from convkit.separable.volume import _solved
from tests.test_separable import check, distances, gaussian, outer, random_terms


def log_3d(k, sigma):
    g, second = gaussian(k, sigma), gaussian(k, sigma, 2)
    return outer(second, g, g) + outer(g, second, g) + outer(g, g, second)


DELTA, SECOND = [0.0, 1.0, 0.0], [1.0, -2.0, 1.0]
LAPLACIAN_3D = outer(SECOND, DELTA, DELTA) + outer(DELTA, SECOND, DELTA) + outer(DELTA, DELTA, SECOND)
DENSE_LAPLACIAN_3D = np.ones((3, 3, 3)) - 27 * outer(DELTA, DELTA, DELTA)

KNOWN = {
    "gaussian": (outer(gaussian(9, 1.5), gaussian(7, 1.2), gaussian(11, 2.0)), 1),
    "sobel": (outer([1, 2, 1], [1, 2, 1], [1, 0, -1]), 1),
    "laplacian, 27 points": (DENSE_LAPLACIAN_3D, 2),
    # Rank 3 and border rank 2: two terms that grow without end come as close as one likes.
    "laplacian, 7 points": (LAPLACIAN_3D, 3),
    "laplacian of gaussian 7": (log_3d(7, 1.0), 3),
    "laplacian of gaussian 13": (log_3d(13, 1.8), 3),
    "2 of 3x3x3": (random_terms(2, (3, 3, 3)), 2),
    "2 of 5x5x5": (random_terms(2, (5, 5, 5)), 2),
    "3 of 3x3x3": (random_terms(3, (3, 3, 3)), 3),
    "3 of 3x5x7": (random_terms(3, (3, 5, 7)), 3),
    "3 of 9x9x9": (random_terms(3, (9, 9, 9)), 3),
    "3 of 5x5x2": (random_terms(3, (5, 5, 2)), 3),
    "4 of 3x3x3": (random_terms(4, (3, 3, 3)), 4),
    "4 of 5x5x5": (random_terms(4, (5, 5, 5)), 4),
    "4 of 7x2x4": (random_terms(4, (7, 2, 4)), 4),
    "4 of 15x15x15": (random_terms(4, (15, 15, 15)), 4),
    "3 complex of 5x5x5": (random_terms(3, (5, 5, 5), complex_=True), 3),
    "4 complex of 4x3x4": (random_terms(4, (4, 3, 4), complex_=True), 4),
    # Multilinear rank (2, 2, 1): a matrix along the third axis.
    "disk times gaussian": (random_terms(2, (5, 5))[:, :, None] * gaussian(7, 1.5), 2),
    # Real rank 3 though its multilinear rank is 2: multiplication of complex numbers.
    "complex multiplication": (
        np.real(outer([1, 1j], [1, 1j], [1, 2 - 1j])),
        3,
    ),
}


@pytest.mark.parametrize(("w", "rank"), KNOWN.values(), ids=KNOWN.keys())
def test_volume_of_known_rank(w, rank):
    found = separate(w)
    check(w, found)
    assert found.rank == rank
    assert found.term_norm_ratio <= 10


@pytest.mark.parametrize("name", ["laplacian, 7 points", "laplacian of gaussian 7", "3 of 3x5x7", "4 of 5x5x5"])
def test_exact_decompositions_are_polished_to_rounding(name):
    assert separate(KNOWN[name][0], rtol=1e-13).error < 1e-14


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(2, 6)] * 3), st.integers(1, 3), st.integers(0, 2**32 - 1), st.booleans())
def test_random_sums_of_few_terms(shape, rank, seed, complex_):
    w = random_terms(rank, shape, seed, complex_)
    found = separate(w)
    check(w, found)
    assert found.rank >= max(
        np.linalg.matrix_rank(np.moveaxis(w, axis, 0).reshape(shape[axis], -1), rtol=1e-5) for axis in range(3)
    )
    # Two terms that nearly cancel may break the bound of 10; where these do not, they are an answer.
    if min(shape) >= max(rank, 3) and found.rank > rank:
        assert separate(w, max_rank=rank).error > 1e-6
    if rank == 1:
        assert found.rank == 1


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.int8, st.tuples(*[st.integers(1, 3)] * 3), elements=st.integers(-3, 3)))
def test_any_small_volume_is_decomposed(w):
    found = separate(w)
    if not w.any():
        assert found.error == 0
        return
    check(w.astype(float), found)
    assert found.rank <= math.prod(sorted(w.shape)[:2])


@pytest.mark.parametrize("shape", [(5, 5, 5), (2, 7, 4)])
def test_full_rank_falls_back_to_slices(shape):
    w = np.random.default_rng(3).standard_normal(shape)
    found = separate(w)
    check(w, found, 1e-13)
    assert found.rank <= math.prod(sorted(shape)[:2])


def test_slices_that_repeat_are_taken_once():
    # Each plane z and -z of a ball is the same disk.
    w = (distances(7) <= 3.3).astype(float)
    found = separate(w)
    check(w, found)
    ranks = [np.linalg.matrix_rank(plane) for plane in w]
    assert found.rank <= sum(ranks[:4]) < sum(ranks)


def test_shells_take_fewer_terms_than_slices():
    w = np.exp(-((distances(7) - 2) ** 2))
    found = separate(w)
    check(w, found)
    half_slices = w[:4]
    by_slices = sum(np.linalg.matrix_rank(plane, rtol=1e-6) for plane in half_slices)
    assert found.rank < by_slices
    assert found.rank * 21 < w.size


def test_degenerate_solutions_are_refused():
    # Two terms reach 1e-6 with norms of 1e3 times that of the weights; with at most 10 times they do not.
    found = separate(LAPLACIAN_3D, max_rank=2)
    check(LAPLACIAN_3D, found, rtol=None)
    assert found.rank == 2
    assert found.term_norm_ratio <= 10 + 1e-9
    assert 1e-4 < found.error < 0.3


@pytest.mark.parametrize("w", [(distances(7) <= 3.5).astype(float), np.exp(-distances(5)), random_terms(4, (5, 4, 6))])
def test_max_rank_of_a_volume(w):
    errors = []
    for most in (1, 2, 3):
        found = separate(w, max_rank=most)
        check(w, found, rtol=None)
        assert found.rank <= most
        assert found.term_norm_ratio <= 10 + 1e-9
        errors.append(found.error)
    assert 1 > errors[0] > errors[1] > errors[2] > 1e-6


def test_max_rank_beats_the_truncated_slices():
    w = np.exp(-distances(7))
    singular = np.sort(np.linalg.svd(w, compute_uv=False).ravel())
    assert separate(w, max_rank=3).error < np.linalg.norm(singular[:-3]) / np.linalg.norm(singular)


def test_best_term_of_a_volume_is_stationary():
    # Each factor of the best single term is the weights contracted with the two others.
    w = np.random.default_rng(5).standard_normal((4, 5, 6))
    (term,) = separate(w, max_rank=1).terms
    unit = [t / np.linalg.norm(t) for t in term]
    for axis, spec in enumerate(("ijk,j,k->i", "ijk,i,k->j", "ijk,i,j->k")):
        contracted = np.einsum(spec, w, *(u for d, u in enumerate(unit) if d != axis))
        np.testing.assert_allclose(contracted / np.linalg.norm(contracted), unit[axis], atol=1e-3)


@pytest.mark.parametrize("size", [1, 120, 121, 144, 150, 200])
@pytest.mark.parametrize("complex_", [False, True])
def test_systems_are_solved_in_tiles(size, complex_):
    rng = np.random.default_rng(size)
    a = rng.standard_normal((size, size)) + (1j * rng.standard_normal((size, size)) if complex_ else 0)
    a = a @ a.conj().T + size * np.eye(size)
    solution = rng.standard_normal(size) + (1j if complex_ else 0)
    np.testing.assert_allclose(_solved(a, a @ solution), solution, rtol=1e-9)


def test_an_indefinite_system_is_refused():
    for size in (3, 150):
        with pytest.raises(np.linalg.LinAlgError):
            _solved(-np.eye(size), np.ones(size))


def test_flips_and_transposes_of_symmetric_weights():
    for term in separate(log_3d(7, 1.1)).terms:
        for t in term:
            np.testing.assert_allclose(t, t[::-1], atol=1e-12)
    w = outer(gaussian(7, 1.0, 1), gaussian(7, 1.0)) + outer(gaussian(7, 2.0, 1), gaussian(7, 2.0))
    for term in separate(w).terms:
        np.testing.assert_allclose(term[0], -term[0][::-1], atol=1e-12)
        np.testing.assert_allclose(term[1], term[1][::-1], atol=1e-12)


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_order_of_the_axes_does_not_matter(axes):
    w = random_terms(3, (3, 4, 5))
    assert separate(np.transpose(w, axes)).rank == 3
    w = log_3d(5, 0.8) * 1.0
    assert separate(np.transpose(w, axes)).rank == 3
