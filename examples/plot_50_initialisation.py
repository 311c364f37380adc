"""
First weights keep a signal alive, or do not
============================================

Twenty dense layers of 128 and 64 units in turn, and the mean square of what each gives for random inputs. A layer multiplies
it by fan in times the variance of its weights, and a rectifier halves it. He's rule is made for that: every layer gives back
what came in. Glorot's and LeCun's leave the half, PyTorch's default a sixth: after twenty layers little is left of the
signal, and of the gradient on its way back. tanh hardly changes small numbers, so that LeCun's rule keeps them; it holds
larger ones below 1, but weights that are too large drive it to its ends, where it has no slope. Lines are medians of five
draws, bands their range. On the right is what one layer does, the geometric mean over all, beside the theory for rectifiers.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, plots

plt.rcParams.update({"font.size": 12})
DEPTH, WIDTHS = 20, (128, 64)
x = np.random.default_rng(0).standard_normal((400, WIDTHS[0]))
rules = {
    "PyTorch's default": lambda w: nn.init.kaiming_uniform_(w, a=5**0.5),
    "He": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "Glorot": nn.init.xavier_normal_,
    "LeCun": nn.init.lecun_normal_,
    "orthogonal": nn.init.orthogonal_,
    "too small: 0.01": lambda w: nn.init.normal_(w, 0, 0.01),
    "too large: 0.2": lambda w: nn.init.normal_(w, 0, 0.2),
}


def squares(layers, activation, y):
    """Mean square of the input and of what every layer gives: that is what the rules keep."""
    found = [1.0]
    for dense in layers:
        y = activation(dense(y)).data
        found.append(float(np.mean(np.square(y))))
    return found


activations, curves, factors = {"ReLU": nn.ReLU(), "tanh": nn.Tanh()}, {"ReLU": {}, "tanh": {}}, {}
for word, rule in rules.items():
    draws = []
    for seed in range(3):
        nn.manual_seed(seed)
        draws.append([nn.Linear(WIDTHS[i % 2], WIDTHS[1 - i % 2], bias=False).double() for i in range(DEPTH)])
        for dense in draws[-1]:
            rule(dense.weight)
    for name, activation in activations.items():
        curves[name][word] = [squares(layers, activation, x) for layers in draws]
        last = np.median(curves[name][word], axis=0)[-1]
        factors[name, word] = last ** (1 / DEPTH)
        print(f"{word:18}{name}: mean square after {DEPTH} layers {last:8.2g}, a layer {factors[name, word]:.3f}")
figure = plt.figure(figsize=(15, 5.6), layout="constrained")
parts = figure.subfigures(1, 3, width_ratios=(1, 1, 0.9))
for part, (name, lines), top in zip(parts, curves.items(), (1e16, 1e1), strict=False):
    axes = plots.loss_curves(lines, labels=("layer", "mean square of activations"), figure=part).axes[0]
    axes.set(title=name, ylim=(1e-16, top), xticks=range(0, 21, 5))
    axes.lines[-1].set(color="black")  # the seventh of six colours
    axes.legend(frameon=False).set_visible(name == "ReLU")

# In theory fan in i times variance, halved by the rectifier; orthogonal weights have rows or columns of length 1.
theory = [(1 / 3, 2, 2 * i / (i + o), 1, min(i, o) / o, i * 0.01**2, i * 0.2**2) for i, o in (WIDTHS, WIDTHS[::-1])]
expected = dict(zip(rules, np.sqrt(np.prod(theory, axis=0)) / 2, strict=True))
axes = parts[2].subplots()
for name, mark, colour in (("ReLU", "o", "#0072B2"), ("tanh", "s", "#D55E00")):
    axes.semilogx([factors[name, word] for word in rules], range(7), mark, color=colour, label=name, markersize=8)
axes.semilogx(expected.values(), range(7), "x", color="black", label="theory, ReLU", markersize=11)
axes.axvline(1, color="0.8", zorder=0)
axes.set(yticks=range(7), yticklabels=rules, ylim=(6.5, -0.5), xlabel="mean square after / before", title="what one layer does")
axes.legend(frameon=False)
assert all(abs(factors["ReLU", word] / value - 1) < 0.1 for word, value in expected.items())
assert factors["tanh", "LeCun"] > 0.8

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
