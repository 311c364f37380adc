"""
Noise taken away by wavelets and by curvelets
=============================================

A photograph with white noise of standard deviation 25, and what three methods make of it. Soft thresholds on wavelets
(BayesShrink) leave a part of the noise everywhere. An undecimated wavelet transform treats all positions alike and takes more
of it, but its elements are as wide as they are long: of lines it loses much. Curvelets are long and thin, and lose less. Below,
the error of each: grain is noise that stayed, lines are detail that was lost. No method is without both; the curvelets' own
trace is faint stripes beside strong edges.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data

import convkit

plt.rcParams.update({"font.size": 13, "image.interpolation": "nearest"})

sigma = 25.0
clean = pywt.data.ascent().astype(float)
noisy = clean + np.random.default_rng(0).normal(0, sigma, clean.shape)
found = convkit.curvelets.noise_level(noisy)
assert abs(found - sigma) < 1.5  # the level need not be known
results = {
    "wavelets": convkit.wavelet_denoise(noisy, sigma),
    "undecimated wavelets": convkit.wavelet_denoise(noisy, sigma, method="invariant"),
    "curvelets": convkit.curvelet_denoise(noisy, sigma),
}


def decibels(picture):
    """Peak signal-to-noise ratio."""
    return 10 * np.log10(255**2 / np.mean((picture - clean) ** 2))


reached = [decibels(picture) for picture in results.values()]
assert reached == sorted(reached)
assert reached[2] > decibels(noisy) + 8

part = np.s_[140:250, 70:180]
figure, axes = plt.subplots(2, 4, figsize=(13, 6.4), layout="constrained")
axes[0, 0].imshow(noisy[part], cmap="gray", vmin=0, vmax=180)
axes[0, 0].set_title(f"with noise\n{decibels(noisy):.1f} dB")
axes[1, 0].imshow(clean[part], cmap="gray", vmin=0, vmax=180)
axes[1, 0].set_title("without")
for (name, picture), (above, below) in zip(results.items(), axes.T[1:], strict=True):
    above.imshow(picture[part], cmap="gray", vmin=0, vmax=180)
    above.set_title(f"{name}\n{decibels(picture):.1f} dB")
    error = below.imshow((picture - clean)[part], cmap=plt.get_cmap("RdBu_r", 17), vmin=-40, vmax=40)
    below.set_title("its error")
for ax in axes.flat:
    ax.set_axis_off()
figure.colorbar(error, ax=axes, label="grey levels", shrink=0.45, anchor=(0, 0))

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_21_curvelet_denoise.png"
figure.savefig(path, dpi=70)
print(f"saved {path}")
