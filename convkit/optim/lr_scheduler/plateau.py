"""A rate that falls when a loss no longer does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from convkit._core.checks import nonnegative, word
from convkit.optim.lr_scheduler.schedule import known, several
from convkit.optim.optimizer import Optimizer


class ReduceLROnPlateau:
    """The rate times `factor` when a number, such as a loss on held-out data, is no better for more than `patience` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed.
    mode : {"min", "max"}
        Whether less or more is better.
    factor : float
        What rates are multiplied by, below 1.
    patience : int
        How many epochs in a row may be no better.
    threshold : float
        By how much better is better: a share of the best, or with ``threshold_mode="abs"`` a number.
    threshold_mode : {"rel", "abs"}
        As above.
    cooldown : int
        Epochs after a change that do not count.
    min_lr : float or list of float
        Rates do not fall below it.
    eps : float
        A change by less is not made.

    Raises
    ------
    ValueError
        For a `factor` of 1 or more, and settings that are not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=0.1)
    >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (1.0, 0.5, 0.5, 0.5):
    ...     schedule.step(loss)
    >>> print(f"{optimizer.param_groups[0]['lr']:.3f}")
    0.010
    """

    def __init__(self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
                 threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
                 min_lr: float | Sequence[float] = 0, eps: float = 1e-8) -> None:
        if not 0 <= factor < 1:
            raise ValueError(f"factor={factor!r} is not allowed; rates are to fall: it must be 0 or more and below 1")
        self.optimizer = known(optimizer)
        self.mode = word(mode, "mode", ("min", "max"))
        self.threshold_mode = word(threshold_mode, "threshold_mode", ("rel", "abs"))
        self.factor, self.threshold, self.eps = factor, threshold, eps
        self.patience, self.cooldown = nonnegative(patience, "patience"), nonnegative(cooldown, "cooldown")
        self.min_lrs = several(min_lr, optimizer, "min_lr")
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Tell the number after an epoch."""
        current = float(metrics)
        self.last_epoch += 1
        if self._better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lower = max(group["lr"] * self.factor, least)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * current < sign * self.best - self.threshold
        return sign * current < sign * self.best * (1 - sign * self.threshold)

    def get_last_lr(self) -> list[float]:
        """The rates as they are."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, and its settings."""
        return {key: list(value) if isinstance(value, list) else value for key, value in vars(self).items()
                if key != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; the rates themselves are in the optimizer's state."""
        for key, value in state_dict.items():
            if key in vars(self) and key != "optimizer":
                setattr(self, key, list(value) if isinstance(value, list) else value)
