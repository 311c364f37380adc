"""Derivatives along all axes of images and volumes, and their magnitude, in one sweep over rows.

A row that is read goes into a ring of lines in the first-level cache, extended beyond its ends and converted. Lines are
then summed, smoothed one way and differenced the other, first across planes, then across rows, then along the row. Each
of these is one loop over shifted runs of one buffer, and vectorises; nothing is multiplied by a tap that is zero.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import intrinsic, overload

from convkit._core.jit import helper, kernel
from convkit.kernels import simd

# Lines are computed to a multiple of this, past their ends too: an odd element left over costs as much as a vector.
ROOM = 32


def fma(a, b, c):
    """``a * b + c``: said which product of a sum of two is fused, all parts of a loop round alike."""
    return a * b + c


@intrinsic
def _fused(typingctx, a, b, c):
    """``a * b + c`` of scalars, rounded once."""

    def codegen(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return a(a, a, a), codegen


@overload(fma)
def _fma(a, b, c):
    # Without the instruction it would be a call, and nothing is fused anyway.
    if simd.vector_bits():
        return lambda a, b, c: _fused(a, b, c)
    return lambda a, b, c: a * b + c


@helper
def _smooth(x, p, taps, scale, out, o, n):
    """Write ``scale`` times the sums of ``x[p[t]:]`` weighted by symmetric ``taps``, of 2, 3 or 5, to ``out[o:]``."""
    line = out[o : o + n]
    a, b = x[p[0] : p[0] + n], x[p[1] : p[1] + n]
    outer = taps[0]
    if taps.size == 2:
        for i in range(n):
            line[i] = (a[i] + b[i]) * outer * scale
        return
    c, middle = x[p[2] : p[2] + n], taps[taps.size // 2]
    if taps.size == 3:
        for i in range(n):
            line[i] = fma(b[i], middle, (a[i] + c[i]) * outer) * scale
        return
    d, e, inner = x[p[3] : p[3] + n], x[p[4] : p[4] + n], taps[1]
    for i in range(n):
        line[i] = fma(a[i] + e[i], outer, fma(b[i] + d[i], inner, c[i] * middle)) * scale


@helper
def _difference(x, p, taps, scale, out, o, n):
    """As `_smooth`, with antisymmetric ``taps`` whose last is positive."""
    line = out[o : o + n]
    a, b = x[p[0] : p[0] + n], x[p[1] : p[1] + n]
    outer = taps[taps.size - 1]
    if taps.size == 2:
        for i in range(n):
            line[i] = (b[i] - a[i]) * outer * scale
        return
    c = x[p[2] : p[2] + n]
    if taps.size == 3:
        for i in range(n):
            line[i] = (c[i] - a[i]) * outer * scale
        return
    d, e, inner = x[p[3] : p[3] + n], x[p[4] : p[4] + n], taps[3]
    for i in range(n):
        line[i] = fma(e[i] - a[i], outer, (d[i] - b[i]) * inner) * scale


@helper
def _norm(x, i0, y, i1, scale, out, o, n):
    """Write ``scale`` times the norms of pairs of ``x[i0:]`` and ``y[i1:]`` to ``out[o:]``."""
    a, b, line = x[i0 : i0 + n], y[i1 : i1 + n], out[o : o + n]
    for i in range(n):
        line[i] = math.sqrt(fma(a[i], a[i], b[i] * b[i])) * scale


@helper
def _absolute(x, i0, scale, out, o, n):
    """Write ``scale`` times the absolute values of ``x[i0:]`` to ``out[o:]``."""
    a, line = x[i0 : i0 + n], out[o : o + n]
    for i in range(n):
        line[i] = abs(a[i]) * scale


@helper
def _norm_of_three(x, i0, y, i1, z, i2, scale, out, o, n):
    """As `_norm`, of triples."""
    a, b, c, line = x[i0 : i0 + n], y[i1 : i1 + n], z[i2 : i2 + n], out[o : o + n]
    for i in range(n):
        line[i] = math.sqrt(fma(a[i], a[i], fma(b[i], b[i], c[i] * c[i]))) * scale


@helper
def _slope(x, plus, minus, taps, difference, scale, out, o, n):
    """Write ``scale`` times a derivative of three taps to ``out[o:]``: of differences between ``x[plus[t]:]`` and
    ``x[minus[t]:]``, weighted by ``taps``.
    """
    line = out[o : o + n]
    a, b, c = x[plus[0] : plus[0] + n], x[plus[1] : plus[1] + n], x[plus[2] : plus[2] + n]
    d, e, f = x[minus[0] : minus[0] + n], x[minus[1] : minus[1] + n], x[minus[2] : minus[2] + n]
    outer, middle = taps[0] * difference[2], taps[1] * difference[2]
    for i in range(n):
        line[i] = fma((a[i] - d[i]) + (c[i] - f[i]), outer, (b[i] - e[i]) * middle) * scale


@helper
def _magnitude(x, p, step, taps, difference, scale, out, o, n):
    """Write ``scale`` times the norms of the two derivatives to ``out[o:]``, of three taps of the rows at ``p``.

    Samples are ``step`` elements apart. The corners' differences serve both derivatives, and nothing is kept on the way:
    a quarter faster than a pass down the columns and one along the rows.
    """
    line = out[o : o + n]
    i0, i1, i2 = p[0], p[1], p[2]
    a, b, c = x[i0 : i0 + n], x[i0 + step : i0 + step + n], x[i0 + 2 * step : i0 + 2 * step + n]
    d, e = x[i1 : i1 + n], x[i1 + 2 * step : i1 + 2 * step + n]
    f, g, h = x[i2 : i2 + n], x[i2 + step : i2 + step + n], x[i2 + 2 * step : i2 + 2 * step + n]
    outer, middle = taps[0] * difference[2], taps[1] * difference[2]
    for i in range(n):
        one, other = h[i] - a[i], f[i] - c[i]
        down = fma(one + other, outer, (g[i] - b[i]) * middle)
        across = fma(one - other, outer, (e[i] - d[i]) * middle)
        line[i] = math.sqrt(fma(down, down, across * across)) * scale


@helper
def _load(x, start, shift, inner0, inner1, count, sources, out, o):
    """Write ``count`` elements of an extended row to ``out[o:]``, ``inner0 : inner1`` of them as they lie in ``x``."""
    line = out[o : o + count]
    if start < 0:
        for i in range(count):
            line[i] = 0
        return
    n = inner1 - inner0
    run, inner = x[start + shift + inner0 : start + shift + inner1], line[inner0:inner1]
    for i in range(n):
        inner[i] = run[i]
    for e in range(inner0 + count - inner1):
        i = e if e < inner0 else e - inner0 + inner1
        line[i] = 0
        if sources[e] >= 0:
            line[i] = x[start + sources[e]]


def _gradient_box(x, shape, ndim, depths, rows, beyond, before, step, smooth, difference, scale, post, wanted, components,
                  magnitude, spread, place, box, buffer):
    """Derivatives along the last ``ndim`` axes of a box of ``x`` of ``shape`` = (D, H, W), W in samples.

    ``depths`` and ``rows`` are index maps of the first two axes, extended where derivatives are taken along them (-1: zeros),
    ``beyond`` and ``before`` those of the last; a sample has ``step`` elements. ``smooth`` and ``difference`` are taps, both
    2, 3 or 5; derivatives are multiplied by ``scale``, their norm by ``post``. ``wanted`` tells which to write: the
    derivatives along the three axes, to ``components`` with ``spread`` elements from one to the next, and the norm to
    ``magnitude``. ``place`` = (height, pitch, origin) of the former, then of the latter: element (z, y, c) lies at
    (z * height + y) * pitch + c - origin. ``box`` = (z0, z1, y0, y1, c0, c1), columns in elements.
    """
    height, width = shape[1], shape[2]
    z0, z1, y0, y1, c0, c1 = box
    count = smooth.size
    n = c1 - c0
    lead = before * step
    loaded = n + (count - 1) * step
    padded = (loaded + ROOM - 1) // ROOM * ROOM
    length = padded + ROOM
    inner0 = min(max(lead - c0, 0), loaded)
    inner1 = max(min(lead + width * step - c0, loaded), inner0)
    sources = np.empty(loaded, np.int64)
    extra = max(before, 0) - before - width
    e = 0
    for side in range(2):
        for i in range(0 if side == 0 else inner1, inner0 if side == 0 else loaded):
            source = beyond[(c0 + i) // step + (0 if side == 0 else extra)]
            sources[e] = -1 if source < 0 else source * step + (c0 + i) % step
            e += 1
    ring = np.empty(count, np.int64)
    other = np.empty(count, np.int64)
    single = np.empty(count, np.int64)
    across = np.empty((3, count), np.int64)
    plus, minus = np.empty((2, 3), np.int64), np.empty((2, 3), np.int64)
    planes = np.empty(count, np.int64)
    base = 2 * count * length
    for t in range(count):
        single[t] = t * step
        planes[t] = base + t * length
        for k in range(3):
            across[k, t] = base + k * length + t * step
    # Nothing reads what lines hold past their ends, but all of it is computed with.
    for line in range(2 * count + max(3, count)):
        for i in range(loaded, length):
            buffer[line * length + i] = 0
    one = scale / scale
    spare = base + max(3, count) * length
    norm = wanted[3]
    flat = count == 3 and ndim == 2
    deep = ndim == 3
    tall = 1 if ndim == 1 else count
    for z in range(z0, z1):
        turn = 0
        for r in range(y1 - y0 + tall - 1):
            slot = turn * length
            turn = turn + 1 if turn + 1 < tall else 0
            source = rows[y0 + r]
            if deep:
                for t in range(count):
                    plane = depths[z + t]
                    start = -1 if source < 0 or plane < 0 else (plane * height + source) * width * step
                    _load(x, start, c0 - lead, inner0, inner1, loaded, sources, buffer, planes[t])
                _smooth(buffer, planes, smooth, one, buffer, slot, padded)
                _difference(buffer, planes, difference, one, buffer, slot + count * length, padded)
            else:
                start = -1 if source < 0 else (z * height + source) * width * step
                _load(x, start, c0 - lead, inner0, inner1, loaded, sources, buffer, slot)
            y = y0 + r - tall + 1
            if y < y0:
                continue
            if ndim > 1:
                for t in range(count):
                    ring[t] = (turn + t if turn + t < count else turn + t - count) * length
                    other[t] = ring[t] + count * length
            o = (z * place[0] + y) * place[1] + c0 - place[2]
            u = (z * place[3] + y) * place[4] + c0 - place[5]
            if flat:
                if norm:
                    _magnitude(buffer, ring, step, smooth, difference, scale * post, magnitude, u, n)
                for t in range(3):
                    minus[0, t], plus[0, t] = ring[0] + t * step, ring[2] + t * step
                    minus[1, t], plus[1, t] = ring[t], ring[t] + 2 * step
                if wanted[1]:
                    _slope(buffer, plus[0], minus[0], smooth, difference, scale, components, o + spread, n)
                if wanted[2]:
                    _slope(buffer, plus[1], minus[1], smooth, difference, scale, components, o + 2 * spread, n)
                continue
            first, second, third = buffer, buffer, buffer
            i0, i1, i2 = spare, spare + length, spare + 2 * length
            if wanted[0]:
                first, i0 = components, o
            if wanted[1]:
                second, i1 = components, o + spread
            if wanted[2]:
                third, i2 = components, o + 2 * spread
            if ndim == 1:
                _difference(buffer, single, difference, scale, third, i2, n)
                if norm:
                    _absolute(third, i2, post, magnitude, u, n)
                continue
            if deep and (wanted[0] or norm):
                _smooth(buffer, other, smooth, one, buffer, across[0, 0], padded)
                _smooth(buffer, across[0], smooth, scale, first, i0, n)
            if wanted[1] or norm:
                _difference(buffer, ring, difference, one, buffer, across[1, 0], padded)
                _smooth(buffer, across[1], smooth, scale, second, i1, n)
            if wanted[2] or norm:
                _smooth(buffer, ring, smooth, one, buffer, across[2, 0], padded)
                _difference(buffer, across[2], difference, scale, third, i2, n)
            if norm and deep:
                _norm_of_three(third, i2, second, i1, first, i0, post, magnitude, u, n)
            elif norm:
                _norm(third, i2, second, i1, post, magnitude, u, n)


gradient_box = kernel(_gradient_box)


def memory(columns: int, count: int, step: int) -> int:
    """Elements of the buffer of `gradient_box` for boxes of ``columns`` elements and ``count`` taps."""
    loaded = columns + (count - 1) * step
    return (2 * count + max(3, count) + 3) * ((loaded + ROOM - 1) // ROOM * ROOM + ROOM)
