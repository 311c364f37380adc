"""Fourier transforms of any length on a CUDA device, and curvelet transforms by them: see twins.py."""

import numpy as np
import pytest

import convkit
from tests import strategies
from tests.cuda.twins import sent
from tests.cuda.twins_strides import lying


def difference(shape, count, real, inverse, rng, dtype="float64"):
    """Distance between transforms and those of NumPy, over their norm; numbers around them must stay as they are."""
    from convkit.engines.cuda.transforms import Transform

    axes, lead = tuple(range(1, 1 + len(shape))), (count, *shape[:-1])
    there, back = (np.fft.rfftn, np.fft.irfftn) if real else (np.fft.fftn, np.fft.ifftn)
    if inverse:
        x = strategies.values(rng, (*lead, shape[-1] // 2 + 1 if real else shape[-1]), "complex128")
        want = back(x, s=shape, axes=axes, norm="ortho")
    else:
        x = strategies.values(rng, (*lead, shape[-1]), "float64" if real else "complex128")
        want = there(x, axes=axes, norm="ortho")
    given, wanted = (np.ascontiguousarray(a).reshape(-1).view(np.float64) for a in (x, want))
    samples, out = sent(np.append(7, given).astype(dtype)), sent(np.full(wanted.size + 3, 5, dtype))
    Transform(count, shape, np.dtype(dtype), real, inverse)(samples, 1, out, 2, samples.stream)
    got = out.copy_to_host()
    assert (got[[0, 1, -1]] == 5).all()
    return np.linalg.norm(got[2:-1] - wanted) / np.linalg.norm(wanted)


@pytest.mark.parametrize("n", [*range(1, 41), 53, 77, 97])
def test_lines_of_every_length(n, rng):
    real, inverse = divmod(n, 2)[0] % 2 == 0, n % 4 > 1
    assert difference((n,), 3, real, inverse, rng) < 2e-15
    assert difference((n,), 1, not real, n % 3 == 0, rng) < 2e-15


@pytest.mark.parametrize(("shape", "count"), [((5, 6), 2), ((13, 7), 1), ((4, 9, 10), 1), ((2, 3, 5), 3)])
@pytest.mark.parametrize("real", [False, True])
def test_several_axes(shape, count, real, rng):
    for inverse in (False, True):
        assert difference(shape, count, real, inverse, rng) < 2e-15


@pytest.mark.parametrize("shape", [(48,), (29,), (8, 30), (30, 4), (17, 3), (3, 17, 2)])
@pytest.mark.parametrize("real", [False, True])
def test_lines_that_are_too_long_for_a_block(shape, real, rng, monkeypatch):
    """As matrices, with and without a chirp, along every axis."""
    from convkit.engines.cuda import transforms

    monkeypatch.setattr(transforms, "room", lambda dtype: 12)
    for inverse in (False, True):
        assert difference(shape, 2, real, inverse, rng) < 4e-15


@pytest.mark.parametrize("n", [96, 101, 37 * 16])
def test_single_precision_is_that_of_the_best(n, rng, monkeypatch):
    from convkit.engines.cuda import transforms

    monkeypatch.setattr(transforms, "room", lambda dtype: 100)
    for inverse in (False, True):
        assert difference((n,), 1, n % 2 == 0, inverse, rng, "float32") < np.finfo(np.float32).eps * np.log2(n)


def test_the_block_of_a_device(rng, monkeypatch):
    """The simulator takes seconds for its threads, and is given small ones otherwise."""
    from convkit.engines.cuda import transforms

    monkeypatch.setattr(transforms, "THREADS", 128)
    monkeypatch.setattr(transforms, "BLOCK", 2048)
    assert difference((12, 22), 1, True, False, rng) < 2e-15
    assert difference((13, 9), 1, False, True, rng) < 2e-15


@pytest.mark.parametrize(("n", "rows"), [(1 << 20, 1024), (4096 * 11, 176), (3 * 5 * 7 * 11, 33)])
def test_matrices_have_short_lines(n, rows):
    from convkit.engines.cuda import transforms

    assert transforms.halves(n) == (rows, n // rows)


def test_lines_of_no_matrix_are_refused():
    from convkit.engines.cuda import transforms

    with pytest.raises(ValueError, match="an axis of 33554432 samples is too long to be transformed on a CUDA device"):
        transforms.Transform(1, (1 << 25,), np.dtype("float32"), True, False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_have_the_shared_memory_that_there_is(dtype):
    from convkit.engines.cuda import transforms
    from convkit.engines.cuda.grids import SHARED
    from convkit.kernels.transform_cuda import BYTES

    kind = np.dtype(dtype)
    most = transforms.room(kind)
    assert 2 * kind.itemsize * (most + most // 8 + 1) + BYTES <= SHARED
    assert 2 * kind.itemsize * (most + 9 + (most + 9) // 8 + 1) + BYTES > SHARED


CURVELETS = [((16, 18), {}), ((2, 1, 17, 16), {"finest": "wavelet"}), ((16, 16, 2), {"axes": (0, 1)}),
             ((16, 17), {"dtype": "complex64"}), ((16, 18), {"dtype": "float32"})]
REFLECTED = [((16, 17), {"boundary": "reflect", "scales": 2}),
             ((17, 16), {"axes": (1, 0), "boundary": "reflect", "dtype": "complex64", "scales": 2})]


def fetched(x):
    """An array of a device, however it lies."""
    from convkit._core import gpu
    from convkit.engines.cuda import strides

    return gpu.fetched(strides.seen(x, "x"))


def curvelets_agree(shape, options, rng):
    """Whether a transform there and back is that of the CPU."""
    axes = options.get("axes", (-2, -1))
    plan = convkit.Curvelets([shape[a] for a in axes], angles=8, **options)
    x = strategies.values(rng, shape, options.get("dtype", "float64"))
    want = plan.forward(x)
    got = plan.forward(sent(x))
    tolerance = {"rtol": 0, "atol": 1e-12 if want.dtype == np.complex128 else 2e-5}
    assert (got.batch, got.dtype) == (want.batch, want.dtype)
    np.testing.assert_allclose(fetched(got.ravel()), want.ravel(), **tolerance)
    for key in want:
        np.testing.assert_allclose(fetched(got[key]), want[key], **tolerance)
    changed = strategies.values(rng, want.ravel().shape, want.ravel().dtype)
    y = plan.inverse(plan.unravel(sent(changed)))
    assert y.shape == x.shape
    np.testing.assert_allclose(y.copy_to_host(), plan.inverse(plan.unravel(changed)), **tolerance)


@pytest.mark.parametrize(("shape", "options"), CURVELETS + REFLECTED)
def test_curvelets_are_those_of_the_cpu(shape, options, rng):
    curvelets_agree(shape, options, rng)


def test_curvelets_of_a_volume(rng):
    """Its coarse scale has an odd number of coefficients, and so has all of it."""
    plan = convkit.Curvelets((16, 16, 16), angles=8)
    x = rng.standard_normal(plan.shape).astype(np.float32)
    np.testing.assert_allclose(plan.forward(sent(x)).ravel().copy_to_host(), plan.forward(x).ravel(), rtol=0, atol=2e-5)


def test_coefficients_are_views(rng):
    plan = convkit.Curvelets((16, 18), angles=8)
    c = plan.forward(sent(rng.standard_normal(plan.shape)))
    assert plan._tables.bands[0].numbers % 2, "complex coefficients begin at an odd number"
    before = c.ravel().copy_to_host()
    wedge = c[1, 3]
    wedge.copy_to_device(np.full(wedge.shape, 3 - 4j))
    changed = np.flatnonzero(c.ravel().copy_to_host() != before)
    place = plan._places[1, 3][1]
    assert (changed[0], changed[-1], changed.size) == (place.start, place.stop - 1, 2 * wedge.size)
    copy = c.copy()
    copy[1, 3].copy_to_device(np.zeros(wedge.shape, complex))
    np.testing.assert_array_equal(c[1, 3].copy_to_host(), wedge.copy_to_host())


@pytest.mark.parametrize(("shape", "options"), [((16, 18), {"dtype": "float32"}), ((2, 16, 17), {"finest": "wavelet"}),
                                                ((16, 16), {"dtype": "complex128"})])
@pytest.mark.parametrize("soft", [False, True])
def test_thresholds_are_those_of_the_cpu(shape, options, soft, rng):
    plan = convkit.Curvelets(shape[-2:], angles=8, **options)
    c = plan.forward(strategies.values(rng, shape, options.get("dtype", "float64")))
    values = c.ravel()
    values[..., 7:300:9] = 0
    limits = [(1 + 0.1 * j) * np.linspace(0, 1.5, len(wedges)) for j, wedges in enumerate(plan.shapes)]
    there = plan.unravel(sent(values))
    got = fetched(there.threshold(limits, soft=soft).ravel())
    want = c.threshold(limits, soft=soft).ravel()
    np.testing.assert_array_equal(fetched(there.ravel()), values)
    np.testing.assert_array_equal(got == 0, want == 0)
    np.testing.assert_allclose(got, want, rtol=0, atol=4 * np.finfo(want.dtype).eps)
    assert 0.05 < (want == 0).mean() < 0.95


def test_what_is_as_large_as_a_threshold_stays():
    """Rounded to single precision a threshold may grow less."""
    plan = convkit.Curvelets((16, 16), angles=8)
    t = 0.1
    values = np.full(plan.size, np.float32(t))
    values[-2:] = np.nextafter(np.float32(t), np.float32(0)), 0
    values[plan._places[1, 0][1].start + 1 :: 2] = 0
    values[-4:-2] = np.nan
    c = plan.unravel(values)
    got = plan.unravel(sent(values)).threshold(t).ravel().copy_to_host()
    np.testing.assert_array_equal(got, c.threshold(t).ravel())


def test_samples_lie_in_any_order(rng):
    plan = convkit.Curvelets((16, 18), angles=8)
    x = rng.standard_normal((16, 18))
    got = plan.forward(lying(x, "transposed")).ravel()
    np.testing.assert_allclose(got.copy_to_host(), plan.forward(x).ravel(), rtol=0, atol=1e-12)


def test_integers_and_other_precisions_are_converted(rng):
    plan = convkit.Curvelets((16, 18), angles=8, dtype="float64")
    x = rng.integers(0, 255, plan.shape).astype(np.uint8)
    np.testing.assert_allclose(plan.forward(sent(x)).ravel().copy_to_host(), plan.forward(x).ravel(), rtol=0, atol=1e-10)
    whole = convkit.Curvelets((16, 18), angles=8, real=False)
    assert whole.forward(sent(x.astype(np.float32))).dtype == np.complex64


def test_what_curvelets_on_a_device_do_not_take():
    x = sent(np.ones((16, 16)))
    with pytest.raises(ValueError, match=r"x has shape \(16, 16\)"):
        convkit.Curvelets((16, 18)).forward(x)
    with pytest.raises(TypeError, match="x is complex"):
        convkit.Curvelets((16, 16)).forward(sent(np.ones((16, 16), complex)))
    plan = convkit.Curvelets((16, 16))
    c = plan.unravel(sent(np.ones(plan.size)))
    for change in (lambda: c.keep(3), c.energy):
        with pytest.raises(ValueError, match="neither sorted nor summed"):
            change()
    with pytest.raises(TypeError, match="lies in the memory of a CUDA device"):
        plan.inverse(c, device="cpu")
    with pytest.raises(ValueError, match=f"v has {plan.size - 1} numbers"):
        plan.unravel(sent(np.ones(plan.size - 1)))
    with pytest.raises(TypeError, match="v is complex"):
        plan.unravel(sent(np.ones(plan.size, complex)))
    with pytest.raises(ValueError, match=r"pairs of .* are not computed on a CUDA device"):
        plan.inverse([], device="cuda")


def test_batches_of_odd_sizes_are_views_too(rng):
    """Complex numbers lie at multiples of their size: with a number between two items."""
    plan = convkit.Curvelets((16, 16), angles=8)
    assert plan.size % 2
    x = rng.standard_normal((2, 16, 16))
    want, got = plan.forward(x), plan.forward(sent(x))
    copy = got.copy()
    for c in (want, copy):
        c[1, 2][(slice(None),) * 3] = np.full(want[1, 2].shape, 3 - 4j)
    np.testing.assert_allclose(fetched(copy.ravel()), want.ravel(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(plan.inverse(copy).copy_to_host(), plan.inverse(want), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(fetched(got[1, 2]), fetched(plan.unravel(got.ravel())[1, 2]))
    assert plan.unravel(got.ravel()).ravel() is got.ravel()


def test_coefficients_that_cannot_be_read_are_copied(rng):
    plan = convkit.Curvelets((16, 18), angles=8)
    values = rng.standard_normal(plan.size)
    given = sent(values)
    c = plan.unravel(given)
    assert c.ravel() is not given
    np.testing.assert_array_equal(fetched(c[1, 1]), plan.unravel(values)[1, 1])
    single = convkit.Curvelets((16, 18), angles=8, dtype="float32")
    assert single.unravel(given).dtype == np.complex64
    np.testing.assert_array_equal(fetched(single.unravel(given).ravel()), values.astype(np.float32))


def test_coefficients_are_mapped_band_by_band(rng):
    plan = convkit.Curvelets((16, 16), angles=8)
    x = rng.standard_normal((2, 16, 16))
    got = plan.forward(sent(x)).map(lambda values: sent(2 * fetched(values)))
    np.testing.assert_allclose(fetched(got.ravel()), 2 * plan.forward(x).ravel(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("boundary", "items"), [("wrap", 2), ("reflect", 1)])
def test_samples_of_the_host_are_sent_and_their_coefficients_fetched(boundary, items, rng, monkeypatch):
    from convkit.curvelets import host

    plan = convkit.Curvelets((16, 17), angles=8, scales=2, axes=(2, 0), boundary=boundary)
    x = rng.integers(0, 200, (17, items, 16)).astype(np.uint8)
    want = plan.forward(x)
    y = plan.inverse(want)
    monkeypatch.setattr(host, "forward", None)
    monkeypatch.setattr(host, "inverse", None)
    got = plan.forward(x, device="cuda")
    assert (type(got.ravel()), got.dtype, got.batch) == (np.ndarray, want.dtype, (items,))
    np.testing.assert_allclose(got.ravel(), want.ravel(), rtol=0, atol=2e-3)
    back = plan.adjoint(got, device="cuda")
    assert (type(back), back.dtype, back.shape) == (np.ndarray, y.dtype, x.shape)
    np.testing.assert_allclose(back, y, rtol=0, atol=2e-3)
    for call in (lambda: plan.forward(x, device="gpu"), lambda: plan.inverse(got, device="gpu")):
        with pytest.raises(ValueError, match="device='gpu' is not known"):
            call()
