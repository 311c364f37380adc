"""Vectors of 16 bytes on a CUDA device, copies that need no register, and their plain twins for the simulator."""

from __future__ import annotations

from functools import cache

from convkit._core.gpu import SIMULATED, cuda, intrinsic

# Bytes that one thread reads or writes at a time.
VECTOR = 16
# Compute capability from which on copies into shared memory need no register.
ASYNCHRONOUS = (8, 0)


def copy_vector(x, i, out, o):
    """Copy 16 bytes of numbers from ``x[i]`` to ``out[o]``, of one dtype; both lie at multiples of 16 bytes."""
    lanes = VECTOR // x.dtype.itemsize
    if i % lanes or o % lanes:
        raise IndexError(f"{i} and {o} are no multiples of 16 bytes")
    for k in range(lanes):
        out[o + k] = x[i + k]


def fetched():
    """Wait until all that this thread fetches has come; a barrier has to follow for what others fetch."""


def data_of(context, builder, kind, array):
    """Where the numbers of an array begin, for what writes instructions."""
    return context.make_array(kind)(context, builder, array).data


def element(builder, data, index, number):
    """The address of an element."""
    from llvmlite import ir

    if isinstance(index, int):
        index = ir.IntType(64)(index)
    elif index.type.width < 64:
        index = builder.zext(index, ir.IntType(64))
    return builder.gep(data, [index], source_etype=number)


def move(builder, source, target):
    """The instructions that copy 16 bytes."""
    from llvmlite import ir

    vector = ir.VectorType(ir.IntType(32), VECTOR // 4).as_pointer()
    source, target = (builder.bitcast(place, vector) for place in (source, target))
    builder.store(builder.load(source, align=VECTOR), target, align=VECTOR)


def _ends(context, builder, signature, values):
    """Addresses of the elements that ``(x, i, out, o)`` name."""
    for k in (0, 2):
        kind = signature.args[k]
        yield element(builder, data_of(context, builder, kind, values[k]), values[k + 1], context.get_data_type(kind.dtype))


def _copy(typing, x, i, out, o):
    def code(context, builder, signature, values):
        move(builder, *_ends(context, builder, signature, values))
        return context.get_dummy_value()

    return cuda.types.void(x, i, out, o), code


def _assembly(builder, text, constraints, values):
    """One instruction of the device, which no other access to memory passes."""
    from llvmlite import ir

    function = ir.FunctionType(ir.VoidType(), [v.type for v in values])
    builder.call(ir.InlineAsm(function, text, ",".join((*constraints, "~{memory}")), side_effect=True), values)


def _fetch(typing, x, i, out, o):
    from llvmlite import ir

    def code(context, builder, signature, values):
        source, target = _ends(context, builder, signature, values)
        target = builder.addrspacecast(target, ir.PointerType(target.type.pointee, addrspace=3))
        target = builder.trunc(builder.ptrtoint(target, ir.IntType(64)), ir.IntType(32))
        source = builder.ptrtoint(source, ir.IntType(64))
        _assembly(builder, f"cp.async.cg.shared.global [$0], [$1], {VECTOR};", ("r", "l"), (target, source))
        return context.get_dummy_value()

    return cuda.types.void(x, i, out, o), code


def _fetched(typing):
    def code(context, builder, signature, values):
        _assembly(builder, "cp.async.wait_all;", (), ())
        return context.get_dummy_value()

    return cuda.types.void(), code


@cache
def _capability() -> tuple[int, int]:
    """What the device can do; without one, what kernels are compiled for."""
    try:
        return tuple(cuda.get_current_device().compute_capability)
    except cuda.cudadrv.error.CudaSupportError:
        return ASYNCHRONOUS


# Begins to copy 16 bytes as `copy_vector` does, from global to shared memory: they have come after `fetched` and a barrier.
fetch_vector = copy_vector
if not SIMULATED:
    copy_vector = fetch_vector = intrinsic(_copy)
    if _capability() >= ASYNCHRONOUS:
        fetch_vector, fetched = intrinsic(_fetch), intrinsic(_fetched)
    else:
        fetched = intrinsic(lambda typing: (cuda.types.void(), lambda context, *_: context.get_dummy_value()))
