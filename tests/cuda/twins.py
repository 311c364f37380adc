"""What a CUDA device has to compute as the CPU does: run under the simulator by tests/cuda, and on a device by tests/gpu."""

import numpy as np
import pytest
from hypothesis import given, settings

import convkit
from tests import reference, strategies
from tests.cuda.simulator import written

EXACT = {"float32": None, "complex64": None, "float64": 1e-12, "complex128": 1e-12}
KINDS = ("float32", "float64", "complex64", "complex128")


def sent(x):
    from numba import cuda

    there = cuda.to_device(np.ascontiguousarray(x))
    return written(there) if cuda.config.ENABLE_CUDASIM else there


def near(got, want, x, weights, work, **options):
    """Whether convolutions are as near as the bounds of the direct sum let them be; in double precision within 1e-12."""
    size = reference.magnitude(x, weights, **options)
    limit = reference.direct_bound(x, weights, work, **options) if EXACT[work] is None else EXACT[work] * size
    return got.shape == want.shape and bool((np.abs(got - want) <= limit).all())


@settings(max_examples=40)
@given(strategies.cases(dtypes=KINDS, weights_dtypes=KINDS))
def test_correlations_are_those_of_the_cpu(case):
    options = case.options
    want = convkit.correlate(case.x, case.weights, method="direct", **options)
    got = convkit.correlate(sent(case.x), case.weights, **options)
    assert got.dtype == want.dtype
    assert near(got.copy_to_host(), want, case.x, reference.flipped(case.weights), case.work.name, **options)


@settings(max_examples=15)
@given(strategies.cases(dtypes=("uint8", "bool", "int16", "int32", "float16"), weights_dtypes=("int8", "float32"), dims=(2,),
                        batch=False))
def test_narrow_samples_are_converted(case):
    want = convkit.convolve(case.x, case.weights, method="direct", **case.options)
    got = convkit.convolve(sent(case.x), case.weights, **case.options)
    assert got.dtype == want.dtype
    size = reference.magnitude(case.x.astype(case.work), case.weights, **case.options)
    np.testing.assert_array_less(np.abs(got.copy_to_host().astype(float) - want),
                                 2 * case.weights.size * np.finfo(want.dtype).eps * size + 1e-7)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint64", "float16", "float64"])
def test_results_are_rounded_and_saturate(dtype):
    x = np.array([[0.5, 1.5, 2.5, -1.5], [300.0, -70000.0, 1e30, np.nan], [3.49, -0.5, 1e19, -1e30]], np.float32)
    x = np.nan_to_num(x, nan=7, posinf=7, neginf=7) if dtype.startswith("float") else x
    x = np.clip(x, -6e4, 6e4) if dtype == "float16" else x
    want = convkit.convolve(x, [[1.0]], dtype=dtype, method="direct")
    got = convkit.convolve(sent(x), [[1.0]], dtype=dtype).copy_to_host()
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("dtype", "bits"), [("int32", 31), ("int64", 63), ("uint64", 64)])
def test_the_first_number_beyond_an_integer_saturates(dtype, bits):
    x = np.array([-(2.0**bits), 2.0**bits, np.nextafter(2.0**bits, 0)])
    want = convkit.convolve(x, [1.0], dtype=dtype, method="direct")
    assert want[1] == np.iinfo(dtype).max
    np.testing.assert_array_equal(convkit.convolve(sent(x), [1.0], dtype=dtype).copy_to_host(), want)


@pytest.mark.parametrize("method", ["fft", "separable", "auto"])
def test_integers_are_exact_after_a_call_that_could_not_be(method):
    """What is ready for numbers too large to be exact is not used for others."""
    x, weights = np.arange(60), np.arange(1, 12)
    for large in (sent(np.full(60, 2**60)), np.full(60, 2**60)):
        convkit.convolve(large, weights, method=method, device="cuda")
    for small in (sent(x), x):
        got = convkit.convolve(small, weights, method=method, device="cuda")
        got = got if isinstance(got, np.ndarray) else got.copy_to_host()
        np.testing.assert_array_equal(got, np.convolve(x, weights, "same"))


def test_integers_are_exact_past_the_floats():
    x = np.array([2**60, -(2**59) + 1, 3])
    got = convkit.convolve(sent(x), np.array([1, -2]), dtype=np.int64, mode="full").copy_to_host()
    np.testing.assert_array_equal(got, np.convolve(x, [1, -2]))


