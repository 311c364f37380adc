"""Pictures of curvelets: that what is drawn lies where the plan has it."""

import doctest

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy.ndimage import map_coordinates

from convkit import Curvelets, plots

PLANS = {
    "real": Curvelets((64, 96), scales=4),
    "complex": Curvelets((96, 64), real=False, angles=8),
    "wavelet": Curvelets((96, 96), finest="wavelet", scales=4),
}


def paths(axes, colour=None):
    """Vertices, (column, row), of every outline on axes: of those drawn by contour."""
    for collection in axes.collections:
        if colour is None or np.allclose(collection.get_edgecolor()[0], to_rgba(colour)):
            yield from (path.vertices for path in collection.get_paths() if len(path.vertices))


def sampled(window, vertices):
    """A window of the plan, in FFT order, at frequencies (column, row) in cycles per sample."""
    at = [vertices[:, axis] * n for axis, n in ((1, window.shape[0]), (0, window.shape[1]))]
    return map_coordinates(window, at, order=1, mode="grid-wrap")


@pytest.mark.parametrize("name", PLANS)
def test_each_window_is_outlined_where_it_holds_half_of_the_energy(name):
    plan = PLANS[name]
    axes = plots.tiling(plan).axes[0]
    outlines = [line for line in paths(axes) if np.abs(line).max() < 0.7]
    last = plan.scales - (plan.finest == "wavelet")
    windows = {(j, l): plan.window(j, l) for j in range(last) for l in range(len(plan.shapes[j]))}
    found = dict.fromkeys(windows, 0)
    for line in outlines:
        for key, window in windows.items():
            for sign in (1, -1):
                # Bends of an outline between samples of a window lie off it by the curvature.
                found[key] += sign > 0 and np.abs(sampled(window, line) - 0.5**0.5).max() < 0.02
                if plan.real and key != (0, 0):
                    found[key] += sign < 0 and np.abs(sampled(window, -line) - 0.5**0.5).max() < 0.02
    pairs = {key: 1 if key == (0, 0) or not plan.real else 2 for key in windows}
    shaded = max(key for key in found if found[key] > pairs[key])
    assert {**found, shaded: pairs[shaded]} == pairs


def test_the_wedge_asked_for_is_shaded_and_has_its_grid():
    plan = PLANS["real"]
    for wedge in ((1, 2), (3, 11)):
        left, right = plots.tiling(plan, wedge=wedge).axes
        (filled,) = (c for c in left.collections if len(c.get_facecolor()) and c.get_facecolor()[0][3])
        (path,) = (p for p in filled.get_paths() if len(p.vertices))
        middle = path.vertices.mean(axis=0)
        turn = np.arctan2(middle[1], middle[0])
        assert abs(np.angle(np.exp(2j * (turn - plan.angle(*wedge))))) < 0.1
        steps = [float(np.diff(grid.reshape(-1))[0]) for grid in plan.position(*wedge)]
        (cell,) = right.patches
        assert (cell.get_height(), cell.get_width()) == pytest.approx(steps)
        assert right.get_aspect() == 1
        rows = sorted(line.get_ydata()[0] for line in right.lines if len(line.get_ydata()) and np.ptp(line.get_ydata()) == 0)
        np.testing.assert_allclose(np.diff(rows), steps[0])
        assert f"{steps[1]:.1f} x {steps[0]:.1f} samples" in right.get_legend_handles_labels()[1][1]
        assert f"scale {wedge[0]}" in right.get_title()


