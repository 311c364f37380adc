"""Edges of images and volumes: gradient, magnitude and non-maximum suppression in one sweep over rows.

What is made of the magnitudes is the task: pixels that are maxima are marked and linked (`THIN`), magnitudes are
counted by their leading bits (`COUNT`), or stored (`STORE`).
"""

from __future__ import annotations

import numpy as np

from convkit._core.jit import helper, kernel
from convkit.kernels.correlate import separable_part
from convkit.kernels.link import link_part
from convkit.kernels.thin import product, sobel_row, thin_between, thin_sectors

THIN, COUNT, STORE = 0, 1, 2
# Magnitudes are counted as float32, by exponent and the first 6 bits after the point.
SHIFT = 17
BINS = 0x7F800000 >> SHIFT


@helper
def count_row(values, single, valid, start, counts):
    """Count magnitudes in ``counts``, two bins for each: neighbours are often equal, and would wait for each other."""
    for j in range(values.size):
        single[j] = values[j]
    bits = single.view(np.uint32)
    half = counts.size // 2
    for j in range(values.size):
        bucket = bits[j] >> np.uint32(SHIFT)
        if bucket < half and (valid.size == 0 or valid[start + j]):
            counts[(j & 1) * half + bucket] += 1


@helper
def finish_row(ring, r, shape, task, straight, low, high, valid, marks, pitch, counts, single, stored, y0, y1):
    """Do the task for row ``r``, whose gradient and its lengths lie in ``ring``; of `THIN`, for the row before it."""
    height, width = shape
    place = width + 2
    gradients = 3 * place
    centre = (r + 3) % 3 * place
    line = ring[centre + 1 : centre + 1 + width]
    if 0 <= r < height:
        if straight:
            g = gradients + (r % 2) * 2 * width
            first, second = ring[g : g + width], ring[g + width : g + 2 * width]
            for j in range(width):
                line[j] = abs(first[j]) + abs(second[j])
    else:
        line[:] = 0
    ring[centre] = 0
    ring[centre + 1 + width] = 0
    if task == COUNT:
        count_row(line, single, valid, r * width, counts)
        return
    if task == STORE:
        stored[r * width : (r + 1) * width] = line
        return
    y = r - 1
    if y < y0 or y >= y1:
        return
    row = marks[(y + 1) * pitch : (y + 2) * pitch]
    row[width + 1 :] = 0
    row[0] = 0
    if not straight and (y == 0 or y == height - 1):
        row[:] = 0
        return
    g = gradients + (y % 2) * 2 * width
    above, mid, below = (y + 2) % 3 * place, y % 3 * place, (y + 1) % 3 * place
    if straight:
        thin_sectors(ring, above, mid, below, g, g + width, low, high, row, 1, width)
    else:
        thin_between(ring, above, mid, below, g, g + width, low, high, row, 1, width)
        row[1] = 0
        row[width] = 0
    if valid.size > 0:
        inside, some = row[1 : width + 1], valid[y * width : (y + 1) * width]
        for j in range(width):
            inside[j] &= some[j]


def _trace_image(x, rows, beyond, before, n, down, across, shape, task, straight, low, high, valid, marks, words, pitch,
                 offsets, counts, stored, box, ring, single, strip, buffer):
    """Do the task for rows ``box`` = (y0, y1) of an image of ``shape`` = (H, W) that is smoothed on the way.

    ``x`` is flat, with ``n`` = (rows, columns); its rows and columns as ``rows``, ``beyond`` and ``before`` extend them,
    correlated with ``down`` and ``across``, make an image with one pixel more on every side. ``valid`` is empty, or has
    255 for each pixel that may be an edge and 0 for the others. ``ring`` holds three rows of magnitudes, of two more
    columns, and two of both derivatives, ``single`` one row, ``buffer`` ``strip`` rows and two more, and what
    `separable_box` needs for so many.
    """
    height, width = shape
    y0, y1 = box
    wide = width + 2
    none = down.dtype.type(0)
    smooth = buffer[: (strip + 2) * wide]
    rest = buffer[smooth.size :]
    margin = 1 if task == THIN else 0
    # No magnitudes before the first row; they are in the place of row -1, and those after the last row, below, of row H.
    ring[2 * wide : 3 * wide] = 0
    r, end = max(y0 - margin, 0), min(y1 + margin, height)
    kept, following = 0, r
    while r < end:
        fresh = min(strip + 2 - kept, end + 2 - following)
        separable_part(x, (1, n[0], n[1]), rows[following:], beyond, before, 1, (none, none), (none, none), down, across,
                      smooth[kept * wide :], (1, fresh, wide), (0, 1, 0, fresh), strip, rest)
        following += fresh
        last = (kept + fresh - 2) * wide
        for i in range(kept + fresh - 2 + (1 if following == height + 2 and task == THIN else 0)):
            g = 3 * wide + (r % 2) * 2 * width
            if r < height:
                sobel_row(smooth, i * wide, (i + 1) * wide, (i + 2) * wide, ring, g, g + width, r % 3 * wide + 1, width)
            finish_row(ring, r, shape, task, straight, low, high, valid, marks, pitch, counts, single, stored, y0, y1)
            r += 1
        kept = 2
        for j in range(2 * wide):
            smooth[j] = smooth[last + j]
    if task == THIN:
        link_part(marks, words, (y0 + 1) * pitch, (y1 + 1) * pitch, offsets)


trace_image = kernel(_trace_image)


def _trace_field(first, second, shape, task, straight, low, high, valid, marks, words, pitch, offsets, counts, stored, box,
                 ring, single):
    """As `trace_image`, of derivatives that are given: flat arrays of numbers."""
    height, width = shape
    y0, y1 = box
    margin = 1 if task == THIN else 0
    for r in range(y0 - margin, y1 + margin):
        if 0 <= r < height:
            g = 3 * (width + 2) + (r % 2) * 2 * width
            down, along = ring[g : g + width], ring[g + width : g + 2 * width]
            down[:] = first[r * width : (r + 1) * width]
            along[:] = second[r * width : (r + 1) * width]
            line = ring[r % 3 * (width + 2) + 1 : r % 3 * (width + 2) + 1 + width]
            for j in range(width):
                line[j] = np.sqrt(product(down[j], down[j]) + product(along[j], along[j]))
        finish_row(ring, r, shape, task, straight, low, high, valid, marks, pitch, counts, single, stored, y0, y1)
    if task == THIN:
        link_part(marks, words, (y0 + 1) * pitch, (y1 + 1) * pitch, offsets)


trace_field = kernel(_trace_field)
