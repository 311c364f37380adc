"""Padding, flattening, joining, dropping out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from convkit._core.boundary import index_map
from convkit._core.typing import Array, IntArray
from convkit.autodiff import apply, concatenate, flatten
from convkit.autodiff.pairs import Pair
from convkit.autodiff.pairs import concatenate as concatenate_pair
from convkit.autodiff.pairs import flatten as flatten_pair
from convkit.autodiff.places import zeros
from convkit.engines.places import place_of
from convkit.nn.functional.operands import numbers, setting
from convkit.nn.init import shared_generator

__all__ = ["concatenate", "concatenate_pair", "dropout", "dropout_pair", "flatten", "flatten_pair", "pad", "pad_pair",
           "vanilla_dropout", "vanilla_dropout_pair"]

Kind = TypeVar("Kind")

# PyTorch's words for what lies beyond the edge, as `convkit._core.boundary` calls them.
MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def refuse_reach(name: str, mode: str, pads: Sequence[tuple[int, int]], lengths: Sequence[int]) -> None:
    """Refuse a reflection or a wrap that needs more samples than there are."""
    for (before, after), n in zip(pads, lengths, strict=True):
        most = {"reflect": n - 1, "circular": n}.get(mode)
        if most is not None and max(before, after) > most:
            raise ValueError(f"{name}: mode {mode!r} reaches {max(before, after)} samples beyond an axis of length {n}; it can "
                             f"reach {most} at most. Pad less, or use 'replicate'")


@lru_cache(maxsize=256)
def _sources(shape: tuple[int, ...], pads: tuple[int, ...], mode: str) -> tuple[tuple[int, tuple[int, int], IntArray], ...]:
    """Of every padded axis: its number, its (before, after), and which sample lies where."""
    if mode not in MODES:
        raise ValueError(f"mode={mode!r} is not known; it may be {', '.join(map(repr, MODES))}")
    if not isinstance(pads, tuple) or len(pads) % 2 or not all(isinstance(p, int | np.integer) for p in pads):
        raise ValueError(f"pad={pads!r} must be pairs of whole numbers: (left, right), or (left, right, top, bottom), and so "
                         "on from the last axis on")
    pairs = [(int(pads[i]), int(pads[i + 1])) for i in range(0, len(pads), 2)]
    if len(pairs) > len(shape):
        raise ValueError(f"pad={pads!r} has pairs for {len(pairs)} axes, but the input has {len(shape)} (shape {shape})")
    lengths = shape[::-1][: len(pairs)]
    refuse_reach("pad", mode, pairs, lengths)
    for (before, after), n in zip(pairs, lengths, strict=True):
        if n + before + after < 1:
            raise ValueError(f"pad={pads!r} leaves nothing of an axis of length {n}")
    return tuple((len(shape) - 1 - i, pair, index_map(lengths[i], *pair, MODES[mode]))
                 for i, pair in enumerate(pairs) if pair != (0, 0))


def pad_pair(x: Any, *, pad: tuple[int, ...], mode: str = "constant", value: float | None = None) -> Pair:
    """Samples put around `x`, from the last axis on; negative numbers take away."""
    if mode != "constant" and value is not None:
        raise ValueError(f"value={value!r} is used by mode='constant' only, and mode is {mode!r}")
    sources, shape = _sources(x.shape, pad, mode), x.shape
    if not sources:
        return x.copy(), lambda g, wanted: (g,)
    return _surrounded(x, sources, value or 0) if mode == "constant" else _continued(x, sources, shape)


def _surrounded(x: Any, sources: Any, value: float) -> Pair:
    """A number put around `x`."""
    shape, grown, kept, inner = x.shape, list(x.shape), [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for axis, (before, after), index in sources:
        grown[axis] = index.size
        kept[axis], inner[axis] = _overlap(shape[axis], before, after)
    y = zeros(tuple(grown), x)
    if value:
        y.fill(value)
    y[tuple(inner)] = x[tuple(kept)]

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        result = zeros(shape, g)
        result[tuple(kept)] = g[tuple(inner)]
        return (result,)

    return y, vjp


def _continued(x: Any, sources: Any, shape: tuple[int, ...]) -> Pair:
    """Samples of `x` put around it."""
    y = x
    for axis, _, index in sources:
        y = np.take(y, index, axis)

    def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        for axis, (before, after), index in reversed(sources):
            length = g.shape[axis]
            grown = zeros((*g.shape[:axis], shape[axis], *g.shape[axis + 1 :]), g)
            kept, inner = _overlap(shape[axis], before, after)
            grown[_along(axis, kept)] = g[_along(axis, inner)]
            for i in (*range(before), *range(length - after, length)):
                grown[_along(axis, index[i])] += g[_along(axis, i)]
            g = grown
        return (g,)

    return y, vjp


def _overlap(n: int, before: int, after: int) -> tuple[slice, slice]:
    """Which samples of an axis of length n stay, and where they lie among those around them."""
    first = max(-before, 0)
    last = max(n - max(-after, 0), first)
    return slice(first, last), slice(first + before, last + before)


def _along(axis: int, index: Any) -> tuple[Any, ...]:
    """What to index with for `index` along an axis."""
    return (slice(None),) * axis + (index,)


def pad(input: Kind, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Kind:
    """Put samples around the last axes of an input, or take some away.

    Parameters
    ----------
    input : Tensor or array_like
        Samples of any shape.
    pad : sequence of int
        How many before and after: of the last axis, then of the one before it, and so on. Negative numbers crop.
    mode : {"constant", "reflect", "replicate", "circular"}
        What lies there: `value`, the mirror image about the first and last sample, those samples again, the other end.
    value : float, optional
        For ``mode="constant"``; 0 without it.

    Returns
    -------
    Tensor or ndarray
        As `input`, with the padded axes longer.

    Raises
    ------
    ValueError
        For an unknown mode, odd numbers of pads, and a reflection or wrap by more samples than there are.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.pad(np.array([1.0, 2.0, 3.0]), (1, 2), "reflect")
    array([2., 1., 2., 3., 2., 1.])
    """
    return apply(pad_pair, input, pad=setting(pad), mode=mode, value=value)


def _kept(x: Any, keep: float, generator: np.random.Generator | None) -> Array:
    """Which elements stay, each with probability `keep`."""
    kept: Array = (shared_generator() if generator is None else generator).random(x.shape, np.float32) < keep
    return kept


def dropout_pair(x: Any, *, p: float = 0.5, training: bool = True, generator: np.random.Generator | None = None) -> Pair:
    """Elements dropped at random and the others scaled up, while training."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p={p!r} is the probability of dropping an element, from 0 to 1; to keep each with "
                         "probability q, say p=1 - q")
    x = numbers(x)
    if not training or p == 0:
        return x.copy(), lambda g, wanted: (g,)
    mask = place_of(x).array(_kept(x, 1 - p, generator)).astype(x.dtype)
    if p < 1:
        mask *= x.dtype.type(1 / (1 - p))
    return x * mask, lambda g, wanted: (g * mask,)


