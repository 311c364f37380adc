"""Steps of optimizers on a CUDA device, over parameters in one buffer and gradients that lie apart: one pass over all of them.

Pieces tell what a block has: rows of ``pieces`` = (which gradient, its first number there, how many, place of the first in the
buffer); ``gradients`` are addresses. The formulas are those of `convkit.kernels.update`, by the names of its kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from convkit._core.gpu import SIMULATED, cuda, intrinsic
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.pointwise_cuda import lanes_of, load_vector, store_vector
from convkit.kernels.rows_cuda import over_lanes
from convkit.kernels.simd_cuda import VECTOR

i32 = np.int32


def _there(address, i, count, dtype):
    """Numbers in memory, from the i-th after an address on."""
    kind = np.ctypeslib.as_ctypes_type(dtype)
    return np.ctypeslib.as_array((kind * count).from_address(int(address) + int(i) * dtype.itemsize))


def load_at(address, i, into):
    """Read 16 bytes into a local array, from the i-th number after an address on."""
    into[:] = _there(address, i, into.size, into.dtype)


def store_at(values, address, i):
    """Write 16 bytes of a local array, from the i-th number after an address on."""
    _there(address, i, values.size, values.dtype)[:] = values


def read_at(address, i, like):
    """The i-th number after an address, of the dtype of a local array."""
    return _there(address, i, 1, like.dtype)[0]


def write_at(value, address, i, like):
    """Write the i-th number after an address, of the dtype of a local array."""
    _there(address, i, 1, like.dtype)[0] = value


def _pointer(context, builder, kind, address, index, count):
    """Code that makes a pointer to numbers in global memory."""
    from llvmlite import ir

    element = context.get_data_type(kind.dtype)
    target = ir.VectorType(element, count) if count > 1 else element
    step = ir.Constant(ir.IntType(64), kind.dtype.bitwidth // 8)
    return builder.inttoptr(builder.add(address, builder.mul(index, step)), ir.PointerType(target, 1))


def _local(context, builder, kind, value, count):
    """Code that makes a pointer to a vector in a local array."""
    from llvmlite import ir

    data = context.make_array(kind)(context, builder, value).data
    return builder.bitcast(data, ir.VectorType(context.get_data_type(kind.dtype), count).as_pointer())


def _load_at(typing, address, i, into):
    def code(context, builder, signature, values):
        bits = into.dtype.bitwidth
        count = VECTOR * 8 // bits
        loaded = builder.load(_pointer(context, builder, into, values[0], values[1], count), align=VECTOR)
        builder.store(loaded, _local(context, builder, into, values[2], count), align=bits // 8)
        return context.get_dummy_value()

    return cuda.types.void(cuda.types.int64, cuda.types.int64, into), code


def _store_at(typing, held, address, i):
    def code(context, builder, signature, values):
        bits = held.dtype.bitwidth
        count = VECTOR * 8 // bits
        loaded = builder.load(_local(context, builder, held, values[0], count), align=bits // 8)
        builder.store(loaded, _pointer(context, builder, held, values[1], values[2], count), align=VECTOR)
        return context.get_dummy_value()

    return cuda.types.void(held, cuda.types.int64, cuda.types.int64), code


def _read_at(typing, address, i, like):
    def code(context, builder, signature, values):
        return builder.load(_pointer(context, builder, like, values[0], values[1], 1))

    return like.dtype(cuda.types.int64, cuda.types.int64, like), code


def _write_at(typing, value, address, i, like):
    def code(context, builder, signature, values):
        builder.store(values[0], _pointer(context, builder, like, values[1], values[2], 1))
        return context.get_dummy_value()

    return cuda.types.void(like.dtype, cuda.types.int64, cuda.types.int64, like), code


if not SIMULATED:
    load_at, store_at, read_at, write_at = map(intrinsic, (_load_at, _store_at, _read_at, _write_at))


class Step(NamedTuple):
    """How many arrays an optimizer remembers, how many factors it takes, and ``formula(g, p, a, b, c, d, f)``.

    The gradient, the parameter, up to four remembered numbers, of which the last ones are left alone, and the factors become
    the new ``p, a, b, c, d``.
    """

    memories: int
    factors: int
    formula: Callable


@cache
def steps(dtype):
    """The steps by the names of the kernels of `convkit.kernels.update`, which has their factors in this order."""
    real = np.dtype(dtype).type
    zero, half, one = real(0), real(0.5), real(1)

    def sgd(g, p, a, b, c, d, f):
        return p - f[0] * (g + f[1] * p), a, b, c, d

    def sgd_momentum(g, p, a, b, c, d, f):
        g = g + f[1] * (p - f[6] * a)
        a = f[2] * a + f[3] * g
        return p - f[0] * (f[4] * g + f[5] * a), a, b, c, d

    def normalized(g, p, a, b, c, d, f):
        g = g + f[1] * p
        return p - f[0] * (g / (abs(g) + f[2])), a, b, c, d

    def adagrad(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = a + g * g
        return p - f[0] * (g / (math.sqrt(a + f[2]) + f[3])), a, b, c, d

    def adadelta(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = f[2] * a + f[3] * g * g
        move = math.sqrt(b + f[4]) / math.sqrt(a + f[4]) * g
        return p - f[0] * move, a, f[2] * b + f[3] * move * move, c, d

    def rmsprop(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = f[2] * a + f[3] * g * g
        power = a
        if f[7] > zero:
            b = b + f[3] * (g - b)
            power = a - b * b
        move = g / (math.sqrt(power + f[4]) + f[5])
        if f[6] > zero:
            move = move + f[6] * c
            c = move
        return p - f[0] * move, a, b, c, d

    def adam(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = f[3] * a + f[4] * g
        b = f[5] * b + f[6] * g * g
        return f[2] * p - f[0] * (a / (math.sqrt(f[7] * b + f[8]) + f[9])), a, b, c, d

    def adabelief(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = f[3] * a + f[4] * g
        apart = g - a
        b = f[5] * b + f[6] * apart * apart + f[8]
        return f[2] * p - f[0] * (a / (math.sqrt(f[7] * b) + f[9])), a, b, c, d

    def diffgrad(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = f[2] * a + f[3] * g
        b = f[4] * b + f[5] * g * g
        friction = one / (one + math.exp(-abs(c - g)))
        return p - f[0] * (friction * a / (math.sqrt(f[6] * b) + f[7])), a, b, g, d

    def angulargrad(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = f[2] * a + f[3] * g
        b = f[4] * b + f[5] * g * g
        now = abs((c - g) / (one + c * g))
        least = min(now, d)
        score = one / math.sqrt(one + least * least) if f[8] > zero else least
        return p - f[0] * ((half * math.tanh(score) + half) * a / (math.sqrt(f[6] * b) + f[7])), a, b, g, now

    def adainject(g, p, a, b, c, d, f):
        g = g + f[1] * p
        a = f[2] * a + f[3] * (f[8] * g + f[9] * (c - p) * g * g)
        b = f[4] * b + f[5] * g * g
        return p - f[0] * (a / (math.sqrt(f[6] * b) + f[7])), a, b, p, d

    return {
        "sgd": Step(0, 2, sgd), "sgd_momentum": Step(1, 7, sgd_momentum), "normalized": Step(0, 3, normalized),
        "adagrad": Step(1, 4, adagrad), "adadelta": Step(2, 5, adadelta), "rmsprop": Step(3, 8, rmsprop),
        "adam": Step(2, 10, adam), "adabelief": Step(2, 10, adabelief), "diffgrad": Step(3, 8, diffgrad),
        "angulargrad": Step(4, 9, angulargrad), "adainject": Step(3, 10, adainject),
    }  # fmt: skip


def step_body(name, dtype, used, vectors):
    """The plain function of the kernel ``(parameters, a, b, c, d, gradients, pieces, factors)`` of one of `steps`.

    `used` tells which of the four remembered arrays there are; the others stand for nothing.
    """
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    formula = cuda_helper(steps(dtype)[name].formula)
    has_a, has_b, has_c, has_d = used

    def kernel(parameters, memory_a, memory_b, memory_c, memory_d, gradients, pieces, factors):
        p, g = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        a, b = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        c, d = cuda.local.array(lanes, number), cuda.local.array(lanes, number)
        row = np.uint64(cuda.blockIdx.x) * np.uint64(4)
        source, first = gradients[np.uint64(pieces[row])], pieces[row + np.uint64(1)]
        count, place = i32(pieces[row + np.uint64(2)]), pieces[row + np.uint64(3)]
        for k in range(lanes):
            a[k] = b[k] = c[k] = d[k] = number(0)
        for i in range(i32(i32(cuda.threadIdx.x) * lanes), count, i32(cuda.blockDim.x * lanes)):
            at = np.uint64(place + i)
            if vectors and i32(i + lanes) <= count:
                load_at(source, first + i, g)
                load_vector(parameters, at, p)
                if has_a:
                    load_vector(memory_a, at, a)
                if has_b:
                    load_vector(memory_b, at, b)
                if has_c:
                    load_vector(memory_c, at, c)
                if has_d:
                    load_vector(memory_d, at, d)
                for k in range(lanes):
                    p[k], a[k], b[k], c[k], d[k] = formula(g[k], p[k], a[k], b[k], c[k], d[k], factors)
                store_vector(p, parameters, at)
                if has_a:
                    store_vector(a, memory_a, at)
                if has_b:
                    store_vector(b, memory_b, at)
                if has_c:
                    store_vector(c, memory_c, at)
                if has_d:
                    store_vector(d, memory_d, at)
            else:
                for k in range(lanes):
                    if i32(i + k) < count:
                        j = at + np.uint64(k)
                        p[0], a[0], b[0], c[0], d[0] = formula(
                            read_at(source, first + i + k, g), parameters[j], memory_a[j] if has_a else a[0],
                            memory_b[j] if has_b else b[0], memory_c[j] if has_c else c[0], memory_d[j] if has_d else d[0],
                            factors)
                        parameters[j] = p[0]
                        if has_a:
                            memory_a[j] = a[0]
                        if has_b:
                            memory_b[j] = b[0]
                        if has_c:
                            memory_c[j] = c[0]
                        if has_d:
                            memory_d[j] = d[0]

    return kernel


@cache
def powers(dtype):
    """Norms: of a number and the exponent what is added up, and of the sum, or the largest, the norm."""
    one = np.dtype(dtype).type(1)
    return {
        "square": (lambda x, p: x * x, lambda total, other, p: (math.sqrt(total), p)),
        "power": (lambda x, p: abs(x) ** p, lambda total, other, p: (total ** (one / p), p)),
        "largest": (lambda x, p: abs(x), lambda total, other, p: (total, p)),
    }


def powers_body(formula, dtype, vectors, threads, largest):
    """The plain function of the kernel ``(partial, gradients, pieces, exponent)``: sums, or the largest, of each piece."""
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    apply = cuda_helper(formula)

    def kernel(partial, gradients, pieces, exponent):
        shared = cuda.shared.array(threads, number)
        g, rank, total = cuda.local.array(lanes, number), i32(cuda.threadIdx.x), number(0)
        row = np.uint64(cuda.blockIdx.x) * np.uint64(4)
        source, first = gradients[np.uint64(pieces[row])], pieces[row + np.uint64(1)]
        count = i32(pieces[row + np.uint64(2)])
        for i in range(i32(rank * lanes), count, i32(threads * lanes)):
            whole = vectors and i32(i + lanes) <= count
            if whole:
                load_at(source, first + i, g)
            for k in range(lanes):
                if whole or i32(i + k) < count:
                    value = apply(g[k] if whole else read_at(source, first + i + k, g), exponent)
                    if largest:
                        total = total if total >= value or total != total else value
                    else:
                        total += value
        total = over_lanes(shared, i32(0), rank, i32(threads), total, largest)
        if rank == 0:
            partial[np.uint64(cuda.blockIdx.x)] = total

    return kernel


@cache
def changes(dtype):
    """Of a number, the norm of all and a bound: the number changed; NaN stays."""
    one, apart = np.dtype(dtype).type(1), np.dtype(dtype).type(1e-6)

    def limit(x, norm, most):
        share = most / (norm + apart)
        return x * (one if share > one else share)

    return {"limit": limit, "clip": lambda x, norm, most: most if x > most else (-most if x < -most else x)}


def change_body(formula, dtype, vectors):
    """The plain function of the kernel ``(norm, gradients, pieces, most)`` that changes gradients in place."""
    from numba import from_dtype

    lanes, number = lanes_of(dtype, vectors), from_dtype(np.dtype(dtype))
    apply = cuda_helper(formula)

    def kernel(norm, gradients, pieces, most):
        g, size = cuda.local.array(lanes, number), norm[0]
        row = np.uint64(cuda.blockIdx.x) * np.uint64(4)
        source, first = gradients[np.uint64(pieces[row])], pieces[row + np.uint64(1)]
        count = i32(pieces[row + np.uint64(2)])
        for i in range(i32(i32(cuda.threadIdx.x) * lanes), count, i32(cuda.blockDim.x * lanes)):
            if vectors and i32(i + lanes) <= count:
                load_at(source, first + i, g)
                for k in range(lanes):
                    g[k] = apply(g[k], size, most)
                store_at(g, source, first + i)
            else:
                for k in range(lanes):
                    if i32(i + k) < count:
                        write_at(apply(read_at(source, first + i + k, g), size, most), source, first + i + k, g)

    return kernel


@cache
def updating(make, *known):
    """Kernel of one of the bodies above."""
    return cuda_kernel(make(*known))
