"""What is done while a model is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.nn import Module
from convkit.optim import Optimizer
from convkit.training.history import History


@dataclass
class Run:
    """A training run as callbacks see it.

    Attributes
    ----------
    model, optimizer
        What is trained, and by what.
    history : History
        The epochs so far.
    epochs : int
        How many there are to be.
    epoch : int
        The one that runs, or has just ended, from 1.
    step : int
        Step in the epoch, from 1.
    loss : float
        The last batch's; of a model on a CUDA device a number that waits there, for which ``float(loss)`` waits.
    stop : bool
        Set it to end the run after this epoch.
    """

    model: Module
    optimizer: Optimizer
    epochs: int
    history: History = field(default_factory=History)
    epoch: int = 0
    step: int = 0
    loss: Any = 0.0
    stop: bool = False


class Callback:
    """Base of what `fit` calls while it trains; subclasses override what they need.

    One with numbers of its own returns them in ``state_dict`` (arrays, numbers, words, lists and mappings with words for
    keys), so that a resumed run goes on as the unbroken one would.
    """

    def after_step(self, run: Run) -> None:
        """Called after every step of the optimizer."""

    def after_epoch(self, run: Run) -> None:
        """Called after every epoch, its validation included."""

    def at_end(self, run: Run) -> None:
        """Called once after the last epoch."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""


class EarlyStopping(Callback):
    """Ends a run that gets no better, and puts the best model back.

    Parameters
    ----------
    patience : int
        Epochs in a row without a better value after which the run ends.
    monitor : str, optional
        A column of the history: the larger the better if it ends in ``accuracy``, else the smaller. Without it the validation
        loss, or the loss where there is no validation.
    min_delta : float
        By how much a value must be better to count.
    restore_best : bool
        Whether the model gets the parameters and running statistics of the best epoch.

    Attributes
    ----------
    best, best_epoch
        The best value and its epoch; None and 0 before the first.

    Raises
    ------
    ValueError
        For a patience below 1 or a negative `min_delta`.
    KeyError
        After the first epoch: if there is no such column.

    Examples
    --------
    >>> from convkit import nn, optim, training
    >>> model, stopping = nn.Linear(1, 1), training.EarlyStopping(patience=2)
    >>> optimizer = optim.SGD(model.parameters(), lr=0)
    >>> len(training.fit(model, ([[1.0]], [[0.0]]), loss=nn.MSELoss(), optimizer=optimizer, callbacks=[stopping]))
    3
    """

    def __init__(self, patience: int = 5, monitor: str | None = None, min_delta: float = 0.0,
                 restore_best: bool = True) -> None:
        if patience < 1:
            raise ValueError(f"patience={patience!r} must be 1 or more epochs")
        if not min_delta >= 0:
            raise ValueError(f"min_delta={min_delta!r} must be 0 or more")
        self.patience, self.monitor, self.min_delta, self.restore_best = patience, monitor, min_delta, restore_best
        self.best: float | None = None
        self.best_epoch = 0
        self._state: dict[str, Array] = {}

    def after_epoch(self, run: Run) -> None:
        """Look at the newest value."""
        monitor = self.monitor or run.history.watched
        sign = -1.0 if monitor.endswith("accuracy") else 1.0
        value = run.history[monitor][-1]
        if run.epoch == 1:  # of a run before this one nothing counts
            self.best, self._state = None, {}
        if self.best is None or math.isnan(self.best) or sign * value < sign * self.best - self.min_delta:
            self.best, self.best_epoch = value, run.epoch
            if self.restore_best:
                self._state = run.model.state_dict()
        elif run.epoch - self.best_epoch >= self.patience:
            run.stop = True

    def at_end(self, run: Run) -> None:
        """Put the best model back."""
        if self._state:
            run.model.load_state_dict(self._state)

    def state_dict(self) -> dict[str, Any]:
        """The best value, its epoch and its model."""
        return {"best": self.best, "best_epoch": self.best_epoch, "state": self._state}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        best, state = state_dict["best"], dict(state_dict["state"])
        if not all(isinstance(value, np.ndarray) for value in state.values()):
            raise TypeError("the state of the best model must be arrays")
        self.best, self.best_epoch, self._state = None if best is None else float(best), int(state_dict["best_epoch"]), state


class StepLosses(Callback):
    """Prints the mean loss of every so many steps, as the tutorials do: ``[epoch, step] loss: x.xxx``.

    Parameters
    ----------
    every : int
        Steps of an epoch between two lines.
    say : callable
        Takes a line; prints it unless given.

    Attributes
    ----------
    means : list of (int, int, float)
        Epoch, step and mean loss of each line.

    Raises
    ------
    ValueError
        For `every` below 1.
    """

    def __init__(self, every: int = 2000, say: Callable[[str], object] = print) -> None:
        if every < 1:
            raise ValueError(f"every={every!r} must be 1 or more steps")
        self.every, self.say = every, say
        self.means: list[tuple[int, int, float]] = []
        self._sum: Any = 0.0

    def after_step(self, run: Run) -> None:
        """Add the loss, and print where a line is due."""
        if run.step == 1:
            self._sum = 0.0
            if run.epoch == 1:
                self.means = []
        self._sum = self._sum + run.loss
        if run.step % self.every == 0:
            mean = float(self._sum) / self.every
            self.means.append((run.epoch, run.step, mean))
            self.say(f"[{run.epoch}, {run.step:5d}] loss: {mean:.3f}")
            self._sum = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The lines so far."""
        return {"means": self.means}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.means = [(int(e), int(s), float(m)) for e, s, m in state_dict["means"]]
