"""Sums of separable terms, held as one (k, rank) matrix per axis: a term is one column of each."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from convkit._core.typing import Array

Factors: TypeAlias = list[Array]


def pairs(a: Array, b: Array) -> Array:
    """Products of the columns of a (m, rank) and b (n, rank), shape (m * n, rank)."""
    products: Array = (a[:, None] * b[None]).reshape(-1, a.shape[1])
    return products


def dense(factors: Factors) -> Array:
    """Sum of the outer products of the columns."""
    left = np.ones((1, factors[0].shape[1]))
    for f in factors[:-1]:
        left = pairs(left, f)
    total: Array = left @ factors[-1].T
    return total.reshape([len(f) for f in factors])


def norms(factors: Factors) -> Array:
    """Frobenius norm of each term."""
    product: Array = np.prod([np.linalg.norm(f, axis=0) for f in factors], axis=0)
    return product


def balanced(factors: Factors) -> Factors:
    """Return the same terms with equal norms along the axes."""
    sizes = [np.linalg.norm(f, axis=0) + 1e-300 for f in factors]
    root = np.prod(sizes, axis=0) ** (1 / len(factors))
    return [f * (root / size) for f, size in zip(factors, sizes, strict=True)]


def needed(singular: Array, error: float) -> int:
    """Number of orthogonal terms, at least 1, whose falling norms `singular` leave a rest of at most `error`."""
    rests = np.sqrt(np.append(np.cumsum(singular[::-1] ** 2)[::-1], 0.0))
    return max(int(np.argmax(rests <= error)), 1)
