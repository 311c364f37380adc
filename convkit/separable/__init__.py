"""Weights as a short sum of separable (rank-1) terms."""

from __future__ import annotations

import math
import numbers
import operator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convkit._core import checks
from convkit._core.typing import Array, ArrayLike
from convkit.separable.factors import Factors, dense, needed, norms
from convkit.separable.volume import volume_terms

__all__ = ["SeparableWeights", "separate"]

_ROUNDING = 64 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class SeparableWeights:
    """Weights as a sum of outer products of 1-D taps.

    Attributes
    ----------
    terms : tuple of tuple of ndarray
        One tuple per term, in it one 1-D array per axis (float64 or complex128, read-only). The terms
        come in order of falling norm; the arrays of a term have equal norms (unless the term is one of
        integers), but that of an axis of length 1 holds a one.
    rank : int
        Number of terms.
    error : float
        Norm of the difference between the weights and `to_dense`, over the norm of the weights
        (Frobenius); measured, not estimated.
    shape : tuple of int
        Shape of the weights.
    """

    terms: tuple[tuple[Array, ...], ...]
    rank: int
    error: float
    shape: tuple[int, ...]

    def to_dense(self) -> Array:
        """Return the sum of the outer products, an array of shape `shape`."""
        return dense([np.stack(axis, axis=1) for axis in zip(*self.terms, strict=True)])

    @cached_property
    def term_norm_ratio(self) -> float:
        """Sum of the norms of the terms over the norm of their sum (1 for a single term).

        Rounding errors of the passes are this much larger than those of one pass with dense weights.
        """
        norm = float(np.linalg.norm(self.to_dense()))
        terms = sum(math.prod(float(np.linalg.norm(taps)) for taps in term) for term in self.terms)
        return terms / norm if norm > 0 else 1.0


def separate(weights: ArrayLike, *, rtol: float = 1e-6, max_rank: int | None = None) -> SeparableWeights:
    """Write `weights` as the shortest sum of separable terms found.

    A term is an outer product of one 1-D array per axis, so that a convolution with `weights` becomes
    `rank` times one pass per axis. All arithmetic is in float64 or complex128, whatever the precision of
    `weights`.

    Parameters
    ----------
    weights : array_like, 1-D, 2-D or 3-D
        The weights, real or complex, finite.
    rtol : float
        Largest relative error wanted (Frobenius norm). Below 1.4e-14 it is read as 1.4e-14, where
        rounding begins.
    max_rank : int, optional
        Largest number of terms. When it stops the search, `error` is larger than `rtol`.

    Returns
    -------
    SeparableWeights
        `terms`, `rank`, the true relative `error` and `shape`; ``to_dense()`` sums the terms. 1-D weights
        are one term, weights that vanish are one term of zeros with error 0. Weights of rank 1 whose
        entries are integers have terms of integers and error 0.

    Raises
    ------
    ValueError
        For weights that are empty, not 1-D, 2-D or 3-D, or hold NaN or infinity, a negative or infinite
        `rtol`, and a `max_rank` below 1.
    TypeError
        For weights that are not numbers of single or double precision, and for `rtol` or `max_rank` of
        another type than a number.

    Notes
    -----
    In 2-D the singular value decomposition gives the smallest rank there is. In 3-D the smallest rank is
    hard to know; this returns the lowest rank for which a canonical decomposition was found whose term
    norms sum to at most 10 times the norm of the weights. The search compresses each axis to the
    multilinear rank [2]_, starts from the generalised eigenvectors of two mixtures of slices [1]_ (and
    from slices and seeded random factors), and refines by a damped Gauss-Newton method. Larger weights are
    not searched for ranks whose passes would cost as much as the dense weights. Where no rank is found
    within a fixed amount of work (0.5 s or so), the result is a singular value decomposition of each slice
    along the axis where that takes the fewest terms: its terms are orthogonal, it always reaches `rtol`,
    and it may cost more than the dense weights.

    References
    ----------
    .. [1] S. E. Leurgans, R. T. Ross, R. B. Abel, "A decomposition for three-way arrays", SIAM J. Matrix
       Anal. Appl. 14 (1993) 1064-1083.
    .. [2] T. G. Kolda, B. W. Bader, "Tensor decompositions and applications", SIAM Review 51 (2009) 455-500.

    Examples
    --------
    >>> import convkit
    >>> sobel = convkit.separate([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    >>> sobel.rank, sobel.error
    (1, 0.0)
    >>> [taps.tolist() for taps in sobel.terms[0]]
    [[1.0, 2.0, 1.0], [1.0, 0.0, -1.0]]
    >>> convkit.separate([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).rank
    2
    """
    w, rtol, max_rank = _checked(weights, rtol, max_rank)
    exact = _exactly(w)
    if exact is not None:
        return _result(w, exact)
    exponent = _exponent(w)
    kept = [axis for axis in range(w.ndim) if w.shape[axis] > 1]
    scaled = _shifted(w, -exponent).reshape([w.shape[axis] for axis in kept])
    norm = float(np.linalg.norm(scaled))
    factors = (_matrix_terms if len(kept) == 2 else volume_terms)(scaled / norm, rtol, max_rank)
    factors[0] = factors[0] * norm
    return _result(w, _arranged(factors, w.shape, exponent))


