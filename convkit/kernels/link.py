"""Hysteresis on a map of marks: 0 nothing, 1 an edge, 2 a weak candidate, 3 a strong one not yet followed.

The map is flat and has at least one 0 beyond every edge of the array that it maps, so that neighbours need no test.
"""

from __future__ import annotations

import numpy as np

from convkit._core.jit import helper, kernel

# One bit in each byte of eight marks.
_ONES = np.uint64(0x0101010101010101)
_SHIFT = np.uint64(1)


@helper
def _follow(marks, begin, end, offsets, stack, top):
    """Make edges of the candidates among ``marks[begin:end]`` that the ``top`` pixels of ``stack`` lead to.

    Returns how many of these are left when ``stack`` might overflow: arrays that are replaced in the loop would be
    counted as references at every step, which made it eight times slower.
    """
    room = stack.size - offsets.size
    while 0 < top <= room:
        top -= 1
        here = stack[top]
        for k in range(offsets.size):
            there = here + offsets[k]
            if marks[there] > 1 and begin <= there < end:
                marks[there] = 1
                stack[top] = there
                top += 1
    return top


@helper
def follow(marks, begin, end, offsets, stack, top):
    """As `_follow`, to the end; returns ``stack`` or a larger one."""
    top = _follow(marks, begin, end, offsets, stack, top)
    while top > 0:
        larger = np.empty(2 * stack.size, np.int64)
        larger[:top] = stack[:top]
        stack = larger
        top = _follow(marks, begin, end, offsets, stack, top)
    return stack


@helper
def _next_strong(words, first, last):
    """Number of the first of ``words[first:last]`` with a strong candidate in it, or ``last``."""
    while first + 16 <= last:
        some, found = words[first : first + 16], np.uint64(0)
        for k in range(16):
            found |= some[k] & (some[k] >> _SHIFT)
        if found & _ONES:
            break
        first += 16
    while first < last and not words[first] & (words[first] >> _SHIFT) & _ONES:
        first += 1
    return first


@helper
def link_part(marks, words, begin, end, offsets):
    """Follow every strong candidate among ``marks[begin:end]`` inside that part, whose ends are multiples of 8."""
    stack = np.empty(4096, np.int64)
    i, last = _next_strong(words, begin // 8, end // 8), end // 8
    while i < last:
        for here in range(8 * i, 8 * i + 8):
            if marks[here] == 3:
                marks[here] = 1
                stack[0] = here
                top = _follow(marks, begin, end, offsets, stack, 1)
                if top > 0:
                    stack = follow(marks, begin, end, offsets, stack, top)
        i = _next_strong(words, i + 1, last)


def _link(marks, words, begin, end, offsets):
    """As `link_part`: ``words`` is a view of ``marks``, ``offsets`` lead to the neighbours."""
    link_part(marks, words, begin, end, offsets)


link = kernel(_link)


def _join(marks, seams, reach, offsets):
    """Follow the edges of linked parts across the ``seams`` between them; a neighbour is at most ``reach`` elements away."""
    stack = np.empty(4096, np.int64)
    for k in range(seams.size):
        for here in range(seams[k] - reach, seams[k] + reach):
            if marks[here] == 1:
                stack[0] = here
                top = _follow(marks, 0, marks.size, offsets, stack, 1)
                if top > 0:
                    stack = follow(marks, 0, marks.size, offsets, stack, top)


join = kernel(_join)


def _classify(x, low, high, marks, begin, first, last):
    """Mark rows ``first : last`` of ``x`` (rows, n): 2 above ``low``, 3 above ``high``; row i goes to ``marks[begin[i]:]``."""
    n = x.shape[1]
    for i in range(first, last):
        row, line = x[i], marks[begin[i] : begin[i] + n]
        for j in range(n):
            mark = np.uint8(2) if row[j] > low else np.uint8(0)
            line[j] = np.uint8(3) if row[j] > high else mark


classify = kernel(_classify)
