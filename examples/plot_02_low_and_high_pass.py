"""
Low-pass, high-pass, and vanishing moments
==========================================

[1/4, 1/2, 1/4] averages neighbours and keeps what is smooth; [-1/4, 1/2, -1/4] keeps what the average
removed, so the two outputs add up to the signal. The high-pass has two vanishing moments, sum w[j] = 0 and
sum j w[j] = 0, and is therefore exactly zero on a constant c and on a line a j + b. What is left are the
places where the signal jumps, bends or curves.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"

low, high = np.array([1, 2, 1]) / 4, np.array([-1, 2, -1]) / 4
j = np.array([-1, 0, 1])
assert high.sum() == (j * high).sum() == 0
assert (j**2 * high).sum() == -0.5  # the next moment does not vanish: a parabola is seen

constant, line, parabola = np.zeros(20), 0.25 * np.arange(1, 21), np.arange(1, 12) ** 2 / 8
signal = np.concatenate([4 + constant, 4 + line, 6 + constant, 6 + parabola])
smooth = convkit.convolve(signal, low, mode="valid")
rough = convkit.convolve(signal, high, mode="valid")
t = np.arange(1, signal.size - 1)  # the samples with a neighbour on either side
np.testing.assert_array_equal(smooth + rough, signal[1:-1])  # because low + high = [0, 1, 0]
assert not rough[t < 19].any()  # the constants and the line: exact zeros
assert not rough[(t > 19) & (t < 39)].any()
assert not rough[(t > 40) & (t < 59)].any()
assert (rough[t > 59] == -1 / 16).all()  # the parabola

figure, axes = plt.subplot_mosaic([["signal", "gain"], ["high", "gain"]], figsize=(12, 7), width_ratios=(2, 1),
                                  layout="constrained")
ax = axes["signal"]
ax.plot(signal, "o", color="0.6", markersize=5, label="signal")
ax.plot(t, smooth, color=BLUE, linewidth=2.2, label="low-pass [1/4, 1/2, 1/4]")
for middle, name in ((9.5, "constant"), (29.5, "line"), (49.5, "constant"), (65, "parabola")):
    ax.text(middle, 1, name, ha="center", color="0.35")
ax.set(ylabel="value", ylim=(0, 22))

ax = axes["high"]
ax.vlines(t, 0, rough, color=RED, linewidth=2.5)
ax.plot(t, rough, "o", color=RED, markersize=4, label="high-pass [-1/4, 1/2, -1/4]")
for text, tip, place in (("a bend: -1/16", (19, -0.07), (19, -0.45)), ("a jump", (39.5, 0.6), (46, 0.6)),
                         ("-1/16 throughout", (65, -0.08), (63, -0.45))):
    ax.annotate(text, tip, place, ha="center", va="center", arrowprops={"arrowstyle": "-", "color": "0.5"})
for middle in (9.5, 29.5, 49.5):
    ax.text(middle, 0.08, "exactly 0", ha="center", color="0.35")
ax.set(xlabel="sample", ylabel="value", ylim=(-1.1, 1.3))
for ax in (axes["signal"], axes["high"]):
    ax.set_xlim(-2, 72)
    ax.legend(frameon=False, loc="upper left", ncols=2)
    for edge in (19.5, 39.5, 59.5):
        ax.axvline(edge, color="0.85", linewidth=1, zorder=0)

ax = axes["gain"]
omega = np.linspace(0, np.pi, 200)
for weights, colour, name, place in ((low, BLUE, "low-pass", (0.115, 0.9)), (high, RED, "high-pass", (0.365, 0.85))):
    gain = np.abs(np.exp(-1j * omega[:, None] * j) @ weights)
    ax.plot(omega / (2 * np.pi), gain, color=colour, linewidth=2.5)
    ax.text(*place, name, color=colour, ha="left" if weights is low else "right")
ax.plot(omega[:90] / (2 * np.pi), omega[:90] ** 2 / 4, ":", color="0.35", linewidth=2)
ax.text(0.115, 0.02, "starts as $\\omega^2/4$:\na zero of order 2", color="0.35")
ax.set(xlabel="frequency (cycles per sample)", ylabel="gain", ylim=(0, 1.02), xlim=(0, 0.5))
ax.set_title("what each lets through")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_02_low_and_high_pass.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
