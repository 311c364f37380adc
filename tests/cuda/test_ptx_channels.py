"""What the compiler makes of convolutions with channels and products of matrices."""

import numpy as np
import pytest

from tests.cuda.compiler import DEVICES, compiled, count, needed, resources

pytestmark = needed
FORMS = {"correlate": ("weights", "pixels"), "products": ("results", "taps"), "lines": ("lines", "lines"),
         "rows": ("lines", "across"), "columns": ("across", "across"), "turned": ("across", "lines")}  # fmt: skip


def arrays(*dtypes):
    from numba import from_dtype

    return [from_dtype(np.dtype(dtype))[::1] for dtype in dtypes]


def sizes(count):
    from numba import types

    return types.UniTuple(types.int64, count)


def assert_clean(ptx, dtype, device, registers):
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    assert not count(r"\b(div|rem)\.[us]64", ptx)
    assert dtype != "float32" or not count(r"\.f64", ptx)
    report = resources(ptx, device, registers)
    assert "0 bytes spill stores, 0 bytes spill loads" in report


def product(form, dtype, tile, device):
    """PTX of a tile of a product, and how many FMAs are written out at a time."""
    from numba import types

    from convkit.engines.cuda.multiply import TILES
    from convkit.kernels.multiply_cuda import Sizes, multiply_body

    number, index = arrays(dtype, "int32")
    shape = TILES[np.dtype(dtype).itemsize][tile]
    signature = types.void(number, number, index, number, number, sizes(len(Sizes(1, 1, 1).numbers)))
    return compiled(multiply_body(shape, dtype, FORMS[form]), signature, device), shape


CASES = [(form, "float32", tile) for form in ("correlate", "products") for tile in range(3)]
CASES += [("correlate", "float64", 0), *((form, "float64", 1) for form in ("correlate", "products")), ("rows", "float64", 0)]
CASES += [(form, "float32", 0) for form in ("lines", "rows", "columns", "turned")]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("form", "dtype", "tile"), CASES)
def test_products_keep_their_sums_in_registers(form, dtype, tile, device):
    from convkit.kernels.multiply_cuda import REGISTERS

    ptx, shape = product(form, dtype, tile, device)
    assert_clean(ptx, dtype, device, REGISTERS)
    kind, vector = ("f32", 4) if dtype == "float32" else ("f64", 2)
    products = count(rf"fma\.rn\.{kind}", ptx)
    assert products
    assert products % (shape.rows * shape.columns) == 0
    # Every number of the factors that a thread reads from shared memory comes in a vector.
    assert not count(r"ld\.shared\.[fbu]", ptx)
    loads = count(rf"ld\.shared\.v{vector}", ptx)
    assert loads * vector * shape.rows * shape.columns == products * (shape.rows + shape.columns)
    assert count(rf"st\.global\.v[{vector}4]", ptx)
    assert bool(count(r"ld\.global\.v4\.[us]32", ptx)) == (form in ("correlate", "products"))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rectifies", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_channels_and_of_rows(dtype, rectifies, device):
    from numba import types

    from convkit.engines.cuda.channels import SUM_THREADS
    from convkit.engines.cuda.multiply import ROWS_BLOCK
    from convkit.kernels.channels_cuda import sum_channels_body
    from convkit.kernels.dense_cuda import sum_rows_body

    numbers = arrays(dtype) * 4
    assert_clean(compiled(sum_channels_body(SUM_THREADS, dtype, rectifies), types.void(*numbers, sizes(4)), device), dtype,
                 device, 64)
    assert_clean(compiled(sum_rows_body(ROWS_BLOCK, dtype, rectifies), types.void(*numbers, sizes(3)), device), dtype,
                 device, 64)


@pytest.mark.parametrize("device", DEVICES)
def test_edges_and_biases(device):
    from numba import types

    from convkit.kernels.channels_cuda import add_channels_body, extend_body, fold_body

    number, index = arrays("float32", "int32")
    assert_clean(compiled(extend_body, types.void(number, index, number, sizes(8)), device), "float32", device, 64)
    assert_clean(compiled(fold_body, types.void(number, index, number, sizes(8)), device), "float32", device, 64)
    assert_clean(compiled(add_channels_body, types.void(number, number, sizes(2)), device), "float32", device, 64)
