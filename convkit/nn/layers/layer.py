"""What all layers share: one operation each, computed with the tape or without."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import Tensor
from convkit.autodiff.pairs import Pair
from convkit.nn.module import Module
from convkit.nn.passes import REFUSED, Operands

Shape = tuple[int, ...]
# For so many shapes of its input a layer keeps what it prepared.
SHAPES = 16


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

    # The operands, and by an input's shape what `bind` gave. Any attribute may be a setting: once one is set, all goes.
    _ready: dict[Any, Any]

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self).pop("_ready", None)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        vars(self).pop("_ready", None)
        super().__delattr__(name)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_ready"}

    def operation(self) -> Operation:
        """The operation, with the parameters as they are now."""
        raise NotImplementedError

    def bind(self, x: Any, arrays: Operands, settings: dict[str, Any]) -> Callable[..., Any]:
        """The operation's pair with its settings, for inputs of the shape and place of `x` and arrays such as these."""
        return partial(self.operation().pair, **settings)

    def _prepared(self) -> dict[Any, Any]:
        try:
            return self._ready
        except AttributeError:
            self._ready = {None: self.operation().operands}
            return self._ready

    def operands(self) -> Operands | None:
        """The operation's operands, if `forward` computes the operation."""
        return self._prepared()[None] if type(self).forward is type(self).plain else None

    def compute(self, x: Array, arrays: Operands, keep: bool, **more: Any) -> Pair:
        """The operation's pair; what it needs to know of its input's shape is found once."""
        ready = self._prepared()
        key = (x.shape, type(x), *more)
        try:
            if key not in ready:
                if len(ready) > SHAPES:
                    self._ready = ready = {None: ready[None]}
                ready[key] = self.bind(x, arrays, {**self.operation().settings, **more})
            found: Pair = ready[key](x, *arrays)
        except REFUSED as error:
            self._explain(error, x)
            raise
        return found

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
        return self.computed(x, self._prepared()[None], more)

    # The forward that `operation` computes; a subclass with one of its own goes by the tape.
    plain = forward

    def __call__(self, x: Any, **more: Any) -> Any:
        """Call `forward`; what the layer refuses is told with its name."""
        watch = _watch.get()
        if watch is not None:
            return watch(self, x)
        try:
            return self.forward(x, **more)
        except (*REFUSED, AttributeError) as error:
            if x is None:
                nothing = TypeError("it got None; does the forward before it return its result?")
                self._explain(nothing, x)
                raise nothing from None
            if isinstance(error, REFUSED):
                self._explain(error, x)
            raise

    def _explain(self, error: BaseException, x: Any) -> None:
        """Put what this layer is before what is wrong."""
        if vars(error).get("refused", (None,))[0] is self:
            return
        fits = x is None or not (wrong := self.misfit(tuple(np.shape(x.data if isinstance(x, Tensor) else x))))
        # The layer's own name stands for that of the function.
        story = re.sub(r"^\w+: ", "", str(error)) if fits else wrong
        error.args = (f"{self!r}: {story}",)
        vars(error)["refused"] = self, error.args[0]


def rectifies(module: Module) -> bool:
    """Whether a module can compute the ReLU that follows it."""
    return isinstance(module, Layer) and module.fuses and type(module).forward is type(module).plain


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
    """A setting as one number per axis; what is neither one nor `dims` numbers stays what it is."""
    if isinstance(value, int | np.integer):
        return (int(value),) * dims
    given = tuple(operator.index(v) for v in value)
    return given * dims if len(given) == 1 else given


def count(layer: Layer, name: str, value: Any) -> int:
    """A setting that counts something: 1 or more."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{type(layer).__name__}: {name}={value!r} must be a whole number") from None
    if number < 1:
        raise ValueError(f"{type(layer).__name__}: {name}={value!r} must be 1 or more")
    return number


def counts(layer: Layer, name: str, value: Any, dims: int, least: int) -> Shape:
    """A setting of one whole number for each of `dims` axes, from `least` up."""
    wanted = f"must be {least} or more, a whole number or one for each of {dims} axes"
    try:
        found = several(value, dims)
    except TypeError:
        raise TypeError(f"{type(layer).__name__}: {name}={value!r} {wanted}") from None
    if len(found) != dims or min(found) < least:
        raise ValueError(f"{type(layer).__name__}: {name}={value!r} {wanted}")
    return found


def kept(value: Any) -> Any:
    """A setting as operations take it: lists become tuples."""
    return tuple(value) if isinstance(value, list) else value


def told(channels: int, shape: Shape, dims: int, fix: str) -> str:
    """What is wrong with an input whose second axis must have `channels`, before `dims` axes of space."""
    axes = ("L", "H, W", "D, H, W")[dims - 1]
    wanted = f"input (N, {channels}, {axes})"
    if len(shape) not in (dims + 1, dims + 2):
        return f"it got an input of shape {shape}, and expects {wanted}{_batch(shape, dims)}"
    if shape[-dims - 1] != channels:
        last = f", or put the channels first, with np.moveaxis(x, -1, {len(shape) - dims - 1})" if shape[-1] == channels else ""
        return f"it got {shape[-dims - 1]} channels (input of shape {shape}), and expects {channels}: {wanted}; {fix}{last}"
    return ""


def _batch(shape: Shape, dims: int) -> str:
    """How to come by the axes that are missing."""
    if not 0 < len(shape) < dims + 1:
        return ""
    return "; undo the flattening before it" + ", or add axes to a single item with x[None, None]" * (len(shape) == dims)


def size(shape: Shape) -> int:
    """Elements of an array of `shape`."""
    return math.prod(shape)
