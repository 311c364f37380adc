"""Calls met before: the second call gives what the first gives, and nothing that changes a result is overlooked."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from convkit.convolution import faces
from convkit.convolution.memory import WHOLE, Memory, key_of
from tests.strategies import BOUNDARIES, LAYOUTS, MODES, SEEDS, values

METHODS = ("direct", "separable", "fft", "auto")
CONVOLVE, SEPARABLE = "_met", "_met_separable"


@pytest.fixture
def counted(monkeypatch):
    """Fresh memories, and how often what was kept is used."""
    hits = []

    class Counted(Memory):
        def find(self, key):
            found = super().find(key)
            hits.append(found is not None)
            return found

    monkeypatch.setattr(faces, CONVOLVE, Counted())
    monkeypatch.setattr(faces, SEPARABLE, Counted())
    return hits


def outer(rng, sides, dtype="float64"):
    weights = np.ones(())
    for side in sides:
        weights = np.multiply.outer(weights, values(rng, side, dtype))
    return weights


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8", "float16", ">f4"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", METHODS)
def test_a_second_call_gives_what_a_first_gives(method, layout, dtype, counted, rng):
    for n, k, mode, boundary in (((37,), (5,), "same", "wrap"), ((13, 18), (3, 4), "full", "reflect"),
                                 ((7, 8, 9), (2, 3, 3), "valid", "zero")):
        weights = outer(rng, k)
        first, second = (layout(values(rng, n, np.dtype(dtype))) for _ in range(2))
        options = {"mode": mode, "boundary": boundary, "method": method}
        want = convkit.convolve(second, weights, **options)
        convkit.convolve(first, weights, **options)
        got = convkit.convolve(second, weights, **options)
        assert counted[-1] == (type(second) is np.ndarray)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        out = np.empty_like(want)
        assert convkit.convolve(second, weights, out=out, **options) is out
        np.testing.assert_array_equal(out, want)


@settings(max_examples=150)
@given(SEEDS, st.sampled_from(MODES), st.sampled_from(BOUNDARIES), st.sampled_from(("float32", "complex64", "uint8")),
       st.sampled_from((None, "float64", "int16")), st.sampled_from(("float64", "complex128", "int8")))
def test_separable_calls_again(seed, mode, boundary, dtype, result, kind):
    rng = np.random.default_rng(seed)
    taps = [values(rng, 3, kind), None if seed % 3 == 0 else values(rng, 4, kind)]
    x = values(rng, (2, 19, 23), dtype)
    if "complex" in (dtype[:7], kind[:7]) and result is not None:
        result = "complex128"
    options = {"mode": mode, "boundary": boundary, "dtype": result, "axes": (1, 2)}
    want = convkit.convolve_separable(x.copy(), taps, **options)
    for _ in range(2):
        np.testing.assert_array_equal(convkit.convolve_separable(x, taps, **options), want)


def test_separable_calls_are_remembered(counted, rng):
    x, taps = rng.standard_normal((30, 40)).astype(np.float32), [rng.standard_normal(5), rng.standard_normal(7)]
    want = convkit.convolve_separable(x, taps)
    assert counted == [False]
    np.testing.assert_array_equal(convkit.convolve_separable(x, [t.copy() for t in taps]), want)
    np.testing.assert_array_equal(convkit.convolve_separable(x, tuple(taps)), want)
    assert counted == [False, True, True]
    other = convkit.convolve_separable(x, [taps[1], taps[0]])
    assert not counted[-1]
    assert not np.array_equal(other, want)
    taps[0][2] += 1  # the same array, other taps
    changed = convkit.convolve_separable(x, taps)
    assert not counted[-1]
    np.testing.assert_array_equal(changed, convkit.convolve_separable(x.copy(), [t.tolist() for t in taps]))
    assert not np.array_equal(changed, want)


def test_weights_that_change_in_place_are_other_weights(counted, rng):
    x = rng.standard_normal((70, 70))
    for side in (3, 60):
        weights = rng.standard_normal((side, side))
        assert (weights.nbytes > WHOLE) == (side == 60)
        for spot in ((0, 0), (1, 2), (2, 1)):
            convkit.convolve(x, weights, method="direct", mode="full")
            weights[spot] += 1
            got = convkit.convolve(x, weights, method="direct", mode="full")
            want = convkit.convolve(x, weights.tolist(), method="direct", mode="full")
            np.testing.assert_array_equal(got, want)
        assert convkit.convolve(x, weights, method="direct", mode="full") is not None
        assert counted[-1]


OPTIONS = ({"mode": "full"}, {"boundary": "edge"}, {"boundary": ["edge", "zero"]}, {"axes": (1, 0)}, {"axes": [1, 0]},
           {"dtype": np.float64}, {"dtype": "float16"}, {"method": "fft"}, {"method": "separable"},
           {"boundary": "constant", "fill_value": 1.5}, {"boundary": "constant", "fill_value": np.nan},
           {"boundary": "constant", "fill_value": float("nan")}, {"boundary": "constant", "fill_value": np.float32(2)},
           {"boundary": "constant", "fill_value": 2 + 0j}, {"boundary": "constant", "fill_value": True},
           {"boundary": "constant", "fill_value": -0.0}, {"boundary": "constant", "fill_value": 0.0},
           {"boundary": "constant", "fill_value": np.array(3.0)})


def test_every_option_is_told_apart(counted, rng):
    """All options one after the other, twice: each gives what it gives alone."""
    x, weights = rng.standard_normal((9, 12)).astype(np.float32), outer(rng, (3, 2))
    alone = []
    for options in OPTIONS:
        faces._met = Memory()
        alone.append(convkit.convolve(x, weights, **options))
    faces._met = Memory()
    for _ in range(2):
        for options, want in zip(OPTIONS, alone, strict=True):
            for _ in range(2):
                got = convkit.convolve(x, weights, **options)
                assert got.dtype == want.dtype
                np.testing.assert_array_equal(got, want)
                np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_lists_among_the_options_are_remembered(counted, rng):
    x, weights = rng.standard_normal((9, 12)), rng.standard_normal((3, 2))
    for _ in range(2):
        convkit.convolve(x, weights, boundary=["edge", "wrap"], axes=[0, 1])
    assert counted == [False, True]


@pytest.mark.parametrize("call", [convkit.convolve, convkit.correlate])
def test_what_is_refused_is_refused_after_a_call_that_looks_equal(call, rng):
    x, weights = rng.standard_normal(9), rng.standard_normal(3)
    call(x, weights, axes=0)
    call(x, weights, axes=(0,))
    for axes in (0.0, (0.0,), [0.0]):
        with pytest.raises(TypeError, match="axes"):
            call(x, weights, axes=axes)
    call(x, weights, workers=1)
    with pytest.raises(TypeError, match="workers"):
        call(x, weights, workers=True)
    with pytest.raises(ValueError, match="out has shape"):
        call(x, weights, out=np.empty(8))
    with pytest.raises(ValueError, match="boundary"):
        call(x, weights, boundary=["edge", "edge"])
    with pytest.raises(ValueError, match="boundary"):
        call(x, weights, boundary=[["edge"]])


def test_convolve_and_correlate_are_two(rng):
    x, weights = rng.standard_normal(9), rng.standard_normal(3)
    for _ in range(2):
        assert not np.array_equal(convkit.convolve(x, weights), convkit.correlate(x, weights))


def test_samples_that_an_fft_would_spoil_after_others(counted, rng):
    """What is kept for an FFT is not used for samples with NaN, and is used again after them."""
    x, weights = rng.standard_normal((300, 300)).astype(np.float32), rng.standard_normal((63, 63))
    assert convkit.choose_method(x, weights).method == "fft"
    want = convkit.convolve(x, weights)
    holed = x.copy()
    holed[100, 100] = np.nan
    got = convkit.convolve(holed, weights)
    assert np.isnan(got).sum() == 63 * 63
    np.testing.assert_array_equal(convkit.convolve(x, weights), want)
    assert counted == [False, True, True]


def test_exact_integers_after_inexact_ones(rng):
    """Whether integers are exact may depend on their values, which are no part of the key."""
    weights = np.array([[1, -3, 2]] * 3)
    small = rng.integers(-100, 100, (64, 64))
    large = small * 2**40
    for dtype in (None, np.int64):
        for x in (small, large, small):
            got = convkit.convolve(x, weights, dtype=dtype, method="auto")
            np.testing.assert_array_equal(got, convkit.convolve(x.copy(), weights.tolist(), dtype=dtype, method="auto"))
    np.testing.assert_array_equal(convkit.convolve(large, weights, dtype=np.int64),
                                  convkit.convolve(small, weights, dtype=np.int64) * 2**40)


# --- the memory itself ------------------------------------------------------------------------------------------------
class Held:
    """Stands for something prepared."""

    def __init__(self, nbytes=0, lasting=True):
        self.nbytes, self.lasting = nbytes, lasting


def key(number, size=3):
    return key_of(np.ones(4), [np.full(size, float(number))], ("same",), "zero", 0.0, None)


def test_the_oldest_is_forgotten():
    memory = Memory(count=3)
    kept = [Held() for _ in range(5)]
    for number, ready in enumerate(kept):
        memory.keep(key(number), ready)
    assert [memory.find(key(number)) for number in range(5)] == [None, None, *kept[2:]]


def test_bytes_are_bounded():
    memory = Memory(nbytes=1 << 20)
    kept = [Held(200_000) for _ in range(9)]
    for number, ready in enumerate(kept):
        memory.keep(key(number), ready)
    found = [memory.find(key(number)) for number in range(9)]
    assert found[-4:] == kept[-4:]
    assert sum(200_000 for ready in found if ready) <= 1 << 20
    memory.keep(key(9), Held(1 << 20))  # too large to be worth all others
    assert memory.find(key(9)) is None
    assert memory.find(key(8)) is kept[8]
    for _ in range(20):  # kept again, not added
        memory.keep(key(8), kept[8])
    assert memory.find(key(7)) is kept[7]


def test_large_weights_are_compared_as_a_whole():
    memory, ready = Memory(), Held()
    base = np.zeros(5000)
    memory.keep(key_of(base, [base], (), "zero", 0, None), ready)
    assert memory.find(key_of(base, [base.copy()], (), "zero", 0, None)) is ready
    for spot in range(0, 5000, 61):
        other = base.copy()
        other[spot] = 1e-30
        assert memory.find(key_of(base, [other], (), "zero", 0, None)) is None


def test_what_is_not_plain_has_no_key(rng):
    x, w = rng.standard_normal(5), rng.standard_normal(3)
    for weird in ({"fill_value": np.array([1])}, {"axes": np.array([0])}, {"axes": True}, {"weights": [[1, 2]]},
                  {"x": x.tolist()}, {"x": np.ma.array(x)}, {"weights": [np.array([None, 1])]},
                  {"weights": [np.zeros(1 << 18)]}):
        plain = {"x": x, "weights": [w], "words": (), "boundary": "zero", "fill_value": 0.0, "axes": None}
        assert key_of(**plain) is not None
        assert key_of(**plain | weird) is None
    memory = Memory()
    unhashable = key_of(x, [w], ({},), "zero", 0.0, None)
    memory.keep(unhashable, Held())
    assert memory.find(unhashable) is None
    memory.keep(key_of(x, [w], (), "zero", 0.0, None), Held(lasting=False))
    assert memory.find(key_of(x, [w], (), "zero", 0.0, None)) is None


def test_threads_may_keep_and_find_at_once():
    memory = Memory(count=8, nbytes=1 << 16)
    wrong = []

    def work(start):
        for number in range(start, start + 400):
            memory.keep(key(number % 23), Held(100 + number % 23))
            found = memory.find(key(number % 23))
            if found is not None and found.nbytes != 100 + number % 23:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(7 * i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(memory.find(key(number)) is not None for number in range(23)) <= 8
