"""Vector butterflies of a fast Fourier transform in LLVM IR.

A *panel* is a run of complex elements, each of them one vector of real parts and one of imaginary parts: one transform
runs per lane, and no shuffle is needed. Forward stages run by decreasing length and leave the frequencies in
digit-reversed order, inverse ones run back by increasing length: a convolution never sorts them.

There is no plain twin of these: where there are no vectors, `scipy.fft` transforms the tiles.

References
----------
W. M. Gentleman and G. Sande, Fast Fourier Transforms - for fun and profit, AFIPS 1966 (decimation in frequency).
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convkit.kernels.simd import vector_bits

I32, I64 = ir.IntType(32), ir.IntType(64)
# Numbers that describe the stages of an axis.
STAGES = 16


class _Vectors:
    """Writes vector and complex arithmetic into one LLVM function."""

    def __init__(self, builder: Any, element: Any, size: int) -> None:
        self.builder = builder
        self.size = size
        self.width = vector_bits() // (8 * size)
        self.type = ir.VectorType(element, self.width)
        kinds = ir.FunctionType(self.type, [self.type] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, kinds, f"llvm.fma.v{self.width}f{8 * size}")

    def at(self, base, *offsets):
        for offset in offsets:
            base = self.builder.gep(base, [offset if isinstance(offset, ir.Value) else I64(offset)])
        return base

    def load(self, pointer):
        value = self.builder.load(self.builder.bitcast(pointer, self.type.as_pointer()))
        value.align = self.size
        return value

    def store(self, value, pointer):
        self.builder.store(value, self.builder.bitcast(pointer, value.type.as_pointer())).align = self.size

    def splat(self, pointer):
        undefined = ir.Constant(self.type, ir.Undefined)
        one = self.builder.insert_element(undefined, self.builder.load(pointer), I32(0))
        return self.builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, self.width), [0] * self.width))

    def constant(self, value):
        return ir.Constant(self.type, [value] * self.width)

    def fma(self, a, b, c):
        return self.builder.call(self._fma, [a, b, c])

    def element(self, pointer):
        return self.load(pointer), self.load(self.at(pointer, self.width))

    def put(self, x, pointer):
        self.store(x[0], pointer)
        self.store(x[1], self.at(pointer, self.width))

    def add(self, x, y):
        return self.builder.fadd(x[0], y[0]), self.builder.fadd(x[1], y[1])

    def sub(self, x, y):
        return self.builder.fsub(x[0], y[0]), self.builder.fsub(x[1], y[1])

    def add_turned(self, x, y, inverse):
        """Difference of x and i y, in the inverse transform their sum."""
        add, sub = self.builder.fadd, self.builder.fsub
        return (sub(x[0], y[1]), add(x[1], y[0])) if inverse else (add(x[0], y[1]), sub(x[1], y[0]))

    def scaled(self, x, factor, y):
        """Sum of x and y times a real factor."""
        f = self.constant(factor)
        return self.fma(f, y[0], x[0]), self.fma(f, y[1], x[1])

    def times(self, x, w, conjugate=False):
        """Product of x and w, or conj(w). The sign goes with x: LLVM would keep a register for every -w."""
        (a, b), (c, s) = x, w
        mul, neg = self.builder.fmul, self.builder.fneg
        if conjugate:
            return self.fma(b, s, mul(a, c)), self.fma(neg(a), s, mul(b, c))
        return self.fma(neg(b), s, mul(a, c)), self.fma(a, s, mul(b, c))

    def transform(self, x, inverse):
        """Discrete Fourier transform of 2, 3, 4 or 8 complex values, unscaled."""
        if len(x) == 2:
            return [self.add(*x), self.sub(*x)]
        if len(x) == 3:
            total, apart = self.add(x[1], x[2]), self.sub(x[1], x[2])
            middle, turned = self.scaled(x[0], -0.5, total), (self.builder.fneg(apart[1]), apart[0])
            k = math.sqrt(0.75) * (1 if inverse else -1)
            return [self.add(x[0], total), self.scaled(middle, k, turned), self.scaled(middle, -k, turned)]
        if len(x) == 4:
            (s, t), (u, w) = ((self.add(a, b), self.sub(a, b)) for a, b in ((x[0], x[2]), (x[1], x[3])))
            return [self.add(s, u), self.add_turned(t, w, inverse), self.sub(s, u), self.add_turned(t, w, not inverse)]
        even, odd = self.transform(x[0::2], inverse), self.transform(x[1::2], inverse)
        root = math.sqrt(0.5)
        # sqrt(2) times the eighth roots: w = 1 - i and w^3 = -(1 + i) forward, their conjugates inverse.
        first = self.add_turned(odd[1], odd[1], inverse)
        third = self.add_turned(odd[3], odd[3], not inverse)
        return [
            self.add(even[0], odd[0]), self.scaled(even[1], root, first),
            self.add_turned(even[2], odd[2], inverse), self.scaled(even[3], -root, third),
            self.sub(even[0], odd[0]), self.scaled(even[1], -root, first),
            self.add_turned(even[2], odd[2], not inverse), self.scaled(even[3], root, third),
        ]


def _function(module, element, size, name, kinds, write):
    """The LLVM function `name`, written by ``write(vectors, *arguments)`` where the module has none yet."""
    name = f"convkit_{name}_f{8 * size}"
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        inner = ir.IRBuilder(function.append_basic_block())
        write(_Vectors(inner, element, size), *function.args)
        inner.ret_void()
    return function


def _call(context, builder, sig, args, name, write):
    """Call the LLVM function `name`: arrays are handed on as pointers to their data, integers as 64 bits."""
    values, element = [], None
    for value, kind in zip(args, sig.args, strict=True):
        if isinstance(kind, types.Array):
            values.append(context.make_array(kind)(context, builder, value=value).data)
            if element is None and isinstance(kind.dtype, types.Float):
                element = context.get_data_type(kind.dtype)
        else:
            values.append(context.cast(builder, value, kind, types.int64))
    size = context.get_abi_sizeof(element)
    builder.call(_function(builder.module, element, size, name, [v.type for v in values], write), values)
    return context.get_dummy_value()


def _stage(radix, inverse):
    """Writer of ``stage(panel, blocks, length, pitch, twiddles)``, in place on `blocks` runs of `length` elements.

    The elements are `pitch` numbers apart; `twiddles` points to `radix` - 1 powers of the root for each butterfly.
    """

    def write(v, panel, blocks, length, pitch, twiddles):
        b = v.builder
        count = b.udiv(length, I64(radix))
        apart = b.mul(count, pitch)
        with cgutils.for_range(b, blocks) as block, cgutils.for_range(b, count) as butterfly:
            first = v.at(panel, b.mul(b.add(b.mul(block.index, length), butterfly.index), pitch))
            row = v.at(twiddles, b.mul(butterfly.index, I64(2 * (radix - 1))))
            roots = [(v.splat(v.at(row, 2 * q)), v.splat(v.at(row, 2 * q + 1))) for q in range(radix - 1)]
            places = [v.at(first, b.mul(apart, I64(q))) for q in range(radix)]
            x = [v.element(place) for place in places]
            if inverse:
                x[1:] = [v.times(a, root, True) for a, root in zip(x[1:], roots, strict=True)]
            y = v.transform(x, inverse)
            if not inverse:
                y[1:] = [v.times(a, root) for a, root in zip(y[1:], roots, strict=True)]
            for value, place in zip(y, places, strict=True):
                v.put(value, place)

    return write


def _turn(radix, forward, inverse):
    """Writer of ``turn(panel, blocks, pitch, spectrum)`` on runs of `radix` elements, which need no twiddles.

    It transforms forward, inverse, or forward and back with a multiplication by `spectrum` in between.
    """

    def write(v, panel, blocks, pitch, spectrum):
        b = v.builder
        with cgutils.for_range(b, blocks) as block:
            first = v.at(panel, b.mul(b.mul(block.index, I64(radix)), pitch))
            places = [v.at(first, b.mul(pitch, I64(q))) for q in range(radix)]
            x = [v.element(place) for place in places]
            if forward:
                x = v.transform(x, False)
            if forward and inverse:
                row = v.at(spectrum, b.mul(block.index, I64(2 * v.width * radix)))
                x = [v.times(a, v.element(v.at(row, 2 * v.width * q))) for q, a in enumerate(x)]
            if inverse:
                x = v.transform(x, True)
            for value, place in zip(x, places, strict=True):
                v.put(value, place)

    return write


def _make_transform(forward: bool, inverse: bool) -> Any:
    """Build a transform, its inverse without the factor 1 / n, or both with a multiplication in between.

    ``transform(panel, at, n, pitch, stages, axis, twiddles, spectrum, k)`` works in place on `n` elements, `pitch` numbers
    apart. ``stages[axis]`` holds the number of stages, then the radix of each and where its twiddles begin. The frequencies
    meet the elements of ``spectrum[k:]``.
    """
    word = f"{'_forward' * forward}{'_inverse' * inverse}"

    def write(v, panel, at, n, pitch, stages, axis, twiddles, spectrum, k):
        b = v.builder
        element = panel.type.pointee
        start, factors = v.at(panel, at), v.at(spectrum, k)
        row = v.at(stages, b.mul(axis, I64(STAGES)))
        last = b.sub(b.load(row), I64(1))
        length = cgutils.alloca_once_value(b, n)

        def choose(radix, cases):
            """Run the case of a radix."""
            end = b.append_basic_block("end")
            switch = b.switch(radix, end)
            for number, run in cases:
                case = b.append_basic_block(f"radix.{number}")
                switch.add_case(I64(number), case)
                b.position_at_end(case)
                run()
                b.branch(end)
            b.position_at_end(end)

        def call(writer, name, *values):
            function = _function(b.module, element, v.size, name, [x.type for x in values], writer)
            return b.call(function, values)

        def stage(number, backward):
            """The stage of a number: on runs of `length`, which the last one divided or is about to multiply."""
            place = v.at(row, b.add(b.mul(number, I64(2)), I64(1)))
            radix, table = b.load(place), v.at(twiddles, b.load(v.at(place, 1)))
            now = b.load(length)
            if backward:
                now = b.mul(now, radix)
            blocks = b.udiv(n, now)
            choose(radix, [
                (r, lambda r=r: call(_stage(r, backward), f"stage_{r}{'_inverse' if backward else ''}",
                                     start, blocks, now, pitch, table))
                for r in (3, 4, 8)
            ])
            b.store(now if backward else b.udiv(now, radix), length)

        if forward:
            with cgutils.for_range(b, last) as loop:
                stage(loop.index, False)
        radix = b.load(v.at(row, b.add(b.mul(last, I64(2)), I64(1))))
        choose(radix, [
            (r, lambda r=r: call(_turn(r, forward, inverse), f"turn_{r}{word}",
                                 start, b.udiv(n, radix), pitch, factors))
            for r in (4, 8)
        ])
        if inverse:
            b.store(radix, length)
            with cgutils.for_range(b, last) as loop:
                stage(b.sub(b.sub(last, I64(1)), loop.index), True)

    @intrinsic
    def transform(typingctx, panel, at, n, pitch, stages, axis, twiddles, spectrum, k):
        def codegen(context, builder, sig, args):
            return _call(context, builder, sig, args, f"transform{word}", write)

        return types.void(panel, at, n, pitch, stages, axis, twiddles, spectrum, k), codegen

    return transform


forward = _make_transform(True, False)
inverse = _make_transform(False, True)
filtered = _make_transform(True, True)


@intrinsic
def transpose(typingctx, source, at, pitch, target, to, step):
    """``target[to + i * step + j] = source[at + j * pitch + i]`` for all lanes i and j."""

    def write(v, source, at, pitch, target, to, step):
        b = v.builder
        lanes = range(v.width)
        rows = [v.load(v.at(source, at, b.mul(pitch, I64(i)))) for i in lanes]
        size = 1
        while size < v.width:
            low = ir.Constant(ir.VectorType(I32, v.width), [n + v.width - size if n & size else n for n in lanes])
            high = ir.Constant(ir.VectorType(I32, v.width), [n + v.width if n & size else n + size for n in lanes])
            for i in (i for i in lanes if not i & size):
                pair = rows[i], rows[i + size]
                rows[i], rows[i + size] = b.shuffle_vector(*pair, low), b.shuffle_vector(*pair, high)
            size *= 2
        for i in lanes:
            v.store(rows[i], v.at(target, to, b.mul(step, I64(i))))

    def codegen(context, builder, sig, args):
        return _call(context, builder, sig, args, "transpose", write)

    return types.void(source, at, pitch, target, to, step), codegen


@intrinsic
def spread(typingctx, x, starts, first, count, column, panels, to, pitch, across, most, m):
    """Copy ``count`` rows of ``across`` vectors into as many panels, and keep the largest magnitudes.

    Row i starts at ``x[starts[first + i] + column]``, or is zero where the start is negative; its vectors go to
    ``panels[to + g * pitch + 2 * i * lanes]``. The bits of floats without their sign order as integers do, NaN above all:
    lane by lane ``most[m:]`` becomes the largest of them.
    """

    def write(v, x, starts, first, count, column, panels, to, pitch, across, most, m):
        b = v.builder
        integers = ir.VectorType(ir.IntType(8 * v.size), v.width)
        magnitude = ir.Constant(integers, [(1 << (8 * v.size - 1)) - 1] * v.width)
        kept = v.at(most, m)
        largest = cgutils.alloca_once_value(b, b.bitcast(v.load(kept), integers))
        with cgutils.for_range(b, count) as row:
            start = b.load(v.at(starts, first, row.index))
            target = v.at(panels, to, b.mul(row.index, I64(2 * v.width)))
            with b.if_else(b.icmp_signed("<", start, I64(0))) as (outside, inside):
                with outside, cgutils.for_range(b, across) as g:
                    v.store(v.constant(0.0), v.at(target, b.mul(g.index, pitch)))
                with inside, cgutils.for_range(b, across) as g:
                    value = v.load(v.at(x, start, column, b.mul(g.index, I64(v.width))))
                    v.store(value, v.at(target, b.mul(g.index, pitch)))
                    bits = b.and_(b.bitcast(value, integers), magnitude)
                    before = b.load(largest)
                    b.store(b.select(b.icmp_unsigned(">", bits, before), bits, before), largest)
        v.store(b.load(largest), kept)

    def codegen(context, builder, sig, args):
        return _call(context, builder, sig, args, "spread", write)

    return types.void(x, starts, first, count, column, panels, to, pitch, across, most, m), codegen


@intrinsic
def collect(typingctx, panels, at, pitch, across, out, to):
    """``out[to + g * lanes + i] = panels[at + g * pitch + i]`` for the lanes i of ``across`` vectors g."""

    def write(v, panels, at, pitch, across, out, to):
        b = v.builder
        with cgutils.for_range(b, across) as g:
            value = v.load(v.at(panels, at, b.mul(g.index, pitch)))
            v.store(value, v.at(out, to, b.mul(g.index, I64(v.width))))

    def codegen(context, builder, sig, args):
        return _call(context, builder, sig, args, "collect", write)

    return types.void(panels, at, pitch, across, out, to), codegen


def _make_multiply(conjugate: bool) -> Any:
    """Build ``multiply(panel, at, count, factors, k)``: `count` neighbouring elements times those from ``factors[k:]``."""

    def write(v, panel, at, count, factors, k):
        b = v.builder
        with cgutils.for_range(b, count) as element:
            offset = b.mul(element.index, I64(2 * v.width))
            place = v.at(panel, at, offset)
            v.put(v.times(v.element(place), v.element(v.at(factors, k, offset)), conjugate), place)

    @intrinsic
    def multiply(typingctx, panel, at, count, factors, k):
        def codegen(context, builder, sig, args):
            return _call(context, builder, sig, args, f"multiply{'_conjugate' * conjugate}", write)

        return types.void(panel, at, count, factors, k), codegen

    return multiply


multiply = _make_multiply(False)
multiply_conjugate = _make_multiply(True)
