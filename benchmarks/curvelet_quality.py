"""What curvelets are good for, and where they lose: denoising, wavefronts, sparsity, approximation by few terms.

Run as ``python -m benchmarks.curvelet_quality``. Errors are root mean squares; a ratio of 1.122 is 1 dB, and a mean is one of
dB. Pictures (PyWavelets, scikit-image) get white noise of sigma 20, seeds 1, 2 and 3, and all methods are told its level and
see the same samples. Total variation is the best of the weights 0.75, 1, 1.25 and 1.5 sigma for each picture and seed,
non-local means the better of h = 0.6 and 0.8 sigma (patches of 5, distance 6, fast mode). An n-term cell keeps the n largest
coefficients, a complex one counted once; ``psnr_numbers`` is that of half as many, which counts it as two.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable

import numpy as np

from benchmarks._suite import Job, Options, Row, run, versus
from convkit import set_workers
from convkit.curvelets import Curvelets, curvelet_denoise, curvelet_nterm, wavelet_denoise

SIGMA, SEEDS = 20.0, (1, 2, 3)
GOALS, LOSSES = ("camera", "ascent", "aero", "brick"), ("coins", "page", "text", "grass")
WEIGHTS, HS = (0.75, 1.0, 1.25, 1.5), (0.6, 0.8)
TERMS = (250, 500, 1000, 2000, 4000)


def db(value: float) -> float:
    """Ratio of errors."""
    return float(10 ** (value / 20))


GOOD, BAD = (f"error of denoising {', '.join(names[:-1])} and {names[-1]}" for names in (GOALS, LOSSES))
PEERS = {"bayes": "BayesShrink (sym8)", "invariant": "translation-invariant wavelets (sym8, hard)",
         "tv": "total variation, best weight", "nlm": "non-local means"}
ROWS = (
    Row("bayes", GOOD, PEERS["bayes"], each=db(1.0)),
    Row("invariant", GOOD, PEERS["invariant"], each=db(0.4)),
    Row("tv", GOOD, PEERS["tv"], mean=db(0.4)),
    Row("nlm", GOOD, PEERS["nlm"], mean=db(-0.3)),
    *(Row(f"losses_{key}", BAD, against) for key, against in PEERS.items()),
    Row("seismogram", "error of denoising the seismogram, sigma a tenth", "its largest sample", "extra", each=1 / db(39.5)),
    Row("seismogram_invariant", "error of denoising the seismogram, sigma a tenth", PEERS["invariant"], each=db(3.0)),
    Row("growth", "coefficients with 99 % of a scale's energy, cartoon", "those two scales before", "regret", each=2.9),
    Row("growth_wavelets", "the same of wavelets (db4)", "those two scales before", "regret"),
    Row("cartoon", "error of n terms, cartoon, 250 to 4000", "wavelets (db4)"),
    Row("cartoon_refined", "error of n terms, cartoon, 8 steps of refinement", "wavelets (db4)"),
    Row("wavefronts", "error of n terms, 25 wavefronts at 0.25 cycles per pixel", "wavelets (db4)", each=1.0),
    Row("wavefronts_low", "error of n terms, 25 wavefronts at 0.08 cycles per pixel", "wavelets (db4)"),
    Row("time", "denoising an image of 512 squared", "the clock", "seconds", each=0.080),
    Row("time_tv", "denoising an image of 512 squared", "total variation (scikit-image)"),
    Row("time_nlm", "denoising an image of 512 squared", "non-local means (scikit-image)"),
)  # fmt: skip


def jobs(options: Options) -> Iterable[Job]:
    size, seeds = (128, SEEDS[:1]) if options.quick else (512, SEEDS)
    for names, prefix in ((GOALS, ""), (LOSSES, "losses_")):
        if options.wants(*(prefix + key for key in PEERS)):
            for name in names:
                yield denoised(name, prefix, size, seeds)
    if options.wants("seismogram", "seismogram_invariant"):
        yield seismic(size, seeds)
    if options.wants("growth", "growth_wavelets"):
        yield sparsity(2 * size)
    if options.wants("cartoon", "cartoon_refined"):
        for n in TERMS:
            yield terms("cartoon", n, size)
    for kind in ("wavefronts", "wavefronts_low"):
        if options.wants(kind):
            for n in TERMS[2:]:
                yield terms(kind, n, size)
    if options.wants("time", "time_tv", "time_nlm"):
        for workers in options.workers:
            yield timed(size, workers)


@functools.lru_cache
def picture(name: str, size: int) -> np.ndarray:
    """A grey picture, at most ``size`` squared."""
    import pywt.data
    from skimage import data

    found = getattr(pywt.data, name, None) or getattr(data, name)
    return np.asarray(found(), float)[:size, :size]


@functools.lru_cache
def seismogram(size: int) -> np.ndarray:
    """Six reflections, hyperbolas of Ricker pulses of 0.04 cycles per sample."""
    t, x = np.mgrid[:size, :size] * (512 / size)
    waves = ((60, 1.2, 1), (130, 1.6, -0.8), (200, 2.1, 0.7), (260, 2.4, -0.9), (340, 3.0, 0.6), (400, 3.4, -0.5))
    total = sum(a * ricker(t - np.hypot(t0, (x - 256) / v), 0.04) for t0, v, a in waves)
    return total / np.abs(total).max()


def ricker(t: np.ndarray, frequency: float) -> np.ndarray:
    u = (np.pi * frequency * t) ** 2
    return (1 - 2 * u) * np.exp(-u)


@functools.lru_cache
def cartoon(size: int) -> np.ndarray:
    """One within r = 0.28 + 0.06 cos 3 theta, and zero outside; means over 4 x 4 points, as without them it has stairs."""
    y, x = (np.mgrid[: 4 * size, : 4 * size] + 0.5) / (4 * size) - 0.5
    inside = np.hypot(x, y) < 0.28 + 0.06 * np.cos(3 * np.arctan2(y, x))
    return inside.reshape(size, 4, size, 4).mean(axis=(1, 3))


@functools.lru_cache
def wavefronts(size: int, frequency: float) -> np.ndarray:
    """25 parts of parabolas whose profile is a Ricker pulse; frequency in cycles per pixel."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    total = np.zeros((size, size))
    for _ in range(25):
        angle, radius, place, length = draw.uniform(0, 2 * np.pi), draw.uniform(1, 4) * size, draw.uniform(0, size, 2), size / 5
        along = np.cos(angle) * (y - place[0]) - np.sin(angle) * (x - place[1])
        across = np.sin(angle) * (y - place[0]) + np.cos(angle) * (x - place[1])
        total += draw.choice([-1, 1]) * ricker(across + along**2 / (2 * radius), frequency) * np.exp(-((along / length) ** 2))
    return total


