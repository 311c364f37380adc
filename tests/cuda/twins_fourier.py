"""Correlation by FFT on a CUDA device, which has to be that of the CPU: see twins.py."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings

import convkit
from tests import reference, strategies
from tests.cuda.twins import sent
from tests.cuda.twins_transforms import CURVELETS, curvelets_agree

KINDS = ("float32", "float64", "complex64", "complex128")
NAMES = ("fftn", "ifftn", "rfftn", "irfftn")


def close(got, want, x, weights, work, **options):
    """Whether convolutions are as near as the bound of transforms lets them be; in double precision within 1e-12."""
    limit = reference.fft_bound(x, weights, work, **options)
    if np.dtype(work).char in "dD":
        limit = min(limit, 1e-12 * np.abs(weights).sum() * max(np.abs(x).max(), abs(options.get("fill_value", 0))) + 1e-300)
    return got.shape == want.shape and bool((np.abs(got - want) <= limit).all())


@pytest.fixture
def tiles():
    """The engine, whose choice of tiles is made anew before and after."""
    from convkit.engines.cuda import tiles

    tiles.tiling.cache_clear()
    yield tiles
    tiles.tiling.cache_clear()


@settings(max_examples=14)
@given(strategies.cases(dtypes=KINDS, weights_dtypes=KINDS, dims=(1, 1, 1, 2), batch=False))
def test_correlations_by_fft_are_those_of_the_cpu(case):
    want = convkit.correlate(case.x, case.weights, method="direct", **case.options)
    got = convkit.correlate(sent(case.x), case.weights, method="fft", **case.options)
    assert got.dtype == want.dtype
    assert close(got.copy_to_host(), want, case.x, reference.flipped(case.weights), case.work.name, **case.options)


@pytest.mark.parametrize(("shape", "taps", "axes"), [
    ((60,), (11,), None), ((5, 33), (4,), -1), ((21, 7), (4,), 0), ((13, 5), (3, 2), (0, 1)), ((4, 9, 3), (3,), 1),
    ((5, 9, 7), (2, 3, 2), None), ((7, 5, 9), (3, 2), (0, 2)), ((9, 4), (3, 1), None)])
def test_several_tiles(shape, taps, axes, rng):
    """Rows, columns, planes, batches before and behind the axis."""
    x, weights = rng.standard_normal(shape), rng.standard_normal(taps)
    options = {"axes": axes, "boundary": "constant", "fill_value": 0.7, "mode": "full"}
    want = convkit.correlate(x, weights, method="direct", **options)
    got = convkit.correlate(sent(x), weights, method="fft", **options).copy_to_host()
    assert close(got, want, x, weights, "float64", **options)


@pytest.mark.parametrize(("shape", "taps"), [((70,), (41,)), ((10, 11), (13, 9))])
def test_many_taps_are_taken_in_panels(shape, taps, rng, tiles, monkeypatch):
    """Short ones, on a device as in the simulator."""
    monkeypatch.setattr(tiles, "OWN", {1: (16, 32), 2: (8, 16)})
    monkeypatch.setattr(tiles, "SIMULATED", tiles.OWN)
    x, weights = rng.standard_normal(shape), rng.standard_normal(taps)
    plan = tiles.tiling((1,) * (3 - len(shape)) + shape, (1,) * (3 - len(taps)) + taps, False)
    assert plan.panel[-1] < taps[-1]
    got = convkit.correlate(sent(x), weights, method="fft", boundary="symmetric").copy_to_host()
    want = convkit.correlate(x, weights, method="direct", boundary="symmetric")
    assert close(got, want, x, weights, "float64", boundary="symmetric")


def test_tiles_are_taken_as_memory_in_between_has_room(rng, monkeypatch):
    from convkit.engines.cuda import tiles

    x, weights = rng.standard_normal((3, 20, 11)), rng.standard_normal((3, 4))
    want = convkit.correlate(sent(x), weights, method="fft", axes=(1, 2)).copy_to_host()
    monkeypatch.setattr(tiles, "BETWEEN", 5 << 10)
    got = convkit.correlate(sent(x), weights, method="fft", axes=(1, 2)).copy_to_host()
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(("shape", "taps"), [((90,), (6,)), ((24, 17), (3, 2))])
def test_nan_and_inf_stay_where_they_belong(shape, taps, dtype, rng):
    x = strategies.values(rng, shape, dtype)
    x.flat[5], x.flat[-3] = np.nan, np.inf
    weights = rng.standard_normal(taps)
    want = convkit.correlate(x, weights, method="direct", boundary="edge")
    got = convkit.correlate(sent(x), weights, method="fft", boundary="edge").copy_to_host()
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    np.testing.assert_allclose(got[np.isfinite(want)], want[np.isfinite(want)], rtol=0, atol=1e-11)


def test_large_samples_drown_no_others(rng):
    x = rng.standard_normal(200).astype(np.float32)
    x[30] = 1e9
    weights = rng.standard_normal(7)
    want = convkit.correlate(x.astype(np.float64), weights, method="direct")
    got = convkit.correlate(sent(x), weights, method="fft").copy_to_host()
    far = np.abs(np.arange(200) - 30) > 8
    np.testing.assert_allclose(got[far], want[far], rtol=0, atol=2e-5)


def test_a_run_of_zeros_is_no_usual_tile(rng):
    """The median is that of the tiles in which there is something."""
    x = np.zeros(300)
    x[:20], x[20:25] = 1e-3 * rng.standard_normal(20), 1.0
    weights = rng.standard_normal(5)
    got = convkit.correlate(sent(x), weights, method="fft").copy_to_host()
    np.testing.assert_allclose(got, convkit.correlate(x, weights, method="direct"), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int16", "float16"])
def test_narrow_samples_are_transformed(dtype, rng):
    x, weights = strategies.values(rng, (50,), dtype), rng.standard_normal(9)
    got = convkit.correlate(sent(x), weights.astype(np.float32), method="fft")
    want = convkit.correlate(x, weights.astype(np.float32), method="direct")
    assert got.dtype == want.dtype
    assert close(got.copy_to_host().astype(float), want.astype(float), x.astype(float), weights, got.dtype)


def test_integers_that_have_to_be_exact_are_summed_directly():
    x = np.array([2**52, -(2**51) + 1, 3])
    got = convkit.convolve(sent(x), np.array([1, -2]), dtype=np.int64, mode="full", method="fft").copy_to_host()
    np.testing.assert_array_equal(got, np.convolve(x, [1, -2]))


@pytest.mark.parametrize(("shape", "taps", "dtype", "pays"), [
    ((8192, 8192), (13, 13), "float32", False), ((8192, 8192), (31, 31), "float32", True),
    ((8192, 8192), (5, 5), "complex64", False), ((8192, 8192), (15, 15), "complex64", True),
    ((1 << 24,), (31,), "float32", False), ((1 << 24,), (301,), "float32", True), ((99,) * 3, (11,) * 3, "float32", True)])
def test_many_taps_are_worth_a_transform(shape, taps, dtype, pays, monkeypatch, tiles):
    from convkit._core import gpu
    from convkit._core.geometry import axis_geometry
    from convkit.engines.cuda import fourier, spectral

    monkeypatch.setattr(fourier, "library", lambda: None)
    monkeypatch.setattr(gpu, "SIMULATED", False)
    geometry = [axis_geometry(n, k, "same") for n, k in zip(shape, taps, strict=True)]
    assert spectral.pays(shape, np.ones(taps, dtype), geometry, range(len(shape))) == pays
    assert not spectral.pays(shape, np.full(taps, np.nan), geometry, range(len(shape)))


@pytest.mark.parametrize(("shape", "taps"), [((70,), (5,)), ((20, 40), (3, 2))])
def test_the_blocks_of_a_device(shape, taps, rng, monkeypatch, tiles):
    """The simulator takes seconds for the threads of one block, and is given small ones otherwise."""
    monkeypatch.setattr(tiles, "THREADS", 256)
    monkeypatch.setattr(tiles, "BLOCK", 2048)
    monkeypatch.setattr(tiles, "SIMULATED", tiles.OWN)
    x, weights = rng.standard_normal(shape).astype(np.float32), rng.standard_normal(taps)
    got = convkit.correlate(sent(x), weights, method="fft", boundary="wrap").copy_to_host()
    want = convkit.correlate(x, weights, method="direct", boundary="wrap")
    assert close(got, want, x, weights, "float32", boundary="wrap")


def test_auto_takes_the_cheaper_one(rng, monkeypatch):
    from convkit.engines.cuda import spectral

    x, weights, calls = rng.standard_normal(9), rng.standard_normal(4), []
    prepare = spectral.prepare
    monkeypatch.setattr(spectral, "prepare", lambda *a: calls.append(a) or prepare(*a))
    for pays in (False, True):
        monkeypatch.setattr(spectral, "pays", lambda *a, pays=pays: pays)
        got = convkit.correlate(sent(x), weights + pays).copy_to_host()
        np.testing.assert_allclose(got, convkit.correlate(x, weights + pays), rtol=0, atol=1e-13)
        assert len(calls) == pays


def test_a_call_met_before_takes_other_samples(rng):
    weights = rng.standard_normal(5)
    for _ in range(2):
        x = rng.standard_normal(30)
        got = convkit.correlate(sent(x), weights, boundary="wrap", method="fft").copy_to_host()
        np.testing.assert_allclose(got, convkit.correlate(x, weights, boundary="wrap", method="direct"), rtol=0, atol=1e-12)


class Stream:
    """A stream of the library that stands in for CuPy: what is asked of it is told to `told`."""

    def __init__(self, handle, told):
        self.handle, self._told = handle, told

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._told.append(("left", self.handle))

    def wait_event(self, event):
        self._told.append(("waits", self.handle, event.after))


class Event:
    def __init__(self, disable_timing):
        self.after = None

    def record(self, stream):
        self.after = stream.handle


@pytest.fixture
def foreign(monkeypatch):
    """CuPy, the names of whose transforms are kept; SciPy stands in for it in the simulator."""
    from scipy import fft

    from convkit._core import gpu
    from convkit.engines.cuda import fourier, tiles

    used, told = [], []
    library = SimpleNamespace(asarray=lambda a: a._ary, fft=SimpleNamespace(), cuda=SimpleNamespace(
        ExternalStream=lambda handle: Stream(handle, told), Event=Event))
    library = library if gpu.SIMULATED else pytest.importorskip("cupy")
    for name in NAMES:
        plain = getattr(fft if gpu.SIMULATED else library.fft, name)
        monkeypatch.setattr(library.fft, name, lambda a, name=name, plain=plain, **options: used.append(name)
                            or plain(a, **options), raising=False)
    monkeypatch.setattr(fourier, "library", lambda: library)
    monkeypatch.setattr(fourier, "_turns", fourier._Turns())
    tiles.tiling.cache_clear()
    yield SimpleNamespace(used=used, told=told, library=library)
    tiles.tiling.cache_clear()


@pytest.mark.parametrize(("shape", "taps", "dtype"), [((40,), (5,), "float64"), ((9, 12), (3, 4), "float32"),
                                                      ((9, 12), (3, 4), "complex128"), ((9, 12), (3,), "float64")])
def test_a_library_transforms_tiles(shape, taps, dtype, rng, foreign):
    x, weights = strategies.values(rng, shape, dtype), strategies.values(rng, taps, dtype)
    options = {"boundary": "reflect", "axes": tuple(range(len(taps)))}
    got = convkit.correlate(sent(x), weights, method="fft", **options).copy_to_host()
    want = convkit.correlate(x, weights, method="direct", **options)
    assert close(got, want, x, weights, dtype, **options)
    assert foreign.used == (["fftn", "ifftn"] if dtype == "complex128" else ["rfftn", "irfftn"])


@pytest.mark.parametrize(("shape", "options"), CURVELETS)
def test_curvelets_by_a_library_are_those_of_the_cpu(shape, options, rng, foreign):
    curvelets_agree(shape, options, rng)
    ends = ("fftn", "ifftn") if options.get("dtype") == "complex64" else ("rfftn", "irfftn")
    assert (foreign.used[0], foreign.used[-1]) == ends


def test_a_library_transforms_batches_in_pieces(rng, foreign, monkeypatch):
    from convkit.engines.cuda import batches

    monkeypatch.setattr(batches, "PIECE", 200)
    x, weights = rng.standard_normal((4, 5, 6)), rng.standard_normal((2, 3))
    got = convkit.correlate(x, weights, axes=(1, 2), method="fft", device="cuda")
    np.testing.assert_allclose(got, convkit.correlate(x, weights, axes=(1, 2), method="direct"), rtol=0, atol=1e-12)
    assert len(foreign.used) > 2


def test_work_of_a_library_waits_for_that_on_other_streams(foreign):
    """Its plans have one work area for all of them."""
    from convkit._core import gpu
    from convkit.engines.cuda import fourier

    if not gpu.SIMULATED:
        pytest.skip("what is asked of a stream is seen in the stand-in only")
    first, second = gpu.cuda.stream(), gpu.cuda.stream()
    for stream in (first, first, second, 0):
        with fourier.entered(foreign.library, stream):
            pass
    with pytest.raises(ValueError, match="no such"), fourier.entered(foreign.library, second):
        raise ValueError("no such transform")
    with fourier.entered(foreign.library, first):
        pass
    a, b = id(first), id(second)
    assert foreign.told == [("left", a), ("left", a), ("waits", b, a), ("left", b), ("waits", 0, b), ("left", 0),
                            ("waits", b, 0), ("left", b), ("waits", a, b), ("left", a)]


def test_the_tiles_of_a_library_are_weighed(foreign, monkeypatch, tiles):
    """They may be longer, and pass through memory more often."""
    from convkit._core import gpu

    monkeypatch.setattr(gpu, "SIMULATED", False)
    own, longer = (tiles.tiling((1, 1, 1 << 24), (1, 1, 30001), library) for library in (False, True))
    assert longer.lengths[2] > own.lengths[2]
    assert longer.panel[2] == 30001
    assert longer.cost < own.cost
    own, other = (tiles.tiling((1, 4096, 4096), (1, 31, 31), library) for library in (False, True))
    assert own.cost < other.cost < 2 * own.cost
