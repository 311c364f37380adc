"""Every bad argument is refused by its name, its value and what is allowed, before anything is written."""

from __future__ import annotations

import numpy as np
import pytest

import convkit

X1, X2, X3 = np.ones(6), np.ones((6, 7)), np.ones((5, 6, 7))
W1, W2, W3 = np.ones(3), np.ones((3, 3)), np.ones((3, 3, 3))
BOTH = (convkit.convolve, convkit.correlate)
MODES = ("mode", "full", "same", "valid")
WORDS = ("zero", "edge", "reflect", "symmetric", "wrap")


def refused(call, *words):
    """The call raises ValueError or TypeError whose message has all the words."""
    with pytest.raises((ValueError, TypeError)) as refusal:
        call()
    message = str(refusal.value)
    for word in words:
        assert str(word) in message, f"{word!r} is not in: {message}"
    return message


BAD = {
    "mode word": ({"mode": "half"}, (*MODES, "'half'")),
    "mode case": ({"mode": "FULL"}, (*MODES, "'FULL'")),
    "mode type": ({"mode": 1}, (*MODES, "1")),
    "mode none": ({"mode": None}, (*MODES, "None")),
    "boundary word": ({"boundary": "mirrored"}, ("boundary", "'mirrored'", *WORDS, "a b c d")),
    "boundary type": ({"boundary": 3}, ("boundary", "3", *WORDS)),
    "boundary none": ({"boundary": None}, ("boundary", "None", *WORDS)),
    "boundary count": ({"boundary": ("wrap",) * 3}, ("boundary", "3", "2")),
    "boundary in a tuple": ({"boundary": ("wrap", "warp")}, ("boundary", "'warp'", *WORDS)),
    "method word": ({"method": "winograd"}, ("method", "'winograd'", "auto", "direct", "separable", "fft")),
    "method type": ({"method": None}, ("method", "None", "auto", "direct", "separable", "fft")),
    "fill value with zero": ({"fill_value": 1.0}, ("fill_value", "1.0", "'constant'")),
    "fill value with wrap": ({"fill_value": 2.5, "boundary": "wrap"}, ("fill_value", "2.5", "'constant'")),
    "fill value with no constant axis": (
        {"fill_value": 2.5, "boundary": ("wrap", "edge")}, ("fill_value", "2.5", "'constant'")),
    "fill value with zero on an axis": (
        {"fill_value": 2.5, "boundary": ("zero", "constant")}, ("fill_value", "2.5", "'constant'")),
    "fill value word": ({"fill_value": "one", "boundary": "constant"}, ("fill_value", "'one'")),
    "fill value array": ({"fill_value": [1.0, 2.0], "boundary": "constant"}, ("fill_value",)),
    "fill value complex": ({"fill_value": 1j, "boundary": "constant"}, ("fill_value", "1j")),
    "axes count": ({"axes": (0,)}, ("axes", "(0,)", "2")),
    "axes many": ({"axes": (0, 1, 1)}, ("axes", "(0, 1, 1)", "2")),
    "axes twice": ({"axes": (0, 0)}, ("axes", "(0, 0)")),
    "axes twice by sign": ({"axes": (1, -1)}, ("axes", "(1, -1)")),
    "axes beyond": ({"axes": (0, 2)}, ("axes", "2", "-2")),
    "axes below": ({"axes": (0, -3)}, ("axes", "-3", "-2")),
    "axes type": ({"axes": (0, 1.0)}, ("axes", "1.0")),
    "axes word": ({"axes": "xy"}, ("axes", "'xy'")),
    "dtype object": ({"dtype": object}, ("dtype", "object", "float32")),
    "dtype longdouble": ({"dtype": np.longdouble}, ("dtype", np.dtype(np.longdouble).name, "float32")),
    "dtype text": ({"dtype": "U3"}, ("dtype", "float32")),
    "dtype nonsense": ({"dtype": "float33"}, ("dtype", "float33", "float32")),
    "dtype time": ({"dtype": "datetime64[s]"}, ("dtype", "datetime64", "float32")),
    "workers zero": ({"workers": 0}, ("workers", "0")),
    "workers fraction": ({"workers": 1.5}, ("workers", "1.5")),
    "workers word": ({"workers": "all"}, ("workers", "'all'")),
    "workers too low": ({"workers": -100_000}, ("workers", "-100000")),
    "nan policy word": ({"nan_policy": "ignore"}, ("nan_policy", "'ignore'", "propagate", "omit", "raise")),
    "nan policy type": ({"nan_policy": None}, ("nan_policy", "None", "propagate", "omit", "raise")),
    "mask shape": ({"mask": np.ones((7, 6), bool)}, ("mask", "(7, 6)", "(6, 7)")),
    "mask dimension": ({"mask": np.ones(7, bool)}, ("mask", "(7,)", "(6, 7)")),
    "mask type": ({"mask": np.full((6, 7), "yes")}, ("mask", "bool")),
    "out shape": ({"out": np.zeros((7, 6))}, ("out", "(7, 6)", "(6, 7)")),
    "out shape of another mode": ({"out": np.zeros((6, 7)), "mode": "full"}, ("out", "(6, 7)", "(8, 9)")),
    "out dtype": ({"out": np.zeros((6, 7), np.float32)}, ("out", "float32", "float64")),
    "out dtype integer": ({"out": np.zeros((6, 7), np.int64)}, ("out", "int64", "float64")),
    "out not of dtype=": ({"out": np.zeros((6, 7)), "dtype": np.float32}, ("out", "float32", "float64")),
    "out type": ({"out": [[0.0] * 7] * 6}, ("out", "list")),
    "unknown keyword": ({"stride": 2}, ("stride",)),
}  # fmt: skip


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("what", BAD)
def test_bad_options(what, function):
    options, words = BAD[what]
    refused(lambda: function(X2, W2, **options), *words)


