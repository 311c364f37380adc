"""
Zero padding and mirror padding
===============================

At the edge of an image a 3 x 3 filter reaches one pixel beyond it, and somebody must say what lies there.
Zeros are simplest, and darken the rim; the mirror image (``boundary="reflect"``, the edge itself not
repeated) continues the picture. Above: the four-by-four image [1..16] with a halo of one, and the 3 x 3
average at its corner. Below: a box of 21 x 21 on a photograph.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data
from matplotlib.patches import Rectangle

import convkit

plt.rcParams.update({"font.size": 13})
COLOURS = {"zero": "#D55E00", "reflect": "#0072B2"}
NAMES = {"zero": "zero padding", "reflect": "mirror padding"}

small = np.arange(1.0, 17).reshape(4, 4)
box = np.ones((3, 3)) / 9
corner = {b: convkit.convolve(small, box, boundary=b)[0, 0] for b in COLOURS}
np.testing.assert_allclose(corner["zero"], (1 + 2 + 5 + 6) / 9)
np.testing.assert_allclose(corner["reflect"], (6 + 5 + 6 + 2 + 1 + 2 + 6 + 5 + 6) / 9)

photo = pywt.data.camera()[30:230, 110:310].astype(np.float32)
blurred = {b: convkit.convolve(photo, np.ones((21, 21)) / 21**2, boundary=b) for b in COLOURS}
inner = (slice(10, -10),) * 2
np.testing.assert_allclose(blurred["zero"][inner], blurred["reflect"][inner], rtol=1e-4)  # the rest does not notice

figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained", height_ratios=(1, 1.15))
for ax, (boundary, colour) in zip(axes[0], COLOURS.items(), strict=False):
    padded = convkit.pad(small, 1, boundary=boundary)
    ax.imshow(np.pad(np.ones((4, 4)), 1), cmap="gray", vmin=-6, vmax=1)
    for (i, j), value in np.ndenumerate(padded):
        inside = 0 < i < 5 and 0 < j < 5
        ax.text(j, i, f"{value:.0f}", ha="center", va="center", color="black" if inside else colour,
                weight="normal" if inside else "bold")
    ax.add_patch(Rectangle((-0.48, -0.48), 2.98, 2.98, fill=False, edgecolor=colour, linewidth=3))
    ax.set_title(f"{NAMES[boundary]}\naverage at the corner: {corner[boundary]:.2f}")
    ax.set_axis_off()
for ax, (boundary, picture) in zip(axes[1], blurred.items(), strict=False):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.axhline(20, color=COLOURS[boundary], linewidth=2)
    ax.set(title=NAMES[boundary], xticks=[], yticks=[])
axes[0, 2].imshow(photo, cmap="gray", vmin=0, vmax=255)
axes[0, 2].set(title="photograph", xticks=[], yticks=[])
for boundary, picture in blurred.items():
    axes[1, 2].plot(picture[20], color=COLOURS[boundary], linewidth=2.2, label=NAMES[boundary])
axes[1, 2].set(title="along the line", xlabel="column (pixels)", ylabel="gray value", ylim=(0, 255))
axes[1, 2].legend(frameon=False, loc="lower center")
axes[1, 2].spines[["top", "right"]].set_visible(False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_06_padding.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
