"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from convkit import nn, optim
from convkit._core.device import Remote
from convkit.data import ArrayLoader
from convkit.training.arguments import check_parts, check_validation, each_batch
from convkit.training.callbacks import Callback, Run
from convkit.training.checkpoint import Checkpoints
from convkit.training.evaluation import Sums, arrays_of, brought_batches, evaluate, is_pair
from convkit.training.history import History
from convkit.training.progress import Progress
from convkit.training.step import DivergenceError, forward, largest, recover

# Steps after which the loss of a model on a device is looked at, which waits for it.
LOOKS = 100


def fit(model: nn.Module, data: Any, *, loss: Callable[..., Any] | None = None, optimizer: optim.Optimizer | None = None,
        epochs: int = 10, batch_size: int = 32, validation: Any = None, scheduler: Any = None,
        scheduler_every: str | None = None, penalty: Any = None, clip_norm: float | None = None,
        callbacks: Sequence[Callback] = (), checkpoints: str | Path | None = None, resume: bool = False,
        progress: bool | None = None) -> History:
    """Train a model, where it lies.

    Batches are brought to a model on a CUDA device, and its losses stay there until they are shown, and for 100 steps at most.
    Afterwards the model is in `eval` mode. Batch norms whose parameters are all frozen use their running statistics and keep
    them while the rest is trained. Random numbers of layers are those of `convkit.nn.manual_seed`.

    Parameters
    ----------
    model : Module
        What is trained. A `Sequential` needs no tape.
    data : ArrayLoader, or (x, y)
        Anything that gives batches of inputs and targets anew each time it is looped over; or arrays of them, which are
        shuffled for each epoch, always in the same way: for another, give ``ArrayLoader(x, y, batch_size, seed=...)``.
    loss : callable
        Of a batch's results and targets, its mean; ``nn.CrossEntropyLoss()`` unless given.
    optimizer : Optimizer
        ``optim.Adam(model.parameters())`` unless given. Parameters that it has not, and frozen ones, stay as they are.
    epochs : int
        How often all data are gone through, epochs before a resumption included.
    batch_size : int
        Items of a step, where data are arrays.
    validation : ArrayLoader, or (x, y)
        Data on which the model is evaluated after each epoch.
    scheduler : object
        Sets the learning rate of `optimizer`, of which it is made: its ``step()`` is called, that of a `ReduceLROnPlateau`
        with the validation loss, or the loss where there is no validation.
    scheduler_every : {"epoch", "batch"}
        Whether after each epoch or after each step. Unless given, a `OneCycleLR` is called after each step, and others after
        each epoch.
    penalty : L1Penalty, L2Penalty or ElasticNetPenalty
        Its gradients are added. Losses in the history are without it.
    clip_norm : float
        Length to which the gradient of all parameters is cut down where it is longer.
    callbacks : sequence of Callback
        Called after steps and epochs, such as `EarlyStopping`.
    checkpoints : str or Path
        Folder for ``last.safetensors``, written after each epoch, and ``best.safetensors``, that of the least validation loss,
        or loss where there is no validation.
    resume : bool
        Go on from `checkpoints` as if the run had not been broken off, with the same numbers; from the start if there are
        none. Model, optimizer, data and the rest must be built as they were.
    progress : bool
        Whether a bar on stderr shows loss, accuracy, images per second and the time left; if stderr is a terminal unless
        given.

    Returns
    -------
    History
        Loss, accuracy, learning rate and seconds of each epoch.

    Raises
    ------
    TypeError
        For an argument of another kind.
    DivergenceError
        When the loss becomes NaN or infinite, with the step, the rate, and the layer of the largest gradient. The parameters
        are as they were before that step, or if the step before had spoilt them, as they were before that epoch; on a
        device, where it is noticed later, they are those of the epoch's start if any is spoilt.
    ValueError
        For data and settings that do not fit, and checkpoints that cannot be read or are there without ``resume=True``.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, training
    >>> _ = nn.manual_seed(0)
    >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
    >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
    >>> model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    >>> history = training.fit(model, (x, y), epochs=60)
    >>> history["accuracy"][-1] > 0.9
    True
    """
    by_batch = each_batch(scheduler, scheduler_every)
    check_parts(model, data, loss, optimizer, scheduler, penalty, callbacks)
    if not isinstance(epochs, int | np.integer) or epochs < 1:
        raise ValueError(f"epochs={epochs!r} must be a whole number of 1 or more")
    if is_pair(data):
        data = ArrayLoader(*arrays_of(model, data), batch_size=batch_size, shuffle=True)
    if validation is not None:
        check_validation(model, validation)
    trainer = _Trainer(model, data, nn.CrossEntropyLoss() if loss is None else loss,
                       optim.Adam(model.parameters()) if optimizer is None else optimizer, penalty, clip_norm,
                       scheduler if by_batch else None, tuple(callbacks))
    run = Run(model, trainer.optimizer, epochs)
    folder = None
    if checkpoints is not None:
        parts = {"loader": data, "scheduler": scheduler}
        folder = Checkpoints(checkpoints, {name: part for name, part in parts.items() if hasattr(part, "state_dict")})
        if folder.there and not resume:
            raise ValueError(f"checkpoints={str(checkpoints)!r} has those of an earlier run; go on with it by resume=True, or "
                             "name another folder")
        if folder.there:
            folder.restore(run, trainer.callbacks)
    elif resume:
        raise ValueError("resume=True needs checkpoints=, the folder of the run that is to go on")
    steps = None
    with suppress(TypeError):  # of what has no length
        steps = len(data)
    # A loss that is no number is told in words.
    with Progress(progress, run.epoch, epochs, steps) as bar, np.errstate(over="ignore", invalid="ignore"):
        while run.epoch < epochs and not run.stop:
            begin, rate = time.perf_counter(), _rate(run.optimizer)
            row = trainer.epoch(run, bar)
            if validation is not None:
                value, accuracy = evaluate(model, validation, trainer.loss)
                row |= {"validation_loss": value} | ({} if accuracy is None else {"validation_accuracy": accuracy})
            run.history.append({**row, "lr": rate, "seconds": time.perf_counter() - begin})
            if scheduler is not None and not by_batch:
                _step(scheduler, run.history)
            for callback in trainer.callbacks:
                callback.after_epoch(run)
            if folder is not None:
                folder.save(run, trainer.callbacks)
    for callback in trainer.callbacks:
        callback.at_end(run)
    model.eval()
    return run.history


