"""What all kernels keep to: sizes of blocks and grids, and axes that lie side by side."""

from __future__ import annotations

from collections.abc import Sequence

from convkit._core import gpu
from convkit._core.geometry import Layout, layout

# Bytes of shared memory that a block may have without being asked for specially.
SHARED = 48 << 10
# Blocks of a grid down and in depth; the kernel goes on from there.
MOST = 65535
# Threads of a block of a kernel that looks at every number by itself.
THREADS = 4 if gpu.SIMULATED else 256
# Streams that launches are kept ready for.
STREAMS = 16


def reached(shape: tuple[int, ...], axes: Sequence[int]) -> Layout:
    """The ascending `axes` of an array as those of a volume; those with others between them were moved before."""
    plan = layout(shape, axes)
    assert plan is not None
    return plan
