"""
Full, same and valid
====================

A moving average of k samples needs k neighbours, and at the two ends of a signal some of them are missing.
*full* keeps every sum in which the weights touch the signal at all (n + k - 1 of them), *same* the n in the
middle, *valid* only the n - k + 1 in which nothing is missing. Where samples are missing zeros are added in
their place, and the average sinks towards zero: with 10 weights only at the rim, with 180 weights on 200
samples nearly everywhere.

(numpy.convolve's "same" has max(n, k) samples; here it always has the n of the signal, which is the same
thing for n >= k.)
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
LOOKS = {"full": ("#E69F00", 9), "same": ("#56B4E9", 5), "valid": ("black", 1.8)}

rng = np.random.default_rng(7)
n = 200
t = np.arange(n)
data = 1 + 0.35 * np.sin(2 * np.pi * t / 130) + 0.4 * (t > 120) + rng.normal(0, 0.18, n)

figure, axes = plt.subplots(2, 1, figsize=(12, 7), sharex=True, sharey=True, layout="constrained")
for ax, k in zip(axes, (10, 180), strict=True):
    box = np.ones(k) / k
    results = {mode: convkit.convolve(data, box, mode=mode) for mode in LOOKS}
    assert [r.size for r in results.values()] == [n + k - 1, n, n - k + 1]
    for r, mode in zip(results.values(), LOOKS, strict=True):
        np.testing.assert_allclose(r, np.convolve(data, box, mode=mode), atol=1e-12)
    assert results["same"][0] < 0.6 * results["valid"][0]  # the rim sinks
    # "same" begins (k - 1) // 2 into "full", and "valid" k - 1 into it: drawn so, the three lie on one another.
    begins = {"full": 0, "same": (k - 1) // 2, "valid": k - 1}

    ax.plot(t, data, color="0.7", linewidth=1, label=f"data, {n} samples")
    for mode, result in results.items():
        colour, width = LOOKS[mode]
        where = begins[mode] - begins["same"] + np.arange(result.size)
        ax.plot(where, result, color=colour, linewidth=width, label=f"{mode}, {result.size}", solid_capstyle="butt")
    whole = begins["valid"] - begins["same"]
    for left, right in ((-begins["same"], whole), (whole + n - k, n + k - 2 - begins["same"])):
        ax.axvspan(left, right, color="0.94", zorder=0)
    ax.set(ylabel="value", title=f"box of {k} weights; gray where it hangs over an end of the data")
    ax.legend(loc="upper left", frameon=False, bbox_to_anchor=(1, 1))
axes[1].set(xlabel="sample", ylim=(0, 2.2))

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_01_modes.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
