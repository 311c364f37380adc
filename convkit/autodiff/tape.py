"""Reverse mode: which results came from which arrays, and the way back through them.

An operation is a **pair**, written once as a function of arrays that returns its result and a vector-Jacobian product::

    def scale(x, factor, *, offset):
        def vjp(gradient, wanted):
            return gradient * factor if wanted[0] else None, gradient * x if wanted[1] else None
        return x * factor + offset, vjp

``convkit.autodiff.apply(scale, x, factor, offset=1.0)`` runs it: on arrays it returns an array and keeps nothing; if one of
the operands is a `Tensor` it returns a Tensor, and where an operand requires a gradient the VJP goes on the tape. Whoever
needs no tape (a plain stack of layers) calls the pair itself and keeps the VJPs in a list. The rules for a pair:

- Operands come by position, as arrays, as numbers, or None for one that is absent; settings come by keyword.
- ``vjp(gradient, wanted)`` returns one entry per operand, in order: an array of the operand's shape or of a shape that it
  broadcasts to (the tape sums over the axes that were stretched), in any real dtype (the tape converts to the operand's).
  None stands for no gradient. Where ``wanted`` is False the entry is not looked at, so work for it can be saved.
- Each entry is a new array, or `gradient`, or a view of one of these: the tape adds to new arrays in place and hands them
  out as ``.grad``. An operand or a saved result is never returned.
- `gradient` may be shared or read-only: a VJP does not write to it.
- Arrays on a CUDA device (`convkit.engines.cuda.arrays`) have operators and some of NumPy's functions, and refuse the others
  by their names: a pair written with these works there too.
- What the VJP holds stays in memory until `Tensor.backward` has passed: it holds a shape where the array is not needed.
- One result per pair. An integer or boolean result carries no gradient.

The tape is of first order: `backward` gives plain arrays, through which nothing can be derived again.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from convkit._core.device import Remote
from convkit._core.memory import unshared
from convkit._core.typing import Array

Vjp: TypeAlias = Callable[[Any, Sequence[bool]], Sequence[Any]]

_clock = itertools.count(1)


class _State(threading.local):
    """Of this thread: does the tape run, and is a `backward` under way?"""

    recording = True
    deriving = False


state = _State()


@contextmanager
def no_grad() -> Iterator[None]:
    """Switch the tape of this thread off, in a ``with`` block or, as ``@no_grad()``, in a function.

    Results computed there have ``requires_grad=False``.

    Examples
    --------
    >>> from convkit.autodiff import Tensor, no_grad
    >>> x = Tensor([3.0], requires_grad=True)
    >>> with no_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    """
    before = state.recording
    state.recording = False
    try:
        yield
    finally:
        state.recording = before


class Leaf:
    """Where gradients arrive: what a Tensor with ``requires_grad=True`` made by the user has on the tape."""

    __slots__ = ("changed", "dtype", "grad", "shape")

    def __init__(self, data: Array) -> None:
        self.shape, self.dtype = data.shape, data.dtype
        self.grad: Array | None = None
        self.changed = 0

    def modified(self) -> None:
        """Note that the data have changed: what was recorded from them before can no longer be derived."""
        self.changed = next(_clock)

    def accumulate(self, piece: Array, own: bool) -> None:
        """Add to the gradient; an `own` array, which nobody else holds, may become it."""
        if self.grad is not None:
            self.grad += piece
        elif isinstance(piece, Remote):
            self.grad = piece if own else piece.copy()
        elif own and isinstance(piece, np.ndarray) and piece.flags.c_contiguous:
            self.grad = piece
        else:
            self.grad = np.array(piece, order="C")


class Node:
    """One operation on the tape; it holds what its VJP needs, not its result."""

    __slots__ = ("dtype", "order", "parents", "shape", "vjp", "wanted")

    def __init__(self, parents: tuple[Node | Leaf | None, ...], vjp: Vjp, data: Array) -> None:
        self.parents, self.vjp = parents, vjp
        self.wanted = tuple([parent is not None for parent in parents])
        self.shape, self.dtype = data.shape, data.dtype
        self.order = next(_clock)

    def release(self) -> None:
        """Let go of everything held for the way back."""
        self.parents, self.vjp = (), _released


def _released(gradient: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    """Stand in for the VJP of a node that `backward` has passed."""
    raise RuntimeError(
        "backward() has been here before, and freed what it needed; run the forward pass again, add the losses and call "
        "backward() once, or pass retain_graph=True to every call but the last"
    )


def _history(root: Node) -> list[Node]:
    """Every operation that `root` came from, oldest first; refuses what can no longer be derived."""
    found, seen = [root], {root}
    for node in found:
        if node.vjp is _released:
            _released(None, ())
        for parent in node.parents:
            if isinstance(parent, Leaf):
                if parent.changed > node.order:
                    raise RuntimeError(
                        f"a Tensor of shape {parent.shape} was changed in place after the forward pass had used it, so its "
                        "gradient would be wrong; call backward() before the change, or run the forward pass again"
                    )
            elif parent is not None and parent not in seen:
                seen.add(parent)
                found.append(parent)
    found.sort(key=attrgetter("order"))
    return found


def _sum_to(piece: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an operand of `shape` was stretched."""
    extra = piece.ndim - len(shape)
    if extra < 0 or any(n not in (1, given) for n, given in zip(shape, piece.shape[extra:], strict=True)):
        raise ValueError(f"a VJP returned a gradient of shape {piece.shape} for an operand of shape {shape}")
    stretched = tuple(i for i, n in enumerate((0,) * extra + shape) if n != piece.shape[i])
    axes = tuple(range(extra)) + tuple(i for i in stretched if i >= extra)
    result: Array = piece.sum(axis=axes).reshape(shape)
    return result


def run_backward(root: Node | Leaf, gradient: Array, retain_graph: bool) -> None:
    """Carry `gradient`, an array of the shape of `root`, back to the leaves and add it to their gradients.

    Operations are undone newest first, so each has its whole gradient when its turn comes; what it held is freed then.
    """
    if state.deriving:
        raise RuntimeError("backward() was called inside backward(): convkit.autodiff computes first derivatives only")
    if isinstance(root, Leaf):
        root.accumulate(gradient, False)
        return
    nodes = _history(root)
    pending: dict[Node, Array] = {root: gradient}
    summed: set[Node] = set()  # nodes whose pending gradient is held by nobody else, and may be added to in place
    before = state.recording
    state.deriving, state.recording = True, False
    try:
        while nodes:
            node = nodes.pop()
            total = pending.pop(node, None)
            parents, pieces = node.parents, () if total is None else node.vjp(total, node.wanted)
            if not retain_graph:
                node.release()
            if total is None:
                continue
            for parent, piece in zip(parents, pieces, strict=True):
                if parent is None or piece is None:
                    continue
                own = piece is not total and unshared(piece)
                if piece.shape != parent.shape:
                    piece, own = _sum_to(piece, parent.shape), True
                if piece.dtype != parent.dtype:
                    piece, own = piece.astype(parent.dtype), True
                if isinstance(parent, Leaf):
                    parent.accumulate(piece, own)
                elif parent not in pending:
                    pending[parent] = piece
                    if own:
                        summed.add(parent)
                elif parent in summed:
                    pending[parent] += piece
                else:
                    pending[parent] = pending[parent] + piece
                    summed.add(parent)
    finally:
        state.deriving, state.recording = False, before
