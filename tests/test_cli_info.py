"""``convkit info``, ``--version`` and what all commands share: one line on what is wrong, status 2, no traceback."""

import json
import os
import platform
import subprocess
import sys
from importlib import metadata

import numpy
import pytest
from typer.testing import CliRunner

from convkit.bench import machine
from convkit.cli import app

RUN = [sys.executable, "-c", "from convkit.cli import main; main()"]


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_info_tells_versions_cores_vector_width_cache_and_cuda():
    result = invoke("info")
    assert result.exit_code == 0, result.output
    lines = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    told = {name: value.strip() for name, value in lines.items()}
    assert told["python"] == platform.python_version()
    assert told["numpy"] == numpy.__version__
    assert told["numba"] == metadata.version("numba")
    assert told["cores"].startswith(f"{os.cpu_count()}, ")
    assert told["vector width"].split()[0].isdigit()
    assert told["vector width"].endswith(" bits")
    assert told["cache"]
    assert "numba-cuda" in told["CUDA"]


def test_workers_in_info_follow_the_limit_of_the_process():
    result = subprocess.run([*RUN, "info"], env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "this process may use 1" in result.stdout


def test_cuda_state_survives_a_broken_driver(monkeypatch):
    monkeypatch.setattr(machine.importlib.metadata, "version", lambda name: "9.9")
    monkeypatch.setitem(sys.modules, "numba", None)  # importing it raises ImportError
    assert machine.cuda_state().startswith("numba-cuda 9.9, not usable: ")


def test_a_distribution_that_is_missing_is_told():
    assert machine.versions(("no-such-distribution-of-anyone",))["no-such-distribution-of-anyone"] == "not installed"


def test_version():
    import convkit

    result = invoke("--version")
    assert (result.exit_code, result.stdout.split()[0]) == (0, "convkit")
    assert result.stdout.split()[1] == machine.versions(("convkit",))["convkit"]
    assert convkit.__version__


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bnech"], "bnech"),
        (["info", "--bogus"], "--bogus"),
        (["info", "extra"], "extra"),
        (["filter"], "IMAGE"),
        (["filter", "camera"], "--output"),
        (["filter", "camera", "-o", "x.png", "--gaussian", "wide"], "--gaussian"),
        (["bench", "--repeats", "0"], "--repeats"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(arguments, words):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert result.stderr.startswith("convkit")


def test_ctrl_c_leaves_quietly(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(machine, "machine", interrupted)
    result = invoke("info")
    assert result.exit_code == 130
    assert result.output.strip() == ""


def test_no_command_shows_the_commands():
    result = invoke()
    assert all(word in result.output for word in ("bench", "filter", "info"))


def test_starting_a_command_loads_nothing_heavy():
    code = (
        "import sys, json, convkit.cli;"
        "print(json.dumps([m for m in ('numba', 'scipy', 'matplotlib', 'PIL', 'pywt') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
