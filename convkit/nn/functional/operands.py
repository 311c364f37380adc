"""What the operations of a network are handed: made ready for kernels, or refused in the user's words."""

from __future__ import annotations

import operator
import warnings
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from convkit._core.device import Remote
from convkit._core.typing import Array

_WORK = (np.dtype(np.float32), np.dtype(np.float64))


def numbers(x: Any) -> Array:
    """Samples in a dtype that kernels compute in: integers, booleans and half floats become float32."""
    if x.dtype in _WORK:
        return _array(x)
    if x.dtype.kind in "biuf":
        dtype = np.float64 if x.dtype.kind == "f" and x.dtype.itemsize > 8 else np.float32
        return _converted(x, np.dtype(dtype))
    raise TypeError(f"input has dtype {x.dtype}; a network computes in real numbers, float32 or float64")


# Parameters that met float64: Python forgets which warnings it has shown whenever some library changes its filters.
_told: WeakValueDictionary[int, Array] = WeakValueDictionary()


def like(x: Any, parameters: Array) -> Array:
    """Samples in the dtype of the parameters that they meet; a loss of time is told once for each array of these.

    Both have to lie in one place.
    """
    dtype = parameters.dtype
    if x.dtype == dtype and type(x) is type(parameters):
        return x
    refuse_apart(x, parameters)
    if dtype == np.float32 and x.dtype == np.float64:
        if _told.get(id(parameters)) is parameters:
            return _converted(x, dtype)
        _told[id(parameters)] = parameters
        warnings.warn("input is float64 and the parameters are float32: it is converted, at a cost. Convert the data once, "
                      "with x.astype('float32'), or the model with model.double()", UserWarning, stacklevel=2)
    elif x.dtype.kind not in "biuf":
        raise TypeError(f"input has dtype {x.dtype}; a network computes in real numbers, float32 or float64")
    return _converted(x, dtype)


def refuse_apart(x: Any, parameters: Any) -> None:
    """Refuse an input in one place and parameters in another."""
    if isinstance(x, Remote) != isinstance(parameters, Remote):
        here, there = ("a CUDA device", "the host") if isinstance(x, Remote) else ("the host", "a CUDA device")
        raise ValueError(f"input lies in the memory of {here} and the parameters in that of {there}; bring the input to them, "
                         "with Tensor(x).to('cuda') or .cpu(), or the model to it, with model.to('cuda') or model.to('cpu')")


def _array(x: Any) -> Array:
    array: Array = x
    return array if isinstance(x, Remote) else np.asarray(x)


def _converted(x: Any, dtype: np.dtype[Any]) -> Array:
    array: Array = _array(x).astype(dtype, copy=False)
    return array


def parameter_dtype(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a layer's weights, if it is computed in."""
    if dtype not in _WORK:
        raise TypeError(f"{name}: weight has dtype {dtype}; parameters are float32 or float64")
    return dtype


def setting(value: Any) -> Any:
    """A setting that can be looked up: lists become tuples."""
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=1024, typed=True)
def several(value: Any, dims: int, name: str, least: int) -> tuple[int, ...]:
    """One whole number for each of `dims` axes, from `least` up."""
    given = value if isinstance(value, tuple) else (value,) * dims
    try:
        found = tuple(operator.index(v) for v in given)
    except TypeError:
        raise TypeError(f"{name}={value!r} must be a whole number, or one for each of {dims} axes") from None
    if len(found) == 1:
        found *= dims
    if len(found) != dims:
        raise ValueError(f"{name}={value!r} has {len(found)} numbers; give one, or one for each of {dims} axes")
    if min(found) < least:
        raise ValueError(f"{name}={value!r} is not allowed; it must be {least} or more")
    return found


def one_of_reductions(reduction: Any) -> None:
    """Refuse a word that is none of the three."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction={reduction!r} is not known; it may be 'mean', 'sum' or 'none'")
