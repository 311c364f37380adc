"""
The edge detectors side by side
===============================

Sobel, Scharr, Prewitt, Roberts and Farid all take a difference along one axis and smooth along the other; they
differ in a few weights, and their magnitudes look alike. Zero crossings and Canny go on from there, to lines one
sample wide. The angle of a plane wave tells the operators apart: below is by how many degrees each misses it, with
waves of 8 samples. Scharr chose 3, 10, 3 to make that small; Farid and Simoncelli designed five taps of each kind.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data

from convkit import edges

plt.rcParams.update({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False})
OPERATORS = {"Sobel": (edges.sobel, "#0072B2", "-"), "Scharr": (edges.scharr, "#009E73", "-"),
             "Prewitt": (edges.prewitt, "#D55E00", "-"), "Roberts": (edges.roberts, "#56B4E9", "--"),
             "Farid": (edges.farid, "#CC79A7", "-")}

photo = pywt.data.camera()[60:220, 180:340].astype(np.uint8)
rows, columns = np.indices((40, 40))
turns = np.arange(0, 46, 3)
errors = {}
for name, (operator, _, _) in OPERATORS.items():
    errors[name] = []
    for turn in np.deg2rad(turns):
        wave = np.sin(2 * np.pi / 8 * (columns * np.cos(turn) + rows * np.sin(turn)))
        magnitude, direction = (a[4:-4, 4:-4] for a in operator(wave, return_direction=True))
        strong = magnitude > 0.5 * magnitude.max()
        # Where the wave falls, the gradient points the other way.
        miss = (direction[strong] - turn + np.pi / 2) % np.pi - np.pi / 2
        errors[name].append(np.rad2deg(np.abs(miss).max()))
worst = {name: max(found) for name, found in errors.items()}
assert worst["Scharr"] < 0.2
assert worst["Farid"] < 0.1
assert 0.6 < worst["Sobel"] < 0.8

figure = plt.figure(figsize=(14, 6.2), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1, 1.6))
panels = above.subplots(1, 8)
panels[0].imshow(photo, cmap="gray")
panels[0].set_title("photograph")
for ax, (name, (operator, _, _)) in zip(panels[1:6], OPERATORS.items(), strict=True):
    # uint8 in, float32 out: grey levels per pixel.
    ax.imshow(operator(photo), cmap="gray_r", vmin=0, vmax=60)
    ax.set_title(name)
panels[6].imshow(edges.zero_crossings(photo, 2.0, 1.0), cmap="gray_r")
panels[6].set_title("zero crossings")
panels[7].imshow(edges.canny(photo, 1.5), cmap="gray_r")
panels[7].set_title("Canny")
for ax in panels:
    ax.set_axis_off()

ax, bars = below.subplots(1, 2, width_ratios=(2, 1))
for name, (_, colour, line) in OPERATORS.items():
    ax.plot(turns, errors[name], line, color=colour, linewidth=2.4, label=name)
ax.set(xlabel="direction of a wave of 8 samples (degrees)", ylabel="error of the direction (degrees)", xlim=(0, 45),
       ylim=(0, 1.6))
ax.legend(frameon=False, loc="upper left")
names = list(worst)
bars.barh(names, [worst[n] for n in names], color=[OPERATORS[n][1] for n in names])
for i, name in enumerate(names):
    bars.text(worst[name] + 0.02, i, f"{worst[name]:.2f}", va="center")
bars.invert_yaxis()
bars.set(xlabel="largest error (degrees)", xlim=(0, 1.6))

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_15_detectors.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
