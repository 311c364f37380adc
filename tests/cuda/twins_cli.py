"""``convkit train``, ``warmup`` and ``bench --full`` with ``--device cuda``, from their options to what they write."""

import csv
import gzip
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from convkit import nn
from convkit._core import jit
from convkit.bench import Cell, Timing, device
from convkit.bench.cases import FULL
from convkit.bench.device import DeviceRoof
from convkit.cli import app, warmup_device
from convkit.cli import training as runs
from convkit.cli.warmup import read_dtypes
from convkit.training import recipes

SIDE = 28


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """Files of MNIST's form, and a network that the simulator takes a second for."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    for name, count in (("train", 9), ("t10k", 4)):
        labels = rng.permutation(np.arange(count) % 3).astype(np.uint8)
        images = (60 * labels[:, None, None] + rng.integers(0, 40, (count, SIDE, SIDE))).astype(np.uint8)
        with gzip.open(f"{name}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4I", 2051, count, SIDE, SIDE) + images.tobytes())
        with gzip.open(f"{name}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">2I", 2049, count) + labels.tobytes())

    def build(name, channels, size, classes):
        return nn.Sequential(nn.Conv2d(channels, 1, 4, stride=size // 4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(4, classes))

    monkeypatch.setattr(recipes, "build", build)
    monkeypatch.setattr(runs, "draw", lambda *arguments: {})


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def trained(place):
    """What a run prints, and its record, history and weights."""
    said = run("train", "mnist", "--data", ".", "--model", "tutorial", "--batch", 3, "--epochs", 1, "--validation", 0.4,
               "--out", place, "--device", place)
    return said, json.loads(Path(place, "run.json").read_text()), *read(place)


def read(folder):
    with Path(folder, "history.csv").open(newline="") as file:
        return list(csv.DictReader(file)), load_file(Path(folder, "model.safetensors"))


def test_a_run_on_the_device_is_that_on_the_cpu(mnist):
    said, there, history, weights = trained("cuda")
    assert "on the device 'cuda'" in said
    assert "Finished Training" in said
    assert there["device"] == "cuda"
    _, here, rows, want = trained("cpu")
    assert here["device"] == "cpu"
    assert there["per_class"] == here["per_class"]
    assert there["test_loss"] == pytest.approx(here["test_loss"], rel=1e-4)
    assert there["losses"][0] == pytest.approx(here["losses"][0], rel=1e-4)
    assert [float(row["validation_loss"]) for row in history] == pytest.approx([float(r["validation_loss"]) for r in rows],
                                                                               rel=1e-4)
    assert weights.keys() == want.keys()
    for name, value in weights.items():
        np.testing.assert_allclose(value, want[name], rtol=1e-4, atol=1e-6)
    # And goes on from its checkpoint, there again.
    run("train", "mnist", "--out", "cuda", "--resume", "--epochs", 2, "--device", "cuda")
    assert [row["epoch"] for row in read("cuda")[0]] == ["1", "2"]


def test_the_usual_kernels_are_warmed_up(monkeypatch):
    """Every task runs, and kernels of both kinds are counted."""
    met = []
    stats = type("Kernel", (), {"stats": type("Stats", (), {"cache_misses": {1: 1, 2: 1}, "cache_hits": {3: 1}})})
    tasks = warmup_device.tasks

    def noted(dtype):
        for words, task in tasks(dtype):
            yield words, lambda words=words, task=task: (met.append((dtype, words)), jit.DEVICE_KERNELS.append(stats), task())

    monkeypatch.setattr(jit, "DEVICE_KERNELS", [])
    monkeypatch.setattr(warmup_device, "tasks", noted)
    said = run("warmup", "--device", "cuda", "--dtypes", "float32,uint8")
    made, found = map(int, re.search(r"(\d+) compiled, (\d+) found compiled", said).groups())
    assert made >= 2 * len(met) > 0  # more than these on a device
    assert found >= len(met)
    assert {words for dtype, words in met if dtype == "uint8"} == {
        *(f"{dims}-D {kind}" for dims in (1, 2, 3) for kind in ("direct", "passes", "fft")), "filters", "edges"}
    assert ("float32", "networks") in met
    assert read_dtypes("float64", warmup_device.DTYPES) == ["float64"]
    refused = CliRunner().invoke(app, ["warmup", "--device", "cuda", "--dtypes", "int64"])
    assert refused.exit_code == 2
    assert "allowed are float32, float64, uint8" in refused.stderr


def test_the_whole_grid_is_measured_on_a_device_too(tmp_path, monkeypatch):
    """Its cells, and the larger ones that fill a device."""
    met = []

    def measured(case, roof, clock, *, rivals, repeats, budget):
        met.append((case.dims, case.size, case.taps, case.kind, case.dtype, budget))
        return Cell(case, agreement=0.0, times={"direct": Timing.of([0.1])})

    monkeypatch.setattr(device, "measure_on_device", measured)
    monkeypatch.setattr(device, "measure_device_roof", lambda dtype, clock: DeviceRoof("one", 1, 1, dtype, 1e12, 1e11))
    file, plot = tmp_path / "n.json", ("--plot", tmp_path / "p.png")
    run("bench", "--device", "cuda", "--full", "--dims", "1,2", "--kernels", "3,5", "--dtype", "float64", "--json", file, *plot)
    sizes = {dims: {size for d, size, *_ in met if d == dims} for dims in (1, 2)}
    assert sizes == {d: {*FULL[d][0], device.USUAL[d][0]} for d in (1, 2)}
    assert len(met) == 2 * len(sizes[1]) + 4 * len(sizes[2])
    assert {(taps, dtype, budget) for _, _, taps, _, dtype, budget in met} == {(3, "float64", 1.5), (5, "float64", 1.5)}
    assert json.loads(file.read_text())["options"]["full"] is True
    met.clear()
    run("bench", "--device", "cuda", "--full", "--dims", "2", "--sizes", "64", "--kernels", "3", *plot)
    assert met == [(2, 64, 3, kind, "float32", 1.5) for kind in ("gaussian", "disk")]
    met.clear()
    run("bench", "--device", "cuda", "--dims", "2", "--sizes", "64", "--kernels", "3", *plot)
    assert {budget for *_, budget in met} == {0.4}
