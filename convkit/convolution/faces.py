"""What users call: check, plan, call an engine, return."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convkit import planning
from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.boundary import Boundary, normalize
from convkit._core.geometry import MODES
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.convolution.memory import Memory, key_of
from convkit.convolution.places import Place, place_of
from convkit.convolution.problem import Problem, flip

# Calls of `convolve` and `correlate`, and those of `convolve_separable`.
_met, _met_separable = Memory(), Memory()


def _run(x: Any, weights: Any, convolution: bool, mode: str, boundary: Boundary, fill_value: Any, axes: Any, method: str,
         out: Any, dtype: Any, workers: Any, nan_policy: str, mask: Any, device: Any) -> Array:
    key = None
    if mask is None and nan_policy == "propagate":
        key = key_of(x, (weights,), (convolution, method, mode, dtype, device), boundary, fill_value, axes)
        ready = _met.find(key)
        if ready is not None:
            met: Array = ready(x, out, workers)
            return met
    checks.word(mode, "mode", MODES)
    checks.word(method, "method", planning.METHODS)
    count = pool.resolve(workers)
    place = place_of(x, device)
    samples = place.samples(x)
    w = place.weights(weights, "weights")
    where = checks.convolution_axes(axes, samples.shape, w.ndim)
    names = normalize(boundary, w.ndim, fill_value)
    geometry = checks.geometry([samples.shape[a] for a in where], w.shape, mode)
    kinds = checks.arithmetic(samples.dtype, w.dtype, dtype)
    double = w.astype(np.complex128 if w.dtype.kind == "c" else np.float64)
    absolute = float(np.abs(double).sum())
    valid = place.validity(x, samples, mask, nan_policy, [(abs(double.sum()), absolute)], kinds.result, "weights")
    checks.fill(fill_value, kinds.work)
    bound, settled = (math.inf, True) if valid is not None else place.exact_bound(samples, checks.integer_sum(w), fill_value)
    work, exact = planning.exact_arithmetic(kinds, bound)
    fill = checks.fill(fill_value, work)
    order = sorted(range(w.ndim), key=lambda i: where[i])
    g = (flip(w) if convolution else np.conj(w)).transpose(order)
    problem = Problem(samples, g, tuple(geometry[i] for i in order),
                       ("zero",) * w.ndim if mode == "valid" else tuple(names[i] for i in order),
                       work.type(0) if mode == "valid" else fill, tuple(where[i] for i in order), work, exact)
    if out is not None:
        out = place.output(out, problem.shape, kinds.result)
    if valid is None:
        values: Array
        values, ready = place.solve(problem, method, count, out, kinds.result)
        if settled or (ready.always and kinds.result.kind not in "iu"):
            _met.keep(key, ready)
        return values
    kept, counted = place.kept(samples, valid)
    numerator = place.solve(replace(problem, samples=kept), method, count, None, work)[0]
    # Only the direct sums of non-negative numbers are exactly zero where there is nothing to add.
    real = np.dtype(np.float32 if work.char in "fF" and method == "direct" else np.float64)
    share = replace(problem, samples=counted, weights=np.abs(g), fill=real.type(mode != "valid"), work=real, exact=False)
    values = place.normalized(numerator, place.solve(share, method, count, None, real)[0], absolute,
                              0.0 if method == "direct" else 1e-12)
    finished: Array = place.finish(values, kinds.result, out)
    return finished


_SHARED = """
    mode : {"same", "full", "valid"}
        Size of the output along the convolved axes, for n samples and k taps: ``same`` is the shape of x and starts
        at ``(k - 1) // 2`` of the full output; ``full`` has n + k - 1 samples, with x extended by k - 1 samples
        on each side by the boundary's rule; ``valid`` has only the sums in which nothing beyond an edge takes part
        (either operand may be the larger one, in every axis). With weights longer than x, ``same`` differs from
        `numpy.convolve`, whose ``same`` has max(n, k) samples: ``convolve(weights, x)`` gives that result.
    boundary : str, or one str per axis of the weights
        What lies beyond the edge: ``"zero"``; ``"constant"`` (also ``"fill"``), which is `fill_value`; ``"edge"``
        (also ``"nearest"``, ``"replicate"``); ``"reflect"`` (also ``"mirror"``: ``c b | a b c d | c b``, as
        `numpy.pad`, not as scipy.ndimage); ``"symmetric"`` (also ``"symm"``: ``b a | a b c d | d c``);
        ``"wrap"`` (also ``"periodic"``, ``"circular"``, ``"grid-wrap"``). See `pad`.
    fill_value : scalar
        The value beyond the edge with ``boundary="constant"``.
    axes : int or sequence of int, optional
        The axes of x that the axes of the weights lie along; any others are a batch. By default all axes of x,
        which must then be as many as those of the weights: for a colour image (rows, columns, 3) say ``axes=(0, 1)``."""
_SHARED_TAIL = """
    out : ndarray, optional
        Where to put the result; of its shape and dtype. It may overlap x.
    dtype : dtype, optional
        Dtype of the result and, if it is the wider, of the arithmetic. Integers are rounded (half to even) and
        saturate. By default x decides, made complex if the weights are: float16 (computed in float32), float32,
        float64, complex64 and complex128 keep their type, bool and integers of up to 16 bits give float32, wider
        ones float64. Weights are cast to the arithmetic's dtype and never promote x.
    workers : int, optional
        Threads; by default as many as this process may use (see `set_workers`), -1 for all processors, -2 for all
        but one. The result does not depend on it, bit for bit.
    nan_policy : {"propagate", "omit", "raise"}
        NaN in x: let them spread as far as the weights reach; leave them out, dividing by the share of the weights
        that fell on valid samples, ``(w * m x) sum|w| / (|w| * m)`` with m = 1 where valid (what the boundary
        supplies counts as valid) and NaN where no valid sample lies under the weights; or raise.
    mask : array_like of bool, optional
        True where a sample of x is valid; the others are left out as by ``nan_policy="omit"``. A masked array
        brings its own mask (True = invalid there).
    device : {None, "cpu", "cuda"}, optional
        Where to compute: by default where x lies, which may be the memory of a CUDA device (an array of CuPy, torch or
        Numba, or one that speaks DLPack): the result then is an array of the same library, in C order, on the same device
        and stream; ``nan_policy="raise"`` waits for it. ``"cuda"`` sends a NumPy array there and fetches the result. It
        needs the extra ``cu13`` or ``cu12``."""


def convolve(x: ArrayLike, weights: ArrayLike, *, mode: str = "same", boundary: Boundary = "zero",
             fill_value: complex = 0.0, axes: int | Sequence[int] | None = None, method: str = "auto",
             out: Array | None = None, dtype: DTypeLike | None = None, workers: int | None = None,
             nan_policy: str = "propagate", mask: ArrayLike | None = None, device: str | None = None) -> Array:
    """Convolve samples with weights, in one, two or three dimensions.

    ``y[i] = sum_j weights[j] x[i - j]``: the weights are flipped, unlike in `correlate`.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them (see `axes`).
    weights : array_like
        The weights, of one, two or three axes.@HEAD@
    method : {"auto", "direct", "separable", "fft"}
        ``direct`` sums; ``separable`` runs one pass per axis for each rank-1 term of the weights (see `separate`);
        ``fft`` multiplies spectra, tile by tile; ``auto`` takes what `choose_method` expects to be fastest among
        those that are safe for the data.@TAIL@

    Returns
    -------
    ndarray
        The convolution. Against the exact result its error is at most, with a small constant c and eps that of the
        arithmetic: ``c taps eps (|w| * |x|)`` at every sample for ``direct``; ``c log2(n) eps max|x| sum|w|`` for
        ``fft``; for ``separable`` that of direct times the sum of the norms of its terms over the norm of w, plus a
        truncation of at most 1e-6 (single precision) or 1e-13 (double) of the norm of w. Integer samples with
        integer weights are exact wherever ``sum|w| max|x|`` is below 2^24 for a float32 result, 2^53 for float64,
        and 2^63 with an integer `dtype` (there ``auto`` and ``direct``; the other methods up to 2^50).

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense together, or are of no use; the message says which, and what is allowed.
        Nothing is written then.
    ImportError, RuntimeError
        With ``device="cuda"`` or an x on a device: without the extra, and without a device that can be used.

    See Also
    --------
    correlate, convolve_separable, choose_method, convolution_matrix

    References
    ----------
    A. V. Oppenheim and R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., 2010, sections 2.3 and 8.7 (overlap-save).

    Examples
    --------
    >>> import convkit
    >>> convkit.convolve([1, 2, 3], [0, 1, 0.5], mode="full")
    array([0. , 1. , 2.5, 4. , 1.5])
    >>> convkit.convolve([1.0, 2.0, 3.0], [0.25, 0.5, 0.25], boundary="reflect")
    array([1.5, 2. , 2.5])
    """
    return _run(x, weights, True, mode, boundary, fill_value, axes, method, out, dtype, workers, nan_policy, mask,
                device)


def correlate(x: ArrayLike, weights: ArrayLike, *, mode: str = "same", boundary: Boundary = "zero",
              fill_value: complex = 0.0, axes: int | Sequence[int] | None = None, method: str = "auto",
              out: Array | None = None, dtype: DTypeLike | None = None, workers: int | None = None,
              nan_policy: str = "propagate", mask: ArrayLike | None = None, device: str | None = None) -> Array:
    """Correlate samples with weights, in one, two or three dimensions.

    ``y[i] = sum_j conj(weights[j]) x[i + j]``, positioned as `scipy.signal.correlate`: ``full`` starts where the last
    weight meets the first sample, and ``same`` at ``(k - 1) // 2`` of it.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them (see `axes`).
    weights : array_like
        The weights, of one, two or three axes; complex ones are conjugated.@HEAD@
    method : {"auto", "direct", "separable", "fft"}
        As in `convolve`.@TAIL@

    Returns
    -------
    ndarray
        The correlation, as exact as `convolve`.

    Raises
    ------
    ValueError, TypeError, ImportError, RuntimeError
        As `convolve`.

    Examples
    --------
    >>> import convkit
    >>> convkit.correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5])
    array([2. , 3.5, 3. ])
    """
    return _run(x, weights, False, mode, boundary, fill_value, axes, method, out, dtype, workers, nan_policy, mask,
                device)


def _tap_arrays(taps: Any, place: Place) -> list[Array | None]:
    if isinstance(taps, np.ndarray) and taps.dtype != object and taps.ndim == 1:
        raise ValueError(f"taps is one array of shape {taps.shape}; give a list with one 1-D array (or None) per axis, such as "
                         "[taps] for a signal or [taps, taps] for an image")
    try:
        items = list(taps)
    except TypeError:
        raise TypeError(f"taps={taps!r} must be a sequence of one 1-D array (or None) per axis") from None
    arrays: list[Array | None] = []
    for i, item in enumerate(items):
        array = None if item is None else place.weights(item, f"taps[{i}]")
        if array is not None and array.ndim != 1:
            raise ValueError(f"taps[{i}] has shape {array.shape}; it must be one-dimensional (use convolve for dense weights)")
        arrays.append(array)
    if not arrays:
        raise ValueError("taps is empty; give one 1-D array (or None) per axis")
    return arrays


def convolve_separable(x: ArrayLike, taps: Sequence[ArrayLike | None], *, mode: str = "same",
                       boundary: Boundary = "zero", fill_value: complex = 0.0, axes: int | Sequence[int] | None = None,
                       out: Array | None = None, dtype: DTypeLike | None = None, workers: int | None = None,
                       nan_policy: str = "propagate", mask: ArrayLike | None = None, device: str | None = None) -> Array:
    """Convolve samples with separable weights: one pass of 1-D taps along each axis.

    The same as `convolve` with the outer product of the taps, at a cost of the sum of their lengths in place of the
    product.

    Parameters
    ----------
    x : array_like
        Samples: a signal, an image, a volume, or a batch of them (see `axes`).
    taps : sequence of (1-D array_like or None)
        One per axis; None leaves an axis alone.@HEAD@@TAIL@

    Returns
    -------
    ndarray
        The convolution, within ``c (sum of the numbers of taps) eps (|w| * |x|)`` at every sample. Integers are exact
        as in `convolve`.

    Raises
    ------
    ValueError, TypeError, ImportError, RuntimeError
        As `convolve`.

    Examples
    --------
    >>> import numpy as np, convkit
    >>> image = np.zeros((3, 3)); image[1, 1] = 16
    >>> convkit.convolve_separable(image, [[0.25, 0.5, 0.25]] * 2)
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    key = None
    if mask is None and nan_policy == "propagate" and (type(taps) is list or type(taps) is tuple):
        key = key_of(x, taps, (mode, dtype, device), boundary, fill_value, axes)
        found = _met_separable.find(key)
        if found is not None:
            met: Array = found(x, out, workers)
            return met
    checks.word(mode, "mode", MODES)
    count = pool.resolve(workers)
    place = place_of(x, device)
    samples = place.samples(x)
    arrays = _tap_arrays(taps, place)
    where = checks.convolution_axes(axes, samples.shape, len(arrays), "taps")
    names = normalize(boundary, len(arrays), fill_value)
    lengths = [1 if t is None else t.size for t in arrays]
    geometry = checks.geometry([samples.shape[a] for a in where], lengths, mode)
    given = [t for t in arrays if t is not None]
    kinds = checks.arithmetic(samples.dtype, np.result_type(*given) if given else np.dtype(np.float32), dtype, "taps")
    sums = [(abs(complex(t.sum())), float(np.abs(t.astype(np.complex128)).sum())) for t in given]
    valid = place.validity(x, samples, mask, nan_policy, sums, kinds.result, "taps of an axis")
    checks.fill(fill_value, kinds.work)
    total = math.prod(checks.integer_sum(t) for t in given)
    bound, settled = place.exact_bound(samples, total, fill_value) if valid is None else (math.inf, True)
    work, _ = planning.exact_arithmetic(kinds, bound)
    fill = work.type(0) if mode == "valid" else checks.fill(fill_value, work)
    boundaries = ("zero",) * len(arrays) if mode == "valid" else names
    shape = list(samples.shape)
    for a, g in zip(where, geometry, strict=True):
        shape[a] = g.length
    if out is not None:
        out = place.output(out, tuple(shape), kinds.result)

    flipped = [None if t is None else flip(t).astype(work) for t in arrays]
    if valid is None:
        ready = place.passes(samples, flipped, geometry, boundaries, fill, where, tuple(shape), work, kinds.result)
        if settled or kinds.result.kind not in "iu":
            _met_separable.keep(key, ready)
        result: Array = ready(samples, out, workers)
        return result
    real = work.type(0).real.dtype
    kept, counted = place.kept(samples, valid)
    numerator = place.passes(kept, flipped, geometry, boundaries, fill, where, tuple(shape), work, work)(kept, None, count)
    magnitudes = [None if t is None else np.abs(t).astype(real) for t in flipped]
    share = place.passes(counted, magnitudes, geometry, boundaries, real.type(mode != "valid"), where, tuple(shape), real,
                         real)(counted, None, count)
    values = place.normalized(numerator, share, math.prod(absolute for _, absolute in sums), 0.0)
    finished: Array = place.finish(values, kinds.result, out)
    return finished


for _function in (convolve, correlate, convolve_separable):
    if _function.__doc__:
        _function.__doc__ = _function.__doc__.replace("@HEAD@", _SHARED).replace("@TAIL@", _SHARED_TAIL)
