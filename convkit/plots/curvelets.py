"""Pictures of curvelets: how they tile the frequencies, what atoms look like, and how large coefficients are.

Frequencies are drawn as images are, columns to the right and rows downwards, in cycles per sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from convkit._core.images import number
from convkit._core.typing import Array
from convkit.plots.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from convkit.curvelets import CurveletCoefficients, Curvelets

__all__ = ["atoms", "tiling", "wheel"]

SHADE = "#E69F00"  # Okabe and Ito's orange
HALF = 0.5**0.5  # a window's value where it holds half of the energy, and its neighbour the other half
SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
DECADES = 4  # how far below the largest value of a wheel its colours reach


def tiling(plan: Curvelets, *, wedge: tuple[int, int] | None = None, figure: Figure | None = None) -> Figure:
    """Draw the tiling of the frequency plane by the windows of a plan, beside the spatial grid of one wedge.

    The outlines go through the points where a window holds half of the energy. The wedge that is shaded on the left has the
    grid on the right: each crossing is the place of a coefficient, a cell is shaded, and the atom in the middle is drawn by
    the outline at half of its modulus, all to scale.

    Parameters
    ----------
    plan : Curvelets
        Of images.
    wedge : (int, int), optional
        Scale and wedge that is shaded; by default one of the finest wedges.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        For the plan of a volume or one without wedges, or a scale that is not divided.
    IndexError
        For a wedge that the plan does not have.

    References
    ----------
    E. J. Candès, L. Demanet, D. Donoho and L. Ying, "Fast discrete curvelet transforms", Multiscale Modeling and Simulation
    5(3), 861-899, 2006, figure 1.

    Examples
    --------
    >>> from convkit import Curvelets, plots
    >>> len(plots.tiling(Curvelets((64, 64))).axes)
    2
    """
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    divided = _divided(plan)
    j, l = (divided[-1], _nearest(plan, divided[-1], -0.5)) if wedge is None else wedge
    plan.angle(j, l)  # says what is wrong with a wedge that there is not
    figure = figure or new_figure(11.6, 6.4)
    left, right = figure.subplots(1, 2)
    colours = dict(zip(divided, colormaps["viridis"](np.linspace(0, 0.8, len(divided))), strict=True))
    for scale in divided:
        for index in range(len(plan.shapes[scale])):
            columns, rows, window = _unwrapped(plan, scale, index)
            for sign in (1, -1) if plan.real else (1,):
                left.contour(sign * columns, sign * rows, window, [HALF], colors=[colours[scale]], linewidths=1.1)
            if (scale, index) == (j, l):
                left.contourf(columns, rows, window, [HALF, np.inf], colors=[SHADE])
        left.plot([], [], color=colours[scale], label=f"scale {scale}")
    left.contour(*_plane(plan.window(0)), [HALF], colors=["0.4"], linewidths=1.1)
    left.plot([], [], color="0.4", label="coarse scale")
    if plan.finest == "wavelet":
        left.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, linestyle=":", color="0.4", label="finest scale, undivided"))
    left.set(xlabel="cycles per sample along a row", ylabel="cycles per sample down a column", xlim=(-0.53, 0.53),
             ylim=(0.53, -0.53), aspect="equal", title="frequency: wedges $2^j$ long and $2^{j/2}$ wide")
    _grid(right, plan, j, l)
    figure.legend(loc="outside lower center", ncols=(len(divided) + 5) // 2, frameon=False)
    return figure


def _grid(axes: Axes, plan: Curvelets, j: int, l: int) -> None:
    """The places of a wedge's coefficients around one of them, a cell of theirs, and the outline of its atom."""
    from matplotlib.patches import Rectangle

    high, wide = (float(np.diff(grid.reshape(-1)[:2])[0]) for grid in plan.position(j, l))
    reach = 3.2 * max(high, wide)
    at = np.linspace(-reach, reach, 201)
    columns, rows, window = _unwrapped(plan, j, l)
    modulus = np.abs(np.exp(2j * np.pi * np.outer(at, rows)) @ window @ np.exp(2j * np.pi * np.outer(columns, at)))
    for step, line in ((high, axes.axhline), (wide, axes.axvline)):
        count = int(reach / step)
        for place in step * np.arange(-count, count + 1):
            line(place, color="0.8", linewidth=0.9, zorder=1)
    axes.add_patch(Rectangle((wide, -2 * high), wide, high, facecolor=SHADE, edgecolor="none", zorder=2))
    axes.contour(at, at, modulus, [modulus.max() / 2], colors=["#0072B2"], linewidths=2)
    axes.plot([], [], color="#0072B2", linewidth=2, label="atom, at half of its modulus")
    axes.plot([], [], "s", color=SHADE, markersize=9, label=f"cell, {wide:.1f} x {high:.1f} samples")
    axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal", xlabel="samples along a row",
             ylabel="samples down a column", title=f"space: cells $2^{{-j}}$ by $2^{{-j/2}}$, here at scale {j}")


