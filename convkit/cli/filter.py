"""``convkit filter``: smooth, sharpen, differentiate or convolve an image file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convkit.cli.console import plain_errors
from convkit.cli.filtering import Extras, Filters, choose, compute

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


CLIPPED = 0.01  # a smaller part of the pixels may clip without a word


def filter_command(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="PNG, JPEG, TIFF, .npy, or camera, ascent, aero.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="OUT", help=".png .jpg .tiff or .npy.")],
    gaussian: Annotated[float | None, typer.Option(metavar="SIGMA", help="Gaussian of SIGMA pixels.")] = None,
    box: Annotated[int | None, typer.Option(metavar="N", help="Mean over N x N pixels.")] = None,
    sharpen: Annotated[bool, typer.Option("--sharpen", help="'0 -1 0; -1 5 -1; 0 -1 0'.")] = False,
    kernel: Annotated[
        str | None, typer.Option(metavar="ROWS", help="Your weights, as in '1 2 1; 2 4 2; 1 2 1', used as given.")
    ] = None,
    unsharp: Annotated[float | None, typer.Option(metavar="SIGMA", help="Add what a Gaussian takes away.")] = None,
    median: Annotated[int | None, typer.Option(metavar="N", help="Median of N x N pixels.")] = None,
    bilateral: Annotated[
        str | None, typer.Option(metavar="'SIGMA RANGE'", help="Smooth over SIGMA pixels, but not across steps above RANGE.")
    ] = None,
    laplacian: Annotated[bool, typer.Option("--laplacian", help="Sum of second differences.")] = False,
    log: Annotated[float | None, typer.Option(metavar="SIGMA", help="Laplacian of the smoothed image.")] = None,
    dog: Annotated[str | None, typer.Option(metavar="'LOW HIGH'", help="Difference of two Gaussians; HIGH is 1.6 LOW.")] = None,
    gradient: Annotated[float | None, typer.Option(metavar="SIGMA", help="Slope of the smoothed image.")] = None,
    gabor: Annotated[
        float | None, typer.Option(metavar="FREQUENCY", help="Waves of FREQUENCY cycles per pixel; --abs: their strength.")
    ] = None,
    steerable: Annotated[int | None, typer.Option(metavar="ORDER", help="Derivative of order 1, 2 or 4 along --angle.")] = None,
    emboss: Annotated[bool, typer.Option("--emboss", help="Light the image from its top left.")] = False,
    coherence: Annotated[
        float | None, typer.Option(metavar="SIGMA", help="How far lines within SIGMA pixels go one way: 0 to 1, or full range.")
    ] = None,
    orientation: Annotated[
        float | None, typer.Option(metavar="SIGMA", help="Across which angle they go, in degrees, 0 to 180.")
    ] = None,
    normalize: Annotated[bool, typer.Option("--normalize", help="Divide the kernel by its sum.")] = False,
    order: Annotated[
        str | None, typer.Option(metavar="N", help="Of the Gaussian's derivative: one number, or rows and columns.")
    ] = None,
    amount: Annotated[float | None, typer.Option(metavar="A", help="How much --unsharp adds (1).")] = None,
    angle: Annotated[
        float | None, typer.Option(metavar="DEGREES", help="Of --gabor and --steerable: 0 along a row, 90 down a column (0).")
    ] = None,
    bandwidth: Annotated[float | None, typer.Option(metavar="OCTAVES", help="Of --gabor (1).")] = None,
    sigma: Annotated[float | None, typer.Option(metavar="S", help="Of the Gaussian of --steerable, in pixels (1).")] = None,
    boundary: Annotated[str, typer.Option(help="zero, edge, reflect, symmetric or wrap.")] = "reflect",
    method: Annotated[
        str | None, typer.Option(help="auto, direct, separable or fft, for --gaussian, --box, --sharpen, --kernel (auto).")
    ] = None,
    absolute: Annotated[bool, typer.Option("--abs", help="Take the magnitude of the result.")] = False,
    offset: Annotated[float, typer.Option(metavar="V", help="Add V to the result.")] = 0.0,
    as_float: Annotated[bool, typer.Option("--float", help="Write float samples (.tiff or .npy).")] = False,
) -> None:
    """Smooth, sharpen or differentiate an image, look for directions in it, or convolve it with your own kernel.

    Colour is filtered per channel (by --bilateral with weights that the channels share), alpha passes through, and the file
    keeps its sample type: integers are rounded and clipped to their range. A kernel is convolved, that is, flipped.
    """
    filters = Filters(gaussian, box, sharpen, kernel, unsharp, median, bilateral, laplacian, log, dog, gradient, gabor,
                      steerable, emboss, coherence, orientation)
    extras = Extras(normalize or None, order, amount, angle, bandwidth, sigma, method)
    with plain_errors("filter"):
        import numpy as np

        from convkit.cli import images

        name = choose(filters, extras)
        if not math.isfinite(offset):
            raise ValueError(f"--offset is {offset}; give a finite number")
        images.check_target(output)
        picture = images.read(image)
        dtype = result_dtype(picture.samples, as_float)
        images.check_fit(output, picture, dtype)
        result = compute(picture.samples, name, filters, extras, boundary)
        if name == "coherence" and dtype.kind in "iu":
            result = result * float(np.iinfo(dtype).max)
        if (absolute or offset) and result.dtype.kind in "biu":
            result = result.astype(np.float64)
        if absolute:
            result = abs(result)
        elif dtype.kind != "c":
            result = result.real
        if offset:
            result = result + result.real.dtype.type(offset)
        samples, clipped = fitted(result, dtype)
        alpha = None if picture.alpha is None else picture.alpha.astype(dtype)
        images.write(output, images.Image(samples, alpha, picture.extras))
    if clipped > CLIPPED:
        share = f"{100 * clipped:.0f} % of the pixels clip at the range of {dtype}"
        typer.echo(f"convkit filter: {share}; {remedy(result, dtype, kernel is not None and not normalize)}", err=True)
    typer.echo(f"{output}: {' x '.join(map(str, samples.shape))} {samples.dtype}")


def result_dtype(samples: NDArray[Any], as_float: bool) -> np.dtype[Any]:
    """Dtype that is written: that of the file, or with ``as_float`` a float one that holds it."""
    import numpy as np

    if not as_float or samples.dtype.kind in "fc":
        return samples.dtype.newbyteorder("=")
    return np.dtype(np.float32 if samples.dtype.itemsize <= 2 else np.float64)


def fitted(result: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], float]:
    """Result as ``dtype``, and the part of the pixels (any channel) that had to be clipped to its range."""
    import numpy as np

    if dtype.kind not in "iu" or result.dtype == dtype:
        return (result.real if dtype.kind == "f" else result).astype(dtype), 0.0
    rounded = np.rint(result)
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    beyond = (rounded < least) | (rounded > most)
    clipped = float(np.mean(beyond.any(axis=2) if beyond.ndim == 3 else beyond))
    samples = np.clip(rounded, least, most)
    # The largest 64-bit integers have no float of their own: the nearest one lies a step beyond the range.
    with np.errstate(invalid="ignore"):
        cast = np.where(samples >= most, most, np.where(samples >= most, 0, samples).astype(dtype))
    return cast.astype(dtype), clipped


def remedy(result: NDArray[Any], dtype: np.dtype[Any], can_normalize: bool) -> str:
    """Name the options that keep this result from clipping."""
    import numpy as np

    helps = ["--normalize"] if can_normalize else []
    if float(result.min()) < np.iinfo(dtype).min:
        helps.append("--abs")
    helps += ["--offset V", "--float with a .tiff or .npy output"]
    return f"what helps: {', '.join(helps[:-1])} or {helps[-1]}"
