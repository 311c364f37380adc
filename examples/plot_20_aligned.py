"""
On the edge and along it
========================

Which coefficients does an edge need? A disc is looked at by the curvelets of one scale. One that lies on the outline and
goes along it has a large coefficient. One that crosses the outline sees as much light under its positive as under its
negative waves, and one that is off it sees a constant: both coefficients are near zero. So of each direction only those
are significant that touch the outline where it goes that way, in the middle two short arcs. On the right every
coefficient of the scale has its place by its distance from the outline and its turn against it: those that matter are
all in one spot, on the edge and aligned with it.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

import convkit

plt.rcParams.update({"font.size": 12})
N, FINE, RADIUS, SCALE, WEDGE = 512, 4, 170, 4, 12
at = (np.arange(N * FINE) + 0.5) / FINE - N / 2
disc = (np.hypot(at[:, None], at) < RADIUS).reshape(N, FINE, N, FINE).mean((1, 3))  # each pixel the mean over its square

plan = convkit.Curvelets((N, N))
c = plan.forward(disc)
found = []  # modulus, distance from the outline in pixels, and turn against it in degrees of every coefficient
for l in range(len(plan.shapes[SCALE])):
    rows, columns = (grid - (N - 1) / 2 for grid in plan.position(SCALE, l))
    turn = (np.arctan2(rows, columns) - plan.angle(SCALE, l) + np.pi / 2) % np.pi - np.pi / 2
    values = np.abs(c[SCALE, l]), np.hypot(rows, columns) - RADIUS, np.degrees(turn)
    found.append([value.reshape(-1) for value in values])
modulus, distance, turn = np.concatenate(found, axis=1)
largest = modulus.max()
assert modulus[np.abs(turn) > 35].max() < 0.03 * largest  # not aligned
assert modulus[np.abs(distance) > 40].max() < 0.02 * largest  # not on the edge
share = np.mean(modulus > largest / 10)
assert share < 0.01
print(f"{100 * share:.1f} % of {modulus.size} coefficients are above a tenth of the largest")

figure, axes = plt.subplots(1, 3, figsize=(13, 4.7), width_ratios=(1, 1, 1.25), layout="constrained")
axes[0].imshow(disc, cmap="gray", vmin=-0.6, vmax=1.4)
angle = plan.angle(SCALE, WEDGE)
envelope = np.abs(np.fft.ifft2(plan.window(SCALE, WEDGE)))
moduli = np.abs(c[SCALE, WEDGE])
places = {"on it, aligned": (RADIUS, angle), "on it, across": (RADIUS, angle + np.pi / 2), "off it, aligned": (100, angle)}
for (name, (far, way)), colour in zip(places.items(), ("#D55E00", "#0072B2", "#009E73"), strict=True):
    place = (N - 1) / 2 + far * np.sin(way), (N - 1) / 2 + far * np.cos(way)
    index = tuple(int(np.abs(grid - p).argmin()) for grid, p in zip(plan.position(SCALE, WEDGE), place, strict=True))
    near = tuple(slice(max(i - 1, 0), i + 2) for i in index)
    value = moduli[near].max() / largest
    axes[0].contour(np.roll(envelope, np.rint(place).astype(int), (0, 1)), [envelope.max() / 4], colors=colour, linewidths=2)
    axes[0].plot([], [], color=colour, linewidth=3, label=f"{name}: {100 * value:.1f} %")
    print(f"{name}: {100 * value:.2f} % of the largest")
    assert value > 0.6 if name == "on it, aligned" else value < 0.03
axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False)
axes[0].set_title("three curvelets, their coefficients")
high, wide = (N / m for m in moduli.shape)
axes[1].imshow(moduli / largest, cmap="magma", norm=LogNorm(0.003, 1),
               extent=(-wide / 2, N - wide / 2, N - high / 2, -high / 2))
axes[1].set(xlim=(0, N), ylim=(N, 0), facecolor="black")
axes[1].contour(disc, [0.5], colors="white", linewidths=0.8, linestyles="dotted")
axes[1].set_title("all coefficients of that direction")
for ax in axes[:2]:
    ax.set(xticks=[], yticks=[])
near = np.abs(distance) < 100
bins = axes[2].hexbin(distance[near], turn[near], modulus[near] / largest, gridsize=(60, 34), reduce_C_function=np.max,
                      cmap="magma", norm=LogNorm(0.003, 1), extent=(-100, 100, -90, 90))
axes[2].set(xlabel="distance from the outline (pixels)", ylabel="turn against it (degrees)", yticks=[-90, -45, 0, 45, 90],
            xlim=(-96, 96), ylim=(-90, 90), title="largest coefficient, all directions")
figure.colorbar(bins, ax=axes[2], label="share of the largest")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_20_aligned.png"
figure.savefig(path, dpi=90)
print(f"saved {path}")