@pytest.mark.parametrize("what", [k for k in BAD if not k.startswith("out")])
def test_bad_options_with_integers(what):
    options, words = BAD[what]
    refused(lambda: convkit.convolve(X2.astype(np.uint8), W2.astype(int), **options), *words)


@pytest.mark.parametrize("what", [k for k in BAD if not k.startswith("method")])
def test_bad_options_of_separable(what):
    options, words = BAD[what]
    refused(lambda: convkit.convolve_separable(X2, [W1, W1], **options), *words)


@pytest.mark.parametrize("what", [k for k in BAD if not k.startswith("out")])
def test_nothing_is_written(what):
    options, _ = BAD[what]
    for function in (*BOTH, convkit.convolve_separable):
        if what.startswith("method") and function is convkit.convolve_separable:
            continue
        out = np.full((6, 7), -7.0)
        with pytest.raises((ValueError, TypeError)):
            function(X2, [W1, W1] if function is convkit.convolve_separable else W2, **(options | {"out": out}))
        np.testing.assert_array_equal(out, -7.0)


def test_an_out_that_cannot_be_written():
    out = np.zeros((6, 7))
    out.flags.writeable = False
    for call in (lambda: convkit.convolve(X2, W2, out=out), lambda: convkit.convolve_separable(X2, [W1, W1], out=out)):
        message = refused(call, "out")
        assert "read-only" in message or "writ" in message
    assert not out.any()


EMPTY = (np.ones(0), np.ones((0, 3)), np.ones((3, 0)), [], [[]])


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("empty", EMPTY)
def test_empty_arrays(empty, function):
    shape = np.shape(empty)
    full = np.ones((3,) * len(shape))
    refused(lambda: function(empty, full), "x", shape)
    refused(lambda: function(full, empty), "weights", shape)


def test_empty_taps():
    refused(lambda: convkit.convolve_separable(X2, [W1, []]), "taps")
    refused(lambda: convkit.convolve_separable(np.ones((0, 3)), [W1, W1]), "x", "(0, 3)")


def test_an_empty_batch():
    refused(lambda: convkit.convolve(np.ones((4, 5, 0)), W2, axes=(0, 1)), "x", "(4, 5, 0)")


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.array([1, 2, None], object), "object"), (np.ones(3, np.longdouble), np.dtype(np.longdouble).name),
        (np.ones(3, np.clongdouble), np.dtype(np.clongdouble).name), (np.array(["a", "b", "c"]), "<U1"),
        (np.array([b"a", b"b", b"c"]), "S1"), (np.zeros(3, "datetime64[s]"), "datetime64"),
        (np.zeros(3, [("a", int)]), "a"), (["a", "b", "c"], "<U1"),
    ],
)  # fmt: skip
def test_types_that_are_no_samples(array, word, function):
    refused(lambda: function(array, W1), "x", word, "float32")
    refused(lambda: function(X1, array), "weights", word, "float32")
    refused(lambda: convkit.convolve_separable(array, [W1]), "x", word)
    refused(lambda: convkit.convolve_separable(X1, [array]), "taps", word)


@pytest.mark.parametrize("function", BOTH)
def test_ragged_lists_and_things_that_are_no_arrays(function):
    refused(lambda: function([[1, 2], [3]], W2), "x")
    refused(lambda: function(X2, [[1, 2], [3]]), "weights")
    refused(lambda: function(None, W1), "x")
    refused(lambda: function(X1, None), "weights")
    refused(lambda: function({1, 2}, W1), "x")


