"""Largest of 2 x 2 samples side by side, and the way back: rows of windows in vectors, and their plain twins."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from convkit._core.jit import helper, kernel
from convkit.kernels import simd
from convkit.kernels.channel_blocks import vectors_serve


def pick(x, start, width, rows, n, out, codes, o):
    """Write the largest samples of `rows` of `n` windows to ``out[o:]``, the numbers of their taps to ``codes[o:]``.

    They begin at ``x[start]``, in an image of rows of `width`. Of equal samples the first is taken; NaN is larger than all.
    """
    for r in range(rows):
        for i in range(n):
            here = start + 2 * r * width + 2 * i
            best, code = x[here], 0
            for tap in range(1, 4):
                value = x[here + tap // 2 * width + tap % 2]
                if value > best or value != value:
                    best, code = value, tap
            out[o + r * n + i], codes[o + r * n + i] = best, code


def put_back(g, codes, o, rows, n, out, start, width):
    """Write ``g[o:]`` of `rows` of `n` windows to the places that ``codes[o:]`` tell, zero to all others of the windows."""
    for r in range(rows):
        for i in range(n):
            here = start + 2 * r * width + 2 * i
            for tap in range(4):
                out[here + tap // 2 * width + tap % 2] = g[o + r * n + i] if codes[o + r * n + i] == tap else 0


class _Part:
    """A vector's `share`-th part of windows, in LLVM IR."""

    def __init__(self, context: Any, builder: Any, sig: Any, args: Any, share: int) -> None:
        self._context, self._builder, self._sig, self._args = context, builder, sig, args
        element = context.get_data_type(sig.args[0].dtype)
        self._size = context.get_abi_sizeof(element)
        self.count = simd.lanes(self._size) // share
        self.samples, self.pairs = ir.VectorType(element, self.count), ir.VectorType(element, 2 * self.count)
        self.numbers = ir.VectorType(ir.IntType(8), self.count)

    def _place(self, array: int, index: int, kind: Any) -> Any:
        data = self._context.make_array(self._sig.args[array])(self._context, self._builder, value=self._args[array]).data
        return self._builder.bitcast(self._builder.gep(data, [self._args[index]]), kind.as_pointer())

    def load(self, array: int, index: int, kind: Any) -> Any:
        value = self._builder.load(self._place(array, index, kind))
        value.align = 1 if kind == self.numbers else self._size
        return value

    def store(self, value: Any, array: int, index: int) -> None:
        kept = self._builder.store(value, self._place(array, index, value.type))
        kept.align = 1 if value.type == self.numbers else self._size

    def _shuffled(self, a: Any, b: Any, order: Any) -> Any:
        kind = ir.VectorType(ir.IntType(32), len(order))
        return self._builder.shuffle_vector(a, b, ir.Constant(kind, list(order)))

    def apart(self, pairs: Any) -> tuple[Any, Any]:
        """The first of each pair, and the second."""
        nothing = ir.Constant(pairs.type, ir.Undefined)
        first, second = (self._shuffled(pairs, nothing, range(k, 2 * self.count, 2)) for k in (0, 1))
        return first, second

    def together(self, first: Any, second: Any) -> Any:
        """Pairs of the first and the second."""
        return self._shuffled(first, second, [k * self.count + i for i in range(self.count) for k in (0, 1)])

    def tap(self, number: int) -> Any:
        return ir.Constant(self.numbers, [number] * self.count)


def _make_pick(share: int) -> Any:
    """Build ``pick`` for a vector's `share`-th part."""

    @intrinsic
    def part(typingctx, x, upper, lower, out, codes, o):
        def codegen(context, builder, sig, args):
            v = _Part(context, builder, sig, args, share)
            best, *others = (*v.apart(v.load(0, 1, v.pairs)), *v.apart(v.load(0, 2, v.pairs)))
            code = v.tap(0)
            for tap, value in enumerate(others, 1):
                better = builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))
                best = builder.select(better, value, best)
                code = builder.select(better, v.tap(tap), code)
            v.store(best, 3, 5)
            v.store(code, 4, 5)
            return context.get_dummy_value()

        return types.void(x, types.int64, types.int64, out, codes, types.int64), codegen

    return part


