"""Pictures of optimizers: that what is drawn is what was given."""

import doctest

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from convkit import plots
from convkit.optim import surfaces
from convkit.plots import optim as drawing


@pytest.mark.parametrize("name", drawing.__all__)
def test_examples_in_docstrings_run(name):
    assert getattr(plots, name) is getattr(drawing, name)
    found = doctest.DocTestFinder(recurse=False).find(getattr(drawing, name), name, globs={})
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said = []
    for test in found:
        assert runner.run(test, out=said.append).failed == 0, "".join(said)
    assert runner.tries


def named(axes):
    """Lines with a name, by it."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_paths_lie_where_they_went_on_a_loss_that_is_dark_where_it_is_low():
    one = np.array([[3.0, 1.0], [2.0, -0.5], [0.0, 0.25]])
    two = np.stack([one + 0.1, -one, one / 2])
    figure = plots.descent_paths(surfaces.ravine, {"one": one, "two": two}, (-4, 4, -2, 3), points={"least": (0, 0)})
    (axes,) = figure.axes
    lines = named(axes)
    np.testing.assert_array_equal(lines["one"].get_xydata(), one)
    drawn = [line.get_xydata() for line in axes.lines if len(line.get_xydata()) == 3]
    np.testing.assert_array_equal(drawn, [one, *two])
    ends = [tuple(line.get_xydata()[0]) for line in axes.lines if len(line.get_xydata()) == 1]
    assert ends == [tuple(run[i]) for run in (one, *two) for i in (0, -1)] + [(0, 0)]
    assert lines["one"].get_color() != lines["two"].get_color()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
    assert [text.get_text() for text in axes.texts] == ["least"]
    assert (axes.get_xlim(), axes.get_ylim()) == ((-4, 4), (-2, 3))

    (filled,) = axes.collections
    levels, shades = filled.levels, [to_rgb(colour)[0] for colour in filled.get_facecolor()]
    assert shades == sorted(shades)
    grid = np.stack(np.meshgrid(np.linspace(-4, 4, 120), np.linspace(-2, 3, 120)))
    heights = surfaces.ravine(grid)[0]
    share = np.histogram(heights, levels)[0] / heights.size
    np.testing.assert_allclose(share, 1 / (len(levels) - 1), atol=2e-3)
    assert plots.descent_paths(surfaces.ravine, {}, (-1, 1, -1, 1)).axes[0].get_legend() is None


def test_more_paths_than_colours_and_a_given_figure():
    paths = {str(i): np.full((2, 2), i / 10) for i in range(8)}
    figure = plots.descent_paths(surfaces.saddle, paths, (-1, 1, -1, 1))
    assert list(named(figure.axes[0])) == list(paths)
    assert plots.descent_paths(surfaces.saddle, paths, (-1, 1, -1, 1), figure=figure) is figure
    assert plots.loss_curves({"a": [1.0]}, figure=figure) is figure
    assert len(figure.axes) == 3


@pytest.mark.parametrize(("paths", "extent", "match"), [
    ({"a": np.zeros(3)}, (-1, 1, -1, 1), r"path 'a' has shape \(3,\)"),
    ({"a": np.zeros((4, 3))}, (-1, 1, -1, 1), r"path 'a' has shape \(4, 3\)"),
    ({"a": np.zeros((1, 1, 4, 2))}, (-1, 1, -1, 1), "runs, steps"),
    ({}, (1, -1, -1, 1), "must rise"),
    ({}, (-1, 1, 1, 1), "must rise"),
])  # fmt: skip
def test_paths_of_other_shapes_are_refused(paths, extent, match):
    with pytest.raises(ValueError, match=match):
        plots.descent_paths(surfaces.ravine, paths, extent)


def test_curves_are_medians_in_the_range_of_the_runs():
    runs = np.exp(np.random.default_rng(0).normal(size=(5, 40)))
    rates = np.logspace(-4, 0, 40)
    (axes,) = plots.loss_curves({"five": runs, "single": runs[0]}, rates, labels=("rate", "what is lost")).axes
    lines = named(axes)
    np.testing.assert_array_equal(lines["five"].get_ydata(), np.median(runs, axis=0))
    np.testing.assert_array_equal(lines["single"].get_ydata(), runs[0])
    np.testing.assert_array_equal(lines["five"].get_xdata(), rates)
    corners = axes.collections[0].get_paths()[0].vertices
    for at, least, most in zip(rates, runs.min(axis=0), runs.max(axis=0), strict=True):
        band = corners[np.isclose(corners[:, 0], at, rtol=1e-12), 1]
        assert (band.min(), band.max()) == (least, most)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("rate", "what is lost", "log")
    assert axes.collections[0].get_facecolor()[0, :3] == pytest.approx(to_rgb(lines["five"].get_color()))
    (axes,) = plots.loss_curves({"single": runs[0]}).axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), np.arange(40))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss")


@pytest.mark.parametrize(("curves", "at", "match"), [
    ({}, None, "curves is empty"),
    ({"a": [1.0, 2.0]}, [0, 1, 2], r"curve 'a' has losses of shape \(2,\); give 3 of them"),
    ({"a": np.ones((2, 2, 2))}, None, "or \\(runs, 2\\)"),
])  # fmt: skip
def test_curves_of_other_lengths_are_refused(curves, at, match):
    with pytest.raises(ValueError, match=match):
        plots.loss_curves(curves, at)
