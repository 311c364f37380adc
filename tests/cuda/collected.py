"""The tests of all files ``twins*.py``, for the simulator and for a device."""

import importlib
from pathlib import Path
from types import FunctionType


def collected():
    """Tests by names that tell their files, for several have one name; and what their fixtures are called."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("twins*.py")):
        module = importlib.import_module(f"tests.cuda.{path.stem}")
        assert not hasattr(module, "pytestmark"), f"{path.name} marks all its tests, which is lost here"
        for name, value in vars(module).items():
            if isinstance(value, FunctionType) and name.startswith("test_"):
                if value.__module__ == module.__name__:
                    found[f"test_{path.stem}__{name.removeprefix('test_')}"] = value
            elif type(value).__name__ == "FixtureFunctionDefinition":
                assert found.setdefault(name, value) is value, f"two fixtures of the twins are called {name}"
    return found
