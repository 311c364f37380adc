"""Batch normalisation: statistics of channels, normalised samples, and the gradients of both.

Samples are (items, channels, size), flat. Sums run in float64 over lanes in a fixed order, a channel at a time; where the size
is 1 over items in their order, all channels at a time: a channel at a time took 100 times as long for 128 x 256.
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


@kernel
def normalize_rows(x, items, channels, first, last, known, means, variances, weights, biases, eps, relu, out):
    """As `normalize`, of samples of size 1."""
    count = last - first
    if not known:
        around, sums, products = x[first:last], np.zeros(count), np.zeros(count)
        for i in range(items):
            row = x[i * channels + first : i * channels + last]
            for c in range(count):
                apart = np.float64(row[c]) - around[c]
                sums[c] += apart
                products[c] += apart * apart
        for c in range(count):
            mean = sums[c] / items
            variance = products[c] / items - mean * mean
            means[first + c] = around[c] + mean
            variances[first + c] = 0.0 if variance < 0 else variance
    centres, scales = np.empty(count, x.dtype), np.empty(count, x.dtype)
    for c in range(count):
        centres[c] = means[first + c]
        scales[c] = weights[first + c] / math.sqrt(variances[first + c] + eps)
    shifts, zero = biases[first:last], x.dtype.type(0)
    for i in range(items):
        row, result = x[i * channels + first : i * channels + last], out[i * channels + first : i * channels + last]
        if relu:
            for c in range(count):
                value = (row[c] - centres[c]) * scales[c] + shifts[c]
                result[c] = zero if value <= 0 else value
        else:
            for c in range(count):
                result[c] = (row[c] - centres[c]) * scales[c] + shifts[c]


@kernel
def normalize_rows_gradient(x, g, y, items, channels, first, last, known, means, variances, weights, eps, relu, by_x, by_weight,
                            by_bias):
    """As `normalize_gradient`, of samples of size 1."""
    count = last - first
    sums, products, zero = np.zeros(count), np.zeros(count), x.dtype.type(0)
    centres, scales = np.empty(count, x.dtype), np.empty(count, x.dtype)
    shifts, leans = np.zeros(count, x.dtype), np.zeros(count, x.dtype)
    for c in range(count):
        centres[c] = means[first + c]
    for i in range(items):
        begin, end = i * channels + first, i * channels + last
        row, slope, kept = x[begin:end], g[begin:end], y[begin:end]
        if relu:
            for c in range(count):
                raw = slope[c]
                value = np.float64(zero if kept[c] <= 0 else raw)
                sums[c] += value
                products[c] += value * (row[c] - centres[c])
        else:
            for c in range(count):
                value = np.float64(slope[c])
                sums[c] += value
                products[c] += value * (row[c] - centres[c])
    for c in range(count):
        inverse = 1 / math.sqrt(variances[first + c] + eps)
        by_bias[first + c] = sums[c]
        by_weight[first + c] = products[c] * inverse
        scales[c] = weights[first + c] * inverse
        if not known:
            shifts[c] = sums[c] / items
            leans[c] = products[c] / items * inverse * inverse
    for i in range(items):
        begin, end = i * channels + first, i * channels + last
        row, slope, kept, target = x[begin:end], g[begin:end], y[begin:end], by_x[begin:end]
        if relu:
            for c in range(count):
                raw = slope[c]
                value = zero if kept[c] <= 0 else raw
                target[c] = (value - shifts[c] - (row[c] - centres[c]) * leans[c]) * scales[c]
        else:
            for c in range(count):
                target[c] = (slope[c] - shifts[c] - (row[c] - centres[c]) * leans[c]) * scales[c]
