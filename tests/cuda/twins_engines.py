"""Engines of a device have the names and the arguments of those of the CPU, so that one line of a layer calls either."""

import importlib
import inspect
from pathlib import Path

import pytest

# Modules whose public functions and classes all have to agree: layers and tapes call either by one line. Names that the CPU's
# alone have stand here.
HOST_ALONE = {
    "activation": set(), "channels": set(), "crossings": set(), "dense": set(), "normalize": set(), "update": set(),
    # What a device computes in its kernels, and NumPy on the CPU.
    "loss": {"by_rows", "reduced", "scaled", "share"},
    # How planes are shared out among threads.
    "pool": {"each_plane"},
}  # fmt: skip
# Modules that are called by what belongs to one place (as `convolution/cuda.py`, `edges/cuda.py` and `curvelets/device.py` do):
# names mean the same, and arguments are those that the place needs.
CALLED_APART = {
    "direct": "the CPU's is engines/cpu.py; a grid has no workers, and sums are stored in other dtypes by a kernel",
    "gradient": "a grid has no workers, and writes the derivatives that are wanted alone",
    "pad": "a device may read samples that do not lie in C order",
    "places": "compared as a whole, below",
    "shrink": "limits lie in tables on the device",
    "spectral": "tiles are chosen in the engine, which knows whether CuPy is there",
    "tiles": "roots and orders are found by the kernels; only `Prepared` is of both",
    "trace": "a grid has no workers, and marks are joined by labels rather than walked",
    "wedge": "several transforms lie in one buffer, from a start on",
}


def public(module):
    """Functions and classes that a module has of its own, or of the CPU's."""
    return {name: value for name, value in vars(module).items() if not name.startswith("_") and callable(value)
            and getattr(value, "__module__", "").startswith("convkit.engines.")}


def arguments(function):
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values()]


def methods(kind):
    return {name for name, value in vars(kind).items()
            if inspect.isfunction(value) and (not name.startswith("_") or name in ("__call__", "__init__"))}


@pytest.mark.parametrize("name", HOST_ALONE)
def test_names_and_arguments_are_those_of_the_cpu(name):
    host = importlib.import_module(f"convkit.engines.{name}")
    device = importlib.import_module(f"convkit.engines.cuda.{name}")
    alone = HOST_ALONE[name]
    own = {n: v for n, v in public(host).items() if v.__module__ == host.__name__}
    assert own.keys() - public(device).keys() == alone
    for called, function in own.items():
        if called in alone:
            continue
        twin = getattr(device, called)
        if not inspect.isclass(function):
            assert arguments(twin) == arguments(function), called
            continue
        for method in methods(function):
            assert arguments(getattr(twin, method)) == arguments(getattr(function, method)), f"{called}.{method}"
        assert getattr(twin, "_fields", None) == getattr(function, "_fields", None), called


def test_every_engine_of_both_places_is_compared_or_has_a_reason():
    folders = [Path(importlib.import_module(name).__file__).parent for name in ("convkit.engines", "convkit.engines.cuda")]
    host, device = ({path.stem for path in folder.glob("*.py")} - {"__init__"} for folder in folders)
    assert (host & device) | {"direct"} == HOST_ALONE.keys() | CALLED_APART.keys()


def test_both_places_have_the_same_engines():
    """What layers and tapes ask a place for."""
    from convkit.engines.cuda.places import DEVICE
    from convkit.engines.places import HOST

    own = {name for name in dir(HOST) if not name.startswith("_")}
    assert own == {name for name in dir(DEVICE) if not name.startswith("_")}
    for name in own:
        here, there = getattr(HOST, name), getattr(DEVICE, name)
        assert inspect.ismodule(here) == inspect.ismodule(there), name
        if inspect.ismodule(here):
            assert there.__name__ == here.__name__.replace("engines.", "engines.cuda."), name
            assert here.__name__.rpartition(".")[2] in HOST_ALONE, f"{name}: its names are not compared here"
        elif inspect.isfunction(here):
            assert arguments(there) == arguments(here), name
