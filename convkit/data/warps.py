"""Transforms that look between pixels: shifts, turns, stretches, shears, the bulge of a lens, and crops at other scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from convkit._core.boundary import Boundary, normalize
from convkit._core.typing import Array, ArrayLike
from convkit.data.crops import must_fit, window
from convkit.data.transforms import Range, floating, generator, interval, pair_of
from convkit.engines import warp as engine

# Amounts beyond these would show nothing of the image, or look up tables without end. A lens below -1/3 would fold it.
_TURN, _STRETCH, _SHEAR, _LENS, _SHIFT = 3600.0, (1 / 16, 16.0), 80.0, (-0.3, 1.0), 16.0


def _amounts(value: Any, name: str, shape: tuple[int, ...], least: float, most: float) -> Array:
    """One amount for each image, or one for each image and axis, from one for all."""
    array = np.asarray(value, np.float64)
    try:
        result = np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(f"{name} has shape {array.shape}; give one number for all images, or an array that can be broadcast "
                         f"to {shape}") from None
    bad = ~((array >= least) & (array <= most))
    if bad.any():
        raise ValueError(f"{name} holds {array[bad].flat[0]}; allowed are {least:g} to {most:g}")
    return result


def _turned(degrees: Array) -> tuple[Array, Array]:
    """Cosine and sine, exact for quarters of a turn."""
    quarters = np.round(degrees / 90)
    angle = np.deg2rad(degrees - 90 * quarters)
    cos, sin = np.cos(angle), np.sin(angle)
    which = quarters.astype(np.int64) % 4
    return np.choose(which, [cos, -sin, -cos, sin]), np.choose(which, [sin, cos, -sin, -cos])


def warp(images: ArrayLike, *, rotation: ArrayLike = 0.0, translation: ArrayLike = 0.0, stretch: ArrayLike = 1.0,
         shear: ArrayLike = 0.0, lens: ArrayLike = 0.0, boundary: Boundary = "zero") -> Array:
    """Stretch, shear, turn and shift images about their middle, in this order, and look at them through a lens.

    All of it is one bilinear interpolation. An image whose amounts are all neutral keeps its samples bit for bit.

    Parameters
    ----------
    images : array_like, shape (N, C, H, W)
        A batch. Integers of up to 16 bits are computed in float32.
    rotation : array_like, shape () or (N,)
        Degrees, from the columns' axis to the rows' axis: clockwise, as rows are drawn downwards. At most ten turns.
    translation : array_like, shape (), (2,) or (N, 2)
        Pixels along rows' and columns' axis: down and to the right. At most 16 times the longer side.
    stretch : array_like, shape (), (2,) or (N, 2)
        Factors along the rows' and the columns' axis; above 1 what is seen becomes larger. 1/16 to 16.
    shear : array_like, shape () or (N,)
        Degrees by which vertical lines lean: a row d below the middle moves ``d tan(shear)`` to the right. -80 to 80.
    lens : array_like, shape () or (N,)
        Distortion k: what is seen at the distance r from the middle was at ``r (1 + k r**2)``, r = 1 at the corners. Above 0
        lines bend outwards (barrel), below 0 inwards (pincushion). -0.3 to 1.
    boundary : str or (str, str)
        What lies beyond the edges: "zero", "edge", "reflect", "symmetric" or "wrap", as `convkit.pad` has it.

    Returns
    -------
    ndarray
        A new array of the same shape: float32 or float64.

    Raises
    ------
    ValueError
        For amounts beyond these, or of other shapes.

    References
    ----------
    .. [1] D. C. Brown, "Close-range camera calibration", Photogrammetric Engineering 37, 1971: the first term of the radial
       distortion.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> image = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> data.warp(image, rotation=90)[0, 0]
    array([[2., 0.],
           [3., 1.]])
    >>> data.warp(image, translation=(0, 0.5), boundary="edge")[0, 0]
    array([[0. , 0.5],
           [2. , 2.5]])
    """
    x = floating(images)
    n, names = len(x), normalize(boundary, 2)
    middle = (np.array(x.shape[2:]) - 1) / 2
    most = _SHIFT * max(x.shape[2:])
    cos, sin = _turned(_amounts(rotation, "rotation", (n,), -_TURN, _TURN))
    shift = _amounts(translation, "translation", (n, 2), -most, most)
    factor = _amounts(stretch, "stretch", (n, 2), *_STRETCH)
    lean = np.tan(np.deg2rad(_amounts(shear, "shear", (n,), -_SHEAR, _SHEAR)))
    bulge = _amounts(lens, "lens", (n,), *_LENS) / (float((middle**2).sum()) or 1.0)
    # The way back, from a pixel of the result to its source: the turn, then the shear, then the stretch undone.
    maps = np.empty((n, 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = cos, -sin
    maps[:, 1, 0], maps[:, 1, 1] = sin - lean * cos, cos + lean * sin
    maps[:, :, :2] /= factor[:, :, None]
    maps[:, :, 2] = middle - (maps[:, :, :2] * shift[:, None, :]).sum(axis=2)
    result = np.empty(x.shape, x.dtype)
    engine.warp(x, maps, bulge, names, result)
    return result


class RandomWarp:
    """Turns, shifts, stretches, shears and bends images by amounts drawn for each, in one interpolation.

    Sharper, and faster, than one after the other. What the amounts mean is said at `warp`.

    Parameters
    ----------
    rotation, shear : float or (float, float)
        Degrees, drawn evenly from -amount to amount, or from the pair's first to its second.
    translation : float or (float, float)
        Pixels, drawn evenly, for rows and columns apart.
    stretch : (float, float)
        The least and the largest factor, drawn evenly on a logarithmic scale, for rows and columns apart.
    lens : float or (float, float)
        Distortion, drawn evenly.
    boundary : str or (str, str)
        What lies beyond the edges: "zero", "edge", "reflect", "symmetric" or "wrap", as `convkit.pad` has it.

    Raises
    ------
    ValueError
        For amounts that `warp` does not allow.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> change = data.RandomWarp(rotation=10, translation=2, stretch=(0.9, 1.1), boundary="reflect")
    >>> change(np.zeros((2, 3, 32, 32), np.float32), np.random.default_rng(0)).shape
    (2, 3, 32, 32)
    """

    def __init__(self, *, rotation: Range = 0.0, translation: Range = 0.0, stretch: tuple[float, float] = (1.0, 1.0),
                 shear: Range = 0.0, lens: Range = 0.0, boundary: Boundary = "zero") -> None:
        self.rotation = interval(rotation, "rotation", -_TURN, _TURN)
        self.translation = interval(translation, "translation")
        self.stretch = pair_of(stretch, "stretch", *_STRETCH)
        self.shear = interval(shear, "shear", -_SHEAR, _SHEAR)
        self.lens = interval(lens, "lens", *_LENS)
        self.boundary = normalize(boundary, 2)

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Change the images.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch.
        rng : numpy.random.Generator
            Source of the amounts.

        Returns
        -------
        ndarray
            A new array of the same shape: float32 or float64.
        """
        x = floating(images)
        n, draw = len(x), generator(rng)
        low, high = self.stretch
        return warp(x, rotation=draw.uniform(*self.rotation, n), translation=draw.uniform(*self.translation, (n, 2)),
                    stretch=low * (high / low) ** draw.random((n, 2)), shear=draw.uniform(*self.shear, n),
                    lens=draw.uniform(*self.lens, n), boundary=self.boundary)


