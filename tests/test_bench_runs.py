"""The commands for training runs: what is written down when, what is gone on with, and the networks they train."""

import argparse
import base64
import importlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from convkit import nn

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def options(file, quick=False, again=False):
    return argparse.Namespace(json=file, quick=quick, again=again)


@pytest.fixture
def recorded(load, tmp_path):
    """Run cells "a", "b", ... of which each gives how many there were before it, and log which were run."""
    runs, log = load("_runs"), []
    file = tmp_path / "new" / "found.json"

    def record(keys, breaks="", target=file, steps=1, **more):
        def run(key, done):
            if key == breaks:
                raise KeyboardInterrupt
            log.append(key)
            return {"before": len(done)}

        cells = [runs.Cell(key, lambda done, key=key: run(key, done)) for key in keys]
        return runs.record("area", cells, options(target, **more), steps=steps)

    return argparse.Namespace(record=record, log=log, file=file, read=lambda: json.loads(file.read_text())["cells"])


def test_every_cell_is_written_down_at_once_and_a_broken_run_is_gone_on_with(recorded):
    with pytest.raises(KeyboardInterrupt):
        recorded.record("abc", breaks="b")
    assert list(recorded.read()) == ["a"]
    found = recorded.record("abc")
    assert recorded.log == ["a", "b", "c"]
    assert {key: cell["before"] for key, cell in found["cells"].items()} == {"a": 0, "b": 1, "c": 2}
    assert recorded.read() == found["cells"]
    assert all(cell["wall"] >= 0 for cell in recorded.read().values())
    recorded.record("abcd")  # more seeds are more cells
    assert recorded.log == ["a", "b", "c", "d"]
    with pytest.raises(KeyboardInterrupt):
        recorded.record("ab", breaks="b", again=True)
    assert list(recorded.read()) == ["a", "b", "c", "d"]  # what was recorded stays until all is done
    recorded.record("ab", again=True)
    assert recorded.log == ["a", "b", "c", "d", "a", "b"]
    assert list(recorded.read()) == ["a", "b"]
    assert [file.name for file in recorded.file.parent.iterdir()] == ["found.json"]


def test_a_run_with_other_settings_is_not_mixed_in(recorded):
    recorded.record("a")
    with pytest.raises(SystemExit, match="start anew with --again, or name another file with --json"):
        recorded.record("ab", steps=2)
    with pytest.raises(SystemExit, match="start anew"):
        recorded.record("ab", quick=True)
    assert list(recorded.read()) == ["a"]


def test_a_quick_run_is_written_only_where_it_is_told(recorded, load):
    assert recorded.record("a", target=None, quick=True)["options"] == {"quick": True, "steps": 1}
    assert not recorded.file.exists()
    assert not (load("_runs").RESULTS / "area.json").exists()


def test_plain_and_residual_networks_have_the_same_parameters(load):
    stacked, x = load("learning").stacked, np.zeros((1, 3, 32, 32), np.float32)
    for blocks, layers, count in ((3, 20, 68_050), (9, 56, 214_546)):
        for residual in (False, True):
            model = stacked(blocks, residual)
            kinds = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
            assert (len(kinds), sum(p.numel() for p in model.parameters())) == (layers, count)
            assert sum(isinstance(module, nn.Residual) for module in model.modules()) == residual * 3 * blocks
    assert model(x).shape == (1, 10)


def test_a_probe_finds_classes_that_a_plane_divides(load):
    x = np.random.default_rng(0).normal(0, 0.1, (500, 3, 32, 32)).astype(np.float32)
    y = np.arange(500) % 2
    x[:, 0] += y[:, None, None]
    found = list(load("learning").probes(load("learning").stacked(1, True), (x[:400], y[:400]), (x[400:], y[400:])))
    assert len(found) == 5  # image, first convolution, three blocks
    assert found[0] == 1


def test_a_packed_picture_comes_back(load):
    labels = np.arange(70).reshape(7, 10) * 900
    raw = zlib.decompress(base64.b64decode(load("learning").packed(labels)))
    assert np.array_equal(np.frombuffer(raw, "<u2").reshape(7, 10), labels)


def test_both_libraries_train_the_networks_that_the_commands_name(load):
    sides = load("_sides").sides()
    assert next(iter(sides)) == "convkit"
    for library in sides.values():
        net = load("cifar_tutorial").network(library)
        assert sum(p.numel() for p in net.parameters()) == 62_006
        assert sum(p.numel() for p in load("mnist").network(library, 0, 1)[0].parameters()) == 34_826


def test_the_tutorials_loop_gives_the_mean_of_so_many_steps(load):
    tutorial = load("cifar_tutorial")
    library = tutorial.contestants()["convkit"]
    net, optimizer = tutorial.built(library, 0)
    batches = [(np.random.default_rng(i).normal(size=(4, 3, 32, 32)).astype(np.float32), np.arange(4)) for i in range(7)]
    single = list(tutorial.epoch(library, net, optimizer, batches, 1))
    net, optimizer = tutorial.built(library, 0)
    np.testing.assert_allclose(list(tutorial.epoch(library, net, optimizer, batches, 3)),
                               np.reshape(single[:6], (2, 3)).mean(axis=1), rtol=1e-6)
    other = tutorial.contestants()["sequential"]
    np.testing.assert_allclose(list(other.epoch(other, *tutorial.built(other, 0), batches, 1)), single, rtol=1e-5)
    assert load("_sides").accuracy(library, net, [(x, net(x).detach().numpy().argmax(1)) for x, _ in batches]) == 1


def test_a_run_of_the_command_is_written_down_without_the_place_of_its_images(load, tmp_path):
    from typer.testing import CliRunner

    from convkit.cli import app

    assert CliRunner().invoke(app, ["train", "digits", "--epochs", "1", "--out", str(tmp_path / "run")]).exit_code == 0
    found = load("_runs").written(tmp_path / "run")
    made = json.loads((tmp_path / "run" / "run.json").read_text())
    assert found["settings"] == {"data": "digits", "model": "tiny", "optimizer": "adam", "lr": 0.01, "batch": 64, "epochs": 1,
                                 "validation": 0.1, "seed": 0}
    assert all(found[name] == made[name] for name in found.keys() - {"settings"})
    assert found["parameters"] == 9698
