"""
Ravines and saddles
===================

A ravine is steep across and flat along. Gradient descent leaps from side to side, and a rate that keeps it in crawls along.
Its gradients tell what to do: along the ravine their mean is large and their variance small, across it is the other way
round. Momentum averages them, RMSprop divides by their size, Adam does both. Momentum of 0.9 swings past the end here and
is no faster; that of 0.44, the best for this ravine, ends at a loss of 1e-10. On a saddle the gradient vanishes: from a
start 1e-6 beside the line that ends on it, descent needs 146 steps; noise helps it away in half as many, and what divides
by the size of gradients hardly halts. RMSprop then leaves again: as gradients fade, its steps grow.
"""

import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim, plots
from convkit.optim import surfaces

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"


def descend(make, loss, start, steps, noise=0.0):
    """Points and gradients of an optimizer, whose gradients may be noisy."""
    rng, w = np.random.default_rng(1), nn.Parameter(np.array(start))
    optimizer, points, gradients = make([w]), [w.data.copy()], []
    for _ in range(steps):
        w.grad = loss(w.data)[1] + noise * rng.standard_normal(2)
        optimizer.step()
        points.append(w.data.copy())
        gradients.append(w.grad)
    return np.array(points), np.array(gradients)


methods = {
    "gradient descent": optim.SGD, "momentum 0.9": partial(optim.SGD, momentum=0.9),
    "RMSprop": partial(optim.RMSprop, alpha=0.9), "Adam": optim.Adam,
    "momentum 0.44": partial(optim.SGD, momentum=0.444)}  # fmt: skip
paths, left = {}, {}
for (name, make), lr in zip(methods.items(), (0.078, 0.05, 0.15, 0.3, 0.111), strict=True):
    paths[name], gradients = descend(partial(make, lr=lr), surfaces.ravine, (-4.0, 1.0), 40)
    print(f"ravine: {name:16} rate {lr:5.3f}, loss after 40 steps {surfaces.ravine(paths[name][-1])[0]:.1e}")
    if name == "gradient descent":
        mean, variance = gradients.mean(axis=0), gradients.var(axis=0)
print(f"gradient descent: its gradients have mean {mean.round(2)}, variance {variance.round(2)}")
assert np.all(np.array([abs(mean[0] / mean[1]), variance[1] / variance[0]]) > (2, 100))

start = 1.5, 1e-6
for (name, make), lr in zip(methods.items(), (0.1, 0.1, 0.03, 0.1), strict=False):
    left[name], _ = descend(partial(make, lr=lr), surfaces.saddle, start, 250)
left["descent with noise"] = descend(lambda p: optim.SGD(p, 0.1), surfaces.saddle, start, 250, noise=0.1)[0]
for name, points in left.items():
    print(f"saddle: {name:18} is within 0.05 of a minimum after {(surfaces.saddle(points.T)[0] < -0.2).argmax()} steps")

figure = plt.figure(figsize=(13, 9), layout="constrained")
(above, bars), (below, heights) = figure.subfigures(2, 2)
axes = plots.descent_paths(surfaces.ravine, paths, (-4.5, 2, -2, 2), points={"": (0, 0)}, figure=above).axes[0]
axes.set_title("a ravine, 25 times as steep across as along")
pair = bars.subplots(1, 2)
for axes, name, values in zip(pair, ("mean", "variance"), (mean, variance), strict=True):
    drawn = axes.bar(["along", "across"], np.abs(values), color=[BLUE, RED], width=0.6)
    axes.bar_label(drawn, [f"{value:.2f}" for value in values])
    axes.set_title(f"{name} of its gradients")
pair[0].set_ylabel("absolute value")
axes = plots.descent_paths(surfaces.saddle, left, (-1, 1.8, -1.4, 1.4), points={"saddle": (0, 0)}, figure=below).axes[0]
axes.set_title("a saddle, from beside the line that ends on it")
curves = {name: surfaces.saddle(points.T)[0] + 0.25 for name, points in left.items()}
axes = plots.loss_curves(curves, labels=("step", "loss above the minimum"), figure=heights).axes[0]
axes.axhline(0.25, color="0.6", linewidth=1)
axes.text(250, 0.28, "saddle", ha="right", color="0.4")
axes.set_ylim(1e-6, 3)
axes.get_legend().remove()  # the lines are those on its left

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
