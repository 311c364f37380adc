"""Schedules one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from convkit.optim.lr_scheduler.schedule import LRScheduler
from convkit.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """Schedules one after the other: the next takes over, from its epoch 0, at each of the `milestones`.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are changed.
    schedulers : list of LRScheduler
        Made of the same optimizer.
    milestones : list of int
        The epochs at which the second begins, the third, and so on.

    Raises
    ------
    ValueError
        For another number of milestones than lie between the schedules, and for schedules of other optimizers or of a plateau.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> from convkit.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=0.1)
    >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> schedule = SequentialLR(optimizer, [warm_up, CosineAnnealingLR(optimizer, T_max=2)], milestones=[2])
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(round(optimizer.param_groups[0]["lr"], 4))
    ...     schedule.step()
    >>> rates
    [0.05, 0.075, 0.1, 0.05, 0.0]
    """

    _kept_out = ("optimizer", "_schedulers")

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones between them, not "
                             f"{len(milestones)}")
        for scheduler in schedulers:
            if not isinstance(scheduler, LRScheduler) or scheduler.optimizer is not optimizer:
                raise ValueError(f"{type(scheduler).__name__} cannot be one of several: each must be a schedule of epochs, "
                                 "made of the same optimizer")
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def _begin(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr
        self.last_epoch = 0
        self._schedulers[0]._begin()
        self._last_lr = self._schedulers[0].get_last_lr()

    def _go_to(self, epoch: int) -> None:
        self._begin()
        for _ in range(epoch):
            self.step()

    def step(self) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i and self._milestones[i - 1] == self.last_epoch:
            scheduler._go_to(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """As of any schedule, with those of the schedules in it."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As of any schedule."""
        super().load_state_dict(state_dict)
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)
