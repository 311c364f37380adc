"""Optimizers: what changes the parameters of a model, step by step.

Names, defaults and formulas are PyTorch's where it has them. `lr_scheduler` changes their rates, `line_search` finds one,
`ewma` is the average in many of them; `surfaces` has losses to try them on, `reference` their formulas in plain NumPy.
"""

from convkit.optim import lr_scheduler, reference, surfaces
from convkit.optim.adam import Adam, AdamW, RAdam
from convkit.optim.adaptive import Adadelta, Adagrad, RMSprop
from convkit.optim.averages import ewma
from convkit.optim.descent import gradient_descent, line_search
from convkit.optim.optimizer import Optimizer
from convkit.optim.recent import AdaBelief, AdaInject, AngularGrad, diffGrad
from convkit.optim.sgd import SGD, NormalizedSGD

__all__ = [
    "SGD",
    "AdaBelief",
    "AdaInject",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AngularGrad",
    "NormalizedSGD",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "diffGrad",
    "ewma",
    "gradient_descent",
    "line_search",
    "lr_scheduler",
    "reference",
    "surfaces",
]