class RandomRotation(RandomWarp):
    """Turns images about their middle by an angle drawn for each.

    Parameters
    ----------
    degrees : float or (float, float)
        Drawn evenly from -degrees to degrees, or from the pair's first to its second; positive angles turn clockwise.
    boundary : str or (str, str)
        What lies beyond the edges, as `convkit.pad` has it.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomRotation((180, 180))([[[[1.0, 2.0]]]], np.random.default_rng(0))
    array([[[[2., 1.]]]])
    """

    def __init__(self, degrees: Range = 15.0, boundary: Boundary = "zero") -> None:
        super().__init__(rotation=interval(degrees, "degrees", -_TURN, _TURN), boundary=boundary)


class RandomTranslation(RandomWarp):
    """Shifts images down and to the right, each by distances drawn for it.

    Parameters
    ----------
    pixels : float or (float, float)
        Both distances are drawn evenly from -pixels to pixels, or from the pair's first to its second.
    boundary : str or (str, str)
        What lies beyond the edges, as `convkit.pad` has it.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomTranslation((1, 1), "wrap")([[[[1.0, 2.0], [3.0, 4.0]]]], np.random.default_rng(0)).ravel()
    array([4., 3., 2., 1.])
    """

    def __init__(self, pixels: Range = 4.0, boundary: Boundary = "zero") -> None:
        super().__init__(translation=interval(pixels, "pixels"), boundary=boundary)


class RandomStretch(RandomWarp):
    """Stretches images along rows and along columns, each by factors drawn for it.

    Parameters
    ----------
    factors : (float, float)
        The least and the largest, 1/16 to 16, drawn evenly on a logarithmic scale; above 1 what is seen becomes larger.
    boundary : str or (str, str)
        What lies beyond the edges, as `convkit.pad` has it.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomStretch((2, 2))([[[[0.0, 3.0, 0.0]]]], np.random.default_rng(0))
    array([[[[1.5, 3. , 1.5]]]])
    """

    def __init__(self, factors: tuple[float, float] = (0.8, 1.25), boundary: Boundary = "zero") -> None:
        super().__init__(stretch=pair_of(factors, "factors", *_STRETCH), boundary=boundary)