def _make_put_back(share: int) -> Any:
    """Build ``put_back`` for a vector's `share`-th part."""

    @intrinsic
    def part(typingctx, g, codes, o, out, upper, lower):
        def codegen(context, builder, sig, args):
            v = _Part(context, builder, sig, args, share)
            values, code = v.load(0, 2, v.samples), v.load(1, 2, v.numbers)
            zero = ir.Constant(v.samples, [0.0] * v.count)
            taps = [builder.select(builder.icmp_unsigned("==", code, v.tap(tap)), values, zero) for tap in range(4)]
            v.store(v.together(*taps[:2]), 3, 4)
            v.store(v.together(*taps[2:]), 3, 5)
            return context.get_dummy_value()

        return types.void(g, codes, types.int64, out, types.int64, types.int64), codegen

    return part


def _parts(make: Any, x: Any) -> tuple[list[Any], list[int]]:
    """What `make` builds for a vector, its half and its quarter, and how many windows each takes."""
    lanes = simd.lanes(x.dtype.bitwidth // 8)
    return [make(share) for share in (1, 2, 4)], [max(1, lanes // share) for share in (1, 2, 4)]


@overload(pick)
def _pick(x, start, width, rows, n, out, codes, o):
    if not vectors_serve(x, out):
        return pick
    (whole, half, quarter), (most, some, few) = _parts(_make_pick, x)

    def impl(x, start, width, rows, n, out, codes, o):
        if n < few:
            _one_by_one(x, start, width, rows, n, out, codes, o)
            return
        breadth = most if n >= most else some if n >= some else few
        for r in range(rows):
            upper, lower = start + 2 * r * width, start + (2 * r + 1) * width
            k = 0
            while k < n:
                # The last part of a row overlaps the one before.
                k = min(k, n - breadth)
                if breadth == most:
                    whole(x, upper + 2 * k, lower + 2 * k, out, codes, o + k)
                elif breadth == some:
                    half(x, upper + 2 * k, lower + 2 * k, out, codes, o + k)
                else:
                    quarter(x, upper + 2 * k, lower + 2 * k, out, codes, o + k)
                k += breadth
            o += n

    return impl


@overload(put_back)
def _put_back(g, codes, o, rows, n, out, start, width):
    if not vectors_serve(g, out):
        return put_back
    (whole, half, quarter), (most, some, few) = _parts(_make_put_back, g)

    def impl(g, codes, o, rows, n, out, start, width):
        if n < few:
            _one_by_one_back(g, codes, o, rows, n, out, start, width)
            return
        breadth = most if n >= most else some if n >= some else few
        for r in range(rows):
            upper, lower = start + 2 * r * width, start + (2 * r + 1) * width
            k = 0
            while k < n:
                k = min(k, n - breadth)
                if breadth == most:
                    whole(g, codes, o + k, out, upper + 2 * k, lower + 2 * k)
                elif breadth == some:
                    half(g, codes, o + k, out, upper + 2 * k, lower + 2 * k)
                else:
                    quarter(g, codes, o + k, out, upper + 2 * k, lower + 2 * k)
                k += breadth
            o += n

    return impl


_one_by_one, _one_by_one_back = helper(pick), helper(put_back)


@kernel
def max_pairs(x, first, last, height, width, rows, columns, out, codes):
    """As `max_windows`, for `rows` x `columns` windows of 2 x 2 samples side by side in images of `height` x `width`."""
    for p in range(first, last):
        pick(x, p * height * width, width, rows, columns, out, codes, p * rows * columns)


@kernel
def max_pairs_gradient(g, codes, first, last, height, width, rows, columns, out):
    """As `max_gradient`, for the windows of `max_pairs`."""
    for p in range(first, last):
        start = p * height * width
        put_back(g, codes, p * rows * columns, rows, columns, out, start, width)
        # What no window holds: the last column of an odd width, and the last row.
        if width > 2 * columns:
            for r in range(2 * rows):
                out[start + r * width + 2 * columns : start + (r + 1) * width] = 0
        out[start + 2 * rows * width : start + height * width] = 0
