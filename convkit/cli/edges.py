"""``convkit edges``: find the edges in an image file, or draw them on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convkit.cli.console import plain_errors
from convkit.cli.filter import CLIPPED, fitted, result_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convkit.cli.images import Image

GRADIENTS = ("sobel", "scharr", "prewitt", "roberts", "farid")
METHODS = ("canny", *GRADIENTS, "log")
# Which methods an option goes with; the others go with all.
GO_WITH = {"low": ("canny",), "high": ("canny",), "quantiles": ("canny",), "norm": ("canny",), "threshold": (*GRADIENTS, "log"),
           "scale": GRADIENTS}
SIGMA = {"canny": 1.0, "log": 2.0}
# Luma of red, green and blue (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)


def edges_command(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="PNG, JPEG, TIFF, .npy, or camera, ascent, aero.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="OUT", help=".png .jpg .tiff or .npy.")],
    method: Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(METHODS)}.")] = "canny",
    sigma: Annotated[
        float | None, typer.Option(metavar="S", help="Smooth by S pixels first: canny 1, log 2, others 0 unless said.")
    ] = None,
    low: Annotated[float | None, typer.Option(metavar="L", help="canny: edges go on down to L grey levels a pixel.")] = None,
    high: Annotated[float | None, typer.Option(metavar="H", help="canny: and have H somewhere.")] = None,
    quantiles: Annotated[bool, typer.Option("--quantiles", help="canny: L and H are shares of the pixels, 0 to 1.")] = False,
    norm: Annotated[str | None, typer.Option(metavar="NORM", help="canny: l2, as scikit-image, or l1, as OpenCV (l2).")] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="T", help="Edges are where the gradient is T or more; log: the slope at a crossing.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(metavar="SCALE", help="Of gradients: unit (grey levels a pixel), raw or skimage (unit).")
    ] = None,
    boundary: Annotated[str, typer.Option(help="zero, edge, reflect, symmetric or wrap.")] = "reflect",
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw the edges on the image, in red.")] = False,
    as_float: Annotated[bool, typer.Option("--float", help="Write float samples (.tiff or .npy).")] = False,
) -> None:
    """Find edges: white on black, or with sobel, scharr, prewitt, roberts and farid how steep each pixel is.

    Colour images are searched in their luma, alpha passes through, and the file keeps its sample type: a gradient is
    rounded and clipped to its range. Thresholds are in the grey levels of the file.
    """
    extras = {"low": low, "high": high, "quantiles": quantiles or None, "norm": norm, "threshold": threshold, "scale": scale}
    with plain_errors("edges"):
        from convkit.cli import images

        check_options(method, sigma, extras)
        images.check_target(output)
        picture = images.read(image)
        dtype = result_dtype(picture.samples, as_float)
        grey = luma(picture.samples)
        found = detect(grey, method, sigma, extras, boundary)
        if overlay:
            samples, clipped = drawn(picture.samples, found, dtype), 0.0
        elif found.dtype == bool:
            samples, clipped = found * white(grey[:0], dtype), 0.0
        else:
            samples, clipped = fitted(found, dtype)
        alpha = None if picture.alpha is None else picture.alpha.astype(dtype)
        result: Image = images.Image(samples.astype(dtype), alpha, extras_of(picture, samples))
        images.check_fit(output, result, dtype)
        images.write(output, result)
    if clipped > CLIPPED:
        typer.echo(f"convkit edges: {100 * clipped:.0f} % of the pixels clip at the range of {dtype}; what helps: "
                   "--scale unit or --float with a .tiff or .npy output", err=True)
    share = f", {100 * float(found.mean()):.1f} % edges" if found.dtype == bool else ""
    typer.echo(f"{output}: {' x '.join(map(str, samples.shape))} {dtype}{share}")


def check_options(method: str, sigma: float | None, extras: dict[str, Any]) -> None:
    """Raise ValueError about the option that is wrong or does not go with the method."""
    if method not in METHODS:
        raise ValueError(f"--method is {method!r}; allowed are {', '.join(METHODS)}")
    if sigma is not None and not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"--sigma is {sigma}; give a standard deviation in pixels, 0 or more")
    if method == "log" and sigma == 0:
        raise ValueError("--sigma is 0; --method log needs one above 0, in pixels")
    for option, value in extras.items():
        if value is not None and method not in GO_WITH[option]:
            raise ValueError(f"--{option} goes with --method {', '.join(GO_WITH[option])}, not with {method}")
    threshold = extras["threshold"]
    if threshold is not None and not (math.isfinite(threshold) and threshold >= 0):
        raise ValueError(f"--threshold is {threshold}; give a finite number, 0 or more")
    if extras["quantiles"] and (extras["low"] is None or extras["high"] is None):
        raise ValueError("--quantiles needs --low and --high, shares of the pixels such as --low 0.7 --high 0.9")


def luma(samples: NDArray[Any]) -> NDArray[Any]:
    """Grey levels of shape (rows, columns)."""
    import numpy as np

    if samples.dtype.kind == "c":
        raise ValueError(f"the image holds {samples.dtype}; edges are those of real numbers, save its real part or magnitude")
    if samples.ndim == 2:
        return samples
    if samples.shape[2] == 1:
        return samples[..., 0]
    kind = np.float32 if samples.dtype.itemsize <= 2 or samples.dtype == np.float32 else np.float64
    weights = np.array(LUMA if samples.shape[2] == 3 else [1 / samples.shape[2]] * samples.shape[2], kind)
    grey: NDArray[Any] = np.dot(samples.astype(kind), weights)
    return grey


def detect(grey: NDArray[Any], method: str, sigma: float | None, extras: dict[str, Any], boundary: str) -> NDArray[Any]:
    """Edges as bool, or the magnitude of the gradient where no threshold is given."""
    from convkit import edges, filters

    width = SIGMA.get(method, 0.0) if sigma is None else float(sigma)
    if method == "canny":
        return edges.canny(grey, width, extras["low"], extras["high"], quantiles=bool(extras["quantiles"]),
                           norm=extras["norm"] or "l2", boundary=boundary)
    if method == "log":
        return edges.zero_crossings(grey, width, extras["threshold"], boundary=boundary)
    smooth = filters.gaussian(grey, width, boundary=boundary) if width else grey
    steep: NDArray[Any] = getattr(edges, method)(smooth, scale=extras["scale"] or "unit", boundary=boundary)
    return steep if extras["threshold"] is None else steep >= extras["threshold"]


def white(samples: NDArray[Any], dtype: np.dtype[Any]) -> Any:
    """The lightest value: of integers the largest there is, of floats the largest of the samples, and 1 at least."""
    import numpy as np

    if dtype.kind in "iu":
        return dtype.type(np.iinfo(dtype).max)
    return dtype.type(np.nanmax(samples, initial=1.0))


def drawn(samples: NDArray[Any], found: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The image in colour with the edges in red, a gradient the more so the steeper it is."""
    import numpy as np

    colour = samples[..., None] if samples.ndim == 2 else samples
    if colour.shape[2] not in (1, 3):
        raise ValueError(f"--overlay draws on grey or RGB images; this one has {colour.shape[2]} channels")
    colour = np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour
    red = np.array([white(samples, dtype), 0, 0], dtype)
    if found.dtype == bool:
        return np.where(found[..., None], red, colour.astype(dtype))
    most = float(np.nanmax(found, initial=0.0))
    share = (found / most if most > 0 else np.zeros_like(found))[..., None].astype(np.float64)
    mixed: NDArray[Any] = fitted(colour * (1 - share) + red.astype(np.float64) * share, dtype)[0]
    return mixed


def extras_of(picture: Image, samples: NDArray[Any]) -> dict[str, Any]:
    """What goes along with the image: a colour profile only where there are as many channels as before."""
    same = samples.ndim == picture.samples.ndim
    return {key: value for key, value in picture.extras.items() if same or key != "icc_profile"}
