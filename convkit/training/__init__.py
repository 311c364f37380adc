"""Training: the loop, what is done in it, its checkpoints, and how good a model is."""

from convkit.training.callbacks import Callback, EarlyStopping, Run, StepLosses
from convkit.training.checkpoint import load_weights
from convkit.training.evaluation import Evaluation, confusion_matrix, evaluate, predict
from convkit.training.history import History
from convkit.training.loop import fit
from convkit.training.saved import ImageModel
from convkit.training.step import DivergenceError

__all__ = ["Callback", "DivergenceError", "EarlyStopping", "Evaluation", "History", "ImageModel", "Run", "StepLosses",
           "confusion_matrix", "evaluate", "fit", "load_weights", "predict"]
