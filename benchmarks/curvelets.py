"""How fast the curvelet transform is: beside one complex FFT of the same size, the package ``curvelets``, and itself.

Run as ``python -m benchmarks.curvelets``. float64, plans made before but for the lines on plans. With two workers results
must equal those with one, bit for bit. The package ``curvelets`` is a transform of another design (uniform, three scales by
default); its pair of forward and inverse is timed with its own defaults on the same samples.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import numpy as np

from benchmarks._suite import Job, Options, Row, run, samples, versus
from convkit import Curvelets

ROWS = (
    Row("wavelet", "curvelets forward, undivided finest scale, 512 and 1024 squared", "one complex fft2", "multiple", each=3.5),
    Row("curvelet", "curvelets forward, all scales divided, 512 and 1024 squared", "one complex fft2", "multiple", each=5.5),
    Row("complex", "curvelets forward, complex samples, all scales divided, 512 squared", "one complex fft2", "multiple"),
    Row("pair_wavelet", "curvelets and back, undivided finest scale, 512 squared", "curvelets 1.2", "multiple", each=0.6),
    Row("pair_curvelet", "curvelets and back, all scales divided, 512 squared", "curvelets 1.2", "multiple", each=1.0),
    Row("plan_512", "plan of a curvelet transform, 512 squared", "the clock", "seconds", each=0.05),
    Row("plan_2048", "plan of a curvelet transform, 2048 squared", "the clock", "seconds", each=1.0),
    Row("forward_workers", "curvelets forward, 512 and 1024 squared", "one worker", each=1.6),
    Row("inverse_workers", "curvelets back, 512 and 1024 squared", "one worker", each=1.6),
    Row("volume", "curvelets forward, 128 cubed", "one complex fftn", "multiple"),
)
SIZES = (512, 1024)


def jobs(options: Options) -> Iterable[Job]:
    sizes = (64,) if options.quick else SIZES
    several = max(options.workers)
    for finest in ("wavelet", "curvelet"):
        if options.wants(finest):
            for workers in options.workers:
                for n in sizes:
                    yield forward((n, n), finest, workers)
        if options.wants(f"pair_{finest}"):
            for workers in options.workers:
                yield pair(sizes[0], finest, workers)
    if options.wants("complex"):
        for workers in options.workers:
            yield forward((sizes[0], sizes[0]), "curvelet", workers, key="complex")
    for n in (512, 2048):
        if options.wants(f"plan_{n}"):
            yield plan(64 if options.quick else n, f"plan_{n}")
    if options.wants("forward_workers", "inverse_workers") and several > 1:
        for finest in ("wavelet", "curvelet"):
            for n in sizes:
                yield scaling(n, finest, several)
    if options.wants("volume"):
        for workers in options.workers:
            yield forward((32,) * 3 if options.quick else (128,) * 3, "wavelet", workers, key="volume")


def multiples(ours: Callable[[], object], theirs: dict[str, Callable[[], object]], key: str, workers: int,
              budget: float) -> dict:
    """Times of a call and of what it is compared with, and its time over that of the fastest."""
    found = versus(None, {"convkit": ours}, {}, {}, workers, budget, eps=1.0, growth=1.0, beside=theirs)
    times = {name: timing["median"] for name, timing in found["times"].items()}
    found["values"] = {key: times["convkit"] / min(times[name] for name in theirs)}
    return found


def forward(shape: tuple[int, ...], finest: str, workers: int, key: str | None = None) -> Job:
    def measure(budget: float) -> dict:
        from scipy import fft

        whole = key == "complex"
        x = samples(shape, "float64")
        x = x + 1j * x[::-1] if whole else x
        transform = Curvelets(shape, finest=finest, real=not whole, workers=workers)
        other = x.astype(complex)
        return multiples(lambda: transform.forward(x).ravel(), {"scipy.fft": lambda: fft.fftn(other, workers=workers)},
                         key or finest, workers, budget)

    dtype = "complex128" if key == "complex" else "float64"
    return Job({"what": f"forward, {finest}", "shape": shape, "dtype": dtype}, measure, workers)


def pair(n: int, finest: str, workers: int) -> Job:
    def measure(budget: float) -> dict:
        from curvelets.numpy import UDCT

        x = samples((n, n), "float64")
        transform, peer = Curvelets((n, n), finest=finest, workers=workers), UDCT((n, n))
        return multiples(lambda: transform.inverse(transform.forward(x)), {"curvelets": lambda: peer.backward(peer.forward(x))},
                         f"pair_{finest}", workers, budget)

    return Job({"what": f"forward and inverse, {finest}", "shape": (n, n)}, measure, workers)


def plan(n: int, key: str) -> Job:
    def measure(budget: float) -> dict:
        from convkit.curvelets.tables import image_tables
        from convkit.curvelets.windows import default_scales

        def make() -> np.ndarray:
            tables = image_tables((n, n), default_scales((n, n)), 16, "curvelet", True)
            return tables.rows(0, 1, np.dtype(np.float64))[2][:1]

        found = versus(None, {"convkit": make}, {}, {}, 1, budget, eps=1.0, growth=1.0)
        found["values"] = {key: found["times"]["convkit"]["median"]}
        return found

    return Job({"what": "plan", "shape": (n, n)}, measure, 1)


def scaling(n: int, finest: str, workers: int) -> Job:
    def measure(budget: float) -> dict:
        x = samples((n, n), "float64")
        alone, several = (Curvelets((n, n), finest=finest, workers=k) for k in (1, workers))
        c = alone.forward(x)
        same = np.array_equal(several.forward(x).ravel(), c.ravel()) and np.array_equal(several.inverse(c), alone.inverse(c))
        values: dict[str, float] = {}
        times: dict[str, dict] = {}
        for key, one, two in (
            ("forward_workers", lambda: alone.forward(x).ravel(), lambda: several.forward(x).ravel()),
            ("inverse_workers", lambda: alone.inverse(c), lambda: several.inverse(c)),
        ):
            found = versus(None, {"convkit": two}, {}, {}, workers, budget / 2, eps=1.0, growth=1.0, beside={"one worker": one})
            values[key] = found["times"]["one worker"]["median"] / found["times"]["convkit"]["median"]
            times.update({f"{key}, {name}": timing for name, timing in found["times"].items()})
        result = {"agreement": 0.0, "times": times, "variants": {}, "values": values}
        return result if same else {**result, "wrong": "results differ from those with one worker"}

    return Job({"what": f"workers, {finest}", "shape": (n, n)}, measure, workers)


def main(arguments: list[str] | None = None) -> int:
    return run("curvelets", __doc__, ROWS, jobs, arguments, budget=4.0, needs=("curvelets",))


if __name__ == "__main__":
    sys.exit(main())
