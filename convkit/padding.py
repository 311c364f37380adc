"""Extending an array beyond its edges."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.boundary import Boundary, normalize
from convkit._core.device import on_device
from convkit._core.typing import Array, ArrayLike


def _halo(halo: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(halo, np.ndarray):
        halo = halo.tolist()
    if not isinstance(halo, Sequence) or isinstance(halo, str):
        both = checks.nonnegative(halo, "halo")
        return [(both, both)] * ndim
    items = list(halo)
    if len(items) == 2 and not any(isinstance(item, Sequence) for item in items):
        before, after = (checks.nonnegative(item, "halo") for item in items)
        return [(before, after)] * ndim
    pairs: list[tuple[int, int]] = []
    for item in items:
        if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 2:
            raise ValueError(f"halo={halo!r} is not understood; give a number, (before, after), or one such pair per axis")
        pairs.append((checks.nonnegative(item[0], "halo"), checks.nonnegative(item[1], "halo")))
    if len(pairs) == 1:
        pairs *= ndim
    if len(pairs) != ndim:
        raise ValueError(f"halo={halo!r} has {len(pairs)} pairs, but x has {ndim} axes; give one pair (before, after) per axis")
    return pairs


def pad(x: ArrayLike, halo: int | Sequence[int] | Sequence[Sequence[int]], *, boundary: Boundary = "zero",
        fill_value: complex = 0.0, device: str | None = None) -> Array:
    """Extend an array by samples beyond its edges, as the convolutions of this package see them.

    Parameters
    ----------
    x : array_like
        Samples of any number of axes and any numeric dtype, which the result keeps.
    halo : int, (before, after), or one pair per axis
        Samples to add before and after each axis; 0 or more. A halo longer than the axis keeps reflecting
        or wrapping.
    boundary : str or one str per axis, default "zero"
        What lies beyond the edge::

            zero       0 0 | a b c d | 0 0
            constant   k k | a b c d | k k     (k = fill_value; also "fill")
            edge       a a | a b c d | d d     (also "nearest", "replicate")
            reflect    c b | a b c d | c b     (also "mirror"; as numpy.pad, not as scipy.ndimage)
            symmetric  b a | a b c d | d c     (also "symm"; scipy.ndimage calls it "reflect")
            wrap       c d | a b c d | a b     (also "periodic", "circular", "grid-wrap")
    fill_value : scalar, default 0
        The value beyond the edge with ``boundary="constant"``.
    device : {None, "cuda"}, optional
        Where to compute, as in `convolve`: by default where x lies, which may be the memory of a CUDA device: the result
        then is an array of the same library. Without the extra ``cu13`` or ``cu12`` that is an ImportError, without a
        device a RuntimeError.

    Returns
    -------
    ndarray
        A new array.

    Raises
    ------
    ValueError, TypeError
        For an unknown boundary, a negative or misshapen halo, a fill value that the boundary does not use or
        that the dtype of x cannot hold.

    Examples
    --------
    >>> import convkit
    >>> convkit.pad([1, 2, 3], 2, boundary="reflect")
    array([3, 2, 1, 2, 3, 2, 1])
    >>> convkit.pad([1, 2, 3], (0, 2), boundary="constant", fill_value=9)
    array([1, 2, 3, 9, 9])
    """
    engine = _engine(x, device)
    samples = engine.samples(x)
    pairs = _halo(halo, samples.ndim)
    names = normalize(boundary, samples.ndim, fill_value)
    result: Array = engine.padded(x, samples, pairs, names, _representable(fill_value, samples.dtype))
    return result


def _engine(x: Any, device: Any) -> ModuleType:
    """What extends `x`: on the device where it lies, or that the caller names, else on the host."""
    return import_module("convkit.engines.cuda.pad" if on_device(x, device) else "convkit.engines.pad")


def _representable(value: Any, dtype: np.dtype[Any]) -> Any:
    """`value` in `dtype`, or an error if it would change."""
    number = checks.fill(value, np.dtype(np.complex128))
    if number.imag == 0 and dtype.kind != "c":
        number = number.real
    with np.errstate(all="ignore"):
        try:
            cast = np.asarray(value).astype(dtype)[()]
        except (TypeError, ValueError, OverflowError):
            cast = None
    if cast is None or (dtype.kind in "biu" and cast != number) or (dtype.kind == "f" and np.iscomplexobj(number)):
        raise ValueError(f"fill_value={value!r} cannot be held by x of dtype {dtype}; convert x first, such as x.astype(float)")
    return cast
