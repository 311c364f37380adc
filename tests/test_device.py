"""Who never asks for a CUDA device, and who asks for one that cannot be had."""

import numpy as np
import pytest

import convkit
from convkit import filters
from convkit._core.device import layout_of, on_device, resident
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


@pytest.mark.parametrize("device", ["gpu", "cpu", 0])
def test_other_devices_are_refused(device):
    with pytest.raises(ValueError, match="it may be 'cuda', or None"):
        convkit.convolve([1.0], [1.0], device=device)


@pytest.mark.parametrize(
    "call", [lambda x: convkit.pad(x, 1), lambda x: filters.median(x, 3), lambda x: filters.gaussian_laplace(x, 1.0),
             lambda x: filters.bilateral(x, 1.0, 1.0), filters.unsharp, convkit.orientation_map,
             lambda x: convkit.choose_method(x, [1.0])])  # fmt: skip
def test_what_is_not_computed_on_a_device_says_so(call):
    with pytest.raises(TypeError, match="lies in the memory of a CUDA device, where this is not computed; fetch it first"):
        call(Described())
