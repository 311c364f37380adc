"""The noise in samples, and what wavelets make of it: the yardstick for curvelets, on PyWavelets."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks
from convkit._core.images import number, samples
from convkit._core.typing import Array, ArrayLike
from convkit.curvelets.arguments import LEAST
from convkit.padding import pad

# Samples that are added at each end, of the mirror image, before a transform that wraps.
HALO = 32
# Scales of the translation-invariant transform of images and of volumes, and the threshold in standard deviations.
SCALES, HARD = {2: 5, 3: 3}, 3.0
# Median of the modulus of normal noise of variance 1.
MEDIAN = 0.6745


class Noisy(NamedTuple):
    """Samples to denoise, in the dtype of the arithmetic, the standard deviation of the noise, and the dtype to return."""

    samples: Array
    sigma: float
    result: np.dtype[Any]


def noisy(x: ArrayLike, sigma: float | None) -> Noisy:
    """Check what is to be denoised, and how noisy it is; a level below rounding errors counts as 0."""
    given = samples(x, None, None, None)
    if given.array.dtype.kind == "c":
        raise TypeError(f"x is complex ({given.array.dtype}); real samples are denoised: give x.real and x.imag apart")
    shape = given.array.shape
    if len(shape) not in (2, 3):
        raise ValueError(f"x has {len(shape)} axes (shape {shape}); give an image, of 2 axes, or a volume, of 3; colours and "
                         "batches one by one")
    if min(shape) < LEAST:
        raise ValueError(f"x has shape {shape}; each side must have at least {LEAST} samples")
    array = given.array.astype(given.work, order="C")
    finite = np.isfinite(array)
    if not finite.all():
        place = np.argwhere(~finite)[0].tolist()
        raise ValueError(f"x{place} is {array[tuple(place)]}; all samples must be finite: replace those that are not")
    level = _level(array) if sigma is None else number(sigma, "sigma", least=0)
    least = float(np.finfo(given.work).eps) * float(np.abs(array).max())
    return Noisy(array, level if level > least else 0.0, given.result)


def _level(x: Array) -> float:
    import pywt

    # Those that see beyond the edge, where mirror images cancel, would make it less.
    inside = tuple(slice(1, n // 2) for n in x.shape)
    return float(np.median(np.abs(pywt.dwtn(x, "db2")["d" * x.ndim][inside]))) / MEDIAN


def noise_level(x: ArrayLike) -> float:
    """Standard deviation of the white noise in an image or a volume.

    The median modulus of the finest diagonal wavelet coefficients (db2) away from the edge, divided by that of normal noise of
    variance 1, 0.6745. Edges are in few of these coefficients; fine textures are in many, and count as noise.

    Parameters
    ----------
    x : array_like
        Real samples with 2 or 3 axes, each of 16 samples or more.

    Returns
    -------
    float
        In the unit of x; 0 where it is below rounding errors.

    Raises
    ------
    TypeError, ValueError
        For other shapes, complex or non-finite samples.

    References
    ----------
    .. [1] D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81(3), 425-455, 1994:
       the median absolute deviation at the finest scale, p. 446.

    Examples
    --------
    >>> import numpy as np
    >>> import convkit
    >>> x = np.linspace(0, 100, 256) + np.random.default_rng(0).normal(0, 7, (256, 256))
    >>> 6.8 < convkit.curvelets.noise_level(x) < 7.2
    True
    """
    return noisy(x, None).sigma


def wavelet_denoise(x: ArrayLike, sigma: float | None = None, *, wavelet: str = "sym8", method: str = "bayes") -> Array:
    """Take white noise out of an image or a volume by thresholds on its wavelet coefficients: what curvelets are measured by.

    Parameters
    ----------
    x : array_like
        Real samples with 2 or 3 axes, each of 16 samples or more. Integers of up to 16 bits are computed in float32.
    sigma : float, optional
        Standard deviation of the noise; by default as `noise_level` finds it.
    wavelet : str, default "sym8"
        An orthogonal wavelet of PyWavelets.
    method : {"bayes", "invariant"}
        ``bayes``: soft thresholds sigma^2 / sigma_x, one per band of the decimated transform, where sigma_x^2 is the mean
        square of the band less sigma^2 (BayesShrink), as `skimage.restoration.denoise_wavelet` has them.
        ``invariant``: a hard threshold of 3 sigma on the undecimated transform of 5 scales (3 in a volume), which treats all
        positions alike: slower, and better.

    Returns
    -------
    ndarray
        Of the shape of x; x itself, as floats, where the noise is 0.

    Raises
    ------
    TypeError, ValueError
        For complex or non-finite samples, a negative sigma, another word, a wavelet that is unknown, not orthogonal or, with
        ``bayes``, longer than a side of x.

    References
    ----------
    .. [1] S. G. Chang, B. Yu and M. Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE
       Transactions on Image Processing 9(9), 1532-1546, 2000.
    .. [2] R. R. Coifman and D. L. Donoho, "Translation-invariant de-noising", Wavelets and Statistics, 125-150, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> import convkit
    >>> clean = np.linspace(0, 100, 256) * np.ones((256, 1))
    >>> noise = np.random.default_rng(0).normal(0, 7, (256, 256))
    >>> y = convkit.wavelet_denoise(clean + noise, 7.0)
    >>> bool((y - clean).std() < 0.6 * noise.std())
    True
    """
    import pywt

    checks.word(method, "method", ("bayes", "invariant"))
    if wavelet not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(wavelet).orthogonal:
        raise ValueError(f"wavelet={wavelet!r} is not an orthogonal wavelet of PyWavelets; give one such as 'haar', 'db4', "
                         "'sym8' or 'coif3'")
    given = noisy(x, sigma)
    y = given.samples
    if given.sigma > 0:
        y = _bayes(y, given.sigma, wavelet) if method == "bayes" else _invariant(y, given.sigma, wavelet)
    return y.astype(given.result, order="C", copy=False)


def _bayes(x: Array, sigma: float, wavelet: str) -> Array:
    import pywt

    most = pywt.dwtn_max_level(x.shape, wavelet)
    if most == 0:
        raise ValueError(f"wavelet={wavelet!r} is too long for x of shape {x.shape}; give a shorter one, such as 'db2'")
    coarse, *scales = pywt.wavedecn(x, wavelet, level=max(most - 3, 1))
    for details in scales:
        for name, band in details.items():
            signal = math.sqrt(max(float(np.mean(np.square(band, dtype=np.float64))) - sigma**2, 0.0))
            details[name] = pywt.threshold(band, sigma**2 / signal, "soft") if signal > 0 else np.zeros_like(band)
    restored: Array = pywt.waverecn([coarse, *scales], wavelet)
    return restored[tuple(slice(0, n) for n in x.shape)]


def _invariant(x: Array, sigma: float, wavelet: str) -> Array:
    import pywt

    count = SCALES[x.ndim]
    padded = pad(x, [(HALO, HALO + -n % 2**count) for n in x.shape], boundary="reflect")
    coarse, *scales = pywt.swtn(padded, wavelet, count, norm=True, trim_approx=True)
    for step, details in enumerate(scales):
        limit = HARD * sigma * 2 ** (-x.ndim * (count - step) / 2)
        for band in details.values():
            band[np.abs(band) < limit] = 0
    restored: Array = pywt.iswtn([coarse, *scales], wavelet, norm=True)
    return restored[tuple(slice(HALO, HALO + n) for n in x.shape)]
