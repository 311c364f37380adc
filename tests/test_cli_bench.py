"""``convkit bench``: the table, the picture, the numbers, and what it refuses. No test looks at how long it took."""

import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import convkit
from convkit.cli import app

SMALL = ["--sizes", "24", "--kernels", "3,6", "--repeats", "1"]


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def bench(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


def test_a_table_per_dimension_and_a_picture_that_is_named(tmp_path):
    result = bench(*SMALL)
    assert result.exit_code == 0, result.output
    for words in ("1-D: ecg, 24", "2-D: camera, 24 x 24", "3-D: phantom, 24 x 24 x 24", "float32", "boundary zero"):
        assert words in result.stdout
    for words in ("direct", "separable", "FFT", "auto", "GF/s", "picks", "fastest?"):
        assert words in result.stdout
    rows = [line for line in result.stdout.splitlines() if re.match(r"(gaussian|disk|ball) \d", line)]
    assert len(rows) == 2 + 4 + 4
    assert all(re.search(r"yes|no, [\d.]+x|not timed", row) for row in rows)
    assert "Picture: convkit-bench.png" in result.stdout
    assert (tmp_path / "convkit-bench.png").read_bytes()[:4] == b"\x89PNG"
    assert [file.name for file in tmp_path.iterdir()] == ["convkit-bench.png"]


def test_numbers_and_picture_go_where_told(tmp_path):
    options = ["--dims", "2", "--dtype", "float64", "--boundary", "wrap", "--workers", "1"]
    result = bench(*SMALL[:-1], "2", *options, "--json", "n.json", "--plot", "p.svg")
    assert result.exit_code == 0, result.output
    assert "Numbers: n.json" in result.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["n.json", "p.svg"]
    found = json.loads((tmp_path / "n.json").read_text())
    assert {(cell["dims"], cell["size"], cell["dtype"], cell["boundary"]) for cell in found["cells"]} == {
        (2, 24, "float64", "wrap")
    }
    assert [(cell["taps"], cell["kind"]) for cell in found["cells"]] == [
        (3, "gaussian"),
        (6, "gaussian"),
        (3, "disk"),
        (6, "disk"),
    ]
    for cell in found["cells"]:
        assert {"direct", "fft", "auto"} <= set(cell["times"])
        assert not {"scipy.signal", "scipy.ndimage"} & set(cell["times"])
        assert {timing["rounds"] for timing in cell["times"].values()} == {2}
    assert found["options"]["workers"] == 1


def test_full_sets_scipy_beside_it(tmp_path):
    result = bench("--full", "--dims", "2", *SMALL, "--json", "n.json")
    assert result.exit_code == 0, result.output
    assert "signal" in result.stdout
    assert "ndimage" in result.stdout
    for cell in json.loads((tmp_path / "n.json").read_text())["cells"]:
        assert {"scipy.signal", "scipy.ndimage"} <= set(cell["times"])
        assert set(cell["variants"]) == {"scipy.signal", "scipy.ndimage"}


def test_rivals_that_are_named_stand_in_the_table_beside_the_roof(tmp_path, monkeypatch):
    from convkit.bench import rivals

    here = rivals.installed
    monkeypatch.setattr(rivals, "installed", lambda word: word != "torch" and here(word))
    options = ["--dims", "1", "--rivals", "numpy,torch", "--workers", "1"]
    result = bench(*SMALL, *options, "--json", "n.json", "--html", "r.html")
    assert result.exit_code == 0, result.output
    assert "numpy ms" in result.stdout
    assert "torch is not installed" in result.stdout
    assert "torch ms" not in result.stdout
    assert re.search(r"Roof of this machine.*1 worker: [\d.]+ GF/s", result.stdout)
    assert re.search(r"\d % [cml]", result.stdout)
    assert "Report: r.html" in result.stdout
    assert "data:image/png;base64," in (tmp_path / "r.html").read_text()
    found = json.loads((tmp_path / "n.json").read_text())
    assert found["options"]["rivals"] == ["numpy"]
    assert found["options"]["missing"] == ["torch"]
    assert found["roof"]["compute"] > 0
    assert found["roof"]["workers"] == 1
    for cell in found["cells"]:
        assert cell["variants"] == {"numpy": "np.convolve"}
        assert cell["times"]["numpy"]["rounds"] == 1
        assert cell["roof"]["auto"]["fraction"] > 0
        assert cell["roof"]["auto"]["bound"] in ("compute", "memory", "cache")


def test_without_rivals_the_roof_is_not_measured(tmp_path):
    result = bench(*SMALL, "--dims", "1", "--json", "n.json")
    assert "Roof" not in result.stdout
    assert json.loads((tmp_path / "n.json").read_text())["roof"] is None


def test_kernels_alone_keep_the_usual_sizes():
    from convkit.cli.bench import choose

    cases = choose(False, "1,3", None, "5", "float32", "zero")
    assert {(case.dims, case.taps) for case in cases} == {(1, 5), (3, 5)}
    assert choose(False, "2", "40", None, "float32", "zero")[0].size == 40
    assert len(choose(True, "1", None, None, "float32", "zero")) == 18


def test_a_wrong_result_is_shown_and_the_status_is_1(monkeypatch):
    right = convkit.convolve
    monkeypatch.setattr(
        convkit.convolution, "convolve", lambda x, w, **o: right(x, w, **o) + (o["method"] == "direct") * x.dtype.type(0.1)
    )
    result = bench("--dims", "2", *SMALL)
    assert result.exit_code == 1
    assert "WRONG" in result.stdout
    assert "direct" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dims", "4"], ["--dims", "'4'", "1, 2 and 3"]),
        (["--dims", ""], ["--dims"]),
        (["--sizes", "big"], ["--sizes", "'big'"]),
        (["--sizes", "0"], ["--sizes", "'0'"]),
        (["--kernels", "3,-5"], ["--kernels", "'3,-5'"]),
        (["--sizes", "100000", "--dims", "3"], ["100000", "3-D"]),
        (["--dtype", "int8"], ["--dtype", "'int8'", "float32"]),
        (["--boundary", "mirrored"], ["--boundary", "'mirrored'", "reflect"]),
        (["--workers", "0"], ["workers", "0"]),
        (["--workers", "-99999"], ["workers", "-99999"]),
        (["--json", "nowhere/n.json"], ["--json", "nowhere"]),
        (["--json", "."], ["--json", "directory"]),
        (["--plot", "p.docx"], ["--plot", ".png"]),
        (["--rivals", "scipy,foo"], ["--rivals", "'foo'", "opencv"]),
        (["--rivals", ""], ["--rivals", "scipy"]),
        (["--html", "r.txt"], ["--html", ".html"]),
        (["--html", "nowhere/r.html"], ["--html", "nowhere"]),
        (["--repeats", "few"], ["--repeats"]),
        (["--bogus"], ["--bogus"]),
    ],
)
def test_a_wrong_option_is_told_in_one_line(arguments, words, tmp_path):
    result = bench(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert all(word in result.stderr for word in words), result.stderr
    assert not list(tmp_path.iterdir())


def test_as_a_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from convkit.cli import main; main()", "bench", "--dims", "2", *SMALL],
        cwd=tmp_path,
        env={**os.environ, "CONVKIT_QUIET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "2-D: camera" in done.stdout
    assert "Traceback" not in done.stderr
    assert (tmp_path / "convkit-bench.png").stat().st_size > 5000
