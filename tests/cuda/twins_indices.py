"""Arithmetic of whole numbers and of yes and no, extremes, and elements named by arrays, on a CUDA device as NumPy has them."""

import numpy as np
import pytest

from convkit.autodiff import Tensor
from convkit.engines.cuda import arrays
from tests.cuda.twins_networks import near

RNG = np.random.default_rng(27)
X = RNG.standard_normal((3, 4, 2))
WHOLE = RNG.integers(-3, 4, (3, 4))
ROWS, COLUMNS = np.array([2, 0, -1, 2]), np.array([[1], [3]])


def exact(got, want):
    assert (got.shape, got.dtype) == (np.shape(want), np.asarray(want).dtype)
    np.testing.assert_array_equal(got.cpu(), want)


NUMBERS = {
    "sum of whole numbers": lambda a: a.sum(1),
    "quotient": lambda a: a / 2,
    "product and difference": lambda a: 2 * a - a * a,
    "size": lambda a: abs(-a),
    "yes and no": lambda a: (a > 0) & ~(a == 2) | (a < -1),
    "how many": lambda a: (a == 1).sum(),
    "counted": lambda a: np.count_nonzero(a, axis=0, keepdims=True),
    "any": lambda a: (a > 2).any(1),
    "all": lambda a: (a < 3).all(),
    "share": lambda a: (a > 0).mean(),
    "held": lambda a: np.clip(a, -1, 2),
    "chosen": lambda a: np.where(a > 0, a, 7),
    "no numbers": lambda a: np.isnan(a / (a * 1.0)),
    "first of all": lambda a: a.argmin(),
    "first of lines": lambda a: np.argmax(a, 0),
}


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
@pytest.mark.parametrize("name", NUMBERS)
def test_whole_numbers_and_yes_and_no(name):
    exact(NUMBERS[name](arrays.sent(WHOLE)), NUMBERS[name](WHOLE))


def test_extremes_of_long_lines_go_by_parts():
    x = RNG.integers(0, 9, (2, 300)).astype(float)
    there = arrays.sent(x)
    exact(there.argmax(1), x.argmax(1))
    exact(there.argmin(), x.argmin())
    exact(there.max(1), x.max(1))
    x[1, 250] = x[1, 280] = np.nan
    there = arrays.sent(x)
    exact(there.argmax(1), x.argmax(1))
    exact(np.minimum.reduce(there, 1), np.minimum.reduce(x, 1))


PARTS = {
    "rows": lambda x, r, c: x[r],
    "two lists": lambda x, r, c: x[r[:2], c[:, 0]],
    "stretched": lambda x, r, c: x[r, c],
    "beside a slice": lambda x, r, c: x[1:, c, ::-1],
    "apart": lambda x, r, c: x[r, :, 1],
    "one of an axis": lambda x, r, c: x[..., r % 2],
}


@pytest.mark.parametrize("name", PARTS)
def test_elements_named_by_arrays_of_either_place(name):
    want = PARTS[name](X, ROWS, COLUMNS)
    near(PARTS[name](arrays.sent(X), ROWS, COLUMNS), want)
    if name != "one of an axis":
        near(PARTS[name](*map(arrays.sent, (X, ROWS, COLUMNS))), want)


def test_elements_named_by_arrays_are_written_and_added_to():
    x, there = X.copy(), arrays.sent(X)
    for a, b, lines in ((x, RNG_LINES, np.array), (there, arrays.sent(RNG_LINES), arrays.sent)):
        a[[2, 0]] = b
        a[:, [1, 3], 0] = 5
        np.add.at(a, (slice(None), [0, 0, -1]), b[0, :3])
        a[np.array([True, False, True]), 2] = 9
        places = lines(np.array([[[0, 0]], [[3, 1]], [[2, 2]]]))
        np.put_along_axis(a, places, np.take_along_axis(a, places, 1) * 2, 1)
    near(there, x)


RNG_LINES = RNG.standard_normal((2, 4, 2))


def test_places_that_are_none():
    there = arrays.sent(X)
    with pytest.raises(IndexError, match="index 3 names no element of an axis of length 3"):
        _ = there[[0, 3]]
    with pytest.raises(TypeError, match="names no elements"):
        _ = there[[0.5]]
    got = there[arrays.sent(np.array([0, 3, -4]))].cpu()  # nothing is fetched to look at them
    np.testing.assert_array_equal(got[0], X[0])
    assert np.isnan(got[1:]).all()
    assert np.isnan(there[arrays.sent(np.array([1])), arrays.sent(np.array([5]))].cpu()).all()
    there[arrays.sent(np.array([3]))] = 1.0
    near(there, X)


def test_right_answers_are_counted_as_scripts_count_them():
    scores, labels = Tensor(X[:, :, 0]).to("cuda"), Tensor(np.array([0, 3, 1])).to("cuda")
    _, predicted = scores.max(1)
    assert (predicted == labels).sum().item() == (X[:, :, 0].argmax(1) == [0, 3, 1]).sum()


def test_products_of_what_does_not_fit_are_refused():
    a = arrays.sent(X)
    with pytest.raises(ValueError, match="2 columns meet 4 rows"):
        _ = a @ a
    with pytest.raises(ValueError, match=r"write \*"):
        _ = a @ 2
    with pytest.raises(ValueError, match="of no numbers"):
        arrays.sent(np.zeros((0, 2))).max()
