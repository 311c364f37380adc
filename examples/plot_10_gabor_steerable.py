"""
Filters that look one way
=========================

A Gabor filter is a plane wave under a Gaussian. Its real part answers to lines, its imaginary part to edges, and the
magnitude of the two to stripes of its frequency and direction. Here it looks at rings that grow finer outwards: each
filter answers where the rings have its frequency, and only on the two sides that face its way.

A steerable filter, a derivative of a Gaussian, need not be made anew for every angle: along any angle it is a sum of a
few separable filters, so the image is filtered a few times, once and for all. Which angle answers most can then be asked
at every pixel: the picture in colour, where red is an angle of 0 and each colour a direction of the rings.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit
from convkit import filters

plt.rcParams.update({"font.size": 13})

y, x = np.mgrid[-100:101, -100:101]
radius, direction = np.hypot(y, x), np.arctan2(y, x)
rings = np.cos(np.pi * radius**2 / 900)  # radius / 900 cycles per pixel
degrees = [0, 45, 90, 135]

bank = np.abs(filters.gabor_bank(rings, [0.075], np.radians(degrees)))[0]
for angle, answer in zip(np.radians(degrees), bank, strict=True):
    peak = answer > 0.9 * answer.max()
    assert np.abs(radius[peak] - 67).max() < 20  # where the rings have 0.075 cycles per pixel
    assert (np.abs(np.cos(direction[peak] - angle)) > 0.9).all()  # on the two sides that face the filter

fine = np.radians(np.arange(0, 180, 3))
steered = filters.steerable(rings, fine, order=4, sigma=3.5)  # five separable filters make all sixty
weights = filters.steerable_weights(4, fine[7], sigma=3.5)
dense = convkit.convolve(rings, weights, boundary="reflect")
assert np.abs(steered[7] - dense).max() < 1e-9
strength = (steered**2).max(axis=0)
found = fine[(steered**2).argmax(axis=0)]
crest = (radius > 40) & (radius < 95) & (rings**2 > 0.9)
error = np.degrees(np.abs((found - direction + np.pi / 2) % np.pi - np.pi / 2))[crest]
assert np.median(error) < 1.5

figure = plt.figure(figsize=(12, 5.8), layout="constrained")
axes = figure.subplot_mosaic("abcde;fghij", width_ratios=(1.25, 1, 1, 1, 1))
extent = (-100, 100, 100, -100)
axes["a"].imshow(rings, cmap="gray", extent=extent)
axes["a"].set_title("rings")
for name, angle, answer in zip("bcde", degrees, bank, strict=True):
    axes[name].imshow(answer, cmap="gray", extent=extent, vmin=0)
    axes[name].set_title(f"Gabor, {angle}°")
    show = filters.gabor_weights(0.075, np.radians(angle)).real
    inset = axes[name].inset_axes((0.36, 0.36, 0.28, 0.28))
    inset.imshow(show, cmap="RdBu_r", vmin=-show.max(), vmax=show.max())
    inset.set(xticks=[], yticks=[])

bright = np.clip(strength / np.quantile(strength, 0.98), 0, 1) ** 0.5
axes["f"].imshow(plt.get_cmap("hsv")(found / np.pi)[..., :3] * bright[..., None], extent=extent)
axes["f"].set_title("steerable: angle found")
for name, angle in zip("ghij", degrees, strict=True):
    answer = steered[round(angle / 3)]
    axes[name].imshow(answer**2, cmap="gray", extent=extent, vmax=np.quantile(strength, 0.98))
    axes[name].set_title(f"squared, {angle}°")
    show = filters.steerable_weights(4, np.radians(angle), sigma=3.5)
    inset = axes[name].inset_axes((0.36, 0.36, 0.28, 0.28))
    inset.imshow(show, cmap="RdBu_r", vmin=-show.max(), vmax=show.max())
    inset.set(xticks=[], yticks=[])
for name in "abcdefghij":
    axes[name].set(xticks=[], yticks=[])

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_10_gabor_steerable.png"
figure.savefig(path, dpi=75)
print(f"saved {path}")
