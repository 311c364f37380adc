"""What a first call says on a terminal."""

import os
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="pseudo-terminals are a matter of Unix")

CALL = "import numpy as np, convkit; print(convkit.convolve(np.ones((9, 40)), np.ones((3, 3)), method='direct').sum())"


def run_on_a_terminal(tmp_path, **environment):
    """Standard error, a pseudo-terminal, of a process that finds no compiled kernel."""
    master, slave = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-c", CALL], stdout=subprocess.PIPE, stderr=slave, check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **environment})
    os.close(slave)
    said = b""
    while True:
        try:
            part = os.read(master, 1 << 16)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        said += part
    os.close(master)
    assert float(process.stdout) > 0
    return said.decode()


def test_compiling_is_announced_once(tmp_path):
    said = run_on_a_terminal(tmp_path, CONVKIT_QUIET="")
    assert said.count("compiling") == 1
    assert "CONVKIT_QUIET=1" in said


def test_and_not_when_quiet(tmp_path):
    assert run_on_a_terminal(tmp_path, CONVKIT_QUIET="1") == ""


def test_nor_when_nothing_has_to_be_compiled(tmp_path):
    run_on_a_terminal(tmp_path, CONVKIT_QUIET="")
    assert run_on_a_terminal(tmp_path, CONVKIT_QUIET="") == ""
