"""Images with labels: reading them, handing them out in batches, and changing them at random."""

from convkit.data.cifar import cifar10, cifar100
from convkit.data.crops import RandomCrop, RandomHorizontalFlip, RandomVerticalFlip, TenCrop
from convkit.data.datasets import digits, names
from convkit.data.idx import mnist, read_idx
from convkit.data.loader import ArrayLoader
from convkit.data.prepare import PixelMean, Standardize, split
from convkit.data.transforms import Compose, RandomBrightness, RandomContrast, RandomMix
from convkit.data.warps import (
    RandomLensDistortion,
    RandomRotation,
    RandomScaleCrop,
    RandomShear,
    RandomStretch,
    RandomTranslation,
    RandomWarp,
    warp,
)

__all__ = ["ArrayLoader", "Compose", "PixelMean", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomHorizontalFlip",
           "RandomLensDistortion", "RandomMix", "RandomRotation", "RandomScaleCrop", "RandomShear", "RandomStretch",
           "RandomTranslation", "RandomVerticalFlip", "RandomWarp", "Standardize", "TenCrop", "cifar10", "cifar100", "digits",
           "mnist", "names", "read_idx", "split", "warp"]
