"""
A filter for vertical edges only
================================

Design a filter g with a small square for its support, such that f * g is significant only near the points where
the piecewise constant f has an almost vertical edge. Weights that sum to zero leave every constant alone; rows
that sum to zero leave horizontal edges alone. What remains is to prefer one direction sharply: across the edge
the third derivative of a Gaussian, along it a long Gaussian. An edge that is turned by 5 degrees keeps nearly
all of its answer, by 30 degrees an eighth, by 45 degrees a thirtieth.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit
from convkit import edges

plt.rcParams.update({"font.size": 12})
WIDTH, SIDE, FINE = 15, 176, 8
weights = edges.edge_filter(0, WIDTH)
assert abs(weights.sum()) < 1e-14

# A star, a disc and a tower, each pixel the mean over its square.
at = (np.arange(SIDE * FINE) + 0.5) / FINE
r, c = at[:, None], at[None, :]
star = np.hypot(r - 54, c - 54) < 30 + 15 * np.cos(7 * np.arctan2(r - 54, c - 54))
disc = np.hypot(r - 124, c - 62) < 34
tower = (np.abs(c - 134) < 24) & (r > 36) & (r < 150) | (np.abs(c - 134) < (r - 6) * 0.8) & (r > 6) & (r <= 36)
image = (0.25 + 0.6 * star + 0.45 * disc + 0.7 * tower).reshape(SIDE, FINE, SIDE, FINE).mean((1, 3))
answer = convkit.convolve(image, weights, boundary="reflect")
magnitude = edges.sobel(image)


def kept(turn):
    """Answer to a straight edge turned by some degrees."""
    t, line = np.deg2rad(turn), (np.arange(48 * 24) + 0.5) / 24 - 24
    plane = (line[None, :] * np.cos(t) + line[:, None] * np.sin(t) > 0).reshape(48, 24, 48, 24).mean((1, 3))
    return np.abs(convkit.convolve(plane, weights, mode="valid")).max()


turns = np.arange(0, 91, 2.5)
share = np.array([kept(t) for t in turns]) / kept(0)
assert share[turns == 5] > 0.95
assert share[turns == 30] < 0.15
assert share[turns == 45] < 0.05

figure, axes = plt.subplots(1, 4, figsize=(13, 4), width_ratios=(1, 1, 1, 1.15), layout="constrained")
axes[0].imshow(image, cmap="gray", vmin=0, vmax=1)
axes[0].set_title("piecewise constant")
axes[1].imshow(magnitude, cmap="gray_r", vmin=0, vmax=0.3)
axes[1].set_title("every edge: Sobel")
axes[2].imshow(np.abs(answer), cmap="gray_r", vmin=0, vmax=0.5)
axes[2].set_title("almost vertical edges only")
for ax in axes[:3]:
    ax.set_axis_off()
ax = axes[3]
ax.plot(turns, share, color="#0072B2", linewidth=2.5)
for turn in (5, 30, 45):
    value = share[turns == turn][0]
    ax.plot(turn, value, "o", color="#D55E00")
    ax.annotate(f"{turn}°: {value:.2f}", (turn, value), (8, 4), textcoords="offset points")
ax.set(xlabel="turn of the edge (degrees)", ylabel="share of the answer", xlim=(0, 90), ylim=(0, 1.1))
ax.spines[["top", "right"]].set_visible(False)
inset = ax.inset_axes((0.52, 0.42, 0.46, 0.55))
inset.imshow(weights, cmap="RdBu_r", vmin=-0.12, vmax=0.12)
inset.set(xlabel=f"the weights, {WIDTH} x {WIDTH}", xticks=[], yticks=[])

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_16_vertical_edges.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
