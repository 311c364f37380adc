"""Pictures that compare ways of training: that what is drawn is what was given."""

import doctest

import numpy as np
import pytest

from convkit import plots
from convkit.plots import learning


def test_the_example_in_the_docstring_runs():
    assert plots.scores is learning.scores
    (test,) = doctest.DocTestFinder(recurse=False).find(plots.scores, "scores", globs={})
    assert doctest.DocTestRunner().run(test).failed == 0


GROUPS = {"50 images": {"scratch": [0.2, 0.4], "head": [0.6, 0.7, 0.8]}, "500 images": {"head": 0.9, "all": [0.95, 0.97]}}


def test_every_run_is_a_mark_and_every_mean_a_line():
    axes = plots.scores(GROUPS).axes[0]
    given = [np.ravel(runs) for group in GROUPS.values() for runs in group.values()]
    assert [line.get_ydata().tolist() for line in axes.lines] == [runs.tolist() for runs in given]
    bars = [bar.get_segments()[0] for bar in axes.collections]
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[runs.mean()] * 2 for runs in given])
    for line, bar in zip(axes.lines, bars, strict=True):  # the marks stand around the middle of their line, within it
        assert np.mean(line.get_xdata()) == pytest.approx(bar[:, 0].mean())
        assert bar[0, 0] < line.get_xdata().min() <= line.get_xdata().max() < bar[1, 0]
    assert (np.diff([bar[:, 0] for bar in bars], axis=0) > 0.3).all()  # from left to right, apart
    assert [round(bar[:, 0].mean()) for bar in bars] == [0, 0, 1, 1]  # at their groups


def test_a_way_looks_the_same_in_all_groups_and_is_named_once():
    axes = plots.scores(GROUPS).axes[0]
    looks = [(line.get_color(), line.get_marker()) for line in axes.lines]
    assert looks[1] == looks[2]
    assert len({colour for colour, _ in looks}) == len({mark for _, mark in looks}) == 3
    assert [bar.get_color()[0].tolist() for bar in axes.collections][1] == axes.collections[2].get_color()[0].tolist()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["scratch", "head", "all"]
    assert [text.get_text() for text in axes.get_xticklabels()] == list(GROUPS)


def test_numbers_are_in_percent_unless_they_are_none():
    share, seconds = plots.scores(GROUPS).axes[0], plots.scores(GROUPS, label="seconds", percent=False).axes[0]
    assert share.yaxis.get_major_formatter()(0.5) == "50%"
    assert "%" not in seconds.yaxis.get_major_formatter()(0.5)
    assert (share.get_ylabel(), seconds.get_ylabel()) == ("accuracy", "seconds")


def test_it_draws_where_it_is_told():
    from matplotlib.figure import Figure

    figure = Figure()
    assert plots.scores(GROUPS, figure=figure) is figure
    assert len(figure.axes) == 1


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="groups has 0 ways; give from 1 to 6"):
        plots.scores({})
    with pytest.raises(ValueError, match="groups has 7 ways"):
        plots.scores({"all": {str(i): [1] for i in range(7)}})
    with pytest.raises(ValueError, match="'b' of 'all' has no runs"):
        plots.scores({"all": {"a": [1], "b": []}})
