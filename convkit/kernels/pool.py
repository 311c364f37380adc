"""Largest samples and means over windows, a plane at a time, and their adjoints.

Planes are signals, images or volumes (D, H, W), the channels of all items one after the other. For a maximum the number of
its tap in the window is kept: the taps of a row first.
"""

from __future__ import annotations

import numpy as np

from convkit._core.jit import helper, kernel


@helper
def _compare(x, at, step, count, best, code, start, tap):
    """Hold `count` windows of a row, from ``start`` on, against one tap, whose sample of the i-th is ``x[at + i * step]``.

    Selected and stored always: a branch would be guessed wrong as often as not, which costs ten times as much.
    """
    best, code = best[start : start + count], code[start : start + count]
    number = code.dtype.type(tap)
    # Steps that are known let LLVM use vectors.
    if step == 1:
        line = x[at : at + count]
        for i in range(count):
            better = (line[i] > best[i]) | (line[i] != line[i])
            best[i] = line[i] if better else best[i]
            code[i] = number if better else code[i]
    elif step == 2:
        line = x[at : at + 2 * count]
        for i in range(count):
            better = (line[2 * i] > best[i]) | (line[2 * i] != line[2 * i])
            best[i] = line[2 * i] if better else best[i]
            code[i] = number if better else code[i]
    else:
        line = x[at : at + step * count]
        for i in range(count):
            better = (line[i * step] > best[i]) | (line[i * step] != line[i * step])
            best[i] = line[i * step] if better else best[i]
            code[i] = number if better else code[i]


@kernel
def max_windows(x, first, last, shape, windows, kernel_shape, stride, padding, dilation, out, codes):
    """Write the largest samples of the planes ``first`` to ``last`` of ``x``, and the numbers of their taps.

    ``shape`` = (D, H, W) of a plane, ``windows`` = how many there are along each axis. What lies beyond the edges does not
    count. Among equal samples the first is taken; NaN is larger than all.
    """
    depth, height, width = shape
    kd, kh, kw = kernel_shape
    for p in range(first, last):
        for z in range(windows[0]):
            for y in range(windows[1]):
                row = ((p * windows[0] + z) * windows[1] + y) * windows[2]
                best, code = out[row : row + windows[2]], codes[row : row + windows[2]]
                fresh = True
                for kz in range(kd):
                    in_z = z * stride[0] - padding[0] + kz * dilation[0]
                    if in_z < 0 or in_z >= depth:
                        continue
                    for ky in range(kh):
                        in_y = y * stride[1] - padding[1] + ky * dilation[1]
                        if in_y < 0 or in_y >= height:
                            continue
                        base = ((p * depth + in_z) * height + in_y) * width
                        tap = (kz * kh + ky) * kw
                        if fresh:
                            # The first sample inside each window.
                            fresh = False
                            for i in range(windows[2]):
                                start = i * stride[2] - padding[2]
                                kx = 0 if start >= 0 else (dilation[2] - 1 - start) // dilation[2]
                                best[i] = x[base + start + kx * dilation[2]]
                                code[i] = tap + kx
                        for kx in range(kw):
                            start, step = kx * dilation[2] - padding[2], stride[2]
                            begin = 0 if start >= 0 else (step - 1 - start) // step
                            end = min((width - 1 - start) // step + 1, windows[2]) if start < width else 0
                            if end > begin:
                                at = base + start + begin * step
                                _compare(x, at, step, end - begin, best, code, begin, tap + kx)


@kernel
def max_gradient(g, codes, first, last, shape, windows, offsets, stride, padding, out):
    """Write the gradient of the samples of the planes ``first`` to ``last``; tap t of a window lies at ``offsets[t]`` in it."""
    size = shape[0] * shape[1] * shape[2]
    for p in range(first, last):
        plane = out[p * size : (p + 1) * size]
        plane[:] = 0
        for z in range(windows[0]):
            for y in range(windows[1]):
                row = ((p * windows[0] + z) * windows[1] + y) * windows[2]
                base = ((z * stride[0] - padding[0]) * shape[1] + y * stride[1] - padding[1]) * shape[2] - padding[2]
                for i in range(windows[2]):
                    plane[base + i * stride[2] + offsets[codes[row + i]]] += g[row + i]


@kernel
def mean_windows(x, first, last, shape, z_edges, y_edges, x_edges, z_counts, y_counts, x_counts, out):
    """Write sums of the planes' windows over the product of their counts; rows of the edges are (first, last) of a window."""
    depth, height, width = shape
    columns = np.empty(width)
    at = first * z_counts.size * y_counts.size * x_counts.size
    for p in range(first, last):
        for z in range(z_counts.size):
            for y in range(y_counts.size):
                # The windows' columns first: of whole rows, so that they are added in vectors.
                columns[:] = 0
                for in_z in range(z_edges[z, 0], z_edges[z, 1]):
                    for in_y in range(y_edges[y, 0], y_edges[y, 1]):
                        base = ((p * depth + in_z) * height + in_y) * width
                        line = x[base : base + width]
                        for k in range(width):
                            columns[k] += line[k]
                count = z_counts[z] * y_counts[y]
                for i in range(x_counts.size):
                    total = 0.0
                    for k in range(x_edges[i, 0], x_edges[i, 1]):
                        total += columns[k]
                    out[at] = total / (count * x_counts[i])
                    at += 1


@kernel
def mean_gradient(g, first, last, shape, z_edges, y_edges, x_edges, z_counts, y_counts, x_counts, out):
    """Write the gradient of the samples of `mean_windows`."""
    depth, height, width = shape
    columns = np.empty(width)
    size = depth * height * width
    at = first * z_counts.size * y_counts.size * x_counts.size
    out[first * size : last * size] = 0
    for p in range(first, last):
        for z in range(z_counts.size):
            for y in range(y_counts.size):
                columns[:] = 0
                count = z_counts[z] * y_counts[y]
                for i in range(x_counts.size):
                    share = g[at] / np.float64(count * x_counts[i])
                    at += 1
                    for k in range(x_edges[i, 0], x_edges[i, 1]):
                        columns[k] += share
                for in_z in range(z_edges[z, 0], z_edges[z, 1]):
                    for in_y in range(y_edges[y, 0], y_edges[y, 1]):
                        base = ((p * depth + in_z) * height + in_y) * width
                        line = out[base : base + width]
                        for k in range(width):
                            line[k] += columns[k]
