"""Wedges of frequencies, wrapped into small boxes and back: products along runs of a row.

A run is a row of integers: its first place in the spectrum, its first place in the box, how many, its first weight, and its
kind: 1 if it goes down in the spectrum, plus 2 if it goes down in the box, plus 4 if the spectrum is conjugated.
"""

from __future__ import annotations

from convkit._core.jit import helper, kernel


@helper
def _forward(spectrum, s, ds, sign, values, v, box, t, dt, count):
    for i in range(count):
        a, b, w = 2 * (s + ds * i), 2 * (t + dt * i), values[v + i]
        box[b] = w * spectrum[a]
        box[b + 1] = sign * w * spectrum[a + 1]


@helper
def _back(box, t, dt, sign, values, v, spectrum, s, ds, count, scale):
    for i in range(count):
        a, b, w = 2 * (s + ds * i), 2 * (t + dt * i), values[v + i] * scale
        spectrum[a] += w * box[b]
        spectrum[a + 1] += sign * w * box[b + 1]


@kernel
def wrap(spectrum, runs, bounds, values, boxes, size):
    """Write the weighted spectrum into boxes of `size` numbers, zero so far: runs bounds[b] to bounds[b + 1] into box b.

    All but runs and bounds are flat, of real and imaginary parts in turn.
    """
    one = values.dtype.type(1)
    for b in range(bounds.size - 1):
        for r in range(bounds[b], bounds[b + 1]):
            s, t, count, v, kind = runs[r, 0], runs[r, 1] + b * size, runs[r, 2], runs[r, 3], runs[r, 4]
            # Steps that the compiler knows make vector code.
            if kind == 0:
                _forward(spectrum, s, 1, one, values, v, boxes, t, 1, count)
            elif kind == 5:
                _forward(spectrum, s, -1, -one, values, v, boxes, t, 1, count)
            elif kind == 6:
                _forward(spectrum, s, 1, -one, values, v, boxes, t, -1, count)
            else:
                _forward(spectrum, s, -1, one, values, v, boxes, t, -1, count)


@kernel
def unwrap(boxes, size, runs, bounds, values, scale, spectrum, pitch, turn, turns):
    """Add boxes, weighted, to the spectrum: the adjoint of `wrap`, times `scale`.

    Rows of `pitch` numbers are shared out in turn: only those whose number is `turn` modulo `turns` are touched.
    """
    one = values.dtype.type(1)
    for b in range(bounds.size - 1):
        for r in range(bounds[b], bounds[b + 1]):
            s, t, count, v, kind = runs[r, 0], runs[r, 1] + b * size, runs[r, 2], runs[r, 3], runs[r, 4]
            if turns > 1 and s // pitch % turns != turn:
                continue
            if kind == 0:
                _back(boxes, t, 1, one, values, v, spectrum, s, 1, count, scale)
            elif kind == 5:
                _back(boxes, t, 1, -one, values, v, spectrum, s, -1, count, scale)
            elif kind == 6:
                _back(boxes, t, -1, -one, values, v, spectrum, s, 1, count, scale)
            else:
                _back(boxes, t, -1, one, values, v, spectrum, s, -1, count, scale)