def test_nan_and_inf_stay_where_they_belong(rng):
    x = rng.standard_normal((9, 14)).astype(np.float32)
    x[4, 5], x[0, 13] = np.nan, np.inf
    weights = rng.standard_normal((3, 4))
    want = convkit.correlate(x, weights, method="direct")
    got = convkit.correlate(sent(x), weights).copy_to_host()
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [40, 39])
def test_samples_away_from_the_edges_are_read_in_place(width, dtype, rng):
    """By vectors where rows begin at multiples of 16 bytes, as they do not with an odd width."""
    x, weights = rng.standard_normal((13, width)).astype(dtype), rng.standard_normal((2, 4))
    got = convkit.correlate(sent(x), weights).copy_to_host()
    assert near(got, convkit.correlate(x, weights, method="direct"), x, reference.flipped(weights), dtype)


def test_taps_that_do_not_fit_are_taken_in_panels(rng, monkeypatch):
    from convkit.engines.cuda import direct as engine

    x, weights = rng.standard_normal((3, 11, 12)), rng.standard_normal((2, 7, 9))
    seen = []
    plain = engine._panel
    tile = engine.tile_for(x.dtype)
    monkeypatch.setattr(engine, "SHARED", tile.shared((3, 4), 1, 8))
    monkeypatch.setattr(engine, "_panel", lambda *a: seen.append(plain(*a)) or seen[-1])
    got = convkit.correlate(sent(x), weights, boundary="wrap").copy_to_host()
    assert seen[0] != (7, 9)
    want = convkit.correlate(x, weights, boundary="wrap", method="direct")
    assert near(got, want, x, reference.flipped(weights), "float64", boundary="wrap")


@pytest.mark.parametrize("dtype", ["uint8", "float32", "complex128"])
@pytest.mark.parametrize("shape", [(61,), (3, 27), (2, 3, 8)])
@pytest.mark.parametrize(("boundary", "mode"), [("reflect", "same"), ("zero", "full"), ("wrap", "valid")])
def test_lines_are_correlated_along_themselves(shape, boundary, mode, dtype, rng):
    x = strategies.values(rng, shape, dtype)
    weights = strategies.values(rng, (5,), "float64")
    options = {"axes": -1, "boundary": boundary, "mode": mode}
    want = convkit.correlate(x, weights, method="direct", **options)
    got = convkit.correlate(sent(x), weights, **options).copy_to_host()
    work = "float32" if dtype == "uint8" else dtype
    assert near(got, want, x.astype(work), reference.flipped(weights), work, **options)


def test_many_taps_of_a_line_are_taken_in_panels(rng, monkeypatch):
    from convkit.engines.cuda import direct as engine

    x, weights = rng.standard_normal(40), rng.standard_normal(23)
    lines = engine.lines_for(x.dtype, 1)
    monkeypatch.setattr(engine, "SHARED", lines.shared((1, 7), 1, 8))
    got = convkit.correlate(sent(x), weights, boundary="symmetric").copy_to_host()
    want = convkit.correlate(x, weights, boundary="symmetric", method="direct")
    assert near(got, want, x, reference.flipped(weights), "float64", boundary="symmetric")


@settings(max_examples=12)
@given(strategies.cases(dtypes=("float64", "complex128"), weights_dtypes=("float64",), dims=(2, 3), separable=True))
def test_passes_are_those_of_the_cpu(case):
    taps = [np.arange(1.0, k + 1) - 0.3 * k for k in case.weights.shape]
    taps[-1] = None if taps[-1].size == 1 else taps[-1]
    want = convkit.convolve_separable(case.x, taps, **case.options)
    got = convkit.convolve_separable(sent(case.x), taps, **case.options)
    assert got.dtype == want.dtype
    assert near(got.copy_to_host(), want, case.x, reference.dense(taps), case.work.name, **case.options)


def test_separable_weights_run_as_passes(rng):
    x = rng.standard_normal((6, 9))
    weights = np.outer(np.arange(6.0), np.arange(6.0) - 2.5) + np.outer(np.arange(6.0) ** 2, np.ones(6))
    got = convkit.convolve(sent(x), weights, method="separable", boundary="edge").copy_to_host()
    np.testing.assert_allclose(got, convkit.convolve(x, weights, boundary="edge", method="direct"), rtol=0, atol=1e-9)


