"""Schedules: rates that change with the epochs, or with the steps.

Make one of an optimizer, and call its ``step()`` after each epoch (`OneCycleLR`, and warm-up: after each step of the
optimizer). Names, arguments and rates are PyTorch's. Each takes the rate as it finds it, so several may work on one optimizer.
To go on with a saved run, make optimizer and schedule as before, then load both states.
"""

from convkit.optim.lr_scheduler.epochs import CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, StepLR
from convkit.optim.lr_scheduler.one_cycle import OneCycleLR
from convkit.optim.lr_scheduler.plateau import ReduceLROnPlateau
from convkit.optim.lr_scheduler.schedule import LRScheduler
from convkit.optim.lr_scheduler.sequential import SequentialLR

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
