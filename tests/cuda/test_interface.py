"""What is made of the interface of CUDA that other libraries have, without a device: see `gpu.found`."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from tests.cuda.compiler import needed

pytestmark = needed


@pytest.fixture
def found(monkeypatch):
    """As `gpu.found`, of objects that have nothing but the interface; what would be memory is its description."""
    from convkit._core import gpu

    monkeypatch.setattr(gpu, "require", lambda: None)
    monkeypatch.setattr(gpu.cuda, "as_cuda_array", lambda x, sync: x)

    def described(array, stream=None):
        told = {**array.__array_interface__, "version": 3, "stream": stream}
        return gpu.found(SimpleNamespace(__cuda_array_interface__=told), "x")

    return described


BASE = np.arange(24, dtype=np.float32).reshape(4, 6)


@pytest.mark.parametrize("view", [BASE, BASE[1:2].T, BASE[:, :0], BASE[2:], BASE.astype(np.float16)])
def test_what_lies_in_c_order_is_one_line(view, found):
    line = found(view)
    assert (line.shape, line.dtype, line.address) == (view.shape, view.dtype, view.ctypes.data)
    told = line.line.__cuda_array_interface__
    assert (told["shape"], told["strides"], told["typestr"]) == ((view.size,), None, view.dtype.str)
    assert line.line.keeps[0] is line.owner


@pytest.mark.parametrize("view", [BASE.T, BASE[::-1, ::2], BASE[::2, ::-1].T, np.broadcast_to(BASE[0], (3, 6)), BASE[:, 3]])
def test_other_numbers_are_found_in_the_memory_around_them(view, found):
    strided = found(view)
    begin = (strided.around.address - BASE.ctypes.data) // 4
    memory = BASE.reshape(-1)[begin : begin + strided.around.size]
    assert memory.size == strided.around.size, "memory that is not theirs"
    places = strided.first + np.tensordot(strided.steps, np.indices(view.shape), 1)
    assert {places.min(), places.max()} == {0, memory.size - 1}
    np.testing.assert_array_equal(memory[places], view)
    assert strided.stand_in.flags.writeable == view.flags.writeable


def test_the_stream_of_a_library_is_kept(found, monkeypatch):
    from convkit._core import gpu

    monkeypatch.setattr(gpu, "_external", lambda handle: handle and f"stream {handle}")
    assert [found(BASE, stream).stream for stream in (None, 1, 2, 77)] == [0, 0, "stream 2", "stream 77"]


def test_what_told_of_an_array_is_kept(monkeypatch, found):
    """By DLPack that may hold the memory itself, of a copy."""
    from convkit._core import gpu

    told = {**BASE.__array_interface__, "version": 3, "stream": 1}
    description = SimpleNamespace(__cuda_array_interface__=told)
    monkeypatch.setattr(gpu, "_Described", lambda x: description)
    assert gpu.found(SimpleNamespace(), "x").line.keeps[1] is description


def test_small_grids_are_no_cause_for_a_warning(monkeypatch):
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import driver

    from convkit._core import gpu

    assert not gpu.SIMULATED
    monkeypatch.setattr(driver, "_to_core_stream", lambda stream: stream)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dispatcher._LaunchConfiguration(None, (1, 1, 1), (32, 1, 1), 0, 0)
