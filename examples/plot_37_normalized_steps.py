"""
Steps of a fixed length never settle
====================================

A gradient divided by its own size, number by number, leaves a sign: [3, -2, 5] becomes [1, -1, 1]. Each step then has the
same length along each coordinate, flat or steep, which is good on a ravine, until the minimum is near: there it goes to and
fro for ever, between two points a step apart. It stays only if it happens to meet the minimum exactly, as from (-3.5, 1.25)
with steps of 1/8. Adam divides means: where signs change, the mean gradient is small and the mean square is not, so that
its steps shrink by themselves. A rate that falls by 2 % a step makes normalized steps settle too, as fast as the rate
falls.
"""

import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim, plots
from convkit.optim import surfaces

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10})
RATE, STEPS = 0.125, 300
exact = partial(optim.NormalizedSGD, eps=1e-300)  # eps = 1e-8 makes steps a hundred-millionth too short to meet the minimum
methods = {"normalized": (optim.NormalizedSGD, 1.0, (-3.43, 1.27)), "Adam": (optim.Adam, 1.0, (-3.43, 1.27)),
           "normalized, rate falling": (optim.NormalizedSGD, 0.98, (-3.43, 1.27)), "by chance": (exact, 1.0, (-3.5, 1.25))}

g = nn.Parameter(np.zeros(3))
g.grad = np.array([3.0, -2.0, 5.0])
optim.NormalizedSGD([g], lr=1).step()
print("the normalized gradient of [3, -2, 5]:", -g.data.round(6))
assert np.allclose(-g.data, [1, -1, 1])

paths = {}
for name, (make, gamma, start) in methods.items():
    w = nn.Parameter(np.array(start))
    optimizer, points = make([w], lr=RATE), [w.data.copy()]
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, gamma)
    for _ in range(STEPS):
        w.grad = surfaces.ravine(w.data)[1]
        optimizer.step()
        schedule.step()
        points.append(w.data.copy())
    paths[name] = np.array(points)

assert np.allclose(np.abs(np.diff(paths["normalized"], axis=0)), RATE, atol=1e-5)  # each step, along each coordinate
assert not paths.pop("by chance")[-200:].any()  # 28 steps along and 10 across end at (0, 0), where the gradient is 0
for name, points in paths.items():
    away = np.abs(points[-50:])
    print(f"{name:25} last 50 steps: {away.min():.1e} to {away.max():.1e} from the minimum along a coordinate")

figure = plt.figure(figsize=(15, 4.8), layout="constrained")
left, middle, right = figure.subfigures(1, 3)
axes = plots.descent_paths(surfaces.ravine, paths, (-4, 1, -1.6, 1.6), points={"": (0, 0)}, figure=left).axes[0]
axes.set_title(f"rate {RATE}: the same step along both")
last = {name: points[-60:] for name, points in paths.items()}
axes = plots.descent_paths(surfaces.ravine, last, (-0.15, 0.15, -0.15, 0.15), points={"": (0, 0)}, figure=middle).axes[0]
axes.set_title("the last 60 steps")
lengths = {name: np.abs(np.diff(points, axis=0)).max(axis=1) for name, points in paths.items()}
plots.loss_curves(lengths, labels=("step", "length of the step, along its longer coordinate"), figure=right)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
