"""Networks on a CUDA device beside other libraries, and for as long as the simulator cannot run them."""

import numpy as np
import pytest

from convkit import nn, optim
from convkit.autodiff import Tensor
from tests.gpu import test_twins

pytestmark = test_twins.pytestmark

X = np.random.default_rng(6).standard_normal((8, 3, 64, 64)).astype(np.float32)


def small():
    """A network whose first layer only asks for memory of the samples' kind."""
    nn.manual_seed(1)
    return nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 31 * 31, 5))


def near(got, want):
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())


def slow(torch):
    """X by long work in torch's current stream: only its order makes the result right."""
    x, part = torch.zeros(X.shape, device="cuda"), torch.from_numpy(X).cuda() / 1000
    for _ in range(1000):
        x = x + part
    return x


def test_a_model_reads_a_tensor_of_another_stream():
    torch = pytest.importorskip("torch")
    model, want = small().to("cuda"), small()(X).data
    stream = torch.cuda.Stream()
    for _ in range(3):
        with torch.cuda.stream(stream):
            y = model(slow(torch))
        near(y.data.cpu(), want)


@pytest.mark.parametrize("word", ["torch", "cupy"])
def test_other_libraries_share_the_memory_of_results(word):
    library = pytest.importorskip(word)
    y = small().to("cuda")(Tensor(X).to("cuda") if word == "cupy" else slow(library)).data
    shared = library.as_tensor(y, device="cuda") if word == "torch" else library.asarray(y)
    assert (shared.data_ptr() if word == "torch" else shared.data.ptr) == y.address
    want, shape = small()(X).data, tuple(shared.shape)
    del y
    others = [small().to("cuda")(Tensor(X).to("cuda")) for _ in range(3)]  # would have the memory if nobody kept it
    assert shape == want.shape == others[0].shape
    near(shared.cpu().numpy() if word == "torch" else library.asnumpy(shared), want)


def test_a_tensor_may_change_once_the_default_stream_is_awaited():
    torch = pytest.importorskip("torch")
    model, want = small().to("cuda"), small()(X).data
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        x = slow(torch)
        results = []
        for _ in range(20):
            results.append(model(x))
            stream.wait_stream(torch.cuda.default_stream())
            x.add_(1).sub_(1)
    for y in results:
        near(y.data.cpu(), want)


def test_batches_arrive_whole_while_others_are_worked_on():
    """Of the size of a step's work, in page-locked memory that is written to again while copies are under way."""
    from convkit.engines.cuda import feed

    rng = np.random.default_rng(2)
    batches = [(rng.standard_normal((300, 3, 32, 32)).astype(np.float32), np.full(300, i)) for i in range(24)]
    held = []
    for x, labels in feed.fed(batches):
        y = x.reshape(900, 1024)
        for _ in range(20):
            y = np.tanh(y)
        held.append((x * 1, y, labels + 0))
    for (x, y, labels), (images, numbers) in zip(held, batches, strict=True):
        np.testing.assert_array_equal(x.cpu(), images)
        np.testing.assert_array_equal(labels.cpu(), numbers)
        assert np.isfinite(y.cpu()).all()


def losses(device, steps):
    """Losses of so many steps of the tutorial's network, of batches of four."""
    nn.manual_seed(5)
    model, rng = nn.models.tutorial_net().to(device), np.random.default_rng(9)
    patterns = rng.standard_normal((10, 3, 32, 32)).astype(np.float32)
    optimizer, criterion, found = optim.SGD(model.parameters(), lr=0.01, momentum=0.9), nn.CrossEntropyLoss(), []
    for _ in range(steps):
        labels = rng.integers(0, 10, 4)
        x = 0.5 * patterns[labels] + 0.5 * rng.standard_normal((4, 3, 32, 32)).astype(np.float32)
        optimizer.zero_grad()
        found.append(float(model.loss_and_grad(Tensor(x).to(device), labels, criterion)))
        optimizer.step()
    return np.array(found)


def test_200_steps_of_the_tutorial_are_those_of_the_cpu():
    """Those of the CPU are within 1e-6 of what double precision makes of them; the device adds in other orders."""
    got, want = losses("cuda", 200), losses("cpu", 200)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4)
    again = losses("cuda", 200)
    np.testing.assert_array_equal(got, again)


def test_large_sums_lose_little():
    from convkit._core import gpu
    from convkit.engines.cuda import arrays

    count = 1 << 28
    if gpu.cuda.current_context().get_memory_info().free < 8 * count:
        pytest.skip("the device has too little memory free")
    x = arrays.filled((count,), np.dtype(np.float32), 0.1)
    assert abs(x.sum().item() / (count * float(np.float32(0.1))) - 1) < 1e-5
    assert abs(x.reshape(2, -1).mean().item() / float(np.float32(0.1)) - 1) < 1e-5
