"""The README's tables are made from ``benchmarks/results``, and are current."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import tables

    return tables


def cell(dims=2, size=256, taps=3, auto=1e-3, signal=4e-3, ndimage=2e-3, kind="gaussian"):
    return {
        "dims": dims,
        "size": size,
        "taps": taps,
        "kind": kind,
        "dtype": "float32",
        "boundary": "zero",
        "pick": "separable",
        "times": {
            "auto": {"median": auto},
            "scipy.signal": {"median": signal},
            "scipy.ndimage": {"median": ndimage},
        },
        "variants": {"scipy.signal": "signal.fftconvolve", "scipy.ndimage": "ndimage.convolve1d"},
    }


@pytest.fixture
def found():
    return {
        "machine": {"processor": "Some CPU", "workers": 3},
        "versions": {"numpy": "2.0", "scipy": "1.13", "numba": "0.67"},
        "cells": [cell(), cell(taps=31, auto=2e-3, signal=1e-3), cell(dims=1, size=4096), cell(size=300, auto=5e-4)],
    }


def test_the_tables_of_the_readme_are_current():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- table:convolution -->" in text
    command = [sys.executable, "-m", "benchmarks.tables", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_rows_hold_the_measured_times(tables, found):
    text = tables.convolution(found)
    assert "| 256 x 256 | gaussian 3 x 3 | separable | 1.00 | 2.00 | `ndimage.convolve1d` | 2.0 |" in text
    assert "| 256 x 256 | gaussian 31 x 31 | separable | 2.00 | 1.00 | `signal.fftconvolve` | 0.5 |" in text
    assert "300 x 300" not in text
    assert "Some CPU, 3 workers" in text


def test_means_take_every_cell(tables, found):
    text = tables.convolution(found)
    assert "2-D: geometric mean 1.6, least 0.50 (3 cells)" in text  # of 2, 0.5 and 4
    assert "1-D: geometric mean 2.0, least 2.00 (1 cells)" in text


def test_cells_that_were_not_timed_are_told(tables, found):
    found["cells"].append({**cell(), "times": {}})
    assert "1 cells gave wrong results" in tables.convolution(found)


def written(tmp_path, found, text):
    (tmp_path / "convolution.json").write_text(json.dumps(found))
    readme = tmp_path / "README.md"
    readme.write_text(text)
    return ["--readme", str(readme), "--results", str(tmp_path)], readme


def test_check_fails_until_the_table_is_made_and_again_when_a_number_changes(tables, found, tmp_path, capsys):
    options, readme = written(tmp_path, found, "before\n<!-- table:convolution -->\n<!-- /table -->\nafter\n")
    assert tables.main([*options, "--check"]) == 1
    assert readme.read_text() == "before\n<!-- table:convolution -->\n<!-- /table -->\nafter\n"
    assert tables.main(options) == 0
    assert readme.read_text().startswith("before\n<!-- table:convolution -->\n| samples |")
    assert readme.read_text().endswith("<!-- /table -->\nafter\n")
    assert tables.main([*options, "--check"]) == 0
    changed = copy.deepcopy(found)
    changed["cells"][0]["times"]["auto"]["median"] = 1.5e-3
    written(tmp_path, changed, readme.read_text())
    assert tables.main([*options, "--check"]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!-- table:nonsense -->\n<!-- /table -->\n", "nonsense"),
        ("<!-- table:convolution -->\n", "no line"),
    ],
)
def test_a_marker_that_means_nothing_is_refused(tables, found, tmp_path, text, words):
    options, _ = written(tmp_path, found, text)
    with pytest.raises(ValueError, match=words):
        tables.main(options)


def test_missing_results_are_refused(tables, tmp_path):
    (tmp_path / "README.md").write_text("<!-- table:convolution -->\n<!-- /table -->\n")
    with pytest.raises(ValueError, match=r"python -m benchmarks\.convolution"):
        tables.main(["--readme", str(tmp_path / "README.md"), "--results", str(tmp_path)])


def suite(mean, worst, unit="x", processor="Some CPU", **versions):
    row = {"key": "k", "work": f"work in {unit}", "against": "a rival", "unit": unit,
           "found": {"1": {"mean": mean, "worst": worst, "cells": 3}}}
    return {"machine": {"processor": processor}, "versions": {"numpy": "2.0", **versions}, "rows": [row]}


def put(tmp_path, **suites):
    for area, found in suites.items():
        (tmp_path / f"{area}.json").write_text(json.dumps(found))


def test_the_summary_has_a_row_for_each_line_of_the_suites_that_are_there(tables, tmp_path):
    both = suite(2.0, 1.25)
    both["rows"][0]["found"]["2"] = {"mean": 3.0, "worst": 0.5, "cells": 3}
    put(tmp_path, planner=suite(1.04, 1.3, "regret"), direct=both, call=suite(0.4, 0.512, "seconds", torch="2.9"))
    lines = tables.summary(tmp_path).splitlines()
    assert lines[0] == "| work | against | 1 worker: mean | 1 worker: worst cell | 2 workers: mean | 2 workers: worst cell |"
    assert lines[2:5] == [
        "| work in x | a rival | 2.00x | 1.25x | 3.00x | 0.50x |",
        "| work in regret | a rival | 1.04x | 1.30x |  |  |",
        "| work in seconds | a rival | 0.40 s | 0.51 s |  |  |",
    ]
    assert lines[-1].endswith("Some CPU; numpy 2.0, torch 2.9.")


@pytest.mark.parametrize(("unit", "text"), [("share", "95.0 %"), ("extra", "95.0 %"), ("seconds", "0.95 s"), ("x", "0.95x")])
def test_the_summary_gives_each_value_its_unit(tables, tmp_path, unit, text):
    put(tmp_path, volume=suite(0.95, 0.95, unit))
    assert f"| {text} | {text} |" in tables.summary(tmp_path)


def test_every_machine_and_version_is_named_once(tables, tmp_path):
    put(tmp_path, fft=suite(1, 1, opencv="5.0"), line=suite(1, 1, opencv="5.1"), direct=suite(1, 1, processor="Other"))
    assert tables.summary(tmp_path).splitlines()[-1].endswith("Other and Some CPU; numpy 2.0, opencv 5.0 and 5.1.")


def test_the_summary_goes_between_its_markers(tables, tmp_path):
    put(tmp_path, fft=suite(1.5, 1.2))
    readme = tmp_path / "README.md"
    readme.write_text("<!-- table:summary -->\n<!-- /table -->\n")
    options = ["--readme", str(readme), "--results", str(tmp_path)]
    assert tables.main([*options, "--check"]) == 1
    assert tables.main(options) == 0
    assert "| work in x | a rival | 1.50x | 1.20x |" in readme.read_text()
    assert tables.main([*options, "--check"]) == 0


def test_a_summary_of_nothing_is_refused(tables, tmp_path):
    with pytest.raises(ValueError, match=r"python -m benchmarks\.NAME.*direct"):
        tables.summary(tmp_path)
