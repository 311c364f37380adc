"""
Overshooting: diffGrad beside Adam
==================================

The three functions of the paper on diffGrad (S. R. Dubey et al., IEEE Trans. Neural Networks and Learning Systems 31,
2020), with its authors' settings: start at -1, rate 0.1, betas 0.95 and 0.999. Adam's momentum carries it past the deepest
minimum, and on the first two into one that is worse. diffGrad, whose steps are between half and the whole of Adam's, halves
them where the gradient changes little, goes less far past and ends in the deepest. So does Adam at half the rate: what is
shown here is that shorter steps overshoot less, no more. On the third function both find the minimum, and diffGrad's moves
about it are not the smaller ones.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"


def two_wells(x):
    return np.where(x <= 0, (x + 0.3) ** 2, (x - 0.2) ** 2 + 0.05), np.where(x <= 0, 2 * (x + 0.3), 2 * (x - 0.2))


def waves(x):
    return (np.where(x <= -0.9, -40 * x - 35.15, x**3 + x * np.sin(8 * x) + 0.85),
            np.where(x <= -0.9, -40.0, 3 * x**2 + np.sin(8 * x) + 8 * x * np.cos(8 * x)))  # fmt: skip


def notched(x):
    size = np.abs(x)
    value = np.select([size <= 0.4, size <= 0.5], [7 / 8 * size, 0.75 - size], x**2)
    return value, np.sign(x) * np.select([size <= 0.4, size <= 0.5], [7 / 8, -1.0], 2 * size)


def descend(make, function, lr):
    w = nn.Parameter(np.array([-1.0]))
    optimizer, places = make([w], lr=lr, betas=(0.95, 0.999)), [-1.0]
    for _ in range(300):
        w.grad = function(w.data)[1].astype(float)
        optimizer.step()
        places.append(w.data[0])
    return np.array(places)


functions = {"two wells": two_wells, "waves": waves, "notched": notched}
methods = {"Adam, rate 0.1": (optim.Adam, 0.1, BLUE, "-"), "diffGrad, rate 0.1": (optim.diffGrad, 0.1, RED, "--"),
           "Adam, rate 0.05": (optim.Adam, 0.05, GREEN, ":")}  # fmt: skip
across, ends = np.linspace(-1.1, 0.6, 1001), {}
figure, grid = plt.subplots(2, 3, figsize=(14, 7), sharex="row", layout="constrained")
for (above, below), (name, function) in zip(grid.T, functions.items(), strict=True):
    height = function(across)[0]
    least = across[height.argmin()]
    above.plot(across, height, color="0.5", linewidth=2)
    below.axhline(least, color="0.8", linewidth=2)
    for (method, (make, lr, colour, line)), mark in zip(methods.items(), "os^", strict=True):
        places = descend(make, function, lr)
        past, ends[name, method] = places.max() - least, function(places[-1])[0]
        print(f"{name}, {method}: goes {past:.3f} past the minimum, ends at {places[-1]:.3f}, loss {ends[name, method]:.4f}, "
              f"moves within {np.ptp(places[-100:]):.3f}")
        below.plot(places, line, color=colour, linewidth=2, label=method)
        above.plot(places[-1], function(places[-1])[0], mark, color=colour, markersize=10, fillstyle="none", mew=2.5)
    above.set(xlabel="x", title=name)
    below.set(xlabel="step", ylim=(-1.1, 0.6))
grid[0, 0].set_ylabel("loss, and where it ends")
grid[1, 0].set_ylabel("x; grey: the minimum")
grid[1, 2].legend(frameon=False, loc="lower right")
for name in ("two wells", "waves"):
    assert ends[name, "Adam, rate 0.1"] > ends[name, "diffGrad, rate 0.1"] + 0.04
    assert abs(ends[name, "Adam, rate 0.05"] - ends[name, "diffGrad, rate 0.1"]) < 0.001

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=75)
print(f"saved {path}")