def test_the_atom_is_outlined_at_half_of_its_modulus():
    plan = Curvelets((96, 96), real=False)
    right = plots.tiling(plan, wedge=(2, 3)).axes[1]
    (outline,) = paths(right)
    rows, columns = (grid.reshape(-1) for grid in plan.position(2, 3))
    place = (rows[rows.size // 2], columns[columns.size // 2])
    modulus = np.abs(plan.atom(2, 3, place))
    values = map_coordinates(modulus, (outline[:, 1] + place[0], outline[:, 0] + place[1]), order=3)
    np.testing.assert_allclose(values, modulus.max() / 2, rtol=0.03)


def test_atoms_are_those_of_the_wedges_next_to_the_angle():
    plan = PLANS["real"]
    for angle in (0.5, -0.6, 1.9, 0.5 + np.pi):
        figure = plots.atoms(plan, angle=angle)
        above, below = figure.axes[:3], figure.axes[3:]
        assert [axes.get_title().splitlines()[0] for axes in above] == ["scale 1", "scale 2", "scale 3"]
        for j, axes in zip((1, 2, 3), below, strict=True):
            spectrum = axes.images[0].get_array()
            assert axes.images[0].get_extent() == [-0.5, 0.5, 0.5, -0.5]
            rows, columns = (np.fft.fftshift(np.fft.fftfreq(n)) for n in spectrum.shape)
            if j < 3:  # the finest ones reach around the torus
                doubled = (spectrum**2 * (columns + 1j * rows[:, None]) ** 2).sum()
                assert abs(np.angle(doubled * np.exp(-2j * angle))) / 2 < np.pi / len(plan.shapes[j]) / 1.5
                distance = np.hypot(columns, rows[:, None])
                mean = (spectrum**2 * distance).sum() / (spectrum**2).sum()
                assert f"a wave of {1 / mean:.1f} samples" in above[j - 1].get_title()
        for axes in above:
            low, high = axes.images[0].get_clim()
            drawn = axes.images[0].get_array()
            assert low == -high == pytest.approx(-np.abs(drawn).max())
            assert drawn.shape == above[0].images[0].get_array().shape


def test_small_atoms_are_enlarged_and_scales_can_be_chosen():
    plan = Curvelets((256, 256))
    figure = plots.atoms(plan, scales=(4, 1))
    assert [axes.get_title().splitlines()[0] for axes in figure.axes[:2]] == ["scale 4", "scale 1"]
    assert [len(axes.child_axes) for axes in figure.axes] == [1, 0, 0, 0]
    inset = figure.axes[0].child_axes[0].images[0].get_array()
    assert inset.shape[0] < figure.axes[0].images[0].get_array().shape[0] / 3
    assert np.abs(inset).max() == np.abs(figure.axes[0].images[0].get_array()).max()


@pytest.mark.parametrize("name", PLANS)
def test_the_wheel_has_each_wedge_at_its_frequencies(name, rng):
    plan = PLANS[name]
    c = plan.forward(rng.standard_normal(plan.shape) + (0 if plan.real else 1j * rng.standard_normal(plan.shape)))
    (wheel,) = plots.wheel(c).axes[0].collections
    tiles = [path.vertices[:-1] for path in wheel.get_paths()]
    noise = plan.noise_std()
    undivided = {0} | ({plan.scales - 1} if plan.finest == "wavelet" else set())
    assert len(tiles) == sum(1 if j in undivided or not plan.real else 2 for j, _ in c)
    values = {}
    for corners, value in zip(tiles, wheel.get_array(), strict=True):
        values.setdefault(float(value), []).append(corners.mean(axis=0))
    for j, l in c:
        value = np.sqrt(np.mean(np.abs(c[j, l]) ** 2)) / noise[j][l]
        places = values[min(values, key=lambda other: abs(other - value))]
        for column, row in places[: None if plan.real else 1]:
            if j in undivided:
                assert abs(column) + abs(row) < 1e-12
                continue
            off = np.angle(np.exp(1j * (2 if plan.real else 1) * (np.arctan2(row, column) - plan.angle(j, l))))
            assert abs(off) < 0.1
            assert np.hypot(row, column) == pytest.approx(plan.frequency(j)[l], rel=0.15)


def test_the_tiles_of_the_wheel_cover_all_frequencies_once():
    (wheel,) = plots.wheel(PLANS["complex"].forward(np.eye(96, 64))).axes[0].collections
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 2))
    inside = sum(path.contains_points(points).astype(int) for path in wheel.get_paths())
    np.testing.assert_array_equal(inside, 1)


