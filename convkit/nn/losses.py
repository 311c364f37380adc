"""Losses as modules: settings given once, then called on a prediction and a target.

Each computes the function of `convkit.nn.functional` that bears its name. The prediction is a Tensor or an array (N, classes,
...) or of any shape; the target an array or Tensor, of integers for classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import Tensor, apply
from convkit.autodiff.places import array_of
from convkit.nn import functional
from convkit.nn.functional.classes import power_of_margins, share_of_smoothing
from convkit.nn.functional.loss import positive_delta, positive_eps
from convkit.nn.functional.operands import one_of_reductions
from convkit.nn.layers.layer import Operation
from convkit.nn.module import Module


class Loss(Module):
    """Base of the losses; subclasses give `operation`, whose pair takes prediction, target, and further operands."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        one_of_reductions(reduction)
        self.reduction = reduction

    def operation(self) -> Operation:
        """The operation, with its further operands and settings."""
        raise NotImplementedError

    def forward(self, input: Any, target: Any, *more: Any) -> Any:
        """Compute the loss, of `more` operands than these where it has some."""
        pair, operands, settings = self.operation()
        return apply(pair, input, target, *more, *operands, **settings)

    def of_arrays(self, prediction: Array, target: Any) -> tuple[Array, Array]:
        """The loss of arrays, one number where they lie, and its gradient with respect to the prediction."""
        pair, operands, settings = self.operation()
        value, vjp = pair(prediction, _array(target), *operands, **settings)
        value = array_of(value)
        if value.ndim:
            raise ValueError(f"{type(self).__name__} with reduction='none' gives {value.size} losses; training needs one, "
                             "as reduction='mean' or 'sum' give")
        return value, vjp(np.ones((), value.dtype), (True,) + (False,) * (1 + len(operands)))[0]


class _Reduced(Loss):
    """A loss whose only setting is how the losses of the elements become one number."""

    pair: Any

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def operation(self) -> Operation:
        """The loss."""
        return Operation(self.pair, (), {"reduction": self.reduction})


class MSELoss(_Reduced):
    """Mean of the squared differences."""

    pair = staticmethod(functional.mse_loss_pair)


class L1Loss(_Reduced):
    """Mean of the absolute differences."""

    pair = staticmethod(functional.l1_loss_pair)


class HuberLoss(Loss):
    """Half the squared difference up to `delta`, beyond it a straight line."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        positive_delta(delta)
        self.delta = delta

    def operation(self) -> Operation:
        """The loss."""
        return Operation(functional.huber_loss_pair, (), {"reduction": self.reduction, "delta": self.delta})


def _array(value: Any) -> Array | None:
    return None if value is None else array_of(value.data if isinstance(value, Tensor) else value)


class _Weighted(Loss):
    """A loss with a weight for each class, a buffer as in PyTorch."""

    weight: Any

    def __init__(self, weight: Any, reduction: str) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", _array(weight))


class CrossEntropyLoss(_Weighted):
    """Cross entropy of scores (N, classes, ...) and labels or probabilities: minus the logarithm of the softmax.

    Parameters
    ----------
    weight : array_like, optional
        A weight for each class.
    ignore_index : int
        A label whose items do not count.
    reduction : {"mean", "sum", "none"}
        The mean is over the weights of the labels.
    label_smoothing : float
        Share of the probability spread evenly over all classes.

    Raises
    ------
    IndexError, ValueError, TypeError
        Calling it: for labels that are no classes, shapes that do not fit, labels that are not whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> scores = nn.Parameter(np.array([[3.2, 5.1, -1.7]]))
    >>> loss = nn.CrossEntropyLoss()(scores, [0])
    >>> print(f"{loss.item():.5f}")
    2.04036
    """

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean",
                 label_smoothing: float = 0.0) -> None:
        super().__init__(weight, reduction)
        share_of_smoothing(label_smoothing)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def operation(self) -> Operation:
        """The loss."""
        return Operation(functional.cross_entropy_pair, (self.weight,), {
            "ignore_index": self.ignore_index, "reduction": self.reduction, "label_smoothing": self.label_smoothing})


class NLLLoss(_Weighted):
    """Minus the logarithm of the probability of the right class, of logarithms (N, classes, ...) and labels."""

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def operation(self) -> Operation:
        """The loss."""
        return Operation(functional.nll_loss_pair, (self.weight,), {
            "ignore_index": self.ignore_index, "reduction": self.reduction})


class BCEWithLogitsLoss(_Weighted):
    """Binary cross entropy of the logistic function of the prediction, and probabilities of its shape."""

    pos_weight: Any

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", _array(pos_weight))

    def operation(self) -> Operation:
        """The loss."""
        return Operation(functional.binary_cross_entropy_with_logits_pair, (self.weight,), {
            "reduction": self.reduction, "pos_weight": self.pos_weight})


class MultiMarginLoss(_Weighted):
    """By how much the scores of wrong classes come within a margin of the right one's, over the number of classes."""

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        power_of_margins("MultiMarginLoss", p)
        self.p, self.margin = p, margin

    def operation(self) -> Operation:
        """The loss."""
        return Operation(functional.multi_margin_loss_pair, (self.weight,), {
            "p": self.p, "margin": self.margin, "reduction": self.reduction})


class Hinge(Loss):
    """As `MultiMarginLoss`, not divided by the number of classes: the multiclass hinge as textbooks have it."""

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def operation(self) -> Operation:
        """The loss."""
        return Operation(functional.hinge_pair, (), {"margin": self.margin, "reduction": self.reduction})


class GaussianNLLLoss(Loss):
    """Minus the logarithm of a normal density, of means, targets and variances: called with three arguments."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        positive_eps(eps)
        self.full, self.eps = full, eps

    def operation(self) -> Operation:
        """The loss."""
        return Operation(functional.gaussian_nll_loss_pair, (), {
            "full": self.full, "eps": self.eps, "reduction": self.reduction})

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        """Compute the loss of means, targets and variances."""
        return super().forward(input, target, var)

    def of_arrays(self, prediction: Array, target: Any) -> tuple[Array, Array]:
        """Not available: this loss has a third operand."""
        raise TypeError("GaussianNLLLoss takes a variance beside prediction and target: call it on model(x), and backward() on "
                        "its result")
