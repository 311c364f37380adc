"""Vectors of 16 bytes on a CUDA device, and their plain twin for the simulator."""

from __future__ import annotations

from convkit._core.gpu import SIMULATED, cuda, intrinsic

# Bytes that one thread reads or writes at a time.
VECTOR = 16


def copy_vector(x, i, out, o):
    """Copy 16 bytes of numbers from ``x[i]`` to ``out[o]``, of one dtype; both lie at multiples of 16 bytes."""
    lanes = VECTOR // x.dtype.itemsize
    if i % lanes or o % lanes:
        raise IndexError(f"{i} and {o} are no multiples of 16 bytes")
    for k in range(lanes):
        out[o + k] = x[i + k]


def _copy(typing, x, i, out, o):
    from llvmlite import ir

    vector, size = ir.VectorType(ir.IntType(32), VECTOR // 4).as_pointer(), ir.IntType(64)

    def code(context, builder, signature, values):
        element = context.get_data_type(x.dtype)

        def place(array, value, index):
            data = context.make_array(array)(context, builder, value).data
            return builder.bitcast(builder.gep(data, [index], source_etype=element), vector)

        i, o = (builder.zext(v, size) if v.type.width < size.width else v for v in (values[1], values[3]))
        loaded = builder.load(place(signature.args[0], values[0], i), align=VECTOR)
        builder.store(loaded, place(signature.args[2], values[2], o), align=VECTOR)
        return context.get_dummy_value()

    return cuda.types.void(x, i, out, o), code


if not SIMULATED:
    copy_vector = intrinsic(_copy)
