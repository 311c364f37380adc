"""Compiled kernels for a CUDA device on disk: found again, never those of another shape, never stale, and never needed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cuda.compiler import needed
from tests.test_cache import package  # noqa: F401

pytestmark = needed

# Kernels of one factory, as convkit's are made: of functions that were made themselves.
WHOLE = """
from typing import NamedTuple
import numpy as np
from convkit._core.gpu import cuda
from convkit._core.jit import cuda_helper, cuda_kernel
from convkit.kernels.part import FACTOR

class Shape(NamedTuple):
    high: int
    wide: int

def times(factor):
    @cuda_helper
    def product(value):
        return value * np.float32(factor) * np.float32(FACTOR)

    return product

def twice(step):
    @cuda_helper
    def again(value):
        return step(step(value))

    return again

def scale(shape, factor, table=()):
    apply, table = twice(times(factor)), np.array(table, np.float32)

    def scale(x, out):
        i = cuda.grid(1)
        if i < out.size:
            value = apply(x[i])
            for k in range(shape.wide):
                value += table[k] if table.size else shape.high
            out[i] = value

    return cuda_kernel(scale)
"""
CODE = """
import json, sys
import tests.cuda.driver
from numba import types
from convkit._core.jit import cache_directory
from convkit.kernels.whole import Shape, scale

F = types.float32[::1]
said = []
for high, wide, factor, table in json.loads(sys.argv[1]):
    kernel = scale(Shape(high, wide), factor, table)
    made = kernel.compile((F, F))
    code = made._codelibrary.get_cufunc().module.code
    hits, misses = (sum(found.values()) for found in (kernel.stats.cache_hits, kernel.stats.cache_misses))
    said.append({"code": bytes(code.code).hex(), "ptx": "".join(made._codelibrary.get_asm_strs()), "found": hits,
                 "compiled": misses, "kept": cache_directory(kernel)})
