"""
Three ways to a derivative
==========================

The logistic map v <- 4 v (1 - v), repeated, makes a function with many turns out of a few lines of code. Differences are
approximate: a large step bends, a small one rounds, and no step in between is exact. A formula is exact, but derived as
a formula it grows with every repetition. Dual numbers go through the code itself and carry the derivative
along: as exact as the formula, at a fixed price for each operation. The table of a forward trace is printed on the way.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit.autodiff import Variable, derivative, forward_trace

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"


def logistic(v, times=3):
    for _ in range(times):
        v = 4 * v * (1 - v)
    return v


x1, x2 = Variable("x1"), Variable("x2")
for row in forward_trace(np.log(x1) + x1 * x2 - np.sin(x2), x1, {x1: 2, x2: 5}):
    print(f"{row.name:>3} = {row.formula:10} = {row.value:6.3f}    derivative {row.derivative:4.1f}")
assert (round(row.value, 3), row.derivative) == (11.652, 5.5)

x = Variable("x")
formula = 64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x**2) ** 2  # the three repetitions, multiplied out
slope = formula.derivative(x)
at, curve = np.array([0.1, 0.2, 0.3, 0.5]), np.linspace(0, 1, 400)
exact = derivative(logistic, at)
assert np.allclose(exact, [-12.0881152, 9.0660864, 1.3090816, 0], atol=1e-12)

steps, where = np.logspace(-15, -0.5, 300), 0.3
true = slope.evaluate({x: where})
forward = np.abs((logistic(where + steps) - logistic(where)) / steps - true)
central = np.abs((logistic(where + steps) - logistic(where - steps)) / (2 * steps) - true)
automatic = abs(derivative(logistic, where) - true)
assert automatic < 1e-13 < central.min()

times = np.arange(1, 8)
grown = [logistic(x, int(n)).derivative(x).count() for n in times]
dual = 8 * times  # a repetition is 2 products and a difference; their rules take 4 products and a sum more

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.9), layout="constrained")
left.axhline(0, color="0.8", linewidth=1)
left.plot(curve, 10 * logistic(curve), color="0.7", linewidth=2, label="10 f(x), three repetitions")
left.plot(curve, slope.evaluate({x: curve}), color=BLUE, linewidth=2, label="f'(x), symbolic")
left.plot(at, exact, "o", color=RED, markersize=8, label="f'(x), automatic")
left.set(xlabel="x", ylabel="value", ylim=(-68, 92), title="the same derivative")
left.legend(frameon=False, loc="upper right", fontsize=12)

middle.loglog(steps, forward, color=GREEN, alpha=0.9, label="forward difference")
middle.loglog(steps, central, color=BLUE, alpha=0.9, label="central difference")
middle.axhline(max(automatic, 1e-16), color=RED, linewidth=2.5)
middle.text(3e-16, 2.5 * max(automatic, 1e-16), "automatic", color=RED)
middle.set(xlabel="step of the difference", ylabel=f"error of the derivative at {where}", ylim=(2e-17, 1e3),
           title="differences are never exact")
middle.legend(frameon=False, loc="upper center")

right.semilogy(times, grown, "s-", color=BLUE, label="symbolic: derivative of the formula")
right.semilogy(times, dual, "o-", color=RED, label="automatic: dual numbers")
right.set(xlabel="repetitions of v <- 4 v (1 - v)", ylabel="operations", ylim=(4, 3e4), title="formulas swell")
right.legend(frameon=False, loc="upper left")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_24_derivatives.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
