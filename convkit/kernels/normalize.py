"""Batch normalisation: statistics of channels, normalised samples, and the gradients of both.

Samples are (items, channels, size), flat. Sums run in float64 over lanes in a fixed order, a channel at a time.
"""

from __future__ import annotations

import math

import numpy as np

from convkit._core.jit import helper, kernel

# Many, so that what is done once for all of them, such as looking whether arrays overlap, costs little.
LANES = 128


@helper
def _moments(x, c, items, channels, size, sums, products):
    """Mean and variance (divided by the number of samples) of a channel.

    The first sample is taken from all: the sums then lose no more than a mean far from zero would cost.
    """
    sums[:] = 0
    products[:] = 0
    around = x[c * size]
    for i in range(items):
        line = x[(i * channels + c) * size : (i * channels + c + 1) * size]
        for k in range(0, size, LANES):
            part = line[k : k + LANES]
            for lane in range(part.size):
                apart = np.float64(part[lane]) - around
                sums[lane] += apart
                products[lane] += apart * apart
    total, squares = 0.0, 0.0
    for lane in range(LANES):
        total += sums[lane]
        squares += products[lane]
    count = items * size
    mean = total / count
    # Rounding may leave less than nothing; NaN stays.
    variance = squares / count - mean * mean
    return around + mean, 0.0 if variance < 0 else variance


@kernel
def normalize(x, items, channels, size, first, last, known, means, variances, weights, biases, eps, relu, out):
    """Write ``(x - mean) / sqrt(variance + eps) * weight + bias`` for the channels ``first`` to ``last``.

    Without ``known`` the channels' own moments are written to ``means`` and ``variances`` first. With ``relu`` negative results
    become zero.
    """
    sums, products = np.empty(LANES), np.empty(LANES)
    zero = x.dtype.type(0)
    for c in range(first, last):
        if not known:
            means[c], variances[c] = _moments(x, c, items, channels, size, sums, products)
        mean, bias = x.dtype.type(means[c]), biases[c]
        scale = x.dtype.type(weights[c] / math.sqrt(variances[c] + eps))
        for i in range(items):
            begin = (i * channels + c) * size
            line, result = x[begin : begin + size], out[begin : begin + size]
            if relu:
                for k in range(size):
                    value = (line[k] - mean) * scale + bias
                    result[k] = zero if value <= 0 else value
            else:
                for k in range(size):
                    result[k] = (line[k] - mean) * scale + bias


@kernel
def normalize_gradient(x, g, y, items, channels, size, first, last, known, means, variances, weights, eps, relu, by_x,
                       by_weight, by_bias):
    """Write the gradients of samples, weights and biases; with ``relu`` those of results ``y`` that are zero count as zero.

    Moments that were ``known`` do not depend on the samples.
    """
    sums, products = np.empty(LANES), np.empty(LANES)
    zero = x.dtype.type(0)
    for c in range(first, last):
        mean = x.dtype.type(means[c])
        inverse = 1 / math.sqrt(variances[c] + eps)
        sums[:] = 0
        products[:] = 0
        for i in range(items):
            begin = (i * channels + c) * size
            line, slope, result = x[begin : begin + size], g[begin : begin + size], y[begin : begin + size]
            for k in range(0, size, LANES):
                part, slopes, kept = line[k : k + LANES], slope[k : k + LANES], result[k : k + LANES]
                if relu:
                    for lane in range(part.size):
                        raw = slopes[lane]
                        value = np.float64(zero if kept[lane] <= 0 else raw)
                        sums[lane] += value
                        products[lane] += value * (part[lane] - mean)
                else:
                    for lane in range(part.size):
                        value = np.float64(slopes[lane])
                        sums[lane] += value
                        products[lane] += value * (part[lane] - mean)
        total, product = 0.0, 0.0
        for lane in range(LANES):
            total += sums[lane]
            product += products[lane]
        by_bias[c] = total
        by_weight[c] = product * inverse
        count = items * size
        scale = x.dtype.type(weights[c] * inverse)
        shift, lean = x.dtype.type(0), x.dtype.type(0)
        if not known:
            shift = x.dtype.type(total / count)
            lean = x.dtype.type(product / count * inverse * inverse)
        for i in range(items):
            begin = (i * channels + c) * size
            line, slope, result = x[begin : begin + size], g[begin : begin + size], y[begin : begin + size]
            target = by_x[begin : begin + size]
            if relu:
                for k in range(size):
                    raw = slope[k]
                    value = zero if result[k] <= 0 else raw
                    target[k] = (value - shift - (line[k] - mean) * lean) * scale
            else:
                for k in range(size):
                    target[k] = (slope[k] - shift - (line[k] - mean) * lean) * scale
