"""``convkit bench --device cuda``: its tables and refusals; whole runs are in tests/cuda/twins_bench.py."""

import io
import subprocess
import sys

import numpy as np
import pytest
from numba import config
from typer.testing import CliRunner

from convkit.bench import Case, Cell, Timing, device
from convkit.bench.device import DeviceRoof
from convkit.cli import app

ROOF = DeviceRoof("a device", 132, 1 << 20, "float32", 1e12, 1e11)


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def bench(*arguments):
    return CliRunner().invoke(app, ["bench", "--device", *arguments])


def cell(seconds, rival=0.0):
    times = {"direct": Timing.of([seconds])} | ({"torch": Timing.of([rival])} if rival else {})
    return Cell(Case(2, 1000, 5), agreement=0.0, times=times)


def test_shares_of_the_roof():
    copy, fma = ROOF.shares(cell(1e-3), "direct")
    assert copy == pytest.approx(8e6 / 1e11 / 1e-3)
    assert fma == pytest.approx(50e6 / 1e12 / 1e-3)


def test_a_row_sets_the_fastest_method_against_roof_and_rival():
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    [table] = device.tables([cell(1e-4, 2.5e-4)], ["torch"], ROOF)
    console.print(table)
    text = console.export_text()
    for words in ("0.100", "80 %", "50 %", "0.250", "2.5x"):
        assert words in text


def test_usual_cases_are_larger_than_caches():
    cases = device.device_cases((1, 2, 3), "float32", "edge")
    assert {case.dims for case in cases} == {1, 2, 3}
    assert all(np.prod(case.shape) * 4 >= 200 << 20 for case in cases)
    assert {(case.taps, case.kind) for case in cases if case.dims == 2} >= {(3, "gaussian"), (31, "gaussian"), (15, "disk")}
    assert {(case.dtype, case.boundary) for case in cases} == {("float32", "edge")}


def test_results_are_fetched_from_their_libraries():
    class Torch:
        def cpu(self):
            return self

        def numpy(self):
            return np.ones(2)

    class CuPy:
        def get(self):
            return np.zeros(2)

    clock = device.EventClock()
    assert clock.fetched(Torch())[0] == 1
    assert clock.fetched(CuPy())[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"), [(["gpu"], "--device is 'gpu'; it may be cuda"), (["cuda", "--html", "a.html"], "--html"),
                             (["cuda", "--full", "--workers", "2"], "--workers is not taken"),
                             (["cuda", "--rivals", "scipy"], "give some of cupy, torch")])  # fmt: skip
def test_what_is_refused(arguments, words):
    result = bench(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.skipif(config.ENABLE_CUDASIM, reason="the simulator is a device")
def test_without_a_device_one_line_says_so():
    code = "import sys; from convkit.cli import app; sys.argv = ['convkit', 'bench', '--device', 'cuda', '--dims', '1']; app()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode == 0:
        pytest.skip("there is a device")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "numba-cuda" in done.stderr or "no CUDA device can be used" in done.stderr
