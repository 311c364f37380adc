"""What users hand in: turned into arrays, dtypes and axes here, or refused with a message to a person."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convkit._core.device import resident
from convkit._core.geometry import Geometry, axis_geometry
from convkit._core.typing import Array, BoolArray

_KEPT = {"e", "f", "d", "F", "D"}


def word(value: object, name: str, allowed: Sequence[str]) -> str:
    """Return `value` if it is one of the `allowed` words."""
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(f"{name}={value!r} is not known; it may be {', '.join(map(repr, allowed))}")


def _numeric(array: Array, name: str) -> Array:
    kind = array.dtype.kind
    if kind in "biu" or array.dtype.char in _KEPT:
        return array
    if kind == "O":
        detail = "lists of unequal lengths or mixed objects make dtype object; give numbers in a regular shape"
    elif kind in "fc":
        detail = f"{array.dtype} is not computed in; convert it with {name}.astype({'complex' if kind == 'c' else 'float'})"
    else:
        detail = "give numbers"
    raise TypeError(
        f"{name} has dtype {array.dtype}; allowed are bool, integers, float16, float32, float64, complex64 and complex128: "
        + detail
    )


def numbers(value: Any, name: str) -> Array:
    """Turn an array-like into a non-empty array of numbers, without a copy where possible."""
    if value is None:
        raise TypeError(f"{name}=None is not an array; give an array or a list of numbers")
    if resident(value):
        raise TypeError(f"{name} lies in the memory of a CUDA device, where this is not computed; fetch it first ({name}.get() "
                        f"of CuPy, {name}.cpu() of torch, {name}.copy_to_host() of Numba). What takes device= is computed "
                        "there, such as convkit.convolve and convkit.filters.gaussian")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a regular array of numbers: {error}") from None
    array = _numeric(array, name)
    if array.ndim == 0:
        number = array[()]
        raise ValueError(f"{name}={number!r} is a single number; give an array with at least one axis, such as [{number}]")
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}, which holds no samples; every axis must have at least one")
    return array


def valid_samples(x: Any, mask: Any, shape: tuple[int, ...], name: str = "x") -> BoolArray | None:
    """Where samples are valid, from ``mask=`` (True = valid) and a masked array's own mask; None for everywhere."""
    valid: BoolArray | None = None
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        valid = ~np.ma.getmaskarray(x)
    if mask is None:
        return valid
    given = np.asarray(mask)
    if given.dtype != np.bool_:
        raise TypeError(f"mask has dtype {given.dtype}; it must be boolean, True where a sample of {name} is valid")
    if given.shape != shape:
        raise ValueError(f"mask has shape {given.shape}, but {name} has shape {shape}; they must be equal")
    return given if valid is None else valid & given


def convolution_axes(axes: Any, x_shape: tuple[int, ...], w_ndim: int, name: str = "weights") -> tuple[int, ...]:
    """Non-negative axes of x that the axes of the weights lie along."""
    ndim = len(x_shape)
    if axes is None:
        if w_ndim == ndim:
            if ndim > 3:
                raise ValueError(
                    f"x has {ndim} axes; 1, 2 or 3 of them can be convolved: give {name} of as many axes and name "
                    f"them, such as axes={tuple(range(ndim - min(3, ndim), ndim))}"
                )
            return tuple(range(ndim))
        if w_ndim > ndim:
            raise ValueError(f"{name} has {w_ndim} axes, but x only {ndim} (shape {x_shape}); drop axes of {name}, "
                             f"or add some to x with x[None]")
        last = tuple(range(ndim - w_ndim, ndim))
        fix = f"axes={last!r} for the last {'axis' if w_ndim == 1 else f'{w_ndim} axes'}"
        if w_ndim == 2 and ndim == 3 and x_shape[-1] in (2, 3, 4) and min(x_shape[:2]) > 4:
            fix = f"axes=(0, 1) for what looks like a colour image, or {fix}"
        raise ValueError(f"{name} has {w_ndim} {'axis' if w_ndim == 1 else 'axes'}, but x has {ndim} (shape {x_shape}); "
                         f"say along which axes of x it lies: {fix}. The others are then a batch")
    try:
        several = axes if isinstance(axes, Sequence | np.ndarray) else (axes,)
        given = tuple(operator.index(a) for a in several)
    except TypeError:
        raise TypeError(f"axes={axes!r} must be an integer or a sequence of integers") from None
    if len(given) != w_ndim:
        raise ValueError(f"axes={axes!r} names {len(given)} axes, but {name} has {w_ndim}; name one axis of x for each")
    if not 1 <= len(given) <= 3:
        raise ValueError(f"axes={axes!r} names {len(given)} axes; 1, 2 or 3 can be convolved")
    for a in given:
        if not -ndim <= a < ndim:
            raise ValueError(
                f"axes={axes!r}: axis {a} does not exist in x of shape {x_shape}; allowed are {-ndim} to {ndim - 1}")
    result = tuple(a % ndim for a in given)
    if len(set(result)) != len(result):
        raise ValueError(f"axes={axes!r} names an axis of x (shape {x_shape}) twice; each may appear once")
    return result


