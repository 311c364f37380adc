"""
Canny, step by step
===================

Smooth, so that noise makes no edges; differentiate, for how steep the image is and in which direction; keep a
pixel only where no neighbour across the edge is steeper, so that edges become one pixel wide; and follow what is
left with two thresholds: above the high one a pixel is an edge, above the low one it is an edge if it hangs
together with such a pixel. One threshold alone would either break the faint outlines or keep the noise.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit
from convkit.edges import canny, hysteresis

plt.rcParams.update({"font.size": 13})

size, noise, sigma, low, high = 160, 9.0, 1.5, 3.0, 8.0
y, x = np.mgrid[:size, :size]
image = np.full((size, size), 60.0)
image[np.hypot(y - 62, x - 60) < 38] = 150
image += 55 * np.clip((x - 20) / 120, 0, 1) * (np.abs(y - 118) < 22)  # fades out to the left
image[(np.abs(x - 122) + np.abs(y - 52)) < 24] = 20
noisy = image + np.random.default_rng(5).normal(0, noise, image.shape)

n = np.arange(-6, 7)
taps = np.exp(-(n**2) / (2 * sigma**2))
smooth = convkit.convolve_separable(noisy, [taps / taps.sum()] * 2, boundary="reflect")
average, difference = np.array([1, 2, 1]) / 4, np.array([1, 0, -1]) / 2
slopes = [convkit.convolve_separable(smooth, t, boundary="reflect")
          for t in ([difference, average], [average, difference])]
steepness = np.hypot(*slopes)
direction = np.arctan2(slopes[0], slopes[1])

thin = canny(None, gradient=slopes, low=0, high=0)  # no threshold: all maxima
candidates = np.where(thin & (steepness >= low), np.where(steepness >= high, 2, 1), 0)
edges = canny(noisy, sigma, low, high)
followed = hysteresis(np.where(thin, steepness, 0), low, high)
assert np.count_nonzero(followed != edges) <= 20  # the last step alone does the same
one_low, one_high = (canny(noisy, sigma, t, t) for t in (low, high))
assert one_high.sum() < edges.sum() < one_low.sum()
assert (edges | one_high).sum() == edges.sum()

figure, axes = plt.subplots(2, 3, figsize=(12, 8.3), layout="constrained")
panels = (
    (noisy, "1  the image, with noise", {"cmap": "gray"}),
    (smooth, f"2  smoothed, sigma = {sigma:g} pixels", {"cmap": "gray"}),
    (steepness, "3  how steep it is", {"cmap": "magma"}),
    (np.where(steepness > low, direction, np.nan), "4  and in which direction", {"cmap": "twilight", "clim": (-np.pi, np.pi)}),
    (candidates, "5  maxima: above the low threshold,\nand above the high one (bright)", {"cmap": "inferno"}),
    (edges, "6  followed from the bright ones", {"cmap": "gray"}),
)
for ax, (picture, title, look) in zip(axes.flat, panels, strict=True):
    ax.imshow(picture, interpolation="nearest", **look)
    ax.set_title(title)
    ax.set(xticks=[], yticks=[])

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_12_canny_steps.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
