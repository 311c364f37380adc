"""What all schedules of epochs share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convkit.optim.optimizer import Optimizer


def several(value: Any, optimizer: Optimizer, name: str) -> list[Any]:
    """A setting for each group."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} has {len(value)} entries, and the optimizer {groups} parameter groups; give one for each, or "
                         "one for all")
    return list(value)


def whole(value: Any, name: str) -> int:
    """Refuse what is no whole number, or below 1."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}={value!r} is not allowed; it must be a whole number, 1 or more")
    return int(value)


def known(optimizer: Any) -> Optimizer:
    """Refuse what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a schedule changes the rates of an optimizer of convkit.optim, not of {type(optimizer).__name__}")
    return optimizer


class LRScheduler:
    """Base of the schedules: subclasses give `rate`, and `following` where that follows from the rate before.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed, at once to those of epoch 0.
    last_epoch : int
        -1 to begin; otherwise the optimizer must have been under a schedule before, as its groups tell.

    Attributes
    ----------
    last_epoch : int
        Calls of `step` so far.
    base_lrs : list of float
        The rates that the schedule began with.
    """

    _kept_out: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = known(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(f"last_epoch={last_epoch} goes on with a schedule, and parameter group {i} has been under none: "
                               "it has no 'initial_lr'; load the optimizer's state first, or begin with last_epoch=-1")
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        if last_epoch == -1:
            self._begin()
        else:
            self._go_to(last_epoch + 1)

    def rate(self, i: int) -> float:
        """The rate of the i-th group in epoch `last_epoch`."""
        raise NotImplementedError

    def following(self, i: int, lr: float) -> float:
        """As `rate`, from what it was the epoch before; in epoch 0 from what it was before the schedule."""
        return self.rate(i)

    def _begin(self) -> None:
        self.last_epoch = 0
        self._set([self.following(i, group["lr"]) for i, group in enumerate(self.optimizer.param_groups)])

    def _go_to(self, epoch: int) -> None:
        self.last_epoch = epoch
        self._set([self.rate(i) for i in range(len(self.base_lrs))])

    def _set(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = rates

    def step(self) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        self._set([self.following(i, group["lr"]) for i, group in enumerate(self.optimizer.param_groups)])

    def get_last_lr(self) -> list[float]:
        """The rates that were last set."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, and its settings."""
        return {key: list(value) if isinstance(value, list) else value for key, value in vars(self).items()
                if key not in self._kept_out}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; the rates themselves are in the optimizer's state."""
        for key, value in state_dict.items():
            if key in vars(self) and key not in self._kept_out:
                setattr(self, key, list(value) if isinstance(value, list) else value)
