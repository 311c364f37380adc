"""Fourier transforms of lines in the shared memory of a CUDA device: powers of two, by stages of radix 8 and 4 in registers.

Real and imaginary parts lie apart. Frequencies stay in the order in which the stages leave them, as on the CPU; an inverse
transform is a forward one with the parts exchanged, its stages in the opposite order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper
from convkit._core.typing import Array

# One number is left out after every 8: of what the lanes of a stage read or write at a time, two numbers at most then share a
# bank.
GAP = 3
i32 = np.int32


class Sweep(NamedTuple):
    """Lines of `length` numbers that a block of `threads` transforms together, as many as `lines`: powers of two."""

    length: int
    lines: int
    threads: int

    @property
    def pitch(self) -> int:
        """Numbers of a line in shared memory, those that are left out counted; odd."""
        return self.length + (self.length >> GAP) | 1

    @property
    def plane(self) -> int:
        """Numbers of the real parts in shared memory; the imaginary ones follow."""
        return self.lines * self.pitch

    def shared(self, size: int) -> int:
        """Bytes of shared memory: the lines, and a number of `size` bytes of each thread."""
        return size * (2 * self.plane + self.threads)


class Steps(NamedTuple):
    """Transforms of the lines of a `Sweep`: called with ``(shared, tables, at, rank)`` once all threads see the lines.

    `tables` hold the twiddles first. `filtered` is the two transforms, with a multiplication in between by what stands in
    `tables` from ``at`` on: for each line, or once for all, real and then imaginary parts, in the order of `spread`.
    """

    forward: Any
    inverse: Any
    filtered: Any


def stages(length: int, radices: Sequence[int]) -> list[tuple[int, int, int]]:
    """Radix, distance of the numbers of a butterfly, and place of the twiddles of each stage of a forward transform."""
    found, at = [], 0
    for radix in radices:
        length //= radix
        found.append((radix, length, at))
        at += 2 * (radix - 1) * length
    return found


def butterfly(work: Any, radix: int) -> Any:
    """A transform of 2, 4 or 8 numbers in registers; of 8 the frequency i is left at ``i // 2 + 4 * (i % 2)``."""
    half = np.dtype(work).type(np.sqrt(0.5))

    @cuda_helper
    def two(re, im, o):
        ar, ai = re[0] - re[1], im[0] - im[1]
        re[0], im[0] = re[0] + re[1], im[0] + im[1]
        re[1], im[1] = ar, ai

    @cuda_helper
    def four(re, im, o):
        ar, ai = re[o] + re[o + 2], im[o] + im[o + 2]
        br, bi = re[o] - re[o + 2], im[o] - im[o + 2]
        cr, ci = re[o + 1] + re[o + 3], im[o + 1] + im[o + 3]
        dr, di = re[o + 1] - re[o + 3], im[o + 1] - im[o + 3]
        re[o], im[o] = ar + cr, ai + ci
        re[o + 1], im[o + 1] = br + di, bi - dr
        re[o + 2], im[o + 2] = ar - cr, ai - ci
        re[o + 3], im[o + 3] = br - di, bi + dr

    @cuda_helper
    def eight(re, im, o):
        for i in range(4):
            ar, ai = re[i] - re[i + 4], im[i] - im[i + 4]
            re[i], im[i] = re[i] + re[i + 4], im[i] + im[i + 4]
            re[i + 4], im[i + 4] = ar, ai
        re[5], im[5] = half * (re[5] + im[5]), half * (im[5] - re[5])
        re[6], im[6] = im[6], -re[6]
        re[7], im[7] = half * (im[7] - re[7]), -half * (re[7] + im[7])
        four(re, im, 0)
        four(re, im, 4)

    return {2: two, 4: four, 8: eight}[radix]


def twiddles(length: int, radices: Sequence[int]) -> Array:
    """What the stages multiply by, as they read it: real and then imaginary parts for each number of a butterfly."""
    found = [np.zeros(0)]
    for radix, apart, _ in stages(length, radices):
        phases = np.exp(-2j * np.pi / (radix * apart) * np.outer(np.arange(1, radix), np.arange(apart)))
        found.append(np.stack([phases.real, phases.imag], axis=1).ravel())
    return np.concatenate(found)


def spread(spectrum: Array, radices: Sequence[int]) -> Array:
    """Numbers along the last axis, in the order of the stages, as the last stage reads them."""
    parts = np.stack([spectrum.real, spectrum.imag], axis=-2)
    groups = parts.reshape(*parts.shape[:-1], -1, radices[-1])
    return np.ascontiguousarray(np.swapaxes(groups, -1, -2))


def steps(sweep: Sweep, work: Any, radices: Sequence[int], each: bool) -> Steps:
    """Transforms of the lines of a sweep by stages of the `radices`, in arithmetic of the real dtype `work`.

    `each`: whether each line is multiplied by numbers of its own.
    """
    from numba import from_dtype

    number = from_dtype(np.dtype(work))
    parts = [_stage(sweep, number, work, *stage) for stage in stages(sweep.length, radices)]
    ahead, back = [there for there, _ in parts], [again for _, again in parts[::-1]]
    middle = _middle(sweep, number, work, radices[-1], each)
    return Steps(_chained(ahead), _chained(back), _chained([*ahead[:-1], middle, *back[1:]]))


