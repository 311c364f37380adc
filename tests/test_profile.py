"""The profile of the cost model: where it is looked for, what is refused, and how its constants are found."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

import convkit
from convkit.planning import calibrate, profile
from convkit.planning.profile import SHIPPED, Profile


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine of its own: no variable, and an empty cache directory."""
    monkeypatch.delenv(profile.VARIABLE)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *names, **more: str(tmp_path / "cache"))
    profile.active.cache_clear()
    yield tmp_path
    profile.active.cache_clear()


def constants(p):
    return asdict(p)


OTHER = replace(SHIPPED, call=1e-3, output=(1e-9, 2e-9, 3e-9))


def test_the_suite_uses_the_shipped_profile():
    assert os.environ[profile.VARIABLE] == "shipped"
    assert profile.active() is SHIPPED


def test_nothing_measured_means_shipped(home):
    assert profile.active() is SHIPPED
    assert "convkit tune" in profile.load()[1]


def test_what_is_stored_is_found_and_can_be_overruled(home, monkeypatch):
    path = profile.store(OTHER, {"points": 3})
    assert path == profile.default_path()
    assert constants(profile.active()) == constants(OTHER)
    assert profile.load()[1] == str(path)
    monkeypatch.setenv(profile.VARIABLE, "shipped")
    profile.active.cache_clear()
    assert profile.active() is SHIPPED
    elsewhere = profile.store(replace(OTHER, tile=7e-6), {}, home / "elsewhere.json")
    monkeypatch.setenv(profile.VARIABLE, str(elsewhere))
    profile.active.cache_clear()
    assert profile.active().tile == 7e-6
    assert sorted(p.name for p in home.iterdir()) == ["cache", "elsewhere.json"]


def test_a_profile_decides(home):
    shape, taps = (512, 512), (7, 7)
    assert convkit.choose_method(shape, taps).method == "direct"
    profile.store(replace(SHIPPED, operation=1e-9), {})
    assert convkit.choose_method(shape, taps).method == "direct", "read once per process"
    profile.active.cache_clear()
    assert convkit.choose_method(shape, taps).method == "fft"


