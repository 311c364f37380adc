"""How exact a transform is, measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convkit._core.typing import Array
from convkit.curvelets import geometry
from convkit.curvelets.plan import Plan


class Check(NamedTuple):
    """What `Curvelets.check` found; all of them are 0 but for rounding.

    Attributes
    ----------
    partition : float
        Largest deviation from 1 of the sum of all squared windows.
    round_trip : float
        Norm of what the inverse of the transform misses of random samples, relative to theirs.
    energy : float
        Deviation from 1 of the energy of the coefficients relative to that of the samples.
    adjoint : float
        Difference of <Cx, d> and <x, C'd> for random x and d, relative to the norms.
    """

    partition: float
    round_trip: float
    energy: float
    adjoint: float


def check(plan: Plan) -> Check:
    """Measure how exact the transform of a plan is, on random samples."""
    rng = np.random.default_rng(0)

    def draw(*lengths: int) -> Array:
        values = rng.standard_normal(lengths)
        return (values if plan.real else values + 1j * rng.standard_normal(lengths)).astype(plan.work_dtype)

    plan = plan._last()
    x, d = draw(*plan.shape), draw(plan.size)
    c = plan.forward(x)
    there, back = complex(np.vdot(d, c.ravel())), complex(np.vdot(plan.inverse(plan.unravel(d)), x))
    norms = _norm(x), _norm(d)
    missed, held = _norm(plan.inverse(c) - x), _norm(c.ravel())
    return Check(float(np.abs(_partition(plan) - 1.0).max()), missed / norms[0], abs(held * held / norms[0] ** 2 - 1),
                 abs(there - back) / (norms[0] * norms[1]))


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array))


def _partition(plan: Plan) -> Array:
    """Sum of all squared windows; in a real plan those of the wedges that it does not hold are opposite to the others."""
    total, wedges = np.zeros(plan._tables.shape), np.zeros(plan._tables.shape)
    for n, band in enumerate(plan._tables.bands):
        part = wedges if plan.real and not band.real else total
        part += geometry.window(plan._tables, n) ** 2
    return total + wedges + geometry.opposite(wedges)
