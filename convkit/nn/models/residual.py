"""Residual networks, and their twins without shortcuts."""

from __future__ import annotations

from typing import Any

from convkit._core.checks import word
from convkit.nn import functional
from convkit.nn.containers import Sequential
from convkit.nn.init import kaiming_normal_
from convkit.nn.layers import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    ZeroPadShortcut,
)
from convkit.nn.models.classic import scaled
from convkit.nn.module import Module

SHORTCUTS = ("zeros", "projection", "none")


class BasicBlock(Module):
    """Two 3x3 convolutions with batch norms, around which the input is added, and a ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the result.
    stride : int
        Of the first convolution.
    shortcut : {"zeros", "projection", "none"}
        How the input gets to another size: every `stride`-th sample with channels of zeros; a 1x1 convolution with a batch
        norm. Where the size stays it is added as it is. "none": nothing is added, a plain block.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, shortcut: str = "zeros") -> None:
        super().__init__()
        word(shortcut, "shortcut", SHORTCUTS)
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = BatchNorm2d(out_channels)
        self.conv2 = Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = BatchNorm2d(out_channels)
        self.downsample: Module | None = None
        if shortcut != "none":
            if in_channels == out_channels and stride == 1:
                self.downsample = Identity()
            elif shortcut == "zeros":
                self.downsample = ZeroPadShortcut(in_channels, out_channels, stride)
            else:
                self.downsample = Sequential(Conv2d(in_channels, out_channels, 1, stride, bias=False),
                                             BatchNorm2d(out_channels))

    def forward(self, x: Any) -> Any:
        """Compute the block."""
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y if self.downsample is None else y + self.downsample(x))


def _resnet(blocks: tuple[int, ...], num_classes: int, shortcut: str, width: float) -> Sequential:
    """Four stages of so many blocks, each after the first of half the size and twice the channels."""
    before = scaled(64, width)
    parts: dict[str, Module] = {
        "conv1": Conv2d(3, before, 7, 2, 3, bias=False), "bn1": BatchNorm2d(before), "relu": ReLU(),
        "maxpool": MaxPool2d(3, 2, 1),
    }
    for stage, count in enumerate(blocks):
        after = scaled(64 * 2**stage, width)
        layers = []
        for i in range(count):
            layers.append(BasicBlock(before, after, 2 if stage and not i else 1, shortcut))
            before = after
        parts[f"layer{stage + 1}"] = Sequential(*layers)
    model = Sequential({**parts, "avgpool": AdaptiveAvgPool2d(1), "flatten": Flatten(), "fc": Linear(before, num_classes)})
    for module in model.modules():
        if isinstance(module, Conv2d):
            kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


def resnet18(num_classes: int = 1000, shortcut: str = "zeros", width: float = 1) -> Sequential:
    """ResNet with 18 layers that have weights, for images (N, 3, 224, 224): 11,515,688 parameters for 1000 classes.

    Parameters
    ----------
    num_classes : int
        Results.
    shortcut : {"zeros", "projection"}
        How shortcuts get to more channels: zeros add no parameters, so that the network has as many as `plain18`; 1x1
        convolutions make it torchvision's, with its names and its 11,689,512 parameters.
    width : float
        Multiplies the channels of all layers but the last.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016, table 1 and section 3.3.
    """
    return _resnet((2, 2, 2, 2), num_classes, word(shortcut, "shortcut", SHORTCUTS[:2]), width)


def resnet34(num_classes: int = 1000, shortcut: str = "zeros", width: float = 1) -> Sequential:
    """As `resnet18`, with 34 layers: 21,623,848 parameters for 1000 classes, with projections 21,797,672."""
    return _resnet((3, 4, 6, 3), num_classes, word(shortcut, "shortcut", SHORTCUTS[:2]), width)


def plain18(num_classes: int = 1000, width: float = 1) -> Sequential:
    """`resnet18` without its shortcuts: 11,515,688 parameters."""
    return _resnet((2, 2, 2, 2), num_classes, "none", width)


def plain34(num_classes: int = 1000, width: float = 1) -> Sequential:
    """`resnet34` without its shortcuts: 21,623,848 parameters."""
    return _resnet((3, 4, 6, 3), num_classes, "none", width)
