"""Correlation of tiles by the fast Fourier transform: from the samples to the results without leaving the cache.

Two tiles are the real and the imaginary part of one complex transform: with real weights they come out of it apart.
Columns are transformed in panels of one lane each; a panel of rows is transposed, transformed, multiplied by the
spectrum of the weights, transformed back and transposed back before the next one is touched. Frequencies stay in the
order in which the stages leave them. A signal is folded into rows (D. H. Bailey, FFTs in external or hierarchical
memory, J. Supercomputing 4, 1990): its columns and rows are transformed with a multiplication by twiddles in between.
"""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from convkit._core.jit import helper, kernel
from convkit.kernels import butterfly
from convkit.kernels.correlate import store_run

forward, inverse, filtered = butterfly.forward, butterfly.inverse, butterfly.filtered
multiply, multiply_conjugate, transpose = butterfly.multiply, butterfly.multiply_conjugate, butterfly.transpose
# Panels that are filled and emptied together: whole runs of a row, and few enough rows of the cache.
TOGETHER = 4
# Parts of a column whose largest magnitudes are kept apart.
BANDS = 4


def spread(x, starts, first, count, column, panels, to, pitch, across, most, m):
    """As `butterfly.spread`; samples of another dtype never get here: they are gathered into a buffer."""


@overload(spread)
def _spread(x, starts, first, count, column, panels, to, pitch, across, most, m):
    vectors = butterfly.spread

    def impl(x, starts, first, count, column, panels, to, pitch, across, most, m):
        vectors(x, starts, first, count, column, panels, to, pitch, across, most, m)

    def nothing(x, starts, first, count, column, panels, to, pitch, across, most, m):
        pass

    return impl if x.dtype == panels.dtype else nothing


def put(panels, at, pitch, width, count, out, o, step, spare):
    """Store ``count`` elements of a row of panels in ``out[o::step]``, rounded where ``out`` holds integers."""


