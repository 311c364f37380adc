"""One cycle of rate and momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence

from convkit._core.checks import word
from convkit.optim.lr_scheduler.schedule import LRScheduler, known, several, whole
from convkit.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """Up to a large rate and down to a tiny one, once; the momentum goes down and up. `step` follows every step.

    Parameters
    ----------
    optimizer : Optimizer
        One with momentum or betas, if `cycle_momentum`.
    max_lr : float or list of float
        The largest rate, of each group.
    total_steps : int, optional
        Length of the cycle; otherwise ``epochs * steps_per_epoch``.
    epochs, steps_per_epoch : int, optional
        As above.
    pct_start : float
        Share of the cycle that is spent rising.
    anneal_strategy : {"cos", "linear"}
        How it rises and falls.
    cycle_momentum : bool
        Whether momentum, or the first beta, falls from `max_momentum` to `base_momentum` while the rate rises, and back.
    base_momentum, max_momentum : float or list of float
        As above.
    div_factor, final_div_factor : float
        The first rate is ``max_lr / div_factor``, the last that over `final_div_factor`.
    three_phase : bool
        Fall to the first rate in as many steps as it rose, and then to the last.
    last_epoch : int
        As of any schedule.

    Raises
    ------
    ValueError
        Without a length, for shares beyond 0 to 1, optimizers without momentum; from `step` after the cycle's end.

    References
    ----------
    .. [1] L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates",
       arXiv:1708.07120.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, optim
    >>> optimizer = optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0)
    >>> schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.6, cycle_momentum=False)
    >>> for epoch in range(5):
    ...     print(round(optimizer.param_groups[0]["lr"], 4), end=" ")
    ...     schedule.step()
    0.04 0.52 1.0 0.5 0.0
    """

    def __init__(self, optimizer: Optimizer, max_lr: float | Sequence[float], total_steps: int | None = None,
                 epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
                 anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: float | Sequence[float] = 0.85,
                 max_momentum: float | Sequence[float] = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
                 three_phase: bool = False, last_epoch: int = -1) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR must know the length of its cycle: give total_steps, or epochs and "
                                 "steps_per_epoch")
            total_steps = whole(epochs, "epochs") * whole(steps_per_epoch, "steps_per_epoch")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start={pct_start!r} is not allowed; it is a share of the cycle, from 0 to 1")
        self.total_steps, self.pct_start = whole(total_steps, "total_steps"), pct_start
        self.anneal_strategy = word(anneal_strategy, "anneal_strategy", ("cos", "linear"))
        self.three_phase, self.cycle_momentum = three_phase, cycle_momentum
        if cycle_momentum and not {"momentum", "betas"} & set(known(optimizer).defaults):
            raise ValueError(f"cycle_momentum=True needs an optimizer with momentum or betas, and {type(optimizer).__name__} "
                             "has neither; give cycle_momentum=False")
        marks = {"max_lr": max_lr, "base_momentum": base_momentum, "max_momentum": max_momentum}
        if last_epoch == -1:
            # In the groups, as PyTorch has them, and so in the optimizer's state.
            for name, value in marks.items():
                for group, entry in zip(optimizer.param_groups, several(value, optimizer, name), strict=True):
                    group[name] = entry
            for group in optimizer.param_groups:
                group["initial_lr"] = group["max_lr"] / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def _between(self, marks: tuple[float, ...]) -> float:
        """Where the cycle is on its way from mark to mark."""
        rise, end = self.pct_start * self.total_steps - 1, self.total_steps - 1.0
        ends = (0.0, rise, 2 * rise, end) if self.three_phase else (0.0, rise, end)
        phase = next((k for k in range(1, len(ends)) if self.last_epoch <= ends[k]), len(ends) - 1)
        start, goal = marks[phase - 1], marks[phase]
        done = (self.last_epoch - ends[phase - 1]) / (ends[phase] - ends[phase - 1])
        if self.anneal_strategy == "linear":
            return start + (goal - start) * done
        return goal + (start - goal) / 2 * (1 + math.cos(math.pi * done))

    def rate(self, i: int) -> float:
        """The rate."""
        if self.last_epoch > self.total_steps:
            raise ValueError(f"the cycle of total_steps={self.total_steps} is over; step() was called {self.last_epoch} times")
        first, largest, last = (self.optimizer.param_groups[i][key] for key in ("initial_lr", "max_lr", "min_lr"))
        return self._between((first, largest, first, last) if self.three_phase else (first, largest, last))

    def _set(self, rates: list[float]) -> None:
        super()._set(rates)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                low, high = group["base_momentum"], group["max_momentum"]
                momentum = self._between((high, low, high, high) if self.three_phase else (high, low, high))
                group.update({"betas": (momentum, group["betas"][1])} if "betas" in group else {"momentum": momentum})
