"""How modules compute: arrays in, arrays out, and the way back, with one node on the tape or without a tape.

A module all of whose operations are known (`operands` is not None) is itself one operation, with the parameters of all its
layers as operands: `compute` is its pair. A forward of free code goes by the tape, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from convkit._core.memory import unshared
from convkit._core.typing import Array
from convkit.autodiff import Tensor, apply
from convkit.autodiff.pairs import Pair
from convkit.autodiff.places import array_of
from convkit.autodiff.tape import state

Pass: TypeAlias = Callable[[Array], Any]
Operands: TypeAlias = Sequence[Any]
REFUSED = (ValueError, TypeError, IndexError)


def recorded(*operands: Any) -> bool:
    """Whether an operation on these goes on the tape: it runs, and one of them requires a gradient."""
    return state.recording and any(isinstance(p, Tensor) and p.requires_grad for p in operands)


def _arrays(operands: Operands) -> list[Any]:
    return [p if p is None else p.data for p in operands]


class Passes:
    """What a `Module` computes with."""

    def __call__(self, x: Any) -> Any:
        """Result for a Tensor or array."""
        raise NotImplementedError

    def locate(self, error: BaseException) -> None:
        """Say in an error where in the module it came about."""

    def operands(self) -> Operands | None:
        """What `compute` takes after the input, parameters or None; None for a module whose `forward` is free code."""
        return None

    def compute(self, x: Array, arrays: Sequence[Any], keep: bool, **more: Any) -> Pair:
        """The pair, as in `convkit.autodiff.tape`, of an input and the operands' arrays, with `more` settings.

        Without `keep` nobody asks for the way back, and nothing is held for it.
        """
        raise NotImplementedError

    def computed(self, x: Any, operands: Operands, more: Mapping[str, Any]) -> Any:
        """Result for a Tensor or array, on the tape where that runs and something requires a gradient."""
        x = x if isinstance(x, Tensor | np.ndarray) else array_of(x)
        if recorded(x, *operands):
            return apply(lambda x, *arrays: self.compute(x, arrays, True, **more), x, *operands)
        tensor = isinstance(x, Tensor)
        result, _ = self.compute(x.data if tensor else x, _arrays(operands), False, **more)
        return Tensor(result) if tensor or any(p is not None for p in operands) else result

    def pass_through(self, x: Array, wanted: bool) -> tuple[Array, Pass | None]:
        """Result for an array, and the way back without a tape.

        The way back takes the gradient of the result, adds to the gradients of the parameters, and returns that of `x` if
        `wanted`; it is None where nothing needs a gradient. Free code goes by a tape of its own.
        """
        operands = self.operands()
        if operands is None:
            return self._taped(x, wanted)
        asked = (wanted, *[p is not None and p.requires_grad for p in operands])
        keep = any(asked)
        result, vjp = self.compute(x, _arrays(operands), keep)
        if not keep:
            return result, None

        def back(gradient: Array) -> Array | None:
            by_x, *pieces = vjp(gradient, asked)
            for operand, piece, on in zip(operands, pieces, asked[1:], strict=True):
                if on and piece is not None:
                    operand.accumulate(piece, piece is not gradient and unshared(piece))
            return by_x if wanted else None

        return result, back

    def _taped(self, x: Array, wanted: bool) -> tuple[Array, Pass | None]:
        start = Tensor(x, wanted)
        result = self(start)
        if not isinstance(result, Tensor):
            raise TypeError(f"{type(self).__name__}.forward returned {type(result).__name__}; it must return a Tensor")

        def back(gradient: Array) -> Any:
            result.backward(gradient)
            return start.grad

        return result.data, back if result.requires_grad else None

    def loss_and_grad(self, x: Any, y: Any, loss: Any) -> float:
        """Loss of a batch, with its gradients added to those of the parameters: forward and backward without a tape.

        The numbers are those of ``loss(model(x), y).backward()``, bit for bit; the bookkeeping is less.

        Parameters
        ----------
        x : array_like or Tensor
            A batch of inputs.
        y : array_like or Tensor
            Targets, as `loss` expects them.
        loss : loss module
            Such as ``nn.CrossEntropyLoss()``.

        Returns
        -------
        float
            The loss; of a model on a CUDA device this waits for it.

        Raises
        ------
        ValueError
            For a loss with ``reduction="none"``, and as the layers and the loss raise.

        Examples
        --------
        >>> import numpy as np
        >>> from convkit import nn
        >>> model = nn.Sequential(nn.Linear(2, 1))
        >>> model.loss_and_grad(np.ones((4, 2), "float32"), np.zeros((4, 1), "float32"), nn.MSELoss()) >= 0
        True
        >>> model[0].weight.grad.shape
        (1, 2)
        """
        if not hasattr(loss, "of_arrays"):
            raise TypeError(f"loss={loss!r} is no loss of convkit.nn; give one such as nn.CrossEntropyLoss(), or call "
                            "backward() on your own loss of model(x)")
        try:
            prediction, back = self.pass_through(x.data if isinstance(x, Tensor) else array_of(x), False)
        except REFUSED as error:
            self.locate(error)
            raise
        value, gradient = loss.of_arrays(prediction, y)
        if back is not None:
            back(gradient)
        return float(value)

