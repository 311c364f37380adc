"""Order statistics of windows: programs of minima and maxima over lines, and counts for wide windows.

Samples are compared as unsigned integers, their keys, which order as the numbers do: a minimum of integers is one
vector instruction, whereas one of floats has to mind NaN and is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from convkit._core.jit import helper, kernel
from convkit.kernels.simd import vector_bits
from convkit.kernels.stages import extreme, square_median

# Bytes behind a line that whole vectors may read and write.
ROOM = 64


def _make_exchange(operation: int) -> Any:
    @intrinsic
    def exchange(typingctx, buffer, a, b, low, high, count):
        signature = types.void(buffer, types.int64, types.int64, types.int64, types.int64, types.int64)

        def codegen(context, builder, sig, args):
            element = context.get_data_type(sig.args[0].dtype)
            size = context.get_abi_sizeof(element)
            width = vector_bits() // (8 * size)
            vector = ir.VectorType(element, width)
            i64 = ir.IntType(64)
            data = context.make_array(sig.args[0])(context, builder, value=args[0]).data

            def place(index, at):
                return builder.bitcast(builder.gep(data, [builder.add(index, at)]), vector.as_pointer())

            def load(index, at):
                value = builder.load(place(index, at))
                value.align = size
                return value

            blocks = builder.sdiv(builder.add(args[5], i64(width - 1)), i64(width))
            with cgutils.for_range(builder, blocks) as loop:
                at = builder.mul(loop.index, i64(width))
                x, y = load(args[1], at), load(args[2], at)
                if operation != 1:
                    builder.store(extreme(builder, "umin", x, y), place(args[3], at)).align = size
                if operation != 0:
                    builder.store(extreme(builder, "umax", x, y), place(args[4], at)).align = size
            return context.get_dummy_value()

        return signature, codegen

    return exchange


_vector_least, _vector_most, _vector_both = (_make_exchange(operation) for operation in range(3))


def step_lines(buffer, operation, a, b, low, high, count):
    """Write the smaller values of two lines of ``buffer`` to a third and the larger to a fourth, or one of these.

    ``operation`` is 0 for minima, 1 for maxima, 2 for both. Written are whole vectors. A line that is written may
    begin where one that is read begins, or before.
    """
    for i in range(count):
        x, y = buffer[a + i], buffer[b + i]
        if operation != 1:
            buffer[low + i] = min(x, y)
        if operation != 0:
            buffer[high + i] = max(x, y)


@overload(step_lines, inline="never")
def _step_lines(buffer, operation, a, b, low, high, count):
    if not vector_bits():
        return step_lines

    def vectors(buffer, operation, a, b, low, high, count):
        if operation == 2:
            _vector_both(buffer, a, b, low, high, count)
        elif operation == 0:
            _vector_least(buffer, a, b, low, high, count)
        else:
            _vector_most(buffer, a, b, low, high, count)

    return vectors


@helper
def _keys(line, sign, infinity):
    """Make keys of a line of bits; those of NaN are above all others. ``infinity`` is 0 for integers."""
    if infinity:
        for i in range(line.size):
            bits = line[i]
            line[i] = ~(bits - bits) if bits & (sign - 1) > infinity else ~bits if bits & sign else bits ^ sign
    elif sign:
        for i in range(line.size):
            line[i] ^= sign


@helper
def _values(keys, k, line, sign, infinity):
    """Write the bits of numbers from their keys."""
    run = keys[k : k + line.size]
    if infinity:
        for i in range(line.size):
            line[i] = run[i] ^ sign if run[i] & sign else ~run[i]
    elif sign:
        for i in range(line.size):
            line[i] = run[i] ^ sign
    else:
        for i in range(line.size):
            line[i] = run[i]


def _gather(x, shape, planes, rows, beyond, before, step, fill, sign, infinity, deep, high, reach, box, pitch, out):
    """Write the keys of the extended rows that the outputs of ``box`` look at to ``out``, a row every ``pitch`` elements.

    ``x`` of ``shape`` = (D, H, W), W in samples of ``step`` elements; ``planes`` and ``rows`` are their sources with the
    halo, ``beyond`` those of samples before and after a row, ``before`` many of them before. Windows are ``deep`` planes
    and ``high`` rows, and reach over ``reach`` elements more than one.
    """
    z0, z1, y0, y1, c0, c1 = box
    width = shape[2] * step
    count = c1 - c0 + reach
    lead = before * step
    inner0 = min(max(lead - c0, 0), count)
    inner1 = max(min(lead + width - c0, count), inner0)
    ends = inner0 + count - inner1
    places = np.empty((ends, 2), np.int64)
    for e in range(ends):
        places[e, 0] = e if e < inner0 else e - inner0 + inner1
        at = c0 + places[e, 0]
        source = beyond[at // step - (0 if e < inner0 else shape[2])]
        places[e, 1] = -1 if source < 0 else source * step + at % step
    o = 0
    for z in range(z0, z1 + deep - 1):
        for y in range(y0, y1 + high - 1):
            start = (planes[z] * shape[1] + rows[y]) * width
            line = out[o : o + count]
            if planes[z] < 0 or rows[y] < 0:
                line[:] = fill
            else:
                first = start + c0 - lead + inner0
                inside, run = line[inner0:inner1], x[first : first + inner1 - inner0]
                for i in range(run.size):
                    inside[i] = run[i]
                for e in range(ends):
                    line[places[e, 0]] = fill if places[e, 1] < 0 else x[start + places[e, 1]]
            _keys(line, sign, infinity)
            o += pitch


gather = kernel(_gather)
_gathered = helper(_gather)


@helper
def line_length(elements, itemsize):
    """Elements of a line that holds ``elements`` and what whole vectors write behind them, aligned as vectors are."""
    return (elements * itemsize + 2 * ROOM - 1) // ROOM * ROOM // itemsize


def _select(x, shape, planes, rows, beyond, before, step, fill, sign, infinity, deep, high, reach, steps, slots, out, extent,
            box, strip, together, panel, buffer):
    """Write the results of a program of `kernels.networks` for the windows of ``box`` to the flat ``out`` of ``extent``.

    The first arguments are those of `_gather`; ``x`` and ``out`` hold the bits of numbers as unsigned integers. ``strip``
    rows of outputs are done with the samples gathered once, ``together`` of them as one line, ``panel`` columns at a time
    if that is one. Without ``steps`` the results are medians of windows of ``high`` rows and columns.
    """
    z0, z1, c0 = box[0], box[1], box[4]
    n = box[5] - c0
    pitch = n + reach
    taken = deep * high
    length = line_length(min(together * pitch, panel + reach) if together == 1 else together * pitch, x.itemsize)
    first = (z1 - z0 + deep - 1) * (strip + high - 1) * pitch + ROOM
    where = np.empty(taken + slots, np.int64)
    for s in range(slots):
        where[taken + s] = first + s * length
    last = taken + slots - 1
    if steps.shape[0]:
        last = steps[steps.shape[0] - 1, 5 if steps[steps.shape[0] - 1, 0] == 0 else 6]
    for y0 in range(box[2], box[3], strip):
        y1 = min(y0 + strip, box[3])
        tall = y1 - y0 + high - 1
        _gathered(x, shape, planes, rows, beyond, before, step, fill, sign, infinity, deep, high, reach,
                (z0, z1, y0, y1, c0, c0 + n), pitch, buffer)
        for z in range(z0, z1):
            for y in range(y0, y1, together):
                count = min(together, y1 - y)
                for d in range(deep):
                    for r in range(high):
                        where[d * high + r] = ((z - z0 + d) * tall + y - y0 + r) * pitch
                for c in range(0, n, panel):
                    m = min(panel, n - c)
                    line = (count - 1) * pitch + m
                    if steps.shape[0] == 0:
                        square_median(buffer, where, high, step, line)
                    for t in range(steps.shape[0]):
                        step_lines(buffer, steps[t, 0], where[steps[t, 1]] + steps[t, 2] * step,
                                   where[steps[t, 3]] + steps[t, 4] * step, where[steps[t, 5]], where[steps[t, 6]],
                                   line + steps[t, 7] * step)
                    result = where[last]
                    for r in range(count):
                        o = (z * extent[1] + y + r) * extent[2] + c0 + c
                        _values(buffer, result + r * pitch, out[o : o + m], sign, infinity)
                    for t in range(taken):
                        where[t] += m


select = kernel(_select)
