"""Arrays in IDX files, and MNIST, which is published in them. Nothing is downloaded."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convkit._core.typing import Array, IntArray
from convkit.data.datasets import DIGITS, Directory, check_labels, folder_of

if TYPE_CHECKING:
    from io import BufferedIOBase

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# Bytes that one byte of a gzip file can become; and axes that NumPy can hold, with room for more.
_MOST_DEFLATED, _MOST_AXES = 1032, 32

_HOME = "https://ossci-datasets.s3.amazonaws.com/mnist/ (described at http://yann.lecun.com/exdb/mnist/)"


def read_idx(path: Directory) -> Array:
    """Read an array from an IDX file, the format of MNIST, whether it is compressed by gzip or not.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    ndarray
        Of the shape and type that the file states: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no IDX file, or is shorter or longer than it states.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section on file formats:
       two zero bytes, a byte for the type, one for the number of axes, their lengths and the samples, all big-endian.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from convkit import data
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "three"
    ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    ...     data.read_idx(file)
    array([7, 8, 9], dtype=uint8)
    """
    file = _existing(Path(path), "an IDX file")
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not packed:
            return _idx(file, raw, file.stat().st_size)
        try:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _idx(file, unpacked, _MOST_DEFLATED * file.stat().st_size)
        except EOFError:
            raise ValueError(f"{file} is truncated: its gzip data ends too early; fetch the file again") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{file} is damaged: {error}; fetch the file again") from None


def _idx(file: Path, stream: BufferedIOBase, most: int) -> Array:
    """The array in a stream, of which there are at most `most` bytes."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or not 0 < magic[3] <= _MOST_AXES:
        raise ValueError(f"{file} is no IDX file: it begins with the bytes {magic.hex(' ')}, and an IDX file with 00 00, a "
                         f"type ({', '.join(f'{code:02x}' for code in _IDX_TYPES)}) and the number of axes")
    lengths = stream.read(4 * magic[3])
    shape = tuple(np.frombuffer(lengths[: len(lengths) // 4 * 4], ">u4").tolist())
    dtype = np.dtype(_IDX_TYPES[magic[2]])
    size = dtype.itemsize * math.prod(shape)
    if len(lengths) < 4 * magic[3] or 4 + len(lengths) + size > most:
        raise ValueError(f"{file} is truncated: it states {magic[3]} axes of lengths {shape}, {size} bytes of samples, and is "
                         "too short for them; fetch the file again")
    if not size:
        raise ValueError(f"{file} states axes of lengths {shape}: it holds no samples")
    array = np.empty(shape, dtype)
    line = array.reshape(-1).view(np.uint8).data
    done = 0
    while done < size and (more := stream.readinto(line[done:])):
        done += more
    if done < size:
        raise ValueError(f"{file} is truncated: it states axes of lengths {shape}, {size} bytes of samples, and holds {done}; "
                         "fetch the file again")
    if stream.read(1):
        raise ValueError(f"{file} is longer than the axes of lengths {shape} that it states: it is damaged, or two in one")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _existing(path: Path, what: str) -> Path:
    if path.is_dir():
        raise ValueError(f"{path} is a directory; give {what}")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; give {what}")
    return path


def mnist(directory: Directory, train: bool = True) -> tuple[Array, IntArray]:
    """Handwritten digits: MNIST, or a set in the same files, such as Fashion-MNIST.

    Parameters
    ----------
    directory : str or path
        Where the four files of the set lie, ``train-images-idx3-ubyte`` and so on, each compressed (``.gz``) or not; or a
        directory that holds them in ``MNIST/raw``, as torchvision lays them out.
    train : bool
        The 60,000 images for training, or the 10,000 for tests.

    Returns
    -------
    images : ndarray of uint8, shape (N, 1, 28, 28)
        0 is paper, 255 ink.
    labels : ndarray of int64, shape (N,)
        0 to 9.

    Raises
    ------
    FileNotFoundError
        If the directory or one of the files is missing: it is said which, and where they can be had.
    ValueError
        For files that are truncated, damaged, or of another set.

    Examples
    --------
    >>> from convkit import data
    >>> images, labels = data.mnist("data/mnist")    # doctest: +SKIP
    >>> images.shape, labels[:3].tolist()            # doctest: +SKIP
    ((60000, 1, 28, 28), [5, 0, 4])
    """
    part = "train" if train else "t10k"
    kinds = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    files = " and ".join(f"{kind}[.gz]" for kind in kinds)
    folder = folder_of(directory, "MNIST/raw", "MNIST", files, _HOME)
    found = []
    for kind in kinds:
        choices = [folder / kind, folder / f"{kind}.gz"]
        present = [file for file in choices if file.is_file()]
        if not present:
            raise FileNotFoundError(f"{folder} has no {choices[1].name}, nor {kind}; MNIST is read from {files}, which can be "
                                    f"had from {_HOME}")
        found.append(present[0])
    images, labels = (read_idx(file) for file in found)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(f"{found[0]} holds {images.dtype} of shape {images.shape}; images of MNIST are uint8 of shape "
                         "(N, 28, 28): it is another file")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(f"{found[1]} holds {labels.dtype} of shape {labels.shape}; labels for the {len(images)} images beside "
                         f"it are uint8 of shape ({len(images)},): it is another file")
    return images[:, None], check_labels(found[1], labels, len(DIGITS))
