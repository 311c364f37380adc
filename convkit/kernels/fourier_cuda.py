"""Correlation of tiles by the fast Fourier transform on a CUDA device: twin of `fourier`.

As there, two tiles are the real and the imaginary part of one complex transform where samples and weights are real; complex
samples are one by themselves. A tile is nz x ny rows. Tiles of one row are done by one kernel. Others are transformed along
their rows on the way to memory in between, along their columns there, and along their rows again on the way out.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.between_cuda import copies
from convkit.kernels.butterfly_cuda import GAP, Sweep, steps, twiddles
from convkit.kernels.correlate_cuda import source_of

# Numbers that kernels are given in this order.
SIZES = ("signals in turn", "planes of x", "rows of x", "columns of x", "planes of out", "rows of out", "columns of out",
         "first sample of planes", "of rows", "of columns", "samples before the planes", "the rows", "the columns",
         "end of the extended planes", "rows", "columns", "where the sources beyond the rows begin",
         "and those beyond the columns", "tiles down", "tiles across", "outputs of a tile in planes", "rows", "columns",
         "tiles", "first row", "rows of a plane of a tile", "planes of a tile", "numbers of a part in memory in between",
         "adding")
# Registers of a thread, by the bytes of a real number: 16 of them and their products are held by a butterfly.
REGISTERS = {4: 80, 8: 128}
i32 = np.int32


@cuda_helper
def corner_of(row, part, parts, sizes):
    """Place of a row of transforms in tile `part` of the `parts` of its transform: plane and row in the tile, corner of its
    outputs, and signal, negative if there is no such tile.
    """
    high, deep = i32(sizes[25]), i32(sizes[26])
    above = i32(row // high)
    transform = i32(above // deep)
    tile = i32(transform * parts + part)
    signal = i32(-1)
    if tile < i32(sizes[23]):
        signal = i32(tile % i32(sizes[0]))
    tile = i32(tile // i32(sizes[0]))
    across = i32(tile // i32(sizes[19]))
    x = i32((tile - across * i32(sizes[19])) * i32(sizes[22]))
    down = i32(across // i32(sizes[18]))
    y = i32((across - down * i32(sizes[18])) * i32(sizes[21]))
    return i32(above - transform * deep), i32(row - above * high), i32(down * i32(sizes[20])), y, x, signal


@cuda_helper
def read_row(row, part, parts, beyond, sizes):
    """Row of x that a row of a tile comes from, -1 for the value beyond the edges and -2 for zeros; and corner and signal."""
    dz, dy, z, y, x, signal = corner_of(row, part, parts, sizes)
    z, y = i32(z + dz + i32(sizes[7])), i32(y + dy + i32(sizes[8]))
    found = i32(-2)
    if signal >= 0 and z < i32(sizes[13]) and y < i32(sizes[14]):
        plane = source_of(z, i32(sizes[1]), i32(sizes[10]), beyond, i32(0))
        line = source_of(y, i32(sizes[2]), i32(sizes[11]), beyond, i32(sizes[16]))
        found = i32(-1)
        if plane >= 0 and line >= 0:
            found = i32(plane * i32(sizes[2]) + line)
    return found, i32(x + i32(sizes[9])), signal


@cuda_helper
def written_row(row, part, parts, sizes):
    """Row of out that a row of a tile goes to, negative for none; and corner and signal."""
    dz, dy, z, y, x, signal = corner_of(row, part, parts, sizes)
    found = i32(-1)
    if signal >= 0 and dz < i32(sizes[20]) and dy < i32(sizes[21]):
        z, y = i32(z + dz), i32(y + dy)
        if z < i32(sizes[4]) and y < i32(sizes[5]):
            found = i32(z * i32(sizes[5]) + y)
    return found, x, signal


class Ends(NamedTuple):
    """How the rows of tiles are read and written by a block: see `ends`."""

    real: Any
    places: int
    locate_reads: Any
    locate_writes: Any
    pair: Any
    larger: Any
    keep_most: Any
    put: Any


def ends(sweep: Sweep, work: Any, fill: int) -> Ends:
    """How a block reads and writes rows in arithmetic of the dtype `work`; `fill` is the place of the value beyond.

    Rows are located first: into ``places`` go the row, the first column and the signal of each tile of each line.
    """
    from numba import from_dtype

    dtype = np.dtype(work)
    paired = dtype.kind != "c"
    parts = 2 if paired else 1
    real = dtype.type(0).real.dtype
    _, lines, threads = sweep
    number = from_dtype(dtype)
    nothing, infinity = dtype.type(0), real.type(np.inf)
    few = min(threads, 32)

    @cuda_helper
    def sample(x, beyond, value, places, at, p, sizes):
        row, position = i32(places[at]), i32(places[at + np.uint32(1)] + p)
        if row == -2 or position >= i32(sizes[15]):
            return nothing
        source = i32(-1)
        if row >= 0:
            source = source_of(position, i32(sizes[3]), i32(sizes[12]), beyond, i32(sizes[17]))
        if source < 0:
            return value
        return number(x[np.uint64((row * np.int64(sizes[3]) + source) * np.int64(sizes[0]) + places[at + np.uint32(2)])])

    @cuda_helper
    def locate_reads(first, places, beyond, sizes, rank):
        for i in range(rank, i32(lines * parts), i32(threads)):
            at = np.uint32(3 * i)
            row, x0, signal = read_row(i32(first + i // parts), i32(i % parts), parts, beyond, sizes)
            places[at], places[at + np.uint32(1)], places[at + np.uint32(2)] = row, x0, signal
        cuda.syncthreads()

    @cuda_helper
    def locate_writes(first, places, sizes, rank):
        for i in range(rank, i32(lines * parts), i32(threads)):
            at = np.uint32(3 * i)
            row, x0, signal = written_row(i32(first + i // parts), i32(i % parts), parts, sizes)
            places[at], places[at + np.uint32(1)], places[at + np.uint32(2)] = row, x0, signal
        cuda.syncthreads()

    @cuda_helper
    def pair_of_tiles(x, beyond, tables, places, line, p, sizes):
        at = np.uint32(6 * line)
        return (sample(x, beyond, tables[fill], places, at, p, sizes),
                sample(x, beyond, tables[fill], places, at + np.uint32(3), p, sizes))

    @cuda_helper
    def pair_of_parts(x, beyond, tables, places, line, p, sizes):
        value = sample(x, beyond, complex(tables[fill], tables[fill + 1]), places, np.uint32(3 * line), p, sizes)
        return value.real, value.imag

    @cuda_helper
    def larger(most, a, b):
        """The largest magnitude yet; that of what is no number is infinite."""
        if not abs(a) <= most:
            most = abs(a) if a == a else infinity
        if not abs(b) <= most:
            most = abs(b) if b == b else infinity
        return most

    @cuda_helper
    def keep_most(value, shared, at, first, most, rank):
        """Write the largest value of all threads, met in shared memory from ``at`` on, into that of ``most`` for these rows."""
        shared[np.uint32(at + rank)] = value
        cuda.syncthreads()
        if rank < few:
            for i in range(i32(rank + few), i32(threads), i32(few)):
                value = max(value, shared[np.uint32(at + i)])
            shared[np.uint32(at + rank)] = value
        cuda.syncthreads()
        if rank == 0:
            for i in range(1, few):
                value = max(value, shared[np.uint32(at + i)])
            most[np.uint32(i32(first // lines))] = value

    @cuda_helper
    def put_tiles(re, im, places, line, p, out, sizes):
        for part in range(2):
            value = im if part else re
            at = np.uint32(6 * line + 3 * part)
            put_one(value, places, at, p, out, sizes)

    @cuda_helper
    def put_one(value, places, at, p, out, sizes):
        column = i32(places[at + np.uint32(1)] + p)
        if places[at] >= 0 and column < i32(sizes[6]):
            i = np.uint64((places[at] * np.int64(sizes[6]) + column) * np.int64(sizes[0]) + places[at + np.uint32(2)])
            if sizes[28]:
                value += out[i]
            out[i] = value

    @cuda_helper
    def put_parts(re, im, places, line, p, out, sizes):
        put_one(complex(re, im), places, np.uint32(3 * line), p, out, sizes)

    return Ends(real, 3 * lines * parts, locate_reads, locate_writes,
                pair_of_tiles if paired else pair_of_parts, larger, keep_most, put_tiles if paired else put_parts)


def gathering(sweep, e):
    """A device function that reads the tiles of a block into shared memory, and keeps the largest number of each."""
    length, lines, threads = sweep
    pitch, plane, zero = sweep.pitch, sweep.plane, e.real.type(0)
    locate_reads, pair, larger, keep_most = e.locate_reads, e.pair, e.larger, e.keep_most

    @cuda_helper
    def gather(x, beyond, tables, shared, places, first, most, sizes, rank):
        locate_reads(first, places, beyond, sizes, rank)
        largest = zero
        for i in range(rank, i32(lines * length), i32(threads)):
            line, p = i32(i // length), i32(i % length)
            re, im = pair(x, beyond, tables, places, line, p, sizes)
            largest = larger(largest, re, im)
            at = np.uint32(line * pitch + p + (p >> GAP))
            shared[at], shared[at + np.uint32(plane)] = re, im
        keep_most(largest, shared, 2 * plane, first, most, rank)

    return gather


def tiles_body(sweep, work, radices):
    """The plain function of the kernel ``(x, beyond, tables, out, most, sizes)``: tiles of one row, from samples to results.

    `sizes` as in `SIZES`, `beyond` as for `correlate_body`. `tables` hold the twiddles, both parts of the value beyond the
    edges, and the spectrum of the weights; `most` gets the largest magnitude of the samples of each block.
    """
    from numba import from_dtype

    fill = twiddles(sweep.length, radices).size
    e = ends(sweep, work, fill)
    real, places_of, locate_writes, put, gather = e.real, e.places, e.locate_writes, e.put, gathering(sweep, e)
    length, lines, threads = sweep
    pitch, plane = sweep.pitch, sweep.plane
    transform = steps(sweep, real, radices, False).filtered
    real = from_dtype(real)

    def correlate(x, beyond, tables, out, most, sizes):
        shared, places = cuda.shared.array(0, real), cuda.shared.array(places_of, i32)
        rank = i32(cuda.threadIdx.x)
        first = i32(sizes[24] + cuda.blockIdx.x * lines)
        gather(x, beyond, tables, shared, places, first, most, sizes, rank)
        transform(shared, tables, fill + 2, rank)
        locate_writes(first, places, sizes, rank)
        for i in range(rank, i32(lines * length), i32(threads)):
            line, p = i32(i // length), i32(i % length)
            at = np.uint32(line * pitch + p + (p >> GAP))
            if p < i32(sizes[22]):
                put(shared[at], shared[at + np.uint32(plane)], places, line, p, out, sizes)

    return correlate


def first_body(sweep, work, radices):
    """The plain function of the kernel ``(x, beyond, tables, between, most, sizes)``: rows of tiles are read and transformed.

    Arguments as those of `tiles_body`; the rows go to ``between``, real parts first, from ``sizes[24]`` on. Without `radices`
    they are not transformed.
    """
    from numba import from_dtype

    fill = twiddles(sweep.length, radices).size
    e = ends(sweep, work, fill)
    real, places_of, locate_reads, pair, larger, keep_most = e.real, e.places, e.locate_reads, e.pair, e.larger, e.keep_most
    length, lines, threads = sweep
    pitch, plane = sweep.pitch, sweep.plane
    transform, gather = steps(sweep, real, radices, False).forward if radices else None, gathering(sweep, e)
    zero, real = real.type(0), from_dtype(real)

    def plain(x, beyond, tables, between, most, sizes):
        shared, places = cuda.shared.array(0, real), cuda.shared.array(places_of, i32)
        rank = i32(cuda.threadIdx.x)
        first = i32(sizes[24] + cuda.blockIdx.x * lines)
        locate_reads(first, places, beyond, sizes, rank)
        largest = zero
        start = cuda.blockIdx.x * np.int64(lines * length)
        for i in range(rank, i32(lines * length), i32(threads)):
            line, p = i32(i // length), i32(i % length)
            re, im = pair(x, beyond, tables, places, line, p, sizes)
            largest = larger(largest, re, im)
            between[np.uint64(start + i)], between[np.uint64(start + i + sizes[27])] = re, im
        keep_most(largest, shared, 0, first, most, rank)

    def transformed(x, beyond, tables, between, most, sizes):
        shared, places = cuda.shared.array(0, real), cuda.shared.array(places_of, i32)
        rank = i32(cuda.threadIdx.x)
        first = i32(sizes[24] + cuda.blockIdx.x * lines)
        gather(x, beyond, tables, shared, places, first, most, sizes, rank)
        transform(shared, tables, 0, rank)
        start = cuda.blockIdx.x * np.int64(lines * length)
        for i in range(rank, i32(lines * length), i32(threads)):
            line, p = i32(i // length), i32(i % length)
            at = np.uint32(line * pitch + p + (p >> GAP))
            between[np.uint64(start + i)] = shared[at]
            between[np.uint64(start + i + sizes[27])] = shared[at + np.uint32(plane)]

    return transformed if radices else plain


def last_body(sweep, work, radices):
    """The plain function of the kernel ``(between, tables, out, sizes)``: inverse transforms of rows, and their way to results.

    Arguments as those of `first_body`, which it is the opposite of.
    """
    from numba import from_dtype

    e = ends(sweep, work, 0)
    real, places_of, locate_writes, put = e.real, e.places, e.locate_writes, e.put
    length, lines, threads = sweep
    pitch, plane = sweep.pitch, sweep.plane
    transform = steps(sweep, real, radices, False).inverse if radices else None
    real = from_dtype(real)

    def plain(between, tables, out, sizes):
        places = cuda.shared.array(places_of, i32)
        rank = i32(cuda.threadIdx.x)
        locate_writes(i32(sizes[24] + cuda.blockIdx.x * lines), places, sizes, rank)
        start = cuda.blockIdx.x * np.int64(lines * length)
        for i in range(rank, i32(lines * length), i32(threads)):
            line, p = i32(i // length), i32(i % length)
            if p < i32(sizes[22]):
                put(between[np.uint64(start + i)], between[np.uint64(start + i + sizes[27])], places, line, p, out, sizes)

    def transformed(between, tables, out, sizes):
        shared, places = cuda.shared.array(0, real), cuda.shared.array(places_of, i32)
        rank = i32(cuda.threadIdx.x)
        locate_writes(i32(sizes[24] + cuda.blockIdx.x * lines), places, sizes, rank)
        start = cuda.blockIdx.x * np.int64(lines * length)
        for i in range(rank, i32(lines * length), i32(threads)):
            line, p = i32(i // length), i32(i % length)
            at = np.uint32(line * pitch + p + (p >> GAP))
            shared[at] = between[np.uint64(start + i)]
            shared[at + np.uint32(plane)] = between[np.uint64(start + i + sizes[27])]
        cuda.syncthreads()
        transform(shared, tables, 0, rank)
        for i in range(rank, i32(lines * length), i32(threads)):
            line, p = i32(i // length), i32(i % length)
            at = np.uint32(line * pitch + p + (p >> GAP))
            if p < i32(sizes[22]):
                put(shared[at], shared[at + np.uint32(plane)], places, line, p, out, sizes)

    return transformed if radices else plain


def columns_body(sweep, work, radices, step):
    """The plain function of the kernel ``(between, tables, inner, size)``: transforms in place along an axis but the last.

    ``between`` is seen as (outer, length, inner), twice: `size` real parts, then imaginary ones. `step` names one of `Steps`,
    in the real dtype `work`. `tables` hold twiddles, and for ``filtered`` the spectrum of the weights, for one outer index.
    """
    from numba import from_dtype

    real = from_dtype(np.dtype(work))
    length, lines, _ = sweep
    transform = getattr(steps(sweep, work, radices, True), step)
    fetch, store = copies(sweep, work)
    begin = twiddles(length, radices).size

    def columns(between, tables, inner, size):
        shared = cuda.shared.array(0, real)
        rank = i32(cuda.threadIdx.x)
        many = i32(inner // lines)
        outer = i32(cuda.blockIdx.x // many)
        column = i32((i32(cuda.blockIdx.x) - outer * many) * lines)
        start = outer * np.int64(length) * inner + column
        fetch(between, shared, start, inner, size, rank)
        transform(shared, tables, begin + column * (2 * length), rank)
        store(between, shared, start, inner, size, rank)

    return columns


def _kernel(body, sweep, work, radices, *more):
    size = np.dtype(work).type(0).real.itemsize
    return cuda_kernel(body(sweep, work, radices, *more), REGISTERS[size])


@cache
def correlate_tiles(sweep, work, radices):
    """Kernel of `tiles_body`."""
    return _kernel(tiles_body, sweep, work, radices)


@cache
def first_rows(sweep, work, radices):
    """Kernel of `first_body`."""
    return _kernel(first_body, sweep, work, radices)


@cache
def last_rows(sweep, work, radices):
    """Kernel of `last_body`."""
    return _kernel(last_body, sweep, work, radices)


@cache
def columns(sweep, work, radices, step):
    """Kernel of `columns_body`."""
    return _kernel(columns_body, sweep, work, radices, step)
