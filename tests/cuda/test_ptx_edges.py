"""What the compiler makes of the kernels that find edges and wrap wedges, for two kinds of device and without one."""

import numpy as np
import pytest

from tests.cuda.compiler import ARITHMETIC, DEVICES, compiled, count, needed, resources

pytestmark = needed
REAL = {"complex64": "float32", "complex128": "float64"}


def checked(body, signature, device, registers, single):
    """PTX of a kernel that keeps to registers, knows its address spaces, and has no arithmetic that is too wide."""
    ptx = compiled(body, signature, device)
    assert not count(r"\.local\b", ptx)
    assert not count(r"\bld\.(?!global|shared|param)", ptx), "an address space is not known"
    assert not (single and count(ARITHMETIC, ptx))
    assert "0 bytes spill stores, 0 bytes spill loads" in resources(ptx, device, registers)
    return ptx


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize(("adding", "device"), [(True, (8, 0)), (False, (9, 0))])
def test_pieces_of_wedges_are_gathered(dtype, adding, device):
    from numba import from_dtype, types

    from convkit.kernels.wedge_cuda import gather_body

    number, real = from_dtype(np.dtype(dtype)), from_dtype(np.dtype(REAL[dtype]))
    signature = types.void(number[::1], types.int32[::1], types.int32[::1], real[::1], real, number[::1])
    ptx = checked(gather_body(dtype, adding), signature, device, 40, dtype == "complex64")
    assert count(r"fma\.rn", ptx) >= 2


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_spectra_are_settled(dtype):
    from numba import from_dtype, types

    from convkit.kernels.wedge_cuda import settle_body

    signature = types.void(from_dtype(np.dtype(dtype))[::1], types.int64, types.int64, types.boolean)
    checked(settle_body, signature, (9, 0), 40, dtype == "complex64")


CASES = [(1, 3, None, True), (1, 2, None, False), (2, 3, None, True), (2, 3, 1, True), (2, 3, None, False), (2, 5, 0, True),
         (3, 3, None, True), (3, 2, None, False), (3, 5, None, True)]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("axes", "number", "angle", "close"), CASES)
def test_derivatives_stay_in_registers(axes, number, angle, close, dtype):
    from numba import from_dtype, types

    from convkit.engines.cuda.gradient import SPAN
    from convkit.kernels.gradient_cuda import FEW, MANY, SIZES, Wanted, gradient_body

    kind = from_dtype(np.dtype(dtype))
    parts = angle is None
    wanted = Wanted(parts and axes == 3, parts and axes > 1, parts, True, axes == 3, angle)
    signature = types.void(kind[::1], types.int32[::1], kind[::1], kind[::1], types.UniTuple(kind, 2 * number + 3),
                           types.UniTuple(types.int64, len(SIZES)))
    registers = FEW if close and axes < 3 else MANY
    body = gradient_body(SPAN, dtype, axes, number, wanted, close)
    ptx = checked(body, signature, DEVICES[number % 2], registers, dtype == "float32")
    if dtype == "float32":
        # Products are fused where the CPU fuses them: the terms of a derivative, and the squares.
        assert (count(r"fma\.rn\.f32", ptx) > 0) == (axes > 1)
        assert not count(r"\.f64", ptx)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("vectors", "parts", "angle"), [(True, False, None), (True, True, None), (False, True, None),
                                                         (True, False, 1), (False, False, 0)])  # fmt: skip
