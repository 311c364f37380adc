"""Coefficients of a curvelet transform: views into one buffer."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from convkit._core.typing import Array, BoolArray
from convkit.curvelets import device
from convkit.curvelets.plan import Plan
from convkit.engines.shrink import by_modulus

# One number, or one for each wedge of each scale: as `Curvelets.noise_std` gives them.
PerBand: TypeAlias = float | Sequence[Array]


class CurveletCoefficients:
    """What `Curvelets.forward` returns: coefficients by scale and wedge.

    ``c[j, l]`` are those of wedge l at scale j, a view of shape ``(*batch, *plan.shapes[j][l])``: changing it changes `c`.
    ``c[0, 0]`` is the coarse scale, and at a finest scale that is not divided into wedges l is 0. Iterating gives the pairs
    (j, l). In a real plan the coefficients of wedges are complex, those of undivided scales real. On a CUDA device ``c[j, l]``
    is an array of the library of the samples: of CuPy, of torch, else of Numba.

    Attributes
    ----------
    plan : Curvelets
        The transform that made them.
    """

    def __init__(self, plan: Plan, buffer: Array) -> None:
        self.plan = plan
        self._buffer = buffer

    @property
    def batch(self) -> tuple[int, ...]:
        """Lengths of the axes that were not transformed."""
        return self._buffer.shape[:-1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the coefficients of wedges: complex64 or complex128."""
        return np.result_type(self._values.dtype, np.complex64)

    @property
    def _values(self) -> Any:
        """The numbers, which can be cut, viewed as complex numbers and shaped."""
        return self._buffer if isinstance(self._buffer, np.ndarray) else device.viewed(self._buffer)

    def _held(self) -> Array:
        """The numbers, in the memory of the host."""
        if isinstance(self._buffer, np.ndarray):
            return self._buffer
        raise ValueError("coefficients on a CUDA device are neither sorted nor summed; take c.threshold, c.map or c[j, l], or "
                         "fetch c.ravel() and hand it to plan.unravel")

    @property
    def coarse(self) -> Array:
        """Coefficients of the coarse scale, shape ``(*batch, *plan.shapes[0][0])``."""
        values: Array = self[0, 0]
        return values

    @property
    def finest(self) -> Array | tuple[Array, ...]:
        """Coefficients of the finest scale: of all its wedges, or where it has none, of the scale."""
        scale: tuple[Array, ...] = self[self.plan.scales - 1]
        return scale[0] if self.plan.finest == "wavelet" else scale

    def __getitem__(self, key: Any) -> Any:
        """The coefficients of wedge l at scale j for ``c[j, l]``; a tuple of all wedges of scale j for ``c[j]``."""
        if isinstance(key, tuple) and len(key) == 2:
            number, place = self.plan._place(*key)
            band = self.plan._tables.bands[number]
            part = self._values[..., place]
            if not band.real and part.dtype.kind != "c":
                part = part.view(self.dtype)
            return part.reshape(*self.batch, *band.lengths)
        try:
            scale = operator.index(key)
        except TypeError:
            raise TypeError(f"c[{key!r}] is not known; give c[j, l], or c[j] for all wedges of scale j") from None
        self.plan._check_band(scale, 0)
        return tuple(self[scale, l] for l in range(len(self.plan.shapes[scale])))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((band.scale, band.wedge) for band in self.plan._tables.bands)

    def __len__(self) -> int:
        return len(self.plan._tables.bands)

    def __repr__(self) -> str:
        return f"<CurveletCoefficients of {self.plan!r}, batch {self.batch}, {self.dtype}>"

    def ravel(self) -> Array:
        """All coefficients as an array of shape ``(*batch, plan.size)``, without a copy: real in a real plan.

        Real and imaginary parts of a wedge's coefficients follow each other in a real plan. `Curvelets.unravel` is the inverse.
        """
        return self._buffer

    def copy(self) -> CurveletCoefficients:
        """Coefficients that can be changed without changing these."""
        here = isinstance(self._buffer, np.ndarray)
        return CurveletCoefficients(self.plan, self._buffer.copy() if here else device.copied(self.plan, self._buffer))

    def map(self, function: Callable[[Array], Array]) -> CurveletCoefficients:
        """Coefficients of which each band is what `function` makes of it.

        Parameters
        ----------
        function : callable
            Called with the coefficients ``c[j, l]`` of one band after the other; it must not change them, and returns an array
            of the same shape, or what can be broadcast to it. On a CUDA device both are arrays of the library of the samples.
        """
        here = isinstance(self._buffer, np.ndarray)
        result = CurveletCoefficients(self.plan, np.empty_like(self._buffer)) if here else self.copy()
        for key in self:
            values = result[key]
            # The arrays of Numba do not know an ellipsis.
            values[(slice(None),) * values.ndim] = function(self[key])
        return result

    def threshold(self, t: PerBand, *, soft: bool = False) -> CurveletCoefficients:
        """Coefficients without those of a modulus below a threshold; the coarse scale is kept as it is.

        Parameters
        ----------
        t : float, or sequence of ndarray
            Threshold of all bands, or one array per scale with one threshold per wedge, such as ``plan.noise_std(3 * sigma)``.
        soft : bool, default False
            Whether the moduli of the others are diminished by the threshold, too.

        Raises
        ------
        ValueError
            If `t` is negative, not a number, or does not fit the plan.
        """
        thresholds = self._per_band(t)
        if not isinstance(self._buffer, np.ndarray):
            return CurveletCoefficients(self.plan, device.thresholded(self.plan, self._buffer, thresholds, soft))
        result = self.copy()
        for scale, index in self:
            if scale > 0:
                by_modulus(result[scale, index], thresholds[scale][index], soft)
        return result

    def _per_band(self, t: PerBand) -> list[Array]:
        counts = [len(scale) for scale in self.plan.shapes]
        scales = t if isinstance(t, Sequence) else [np.full(n, t, float) for n in counts]
        found = [np.asarray(scale, float).reshape(-1) for scale in scales]
        if [scale.size for scale in found] != counts:
            raise ValueError(f"t has {[scale.size for scale in found]} thresholds per scale, but the plan {counts} bands per "
                             "scale; give one number, or as many as plan.noise_std(sigma)")
        if any(not (scale >= 0).all() for scale in found):
            raise ValueError(f"t={t!r} must not be negative or NaN")
        return found

    def keep(self, n: int) -> CurveletCoefficients:
        """Only the `n` coefficients of largest modulus, of each item of a batch; the others become zero.

        A complex coefficient counts once, though in a real plan it stands for two real numbers.

        Parameters
        ----------
        n : int
            From 0 to ``plan.count``.

        Raises
        ------
        ValueError
            If `n` is negative, or more than there are; for coefficients on a CUDA device.
        """
        return self._only(self._largest(n))

    def _largest(self, n: int) -> BoolArray:
        """Where the `n` coefficients of largest modulus are, shape ``(*batch, plan.count)``."""
        count = self.plan.count
        try:
            number = operator.index(n)
        except TypeError:
            raise TypeError(f"n={n!r} must be a whole number") from None
        if not 0 <= number <= count:
            raise ValueError(f"n={n!r} is not allowed; the plan has {count} coefficients, so give 0 to {count}")
        self._held()
        moduli = np.concatenate([np.abs(self[key]).reshape(*self.batch, -1) for key in self], axis=-1)
        found = np.zeros(moduli.shape, bool)
        if number:
            order = np.argpartition(moduli, count - number, axis=-1)
            np.put_along_axis(found, order[..., count - number :], True, axis=-1)
        return found

    def _only(self, kept: BoolArray) -> CurveletCoefficients:
        """Coefficients at the places that are kept, zeros elsewhere."""
        result, start = self.copy(), 0
        for key in self:
            values = result[key]
            size = int(np.prod(values.shape[len(self.batch) :]))
            values *= kept[..., start : start + size].reshape(values.shape)
            start += size
        return result

    def energy(self) -> tuple[Array, ...]:
        """Sums of squared moduli: an array per scale, of shape ``(*batch, wedges)``. They add up to the samples' own.

        In a real plan only half of the wedges are held, which together have the energy of all.
        """
        self._held()
        own = tuple(range(-len(self.plan.shape), 0))
        return tuple(np.stack([(np.abs(values) ** 2).sum(axis=own) for values in self[j]], axis=-1)
                     for j in range(self.plan.scales))
