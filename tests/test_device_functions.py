"""Which public functions compute on a CUDA device: each is named here, so that a new one has to say."""

import inspect

import pytest

import convkit
from convkit import edges, filters
from tests.interpreter import errors_of

HOUSES = {"convkit": convkit, "filters": filters, "edges": edges}
# Those that take device=, and arrays of devices.
THERE = {
    "convkit.convolve": "convkit.convolve(x, [1.0], axes=0)",
    "convkit.convolve_separable": "convkit.convolve_separable(x, [[1.0], None])",
    "convkit.correlate": "convkit.correlate(x, [1.0], axes=0)",
    "convkit.pad": "convkit.pad(x, 1)",
    "filters.box": "filters.box(x, 3)",
    "filters.difference_of_gaussians": "filters.difference_of_gaussians(x, 1.0)",
    "filters.emboss": "filters.emboss(x)",
    "filters.gabor": "filters.gabor(x, 0.2)",
    "filters.gabor_bank": "filters.gabor_bank(x, [0.2], [0.0])",
    "filters.gaussian": "filters.gaussian(x, 1.0)",
    "filters.gaussian_gradient_magnitude": "filters.gaussian_gradient_magnitude(x, 1.0)",
    "filters.gaussian_laplace": "filters.gaussian_laplace(x, 1.0)",
    "filters.laplacian": "filters.laplacian(x)",
    "filters.median": "filters.median(x, 3)",
    "filters.sharpen": "filters.sharpen(x)",
    "filters.steerable": "filters.steerable(x, 0.0)",
    "filters.structure_tensor": "filters.structure_tensor(x)",
    "filters.unsharp": "filters.unsharp(x)",
    "edges.canny": "edges.canny(x)",
    "edges.derivatives": "edges.derivatives(x)",
    "edges.farid": "edges.farid(x)",
    "edges.hysteresis": "edges.hysteresis(x, 0.1, 0.2)",
    "edges.prewitt": "edges.prewitt(x)",
    "edges.roberts": "edges.roberts(x)",
    "edges.scharr": "edges.scharr(x)",
    "edges.sobel": "edges.sobel(x)",
    "edges.zero_crossings": "edges.zero_crossings(x)",
}
# Those that take samples, and refuse them on a device.
HERE = {
    "convkit.choose_method": "convkit.choose_method(x, [1.0])",
    "convkit.curvelet_denoise": "convkit.curvelet_denoise(x)",
    "convkit.curvelet_nterm": "convkit.curvelet_nterm(x, 3)",
    "convkit.directional_filter_bank": "convkit.directional_filter_bank(x)",
    "convkit.orientation_map": "convkit.orientation_map(x)",
    "convkit.wavelet_denoise": "convkit.wavelet_denoise(x)",
    "filters.bilateral": "filters.bilateral(x, 1.0, 1.0)",
}
# Those that take no samples, and classes; the transforms of `Curvelets` compute where their arguments lie.
NEITHER = {
    "convkit.Curvelets", "convkit.Plan", "convkit.SeparableWeights", "convkit.convolution_matrix", "convkit.separate",
    "convkit.set_workers", "edges.Gradient", "edges.edge_filter", "edges.gradient_taps", "filters.StructureTensor",
    "filters.gabor_weights", "filters.gaussian_taps", "filters.laplacian_weights", "filters.steerable_basis",
    "filters.steerable_coefficients", "filters.steerable_taps", "filters.steerable_weights",
}  # fmt: skip
# Samples that cannot be read, and no library that could.
SETTING = """
import numba.cuda, numpy as np, sys
import convkit
from convkit import edges, filters
numba.cuda.__file__ = "of Numba itself"
class Described:
    shape = (4, 5)
    __cuda_array_interface__ = {"shape": (4, 5), "typestr": "<f4", "data": (0, False), "version": 3, "strides": None}
def say(name, call):
    try:
        call()
        print(name, "did", file=sys.stderr)
    except Exception as error:
        print(name, type(error).__name__, "where this is not computed" in str(error), file=sys.stderr)
"""


def test_every_public_function_is_named_once():
    named = [*THERE, *HERE, *NEITHER]
    public = {f"{house}.{name}" for house, module in HOUSES.items() for name in module.__all__
              if callable(getattr(module, name))}
    assert sorted(named) == sorted(public)


@pytest.mark.parametrize("name", [*THERE, *HERE])
def test_device_is_an_argument_of_those_that_compute_there(name):
    house, function = name.split(".")
    found = getattr(HOUSES[house], function)
    assert ("device" in inspect.signature(found).parameters) == (name in THERE)
    assert ("device" in found.__doc__) == (name in THERE)


def test_arrays_of_a_device_are_refused_by_all_others():
    calls = {**THERE, **HERE}
    said = errors_of(SETTING + "".join(f"x = Described()\nsay({name!r}, lambda: {call})\n" for name, call in calls.items()))
    assert said.splitlines() == [f"{name} ImportError False" for name in THERE] + [f"{name} TypeError True" for name in HERE]


def test_samples_of_the_host_are_sent_by_those_that_compute_there():
    calls = "".join(f"say({name!r}, lambda: {call[:-1]}, device='cuda'))\n" for name, call in THERE.items())
    said = errors_of(SETTING + "x = np.ones((4, 5))\n" + calls)
    assert said.splitlines() == [f"{name} ImportError False" for name in THERE]
