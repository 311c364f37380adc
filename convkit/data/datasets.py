"""Sets of images with labels: names of their classes, where their files lie, and the one that comes with scikit-learn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from convkit._core.checks import word
from convkit._core.typing import Array, IntArray

Directory: TypeAlias = str | os.PathLike[str]

DIGITS = tuple("0123456789")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100 = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge",
    "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud",
    "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl",
    "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man",
    "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree",
    "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray",
    "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel",
    "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train",
    "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip
CIFAR100_COARSE = (
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables", "household_electrical_devices",
    "household_furniture", "insects", "large_carnivores", "large_man-made_outdoor_things", "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates", "people", "reptiles", "small_mammals",
    "trees", "vehicles_1", "vehicles_2",
)  # fmt: skip
_NAMES = {"digits": DIGITS, "mnist": DIGITS, "cifar10": CIFAR10, "cifar100": CIFAR100,
          "cifar100 coarse": CIFAR100_COARSE}  # fmt: skip


def names(dataset: str) -> tuple[str, ...]:
    """Names of the classes of a set of images, in the order of their labels.

    Parameters
    ----------
    dataset : {"digits", "mnist", "cifar10", "cifar100", "cifar100 coarse"}
        Which set.

    Returns
    -------
    tuple of str
        The name of label 0, of label 1 and so on.

    Raises
    ------
    ValueError
        For an unknown set.

    Examples
    --------
    >>> from convkit import data
    >>> data.names("cifar10")[3]
    'cat'
    """
    return _NAMES[word(dataset, "dataset", tuple(_NAMES))]


def digits() -> tuple[Array, IntArray]:
    """Handwritten digits of 8 x 8 pixels that come with scikit-learn: 1,797 of them, for trials of seconds.

    Returns
    -------
    images : ndarray of float32, shape (1797, 1, 8, 8)
        0 is paper, 16 ink.
    labels : ndarray of int64, shape (1797,)
        0 to 9.

    Raises
    ------
    ModuleNotFoundError
        Without scikit-learn.

    References
    ----------
    .. [1] E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository, 1998 (its
       test set).

    Examples
    --------
    >>> from convkit import data
    >>> images, labels = data.digits()
    >>> images.shape, labels[:5].tolist()
    ((1797, 1, 8, 8), [0, 1, 2, 3, 4])
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise ModuleNotFoundError("the digits come with scikit-learn, which is not installed: "
                                  'pip install "convkit[demo]" brings it') from None
    found: Any = load_digits()
    return found.images[:, None].astype(np.float32), found.target.astype(np.int64)


def folder_of(directory: Directory, inner: str, dataset: str, files: str, home: str) -> Path:
    """The directory that holds the files: `directory`, or `inner` in it."""
    if not isinstance(directory, str | os.PathLike):
        raise TypeError(f"directory={directory!r} is a {type(directory).__name__}; give the path of a directory with the files "
                        f"{files}")
    given = Path(directory)
    if not given.is_dir():
        problem = "is no directory: if it is an archive, unpack it" if given.exists() else "does not exist"
        raise FileNotFoundError(f"directory={str(directory)!r} {problem}. {dataset} is read from a directory with the files "
                                f"{files}; they can be had from {home}")
    return given / inner if (given / inner).is_dir() else given


def check_labels(file: Path, labels: Array, classes: int) -> IntArray:
    """Labels as int64, all below `classes`."""
    bad = np.flatnonzero(labels >= classes)
    if bad.size:
        raise ValueError(f"{file} has label {labels[bad[0]]} at image {bad[0]}; labels are 0 to {classes - 1} here: it is "
                         "another set's file, or damaged")
    return labels.astype(np.int64)
