"""Arithmetic of arrays on a CUDA device: what NumPy itself computes on the CPU. Arrays are flat.

Places of four axes: ``sizes`` are their lengths, ``steps`` how far a step along each leads, 0 where an axis is stretched.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel

AXES = 4
u32, i64 = np.uint32, np.int64


@cuda_helper
def place(i, sizes, steps):
    """Where the i-th element lies, the last axis running fastest."""
    x = u32(i % u32(sizes[3]))
    i = u32(i // u32(sizes[3]))
    y = u32(i % u32(sizes[2]))
    i = u32(i // u32(sizes[2]))
    z = u32(i % u32(sizes[1]))
    return i64(i // u32(sizes[1])) * steps[0] + i64(z) * steps[1] + i64(y) * steps[2] + i64(x) * steps[3]


# Functions by their names in NumPy, for `pointwise_cuda`: of two numbers, of one and a factor (before or after it), of one.
PAIRS = {
    "add": lambda a, b, factor: a + b,
    "subtract": lambda a, b, factor: a - b,
    "multiply": lambda a, b, factor: a * b,
    "divide": lambda a, b, factor: a / b,
    "maximum": lambda a, b, factor: a if a >= b or a != a else b,
}
AFTER = {
    "add": lambda x, factor: x + factor,
    "subtract": lambda x, factor: x - factor,
    "multiply": lambda x, factor: x * factor,
    "divide": lambda x, factor: x / factor,
    "maximum": lambda x, factor: x if x >= factor or x != x else factor,
}
BEFORE = {
    **AFTER,
    "subtract": lambda x, factor: factor - x,
    "divide": lambda x, factor: factor / x,
}
SINGLE = {
    "negative": lambda x, factor: -x,
    "absolute": lambda x, factor: abs(x),
    "square": lambda x, factor: x * x,
    "sign": lambda x, factor: x if x != x else int(x > 0) - int(x < 0),
    "exp": lambda x, factor: math.exp(x),
    "log": lambda x, factor: math.log(x),
    "log1p": lambda x, factor: math.log1p(x),
    "sqrt": lambda x, factor: math.sqrt(x),
    "tanh": lambda x, factor: math.tanh(x),
    "fill": lambda x, factor: factor,
}


def stretch_body(name, dtype):
    """The plain function of the kernel ``(a, b, out, sizes, a_steps, b_steps)``: a function of PAIRS of places of four axes."""
    function, nothing = cuda_helper(PAIRS[name]), np.dtype(dtype).type(0)

    def stretch(a, b, out, sizes, a_steps, b_steps):
        i = cuda.grid(1)
        if i < out.size:
            i = u32(i)
            first, second = a[np.uint64(place(i, sizes, a_steps))], b[np.uint64(place(i, sizes, b_steps))]
            out[np.uint64(i)] = function(first, second, nothing)

    return stretch


def move_body(x, out, sizes, x_first, x_steps, out_first, out_steps):
    """Copy from places in x to places in out, from the first of each on, converting to its dtype."""
    i = cuda.grid(1)
    if i < sizes[0] * sizes[1] * sizes[2] * sizes[3]:
        i = u32(i)
        out[np.uint64(out_first + place(i, sizes, out_steps))] = x[np.uint64(x_first + place(i, sizes, x_steps))]


def sums_body(dtype):
    """The plain function of the kernel ``(x, out, parts, kept, kept_steps, sizes, steps)``: sums over places of four axes.

    There is one for each of `kept` places, and of each part of the summed places: those of a part follow one another in out.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))

    def sums(x, out, parts, kept, kept_steps, sizes, steps):
        i = cuda.grid(1)
        if i < out.size:
            results = out.size // parts
            part = i // results
            start = place(u32(i - part * results), kept, kept_steps)
            count = sizes[0] * sizes[1] * sizes[2] * sizes[3]
            total = number(0)
            for k in range(part * count // parts, (part + 1) * count // parts):
                total += x[np.uint64(start + place(u32(k), sizes, steps))]
            out[np.uint64(i)] = total

    return sums


def right_body(scores, labels, hits):
    """Write for each row of scores 1 if its first largest one is the label's, else 0; NaN counts as largest."""
    i = cuda.grid(1)
    if i < labels.size:
        classes = scores.size // labels.size
        start = i * classes
        best, most = 0, scores[np.uint64(start)]
        for c in range(1, classes):
            score = scores[np.uint64(start + c)]
            if score > most or (score != score and most == most):
                best, most = c, score
        hits[np.uint64(i)] = best == labels[np.uint64(i)]


stretch = cache(lambda name, dtype: cuda_kernel(stretch_body(name, dtype)))
sums = cache(lambda dtype: cuda_kernel(sums_body(dtype)))
move, right = cuda_kernel(move_body), cuda_kernel(right_body)
