"""Losses of classes on a CUDA device, with their derivatives, and formulas of losses of differences and of their reduction."""

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


def cross_entropy_body(dtype, threads):
    """The plain function of the kernel ``(x, labels, weights, losses, gradient, smoothing, ignored, sizes)``.

    Rows are those of `rows_cuda.place_of`, with ``sizes[4]`` whether there are weights of the classes. ``losses`` is (2, rows):
    the losses, and the weights of the labels. Rows whose label is ignored give zeros, those whose label is no class NaN.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    real = np.dtype(dtype).type
    zero, one, least, unknown = real(0), real(1), real(-np.inf), real(np.nan)

    def kernel(x, labels, weights, losses, gradient, smoothing, ignored, sizes):
        shared = cuda.shared.array(threads, number)
        classes, inner, lanes, weighted = i32(sizes[1]), i32(sizes[2]), i32(sizes[3]), sizes[4] != 0
        here, lane, slot, base, row = place_of(sizes, threads)
        spread = smoothing / number(classes)
        label = labels[row] if here else np.int64(0)
        known = label != ignored
        wrong = known and (label < 0 or label >= classes)
        top, norm, apart, total = least, zero, zero, zero
        if here:
            for c in range(lane, classes, lanes):
                value = x[base + np.uint64(c) * np.uint64(inner)]
                top = top if top >= value or top != top else value
        top = over_lanes(shared, slot, lane, lanes, top, True)
        if here:
            for c in range(lane, classes, lanes):
                ahead = x[base + np.uint64(c) * np.uint64(inner)] - top
                share = weights[np.uint32(c)] if weighted else one
                norm += number(math.exp(ahead))
                apart += share * ahead
                total += share
        norm = over_lanes(shared, slot, lane, lanes, norm, False)
        apart = over_lanes(shared, slot, lane, lanes, apart, False)
        total = over_lanes(shared, slot, lane, lanes, total, False)
        if here:
            weight = zero
            if wrong:
                weight = unknown
            elif known:
                weight = weights[np.uint64(label)] if weighted else one
            right = (one - smoothing) * weight
            if lane == 0:
                loss = weight
                if known and not wrong:
                    log_norm = number(math.log(norm))
                    loss = right * (log_norm - (x[base + np.uint64(label) * np.uint64(inner)] - top))
                    if smoothing > 0:
                        loss += spread * (log_norm * total - apart)
                losses[row] = loss
                losses[np.uint64(sizes[0] * inner) + row] = weight
            factor = (right + spread * total) / norm
            for c in range(lane, classes, lanes):
                at = base + np.uint64(c) * np.uint64(inner)
                slope = weight
                if known and not wrong:
                    slope = number(math.exp(x[at] - top)) * factor
                    if smoothing > 0:
                        slope -= spread * (weights[np.uint32(c)] if weighted else one)
                    if c == label:
                        slope -= right
                gradient[at] = slope

    return kernel


def margin_body(dtype, threads):
    """As `cross_entropy_body`, kernel ``(x, labels, weights, losses, gradient, distance, scale, sizes)``.

    The sum over classes but the right one of ``max(0, distance - x[label] + x[c]) ** sizes[5]``, times the scale.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(dtype))
    real = np.dtype(dtype).type
    zero, one, two, unknown = real(0), real(1), real(2), real(np.nan)

    def kernel(x, labels, weights, losses, gradient, distance, scale, sizes):
        shared = cuda.shared.array(threads, number)
        classes, inner, lanes, power = i32(sizes[1]), i32(sizes[2]), i32(sizes[3]), sizes[5]
        here, lane, slot, base, row = place_of(sizes, threads)
        label = labels[row] if here else np.int64(0)
        weight, right = unknown, unknown
        if here and 0 <= label < classes:
            weight = scale * (weights[np.uint64(label)] if sizes[4] else one)
            right = x[base + np.uint64(label) * np.uint64(inner)]
        loss, beaten = zero, zero
        if here:
            for c in range(lane, classes, lanes):
                at = base + np.uint64(c) * np.uint64(inner)
                lead, slope = distance - right + x[at], zero
                # NaN is not lost.
                if c != label and not lead <= 0:
                    slope = weight if power == 1 else two * weight * lead
                    loss += weight * lead if power == 1 else weight * lead * lead
                    beaten += slope
                gradient[at] = slope
        loss = over_lanes(shared, slot, lane, lanes, loss, False)
        beaten = over_lanes(shared, slot, lane, lanes, beaten, False)
        if here and lane == 0:
            if 0 <= label < classes:
                gradient[base + np.uint64(label) * np.uint64(inner)] = -beaten
            losses[row] = loss
            losses[np.uint64(sizes[0] * inner) + row] = one

    return kernel


def along_body(x, g, out, sizes):
    """Write the numbers of rows of ``sizes`` = (outer, classes, inner, ...), each times the g of its row."""
    i = cuda.grid(1)
    if i < out.size:
        inner = sizes[2]
        out[np.uint64(i)] = x[np.uint64(i)] * g[np.uint64(i // (sizes[1] * inner) * inner + i % inner)]


along = cuda_kernel(along_body)


class Difference(NamedTuple):
    """Of two numbers and a width: the loss, and its derivative by the first."""

    value: Callable
    slope: Callable


@cache
def differences(dtype):
    """Losses of differences by their names."""
    real = np.dtype(dtype).type
    zero, half, one, two = real(0), real(0.5), real(1), real(2)

    def huber(x, t, delta):
        d = abs(x - t)
        return delta * (d - half * delta) if d > delta else half * d * d

    def huber_slope(x, t, delta):
        d = x - t
        return delta if d > delta else (-delta if d < -delta else d)

    def sign(x, t, delta):
        d = x - t
        return one if d > 0 else (-one if d < 0 else (zero if d == 0 else d))

    return {
        "mse_loss": Difference(lambda x, t, delta: (x - t) * (x - t), lambda x, t, delta: two * (x - t)),
        "l1_loss": Difference(lambda x, t, delta: abs(x - t), sign),
        "huber_loss": Difference(huber, huber_slope),
    }


@cache
def reductions(dtype):
    """What `sums_cuda.finish_body` makes of the sums of losses and of weights: the loss, and the factor of its gradient."""
    real = np.dtype(dtype).type
    zero, one, unknown = real(0), real(1), real(np.nan)
    return {
        # With no item that counts, the gradient is 0 and the mean NaN.
        "mean": lambda a, b, factor: (unknown, zero) if b == 0 else (a / b, one / b),
        "sum": lambda a, b, factor: (a, one),
        "scaled": lambda a, b, factor: (a * factor, factor),
    }


@cache
def rowwise(make, dtype, threads):
    """Kernel of one of the bodies above."""
    return cuda_kernel(make(dtype, threads))
