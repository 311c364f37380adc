"""Batches: their order, what a seed fixes, and going on where a run was broken off."""

from __future__ import annotations

import json

import numpy as np
import pytest

from convkit.data import ArrayLoader, Compose, Standardize

# The order printed in the lecture notes (deck 002, batches of 5 of 30 samples, used again in the second epoch).
NOTES = [27, 15, 23, 17, 8, 9, 28, 24, 12, 0, 4, 16, 5, 13, 11, 22, 1, 2, 25, 3, 21, 26, 18, 29, 20, 7, 10, 14, 19, 6]


def loader(n=23, **settings):
    x = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
    return ArrayLoader(x, np.arange(n), **{"batch_size": 4, **settings})


def labels(batches):
    return [y.tolist() for _, y in batches]


def noisy(images, rng):
    return images + rng.random(images.shape, np.float32)


def test_the_table_of_the_notes():
    x = np.linspace(0, 1, 30)
    batches = ArrayLoader(x, np.arange(30), batch_size=5, reshuffle=False, order=NOTES)
    assert len(batches) == 6
    seen = [(step, batch, [batch * 5 + i for i in range(5)], y.tolist()) for step, (batch, y) in enumerate(
        (batch, y) for _ in range(2) for batch, (_, y) in enumerate(batches))]
    assert seen[0] == (0, 0, [0, 1, 2, 3, 4], [27, 15, 23, 17, 8])
    assert seen[5] == (5, 5, [25, 26, 27, 28, 29], [7, 10, 14, 19, 6])
    assert seen[6] == (6, 0, [0, 1, 2, 3, 4], [27, 15, 23, 17, 8])
    assert [row[3] for row in seen] == 2 * np.reshape(NOTES, (6, 5)).tolist()


def test_an_epoch_has_each_sample_once_and_samples_keep_their_labels():
    batches = loader()
    for _ in range(3):
        seen = []
        for x, y in batches:
            np.testing.assert_array_equal(x, batches.x[y])
            seen += y.tolist()
        assert sorted(seen) == list(range(23))
        assert seen != list(range(23))


def test_epochs_differ_unless_reshuffle_is_off():
    again, new = loader(reshuffle=False), loader()
    first = labels(again)
    assert labels(again) == first
    assert labels(new) == first
    assert labels(new) != first


def test_without_shuffle_the_order_is_that_of_x():
    batches = loader(shuffle=False)
    for _ in range(2):
        assert np.concatenate(labels(batches)).tolist() == list(range(23))


def test_the_seed():
    assert labels(loader(seed=1)) == labels(loader(seed=1))
    assert labels(loader(seed=1)) != labels(loader(seed=2))


@pytest.mark.parametrize(("n", "size", "drop", "sizes"), [
    (23, 4, False, [4] * 5 + [3]), (23, 4, True, [4] * 5), (8, 4, True, [4, 4]), (3, 5, False, [3]), (3, 1, True, [1, 1, 1]),
])  # fmt: skip
def test_batch_sizes(n, size, drop, sizes):
    batches = loader(n, batch_size=size, drop_last=drop)
    assert len(batches) == len(sizes)
    assert [len(y) for _, y in batches] == sizes


def test_the_default_is_one_sample():
    assert [x.shape for x, _ in ArrayLoader(np.zeros((2, 5)), [0, 1])] == [(1, 5)] * 2


def test_dtypes_are_kept_and_batches_are_copies():
    images = np.zeros((4, 1, 2, 2), np.uint8)
    for x, y in ArrayLoader(images, np.zeros((4, 2), np.float32), batch_size=2):
        assert (x.dtype, y.dtype, x.shape, y.shape) == (np.uint8, np.float32, (2, 1, 2, 2), (2, 2))
        x[:] = 7
    assert not images.any()


def test_a_transform_draws_the_same_for_the_same_seed_and_anew_for_each_batch_and_epoch():
    def drawn(batches, epochs=2):
        seen = []

        def look(images, rng):
            seen.append(rng.random())
            return images

        batches.transform = look
        for _ in range(epochs):
            for _ in batches:
                pass
        return seen

    one = drawn(loader())
    assert one == drawn(loader())
    assert len(set(one)) == 12
    assert not set(one) & set(drawn(loader(seed=1)))


def test_labels_are_not_transformed():
    plain, changed = loader(), loader(transform=lambda images, rng: images[:, :1] + 5)
    for (x, y), (a, b) in zip(plain, changed, strict=True):
        np.testing.assert_array_equal(a, x[:, :1] + 5)
        np.testing.assert_array_equal(b, y)


