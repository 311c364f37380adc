"""
A circle, between the pixels
============================

An edge detector that answers with pixels is off by up to half a pixel. But the slope around the edge is known at
several pixels, and a Gaussian through three of them has its peak within a few hundredths of a pixel of the true
edge. One thing must be put right: blur makes a round edge shrink by about s^2 / (2 R), here a sixth of a
pixel, which follows from the width s of the fitted Gaussian and from how the direction of the gradient turns.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import ive

from convkit.edges import canny

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"

radius, blur, centre = 9.4, 1.3, np.array([16.3, 15.8])
r = np.linspace(0, 40, 20001)  # a disk under a Gaussian: its slope along a ray is known exactly
slope = np.exp(-((r - radius) ** 2) / (2 * blur**2)) * ive(1, r * radius / blur**2)
level = 1 - np.cumsum(slope) / slope.sum()
y, x = np.indices((33, 33))
image = 200 * np.interp(np.hypot(y - centre[0], x - centre[1]), r, level)

sigma, low, high = 1.0, 4, 10
pixels = np.argwhere(canny(image, sigma, low, high))
points = canny(image, sigma, low, high, subpixel=True)
assert len(points) == len(pixels)


def misses(p):
    """How far outside the circle points lie, and at which angle."""
    away = p - centre
    return np.hypot(*away.T) - radius, np.rad2deg(np.arctan2(-away[:, 0], away[:, 1])) % 360


(by_pixel, where), (by_point, around) = misses(pixels), misses(points)
assert np.abs(by_pixel).max() > 0.3
assert np.abs(by_point).max() < 0.05
shrunk = (blur**2 + sigma**2 + 0.5) / (2 * radius)  # 0.5: what Sobel's weights blur

figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5.4), layout="constrained", width_ratios=(1, 1.25))
left.imshow(image, cmap="gray", interpolation="nearest", alpha=0.75)
turn = np.linspace(0, 2 * np.pi, 400)
left.plot(centre[1] + radius * np.cos(turn), centre[0] - radius * np.sin(turn), color="0.1", linewidth=1, label="true edge")
left.plot(pixels[:, 1], pixels[:, 0], "s", color=BLUE, markersize=7, alpha=0.55, label="edge pixels")
left.plot(points[:, 1], points[:, 0], "o", color=RED, markersize=5, label="sub-pixel points")
left.legend(loc="center", fontsize=12)
left.set(xlim=(3, 28), ylim=(29, 3), xticks=[], yticks=[], title=f"a disk of radius {radius:g} pixels")
left.spines[:].set_visible(False)

right.axhspan(-0.05, 0.05, color="0.9")
right.axhline(-shrunk, color="0.5", linestyle=":", linewidth=2)
right.text(365, -shrunk, f"where the\nslope is\nlargest:\n{-shrunk:.2f}", color="0.4", va="center")
right.plot(where, by_pixel, "s", color=BLUE, alpha=0.55, label=f"pixels: off by up to {np.abs(by_pixel).max():.2f}")
right.plot(around, by_point, "o", color=RED, markersize=5, label=f"points: off by up to {np.abs(by_point).max():.3f}")
right.set(xlabel="angle (degrees)", ylabel="outside the circle (pixels)", xticks=range(0, 361, 90), ylim=(-0.9, 0.9))
right.legend(frameon=False, loc="upper center", ncols=2)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_13_subpixel_circle.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
