"""Stages of a Fourier transform of a line in the shared memory of a CUDA device, whose lengths are told at run time.

A stage is called with ``(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back)``: numbers of a line
begin at ``start``, imaginary parts `plane` numbers behind; the threads of a ``team`` take butterflies in turn, of numbers that
lie ``apart``, and ``over`` is one over that; twiddles begin at ``first``. ``back`` is with them before the butterflies.
"""

from __future__ import annotations

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper
from convkit.kernels.butterfly_cuda import GAP, butterfly

# Of the stages, in the order in which they are tried.
RADICES = (8, 11, 7, 5, 3, 4, 2)
# Bits behind the point of one over a divisor: with numbers and divisors below 2^13, quotients are exact.
POINT = 28
i32, u32 = np.int32, np.uint32


@cuda_helper
def quotient(i, over):
    """A small number, over what `over` is one over."""
    return i32((np.uint64(i) * np.uint64(over)) >> np.uint64(POINT))


@cuda_helper
def turned(re, im, n, tables, first, apart):
    """A number times the twiddle of place or frequency n of a butterfly."""
    c = tables[u32(first + 2 * (n - 1) * apart)]
    s = tables[u32(first + (2 * n - 1) * apart)]
    return re * c - im * s, re * s + im * c


def stage_of(work, radix):
    """A stage of a line: butterflies of a `radix`, `back` with their twiddles before."""
    from numba import from_dtype

    number, transform, eight = from_dtype(np.dtype(work)), butterfly(work, radix), radix == 8

    @cuda_helper
    def stage(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back):
        re, im = cuda.local.array(radix, number), cuda.local.array(radix, number)
        for j in range(rank, butterflies, team):
            before = i32(quotient(j, over) * apart)
            k = i32(j - before)
            base, twiddle = i32(before * radix + k), i32(first + k)
            for i in range(radix):
                p = i32(base + i * apart)
                at = u32(start + p + (p >> GAP))
                re[i], im[i] = shared[at], shared[at + plane]
                if back and i > 0:
                    re[i], im[i] = turned(re[i], im[i], i, tables, twiddle, apart)
            transform(re, im, 0)
            for i in range(radix):
                n = (i & 3) * 2 + (i >> 2) if eight else i
                if not back and n > 0:
                    re[i], im[i] = turned(re[i], im[i], n, tables, twiddle, apart)
                p = i32(base + n * apart)
                at = u32(start + p + (p >> GAP))
                shared[at], shared[at + plane] = re[i], im[i]

    return stage


def odd_stage(work, radix):
    """As `stage_of`, of an odd radix: by the sums and the differences of numbers that lie opposite."""
    from numba import from_dtype

    number, half = from_dtype(np.dtype(work)), radix // 2
    phases = 2 * np.pi / radix * np.outer(np.arange(1, half + 1), np.arange(1, half + 1))
    cosines, sines = (f(phases).astype(work).ravel() for f in (np.cos, np.sin))

    @cuda_helper
    def stage(shared, tables, start, plane, rank, team, butterflies, apart, over, first, back):
        ar, ai = cuda.local.array(half, number), cuda.local.array(half, number)
        br, bi = cuda.local.array(half, number), cuda.local.array(half, number)
        for j in range(rank, butterflies, team):
            before = i32(quotient(j, over) * apart)
            k = i32(j - before)
            base, twiddle = i32(before * radix + k), i32(first + k)
            beginning = u32(start + base + (base >> GAP))
            for m in range(half):
                p, q = i32(base + (m + 1) * apart), i32(base + (radix - 1 - m) * apart)
                at, there = u32(start + p + (p >> GAP)), u32(start + q + (q >> GAP))
                re, im, other, rest = shared[at], shared[at + plane], shared[there], shared[there + plane]
                if back:
                    re, im = turned(re, im, m + 1, tables, twiddle, apart)
                    other, rest = turned(other, rest, radix - 1 - m, tables, twiddle, apart)
                ar[m], ai[m], br[m], bi[m] = re + other, im + rest, re - other, im - rest
            for n in range(half):
                re, im, other, rest = shared[beginning], shared[beginning + plane], number(0), number(0)
                for m in range(half):
                    c, s = cosines[u32(n * half + m)], sines[u32(n * half + m)]
                    re += c * ar[m]
                    im += c * ai[m]
                    other += s * bi[m]
                    rest += s * br[m]
                re, im, other, rest = re + other, im - rest, re - other, im + rest
                if not back:
                    re, im = turned(re, im, n + 1, tables, twiddle, apart)
                    other, rest = turned(other, rest, radix - 1 - n, tables, twiddle, apart)
                p, q = i32(base + (n + 1) * apart), i32(base + (radix - 1 - n) * apart)
                at, there = u32(start + p + (p >> GAP)), u32(start + q + (q >> GAP))
                shared[at], shared[at + plane], shared[there], shared[there + plane] = re, im, other, rest
            re, im = shared[beginning], shared[beginning + plane]
            for m in range(half):
                re += ar[m]
                im += ai[m]
            shared[beginning], shared[beginning + plane] = re, im

    return stage
