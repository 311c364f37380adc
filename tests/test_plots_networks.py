"""Pictures of networks: that what is drawn is what was given."""

import doctest

import numpy as np
import pytest

from convkit import nn, plots
from convkit.nn import views
from convkit.plots import networks


@pytest.mark.parametrize("name", networks.__all__)
def test_examples_in_docstrings_run(name):
    assert getattr(plots, name) is getattr(networks, name)
    found = doctest.DocTestFinder(recurse=False).find(getattr(networks, name), name, globs={})
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said = []
    for test in found:
        assert runner.run(test, out=said.append).failed == 0, "".join(said)
    assert runner.tries


def drawn(axes):
    """The pixels of the only image on axes."""
    (image,) = axes.images
    return np.asarray(image.get_array())


def test_filters_lie_on_a_grid_row_by_row():
    weight = np.random.default_rng(0).normal(size=(6, 3, 4, 5))
    pixels, images = drawn(plots.filter_grid(weight).axes[0]), views.filter_images(weight)
    assert pixels.shape == (2 * 4 + 1, 3 * 5 + 2, 3)
    for i, image in enumerate(images):
        top, left = i // 3 * 5, i % 3 * 6
        np.testing.assert_allclose(pixels[top : top + 4, left : left + 5], image)
    assert (pixels[4] == 1).all()
    grey = drawn(plots.filter_grid(weight[:, :1]).axes[0])
    np.testing.assert_allclose(grey[:4, :5, 0], views.filter_images(weight[:, :1])[0])
    for count, rows in ((1, 1), (12, 3), (16, 4), (64, 8), (96, 8)):
        assert drawn(plots.filter_grid(np.ones((count, 1, 1, 1))).axes[0]).shape[0] == 2 * rows - 1
    with pytest.raises(ValueError, match="give filters"):
        plots.filter_grid(np.ones((3, 3)))


def test_neighbouring_regions_differ_and_inputs_stand_where_they_are():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).double()
    model[0].weight.data[...], model[0].bias.data[...] = [[1, 0], [0, 1], [1, -1]], [0, 0, 0.3]
    inputs = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    regions = views.linear_regions(model, views.Plane.through(*inputs), 60)
    axes = plots.linear_regions(regions, {"first": inputs[0], "third": inputs[2]}).axes[0]
    shade = drawn(axes)
    assert len(np.unique(shade)) == regions.count == len(np.unique(regions.labels))
    for axis in (0, 1):
        assert np.array_equal(np.diff(shade, axis=axis) != 0, np.diff(regions.labels, axis=axis) != 0)
    (first_x,), (first_y,) = axes.lines[0].get_data()
    (third_x,), (third_y,) = axes.lines[1].get_data()
    assert np.hypot(first_x - third_x, first_y - third_y) == pytest.approx(4)
    assert [text.get_text() for text in axes.texts] == ["first", "third"]
    # The pixel under a mark is the input that is marked.
    place = int(third_y / np.linalg.norm(regions.plane.down) * 60), int(third_x / np.linalg.norm(regions.plane.right) * 60)
    there = regions.plane.point((place[1] + 0.5) / 60, (place[0] + 0.5) / 60)
    assert np.linalg.norm(there - inputs[2]) < np.linalg.norm(regions.plane.down) / 60
    assert axes.get_title() == f"{regions.count} linear regions"
    oblong = views.Plane(np.array([-1.0, -2.0]), np.array([8.0, 0.0]), np.array([0.0, 6.0]))
    axes = plots.linear_regions(views.linear_regions(model, oblong, (6, 8)), {"here": [1.0, 3.0]}).axes[0]
    assert axes.images[0].get_extent() == [0, 8, 6, 0]
    assert np.ravel(axes.lines[0].get_data()) == pytest.approx([2, 5])


def test_reconstructions_stand_beside_their_patches():
    random = np.random.default_rng(1)
    sizes = [(4, 4), (4, 3), (2, 4)]
    patches = [random.uniform(2, 4, size=(1, *size)) for size in sizes]
    patches[0][0, 0, :2] = 2, 4
    backs = [random.normal(size=patch.shape) for patch in patches]
    backs[1][...] = 0
    figure = plots.feature_views({"one": (backs, patches), "two": (backs[:1], patches[:1])}, columns=1)
    left, right, second, _ = (drawn(axes)[..., 0] for axes in figure.axes)
    assert left.shape == right.shape == (4 + 1 + 4, 4 + 1 + 4)
    np.testing.assert_allclose(right[:4, :4], (patches[0][0] - 2) / 2)
    np.testing.assert_allclose(left[:4, :4], 0.5 + 0.5 * backs[0][0] / np.abs(backs[0]).max())
    assert (left[:4, 5:8] == 0.5).all()  # the narrow one, whose reconstruction is zero
    np.testing.assert_allclose(right[6:8, :4], (patches[2][0] - 2) / 2)
    assert (right[5:, 5:] == 1).all()  # nothing
    np.testing.assert_allclose(second[:, :4], left[:4, :4])
    assert [part.get_suptitle() for part in figure.subfigs] == ["one", "two"]
    tops = [part.bbox.y1 for part in figure.subfigs]
    assert tops[0] > tops[1]
    colour = plots.feature_views({"colours": (random.normal(size=(2, 3, 4, 4)), random.random(size=(2, 3, 4, 4)))})
    assert np.ptp(drawn(colour.axes[1]), axis=2).max() > 0.1
    for wrong, match in (({}, "channels is empty"), ({"a": ([], [])}, "give one reconstruction for each patch"),
                         ({"a": (backs, patches[:1])}, "give one reconstruction for each patch"),
                         ({"a": (np.ones((1, 2, 4, 4)), np.ones((1, 2, 4, 4)))}, "1 or 3, rows, columns")):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            plots.feature_views(wrong)


def test_changes_are_drawn_for_each_layer():
    at = np.linspace(0.5, 1.5, 5)
    curves = {"first": np.abs(at - 1), "second": 2 * np.abs(at - 1)}
    figure = plots.activation_changes({"scale": (at, curves), "shift (pixels)": (at, {"first": at})})
    left, right = figure.axes
    for line, (name, change) in zip(left.lines, curves.items(), strict=True):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_xdata(), at)
        np.testing.assert_array_equal(line.get_ydata(), change)
    assert (left.get_xlabel(), right.get_xlabel()) == ("scale", "shift (pixels)")
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0
    assert left.get_ylim()[1] > 1.5
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["first", "second"]
    with pytest.raises(ValueError, match="panels is empty"):
        plots.activation_changes({})
    with pytest.raises(ValueError, match="'scale' has 5 amounts, and layer 'first' has changes of shape"):
        plots.activation_changes({"scale": (at, {"first": at[1:]})})
