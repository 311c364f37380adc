"""Known networks, built with fresh weights.

The large ones take ``width=``, by which their channels are multiplied; within
`convkit.nn.init.shapes_only` they take no memory.
"""

from convkit.nn.models.classic import alexnet, lenet5, small_vgg, tutorial_net, vgg16, zfnet
from convkit.nn.models.inception import inception_a, inception_b, reduction_a, reduction_b, small_inception
from convkit.nn.models.residual import BasicBlock, plain18, plain34, resnet18, resnet34

__all__ = [
    "BasicBlock",
    "alexnet",
    "inception_a",
    "inception_b",
    "lenet5",
    "plain18",
    "plain34",
    "reduction_a",
    "reduction_b",
    "resnet18",
    "resnet34",
    "small_inception",
    "small_vgg",
    "tutorial_net",
    "vgg16",
    "zfnet",
]