class RandomShear(RandomWarp):
    """Shifts the rows of images along themselves, by their distance from the middle: vertical lines lean.

    Parameters
    ----------
    degrees : float or (float, float)
        By which they lean, drawn evenly for each image from -degrees to degrees, or from the pair's first to its second.
    boundary : str or (str, str)
        What lies beyond the edges, as `convkit.pad` has it.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomShear((45, 45))(np.eye(3)[None, None, ::-1], np.random.default_rng(0))[0, 0].round(9)
    array([[0., 1., 0.],
           [0., 1., 0.],
           [0., 1., 0.]])
    """

    def __init__(self, degrees: Range = 10.0, boundary: Boundary = "zero") -> None:
        super().__init__(shear=interval(degrees, "degrees", -_SHEAR, _SHEAR), boundary=boundary)


class RandomLensDistortion(RandomWarp):
    """Bends images as a lens does, each by a distortion drawn for it.

    Parameters
    ----------
    strength : float or (float, float)
        The distortion k of `warp`, -0.3 to 1, drawn evenly from -strength to strength, or from the pair's first to its second.
    boundary : str or (str, str)
        What lies beyond the edges, as `convkit.pad` has it.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> data.RandomLensDistortion((0.5, 0.5))(np.ones((1, 1, 3, 3)), np.random.default_rng(0))[0, 0, 1]
    array([0.75, 1.  , 0.75])
    """

    def __init__(self, strength: Range = 0.2, boundary: Boundary = "zero") -> None:
        super().__init__(lens=interval(strength, "strength", *_LENS), boundary=boundary)


class RandomScaleCrop:
    """Scales each image so that its short side has a length drawn for it, and cuts a window out at a drawn place.

    Bilinear, the edge continued; nothing is smoothed before. An image scaled to less than half loses details to aliasing.

    Parameters
    ----------
    size : int or (int, int)
        Rows and columns of the window.
    short_side : (int, int)
        The least and the largest length L of the short side; whole numbers between are as likely.

    Raises
    ------
    ValueError
        For a window that is larger than the smallest scaled image, and what is no pair of lengths.

    References
    ----------
    .. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, section
       3.1: L from 256 to 512; K. He et al., CVPR 2016, section 3.4: L from 256 to 480. Both cut 224 x 224 out.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import data
    >>> change = data.RandomScaleCrop(32, short_side=(32, 40))
    >>> change(np.zeros((2, 3, 36, 48), np.float32), np.random.default_rng(0)).shape
    (2, 3, 32, 32)
    """

    def __init__(self, size: int | tuple[int, int], short_side: tuple[int, int]) -> None:
        self.size = window(size)
        low, high = pair_of(short_side, "short_side", 1, np.inf)
        if low != int(low) or high != int(high):
            raise ValueError(f"short_side={short_side!r} must be whole numbers")
        self.short_side = int(low), int(high)
        if min(self.size) > self.short_side[0]:
            raise ValueError(f"size={size!r} is larger than the least short side, {self.short_side[0]}; give a smaller size, "
                             "or a larger short_side")

    def __call__(self, images: ArrayLike, rng: np.random.Generator) -> Array:
        """Scale the images, and cut windows out.

        Parameters
        ----------
        images : array_like, shape (N, C, H, W)
            A batch.
        rng : numpy.random.Generator
            Source of lengths and places.

        Returns
        -------
        ndarray, shape (N, C, rows, columns)
            A new array: float32 or float64.
        """
        x = floating(images)
        given, size = np.array(x.shape[2:]), np.array(self.size)
        draw, (low, high) = generator(rng), self.short_side
        lengths = draw.integers(low, high, (len(x), 1), endpoint=True)
        # The short side has exactly L pixels, the other as many as keep the shape, rounded half up.
        scaled = (2 * given * lengths + given.min()) // (2 * given.min())
        must_fit(self.size, scaled.min(axis=0), "the smallest scaled image")
        corners = draw.integers(0, scaled - size + 1)
        step = given / scaled
        maps = np.zeros((len(x), 2, 3))
        maps[:, 0, 0], maps[:, 1, 1] = step[:, 0], step[:, 1]
        # Pixels are areas: pixel i of the scaled image has its middle at i + 1/2.
        maps[:, :, 2] = (corners + size / 2) * step - 0.5
        result = np.empty((*x.shape[:2], *self.size), x.dtype)
        engine.warp(x, maps, np.zeros(len(x)), ("edge", "edge"), result)
        return result
