"""What the compiler makes of the kernels that transform tiles: see test_ptx.py."""

import numpy as np
import pytest

from tests.cuda.compiler import DEVICES, compiled, count, needed, resources

pytestmark = needed


def types_of(dtype):
    """The number types of a dtype: its own, that of its real part; and the arguments that kernels share."""
    from numba import from_dtype, types

    from convkit.kernels.fourier_cuda import SIZES

    real = from_dtype(np.dtype(dtype).type(0).real.dtype)
    return from_dtype(np.dtype(dtype))[::1], real[::1], types.int32[::1], types.UniTuple(types.int64, len(SIZES))


def sound(ptx, dtype, registers):
    """Nothing lies in local memory, nothing spills, and single precision stays so, on both devices."""
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    if dtype in ("float32", "complex64"):
        assert not count(r"\.f64", ptx)
    for device in DEVICES:
        assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, registers)


def rows(dtype, length):
    """A block's rows on a device."""
    from convkit.kernels.butterfly_cuda import Sweep

    return Sweep(length, max(1, 2048 // length), 256)


@pytest.mark.parametrize(("part", "dtype"), [("tiles", "float32"), ("first", "float32"), ("first", "complex128"),
                                             ("last", "float32")])
def test_rows_of_tiles_stay_in_registers(part, dtype):
    from numba import types

    from convkit.engines.tiles import radices
    from convkit.kernels.fourier_cuda import REGISTERS, first_body, last_body, tiles_body

    number, real, sources, sizes = types_of(dtype)
    bodies = {"tiles": (tiles_body, number, sources, real, number, real), "last": (last_body, real, real, number),
              "first": (first_body, number, sources, real, real, real)}
    length = 64 if dtype == "complex128" else 512 if part == "tiles" else 128
    body, *arguments = bodies[part]
    ptx = compiled(body(rows(dtype, length), dtype, radices(length)), types.void(*arguments, sizes), DEVICES[0])
    sound(ptx, dtype, REGISTERS[real.dtype.bitwidth // 8])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_of_tiles_stay_in_registers(dtype):
    from numba import types

    from convkit.engines.tiles import radices
    from convkit.kernels.fourier_cuda import REGISTERS, columns_body

    real = types_of(dtype)[1]
    length = 256 if dtype == "float32" else 64
    body = columns_body(rows(dtype, length), dtype, radices(length), "filtered")
    ptx = compiled(body, types.void(real, real, types.int64, types.int64), DEVICES[0])
    sound(ptx, dtype, REGISTERS[real.dtype.bitwidth // 8])
    # The first reading, stages of radix 8, the last one with its inverse, and stages of radix 8 back.
    assert count(r"bar\.sync", ptx) == 2 * len(radices(length))


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_spoilt_tiles_are_summed_in_registers(dtype):
    from numba import types

    from convkit.engines.blocks import RANGE
    from convkit.kernels.spoilt_cuda import REGISTERS, limit_body, mend_body

    number, real, sources, sizes = types_of(dtype)
    width = real.dtype.bitwidth // 8
    sound(compiled(limit_body(f"float{8 * width}", 256, RANGE), types.void(real), DEVICES[0]), dtype, 64)
    arguments = number, sources, number, number, real, sizes, types.UniTuple(types.int64, 6)
    sound(compiled(mend_body(dtype, 256), types.void(*arguments), DEVICES[0]), dtype, REGISTERS[width])