def _chained(parts: Sequence[Any]) -> Any:
    """One part after the other; by halves, since the compiler copies what it writes into each caller."""
    if len(parts) == 1:
        return parts[0]
    head, tail = _chained(parts[: len(parts) // 2]), _chained(parts[len(parts) // 2 :])

    @cuda_helper
    def chain(shared, tables, at, rank):
        head(shared, tables, at, rank)
        tail(shared, tables, at, rank)

    return chain


def _stage(sweep: Sweep, number: Any, work: Any, radix: int, apart: int, first: int) -> tuple[Any, Any]:
    """A stage of a forward transform, and of one whose stages run in the opposite order."""
    length, lines, threads = sweep
    pitch, plane = sweep.pitch, np.uint32(sweep.plane)
    butterflies = length // radix
    several = butterflies.bit_length() - 1
    total = lines * butterflies
    transform = butterfly(work, radix)
    far = apart + (apart >> GAP)
    # Numbers four apart are no multiple of 8 numbers apart.
    odd = 1 if apart == 4 else 0

    @cuda_helper
    def place_of(b):
        j = i32(b & (butterflies - 1))
        k = i32(j & (apart - 1))
        base = i32((j - k) * radix + k)
        return i32((b >> several) * pitch + base + (base >> GAP)), k

    @cuda_helper
    def turn(re, im, i, n, tables, k):
        c = tables[np.uint32(first + 2 * (n - 1) * apart + k)]
        s = tables[np.uint32(first + (2 * n - 1) * apart + k)]
        re[i], im[i] = re[i] * c - im[i] * s, re[i] * s + im[i] * c

    @cuda_helper
    def forward(shared, tables, at, rank):
        re, im = cuda.local.array(radix, number), cuda.local.array(radix, number)
        for b in range(rank, i32(total), i32(threads)):
            place, k = place_of(b)
            for i in range(radix):
                p = np.uint32(place + i * far + (i >> 1) * odd)
                re[i], im[i] = shared[p], shared[p + plane]
            transform(re, im, 0)
            for i in range(radix):
                n = i if radix == 4 else (i & 3) * 2 + (i >> 2)
                if n > 0 and apart > 1:
                    turn(re, im, i, n, tables, k)
                p = np.uint32(place + n * far + (n >> 1) * odd)
                shared[p], shared[p + plane] = re[i], im[i]
        cuda.syncthreads()

    @cuda_helper
    def inverse(shared, tables, at, rank):
        re, im = cuda.local.array(radix, number), cuda.local.array(radix, number)
        for b in range(rank, i32(total), i32(threads)):
            place, k = place_of(b)
            for i in range(radix):
                p = np.uint32(place + i * far + (i >> 1) * odd)
                re[i], im[i] = shared[p + plane], shared[p]
                if i > 0 and apart > 1:
                    turn(re, im, i, i, tables, k)
            transform(re, im, 0)
            for i in range(radix):
                n = i if radix == 4 else (i & 3) * 2 + (i >> 2)
                p = np.uint32(place + n * far + (n >> 1) * odd)
                shared[p + plane], shared[p] = re[i], im[i]
        cuda.syncthreads()

    return forward, inverse


def _middle(sweep: Sweep, number: Any, work: Any, radix: int, each: bool) -> Any:
    """The last stage of a forward transform, a multiplication, and the first stage of the inverse."""
    length, lines, threads = sweep
    pitch, plane = sweep.pitch, np.uint32(sweep.plane)
    butterflies = length // radix
    several = butterflies.bit_length() - 1
    total = lines * butterflies
    transform = butterfly(work, radix)
    own = 2 * length if each else 0

    @cuda_helper
    def middle(shared, tables, at, rank):
        re, im = cuda.local.array(radix, number), cuda.local.array(radix, number)
        products, others = cuda.local.array(radix, number), cuda.local.array(radix, number)
        for b in range(rank, i32(total), i32(threads)):
            j, line = i32(b & (butterflies - 1)), i32(b >> several)
            place = i32(line * pitch + j * radix + (j * radix >> GAP))
            here = i32(at + line * own + j)
            for i in range(radix):
                p = np.uint32(place + i)
                re[i], im[i] = shared[p], shared[p + plane]
            transform(re, im, 0)
            for i in range(radix):
                n = i if radix == 4 else (i & 3) * 2 + (i >> 2)
                c = tables[np.uint32(here + n * butterflies)]
                s = tables[np.uint32(here + n * butterflies + length)]
                products[n], others[n] = re[i] * c - im[i] * s, re[i] * s + im[i] * c
            transform(others, products, 0)
            for i in range(radix):
                n = i if radix == 4 else (i & 3) * 2 + (i >> 2)
                p = np.uint32(place + n)
                shared[p], shared[p + plane] = products[i], others[i]
        cuda.syncthreads()

    return middle