def test_derivatives_of_images_are_read_and_written_16_bytes_at_a_time(vectors, parts, angle, dtype, device):
    from numba import from_dtype, types

    from convkit.engines.cuda.gradient import COLUMNS
    from convkit.kernels.gradient_cuda import Wanted
    from convkit.kernels.gradient_march_cuda import REGISTERS, SIZES, march_body

    kind = from_dtype(np.dtype(dtype))
    samples = kind if vectors else types.uint8
    signature = types.void(samples[::1], types.int32[::1], kind[::1], kind[::1], types.UniTuple(kind, 9),
                           types.UniTuple(types.int64, len(SIZES)))
    body = march_body(COLUMNS, dtype, vectors, Wanted(False, parts, parts, True, False, angle))
    ptx = checked(body, signature, device, REGISTERS[kind.bitwidth // 8], dtype == "float32")
    assert (count(r"ld\.global\S*\.v[24]", ptx) >= 3) == vectors
    assert count(r"st\.global\S*\.v[24]", ptx) >= 1 + 2 * parts + (angle is not None)
    assert not count(r"st\.global\.[bfu]\d", ptx)
    assert not count(r"\bbar\.|\.shared", ptx)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("straight", "given", "stored", "masked", "device"),
                         [(True, False, False, False, (8, 0)), (False, False, False, True, (9, 0)),
                          (False, False, False, False, (8, 0)), (False, True, False, True, (8, 0)),
                          (True, True, False, True, (9, 0)), (False, False, True, False, (8, 0))])  # fmt: skip
def test_maxima_are_found_with_the_roundings_of_the_cpu(straight, given, stored, masked, device, dtype):
    from numba import from_dtype, types

    from convkit.engines.cuda.trace import PATCH
    from convkit.kernels.thin_cuda import REGISTERS, thin_body

    kind = from_dtype(np.dtype(dtype))
    samples = types.int16 if given and straight else kind
    signature = types.void(samples[::1], samples[::1], kind, kind, kind[::1], types.uint8[::1], types.uint8[::1],
                           types.int32[::1], types.UniTuple(types.int64, 3))
    single = dtype == "float32"
    # The rule between neighbours compares single precision in double, as scikit-image does: for candidates alone.
    wide = single and not straight and not stored
    body = thin_body(PATCH, dtype, straight, given, stored, masked)
    ptx = checked(body, signature, device, REGISTERS, single and not wide)
    assert bool(count(ARITHMETIC, ptx)) == (wide or not single)
    assert not (wide and count(r"\b(fma|div|sqrt|min|max)\S*\.f64", ptx))
    # Squares are rounded before they are added.
    assert straight or count(rf"mul\.rn\.f{kind.bitwidth}", ptx) >= 2
    assert straight or not given or not count(r"\bfma", ptx)


@pytest.mark.parametrize("device", DEVICES)
def test_marks_are_joined(device):
    from numba import types

    from convkit.engines.cuda.trace import PATCH
    from convkit.kernels.link_cuda import classify_body, join_body, settle_body, strengthen_body

    marks, labels, sizes = types.uint8[::1], types.int32[::1], types.UniTuple(types.int64, 4)
    single = types.float32
    ptx = checked(classify_body(PATCH, "float32", True, True, True),
                  types.void(single[::1], single, single, marks, labels, sizes), device, 64, True)
    assert count(r"atom\.shared\S*\.min", ptx) >= 4
    ptx = checked(join_body(PATCH), types.void(marks, labels, labels, sizes), device, 64, True)
    assert count(r"atom\S*\.min", ptx) >= 1
    checked(strengthen_body, types.void(marks, labels), device, 64, True)
    checked(settle_body, types.void(marks, labels, types.boolean[::1]), device, 64, True)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_magnitudes_are_counted(dtype, masked):
    from numba import from_dtype, types

    from convkit.kernels.thin_cuda import count_body

    signature = types.void(from_dtype(np.dtype(dtype))[::1], types.uint8[::1], types.int32[::1], types.UniTuple(types.int64, 3))
    ptx = checked(count_body(dtype, masked), signature, DEVICES[masked], 64, dtype == "float32")
    assert count(r"(atom|red)\S*\.add", ptx) >= 1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_magnitudes_of_volumes_are_found_in_registers(dtype, device):
    from numba import from_dtype, types

    from convkit.engines.cuda.trace import SLAB
    from convkit.kernels.thin_volume_cuda import FEW, lengths_body, norms_body

    kind, single = from_dtype(np.dtype(dtype)), dtype == "float32"
    signature = types.void(kind[::1], kind[::1], types.UniTuple(types.int64, 5))
    ptx = checked(lengths_body(SLAB, dtype), signature, device, FEW, single)
    # Squares are rounded before they are added.
    assert count(rf"mul\.rn\.f{kind.bitwidth}", ptx) >= 3
    ptx = checked(norms_body(dtype), types.void(kind[::1], kind[::1], kind[::1], kind[::1]), device, FEW, single)
    assert count(rf"sqrt\.rn\.f{kind.bitwidth}", ptx) == 1
    assert not count(r"\bfma", ptx)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("given", "masked", "device"), [(False, False, (8, 0)), (False, True, (9, 0)), (True, False, (9, 0)),
                                                         (True, True, (8, 0))])  # fmt: skip
