"""Filters and edge detectors against scikit-image, scipy.ndimage and OpenCV, on 2048 squared and 256 cubed.

Run as ``python -m benchmarks.filters``. float32 unless said, boundary reflect (OpenCV's default too). Results are verified
against each other first, except where the peers' definitions differ: OpenCV's Canny works on an 8-bit image that its
GaussianBlur smoothed, so only the share of equal pixels with scikit-image's Canny is checked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import numpy as np

from benchmarks._suite import Job, Options, Row, run, versus
from convkit import edges, filters
from convkit.bench.rivals import Contender

SIZE, CUBE = 2048, 256
SIGMAS = (1.0, 2.0, 4.0)
ROWS = (
    Row("gaussian", "Gaussian, sigma 1, 2 and 4, 2048 squared", "OpenCV GaussianBlur", mean=1.5),
    Row("gaussian_skimage", "Gaussian, sigma 1, 2 and 4, 2048 squared", "scikit-image", mean=15.0),
    Row("sobel", "Sobel magnitude, 2048 squared", "OpenCV Sobel, Sobel, magnitude", mean=1.5),
    Row("sobel_skimage", "Sobel magnitude, 2048 squared", "scikit-image", mean=10.0),
    Row("canny", "Canny, sigma 1 and 2, 2048 squared", "OpenCV GaussianBlur and Canny, uint8", mean=1.0),
    Row("canny_skimage", "Canny, sigma 1 and 2, 2048 squared", "scikit-image", mean=15.0),
    Row("median", "median 5x5, uint8, 2048 squared", "scipy.ndimage", mean=20.0),
    Row("median_opencv", "median 5x5, uint8, 2048 squared", "OpenCV medianBlur"),
    Row("volume", "Gaussian, sigma 1 and 2, 256 cubed", "scipy.ndimage", mean=6.0),
)


def jobs(options: Options) -> Iterable[Job]:
    size, cube = (256, 32) if options.quick else (SIZE, CUBE)
    makers: list[tuple[tuple[str, ...], Callable[[int], Job]]] = [
        *((("gaussian", "gaussian_skimage"), lambda workers, s=s: gaussian(size, s, workers)) for s in SIGMAS),
        (("sobel", "sobel_skimage"), lambda workers: sobel(size, workers)),
        *((("canny", "canny_skimage"), lambda workers, s=s: canny(size, s, workers)) for s in SIGMAS[:2]),
        (("median", "median_opencv"), lambda workers: median(size, workers)),
        *((("volume",), lambda workers, s=s: volume(cube, s, workers)) for s in SIGMAS[:2]),
    ]
    for keys, make in makers:
        if options.wants(*keys):
            for workers in options.workers:
                yield make(workers)


def photograph(size: int) -> np.ndarray:
    """The camera man, tiled to ``size`` squared, in grey levels of uint8."""
    from skimage import data

    image = data.camera()
    times = -(-size // image.shape[0])
    return np.ascontiguousarray(np.tile(image, (times, times))[:size, :size])


def once(name: str, call: Callable[[], np.ndarray]) -> list[Contender]:
    return [Contender(name, call)]


def gaussian(size: int, sigma: float, workers: int) -> Job:
    def measure(budget: float) -> dict:
        import cv2
        from skimage.filters import gaussian as peer

        x = photograph(size).astype(np.float32) / np.float32(255)
        taps = filters.gaussian_taps(sigma).size
        rivals = {
            "opencv": once("cv2.GaussianBlur", lambda: cv2.GaussianBlur(x, (taps, taps), sigma)),
            "skimage": once("skimage.filters.gaussian", lambda: peer(x, sigma, mode="mirror")),
        }
        calls = {"convkit": lambda: filters.gaussian(x, sigma, workers=workers)}
        rows = {"gaussian": ("opencv",), "gaussian_skimage": ("skimage",)}
        return versus(None, calls, rivals, rows, workers, budget, eps=1e-5, growth=1.0)

    return Job({"what": f"gaussian {sigma:g}", "shape": (size, size)}, measure, workers)


def sobel(size: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        import cv2
        from skimage.filters import sobel as peer

        x = photograph(size).astype(np.float32) / np.float32(255)

        def three() -> np.ndarray:
            return cv2.magnitude(cv2.Sobel(x, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(x, cv2.CV_32F, 0, 1, scale=1 / 8))

        calls = {"convkit": lambda: edges.sobel(x, workers=workers)}
        found = versus(None, calls, {"opencv": once("cv2.Sobel twice, cv2.magnitude", three)}, {"sobel": ("opencv",)}, workers,
                       budget, eps=1e-5, growth=1.0)
        # scikit-image divides the magnitude by sqrt(2) and extends by the edge: its own scale, the same work.
        ours = {"convkit": lambda: edges.sobel(x, scale="skimage", boundary="symmetric", workers=workers)}
        other = versus(None, ours, {"skimage": once("skimage.filters.sobel", lambda: peer(x))}, {"sobel_skimage": ("skimage",)},
                       workers, budget, eps=1e-5, growth=1.0)
        return merged(found, other)

    return Job({"what": "sobel", "shape": (size, size)}, measure, workers)


def canny(size: int, sigma: float, workers: int) -> Job:
    def measure(budget: float) -> dict:
        import cv2
        from skimage.feature import canny as peer

        levels = photograph(size)
        x = levels.astype(np.float32)
        taps = filters.gaussian_taps(sigma).size
        # The peers' gradients are raw 3x3 Sobel sums, 8 times a slope in grey levels per pixel.
        low, high = 6.0, 12.0

        def two() -> np.ndarray:
            return cv2.Canny(cv2.GaussianBlur(levels, (taps, taps), sigma), 8 * low, 8 * high, L2gradient=True)

        calls = {"convkit": lambda: edges.canny(x, sigma, low, high, workers=workers)}
        beside = {"opencv": two, "skimage": lambda: peer(x, sigma, 8 * low, 8 * high, mode="mirror")}
        equal = float(np.mean(calls["convkit"]() == beside["skimage"]()))
        found = versus(None, calls, {}, {}, workers, budget, eps=1.0, growth=1.0, beside=beside)
        if equal < 0.99:
            return {**found, "wrong": f"only {equal:.3%} of the pixels are those of scikit-image"}
        times = found["times"]
        ours = times["convkit"]["median"]
        found["values"] = {"canny": times["opencv"]["median"] / ours, "canny_skimage": times["skimage"]["median"] / ours}
        return {**found, "equal": equal}

    return Job({"what": f"canny {sigma:g}", "shape": (size, size)}, measure, workers)


def median(size: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        import cv2
        from scipy import ndimage

        x = photograph(size)
        calls = {"convkit": lambda: filters.median(x, 5, boundary="edge", workers=workers)}
        rivals = {
            "scipy.ndimage": once("ndimage.median_filter", lambda: ndimage.median_filter(x, 5, mode="nearest")),
            "opencv": once("cv2.medianBlur", lambda: cv2.medianBlur(x, 5)),
        }
        rows = {"median": ("scipy.ndimage",), "median_opencv": ("opencv",)}
        return versus(None, calls, rivals, rows, workers, budget, eps=0.01, growth=1.0)

    return Job({"what": "median", "shape": (size, size), "dtype": "uint8"}, measure, workers)


def volume(size: int, sigma: float, workers: int) -> Job:
    def measure(budget: float) -> dict:
        from scipy import ndimage

        x = np.random.default_rng(0).random((size,) * 3, np.float32)
        calls = {"convkit": lambda: filters.gaussian(x, sigma, workers=workers)}
        rivals = {"scipy.ndimage": once("ndimage.gaussian_filter", lambda: ndimage.gaussian_filter(x, sigma, mode="mirror"))}
        return versus(None, calls, rivals, {"volume": ("scipy.ndimage",)}, workers, budget, eps=1e-5, growth=1.0)

    return Job({"what": f"gaussian {sigma:g}", "shape": (size,) * 3}, measure, workers)


def merged(one: dict, other: dict) -> dict:
    """Two contests of one cell; the times of ours are those of the first."""
    found = {**one, "times": {**other["times"], **one["times"]}, "variants": {**other["variants"], **one["variants"]},
             "values": {**one["values"], **other["values"]}}
    return {**found, **({"wrong": other["wrong"]} if other.get("wrong") else {})}


def main(arguments: list[str] | None = None) -> int:
    return run("filters", __doc__, ROWS, jobs, arguments, budget=2.0, needs=("opencv",))


if __name__ == "__main__":
    sys.exit(main())
