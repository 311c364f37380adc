"""
Noise leaves a minimum that descent keeps
=========================================

Gradient descent with all 30 pairs of the Gabor model's data stays in the local minimum where it starts. With batches of 5
the gradient is noisy, and at a rate of 0.1 noise carries all of 50 runs out of it: with the denominator 32 nine in ten come
to the deepest minimum, with 8 a fifth. With 32 fewer do at higher rates, at which they leave the deepest as well. Nor do
all minima let go: from two others, deeper and flatter, no run comes away at 0.1. Where a run ends is told after 400 steps
of plain descent. The rate of a batch is six times that of all pairs, whose sum has six times as many terms. The data are
the model's, with noise.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim, plots
from convkit.optim import surfaces

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10})
RUNS, EPOCHS, RATES = 50, 150, (0.02, 0.05, 0.1, 0.15, 0.2)
COLOURS = {8: ("#0072B2", "#56B4E9"), 32: ("#D55E00", "#E69F00")}
starts = {8: ((2.366, 2.825), (5.888, 14.940)), 32: ((2.011, 6.395), (6.290, 16.312))}


def descend(pairs, width, start, rate, batch):
    """Points (steps + 1, 2, runs) of stochastic gradient descent, and the losses where plain descent ends from there."""
    rng = np.random.default_rng(0)
    w = nn.Parameter(np.repeat(np.transpose([start]), RUNS, axis=1))
    optimizer, points = optim.SGD([w], lr=rate * 30 / batch), [w.data.copy()]
    for _ in range(EPOCHS):
        order = rng.permuted(np.tile(np.arange(30), (RUNS, 1)), axis=1)  # each run draws its own
        for chosen in np.split(order, 30 // batch, axis=1):
            w.grad = surfaces.gabor_loss(*pairs[:, chosen], width)(w.data)[1]
            optimizer.step()
            points.append(w.data.copy())
    settled = optim.gradient_descent(surfaces.gabor_loss(*pairs, width), w.data, steps=400, rate=0.05)
    return np.array(points), settled.losses[-1]


figure = plt.figure(figsize=(16, 5.2), layout="constrained")
*maps, right = figure.subfigures(1, 3)
shares = right.subplots()
for part, (width, places) in zip(maps, starts.items(), strict=True):
    pairs = np.array(surfaces.gabor_data(denominator=width))
    loss = surfaces.gabor_loss(*pairs, width)
    for place, colour, mark in zip(places, COLOURS[width], "os", strict=True):
        kept, left = float(loss(place)[0]), []
        for rate in RATES:
            still, moving = (descend(pairs, width, place, rate, batch) for batch in (30, 5))
            assert np.abs(still[1] - kept).max() < 0.01  # plain descent stays
            left.append([(moving[1] < kept - 0.1).mean(), (moving[1] < 0.6).mean()])
            if rate == 0.1 and place == places[0]:
                assert left[-1][0] == 1
                run = int(np.argmin(moving[1]))
                paths = {"all 30 pairs": still[0][:, :, 0], "batches of 5": moving[0][:, :, run]}
                plots.descent_paths(loss, paths, (-9, 9, 1, 22), figure=part).axes[0].set_title(
                    f"Gabor model / {width}, rate 0.1: loss {kept:.2f} to {moving[1][run]:.2f}")
        print(f"/ {width:2}, minimum {kept:.2f}: left by", *(f"{a:.0%}" for a, _ in left), "to the deepest:",
              *(f"{b:.0%}" for _, b in left), "at rates", *RATES)  # fmt: skip
        name = f"/ {width}, from a minimum of {kept:.1f}"
        shares.plot(RATES, np.array(left)[:, 0], f"{mark}-", color=colour, label=f"{name}: left it")
        shares.plot(RATES, np.array(left)[:, 1], f"{mark}:", color=colour, label="reached the deepest")
shares.set(xlabel="rate", ylabel=f"share of {RUNS} runs with batches of 5", title="what noise does", ylim=(-0.03, 1.03))
shares.spines[["top", "right"]].set_visible(False)
right.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