def test_straight_edges_light_up_across_them_and_nothing_is_dark():
    rows, columns = np.mgrid[:64, :64]
    plan = Curvelets((64, 64))
    (wheel,) = plots.wheel(plan.forward(np.cos(2 * np.pi * (12 * columns + 4 * rows) / 64))).axes[0].collections
    bright = wheel.get_paths()[int(np.argmax(wheel.get_array()))]
    assert bright.contains_point((12 / 64, 4 / 64)) or bright.contains_point((-12 / 64, -4 / 64))
    low, high = wheel.get_clim()
    assert high / low == pytest.approx(1e4)
    assert wheel.get_array().min() == low
    assert plots.wheel(plan.forward(np.zeros((64, 64)))).axes  # nothing at all can be drawn, too


def test_denoising_shows_what_was_taken_away_and_ratios(rng):
    clean = np.add.outer(np.arange(40.0), np.arange(50.0))
    noisy = clean + rng.normal(0, 5, clean.shape)
    half = (clean + noisy) / 2
    figure = plots.denoising(noisy, {"half": half, "none": noisy}, clean=clean, peak=100.0)
    ratio = 10 * np.log10(100**2 / np.mean((noisy - clean) ** 2))
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "clean", f"noisy: {ratio:.2f} dB", f"half: {ratio + 20 * np.log10(2):.2f} dB", f"none: {ratio:.2f} dB"]
    for column, want in ((1, noisy - clean), (2, noisy - half), (3, 0 * noisy)):
        np.testing.assert_allclose(figure.axes[4 + column].images[0].get_array(), want, atol=1e-12)
        low, high = figure.axes[4 + column].images[0].get_clim()
        assert low == -high == pytest.approx(-3 * (noisy - clean).std())
    assert not figure.axes[4].axison
    default = plots.denoising(noisy, {"half": half}, clean=clean).axes[1].get_title()
    assert default == f"noisy: {ratio + 20 * np.log10(2.55):.2f} dB"


def test_denoising_without_a_clean_image_and_in_colour(rng):
    noisy = rng.normal(100, 5, (40, 50, 3))
    figure = plots.denoising(noisy, {"mean": np.full(noisy.shape, 100)})
    assert [axes.get_title() for axes in figure.axes[:4]] == ["noisy", "mean", "", "what it took away"]
    assert figure.axes[0].images[0].get_array().shape == (40, 50, 3)
    np.testing.assert_allclose(figure.axes[3].images[0].get_array(), noisy.mean(axis=2) - 100)
    assert plots.denoising(np.zeros((40, 50)), {"same": np.zeros((40, 50))}, clean=np.zeros((40, 50))).axes[1].get_title() == (
        "noisy: inf dB")


def test_orientation_has_a_colour_for_each_direction_and_weak_ones_are_dark():
    rows, columns = np.mgrid[-20:20, -30:30]
    turn = np.arctan2(rows, columns)
    strength = np.hypot(rows, columns)
    left, right, key = plots.orientation(strength, turn, strength).axes
    np.testing.assert_array_equal(left.images[0].get_array(), strength)
    colours = right.images[0].get_array()
    np.testing.assert_allclose(colours[1:, 1:], colours[:0:-1, :0:-1], atol=0.02)  # opposite directions are one
    assert np.abs(colours[20, 55] - colours[38, 30]).max() > 0.5  # those across each other are not
    assert colours[20, 30].max() == 0
    assert colours[0, 0].max() > 0.5
    disc = key.images[0].get_array()
    np.testing.assert_allclose(disc[50, 85, :3], colours[20, 59] / colours[20, 59].max() * disc[50, 85, :3].max(), atol=0.02)
    np.testing.assert_allclose(disc[85, 50, :3], colours[39, 30] / colours[39, 30].max() * disc[85, 50, :3].max(), atol=0.02)


