"""Rates that are a function of the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convkit.optim.lr_scheduler.schedule import LRScheduler, known, several, whole
from convkit.optim.optimizer import Optimizer


class LambdaLR(LRScheduler):
    """The first rate times a function of the epoch: ``lr_lambda(epoch)``, or one function for each group.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed.
    lr_lambda : callable or list of callable
        Takes the epoch, returns the factor.
    last_epoch : int
        As of any schedule.

    Raises
    ------
    ValueError
        For lists of another length than the optimizer has groups.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> for epoch in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 4), end=" ")
    ...     schedule.step()
    1.0 0.5 0.3333 0.25
    """

    _kept_out = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
                 last_epoch: int = -1) -> None:
        self.lr_lambdas = several(lr_lambda, known(optimizer), "lr_lambda")
        super().__init__(optimizer, last_epoch)

    def rate(self, i: int) -> float:
        """The rate."""
        return float(self.base_lrs[i] * self.lr_lambdas[i](self.last_epoch))

    def state_dict(self) -> dict[str, Any]:
        """As of any schedule; what a callable object knows is part of it, functions are not."""
        return {**super().state_dict(), "lr_lambdas": [dict(getattr(f, "__dict__", {})) or None for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As of any schedule."""
        super().load_state_dict(state_dict)
        for function, memory in zip(self.lr_lambdas, state_dict.get("lr_lambdas", ()), strict=False):
            if memory:
                vars(function).update(memory)


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed.
    step_size : int
        How many epochs a rate lasts.
    gamma : float
        The factor.
    last_epoch : int
        As of any schedule.

    Raises
    ------
    ValueError
        For a `step_size` below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for epoch in range(5):
    ...     print(round(optimizer.param_groups[0]["lr"], 4), end=" ")
    ...     schedule.step()
    1.0 1.0 0.5 0.5 0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = whole(step_size, "step_size"), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, i: int) -> float:
        """The rate."""
        return float(self.base_lrs[i] * self.gamma ** (self.last_epoch // self.step_size))

    def following(self, i: int, lr: float) -> float:
        """The rate, from the last."""
        return lr * self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else lr


class ExponentialLR(LRScheduler):
    """The rate times `gamma` every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed.
    gamma : float
        The factor.
    last_epoch : int
        As of any schedule.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    >>> for epoch in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 4), end=" ")
    ...     schedule.step()
    1.0 0.9 0.81 0.729
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, i: int) -> float:
        """The rate."""
        return float(self.base_lrs[i] * self.gamma**self.last_epoch)

    def following(self, i: int, lr: float) -> float:
        """The rate, from the last."""
        return lr * self.gamma if self.last_epoch else lr


class LinearLR(LRScheduler):
    """A factor that goes from `start_factor` to `end_factor` in `total_iters` epochs, and stays there: a warm-up.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed.
    start_factor, end_factor : float
        What the first rate is multiplied by at first, and in the end.
    total_iters : int
        How many epochs that takes.
    last_epoch : int
        As of any schedule.

    Raises
    ------
    ValueError
        For factors beyond 0 to 1, a `start_factor` of 0, and `total_iters` below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> for epoch in range(5):
    ...     print(round(optimizer.param_groups[0]["lr"], 4), end=" ")
    ...     schedule.step()
    0.25 0.5 0.75 1.0 1.0
    """

    def __init__(self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5,
                 last_epoch: int = -1) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(f"start_factor={start_factor!r} and end_factor={end_factor!r} are not allowed; the first must be "
                             "above 0, and both from 0 to 1")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = whole(total_iters, "total_iters")
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        done = min(epoch, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * done

    def rate(self, i: int) -> float:
        """The rate."""
        return float(self.base_lrs[i] * self._factor(self.last_epoch))

    def following(self, i: int, lr: float) -> float:
        """The rate, from the last."""
        if self.last_epoch > self.total_iters:
            return lr
        return lr * self._factor(self.last_epoch) / (self._factor(self.last_epoch - 1) if self.last_epoch else 1)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the first rate to `eta_min` in `T_max` epochs, and back in as many.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed.
    T_max : int
        How many epochs it goes down.
    eta_min : float
        The lowest rate.
    last_epoch : int
        As of any schedule.

    Raises
    ------
    ValueError
        For a `T_max` below 1.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    >>> for epoch in range(5):
    ...     print(round(optimizer.param_groups[0]["lr"], 4), end=" ")
    ...     schedule.step()
    1.0 0.8536 0.5 0.1464 0.0
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = whole(T_max, "T_max"), eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def rate(self, i: int) -> float:
        """The rate."""
        return float(self.eta_min + (self.base_lrs[i] - self.eta_min) * self._height(self.last_epoch))

    def following(self, i: int, lr: float) -> float:
        """The rate, from the last."""
        if self.last_epoch == 0:
            return lr
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # From the lowest point, where there is nothing left to multiply.
            return float(lr + (self.base_lrs[i] - self.eta_min) * self._height(self.T_max - 1))
        return self.eta_min + (lr - self.eta_min) * self._height(self.last_epoch) / self._height(self.last_epoch - 1)
