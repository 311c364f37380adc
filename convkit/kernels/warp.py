"""Windows cut out of images: at whole pixels, and along maps between pixels."""

from __future__ import annotations

import numpy as np

from convkit._core.jit import kernel


@kernel
def cut(x, shape, sources, corners, turned, rows, columns, before, first, last, out, size):
    """Copy a window of ``size`` = (h, w) for each item from `first` to `last` out of flat images of ``shape`` = (C, H, W).

    Item i is taken from image ``sources[i]``, from row ``corners[i, 0]`` and column ``corners[i, 1]`` of the image with
    ``before`` = (rows, columns) added in front; ``turned[i]`` tells whether its rows, and its columns, run backwards. `rows`
    and `columns` are sources with what was added, -1 is zero.
    """
    channels, high, wide = shape
    h, w = size
    zero = out.dtype.type(0)
    for item in range(first, last):
        top, left = corners[item, 0], corners[item, 1]
        upside, mirrored = turned[item, 0], turned[item, 1]
        # Columns of the image under the window begin at `start`: those from a to b are inside.
        start = left - before[1]
        a = min(max(-start, 0), w)
        b = max(min(wide - start, w), a)
        for channel in range(channels):
            base = (sources[item] * channels + channel) * high * wide
            for i in range(h):
                o = ((item * channels + channel) * h + i) * w
                line = out[o : o + w]
                row = rows[top + (h - 1 - i if upside else i)]
                if row < 0:
                    line[:] = zero
                    continue
                given = x[base + row * wide : base + (row + 1) * wide]
                run = given[start + a : start + b]
                if mirrored:
                    inside = line[w - b : w - a]
                    for j in range(run.size):
                        inside[j] = run[run.size - 1 - j]
                else:
                    inside = line[a:b]
                    for j in range(run.size):
                        inside[j] = run[j]
                for j in range(a + w - b):
                    k = j if j < a else j - a + b
                    column = columns[left + k]
                    line[w - 1 - k if mirrored else k] = zero if column < 0 else given[column]


@kernel
def warp(x, shape, maps, bulges, rows, columns, before, first, last, out, size, places, shares):
    """Write images `first` to `last` of ``size`` = (h, w), bilinear between samples of flat images of ``shape`` = (C, H, W).

    With (u, v) a pixel's place from the middle of the result, and t = 1 + bulge (u u + v v), it is taken from row
    ``t (m0 u + m1 v) + m2`` and column ``t (m3 u + m4 v) + m5``, m the map of the image. `rows` and `columns` tell where rows
    begin in a plane and columns in a row, from `before` = (rows, columns) in front of the image to one beyond what is asked
    for; sums with those that are zero are negative. `places` holds 4 w integers and `shares` 2 w samples.
    """
    channels, high, wide = shape
    h, w = size
    plane = high * wide
    kind = out.dtype.type
    zero = kind(0)
    here, beside = places[:w], places[w : 2 * w]
    below, across = places[2 * w : 3 * w], places[3 * w : 4 * w]
    lower, later = shares[:w], shares[w : 2 * w]
    for item in range(first, last):
        m0, m1, m2, m3, m4, m5 = maps[item]
        bulge = bulges[item]
        for i in range(h):
            u = i - 0.5 * (h - 1)
            least = 0
            for j in range(w):
                v = j - 0.5 * (w - 1)
                t = 1 + bulge * (u * u + v * v)
                y, z = t * (m0 * u + m1 * v) + m2, t * (m3 * u + m4 * v) + m5
                above, left = np.floor(y), np.floor(z)
                lower[j], later[j] = kind(y - above), kind(z - left)
                r, c = int(above) + before[0], int(left) + before[1]
                here[j], beside[j] = rows[r] + columns[c], rows[r] + columns[c + 1]
                below[j], across[j] = rows[r + 1] + columns[c], rows[r + 1] + columns[c + 1]
                least = min(least, min(min(here[j], beside[j]), min(below[j], across[j])))
            for channel in range(channels):
                base = (item * channels + channel) * plane
                given = x[base : base + plane]
                o = ((item * channels + channel) * h + i) * w
                line = out[o : o + w]
                if least >= 0:
                    for j in range(w):
                        a, b = given[here[j]], given[below[j]]
                        a += later[j] * (given[beside[j]] - a)
                        b += later[j] * (given[across[j]] - b)
                        line[j] = a + lower[j] * (b - a)
                else:
                    for j in range(w):
                        a = zero if here[j] < 0 else given[here[j]]
                        b = zero if below[j] < 0 else given[below[j]]
                        a += later[j] * ((zero if beside[j] < 0 else given[beside[j]]) - a)
                        b += later[j] * ((zero if across[j] < 0 else given[across[j]]) - b)
                        line[j] = a + lower[j] * (b - a)
