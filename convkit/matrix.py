"""Convolution as a sparse matrix."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from convkit._core import checks
from convkit._core.boundary import Boundary, index_map, normalize
from convkit._core.geometry import MODES, axis_geometry
from convkit._core.typing import Array, ArrayLike, IntArray

if TYPE_CHECKING:
    import scipy.sparse


def convolution_matrix(
    weights: ArrayLike, shape: int | Sequence[int], *, mode: str = "same", boundary: Boundary = "zero"
) -> scipy.sparse.csr_array:
    """Sparse matrix of the convolution with `weights`: ``matrix @ x.ravel()`` is ``convolve(x, weights).ravel()``.

    Its transpose is the adjoint of the convolution for every mode and boundary (its conjugate transpose
    for complex weights), which no single convolution is for the boundaries that repeat samples.

    Parameters
    ----------
    weights : array_like, 1-D, 2-D or 3-D
        The weights, real or complex. Zeros among them take no room in the matrix.
    shape : int or sequence of int
        Shape of the samples x, one length per axis of `weights`.
    mode : {"same", "full", "valid"}
        ``same`` has the shape of x and starts at ``(k - 1) // 2`` of the full result; ``full`` extends x by
        ``k - 1`` samples on each side by the rule of `boundary`; ``valid`` has only what lies wholly
        inside (either operand may be the larger, in every axis) and ignores `boundary`.
    boundary : str or sequence of str
        What lies beyond the edge: ``zero``, ``edge``, ``reflect``, ``symmetric`` or ``wrap``, or one of
        their aliases; one word for all axes or one per axis. ``constant`` is read as zero, since a
        matrix cannot add a constant.

    Returns
    -------
    scipy.sparse.csr_array
        Shape ``(size of the result, size of x)``, in the dtype of `weights` (float64 for integers and
        booleans, float32 for float16), without duplicate entries. Building it takes about
        ``(size of the result) * (nonzero weights)`` times 20 to 40 bytes.

    Raises
    ------
    ValueError
        For weights that are empty or not 1-D, 2-D or 3-D, a shape of another number of axes or with a
        length below 1, an unknown mode or boundary, and ``valid`` where neither operand is the larger in
        every axis.
    TypeError
        For weights that are not numbers of single or double precision, or lengths that are not integers.

    See Also
    --------
    scipy.linalg.convolution_matrix : the dense matrix in 1-D, with zeros beyond the edge.

    References
    ----------
    .. [1] P. C. Hansen, J. G. Nagy, D. P. O'Leary, *Deblurring Images: Matrices, Spectra, and Filtering*,
       SIAM, 2006, chapter 3 (the structure of the matrix for each boundary).

    Examples
    --------
    >>> import convkit
    >>> convkit.convolution_matrix([1, 2, 3], 4).toarray()
    array([[2., 1., 0., 0.],
           [3., 2., 1., 0.],
           [0., 3., 2., 1.],
           [0., 0., 3., 2.]])
    >>> convkit.convolution_matrix([1, 2, 3], 4, boundary="wrap").toarray()
    array([[2., 1., 0., 3.],
           [3., 2., 1., 0.],
           [0., 3., 2., 1.],
           [1., 0., 3., 2.]])
    """
    from scipy.sparse import csr_array

    w = _weights(weights)
    samples = _shape(shape, w)
    words = _boundaries(mode, boundary, samples, w.shape)
    sources = [_sources(n, k, mode, word) for n, k, word in zip(samples, w.shape, words, strict=True)]

    length = tuple(len(source) for source in sources)
    rows, columns = math.prod(length), math.prod(samples)
    taps = np.nonzero(w)
    count = taps[0].size
    small = max(rows * count, columns) <= np.iinfo(np.int32).max
    index = np.int32 if small else np.int64

    column = np.zeros((*length, count), dtype=index)
    inside = np.ones((*length, count), dtype=np.bool_)
    stride = columns
    for axis, (source, tap) in enumerate(zip(sources, taps, strict=True)):
        stride //= samples[axis]
        along = source[:, tap].reshape(*(length[axis] if d == axis else 1 for d in range(w.ndim)), count)
        column += (along * stride).astype(index)
        inside &= along >= 0
    indptr = np.zeros(rows + 1, dtype=index)
    np.cumsum(inside.reshape(rows, count).sum(axis=1), out=indptr[1:])
    data = np.broadcast_to(w[taps], inside.shape)[inside]
    matrix = csr_array((data, column[inside], indptr), shape=(rows, columns))
    # Several taps read the same sample where the boundary repeats it.
    matrix.sum_duplicates()
    return matrix


def _sources(n: int, k: int, mode: str, boundary: str) -> IntArray:
    """Index (output, tap) -> sample that the tap multiplies, -1 for none."""
    geometry = axis_geometry(n, k, mode)
    extended = index_map(n, geometry.before, geometry.after, boundary)
    read: IntArray = extended[np.arange(geometry.length)[:, None] + np.arange(k - 1, -1, -1)]
    return read


def _weights(weights: ArrayLike) -> Array:
    w = checks.numbers(weights, "weights")
    if w.ndim > 3:
        raise ValueError(f"weights have {w.ndim} axes (shape {w.shape}); 1, 2 or 3 are allowed")
    dtype: Any = np.dtype(np.float64) if w.dtype.kind in "biu" else w.dtype.newbyteorder("=")
    return w.astype(np.float32 if dtype == np.float16 else dtype)


def _shape(shape: int | Sequence[int], w: Array) -> tuple[int, ...]:
    try:
        lengths = tuple(operator.index(n) for n in (shape if np.iterable(shape) else (shape,)))
    except TypeError:
        raise TypeError(f"shape={shape!r} is not a length or a sequence of lengths; give integers >= 1") from None
    if len(lengths) != w.ndim:
        raise ValueError(
            f"shape={shape!r} has {len(lengths)} axes and weights have {w.ndim} (shape {w.shape}); "
            "give one length per axis of the weights"
        )
    if min(lengths) < 1:
        raise ValueError(f"shape={shape!r} has an axis without samples; every length must be at least 1")
    return lengths


def _boundaries(mode: str, boundary: Boundary, samples: tuple[int, ...], taps: tuple[int, ...]) -> tuple[str, ...]:
    checks.word(mode, "mode", MODES)
    words = normalize(boundary, len(samples))
    if mode != "valid":
        return words
    pairs = list(zip(samples, taps, strict=True))
    if not (all(n >= k for n, k in pairs) or all(n <= k for n, k in pairs)):
        raise ValueError(
            f"mode='valid' needs one operand at least as long as the other in every axis, and shape={samples} "
            f"and weights of shape {taps} are each longer in some axis; use mode='full' or 'same'"
        )
    return ("zero",) * len(samples)
