"""
Which way the lines run
=======================

A bank of wedge-shaped filters, those of curvelets, splits an image into scales and directions: one full-size response
for each. At every pixel the energies of all responses have a mean direction, and the more they agree, the greater its
strength. Directions must be doubled before they are averaged: a line turned by half a turn is the same line.

The colour is the way lines run, as on the disk: grey where no direction prevails, full colour where all energy has
one. The enlarged part has a stroke at every sixth pixel, drawn along the lines, as long as their direction is strong.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt

import convkit
from convkit import filters

plt.rcParams.update({"font.size": 13})

image = pywt.data.ascent().astype(float)
found = convkit.orientation_map(image, scales=4)  # what is longer than about ten pixels is left out
turned = convkit.orientation_map(np.rot90(image), scales=4)
assert np.abs(np.rot90(turned.strength, -1) - found.strength).max() < 1e-9  # the image's, not that of the grid


def differs(a, b):
    """Angle between lines in degrees."""
    return np.degrees(np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2))


tensor = filters.structure_tensor(image, 3)
slope = tensor.eigenvalues()[0] * tensor.coherence() ** 2
strong = slope > np.quantile(slope, 0.9)
assert np.median(differs(found.angle, tensor.orientation())[strong]) < 3


def colours(lines, strength):
    """Hue tells the direction of lines, which comes back after half a turn; grey fades in where it is weak."""
    hue = plt.get_cmap("twilight")((lines / np.pi) % 1)[..., :3]
    share = strength[..., None]
    return hue * share + 0.55 * (1 - share)


figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.8), layout="constrained")
left.imshow(image, cmap="gray")
left.set_title("image")
middle.imshow(colours(found.angle + np.pi / 2, found.strength))
middle.set_title("the way lines run")

y, x = np.mgrid[-1:1:201j, -1:1:201j]
radius = np.hypot(y, x)
disk = np.dstack([colours(np.arctan2(y, x), np.minimum(radius, 1)), np.clip((1 - radius) * 100, 0, 1)])
legend = middle.inset_axes((0.01, 0.01, 0.33, 0.33))
legend.add_patch(plt.Circle((100, 100), 106, color="white", zorder=0))
legend.imshow(disk, zorder=1)
legend.set(xlim=(-8, 208), ylim=(208, -8))
legend.axis("off")

top, side, size, step = 262, 130, 120, 6
rows, columns = np.mgrid[top + 3 : top + size : step, side + 3 : side + size : step]
lines, strength = found.angle[rows, columns] + np.pi / 2, found.strength[rows, columns]
right.imshow(image, cmap="gray", vmin=-60, vmax=315)
right.quiver(columns, rows, strength * np.cos(lines), strength * np.sin(lines), angles="xy", scale_units="xy", scale=1 / step,
             pivot="middle", headaxislength=0, headlength=0, headwidth=1, width=0.006, color="#D55E00")
right.set(xlim=(side - 0.5, side + size - 0.5), ylim=(top + size - 0.5, top - 0.5), title="along the lines, in the frame")
left.add_patch(plt.Rectangle((side, top), size, size, fill=False, edgecolor="#D55E00", linewidth=2.5))
for axes in (left, middle, right):
    axes.set(xticks=[], yticks=[])

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_23_orientation.png"
figure.savefig(path, dpi=70)
print(f"saved {path}")
