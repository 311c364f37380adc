"""Arrays on a device that do not lie in C order, and axes with others between them: as on the CPU."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests.cuda.twins import sent

WEIGHTS = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])




def lying(x, name):
    """The same numbers on the device, lying in another way there: a view of an array that is C-contiguous."""
    from numba import cuda

    ndim = x.ndim
    if name == "reversed":
        there = sent(x[tuple(slice(None, None, -1) for _ in range(ndim))])
        return viewed(there, x.shape, [-n for n in steps_of(x.shape)], x.size - 1)
    if name == "sliced":
        wide = np.zeros([2 * n + 1 for n in x.shape], x.dtype)
        inner = tuple(slice(1, None, 2) for _ in range(ndim))
        wide[inner] = x
        whole = steps_of(wide.shape)
        return viewed(sent(wide), x.shape, [2 * n for n in whole], sum(whole))
    order = tuple(np.argsort(name)) if isinstance(name, tuple) else tuple(reversed(range(ndim)))
    axes = name if isinstance(name, tuple) else order
    there = cuda.to_device(np.ascontiguousarray(x.transpose(axes)))
    whole = steps_of(tuple(x.shape[a] for a in axes))
    return viewed(there, x.shape, [whole[i] for i in np.argsort(axes)], 0)


def steps_of(shape):
    return [int(np.prod(shape[i + 1 :], dtype=int)) for i in range(len(shape))]


def viewed(there, shape, steps, first):
    """A view of an array on the device."""
    from numba import cuda

    from convkit._core import gpu

    size = there.dtype.itemsize
    if gpu.SIMULATED:
        flat = there._ary.reshape(-1)[first:]
        return type(there)(np.lib.stride_tricks.as_strided(flat, shape, [size * n for n in steps]), there.stream)

    class View:
        owner = there
        __cuda_array_interface__ = {  # noqa: RUF012
            "shape": tuple(shape), "strides": tuple(size * n for n in steps), "typestr": there.dtype.str, "version": 3,
            "data": (there.__cuda_array_interface__["data"][0] + first * size, False)}

    return cuda.as_cuda_array(View())


WAYS = ("reversed", "sliced", "transposed")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float64", "uint8", "complex64", "bool"])
def test_samples_may_lie_in_any_order(way, dtype, rng):
    x = (rng.random((7, 9)) * 9).astype(dtype)
    got = convkit.correlate(lying(x, way), WEIGHTS, boundary="edge")
    want = convkit.correlate(sent(x), WEIGHTS, boundary="edge")
    np.testing.assert_array_equal(got.copy_to_host(), want.copy_to_host())
    assert got.is_c_contiguous()


@pytest.mark.parametrize("way", WAYS)
def test_results_are_written_in_any_order(way, rng):
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    x = rng.standard_normal((6, 5))
    for dtype in (np.float64, np.float32):
        out = lying(np.zeros((6, 5), dtype), way)
        assert convkit.convolve(sent(x), WEIGHTS, out=out, dtype=dtype) is out
        got = gpu.fetched(strides.seen(out, "out"))
        np.testing.assert_array_equal(got, convkit.convolve(sent(x), WEIGHTS, dtype=dtype).copy_to_host())


def test_what_lies_between_the_numbers_of_a_result_stays(rng):
    x = rng.standard_normal((3, 4))
    there = sent(np.full((3, 8), 7.0))
    out = viewed(there, (3, 4), [8, 2], 1)
    convkit.convolve(sent(x), WEIGHTS, out=out)
    got = there.copy_to_host()
    assert (got[:, ::2] == 7).all()
    np.testing.assert_array_equal(got[:, 1::2], convkit.convolve(sent(x), WEIGHTS).copy_to_host())


def test_a_result_may_lie_across_its_own_samples(rng):
    x = rng.standard_normal((5, 5))
    there = sent(x)
    want = convkit.convolve(sent(x), WEIGHTS).copy_to_host()
    convkit.convolve(there, WEIGHTS, out=viewed(there, (5, 5), [1, 5], 0))
    np.testing.assert_array_equal(there.copy_to_host().T, want)


@settings(max_examples=25)
@given(st.data())
def test_numbers_are_copied_between_any_steps(data):
    """Also more than four axes, and short ones, which are not turned."""
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    shape = tuple(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(lambda s: np.prod(s) <= 120)))
    ways = [data.draw(st.permutations(range(len(shape)))) for _ in range(2)]
    x = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    source, out = (lying(a, tuple(way)) for a, way in zip((x, np.zeros_like(x)), ways, strict=True))
    strides.copy(gpu.found(source, "x"), gpu.found(out, "out"))
    assert gpu.fetched(strides.seen(out, "out")).tolist() == x.tolist()


def test_the_tile_of_a_device_turns(monkeypatch):
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    monkeypatch.setattr(strides, "turn_for", lambda dtype: strides.TURNS[dtype.itemsize])
    x = np.arange(3 * 35, dtype=np.float32).reshape(35, 3)
    assert [part.turns for part in strides.plan((35, 9), (1, 35), (9, 1), 4)] == [True]
    monkeypatch.setattr(strides, "SHORT", 2)
    got = strides.seen(lying(x, "transposed"), "x")
    np.testing.assert_array_equal(gpu.fetched(got), x)


@pytest.mark.parametrize(("shape", "steps"), [((2, 3, 7), (60, 20, 2)), ((1, 13), (0, 3)), ((2, 2, 5, 4), (90, 50, 9, -2))])
def test_rows_are_copied_by_tiles(shape, steps, monkeypatch):
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    taken = []
    plain = strides.rows_for
    monkeypatch.setattr(strides, "rows_for", lambda high: taken.append(high) or plain(high))
    x = np.random.default_rng(5).standard_normal(200)
    first = 9 if min(steps) < 0 else 0
    got = gpu.fetched(strides.seen(viewed(sent(x), shape, steps, first), "x"))
    np.testing.assert_array_equal(got, x[first + np.tensordot(steps, np.indices(shape), 1)])
    assert len(taken) == (1 if gpu.SIMULATED else 0)


@pytest.mark.parametrize("high", [1, 3])
def test_the_rows_of_a_device(high, monkeypatch):
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    monkeypatch.setattr(strides, "rows_for", lambda high: strides.TILES[high == 1])
    x = np.arange(high * 300, dtype=np.uint8).reshape(high, 300)
    got = strides.seen(lying(x, "sliced"), "x")
    np.testing.assert_array_equal(gpu.fetched(got), x)


def test_launches_are_few():
    from convkit.engines.cuda.strides import plan

    merged = plan((4, 5, 6, 7), (420, 84, 14, 2), (210, 42, 7, 1), 4)
    assert [(part.turns, part.sizes) for part in merged] == [(False, (1, 1, 1, 840))]
    across = plan((64, 64), (1, 64), (64, 1), 4)
    assert [(part.turns, part.sizes) for part in across] == [(True, (1, 1, 64, 64))]
    many = plan((70000, 1 << 16), (3 << 16, 2), (1 << 16, 1), 1)
    assert [part.sizes[2:] for part in many] == [(32767, 1 << 16), (32767, 1 << 16), (4466, 1 << 16)]
    assert [part.x_first for part in many] == [0, 32767 * (3 << 16), 2 * 32767 * (3 << 16)]
    assert [part.out_first for part in many] == [0, 32767 << 16, 32767 << 17]


def test_parts_of_many_numbers_are_copied_one_by_one(monkeypatch):
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    monkeypatch.setattr(strides, "MOST", 8)
    strides.plan.cache_clear()
    x = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    got = [gpu.fetched(strides.seen(lying(x, way), "x")) for way in (*WAYS, (1, 0, 2))]
    strides.plan.cache_clear()
    for copied in got:
        np.testing.assert_array_equal(copied, x)


@pytest.mark.parametrize(("shape", "axes", "method"), [
    ((2, 3, 2, 40), (0, 2), "direct"), ((3, 2, 4, 2, 3), (0, 2, 4), "direct"), ((3, 2, 4, 2, 3), (0, 2, 4), "fft"),
    ((3, 2, 2, 33, 2), (1, 3), "auto"), ((2, 3, 4, 3), (1, 2, 3), "direct")])
def test_axes_may_have_others_between_them(shape, axes, method, rng):
    x, weights = rng.standard_normal(shape), rng.standard_normal([2, 3, 2][: len(axes)])
    options = {"axes": axes, "boundary": "reflect", "mode": "full"}
    got = convkit.correlate(sent(x), weights, method=method, **options).copy_to_host()
    want = convkit.correlate(x, weights, method="direct", **options)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(weights).sum() * np.abs(x).max())


def test_axes_that_stay_are_not_copied():
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    x = gpu.found(sent(np.zeros((1, 3, 4))), "x")
    for order in ((0, 1, 2), (1, 2, 0)):
        assert strides.in_order(strides.turned(x, order)).line is x.line
    assert strides.in_order(strides.turned(x, (0, 2, 1))).line is not x.line


def test_weights_may_lie_in_any_order(rng):
    x = rng.standard_normal((5, 6))
    got = convkit.convolve(sent(x), lying(WEIGHTS, "transposed")).copy_to_host()
    np.testing.assert_array_equal(got, convkit.convolve(sent(x), WEIGHTS).copy_to_host())


def test_what_cannot_be_read_or_written_is_refused(rng):
    x = sent(rng.standard_normal((4, 6)))
    with pytest.raises(ValueError, match="several numbers in one place"):
        convkit.convolve(x, WEIGHTS, out=viewed(sent(np.zeros(6)), (4, 6), [0, 1], 0))
    with pytest.raises(ValueError, match=r"x has shape \(0, 3\), which holds no samples"):
        convkit.convolve(viewed(sent(np.zeros((0, 3))), (0, 3), [1, 2], 0), WEIGHTS)
