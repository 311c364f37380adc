"""What a first call says on a terminal."""

import os
import subprocess
import sys

import pytest

from convkit._core import announcer

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


def test_what_is_over_soon_is_not_announced_and_two_compilers_say_it_once(monkeypatch, capsys):
    """Those for the CPU and for a device have an announcer each."""
    started = []

    class Timer:
        """Is over when the test says so."""

        def __init__(self, seconds, say):
            self.say, self.cancelled = say, False

        def start(self):
            started.append(self)

        def cancel(self):
            self.cancelled = True

    monkeypatch.setattr(announcer.threading, "Timer", Timer)
    monkeypatch.setattr(announcer.Announcer, "_said", False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("CONVKIT_QUIET", "0")
    cpu, device = announcer.Announcer(), announcer.Announcer()
    cpu.begin()
    cpu.end()
    cpu.end()
    assert [timer.cancelled for timer in started] == [True]
    cpu.begin()
    device.begin()
    device.begin()  # what it waited for has failed
    assert [timer.cancelled for timer in started] == [True, False, True, False]
    started[1].say()
    started[3].say()
    assert capsys.readouterr().err.count("compiling") == 1
    cpu.begin()
    assert len(started) == 4
