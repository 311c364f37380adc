"""
Line search
===========

The best step along a line is bracketed: the loss is taken at four points, and the bracket shrinks to where it must have a
minimum. Ten iterations, 40 evaluations, end at 0.38323, where the loss is 0.328758; the true minimum, 0.328604, is at
0.38032. With two minima on the line it finds one, not always the deeper. Gradient descent with it makes the most of each
step: after 20 it is lower than with either fixed rate. But a step costs 41 evaluations of the loss and one of the gradient,
counted here alike; for as many evaluations a good fixed rate makes 41 steps and ends far lower. So networks are trained
with rates that are fixed or scheduled.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import optim, plots
from convkit.optim import surfaces

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10})


def hills(p):
    return 1 - 0.5 * np.exp(-((p - 0.65) ** 2) / 0.1) - 0.45 * np.exp(-((p - 0.35) ** 2) / 0.02)


asked = []
found = optim.line_search(lambda p: asked.append(p) or hills(p))
brackets = np.reshape(asked, (-1, 4))
fine = np.linspace(0, 1, 1_000_001)
true = fine[hills(fine).argmin()]
print(f"{len(brackets)} iterations, {len(asked)} evaluations: {found:.5f}, loss {hills(found):.6f}; "
      f"true minimum {true:.5f}, loss {hills(true):.6f}")  # fmt: skip
assert (len(brackets), round(found, 5), round(float(hills(found)), 6)) == (10, 0.38323, 0.328758)

asked.clear()
loss, start = surfaces.gabor_loss(*surfaces.gabor_data()), (-1.5, 8.5)
searched = optim.gradient_descent(lambda phi: asked.append(0) or loss(phi), start, steps=20)
price = len(asked) // 20  # evaluations of the loss a step
runs = {"line search": searched, "fixed rate 0.05": optim.gradient_descent(loss, start, steps=20 * price, rate=0.05),
        "fixed rate 0.3": optim.gradient_descent(loss, start, steps=20 * price, rate=0.3)}  # fmt: skip
for name, run in runs.items():
    last = run.losses[-1]
    print(f"{name:15} loss after 20 steps {run.losses[20]:.3f}, after {20 * price} evaluations {last:.3f}")
assert runs["fixed rate 0.3"].losses[20] > searched.losses[20] > runs["fixed rate 0.3"].losses[-1]

figure = plt.figure(figsize=(16, 5.2), layout="constrained")
parts = figure.subfigures(1, 3)
above, below = parts[0].subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
above.plot(fine[::1000], hills(fine[::1000]), color="0.3", linewidth=2)
above.plot(found, hills(found), "o", color="#D55E00", markersize=9)
above.set(ylabel="loss", title=f"ten brackets, to {found:.4f}")
for i, bracket in enumerate(brackets):
    below.plot(bracket[[0, 3]], (i, i), color="#0072B2", linewidth=1.5)
    below.plot(bracket, np.full(4, i), "|", color="#0072B2", markersize=9, markeredgewidth=2)
below.axvline(true, color="0.7", linewidth=1, zorder=0)
below.set(xlabel="how far along the line", ylabel="iteration", ylim=(9.7, -0.7))
paths = {name: run.path[:21] for name, run in runs.items()}
plots.descent_paths(loss, paths, (-4, 4, 5, 15), figure=parts[1]).axes[0].set_title("20 steps on the Gabor model")
axes = parts[2].subplots()
for (name, run), style in zip(runs.items(), (("#0072B2", "o-"), ("#D55E00", "--"), ("#009E73", "-.")), strict=True):
    cost = np.arange(len(run.losses)) * (price if name == "line search" else 1)
    axes.plot(cost, run.losses, style[1], color=style[0], linewidth=2, markersize=5, label=name)
axes.set(xlabel="evaluations of the loss", ylabel="loss", yscale="log", title="what a step costs")
axes.legend(frameon=False)
for panel in (above, below, axes):
    panel.spines[["top", "right"]].set_visible(False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
