"""
A volume, filtered in 3-D
=========================

A scan is a stack of images, and its neighbours in depth are as good as those in a row or a column. Filtering
each slice by itself (``axes=(1, 2)``: the depth is a batch) averages fewer samples than filtering the volume
with the same taps along all three axes, so more of the noise is left; and a cut through the depth shows the
slices as stripes. White noise is multiplied by the root of the sum of the squared weights, which the numbers
above the pictures confirm.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit

plt.rcParams.update({"font.size": 13})

size, noise = 96, 0.35
z, y, x = np.mgrid[:size, :size, :size] / (size / 2) - 1
phantom = np.zeros((size,) * 3, np.float32)
ellipsoids = [  # centre, radii, value
    (0, 0, 0, 0.85, 0.7, 0.8, 0.4),
    (0.15, -0.25, 0.3, 0.3, 0.25, 0.2, 0.35),
    (-0.2, 0.2, -0.35, 0.25, 0.3, 0.2, -0.3),
    (0.3, 0.3, 0.05, 0.12, 0.2, 0.3, 0.5),
    (-0.4, -0.2, 0.1, 0.15, 0.15, 0.15, 0.6),
]
for cz, cy, cx, rz, ry, rx, value in ellipsoids:
    phantom += np.float32(value) * (((z - cz) / rz) ** 2 + ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1)
noisy = phantom + np.random.default_rng(3).normal(0, noise, phantom.shape).astype(np.float32)

n = np.arange(-4, 5)
taps = np.exp(-(n**2) / (2 * 1.3**2))
taps /= taps.sum()
slices = convkit.convolve_separable(noisy, [taps, taps], axes=(1, 2), boundary="reflect")
volume = convkit.convolve_separable(noisy, [taps, taps, taps], boundary="reflect")
one = convkit.convolve_separable(noisy[40], [taps, taps], boundary="reflect")
depth = convkit.convolve_separable(slices, [taps, None, None], boundary="reflect")
np.testing.assert_allclose(slices[40], one, atol=1e-6)  # the depth was a batch
np.testing.assert_allclose(volume, depth, atol=1e-5)  # a pass along the depth makes the rest of the volume's filter

volumes = {"noisy": noisy, "slices": slices, "volume": volume}
middle = (slice(4, -4),) * 3  # nothing beyond an edge takes part
empty = (z**2 + y**2 + x**2 > 1.2)[middle]
left = {name: np.std(v[middle][empty]) for name, v in volumes.items()}
gain = np.sqrt((taps**2).sum())  # of one pass
np.testing.assert_allclose([left["slices"], left["volume"]], [noise * gain**2, noise * gain**3], rtol=0.05)

figure, axes = plt.subplots(2, 3, figsize=(10, 6.6), layout="constrained")
names = {"noisy": "as measured", "slices": "slice by slice (2-D)", "volume": "as a volume (3-D)"}
for column, (name, v) in zip(axes.T, volumes.items(), strict=True):
    column[0].set_title(f"{names[name]}\nnoise {left[name]:.3f}")
    for ax, cut in zip(column, (v[34], v[:, 58]), strict=True):
        shown = ax.imshow(cut, cmap="cividis", vmin=-0.3, vmax=1.2)
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("one slice")
axes[1, 0].set_ylabel("a cut through the depth")
figure.colorbar(shown, ax=axes, shrink=0.6, label="value")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_07_volume.png"
figure.savefig(path, dpi=120)
print(f"saved {path}")
