"""Masks on a CUDA device: a byte for each sample, 0 where it is not valid; arrays are flat."""

from __future__ import annotations

from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel


def erode_body(beyond):
    """The plain function of the kernel ``(valid, out, sizes)``: samples that are valid with both neighbours along an axis.

    Those `beyond` the ends are, or are not. `sizes` = (length of the axis, samples from one to the next).
    """

    def erode(valid, out, sizes):
        i = cuda.grid(1)
        if i < out.size:
            here = np.int64(i)
            n, step = np.int64(sizes[0]), np.int64(sizes[1])
            k = here // step % n
            kept = valid[np.uint64(here)] != 0
            if kept:
                if k > 0:
                    kept = valid[np.uint64(here - step)] != 0
                else:
                    kept = beyond
            if kept:
                if k < n - 1:
                    kept = valid[np.uint64(here + step)] != 0
                else:
                    kept = beyond
            out[np.uint64(here)] = kept

    return erode


@cache
def erode(beyond):
    """Kernel that takes the outermost samples off what is valid along an axis."""
    return cuda_kernel(erode_body(beyond))


def blank_body(whole):
    """The plain function of the kernel ``(values, valid, sizes)``: zeros where samples are not valid.

    `valid` lies as one item of `values`, of which there are several. Unless it is `whole` it has up to three axes: `sizes` =
    (samples of an item, then for each axis its length, and the steps along it of values and of `valid`).
    """

    def blank(values, valid, sizes):
        i = cuda.grid(1)
        if i < values.size:
            place = np.int64(i) % sizes[0]
            if not whole:
                item = place
                place = item // sizes[2] % sizes[1] * sizes[3] + item // sizes[5] % sizes[4] * sizes[6] \
                    + item // sizes[8] % sizes[7] * sizes[9]
            if valid[np.uint64(place)] == 0:
                values[np.uint64(i)] = 0

    return blank


@cache
def blank(whole):
    """Kernel that writes zeros where samples are not valid."""
    return cuda_kernel(blank_body(whole))


def kept_body(dtype):
    """The plain function of the kernel ``(x, valid, out)``: valid samples as numbers of `dtype`, and zeros for others."""
    from numba import from_dtype

    kind = from_dtype(np.dtype(dtype))

    def kept(x, valid, out):
        i = cuda.grid(1)
        if i < out.size:
            at = np.uint64(i)
            out[at] = kind(x[at]) if valid[at] != 0 else kind(0)

    return kept


@cache
def kept(dtype):
    """Kernel that leaves out samples that are not valid."""
    return cuda_kernel(kept_body(dtype))


def mean_body(total, share):
    """Divide sums of weights times samples by the sums of those weights; 0 where there are none."""
    i = cuda.grid(1)
    if i < total.size:
        at = np.uint64(i)
        weight = share[at]
        if weight > 0:
            total[at] /= weight
        else:
            total[at] = 0


mean = cuda_kernel(mean_body)
