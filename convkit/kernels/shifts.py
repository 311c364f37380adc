"""Sums of shifted runs, and what sums over windows do with them: vector code, and its plain twins."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from convkit.kernels import simd

# Vectors in a block: their sums stay in registers.
BLOCK = 8


def lanes_of(itemsize: int) -> int:
    """Floats in one vector: of 256 bits at most. Shifted, half of these straddle two cache lines, and all longer ones."""
    return min(simd.lanes(itemsize), 32 // itemsize)


def scale_run(x, start, first, second, out, at, count):
    """Write ``count`` elements of ``x[start:]``, times ``first`` and then ``second``, to ``out[at:]``."""
    samples, line = x[start : start + count], out[at : at + count]
    for i in range(count):
        line[i] = out.dtype.type(samples[i]) * first * second


def shift_sums(x, table, t, terms, o, n):
    """Write the sums of ``x[table[t + i] + c]`` over i < ``terms`` to ``x[o + c]``."""
    for c in range(n):
        value = x[table[t] + c]
        for i in range(1, terms):
            value += x[table[t + i] + c]
        x[o + c] = value


def next_row(x, table, t, terms, n, total, kept, after, out, o, source, ahead):
    """Add `shift_sums` to ``x[total:]``, keep them at ``x[kept:]``; ``out[o:]`` is that total plus ``x[after:]``."""
    for c in range(n):
        value = x[table[t] + c]
        for i in range(1, terms):
            value += x[table[t + i] + c]
        so_far = x[total + c] + value
        out[o + c] = x[after + c] + so_far
        x[total + c] = so_far
        x[kept + c] = value


def last_row(x, table, t, terms, n, total, kept, after, out, o, source, ahead):
    """As `next_row`, but ``out[o:]`` is the total, which is then zero."""
    for c in range(n):
        value = x[table[t] + c]
        for i in range(1, terms):
            value += x[table[t + i] + c]
        out[o + c] = x[total + c] + value
        x[total + c] = 0
        x[kept + c] = value


def only_row(x, table, t, terms, n, total, kept, after, out, o, source, ahead):
    """Write `shift_sums` to ``out[o:]``."""
    for c in range(n):
        value = x[table[t] + c]
        for i in range(1, terms):
            value += x[table[t + i] + c]
        out[o + c] = value


def few_rows(x, table, t, terms, n, older, kept, rows, out, o, source, ahead):
    """Keep `shift_sums` at ``x[kept:]``; ``out[o:]`` is the sum of ``rows`` older ones, at ``table[older:]``, and these."""
    for c in range(n):
        value = x[table[t] + c]
        for i in range(1, terms):
            value += x[table[t + i] + c]
        total = x[table[older] + c]
        for i in range(1, rows):
            total += x[table[older + i] + c]
        out[o + c] = total + value
        x[kept + c] = value


def suffix_sums(x, o, pitch, rows, n):
    """Add to every row of ``x[o + r * pitch:]`` but the first all rows after it, the last first."""
    for r in range(rows - 2, 0, -1):
        for c in range(n):
            x[o + r * pitch + c] += x[o + (r + 1) * pitch + c]


class _Writer:
    """Writes vector code: pointers of arrays, numbers, loads and stores."""

    def __init__(self, context, builder, signature, arguments):
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments
        self.element = context.get_data_type(signature.args[0].dtype)
        self.size = context.get_abi_sizeof(self.element)
        self.lanes = lanes_of(self.size)
        self.vector = ir.VectorType(self.element, self.lanes)

    def data(self, k):
        return self.context.make_array(self.signature.args[k])(self.context, self.builder, value=self.arguments[k]).data

    def number(self, k):
        return self.context.cast(self.builder, self.arguments[k], self.signature.args[k], types.int64)

    def place(self, base, index, shift=0):
        index = self.builder.add(index, ir.IntType(64)(shift * self.lanes)) if shift else index
        return self.builder.bitcast(self.builder.gep(base, [index]), self.vector.as_pointer())

    def load(self, base, index, shift=0):
        value = self.builder.load(self.place(base, index, shift))
        value.align = self.size
        return value

    def store(self, value, base, index, shift=0):
        self.builder.store(value, self.place(base, index, shift)).align = self.size

    def broadcast(self, scalar):
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.IntType(32)(0))
        first = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, undefined, first)

    def prefetch(self, pointer, index, shift):
        """Ask for the samples at ``pointer[index]``, `shift` vectors on, whether there are any or not."""
        kind, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(ir.VoidType(), [kind, i32, i32, i32]), "llvm.prefetch.p0i8")
        place = self.builder.gep(pointer, [self.builder.add(index, ir.IntType(64)(shift * self.lanes))])
        self.builder.call(function, [self.builder.bitcast(place, kind), i32(0), i32(3), i32(1)])

    def blocks(self, vectors):
        """Loop over blocks of `BLOCK` vectors, then over those that are left: yields (first element, vectors in the block)."""
        b, i64 = self.builder, ir.IntType(64)
        wide = i64(BLOCK)
        many = b.udiv(vectors, wide)
        done = b.mul(many, wide)
        for count, width, begin in ((many, BLOCK, i64(0)), (b.sub(vectors, done), 1, done)):
            with cgutils.for_range(b, count) as loop:
                yield b.mul(b.add(begin, b.mul(loop.index, i64(width))), i64(self.lanes)), width

    def shifts(self, x, table, t, terms, column, width):
        """Accumulators of the sums of shifted runs."""
        b = self.builder
        start = b.add(b.load(b.gep(table, [t])), column)
        sums = [cgutils.alloca_once_value(b, self.load(x, start, k)) for k in range(width)]
        for k, s in enumerate(sums):
            b.store(self.load(x, start, k), s)
        with cgutils.for_range(b, b.sub(terms, ir.IntType(64)(1))) as loop:
            at = b.add(b.add(t, ir.IntType(64)(1)), loop.index)
            start = b.add(b.load(b.gep(table, [at])), column)
            for k, s in enumerate(sums):
                b.store(b.fadd(b.load(s), self.load(x, start, k)), s)
        return [b.load(s) for s in sums]


@intrinsic
def _scale_vectors(typingctx, x, start, first, second, out, at, vectors):
    def codegen(context, builder, sig, args):
        w = _Writer(context, builder, sig, args)
        source, target, start, at = w.data(0), w.data(4), w.number(1), w.number(5)
        factors = [w.broadcast(args[k]) for k in (2, 3)]
        for column, width in w.blocks(w.number(6)):
            for k in range(width):
                value = w.load(source, builder.add(start, column), k)
                for factor in factors:
                    value = builder.fmul(value, factor)
                w.store(value, target, builder.add(at, column), k)
        return context.get_dummy_value()

    return types.void(x, types.int64, x.dtype, x.dtype, out, types.int64, types.int64), codegen


@intrinsic
def _shift_vectors(typingctx, x, table, t, terms, o, vectors):
    def codegen(context, builder, sig, args):
        w = _Writer(context, builder, sig, args)
        source, starts, t, terms, o = w.data(0), w.data(1), w.number(2), w.number(3), w.number(4)
        for column, width in w.blocks(w.number(5)):
            for k, value in enumerate(w.shifts(source, starts, t, terms, column, width)):
                w.store(value, source, builder.add(o, column), k)
        return context.get_dummy_value()

    return types.void(x, table, types.int64, types.int64, types.int64, types.int64), codegen


def _row_vectors(kind):
    @intrinsic
    def row_vectors(typingctx, x, table, t, terms, vectors, total, kept, after, out, o, source, ahead):
        def codegen(context, builder, sig, args):
            w = _Writer(context, builder, sig, args)
            source, starts, target, samples = w.data(0), w.data(1), w.data(8), w.data(10)
            t, terms, vectors, total, kept, after, o, ahead = (w.number(k) for k in (2, 3, 4, 5, 6, 7, 9, 11))
            for column, width in w.blocks(vectors):
                def at(base, column=column):
                    return builder.add(base, column)

                for k in range(0, width, max(1, 64 // (w.lanes * w.size))):
                    w.prefetch(samples, at(ahead), k)
                values = w.shifts(source, starts, t, terms, column, width)
                sums = w.shifts(source, starts, total, after, column, width) if kind == "few" else []
                for k, value in enumerate(values):
                    if kind == "only":
                        w.store(value, target, at(o), k)
                        continue
                    if kind == "few":
                        w.store(builder.fadd(sums[k], value), target, at(o), k)
                        w.store(value, source, at(kept), k)
                        continue
                    so_far = builder.fadd(w.load(source, at(total), k), value)
                    if kind == "next":
                        w.store(builder.fadd(w.load(source, at(after), k), so_far), target, at(o), k)
                        w.store(so_far, source, at(total), k)
                    else:
                        w.store(so_far, target, at(o), k)
                        w.store(ir.Constant(w.vector, [0.0] * w.lanes), source, at(total), k)
                    w.store(value, source, at(kept), k)
            return context.get_dummy_value()

        numbers = [types.int64] * 6
        return types.void(x, table, *numbers, out, types.int64, source, types.int64), codegen

    return row_vectors


@intrinsic
def _suffix_vectors(typingctx, x, o, pitch, rows, vectors):
    def codegen(context, builder, sig, args):
        w = _Writer(context, builder, sig, args)
        source, o, pitch, rows = w.data(0), w.number(1), w.number(2), w.number(3)
        one = ir.IntType(64)(1)
        for column, width in w.blocks(w.number(4)):
            last = builder.add(builder.add(o, column), builder.mul(builder.sub(rows, one), pitch))
            sums = [cgutils.alloca_once(builder, w.vector) for _ in range(width)]
            for k, s in enumerate(sums):
                builder.store(w.load(source, last, k), s)
            with cgutils.for_range(builder, builder.sub(rows, ir.IntType(64)(2))) as loop:
                row = builder.sub(last, builder.mul(builder.add(loop.index, one), pitch))
                for k, s in enumerate(sums):
                    value = builder.fadd(builder.load(s), w.load(source, row, k))
                    builder.store(value, s)
                    w.store(value, source, row, k)
        return context.get_dummy_value()

    return types.void(x, types.int64, types.int64, types.int64, types.int64), codegen


@overload(scale_run)
def _scale_run(x, start, first, second, out, at, count):
    target = out.dtype

    def convert(x, start, first, second, out, at, count):
        samples, line = x[start : start + count], out[at : at + count]
        for i in range(count):
            line[i] = target(samples[i]) * first * second

    if not simd.vector_bits() or x.dtype != target:
        return convert
    lanes = lanes_of(target.bitwidth // 8)

    def vectors(x, start, first, second, out, at, count):
        whole = count // lanes
        _scale_vectors(x, start, first, second, out, at, whole)
        for i in range(whole * lanes, count):
            out[at + i] = x[start + i] * first * second

    return vectors


@overload(shift_sums)
def _shift_sums(x, table, t, terms, o, n):
    if not simd.vector_bits():
        return shift_sums
    lanes = lanes_of(x.dtype.bitwidth // 8)

    def impl(x, table, t, terms, o, n):
        _shift_vectors(x, table, t, terms, o, (n + lanes - 1) // lanes)

    return impl


def _overload_row(plain, kind):
    vectors = _row_vectors(kind)

    @overload(plain)
    def choose(x, table, t, terms, n, total, kept, after, out, o, source, ahead):
        if not simd.vector_bits():
            return plain
        lanes = lanes_of(x.dtype.bitwidth // 8)

        def impl(x, table, t, terms, n, total, kept, after, out, o, source, ahead):
            done = n // lanes * lanes
            vectors(x, table, t, terms, n // lanes, total, kept, after, out, o, source, ahead)
            if done < n:
                # The last results are fewer than a vector.
                spare = x.size - lanes
                shifted = table + done
                row = 0 if kind == "few" else done
                vectors(x, shifted, t, terms, 1, total + row, kept + done, after + row, x, spare, source, ahead)
                for c in range(n - done):
                    out[o + done + c] = x[spare + c]

        return impl


_overload_row(next_row, "next")
_overload_row(last_row, "last")
_overload_row(only_row, "only")
_overload_row(few_rows, "few")


@overload(suffix_sums)
def _suffix_sums(x, o, pitch, rows, n):
    if not simd.vector_bits():
        return suffix_sums
    lanes = lanes_of(x.dtype.bitwidth // 8)

    def impl(x, o, pitch, rows, n):
        _suffix_vectors(x, o, pitch, rows, (n + lanes - 1) // lanes)

    return impl
