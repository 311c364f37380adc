"""Edges of volumes: as of images in `trace`, block by block."""

from __future__ import annotations

import numpy as np

from convkit._core.jit import helper, kernel
from convkit.kernels.link import link_part
from convkit.kernels.thin import product
from convkit.kernels.trace import COUNT, STORE, THIN, count_row


@helper
def _sobel_rows(e, start, plane, wide, y, x, z):
    """Sobel's sums along rows, columns and depth from three by three rows of ``e`` around the one before ``start``."""
    one, two = e.dtype.type(1), e.dtype.type(2)
    for j in range(x.size):
        down = along = deep = e.dtype.type(0)
        for dz in range(3):
            level = two if dz == 1 else one
            for dy in range(3):
                row = two if dy == 1 else one
                p = start + dz * plane + dy * wide + j
                a, b, c = e[p], e[p + 1], e[p + 2]
                line = a + two * b + c
                along += level * row * (c - a)
                if dy != 1:
                    down += (level if dy == 2 else -level) * line
                if dz != 1:
                    deep += (row if dz == 2 else -row) * line
        y[j], x[j], z[j] = down, along, deep


@helper
def _mixed(near, far, weight):
    """Between two neighbours, as in `thin_between`."""
    rest = np.float64(1) - np.float64(weight)
    return np.float64(product(far, weight)) + np.float64(product(np.float64(near), rest))


@helper
def _is_maximum(g, m, at, steps):
    """Whether magnitude ``m[at]`` is at least those interpolated on the two faces of the cube that the gradient meets."""
    a = 0
    if abs(g[1]) >= abs(g[a]):
        a = 1
    if abs(g[2]) >= abs(g[a]):
        a = 2
    b, c = (a + 1) % 3, (a + 2) % 3
    u, v = abs(g[b]) / abs(g[a]), abs(g[c]) / abs(g[a])
    sa = -steps[a] if g[a] <= 0 else steps[a]
    sb = -steps[b] if g[b] <= 0 else steps[b]
    sc = -steps[c] if g[c] <= 0 else steps[c]
    kind = m.dtype.type
    for side in (-1, 1):
        p = at + side * sa
        q = p + side * sb
        near = _mixed(m[p], m[q], u)
        far = _mixed(m[p + side * sc], m[q + side * sc], u)
        if not _mixed(near, kind(far), v) <= m[at]:
            return False
    return True


def _trace_volume(e, first, second, third, shape, task, low, high, valid, marks, words, pitch, offsets, counts, stored, box,
                  high_y, buffer, single):
    """Do the task for planes ``box`` = (z0, z1) of a volume of ``shape`` = (D, H, W), ``high_y`` rows at a time.

    ``e`` is flat, smoothed, and has one sample more on every side; or it is empty, and the derivatives along the three
    axes are given, flat too. Other arguments as `trace_image`; ``buffer`` holds three derivatives and, with two columns
    more, the magnitudes of all rows of a block and of those around it.
    """
    depth, height, width = shape
    z0, z1 = box
    wide = width + 2
    plane = (height + 2) * wide
    rows = high_y + 2
    part = (z1 - z0 + 2) * rows
    lengths = buffer[3 * part * width : 3 * part * width + part * wide]
    steps = (rows * wide, wide, 1)
    for y0 in range(0, height, high_y):
        y1 = min(y0 + high_y, height)
        for z in range(max(z0 - 1, 0), min(z1 + 1, depth)):
            for y in range(max(y0 - 1, 0), min(y1 + 1, height)):
                k = (z - z0 + 1) * rows + y - y0 + 1
                down = buffer[k * width : (k + 1) * width]
                along = buffer[(part + k) * width : (part + k + 1) * width]
                deep = buffer[(2 * part + k) * width : (2 * part + k + 1) * width]
                if e.size > 0:
                    _sobel_rows(e, z * plane + y * wide, plane, wide, down, along, deep)
                else:
                    start = (z * height + y) * width
                    deep[:] = first[start : start + width]
                    down[:] = second[start : start + width]
                    along[:] = third[start : start + width]
                line = lengths[k * wide + 1 : k * wide + 1 + width]
                for j in range(width):
                    line[j] = np.sqrt(product(deep[j], deep[j]) + product(down[j], down[j]) + product(along[j], along[j]))
        for z in range(z0, z1):
            for y in range(y0, y1):
                k = (z - z0 + 1) * rows + y - y0 + 1
                start = (z * height + y) * width
                line = lengths[k * wide + 1 : k * wide + 1 + width]
                if task == COUNT:
                    count_row(line, single, valid, start, counts)
                elif task == STORE:
                    stored[start : start + width] = line
                else:
                    o = ((z + 1) * (height + 2) + y + 1) * pitch + 1
                    marks[o : o + width] = 0
                    if z == 0 or z == depth - 1 or y == 0 or y == height - 1:
                        continue
                    for j in range(1, width - 1):
                        m = line[j]
                        if m >= low and (valid.size == 0 or valid[start + j]):
                            i = k * width + j
                            g = (buffer[2 * part * width + i], buffer[i], buffer[part * width + i])
                            if _is_maximum(g, lengths, k * wide + 1 + j, steps):
                                marks[o + j] = 3 if m >= high else 2
    if task == THIN:
        slab = (height + 2) * pitch
        link_part(marks, words, (z0 + 1) * slab, (z1 + 1) * slab, offsets)


trace_volume = kernel(_trace_volume)
