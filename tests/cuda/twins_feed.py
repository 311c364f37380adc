"""Batches on their way to a CUDA device: what arrives, through which memory, and in which order."""

import numpy as np
import pytest

from convkit import nn, training
from convkit._core import gpu
from convkit.engines.cuda import feed
from convkit.engines.cuda.arrays import DeviceArray


def batches(count, log=None):
    """Images, labels and words; the log tells when they are asked for."""
    for i in range(count):
        if log is not None:
            log.append(f"asked for {i}")
        yield np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1] + i, np.array([i, 1], np.int32), f"batch {i}"


class Event:
    """Tells when it is recorded and waited for."""

    made = 0

    def __init__(self, log):
        self.log, self.number = log, Event.made
        Event.made += 1

    def record(self, stream=0):
        self.log.append(f"{self.number} recorded {'beside' if stream else 'in order'}")

    def wait(self, stream=0):
        self.log.append(f"{self.number} awaited {'beside' if stream else 'in order'}")

    def synchronize(self):
        self.log.append(f"{self.number} over")


@pytest.fixture
def log(monkeypatch):
    """What happens, in its order; 0 is the event of the default stream, 1 and 2 are those of the buffers."""
    said = []
    monkeypatch.setattr(Event, "made", 0)
    monkeypatch.setattr(gpu.cuda, "event", lambda: Event(said), raising=False)
    monkeypatch.setattr(gpu, "apart", lambda: "beside")
    monkeypatch.setattr(feed, "_feeds", {})
    taken, write = gpu.taken, gpu.write
    monkeypatch.setattr(gpu, "taken", lambda shape, dtype, stream: taken(shape, dtype, 0))
    monkeypatch.setattr(gpu, "write", lambda x, out: (said.append(f"copy from {x.ctypes.data}"), write(x, out)))
    return said


def test_batches_arrive_and_the_next_is_asked_for_first(log):
    got = []
    for i, (x, y, word) in enumerate(feed.fed(batches(5, log))):
        log.append(f"step {i}")
        assert isinstance(x, DeviceArray)
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        got.append((x.cpu(), y.cpu(), word))
    for (x, y, word), (a, b, c) in zip(got, batches(5), strict=True):
        np.testing.assert_array_equal(x, a)
        np.testing.assert_array_equal(y, b)
        assert word == c
    for i in range(4):
        assert log.index(f"asked for {i + 1}") < log.index(f"step {i}")


def test_buffers_are_taken_in_turn_and_only_when_their_copy_is_over(log):
    for i, _ in enumerate(feed.fed(batches(4, log))):
        log.append(f"step {i}")
    copies = [line for line in log if line.startswith("copy")]
    assert len(set(copies)) == 4  # images and labels of two buffers
    assert copies[:4] == copies[4:]
    # Of the buffer of batches 0 and 2: recorded, over before it is filled again, and awaited before each step.
    kinds = copies[0], "1 recorded beside", "1 over", "1 awaited in order", "step 0", "step 2"
    told = [line for line in log if line in kinds]
    assert told == [copies[0], "1 recorded beside", "1 awaited in order", "step 0", "1 over", copies[0], "1 recorded beside",
                    "1 awaited in order", "step 2"]
    # Memory that was that of an earlier batch is written to after the work that was put there before.
    for before, after in (("0 recorded in order", "0 awaited beside"), ("0 awaited beside", copies[0])):
        assert log.index(before) < log.index(after)


def test_buffers_grow_and_loops_may_lie_in_one_another():
    seen = []
    sizes = [2, 5, 1, 7]
    for x, in feed.fed((np.full(n, float(n)),) for n in sizes):
        inner = [a.cpu() for a, in feed.fed((np.full(3, float(i)),) for i in range(3))]
        assert [a.tolist() for a in inner] == [[float(i)] * 3 for i in range(3)]
        seen.append(x.cpu())
    assert [x.tolist() for x in seen] == [[float(n)] * n for n in sizes]


def test_arrays_arrive_in_page_locked_memory_or_whole(log, monkeypatch):
    monkeypatch.setattr(feed, "MOST", 48)
    x = np.arange(6.0).reshape(2, 3).T
    got = [feed.arrived(x + i) for i in range(5)]
    for i, there in enumerate(got):
        np.testing.assert_array_equal(there.cpu(), x + i)
    copies = [line for line in log if line.startswith("copy")]
    assert len(set(copies)) == feed.OTHERS
    assert copies[0] == copies[-1]
    assert log.index("1 over") > log.index(copies[3])
    np.testing.assert_array_equal(feed.arrived(np.arange(7.0)).cpu(), np.arange(7.0))
    assert len([line for line in log if line.startswith("copy")]) == 5


def test_what_is_held_stays_as_it_is():
    held = [x for x, *_ in feed.fed(batches(5))]
    for i, x in enumerate(held):
        np.testing.assert_array_equal(x.cpu(), np.arange(6).reshape(2, 3)[:, ::-1] + i)


def test_labels_that_were_fed_are_held_against_the_classes():
    model = nn.Linear(2, 2, dtype=np.float64).to("cuda")
    x, y = np.ones((3, 2)), np.array([0, 1, 2])
    for call in (lambda: training.fit(model, (x, y), epochs=1), lambda: training.evaluate(model, (x, y))):
        with pytest.raises(IndexError, match=r"target.* is 2, but input has 2 classes"):
            call()
    assert training.predict(model, x, batch_size=2).shape == (3, 2)
