"""Pictures of training runs: that what is drawn is what was given."""

import doctest

import numpy as np
import pytest

from convkit import plots
from convkit.nn import views
from convkit.plots import training


@pytest.mark.parametrize("name", training.__all__)
def test_examples_in_docstrings_run(name):
    assert getattr(plots, name) is getattr(training, name)
    found = doctest.DocTestFinder(recurse=False).find(getattr(training, name), name, globs={})
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said = []
    for test in found:
        assert runner.run(test, out=said.append).failed == 0, "".join(said)
    assert runner.tries


def drawn(axes):
    """The pixels of the only image on axes."""
    (image,) = axes.images
    return np.asarray(image.get_array())


HISTORY = {"epoch": [1, 2, 3], "loss": [2.0, 1.0, 0.5], "validation_loss": [2.1, 1.3, 1.0],
           "accuracy": [0.3, 0.6, 0.9], "validation_accuracy": [0.25, 0.5, 0.7]}


def test_curves_with_their_gap():
    loss, accuracy = plots.training_curves(HISTORY).axes
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        lines = {line.get_label(): line for line in axes.lines}
        np.testing.assert_array_equal(lines["training"].get_ydata(), HISTORY[name])
        np.testing.assert_array_equal(lines["validation"].get_ydata(), HISTORY[f"validation_{name}"])
        np.testing.assert_array_equal(lines["validation"].get_xdata(), [1, 2, 3])
        (gap,) = axes.collections
        corners = gap.get_paths()[0].vertices
        for epoch, one, other in zip([1, 2, 3], HISTORY[name], HISTORY[f"validation_{name}"], strict=True):
            assert {one, other} <= {y for x, y in corners if x == epoch}
        assert axes.get_ylabel() == name
    assert loss.get_title().endswith(": +0.5000")
    assert accuracy.get_title().endswith(": -20.00 points")


def test_curves_without_validation_accuracy_or_epochs():
    (axes,) = plots.training_curves({"epoch": [1], "loss": [2.0]}).axes
    assert [line.get_label() for line in axes.lines] == ["training"]
    assert not axes.collections
    assert 1 in axes.get_xticks()
    assert all(tick == round(tick) for tick in axes.get_xticks())
    for empty in ({}, {"epoch": [], "loss": []}):
        with pytest.raises(ValueError, match="history has no epoch"):
            plots.training_curves(empty)


def test_filters_before_and_after():
    before, after = np.random.default_rng(0).normal(size=(2, 6, 3, 5, 5))
    left, right = plots.filter_change(before, after).axes
    for axes, weight in ((left, before), (right, after)):
        (want,) = plots.filter_grid(weight).axes
        np.testing.assert_array_equal(drawn(axes), drawn(want))
    assert (left.get_title(), right.get_title()) == ("6 filters of 5 x 5, before", "after")


def colour_blob(colour, size=5):
    y, x = np.mgrid[:size, :size] - size // 2
    return np.exp(-(x**2 + y**2) / 4)[None] * np.reshape(colour, (3, 1, 1))


def grating(angle, size=5, channels=3):
    y, x = np.mgrid[:size, :size] - size // 2
    return np.repeat(np.sin(1.2 * (x * np.cos(angle) + y * np.sin(angle)))[None], channels, axis=0)


def test_kinds_of_filters():
    red, blue = colour_blob([1, -0.5, -0.5]), colour_blob([-0.4, -0.4, 0.8])
    grey = colour_blob([1, 1, 1])
    lines = [grating(angle) for angle in np.linspace(0, np.pi, 7)]
    kinds = views.filter_kinds([red, blue, *lines, grey, np.zeros((3, 5, 5))])
    assert kinds.colour.tolist() == [True] * 2 + [False] * 9
    assert kinds.oriented.tolist() == [False] * 2 + [True] * 7 + [False] * 2
    assert kinds.colourfulness == pytest.approx([1] * 2 + [0] * 9, abs=1e-12)
    assert kinds.coherence[2:9].min() > 0.8
    assert kinds.coherence[9] < 0.1
    tinted = views.filter_kinds([colour_blob([1, 1, 0.2])])
    assert 0 < tinted.colourfulness[0] < 0.5
    assert not tinted.colour[0]
    # An edge between two colours is for colours.
    assert views.filter_kinds([grating(0) * np.reshape([1, -1, 0], (3, 1, 1))]).colour[0]
    scaled = views.filter_kinds(1e-3 * np.array(lines))
    np.testing.assert_allclose(scaled.coherence, kinds.coherence[2:9])


