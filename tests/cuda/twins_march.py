"""Both passes of separable weights in one kernel: as two passes give them, bit for bit, and as the CPU does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convkit
from tests import strategies
from tests.cuda.twins import near, sent

DTYPES = ("float32", "float64", "complex64", "int64")
BOUNDARIES = ("zero", "constant", "edge", "reflect", "symmetric", "wrap")


@pytest.fixture
def marched(monkeypatch):
    """Taps of the kernels that march, as they are prepared."""
    from convkit.engines.cuda import direct as engine

    seen = []
    plain = engine._both_passes
    monkeypatch.setattr(engine, "_both_passes", lambda *a: seen.append((a[2].size, a[3].size)) or plain(*a))
    return seen


def one_by_one(x, across, down, **options):
    """Two passes, the one across first; the fill value beyond the rows is what that makes of it."""
    options = {"boundary": "zero", "fill_value": 0.0, "mode": "same", **options}
    fill = options.pop("fill_value")
    boundary = options.pop("boundary")
    middle = convkit.convolve_separable(sent(x), [across], axes=-1, boundary=boundary, fill_value=fill, **options)
    beyond = middle.dtype.type(fill) * np.asarray(across, middle.dtype)[::-1].sum(dtype=middle.dtype)
    return convkit.convolve_separable(middle, [down], axes=-2, boundary=boundary, fill_value=beyond.item(), **options)


@settings(max_examples=20)
@given(st.data())
def test_both_passes_are_the_two(data):
    dtype, boundary = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(BOUNDARIES))
    mode = data.draw(st.sampled_from(["same", "full", "valid"]))
    kh, kw = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 6))
    least = (kh, kw) if mode == "valid" else (1, 1)
    shape = (data.draw(st.integers(1, 2)), data.draw(st.integers(least[0], 14)), data.draw(st.integers(least[1], 9)))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    x = strategies.values(rng, shape, dtype)
    down, across = (strategies.values(rng, (k,), dtype) for k in (kh, kw))
    options = {"mode": mode, "boundary": boundary, "fill_value": 3.0 if boundary == "constant" else 0.0}
    got = convkit.convolve_separable(sent(x), [down, across], axes=(1, 2), **options).copy_to_host()
    two = one_by_one(x, across, down, **options).copy_to_host()
    assert got.dtype == two.dtype
    np.testing.assert_array_equal(got, two)
    if dtype.startswith("float"):
        want = convkit.convolve_separable(x, [down, across], axes=(1, 2), **options)
        assert near(got, want, x, np.multiply.outer(down, across), dtype, axes=(1, 2), **options)


@pytest.mark.parametrize("samples", ["uint8", "bool", "float16"])
def test_narrow_samples_are_converted(samples, rng, marched):
    x = strategies.values(rng, (9, 10), samples)
    down, across = rng.standard_normal(3), rng.standard_normal(4)
    got = convkit.convolve_separable(sent(x), [down, across], boundary="wrap").copy_to_host()
    want = convkit.convolve_separable(x, [down, across], boundary="wrap")
    assert got.dtype == want.dtype
    assert marched == [(4, 3)]
    np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=2e-3 if samples == "float16" else 1e-5, atol=1e-3)


def test_strips_meet(rng, marched, monkeypatch):
    """Blocks march down a strip of rows each; the ring turns over several times."""
    from convkit.engines.cuda import direct as engine

    monkeypatch.setattr(engine, "BLOCKS", 2)
    x, down, across = rng.standard_normal((31, 6)), rng.standard_normal(11), rng.standard_normal(3)
    got = convkit.convolve_separable(sent(x), [down, across], boundary="edge").copy_to_host()
    monkeypatch.setattr(engine, "BLOCKS", 1)
    whole = convkit.convolve_separable(sent(x.copy()), [down * 1.0, across], boundary="edge", dtype=np.float64).copy_to_host()
    assert marched == [(3, 11)] * 2
    np.testing.assert_array_equal(got, whole)
    assert near(got, convkit.convolve_separable(x, [down, across], boundary="edge"), x, np.outer(down, across), "float64",
                boundary="edge")


def test_planes_are_walked_through(rng, monkeypatch, marched):
    from convkit.engines.cuda import direct as engine

    monkeypatch.setattr(engine, "MOST", 2)
    x, taps = rng.standard_normal((5, 4, 6)), rng.standard_normal(3)
    got = convkit.convolve_separable(sent(x), [taps, taps], axes=(1, 2)).copy_to_host()
    assert marched == [(3, 3)]
    np.testing.assert_array_equal(got, np.stack([one_by_one(plane, taps, taps).copy_to_host() for plane in x]))


@pytest.mark.parametrize("axes", [(2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("mode", ["full", "valid"])
def test_the_third_axis_has_a_pass_of_its_own(axes, mode, rng, marched):
    x = rng.standard_normal((5, 6, 7))
    taps = [rng.standard_normal(k) for k in (2, 3, 4)]
    options = {"axes": axes, "boundary": "constant", "fill_value": 2.0, "mode": mode}
    got = convkit.convolve_separable(sent(x), taps, **options).copy_to_host()
    assert len(marched) == 1
    np.testing.assert_allclose(got, convkit.convolve_separable(x, taps, **options), rtol=0, atol=1e-11)


def test_taps_without_room_pass_one_by_one(rng, marched, monkeypatch):
    from convkit.engines.cuda import direct as engine

    x, down, across = rng.standard_normal((8, 9)), rng.standard_normal(4), rng.standard_normal(3)
    room = engine.march_for(x.dtype).shared((4, 3), 8)
    for shared, expected in ((room, [(3, 4)]), (room - 1, [(3, 4)])):
        monkeypatch.setattr(engine, "SHARED", shared)
        got = convkit.convolve_separable(sent(x), [down, across], mode="full", fill_value=shared * 1.0, boundary="constant")
        assert marched == expected
        want = convkit.convolve_separable(x, [down, across], mode="full", fill_value=shared * 1.0, boundary="constant")
        np.testing.assert_allclose(got.copy_to_host(), want, rtol=1e-12)


def test_axes_that_are_not_the_last_two_pass_one_by_one(rng, marched):
    x, taps = rng.standard_normal((4, 5, 6)), rng.standard_normal(3)
    got = convkit.convolve_separable(sent(x), [taps, taps], axes=(0, 1)).copy_to_host()
    assert marched == []
    np.testing.assert_allclose(got, convkit.convolve_separable(x, [taps, taps], axes=(0, 1)), rtol=0, atol=1e-12)


def test_shared_memory_holds_31_taps_both_ways():
    from convkit.engines.cuda.direct import BLOCKS, MARCHES
    from convkit.engines.cuda.grids import SHARED

    assert MARCHES[4].shared((31, 31), 4) * BLOCKS // 132 <= 220 << 10
    for size, march in MARCHES.items():
        assert march.shared((31, 31), size) <= SHARED
        assert march.high * march.wide == march.lanes * march.warps * march.length * march.columns


def test_no_wave_of_blocks_is_mostly_idle(rng, monkeypatch):
    """Blocks of a device under 31 taps: they all run at once, or in waves that are nearly full."""
    from convkit._core.geometry import axis_geometry
    from convkit.engines.cuda import direct as engine

    grids = []
    launches = engine.Launches
    monkeypatch.setattr(engine, "Launches", lambda kernel, grid, *how: grids.append(grid) or launches(kernel, grid, *how))
    monkeypatch.setattr(engine, "march_for", lambda dtype: engine.MARCHES[dtype.itemsize])
    for size in (2048, 4096, 8192):
        g = axis_geometry(size, 31, "same")
        single, taps = np.dtype("float32"), [rng.standard_normal(31)] * 2
        engine.prepare_separable((size, size), single, taps, (g, g), ("zero", "zero"), 0.0, (0, 1), single)
        blocks = np.prod(grids[-1])
        assert blocks / engine.BLOCKS / -(-blocks // engine.BLOCKS) > 0.75


def test_neighbouring_threads_meet_no_bank_twice():
    """Across, eight threads read or write 16 bytes each at a time: those of 32 banks of 4 bytes; down, 32 threads 4 bytes."""
    from convkit.engines.cuda.direct import MARCHES

    march = MARCHES[4]
    groups = march.high // march.rows
    for line in (march.line(4), *(march.pitch(taps, 4) for taps in range(1, 40))):
        for first in range(0, march.lanes * march.warps, 8):
            at = [rank % groups * line + (left if left < march.wide else left - march.wide + 8)
                  for rank in range(first, first + 8) for left in [rank // groups * 16]]
            assert not any(place % 4 for place in at)
            assert len({place % 32 for place in at}) == 8
    apart = march.wide // march.columns
    for first in range(0, march.lanes * march.warps, 32):
        at = [rank % apart + rank // apart * march.length * march.line(4) for rank in range(first, first + 32)]
        assert len({place % 32 for place in at}) == 32


def test_the_block_of_a_device(rng, monkeypatch, marched):
    from convkit.engines.cuda import direct as engine

    monkeypatch.setattr(engine, "march_for", lambda dtype: engine.MARCHES[dtype.itemsize])
    x, down, across = rng.standard_normal((9, 136)).astype(np.float32), rng.standard_normal(3), rng.standard_normal(4)
    got = convkit.convolve_separable(sent(x), [down, across], boundary="reflect").copy_to_host()
    assert marched == [(4, 3)]
    np.testing.assert_array_equal(got, one_by_one(x, across, down, boundary="reflect").copy_to_host())
