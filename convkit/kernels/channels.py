"""Convolutions with channels, a tile of outputs at a time: samples spread to a flat line, blocks of sums, and back.

A tile's samples are first *spread*: rows and columns that lie ``stride`` apart become neighbours, and what lies beyond the
edges is written out. A tap is then an offset into the spread line, and kernels of any size, stride and dilation are one loop.
"""

from __future__ import annotations

from convkit._core.jit import kernel
from convkit.kernels.channel_blocks import LEAD, LEAST, VECTOR, add_line, products, sums
from convkit.kernels.channel_lines import scatter, spread


@kernel
def pack(w, order, groups, steps, channels, blocks, packed):
    """Put weights in the order of `sums`: for each group, each block of rows, each channel and each tap one weight per row.

    The weight of a group, row, channel and tap t is ``order[t]`` after the sum of their ``steps`` = (group, row, channel).
    """
    to_group, to_row, to_channel = steps
    at = 0
    for group in range(groups):
        first = group * to_group
        for b in range(len(blocks)):
            rows = blocks[b, 0]
            for c in range(channels):
                for t in range(order.size):
                    start = first + c * to_channel + order[t]
                    for r in range(rows):
                        packed[at] = w[start + r * to_row]
                        at += 1
            first += rows * to_row


@kernel
def correlate_tiles(x, shape, packed, bias, relu, out, buffer, spare, sizes, blocks, maps, lows, steps, edges, tile, tables,
                    pieces, first, last):
    """Write the correlations of the tiles that begin at ``pieces[first:last]`` = (item, z, y, x, place in ``out``).

    ``sizes`` = (groups, channels, rows, results of a channel, of an item); ``tile`` and ``tables`` are the numbers of
    `convkit.engines.channel_tiles.Tile`, and what else `spread` takes.
    """
    groups, n_channels, n_rows, out_channel, out_item = sizes
    extent, n_cols, strides, pitch, kept, to_out = tile
    depths, rows_in, runs, shifts, offsets, inside, outside = tables
    target, apart = (spare, pitch) if pitch else (out, out_channel)
    for p in range(first, last):
        item, z, y, col, place = pieces[p]
        row, weight = 0, 0
        for group in range(groups):
            corner = (item, group * n_channels, z * steps[0], y * steps[1], col * steps[2])
            spread(x, shape, corner, (extent[0], n_channels), maps, lows, steps[2], edges, depths, rows_in, runs, n_cols,
                   strides, shifts, extent[3], buffer)
            base = place + group * n_rows * out_channel
            at = LEAD if pitch else base
            for b in range(len(blocks)):
                rows, wide = blocks[b, 0], blocks[b, 1]
                entry, count = 0, inside.size // wide
                while count:
                    sums(rows, wide, buffer, inside, outside, entry, count, packed, weight, offsets, offsets.size, n_channels,
                         strides[1], bias, row, relu, target, at, apart)
                    entry += count * wide
                    count = 0
                    if entry < inside.size:
                        # The last block overlaps the one before: the same sums, the same bits.
                        entry, count = inside.size - wide, 1
                weight += rows * n_channels * offsets.size
                row += rows
                at += rows * apart
            if pitch:
                scatter(spare, n_rows, extent, kept, out, base, (out_channel, out_item), to_out)


@kernel
def multiply_tiles(x, shape, g, g_shape, partial, buffer, spare, sizes, blocks, maps, lows, steps, edges, g_maps, g_lows,
                   g_step, g_edges, tile, tables, pieces, first, last, first_block, last_block, first_row):
    """Add to ``partial`` the products of ``x`` and ``g``, summed over the tiles ``pieces[first:last]``, for some of the blocks.

    ``partial`` = (groups, rows, step) with the taps of all channels along its last axis. The tables are as in
    `correlate_tiles`, but ``offsets`` are of the taps of all channels and vectors do not overlap; what begins with ``g_`` is
    that of ``g``, which is spread like results that are kept apart.
    """
    groups, n_channels, n_rows, out_channel, _ = sizes
    extent, n_cols, strides, pitch, kept, (count, ends, keep), n_taps, step = tile
    depths, rows_in, runs, shifts, offsets, inside, outside, at_z, at_y, at_x = tables
    source, apart = (spare, pitch) if pitch else (g, out_channel)
    for p in range(first, last):
        item, z, y, col, place = pieces[p]
        for group in range(groups):
            corner = (item, group * n_channels, z * steps[0], y * steps[1], col * steps[2])
            spread(x, shape, corner, (extent[0], n_channels), maps, lows, steps[2], edges, depths, rows_in, runs, n_cols,
                   strides, shifts, extent[3], buffer)
            if pitch:
                spread(g, g_shape, (item, group * n_rows, z, y, col), (extent[0], n_rows), g_maps, g_lows, g_step, g_edges,
                       at_z, at_y, at_x, extent[3], kept, at_x[:0], extent[3], spare)
            base = LEAD if pitch else place + group * n_rows * out_channel
            # All rows use the samples of a few taps while these are in the first cache.
            for begin in range(0, n_taps, LEAST):
                row = first_row
                for b in range(first_block, last_block):
                    rows, wide = blocks[b, 0], blocks[b, 1]
                    for tap in range((begin + wide - 1) // wide * wide, min(begin + LEAST, n_taps), wide):
                        products(rows, wide, source, base + row * apart, apart, buffer, offsets, tap, outside, inside, count,
                                 ends, keep, partial, (group * n_rows + row) * step + tap, step)
                    row += rows


@kernel
def add_partial(partial, count, rows, step, n_taps, out):
    """Sum `count` partial sums, each of (rows, step), in their order; of every row the first `n_taps`."""
    for r in range(rows):
        line = out[r * n_taps : (r + 1) * n_taps]
        for t in range(n_taps):
            line[t] = partial[r * step + t]
        for i in range(1, count):
            part = partial[(i * rows + r) * step : (i * rows + r) * step + n_taps]
            for t in range(n_taps):
                line[t] += part[t]


@kernel
def add_outputs(g, items, channels, size, out):
    """Sum ``g`` = (items, channels, size) over items and the last axis."""
    chunk = 4 * VECTOR // g.itemsize
    for c in range(channels):
        out[c] = 0
    for i in range(items):
        for c in range(channels):
            start = (i * channels + c) * size
            whole = size // chunk
            add_line(g, start, whole, out, c)
            rest = g[start + whole * chunk : start + size]
            total = out[c]
            for k in range(rest.size):
                total += rest[k]
            out[c] = total