def _rate(optimizer: optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def _step(scheduler: Any, history: History) -> None:
    """Let a scheduler set the rate of the next epoch."""
    if isinstance(scheduler, optim.lr_scheduler.ReduceLROnPlateau):
        scheduler.step(history[history.watched][-1])
    else:
        scheduler.step()


class _NoNumberError(Exception):
    """The loss is NaN or infinite; ends a step before anything is changed."""


class _Trainer:
    """What is the same in all epochs of a run; `scheduler` is one that is called after each step, or None."""

    def __init__(self, model: nn.Module, data: Any, loss: Callable[..., Any], optimizer: optim.Optimizer, penalty: Any,
                 clip_norm: float | None, scheduler: Any, callbacks: tuple[Callback, ...]) -> None:
        self.model, self.data, self.loss, self.optimizer = model, data, loss, optimizer
        self.penalty, self.clip_norm, self.scheduler, self.callbacks = penalty, clip_norm, scheduler, callbacks
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        if not named:
            raise ValueError("no parameter of the model requires a gradient; give it some, or call unfreeze()")
        self.names, self.parameters = [name for name, _ in named], [p for _, p in named]
        self.drop_gradients()

    def drop_gradients(self) -> None:
        """As the model's `zero_grad`, without looking for the parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def train_mode(self) -> None:
        """`train` mode, but for batch norms that are frozen."""
        self.model.train()
        for module in self.model.modules():
            own = list(module.parameters(recurse=False))
            if own and getattr(module, "running_mean", None) is not None and not any(p.requires_grad for p in own):
                module.training = False

    def epoch(self, run: Run, bar: Progress) -> dict[str, float]:
        """Go through the data once; means over them for the history."""
        self.train_mode()
        run.epoch, run.step = run.epoch + 1, 0
        before = self.model.state_dict()
        sums = Sums()
        bar.start_epoch()
        for x, y in brought_batches(self.model, self.data):
            scores = self.step(run, x, y, before)
            sums.add(run.loss, scores, y)
            if isinstance(run.loss, Remote) and run.step % LOOKS == 0 and not math.isfinite(sums.loss):
                raise self.diverged(run, before)
            for callback in self.callbacks:
                callback.after_step(run)
            bar.update(run.epoch, run.step, sums)
        if not sums.items:
            raise ValueError("data gave no batch in this epoch; it must hold at least one, and give its batches anew each time "
                             "it is looped over, which a generator does not")
        if isinstance(run.loss, Remote) and not math.isfinite(sums.loss):
            raise self.diverged(run, before)
        accuracy = sums.accuracy
        return {"epoch": run.epoch, "loss": sums.loss} | ({} if accuracy is None else {"accuracy": accuracy})

    def step(self, run: Run, x: Any, y: Any, before: Any) -> Any:
        """One step on a batch, whose scores it returns; `before` is the model at the start of the epoch."""
        scores = None

        def closure() -> Any:
            nonlocal scores
            run.loss, scores, backward = forward(self.model, self.loss, x, y)
            if not isinstance(run.loss, Remote) and not math.isfinite(run.loss):
                raise _NoNumberError  # with the gradients of the step before in their place
            self.drop_gradients()
            backward()
            if self.penalty is not None:
                self.penalty.add_gradients(self.parameters)
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
            return run.loss

        run.step += 1
        try:
            self.optimizer.step(closure)
        except _NoNumberError:
            raise self.diverged(run, before) from None
        if self.scheduler is not None:
            self.scheduler.step()
        return scores

    def diverged(self, run: Run, before: Any) -> DivergenceError:
        """What went wrong, in words, with the model brought back to what it was."""
        rate = _rate(self.optimizer)
        layer, length = largest(self.names, [p.grad for p in self.parameters])
        when = "by step" if isinstance(run.loss, Remote) else "step"
        cause = (f"The largest gradient of the step before was that of {layer}, of length {length:.3g}." if layer else
                 "It was the first step: look for NaN and huge numbers in the data.")
        return DivergenceError(
            f"the loss became {run.loss} in epoch {run.epoch}, {when} {run.step}, at learning rate {rate:g}. {cause} What "
            f"helps: a smaller rate, clip_norm=1, inputs of mean 0 and deviation 1. Now {recover(self.model, before)}",
            run.epoch, run.step, rate, layer)
