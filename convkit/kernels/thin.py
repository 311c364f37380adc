"""Sobel's gradient of a row, and the suppression of what is no maximum in it: vector code, and its plain twins.

A row lies in a flat array with its neighbours. Magnitudes have one column more on either side: that of pixel j is
element j + 1 of its row. Pixels that are no maxima become 0, the others 2 from the low threshold on, 3 from the high one.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from convkit._core.jit import helper
from convkit.kernels import simd

# The tangent of 22.5 degrees in units of 2^-15, as OpenCV rounds it, and that of 67.5 degrees.
FLAT, STEEP, UNITS = 13573.0, 79109.0, 32768.0

# Numba adds the flag that lets a product be fused with a sum to every operation that has no flags; this one means
# nothing for a product.
_ALONE = ("arcp",)


def product(a, b):
    """``a * b``, rounded: never one half of a fused multiplication and addition."""
    return a * b


@intrinsic
def _product(typingctx, a, b):
    def codegen(context, builder, sig, args):
        return builder.fmul(*args, flags=_ALONE)

    return a(a, b), codegen


@overload(product)
def _rounded_product(a, b):
    return lambda a, b: _product(a, b)


def sobel_row(x, above, mid, below, rows, first, second, line, n):
    """Sobel's sums (their weights are whole numbers) from three rows of ``x`` with a column more on either side.

    The derivatives along both axes go to ``rows[first:]`` and ``rows[second:]``, the lengths of the gradients to
    ``rows[line:]``; each square is rounded before they are added, as it is without fused operations. There is at least
    a vector of them.
    """
    two = x.dtype.type(2)
    for j in range(n):
        a, b = above + j, below + j
        left, right = x[b] - x[a], x[b + 2] - x[a + 2]
        y = left + two * (x[b + 1] - x[a + 1]) + right
        left, right = x[a + 2] - x[a], x[b + 2] - x[b]
        z = left + two * (x[mid + j + 2] - x[mid + j]) + right
        rows[first + j] = y
        rows[second + j] = z
        rows[line + j] = np.sqrt(product(y, y) + product(z, z))


def thin_between(rows, above, mid, below, first, second, low, high, out, o, n):
    """Maxima among the magnitudes interpolated on either side along the gradient: at least those, and at least ``low``.

    In float32 the product with the weight is rounded to it, and all else is float64, as in scikit-image.
    """
    for j in range(n):
        m, mark = rows[mid + j + 1], 0
        if m >= low:
            y, x = rows[first + j], rows[second + j]
            down, along = abs(y), abs(x)
            side = 1 if (y <= 0) == (x <= 0) else -1
            w = min(down, along) / max(down, along)
            rest = np.float64(1) - np.float64(w)
            if down > along:
                p, q = above + j + 1, below + j + 1
            else:
                p, q = mid + j + 1 - side, mid + j + 1 + side
            # The diagonal neighbour is rounded first, in the samples' own precision.
            one = np.float64(product(rows[above + j + 1 - side], w)) + np.float64(product(np.float64(rows[p]), rest))
            two = np.float64(product(rows[below + j + 1 + side], w)) + np.float64(product(np.float64(rows[q]), rest))
            if one <= m and two <= m:
                mark = 3 if m >= high else 2
        out[o + j] = mark


def thin_sectors(rows, above, mid, below, first, second, low, high, out, o, n):
    """Maxima among two neighbours in the nearest of four directions, above the thresholds: OpenCV's rule.

    Of two equal ones in a row or a column the first is no maximum, and on a diagonal neither is.
    """
    for j in range(n):
        m, mark = rows[mid + j + 1], 0
        if m > low:
            y, x = rows[first + j], rows[second + j]
            down, along = abs(y) * rows.dtype.type(UNITS), abs(x)
            side = 1 if (y < 0) == (x < 0) else -1
            if down < product(along, rows.dtype.type(FLAT)):
                found = m > rows[mid + j] and m >= rows[mid + j + 2]
            elif down > product(along, rows.dtype.type(STEEP)):
                found = m > rows[above + j + 1] and m >= rows[below + j + 1]
            else:
                found = m > rows[above + j + 1 - side] and m > rows[below + j + 1 + side]
            if found:
                mark = 3 if m > high else 2
        out[o + j] = mark


class _Row:
    """Writes the vector code of one row: loads, choices, comparisons."""

    def __init__(self, context, builder, signature, arguments, lanes):
        self.b, self.lanes = builder, lanes
        element = context.get_data_type(signature.args[0].dtype)
        self.size = context.get_abi_sizeof(element)
        self.vector, self.wide = ir.VectorType(element, lanes), ir.VectorType(ir.DoubleType(), lanes)
        self.bytes = ir.VectorType(ir.IntType(8), lanes)
        self.context, self.signature, self.arguments = context, signature, arguments
        self.rows = self.data(0)

    def data(self, k):
        """The elements of the array that is argument number `k`."""
        return self.context.make_array(self.signature.args[k])(self.context, self.b, value=self.arguments[k]).data

    def at(self, array, k, j, shift=0):
        """Where the elements j on lie of the row of `array` whose place is argument number `k`."""
        place = self.b.gep(array, [self.b.add(self.b.add(self.arguments[k], j), ir.IntType(64)(shift))])
        return self.b.bitcast(place, self.vector.as_pointer())

    def load(self, k, j, shift=0):
        """Elements j on of the row of the first array whose place is argument number `k`."""
        value = self.b.load(self.at(self.rows, k, j, shift))
        value.align = self.size
        return value

    def scalar(self, k):
        """Argument number `k` in every lane."""
        undefined, i32 = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        one = self.b.insert_element(undefined, self.arguments[k], i32(0))
        return self.b.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(i32, self.lanes), [0] * self.lanes))

    def number(self, value, kind=None):
        return ir.Constant(kind or self.vector, [value] * self.lanes)

    def call(self, word, value):
        name = f"llvm.{word}.v{self.lanes}f{8 * self.size}"
        function = cgutils.get_or_insert_function(self.b.module, ir.FunctionType(self.vector, [self.vector]), name)
        return self.b.call(function, [value])

    def absolute(self, value):
        return self.call("fabs", value)

    def double(self, value):
        return value if self.size == 8 else self.b.fpext(value, self.wide)

    def all(self, *conditions):
        result = conditions[0]
        for condition in conditions[1:]:
            result = self.b.and_(result, condition)
        return result


def _between(row, j, m, candidates):
    b, choose = row.b, row.b.select
    y, x, none = row.load(4, j), row.load(5, j), row.number(0.0)
    same = b.icmp_unsigned("==", b.fcmp_ordered("<=", y, none), b.fcmp_ordered("<=", x, none))
    down, along = row.absolute(y), row.absolute(x)
    steep = b.fcmp_ordered(">", down, along)
    w = b.fdiv(choose(steep, along, down), choose(steep, down, along))
    rest = b.fsub(row.number(1.0, row.wide), row.double(w))
    left, right = row.load(2, j), row.load(2, j, 2)
    for k, flat, near, far in ((1, choose(same, left, right), 0, 2), (3, choose(same, right, left), 2, 0)):
        diagonal = choose(same, row.load(k, j, near), row.load(k, j, far))
        straight = choose(steep, row.load(k, j, 1), flat)
        beside = b.fadd(row.double(b.fmul(diagonal, w, flags=_ALONE)), b.fmul(row.double(straight), rest, flags=_ALONE))
        candidates = b.and_(candidates, b.fcmp_ordered("<=", beside, row.double(m)))
    return candidates


def _sectors(row, j, m, candidates):
    b, choose = row.b, row.b.select
    y, x, none = row.load(4, j), row.load(5, j), row.number(0.0)
    same = b.icmp_unsigned("==", b.fcmp_ordered("<", y, none), b.fcmp_ordered("<", x, none))
    down, along = b.fmul(row.absolute(y), row.number(UNITS)), row.absolute(x)
    flat = b.fcmp_ordered("<", down, b.fmul(along, row.number(FLAT)))
    steep = b.fcmp_ordered(">", down, b.fmul(along, row.number(STEEP)))

    def over(word, k, shift):
        return b.fcmp_ordered(word, m, row.load(k, j, shift))

    level = row.all(over(">", 2, 0), over(">=", 2, 2))
    upright = row.all(over(">", 1, 1), over(">=", 3, 1))
    diagonal = choose(same, row.all(over(">", 1, 0), over(">", 3, 2)), row.all(over(">", 1, 2), over(">", 3, 0)))
    return b.and_(candidates, choose(flat, level, choose(steep, upright, diagonal)))


@intrinsic
def _sobel_vectors(typingctx, x, above, mid, below, rows, first, second, line, start, count):
    lanes = simd.lanes(x.dtype.bitwidth // 8)

    def codegen(context, builder, sig, args):
        row, b, i64 = _Row(context, builder, sig, args, lanes), builder, ir.IntType(64)
        target = row.data(4)
        with cgutils.for_range(b, args[9]) as loop:
            j = b.add(args[8], b.mul(loop.index, i64(lanes)))
            (al, ac, ar), (bl, bc, br) = ([row.load(k, j, shift) for shift in range(3)] for k in (1, 3))

            def total(one, middle, other):
                return b.fadd(b.fadd(one, b.fadd(middle, middle)), other)

            y = total(b.fsub(bl, al), b.fsub(bc, ac), b.fsub(br, ar))
            z = total(b.fsub(ar, al), b.fsub(row.load(2, j, 2), row.load(2, j)), b.fsub(br, bl))
            length = row.call("sqrt", b.fadd(b.fmul(y, y, flags=_ALONE), b.fmul(z, z, flags=_ALONE)))
            for k, value in ((5, y), (6, z), (7, length)):
                b.store(value, row.at(target, k, j)).align = row.size
        return context.get_dummy_value()

    return types.void(x, *[types.int64] * 3, rows, *[types.int64] * 5), codegen


@overload(sobel_row)
def _sobel_row(x, above, mid, below, rows, first, second, line, n):
    if not simd.vector_bits():
        return sobel_row
    lanes = simd.lanes(x.dtype.bitwidth // 8)

    def impl(x, above, mid, below, rows, first, second, line, n):
        start, count = 0, n // lanes
        while count > 0:
            _sobel_vectors(x, above, mid, below, rows, first, second, line, start, count)
            # The last vector overlaps the one before: the same sums once more.
            count = 1 if n > lanes and start == 0 else 0
            start = n - lanes

    return impl


def _overload(plain, rule, word):
    def width(dtype):
        return 2 * simd.lanes(dtype.bitwidth // 8)

    @intrinsic
    def vectors(typingctx, rows, above, mid, below, first, second, low, high, out, o, start, count):
        lanes = width(rows.dtype)

        def codegen(context, builder, sig, args):
            row = _Row(context, builder, sig, args, lanes)
            marks = row.data(8)
            low, high = row.scalar(6), row.scalar(7)
            i64, mask = ir.IntType(64), ir.IntType(lanes)
            nothing = row.number(0, row.bytes)
            with cgutils.for_range(builder, args[11]) as loop:
                j = builder.add(args[10], builder.mul(loop.index, i64(lanes)))
                m = row.load(2, j, 1)
                candidates = builder.fcmp_ordered(word, m, low)
                place = builder.gep(marks, [builder.add(args[9], j)])
                place = builder.bitcast(place, row.bytes.as_pointer())
                some = builder.icmp_unsigned("!=", builder.bitcast(candidates, mask), mask(0))
                # Most of an image is no edge: whole vectors of it are passed over.
                with builder.if_else(some) as (then, otherwise):
                    with then:
                        found = rule(row, j, m, candidates)
                        strong = builder.zext(builder.fcmp_ordered(word, m, high), row.bytes)
                        value = builder.select(found, builder.or_(row.number(2, row.bytes), strong), nothing)
                        builder.store(value, place).align = 1
                    with otherwise:
                        builder.store(nothing, place).align = 1
            return context.get_dummy_value()

        places = [types.int64] * 5
        return types.void(rows, *places, rows.dtype, rows.dtype, out, types.int64, types.int64, types.int64), codegen

    @overload(plain)
    def choose(rows, above, mid, below, first, second, low, high, out, o, n):
        if not simd.vector_bits():
            return plain
        lanes = width(rows.dtype)
        few = helper(plain)

        def impl(rows, above, mid, below, first, second, low, high, out, o, n):
            if n < lanes:
                few(rows, above, mid, below, first, second, low, high, out, o, n)
                return
            start, count = 0, n // lanes
            while count > 0:
                vectors(rows, above, mid, below, first, second, low, high, out, o, start, count)
                # The last vector overlaps the one before: the same comparisons once more.
                count = 1 if n > lanes and start == 0 else 0
                start = n - lanes

        return impl


_overload(thin_between, _between, ">=")
_overload(thin_sectors, _sectors, ">")
