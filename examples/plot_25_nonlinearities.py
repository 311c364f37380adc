"""
Non-linearities and their derivatives
=====================================

Two affine layers in a row are one affine layer; what lies between them must bend. A sigmoid and a hyperbolic tangent
saturate: where they are flat their derivatives vanish, and after several such layers nothing is left of a gradient. A
rectifier is 0 or the identity, so that its derivative is 0 or 1; its relatives let a little through on the left or turn
smoothly. Lines are computed, dashed lines are the derivatives that the tape gives, dots are differences.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit.nn.functional as F
from convkit.autodiff import Tensor

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"

functions = {
    "tanh": F.tanh,
    "sigmoid": F.sigmoid,
    "ReLU": F.relu,
    "leaky ReLU, slope 0.1": lambda x: F.leaky_relu(x, 0.1),
    "ELU": F.elu,
    "GELU": F.gelu,
}


def derivative(function, at):
    x = Tensor(at, requires_grad=True)
    function(x).sum().backward()
    return x.grad


x, dots, step = np.linspace(-4, 4, 401), np.linspace(-3.8, 3.8, 20), 1e-6
figure, grid = plt.subplots(2, 3, figsize=(13, 6.6), sharex=True, layout="constrained")
for axes, (name, function) in zip(grid.flat, functions.items(), strict=True):
    slope = derivative(function, x)
    differences = (function(dots + step) - function(dots - step)) / (2 * step)
    assert np.allclose(derivative(function, dots), differences, atol=1e-8)
    axes.axhline(0, color="0.85", linewidth=1)
    axes.plot(x, function(x), color=BLUE, linewidth=2.5, label="f(x)")
    axes.plot(x, slope, "--", color=RED, linewidth=2, label="f'(x), from the tape")
    axes.plot(dots, differences, ".", color=RED, markersize=7, label="differences of f")
    axes.set(title=name, ylim=(-1.3, 2.6), xticks=range(-4, 5, 2))
    print(f"{name:22} f'(-4) = {slope[0]:7.4f}   f'(0) = {slope[200]:6.4f}   f'(4) = {slope[-1]:6.4f}")
grid[0, 0].legend(frameon=False, loc="upper left")
for axes in grid[1]:
    axes.set_xlabel("x")

# The formula of the hyperbolic tangent, the two kinks, and why saturation is a problem: ten layers of it.
assert np.allclose(F.tanh(x), (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)))
assert derivative(F.relu, np.zeros(1)) == 0
assert derivative(F.sigmoid, x).max() <= 0.25
print(f"ten sigmoids in a row pass on at most {0.25**10:.1e} of a gradient, ten rectifiers that are on all of it")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=90)
print(f"saved {path}")
