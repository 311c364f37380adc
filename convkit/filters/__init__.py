"""Filters of signals, images and volumes on the convolution of this package, and the weights they are made of."""

from convkit.filters.derivative import emboss, gaussian_gradient_magnitude, gaussian_laplace, laplacian, sharpen
from convkit.filters.designs import (
    EMBOSS,
    SHARPEN,
    gabor_weights,
    gaussian_taps,
    laplacian_weights,
    steerable_basis,
    steerable_coefficients,
    steerable_taps,
    steerable_weights,
)
from convkit.filters.oriented import gabor, gabor_bank, steerable
from convkit.filters.rank import bilateral, median
from convkit.filters.smooth import box, difference_of_gaussians, gaussian, unsharp
from convkit.filters.tensor import StructureTensor, structure_tensor

__all__ = [
    "EMBOSS",
    "SHARPEN",
    "StructureTensor",
    "bilateral",
    "box",
    "difference_of_gaussians",
    "emboss",
    "gabor",
    "gabor_bank",
    "gabor_weights",
    "gaussian",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "gaussian_taps",
    "laplacian",
    "laplacian_weights",
    "median",
    "sharpen",
    "steerable",
    "steerable_basis",
    "steerable_coefficients",
    "steerable_taps",
    "steerable_weights",
    "structure_tensor",
    "unsharp",
]
