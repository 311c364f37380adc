"""What is written as instructions of the compiler, compiled for the CPU and run there: it has to do what its plain twin does.

The simulator runs the twins, and nothing else runs the instructions but a device.
"""

import numpy as np
import pytest

from tests.cuda.compiler import needed

pytestmark = needed

VECTOR = 16
DTYPES = ["float32", "float64", "complex128"]


def lanes_of(dtype):
    return VECTOR // np.dtype(dtype).itemsize


def copied(x, i, out, o):
    """The plain twin of `copy_vector`."""
    lanes = lanes_of(x.dtype)
    assert i % lanes == o % lanes == 0
    out[o : o + lanes] = x[i : i + lanes]


def room(values, dtype):
    """Numbers that begin at a multiple of 16 bytes."""
    raw = np.zeros(len(values) * np.dtype(dtype).itemsize + VECTOR, np.uint8)
    begin = -raw.ctypes.data % VECTOR
    found = raw[begin : begin + raw.size - VECTOR].view(dtype)
    found[...] = values
    return found


@pytest.fixture
def pair(monkeypatch):
    """``pair(name, *shape)``: a function of `slide_cuda` as the simulator runs it, and as it is written, for the CPU."""
    from numba import extending, njit

    from convkit.kernels import slide_cuda

    monkeypatch.setattr(slide_cuda, "copy_vector", copied)
    monkeypatch.setattr(slide_cuda, "intrinsic", extending.intrinsic)

    def made(name, *shape):
        monkeypatch.setattr(slide_cuda, "SIMULATED", True)
        plain = getattr(slide_cuda, name)(*shape)
        monkeypatch.setattr(slide_cuda, "SIMULATED", False)
        written = getattr(slide_cuda, name)(*shape)

        if name == "slide":
            @njit
            def call(shared, a, b, c, d, e, f, g, sums, window):
                written(shared, a, b, c, d, e, f, g, sums, window)
        else:
            @njit
            def call(shared, a, b, c, d, e, sums, window):
                written(shared, a, b, c, d, e, sums, window)
        return plain, call

    return made


def check(calls, dtype, sums, held, cases, rng):
    """Sums and windows are the same, of whole numbers, which add up in any order."""
    shared, before = room(rng.integers(-9, 9, 2048), dtype), rng.integers(-9, 9, sums + held)
    for case in cases:
        states = []
        for call in calls:
            totals, window = room(before[:sums], dtype), room(before[sums:], dtype)
            call(shared, *case, totals, window)
            states.append((totals, window))
        (totals, window), (got, got_window) = states
        assert np.array_equal(got, totals), case
        assert np.array_equal(got_window, window), case
        assert not np.array_equal(totals, before[:sums]), case


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_turns_of_tiles(dtype, full, pair, rng):
    from convkit.engines.cuda.direct import TILES

    vector, rows = lanes_of(dtype), TILES[np.dtype(dtype).itemsize].rows
    spans = [(0, vector)] if full else [(i, j) for i in range(vector) for j in range(i + 1, vector + 1)]
    cases = [(*map(np.uint64, (16, 64, 1500, 12)), *map(np.int32, (*span, left)))
             for span in spans for left in (1, 3, rows, rows + 2)]
    check(pair("slide", rows, dtype, full), dtype, rows * vector, rows * vector * (2 if vector > 1 else 1), cases, rng)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_turns_along_rows(dtype, full, pair, rng):
    from convkit.engines.cuda.direct import MARCHES

    vector, rows = lanes_of(dtype), MARCHES[np.dtype(dtype).itemsize].rows
    turn = 3 * vector
    spans = [(-1, turn)] if full else [(i, j) for i in range(-2, turn) for j in range(max(1, i + 1), turn + 1)]
    cases = [(*map(np.uint64, (32, 128, 1500)), *map(np.int32, span)) for span in spans]
    check(pair("across", rows, dtype, full), dtype, rows * 2 * vector, rows * turn, cases, rng)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_turns_down_columns(dtype, full, pair, rng):
    from convkit.engines.cuda.direct import MARCHES

    march = MARCHES[np.dtype(dtype).itemsize]
    n = march.length
    spans = [(0, n)] if full else [(i, j) for i in range(-1, n) for j in range(max(1, i + 1), n + 1)]
    cases = [(*map(np.uint64, (8, 700, 1500)), *map(np.int32, span)) for span in spans]
    check(pair("down", n, march.columns, 9, 40, dtype, full), dtype, n * march.columns, n * march.columns, cases, rng)


@pytest.mark.parametrize("dtype", ["uint8", "int32", *DTYPES])
def test_vectors_are_copied(dtype, rng):
    from numba import extending, njit

    from convkit.kernels import simd_cuda

    written, lanes = extending.intrinsic(simd_cuda._copy), lanes_of(dtype)

    @njit
    def call(x, i, out, o):
        written(x, i, out, o)

    x, out = room(rng.integers(0, 9, 4 * lanes), dtype), room(np.full(3 * lanes, 100), dtype)
    want = out.copy()
    copied(x, 2 * lanes, want, lanes)
    call(x, np.uint32(2 * lanes), out, np.uint64(lanes))
    assert np.array_equal(out, want)


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_vectors_are_loaded_into_registers_and_stored_from_them(dtype, rng):
    """Registers begin anywhere."""
    from numba import extending, njit

    from convkit.kernels import pointwise_cuda

    load, store, lanes = extending.intrinsic(pointwise_cuda._load), extending.intrinsic(pointwise_cuda._store), lanes_of(dtype)

    @njit
    def call(x, i, held, out, o):
        load(x, i, held)
        store(held, out, o)

    x, out, held = room(rng.integers(1, 9, 4 * lanes), dtype), room(np.zeros(3 * lanes), dtype), np.zeros(lanes + 1, dtype)[1:]
    call(x, np.uint64(2 * lanes), held, out, np.uint32(lanes))
    assert np.array_equal(held, x[2 * lanes : 3 * lanes])
    assert np.array_equal(out, np.concatenate([np.zeros(lanes), held, np.zeros(lanes)]))


def test_bits_of_numbers():
    from numba import extending, njit

    from convkit.kernels import thin_cuda

    written = extending.intrinsic(thin_cuda._bits)
    bits = njit(lambda value: written(value))
    for value in np.array([0, 1e-45, 1, 3.4e38, np.inf], np.float32):
        assert bits(value) == value.view(np.int32)
