"""
A convolution is a dense layer with few weights
===============================================

Written as a matrix, a convolution layer is a dense layer, most of whose weights are zero and whose others repeat: every row
holds the same few numbers, one step further on. Left the matrix of a layer with two filters, for an image of 8 x 8 samples, a
colour for each of its 18 weights; in the middle two rows of it, as images: what one output sees. Right the price, for the first
layer of the tutorial net: 14,450,688 weights would be learnt in place of 450. Both compute the same numbers.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"
nn.manual_seed(5)

layer = nn.Conv2d(1, 2, 3)
matrix, bias = nn.conv_as_matrix(layer, (1, 8, 8))
x = np.random.default_rng(0).standard_normal((1, 8, 8), np.float32)
assert np.allclose(matrix @ x.ravel() + bias, layer(x[None]).data.ravel(), atol=1e-6)
dense = nn.Linear(64, 72)
dense.load_state_dict({"weight": matrix.toarray(), "bias": bias})
assert np.allclose(dense(x.reshape(1, 64)).data, layer(x[None]).data.reshape(1, 72), atol=1e-6)

first = nn.models.tutorial_net().conv1
big, _ = nn.conv_as_matrix(first, (3, 32, 32))
dense_weights, nonzero, learnt = big.shape[0] * big.shape[1], big.nnz, first.weight.numel()
assert (dense_weights, learnt) == (14_450_688, 450)
print(f"conv1 as a matrix: {big.shape[0]} x {big.shape[1]}, {nonzero:,} of {dense_weights:,} weights are not zero "
      f"({nonzero / dense_weights:.1%}), {learnt} are different")

figure = plt.figure(figsize=(15, 6), layout="constrained")
figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
left, middle, right = figure.subfigures(1, 3, width_ratios=(1.25, 0.7, 0.95))
limit = np.abs(layer.weight.data).max()
colours = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
panel = left.subplots()
shown = panel.imshow(np.ma.masked_equal(matrix.toarray(), 0), interpolation="nearest", **colours)
panel.axhline(35.5, color="0.5", linewidth=1)
panel.set(xlabel="sample of the input, 8 x 8", ylabel="output, two maps of 6 x 6",
          title=f"72 x 64 matrix, {matrix.nnz} entries, 18 different")
left.colorbar(shown, label="weight", shrink=0.8)

for panel, row in zip(middle.subplots(2, 1), (14, 36 + 21), strict=True):
    panel.imshow(matrix[[row]].toarray().reshape(8, 8), **colours)
    panel.set(title=f"row {row} as an image", ylabel="row", xticks=range(0, 8, 2), yticks=range(0, 8, 2))
panel.set_xlabel("column")

panel = right.subplots()
counts = (dense_weights, nonzero, learnt)
panel.bar(range(3), counts, color=["0.7", BLUE, RED], width=0.65)
for i, count in enumerate(counts):
    panel.text(i, 1.3 * count, f"{count:,}", ha="center")
panel.set_yscale("log")
panel.set(ylim=(100, 1e8), ylabel="weights", title="first layer of the tutorial net", xticks=range(3))
panel.set_xticklabels(["dense layer", "not zero in\nthe matrix", "learnt by the\nconvolution"])

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_32_dense.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
