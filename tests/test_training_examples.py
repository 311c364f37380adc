"""The notes' loops in ``examples/train_*.py``: they run on small files, print the tutorial's lines, and are short."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.test_cli_train import cifar_files, mnist_files

EXAMPLES = Path(__file__).parent.parent / "examples"
LINE = re.compile(r"\[(\d+), +(\d+)\] loss: (\d+\.\d{3})")


def printed(name, capsys, monkeypatch, *arguments):
    """Losses that a script prints by epoch and step, and its last line."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    text = capsys.readouterr().out
    assert "Finished Training" in text
    return {(int(e), int(s)): float(loss) for e, s, loss in LINE.findall(text)}, text.splitlines()[-1]


def test_digits(capsys, monkeypatch):
    losses, last = printed("train_digits.py", capsys, monkeypatch)
    assert list(losses) == [(epoch, 45) for epoch in range(1, 16)]
    assert losses[15, 45] < 0.3 < losses[1, 45]
    assert float(last.split()[0]) > 95


def test_mnist(capsys, monkeypatch, tmp_path):
    mnist_files(tmp_path / "data", count=400)
    losses, _ = printed("train_mnist.py", capsys, monkeypatch, tmp_path / "data", 3)
    assert list(losses) == [(1, 3)]
    assert losses[1, 3] > 0.5
    losses, _ = printed("train_mnist.py", capsys, monkeypatch, tmp_path / "data")
    assert list(losses) == [(epoch, 4) for epoch in range(1, 13)]
    assert losses[12, 4] < 0.5 * losses[1, 4]


def test_cifar10(capsys, monkeypatch, tmp_path):
    cifar_files(tmp_path / "data", count=160)
    losses, last = printed("train_cifar10.py", capsys, monkeypatch, tmp_path / "data", 200)
    assert list(losses) == [(1, 200), (2, 200)]
    assert losses[2, 200] < losses[1, 200] < 2.4
    assert last.endswith("% of the 160 test images are right")


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("train_*.py")), ids=lambda script: script.stem)
def test_they_are_short_and_the_loop_is_there(script):
    text = script.read_text()
    assert len(text.splitlines()) < 60
    for words in ("optimizer.zero_grad()", "loss.backward()", "optimizer.step()", "running_loss += loss.item()"):
        assert words in text
