"""
A 2-D filter in two passes
==========================

Weights that are an outer product, g[i, j] = a[i] b[j], need not be used as a table: filter every row with b,
then every column of the result with a. The picture is the same, and a pixel costs 15 + 15 multiplications in
place of 15 x 15. The low-pass [1/4, 1/2, 1/4] gives its 3 x 3 relative [1 2 1; 2 4 2; 1 2 1]/16 in this way.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data

import convkit

plt.rcParams.update({"font.size": 14})

low = np.array([1, 2, 1]) / 4
np.testing.assert_array_equal(np.outer(low, low), np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16)

photo = pywt.data.camera()[60:210, 170:320].astype(np.float64)
n = np.arange(-7, 8)
taps = np.exp(-(n**2) / (2 * 3.0**2))
taps /= taps.sum()
weights = np.outer(taps, taps)
assert convkit.separate(weights).rank == 1

rows = convkit.convolve_separable(photo, [None, taps], boundary="reflect")
both = convkit.convolve_separable(rows, [taps, None], boundary="reflect")
dense = convkit.convolve(photo, weights, boundary="reflect", method="direct")
difference = np.abs(both - dense).max()
assert difference < 1e-10

figure, axes = plt.subplots(2, 3, figsize=(12, 7), height_ratios=(2, 1), layout="constrained")
pictures = {"photograph": photo, "every row filtered": rows, "then every column": both}
for ax, (title, picture) in zip(axes[0], pictures.items(), strict=True):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.set_title(title)

row, column = taps[None, :], taps[:, None]
tables = {"15 × 15 weights": weights, "= 15 taps along the rows": row, "∗ 15 taps along the columns": column}
for ax, (title, table) in zip(axes[1], tables.items(), strict=True):
    height, width = table.shape
    ax.pcolormesh(np.arange(width + 1) - width / 2, np.arange(height + 1) - height / 2, table, cmap="cividis", vmin=0,
                  edgecolors="white", linewidth=0.6)
    ax.set(title=title, xlim=(-8, 8), ylim=(-8, 8), aspect="equal")
for ax in axes.flat:
    ax.set_axis_off()

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_04_separable.png"
figure.savefig(path, dpi=100)
print(f"two passes and one table differ by {difference:.0e} (of 255); saved {path}")
