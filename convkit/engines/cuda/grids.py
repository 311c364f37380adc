"""Sizes of blocks and grids that all kernels keep to."""

from __future__ import annotations

from convkit._core import gpu

# Bytes of shared memory that a block may have without being asked for specially.
SHARED = 48 << 10
# Blocks of a grid down and in depth; the kernel goes on from there.
MOST = 65535
# Threads of a block of a kernel that looks at every number by itself.
THREADS = 4 if gpu.SIMULATED else 256
# Streams that launches are kept ready for.
STREAMS = 16
