"""Means of the samples around, weighed by their distance and by how much they differ: one pass over lines per pair of taps."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from convkit._core.jit import kernel

# Powers of f in 2**f for |f| <= 1/2: interpolated in Chebyshev's points for single precision (with rounding, a relative
# error of 2.4e-7), Taylor's for double.
SINGLE = (1.0000000754548972, 0.6931471880262273, 0.2402210748530968, 0.05550357114222094, 0.009676031918255982,
          0.001339086336353527)
DOUBLE = (1.0, 0.6931471805599453, 0.2402265069591007, 0.055504108664821576, 0.009618129107628477, 0.0013333558146428441,
          0.00015403530393381606, 1.5252733804059838e-05, 1.3215486790144305e-06, 1.0178086009239696e-07,
          7.054911620801121e-09, 4.44553827187081e-10, 2.5678435993488196e-11)
# Below these powers of two a weight makes no difference to a sum that begins with 1.
_LEAST_SINGLE, _LEAST_DOUBLE = np.float32(-126), np.float64(-1022)
# Adding and taking away these rounds to whole numbers, and vectorises.
_ROUND_SINGLE, _ROUND_DOUBLE = np.float32(3 << 22), np.float64(3 << 51)


def power_of_two(t):
    """2**t for t <= 0; where t is NaN, or so small that the result is no normal number, a number near the least one."""
    least = -126.0 if isinstance(t, np.float32) else -1022.0
    return type(t)(2.0 ** max(float(t), least)) if t == t else type(t)(2.0**least)


@overload(power_of_two)
def _power_of_two(t):
    # A comparison with NaN is false: only numbers are converted to integers.
    if t == types.float32:
        a, b, c, d, e, f = (np.float32(v) for v in SINGLE)

        def single(t):
            u = t if t > _LEAST_SINGLE else _LEAST_SINGLE
            whole = (u + _ROUND_SINGLE) - _ROUND_SINGLE
            x = u - whole
            p = ((((f * x + e) * x + d) * x + c) * x + b) * x + a
            return p * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)

        return single
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12 = DOUBLE

    def double(t):
        u = t if t > _LEAST_DOUBLE else _LEAST_DOUBLE
        whole = (u + _ROUND_DOUBLE) - _ROUND_DOUBLE
        x = u - whole
        p = (((((((((((a12 * x + a11) * x + a10) * x + a9) * x + a8) * x + a7) * x + a6) * x + a5) * x + a4) * x + a3) * x + a2)
             * x + a1) * x + a0
        return p * np.int64((np.int64(whole) + np.int64(1023)) << np.int64(52)).view(np.float64)

    return double


def _weigh(x, start, apart, shape, planes, rows, beyond, before, deep, high, reach, taps, logs, scale, out, extent, box,
           strip, panel, buffer):
    """Write the bilateral means of the windows of ``box`` = (z0, z1, y0, y1, c0, c1) to ``out``.

    ``x`` is flat; its channels, of ``shape`` = (D, H, W), begin at ``start`` and ``apart`` from there on, and those of ``out``
    of ``extent`` in the same places. ``planes`` and ``rows`` are sources with the halo, ``beyond`` those of samples before and
    after a row, ``before`` many before; -1 is zero. ``taps`` are pairs of opposite places (z, y, x, z, y, x) in windows of
    ``deep`` planes, ``high`` rows and ``reach`` + 1 columns, ``logs`` the logarithms to base 2 of their weights; to these comes
    ``scale`` times the squared distance of the colours. ``strip`` rows and ``panel`` columns are done at a time.
    """
    z0, z1, c0 = box[0], box[1], box[4]
    n = box[5] - c0
    channels = apart.size
    pitch = n + reach
    width = shape[2]
    most = (z1 - z0 + deep - 1) * (strip + high - 1) * pitch
    inner0 = min(max(before - c0, 0), pitch)
    inner1 = max(min(before + width - c0, pitch), inner0)
    one = buffer.dtype.type(1)
    none = buffer.dtype.type(0)
    first = channels * most
    total = buffer[first : first + panel]
    weights = buffer[first + panel : first + 2 * panel]
    others = buffer[first + 2 * panel : first + 3 * panel]
    for y0 in range(box[2], box[3], strip):
        y1 = min(y0 + strip, box[3])
        tall = y1 - y0 + high - 1
        for channel in range(channels):
            o = channel * most
            for z in range(z0, z1 + deep - 1):
                for y in range(y0, y1 + high - 1):
                    line = buffer[o : o + pitch]
                    if planes[z] < 0 or rows[y] < 0:
                        line[:] = none
                    else:
                        base = start + apart[channel] + (planes[z] * shape[1] + rows[y]) * width
                        run = x[base + c0 - before + inner0 : base + c0 - before + inner1]
                        inside = line[inner0:inner1]
                        for i in range(run.size):
                            inside[i] = run[i]
                        for i in range(inner0):
                            source = beyond[c0 + i]
                            line[i] = none if source < 0 else x[base + source]
                        for i in range(inner1, pitch):
                            source = beyond[c0 + i - width]
                            line[i] = none if source < 0 else x[base + source]
                    o += pitch
        for z in range(z0, z1):
            for y in range(y0, y1):
                for c in range(0, n, panel):
                    m = min(panel, n - c)
                    here = ((z - z0 + deep // 2) * tall + y - y0 + high // 2) * pitch + c + reach // 2
                    den = total[:m]
                    den[:] = one
                    for channel in range(channels):
                        buffer[first + (3 + channel) * panel : first + (3 + channel) * panel + m] = none
                    for t in range(taps.shape[0]):
                        a = ((z - z0 + taps[t, 0]) * tall + y - y0 + taps[t, 1]) * pitch + c + taps[t, 2]
                        b = ((z - z0 + taps[t, 3]) * tall + y - y0 + taps[t, 4]) * pitch + c + taps[t, 5]
                        log = logs[t]
                        if channels == 1:
                            middle, left, right = buffer[here : here + m], buffer[a : a + m], buffer[b : b + m]
                            num = buffer[first + 3 * panel : first + 3 * panel + m]
                            for i in range(m):
                                d, e = left[i] - middle[i], right[i] - middle[i]
                                v, w = power_of_two(scale * (d * d) + log), power_of_two(scale * (e * e) + log)
                                den[i] += v + w
                                num[i] += v * d + w * e
                            continue
                        vs, ws = weights[:m], others[:m]
                        for channel in range(channels):
                            at = channel * most
                            middle = buffer[at + here : at + here + m]
                            left, right = buffer[at + a : at + a + m], buffer[at + b : at + b + m]
                            if channel == 0:
                                for i in range(m):
                                    d, e = left[i] - middle[i], right[i] - middle[i]
                                    vs[i], ws[i] = d * d, e * e
                            else:
                                for i in range(m):
                                    d, e = left[i] - middle[i], right[i] - middle[i]
                                    vs[i] += d * d
                                    ws[i] += e * e
                        for i in range(m):
                            v, w = power_of_two(scale * vs[i] + log), power_of_two(scale * ws[i] + log)
                            vs[i], ws[i] = v, w
                            den[i] += v + w
                        for channel in range(channels):
                            at = channel * most
                            middle = buffer[at + here : at + here + m]
                            left, right = buffer[at + a : at + a + m], buffer[at + b : at + b + m]
                            num = buffer[first + (3 + channel) * panel : first + (3 + channel) * panel + m]
                            for i in range(m):
                                num[i] += vs[i] * (left[i] - middle[i]) + ws[i] * (right[i] - middle[i])
                    for channel in range(channels):
                        at = channel * most + here
                        middle = buffer[at : at + m]
                        num = buffer[first + (3 + channel) * panel : first + (3 + channel) * panel + m]
                        o = start + apart[channel] + (z * extent[1] + y) * extent[2] + c0 + c
                        results = out[o : o + m]
                        for i in range(m):
                            results[i] = middle[i] + num[i] / den[i]


weigh = kernel(_weigh)
