"""Compiled kernels and their plain twins: the same numbers, whatever the block, the strip and the dtype."""

from functools import cache

import numba
import numpy as np
import pytest

import convkit
from convkit._core.boundary import index_map, normalize
from convkit._core.geometry import axis_geometry
from convkit.kernels import correlate as kernels
from convkit.kernels import parts, simd

PLAIN = kernels.segment
DTYPES = [np.float32, np.float64, np.complex64, np.complex128, np.int64]


def draw(rng, shape, dtype):
    values = rng.standard_normal(shape) * 8
    if np.dtype(dtype).kind == "c":
        values = values + 8j * rng.standard_normal(shape)
    return values.astype(dtype)


def expected(x, w, boundary, fill, mode):
    """Correlation by shifted sums in double precision."""
    g = [axis_geometry(n, k, mode) for n, k in zip(x.shape, w.shape, strict=True)]
    sources = np.ix_(*(index_map(n, h.before, h.after, boundary) for n, h in zip(x.shape, g, strict=True)))
    outside = np.zeros(np.broadcast_shapes(*(s.shape for s in sources)), bool)
    for s in sources:
        outside = outside | (s < 0)
    wide = {"c": np.complex128, "i": np.int64, "f": np.float64}[w.dtype.kind]
    padded = np.where(outside, wide(fill), x.astype(wide)[tuple(np.maximum(s, 0) for s in sources)])
    shape = tuple(h.length for h in g)
    result, size = np.zeros(shape, wide), np.zeros(shape)
    for offset in np.ndindex(w.shape):
        part = padded[tuple(slice(o, o + n) for o, n in zip(offset, shape, strict=True))]
        result += wide(w[offset]) * part
        size += abs(w[offset]) * np.abs(part)
    return result, size


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("taps", [(1, 1, 1), (1, 1, 5), (1, 3, 4), (2, 5, 3), (3, 1, 2)])
def test_segment_is_its_plain_twin(dtype, rows, taps):
    rng = np.random.default_rng([rows, *taps])
    kd, kh, kw = taps
    step, columns = 2, max(16, kernels.minimum_columns(dtype)) * 5 + 3
    plane = rows + kh - 1
    pitch = columns + (kw - 1) * step + 1
    x = draw(rng, kd * plane * pitch, dtype)
    w = draw(rng, kd * kh * kw, dtype)
    offsets = np.arange(kd * plane) * pitch
    offsets[rng.integers(0, offsets.size)] = -1
    got = np.full(rows * columns, -7, dtype)
    want = got.copy()
    arguments = (x, offsets, 0, plane, rows, w, kd, kh, kw, step, 1)
    _compiled()(*arguments, columns, got, 0, columns)
    PLAIN(*arguments, columns, want, 0, columns)
    np.testing.assert_allclose(got, want, rtol=0, atol=0 if dtype == np.int64 else 64 * np.finfo(dtype).eps * 64 * kd * kh * kw)


@cache
def _compiled():
    """`segment` as `correlate_box` calls it; not kept on disk."""
    inner = kernels.segment

    def run(x, offsets, first, plane, rows, w, kd, kh, kw, step, col, columns, out, o, pitch):
        inner(x, offsets, first, plane, rows, w, kd, kh, kw, step, col, columns, out, o, pitch)

    return numba.njit(run, error_model="numpy")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int64])
@pytest.mark.parametrize(("shape", "taps"), [((7,), (3,)), ((300,), (4,)), ((5, 40), (3, 2)), ((9, 150), (2, 5)),
                                             ((3, 4, 5), (2, 3, 4)), ((11, 6, 37), (3, 1, 5))])
@pytest.mark.parametrize("boundary", ["zero", "constant", "edge", "reflect", "symmetric", "wrap"])
def test_boxes_are_shifted_sums(shape, taps, boundary, dtype):
    from convkit.engines import cpu

    rng = np.random.default_rng([*shape, *taps])
    x, w = draw(rng, shape, dtype), draw(rng, taps, dtype)
    fill = 3 if boundary == "constant" else 0
    for mode in ("same", "full"):
        want, size = expected(x, w, boundary, fill, mode)
        got = np.empty(want.shape, dtype)
        geometry = [axis_geometry(n, k, mode) for n, k in zip(shape, taps, strict=True)]
        cpu.correlate(x, w, geometry, normalize(boundary, len(shape)), fill, range(len(shape)), got, 1)
        bound = 0 if dtype == np.int64 else 4 * w.size * np.finfo(dtype).eps * size
        assert (np.abs(got - want) <= bound).all()


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("samples", ["real", "complex"])
@pytest.mark.parametrize("weights", ["real", "complex"])
@pytest.mark.parametrize(("shape", "taps"), [((300,), (4,)), ((40, 150), (2, 5)), ((3, 70, 37), (3, 1, 5))])
def test_complex_boxes_are_shifted_sums(shape, taps, weights, samples, dtype):
    """Complex numbers are computed as their parts, whichever of samples and weights have them, and what lies beyond."""
    from convkit.engines import cpu

    rng = np.random.default_rng([*shape, *taps])
    x, w = draw(rng, shape, dtype), draw(rng, taps, dtype)
    x = x.real if samples == "real" else x
    w.imag = 0 if weights == "real" else w.imag
    fill = np.dtype(dtype).type(3 if samples == "real" else 3 - 5j)
    for mode in ("same", "full"):
        want, size = expected(x, w, "constant", fill, mode)
        got = np.empty(want.shape, dtype)
        geometry = [axis_geometry(n, k, mode) for n, k in zip(shape, taps, strict=True)]
        cpu.correlate(x, w, geometry, ["constant"] * len(shape), fill, range(len(shape)), got, 2)
        assert (np.abs(got - want) <= 4 * w.size * np.finfo(dtype).eps * size).all()


