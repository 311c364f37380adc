"""Sums over windows of equal weights: a number of additions per sample that hardly grows with the window.

Nothing is ever subtracted, so that a NaN, an Inf or a huge value ends with the windows that hold it, and every output
is the same tree of sums of its own window wherever a piece of work begins.

Down the columns that takes three additions a sample: the sums over blocks of the window's height from their first row
on and from their last row on, a row of vectors at a time. Along a row the same three additions run one sample after
the other, each waiting for the one before: measured on lines in the first-level cache, 1.6 to 3.4 ns a sample in
float32. Vectors of shifted lines instead, each made of shifts of a shorter one, take some 4 log2(k) / 3 additions and
0.11 ns for 3 taps, 0.30 ns for 15, 0.53 ns for 63, 0.64 ns for 255.
"""

from __future__ import annotations

import numpy as np

from convkit._core.jit import helper, kernel
from convkit.kernels.shifts import few_rows, last_row, next_row, only_row, scale_run, shift_sums, suffix_sums

# Elements behind a run that whole vectors may read and write.
ROOM = 16
# Rows up to which a window of kept rows is added up anew for every output.
FEW = 4


@helper
def _ends(n, before, step, beyond, at, count, inner0, inner1, sources):
    """Write to ``sources`` where the elements ``at : at + count`` of an extended row come from, but ``inner0 : inner1``."""
    extra = max(before, 0) - before - n
    e = 0
    for side in range(2):
        for i in range(0 if side == 0 else inner1, inner0 if side == 0 else count):
            source = beyond[(at + i) // step + (0 if side == 0 else extra)]
            sources[e] = -1 if source < 0 else source * step + (at + i) % step
            e += 1


@helper
def _load(x, start, shift, inner0, inner1, count, sources, fill, first, second, out):
    """Write ``count`` elements of an extended row, scaled, to ``out``: ``inner0 : inner1`` of them as they lie in ``x``."""
    if start < 0:
        for i in range(count):
            out[i] = fill
        return
    scale_run(x, start + shift + inner0, first, second, out, inner0, inner1 - inner0)
    ends = inner0 + count - inner1
    filled = False
    for e in range(ends):
        filled |= sources[e] < 0
        # Stored, and so converted, before it is scaled.
        out[e if e < inner0 else e - inner0 + inner1] = x[start + max(sources[e], 0)]
    scale_run(out, 0, first, second, out, 0, inner0)
    scale_run(out, inner1, first, second, out, inner1, count - inner1)
    if filled:
        for e in range(ends):
            if sources[e] < 0:
                out[e if e < inner0 else e - inner0 + inner1] = fill


def _box_sums(x, shape, rows, beyond, before, step, fill, first, second, high, reach, levels, lines, out, extent, box, panel,
              buffer):
    """Sums over windows of ``high`` rows and of the columns that ``levels`` describe, of samples times ``first * second``.

    ``x`` of ``shape`` = (N, H, W), its extension (``rows``, ``beyond``, ``before``) and ``out`` of ``extent`` are those of
    `separable_box`; ``fill`` is scaled already. ``box`` = (z0, z1, y0, y1, c0, c1), columns in elements, y0 a multiple of
    ``high``; ``panel`` columns are done at a time.

    Columns: row l of ``levels`` = (terms, needed) sums ``terms`` shifts of lines already made, at ``lines[l]`` in lines and
    samples; its own is line l + 1, of ``needed`` samples more than the outputs; the last is the sum of the window.

    Rows: a few are kept and added up for every output. More of them in blocks: a block of ``high`` rows is summed from its
    first row on, and then backwards; a window that begins within a block is the end of that block and the beginning of
    the next, one addition. Three additions a sample.
    """
    height, width = shape[1], shape[2]
    z0, z1, y0, y1, c0, c1 = box
    most = lines.shape[1]
    count = levels.shape[0]
    lead = before * step
    pitch = (panel + 2 * ROOM - 1) // ROOM * ROOM
    length = (panel + reach * step + 2 * ROOM - 1) // ROOM * ROOM
    total = count * length
    across = (c1 - c0 + panel - 1) // panel
    spare = total + across * pitch
    block = spare + pitch
    older = count * most
    few = 1 < high <= FEW
    table = np.empty(older + FEW, np.int64)
    for level in range(count):
        for t in range(levels[level, 0]):
            table[level * most + t] = lines[level, t, 0] * length + lines[level, t, 1] * step
    final = (count - 1) * most
    terms = levels[count - 1, 0]
    end = y1 + high - 1
    inner = np.empty((across, 2), np.int64)
    sources = np.empty((across, length), np.int64)
    for p in range(across):
        c = c0 + p * panel
        loaded = min(panel, c1 - c) + reach * step
        inner[p, 0] = min(max(lead - c, 0), loaded)
        inner[p, 1] = max(min(lead + width * step - c, loaded), inner[p, 0])
        _ends(width, before, step, beyond, c, loaded, inner[p, 0], inner[p, 1], sources[p])
    for z in range(z0, z1):
        buffer[total : total + across * pitch] = 0
        for y in range(y0, end, high):
            for i in range(min(high, end - y)):
                source = rows[y + i]
                start = -1 if source < 0 else (z * height + source) * width * step
                follow = (z * height + max(rows[min(y + i + 1, rows.size - 1)], 0)) * width * step
                o = (z * extent[1] + y + i - high + 1) * extent[2]
                for p in range(across):
                    c = c0 + p * panel
                    n = min(panel, c1 - c)
                    _load(x, start, c - lead, inner[p, 0], inner[p, 1], n + reach * step, sources[p], fill, first, second,
                          buffer)
                    for level in range(count - 1):
                        shift_sums(buffer, table, level * most, levels[level, 0], (level + 1) * length,
                                   n + levels[level, 1] * step)
                    kept = block + (i * across + p) * pitch
                    sums = total + p * pitch
                    if high == 1:
                        only_row(buffer, table, final, terms, n, 0, 0, 0, out, o + c, x, follow + c)
                    elif few and y == y0 and i < high - 1:
                        shift_sums(buffer, table, final, terms, kept, n)
                    elif few:
                        for r in range(high - 1):
                            table[older + r] = block + ((i + 1 + r) % high * across + p) * pitch
                        few_rows(buffer, table, final, terms, n, older, kept, high - 1, out, o + c, x, follow + c)
                    elif i == high - 1:
                        last_row(buffer, table, final, terms, n, sums, kept, 0, out, o + c, x, follow + c)
                    elif y == y0:
                        next_row(buffer, table, final, terms, n, sums, kept, kept, buffer, spare, x, follow + c)
                    else:
                        next_row(buffer, table, final, terms, n, sums, kept, kept + across * pitch, out, o + c, x, follow + c)
            if few:
                continue
            if y + high < end:
                for p in range(across):
                    n = min(panel, c1 - c0 - p * panel)
                    suffix_sums(buffer, block + p * pitch, across * pitch, high, n)
            else:
                buffer[total : total + across * pitch] = 0


box_sums = kernel(_box_sums)


def memory(columns: int, panel: int, reach: int, count: int, rows: int) -> int:
    """Elements of the buffer of `box_sums` for ``count`` levels, a reach in elements, and windows of ``rows`` rows."""
    pitch = (panel + 2 * ROOM - 1) // ROOM * ROOM
    length = (panel + reach + 2 * ROOM - 1) // ROOM * ROOM
    across = -(-columns // panel)
    return count * length + (1 + across * (1 + (rows if rows > 1 else 0))) * pitch + 2 * ROOM