def dropout(input: Kind, p: float = 0.5, training: bool = True, inplace: bool = False, *,
            generator: np.random.Generator | None = None) -> Kind:
    """Set elements to 0 at random, and scale the others so that the expected value stays ("inverted" dropout).

    Parameters
    ----------
    input : Tensor or array_like
        Samples of any shape.
    p : float
        Probability of dropping an element. (Texts that speak of the probability of keeping mean ``1 - p``.)
    training : bool
        False: the input comes back as it is.
    inplace : bool
        Accepted; nothing is changed in place.
    generator : numpy.random.Generator, optional
        Source of the random numbers; one of the process's own without it.

    Returns
    -------
    Tensor or ndarray
        The elements that stay, times ``1 / (1 - p)``.

    Raises
    ------
    ValueError
        For a `p` outside [0, 1].

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.dropout(np.ones(5), 0.5, generator=np.random.default_rng(2))
    array([0., 2., 2., 2., 2.])
    """
    return apply(dropout_pair, input, p=p, training=training, generator=generator)


def vanilla_dropout_pair(x: Any, *, keep: float = 0.5, training: bool = True,
                         generator: np.random.Generator | None = None) -> Pair:
    """Elements dropped at random while training; all scaled down afterwards."""
    if not 0 <= keep <= 1:
        raise ValueError(f"vanilla_dropout: keep={keep!r} is the probability of keeping an element, from 0 to 1")
    x = numbers(x)
    factor = place_of(x).array(_kept(x, keep, generator), x.dtype) if training else x.dtype.type(keep)
    return x * factor, lambda g, wanted: (g * factor,)


def vanilla_dropout(input: Kind, keep: float = 0.5, training: bool = True, *,
                    generator: np.random.Generator | None = None) -> Kind:
    """Set elements to 0 at random while training, and scale all by `keep` afterwards: dropout as it was first described.

    A reference for teaching: networks use `dropout`, which leaves the pass after training untouched.

    Parameters
    ----------
    input : Tensor or array_like
        Samples of any shape.
    keep : float
        Probability of keeping an element.
    training : bool
        True: drop elements, and leave the others as they are. False: multiply all by `keep`.
    generator : numpy.random.Generator, optional
        Source of the random numbers.

    Returns
    -------
    Tensor or ndarray
        Of the shape of `input`.

    Raises
    ------
    ValueError
        For a `keep` outside [0, 1].

    References
    ----------
    .. [1] G. E. Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors",
       arXiv:1207.0580, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import functional as F
    >>> F.vanilla_dropout(np.ones(3), 0.8, training=False)
    array([0.8, 0.8, 0.8])
    """
    return apply(vanilla_dropout_pair, input, keep=keep, training=training, generator=generator)
