"""Blocks of sums held in vector registers for convolutions with channels: LLVM IR, and plain twins.

Samples lie in one flat line; a tap is an offset into it, so dimension, dilation and stride are only numbers. `sums` holds
rows of output channels x vectors of outputs while it walks the taps once; `products` holds rows of output channels x taps
while it walks the outputs once. Every output of `sums` is one chain of fused multiply-adds in the order of the taps, whatever
the block.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from convkit.kernels import simd

# Rows x vectors in registers: 32 registers on AVX-512 and NEON, 16 on AVX2. A sum of `n` rows is cut into these.
MANY = simd.vector_bits() != 256
SUMS = {8: 3, 6: 4, 4: 6, 2: 8, 1: 8} if MANY else {6: 2, 4: 3, 2: 5, 1: 6}
PRODUCTS = {6: 4, 4: 6, 2: 8, 1: 8} if MANY else {4: 2, 2: 5, 1: 6}
# Tables of positions and of taps are at least this long: their last entry is repeated.
LEAST = 8
# Elements before the first of a buffer that a vector which ends inside may read.
LEAD = 16
# Bytes in a vector, or in what the plain loops take for one.
VECTOR = simd.vector_bits() // 8 or 64
# Numbers that keep the metadata of loops apart.
_LOOPS = itertools.count()


class _Writer:
    """What the blocks say of vectors, in LLVM IR."""

    def __init__(self, builder: Any, element: Any, size: int) -> None:
        self.builder, self.element, self.size = builder, element, size
        self.lanes = simd.lanes(size)
        self.vector = ir.VectorType(element, self.lanes)
        self.whole = ir.VectorType(ir.IntType(32), self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        name = f"llvm.fma.v{self.lanes}f{8 * size}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, kind, name)

    @contextmanager
    def loop(self, count: Any) -> Iterator[Any]:
        """Repeat what is written inside; LLVM must not unroll it, since registers are full."""
        builder, i64 = self.builder, ir.IntType(64)
        before, body, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.cbranch(builder.icmp_signed(">", count, i64(0)), body, after)
        builder.position_at_end(body)
        index = builder.phi(i64)
        index.add_incoming(i64(0), before)
        yield index
        following = builder.add(index, i64(1))
        index.add_incoming(following, builder.block)
        back = builder.cbranch(builder.icmp_signed("<", following, count), body, after)
        rule = builder.module.add_metadata([ir.MetaDataString(builder.module, "llvm.loop.unroll.disable")])
        name = builder.module.add_metadata([rule, ir.Constant(i64, next(_LOOPS))])
        # A loop's metadata names itself first.
        name.operands = (name, rule)
        back.set_metadata("llvm.loop", name)
        builder.position_at_end(after)

    def settle(self, acc: Any) -> None:
        """Compute `acc` before anything after here is loaded: LLVM would load all at once, and spill what has no register."""
        letter = {512: "v", 256: "x", 128: "w"}[simd.vector_bits()]
        kind = ir.FunctionType(self.vector, [self.vector])
        value = self.builder.asm(kind, "", f"={letter},0,~{{memory}}", [self.builder.load(acc)], side_effect=True)
        self.builder.store(value, acc)

    def integer(self, base: Any, index: Any) -> Any:
        return self.builder.load(self.builder.gep(base, [index]))

    def scalar(self, base: Any, index: Any) -> Any:
        return self.splat(self.builder.load(self.builder.gep(base, [index])))

    def splat(self, value: Any) -> Any:
        kind = ir.VectorType(value.type, self.lanes)
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
        return self.builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(self.whole, [0] * self.lanes))

    def load(self, base: Any, index: Any) -> Any:
        place = self.builder.bitcast(self.builder.gep(base, [index]), self.vector.as_pointer())
        value = self.builder.load(place)
        value.align = self.size
        return value

    def store(self, value: Any, base: Any, index: Any) -> None:
        place = self.builder.bitcast(self.builder.gep(base, [index]), self.vector.as_pointer())
        self.builder.store(value, place).align = self.size

    def add_product(self, a: Any, b: Any, acc: Any) -> None:
        self.builder.store(self.builder.call(self._fma, [a, b, self.builder.load(acc)]), acc)

    def total(self, value: Any) -> Any:
        """Sum of the lanes, halves first."""
        n = self.lanes
        while n > 1:
            n //= 2
            kind = ir.VectorType(ir.IntType(32), n)
            undefined = ir.Constant(value.type, ir.Undefined)
            low = self.builder.shuffle_vector(value, undefined, ir.Constant(kind, list(range(n))))
            high = self.builder.shuffle_vector(value, undefined, ir.Constant(kind, list(range(n, 2 * n))))
            value = self.builder.fadd(low, high)
        return self.builder.extract_element(value, ir.IntType(32)(0))


def _function(context: Any, builder: Any, sig: Any, args: Any, name: str, write: Any) -> None:
    """Call a function of the module that takes arrays as pointers and all else as int64; write it on its first use.

    One function however often the block is used: it is long, and LLVM would copy it into every caller.
    """
    given, element = [], None
    for kind, value in zip(sig.args, args, strict=True):
        if isinstance(kind, types.Array):
            given.append(context.make_array(kind)(context, builder, value=value).data)
            if isinstance(kind.dtype, types.Float):
                element = context.get_data_type(kind.dtype)
        else:
            given.append(context.cast(builder, value, kind, types.int64))
    size = context.get_abi_sizeof(element)
    name = f"convkit_{name}_f{8 * size}"
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [v.type for v in given]), name)
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        inner = ir.IRBuilder(function.append_basic_block())
        write(_Writer(inner, element, size), inner, *function.args)
        inner.ret_void()
    builder.call(function, given)


def _make_sums(rows: int, vectors: int) -> Any:
    """Build the block of `rows` output channels x `vectors` of outputs; arguments as `sums`."""

    def write(v, builder, x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out,
              o, pitch):
        i64 = ir.IntType(64)
        accs = [[cgutils.alloca_once_value(builder, v.zero) for _ in range(vectors)] for _ in range(rows)]
        with v.loop(count) as block:
            at = builder.add(entry, builder.mul(block, i64(vectors)))
            starts = [v.integer(inside, builder.add(at, i64(c))) for c in range(vectors)]
            low, high = (v.integer(reach, builder.add(builder.mul(at, i64(2)), i64(k))) for k in (0, 1))
            for c in range(1, vectors):
                begin, end = (v.integer(reach, builder.add(builder.mul(at, i64(2)), i64(2 * c + k))) for k in (0, 1))
                low = builder.select(builder.icmp_signed("<", begin, low), begin, low)
                high = builder.select(builder.icmp_signed(">", end, high), end, high)
            line, within = builder.gep(offsets, [low]), builder.sub(high, low)
            for r, row in enumerate(accs):
                value = v.scalar(bias, builder.add(b0, i64(r)))
                for acc in row:
                    builder.store(value, acc)
            with v.loop(channels) as outer:
                base = builder.mul(outer, channel)
                first = builder.add(builder.mul(outer, taps), low)
                with v.loop(within) as tap:
                    offset = builder.add(base, v.integer(line, tap))
                    values = [v.load(x, builder.add(start, offset)) for start in starts]
                    weight = builder.add(w0, builder.mul(builder.add(first, tap), i64(rows)))
                    for r, row in enumerate(accs):
                        factor = v.scalar(w, builder.add(weight, i64(r)))
                        for value, acc in zip(values, row, strict=True):
                            v.add_product(factor, value, acc)
            clip = builder.icmp_signed("!=", relu, i64(0))
            for c in range(vectors):
                place = builder.add(o, v.integer(outside, builder.add(at, i64(c))))
                for r in range(rows):
                    value = builder.load(accs[r][c])
                    # NaN is not below zero: it stays.
                    below = builder.fcmp_ordered("<", value, v.zero)
                    clipped = builder.select(below, v.zero, value)
                    value = builder.select(clip, clipped, value)
                    v.store(value, out, builder.add(place, builder.mul(pitch, i64(r))))

    @intrinsic
    def block(typingctx, x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out,
              o, pitch):
        signature = types.void(x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu,
                               out, o, pitch)

        def codegen(context, builder, sig, args):
            _function(context, builder, sig, args, f"sums_{rows}x{vectors}", write)
            return context.get_dummy_value()

        return signature, codegen

    return block


def _make_products(rows: int, taps: int) -> Any:
    """Build the block of `rows` output channels x `taps`; arguments as `products`."""

    def write(v, builder, g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step):
        i64 = ir.IntType(64)
        lines = [builder.gep(x, [v.integer(offsets, builder.add(tap, i64(t)))]) for t in range(taps)]
        grads = [builder.gep(g, [builder.add(g0, builder.mul(pitch, i64(r)))]) for r in range(rows)]
        accs = [[cgutils.alloca_once_value(builder, v.zero) for _ in range(taps)] for _ in range(rows)]
        order = ir.Constant(ir.VectorType(i64, v.lanes), list(range(v.lanes)))
        kept = builder.icmp_signed(">=", order, v.splat(builder.sub(i64(v.lanes), keep)))

        def walk(first, number, part):
            with v.loop(number) as index:
                entry = builder.add(first, index)
                at, here = v.integer(outside, entry), v.integer(inside, entry)
                factors = [part(v.load(grad, at)) for grad in grads]
                for t, line in enumerate(lines):
                    value = part(v.load(line, here))
                    for r in range(rows):
                        v.add_product(factors[r], value, accs[r][t])
                    for r in range(rows):
                        v.settle(accs[r][t])

        walk(i64(0), count, lambda value: value)
        walk(count, ends, lambda value: builder.select(kept, value, v.zero))
        for r in range(rows):
            for t in range(taps):
                index = builder.add(builder.add(o, builder.mul(step, i64(r))), i64(t))
                place = builder.gep(out, [index])
                builder.store(builder.fadd(builder.load(place), v.total(builder.load(accs[r][t]))), place)

    @intrinsic
    def block(typingctx, g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step):
        signature = types.void(g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step)

        def codegen(context, builder, sig, args):
            _function(context, builder, sig, args, f"products_{rows}x{taps}", write)
            return context.get_dummy_value()

        return signature, codegen

    return block


def sums(rows, vectors, x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out,
         o, pitch):
    """Write ``out[o + r * pitch + outside[e]]`` for `rows` rows r and ``count * vectors`` vectors from entry `entry`.

    A vector's samples for tap t of channel c begin at ``x[inside[e] + c * channel + offsets[t]]``; its weights, one per row,
    at ``w[w0 + (c * taps + t) * rows]``. Each sum begins with ``bias[b0 + r]``; with `relu` what is below zero becomes zero.
    The taps before ``reach[2 * e]`` and from ``reach[2 * e + 1]`` on meet zeros alone, and are left out where no vector of
    the block meets others.
    """
    n = VECTOR // x.itemsize
    for e in range(entry, entry + count * vectors):
        block = entry + (e - entry) // vectors * vectors
        met = range(reach[2 * block : 2 * (block + vectors) : 2].min(), reach[2 * block + 1 : 2 * (block + vectors) : 2].max())
        for r in range(rows):
            start = o + r * pitch + outside[e]
            line = out[start : start + n]
            line[:] = bias[b0 + r]
            for c in range(channels):
                for t in met:
                    at = inside[e] + c * channel + offsets[t]
                    samples = x[at : at + n]
                    weight = w[w0 + (c * taps + t) * rows + r]
                    for i in range(n):
                        line[i] += weight * samples[i]
            if relu:
                for i in range(n):
                    if line[i] < 0:
                        line[i] = 0


def products(rows, n_taps, g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step):
    """Add to ``out[o + r * step + t]`` the products of row r of ``g`` and the samples of tap ``tap + t``, summed.

    Vectors lie at ``g[g0 + r * pitch + outside[e]]`` and ``x[offsets[tap + t] + inside[e]]``: `count` whole ones and after
    them `ends` of which only the last `keep` samples count.
    """
    n = VECTOR // x.itemsize
    for r in range(rows):
        for t in range(n_taps):
            total = np.zeros(n, x.dtype)
            for e in range(count + ends):
                a = g0 + r * pitch + outside[e]
                b = offsets[tap + t] + inside[e]
                for i in range(0 if e < count else n - keep, n):
                    total[i] += g[a + i] * x[b + i]
            whole = total[0]
            for i in range(1, n):
                whole += total[i]
            out[o + r * step + t] += whole


def vectors_serve(*arrays: Any) -> bool:
    """Whether vectors are known for this machine and for the types of these arrays."""
    return bool(simd.vector_bits()) and all(a.dtype in (types.float32, types.float64) for a in arrays)


def add_line(x, i, count, out, o):
    """Add the sum of `count` vectors of ``x[i:]`` to ``out[o]``."""
    out[o] += x[i : i + count * (VECTOR // x.itemsize)].sum()


@intrinsic
def _add_line(typingctx, x, i, count, out, o):
    def write(v, builder, x, i, count, out, o):
        i64 = ir.IntType(64)
        accs = [cgutils.alloca_once_value(builder, v.zero) for _ in range(4)]
        fours = builder.ashr(count, i64(2))
        with v.loop(fours) as index:
            at = builder.add(i, builder.mul(index, i64(4 * v.lanes)))
            for k, acc in enumerate(accs):
                value = v.load(x, builder.add(at, i64(k * v.lanes)))
                builder.store(builder.fadd(builder.load(acc), value), acc)
        first = builder.mul(fours, i64(4))
        with v.loop(builder.sub(count, first)) as index:
            value = v.load(x, builder.add(i, builder.mul(builder.add(first, index), i64(v.lanes))))
            builder.store(builder.fadd(builder.load(accs[0]), value), accs[0])
        a, b, c, d = (builder.load(acc) for acc in accs)
        total = v.total(builder.fadd(builder.fadd(a, b), builder.fadd(c, d)))
        place = builder.gep(out, [o])
        builder.store(builder.fadd(builder.load(place), total), place)

    def codegen(context, builder, sig, args):
        _function(context, builder, sig, args, "add_line", write)
        return context.get_dummy_value()

    return types.void(x, i, count, out, o), codegen


@overload(add_line)
def _add_line_simd(x, i, count, out, o):
    if not vectors_serve(x, out):
        return add_line

    def impl(x, i, count, out, o):
        _add_line(x, i, count, out, o)

    return impl


def _one_for_each(blocks: dict[int, Any]) -> list[Any]:
    """Blocks of 8, 6, 4, 2 and 1 rows; where there is none, one that is never asked for."""
    return [blocks.get(rows, blocks[1]) for rows in (8, 6, 4, 2, 1)]


@overload(sums)
def _sums(rows, vectors, x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out,
          o, pitch):
    if not vectors_serve(x, out):
        return sums
    eight, six, four, two, one = _one_for_each({rows: _make_sums(rows, n) for rows, n in SUMS.items()})

    def impl(rows, vectors, x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu,
             out, o, pitch):
        if rows == 8:
            eight(x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out, o,
                  pitch)
        elif rows == 6:
            six(x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out, o,
                pitch)
        elif rows == 4:
            four(x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out, o,
                 pitch)
        elif rows == 2:
            two(x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out, o,
                pitch)
        else:
            one(x, inside, outside, reach, entry, count, w, w0, offsets, taps, channels, channel, bias, b0, relu, out, o,
                pitch)

    return impl


@overload(products)
def _products(rows, n_taps, g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step):
    if not vectors_serve(g, x, out):
        return products
    _, six, four, two, one = _one_for_each({rows: _make_products(rows, n) for rows, n in PRODUCTS.items()})

    def impl(rows, n_taps, g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step):
        if rows == 6:
            six(g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step)
        elif rows == 4:
            four(g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step)
        elif rows == 2:
            two(g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step)
        else:
            one(g, g0, pitch, x, offsets, tap, outside, inside, count, ends, keep, out, o, step)

    return impl
