"""The rivals' adapters give what convkit gives (boundaries, even kernels, dtypes) with as many threads as they are told."""

import importlib

import numpy as np
import pytest

import convkit
from convkit.bench import contest, rivals
from convkit.bench.cases import BOUNDARIES, gaussian
from convkit.bench.rivals import RIVALS, Task, installed, only

WORDS = {name: word for word, names in rivals.GROUPS.items() for name in names}
SHAPES = [((40,), (5,)), ((41,), (8,)), ((19, 24), (3, 9)), ((24, 19), (4, 5)), ((21, 20), (6, 2)), ((9, 11, 10), (3, 4, 5))]


def needs(rival):
    if not installed(WORDS[rival]):
        pytest.skip(f"{WORDS[rival]} is not installed")


def task(rng, shape, taps, boundary="zero", dtype="float64", separable=False):
    x = rng.integers(0, 256, shape, np.uint8) if dtype == "uint8" else rng.standard_normal(shape).astype(dtype)
    precision = np.float32 if dtype == "uint8" else np.dtype(dtype)
    if not separable:
        w = rng.random(taps) + 0.1
        return Task(x, (w / w.sum()).astype(precision), None, boundary)
    lines = tuple((line / line.sum()).astype(precision) for line in (rng.random(k) + 0.1 for k in taps))
    w = lines[0]
    for line in lines[1:]:
        w = np.multiply.outer(w, line)
    return Task(x, w, lines, boundary)


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("shape", "taps"), SHAPES)
@pytest.mark.parametrize("rival", RIVALS)
def test_every_call_gives_what_convkit_gives(rng, rival, shape, taps, boundary, separable):
    needs(rival)
    work = task(rng, shape, taps, boundary, separable=separable)
    expected = convkit.convolve(work.x, work.weights, boundary=boundary, method="direct")
    calls = RIVALS[rival](work, 2)
    assert len({contender.name for contender in calls}) == len(calls)
    for contender in calls:
        result = contender.call()
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, atol=1e-12, err_msg=contender.name)


@pytest.mark.parametrize(
    ("rival", "dims", "boundary", "names"),
    [
        ("scipy.signal", 2, "zero", {"signal.fftconvolve", "signal.oaconvolve", "signal.convolve2d"}),
        ("scipy.signal", 1, "edge", {"signal.fftconvolve", "signal.oaconvolve", "signal.convolve direct"}),
        ("scipy.ndimage", 3, "wrap", {"ndimage.convolve", "ndimage.convolve1d"}),
        ("numpy", 1, "reflect", {"np.convolve"}),
        ("numpy", 2, "zero", set()),
        ("opencv", 1, "zero", set()),
        ("opencv", 2, "symmetric", {"cv2.filter2D", "cv2.sepFilter2D"}),
        ("opencv", 2, "wrap", set()),
        ("opencv", 3, "zero", set()),
        ("torch", 1, "zero", {"torch conv1d"}),
        ("torch", 2, "wrap", {"torch conv2d", "torch conv2d per axis"}),
        ("torch", 3, "zero", {"torch conv3d", "torch conv3d per axis"}),
        ("torch", 2, "symmetric", set()),
    ],
)
def test_each_lists_the_calls_that_it_knows(rng, rival, dims, boundary, names):
    needs(rival)
    work = task(rng, (12,) * dims, (4,) * dims, boundary, "float32", separable=dims > 1)
    assert {contender.name for contender in RIVALS[rival](work, 1)} == names


def test_with_more_workers_scipy_may_use_them(rng):
    names = [contender.name for contender in RIVALS["scipy.signal"](task(rng, (12, 12), (3, 3)), 2)]
    assert {"signal.fftconvolve, 2 workers", "signal.oaconvolve, 2 workers"} <= set(names)


@pytest.mark.parametrize("taps", [(3, 3), (4, 7)])
def test_opencv_rounds_bytes_as_convkit_does_to_within_one(rng, taps):
    needs("opencv")
    work = task(rng, (31, 33), taps, "reflect", "uint8")
    (contender,) = RIVALS["opencv"](work, 1)
    expected = convkit.convolve(work.x, work.weights, boundary="reflect", dtype="uint8")
    result = contender.call()
    assert result.dtype == np.uint8
    assert np.abs(result.astype(int) - expected).max() <= 1
    assert contest.compare({"a": result, "b": expected}, {"a": 1.0, "b": 1.0}, 1.0, 0.5)[0] <= 1


def test_opencv_has_a_box_where_all_taps_are_equal(rng):
    needs("opencv")
    line = np.full(4, 0.25, np.float32)
    x = rng.random((20, 22), np.float32)
    work = Task(x, np.multiply.outer(line, line), (line, line))
    (box,) = only(RIVALS["opencv"](work, 1), "cv2.blur")
    np.testing.assert_allclose(box.call(), convkit.convolve_separable(x, [line, line]), atol=1e-6)
    uneven = Task(x, gaussian(4, 2).astype(np.float32), (gaussian(4, 1).astype(np.float32),) * 2)
    assert not only(RIVALS["opencv"](uneven, 1), "cv2.blur")


def test_torch_is_not_asked_to_unroll_more_than_the_memory_holds():
    needs("torch")
    x = np.broadcast_to(np.float64(1), (64, 64, 64))
    assert RIVALS["torch"](Task(x, np.ones((15, 15, 15))), 1) == []
    assert RIVALS["torch"](Task(x.astype(np.float32), np.ones((15, 15, 15), np.float32)), 1) != []


def test_numpy_is_left_out_where_its_same_is_another(rng):
    assert RIVALS["numpy"](task(rng, (5,), (9,)), 1) == []


@pytest.mark.parametrize(
    ("word", "module", "read"), [("opencv", "cv2", "getNumThreads"), ("torch", "torch", "get_num_threads")]
)
def test_threads_are_set_and_restored(word, module, read):
    pytest.importorskip(module)
    count = getattr(importlib.import_module(module), read)
    before = count()
    with rivals.threads(1):
        assert count() == 1
        with rivals.threads(2, [word]):
            assert count() == 2
        assert count() == 1
        other = "torch" if word == "opencv" else "opencv"
        with rivals.threads(2, [other]):
            assert count() == 1
    assert count() == before


def test_words_stand_for_rivals_and_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(rivals, "installed", lambda word: word != "torch")
    assert rivals.choose_rivals("torch, SciPy") == (("scipy.signal", "scipy.ndimage"), ["torch"])
    assert rivals.choose_rivals("opencv opencv") == (("opencv",), [])


def test_a_word_that_is_no_rival_is_refused():
    with pytest.raises(ValueError, match=r"--rivals is 'scipy,matlab'; 'matlab' is not known; give some of scipy"):
        rivals.choose_rivals("scipy,matlab")


def test_versions_say_what_is_there(monkeypatch):
    found = rivals.rival_versions()
    assert set(found) == {"opencv", "torch"}
    for word, version in found.items():
        assert (version != "not installed") == installed(word)
