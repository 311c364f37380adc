"""Samples of a tile spread to a line in which every tap of a convolution is an offset, and results brought back."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from convkit._core.jit import helper, inlined
from convkit.kernels import simd
from convkit.kernels.channel_blocks import LEAD, vectors_serve

# Channels gathered before they are stored anew for each tap.
AT_ONCE = 8


def copy_rows(x, i, x_pitch, out, o, out_pitch, n_rows, n_cols):
    """Copy `n_rows` x `n_cols` samples from ``x[i:]`` to ``out[o:]``, where rows lie `x_pitch` and `out_pitch` apart."""
    for r in range(n_rows):
        for k in range(n_cols):
            out[o + r * out_pitch + k] = x[i + r * x_pitch + k]


def _make_copy(share: int) -> Any:
    """Build ``copy(x, i, out, o)`` of a vector's `share`-th part."""

    @intrinsic
    def copy(typingctx, x, i, out, o):
        def codegen(context, builder, sig, args):
            element = context.get_data_type(sig.args[0].dtype)
            size = context.get_abi_sizeof(element)
            vector = ir.VectorType(element, max(1, simd.lanes(size) // share))

            def place(array, index):
                data = context.make_array(sig.args[array])(context, builder, value=args[array]).data
                return builder.bitcast(builder.gep(data, [args[index]]), vector.as_pointer())

            value = builder.load(place(0, 1))
            value.align = size
            builder.store(value, place(2, 3)).align = size
            return context.get_dummy_value()

        return types.void(x, types.int64, out, types.int64), codegen

    return copy


@overload(copy_rows)
def _copy_rows(x, i, x_pitch, out, o, out_pitch, n_rows, n_cols):
    if not vectors_serve(x, out):
        return copy_rows
    whole, half, quarter = (_make_copy(share) for share in (1, 2, 4))
    n = simd.lanes(x.dtype.bitwidth // 8)
    m, q = n // 2, max(1, n // 4)

    def impl(x, i, x_pitch, out, o, out_pitch, n_rows, n_cols):
        if n_cols < n and out_pitch == n_cols and x_pitch >= n_cols:
            # Whole vectors: what they copy too much, the rows after them cover.
            more = n_rows - (n - 1) // max(n_cols, 1)
            for _ in range(more):
                whole(x, i, out, o)
                i += x_pitch
                o += out_pitch
            n_rows -= max(more, 0)
        # The last vector of a row overlaps the one before.
        if n_cols >= n:
            for _ in range(n_rows):
                for k in range(0, n_cols - n, n):
                    whole(x, i + k, out, o + k)
                whole(x, i + n_cols - n, out, o + n_cols - n)
                i += x_pitch
                o += out_pitch
        elif n_cols >= m:
            for _ in range(n_rows):
                half(x, i, out, o)
                half(x, i + n_cols - m, out, o + n_cols - m)
                i += x_pitch
                o += out_pitch
        elif n_cols >= q:
            for _ in range(n_rows):
                quarter(x, i, out, o)
                quarter(x, i + n_cols - q, out, o + n_cols - q)
                i += x_pitch
                o += out_pitch
        else:
            for _ in range(n_rows):
                for k in range(n_cols):
                    out[o + k] = x[i + k]
                i += x_pitch
                o += out_pitch

    return impl


@inlined
def gather(x, volume, shape, corner, maps, lows, depths, rows, runs, n_cols, step, edges, to_depth, to_row, to_run, out, o):
    """Copy the samples of one channel that a tile needs to ``out[o:]``.

    Stored plane j of the depth reads position ``z + depths[j]`` of the extended axis, whose source is ``maps[0]`` of it (-1:
    zero) and whose position 0 is ``lows[0]``; so do ``rows``. Each row is stored in ``runs``: from position ``x + runs[p]``
    on, `n_cols` samples `step` apart. Nothing beyond the ends of an axis is needed unless `edges` is above 0; 1: it is zero.
    """
    z, y, first = corner
    map_z, map_y, map_x = maps
    _, depth, height, width = shape
    if edges == 1:
        out[o : o + depths.size * to_depth] = 0
    for j in range(depths.size):
        source_z = map_z[z + depths[j]]
        for p in range(runs.size):
            start = first + runs[p]
            inner0 = min(max((step - 1 - start - lows[2]) // step, 0), n_cols)
            inner1 = max(min((width - start - lows[2] + step - 1) // step, n_cols), inner0)
            here = (volume * depth + source_z) * height * width + start + lows[2]
            base = o + j * to_depth + p * to_run
            k = 0
            while k < rows.size and source_z >= 0:
                source_y = map_y[y + rows[k]]
                count = 1
                while k + count < rows.size and map_y[y + rows[k + count]] == source_y + count and source_y >= 0:
                    count += 1
                line = here + source_y * width
                target = base + k * to_row
                k += count
                if source_y < 0:
                    continue
                if step == 1:
                    copy_rows(x, line + inner0, width, out, target + inner0, to_row, count, inner1 - inner0)
                else:
                    for r in range(count):
                        for col in range(inner0, inner1):
                            out[target + r * to_row + col] = x[line + r * width + col * step]
                if edges == 2:
                    for side in range(2):
                        for col in range(0 if side == 0 else inner1, inner0 if side == 0 else n_cols):
                            source = map_x[start + col * step]
                            for r in range(count):
                                at = line + r * width - start - lows[2] + source
                                out[target + r * to_row + col] = 0 if source < 0 else x[at]


@helper
def spread(x, shape, corner, counts, maps, lows, step, edges, depths, rows, runs, n_cols, strides, shifts, wide, out):
    """Copy the samples of a tile to a line in which neighbours are what neighbouring outputs need.

    ``shape`` = (C, D, H, W) of the items of ``x``; ``corner`` = (item, channel, z, y, x) and ``counts`` = (items, channels);
    ``strides`` = (item, channel, depth, row, plane). With ``shifts`` every row is stored anew for each tap along it: the
    `wide` samples from ``shifts`` on of what `gather` copies; or of ``x`` itself, where `edges` is below 0.
    """
    item, channel, z, y, first = corner
    to_item, to_channel, to_depth, to_row, to_plane = strides
    apart = LEAD + max(counts[0] * to_item, counts[1] * to_channel)
    run = rows.size * n_cols
    plane = runs.size * run
    direct = shifts.size == 0
    for i in range(counts[0]):
        base = LEAD + i * to_item
        volume = (item + i) * shape[0] + channel
        # Several channels at a time: what has just been stored in other pieces cannot be loaded at once.
        for c0 in range(0, counts[1], AT_ONCE):
            channels = range(c0, min(c0 + AT_ONCE, counts[1]))
            if direct or edges >= 0:
                for c in channels:
                    gather(x, volume + c, shape, (z, y, first), maps, lows, depths, rows, runs, n_cols, step, max(edges, 0),
                           to_depth if direct else plane, to_row if direct else n_cols, to_plane if direct else run, out,
                           base + c * to_channel if direct else apart + (c - c0) * depths.size * plane)
            for c in channels:
                for j in range(depths.size):
                    o = base + c * to_channel + j * to_depth
                    if edges < 0:
                        above = ((volume + c) * shape[1] + z + lows[0] + depths[j]) * shape[2] + y + lows[1]
                        here = above * shape[3] + first + lows[2]
                        for p in range(shifts.size):
                            copy_rows(x, here + shifts[p], shape[3], out, o + p * to_plane, to_row, rows.size, wide)
                    else:
                        here = apart + ((c - c0) * depths.size + j) * plane
                        for p in range(shifts.size):
                            copy_rows(out, here + shifts[p], n_cols, out, o + p * to_plane, to_row, rows.size, wide)


@helper
def scatter(values, channels, extent, kept, out, base, steps, to_out):
    """Store the results of a tile, kept in ``values``, where they belong.

    ``extent`` = (items, D, H, W) of the tile; ``kept`` = (item, channel, depth, row, 0) are distances in ``values``;
    ``steps`` = (channel, item) and ``to_out`` = (depth, row, column) those in ``out``.
    """
    for c in range(channels):
        for i in range(extent[0]):
            for z in range(extent[1]):
                a = LEAD + c * kept[1] + i * kept[0] + z * kept[2]
                o = base + c * steps[0] + i * steps[1] + z * to_out[0]
                if to_out[2] == 1:
                    copy_rows(values, a, kept[3], out, o, to_out[1], extent[2], extent[3])
                else:
                    for y in range(extent[2]):
                        for col in range(extent[3]):
                            out[o + y * to_out[1] + col * to_out[2]] = values[a + y * kept[3] + col]
