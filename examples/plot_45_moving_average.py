"""
The moving average in optimizers is a filter
============================================

S = rho S + (1 - rho) y, sample by sample, needs no memory but one number. Written out it is a causal convolution with the
weights (1 - rho) rho^k, which looks at the past only, and the recursive filter that scipy.signal.lfilter computes: all
three agree to 1e-12. It averages about the last 1 / (1 - rho) samples, here 2, 10 and 20, and lags as far behind. Beginning
at 0 it is too low at first: with rho = 0.95 the weights of two samples are 0.0475 + 0.05 = 0.0975. Divided by that sum, 1 -
rho^t, it is an average from the first sample on. Momentum, RMSprop and Adam are such averages of gradients and their
squares.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import lfilter

from convkit import convolve, optim

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
RHO = {0.5: "#E69F00", 0.9: "#0072B2", 0.95: "#009E73"}
DAYS = np.arange(1, 201)
y = 10 + 6 * np.sin(DAYS / 30) + 2 * np.random.default_rng(0).standard_normal(len(DAYS))

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 4.8), layout="constrained")
left.plot(DAYS, y, ".", color="0.7", label="samples")
middle.plot(DAYS[:60], y[:60], ".", color="0.7")
for rho, colour in RHO.items():
    weights = (1 - rho) * rho ** np.arange(len(y))
    average = convolve(y, weights, mode="full")[: len(y)]  # causal: a sample weighs on what comes after it alone
    corrected = average / weights.cumsum()
    assert np.allclose(average, lfilter([1 - rho], [1, -rho], y), atol=1e-12)
    assert np.allclose(average, optim.ewma(y, rho), atol=1e-12)
    assert np.allclose(corrected, optim.ewma(y, rho, bias_correction=True), atol=1e-10)
    assert np.allclose(weights.cumsum(), 1 - rho**DAYS)
    last = np.argmax(weights.cumsum() >= 1 - 1 / np.e) + 1
    print(f"rho {rho}: weights {weights[:3].round(4)} ..., 63 % of them on the last {last} samples; first averages "
          f"{average[:2].round(2)}, corrected {corrected[:2].round(2)}")
    left.plot(DAYS, average, color=colour, linewidth=2, label=f"$\\rho$ = {rho}")
    middle.plot(DAYS[:60], average[:60], color=colour, linewidth=1.5)
    middle.plot(DAYS[:60], corrected[:60], "--", color=colour, linewidth=2)
    right.plot(np.arange(60), weights[:60], color=colour, linewidth=2, label=f"{1 - rho:.2g} x {rho}$^k$")
worked = optim.ewma([1.0, 1.0], 0.95)
print("rho 0.95 of [1, 1]:", worked.round(4))
assert np.allclose(worked, [0.05, 0.0475 + 0.05])

left.set(xlabel="time", title="averages of what came before")
left.legend(frameon=False)
middle.plot([], [], "k-", label="begins at 0")
middle.plot([], [], "k--", label="corrected: / (1 - $\\rho^t$)")
middle.set(xlabel="time", title="the beginning")
middle.legend(frameon=False, loc="lower right")
right.set(xlabel="samples ago, k", title="weights: the filter", yscale="log", ylim=(1e-4, 1))
right.legend(frameon=False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=75)
print(f"saved {path}")
