"""The curvelet transform of images and volumes: a plan, made once for a shape, and what it does."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.device import on_device, resident
from convkit._core.images import number
from convkit._core.typing import Array, ArrayLike, DTypeLike
from convkit._core.workers import resolve
from convkit.curvelets import arguments, geometry, host, streaming, windows
from convkit.curvelets import device as remote
from convkit.curvelets.checking import Check, check
from convkit.curvelets.coefficients import CurveletCoefficients
from convkit.curvelets.continuation import Continuation
from convkit.curvelets.linear import linear_operator


class Curvelets:
    """A curvelet transform by wrapping: a tight frame, whose inverse is its adjoint, for samples of one shape.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        Lengths of the axes that are transformed, each 16 or more.
    scales : int, optional
        How many scales, the coarse and the finest one among them: 2 or more, by default
        ``max(2, ceil(log2(min(shape))) - 3)``.
    angles : int, default 16
        Wedges all around at scale 1, a multiple of 4 and at least 8; they double at scales 2, 4, 6 and so on. In a volume, as
        many around each axis.
    finest : {"curvelet", "wavelet"}, optional
        Whether the finest scale is divided into wedges, too, for 64/9 numbers per sample of an image instead of 25/9. By
        default it is in images, and not in volumes.
    real : bool, optional
        Whether samples are real: half of the wedges are held then. True unless `dtype` is complex.
    dtype : dtype, optional
        What is computed in: float32, float64, complex64 or complex128. By default what the samples are.
    axes : sequence of int, optional
        Which axes of the samples are transformed, by default the last ones; the others are a batch.
    boundary : {"wrap", "reflect"}, default "wrap"
        What lies beyond the edge: the opposite side, or the mirror image, edge sample repeated, which fades out over 32
        samples or a few more. That makes the transformed array larger.
    workers : int, optional
        How many threads work, as everywhere in convkit. Results never depend on it.

    Attributes
    ----------
    shapes : tuple of tuple of tuple of int
        ``shapes[j][l]`` is the shape of the coefficients of wedge l at scale j.
    count, size : int
        How many coefficients there are, and how many numbers they are in ``ravel()``: in a real plan two for a complex one.
    redundancy : float
        `size` over the number of samples.

    Raises
    ------
    ValueError, TypeError
        For a side below 16, more scales or angles than the shape has, other words or numbers than above.

    Notes
    -----
    With k the frequency in cycles per side, M_j = (2 n / 3) 2^(j + 1 - J) on a side of n samples and nu Meyer's ramp,
    phi(r) = cos(pi/2 nu(2 |r| - 1)) and Phi_j(k) = prod_i phi(k_i / M_{j,i}), scale j has the window
    W_j = sqrt(Phi_j^2 - Phi_{j-1}^2), which is divided by V_l = cos(pi/2 nu(|t - c_l| / d)): t is the slope of k, measured
    around the square, c_l the centre and d the width of a wedge. The squares of all windows sum to one at every frequency,
    also where the finest ones reach beyond the sampling rate and are read around the torus. Each product with the spectrum is
    wrapped into the smallest box on which it does not overlap itself, and transformed back. At double the frequency a wedge is
    twice as long at every step, and at every second one twice as wide: an atom's width is about its length squared.

    Only half of a scale's wedges are held for real samples: the opposite ones would be their conjugates. The coefficients are
    sqrt(2) times as large then; their parts are those of an even and an odd atom, a quarter of a wave apart.

    References
    ----------
    .. [1] E. J. Candès, L. Demanet, D. Donoho and L. Ying, "Fast discrete curvelet transforms", Multiscale Modeling and
       Simulation 5(3), 861-899, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> import convkit
    >>> plan = convkit.Curvelets((64, 96))
    >>> x = np.random.default_rng(0).standard_normal((64, 96))
    >>> c = plan.forward(x)
    >>> c[1, 3].dtype, len(c[1]), len(c[2])
    (dtype('complex128'), 8, 16)
    >>> bool(np.allclose(plan.inverse(c), x))
    True
    """

    def __init__(self, shape: Sequence[int], *, scales: int | None = None, angles: int = 16, finest: str | None = None,
                 real: bool | None = None, dtype: DTypeLike | None = None, axes: Sequence[int] | None = None,
                 boundary: str = "wrap", workers: int | None = None) -> None:
        self.shape = arguments.shape_of(shape)
        ndim = len(self.shape)
        self.angles = arguments.angles_of(angles)
        if finest is None:
            finest = "curvelet" if ndim == 2 else "wavelet"
        self.finest = checks.word(finest, "finest", ("curvelet", "wavelet"))
        self.dtype = arguments.dtype_of(dtype)
        self.real = arguments.real_of(real, self.dtype)
        self.axes = arguments.axes_of(axes, ndim)
        self.boundary = checks.word(boundary, "boundary", ("wrap", "reflect"))
        self.workers = None if workers is None else resolve(workers)
        self._continuation = Continuation(self.shape) if self.boundary == "reflect" else None
        self._extended = self.shape if self._continuation is None else self._continuation.extended
        self.scales = arguments.scales_of(scales, self._extended, windows.default_scales(self.shape))
        arguments.check_angles(self.angles, self._extended, self.scales, self.finest)
        self._tables = geometry.tables_of(self._extended, self.scales, self.angles, self.finest, self.real)
        ends = np.cumsum([0, *(band.numbers for band in self._tables.bands)]).tolist()
        self._places = {(band.scale, band.wedge): (n, slice(ends[n], ends[n + 1])) for n, band in enumerate(self._tables.bands)}
        self.size = int(ends[-1])
        self.count = sum(int(np.prod(band.lengths)) for band in self._tables.bands)
        self.shapes = tuple(tuple(band.lengths for band in self._tables.bands if band.scale == j) for j in range(self.scales))
        self.redundancy = self.size / float(np.prod(self.shape))

    @property
    def work_dtype(self) -> np.dtype[Any]:
        """What is computed in where samples do not decide: `dtype`, else float64 or complex128."""
        kind = np.dtype(np.float64) if self.dtype is None else self.dtype
        return kind if self.real else np.result_type(kind, np.complex64)

    def _last(self) -> Curvelets:
        """The same plan for the last axes."""
        return _make({**self._parameters(), "axes": None})

    def _parameters(self) -> dict[str, Any]:
        return {"shape": self.shape, "scales": self.scales, "angles": self.angles, "finest": self.finest, "real": self.real,
                "dtype": None if self.dtype is None else self.dtype.name, "axes": self.axes, "boundary": self.boundary,
                "workers": self.workers}

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self._parameters(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Curvelets) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        """What tells plans apart whose coefficients cannot be exchanged."""
        return self.shape, self.scales, self.angles, self.finest, self.real, self.boundary

    def __repr__(self) -> str:
        shown = {name: value for name, value in self._parameters().items() if name != "shape" and value is not None}
        return f"Curvelets({self.shape}, {', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def forward(self, x: ArrayLike, *, device: str | None = None) -> CurveletCoefficients:
        """Coefficients of samples.

        Parameters
        ----------
        x : array_like
            Samples whose transformed axes have the plan's shape; all other axes are a batch. NaN and infinity spread to all
            coefficients of their item. An array on a CUDA device is transformed there, and its coefficients stay there:
            ``ravel()`` of them is an array of its library.
        device : {None, "cpu", "cuda"}, optional
            Where to compute: by default where x lies. Samples of the host are sent to the device, and their coefficients are
            fetched.

        Returns
        -------
        CurveletCoefficients
            complex64 for float32 and small integers, else complex128, unless the plan has a dtype.

        Raises
        ------
        TypeError
            For complex samples, where the plan is real.
        ValueError
            For samples of another shape, or another device.
        ImportError, RuntimeError
            Without the extra ``cu13`` or ``cu12``, or without a CUDA device, where one is asked for.
        """
        return CurveletCoefficients(self, (remote if on_device(x, device) else host).forward(self, x))

    def inverse(self, c: CurveletCoefficients | Iterable[tuple[tuple[int, int], Array]], *, device: str | None = None) -> Array:
        """Samples that coefficients stand for: the inverse of `forward`, which is its adjoint, too.

        Parameters
        ----------
        c : CurveletCoefficients, or iterable of ((int, int), ndarray)
            Coefficients of this plan; or pairs of (j, l) and the coefficients of that wedge, in any order, as `stream` gives
            them: wedges that do not come count as zero.
        device : {None, "cpu", "cuda"}, optional
            Where to compute, as in `forward`: by default where the coefficients lie. Pairs are computed on the CPU.

        Returns
        -------
        ndarray
            Samples with the axes in the order in which `forward` takes them: float32 or float64, or complex. Of coefficients on
            a CUDA device, an array there.

        Raises
        ------
        ValueError
            For coefficients of another plan, or wedges that this one does not have; for another device, or pairs on one.
        ImportError, RuntimeError
            Without the extra ``cu13`` or ``cu12``, or without a CUDA device, where one is asked for.
        """
        if not isinstance(c, CurveletCoefficients):
            if on_device(None, device):
                raise ValueError("pairs of (j, l) and coefficients are not computed on a CUDA device; leave out device=, or "
                                 "hand in what forward returns")
            pairs = ((self._place(*key)[0], values) for key, values in c)
            y = self._fold(streaming.samples(self._tables, pairs, resolve(self.workers)))
            return np.moveaxis(y, range(-len(self.shape), 0), self.axes)
        if c.plan != self:
            raise ValueError(f"the coefficients are those of another plan, {c.plan!r}; this one is {self!r}")
        samples: Array = (remote if on_device(c.ravel(), device) else host).inverse(self, c.ravel())
        return samples

    adjoint = inverse

    def stream(self, x: ArrayLike) -> Iterator[tuple[tuple[int, int], Array]]:
        """Coefficients of samples wedge by wedge: pairs of (j, l) and an array, held one at a time.

        For volumes whose coefficients do not fit into memory: ``plan.inverse((key, work(a)) for key, a in plan.stream(x))``.

        Parameters
        ----------
        x : array_like
            Samples of the plan's shape, without a batch.
        """
        samples = self._samples(x)
        if samples.shape != self.shape:
            raise ValueError(f"x has shape {np.shape(x)}; a stream takes samples of shape {self.shape}, without a batch")
        return streaming.coefficients(self._tables, self._extend(samples), resolve(self.workers))

    def unravel(self, v: ArrayLike) -> CurveletCoefficients:
        """Coefficients whose ``ravel()`` is a given array; it is copied only where its dtype does not fit.

        Parameters
        ----------
        v : array_like, shape (..., size)
            Real in a real plan. On a CUDA device it stays there; it is copied, too, where its complex coefficients would lie
            where a device does not read complex numbers.

        Raises
        ------
        TypeError, ValueError
            For complex numbers in a real plan, or another length.
        """
        if resident(v):
            return CurveletCoefficients(self, remote.unraveled(self, v))
        given = checks.numbers(v, "v")
        arguments.check_size(given.shape[-1], self.size)
        return CurveletCoefficients(self, np.ascontiguousarray(given.astype(self._kind(given, "v"), copy=False)))

    def window(self, j: int, l: int = 0) -> Array:
        """Window of a wedge on the frequencies of the transformed array, in the order of ``numpy.fft.fftfreq``.

        Its squares, summed over all wedges, are one; for a real plan so are those of all wedges and of their opposites.
        """
        n, _ = self._place(j, l)
        return geometry.window(self._tables, n)

    def atom(self, j: int, l: int = 0, position: Sequence[float] | None = None) -> Array:
        """Samples that one coefficient of 1 stands for; all others are zero.

        Parameters
        ----------
        j, l : int
            Scale and wedge.
        position : sequence of float, optional
            Pixel coordinates near which it is to be, one per axis; by default the middle. `position` tells all that there are.

        Returns
        -------
        ndarray
            Of the plan's shape; real for a real plan, and then the even atom of a pair.
        """
        c = CurveletCoefficients(self, np.zeros(self.size, self.work_dtype))
        c[j, l][arguments.nearest(position, self.shape, self._extended, self.position(j, l))] = 1
        return self._last().inverse(c)

    def position(self, j: int, l: int = 0) -> tuple[Array, ...]:
        """Pixel coordinates of the coefficients of a wedge: an open grid, one array per axis that broadcasts to their shape.

        With ``boundary="reflect"`` those of mirror images lie beyond the image.
        """
        lengths = self.shapes[self._check_band(j, l)[0]][l]
        before = (0,) * len(self.shape) if self._continuation is None else self._continuation.before
        return np.ix_(*(np.arange(m) * n / m - b for m, n, b in zip(lengths, self._extended, before, strict=True)))

    def angle(self, j: int, l: int) -> Any:
        """Direction in which the atoms of a wedge oscillate: across the edges that they answer to.

        Returns
        -------
        float or ndarray
            In an image, radians from the columns' axis towards the rows' axis, from -pi/4 on; as `filters.structure_tensor`
            and `filters.gabor`. In a volume a unit vector along the axes.

        Raises
        ------
        ValueError
            For a scale that is not divided into wedges.
        """
        number, _ = self._place(j, l)
        if len(self.shapes[j]) == 1:
            raise ValueError(f"scale j={j} is not divided into wedges, so that it has no direction")
        return geometry.direction(self._tables, number)

    def frequency(self, j: int) -> Array:
        """Mean distance from zero of each wedge of a scale, weighted by energy: cycles per sample, shape (wedges,).

        Wedges in the corners lie up to sqrt(2) times as high as those along an axis.
        """
        first, _ = self._place(j, 0)
        outer = windows.half_widths(self._extended, self.scales, j)
        return np.array([geometry.frequency(self._tables, first + l, outer) for l in range(len(self.shapes[j]))])

    def noise_std(self, sigma: float = 1.0) -> tuple[Array, ...]:
        """Standard deviation of the coefficients of white noise, in closed form.

        Parameters
        ----------
        sigma : float
            Standard deviation of the samples; 0 or more.

        Returns
        -------
        tuple of ndarray
            For each scale one number per wedge: the root of the mean squared modulus. Near the outline it is less with
            ``boundary="reflect"``, where mirror images fade out.
        """
        level = number(sigma, "sigma", least=0)
        return tuple(level * scale for scale in geometry.norms(self._tables))

    def check(self) -> Check:
        """Measure how exact the transform of this plan is, on random samples."""
        return check(self)

    def as_linear_operator(self) -> Any:
        """The transform as a `scipy.sparse.linalg.LinearOperator` of shape (size, number of samples).

        It takes samples of the plan's shape, raveled, and gives ``ravel()`` of their coefficients: real in a real plan. ``.H``
        is the inverse. PyLops takes it by ``pylops.aslinearoperator``.
        """
        return linear_operator(self)

    def _kind(self, array: Array, name: str) -> np.dtype[Any]:
        """Dtype of the numbers in a buffer for samples or coefficients in `array`."""
        if self.real and array.dtype.kind == "c":
            raise TypeError(f"{name} is complex ({array.dtype}), but the plan is real; make one with real=False, or transform "
                            f"{name}.real and {name}.imag apart")
        if self.dtype is not None:
            return self.work_dtype
        kind = checks.arithmetic(array.dtype, np.dtype(np.float32), None).work
        return kind if self.real else np.result_type(kind, np.complex64)

    def _samples(self, x: ArrayLike) -> Array:
        """Samples with the transformed axes at the end, C-contiguous."""
        array = checks.numbers(x, "x")
        arguments.check_samples(array.shape, self.axes, self.shape)
        moved = np.moveaxis(array, self.axes, range(-len(self.shape), 0))
        return np.ascontiguousarray(moved.astype(self._kind(array, "x"), copy=False))

    def _extend(self, x: Array) -> Array:
        return x if self._continuation is None else self._continuation.extend(x)

    def _fold(self, y: Array) -> Array:
        return y if self._continuation is None else self._continuation.fold(y)

    def _check_band(self, j: Any, l: Any) -> tuple[int, int]:
        try:
            scale, index = operator.index(j), operator.index(l)
        except TypeError:
            raise TypeError(f"scale j={j!r} and wedge l={l!r} must be whole numbers") from None
        if not 0 <= scale < self.scales:
            raise IndexError(f"scale j={j!r} does not exist; the plan has scales 0 (coarse) to {self.scales - 1}")
        if not 0 <= index < len(self.shapes[scale]):
            raise IndexError(f"wedge l={l!r} does not exist; scale {scale} has 0 to {len(self.shapes[scale]) - 1}")
        return scale, index

    def _place(self, j: Any, l: Any) -> tuple[int, slice]:
        """Number of a band, and its place in the buffer."""
        return self._places[self._check_band(j, l)]


def _make(parameters: dict[str, Any]) -> Curvelets:
    return Curvelets(**parameters)
