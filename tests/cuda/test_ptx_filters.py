"""What the compiler makes of the kernels that filters have beside convolutions, and of that which extends arrays."""

import numpy as np
import pytest

from tests.cuda.compiler import ARITHMETIC, DEVICES, compiled, count, needed, resources

pytestmark = needed

KINDS = ("float32", "float64", "complex64", "complex128")


def line_of(dtype):
    from numba import from_dtype

    return from_dtype(np.dtype(dtype))[::1]


def looked_at(body, arguments, dtype, device, registers, loads=None, called=False):
    from numba import types

    ptx = compiled(body, types.void(*arguments), device)
    assert not count(r"\.local\b", ptx), dtype
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    if dtype not in ("float64", "complex128"):
        assert not count(ARITHMETIC, ptx), dtype
    assert loads is None or count(r"\bld\.global", ptx) == loads, (dtype, ptx)
    # What is called has its return address on the stack.
    nothing = "0 bytes lmem" if called else "0 bytes spill stores, 0 bytes spill loads"
    assert nothing in resources(ptx, device, registers), dtype


@pytest.mark.parametrize("device", DEVICES)
def test_sums_and_products_have_several_loads_under_way(device):
    from numba import from_dtype

    from convkit.kernels.filters_cuda import EACH, REGISTERS, change_body, multiply_body, sharpen_body

    for dtype in KINDS:
        line, number = line_of(dtype), from_dtype(np.dtype(dtype))
        loads = 2 * EACH * (2 if dtype.startswith("complex") else 1)
        for adds in (True, False):
            looked_at(change_body(adds), (line, line), dtype, device, REGISTERS, loads)
        looked_at(multiply_body, (line, line, line), dtype, device, REGISTERS, loads)
        looked_at(sharpen_body(dtype), (line, line, number), dtype, device, REGISTERS, loads)
    single = from_dtype(np.dtype("float32"))
    for narrow in ("bool", "uint8", "int16", "float16"):
        looked_at(sharpen_body("float32"), (line_of(narrow), line_of("float32"), single), "float32", device, REGISTERS)


@pytest.mark.parametrize("device", DEVICES)
def test_lengths_and_mixtures_stay_in_registers(device):
    from convkit.kernels.filters_cuda import EACH, length_body, mix_body

    for dtype in KINDS:
        line, real = line_of(dtype), line_of(np.empty(0, dtype).real.dtype)
        for number in (2, 3, 5):
            looked_at(mix_body(number, dtype), (line, real, line), dtype, device, 64)
    for dtype in ("float32", "float64"):
        line = line_of(dtype)
        for number in (1, 2, 3, 5):
            looked_at(length_body(number, dtype), (line, line), dtype, device, 64, number * EACH)


@pytest.mark.parametrize("device", DEVICES)
def test_what_tensors_say_is_of_their_precision(device):
    from convkit.kernels.filters_cuda import coherence_body, eigenvalues_body, orientation_body

    for dtype in ("float32", "float64"):
        line = line_of(dtype)
        for body in (eigenvalues_body, coherence_body, orientation_body):
            looked_at(body(dtype), (line, line), dtype, device, 64, 3)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float32", "uint64", "float64", "complex128"])
def test_arrays_are_extended_within_few_registers(dtype, device):
    from numba import types

    from convkit.kernels.pad_cuda import REGISTERS, extend_body

    line, sizes = line_of(dtype), types.UniTuple(types.int64, 16)
    for large in (False, True):  # large ones call divisions
        looked_at(extend_body(large), (line, types.int64[::1], line, line, sizes), dtype, device, REGISTERS, called=large)


@pytest.mark.parametrize("device", DEVICES)
def test_changes_of_sign_are_found_in_registers(device):
    from numba import from_dtype, types

    from convkit.kernels.crossings_cuda import crossings_body, sizes_body

    for dtype in ("float32", "float64"):
        line, number = line_of(dtype), from_dtype(np.dtype(dtype))
        for axes in (1, 2, 3):
            for large in (False, True):  # large ones call divisions
                arguments = (line, types.boolean[::1], number, types.UniTuple(types.int64, 2 * axes))
                looked_at(crossings_body(axes, dtype, large), arguments, dtype, device, 32, called=large)
        for kind in ("bool", "int16", "float16", "float32") if dtype == "float32" else ("int32", "uint64", "float64"):
            arguments = (line_of(kind), line, types.int32[::1], line)
            looked_at(sizes_body(dtype, 256), arguments, dtype, device, 40)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("window", [(1, 1, 3), (1, 3, 3), (3, 3, 1), (1, 1, 9)])
def test_samples_of_a_window_are_read_once_into_registers(window, device):
    from numba import types

    from convkit.kernels.median_cuda import median_body

    square = window == (1, 3, 3)
    for dtype in ("uint8", "int64", "float16", "float32", "float64") if square else ("uint8", "float32"):
        line = line_of(dtype)
        looked_at(median_body(window, dtype), (line, line, types.UniTuple(types.int64, 5)), dtype, device, 64, np.prod(window))