def test_another_machine_is_passed_over_unless_it_is_named(home, monkeypatch):
    path = profile.store(OTHER, {})
    document = json.loads(path.read_text())
    document["machine"]["processor"] = "another one"
    path.write_text(json.dumps(document))
    with pytest.warns(RuntimeWarning, match="another machine") as said:
        assert profile.active() is SHIPPED
    assert len(said) == 1
    assert "\n" not in str(said[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert profile.active() is SHIPPED, "said once"
    monkeypatch.setenv(profile.VARIABLE, str(path))
    profile.active.cache_clear()
    assert constants(profile.active()) == constants(OTHER)


def edited(**changes):
    document = json.loads(profile.to_json(OTHER, {"processor": "p", "vector_bits": 0}, {}))
    for name, value in changes.items():
        target = document if name in document else document["constants"]
        if value is None:
            del target[name]
        else:
            target[name] = value
    return json.dumps(document)


BROKEN = {
    "empty": "", "no json": "{", "a list": "[]", "no constants": edited(constants=None), "old format": edited(format=0),
    "missing": edited(tile=None), "negative": edited(tile=-1.0), "nan": edited(tile=math.nan), "huge": edited(tile=10**400),
    "text": edited(tile="1"), "bool": edited(tile=True), "short": edited(output=[1e-9, 1e-9]), "flat": edited(output=1e-9),
    "nested": edited(output=[1e-9, [1e-9], 1e-9]), "free": edited(operation=0), "listed": edited(call=[1e-6]),
}  # fmt: skip


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_passed_over(text, home, monkeypatch):
    with pytest.raises(ValueError):
        profile.from_json(text)
    path = profile.default_path()
    path.parent.mkdir()
    path.write_text(text)
    with pytest.warns(RuntimeWarning, match="not used") as said:
        assert profile.load()[0] is SHIPPED
    assert len(said) == 1
    assert "\n" not in str(said[0].message)
    monkeypatch.setenv(profile.VARIABLE, str(path))
    with pytest.warns(RuntimeWarning, match="not used"):
        assert profile.load()[0] is SHIPPED


@pytest.mark.parametrize("what", ["missing", "directory", "binary"])
def test_neither_does_an_unreadable_one_stop_a_call(what, home, monkeypatch):
    path = home / "named"
    if what == "directory":
        path.mkdir()
    elif what == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv(profile.VARIABLE, str(path))
    x, w = np.ones((70, 71)), np.ones((3, 5))
    with pytest.warns(RuntimeWarning, match="named"):
        assert convkit.choose_method(x, w).method == "direct"
    assert convkit.convolve(x, w)[5, 5] == 15


def test_zero_is_a_cost_like_another():
    free = replace(SHIPPED, memory=0.0, call=0.0)
    read, rest = profile.from_json(profile.to_json(free, {"processor": "p", "vector_bits": 256}, {"points": 1}))
    assert constants(read) == constants(free)
    assert rest["machine"] == {"processor": "p", "vector_bits": 256}
    assert rest["measured"] == {"points": 1}


def test_planning_by_shapes_loads_no_compiler(tmp_path):
    code = "import sys, convkit; convkit.choose_method((64, 64), (9, 9)); print('numba' in sys.modules)"
    environment = {**os.environ, profile.VARIABLE: "", "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["False"]


# --- calibration ------------------------------------------------------------------------------------------------------
def random_profile(rng):
    """Some other machine: every constant off by up to a factor of 3."""
    def off(value):
        return value * math.exp(rng.uniform(-1, 1))

    return Profile(**{f.name: tuple(map(off, v)) if isinstance(v := getattr(SHIPPED, f.name), tuple) else off(v)
                      for f in fields(Profile)})  # fmt: skip


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_fit_finds_the_machine_that_made_the_times(noise, rng):
    truth = random_profile(rng)
    found = SHIPPED
    for names, points in calibrate.GROUPS:
        exact = [calibrate.predicted(p, truth, SHIPPED) for p in points]
        seconds = [s * math.exp(noise * rng.standard_normal()) for s in exact]
        if noise:
            seconds[1] *= 20  # another process took the processor
        found = calibrate.fit(found, names, points, seconds, SHIPPED)
        off = calibrate.typical_error(points, exact, found, SHIPPED)
        assert off < 1.03 + noise, names
    held = [calibrate.predicted(p, truth, SHIPPED) for p in calibrate.HELD_OUT]
    before = calibrate.typical_error(calibrate.HELD_OUT, held, SHIPPED, SHIPPED)
    after = calibrate.typical_error(calibrate.HELD_OUT, held, found, SHIPPED)
    assert after < 1.05 + noise
    assert after < before
    assert profile.from_json(profile.to_json(found, {}, {}))[0].call == found.call


def test_every_constant_is_fitted_once():
    named = [name for names, _ in calibrate.GROUPS for name in names]
    assert sorted(named) == sorted(f.name for f in fields(Profile))
    points = {p for _, group in calibrate.GROUPS for p in group}
    assert not points & set(calibrate.HELD_OUT)


def test_the_error_is_a_factor():
    points = calibrate.HELD_OUT[:2]
    exact = [calibrate.predicted(p, SHIPPED) for p in points]
    assert calibrate.typical_error(points, exact, SHIPPED, SHIPPED) == pytest.approx(1)
    assert calibrate.typical_error(points, [exact[0] * 2, exact[1] / 2], SHIPPED, SHIPPED) == pytest.approx(2)


@pytest.mark.parametrize("point", [
    calibrate.Point("direct", (40, 50), (3, 5)), calibrate.Point("direct", (300,), (31,), "D"),
    calibrate.Point("separable", (40, 50), (9, 11), rank=2), calibrate.Point("separable", (12, 13, 14), (3, 3, 3), "d"),
    calibrate.Point("fft", (90, 90), (9, 9), "f", (48, 48)), calibrate.Point("fft", (400,), (9,), "F", (100,)),
    calibrate.Point("fft", (60, 60), (9, 9)), calibrate.Point("direct", (60, 60), (3, 3), "q"),
])  # fmt: skip
def test_points_are_calls_of_the_named_method(point):
    called = []

    def spy(x, w, **options):
        called.append((options["method"], options["workers"]))
        return convkit.convolve(x, w, **options)

    result = calibrate.prepared(point, spy)()
    assert called == ([] if point.tile else [(point.method, 1)])
    if result is not None:
        assert (result.shape, result.dtype) == (point.shape, np.dtype(point.char))
    assert calibrate.predicted(point, SHIPPED) > 0


def test_integers_that_no_float_holds_are_summed_as_integers(monkeypatch):
    from convkit.planning import choose

    seen = []
    usual = choose._fastest
    monkeypatch.setattr(choose, "_fastest", lambda w, work, *rest: seen.append(work.char) or usual(w, work, *rest))
    choose._plans.clear()
    calibrate.prepared(calibrate.Point("direct", (61, 60), (3, 3), "q"), convkit.convolve)()
    assert seen == ["q"]


def test_calibrate_end_to_end(monkeypatch):
    small = [(names, [p for p in points if math.prod(p.shape) <= 70_000][:3]) for names, points in calibrate.GROUPS]
    monkeypatch.setattr(calibrate, "GROUPS", tuple((n, p) for n, p in small if p))
    monkeypatch.setattr(calibrate, "HELD_OUT", [calibrate.Point("direct", (64, 64), (5, 5))])
    said = []
    found = calibrate.calibrate(convkit.convolve, advance=said.append, budget=0.0)
    assert len(said) <= calibrate.steps()
    assert found.rounds == calibrate.ROUNDS[0]
    assert found.points == sum(len(p) for _, p in calibrate.GROUPS) + 1
    assert min(found.error_before, found.error_after, found.error_fitted) >= 1
    assert found.error_fitted < 10
    read, _ = profile.from_json(profile.to_json(found.profile, {}, {}))
    assert constants(read) == constants(found.profile)
    rows = calibrate.changes(SHIPPED, found.profile)
    assert {"call", "output[2]"} <= {name for name, _, _ in rows}
    assert any(a != b for _, a, b in rows)
