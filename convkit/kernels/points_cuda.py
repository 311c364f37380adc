"""Edges between pixels on a CUDA device: where the marked ones are, in order, and how far each lies from its pixel.

The arithmetic is float64's, whatever the samples are: that of `edges.subpixel`, of edge pixels alone.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.correlate_cuda import i32
from convkit.kernels.thin_cuda import product_of

# Marks that a thread counts.
EACH = 16
# Registers of a thread.
REGISTERS = 128


def tally_body(threads):
    """The plain function of the kernel ``(found, counts)``: marks of each block of ``EACH`` times so many `threads`."""
    from numba import types

    def tally(found, counts):
        parts = cuda.shared.array(threads, types.int32)
        t = i32(cuda.threadIdx.x)
        first = (np.int64(cuda.blockIdx.x) * threads + t) * EACH
        total = i32(0)
        for k in range(EACH):
            i = first + k
            if i < found.size:
                total = i32(total + i32(found[np.uint64(i)] != 0))
        parts[np.uint32(t)] = total
        half = i32(threads // 2)
        while half > 0:
            cuda.syncthreads()
            if t < half:
                parts[np.uint32(t)] = i32(parts[np.uint32(t)] + parts[np.uint32(t + half)])
            half = i32(half // 2)
        if t == 0:
            counts[np.uint64(cuda.blockIdx.x)] = parts[np.uint32(0)]

    return tally


@cache
def tally(threads):
    """Kernel that counts marks, block by block."""
    return cuda_kernel(tally_body(threads))


def gather_body(threads):
    """The plain function of the kernel ``(found, starts, places)``: where marks are, those of blocks from `starts` on."""
    from numba import types

    def gather(found, starts, places):
        parts = cuda.shared.array(threads, types.int32)
        t = i32(cuda.threadIdx.x)
        first = (np.int64(cuda.blockIdx.x) * threads + t) * EACH
        own = i32(0)
        for k in range(EACH):
            i = first + k
            if i < found.size:
                own = i32(own + i32(found[np.uint64(i)] != 0))
        parts[np.uint32(t)] = own
        step = i32(1)
        while step < threads:
            cuda.syncthreads()
            before = parts[np.uint32(t - step)] if t >= step else i32(0)
            cuda.syncthreads()
            parts[np.uint32(t)] = i32(parts[np.uint32(t)] + before)
            step = i32(step * 2)
        place = starts[np.uint64(cuda.blockIdx.x)] + parts[np.uint32(t)] - own
        if own != 0:
            for k in range(EACH):
                i = first + k
                if i < found.size and found[np.uint64(i)] != 0:
                    places[np.uint64(place)] = i
                    place += 1

    return gather


@cache
def gather(threads):
    """Kernel that lists marks."""
    return cuda_kernel(gather_body(threads))


def pixels_body(places, points, shape):
    """Write the coordinates of `places` in an array of a `shape` to `points`."""
    i = cuda.grid(1)
    if i < places.size:
        left, ndim = places[np.uint64(i)], shape.size
        for a in range(ndim):
            axis = np.uint64(ndim - 1 - a)
            points[np.uint64(i) * np.uint64(ndim) + axis] = left % shape[axis]
            left = left // shape[axis]


pixels = cuda_kernel(pixels_body)


def _gradients(dtype, deep, given):
    """Device function ``(first, second, third, z, y, x, depth, height, width)``: the gradient at a sample, NaN outside.

    As `edges.subpixel.from_smoothed` and `from_derivatives`, which `given` ones are; of an image the first component is 0.
    """
    planes = 3 if deep else 1
    beyond, zero = np.float64(np.nan), np.float64(0)

    def smoothed(first, second, third, z, y, x, depth, height, width):
        if z < 0 or z >= depth or y < 0 or y >= height or x < 0 or x >= width:
            return beyond, beyond, beyond
        gz = gy = gx = zero
        for a in range(planes):
            row = np.int64(z + a) * i32(height + 2) if deep else np.int64(0)
            for b in range(3):
                start = (row + i32(y + b)) * i32(width + 2) + x
                for c in range(3):
                    value = np.float64(first[np.uint64(start + c)])
                    # Three taps across, 1 2 1, and along, -1 0 1: also what is multiplied by 0 counts where it is NaN.
                    over = 2 - abs(a - 1) if deep else 1
                    if deep:
                        gz += np.float64((a - 1) * (2 - abs(b - 1)) * (2 - abs(c - 1))) * value
                    gy += np.float64((b - 1) * over * (2 - abs(c - 1))) * value
                    gx += np.float64((c - 1) * over * (2 - abs(b - 1))) * value
        return gz, gy, gx

    def derived(first, second, third, z, y, x, depth, height, width):
        if z < 0 or z >= depth or y < 0 or y >= height or x < 0 or x >= width:
            return beyond, beyond, beyond
        at = np.uint64((np.int64(z) * height + y) * width + x)
        if deep:
            return np.float64(first[at]), np.float64(second[at]), np.float64(third[at])
        return zero, np.float64(first[at]), np.float64(second[at])

    return cuda_helper(derived if given else smoothed)


@cuda_helper
def clipped(value, most):
    """The value, but no further from 0 than `most`."""
    return most if value > most else -most if value < -most else value


def offsets_body(dtype, deep, given):
    """The plain function of the kernel ``(first, second, third, places, points, limits, sizes)``: see `edges.subpixel.offsets`.

    Points among those at `places` of an array that are one item's are moved. `first` is its image, or its volume if it is
    `deep`, smoothed and with one sample more on every side; or they all are derivatives that are `given`. `limits` are those of
    `edges.subpixel`; `sizes` = (axes of the array, where the item begins; lengths of three axes of the item, the steps along
    them, and which axes of the array they are).
    """
    gradient, product = _gradients(dtype, deep, given), product_of(np.float64)
    around = 9 if deep else 7
    zero, half, two = np.float64(0), np.float64(0.5), np.float64(2)

    def offsets(first, second, third, places, points, limits, sizes):
        i = cuda.grid(1)
        if i >= places.size:
            return
        place = places[np.uint64(i)]
        depth, height, width = i32(sizes[2]), i32(sizes[3]), i32(sizes[4])
        z, y, x = i32(place // sizes[5] % depth), i32(place // sizes[6] % height), i32(place // sizes[7] % width)
        if place - z * sizes[5] - y * sizes[6] - x * sizes[7] != sizes[1]:
            return
        sz = sy = sx = i32(0)
        nz = ny = nx = length = before = after = curvature = zero
        for k in range(around):
            dz = dy = dx = i32(0)
            side, axis = i32(2 * (k & 1) - 1), i32((k - 3) >> 1)
            if not deep:
                axis = i32(axis + 1)
            if k == 1:
                dz, dy, dx = i32(-sz), i32(-sy), i32(-sx)
            elif k == 2:
                dz, dy, dx = sz, sy, sx
            elif k > 2:
                side = i32(-side)
                if axis == 0:
                    dz = side
                elif axis == 1:
                    dy = side
                else:
                    dx = side
            gz, gy, gx = gradient(first, second, third, i32(z + dz), i32(y + dy), i32(x + dx), depth, height, width)
            size = np.float64(math.sqrt(product(gz, gz) + product(gy, gy) + product(gx, gx)))
            if k == 0:
                if not size > 0:
                    return
                length = size
                nz, ny, nx = gz / size, gy / size, gx / size
                least = limits[0] * max(max(abs(gz), abs(gy)), abs(gx))
                sz = i32(i32(gz > least) - i32(-gz > least))
                sy = i32(i32(gy > least) - i32(-gy > least))
                sx = i32(i32(gx > least) - i32(-gx > least))
            elif k == 1:
                before = size
            elif k == 2:
                after = size
            else:
                part = gz if axis == 0 else gy if axis == 1 else gx
                # No direction has no divergence: NaN, and nothing is moved back.
                curvature += side * part / size / two if size > 0 else size * np.float64(np.nan)
        if not (before > 0 and after > 0):
            return
        behind, ahead = math.log(before), math.log(after)
        bend = ahead - two * math.log(length) + behind
        if not bend < 0:
            return
        moved = clipped(-((ahead - behind) * half) / bend, limits[1])
        along = sz * nz + sy * ny + sx * nx
        outwards = clipped(-(along * along) / bend * half * curvature, limits[2])
        if outwards != outwards:
            outwards = zero
        row = i * sizes[0]
        if deep:
            points[np.uint64(row + sizes[8])] += moved * sz + outwards * nz
        points[np.uint64(row + sizes[9])] += moved * sy + outwards * ny
        points[np.uint64(row + sizes[10])] += moved * sx + outwards * nx

    return offsets


@cache
def offsets(dtype, deep, given):
    """Kernel that moves the points of an item."""
    return cuda_kernel(offsets_body(dtype, deep, given), REGISTERS)