def method_of(x, weights):
    """What would compute a call with ``method="auto"``."""
    from convkit.convolution import cuda

    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda.DeviceReady, "__call__", lambda ready, *arguments: made.append(ready.run))
        convkit.correlate(sent(x), weights)
    return f"{type(made[0]).__module__.rpartition('.')[2]}.{type(made[0]).__name__}"


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_separable_weights_are_found_where_passes_cost_less(dtype, rng):
    x, across = rng.standard_normal((12, 40)).astype(dtype), np.outer(np.arange(1.0, 13), np.hanning(31))
    large = np.zeros((64, 80), dtype)
    assert method_of(large, across) == "direct.PreparedPasses"
    assert method_of(large, np.outer([1.0, 2, 1], [1.0, 0, -1])) == "direct.Prepared"
    assert method_of(large, rng.standard_normal((12, 31))) != "direct.PreparedPasses"
    assert method_of(np.ones((64, 80), np.uint8), np.outer(np.arange(1, 13), np.arange(1, 32))) == "direct.Prepared"
    got = convkit.correlate(sent(x), across).copy_to_host()
    assert near(got, convkit.correlate(x, across, method="direct"), x, reference.flipped(across), dtype)


def test_what_methods_cost_is_counted():
    from convkit._core.geometry import axis_geometry
    from convkit.engines.cuda import direct

    def costs(k, work="float32", rank=1):
        geometry = [axis_geometry(2048, k, "same")] * 2
        return [f((2048, 2048), (k, k), geometry, (0, 1), np.dtype(work), *more) / 2048**2
                for f, more in ((direct.passes_cost, (rank,)), (direct.direct_cost, ()))]

    assert costs(5)[0] > costs(5)[1]
    assert costs(7)[0] < costs(7)[1]
    assert costs(31, rank=3)[0] > 3 * costs(31)[0]
    assert costs(7, "complex64")[1] == 4 * 49 + 4 * 17


def test_results_go_where_the_caller_says(rng):
    x, weights = rng.standard_normal((5, 7)), rng.standard_normal((3, 2))
    want = convkit.convolve(x, weights, method="direct")
    device, out = sent(x), sent(np.zeros((5, 7)))
    assert convkit.convolve(device, weights, out=out) is out
    np.testing.assert_allclose(out.copy_to_host(), want, rtol=0, atol=1e-12)
    assert convkit.convolve(device, weights, out=device) is device
    np.testing.assert_allclose(device.copy_to_host(), want, rtol=0, atol=1e-12)
    host = np.zeros((5, 7), np.float32)
    assert convkit.convolve(sent(x), weights, out=host, dtype=np.float32) is host
    np.testing.assert_allclose(host, want, rtol=0, atol=1e-5)


def test_arrays_of_the_host_are_sent_and_fetched(rng):
    x, weights = rng.standard_normal((5, 7)), rng.standard_normal((3, 2))
    want = convkit.convolve(x, weights, method="direct")
    got = convkit.convolve(x, weights, device="cuda")
    assert type(got) is np.ndarray
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)
    swapped = convkit.convolve(x.T.astype(">f8"), weights.T, device="cuda")
    np.testing.assert_allclose(swapped.T, got, rtol=0, atol=1e-12)
    out = np.zeros_like(x)
    assert convkit.convolve_separable(x, [[1, 2], [3.0]], device="cuda", out=out) is out
    np.testing.assert_allclose(out, convkit.convolve_separable(x, [[1, 2], [3.0]]), rtol=0, atol=1e-12)


def test_weights_may_lie_on_the_device(rng):
    x, weights = rng.standard_normal(9), rng.standard_normal(4)
    got = convkit.convolve(sent(x), sent(weights)).copy_to_host()
    np.testing.assert_allclose(got, convkit.convolve(x, weights), rtol=0, atol=1e-12)


def test_a_call_met_before_takes_other_samples(rng):
    weights = rng.standard_normal((2, 3))
    for _ in range(2):
        x = rng.standard_normal((4, 9))
        got = convkit.correlate(sent(x), weights, boundary="symmetric").copy_to_host()
        want = convkit.correlate(x, weights, boundary="symmetric", method="direct")
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def test_what_a_device_does_not_take_is_refused():
    x = sent(np.ones((4, 6)))
    with pytest.raises(ValueError, match=r"out has shape \(4, 6\), but the result has shape \(3, 6\)"):
        convkit.convolve(x, [[1.0], [2.0]], mode="valid", out=sent(np.ones((4, 6))))
    with pytest.raises(ValueError, match="weights has 1 axis, but x has 2"):
        convkit.convolve(x, [1.0])