def test_joined_parts():
    """What is complex in samples and weights ends where it belongs, in a box that is not the whole."""
    a, b = np.arange(8.0), 10 * np.arange(8.0)
    x, out = np.arange(1.0, 9).reshape(2, 4), np.zeros((1, 3, 6), np.complex128)
    parts.join_parts(a, b, False, out.reshape(-1), (1, 3, 6), (0, 1, 1, 3, 1, 5))
    assert (out[0, 1:, 1:5] == a.reshape(2, 4) + 1j * b.reshape(2, 4)).all()
    assert np.count_nonzero(out) == 7
    out[:] = 0
    parts.join_parts(2 * x.reshape(-1), 3 * x.reshape(-1), True, out.reshape(-1), (1, 3, 12), (0, 1, 0, 2, 4, 8))
    assert (out[0, :2, 2:4] == (2 + 3j) * (x[:, ::2] + 1j * x[:, 1::2])).all()
    assert np.count_nonzero(out) == 4


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_small_integers_are_converted_on_the_way(dtype):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 200, (23, 57)).astype(dtype)
    w = rng.integers(-9, 9, (3, 4))
    np.testing.assert_array_equal(convkit.correlate(x, w, method="direct"),
                                  expected(x, w, "zero", 0, "same")[0].astype(np.float32))


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.skipif(not simd.vector_bits(), reason="no vector unit that the kernels know: the plain loops are used")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_vector_kernels_are_vector_code(dtype):
    run = _compiled()
    x, w, out = np.ones(400, dtype), np.ones(9, dtype), np.zeros(160, dtype)
    run(x, np.arange(4) * 90, 0, 4, 2, w, 1, 3, 3, 1, 0, 80, out, 0, 80)
    assert (out == 9).all()
    kind = numba.typeof(x)
    code = next(asm for signature, asm in run.inspect_asm().items() if signature[0] == kind)
    register = {512: "zmm", 256: "ymm", 128: "v"}[simd.vector_bits()]
    fused = [line for line in code.splitlines() if "vfmadd" in line or "fmla" in line]
    assert len(fused) >= 16
    assert sum(register in line for line in fused) > len(fused) // 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("taps", [97, 128, 200])
def test_long_lines_are_folded_without_a_trace(dtype, taps):
    """Many taps run as an image of overlapping rows; the zeros that fill up its weights must not spread Inf or NaN."""
    from convkit.engines import cpu

    rng = np.random.default_rng(taps)
    x, w = draw(rng, 3001, dtype), draw(rng, taps, dtype)
    geometry = [axis_geometry(x.size, taps, "same")]
    plain = np.empty_like(x)
    cpu.correlate(x, w, geometry, ["zero"], 0, (0,), plain, 1)
    want, size = expected(x, w, "zero", 0, "same")
    assert (np.abs(plain - want) <= 4 * taps * np.finfo(dtype).eps * size).all()
    x[1000], x[1300] = np.inf, np.nan
    got = np.empty_like(x)
    cpu.correlate(x, w, geometry, ["zero"], 0, (0,), got, 1)
    reached = np.zeros(x.size, bool)
    for at in (1000, 1300):
        reached[at - (taps - 1) // 2 : at - (taps - 1) // 2 + taps] = True
    assert (np.isfinite(got) == ~reached).all()
    np.testing.assert_array_equal(got[~reached], plain[~reached])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wedges_are_products_along_runs(dtype):
    from convkit.kernels.wedge import unwrap, wrap

    rng = np.random.default_rng(8)
    spectrum, box = draw(rng, 60, np.result_type(dtype, np.complex64)), np.zeros(40, np.result_type(dtype, np.complex64))
    values = draw(rng, 30, dtype)
    runs = np.array([[0, 0, 9, 0, 0], [30, 20, 11, 9, 5], [41, 39, 7, 20, 6], [59, 12, 3, 27, 3]])
    bounds = np.array([0, 4])
    wrap(spectrum.view(dtype), runs, bounds, values, box.view(dtype), 40)
    s, t = np.arange(9), np.arange(9)
    want = np.zeros_like(box)
    want[t] = values[:9] * spectrum[s]
    want[20 + np.arange(11)] = values[9:20] * np.conj(spectrum[30 - np.arange(11)])
    want[39 - np.arange(7)] = values[20:27] * np.conj(spectrum[41 + np.arange(7)])
    want[12 - np.arange(3)] = values[27:] * spectrum[59 - np.arange(3)]
    np.testing.assert_array_equal(box, want)
    back = np.zeros_like(spectrum)
    for turn in range(3):
        unwrap(want.view(dtype), 40, runs, bounds, values, dtype(0.5), back.view(dtype), 20, turn, 3)
    apart = np.vdot(want, want) / 2 - np.vdot(spectrum, back)
    assert abs(apart) < 100 * np.finfo(dtype).eps * np.vdot(want, want).real
    once = np.zeros_like(spectrum)
    unwrap(want.view(dtype), 40, runs, bounds, values, dtype(0.5), once.view(dtype), 20, 0, 1)
    np.testing.assert_array_equal(once, back)
    # Two boxes, with the same runs in both.
    boxes = np.zeros(80, spectrum.dtype)
    wrap(spectrum.view(dtype), np.concatenate([runs, runs]), np.array([0, 4, 8]), values, boxes.view(dtype), 40)
    np.testing.assert_array_equal(boxes, np.concatenate([want, want]))
