"""choose_method: what it accepts, that workers do not change it, and what is summed directly all the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convkit
from tests import reference
from tests.strategies import BOUNDARIES, DTYPES, MODES, SEEDS, shapes, values

METHODS = {"direct", "separable", "fft"}
LONG, MANY = (20_000,), (4001,)  # 1-D: no cost model can prefer the direct sum here


def check(plan):
    assert plan.method in METHODS
    assert plan.method in plan.seconds
    assert set(plan.seconds) <= METHODS
    assert all(s > 0 and np.isfinite(s) for s in plan.seconds.values())
    assert isinstance(plan.reason, str)
    assert plan.reason.strip()
    return plan


@given(st.data(), st.sampled_from((1, 2, 3)), st.sampled_from(MODES), st.sampled_from(BOUNDARIES),
       st.sampled_from(DTYPES), SEEDS)  # fmt: skip
def test_arrays_and_shapes(data, dim, mode, boundary, dtype, seed):
    rng = np.random.default_rng(seed)
    n, k = data.draw(shapes(dim, mode))
    x, weights = values(rng, n, dtype), values(rng, k, "float64")
    for a in (x, n):
        for b in (weights, k):
            check(convkit.choose_method(a, b, mode=mode, boundary=boundary))
    wide = np.complex128 if x.dtype.kind == "c" else np.float64
    check(convkit.choose_method(x, weights, mode=mode, boundary=boundary, dtype=wide))


@pytest.mark.parametrize("arrays", [True, False])
def test_the_plan_never_depends_on_workers(arrays, rng):
    sizes = [((300,), (15,)), (LONG, MANY), ((5000,), (200,)), ((64, 64), (5, 5)), ((256, 250), (31, 31)),
             ((256, 256), (15, 15)), ((200, 200), (11, 12)), ((30, 31, 32), (5, 5, 5)),
             ((50, 50, 50), (9, 9, 9))]  # fmt: skip
    for n, k in sizes:
        a, b = (rng.standard_normal(n).astype(np.float32), rng.standard_normal(k)) if arrays else (n, k)
        methods = {convkit.choose_method(a, b, workers=w).method for w in (None, 1, 2, 4, 16, -1)}
        with convkit.set_workers(7):
            methods.add(convkit.choose_method(a, b).method)
        assert len(methods) == 1, (n, k, methods)


def test_a_long_filter_goes_through_the_fft_and_a_short_one_does_not(rng):
    assert check(convkit.choose_method(LONG, MANY)).method == "fft"
    assert check(convkit.choose_method(LONG, (3,))).method == "direct"
    x = rng.standard_normal((256, 256)).astype(np.float32)
    assert check(convkit.choose_method(x, rng.standard_normal((101, 103)))).method == "fft"
    assert check(convkit.choose_method(x, rng.standard_normal((3, 3)))).method == "direct"


def test_low_rank_goes_through_passes(rng):
    x = rng.standard_normal((512, 512)).astype(np.float32)
    taps = rng.standard_normal(21)
    assert check(convkit.choose_method(x, np.multiply.outer(taps, taps))).method == "separable"
    assert check(convkit.choose_method(x, rng.standard_normal((5, 5)))).method != "separable"
    volume = rng.standard_normal((64, 64, 64)).astype(np.float32)
    nine = rng.standard_normal(9)
    weights = np.multiply.outer(np.multiply.outer(nine, nine), nine)
    assert check(convkit.choose_method(volume, weights)).method == "separable"


def test_seconds_follow_the_work():
    small, large = (convkit.choose_method(s, (5, 5)).seconds for s in ((100, 100), (1000, 1000)))
    for method in small:
        assert large[method] > small[method]
    wide = convkit.choose_method((500, 500), (25, 25)).seconds["direct"]
    assert wide > convkit.choose_method((500, 500), (5, 5)).seconds["direct"]


def test_mode_axes_and_dtype_count():
    full = convkit.choose_method((200, 200), (101, 101), mode="full").seconds["direct"]
    valid = convkit.choose_method((200, 200), (101, 101), mode="valid").seconds["direct"]
    assert full > valid
    one = convkit.choose_method((100, 100), (5, 5)).seconds["direct"]
    many = convkit.choose_method((30, 100, 100), (5, 5), axes=(1, 2)).seconds["direct"]
    assert many > one
    single = convkit.choose_method((500, 500), (15, 15), dtype=np.float32).seconds
    double = convkit.choose_method((500, 500), (15, 15), dtype=np.float64).seconds
    assert double["direct"] > single["direct"]


# --- what an FFT would spoil -----------------------------------------------------------------------------------------
@pytest.fixture
def clean(rng):
    x, weights = rng.standard_normal(LONG).astype(np.float32), rng.standard_normal(MANY).astype(np.float32)
    plan = check(convkit.choose_method(x, weights))
    assert plan.method == "fft"
    return x, weights, plan.reason


@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["auto", "fft"])
def test_what_is_not_finite_stays_where_the_weights_reach(junk, method, clean):
    x, weights, _ = clean
    x[12_345] = junk
    got = convkit.convolve(x, weights, method=method)
    assert np.isfinite(got).sum() == x.size - weights.size
    x[12_345], weights[7] = 1, junk
    assert convkit.choose_method(x, weights).method == "direct"


def test_integers_that_must_be_exact_keep_the_fft_away(clean, rng):
    _, _, reason = clean
    x = rng.integers(0, 256, LONG).astype(np.uint8)
    weights = rng.integers(-3, 4, MANY)
    plan = check(convkit.choose_method(x, weights))
    assert plan.method != "fft"
    assert plan.reason != reason
    want = np.convolve(x.astype(np.int64), weights, "full")[2000:22_000]
    np.testing.assert_array_equal(convkit.convolve(x, weights), want)
    np.testing.assert_array_equal(convkit.convolve(x, weights, dtype=np.int64), want)
    huge = rng.integers(-(2**40), 2**40, LONG)
    want = np.convolve(huge, weights, "full")[2000:22_000]
    np.testing.assert_array_equal(convkit.convolve(huge, weights, dtype=np.int64), want)


@pytest.mark.parametrize("method", ["auto", "fft"])
def test_a_wide_dynamic_range_drowns_nothing(method, clean):
    x, weights, _ = clean
    x[17_000] = 1e8
    got = convkit.convolve(x, weights, method=method)
    want = np.convolve(x.astype(np.float64), weights.astype(np.float64), "full")[2000:22_000]
    bound = np.convolve(abs(x).astype(np.float64), abs(weights).astype(np.float64), "full")[2000:22_000]
    bound = bound * reference.C * weights.size * reference.eps(np.float32)
    assert (np.abs(got - want) <= bound).all()
    far = np.arange(20_000) < 14_000
    assert np.abs(got - want)[far].max() < 1e-2


@pytest.mark.parametrize("bright", [1.0, 100.0, 3e3, 9e3, 3e4, 1e6, 1e10, 1e25])
@pytest.mark.parametrize("k", [3, 150, 401, 2001])
def test_auto_never_does_worse_than_the_direct_sum_may(k, bright, rng):
    x, weights = rng.standard_normal(30_000).astype(np.float32), rng.standard_normal(k).astype(np.float32)
    x[12_000] = bright
    part = slice((k - 1) // 2, (k - 1) // 2 + x.size)
    want = np.convolve(x.astype(float), weights.astype(float))[part]
    bound = np.convolve(abs(x).astype(float), abs(weights).astype(float))[part]
    bound *= reference.C * k * reference.eps(np.float32)
    reference.assert_within(convkit.convolve(x, weights), want, bound)


@pytest.mark.parametrize("where", [(slice(None), slice(0, 60)), (slice(0, 60), slice(None)), (130, 120)])
def test_a_bright_part_of_an_image_drowns_nothing(where, rng):
    x = rng.standard_normal((256, 250)).astype(np.float32)
    weights = rng.standard_normal((61, 63)).astype(np.float32)
    assert convkit.choose_method(x, weights).method == "fft"
    x[where] *= 1e8
    got = convkit.convolve(x, weights)
    want = convkit.convolve(x.astype(np.float64), weights, method="direct")
    sums = convkit.convolve(abs(x).astype(float), abs(weights), method="direct")
    bound = reference.C * weights.size * reference.eps(np.float32) * sums
    reference.assert_within(got, want, bound)


def test_the_fft_of_well_behaved_data_is_as_good_as_the_sum(clean):
    x, weights, _ = clean
    want = np.convolve(x.astype(np.float64), weights.astype(np.float64), "full")[2000:22_000]
    off = {m: np.abs(convkit.convolve(x, weights, method=m) - want).max() for m in ("direct", "fft", "auto")}
    assert off["auto"] <= reference.fft_bound(x, weights, np.float32)
    assert off["fft"] <= reference.fft_bound(x, weights, np.float32)


def test_method_separable_names_rank_and_error(rng):
    x = rng.standard_normal((30, 30))
    with pytest.raises(ValueError, match="rank") as refusal:
        convkit.convolve(x, rng.standard_normal((4, 4)), method="separable")
    assert "4" in str(refusal.value)
    assert "error" in str(refusal.value)
    one = np.multiply.outer(rng.standard_normal(2), rng.standard_normal(2))  # no cheaper, but rank one
    got = convkit.convolve(x, one, method="separable")
    np.testing.assert_allclose(got, convkit.convolve(x, one, method="direct"), atol=1e-12)
    two = rng.standard_normal((9, 2)) @ rng.standard_normal((2, 9))
    got = convkit.convolve(x, two, method="separable")
    np.testing.assert_allclose(got, convkit.convolve(x, two, method="direct"), atol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "half"}, ("mode", "'half'", "full")), ({"boundary": "warp"}, ("boundary", "'warp'", "wrap")),
        ({"axes": (0, 0)}, ("axes", "(0, 0)")), ({"dtype": object}, ("dtype", "object")),
        ({"workers": 0}, ("workers", "0")),
    ],
)  # fmt: skip
def test_refusals(options, words):
    for x, weights in (((8, 8), (3, 3)), (np.ones((8, 8)), np.ones((3, 3)))):
        with pytest.raises((ValueError, TypeError)) as refusal:
            convkit.choose_method(x, weights, **options)
        for word in words:
            assert word in str(refusal.value)


def test_shapes_are_refused_too():
    for x, weights, words in (
        ((8, 8), (3,), ("weights", "axes")), ((8, 0), (3, 3), ("x", "(8, 0)")), ((8, 8), (0, 3), ("weights", "(0, 3)")),
        ((8, -1), (3, 3), ("x", "(8, -1)")), ((2, 2, 2, 2), (2, 2, 2, 2), ("weights", "4")),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError)) as refusal:
            convkit.choose_method(x, weights)
        for word in words:
            assert word in str(refusal.value), (word, str(refusal.value))


# --- plans met before ------------------------------------------------------------------------------------------------
def test_a_plan_met_before_is_looked_up(rng, monkeypatch):
    from convkit.planning import choose

    made = []
    usual = choose._fastest
    monkeypatch.setattr(choose, "_fastest", lambda *given: made.append(1) or usual(*given))
    monkeypatch.setattr(choose, "_plans", {})
    shape = (90, 91)
    few, many = rng.standard_normal((3, 5)), rng.standard_normal((71, 73))
    first = [convkit.choose_method(shape, w) for w in (few, many, (3, 5))]
    assert len(made) == 3
    again = [convkit.choose_method(shape, w) for w in (few.copy(), np.asfortranarray(many), (3, 5))]
    assert len(made) == 3
    assert again == first
    changed = many.copy()
    changed[-1, -1] += 1
    others = [(shape, changed, {}), ((91, 91), few, {}), (shape, few.reshape(5, 3), {}), (shape, few, {"mode": "full"}),
              (shape, few.view(np.int64), {}), (shape, few, {"dtype": np.float64}), (shape, few[::-1], {})]  # fmt: skip
    for number, (x, w, options) in enumerate(others):
        convkit.choose_method(x, w, **options)
        assert len(made) == 4 + number


def test_the_store_of_plans_is_bounded(monkeypatch):
    from convkit.planning import choose

    monkeypatch.setattr(choose, "_plans", {})
    monkeypatch.setattr(choose, "PLANS", 5)
    methods = [convkit.choose_method((n,), (3,)).method for n in range(20, 40)]
    assert set(methods) == {"direct"}
    assert len(choose._plans) <= 5


def test_every_method_costs_more_on_a_slower_machine():
    from dataclasses import asdict

    from convkit.planning import calibrate
    from convkit.planning.profile import SHIPPED, Profile

    slow = Profile(**{name: tuple(2 * v for v in value) if isinstance(value, tuple) else 2 * value
                      for name, value in asdict(SHIPPED).items()})  # fmt: skip
    for point in [p for _, points in calibrate.GROUPS for p in points] + calibrate.HELD_OUT:
        assert calibrate.predicted(point, slow, SHIPPED) > 1.5 * calibrate.predicted(point, SHIPPED)
