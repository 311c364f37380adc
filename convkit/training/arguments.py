"""What `fit` is given, refused before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from convkit import nn, optim
from convkit._core.checks import word
from convkit.optim import lr_scheduler
from convkit.training.callbacks import Callback
from convkit.training.evaluation import arrays_of, check_data, is_pair


def each_batch(scheduler: Any, every: str | None) -> bool:
    """Whether a schedule goes on after each step, and not after each epoch."""
    if every is None:
        return isinstance(scheduler, lr_scheduler.OneCycleLR)
    word(every, "scheduler_every", ("epoch", "batch"))
    if every == "batch" and isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
        raise ValueError("scheduler_every='batch': a ReduceLROnPlateau looks at losses of epochs; leave scheduler_every out")
    return every == "batch"


def check_parts(model: Any, data: Any, loss: Any, optimizer: Any, scheduler: Any, penalty: Any, callbacks: Any) -> None:
    """Refuse what is of another kind, or belongs to another model or optimizer.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, and how to mend it.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; give a module of convkit.nn, such as nn.Sequential(...)")
    check_data(data, "data")
    if loss is not None and not callable(loss):
        raise TypeError(f"loss={loss!r} cannot be called; give a loss such as nn.CrossEntropyLoss() or nn.MSELoss()")
    if penalty is not None and not hasattr(penalty, "add_gradients"):
        raise TypeError(f"penalty={penalty!r} is none of nn.L1Penalty, nn.L2Penalty and nn.ElasticNetPenalty; give one of "
                        "them, or add your own term in the loss")
    if not isinstance(callbacks, Iterable) or not all(isinstance(callback, Callback) for callback in callbacks):
        raise TypeError(f"callbacks={callbacks!r} must be a list of callbacks, such as [training.EarlyStopping()]")
    if optimizer is not None:
        if not isinstance(optimizer, optim.Optimizer):
            raise TypeError(f"optimizer={optimizer!r} is no optimizer; give one such as optim.Adam(model.parameters())")
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if held.isdisjoint(id(p) for p in model.parameters()):
            raise ValueError("optimizer has no parameter of this model; make it of model.parameters(), after the model")
    steered = getattr(scheduler, "optimizer", optimizer)
    if scheduler is not None and steered is not optimizer:
        raise ValueError("scheduler sets the rate of another optimizer than the one that trains; give that one as optimizer=")


def check_validation(model: Any, validation: Any) -> None:
    """Refuse what is neither arrays that fit together nor batches, before the first epoch rather than after it."""
    check_data(validation, "validation")
    if is_pair(validation):
        arrays_of(model, validation)
