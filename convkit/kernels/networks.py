"""Programs that select a value of every window: networks of minima and maxima over lines of samples.

A program is built for the window at one sample and run on whole lines: what the windows of neighbours have in common
(sorted columns, and sorted pairs, quadruples ... of columns) is then the same line, read at a shift, and is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from convkit._core.typing import IntArray

MINIMUM, MAXIMUM, BOTH = 0, 1, 2
# Comparisons up to which a program is worth its making.
MOST = 6000
# Line number and shift in samples.
Ref: TypeAlias = tuple[int, int]


class Program(NamedTuple):
    """Steps (operation, a, shift, b, shift, minimum, maximum, extra), as `kernels.rank.network` reads them.

    a and b are rows of the window, or slots if they are not less than the number of rows; `minimum` and `maximum` are
    slots. `extra` is how many samples more than there are outputs a line has. The last step makes the result.
    """

    steps: IntArray
    slots: int
    operations: int


class TooLongError(Exception):
    """A network that would take longer to make than it saves."""


class Network:
    """Lines as nodes of a graph without repetition: equal operations on equal lines are one."""

    def __init__(self, rows: int) -> None:
        self.nodes: list[tuple[int, Ref, Ref] | None] = [None] * rows
        self._known: dict[tuple[int, Ref, Ref], int] = {}

    def _node(self, operation: int, a: Ref, b: Ref) -> Ref:
        a, b = min(a, b), max(a, b)
        shift = min(a[1], b[1])
        key = operation, (a[0], a[1] - shift), (b[0], b[1] - shift)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.nodes)
            self.nodes.append(key)
            if number > 8 * MOST:
                raise TooLongError
        return number, shift

    def least(self, a: Ref, b: Ref) -> Ref:
        """Line of the smaller values."""
        return self._node(MINIMUM, a, b)

    def most(self, a: Ref, b: Ref) -> Ref:
        """Line of the larger values."""
        return self._node(MAXIMUM, a, b)

    def merge(self, a: list[Ref], b: list[Ref]) -> list[Ref]:
        """Merge two sorted lists (Batcher's odd-even merge, for any lengths)."""
        if not a or not b:
            return a or b
        if len(a) == len(b) == 1:
            return [self.least(a[0], b[0]), self.most(a[0], b[0])]
        odd, even = self.merge(a[::2], b[::2]), self.merge(a[1::2], b[1::2])
        out = [odd[0]]
        for i in range(max(len(odd) - 1, len(even))):
            if i + 1 >= len(odd):
                out.append(even[i])
            elif i >= len(even):
                out.append(odd[i + 1])
            else:
                out += [self.least(even[i], odd[i + 1]), self.most(even[i], odd[i + 1])]
        return out

    def sort(self, lines: list[Ref]) -> list[Ref]:
        """The lines' values in order."""
        if len(lines) < 2:
            return lines
        half = len(lines) // 2
        return self.merge(self.sort(lines[:half]), self.sort(lines[half:]))

    def select(self, a: list[Ref], b: list[Ref], rank: int) -> Ref:
        """The line of `rank` in the union of two sorted lists: the least of the larger ones of pairs that sum to it."""
        if not a or not b:
            return (a or b)[rank]
        parts: list[Ref] = []
        for taken in range(max(0, rank + 1 - len(b)), min(len(a), rank + 1) + 1):
            rest = rank + 1 - taken
            if taken == 0 or rest == 0:
                parts.append(b[rest - 1] if taken == 0 else a[taken - 1])
            else:
                parts.append(self.most(a[taken - 1], b[rest - 1]))
        while len(parts) > 1:
            parts = [self.least(*parts[i : i + 2]) if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)]
        return parts[0]


def shifted(lines: list[Ref], by: int) -> list[Ref]:
    """The lines as read so many samples on."""
    return [(line, shift + by) for line, shift in lines]


def halves(k: int) -> tuple[int, int]:
    """How a window of k columns is made of two narrower ones."""
    if k % 2 == 0:
        return k // 2, k // 2
    power = 1 << ((k - 1).bit_length() - 1)
    return power, k - power


