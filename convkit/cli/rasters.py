"""Images that Pillow cuts down to 8 bits: 16-bit colour PNG, and TIFF of other sample types than 8-bit.

References
----------
PNG (Portable Network Graphics) Specification, third edition, W3C, 2025; TIFF revision 6.0, Adobe, 1992, and the
Photoshop TIFF technical notes (deflate, floating-point predictor).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

PNG_CHANNELS = {2: 3, 4: 2, 6: 4}  # colour type: RGB, grey and alpha, RGBA
PNG_COLOUR = {channels: colour for colour, channels in PNG_CHANNELS.items()}
KIND = {1: "u", 2: "i", 3: "f"}  # TIFF SampleFormat
FORMAT = {kind: number for number, kind in KIND.items()}


def is_wide_png(start: bytes) -> bool:
    """Whether the first bytes of a file are those of a PNG with more than one channel of 16 bits."""
    return start[:8] == b"\x89PNG\r\n\x1a\n" and start[24] == 16 and start[25] in PNG_CHANNELS


def read_wide_png(path: Path) -> tuple[NDArray[np.uint16], bool]:
    """Samples (rows, columns, channels) of a 16-bit colour PNG, and whether the last channel is alpha.

    Pillow undoes the compression and the filters but keeps one byte of each sample: the high one if told that the
    samples are big-endian (which they are), the low one if told that they are little-endian. So it is asked twice.
    """
    from PIL import Image as Pillow

    with open(path, "rb") as file:
        channels = PNG_CHANNELS[file.read(26)[25]]
    if channels == 2:
        # A grey sample and its alpha are as wide as one 8-bit RGBA pixel, whose four bytes are then all there.
        raw = ["RGBA"]
    else:
        raw = ["RGB;16B", "RGB;16L"] if channels == 3 else ["RGBA;16B", "RGBA;16L"]
    halves = []
    for code in raw:
        with Pillow.open(path) as picture:
            tiles: Any = [(*tile[:3], code) for tile in picture.tile]
            picture.tile = tiles
            halves.append(np.array(picture))
    high, low = halves if channels > 2 else (halves[0][..., ::2], halves[0][..., 1::2])
    return high.astype(np.uint16) << 8 | low, channels != 3


def write_wide_png(file: IO[bytes], samples: NDArray[np.uint16]) -> None:
    """Write uint16 samples of shape (rows, columns, 2 to 4) as a PNG, each row filtered by its upper neighbour."""
    rows, columns, channels = samples.shape
    raw = samples.astype(">u2").view(np.uint8).reshape(rows, columns * channels * 2)
    filtered = np.empty((rows, raw.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = raw[0]
    filtered[1:, 1:] = raw[1:] - raw[:-1]
    header = struct.pack(">IIBBBBB", columns, rows, 16, PNG_COLOUR[channels], 0, 0, 0)
    file.write(b"\x89PNG\r\n\x1a\n")
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")):
        file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))


def read_tiff(path: Path) -> tuple[NDArray[Any], bool] | None:
    """Samples of a TIFF, and whether the last channel is alpha; None where Pillow loses nothing.

    Read here: one frame of whole bytes per sample, in strips, uncompressed or deflated.

    Raises
    ------
    ValueError
        If Pillow would cut the samples down and this reader cannot read them either, or the file is damaged.
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        tags, order, more = _directory(data)
        return _read_tiff(path, data, tags, order, more)
    except (struct.error, IndexError, KeyError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: a damaged or unusual TIFF ({type(error).__name__}: {error})") from error


def _read_tiff(
    path: Path, data: bytes, tags: dict[int, Sequence[int]], order: str, more: bool
) -> tuple[NDArray[Any], bool] | None:
    columns, rows = tags[256][0], tags[257][0]
    channels = tags.get(277, (1,))[0]
    bits = set(tags.get(258, (1,)))
    kinds = set(tags.get(339, (1,)))
    if more or (bits <= {1, 2, 4, 8} and kinds == {1}):
        return None
    compression, predictor = tags.get(259, (1,))[0], tags.get(317, (1,))[0]
    here = (
        len(bits) == len(kinds) == 1
        and bits <= {8, 16, 32, 64}
        and kinds <= set(KIND)
        and not (kinds == {3} and bits == {8})
        and compression in (1, 8, 32946)
        and predictor in ((1, 3) if kinds == {3} else (1, 2))
        and tags.get(262, (1,))[0] in (0, 1, 2)
        and channels in (1, 2, 3, 4)
        and 273 in tags
    )
    if not here:
        if channels == 1 and (bits, kinds) in (({16}, {1}), ({32}, {2}), ({32}, {3})):
            return None
        raise ValueError(
            f"{path} is a TIFF of {channels} channel(s) of {sorted(bits)} bits, compression {compression}, which cannot "
            "be read without loss; save it uncompressed or deflated, in strips, or as .npy"
        )
    dtype = np.dtype(f"{order}{KIND[kinds.pop()]}{bits.pop() // 8}")
    planar = tags.get(284, (1,))[0] == 2 and channels > 1
    step = 1 if planar else channels
    per_strip = min(tags.get(278, (rows,))[0], rows)
    planes = []
    strips = list(zip(tags[273], tags[279], strict=True))
    per_plane = -(-rows // per_strip)
    for plane in range(channels if planar else 1):
        parts = []
        for index, (offset, count) in enumerate(strips[plane * per_plane : (plane + 1) * per_plane]):
            height = min(per_strip, rows - index * per_strip)
            raw = data[offset : offset + count]
            raw = raw if compression == 1 else zlib.decompress(raw)
            parts.append(_strip(raw, height, columns, step, dtype, predictor))
        planes.append(np.concatenate(parts))
    samples = np.concatenate(planes, axis=2) if planar else planes[0]
    if samples.shape != (rows, columns, channels):
        raise KeyError("rows are missing")
    if tags.get(262, (1,))[0] == 0 and dtype.kind == "u":
        samples = np.iinfo(dtype).max - samples
    samples = samples.astype(dtype.newbyteorder("="))
    return (samples[..., 0], False) if channels == 1 else (samples, channels in (2, 4))


def _strip(raw: bytes, rows: int, columns: int, step: int, dtype: np.dtype[Any], predictor: int) -> NDArray[Any]:
    size = rows * columns * step * dtype.itemsize
    if len(raw) < size:
        raise IndexError("a strip is too short")
    if predictor == 3:
        # Bytes of equal weight stand together along a row, the most significant first, then differences are taken.
        planes = np.frombuffer(raw[:size], np.uint8).reshape(rows, -1, step)
        flat = np.cumsum(planes, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, columns * step)
        whole = np.ascontiguousarray(flat.transpose(0, 2, 1)).view(dtype.newbyteorder(">"))
        return whole.reshape(rows, columns, step).astype(dtype)
    samples = np.frombuffer(raw[:size], dtype).reshape(rows, columns, step)
    return np.cumsum(samples, axis=1, dtype=dtype.newbyteorder("=")).astype(dtype) if predictor == 2 else samples


def _directory(data: bytes) -> tuple[dict[int, Sequence[int]], str, bool]:
    """Tags of whole numbers in the first directory, the byte order, and whether another directory follows."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    tags: dict[int, Sequence[int]] = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, at)
        code = {1: "B", 3: "H", 4: "I"}.get(kind)
        if code is None:
            continue
        where = at + 8
        if length * struct.calcsize(code) > 4:
            (where,) = struct.unpack_from(f"{order}I", data, where)
        tags[tag] = struct.unpack_from(f"{order}{length}{code}", data, where)
    (following,) = struct.unpack_from(f"{order}I", data, start + 2 + 12 * count)
    return tags, order, following != 0


def write_tiff(file: IO[bytes], samples: NDArray[Any], has_alpha: bool) -> None:
    """Write real samples of shape (rows, columns) or (rows, columns, channels) as one uncompressed strip."""
    rows, columns = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    body = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("<")).tobytes()
    if len(body) > 2**32 - 2**16:
        raise ValueError("a TIFF ends at 4 GB; write .npy")
    entries = [
        (256, "I", [columns]),
        (257, "I", [rows]),
        (258, "H", [8 * samples.dtype.itemsize] * channels),
        (259, "H", [1]),
        (262, "H", [2 if channels - has_alpha == 3 else 1]),
        (273, "I", [8]),
        (277, "H", [channels]),
        (278, "I", [rows]),
        (279, "I", [len(body)]),
        (284, "H", [1]),
        *([(338, "H", [2])] if has_alpha else []),
        (339, "H", [FORMAT[samples.dtype.kind]] * channels),
    ]
    padding = -len(body) % 2
    start = 8 + len(body) + padding
    spill = start + 2 + 12 * len(entries) + 4
    directory, beyond = struct.pack("<H", len(entries)), b""
    for tag, code, values in entries:
        packed = struct.pack(f"<{len(values)}{code}", *values)
        if len(packed) > 4:
            packed, beyond = struct.pack("<I", spill + len(beyond)), beyond + packed
        directory += struct.pack("<HHI", tag, {"H": 3, "I": 4}[code], len(values)) + packed.ljust(4, b"\0")
    file.write(struct.pack("<2sHI", b"II", 42, start) + body + b"\0" * padding)
    file.write(directory + struct.pack("<I", 0) + beyond)
