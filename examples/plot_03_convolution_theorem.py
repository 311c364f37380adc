"""
The convolution theorem
=======================

The Fourier transform of a convolution is the product of the Fourier transforms. A heartbeat averaged over 32
samples (top row) has the spectrum of the heartbeat times that of the box (bottom row): the zeros of the box,
at every multiple of 1/32 cycle per sample, are cut into it. With the discrete transform both must be padded
to the length of the full result, n + k - 1; without padding the product belongs to the signal continued
periodically, ``boundary="wrap"``. This is how ``method="fft"`` works.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data

import convkit

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
COLOURS = ("0.35", "#D55E00", "#0072B2")

heart = pywt.data.ecg()[:512].astype(float)
heart -= heart[0]
box = np.ones(32) / 32
smooth = convkit.convolve(heart, box, mode="full", method="direct")

length = heart.size + box.size - 1
spectra = [np.fft.rfft(x, length) for x in (heart, box, smooth)]
product = spectra[0] * spectra[1]
error = np.abs(spectra[2] - product).max() / np.abs(product).max()
assert error < 1e-13

unpadded = np.fft.irfft(np.fft.rfft(heart) * np.fft.rfft(box, heart.size), heart.size)
circular = convkit.convolve(heart, box, boundary="wrap", method="direct")
np.testing.assert_allclose(np.roll(unpadded, -((box.size - 1) // 2)), circular, atol=1e-9)

figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
titles = ("heartbeat  $f$", "box of 32 weights  $g$", "convolution  $f * g$")
for ax, x, colour, title in zip(axes[0], (heart, box, smooth), COLOURS, titles, strict=True):
    ax.plot(np.pad(x, (1, 1)) if x is box else x, color=colour, drawstyle="steps-post" if x is box else "default")
    ax.set(title=title, xlabel="sample", xlim=(-15, length + 15))
axes[0, 0].set_ylabel("value")
axes[0, 2].set_ylim(axes[0, 0].get_ylim())

frequency = np.fft.rfftfreq(length)
titles = ("$|F|$", "$|G|$", "$|F\\,G|$, and the transform of $f * g$")
for ax, spectrum, colour, title in zip(axes[1], (*spectra[:2], product), COLOURS, titles, strict=True):
    ax.semilogy(frequency, np.abs(spectrum), color=colour, linewidth=1.2)
    ax.set(title=title, xlabel="frequency (cycles per sample)", xlim=(0, 0.25))
axes[1, 2].semilogy(frequency[::2], np.abs(spectra[2][::2]), "o", color="black", markersize=3.5, markerfacecolor="none")
axes[1, 2].text(0.24, 1e4, f"largest difference\n{error:.0e} of the peak", ha="right")
axes[1, 0].set(ylabel="modulus", ylim=(1e-1, 1e5))
axes[1, 1].set_ylim(1e-3, 2)
axes[1, 2].set_ylim(1e-1, 1e5)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_03_convolution_theorem.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