print(json.dumps(said))
"""
HERE = Path(__file__).parents[2]
LONG = list(range(1, 2001))
# Each differs in one thing from the first, or, the last two, from one another: by a number in the middle of a long table.
SHAPES = [(2, 3, 5.0, ()), (4, 3, 5.0, ()), (2, 4, 5.0, ()), (2, 3, 7.0, ()), (2, 3, 5.0, LONG),
          (2, 3, 5.0, [*LONG[:1000], 0, *LONG[1001:]])]


@pytest.fixture
def kernels(package):  # noqa: F811
    """A copy of the package with such a factory in it."""
    (package / "kernels" / "part.py").write_text("FACTOR = 2\n")
    (package / "kernels" / "whole.py").write_text(WHOLE)
    return package


def run(kernels, *shapes, before="", **environment):
    """What a process that finds a device says of the kernels for some shapes."""
    done = process(kernels, shapes, before, environment, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def process(kernels, shapes, before, environment, stderr):
    home = kernels.parent.parent
    settings = {"XDG_CACHE_HOME": str(home / "user"), "HOME": str(home), "LOCALAPPDATA": str(home / "user"),
                "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{kernels.parent}{os.pathsep}{HERE}"}
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    return subprocess.run([sys.executable, "-c", before + CODE, json.dumps(shapes)], env={**kept, **settings, **environment},
                          cwd=kernels.parent, stdout=subprocess.PIPE, stderr=stderr, text=True)


def counts(said):
    """Kernels found, and compiled."""
    return sum(one["found"] for one in said), sum(one["compiled"] for one in said)


def test_another_process_finds_each_shape_and_its_own_code(kernels):
    first = run(kernels, *SHAPES[:3], SHAPES[4])
    assert counts(first) == (0, 4)
    assert Path(first[0]["kept"]) == kernels / "kernels" / "__pycache__"
    second = run(kernels, *SHAPES)
    assert [one["found"] for one in second] == [1, 1, 1, 0, 1, 0]
    assert len({one["code"] for one in second}) == len(SHAPES)
    for compiled, found in zip(first, [*second[:3], second[4]], strict=True):
        assert compiled["code"] == found["code"]
    fresh = run(kernels, *SHAPES[:2], NUMBA_CACHE_DIR=str(kernels.parent / "other"))
    assert counts(fresh) == (0, 2)
    for one, other in zip(fresh, second, strict=False):
        assert one["ptx"] == other["ptx"]


def test_a_changed_file_and_another_device_are_compiled_for(kernels):
    shape = SHAPES[0]
    before = run(kernels, shape)[0]
    other = run(kernels, shape, DEVICE="8.0")
    assert counts(other) == (0, 1)
    assert other[0]["code"] != before["code"]
    assert counts(run(kernels, shape)) == (1, 0)
    (kernels / "kernels" / "part.py").write_text("FACTOR = 3\n")  # not the file of the kernel
    after = run(kernels, shape)
    assert counts(after) == (0, 1)
    assert after[0]["code"] != before["code"]
    assert len(list(Path(after[0]["kept"]).glob("whole.scale.*.nbc"))) == 1, "the stale files are gone"


def test_nowhere_to_keep_them_is_no_error(kernels):
    blocked = kernels.parent / "blocked"
    blocked.write_text("a file where a directory should be")
    nowhere = {name: str(blocked) for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME")}
    (kernels / "kernels" / "__pycache__").write_text("")
    said = run(kernels, SHAPES[0], **nowhere)
    assert (counts(said), said[0]["kept"]) == ((0, 1), None)


def test_what_cannot_be_read_or_pickled_is_compiled(kernels):
    said = run(kernels, SHAPES[0])
    for file in Path(said[0]["kept"]).glob("whole.scale.*.nbc"):
        file.write_bytes(b"cut short")
    assert counts(run(kernels, SHAPES[0])) == (0, 1)
    broken = ("import numba.cuda.codegen as c\n"
              "def refuse(self): raise RuntimeError('linked with a file')\n"
              "c.CUDACodeLibrary._reduce_states = refuse\n")
    assert counts(run(kernels, SHAPES[1], before=broken)) == (0, 1)
    assert counts(run(kernels, SHAPES[1])) == (0, 1)


def test_compiling_is_announced_and_finding_is_not(kernels):
    pty = pytest.importorskip("pty", reason="pseudo-terminals are a matter of Unix")

    def said(*shapes, quiet=""):
        master, slave = pty.openpty()
        soon = "from convkit._core.announcer import Announcer\nAnnouncer.AFTER = 0.01\n"
        assert process(kernels, shapes, soon, {"CONVKIT_QUIET": quiet}, slave).returncode == 0
        os.write(slave, b"end")  # reading waits where nothing was written
        words = os.read(master, 1 << 12).decode()
        os.close(slave)
        os.close(master)
        return words

    assert said(*SHAPES[:2]).count("compiling kernels for this machine") == 1
    assert said(*SHAPES[:2]) == "end"
    assert said(SHAPES[2], quiet="1") == "end"


def bodies():
    """Plain functions of convkit's own kernels, no two of which are the same."""
    from convkit.engines.tiles import radices
    from convkit.kernels import fourier_cuda, pointwise_cuda, update_cuda, wedge_cuda
    from convkit.kernels.butterfly_cuda import Sweep

    for dtype in ("float32", "float64"):
        for length in (64, 256, 512):
            sweep = Sweep(length, 2, 64)
            for make in (fourier_cuda.tiles_body, fourier_cuda.first_body, fourier_cuda.last_body):
                yield make(sweep, dtype, radices(length))
        for adding in (True, False):
            yield wedge_cuda.gather_body(dtype, adding)
        for vectors in (True, False):
            yield pointwise_cuda.by_one_body(dtype, vectors)
            for formula, _ in update_cuda.powers(dtype).values():
                yield update_cuda.powers_body(formula, dtype, vectors, 32, False)
            for formula in update_cuda.changes(dtype).values():
                yield update_cuda.change_body(formula, dtype, vectors)
            for name in update_cuda.steps(dtype):
                yield update_cuda.step_body(name, dtype, (True,) * 4, vectors)


def test_all_that_kernels_are_made_of_can_be_told():
    from convkit._core import codecache

    told = [codecache._told(body) for body in bodies()]
    assert len(told) > 50
    assert len(set(told)) == len(told)
    assert told == [codecache._told(body) for body in bodies()]


@pytest.mark.parametrize("sensitive", [True, False])
def test_code_that_holds_for_one_grid_only_is_not_kept(sensitive, monkeypatch):
    from convkit._core.announcer import Announcer
    from convkit._core.codecache import DeviceCache

    kept = []
    monkeypatch.setattr(DeviceCache, "_save", lambda self, *arguments: kept.append(arguments))
    result = SimpleNamespace(launch_config_sensitive=sensitive, codegen=None)
    DeviceCache(next(bodies()), "options", Announcer()).save_overload((), result)
    assert len(kept) == (not sensitive)
