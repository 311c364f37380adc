"""Arrays of networks beside those of other libraries, large ones, and their sums: see twins.py."""

from types import SimpleNamespace

import numpy as np
import pytest

import convkit.nn.functional as F
from convkit import nn
from convkit._core import gpu
from convkit.engines.cuda import arithmetic, arrays, axes, loss
from tests.cuda.twins import sent

X = np.random.default_rng(12).standard_normal((2, 3, 4))


def test_arrays_of_a_caller_are_operands_as_all_others():
    """What is made of them is an array of networks, whatever library the memory is of."""
    model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Softmax(1), nn.Linear(12, 2, dtype=np.float64))
    want = model(X).data
    np.testing.assert_allclose(model.to("cuda")(sent(X)).data.cpu(), want, rtol=0, atol=1e-12)
    there = sent(X)
    y = F.relu(there)
    assert type(y) is type(arrays.taken(there)) is arrays.DeviceArray
    np.testing.assert_array_equal((y * 2).cpu(), np.maximum(X, 0) * 2)
    assert arrays.taken(there).address == gpu.seen(there, "x").address


def test_memory_of_a_caller_is_kept_and_handed_out_to_nobody():
    there = sent(np.ones(5))
    line = arrays.taken(there).reshape(5, 1)
    del there
    others = [arrays.filled((5,), np.dtype(np.float64), n) for n in range(3)]
    np.testing.assert_array_equal(line.cpu(), np.ones((5, 1)))
    address = line.address
    del line, others
    assert all(arrays.empty((5,), np.dtype(np.float64)).address != address for _ in range(4))


def test_other_libraries_see_the_memory():
    x = arrays.sent(X)
    told = x.__cuda_array_interface__
    assert (told["shape"], told["data"], told["strides"]) == (X.shape, (x.address, False), None)
    assert told["stream"] == 1  # the default one
    assert arrays.sent(X[:0]).__cuda_array_interface__["data"][0] == 0
    part = x[1].astype(np.float32).reshape(4, 3)
    told = {**part.__cuda_array_interface__, "stream": None}
    if gpu.SIMULATED:
        seen = np.asarray(SimpleNamespace(__array_interface__=told))
    else:
        seen = gpu.cuda.as_cuda_array(part).copy_to_host()
    np.testing.assert_array_equal(seen, X[1].astype(np.float32).reshape(4, 3))


def test_the_default_stream_waits_for_that_of_a_caller(monkeypatch):
    said = []
    event = SimpleNamespace(record=lambda stream: said.append(("recorded", stream)),
                            wait=lambda stream=0: said.append(("awaited", stream)))
    monkeypatch.setattr(gpu.cuda, "event", lambda: event, raising=False)
    seen = gpu.seen
    monkeypatch.setattr(gpu, "seen", lambda x, name: seen(x, name).on("beside"))
    taken = arrays.taken(sent(X))
    assert said == [("recorded", "beside"), ("awaited", 0)]
    assert taken.stream == 0


def test_arrays_of_more_numbers_than_kernels_count_are_refused(monkeypatch):
    x, row = arrays.sent(X), arrays.sent(X[0, 0])
    monkeypatch.setattr(axes, "MOST_NUMBERS", X.size)
    for call in (lambda: x + row, lambda: x.transpose(2, 0, 1), lambda: x.argmax(), lambda: x[:, [0, 1, 2]],
                 lambda: np.where(x > 0, x, row), lambda: np.broadcast_to(row, (2, 3, 4))):
        with pytest.raises(ValueError, match=r"an array of 24 numbers is more than arithmetic .*, fewer than 24"):
            call()
    np.testing.assert_array_equal((x + x).cpu(), 2 * X)  # of which neither place nor number is counted in 32 bits
    np.testing.assert_array_equal((row.reshape(2, 2).T).cpu(), X[0, 0].reshape(2, 2).T)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_all_numbers_are_of_parts_side_by_side(dtype, monkeypatch):
    made, whole = [], loss.total
    monkeypatch.setattr(arithmetic, "total", lambda x: made.append(x.size) or whole(x))
    monkeypatch.setattr(arithmetic, "LARGE", 30)
    monkeypatch.setattr(loss, "PART", 16)
    x = np.random.default_rng(5).standard_normal((7, 5, 3)).astype(dtype)
    there = arrays.sent(x)
    limit = 1e-12 if dtype == "float64" else 1e-5
    for want, got in ((x.sum(), there.sum()), (x.sum(keepdims=True), there.sum((0, 1, 2), keepdims=True)),
                      (x.mean(), there.mean())):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got.cpu(), want, rtol=0, atol=limit)
    assert made == [105] * 3
    lent = arrays.taken(sent(x))
    np.testing.assert_allclose(lent.sum().cpu(), x.sum(), rtol=0, atol=limit)
    # The others are by numbers apart.
    np.testing.assert_allclose(there.sum((0, 1)).cpu(), x.sum((0, 1)), rtol=0, atol=limit)
    assert (there > 0).sum().item() == (x > 0).sum()
    assert there[:2].sum(dtype=np.float16).dtype == np.float16
    assert len(made) == 4


def test_a_sum_of_many_numbers_loses_little(monkeypatch):
    monkeypatch.setattr(loss, "PART", 512)  # for blocks of few threads
    x = np.full(20_000, 0.1, np.float32)
    got = arrays.sent(x).sum().item()
    assert abs(got - x.astype(float).sum()) < 0.01
    assert abs(np.cumsum(x)[-1] - x.astype(float).sum()) > 0.1  # one after the other
