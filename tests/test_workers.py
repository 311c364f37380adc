"""How many workers there are, and that they never change a bit."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests.strategies import BOUNDARIES, MODES, SEEDS, cases, values


@settings(max_examples=200)
@given(cases(), st.sampled_from((2, 3, 8, -1)), st.sampled_from(("auto", "direct", "fft")))
def test_workers_do_not_change_a_bit(case, workers, method):
    one = convkit.convolve(case.x, case.weights, method=method, workers=1, **case.options)
    many = convkit.convolve(case.x, case.weights, method=method, workers=workers, **case.options)
    np.testing.assert_array_equal(one, many)


LARGE = {
    "2-D": ((700, 613), (5, 6)), "2-D large weights": ((300, 310), (31, 33)), "flat": ((3, 40_000), (2, 9)),
    "1-D": ((150_000,), (65,)), "3-D": ((40, 50, 60), (3, 4, 3)), "batch": ((9, 120, 130), (5, 5)),
}  # fmt: skip


@pytest.mark.parametrize("boundary", ["zero", "reflect"])
@pytest.mark.parametrize("method", ["direct", "fft", "separable", "auto"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "complex64"])
@pytest.mark.parametrize("size", LARGE)
def test_workers_do_not_change_a_bit_of_large_arrays(size, dtype, method, boundary, rng):
    n, k = LARGE[size]
    x, weights = values(rng, n, dtype), np.ones(())
    for side in k:
        weights = np.multiply.outer(weights, rng.standard_normal(side))
    options = {"boundary": boundary, "method": method, "axes": (1, 2) if size == "batch" else None}
    one = convkit.convolve(x, weights, workers=1, **options)
    for workers in (2, 5):
        np.testing.assert_array_equal(convkit.convolve(x, weights, workers=workers, **options), one)
    with convkit.set_workers(3):
        np.testing.assert_array_equal(convkit.convolve(x, weights, **options), one)


@given(SEEDS, st.sampled_from(MODES), st.sampled_from(BOUNDARIES))
def test_separable_passes(seed, mode, boundary):
    rng = np.random.default_rng(seed)
    x, taps = rng.standard_normal((61, 47)), [rng.standard_normal(5), rng.standard_normal(4)]
    one = convkit.convolve_separable(x, taps, mode=mode, boundary=boundary, workers=1)
    np.testing.assert_array_equal(convkit.convolve_separable(x, taps, mode=mode, boundary=boundary, workers=4), one)


def test_masks(rng):
    x, valid, weights = rng.standard_normal((300, 400)), rng.random((300, 400)) < 0.7, rng.random((5, 7))
    one = convkit.convolve(x, weights, mask=valid, workers=1)
    np.testing.assert_array_equal(convkit.convolve(x, weights, mask=valid, workers=4), one)


def test_set_workers_is_restored_by_its_object():
    from convkit._core import workers

    before = workers.resolve(None)
    with convkit.set_workers(3):
        assert workers.resolve(None) == 3
        with convkit.set_workers(2):
            assert workers.resolve(None) == 2
            assert workers.resolve(5) == 5
        assert workers.resolve(None) == 3
    assert workers.resolve(None) == before
    kept = convkit.set_workers(4)
    assert workers.resolve(None) == 4  # at once, without `with`
    with kept:
        assert workers.resolve(None) == 4
    assert workers.resolve(None) == before


def test_set_workers_is_restored_after_an_error():
    from convkit._core import workers

    before = workers.resolve(None)
    with pytest.raises(KeyError), convkit.set_workers(before + 1):
        raise KeyError
    assert workers.resolve(None) == before


def count(code="from convkit._core import workers; print(workers.resolve(None))", **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS",)} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_the_environment_limits_the_workers():
    assert count(OMP_NUM_THREADS="1") == 1
    assert count() >= 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity to set")
def test_affinity_limits_the_workers():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from convkit._core import workers; print(workers.resolve(None))"
    )
    assert count(code) == 1


def test_negative_workers_wrap_around():
    from convkit._core import workers

    processors = workers.processors()
    assert workers.resolve(-1) == processors
    assert workers.resolve(-processors) == 1
    with pytest.raises(ValueError, match="workers"):
        workers.resolve(-processors - 1)
    with convkit.set_workers(-1):
        assert workers.resolve(None) == processors


def test_many_threads_may_call_at_once(rng):
    images = [rng.standard_normal((120, 130)).astype(np.float32) for _ in range(8)]
    weights = rng.standard_normal((5, 5))
    for method in ("direct", "fft"):
        want = [convkit.convolve(x, weights, method=method, workers=1) for x in images]
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(convkit.convolve, x, weights, method=method, workers=2) for x in images * 4]
            for future, expected in zip(futures, want * 4, strict=True):
                np.testing.assert_array_equal(future.result(timeout=60), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_can_call():
    code = """
import os, warnings, numpy as np, convkit
warnings.simplefilter("ignore")
x, w = np.ones((400, 400), np.float32), np.ones((5, 5))
convkit.convolve(x, w, workers=2)
child = os.fork()
if child == 0:
    os._exit(int(convkit.convolve(x, w, workers=2)[200, 200] != 25))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "0"


def test_many_threads_and_more_shapes_than_are_remembered():
    """Plans are remembered, the oldest forgotten: from several threads at once."""
    weights = np.array([0.25, 0.5, 0.25])

    def call(n):
        x = np.arange(n, dtype=np.float64)
        return np.array_equal(convkit.convolve(x, weights, mode="valid"), x[1:-1])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, [*range(3, 400), *range(399, 2, -1)]))
