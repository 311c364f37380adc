"""Non-linearities on a CUDA device: formulas for `pointwise_cuda`, and softmax along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_kernel
from convkit.kernels.rows_cuda import over_lanes, place_of

i32 = np.int32


class Formula(NamedTuple):
    """``value(x, a)``, and ``back(g, held, a)``: the gradient of `x` from that of the value, with `held` x or the value."""

    value: Callable
    back: Callable
    holds: str


@cache
def formulas(dtype):
    """The formulas by name, with constants of the dtype; a new non-linearity is one row."""
    real = np.dtype(dtype).type
    zero, half, one, three = real(0), real(0.5), real(1), real(3)
    root, density = real(math.sqrt(0.5)), real(1 / math.sqrt(2 * math.pi))
    bend, cube = real(math.sqrt(2 / math.pi)), real(0.044715)

    def logistic(x, a):
        # Of what is not above zero: nothing overflows.
        small = math.exp(-abs(x))
        return one / (one + small) if x > 0 else small / (one + small)

    def gelu_back(g, x, a):
        return g * (half * math.erfc(-x * root) + x * (math.exp(-half * x * x) * density))

    def gelu_tanh_back(g, x, a):
        bent = math.tanh(bend * (x + cube * x * x * x))
        return g * (half * (one + bent) + half * x * (one - bent * bent) * bend * (one + three * cube * x * x))

    return {
        "relu": Formula(lambda x, a: zero if x <= 0 else x, lambda g, y, a: zero if y <= 0 else g, "value"),
        "leaky_relu": Formula(lambda x, a: x if x > 0 else x * a, lambda g, x, a: g if x > 0 else g * a, "x"),
        "elu": Formula(lambda x, a: x if x > 0 else a * math.expm1(x),
                       lambda g, x, a: g if x > 0 else g * (a * math.expm1(x) + a), "x"),
        "gelu": Formula(lambda x, a: x * (half * math.erfc(-x * root)), gelu_back, "x"),
        "gelu_tanh": Formula(lambda x, a: half * x * (one + math.tanh(bend * (x + cube * x * x * x))), gelu_tanh_back, "x"),
        "sigmoid": Formula(logistic, lambda g, y, a: g * (y * (one - y)), "value"),
        "tanh": Formula(lambda x, a: math.tanh(x), lambda g, y, a: g * (one - y * y), "value"),
    }


def softmax_body(dtype, threads, logarithm):
    """The plain function of the kernel ``(x, out, sizes)``: softmax along an axis, or its logarithm.

    Arrays are rows of ``sizes`` = (outer, classes, inner, lanes), as `rows_cuda.place_of` has them. NaN spoils its row.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    zero, least = np.dtype(dtype).type(0), np.dtype(dtype).type(-np.inf)

    def kernel(x, out, sizes):
        shared = cuda.shared.array(threads, number)
        classes, inner, lanes = i32(sizes[1]), i32(sizes[2]), i32(sizes[3])
        here, lane, slot, base, _ = place_of(sizes, threads)
        top, total = least, zero
        if here:
            for c in range(lane, classes, lanes):
                value = x[base + np.uint64(c) * np.uint64(inner)]
                top = top if top >= value or top != top else value
        top = over_lanes(shared, slot, lane, lanes, top, True)
        if here:
            for c in range(lane, classes, lanes):
                total += number(math.exp(x[base + np.uint64(c) * np.uint64(inner)] - top))
        total = over_lanes(shared, slot, lane, lanes, total, False)
        if here:
            shift = number(math.log(total)) if logarithm else zero
            for c in range(lane, classes, lanes):
                i = base + np.uint64(c) * np.uint64(inner)
                if logarithm:
                    out[i] = x[i] - top - shift
                else:
                    out[i] = number(math.exp(x[i] - top)) / total

    return kernel


def softmax_gradient_body(dtype, threads, logarithm):
    """The plain function of the kernel ``(g, y, out, sizes)``: the way back of `softmax_body`, from its result."""
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    zero = np.dtype(dtype).type(0)

    def kernel(g, y, out, sizes):
        shared = cuda.shared.array(threads, number)
        classes, inner, lanes = i32(sizes[1]), i32(sizes[2]), i32(sizes[3])
        here, lane, slot, base, _ = place_of(sizes, threads)
        total = zero
        if here:
            for c in range(lane, classes, lanes):
                i = base + np.uint64(c) * np.uint64(inner)
                total += g[i] if logarithm else g[i] * y[i]
        total = over_lanes(shared, slot, lane, lanes, total, False)
        if here:
            for c in range(lane, classes, lanes):
                i = base + np.uint64(c) * np.uint64(inner)
                if logarithm:
                    out[i] = g[i] - number(math.exp(y[i])) * total
                else:
                    out[i] = g[i] * y[i] - y[i] * total

    return kernel


@cache
def softmax(dtype, threads, logarithm):
    """Kernels forward and back."""
    return tuple(cuda_kernel(make(dtype, threads, logarithm)) for make in (softmax_body, softmax_gradient_body))
