"""
Edges of a volume
=================

In a volume an edge is a surface, and the direction of the gradient is the surface's normal: a unit vector per
voxel. One sweep gives magnitude and direction along all three axes. To see that the normals are right, let light
fall on them: each ray from the front stops where the magnitude first exceeds a threshold, and its pixel is as
bright as the normal there faces the lamp. No surface was ever made.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import edges

plt.rcParams.update({"font.size": 12})
N = 96
z, y, x = (i - (N - 1) / 2 for i in np.indices((N, N, N), dtype=np.float32))


def solid(distance):
    """1 inside, 0 outside, a soft step between."""
    return np.clip(0.5 - distance / 3, 0, 1)


ring = solid(np.hypot(np.hypot(x * 0.94 + z * 0.34, y) - 30, z * 0.94 - x * 0.34) - 9)
ball = solid(np.sqrt(x**2 + y**2 + z**2) - 13)
volume = np.maximum(ring, 0.7 * ball)
volume += np.random.default_rng(0).normal(0, 0.01, volume.shape).astype(np.float32)

magnitude, normal = edges.scharr(volume, return_direction=True)
assert normal.shape == (3, N, N, N)
# On the ball the gradient points to its centre.
on_ball = (np.abs(np.sqrt(x**2 + y**2 + z**2) - 13) < 1) & (magnitude > 0.15)
inwards = -(normal[0] * z + normal[1] * y + normal[2] * x)[on_ball] / 13
assert np.median(inwards) > 0.98

surface = magnitude > 0.12
first = surface.argmax(0)
seen = surface.any(0)
rows, columns = np.indices(first.shape)
lamp = np.array([0.72, 0.5, 0.48])  # gradients point inwards, away from the viewer
facing = np.clip(np.tensordot(lamp, normal[:, first, rows, columns], 1), 0, 1)
shaded = np.where(seen, 0.12 + 0.88 * facing, 0)

figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
middle = N // 2
axes[0].imshow(volume[middle], cmap="gray", vmin=0, vmax=1)
axes[0].set_title("a plane of the volume")
axes[1].imshow(magnitude[middle], cmap="gray_r", vmin=0, vmax=0.35)
axes[1].set_title("magnitude of the gradient")
axes[2].imshow(volume[middle], cmap="gray", vmin=0, vmax=2)
strong = np.argwhere(magnitude[middle] > 0.2)[::9]
r, c = strong.T
axes[2].quiver(c, r, normal[2, middle, r, c], normal[1, middle, r, c], angles="xy", color="#D55E00", width=0.006, scale=16)
axes[2].set_title("its direction")
axes[3].imshow(shaded, cmap="gray", vmin=0, vmax=1)
axes[3].set_title("light on the normals")
for ax in axes:
    ax.set_axis_off()

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_17_volume_edges.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
