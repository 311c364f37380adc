"""Compiled kernels on disk: never stale, never exchanged between processes, and never needed."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import convkit
from convkit._core import codecache

# A kernel that inlines another file's function, as all of convkit's do.
PART = "from convkit._core.jit import helper\n\n@helper\ndef scaled(value):\n    return value * {factor}\n"
WHOLE = (
    "from convkit._core.jit import kernel\nfrom convkit.kernels.part import scaled\n\n"
    "def _scale(x, out):\n    for i in range(x.size):\n        out[i] = scaled(x[i])\n\nscale = kernel(_scale)\n"
)
CODE = """
import json, os, sys, time
import numpy as np
from convkit.kernels.whole import scale
from convkit._core.jit import cache_directory
{before}
x = [np.arange(5).astype(kind) for kind in sys.argv[1:]]
out = [np.empty_like(a) for a in x]
for a, b in zip(x, out):
    scale(a, b)
stats = scale.stats
print(json.dumps({{"sums": [float(b.sum().real) for b in out], "dtypes": [b.dtype.name for b in out],
                  "hits": sum(stats.cache_hits.values()), "misses": sum(stats.cache_misses.values()),
                  "kept": cache_directory(scale)}}))
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package with one more kernel in it."""
    source = Path(convkit.__file__).parent
    copy = tmp_path / "site" / "convkit"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "kernels" / "part.py").write_text(PART.format(factor=2))
    (copy / "kernels" / "whole.py").write_text(WHOLE)
    return copy


def start(package, *kinds, before="", **environment):
    home = package.parent.parent
    settings = {"XDG_CACHE_HOME": str(home / "user"), "HOME": str(home), "LOCALAPPDATA": str(home / "user"),
                "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(package.parent)}  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    return subprocess.Popen([sys.executable, "-c", CODE.format(before=before), *kinds], stdout=subprocess.PIPE,
                            env={**kept, **settings, **environment}, cwd=package.parent, text=True)  # fmt: skip


def finish(process):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(said)


def run(package, *kinds, **options):
    return finish(start(package, *(kinds or ("float64",)), **options))


def test_a_changed_file_is_never_stale(package):
    first = run(package)
    assert (first["sums"], first["misses"]) == ([20.0], 1)
    assert Path(first["kept"]) == package / "kernels" / "__pycache__"
    again = run(package)
    assert (again["sums"], again["hits"], again["misses"]) == ([20.0], 1, 0)
    (package / "kernels" / "part.py").write_text(PART.format(factor=3))  # not the file of the kernel
    changed = run(package)
    assert (changed["sums"], changed["misses"]) == ([30.0], 1)
    left = list(Path(first["kept"]).glob("whole._scale-*.nbc"))
    assert len(left) == 1, "the stale file is gone"
    (package / "_core" / "jit.py").write_text((package / "_core" / "jit.py").read_text() + "\n# another edition\n")
    assert run(package)["misses"] == 1


def test_processes_that_share_a_cold_cache_never_exchange_code(package, tmp_path):
    kinds = ["int32", "float32", "float64", "complex64"]
    gate = tmp_path / "gate"
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.001)"
    running = [start(package, *kinds[i:], *kinds[:i], before=wait, NUMBA_CACHE_DIR=str(tmp_path / "cold")) for i in range(4)]
    gate.touch()
    for process, number in zip(running, range(4), strict=True):
        told = finish(process)
        assert told["sums"] == [20.0] * 4
        assert told["dtypes"] == kinds[number:] + kinds[:number]
    warm = run(package, *kinds, NUMBA_CACHE_DIR=str(tmp_path / "cold"))
    assert (warm["sums"], warm["hits"], warm["misses"]) == ([20.0] * 4, 4, 0)
    assert Path(warm["kept"]).is_relative_to(tmp_path / "cold")
    assert not list(Path(warm["kept"]).glob("*.tmp.*"))


@pytest.mark.slow
def test_and_neither_do_whole_calls(tmp_path):
    code = ("import sys, numpy as np, convkit; x = np.arange(400).reshape(20, 20).astype(sys.argv[1]);"
            "y = convkit.convolve(x, np.ones((3, 3), x.dtype), method='direct'); print(y.dtype, y[5, 5].real)")  # fmt: skip
    kinds = ["float32", "float64", "complex64", "float32", "float64", "complex128"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", code, kind], stdout=subprocess.PIPE, env=environment, text=True)
               for kind in kinds]  # fmt: skip
    for process, kind in zip(running, kinds, strict=True):
        assert process.communicate()[0].split() == [kind, "945.0"]


def test_a_directory_that_cannot_be_written_is_passed_over(package, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a directory should be")
    first = run(package, NUMBA_CACHE_DIR=str(blocked))
    assert Path(first["kept"]) == package / "kernels" / "__pycache__"
    shutil.rmtree(package / "kernels" / "__pycache__")
    (package / "kernels" / "__pycache__").write_text("")
    second = run(package, NUMBA_CACHE_DIR=str(blocked))
    assert (second["sums"], second["misses"]) == ([20.0], 1)
    assert Path(second["kept"]).is_relative_to(tmp_path)
    assert "site" not in Path(second["kept"]).relative_to(tmp_path).parts
    assert run(package)["hits"] == 1
    nowhere = {"XDG_CACHE_HOME": str(blocked), "LOCALAPPDATA": str(blocked), "HOME": str(blocked)}
    third = run(package, NUMBA_CACHE_DIR=str(blocked), **nowhere)
    assert (third["sums"], third["kept"], third["misses"]) == ([20.0], None, 1)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions, which root does not feel")
def test_read_only_directories(package, tmp_path):
    shut = tmp_path / "shut"
    run(package, NUMBA_CACHE_DIR=str(shut))
    for path in [shut, *shut.rglob("*"), package / "kernels"]:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        told = run(package, "float64", "float32", NUMBA_CACHE_DIR=str(shut))
    finally:
        for path in [shut, *shut.rglob("*"), package / "kernels"]:
            path.chmod(path.stat().st_mode | 0o200)
    assert (told["sums"], told["hits"], told["misses"]) == ([20.0, 20.0], 1, 1)
    assert not Path(told["kept"]).is_relative_to(shut)


def test_what_is_warm_is_read_where_nothing_can_be_written(package):
    run(package)
    before = "from convkit._core import codecache as c; c._writable = lambda path: False; c.directories.cache_clear()"
    told = run(package, before=before)
    assert (told["sums"], told["hits"], told["misses"], told["kept"]) == ([20.0], 1, 0, None)


def test_bounds_checks_have_code_of_their_own(package):
    run(package)
    assert run(package, NUMBA_BOUNDSCHECK="1")["misses"] == 1
    assert run(package)["hits"] == 1


@pytest.mark.parametrize("junk", [b"", b"cut short", b"\x80\x04N."])
def test_a_broken_file_is_compiled_anew(package, junk):
    kept = Path(run(package)["kept"])
    files = list(kept.glob("whole._scale-*.nbc"))
    assert len(files) == 1
    files[0].write_bytes(junk)
    told = run(package)
    assert (told["sums"], told["misses"]) == ([20.0], 1)
    assert run(package)["hits"] == 1


def test_processes_number_their_functions_apart():
    # Else two closures of a factory, compiled in two processes, have one symbol, and a third that loads both mixes them up.
    code = "import convkit.kernels.trace; from numba.core.bytecode import FunctionIdentity as f; print(next(f._unique_ids))"
    first, second = (int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
                     for _ in range(2))
    assert abs(first - second) > 1_000_000


def test_without_sources_nothing_is_kept(package):
    code = (
        "import pathlib; from convkit._core import codecache\n"
        "pathlib.Path.read_bytes = lambda path: (_ for _ in ()).throw(OSError('gone'))\n"
        "codecache.stamp.cache_clear(); print(repr(codecache.stamp()))\n"
        "def f(x): return x\n"
        "c = codecache.KernelCache(f, ''); print(c.cache_path, c.load_overload((), None), c.save_overload((), None))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=package.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["''", "None", "None", "None"]


def test_files_appear_in_one_step(tmp_path):
    target = tmp_path / "file"
    codecache.write_atomically(target, b"one")
    codecache.write_atomically(target, b"two")
    assert target.read_bytes() == b"two"
    with pytest.raises(OSError):
        codecache.write_atomically(tmp_path / "missing" / "file", b"")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError):
        codecache.write_atomically(tmp_path / "folder", b"")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_lock_is_waited_for(tmp_path):
    path, events = tmp_path / "lock", []
    told = threading.Event()

    def second():
        with codecache.locked(path, lambda: (events.append("waits"), told.set())):
            events.append("second")

    with codecache.locked(path, lambda: events.append("never")):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(30)
        events.append("first")
    thread.join(30)
    assert events == ["waits", "first", "second"]


def told(function):
    """Name of the file for a function, whatever its types."""

    class Codegen:
        @staticmethod
        def magic_tuple():
            return ("processor",)

    kept = codecache.KernelCache(function, "options")
    return kept._name(kept._key(("float64",), Codegen)) if kept._usable else None


def make(factor, helper):
    def scale(x):
        return helper(x) * factor

    return scale


def test_functions_of_one_factory_have_code_of_their_own():
    long = np.arange(3000)
    other = long.copy()
    other[1500] = 0
    made = [(2, abs), (3, abs), (2.0, abs), (2, round), (2, make), (long, abs), (other, abs), ((2, 3), abs), ([2, 3], abs)]
    # Functions that differ by what they were made with in turn, by a constant, and by a name.
    made += [(2, make(2, abs)), (2, make(3, abs)), (2, lambda x: x * 2), (2, lambda x: x * 3), (2, make(2, make(2, abs)))]
    assert len({told(make(*known)) for known in made}) == len(made)
    assert told(make(2, make(long, abs))) == told(make(2, make(long.copy(), abs)))
    plain = [eval(f"lambda x: {name}(x)", {}, {}).__code__ for name in ("abs", "round")]
    assert plain[0].co_code == plain[1].co_code
    assert codecache._told_of(plain[0]) != codecache._told_of(plain[1])


def test_what_cannot_be_told_apart_is_not_kept():
    def itself(x):
        return itself

    assert told(itself) is not None
    for cannot in (object(), functools.partial(make), lambda x: np.sqrt(x), later({})):
        assert told(make(2, cannot)) is None


def later(place):
    """A function whose cell is empty."""
    if place:
        name = 1
    return lambda x: name
