"""Where numbers lie: in the memory of the host, or of a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.device import Remote, resident


def array_of(value: Any) -> Any:
    """An array where `value` lies: NumPy's, or this package's on a CUDA device."""
    if type(value) is np.ndarray or not resident(value):
        return np.asarray(value)
    from convkit.engines.cuda.arrays import taken

    return taken(value)


def zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Zeros of the dtype of a number or an array, and where it lies."""
    model: Any = like if isinstance(like, Remote) else None
    return np.zeros(shape, like.dtype, like=model)


def brought(array: Any, device: str) -> Any:
    """The numbers of an array of numbers at a place, without a copy where possible."""
    if (device == "cuda") == isinstance(array, Remote):
        return array
    if device == "cpu":
        return array.cpu()
    from convkit.engines.cuda.feed import arrived

    return arrived(array)
