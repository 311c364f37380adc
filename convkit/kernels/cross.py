"""Where samples change their sign along an axis; and weighted sums around single samples."""

from __future__ import annotations

import numpy as np

from convkit._core.jit import helper, kernel


@helper
def _mark(here, before, after, slope, out):
    """Set ``out`` where a sample is nearer to zero than a neighbour of the other sign, or zero between two such.

    The difference to that neighbour, or half of that between the two, is at least ``slope``; of two equally near the
    first is taken. A sample's neighbour may be itself.
    """
    half = here.dtype.type(0.5)
    for j in range(here.size):
        a, b, c = before[j], here[j], after[j]
        back = (((a < 0) & (b > 0)) | ((a > 0) & (b < 0))) & (abs(b) < abs(a)) & (abs(b - a) >= slope)
        ahead = (((c < 0) & (b > 0)) | ((c > 0) & (b < 0))) & (abs(b) <= abs(c)) & (abs(b - c) >= slope)
        through = (b == 0) & (((a < 0) & (c > 0)) | ((a > 0) & (c < 0))) & (half * abs(c - a) >= slope)
        out[j] |= back | ahead | through


def _cross(values, n, inner, slope, first, last, out):
    """Mark crossings of rows ``first : last`` of ``inner`` samples along an axis of length ``n``; of whole lines if it is 1."""
    for i in range(first, last):
        if inner > 1:
            o = i * inner
            here = values[o : o + inner]
            before = here if i % n == 0 else values[o - inner : o]
            after = here if i % n == n - 1 else values[o + inner : o + 2 * inner]
            _mark(here, before, after, slope, out[o : o + inner])
            continue
        line, marks = values[i * n : (i + 1) * n], out[i * n : (i + 1) * n]
        if n > 1:
            _mark(line[:1], line[:1], line[1:2], slope, marks[:1])
            _mark(line[n - 1 :], line[n - 2 : n - 1], line[n - 1 :], slope, marks[n - 1 :])
            _mark(line[1 : n - 1], line[: n - 2], line[2:], slope, marks[1 : n - 1])


cross = kernel(_cross)


def _sum_at(x, places, steps, weights, out):
    """Write to ``out`` (k, n) sums of ``x[places[i] + steps[s]]`` times ``weights[s]``, of shape (n,)."""
    for i in range(places.size):
        for axis in range(weights.shape[1]):
            total = 0.0
            for s in range(steps.size):
                total += weights[s, axis] * np.float64(x[places[i] + steps[s]])
            out[i, axis] = total


sum_at = kernel(_sum_at)
