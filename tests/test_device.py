"""Who never asks for a CUDA device, and who asks for one that cannot be had."""

from types import SimpleNamespace

import numpy as np
import pytest

import convkit
from convkit._core.device import layout_of, number_of, on_device, resident
from tests.interpreter import NO_CUDA, errors_of


class Elsewhere:
    """An array of a library that tells where it is by DLPack only."""

    def __init__(self, place):
        self.place = place

    def __dlpack_device__(self):
        return self.place, 0


class Described:
    """An array with the interface of CUDA."""

    def __init__(self, shape=(2, 3)):
        self.__cuda_array_interface__ = {"shape": shape, "typestr": "<f4", "data": (0, False), "version": 3, "strides": None}


def test_arrays_of_numpy_never_import_cuda():
    code = ("import sys, numpy as np, convkit; x = np.ones((4, 5)); convkit.convolve(x, np.ones((2, 2)));"
            "convkit.correlate(x, np.ones((2, 2)), method='fft'); convkit.convolve_separable(x, [[1, 2], None]);"
            "from convkit import edges; edges.sobel(x); edges.canny(x);"
            + NO_CUDA)
    assert errors_of(code) == ""


@pytest.mark.parametrize("call", ["convolve([1.0], [1.0], device='cuda')", "convolve_separable([1.0], [[1.0]], device='cuda')"])
def test_without_the_extra_one_error_names_it(call):
    said = errors_of(f"import convkit, numba.cuda; numba.cuda.__file__ = 'of Numba itself'; convkit.{call}")
    assert "ImportError: computing on a CUDA device needs numba-cuda" in said
    assert "convkit[cu13]" in said
    assert "convkit[cu12]" in said


def test_where_arrays_lie():
    assert resident(Described())
    assert resident(Elsewhere(2))
    assert not resident(Elsewhere(1))
    for x in (np.ones(3), [1.0], 2.0, np.float32(1), None, "x"):
        assert not resident(x)
        assert not on_device(x, None)
    assert on_device([1.0], "cuda")


def test_device_arrays_are_told_apart():
    assert layout_of(Described()) == layout_of(Described())
    assert layout_of(Described()) != layout_of(Described((3, 2)))
    assert layout_of(Elsewhere(2)) is None


@pytest.mark.parametrize("device", ["gpu", "cuda:1", 0])
def test_other_devices_are_refused(device):
    with pytest.raises(ValueError, match="it may be 'cpu' or 'cuda': the device that is current"):
        convkit.convolve([1.0], [1.0], device=device)


class Named:
    """A device as PyTorch has them."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name


def test_devices_by_their_names():
    assert not any(on_device([1.0], name) for name in ("cpu", Named("cpu")))
    assert all(on_device([1.0], name) for name in ("cuda", "cuda:0", Named("cuda:0")))
    assert convkit.convolve([1.0, 2.0], [3.0], device="cpu").tolist() == [3.0, 6.0]
    with pytest.raises(TypeError, match="fetch it first"):
        convkit.convolve(Described(), [1.0], device="cpu")


def test_numbers_of_devices():
    """As torch, CuPy, Numba and the package's own memory tell them."""
    device = SimpleNamespace(id=3)
    memory = SimpleNamespace(context=SimpleNamespace(device=device))
    numba = SimpleNamespace(__cuda_ndarray__=True, gpu_data=memory, dtype=np.dtype(float), shape=(2,), strides=(8,))
    others = [SimpleNamespace(device=SimpleNamespace(index=1)), SimpleNamespace(device=SimpleNamespace(id=2)), numba,
              SimpleNamespace(device=4), np.ones(2), SimpleNamespace(device="there")]
    assert [number_of(x) for x in others] == [1, 2, 3, 4, None, None]
    first = layout_of(numba)
    device.id = 0
    assert layout_of(numba) != first


@pytest.mark.parametrize(
    "call", [convkit.orientation_map, lambda x: convkit.choose_method(x, [1.0])])  # fmt: skip
def test_what_is_not_computed_on_a_device_says_so(call):
    with pytest.raises(TypeError, match="lies in the memory of a CUDA device, where this is not computed; fetch it first"):
        call(Described())
