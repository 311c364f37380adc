"""``convkit filter``: smooth, sharpen or convolve an image file."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convkit.cli.console import plain_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


METHODS = ("auto", "direct", "separable", "fft")
MOST_TAPS = 100_001
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
    normalize: Annotated[bool, typer.Option("--normalize", help="Divide the kernel by its sum.")] = False,
    boundary: Annotated[str, typer.Option(help="zero, edge, reflect, symmetric or wrap.")] = "reflect",
    method: Annotated[str, typer.Option(help="auto, direct, separable or fft.")] = "auto",
    absolute: Annotated[bool, typer.Option("--abs", help="Take the magnitude of the result.")] = False,
    offset: Annotated[float, typer.Option(metavar="V", help="Add V to the result.")] = 0.0,
    as_float: Annotated[bool, typer.Option("--float", help="Write float samples (.tiff or .npy).")] = False,
) -> None:
    """Convolve an image with a Gaussian, a box, a sharpener or your own kernel.

    Colour is filtered per channel, alpha passes through, and the file keeps its sample type: integers are rounded and
    clipped to their range. A kernel is convolved, that is, flipped.
    """
    with plain_errors("filter"):
        from convkit.cli import images

        check_options(gaussian, box, sharpen, kernel, normalize, method, offset)
        images.check_target(output)
        weights, taps = make_weights(gaussian, box, kernel, normalize)
        picture = images.read(image)
        dtype = result_dtype(picture.samples, as_float)
        images.check_fit(output, picture, dtype)
        result = convolved(picture.samples, weights, taps, boundary, method)
        if absolute:
            result = abs(result)
        if offset:
            result = result + result.real.dtype.type(offset)
        samples, clipped = fitted(result, dtype)
        alpha = None if picture.alpha is None else picture.alpha.astype(dtype)
        images.write(output, images.Image(samples, alpha, picture.extras))
    if clipped > CLIPPED:
        share = f"{100 * clipped:.0f} % of the pixels clip at the range of {dtype}"
        typer.echo(f"convkit filter: {share}; {remedy(result, dtype, kernel is not None and not normalize)}", err=True)
    typer.echo(f"{output}: {' x '.join(map(str, samples.shape))} {samples.dtype}")


def check_options(
    gaussian: float | None,
    box: int | None,
    sharpen: bool,
    kernel: str | None,
    normalize: bool,
    method: str,
    offset: float,
) -> None:
    """Raise ValueError about the option that is wrong or does not go with another."""
    given = {"--gaussian": gaussian is not None, "--box": box is not None, "--sharpen": sharpen, "--kernel": bool(kernel)}
    chosen = [name for name, yes in given.items() if yes]
    if kernel == "":
        raise ValueError("--kernel is empty; give rows of numbers, as in --kernel '1 2 1; 2 4 2; 1 2 1'")
    if len(chosen) != 1:
        raise ValueError(
            f"{' and '.join(chosen) or 'no filter'} given; give exactly one of "
            "--gaussian SIGMA, --box N, --sharpen, --kernel 'ROWS'"
        )
    if normalize and kernel is None:
        raise ValueError(f"--normalize goes with --kernel; the weights of {chosen[0]} sum to 1 already")
    if method not in METHODS:
        raise ValueError(f"--method is {method!r}; allowed are {', '.join(METHODS)}")
    if not math.isfinite(offset):
        raise ValueError(f"--offset is {offset}; give a finite number")


def make_weights(
    gaussian: float | None, box: int | None, kernel: str | None, normalize: bool
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Dense weights and None, or None and the taps along each axis; with no option, the sharpener."""
    import numpy as np

    if gaussian is not None:
        if not (math.isfinite(gaussian) and gaussian > 0):
            raise ValueError(f"--gaussian is {gaussian}; give a standard deviation over 0, in pixels")
        radius = int(4 * gaussian + 0.5) if gaussian < MOST_TAPS else MOST_TAPS
        check_taps("--gaussian", gaussian, 2 * radius + 1)
        taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / gaussian) ** 2)
        return None, taps / taps.sum()
    if box is not None:
        if box < 1:
            raise ValueError(f"--box is {box}; give a width of at least 1 pixel")
        check_taps("--box", box, box)
        return None, np.full(box, 1.0 / box)
    if kernel is not None:
        weights = read_kernel(kernel)
        if normalize:
            total = weights.sum()
            if abs(total) <= 1e-12 * np.abs(weights).sum():
                raise ValueError(f"--normalize cannot divide by the sum of the kernel, {total:.3g}; leave it out")
            weights = weights / total
        return weights, None
    return np.array([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]]), None


def check_taps(option: str, value: float, taps: int) -> None:
    """Raise ValueError if an option asks for more taps than any image has use for."""
    if taps > MOST_TAPS:
        raise ValueError(f"{option} is {value:g}; that takes more than {MOST_TAPS:,} taps per axis, give a smaller one")


def read_kernel(text: str) -> NDArray[np.float64]:
    """Rows apart by semicolons, numbers by blanks or commas; fractions such as 1/16 are numbers too."""
    import numpy as np

    rows = [row.replace(",", " ").split() for row in text.strip().rstrip(";").split(";")]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"--kernel is {text!r}, with rows of {' and '.join(map(str, sorted(lengths)))} numbers; "
            "give equally long rows, as in '1 2 1; 2 4 2; 1 2 1'"
        )
    values = np.empty((len(rows), lengths.pop()))
    for i, row in enumerate(rows):
        for j, word in enumerate(row):
            try:
                values[i, j] = float(Fraction(word))
            except (ValueError, ZeroDivisionError, OverflowError):
                raise ValueError(f"--kernel holds {word!r}, which is not a finite number") from None
    return values


def convolved(
    samples: NDArray[Any],
    weights: NDArray[np.float64] | None,
    taps: NDArray[np.float64] | None,
    boundary: str,
    method: str,
) -> NDArray[Any]:
    """Convolve each channel; taps go along both axes unless ``method`` asks for the dense weights."""
    import numpy as np

    from convkit.convolution import convolve, convolve_separable

    if taps is not None and method in ("auto", "separable"):
        result: NDArray[Any] = convolve_separable(samples, [taps, taps], boundary=boundary, axes=(0, 1))
    else:
        dense: Any = np.multiply.outer(taps, taps) if taps is not None else weights
        result = convolve(samples, dense, boundary=boundary, method=method, axes=(0, 1))
    return result


def result_dtype(samples: NDArray[Any], as_float: bool) -> np.dtype[Any]:
    """Dtype that is written: that of the file, or with ``as_float`` a float one that holds it."""
    import numpy as np

    if not as_float or samples.dtype.kind in "fc":
        return samples.dtype.newbyteorder("=")
    return np.dtype(np.float32 if samples.dtype.itemsize <= 2 else np.float64)


def fitted(result: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], float]:
    """Result as ``dtype``, and the part of the pixels (any channel) that had to be clipped to its range."""
    import numpy as np

    if dtype.kind not in "iu":
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
