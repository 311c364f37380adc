"""Memory and streams of a device: what the simulator has none of."""

import numpy as np
import pytest

import convkit
from convkit import edges
from tests.gpu import test_twins

pytestmark = test_twins.pytestmark

WEIGHTS = np.random.default_rng(4).standard_normal((3, 4)).astype(np.float32)


def test_batches_of_the_host_go_in_pieces():
    """Three streams, and pieces in page-locked memory: 96 MiB, and items that no piece holds evenly."""
    x = np.random.default_rng(5).standard_normal((25, 1000, 1007)).astype(np.float32)
    for _ in range(3):
        got = convkit.correlate(x, WEIGHTS, axes=(1, 2), boundary="reflect", device="cuda")
        want = convkit.correlate(x, WEIGHTS, axes=(1, 2), boundary="reflect", method="direct")
        np.testing.assert_allclose(got, want, atol=1e-4)


def test_a_large_image_of_the_host():
    x = np.random.default_rng(6).standard_normal((4099, 4001)).astype(np.float32)
    for _ in range(3):
        np.testing.assert_allclose(convkit.correlate(x, WEIGHTS, device="cuda"),
                                   convkit.correlate(x, WEIGHTS, method="direct"), atol=1e-4)
        np.testing.assert_allclose(edges.sobel(x, device="cuda"), edges.sobel(x), atol=1e-4)


@pytest.mark.slow
def test_more_numbers_than_32_bits_count():
    torch = pytest.importorskip("torch")
    if torch.cuda.mem_get_info()[0] < 30 << 30:
        pytest.skip("this takes 30 GiB")
    rows, columns = 5, (1 << 29) + 77
    x = torch.zeros(rows, columns, dtype=torch.float32, device="cuda")
    last = torch.arange(1000, device="cuda", dtype=torch.float32)
    x[-1, -1000:] = last
    got = convkit.correlate(x, [1.0, 2.0, 0.5], axes=1)
    want = convkit.correlate(np.concatenate([np.zeros(1), np.arange(1000)]), [1.0, 2.0, 0.5])[1:]
    np.testing.assert_allclose(got[-1, -1000:].cpu().numpy(), want, rtol=1e-6)
    assert float(got[:-1].abs().max()) == 0


@pytest.mark.parametrize("host", [False, True])
def test_results_of_another_stream(host):
    """Long work on the stream of the result, before and after: only events make it right."""
    torch = pytest.importorskip("torch")
    stream = torch.cuda.Stream()
    samples = np.random.default_rng(7).standard_normal((2000, 2001)).astype(np.float32)
    there = samples if host else pytest.importorskip("cupy").asarray(samples)
    want = convkit.correlate(samples, WEIGHTS, method="direct")
    with torch.cuda.stream(stream):
        out = torch.zeros(2000, 2001, device="cuda")
        for _ in range(500):
            out += 1
        convkit.correlate(there, WEIGHTS, out=out, device="cuda")
        after = out * 1
        out += 1
    stream.synchronize()
    np.testing.assert_allclose(after.cpu().numpy(), want, atol=1e-3)
