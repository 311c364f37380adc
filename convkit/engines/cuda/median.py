"""Medians of small windows on a CUDA device."""

from __future__ import annotations

import math
from collections.abc import Sequence

from convkit._core.geometry import layout
from convkit._core.gpu import Line
from convkit.engines.cuda import pad
from convkit.engines.cuda.grids import THREADS
from convkit.engines.cuda.pointwise import ready
from convkit.kernels.median_cuda import median as kernel

# Samples of a window at most: more take minutes to compile.
SAMPLES = 9


def refuse(shape: tuple[int, ...], lengths: Sequence[int], axes: Sequence[int], masked: bool) -> None:
    """Say what is not computed here."""
    size = " x ".join(map(str, lengths))
    what = f"a median of windows of {size} samples"
    if masked:
        what = "a median with a footprint"
    elif math.prod(lengths) <= SAMPLES and math.prod(lengths) % 2 and layout(shape, axes) is None:
        what = f"a median along axes={tuple(axes)} of x of shape {shape}, with others between them,"
    elif math.prod(shape) >= pad.MOST // 2:
        what = f"a median of {math.prod(shape)} samples"
    elif math.prod(lengths) <= SAMPLES and math.prod(lengths) % 2:
        return
    raise ValueError(f"{what} is not computed on a CUDA device, which takes windows of up to {SAMPLES} samples, an odd number "
                     f"of them, along neighbouring axes of fewer than {pad.MOST // 2} samples; fetch x, and compute on the CPU")


def median(x: Line, lengths: Sequence[int], boundary: Sequence[str], axes: Sequence[int], out: Line) -> None:
    """Write the median of the window around each sample along the ascending `axes`; see `refuse`."""
    halo, names = [(0, 0)] * x.ndim, ["zero"] * x.ndim
    for axis, n, name in zip(axes, lengths, boundary, strict=True):
        halo[axis], names[axis] = (n // 2, n // 2), name
    wide = pad.extended(x, halo, names, 0)
    plan = layout(x.shape, axes)
    assert plan is not None
    window = tuple(1 if slot is None else lengths[slot] for slot in plan.slots)
    (_, rows, columns), step = plan.shape, plan.step
    sizes = rows, columns * step, rows + window[1] - 1, (columns + window[2] - 1) * step, step
    ready(kernel(window, x.dtype.name), (-(-out.size // THREADS),), THREADS, x.stream)(wide.line, out.line, sizes)
