"""Whether arrays lie on a CUDA device, told without importing CUDA."""

from __future__ import annotations

from typing import Any

import numpy as np

# Numbers of CUDA's own and of its managed memory in DLPack.
_DLPACK = (2, 13)


class Remote:
    """An array of this package in the memory of a device, as far as it is known without importing CUDA."""

    __slots__ = ()


def named(device: Any) -> str:
    """A place by its name: "cpu" or "cuda", also of PyTorch; "cuda:0", which its scripts say, is that too."""
    name = {"cpu": "cpu", "cuda": "cuda", "cuda:0": "cuda"}.get(str(device))
    if name is None:
        raise ValueError(f"device={device!r} is not known; it may be 'cpu' or 'cuda': the device that is current, or where the "
                         "samples lie")
    return name


def resident(x: Any) -> bool:
    """Whether `x` is an array in the memory of a CUDA device, of whatever library."""
    if isinstance(x, np.ndarray | list | tuple | int | float | complex | np.generic):
        return False
    if isinstance(x, Remote):
        return True
    if getattr(x, "__cuda_ndarray__", False) or hasattr(x, "__cuda_array_interface__"):
        return True
    tell = getattr(x, "__dlpack_device__", None)
    return tell is not None and int(tell()[0]) in _DLPACK


def on_device(x: Any, device: Any) -> bool:
    """Whether to compute on a CUDA device: where `x` lies there, or the caller says so."""
    return resident(x) if device is None else named(device) == "cuda"


def number_of(x: Any) -> int | None:
    """Number of the device that `x` lies on, where its library tells."""
    if getattr(x, "__cuda_ndarray__", False):
        x = getattr(getattr(x, "gpu_data", None), "context", None)
    device = getattr(x, "device", None)
    number = device if type(device) is int else getattr(device, "index", getattr(device, "id", None))
    return number if type(number) is int else None


def layout_of(x: Any) -> tuple[Any, ...] | None:
    """What tells device arrays apart but for their numbers and where these lie; None where it is not told quickly."""
    if getattr(x, "__cuda_ndarray__", False):
        return type(x), x.dtype, x.shape, x.strides, number_of(x)
    described = getattr(x, "__cuda_array_interface__", None)
    if described is None:
        return None
    return type(x), described["typestr"], described["shape"], described.get("strides"), number_of(x)
