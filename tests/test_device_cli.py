"""Commands with ``--device``, as far as they go without one; whole runs are in tests/cuda/twins_cli.py."""

import pytest
from typer.testing import CliRunner

from convkit.cli import app
from tests.interpreter import NO_CUDA, errors_of

WITHOUT = "import sys, numba.cuda; numba.cuda.__file__ = 'of Numba itself'; from convkit.cli import main; sys.argv = {}; main()"


@pytest.mark.parametrize("command", [["warmup"], ["train", "digits"], ["bench"]])
def test_without_the_extra_one_line_names_it(command):
    said = errors_of(WITHOUT.format(["convkit", *command, "--device", "cuda"]))
    assert said.startswith(f"convkit {command[0]}: ")
    assert "needs numba-cuda, which comes with an extra" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("arguments", "words"), [
    (["warmup", "--device", "tpu"], "--device='tpu' is not known; it may be 'cpu', 'cuda'"),
    (["warmup", "--device", "gpu", "--dtypes", "none"], "--device='gpu' is not known"),
])
def test_other_places_are_refused(arguments, words):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_warming_up_the_cpu_imports_no_cuda():
    code = ("import sys; from convkit.cli.warmup import warm, tasks; from rich.console import Console;"
            "warm(['float32'], lambda dtype: list(tasks(dtype))[:1], Console(stderr=True, quiet=True));" + NO_CUDA)
    assert errors_of(code) == ""
