"""Rows of an array (outer, classes, inner), each along the middle axis and worked on by a few threads of a block, its lanes."""

from __future__ import annotations

import numpy as np

from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper

i32 = np.int32


@cuda_helper
def place_of(sizes, threads):
    """Of this thread: whether it has a row, its lane, its slot in shared memory, where the row begins, and its number.

    ``sizes`` = (outer, classes, inner, lanes). Neighbouring threads read neighbours: of one row, or of rows where these lie
    side by side.
    """
    rank, lanes, inner = i32(cuda.threadIdx.x), i32(sizes[3]), i32(sizes[2])
    rows = i32(threads // lanes)
    lane, slot = i32(rank % lanes), i32(rank // lanes)
    if inner > 1:
        lane, slot = i32(rank // rows), i32(rank % rows)
    row = np.int64(cuda.blockIdx.x) * rows + slot
    base = np.uint64(row) if inner == 1 else np.uint64(row // inner)
    base = base * np.uint64(sizes[1]) * np.uint64(inner)
    if inner > 1:
        base += np.uint64(row % inner)
    return row < sizes[0] * sizes[2], lane, i32(slot * lanes), base, np.uint64(row)


@cuda_helper
def over_lanes(shared, slot, lane, lanes, value, largest):
    """The sum of what the lanes of a row hold, or the largest (NaN, if there is one); every thread of the block comes here."""
    shared[np.uint32(slot + lane)] = value
    half = i32(lanes // 2)
    while half > 0:
        cuda.syncthreads()
        if lane < half:
            other = shared[np.uint32(slot + lane + half)]
            own = shared[np.uint32(slot + lane)]
            if largest:
                shared[np.uint32(slot + lane)] = own if own >= other or own != own else other
            else:
                shared[np.uint32(slot + lane)] = own + other
        half = i32(half // 2)
    cuda.syncthreads()
    result = shared[np.uint32(slot)]
    cuda.syncthreads()
    return result
