"""The suites of ``benchmarks/``: which cells they hold, that each verifies and gives its values, and what is said of a row."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

import convkit
from convkit.bench import rivals

ROOT = Path(__file__).resolve().parent.parent
AREAS = ("direct", "separable", "fft", "line", "volume", "curvelets", "curvelet_quality", "networks",
         "planner", "call")
needs_opencv = pytest.mark.skipif(not rivals.installed("opencv"), reason="OpenCV is not installed")


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def suite(load):
    return load("_suite")


def labels(load, area, **more):
    options = load("_suite").Options(**{"quick": False, "workers": (1, 2), "budget": 1.0, **more})
    return [{**job.label, "workers": job.workers} for job in load(area).jobs(options)]


# --- the cells


def test_the_cells_of_images_are_those_of_the_table(load):
    cells = labels(load, "direct")
    kinds = {(cell["shape"], cell["taps"]) for cell in cells if cell["dtype"] == "float32"}
    for shape in ((512, 512), (1021, 767), (4096, 4096)):
        assert {taps for where, taps in kinds if where == shape} >= {(3, 3), (9, 9), (15, 15), (3, 9), (13, 5)}
    assert {cell["workers"] for cell in cells} == {1, 2}
    assert {cell["dtype"] for cell in cells} == {"float32", "float64", "uint8"}
    assert max(max(cell["taps"]) for cell in cells if cell["dtype"] == "uint8") == 11


def test_the_cells_of_the_other_suites_are_those_of_the_table(load):
    cells = labels(load, "separable")
    assert {cell["taps"][0] for cell in cells if cell["kind"] == "gaussian"} >= {5, 15, 61}
    assert {cell["taps"][0] for cell in cells if cell["kind"] == "box"} >= {3, 15, 63}
    assert {cell["shape"][0] for cell in cells} == {512, 1024, 2048, 4096}
    assert {cell["shape"][0] for cell in labels(load, "fft")} == {2048, 4096}
    assert {cell["taps"][0] for cell in labels(load, "fft")} >= {21, 63, 127}
    line = labels(load, "line")
    assert {cell["shape"][0] for cell in line} == {10**4, 10**5, 10**6, 10**7}
    assert {cell["taps"][0] for cell in line} >= {3, 255, 4095, 100_001}
    volume = labels(load, "volume")
    assert {(cell["kind"], cell["shape"][0]) for cell in volume} == {
        (kind, n) for kind in ("dense", "separable") for n in (64, 128, 256)
    }
    assert {cell["what"].split()[0] for cell in labels(load, "call")} == {"small", "python", "warm", "cold", "memory"}


def test_a_row_can_be_asked_for_alone(load):
    assert {cell["dtype"] for cell in labels(load, "direct", rows=("uint8",))} == {"uint8"}
    assert {cell["kind"] for cell in labels(load, "separable", rows=("box",))} == {"box"}
    assert {cell["what"] for cell in labels(load, "call", rows=("small",))} == {"small"}


def test_the_shares_count_on_squares_from_the_size_that_the_workers_fill(load):
    counts = load("direct").counts
    assert counts((512, 512), (9, 9), "float32", 1)
    assert not counts((512, 512), (9, 9), "float32", 2)
    assert counts((1024, 1024), (9, 9), "float32", 2)
    assert not counts((1024, 1024), (9, 9), "float32", 1)
    assert not counts((512, 512), (13, 5), "float32", 1)
    assert not counts((512, 512), (9, 9), "float64", 1)


def test_the_planners_problems_are_drawn_far_apart_and_always_the_same(load):
    planner = load("planner")
    problems = planner.drawn(200)
    assert problems == planner.drawn(200)
    assert len(set(problems)) == 200
    assert {len(p.shape) for p in problems} == {1, 2, 3}
    assert {p.kind for p in problems} == {"drawn", "rank 1", "rank 2"}
    for problem in problems:
        assert all(k <= n for k, n in zip(problem.taps, problem.shape, strict=True))
    two = next(p for p in problems if p.kind == "rank 2" and len(p.shape) == 2 and min(p.taps) > 3)
    assert np.linalg.matrix_rank(two.weights(), tol=1e-4 * np.abs(two.weights()).max()) == 2


# --- one small cell of each


def test_a_cell_of_curvelets_is_a_multiple_of_an_fft(load):
    found = load("curvelets").forward((32, 32), "curvelet", 1).measure(0.0)
    assert found["values"] == {"curvelet": found["times"]["convkit"]["median"] / found["times"]["scipy.fft"]["median"]}
    assert set(load("curvelets").scaling(32, "wavelet", 2).measure(0.0)["values"]) == {"forward_workers", "inverse_workers"}
    assert set(load("curvelets").plan(32, "plan_512").measure(0.0)["values"]) == {"plan_512"}
    assert {cell["what"] for cell in labels(load, "curvelets", rows=("plan",))} == {"plan"}


def test_the_pair_is_timed_beside_the_package_curvelets(load):
    pytest.importorskip("curvelets")
    found = load("curvelets").pair(32, "wavelet", 1).measure(0.0)
    assert found["values"]["pair_wavelet"] == found["times"]["convkit"]["median"] / found["times"]["curvelets"]["median"]


def test_a_cell_of_networks_is_timed_beside_torch_from_the_same_weights(load):
    pytest.importorskip("torch")
    networks = load("networks")
    jobs = {"tutorial_4": networks.step("tutorial_4", networks.tutorial_nets, 2, 1), "conv": networks.layer(1, 8, 1),
            "inference": networks.inference(1)}
    for key, job in jobs.items():
        found = job.measure(0.0)
        assert "wrong" not in found
        assert set(found["values"]) == {key}


def test_cells_of_quality(load):
    quality = load("curvelet_quality")
    found = quality.terms("wavefronts", 50, 32).measure(0.0)
    assert found["values"]["wavefronts"] > 0
    assert set(found["psnr"]) == {"curvelets", "refined", "db4", "sym8"}
    grown = quality.sparsity(256).measure(0.0)
    assert set(grown["values"]) == {"growth", "growth_wavelets"}
    pytest.importorskip("skimage")
    errors = quality.denoised("camera", "", 48, (1,)).measure(0.0)
    assert set(errors["values"]) == set(quality.PEERS)


@needs_opencv
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_a_direct_cell(load, dtype):
    found = load("direct").job((40, 31), (3, 5), dtype, 1).measure(0.0)
    assert "wrong" not in found
    assert set(found["values"]) == {dtype}
    assert found["variants"] == {"opencv": "cv2.filter2D"}
    assert {"median", "lower", "upper", "rounds"} <= set(found["times"]["convkit"])


@needs_opencv
def test_a_share_is_the_rate_over_that_of_the_ceiling(load, monkeypatch):
    direct = load("direct")
    monkeypatch.setattr(direct, "counts", lambda *_: True)
    monkeypatch.setattr(direct, "compute_call", lambda *_: (lambda: None, 1e6))
    found = direct.job((40, 31), (11, 11), "float32", 1).measure(0.0)
    assert set(found["values"]) == {"float32", "share9", "share11"}
    times = found["times"]
    rate = 2 * 121 * 40 * 31 / times["into"]["median"]
    assert found["values"]["share11"] == pytest.approx(rate / (1e6 / times["ceiling"]["median"]))


@needs_opencv
@pytest.mark.parametrize(("kind", "keys"), [("gaussian", {"gaussian", "ndimage"}), ("box", {"box"})])
def test_a_separable_cell(load, kind, keys):
    found = load("separable").job(kind, 40, 5, 1).measure(0.0)
    assert "wrong" not in found
    assert set(found["values"]) == keys


@needs_opencv
def test_a_cell_for_ffts_takes_the_best_rival(load):
    found = load("fft").job(64, 21, 2).measure(0.0)
    assert "wrong" not in found
    best = min(found["times"][name]["median"] for name in ("opencv", "fftconvolve", "oaconvolve"))
    assert found["values"]["fft"] == pytest.approx(best / found["times"]["convkit"]["median"])


def test_a_line_cell_and_volume_cells(load):
    found = load("line").job(500, 31, 1).measure(0.0)
    assert "wrong" not in found
    assert set(found["values"]) == {"line"}
    for kind in ("dense", "separable"):
        found = load("volume").job(kind, 12, 3, 1).measure(0.0)
        assert "wrong" not in found
        assert set(found["values"]) == {"volume", kind}


def test_a_planner_cell_is_auto_over_the_best_method(load):
    planner = load("planner")
    found = planner.job(planner.Draw((40, 50), (7, 9), "rank 1", "reflect", "float64"), 1).measure(0.0)
    assert "wrong" not in found
    assert found["pick"] in found["times"]
    best = min(timing["median"] for name, timing in found["times"].items() if name != "auto")
    assert found["values"]["regret"] == pytest.approx(found["times"]["auto"]["median"] / best)
    assert found["times"][found["fastest"]]["median"] == best


def test_the_python_side_is_timed_without_the_engine(load):
    call = load("call")
    for what in call.PYTHON:
        found = call.python(what, 1).measure(0.0)
        assert 0 < found["values"]["python"] == np.median(found["seconds"])
    x, taps = np.ones((64, 64), np.float32), np.ones(5, np.float32)
    np.testing.assert_array_equal(convkit.convolve_separable(x, [taps, taps], mode="valid"), 25)  # the engine works again


def test_memory_is_what_a_process_held_beyond_input_and_output(load):
    found = load("call").memory("direct", 512, 1).measure(0.0)
    assert found["input"] == 512 * 512 * 4
    assert found["values"]["memory"] == max(found["resident"], found["asked"]) / found["input"] > 0


def test_a_measuring_process_that_fails_is_told(load):
    with pytest.raises(RuntimeError, match=r"failed: .*no such thing"):
        load("call").in_a_new_process("raise SystemExit('no such thing')")


def test_a_wrong_result_is_found_and_nothing_is_timed(load, suite):
    task = rivals.Task(suite.samples((40,)), suite.weights((5,)))
    best = rivals.RIVALS["scipy.signal"](task, 1)
    found = suite.versus(task, {"convkit": lambda: np.zeros(40, np.float32)}, {"best": best}, {"line": ("best",)}, 1, 0.0)
    assert "convkit and best" in found["wrong"]
    assert found["times"] == found["values"] == {}


# --- what is said of a row


def cell(value, workers=1, key="k", **label):
    return {**label, "workers": workers, "values": {key: value}}


@pytest.mark.parametrize(
    ("unit", "mean", "each", "values", "said"),
    [
        ("x", 1.5, 1.0, (1.0, 4.0), "meets "),
        ("x", 2.5, None, (1.0, 4.0), "MISSES"),
        ("x", 1.5, 1.1, (1.0, 4.0), "MISSES"),
        ("share", None, 0.9, (0.95, 0.91), "meets "),
        ("share", None, 0.9, (0.95, 0.89), "MISSES"),
        ("regret", 1.1, 1.5, (1.0, 1.2), "meets "),
        ("regret", 1.1, 1.5, (1.0, 1.6), "MISSES"),
        ("regret", 1.1, 1.5, (1.3, 1.3), "MISSES"),
        ("seconds", None, 0.6, (0.5, 0.7), "MISSES"),
        ("extra", None, 0.25, (0.2, 0.24), "meets "),
        ("x", None, None, (0.1, 0.2), "      "),
    ],
)
def test_a_row_is_met_by_its_mean_and_by_every_cell(suite, unit, mean, each, values, said):
    row = suite.Row("k", "work", "rival", unit, mean, each)
    first, *_ = suite.verdict(row, [cell(value, shape=(8, 9)) for value in values])
    assert first.startswith(said)


def test_the_verdict_names_the_cells_that_fall_short_the_worst_first(suite):
    row = suite.Row("k", "work", "rival", mean={1: 1.0, 2: 9.0}, each=1.0)
    cells = [cell(0.9, shape=(8,)), cell(3.0, shape=(9,)), cell(0.5, shape=(10,)), cell(2.0, 2, shape=(9,))]
    one, short, two = suite.verdict(row, cells)
    assert one.startswith("MISSES work, against rival, 1 worker: geometric mean 1.11x, least 0.50x (10, 1 worker), 3 cells")
    assert short.split(": ")[1] == "10 0.50x; 8 0.90x"
    assert two.startswith("MISSES work, against rival, 2 workers: geometric mean 2.00x")


def test_the_summary_holds_mean_and_worst_for_each_number_of_workers(suite):
    cells = [cell(1.0), cell(4.0), cell(3.0, 2), cell(9.0, key="other")]
    assert suite.summary(suite.Row("k", "work", "rival"), cells)["found"] == {
        "1": {"mean": pytest.approx(2.0), "worst": 1.0, "cells": 2},
        "2": {"mean": pytest.approx(3.0), "worst": 3.0, "cells": 1},
    }
    assert suite.summary(suite.Row("k", "work", "rival", "regret"), cells)["found"]["1"]["worst"] == 4.0


def test_a_suite_prints_and_writes_what_the_tables_need(load, suite, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(suite, "measured_roofs", lambda options: [])
    row = suite.Row("k", "work", "rival", mean=1.5)
    job = suite.Job({"shape": (8, 9)}, lambda budget: {"values": {"k": 2.0}}, 1)
    target = tmp_path / "direct.json"
    assert suite.run("direct", "what", [row], lambda options: [job], ["--quick", "--json", str(target)], 1.0) == 0
    said = capsys.readouterr().out
    assert "[1/1] 8x9, 1 worker" in said
    assert "meets  work, against rival" in said
    found = json.loads(target.read_text())
    assert {"area", "made", "machine", "versions", "options", "roof", "rows", "cells"} <= set(found)
    assert "| work | rival | 2.00x | 2.00x |" in load("tables").summary(tmp_path)


def test_a_part_of_a_suite_does_not_replace_the_results(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(suite, "measured_roofs", lambda options: [])
    monkeypatch.setattr(suite, "RESULTS", tmp_path)
    job = suite.Job({"shape": (8,)}, lambda budget: {"values": {"k": 2.0}, "wrong": ""}, 1)
    row = suite.Row("k", "work", "rival")
    for arguments in (["--quick"], ["--rows", "k"], ["--workers", "1"]):
        suite.run("direct", "what", [row], lambda options: [job], arguments, 1.0)
    assert list(tmp_path.iterdir()) == []
    suite.run("direct", "what", [row], lambda options: [job], [], 1.0)
    assert [file.name for file in tmp_path.iterdir()] == ["direct.json"]


def test_a_suite_with_a_wrong_result_exits_1(suite, monkeypatch):
    monkeypatch.setattr(suite, "measured_roofs", lambda options: [])
    job = suite.Job({"shape": (8,)}, lambda budget: {"values": {}, "wrong": "a and b differ"}, 1)
    assert suite.run("direct", "what", [suite.Row("k", "w", "r")], lambda options: [job], ["--quick"], 1.0) == 1


def test_a_suite_whose_rival_is_missing_says_so(load, suite, monkeypatch, capsys):
    monkeypatch.setattr(suite, "installed", lambda word: False)
    with pytest.raises(SystemExit) as left:
        load("fft").main(["--quick"])
    assert left.value.code == 2
    assert "opencv is not installed; pip install" in capsys.readouterr().err


@pytest.mark.parametrize("area", AREAS)
def test_every_suite_is_a_command_with_rows_of_its_own(load, area):
    module = load(area)
    keys = [row.key for row in module.ROWS]
    assert len(set(keys)) == len(keys) >= 1
    with pytest.raises(SystemExit) as left:
        module.main(["--rows", "nonsense"])
    assert left.value.code == 2
