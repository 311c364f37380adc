"""What all layers share: one operation each, computed with the tape or without."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from convkit._core.memory import unshared
from convkit._core.typing import Array
from convkit.autodiff import Tensor, apply
from convkit.nn.module import REFUSED, Module, Pass

Shape = tuple[int, ...]


class Operation(NamedTuple):
    """A pair as in `convkit.autodiff.tape`, what it takes after the input (of layers: parameters or None), and its settings."""

    pair: Callable[..., Any]
    operands: tuple[Any, ...]
    settings: dict[str, Any]


class Window(NamedTuple):
    """Per axis of space: how many inputs an output sees, and how many inputs lie between two outputs."""

    extent: Shape
    stride: tuple[float, ...]


# Who looks on while layers are called, such as `summary`; it is called in their stead.
_watch: ContextVar[Callable[[Any, Any], Any] | None] = ContextVar("watch", default=None)


class Layer(Module):
    """A module of one operation; subclasses give `operation`, and for `summary` what it does to shapes."""

    # Whether the operation has a setting `relu`, with which it returns the positive part of its result.
    fuses = False

    def operation(self) -> Operation:
        """The operation, with the parameters as they are now."""
        raise NotImplementedError

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the result for an input of `shape`, both with the batch axis."""
        return shape

    def products(self, shape: Shape) -> int:
        """Multiply-adds for an input of `shape`, of layers that multiply by weights."""
        return 0

    def window(self, shape: Shape) -> Window | None:
        """What an output sees of an input of `shape`: one sample, if there is nothing in it; None for all of them."""
        return Window((), ())

    def misfit(self, shape: Shape) -> str:
        """What is wrong with an input of `shape`, and how to mend it; empty if nothing is."""
        return ""

    def forward(self, x: Any, **more: Any) -> Any:
        """Compute the layer's operation, with `more` settings."""
        pair, operands, settings = self.operation()
        return apply(pair, x, *operands, **settings, **more)

    # The forward that `operation` computes; a subclass with one of its own goes by the tape.
    computed = forward

    def __call__(self, x: Any, **more: Any) -> Any:
        """Call `forward`; what the layer refuses is told with its name."""
        watch = _watch.get()
        if watch is not None:
            return watch(self, x)
        try:
            return self.forward(x, **more)
        except REFUSED as error:
            self._explain(error, x)
            raise

    def _explain(self, error: BaseException, x: Any) -> None:
        """Put what this layer is before what is wrong."""
        story = self.misfit(tuple(np.shape(x.data if isinstance(x, Tensor) else x))) or str(error)
        error.args = (f"{self!r}: {story}",)
        vars(error)["refused"] = self, error.args[0]

    def pass_through(self, x: Array, wanted: bool, **more: Any) -> tuple[Array, Pass | None]:
        """As `Module.pass_through`, by the operation itself, with `more` settings."""
        if type(self).forward is not type(self).computed:
            return super().pass_through(x, wanted)
        pair, operands, settings = self.operation()
        try:
            result, vjp = pair(x, *[p if p is None else p.data for p in operands], **settings, **more)
        except REFUSED as error:
            self._explain(error, x)
            raise
        asked = (wanted, *[p is not None and p.requires_grad for p in operands])
        if not any(asked):
            return result, None

        def back(gradient: Array) -> Array | None:
            pieces = vjp(gradient, asked)
            for operand, piece, on in zip(operands, pieces[1:], asked[1:], strict=True):
                if on and piece is not None:
                    operand.accumulate(piece, piece is not gradient and unshared(piece))
            return pieces[0] if wanted else None

        return result, back


def rectifies(module: Module) -> bool:
    """Whether a module can compute the ReLU that follows it."""
    return isinstance(module, Layer) and module.fuses and type(module).forward is type(module).computed


def looked_on() -> bool:
    """Whether somebody looks on at every layer."""
    return _watch.get() is not None


def watched(call: Callable[[Layer, Any], Any], model: Callable[[Any], Any], x: Any) -> Any:
    """Call a model on `x` with ``call(layer, x)`` in the place of every layer's own call."""
    token = _watch.set(call)
    try:
        return model(x)
    finally:
        _watch.reset(token)


def several(value: Any, dims: int) -> Shape:
    """A setting as one number per axis; the operations refuse what is neither one nor `dims` numbers."""
    if isinstance(value, int | np.integer):
        return (int(value),) * dims
    given = tuple(int(v) for v in value)
    return given * dims if len(given) == 1 else given


def kept(value: Any) -> Any:
    """A setting as operations take it: lists become tuples."""
    return tuple(value) if isinstance(value, list) else value


def told(channels: int, shape: Shape, dims: int, fix: str) -> str:
    """What is wrong with an input whose second axis must have `channels`, before `dims` axes of space."""
    axes = ("W", "H, W", "D, H, W")[dims - 1]
    wanted = f"input (N, {channels}, {axes})"
    if len(shape) not in (dims + 1, dims + 2):
        return f"it got an input of shape {shape}, and expects {wanted}{_batch(shape, dims)}"
    if shape[-dims - 1] != channels:
        last = f", or put the channels first, with np.moveaxis(x, -1, {len(shape) - dims - 1})" if shape[-1] == channels else ""
        return f"it got {shape[-dims - 1]} channels (input of shape {shape}), and expects {channels}: {wanted}; {fix}{last}"
    return ""


def _batch(shape: Shape, dims: int) -> str:
    return "; undo the flattening before it" if len(shape) < dims + 1 else ""


def size(shape: Shape) -> int:
    """Elements of an array of `shape`."""
    return math.prod(shape)
