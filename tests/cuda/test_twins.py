"""The kernels of a CUDA device under Numba's simulator, where an index out of range raises: see `NUMBA_ENABLE_CUDASIM`."""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from numba import config

import convkit
from tests import reference
from tests.cuda.collected import collected
from tests.cuda.simulator import Shared
from tests.cuda.twins import near, sent

pytestmark = [
    pytest.mark.skipif(not config.ENABLE_CUDASIM, reason="the simulator of CUDA is off: NUMBA_ENABLE_CUDASIM=1 runs this"),
    # Shared memory begins with any numbers, and threads beyond the results sum them in vain.
    pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning"),
]

if config.ENABLE_CUDASIM:  # without it and without the extra, files of twins cannot be imported
    globals().update(collected())


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_the_tile_of_a_device(dtype, rng, monkeypatch):
    """The simulator takes seconds for the threads of one block, and is given small ones otherwise."""
    from convkit.engines.cuda import direct as engine

    monkeypatch.setattr(engine, "tile_for", lambda dtype: engine.TILES[dtype.itemsize])
    x, weights = rng.standard_normal((13, 76)).astype(dtype), rng.standard_normal((3, 4))
    got = convkit.correlate(sent(x), weights, boundary="edge").copy_to_host()
    want = convkit.correlate(x, weights, boundary="edge", method="direct")
    assert near(got, want, x, reference.flipped(weights), dtype, boundary="edge")


def test_results_are_of_the_library_of_the_samples(rng, monkeypatch):
    """CuPy is one that hands out memory; here is another of its name."""
    made = []
    kind = type("ndarray", (type(sent(np.zeros(1))),), {"__module__": "cupy"})
    stream = SimpleNamespace(ptr=0)
    library = SimpleNamespace(__name__="cupy", float32="single", cuda=SimpleNamespace(get_current_stream=lambda: stream),
                              empty=lambda shape, dtype: made.append(dtype) or kind(np.empty(shape, np.float32)))
    monkeypatch.setitem(sys.modules, "cupy", library)
    x, weights = rng.standard_normal((6, 9)).astype(np.float32), rng.standard_normal((2, 3))
    got = convkit.convolve(kind(x), weights)
    assert type(got) is kind
    assert made == ["single"]
    np.testing.assert_allclose(got.copy_to_host(), convkit.convolve(x, weights, method="direct"), rtol=0, atol=1e-5)


def test_the_simulator_raises_where_an_index_is_out_of_range():
    """What the other tests here rely on."""
    from convkit._core import gpu
    from convkit.kernels.cast_cuda import add

    with pytest.raises(IndexError):
        add[1, 4](gpu.sent(np.zeros(3)).line, gpu.sent(np.zeros(4)).line)


def test_threads_of_a_block_share_an_array_however_they_take_turns():
    """One that asks while another makes it waits for it."""
    arrays, met = Shared(), []
    assert arrays.get("line") is None
    other = threading.Thread(target=lambda: met.append(arrays.get("line")))
    other.start()
    arrays["line"] = made = np.zeros(2)
    other.join()
    assert met[0] is made
    assert arrays.get("line") is made


def test_the_arrays_of_blocks_are_such():
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    assert type(FakeCUDAShared(0)._allocations) is Shared