@lru_cache(maxsize=64)
def box_program(rows: int, columns: int, rank: int) -> Program | None:
    """Program for the value of `rank` in windows of `rows` lines and `columns` samples; None where it would be long."""
    if rows * columns * max(1, (rows * columns).bit_length() - 1) > 4 * MOST:
        return None
    network = Network(rows)
    made: dict[int, list[Ref]] = {}

    def window(k: int) -> list[Ref]:
        if k not in made:
            if k == 1:
                made[k] = network.sort([(row, 0) for row in range(rows)])
            else:
                first, second = halves(k)
                made[k] = network.merge(window(first), shifted(window(second), first))
        return made[k]

    try:
        if columns == 1:
            result = window(1)[rank]
        else:
            first, second = halves(columns)
            result = network.select(window(first), shifted(window(second), first), rank)
    except TooLongError:
        return None
    return _program(network, rows, result)


@lru_cache(maxsize=64)
def list_program(offsets: tuple[tuple[int, int], ...], rows: int, rank: int) -> Program | None:
    """Program for the value of `rank` among samples at `offsets` = (row, shift)."""
    network = Network(rows)
    lines = list(offsets)
    try:
        half = len(lines) // 2
        result = network.select(network.sort(lines[:half]), network.sort(lines[half:]), rank)
    except TooLongError:
        return None
    return _program(network, rows, result)


def _program(network: Network, rows: int, result: Ref) -> Program | None:
    """Order the operations that `result` needs, and give their lines places that are used again."""
    nodes = network.nodes
    if nodes[result[0]] is None:
        return Program(np.array([(MINIMUM, *result, *result, rows, 0, 0)], np.int64), 1, 1)
    order: list[int] = []
    done = [False] * len(nodes)
    stack = [(result[0], False)]
    while stack:
        number, ready = stack.pop()
        node = nodes[number]
        if node is None or done[number]:
            continue
        if ready:
            done[number] = True
            order.append(number)
        else:
            stack += [(number, True), (node[2][0], False), (node[1][0], False)]
    extra, last = _reach(nodes, order, result)
    where = {(node[0], node[1], node[2]): n for n in order if (node := nodes[n]) is not None}
    slot: dict[int, int] = {}
    free: list[int] = []
    slots = operations = 0
    steps: list[tuple[int, ...]] = []
    emitted: set[int] = set()
    for time, number in enumerate(order):
        node = nodes[number]
        assert node is not None
        place: list[tuple[int, int]] = [(n if n < rows else rows + slot[n], s) for n, s in node[1:]]
        # A step may write over what it reads, since it goes forward and no shift is negative.
        free += [slot[line] for line in last.get(time, ())]
        if number in emitted:
            continue
        operation, a, b = node
        twin = where.get((MAXIMUM - operation, a, b))
        outputs = [number] if twin is None else [number, twin]
        for output in outputs:
            emitted.add(output)
            if not free:
                free.append(slots)
                slots += 1
            slot[output] = free.pop()
        operations += len(outputs)
        low, high = slot[outputs[0]], slot[outputs[-1]]
        if operation == MAXIMUM and twin is not None:
            low, high = high, low
        steps.append((operation if twin is None else BOTH, *place[0], *place[1], rows + low, rows + high,
                      max(extra[n] for n in outputs)))
    if result[1]:
        last_line = rows + slot[result[0]]
        steps.append((MINIMUM, last_line, result[1], last_line, result[1], last_line, 0, 0))
    return Program(np.array(steps, np.int64), slots, operations)


def _reach(nodes: Sequence[tuple[int, Ref, Ref] | None], order: list[int],
           result: Ref) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Samples that each line has beyond the outputs, and which lines are read last at each place of the order."""
    extra = dict.fromkeys(order, 0)
    extra[result[0]] = result[1]
    latest: dict[int, int] = {}
    for time in reversed(range(len(order))):
        node = nodes[order[time]]
        assert node is not None
        for line, shift in node[1:]:
            if nodes[line] is not None:
                extra[line] = max(extra[line], extra[order[time]] + shift)
                latest.setdefault(line, time)
    last: dict[int, list[int]] = {}
    for line, time in latest.items():
        last.setdefault(time, []).append(line)
    return extra, last