def atoms(plan: Curvelets, *, angle: float = 0.5, scales: Sequence[int] | None = None, figure: Figure | None = None) -> Figure:
    """Draw the real parts of atoms of increasing scale above the modulus of their Fourier transforms.

    All are drawn at the same magnification, the transforms as well; an inset enlarges a small atom.

    Parameters
    ----------
    plan : Curvelets
        Of images.
    angle : float, default 0.5
        Direction across the atoms in radians, from the columns' axis to the rows' axis: at each scale the wedge next to it.
    scales : sequence of int, optional
        Which scales; by default the five finest that are divided into wedges.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        For the plan of a volume or one without wedges, or scales that are not divided.

    References
    ----------
    E. J. Candès and D. L. Donoho, "New tight frames of curvelets and optimal representations of objects with piecewise C2
    singularities", Communications on Pure and Applied Mathematics 57(2), 219-266, 2004.

    Examples
    --------
    >>> from convkit import Curvelets, plots
    >>> len(plots.atoms(Curvelets((64, 64)), scales=[1, 2]).axes)
    4
    """
    divided = _divided(plan)
    chosen = divided[-5:] if scales is None else list(scales)
    if not chosen or any(j not in divided for j in chosen):
        raise ValueError(f"scales={scales!r} is not allowed; the plan has wedges at scales {divided[0]} to {divided[-1]}")
    turn = number(angle, "angle")
    figure = figure or new_figure(2.9 * len(chosen) + 0.6, 6.5)
    above, below = figure.subplots(2, len(chosen), squeeze=False)
    wedges = [_nearest(plan, j, turn) for j in chosen]
    drawn = [plan.atom(j, l).real for j, l in zip(chosen, wedges, strict=True)]
    view = 3 * max(_reach(atom) for atom in drawn) // 2
    for j, l, atom, space, frequency in zip(chosen, wedges, drawn, above, below, strict=True):
        wave = 1 / plan.frequency(j)[l]
        look: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -np.abs(atom).max(), "vmax": np.abs(atom).max()}
        space.imshow(_middle(atom, view), **look)
        if 3 * _reach(atom) < view:
            inset = space.inset_axes((0.02 if np.sin(2 * turn) > 0 else 0.56, 0.56, 0.42, 0.42))
            inset.imshow(_middle(atom, _reach(atom)), **look)
            inset.set(xticks=[], yticks=[])
        space.set(title=f"scale {j}\na wave of {wave:.1f} samples", xticks=[], yticks=[])
        spectrum = np.fft.fftshift(np.abs(np.fft.fft2(atom)))
        frequency.imshow(spectrum, cmap="magma", extent=(-0.5, 0.5, 0.5, -0.5))
        frequency.set(xticks=[-0.4, 0, 0.4], yticks=[-0.4, 0, 0.4], xlabel="cycles per sample")
        frequency.label_outer()
    above[0].set_ylabel("space: real part")
    below[0].set_ylabel("frequency: modulus")
    return figure


