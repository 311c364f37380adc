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

from convkit._core.jit import helper, inlined, kernel
from convkit.kernels import simd

# Rows of results converted together.
STRIP = 16
# Zeros behind the weights that kernels may read: a whole row of the widest block.
SLACK = 64

fold_block, fold_line = simd.block_wide, simd.line_narrow
fold_vectors, simd_rows = simd.WIDE, simd.ROWS


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


@inlined
def _folded(x, start, w, kw, n_cols, out, o, wide):
    """Correlate a long line with many taps as an image; return how many columns were done.

    Folded after every ``wide`` samples, line and taps are an image and weights whose rows overlap: every vector that
    is loaded then serves several outputs. The taps are followed by zeros, as far as the fold; where one of these met
    an Inf or NaN, the outputs are summed again without.
    """
    folds = (kw + wide - 1) // wide
    high = 4 * simd_rows
    done = 0
    if w.size < folds * wide or n_cols < high * wide or start < 0:
        return done
    table = np.arange(high + folds) * wide
    while done + high * wide <= n_cols and start + done + (high + folds) * wide <= x.size:
        for r in range(0, high, simd_rows):
            fold_block(x, table, r, 0, w, 1, folds, wide, 1, start + done, out, o + done + r * wide, wide, 1)
        bad = 0
        line = out[o + done : o + done + high * wide]
        for i in range(line.size):
            bad |= line[i] != line[i]
        if bad:
            for c in range(0, high * wide, wide):
                fold_line(x, table, 0, 0, w, 1, 1, kw, 1, start + done + c, out, o + done + c, 0, fold_vectors)
        done += high * wide
    return done


