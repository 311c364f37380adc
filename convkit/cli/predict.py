"""``convkit predict``: the class of images, by a model that ``convkit train`` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convkit.cli.console import plain_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convkit.cli.images import Image
    from convkit.training import ImageModel

# Classes that are told of each image.
TOLD = 3


def predict_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="model.safetensors of 'convkit train', or its directory.")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="PNG, JPEG, TIFF or .npy, grey or colour.")],
    invert: Annotated[
        bool, typer.Option("--invert", help="Make black white: for dark writing on white, if the model learnt white on black.")
    ] = False,
) -> None:
    """Tell the class of images and its probability, and the classes that come next.

    An image is cut to the square in its middle, made as large as the model's, and grey or of three colours as they are.
    """
    with plain_errors("predict"):
        import numpy as np

        from convkit.cli.images import read
        from convkit.training import ImageModel

        trained = ImageModel.load(model / "model.safetensors" if model.is_dir() else model)
        given, notes = zip(*(fitted(name, read(name), trained, invert) for name in images), strict=True)
        for note in filter(None, notes):
            typer.echo(f"convkit predict: {note}", err=True)
        shares = trained.probabilities(np.stack(given))
    wide, words = max(map(len, images)), max(map(len, trained.classes))
    for name, row in zip(images, shares, strict=True):
        best = np.argsort(-row, kind="stable")[:TOLD]
        told = [f"{trained.classes[i]:<{words}} {100 * row[i]:5.1f} %" for i in best]
        typer.echo(f"{name:<{wide}}  {'   '.join(told)}")


def fitted(name: str, image: Image, model: ImageModel, invert: bool) -> tuple[NDArray[Any], str]:
    """An image as the model takes it, (channels, size, size) from 0 to 1; and what had to be done to it, in words.

    Raises
    ------
    ValueError
        For transparent images and samples whose white is not known.
    """
    import numpy as np

    from convkit.cli.edges import luma

    samples = image.samples
    white = brightest(name, samples)
    if image.alpha is not None and (image.alpha < white).any():
        raise ValueError(f"{name} has transparent pixels, of which no model knows the colour; put it on a background first")
    if samples.ndim == 3 and samples.shape[2] not in (1, 3):
        raise ValueError(f"{name} has {samples.shape[2]} channels; give a grey image or one of red, green and blue")
    grey = luma(samples)
    wanted = grey[None] if model.channels == 1 else (
        np.moveaxis(samples, -1, 0) if samples.shape[2:] == (3,) else np.repeat(grey[None], 3, axis=0))
    levels = np.clip(wanted.astype(np.float32) / white, 0, 1)
    rows, columns = grey.shape
    side, size, note = min(rows, columns), model.size, ""
    if rows != columns:
        top, left = (rows - side) // 2, (columns - side) // 2
        levels, note = levels[:, top : top + side, left : left + side], f"cut to the {side} x {side} in its middle"
    if side != size:
        levels = np.stack([resized(channel, size) for channel in levels])
        note = f"{note + ', ' if note else ''}{'shrunk' if side > size else 'enlarged'} to {size} x {size}"
    return np.asarray(1 - levels if invert else levels), f"{name} is {rows} x {columns}: {note}" if note else ""


def brightest(name: str, samples: NDArray[Any]) -> float:
    """The sample that is white."""
    import numpy as np

    if samples.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(samples.dtype).max)
    if samples.dtype.kind == "f" and np.isfinite(samples).all() and samples.min() >= 0 and samples.max() <= 1:
        return 1.0
    raise ValueError(f"{name} has samples of {samples.dtype}, and what is white in them is not known; give uint8, uint16, or "
                     "floats from 0 to 1")


def resized(channel: NDArray[Any], size: int) -> NDArray[Any]:
    """A square channel with another side: means where it shrinks, straight lines where it grows."""
    import numpy as np
    from PIL import Image as Pillow

    return np.asarray(Pillow.fromarray(np.ascontiguousarray(channel)).resize((size, size), Pillow.Resampling.BILINEAR))
