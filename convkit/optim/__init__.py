"""Optimizers: what changes the parameters of a model, step by step."""

from convkit.optim.optimizers import SGD, Optimizer

__all__ = ["SGD", "Optimizer"]
