"""CIFAR-10 and CIFAR-100 in their binary version. Nothing is downloaded, and nothing unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.data.datasets import CIFAR10, CIFAR100, CIFAR100_COARSE, Directory, check_labels, folder_of

_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"


class _Cifar(NamedTuple):
    """How a set is published: its name, the directory and archive, files, and bytes of labels before each image."""

    title: str
    inner: str
    archive: str
    train: tuple[str, ...]
    test: str
    # The size of a file for training over that of the one for tests.
    ratio: int
    labels: int


_TEN = _Cifar("CIFAR-10", "cifar-10-batches-bin", "cifar-10-binary.tar.gz",
              tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin", 1, 1)
_HUNDRED = _Cifar("CIFAR-100", "cifar-100-binary", "cifar-100-binary.tar.gz", ("train.bin",), "test.bin", 5, 2)
_PIXELS = 3 * 32 * 32


def _cifar(directory: Directory, train: bool, kind: _Cifar) -> tuple[Array, Array, list[Path]]:
    """Images, columns of labels, and the files they were read from, checked against one another."""
    files = ", ".join((*kind.train, kind.test))
    home = f"{kind.archive} at {_HOME}"
    folder = folder_of(directory, kind.inner, kind.title, files, home)
    missing = [name for name in (*kind.train, kind.test) if not (folder / name).is_file()]
    if missing:
        none = "none of its files" if len(missing) > len(kind.train) else f"no {', '.join(missing)}"
        raise FileNotFoundError(f"{folder} has {none}{_instead(folder)}. {kind.title} is read from its binary version: "
                                f"{files}; they can be had from {home}")
    record = kind.labels + _PIXELS
    sizes = {folder / name: (folder / name).stat().st_size for name in (*kind.train, kind.test)}
    for file, size in sizes.items():
        if not size or size % record:
            raise ValueError(f"{file} has {size} bytes, which is no whole number of records of {record} bytes "
                             f"({kind.labels} for labels, {_PIXELS} for the image); {_damage(file)}")
    test = sizes[folder / kind.test]
    for name in kind.train:
        if sizes[folder / name] != kind.ratio * test:
            times = "as many" if kind.ratio == 1 else f"{kind.ratio} times as many"
            raise ValueError(f"{folder / name} has {sizes[folder / name] // record} images and {kind.test} {test // record}; "
                             f"the first should have {times}: one of them is truncated, fetch the files again")
    wanted = [folder / name for name in (kind.train if train else (kind.test,))]
    count = sum(sizes[file] for file in wanted) // record
    images, labels = np.empty((count, _PIXELS), np.uint8), np.empty((count, kind.labels), np.uint8)
    first = 0
    for file in wanted:
        records = np.fromfile(file, np.uint8).reshape(-1, record)
        here = slice(first, first := first + len(records))
        labels[here], images[here] = records[:, : kind.labels], records[:, kind.labels :]
    return images.reshape(-1, 3, 32, 32), labels, wanted


def _instead(folder: Path) -> str:
    """What lies there instead of the binary version, if that is known."""
    pickled = ("data_batch_1", "batches.meta", "cifar-10-batches-py", "meta", "cifar-100-python")
    found = [name for name in pickled if (folder / name).exists()]
    if found:
        return (f', but {found[0]}, of the "python version": pickled files can run any program when they are read, and are not '
                "read here")
    packed = [file.name for file in sorted(folder.glob("cifar*.tar.gz"))]
    return f", but {packed[0]}: unpack it first" if packed else ""


def _damage(file: Path) -> str:
    with file.open("rb") as raw:
        start = raw.read(2)
    if start[:1] == b"\x80" and start[1:] <= b"\x05":
        return "it seems to be a pickled file, which is never read here"
    if start == b"\x1f\x8b":
        return "it is compressed by gzip: unpack it first"
    return "it is truncated or damaged: fetch it again"


def cifar10(directory: Directory, train: bool = True) -> tuple[Array, IntArray]:
    """Small photographs of ten classes: CIFAR-10, from its binary version.

    Parameters
    ----------
    directory : str or path
        Where ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin`` lie, or the directory that holds
        ``cifar-10-batches-bin`` with them.
    train : bool
        The 50,000 images for training, or the 10,000 for tests.

    Returns
    -------
    images : ndarray of uint8, shape (N, 3, 32, 32)
        Red, green and blue from 0 to 255.
    labels : ndarray of int64, shape (N,)
        0 to 9; ``names("cifar10")`` says what they mean.

    Raises
    ------
    FileNotFoundError
        If the directory or a file is missing: it is said which, and where they can be had.
    ValueError
        For files that are truncated, damaged, pickled or of another set.

    References
    ----------
    .. [1] A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Examples
    --------
    >>> from convkit import data
    >>> images, labels = data.cifar10("data/cifar10")    # doctest: +SKIP
    >>> images.shape                                     # doctest: +SKIP
    (50000, 3, 32, 32)
    """
    images, labels, files = _cifar(directory, train, _TEN)
    return images, _class_labels(files, labels[:, 0], len(CIFAR10))


def cifar100(directory: Directory, train: bool = True, coarse: bool = False) -> tuple[Array, IntArray]:
    """Small photographs of a hundred classes: CIFAR-100, from its binary version.

    Parameters
    ----------
    directory : str or path
        Where ``train.bin`` and ``test.bin`` lie, or the directory that holds ``cifar-100-binary`` with them.
    train : bool
        The 50,000 images for training, or the 10,000 for tests.
    coarse : bool
        Labels of the twenty groups of classes rather than of the hundred classes.

    Returns
    -------
    images : ndarray of uint8, shape (N, 3, 32, 32)
        Red, green and blue from 0 to 255.
    labels : ndarray of int64, shape (N,)
        0 to 99, or 0 to 19; ``names("cifar100")`` or ``names("cifar100 coarse")`` says what they mean.

    Raises
    ------
    FileNotFoundError
        If the directory or a file is missing: it is said which, and where they can be had.
    ValueError
        For files that are truncated, damaged, pickled or of another set.

    Examples
    --------
    >>> from convkit import data
    >>> images, labels = data.cifar100("data/cifar100", coarse=True)    # doctest: +SKIP
    """
    images, labels, files = _cifar(directory, train, _HUNDRED)
    if coarse:
        return images, _class_labels(files, labels[:, 0], len(CIFAR100_COARSE))
    return images, _class_labels(files, labels[:, 1], len(CIFAR100))


def _class_labels(files: list[Path], labels: Array, classes: int) -> IntArray:
    parts = np.split(labels, len(files))
    return np.concatenate([check_labels(file, part, classes) for file, part in zip(files, parts, strict=True)])