@overload(put)
def _put(panels, at, pitch, width, count, out, o, step, spare):
    collect = butterfly.collect

    def straight(panels, at, pitch, width, count, out, o, step, spare):
        if step != 1:
            collect(panels, at, pitch, (count + width - 1) // width, spare, 0)
            line = out[o : o + count * step]
            for i in range(count):
                line[i * step] = spare[i]
            return
        across = count // width
        collect(panels, at, pitch, across, out, o)
        row, line = panels[at + across * pitch : at + across * pitch + width], out[o + across * width : o + count]
        for i in range(line.size):
            line[i] = row[i]

    def converted(panels, at, pitch, width, count, out, o, step, spare):
        collect(panels, at, pitch, (count + width - 1) // width, spare, 0)
        if step == 1:
            store_run(spare, 0, out, o, count)
            return
        for i in range(count):
            store_run(spare, i, out, o + i * step, 1)

    return straight if out.dtype == panels.dtype else converted


@helper
def gather_signal(x, starts, n, before, step, signal, beyond, fill, first, count, out, length):
    """As `correlate.gather`, for one of ``step`` interleaved signals: ``first``, ``count`` and ``length`` count its samples."""
    begin = before - first
    inner0 = min(max(begin, 0), count)
    inner1 = max(min(begin + n, count), inner0)
    extra = max(before, 0) - before - n
    value = fill[signal & 1]
    for t in range(starts.size):
        line = out[t * length : (t + 1) * length]
        line[count:] = 0
        if starts[t] < 0:
            line[:count] = value
            continue
        start = starts[t] + signal
        run = x[start + (inner0 - begin) * step :]
        for i in range(inner1 - inner0):
            line[inner0 + i] = run[i * step]
        for i in range(inner0):
            source = beyond[first + i]
            line[i] = value if source < 0 else x[start + source * step]
        for i in range(inner1, count):
            source = beyond[first + i + extra]
            line[i] = value if source < 0 else x[start + source * step]


@helper
def locate(x, shape, step, depths, rows, beyond, before, fill, columns, source, matrix, corner, signal, table, buffer, base):
    """Where the rows of a tile at a corner of the extended samples start: in ``x``, or gathered into ``buffer[base:]``.

    Return whether they lie in the buffer. A negative start is a row of zeros. ``columns`` is the extended length of rows.
    """
    z0, y0, c = corner
    if signal < 0:
        table[:] = -1
        return True
    height, width = shape[1], shape[2]
    folds = matrix[1] // source[1]
    wide = matrix[2]
    count = min(source[2], columns - c)
    inside = x.dtype == buffer.dtype and step == 1 and count == source[2] and c >= before and c - before + source[2] <= width
    for dz in range(source[0]):
        for dy in range(source[1]):
            start = -2
            if z0 + dz < depths.size and y0 + dy < rows.size:
                z, y = depths[z0 + dz], rows[y0 + dy]
                start = -1 if z < 0 or y < 0 else (z * height + y) * width * step
                inside = inside and (start >= 0 or fill[0] == 0)
            table[(dz * source[1] + dy) * folds] = start
    for dz in range(source[0]):
        first = dz * source[1] * folds
        if not inside:
            high = min(source[1], rows.size - y0) if z0 + dz < depths.size else 0
            room = buffer[base + first * wide : base + (first + source[1] * folds) * wide]
            starts = table[first : first + high * folds : folds].copy()
            gather_signal(x, starts, width, before, step, signal, beyond, fill, c, count, room, source[2])
        for dy in range(source[1]):
            t = first + dy * folds
            start = table[t]
            if start < -1 or (start < 0 and inside):
                start = -1
            else:
                start = start + c - before if inside else base + t * wide
            for f in range(folds):
                table[t + f] = start + f * wide if start >= 0 else -1
    return not inside


def _correlate_tiles(x, shape, step, depths, rows, beyond, before, fill, columns, source, matrix, width, stages, twiddles,
                     folding, spectrum, valid, out, extent, apart, pairs, first, last, most, work):
    """Correlate pairs ``first : last`` of tiles of the volume ``x`` of ``shape`` = (D, H, W) with the weights of ``spectrum``.

    ``step`` signals are interleaved in ``x``, and ``apart`` in ``out``. ``depths`` and ``rows`` are index maps of the extended
    first two axes, ``beyond`` and ``before`` those of the last, of extended length ``columns``; ``fill`` as in `gather`. A tile
    of ``source`` samples is a transform of ``matrix``; if they differ, rows are folded and ``folding`` holds the twiddles. It
    has ``valid`` outputs in ``out`` of ``extent``. A row of ``pairs`` holds for both tiles the corner of the outputs, and the
    signals to be read and to be written, negative for none. ``most[p, tile]`` becomes the largest magnitudes in the
    parts of a tile, BANDS for each run of panels: of a pair in which one is not finite, nothing is written.
    """
    element = 2 * width
    nz, ny, nx = matrix
    panels = nx // width
    folds = ny // source[1]
    pitch = (ny + 1) * element
    plane = panels * pitch + element
    size = nz * ny * nx
    tile = work[: nz * plane]
    panel = work[nz * plane : nz * plane + nx * element]
    buffer = work[nz * plane + nx * element :]
    high = ny // BANDS
    tables = np.empty(2 * nz * ny, np.int64)
    kept = np.zeros(element, work.dtype)
    for p in range(first, last):
        finite = True
        gathered = 0
        for part in range(2):
            row = pairs[p, part]
            if locate(x, shape, step, depths, rows, beyond, before, fill, columns, source, matrix, (row[0], row[1], row[2]),
                      row[3], tables[part * nz * ny : (part + 1) * nz * ny], buffer, part * size):
                gathered |= 1 << part
        for z in range(nz):
            for g in range(0, panels, TOGETHER):
                across = min(TOGETHER, panels - g)
                to = z * plane + g * pitch
                for band in range(BANDS):
                    at, k = to + band * high * element, g // TOGETHER * BANDS + band
                    for part in range(2):
                        lane, t = part * width, (part * nz + z) * ny + band * high
                        if gathered >> part & 1:
                            spread(buffer, tables, t, high, g * width, tile, at + lane, pitch, across, kept, lane)
                        else:
                            spread(x, tables, t, high, g * width, tile, at + lane, pitch, across, kept, lane)
                        largest = most[p, part, k]
                        for i in range(lane, lane + width):
                            # Once NaN, it stays.
                            largest = largest if kept[i] <= largest or largest != largest else kept[i]
                            kept[i] = 0
                        most[p, part, k] = largest
                        finite = finite and largest - largest == 0
                for i in range(across):
                    forward(tile, to + i * pitch, ny, element, stages, 1, twiddles, spectrum, 0)
        if not finite:
            continue
        for r in range(ny // width):
            here = r * width * element
            if nz > 1:
                for g in range(panels):
                    for i in range(width):
                        forward(tile, g * pitch + here + i * element, nz, plane, stages, 0, twiddles, spectrum, 0)
            for z in range(nz):
                for g in range(panels):
                    for part in range(2):
                        transpose(tile, z * plane + g * pitch + here + part * width, element,
                                  panel, g * width * element + part * width, element)
                if folds > 1:
                    multiply(panel, 0, nx, folding, r * nx * element)
                filtered(panel, 0, nx, element, stages, 2, twiddles, spectrum, (z * ny + r * width) * nx * 2)
                if folds > 1:
                    multiply_conjugate(panel, 0, nx, folding, r * nx * element)
                for g in range(panels):
                    for part in range(2):
                        transpose(panel, g * width * element + part * width, element,
                                  tile, z * plane + g * pitch + here + part * width, element)
            if nz > 1:
                for g in range(panels):
                    for i in range(width):
                        inverse(tile, g * pitch + here + i * element, nz, plane, stages, 0, twiddles, spectrum, 0)
        for z in range(valid[0]):
            for g in range(0, panels, TOGETHER):
                across = min(TOGETHER, panels - g)
                to = z * plane + g * pitch
                if folds == 1 and g * width >= valid[2]:
                    continue
                for i in range(across):
                    inverse(tile, to + i * pitch, ny, element, stages, 1, twiddles, spectrum, 0)
                for part in range(2):
                    row = pairs[p, part]
                    if row[4] < 0 or row[0] + z >= extent[0]:
                        continue
                    left = min(valid[2], extent[2] - row[2])
                    rows_left = ny if folds > 1 else min(valid[1], extent[1] - row[1])
                    o = (((row[0] + z) * extent[1] + row[1]) * extent[2] + row[2] + g * width) * apart + row[4]
                    for y in range(rows_left):
                        count = min((left - y * nx if folds > 1 else left) - g * width, across * width)
                        if count > 0:
                            put(tile, to + y * element + part * width, pitch, width, count, out, o, apart, buffer)
                        o += (nx if folds > 1 else extent[2]) * apart


correlate_tiles = kernel(_correlate_tiles)


def _transform_tile(x, matrix, width, stages, twiddles, folding, work, out):
    """Write the transform of one complex tile, its real and then its imaginary part in ``x``, as `correlate_tiles` needs it."""
    element = 2 * width
    nz, ny, nx = matrix
    panels = nx // width
    pitch = (ny + 1) * element
    plane = panels * pitch + element
    kept = np.empty(element, work.dtype)
    table = np.arange(2 * nz * ny) * nx
    for z in range(nz):
        for part in range(2):
            spread(x, table, (part * nz + z) * ny, ny, 0, work, z * plane + part * width, pitch, panels, kept, part * width)
        for g in range(panels):
            forward(work, z * plane + g * pitch, ny, element, stages, 1, twiddles, out, 0)
    if nz > 1:
        for g in range(panels):
            for y in range(ny):
                forward(work, g * pitch + y * element, nz, plane, stages, 0, twiddles, out, 0)
    for z in range(nz):
        for r in range(ny // width):
            k = (z * ny + r * width) * nx * 2
            for g in range(panels):
                for part in range(2):
                    transpose(work, z * plane + g * pitch + r * width * element + part * width, element,
                              out, k + g * width * element + part * width, element)
            if folding.size:
                multiply(out, k, nx, folding, r * nx * element)
            forward(out, k, nx, element, stages, 2, twiddles, out, 0)


transform_tile = kernel(_transform_tile)
