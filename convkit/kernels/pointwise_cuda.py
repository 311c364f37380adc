"""Functions of one number or two, element by element on a CUDA device, 16 bytes of each array a thread; arrays are flat."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from convkit._core.gpu import SIMULATED, cuda, intrinsic
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.simd_cuda import VECTOR

i32 = np.int32


def load_vector(x, i, into):
    """Read 16 bytes of numbers, from ``x[i]`` on, into a local array; they lie at a multiple of 16 bytes."""
    lanes = VECTOR // x.dtype.itemsize
    if i % lanes:
        raise IndexError(f"{i} is no multiple of 16 bytes")
    for k in range(lanes):
        into[k] = x[i + k]


def store_vector(values, out, o):
    """Write 16 bytes of numbers of a local array to ``out[o]``, at a multiple of 16 bytes."""
    lanes = VECTOR // out.dtype.itemsize
    if o % lanes:
        raise IndexError(f"{o} is no multiple of 16 bytes")
    for k in range(lanes):
        out[o + k] = values[k]


def _moved(context, builder, source, start, target, begin):
    """Code that moves a vector between a place of an array and the beginning of another."""
    from llvmlite import ir

    size = ir.IntType(64)

    def place(kind, value, index):
        element = context.get_data_type(kind.dtype)
        vector = ir.VectorType(element, VECTOR * 8 // kind.dtype.bitwidth).as_pointer()
        if index.type.width < size.width:
            index = builder.zext(index, size)
        data = context.make_array(kind)(context, builder, value).data
        return builder.bitcast(builder.gep(data, [index], source_etype=element), vector)

    return place(*source, start), place(*target, begin)


def _load(typing, x, i, into):
    from llvmlite import ir

    def code(context, builder, signature, values):
        zero = ir.Constant(ir.IntType(64), 0)
        start, target = _moved(context, builder, (x, values[0]), values[1], (into, values[2]), zero)
        builder.store(builder.load(start, align=VECTOR), target, align=x.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return cuda.types.void(x, i, into), code


def _store(typing, held, out, o):
    from llvmlite import ir

    def code(context, builder, signature, values):
        zero = ir.Constant(ir.IntType(64), 0)
        start, target = _moved(context, builder, (held, values[0]), zero, (out, values[1]), values[2])
        builder.store(builder.load(start, align=held.dtype.bitwidth // 8), target, align=VECTOR)
        return context.get_dummy_value()

    return cuda.types.void(held, out, o), code


if not SIMULATED:
    load_vector, store_vector = intrinsic(_load), intrinsic(_store)


def lanes_of(dtype: Any, vectors: bool) -> int:
    """Numbers that a thread takes: those of a vector, or one."""
    return VECTOR // np.dtype(dtype).itemsize if vectors else 1


def map_body(formula, dtype, vectors):
    """The plain function of the kernel ``(x, out, factor)``: ``out[i] = formula(x[i], factor)``."""
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    apply = cuda_helper(formula)

    def kernel(x, out, factor):
        start, count = np.uint64(cuda.grid(1)) * np.uint64(lanes), np.uint64(out.size)
        if vectors and start + np.uint64(lanes) <= count:
            values = cuda.local.array(lanes, number)
            load_vector(x, start, values)
            for k in range(lanes):
                values[k] = apply(values[k], factor)
            store_vector(values, out, start)
        else:
            for k in range(lanes):
                i = start + np.uint64(k)
                if i < count:
                    out[i] = apply(x[i], factor)

    return kernel


def combine_body(formula, dtype, vectors):
    """The plain function of the kernel ``(x, y, out, factor)``: ``out[i] = formula(x[i], y[i], factor)``."""
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    apply = cuda_helper(formula)

    def kernel(x, y, out, factor):
        start, count = np.uint64(cuda.grid(1)) * np.uint64(lanes), np.uint64(out.size)
        if vectors and start + np.uint64(lanes) <= count:
            values = cuda.local.array(lanes, number)
            others = cuda.local.array(lanes, number)
            load_vector(x, start, values)
            load_vector(y, start, others)
            for k in range(lanes):
                values[k] = apply(values[k], others[k], factor)
            store_vector(values, out, start)
        else:
            for k in range(lanes):
                i = start + np.uint64(k)
                if i < count:
                    out[i] = apply(x[i], y[i], factor)

    return kernel


def by_one_body(dtype, vectors):
    """The plain function of the kernel ``(x, one, out, factor)``: ``out[i] = x[i] * one[0] * factor``."""
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))

    def kernel(x, one, out, factor):
        start, count = np.uint64(cuda.grid(1)) * np.uint64(lanes), np.uint64(out.size)
        scale = one[0] * factor
        if vectors and start + np.uint64(lanes) <= count:
            values = cuda.local.array(lanes, number)
            load_vector(x, start, values)
            for k in range(lanes):
                values[k] = values[k] * scale
            store_vector(values, out, start)
        else:
            for k in range(lanes):
                i = start + np.uint64(k)
                if i < count:
                    out[i] = x[i] * scale

    return kernel


@cache
def kernel_of(make, what, dtype, vectors):
    """Kernel of one of the bodies above, for a formula and a dtype, by vectors or number by number."""
    made = make(dtype, vectors) if what is None else make(what, dtype, vectors)
    return cuda_kernel(made)
