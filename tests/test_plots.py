"""The pictures: what is drawn where, and that they can be saved."""

import pytest

from convkit.plots import COLOURS, Panel, crossover, roofline, speedups

LINE = Panel(
    "2-D: camera",
    {"direct": [(3, 1e-3), (9, 9e-3)], "separable": [(3, 2e-3), (9, 3e-3)], "fft": [(3, 8e-3), (9, 8e-3)]},
    [(3, 1e-3), (9, 3e-3)],
)


def points(line):
    return [(round(float(x), 9), round(float(y), 9)) for x, y in zip(*line.get_data(), strict=True)]


def test_each_method_is_a_line_in_milliseconds_and_the_picks_are_circled():
    axes = crossover([LINE]).axes[0]
    lines = {line.get_color(): points(line) for line in axes.lines if line.get_linestyle() == "-"}
    assert lines[COLOURS["direct"]] == [(3, 1.0), (9, 9.0)]
    assert lines[COLOURS["separable"]] == [(3, 2.0), (9, 3.0)]
    assert lines[COLOURS["fft"]] == [(3, 8.0), (9, 8.0)]
    (picks,) = (line for line in axes.lines if line.get_linestyle() == "None")
    assert points(picks) == [(3, 1.0), (9, 3.0)]


def test_axes_are_logarithmic_and_labelled_with_units():
    axes = crossover([LINE]).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "taps per axis" in axes.get_xlabel()
    assert "ms" in axes.get_ylabel()
    assert axes.get_title() == "2-D: camera"
    assert list(axes.xaxis.get_major_locator()()) == [3, 9]


def test_one_panel_per_dimension_and_one_legend():
    figure = crossover([LINE, Panel("3-D", {"fft": [(5, 1e-2)]})], title="Crossover")
    assert [axes.get_title() for axes in figure.axes] == ["2-D: camera", "3-D"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["direct", "separable", "FFT", "picked by auto"]
    assert figure.get_suptitle() == "Crossover"


def test_a_method_without_a_colour_of_its_own_gets_one():
    axes = crossover([Panel("", {"fft": [(3, 1.0)], "scipy": [(3, 2.0)], "opencv": [(3, 3.0)]})]).axes[0]
    assert len({line.get_color() for line in axes.lines}) == 3


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_it_is_saved(tmp_path, ending):
    crossover([LINE]).savefig(tmp_path / f"x.{ending}")
    assert (tmp_path / f"x.{ending}").stat().st_size > 5000


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="panels is empty"):
        crossover([])


def test_ratios_are_dots_in_their_rows_and_a_line_stands_at_one():
    figure = speedups([("first", {"scipy": 4.0, "torch": 0.5}), ("second", {"scipy": 8.0})])
    axes = figure.axes[0]
    one, *_ = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert set(one.get_xdata()) == {1.0}
    dots = {line.get_label(): points(line) for line in axes.lines if line is not one}
    assert dots == {"scipy": [(4.0, 0.0), (8.0, 1.0)], "torch": [(0.5, 0.0)]}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["first", "second"]
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low > high  # the first row on top


def test_ratios_of_nothing_are_refused():
    with pytest.raises(ValueError, match="rows is empty"):
        speedups([])


def test_the_roof_bends_where_computing_takes_as_long_as_moving():
    axes = roofline({"direct": [(2.0, 3e9)], "fft": [(40.0, 5e10)]}, 1e11, 1e10).axes[0]
    roof, direct, fft = (points(line) for line in axes.lines)
    assert roof[1] == (10.0, 100.0)
    assert roof[0] == (1.0, 10.0)
    assert roof[2] == (80.0, 100.0)
    assert (direct, fft) == ([(2.0, 3.0)], [(40.0, 50.0)])
    assert "GF/s" in axes.get_ylabel()