def test_random_filters_are_mostly_neither():
    weight = np.random.default_rng(0).normal(size=(2000, 3, 5, 5))
    kinds = views.filter_kinds(weight)
    assert kinds.colour.mean() < 0.05
    assert kinds.oriented.mean() < 0.2
    assert kinds.colourfulness.mean() == pytest.approx(2 / 3, abs=0.01)


def test_grey_filters_have_directions_alone():
    kinds = views.filter_kinds([grating(0.3, channels=1), np.ones((1, 5, 5))])
    assert kinds.colour.tolist() == [False, False]
    assert kinds.oriented.tolist() == [True, False]
    for wrong in (np.ones((3, 5, 5)), np.ones((2, 2, 5, 5)), np.ones((2, 3, 2, 5)), np.ones((0, 3, 5, 5))):
        with pytest.raises(ValueError, match="give filters"):
            views.filter_kinds(wrong)


def test_sorted_filters_the_clearest_first():
    weight = np.array([grating(0.2) + 0.4 * np.random.default_rng(1).normal(size=(3, 5, 5)), colour_blob([1, -0.5, -0.5]),
                       grating(0.2), colour_blob([1, 1, 1])])
    colour, oriented, others = plots.filter_kinds(weight).axes
    assert [axes.get_title() for axes in (colour, oriented, others)] == ["colour: 1 of 4", "oriented: 2 of 4", "others: 1 of 4"]
    images = views.filter_images(weight)
    np.testing.assert_allclose(drawn(oriented)[:, :5], images[2])
    np.testing.assert_allclose(drawn(oriented)[:, 6:], images[0])
    for axes, i in ((colour, 1), (others, 3)):
        assert drawn(axes).shape == drawn(oriented).shape
        np.testing.assert_allclose(drawn(axes)[:, :5], images[i])
        assert (drawn(axes)[:, 6:] == 1).all()


def test_feature_maps_have_their_own_ranges():
    rng = np.random.default_rng(0)
    image, maps = rng.normal(size=(3, 6, 6)), {"conv1": rng.normal(size=(5, 4, 3)), "conv2": np.ones((1, 2, 2))}
    first, conv1, conv2 = plots.feature_maps(image, maps).axes
    picture = np.moveaxis(image, 0, -1)
    np.testing.assert_allclose(drawn(first), (picture - picture.min()) / np.ptp(picture))
    tile = drawn(conv1)[5:9, 4:7, 0]  # the fifth of three a row
    want = maps["conv1"][4]
    np.testing.assert_allclose(tile, (want - want.min()) / np.ptp(want))
    assert (drawn(conv2) == 0).all()
    assert conv1.get_title() == "conv1: 5 maps of 4 x 3"
    for wrong, match in (({}, "maps is empty"), ({"a": np.ones((2, 2))}, "the activations of 'a' have shape")):
        with pytest.raises(ValueError, match=match):
            plots.feature_maps(image, wrong)


def test_confusion_shows_counts_and_shares():
    counts = np.array([[8, 2, 0], [0, 5, 5], [0, 0, 0]])
    for names in (["a", "b", "c"], ["airplane", "bird", "cat"]):
        (axes,) = plots.confusion(counts, names).axes
        shares = np.array([[0.8, 0.2, 0], [0, 0.5, 0.5], [0, 0, 0]])
        np.testing.assert_allclose(drawn(axes) ** 2, shares)
        told = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
        assert told == {(i, j): str(counts[i, j]) for i, j in zip(*np.nonzero(counts), strict=True)}
        assert [text.get_text() for text in axes.get_xticklabels()] == names
        assert [text.get_text() for text in axes.get_yticklabels()] == names
        assert axes.get_title() == "65.0 % right"
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("said", "true")
    with pytest.raises(ValueError, match=r"counts has shape \(3, 3\), and there are 2 names"):
        plots.confusion(counts, ["a", "b"])


def test_mistakes_share_a_range_and_bear_their_labels():
    images = np.random.default_rng(0).random((5, 1, 4, 4))
    figure = plots.mistakes(images, list("abcde"), columns=3)
    assert [axes.get_title() for axes in figure.axes] == list("abcde")
    assert figure.axes[0].get_gridspec().ncols == 3
    for axes, image in zip(figure.axes, images, strict=True):
        np.testing.assert_allclose(drawn(axes)[..., 0], (image[0] - images.min()) / np.ptp(images))
    for wrong in ((images, ["a"]), (images[:0], []), (images[:, 0], list("abcde"))):
        with pytest.raises(ValueError, match="a label for each"):
            plots.mistakes(*wrong)
