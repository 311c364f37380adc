"""
When to use which method
========================

The same convolution three ways: a sum over all weights (direct, k x k products a pixel), two passes for each
of the r terms of the weights (separable, 2 r k), and a product of spectra (FFT, hardly growing with k). A
Gaussian has r = 1, and the passes soon win; a disk has a high rank, and from some size on the FFT is the
fastest. The rings are what ``method="auto"`` takes. Times are of the machine that drew the picture; the
results are compared before they are timed.
"""

import sys
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pywt.data

import convkit

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
LOOKS = {"direct": ("#D55E00", "s"), "separable": ("#009E73", "^"), "fft": ("#0072B2", "o")}

photo = pywt.data.camera().astype(np.float32)
sizes = (3, 5, 9, 15, 25, 41, 65)


def gaussian(k):
    taps = np.exp(-np.linspace(-3, 3, k) ** 2 / 2)
    return np.outer(taps, taps) / taps.sum() ** 2


def disk(k):
    y, x = np.mgrid[:k, :k] - (k - 1) / 2
    inside = (x**2 + y**2 <= (k / 2 - 0.3) ** 2).astype(float)
    return inside / inside.sum()


figure, axes = plt.subplots(1, 2, figsize=(12, 6), sharey=True, layout="constrained")
for ax, shape in zip(axes, (gaussian, disk), strict=True):
    times = {method: {} for method in LOOKS}
    picked = {}
    for k in sizes:
        weights = shape(k)
        passes = 2 * k * convkit.separate(weights).rank
        # Where the passes would cost as much as the dense weights, convolve says so and does not run them.
        methods = [method for method in LOOKS if method != "separable" or passes < k * k]
        results = [convkit.convolve(photo, weights, method=method) for method in methods]
        for result in results[1:]:
            assert np.abs(result - results[0]).max() < 1e-4 * photo.max()
        for _ in range(4):  # by turns, so that a busy moment of the machine hits all methods alike
            for method in methods:
                begin = perf_counter()
                convkit.convolve(photo, weights, method=method)
                spent = perf_counter() - begin
                times[method][k] = min(times[method].get(k, spent), spent)
        picked[k] = times[convkit.choose_method(photo, weights).method][k]
    for method, (colour, marker) in LOOKS.items():
        milliseconds = [1e3 * spent for spent in times[method].values()]
        ax.loglog(list(times[method]), milliseconds, color=colour, marker=marker, label=method)
    milliseconds = [1e3 * spent for spent in picked.values()]
    ax.loglog(list(picked), milliseconds, "o", color="none", mec="0.2", markersize=15, label="picked by auto")
    ax.set(title=f"{shape.__name__.capitalize()} weights on 512 × 512 pixels, float32", xlabel="k, for k × k weights")
    ax.set_xticks(sizes, [str(k) for k in sizes])
    ax.minorticks_off()
    ax.grid(color="0.92")
axes[0].set_ylabel("time (ms)")
axes[0].yaxis.set_major_formatter("{x:g}")
axes[0].legend(frameon=False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_09_crossover.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
