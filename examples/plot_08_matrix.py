"""
Convolution is a matrix
=======================

A convolution is linear, so it is a matrix: every row holds the same weights, moved by one. It is a fully
connected layer in which nearly all weights are zero and the others are shared. Beyond the edge only the
corners differ: zeros leave them empty, the mirror folds the weights back, and periodic samples wrap them
around. For an image the matrix has a block for each pair of rows.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit

plt.rcParams.update({"font.size": 13})

weights = np.array([1, 4, 6, 4, 1]) / 16
square = np.outer([1, 2, 1], [1, 2, 1]) / 16
rng = np.random.default_rng(0)
signal, image = rng.normal(size=16), rng.normal(size=(8, 8))

lines = {b: convkit.convolution_matrix(weights, signal.shape, boundary=b) for b in ("zero", "reflect", "wrap")}
for boundary, matrix in lines.items():
    np.testing.assert_allclose(matrix @ signal, convkit.convolve(signal, weights, boundary=boundary), atol=1e-12)
blocks = convkit.convolution_matrix(square, image.shape)
np.testing.assert_allclose(blocks @ image.ravel(), convkit.convolve(image, square).ravel(), atol=1e-12)
free, stored, dense = square.size, blocks.nnz, np.prod(blocks.shape)
assert (free, stored, dense) == (9, 484, 4096)

figure, axes = plt.subplot_mosaic([[boundary, "image", "image"] for boundary in lines],
                                  figsize=(12, 7.6), layout="constrained")
titles = {"zero": "zeros", "reflect": "mirror", "wrap": "periodic"}
for boundary, matrix in lines.items():
    ax = axes[boundary]
    ax.imshow(np.where(matrix.toarray() == 0, np.nan, matrix.toarray()), cmap="cividis", vmin=0, vmax=0.5)
    ax.set(title=f"16 samples, 5 weights: {titles[boundary]}", xticks=[], yticks=[])
    ax.title.set_fontsize(12)
ax = axes["image"]
shown = ax.imshow(np.where(blocks.toarray() == 0, np.nan, blocks.toarray()), cmap="cividis", vmin=0, vmax=0.5)
for edge in np.arange(8, 64, 8) - 0.5:
    ax.axhline(edge, color="0.85", linewidth=0.8, zorder=0)
    ax.axvline(edge, color="0.85", linewidth=0.8, zorder=0)
ax.set(title=f"an 8 × 8 image, 3 × 3 weights: {stored} of {dense} entries are not zero", xlabel="input pixel",
       ylabel="output pixel", xticks=range(0, 64, 8), yticks=range(0, 64, 8))
figure.colorbar(shown, ax=ax, shrink=0.6, label="weight")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_08_matrix.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
