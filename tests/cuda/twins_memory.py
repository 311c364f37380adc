"""Memory of a device: what libraries tell of their arrays, and what is asked of them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import convkit
from tests.cuda.simulator import written
from tests.cuda.twins import sent


@pytest.fixture
def library(monkeypatch):
    """Names of a library that hands out memory, and the type of its arrays, both made by its name."""
    from convkit._core import gpu

    if not gpu.SIMULATED:
        pytest.skip("the libraries themselves are tested on a device")

    def made(name, **names):
        kind = type("ndarray", (type(sent(np.zeros(1))),), {"__module__": name})
        stream = SimpleNamespace(ptr=0, cuda_stream=0)
        current = SimpleNamespace(get_current_stream=lambda: stream, current_stream=lambda device: stream)
        module = SimpleNamespace(__name__=name, cuda=current, bfloat16="bfloat16", **names)
        module.asked = []

        def empty(shape, dtype, **place):
            module.asked.append(dtype)
            return kind(np.empty(shape, dtype))

        module.empty = empty
        monkeypatch.setitem(sys.modules, name, module)
        kind.is_conj = kind.is_neg = lambda x: False
        kind.device = property(lambda x: "there")
        return module, kind

    return made


def test_libraries_without_a_name_for_a_dtype_take_that_of_numpy(library):
    cupy, kind = library("cupy", float32=np.float32)
    x = kind(np.ones((3, 4), np.float32))
    assert convkit.convolve(x, [[1.0]], dtype=np.uint16).dtype == np.uint16
    assert cupy.asked == [np.float32, np.dtype(np.uint16)]
    torch, kind = library("torch", float32=np.float32)
    x = kind(np.ones((3, 4), np.float32))
    with pytest.raises(TypeError, match="this torch has no dtype uint16, in which the result is to be"):
        convkit.convolve(x, [[1.0]], dtype=np.uint16)
    assert torch.asked == [np.float32]


def test_torch_conjugates_by_a_mark(library):
    _, kind = library("torch", complex64=np.complex64)

    class Marked(kind):
        __module__ = "torch"

        def is_conj(self):
            return True

        def resolve_conj(self):
            return kind(self._ary.conj())

    kind.resolve_neg = lambda x: x
    x = np.array([[1 + 2j, 3 - 1j]], np.complex64)
    np.testing.assert_array_equal(convkit.convolve(Marked(x), [[2.0]]).copy_to_host(), 2 * x.conj())
    with pytest.raises(ValueError, match="out is read-only"):
        convkit.convolve(kind(x), [[2.0]], out=Marked(x))


def test_halves_of_another_kind_are_refused(library):
    _, kind = library("torch")

    class Half(kind):
        __module__ = "torch"
        dtype = "bfloat16"

    with pytest.raises(TypeError, match=r"x has dtype bfloat16, which .*; use x.float\(\)"):
        convkit.convolve(Half(np.ones((2, 2), np.float16)), [[1.0]])


def test_results_are_not_written_into_read_only_memory():
    from convkit._core import gpu

    x = sent(np.ones((2, 3)))
    out = sent(np.ones((2, 3)))
    if gpu.SIMULATED:
        out._ary.flags.writeable = False
    else:
        told = out.__cuda_array_interface__
        out = SimpleNamespace(keeps=out, __cuda_array_interface__={**told, "data": (told["data"][0], True)})
    with pytest.raises(ValueError, match="out is read-only; give an array that can be written"):
        convkit.convolve(x, [[1.0]], out=out)
    got = convkit.convolve(out, [[2.0]])
    np.testing.assert_array_equal(got.copy_to_host(), np.full((2, 3), 2.0))


@pytest.mark.parametrize("shape", [(0,), (2, 0, 3)])
def test_arrays_of_no_numbers_come_back(shape):
    from convkit._core import gpu

    for line in (gpu.taken(shape, np.dtype(float), 0), gpu.found(sent(np.zeros(shape)), "x")):
        got = gpu.fetched(line)
        assert got.shape == shape
        assert got.dtype == np.float64


def test_batches_of_nothing_are_not_cut():
    from convkit.engines.cuda import batches

    assert batches.cut(np.zeros((0, 4)), np.dtype(float), (0, 4), (1,)) == 0


def test_an_address_is_asked_for_once(monkeypatch):
    from convkit._core import gpu, lines

    asked = []
    plain = lines.address_of
    for module in (gpu, lines):
        monkeypatch.setattr(module, "address_of", lambda array: asked.append(array) or plain(array))
    line = gpu.taken((3,), np.dtype(float), 0)
    assert line.address == line.address
    assert len(asked) == 1
    there = gpu.found(sent(np.ones((2, 2))), "x")
    assert there.address == plain(there.line)
    assert len(asked) == 2


def test_strides_that_part_numbers_are_refused():
    from convkit._core.strides import Lies

    with pytest.raises(ValueError, match=r"x of shape .* not all of them multiples of the 4 bytes"):
        Lies((2, 3), (13, 4), 4, 0).around("x")
    assert Lies((1, 3), (13, 4), 4, 80).around("x") == (80, 3, 0, (0, 1))


def test_all_is_done_where_the_samples_lie(rng, monkeypatch):
    """Of several devices: memory is had, filled and worked on while theirs is entered."""
    from contextlib import contextmanager

    from convkit._core import gpu
    from tests.cuda.twins_strides import lying

    inside = []

    @contextmanager
    def located(x):
        inside.append(x)
        yield
        inside.pop()

    def only_there(name):
        plain = getattr(gpu, name)

        def call(*arguments):
            assert inside, f"gpu.{name} outside"
            return plain(*arguments)

        monkeypatch.setattr(gpu, name, call)

    x, weights = rng.standard_normal((4, 7)), rng.standard_normal((3, 2))
    integers = sent(rng.integers(-9, 9, (4, 7)))
    monkeypatch.setattr(gpu, "located", located)
    for name in ("sent", "empty", "configured", "fetched"):
        only_there(name)
    for method in ("direct", "fft"):
        convkit.convolve(sent(x), weights, method=method, boundary="edge")
    convkit.convolve(lying(x, "transposed"), lying(weights, "reversed"), out=lying(x, "sliced"))
    convkit.convolve(integers, 2**40 * np.ones((1, 2), int))
    convkit.convolve_separable(sent(x), [weights[0], weights[1]], dtype=np.float32)
    convkit.convolve(x, weights[1:], device="cuda", mode="full")


@pytest.fixture
def staged(monkeypatch):
    """Large arrays are those of more than 128 bytes; copies by pieces that were made."""
    from convkit._core import gpu, staging

    made = []
    for name in ("write", "read"):
        plain = getattr(staging.Staging, name)
        monkeypatch.setattr(staging.Staging, name, lambda self, x, out, stream, plain=plain, name=name: made.append(name)
                            or plain(self, x, out, stream))
    monkeypatch.setattr(staging, "PIECE", 64)
    monkeypatch.setattr(gpu, "PIECE", 64)
    gpu._staging.cache_clear()
    yield made
    gpu._staging.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "complex128", "uint8", ">f8"])
def test_large_arrays_are_copied_by_pieces(dtype, staged, rng):
    from convkit._core import gpu

    for shape in ((1000,), (7, 31), (16, 2)):
        x = (100 * rng.random(shape)).astype(dtype)
        for there in (gpu.sent(x), gpu.lent(x[::-1])):
            np.testing.assert_array_equal(gpu.fetched(there), x if isinstance(there.owner, np.ndarray) else x[::-1])
    assert {"write", "read"} == set(staged)


def test_images_of_the_host_are_copied_by_pieces(staged, rng):
    from convkit import edges

    x = rng.standard_normal((20, 17))
    np.testing.assert_allclose(convkit.convolve(x, [[1.0, 2.0]], device="cuda"), convkit.convolve(x, [[1.0, 2.0]]), atol=1e-12)
    assert staged == ["write", "read"]
    np.testing.assert_allclose(edges.sobel(x, device="cuda"), edges.sobel(x), atol=1e-12)
    assert staged == ["write", "read"] * 2


def test_memory_for_samples_of_the_host_is_used_again(rng, monkeypatch):
    from convkit._core import gpu

    x = rng.standard_normal((5, 11))
    taps = [np.array([1.0, 2.0]), np.array([3.0, 1.0])]
    first = convkit.convolve_separable(x, taps, dtype=np.float32, device="cuda")
    monkeypatch.setattr(gpu.cuda, "device_array", None)
    np.testing.assert_array_equal(convkit.convolve_separable(x, taps, dtype=np.float32, device="cuda"), first)


def test_blocks_of_devices_and_streams_are_their_own():
    from convkit._core.blocks import Shelves

    device = [0]
    shelves = Shelves(lambda size, dtype, stream: object(), lambda: device[0])
    first = shelves.get(3, np.dtype(float), 0)
    line = first.line
    del first
    device[0] = 1
    other = shelves.get(3, np.dtype(float), 0)
    assert (other.line is line, other.device) == (False, 1)
    device[0] = 0
    assert shelves.get(3, np.dtype(float), "stream").line is not line
    assert shelves.get(3, np.dtype(float), 0).line is line


def test_results_of_another_library_wait_for_its_stream(rng):
    """Samples of one stream, or of the host, and a result that another stream reads before and after."""
    from convkit import edges
    from convkit._core import gpu

    if not gpu.SIMULATED:
        pytest.skip("tests/gpu/test_memory.py has this")
    x, weights = rng.standard_normal((6, 7)), rng.standard_normal((2, 3))
    stream = gpu.cuda.stream()
    valid = rng.random(x.shape) < 0.9
    options = {"device": "cuda", "method": "direct"}
    for samples in (sent(x), x):
        for call in (lambda samples, out: convkit.convolve(samples, weights, out=out, **options),
                     lambda samples, out: convkit.convolve(samples, weights, out=out, mask=valid, **options),
                     lambda samples, out: edges.sobel(samples, out=out, device="cuda")):
            want = call(x, None)
            out = written(gpu.cuda.to_device(np.zeros_like(x)), stream)
            assert call(samples, out) is out
            line = gpu.found(out, "out")
            np.testing.assert_array_equal(gpu.fetched(line), want)


def test_masks_of_another_library_are_waited_for(rng):
    from convkit._core import gpu

    if not gpu.SIMULATED:
        pytest.skip("tests/gpu/test_memory.py has this")
    x, valid = rng.standard_normal((6, 7)), rng.random((6, 7)) < 0.8
    got = convkit.convolve(gpu.cuda.to_device(x), [[1.0, 2.0]], mask=sent(valid), method="direct")
    np.testing.assert_allclose(got.copy_to_host(), convkit.convolve(x, [[1.0, 2.0]], mask=valid, method="direct"), atol=1e-12)
