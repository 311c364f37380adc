"""
Blur, sharpen, find edges
=========================

One photograph and three filters, each a small array of weights carried over it: a Gaussian averages and
blurs; the photograph plus what the blur took away is sharper; and the two derivatives of a Gaussian give, at
every pixel, how steep the edge is (brightness) and which way it faces (colour). All of them are separable,
one pass of 1-D taps along each axis.
"""

import io
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data
from matplotlib.colors import hsv_to_rgb
from PIL import Image

import convkit

photo = pywt.data.camera()[45:287, 135:377].astype(np.float32) / 255


def gaussian(sigma):
    """Taps of a Gaussian, cut at four sigma."""
    n = np.arange(-int(4 * sigma), int(4 * sigma) + 1)
    taps = np.exp(-(n**2) / (2 * sigma**2))
    return taps / taps.sum()


smooth = gaussian(1.4)
n = np.arange(smooth.size) - smooth.size // 2
slope = -n * smooth / np.sum(n**2 * smooth)  # the derivative of a Gaussian: 1 on a ramp of 1 per pixel

blurred = convkit.convolve_separable(photo, [gaussian(3)] * 2, boundary="reflect")
detail = photo - convkit.convolve_separable(photo, [gaussian(1.5)] * 2, boundary="reflect")
sharp = np.clip(photo + 2 * detail, 0, 1)
down = convkit.convolve_separable(photo, [slope, smooth], boundary="reflect")
across = convkit.convolve_separable(photo, [smooth, slope], boundary="reflect")
steepness = np.hypot(down, across)
brightness = np.clip(steepness / np.quantile(steepness, 0.985), 0, 1)
direction = np.arctan2(down, across) / (2 * np.pi) % 1
edges = hsv_to_rgb(np.stack([direction, np.full_like(direction, 0.75), brightness], axis=-1))

figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
panels = {"photograph": photo, "Gaussian low-pass": blurred, "sharpened": sharp, "edges and their directions": edges}
for ax, (title, picture) in zip(axes, panels.items(), strict=True):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="none")
    ax.set_title(title, fontsize=13)
    ax.set_axis_off()

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "first.png"
drawn = io.BytesIO()
figure.savefig(drawn, dpi=100)
Image.open(drawn).convert("RGB").quantize(256, kmeans=1).save(path, optimize=True)  # a palette: fewer bytes
print(f"saved {path}")
