"""Chains of convolutions, pools and dense layers."""

from __future__ import annotations

from typing import Any

from convkit.nn.containers import Sequential
from convkit.nn.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Tanh,
)
from convkit.nn.module import Module


def scaled(channels: int, width: float) -> int:
    """Channels of a layer in a network made narrower or wider."""
    if not width > 0:
        raise ValueError(f"width={width!r} must be above 0: it multiplies the channels")
    return max(1, round(channels * width))


def tutorial_net(num_classes: int = 10) -> Sequential:
    """The network of PyTorch's CIFAR-10 tutorial, for images (N, 3, 32, 32): 62,006 parameters for 10 classes.

    Its names are those of the tutorial, ``conv1``, ``conv2``, ``fc1`` to ``fc3``.

    Examples
    --------
    >>> from convkit.nn import models
    >>> [sum(p.numel() for p in layer.parameters()) for layer in models.tutorial_net() if list(layer.parameters())]
    [456, 2416, 48120, 10164, 850]
    """
    return Sequential({
        "conv1": Conv2d(3, 6, 5), "relu1": ReLU(), "pool1": MaxPool2d(2, 2),
        "conv2": Conv2d(6, 16, 5), "relu2": ReLU(), "pool2": MaxPool2d(2, 2),
        "flatten": Flatten(),
        "fc1": Linear(16 * 5 * 5, 120), "relu3": ReLU(),
        "fc2": Linear(120, 84), "relu4": ReLU(),
        "fc3": Linear(84, num_classes),
    })


def lenet5(num_classes: int = 10, padding: int = 0) -> Sequential:
    """LeNet-5, for images (N, 1, 32, 32), or (N, 1, 28, 28) with ``padding=2``: 61,706 parameters for 10 classes.

    As it is taught today: the second convolution sees all channels of the first, means have no weights, and the last layer is
    a dense one.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE
       86, 1998, section II.B.
    """
    return Sequential({
        "conv1": Conv2d(1, 6, 5, padding=padding), "tanh1": Tanh(), "pool1": AvgPool2d(2),
        "conv2": Conv2d(6, 16, 5), "tanh2": Tanh(), "pool2": AvgPool2d(2),
        "flatten": Flatten(),
        "fc1": Linear(16 * 5 * 5, 120), "tanh3": Tanh(),
        "fc2": Linear(120, 84), "tanh4": Tanh(),
        "fc3": Linear(84, num_classes),
    })


def _vgg(plan: tuple[int | str, ...], width: float, batch_norm: bool) -> Sequential:
    """3x3 convolutions of so many channels, each rectified, and "pool" for a pool."""
    layers: list[Module] = []
    before = 3
    for channels in plan:
        if channels == "pool":
            layers.append(MaxPool2d(2, 2))
            continue
        after = scaled(int(channels), width)
        layers.append(Conv2d(before, after, 3, padding=1))
        if batch_norm:
            layers.append(BatchNorm2d(after))
        layers.append(ReLU())
        before = after
    return Sequential(*layers)


def _head(features: int, hidden: int, num_classes: int, dropout_first: bool) -> Sequential:
    """Two dense layers of `hidden` results with dropout, and the last one."""
    if dropout_first:
        return Sequential(Dropout(), Linear(features, hidden), ReLU(), Dropout(), Linear(hidden, hidden), ReLU(),
                          Linear(hidden, num_classes))
    return Sequential(Linear(features, hidden), ReLU(), Dropout(), Linear(hidden, hidden), ReLU(), Dropout(),
                      Linear(hidden, num_classes))


def small_vgg(num_classes: int = 10, batch_norm: bool = True) -> Sequential:
    """3x3 convolutions of 32, 32, 64 and 64 channels with two pools and a dense layer, for images (N, 3, 32, 32)."""
    return Sequential({
        "features": _vgg((32, 32, "pool", 64, 64, "pool"), 1, batch_norm),
        "flatten": Flatten(),
        "classifier": Linear(64 * 8 * 8, num_classes),
    })


def vgg16(num_classes: int = 1000, width: float = 1, batch_norm: bool = False) -> Sequential:
    """VGG with 16 layers that have weights, for images (N, 3, 224, 224): 138,357,544 parameters for 1000 classes.

    ``features`` ends with 512 channels of 7x7, ``classifier`` has 4096, 4096 and `num_classes` results; names and order of
    the parameters are torchvision's.

    Parameters
    ----------
    num_classes : int
        Results.
    width : float
        Multiplies the channels of all layers but the last.
    batch_norm : bool
        Put a batch norm behind every convolution.

    References
    ----------
    .. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, table 1,
       column D.
    """
    plan: list[Any] = []
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        plan += [channels] * count + ["pool"]
    return Sequential({
        "features": _vgg(tuple(plan), width, batch_norm),
        "avgpool": AdaptiveAvgPool2d((7, 7)),  # leaves 7x7 as it is
        "flatten": Flatten(),
        "classifier": _head(scaled(512, width) * 49, scaled(4096, width), num_classes, False),
    })


def _five(first: Conv2d, second: Conv2d, ceil: bool, width: float) -> Sequential:
    """The five convolutions that AlexNet and ZFNet have, with their pools and norms."""
    c, d, e = (scaled(n, width) for n in (384, 384, 256))

    def norm() -> LocalResponseNorm:
        return LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)  # the paper's 1e-4 is for the sum over 5 channels

    return Sequential({
        "conv1": first, "relu1": ReLU(), "norm1": norm(), "pool1": MaxPool2d(3, 2, ceil_mode=ceil),
        "conv2": second, "relu2": ReLU(), "norm2": norm(), "pool2": MaxPool2d(3, 2, ceil_mode=ceil),
        "conv3": Conv2d(second.out_channels, c, 3, padding=1), "relu3": ReLU(),
        "conv4": Conv2d(c, d, 3, padding=1), "relu4": ReLU(),
        "conv5": Conv2d(d, e, 3, padding=1), "relu5": ReLU(), "pool5": MaxPool2d(3, 2),
    })


def alexnet(num_classes: int = 1000, width: float = 1) -> Sequential:
    """AlexNet in one piece, not cut into two groups, for images (N, 3, 227, 227): 62,378,344 parameters for 1000 classes.

    Parameters
    ----------
    num_classes : int
        Results.
    width : float
        Multiplies the channels of all layers but the last.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural networks",
       NIPS 2012, section 3.
    """
    a, b = scaled(96, width), scaled(256, width)
    return Sequential({
        "features": _five(Conv2d(3, a, 11, stride=4), Conv2d(a, b, 5, padding=2), False, width),
        "flatten": Flatten(),
        "classifier": _head(b * 36, scaled(4096, width), num_classes, True),
    })


def zfnet(num_classes: int = 1000, width: float = 1) -> Sequential:
    """The network of Zeiler and Fergus, for images (N, 3, 224, 224): 110, 55, 26, 13 and 6 samples a side.

    The first convolution is padded by 1 and the first two pools let a last window hang over the edge, without which the sizes
    that the paper prints do not come out.

    Parameters
    ----------
    num_classes : int
        Results.
    width : float
        Multiplies the channels of all layers but the last.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 3.
    """
    a, b = scaled(96, width), scaled(256, width)
    return Sequential({
        "features": _five(Conv2d(3, a, 7, stride=2, padding=1), Conv2d(a, b, 5, stride=2), True, width),
        "flatten": Flatten(),
        "classifier": _head(b * 36, scaled(4096, width), num_classes, True),
    })
