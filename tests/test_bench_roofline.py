"""The roof: that the calls do the work they say they do, and how cells are set against it. No test looks at a speed."""

import numpy as np
import pytest

from convkit.bench import Case, Cell, Timing, report, roofline
from convkit.bench.roofline import Roof

ROOF = Roof(workers=2, dtype="float32", compute=1e11, memory=1e10, cached=5e10, cache=1 << 20)


def test_the_longer_of_computing_and_moving_is_the_bound():
    assert ROOF.bound(1e9, 1e3) == (pytest.approx(0.01), "compute")
    assert ROOF.bound(1e3, 1e8) == (pytest.approx(0.01), "memory")
    assert ROOF.bound(1e3, 1 << 20) == (pytest.approx((1 << 20) / 5e10), "cache")


def made(method, dims=2, size=100, taps=5, dtype="float32", rank=1, seconds=1e-3):
    times = {"auto": Timing.of([seconds]), method: Timing.of([seconds])}
    return Cell(Case(dims, size, taps, dtype=dtype), pick=method, agreement=0.0, rank=rank, times=times)


def test_operations_are_those_of_the_method():
    assert made("direct").operations("direct") == 2 * 25 * 100**2
    assert made("separable", rank=3).operations("separable") == 2 * 3 * 10 * 100**2
    assert made("direct", dtype="complex64").operations("direct") == 2 * 2 * 25 * 100**2
    n = 104.0**2
    assert made("fft").operations("fft") == pytest.approx(n * (5 * np.log2(n) + 3))
    assert made("direct", 1).operations("separable") == made("direct", 1).operations("direct")
    assert made("direct", dtype="float64").traffic == 2 * 100**2 * 8


def test_the_share_of_auto_is_that_of_its_pick():
    share, what = ROOF.fraction(made("direct", taps=15))
    assert what == "compute"
    assert share == pytest.approx(2 * 225 * 100**2 / 1e11 / 1e-3)
    assert ROOF.fraction(made("separable"))[0] < ROOF.fraction(made("direct"))[0]
    assert report.reached(made("direct", taps=15, seconds=1e-4), ROOF) == "45 % c"
    assert report.reached(made("direct", size=1000, taps=3, seconds=1e-3), ROOF) == "80 % m"


def test_the_line_tells_what_was_measured():
    text = report.roof_line(ROOF)
    for words in ("2 workers", "100 GF/s", "float32", "10.0 GB/s", "50.0 GB/s", "1 MiB"):
        assert words in text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loop_of_the_ceiling_does_its_sums(dtype):
    from convkit.bench import ceiling

    values = np.array([0.5, 1.0, 0.0], dtype)
    ceiling.spin(0, values)
    lanes = ceiling.lanes(values.itemsize)
    first = ceiling.SUMS * (lanes - 1) + sum(range(ceiling.SUMS))
    assert values[2] == first
    ceiling.spin(1, values)
    assert values[2] == ceiling.SUMS * lanes + 0.5 * first
    assert ceiling.operations(7, values.itemsize) == 2 * 7 * ceiling.SUMS * lanes


def test_the_ceiling_counts_the_work_of_every_worker(monkeypatch):
    monkeypatch.setattr(roofline, "SPIN", 1e5)
    one, amount = roofline.compute_call(1, "float32")
    one()
    assert roofline.compute_call(3, "float32")[1] == 3 * amount
    assert amount == pytest.approx(2e5, rel=0.2)


def test_the_copy_moves_what_it_counts(monkeypatch):
    seen = []
    monkeypatch.setattr(roofline.np, "copyto", lambda target, source: seen.append((target.size, source.size)))
    call, amount = roofline.copy_call(3, 8000)
    call()
    assert sum(target for target, _ in seen) == 1000
    assert all(target == source for target, source in seen)
    assert amount == 2 * 8000


def test_the_roof_is_measured_in_the_dtype_of_the_parts(monkeypatch):
    monkeypatch.setattr(roofline, "SPIN", 1e5)
    monkeypatch.setattr(roofline, "LARGE", 1 << 12)
    monkeypatch.setattr(roofline, "last_level_cache", lambda: 1 << 11)
    found = roofline.measure_roof(1, "complex128", budget=0.0)
    assert (found.workers, found.dtype, found.cache) == (1, "float64", 1 << 11)
    assert min(found.compute, found.memory, found.cached) > 0


def test_the_system_tells_of_a_cache():
    assert roofline.last_level_cache() >= 1 << 15


def test_plain_python_has_no_ceiling(monkeypatch):
    import numba

    from convkit.cli.bench import find_roof

    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(RuntimeError, match="NUMBA_DISABLE_JIT"):
        roofline.compute_call(1, "float32")
    assert find_roof(1, "float32") is None
