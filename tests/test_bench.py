"""The table of work, the verification, the measuring, the rivals, the report. No test looks at how long anything took."""

import itertools
import json
import math

import numpy as np
import pytest

import convkit
from convkit.bench import Case, Cell, Timing, contest, default_cases, grid_cases, measure_case, report, rivals
from convkit.bench.cases import BOUNDARIES, DTYPES, disk, gaussian, image, phantom, signal

INSTALLED = tuple(name for word, names in rivals.GROUPS.items() if rivals.installed(word) for name in names)
TINY = [Case(1, 50, 5), Case(2, 16, 4), Case(2, 17, 5, "disk"), Case(3, 9, 3), Case(3, 8, 4, "disk")]


def ids(case):
    return f"{case.dims}-D {case.label}"


# --- cases


@pytest.mark.parametrize("case", TINY, ids=ids)
@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_and_weights_have_the_shape_and_dtype_that_the_case_says(case, dtype):
    case = Case(case.dims, case.size, case.taps, case.kind, dtype)
    x, weights = case.samples(), case.weights()
    assert x.shape == case.shape == (case.size,) * case.dims
    assert x.dtype == dtype
    assert weights.shape == (case.taps,) * case.dims
    assert weights.dtype.itemsize == (4 if dtype in ("float32", "complex64") else 8)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(x).all()
    assert case.operations == 2 * weights.size * x.size


def test_complex_samples_have_both_parts():
    x = Case(2, 16, 3, dtype="complex64").samples()
    assert np.ptp(x.real) > 0
    assert np.ptp(x.imag) > 0


def test_samples_are_the_real_signal_and_image_and_the_phantom():
    import pywt.data

    ecg, camera = pywt.data.ecg(), pywt.data.camera()
    np.testing.assert_allclose(signal(3000)[:1024] * np.abs(ecg).max(), ecg)
    np.testing.assert_array_equal(signal(3000)[1024:2048], signal(3000)[:1024])
    np.testing.assert_allclose(image(600)[:512, :512] * 255, camera)
    np.testing.assert_array_equal(image(600)[512:, 512:], image(600)[:88, :88])
    volume = phantom(32)
    assert volume[0, 0, 0] == 0
    assert len(np.unique(np.round(volume, 6))) >= 5
    assert not np.array_equal(volume, volume[:, :, ::-1])
    assert not np.array_equal(volume, volume[:, ::-1])


def test_gaussian_is_of_rank_one_and_the_disk_is_not():
    assert convkit.separate(gaussian(9, 2)).rank == 1
    assert convkit.separate(gaussian(5, 3)).rank == 1
    assert convkit.separate(disk(9, 2)).rank > 1
    assert disk(9, 2)[4, 4] == disk(9, 2).max()
    assert disk(9, 2)[0, 0] == 0


def test_one_tap_is_the_identity():
    assert gaussian(1, 2).tolist() == disk(1, 2).tolist() == [[1.0]]


def test_the_default_table_is_small_and_the_grid_is_whole():
    usual = default_cases()
    assert {d: sum(case.dims == d for case in usual) for d in (1, 2, 3)} == {1: 5, 2: 7, 3: 7}
    whole = grid_cases()
    assert {(case.size, case.taps) for case in whole if case.dims == 2} >= {(256, 3), (2048, 63)}
    assert {(case.size, case.taps) for case in whole if case.dims == 3} >= {(32, 3), (128, 15)}
    assert len(set(whole)) == len(whole)
    some = grid_cases([1, 2], [20], [3, 5], "float64", "wrap")
    assert [(case.dims, case.taps, case.kind) for case in some] == [
        (1, 3, "gaussian"),
        (1, 5, "gaussian"),
        (2, 3, "gaussian"),
        (2, 5, "gaussian"),
        (2, 3, "disk"),
        (2, 5, "disk"),
    ]
    assert {(case.dtype, case.boundary) for case in some} == {("float64", "wrap")}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dims": 4}, "dims is 4"),
        ({"size": 0}, "size is 0"),
        ({"taps": 0}, "taps is 0"),
        ({"dims": 3, "size": 4096}, "size is 4096"),
        ({"kind": "cone"}, "'cone'.*gaussian, disk"),
        ({"dtype": "int8"}, "'int8'.*float32"),
        ({"boundary": "mirror"}, "'mirror'.*reflect"),
    ],
)
def test_a_case_that_makes_no_sense_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Case(**{"dims": 2, "size": 8, "taps": 3, **wrong})


