"""Where atoms lie, how large they are and what they answer to: measured on the atoms, and on straight edges."""

from __future__ import annotations

import numpy as np
import pytest

import convkit
from convkit.curvelets import windows

N = 512


def moments(atom):
    """Centre, deviation across and along the direction of oscillation, mean frequency and that direction of a complex atom."""
    weight = np.abs(atom) ** 2 / (np.abs(atom) ** 2).sum()
    power = np.abs(np.fft.fftshift(np.fft.fft2(atom))) ** 2
    power /= power.sum()
    rows, columns = np.indices(atom.shape) - np.array(atom.shape).reshape(2, 1, 1) // 2
    row, column = rows / atom.shape[0], columns / atom.shape[1]
    radius = (power * np.hypot(row, column)).sum()
    direction = np.arctan2((power * row).sum(), (power * column).sum())
    r, c = np.indices(atom.shape)
    centre = np.array([(weight * r).sum(), (weight * c).sum()])
    across = (r - centre[0]) * np.sin(direction) + (c - centre[1]) * np.cos(direction)
    along = (c - centre[1]) * np.sin(direction) - (r - centre[0]) * np.cos(direction)
    return centre, np.sqrt((weight * across**2).sum()), np.sqrt((weight * along**2).sum()), radius, direction


@pytest.fixture(scope="module")
def plan():
    return convkit.Curvelets((N, N), real=False)


@pytest.fixture(scope="module")
def found(plan):
    """Moments of one atom of each scale, near the columns' axis."""
    return {j: moments(plan.atom(j, len(plan.shapes[j]) // 8)) for j in range(1, plan.scales)}


def test_atoms_scale_parabolically(found):
    width = [found[j][1] for j in range(1, 6)]
    length = [found[j][2] for j in range(1, 6)]
    for j in range(4):
        assert abs(width[j] / width[j + 1] / 2 - 1) < 0.1
    for j in range(3):
        assert abs(length[j] / length[j + 2] / 2 - 1) < 0.1


@pytest.mark.parametrize("shape", [(N, N), (256, 384)], ids=str)
@pytest.mark.parametrize("j", [1, 2, 3])
def test_angle_frequency_and_position_are_those_of_atoms(shape, j):
    plan = convkit.Curvelets(shape, real=False)
    count = len(plan.shapes[j])
    spacing = 2 * np.pi / count
    for l in range(0, count, 3):
        rows, columns = plan.position(j, l)
        m = rows.size // 2 + 1, columns.size // 2 - 1
        at = rows[m[0], 0], columns[0, m[1]]
        centre, _, _, radius, direction = moments(plan.atom(j, l, at))
        assert np.abs(centre - at).max() < 0.6 * np.max(np.array(shape) / plan.shapes[j][l])
        assert abs(radius / plan.frequency(j)[l] - 1) < 0.1
        assert abs(np.angle(np.exp(1j * (direction - plan.angle(j, l))))) < 0.1 * spacing


def test_angles_run_from_a_corner_around():
    plan = convkit.Curvelets((64, 64), real=False)
    angles = np.unwrap([plan.angle(1, l) for l in range(16)])
    assert (np.diff(angles) > 0).all()
    assert -np.pi / 4 < angles[0] < angles[-1] < 7 * np.pi / 4
    assert abs(angles[8] - angles[0] - np.pi) < 1e-12
    half = [convkit.Curvelets((64, 64)).angle(1, l) for l in range(8)]
    assert np.allclose(half, angles[:8])
    # Slopes are equally spaced.
    assert np.allclose(np.tan(angles[:4]), [-0.75, -0.25, 0.25, 0.75])


def test_an_atom_is_where_it_is_asked_to_be():
    for options in ({}, {"real": False}, {"boundary": "reflect"}):
        plan = convkit.Curvelets((96, 128), **options)
        for at in ((20, 100), (75.0, 31.0)):
            atom = np.abs(plan.atom(2, 5, at)) ** 2
            r, c = np.indices(atom.shape)
            centre = [(atom * i).sum() / atom.sum() for i in (r, c)]
            assert np.abs(np.subtract(centre, at)).max() < 4
        middle = np.abs(plan.atom(2, 5)) ** 2
        assert abs((middle * r).sum() / middle.sum() - 47.5) < 4
    assert convkit.Curvelets((64, 64)).atom(1, 1).dtype == np.float64
    assert convkit.Curvelets((64, 64), dtype="complex64").atom(1, 1).dtype == np.complex64


def test_positions_behind_a_mirror_lie_outside():
    plan = convkit.Curvelets((64, 80), boundary="reflect")
    rows, columns = plan.position(1, 1)
    assert rows.min() < 0
    assert columns.max() > 80
    inside = convkit.Curvelets((64, 80)).position(1, 1)
    assert inside[0].min() == 0
    assert inside[1].max() < 80


def test_the_coarse_scale_and_an_undivided_finest_one_have_a_frequency():
    plan = convkit.Curvelets((128, 128), finest="wavelet")
    assert plan.frequency(0).shape == (1,)
    assert plan.frequency(0)[0] < plan.frequency(1).min() < plan.frequency(2).min() < plan.frequency(3)[0]


def stripes(rows, columns, fine=8):
    """Straight edges between black and white, `rows` and `columns` periods down and along; pixels are means over squares."""
    image = np.zeros((N, N))
    along = (np.arange(N * fine) + 0.5) / fine - 0.5
    for s in range(fine):
        down = np.arange(N) + (s + 0.5) / fine - 0.5
        image += (np.cos(2 * np.pi * (rows * down[:, None] + columns * along) / N) > 0).reshape(N, N, fine).mean(-1)
    return image / fine


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (1, 1), (-2, 1)])
def test_coefficients_off_an_edge_or_not_aligned_with_it_are_insignificant(rows, columns):
    plan = convkit.Curvelets((N, N))
    c = plan.forward(stripes(rows, columns))
    period = N / np.hypot(rows, columns)
    far = min(48, 0.75 * period / 4)
    bounds = {2: 0.12, 3: 0.08, 4: 0.01}
    slope = max(rows / columns, columns / rows, key=lambda s: -abs(s))
    turn = slope if abs(rows) <= abs(columns) else 2 - slope
    for j, bound in bounds.items():
        width = 8 / windows.wedges_of(16, j)
        energy, most, aligned, off, away = 0.0, 0.0, 0.0, 0.0, 0.0
        for l, values in enumerate(c[j]):
            distance = abs((turn - (-1 + width * (l + 0.5)) + 2) % 4 - 2) / width
            modulus = np.abs(values)
            energy += (modulus**2).sum()
            most = max(most, modulus.max())
            if distance < 1:
                aligned += (modulus**2).sum()
                r, s = plan.position(j, l)
                phase = (rows * r + columns * s) / N * 2 - 0.5
                apart = np.abs((phase + 0.5) % 1 - 0.5) / 2 * period
                away = max(away, modulus[apart > far].max())
            elif distance >= 1.5:
                off = max(off, modulus.max())
        assert aligned >= 0.999 * energy
        assert off <= 0.02 * most
        assert away <= bound * most
