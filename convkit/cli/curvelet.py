"""``convkit curvelet``: denoise an image file, approximate it, or draw curvelets and the directions in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convkit._core.files import replacing
from convkit.cli.console import plain_errors
from convkit.cli.edges import luma
from convkit.cli.filter import CLIPPED, fitted, result_dtype

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from convkit.cli.images import Image

TASKS = ("denoise", "tiling", "atoms", "nterm", "orientation")
FORMS = ("--denoise", "--tiling", "--atoms", "--nterm N", "--orientation")
# Scales of directions at most, the coarse one among them.
FINE = 4
# Which tasks an option goes with.
GO_WITH = {"sigma": ("denoise",), "compare": ("denoise",), "float": ("denoise", "nterm")}


def curvelet_command(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="PNG, JPEG, TIFF, .npy, or camera, ascent, aero.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="OUT", help=".png .jpg .tiff or .npy; pictures: .png.")],
    denoise: Annotated[bool, typer.Option("--denoise", help="Take white noise away.")] = False,
    tiling: Annotated[
        bool, typer.Option("--tiling", help="Picture of how curvelets of this size tile frequency and space.")
    ] = False,
    atoms: Annotated[bool, typer.Option("--atoms", help="Picture of curvelets at increasing scales.")] = False,
    nterm: Annotated[int | None, typer.Option(metavar="N", help="Keep the N largest coefficients.")] = None,
    orientation: Annotated[bool, typer.Option("--orientation", help="Picture of the direction at each pixel.")] = False,
    sigma: Annotated[
        float | None, typer.Option(metavar="S", help="--denoise: standard deviation of the noise; found unless said.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="NAME", help="--denoise: write a picture of it beside that of another: wavelet.")
    ] = None,
    as_float: Annotated[
        bool, typer.Option("--float", help="--denoise, --nterm: write float samples (.tiff or .npy).")
    ] = False,
) -> None:
    """Denoise an image by curvelets, approximate it by few of them, or draw them and the directions in an image.

    Colour is denoised and approximated per channel, directions are those of its luma, alpha passes through, and the file keeps
    its sample type. Give exactly one of --denoise, --tiling, --atoms, --nterm and --orientation.
    """
    asked = {"denoise": denoise, "tiling": tiling, "atoms": atoms, "nterm": nterm is not None, "orientation": orientation}
    clipped = 0.0
    with plain_errors("curvelet"):
        from convkit.cli import images

        task = choose([name for name in TASKS if asked[name]],
                      {"sigma": sigma is not None, "compare": compare is not None, "float": as_float})
        check_values(sigma, compare)
        images.check_target(output)
        draws = task not in ("denoise", "nterm") or compare is not None
        if draws and Path(output).suffix.lower() != ".png":
            option = task if compare is None else "compare"
            raise ValueError(f"--output is {output}; --{option} draws a picture, name a .png file")
        picture = images.read(image)
        if draws:
            figure, words = draw(task, picture.samples, sigma)
            with replacing(Path(output).resolve()) as file:
                figure.savefig(file, format="png")
        else:
            dtype = result_dtype(picture.samples, as_float)
            images.check_fit(output, picture, dtype)
            result, words = denoised(picture.samples, sigma) if nterm is None else approximated(picture.samples, nterm)
            samples, clipped = fitted(result, dtype)
            alpha = None if picture.alpha is None else picture.alpha.astype(dtype)
            written: Image = images.Image(samples, alpha, picture.extras)
            images.write(output, written)
            words = f"{' x '.join(map(str, samples.shape))} {samples.dtype}, {words}"
    if clipped > CLIPPED:
        typer.echo(f"convkit curvelet: {100 * clipped:.0f} % of the pixels clip at the range of {samples.dtype}; what helps: "
                   "--float with a .tiff or .npy output", err=True)
    typer.echo(f"{output}: {words}")


def choose(tasks: list[str], options: dict[str, bool]) -> str:
    """The one task asked for; raise ValueError if there is none, more than one, or an option that does not go with it."""
    if len(tasks) != 1:
        several = " and ".join(f"--{name}" for name in tasks) or "no task"
        raise ValueError(f"{several} given; give exactly one of {', '.join(FORMS)}")
    for option, given in options.items():
        if given and tasks[0] not in GO_WITH[option]:
            raise ValueError(f"--{option} goes with {' and '.join(f'--{name}' for name in GO_WITH[option])}, "
                             f"not with --{tasks[0]}")
    if options["compare"] and options["float"]:
        raise ValueError("--float goes with samples; --compare draws a picture")
    return tasks[0]


def check_values(sigma: float | None, compare: str | None) -> None:
    """Raise ValueError about a value that is not allowed."""
    if sigma is not None and not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"--sigma is {sigma}; give the standard deviation of the noise in grey levels, 0 or more")
    if compare not in (None, "wavelet"):
        raise ValueError(f"--compare is {compare!r}; allowed is wavelet")


def channels(samples: NDArray[Any]) -> list[NDArray[Any]]:
    """The channels of an image, one of shape (rows, columns) each."""
    return [samples] if samples.ndim == 2 else [samples[..., i] for i in range(samples.shape[2])]


def per_channel(samples: NDArray[Any], function: Callable[[Any, Any], NDArray[Any]], values: Sequence[float]) -> NDArray[Any]:
    """Call a function with each channel and its value, and put the results together again."""
    import numpy as np

    results = [function(channel, value) for channel, value in zip(channels(samples), values, strict=True)]
    return results[0] if samples.ndim == 2 else np.stack(results, axis=-1)


def noise_levels(samples: NDArray[Any], sigma: float | None) -> tuple[list[float], str]:
    """Noise level of each channel, as given or as found; and in words."""
    from convkit.curvelets import noise_level

    if sigma is not None:
        return [sigma] * len(channels(samples)), f"noise level {sigma:.4g}"
    levels = [noise_level(channel) for channel in channels(samples)]
    return levels, f"noise level {', '.join(f'{level:.4g}' for level in levels)} (found)"


def denoised(samples: NDArray[Any], sigma: float | None) -> tuple[NDArray[Any], str]:
    """Samples without noise, and the level that was taken away in words."""
    from convkit.curvelets import curvelet_denoise

    levels, words = noise_levels(samples, sigma)
    return per_channel(samples, curvelet_denoise, levels), words


def approximated(samples: NDArray[Any], count: int) -> tuple[NDArray[Any], str]:
    """Samples made of the largest coefficients of each channel, and their number in words."""
    from convkit.curvelets import curvelet_nterm

    try:
        result = per_channel(samples, curvelet_nterm, [count] * len(channels(samples)))
    except ValueError as error:
        raise ValueError(f"--nterm {count}: {error}") from None
    return result, f"{count} coefficients{' per channel' if samples.ndim == 3 else ''}"


def draw(task: str, samples: NDArray[Any], sigma: float | None) -> tuple[Figure, str]:
    """The picture of a task, and what it shows in words."""
    from convkit import plots

    if task == "denoise":
        return compared(samples, sigma)
    if task == "orientation":
        from convkit.curvelets import orientation_map
        from convkit.curvelets.windows import default_scales

        grey = luma(samples)
        # At coarser scales flat parts of a picture take the direction of what is around them.
        scales = min(FINE, default_scales(grey.shape))
        return plots.orientation(grey, *orientation_map(grey, scales=scales)), "directions across edges and lines"
    from convkit.curvelets import Curvelets

    plan = Curvelets(samples.shape[:2])
    figure = plots.tiling(plan) if task == "tiling" else plots.atoms(plan)
    return figure, f"{task} of {' x '.join(map(str, plan.shape))} samples, {plan.scales} scales"


def compared(samples: NDArray[Any], sigma: float | None) -> tuple[Figure, str]:
    """Picture of what curvelets and wavelets make of samples, and the noise level in words."""
    from convkit import plots
    from convkit.curvelets import curvelet_denoise, wavelet_denoise

    shown = samples[..., 0] if samples.shape[2:] == (1,) else samples
    levels, words = noise_levels(shown, sigma)
    results = {"curvelets": per_channel(shown, curvelet_denoise, levels),
               "wavelets (BayesShrink)": per_channel(shown, wavelet_denoise, levels)}
    return plots.denoising(shown, results), f"curvelets beside wavelets, {words}"
