"""``convkit tune``: what it stores, shows and forgets."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from convkit.cli import app
from convkit.planning import calibrate, profile
from convkit.planning.profile import SHIPPED


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty cache directory, and a calibration of few calls."""
    monkeypatch.delenv(profile.VARIABLE)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *names, **more: str(tmp_path / "cache"))
    few = tuple((names, points[:1]) for names, points in calibrate.GROUPS if "slower" not in names and "double" not in names)
    monkeypatch.setattr(calibrate, "GROUPS", few)
    monkeypatch.setattr(calibrate, "HELD_OUT", calibrate.HELD_OUT[:2])
    monkeypatch.setattr(calibrate, "BUDGET", 0.0)
    profile.active.cache_clear()
    yield tmp_path
    profile.active.cache_clear()


def invoke(*arguments):
    return CliRunner().invoke(app, ["tune", *map(str, arguments)])


def words(result):
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_what_is_measured_is_stored_shown_and_forgotten(home):
    assert "shipped" in words(invoke("--show"))
    told = words(invoke())
    path = profile.default_path()
    assert f"Profile: {path}" in told
    assert "before: " in told
    document = json.loads(path.read_text())
    assert document["machine"] == profile.machine_key()
    assert document["measured"]["rounds"] >= 3
    assert document["measured"]["error"] >= 1
    profile.active.cache_clear()
    assert profile.active().call == document["constants"]["call"] != SHIPPED.call
    assert str(path) in words(invoke("--show"))
    assert f"Forgotten: {path}" in words(invoke("--reset"))
    assert not path.exists()
    assert "Nothing to forget" in words(invoke("--reset"))
    assert [p.name for p in path.parent.iterdir()] == []


def test_output_goes_where_it_is_asked_to(home, monkeypatch):
    target = home / "mine.json"
    told = words(invoke("--output", target))
    assert f"{profile.VARIABLE}={target}" in told
    assert not profile.default_path().exists()
    monkeypatch.setenv(profile.VARIABLE, str(target))
    assert str(target) in words(invoke("--show"))


def test_a_profile_that_is_overruled_says_so(home, monkeypatch):
    monkeypatch.setenv(profile.VARIABLE, "shipped")
    assert f"not used while {profile.VARIABLE}=shipped" in words(invoke())


@pytest.mark.parametrize("arguments", [("--show", "--reset"), ("--reset", "--output", "x.json"), ("--output", "no/such/x"),
                                       ("--output", "."), ("--bogus",)])  # fmt: skip
def test_wrong_options_are_told_in_one_line(arguments, home, monkeypatch):
    monkeypatch.chdir(home)
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert arguments[0] in result.stderr
    assert not profile.default_path().exists()


def test_a_place_that_cannot_be_written_is_told(home):
    (home / "cache").write_text("")
    result = invoke()
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "cache" in result.stderr
