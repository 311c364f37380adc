"""Arithmetic of arrays on a CUDA device: what NumPy itself computes on the CPU. Arrays are flat; they may be of any dtype.

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


# Functions by their names in NumPy, for `pointwise_cuda`: of two numbers, and of one (and a number that most do not look at).
TWO = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "maximum": lambda a, b: a if a >= b or a != a else b,
    "minimum": lambda a, b: a if a <= b or a != a else b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "bitwise_and": lambda a, b: a & b,
    "bitwise_or": lambda a, b: a | b,
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
    "sin": lambda x, factor: math.sin(x),
    "cos": lambda x, factor: math.cos(x),
    "tanh": lambda x, factor: math.tanh(x),
    "isnan": lambda x, factor: x != x,
    "isfinite": lambda x, factor: x - x == x - x,
    "fill": lambda x, factor: factor,
}
# Those that tell yes or no; of whole numbers too are these, and a few more.
TELLS = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "isfinite"})
EXACT = TELLS | {"add", "subtract", "multiply", "maximum", "minimum", "bitwise_and", "bitwise_or", "negative", "absolute",
                 "fill"}


def of_pairs(function):
    """A function of two numbers, as `pointwise_cuda.combine_body` takes it."""
    apply = cuda_helper(function)
    return lambda a, b, factor: apply(a, b)


def turned(function):
    """A function of two numbers with these exchanged."""
    apply = cuda_helper(function)
    return lambda a, b: apply(b, a)


PAIRS = {name: of_pairs(function) for name, function in TWO.items()}
BEFORE = {name: turned(function) for name, function in TWO.items()}


def stretch_body(name):
    """The plain function of the kernel ``(a, b, out, sizes, a_steps, b_steps)``: a function of TWO of places of four axes."""
    function = cuda_helper(TWO[name])

    def stretch(a, b, out, sizes, a_steps, b_steps):
        i = cuda.grid(1)
        if i < out.size:
            i = u32(i)
            first, second = a[np.uint64(place(i, sizes, a_steps))], b[np.uint64(place(i, sizes, b_steps))]
            out[np.uint64(i)] = function(first, second)

    return stretch


def move_body(x, out, sizes, x_first, x_steps, out_first, out_steps):
    """Copy from places in x to places in out, from the first of each on, converting to its dtype."""
    i = cuda.grid(1)
    if i < sizes[0] * sizes[1] * sizes[2] * sizes[3]:
        i = u32(i)
        out[np.uint64(out_first + place(i, sizes, out_steps))] = x[np.uint64(x_first + place(i, sizes, x_steps))]


def choose_body(condition, a, b, out, sizes, steps, a_steps, b_steps):
    """Write a where the condition holds, else b, of places of four axes."""
    i = cuda.grid(1)
    if i < out.size:
        i = u32(i)
        if condition[np.uint64(place(i, sizes, steps))]:
            out[np.uint64(i)] = a[np.uint64(place(i, sizes, a_steps))]
        else:
            out[np.uint64(i)] = b[np.uint64(place(i, sizes, b_steps))]


def folds_body(name, dtype):
    """The plain function of the kernel ``(x, out, parts, kept, kept_steps, sizes, steps)``: many numbers made one.

    By a function of TWO. There is one for each of `kept` places of four axes, and of each part of the other places: those of a
    part follow one another in out. A sum of none is 0.
    """
    from numba import from_dtype

    number, function = from_dtype(np.dtype(dtype)), cuda_helper(TWO[name])

    def folds(x, out, parts, kept, kept_steps, sizes, steps):
        i = cuda.grid(1)
        if i < out.size:
            results = out.size // parts
            part = i // results
            start = place(u32(i - part * results), kept, kept_steps)
            count = sizes[0] * sizes[1] * sizes[2] * sizes[3]
            first, last = part * count // parts, (part + 1) * count // parts
            total = number(0)
            if first < last:
                total = number(x[np.uint64(start + place(u32(first), sizes, steps))])
            for k in range(first + 1, last):
                total = number(function(total, number(x[np.uint64(start + place(u32(k), sizes, steps))])))
            out[np.uint64(i)] = total

    return folds


def first_body(largest):
    """The plain function of the kernel ``(x, found, out, parts, given, kept, kept_steps, sizes, steps)``: first extremes.

    As `folds_body`, which of the places has the largest number, or the smallest; NaN comes before all others. If some are
    `given`, only those are looked at: `found` holds as many for each of `kept` places, those of a part one after the other.
    """

    def first(x, found, out, parts, given, kept, kept_steps, sizes, steps):
        i = cuda.grid(1)
        if i < out.size:
            results = out.size // parts
            part = i // results
            result = i - part * results
            start = place(u32(result), kept, kept_steps)
            count = given if given else sizes[0] * sizes[1] * sizes[2] * sizes[3]
            begin = part * count // parts
            best = found[np.uint64(begin * results + result)] if given else begin
            most = x[np.uint64(start + place(u32(best), sizes, steps))]
            for k in range(begin + 1, (part + 1) * count // parts):
                at = found[np.uint64(k * results + result)] if given else k
                value = x[np.uint64(start + place(u32(at), sizes, steps))]
                beats = value > most if largest else value < most
                if beats or (value != value and most == most):
                    best, most = at, value
            out[np.uint64(i)] = best

    return first


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


stretch = cache(lambda name: cuda_kernel(stretch_body(name)))
folds = cache(lambda name, dtype: cuda_kernel(folds_body(name, dtype)))
first = cache(lambda largest: cuda_kernel(first_body(largest)))
choose, move, right = (cuda_kernel(body) for body in (choose_body, move_body, right_body))
