"""``convkit warmup``: everything is compiled once, by one process, and kept."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from convkit._core import codecache
from convkit.cli import app
from convkit.cli.warmup import DTYPES

RUN = [sys.executable, "-c", "from convkit.cli import main; main()", "warmup"]


def invoke(*arguments):
    return CliRunner().invoke(app, ["warmup", *arguments])


def counts(text):
    """Compiled, and found compiled."""
    return tuple(map(int, re.search(r"(\d+) compiled, (\d+) found", text).groups()))


def test_the_second_process_waits_and_finds_all_done(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    both = [subprocess.Popen([*RUN, "--dtypes", "float32"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=environment) for _ in range(2)]  # fmt: skip
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    (idle, found), (made, before) = sorted(counts(out) for out, _ in said)
    assert (idle, before) == (0, 0)
    assert found == made > 0
    assert "".join(err for _, err in said).count("Waiting for another") == 1
    assert all(str(tmp_path) in out for out, _ in said)
    assert len(list(tmp_path.rglob("*.nbc"))) == made


CALLS = """
import json
import numpy as np
import convkit
from convkit.cli.warmup import DTYPES, counted
rng = np.random.default_rng(0)
for dtype in DTYPES:
    x = rng.integers(1, 9, (2, 31, 67)).astype(dtype)
    for shape in ((5,), (3, 3), (1, 7), (7, 1), (2, 3, 5)):
        w = rng.standard_normal(shape)
        a = x[0, 0] if len(shape) == 1 else x[0] if len(shape) == 2 else x
        for boundary in ("zero", "wrap", "constant"):
            fill = {"fill_value": 3} if boundary == "constant" else {}
            convkit.convolve(a, w, boundary=boundary, **fill)
            convkit.convolve(a, w.astype("f4"), boundary=boundary, mode="full", method="direct", **fill)
        convkit.correlate(a, rng.integers(0, 3, shape).astype(dtype), method="fft")
        convkit.convolve_separable(a, [np.ones(k) for k in shape])
    convkit.convolve(x, np.ones((3, 3)), axes=(0, 1), mask=x > 2)
    convkit.convolve(x, [1, 2, 1], axes=1, dtype=np.result_type(x, np.float64))
long = rng.standard_normal(20_000)
for kind in ("f4", "f8", "c8", "c16"):
    convkit.convolve(long.astype(kind), long[:4001].astype(kind))
print(json.dumps(counted()))
"""


def test_after_it_nothing_is_left_to_compile():
    done = subprocess.run(RUN, capture_output=True, text=True, check=True)
    made, found = counts(done.stdout)
    assert made + found > len(DTYPES)
    code = (
        "import json; from convkit.cli.warmup import DTYPES, tasks; from convkit._core.jit import KERNELS\n"
        "for dtype in DTYPES:\n    for _, task in tasks(dtype): task()\n"
        "import importlib, pkgutil, convkit.kernels as k\n"
        "names = [m.name for m in pkgutil.iter_modules(k.__path__) if not m.name.endswith('_cuda')]\n"
        "for name in names: importlib.import_module('convkit.kernels.' + name)\n"
        "print(json.dumps([f.__name__ for f in KERNELS if not f.signatures]))"
    )
    unused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(unused.stdout) == [], "kernels that the tasks of warmup do not reach"
    later = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True, check=True)
    compiled, loaded = json.loads(later.stdout)
    assert compiled == 0
    assert loaded > 0


@pytest.mark.parametrize("words", ["float16", "float32,object", ",", ""])
def test_other_dtypes_are_refused(words):
    result = invoke("--dtypes", words)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "--dtypes" in result.stderr
    assert "uint16" in result.stderr


def test_nowhere_to_keep_them_is_told(monkeypatch):
    monkeypatch.setattr(codecache, "directories", lambda source, named: ((), None))
    result = invoke("--dtypes", "float32")
    assert result.exit_code == 1
    assert "NUMBA_CACHE_DIR" in result.stderr
    assert result.stdout == ""


def test_without_a_compiler_there_is_nothing_to_do():
    done = subprocess.run([*RUN, "--dtypes", "float32"], env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "NUMBA_DISABLE_JIT" in done.stderr