def test_maxima_of_volumes_are_found_with_the_roundings_of_the_cpu(given, masked, device, dtype):
    from numba import from_dtype, types

    from convkit.engines.cuda.trace import PATCH
    from convkit.kernels.thin_volume_cuda import MANY, maxima_body

    kind, bytes_ = from_dtype(np.dtype(dtype)), types.uint8[::1]
    signature = types.void(kind[::1], kind[::1], kind[::1], kind[::1], kind, kind, bytes_, bytes_, types.int32[::1],
                           types.UniTuple(types.int64, 5))
    ptx = checked(maxima_body(PATCH, dtype, given, masked), signature, device, MANY[kind.bitwidth // 8], False)
    # Magnitudes between neighbours are compared in double precision, of candidates alone.
    assert dtype == "float64" or not count(r"\b(fma|div|sqrt|min|max)\S*\.f64", ptx)
    assert count(rf"mul\.rn\.f{kind.bitwidth}", ptx) >= 6
    assert not given or not count(r"\bfma", ptx)
    assert count(r"atom\.shared\S*\.min", ptx) >= 4


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("deep", "given"), [(False, False), (False, True), (True, False), (True, True)])
def test_points_are_moved_in_registers(deep, given, dtype, device):
    from numba import from_dtype, types

    from convkit.kernels.points_cuda import REGISTERS, offsets_body

    kind, double = from_dtype(np.dtype(dtype)), types.float64
    signature = types.void(kind[::1], kind[::1], kind[::1], types.int64[::1], double[::1], types.UniTuple(double, 3),
                           types.UniTuple(types.int64, 11))
    ptx = checked(offsets_body(dtype, deep, given), signature, device, REGISTERS, False)
    # Points are double precision's, from single precision too.
    assert count(r"(sqrt|div)\S*\.f64", ptx) >= 4


@pytest.mark.parametrize("device", DEVICES)
def test_marks_are_listed(device):
    from numba import types

    from convkit.engines.cuda.grids import THREADS
    from convkit.kernels.points_cuda import gather_body, pixels_body, tally_body

    marks, places = types.boolean[::1], types.int64[::1]
    ptx = checked(tally_body(THREADS), types.void(marks, types.int32[::1]), device, 40, True)
    assert not count(r"\batom", ptx)
    ptx = checked(gather_body(THREADS), types.void(marks, places, places), device, 64, True)
    assert not count(r"\batom", ptx)
    checked(pixels_body, types.void(places, types.float64[::1], places), device, 64, False)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("flag", [False, True])
def test_masks_are_bytes(flag, device):
    from numba import types

    from convkit.kernels.masks_cuda import blank_body, erode_body, kept_body, mean_body

    single, mask, marks = types.float32[::1], types.boolean[::1], types.uint8[::1]
    checked(erode_body(flag), types.void(mask, marks, types.UniTuple(types.int64, 2)), device, 40, True)
    checked(blank_body(flag), types.void(single, marks, types.UniTuple(types.int64, 10)), device, 40, True)
    checked(kept_body("float32"), types.void(marks if flag else single, mask, single), device, 40, True)
    checked(mean_body, types.void(single, single), device, 40, True)
