"""convolution_matrix against padding by numpy and valid convolution by scipy."""

import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from convkit.matrix import convolution_matrix

NUMPY_WORD = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
ALIASES = {
    "constant": "zero",
    "fill": "zero",
    "nearest": "edge",
    "replicate": "edge",
    "mirror": "reflect",
    "symm": "symmetric",
    "periodic": "wrap",
    "circular": "wrap",
    "grid-wrap": "wrap",
}


def padded(x, halo, boundaries):
    for axis, (pair, word) in enumerate(zip(halo, boundaries, strict=True)):
        widths = [(0, 0)] * x.ndim
        widths[axis] = pair
        x = np.pad(x, widths, mode=NUMPY_WORD[word])
    return x


def oracle(x, w, mode, boundaries):
    """Extend by numpy.pad, convolve by scipy, keep what needs no more samples."""
    if mode == "valid":
        return scipy.signal.convolve(x, w, mode="valid", method="direct")
    if mode == "full":
        halo = [(k - 1, k - 1) for k in w.shape]
    else:
        halo = [(k - 1 - (k - 1) // 2, (k - 1) // 2) for k in w.shape]
    return scipy.signal.convolve(padded(x, halo, boundaries), w, mode="valid", method="direct")


def check(w, shape, mode, boundary, boundaries, rng):
    x = rng.integers(-9, 10, shape).astype(float)
    want = oracle(x, w, mode, boundaries)
    matrix = convolution_matrix(w, shape, mode=mode, boundary=boundary)
    assert matrix.shape == (want.size, x.size)
    np.testing.assert_array_equal(matrix @ x.ravel(), want.ravel())
    return matrix


@st.composite
def cases(draw):
    ndim = draw(st.integers(1, 3))
    longest = (9, 6, 4)[ndim - 1]
    lengths = st.lists(st.integers(1, longest), min_size=ndim, max_size=ndim)
    mode = draw(st.sampled_from(["same", "full", "valid"]))
    n, k = draw(lengths), draw(lengths)
    if mode == "valid":
        n, k = np.maximum(n, k), np.minimum(n, k)
        if draw(st.booleans()):
            n, k = k, n
    boundaries = draw(st.lists(st.sampled_from(list(NUMPY_WORD)), min_size=ndim, max_size=ndim))
    return tuple(map(int, n)), tuple(map(int, k)), mode, tuple(boundaries), draw(st.integers(0, 2**32 - 1))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_equals_padding_and_valid_convolution(case):
    shape, taps, mode, boundaries, seed = case
    rng = np.random.default_rng(seed)
    w = rng.integers(-5, 6, taps).astype(float)
    check(w, shape, mode, boundaries, boundaries, rng)


@pytest.mark.parametrize("boundary", NUMPY_WORD)
@pytest.mark.parametrize("mode", ["same", "full", "valid"])
@pytest.mark.parametrize(
    ("shape", "taps"),
    [((7,), (4,)), ((1,), (5,)), ((2,), (9,)), ((5, 6), (3, 2)), ((2, 3), (5, 4)), ((4, 3, 5), (2, 3, 2))],
)
def test_one_word_for_all_axes(shape, taps, mode, boundary):
    rng = np.random.default_rng(5)
    w = rng.integers(-5, 6, taps).astype(float)
    check(w, shape, mode, boundary, (boundary,) * len(shape), rng)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases(alias, name):
    w = [1.0, 2.0, 4.0, 8.0]
    by_alias = convolution_matrix(w, 5, boundary=alias).toarray()
    np.testing.assert_array_equal(by_alias, convolution_matrix(w, 5, boundary=name).toarray())


def test_boundaries_differ():
    dense = [convolution_matrix([1.0, 2.0, 4.0, 8.0], 5, boundary=name).toarray() for name in NUMPY_WORD]
    for a, b in itertools.combinations(dense, 2):
        assert not np.array_equal(a, b)


def test_same_by_hand():
    want = [[2, 1, 0, 0], [3, 2, 1, 0], [0, 3, 2, 1], [0, 0, 3, 2]]
    np.testing.assert_array_equal(convolution_matrix([1, 2, 3], 4).toarray(), want)


def test_a_reflected_halo_sums_taps_by_hand():
    # x = [p, q] mirrored without end is ... q p q p q ...; the taps at odd distance read the other sample.
    dense = convolution_matrix([1.0, 2.0, 4.0, 8.0, 16.0], 2, boundary="reflect").toarray()
    np.testing.assert_array_equal(dense, [[1 + 4 + 16, 2 + 8], [2 + 8, 1 + 4 + 16]])


def test_toeplitz_matrix_of_scipy():
    w = np.array([1.0, -2.0, 0.5, 3.0])
    for n, mode in itertools.product((4, 7), ("full", "same", "valid")):
        want = scipy.linalg.convolution_matrix(w, n, mode=mode)
        np.testing.assert_array_equal(convolution_matrix(w, n, mode=mode).toarray(), want)


@settings(max_examples=100, deadline=None)
@given(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_transpose_of_full_is_valid_correlation(shape, taps):
    rng = np.random.default_rng(0)
    w = rng.integers(-5, 6, taps).astype(float)
    full = convolution_matrix(w, shape, mode="full")
    y_shape = tuple(n + k - 1 for n, k in zip(shape, taps, strict=True))
    y = rng.integers(-9, 10, y_shape).astype(float)
    want = scipy.signal.convolve(y, np.flip(w), mode="valid", method="direct")
    np.testing.assert_array_equal(full.T @ y.ravel(), want.ravel())
    valid = convolution_matrix(np.flip(w), y_shape, mode="valid")
    np.testing.assert_array_equal(full.T.toarray(), valid.toarray())


@pytest.mark.parametrize("boundary", ["zero", "wrap"])
@pytest.mark.parametrize("taps", [(3, 3), (1, 5), (5, 3)])
def test_transpose_of_same_is_same_with_flipped_odd_weights(taps, boundary):
    w = np.random.default_rng(1).standard_normal(taps)
    matrix = convolution_matrix(w, (6, 7), boundary=boundary).toarray()
    np.testing.assert_array_equal(matrix.T, convolution_matrix(np.flip(w), (6, 7), boundary=boundary).toarray())


@settings(max_examples=50, deadline=None)
@given(cases())
def test_conjugate_transpose_is_the_adjoint(case):
    shape, taps, mode, boundaries, seed = case
    rng = np.random.default_rng(seed)

    def gaussian_integers(size):
        return rng.integers(-5, 6, size) + 1j * rng.integers(-5, 6, size)

    w, x = gaussian_integers(taps), gaussian_integers(shape)
    matrix = convolution_matrix(w, shape, mode=mode, boundary=boundaries)
    forward = oracle(x, w, mode, boundaries)
    y = gaussian_integers(forward.shape)
    assert np.vdot(y, forward) == np.vdot(matrix.conj().T @ y.ravel(), x.ravel())


def test_linear_in_the_weights():
    rng = np.random.default_rng(2)
    a, b = rng.integers(-4, 5, (2, 3, 4)).astype(float)
    left = convolution_matrix(2 * a - 3 * b, (5, 5), boundary="edge").toarray()
    right = [convolution_matrix(w, (5, 5), boundary="edge").toarray() for w in (a, b)]
    np.testing.assert_array_equal(left, 2 * right[0] - 3 * right[1])


@pytest.mark.parametrize(
    ("given_dtype", "kept"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("complex64", "complex64"),
        ("complex128", "complex128"),
        ("float16", "float32"),
        ("uint8", "float64"),
        ("int64", "float64"),
        ("bool", "float64"),
        (">f4", "float32"),
    ],
)
def test_dtype(given_dtype, kept):
    w = np.ones((2, 3), dtype=given_dtype)
    matrix = convolution_matrix(w, (4, 4))
    assert matrix.dtype == np.dtype(kept)
    assert matrix.dtype.isnative
    np.testing.assert_array_equal(matrix.toarray(), convolution_matrix(w.astype("complex128"), (4, 4)).toarray())


def test_canonical_and_as_small_as_it_can_be():
    w = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    matrix = convolution_matrix(w, (6, 6), mode="valid")
    assert matrix.nnz == 3 * 5 * 4
    assert matrix.indices.dtype == np.int32
    wrapped = convolution_matrix(np.ones(9), 4, boundary="wrap")
    assert wrapped.has_canonical_format
    assert wrapped.nnz == 16


def test_weights_that_vanish_give_an_empty_matrix():
    matrix = convolution_matrix(np.zeros((3, 3)), (4, 5))
    assert matrix.shape == (20, 20)
    assert matrix.nnz == 0


def test_reads_only():
    w = np.arange(6.0).reshape(2, 3)[:, ::-1]
    w.setflags(write=False)
    np.testing.assert_array_equal(
        convolution_matrix(w, [4, 4]).toarray(), convolution_matrix(w.tolist(), (4, 4)).toarray()
    )


@pytest.mark.parametrize(
    ("weights", "shape", "options", "error", "words"),
    [
        ([], 4, {}, ValueError, ["weights", "(0,)", "at least one"]),
        (2.0, 4, {}, ValueError, ["weights", "2.0", "at least one axis"]),
        (np.ones((1, 1, 1, 1)), (1, 1, 1, 1), {}, ValueError, ["weights", "4 axes", "1, 2 or 3"]),
        (np.array(["a"]), 4, {}, TypeError, ["weights", "<U1"]),
        (np.array([None]), 4, {}, TypeError, ["weights", "object"]),
        (np.ones(3, dtype=np.longdouble), 4, {}, TypeError, ["weights", "astype"]),
        (np.ones(3), (4, 4), {}, ValueError, ["shape", "(4, 4)", "2 axes", "one length per axis"]),
        (np.ones((3, 3)), 4, {}, ValueError, ["shape", "1 axes"]),
        (np.ones(3), 0, {}, ValueError, ["shape", "0", "at least 1"]),
        (np.ones(3), -2, {}, ValueError, ["shape", "-2"]),
        (np.ones(3), 4.5, {}, TypeError, ["shape", "4.5", "integers"]),
        (np.ones(3), "four", {}, TypeError, ["shape", "four"]),
        (np.ones(3), 4, {"mode": "wide"}, ValueError, ["mode", "wide", "full", "same", "valid"]),
        (np.ones(3), 4, {"boundary": "mirrored"}, ValueError, ["boundary", "mirrored", "a b c d"]),
        (np.ones((3, 3)), (4, 4), {"boundary": ("wrap",) * 3}, ValueError, ["boundary", "wrap"]),
        (np.ones((2, 5)), (4, 3), {"mode": "valid"}, ValueError, ["valid", "(4, 3)", "(2, 5)", "full"]),
    ],
)
def test_refusals(weights, shape, options, error, words):
    with pytest.raises(error) as caught:
        convolution_matrix(weights, shape, **options)
    for word in words:
        assert word in str(caught.value)
