"""Read and write images as arrays without losing their dtype.

Pillow reads and writes what it can hold; 16-bit colour PNG and the TIFFs that it would cut down to 8 bits go through
``rasters``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from convkit._core.files import replacing
from convkit.cli import rasters

EMBEDDED = ("camera", "ascent", "aero")
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".npy": "NPY"}
READ_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I", "F")
ALLOWED = "PNG, JPEG, TIFF (grey or RGB, with or without alpha, one frame), .npy, or camera, ascent, aero"


@dataclass
class Image:
    """Samples of shape (rows, columns) or (rows, columns, channels); alpha, of shape (rows, columns), apart.

    ``extras`` holds what goes along unchanged (colour profile, resolution).
    """

    samples: NDArray[Any]
    alpha: NDArray[Any] | None = None
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def joined(self) -> NDArray[Any]:
        """Samples and alpha in one array."""
        if self.alpha is None:
            return self.samples
        colour = self.samples if self.samples.ndim == 3 else self.samples[..., None]
        return np.concatenate([colour, self.alpha[..., None]], axis=2)


def read(name: str) -> Image:
    """Read a file, or an embedded image if there is no file of that name.

    Raises
    ------
    ValueError
        If it is none of ``ALLOWED``.
    OSError
        If it cannot be read.
    """
    path = Path(name)
    if name in EMBEDDED and not path.is_file():
        import pywt.data

        return Image(np.asarray(getattr(pywt.data, name)(), dtype=np.uint8))
    if path.is_dir():
        raise ValueError(f"{name} is a directory; allowed are {ALLOWED}")
    if not path.exists():
        raise ValueError(f"{name}: no such file; allowed are {ALLOWED}")
    if path.suffix.lower() == ".npy":
        return Image(_read_npy(path))
    return _read_picture(path)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a readable .npy file of numbers") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is an archive of several arrays; save the one with np.save")
    if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16 or array.dtype.char in "gG":
        raise ValueError(f"{path} holds {array.dtype}; allowed are bool, integers, float16 to float64, complex")
    if array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        raise ValueError(
            f"{path} has shape {array.shape}; an image is (rows, columns) or (rows, columns, 1 to 4 channels), "
            "for signals and volumes call convkit.convolve"
        )
    if array.size == 0:
        raise ValueError(f"{path} has shape {array.shape}; it holds no samples")
    return array.astype(np.float32) if array.dtype.kind == "b" else array


def _read_picture(path: Path) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageOps, UnidentifiedImageError

    with open(path, "rb") as file:
        start = file.read(32)
    if start[:4] in (b"II*\0", b"MM\0*"):
        wide = rasters.read_tiff(path)
        if wide is not None:
            return _split(*wide)
    try:
        with open(path, "rb") as file, Pillow.open(file) as picture:
            frames = getattr(picture, "n_frames", 1)
            if frames > 1 and picture.format != "MPO":  # an MPO is a photograph with previews of itself
                raise ValueError(f"{path} has {frames} frames; allowed are {ALLOWED}")
            if picture.format not in ("PNG", "JPEG", "MPO", "TIFF") or picture.mode not in READ_MODES:
                raise ValueError(f"{path} is {picture.format}, mode {picture.mode}; allowed are {ALLOWED}")
            extras = {key: picture.info[key] for key in ("icc_profile", "dpi") if picture.info.get(key)}
            if rasters.is_wide_png(start):
                joined, has_alpha = rasters.read_wide_png(path)
                return _split(joined, has_alpha, extras)
            wanted = _pillow_mode(picture.mode, "transparency" in picture.info)
            upright = ImageOps.exif_transpose(picture if wanted == picture.mode else picture.convert(wanted))
            samples, mode = np.array(upright), upright.mode
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that can be read; allowed are {ALLOWED}") from error
    except (Pillow.DecompressionBombError, SyntaxError, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    if mode.startswith("I;16"):
        samples = samples.astype(np.uint16)
    elif mode == "I":
        samples = samples.astype(np.uint16 if start[:4] == b"\x89PNG" else np.int32)
    return _split(samples, mode in ("LA", "RGBA"), extras)


def _pillow_mode(mode: str, transparency: bool) -> str:
    """Mode that holds the samples themselves: palettes become RGB, bits become bytes, transparency becomes alpha."""
    plain = {"1": "L", "P": "RGB"}.get(mode, mode)
    return {"L": "LA", "RGB": "RGBA"}.get(plain, plain) if transparency else plain


def _split(joined: NDArray[Any], has_alpha: bool, extras: dict[str, Any] | None = None) -> Image:
    if not has_alpha:
        return Image(joined, None, extras or {})
    colour = joined[..., :-1]
    return Image(colour[..., 0] if colour.shape[2] == 1 else colour, joined[..., -1], extras or {})


def check_target(name: str) -> None:
    """Raise ValueError if no image can be written under this name."""
    path = Path(name)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"--output is {name}; its ending must be one of {', '.join(FORMATS)}")
    if path.is_dir():
        raise ValueError(f"--output is {name}, a directory; name a file")
    if not path.parent.is_dir():
        raise ValueError(f"--output is {name}; the directory {path.parent} does not exist")


def check_fit(name: str, image: Image, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if the format of ``name`` cannot hold samples of ``dtype``, these channels, or this alpha."""
    form = FORMATS[Path(name).suffix.lower()]
    channels = 1 if image.samples.ndim == 2 else image.samples.shape[2]
    allowed = {"PNG": ("uint8", "uint16"), "JPEG": ("uint8",)}.get(form)
    if allowed and dtype.name not in allowed:
        raise ValueError(f"--output is {name}; {form} holds {' or '.join(allowed)}, this is {dtype}: write .tiff or .npy")
    if form == "JPEG" and image.alpha is not None:
        raise ValueError(f"--output is {name}; JPEG has no alpha: write .png or .tiff")
    if form == "TIFF" and (dtype.kind == "c" or dtype.itemsize > 8):
        raise ValueError(f"--output is {name}; TIFF holds real numbers, this is {dtype}: write .npy")
    if form != "NPY" and channels not in (1, 3):
        raise ValueError(f"--output is {name}; {form} holds grey or RGB, this has {channels} channels: write .npy")


def write(name: str, image: Image) -> None:
    """Write an image in the format that the ending names; a write that fails leaves an older file as it was."""
    path = Path(name).resolve()
    form = FORMATS[path.suffix.lower()]
    joined = image.joined
    if joined.ndim == 3 and joined.shape[2] == 1 and form != "NPY":
        joined = joined[..., 0]
    with replacing(path) as file:
        if form == "NPY":
            np.save(file, joined, allow_pickle=False)
        elif form == "TIFF" and joined.dtype != np.uint8:
            rasters.write_tiff(file, joined, image.alpha is not None)
        elif form == "PNG" and joined.dtype == np.uint16 and joined.ndim == 3:
            rasters.write_wide_png(file, joined)
        else:
            _write_picture(file, joined, form, image.extras)


def _write_picture(file: IO[bytes], joined: NDArray[Any], form: str, extras: dict[str, Any]) -> None:
    from PIL import Image as Pillow

    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    Pillow.fromarray(np.ascontiguousarray(joined)).save(file, form, **extras, **options)
