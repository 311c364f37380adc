"""
Pictures from few curvelets
===========================

What the 400 largest coefficients alone show: of a shape with a smooth outline, and of wavefronts. The coefficients of a
redundant transform are not the best ones for those that are kept; a few steps of conjugate gradients fit them. Of wavefronts
curvelets then need a quarter of the terms that wavelets need. Of shapes, theory has the squared error of curvelets fall nearly
with the square of the number of terms, and that of wavelets with the number itself; but in a picture of this size wavelets do
as well: there are seven times as many curvelets as samples, and the outline is not much longer than they are.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt

import convkit

plt.rcParams.update({"font.size": 13})

size = 256
y, x = (np.mgrid[: 4 * size, : 4 * size] + 0.5) / (4 * size) - 0.5
inside = np.hypot(x, y) < 0.28 + 0.06 * np.cos(3 * np.arctan2(y, x))
shape = inside.reshape(size, 4, size, 4).mean(axis=(1, 3))  # no stairs: means over 4 x 4 points
rows, columns = np.mgrid[:size, :size]
waves = np.zeros((size, size))
for t0, v, a in ((40, 1.2, 1.0), (80, 1.6, -0.8), (120, 2.1, 0.7), (165, 2.4, -0.9), (210, 3.0, 0.6)):
    u = (np.pi * 0.15 * (rows - np.hypot(t0, (columns - 128) / v))) ** 2
    waves += a * (1 - 2 * u) * np.exp(-u)


def wavelets(picture, n):
    """The n largest coefficients of db4."""
    flat, places = pywt.coeffs_to_array(pywt.wavedec2(picture, "db4", "periodization", level=5))
    flat[np.abs(flat) < np.sort(np.abs(flat), axis=None)[-n]] = 0
    return pywt.waverec2(pywt.array_to_coeffs(flat, places, "wavedec2"), "db4", "periodization")


methods = {
    "wavelets (db4)": (wavelets, "#999999", "s--"),
    "curvelets": (convkit.curvelet_nterm, "#E69F00", "o-"),
    "curvelets, refined": (lambda picture, n: convkit.curvelet_nterm(picture, n, refine=6), "#0072B2", "o-"),
}
counts = [100, 200, 400, 800, 1600]
figure, axes = plt.subplots(2, 4, figsize=(14, 7), layout="constrained", width_ratios=[1, 1, 1, 1.25])
errors = {}
for line, (kind, picture) in zip(axes, {"shape": shape, "wavefronts": waves}.items(), strict=True):
    limits = {"vmin": picture.min(), "vmax": picture.max(), "cmap": "gray"}
    line[0].imshow(picture, **limits)
    line[0].set_title(kind)
    for name, (call, colour, style) in methods.items():
        errors[kind, name] = [np.sqrt(np.mean((call(picture, n) - picture) ** 2)) for n in counts]
        line[3].loglog(counts, errors[kind, name], style, color=colour, label=name)
    line[1].imshow(wavelets(picture, 400), **limits)
    line[1].set_title("400 wavelets")
    line[2].imshow(methods["curvelets, refined"][0](picture, 400), **limits)
    line[2].set_title("400 curvelets, refined")
    line[3].set(xlabel="terms", ylabel="root mean squared error", xticks=counts, xticklabels=counts)
    line[3].set_yticks([0.02, 0.05, 0.1], ["0.02", "0.05", "0.1"])
    line[3].minorticks_off()
    for ax in line[:3]:
        ax.set_axis_off()
axes[0, 3].legend(fontsize=11)

assert errors["wavefronts", "curvelets, refined"][2] < 1.2 * errors["wavefronts", "wavelets (db4)"][4]
assert errors["wavefronts", "curvelets"][2] < 0.9 * errors["wavefronts", "wavelets (db4)"][2]
assert errors["shape", "curvelets"][4] > errors["shape", "wavelets (db4)"][4]

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_22_nterm.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