def rms(y: np.ndarray, clean: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(y - clean))))


def psnr(error: float, peak: float) -> float:
    return float(20 * np.log10(peak / error))


def rivals(noisy: np.ndarray, sigma: float) -> dict[str, list[Callable[[], np.ndarray]]]:
    """Calls per method, of which the best counts."""
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    return {
        "curvelets": [lambda: curvelet_denoise(noisy, sigma)],
        "bayes": [lambda: wavelet_denoise(noisy, sigma)],
        "invariant": [lambda: wavelet_denoise(noisy, sigma, method="invariant")],
        "tv": [lambda w=w: denoise_tv_chambolle(noisy, w * sigma) for w in WEIGHTS],
        "nlm": [lambda h=h: denoise_nl_means(noisy, 5, 6, h * sigma, fast_mode=True, sigma=sigma) for h in HS],
    }


def errors(clean: np.ndarray, sigma: float, seeds: Iterable[int]) -> dict[str, float]:
    """Root mean squared error of each method, mean in dB over the seeds."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        noisy = clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)
        for name, calls in rivals(noisy, sigma).items():
            found.setdefault(name, []).append(min(rms(call(), clean) for call in calls))
    return {name: float(np.exp(np.mean(np.log(values)))) for name, values in found.items()}


def denoised(name: str, prefix: str, size: int, seeds: Iterable[int]) -> Job:
    def measure(budget: float) -> dict:
        found = errors(picture(name, size), SIGMA, seeds)
        ours = found["curvelets"]
        return {"shape": picture(name, size).shape,
                "values": {prefix + key: value / ours for key, value in found.items() if key != "curvelets"},
                "psnr": {key: psnr(value, 255) for key, value in found.items()}}

    return Job({"what": f"denoise {name}"}, measure)


def seismic(size: int, seeds: Iterable[int]) -> Job:
    def measure(budget: float) -> dict:
        found = errors(seismogram(size), 0.1, seeds)
        ours = found["curvelets"]
        return {"values": {"seismogram": ours, "seismogram_invariant": found["invariant"] / ours},
                "psnr": {key: psnr(value, 1) for key, value in found.items()}}

    return Job({"what": "denoise seismogram", "shape": (size, size)}, measure)


def sparsity(size: int) -> Job:
    """Growth per two scales, the largest that there is, the finest scale left out."""

    def count(bands: Iterable[np.ndarray]) -> int:
        energy = np.sort(np.concatenate([np.square(np.abs(band)).ravel() for band in bands]))[::-1]
        return 1 + int(np.searchsorted(np.cumsum(energy), 0.99 * energy.sum()))

    def measure(budget: float) -> dict:
        import pywt

        x = cartoon(size)
        c = Curvelets(x.shape).forward(x)
        ours = [count(c[j]) for j in range(1, c.plan.scales - 1)]
        theirs = [count(scale) for scale in pywt.wavedec2(x, "db4", "periodization", level=c.plan.scales - 1)[1:-1]]
        grown = {"growth": ours, "growth_wavelets": theirs}
        return {"values": {key: max(b / a for a, b in zip(counts, counts[2:], strict=False)) for key, counts in grown.items()},
                "counts": grown}

    return Job({"what": "sparsity, cartoon", "shape": (size, size)}, measure)


def terms(kind: str, n: int, size: int) -> Job:
    def wavelets(x: np.ndarray, name: str) -> np.ndarray:
        import pywt

        flat, places = pywt.coeffs_to_array(pywt.wavedec2(x, name, "periodization"))
        flat[np.abs(flat) < np.sort(np.abs(flat), axis=None)[-n]] = 0
        return pywt.waverec2(pywt.array_to_coeffs(flat, places, "wavedec2"), name, "periodization")

    def measure(budget: float) -> dict:
        x = cartoon(size) if kind == "cartoon" else wavefronts(size, 0.08 if kind == "wavefronts_low" else 0.25)
        found = {
            "curvelets": rms(curvelet_nterm(x, n), x),
            "refined": rms(curvelet_nterm(x, n, refine=8), x),
            **{name: rms(wavelets(x, name), x) for name in ("db4", "sym8")},
        }
        values = {kind: found["db4"] / found["curvelets"]}
        if kind == "cartoon":
            values["cartoon_refined"] = found["db4"] / found["refined"]
        peak = float(np.abs(x).max())
        return {"values": values, "psnr": {key: psnr(value, peak) for key, value in found.items()},
                "psnr_numbers": psnr(rms(curvelet_nterm(x, n // 2), x), peak)}

    return Job({"what": f"{n} terms, {kind.replace('_', ' ')}", "shape": (size, size)}, measure)


def timed(size: int, workers: int) -> Job:
    def measure(budget: float) -> dict:
        noisy = picture("camera", size) + np.random.default_rng(1).normal(0, SIGMA, (size, size))
        calls = rivals(noisy, SIGMA)
        beside = {key: calls[key][0] for key in PEERS}
        ours = {"convkit": calls["curvelets"][0]}
        with set_workers(workers):
            found = versus(None, ours, {}, {}, workers, budget, eps=1.0, growth=1.0, beside=beside)
        times = {name: timing["median"] for name, timing in found["times"].items()}
        seconds = times["convkit"]
        return {**found, "values": {"time": seconds, "time_tv": times["tv"] / seconds, "time_nlm": times["nlm"] / seconds}}

    return Job({"what": "denoise, time", "shape": (size, size)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("curvelet_quality", __doc__, ROWS, jobs, arguments, budget=4.0, needs=("skimage",))


if __name__ == "__main__":
    sys.exit(main())
