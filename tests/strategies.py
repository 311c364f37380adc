"""Hypothesis strategies: what a caller may hand to the convolution family, drawn small and awkward."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from tests import reference

MODES = reference.MODES
BOUNDARIES = reference.BOUNDARIES
ALIASES = tuple(reference.CANONICAL)
FLOATS = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
DTYPES = FLOATS + COMPLEX + INTEGERS
LARGEST = {1: 12, 2: 8, 3: 5}  # samples along an axis, by dimension
WIDEST = {1: 13, 2: 6, 3: 4}  # taps along an axis: longer than the samples now and then


@dataclass(frozen=True)
class Case:
    """One call: ``convolve(x, weights, **options)``."""

    x: np.ndarray
    weights: np.ndarray
    options: dict = field(default_factory=dict)

    @property
    def dim(self):
        return self.weights.ndim

    @property
    def work(self):
        return reference.work_dtype(self.x.dtype, self.weights.dtype)

    @property
    def result(self):
        return reference.result_dtype(self.x.dtype, self.weights.dtype)

    def cast(self, work=None):
        """X and weights as the arithmetic sees them."""
        work = self.work if work is None else np.dtype(work)
        return self.x.astype(work), self.weights.astype(work)

    def expected(self, work=None):
        """The oracle's result, in a wider type."""
        work = self.work if work is None else np.dtype(work)
        x, weights = (a.astype(np.result_type(work, np.float64)) for a in self.cast(work))
        return reference.convolve(x, weights, precise=work in (np.float64, np.complex128), **self.options)


def values(rng, shape, dtype, flavour="plain"):
    """Samples of `dtype`: asymmetric, of both signs where there are any, of mixed magnitude in flavour 'mixed'."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        low, high = (0 if dtype.kind == "u" else -100), 100
        return rng.integers(low, high, shape, endpoint=True).astype(dtype)
    out = rng.standard_normal(shape)
    if dtype.kind == "c":
        out = out + 1j * rng.standard_normal(shape)
    if flavour == "mixed":
        out = out * 10.0 ** rng.integers(-3, 3, shape)
    elif flavour == "whole":
        out = np.round(3 * out)
    elif flavour == "sparse":
        out = out * (rng.random(shape) < 0.3)
    return out.astype(dtype)


FLAVOURS = st.sampled_from(("plain", "plain", "mixed", "whole", "sparse"))
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def shapes(draw, dim, mode):
    """Shapes of x and of the weights; with mode 'valid' one of them is the larger in every axis."""
    n = draw(st.lists(st.integers(1, LARGEST[dim]), min_size=dim, max_size=dim))
    k = draw(st.lists(st.integers(1, WIDEST[dim]), min_size=dim, max_size=dim))
    if mode == "valid":
        n, k = [max(p) for p in zip(n, k, strict=True)], [min(p) for p in zip(n, k, strict=True)]
        if draw(st.integers(0, 3)) == 0:
            n, k = k, n
    return tuple(n), tuple(k)


@st.composite
def boundaries(draw, dim, words=ALIASES):
    """A word, or a tuple of one per axis; with the fill value that may go with it."""
    rule = draw(st.sampled_from(words))
    if draw(st.integers(0, 2)) == 0:
        rule = tuple(draw(st.sampled_from(words)) for _ in range(dim))
    options = {"boundary": rule}
    if "constant" in reference.per_axis(rule, dim) and not {"zero", "fill"} & set(reference.per_axis(rule, dim)):
        options["fill_value"] = draw(st.sampled_from((0.0, 1.0, -2.5)))
    return options


@st.composite
def cases(
    draw, dims=(1, 2, 3), dtypes=DTYPES, weights_dtypes=(*FLOATS, *COMPLEX, "int8", "int64"), modes=MODES,
    words=ALIASES, batch=True, separable=False,
):  # fmt: skip
    """A whole call, without its method."""
    dim = draw(st.sampled_from(dims))
    mode = draw(st.sampled_from(modes))
    n, k = draw(shapes(dim, mode))
    options = {"mode": mode, **draw(boundaries(dim, words))}
    rng = np.random.default_rng(draw(SEEDS))
    extra = draw(st.sampled_from((0, 0, 0, 1, 2))) if batch else 0
    axes = None
    if extra:
        order = draw(st.permutations(range(dim + extra)))
        axes = tuple(order[:dim])
        full = [draw(st.integers(1, 3)) for _ in range(dim + extra)]
        for axis, length in zip(axes, n, strict=True):
            full[axis] = length
        n = tuple(full)
        if draw(st.booleans()):
            axes = tuple(a - (dim + extra) for a in axes)
        options["axes"] = axes[0] if dim == 1 and draw(st.booleans()) else axes
    x = values(rng, n, draw(st.sampled_from(dtypes)), draw(FLAVOURS))
    weights_dtype = np.dtype(draw(st.sampled_from(weights_dtypes)))
    if separable:
        weights = reference.dense([values(rng, side, weights_dtype, "plain") for side in k]).astype(weights_dtype)
    else:
        weights = values(rng, k, weights_dtype, draw(FLAVOURS))
    return Case(x, weights, options)


# --- layouts ---------------------------------------------------------------------------------------------------------
def byte_swapped(a):
    """The same values in the other byte order."""
    return a.astype(a.dtype.newbyteorder())


def strided(a):
    """Every second sample of a larger array, along each axis."""
    big = np.zeros([2 * n + 1 for n in a.shape], a.dtype)
    view = big[tuple(slice(1, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def reversed_axes(a):
    """Negative strides along every axis."""
    return np.flip(np.flip(a).copy())


def fortran(a):
    """Column-major."""
    return np.asfortranarray(a)


def rotated(a):
    """The first axis innermost, the others in order."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0)


def read_only(a):
    """Not writeable."""
    a = a.copy()
    a.flags.writeable = False
    return a


def zero_stride(a):
    """The first row, broadcast over the first axis: stride zero (other values than `a`)."""
    return np.broadcast_to(a[:1], a.shape)


def zero_stride_last(a):
    """The first column, broadcast over the last axis."""
    return np.broadcast_to(a[..., :1], a.shape)


def unaligned(a):
    """One byte off its natural alignment."""
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = np.ndarray(a.shape, a.dtype, buffer=raw, offset=1)
    view[...] = a
    return view


def field_of_record(a):
    """A field of a structured array: a stride that is no multiple of the item size."""
    record = np.zeros(a.shape, np.dtype([("flag", np.int8), ("value", a.dtype), ("rest", np.int16)]))
    record["value"] = a
    return record["value"]


def memory_map(a):
    """A memory map of an unnamed file."""
    with tempfile.TemporaryFile() as file:
        out = np.memmap(file, dtype=a.dtype, mode="w+", shape=a.shape)
    out[...] = a
    return out


LAYOUTS = (
    byte_swapped, strided, reversed_axes, fortran, rotated, read_only, zero_stride, zero_stride_last, unaligned,
    field_of_record, memory_map,
)  # fmt: skip