@pytest.mark.parametrize("function", BOTH)
def test_dimensions(function):
    refused(lambda: function(1.0, W1), "x", "0")
    refused(lambda: function(X1, 2.0), "weights", "0")
    refused(lambda: function(np.ones((2, 2, 2, 2)), np.ones((2, 2, 2, 2))), "weights", "4", "3")
    refused(lambda: function(X1, W2), "weights", "2", "1")
    refused(lambda: function(X2, W3, axes=(0, 1)), "axes", "3")


@pytest.mark.parametrize("function", BOTH)
def test_weights_of_fewer_dimensions_name_the_fix(function):
    refused(lambda: function(X2, W1), "weights", "axes")
    refused(lambda: function(X3, W2), "weights", "axes")
    for channels in (3, 4):
        refused(lambda c=channels: function(np.ones((20, 30, c)), W2), "axes=(0, 1)")
    assert "axes=(0, 1)" not in refused(lambda: function(np.ones((3, 20, 30)), W2), "axes=")


def test_separable_taps():
    refused(lambda: convkit.convolve_separable(X2, [W1]), "taps", "1", "2")
    refused(lambda: convkit.convolve_separable(X2, [W1, W1, W1]), "taps", "3", "2")
    refused(lambda: convkit.convolve_separable(X2, [W1, W2]), "taps", "(3, 3)")
    refused(lambda: convkit.convolve_separable(X2, [W1, 2.0]), "taps")
    refused(lambda: convkit.convolve_separable(X2, [W1, W1], axes=0), "taps", "axes")
    refused(lambda: convkit.convolve_separable(np.ones((2, 2, 2, 2)), [W1] * 4), "taps", "4", "3")
    refused(lambda: convkit.convolve_separable(X2, None), "taps", "None")
    refused(lambda: convkit.convolve_separable(X2, [W1, W1], method="direct"), "method")


@pytest.mark.parametrize("function", BOTH)
def test_valid_with_neither_the_larger(function):
    refused(lambda: function(np.ones((3, 9)), np.ones((4, 2)), mode="valid"), "valid", "(3, 9)", "(4, 2)")
    refused(lambda: convkit.convolve_separable(np.ones((3, 9)), [np.ones(4), W1], mode="valid"), "valid", "3", "4")
    with pytest.raises(ValueError, match="valid"):
        convkit.choose_method((3, 9), (4, 2), mode="valid")


@pytest.mark.parametrize("function", BOTH)
def test_a_complex_result_has_no_real_type(function):
    for dtype in (np.float32, np.float64, np.uint8):
        refused(lambda d=dtype: function(X1, W1 * 1j, dtype=d), "dtype", np.dtype(dtype).name, "complex")
        refused(lambda d=dtype: function(X1 * 1j, W1, dtype=d), "dtype", np.dtype(dtype).name, "complex")


def test_separable_where_it_makes_no_sense(rng):
    five = rng.standard_normal((5, 5))
    refused(lambda: convkit.convolve(X2, five, method="separable"), "method", "rank", "5", "error")
    refused(lambda: convkit.convolve(X3, rng.standard_normal((3, 3, 3)), method="separable"), "rank", "error")
    convkit.convolve(np.ones((20, 20)), rng.standard_normal((9, 2)) @ rng.standard_normal((2, 9)), method="separable")


def test_only_keywords():
    for function in BOTH:
        with pytest.raises(TypeError):
            function(X1, W1, "full")
    with pytest.raises(TypeError):
        convkit.pad(X1, 1, "wrap")
    with pytest.raises(TypeError):
        convkit.choose_method(X1, W1, "full")


def test_set_workers():
    for n in (0, 1.5, "two", -100_000):
        refused(lambda n=n: convkit.set_workers(n), str(n))


def test_nothing_is_written_when_the_data_are_refused():
    out = np.full((6, 7), -7.0)
    x = X2.copy()
    x[2, 2] = np.nan
    for call in (
        lambda: convkit.convolve(x, W2, nan_policy="raise", out=out),
        lambda: convkit.convolve(x, W2 - 1, nan_policy="omit", out=out),
        lambda: convkit.convolve(x, np.eye(3), method="separable", out=out),
        lambda: convkit.convolve(x, np.ones((9, 2)), mode="valid", out=out),
        lambda: convkit.convolve(x.astype(object), W2, out=out),
        lambda: convkit.convolve(x, W1, out=out),
    ):
        with pytest.raises((ValueError, TypeError)):
            call()
    np.testing.assert_array_equal(out, -7.0)
