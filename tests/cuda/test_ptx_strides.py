"""What the compiler makes of the kernels that copy what does not lie in C order, and of those that leave samples out."""

import numpy as np
import pytest

from tests.cuda.compiler import DEVICES, compiled, count, needed, resources

pytestmark = needed


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float32", "float64", "complex64", "complex128"])
def test_tiles_are_turned_in_shared_memory(dtype, device):
    from convkit.engines.cuda.strides import TURNS
    from convkit.kernels.strides_cuda import REGISTERS, turn_body

    turn = TURNS[np.dtype(dtype).itemsize]
    looked_at(turn_body(turn, dtype), dtype, turn.wide // turn.rows, device, REGISTERS)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "complex64", "complex128"])
@pytest.mark.parametrize("high", [1, 2])
def test_rows_are_read_ahead(dtype, high, device):
    from convkit.engines.cuda.strides import rows_for
    from convkit.kernels.strides_cuda import ROW_REGISTERS, rows_body

    rows = rows_for(high)
    looked_at(rows_body(rows, dtype), dtype, rows.across * rows.down, device, ROW_REGISTERS)


def looked_at(body, dtype, loads, device, registers):
    """A kernel that copies keeps all its reads under way in registers."""
    from numba import from_dtype, types

    line, one = from_dtype(np.dtype(dtype))[::1], types.int64
    four = types.UniTuple(one, 4)
    ptx = compiled(body, types.void(line, line, four, one, four, one, four), device)
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    assert np.dtype(dtype).itemsize > 4 or not count(r"\.f64", ptx)
    numbers = 2 if dtype.startswith("complex") else 1
    assert count(r"\bld\.global", ptx) == numbers * loads
    ahead = ptx[: ptx.index("st.global")]
    assert count(r"\bld\.global", ahead) == numbers * loads, "reads wait for writes"
    assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, registers[np.dtype(dtype).itemsize])


@pytest.mark.parametrize("device", DEVICES)
def test_copies_and_samples_left_out_are_of_every_dtype(device):
    from numba import from_dtype, types

    from convkit.kernels.arrays_cuda import move_body
    from convkit.kernels.validity_cuda import divide_body, find_body, keep_body

    one = types.int64
    four, mask, valid = types.UniTuple(one, 4), types.boolean[::1], types.uint8[::1]
    rows = []
    for dtype in ("bool", "uint64", "float16", "float32", "complex128"):
        line = from_dtype(np.dtype(dtype))[::1]
        rows += [(dtype, move_body, (line, line, four, one, four, one, four)),
                 (dtype, keep_body(dtype, True, True), (line, mask, line, valid)),
                 (dtype, keep_body(dtype, False, True), (line, valid, line, valid)),
                 (dtype, find_body(dtype, True), (line, mask, types.int32[::1]))]
    for work, real in (("float32", "float32"), ("complex64", "float32"), ("float32", "float64"), ("complex128", "float64")):
        number = from_dtype(np.dtype(real))
        rows.append((f"{work} {real}", divide_body(work, real), (from_dtype(np.dtype(work))[::1], number[::1], number, number)))
    for name, body, arguments in rows:
        ptx = compiled(body, types.void(*arguments), device)
        assert not count(r"\.local\b", ptx), name
        assert "float64" in name or "complex128" in name or not count(r"\.f64", ptx), name
        assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, 32), name