def wheel(c: CurveletCoefficients, *, figure: Figure | None = None) -> Figure:
    """Draw how large the coefficients of each wedge are, at its place among the frequencies.

    The colour is the root of the mean squared modulus over that of white noise of variance 1, on a logarithmic scale of at
    most four decades: white noise has one colour everywhere, and straight edges light up in the direction across them. The
    coarse scale, in the middle, may lie above the scale.

    Parameters
    ----------
    c : CurveletCoefficients
        Of one image.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        For the coefficients of a volume or of a batch of images, or a plan without wedges.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import Curvelets, plots
    >>> c = Curvelets((64, 64)).forward(np.eye(64))
    >>> plots.wheel(c).axes[0].get_xlabel()
    'cycles per sample along a row'
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    plan = cast("Curvelets", c.plan)
    divided = _divided(plan)
    if c.batch:
        raise ValueError(f"c holds a batch of shape {c.batch}; give the coefficients of one image")
    noise = plan.noise_std(1.0)
    tiles, values = [], []
    for j in reversed(range(plan.scales)):
        for l in range(len(plan.shapes[j])):
            size = float(np.sqrt(np.mean(np.abs(c[j, l]) ** 2)) / noise[j][l])
            corners = _tile(plan, j, l) if j in divided else 2.0 ** (j - plan.scales) * SQUARE
            for sign in (1, -1) if plan.real and j in divided else (1,):
                tiles.append(sign * corners)
                values.append(size)
    figure = figure or new_figure(6.6, 5.6)
    axes = figure.subplots()
    top = max(values[:-1]) or 1.0  # the coarse scale, which comes last, holds the mean
    bottom = min(max(min(values), top / 10**DECADES), top / 2)
    drawn = PolyCollection(tiles, array=np.maximum(values, bottom), norm=LogNorm(bottom, top), cmap="viridis",
                           edgecolors="white", linewidths=0.4)
    axes.add_collection(drawn)
    axes.set(xlabel="cycles per sample along a row", ylabel="cycles per sample down a column", xlim=(-0.5, 0.5),
             ylim=(0.5, -0.5), aspect="equal")
    figure.colorbar(drawn, label="root mean square of the coefficients, over that of white noise", extend="max")
    return figure


def _divided(plan: Curvelets) -> list[int]:
    """Scales that are divided into wedges."""
    if len(plan.shape) != 2:
        raise ValueError(f"the plan is one for shape {plan.shape}; only those of images, with two axes, can be drawn")
    divided = list(range(1, plan.scales - (plan.finest == "wavelet")))
    if not divided:
        raise ValueError(f"{plan!r} has no scale that is divided into wedges; give it more scales, or finest='curvelet'")
    return divided


def _reach(atom: Array) -> int:
    """How far from the middle an atom goes, in samples: where it has a tenth of its maximum."""
    places = np.argwhere(np.abs(atom) > np.abs(atom).max() / 10) - np.array(atom.shape) // 2
    return int(np.abs(places).max())


def _middle(image: Array, reach: int) -> Array:
    """What lies at most `reach` samples from the middle."""
    return image[tuple(slice(max(n // 2 - reach, 0), n // 2 + reach + 1) for n in image.shape)]


def _nearest(plan: Curvelets, j: int, angle: float) -> int:
    """The wedge of a scale whose direction, or in a real plan the opposite one, is next to an angle."""
    period = np.pi if plan.real else 2 * np.pi
    off = np.array([plan.angle(j, l) - angle for l in range(len(plan.shapes[j]))])
    return int(np.abs((off + period / 2) % period - period / 2).argmin())


def _plane(window: Array, middle: Sequence[float] = (0.0, 0.0)) -> tuple[Array, Array, Array]:
    """Frequencies of columns and of rows, in the period about `middle`, and a window on them: where it is not zero."""
    axes = []
    for axis, (n, at) in enumerate(zip(window.shape, middle, strict=True)):
        frequency = np.fft.fftfreq(n)
        frequency -= np.round(frequency - at)
        order = np.argsort(frequency)
        window = np.take(window, order, axis)
        used = np.flatnonzero(window.any(1 - axis))
        around = slice(max(used[0] - 1, 0), used[-1] + 2)
        window = window[around] if axis == 0 else window[:, around]
        axes.append(frequency[order][around])
    return axes[1], axes[0], window


def _unwrapped(plan: Curvelets, j: int, l: int) -> tuple[Array, Array, Array]:
    """A wedge's window on the frequencies about its middle, some of which may lie beyond the sampling rate."""
    angle, distance = plan.angle(j, l), plan.frequency(j)[l]
    return _plane(plan.window(j, l), (distance * np.sin(angle), distance * np.cos(angle)))


def _tile(plan: Curvelets, j: int, l: int) -> Array:
    """Corners of a wedge, (column, row) each, between the outlines of two squares of which one is twice the other."""
    count = len(plan.shapes[j]) // (2 if plan.real else 4)
    quarter, index = divmod(l, count)
    slopes = -1 + 2 * (index + np.array([0, 1])) / count
    inner = 2.0 ** (j - plan.scales - 1) * np.stack([np.ones(2), slopes], axis=1)
    for _ in range(quarter):
        inner = inner[:, ::-1] * (-1, 1)
    return np.concatenate([inner, 2 * inner[::-1]])
