"""Readers of published files: what they give, and what they say about files that are not as they should be."""

from __future__ import annotations

import ast
import doctest
import gzip
import importlib
import pickle
import runpy
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from convkit import data

SHARED = Path(__file__).parents[2] / "shared" / "data"
CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
MODULES = [f"convkit.data.{path.stem}" for path in sorted(Path(data.__file__).parent.glob("[a-z]*.py"))]


def idx(array):
    """Bytes of an IDX file."""
    big = array.astype(array.dtype.newbyteorder(">"))
    head = bytes([0, 0, CODES[f"{array.dtype.kind}{array.dtype.itemsize}"], array.ndim])
    return head + struct.pack(f">{array.ndim}I", *array.shape) + big.tobytes()


def records(labels, rng, columns=1):
    """Bytes of a file of CIFAR, and its images."""
    images = rng.integers(0, 256, (len(labels), 3, 32, 32)).astype(np.uint8)
    rows = np.column_stack([np.reshape(labels, (-1, columns)), images.reshape(len(labels), -1)]).astype(np.uint8)
    return rows.tobytes(), images


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


def test_nothing_is_unpickled_or_fetched():
    for name in MODULES:
        tree = ast.parse(Path(importlib.import_module(name).__file__).read_text(encoding="utf-8"))
        words = {part for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
                 for word in [getattr(node, "module", None) or "", *(a.name for a in node.names)] for part in word.split(".")}
        assert not words & {"pickle", "urllib", "requests", "http", "shelve", "marshal"}
        assert "allow_pickle" not in ast.unparse(tree)


# IDX


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_idx_holds_what_was_written(kind, packed, rng, tmp_path):
    array = rng.integers(0, 100, (3, 4, 5)).astype(kind)
    file = tmp_path / "file"
    file.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    found = data.read_idx(str(file))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    found += 1  # may be written to


def test_idx_that_is_none(tmp_path):
    file = tmp_path / "file"
    many = b"\0\0\x08\xff" + 1020 * b"\1"  # axes
    for content in (b"", b"\0\0", b"PK\x03\x04....", b"\0\0\x07\x01\0\0\0\1\0", b"\0\0\x08\x00", many):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is no IDX file: it begins with"):
            data.read_idx(file)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("cut", [1, 7, 20, 62])
def test_truncated_idx(packed, cut, tmp_path):
    content = idx(np.arange(60, dtype=np.uint8).reshape(3, 20))[:-cut]
    file = tmp_path / "file"
    file.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match="is truncated: it states"):
        data.read_idx(file)


def test_damaged_gzip(rng, tmp_path):
    whole = gzip.compress(idx(rng.integers(0, 256, (40, 50)).astype(np.uint8)))
    file = tmp_path / "file"
    for content in (whole[:-100], whole[:-6]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="gzip data ends too early"):
            data.read_idx(file)
    for content in (whole[:-8] + b"12345678", whole[:200] + b"\xff" * 40 + whole[240:]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged"):
            data.read_idx(file)


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_promises_too_much_takes_no_memory(packed, tmp_path):
    content = b"\0\0\x0e\x04" + b"\xff" * 16 + b"\0" * 64
    file = tmp_path / "file"
    file.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match="too short"):
        data.read_idx(file)


