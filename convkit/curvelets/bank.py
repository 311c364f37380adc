"""The wedges of curvelets as an undecimated bank, and the orientation of an image at every pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks
from convkit._core import workers as pool
from convkit._core.typing import Array, ArrayLike
from convkit.curvelets import arguments, windows
from convkit.curvelets.sectors import Sectors, sectors
from convkit.engines import bank as engine

# Energy, in squares of epsilon times the largest sample, below which nothing varies: rounding made up to 16 of constant images.
ROUNDING = 64.0


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Full-size responses of an image to wedges of frequencies; `directional_filter_bank` makes it.

    ``bank[j, l]`` is the response to wedge l at scale j, a view: changing it changes the bank. ``numpy.asarray(bank)`` is the
    whole `array`.

    Attributes
    ----------
    array : ndarray, shape (J, L, *image)
        Complex responses, the coarsest scale first. Scale j is scale j + 1 of `Curvelets`, which counts the coarse one.
    coarse : ndarray, shape image
        The image below all wedges; real for a real one.
    angles : ndarray, shape (L,)
        Direction in which each wedge's atoms oscillate, across the edges that it answers to: radians from the columns' axis
        towards the rows' axis, as `Curvelets.angle`.
    boundary : str
        What lies beyond the edge.
    workers : int or None
        How many threads work.
    """

    array: Array
    coarse: Array
    angles: Array
    boundary: str
    workers: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (J, L, *image) of the responses."""
        return self.array.shape

    @property
    def frequencies(self) -> Array:
        """Mean distance from zero of each wedge's frequencies, weighted by energy: cycles per sample, shape (J, L)."""
        design = self._sectors()
        return np.array([[design.frequency(j, l) for l in range(self.shape[1])] for j in range(self.shape[0])])

    def adjoint(self) -> Array:
        """The image that the responses stand for: as long as they are unchanged, the one that they were made from.

        It is the adjoint of the analysis, and its left inverse, for both boundaries.

        Returns
        -------
        ndarray
            Real if the image was.
        """
        count = pool.resolve(self.workers)
        real, dtype = self._real(), self.array.real.dtype
        design = self._sectors()
        bands = [self.coarse, *self.array.reshape(-1, *self.shape[2:])]
        spectrum = engine.synthesis(bands, _boxes(design, self.shape[:2], dtype, real), design.lengths, count)
        y = engine.samples_of(spectrum, self.shape[2:], count)
        return y.real.copy() if real else y

    def kernel(self, j: int, l: int) -> Array:
        """Weights whose convolution with the image is the response of a wedge.

        Parameters
        ----------
        j, l : int
            Scale and wedge, as in ``bank[j, l]``.

        Returns
        -------
        ndarray of complex
            Of the image's shape for boundary "wrap": ``bank[j, l]`` is ``convkit.convolve(x, kernel, boundary="wrap")``. Twice
            as long along both axes for "reflect", where it is ``convkit.convolve(x, kernel, boundary="symmetric")``.

        Raises
        ------
        IndexError
            For a scale or a wedge that the bank does not have.
        """
        for index, count, what in ((j, self.shape[0], "scale j"), (l, self.shape[1], "wedge l")):
            if index not in range(count):
                raise IndexError(f"{what}={index!r} does not exist; the bank has 0 to {count - 1}")
        design = self._sectors()
        box = design.wedge(j, l, self.array.real.dtype, _factor(self._real()))
        one = np.zeros(design.lengths, self.array.dtype)
        impulse = np.full(design.lengths, 1 / math.sqrt(one.size), self.array.dtype)
        engine.respond(impulse, box, one)
        return np.roll(one, [(n - 1) // 2 for n in design.lengths], axis=(0, 1))

    def __getitem__(self, key: Any) -> Any:
        return self.array[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype, copy=copy)

    def __repr__(self) -> str:
        return f"<FilterBank of shape {self.shape}, {self.array.dtype}, boundary {self.boundary!r}>"

    def _real(self) -> bool:
        return self.coarse.dtype.kind != "c"

    def _sectors(self) -> Sectors:
        whole = self.shape[1] * (2 if self._real() else 1)
        return sectors(_lengths(self.shape[2:], self.boundary), self.shape[0] + 1, whole)


class Orientation(NamedTuple):
    """Direction and strength of what varies around every pixel; `orientation_map` makes it.

    Attributes
    ----------
    angle : ndarray
        Direction of the greatest variation in radians, in (-pi/2, pi/2], from the columns' axis towards the rows' axis; lines
        and edges run across it. 0 where nothing varies.
    strength : ndarray
        From 0 (all directions alike, or nothing varies) to 1 (one direction only).
    """

    angle: Array
    strength: Array


def directional_filter_bank(x: ArrayLike, *, scales: int | None = None, angles: int = 16, boundary: str = "reflect",
                            workers: int | None = None) -> FilterBank:
    """Filter an image with the wedges of its curvelets: one full-size response for each scale and direction.

    Parameters
    ----------
    x : array_like, shape (rows, columns)
        One image, real or complex, each side 16 or more. Images of a batch, or channels, go one by one.
    scales : int, optional
        How many scales, the coarse and the finest one among them; as for `Curvelets`.
    angles : int, default 16
        Wedges all around, a multiple of 4 and at least 8: as many at every scale, where those of `Curvelets` double at every
        second one, so that the responses are one array.
    boundary : {"reflect", "wrap"}, default "reflect"
        What lies beyond the edge: the mirror image, edge sample repeated, or the opposite side.
    workers : int, optional
        How many threads work, as everywhere in convkit. Results never depend on it.

    Returns
    -------
    FilterBank
        J = ``scales`` - 1 scales, the coarsest first, with L wedges each: L = `angles` for a complex image; for a real one
        L = ``angles / 2``, since the others would be the conjugates, and sqrt(2) times as large. complex64 for float32 and
        small integers, else complex128.

    Raises
    ------
    ValueError, TypeError
        For samples that are no image, a side below 16, more scales or angles than the image has, other words or numbers than
        above.

    Notes
    -----
    The windows are those of `Curvelets` with ``finest="curvelet"``: their squares sum to one at every frequency, also where
    the finest ones reach beyond half the sampling rate and are read around the torus. So the bank is a tight frame: the
    squares of all responses and of ``coarse`` sum to those of the image, and ``adjoint()`` returns it. That holds for both
    boundaries. An image and its mirror images fill a torus of twice its lengths, on which the response to a wedge is, in a
    mirror image, the mirrored response to the mirrored wedge in the image itself: what is cut away there is known.

    The modulus of a real image's response is its strength whatever the phase: real and imaginary part answer to lines and to
    edges. Compare `filters.gabor_bank`, whose filters do not add up to the image.

    It takes one Fourier transform of the image, and one back for each response, of which only the columns and rows on which
    the window is not zero are computed.

    References
    ----------
    .. [1] E. J. Candès, L. Demanet, D. Donoho and L. Ying, "Fast discrete curvelet transforms", Multiscale Modeling and
       Simulation 5(3), 861-899, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> import convkit
    >>> stripes = np.sin(0.9 * np.arange(64)) * np.ones((48, 1))
    >>> bank = convkit.directional_filter_bank(stripes, angles=8)
    >>> bank.shape, np.degrees(bank.angles).round(1)
    ((2, 4, 48, 64), array([-26.6,  26.6,  63.4, 116.6]))
    >>> (np.abs(bank[0]) ** 2).mean(axis=(1, 2)).round(2)
    array([0.22, 0.22, 0.  , 0.  ])
    >>> bool(np.allclose(bank.adjoint(), stripes))
    True
    """
    image = _image(x, scales, angles, boundary)
    count = pool.resolve(workers)
    design, real, dtype = image.design(), image.real, image.samples.real.dtype
    array = np.empty((image.scales - 1, image.wedges, *image.samples.shape), np.result_type(dtype, np.complex64))
    coarse = np.empty_like(image.samples)
    spectrum = engine.spectrum_of(image.samples, design.lengths, count)
    bands = [coarse, *array.reshape(-1, *image.samples.shape)]
    engine.analysis(spectrum, _boxes(design, array.shape[:2], dtype, real), bands, count)
    return FilterBank(array, coarse, _directions(image.angles, image.wedges), image.boundary, workers)


def orientation_map(x: ArrayLike, *, scales: int | None = None, angles: int = 16, boundary: str = "reflect",
                    workers: int | None = None) -> Orientation:
    """Direction in which an image varies around every pixel, and how much it varies in that direction only.

    Parameters
    ----------
    x : array_like, shape (rows, columns)
        One image, real or complex, each side 16 or more. Images of a batch, or channels, go one by one.
    scales : int, optional
        How many scales, the coarse and the finest one among them; as for `Curvelets`. The coarse one is not looked at, so that
        fewer scales see finer structure only.
    angles : int, default 16
        Wedges all around at every scale, a multiple of 4 and at least 8. With more of them structures that cross are told
        apart at smaller angles, and looked at over greater lengths.
    boundary : {"reflect", "wrap"}, default "reflect"
        What lies beyond the edge: the mirror image, edge sample repeated, or the opposite side.
    workers : int, optional
        How many threads work, as everywhere in convkit. Results never depend on it.

    Returns
    -------
    Orientation
        ``angle`` and ``strength``, each of the image's shape: float32 for float32 and small integers, else float64. NaN
        everywhere where a sample is not finite.

    Raises
    ------
    ValueError, TypeError
        As `directional_filter_bank`.

    Notes
    -----
    The angle is half that of the mean of exp(2 i theta), weighted by energy, over all scales and wedges of
    `directional_filter_bank`, and the strength is that mean's modulus. Angles between wedges are found, too: theta is not the
    direction of a wedge's centre but that of each frequency in it. With c and s the responses to the wedge's window times
    cos(theta) and sin(theta), its energy is abs(c)**2 + abs(s)**2, and abs(c)**2 - abs(s)**2 + 2 i Re(c conj(s)) is its share
    of the sum. For a tilted sinusoid of 0.15 cycles per sample or more the angle is right within 0.2 degrees; with the
    centres of 16 wedges it would be within 7.5 degrees, and more beyond 0.4 cycles per sample.

    Energies are not averaged over neighbouring pixels: each wedge's responses reach over a few of its wavelengths as they are,
    and more would wash out corners. In noise, average ``strength * exp(2 i angle)``, or use `filters.structure_tensor`, which
    averages over a window of any size but sees one scale only, that of its derivatives. White noise has a strength of 0.25 in
    the mean. Where lines meet the edge at an angle, so do their mirror images, and the strength is less.

    References
    ----------
    .. [1] G. H. Granlund and H. Knutsson, Signal Processing for Computer Vision, Kluwer, 1995, chapter 6: orientation from
       the energies of quadrature filters.

    Examples
    --------
    >>> import numpy as np
    >>> import convkit
    >>> row, column = np.indices((64, 64))
    >>> found = convkit.orientation_map(np.cos(column + 0.5 * row))
    >>> np.degrees(found.angle[32, 32]).round(1), found.strength[32, 32].round(2)
    (np.float64(26.6), np.float64(1.0))
    """
    image = _image(x, scales, angles, boundary)
    count = pool.resolve(workers)
    design, samples = image.design(), image.samples
    peak = np.abs(samples).max()
    # Squares of samples about 1 neither overflow nor vanish.
    with np.errstate(invalid="ignore"):
        samples = samples / (peak if peak > 0 else 1)
    spectrum = engine.spectrum_of(samples, design.lengths, count)

    def work(n: int) -> Array:
        along, down = design.directed(*divmod(n, image.wedges), spectrum.real.dtype)
        return engine.products(spectrum, along, down, samples.shape)

    total = np.zeros((3, *samples.shape), spectrum.real.dtype)
    for part in engine.in_order(work, (image.scales - 1) * image.wedges, count):
        total += part
    along, down, mixed = total
    energy, difference, mixed = along + down, along - down, 2 * mixed
    angle = np.arctan2(mixed, difference) / 2
    angle[angle <= -np.pi / 2] = np.pi / 2
    nothing = energy <= ROUNDING * np.finfo(energy.dtype).eps ** 2
    angle[nothing] = 0
    strength = np.hypot(mixed, difference) / np.where(nothing, np.inf, energy)
    return Orientation(angle, np.minimum(strength, 1))


class _Image(NamedTuple):
    """Checked arguments."""

    samples: Array
    scales: int
    angles: int
    boundary: str

    @property
    def real(self) -> bool:
        return self.samples.dtype.kind != "c"

    @property
    def wedges(self) -> int:
        """How many wedges of a scale are looked at."""
        return self.angles // 2 if self.real else self.angles

    def design(self) -> Sectors:
        found = sectors(_lengths(self.samples.shape, self.boundary), self.scales, self.angles)
        if found.some_empty():
            raise ValueError(f"angles={self.angles!r} is too many for an image of shape {self.samples.shape} and "
                             f"{self.scales} scales: some wedges would hold no frequency; give fewer angles, or fewer scales")
        return found


def _image(x: ArrayLike, scales: int | None, angles: int, boundary: str) -> _Image:
    array = checks.numbers(x, "x")
    if array.ndim != 2:
        raise ValueError(f"x has shape {array.shape}; give one image, an array of two axes, and a batch or channels one by one")
    shape = arguments.shape_of(array.shape)
    count = arguments.scales_of(scales, shape, windows.default_scales(shape))
    kind = checks.arithmetic(array.dtype, np.dtype(np.float32), None).work
    return _Image(array.astype(kind, copy=False), count, arguments.angles_of(angles),
                  checks.word(boundary, "boundary", ("reflect", "wrap")))


def _lengths(shape: tuple[int, ...], boundary: str) -> tuple[int, int]:
    """Lengths of the torus that an image of `shape` is seen on."""
    high, wide = shape
    return (high, wide) if boundary == "wrap" else (2 * high, 2 * wide)


def _factor(real: bool) -> float:
    """How much larger responses are where half of the wedges stand for all."""
    return math.sqrt(2) if real else 1.0


def _boxes(design: Sectors, counts: tuple[int, ...], dtype: np.dtype[Any], real: bool) -> list[Callable[[], engine.Box]]:
    """Makers of the coarse window and of those of all wedges."""
    wedges = [partial(design.wedge, j, l, dtype, _factor(real)) for j in range(counts[0]) for l in range(counts[1])]
    return [partial(design.coarse, dtype), *wedges]


def _directions(angles: int, wedges: int) -> Array:
    """Angles of the centres of the first wedges, from the columns' axis to the rows' axis, in (-pi, pi]."""
    t = -1 + 8 / angles * (np.arange(wedges) + 0.5)
    quarter = np.floor((t + 1) / 2)
    angle: Array = quarter * np.pi / 2 + np.arctan(t - 2 * quarter)
    angle[angle > np.pi] -= 2 * np.pi
    return angle
