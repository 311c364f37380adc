"""Parameters back to back in one buffer, and steps of optimizers over it on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from convkit._core import workers as pool
from convkit._core.typing import Array
from convkit.engines.pieces import flat, scratch
from convkit.kernels import update

# Gradients of up to SMALL elements are gathered, up to GATHERED together, to be walked in one call: a call costs as much as a
# copy of a few thousand. A worker's share of a run is PIECE elements at least.
SMALL, GATHERED, PIECE = 1 << 14, 1 << 17, 1 << 18


def joined(arrays: Sequence[Array]) -> tuple[Array, list[Array]]:
    """One buffer with the elements of all `arrays`, of one dtype, and a view of it for each."""
    bounds = np.cumsum([0, *(a.size for a in arrays)]).tolist()
    buffer = np.empty(bounds[-1], arrays[0].dtype)
    views = [buffer[first:last].reshape(a.shape) for a, (first, last) in zip(arrays, pairwise(bounds), strict=True)]
    for view, array in zip(views, arrays, strict=True):
        view[...] = array
    return buffer, views


def _runs(gradients: Sequence[Array], first: int) -> Iterator[tuple[int, Array]]:
    """Where runs of gradients of neighbours begin, and their elements: to be used before the next is asked for."""
    small: list[Array] = []
    begin = at = first
    for gradient in gradients:
        line = flat(gradient)
        if small and (line.size > SMALL or at + line.size - begin > GATHERED):
            yield begin, _gathered(small, at - begin)
            small.clear()
        if line.size > SMALL:
            yield at, line
        else:
            begin = begin if small else at
            small.append(line)
        at += line.size
    if small:
        yield begin, _gathered(small, at - begin)


def _gathered(lines: list[Array], size: int) -> Array:
    if len(lines) == 1:
        return lines[0]
    return np.concatenate(lines, out=scratch(lines[0].dtype, size, "gradients")[:size])


def _over(kernel: Callable[..., object], arrays: Sequence[Array], factors: Sequence[object]) -> None:
    """Call a kernel with pieces of arrays of one length, on as many workers as gain."""
    size = arrays[0].size
    if size < 2 * PIECE:
        kernel(*arrays, *factors)
        return
    workers = pool.available()
    count = min(workers, size // PIECE)
    bounds = [size * i // count for i in range(count + 1)]
    pieces = [slice(first, last) for first, last in pairwise(bounds)]
    pool.run(lambda piece: kernel(*[array[piece] for array in arrays], *factors), pieces, workers)


def sgd(parameters: Array, gradients: Sequence[Array], first: int, rate: float, decay: float) -> None:
    """Step of plain gradient descent: `gradients` are those of neighbours from element `first` of the flat parameters on."""
    real = parameters.dtype.type
    for begin, g in _runs(gradients, first):
        _over(update.sgd, (parameters[begin : begin + g.size], g), (real(rate), real(decay)))


def sgd_momentum(parameters: Array, gradients: Sequence[Array], first: int, velocity: Array, rate: float, decay: float,
                 momentum: float, share: float, nesterov: bool) -> None:
    """As `sgd`, along a velocity, flat like the parameters: `momentum` times the old one and `share` times the gradient."""
    real = parameters.dtype.type
    factors = real(rate), real(decay), real(momentum), real(share), real(momentum if nesterov else 0)
    for begin, g in _runs(gradients, first):
        here = slice(begin, begin + g.size)
        _over(update.sgd_momentum, (parameters[here], g, velocity[here]), factors)
