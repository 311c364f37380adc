"""What the samples look like, block by block, in one pass at the speed of memory."""

from __future__ import annotations

from convkit._core.jit import kernel


def _largest(bits, magnitude, rows, columns, high, wide, out):
    """Write the largest ``bits & magnitude`` of every block of ``high x wide`` elements into ``out``.

    With the sign bit masked off, the bits of floats order as integers do, NaN and Inf above all numbers; a
    maximum of integers vectorises, and one of floats does not.
    """
    across = (columns + wide - 1) // wide
    for r in range(rows):
        for b in range(across):
            line = bits[r * columns + b * wide : r * columns + min((b + 1) * wide, columns)]
            most = out[r // high * across + b]
            for i in range(line.size):
                most = max(most, line[i] & magnitude)
            out[r // high * across + b] = most


largest = kernel(_largest)
