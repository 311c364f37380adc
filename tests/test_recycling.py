"""Memory that is used again, and products of matrices in pieces of this package's own workers."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from convkit._core import memory
from convkit._core.memory import KEPT, LINE, SMALL, Block, empty, unshared
from convkit.engines import dense

FLOAT = np.dtype(np.float32)
LARGE = (SMALL // 4 + 3,)


@pytest.fixture(autouse=True)
def shelf(monkeypatch):
    """Blocks of this test alone."""
    monkeypatch.setattr(memory, "_shelf", memory._Shelf())


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_comes_back_once_nothing_refers_to_it():
    first = empty(LARGE, FLOAT)
    assert address(first) % LINE == 0
    assert first.flags.carray
    at = address(first)
    second = empty(LARGE, FLOAT)
    assert not np.shares_memory(first, second)
    del first
    assert address(empty(LARGE, FLOAT)) == at
    assert not np.shares_memory(empty(LARGE, FLOAT), second)


@pytest.mark.parametrize("look", [lambda a: a[:1], lambda a: a.reshape(1, -1), lambda a: a.view(np.int32),
                                  lambda a: a[1:].T[:0]])
def test_memory_of_a_view_is_in_use(look):
    kept = look(empty(LARGE, FLOAT))
    at = address(kept.base)
    assert address(empty(LARGE, FLOAT)) != at


def test_the_same_bytes_serve_any_shape_and_dtype():
    at = address(empty((8, 8, 512), FLOAT))
    found = empty((8, 8, 256), np.dtype(np.float64))
    assert address(found) == at
    assert (found.dtype, found.shape) == (np.float64, (8, 8, 256))


def test_small_arrays_are_numpys():
    assert empty((SMALL // 4 - 1,), FLOAT).base is None
    assert empty((), FLOAT).shape == ()
    assert empty((0, 5), FLOAT).shape == (0, 5)


def test_only_what_empty_returned_is_unshared():
    array = empty(LARGE, FLOAT)
    assert type(array.base) is Block
    assert all(map(unshared, (array, np.ones(3))))
    assert not any(map(unshared, (array[:], array.reshape(-1, 1), np.ones(3)[:1])))


def test_what_was_long_not_used_is_given_back():
    empty(LARGE, FLOAT)
    for _ in range(KEPT):
        empty((LARGE[0] + 1,), FLOAT)
    held = [empty((LARGE[0] + 1,), FLOAT) for _ in range(2)]
    assert LARGE[0] * 4 not in memory._shelf._blocks
    assert len(memory._shelf._blocks[held[0].nbytes]) == 2


def test_threads_never_hold_the_same_memory():
    wrong = []

    def work(number):
        for _ in range(300):
            mine = empty(LARGE, FLOAT)
            mine.fill(number)
            if not (mine == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(("rows", "inner", "columns"), [(3, 4, 5), (64, 400, 120), (700, 300, 100), (100, 300, 700),
                                                         (1, 2000, 900)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_do_not_depend_on_the_workers(rows, inner, columns, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((rows, inner)).astype(dtype), rng.standard_normal((columns, inner)).astype(dtype).T
    out, other = np.empty((rows, columns), dtype), np.empty((rows, columns), dtype)
    dense.product(a, b, out, 1)
    dense.product(a, b, other, 3)
    assert np.array_equal(out, other)
    bound = 2 * inner * np.finfo(dtype).eps
    assert (np.abs(out - a.astype(float) @ b.astype(float)) <= bound * (np.abs(a).astype(float) @ np.abs(b))).all()


class Library:
    """A BLAS that notes how many threads it was given."""

    def __init__(self):
        self.threads, self.given = 5, []

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, count):
        self.threads = count
        self.given.append(count)


def test_the_threads_of_blas_are_as_before_afterwards(monkeypatch):
    library = Library()
    monkeypatch.setattr(dense, "_libraries", lambda: [library])
    a = np.ones((300, 300), np.float32)
    dense.product(a, a, np.empty_like(a), 2)
    assert library.given == [1, 5]
    with dense._one_thread:
        dense.product(a, a, np.empty_like(a), 2)
        assert library.threads == 1
    assert library.given == [1, 5, 1, 5]
    with pytest.raises(ValueError, match="matmul"):
        dense.product(a, a[:2], np.empty_like(a), 1)
    assert library.threads == 5
