"""Order statistics of wide windows: counts of values that follow the window as it moves."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from convkit._core.jit import kernel

# Counts that are one vector.
PART = 16


@intrinsic
def _popcount(typingctx, word):
    def codegen(context, builder, sig, args):
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen


def ones(word):
    """Bits that are set in an unsigned integer of 64 bits."""
    return int(word).bit_count()


@overload(ones)
def _ones(word):
    return lambda word: np.int64(_popcount(np.uint64(word)))


def _parts(context, builder, array, value):
    """A function that gives the place of sixteen numbers from an index on, and the type of their vector."""
    data = context.make_array(array)(context, builder, value=value).data
    vector = ir.VectorType(context.get_data_type(array.dtype), PART)
    return lambda index: builder.bitcast(builder.gep(data, [index]), vector.as_pointer()), vector


def _load(builder, place, size):
    value = builder.load(place)
    value.align = size
    return value


@intrinsic
def _vector_move(typingctx, counts, to, enter, leave):
    def codegen(context, builder, sig, args):
        size = sig.args[0].dtype.bitwidth // 8
        place, _ = _parts(context, builder, sig.args[0], args[0])
        found, gain, loss = (_load(builder, place(index), size) for index in args[1:])
        builder.store(builder.add(found, builder.sub(gain, loss)), place(args[1])).align = size
        return context.get_dummy_value()

    return types.void(counts, types.int64, types.int64, types.int64), codegen


@intrinsic
def _vector_find(typingctx, counts, at, rank):
    def codegen(context, builder, sig, args):
        size = sig.args[0].dtype.bitwidth // 8
        place, vector = _parts(context, builder, sig.args[0], args[0])
        lane = ir.IntType(32)
        sums = _load(builder, place(args[1]), size)
        none = ir.Constant(vector, [0] * PART)
        for shift in (1, 2, 4, 8):
            indices = [PART + i - shift if i >= shift else i for i in range(PART)]
            sums = builder.add(sums, builder.shuffle_vector(none, sums, ir.Constant(ir.VectorType(lane, PART), indices)))
        limit = builder.trunc(args[2], vector.element) if size < 8 else args[2]
        limits = builder.shuffle_vector(builder.insert_element(none, limit, lane(0)), none,
                                        ir.Constant(ir.VectorType(lane, PART), [0] * PART))
        before = builder.bitcast(builder.icmp_unsigned("<=", sums, limits), ir.IntType(PART))
        part = builder.zext(builder.ctpop(before), ir.IntType(64))
        shifted = builder.shuffle_vector(none, sums, ir.Constant(ir.VectorType(lane, PART), [0, *range(PART, 2 * PART - 1)]))
        below = builder.zext(builder.extract_element(shifted, part), ir.IntType(64))
        return context.make_tuple(builder, sig.return_type, [part, below])

    return types.UniTuple(types.int64, 2)(counts, types.int64, types.int64), codegen


def move_part(counts, to, enter, leave):
    """Add sixteen counts at ``enter`` to those at ``to``, and take those at ``leave`` away."""
    for i in range(PART):
        counts[to + i] = int(counts[to + i]) + int(counts[enter + i]) - int(counts[leave + i])


def find_part(counts, at, rank):
    """Which of sixteen counts holds the value of ``rank``, less than their sum; and the sum of the counts before."""
    below, part = 0, 0
    while below + int(counts[at + part]) <= rank:
        below += int(counts[at + part])
        part += 1
    return part, below


@overload(move_part)
def _move_part(counts, to, enter, leave):
    return lambda counts, to, enter, leave: _vector_move(counts, to, enter, leave)


@overload(find_part)
def _find_part(counts, at, rank):
    return lambda counts, at, rank: _vector_find(counts, at, rank)


def _count_select(keys, tall, pitch, high, wide, rank, n, out, o, pitch_out, sign, counts):
    """Write the value of ``rank`` of windows of ``high`` rows and ``wide`` columns of 8-bit ``keys``, a flat image.

    Its ``tall`` rows lie ``pitch`` apart; of a row come ``n`` results, at ``out[o:]`` and every ``pitch_out`` elements. Counts
    of all values are kept for every column, and for the window in sixteen parts, of which only the part that holds the
    result is up to date: the work does not depend on the window (Perreault and Hebert, 2007). ``counts`` has room for
    272 numbers a column and 288 more.
    """
    columns = n + wide - 1
    coarse = columns * 256
    window = columns * 272
    total = window + 256
    none = total + 16
    since = np.empty(PART, np.int64)
    counts[: none + PART] = 0
    one = counts.dtype.type(1)
    for y in range(tall):
        line = keys[y * pitch : y * pitch + columns]
        old = keys[(y - high) * pitch : (y - high) * pitch + columns] if y >= high else line
        for c in range(columns):
            value = np.int64(line[c])
            counts[c * 256 + value] += one
            counts[coarse + c * PART + (value >> 4)] += one
            if y >= high:
                value = np.int64(old[c])
                counts[c * 256 + value] -= one
                counts[coarse + c * PART + (value >> 4)] -= one
        if y < high - 1:
            continue
        counts[total : total + PART] = 0
        for c in range(wide - 1):
            move_part(counts, total, coarse + c * PART, none)
        since[:] = -wide
        results = out[o + (y - high + 1) * pitch_out : o + (y - high + 1) * pitch_out + n]
        for c in range(n):
            move_part(counts, total, coarse + (c + wide - 1) * PART, none if c == 0 else coarse + (c - 1) * PART)
            part, below = find_part(counts, total, rank)
            fine = window + part * PART
            at = part * PART
            if since[part] <= c - wide:
                counts[fine : fine + PART] = 0
                for k in range(c, c + wide):
                    move_part(counts, fine, k * 256 + at, none)
            else:
                for k in range(since[part] + 1, c + 1):
                    move_part(counts, fine, (k + wide - 1) * 256 + at, (k - 1) * 256 + at)
            since[part] = c
            value, below = find_part(counts, fine, rank - below)
            results[c] = (at + value) ^ sign


count_select = kernel(_count_select)


def _slide_select(order, keys, shape, members, enter, leave, rank, extent, place, out_strides, sign, infinity, out, ranks,
                  present):
    """Write the value of ``rank`` of windows that move over a block of samples whose ``order`` is known.

    ``keys`` is the flat block of ``shape`` = (D, H, W), ``order`` the places of its samples from the least on. ``members``
    are the places of a window's samples relative to its first, ``enter`` and ``leave`` of those that come and go as it moves
    by one column. ``extent`` windows are written to ``out`` from ``place`` on, ``out_strides`` apart. ``ranks`` and ``present``
    have room for a number per sample, and for a bit: whether the sample of that rank is in the window.
    """
    for i in range(order.size):
        ranks[order[i]] = i
    words = (order.size + 63) // 64
    one = np.uint64(1)
    for z in range(extent[0]):
        for y in range(extent[1]):
            present[:words] = 0
            first = (z * shape[1] + y) * shape[2]
            for m in range(members.size):
                r = ranks[first + members[m]]
                present[r >> 6] |= one << np.uint64(r & 63)
            # The word that holds the result, and how many samples of the window lie in words before it.
            at, below = 0, 0
            for c in range(extent[2]):
                if c:
                    base = first + c - 1
                    for m in range(leave.size):
                        r = ranks[base + leave[m]]
                        present[r >> 6] ^= one << np.uint64(r & 63)
                        below -= r >> 6 < at
                    for m in range(enter.size):
                        r = ranks[base + enter[m]]
                        present[r >> 6] ^= one << np.uint64(r & 63)
                        below += r >> 6 < at
                while below > rank:
                    at -= 1
                    below -= ones(present[at])
                inside = ones(present[at])
                while below + inside <= rank:
                    below += inside
                    at += 1
                    inside = ones(present[at])
                word = present[at]
                for _ in range(rank - below):
                    word &= word - one
                key = keys[order[at * 64 + ones((word & (~word + one)) - one)]]
                o = place + z * out_strides[0] + y * out_strides[1] + c * out_strides[2]
                if infinity:
                    out[o] = key ^ sign if key & sign else ~key
                else:
                    out[o] = key ^ sign


slide_select = kernel(_slide_select)
