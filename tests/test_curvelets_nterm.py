"""Approximation by the n largest curvelets: its definition, the best fit on their places, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from convkit.curvelets import Curvelets
from convkit.curvelets.approximation import curvelet_nterm

rows, columns = np.mgrid[:40, :57]
CARTOON = 100.0 * (np.hypot(rows - 20, columns - 30) < 14 + 3 * np.cos(3 * np.arctan2(rows - 20, columns - 30)))


def error(y, x=CARTOON):
    return np.linalg.norm(y - x)


def test_it_keeps_the_largest():
    plan = Curvelets(CARTOON.shape)
    c = plan.forward(CARTOON)
    moduli = np.sort(np.concatenate([np.abs(c[key]).ravel() for key in c]))[::-1]
    expected = plan.inverse(c.map(lambda a: np.where(np.abs(a) >= moduli[299], a, 0)))
    np.testing.assert_allclose(curvelet_nterm(CARTOON, 300), expected, atol=1e-10)
    np.testing.assert_allclose(curvelet_nterm(CARTOON, plan.count), CARTOON, atol=1e-11)
    assert not curvelet_nterm(CARTOON, 0, refine=3).any()


@pytest.mark.parametrize("refine", [0, 4])
def test_the_error_falls_as_terms_are_added(refine):
    errors = [error(curvelet_nterm(CARTOON, n, refine=refine)) for n in (0, 20, 80, 320, 1280, 5120)]
    assert all(b < 0.9 * a for a, b in itertools.pairwise(errors))


def test_the_error_falls_with_every_step():
    for x in (CARTOON, CARTOON + 1j * CARTOON[::-1], CARTOON[:, None, :20].repeat(17, axis=1)):
        errors = [error(curvelet_nterm(x, 250, refine=steps), x) for steps in (*range(6), 12)]
        assert all(b < a for a, b in itertools.pairwise(errors))
        assert errors[-1] < 0.92 * errors[0]


def test_many_steps_are_the_least_squares_fit(rng):
    for x in (CARTOON[:20, :18], CARTOON[:20, :18] + 1j * rng.standard_normal((20, 18))):
        plan = Curvelets(x.shape, real=x.dtype.kind != "c")
        kept = plan.forward(x)._largest(40)
        places = plan.unravel(np.ones(plan.size, plan.work_dtype))._only(kept).ravel()
        # One column for each number that is free: real and imaginary parts apart in a real plan.
        unit = plan.as_linear_operator().H
        numbers = np.flatnonzero(places) if plan.real else np.flatnonzero(kept)
        atoms = np.stack([unit.matvec(np.eye(1, plan.size, i)[0].astype(plan.work_dtype)) for i in numbers], axis=1)
        weights, *_ = np.linalg.lstsq(atoms, x.ravel(), rcond=None)
        best = (atoms @ weights).reshape(x.shape)
        np.testing.assert_allclose(curvelet_nterm(x, 40, refine=200), best, atol=1e-4 * np.abs(x).max())
        assert error(curvelet_nterm(x, 40, refine=200), x) <= error(best, x) * (1 + 1e-7)


def test_it_stops_at_the_best_fit():
    plan = Curvelets((32, 32))
    x = plan.atom(1, 3)
    y = curvelet_nterm(x, plan.count, refine=50)
    np.testing.assert_allclose(y, x, atol=1e-14)
    assert not curvelet_nterm(np.zeros((32, 32)), 10, refine=5).any()


def test_dtypes():
    best = error(curvelet_nterm(CARTOON, 400, refine=3))
    for dtype, result in (("u1", "f4"), ("i4", "f8"), ("f4", "f4"), ("f8", "f8"), ("c8", "c8"), ("c16", "c16")):
        y = curvelet_nterm(CARTOON.astype(dtype), 400, refine=3)
        assert y.dtype == np.dtype(result)
        # Of coefficients that are all but equal, rounding errors choose.
        assert error(y) == pytest.approx(best, rel=0.01) or dtype[0] == "c"
    given = np.asfortranarray(CARTOON)
    given.flags.writeable = False
    np.testing.assert_array_equal(curvelet_nterm(given, 400), curvelet_nterm(CARTOON, 400))


@pytest.mark.parametrize(("n", "refine", "error", "words"), [
    (-1, 0, ValueError, "n=-1"),
    (10**9, 0, ValueError, "n=1000000000.*coefficients"),
    (2.5, 0, TypeError, "n=2.5"),
    (10, -1, ValueError, "refine=-1"),
    (10, 1.5, TypeError, "refine=1.5"),
])
def test_numbers_are_refused(n, refine, error, words):
    with pytest.raises(error, match=words):
        curvelet_nterm(CARTOON, n, refine=refine)


def test_samples_are_refused():
    with pytest.raises(ValueError, match="side of 15"):
        curvelet_nterm(np.ones((15, 20)), 10)
    with pytest.raises(ValueError, match="axes"):
        curvelet_nterm(np.ones(100), 10)
    with pytest.raises(TypeError, match="x=None"):
        curvelet_nterm(None, 10)
