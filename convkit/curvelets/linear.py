"""The transform as a linear operator on vectors."""

from __future__ import annotations

import math
from typing import Any

from convkit._core.typing import Array
from convkit.curvelets.plan import Plan


def linear_operator(plan: Plan) -> Any:
    """`scipy.sparse.linalg.LinearOperator` of a plan; see `Curvelets.as_linear_operator`."""
    from scipy.sparse.linalg import LinearOperator

    last = plan._last()
    count = math.prod(plan.shape)

    def forward(columns: Array) -> Array:
        """Coefficients of samples, column by column."""
        coefficients: Array = last.forward(columns.T.reshape(-1, *plan.shape)).ravel()
        return coefficients.T

    def adjoint(columns: Array) -> Array:
        return last.inverse(last.unravel(columns.T)).reshape(-1, count).T

    return LinearOperator((plan.size, count), dtype=plan.work_dtype, matmat=forward, rmatmat=adjoint,
                          matvec=lambda v: forward(v.reshape(-1, 1))[:, 0], rmatvec=lambda v: adjoint(v.reshape(-1, 1))[:, 0])
