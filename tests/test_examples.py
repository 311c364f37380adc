"""Every script in examples/ runs as a user would run it, in this process, and draws its picture."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("plot_*.py"))
OUTPUTS = {"plot_00_first": "first.png"}
WIDE, HIGH, MOST_BYTES = 900, 250, 400_000


@pytest.fixture
def pyplot(monkeypatch):
    """Matplotlib that opens no window, with the settings that a script makes undone afterwards."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    with matplotlib.rc_context():
        yield plt
    plt.close("all")


def execute(script: Path, folder: Path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(script), str(folder)])
    return runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_draws_its_picture(script, pyplot, tmp_path, monkeypatch, capsys):
    from matplotlib.image import imread

    execute(script, tmp_path, monkeypatch)
    assert len(pyplot.get_fignums()) == 1
    assert all(axes.has_data() for axes in pyplot.gcf().axes)
    files = list(tmp_path.iterdir())
    assert [file.name for file in files] == [OUTPUTS.get(script.stem, f"{script.stem}.png")]
    assert str(files[0]) in capsys.readouterr().out
    assert files[0].stat().st_size < MOST_BYTES
    picture = imread(files[0])
    assert picture.shape[1] >= WIDE
    assert picture.shape[0] >= HIGH
    gray = picture[..., :3].mean(axis=-1)
    quarters = [part for half in np.array_split(gray, 2) for part in np.array_split(half, 2, axis=1)]
    assert all(part.std() > 0.02 for part in quarters)  # drawn on everywhere


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_has_a_title_says_what_it_shows_and_is_short(script):
    text = script.read_text(encoding="utf-8")
    title, rule, blank, *story = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert rule == "=" * len(title)
    assert not blank
    assert len(" ".join(story)) > 150
    assert len(text.splitlines()) <= 80


def test_the_list_is_complete():
    assert [int(script.stem.split("_")[1]) for script in EXAMPLES] == list(range(len(EXAMPLES)))
    assert len(EXAMPLES) == 62


def test_an_example_saves_where_it_stands(pyplot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["plot_05_rank.py"])
    runpy.run_path(str(next(script for script in EXAMPLES if script.stem == "plot_05_rank")), run_name="__main__")
    assert [file.name for file in tmp_path.iterdir()] == ["plot_05_rank.png"]


def test_the_picture_of_the_readme_is_the_one_the_example_draws(pyplot, tmp_path, monkeypatch):
    from PIL import Image

    stored = Path(__file__).parent.parent / "docs" / "images" / "first.png"
    assert stored.stat().st_size < 150_000
    execute(EXAMPLES[0], tmp_path, monkeypatch)
    with Image.open(stored) as old, Image.open(tmp_path / "first.png") as new:
        assert abs(old.width - new.width) <= 40  # fonts differ between machines
        small = [np.asarray(picture.convert("L").resize((100, 28)), float) for picture in (old, new)]
    assert np.abs(small[0] - small[1]).mean() < 12