@pytest.mark.parametrize("draw", [plots.tiling, plots.atoms, lambda plan: plots.wheel(plan.forward(np.zeros(plan.shape)))])
def test_volumes_are_refused(draw):
    with pytest.raises(ValueError, match="only those of images"):
        draw(Curvelets((16, 16, 16)))


@pytest.mark.parametrize("draw", [plots.tiling, plots.atoms, lambda plan: plots.wheel(plan.forward(np.zeros(plan.shape)))])
def test_plans_without_wedges_are_refused(draw):
    with pytest.raises(ValueError, match="no scale that is divided into wedges"):
        draw(Curvelets((64, 64), scales=2, finest="wavelet"))


def test_images_that_continue_by_their_mirror_image_can_be_drawn():
    plan = Curvelets((64, 80), boundary="reflect")
    wedge = (2, 5)
    right = plots.tiling(plan, wedge=wedge).axes[1]
    assert (right.patches[0].get_height(), right.patches[0].get_width()) == pytest.approx(
        [float(np.diff(grid.reshape(-1))[0]) for grid in plan.position(*wedge)])
    assert len(plots.atoms(plan).axes) == 2 * (plan.scales - 1)
    assert plots.wheel(plan.forward(np.eye(64, 80))).axes


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (lambda: plots.tiling(PLANS["real"], wedge=(0, 0)), ValueError, "not divided"),
        (lambda: plots.tiling(PLANS["real"], wedge=(1, 99)), IndexError, "l=99"),
        (lambda: plots.atoms(PLANS["real"], scales=[0, 1]), ValueError, "scales 1 to 3"),
        (lambda: plots.atoms(PLANS["wavelet"], scales=[3]), ValueError, "scales 1 to 2"),
        (lambda: plots.atoms(PLANS["real"], scales=[]), ValueError, "scales 1 to 3"),
        (lambda: plots.atoms(PLANS["real"], angle=float("nan")), ValueError, "angle"),
        (lambda: plots.wheel(PLANS["real"].forward(np.zeros((2, 64, 96)))), ValueError, r"batch of shape \(2,\)"),
        (lambda: plots.denoising(np.zeros((20, 20)), {}), ValueError, "results is empty"),
        (lambda: plots.denoising(np.zeros((20, 20)), {"a": np.zeros((20, 21))}), ValueError, r"a has shape \(20, 21\)"),
        (lambda: plots.denoising(np.zeros(20), {"a": np.zeros(20)}), ValueError, "noisy has shape"),
        (lambda: plots.orientation(np.zeros((9, 9)), np.zeros((9, 9)), np.zeros((9, 8))), ValueError, r"\(9, 8\)"),
    ],
)
def test_refusals(draw, error, words):
    with pytest.raises(error, match=words):
        draw()


@pytest.mark.parametrize("name", ["tiling", "atoms", "wheel", "denoising", "orientation"])
def test_examples_and_saving(name, tmp_path):
    draw = getattr(plots, name)
    scope = {}
    (found,) = doctest.DocTestFinder(recurse=False).find(draw, name, globs=scope)
    assert found.examples
    said = []
    assert doctest.DocTestRunner().run(found, out=said.append).failed == 0, "".join(said)
    plan = PLANS["real"]
    grey = np.eye(64, 96)
    figure = {"tiling": lambda: draw(plan), "atoms": lambda: draw(plan), "wheel": lambda: draw(plan.forward(grey)),
              "denoising": lambda: draw(grey, {"none": grey}), "orientation": lambda: draw(grey, grey, grey)}[name]()
    figure.savefig(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 5000


def test_a_figure_can_be_given():
    from matplotlib.figure import Figure

    plan = PLANS["real"]
    c = plan.forward(np.eye(64, 96))
    grey = np.eye(64, 96)
    for draw, given, count in (
        (plots.tiling, [plan], 2), (plots.atoms, [plan], 6), (plots.wheel, [c], 2),
        (plots.denoising, [grey, {"none": grey}], 4), (plots.orientation, [grey, grey, grey], 3),
    ):
        figure = Figure()
        assert draw(*given, figure=figure) is figure
        assert len(figure.axes) == count