def _segment_simd(lanes):
    rows, wide, line = simd.ROWS, simd.WIDE * lanes, simd.LINE * lanes * simd.LINE_BITS // simd.vector_bits()
    block_wide, block_column, block_narrow = simd.block_wide, simd.block_column, simd.block_narrow
    line_wide, line_narrow = simd.line_wide, simd.line_narrow
    # A line of fewer taps loses more to the zeros that fill up its last fold than it gains.
    folded = wide + wide // 2

    def impl(x, offsets, first, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
        # Ragged ends overlap the block before them: the same sums in the same order, so the same bits.
        if n_rows < rows or (kd == 1 and kh == 1):
            for y in range(n_rows):
                c = 0
                if kd == 1 and kh == 1 and step == 1 and kw >= folded:
                    c = _folded(x, offsets[first + y] + col, w, kw, n_cols, out, o + y * pitch, wide)
                    if c == n_cols:
                        continue
                count = (n_cols - c) // line
                line_wide(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch, count)
                c += count * line
                while c < n_cols:
                    c = min(c, n_cols - lanes)
                    line_narrow(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch, 1)
                    c += lanes
            return
        y = 0
        while kd == 1 and kw == 1 and kh >= rows and n_cols >= wide and y < n_rows:
            y = min(y, n_rows - rows)
            count = n_cols // wide
            block_column(x, offsets, first + y, plane, w, kd, kh, kw, step, col, out, o + y * pitch, pitch, count)
            if count * wide < n_cols:
                c = n_cols - wide
                block_column(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch, 1)
            y += rows
        while y < n_rows:
            y = min(y, n_rows - rows)
            count = n_cols // wide
            block_wide(x, offsets, first + y, plane, w, kd, kh, kw, step, col, out, o + y * pitch, pitch, count)
            c = count * wide
            # A wide block costs about as much as three narrow ones.
            if count and c + 2 * lanes < n_cols:
                c = n_cols - wide
                block_wide(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch, 1)
                c += wide
            while c < n_cols:
                c = min(c, n_cols - lanes)
                block_narrow(x, offsets, first + y, plane, w, kd, kh, kw, step, col + c, out, o + y * pitch + c, pitch, 1)
                c += lanes
            y += rows

    return impl


def _nothing(x, offsets, first, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
    """Samples and results of another dtype than the weights never get here: they are converted before and after."""


@overload(segment)
def _segment(x, offsets, first, plane, n_rows, w, kd, kh, kw, step, col, n_cols, out, o, pitch):
    if x.dtype != w.dtype or out.dtype != w.dtype:
        return _nothing
    if simd.vector_bits() and x.dtype in (types.float32, types.float64) and x.dtype == w.dtype == out.dtype:
        return _segment_simd(simd.lanes(x.dtype.bitwidth // 8))
    return segment


def minimum_columns(dtype: Any) -> int:
    """Fewest columns that `segment` can write for arrays of `dtype`."""
    kind = np.dtype(dtype)
    return max(1, simd.lanes(kind.itemsize)) if kind.kind == "f" else 1


def copy_rows(x, starts, shift, out, at, length, count):
    """Copy ``count`` elements from ``x[starts[t] + shift:]`` to ``out[t * length + at:]`` for every row t in x."""
    for t in range(starts.size):
        if starts[t] >= 0:
            run = x[starts[t] + shift : starts[t] + shift + count]
            line = out[t * length + at : t * length + at + count]
            for k in range(count):
                line[k] = run[k]


def _copy_rows_simd(width):
    copy_vector = simd.copy_vector

    def impl(x, starts, shift, out, at, length, count):
        for t in range(starts.size):
            i, o = starts[t] + shift, t * length + at
            if starts[t] < 0:
                continue
            # Most runs lie near an edge and are one or two vectors long: the last one overlaps the one before.
            k = 0
            while k + width <= count:
                copy_vector(x, i + k, out, o + k)
                k += width
            if k < count and count >= width:
                copy_vector(x, i + count - width, out, o + count - width)
            elif k < count:
                for k in range(count):
                    out[o + k] = x[i + k]

    return impl


@overload(copy_rows)
def _copy_rows(x, starts, shift, out, at, length, count):
    if simd.vector_bits() and x.dtype == out.dtype and x.dtype in (types.float32, types.float64):
        return _copy_rows_simd(simd.lanes(x.dtype.bitwidth // 8))
    return copy_rows


def store_run(values, i, out, o, count):
    """Store ``count`` values from ``values[i:]`` in ``out[o:]``; in integers rounded half to even, saturating, NaN as 0."""
    integers = out.dtype.kind in "iu"
    for k in range(count):
        value = values[i + k]
        if integers:
            limits = np.iinfo(out.dtype)
            value = 0 if np.isnan(value) else min(max(np.rint(value), limits.min), limits.max)
        out[o + k] = value


def _store_rounded(target, least, most):
    low, high, none = np.float32(least), np.float32(most), np.float32(0)
    # Adding and taking away 1.5 * 2^23 rounds a float32 of up to 22 bits half to even, and vectorises.
    shift = np.float32(3 << 22)

    def impl(values, i, out, o, count):
        source = values[i : i + count]
        line = out[o : o + count]
        for k in range(count):
            value = source[k]
            value = value if value == value else none
            value = value if value > low else low
            value = value if value < high else high
            line[k] = target((value + shift) - shift)

    return impl


def _store_as_it_is(values, i, out, o, count):
    source = values[i : i + count]
    line = out[o : o + count]
    for k in range(count):
        line[k] = source[k]


@overload(store_run)
def _store_run(values, i, out, o, count):
    if isinstance(out.dtype, types.Integer) and values.dtype == types.float32 and out.dtype.bitwidth <= 16:
        return _store_rounded(out.dtype, out.dtype.minval, out.dtype.maxval)
    return _store_as_it_is


@helper
def gather(x, starts, n, before, step, beyond, fill, first, count, out, length):
    """Copy elements ``first : first + count`` of extended rows to the rows of ``out``, converting to its dtype.

    A row of `n` samples begins at ``x[starts[t]]`` (negative: a row of fill); ``beyond`` holds the sources of the
    samples before and after it, -1 for `fill`, of elements with even and with odd numbers (of complex samples the two
    parts). Rows of ``out`` have ``length`` elements, the rest of them zeros.
    """
    even, odd = fill[first & 1], fill[1 - (first & 1)]
    lead = before * step
    inner0 = min(max(lead - first, 0), count)
    inner1 = max(min(lead + n * step - first, count), inner0)
    copy_rows(x, starts, first - lead + inner0, out, inner0, length, inner1 - inner0)
    for t in range(starts.size):
        o = t * length
        if starts[t] < 0:
            for i in range(count):
                out[o + i] = odd if i & 1 else even
        for i in range(count, length):
            out[o + i] = 0
    extra = max(before, 0) - before - n
    for side in range(2):
        for i in range(0 if side == 0 else inner1, inner0 if side == 0 else count):
            source = beyond[(first + i) // step + (0 if side == 0 else extra)]
            lane = (first + i) % step
            beside = odd if i & 1 else even
            for t in range(starts.size):
                if starts[t] >= 0:
                    out[t * length + i] = beside if source < 0 else x[starts[t] + source * step + lane]


def _correlate_box(x, shape, depths, rows, beyond, before, step, fill, w, taps, minimum, chunk, out, extent, origin, box,
                   buffer):
    """Correlate a box of outputs of the volume ``x`` of ``shape`` = (D, H, W), W in samples.

    ``depths`` and ``rows`` are index maps of the extended first two axes; ``beyond`` and ``before`` those of the
    last; ``fill`` as in `gather`. ``extent`` is the shape of ``out``, its last axis in elements (samples * step), and
    element ``origin`` of the result is its first; ``box`` = (z0, z1, y0, y1, c0, c1), columns in elements. `segment`
    needs ``minimum`` columns. Columns near an edge, or samples of another dtype than the weights, are gathered into
    ``buffer`` ``chunk`` columns at a time; all others are read in place. The end of ``buffer`` holds STRIP rows of
    results that are converted before they are stored.
    """
    height, width = shape[1], shape[2]
    kd, kh, kw = taps
    z0, z1, y0, y1, c0, c1 = box
    pitch = extent[2]
    reach = (kw - 1) * step
    high = y1 - y0
    plane = high + kh - 1
    table = np.empty((z1 - z0 + kd - 1) * plane, np.int64)
    filled = False
    t = 0
    for dz in range(z1 - z0 + kd - 1):
        source_z = depths[z0 + dz]
        for dy in range(plane):
            source_y = rows[y0 + dy]
            if source_z < 0 or source_y < 0:
                table[t] = -1
                filled = True
            else:
                table[t] = (source_z * height + source_y) * width * step
            t += 1
    # Columns inner0 : inner1 need no sample beyond the ends of a row. The parts beside them are whole vectors wide, in a
    # long row whole blocks: with few taps a narrow block costs nearly as much as a wide one.
    inner0 = max(c0, before * step)
    inner1 = min(c1, (before + width) * step - reach)
    beside = minimum if c1 - c0 < 4 * fold_vectors * minimum else fold_vectors * minimum
    inner0 = c0 + (inner0 - c0 + beside - 1) // beside * beside
    inner1 = c1 - (c1 - inner1 + beside - 1) // beside * beside
    readable = x.dtype == w.dtype
    zero = fill[0] == 0 and fill[1] == 0
    if not readable or (filled and not zero) or inner1 - inner0 < 8 * minimum:
        inner0 = inner1 = c1
    else:
        for z in range(z1 - z0):
            o = ((z0 + z) * extent[1] + y0) * pitch + inner0 - origin
            segment(x, table, z * plane, plane, high, w, kd, kh, kw, step, inner0 - before * step, inner1 - inner0,
                    out, o, pitch)
    if inner0 == c0 and inner1 == c1:
        return
    local = np.empty(table.size, np.int64)
    straight = out.dtype == w.dtype
    for side in range(2):
        a, end = (c0, inner0) if side == 0 else (inner1, c1)
        while a < end:
            b = min(end, a + chunk)
            # A ragged end reaches back over columns already done: the same sums, the same bits.
            n_cols = max(b - a, min(minimum, b - c0))
            a = b - n_cols
            padded = max(n_cols, minimum)
            length = padded + reach
            gather(x, table, width, before, step, beyond, fill, a, n_cols + reach, buffer, length)
            for t in range(table.size):
                local[t] = -1 if table[t] < 0 and zero else t * length
            for z in range(z1 - z0):
                o = ((z0 + z) * extent[1] + y0) * pitch + a - origin
                if straight and n_cols == padded:
                    segment(buffer, local, z * plane, plane, high, w, kd, kh, kw, step, 0, n_cols, out, o, pitch)
                    continue
                for y in range(0, high, STRIP):
                    n_rows = min(STRIP, high - y)
                    spare = buffer[buffer.size - n_rows * padded :]
                    segment(buffer, local, z * plane + y, plane, n_rows, w, kd, kh, kw, step, 0, padded, spare, 0, padded)
                    for i in range(n_rows):
                        store_run(spare, i * padded, out, o + (y + i) * pitch, n_cols)
            a = b


correlate_box = kernel(_correlate_box)


def _separable_box(x, shape, rows, beyond, before, step, fill, past, down, across, out, extent, box, strip, buffer):
    """Correlate whole rows of every image of ``x`` of ``shape`` = (N, H, W) with taps ``down`` its columns, then ``across``.

    ``rows`` is the index map of the extended columns, ``beyond`` and ``before`` are those of the rows; ``past`` is what the
    first pass makes of nothing but ``fill``; both as in `gather`. ``box`` = (z0, z1, y0, y1) of ``out`` of ``extent``. The
    first pass of ``strip`` rows stays in ``buffer``, where the second finds it with its halo; each image row is at least
    one vector long.
    """
    height, width = shape[1], shape[2]
    z0, z1, y0, y1 = box
    kh, kw = down.size, across.size
    n = width * step
    lead = before * step
    length = extent[2] + (kw - 1) * step
    first, last = max(0, -lead), min(n, length - lead)
    readable = x.dtype == down.dtype and fill[0] == 0 and fill[1] == 0
    table = np.empty(strip + kh - 1, np.int64)
    local = np.empty(max(strip + kh - 1, 1), np.int64)
    converted = buffer[strip * length :]
    extra = max(before, 0) - before - width
    for z in range(z0, z1):
        y = y0
        while y < y1:
            high = min(strip, y1 - y)
            for t in range(high + kh - 1):
                source = rows[y + t]
                table[t] = -1 if source < 0 else (z * height + source) * n
                local[t] = t * n
            if readable:
                segment(x, table, 0, 0, high, down, 1, kh, 1, 1, first, last - first, buffer, first + lead, length)
            else:
                gather(x, table[: high + kh - 1], width, 0, step, beyond, fill, 0, n, converted, n)
                segment(converted, local, 0, 0, high, down, 1, kh, 1, 1, first, last - first, buffer, first + lead, length)
            for side in range(2):
                for p in range(0 if side == 0 else last + lead, first + lead if side == 0 else length):
                    source = beyond[p // step + (0 if side == 0 else extra)]
                    at = lead + source * step + p % step
                    for i in range(high):
                        buffer[i * length + p] = past[p & 1] if source < 0 else buffer[i * length + at]
            for i in range(high):
                local[i] = i * length
            o = (z * extent[1] + y) * extent[2]
            segment(buffer, local, 0, 0, high, across, 1, 1, kw, step, 0, extent[2], out, o, extent[2])
            y += high


separable_box = kernel(_separable_box)
# For other kernels: what they call is compiled with them, and must not count as compiled for itself.
separable_part = helper(_separable_box)
