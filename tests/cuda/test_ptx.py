"""What the compiler makes of the kernels, for two kinds of device and without one."""

import ast
from pathlib import Path

import numpy as np
import pytest

import convkit
from tests.cuda.compiler import ARITHMETIC, DEVICES, compiled, count, needed, resources

pytestmark = needed
DTYPES = ("float32", "float64", "complex64", "complex128", "int64")


def signature(dtype, samples):
    """Types of the arguments of a kernel that correlates."""
    from numba import from_dtype, types

    from convkit.kernels.correlate_cuda import SIZES

    number, x = from_dtype(np.dtype(dtype)), from_dtype(np.dtype(samples))
    return types.void(x[::1], types.int32[::1], number[::1], number[::1], types.UniTuple(types.int64, len(SIZES)))


def test_every_kernel_is_compiled_here():
    kernels = Path(convkit.__file__).parent / "kernels"
    bodies = {node.name for path in kernels.glob("*_cuda.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
              if isinstance(node, ast.FunctionDef) and node.name.endswith("_body")}
    assert len(bodies) >= 5
    tested = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_ptx*.py"))
    assert not {name for name in bodies if name not in tested}


def tiles(dtype, reads, samples=None):
    """Plain function and signature of a kernel that correlates by tiles."""
    from convkit.engines.cuda.direct import TILES
    from convkit.kernels.correlate_cuda import correlate_body

    return correlate_body(TILES[np.dtype(dtype).itemsize], dtype, reads), signature(dtype, samples or dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reads", ["converted", "numbers", "vectors"])
def test_correlations_keep_their_sums_in_registers(dtype, reads):
    from convkit.engines.cuda.direct import TILES
    from convkit.kernels.correlate_cuda import REGISTERS

    ptx = compiled(*tiles(dtype, reads), DEVICES[0])
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    # Samples come without a register in between, and results go as vectors.
    assert bool(count(r"cp\.async\.cg\.shared\.global .*, 16;", ptx)) == (reads == "vectors")
    assert bool(count(r"st\.global\.v4", ptx)) == (reads == "vectors")
    assert count(r"\.extern \.shared \.align 16", ptx) == 1
    tile = TILES[np.dtype(dtype).itemsize]
    # Written out for all taps of a vector, and for some.
    products = 2 * (tile.rows * tile.columns) ** 2
    if dtype == "float32":
        assert not count(r"\.f64", ptx)
        assert count(r"fma\.rn\.f32", ptx) == products
    if dtype == "float64":
        assert count(r"fma\.rn\.f64", ptx) == products
    for device in DEVICES:
        assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, REGISTERS[np.dtype(dtype).itemsize])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("height", [1, 9])
@pytest.mark.parametrize("same", [True, False])
def test_lines_keep_their_sums_in_registers(dtype, height, same):
    from convkit.engines.cuda.direct import lines_for
    from convkit.kernels.lines_cuda import REGISTERS, lines_body

    lines = lines_for(np.dtype(dtype), height)
    ptx = compiled(lines_body(lines, dtype, same), signature(dtype, dtype if same else "int16"), DEVICES[0])
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    if dtype == "float32":
        assert not count(r"\.f64", ptx)
        assert count(r"fma\.rn\.f32", ptx) == lines.length**2
    for device in DEVICES:
        assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, REGISTERS[np.dtype(dtype).itemsize])


@pytest.mark.parametrize("samples", ["bool", "uint8", "int16", "int32", "float16", "int64"])
def test_samples_are_converted_in_single_precision(samples):
    assert not count(r"\.f64", compiled(*tiles("float32", "converted", samples), (9, 0)))


@pytest.mark.parametrize("samples", ["float32", "float64", "complex64"])
def test_real_and_narrow_samples_meet_complex_weights(samples):
    assert count(r"fma\.rn\.f64", compiled(*tiles("complex128", "converted", samples), (9, 0)))


@pytest.mark.parametrize(
    ("values", "out"), [("float32", "uint8"), ("float32", "float16"), ("float64", "int32"), ("float64", "float32"),
                        ("int64", "uint64"), ("float64", "uint64"), ("complex128", "complex64")])  # fmt: skip
def test_results_are_converted(values, out):
    from numba import from_dtype, types

    from convkit.kernels.cast_cuda import store_body

    a, b = (from_dtype(np.dtype(t)) for t in (values, out))
    ptx = compiled(store_body(values, out), types.void(a[::1], b[::1]), (9, 0))
    assert values == "float64" or not count(ARITHMETIC, ptx)


def test_sums_and_extremes_are_compiled():
    from numba import types

    from convkit.kernels.cast_cuda import add_body, extremes_body

    single = types.float32[::1]
    assert not count(r"\.f64", compiled(add_body, types.void(single, single), (9, 0)))
    assert count(r"atom", compiled(extremes_body, types.void(types.int64[::1], types.int64[::1]), (9, 0))) == 2
