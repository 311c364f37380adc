"""Inner loops of correlations on a CUDA device, written out as the compiler unrolls none so long, and their plain twins.

Samples of shared memory are read as vectors of 16 bytes into a window of registers, in which the places rotate.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from convkit._core.gpu import SIMULATED, cuda, intrinsic
from convkit.kernels.simd_cuda import VECTOR, copy_vector, data_of, element, move


class Code:
    """Instructions on arrays of numbers of one type that stand in registers, or in shared memory."""

    def __init__(self, context: Any, builder: Any, signature: Any, values: Any) -> None:
        number = signature.args[0].dtype
        self.context, self.builder, self.types = context, builder, signature.args
        # Where arrays begin is asked once, not for every number.
        self._arrays = {i: data_of(context, builder, kind, values[i])
                        for i, kind in enumerate(self.types) if hasattr(kind, "ndim")}
        self._element = context.get_data_type(number)
        both = number(number, number)
        self._multiply, self._add = (context.get_function(f, both) for f in (operator.mul, operator.add))

    def whole(self, value: int, like: Any) -> Any:
        """A constant."""
        return like.type(value)

    def further(self, index: Any, count: int) -> Any:
        """The place `count` numbers after another."""
        return self.builder.add(index, index.type(count)) if count else index

    def at(self, array: int, index: Any) -> Any:
        """The address of an element of the argument `array`."""
        return element(self.builder, self._arrays[array], index, self._element)

    def move(self, source: tuple[int, Any], target: tuple[int, Any]) -> None:
        """Copy a vector."""
        move(self.builder, self.at(*source), self.at(*target))

    def load(self, array: int, index: Any) -> Any:
        """A number."""
        return self.context.unpack_value(self.builder, self.types[array].dtype, self.at(array, index))

    def multiply_add(self, total: tuple[int, int], tap: Any, sample: tuple[int, int]) -> None:
        """Add the product of a tap and a sample to a sum."""
        product = self._multiply(self.builder, (tap, self.load(*sample)))
        value = self._add(self.builder, (self.load(*total), product))
        self.context.pack_value(self.builder, self.types[total[0]].dtype, value, self.at(*total))

    def given(self, at_least: Any, at_most: Any, i: int) -> Any:
        """Open a block for where ``at_least <= i < at_most``."""
        low = self.builder.icmp_signed("<=", at_least, self.whole(i, at_least))
        return self.builder.if_then(self.builder.and_(low, self.builder.icmp_signed(">", at_most, self.whole(i, at_most))))


def slide(rows: int, work: str, full: bool) -> Callable[..., None]:
    """``(shared, place, pitch, at, apart, near, far, left, sums, window)``: one turn of the window, of `rows` rows of taps.

    A window holds `rows` rows of two vectors (of one, if a vector is one number). Its row ``j + rows - 1`` comes from
    ``place + j pitch``; the taps ``near <= i < far`` of row ``j < left``, which lie from ``at + j apart`` on, meet samples from
    the i-th of the window's columns on. `full` are turns where they are all those of a vector.
    """
    vector = VECTOR // np.dtype(work).itemsize
    across = 2 * vector if vector > 1 else 1
    results = [(r * vector + c, r, c) for r in range(rows) for c in range(vector)]

    def plain(shared, place, pitch, at, apart, near, far, left, sums, window):
        for j in range(min(rows, left)):
            new = (j + rows - 1) % rows * across
            copy_vector(shared, place, window, new)
            if far > 1:
                copy_vector(shared, place + vector, window, new + vector)
            for i in range(vector) if full else range(near, far):
                for total, r, c in results:
                    sums[total] += shared[at + i] * window[(r + j) % rows * across + i + c]
            place, at = place + pitch, at + apart

    def emitted(typing, shared, place, pitch, at, apart, near, far, left, sums, window):
        def code(context, builder, signature, values):
            made = Code(context, builder, signature, values)
            _, place, pitch, at, apart, near, far, left, *_ = values

            def turn(j, place, at):
                with builder.if_then(builder.icmp_signed(">", left, made.whole(j, left))):
                    new = (j + rows - 1) % rows * across
                    made.move((0, place), (9, new))
                    if across > vector:
                        more = made.further(place, vector)
                        if full:
                            made.move((0, more), (9, new + vector))
                        else:
                            with builder.if_then(builder.icmp_signed(">", far, made.whole(1, far))):
                                made.move((0, more), (9, new + vector))
                    for i in range(vector):
                        if full:
                            met(j, i, at)
                        else:
                            with made.given(near, far, i):
                                met(j, i, at)
                    if j + 1 < rows:
                        turn(j + 1, builder.add(place, pitch), builder.add(at, apart))

            def met(j, i, at):
                tap = made.load(0, made.further(at, i))
                for total, r, c in results:
                    made.multiply_add((8, total), tap, (9, (r + j) % rows * across + i + c))

            turn(0, place, at)
            return context.get_dummy_value()

        return cuda.types.void(shared, place, pitch, at, apart, near, far, left, sums, window), code

    return plain if SIMULATED else intrinsic(emitted)


def across(rows: int, work: str, full: bool) -> Callable[..., None]:
    """``(shared, place, pitch, at, near, far, sums, window)``: one turn of three vectors of taps along `rows` rows.

    Each row has results of two vectors side by side, and a window of three, the first two of them read before. Its samples lie
    from ``place`` on, rows `pitch` apart; the taps ``near <= i < far`` lie from `at` on. `full` are turns where they are all.
    """
    vector = VECTOR // np.dtype(work).itemsize
    columns, held = 2 * vector, 3 * vector
    results = [(r * columns + c, r, c) for r in range(rows) for c in range(columns)]

    def plain(shared, place, pitch, at, near, far, sums, window):
        for i in range(held) if full else range(far):
            if i % vector == 0:
                for r in range(rows):
                    copy_vector(shared, place + r * pitch + i + columns, window, r * held + (i + columns) % held)
            if i >= near:
                for total, r, c in results:
                    sums[total] += shared[at + i] * window[r * held + (i + c) % held]

    def emitted(typing, shared, place, pitch, at, near, far, sums, window):
        def code(context, builder, signature, values):
            made = Code(context, builder, signature, values)
            _, place, pitch, at, near, far, *_ = values

            def phase(first):
                row = place
                for r in range(rows):
                    made.move((0, made.further(row, first + columns)), (7, r * held + (first + columns) % held))
                    row = builder.add(row, pitch)
                for i in range(first, first + vector):
                    if full:
                        met(i)
                    else:
                        with made.given(near, far, i):
                            met(i)

            def met(i):
                tap = made.load(0, made.further(at, i))
                for total, r, c in results:
                    made.multiply_add((6, total), tap, (7, r * held + (i + c) % held))

            for first in range(0, held, vector):
                if full:
                    phase(first)
                else:
                    with builder.if_then(builder.icmp_signed(">", far, made.whole(first, far))):
                        phase(first)
            return context.get_dummy_value()

        return cuda.types.void(shared, place, pitch, at, near, far, sums, window), code

    return plain if SIMULATED else intrinsic(emitted)


def down(rows: int, columns: int, apart: int, line: int, work: str, full: bool) -> Callable[..., None]:
    """``(shared, place, following, at, near, far, sums, window)``: one turn of `rows` taps down `columns` columns.

    Columns lie `apart`, rows `line` apart; the window holds all but the last of `rows` rows from ``place`` on, and then those
    from ``following`` on. The taps ``near <= j < far`` lie from `at` on. `full` are turns where they are all.
    """
    results = [(r * columns + c, r, c) for r in range(rows) for c in range(columns)]

    def plain(shared, place, following, at, near, far, sums, window):
        for j in range(rows) if full else range(far):
            row = following + (j - 1) * line if j else place + (rows - 1) * line
            for c in range(columns):
                window[(j + rows - 1) % rows * columns + c] = shared[row + c * apart]
            if j >= near:
                for total, r, c in results:
                    sums[total] += shared[at + j] * window[(r + j) % rows * columns + c]

    def emitted(typing, shared, place, following, at, near, far, sums, window):
        number = shared.dtype

        def code(context, builder, signature, values):
            made = Code(context, builder, signature, values)
            _, place, following, at, near, far, *_ = values

            def turn(j):
                row = made.further(following, (j - 1) * line) if j else made.further(place, (rows - 1) * line)
                for c in range(columns):
                    sample = made.load(0, made.further(row, c * apart))
                    context.pack_value(builder, number, sample, made.at(7, (j + rows - 1) % rows * columns + c))
                if full:
                    met(j)
                else:
                    with builder.if_then(builder.icmp_signed("<=", near, made.whole(j, near))):
                        met(j)

            def met(j):
                tap = made.load(0, made.further(at, j))
                for total, r, c in results:
                    made.multiply_add((6, total), tap, (7, (r + j) % rows * columns + c))

            for j in range(rows):
                if full:
                    turn(j)
                else:
                    with builder.if_then(builder.icmp_signed(">", far, made.whole(j, far))):
                        turn(j)
            return context.get_dummy_value()

        return cuda.types.void(shared, place, following, at, near, far, sums, window), code

    return plain if SIMULATED else intrinsic(emitted)
