"""Complex weights: two real correlations, and how they become one complex result."""

from __future__ import annotations

from convkit._core.jit import kernel


def _join_parts(real, imaginary, interleaved, out, extent, box):
    """Write a box of the flat complex ``out`` of ``extent``, in elements of `real` as ``box`` is, from its correlations.

    These are flat, with the real and with the imaginary parts of the weights: of complex samples if ``interleaved``.
    """
    z0, z1, y0, y1, c0, c1 = box
    n = (c1 - c0) // 2 if interleaved else c1 - c0
    first = c0 // 2 if interleaved else c0
    pitch = extent[2] // 2 if interleaved else extent[2]
    done = 0
    for z in range(z0, z1):
        for y in range(y0, y1):
            o = (z * extent[1] + y) * pitch + first
            line = out[o : o + n]
            if interleaved:
                a, b = real[done : done + 2 * n], imaginary[done : done + 2 * n]
                for i in range(n):
                    line[i] = complex(a[2 * i] - b[2 * i + 1], a[2 * i + 1] + b[2 * i])
            else:
                a, b = real[done : done + n], imaginary[done : done + n]
                for i in range(n):
                    line[i] = complex(a[i], b[i])
            done += c1 - c0


join_parts = kernel(_join_parts)
