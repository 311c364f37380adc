"""The one family: valid correlation of rows of samples with weights, in one, two and three dimensions.

Samples are a flat line ``x`` in which a table gives the start of every row; an image is a volume of depth 1
and a signal one of depth and height 1. ``step`` interleaved signals share a row: the column taps lie
``step`` elements apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from convkit._core.jit import helper, kernel
from convkit.kernels import simd


def segment(x, offsets, first, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
    """Write ``n_rows x n_cols`` outputs at ``out[o + i * pitch + c]``, summed in the order of the weights.

    Row (dz, r) starts at ``x[offsets[first + dz * plane + r] + col]``; a negative offset is a row of zeros.
    """
    for i in range(n_rows):
        line = out[o + i * pitch : o + i * pitch + n_cols]
        line[:] = 0
        for dz in range(kd):
            for dy in range(kh):
                offset = offsets[first + dz * plane + i + dy]
                if offset < 0:
                    continue
                for kx in range(kw):
                    start = offset + col + kx * step
                    samples = x[start : start + n_cols]
                    tap = w[(dz * kh + dy) * kw + kx]
                    for c in range(n_cols):
                        line[c] += tap * samples[c]


def _segment_simd(lanes):
    rows, wide, line = simd.ROWS, simd.WIDE * lanes, simd.LINE * lanes
    block_wide, block_narrow = simd.block_wide, simd.block_narrow
    line_wide, line_narrow = simd.line_wide, simd.line_narrow

    def impl(x, offsets, first, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
        # Ragged ends overlap the block before them: the same sums in the same order, so the same bits.
        if n_rows < rows:
            for y in range(n_rows):
                c = 0
                while c + line <= n_cols:
                    line_wide(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch)
                    c += line
                while c < n_cols:
                    c = min(c, n_cols - lanes)
                    line_narrow(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch)
                    c += lanes
            return
        y = 0
        while y < n_rows:
            y = min(y, n_rows - rows)
            c = 0
            while c + wide <= n_cols:
                block_wide(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch)
                c += wide
            while c < n_cols:
                c = min(c, n_cols - lanes)
                block_narrow(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch)
                c += lanes
            y += rows

    return impl


@overload(segment)
def _segment(x, offsets, first, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
    if simd.vector_bits() and x.dtype in (types.float32, types.float64) and x.dtype == w.dtype == out.dtype:
        return _segment_simd(simd.lanes(x.dtype))
    return segment


def minimum_columns(dtype: Any) -> int:
    """Fewest columns that `segment` can write for arrays of `dtype`."""
    return max(1, simd.lanes(dtype)) if np.dtype(dtype).kind == "f" else 1


@helper
def gather(x, start, n, before, step, beyond, fill, first, count, out, at):
    """Copy elements ``first : first + count`` of one extended row to ``out[at:]``, converting to its dtype.

    The row of `n` samples begins at ``x[start]`` (negative: a row of fill); ``beyond`` holds the sources of the
    samples before and after it, -1 for `fill`.
    """
    if start < 0:
        for i in range(count):
            out[at + i] = fill
        return
    lead = before * step
    inner0 = min(max(lead - first, 0), count)
    inner1 = max(min(lead + n * step - first, count), inner0)
    run = x[start + first - lead + inner0 : start + first - lead + inner1]
    line = out[at + inner0 : at + inner1]
    for i in range(inner1 - inner0):
        line[i] = run[i]
    for i in range(inner0):
        source = beyond[(first + i) // step]
        out[at + i] = fill if source < 0 else x[start + source * step + (first + i) % step]
    extra = max(before, 0) - before - n
    for i in range(inner1, count):
        source = beyond[(first + i) // step + extra]
        out[at + i] = fill if source < 0 else x[start + source * step + (first + i) % step]


def _correlate_rows(x, shape, depths, rows, beyond, before, step, fill, w, taps, out, extent, part, minimum, chunk):
    """Correlate a block of rows and columns of the volume ``x`` of ``shape`` = (D, H, W), W in samples.

    ``depths`` and ``rows`` are index maps of the extended first two axes; ``beyond`` and ``before`` those of the
    last. ``extent`` is the shape of ``out``, its last axis in elements (samples * step); ``part`` = (r0, r1, c0, c1):
    rows of the flattened first two axes, columns in elements. ``minimum`` columns are needed by `segment`; wider
    parts near an edge are gathered ``chunk`` columns at a time. Rows that need no conversion are read in place.
    """
    height, width = shape[1], shape[2]
    kd, kh, kw = taps
    r0, r1, c0, c1 = part
    pitch = extent[2]
    reach = (kw - 1) * step
    in_place = x.dtype == w.dtype
    # A gathered strip repeats kh - 1 rows, so it is several times as high.
    tall = min(max(4 * kh, 16), 64)
    table = np.empty(kd * (tall + kh - 1), np.int64)
    local = np.empty(kd * (tall + kh - 1), np.int64)
    buffer = np.empty(0, w.dtype)
    spare = np.empty(tall * minimum, w.dtype)
    r = r0
    while r < r1:
        z, y = r // extent[1], r % extent[1]
        high = min(tall, extent[1] - y, r1 - r)
        plane = high + kh - 1
        filled = False
        for dz in range(kd):
            source_z = depths[z + dz]
            for dy in range(plane):
                source_y = rows[y + dy]
                if source_z < 0 or source_y < 0:
                    table[dz * plane + dy] = -1
                    filled = True
                else:
                    table[dz * plane + dy] = (source_z * height + source_y) * width * step
        # Columns inner0 : inner1 need no sample beyond the ends of a row.
        inner0 = max(c0, before * step)
        inner1 = min(c1, (before + width) * step - reach)
        if not in_place or (filled and fill != 0) or inner1 - inner0 < minimum:
            inner0 = inner1 = c1
        else:
            if inner0 > c0:
                inner0 = min(c0 + (inner0 - c0 + minimum - 1) // minimum * minimum, inner1)
            if c1 > inner1:
                inner1 = max(c1 - (c1 - inner1 + minimum - 1) // minimum * minimum, inner0)
            if inner1 - inner0 < minimum:
                inner0 = inner1 = c1
            else:
                _in_place(x, table, plane, high, w, kd, kh, kw, step, inner0 - before * step, inner1 - inner0,
                          out, r * pitch + inner0, pitch)
        for side in range(2):
            a, end = (c0, inner0) if side == 0 else (inner1, c1)
            while a < end:
                b = min(end, a + chunk)
                # A ragged end reaches back over columns already done: the same sums, the same bits.
                n_cols = max(b - a, min(minimum, b - c0))
                a = b - n_cols
                padded = max(n_cols, minimum)
                length = padded + reach
                if buffer.size < kd * plane * length:
                    buffer = np.empty(kd * (tall + kh - 1) * (max(chunk, minimum) + reach), w.dtype)
                for t in range(kd * plane):
                    local[t] = t * length
                    if table[t] < 0 and fill == 0:
                        local[t] = -1
                        continue
                    gather(x, table[t], width, before, step, beyond, fill, a, n_cols + reach, buffer, t * length)
                    buffer[t * length + n_cols + reach : (t + 1) * length] = 0
                if n_cols == padded:
                    segment(buffer, local, 0, plane, high, w, kd, kh, kw, step, 0, n_cols, out, r * pitch + a, pitch)
                else:
                    segment(buffer, local, 0, plane, high, w, kd, kh, kw, step, 0, padded, spare, 0, padded)
                    for i in range(high):
                        for c in range(n_cols):
                            out[(r + i) * pitch + a + c] = spare[i * padded + c]
                a = b
        r += high


def _in_place(x, offsets, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
    """`segment` on the samples themselves; samples of another dtype never get here."""
    if x.dtype == w.dtype:
        segment(x, offsets, 0, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch)


@overload(_in_place)
def _in_place_compiled(x, offsets, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
    if x.dtype == w.dtype:
        def impl(x, offsets, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
            segment(x, offsets, 0, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch)
    else:
        def impl(x, offsets, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
            pass
    return impl


correlate_rows = kernel(_correlate_rows)
