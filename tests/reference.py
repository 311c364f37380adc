"""The oracle: convolution written straight from its definition, slowly, and how far a fast one may be from it.

Nothing here imports convkit. Sums run in a wider type than the one under test (``longdouble``, or Python integers for
integer data), one tap at a time; the sample beyond an edge is found by walking back into the array step by step.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

# The one constant of the stated bounds: an error may reach C times taps (direct) or log2(n) (fft) times eps times the
# sum of the magnitudes of what was added. n roundings of relative size eps / 2 explain C = 0.5 for real data and 1.5
# for complex products of one tap; the rest is room for the order of summation and for the FFT's own constant.
C = 2.0

CANONICAL = {
    "zero": "zero", "constant": "zero", "fill": "zero",
    "edge": "edge", "nearest": "edge", "replicate": "edge",
    "reflect": "reflect", "mirror": "reflect",
    "symmetric": "symmetric", "symm": "symmetric",
    "wrap": "wrap", "periodic": "wrap", "circular": "wrap", "grid-wrap": "wrap",
}  # fmt: skip
MODES = ("full", "same", "valid")
BOUNDARIES = ("zero", "edge", "reflect", "symmetric", "wrap")


# --- what lies beyond the edge ---------------------------------------------------------------------------------------
def source(i, n, boundary):
    """Index of the sample that stands at position `i` of an axis of `n` samples; None where the fill value stands."""
    rule = CANONICAL[boundary]
    while not 0 <= i < n:
        if rule == "zero":
            return None
        if rule == "edge":
            i += 1 if i < 0 else -1
        elif rule == "wrap":
            i += n if i < 0 else -n
        elif rule == "symmetric":
            i = -1 - i if i < 0 else 2 * n - 1 - i
        elif n == 1:
            return 0
        else:
            i = -i if i < 0 else 2 * (n - 1) - i
    return i


def per_axis(value, ndim):
    """One entry per axis: a single word stands for all."""
    return (value,) * ndim if isinstance(value, str) else tuple(value)


def extend(x, halo, boundary="zero", fill_value=0.0):
    """`x` with ``halo[axis] = (before, after)`` samples more on each side of each axis."""
    x = np.asarray(x)
    filled = np.zeros((), bool)
    for axis, ((before, after), rule) in enumerate(zip(halo, per_axis(boundary, x.ndim), strict=True)):
        n = x.shape[axis]
        index = [source(i, n, rule) for i in range(-before, n + after)]
        x = np.take(x, [0 if i is None else i for i in index], axis=axis)
        beyond = np.array([i is None for i in index], bool)
        filled = filled[..., None] | beyond
    out = x.copy()
    out[np.broadcast_to(filled, x.shape)] = fill_value
    return out


# --- the sum itself --------------------------------------------------------------------------------------------------
def span(n, k, mode):
    """(start, length) of the output within the full one, whose position p holds sum over t of w[t] x[p - t]."""
    if mode == "full":
        return 0, n + k - 1
    if mode == "same":
        return (k - 1) // 2, n
    return min(n, k) - 1, abs(n - k) + 1


def wide(array):
    """The same values in a type in which sums of a few hundred products are exact, or nearly so."""
    array = np.asarray(array)
    if array.dtype == object:
        return array
    if array.dtype.kind in "bui":
        return np.array([int(v) for v in array.ravel()], dtype=object).reshape(array.shape)
    return array.astype(np.clongdouble if array.dtype.kind == "c" else np.longdouble)


def convolve(x, weights, *, mode="same", boundary="zero", fill_value=0.0, axes=None, precise=True):
    """The definition: ``out[p] = sum over t of weights[t] * extended_x[p - t]``, in a wider type (see `wide`)."""
    x, weights = (wide(x), wide(weights)) if precise else (np.asarray(x), np.asarray(weights))
    if axes is not None:
        return over_axes(
            lambda a: convolve(
                a, weights, mode=mode, boundary=boundary, fill_value=fill_value, precise=precise
            ), x, axes
        )  # fmt: skip
    if mode == "valid":  # of two operands the smaller slides inside the larger: nothing beyond an edge is read
        boundary, fill_value = "zero", 0
    if fill_value == 0:
        fill_value = 0  # an integer, so that Python integers stay what they are
    spans = [span(n, k, mode) for n, k in zip(x.shape, weights.shape, strict=True)]
    low = [start - (k - 1) for (start, _), k in zip(spans, weights.shape, strict=True)]
    high = [start + length - 1 for start, length in spans]
    halo = [(max(0, -a), max(0, b - (n - 1))) for a, b, n in zip(low, high, x.shape, strict=True)]
    extended = extend(x, halo, boundary, fill_value)
    out = 0
    for t in itertools.product(*map(range, weights.shape)):
        window = tuple(
            slice(start - tap + before, start - tap + before + length)
            for (start, length), tap, (before, _) in zip(spans, t, halo, strict=True)
        )
        out = out + weights[t] * extended[window]
    return np.asarray(out)


def over_axes(function, x, axes):
    """Apply `function` to every sub-array of `x` along `axes` (in that order); all other axes are a batch."""
    axes = tuple(a % x.ndim for a in ((axes,) if isinstance(axes, int) else axes))
    batch = [a for a in range(x.ndim) if a not in axes]
    moved = x.transpose(*batch, *axes)
    lead = moved.shape[: len(batch)]
    parts = [function(moved[index]) for index in np.ndindex(*lead)]
    stacked = np.array(parts).reshape(*lead, *parts[0].shape)
    return stacked.transpose(np.argsort((*batch, *axes)))


def flipped(weights):
    """The weights of the convolution that is the correlation with `weights`."""
    return np.conj(np.flip(np.asarray(weights)))


def correlate(x, weights, **options):
    """``out[p] = sum over t of conj(weights[t]) * extended_x[p + t]``, placed as scipy.signal.correlate places it."""
    return convolve(x, flipped(weights), **options)


def dense(taps):
    """The outer product of one 1-D array (or None, a single one) per axis."""
    out = np.ones(())
    for t in taps:
        out = np.multiply.outer(out, np.ones(1) if t is None else np.asarray(t))
    return out


def normalised(x, weights, valid, **options):
    """``(w * m x) sum|w| / (|w| * m)``, NaN where the denominator vanishes; the fill value counts as valid."""
    x, weights, valid = np.asarray(x), np.asarray(weights), np.asarray(valid, bool)
    top = convolve(np.where(valid, x, np.zeros((), x.dtype)), weights, **options)
    below = convolve(valid.astype(float), abs(weights).astype(float), **(options | {"fill_value": 1.0}))
    total = math.fsum(abs(weights).ravel())
    out = np.full(top.shape, np.nan, np.result_type(top.astype(complex if top.dtype.kind == "c" else float)))
    np.divide(top * total, below, out=out, where=below > 0, casting="unsafe")
    return out


# --- which type ------------------------------------------------------------------------------------------------------
def result_dtype(x_dtype, weights_dtype=np.float32):
    """The type of the result: x decides, made complex if the weights are."""
    x_dtype, weights_dtype = np.dtype(x_dtype), np.dtype(weights_dtype)
    if x_dtype.kind in "bui":
        out = np.float32 if x_dtype.itemsize <= 2 else np.float64
    else:
        out = x_dtype.newbyteorder("=")
    if weights_dtype.kind == "c":
        out = np.complex128 if np.dtype(out) in (np.float64, np.complex128) else np.complex64
    return np.dtype(out)


def work_dtype(x_dtype, weights_dtype=np.float32, dtype=None):
    """The type of the arithmetic: that of the result of x, or `dtype` where that is wider; never float16."""
    work = result_dtype(x_dtype, weights_dtype)
    if work == np.float16:
        work = np.dtype(np.float32)
    if dtype is not None and np.dtype(dtype).kind in "fc" and np.dtype(dtype) != np.float16:
        work = np.result_type(work, dtype)
    return work


def eps(dtype):
    """Distance from one to the next number of the real type under `dtype`."""
    return float(np.finfo(dtype).eps)


# --- how far a fast one may be ---------------------------------------------------------------------------------------
def direct_bound(x, weights, dtype, **options):
    """Pointwise ``C taps eps (|w| * |x|)``."""
    return C * weights.size * eps(dtype) * magnitude(x, weights, **options) + underflow(weights, dtype)


def fft_bound(x, weights, dtype, *, axes=None, fill_value=0.0, **_):
    """``C log2(n) eps max|x| sum|w|``, n the number of samples of the full output along the axes convolved."""
    x, weights = np.asarray(x), np.asarray(weights)
    lengths = x.shape if axes is None else [x.shape[a] for a in np.atleast_1d(axes)]
    n = math.prod(m + k - 1 for m, k in zip(lengths, weights.shape, strict=True))
    largest = max(float(np.abs(x).max()), abs(fill_value))
    total = float(np.abs(weights.astype(complex)).sum())
    return C * math.log2(max(n, 2)) * eps(dtype) * largest * total + underflow(weights, dtype)


def separable_bound(x, weights, dtype, terms, error=0.0, **options):
    """The direct bound of every rank-one term, and what leaving out the other terms costs.

    The sum over the terms of ``|term| * |x|`` is the pointwise form of the direct bound times
    (sum of the term norms / norm of the weights), which an output where the weights vanish but the terms do not
    would break. `error` is the relative Frobenius error of the terms; Cauchy and Schwarz do the rest.
    """
    bound = sum(direct_bound(x, dense(taps), dtype, **options) for taps in terms)
    if error:
        squares = magnitude(abs(wide(x)) ** 2, np.ones(weights.shape), **options | fill_squared(options))
        bound = bound + error * np.linalg.norm(weights) * np.sqrt(squares)
    return bound


def fill_squared(options):
    return {"fill_value": abs(options["fill_value"]) ** 2} if "fill_value" in options else {}


def magnitude(x, weights, **options):
    """``|w| * |x|``, the fill value with its magnitude."""
    x, weights = np.abs(np.asarray(x)), np.abs(np.asarray(weights))
    x, weights = (a.astype(np.float64) for a in (x, weights))
    return convolve(x, weights, precise=False, **(options | {"fill_value": abs(options.get("fill_value", 0.0))}))


def underflow(weights, dtype):
    return weights.size * float(np.finfo(dtype).smallest_subnormal)


def rounding(reference, dtype):
    """What storing the result in a narrower `dtype` may add."""
    return eps(dtype) * np.abs(reference).astype(np.float64) + float(np.finfo(dtype).smallest_subnormal)


def assert_within(got, want, bound, note=""):
    """Every sample of `got` within `bound` of `want`; NaN only where `want` has one, Inf where its type ends."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{note}: shape {got.shape}, expected {want.shape}"
    if not got.size:
        return
    want = want.astype(np.clongdouble if np.iscomplexobj(got) or want.dtype.kind == "c" else np.longdouble)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=f"{note}: NaN in other places")
    bound = np.broadcast_to(np.asarray(bound, dtype=np.float64), want.shape)
    with np.errstate(invalid="ignore"):
        right = np.isnan(want) | (got == want)
        if got.dtype.kind == "f":
            right |= np.isinf(got) & (np.sign(got) * want > (1 - 2 * eps(got.dtype)) * np.finfo(got.dtype).max)
        off = np.where(right, 0, np.abs(got - want)).astype(np.float64)
    excess = off - bound
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    assert excess[worst] <= 0, (
        f"{note}: at {tuple(map(int, worst))} got {got[worst]!r}, expected {want[worst]!r}: "
        f"off by {off[worst]:.3g}, allowed {bound[worst]:.3g}"
    )


def saturated(values, dtype):
    """Exact values rounded half to even and clipped into an integer `dtype`."""
    info = np.iinfo(dtype)
    flat = [min(max(round(v), info.min), info.max) for v in np.asarray(values, dtype=object).ravel()]
    return np.array(flat, dtype=dtype).reshape(np.shape(values))
