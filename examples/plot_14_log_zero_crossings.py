"""
Zero crossings of the Laplacian
===============================

The second derivative of a smoothed edge is positive on its dark side, negative on its bright side and zero in
between. Marked where it changes sign, edges are closed curves, thin by themselves and found without any direction;
but noise has zero crossings everywhere, and only how steeply zero is crossed tells one from the other. A wider
Gaussian finds coarser things, and rounds their corners.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit
from convkit.edges.zero_crossings import zero_crossings
from convkit.filters import steerable_taps

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"

size = 150
y, x = np.mgrid[:size, :size]
image = np.full((size, size), 50.0)
image[30:120, 25:95] = 120
image[np.hypot(y - 75, x - 60) < 22] = 60
image[np.hypot(y - 70, x - 122) < 15] = 140
image[(y > 122) & (y < 140) & (x % 12 < 6)] = 110
noisy = image + np.random.default_rng(4).normal(0, 8, image.shape)

sigma, row = 2.0, 75
all_crossings = zero_crossings(noisy, sigma, slope=0)
steep = zero_crossings(noisy, sigma)
coarse = zero_crossings(noisy, 4.5, slope=0.12)
assert coarse.sum() < steep.sum() < all_crossings.sum() / 3
assert not (steep & ~all_crossings).any()

smooth, second = steerable_taps(sigma, 0), steerable_taps(sigma, 2)
laplacian = sum(convkit.convolve_separable(noisy, t, boundary="reflect") for t in ([second, smooth], [smooth, second]))
walls = np.array([24.5, 38, 82, 94.5])  # where the row crosses an edge
found = np.flatnonzero(steep[row, 15:100]) + 15
assert np.abs(found[:, None] - walls).min(axis=0).max() < 1.5

figure, axes = plt.subplot_mosaic([["image", "zero", "steep", "coarse"], ["row"] * 4], figsize=(13, 7.4), layout="constrained",
                                  height_ratios=(1.35, 1))
titles = {"image": (noisy, "the image, and a row of it"), "zero": (all_crossings, "every zero crossing"),
          "steep": (steep, f"the steep ones, sigma = {sigma:g}"), "coarse": (coarse, "sigma = 4.5")}
for name, (picture, title) in titles.items():
    axes[name].imshow(picture, cmap="gray", interpolation="nearest")
    axes[name].set(xticks=[], yticks=[], title=title)
axes["image"].axhline(row, color=RED, linewidth=1.5)

ax = axes["row"]
ax.axhline(0, color="0.7", linewidth=1)
ax.plot(noisy[row] - 85, color="0.75", label="the row (grey levels, shifted)")
ax.plot(8 * laplacian[row], color=BLUE, linewidth=2.2, label="8 times its Laplacian")
for wall in walls:
    ax.axvline(wall, color=RED, linestyle=":", linewidth=1.5)
ax.plot(found, 0 * found, "o", color=RED, markersize=8, label="where zero is crossed steeply")
ax.set(xlim=(5, 110), xlabel="column", ylim=(-75, 95))
ax.legend(frameon=False, ncols=3, loc="upper center")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_14_log_zero_crossings.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
