"""The curvelet transform of images: a tight frame on every size, in every mode; its arrays, dtypes, batches, refusals."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from scipy.sparse.linalg import lsqr, svds

import convkit
from convkit.curvelets import CurveletCoefficients, windows

SIDES = (16, 17, 19, 23, 31, 32, 37, 45, 53, 64, 71, 97, 100, 127, 128, 144, 211)


def drawn_shapes(count):
    """Sides from 16 on, primes and powers of two among them; every eighth shape 1 to 7."""
    rng = np.random.default_rng(5)
    shapes = [tuple(int(n) for n in rng.choice(SIDES, 2)) for _ in range(count)]
    return [(n[0] % 30 + 16, 7 * (n[0] % 30 + 16)) if i % 8 == 0 else n for i, n in enumerate(shapes)]


def draw(plan, *shape, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    values = values if plan.real else values + 1j * rng.standard_normal(shape)
    return values.astype(plan.work_dtype)


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("finest", ["curvelet", "wavelet"])
@pytest.mark.parametrize("real", [True, False], ids=["real", "complex"])
@pytest.mark.parametrize("shape", drawn_shapes(40), ids=str)
def test_round_trip_energy_and_adjoint(shape, real, finest):
    for dtype, bounds in ((np.float64, (5e-15, 5e-15, 1e-14)), (np.float32, (2e-6, 1e-6, 1e-6))):
        plan = convkit.Curvelets(shape, real=real, finest=finest, dtype=dtype)
        x, d = draw(plan, *shape), draw(plan, plan.size, seed=1)
        c = plan.forward(x)
        y = plan.inverse(c)
        assert y.dtype == x.dtype
        assert relative(y, x) <= bounds[0]
        assert abs(np.linalg.norm(c.ravel()) ** 2 / np.linalg.norm(x) ** 2 - 1) <= bounds[1]
        apart = abs(np.vdot(d, c.ravel()) - np.vdot(plan.adjoint(plan.unravel(d)), x))
        assert apart <= bounds[2] * np.linalg.norm(c.ravel()) * np.linalg.norm(d)


@pytest.mark.parametrize("options", [{"boundary": "reflect"}, {"boundary": "reflect", "real": False}, {"angles": 8},
                                     {"angles": 12, "boundary": "reflect"}, {"scales": 5}, {"scales": 2, "angles": 20}],
                         ids=str)
@pytest.mark.parametrize("shape", [(16, 16), (53, 97), (64, 40), (128, 31)], ids=str)
def test_every_mode_is_a_tight_frame(shape, options):
    if options.get("scales", 2) > 3 and min(shape) < 40:
        options = {**options, "scales": 3}
    found = convkit.Curvelets(shape, **options).check()
    assert found.partition <= 1e-14
    assert found.round_trip <= 5e-15
    assert found.energy <= 5e-15
    assert found.adjoint <= 1e-14


@pytest.mark.parametrize("finest", ["curvelet", "wavelet"])
@pytest.mark.parametrize("boundary", ["wrap", "reflect"])
def test_the_operator_has_norm_one_and_projects(finest, boundary):
    plan = convkit.Curvelets((24, 37), finest=finest, boundary=boundary)
    operator = plan.as_linear_operator()
    assert operator.shape == (plan.size, 24 * 37)
    assert abs(svds(operator, k=1, return_singular_vectors=False, random_state=0)[0] - 1) < 1e-12
    d = draw(plan, plan.size)
    once = operator @ (operator.H @ d)
    assert relative(operator @ (operator.H @ once), once) < 1e-12


def test_the_windows_are_a_partition_of_unity():
    plan = convkit.Curvelets((48, 37), real=False)
    total = sum(plan.window(j, l) ** 2 for j, l in plan.forward(np.ones((48, 37))))
    assert np.abs(total - 1).max() < 1e-14
    half = convkit.Curvelets((48, 37))
    for l in range(8):
        assert np.abs(half.window(1, l) - plan.window(1, l)).max() < 1e-15
        opposite = np.roll(np.flip(plan.window(1, l)), 1, (0, 1))
        assert np.abs(opposite - plan.window(1, l + 8)).max() < 1e-15
    assert np.abs(half.window(0) - plan.window(0)).max() < 1e-15


def test_a_broken_window_is_noticed():
    plan = convkit.Curvelets((32, 33), angles=24)
    runs, _, values = plan._tables.rows(3, 4, np.dtype(np.float64))
    first = runs[4, 3]
    values[first] += 1e-3
    try:
        assert plan.check().partition > 1e-8
        assert plan.check().round_trip > 1e-8
    finally:
        values[first] -= 1e-3


@pytest.mark.parametrize("shape", [(64, 64), (45, 81)])
def test_a_wedge_is_the_product_with_its_window(shape):
    """Straight from the formula: coefficients on the box are those of the full plane, sampled."""
    plan = convkit.Curvelets(shape, real=False)
    x = draw(plan, *shape)
    spectrum = np.fft.fft2(x, norm="ortho")
    c = plan.forward(x)
    for j, l in [(0, 0), (1, 3), (1, 12), (1, 0)]:
        rows, columns = plan.position(j, l)
        # The band-limited plane at the positions of the coefficients, by its Fourier sum, on the wedge's own frequencies.
        k = np.argwhere(plan.window(j, l) > 0)
        values = (spectrum * plan.window(j, l))[tuple(k.T)]
        n = np.array(shape)
        k = (k + n // 2) % n - n // 2
        at = np.stack(np.broadcast_arrays(rows, columns), -1).reshape(-1, 2)[::7]
        expected = np.exp(2j * np.pi * at @ (k / n).T) @ values / np.sqrt(np.prod(plan.shapes[j][l]))
        assert np.abs(c[j, l].reshape(-1)[::7] - expected).max() < 1e-12


def test_real_coefficients_are_half_of_the_complex_ones():
    shape = (53, 64)
    half, whole = convkit.Curvelets(shape), convkit.Curvelets(shape, real=False)
    x = draw(half, *shape)
    c, d = half.forward(x), whole.forward(x)
    for j, l in c:
        if j == 0:
            assert c[j, l].dtype == np.float64
            assert np.abs(c[j, l] - d[j, l]).max() < 1e-13
            continue
        assert np.abs(c[j, l] - np.sqrt(2) * d[j, l]).max() < 1e-13
        opposite = d[j, l + len(d[j]) // 2]
        assert np.abs(opposite - np.conj(d[j, l])).max() < 1e-13


def test_scales_and_angles():
    plan = convkit.Curvelets((512, 512))
    assert plan.scales == 6
    assert [len(scale) for scale in plan.shapes] == [1, 8, 16, 16, 32, 32]
    assert convkit.Curvelets((512, 300), real=False).scales == 6
    assert [len(s) for s in convkit.Curvelets((128, 128), angles=8, real=False).shapes] == [1, 8, 16, 16]
    assert convkit.Curvelets((16, 900)).scales == 2
    assert convkit.Curvelets((512, 512), scales=3).scales == 3
    assert [len(s) for s in convkit.Curvelets((128, 128), finest="wavelet").shapes] == [1, 8, 16, 1]


def test_redundancy():
    assert abs(convkit.Curvelets((1024, 1024)).redundancy * 9 / 64 - 1) < 0.06
    assert abs(convkit.Curvelets((1024, 1024), finest="wavelet").redundancy * 9 / 25 - 1) < 0.06
    plan = convkit.Curvelets((64, 48))
    assert plan.size == plan.forward(np.ones((64, 48))).ravel().size == round(plan.redundancy * 64 * 48)
    assert plan.count == sum(np.prod(lengths) for scale in plan.shapes for lengths in scale)


def test_coefficients_are_views_of_one_buffer():
    plan = convkit.Curvelets((64, 64))
    c = plan.forward(draw(plan, 64, 64))
    before = c.ravel().copy()
    c[2, 5][1, 2] = 3 + 4j
    assert np.shares_memory(c[2, 5], c.ravel())
    assert np.count_nonzero(c.ravel() != before) == 2
    assert len(c) == 25
    assert list(c)[:3] == [(0, 0), (1, 0), (1, 1)]
    assert c[2][5] is not c[2, 5]
    assert np.array_equal(c[2][5], c[2, 5])
    assert len(c.finest) == 16
    assert convkit.Curvelets((64, 64), finest="wavelet").forward(before[: 64 * 64].reshape(64, 64)).finest.shape == (64, 64)
    assert c.coarse.shape == plan.shapes[0][0]
    again = plan.unravel(c.ravel())
    assert np.shares_memory(again.ravel(), c.ravel())
    copy = c.copy()
    copy[1, 1][...] = 0
    assert c[1, 1].any()


def test_map_threshold_keep_and_energy():
    plan = convkit.Curvelets((64, 48))
    x = draw(plan, 64, 48)
    c = plan.forward(x)
    doubled = c.map(lambda a: 2 * a)
    assert np.array_equal(doubled.ravel(), 2 * c.ravel())
    hard, soft = c.threshold(1.5), c.threshold(1.5, soft=True)
    a = c[2, 3]
    assert np.array_equal(hard[2, 3], np.where(np.abs(a) < 1.5, 0, a))
    assert np.allclose(soft[2, 3], np.where(np.abs(a) < 1.5, 0, a * (1 - 1.5 / np.abs(a))))
    assert np.array_equal(hard.coarse, c.coarse)
    limits = plan.noise_std(2.0)
    per_band = c.threshold(limits)
    assert np.array_equal(per_band[2, 3], np.where(np.abs(a) < limits[2][3], 0, a))
    kept = c.keep(100)
    moduli = np.sort(np.concatenate([np.abs(c[key]).ravel() for key in c]))
    found = np.sort(np.concatenate([np.abs(kept[key]).ravel() for key in kept]))
    assert np.count_nonzero(found) == 100
    assert np.array_equal(found[-100:], moduli[-100:])
    assert not c.keep(0).ravel().any()
    assert np.array_equal(c.keep(plan.count).ravel(), c.ravel())
    energy = c.energy()
    assert [e.shape for e in energy] == [(len(s),) for s in plan.shapes]
    assert np.isclose(sum(e.sum() for e in energy), (x**2).sum())
    assert np.isclose(energy[1][2], (np.abs(c[1, 2]) ** 2).sum())


def test_a_threshold_of_zero_keeps_everything():
    plan = convkit.Curvelets((32, 32))
    c = plan.forward(np.zeros((32, 32)))
    assert np.array_equal(c.threshold(0, soft=True).ravel(), c.ravel())
    c = plan.forward(np.ones((32, 32)))
    assert np.array_equal(c.threshold(0, soft=True).ravel(), c.ravel())


@pytest.mark.parametrize("axes", [None, (-2, -1), (0, 1), (2, 0), (-1, 1)])
def test_other_axes_are_a_batch(axes):
    shape = (24, 31)
    plan = convkit.Curvelets(shape, axes=axes)
    order = (-2, -1) if axes is None else axes
    base = draw(plan, 3, 2, *shape) if axes is None else draw(plan, 3, *shape)
    x = np.moveaxis(base, (-2, -1), order)
    c = plan.forward(x)
    assert c.batch == base.shape[:-2]
    single = convkit.Curvelets(shape)
    for item in np.ndindex(*c.batch):
        alone = single.forward(base[item])
        assert np.array_equal(c.ravel()[item], alone.ravel())
        assert np.array_equal(c[2 - 1, 3][item], alone[1, 3])
    y = plan.inverse(c)
    assert y.shape == x.shape
    assert np.abs(y - x).max() < 1e-13
    kept = c.keep(7)
    for item in np.ndindex(*c.batch):
        assert np.array_equal(kept.ravel()[item], single.forward(base[item]).keep(7).ravel())
    assert c.energy()[1].shape == (*c.batch, 8)
    assert np.array_equal(c.threshold(1.0)[1, 2], np.where(np.abs(c[1, 2]) < 1, 0, c[1, 2]))


def test_layouts_and_dtypes():
    plan = convkit.Curvelets((32, 45))
    x = np.random.default_rng(0).integers(0, 255, (32, 45))
    want = plan.forward(x.astype(float)).ravel()
    strided = np.zeros((64, 90))
    strided[::2, 1::2] = x
    frozen = x.astype(float)
    frozen.flags.writeable = False
    for given in (x, np.asfortranarray(x, float), strided[::2, 1::2], frozen, x.tolist(), x.astype(">f8")):
        assert np.array_equal(plan.forward(given).ravel(), want)
    for dtype, kind, tolerance in ((np.uint8, np.complex64, 1e-4), (np.float32, np.complex64, 1e-4),
                                   (np.int32, np.complex128, 0), (np.float16, np.complex64, 1e-4), (bool, np.complex64, 1e-4)):
        c = plan.forward(x.astype(dtype))
        assert c[1, 0].dtype == c.dtype == kind
        reference = plan.forward(x.astype(dtype).astype(float)).ravel()
        assert np.abs(c.ravel() - reference).max() <= tolerance * np.abs(reference).max()
    narrow = convkit.Curvelets((32, 45), dtype="float32")
    assert narrow.forward(x.astype(float)).dtype == np.complex64
    assert convkit.Curvelets((32, 45), dtype=np.complex64).real is False
    assert convkit.Curvelets((32, 45), dtype=np.complex64).forward(x).ravel().dtype == np.complex64
    assert convkit.Curvelets((32, 45), real=False).forward(x.astype(np.float32)).ravel().dtype == np.complex64


def test_what_is_not_finite_spreads_within_its_item():
    plan = convkit.Curvelets((32, 32))
    x = np.ones((2, 32, 32))
    x[0, 3, 4] = np.nan
    c = plan.forward(x)
    assert np.isnan(c.ravel()[0]).all()
    assert np.isfinite(c.ravel()[1]).all()


@pytest.mark.parametrize("options", [{}, {"real": False}, {"finest": "wavelet"}, {"boundary": "reflect"}], ids=str)
def test_results_do_not_depend_on_workers(options):
    shape = (300, 421)
    one, several = (convkit.Curvelets(shape, workers=n, **options) for n in (1, 3))
    x = draw(one, *shape)
    c, d = one.forward(x), several.forward(x)
    assert np.array_equal(c.ravel(), d.ravel())
    assert np.array_equal(one.inverse(c), several.inverse(d))


@pytest.mark.parametrize("options", [{}, {"real": False}, {"finest": "wavelet"}, {"boundary": "reflect", "dtype": "float32"}],
                         ids=str)
def test_a_stream_is_the_same_transform(options):
    plan = convkit.Curvelets((53, 40), **options)
    x = draw(plan, 53, 40)
    c = plan.forward(x)
    pairs = [(key, values.copy()) for key, values in plan.stream(x)]
    assert [key for key, _ in pairs] == list(c)
    assert all(np.array_equal(values, c[key]) and values.dtype == c[key].dtype for key, values in pairs)
    assert relative(plan.inverse(pairs[::-1]), x) < (1e-6 if x.dtype == np.float32 else 1e-14)
    part = c.map(np.zeros_like)
    part[1, 2][...] = c[1, 2]
    assert relative(plan.inverse([((1, 2), c[1, 2])]), plan.inverse(part)) < 1e-6
    assert not plan.inverse([]).any()


@pytest.mark.parametrize("options", [{}, {"dtype": "complex64"},
                                     {"finest": "wavelet", "boundary": "reflect", "axes": (0, 1)}], ids=str)
def test_plans_pickle_and_compare(options):
    plan = convkit.Curvelets((32, 45), **options)
    other = pickle.loads(pickle.dumps(plan))
    assert other == plan
    assert hash(other) == hash(plan)
    assert repr(other) == repr(plan)
    assert eval(repr(plan), {"Curvelets": convkit.Curvelets}) == plan
    x = draw(plan, 32, 45)
    c = pickle.loads(pickle.dumps(plan.forward(x)))
    assert isinstance(c, CurveletCoefficients)
    assert np.array_equal(plan.inverse(c), plan.inverse(plan.forward(x)))
    assert plan != convkit.Curvelets((45, 32), **options)
    assert plan != 3


def test_a_plan_made_again_is_found():
    assert convkit.Curvelets((40, 44))._tables is convkit.Curvelets((40, 44))._tables


def test_noise_has_the_stated_deviation():
    rng = np.random.default_rng(2)
    for options in ({}, {"finest": "wavelet"}, {"real": False}):
        plan = convkit.Curvelets((48, 37), **options)
        x = 3 * rng.standard_normal((300, 48, 37))
        x = x if plan.real else x + 3j * rng.standard_normal(x.shape)
        c, expected = plan.forward(x), plan.noise_std(3.0 if plan.real else 3 * np.sqrt(2))
        for j, l in c:
            measured = np.sqrt((np.abs(c[j, l]) ** 2).mean())
            assert abs(measured / expected[j][l] - 1) < 0.05


def test_atoms_have_nearly_equal_norms():
    plan = convkit.Curvelets((256, 256))
    norms = [np.linalg.norm(plan.atom(j, l)) for j, l in ((1, 2), (2, 5), (3, 9), (4, 17))]
    assert np.ptp(norms) / np.mean(norms) < 0.1


def test_linear_operator_solves_and_serves_pylops():
    plan = convkit.Curvelets((20, 24))
    operator = plan.as_linear_operator()
    x = draw(plan, 20 * 24)
    assert operator.dtype == np.float64
    assert np.abs(lsqr(operator, operator @ x, atol=1e-14, btol=1e-14)[0] - x).max() < 1e-10
    columns = np.stack([x, 2 * x], 1)
    assert np.array_equal(operator @ columns, np.stack([operator @ x, operator @ (2 * x)], 1))
    assert np.allclose(operator.H @ (operator @ columns), columns)
    whole = convkit.Curvelets((20, 24), dtype="complex64", axes=(0, 1)).as_linear_operator()
    assert whole.dtype == np.complex64
    assert (whole @ x.astype(np.float32)).dtype == np.complex64
    pylops = pytest.importorskip("pylops")
    wrapped = pylops.aslinearoperator(operator)
    assert np.allclose(wrapped.H @ (wrapped @ x), x)


REFUSED = [
    ((15, 64), {}, ValueError, "side of 15 samples; each must have at least 16"),
    ((64,), {}, ValueError, "has 1 axes"),
    ((32, 32, 32, 32), {}, ValueError, "has 4 axes"),
    (64, {}, TypeError, "shape=64"),
    ((64.5, 64), {}, TypeError, "two or three whole numbers"),
    ((64, 64), {"scales": 1}, ValueError, "scales=1 is not allowed; shape (64, 64) has 2 to 6"),
    ((64, 64), {"scales": 7}, ValueError, "2 to 6"),
    ((64, 64), {"scales": "3"}, TypeError, "scales='3' must be a whole number"),
    ((64, 64), {"angles": 10}, ValueError, "multiple of 4, at least 8"),
    ((64, 64), {"angles": 4}, ValueError, "at least 8"),
    ((64, 64), {"angles": 8.5}, TypeError, "angles=8.5"),
    ((16, 16), {"angles": 256}, ValueError, "angles=256 is too many for shape (16, 16) and 2 scales"),
    ((64, 64), {"finest": "ridgelet"}, ValueError, "finest='ridgelet' is not known; it may be 'curvelet', 'wavelet'"),
    ((64, 64), {"finest": ""}, ValueError, "finest=''"),
    ((64, 64), {"boundary": "zero"}, ValueError, "boundary='zero' is not known; it may be 'wrap', 'reflect'"),
    ((64, 64), {"dtype": "int32"}, TypeError, "allowed are float32, float64, complex64 and complex128"),
    ((64, 64), {"dtype": "nonsense"}, TypeError, "dtype='nonsense'"),
    ((64, 64), {"real": "yes"}, TypeError, "real='yes'"),
    ((64, 64), {"real": True, "dtype": complex}, ValueError, "contradict each other"),
    ((64, 64), {"axes": (0,)}, ValueError, "axes=(0,) names 1 axes, but shape has 2"),
    ((64, 64), {"axes": (1, 1)}, ValueError, "twice"),
    ((64, 64), {"axes": "ab"}, TypeError, "axes='ab'"),
    ((64, 64), {"workers": 0}, ValueError, "workers=0"),
]


@pytest.mark.parametrize(("shape", "options", "kind", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_refused_plans(shape, options, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        convkit.Curvelets(shape, **options)


def test_most_scales_and_angles_are_allowed():
    assert convkit.Curvelets((64, 64), scales=6).check().round_trip < 5e-15
    for shape in ((16, 16), (17, 40), (16, 16, 16)):
        assert convkit.Curvelets(shape, angles=84, finest="curvelet").check().round_trip < 5e-15


def test_refused_samples_and_coefficients():
    plan = convkit.Curvelets((32, 48))
    other = convkit.Curvelets((48, 32)).forward(np.ones((48, 32)))
    c = plan.forward(np.ones((32, 48)))
    cases = [
        (lambda: plan.forward(np.ones((32, 48), complex)), TypeError, "make one with real=False"),
        (lambda: plan.forward(np.ones((48, 32))), ValueError, "the plan is for (32, 48)"),
        (lambda: plan.forward(np.ones(32)), ValueError, "x has shape (32,)"),
        (lambda: plan.forward("abc"), TypeError, "x has dtype"),
        (lambda: plan.stream(np.ones((2, 32, 48))), ValueError, "without a batch"),
        (lambda: convkit.Curvelets((32, 32), axes=(0, 3)).forward(np.ones((32, 32, 2))), ValueError, "axes (0, 3)"),
        (lambda: convkit.Curvelets((32, 32), axes=(0, -3)).forward(np.ones((32, 32, 2))), ValueError, "twice"),
        (lambda: plan.inverse(other), ValueError, "another plan"),
        (lambda: plan.inverse([((1, 1), np.ones((3, 3)))]), ValueError, "the coefficients of wedge (1, 1) have shape (3, 3)"),
        (lambda: plan.inverse([((0, 0), 1j * c.coarse)]), TypeError, "are complex"),
        (lambda: plan.unravel(np.ones(5)), ValueError, f"the plan has {plan.size}"),
        (lambda: plan.unravel(np.ones(plan.size, complex)), TypeError, "v is complex"),
        (lambda: c[7, 0], IndexError, "scales 0 (coarse) to 1"),
        (lambda: c[1, 8], IndexError, "scale 1 has 0 to 7"),
        (lambda: c["a"], TypeError, "give c[j, l]"),
        (lambda: c[1, 0.5], TypeError, "must be whole numbers"),
        (lambda: plan.angle(0, 0), ValueError, "no direction"),
        (lambda: plan.atom(1, 1, (3.0,)), ValueError, "give 2, one per axis"),
        (lambda: plan.noise_std(-1), ValueError, "sigma=-1"),
        (lambda: c.threshold(-1), ValueError, "negative or NaN"),
        (lambda: c.threshold(float("nan")), ValueError, "negative or NaN"),
        (lambda: c.threshold([np.ones(1)]), ValueError, "thresholds per scale"),
        (lambda: c.keep(-1), ValueError, f"give 0 to {plan.count}"),
        (lambda: c.keep(plan.count + 1), ValueError, "n="),
        (lambda: c.keep(2.5), TypeError, "whole number"),
    ]
    for call, kind, words in cases:
        with pytest.raises(kind, match=re.escape(words)):
            call()


def test_the_ramp_is_meyers():
    t = np.linspace(-0.5, 1.5, 101)
    ramp = windows.ramp(t)
    assert np.abs(ramp + windows.ramp(1 - t) - 1).max() < 1e-14
    assert (np.diff(ramp) >= 0).all()
    assert ramp[0] == 0
    assert ramp[-1] == 1
    assert np.abs(windows.low_pass(np.array([0, 0.5, 0.75, 1, 2])) - [1, 1, np.sqrt(0.5), 0, 0]).max() < 1e-15