def geometry(samples: Sequence[int], taps: Sequence[int], mode: str) -> tuple[Geometry, ...]:
    """Geometry per convolved axis.

    Raises
    ------
    ValueError
        For ``valid`` where neither operand is the larger in every axis.
    """
    pairs = list(zip(samples, taps, strict=True))
    if mode == "valid" and not (all(n >= k for n, k in pairs) or all(n <= k for n, k in pairs)):
        raise ValueError(
            f"mode='valid' needs one operand at least as large as the other in every axis, but x has {tuple(samples)} samples "
            f"there and weights {tuple(taps)}; use mode='same' or 'full', or crop one of them"
        )
    return tuple(axis_geometry(n, k, mode) for n, k in pairs)


class Arithmetic(NamedTuple):
    """`work`: dtype of the kernels; `result`: dtype handed back."""

    work: np.dtype[Any]
    result: np.dtype[Any]


def arithmetic(x: np.dtype[Any], weights: np.dtype[Any], dtype: Any, name: str = "weights") -> Arithmetic:
    """Dtypes of a convolution: x decides, complex if the weights are, `dtype` sets the result and widens the work."""
    if x.kind in "biu":
        natural = np.dtype(np.float32 if x.kind == "b" or x.itemsize <= 2 else np.float64)
    else:
        natural = x.newbyteorder("=")
    work = np.dtype(np.float32) if natural == np.float16 else natural
    if weights.kind == "c" and work.kind != "c":
        work = natural = np.dtype(np.complex64 if work == np.float32 else np.complex128)
    if dtype is None:
        return Arithmetic(work, natural)
    try:
        result = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        raise TypeError(f"dtype={dtype!r} is not a dtype that NumPy knows; allowed are integers, float16, float32, float64, "
                        "complex64 and complex128") from None
    if result.kind not in "iu" and result.char not in _KEPT:
        raise TypeError(f"dtype={result} cannot hold the result; allowed are integers, float16, float32, float64, complex64 "
                        "and complex128")
    if work.kind == "c" and result.kind != "c":
        raise TypeError(f"dtype={result} cannot hold the complex result of x ({x}) and {name} ({weights}); "
                        "use complex64 or complex128, or convolve x.real and x.imag apart")
    wide = result in (np.float64, np.complex128) or (result.kind in "iu" and result.itemsize > 2)
    if wide:
        work = np.dtype(np.complex128 if work.kind == "c" else np.float64)
    return Arithmetic(work, result)


def fill(value: Any, work: np.dtype[Any], name: str = "fill_value") -> Any:
    """The fill value as a scalar of the arithmetic's dtype."""
    try:
        number = complex(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r} must be a single number") from None
    if work.kind == "c":
        return work.type(number)
    if number.imag != 0:
        raise TypeError(f"{name}={value!r} is complex, but x and weights are real; give a real number")
    return work.type(int(number.real) if work.kind == "i" else number.real)


def output(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Check the array that the caller gave for the result."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out={type(out).__name__} is not an array; give a NumPy array of shape {shape} and dtype {dtype}")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, but the result has shape {shape}")
    if out.dtype != dtype:
        raise ValueError(f"out has dtype {out.dtype}, but the result has dtype {dtype}; give out that dtype, or say "
                         f"dtype={out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out is read-only; give an array that can be written")
    return out


def nonnegative(value: Any, name: str) -> int:
    """A whole number >= 0."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} must be a whole number") from None
    if number < 0:
        raise ValueError(f"{name}={value!r} must not be negative")
    return number


def integer_sum(weights: Array) -> float:
    """``sum|w|`` of integer weights; inf for weights that are not integers."""
    if weights.dtype.kind not in "biu":
        return math.inf
    # Within 2^-53 of the truth, and NumPy's abs would overflow at the least integer.
    return float(np.abs(weights.astype(np.float64)).sum())


def exact_bound(x: Array, total: float, fill_value: complex = 0) -> tuple[float, bool]:
    """``sum|w| max|x|`` for integers: the largest value that any partial sum can reach; inf for other data.

    The second value tells whether it holds for any values of x, which are not looked at where its dtype bounds them
    well enough.
    """
    beyond = complex(fill_value)
    if x.dtype.kind not in "biu" or total == math.inf or beyond.imag or not beyond.real.is_integer():
        return math.inf, True
    most = abs(int(beyond.real))
    limits = (0, 1) if x.dtype.kind == "b" else (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
    ceiling = total * max(most, -int(limits[0]), int(limits[1]))
    if ceiling < 2**24:
        return ceiling, True
    return total * max(most, abs(int(x.max())), abs(int(x.min()))), False


def store(values: Array, out: Array) -> None:
    """Write `values` into `out`, rounding half to even and saturating where `out` holds integers."""
    if out.dtype.kind not in "iu" or values.dtype.kind in "iu":
        if values.dtype.kind in "iu" and out.dtype.kind in "iu":
            limits = np.iinfo(out.dtype)
            low, high = max(limits.min, -(2**63)), min(limits.max, 2**63 - 1)
            np.clip(values, low, high, out=out, casting="unsafe")
            return
        with np.errstate(over="ignore"):
            out[...] = values
        return
    limits = np.iinfo(out.dtype)
    rounded = np.rint(values)
    low, high = values.dtype.type(limits.min), values.dtype.type(limits.max)
    with np.errstate(invalid="ignore"):
        out[...] = np.clip(rounded, low, high).astype(out.dtype)
    # The largest 32- and 64-bit integers are not floats: those just above them must still saturate.
    out[rounded >= high] = limits.max
    out[rounded <= low] = limits.min
    out[np.isnan(rounded)] = 0
