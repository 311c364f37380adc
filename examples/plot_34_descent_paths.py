"""
Paths of fourteen optimizers
============================

Above, the loss of linear regression, a bowl: all come to, or near, the least squares solution, the cross. Below, the Gabor
model, whose envelope has the denominator 8, or 32. A hundred steps from a start in the valley all come near the deepest
minimum; from one in the basin of a local minimum all end there; from one 0.02 beside a saddle, where the gradient is small,
all are gone after 2 to 27 steps, but in the flat valley where most arrive the hundred are too few to go to its end. Data
are made from the models with known parameters and noise. Each optimizer has the least of six rates that ends within 10 % of
the best, from the first start. RAdam is hindered by its first five steps, which are plain ones and want a rate at which
they do not run away.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim, plots
from convkit.optim import surfaces

plt.rcParams.update({"font.size": 11, "legend.fontsize": 9})
families = [
    {"gradient descent": optim.SGD, "momentum": lambda p, lr: optim.SGD(p, lr, momentum=0.9),
     "Nesterov": lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True), "normalized": optim.NormalizedSGD},
    {"Adagrad": optim.Adagrad, "RMSprop": lambda p, lr: optim.RMSprop(p, lr, alpha=0.9),
     "Adadelta": lambda p, lr: optim.Adadelta(p, 30 * lr)},
    {"Adam": optim.Adam, "AdamW": optim.AdamW, "RAdam": optim.RAdam},
    {"diffGrad": optim.diffGrad, "AdaBelief": optim.AdaBelief, "AngularGrad": optim.AngularGrad, "AdaInject": optim.AdaInject},
]  # fmt: skip
STEPS, RATES = 100, np.logspace(-3, -0.5, 6)


def descend(make, lr, loss, starts):
    """Points of one optimizer from several starts at once: all of them work on each number by itself."""
    w = nn.Parameter(np.transpose(starts))
    optimizer, points = make([w], lr=lr), [w.data.copy()]
    for _ in range(STEPS):
        w.grad = loss(w.data)[1]
        optimizer.step()
        points.append(w.data.copy())
    return np.moveaxis(points, 2, 0)  # (starts, steps + 1, 2)


x = np.linspace(-1, 3, 30)
y = 0.8 + 0.5 * x + 0.2 * np.random.default_rng(0).standard_normal(30)
least = np.polynomial.Polynomial.fit(x, y, 1).convert().coef
losses = {"linear regression": (surfaces.bowl(x, y), (-1, 3, -1.2, 1.6), [(-0.8, 0.9)], {"least squares": least})}
for width, near, beside, deepest in ((8, (5.0, 15.5), (-0.918, 6.333), (-0.072, 17.735)),
                                     (32, (5.5, 18.5), (-1.298, 8.900), (0.039, 16.744))):  # fmt: skip
    loss = surfaces.gabor_loss(*surfaces.gabor_data(denominator=width), width)
    assert np.abs(loss(np.transpose([beside, deepest]))[1]).max() < 0.05  # a saddle and a minimum
    starts = [(-1.5, 14.5), near, (beside[0] + 0.02, beside[1])]
    losses[f"Gabor model / {width}"] = loss, (-13, 9, 1, 22), starts, {"": deepest}

figure = plt.figure(figsize=(16, 12), layout="constrained")
grid = figure.subfigures(3, 4)
for row, (name, (loss, extent, starts, marks)) in zip(grid, losses.items(), strict=True):
    for part, family in zip(row, families, strict=True):
        paths = {}
        for method, make in family.items():
            with np.errstate(all="ignore"):  # a rate too high runs away
                tries = [descend(make, lr, loss, starts) for lr in RATES]
                ends = np.array([loss(points[0, -1])[0] for points in tries])
            best = np.flatnonzero(ends < 1.1 * np.nanmin(ends))[0]
            paths[method] = tries[best]
            assert ends[best] < 0.5 + 1.5 * (name == "linear regression")
            here = " ".join(f"{value:6.3f}" for value in loss(paths[method][:, -1].T)[0])
            away = np.linalg.norm(paths[method][-1] - starts[-1], axis=1) > 0.5
            left = f", off the saddle after {away.argmax()} steps" if len(starts) > 1 else ""
            print(f"{name:17} {method:16} rate {RATES[best]:5.3f}, loss at the end {here}{left}")
        axes = plots.descent_paths(loss, paths, extent, points=marks, figure=part).axes[0]
        axes.set_title(name)
        axes.get_legend().set_loc("lower left")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
