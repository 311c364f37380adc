"""``python -m benchmarks.device_training`` from its options to the JSON, of a tiny network."""

import json
from pathlib import Path

import pytest

from convkit import nn
from convkit._core import gpu


def tiny():
    """In float64, for which the other tests have compiled the CPU's kernels."""
    layers = nn.Conv2d(3, 1, 3), nn.BatchNorm2d(1), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(), nn.Linear(1, 10)
    return nn.Sequential(*layers).double()


@pytest.fixture
def command(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2])
    from benchmarks import device_training

    monkeypatch.setattr(device_training, "CASES", {"tiny": device_training.Case(tiny, 4, 2, 0.1, 4, 1)})
    return device_training


def test_curves_of_both_places_stand_side_by_side(command, tmp_path, capsys):
    file = tmp_path / "found.json"
    assert command.main(["--json", str(file), "--seed", "3"]) == 0
    found = json.loads(file.read_text())
    here, there = (found["cells"][f"tiny, convkit {place}"] for place in ("cpu", "cuda"))
    assert len(there["losses"]) == 4
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-9)
    assert there["test_accuracy"] == here["test_accuracy"]
    assert min(here["steps_per_second"], there["steps_per_second"]) > 0
    assert found["options"] == {"quick": False, "images": "drawn", "seed": 3, "cases": {"tiny": [2, 0.1, 4, 1]}}
    said = capsys.readouterr().out
    for words in ("tiny, batches of 2", "convkit cpu", "convkit cuda", "steps a second", "differ from those on the CPU by 0.0"):
        assert words in said, words
    assert command.main(["--json", str(file), "--seed", "3"]) == 0
    assert "there already" in capsys.readouterr().out


def test_without_a_device_it_says_so(command, monkeypatch, capsys):
    gpu.require.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(gpu.cuda, "is_available", lambda: False)
        assert command.main([]) == 1
    gpu.require.cache_clear()
    assert capsys.readouterr().err.startswith("device_training: no CUDA device can be used")
