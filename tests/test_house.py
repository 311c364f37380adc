"""The floors of the house: imports point down, nothing heavy loads early, peers are left to tests and benchmarks."""

from __future__ import annotations

import ast
import doctest
import graphlib
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import convkit

ROOT = Path(convkit.__file__).parent
FILES = sorted(p for p in ROOT.rglob("*.py"))

# One row per line of the tree, the top first; an import may only point to a lower row.
ROWS = (
    ("convkit",), ("cli",), ("training",), ("ndimage", "signal"), ("data",), ("bench",), ("edges",), ("filters",),
    ("plots",), ("nn",), ("curvelets",), ("convolution",), ("padding", "matrix"), ("optim",), ("planning",),
    ("autodiff",), ("engines",), ("separable",), ("kernels",), ("_core",),
)  # fmt: skip
HEIGHT = {name: len(ROWS) - row for row, names in enumerate(ROWS) for name in names}
PEERS = ("scipy.ndimage", "scipy.signal", "cv2", "torch", "skimage", "astropy", "cupy", "cupyx")
HEAVY = ("numba", "llvmlite", "scipy", "matplotlib", "pywt", "PIL", "typer", "rich")


def module_of(path):
    """Dotted name of a source file."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(p): p for p in FILES}


def imported(path):
    """(name, line) of everything a file imports, wherever in the file: as absolute dotted names."""
    module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: package.count(".") + 2 - node.level]
                base = ".".join([*above, *filter(None, [base])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield (name if name in MODULES or not base.startswith("convkit") else base), node.lineno


def room(module):
    """The row's name a module stands in."""
    return module.split(".")[1] if "." in module else "convkit"


def test_the_reader_of_imports_sees_them():
    seen = {name for path in FILES for name, _ in imported(path)}
    assert {"numpy", "convkit._core.boundary", "convkit.kernels"} & seen
    assert len(seen) > 20


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_every_module_has_a_floor(path):
    assert room(module_of(path)) in HEIGHT


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_point_down(path):
    here = room(module_of(path))
    up = [
        f"line {line}: {here} imports {name}"
        for name, line in imported(path)
        if name.split(".")[0] == "convkit" and room(name) != here and HEIGHT[room(name)] >= HEIGHT[here]
    ]
    assert not up, "; ".join(up)


def test_no_module_imports_itself_through_others():
    graph = {}
    for module, path in MODULES.items():
        if module != "convkit":
            names = (n for n, _ in imported(path) if n.startswith("convkit.") and n != module)
            graph[module] = set(names)
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", [p for p in FILES if room(module_of(p)) != "bench"], ids=module_of)
def test_peers_do_no_work_here(path):
    # On a device CuPy's transforms are what scipy.fft is on the CPU.
    allowed = ("cupy",) if module_of(path) == "convkit.engines.cuda.fourier" else ()
    bad = [name for name, _ in imported(path) if name.startswith(tuple(PEERS)) and name not in allowed]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in PEERS:
            bad.append(ast.unparse(node))
    assert not bad


def test_cuda_is_imported_in_one_file():
    found = {module_of(path) for path in FILES for name, _ in imported(path)
             if name.startswith(("numba.cuda", "numba_cuda", "cuda.")) or name == "cuda"}
    assert found == {"convkit._core.gpu"}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_file_is_not_two(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def fresh(code):
    """What a new interpreter prints, read as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


LOADED = "import sys, json; import convkit{then}; print(json.dumps([n for n in sys.modules if n.split('.')[0] in {names}]))"


def test_import_loads_nothing_heavy():
    assert fresh(LOADED.format(then="", names=HEAVY)) == []
    listed = fresh(LOADED.format(then="; dir(convkit); convkit.__all__; convkit.__version__", names=HEAVY))
    assert listed == []


def test_submodules_load_on_first_use():
    code = (
        "import sys, json, convkit; names = ['convkit.padding', 'convkit.convolution'];"
        "before = [n in sys.modules for n in names]; convkit.padding.pad([1.0], 1); convkit.convolution.convolve;"
        "print(json.dumps([before, [n in sys.modules for n in names]]))"
    )
    assert fresh(code) == [[False, False], [True, True]]


def test_padding_and_planning_need_no_compiler():
    then = "; convkit.pad([1.0, 2.0], 1)"
    assert fresh(LOADED.format(then=then, names=("numba", "matplotlib"))) == []


def test_the_face():
    for name in convkit.__all__:
        assert getattr(convkit, name) is not None
        assert name in dir(convkit)
    assert convkit.convolve is importlib.import_module("convkit.convolution").convolve
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = convkit.no_such_name


@pytest.mark.parametrize("name", [n for n in convkit.__all__ if n.islower() and not n.startswith("_")])
def test_examples_in_docstrings_run(name):
    thing = getattr(convkit, name)
    found = doctest.DocTestFinder(recurse=False).find(thing, name, globs={})
    assert sum(len(test.examples) for test in found), f"{name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in found:
        said = []
        assert runner.run(test, out=said.append).failed == 0, "".join(said)


def test_typed():
    assert (ROOT / "py.typed").exists()
