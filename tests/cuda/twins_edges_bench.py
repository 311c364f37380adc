"""``python -m benchmarks.device_edges`` from the options to the JSON, by a clock that counts and with rivals that stand in."""

import importlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from convkit._core import gpu
from convkit.bench import device
from convkit.bench.contest import Clock
from tests.cuda.twins import sent

ROOT = Path(__file__).resolve().parent.parent.parent


class Counting(Clock):
    """Every call takes 0.1 s, and three times as long if it is a rival's; results are fetched as those of a device."""

    fetched = device.EventClock.fetched

    def timed(self, call, count=1):
        return (0.3 if getattr(call, "rival", False) else 0.1), call()


def rival(function):
    """A function of NumPy, taking the buffers of the device in turn."""

    def make(buffers):
        turns = itertools.cycle(buffers)

        def call():
            return sent(function(next(turns).copy_to_host()))

        call.rival = True
        return call

    return make


def magnitude(x):
    from scipy import ndimage

    return np.hypot(ndimage.sobel(x, 0, mode="mirror"), ndimage.sobel(x, 1, mode="mirror"))


def loaded(monkeypatch, **rivals):
    monkeypatch.syspath_prepend(ROOT)
    bench = importlib.import_module("benchmarks.device_edges")
    monkeypatch.setattr(device, "EventClock", Counting)
    monkeypatch.setattr(gpu, "described", lambda: ("a certain device", 2, 1 << 10))
    names = {"sobel": "sobel", "skimage": "sobel of scikit-image", "canny": "canny"}
    monkeypatch.setattr(bench, "RIVALS", {long: rivals.get(short, {}) for short, long in names.items()})
    return bench


def test_edges_are_measured_beside_those_of_rivals(tmp_path, monkeypatch, capsys):
    from convkit import edges

    bench = loaded(monkeypatch, sobel={"scipy": ("scipy", rival(magnitude)), "none": ("no_such_library", None)},
                   skimage={"scipy": ("scipy", rival(lambda x: magnitude(x) / np.float32(4 * 2**0.5)))},
                   canny={"numpy": ("numpy", rival(lambda x: edges.canny(x, bench.SIGMA, bench.LOW, bench.HIGH)))})
    assert bench.main(["--size", "7", "--json", str(tmp_path / "n.json"), "--budget", "1e-9"]) == 0
    said = capsys.readouterr().out
    for words in ("sobel ", "sobel of scikit-image", "canny ", "7x7 float32", "3.0x scipy", "3.0x numpy",
                  "100.00% of pixels as numpy", "Roof of a certain device", "n.json"):
        assert words in said, words
    found = json.loads((tmp_path / "n.json").read_text())
    assert [cell["what"] for cell in found["cells"]] == ["sobel", "sobel of scikit-image", "canny"]
    assert found["cells"][0]["values"] == {"scipy": pytest.approx(3)}
    assert all(cell["copy"] > 0 for cell in found["cells"])
    assert {"cupy", "cucim-cu12", "numba-cuda"} <= set(found["versions"])


def test_other_results_are_not_timed(monkeypatch, capsys):
    bench = loaded(monkeypatch, sobel={"scipy": ("scipy", rival(lambda x: magnitude(x) + np.float32(1)))},
                   canny={"numpy": ("numpy", rival(lambda x: np.ones(x.shape, bool)))})
    assert bench.main(["--size", "6", "--budget", "1e-9"]) == 1
    said = capsys.readouterr().out
    assert "WRONG: convkit and scipy differ" in said
    assert "of the pixels are those of numpy" in said
    assert "no rival is installed" in said


def test_a_device_is_asked_for_in_words(monkeypatch, capsys):
    bench = loaded(monkeypatch)

    def missing():
        raise RuntimeError("no CUDA device can be used")

    monkeypatch.setattr(gpu, "require", missing)
    with pytest.raises(SystemExit) as stop:
        bench.main(["--size", "6"])
    assert stop.value.code == 2
    assert "no CUDA device can be used" in capsys.readouterr().err
