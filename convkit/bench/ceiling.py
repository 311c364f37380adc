"""A loop of nothing but fused multiply-adds in registers: as fast as one core can compute. Importing it loads Numba."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from convkit._core.jit import kernel
from convkit.kernels.simd import vector_bits

# Independent sums: more than latency x pipes of any current core (4 x 2), and with two factors within 16 registers.
SUMS = 12


def lanes(itemsize: int) -> int:
    """Floats in one vector of the loop; 128 bits where the kernels use plain loops."""
    return (vector_bits() or 128) // (8 * itemsize)


@intrinsic  # type: ignore[untyped-decorator]
def multiply_add(typingctx: Any, rounds: Any, values: Any) -> Any:
    """Run ``rounds`` x SUMS of ``sum = values[0] * sum + values[1]`` on vectors, and leave their total in ``values[2]``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        element = context.get_data_type(sig.args[1].dtype)
        size = context.get_abi_sizeof(element)
        width = lanes(size)
        vector = ir.VectorType(element, width)
        data = context.make_array(sig.args[1])(context, builder, value=args[1]).data
        count = context.cast(builder, args[0], sig.args[0], types.int64)
        i32, i64 = ir.IntType(32), ir.IntType(64)
        undefined = ir.Constant(vector, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(i32, width), [0] * width)

        def broadcast(index: int) -> Any:
            scalar = builder.load(builder.gep(data, [i64(index)]))
            return builder.shuffle_vector(builder.insert_element(undefined, scalar, i32(0)), undefined, everywhere)

        factor, term = broadcast(0), broadcast(1)
        sums = [cgutils.alloca_once_value(builder, term) for _ in range(SUMS)]
        # The sums must differ, or the compiler finds out that one is enough.
        for number, total in enumerate(sums):
            first = builder.insert_element(term, ir.Constant(element, float(number)), i32(0))
            builder.store(first, total)
        name = f"llvm.fma.v{width}f{8 * size}"
        with cgutils.for_range(builder, count):
            for total in sums:
                if vector_bits():
                    fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
                    builder.store(builder.call(fma, [factor, builder.load(total), term]), total)
                else:
                    builder.store(builder.fadd(builder.fmul(factor, builder.load(total)), term), total)
        added = builder.load(sums[0])
        for total in sums[1:]:
            added = builder.fadd(added, builder.load(total))
        result = builder.extract_element(added, i32(0))
        for lane in range(1, width):
            result = builder.fadd(result, builder.extract_element(added, i32(lane)))
        builder.store(result, builder.gep(data, [i64(2)]))
        return context.get_dummy_value()

    return types.void(types.int64, values), codegen


def _spin(rounds, values):  # type: ignore[no-untyped-def]
    multiply_add(rounds, values)


spin = kernel(_spin)


def operations(rounds: int, itemsize: int) -> int:
    """Operations of ``spin(rounds, ...)``, two per fused multiply-add."""
    return 2 * rounds * SUMS * lanes(itemsize)
