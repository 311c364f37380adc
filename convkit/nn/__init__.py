"""Convolutional networks on the kernels of this package, with PyTorch's names, layouts and first values.

Models are made of modules (`Sequential`, `Residual`, `Concat`, and the layers) or are a `Module` with a ``forward`` of one's
own. `functional` has the operations as functions, `init` the first values, `models` known networks. A script for PyTorch runs
with its imports changed::

    import convkit.autodiff as torch
    import convkit.nn as nn
    import convkit.nn.functional as F
    import convkit.optim as optim

Left out on purpose: recurrent layers, attention, embeddings, half precision, trained weights.
"""

from convkit.nn import functional, init, models
from convkit.nn.containers import Concat, Residual, Sequential
from convkit.nn.init import manual_seed
from convkit.nn.layers import (
    ELU,
    GELU,
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    ZeroPadShortcut,
)
from convkit.nn.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    GaussianNLLLoss,
    Hinge,
    HuberLoss,
    L1Loss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
)
from convkit.nn.matrix import conv_as_matrix
from convkit.nn.module import Module, Parameter
from convkit.nn.summary import summary

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Concat",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "GaussianNLLLoss",
    "Hinge",
    "HuberLoss",
    "Identity",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "MultiMarginLoss",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "ZeroPadShortcut",
    "conv_as_matrix",
    "functional",
    "init",
    "manual_seed",
    "models",
    "summary",
]
