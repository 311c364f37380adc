"""Losses of classes, with their derivatives, in one walk over the scores."""

from __future__ import annotations

import math

from convkit._core.jit import kernel


@kernel
def cross_entropy(x, labels, weights, weighted, ignored, smoothing, losses, gradient):
    """Write the loss of each row of ``x`` = (rows, classes) and its derivative; the sums of losses and of weights come back.

    ``weights`` of the classes are read where ``weighted``. Rows whose label is ``ignored`` give zeros. A label out of range
    ends the walk, and its row comes back as -1 - row in the place of the weights.
    """
    rows, classes = x.shape
    summed, total = 0.0, 0.0
    spread = smoothing / classes
    all_weights = 1.0 * classes
    if weighted:
        all_weights = 0.0
        for c in range(classes):
            all_weights += weights[c]
    for i in range(rows):
        label = labels[i]
        if label == ignored:
            losses[i] = 0
            for c in range(classes):
                gradient[i, c] = 0
            continue
        if label < 0 or label >= classes:
            return summed, -1.0 - i
        # A comparison with NaN is false: it comes in through the sum.
        top = x[i, 0]
        for c in range(1, classes):
            if x[i, c] > top:
                top = x[i, c]
        norm = 0.0
        for c in range(classes):
            value = math.exp(x[i, c] - top)
            gradient[i, c] = value
            norm += value
        weight = 1.0 * weights[label] if weighted else 1.0
        total += weight
        log_norm = math.log(norm) + top
        loss = (1 - smoothing) * weight * (log_norm - x[i, label])
        factor = ((1 - smoothing) * weight + spread * all_weights) / norm
        for c in range(classes):
            gradient[i, c] *= factor
        gradient[i, label] -= (1 - smoothing) * weight
        if smoothing > 0:
            for c in range(classes):
                share = spread * weights[c] if weighted else spread
                loss += share * (log_norm - x[i, c])
                gradient[i, c] -= share
        losses[i] = loss
        summed += loss
    return summed, total


@kernel
def margin(x, labels, weights, weighted, power, distance, losses, gradient):
    """As `cross_entropy`: the sum over classes but the right one of ``max(0, distance - x[label] + x[c]) ** power``."""
    rows, classes = x.shape
    summed = 0.0
    ahead = x.dtype.type(distance)
    for i in range(rows):
        label = labels[i]
        if label < 0 or label >= classes:
            return summed, -1.0 - i
        weight = 1.0 * weights[label] if weighted else 1.0
        loss, beaten = 0.0, 0.0
        for c in range(classes):
            lead = ahead - x[i, label] + x[i, c]
            gradient[i, c] = 0
            # NaN is not lost.
            if c != label and not lead <= 0:
                slope = weight if power == 1 else 2 * weight * lead
                loss += weight * lead if power == 1 else weight * lead * lead
                gradient[i, c] = slope
                beaten += slope
        gradient[i, label] = -beaten
        losses[i] = loss
        summed += loss
    return summed, 1.0 * rows