def _checked(weights: ArrayLike, rtol: float, max_rank: int | None) -> tuple[Array, float, int]:
    w = checks.numbers(weights, "weights")
    if w.ndim > 3:
        raise ValueError(f"weights have {w.ndim} axes (shape {w.shape}); 1, 2 or 3 are allowed")
    w = w.astype(np.complex128 if w.dtype.kind == "c" else np.float64, order="C")
    if not np.isfinite(w).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(w))[0])
        raise ValueError(f"weights[{', '.join(map(str, first))}] is {w[first]}; all weights must be finite")
    if not isinstance(rtol, numbers.Real):
        raise TypeError(f"rtol={rtol!r} is not a real number; give a relative error such as 1e-6")
    if not 0 <= rtol < math.inf:
        raise ValueError(f"rtol={rtol!r} is not allowed; it must be finite and at least 0, such as 1e-6")
    if max_rank is None:
        return w, max(float(rtol), _ROUNDING), w.size
    try:
        most = operator.index(max_rank)
    except TypeError:
        raise TypeError(f"max_rank={max_rank!r} is not an integer; give the largest number of terms, or None") from None
    if most < 1:
        raise ValueError(f"max_rank={max_rank!r} is not allowed; it must be at least 1, or None for no limit")
    return w, max(float(rtol), _ROUNDING), most


def _exponent(w: Array) -> int:
    return int(np.frexp(np.abs(w.view(np.float64)).max())[1])


def _shifted(a: Array, exponent: int) -> Array:
    """Return ``a * 2**exponent``, exact, real or complex."""
    shifted: Array = np.ldexp(np.ascontiguousarray(a).view(np.float64), exponent).view(a.dtype)
    return shifted


def _result(w: Array, factors: Factors) -> SeparableWeights:
    exponent = _exponent(w)
    difference = _shifted(w, -exponent) - _shifted(dense(factors), -exponent)
    norm = float(np.linalg.norm(_shifted(w, -exponent)))
    error = float(np.linalg.norm(difference)) / norm if norm > 0 else 0.0
    terms = tuple(tuple(f[:, r].copy() for f in factors) for r in range(factors[0].shape[1]))
    for term in terms:
        for taps in term:
            taps.setflags(write=False)
    return SeparableWeights(terms, len(terms), error, w.shape)


def _arranged(factors: Factors, shape: tuple[int, ...], exponent: int) -> Factors:
    """Terms by falling norm, of equal norms and settled signs along the axes, times ``2**exponent``."""
    sizes = norms(factors)
    order = np.argsort(-sizes, kind="stable")
    unit = [f[:, order] / np.linalg.norm(f[:, order], axis=0) for f in factors]
    for f in unit[1:]:
        length = np.abs(f)
        # The first of the entries that tie for the largest, so that rounding does not pick the sign.
        peak = np.argmax(length > (1 - 1e-6) * length.max(axis=0), axis=0)[None]
        phase = np.take_along_axis(f, peak, axis=0) / np.take_along_axis(length, peak, axis=0)
        f *= phase.conj()
        unit[0] *= phase
    # Each axis takes its root of the power of two, which itself may not be a float.
    whole, rest = divmod(exponent, len(unit))
    root = (sizes[order] * 2**rest) ** (1 / len(unit))
    left = iter(_shifted(f * root, whole) for f in unit)
    return [next(left) if k > 1 else np.ones((1, len(sizes)), dtype=factors[0].dtype) for k in shape]


def _exactly(w: Array) -> Factors | None:
    """Single term that equals w to the last bit, where that is plain to see."""
    if not w.any():
        return [np.zeros((k, 1), dtype=w.dtype) for k in w.shape]
    axes = [axis for axis, k in enumerate(w.shape) if k > 1] or [0]
    if len(axes) == 1:
        return [w.reshape(-1, 1) if axis == axes[0] else np.ones((1, 1), dtype=w.dtype) for axis in range(w.ndim)]
    if np.iscomplexobj(w):
        return None
    # As integers times a power of two.
    mantissa, high = np.frexp(w)
    digits = np.ldexp(mantissa, 53).astype(np.int64)
    some = digits != 0
    low = int((high + np.frexp((digits & -digits).astype(np.float64))[1])[some].min()) - 54
    if high[some].max() - low > 53:
        return None
    n = np.ldexp(w, -low).astype(np.int64)
    pivot = tuple(int(i) for i in np.unravel_index(np.argmax(some), w.shape))
    taps = []
    for axis in range(w.ndim):
        fibre = n[tuple(slice(None) if d == axis else i for d, i in enumerate(pivot))]
        fibre = fibre // np.gcd.reduce(fibre)
        taps.append(fibre * np.sign(fibre[np.argmax(np.abs(fibre))]))
    content, rest = divmod(int(n[pivot]), math.prod(int(t[i]) for t, i in zip(taps, pivot, strict=True)))
    # In Python's integers: a product of other weights could wrap around.
    if rest or abs(content) * math.prod(int(np.abs(t).max()) for t in taps) != int(np.abs(n).max()):
        return None
    taps[axes[0]] = taps[axes[0]] * content
    outer = taps[0]
    for t in taps[1:]:
        outer = np.multiply.outer(outer, t)
    if not np.array_equal(outer, n):
        return None
    shifts = [0] * w.ndim
    if low < 0:
        size = [math.log2(float(np.linalg.norm(t.astype(np.float64)))) for t in taps]
        for axis in axes[1:]:
            shifts[axis] = round((sum(size) + low) / len(axes) - size[axis])
    shifts[axes[0]] = low - sum(shifts)
    return [np.ldexp(t.astype(np.float64), shift)[:, None] for t, shift in zip(taps, shifts, strict=True)]


def _matrix_terms(w: Array, rtol: float, most: int) -> Factors:
    u, s, vh = np.linalg.svd(w, full_matrices=False)
    rank = min(needed(s, rtol), most)
    while rank < min(most, s.size) and np.linalg.norm(w - (u[:, :rank] * s[:rank]) @ vh[:rank]) > rtol:
        rank += 1
    return [u[:, :rank] * s[:rank], vh[:rank].T]
