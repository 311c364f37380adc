"""Convolutions with channels, a tile of outputs at a time: samples spread to a flat line, blocks of sums, and back.

A tile's samples are first *spread*: rows and columns that lie ``stride`` apart become neighbours, and what lies beyond the
edges is written out. A tap is then an offset into the spread line, and kernels of any size, stride and dilation are one loop.
"""

from __future__ import annotations

from convkit._core.jit import helper, inlined, kernel
from convkit.kernels.channel_blocks import LEAD, LEAST, VECTOR, add_line, products, sums
from convkit.kernels.channel_lines import scatter, spread


@kernel
def pack(w, order, groups, channels, to_group, to_row, to_channel, blocks, packed):
    """Put weights in the order of `sums`: for each group, each block of rows, each channel and each tap one weight per row.

    Weights of neighbouring groups, rows and channels lie ``to_group``, ``to_row`` and ``to_channel`` apart, those of tap t
    ``order[t]`` after the first of them.
    """
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


# A plan is everything of a tile but its samples, in one array: of arguments each costs 30 ns, and a tuple of them 300.
# First `NUMBERS` whole numbers, then where each table begins and the last one ends, then the tables. Where the numbers lie:
# (groups, channels, rows, results of a channel, of an item); of the samples (C, D, H, W), lows, steps and edges; of the tile
# its extent (items, D, H, W), columns, strides, pitch, distances of kept results, and of those in ``out``; for products
# (whole vectors, ends, samples that count in these, taps, step), and (C, D, H, W) of ``g``.
SIZES, SHAPE, LOWS, STEPS, EDGES, EXTENT, COLUMNS, STRIDES, PITCH, KEPT, TO_OUT, COUNTS, G_SHAPE, NUMBERS = (
    0, 5, 9, 12, 15, 16, 20, 21, 26, 27, 32, 35, 40, 44)  # fmt: skip
# The tables: maps of three axes, and what else `spread` and the blocks take; at last one for sums, or six for products.
MAPS, DEPTHS, ROWS, RUNS, SHIFTS, OFFSETS, INSIDE, OUTSIDE, MORE = 0, 3, 4, 5, 6, 7, 8, 9, 10


@inlined
def _table(plan, k):
    """The k-th table of a plan."""
    return plan[plan[NUMBERS + k] : plan[NUMBERS + k + 1]]


@helper
def _three(plan, at):
    return plan[at], plan[at + 1], plan[at + 2]


@helper
def _four(plan, at):
    return plan[at], plan[at + 1], plan[at + 2], plan[at + 3]


@helper
def _five(plan, at):
    return plan[at], plan[at + 1], plan[at + 2], plan[at + 3], plan[at + 4]


@helper
def _spread_tile(x, plan, item, channel, z, y, col, buffer):
    """Spread the samples that a tile needs from ``channel`` on."""
    steps, extent = _three(plan, STEPS), _four(plan, EXTENT)
    corner = (item, channel, z * steps[0], y * steps[1], col * steps[2])
    maps = (_table(plan, MAPS), _table(plan, MAPS + 1), _table(plan, MAPS + 2))
    spread(x, _four(plan, SHAPE), corner, (extent[0], plan[SIZES + 1]), maps, _three(plan, LOWS), steps[2], plan[EDGES],
           _table(plan, DEPTHS), _table(plan, ROWS), _table(plan, RUNS), plan[COLUMNS], _five(plan, STRIDES),
           _table(plan, SHIFTS), extent[3], buffer)