@pytest.mark.parametrize("reshuffle", [True, False])
@pytest.mark.parametrize("done", range(14))
def test_a_resumed_run_draws_what_the_unbroken_one_would(done, reshuffle):
    def batches(run, epochs):
        for _ in range(epochs):
            yield from run

    settings = {"transform": noisy, "reshuffle": reshuffle, "seed": 3}
    whole = list(batches(loader(**settings), 3))
    broken = loader(**settings)
    run = batches(broken, 3)
    for _ in range(done):
        next(run)
    state = json.loads(json.dumps(broken.state_dict()))
    other = loader(**{**settings, "seed": 0})
    other.load_state_dict(state)
    rest = list(batches(other, 3))[: 18 - done]
    assert len(rest) == 18 - done
    for (x, y), (a, b) in zip(whole[done:], rest, strict=True):
        np.testing.assert_array_equal(x, a)
        np.testing.assert_array_equal(y, b)


def test_a_state_within_an_epoch_gives_its_rest_first():
    broken = loader()
    run = iter(broken)
    next(run), next(run)
    other = loader()
    other.load_state_dict(broken.state_dict())
    assert labels(other) == labels(run)
    assert labels(other) == labels(broken)  # the second epoch of both


def test_a_state_at_the_end_of_an_epoch_gives_the_next():
    broken = loader()
    list(broken)
    other = loader()
    other.load_state_dict(broken.state_dict())
    assert broken.state_dict() == {"seed": 0, "epoch": 1, "batch": 0, "samples": 23, "batch_size": 4}
    assert labels(other) == labels(broken)


def test_after_the_last_batch_was_handed_out_nothing_of_the_epoch_is_left():
    broken = loader()
    run = iter(broken)
    for _ in range(6):
        next(run)
    other = loader()
    other.load_state_dict(broken.state_dict())
    assert labels(other) == []
    assert len(labels(other)) == 6


def test_a_loop_that_is_left_early_is_an_epoch():
    batches, whole = loader(), loader()
    for _ in batches:
        break
    list(whole)
    assert labels(batches) == labels(whole)


def test_two_loops_at_once_are_two_epochs():
    batches, apart = loader(), loader()
    pairs = list(zip(batches, batches, strict=True))
    assert [y.tolist() for (_, y), _ in pairs] == labels(apart)
    assert [y.tolist() for _, (_, y) in pairs] == labels(apart)


@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"batch_size": 0}, ValueError, "batch_size=0"),
    ({"batch_size": -1}, ValueError, "batch_size=-1"),
    ({"batch_size": 2.5}, TypeError, "batch_size=2.5"),
    ({"batch_size": 24, "drop_last": True}, ValueError, "leaves no batch of 23 samples"),
    ({"seed": -1}, ValueError, "seed=-1"),
    ({"seed": None}, TypeError, "seed=None"),
    ({"order": NOTES, "reshuffle": False}, ValueError, "order of shape .30,.*each of the 23 samples once"),
    ({"order": [0] * 23, "reshuffle": False}, ValueError, "each of the 23 samples once"),
    ({"order": np.arange(23.0), "reshuffle": False}, ValueError, "dtype float64"),
    ({"order": range(23)}, ValueError, "reshuffle=True"),
    ({"order": range(23), "reshuffle": False, "shuffle": False}, ValueError, "shuffle=False"),
])  # fmt: skip
def test_refusals(settings, error, words):
    with pytest.raises(error, match=words):
        loader(**settings)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="x has 3 samples and y 2"):
        ArrayLoader(np.zeros((3, 1)), [0, 1])


@pytest.mark.parametrize("other", [{"n": 22}, {"batch_size": 5}])
def test_a_state_of_another_loader_is_refused(other):
    with pytest.raises(ValueError, match="the state is that of a loader with"):
        loader().load_state_dict(loader(**other).state_dict())


def test_a_generator_is_made_only_for_what_draws():
    seen = []

    class Still:
        draws = False

        def __call__(self, images, rng):
            seen.append(rng)
            return images

    class Drawing(Still):
        draws = True

    x, y = np.zeros((4, 1, 2, 2), np.float32), np.arange(4)
    for transform in (Still(), Drawing(), Compose([Standardize(0, 1), Still()]), Compose([Still(), Drawing()])):
        next(iter(ArrayLoader(x, y, batch_size=4, transform=transform)))
    assert [rng is None for rng in seen] == [True, False, True, False, False]
