"""The structure tensor: in which direction an image varies, and how much more there than across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from convkit._core.boundary import Boundary
from convkit._core.device import resident
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit.filters.designs import DIFFERENCE, SMOOTH
from convkit.filters.passes import documented, prepare, real_only, separable
from convkit.filters.places import place_of
from convkit.filters.smooth import PerAxis, gaussians

# Matrices whose eigenvalues are found at a time.
CHUNK = 1 << 14


@dataclass(frozen=True, eq=False)
class StructureTensor:
    """Products of derivatives, averaged around every sample; `structure_tensor` makes it.

    Attributes
    ----------
    elements : ndarray, shape (k, *x.shape)
        The k = n (n + 1) / 2 different elements of the symmetric matrix of n filtered axes, row by row: in an image
        those of (rows, rows), (rows, columns) and (columns, columns).
    ndim : int
        Number n of filtered axes.
    """

    elements: Array
    ndim: int

    def element(self, i: int, j: int) -> Array:
        """Average of the product of the derivatives along filtered axes number `i` and `j`."""
        pairs = list(combinations_with_replacement(range(self.ndim), 2))
        for index in (i, j):
            if index not in range(self.ndim):
                raise ValueError(f"element({i}, {j}) does not exist; both may be 0 to {self.ndim - 1}")
        found: Array = self.elements[pairs.index((min(i, j), max(i, j)))]
        return found

    def eigenvalues(self) -> Array:
        """Eigenvalues in falling order, shape ``(ndim, *x.shape)``: average squared slopes along the axes of the tensor.

        NaN where an element is not finite.
        """
        if self.ndim == 1:
            place = place_of(self.elements)
            copy = place.copied()
            return place.finish(copy, copy.dtype, None)
        if self.ndim == 2:
            return place_of(self.elements).eigenvalues()
        if resident(self.elements):
            raise ValueError(f"eigenvalues for {self.ndim} filtered axes are not computed on a CUDA device; fetch the "
                             f"elements, and ask StructureTensor(elements, {self.ndim})")
        flat = self.elements.reshape(len(self.elements), -1)
        values = np.empty((self.ndim, flat.shape[1]), flat.dtype)
        pairs = list(combinations_with_replacement(range(self.ndim), 2))
        for start in range(0, flat.shape[1], CHUNK):
            here = flat[:, start : start + CHUNK].astype(np.float64)
            finite = np.isfinite(here).all(axis=0)
            matrices = np.empty((here.shape[1], self.ndim, self.ndim))
            for (i, j), part in zip(pairs, here, strict=True):
                matrices[:, i, j] = matrices[:, j, i] = np.where(finite, part, 0)
            found = np.linalg.eigvalsh(matrices)[:, ::-1].T
            values[:, start : start + CHUNK] = np.where(finite, found, np.nan)
        return values.reshape(self.ndim, *self.elements.shape[1:])

    def coherence(self) -> Array:
        """How much the image varies in one direction only, from 0 (all alike, or flat) to 1 (straight lines).

        The difference of the two eigenvalues over their sum.

        Raises
        ------
        ValueError
            If not two axes were filtered.
        """
        self._of_images("coherence")
        return place_of(self.elements).coherence()

    def orientation(self) -> Array:
        """Direction of the greatest variation in radians, from -pi/2 to pi/2; lines run across it.

        From the columns' axis towards the rows' axis, as the angle of `gabor` and `steerable`.

        Raises
        ------
        ValueError
            If not two axes were filtered.
        """
        self._of_images("orientation")
        return place_of(self.elements).orientation()

    def _of_images(self, what: str) -> None:
        if self.ndim != 2:
            raise ValueError(f"{what} is defined for two filtered axes, and this tensor has {self.ndim}; use eigenvalues(), or "
                             "name the axes of images with axes=")


@documented
def structure_tensor(x: ArrayLike, sigma: PerAxis = 1.0, *, truncate: float = 4.0, boundary: Boundary = "reflect",
                     axes: int | Sequence[int] | None = None, channel_axis: int | None = None, workers: int | None = None,
                     out: Array | None = None, dtype: DTypeLike | None = None,
                     device: str | None = None) -> StructureTensor:
    """Average the products of the derivatives around every sample: direction and strength of what varies there.

    Parameters
    ----------
    x : array_like
        Real samples: a signal, an image, a volume, or a batch of them.
    sigma : float or sequence of float
        Standard deviation of the Gaussian that averages, in samples, one for all axes or one per axis.
    truncate : float
        Where to cut that Gaussian, in standard deviations.
    @COMMON@@DEVICE@

    Returns
    -------
    StructureTensor
        With ``elements`` of shape ``(n (n + 1) / 2, *x.shape)`` for n filtered axes (`out` has this shape), and
        ``coherence()``, ``orientation()`` and ``eigenvalues()``.

    Raises
    ------
    ValueError, TypeError
        For complex samples, an integer dtype, and as `gaussian`.

    Notes
    -----
    The derivatives are Sobel's, of slope 1 on a unit ramp. scikit-image's ``structure_tensor`` has ``2 * 4**(n - 1)``
    times larger ones, so elements 64 times as large in two dimensions, and boundary ``zero`` by default.

    References
    ----------
    J. Bigün and G. H. Granlund, "Optimal orientation detection of linear symmetry", Proc. 1st ICCV (1987) 433-438.
    B. Jähne, Digital Image Processing, 6th ed., 2005, section 13.3.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.filters import structure_tensor
    >>> stripes = np.sin(np.add.outer(0.3 * np.arange(40), 0.3 * np.arange(40)))
    >>> tensor = structure_tensor(stripes, 3.0)
    >>> tensor.coherence()[20, 20].round(3), np.degrees(tensor.orientation()[20, 20]).round(1)
    (np.float64(1.0), np.float64(45.0))
    """
    s = prepare(x, boundary, axes, channel_axis, workers, None, dtype, device)
    real_only(s, "a structure tensor")
    if s.result.kind in "iu":
        raise TypeError(f"dtype={s.result} cannot hold the elements of a tensor; give a floating-point one")
    taps = gaussians(s, sigma, truncate=truncate)
    n = len(s.axes)
    pairs = list(combinations_with_replacement(range(n), 2))
    shape = (len(pairs), *s.shape)
    if out is not None:
        out = s.place.output(out, shape, s.result)
    values = s.place.target(out, shape, s.work)
    elements = s.place.items(values)
    # The derivatives wait where their squares will be; the squares come last.
    slopes = [elements[pairs.index((i, i))] for i in range(n)]
    for i, slope in enumerate(slopes):
        separable(s, [DIFFERENCE if a == i else SMOOTH for a in range(n)], out=slope)
    product = s.place.empty(s.shape, s.work)
    for i, j in sorted(pairs, key=lambda pair: pair[0] == pair[1]):
        s.place.multiply(slopes[i], slopes[j], product)
        separable(s, taps, x=s.place.given(product), out=elements[pairs.index((i, j))])
    return StructureTensor(s.place.finish(values, s.result, out), n)
