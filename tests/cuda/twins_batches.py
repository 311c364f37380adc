"""Batches of the host that are sent, computed and fetched piece by piece: as in one piece, bit for bit."""

import numpy as np
import pytest

import convkit
from convkit._core.geometry import axis_geometry
from tests import strategies


@pytest.fixture
def pieces(monkeypatch):
    """First items of the pieces, with pieces of 200 bytes."""
    from convkit.engines.cuda import batches

    begins = []
    plain = batches._Piece.start
    monkeypatch.setattr(batches, "PIECE", 200)
    monkeypatch.setattr(batches._Piece, "start", lambda piece, begin, run: begins.append(begin) or plain(piece, begin, run))
    return begins


def one_by_one(call, x):
    """Each item by itself."""
    return np.stack([call(item) for item in x])


@pytest.mark.parametrize(("items", "begins"), [(2, [0, 1]), (4, [0, 1, 2, 3]), (1, [])])
def test_large_items_are_pieces(items, begins, pieces, rng):
    x, weights = rng.standard_normal((items, 5, 6)), rng.standard_normal((2, 3))
    got = convkit.correlate(x, weights, axes=(1, 2), boundary="reflect", device="cuda")
    assert pieces == begins
    np.testing.assert_array_equal(got, one_by_one(lambda item: convkit.correlate(item, weights, boundary="reflect",
                                                                                 device="cuda"), x))


def test_the_last_piece_begins_earlier(pieces, rng):
    x, taps = rng.standard_normal((7, 2, 4)).astype(np.float32), rng.standard_normal(3)
    for _ in range(2):
        got = convkit.convolve_separable(x, [taps], axes=2, mode="full", device="cuda")
    assert pieces == [0, 4 - 1] * 2
    np.testing.assert_array_equal(got, one_by_one(lambda item: convkit.convolve_separable(item, [taps], axes=1, mode="full",
                                                                                          device="cuda"), x))


@pytest.mark.parametrize(("samples", "result"), [("uint8", None), ("float16", "float64"), (">f4", "uint8"), (">f4", None),
                                                 ("complex64", None), ("uint8", "uint8")])
def test_numbers_are_converted_on_the_way(samples, result, pieces, rng):
    x = strategies.values(rng, (5, 9, 6), np.dtype(samples).newbyteorder("=").name).astype(samples)[:, ::-1, ::2]
    weights = rng.standard_normal((2, 2))
    got = convkit.convolve(x, weights, axes=(1, 2), dtype=result, device="cuda")
    assert len(pieces) > 1
    want = one_by_one(lambda item: convkit.convolve(item, weights, dtype=result, device="cuda"), x)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_results_go_where_the_caller_says(pieces, rng):
    from convkit._core import gpu

    x, weights = rng.standard_normal((5, 4, 6)), rng.standard_normal((3, 2))
    want = convkit.convolve(x, weights, axes=(1, 2), device="cuda")
    for out in (np.zeros_like(x), x.copy(), np.asfortranarray(x)):
        assert convkit.convolve(x, weights, axes=(1, 2), out=out, device="cuda") is out
        np.testing.assert_array_equal(out, want)
    lying = gpu.cuda.to_device(np.zeros_like(x))
    assert convkit.convolve(x, weights, axes=(1, 2), out=lying, device="cuda") is lying
    np.testing.assert_array_equal(lying.copy_to_host(), want)
    before = len(pieces)
    for shift in (0, 1):
        memory = np.concatenate([x, x[:1]])
        samples, out = memory[shift : 5 + shift], memory[1 - shift : 6 - shift]
        assert convkit.convolve(samples.copy(), weights, axes=(1, 2), out=out, device="cuda") is out
        memory[:] = np.concatenate([x, x[:1]])
        expected = convkit.convolve(samples.copy(), weights, axes=(1, 2), device="cuda")
        assert convkit.convolve(samples, weights, axes=(1, 2), out=out, device="cuda") is out
        np.testing.assert_array_equal(out, expected)
    assert len(pieces) > before
    with pytest.raises(ValueError, match=r"out has shape \(5, 4, 5\)"):
        convkit.convolve(x, weights, axes=(1, 2), out=np.zeros((5, 4, 5)), device="cuda")


