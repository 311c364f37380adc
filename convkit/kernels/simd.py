"""Vector micro-kernels in LLVM IR, and their plain twins for ``NUMBA_DISABLE_JIT=1`` and machines without FMA.

A block of R rows x C vectors of outputs is held in registers while the weights are walked once: each input
vector that is loaded serves R rows, each weight that is broadcast serves C vectors. The loops over the
weights run at run time, so one compile serves every kernel size. Every output is summed in the order of
the weights, whatever the block: results depend neither on the blocking nor on the vector width.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic


def _features() -> set[str]:
    if config.CPU_FEATURES is not None:
        return {f[1:] for f in config.CPU_FEATURES.split(",") if f.startswith("+")}
    if config.CPU_NAME == "generic":
        return set()
    return {name for name, on in llvm.get_host_cpu_features().items() if on}


@cache
def vector_bits() -> int:
    """Width in bits of the vectors that the kernels are compiled for; 0 where the plain loops are used."""
    features = _features()
    if "avx512f" in features:
        return 512
    if {"avx2", "fma"} <= features:
        return 256
    return 128 if "neon" in features else 0


def lanes(itemsize: int) -> int:
    """Floats of `itemsize` bytes in one vector."""
    return vector_bits() // (8 * itemsize)


@intrinsic
def copy_vector(typingctx, x, i, out, o):
    """``out[o : o + lanes] = x[i : i + lanes]`` for flat float arrays of one dtype."""

    def codegen(context, builder, sig, args):
        element = context.get_data_type(sig.args[0].dtype)
        size = context.get_abi_sizeof(element)
        vector = ir.VectorType(element, lanes(size))

        def place(array, index):
            data = context.make_array(sig.args[array])(context, builder, value=args[array]).data
            return builder.bitcast(builder.gep(data, [args[index]]), vector.as_pointer())

        value = builder.load(place(0, 1))
        value.align = size
        builder.store(value, place(2, 3)).align = size
        return context.get_dummy_value()

    return types.void(x, types.int64, out, types.int64), codegen


# Rows x vectors held in registers: 16 accumulators where there are 32 registers, 8 where there are 16.
ROWS = 4
WIDE = 4 if vector_bits() == 512 else 2
LINE = 8 if vector_bits() == 512 else 6
# Half of the shorter loads of a line cross no border of the cache: on AVX-512 a pass along rows took half the time.
LINE_BITS = min(vector_bits(), 256)


def _write_block(builder: Any, arguments: Any, element: Any, size: int, form: tuple[int, int, int, bool]) -> None:
    """Write the body of a block of (rows, vectors, bits, single): see `_make_block`."""
    n_rows, n_vectors, bits, single = form
    i64 = ir.IntType(64)
    width = bits // (8 * size)
    vector = ir.VectorType(element, width)
    name = f"llvm.fma.v{width}f{8 * size}"
    fma = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector, vector, vector]), name)

    px, poff, pw, pout, first, plane, kd, kh, kw, step, col0, o0, pitch, count = arguments
    zero = ir.Constant(vector, [0.0] * width)
    lane0 = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    undefined = ir.Constant(vector, ir.Undefined)

    def pointer(base, index):
        return builder.gep(base, [index])

    def load(base, index):
        p = builder.bitcast(pointer(base, index), vector.as_pointer())
        instruction = builder.load(p)
        instruction.align = size
        return instruction

    def broadcast(scalar):
        one = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
        return builder.shuffle_vector(one, undefined, lane0)

    acc = [[cgutils.alloca_once_value(builder, zero) for _ in range(n_vectors)] for _ in range(n_rows)]

    def tap(lo, hi, position, weights):
        """Add the vectors at a position to the output rows lo..hi; `weights` is the tap of output row 0."""
        vectors = [load(px, builder.add(position, i64(c * width))) for c in range(n_vectors)]
        for i in range(lo, hi + 1):
            factor = broadcast(builder.load(pointer(pw, builder.sub(weights, i64(i) if single else builder.mul(i64(i), kw)))))
            for c in range(n_vectors):
                builder.store(builder.call(fma, [factor, vectors[c], builder.load(acc[i][c])]), acc[i][c])

    def taps(lo, hi, start, weights):
        """Add one input row to the output rows lo..hi; `weights` is the weight row of output row 0."""
        with cgutils.for_range(builder, kw) as loop:
            tap(lo, hi, builder.add(start, builder.mul(loop.index, step)), builder.add(weights, loop.index))

    def column(col):
        """The rows of a single column of weights: first those that feed only some outputs, then all, then some again."""
        last = n_rows - 1

        def add(lo, hi, r):
            offset = builder.load(pointer(poff, builder.add(first, r)))
            with builder.if_then(builder.icmp_signed(">=", offset, i64(0))):
                tap(lo, hi, builder.add(offset, col), r)

        for hi in range(last):
            add(0, hi, i64(hi))
        with cgutils.for_range(builder, builder.sub(kh, i64(last))) as row:
            add(0, last, builder.add(row.index, i64(last)))
        for lo in range(1, n_rows):
            add(lo, last, builder.add(kh, i64(lo - 1)))

    def volume(col):
        """All planes, rows and columns of the weights."""
        rows = builder.add(kh, i64(n_rows - 1))
        with cgutils.for_range(builder, kd) as depth:
            row0 = builder.add(first, builder.mul(depth.index, plane))
            weight0 = builder.mul(builder.mul(depth.index, kh), kw)
            with cgutils.for_range(builder, rows) as row:
                r = row.index
                offset = builder.load(pointer(poff, builder.add(row0, r)))
                with builder.if_then(builder.icmp_signed(">=", offset, i64(0))):
                    start = builder.add(offset, col)
                    weights = builder.add(weight0, builder.mul(r, kw))
                    if n_rows == 1:
                        taps(0, 0, start, weights)
                    else:
                        # The first and last rows feed fewer outputs: lo..hi of them.
                        low = builder.sub(r, builder.sub(kh, i64(1)))
                        low = builder.select(builder.icmp_signed("<", low, i64(0)), i64(0), low)
                        last = i64(n_rows - 1)
                        high = builder.select(builder.icmp_signed("<", r, last), r, last)
                        code = builder.add(builder.mul(low, i64(n_rows)), high)
                        end = builder.append_basic_block("rows.end")
                        switch = builder.switch(code, end)
                        for lo in range(n_rows):
                            for hi in range(lo, n_rows):
                                case = builder.append_basic_block(f"rows.{lo}.{hi}")
                                switch.add_case(i64(lo * n_rows + hi), case)
                                builder.position_at_end(case)
                                taps(lo, hi, start, weights)
                                builder.branch(end)
                        builder.position_at_end(end)

    with cgutils.for_range(builder, count) as block:
        shift = builder.mul(block.index, i64(n_vectors * width))
        col, o = builder.add(col0, shift), builder.add(o0, shift)
        for a in (a for row in acc for a in row):
            builder.store(zero, a)
        if single:
            column(col)
        else:
            volume(col)
        for i in range(n_rows):
            for c in range(n_vectors):
                index = builder.add(builder.add(o, builder.mul(pitch, i64(i))), i64(c * width))
                p = builder.bitcast(pointer(pout, index), vector.as_pointer())
                instruction = builder.store(builder.load(acc[i][c]), p)
                instruction.align = size
    builder.ret_void()


def _make_block(n_rows: int, n_vectors: int, bits: int = vector_bits(), single: bool = False) -> Any:
    """Build the block of `n_rows` x `n_vectors` of `bits`; a `single` one is for a column of at least `n_rows` weights.

    ``block(x, offsets, first, plane, w, kd, kh, kw, step, col, out, o, pitch, count)`` writes
    ``out[o + i * pitch + c]`` for n_rows rows i and count * n_vectors * lanes columns c. Row (dz, r) of the
    input starts at ``x[offsets[first + dz * plane + r] + col]``; a negative offset is a row of zeros.
    """

    @intrinsic
    def block(typingctx, x, offsets, first, plane, w, kd, kh, kw, step, col, out, o, pitch, count):
        signature = types.void(x, offsets, first, plane, w, kd, kh, kw, step, col, out, o, pitch, count)

        def codegen(context, builder, sig, args):
            element = context.get_data_type(sig.args[0].dtype)
            size = context.get_abi_sizeof(element)
            i64 = ir.IntType(64)

            def data(k):
                return context.make_array(sig.args[k])(context, builder, value=args[k]).data

            def integer(k):
                return context.cast(builder, args[k], sig.args[k], types.int64)

            pointers = [data(k) for k in (0, 1, 4, 10)]
            numbers = [integer(k) for k in (2, 3, 5, 6, 7, 8, 9, 11, 12, 13)]
            # One function however often the block is used: it is long, and LLVM would copy it into every caller.
            name = f"convkit_block_{n_rows}x{n_vectors}x{bits}{'_single' * single}_f{8 * size}"
            function = builder.module.globals.get(name)
            if function is None:
                kinds = [p.type for p in pointers] + [i64] * len(numbers)
                function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
                function.linkage = "linkonce_odr"
                function.attributes.add("noinline")
                function.attributes.add("nounwind")
                _write_block(ir.IRBuilder(function.append_basic_block()), function.args, element, size,
                             (n_rows, n_vectors, bits, single))
            builder.call(function, pointers + numbers)
            return context.get_dummy_value()

        return signature, codegen

    return block


block_wide = _make_block(ROWS, WIDE)
block_column = _make_block(ROWS, WIDE, single=True)
block_narrow = _make_block(ROWS, 1)
line_wide = _make_block(1, LINE, LINE_BITS)
line_narrow = _make_block(1, 1)