def test_idx_with_more_than_it_states(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(idx(np.zeros((2, 2), np.uint8)) + b"\0")
    with pytest.raises(ValueError, match="longer than"):
        data.read_idx(file)


def test_idx_without_samples(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"\0\0\x08\3" + bytes(4) + b"\xff" * 8)
    with pytest.raises(ValueError, match="holds no samples"):
        data.read_idx(file)


def test_idx_from_nowhere(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        data.read_idx(tmp_path / "none")
    with pytest.raises(ValueError, match="is a directory"):
        data.read_idx(tmp_path)


# MNIST


@pytest.fixture
def digits_folder(rng, tmp_path):
    """A small set in the files of MNIST, one of each kind compressed, and what is in it."""
    sets = {}
    for part, count in (("train", 7), ("t10k", 4)):
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
        sets[part] = images, labels
    return tmp_path, sets


@pytest.mark.parametrize("train", [True, False])
def test_mnist(train, digits_folder):
    folder, sets = digits_folder
    images, labels = data.mnist(folder, train)
    want = sets["train" if train else "t10k"]
    np.testing.assert_array_equal(images, want[0][:, None])
    np.testing.assert_array_equal(labels, want[1])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)


def test_mnist_as_torchvision_lays_it_out(digits_folder):
    folder, sets = digits_folder
    inner = folder / "MNIST" / "raw"
    inner.mkdir(parents=True)
    for file in list(folder.glob("*-ubyte*")):
        file.rename(inner / file.name)
    np.testing.assert_array_equal(data.mnist(folder, train=False)[1], sets["t10k"][1])


def test_mnist_in_a_wrong_directory(tmp_path, digits_folder):
    with pytest.raises(FileNotFoundError, match="does not exist") as caught:
        data.mnist(tmp_path / "none")
    assert "train-images-idx3-ubyte" in str(caught.value)
    assert "https://" in str(caught.value)
    with pytest.raises(FileNotFoundError, match="is no directory"):
        data.mnist(tmp_path / "t10k-labels-idx1-ubyte")
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no t10k-labels-idx1-ubyte\.gz.*https"):
        data.mnist(tmp_path, train=False)
    data.mnist(tmp_path)


@pytest.mark.parametrize(("part", "array", "words"), [
    ("images-idx3-ubyte.gz", np.zeros((7, 28, 27), np.uint8), "another file"),
    ("images-idx3-ubyte.gz", np.zeros((7, 28, 28), np.float32), "another file"),
    ("images-idx3-ubyte.gz", np.zeros(7, np.uint8), "another file"),
    ("labels-idx1-ubyte", np.zeros(6, np.uint8), "labels for the 7 images"),
    ("labels-idx1-ubyte", np.zeros((7, 28, 28), np.uint8), "labels for the 7 images"),
    ("labels-idx1-ubyte", np.array([0, 9, 3, 10, 0, 0, 0], np.uint8), "label 10 at image 3; labels are 0 to 9"),
])  # fmt: skip
def test_mnist_with_wrong_files(part, array, words, digits_folder):
    content = idx(array)
    (digits_folder[0] / f"train-{part}").write_bytes(gzip.compress(content) if part.endswith("gz") else content)
    with pytest.raises(ValueError, match=words):
        data.mnist(digits_folder[0])


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="MNIST is not beside the repository")
def test_the_published_mnist():
    images, labels = data.mnist(SHARED / "mnist", train=False)
    assert images.shape == (10000, 1, 28, 28)
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    x, y = data.mnist(SHARED / "mnist")
    assert (len(x), len(y)) == (60000, 60000)
    assert abs(x.mean() / 255 - 0.1307) < 1e-4
    assert abs(x.std() / 255 - 0.3081) < 1e-4


# CIFAR