def test_correlated_and_very_large_items_go_in_one_piece(pieces, rng, monkeypatch):
    from convkit.engines.cuda import batches

    x, weights = rng.standard_normal((6, 5, 4)), rng.standard_normal(3)
    convkit.convolve(x, weights, axes=0, device="cuda")
    assert pieces == []
    monkeypatch.setattr(batches, "MOST", 5 * 4 * 8 - 1)
    convkit.convolve(x, weights, axes=1, device="cuda")
    assert pieces == []
    monkeypatch.setattr(batches, "MOST", 5 * 4 * 8)
    convkit.convolve(x, weights[:2], axes=1, device="cuda")
    assert pieces == [0, 1, 2, 3, 4, 5]


def test_integers_are_exact(pieces, rng):
    x = rng.integers(-(2**50), 2**50, (6, 12))
    got = convkit.convolve(x, [1, -2, 1], axes=1, dtype=np.int64, device="cuda")
    assert len(pieces) > 1
    np.testing.assert_array_equal(got, one_by_one(lambda item: np.convolve(item, [1, -2, 1], "same"), x))


def test_page_locked_memory_is_kept_up_to_a_piece(pieces, rng, monkeypatch):
    from convkit.engines.cuda import batches

    asked = []
    plain = batches.gpu.locked
    monkeypatch.setattr(batches, "_slots", {})
    monkeypatch.setattr(batches.gpu, "locked", lambda nbytes: asked.append(nbytes) or plain(nbytes))
    small, large = rng.standard_normal((8, 10)), rng.standard_normal((8, 40))
    for _ in range(2):
        convkit.convolve(small, [1.0, 2.0], axes=1, device="cuda")
    assert asked == [0] * 6 + [160] * 6
    del asked[:]
    for _ in range(2):
        convkit.convolve(large, [1.0, 2.0], axes=1, device="cuda")
    assert asked == ([320] * 6 + [0] * 6) * 2


def test_no_order_but_that_of_the_streams_is_needed(pieces, rng, monkeypatch):
    """All work of a stream waits until somebody waits for it, and is done all at once then."""
    from convkit.engines.cuda import batches

    if not batches.gpu.SIMULATED:
        pytest.skip("a device takes streams of its own only")

    class Lazy:
        def __init__(self):
            self.work = []

        def synchronize(self):
            work, self.work = self.work, []
            for call, arguments in work:
                call(*arguments)

    def later(call, stream_of):
        return lambda *arguments: stream_of(*arguments).work.append((call, arguments))

    x, weights = rng.standard_normal((11, 4, 6)), rng.standard_normal((3, 2))
    want = convkit.convolve(x, weights, axes=(1, 2), device="cuda", dtype=np.float32)
    monkeypatch.setattr(batches, "_slots", {})
    monkeypatch.setattr(batches.gpu.cuda, "stream", Lazy)
    monkeypatch.setattr(batches.gpu, "write", later(batches.gpu.write, lambda x, out: out.stream))
    monkeypatch.setattr(batches.gpu, "read", later(batches.gpu.read, lambda x, out: x.stream))
    monkeypatch.setattr(batches.direct, "store", later(batches.direct.store, lambda values, out: values.stream))
    prepared = batches.direct.Prepared
    monkeypatch.setattr(prepared, "__call__", later(prepared.__call__, lambda run, x, out: x.stream))
    got = np.empty((11, 4, 6), np.float32)
    geometry = [axis_geometry(4, 3, "same"), axis_geometry(6, 2, "same")]
    run = batches.direct.prepare((1, 4, 6), x.dtype, weights[::-1, ::-1].copy(), geometry, ("zero", "zero"), 0.0, (1, 2))
    batches.run(run, x, got, 1, np.dtype(float))
    np.testing.assert_array_equal(got, want)


def test_memory_is_given_back_after_an_error(rng, monkeypatch):
    from convkit.engines.cuda import batches

    monkeypatch.setattr(batches, "_slots", {})
    monkeypatch.setattr(batches, "PIECE", 8)

    def fails(x, out):
        raise ArithmeticError

    x = rng.standard_normal((4, 5))
    with pytest.raises(ArithmeticError):
        batches.run(fails, x, np.empty_like(x), 2, x.dtype)
    assert [side.size for slot in batches._slots[batches.gpu.current()] for side in slot._sides] == [0] * 6
