"""What a curvelet plan is asked for: checked, or refused with a message to a person."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.images import number
from convkit._core.typing import Array, DTypeLike
from convkit.curvelets import windows

LEAST = 16


def shape_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Lengths of the transformed axes."""
    try:
        lengths = tuple(operator.index(n) for n in shape)
    except TypeError:
        raise TypeError(f"shape={shape!r} must be two or three whole numbers, such as (512, 512)") from None
    if len(lengths) not in (2, 3):
        raise ValueError(f"shape={shape!r} has {len(lengths)} axes; curvelets transform 2 (an image) or 3 (a volume), and "
                         "further axes of the samples are a batch")
    if min(lengths) < LEAST:
        raise ValueError(f"shape={shape!r} has a side of {min(lengths)} samples; each must have at least {LEAST}")
    return lengths


def angles_of(angles: int) -> int:
    """Wedges all around at the first divided scale."""
    try:
        count = operator.index(angles)
    except TypeError:
        raise TypeError(f"angles={angles!r} must be a whole number") from None
    if count < 8 or count % 4:
        raise ValueError(f"angles={angles!r} is not allowed; give a multiple of 4, at least 8")
    return count


def check_angles(angles: int, shape: tuple[int, ...], scales: int, finest: str) -> None:
    """Refuse so many wedges that some would hold no frequency."""
    for scale in range(1, scales - (finest == "wavelet")):
        # Across, at its outer end, a wedge has 16 M / A frequencies.
        most, wedges = int(8 * min(windows.half_widths(shape, scales, scale))), windows.wedges_of(angles, scale)
        if wedges > most:
            raise ValueError(f"angles={angles!r} is too many for shape {shape} and {scales} scales: some of {wedges} wedges at "
                             f"scale {scale} would hold no frequency, at most {most} fit; give fewer angles, or fewer scales")


def dtype_of(dtype: DTypeLike | None) -> np.dtype[Any] | None:
    """What is computed in, or None."""
    if dtype is None:
        return None
    try:
        found = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        found = None
    if found is None or found.char not in "fdFD":
        raise TypeError(f"dtype={dtype!r} is not computed in; allowed are float32, float64, complex64 and complex128")
    return found


def real_of(real: bool | None, dtype: np.dtype[Any] | None) -> bool:
    """Whether samples are real."""
    if real is None:
        return dtype is None or dtype.kind == "f"
    if not isinstance(real, bool | np.bool_):
        raise TypeError(f"real={real!r} must be True, False or None")
    if real and dtype is not None and dtype.kind == "c":
        raise ValueError(f"real=True and dtype={dtype} contradict each other; leave one of them out")
    return bool(real)


def axes_of(axes: Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Axes of the samples that are transformed."""
    if axes is None:
        return tuple(range(-ndim, 0))
    try:
        found = tuple(operator.index(a) for a in axes)
    except TypeError:
        raise TypeError(f"axes={axes!r} must be a sequence of whole numbers") from None
    if len(found) != ndim:
        raise ValueError(f"axes={axes!r} names {len(found)} axes, but shape has {ndim}; name one axis of x for each")
    if len(set(found)) < ndim:
        raise ValueError(f"axes={axes!r} names an axis twice; each may be transformed once")
    return found


def scales_of(scales: int | None, shape: tuple[int, ...], default: int) -> int:
    """Number of scales of a (continued) shape."""
    if scales is None:
        return default
    try:
        count = operator.index(scales)
    except TypeError:
        raise TypeError(f"scales={scales!r} must be a whole number") from None
    # The coarse scale holds at least a frequency besides zero along each axis.
    most = 1
    while min(windows.half_widths(shape, most + 1, 0)) > 1:
        most += 1
    if not 2 <= count <= most:
        raise ValueError(f"scales={scales!r} is not allowed; shape {shape} has 2 to {most}")
    return count


def check_samples(given: tuple[int, ...], axes: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Refuse samples of a shape that has others than the plan's along its axes."""
    if len(given) < len(shape) or any(not -len(given) <= a < len(given) for a in axes):
        raise ValueError(f"x has shape {given}, but the plan transforms its axes {axes}")
    if len({a % len(given) for a in axes}) < len(shape):
        raise ValueError(f"axes={axes!r} names an axis of x (shape {given}) twice")
    lengths = tuple(given[a] for a in axes)
    if lengths != shape:
        raise ValueError(f"x has shape {given}, {lengths} along axes {axes}, but the plan is for {shape}: make another with "
                         f"Curvelets({lengths}), or say axes=")


def check_size(count: int, size: int) -> None:
    """Refuse so many coefficients where a plan has others."""
    if count != size:
        raise ValueError(f"v has {count} numbers along its last axis; the plan has {size}")


def nearest(position: Sequence[float] | None, shape: Sequence[int], around: Sequence[int],
            grids: Sequence[Array]) -> tuple[int, ...]:
    """Places in an open grid nearest to pixel coordinates, by default to the middle, on a torus of lengths `around`."""
    if position is None:
        position = [(n - 1) / 2 for n in shape]
    if len(position) != len(shape):
        raise ValueError(f"position={position!r} has {len(position)} coordinates; give {len(shape)}, one per axis")
    apart = [(grid.ravel() - number(at, "position") + n / 2) % n - n / 2
             for grid, at, n in zip(grids, position, around, strict=True)]
    return tuple(int(np.abs(distance).argmin()) for distance in apart)