@pytest.fixture
def ten(rng, tmp_path):
    """A small set in the files of CIFAR-10, as its archive unpacks, and what is in each file."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    sets = {}
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        labels = rng.integers(0, 10, 4)
        content, images = records(labels, rng)
        (folder / name).write_bytes(content)
        sets[name] = images, labels
    return folder, sets


@pytest.mark.parametrize("inner", [True, False])
def test_cifar10(inner, ten):
    folder, sets = ten
    directory = folder if inner else str(folder.parent)
    images, labels = data.cifar10(directory)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)]
    np.testing.assert_array_equal(images, np.concatenate([sets[name][0] for name in names]))
    np.testing.assert_array_equal(labels, np.concatenate([sets[name][1] for name in names]))
    assert (images.dtype, labels.dtype, images.flags.c_contiguous) == (np.uint8, np.int64, True)
    images, labels = data.cifar10(directory, train=False)
    np.testing.assert_array_equal(images, sets["test_batch.bin"][0])
    np.testing.assert_array_equal(labels, sets["test_batch.bin"][1])


def test_cifar100(rng, tmp_path):
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    sets = {}
    for name, count in (("train.bin", 15), ("test.bin", 3)):
        labels = np.column_stack([rng.integers(0, 20, count), rng.integers(0, 100, count)])
        content, images = records(labels, rng, 2)
        (folder / name).write_bytes(content)
        sets[name] = images, labels
    for train, name in ((True, "train.bin"), (False, "test.bin")):
        for coarse in (False, True):
            images, labels = data.cifar100(tmp_path, train, coarse)
            np.testing.assert_array_equal(images, sets[name][0])
            np.testing.assert_array_equal(labels, sets[name][1][:, 0 if coarse else 1])
    rows = np.frombuffer((folder / "test.bin").read_bytes(), np.uint8).reshape(3, -1).copy()
    rows[2, :2] = 20, 100
    (folder / "test.bin").write_bytes(rows.tobytes())
    for coarse, words in ((False, "100 at image 2; labels are 0 to 99"), (True, "20 at image 2; labels are 0 to 19")):
        with pytest.raises(ValueError, match=f"label {words}"):
            data.cifar100(tmp_path, False, coarse)
    (folder / "train.bin").write_bytes((folder / "train.bin").read_bytes()[:-3074])
    with pytest.raises(ValueError, match=r"14 images and test\.bin 3; the first should have 5 times as many"):
        data.cifar100(tmp_path)


def test_a_label_out_of_range_names_file_and_image(ten):
    file = ten[0] / "data_batch_3.bin"
    content = bytearray(file.read_bytes())
    content[2 * 3073] = 10
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"data_batch_3\.bin has label 10 at image 2; labels are 0 to 9"):
        data.cifar10(ten[0])


@pytest.mark.parametrize(("cut", "words"), [(1, "no whole number of records.*truncated"), (3073, "3 images and test_batch")])
def test_truncated_cifar(cut, words, ten):
    file = ten[0] / "data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=rf"data_batch_2\.bin has .*{words}"):
        data.cifar10(ten[0], train=False)


def test_an_empty_file(ten):
    (ten[0] / "test_batch.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="has 0 bytes"):
        data.cifar10(ten[0])


@pytest.mark.parametrize(("content", "words"), [
    (pickle.dumps({"data": np.zeros(4)}, 2), "pickled file, which is never read"),
    (gzip.compress(b"0" * 99, mtime=0), "unpack it first"),
])  # fmt: skip
def test_other_things_under_the_name_of_a_batch(content, words, ten):
    (ten[0] / "data_batch_1.bin").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        data.cifar10(ten[0])


@pytest.mark.parametrize(("read", "names"), [
    (data.cifar10, ["data_batch_1", "data_batch_2", "batches.meta"]), (data.cifar10, ["cifar-10-batches-py"]),
    (data.cifar100, ["train", "test", "meta"]),
])  # fmt: skip
def test_the_pickled_version_is_told_and_never_opened(read, names, tmp_path, monkeypatch):
    for name in names:
        (tmp_path / name).write_bytes(pickle.dumps({}))
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(FileNotFoundError, match=r'"python version".*binary version: .*bin.*https://') as caught:
        read(tmp_path)
    assert "binary.tar.gz" in str(caught.value)


def test_cifar_in_a_wrong_directory(tmp_path, ten):
    for read, file in ((data.cifar10, "data_batch_5.bin"), (data.cifar100, "train.bin")):
        with pytest.raises(FileNotFoundError, match=rf"does not exist.*{file}.*https://"):
            read(tmp_path / "none")
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(FileNotFoundError, match="if it is an archive, unpack it"):
        data.cifar10(tmp_path / "cifar-10-binary.tar.gz")
    (ten[0] / "data_batch_4.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no data_batch_4\.bin\. "):
        data.cifar10(tmp_path)
    ten[0].rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"none of its files, but cifar-10-binary\.tar\.gz: unpack it first"):
        data.cifar10(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason="CIFAR-10 is not beside the repository")
def test_the_published_cifar10(tmp_path, monkeypatch):
    script = SHARED / "cifar10" / "unpack.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    x, y = data.cifar10(tmp_path)
    assert x.shape == (50000, 3, 32, 32)
    assert np.bincount(y).tolist() == [5000] * 10
    assert data.cifar10(tmp_path, train=False)[0].shape == (10000, 3, 32, 32)
    assert tuple((tmp_path / "cifar-10-batches-bin" / "batches.meta.txt").read_text().split()) == data.names("cifar10")
    # The known means of the channels, which JPEG leaves nearly alone.
    assert np.abs(x.mean(axis=(0, 2, 3)) / 255 - (0.4914, 0.4822, 0.4465)).max() < 2e-3


# Digits and names


def test_digits():
    x, y = data.digits()
    assert (x.shape, x.dtype, y.dtype) == ((1797, 1, 8, 8), np.float32, np.int64)
    assert (x.min(), x.max()) == (0, 16)
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"convkit\[demo\]"):
        data.digits()


def test_names():
    counts = {"digits": 10, "mnist": 10, "cifar10": 10, "cifar100": 100, "cifar100 coarse": 20}
    for dataset, count in counts.items():
        names = data.names(dataset)
        assert len(set(names)) == len(names) == count
        assert list(names) == sorted(names)  # as all of these sets have them
    with pytest.raises(ValueError, match="dataset='imagenet'"):
        data.names("imagenet")
