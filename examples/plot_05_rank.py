"""
The rank of a kernel
====================

Any 2-D weights are a sum of outer products, and the rank is the number of terms that it takes; each term is
one pass along the rows and one along the columns. Many kernels in use have rank 1 or 2. A disk of 21 x 21 has
rank 7: its seven terms cost 294 multiplications a pixel, the table 441, and fewer terms do if the error is
allowed, which ``separate`` tells. A line across the grid has the full rank, and nothing is to be gained.
(Brown is positive, purple negative.)
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit

plt.rcParams.update({"font.size": 13})

y, x = np.mgrid[-10:11, -10:11].astype(float)
r2 = x**2 + y**2
gauss = np.exp(-r2 / (2 * 3.5**2))
kernels = {
    "Gaussian": gauss,
    "its slope": -x * gauss,
    "its Laplacian": (r2 / 3.5**2 - 2) * gauss,
    "Gabor": gauss * np.cos(0.9 * (x * np.cos(np.pi / 6) + y * np.sin(np.pi / 6))),
    "disk": (r2 <= 10.5**2).astype(float),
    "a line": np.eye(21),
}
ranks = {name: convkit.separate(weights).rank for name, weights in kernels.items()}
assert list(ranks.values()) == [1, 1, 2, 2, 7, 21]

disk = kernels["disk"]
near = {terms: convkit.separate(disk, max_rank=terms) for terms in range(1, 8)}
singular = np.linalg.svd(disk, compute_uv=False)
for terms, approximation in near.items():
    best = np.sqrt((singular[terms:] ** 2).sum() / (singular**2).sum())
    assert abs(approximation.error - best) < 1e-12  # Eckart and Young: no other sum of as many terms comes closer

figure = plt.figure(figsize=(12, 6.4), layout="constrained")
above, below = figure.subfigures(2, 1)
for ax, (name, weights) in zip(above.subplots(1, 6), kernels.items(), strict=True):
    top = np.abs(weights).max()
    ax.imshow(weights, cmap="PuOr_r", vmin=-top, vmax=top)
    ax.set(title=f"{name}\nrank {ranks[name]}", xticks=[], yticks=[])
*pictures, ax = below.subplots(1, 5, width_ratios=(1, 1, 1, 1, 1.6))
for picture, terms in zip(pictures, (1, 2, 3, 5), strict=True):
    picture.imshow(near[terms].to_dense(), cmap="PuOr_r", vmin=-1, vmax=1)
    picture.set(title=f"disk from\n{terms} term{'s' * (terms > 1)}", xticks=[], yticks=[])
percent = [100 * approximation.error for approximation in near.values()]
ax.plot(list(near), percent, "o-", color="#0072B2", markersize=8)
ax.set(title="what is missing of the disk", xlabel="terms", ylabel="relative error (%)", xticks=list(near))
ax.spines[["top", "right"]].set_visible(False)
ax.grid(axis="y", color="0.9")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_05_rank.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
