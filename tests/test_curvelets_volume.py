"""The curvelet transform of volumes."""

from __future__ import annotations

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest

import convkit
from convkit.curvelets import volume
from convkit.engines import wedge


def draw(plan, *shape):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape)
    return x if plan.real else x + 1j * rng.standard_normal(shape)


@pytest.mark.parametrize("finest", ["wavelet", "curvelet"])
@pytest.mark.parametrize("real", [True, False], ids=["real", "complex"])
@pytest.mark.parametrize("shape", [(16, 16, 16), (17, 31, 23), (40, 32, 37), (19, 64, 33)], ids=str)
def test_tight_frames(shape, real, finest):
    plan = convkit.Curvelets(shape, real=real, finest=finest, scales=3 if min(shape) > 16 else None)
    found = plan.check()
    assert found.round_trip < 1e-13
    assert found.energy < 1e-13
    assert found.adjoint < 1e-14
    assert found.partition < 1e-14


@pytest.mark.parametrize("options", [{"angles": 8}, {"angles": 20, "finest": "curvelet"}, {"boundary": "reflect"},
                                     {"dtype": "float32"}], ids=str)
def test_other_options(options):
    plan = convkit.Curvelets((36, 30, 41), scales=3, **options)
    found = plan.check()
    assert found.round_trip < (1e-6 if "dtype" in options else 1e-13)
    assert found.adjoint < (1e-6 if "dtype" in options else 1e-14)


def test_defaults():
    plan = convkit.Curvelets((64, 64, 64))
    assert plan.finest == "wavelet"
    assert plan.scales == 3
    assert [len(s) for s in plan.shapes] == [1, 48, 1]
    assert plan == pickle.loads(pickle.dumps(plan))
    # 72 M^3 numbers per scale: 4.05 per sample in the limit of many scales, and the coarse cube.
    assert 3 < plan.redundancy < 4.4


def test_no_two_frequencies_of_a_wedge_share_a_place():
    kind = np.dtype(np.float64)
    for shape, options in (((40, 40, 40), {"angles": 8, "real": False}), ((46, 46, 33), {}), ((33, 30, 55), {"angles": 20})):
        plan = convkit.Curvelets(shape, finest="curvelet", **options)
        for n, band in enumerate(plan._tables.bands):
            _, target, count, _, kinds = plan._tables.rows(n, n + 1, kind)[0].T
            step = np.where(np.isin(kinds, (3, 6)), -1, 1)
            places = np.concatenate([t + s * np.arange(c) for t, s, c in zip(target, step, count, strict=True)])
            assert np.unique(places).size == places.size
            assert 0 <= places.min() <= places.max() < np.prod(wedge.spectrum_shape(band.lengths, band.real))


def test_atoms_oscillate_along_their_angle_near_their_position():
    plan = convkit.Curvelets((48, 48, 48), real=False, scales=3)
    grid = np.indices((48, 48, 48))
    frequency = np.fft.fftfreq(48)
    for l in range(0, 96, 7):
        normal = plan.angle(1, l)
        assert abs(np.linalg.norm(normal) - 1) < 1e-12
        atom = plan.atom(1, l, (20, 30, 25))
        weight = np.abs(atom) ** 2
        centre = [(weight * g).sum() / weight.sum() for g in grid]
        assert np.abs(np.subtract(centre, (20, 30, 25))).max() < 4
        power = np.abs(np.fft.fftn(atom)) ** 2
        power /= power.sum()
        mean = np.array([(power * f).sum() for f in np.meshgrid(frequency, frequency, frequency, indexing="ij")])
        assert mean @ normal > 0.99 * np.linalg.norm(mean)
        radius = np.sqrt(sum(f**2 for f in np.meshgrid(frequency, frequency, frequency, indexing="ij")))
        assert abs((power * radius).sum() / plan.frequency(1)[l] - 1) < 0.1


def test_a_plane_is_held_by_the_wedges_along_its_normal():
    plan = convkit.Curvelets((48, 48, 48), scales=3)
    normal = np.array([1, 2, 3]) / np.sqrt(14)
    phase = np.tensordot([1, 2, 3], np.indices((48, 48, 48)), 1) / 48
    energy = plan.forward(np.tanh(8 * np.cos(2 * np.pi * phase))).energy()[1]
    directions = np.array([plan.angle(1, l) for l in range(48)])
    nearest = np.argsort(-np.abs(directions @ normal))
    assert energy[nearest[:6]].sum() > 0.999 * energy.sum()


def test_streams_and_workers_agree(monkeypatch):
    shape = (33, 40, 28)
    plan, other = (convkit.Curvelets(shape, finest="curvelet", workers=n) for n in (1, 3))
    x = draw(plan, *shape)
    c = plan.forward(x)
    assert np.array_equal(other.forward(x).ravel(), c.ravel())
    assert np.array_equal(other.inverse(c), plan.inverse(c))
    for (key, values), expected in zip(plan.stream(x), c, strict=True):
        assert key == expected
        assert np.array_equal(values, c[key])
    assert np.abs(plan.inverse(plan.stream(x)) - x).max() < 1e-13
    # Tables that are not kept are made anew, and are the same.
    monkeypatch.setattr(volume, "KEPT", 0)
    fresh = volume.VolumeTables(shape, plan.scales, 16, "curvelet", True)
    kind = np.dtype(np.float64)
    for n in (0, 3, 20, len(fresh.bands) - 1):
        for a, b in zip(fresh.rows(n, n + 1, kind), plan._tables.rows(n, n + 1, kind), strict=True):
            assert np.array_equal(a, b)
    assert not fresh._kept


def test_a_stream_needs_little_memory(monkeypatch):
    monkeypatch.setattr(volume, "KEPT", 0)
    shape = (65, 66, 67)
    plan = convkit.Curvelets(shape, finest="curvelet")
    plan._tables = volume.VolumeTables(shape, plan.scales, 16, "curvelet", True)
    x = draw(plan, *shape)
    plan.inverse(plan.stream(x))
    tracemalloc.start()
    plan.inverse(plan.stream(x))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * x.nbytes < plan.redundancy * x.nbytes / 2


def test_batches_of_volumes():
    plan = convkit.Curvelets((20, 18, 24), axes=(0, 1, 2))
    x = draw(plan, 20, 18, 24, 2)
    c = plan.forward(x)
    assert c.batch == (2,)
    assert np.array_equal(c.ravel()[1], convkit.Curvelets((20, 18, 24)).forward(x[..., 1]).ravel())
    assert np.abs(plan.inverse(c) - x).max() < 1e-13


def test_windows_of_neighbours_meet_where_faces_do():
    plan = convkit.Curvelets((32, 32, 32), finest="curvelet", real=False)
    total = sum(plan.window(*key) ** 2 for key in plan.forward(np.zeros((32, 32, 32))))
    assert np.abs(total - 1).max() < 1e-14
    signs = {tuple(np.sign(plan.angle(1, l)).astype(int)) for l in range(96)}
    assert signs == set(itertools.product((-1, 1), repeat=3))