# --- the table of work, as an agreement test


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("case", TINY, ids=ids)
def test_every_method_and_every_rival_agree(case, boundary):
    case = Case(case.dims, case.size, case.taps, case.kind, "float64", boundary)
    cell = measure_case(case, rivals=INSTALLED, repeats=1)
    assert not cell.failed, (cell.worst, cell.agreement)
    assert cell.agreement <= 1
    assert {"direct", "fft", "auto", "scipy.signal", "scipy.ndimage"} <= set(cell.times)
    assert ("separable" in cell.times) != ("separable" in cell.skipped)
    assert all((name in cell.times) != (cell.skipped.get(name) == "-") for name in INSTALLED)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_measured(dtype):
    cell = measure_case(Case(2, 16, 3, "disk", dtype), rivals=INSTALLED, repeats=1)
    assert not cell.failed, (cell.worst, cell.agreement)


# --- verification


def test_a_method_that_is_wrong_is_found_and_nothing_is_timed(monkeypatch):
    right = convkit.convolve

    def wrong(x, weights, **options):
        result = right(x, weights, **options)
        return result * 1.001 if options.get("method") == "fft" else result

    monkeypatch.setattr(convkit.convolution, "convolve", wrong)
    cell = measure_case(Case(2, 32, 5), repeats=1)
    assert cell.failed
    assert cell.agreement > 1
    assert "fft" in cell.worst
    assert cell.times == {}
    assert "WRONG" in report.summary([cell])


@pytest.mark.parametrize(
    "second", [np.ones(4, np.float64), np.ones(5, np.float32), np.array([1, np.nan, 1, 1], np.float32)]
)
def test_other_shapes_dtypes_and_nan_never_agree(second):
    growth = {"a": 1.0, "b": 1.0}
    ratio, _, worst = contest.compare({"a": np.ones(4, np.float32), "b": second}, growth, 1.0, 1e-7)
    assert ratio == math.inf
    assert worst.startswith("a and b")


def test_compare_reports_the_worst_pair_in_units_of_its_bound():
    results = {"a": np.array([1.0]), "b": np.array([1.5]), "c": np.array([3.0])}
    ratio, error, worst = contest.compare(results, {"a": 1.0, "b": 3.0, "c": 1.0}, scale=2.0, eps=0.1)
    assert (ratio, error) == pytest.approx((2.0 / (0.1 * 2.0 * 2.0), 1.0))
    assert worst == "a and c"


def test_separable_is_skipped_with_the_reason():
    assert measure_case(Case(1, 64, 5), repeats=1).skipped["separable"] == "= direct"
    case = Case(2, 16, 3, "disk")
    rank = convkit.separate(case.weights()).rank
    assert measure_case(case, repeats=1).skipped["separable"] == f"rank {rank}"


def test_what_would_take_too_long_is_skipped():
    cell = measure_case(Case(2, 32, 9), repeats=1, limit=0.0)
    assert cell.skipped["direct"] == "> 0 s"
    assert "auto" in cell.times


# --- measuring


def test_rounds_are_interleaved_and_counted():
    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "ab"}
    timings = contest.interleave(calls, repeats=4)
    assert {timing.rounds for timing in timings.values()} == {4}
    turns = [name for name, _ in itertools.groupby(order)]
    assert {turns.count("a"), turns.count("b")} <= {3, 4, 5}  # two turns of the same call may meet


def test_no_budget_still_gives_three_rounds():
    assert contest.interleave({"a": lambda: None}, budget=0.0)["a"].rounds == 3


def test_timing_holds_the_quartiles():
    timing = Timing.of([4.0, 1.0, 2.0, 3.0, 5.0])
    assert (timing.lower, timing.median, timing.upper, timing.least, timing.rounds) == (2.0, 3.0, 4.0, 1.0, 5)


