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


VIEWS = {
    "transposed": lambda x: x.T,
    "sliced": lambda x: x[3::2, 1:-4:3],
    "one channel": lambda x: x[:, :516].reshape(300, 172, 3)[:, :, 1],
    "stretched": lambda x: x[:1],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("word", ["cupy", "torch"])
def test_views_are_read_and_written(word, view):
    library = pytest.importorskip(word)
    there = library.asarray(X) if word == "cupy" else library.from_numpy(X).cuda()
    x = VIEWS[view](there)
    if view == "stretched":
        x = library.broadcast_to(there[:1], X.shape)
    host = np.ascontiguousarray(library.asnumpy(x) if word == "cupy" else x.cpu().numpy())
    want = convkit.correlate(host, WEIGHTS, boundary="edge", method="direct")
    got = convkit.correlate(x, WEIGHTS, boundary="edge")
    assert type(got) is type(x)
    np.testing.assert_allclose(library.asnumpy(got) if word == "cupy" else got.cpu().numpy(), want, atol=1e-4)
    if view == "stretched":
        with pytest.raises(ValueError, match="several numbers in one place"):
            convkit.correlate(there, WEIGHTS, out=x)
        return
    before = there.sum() - x.sum()
    assert convkit.correlate(x, WEIGHTS, boundary="edge", out=x) is x
    np.testing.assert_allclose(library.asnumpy(x) if word == "cupy" else x.cpu().numpy(), want, atol=1e-4)
    assert abs(float(there.sum() - x.sum() - before)) < 1, "what lies between its numbers has changed"


def test_views_that_reverse_are_read():
    cupy = pytest.importorskip("cupy")
    x = cupy.asarray(X)[::-1, ::-2]
    got = convkit.correlate(x, WEIGHTS)
    np.testing.assert_allclose(cupy.asnumpy(got), convkit.correlate(cupy.asnumpy(x), WEIGHTS, method="direct"), atol=1e-4)


def test_dtypes_of_libraries():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(X).cuda()
    with pytest.raises(TypeError, match="x has dtype bfloat16"):
        convkit.correlate(x.bfloat16(), WEIGHTS)
    got = convkit.correlate(torch.complex(x, -x).conj(), WEIGHTS)
    want = convkit.correlate(X + 1j * X, WEIGHTS, method="direct")
    np.testing.assert_allclose(got.cpu().numpy(), want, atol=1e-4)
    assert convkit.correlate(x > 0, WEIGHTS).dtype == torch.float32
    assert convkit.correlate(x.half(), WEIGHTS).dtype == torch.float16