@kernel
def correlate_tiles(x, packed, bias, relu, out, buffer, spare, blocks, plan, pieces, first, last):
    """Write the correlations of the tiles that begin at ``pieces[first:last]`` = (item, z, y, x, place in ``out``).

    Weights are ``packed``, ``blocks`` are of rows.
    """
    groups, n_channels, n_rows, out_channel, out_item = _five(plan, SIZES)
    extent, pitch, to_channel = _four(plan, EXTENT), plan[PITCH], plan[STRIDES + 1]
    kept, to_out = _five(plan, KEPT), _three(plan, TO_OUT)
    offsets, inside, outside, reach = _table(plan, OFFSETS), _table(plan, INSIDE), _table(plan, OUTSIDE), _table(plan, MORE)
    target, apart = (spare, pitch) if pitch else (out, out_channel)
    for p in range(first, last):
        item, z, y, col, place = pieces[p]
        row, weight = 0, 0
        for group in range(groups):
            _spread_tile(x, plan, item, group * n_channels, z, y, col, buffer)
            base = place + group * n_rows * out_channel
            at = LEAD if pitch else base
            for b in range(len(blocks)):
                rows, wide = blocks[b, 0], blocks[b, 1]
                entry, count = 0, inside.size // wide
                while count:
                    sums(rows, wide, buffer, inside, outside, reach, entry, count, packed, weight, offsets, offsets.size,
                         n_channels, to_channel, bias, row, relu, target, at, apart)
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
def multiply_tiles(x, g, partial, buffer, spare, blocks, plan, pieces, first, last, first_block, last_block, first_row):
    """Add to ``partial`` the products of ``x`` and ``g``, summed over the tiles ``pieces[first:last]``, for some of the blocks.

    ``partial`` = (groups, rows, step) with the taps of all channels along its last axis. The plan's offsets are of the taps
    of all channels, and its vectors do not overlap. ``g`` is spread like results that are kept apart.
    """
    groups, n_channels, n_rows, out_channel, _ = _five(plan, SIZES)
    extent, pitch, kept = _four(plan, EXTENT), plan[PITCH], _five(plan, KEPT)
    count, ends, keep, n_taps, step = _five(plan, COUNTS)
    g_shape = _four(plan, G_SHAPE)
    offsets, inside, outside = _table(plan, OFFSETS), _table(plan, INSIDE), _table(plan, OUTSIDE)
    g_maps = (_table(plan, MORE), _table(plan, MORE + 1), _table(plan, MORE + 2))
    at_z, at_y, at_x = _table(plan, MORE + 3), _table(plan, MORE + 4), _table(plan, MORE + 5)
    source, apart = (spare, pitch) if pitch else (g, out_channel)
    for p in range(first, last):
        item, z, y, col, place = pieces[p]
        for group in range(groups):
            _spread_tile(x, plan, item, group * n_channels, z, y, col, buffer)
            if pitch:
                spread(g, g_shape, (item, group * n_rows, z, y, col), (extent[0], n_rows), g_maps, (0, 0, 0), 1, 0, at_z, at_y,
                       at_x, extent[3], kept, at_x[:0], extent[3], spare)
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


@inlined
def _add_outputs(g, start, size, out, c):
    """Add `size` elements of ``g`` from ``start`` on to ``out[c]``."""
    chunk = VECTOR // g.itemsize
    whole = size // chunk
    add_line(g, start, whole, out, c)
    rest = g[start + whole * chunk : start + size]
    total = out[c]
    for k in range(rest.size):
        total += rest[k]
    out[c] = total


@kernel
def add_outputs(g, items, channels, size, out):
    """Sum ``g`` = (items, channels, size) over items and the last axis."""
    out[:channels] = 0
    for i in range(items):
        for c in range(channels):
            _add_outputs(g, (i * channels + c) * size, size, out, c)


@kernel
def rectify_outputs(g, y, items, channels, size, masked, out):
    """Write ``g`` to ``masked``, zero where the rectifier's result ``y`` is, and sum that as `add_outputs` does."""
    out[:channels] = 0
    for i in range(items):
        for c in range(channels):
            start = (i * channels + c) * size
            line, sign, kept = g[start : start + size], y[start : start + size], masked[start : start + size]
            for k in range(size):
                kept[k] = g.dtype.type(0) if sign[k] <= 0 else line[k]
            _add_outputs(masked, start, size, out, c)
