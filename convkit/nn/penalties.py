"""Penalties on large parameters: what is added to a loss so that a model stays simple."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from convkit._core.device import Remote
from convkit._core.typing import Array
from convkit.autodiff import Tensor, apply
from convkit.autodiff.pairs import Pair
from convkit.autodiff.places import array_of
from convkit.nn.module import Module


class Penalty:
    """Base of the penalties: ``sum(l1 * abs(W) + l2 * W**2)`` over parameters."""

    def __init__(self, l1: float, l2: float) -> None:
        self._l1, self._l2 = l1, l2

    def __call__(self, parameters: Module | Iterable[Any]) -> Any:
        """The penalty as a Tensor, to be added to a loss; of arrays, a number.

        Parameters
        ----------
        parameters : Module, or iterable of Parameter
            A module's are all of its parameters. Those of a layer, or those named ``weight``, are given as a list.
        """
        return apply(self._pair, *_listed(parameters))

    def add_gradients(self, parameters: Module | Iterable[Any]) -> Any:
        """Add the penalty's gradients to those of the parameters, after `Sequential.loss_and_grad`, and return the penalty.

        It is a float; of parameters on a CUDA device a number that waits there.

        Parameters
        ----------
        parameters : Module, or iterable of Parameter
            As above; frozen ones count, and get no gradient.
        """
        listed = _listed(parameters)
        for parameter in listed:
            if parameter.requires_grad:
                slope = array_of(self._slope(parameter.data))
                parameter.grad = slope if parameter.grad is None else parameter.grad + slope
        return self._value([parameter.data for parameter in listed])

    def _pair(self, *arrays: Array) -> Pair:
        def vjp(g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
            return [array_of(g * self._slope(a)).astype(a.dtype, copy=False) if on else None
                    for a, on in zip(arrays, wanted, strict=True)]

        return array_of(self._value(arrays)).astype(np.result_type(*(a.dtype for a in arrays)), copy=False), vjp

    def _value(self, arrays: Sequence[Any]) -> Any:
        # In float64: a sum of a million squares in float32 is right to three digits only.
        absolute = sum(np.abs(a).sum(dtype=np.float64) for a in arrays) if self._l1 else 0.0
        squares = sum(np.square(a, dtype=np.float64).sum() for a in arrays) if self._l2 else 0.0
        value = self._l1 * absolute + self._l2 * squares
        return value if isinstance(value, Remote) else float(value)

    def _slope(self, array: Array) -> Array:
        slope = 2 * self._l2 * array
        return slope + self._l1 * np.sign(array) if self._l1 else slope

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({settings})"


def _listed(parameters: Module | Iterable[Any]) -> list[Tensor]:
    listed = list(parameters.parameters() if isinstance(parameters, Module) else parameters)
    if not listed:
        raise ValueError("there are no parameters to penalize: the model has none, or a generator was used up before; give the "
                         "model, or a list")
    return listed


def _strength(value: float, name: str) -> float:
    if not value >= 0:
        raise ValueError(f"{name}={value!r} is not allowed; it must be 0 or more")
    return value


class L1Penalty(Penalty):
    """``strength * sum(abs(W))``: drives what is not needed to 0. Its gradient is ``strength * sign(W)``, 0 at 0.

    Parameters
    ----------
    strength : float
        How much it counts beside the loss.

    Raises
    ------
    ValueError
        For a negative strength, and calling it for no parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> w = nn.Parameter(np.array([3.0, -2.0, 0.0]))
    >>> penalty = nn.L1Penalty(0.1)([w])
    >>> penalty.backward()
    >>> penalty.item(), w.grad
    (0.5, array([ 0.1, -0.1,  0. ]))
    """

    def __init__(self, strength: float) -> None:
        self.strength = _strength(strength, "strength")
        super().__init__(strength, 0)


class L2Penalty(Penalty):
    """``strength * sum(W**2)``: keeps parameters small and spread out. Its gradient is ``2 * strength * W``.

    That is what an optimizer's ``weight_decay = 2 * strength`` adds to the gradient.

    Parameters
    ----------
    strength : float
        How much it counts beside the loss.

    Raises
    ------
    ValueError
        For a negative strength, and calling it for no parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> w = nn.Parameter(np.array([3.0, -2.0]))
    >>> nn.L2Penalty(0.5).add_gradients([w]), w.grad
    (6.5, array([ 3., -2.]))
    """

    def __init__(self, strength: float) -> None:
        self.strength = _strength(strength, "strength")
        super().__init__(0, strength)


class ElasticNetPenalty(Penalty):
    """``sum(l1 * abs(W) + l2 * W**2)``: both of `L1Penalty` and `L2Penalty`.

    Parameters
    ----------
    l1, l2 : float
        How much each counts beside the loss.

    Raises
    ------
    ValueError
        For negative strengths, and calling it for no parameters.

    References
    ----------
    .. [1] H. Zou, T. Hastie, "Regularization and variable selection via the elastic net", J. Royal Statistical Society B 67
       (2005), 301-320.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> w = nn.Parameter(np.array([3.0, -2.0]))
    >>> nn.ElasticNetPenalty(1.0, 0.5).add_gradients([w]), w.grad
    (11.5, array([ 4., -3.]))
    """

    def __init__(self, l1: float, l2: float) -> None:
        self.l1, self.l2 = _strength(l1, "l1"), _strength(l2, "l2")
        super().__init__(l1, l2)