def test_the_contender_that_cannot_win_is_not_run():
    ran = []

    def contender(name, least):
        return rivals.Contender(name, lambda: ran.append(name), least)

    chosen, _, seconds = contest.fastest_contender([contender("hopeless", 1e6), contender("fine", 0.0)])
    assert chosen.name == "fine"
    assert ran == ["fine"] * len(seconds)


def test_a_rival_far_behind_another_is_tried_but_not_timed_in_rounds(monkeypatch):
    tries = {"scipy.signal": [0.1, 0.3], "scipy.ndimage": [0.5, 0.4, 0.9]}

    def fabricated(contenders, clock):
        seconds = tries["scipy.signal" if contenders[0].name.startswith("signal") else "scipy.ndimage"]
        return contenders[0], contenders[0].call(), seconds

    monkeypatch.setattr(contest, "fastest_contender", fabricated)
    times = measure_case(Case(2, 16, 3), rivals=tuple(tries), repeats=7).times
    assert [times[rival].rounds for rival in tries] == [7, 7]
    tries["scipy.ndimage"] = [0.5, 0.41, 0.9]
    times = measure_case(Case(2, 16, 3), rivals=tuple(tries), repeats=7).times
    assert [times[rival].rounds for rival in tries] == [7, 3]
    assert times["scipy.ndimage"].median == 0.5


def test_without_contenders_there_is_no_fastest():
    with pytest.raises(ValueError, match="contenders is empty"):
        contest.fastest_contender([])


# --- report


def made_cell(pick="direct", direct=1e-3, fft=2e-3, **more):
    times = {"direct": Timing.of([direct]), "fft": Timing.of([fft]), "auto": Timing.of([min(direct, fft)])}
    skipped = {"separable": "rank 3"}
    return Cell(Case(2, 100, 5), pick=pick, agreement=0.5, error=1e-7, times=times, skipped=skipped, **more)


@pytest.mark.parametrize(
    ("pick", "fft", "words"), [("direct", 2e-3, "yes"), ("fft", 1.03e-3, "yes"), ("fft", 2e-3, "no, 2x")]
)
def test_verdict_says_whether_the_pick_was_the_fastest(pick, fft, words):
    assert words in report.verdict(made_cell(pick, fft=fft))


def test_rate_counts_the_operations_of_direct_convolution():
    cell = made_cell()
    assert cell.rate("direct") == pytest.approx(2 * 25 * 10_000 / 1e-3 / 1e9)
    assert cell.rate("fft") == pytest.approx(cell.rate("direct") / 2)


def test_summary_counts_right_picks():
    text = report.summary([made_cell(), made_cell("fft")])
    assert "1 of 2 cells" in text
    assert "0.5 of its bound" in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (1.234, "1.23"), (123.4, "123"), (12345.0, "12345"), (0.0, "0.0")]
)
def test_significant_digits(value, text):
    assert report.significant(value) == text


def test_document_is_json_and_holds_the_spread():
    found = json.loads(json.dumps(report.document([made_cell()], {"full": False})))
    assert {"made", "machine", "versions", "options", "cells"} <= set(found)
    (cell,) = found["cells"]
    assert cell["times"]["direct"]["median"] == 1e-3
    assert {"lower", "upper", "least", "rounds", "gflops"} <= set(cell["times"]["direct"])
    assert (cell["pick"], cell["fastest"], cell["pick_is_fastest"]) == ("direct", "direct", True)
    assert cell["skipped"] == {"separable": "rank 3"}


def test_a_failed_cell_is_json_too():
    cell = Cell(Case(2, 8, 3), agreement=math.inf, error=math.inf, worst="direct and fft")
    assert json.loads(json.dumps(report.record(cell), allow_nan=False))["agreement"] is None


def test_panels_take_the_largest_size_of_each_dimension_and_leave_out_failures():
    small, large = made_cell(), made_cell()
    large.case = Case(2, 200, 7)
    line = Cell(Case(1, 50, 3), pick="fft", agreement=0.1, times={"fft": Timing.of([1.0])})
    failed = Cell(Case(3, 9, 3), agreement=2.0)
    one, two = report.panels([small, failed, large, line])
    assert one.series == {"fft": [(3, 1.0)]}
    assert two.series == {"direct": [(7, 1e-3)], "fft": [(7, 2e-3)]}
    assert two.picks == [(7, 1e-3)]
    assert "200 x 200" in two.title
