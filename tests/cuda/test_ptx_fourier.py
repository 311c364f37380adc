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


def sound(ptx, dtype, registers, made_for=DEVICES[0]):
    """Nothing lies in local memory, nothing spills, and single precision stays so, on that device and on newer ones."""
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param|const)", ptx), "an address space is not known"
    if dtype in ("float32", "complex64"):
        assert not count(r"\.f64", ptx)
    for device in [device for device in DEVICES if device >= made_for]:
        assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, registers)


def rows(dtype, length):
    """A block's rows on a device."""
    from convkit.kernels.butterfly_cuda import Sweep

    return Sweep(length, max(1, 2048 // length), 256)


def slow(*case):
    """A case that takes a quarter of a minute to compile."""
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(("part", "dtype", "length", "device"), [
    ("tiles", "float32", 2048, DEVICES[1]), slow("tiles", "float32", 1024, DEVICES[0]),
    slow("tiles", "complex64", 1024, DEVICES[1]), slow("tiles", "float64", 1024, DEVICES[0]),
    ("first", "float32", 128, DEVICES[0]), ("first", "complex128", 64, DEVICES[1]), ("last", "float32", 128, DEVICES[1])])
def test_rows_of_tiles_stay_in_registers(part, dtype, length, device):
    from convkit.engines.tiles import radices
    from convkit.kernels.fourier_cuda import REGISTERS

    real = types_of(dtype)[1]
    sound(rows_ptx(part, dtype, length, radices(length), device), dtype, REGISTERS[real.dtype.bitwidth // 8], device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "complex64", "float64"])
@pytest.mark.parametrize("part", ["first", "last"])
def test_rows_that_a_library_transforms_are_moved_in_registers(part, dtype, device):
    from convkit.kernels.fourier_cuda import REGISTERS

    real = types_of(dtype)[1]
    sound(rows_ptx(part, dtype, 1024, (), device), dtype, REGISTERS[real.dtype.bitwidth // 8], device)


def rows_ptx(part, dtype, length, radices, device):
    """A kernel of rows of tiles."""
    from numba import types

    from convkit.kernels.fourier_cuda import first_body, last_body, tiles_body

    number, real, sources, sizes = types_of(dtype)
    bodies = {"tiles": (tiles_body, number, sources, real, number, real), "last": (last_body, real, real, number),
              "first": (first_body, number, sources, real, real, real)}
    body, *arguments = bodies[part]
    return compiled(body(rows(dtype, length), dtype, radices), types.void(*arguments, sizes), device)


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
    # Columns come and go by vectors: real and imaginary parts.
    assert count(r"ld\.global\.v[24]", ptx) >= 2
    assert count(r"st\.global\.v[24]", ptx) >= 2


@pytest.mark.parametrize("dtype", ["float32", slow("float64")])
def test_lines_of_any_length_stay_in_registers(dtype):
    from numba import types

    from convkit.kernels.transform_cuda import NUMBERS, REGISTERS, lines_body

    real = types_of(dtype)[1]
    arguments = real, types.int32[::1], real, real, types.UniTuple(types.int64, NUMBERS)
    ptx = compiled(lines_body(dtype, 128), types.void(*arguments), DEVICES[0])
    sound(ptx, dtype, REGISTERS[real.dtype.bitwidth // 8])
    # Lines are found and read, multiplied, and go through a stage.
    assert count(r"bar\.sync", ptx) == 4
    # Butterflies of radix 11, whose five pairs of frequencies are a loop, 7, 5 and 3.
    assert count(r"\bfma\.rn", ptx) >= 4 * (5 + 3**2 + 2**2 + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("soft", [False, True])
def test_coefficients_below_a_threshold_are_found_in_registers(dtype, soft):
    from numba import types

    from convkit.kernels.shrink_cuda import threshold_body

    real = types_of(dtype)[1]
    arguments = real, types.int32[::1], real, types.int64, types.int64, types.int64
    for device in DEVICES:
        sound(compiled(threshold_body(dtype, soft), types.void(*arguments), device), dtype, 64, device)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("device", DEVICES)
def test_mirror_images_are_added_in_registers(dtype, device):
    from numba import types

    from convkit.kernels.mirror_cuda import combine_body

    real = types_of(dtype)[1]
    arguments = real, types.int32[::1], real, real, types.int64, types.int64, types.int64, types.int64
    sound(compiled(combine_body(dtype), types.void(*arguments), device), dtype, 64, device)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_spoilt_tiles_are_summed_in_registers(dtype):
    from numba import types

    from convkit.engines.blocks import RANGE
    from convkit.kernels.spoilt_cuda import REGISTERS, limit_body, mend_body

    number, real, sources, sizes = types_of(dtype)
    width = real.dtype.bitwidth // 8
    arguments = number, sources, number, number, real, sizes, types.UniTuple(types.int64, 6)
    for device in DEVICES:
        sound(compiled(limit_body(f"float{8 * width}", 256, RANGE), types.void(real), device), dtype, 64, device)
        sound(compiled(mend_body(dtype, 256), types.void(*arguments), device), dtype, REGISTERS[width], device)
