"""What the compiler makes of the kernels that march, for two kinds of device and without one."""

import numpy as np
import pytest

from tests.cuda.compiler import DEVICES, compiled, count, needed, resources

pytestmark = needed


def march(dtype, samples, reads):
    """Plain function and signature."""
    from numba import from_dtype, types

    from convkit.engines.cuda.direct import MARCHES
    from convkit.kernels.march_cuda import SIZES, march_body

    number, x = from_dtype(np.dtype(dtype)), from_dtype(np.dtype(samples))
    body = march_body(MARCHES[np.dtype(dtype).itemsize], dtype, reads)
    return body, types.void(x[::1], types.int32[::1], number[::1], number[::1], types.UniTuple(types.int64, len(SIZES)))


@pytest.mark.parametrize(("dtype", "samples", "reads"), [
    *((dtype, dtype, reads) for dtype in ("float32", "float64", "complex64", "complex128", "int64")
      for reads in ("vectors", "numbers")),
    ("float64", "int16", "converted"), ("float32", "int16", "converted")])  # fmt: skip
def test_blocks_that_march_keep_their_sums_in_registers(dtype, samples, reads):
    from convkit.engines.cuda.direct import MARCHES
    from convkit.kernels.march_cuda import REGISTERS

    size = np.dtype(dtype).itemsize
    ptx = compiled(*march(dtype, samples, reads), DEVICES[0])
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    assert bool(count(r"cp\.async\.cg\.shared\.global .*, 16;", ptx)) == (reads == "vectors")
    if dtype == "float32":
        assert not count(r"\.f64", ptx)
        # Across and down, each for all taps of a turn, and for some.
        tile = MARCHES[size]
        assert count(r"fma\.rn\.f32", ptx) == 2 * (tile.rows * 8 * 12 + tile.length**2 * tile.columns)
    assert count(r"bar\.sync", ptx) == 2
    for device in DEVICES:
        assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, REGISTERS[size])


@pytest.mark.parametrize("samples", ["bool", "float16", "int64"])
def test_samples_are_converted_in_single_precision(samples):
    assert not count(r"\.f64", compiled(*march("float32", samples, "converted"), (9, 0)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_ceiling_is_multiply_adds_in_registers(dtype):
    from numba import from_dtype, types

    from convkit.kernels.ceiling_cuda import SUMS, spin_body

    number = from_dtype(np.dtype(dtype))[::1]
    ptx = compiled(spin_body(dtype), types.void(number, number, types.int64), (9, 0))
    operations = count(rf"fma\.rn\.f{number.dtype.bitwidth}", ptx)
    assert operations >= SUMS
    assert operations % SUMS == 0
    assert not count(r"\.local\b", ptx)
    assert count(r"ld\.global|st\.global", ptx) == 3
    assert dtype == "float64" or not count(r"\.f64", ptx)
