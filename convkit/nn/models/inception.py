"""Inception blocks: convolutions of several sizes side by side, cheap where they are factored into lines.

Every convolution is followed by a batch norm and a ReLU.

References
----------
.. [1] C. Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual connections on learning", AAAI 2017,
   figures 4, 5, 7 and 8.
"""

from __future__ import annotations

from convkit.nn.containers import Concat, Sequential
from convkit.nn.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Softmax,
)
from convkit.nn.models.classic import scaled
from convkit.nn.module import Module

Size = int | tuple[int, int]


def _branch(before: int, *steps: tuple[int, Size], width: float, stride: int = 1) -> list[Module]:
    """Convolutions of so many channels and such taps, the last with `stride` and, if that is not 1, without padding."""
    layers: list[Module] = []
    for i, (channels, taps) in enumerate(steps):
        after = scaled(channels, width)
        pair = taps if isinstance(taps, tuple) else (taps, taps)
        last = i == len(steps) - 1 and stride > 1
        layers += [Conv2d(before, after, pair, stride if last else 1, 0 if last else tuple(k // 2 for k in pair), bias=False),
                   BatchNorm2d(after), ReLU()]
        before = after
    return layers


def inception_a(in_channels: int = 384, width: float = 1) -> Concat:
    """Inception-A: mean pool and 1x1 (96), 1x1 (96), 1x1-3x3 (64, 96), 1x1-3x3-3x3 (64, 96, 96): 384 channels.

    Parameters
    ----------
    in_channels : int
        Channels of the input, 35x35 in the paper.
    width : float
        Multiplies the channels inside and of the result.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import models
    >>> models.inception_a(16)(np.zeros((2, 16, 7, 7), "float32")).shape
    (2, 384, 7, 7)
    """
    return Concat(
        Sequential(AvgPool2d(3, 1, 1, count_include_pad=False), *_branch(in_channels, (96, 1), width=width)),
        Sequential(*_branch(in_channels, (96, 1), width=width)),
        Sequential(*_branch(in_channels, (64, 1), (96, 3), width=width)),
        Sequential(*_branch(in_channels, (64, 1), (96, 3), (96, 3), width=width)),
    )


def inception_b(in_channels: int = 1024, width: float = 1) -> Concat:
    """Inception-B, whose 7x7 convolutions are 1x7 and 7x1: 14 weights in the place of 49.

    Mean pool and 1x1 (128), 1x1 (384), 1x1-1x7-7x1 (192, 224, 256), 1x1-1x7-7x1-1x7-7x1 (192, 192, 224, 224, 256):
    1024 channels.

    Parameters
    ----------
    in_channels : int
        Channels of the input, 17x17 in the paper.
    width : float
        Multiplies the channels inside and of the result.
    """
    return Concat(
        Sequential(AvgPool2d(3, 1, 1, count_include_pad=False), *_branch(in_channels, (128, 1), width=width)),
        Sequential(*_branch(in_channels, (384, 1), width=width)),
        Sequential(*_branch(in_channels, (192, 1), (224, (1, 7)), (256, (7, 1)), width=width)),
        Sequential(*_branch(in_channels, (192, 1), (192, (1, 7)), (224, (7, 1)), (224, (1, 7)), (256, (7, 1)), width=width)),
    )


def reduction_a(in_channels: int = 384, width: float = 1) -> Concat:
    """Reduction-A, from 35x35 to 17x17: max pool, 3x3 (384), 1x1-3x3-3x3 (192, 224, 256), with 384 channels to 1024."""
    return Concat(
        MaxPool2d(3, 2),
        Sequential(*_branch(in_channels, (384, 3), width=width, stride=2)),
        Sequential(*_branch(in_channels, (192, 1), (224, 3), (256, 3), width=width, stride=2)),
    )


def reduction_b(in_channels: int = 1024, width: float = 1) -> Concat:
    """Reduction-B, from 17x17 to 8x8: max pool, 1x1-3x3 (192, 192), 1x1-1x7-7x1-3x3 (256, 256, 320, 320)."""
    return Concat(
        MaxPool2d(3, 2),
        Sequential(*_branch(in_channels, (192, 1), (192, 3), width=width, stride=2)),
        Sequential(*_branch(in_channels, (256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3), width=width, stride=2)),
    )


def small_inception(num_classes: int = 10, width: float = 0.125) -> Sequential:
    """An Inception net for images (N, 3, 32, 32): stem, A, reduction, B, mean of each channel, dropout (keep 0.8), softmax.

    Its results are probabilities. To train with `CrossEntropyLoss`, which takes scores, leave the softmax out: ``model[:-1]``
    shares all weights.

    Parameters
    ----------
    num_classes : int
        Results.
    width : float
        Multiplies the blocks' channels.
    """
    stem = scaled(96, width)
    a, b = (sum(scaled(c, width) for c in parts) for parts in ((96,) * 4, (384, 256)))
    inner = sum(scaled(c, width) for c in (128, 384, 256, 256))
    return Sequential({
        "stem": Sequential(*_branch(3, (96, 3), width=width)),
        "a": inception_a(stem, width), "reduction": reduction_a(a, width), "b": inception_b(a + b, width),
        "pool": AdaptiveAvgPool2d(1), "flatten": Flatten(), "dropout": Dropout(0.2),
        "fc": Linear(inner, num_classes), "softmax": Softmax(1),
    })
