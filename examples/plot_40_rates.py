"""
Rates too low, too high, and decayed
====================================

Stochastic gradient descent on an ellipse, 5 times as steep one way as the other, with noisy gradients. A rate too low is
safe and slow: after 100 steps it is still far away. One too high leaps from wall to wall and never finds the middle; above
2 / 5 it would run away altogether. A good one comes soon, but then noise keeps it moving at a distance, as large as theory
says: the loss is proportional to the rate. A rate that begins higher and falls by 3.6 % a step comes as soon and then
settles: its loss ends at an eighth of that. Left one run of each, right the median of 50 runs, with the range of all.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim, plots
from convkit.optim import surfaces

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10})
STEPS, RUNS, NOISE, START = 100, 50, 1.5, (-4.0, 1.5)


def loss(phi):
    return surfaces.ravine(phi, steepness=5)


def descend(rate, gamma=1.0, runs=RUNS):
    """Points (runs, steps + 1, 2) of stochastic gradient descent; the rate falls by `gamma` each step."""
    rng = np.random.default_rng(3)
    w = nn.Parameter(np.repeat(np.transpose([START]), runs, axis=1))
    optimizer, points = optim.SGD([w], lr=rate), [w.data.copy()]
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, gamma)
    for _ in range(STEPS):
        w.grad = loss(w.data)[1] + NOISE * rng.standard_normal((2, runs))
        optimizer.step()
        schedule.step()
        points.append(w.data.copy())
    return np.moveaxis(points, 2, 0)


runs = {"too low: 0.005": descend(0.005), "too high: 0.39": descend(0.39), "well: 0.1": descend(0.1),
        "decayed: 0.2 to 0.005": descend(0.2, 0.025 ** (1 / STEPS))}  # fmt: skip
losses = {name: loss(np.moveaxis(points, 2, 0))[0] for name, points in runs.items()}
for name, values in losses.items():
    print(f"{name:22} mean loss of the last 20 steps {values[:, -20:].mean():.4f}")
# A constant rate r ends at r noise**2 / 2 / (2 - 1 r) along the flat axis, and the same with 5 r along the steep one.
expected = 0.1 * NOISE**2 / 2 * (1 / (2 - 0.1) + 1 / (2 - 5 * 0.1))
assert abs(losses["well: 0.1"][:, -50:].mean() / expected - 1) < 0.1
print(f"theory for the rate 0.1: {expected:.4f}")

figure = plt.figure(figsize=(16, 8), layout="constrained")
maps, right = figure.subfigures(1, 2, width_ratios=(1.9, 1))
curves = plots.loss_curves(losses, figure=right).axes[0].lines
for part, (name, points), curve in zip(maps.subfigures(2, 2).flat, runs.items(), curves, strict=True):
    axes = plots.descent_paths(loss, {name: points[0]}, (-5, 3, -3, 3), points={"": (0, 0)}, figure=part).axes[0]
    for line in axes.lines[:3:2]:  # the path and its end, in the colour of its losses
        line.set_color(curve.get_color())
    axes.get_legend().remove()
    axes.set_title(name)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
