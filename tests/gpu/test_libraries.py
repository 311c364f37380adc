"""Arrays of other libraries on a device: results are of their kind, there, and in the order of their streams."""

import numpy as np
import pytest

import convkit
from tests.gpu import test_twins

pytestmark = test_twins.pytestmark

X = np.random.default_rng(3).standard_normal((300, 517)).astype(np.float32)
WEIGHTS = np.random.default_rng(4).standard_normal((5, 4)).astype(np.float32)


def expected():
    return convkit.correlate(X, WEIGHTS, boundary="reflect", method="direct")


def test_torch():
    torch = pytest.importorskip("torch")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        # Long work before and after: only the order of this stream makes the result right.
        x = torch.zeros(300, 517, device="cuda")
        for _ in range(200):
            x = x + torch.from_numpy(X).cuda() / 200
        got = convkit.correlate(x, WEIGHTS, boundary="reflect") * 1
    stream.synchronize()
    assert isinstance(got, torch.Tensor)
    assert got.device == x.device
    np.testing.assert_allclose(got.cpu().numpy(), expected(), atol=1e-3)


def test_cupy():
    cupy = pytest.importorskip("cupy")
    with cupy.cuda.Stream(non_blocking=True) as stream:
        got = convkit.correlate(cupy.asarray(X), WEIGHTS, boundary="reflect")
        stream.synchronize()
    assert isinstance(got, cupy.ndarray)
    np.testing.assert_allclose(cupy.asnumpy(got), expected(), atol=1e-4)


@pytest.mark.parametrize("word", ["cupy", "torch"])
@pytest.mark.parametrize("boundary", ["zero", "reflect"])
def test_rivals_compute_the_same(word, boundary):
    from convkit.bench import Case, device

    pytest.importorskip(word)
    clock = device.EventClock()
    roof = device.measure_device_roof("float32", clock, budget=0.1)
    assert min(roof.memory, roof.compute) > 1e10
    for dims, kind in ((1, "gaussian"), (2, "disk"), (2, "gaussian"), (3, "gaussian")):
        case = Case(dims, 65, 4, kind, boundary=boundary)
        cell = device.measure_on_device(case, roof, clock, rivals=device.DEVICE_GROUPS[word], repeats=1)
        assert not cell.failed, cell.worst
        assert set(device.DEVICE_GROUPS[word]) <= set(cell.times)


def test_dlpack_alone():
    torch = pytest.importorskip("torch")

    class Alone:
        def __init__(self, x):
            self.x = x
            self.__dlpack__, self.__dlpack_device__ = x.__dlpack__, x.__dlpack_device__

    got = convkit.correlate(Alone(torch.from_numpy(X).cuda()), WEIGHTS, boundary="reflect")
    np.testing.assert_allclose(got.copy_to_host(), expected(), atol=1e-4)


@pytest.mark.parametrize("first", [0, 1])
def test_rows_that_do_not_begin_at_16_bytes(first):
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(X.reshape(-1)).cuda()[first : first + 256 * 400].view(256, 400)
    got = convkit.correlate(x, WEIGHTS, boundary="wrap")
    want = convkit.correlate(x.cpu().numpy(), WEIGHTS, boundary="wrap", method="direct")
    np.testing.assert_allclose(got.cpu().numpy(), want, atol=1e-4)
