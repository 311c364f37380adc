"""Weights in 3-D: slices, each with its singular value decomposition, and the search for a lower rank."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from convkit._core.typing import Array
from convkit.separable.factors import Factors, balanced, dense, needed, norms, pairs

# A border-rank solution reaches any error with terms that grow and cancel; its passes would lose
# as many digits as the terms have grown.
_TERM_NORM_LIMIT = 10.0
# Work of the search, in floating-point operations (about 0.5 s), counted and not timed so that a
# decomposition does not depend on the load of the machine.
_BUDGET = 1.2e10
_SMALL = 60
# Weights of as many entries take seconds along all axes.
_LARGE = 40_000
# OpenBLAS spreads factorisations from 128 rows on, and products of more than 64**3 operations, over threads
# that spin while they wait: on two cores with other work, 0.1 ms became 200 ms.
_LAPACK = 120
_TILE = 48


def volume_terms(w: Array, rtol: float, most: int) -> Factors:
    """Terms of 3-D weights of norm 1: as few as were found for an error of `rtol`, but at most `most`."""
    spans = [_span(np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1)) for axis in range(3)]
    slices = _slice_terms(w, [u[:, : needed(singular, 1e-15)] for u, singular in spans], 0.99 * rtol)
    count = slices[0].shape[1]
    least = max(needed(singular, rtol) for _, singular in spans)
    if count == least <= most:
        return slices
    bases = [u[:, : needed(singular, max(0.1 * rtol, 2e-15))] for u, singular in spans]
    core = _compressed(w, bases)
    search = _Search(core, [u.conj().T @ f for u, f in zip(bases, slices, strict=True)], least, 0.98 * rtol)
    # Ranks whose passes cost as much as the dense weights are looked for where that takes no time.
    worth = max(math.ceil(w.size / sum(w.shape)) - 1, _SMALL // sum(core.shape))
    factors = search.lowest(min(most, count - 1, worth))
    if factors is None and most < count:
        factors = search.nearest(most)
    return slices if factors is None else [u @ f for u, f in zip(bases, factors, strict=True)]


def _span(rows: Array) -> tuple[Array, Array]:
    """Left singular vectors and singular values; by a tree of small triangular factors, in one thread."""
    tall, k = rows.conj().T, len(rows)
    while len(tall) > k:
        height = min(4 * k, len(tall))
        padded = np.concatenate([tall, np.zeros((-len(tall) % height, k), dtype=rows.dtype)])
        triangles: Array = np.linalg.qr(padded.reshape(-1, height, k), mode="r")  # type: ignore[assignment]
        tall = triangles.reshape(-1, k)
    u, s, _ = np.linalg.svd(tall.conj().T, full_matrices=False)
    return u, s


def _compressed(w: Array, bases: Factors) -> Array:
    for u in bases:
        w = np.tensordot(w, u.conj(), axes=(0, 0))
    return w


def _slice_terms(w: Array, bases: Factors, error: float) -> Factors:
    """Orthogonal terms: a singular value decomposition of each slice, along the axis that takes the fewest.

    The slices along an axis are mixed into its principal ones, or proportional ones are taken together.
    """
    core = _compressed(w, bases)
    best: Factors | None = None
    for axis in range(3) if w.size < _LARGE else [int(np.argmin(core.shape))]:
        mixed = np.moveaxis(core, axis, 0)
        distinct, planes = _distinct(np.tensordot(bases[axis], mixed, axes=(1, 0)).reshape(w.shape[axis], -1))
        for basis, slices in ((bases[axis], mixed), (distinct, planes.reshape(-1, *mixed.shape[1:]))):
            left, sizes, right = np.linalg.svd(slices, full_matrices=False)
            order = np.argsort(-sizes, axis=None, kind="stable")
            order = order[: needed(sizes.ravel()[order], error)]
            if best is None or len(order) < best[0].shape[1]:
                which, term = np.unravel_index(order, sizes.shape)
                p, q = (u for d, u in enumerate(bases) if d != axis)
                best = [p @ left[which, :, term].T, q @ right[which, term].T]
                best.insert(axis, basis[:, which] * sizes[which, term])
    assert best is not None
    return best


def _distinct(rows: Array) -> tuple[Array, Array]:
    """Group proportional rows: an orthonormal basis with one vector per group, and what each multiplies."""
    sizes = np.linalg.norm(rows, axis=1)
    left = sizes > 0
    basis = []
    while left.any():
        first = int(np.argmax(sizes * left))
        unit = rows[first] / sizes[first]
        likeness = rows @ unit.conj()
        group = left & (np.abs(likeness) >= (1 - 1e-10) * sizes)
        # That test sees no angle below 1e-5; this one sees them all.
        group[group] = np.linalg.norm(rows[group] - np.outer(likeness[group], unit), axis=1) <= 1e-14
        group[first] = True
        z = np.where(group, likeness, 0)
        basis.append(z / np.linalg.norm(z))
        left &= ~group
    q = np.stack(basis, axis=1)
    return q, q.conj().T @ rows


class _Search:
    """Canonical decompositions of a core tensor of norm about 1, within a fixed amount of work.

    `slices` are orthogonal terms of the core, `least` a lower bound of its rank, `goal` the error wanted.
    """

    def __init__(self, core: Array, slices: Factors, least: int, goal: float) -> None:
        self.core, self.slices, self.least, self.goal = core, slices, least, goal
        self.work = 0.0
        self.closest: tuple[float, Factors] = (math.inf, slices)

    def lowest(self, most: int) -> Factors | None:
        """Decomposition of the lowest rank up to `most` that reaches the goal, or None."""
        # Special weights have one of the first ranks; almost all weights have the generic one, or little more.
        generic = math.ceil(self.core.size / (sum(self.core.shape) - 2))
        between = (self.least + generic) // 2 + 2
        ladder = {self.least, self.least + 1, self.least + 2, between, generic + 1, generic + 3}
        found, failed = None, {self.least - 1}
        for rank in sorted(rank for rank in ladder if self.least <= rank <= most):
            small = rank * sum(self.core.shape) <= _LAPACK
            # Where a few terms leave so much, more of them find no structure.
            if not small and rank > self.least + 2 and self.closest[0] > 0.3:
                break
            found = self.attempt(rank, 4 if small else 2)
            if found is not None:
                break
            failed.add(rank)
        while found is not None and (gap := set(range(self.least, found[0].shape[1])) - failed):
            # The middle of the upmost gap: a rank may fail for want of a good start.
            top = max(gap)
            rank = (max(r for r in failed if r < top) + top + 1) // 2
            lower = self.attempt(rank)
            if lower is None:
                failed.add(rank)
            else:
                found = lower
        return found

    def attempt(self, rank: int, tries: int = 4) -> Factors | None:
        """Return factors of `rank` terms that reach the goal, or None."""
        starts = self.starts(rank, tries)
        while self.work + 20 * self.cost(rank) < _BUDGET:
            factors, penalty = next(starts, (None, 0.0))
            if factors is None:
                break
            error, factors = self.refine(factors, penalty, 80)
            if error <= self.goal:
                return factors
        return None

    def nearest(self, rank: int) -> Factors:
        """Closest decomposition of at most `rank` terms that was met, refined once more."""
        head = [f[:, :rank] for f in self.slices]
        error = float(np.linalg.norm(self.core - dense(head)))
        if error < self.closest[0]:
            self.closest = error, head
        if self.cost(rank) < _BUDGET / 100:
            for factors, penalty in self.starts(rank, 4 if rank * sum(self.core.shape) <= _LAPACK else 2):
                self.refine(factors, penalty, 50, patient=True)
            self.refine(self.closest[1], 0.0, 60, patient=True)
        return self.closest[1]

    def cost(self, rank: int) -> float:
        """Operations of one step of `refine`, the overhead of its calls included."""
        n = rank * sum(self.core.shape)
        return n**3 * (1 / 3 if n <= _LAPACK else 1.2) + 60 * n**2 + 4e6

    def starts(self, rank: int, tries: int) -> Iterator[tuple[Factors, float]]:
        """Factors to start from, `tries` besides the pencils, each with the penalty that it begins with."""
        rng = np.random.default_rng(rank)
        yield from ((factors, 0.0) for factors in self.pencils(rank, rng))
        if rank <= self.slices[0].shape[1]:
            yield [f[:, :rank] for f in self.slices], 1e-3
        for _ in range(tries - 1):
            factors = [rng.standard_normal((k, rank)) for k in self.core.shape]
            if np.iscomplexobj(self.core):
                factors = [f + 1j * rng.standard_normal(f.shape) for f in factors]
            yield [f / np.linalg.norm(f, axis=0) * rank ** (-1 / 6) for f in factors], 1e-2

    def pencils(self, rank: int, rng: np.random.Generator) -> Iterator[Factors]:
        """Factors from the generalised eigenvectors of two mixtures of slices, along each axis in turn.

        Exact for `least` terms where two axes have as many dimensions. A pair of complex terms of a real
        core is three real ones: Re(x y z) is made of x1 y1, x2 y2 and (x1 + x2)(y1 + y2).
        """
        import scipy.linalg

        real, count = not np.iscomplexobj(self.core), self.least
        for axis in range(3):
            p, q = (d for d in range(3) if d != axis)
            if min(self.core.shape[p], self.core.shape[q]) < count:
                continue
            core = np.transpose(self.core, (p, q, axis))
            block = core[:count, :count]
            a, b = np.moveaxis(block @ rng.standard_normal((core.shape[2], 2)), 2, 0)
            values, vectors = scipy.linalg.eig(a, b)
            doubles = int(np.sum(values.imag > 0)) if real else 0
            if rank not in (count, count + doubles):
                continue
            columns = []
            for value, v in zip(values, vectors.T, strict=True):
                if not real or value.imag == 0:
                    columns.append(_leading(block, v.real if real else v))
                elif value.imag > 0 and rank == count:
                    columns += [_leading(block, v.real), _leading(block, v.imag)]
                elif value.imag > 0:
                    x, z = _leading(block, v)
                    columns += [(x.real, z.real), (x.imag, z.imag), (x.real + x.imag, z.real + z.imag)]
            factors = [np.zeros((k, rank), dtype=self.core.dtype) for k in self.core.shape]
            factors[p][:count] = np.stack([x for x, _ in columns], axis=1)
            factors[axis][:] = np.stack([z for _, z in columns], axis=1)
            known = pairs(factors[p], factors[axis])
            factors[q] = np.linalg.lstsq(known, np.moveaxis(core, 1, 2).reshape(len(known), -1))[0].T
            yield factors

    def refine(self, factors: Factors, penalty: float, steps: int, patient: bool = False) -> tuple[float, Factors]:
        """Damped Gauss-Newton on all factors; returns the closest iterate whose term norms are within bounds.

        The penalty on the norm of the factors falls with every step: it keeps early steps from terms that
        grow and cancel. Unless `patient`, gives up where the goal is out of reach in the steps left.
        """
        rank = factors[0].shape[1]
        cuts = np.cumsum([f.size for f in factors])[:-1]
        best: tuple[float, Factors] = (math.inf, factors)
        errors: list[float] = []
        damping, growth = 1e-3 if penalty else 1e-6, 4.0
        factors = balanced(factors)
        residual, moved = self.core - dense(factors), True
        for left in range(steps, -1, -1):
            if moved:
                errors.append(float(np.linalg.norm(residual)))
                ratio = float(norms(factors).sum()) / min(1.0, math.sqrt(_square(self.core - residual)) + 1e-300)
                if ratio <= _TERM_NORM_LIMIT and errors[-1] < best[0]:
                    best = errors[-1], factors
                if ratio > 10 * _TERM_NORM_LIMIT or self.settled(errors, left, patient, penalty):
                    break
                vector = np.concatenate([f.ravel() for f in factors])
                cost = errors[-1] ** 2 + penalty * _square(vector)
                normal = _normal_matrix(factors)
                downhill = np.concatenate([g.ravel() for g in _gradients(residual, factors)]) - penalty * vector
            self.work += self.cost(rank)
            damped = normal.copy()
            damped.flat[:: len(damped) + 1] += damping + penalty
            try:
                step = _solved(damped, downhill)
            except np.linalg.LinAlgError:  # rounding has left the matrix indefinite
                step = np.zeros_like(vector)
            trial = [part.reshape(-1, rank) for part in np.split(vector + step, cuts)]
            rest = self.core - dense(trial)
            moved = _square(rest) + penalty * _square(vector + step) < cost
            if moved:
                factors, residual = balanced(trial), rest
                damping, growth = max(damping / 5, 1e-14), 4.0
                penalty = penalty / 4 if penalty > 1e-14 else 0.0
            elif damping > 1e6:
                break
            else:
                damping, growth = damping * growth, growth * 2
        if best[0] < self.closest[0]:
            self.closest = best
        return best

    def settled(self, errors: list[float], left: int, patient: bool, penalty: float) -> bool:
        """Whether further steps are of no use, from the errors so far and the number of steps left."""
        if errors[-1] < 1e-15:
            return True
        if len(errors) < 9 or penalty > 1e-12:
            return False
        gain = errors[-1] / errors[-9]
        # Steps become better near a solution: allow twice the rate of the last ones, and any rate below 1e-6.
        hopeless = errors[-1] * gain ** (left / 4) > max(self.goal, 1e-6)
        return gain > 0.999 if patient else gain > 0.9 or hopeless


def _square(a: Array) -> float:
    return float(np.vdot(a, a).real)


def _leading(block: Array, v: Array) -> tuple[Array, Array]:
    """Leading pair of singular vectors of the second axis of a block contracted with v."""
    u, _, vh = np.linalg.svd(np.tensordot(block, v, axes=(1, 0)), full_matrices=False)
    return u[:, 0], vh[0]


def _normal_matrix(factors: Factors) -> Array:
    """Matrix J^H J of the Gauss-Newton step, from the Gram matrices of the factors."""
    grams = [f.conj().T @ f for f in factors]
    rank = len(grams[0])
    ends = np.cumsum([0, *(f.size for f in factors)])
    matrix = np.zeros((ends[-1], ends[-1]), dtype=grams[0].dtype)
    for d in range(3):
        others = grams[(d + 1) % 3] * grams[(d + 2) % 3]
        for start in range(ends[d], ends[d + 1], rank):
            matrix[start : start + rank, start : start + rank] = others
        for e in range(d + 1, 3):
            # Entry (i r, j s): conj(factor e)[j, r] * (factor d)[i, s] * (Gram of the third)[r, s].
            third = grams[3 - d - e]
            block = factors[d][:, None, None, :] * factors[e].conj().T[None, :, :, None] * third[None, :, None, :]
            block = block.reshape(len(factors[d]) * rank, len(factors[e]) * rank)
            matrix[ends[d] : ends[d + 1], ends[e] : ends[e + 1]] = block
            matrix[ends[e] : ends[e + 1], ends[d] : ends[d + 1]] = block.conj().T
    return matrix


def _solved(matrix: Array, right: Array) -> Array:
    """Solution of a positive definite system, by Cholesky's method; tiled where it is large."""
    import scipy.linalg

    n, size = len(matrix), _TILE
    if n <= _LAPACK:
        solution: Array = scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix, check_finite=False), right)
        return solution
    count = -(-n // size)
    padded = np.eye(count * size, dtype=matrix.dtype)
    padded[:n, :n] = matrix
    tiles = np.ascontiguousarray(padded.reshape(count, size, count, size).swapaxes(1, 2))
    y = np.zeros((count, size, 1), dtype=matrix.dtype)
    y.reshape(-1)[:n] = right
    (invert,) = scipy.linalg.get_lapack_funcs(("trtri",), (matrix,))
    inverse = np.empty((count, size, size), dtype=matrix.dtype)
    for k in range(count):
        inverse[k] = invert(np.linalg.cholesky(tiles[k, k]), lower=1)[0]
        y[k] = inverse[k] @ y[k]
        column = tiles[k + 1 :, k] @ inverse[k].conj().T
        tiles[k + 1 :, k] = column
        y[k + 1 :] -= column @ y[k]
        for j in range(len(column)):
            tiles[k + 1 + j :, k + 1 + j] -= column[j:] @ column[j].conj().T
    for k in range(count - 1, -1, -1):
        y[k] = inverse[k].conj().T @ y[k]
        y[:k] -= tiles[k, :k].conj().swapaxes(1, 2) @ y[k]
    return y.reshape(-1)[:n]


def _gradients(residual: Array, factors: Factors) -> Factors:
    a, b, c = (f.conj() for f in factors)
    return [
        residual.reshape(len(a), -1) @ pairs(b, c),
        np.moveaxis(residual, 1, 0).reshape(len(b), -1) @ pairs(a, c),
        np.moveaxis(residual, 2, 0).reshape(len(c), -1) @ pairs(a, b),
    ]
