"""Models run as far as one of their layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import Tensor
from convkit.autodiff.places import array_of, brought
from convkit.autodiff.tape import Node
from convkit.nn.layers.layer import Layer, watched
from convkit.nn.module import Module
from convkit.nn.passes import REFUSED

Run = Callable[[Layer, Any], Any]


class _ReachedError(Exception):
    """Ends a forward pass at the layer that is looked at; carries its result."""


def fetched(value: Any) -> Array:
    """The numbers of an array or Tensor in the memory of the host."""
    found: Array = brought(array_of(value.data if isinstance(value, Tensor) else value), "cpu")
    return found


def batch_of(model: Module, x: Any) -> Array:
    """Inputs, the axis of items first, in the dtype of the parameters and where they lie."""
    data = array_of(x.data if isinstance(x, Tensor) else x)
    if data.dtype.kind not in "biuf":
        raise TypeError(f"the input has dtype {data.dtype}; a network computes in real numbers")
    if data.ndim < 2 or not data.size:
        raise ValueError(f"the input has shape {data.shape}; give a batch, with the axis of items first, such as x[None] for "
                         "one item")
    first = next(model.parameters(), None)
    found: Array = data.astype(np.float32 if first is None else first.dtype, copy=False)
    return found if first is None else brought(found, first.device)


@contextmanager
def undisturbed(model: Module) -> Iterator[None]:
    """`eval` mode for a while; afterwards modes and gradients of parameters are what they were."""
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(p, p.grad) for p in model.parameters() if p.requires_grad]
    model.eval()
    for parameter, _ in gradients:
        parameter.grad = None
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, gradient in gradients:
            parameter.grad = gradient


def run(layer: Layer, x: Any) -> Any:
    """The layer's result; what it refuses is told with its name."""
    try:
        return layer.forward(x)
    except REFUSED as error:
        layer._explain(error, x)
        raise


def layer_of(model: Module, layer: Any) -> Layer:
    """A layer of the model, given itself or by its name."""
    named = {name: module for name, module in model.named_modules() if isinstance(module, Layer)}
    found = named.get(layer) if isinstance(layer, str) else next((m for m in named.values() if m is layer), None)
    if found is None:
        shown = list(named)
        told = ", ".join(map(repr, shown[:12])) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
        raise ValueError(f"layer={layer!r} is no layer of this {type(model).__name__}; "
                         + (f"it may be {told}" if shown else "it has none"))
    return found


def reach(model: Module, x: Any, layer: Any, call: Run = run) -> Any:
    """Result of a layer for a batch, with `call` in the place of every layer's own call; what follows it is not computed."""
    target = layer_of(model, layer)

    def watch(here: Layer, x: Any) -> Any:
        result = call(here, x)
        if here is target:
            raise _ReachedError(result)
        return result

    try:
        watched(watch, model, x)
    except _ReachedError as reached:
        return reached.args[0]
    except REFUSED as error:
        model.locate(error)
        raise
    raise ValueError(f"layer={layer!r} is not called by this {type(model).__name__}; name one that its forward uses")


def functions_outside(result: Tensor, results: Sequence[Tensor]) -> set[str]:
    """Names of the operations that led to `result` and are not those of layers, which gave `results`.

    The tape knows an operation by the pair whose VJP it holds. Products with a constant do not count.
    """
    layers = {tensor._node for tensor in results}
    found, names = [result._node], set()
    for node in found:
        if not isinstance(node, Node):
            continue
        name = node.vjp.__qualname__.partition(".")[0].removesuffix("_pair")
        scales = (name == "multiply" and not all(node.wanted)) or (name == "divide" and not node.wanted[1])
        if node not in layers and not scales:
            names.add(name)
        found += [parent for parent in node.parents if parent not in found]
    return names


def activation(model: Module, x: Any, layer: Any) -> Array:
    """Activations of a layer for a batch of inputs.

    Parameters
    ----------
    model : Module
        Whose layer it is.
    x : array_like or Tensor
        Inputs, the axis of items first.
    layer : str or Layer
        A layer, or its name in ``model.named_modules()``. Where it is called more than once, its first call counts.

    Returns
    -------
    ndarray
        The layer's result.

    Raises
    ------
    ValueError
        For a layer that the model has not, and as the layers raise.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    >>> views.activation(model, np.zeros((2, 1, 8, 8)), "1").shape
    (2, 4, 6, 6)
    """
    data = batch_of(model, x)
    with undisturbed(model):
        result = reach(model, Tensor(data), layer)
    return np.array(fetched(result))


def unit_of(shape: tuple[int, ...], unit: Any, what: str) -> tuple[int, ...]:
    """Index of one unit in an activation of `shape`, which has the axis of items first."""
    given = tuple(unit) if isinstance(unit, tuple | list) else (unit,)
    if len(given) != len(shape) - 1 or any(not -n <= i < n for i, n in zip(given, shape[1:], strict=True)):
        raise IndexError(f"{what}={unit!r} is no unit of an activation of shape {shape[1:]}; give {len(shape) - 1} "
                         f"number{'s' if len(shape) > 2 else ''} from 0 to {', '.join(str(n - 1) for n in shape[1:])}")
    return tuple(int(i) % n for i, n in zip(given, shape[1:], strict=True))
