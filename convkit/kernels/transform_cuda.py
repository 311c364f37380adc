"""Fourier transforms of lines of any length on a CUDA device: one kernel for all lengths, whose stages are told at run time.

A block transforms some lines in shared memory, by stages of the `RADICES`. Lines of another length are correlated with a chirp
(Bluestein's way): the stages run, there is a multiplication, and they run back. Lines that are too long for a block are columns
and then rows of a matrix, with a twiddle in between (Bailey's way): each kernel does one of the passes.

Arrays are flat and of real numbers, complex ones in pairs, so that these may lie at any number. A number of a line has an
index, ``p * step + column * jump``: p counts the numbers that the block sees, and the column is the line's in its matrix.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.butterfly_cuda import GAP
from convkit.kernels.stages_cuda import odd_stage, quotient, stage_of

# Lines of a block, at most.
LINES = 64
# Numbers of the plan of a stage, and of each stage: radix, butterflies of a line, how far their numbers lie apart, one over
# that, and the place of the twiddles.
STAGE = 5
# What lines are multiplied by as they are read or written.
CHIRP, TWIDDLE = 1, 2
# Kinds of numbers of lines.
COMPLEX, REAL, HALF = 0, 1, 2
# Bytes of shared memory for where lines begin.
BYTES = LINES * (4 * 8 + 4)
# A butterfly of radix 11 holds 22 numbers.
REGISTERS = {4: 96, 8: 128}
i32, u32 = np.int32, np.uint32


class Side(NamedTuple):
    """How lines are read, or written: from the row of a matrix on, numbers of index below `limit`.

    `outer` numbers lie between groups of lines, and lines of a group lie side by side. `along` is whether the threads run along
    lines, `width` how many numbers they run along first, and `over` one over that. Parts are exchanged `turned` before and
    `swap` after the multiplication by `factor`. `offset` is the first number. Numbers are of a `kind`: complex ones, real ones,
    or the complex ones of half a spectrum, which tell the other half.
    """

    kind: int
    outer: int
    step: int
    jump: int
    limit: int
    along: int
    width: int
    over: int
    turned: int
    factor: int
    swap: int
    offset: int


class Sizes(NamedTuple):
    """Lines, of which `parts` make one of a block; how a block works; and places in the tables.

    A block has some lines `beside` each other, with a `team` of threads for each. Line l lies beside ``l % inner`` others, and
    is column ``l // inner % many`` of a matrix. ``over`` is one over the length.
    """

    total: int
    parts: int
    beside: int
    team: int
    length: int
    over: int
    inner: int
    many: int
    stages: int
    filtered: int
    chirp: int
    period: int
    spectrum: int
    fine: int
    coarse: int
    shift: int


TOTAL, PARTS, BESIDE, TEAM, LENGTH, LENGTH_OVER, INNER, MANY = range(8)
STAGES, FILTERED, CHIRPS, PERIOD, SPECTRUM, FINE, COARSE, SHIFT = range(8, 16)
# Of a `Side`, from IN on or from OUT on.
OUTER, STEP, JUMP, LIMIT, ALONG, WIDTH, OVER, TURNED, FACTOR, SWAP, OFFSET = range(1, 12)
IN = len(Sizes._fields)
OUT = IN + len(Side._fields)
NUMBERS = OUT + len(Side._fields)


def lines_body(work, threads):
    """The plain function of the kernel ``(x, plan, tables, out, sizes)``: lines of the real dtype `work`, transformed.

    `sizes` are those of `Sizes` and two `Side`. Of two parts, a line of the block is the first one and i times the second one.
    The `plan` has `STAGE` numbers for each stage, and then the places of the frequencies. The tables have a factor of all
    results first, then twiddles, the chirp, the spectrum, and the twiddles of the matrix, fine ones and coarse ones: real
    parts and then imaginary ones, but for the last ones, which are pairs.
    """
    from numba import from_dtype

    dtype = np.dtype(work)
    number, zero, half, places = from_dtype(dtype), dtype.type(0), dtype.type(0.5), 4 * LINES
    eight, four, pair = (stage_of(work, radix) for radix in (8, 4, 2))
    eleven, seven, five, three = (odd_stage(work, radix) for radix in (11, 7, 5, 3))

    @cuda_helper
    def located(bases, columns, first, rank, sizes):
        """Write where the lines of the block begin, negative for none, and their columns."""
        parts, inner, many = i32(sizes[PARTS]), i32(sizes[INNER]), i32(sizes[MANY])
        for i in range(rank, i32(sizes[BESIDE] * parts), i32(threads)):
            line = i32(first * parts + i)
            start, end, column = np.int64(-1), np.int64(-1), i32(0)
            if line < i32(sizes[TOTAL]):
                above = i32(line // inner)
                beside, outer = i32(line - above * inner), i32(above // many)
                start, end = outer * np.int64(sizes[IN + OUTER]) + beside, outer * np.int64(sizes[OUT + OUTER]) + beside
                column = i32(above - outer * many)
            columns[u32(i // parts)] = column
            bases[u32(i)], bases[u32(i + 2 * LINES)] = start, end
        cuda.syncthreads()

    @cuda_helper
    def place(i, width, over, along):
        """Line and number of the i-th number that a block reads or writes."""
        above = quotient(i, over)
        rest = i32(i - above * width)
        return (above, rest) if along else (rest, above)

    @cuda_helper
    def multiplied(re, im, factor, p, column, index, tables, sizes):
        if factor == CHIRP:
            at = u32(sizes[CHIRPS] + index)
            c, s = tables[at], tables[at + u32(sizes[PERIOD])]
            re, im = re * c - im * s, re * s + im * c
        elif factor == TWIDDLE:
            turn, shift = i32(p * column), i32(sizes[SHIFT])
            high = i32(turn >> shift)
            fine, coarse = u32(sizes[FINE] + 2 * (turn - (high << shift))), u32(sizes[COARSE] + 2 * high)
            c, s = tables[fine], tables[fine + u32(1)]
            re, im = re * c - im * s, re * s + im * c
            c, s = tables[coarse], tables[coarse + u32(1)]
            re, im = re * c - im * s, re * s + im * c
        return re, im

    @cuda_helper
    def read(x, base, index, sizes):
        kind, limit = i32(sizes[IN]), i32(sizes[IN + LIMIT])
        here, im = index, zero
        if kind == HALF and 2 * index > limit:
            here = i32(limit - index)
        at = np.int64(base + here * np.int64(sizes[INNER]))
        if kind != REAL:
            at *= 2
        at += sizes[IN + OFFSET]
        re = x[np.uint64(at)]
        if kind == COMPLEX:
            im = x[np.uint64(at + 1)]
        elif kind == HALF and index != 0 and 2 * index != limit:
            im = x[np.uint64(at + 1)]
            if here != index:
                im = -im
        return re, im

    @cuda_helper
    def write(out, re, im, base, index, sizes):
        at = np.int64(base + index * np.int64(sizes[INNER]))
        if sizes[OUT] == REAL:
            out[np.uint64(at + sizes[OUT + OFFSET])] = re
        else:
            at = np.int64(2 * at + sizes[OUT + OFFSET])
            out[np.uint64(at)], out[np.uint64(at + 1)] = re, im

    @cuda_helper
    def gather(x, tables, shared, bases, columns, rank, pitch, plane, sizes):
        parts = i32(sizes[PARTS])
        for i in range(rank, i32(sizes[BESIDE] * sizes[LENGTH]), i32(threads)):
            line, p = place(i, i32(sizes[IN + WIDTH]), i32(sizes[IN + OVER]), sizes[IN + ALONG])
            re, im = zero, zero
            base, column = bases[u32(line * parts)], columns[u32(line)]
            index = i32(p * i32(sizes[IN + STEP]) + column * i32(sizes[IN + JUMP]))
            if base >= 0 and index < i32(sizes[IN + LIMIT]):
                re, im = read(x, base, index, sizes)
                if parts == 2:
                    base = bases[u32(2 * line + 1)]
                    if base >= 0:
                        ar, ai = read(x, base, index, sizes)
                        re, im = re - ai, im + ar
                if sizes[IN + TURNED]:
                    re, im = im, re
                re, im = multiplied(re, im, sizes[IN + FACTOR], p, column, index, tables, sizes)
            at = u32(line * pitch + p + (p >> GAP))
            shared[at], shared[at + plane] = re, im
        cuda.syncthreads()

    @cuda_helper
    def filter_lines(tables, shared, columns, rank, pitch, plane, sizes):
        """Multiply by the spectrum, and exchange the parts: what follows is an inverse transform."""
        for i in range(rank, i32(sizes[BESIDE] * sizes[LENGTH]), i32(threads)):
            line, p = place(i, i32(sizes[LENGTH]), i32(sizes[LENGTH_OVER]), True)
            at = u32(line * pitch + p + (p >> GAP))
            here = u32(sizes[SPECTRUM] + np.int64(columns[u32(line)]) * sizes[LENGTH] + p)
            c, s = tables[here], tables[here + u32(sizes[LENGTH] * sizes[MANY])]
            re, im = shared[at], shared[at + plane]
            shared[at], shared[at + plane] = re * s + im * c, re * c - im * s
        cuda.syncthreads()

    # By halves: the compiler copies what it writes into each caller.
    @cuda_helper
    def even(radix, shared, tables, start, plane, rank, team, butterflies, apart, over, first, back):
        if radix == 8:
            eight(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)
        elif radix == 4:
            four(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)
        else:
            pair(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)

    @cuda_helper
    def odd(radix, shared, tables, start, plane, rank, team, butterflies, apart, over, first, back):
        if radix == 3:
            three(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)
        elif radix == 5:
            five(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)
        elif radix == 7:
            seven(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)
        else:
            eleven(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)

    @cuda_helper
    def run(plan, tables, shared, columns, rank, pitch, plane, sizes):
        team, stages = i32(sizes[TEAM]), i32(sizes[STAGES])
        line = i32(rank // team)
        own, start = i32(rank - line * team), i32(line * pitch)
        for n in range(i32(0), i32(stages + stages * sizes[FILTERED]), i32(1)):
            back = n >= stages
            if n == stages:
                filter_lines(tables, shared, columns, rank, pitch, plane, sizes)
            at = u32(STAGE * (2 * stages - 1 - n if back else n))
            radix, butterflies, apart = plan[at], plan[at + u32(1)], plan[at + u32(2)]
            over, first = plan[at + u32(3)], plan[at + u32(4)]
            j = own if line < i32(sizes[BESIDE]) else butterflies
            if radix & 1:
                odd(radix, shared, tables, start, plane, j, team, butterflies, apart, over, first, back)
            else:
                even(radix, shared, tables, start, plane, j, team, butterflies, apart, over, first, back)
            cuda.syncthreads()

    @cuda_helper
    def result(shared, plan, tables, line, p, column, index, pitch, plane, sizes):
        found = i32(p + (p >> GAP))
        if not sizes[FILTERED]:
            found = i32(plan[u32(STAGE * sizes[STAGES] + p)])
        at = u32(line * pitch + found)
        re, im = shared[at], shared[at + plane]
        if sizes[OUT + TURNED]:
            re, im = im, re
        re, im = multiplied(re, im, sizes[OUT + FACTOR], p, column, index, tables, sizes)
        if sizes[OUT + SWAP]:
            re, im = im, re
        return re * tables[0], im * tables[0]

    @cuda_helper
    def scatter(out, shared, plan, tables, bases, columns, rank, pitch, plane, sizes):
        parts, width = i32(sizes[PARTS]), i32(sizes[OUT + WIDTH])
        count = i32(sizes[BESIDE] * (width if sizes[OUT + ALONG] else sizes[LENGTH]))
        for i in range(rank, count, i32(threads)):
            line, p = place(i, width, i32(sizes[OUT + OVER]), sizes[OUT + ALONG])
            base, column = bases[u32(line * parts + 2 * LINES)], columns[u32(line)]
            index = i32(p * i32(sizes[OUT + STEP]) + column * i32(sizes[OUT + JUMP]))
            if base >= 0 and index < i32(sizes[OUT + LIMIT]):
                re, im = result(shared, plan, tables, line, p, column, index, pitch, plane, sizes)
                ar, ai = im, zero
                if parts == 2 and sizes[OUT] == HALF:
                    other = i32(sizes[IN + LIMIT] - p) if p else i32(0)
                    br, bi = result(shared, plan, tables, line, other, column, other, pitch, plane, sizes)
                    re, im, ar, ai = half * (re + br), half * (im - bi), half * (im + bi), half * (br - re)
                write(out, re, im, base, index, sizes)
                if parts == 2:
                    base = bases[u32(2 * line + 1 + 2 * LINES)]
                    if base >= 0:
                        write(out, ar, ai, base, index, sizes)

    def lines(x, plan, tables, out, sizes):
        shared = cuda.shared.array(0, number)
        bases = cuda.shared.array(places, np.int64)
        columns = cuda.shared.array(LINES, i32)
        rank = i32(cuda.threadIdx.x)
        pitch = i32(sizes[LENGTH] + (sizes[LENGTH] >> GAP) | 1)
        plane = u32(sizes[BESIDE] * pitch)
        located(bases, columns, i32(cuda.blockIdx.x * sizes[BESIDE]), rank, sizes)
        gather(x, tables, shared, bases, columns, rank, pitch, plane, sizes)
        run(plan, tables, shared, columns, rank, pitch, plane, sizes)
        scatter(out, shared, plan, tables, bases, columns, rank, pitch, plane, sizes)

    return lines


@cache
def lines(work, threads):
    """Kernel of `lines_body`."""
    return cuda_kernel(lines_body(work, threads), REGISTERS[np.dtype(work).itemsize])
