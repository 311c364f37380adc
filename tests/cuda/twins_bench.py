"""``convkit bench --device cuda`` from the options to the JSON, by a clock that counts."""

import itertools
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from convkit._core import gpu
from convkit.bench import Case, device
from convkit.bench.contest import Clock
from convkit.bench.device import DeviceRoof
from convkit.bench.task import Contender
from convkit.cli import app
from tests.cuda.twins import sent


class Counting(Clock):
    """Every call takes 0.1 s, and three times as long if it is a rival's; results are fetched as those of a device."""

    fetched = device.EventClock.fetched

    def timed(self, call, count=1):
        return (0.3 if getattr(call, "rival", False) else 0.1), call()


def rival(task, buffers):
    """scipy, taking the buffers of the device in turn."""
    import scipy.ndimage

    turns = itertools.cycle(buffers)

    def call():
        return sent(scipy.ndimage.convolve(next(turns).copy_to_host(), task.weights, mode="constant"))

    call.rival = True
    return [Contender("scipy on a device", call)]


def bench(tmp_path, *arguments):
    return CliRunner().invoke(app, ["bench", "--device", *arguments, "--plot", str(tmp_path / "p.png")])


def test_a_whole_run(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "EventClock", Counting)
    monkeypatch.setattr(device, "DEVICE_RIVALS", {"cupyx.ndimage": rival, "torch": lambda task, buffers: []})
    monkeypatch.setattr(device, "DEVICE_GROUPS", {"scipy": ("cupyx.ndimage",), "numpy": ("torch",)})
    monkeypatch.setattr(gpu, "described", lambda: ("a certain device", 2, 1 << 10))
    sizes = ["--dims", "2", "--sizes", "6", "--kernels", "3", "--repeats", "2"]
    result = bench(tmp_path, "cuda", *sizes, "--json", str(tmp_path / "n.json"))
    assert result.exit_code == 0, result.output
    for words in ("2-D: camera, 6 x 6", "gaussian 3x3", "disk 3x3", "direct", "separable", "FFT", "copy", "fma", "3.0x",
                  "Roof of a certain device", "Numbers: ", "n.json", "Picture: "):
        assert words in result.stdout, words
    found = json.loads((tmp_path / "n.json").read_text())
    assert found["options"]["device"] == "cuda"
    assert found["options"]["rivals"] == ["cupyx.ndimage", "torch"]
    assert {"cupy", "numba-cuda", "numba"} <= set(found["versions"])
    assert found["roof"]["device"] == "a certain device"
    assert found["roof"]["memory"] > 0
    assert [(cell["kind"], cell["taps"]) for cell in found["cells"]] == [("gaussian", 3), ("disk", 3)]
    for cell in found["cells"]:
        names = {"direct", "fft", "separable"} if cell["kind"] == "gaussian" else {"direct", "fft"}
        assert names | {"cupyx.ndimage"} == set(cell["times"])
        assert {timing["rounds"] for timing in cell["times"].values()} == {2}
        assert cell["variants"] == {"cupyx.ndimage": "scipy on a device"}
        assert set(cell["roof"]) == names
        assert cell["roof"]["direct"]["copy"] == pytest.approx(2 * 36 * 4 / found["roof"]["memory"] / 0.1)
        assert cell["skipped"]["torch"] == "-"
        assert cell["agreement"] < 1


def test_calls_walk_through_more_than_the_cache_holds(monkeypatch):
    met = []
    monkeypatch.setattr(device, "METHODS", ("direct",))
    monkeypatch.setattr(device, "DEVICE_RIVALS", {"one": lambda task, buffers: met.append(buffers) or rival(task, buffers)})
    for cache, copies in ((1, 2), (9 * 9 * 4 * 5, 10)):
        roof = DeviceRoof("a device", 1, cache, "float32", 1e12, 1e11)
        assert not device.measure_on_device(Case(2, 9, 3), roof, Counting(), rivals=["one"], repeats=1).failed
        assert len({id(x) for x in met.pop()}) == copies


def test_a_wrong_result_is_told(tmp_path, monkeypatch):
    def wrong(task, buffers):
        return [Contender("wrong", lambda: sent(2 * buffers[0].copy_to_host()))]

    monkeypatch.setattr(device, "EventClock", Counting)
    monkeypatch.setattr(device, "DEVICE_RIVALS", {"wrong": wrong})
    monkeypatch.setattr(device, "DEVICE_GROUPS", {"numpy": ("wrong",)})
    result = bench(tmp_path, "cuda", "--dims", "1", "--sizes", "16", "--kernels", "3", "--repeats", "1")
    assert result.exit_code == 1
    assert "WRONG" in result.stdout


def test_rivals_are_called_before_they_are_timed_and_left_out_where_they_fail(monkeypatch):
    order = []

    class Told(Counting):
        def timed(self, call, count=1):
            order.append("timed")
            return super().timed(call, count)

    def fails():
        raise MemoryError("no room")

    def compiling(task, buffers):
        [contender] = rival(task, buffers)
        return [replace(contender, call=lambda: order.append("called") or contender.call()), Contender("fails", fails)]

    monkeypatch.setattr(device, "DEVICE_RIVALS", {"one": compiling, "two": lambda task, buffers: [Contender("fails", fails)]})
    roof = DeviceRoof("a device", 1, 1, "float32", 1e12, 1e11)
    cell = device.measure_on_device(Case(2, 9, 3), roof, Told(), rivals=["one", "two"], repeats=1, methods=("direct",))
    assert order[0] == "called"
    assert {"direct", "one"} == set(cell.times)
    assert cell.skipped["two"] == "MemoryError"


def test_the_targets_are_checked_at_once(tmp_path, monkeypatch, capsys):
    from benchmarks import device as targets

    monkeypatch.setattr(device, "EventClock", Counting)
    monkeypatch.setattr(device, "DEVICE_RIVALS", {"cupyx.ndimage": rival})
    monkeypatch.setattr(targets, "choose_rivals", lambda words, groups: (("cupyx.ndimage",), ["torch"]))
    chosen = targets.Target("direct", 3, "fma", 1e-12), targets.Target("separable", 5, "copy", 9.0)
    monkeypatch.setattr(targets, "TARGETS", chosen)
    assert targets.main(["--size", "9", "--budget", "0.1", "--json", str(tmp_path / "d.json")]) == 1
    shown = capsys.readouterr().out
    for words in ("Roof of", "torch is not installed", "direct 3x3, of fma", "separable 5x5, of copy", "MISSED", "not measured",
                  "3.0x"):
        assert words in shown, words
    found = json.loads((tmp_path / "d.json").read_text())
    verdicts = ["reached", "reached", "not measured", "MISSED", "reached", "not measured"]
    assert [line["verdict"] for line in found["targets"]] == verdicts
    assert [(cell["kind"], cell["taps"]) for cell in found["cells"]] == [("disk", 3), ("gaussian", 5)]
    assert all(len(cell["times"]) == 2 for cell in found["cells"])


@pytest.mark.filterwarnings("ignore:Simulator timings are bogus:UserWarning")
def test_events_time_calls():
    """The simulator has events, but no time that means anything."""
    made = []
    _, last = device.EventClock().timed(lambda: made.append(1) or len(made), 3)
    assert last == len(made) == 3


