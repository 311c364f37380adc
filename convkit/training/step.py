"""Loss and gradients of one batch, and what is told when they are no numbers any more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import Tensor
from convkit.nn import Module
from convkit.nn.losses import Loss
from convkit.nn.passes import REFUSED
from convkit.training.evaluation import fetched, number, placed


class DivergenceError(ArithmeticError):
    """Training stopped because the loss became NaN or infinite.

    Attributes
    ----------
    epoch, step : int
        Where, counted from 1; the step in its epoch.
    lr : float
        Learning rate of the first parameter group.
    layer : str
        Layer with the largest gradient of the step before; empty at a first step.
    """

    def __init__(self, message: str, epoch: int, step: int, lr: float, layer: str) -> None:
        super().__init__(message)
        self.epoch, self.step, self.lr, self.layer = epoch, step, lr, layer


def forward(model: Module, loss: Callable[..., Any], x: Any, y: Any) -> tuple[Any, Any, Callable[[], None]]:
    """Loss of a batch, the model's results, and a function that adds the gradients to those of the parameters.

    By the modules' own ways back where they have some (`Sequential` and the layers), by a tape elsewhere. Of a model on a
    device the loss is a number that waits there.
    """
    try:
        results, back = model.pass_through(placed(model, x), False)
    except REFUSED as error:
        model.locate(error)
        raise
    if isinstance(loss, Loss):
        value, gradient = loss.of_arrays(results, y)

        def passed() -> None:
            if back is not None:
                back(gradient)

        return number(value), results, passed
    start = Tensor(results, requires_grad=True)
    result = loss(start, y)
    if not isinstance(result, Tensor) or result.shape:
        raise TypeError(f"loss returned {f'shape {result.shape}' if isinstance(result, Tensor) else type(result).__name__}; "
                        "training needs a Tensor of one number, such as the mean over the batch")

    def backward() -> None:
        result.backward()
        if back is not None and start.grad is not None:
            back(start.grad)

    return number(result), results, backward


def largest(names: Sequence[str], gradients: Sequence[Array | None]) -> tuple[str, float]:
    """Layer of the largest gradient and that gradient's length; no layer where there are no gradients."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = {name: float(np.linalg.norm(fetched(g).astype(np.float64).ravel()))
                   for name, g in zip(names, gradients, strict=True) if g is not None}
    if not lengths:
        return "", 0.0
    found = max(lengths, key=lambda name: math.inf if math.isnan(lengths[name]) else lengths[name])
    return found.rpartition(".")[0] or found, lengths[found]


def recover(model: Module, before: Mapping[str, Array]) -> str:
    """Put `before` back where the model's numbers are spoilt; in words, what the model has now."""
    parameters = {name for name, _ in model.named_parameters()}
    spoilt = {name for name, value in model.state_dict().items() if not np.isfinite(value).all()}
    if spoilt & parameters:
        model.load_state_dict(before)
        return "the model is as it was before this epoch: the step before had spoilt it"
    if spoilt:
        model.load_state_dict({name: value for name, value in before.items() if name not in parameters}, strict=False)
    return "the parameters are as they were before this step"
